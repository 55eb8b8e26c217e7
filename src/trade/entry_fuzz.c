// SPDX-License-Identifier: Apache-2.0
/* Any bytes at a lock's reader: refused with a word, or an entry that nobody's pass answers to. */
#include "trade/entry.h"

#include "base/assert.h"
#include "base/heap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dam_address contract = {{1}};
    static const struct dam_hash resource = {{2}};
    const struct dam_pass pass = {.id = 7, .from_s = 100, .until_s = 200, .holder = {{3}}};
    struct dam_arena arena;
    struct dam_entry entry;
    struct dam_hash digest;
    dam_arena_init(&arena, dam_heap(), 1u << 20);
    if (dam_entry_parse(&arena, dam_bytes(data, size), &entry) == NULL) {
        DAM_ASSERT(entry.pass > 0);
        dam_entry_digest(1, &contract, &resource, &entry.challenge, &digest);
        DAM_ASSERT(dam_entry_judge(&entry, &digest, &pass, 1, 150) != NULL);
    }
    dam_arena_finish(&arena);
    return 0;
}
