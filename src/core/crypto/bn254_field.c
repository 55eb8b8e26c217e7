// SPDX-License-Identifier: Apache-2.0
/* Montgomery arithmetic. gcc's carry chains through __int128 cost twice the instructions, so x86-64
 * has its own in assembly: additions with what every processor has, the multiplication with MULX
 * where the processor has BMI2 (a test of one cached word a call). The C is the reference, and what
 * other architectures run. */
#include "core/crypto/bn254_field.h"

#include "base/assert.h"
#include "base/attr.h"

#include <gmp.h>

/* p, then -1/p mod 2^64. */
static const uint64_t modulus[5] = {0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d,
                                    0x30644e72e131a029, 0x87d20782e4866389};
/* R^2 and R^3 mod p. */
static const struct fp r2 = {
    {0xf32cfc5b538afa89, 0xb5e71911d44501fb, 0x47ab1eff0a417ff6, 0x06d89f71cab8351f}};
static const struct fp r3 = {
    {0xb1cd6dafda1530df, 0x62f210e6a7283db6, 0xef7f0b0c0ada0afb, 0x20fd6e902d592544}};

typedef unsigned __int128 wide;

/* a - b with a borrow in and out, 0 or 1. */
static inline uint64_t limb_sub(uint64_t a, uint64_t b, uint64_t *borrow)
{
    wide diff = (wide)a - b - *borrow;
    *borrow = (uint64_t)(diff >> 64) & 1;
    return (uint64_t)diff;
}

/* t, below 2p, brought below p. */
static inline void reduce(struct fp *ret, const uint64_t t[4])
{
    uint64_t borrow = 0;
    uint64_t d[4];
    for (int i = 0; i < 4; i++) {
        d[i] = limb_sub(t[i], modulus[i], &borrow);
    }
    for (int i = 0; i < 4; i++) {
        ret->w[i] = borrow != 0 ? t[i] : d[i];
    }
}

/* Coarsely integrated operand scanning; since p is below 2^254 the fifth limb of the running sum is
 * never needed. */
void fp_mul_portable(struct fp *ret, const struct fp *a, const struct fp *b)
{
    uint64_t t[4] = {0};
    for (int i = 0; i < 4; i++) {
        wide product = (wide)a->w[0] * b->w[i] + t[0];
        uint64_t m = (uint64_t)product * modulus[4];
        wide cancel = (wide)m * modulus[0] + (uint64_t)product;
        for (int j = 1; j < 4; j++) {
            product = (wide)a->w[j] * b->w[i] + t[j] + (uint64_t)(product >> 64);
            cancel = (wide)m * modulus[j] + (uint64_t)product + (uint64_t)(cancel >> 64);
            t[j - 1] = (uint64_t)cancel;
        }
        t[3] = (uint64_t)(product >> 64) + (uint64_t)(cancel >> 64);
    }
    reduce(ret, t);
}

#ifdef DAM_X86_64
/* (l0, l1, l2, l3, top) = a * b[offset]; clobbers rdx and x. */
#define MUL_ROW(offset, l0, l1, l2, l3, top)                                                       \
    "movq " offset "(%[b]), %%rdx\n\t"                                                             \
    "mulxq 0(%[a]), %[" l0 "], %[" l1 "]\n\t"                                                      \
    "mulxq 8(%[a]), %[x], %[" l2 "]\n\t"                                                           \
    "addq %[x], %[" l1 "]\n\t"                                                                     \
    "mulxq 16(%[a]), %[x], %[" l3 "]\n\t"                                                          \
    "adcq %[x], %[" l2 "]\n\t"                                                                     \
    "mulxq 24(%[a]), %[x], %[" top "]\n\t"                                                         \
    "adcq %[x], %[" l3 "]\n\t"                                                                     \
    "adcq $0, %[" top "]\n\t"

