// SPDX-License-Identifier: Apache-2.0
/* G2 is y^2 = x^3 + 3/(9+u) over Fp2, the D-type twist: (x, y) stands for (x w^2, y w^3) on the
 * curve over Fp12. The curve's parameter is x0; p and the group order r are polynomials in it. */
#include "core/crypto/bn254_pairing.h"

#include "base/assert.h"

typedef unsigned __int128 uint128;

#define X0 UINT64_C(4965661367192848881)
#define X0_TOP_BIT 62
#define LOOP ((uint128)6 * X0 + 2)
#define LOOP_TOP_BIT 65

/* The non-adjacent form of n: the sum of 2^i over the bits of PLUS less that over MINUS. */
#define NAF_PLUS(n) ((((n) >> 1) + (n)) & ~((n) >> 1))
#define NAF_MINUS(n) (((n) >> 1) & ~(((n) >> 1) + (n)))

/* 3/(9+u) */
static const struct fp2 twist_b = {
    {{0x3bf938e377b802a8, 0x020b1b273633535d, 0x26b7edf049755260, 0x2514c6324384a86d}},
    {{0x38e7ecccd1dcff67, 0x65f0b37d93ce0d3e, 0xd749d0dd22ac00aa, 0x0141b9ce4a688d4d}}};
static const struct fp half = {
    {0x87bee7d24f060572, 0xd0fd2add2f1c6ae5, 0x8f5f7492fcfd4f44, 0x1f37631a3d9cbfac}};

/* Homogeneous: (X/Z, Y/Z); Z = 0 is infinity. */
struct projective {
    struct fp2 x;
    struct fp2 y;
    struct fp2 z;
};

/* The line through two points of the twist, not yet evaluated in G1: its value at (x, y) is
 * y0 y + x1 x w + c3 v w, up to a factor in Fp2 that the final exponentiation removes. */
struct line {
    struct fp2 y0;
    struct fp2 x1;
    struct fp2 c3;
};

static void fp2_triple(struct fp2 *ret, const struct fp2 *a)
{
    struct fp2 twice;
    fp2_add(&twice, a, a);
    fp2_add(ret, &twice, a);
}

/* p = 2p and the tangent: Costello, Lange and Naehrig, eprint 2009/615, section 5, in the form of
 * Aranha et al., eprint 2010/526, section 4. */
static void double_step(struct projective *p, struct line *ret)
{
    struct fp2 a, b, c, e, f, g, h, t;
    fp2_mul(&a, &p->x, &p->y);
    fp2_mul_fp(&a, &a, &half);
    fp2_sqr(&b, &p->y);
    fp2_sqr(&c, &p->z);
    fp2_triple(&t, &c);
    fp2_mul(&e, &t, &twist_b);
    fp2_triple(&f, &e);
    fp2_add(&g, &b, &f);
    fp2_mul_fp(&g, &g, &half);
    fp2_add(&h, &p->y, &p->z);
    fp2_sqr(&h, &h);
    fp2_sub(&h, &h, &b);
    fp2_sub(&h, &h, &c); /* 2 y z */
    fp2_sub(&ret->c3, &e, &b);
    fp2_sqr(&t, &p->x);
    fp2_triple(&ret->x1, &t);
    fp2_neg(&ret->y0, &h);
    fp2_sub(&f, &b, &f);
    fp2_mul(&p->x, &a, &f);
    fp2_sqr(&e, &e);
    fp2_triple(&e, &e);
    fp2_sqr(&g, &g);
    fp2_sub(&p->y, &g, &e);
    fp2_mul(&p->z, &b, &h);
}

/* p = p + q and the chord. In: neither is infinity and their x differ. */
static void add_step(struct projective *p, const struct bn254_g2 *q, struct line *ret)
{
    struct fp2 dx, dy, c, d, e, f, g, h, t;
    fp2_mul(&t, &q->y, &p->z);
    fp2_sub(&dy, &p->y, &t);
    fp2_mul(&t, &q->x, &p->z);
    fp2_sub(&dx, &p->x, &t);
    fp2_sqr(&c, &dy);
    fp2_sqr(&d, &dx);
    fp2_mul(&e, &dx, &d);
    fp2_mul(&f, &p->z, &c);
    fp2_mul(&g, &p->x, &d);
    fp2_add(&h, &e, &f);
    fp2_sub(&h, &h, &g);
    fp2_sub(&h, &h, &g);
    fp2_mul(&t, &p->y, &e);
    fp2_mul(&p->x, &dx, &h);
    fp2_sub(&g, &g, &h);
    fp2_mul(&g, &g, &dy);
    fp2_sub(&p->y, &g, &t);
    fp2_mul(&p->z, &p->z, &e);
    fp2_mul(&t, &q->x, &dy);
    fp2_mul(&ret->c3, &q->y, &dx);
    fp2_sub(&ret->c3, &t, &ret->c3);
    ret->y0 = dx;
    fp2_neg(&ret->x1, &dy);
}

