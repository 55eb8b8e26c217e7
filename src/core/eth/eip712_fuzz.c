// SPDX-License-Identifier: Apache-2.0
/* Typed data and keystores from outside: any JSON gets an answer, the same twice. */
#include "base/assert.h"
#include "base/heap.h"
#include "core/eth/eip712.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_arena arena;
    const struct dam_json *json;
    dam_arena_init(&arena, dam_heap(), 64u << 20);
    if (dam_json_parse(&arena, (const char *)data, size, 0, &json, NULL) == DAM_OK) {
        struct dam_eip712_hashes first;
        struct dam_eip712_hashes second;
        const char *what = NULL;
        enum dam_err err = dam_eip712_hash(&arena, json, &first, &what);
        DAM_ASSERT(dam_eip712_hash(&arena, json, &second, NULL) == err);
        DAM_ASSERT(err == DAM_OK ? dam_hash_eq(&first.digest, &second.digest) : what != NULL);
    }
    dam_arena_finish(&arena);
    return 0;
}