#define ADD_ROW                                                                                    \
    "addq %[m0], %[t0]\n\t"                                                                        \
    "adcq %[m1], %[t1]\n\t"                                                                        \
    "adcq %[m2], %[t2]\n\t"                                                                        \
    "adcq %[m3], %[t3]\n\t"                                                                        \
    "adcq $0, %[t4]\n\t"

/* t = (t + m p) / 2^64 with the m that makes it divisible. */
#define REDUCE_ROW                                                                                 \
    "movq %[t0], %%rdx\n\t"                                                                        \
    "imulq 32(%[p]), %%rdx\n\t"                                                                    \
    "mulxq 0(%[p]), %[m0], %[m1]\n\t"                                                              \
    "mulxq 8(%[p]), %[x], %[m2]\n\t"                                                               \
    "addq %[x], %[m1]\n\t"                                                                         \
    "mulxq 16(%[p]), %[x], %[m3]\n\t"                                                              \
    "adcq %[x], %[m2]\n\t"                                                                         \
    "mulxq 24(%[p]), %[x], %%rdx\n\t"                                                              \
    "adcq %[x], %[m3]\n\t"                                                                         \
    "adcq $0, %%rdx\n\t"                                                                           \
    "addq %[m0], %[t0]\n\t"                                                                        \
    "adcq %[m1], %[t1]\n\t"                                                                        \
    "movq %[t1], %[t0]\n\t"                                                                        \
    "adcq %[m2], %[t2]\n\t"                                                                        \
    "movq %[t2], %[t1]\n\t"                                                                        \
    "adcq %[m3], %[t3]\n\t"                                                                        \
    "movq %[t3], %[t2]\n\t"                                                                        \
    "adcq %%rdx, %[t4]\n\t"                                                                        \
    "movq %[t4], %[t3]\n\t"

/* m = t - p, or t where that borrows. */
#define REDUCE_ONCE                                                                                \
    "movq %[t0], %[m0]\n\t"                                                                        \
    "movq %[t1], %[m1]\n\t"                                                                        \
    "movq %[t2], %[m2]\n\t"                                                                        \
    "movq %[t3], %[m3]\n\t"                                                                        \
    "subq 0(%[p]), %[m0]\n\t"                                                                      \
    "sbbq 8(%[p]), %[m1]\n\t"                                                                      \
    "sbbq 16(%[p]), %[m2]\n\t"                                                                     \
    "sbbq 24(%[p]), %[m3]\n\t"                                                                     \
    "cmovcq %[t0], %[m0]\n\t"                                                                      \
    "cmovcq %[t1], %[m1]\n\t"                                                                      \
    "cmovcq %[t2], %[m2]\n\t"                                                                      \
    "cmovcq %[t3], %[m3]\n\t"

static void mul_bmi2(struct fp *ret, const struct fp *a, const struct fp *b)
{
    uint64_t t0, t1, t2, t3, t4, m0, m1, m2, m3, x;
    __asm__(MUL_ROW("0", "t0", "t1", "t2", "t3", "t4")
                REDUCE_ROW MUL_ROW("8", "m0", "m1", "m2", "m3", "t4")
                    ADD_ROW REDUCE_ROW MUL_ROW("16", "m0", "m1", "m2", "m3", "t4")
                        ADD_ROW REDUCE_ROW MUL_ROW("24", "m0", "m1", "m2", "m3", "t4")
                            ADD_ROW REDUCE_ROW REDUCE_ONCE
            : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4),
              [m0] "=&r"(m0), [m1] "=&r"(m1), [m2] "=&r"(m2), [m3] "=&r"(m3), [x] "=&r"(x)
            : [a] "r"(a), [b] "r"(b), [p] "r"(modulus)
            : "rdx", "cc", "memory"); /* named operands would need more registers at -O0 */
    *ret = (struct fp){{m0, m1, m2, m3}};
}

