// SPDX-License-Identifier: Apache-2.0
/* What a block's fees follow from: the base fee (EIP-1559, with the site ledger's floor) and the
 * excess blob gas (EIP-4844, EIP-7691, EIP-7918). Pure. */
#ifndef DAM_LEDGER_FEES_H
#define DAM_LEDGER_FEES_H

#include "ledger/chain.h"

/** The base fee of the block after `parent`; zero before London. */
struct dam_u256 dam_fees_next_base(const struct dam_ledger_chain_rules *rules,
                                   const struct dam_header *parent, uint64_t timestamp);

/** The excess blob gas of the block after `parent` at that time; 0 before Cancun. */
uint64_t dam_fees_next_excess_blob_gas(const struct dam_ledger_chain_rules *rules,
                                       const struct dam_header *parent, uint64_t timestamp);

#endif
