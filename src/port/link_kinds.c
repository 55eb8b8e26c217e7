// SPDX-License-Identifier: Apache-2.0
/* The one list of field protocols; app adds those of higher rooms. */
#include "base/assert.h"
#include "port/link_csv.h"
#include "port/link_gpsd.h"
#include "port/link_http.h"
#include "port/link_modbus.h"
#include "port/link_mqtt.h"
#include "port/link_nmea.h"
#include "port/link_onnx.h"
#include "port/link_program.h"

const struct dam_link_kind *dam_link_kinds[DAM_LINK_KINDS_MAX + 1] = {
    &dam_link_csv,  &dam_link_gpsd, &dam_link_http, &dam_link_modbus,
    &dam_link_mqtt, &dam_link_nmea, &dam_link_onnx, &dam_link_program,
};

void dam_link_kind_add(const struct dam_link_kind *kind)
{
    size_t count = 0;
    DAM_ASSERT(dam_link_kind_find(kind->name) == NULL);
    while (dam_link_kinds[count] != NULL) {
        count++;
    }
    DAM_ASSERT(count < DAM_LINK_KINDS_MAX);
    dam_link_kinds[count] = kind;
}