void fp_mul(struct fp *ret, const struct fp *a, const struct fp *b)
{
    if (DAM_LIKELY(__builtin_cpu_supports("bmi2"))) {
        mul_bmi2(ret, a, b);
    } else {
        fp_mul_portable(ret, a, b);
    }
}

void fp_add(struct fp *ret, const struct fp *a, const struct fp *b)
{
    uint64_t t0 = a->w[0], t1 = a->w[1], t2 = a->w[2], t3 = a->w[3];
    uint64_t m0, m1, m2, m3;
    __asm__("addq 0(%[b]), %[t0]\n\t"
            "adcq 8(%[b]), %[t1]\n\t"
            "adcq 16(%[b]), %[t2]\n\t"
            "adcq 24(%[b]), %[t3]\n\t" REDUCE_ONCE
            : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [m0] "=&r"(m0),
              [m1] "=&r"(m1), [m2] "=&r"(m2), [m3] "=&r"(m3)
            : [b] "r"(b), [p] "r"(modulus)
            : "cc", "memory");
    *ret = (struct fp){{m0, m1, m2, m3}};
}

void fp_sub(struct fp *ret, const struct fp *a, const struct fp *b)
{
    uint64_t t0 = a->w[0], t1 = a->w[1], t2 = a->w[2], t3 = a->w[3];
    uint64_t m0 = 0, m1 = 0, m2 = 0, m3 = 0;
    /* Add p back where the difference borrowed, else add the zeros. */
    __asm__("subq 0(%[b]), %[t0]\n\t"
            "sbbq 8(%[b]), %[t1]\n\t"
            "sbbq 16(%[b]), %[t2]\n\t"
            "sbbq 24(%[b]), %[t3]\n\t"
            "cmovcq 0(%[p]), %[m0]\n\t"
            "cmovcq 8(%[p]), %[m1]\n\t"
            "cmovcq 16(%[p]), %[m2]\n\t"
            "cmovcq 24(%[p]), %[m3]\n\t"
            "addq %[m0], %[t0]\n\t"
            "adcq %[m1], %[t1]\n\t"
            "adcq %[m2], %[t2]\n\t"
            "adcq %[m3], %[t3]\n\t"
            : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [m0] "+&r"(m0),
              [m1] "+&r"(m1), [m2] "+&r"(m2), [m3] "+&r"(m3)
            : [b] "r"(b), [p] "r"(modulus)
            : "cc", "memory");
    *ret = (struct fp){{t0, t1, t2, t3}};
}

#else

void fp_mul(struct fp *ret, const struct fp *a, const struct fp *b)
{
    fp_mul_portable(ret, a, b);
}

void fp_add(struct fp *ret, const struct fp *a, const struct fp *b)
{
    uint64_t t[4];
    wide sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (wide)a->w[i] + b->w[i];
        t[i] = (uint64_t)sum;
        sum >>= 64;
    }
    reduce(ret, t); /* 2p is below 2^256: no carry out */
}

void fp_sub(struct fp *ret, const struct fp *a, const struct fp *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        ret->w[i] = limb_sub(a->w[i], b->w[i], &borrow);
    }
    uint64_t mask = 0 - borrow;
    wide sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (wide)ret->w[i] + (modulus[i] & mask);
        ret->w[i] = (uint64_t)sum;
        sum >>= 64;
    }
}
#endif

/* GMP's extended Euclid is several times faster than Fermat's exponentiation, and at this size
 * works on the stack. Its first operand must not be the shorter one, so it gets a + p instead of a.
 */
