// SPDX-License-Identifier: Apache-2.0
#include "base/u256.h"

#include "base/attr.h"

/* Division is Knuth's algorithm D with the reciprocals of Möller and Granlund, "Improved division
 * by invariant integers" (IEEE Trans. Computers 2011): a quotient limb costs two or three
 * multiplications instead of a division instruction of 40 to 90 cycles. */

typedef unsigned __int128 u128; /* a scalar's name, as uint64_t is */

#define SET4(v, a, b, c, d)                                                                        \
    do {                                                                                           \
        (v)->w[0] = (a);                                                                           \
        (v)->w[1] = (b);                                                                           \
        (v)->w[2] = (c);                                                                           \
        (v)->w[3] = (d);                                                                           \
    } while (0)

/* First approximation of the reciprocal: floor((2^19 - 3 * 2^8) / d9) for d9 = 256..511. */
#define R1(d9) ((uint16_t)(0x7fd00u / (d9)))
#define R4(d9) R1(d9), R1((d9) + 1), R1((d9) + 2), R1((d9) + 3)
#define R16(d9) R4(d9), R4((d9) + 4), R4((d9) + 8), R4((d9) + 12)
#define R64(d9) R16(d9), R16((d9) + 16), R16((d9) + 32), R16((d9) + 48)
static const uint16_t reciprocal_table[256] = {R64(256), R64(320), R64(384), R64(448)};

static inline uint64_t mul_high(uint64_t a, uint64_t b)
{
    return (uint64_t)((u128)a * b >> 64);
}

/* floor((2^128 - 1) / d) - 2^64 for d with its top bit set (the paper's algorithm 2). */
static uint64_t reciprocal_2by1(uint64_t d)
{
    const uint64_t d0 = d & 1;
    const uint64_t d40 = (d >> 24) + 1;
    const uint64_t d63 = (d >> 1) + d0;
    const uint64_t v0 = reciprocal_table[(d >> 55) - 256];
    const uint64_t v1 = (v0 << 11) - (v0 * v0 * d40 >> 40) - 1;
    const uint64_t v2 = (v1 << 13) + (v1 * (0x1000000000000000u - v1 * d40) >> 47);
    const uint64_t e = ((v2 >> 1) & (0 - d0)) - v2 * d63;
    const uint64_t v3 = (mul_high(v2, e) >> 1) + (v2 << 31);
    return v3 - (uint64_t)(((u128)v3 * d + d) >> 64) - d;
}

/* The same for a two-limb divisor (algorithm 6). */
static uint64_t reciprocal_3by2(uint64_t d1, uint64_t d0)
{
    uint64_t v = reciprocal_2by1(d1);
    uint64_t p = d1 * v + d0;
    if (p < d0) {
        v--;
        if (p >= d1) {
            v--;
            p -= d1;
        }
        p -= d1;
    }
    const u128 t = (u128)v * d0;
    p += (uint64_t)(t >> 64);
    if (p < (uint64_t)(t >> 64)) {
        v--;
        if (p > d1 || (p == d1 && (uint64_t)t >= d0)) {
            v--;
        }
    }
    return v;
}

/* One limb of quotient of (u1, u0) by d; u1 < d (algorithm 4). */
static inline uint64_t divide_2by1(uint64_t u1, uint64_t u0, uint64_t d, uint64_t v,
                                   uint64_t *ret_r)
{
    const u128 q = (u128)v * u1 + ((u128)u1 << 64 | u0);
    uint64_t q1 = (uint64_t)(q >> 64) + 1;
    uint64_t r = u0 - q1 * d;
    if (r > (uint64_t)q) {
        q1--;
        r += d;
    }
    if (DAM_UNLIKELY(r >= d)) {
        q1++;
        r -= d;
    }
    *ret_r = r;
    return q1;
}

