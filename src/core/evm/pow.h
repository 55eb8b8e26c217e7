// SPDX-License-Identifier: Apache-2.0
/* What a block from before the Merge owes its ancestors: its difficulty and its uncles. The seal
 * itself (Ethash) is not looked at: the official tests have none, and nobody mines any more. Pure;
 * called by dam_evm_block_check. */
#ifndef DAM_CORE_EVM_POW_H
#define DAM_CORE_EVM_POW_H

#include "core/evm/block.h"

/** The difficulty of the block at `timestamp` after this parent, the bomb included (Yellow Paper
 *  4.3.4; EIP-2, 100, 649, 1234, 2384, 3554, 4345, 5133). */
struct dam_u256 dam_evm_next_difficulty(const struct dam_chain_config *config,
                                        const struct dam_header *parent, uint64_t timestamp);

/** Are these the uncles that a block may have (Yellow Paper 11.1): at most two, each a valid child
 *  of one of the last seven ancestors but the parent, none an ancestor, none named before?
 *  In: family: as for dam_evm_block_check. */
bool dam_evm_uncles_hold(const struct dam_chain_config *config, const struct dam_evm_family *family,
                         const struct dam_block *block);

#endif
