// SPDX-License-Identifier: Apache-2.0
#include "core/flow/purity.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool pure(const void *data, size_t len)
{
    size_t offset = 0;
    return dam_flow_code_is_pure(dam_bytes(data, len), &offset);
}

/* The list of docs/spec/decision.md section 5, one opcode at a time. */
static void every_opcode_is_judged(void **state)
{
    static const uint8_t refused[] = {0x30, 0x31, 0x32, 0x33, 0x3a, 0x40, 0x41, 0x42, 0x43, 0x44,
                                      0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x54, 0x55, 0x5a, 0x5c,
                                      0x5d, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xf0, 0xf1, 0xf2, 0xf4,
                                      0xf5, 0xfa, 0xff, 0x0c, 0x0f, 0x1f, 0x21, 0x4b, 0xa5, 0xef};
    (void)state;
    for (size_t i = 0; i < sizeof(refused); i++) {
        const uint8_t code[] = {0x5b, refused[i]};
        size_t offset = 0;
        assert_false(dam_flow_code_is_pure(dam_bytes(code, 2), &offset));
        assert_int_equal(offset, 1);
        const uint8_t pushed[] = {0x60, refused[i], 0x5b}; /* data of a push is no opcode */
        assert_true(pure(pushed, 3));
    }
    assert_false(pure("", 0));
    assert_true(pure("\x01\x10\x20\x34\x3b\x3f\x50\x59\x5b\x5e\x5f\x9f\xf3\xfd\xfe", 15));
}

static void a_call_of_a_precompile_is_written_in_one_way(void **state)
{
    (void)state;
    assert_true(pure("\x60\x02\x63\0\0\0\xff\xfa", 8));
    assert_false(pure("\x60\x06\x63\0\0\0\xff\xfa", 8));
    assert_false(pure("\x60\x00\x63\0\0\0\xff\xfa", 8));
    assert_false(pure("\x60\x02\x63\0\0\0\xff\x5b\xfa", 9));
    /* the same bytes, but the first of them belong to a push */
    assert_false(pure("\x61\x60\x02\x63\0\0\0\xff\xfa", 9));
    assert_false(pure("\x60\x60\x02\x63\0\0\0\xff\xfa", 9));
}

static void addresses_are_found(void **state)
{
    uint8_t code[128];
    struct dam_address found[2];
    (void)state;
    memset(code, 0, sizeof(code));
    code[0] = 0x7f; /* as an immutable stands there */
    memset(code + 13, 0xaa, 20);
    code[33] = 0x73;
    memset(code + 34, 0xbb, 20);
    code[54] = 0x73; /* a mask */
    memset(code + 55, 0xff, 20);
    code[75] = 0x73; /* the first again */
    memset(code + 76, 0xaa, 20);
    code[96] = 0x7f; /* cut off by the end */
    assert_int_equal(dam_flow_code_addresses(dam_bytes(code, 110), found, 2), 2);
    assert_int_equal(found[0].b[0], 0xaa);
    assert_int_equal(found[1].b[19], 0xbb);
    assert_int_equal(dam_flow_code_addresses(dam_bytes(code, 110), found, 1), 2);
    code[1] = 1; /* longer than an address */
    assert_int_equal(dam_flow_code_addresses(dam_bytes(code, 54), found, 2), 1);
}

/* No bytes lead outside of the code. */
static void random_code_is_read_within_its_end(void **state)
{
    struct dam_prng prng = {.state = 7};
    (void)state;
    for (size_t round = 0; round < 20000; round++) {
        uint8_t code[64];
        struct dam_address found[4];
        size_t len = dam_prng_next(&prng) % sizeof(code);
        size_t offset = 0;
        for (size_t i = 0; i < len; i++) {
            code[i] = (uint8_t)dam_prng_next(&prng);
        }
        if (!dam_flow_code_is_pure(dam_bytes(code, len), &offset)) {
            assert_true(len == 0 || offset < len);
        }
        (void)dam_flow_code_addresses(dam_bytes(code, len), found, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_opcode_is_judged),
        cmocka_unit_test(a_call_of_a_precompile_is_written_in_one_way),
        cmocka_unit_test(addresses_are_found),
        cmocka_unit_test(random_code_is_read_within_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
