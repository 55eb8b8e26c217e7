// SPDX-License-Identifier: Apache-2.0
/* The world state in the store: flat tables to read from, trie nodes for roots and proofs, and what
 * each version changed, so that any kept version can be read and the newest ones taken back.
 *
 * A version is one step of the state: a block, or a change made by a development method between two
 * blocks. The state at version V of an account is its first ACCOUNT_WAS record above V, or ACCOUNT
 * if there is none. Called by ledger/chain and by whoever runs the EVM on the ledger. */
#ifndef DAM_LEDGER_STATE_H
#define DAM_LEDGER_STATE_H

#include "core/eth/block.h"
#include "core/evm/evm.h"
#include "ledger/state_nodes.h"

#define DAM_STATE_NEWEST UINT64_MAX

/* A state to read: version `version` as a transaction of the store sees it. */
struct dam_state {
    struct dam_store_txn *txn; /* borrowed */
    uint64_t version;          /* DAM_STATE_NEWEST: the flat tables as they are */
};

/** Read an account. Returns: DAM_OK, DAM_ENOTFOUND, DAM_ECORRUPT, DAM_EIO. */
DAM_MUST_USE enum dam_err dam_state_account(const struct dam_state *state,
                                            const struct dam_address *address,
                                            struct dam_account *ret);

/** Read a slot; zero if it is not there. */
DAM_MUST_USE enum dam_err dam_state_storage(const struct dam_state *state,
                                            const struct dam_address *address,
                                            const struct dam_u256 *key, struct dam_u256 *ret);

/** Read code by its hash, borrowed as dam_store_get's answer. */
DAM_MUST_USE enum dam_err dam_state_code(const struct dam_state *state, const struct dam_hash *hash,
                                         struct dam_bytes *ret);

/** An account in the form that the EVM takes. */
struct dam_evm_account dam_state_evm_account(const struct dam_account *account);

/** Fill a view's account, storage and code; block_hash is left to the caller, whose ctx must begin
 * with a struct dam_state. */
void dam_state_view(struct dam_evm_view *view, void *ctx);

/* One version being written: apply any number of diffs, then end. */
struct dam_state_writer {
    struct dam_store_txn *txn;
    struct dam_arena *arena; /* scratch; reset only after end */
    uint64_t version;
    struct dam_hash root; /* of the state so far */
    struct dam_hash root_before;
    struct dam_buf changes;
    struct dam_buf paths; /* of trie nodes that were written or dropped */
    uint32_t change_count;
    struct dam_node_cache *cache;
    bool revisits; /* a key may already have its history record of this version */
};

/** Begin a version. In: root: the state's root as it is; arena: borrowed; cache: of trie nodes,
 *  borrowed, or NULL. */
void dam_state_write_begin(struct dam_state_writer *writer, struct dam_store_txn *txn,
                           struct dam_arena *arena, uint64_t version, const struct dam_hash *root,
                           struct dam_node_cache *cache);

/** Write a diff to the flat tables, the history and the trie; writer->root is the new root.
 *  Returns: DAM_OK or an error of the store; then the transaction can only be aborted. */
DAM_MUST_USE enum dam_err dam_state_write(struct dam_state_writer *writer,
                                          const struct dam_evm_diff *diff);

/** Write the version's list of changes. */
DAM_MUST_USE enum dam_err dam_state_write_end(struct dam_state_writer *writer);

/** Take the newest version back. Returns: DAM_OK with *ret_root the root before it; DAM_ENOTFOUND
 *  if its history is no longer kept; DAM_ECORRUPT if what comes back is not what is under that
 *  root. */
DAM_MUST_USE enum dam_err dam_state_undo(struct dam_store_txn *txn, struct dam_arena *arena,
                                         uint64_t version, struct dam_hash *ret_root);

/** The root of the state before a version. Returns: DAM_OK; DAM_ENOTFOUND if there is no such
 * version or its history is no longer kept; DAM_ECORRUPT. */
DAM_MUST_USE enum dam_err dam_state_root_before(struct dam_store_txn *txn, uint64_t version,
                                                struct dam_hash *ret);

/** Tell which accounts a version changed. Returns: DAM_OK; DAM_ENOTFOUND if its history is no
 * longer kept; DAM_ECORRUPT; DAM_ENOMEM. In: visit: an account may come twice before Byzantium. */
DAM_MUST_USE enum dam_err
dam_state_each_changed(struct dam_store_txn *txn, struct dam_arena *arena, uint64_t version,
                       void (*visit)(void *ctx, const struct dam_address *address), void *ctx);

/** Forget the history of a version and the trie nodes that only older ones use; states before it
 * can then no longer be read or proven. Versions are forgotten oldest first. Not being there is
 * fine. */
DAM_MUST_USE enum dam_err dam_state_forget(struct dam_store_txn *txn, uint64_t version);

#endif
