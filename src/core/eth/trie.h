// SPDX-License-Identifier: Apache-2.0
/* The Merkle Patricia trie (Yellow Paper, appendix D) in the three shapes that are needed: the root
 * of an ordered list, a trie kept in a node store of which only touched paths are loaded, and
 * proofs. Keys are taken as they are: hash them first for a "secure" trie. Pure. */
#ifndef DAM_CORE_ETH_TRIE_H
#define DAM_CORE_ETH_TRIE_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/eth/header.h" /* dam_empty_trie_root */

#define DAM_TRIE_KEY_MAX 64u    /* bytes */
#define DAM_TRIE_DEPTH_MAX 130u /* nodes on a path: two nibbles a byte, and the ends */

/* (a) Lists. */

/** The root of a list under the keys rlp(0), rlp(1), ...: transactions, receipts, withdrawals.
 *  Returns: DAM_OK or DAM_ENOMEM. In: arena: scratch, given back. */
DAM_MUST_USE enum dam_err dam_trie_list_root(struct dam_arena *arena, const struct dam_bytes *items,
                                             size_t count, struct dam_hash *ret);

/** The root of a whole map at once. In: keys: key_len bytes each, any order, no duplicates (the
 * last one wins); an empty value is left out. scratch given back. */
DAM_MUST_USE enum dam_err dam_trie_map_root(struct dam_arena *arena, const struct dam_bytes *keys,
                                            const struct dam_bytes *values, size_t count,
                                            struct dam_hash *ret);

/* (b) A trie in a store. */

/* Where nodes come from and go to. A node is named by its path, the nibbles from the root to where
 * it hangs, one a byte (borrowed for the call), and by its hash, keccak256 of its bytes: a store
 * may go by either. */
struct dam_trie_store {
    /* Find a node. Called while getting, putting and deleting; may block. Returns DAM_OK with
     * *ret borrowed until the next call of load or save, DAM_ENOTFOUND, or any other error; that
     * error ends the operation that needed the node. */
    enum dam_err (*load)(void *ctx, struct dam_bytes path, const struct dam_hash *hash,
                         struct dam_bytes *ret);
    /* Keep a node in place of the one that was at this path; called by dam_trie_commit only,
     * children before parents. Saving the same node twice must be harmless. NULL: nothing is kept.
     */
    enum dam_err (*save)(void *ctx, struct dam_bytes path, const struct dam_hash *hash,
                         struct dam_bytes node);
    /* No node is at this path any more, until one is saved there. Called while deleting, and by
     * dam_trie_commit for a node so short that it is now part of its parent. NULL: nobody wants to
     * know. */
    enum dam_err (*drop)(void *ctx, struct dam_bytes path);
    void *ctx;
};

struct dam_trie_node; /* private */

struct dam_trie {
    struct dam_arena *arena;            /* nodes live here; reset it only after finish */
    const struct dam_trie_store *store; /* borrowed; NULL: the trie begins empty, all in memory */
    struct dam_trie_node *root;         /* NULL: empty, or not loaded yet */
    struct dam_hash unloaded;           /* the root's hash until is_loaded */
    bool is_loaded;
};

/** Begin at a root. Loads nothing yet; dam_empty_trie_root needs no store. */
void dam_trie_init(struct dam_trie *trie, struct dam_arena *arena,
                   const struct dam_trie_store *store, const struct dam_hash *root);

/** Find a value, and load what is on the way to it. Returns: DAM_OK with *ret borrowed until the
 * arena is reset; DAM_ENOTFOUND; DAM_ECORRUPT if a node is malformed or missing; or the store's
 * error. */
DAM_MUST_USE enum dam_err dam_trie_get(struct dam_trie *trie, struct dam_bytes key,
                                       struct dam_bytes *ret);

/** Set a value; an empty one deletes. Copies both. Returns: DAM_OK; DAM_ERANGE for a key longer
 * than DAM_TRIE_KEY_MAX; DAM_ENOMEM; DAM_ECORRUPT; or the store's error. After a failure the trie
 * still is what it was before or after this call, node by node; throw it away. */
DAM_MUST_USE enum dam_err dam_trie_put(struct dam_trie *trie, struct dam_bytes key,
                                       struct dam_bytes value);

/** Remove a key; not being there is fine. */
DAM_MUST_USE enum dam_err dam_trie_delete(struct dam_trie *trie, struct dam_bytes key);

/** Hash what changed, in batches, and give every new node to the store's save. The trie can be used
 * on. Returns: DAM_OK with *ret the root, or an error of memory or store. */
DAM_MUST_USE enum dam_err dam_trie_commit(struct dam_trie *trie, struct dam_hash *ret);

/** Go through all keys in ascending order, beginning at the first one not below `from`.
 *  In: visit: returns false to stop; key and value are borrowed for the call. */
DAM_MUST_USE enum dam_err
dam_trie_walk(struct dam_trie *trie, struct dam_bytes from,
              bool (*visit)(void *ctx, struct dam_bytes key, struct dam_bytes value), void *ctx);

/* (c) Proofs, in the shape of eth_getProof: the RLP of every node on the path that is not embedded
 * in its parent, root first. */
struct dam_trie_proof {
    size_t count;
    struct dam_bytes nodes[DAM_TRIE_DEPTH_MAX];
};

/** Prove a key's value or its absence. The trie must have been committed. Returns: DAM_OK with the
 * nodes in the trie's arena; errors as dam_trie_get, except that absence is no error. */
DAM_MUST_USE enum dam_err dam_trie_prove(struct dam_trie *trie, struct dam_bytes key,
                                         struct dam_trie_proof *ret);

/** Check a proof from outside. Needs no memory.
 *  Returns: DAM_OK with *ret_value borrowed from the proof, empty if the key is proven absent;
 *           DAM_ECORRUPT if the nodes do not prove anything under this root. */
DAM_MUST_USE enum dam_err dam_trie_verify(const struct dam_hash *root, struct dam_bytes key,
                                          const struct dam_bytes *nodes, size_t count,
                                          struct dam_bytes *ret_value);

#endif
