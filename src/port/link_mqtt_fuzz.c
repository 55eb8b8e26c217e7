// SPDX-License-Identifier: Apache-2.0
/* Any payload under a few paths, any text as an MQTT and as a Modbus key, any registers as each
 * type: a value or an error. */
#include "port/link_modbus.h"
#include "port/link_mqtt.h"

#include "base/assert.h"
#include "base/heap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keys(const uint8_t *data, size_t size)
{
    struct dam_modbus_key modbus;
    struct dam_mqtt_key mqtt;
    char text[600];
    size_t len = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
    memcpy(text, data, len);
    text[len] = 0;
    if (dam_modbus_key_parse(text, &modbus) == DAM_OK) {
        DAM_ASSERT(dam_register_count(modbus.type) >= 1);
    }
    for (int write = 0; write < 2; write++) {
        char payload[1024];
        if (dam_mqtt_key_parse(text, write == 1, &mqtt) == DAM_OK) {
            int n = dam_mqtt_payload(&mqtt, -12345, 3, payload, sizeof(payload));
            DAM_ASSERT(n < (int)sizeof(payload));
        }
    }
}

/* What can be stored again is what was read. */
static void registers(const uint8_t *data, size_t size)
{
    uint16_t r[4] = {0};
    uint16_t again[4] = {0};
    int64_t value = 0;
    memcpy(r, data, size < sizeof(r) ? size : sizeof(r));
    int sf = size > 8 ? data[8] % 21 - 10 : 0;
    unsigned decimals = size > 9 ? data[9] % 13u : 0;
    for (unsigned type = DAM_REGISTER_INT16; type <= DAM_REGISTER_FLOAT32; type++) {
        if (dam_register_value(r, type, sf, decimals, true, &value) != DAM_OK ||
            (int)decimals + sf < 0 ||
            dam_register_store(value, decimals, type, sf, again) != DAM_OK) {
            continue;
        }
        DAM_ASSERT(memcmp(r, again, 2u * dam_register_count(type)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"", "a", "a.b", "0", "status.switch:0.apower"};
    struct dam_arena arena;
    int64_t value = 0;
    dam_arena_init(&arena, dam_heap(), 1u << 20);
    for (size_t i = 0; i < DAM_COUNT_OF(paths); i++) {
        if (dam_mqtt_value(&arena, data, size, paths[i], 3, &value) == DAM_OK) {
            continue;
        }
    }
    keys(data, size);
    registers(data, size);
    dam_arena_finish(&arena);
    return 0;
}
