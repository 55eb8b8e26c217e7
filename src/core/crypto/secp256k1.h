// SPDX-License-Identifier: Apache-2.0
/* ECDSA over secp256k1, the signature of Ethereum accounts: recover, sign, public key. A thin skin
 * over libsecp256k1 that takes no memory from the heap and keeps no state, so every call may run on
 * any thread. Secret keys are borrowed for the call and left nowhere. */
#ifndef DAM_CORE_CRYPTO_SECP256K1_H
#define DAM_CORE_CRYPTO_SECP256K1_H

#include "base/bytes.h"
#include "base/err.h"

/* A signature with the parity that recovery needs. r and s big-endian. */
struct dam_secp256k1_sig {
    uint8_t r[32];
    uint8_t s[32];
    uint8_t y_parity; /* 0 or 1 */
};

/* An uncompressed public key without its leading 0x04: x then y, big-endian. */
struct dam_secp256k1_pubkey {
    uint8_t xy[64];
};

/** Find the public key that made a signature.
 *  Returns: DAM_OK; DAM_ESIGNATURE if r or s is 0 or not below the group order, y_parity is above
 *  1, or no key fits. A high s is accepted: callers with EIP-2's rule ask dam_secp256k1_is_low_s
 *  first (the ECRECOVER precompile must not). */
DAM_MUST_USE enum dam_err dam_secp256k1_recover(const struct dam_hash *digest,
                                                const struct dam_secp256k1_sig *sig,
                                                struct dam_secp256k1_pubkey *ret);

/** The same, down to the account's address. */
DAM_MUST_USE enum dam_err dam_secp256k1_recover_address(const struct dam_hash *digest,
                                                        const struct dam_secp256k1_sig *sig,
                                                        struct dam_address *ret);

/** Sign a digest: nonce by RFC 6979, s in the lower half, so the same input gives the same bytes.
 *  Returns: DAM_OK, or DAM_ERANGE if key is 0 or not below the group order. */
DAM_MUST_USE enum dam_err dam_secp256k1_sign(const uint8_t key[32], const struct dam_hash *digest,
                                             struct dam_secp256k1_sig *ret);

/** The public key of a secret key. Returns: DAM_OK, or DAM_ERANGE as above. */
DAM_MUST_USE enum dam_err dam_secp256k1_pubkey(const uint8_t key[32],
                                               struct dam_secp256k1_pubkey *ret);

/** The address of a public key: the last 20 bytes of its Keccak-256. */
void dam_secp256k1_address(const struct dam_secp256k1_pubkey *pubkey, struct dam_address *ret);

/** Returns: true if s is at most half the group order (EIP-2). */
bool dam_secp256k1_is_low_s(const uint8_t s[32]);

/** Replace s by n - s if it is above n/2. Both sign the same digest under the same key.
 *  In: s: in (0, n), else it is left alone. */
void dam_secp256k1_normalize_s(uint8_t s[32]);

#endif
