// SPDX-License-Identifier: Apache-2.0
/* Keys from a mnemonic: BIP-39 (words to seed) and BIP-32 (seed to key along a path), as wallets do
 * it at m/44'/60'/0'/0/i. The words are not checked against a word list. Pure. */
#ifndef DAM_CORE_ETH_HD_H
#define DAM_CORE_ETH_HD_H

#include "base/bytes.h"
#include "base/err.h"

/* The mnemonic that Hardhat, Foundry and so most tools use for unlocked development accounts. */
#define DAM_HD_DEV_MNEMONIC "test test test test test test test test test test test junk"

/** PBKDF2-HMAC-SHA512 of the mnemonic, 2048 rounds. In: mnemonic, passphrase: NFKD UTF-8. Returns:
 * DAM_OK, or DAM_ENOMEM if OpenSSL fails. */
DAM_MUST_USE enum dam_err dam_hd_seed(const char *mnemonic, const char *passphrase,
                                      uint8_t ret[64]);

/** The secret key at a path such as "m/44'/60'/0'/0/7". Returns: DAM_OK; DAM_EPARSE for a bad path;
 * DAM_ERANGE where the path has no key (one in 2^127). */
DAM_MUST_USE enum dam_err dam_hd_derive(const uint8_t *seed, size_t seed_len, const char *path,
                                        uint8_t ret[32]);

/** Account i of a mnemonic without passphrase, at m/44'/60'/0'/0/i. */
DAM_MUST_USE enum dam_err dam_hd_account(const char *mnemonic, uint32_t index, uint8_t ret[32]);

#endif
