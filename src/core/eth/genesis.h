// SPDX-License-Identifier: Apache-2.0
/* The first block's accounts and header from a genesis.json, in the form that geth reads: `alloc`
 * with balance, nonce, code and storage, and the header's fields. The fork schedule (`config`) is
 * core/evm's. Pure. */
#ifndef DAM_CORE_ETH_GENESIS_H
#define DAM_CORE_ETH_GENESIS_H

#include "base/json.h"
#include "core/eth/block.h"

struct dam_genesis_slot {
    struct dam_hash key;
    struct dam_hash value; /* never zero */
};

struct dam_genesis_account {
    struct dam_address address;
    uint64_t nonce;
    struct dam_u256 balance;
    struct dam_bytes code;
    const struct dam_genesis_slot *slots;
    size_t slot_count;
};

struct dam_genesis {
    const struct dam_genesis_account *accounts;
    size_t account_count;
    struct dam_header header; /* state root not yet set; form by the fields that are there */
};

/** Read the accounts of an `alloc` object; also the `pre` of state tests, which has the same form.
 *  Returns: DAM_OK; DAM_EPARSE with *ret_where (may be NULL) the node that is wrong; DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_genesis_alloc(struct dam_arena *arena, const struct dam_json *alloc,
                                            const struct dam_genesis_account **ret,
                                            size_t *ret_count, const struct dam_json **ret_where);

/** Read a whole genesis.json (without its `config`). */
DAM_MUST_USE enum dam_err dam_genesis_read(struct dam_arena *arena, const struct dam_json *json,
                                           struct dam_genesis *ret,
                                           const struct dam_json **ret_where);

#endif
