// SPDX-License-Identifier: Apache-2.0
/* The first block: the genesis that is built in (predeployed contracts, development accounts), and
 * the `config` of a geth-style genesis.json. */
#ifndef DAM_LEDGER_GENESIS_H
#define DAM_LEDGER_GENESIS_H

#include "base/json.h"
#include "ledger/chain.h"

/* The customary test mnemonic. Everybody knows these keys: for development only. */
#define DAM_DEV_MNEMONIC "test test test test test test test test test test test junk"
#define DAM_DEV_ACCOUNT_COUNT 10u

struct dam_genesis_choice {
    uint64_t chain_id;
    uint64_t gas_limit;
    bool dev; /* fund the development accounts with 10,000 ether each */
    bool gasless;
    uint64_t base_fee; /* wei, of the first block */
    uint64_t base_fee_min;
    uint64_t timestamp;
    const struct dam_address *funded; /* accounts with 10^9 ether each; may be NULL */
    size_t funded_count;
};

/** Append the built-in genesis as genesis.json text. */
void dam_genesis_builtin(const struct dam_genesis_choice *choice, struct dam_buf *buf);

/** Read the rules from a genesis.json's `config`, geth's form; what is not there is not scheduled.
 *  Our own part is `dam`: {"gasless": bool, "baseFeeMin": quantity}; that it is there at all
 *  frees the gas limit.
 *  Returns: DAM_OK; DAM_EPARSE with *ret_where the key that is wrong. */
DAM_MUST_USE enum dam_err dam_genesis_rules(const struct dam_json *genesis,
                                            struct dam_ledger_chain_rules *ret,
                                            const char **ret_where);

/* The accounts of DAM_DEV_MNEMONIC at m/44'/60'/0'/0/i. */
extern const struct dam_address dam_dev_addresses[DAM_DEV_ACCOUNT_COUNT];

/** The key of a development account, known to everybody; derived when first asked for, since that
 *  takes longer than all else of a start. Returns: 32 bytes, or NULL if the derivation fails. In:
 *  index: below DAM_DEV_ACCOUNT_COUNT. */
const uint8_t *dam_dev_secret(size_t index);

#endif
