// SPDX-License-Identifier: Apache-2.0
#include "ledger/fees.h"

#include "core/evm/block.h"

struct dam_u256 dam_fees_next_base(const struct dam_ledger_chain_rules *rules,
                                   const struct dam_header *parent, uint64_t timestamp)
{
    uint64_t number = parent->number + 1;
    if (rules->gasless ||
        dam_chain_config_fork(&rules->config, number, timestamp) < DAM_FORK_LONDON) {
        return dam_u256_from_u64(0);
    }
    bool parent_is_london = parent->form >= DAM_HEADER_LONDON;
    struct dam_u256 next = dam_evm_next_base_fee(parent, parent_is_london);
    return parent_is_london && dam_u256_lt(&next, &rules->base_fee_min) ? rules->base_fee_min
                                                                        : next;
}
