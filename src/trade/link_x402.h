// SPDX-License-Identifier: Apache-2.0
/* A machine that sells its readings over HTTP (x402): GET /api/skills/NAME/CHANNEL answers 402 with
 * the price; paid by a signed authorisation, which the machine's own account carries to the token,
 * it answers with the channel's last reading. A payment is taken once and answered once: what is in
 * a block is answered even where a crash came between. It serves on the Unix socket
 * skills/NAME.sock, like every other skill. docs/x402.md tells how a manifest declares it. */
#ifndef DAM_TRADE_LINK_X402_H
#define DAM_TRADE_LINK_X402_H

#include "port/link.h"

extern const struct dam_link_kind dam_link_x402;

#endif