/* One limb of quotient of (u2, u1, u0) by d; (u2, u1) < d (algorithm 5). */
static inline uint64_t divide_3by2(uint64_t u2, uint64_t u1, uint64_t u0, u128 d, uint64_t v,
                                   u128 *ret_r)
{
    const uint64_t d1 = (uint64_t)(d >> 64);
    const u128 q = (u128)v * u2 + ((u128)u2 << 64 | u1);
    uint64_t q1 = (uint64_t)(q >> 64);
    const uint64_t r1 = u1 - q1 * d1;
    u128 r = ((u128)r1 << 64 | u0) - (u128)(uint64_t)d * q1 - d;
    q1++;
    if ((uint64_t)(r >> 64) >= (uint64_t)q) {
        q1--;
        r += d;
    }
    if (DAM_UNLIKELY(r >= d)) {
        q1++;
        r -= d;
    }
    *ret_r = r;
    return q1;
}

/* u -= q * d over n limbs. Returns: what is still to be taken from the limb above. */
static inline uint64_t submul(uint64_t *u, const uint64_t *d, unsigned n, uint64_t q)
{
    uint64_t borrow = 0;
    for (unsigned i = 0; i < n; i++) {
        const u128 p = (u128)q * d[i] + borrow;
        const uint64_t before = u[i];
        u[i] = before - (uint64_t)p;
        borrow = (uint64_t)(p >> 64) + (before < (uint64_t)p);
    }
    return borrow;
}

