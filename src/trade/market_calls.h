// SPDX-License-Identifier: Apache-2.0
/* What the energy market understands (contracts/src/market/EnergyMarket.sol): a set-point as ticks
 * and watt-hours, a time as an interval, a batch of calls as MachineAccount.execute takes it
 * (ERC-7821). Pure. Used by trade/energy_market. */
#ifndef DAM_TRADE_MARKET_CALLS_H
#define DAM_TRADE_MARKET_CALLS_H

#include "base/arena.h"
#include "base/u256.h"

#define DAM_TRADE_CALLS_MAX 4u
#define DAM_TRADE_WORDS_MAX 4u

/** The lowest tick of the ladder at which a seller gets no less than a price.
 *  Returns: DAM_OK; DAM_ERANGE if the whole ladder is below it, or for decimals above 18.
 *  In:      price: of one kWh, in the token's whole unit, with `decimals`; negative counts as 0.
 *           token_decimals: of the token's smallest unit. step: smallest units per Wh and tick. */
DAM_MUST_USE enum dam_err dam_trade_tick(int64_t price, unsigned decimals, unsigned token_decimals,
                                         uint64_t step, uint8_t *ret);

/** Whole watt-hours in a set-point with decimals, rounded down; negative counts as 0. */
uint64_t dam_trade_energy(int64_t value, unsigned decimals);

/** The first interval whose gate is still open at a time, in seconds. */
uint32_t dam_trade_interval(uint64_t now_s, uint32_t length, uint32_t gate);

/** An amount of smallest units as a reading with decimals: what 10^token_decimals of them are is 1.
 *  Rounded down; INT64_MAX for what does not fit. In: amount; scale: multiplied with it first. */
int64_t dam_trade_reading(const struct dam_u256 *amount, uint64_t scale, unsigned token_decimals,
                          unsigned decimals);

/** Calldata of a function whose arguments are all one word.
 *  Returns: DAM_OK or DAM_ENOMEM. In: signature: "claim(uint256)". */
DAM_MUST_USE enum dam_err dam_trade_calldata(struct dam_arena *arena, const char *signature,
                                             const struct dam_u256 *words, size_t count,
                                             struct dam_bytes *ret);

/** An address as a word. */
struct dam_u256 dam_trade_word(const struct dam_address *address);

struct dam_trade_call {
    struct dam_address target;
    struct dam_bytes data;
};

/** Calldata of execute(mode, calls): all or nothing. In: count: at most DAM_TRADE_CALLS_MAX.
 *  Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_trade_execute(struct dam_arena *arena,
                                            const struct dam_trade_call *calls, size_t count,
                                            struct dam_bytes *ret);

#endif
