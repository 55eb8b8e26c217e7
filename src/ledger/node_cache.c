// SPDX-License-Identifier: Apache-2.0
#include "ledger/node_cache.h"

#include <stdlib.h>

struct entry {
    struct dam_hash hash;
    uint16_t len; /* 0: free */
    uint8_t node[DAM_NODE_CACHE_NODE_MAX];
};

struct dam_node_cache {
    struct entry entries[DAM_NODE_CACHE_COUNT];
};

/* Its pages come from the system when they are first used. */
struct dam_node_cache *dam_node_cache_create(void)
{
    return calloc(1, sizeof(struct dam_node_cache));
}

void dam_node_cache_destroy(struct dam_node_cache *cache)
{
    free(cache);
}

static size_t place_of(const struct dam_hash *hash)
{
    return dam_load_be64(hash->b) & (DAM_NODE_CACHE_COUNT - 1);
}

void dam_node_cache_put(struct dam_node_cache *cache, const struct dam_hash *hash,
                        struct dam_bytes node)
{
    if (cache == NULL || node.len == 0 || node.len > DAM_NODE_CACHE_NODE_MAX) {
        return;
    }
    struct entry *entry = &cache->entries[place_of(hash)];
    entry->hash = *hash;
    entry->len = (uint16_t)node.len;
    memcpy(entry->node, node.data, node.len);
}

bool dam_node_cache_find(const struct dam_node_cache *cache, const struct dam_hash *hash,
                         struct dam_bytes *ret)
{
    if (cache == NULL) {
        return false;
    }
    const struct entry *entry = &cache->entries[place_of(hash)];
    *ret = dam_bytes(entry->node, entry->len);
    return entry->len > 0 && dam_hash_eq(&entry->hash, hash);
}
