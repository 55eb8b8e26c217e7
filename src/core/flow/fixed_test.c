// SPDX-License-Identifier: Apache-2.0
#include "core/flow/fixed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void decimal_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned decimals;
        enum dam_err err;
        int64_t value;
    } cases[] = {
        {"0", 0, DAM_OK, 0},
        {"-0.0", 3, DAM_OK, 0},
        {"12.5", 1, DAM_OK, 125},
        {"12.5", 0, DAM_OK, 13},
        {"-12.5", 0, DAM_OK, -13},
        {"12.49999999999999999999999999999999999999999999", 0, DAM_OK, 12},
        {"+.5", 2, DAM_OK, 50},
        {"5.", 2, DAM_OK, 500},
        {"1e3", 0, DAM_OK, 1000},
        {"1.2345E-2", 6, DAM_OK, 12345},
        {"1e-400", 18, DAM_OK, 0},
        {"0e999999999", 0, DAM_OK, 0},
        {"9223372036854775807", 0, DAM_OK, INT64_MAX},
        {"-9223372036854775808", 0, DAM_OK, INT64_MIN},
        {"9223372036854775807.4", 0, DAM_OK, INT64_MAX},
        {"9223372036854775807.5", 0, DAM_ERANGE, 0},
        {"9223372036854775808", 0, DAM_ERANGE, 0},
        {"-9223372036854775809", 0, DAM_ERANGE, 0},
        {"-9223372036854775808", 1, DAM_ERANGE, 0},
        {"1e30", 0, DAM_ERANGE, 0},
        {"99999999999999999999999999999999999999999999999999999999", 0, DAM_ERANGE, 0},
        {"10", 18, DAM_ERANGE, 0},
        {"", 0, DAM_EPARSE, 0},
        {".", 0, DAM_EPARSE, 0},
        {"-", 0, DAM_EPARSE, 0},
        {"1.2.3", 0, DAM_EPARSE, 0},
        {"1e", 0, DAM_EPARSE, 0},
        {"1e+", 0, DAM_EPARSE, 0},
        {" 1", 0, DAM_EPARSE, 0},
        {"1 ", 0, DAM_EPARSE, 0},
        {"0x10", 0, DAM_EPARSE, 0},
        {"nan", 0, DAM_EPARSE, 0},
        {"inf", 0, DAM_EPARSE, 0},
        {"--1", 0, DAM_EPARSE, 0},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        int64_t value = 0;
        enum dam_err err =
            dam_flow_fixed_parse(cases[i].text, strlen(cases[i].text), cases[i].decimals, &value);
        if (err != cases[i].err || value != cases[i].value) {
            fail_msg("%s: %s %lld", cases[i].text, dam_err_name(err), (long long)value);
        }
    }
}

static void formats(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        unsigned decimals;
        const char *text;
    } cases[] = {
        {0, 0, "0"},
        {0, 2, "0.00"},
        {5, 1, "0.5"},
        {-5, 3, "-0.005"},
        {1234, 2, "12.34"},
        {-1234, 0, "-1234"},
        {INT64_MIN, 18, "-9.223372036854775808"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MAX, 4, "922337203685477.5807"},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        char text[DAM_FLOW_FIXED_TEXT_MAX];
        size_t len = dam_flow_fixed_format(cases[i].value, cases[i].decimals, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(len, strlen(text));
    }
}

static void scale_factors(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_int_equal(dam_flow_fixed_scale(1234, -2, &value), DAM_OK);
    assert_int_equal(value, 12);
    assert_int_equal(dam_flow_fixed_scale(-1250, -2, &value), DAM_OK);
    assert_int_equal(value, -13);
    assert_int_equal(dam_flow_fixed_scale(-7, 3, &value), DAM_OK);
    assert_int_equal(value, -7000);
    assert_int_equal(dam_flow_fixed_scale(1, 19, &value), DAM_ERANGE);
    assert_int_equal(dam_flow_fixed_scale(INT64_MIN, 1, &value), DAM_ERANGE);
    assert_int_equal(dam_flow_fixed_scale(INT64_MIN, 0, &value), DAM_OK);
    assert_int_equal(value, INT64_MIN);
    assert_int_equal(dam_flow_fixed_scale(INT64_MAX, -30, &value), DAM_OK);
    assert_int_equal(value, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal_texts),
        cmocka_unit_test(formats),
        cmocka_unit_test(scale_factors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
