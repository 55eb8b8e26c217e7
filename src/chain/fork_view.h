// SPDX-License-Identifier: Apache-2.0
/* The state of a remote chain at one block, as the EVM wants it: read-only, every answer proven by
 * eth_getProof against the block's state root, code against its hash, block hashes against their
 * headers. For calls that decide something (a charter's answer, a balance before a payment) without
 * trusting the node that is asked. Answers are kept. */
#ifndef DAM_CHAIN_FORK_VIEW_H
#define DAM_CHAIN_FORK_VIEW_H

#include "base/table.h"
#include "chain/chain.h"
#include "core/evm/evm.h"

struct dam_fork_view {
    struct dam_remote *chain; /* borrowed */
    struct dam_arena *arena;  /* holds what was read; borrowed */
    struct dam_header header;
    struct dam_hash hash;
    struct dam_table accounts; /* private */
    struct dam_evm_view view;  /* hand this to dam_evm_begin */
};

/** Pin the view to a block. Its header is asked of all endpoints. Returns: as dam_remote_header.
 * Out: view: may not be moved until it is closed. */
DAM_MUST_USE enum dam_err dam_fork_view_open(struct dam_fork_view *view, struct dam_remote *chain,
                                             struct dam_arena *arena, struct dam_remote_at at);

void dam_fork_view_close(struct dam_fork_view *view);

/** The block as the EVM's environment. */
void dam_fork_view_block(const struct dam_fork_view *view, struct dam_evm_block *ret);

#endif
