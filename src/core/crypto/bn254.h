// SPDX-License-Identifier: Apache-2.0
/* The curve alt_bn128 (BN254) of EIP-196 and EIP-197: addition, multiplication and the pairing
 * check, on the precompiles' encodings (32-byte big-endian coordinates, infinity as zeros). Ours:
 * there is no C library for it in Debian. Not constant-time: inputs are public. */
#ifndef DAM_CORE_CRYPTO_BN254_H
#define DAM_CORE_CRYPTO_BN254_H

#include "base/attr.h"
#include "base/bytes.h"

#define DAM_BN254_G1_LEN 64u
#define DAM_BN254_PAIR_LEN 192u /* a G1 point, then a G2 point (imaginary parts first) */

/** ret = a + b. Returns: false if a coordinate is not below p or a point is not on the curve. */
DAM_MUST_USE bool dam_bn254_add(const uint8_t a[64], const uint8_t b[64], uint8_t ret[64]);

/** ret = scalar * point. In: scalar: any 256-bit number. Returns: false as above. */
DAM_MUST_USE bool dam_bn254_mul(const uint8_t point[64], const uint8_t scalar[32], uint8_t ret[64]);

/** Is the product of the pairings one?
 *  Returns: false if an input is malformed: coordinate, curve, or a G2 point outside the subgroup;
 *  else true with *ret_one set. No pairs: one.
 *  In: pairs: count * DAM_BN254_PAIR_LEN bytes. */
DAM_MUST_USE bool dam_bn254_pairing_check(const uint8_t *pairs, size_t count, bool *ret_one);

#endif
