// SPDX-License-Identifier: Apache-2.0
#include "base/u256_text.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void random_numbers_survive_both_forms(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 7};
    for (int i = 0; i < 10000; i++) {
        struct dam_u256 in = {{0}};
        struct dam_u256 out;
        char text[DAM_U256_DEC_SIZE];
        dam_prng_fill(&prng, (uint8_t *)in.w, dam_prng_below(&prng, 33));
        size_t len = dam_u256_to_dec(&in, text);
        assert_int_equal(dam_u256_from_dec(text, len, &out), DAM_OK);
        assert_true(dam_u256_eq(&in, &out));
        len = dam_u256_to_hex(&in, text);
        assert_int_equal(dam_u256_from_hex(text, len, &out), DAM_OK);
        assert_true(dam_u256_eq(&in, &out));
    }
}

static void limits(void **state)
{
    (void)state;
    struct dam_u256 v;
    char text[DAM_U256_DEC_SIZE];
    const char *over =
        "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    assert_int_equal(dam_u256_from_dec(over, 78, &v), DAM_ERANGE);
    assert_int_equal(dam_u256_from_dec("", 0, &v), DAM_EPARSE);
    assert_int_equal(dam_u256_from_dec("12a", 3, &v), DAM_EPARSE);
    assert_int_equal(dam_u256_from_hex("0x", 2, &v), DAM_EPARSE);
    v = dam_u256_from_u64(0);
    assert_int_equal(dam_u256_to_dec(&v, text), 1);
    assert_string_equal(text, "0");
    assert_int_equal(dam_u256_to_hex(&v, text), 3);
    assert_string_equal(text, "0x0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers_survive_both_forms),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
