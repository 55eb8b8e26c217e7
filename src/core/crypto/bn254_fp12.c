// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/bn254_fp12.h"

#include "base/assert.h"

const struct fp12 fp12_one = {
    .c0.b0.c0 = {{0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f}}};

/* xi^(i (p^k - 1) / 6) for k = 1, 2, 3 and i = 1..5: what w^i picks up under the p^k-power map. */
static const struct fp2 frobenius[3][5] = {
    {
        {{{0xaf9ba69633144907, 0xca6b1d7387afb78a, 0x11bded5ef08a2087, 0x02f34d751a1f3a7c}},
         {{0xa222ae234c492d72, 0xd00f02a4565de15b, 0xdc2ff3a253dfc926, 0x10a75716b3899551}}},
        {{{0xb5773b104563ab30, 0x347f91c8a9aa6454, 0x7a007127242e0991, 0x1956bcd8118214ec}},
         {{0x6e849f1ea0aa4757, 0xaa1c7b6d89f89141, 0xb6e713cdfae0ca3a, 0x26694fbb4e82ebc3}}},
        {{{0xe4bbdd0c2936b629, 0xbb30f162e133bacb, 0x31a9d1b6f9645366, 0x253570bea500f8dd}},
         {{0xa1d77ce45ffe77c7, 0x07affd117826d1db, 0x6d16bd27bb7edc6b, 0x2c87200285defecc}}},
        {{{0x7361d77f843abe92, 0xa5bb2bd3273411fb, 0x9c941f314b3e2399, 0x15df9cddbb9fd3ec}},
         {{0x5dddfd154bd8c949, 0x62cb29a5a4445b60, 0x37bc870a0c7dd2b9, 0x24830a9d3171f0fd}}},
        {{{0xc970692f41690fe7, 0xe240342127694b0b, 0x32bee66b83c459e8, 0x12aabced0ab08841}},
         {{0x0d485d2340aebfa9, 0x05193418ab2fcc57, 0xd3b0a40b8a4910f5, 0x2f21ebb535d2925a}}},
    },
    {
        {{{0xca8d800500fa1bf2, 0xf0c5d61468b39769, 0x0e201271ad0d4418, 0x04290f65bad856e6}},
         {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000}}},
        {{{0x3350c88e13e80b9c, 0x7dce557cdb5e56b9, 0x6001b4b8b615564a, 0x2682e617020217e0}},
         {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000}}},
        {{{0x68c3488912edefaa, 0x8d087f6872aabf4f, 0x51e1a24709081231, 0x2259d6b14729c0fa}},
         {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000}}},
        {{{0x71930c11d782e155, 0xa6bb947cffbe3323, 0xaa303344d4741444, 0x2c3b3f0d26594943}},
         {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000}}},
        {{{0x08cfc388c494f1ab, 0x19b315148d1373d4, 0x584e90fdcb6c0213, 0x09e1685bdf2f8849}},
         {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000}}},
    },
    {
        {{{0x365316184e46d97d, 0x0af7129ed4c96d9f, 0x659da72fca1009b5, 0x08116d8983a20d23}},
         {{0xb1df4af7c39c1939, 0x3d9f02878a73bf7f, 0x9b2220928caf0ae0, 0x26684515eff054a6}}},
        {{{0xc9af22f716ad6bad, 0xb311782a4aa662b2, 0x19eeaf64e248c7f4, 0x20273e77e3439f82}},
         {{0xacc02860f7ce93ac, 0x3933d5817ba76b4c, 0x69e6188b446c8467, 0x0a46036d4417cc55}}},
        {{{0x5764af0aaf46471e, 0xdc50792e873e0fc1, 0x86a673ff881d04f6, 0x0b2eddb43c30a74c}},
         {{0x9a490f32787e8580, 0x8fd16d7ff04af8b1, 0x4b39888ec6027bf2, 0x03dd2e705b52a15d}}},
        {{{0x448a93a57b6762df, 0xbfd62df528fdeadf, 0xd858f5d00e9bd47a, 0x06b03d4d3476ec58}},
         {{0x2b19daf4bcc936d1, 0xa1a54e7a56f4299f, 0xb533eee05adeaef1, 0x170c812b84dda0b2}}},
        {{{0xe0bc4b2275cf559f, 0xc238b945c154e60f, 0x803982a5929a7d5e, 0x15ce052df7e4a37e}},
         {{0x2d28efbdbf3799a7, 0x9b097e3c1ad60773, 0x982d4113af4a535b, 0x24e18991e3056063}}},
    },
};

