// SPDX-License-Identifier: Apache-2.0
/* BLS12-381 as EIP-2537 encodes it: 64-byte field elements (16 zero bytes in front), 128-byte G1
 * and 256-byte G2 points, infinity as zeros. An adapter to blst; blst keeps no state, and what
 * scratch it needs comes from the caller. Not constant-time: inputs are public. */
#ifndef DAM_CORE_CRYPTO_BLS12_381_H
#define DAM_CORE_CRYPTO_BLS12_381_H

#include "base/arena.h"

#define DAM_BLS_FP_LEN 64u
#define DAM_BLS_G1_LEN 128u
#define DAM_BLS_G2_LEN 256u
#define DAM_BLS_SCALAR_LEN 32u
#define DAM_BLS_PAIR_LEN (DAM_BLS_G1_LEN + DAM_BLS_G2_LEN)

/* All of these return DAM_OK with ret written, or DAM_EPARSE if an input is malformed (an element
 * not below p, a point off the curve, or outside the subgroup where EIP-2537 demands it), or
 * DAM_ENOMEM if the arena is full. */

/** a + b. No subgroup check, as the EIP says. */
DAM_MUST_USE enum dam_err dam_bls_g1_add(const uint8_t a[128], const uint8_t b[128],
                                         uint8_t ret[128]);
DAM_MUST_USE enum dam_err dam_bls_g2_add(const uint8_t a[256], const uint8_t b[256],
                                         uint8_t ret[256]);

/** The sum of scalar_i * point_i, with subgroup checks.
 *  In: pairs: count times (point, 32-byte big-endian scalar), count above 0; arena: scratch, given
 *  back before the return. */
DAM_MUST_USE enum dam_err dam_bls_g1_msm(const uint8_t *pairs, size_t count,
                                         struct dam_arena *arena, uint8_t ret[128]);
DAM_MUST_USE enum dam_err dam_bls_g2_msm(const uint8_t *pairs, size_t count,
                                         struct dam_arena *arena, uint8_t ret[256]);

/** Is the product of the pairings one? In: pairs: count times (G1, G2). */
DAM_MUST_USE enum dam_err dam_bls_pairing_check(const uint8_t *pairs, size_t count, bool *ret_one);

/** Map a field element to the curve (RFC 9380 sections 6.6.3 and 8.8, cofactor cleared). */
DAM_MUST_USE enum dam_err dam_bls_map_fp_to_g1(const uint8_t fp[64], uint8_t ret[128]);
DAM_MUST_USE enum dam_err dam_bls_map_fp2_to_g2(const uint8_t fp2[128], uint8_t ret[256]);

#endif
