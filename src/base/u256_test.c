// SPDX-License-Identifier: Apache-2.0
#include "base/u256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"

/* The slow path: one bit at a time, from the definition. */

static void shift_in(struct dam_u256 *v, bool bit)
{
    for (int i = 3; i > 0; i--) {
        v->w[i] = v->w[i] << 1 | v->w[i - 1] >> 63;
    }
    v->w[0] = v->w[0] << 1 | bit;
}

static bool bit_at(const uint64_t *w, unsigned index)
{
    return (w[index / 64] >> (index % 64) & 1) != 0;
}

static bool slow_lt(const struct dam_u256 *a, const struct dam_u256 *b)
{
    uint8_t x[32];
    uint8_t y[32];
    dam_u256_store_be(x, a);
    dam_u256_store_be(y, b);
    return memcmp(x, y, sizeof(x)) < 0;
}

static void slow_sub(struct dam_u256 *v, const struct dam_u256 *b)
{
    bool borrow = false;
    for (unsigned i = 0; i < 256; i++) {
        bool x = bit_at(v->w, i);
        bool y = bit_at(b->w, i);
        bool out = x ^ y ^ borrow;
        borrow = (!x && (y || borrow)) || (y && borrow);
        v->w[i / 64] = (v->w[i / 64] & ~((uint64_t)1 << i % 64)) | (uint64_t)out << i % 64;
    }
}

/* Long division of up to 512 bits; the quotient keeps its low 256 bits. */
static void slow_divide(const uint64_t *u, unsigned limbs, const struct dam_u256 *d,
                        struct dam_u256 *q, struct dam_u256 *r)
{
    *q = *r = dam_u256_from_u64(0);
    if (dam_u256_is_zero(d)) {
        return;
    }
    for (unsigned i = limbs * 64; i-- > 0;) {
        bool over = bit_at(r->w, 255);
        shift_in(r, bit_at(u, i));
        bool take = over || !slow_lt(r, d);
        if (take) {
            slow_sub(r, d);
        }
        shift_in(q, take);
    }
}

/* Values that break carry chains: few limbs, all ones, one bit, random. */
static struct dam_u256 pick(struct dam_prng *prng)
{
    struct dam_u256 v = {{0, 0, 0, 0}};
    unsigned limbs = (unsigned)dam_prng_below(prng, 5);
    for (unsigned i = 0; i < limbs; i++) {
        switch (dam_prng_below(prng, 5)) {
        case 0:
            v.w[i] = UINT64_MAX;
            break;
        case 1:
            v.w[i] = 0;
            break;
        case 2:
            v.w[i] = (uint64_t)1 << dam_prng_below(prng, 64);
            break;
        case 3:
            v.w[i] = UINT64_MAX - dam_prng_below(prng, 3);
            break;
        default:
            v.w[i] = dam_prng_next(prng);
        }
    }
    return v;
}

static void product(const struct dam_u256 *a, const struct dam_u256 *b, uint64_t wide[8])
{
    memset(wide, 0, 8 * sizeof(wide[0]));
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned j = 0; j < 8; j++) { /* 32-bit digits */
            uint64_t carry =
                (a->w[i / 2] >> i % 2 * 32 & UINT32_MAX) * (b->w[j / 2] >> j % 2 * 32 & UINT32_MAX);
            for (unsigned k = i + j; carry != 0 && k < 16; k++) {
                uint64_t digit = wide[k / 2] >> k % 2 * 32 & UINT32_MAX;
                uint64_t sum = digit + (carry & UINT32_MAX);
                wide[k / 2] = (wide[k / 2] & ~((uint64_t)UINT32_MAX << k % 2 * 32)) |
                              (sum & UINT32_MAX) << k % 2 * 32;
                carry = (carry >> 32) + (sum >> 32);
            }
        }
    }
}

#define ROUNDS 20000

static void test_add_sub_lt(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 7};
    for (int i = 0; i < ROUNDS; i++) {
        struct dam_u256 a = pick(&prng);
        struct dam_u256 b = pick(&prng);
        struct dam_u256 sum;
        struct dam_u256 back;
        struct dam_u256 want = a;
        struct dam_u256 got;
        bool carry = dam_u256_add(&sum, &a, &b);
        assert_int_equal(dam_u256_sub(&back, &sum, &b), carry);
        assert_true(dam_u256_eq(&back, &a));
        assert_int_equal(dam_u256_lt(&a, &b), slow_lt(&a, &b));
        slow_sub(&want, &b);
        assert_int_equal(dam_u256_sub(&got, &a, &b), slow_lt(&a, &b));
        assert_true(dam_u256_eq(&got, &want));
    }
}

static void test_mul(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 8};
    for (int i = 0; i < ROUNDS; i++) {
        struct dam_u256 a = pick(&prng);
        struct dam_u256 b = pick(&prng);
        uint64_t wide[8];
        struct dam_u256 got;
        product(&a, &b, wide);
        dam_u256_mul(&got, &a, &b);
        assert_memory_equal(got.w, wide, sizeof(got.w));
    }
}

