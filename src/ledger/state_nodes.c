// SPDX-License-Identifier: Apache-2.0
#include "ledger/state_nodes.h"

#include <stdlib.h>

#include "base/assert.h"

#define ADDRESS_LEN 20u
#define PATH_LEN_MAX 64u /* nibbles: keys are hashed */
#define PATH_END 0x10u   /* above any nibble: a node comes right behind what hangs below it */
#define OF_ZEROS 0x11u   /* above that: the address of zeros is not the state trie */
#define PLACE_LEN_MAX (ADDRESS_LEN + PATH_LEN_MAX + 1u)
#define TAG_LEN 8u         /* of the node's hash, to know it by */
#define NODE_LEN_MAX 1024u /* a branch has at most 532 bytes */

/* A key of NODE: the place, which is owner, path and its end, and the version. */
struct node_key {
    uint8_t bytes[PLACE_LEN_MAX + 8];
    size_t place_len;
};

/* The newest version comes first. */
static struct dam_bytes at_version(struct node_key *key, uint64_t version)
{
    dam_store_be64(key->bytes + key->place_len, ~version);
    return dam_bytes(key->bytes, key->place_len + 8);
}

static bool is_place(const struct node_key *key, struct dam_bytes found)
{
    return found.len == key->place_len + 8 && memcmp(found.data, key->bytes, key->place_len) == 0;
}

/* In: address: NULL for the state trie. */
static struct dam_state_owner owner_of(const struct dam_address *address)
{
    static const struct dam_address zeros;
    struct dam_state_owner owner = {.len = ADDRESS_LEN};
    if (address != NULL && dam_address_eq(address, &zeros)) {
        owner.bytes[owner.len++] = OF_ZEROS;
    } else if (address != NULL) {
        memcpy(owner.bytes, address->b, ADDRESS_LEN);
    }
    return owner;
}

/* Returns: false if the path is longer than any key. */
static bool key_of(const struct dam_state_owner *owner, struct dam_bytes path, struct node_key *ret)
{
    size_t len = owner->len + path.len;
    if (len >= PLACE_LEN_MAX) {
        return false;
    }
    memcpy(ret->bytes, owner->bytes, owner->len);
    memcpy(ret->bytes + owner->len, path.data, path.len);
    ret->bytes[len] = PATH_END;
    ret->place_len = len + 1;
    return true;
}

/* ---- one trie -------------------------------------------------------------------------------- */

static enum dam_err nodes_load(void *ctx, struct dam_bytes path, const struct dam_hash *hash,
                               struct dam_bytes *ret)
{
    const struct dam_state_nodes *nodes = ctx;
    struct node_key key;
    struct dam_bytes record;
    if (dam_node_cache_find(nodes->cache, hash, ret)) {
        return DAM_OK;
    }
    if (!key_of(&nodes->owner, path, &key)) {
        return DAM_ECORRUPT;
    }
    DAM_TRY(dam_store_get_from(nodes->txn, DAM_STORE_NODE, at_version(&key, nodes->version),
                               key.place_len, &record));
    if (record.len <= TAG_LEN || memcmp(record.data, hash->b, TAG_LEN) != 0) {
        return DAM_ECORRUPT;
    }
    *ret = dam_bytes_from(record, TAG_LEN);
    dam_node_cache_put(nodes->cache, hash, *ret);
    return DAM_OK;
}

/* A place in the list of what a version did: its length (1) and its bytes. */
static enum dam_err note(struct dam_buf *paths, struct dam_bytes place)
{
    dam_buf_put_byte(paths, (uint8_t)place.len);
    dam_buf_put(paths, place.data, place.len);
    return dam_buf_err(paths);
}

static enum dam_err nodes_save(void *ctx, struct dam_bytes path, const struct dam_hash *hash,
                               struct dam_bytes node)
{
    const struct dam_state_nodes *nodes = ctx;
    struct node_key key;
    uint8_t record[TAG_LEN + NODE_LEN_MAX];
    DAM_ASSERT(key_of(&nodes->owner, path, &key) && node.len <= NODE_LEN_MAX);
    memcpy(record, hash->b, TAG_LEN);
    memcpy(record + TAG_LEN, node.data, node.len);
    dam_node_cache_put(nodes->cache, hash, node);
    DAM_TRY(note(nodes->paths, dam_bytes(key.bytes, key.place_len)));
    return dam_store_put(nodes->txn, DAM_STORE_NODE, at_version(&key, nodes->version),
                         dam_bytes(record, TAG_LEN + node.len));
}

/* The version may have written there itself, when it was applied in parts. */
static enum dam_err nodes_drop(void *ctx, struct dam_bytes path)
{
    const struct dam_state_nodes *nodes = ctx;
    struct node_key key;
    DAM_ASSERT(key_of(&nodes->owner, path, &key));
    DAM_TRY(note(nodes->paths, dam_bytes(key.bytes, key.place_len)));
    return dam_store_delete(nodes->txn, DAM_STORE_NODE, at_version(&key, nodes->version));
}

