// SPDX-License-Identifier: Apache-2.0
/* G1 of alt_bn128, y^2 = x^3 + 3, and the encodings. The pairing is in bn254_pairing.c. */
#include "core/crypto/bn254.h"

#include "core/crypto/bn254_pairing.h"

#include <gmp.h>

/* 3 */
static const struct fp g1_b = {
    {0x7a17caa950ad28d7, 0x1f6ac17ae15521b9, 0x334bea4e696bd284, 0x2a1f6744ce179d8e}};
/* Jacobian: (X/Z^2, Y/Z^3); Z = 0 is infinity. */
struct g1_jacobian {
    struct fp x;
    struct fp y;
    struct fp z;
};

static bool g1_read(struct bn254_g1 *ret, const uint8_t in[64])
{
    if (!fp_read(&ret->x, in) || !fp_read(&ret->y, in + 32)) {
        return false;
    }
    if (bn254_g1_is_infinity(ret)) {
        return true;
    }
    struct fp left;
    struct fp right;
    fp_mul(&left, &ret->y, &ret->y);
    fp_mul(&right, &ret->x, &ret->x);
    fp_mul(&right, &right, &ret->x);
    fp_add(&right, &right, &g1_b);
    return fp_eq(&left, &right);
}

static void g1_write(uint8_t ret[64], const struct bn254_g1 *p)
{
    fp_write(ret, &p->x);
    fp_write(ret + 32, &p->y);
}

/* The chord or the tangent, in affine coordinates: one inversion, no more. */
static void g1_add(struct bn254_g1 *ret, const struct bn254_g1 *a, const struct bn254_g1 *b)
{
    struct fp slope;
    struct fp divisor;
    if (bn254_g1_is_infinity(a) || bn254_g1_is_infinity(b)) {
        *ret = bn254_g1_is_infinity(a) ? *b : *a;
        return;
    }
    if (!fp_eq(&a->x, &b->x)) {
        fp_sub(&slope, &b->y, &a->y);
        fp_sub(&divisor, &b->x, &a->x);
    } else if (fp_eq(&a->y, &b->y)) { /* y is not 0: the order of the group is odd */
        fp_mul(&slope, &a->x, &a->x);
        fp_add(&divisor, &slope, &slope);
        fp_add(&slope, &slope, &divisor);
        fp_add(&divisor, &a->y, &a->y);
    } else {
        memset(ret, 0, sizeof(*ret));
        return;
    }
    fp_inv(&divisor, &divisor);
    fp_mul(&slope, &slope, &divisor);
    struct bn254_g1 sum;
    fp_mul(&sum.x, &slope, &slope);
    fp_sub(&sum.x, &sum.x, &a->x);
    fp_sub(&sum.x, &sum.x, &b->x);
    fp_sub(&sum.y, &a->x, &sum.x);
    fp_mul(&sum.y, &sum.y, &slope);
    fp_sub(&sum.y, &sum.y, &a->y);
    *ret = sum;
}

/* "dbl-2009-l" of the Explicit-Formulas Database. */
static void g1_double(struct g1_jacobian *p)
{
    struct fp a, b, c, d, e, f;
    fp_mul(&a, &p->x, &p->x);
    fp_mul(&b, &p->y, &p->y);
    fp_mul(&c, &b, &b);
    fp_add(&d, &p->x, &b);
    fp_mul(&d, &d, &d);
    fp_sub(&d, &d, &a);
    fp_sub(&d, &d, &c);
    fp_add(&d, &d, &d);
    fp_add(&e, &a, &a);
    fp_add(&e, &e, &a);
    fp_mul(&f, &e, &e);
    fp_mul(&p->z, &p->y, &p->z);
    fp_add(&p->z, &p->z, &p->z);
    fp_sub(&f, &f, &d);
    fp_sub(&p->x, &f, &d);
    fp_sub(&d, &d, &p->x);
    fp_mul(&p->y, &e, &d);
    fp_add(&c, &c, &c);
    fp_add(&c, &c, &c);
    fp_add(&c, &c, &c);
    fp_sub(&p->y, &p->y, &c);
}

