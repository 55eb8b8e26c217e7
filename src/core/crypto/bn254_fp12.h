// SPDX-License-Identifier: Apache-2.0
/* Private to bn254: the tower over Fp2. Fp6 = Fp2[v]/(v^3 - 9 - u), Fp12 = Fp6[w]/(w^2 - v).
 * `ret` may be any of the operands. */
#ifndef DAM_CORE_CRYPTO_BN254_FP12_H
#define DAM_CORE_CRYPTO_BN254_FP12_H

#include "core/crypto/bn254_field.h"

struct fp6 {
    struct fp2 b0;
    struct fp2 b1; /* of v */
    struct fp2 b2; /* of v^2 */
};

struct fp12 {
    struct fp6 c0;
    struct fp6 c1; /* of w */
};

extern const struct fp12 fp12_one;

bool fp12_is_one(const struct fp12 *a);
void fp12_mul(struct fp12 *ret, const struct fp12 *a, const struct fp12 *b);
void fp12_sqr(struct fp12 *ret, const struct fp12 *a);
void fp12_inv(struct fp12 *ret, const struct fp12 *a);

/** a^(p^6), which is the inverse of an element of norm one. */
void fp12_conj(struct fp12 *ret, const struct fp12 *a);

/** a^(p^power). In: power: 1, 2 or 3. */
void fp12_frobenius(struct fp12 *ret, const struct fp12 *a, unsigned power);

/** a^2 for a in the cyclotomic subgroup (a^(p^4 - p^2 + 1) = 1), in half the time. */
void fp12_cyclotomic_sqr(struct fp12 *ret, const struct fp12 *a);

/** a * (l0 + l1 w + l3 v w), the shape of a line through points of the twist. */
void fp12_mul_line(struct fp12 *ret, const struct fp12 *a, const struct fp2 *l0,
                   const struct fp2 *l1, const struct fp2 *l3);

/** The image of a point of the twist under the p-power map: x and y are conjugated and scaled.
 *  In: power: 1, 2 or 3. */
void bn254_twist_frobenius(struct fp2 *x, struct fp2 *y, unsigned power);

#endif
