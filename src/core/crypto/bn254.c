// SPDX-License-Identifier: Apache-2.0
/* G1 of alt_bn128, y^2 = x^3 + 3, and the encodings. The pairing is in bn254_pairing.c. */
#include "core/crypto/bn254.h"

#include "core/crypto/bn254_pairing.h"

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

static void g1_to_affine(struct bn254_g1 *ret, const struct g1_jacobian *p)
{
    struct fp inverse;
    struct fp square;
    fp_inv(&inverse, &p->z); /* 0 for infinity, which makes (0, 0) */
    fp_mul(&square, &inverse, &inverse);
    fp_mul(&ret->x, &p->x, &square);
    fp_mul(&square, &square, &inverse);
    fp_mul(&ret->y, &p->y, &square);
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
        for (unsigned i = 0; i < 256; i++) {
            g1_double(&sum);
            if (scalar[i / 8] >> (7 - i % 8) & 1) {
                g1_add_affine(&sum, &p);
            }
        }
    }
    g1_to_affine(&p, &sum);
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
