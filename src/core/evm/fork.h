// SPDX-License-Identifier: Apache-2.0
/* The rule sets of Ethereum mainnet, oldest first, so that `fork >= DAM_FORK_BERLIN` asks what it
 * says. Only execution rules have a name here; blob-parameter-only forks change numbers, not rules.
 */
#ifndef DAM_CORE_EVM_FORK_H
#define DAM_CORE_EVM_FORK_H

enum dam_fork {
    DAM_FORK_FRONTIER,
    DAM_FORK_HOMESTEAD,
    DAM_FORK_TANGERINE_WHISTLE, /* EIP-150 */
    DAM_FORK_SPURIOUS_DRAGON,   /* EIP-158 */
    DAM_FORK_BYZANTIUM,
    DAM_FORK_CONSTANTINOPLE,
    DAM_FORK_PETERSBURG, /* "ConstantinopleFix" */
    DAM_FORK_ISTANBUL,
    DAM_FORK_BERLIN,
    DAM_FORK_LONDON,
    DAM_FORK_PARIS,
    DAM_FORK_SHANGHAI,
    DAM_FORK_CANCUN,
    DAM_FORK_PRAGUE,
    DAM_FORK_OSAKA,
};

#define DAM_FORK_COUNT ((unsigned)DAM_FORK_OSAKA + 1)

#endif
