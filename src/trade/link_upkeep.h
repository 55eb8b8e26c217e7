// SPDX-License-Identifier: Apache-2.0
/* A machine that has itself mended: where the daily peak of a channel sags (trade/sag.h) it hires
 * the provider of the link's options at a job board, from its account, once until that job is done.
 * What it knows of past days is the file `upkeep.json` in the machine's folder.
 * docs/upkeep.md tells how a manifest declares it. */
#ifndef DAM_TRADE_LINK_UPKEEP_H
#define DAM_TRADE_LINK_UPKEEP_H

#include "port/link.h"

extern const struct dam_link_kind dam_link_upkeep;

#endif