void dam_state_nodes_init(struct dam_state_nodes *nodes, struct dam_store_txn *txn,
                          const struct dam_address *address, uint64_t version)
{
    memset(nodes, 0, sizeof(*nodes));
    nodes->txn = txn;
    nodes->version = version;
    nodes->owner = owner_of(address);
    nodes->vtable = (struct dam_trie_store){.load = nodes_load, .ctx = nodes};
}

void dam_state_nodes_to_write(struct dam_state_nodes *nodes, struct dam_store_txn *txn,
                              const struct dam_address *address, uint64_t version,
                              struct dam_buf *paths, struct dam_node_cache *cache)
{
    dam_state_nodes_init(nodes, txn, address, version);
    nodes->paths = paths;
    nodes->cache = cache;
    nodes->vtable.save = nodes_save;
    nodes->vtable.drop = nodes_drop;
}

enum dam_err dam_state_nodes_drop_all(struct dam_store_txn *txn, const struct dam_address *address,
                                      uint64_t version, struct dam_buf *paths)
{
    struct dam_store_cursor cursor = {0};
    struct node_key last = {.place_len = 0};
    const struct dam_state_owner owner = owner_of(address);
    enum dam_err err =
        dam_store_seek(&cursor, txn, DAM_STORE_NODE, dam_bytes(owner.bytes, owner.len));
    while (err == DAM_OK && memcmp(cursor.key.data, owner.bytes, owner.len) == 0) {
        if (!is_place(&last, cursor.key)) {
            DAM_ASSERT(cursor.key.len > owner.len + 8 && cursor.key.len <= sizeof(last.bytes));
            last.place_len = cursor.key.len - 8;
            memcpy(last.bytes, cursor.key.data, last.place_len);
            err = note(paths, dam_bytes(last.bytes, last.place_len));
        }
        if (err == DAM_OK && dam_bytes_eq(cursor.key, at_version(&last, version))) {
            err = dam_store_cursor_delete(&cursor);
        }
        err = err == DAM_OK ? dam_store_next(&cursor) : err;
    }
    dam_store_cursor_close(&cursor);
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

/* ---- what a version did ---------------------------------------------------------------------- */

static struct dam_bytes list_key(uint64_t version, uint8_t key[8])
{
    dam_store_be64(key, version);
    return dam_bytes(key, 8);
}

enum dam_err dam_state_nodes_put_paths(struct dam_store_txn *txn, uint64_t version,
                                       const struct dam_buf *paths)
{
    uint8_t key[8];
    return dam_store_set(txn, DAM_STORE_NODE_PATHS, list_key(version, key),
                         dam_bytes(paths->data, paths->len));
}

/* Do something at each place that a version noted, and remove the list. */
static enum dam_err each_noted(struct dam_store_txn *txn, uint64_t version,
                               enum dam_err (*act)(struct dam_store_txn *txn, struct node_key *key,
                                                   uint64_t version))
{
    uint8_t at[8];
    struct dam_bytes record;
    DAM_TRY(dam_store_get_or_empty(txn, DAM_STORE_NODE_PATHS, list_key(version, at), &record));
    uint8_t *list = malloc(record.len + 1); /* pages move while records are deleted */
    if (list == NULL) {
        return DAM_ENOMEM;
    }
    struct dam_bytes left = dam_bytes(list, record.len);
    enum dam_err err = DAM_OK;
    if (record.len > 0) {
        memcpy(list, record.data, record.len);
    }
    while (left.len > 0 && err == DAM_OK) {
        struct node_key key = {.place_len = left.data[0]};
        if (key.place_len > PLACE_LEN_MAX || key.place_len >= left.len) {
            err = DAM_ECORRUPT;
            break;
        }
        memcpy(key.bytes, left.data + 1, key.place_len);
        left = dam_bytes(left.data + 1 + key.place_len, left.len - 1 - key.place_len);
        err = act(txn, &key, version);
    }
    free(list);
    return err == DAM_OK ? dam_store_delete(txn, DAM_STORE_NODE_PATHS, list_key(version, at)) : err;
}

static enum dam_err undo_place(struct dam_store_txn *txn, struct node_key *key, uint64_t version)
{
    return dam_store_delete(txn, DAM_STORE_NODE, at_version(key, version));
}

enum dam_err dam_state_nodes_undo(struct dam_store_txn *txn, uint64_t version)
{
    return each_noted(txn, version, undo_place);
}

static enum dam_err forget_place(struct dam_store_txn *txn, struct node_key *key, uint64_t version)
{
    struct dam_store_cursor cursor = {0};
    enum dam_err err = dam_store_seek(&cursor, txn, DAM_STORE_NODE, at_version(key, version - 1));
    while (err == DAM_OK && is_place(key, cursor.key)) {
        err = dam_store_cursor_delete(&cursor);
        err = err == DAM_OK ? dam_store_next(&cursor) : err;
    }
    dam_store_cursor_close(&cursor);
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

enum dam_err dam_state_nodes_forget(struct dam_store_txn *txn, uint64_t version)
{
    DAM_ASSERT(version > 0); /* before the genesis there was nothing */
    return each_noted(txn, version, forget_place);
}