static void fp6_add(struct fp6 *ret, const struct fp6 *a, const struct fp6 *b)
{
    fp2_add(&ret->b0, &a->b0, &b->b0);
    fp2_add(&ret->b1, &a->b1, &b->b1);
    fp2_add(&ret->b2, &a->b2, &b->b2);
}

static void fp6_sub(struct fp6 *ret, const struct fp6 *a, const struct fp6 *b)
{
    fp2_sub(&ret->b0, &a->b0, &b->b0);
    fp2_sub(&ret->b1, &a->b1, &b->b1);
    fp2_sub(&ret->b2, &a->b2, &b->b2);
}

/* a times v: the coefficients move up and the last comes round times xi. */
static void fp6_mul_v(struct fp6 *ret, const struct fp6 *a)
{
    struct fp2 top;
    fp2_mul_xi(&top, &a->b2);
    ret->b2 = a->b1;
    ret->b1 = a->b0;
    ret->b0 = top;
}

/* (x0 + x1)(y0 + y1) - p0 - p1, the middle term of Karatsuba. */
static void cross(struct fp2 *ret, const struct fp2 *x0, const struct fp2 *x1, const struct fp2 *y0,
                  const struct fp2 *y1, const struct fp2 *p0, const struct fp2 *p1)
{
    struct fp2 x;
    struct fp2 y;
    fp2_add(&x, x0, x1);
    fp2_add(&y, y0, y1);
    fp2_mul(&x, &x, &y);
    fp2_sub(&x, &x, p0);
    fp2_sub(ret, &x, p1);
}

/* Toom-like with six multiplications: Devegili et al., eprint 2006/471, section 4. */
static void fp6_mul(struct fp6 *ret, const struct fp6 *a, const struct fp6 *b)
{
    struct fp2 p0;
    struct fp2 p1;
    struct fp2 p2;
    struct fp2 m01;
    struct fp2 m02;
    struct fp2 m12;
    fp2_mul(&p0, &a->b0, &b->b0);
    fp2_mul(&p1, &a->b1, &b->b1);
    fp2_mul(&p2, &a->b2, &b->b2);
    cross(&m12, &a->b1, &a->b2, &b->b1, &b->b2, &p1, &p2);
    cross(&m01, &a->b0, &a->b1, &b->b0, &b->b1, &p0, &p1);
    cross(&m02, &a->b0, &a->b2, &b->b0, &b->b2, &p0, &p2);
    fp2_mul_xi(&m12, &m12);
    fp2_add(&ret->b0, &p0, &m12);
    fp2_add(&ret->b2, &m02, &p1);
    fp2_mul_xi(&p2, &p2);
    fp2_add(&ret->b1, &m01, &p2);
}

/* a times (y0 + y1 v): five multiplications. */
static void fp6_mul_01(struct fp6 *ret, const struct fp6 *a, const struct fp2 *y0,
                       const struct fp2 *y1)
{
    struct fp2 p0;
    struct fp2 p1;
    struct fp2 m01;
    struct fp2 high;
    struct fp2 low;
    fp2_mul(&p0, &a->b0, y0);
    fp2_mul(&p1, &a->b1, y1);
    cross(&m01, &a->b0, &a->b1, y0, y1, &p0, &p1);
    fp2_mul(&high, &a->b2, y1);
    fp2_mul(&low, &a->b2, y0);
    fp2_mul_xi(&high, &high);
    fp2_add(&ret->b0, &p0, &high);
    ret->b1 = m01;
    fp2_add(&ret->b2, &low, &p1);
}

