// SPDX-License-Identifier: Apache-2.0
/* What contracts understand: a set-point as ticks and watt-hours of an energy market
 * (contracts/src/market/EnergyMarket.sol) or as an amount of tokens, a time as an interval. Pure.
 */
#ifndef DAM_TRADE_MARKET_CALLS_H
#define DAM_TRADE_MARKET_CALLS_H

#include "base/attr.h"
#include "base/err.h"
#include "base/u256.h"

/** The lowest tick of the ladder at which a seller gets no less than a price.
 *  Returns: DAM_OK; DAM_ERANGE if the whole ladder is below it, or for decimals above 18.
 *  In:      price: of one kWh, in the token's whole unit, with `decimals`; negative counts as 0.
 *           token_decimals: of the token's smallest unit. step: smallest units per Wh and tick. */
DAM_MUST_USE enum dam_err dam_trade_tick(int64_t price, unsigned decimals, unsigned token_decimals,
                                         uint64_t step, uint8_t *ret);

/** The highest tick of the ladder at which a buyer pays no more than a price. Returns: as
 *  dam_trade_tick; DAM_ERANGE if the whole ladder is above it. */
DAM_MUST_USE enum dam_err dam_trade_tick_below(int64_t price, unsigned decimals,
                                               unsigned token_decimals, uint64_t step,
                                               uint8_t *ret);

/** Whole watt-hours in a set-point with decimals, rounded down; negative counts as 0. */
uint64_t dam_trade_energy(int64_t value, unsigned decimals);

/** The first interval whose gate is still open at a time, in seconds. */
uint32_t dam_trade_interval(uint64_t now_s, uint32_t length, uint32_t gate);

/** A set-point in a token's whole unit as an amount of its smallest, rounded down; negative counts
 *  as 0. In: both decimals at most 18, else 0. */
struct dam_u256 dam_trade_amount(int64_t value, unsigned decimals, unsigned token_decimals);

/** An amount of smallest units as a reading with decimals: what 10^token_decimals of them are is 1.
 *  Rounded down; INT64_MAX for what does not fit. In: amount; scale: multiplied with it first. */
int64_t dam_trade_reading(const struct dam_u256 *amount, uint64_t scale, unsigned token_decimals,
                          unsigned decimals);

#endif
