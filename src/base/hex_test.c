// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>

static void round_trip_of_every_byte(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        uint8_t in = (uint8_t)i;
        uint8_t out = 0;
        char text[3];
        dam_hex_encode(&in, 1, text);
        assert_int_equal(dam_hex_decode_exact(text, 2, &out, 1), DAM_OK);
        assert_int_equal(out, in);
    }
}

/* Digits are made several at a time: each byte at each place, and each character read alone. */
static void every_place_and_character(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t in[37];
        char text[75];
        char want[75];
        for (unsigned i = 0; i < sizeof(in); i++) {
            in[i] = (uint8_t)(byte + 89 * i);
            (void)snprintf(want + 2 * i, 3, "%02x", in[i]);
        }
        for (size_t len = 0; len <= sizeof(in); len++) {
            dam_hex_encode(in, len, text);
            assert_int_equal(strlen(text), 2 * len);
            assert_memory_equal(text, want, 2 * len);
        }
        char pair[2] = {'0', (char)byte};
        uint8_t out;
        assert_int_equal(dam_hex_decode_exact(pair, 2, &out, 1) == DAM_OK,
                         isxdigit((int)byte) != 0);
        pair[0] = (char)byte;
        pair[1] = '0';
        assert_int_equal(dam_hex_decode_exact(pair, 2, &out, 1) == DAM_OK,
                         isxdigit((int)byte) != 0);
    }
}

static void bad_text_is_refused(void **state)
{
    (void)state;
    uint8_t out[4];
    size_t len;
    assert_int_equal(dam_hex_decode("0x123", 5, out, 4, &len), DAM_EPARSE);
    assert_int_equal(dam_hex_decode("0xzz", 4, out, 4, &len), DAM_EPARSE);
    assert_int_equal(dam_hex_decode("0x0011223344", 12, out, 4, &len), DAM_EFULL);
    assert_int_equal(dam_hex_decode_exact("0x00", 4, out, 2), DAM_EPARSE);
    assert_int_equal(dam_hex_decode("0x", 2, out, 4, &len), DAM_OK);
    assert_int_equal(len, 0);
}

static void quantities_have_a_limit(void **state)
{
    (void)state;
    uint64_t v;
    assert_int_equal(dam_hex_u64("0xffffffffffffffff", 18, &v), DAM_OK);
    assert_true(v == UINT64_MAX);
    assert_int_equal(dam_hex_u64("0x10000000000000000", 19, &v), DAM_ERANGE);
    assert_int_equal(dam_hex_u64("0x", 2, &v), DAM_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_of_every_byte),
        cmocka_unit_test(every_place_and_character),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(quantities_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
