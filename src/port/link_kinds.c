// SPDX-License-Identifier: Apache-2.0
/* The one list of field protocols. */
#include "port/link_csv.h"
#include "port/link_http.h"
#include "port/link_modbus.h"
#include "port/link_mqtt.h"

const struct dam_link_kind *const dam_link_kinds[] = {
    &dam_link_csv, &dam_link_http, &dam_link_modbus, &dam_link_mqtt, NULL,
};
