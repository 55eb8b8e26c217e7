// SPDX-License-Identifier: Apache-2.0
/* The reader at a lock: HTTP for whoever stands before it with a pass in a wallet.
 *
 *     GET  /   {"chain_id", "contract", "resource", "challenge"}: a fresh challenge to be signed
 *     POST /   {"pass": 7, "challenge": "0x...", "signature": "0x..."} (trade/entry.h): 200 with
 *              {"pass"}, or 400 or 403 with {"detail"}
 *
 * A challenge lets in once, within a minute. The reader judges, it opens nothing: the visit becomes
 * what a channel of the machine says, and mind, charter and guard decide. On the loop's thread. */
#ifndef DAM_TRADE_DOOR_H
#define DAM_TRADE_DOOR_H

#include "trade/access_pass.h"

struct dam_door; /* private */

struct dam_door_events {
    int64_t (*wall_ms)(void *ctx); /* the machine's time */
    /* A pass has shown itself; 0: its visit is over. */
    void (*visit)(void *ctx, uint64_t pass);
    void *ctx;
};

/** Listen. Returns: as dam_http_listen. In: address: "HOST:PORT"; visit_ms: how long a visit is
 *  told. Out: ret. */
DAM_MUST_USE enum dam_err dam_door_create(uv_loop_t *loop, const char *address, uint32_t visit_ms,
                                          const struct dam_door_events *events,
                                          struct dam_door **ret);

/** What the chain says: until the first of these nobody is let in. Copied. */
void dam_door_know(struct dam_door *door, uint64_t chain_id, const struct dam_access_pass *access);

/** No event comes afterwards; memory goes back in the loop's next turns. Accepts NULL. */
void dam_door_destroy(struct dam_door *door);

#endif
