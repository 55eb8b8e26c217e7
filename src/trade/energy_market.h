// SPDX-License-Identifier: Apache-2.0
/* A machine's seat at an energy market (contracts/src/market/EnergyMarket.sol): it sells or buys
 * energy of the next delivery interval from the machine's account, claims what was filled, and
 * collects what was earned or is paid back where sellers fell short. One order an interval. The
 * envoy's outbox is all that is remembered: a seat that opens again goes on with the intervals
 * that it finds there. Called by whoever has entered the envoy. Blocks. */
#ifndef DAM_TRADE_ENERGY_MARKET_H
#define DAM_TRADE_ENERGY_MARKET_H

#include "trade/seat.h"

#define DAM_TRADE_OPEN_MAX 64u /* intervals that are not settled; when full nothing is offered */

struct dam_energy_market {
    struct dam_seat seat;
    bool buys;                /* its side of the market */
    struct dam_address token; /* from here on: known when the seat is ready */
    uint32_t length;
    uint32_t gate;
    uint64_t step;
    uint64_t deposit;
    unsigned token_decimals;
    uint32_t open[DAM_TRADE_OPEN_MAX]; /* intervals with an order of ours, oldest first */
    size_t open_count;
    bool has_price; /* something was traded in one of the last intervals */
    struct dam_u256 last_price;
    struct dam_u256 balance;
    uint64_t credits; /* Wh that may be drawn in the interval that runs */
};

/** Prepare; touches nothing outside. In: envoy: of the machine whose account trades; shared until
 *  finish. buys: the side of all its orders. */
void dam_energy_market_init(struct dam_energy_market *market, struct dam_envoy *envoy,
                            const struct dam_address *account, const struct dam_address *address,
                            bool buys);

/** Give the envoy back. */
void dam_energy_market_finish(struct dam_energy_market *market);

/** Connect if it is not: the envoy, and the contracts' constants. Harmless to repeat.
 *  Returns: as dam_envoy_connect; DAM_ECONFLICT if the signer is another account's. */
DAM_MUST_USE enum dam_err dam_energy_market_connect(struct dam_energy_market *market,
                                                    int64_t wall_ms);

/** Send again what is in no block, claim what was cleared, collect what is metered (a buyer: its
 * part of what sellers who fell short have lost), and read price and balance. Idempotent. */
DAM_MUST_USE enum dam_err dam_energy_market_settle(struct dam_energy_market *market);

/** Offer, or bid for, energy of the first interval whose gate is open.
 *  Returns: DAM_OK once the order is durable and a node has it; DAM_EEXIST if that interval has an
 *           order of ours; DAM_ERANGE if the price is above (a buyer's: below) the ladder;
 * DAM_EREFUSED if policy, signer or market said no; else the world's failure. In:      wall_ms: the
 * machine's time; the chain's counts where it is later. wh: above 0. price: the least, a buyer's
 * the most, of a kWh in the token's whole unit, with decimals. Out:     ret_recorded: after a
 * failure, whether the order may still reach the market. */
DAM_MUST_USE enum dam_err dam_energy_market_order(struct dam_energy_market *market, int64_t wall_ms,
                                                  uint64_t wh, int64_t price, unsigned decimals,
                                                  bool *ret_recorded);

#endif