/* p = p + q for any p and q but q at infinity: what comes from outside may be any point of the
 * twist, whose order has small factors. */
static void add_any(struct projective *p, const struct bn254_g2 *q)
{
    struct line unused;
    struct fp2 t;
    if (fp2_is_zero(&p->z)) {
        *p = (struct projective){q->x, q->y, {fp_one, {{0}}}};
        return;
    }
    fp2_mul(&t, &q->x, &p->z);
    if (!fp2_eq(&t, &p->x)) {
        add_step(p, q, &unused);
        return;
    }
    fp2_mul(&t, &q->y, &p->z);
    if (fp2_eq(&t, &p->y)) {
        double_step(p, &unused);
    } else {
        memset(p, 0, sizeof(*p));
    }
}

static void g2_neg(struct bn254_g2 *ret, const struct bn254_g2 *p)
{
    ret->x = p->x;
    fp2_neg(&ret->y, &p->y);
}

/* [x0] p. Returns: false if that is infinity. */
static bool g2_mul_x0(struct bn254_g2 *ret, const struct bn254_g2 *p)
{
    struct line unused;
    struct bn254_g2 minus;
    struct projective sum = {p->x, p->y, {fp_one, {{0}}}};
    g2_neg(&minus, p);
    for (int i = X0_TOP_BIT - 1; i >= 0; i--) {
        double_step(&sum, &unused);
        if (NAF_PLUS(X0) >> i & 1) {
            add_any(&sum, p);
        } else if (NAF_MINUS(X0) >> i & 1) {
            add_any(&sum, &minus);
        }
    }
    if (fp2_is_zero(&sum.z)) {
        return false;
    }
    fp2_inv(&sum.z, &sum.z);
    fp2_mul(&ret->x, &sum.x, &sum.z);
    fp2_mul(&ret->y, &sum.y, &sum.z);
    return true;
}

/* The p-power map psi has the eigenvalue p on G2, and for this curve membership is equivalent to
 * [x0 + 1] Q + psi([x0] Q) + psi^2([x0] Q) = psi^3([2 x0] Q): El Housni, Guillevic and Piellard,
 * eprint 2022/352, section 4. A quarter of the work of [r] Q = 0. */
static bool in_subgroup(const struct bn254_g2 *q)
{
    struct bn254_g2 a;
    if (!g2_mul_x0(&a, q)) {
        return false;
    }
    struct projective sum = {q->x, q->y, {fp_one, {{0}}}};
    add_any(&sum, &a);
    struct bn254_g2 image = a;
    bn254_twist_frobenius(&image.x, &image.y, 1);
    add_any(&sum, &image);
    image = a;
    bn254_twist_frobenius(&image.x, &image.y, 2);
    add_any(&sum, &image);
    image = a;
    bn254_twist_frobenius(&image.x, &image.y, 3);
    struct bn254_g2 minus;
    g2_neg(&minus, &image);
    add_any(&sum, &minus); /* once here; the other one is the comparison */
    fp2_mul(&a.x, &image.x, &sum.z);
    fp2_mul(&a.y, &image.y, &sum.z);
    return !fp2_is_zero(&sum.z) && fp2_eq(&sum.x, &a.x) && fp2_eq(&sum.y, &a.y);
}

bool bn254_g2_is_valid(const struct bn254_g2 *p)
{
    struct fp2 left;
    struct fp2 right;
    fp2_sqr(&left, &p->y);
    fp2_sqr(&right, &p->x);
    fp2_mul(&right, &right, &p->x);
    fp2_add(&right, &right, &twist_b);
    return fp2_eq(&left, &right) && in_subgroup(p);
}

static void multiply_line(struct fp12 *f, const struct line *line, const struct bn254_g1 *p)
{
    struct fp2 l0;
    struct fp2 l1;
    fp2_mul_fp(&l0, &line->y0, &p->y);
    fp2_mul_fp(&l1, &line->x1, &p->x);
    fp12_mul_line(f, f, &l0, &l1, &line->c3);
}

