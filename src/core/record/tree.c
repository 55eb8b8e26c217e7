// SPDX-License-Identifier: Apache-2.0
#include "core/record/tree.h"

#include "base/assert.h"
#include "core/crypto/sha256.h"

void dam_record_leaf_hash(struct dam_bytes leaf, struct dam_hash *ret)
{
    struct dam_sha256 sha;
    dam_sha256_init(&sha);
    dam_sha256_update(&sha, (const uint8_t[]){0}, 1);
    dam_sha256_update(&sha, leaf.data, leaf.len);
    dam_sha256_final(&sha, ret);
}

void dam_record_node_hash(const struct dam_hash *left, const struct dam_hash *right,
                          struct dam_hash *ret)
{
    uint8_t data[65];
    data[0] = 1;
    memcpy(data + 1, left->b, 32);
    memcpy(data + 33, right->b, 32);
    dam_sha256(data, sizeof(data), ret);
}

unsigned dam_record_append(struct dam_record_frontier *frontier, const struct dam_hash *leaf_hash,
                           struct dam_hash *ret_nodes)
{
    struct dam_hash node = *leaf_hash;
    unsigned level = 0;
    if (ret_nodes != NULL) {
        ret_nodes[0] = node;
    }
    for (; (frontier->size >> level & 1) != 0; level++) {
        dam_record_node_hash(&frontier->nodes[level], &node, &node);
        if (ret_nodes != NULL) {
            ret_nodes[level + 1] = node;
        }
    }
    DAM_ASSERT(level < DAM_RECORD_LEVELS_MAX);
    frontier->nodes[level] = node;
    frontier->size++;
    return level;
}

static void empty_root(struct dam_hash *ret)
{
    dam_sha256(NULL, 0, ret);
}

void dam_record_frontier_root(const struct dam_record_frontier *frontier, struct dam_hash *ret)
{
    bool any = false;
    struct dam_hash root;
    empty_root(&root);
    for (unsigned level = 0; level < DAM_RECORD_LEVELS_MAX; level++) {
        if ((frontier->size >> level & 1) == 0) {
            continue;
        }
        if (any) {
            dam_record_node_hash(&frontier->nodes[level], &root, &root);
        } else {
            root = frontier->nodes[level];
            any = true;
        }
    }
    *ret = root;
}

/* The largest power of two below n, as an exponent; n > 1. RFC 6962 splits there. */
static unsigned split_level(uint64_t n)
{
    return 63u - (unsigned)__builtin_clzll(n - 1);
}

/* The root of the leaves [first, first + count), where first is a multiple of the power of two at
 * or above count: the only ranges that proofs are made of. Walks the right edge, so that the depth
 * of the tree bounds the work. */
static enum dam_err range_root(const struct dam_record_source *source, uint64_t first,
                               uint64_t count, struct dam_hash *ret)
{
    struct dam_hash lefts[DAM_RECORD_LEVELS_MAX];
    unsigned left_count = 0;
    while ((count & (count - 1)) != 0) {
        unsigned level = split_level(count);
        DAM_TRY(source->read(source->ctx, level, first >> level, &lefts[left_count++]));
        first += (uint64_t)1 << level;
        count -= (uint64_t)1 << level;
    }
    unsigned level = (unsigned)__builtin_ctzll(count);
    struct dam_hash root;
    DAM_TRY(source->read(source->ctx, level, first >> level, &root));
    while (left_count > 0) {
        dam_record_node_hash(&lefts[--left_count], &root, &root);
    }
    *ret = root;
    return DAM_OK;
}

enum dam_err dam_record_root(const struct dam_record_source *source, uint64_t size,
                             struct dam_hash *ret)
{
    if (size == 0) {
        empty_root(ret);
        return DAM_OK;
    }
    return range_root(source, 0, size, ret);
}

static void reverse(struct dam_record_proof *proof)
{
    for (size_t i = 0; i < proof->count / 2; i++) {
        struct dam_hash other = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = proof->hashes[i];
        proof->hashes[i] = other;
    }
}

