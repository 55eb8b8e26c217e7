// SPDX-License-Identifier: Apache-2.0
/* Whole blocks: header, transactions, uncles, withdrawals; and the requests' hash (EIP-7685).
 * Pure: lists live in an arena, bytes are borrowed from the encoded block. */
#ifndef DAM_CORE_ETH_BLOCK_H
#define DAM_CORE_ETH_BLOCK_H

#include "base/arena.h"
#include "core/eth/header.h"
#include "core/eth/tx.h"

struct dam_withdrawal { /* EIP-4895 */
    uint64_t index;
    uint64_t validator_index;
    struct dam_address address;
    uint64_t amount_gwei;
};

struct dam_block {
    struct dam_header header;
    const struct dam_tx *txs;
    const struct dam_bytes *tx_bytes; /* canonical form of each, borrowed */
    size_t tx_count;
    const struct dam_header *uncles;
    size_t uncle_count;
    bool has_withdrawals; /* from Shanghai on, even when there are none */
    const struct dam_withdrawal *withdrawals;
    size_t withdrawal_count;
};

/** Decode a block. Roots are not compared here.
 *  Returns: DAM_OK, DAM_EPARSE, DAM_ERANGE, DAM_ENOMEM.
 *  In:      bytes: borrowed for as long as *ret is used.
 *  Out:     ret_fault: may be NULL; set when a transaction is what failed, else NONE. */
DAM_MUST_USE enum dam_err dam_block_decode(struct dam_arena *arena, struct dam_bytes bytes,
                                           struct dam_block *ret, enum dam_tx_fault *ret_fault);

/** Append the block. Uses tx_bytes where it is not NULL, else encodes txs. */
void dam_block_encode(const struct dam_block *block, struct dam_buf *buf);

void dam_withdrawal_encode(const struct dam_withdrawal *withdrawal, struct dam_buf *buf);

/** keccak256 of the RLP list of uncles. In: arena: scratch, given back. */
DAM_MUST_USE enum dam_err dam_uncles_hash(const struct dam_header *uncles, size_t count,
                                          struct dam_arena *arena, struct dam_hash *ret);

/** EIP-7685: sha256 over the sha256 of each request (type byte and data); empty ones are left out.
 *  In: requests: each begins with its type byte, in ascending order of type. */
void dam_requests_hash(const struct dam_bytes *requests, size_t count, struct dam_hash *ret);

/* An account as the state trie holds it. */
struct dam_account {
    uint64_t nonce;
    struct dam_u256 balance;
    struct dam_hash storage_root;
    struct dam_hash code_hash;
};

void dam_account_encode(const struct dam_account *account, struct dam_buf *buf);
DAM_MUST_USE enum dam_err dam_account_decode(struct dam_bytes bytes, struct dam_account *ret);

#endif
