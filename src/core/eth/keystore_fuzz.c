// SPDX-License-Identifier: Apache-2.0
/* Keystore files from outside. The arena's limit keeps expensive parameters from running. */
#include "base/heap.h"
#include "core/eth/keystore.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_arena arena;
    const struct dam_json *json;
    uint8_t secret[32];
    dam_arena_init(&arena, dam_heap(), 1u << 20);
    if (dam_json_parse(&arena, (const char *)data, size, 0, &json, NULL) == DAM_OK) {
        const struct dam_json *params = dam_json_get(dam_json_get(json, "crypto"), "kdfparams");
        uint64_t cost = 0;
        bool slow = dam_json_u64(dam_json_get(params, "c"), &cost) == DAM_OK && cost > 1000;
        slow = slow || (dam_json_u64(dam_json_get(params, "p"), &cost) == DAM_OK && cost > 4);
        if (!slow) {
            enum dam_err err = dam_keystore_decrypt(&arena, json, "pw", 2, secret);
            DAM_ASSERT(err != DAM_OK || size > 100);
        }
    }
    dam_arena_finish(&arena);
    return 0;
}
