// SPDX-License-Identifier: Apache-2.0
/* Any payload under a few paths, and any text as a Modbus key: a value or an error. */
#include "port/link_modbus.h"
#include "port/link_mqtt.h"

#include "base/heap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"", "a", "a.b", "0", "status.switch:0.apower"};
    struct dam_modbus_key key;
    struct dam_arena arena;
    char text[256];
    int64_t value = 0;
    size_t len = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
    memcpy(text, data, len);
    text[len] = 0;
    dam_arena_init(&arena, dam_heap(), 1u << 20);
    for (size_t i = 0; i < DAM_COUNT_OF(paths); i++) {
        if (dam_mqtt_value(&arena, data, size, paths[i], 3, &value) == DAM_OK) {
            continue;
        }
    }
    if (dam_modbus_key_parse(text, &key) == DAM_OK) {
        dam_arena_reset(&arena);
    }
    dam_arena_finish(&arena);
    return 0;
}
