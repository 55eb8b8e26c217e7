// SPDX-License-Identifier: Apache-2.0
/* The Merkle tree of a machine's log: RFC 6962 section 2 with SHA-256. Appending needs only the
 * frontier (one hash a level); proofs are read from perfect subtrees that the caller keeps
 * (machine/evidence, a tile server, a test). Pure: no memory, no files. */
#ifndef DAM_CORE_RECORD_TREE_H
#define DAM_CORE_RECORD_TREE_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_RECORD_LEVELS_MAX 63u
#define DAM_RECORD_PROOF_MAX 63u /* C2SP tlog-witness: no proof is longer */

/* The roots of the perfect subtrees that make up a tree of `size` leaves, one for each bit that is
 * set in size: nodes[level] covers 2^level leaves. The others are not read. */
struct dam_record_frontier {
    uint64_t size;
    struct dam_hash nodes[DAM_RECORD_LEVELS_MAX];
};

struct dam_record_proof {
    size_t count;
    struct dam_hash hashes[DAM_RECORD_PROOF_MAX];
};

/* Where perfect subtrees are read from. `read` gives the root of leaves
 * [index << level, (index + 1) << level); it may block, is idempotent, and its error ends the
 * proof.
 */
struct dam_record_source {
    enum dam_err (*read)(void *ctx, unsigned level, uint64_t index, struct dam_hash *ret);
    void *ctx;
};

/** SHA-256(0x00 || leaf). */
void dam_record_leaf_hash(struct dam_bytes leaf, struct dam_hash *ret);

/** SHA-256(0x01 || left || right). ret may be left or right. */
void dam_record_node_hash(const struct dam_hash *left, const struct dam_hash *right,
                          struct dam_hash *ret);

/** Add one leaf. A zeroed frontier is the empty tree.
 *  Returns: the number of levels above the leaf that became complete; their hashes are
 *  ret_nodes[1..count], the leaf's own is ret_nodes[0]. ret_nodes may be NULL.
 *  Out: ret_nodes: DAM_RECORD_LEVELS_MAX hashes. */
unsigned dam_record_append(struct dam_record_frontier *frontier, const struct dam_hash *leaf_hash,
                           struct dam_hash *ret_nodes);

/** The root of a frontier; of the empty tree SHA-256 of nothing. */
void dam_record_frontier_root(const struct dam_record_frontier *frontier, struct dam_hash *ret);

/** The root of the first `size` leaves. Returns: DAM_OK or the source's error. */
DAM_MUST_USE enum dam_err dam_record_root(const struct dam_record_source *source, uint64_t size,
                                          struct dam_hash *ret);

/** The inclusion proof of leaf `index` in the tree of `size` leaves.
 *  Returns: DAM_OK, DAM_ERANGE unless index < size, or the source's error. */
DAM_MUST_USE enum dam_err dam_record_prove_inclusion(const struct dam_record_source *source,
                                                     uint64_t index, uint64_t size,
                                                     struct dam_record_proof *ret);

/** Returns: true if the proof shows that leaf_hash is leaf `index` under `root` of `size`. */
DAM_MUST_USE bool dam_record_verify_inclusion(const struct dam_hash *leaf_hash, uint64_t index,
                                              uint64_t size, const struct dam_record_proof *proof,
                                              const struct dam_hash *root);

/** The proof that the tree of `old_size` is the beginning of the tree of `size`.
 *  Returns: DAM_OK, DAM_ERANGE unless 0 < old_size <= size, or the source's error. */
DAM_MUST_USE enum dam_err dam_record_prove_consistency(const struct dam_record_source *source,
                                                       uint64_t old_size, uint64_t size,
                                                       struct dam_record_proof *ret);

/** Returns: true if the proof shows it. An old size of 0 needs an empty proof and the empty root.
 */
DAM_MUST_USE bool dam_record_verify_consistency(uint64_t old_size, const struct dam_hash *old_root,
                                                uint64_t size, const struct dam_hash *root,
                                                const struct dam_record_proof *proof);

#endif
