// SPDX-License-Identifier: Apache-2.0
#include "core/eth/trie.h"

#include "base/assert.h"
#include "core/eth/trie_node.h"

void dam_trie_init(struct dam_trie *trie, struct dam_arena *arena,
                   const struct dam_trie_store *store, const struct dam_hash *root)
{
    *trie = (struct dam_trie){.arena = arena, .store = store, .unloaded = *root};
    trie->is_loaded = dam_hash_eq(root, &dam_empty_trie_root);
}

/* The root's place; its node is made at first use so that init cannot fail. */
static enum dam_err root_slot(struct dam_trie *trie, struct dam_trie_node ***ret)
{
    if (!trie->is_loaded) {
        trie->root = trie_hash_new(trie->arena, trie->unloaded.b);
        if (trie->root == NULL) {
            return DAM_ENOMEM;
        }
        trie->is_loaded = true;
    }
    *ret = &trie->root;
    return DAM_OK;
}

enum dam_err dam_trie_get(struct dam_trie *trie, struct dam_bytes key, struct dam_bytes *ret)
{
    struct trie_path path;
    struct dam_trie_node **slot;
    struct dam_bytes value = {0};
    DAM_TRY(trie_path_of_key(key, &path));
    DAM_TRY(root_slot(trie, &slot));
    for (size_t at = 0; slot != NULL;) {
        DAM_TRY(trie_resolve(trie, slot, path.nibbles, at));
        struct dam_trie_node *node = *slot;
        slot = NULL;
        if (node == NULL) {
            break;
        }
        if (node->kind == TRIE_BRANCH) {
            if (at == path.len) {
                value = trie_branch(node)->value;
            } else {
                slot = &trie_branch(node)->children[path.nibbles[at++]];
            }
        } else if (node->kind == TRIE_LEAF) {
            struct trie_leaf *leaf = trie_leaf(node);
            if (leaf->path_len == path.len - at &&
                memcmp(leaf->path, path.nibbles + at, leaf->path_len) == 0) {
                value = leaf->value;
            }
        } else {
            struct trie_extension *extension = trie_extension(node);
            if (extension->path_len <= path.len - at &&
                memcmp(extension->path, path.nibbles + at, extension->path_len) == 0) {
                at += extension->path_len;
                slot = &extension->child;
            }
        }
    }
    if (value.len == 0) {
        return DAM_ENOTFOUND;
    }
    *ret = value;
    return DAM_OK;
}

/* Hangs a value into a branch that was just made: at the branch itself, or as a leaf below. */
static enum dam_err branch_add(struct dam_arena *arena, struct trie_branch *branch,
                               const uint8_t *path, size_t path_len, struct dam_bytes value)
{
    if (path_len == 0) {
        branch->value = value;
        return DAM_OK;
    }
    struct dam_trie_node *leaf = trie_leaf_new(arena, path + 1, path_len - 1, value);
    branch->children[path[0]] = leaf;
    return leaf == NULL ? DAM_ENOMEM : DAM_OK;
}

/* Two paths part after `common` nibbles: a branch goes there, below an extension if need be. */
static enum dam_err fork_make(struct dam_arena *arena, const uint8_t *path, size_t common,
                              struct trie_branch **ret_branch, struct dam_trie_node **ret_top)
{
    struct dam_trie_node *branch = trie_branch_new(arena);
    if (branch == NULL) {
        return DAM_ENOMEM;
    }
    *ret_branch = trie_branch(branch);
    *ret_top = common == 0 ? branch : trie_extension_new(arena, path, common, branch);
    return *ret_top == NULL ? DAM_ENOMEM : DAM_OK;
}

static enum dam_err leaf_split(struct dam_arena *arena, struct dam_trie_node **slot, size_t common,
                               const uint8_t *path, size_t path_len, struct dam_bytes value)
{
    const struct trie_leaf *leaf = trie_leaf(*slot);
    struct trie_branch *branch;
    struct dam_trie_node *top;
    DAM_TRY(fork_make(arena, path, common, &branch, &top));
    DAM_TRY(branch_add(arena, branch, leaf->path + common, leaf->path_len - common, leaf->value));
    DAM_TRY(branch_add(arena, branch, path + common, path_len - common, value));
    *slot = top;
    return DAM_OK;
}

