// SPDX-License-Identifier: Apache-2.0
/* Proofs: made from a trie, checked from bytes alone. */
#include "base/assert.h"
#include "core/crypto/keccak.h"
#include "core/eth/trie_node.h"

static enum dam_err proof_add(struct dam_trie *trie, const struct dam_trie_node *node,
                              struct dam_trie_proof *proof)
{
    struct dam_buf buf;
    dam_buf_init_arena(&buf, trie->arena, 0);
    trie_node_encode(node, &buf);
    DAM_TRY(dam_buf_err(&buf));
    DAM_ASSERT(proof->count < DAM_TRIE_DEPTH_MAX);
    proof->nodes[proof->count++] = dam_buf_bytes(&buf);
    return DAM_OK;
}

/* The place below a node on the way to a key; NULL where the way ends. */
static struct dam_trie_node **step(struct dam_trie_node *node, const struct trie_path *path,
                                   size_t *at)
{
    if (node->kind == TRIE_BRANCH && *at < path->len) {
        return &trie_branch(node)->children[path->nibbles[(*at)++]];
    }
    if (node->kind == TRIE_EXTENSION) {
        struct trie_extension *extension = trie_extension(node);
        if (extension->path_len <= path->len - *at &&
            memcmp(extension->path, path->nibbles + *at, extension->path_len) == 0) {
            *at += extension->path_len;
            return &extension->child;
        }
    }
    return NULL;
}

enum dam_err dam_trie_prove(struct dam_trie *trie, struct dam_bytes key, struct dam_trie_proof *ret)
{
    struct trie_path path;
    struct dam_bytes value;
    DAM_TRY(trie_path_of_key(key, &path));
    ret->count = 0;
    enum dam_err err = dam_trie_get(trie, key, &value); /* loads the whole way */
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        return err;
    }
    size_t at = 0;
    for (struct dam_trie_node **slot = &trie->root; slot != NULL && *slot != NULL;
         slot = step(*slot, &path, &at)) {
        DAM_ASSERT(!(*slot)->is_dirty); /* our caller forgot to commit */
        if ((*slot)->ref_len == 32) {
            DAM_TRY(proof_add(trie, *slot, ret));
        }
    }
    return DAM_OK;
}

/* The check of a proof: the rest of the key, and what the next node must be. */
struct check {
    const uint8_t *key;
    size_t nibble; /* used so far */
    size_t nibble_count;
    bool is_hash; /* the next node is named by its hash ... */
    struct dam_hash hash;
    struct dam_bytes inner; /* ... or it is right here, embedded in its parent */
    bool is_done;
    struct dam_bytes value;
};

static uint8_t key_nibble(const struct check *check)
{
    uint8_t byte = check->key[check->nibble / 2];
    return check->nibble % 2 == 0 ? byte >> 4 : byte & 15;
}

static enum dam_err value_read(struct dam_rlp *fields, struct check *check)
{
    check->is_done = true;
    return dam_rlp_bytes(fields, &check->value) == DAM_OK ? DAM_OK : DAM_ECORRUPT;
}

static enum dam_err ref_read(struct dam_rlp *fields, struct check *check)
{
    struct dam_rlp_item item;
    if (dam_rlp_next(fields, &item) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    if (item.is_list) {
        check->is_hash = false;
        check->inner = item.whole;
        return item.whole.len < 32 ? DAM_OK : DAM_ECORRUPT;
    }
    if (item.payload.len == 32) {
        check->is_hash = true;
        memcpy(check->hash.b, item.payload.data, 32);
        return DAM_OK;
    }
    check->is_done = true; /* nothing hangs here: the key is absent */
    return item.payload.len == 0 ? DAM_OK : DAM_ECORRUPT;
}

static enum dam_err short_check(struct dam_rlp *fields, struct check *check)
{
    struct dam_bytes packed;
    struct trie_packed_path path;
    if (dam_rlp_bytes(fields, &packed) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    DAM_TRY(trie_hex_prefix_read(packed, &path));
    size_t left = check->nibble_count - check->nibble;
    bool fits = path.is_leaf ? path.len == left : path.len != 0 && path.len <= left;
    if (!path.is_leaf && path.len == 0) {
        return DAM_ECORRUPT;
    }
    for (size_t i = 0; i < path.len && fits; i++) {
        fits = trie_packed_nibble(&path, i) == key_nibble(check);
        check->nibble++;
    }
    if (!fits) {
        check->is_done = true; /* the way leads elsewhere: the key is absent */
        return DAM_OK;
    }
    return path.is_leaf ? value_read(fields, check) : ref_read(fields, check);
}

static enum dam_err branch_check(struct dam_rlp *fields, struct check *check)
{
    size_t skip = check->nibble == check->nibble_count ? 16 : key_nibble(check);
    for (size_t i = 0; i < skip; i++) {
        struct dam_rlp_item item;
        if (dam_rlp_next(fields, &item) != DAM_OK) {
            return DAM_ECORRUPT;
        }
    }
    if (skip == 16) {
        return value_read(fields, check);
    }
    check->nibble++;
    return ref_read(fields, check);
}

static enum dam_err node_check(struct dam_bytes node, struct check *check)
{
    struct dam_rlp outer = dam_rlp(node);
    struct dam_rlp fields;
    size_t count;
    if (dam_rlp_list(&outer, &fields) != DAM_OK || dam_rlp_end(&outer) != DAM_OK ||
        dam_rlp_count(&fields, &count) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    if (count == 17) {
        return branch_check(&fields, check);
    }
    return count == 2 ? short_check(&fields, check) : DAM_ECORRUPT;
}

enum dam_err dam_trie_verify(const struct dam_hash *root, struct dam_bytes key,
                             const struct dam_bytes *nodes, size_t count,
                             struct dam_bytes *ret_value)
{
    struct check check = {
        .key = key.data, .nibble_count = 2 * key.len, .is_hash = true, .hash = *root};
    size_t used = 0;
    if (dam_hash_eq(root, &dam_empty_trie_root)) {
        /* Some nodes answer with no node, some with the empty one. */
        bool is_empty = count == 0 || (count == 1 && nodes[0].len == 1 && nodes[0].data[0] == 0x80);
        if (is_empty) {
            *ret_value = (struct dam_bytes){0};
        }
        return is_empty ? DAM_OK : DAM_ECORRUPT;
    }
    while (!check.is_done) {
        struct dam_bytes node = check.inner;
        if (check.is_hash) {
            struct dam_hash hash;
            if (used == count) {
                return DAM_ECORRUPT;
            }
            node = nodes[used++];
            dam_keccak256(node.data, node.len, &hash);
            if (!dam_hash_eq(&hash, &check.hash)) {
                return DAM_ECORRUPT;
            }
        }
        DAM_TRY(node_check(node, &check));
    }
    if (used != count) {
        return DAM_ECORRUPT;
    }
    *ret_value = check.value;
    return DAM_OK;
}
