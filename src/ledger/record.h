// SPDX-License-Identifier: Apache-2.0
/* The bytes of the ledger's records: blocks, transactions, receipts, the head. RLP lists; each
 * begins with its format's version. Pure. */
#ifndef DAM_LEDGER_RECORD_H
#define DAM_LEDGER_RECORD_H

#include "ledger/chain.h"

struct dam_head_record {
    uint64_t number;
    uint64_t version;
    uint64_t oldest;
    struct dam_hash root;
};

void dam_record_put_head(const struct dam_head_record *head, struct dam_buf *buf);
DAM_MUST_USE enum dam_err dam_record_head(struct dam_bytes bytes, struct dam_head_record *ret);

void dam_record_put_block(const struct dam_ledger_chain_block *block, struct dam_buf *buf);
DAM_MUST_USE enum dam_err dam_record_block(struct dam_bytes bytes,
                                           struct dam_ledger_chain_block *ret);

void dam_record_put_tx(const struct dam_ledger_chain_tx *tx, struct dam_buf *buf);
/** number and index are the key's and not set. */
DAM_MUST_USE enum dam_err dam_record_tx(struct dam_bytes bytes, struct dam_ledger_chain_tx *ret);

void dam_record_put_receipt(const struct dam_ledger_chain_receipt *receipt, struct dam_buf *buf);
DAM_MUST_USE enum dam_err dam_record_receipt(struct dam_bytes bytes, struct dam_arena *arena,
                                             struct dam_ledger_chain_receipt *ret);

#endif
