// SPDX-License-Identifier: Apache-2.0
/* Hashing what changed. Changed nodes are gathered with their depth and hashed from the deepest
 * level up: the nodes of one level do not depend on each other, so they go through Keccak side by
 * side. */
#include "base/assert.h"
#include "core/crypto/keccak.h"
#include "core/eth/trie_node.h"

/* Nodes that are encoded before they are hashed together: enough to fill any batch width. */
#define BATCH_MAX 64u

struct dirty {
    struct dam_trie_node *node;
    uint32_t depth;
    uint32_t parent; /* its index; the root's is 0, too */
    uint8_t nibble;  /* at which it hangs there, if that is a branch */
};

struct gather {
    struct dirty *all;
    size_t count;
    size_t size;
    struct dam_arena *arena;
};

static enum dam_err gather_add(struct gather *gather, struct dirty dirty)
{
    if (gather->count == gather->size) {
        size_t size = gather->size == 0 ? 32 : 2 * gather->size;
        struct dirty *all = dam_arena_alloc(gather->arena, size * sizeof(*all));
        if (all == NULL || size > UINT32_MAX) {
            return DAM_ENOMEM;
        }
        if (gather->count != 0) {
            memcpy(all, gather->all, gather->count * sizeof(*all));
        }
        gather->all = all;
        gather->size = size;
    }
    gather->all[gather->count++] = dirty;
    return DAM_OK;
}

/* Breadth first, the list itself being the queue: levels come out in order. */
static enum dam_err gather_all(struct gather *gather, struct dam_trie_node *root)
{
    DAM_TRY(gather_add(gather, (struct dirty){.node = root}));
    for (size_t i = 0; i < gather->count; i++) {
        struct dam_trie_node *node = gather->all[i].node;
        struct dirty below = {.depth = gather->all[i].depth + 1, .parent = (uint32_t)i};
        if (node->kind == TRIE_EXTENSION) {
            below.node = trie_extension(node)->child;
            if (below.node->is_dirty) {
                DAM_TRY(gather_add(gather, below));
            }
        } else if (node->kind == TRIE_BRANCH) {
            for (; below.nibble < 16; below.nibble++) {
                below.node = trie_branch(node)->children[below.nibble];
                if (below.node != NULL && below.node->is_dirty) {
                    DAM_TRY(gather_add(gather, below));
                }
            }
        }
    }
    return DAM_OK;
}

/* The way down to a gathered node, written from its end. Returns: where it begins in `nibbles`. */
static struct dam_bytes path_of(const struct gather *gather, const struct dirty *dirty,
                                uint8_t nibbles[2 * DAM_TRIE_KEY_MAX])
{
    size_t start = 2 * DAM_TRIE_KEY_MAX;
    for (; dirty->depth > 0; dirty = &gather->all[dirty->parent]) {
        struct dam_trie_node *parent = gather->all[dirty->parent].node;
        if (parent->kind == TRIE_EXTENSION) {
            const struct trie_extension *extension = trie_extension(parent);
            start -= extension->path_len;
            memcpy(nibbles + start, extension->path, extension->path_len);
        } else {
            nibbles[--start] = dirty->nibble;
        }
    }
    return dam_bytes(nibbles + start, 2 * DAM_TRIE_KEY_MAX - start);
}

static enum dam_err seal_embedded(struct dam_trie *trie, const struct gather *gather,
                                  const struct dirty *dirty, struct dam_bytes bytes)
{
    uint8_t nibbles[2 * DAM_TRIE_KEY_MAX];
    struct dam_trie_node *node = dirty->node;
    node->ref_len = (uint8_t)bytes.len;
    memcpy(node->ref, bytes.data, bytes.len);
    node->is_dirty = false;
    if (trie->store == NULL) {
        return DAM_OK;
    }
    struct dam_bytes path = path_of(gather, dirty, nibbles);
    return trie_drop(trie, path.data, path.len);
}

static enum dam_err seal_hashed(struct dam_trie *trie, const struct gather *gather,
                                const struct dirty *dirty, const struct dam_hash *hash,
                                struct dam_bytes bytes)
{
    uint8_t nibbles[2 * DAM_TRIE_KEY_MAX];
    struct dam_trie_node *node = dirty->node;
    node->ref_len = 32;
    memcpy(node->ref, hash->b, 32);
    node->is_dirty = false;
    return trie->store != NULL && trie->store->save != NULL
               ? trie->store->save(trie->store->ctx, path_of(gather, dirty, nibbles), hash, bytes)
               : DAM_OK;
}

