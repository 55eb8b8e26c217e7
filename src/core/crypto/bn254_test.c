// SPDX-License-Identifier: Apache-2.0
/* The group laws and bilinearity on random scalars; the vectors with known answers are
 * precompile_vectors_test.c's. */
#include "core/crypto/bn254.h"

#include "base/hex.h"
#include "base/prng.h"
#include "core/crypto/bn254_field.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t generator[64] = {[31] = 1, [63] = 2};
static const char g2_generator[] =
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";
/* On the twist at x = 1, not of order r. */
static const char g2_outside[] = "0000000000000000000000000000000000000000000000000000000000000000"
                                 "0000000000000000000000000000000000000000000000000000000000000001"
                                 "0d1271953ed9ea0836846e70a1934187998c7f790cb4d7511b7f8da82de048a4"
                                 "2869111d5381f072f8e2728fdb825a51aadd70e52c9830e9ab4b871c0531f1bb";
static const char order_hex[] = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
static const char modulus_hex[] =
    "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";

static void from_hex(const char *text, uint8_t *ret, size_t len)
{
    assert_int_equal(dam_hex_decode_exact(text, strlen(text), ret, len), DAM_OK);
}

static void fp_random(struct dam_prng *prng, struct fp *ret)
{
    uint8_t bytes[32];
    do {
        dam_prng_fill(prng, bytes, 32);
        bytes[0] &= 0x3f;
    } while (!fp_read(ret, bytes));
}

/* Fast and slow multiplication agree, also at the edges, and the field is a field. */
static void field(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 1};
    struct fp edges[4] = {{{0}}, fp_one};
    fp_neg(&edges[2], &edges[1]);
    fp_add(&edges[3], &edges[1], &edges[1]);
    for (int i = 0; i < 3000; i++) {
        struct fp a, b, c, fast, slow, left, right;
        fp_random(&prng, &a);
        fp_random(&prng, &b);
        fp_random(&prng, &c);
        a = i < 16 ? edges[i / 4] : a;
        b = i < 16 ? edges[i % 4] : b;
        fp_mul(&fast, &a, &b);
        fp_mul_portable(&slow, &a, &b);
        assert_true(fp_eq(&fast, &slow));
        fp_add(&left, &a, &b);
        fp_mul(&left, &left, &c);
        fp_mul(&right, &b, &c);
        fp_mul(&fast, &a, &c);
        fp_add(&right, &right, &fast);
        assert_true(fp_eq(&left, &right));
        fp_sub(&left, &a, &b);
        fp_add(&left, &left, &b);
        assert_true(fp_eq(&left, &a));
        fp_inv(&left, &a);
        fp_mul(&left, &left, &a);
        assert_true(fp_is_zero(&a) ? fp_is_zero(&left) : fp_eq(&left, &fp_one));
    }
}

static void coordinates_are_below_p(void **state)
{
    (void)state;
    uint8_t bytes[32];
    uint8_t back[32];
    struct fp value;
    from_hex(modulus_hex, bytes, 32);
    assert_false(fp_read(&value, bytes));
    bytes[31]--;
    assert_true(fp_read(&value, bytes));
    fp_write(back, &value);
    assert_memory_equal(back, bytes, 32);
    memset(bytes, 0xff, 32);
    assert_false(fp_read(&value, bytes));
}

static void multiplication_is_repeated_addition(void **state)
{
    (void)state;
    uint8_t sum[64] = {0};
    uint8_t scalar[32] = {0};
    uint8_t product[64];
    for (unsigned k = 0; k < 200; k++) {
        scalar[31] = (uint8_t)k;
        assert_true(dam_bn254_mul(generator, scalar, product));
        assert_memory_equal(product, sum, 64);
        assert_true(dam_bn254_add(sum, generator, sum));
    }
}

