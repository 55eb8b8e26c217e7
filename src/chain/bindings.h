// SPDX-License-Identifier: Apache-2.0
/* What the generated bindings (tools/contracts-bindings) are made of. Header only. */
#ifndef DAM_CHAIN_BINDINGS_H
#define DAM_CHAIN_BINDINGS_H

#include "core/eth/abi.h"

static inline struct dam_abi_value dam_abi_of_address(const struct dam_address *address)
{
    return (struct dam_abi_value){.word = dam_u256_from_address(address)};
}

static inline struct dam_address dam_abi_to_address(const struct dam_abi_value *value)
{
    return dam_u256_to_address(&value->word);
}

static inline struct dam_hash dam_abi_to_hash(const struct dam_abi_value *value)
{
    struct dam_hash hash;
    memcpy(hash.b, value->bytes.data, sizeof(hash.b));
    return hash;
}

static inline struct dam_abi_value dam_abi_of_i64(int64_t v)
{
    uint64_t sign = v < 0 ? UINT64_MAX : 0;
    return (struct dam_abi_value){.word = {{(uint64_t)v, sign, sign, sign}}};
}

#endif
