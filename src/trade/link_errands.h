// SPDX-License-Identifier: Apache-2.0
/* Errands as a link: it has no channels and no actuators; while it is open, what skills put into
 * the machine's folder errands/ is carried to the chain (trade/errands.h, docs/errands.md). */
#ifndef DAM_TRADE_LINK_ERRANDS_H
#define DAM_TRADE_LINK_ERRANDS_H

#include "port/link.h"

extern const struct dam_link_kind dam_link_errands;

#endif