static void test_division(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 9};
    for (int i = 0; i < ROUNDS; i++) {
        struct dam_u256 a = pick(&prng);
        struct dam_u256 b = pick(&prng);
        struct dam_u256 m = pick(&prng);
        struct dam_u256 q;
        struct dam_u256 r;
        struct dam_u256 got_q;
        struct dam_u256 got_r;
        uint64_t wide[8];
        slow_divide(a.w, 4, &b, &q, &r);
        dam_u256_divmod(&a, &b, &got_q, &got_r);
        assert_true(dam_u256_eq(&q, &got_q));
        assert_true(dam_u256_eq(&r, &got_r));
        product(&a, &b, wide);
        slow_divide(wide, 8, &m, &q, &r);
        dam_u256_mulmod(&got_r, &a, &b, &m);
        assert_true(dam_u256_eq(&r, &got_r));
        got_r = m; /* outputs may be inputs: the interpreter writes over the modulus */
        dam_u256_mulmod(&got_r, &a, &b, &got_r);
        assert_true(dam_u256_eq(&r, &got_r));
        struct dam_u256 sum;
        wide[4] = dam_u256_add(&sum, &a, &b);
        memcpy(wide, sum.w, sizeof(sum.w));
        slow_divide(wide, 5, &m, &q, &r);
        dam_u256_addmod(&got_r, &a, &b, &m);
        assert_true(dam_u256_eq(&r, &got_r));
        got_r = m;
        dam_u256_addmod(&got_r, &a, &b, &got_r);
        assert_true(dam_u256_eq(&r, &got_r));
    }
}

/* a = q * b + r with |r| < |b| and the sign of a, in two's complement. */
static void test_signed_division(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 10};
    for (int i = 0; i < ROUNDS; i++) {
        struct dam_u256 a = pick(&prng);
        struct dam_u256 b = pick(&prng);
        struct dam_u256 q;
        struct dam_u256 r;
        struct dam_u256 back;
        dam_u256_sdivmod(&a, &b, &q, &r);
        if (dam_u256_is_zero(&b)) {
            assert_true(dam_u256_is_zero(&q) && dam_u256_is_zero(&r));
            continue;
        }
        dam_u256_mul(&back, &q, &b);
        (void)dam_u256_add(&back, &back, &r);
        assert_true(dam_u256_eq(&back, &a));
        assert_true(dam_u256_is_zero(&r) || r.w[3] >> 63 == a.w[3] >> 63);
    }
}

static void test_exp(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 11};
    for (int i = 0; i < 500; i++) {
        struct dam_u256 base = i % 7 == 0 ? dam_u256_from_u64(2) : pick(&prng);
        struct dam_u256 e =
            i % 3 == 0 ? dam_u256_from_u64(dam_prng_below(&prng, 600)) : pick(&prng);
        struct dam_u256 want = dam_u256_from_u64(1);
        struct dam_u256 got;
        for (unsigned bit = 256; bit-- > 0;) {
            dam_u256_mul(&want, &want, &want);
            if (bit_at(e.w, bit)) {
                dam_u256_mul(&want, &want, &base);
            }
        }
        dam_u256_exp(&got, &base, &e);
        assert_true(dam_u256_eq(&got, &want));
    }
}

static void test_shifts(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 12};
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct dam_u256 v = pick(&prng);
        unsigned shift = i % 300;
        struct dam_u256 left;
        struct dam_u256 right;
        struct dam_u256 arithmetic;
        dam_u256_shl(&left, &v, shift);
        dam_u256_shr(&right, &v, shift);
        dam_u256_sar(&arithmetic, &v, shift);
        for (unsigned bit = 0; bit < 256; bit++) {
            bool sign = bit_at(v.w, 255);
            assert_int_equal(bit_at(left.w, bit), bit >= shift && bit_at(v.w, bit - shift));
            assert_int_equal(bit_at(right.w, bit), bit + shift < 256 && bit_at(v.w, bit + shift));
            assert_int_equal(bit_at(arithmetic.w, bit),
                             bit + shift < 256 ? bit_at(v.w, bit + shift) : sign);
        }
    }
}

static void test_signextend(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 13};
    for (unsigned i = 0; i < 5000; i++) {
        struct dam_u256 v = pick(&prng);
        unsigned index = i % 40;
        struct dam_u256 got;
        dam_u256_signextend(&got, index, &v);
        for (unsigned bit = 0; bit < 256; bit++) {
            unsigned from = index < 31 && bit >= index * 8 + 7 ? index * 8 + 7 : bit;
            assert_int_equal(bit_at(got.w, bit), bit_at(v.w, from));
        }
        assert_int_equal(dam_u256_bit_len(&v) == 0, dam_u256_is_zero(&v));
    }
}

static void test_address(void **state)
{
    (void)state;
    struct dam_address address;
    uint8_t bytes[32];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
    struct dam_u256 word = dam_u256_load_be(bytes);
    address = dam_u256_to_address(&word); /* what is above is dropped */
    assert_memory_equal(address.b, bytes + 12, 20);
    memset(bytes, 0, 12);
    struct dam_u256 low = dam_u256_load_be(bytes);
    word = dam_u256_from_address(&address);
    assert_true(dam_u256_eq(&word, &low));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_sub_lt), cmocka_unit_test(test_mul),
        cmocka_unit_test(test_division),   cmocka_unit_test(test_signed_division),
        cmocka_unit_test(test_exp),        cmocka_unit_test(test_shifts),
        cmocka_unit_test(test_signextend), cmocka_unit_test(test_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
