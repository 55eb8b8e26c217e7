// SPDX-License-Identifier: Apache-2.0
#include "chain/calldata.h"

#include "base/heap.h"
#include "signer/typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The signer must be able to read every batch that is made here, byte for byte. */
static void test_execute_is_what_the_signer_reads(void **state)
{
    struct dam_arena arena;
    struct dam_calldata_call calls[2] = {{.target = {{1}}}, {.target = {{2}}}};
    struct dam_policy_call read[DAM_POLICY_CALLS_MAX];
    struct dam_bytes data;
    uint32_t count = 0;
    const struct dam_u256 words[] = {dam_calldata_word(&calls[1].target), dam_u256_from_u64(50)};
    (void)state;
    dam_arena_init(&arena, dam_heap(), 0);
    assert_int_equal(
        dam_calldata_make(&arena, "approve(address,uint256)", words, 2, &calls[0].data), DAM_OK);
    assert_int_equal(dam_calldata_make(&arena, "collect(uint32)", words + 1, 1, &calls[1].data),
                     DAM_OK);
    assert_int_equal(calls[0].data.len, 68);
    assert_memory_equal(calls[0].data.data, "\x09\x5e\xa7\xb3", 4);
    for (size_t n = 1; n <= 2; n++) {
        assert_int_equal(dam_calldata_execute(&arena, calls, n, &data), DAM_OK);
        assert_true(dam_signer_decode_execute(data, read, &count));
        assert_int_equal(count, n);
        for (size_t i = 0; i < n; i++) {
            assert_true(dam_address_eq(&read[i].target, &calls[i].target));
            assert_true(dam_u256_is_zero(&read[i].value));
            assert_true(dam_bytes_eq(read[i].data, calls[i].data));
        }
    }
    dam_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_execute_is_what_the_signer_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
