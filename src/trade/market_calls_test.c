// SPDX-License-Identifier: Apache-2.0
#include "trade/market_calls.h"

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

/* What a buyer pays is never above its price, and one tick more would be. */
static void test_ticks_below(void **state)
{
    uint8_t tick = 7;
    (void)state;
    for (unsigned t = 0; t < 256; t++) {
        int64_t price = (int64_t)(t + 1) * 400;
        assert_int_equal(dam_trade_tick_below(price, 5, 6, 4, &tick), DAM_OK);
        assert_int_equal(tick, t);
        assert_int_equal(dam_trade_tick_below(price + 399, 5, 6, 4, &tick), DAM_OK);
        assert_int_equal(tick, t);
    }
    assert_int_equal(dam_trade_tick_below(399, 5, 6, 4, &tick), DAM_ERANGE);
    assert_int_equal(dam_trade_tick_below(0, 5, 6, 4, &tick), DAM_ERANGE);
    assert_int_equal(dam_trade_tick_below(-5, 5, 6, 4, &tick), DAM_ERANGE);
    assert_int_equal(dam_trade_tick_below(1 << 30, 5, 6, 4, &tick), DAM_OK);
    assert_int_equal(tick, 255);
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

static void test_amounts(void **state)
{
    (void)state;
    struct dam_u256 amount = dam_trade_amount(1250, 2, 6); /* 12.50 */
    assert_true(dam_u256_eq(&amount, &(struct dam_u256){{12500000}}));
    amount = dam_trade_amount(1999, 3, 0); /* nothing smaller than one */
    assert_true(dam_u256_eq(&amount, &(struct dam_u256){{1}}));
    amount = dam_trade_amount(-1, 0, 6);
    assert_true(dam_u256_is_zero(&amount));
    amount = dam_trade_amount(1, 19, 6);
    assert_true(dam_u256_is_zero(&amount));
    amount = dam_trade_amount(1, 0, 18);
    assert_true(dam_u256_eq(&amount, &(struct dam_u256){{UINT64_C(1000000000000000000)}}));
    /* and back */
    amount = dam_trade_amount(INT64_MAX, 0, 0);
    assert_int_equal(dam_trade_reading(&amount, 1, 0, 0), INT64_MAX);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_ticks_below),
        cmocka_unit_test(test_tick_bounds),
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_energy_and_intervals),
        cmocka_unit_test(test_readings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