static enum dam_err extension_split(struct dam_arena *arena, struct dam_trie_node **slot,
                                    size_t common, const uint8_t *path, size_t path_len,
                                    struct dam_bytes value)
{
    const struct trie_extension *extension = trie_extension(*slot);
    struct trie_branch *branch;
    struct dam_trie_node *top;
    DAM_TRY(fork_make(arena, path, common, &branch, &top));
    const uint8_t *rest = extension->path + common;
    size_t rest_len = extension->path_len - common;
    struct dam_trie_node *below = extension->child;
    if (rest_len > 1) {
        below = trie_extension_new(arena, rest + 1, rest_len - 1, below);
        if (below == NULL) {
            return DAM_ENOMEM;
        }
    }
    branch->children[rest[0]] = below;
    DAM_TRY(branch_add(arena, branch, path + common, path_len - common, value));
    *slot = top;
    return DAM_OK;
}

/* Sets a value that already lives long enough. */
static enum dam_err put(struct dam_trie *trie, const struct trie_path *key, struct dam_bytes value)
{
    struct dam_trie_node **slot;
    const uint8_t *path = key->nibbles;
    size_t path_len = key->len;
    DAM_TRY(root_slot(trie, &slot));
    for (;;) {
        DAM_TRY(trie_resolve(trie, slot, key->nibbles, key->len - path_len));
        struct dam_trie_node *node = *slot;
        if (node == NULL) {
            *slot = trie_leaf_new(trie->arena, path, path_len, value);
            return *slot == NULL ? DAM_ENOMEM : DAM_OK;
        }
        node->is_dirty = true;
        if (node->kind == TRIE_BRANCH) {
            struct trie_branch *branch = trie_branch(node);
            if (path_len == 0) {
                branch->value = value;
                return DAM_OK;
            }
            slot = &branch->children[path[0]];
            path++;
            path_len--;
        } else if (node->kind == TRIE_LEAF) {
            struct trie_leaf *leaf = trie_leaf(node);
            size_t common = trie_path_common(leaf->path, leaf->path_len, path, path_len);
            if (common == leaf->path_len && common == path_len) {
                leaf->value = value;
                return DAM_OK;
            }
            return leaf_split(trie->arena, slot, common, path, path_len, value);
        } else {
            struct trie_extension *extension = trie_extension(node);
            size_t common = trie_path_common(extension->path, extension->path_len, path, path_len);
            if (common < extension->path_len) {
                return extension_split(trie->arena, slot, common, path, path_len, value);
            }
            slot = &extension->child;
            path += common;
            path_len -= common;
        }
    }
}

enum dam_err dam_trie_put(struct dam_trie *trie, struct dam_bytes key, struct dam_bytes value)
{
    struct trie_path path;
    if (value.len == 0) {
        return dam_trie_delete(trie, key);
    }
    DAM_TRY(trie_path_of_key(key, &path));
    const void *copy = dam_arena_copy(trie->arena, value.data, value.len);
    return copy == NULL ? DAM_ENOMEM : put(trie, &path, dam_bytes(copy, value.len));
}

enum dam_err trie_put_borrowed(struct dam_trie *trie, struct dam_bytes key, struct dam_bytes value)
{
    struct trie_path path;
    DAM_TRY(trie_path_of_key(key, &path));
    return put(trie, &path, value);
}

/* The way down to a key: each place a node hangs at, the last one where the value is. */
struct descent {
    struct dam_trie_node **slots[DAM_TRIE_DEPTH_MAX];
    size_t path_lens[DAM_TRIE_DEPTH_MAX]; /* nibbles of the key down to each */
    size_t count;
    bool is_found;
};

static enum dam_err descend(struct dam_trie *trie, const struct trie_path *key,
                            struct descent *descent)
{
    struct dam_trie_node **slot;
    size_t at = 0;
    DAM_TRY(root_slot(trie, &slot));
    for (;;) {
        DAM_TRY(trie_resolve(trie, slot, key->nibbles, at));
        struct dam_trie_node *node = *slot;
        if (node == NULL) {
            return DAM_OK;
        }
        DAM_ASSERT(descent->count < DAM_TRIE_DEPTH_MAX);
        descent->slots[descent->count] = slot;
        descent->path_lens[descent->count++] = at;
        size_t left = key->len - at;
        if (node->kind == TRIE_BRANCH) {
            if (left == 0) {
                descent->is_found = trie_branch(node)->value.len != 0;
                return DAM_OK;
            }
            slot = &trie_branch(node)->children[key->nibbles[at++]];
        } else if (node->kind == TRIE_LEAF) {
            struct trie_leaf *leaf = trie_leaf(node);
            descent->is_found =
                leaf->path_len == left && memcmp(leaf->path, key->nibbles + at, left) == 0;
            return DAM_OK;
        } else {
            struct trie_extension *extension = trie_extension(node);
            if (extension->path_len > left ||
                memcmp(extension->path, key->nibbles + at, extension->path_len) != 0) {
                return DAM_OK;
            }
            at += extension->path_len;
            slot = &extension->child;
        }
    }
}

