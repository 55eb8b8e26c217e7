// SPDX-License-Identifier: Apache-2.0
/* Makes one block: runs transactions on the newest state, collects receipts, writes everything into
 * one transaction of the store and seals the header. The producer builds new blocks with it, import
 * rebuilds foreign ones and compares. It never looks at a clock. */
#ifndef DAM_LEDGER_BUILDER_H
#define DAM_LEDGER_BUILDER_H

#include "ledger/chain.h"
#include "ledger/signed_tx.h"

/* What the producer decides about a block. */
struct dam_builder_params {
    uint64_t timestamp; /* above the parent's */
    uint64_t gas_limit;
    struct dam_address coinbase;
    struct dam_hash prev_randao;
    struct dam_hash parent_beacon_root;
    const struct dam_u256 *base_fee; /* NULL: what the rules say */
    const struct dam_withdrawal *withdrawals;
    size_t withdrawal_count;
    uint8_t extra_len;
    uint8_t extra[DAM_HEADER_EXTRA_MAX];
    struct dam_u256 difficulty; /* before Paris; import only */
    uint8_t nonce[8];
    const struct dam_header *uncles; /* before Paris; import only */
    size_t uncle_count;
};

/* The state and block hashes that an EVM session on the ledger reads. */
struct dam_builder_view {
    struct dam_state state; /* first: dam_state_view looks for it */
    struct dam_evm_view view;
};

/** Connect a view with a state of the store. */
void dam_builder_view_init(struct dam_builder_view *view, struct dam_store_txn *txn,
                           uint64_t version);

struct dam_builder_entry {
    struct dam_hash hash;
    struct dam_bytes bytes;   /* in the chain's arena */
    struct dam_bytes receipt; /* consensus form, in the chain's arena */
};

struct dam_builder {
    struct dam_ledger_chain *chain;
    struct dam_evm *evm;
    struct dam_store_txn *txn;
    struct dam_arena *arena; /* the chain's */
    struct dam_builder_view view;
    struct dam_state_writer writer;
    struct dam_builder_params params;
    struct dam_evm_options options;
    struct dam_evm_block block;
    struct dam_header header;
    enum dam_fork fork;
    struct dam_builder_entry *entries;
    uint32_t count;
    uint32_t capacity;
    uint32_t log_count;
    size_t tx_len;                        /* bytes of the transactions in the block's list */
    struct dam_buf deposits;              /* EIP-6110 requests, from logs */
    struct dam_ledger_chain_block result; /* after seal */
};

/** Begin a block on the head. Opens a write transaction and runs the system calls at its start.
 *  Returns: DAM_OK, or an error of the store; then nothing is open. In: evm: borrowed; no other
 *  session until the block is committed or dropped. */
DAM_MUST_USE enum dam_err dam_builder_begin(struct dam_builder *builder,
                                            struct dam_ledger_chain *chain, struct dam_evm *evm,
                                            const struct dam_builder_params *params);

/** Run a transaction as the next of the block.
 *  Returns: DAM_OK with *ret_invalid NONE if it is in the block, else why it is not; or an error of
 *  store or memory: drop the block. In: tx: its bytes are copied. */
DAM_MUST_USE enum dam_err dam_builder_add(struct dam_builder *builder,
                                          const struct dam_signed_tx *tx,
                                          enum dam_tx_invalid *ret_invalid);

/** Is there room in the block's wire form (EIP-7934) for a transaction of so many bytes? */
bool dam_builder_has_room(const struct dam_builder *builder, size_t tx_len);

/** Gas that transactions can still use. */
uint64_t dam_builder_gas_left(const struct dam_builder *builder);

/** End the block: rewards, withdrawals, requests, roots, hash; write all records. builder->result
 *  is the block. Returns: DAM_OK; DAM_EUNSUPPORTED if the block would be invalid for want of a
 *  system contract (EIP-7002, EIP-7251); DAM_EREFUSED for its uncles; or an error of the store. */
DAM_MUST_USE enum dam_err dam_builder_seal(struct dam_builder *builder);

/** What is wrong, in words, where that came of sealing. */
const char *dam_builder_err_text(enum dam_err err);

/** Make the sealed block durable and the chain's head. Returns: DAM_OK, DAM_ENOSPC, DAM_EIO; on
 *  failure nothing has happened. Ends the builder either way. */
DAM_MUST_USE enum dam_err dam_builder_commit(struct dam_builder *builder);

/** Forget the block. Accepts a builder that has ended. */
void dam_builder_drop(struct dam_builder *builder);

/* Import's verdict. */
struct dam_import_fault {
    char text[192];
};

/** Run a foreign block and make it the head if everything in its header comes out the same.
 *  Returns: DAM_OK; DAM_EPARSE; DAM_ECONFLICT if it is not on our head; DAM_EREFUSED if it is
 *  invalid (fault->text says why); or an error of the store. */
DAM_MUST_USE enum dam_err dam_builder_import(struct dam_ledger_chain *chain, struct dam_evm *evm,
                                             struct dam_bytes block_rlp,
                                             struct dam_import_fault *fault);

#endif
