// SPDX-License-Identifier: Apache-2.0
/* Receipts and logs: Yellow Paper 4.3.1, EIP-658 (status), EIP-2718 (typed). Pure. */
#ifndef DAM_CORE_ETH_RECEIPT_H
#define DAM_CORE_ETH_RECEIPT_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/eth/bloom.h"
#include "core/eth/tx.h"

struct dam_log {
    struct dam_address address;
    struct dam_hash topics[4];
    uint32_t topic_count;
    struct dam_bytes data;
};

struct dam_receipt {
    enum dam_tx_type type;
    bool has_state_root; /* before Byzantium: a state root instead of the status */
    bool succeeded;
    struct dam_hash state_root;
    uint64_t cumulative_gas_used;
    struct dam_bloom bloom;
    const struct dam_log *logs;
    size_t log_count;
};

/** The bloom of some logs, from empty. */
void dam_logs_bloom(const struct dam_log *logs, size_t count, struct dam_bloom *ret);

/** Append the RLP list of logs; its keccak is the `logs` field of state tests. */
void dam_logs_encode(const struct dam_log *logs, size_t count, struct dam_buf *buf);

/** Append the form that the receipt trie holds. The bloom is taken as it is. */
void dam_receipt_encode(const struct dam_receipt *receipt, struct dam_buf *buf);

/** Decode it again. Returns: DAM_OK, DAM_EPARSE, DAM_ENOMEM; log data is borrowed from bytes. */
DAM_MUST_USE enum dam_err dam_receipt_decode(struct dam_arena *arena, struct dam_bytes bytes,
                                             struct dam_receipt *ret);

#endif
