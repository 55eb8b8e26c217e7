// SPDX-License-Identifier: Apache-2.0
/* Which rules a block runs under. A chain is described once by struct dam_chain_config; from it and
 * a block's number and time follow the fork and the blob parameters. Pure. */
#ifndef DAM_CORE_EVM_FORK_H
#define DAM_CORE_EVM_FORK_H

#include "base/bytes.h"
#include "base/err.h"

/* Protocol versions in order; a later one includes all before it. Stored and printed: do not
 * renumber. The names are those of the official test files. */
#define DAM_FORK_LIST(X)                                                                           \
    X(FRONTIER, 0, "Frontier")                                                                     \
    X(HOMESTEAD, 1, "Homestead")                                                                   \
    X(TANGERINE_WHISTLE, 2, "EIP150")                                                              \
    X(SPURIOUS_DRAGON, 3, "EIP158")                                                                \
    X(BYZANTIUM, 4, "Byzantium")                                                                   \
    X(CONSTANTINOPLE, 5, "Constantinople")                                                         \
    X(PETERSBURG, 6, "ConstantinopleFix")                                                          \
    X(ISTANBUL, 7, "Istanbul")                                                                     \
    X(BERLIN, 8, "Berlin")                                                                         \
    X(LONDON, 9, "London")                                                                         \
    X(PARIS, 10, "Paris")                                                                          \
    X(SHANGHAI, 11, "Shanghai")                                                                    \
    X(CANCUN, 12, "Cancun")                                                                        \
    X(PRAGUE, 13, "Prague")                                                                        \
    X(OSAKA, 14, "Osaka")

enum dam_fork {
#define X(name, number, text) DAM_FORK_##name = (number),
    DAM_FORK_LIST(X)
#undef X
};

#define DAM_FORK_COUNT 15u
#define DAM_FORK_DEFAULT DAM_FORK_OSAKA
#define DAM_FORK_NEVER UINT64_MAX /* an activation that does not come */
#define DAM_BLOB_SCHEDULE_MAX 16
#define DAM_GLACIER_COUNT 3u

#define DAM_GAS_PER_BLOB 131072u /* EIP-4844 */

/* Blob market parameters from `time` on (EIP-7840, EIP-7892). */
struct dam_blob_params {
    uint64_t time;
    uint32_t target;                   /* blobs a block, 0 before Cancun */
    uint32_t max;                      /* blobs a block */
    uint64_t base_fee_update_fraction; /* EIP-4844 */
};

struct dam_chain_config {
    uint64_t chain_id;
    /* First block of each fork up to and including Paris; DAM_FORK_NEVER if not scheduled. */
    uint64_t fork_block[DAM_FORK_PARIS + 1];
    /* First timestamp of each fork; only Shanghai and later are looked at. */
    uint64_t fork_time[DAM_FORK_COUNT];
    /* Blocks that do nothing but put the difficulty bomb off: Muir, Arrow and Gray Glacier. */
    uint64_t glacier_block[DAM_GLACIER_COUNT];
    uint64_t dao_block; /* EIP-779: moves balances; ten blocks from here on say "dao-hard-fork" */
    /* Ascending in time; an entry stands from its time until the next. */
    struct dam_blob_params blob[DAM_BLOB_SCHEDULE_MAX];
    size_t blob_count;
    struct dam_address deposit_contract; /* EIP-6110 */
};

/** A chain that is under one fork from its genesis on, with mainnet's blob parameters and deposit
 * contract. */
void dam_chain_config_init(struct dam_chain_config *config, uint64_t chain_id, enum dam_fork fork);

/** The fork of a block. */
enum dam_fork dam_chain_config_fork(const struct dam_chain_config *config, uint64_t number,
                                    uint64_t time);

/** The blob parameters of a block at that time; zeros before the first entry. */
struct dam_blob_params dam_chain_config_blob(const struct dam_chain_config *config, uint64_t time);

/** Find a fork by name, letter case ignored; also "Tangerine", "Spurious", "Petersburg", "Merge"
 * and the glaciers, which are their fork before. Returns: DAM_OK, or DAM_ENOTFOUND. In: name:
 * NUL-terminated. */
DAM_MUST_USE enum dam_err dam_fork_find(const char *name, enum dam_fork *ret);

#endif