/* Encodes some nodes of one level, hashes those that are not short enough to be embedded, and saves
 * them. The root is hashed however short it is. */
static enum dam_err batch_seal(struct dam_trie *trie, const struct gather *gather, size_t from,
                               size_t count, struct dam_buf *buf)
{
    size_t ends[BATCH_MAX];
    struct dam_bytes inputs[BATCH_MAX];
    struct dam_hash hashes[BATCH_MAX];
    const struct dirty *hashed[BATCH_MAX];
    const struct dirty *nodes = gather->all + from;
    size_t hashed_count = 0;
    dam_buf_reset(buf);
    for (size_t i = 0; i < count; i++) {
        trie_node_encode(nodes[i].node, buf);
        ends[i] = buf->len;
    }
    DAM_TRY(dam_buf_err(buf));
    for (size_t i = 0; i < count; i++) {
        size_t start = i == 0 ? 0 : ends[i - 1];
        struct dam_bytes bytes = dam_bytes(buf->data + start, ends[i] - start);
        if (bytes.len < 32 && nodes[i].depth > 0) {
            DAM_TRY(seal_embedded(trie, gather, &nodes[i], bytes));
        } else {
            hashed[hashed_count] = &nodes[i];
            inputs[hashed_count++] = bytes;
        }
    }
    dam_keccak256_batch(inputs, hashed_count, hashes);
    for (size_t i = 0; i < hashed_count; i++) {
        DAM_TRY(seal_hashed(trie, gather, hashed[i], &hashes[i], inputs[i]));
    }
    return DAM_OK;
}

static enum dam_err seal_all(struct dam_trie *trie, const struct gather *gather,
                             struct dam_buf *buf)
{
    size_t end = gather->count;
    while (end > 0) {
        size_t start = end;
        uint32_t depth = gather->all[end - 1].depth;
        while (start > 0 && end - start < BATCH_MAX && gather->all[start - 1].depth == depth) {
            start--;
        }
        DAM_TRY(batch_seal(trie, gather, start, end - start, buf));
        end = start;
    }
    return DAM_OK;
}

enum dam_err dam_trie_commit(struct dam_trie *trie, struct dam_hash *ret)
{
    if (!trie->is_loaded) {
        *ret = trie->unloaded;
        return DAM_OK;
    }
    if (trie->root == NULL) {
        *ret = dam_empty_trie_root;
        return DAM_OK;
    }
    if (trie->root->is_dirty) {
        struct gather gather = {.arena = trie->arena};
        struct dam_buf buf;
        dam_buf_init_arena(&buf, trie->arena, 0);
        DAM_TRY(gather_all(&gather, trie->root));
        DAM_TRY(seal_all(trie, &gather, &buf));
    }
    DAM_ASSERT(trie->root->ref_len == 32);
    memcpy(ret->b, trie->root->ref, sizeof(ret->b));
    return DAM_OK;
}

enum dam_err dam_trie_map_root(struct dam_arena *arena, const struct dam_bytes *keys,
                               const struct dam_bytes *values, size_t count, struct dam_hash *ret)
{
    struct dam_arena_mark mark = dam_arena_mark(arena);
    struct dam_trie trie;
    enum dam_err err = DAM_OK;
    dam_trie_init(&trie, arena, NULL, &dam_empty_trie_root);
    for (size_t i = 0; i < count && err == DAM_OK; i++) {
        err = values[i].len == 0 ? dam_trie_delete(&trie, keys[i])
                                 : trie_put_borrowed(&trie, keys[i], values[i]);
    }
    if (err == DAM_OK) {
        err = dam_trie_commit(&trie, ret);
    }
    dam_arena_release(arena, mark);
    return err;
}

enum dam_err dam_trie_list_root(struct dam_arena *arena, const struct dam_bytes *items,
                                size_t count, struct dam_hash *ret)
{
    struct dam_arena_mark mark = dam_arena_mark(arena);
    struct dam_trie trie;
    enum dam_err err = DAM_OK;
    dam_trie_init(&trie, arena, NULL, &dam_empty_trie_root);
    for (size_t i = 0; i < count && err == DAM_OK; i++) {
        uint8_t memory[9];
        struct dam_buf key;
        dam_buf_init_fixed(&key, memory, sizeof(memory));
        dam_rlp_put_u64(&key, i);
        err = trie_put_borrowed(&trie, dam_buf_bytes(&key), items[i]);
    }
    if (err == DAM_OK) {
        err = dam_trie_commit(&trie, ret);
    }
    dam_arena_release(arena, mark);
    return err;
}
