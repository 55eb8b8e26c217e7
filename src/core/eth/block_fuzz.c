// SPDX-License-Identifier: Apache-2.0
/* A block or a header that decodes must encode to the same bytes. */
#include "base/assert.h"
#include "base/heap.h"
#include "core/eth/block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_arena arena;
    struct dam_bytes bytes = dam_bytes(data, size);
    struct dam_buf buf;
    struct dam_block block;
    struct dam_header header;
    struct dam_rlp rlp = dam_rlp(bytes);
    enum dam_tx_fault fault;
    dam_arena_init(&arena, dam_heap(), 16u << 20);
    dam_buf_init_arena(&buf, &arena, 0);
    if (dam_block_decode(&arena, bytes, &block, &fault) == DAM_OK) {
        dam_block_encode(&block, &buf);
        DAM_ASSERT(dam_bytes_eq(dam_buf_bytes(&buf), bytes));
        block.tx_bytes = NULL; /* the long way round */
        dam_buf_reset(&buf);
        dam_block_encode(&block, &buf);
        DAM_ASSERT(dam_bytes_eq(dam_buf_bytes(&buf), bytes));
    }
    dam_buf_reset(&buf);
    if (dam_header_decode(&rlp, &header) == DAM_OK) {
        dam_header_encode(&header, &buf);
        DAM_ASSERT(dam_bytes_eq(dam_buf_bytes(&buf), dam_bytes(data, (size_t)(rlp.at - data))));
    }
    dam_arena_finish(&arena);
    return 0;
}
