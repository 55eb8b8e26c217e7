// SPDX-License-Identifier: Apache-2.0
#include "ledger/state_nodes.h"

#include <stdlib.h>

#include "base/assert.h"

#define ADDRESS_LEN 20u
#define NODE_KEY_LEN 52u
#define NODE_LEN_MAX 1024u /* a branch has at most 532 bytes */
#define GONE_LEN_MAX ((size_t)1 << 30)

/* ---- one trie -------------------------------------------------------------------------------- */

static void node_key(const struct dam_address *owner, const struct dam_hash *hash,
                     uint8_t ret[NODE_KEY_LEN])
{
    memcpy(ret, owner->b, ADDRESS_LEN);
    memcpy(ret + ADDRESS_LEN, hash->b, sizeof(hash->b));
}

static enum dam_err nodes_load(void *ctx, const struct dam_hash *hash, struct dam_bytes *ret)
{
    struct dam_state_nodes *nodes = ctx;
    uint8_t key[NODE_KEY_LEN];
    struct dam_bytes record;
    node_key(&nodes->owner, hash, key);
    DAM_TRY(dam_store_get(nodes->txn, DAM_STORE_NODE, dam_bytes(key, sizeof(key)), &record));
    if (record.len <= 8) {
        return DAM_ECORRUPT;
    }
    *ret = dam_bytes(record.data + 8, record.len - 8);
    return DAM_OK;
}

/* The version tells the forgetting of an older one, which had no use for the node, that it is back
 * in use. */
static enum dam_err put_node(struct dam_store_txn *txn, struct dam_bytes key, uint64_t version,
                             struct dam_bytes node)
{
    uint8_t record[8 + NODE_LEN_MAX];
    DAM_ASSERT(node.len <= NODE_LEN_MAX);
    dam_store_be64(record, version);
    memcpy(record + 8, node.data, node.len);
    return dam_store_put(txn, DAM_STORE_NODE, key, dam_bytes(record, 8 + node.len));
}

static enum dam_err nodes_save(void *ctx, const struct dam_hash *hash, struct dam_bytes node)
{
    struct dam_state_nodes *nodes = ctx;
    uint8_t key[NODE_KEY_LEN];
    node_key(&nodes->owner, hash, key);
    return put_node(nodes->txn, dam_bytes(key, sizeof(key)), nodes->version, node);
}

/* A node that an undo brings back: its record is still there, from whenever it came into use. */
static enum dam_err nodes_save_back(void *ctx, const struct dam_hash *hash, struct dam_bytes node)
{
    struct dam_state_nodes *nodes = ctx;
    uint8_t key[NODE_KEY_LEN];
    struct dam_bytes record;
    node_key(&nodes->owner, hash, key);
    DAM_TRY(
        dam_store_get_or_empty(nodes->txn, DAM_STORE_NODE, dam_bytes(key, sizeof(key)), &record));
    if (record.len > 8 && dam_load_be64(record.data) <= nodes->version) {
        return DAM_OK;
    }
    return put_node(nodes->txn, dam_bytes(key, sizeof(key)), nodes->version, node);
}

static enum dam_err nodes_drop(void *ctx, const struct dam_hash *hash)
{
    struct dam_state_nodes *nodes = ctx;
    uint8_t key[NODE_KEY_LEN];
    node_key(&nodes->owner, hash, key);
    dam_buf_put(nodes->gone, key, sizeof(key));
    return dam_buf_err(nodes->gone);
}

/* The same when a version is written. A node that came into use with this very version, or seems so
 * since an undo brought it back, must not look as if the version still had a use for it. */
static enum dam_err nodes_drop_forward(void *ctx, const struct dam_hash *hash)
{
    struct dam_state_nodes *nodes = ctx;
    uint8_t key[NODE_KEY_LEN];
    uint8_t node[NODE_LEN_MAX];
    struct dam_bytes record;
    node_key(&nodes->owner, hash, key);
    DAM_TRY(
        dam_store_get_or_empty(nodes->txn, DAM_STORE_NODE, dam_bytes(key, sizeof(key)), &record));
    if (record.len > 8 && record.len <= 8 + sizeof(node) &&
        dam_load_be64(record.data) >= nodes->version) {
        size_t len = record.len - 8;
        memcpy(node, record.data + 8, len);
        DAM_TRY(put_node(nodes->txn, dam_bytes(key, sizeof(key)), nodes->version - 1,
                         dam_bytes(node, len)));
    }
    return nodes_drop(ctx, hash);
}