/* p += q: "madd-2007-bl", with the cases it does not cover. In: q: not infinity. */
static void g1_add_affine(struct g1_jacobian *p, const struct bn254_g1 *q)
{
    struct fp zz, u, s, h, r, hh, i, j, v;
    if (fp_is_zero(&p->z)) {
        *p = (struct g1_jacobian){q->x, q->y, fp_one};
        return;
    }
    fp_mul(&zz, &p->z, &p->z);
    fp_mul(&u, &q->x, &zz);
    fp_mul(&s, &q->y, &p->z);
    fp_mul(&s, &s, &zz);
    fp_sub(&h, &u, &p->x);
    fp_sub(&r, &s, &p->y);
    if (fp_is_zero(&h)) {
        if (fp_is_zero(&r)) {
            g1_double(p);
        } else {
            memset(p, 0, sizeof(*p));
        }
        return;
    }
    fp_add(&r, &r, &r);
    fp_mul(&hh, &h, &h);
    fp_add(&i, &hh, &hh);
    fp_add(&i, &i, &i);
    fp_mul(&j, &h, &i);
    fp_mul(&v, &p->x, &i);
    fp_add(&p->z, &p->z, &h);
    fp_mul(&p->z, &p->z, &p->z);
    fp_sub(&p->z, &p->z, &zz);
    fp_sub(&p->z, &p->z, &hh);
    fp_mul(&p->x, &r, &r);
    fp_sub(&p->x, &p->x, &j);
    fp_sub(&p->x, &p->x, &v);
    fp_sub(&p->x, &p->x, &v);
    fp_sub(&v, &v, &p->x);
    fp_mul(&v, &v, &r);
    fp_mul(&j, &j, &p->y);
    fp_add(&j, &j, &j);
    fp_sub(&p->y, &v, &j);
}

/* To affine coordinates, given 1/Z. */
static void g1_scale(struct bn254_g1 *ret, const struct g1_jacobian *p, const struct fp *z_inverse)
{
    struct fp power;
    fp_mul(&power, z_inverse, z_inverse);
    fp_mul(&ret->x, &p->x, &power);
    fp_mul(&power, &power, z_inverse);
    fp_mul(&ret->y, &p->y, &power);
}

/* Scalar multiplication by the endomorphism (x, y) -> (beta x, y), which multiplies by lambda:
 * k = k1 + k2 lambda with k1 and k2 of 128 bits (Gallant, Lambert and Vanstone, 2001). The lattice
 * that splits k has the basis (a1, -b1), (a2, a1). */
static const struct fp beta = {
    {0x71930c11d782e155, 0xa6bb947cffbe3323, 0xaa303344d4741444, 0x2c3b3f0d26594943}};
static const mp_limb_t group_order[4] = {0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d,
                                         0x30644e72e131a029};
static const mp_limb_t a1[1] = {0x89d3256894d213e3};
static const mp_limb_t a2[2] = {0x0be4e1541221250b, 0x6f4d8248eeb859fd};
static const mp_limb_t b1[2] = {0x8211bbeb7d4f1128, 0x6f4d8248eeb859fc};
/* a1 2^256 / r and b1 2^256 / r, rounded down. */
static const mp_limb_t a1_over_r[2] = {0xd91d232ec7e0b3d7, 0x0000000000000002};
static const mp_limb_t b1_over_r[3] = {0x7a7bd9d4391eb18d, 0x4ccef014a773d2cf, 0x0000000000000002};

#define HALF_BITS 128
#define WINDOW 4
#define TABLE_LEN (1 << (WINDOW - 2)) /* the odd multiples 1, 3, 5, 7 */

/* A signed half of the scalar. */
struct half_scalar {
    mp_limb_t limbs[4];
    bool negative;
};

