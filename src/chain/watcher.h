// SPDX-License-Identifier: Apache-2.0
/* Follows the logs of some contracts over final blocks only, so that nothing it reports is ever
 * taken back. Its place is a block number and hash that the caller keeps durable with the effects
 * of what it was told; beginning again from that place repeats nothing and loses nothing. */
#ifndef DAM_CHAIN_WATCHER_H
#define DAM_CHAIN_WATCHER_H

#include "chain/chain.h"

struct dam_watcher {
    struct dam_remote *chain;            /* borrowed */
    const struct dam_address *addresses; /* borrowed */
    size_t address_count;
    uint64_t depth;       /* where the chain knows no "finalized": blocks below the head */
    uint64_t range_max;   /* most blocks a step */
    uint64_t number;      /* the last block that was looked at ... */
    struct dam_hash hash; /* ... and its hash; zero: not known yet */
};

/* One step's news. */
struct dam_watcher_news {
    uint64_t from; /* first block that is new */
    uint64_t to;   /* last one; from - 1 if there is nothing new */
    struct dam_hash to_hash;
    uint64_t to_time; /* seconds since 1970 */
    const struct dam_remote_log *logs;
    size_t log_count;
};

/** Take the last final block for the watcher's place: what was before it is not told.
 *  Returns: DAM_OK, or errors of the chain. */
DAM_MUST_USE enum dam_err dam_watcher_begin(struct dam_watcher *watcher, struct dam_arena *arena);

/** Look for news behind the watcher's place.
 *  Returns: DAM_OK with *ret in the arena; DAM_ECONFLICT if the block at the watcher's place has
 *           another hash now: the chain broke its promise, stop and tell a person; DAM_EAGAIN if
 *           the endpoints do not agree; else errors of the chain. After any of these the step can
 *           be repeated.
 *  Surprise: the place moves only with dam_watcher_accept. */
DAM_MUST_USE enum dam_err dam_watcher_step(struct dam_watcher *watcher, struct dam_arena *arena,
                                           struct dam_watcher_news *ret);

/** Move on, after what the news caused is durable. */
void dam_watcher_accept(struct dam_watcher *watcher, const struct dam_watcher_news *news);

#endif