/* What is left of a node, nibbles and one child, is made one with the child where it hangs, so that
 * no extension points to a short node. at: the way down to the node. */
static enum dam_err join(struct dam_trie *trie, struct dam_bytes at, const uint8_t *path,
                         size_t path_len, struct dam_trie_node **child_slot,
                         struct dam_trie_node **ret)
{
    uint8_t joined[2 * DAM_TRIE_KEY_MAX];
    uint8_t child_path[2 * DAM_TRIE_KEY_MAX];
    if (at.len + path_len > sizeof(child_path)) {
        return DAM_ECORRUPT; /* longer than any key: the store holds somebody else's nodes */
    }
    memcpy(child_path, at.data, at.len);
    memcpy(child_path + at.len, path, path_len);
    DAM_TRY(trie_resolve(trie, child_slot, child_path, at.len + path_len));
    struct dam_trie_node *child = *child_slot;
    size_t child_len = child->kind == TRIE_LEAF        ? trie_leaf(child)->path_len
                       : child->kind == TRIE_EXTENSION ? trie_extension(child)->path_len
                                                       : 0;
    if (at.len + path_len + child_len > sizeof(joined)) {
        return DAM_ECORRUPT;
    }
    if (child->kind != TRIE_BRANCH) { /* it moves up, a branch stays where it is */
        DAM_TRY(trie_drop(trie, child_path, at.len + path_len));
    }
    memcpy(joined, path, path_len);
    if (child->kind == TRIE_LEAF) {
        const struct trie_leaf *leaf = trie_leaf(child);
        memcpy(joined + path_len, leaf->path, leaf->path_len);
        *ret = trie_leaf_new(trie->arena, joined, path_len + leaf->path_len, leaf->value);
    } else if (child->kind == TRIE_EXTENSION) {
        const struct trie_extension *extension = trie_extension(child);
        memcpy(joined + path_len, extension->path, extension->path_len);
        *ret = trie_extension_new(trie->arena, joined, path_len + extension->path_len,
                                  extension->child);
    } else {
        *ret = trie_extension_new(trie->arena, path, path_len, child);
    }
    return *ret == NULL ? DAM_ENOMEM : DAM_OK;
}

/* A branch that lost something: with one thing left it is no branch any more. */
static enum dam_err branch_shrink(struct dam_trie *trie, struct dam_trie_node **slot,
                                  struct dam_bytes at)
{
    struct trie_branch *branch = trie_branch(*slot);
    size_t used = 0;
    uint8_t last = 0;
    for (uint8_t i = 0; i < 16; i++) {
        if (branch->children[i] != NULL) {
            used++;
            last = i;
        }
    }
    if (used + (branch->value.len != 0) > 1) {
        return DAM_OK;
    }
    if (used == 0) {
        *slot = trie_leaf_new(trie->arena, NULL, 0, branch->value);
        return *slot == NULL ? DAM_ENOMEM : DAM_OK;
    }
    return join(trie, at, &last, 1, &branch->children[last], slot);
}

enum dam_err dam_trie_delete(struct dam_trie *trie, struct dam_bytes key)
{
    struct trie_path path;
    struct descent descent = {.count = 0};
    DAM_TRY(trie_path_of_key(key, &path));
    DAM_TRY(descend(trie, &path, &descent));
    if (!descent.is_found) {
        return DAM_OK;
    }
    struct dam_trie_node **slot = descent.slots[--descent.count];
    struct dam_bytes at = dam_bytes(path.nibbles, descent.path_lens[descent.count]);
    if ((*slot)->kind == TRIE_LEAF) {
        *slot = NULL;
        DAM_TRY(trie_drop(trie, at.data, at.len));
    } else {
        trie_branch(*slot)->value = (struct dam_bytes){0};
        (*slot)->is_dirty = true;
        DAM_TRY(branch_shrink(trie, slot, at));
    }
    while (descent.count > 0) {
        slot = descent.slots[--descent.count];
        at.len = descent.path_lens[descent.count];
        (*slot)->is_dirty = true;
        if ((*slot)->kind == TRIE_BRANCH) {
            DAM_TRY(branch_shrink(trie, slot, at));
        } else {
            struct trie_extension *extension = trie_extension(*slot);
            if (extension->child->kind != TRIE_BRANCH) {
                DAM_TRY(
                    join(trie, at, extension->path, extension->path_len, &extension->child, slot));
            }
        }
    }
    return DAM_OK;
}

