// SPDX-License-Identifier: Apache-2.0
/* Private to bn254: the optimal ate pairing and membership in G2. */
#ifndef DAM_CORE_CRYPTO_BN254_PAIRING_H
#define DAM_CORE_CRYPTO_BN254_PAIRING_H

#include "core/crypto/bn254_fp12.h"

/* Pairs that share the squarings of one Miller loop; bounds the stack. */
#define BN254_MILLER_BATCH 8u

/* Affine points; (0, 0), which is on neither curve, stands for infinity, as in the encoding. */
struct bn254_g1 {
    struct fp x;
    struct fp y;
};

struct bn254_g2 {
    struct fp2 x;
    struct fp2 y;
};

static inline bool bn254_g1_is_infinity(const struct bn254_g1 *p)
{
    return fp_is_zero(&p->x) && fp_is_zero(&p->y);
}

static inline bool bn254_g2_is_infinity(const struct bn254_g2 *p)
{
    return fp2_is_zero(&p->x) && fp2_is_zero(&p->y);
}

/** Returns: true if p, not infinity, is on the twist and in the subgroup of order r. */
bool bn254_g2_is_valid(const struct bn254_g2 *p);

/** The product of the Miller functions of count pairs, none with infinity.
 *  In: count: 0..BN254_MILLER_BATCH. */
void bn254_miller_loop(struct fp12 *ret, const struct bn254_g1 *g1, const struct bn254_g2 *g2,
                       size_t count);

/** f^((p^12 - 1) / r), up to a fixed power prime to r. */
void bn254_final_exponentiation(struct fp12 *f);

#endif
