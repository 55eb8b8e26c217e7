// SPDX-License-Identifier: Apache-2.0
/* Any bytes as the header of a payment, and as JSON within it: refused with a word, or a payment on
 * the terms that were offered. */
#include "trade/x402.h"

#include "base/assert.h"
#include "base/heap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct dam_bytes header)
{
    const struct dam_x402_terms terms = {.chain_id = 31337,
                                         .token = {{1}},
                                         .account = {{2}},
                                         .amount = dam_u256_from_u64(20000),
                                         .token_name = "T",
                                         .token_version = "1"};
    struct dam_arena arena;
    struct dam_x402_payment payment;
    struct dam_bytes calldata;
    dam_arena_init(&arena, dam_heap(), 1u << 20);
    if (dam_x402_parse(&arena, header, &terms, &payment) == NULL) {
        DAM_ASSERT(dam_x402_calldata(&arena, &terms, &payment, &calldata) == DAM_OK);
        DAM_ASSERT(calldata.len == 4 + 11 * 32);
        (void)dam_x402_is_timely(&payment, 1000);
    }
    dam_arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t packed[1u << 16];
    struct dam_buf buf;
    check(dam_bytes(data, size));
    dam_buf_init_fixed(&buf, packed, sizeof(packed));
    dam_buf_put_base64(&buf, data, size);
    if (dam_buf_err(&buf) == DAM_OK) {
        check(dam_buf_bytes(&buf));
    }
    return 0;
}
