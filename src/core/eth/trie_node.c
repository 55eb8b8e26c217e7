// SPDX-License-Identifier: Apache-2.0
#include "core/eth/trie_node.h"

/* An embedded node is shorter than 32 bytes, so few fit into each other. */
#define EMBEDDED_DEPTH_MAX 16u

enum dam_err trie_path_of_key(struct dam_bytes key, struct trie_path *ret)
{
    if (key.len > DAM_TRIE_KEY_MAX) {
        return DAM_ERANGE;
    }
    for (size_t i = 0; i < key.len; i++) {
        ret->nibbles[2 * i] = key.data[i] >> 4;
        ret->nibbles[2 * i + 1] = key.data[i] & 15;
    }
    ret->len = 2 * key.len;
    return DAM_OK;
}

size_t trie_path_common(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    size_t i = 0;
    while (i < len && a[i] == b[i]) {
        i++;
    }
    return i;
}

struct dam_trie_node *trie_leaf_new(struct dam_arena *arena, const uint8_t *path, size_t path_len,
                                    struct dam_bytes value)
{
    struct trie_leaf *leaf = dam_arena_alloc(arena, sizeof(*leaf));
    if (leaf == NULL) {
        return NULL;
    }
    *leaf = (struct trie_leaf){
        .head = {.kind = TRIE_LEAF, .is_dirty = true},
        .path = dam_arena_copy(arena, path, path_len),
        .path_len = path_len,
        .value = value,
    };
    return leaf->path == NULL ? NULL : &leaf->head;
}

struct dam_trie_node *trie_extension_new(struct dam_arena *arena, const uint8_t *path,
                                         size_t path_len, struct dam_trie_node *child)
{
    struct trie_extension *extension = dam_arena_alloc(arena, sizeof(*extension));
    if (extension == NULL) {
        return NULL;
    }
    *extension = (struct trie_extension){
        .head = {.kind = TRIE_EXTENSION, .is_dirty = true},
        .path = dam_arena_copy(arena, path, path_len),
        .path_len = path_len,
        .child = child,
    };
    return extension->path == NULL ? NULL : &extension->head;
}

struct dam_trie_node *trie_branch_new(struct dam_arena *arena)
{
    struct trie_branch *branch = dam_arena_zalloc(arena, sizeof(*branch));
    if (branch == NULL) {
        return NULL;
    }
    branch->head = (struct dam_trie_node){.kind = TRIE_BRANCH, .is_dirty = true};
    return &branch->head;
}

struct dam_trie_node *trie_hash_new(struct dam_arena *arena, const uint8_t hash[32])
{
    struct dam_trie_node *node = dam_arena_alloc(arena, sizeof(*node));
    if (node == NULL) {
        return NULL;
    }
    *node = (struct dam_trie_node){.kind = TRIE_HASH, .ref_len = 32};
    memcpy(node->ref, hash, 32);
    return node;
}

enum dam_err trie_hex_prefix_read(struct dam_bytes packed, struct trie_packed_path *ret)
{
    if (packed.len == 0 || packed.data[0] >> 4 > 3) {
        return DAM_ECORRUPT;
    }
    bool is_odd = (packed.data[0] & 0x10) != 0;
    if (!is_odd && (packed.data[0] & 15) != 0) {
        return DAM_ECORRUPT;
    }
    *ret = (struct trie_packed_path){
        .bytes = packed.data + (is_odd ? 0 : 1),
        .first = is_odd,
        .len = 2 * (packed.len - 1) + is_odd,
        .is_leaf = (packed.data[0] & 0x20) != 0,
    };
    return ret->len <= (size_t)2 * DAM_TRIE_KEY_MAX ? DAM_OK : DAM_ECORRUPT;
}

