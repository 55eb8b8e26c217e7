// SPDX-License-Identifier: Apache-2.0
/* A whole state in memory: accounts, storage and code, as a view for the EVM, with its root. For
 * minds and charters (a handful of immutable contracts), tests, benchmarks and the command line;
 * the ledger has a store of its own. Takes memory from a dam_mem; one thread at a time. */
#ifndef DAM_CORE_EVM_WORLD_H
#define DAM_CORE_EVM_WORLD_H

#include "base/table.h"
#include "core/evm/evm.h"

struct dam_evm_world_account; /* private */

struct dam_evm_world {
    struct dam_mem mem;
    struct dam_arena arena;
    struct dam_table accounts;
    struct dam_table slots;
    struct dam_table codes;
    struct dam_evm_world_account *first;
    /* Answers BLOCKHASH; NULL: every hash is zero. Set by the owner, called as the view's slot. */
    enum dam_err (*block_hash)(void *ctx, uint64_t number, struct dam_hash *ret);
    void *block_hash_ctx;
};

void dam_evm_world_init(struct dam_evm_world *world, const struct dam_mem *mem);

/** Give all memory back. Accepts a zeroed world. */
void dam_evm_world_finish(struct dam_evm_world *world);

/** Make an independent copy. Returns: DAM_OK or DAM_ENOMEM; *ret is to be finished in both cases.
 */
DAM_MUST_USE enum dam_err dam_evm_world_copy(const struct dam_evm_world *world,
                                             struct dam_evm_world *ret);

/** The world as a view, good as long as it is not changed. */
struct dam_evm_view dam_evm_world_view(struct dam_evm_world *world);

/** Make or change an account. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_evm_world_put(struct dam_evm_world *world,
                                            const struct dam_address *address, uint64_t nonce,
                                            const struct dam_u256 *balance);
DAM_MUST_USE enum dam_err dam_evm_world_put_code(struct dam_evm_world *world,
                                                 const struct dam_address *address,
                                                 struct dam_bytes code);
DAM_MUST_USE enum dam_err dam_evm_world_put_slot(struct dam_evm_world *world,
                                                 const struct dam_address *address,
                                                 const struct dam_u256 *key,
                                                 const struct dam_u256 *value);

/** Make a session's changes its own. Returns: DAM_OK, or DAM_ENOMEM with the world half changed. */
DAM_MUST_USE enum dam_err dam_evm_world_apply(struct dam_evm_world *world,
                                              const struct dam_evm_diff *diff);

/** The state root. Storage roots are kept and only made anew where slots changed. */
DAM_MUST_USE enum dam_err dam_evm_world_root(struct dam_evm_world *world, struct dam_hash *ret);

#endif