/* Beuchat et al., eprint 2010/354, algorithm 17. */
static void fp6_inv(struct fp6 *ret, const struct fp6 *a)
{
    struct fp2 t0;
    struct fp2 t1;
    struct fp2 t2;
    struct fp2 product;
    struct fp2 norm;
    fp2_sqr(&t0, &a->b0);
    fp2_mul(&product, &a->b1, &a->b2);
    fp2_mul_xi(&product, &product);
    fp2_sub(&t0, &t0, &product); /* b0^2 - xi b1 b2 */
    fp2_sqr(&t1, &a->b2);
    fp2_mul_xi(&t1, &t1);
    fp2_mul(&product, &a->b0, &a->b1);
    fp2_sub(&t1, &t1, &product); /* xi b2^2 - b0 b1 */
    fp2_sqr(&t2, &a->b1);
    fp2_mul(&product, &a->b0, &a->b2);
    fp2_sub(&t2, &t2, &product); /* b1^2 - b0 b2 */

    fp2_mul(&norm, &a->b2, &t1);
    fp2_mul(&product, &a->b1, &t2);
    fp2_add(&norm, &norm, &product);
    fp2_mul_xi(&norm, &norm);
    fp2_mul(&product, &a->b0, &t0);
    fp2_add(&norm, &norm, &product);
    fp2_inv(&norm, &norm);
    fp2_mul(&ret->b0, &t0, &norm);
    fp2_mul(&ret->b1, &t1, &norm);
    fp2_mul(&ret->b2, &t2, &norm);
}

bool fp12_is_one(const struct fp12 *a)
{
    return memcmp(a, &fp12_one, sizeof(*a)) == 0; /* elements are always reduced */
}

void fp12_mul(struct fp12 *ret, const struct fp12 *a, const struct fp12 *b)
{
    struct fp6 low;
    struct fp6 high;
    struct fp6 a_sum;
    struct fp6 b_sum;
    fp6_mul(&low, &a->c0, &b->c0);
    fp6_mul(&high, &a->c1, &b->c1);
    fp6_add(&a_sum, &a->c0, &a->c1);
    fp6_add(&b_sum, &b->c0, &b->c1);
    fp6_mul(&a_sum, &a_sum, &b_sum);
    fp6_sub(&a_sum, &a_sum, &low);
    fp6_sub(&ret->c1, &a_sum, &high);
    fp6_mul_v(&high, &high);
    fp6_add(&ret->c0, &low, &high);
}

/* (c0 + c1 w)^2 with two multiplications: (c0 + c1)(c0 + v c1) - c0 c1 - v c0 c1 + 2 c0 c1 w. */
void fp12_sqr(struct fp12 *ret, const struct fp12 *a)
{
    struct fp6 product;
    struct fp6 sum;
    struct fp6 other;
    fp6_mul(&product, &a->c0, &a->c1);
    fp6_add(&sum, &a->c0, &a->c1);
    fp6_mul_v(&other, &a->c1);
    fp6_add(&other, &other, &a->c0);
    fp6_mul(&sum, &sum, &other);
    fp6_sub(&sum, &sum, &product);
    fp6_mul_v(&other, &product);
    fp6_sub(&ret->c0, &sum, &other);
    fp6_add(&ret->c1, &product, &product);
}

/* (c0 - c1 w) / (c0^2 - v c1^2) */
void fp12_inv(struct fp12 *ret, const struct fp12 *a)
{
    struct fp6 norm;
    struct fp6 t;
    fp6_mul(&norm, &a->c0, &a->c0);
    fp6_mul(&t, &a->c1, &a->c1);
    fp6_mul_v(&t, &t);
    fp6_sub(&norm, &norm, &t);
    fp6_inv(&norm, &norm);
    fp6_mul(&ret->c0, &a->c0, &norm);
    fp6_mul(&t, &a->c1, &norm);
    static const struct fp6 zero;
    fp6_sub(&ret->c1, &zero, &t);
}

void fp12_conj(struct fp12 *ret, const struct fp12 *a)
{
    static const struct fp6 zero;
    ret->c0 = a->c0;
    fp6_sub(&ret->c1, &zero, &a->c1);
}

static void frobenius_term(struct fp2 *ret, const struct fp2 *a, unsigned power, unsigned i)
{
    struct fp2 t = *a;
    if (power % 2 == 1) {
        fp2_conj(&t, &t);
    }
    if (i > 0) {
        fp2_mul(&t, &t, &frobenius[power - 1][i - 1]);
    }
    *ret = t;
}