/* ret -= a * b, modulo 2^256. */
static void submul(mp_limb_t ret[4], const mp_limb_t *a, mp_size_t a_len, const mp_limb_t *b,
                   mp_size_t b_len)
{
    mp_limb_t product[8] = {0};
    (void)mpn_mul(product, a, a_len, b, b_len);
    (void)mpn_sub_n(ret, ret, product, 4);
}

static void half_fix_sign(struct half_scalar *half)
{
    half->negative = half->limbs[3] >> 63 != 0;
    if (half->negative) {
        (void)mpn_neg(half->limbs, half->limbs, 4);
    }
}

static void scalar_split(const uint8_t scalar[32], struct half_scalar *k1, struct half_scalar *k2)
{
    mp_limb_t k[4];
    mp_limb_t product[7];
    mp_limb_t c1[2];
    mp_limb_t c2[2];
    for (int i = 0; i < 4; i++) {
        k[i] = dam_load_be64(scalar + 24 - 8 * i);
    }
    while (mpn_cmp(k, group_order, 4) >= 0) { /* at most five times */
        (void)mpn_sub_n(k, k, group_order, 4);
    }
    (void)mpn_mul(product, k, 4, a1_over_r, 2);
    memcpy(c1, product + 4, sizeof(c1));
    (void)mpn_mul(product, k, 4, b1_over_r, 3);
    memcpy(c2, product + 4, sizeof(c2)); /* product[6] is 0: b1 is below the root of r */
    memcpy(k1->limbs, k, sizeof(k));
    submul(k1->limbs, c1, 2, a1, 1);
    submul(k1->limbs, c2, 2, a2, 2);
    memset(k2->limbs, 0, sizeof(k2->limbs));
    submul(k2->limbs, c2, 2, a1, 1);
    mp_limb_t plus[4];
    (void)mpn_mul(plus, c1, 2, b1, 2);
    (void)mpn_add_n(k2->limbs, k2->limbs, plus, 4);
    half_fix_sign(k1);
    half_fix_sign(k2);
}

/* Digits 0 or odd in [-7, 7], any two others at least WINDOW apart. Returns: how many. */
static unsigned half_digits(const struct half_scalar *half, int8_t digits[HALF_BITS + 2])
{
    mp_limb_t k[4];
    memcpy(k, half->limbs, sizeof(k));
    unsigned count = 0;
    while (!mpn_zero_p(k, 4)) {
        int digit = 0;
        if (k[0] & 1) {
            digit = (int)(k[0] & ((1 << WINDOW) - 1));
            if (digit >= 1 << (WINDOW - 1)) {
                digit -= 1 << WINDOW;
                (void)mpn_add_1(k, k, 4, (mp_limb_t)-digit);
            } else {
                (void)mpn_sub_1(k, k, 4, (mp_limb_t)digit);
            }
        }
        digits[count++] = (int8_t)(half->negative ? -digit : digit);
        (void)mpn_rshift(k, k, 4, 1);
    }
    return count;
}

/* p, 3p, 5p, 7p in affine form, at two inversions. In: p: not infinity. */
static void odd_multiples(struct bn254_g1 table[TABLE_LEN], const struct bn254_g1 *p)
{
    struct bn254_g1 twice;
    struct g1_jacobian multiples[TABLE_LEN];
    struct fp prefix[TABLE_LEN]; /* products of the z up to here */
    g1_add(&twice, p, p);
    multiples[0] = (struct g1_jacobian){p->x, p->y, fp_one};
    prefix[0] = fp_one;
    for (int i = 1; i < TABLE_LEN; i++) {
        multiples[i] = multiples[i - 1];
        g1_add_affine(&multiples[i], &twice);
        fp_mul(&prefix[i], &prefix[i - 1], &multiples[i].z);
    }
    struct fp inverse;
    fp_inv(&inverse, &prefix[TABLE_LEN - 1]);
    for (int i = TABLE_LEN - 1; i >= 1; i--) {
        struct fp z;
        fp_mul(&z, &inverse, &prefix[i - 1]); /* 1 / multiples[i].z */
        fp_mul(&inverse, &inverse, &multiples[i].z);
        g1_scale(&table[i], &multiples[i], &z);
    }
    table[0] = *p;
}

