// SPDX-License-Identifier: Apache-2.0
/* The chain in the store: blocks, transactions, receipts and their indexes, the head, the genesis,
 * and taking blocks back. It never runs the EVM (ledger/builder.h does) and never looks at a clock.
 * One thread writes. */
#ifndef DAM_LEDGER_CHAIN_H
#define DAM_LEDGER_CHAIN_H

#include "core/eth/block.h"
#include "core/eth/receipt.h"
#include "core/evm/fork.h"
#include "ledger/state.h"
#include "ledger/store.h"

#define DAM_LEDGER_UNDO_MIN 64u   /* versions that can be taken back whatever the history depth */
#define DAM_LEDGER_HISTORY_ALL 0u /* keep everything */
#define DAM_LEDGER_ARENA_KEPT ((size_t)1 << 20) /* of an arena between its uses */

/* A block as it is stored, without its transactions. */
struct dam_ledger_chain_block {
    struct dam_hash hash;
    struct dam_header header;
    uint64_t version; /* of the state after it, see ledger/state.h */
    uint32_t tx_count;
    uint64_t size; /* bytes of the block's RLP */
    bool has_withdrawals;
    struct dam_bytes uncles;      /* RLP list of headers; borrowed from the transaction */
    struct dam_bytes withdrawals; /* RLP list */
};

struct dam_ledger_chain_tx {
    uint64_t number;
    uint32_t index;
    struct dam_hash hash;
    struct dam_address sender;
    struct dam_bytes bytes; /* canonical signed form */
};

struct dam_ledger_chain_receipt {
    enum dam_tx_type type;
    bool succeeded;
    bool has_state_root; /* before Byzantium */
    struct dam_hash state_root;
    uint64_t gas_used;
    uint64_t cumulative_gas_used;
    uint64_t blob_gas_used;
    struct dam_u256 gas_price; /* what was paid for a unit */
    bool created;
    struct dam_address contract;
    uint32_t log_start; /* logs of the block before this transaction's */
    const struct dam_log *logs;
    size_t log_count;
};

/* What is fixed at genesis and stored with it. */
struct dam_ledger_chain_rules {
    struct dam_chain_config config;
    bool free_gas_limit;          /* it may change by any step from block to block */
    bool gasless;                 /* the base fee is zero for ever */
    struct dam_u256 base_fee_min; /* the base fee never falls below it */
};

struct dam_ledger_chain {
    struct dam_store *store;
    struct dam_ledger_chain_rules rules;
    struct dam_ledger_chain_block head; /* uncles and withdrawals not set */
    uint64_t version;                   /* of the newest state */
    struct dam_hash root; /* of the newest state; the head's unless a development method wrote */
    uint64_t history;     /* blocks whose state, bodies and receipts are kept; 0: all */
    uint64_t oldest;      /* first block that still has them (0: all are there) */
    struct dam_hash genesis_hash;
    struct dam_arena arena;       /* scratch of a write */
    struct dam_node_cache *nodes; /* for writes; or NULL */
    struct dam_store_txn *reader; /* the newest snapshot, NULL until asked for */
};

struct dam_ledger_chain_options {
    struct dam_store_options store;
    /* genesis.json text for a new store, checked against an old one's; NULL: take what is there. */
    const char *genesis;
    size_t genesis_len;
    bool genesis_is_default; /* an old store may have begun with another one */
    uint64_t history;        /* 0: all */
};

/** Open the chain, writing the genesis into a new store.
 *  Returns: DAM_OK; DAM_ENOTFOUND for a new store without a genesis; DAM_EPARSE for a bad genesis;
 *  DAM_ECONFLICT if the store began with another genesis; or as dam_store_open. On failure
 *  fault->text says what and what to do. Out: *ret is on the heap. */
DAM_MUST_USE enum dam_err dam_ledger_chain_open(const struct dam_ledger_chain_options *options,
                                                struct dam_ledger_chain **ret,
                                                struct dam_store_fault *fault);
void dam_ledger_chain_close(struct dam_ledger_chain *chain);

/** The newest snapshot. Returns: NULL if the store refuses; borrowed until the next write. */
struct dam_store_txn *dam_ledger_chain_reader(struct dam_ledger_chain *chain);

/** Let go of the snapshot; before each write, so that its pages can be used again. */
void dam_ledger_chain_release_reader(struct dam_ledger_chain *chain);

/** A copy of the chain for reading on another thread, with a snapshot of its own: release its
 *  reader when done. What was borrowed from the reader of `chain` is gone. Returns: DAM_OK, or an
 *  error of the store: nothing to release. */
