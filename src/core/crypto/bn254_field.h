// SPDX-License-Identifier: Apache-2.0
/* Private to bn254: the base field Fp and its quadratic extension Fp2 = Fp[u]/(u^2 + 1). Elements
 * are four 64-bit limbs in Montgomery form (R = 2^256), always reduced below p. `ret` may be any of
 * the operands. Not constant-time: everything here is public. */
#ifndef DAM_CORE_CRYPTO_BN254_FIELD_H
#define DAM_CORE_CRYPTO_BN254_FIELD_H

#include "base/attr.h"
#include "base/bytes.h"

struct fp {
    uint64_t w[4];
};

struct fp2 {
    struct fp c0;
    struct fp c1; /* of u */
};

static const struct fp fp_one = {
    {0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f}};

void fp_add(struct fp *ret, const struct fp *a, const struct fp *b);
void fp_sub(struct fp *ret, const struct fp *a, const struct fp *b);
void fp_mul(struct fp *ret, const struct fp *a, const struct fp *b);

/** fp_mul without assembly: what other architectures run, and what tests compare with. */
void fp_mul_portable(struct fp *ret, const struct fp *a, const struct fp *b);

/** 1/a, and 0 for 0. */
void fp_inv(struct fp *ret, const struct fp *a);

/** Read 32 big-endian bytes. Returns: false if the number is not below p. */
DAM_MUST_USE bool fp_read(struct fp *ret, const uint8_t in[32]);
void fp_write(uint8_t ret[32], const struct fp *a);

void fp2_mul(struct fp2 *ret, const struct fp2 *a, const struct fp2 *b);
void fp2_sqr(struct fp2 *ret, const struct fp2 *a);
void fp2_inv(struct fp2 *ret, const struct fp2 *a);

/** a times 9 + u, the non-residue that Fp6 adjoins the cube root of. */
void fp2_mul_xi(struct fp2 *ret, const struct fp2 *a);

static inline bool fp_is_zero(const struct fp *a)
{
    return (a->w[0] | a->w[1] | a->w[2] | a->w[3]) == 0;
}

static inline bool fp_eq(const struct fp *a, const struct fp *b)
{
    return ((a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]) | (a->w[2] ^ b->w[2]) |
            (a->w[3] ^ b->w[3])) == 0;
}

static inline void fp_neg(struct fp *ret, const struct fp *a)
{
    static const struct fp zero;
    fp_sub(ret, &zero, a);
}

static inline void fp2_add(struct fp2 *ret, const struct fp2 *a, const struct fp2 *b)
{
    fp_add(&ret->c0, &a->c0, &b->c0);
    fp_add(&ret->c1, &a->c1, &b->c1);
}

static inline void fp2_sub(struct fp2 *ret, const struct fp2 *a, const struct fp2 *b)
{
    fp_sub(&ret->c0, &a->c0, &b->c0);
    fp_sub(&ret->c1, &a->c1, &b->c1);
}

static inline void fp2_neg(struct fp2 *ret, const struct fp2 *a)
{
    fp_neg(&ret->c0, &a->c0);
    fp_neg(&ret->c1, &a->c1);
}

static inline void fp2_conj(struct fp2 *ret, const struct fp2 *a)
{
    ret->c0 = a->c0;
    fp_neg(&ret->c1, &a->c1);
}

static inline void fp2_mul_fp(struct fp2 *ret, const struct fp2 *a, const struct fp *b)
{
    fp_mul(&ret->c0, &a->c0, b);
    fp_mul(&ret->c1, &a->c1, b);
}

static inline bool fp2_is_zero(const struct fp2 *a)
{
    return fp_is_zero(&a->c0) && fp_is_zero(&a->c1);
}

static inline bool fp2_eq(const struct fp2 *a, const struct fp2 *b)
{
    return fp_eq(&a->c0, &b->c0) && fp_eq(&a->c1, &b->c1);
}

#endif
