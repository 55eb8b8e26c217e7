// SPDX-License-Identifier: Apache-2.0
/* The link kind "access-pass": sells rights to use something for a time, and reads passes at a lock
 * (trade/access_pass.h, trade/door.h). docs/access-pass.md describes its options and keys. */
#ifndef DAM_TRADE_LINK_ACCESS_PASS_H
#define DAM_TRADE_LINK_ACCESS_PASS_H

#include "port/link.h"

extern const struct dam_link_kind dam_link_access_pass;

#endif
