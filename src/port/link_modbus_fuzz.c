// SPDX-License-Identifier: Apache-2.0
/* Any registers of a device under any key: a value in its range, or an error; and what is a value
 * can be written back as the same registers. (Frames are libmodbus's; tests/field/run.py has a
 * device that sends garbage.) */
#include "base/assert.h"
#include "port/link_modbus.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decimals, scale factor, eight bytes of registers, the key. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_modbus_key key;
    char text[256];
    uint16_t registers[4];
    uint16_t again[4];
    int64_t value = 0;
    if (size < 10 || size - 10 >= sizeof(text)) {
        return 0;
    }
    memcpy(text, data + 10, size - 10);
    text[size - 10] = 0;
    if (dam_modbus_key_parse(text, &key) != DAM_OK) {
        return 0;
    }
    unsigned decimals = data[0] % 13;
    int sf = (int)(data[1] % 21) - 10;
    for (size_t i = 0; i < 4; i++) {
        registers[i] = (uint16_t)(data[2 + 2 * i] << 8 | data[3 + 2 * i]);
    }
    bool is_device = key.table == DAM_MODBUS_SUNSPEC;
    if (is_device) {
        DAM_ASSERT(dam_sunspec_offset(&key.place, 4) >= key.place.point->offset);
        key.type = key.place.point->type;
    }
    DAM_ASSERT(key.exponent >= -18 && key.exponent <= 18);
    DAM_ASSERT(dam_register_count(key.type) >= 1 && dam_register_count(key.type) <= 4);
    enum dam_err err = dam_register_value(registers, key.type, sf, decimals, !is_device, &value);
    if (err != DAM_OK || sf + (int)decimals < 0 || !is_device) {
        return 0; /* digits are lost on the way, or there are values that mean nothing */
    }
    if (dam_register_store(value, decimals, key.type, sf, again) == DAM_OK) {
        DAM_ASSERT(memcmp(again, registers, 2 * dam_register_count(key.type)) == 0);
    }
    return 0;
}