static void scalars_wrap_at_the_order(void **state)
{
    (void)state;
    static const uint8_t infinity[64];
    uint8_t scalar[32];
    uint8_t product[64];
    uint8_t want[64];
    from_hex(order_hex, scalar, 32);
    assert_true(dam_bn254_mul(generator, scalar, product));
    assert_memory_equal(product, infinity, 64);
    scalar[31]++;
    assert_true(dam_bn254_mul(generator, scalar, product));
    assert_memory_equal(product, generator, 64);
    memset(scalar, 0xff, 32);
    from_hex("2f588cffe99db877a4434b598ab28f81e0522910ea52b45f0adaa772b2d5d352"
             "12f42fa8fd34fb1b33d8c6a718b6590198389b26fc9d8808d971f8b009777a97",
             want, 64);
    assert_true(dam_bn254_mul(generator, scalar, product));
    assert_memory_equal(product, want, 64);
}

static void points_off_the_curve_are_refused(void **state)
{
    (void)state;
    uint8_t bad[64] = {[31] = 1, [63] = 3};
    uint8_t scalar[32] = {0};
    uint8_t ret[64];
    assert_false(dam_bn254_add(bad, generator, ret));
    assert_false(dam_bn254_add(generator, bad, ret));
    assert_false(dam_bn254_mul(bad, scalar, ret));
}

/* e(aG, Q) e(bG, Q) ... = e((a + b + ...) G, Q), with 3, 9 and 20 pairs: a part of a batch, one
 * more than a batch, several batches. */
static void pairing_is_bilinear(void **state)
{
    (void)state;
    static const size_t counts[] = {3, 9, 20};
    struct dam_prng prng = {.state = 9};
    uint8_t pairs[20 * 192];
    for (size_t test = 0; test < 3; test++) {
        size_t count = counts[test];
        uint8_t sum[64] = {0};
        bool one = false;
        for (size_t i = 0; i + 1 < count; i++) {
            uint8_t scalar[32];
            dam_prng_fill(&prng, scalar, 32);
            assert_true(dam_bn254_mul(generator, scalar, pairs + 192 * i));
            assert_true(dam_bn254_add(sum, pairs + 192 * i, sum));
            from_hex(g2_generator, pairs + 192 * i + 64, 128);
        }
        uint8_t *last = pairs + 192 * (count - 1);
        uint8_t minus_one[32];
        from_hex(order_hex, minus_one, 32);
        minus_one[31]--;
        assert_true(dam_bn254_mul(sum, minus_one, last));
        from_hex(g2_generator, last + 64, 128);
        assert_true(dam_bn254_pairing_check(pairs, count, &one));
        assert_true(one);
        assert_true(dam_bn254_add(last, generator, last));
        assert_true(dam_bn254_pairing_check(pairs, count, &one));
        assert_false(one);
    }
}

static void pairing_with_infinity(void **state)
{
    (void)state;
    uint8_t pair[192] = {0};
    bool one = false;
    assert_true(dam_bn254_pairing_check(NULL, 0, &one));
    assert_true(one);
    one = false;
    assert_true(dam_bn254_pairing_check(pair, 1, &one));
    assert_true(one);
    memcpy(pair, generator, 64);
    one = false;
    assert_true(dam_bn254_pairing_check(pair, 1, &one));
    assert_true(one);
    from_hex(g2_generator, pair + 64, 128);
    assert_true(dam_bn254_pairing_check(pair, 1, &one));
    assert_false(one);
}

static void points_outside_the_subgroup_are_refused(void **state)
{
    (void)state;
    uint8_t pair[192] = {0}; /* refused even beside infinity */
    bool one;
    from_hex(g2_outside, pair + 64, 128);
    assert_false(dam_bn254_pairing_check(pair, 1, &one));
    pair[191] ^= 1; /* not even on the twist */
    assert_false(dam_bn254_pairing_check(pair, 1, &one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field),
        cmocka_unit_test(coordinates_are_below_p),
        cmocka_unit_test(multiplication_is_repeated_addition),
        cmocka_unit_test(scalars_wrap_at_the_order),
        cmocka_unit_test(points_off_the_curve_are_refused),
        cmocka_unit_test(pairing_is_bilinear),
        cmocka_unit_test(pairing_with_infinity),
        cmocka_unit_test(points_outside_the_subgroup_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