size_t trie_hex_prefix(const uint8_t *path, size_t path_len, bool is_leaf, uint8_t *ret)
{
    size_t odd = path_len % 2;
    ret[0] = (uint8_t)((is_leaf ? 0x20 : 0) | (odd ? 0x10 | path[0] : 0));
    for (size_t i = odd; i < path_len; i += 2) {
        ret[1 + i / 2] = (uint8_t)(path[i] << 4 | path[i + 1]);
    }
    return 1 + path_len / 2;
}

static enum dam_err decode(struct dam_arena *arena, struct dam_bytes bytes, unsigned depth,
                           struct dam_trie_node **ret);

/* A reference to a child: nothing, a hash, or the child itself. */
static enum dam_err child_decode(struct dam_arena *arena, struct dam_rlp *fields, unsigned depth,
                                 struct dam_trie_node **ret)
{
    struct dam_rlp_item item;
    if (dam_rlp_next(fields, &item) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    if (item.is_list) {
        return item.whole.len < 32 ? decode(arena, item.whole, depth + 1, ret) : DAM_ECORRUPT;
    }
    if (item.payload.len == 0) {
        *ret = NULL;
        return DAM_OK;
    }
    if (item.payload.len != 32) {
        return DAM_ECORRUPT;
    }
    *ret = trie_hash_new(arena, item.payload.data);
    return *ret == NULL ? DAM_ENOMEM : DAM_OK;
}

static enum dam_err branch_decode(struct dam_arena *arena, struct dam_rlp *fields, unsigned depth,
                                  struct dam_trie_node **ret)
{
    struct dam_trie_node *node = trie_branch_new(arena);
    if (node == NULL) {
        return DAM_ENOMEM;
    }
    struct trie_branch *branch = trie_branch(node);
    size_t used = 0;
    for (size_t i = 0; i < 16; i++) {
        DAM_TRY(child_decode(arena, fields, depth, &branch->children[i]));
        used += branch->children[i] != NULL;
    }
    if (dam_rlp_bytes(fields, &branch->value) != DAM_OK || used + (branch->value.len != 0) < 2) {
        return DAM_ECORRUPT;
    }
    *ret = node;
    return DAM_OK;
}

static enum dam_err short_decode(struct dam_arena *arena, struct dam_rlp *fields, unsigned depth,
                                 struct dam_trie_node **ret)
{
    struct dam_bytes packed;
    struct trie_packed_path path;
    uint8_t nibbles[2 * DAM_TRIE_KEY_MAX];
    if (dam_rlp_bytes(fields, &packed) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    DAM_TRY(trie_hex_prefix_read(packed, &path));
    for (size_t i = 0; i < path.len; i++) {
        nibbles[i] = trie_packed_nibble(&path, i);
    }
    if (path.is_leaf) {
        struct dam_bytes value;
        if (dam_rlp_bytes(fields, &value) != DAM_OK || value.len == 0) {
            return DAM_ECORRUPT;
        }
        *ret = trie_leaf_new(arena, nibbles, path.len, value);
    } else {
        struct dam_trie_node *child;
        DAM_TRY(child_decode(arena, fields, depth, &child));
        if (path.len == 0 || child == NULL ||
            (child->kind != TRIE_HASH && child->kind != TRIE_BRANCH)) {
            return DAM_ECORRUPT;
        }
        *ret = trie_extension_new(arena, nibbles, path.len, child);
    }
    return *ret == NULL ? DAM_ENOMEM : DAM_OK;
}

static enum dam_err decode(struct dam_arena *arena, struct dam_bytes bytes, unsigned depth,
                           struct dam_trie_node **ret)
{
    struct dam_rlp outer = dam_rlp(bytes);
    struct dam_rlp fields;
    size_t count;
    if (depth > EMBEDDED_DEPTH_MAX || dam_rlp_list(&outer, &fields) != DAM_OK ||
        dam_rlp_end(&outer) != DAM_OK || dam_rlp_count(&fields, &count) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    if (count == 17) {
        DAM_TRY(branch_decode(arena, &fields, depth, ret));
    } else if (count == 2) {
        DAM_TRY(short_decode(arena, &fields, depth, ret));
    } else {
        return DAM_ECORRUPT;
    }
    (*ret)->is_dirty = false;
    if (bytes.len < 32) {
        (*ret)->ref_len = (uint8_t)bytes.len;
        memcpy((*ret)->ref, bytes.data, bytes.len);
    }
    return DAM_OK;
}

enum dam_err trie_node_decode(struct dam_arena *arena, struct dam_bytes bytes,
                              struct dam_trie_node **ret)
{
    return decode(arena, bytes, 0, ret);
}

static void ref_put(const struct dam_trie_node *child, struct dam_buf *buf)
{
    if (child == NULL) {
        dam_buf_put_byte(buf, 0x80);
    } else if (child->ref_len == 32) {
        dam_buf_put_byte(buf, 0xa0);
        dam_buf_put(buf, child->ref, 32);
    } else {
        dam_buf_put(buf, child->ref, child->ref_len);
    }
}

void trie_node_encode(const struct dam_trie_node *node, struct dam_buf *buf)
{
    uint8_t packed[1 + DAM_TRIE_KEY_MAX];
    size_t list = dam_rlp_put_list(buf);
    switch (node->kind) {
    case TRIE_LEAF: {
        const struct trie_leaf *leaf = (const struct trie_leaf *)node;
        size_t len = trie_hex_prefix(leaf->path, leaf->path_len, true, packed);
        dam_rlp_put_bytes(buf, packed, len);
        dam_rlp_put_bytes(buf, leaf->value.data, leaf->value.len);
        break;
    }
    case TRIE_EXTENSION: {
        const struct trie_extension *extension = (const struct trie_extension *)node;
        size_t len = trie_hex_prefix(extension->path, extension->path_len, false, packed);
        dam_rlp_put_bytes(buf, packed, len);
        ref_put(extension->child, buf);
        break;
    }
    case TRIE_BRANCH: {
        const struct trie_branch *branch = (const struct trie_branch *)node;
        for (size_t i = 0; i < 16; i++) {
            ref_put(branch->children[i], buf);
        }
        dam_rlp_put_bytes(buf, branch->value.data, branch->value.len);
        break;
    }
    case TRIE_HASH: /* has no encoding of its own; never asked for */
        break;
    }
    dam_rlp_put_list_end(buf, list);
}

enum dam_err trie_resolve(struct dam_trie *trie, struct dam_trie_node **slot, const uint8_t *path,
                          size_t path_len)
{
    struct dam_trie_node *node = *slot;
    if (node == NULL || node->kind != TRIE_HASH) {
        return DAM_OK;
    }
    struct dam_hash hash;
    struct dam_bytes borrowed;
    memcpy(hash.b, node->ref, sizeof(hash.b));
    if (trie->store == NULL) {
        return DAM_ECORRUPT;
    }
    enum dam_err err =
        trie->store->load(trie->store->ctx, dam_bytes(path, path_len), &hash, &borrowed);
    if (err != DAM_OK) {
        return err == DAM_ENOTFOUND ? DAM_ECORRUPT : err;
    }
    void *copy = dam_arena_copy(trie->arena, borrowed.data, borrowed.len);
    if (copy == NULL) {
        return DAM_ENOMEM;
    }
    struct dam_trie_node *loaded = NULL;
    DAM_TRY(trie_node_decode(trie->arena, dam_bytes(copy, borrowed.len), &loaded));
    loaded->ref_len = 32;
    memcpy(loaded->ref, hash.b, sizeof(hash.b));
    *slot = loaded;
    return DAM_OK;
}

enum dam_err trie_drop(const struct dam_trie *trie, const uint8_t *path, size_t path_len)
{
    const struct dam_trie_store *store = trie->store;
    return store != NULL && store->drop != NULL ? store->drop(store->ctx, dam_bytes(path, path_len))
                                                : DAM_OK;
}
