// SPDX-License-Identifier: Apache-2.0
#include "trade/market_calls.h"

#include "base/heap.h"
#include "signer/typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* For every tick: its own price gives it, a hundredth of a step more gives the next. */
static void test_ticks(void **state)
{
    (void)state;
    for (unsigned t = 0; t < 256; t++) {
        uint8_t tick = 0;
        int64_t price = (int64_t)(t + 1) * 400; /* 4 units of 1e-6 a Wh are 0.004 a kWh: 400e-5 */
        assert_int_equal(dam_trade_tick(price, 5, 6, 4, &tick), DAM_OK);
        assert_int_equal(tick, t);
        assert_int_equal(dam_trade_tick(price - 399, 5, 6, 4, &tick), DAM_OK);
        assert_int_equal(tick, t);
        assert_int_equal(dam_trade_tick(price + 1, 5, 6, 4, &tick), t == 255 ? DAM_ERANGE : DAM_OK);
        assert_int_equal(tick, t == 255 ? 255 : t + 1);
    }
}

static void test_tick_bounds(void **state)
{
    uint8_t tick = 7;
    (void)state;
    assert_int_equal(dam_trade_tick(0, 5, 6, 4, &tick), DAM_OK);
    assert_int_equal(tick, 0);
    assert_int_equal(dam_trade_tick(-5, 5, 6, 4, &tick), DAM_OK);
    assert_int_equal(tick, 0);
    assert_int_equal(dam_trade_tick(INT64_MAX, 0, 18, 1, &tick), DAM_ERANGE);
    assert_int_equal(dam_trade_tick(1, 19, 6, 4, &tick), DAM_ERANGE);
    assert_int_equal(dam_trade_tick(1, 5, 6, 0, &tick), DAM_ERANGE);
    /* a token of 18 decimals: 1 a kWh is 1e15 units a Wh */
    assert_int_equal(dam_trade_tick(1, 0, 18, 100000000000000, &tick), DAM_OK);
    assert_int_equal(tick, 9);
}

static void test_energy_and_intervals(void **state)
{
    (void)state;
    assert_int_equal(dam_trade_energy(-1, 0), 0);
    assert_int_equal(dam_trade_energy(1999, 3), 1);
    assert_int_equal(dam_trade_energy(INT64_MAX, 0), INT64_MAX);
    /* The gate of interval 10 closes at 9000 - 300: place() refuses from that second on. */
    assert_int_equal(dam_trade_interval(8699, 900, 300), 10);
    assert_int_equal(dam_trade_interval(8700, 900, 300), 11);
    assert_int_equal(dam_trade_interval(9000, 900, 300), 11);
    assert_int_equal(dam_trade_interval(8999, 900, 0), 10);
}

static void test_readings(void **state)
{
    struct dam_u256 amount = dam_u256_from_u64(276);
    (void)state;
    assert_int_equal(dam_trade_reading(&amount, 1000, 6, 5), 27600); /* 0.276 a kWh */
    amount = dam_u256_from_u64(200999999);
    assert_int_equal(dam_trade_reading(&amount, 1, 6, 2), 20099);
    dam_u256_shl(&amount, &amount, 100);
    assert_int_equal(dam_trade_reading(&amount, 1, 6, 2), INT64_MAX);
}

/* The signer must be able to read every batch that is made here, byte for byte. */
static void test_execute_is_what_the_signer_reads(void **state)
{
    struct dam_arena arena;
    struct dam_trade_call calls[2] = {{.target = {{1}}}, {.target = {{2}}}};
    struct dam_policy_call read[DAM_POLICY_CALLS_MAX];
    struct dam_bytes data;
    uint32_t count = 0;
    const struct dam_u256 words[] = {dam_trade_word(&calls[1].target), dam_u256_from_u64(50)};
    (void)state;
    dam_arena_init(&arena, dam_heap(), 0);
    assert_int_equal(
        dam_trade_calldata(&arena, "approve(address,uint256)", words, 2, &calls[0].data), DAM_OK);
    assert_int_equal(dam_trade_calldata(&arena, "collect(uint32)", words + 1, 1, &calls[1].data),
                     DAM_OK);
    assert_int_equal(calls[0].data.len, 68);
    assert_memory_equal(calls[0].data.data, "\x09\x5e\xa7\xb3", 4);
    for (size_t n = 1; n <= 2; n++) {
        assert_int_equal(dam_trade_execute(&arena, calls, n, &data), DAM_OK);
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
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_tick_bounds),
        cmocka_unit_test(test_energy_and_intervals),
        cmocka_unit_test(test_readings),
        cmocka_unit_test(test_execute_is_what_the_signer_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
