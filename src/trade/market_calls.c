// SPDX-License-Identifier: Apache-2.0
#include "trade/market_calls.h"

#define TICK_MAX 255u
#define DECIMALS_MAX 18u
#define WH_PER_KWH 1000u

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t power = 1;
    for (unsigned i = 0; i < exponent; i++) {
        power *= 10;
    }
    return power;
}

/* A price in steps of the ladder, rounded down. The price at tick t is (t + 1) * step. */
static enum dam_err steps_of(int64_t price, unsigned decimals, unsigned token_decimals,
                             uint64_t step, uint64_t *ret, bool *ret_exact)
{
    if (decimals > DECIMALS_MAX || token_decimals > DECIMALS_MAX || step == 0 || step >> 48 != 0) {
        return DAM_ERANGE; /* the market's own bound of the step: nothing below overflows */
    }
    struct dam_u256 asked = dam_u256_from_u64(price < 0 ? 0 : (uint64_t)price);
    struct dam_u256 factor = dam_u256_from_u64(power_of_ten(token_decimals));
    struct dam_u256 tick_price = dam_u256_from_u64(power_of_ten(decimals));
    struct dam_u256 steps;
    struct dam_u256 rest;
    dam_u256_mul(&asked, &asked, &factor);
    factor = dam_u256_from_u64(WH_PER_KWH);
    dam_u256_mul(&tick_price, &tick_price, &factor);
    factor = dam_u256_from_u64(step);
    dam_u256_mul(&tick_price, &tick_price, &factor);
    dam_u256_divmod(&asked, &tick_price, &steps, &rest);
    *ret_exact = dam_u256_is_zero(&rest);
    return dam_u256_to_u64(&steps, ret) ? DAM_OK : DAM_ERANGE;
}

enum dam_err dam_trade_tick(int64_t price, unsigned decimals, unsigned token_decimals,
                            uint64_t step, uint8_t *ret)
{
    uint64_t tick = 0;
    bool exact = false;
    DAM_TRY(steps_of(price, decimals, token_decimals, step, &tick, &exact));
    tick -= exact && tick > 0 ? 1 : 0;
    if (tick > TICK_MAX) {
        return DAM_ERANGE;
    }
    *ret = (uint8_t)tick;
    return DAM_OK;
}

enum dam_err dam_trade_tick_below(int64_t price, unsigned decimals, unsigned token_decimals,
                                  uint64_t step, uint8_t *ret)
{
    uint64_t steps = 0;
    bool exact = false;
    DAM_TRY(steps_of(price, decimals, token_decimals, step, &steps, &exact));
    if (steps == 0) {
        return DAM_ERANGE;
    }
    *ret = (uint8_t)(steps - 1 > TICK_MAX ? TICK_MAX : steps - 1);
    return DAM_OK;
}

uint64_t dam_trade_energy(int64_t value, unsigned decimals)
{
    return value <= 0 || decimals > DECIMALS_MAX ? 0 : (uint64_t)value / power_of_ten(decimals);
}

uint32_t dam_trade_interval(uint64_t now_s, uint32_t length, uint32_t gate)
{
    return (uint32_t)((now_s + gate) / length + 1);
}

struct dam_u256 dam_trade_amount(int64_t value, unsigned decimals, unsigned token_decimals)
{
    struct dam_u256 amount = dam_u256_from_u64(value < 0 ? 0 : (uint64_t)value);
    struct dam_u256 rest;
    if (decimals > DECIMALS_MAX || token_decimals > DECIMALS_MAX) {
        return dam_u256_from_u64(0);
    }
    struct dam_u256 factor = dam_u256_from_u64(power_of_ten(token_decimals));
    dam_u256_mul(&amount, &amount, &factor);
    factor = dam_u256_from_u64(power_of_ten(decimals));
    dam_u256_divmod(&amount, &factor, &amount, &rest);
    return amount;
}

int64_t dam_trade_reading(const struct dam_u256 *amount, uint64_t scale, unsigned token_decimals,
                          unsigned decimals)
{
    struct dam_u256 value = *amount;
    struct dam_u256 factor = dam_u256_from_u64(scale);
    struct dam_u256 rest;
    uint64_t reading = 0;
    if (decimals > DECIMALS_MAX || token_decimals > DECIMALS_MAX ||
        dam_u256_bit_len(amount) > 120) {
        return INT64_MAX;
    }
    dam_u256_mul(&value, &value, &factor);
    factor = dam_u256_from_u64(power_of_ten(decimals));
    dam_u256_mul(&value, &value, &factor);
    factor = dam_u256_from_u64(power_of_ten(token_decimals));
    dam_u256_divmod(&value, &factor, &value, &rest);
    bool fits = dam_u256_to_u64(&value, &reading) && reading <= INT64_MAX;
    return fits ? (int64_t)reading : INT64_MAX;
}