DAM_MUST_USE enum dam_err dam_ledger_chain_snapshot(struct dam_ledger_chain *chain,
                                                    struct dam_ledger_chain *ret);

/** Make the store's file take in all blocks; see dam_store_settle. */
DAM_MUST_USE enum dam_err dam_ledger_chain_settle(struct dam_ledger_chain *chain);

/* Reading. Borrowed bytes live as long as the transaction's answers. Returns: DAM_OK,
 * DAM_ENOTFOUND, DAM_ECORRUPT, DAM_EIO; DAM_ENOMEM where there is an arena. */
DAM_MUST_USE enum dam_err dam_ledger_chain_block(struct dam_store_txn *txn, uint64_t number,
                                                 struct dam_ledger_chain_block *ret);
DAM_MUST_USE enum dam_err dam_ledger_chain_number_of(struct dam_store_txn *txn,
                                                     const struct dam_hash *hash, uint64_t *ret);
DAM_MUST_USE enum dam_err dam_ledger_chain_tx(struct dam_store_txn *txn, uint64_t number,
                                              uint32_t index, struct dam_ledger_chain_tx *ret);
DAM_MUST_USE enum dam_err dam_ledger_chain_find_tx(struct dam_store_txn *txn,
                                                   const struct dam_hash *hash,
                                                   uint64_t *ret_number, uint32_t *ret_index);
DAM_MUST_USE enum dam_err dam_ledger_chain_receipt(struct dam_store_txn *txn,
                                                   struct dam_arena *arena, uint64_t number,
                                                   uint32_t index,
                                                   struct dam_ledger_chain_receipt *ret);

/** Copy what a block borrows into an arena. Returns: DAM_OK, or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_ledger_chain_keep(struct dam_arena *arena,
                                                struct dam_ledger_chain_block *block);

/** The whole block in its wire form. */
DAM_MUST_USE enum dam_err dam_ledger_chain_block_rlp(struct dam_store_txn *txn, uint64_t number,
                                                     struct dam_buf *buf);

/* Writing; all within one write transaction that the caller commits. */

DAM_MUST_USE enum dam_err dam_ledger_chain_put_tx(struct dam_store_txn *txn,
                                                  const struct dam_ledger_chain_tx *tx);
DAM_MUST_USE enum dam_err
dam_ledger_chain_put_receipt(struct dam_store_txn *txn, struct dam_arena *arena, uint64_t number,
                             uint32_t index, const struct dam_ledger_chain_receipt *receipt);

/* A transaction's hash and where it is. */
struct dam_ledger_chain_index {
    struct dam_hash hash;
    uint32_t index;
};

/** Write the transaction index of a block. In: entries are put into ascending order. */
DAM_MUST_USE enum dam_err dam_ledger_chain_put_index(struct dam_store_txn *txn, uint64_t number,
                                                     struct dam_ledger_chain_index *entries,
                                                     size_t count);

/** Write a block record and the head, and prune what is too old. The chain object changes only with
 *  dam_ledger_chain_adopt, after the commit. In: root: of the newest state. */
DAM_MUST_USE enum dam_err dam_ledger_chain_put_block(struct dam_ledger_chain *chain,
                                                     struct dam_store_txn *txn,
                                                     const struct dam_ledger_chain_block *block,
                                                     const struct dam_hash *root);

/** Write a block record again and the head: a development method changed the state after it. */
DAM_MUST_USE enum dam_err dam_ledger_chain_put_head(struct dam_store_txn *txn,
                                                    const struct dam_ledger_chain_block *block,
                                                    const struct dam_hash *root, uint64_t oldest);

/** Read the head from the store again; after a commit or a reopen. */
DAM_MUST_USE enum dam_err dam_ledger_chain_adopt(struct dam_ledger_chain *chain);

/** Take blocks back until `number` is the head with the state of `version`
 *  (0: its own version). One durable transaction.
 *  Returns: DAM_OK; DAM_ERANGE if number is above the head; DAM_ENOTFOUND if the history that is
 *  needed is no longer kept; DAM_ECORRUPT. Nothing has changed unless DAM_OK. */
DAM_MUST_USE enum dam_err dam_ledger_chain_rollback(struct dam_ledger_chain *chain, uint64_t number,
                                                    uint64_t version);

/** The oldest block whose state can be read. */
uint64_t dam_ledger_chain_oldest_state(const struct dam_ledger_chain *chain);

#endif
