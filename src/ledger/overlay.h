// SPDX-License-Identifier: Apache-2.0
/* A state in memory over a kept version of the ledger's: what eth_simulateV1 runs its blocks on.
 * Diffs are laid over the version one after the other, each with the root that it leads to; the
 * store is only read. For one thread. */
#ifndef DAM_LEDGER_OVERLAY_H
#define DAM_LEDGER_OVERLAY_H

#include "base/table.h"
#include "ledger/state.h"

struct dam_overlay {
    /* account, storage and code; block_hash is the caller's to set. Its ctx is this object, so let
     * it be the first member of what block_hash needs. */
    struct dam_evm_view view;
    struct dam_hash root;
    struct dam_state base;
    struct dam_arena *arena;
    struct dam_table accounts; /* the rest is private */
    struct dam_table slots;
    struct dam_table codes;
    struct dam_state_nodes nodes; /* of the state trie */
    struct dam_trie trie;
};

/** Begin on a version. In: base: copied, its transaction is borrowed; root: of that version; arena:
 *  borrowed, with all that is taken from it until the overlay is done with. The object must not
 *  move. */
void dam_overlay_init(struct dam_overlay *overlay, struct dam_arena *arena,
                      const struct dam_state *base, const struct dam_hash *root);

/** Give its memory back. */
void dam_overlay_finish(struct dam_overlay *overlay);

/** Lay a diff over it; overlay->root is the new root. Returns: DAM_OK; DAM_ENOMEM; or an error of
 *  the store; then the overlay can only be given up. In: diff: copied where it is kept. */
DAM_MUST_USE enum dam_err dam_overlay_apply(struct dam_overlay *overlay,
                                            const struct dam_evm_diff *diff);

/** Go through an account's slots that are not zero, in the order of their hashed keys. Returns:
 *  DAM_OK; errors of the store and of memory. In: from: the first hashed key; visit: returns false
 *  to stop. */
DAM_MUST_USE enum dam_err dam_overlay_each_slot(
    struct dam_overlay *overlay, const struct dam_address *address, const struct dam_hash *from,
    bool (*visit)(void *ctx, const struct dam_hash *hashed_key, const struct dam_u256 *value),
    void *ctx);

/** Tell every key that the account has, or had in a kept version, a value under; some come twice.
 *  Otherwise as dam_overlay_each_slot. */
DAM_MUST_USE enum dam_err dam_overlay_each_key(struct dam_overlay *overlay,
                                               const struct dam_address *address,
                                               bool (*visit)(void *ctx, const struct dam_u256 *key),
                                               void *ctx);

#endif
