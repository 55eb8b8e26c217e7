// SPDX-License-Identifier: Apache-2.0
/* The nodes of the state's tries in the store, by path and version: what hangs at a path is kept
 * for each version that wrote there, the newest first, so the trie of any kept version is found by
 * going down it, versions of the same node lie beside each other, and a version is taken back by
 * removing what it wrote. Each version notes at which paths it wrote a node or left none; what was
 * there before goes when the version is forgotten. For ledger/state.c, and for whoever reads or
 * proves. */
#ifndef DAM_LEDGER_STATE_NODES_H
#define DAM_LEDGER_STATE_NODES_H

#include "base/buf.h"
#include "core/eth/trie.h"
#include "ledger/node_cache.h"
#include "ledger/store.h"

#define DAM_STATE_OWNER_LEN_MAX 21u

/* What all keys of a trie begin with: the address of the account whose storage it is, or zeros for
 * the state trie; for the account at the address of zeros something that no path begins with
 * follows. */
struct dam_state_owner {
    uint8_t bytes[DAM_STATE_OWNER_LEN_MAX];
    size_t len;
};

/* The nodes of one trie. */
struct dam_state_nodes {
    struct dam_store_txn *txn;
    struct dam_state_owner owner;
    uint64_t version;             /* that is read or written */
    struct dam_buf *paths;        /* where it is noted what a version writes */
    struct dam_node_cache *cache; /* of a writer; or NULL */
    struct dam_trie_store vtable; /* give &vtable to dam_trie_init */
};

/** A store of trie nodes for reading and proving; a trie on it keeps what it changes to itself.
 *  In: address: NULL for the state trie; version: of the state, or DAM_STATE_NEWEST. */
void dam_state_nodes_init(struct dam_state_nodes *nodes, struct dam_store_txn *txn,
                          const struct dam_address *address, uint64_t version);

/** The same, for writing a version, which has to be the newest.
 *  In: paths: borrowed; give it to dam_state_nodes_put_paths at the end; cache: borrowed, or NULL.
 */
void dam_state_nodes_to_write(struct dam_state_nodes *nodes, struct dam_store_txn *txn,
                              const struct dam_address *address, uint64_t version,
                              struct dam_buf *paths, struct dam_node_cache *cache);

/** A version that is being written leaves no node of an account's storage trie. */
DAM_MUST_USE enum dam_err dam_state_nodes_drop_all(struct dam_store_txn *txn,
                                                   const struct dam_address *address,
                                                   uint64_t version, struct dam_buf *paths);

/** Write down what a version noted. */
DAM_MUST_USE enum dam_err dam_state_nodes_put_paths(struct dam_store_txn *txn, uint64_t version,
                                                    const struct dam_buf *paths);

/** Take the newest version's nodes back. */
DAM_MUST_USE enum dam_err dam_state_nodes_undo(struct dam_store_txn *txn, uint64_t version);

/** Delete the nodes that only versions before this one have. Versions are forgotten oldest first.
 */
DAM_MUST_USE enum dam_err dam_state_nodes_forget(struct dam_store_txn *txn, uint64_t version);

#endif