void fp12_frobenius(struct fp12 *ret, const struct fp12 *a, unsigned power)
{
    DAM_ASSERT(power >= 1 && power <= 3);
    frobenius_term(&ret->c0.b0, &a->c0.b0, power, 0);
    frobenius_term(&ret->c1.b0, &a->c1.b0, power, 1);
    frobenius_term(&ret->c0.b1, &a->c0.b1, power, 2);
    frobenius_term(&ret->c1.b1, &a->c1.b1, power, 3);
    frobenius_term(&ret->c0.b2, &a->c0.b2, power, 4);
    frobenius_term(&ret->c1.b2, &a->c1.b2, power, 5);
}

void bn254_twist_frobenius(struct fp2 *x, struct fp2 *y, unsigned power)
{
    frobenius_term(x, x, power, 2);
    frobenius_term(y, y, power, 3);
}

/* (x + y s)^2 in Fp4 = Fp2[s]/(s^2 - xi): *even = x^2 + xi y^2, *odd = 2 x y. */
static void fp4_sqr(struct fp2 *even, struct fp2 *odd, const struct fp2 *x, const struct fp2 *y)
{
    struct fp2 xx;
    struct fp2 yy;
    struct fp2 sum;
    fp2_sqr(&xx, x);
    fp2_sqr(&yy, y);
    fp2_add(&sum, x, y);
    fp2_sqr(&sum, &sum);
    fp2_sub(&sum, &sum, &xx);
    fp2_sub(odd, &sum, &yy);
    fp2_mul_xi(&yy, &yy);
    fp2_add(even, &xx, &yy);
}

/* 3 t - 2 a */
static void combine_minus(struct fp2 *ret, const struct fp2 *t, const struct fp2 *a)
{
    struct fp2 d;
    fp2_sub(&d, t, a);
    fp2_add(&d, &d, &d);
    fp2_add(ret, &d, t);
}

/* 3 t + 2 a */
static void combine_plus(struct fp2 *ret, const struct fp2 *t, const struct fp2 *a)
{
    struct fp2 d;
    fp2_add(&d, t, a);
    fp2_add(&d, &d, &d);
    fp2_add(ret, &d, t);
}

/* Granger and Scott, eprint 2009/565, section 3.2: three squarings in Fp4, on the coefficients of
 * (1, vw), (w, v^2), (v, v^2 w). */
void fp12_cyclotomic_sqr(struct fp12 *ret, const struct fp12 *a)
{
    struct fp2 even;
    struct fp2 odd;
    struct fp12 out;
    fp4_sqr(&even, &odd, &a->c0.b0, &a->c1.b1);
    combine_minus(&out.c0.b0, &even, &a->c0.b0);
    combine_plus(&out.c1.b1, &odd, &a->c1.b1);
    fp4_sqr(&even, &odd, &a->c1.b0, &a->c0.b2);
    combine_minus(&out.c0.b1, &even, &a->c0.b1);
    combine_plus(&out.c1.b2, &odd, &a->c1.b2);
    fp4_sqr(&even, &odd, &a->c0.b1, &a->c1.b2);
    combine_minus(&out.c0.b2, &even, &a->c0.b2);
    fp2_mul_xi(&odd, &odd);
    combine_plus(&out.c1.b0, &odd, &a->c1.b0);
    *ret = out;
}

void fp12_mul_line(struct fp12 *ret, const struct fp12 *a, const struct fp2 *l0,
                   const struct fp2 *l1, const struct fp2 *l3)
{
    struct fp6 low;
    struct fp6 high;
    struct fp6 sum;
    struct fp2 l01;
    fp2_mul(&low.b0, &a->c0.b0, l0);
    fp2_mul(&low.b1, &a->c0.b1, l0);
    fp2_mul(&low.b2, &a->c0.b2, l0);
    fp6_mul_01(&high, &a->c1, l1, l3);
    fp6_add(&sum, &a->c0, &a->c1);
    fp2_add(&l01, l0, l1);
    fp6_mul_01(&sum, &sum, &l01, l3);
    fp6_sub(&sum, &sum, &low);
    fp6_sub(&ret->c1, &sum, &high);
    fp6_mul_v(&high, &high);
    fp6_add(&ret->c0, &low, &high);
}
