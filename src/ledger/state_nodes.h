// SPDX-License-Identifier: Apache-2.0
/* The nodes of the state's tries in the store, and how long they stay: a version notes which nodes
 * it had no more use for, and they go when the version is forgotten, unless a later one has brought
 * them back. For ledger/state.c, and for whoever reads or proves. */
#ifndef DAM_LEDGER_STATE_NODES_H
#define DAM_LEDGER_STATE_NODES_H

#include "base/buf.h"
#include "core/eth/trie.h"
#include "ledger/store.h"

/* The trie nodes of one trie, kept under their owner: the account whose storage it is, or zeros for
 * the state trie. */
struct dam_state_nodes {
    struct dam_store_txn *txn;
    struct dam_address owner;
    uint64_t version;             /* that the nodes are saved for */
    struct dam_buf *gone;         /* where keys of dropped nodes go */
    struct dam_trie_store vtable; /* give &vtable to dam_trie_init */
};

/** A store of trie nodes for reading and proving. In: address: NULL for the state trie. */
void dam_state_nodes_init(struct dam_state_nodes *nodes, struct dam_store_txn *txn,
                          const struct dam_address *address);

/** The same, for writing a version. In: gone: where keys of nodes go that it drops. */
void dam_state_nodes_to_write(struct dam_state_nodes *nodes, struct dam_store_txn *txn,
                              const struct dam_address *address, uint64_t version,
                              struct dam_buf *gone);

/** The same, for taking a version back. */
void dam_state_nodes_to_undo(struct dam_state_nodes *nodes, struct dam_store_txn *txn,
                             const struct dam_address *address, uint64_t version,
                             struct dam_buf *gone);

/** Note all nodes of an account's storage trie as dropped. */
DAM_MUST_USE enum dam_err dam_state_nodes_drop_all(struct dam_store_txn *txn,
                                                   const struct dam_address *address,
                                                   struct dam_buf *gone);

/** Write a version's list of the nodes that it dropped. */
DAM_MUST_USE enum dam_err dam_state_nodes_put_gone(struct dam_store_txn *txn, uint64_t version,
                                                   struct dam_bytes gone);

/** A version has been taken back. In: dropped: keys of the nodes that only it used. */
DAM_MUST_USE enum dam_err dam_state_nodes_undone(struct dam_store_txn *txn, struct dam_arena *arena,
                                                 uint64_t version, struct dam_bytes dropped);

/** Delete the nodes that only versions before this one used. */
DAM_MUST_USE enum dam_err dam_state_nodes_forget(struct dam_store_txn *txn, uint64_t version);

#endif