/* u += d over n limbs. Returns: the carry. */
static inline uint64_t add_back(uint64_t *u, const uint64_t *d, unsigned n)
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < n; i++) {
        const u128 sum = (u128)u[i] + d[i] + carry;
        u[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    return carry;
}

/* Divide u (un + 1 limbs, the top one less than the divisor's) by the normalised d of n >= 2 limbs,
 * in place: the remainder stays in u[0..n), quotient limbs go to q[0..un - n]. */
static inline void divide_long(uint64_t *u, unsigned un, const uint64_t *d, unsigned n, uint64_t *q)
{
    const uint64_t d1 = d[n - 1];
    const uint64_t d0 = d[n - 2];
    const u128 top = (u128)d1 << 64 | d0;
    const uint64_t v = reciprocal_3by2(d1, d0);
    for (unsigned j = un - n + 1; j-- > 0;) {
        const uint64_t u2 = u[j + n];
        const uint64_t u1 = u[j + n - 1];
        uint64_t qhat;
        if (DAM_UNLIKELY(((u128)u2 << 64 | u1) == top)) {
            qhat = UINT64_MAX;
            u[j + n] = u2 - submul(u + j, d, n, qhat);
        } else {
            u128 r;
            qhat = divide_3by2(u2, u1, u[j + n - 2], top, v, &r);
            const uint64_t over = submul(u + j, d, n - 2, qhat);
            const bool negative = r < over;
            r -= over;
            u[j + n - 2] = (uint64_t)r;
            u[j + n - 1] = (uint64_t)(r >> 64);
            if (DAM_UNLIKELY(negative)) {
                qhat--;
                (void)add_back(u + j, d, n);
            }
            u[j + n] = 0;
        }
        q[j] = qhat;
    }
}

static inline unsigned limb_count(const uint64_t *w, unsigned n)
{
    while (n > 0 && w[n - 1] == 0) {
        n--;
    }
    return n;
}

/* A limb of two shifted up, and back down. `>> 1 >> (63 - up)` is a shift by 64 - up without the
 * undefined shift by 64. */
static inline uint64_t shift_in(uint64_t high, uint64_t low, unsigned up)
{
    return high << up | low >> 1 >> (63 - up);
}

static inline uint64_t shift_out(uint64_t high, uint64_t low, unsigned up)
{
    return low >> up | high << 1 << (63 - up);
}

/* Divide u (u_len limbs, a constant in each copy) by d (not zero). Of q, u_len limbs, only those
 * that may not be zero are written; *r may be d. */
DAM_ALWAYS_INLINE void divide(const uint64_t *u, unsigned u_len, const struct dam_u256 *d,
                              uint64_t *q, struct dam_u256 *r)
{
    const unsigned n = limb_count(d->w, 4);
    unsigned un = limb_count(u, u_len);
    const unsigned up = (unsigned)__builtin_clzll(d->w[n - 1]);
    uint64_t num[9];
    if (un < n) {
        for (unsigned i = 0; i < 4; i++) {
            r->w[i] = u[i];
        }
        return;
    }
    num[u_len] = u[u_len - 1] >> 1 >> (63 - up);
    for (unsigned i = u_len; i-- > 1;) {
        num[i] = shift_in(u[i], u[i - 1], up);
    }
    num[0] = u[0] << up;
    const uint64_t den[4] = {d->w[0] << up, shift_in(d->w[1], d->w[0], up),
                             shift_in(d->w[2], d->w[1], up), shift_in(d->w[3], d->w[2], up)};
    if (num[un] == 0 && num[un - 1] < den[n - 1]) {
        un--; /* the highest limb of the quotient is zero */
    }
    /* The length is a constant in each copy, so that the inner loops unroll. */
    if (n == 1) {
        const uint64_t v = reciprocal_2by1(den[0]);
        uint64_t rest = num[un];
        for (unsigned i = un; i-- > 0;) {
            q[i] = divide_2by1(rest, num[i], den[0], v, &rest);
        }
        SET4(r, rest >> up, 0, 0, 0);
    } else if (n == 2) {
        divide_long(num, un, den, 2, q);
        SET4(r, shift_out(num[1], num[0], up), num[1] >> up, 0, 0);
    } else if (n == 3) {
        divide_long(num, un, den, 3, q);
        SET4(r, shift_out(num[1], num[0], up), shift_out(num[2], num[1], up), num[2] >> up, 0);
    } else {
        divide_long(num, un, den, 4, q);
        SET4(r, shift_out(num[1], num[0], up), shift_out(num[2], num[1], up),
             shift_out(num[3], num[2], up), num[3] >> up);
    }
}

void dam_u256_divmod(const struct dam_u256 *a, const struct dam_u256 *b,
                     struct dam_u256 *ret_quotient, struct dam_u256 *ret_remainder)
{
    uint64_t q[4] = {0, 0, 0, 0};
    struct dam_u256 r = {{0, 0, 0, 0}};
    if ((b->w[1] | b->w[2] | b->w[3] | a->w[1] | a->w[2] | a->w[3]) == 0) {
        if (b->w[0] != 0) {
            q[0] = a->w[0] / b->w[0];
            r.w[0] = a->w[0] % b->w[0];
        }
    } else if (!dam_u256_is_zero(b)) {
        divide(a->w, 4, b, q, &r);
    }
    if (ret_quotient != NULL) {
        SET4(ret_quotient, q[0], q[1], q[2], q[3]);
    }
    if (ret_remainder != NULL) {
        SET4(ret_remainder, r.w[0], r.w[1], r.w[2], r.w[3]);
    }
}

static void negate_if(struct dam_u256 *v, bool negative)
{
    const struct dam_u256 zero = {{0, 0, 0, 0}};
    if (negative) {
        (void)dam_u256_sub(v, &zero, v);
    }
}

void dam_u256_sdivmod(const struct dam_u256 *a, const struct dam_u256 *b,
                      struct dam_u256 *ret_quotient, struct dam_u256 *ret_remainder)
{
    const bool a_negative = (a->w[3] >> 63) != 0;
    const bool b_negative = (b->w[3] >> 63) != 0;
    struct dam_u256 a_abs = *a;
    struct dam_u256 b_abs = *b;
    negate_if(&a_abs, a_negative);
    negate_if(&b_abs, b_negative);
    dam_u256_divmod(&a_abs, &b_abs, ret_quotient, ret_remainder);
    if (ret_quotient != NULL) {
        negate_if(ret_quotient, a_negative != b_negative);
    }
    if (ret_remainder != NULL) {
        negate_if(ret_remainder, a_negative);
    }
}

void dam_u256_addmod(struct dam_u256 *ret, const struct dam_u256 *a, const struct dam_u256 *b,
                     const struct dam_u256 *m)
{
    if (m->w[3] != 0 && a->w[3] <= m->w[3] && b->w[3] <= m->w[3]) {
        /* The usual case, a field's prime: both are below 2m, two subtractions do. */
        struct dam_u256 x;
        struct dam_u256 y;
        struct dam_u256 sum;
        struct dam_u256 less;
        if (dam_u256_sub(&x, a, m)) {
            x = *a;
        }
        if (dam_u256_sub(&y, b, m)) {
            y = *b;
        }
        const bool carry = dam_u256_add(&sum, &x, &y);
        const bool borrow = dam_u256_sub(&less, &sum, m);
        *ret = carry || !borrow ? less : sum;
        return;
    }
    if (dam_u256_is_zero(m)) {
        *ret = *m;
        return;
    }
    struct dam_u256 sum;
    uint64_t wide[5];
    uint64_t quotient[5];
    wide[4] = dam_u256_add(&sum, a, b);
    memcpy(wide, sum.w, sizeof(sum.w));
    divide(wide, 5, m, quotient, ret);
}

void dam_u256_mulmod(struct dam_u256 *ret, const struct dam_u256 *a, const struct dam_u256 *b,
                     const struct dam_u256 *m)
{
    if (dam_u256_is_zero(m)) {
        *ret = *m;
        return;
    }
    uint64_t wide[8] = {0};
    uint64_t quotient[8];
    for (unsigned i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (unsigned j = 0; j < 4; j++) {
            const u128 p = (u128)a->w[i] * b->w[j] + wide[i + j] + carry;
            wide[i + j] = (uint64_t)p;
            carry = (uint64_t)(p >> 64);
        }
        wide[i + 4] = carry;
    }
    divide(wide, 8, m, quotient, ret);
}

static inline void square(struct dam_u256 *ret, const struct dam_u256 *v)
{
    const uint64_t v0 = v->w[0], v1 = v->w[1], v2 = v->w[2], v3 = v->w[3];
    u128 p = (u128)v0 * v1;
    uint64_t r1 = (uint64_t)p;
    uint64_t r2 = (uint64_t)(p >> 64);
    uint64_t r3 = v0 * v3 + v1 * v2;
    (void)dam_u256_add_product(&r2, &r3, (u128)v0 * v2);
    r3 = r3 << 1 | r2 >> 63;
    r2 = r2 << 1 | r1 >> 63;
    r1 = r1 << 1;
    p = (u128)v0 * v0;
    ret->w[0] = (uint64_t)p;
    const bool carry = dam_u256_add_product(&r1, &r2, (uint64_t)(p >> 64));
    r3 += carry;
    (void)dam_u256_add_product(&r2, &r3, (u128)v1 * v1);
    ret->w[1] = r1;
    ret->w[2] = r2;
    ret->w[3] = r3;
}

/* Four bits of exponent at a time: 256 squarings and at most 64 multiplications, where bit by bit
 * needs up to 256 of each. */
void dam_u256_exp(struct dam_u256 *ret, const struct dam_u256 *base,
                  const struct dam_u256 *exponent)
{
    const unsigned bits = dam_u256_bit_len(exponent);
    if (dam_u256_eq(base, &(struct dam_u256){{2, 0, 0, 0}})) {
        const struct dam_u256 one = dam_u256_from_u64(1);
        dam_u256_shl(ret, &one, bits > 8 ? 256 : exponent->w[0]);
        return;
    }
    struct dam_u256 result = dam_u256_from_u64(1);
    if (bits <= 8) { /* no table for the small ones that contracts are full of */
        struct dam_u256 power = *base;
        for (uint64_t e = exponent->w[0]; e != 0; e >>= 1) {
            if ((e & 1) != 0) {
                dam_u256_mul(&result, &result, &power);
            }
            square(&power, &power);
        }
        *ret = result;
        return;
    }
    struct dam_u256 powers[16];
    powers[0] = result;
    powers[1] = *base;
    for (unsigned i = 2; i < 16; i++) {
        dam_u256_mul(&powers[i], &powers[i - 1], base);
    }
    for (unsigned digit = (bits + 3) / 4; digit-- > 0;) {
        const unsigned nibble = exponent->w[digit / 16] >> (digit % 16 * 4) & 15;
        for (unsigned i = 0; i < 4; i++) {
            square(&result, &result);
        }
        if (nibble != 0) {
            dam_u256_mul(&result, &result, &powers[nibble]);
        }
    }
    *ret = result;
}

void dam_u256_signextend(struct dam_u256 *ret, uint64_t index, const struct dam_u256 *v)
{
    struct dam_u256 out;
    const unsigned up = (unsigned)(31 - (index < 31 ? index : 31)) * 8;
    dam_u256_shl(&out, v, up);
    dam_u256_sar(ret, &out, up);
}
