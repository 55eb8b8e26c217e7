// SPDX-License-Identifier: Apache-2.0
/* The precompiled contracts: which addresses exist at a fork, what a call costs and what it
 * answers. The interpreter charges the gas first and only then runs; everything here is a pure
 * function of the input and the fork. */
#ifndef DAM_CORE_EVM_PRECOMPILE_H
#define DAM_CORE_EVM_PRECOMPILE_H

#include "base/arena.h"
#include "core/evm/fork.h"

/* The price of an input that no gas limit can pay. */
#define DAM_PRECOMPILE_GAS_MAX UINT64_MAX

struct dam_precompile_result {
    bool success;            /* false: the call fails and takes all its gas; output is empty */
    struct dam_bytes output; /* from the caller's arena, lives as long */
};

struct dam_precompile {
    const char *name; /* the name of the function in its EIP, lower case; static */
    /* The price of a call. Never fails: a malformed input has a price too, and then run says no. */
    uint64_t (*gas)(struct dam_bytes input, enum dam_fork fork);
    /* Do it. Returns: DAM_OK with *ret set, or DAM_ENOMEM if the arena is full (nothing written).
     * To be called only after `gas` was paid: that is what bounds its time and memory. */
    enum dam_err (*run)(struct dam_bytes input, enum dam_fork fork, struct dam_arena *arena,
                        struct dam_precompile_result *ret);
};

/** The precompile at an address. Returns: static storage; NULL if there is none at this fork. */
const struct dam_precompile *dam_precompile_find(const struct dam_address *address,
                                                 enum dam_fork fork);

#endif
