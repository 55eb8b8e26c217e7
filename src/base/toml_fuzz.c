// SPDX-License-Identifier: Apache-2.0
/* Any bytes: a tree whose every value has a place in the text, or an error that has one. */
#include "base/toml.h"

#include "base/assert.h"
#include "base/heap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct dam_toml *value)
{
    DAM_ASSERT(value->line >= 1 && value->column >= 1);
    for (const struct dam_toml *member = value->first; member != NULL; member = member->next) {
        walk(member);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_arena arena;
    struct dam_toml *root = NULL;
    struct dam_toml_error error = {0};
    dam_arena_init(&arena, dam_heap(), 1 << 24);
    if (dam_toml_parse(dam_bytes(data, size), &arena, &root, &error) == DAM_OK) {
        walk(root);
    } else {
        DAM_ASSERT(error.message[0] != 0);
    }
    dam_arena_finish(&arena);
    return 0;
}