void fp_inv(struct fp *ret, const struct fp *a)
{
    _Static_assert(GMP_NUMB_BITS == 64, "GMP's limbs are ours");
    if (fp_is_zero(a)) {
        *ret = *a;
        return;
    }
    mp_limb_t u[5]; /* the call wants one limb more than the numbers have, and destroys them */
    mp_limb_t v[5] = {modulus[0], modulus[1], modulus[2], modulus[3]};
    mp_limb_t gcd[5];
    mp_limb_t inverse[5];
    mp_size_t inverse_len = 0;
    wide sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (wide)a->w[i] + modulus[i];
        u[i] = (uint64_t)sum;
        sum >>= 64;
    }
    mp_size_t gcd_len = mpn_gcdext(gcd, inverse, &inverse_len, u, 4, v, 4);
    DAM_ASSERT(gcd_len == 1 && gcd[0] == 1); /* p is prime */
    mp_size_t len = inverse_len < 0 ? -inverse_len : inverse_len;
    struct fp out = {{0}};
    for (mp_size_t i = 0; i < len; i++) {
        out.w[i] = inverse[i];
    }
    if (inverse_len < 0) {
        fp_neg(&out, &out);
    }
    /* (a R)^-1 R^3 R^-1 = a^-1 R */
    fp_mul(ret, &out, &r3);
}

bool fp_read(struct fp *ret, const uint8_t in[32])
{
    struct fp value = {
        {dam_load_be64(in + 24), dam_load_be64(in + 16), dam_load_be64(in + 8), dam_load_be64(in)}};
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        (void)limb_sub(value.w[i], modulus[i], &borrow);
    }
    if (borrow == 0) {
        return false;
    }
    fp_mul(ret, &value, &r2);
    return true;
}

void fp_write(uint8_t ret[32], const struct fp *a)
{
    static const struct fp raw_one = {{1}};
    struct fp value;
    fp_mul(&value, a, &raw_one); /* out of Montgomery form */
    for (int i = 0; i < 4; i++) {
        dam_store_be64(ret + 8 * i, value.w[3 - i]);
    }
}

/* Karatsuba: three multiplications. */
void fp2_mul(struct fp2 *ret, const struct fp2 *a, const struct fp2 *b)
{
    struct fp low;
    struct fp high;
    struct fp a_sum;
    struct fp b_sum;
    fp_mul(&low, &a->c0, &b->c0);
    fp_mul(&high, &a->c1, &b->c1);
    fp_add(&a_sum, &a->c0, &a->c1);
    fp_add(&b_sum, &b->c0, &b->c1);
    fp_mul(&a_sum, &a_sum, &b_sum);
    fp_sub(&a_sum, &a_sum, &low);
    fp_sub(&ret->c1, &a_sum, &high);
    fp_sub(&ret->c0, &low, &high);
}

/* (a0 + a1 u)^2 = (a0 + a1)(a0 - a1) + 2 a0 a1 u */
void fp2_sqr(struct fp2 *ret, const struct fp2 *a)
{
    struct fp sum;
    struct fp diff;
    struct fp cross;
    fp_add(&sum, &a->c0, &a->c1);
    fp_sub(&diff, &a->c0, &a->c1);
    fp_mul(&cross, &a->c0, &a->c1);
    fp_mul(&ret->c0, &sum, &diff);
    fp_add(&ret->c1, &cross, &cross);
}

void fp2_inv(struct fp2 *ret, const struct fp2 *a)
{
    struct fp norm;
    struct fp t;
    fp_mul(&norm, &a->c0, &a->c0);
    fp_mul(&t, &a->c1, &a->c1);
    fp_add(&norm, &norm, &t);
    fp_inv(&norm, &norm);
    fp_mul(&ret->c0, &a->c0, &norm);
    fp_mul(&t, &a->c1, &norm);
    fp_neg(&ret->c1, &t);
}

/* (9 + u)(a0 + a1 u) = 9 a0 - a1 + (9 a1 + a0) u */
void fp2_mul_xi(struct fp2 *ret, const struct fp2 *a)
{
    struct fp2 t;
    fp2_add(&t, a, a);
    fp2_add(&t, &t, &t);
    fp2_add(&t, &t, &t);
    fp2_add(&t, &t, a);
    struct fp c0;
    fp_sub(&c0, &t.c0, &a->c1);
    fp_add(&ret->c1, &t.c1, &a->c0);
    ret->c0 = c0;
}
