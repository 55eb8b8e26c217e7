// SPDX-License-Identifier: Apache-2.0
#include "trade/market_calls.h"

#include "base/assert.h"
#include "core/eth/abi.h"

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

enum dam_err dam_trade_tick(int64_t price, unsigned decimals, unsigned token_decimals,
                            uint64_t step, uint8_t *ret)
{
    if (decimals > DECIMALS_MAX || token_decimals > DECIMALS_MAX || step == 0 || step >> 48 != 0) {
        return DAM_ERANGE; /* the market's own bound of the step: nothing below overflows */
    }
    struct dam_u256 asked = dam_u256_from_u64(price < 0 ? 0 : (uint64_t)price);
    struct dam_u256 factor = dam_u256_from_u64(power_of_ten(token_decimals));
    struct dam_u256 tick_price = dam_u256_from_u64(power_of_ten(decimals));
    struct dam_u256 steps;
    struct dam_u256 rest;
    uint64_t tick = 0;
    dam_u256_mul(&asked, &asked, &factor);
    factor = dam_u256_from_u64(WH_PER_KWH);
    dam_u256_mul(&tick_price, &tick_price, &factor);
    factor = dam_u256_from_u64(step);
    dam_u256_mul(&tick_price, &tick_price, &factor);
    dam_u256_divmod(&asked, &tick_price, &steps, &rest);
    /* The price at tick t is (t + 1) * step. */
    if (!dam_u256_to_u64(&steps, &tick)) {
        return DAM_ERANGE;
    }
    tick -= dam_u256_is_zero(&rest) && tick > 0 ? 1 : 0;
    if (tick > TICK_MAX) {
        return DAM_ERANGE;
    }
    *ret = (uint8_t)tick;
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

struct dam_u256 dam_trade_word(const struct dam_address *address)
{
    uint8_t word[32] = {0};
    memcpy(word + 12, address->b, sizeof(address->b));
    return dam_u256_load_be(word);
}

enum dam_err dam_trade_calldata(struct dam_arena *arena, const char *signature,
                                const struct dam_u256 *words, size_t count, struct dam_bytes *ret)
{
    DAM_ASSERT(count <= DAM_TRADE_WORDS_MAX);
    uint8_t *data = dam_arena_alloc(arena, 4 + 32 * DAM_TRADE_WORDS_MAX);
    if (data == NULL) {
        return DAM_ENOMEM;
    }
    dam_abi_selector(signature, data);
    for (size_t i = 0; i < count; i++) {
        dam_u256_store_be(data + 4 + 32 * i, &words[i]);
    }
    *ret = dam_bytes(data, 4 + 32 * count);
    return DAM_OK;
}

enum dam_err dam_trade_execute(struct dam_arena *arena, const struct dam_trade_call *calls,
                               size_t count, struct dam_bytes *ret)
{
    static const uint8_t mode_batch[32] = {0x01}; /* ERC-7821: all or nothing, no opData */
    static const char calls_type[] = "((address,uint256,bytes)[])";
    const struct dam_abi_type *type;
    struct dam_abi_entry execute;
    struct dam_abi_value fields[DAM_TRADE_CALLS_MAX][3] = {0};
    struct dam_abi_value tuples[DAM_TRADE_CALLS_MAX] = {0};
    struct dam_buf encoded;
    struct dam_buf calldata;
    DAM_ASSERT(count <= DAM_TRADE_CALLS_MAX);
    DAM_TRY(dam_abi_type_parse(arena, calls_type, sizeof(calls_type) - 1, &type));
    DAM_TRY(dam_abi_entry_parse(arena, "execute(bytes32,bytes)", &execute));
    for (size_t i = 0; i < count; i++) {
        fields[i][0].word = dam_trade_word(&calls[i].target);
        fields[i][2].bytes = calls[i].data;
        tuples[i] = (struct dam_abi_value){.items = fields[i], .count = 3};
    }
    const struct dam_abi_value list = {.items = tuples, .count = count};
    dam_buf_init_arena(&encoded, arena, 0);
    DAM_TRY(dam_abi_encode(type, &list, 1, &encoded));
    DAM_TRY(dam_buf_err(&encoded));
    const struct dam_abi_value arguments[] = {
        {.bytes = dam_bytes(mode_batch, sizeof(mode_batch))},
        {.bytes = dam_buf_bytes(&encoded)},
    };
    dam_buf_init_arena(&calldata, arena, 0);
    DAM_TRY(dam_abi_encode_call(&execute, arguments, 2, &calldata));
    DAM_TRY(dam_buf_err(&calldata));
    *ret = dam_buf_bytes(&calldata);
    return DAM_OK;
}