void dam_state_nodes_init(struct dam_state_nodes *nodes, struct dam_store_txn *txn,
                          const struct dam_address *address)
{
    memset(nodes, 0, sizeof(*nodes));
    nodes->txn = txn;
    if (address != NULL) {
        nodes->owner = *address;
    }
    nodes->vtable = (struct dam_trie_store){nodes_load, nodes_save, NULL, nodes};
}

/* The same, for writing a version. */
void dam_state_nodes_to_write(struct dam_state_nodes *nodes, struct dam_store_txn *txn,
                              const struct dam_address *address, uint64_t version,
                              struct dam_buf *gone)
{
    dam_state_nodes_init(nodes, txn, address);
    nodes->version = version;
    nodes->gone = gone;
    nodes->vtable.drop = nodes_drop_forward;
}

void dam_state_nodes_to_undo(struct dam_state_nodes *nodes, struct dam_store_txn *txn,
                             const struct dam_address *address, uint64_t version,
                             struct dam_buf *gone)
{
    dam_state_nodes_to_write(nodes, txn, address, version - 1, gone);
    nodes->vtable.save = nodes_save_back;
    nodes->vtable.drop = nodes_drop;
}

/* A storage trie that goes as a whole: all its nodes are gone, older ones for a second time. */
enum dam_err dam_state_nodes_drop_all(struct dam_store_txn *txn, const struct dam_address *address,
                                      struct dam_buf *gone)
{
    struct dam_store_cursor cursor = {0};
    uint8_t from[NODE_KEY_LEN] = {0};
    memcpy(from, address->b, ADDRESS_LEN);
    enum dam_err err = dam_store_seek(&cursor, txn, DAM_STORE_NODE, dam_bytes(from, sizeof(from)));
    while (err == DAM_OK && memcmp(cursor.key.data, address->b, ADDRESS_LEN) == 0) {
        dam_buf_put(gone, cursor.key.data, cursor.key.len);
        err = dam_store_next(&cursor);
    }
    dam_store_cursor_close(&cursor);
    return err == DAM_ENOTFOUND || err == DAM_OK ? dam_buf_err(gone) : err;
}

/* ---- nodes without use ----------------------------------------------------------------------- */

/* The two lists of a version's nodes without use: those that it dropped, and those that versions
 * which were taken back have left (see dam_state_nodes_undone). */
enum gone_kind {
    GONE_DROPPED = 0,
    GONE_UNDONE = 1,
};

static struct dam_bytes gone_key(uint64_t version, enum gone_kind kind, uint8_t key[9])
{
    dam_store_be64(key, version);
    key[8] = (uint8_t)kind;
    return dam_bytes(key, 9);
}

enum dam_err dam_state_nodes_put_gone(struct dam_store_txn *txn, uint64_t version,
                                      struct dam_bytes gone)
{
    uint8_t key[9];
    return dam_store_set(txn, DAM_STORE_NODE_GONE, gone_key(version, GONE_DROPPED, key), gone);
}

/* Note nodes of a version that is being undone: those that only it used get the version below, so
 * that a later use shows. One that has a lower version already is back in use. */
static enum dam_err take_undone(struct dam_store_txn *txn, uint64_t version, struct dam_bytes keys,
                                struct dam_buf *gone)
{
    for (size_t i = 0; i + NODE_KEY_LEN <= keys.len; i += NODE_KEY_LEN) {
        struct dam_bytes key = dam_bytes(keys.data + i, NODE_KEY_LEN);
        struct dam_bytes record;
        uint8_t node[NODE_LEN_MAX];
        DAM_TRY(dam_store_get_or_empty(txn, DAM_STORE_NODE, key, &record));
        if (record.len <= 8 || record.len > 8 + sizeof(node) ||
            dam_load_be64(record.data) != version) {
            continue;
        }
        size_t len = record.len - 8;
        memcpy(node, record.data + 8, len);
        DAM_TRY(put_node(txn, key, version - 1, dam_bytes(node, len)));
        dam_buf_put(gone, key.data, key.len);
    }
    return dam_buf_err(gone);
}

