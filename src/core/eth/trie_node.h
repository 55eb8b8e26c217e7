// SPDX-License-Identifier: Apache-2.0
/* Private to the trie's own files: the nodes in memory, how they are read from their encoding and
 * written back. Nodes live in the trie's arena and are changed in place. */
#ifndef DAM_CORE_ETH_TRIE_NODE_H
#define DAM_CORE_ETH_TRIE_NODE_H

#include "core/eth/rlp.h"
#include "core/eth/trie.h"

enum trie_kind {
    TRIE_LEAF,
    TRIE_EXTENSION,
    TRIE_BRANCH,
    TRIE_HASH, /* not loaded yet: only its hash is known */
};

/* The front of every node; which struct it is in is told by kind. */
struct dam_trie_node {
    enum trie_kind kind;
    bool is_dirty;   /* changed since ref was made */
    uint8_t ref_len; /* 32: ref is the hash; less: the node's whole encoding */
    uint8_t ref[32]; /* what stands for this node in its parent */
};

struct trie_leaf {
    struct dam_trie_node head;
    const uint8_t *path; /* one nibble a byte */
    size_t path_len;
    struct dam_bytes value;
};

struct trie_extension {
    struct dam_trie_node head;
    const uint8_t *path;
    size_t path_len;             /* at least 1 */
    struct dam_trie_node *child; /* a branch, or not loaded */
};

struct trie_branch {
    struct dam_trie_node head;
    struct dam_trie_node *children[16];
    struct dam_bytes value; /* of the key that ends here; empty: none */
};

static inline struct trie_leaf *trie_leaf(struct dam_trie_node *node)
{
    return (struct trie_leaf *)node;
}

static inline struct trie_extension *trie_extension(struct dam_trie_node *node)
{
    return (struct trie_extension *)node;
}

static inline struct trie_branch *trie_branch(struct dam_trie_node *node)
{
    return (struct trie_branch *)node;
}

/* A key as nibbles. */
struct trie_path {
    uint8_t nibbles[2 * DAM_TRIE_KEY_MAX];
    size_t len;
};

enum dam_err trie_path_of_key(struct dam_bytes key, struct trie_path *ret);

/* How many nibbles two paths share from the front. */
size_t trie_path_common(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* New nodes, dirty. Return NULL when memory is out. */
struct dam_trie_node *trie_leaf_new(struct dam_arena *arena, const uint8_t *path, size_t path_len,
                                    struct dam_bytes value);
struct dam_trie_node *trie_extension_new(struct dam_arena *arena, const uint8_t *path,
                                         size_t path_len, struct dam_trie_node *child);
struct dam_trie_node *trie_branch_new(struct dam_arena *arena);
struct dam_trie_node *trie_hash_new(struct dam_arena *arena, const uint8_t hash[32]);

/* Decode a node; bytes must live as long as the node. Children with a hash are not loaded. */
enum dam_err trie_node_decode(struct dam_arena *arena, struct dam_bytes bytes,
                              struct dam_trie_node **ret);

/* Append a node's encoding; the refs of its children must be right. */
void trie_node_encode(const struct dam_trie_node *node, struct dam_buf *buf);

/* If *slot is a hash, load the node and put it there instead. path: nibbles down to the slot. */
enum dam_err trie_resolve(struct dam_trie *trie, struct dam_trie_node **slot, const uint8_t *path,
                          size_t path_len);

/* Tell the store that nothing is at a path any more. */
enum dam_err trie_drop(const struct dam_trie *trie, const uint8_t *path, size_t path_len);

/* dam_trie_put for a non-empty value that outlives the trie and is not copied. */
enum dam_err trie_put_borrowed(struct dam_trie *trie, struct dam_bytes key, struct dam_bytes value);

/* Hex-prefix encoding (Yellow Paper, appendix C). ret has room for 1 + path_len / 2 bytes. */
size_t trie_hex_prefix(const uint8_t *path, size_t path_len, bool is_leaf, uint8_t *ret);

/* The reverse, nibble by nibble, without memory. */
struct trie_packed_path {
    const uint8_t *bytes; /* after the flag nibble(s) */
    size_t first;         /* 0 or 1: the first nibble's index in bytes */
    size_t len;           /* nibbles */
    bool is_leaf;
};
enum dam_err trie_hex_prefix_read(struct dam_bytes packed, struct trie_packed_path *ret);

static inline uint8_t trie_packed_nibble(const struct trie_packed_path *path, size_t index)
{
    size_t at = path->first + index;
    return at % 2 == 0 ? path->bytes[at / 2] >> 4 : path->bytes[at / 2] & 15;
}

#endif