/* One walk through all keys from a given one on. */
struct walk {
    struct dam_trie *trie;
    bool (*visit)(void *ctx, struct dam_bytes key, struct dam_bytes value);
    void *ctx;
    struct trie_path from;
    struct trie_path at;
    bool is_stopped;
};

static void walk_visit(struct walk *walk, struct dam_bytes value)
{
    uint8_t key[DAM_TRIE_KEY_MAX];
    for (size_t i = 0; i < walk->at.len / 2; i++) {
        key[i] = (uint8_t)(walk->at.nibbles[2 * i] << 4 | walk->at.nibbles[2 * i + 1]);
    }
    walk->is_stopped = !walk->visit(walk->ctx, dam_bytes(key, walk->at.len / 2), value);
}

/* Appends nibbles to the place. *ret_order tells how it then compares to the front of `from`: below
 * 0, 0, above 0. */
static enum dam_err walk_enter(struct walk *walk, const uint8_t *path, size_t path_len,
                               bool is_tight, int *ret_order)
{
    size_t old_len = walk->at.len;
    if (path_len > sizeof(walk->at.nibbles) - old_len) {
        return DAM_ECORRUPT;
    }
    memcpy(walk->at.nibbles + old_len, path, path_len);
    walk->at.len += path_len;
    *ret_order = is_tight ? 0 : 1;
    if (is_tight && old_len < walk->from.len) {
        size_t from_left = walk->from.len - old_len;
        *ret_order =
            memcmp(path, walk->from.nibbles + old_len, from_left < path_len ? from_left : path_len);
    }
    return DAM_OK;
}

static enum dam_err walk_node(struct walk *walk, struct dam_trie_node **slot, bool is_tight);

static enum dam_err walk_branch(struct walk *walk, struct trie_branch *branch, bool is_tight)
{
    size_t old_len = walk->at.len;
    bool is_below = is_tight && walk->at.len < walk->from.len;
    if (branch->value.len != 0 && !is_below) {
        walk_visit(walk, branch->value);
    }
    for (uint8_t i = 0; i < 16 && !walk->is_stopped; i++) {
        int order = -1;
        if (branch->children[i] != NULL) {
            DAM_TRY(walk_enter(walk, &i, 1, is_tight, &order));
        }
        if (order >= 0) {
            DAM_TRY(walk_node(walk, &branch->children[i], order == 0));
        }
        walk->at.len = old_len;
    }
    return DAM_OK;
}

/* is_tight: the place so far equals the front of `from`, so smaller keys may still be below.
 * Recursion is as deep as a key has nibbles. */
static enum dam_err walk_node(struct walk *walk, struct dam_trie_node **slot, bool is_tight)
{
    DAM_TRY(trie_resolve(walk->trie, slot, walk->at.nibbles, walk->at.len));
    struct dam_trie_node *node = *slot;
    size_t old_len = walk->at.len;
    int order;
    if (node == NULL) {
        return DAM_OK;
    }
    if (node->kind == TRIE_BRANCH) {
        return walk_branch(walk, trie_branch(node), is_tight);
    }
    if (node->kind == TRIE_LEAF) {
        struct trie_leaf *leaf = trie_leaf(node);
        DAM_TRY(walk_enter(walk, leaf->path, leaf->path_len, is_tight, &order));
        if (order > 0 || (order == 0 && (!is_tight || walk->at.len >= walk->from.len))) {
            walk_visit(walk, leaf->value);
        }
    } else {
        struct trie_extension *extension = trie_extension(node);
        DAM_TRY(walk_enter(walk, extension->path, extension->path_len, is_tight, &order));
        if (order >= 0) {
            DAM_TRY(walk_node(walk, &extension->child, order == 0));
        }
    }
    walk->at.len = old_len;
    return DAM_OK;
}

enum dam_err dam_trie_walk(struct dam_trie *trie, struct dam_bytes from,
                           bool (*visit)(void *ctx, struct dam_bytes key, struct dam_bytes value),
                           void *ctx)
{
    struct walk walk = {.trie = trie, .visit = visit, .ctx = ctx};
    struct dam_trie_node **slot;
    DAM_TRY(trie_path_of_key(from, &walk.from));
    DAM_TRY(root_slot(trie, &slot));
    return walk_node(&walk, slot, true);
}
