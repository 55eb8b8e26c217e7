// SPDX-License-Identifier: Apache-2.0
/* A transaction that decodes must encode to the same bytes; the same for a receipt. */
#include "base/assert.h"
#include "base/heap.h"
#include "core/eth/receipt.h"
#include "core/eth/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_arena arena;
    struct dam_bytes bytes = dam_bytes(data, size);
    struct dam_buf buf;
    struct dam_tx tx;
    enum dam_tx_fault fault;
    struct dam_receipt receipt;
    dam_arena_init(&arena, dam_heap(), 16u << 20);
    dam_buf_init_arena(&buf, &arena, 0);
    if (dam_tx_decode(&arena, bytes, &tx, &fault) == DAM_OK) {
        struct dam_address sender;
        dam_tx_encode_network(&tx, &buf);
        DAM_ASSERT(dam_bytes_eq(dam_buf_bytes(&buf), bytes));
        enum dam_err err = dam_tx_sender(&tx, true, &arena, &sender);
        DAM_ASSERT(err == DAM_OK || err == DAM_ESIGNATURE);
        for (size_t i = 0; i < tx.authorization_count; i++) {
            err = dam_authorization_signer(&tx.authorizations[i], &sender);
            DAM_ASSERT(err == DAM_OK || err == DAM_ESIGNATURE);
        }
    } else {
        DAM_ASSERT(fault != DAM_TX_FAULT_NONE);
    }
    dam_buf_reset(&buf);
    if (dam_receipt_decode(&arena, bytes, &receipt) == DAM_OK) {
        dam_receipt_encode(&receipt, &buf);
        DAM_ASSERT(dam_bytes_eq(dam_buf_bytes(&buf), bytes));
    }
    dam_arena_finish(&arena);
    return 0;
}
