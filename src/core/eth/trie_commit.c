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
};

struct gather {
    struct dirty *all;
    size_t count;
    size_t size;
    struct dam_arena *arena;
    uint32_t depth_max;
};

static enum dam_err gather_add(struct gather *gather, struct dam_trie_node *node, uint32_t depth)
{
    if (gather->count == gather->size) {
        size_t size = gather->size == 0 ? 256 : 2 * gather->size;
        struct dirty *all = dam_arena_alloc(gather->arena, size * sizeof(*all));
        if (all == NULL) {
            return DAM_ENOMEM;
        }
        if (gather->count != 0) {
            memcpy(all, gather->all, gather->count * sizeof(*all));
        }
        gather->all = all;
        gather->size = size;
    }
    gather->all[gather->count++] = (struct dirty){node, depth};
    gather->depth_max = depth > gather->depth_max ? depth : gather->depth_max;
    return DAM_OK;
}

/* Breadth first, the list itself being the queue: levels come out in order. */
static enum dam_err gather_all(struct gather *gather, struct dam_trie_node *root)
{
    DAM_TRY(gather_add(gather, root, 0));
    for (size_t i = 0; i < gather->count; i++) {
        struct dirty at = gather->all[i];
        if (at.node->kind == TRIE_EXTENSION) {
            struct dam_trie_node *child = trie_extension(at.node)->child;
            if (child->is_dirty) {
                DAM_TRY(gather_add(gather, child, at.depth + 1));
            }
        } else if (at.node->kind == TRIE_BRANCH) {
            for (size_t c = 0; c < 16; c++) {
                struct dam_trie_node *child = trie_branch(at.node)->children[c];
                if (child != NULL && child->is_dirty) {
                    DAM_TRY(gather_add(gather, child, at.depth + 1));
                }
            }
        }
    }
    return DAM_OK;
}

/* Encodes some nodes of one level, hashes those that are not short enough to be embedded, and saves
 * them. The root is hashed however short it is. */
static enum dam_err batch_seal(struct dam_trie *trie, const struct dirty *nodes, size_t count,
                               struct dam_buf *buf)
{
    size_t ends[BATCH_MAX];
    struct dam_bytes inputs[BATCH_MAX];
    struct dam_hash hashes[BATCH_MAX];
    struct dam_trie_node *hashed[BATCH_MAX];
    size_t hashed_count = 0;
    dam_buf_reset(buf);
    for (size_t i = 0; i < count; i++) {
        trie_node_encode(nodes[i].node, buf);
        ends[i] = buf->len;
    }
    DAM_TRY(dam_buf_err(buf));
    for (size_t i = 0; i < count; i++) {
        size_t start = i == 0 ? 0 : ends[i - 1];
        size_t len = ends[i] - start;
        struct dam_trie_node *node = nodes[i].node;
        if (len < 32 && nodes[i].depth > 0) {
            node->ref_len = (uint8_t)len;
            memcpy(node->ref, buf->data + start, len);
            node->is_dirty = false;
        } else {
            hashed[hashed_count] = node;
            inputs[hashed_count++] = dam_bytes(buf->data + start, len);
        }
    }
    dam_keccak256_batch(inputs, hashed_count, hashes);
    for (size_t i = 0; i < hashed_count; i++) {
        hashed[i]->ref_len = 32;
        memcpy(hashed[i]->ref, hashes[i].b, 32);
        if (trie->store != NULL && trie->store->save != NULL) {
            DAM_TRY(trie->store->save(trie->store->ctx, &hashes[i], inputs[i]));
            trie_note_stored(trie, hashed[i]);
        }
        hashed[i]->is_dirty = false;
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
        DAM_TRY(batch_seal(trie, gather->all + start, end - start, buf));
        end = start;
    }
    return DAM_OK;
}

/* As deep as a key has nibbles. */
static void mark_live(struct dam_trie_node *node)
{
    node->is_live = true;
    if (node->kind == TRIE_EXTENSION) {
        mark_live(trie_extension(node)->child);
    } else if (node->kind == TRIE_BRANCH) {
        for (size_t i = 0; i < 16; i++) {
            if (trie_branch(node)->children[i] != NULL) {
                mark_live(trie_branch(node)->children[i]);
            }
        }
    }
}

/* Tell the store which of its nodes are no longer here: changed, or cut off. */
static enum dam_err drop_gone(struct dam_trie *trie)
{
    struct dam_trie_node *node = trie->stored;
    if (trie->root != NULL) {
        mark_live(trie->root);
    }
    trie->stored = NULL;
    while (node != NULL) {
        struct dam_trie_node *next = node->stored_next;
        if (node->is_live && !node->is_dirty) {
            trie_note_stored(trie, node);
        } else {
            struct dam_hash hash;
            memcpy(hash.b, node->ref, sizeof(hash.b));
            DAM_TRY(trie->store->drop(trie->store->ctx, &hash));
        }
        node = next;
    }
    return DAM_OK;
}

enum dam_err dam_trie_commit(struct dam_trie *trie, struct dam_hash *ret)
{
    if (!trie->is_loaded) {
        *ret = trie->unloaded;
        return DAM_OK;
    }
    if (trie->stored != NULL && (trie->root == NULL || trie->root->is_dirty)) {
        DAM_TRY(drop_gone(trie));
    }
    if (trie->root == NULL) {
        *ret = dam_empty_trie_root;
        return DAM_OK;
    }
    if (trie->root->is_dirty) {
        struct dam_arena_mark mark = dam_arena_mark(trie->arena);
        struct gather gather = {.arena = trie->arena};
        struct dam_buf buf;
        dam_buf_init_arena(&buf, trie->arena, 0);
        enum dam_err err = gather_all(&gather, trie->root);
        if (err == DAM_OK) {
            err = seal_all(trie, &gather, &buf);
        }
        dam_arena_release(trie->arena, mark);
        DAM_TRY(err);
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
