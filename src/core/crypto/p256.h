// SPDX-License-Identifier: Apache-2.0
/* ECDSA over P-256 (secp256r1), the curve of TPMs, smart cards and passkeys. Verification is
 * OpenSSL's. Signing happens in the signer's hardware, whose answers are brought to low-s here
 * because OpenZeppelin's P256 refuses the other half. */
#ifndef DAM_CORE_CRYPTO_P256_H
#define DAM_CORE_CRYPTO_P256_H

#include "base/bytes.h"

/** Returns: true if (r, s) signs digest under the key (x, y), by the rules of EIP-7951: r and s in
 *  (0, n), x and y below p, the point on the curve and not at infinity; s may be in either half.
 *  In: rs: r then s; xy: x then y; 32 bytes each, big-endian. */
bool dam_p256_verify(const struct dam_hash *digest, const uint8_t rs[64], const uint8_t xy[64]);

/** Replace s by n - s if it is above n/2. Both sign the same digest under the same key.
 *  In: s: in (0, n), else it is left alone. */
void dam_p256_normalize_s(uint8_t s[32]);

#endif
