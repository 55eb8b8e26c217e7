// SPDX-License-Identifier: Apache-2.0
/* The link kind "treasury": set-points that pay out, lend and take back what the machine's account
 * holds (trade/treasury.h). docs/treasury.md describes its options and keys. */
#ifndef DAM_TRADE_LINK_TREASURY_H
#define DAM_TRADE_LINK_TREASURY_H

#include "port/link.h"

extern const struct dam_link_kind dam_link_treasury;

#endif
