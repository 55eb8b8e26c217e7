// SPDX-License-Identifier: Apache-2.0
/* What the reader accepts as canonical, the writer must write to the same bytes. */
#include "base/assert.h"
#include "base/heap.h"
#include "core/eth/rlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(struct dam_rlp *from, struct dam_buf *to, unsigned depth)
{
    while (!dam_rlp_at_end(from)) {
        struct dam_rlp_item item;
        DAM_ASSERT(dam_rlp_next(from, &item) == DAM_OK);
        if (!item.is_list || depth > 100) {
            DAM_ASSERT(depth <= 100 || item.is_list);
            if (item.is_list) {
                dam_buf_put(to, item.whole.data, item.whole.len);
            } else {
                dam_rlp_put_bytes(to, item.payload.data, item.payload.len);
            }
            continue;
        }
        struct dam_rlp inner = dam_rlp(item.payload);
        size_t list = dam_rlp_put_list(to);
        rewrite(&inner, to, depth + 1);
        dam_rlp_put_list_end(to, list);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_bytes bytes = dam_bytes(data, size);
    if (dam_rlp_check(bytes) == DAM_OK) {
        struct dam_rlp rlp = dam_rlp(bytes);
        struct dam_buf buf;
        dam_buf_init(&buf, dam_heap(), 0);
        rewrite(&rlp, &buf, 0);
        DAM_ASSERT(dam_buf_err(&buf) == DAM_OK);
        DAM_ASSERT(dam_bytes_eq(dam_buf_bytes(&buf), bytes));
        dam_buf_finish(&buf);
    }
    struct dam_rlp numbers = dam_rlp(bytes);
    struct dam_u256 wide;
    uint64_t narrow;
    while (dam_rlp_u256(&numbers, &wide) == DAM_OK || dam_rlp_u64(&numbers, &narrow) == DAM_OK) {
    }
    return 0;
}
