// SPDX-License-Identifier: Apache-2.0
/* What the parser accepts, the writer must turn into a text that parses to the same writing. */
#include "base/assert.h"
#include "base/heap.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_node(struct dam_buf *buf, const struct dam_json *node)
{
    struct dam_json_writer w = {.buf = buf};
    dam_json_put_node(&w, node);
    DAM_ASSERT(dam_buf_err(buf) == DAM_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 64u << 20);
    const struct dam_json *root = NULL;
    if (dam_json_parse(&arena, (const char *)data, size, 0, &root, NULL) == DAM_OK) {
        struct dam_buf first;
        struct dam_buf second;
        dam_buf_init_arena(&first, &arena, 0);
        dam_buf_init_arena(&second, &arena, 0);
        write_node(&first, root);
        DAM_ASSERT(dam_json_parse(&arena, (const char *)first.data, first.len, 0, &root, NULL) ==
                   DAM_OK);
        write_node(&second, root);
        DAM_ASSERT(dam_bytes_eq(dam_buf_bytes(&first), dam_buf_bytes(&second)));
    }
    dam_arena_finish(&arena);
    return 0;
}