/* Copy a list of keys, since pages move while records are written. */
static enum dam_err read_gone(struct dam_store_txn *txn, struct dam_arena *arena, uint64_t version,
                              enum gone_kind kind, struct dam_bytes *ret)
{
    uint8_t at[9];
    struct dam_bytes record;
    DAM_TRY(dam_store_get_or_empty(txn, DAM_STORE_NODE_GONE, gone_key(version, kind, at), &record));
    const void *copy = dam_arena_copy(arena, record.data, record.len);
    *ret = dam_bytes(copy, record.len);
    return copy == NULL ? DAM_ENOMEM : DAM_OK;
}

/* Nodes that only undone versions used go when the version of that number is forgotten: older ones
 * may have had the same. With each undo they move down a version, for that one may bring them back
 * when it is written anew. */
enum dam_err dam_state_nodes_undone(struct dam_store_txn *txn, struct dam_arena *arena,
                                    uint64_t version, struct dam_bytes dropped)
{
    uint8_t at[9];
    struct dam_buf gone;
    struct dam_bytes before;
    struct dam_bytes above;
    DAM_TRY(read_gone(txn, arena, version, GONE_UNDONE, &before));
    DAM_TRY(read_gone(txn, arena, version + 1, GONE_UNDONE, &above));
    dam_buf_init_arena(&gone, arena, GONE_LEN_MAX);
    for (size_t i = 0; i + NODE_KEY_LEN <= before.len; i += NODE_KEY_LEN) {
        struct dam_bytes key = dam_bytes(before.data + i, NODE_KEY_LEN);
        struct dam_bytes record;
        DAM_TRY(dam_store_get_or_empty(txn, DAM_STORE_NODE, key, &record));
        if (record.len > 8 && dam_load_be64(record.data) < version) {
            dam_buf_put(&gone, key.data, key.len);
        }
    }
    DAM_TRY(take_undone(txn, version, dropped, &gone));
    DAM_TRY(take_undone(txn, version, above, &gone));
    DAM_TRY(dam_store_delete(txn, DAM_STORE_NODE_GONE, gone_key(version, GONE_DROPPED, at)));
    DAM_TRY(dam_store_delete(txn, DAM_STORE_NODE_GONE, gone_key(version + 1, GONE_UNDONE, at)));
    return dam_store_set(txn, DAM_STORE_NODE_GONE, gone_key(version, GONE_UNDONE, at),
                         dam_buf_bytes(&gone));
}

/* Delete the trie nodes that the version had no use for and that no later one has brought back. */
static enum dam_err forget_nodes(struct dam_store_txn *txn, uint64_t version, enum gone_kind kind)
{
    uint8_t at[9];
    struct dam_bytes list = gone_key(version, kind, at);
    struct dam_bytes record;
    DAM_TRY(dam_store_get_or_empty(txn, DAM_STORE_NODE_GONE, list, &record));
    if (record.len == 0) {
        return DAM_OK;
    }
    size_t len = record.len;
    uint8_t *keys = malloc(len); /* pages move while records are deleted */
    if (keys == NULL) {
        return DAM_ENOMEM;
    }
    memcpy(keys, record.data, len);
    enum dam_err err = DAM_OK;
    for (size_t i = 0; i + NODE_KEY_LEN <= len && err == DAM_OK; i += NODE_KEY_LEN) {
        struct dam_bytes key = dam_bytes(keys + i, NODE_KEY_LEN);
        err = dam_store_get_or_empty(txn, DAM_STORE_NODE, key, &record);
        if (err == DAM_OK && record.len > 8 && dam_load_be64(record.data) < version) {
            err = dam_store_delete(txn, DAM_STORE_NODE, key);
        }
    }
    free(keys);
    return err == DAM_OK ? dam_store_delete(txn, DAM_STORE_NODE_GONE, list) : err;
}

enum dam_err dam_state_nodes_forget(struct dam_store_txn *txn, uint64_t version)
{
    DAM_TRY(forget_nodes(txn, version, GONE_DROPPED));
    return forget_nodes(txn, version, GONE_UNDONE);
}
