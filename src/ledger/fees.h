// SPDX-License-Identifier: Apache-2.0
/* The base fee of a site ledger: EIP-1559 with the site's floor, or none at all. Pure. */
#ifndef DAM_LEDGER_FEES_H
#define DAM_LEDGER_FEES_H

#include "ledger/chain.h"

/** The base fee of the block after `parent`; zero before London. */
struct dam_u256 dam_fees_next_base(const struct dam_ledger_chain_rules *rules,
                                   const struct dam_header *parent, uint64_t timestamp);

#endif