static void add_digit(struct g1_jacobian *sum, const struct bn254_g1 table[TABLE_LEN], int digit)
{
    if (digit == 0) {
        return;
    }
    struct bn254_g1 term = table[(digit < 0 ? -digit : digit) / 2];
    if (digit < 0) {
        fp_neg(&term.y, &term.y);
    }
    g1_add_affine(sum, &term);
}

/* In: p: not infinity. */
static void g1_mul(struct g1_jacobian *sum, const struct bn254_g1 *p, const uint8_t scalar[32])
{
    struct half_scalar k1;
    struct half_scalar k2;
    int8_t digits1[HALF_BITS + 2] = {0};
    int8_t digits2[HALF_BITS + 2] = {0};
    struct bn254_g1 table[TABLE_LEN];
    struct bn254_g1 image[TABLE_LEN];
    scalar_split(scalar, &k1, &k2);
    unsigned count1 = half_digits(&k1, digits1);
    unsigned count2 = half_digits(&k2, digits2);
    odd_multiples(table, p);
    for (int i = 0; i < TABLE_LEN; i++) {
        fp_mul(&image[i].x, &table[i].x, &beta);
        image[i].y = table[i].y;
    }
    memset(sum, 0, sizeof(*sum));
    for (unsigned i = count1 > count2 ? count1 : count2; i-- > 0;) {
        g1_double(sum);
        add_digit(sum, table, digits1[i]);
        add_digit(sum, image, digits2[i]);
    }
}

bool dam_bn254_add(const uint8_t a[64], const uint8_t b[64], uint8_t ret[64])
{
    struct bn254_g1 pa;
    struct bn254_g1 pb;
    if (!g1_read(&pa, a) || !g1_read(&pb, b)) {
        return false;
    }
    g1_add(&pa, &pa, &pb);
    g1_write(ret, &pa);
    return true;
}

bool dam_bn254_mul(const uint8_t point[64], const uint8_t scalar[32], uint8_t ret[64])
{
    struct bn254_g1 p;
    if (!g1_read(&p, point)) {
        return false;
    }
    struct g1_jacobian sum = {0};
    if (!bn254_g1_is_infinity(&p)) {
        g1_mul(&sum, &p, scalar);
    }
    struct fp z_inverse;
    fp_inv(&z_inverse, &sum.z); /* 0 for infinity, which makes (0, 0) */
    g1_scale(&p, &sum, &z_inverse);
    g1_write(ret, &p);
    return true;
}

static bool g2_read(struct bn254_g2 *ret, const uint8_t in[128])
{
    return fp_read(&ret->x.c1, in) && fp_read(&ret->x.c0, in + 32) &&
           fp_read(&ret->y.c1, in + 64) && fp_read(&ret->y.c0, in + 96) &&
           (bn254_g2_is_infinity(ret) || bn254_g2_is_valid(ret));
}

bool dam_bn254_pairing_check(const uint8_t *pairs, size_t count, bool *ret_one)
{
    struct fp12 product = fp12_one;
    while (count > 0) {
        struct bn254_g1 g1[BN254_MILLER_BATCH];
        struct bn254_g2 g2[BN254_MILLER_BATCH];
        size_t used = 0;
        for (; count > 0 && used < BN254_MILLER_BATCH; count--, pairs += DAM_BN254_PAIR_LEN) {
            if (!g1_read(&g1[used], pairs) || !g2_read(&g2[used], pairs + DAM_BN254_G1_LEN)) {
                return false;
            }
            /* A pair with infinity contributes the factor one. */
            if (!bn254_g1_is_infinity(&g1[used]) && !bn254_g2_is_infinity(&g2[used])) {
                used++;
            }
        }
        struct fp12 part;
        bn254_miller_loop(&part, g1, g2, used);
        fp12_mul(&product, &product, &part);
    }
    bn254_final_exponentiation(&product);
    *ret_one = fp12_is_one(&product);
    return true;
}
