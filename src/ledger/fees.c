// SPDX-License-Identifier: Apache-2.0
#include "ledger/fees.h"

#include "core/evm/evm.h"

#define BASE_FEE_FIRST 1000000000u /* EIP-1559 INITIAL_BASE_FEE */
#define ELASTICITY 2u
#define CHANGE_DENOMINATOR 8u
#define GAS_PER_BLOB 131072u
#define BLOB_BASE_COST 8192u /* EIP-7918 */

typedef unsigned __int128 u128;

/* value * factor / divisor. Base fees stay far below 2^128: gas limits below 2^64 and a rise of an
 * eighth a block would need centuries; what does not fit saturates. */
static u128 scale(u128 value, uint64_t factor, uint64_t divisor)
{
    u128 whole = value / divisor;
    u128 rest = value % divisor;
    return whole * factor + rest * factor / divisor;
}

static u128 narrow(const struct dam_u256 *value)
{
    if ((value->w[2] | value->w[3]) != 0) {
        return (u128)-1;
    }
    return (u128)value->w[1] << 64 | value->w[0];
}

static struct dam_u256 widen(u128 value)
{
    return (struct dam_u256){{(uint64_t)value, (uint64_t)(value >> 64), 0, 0}};
}

struct dam_u256 dam_fees_next_base(const struct dam_ledger_chain_rules *rules,
                                   const struct dam_header *parent, uint64_t timestamp)
{
    struct dam_u256 zero = dam_u256_from_u64(0);
    uint64_t number = parent->number + 1;
    if (rules->gasless ||
        dam_chain_config_fork(&rules->config, number, timestamp) < DAM_FORK_LONDON) {
        return zero;
    }
    if (parent->form < DAM_HEADER_LONDON) {
        return dam_u256_from_u64(BASE_FEE_FIRST);
    }
    u128 fee = narrow(&parent->base_fee);
    uint64_t target = parent->gas_limit / ELASTICITY;
    if (target > 0 && parent->gas_used > target) {
        u128 rise = scale(fee, parent->gas_used - target, target) / CHANGE_DENOMINATOR;
        fee += rise > 0 ? rise : 1;
    } else if (target > 0) {
        fee -= scale(fee, target - parent->gas_used, target) / CHANGE_DENOMINATOR;
    }
    struct dam_u256 next = widen(fee);
    return dam_u256_lt(&next, &rules->base_fee_min) ? rules->base_fee_min : next;
}

uint64_t dam_fees_next_excess_blob_gas(const struct dam_ledger_chain_rules *rules,
                                       const struct dam_header *parent, uint64_t timestamp)
{
    enum dam_fork fork = dam_chain_config_fork(&rules->config, parent->number + 1, timestamp);
    if (fork < DAM_FORK_CANCUN || parent->form < DAM_HEADER_CANCUN) {
        return 0;
    }
    struct dam_blob_params blob = dam_chain_config_blob(&rules->config, timestamp);
    uint64_t target = (uint64_t)blob.target * GAS_PER_BLOB;
    uint64_t sum = parent->excess_blob_gas + parent->blob_gas_used;
    if (sum < target) {
        return 0;
    }
    if (fork >= DAM_FORK_OSAKA && blob.max > 0) {
        /* EIP-7918: while a blob's reserve price is above its price, only what was used counts. */
        struct dam_u256 price = dam_evm_blob_base_fee(parent->excess_blob_gas, &blob);
        u128 reserve = narrow(&parent->base_fee) * BLOB_BASE_COST;
        if (reserve > narrow(&price) * GAS_PER_BLOB) {
            return parent->excess_blob_gas +
                   parent->blob_gas_used * (blob.max - blob.target) / blob.max;
        }
    }
    return sum - target;
}