/* Vercauteren's optimal ate: f_{6 x0 + 2, Q}(P), then the lines through psi(Q) and -psi^2(Q). The
 * points are of order r, so no step meets infinity or equal x. */
void bn254_miller_loop(struct fp12 *ret, const struct bn254_g1 *g1, const struct bn254_g2 *g2,
                       size_t count)
{
    DAM_ASSERT(count <= BN254_MILLER_BATCH);
    struct projective t[BN254_MILLER_BATCH];
    struct bn254_g2 minus[BN254_MILLER_BATCH];
    struct fp12 f = fp12_one;
    struct line line;
    for (size_t k = 0; k < count; k++) {
        t[k] = (struct projective){g2[k].x, g2[k].y, {fp_one, {{0}}}};
        g2_neg(&minus[k], &g2[k]);
    }
    for (int i = LOOP_TOP_BIT - 1; i >= 0; i--) {
        fp12_sqr(&f, &f);
        bool plus_here = NAF_PLUS(LOOP) >> i & 1;
        bool minus_here = NAF_MINUS(LOOP) >> i & 1;
        for (size_t k = 0; k < count; k++) {
            double_step(&t[k], &line);
            multiply_line(&f, &line, &g1[k]);
            if (plus_here || minus_here) {
                add_step(&t[k], plus_here ? &g2[k] : &minus[k], &line);
                multiply_line(&f, &line, &g1[k]);
            }
        }
    }
    for (size_t k = 0; k < count; k++) {
        struct bn254_g2 image = g2[k];
        bn254_twist_frobenius(&image.x, &image.y, 1);
        add_step(&t[k], &image, &line);
        multiply_line(&f, &line, &g1[k]);
        image = minus[k];
        bn254_twist_frobenius(&image.x, &image.y, 2);
        add_step(&t[k], &image, &line);
        multiply_line(&f, &line, &g1[k]);
    }
    *ret = f;
}

/* a^x0 in the cyclotomic subgroup, where the conjugate is the inverse. */
static void power_x0(struct fp12 *ret, const struct fp12 *a)
{
    struct fp12 inverse;
    struct fp12 out = *a;
    fp12_conj(&inverse, a);
    for (int i = X0_TOP_BIT - 1; i >= 0; i--) {
        fp12_cyclotomic_sqr(&out, &out);
        if (NAF_PLUS(X0) >> i & 1) {
            fp12_mul(&out, &out, a);
        } else if (NAF_MINUS(X0) >> i & 1) {
            fp12_mul(&out, &out, &inverse);
        }
    }
    *ret = out;
}

/* Fuentes-Castaneda, Knapp and Rodriguez-Henriquez, "Faster hashing to G2", section 5: the hard
 * part is f^(l0 + l1 p + l2 p^2 + l3 p^3) with l2 = 12 x0^3 + 6 x0^2 + 6 x0, l1 = l2 - 2 x0,
 * l0 = l2 + 6 x0^2 + 1 and l3 = l1 - 1. */
void bn254_final_exponentiation(struct fp12 *f)
{
    struct fp12 m, t, x2, x6, xx6, l1, l2;
    /* Easy part: f^((p^6 - 1)(p^2 + 1)). */
    fp12_inv(&t, f);
    fp12_conj(&m, f);
    fp12_mul(&m, &m, &t);
    fp12_frobenius(&t, &m, 2);
    fp12_mul(&m, &m, &t);

    power_x0(&x2, &m);
    fp12_cyclotomic_sqr(&x2, &x2); /* m^(2 x0) */
    fp12_cyclotomic_sqr(&x6, &x2);
    fp12_mul(&x6, &x6, &x2); /* m^(6 x0) */
    power_x0(&xx6, &x6);     /* m^(6 x0^2) */
    fp12_cyclotomic_sqr(&t, &xx6);
    power_x0(&t, &t); /* m^(12 x0^3) */
    fp12_mul(&l2, &t, &xx6);
    fp12_mul(&l2, &l2, &x6);
    fp12_conj(&t, &x2);
    fp12_mul(&l1, &l2, &t);

    fp12_mul(&t, &l2, &xx6);
    fp12_mul(f, &t, &m); /* m^l0 */
    fp12_frobenius(&t, &l1, 1);
    fp12_mul(f, f, &t);
    fp12_frobenius(&t, &l2, 2);
    fp12_mul(f, f, &t);
    fp12_conj(&t, &m);
    fp12_mul(&t, &t, &l1); /* m^l3 */
    fp12_frobenius(&t, &t, 3);
    fp12_mul(f, f, &t);
}
