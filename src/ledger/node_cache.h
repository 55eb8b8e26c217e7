// SPDX-License-Identifier: Apache-2.0
/* The trie nodes that were written or read last, by their hash. A node is what its hash says, so
 * nothing here can ever be out of date: not after an undo, not after a write that was given up. A
 * node that would take the place of another just does. */
#ifndef DAM_LEDGER_NODE_CACHE_H
#define DAM_LEDGER_NODE_CACHE_H

#include "base/bytes.h"

#define DAM_NODE_CACHE_COUNT 1024u   /* a power of two */
#define DAM_NODE_CACHE_NODE_MAX 532u /* a full branch; longer nodes are not kept */

struct dam_node_cache; /* private; 576 KiB once it is full */

/** Returns: NULL without memory. */
struct dam_node_cache *dam_node_cache_create(void);

/** Accepts NULL. */
void dam_node_cache_destroy(struct dam_node_cache *cache);

/** Accepts no cache: then nothing is kept. */
void dam_node_cache_put(struct dam_node_cache *cache, const struct dam_hash *hash,
                        struct dam_bytes node);

/** Returns: false if the node is not there, or there is no cache. Out: ret: borrowed until the next
 *  put. */
bool dam_node_cache_find(const struct dam_node_cache *cache, const struct dam_hash *hash,
                         struct dam_bytes *ret);

#endif
