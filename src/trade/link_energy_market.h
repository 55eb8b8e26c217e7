// SPDX-License-Identifier: Apache-2.0
/* The energy market as a link: two actuators, "offer" (Wh) and "price" (the token's whole unit per
 * kWh), are one sell order for the next delivery interval; the channels "last_price" and "balance"
 * are read after each turn. All talk with chain and signer is a worker's, one job at a time, so
 * that the loop never waits. docs/energy-market.md tells how a manifest declares it. */
#ifndef DAM_TRADE_LINK_ENERGY_MARKET_H
#define DAM_TRADE_LINK_ENERGY_MARKET_H

#include "port/link.h"

extern const struct dam_link_kind dam_link_energy_market;

#endif