/* RFC 6962 section 2.1.1, from the root down: the sibling of the half that holds the leaf. */
enum dam_err dam_record_prove_inclusion(const struct dam_record_source *source, uint64_t index,
                                        uint64_t size, struct dam_record_proof *ret)
{
    if (index >= size || size >> DAM_RECORD_LEVELS_MAX != 0) {
        return DAM_ERANGE;
    }
    struct dam_record_proof proof = {0};
    uint64_t first = 0;
    uint64_t count = size;
    while (count > 1) {
        uint64_t half = (uint64_t)1 << split_level(count);
        bool right = index - first >= half;
        uint64_t other_first = right ? first : first + half;
        uint64_t other_count = right ? half : count - half;
        DAM_TRY(range_root(source, other_first, other_count, &proof.hashes[proof.count++]));
        first = right ? first + half : first;
        count = right ? count - half : half;
    }
    reverse(&proof);
    *ret = proof;
    return DAM_OK;
}

/* RFC 9162 section 2.1.3.2. */
bool dam_record_verify_inclusion(const struct dam_hash *leaf_hash, uint64_t index, uint64_t size,
                                 const struct dam_record_proof *proof, const struct dam_hash *root)
{
    if (index >= size || proof->count > DAM_RECORD_PROOF_MAX) {
        return false;
    }
    uint64_t fn = index;
    uint64_t sn = size - 1;
    struct dam_hash node = *leaf_hash;
    for (size_t i = 0; i < proof->count; i++) {
        if (sn == 0) {
            return false;
        }
        if ((fn & 1) != 0 || fn == sn) {
            dam_record_node_hash(&proof->hashes[i], &node, &node);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            dam_record_node_hash(&node, &proof->hashes[i], &node);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && dam_hash_eq(&node, root);
}

/* RFC 6962 section 2.1.2, from the root down. `whole`: the old tree is exactly this subtree, whose
 * root the verifier then has already. */
enum dam_err dam_record_prove_consistency(const struct dam_record_source *source, uint64_t old_size,
                                          uint64_t size, struct dam_record_proof *ret)
{
    if (old_size == 0 || old_size > size || size >> DAM_RECORD_LEVELS_MAX != 0) {
        return DAM_ERANGE;
    }
    struct dam_record_proof proof = {0};
    uint64_t first = 0;
    uint64_t count = size;
    uint64_t old = old_size; /* of the old tree's leaves, those from `first` on */
    bool whole = true;
    while (old != count) {
        uint64_t half = (uint64_t)1 << split_level(count);
        bool right = old > half;
        uint64_t other_first = right ? first : first + half;
        uint64_t other_count = right ? half : count - half;
        DAM_TRY(range_root(source, other_first, other_count, &proof.hashes[proof.count++]));
        if (right) {
            first += half;
            old -= half;
            count -= half;
            whole = false;
        } else {
            count = half;
        }
    }
    if (!whole) {
        DAM_TRY(range_root(source, first, count, &proof.hashes[proof.count++]));
    }
    reverse(&proof);
    *ret = proof;
    return DAM_OK;
}

/* RFC 9162 section 2.1.4.2. */
bool dam_record_verify_consistency(uint64_t old_size, const struct dam_hash *old_root,
                                   uint64_t size, const struct dam_hash *root,
                                   const struct dam_record_proof *proof)
{
    if (old_size > size || proof->count > DAM_RECORD_PROOF_MAX) {
        return false;
    }
    if (old_size == 0) {
        struct dam_hash empty;
        empty_root(&empty);
        return proof->count == 0 && dam_hash_eq(old_root, &empty);
    }
    if (old_size == size) {
        return proof->count == 0 && dam_hash_eq(old_root, root);
    }
    size_t used = 0;
    struct dam_hash old_node = *old_root;
    if ((old_size & (old_size - 1)) != 0) {
        if (proof->count == 0) {
            return false;
        }
        old_node = proof->hashes[used++];
    }
    struct dam_hash node = old_node;
    uint64_t fn = old_size - 1;
    uint64_t sn = size - 1;
    for (; (fn & 1) != 0; fn >>= 1) {
        sn >>= 1;
    }
    for (; used < proof->count; used++) {
        if (sn == 0) {
            return false;
        }
        const struct dam_hash *hash = &proof->hashes[used];
        if ((fn & 1) != 0 || fn == sn) {
            dam_record_node_hash(hash, &old_node, &old_node);
            dam_record_node_hash(hash, &node, &node);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            dam_record_node_hash(&node, hash, &node);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && dam_hash_eq(&old_node, old_root) && dam_hash_eq(&node, root);
}
