// SPDX-License-Identifier: Apache-2.0
#include "ledger/state.h"

#include <stdlib.h>

#include "base/assert.h"
#include "core/crypto/keccak.h"

#define ADDRESS_LEN 20u
#define SLOT_KEY_LEN 52u
#define ACCOUNT_RLP_MAX 128u
#define CHANGES_LEN_MAX ((size_t)1 << 30)

/* ---- reading --------------------------------------------------------------------------------- */

static void slot_key(const struct dam_address *address, const struct dam_u256 *key,
                     uint8_t ret[SLOT_KEY_LEN])
{
    memcpy(ret, address->b, ADDRESS_LEN);
    dam_u256_store_be(ret + ADDRESS_LEN, key);
}

/* Find a record as it was at a version: in the history table under (key, version + 1 or later), or
 * else in the flat one. *ret is empty where there was none. */
static enum dam_err find_at(const struct dam_state *state, enum dam_store_table flat,
                            enum dam_store_table history, struct dam_bytes key,
                            struct dam_bytes *ret)
{
    if (state->version != DAM_STATE_NEWEST) {
        uint8_t from[DAM_STORE_KEY_MAX];
        memcpy(from, key.data, key.len);
        dam_store_be64(from + key.len, state->version + 1);
        enum dam_err err =
            dam_store_get_from(state->txn, history, dam_bytes(from, key.len + 8), key.len, ret);
        if (err != DAM_ENOTFOUND) {
            return err;
        }
    }
    return dam_store_get_or_empty(state->txn, flat, key, ret);
}

enum dam_err dam_state_account(const struct dam_state *state, const struct dam_address *address,
                               struct dam_account *ret)
{
    struct dam_bytes value;
    DAM_TRY(find_at(state, DAM_STORE_ACCOUNT, DAM_STORE_ACCOUNT_WAS,
                    dam_bytes(address->b, ADDRESS_LEN), &value));
    if (value.len == 0) {
        return DAM_ENOTFOUND;
    }
    return dam_account_decode(value, ret) == DAM_OK ? DAM_OK : DAM_ECORRUPT;
}

static enum dam_err slot_decode(struct dam_bytes value, struct dam_u256 *ret)
{
    uint8_t word[32] = {0};
    if (value.len > sizeof(word)) {
        return DAM_ECORRUPT;
    }
    if (value.len > 0) {
        memcpy(word + sizeof(word) - value.len, value.data, value.len);
    }
    *ret = dam_u256_load_be(word);
    return DAM_OK;
}

enum dam_err dam_state_storage(const struct dam_state *state, const struct dam_address *address,
                               const struct dam_u256 *key, struct dam_u256 *ret)
{
    uint8_t full[SLOT_KEY_LEN];
    struct dam_bytes value;
    slot_key(address, key, full);
    DAM_TRY(
        find_at(state, DAM_STORE_SLOT, DAM_STORE_SLOT_WAS, dam_bytes(full, sizeof(full)), &value));
    return slot_decode(value, ret);
}

enum dam_err dam_state_code(const struct dam_state *state, const struct dam_hash *hash,
                            struct dam_bytes *ret)
{
    if (dam_hash_eq(hash, &dam_empty_code_hash)) {
        *ret = dam_bytes(NULL, 0);
        return DAM_OK;
    }
    return dam_store_get(state->txn, DAM_STORE_CODE, dam_bytes(hash->b, sizeof(hash->b)), ret);
}

struct dam_evm_account dam_state_evm_account(const struct dam_account *account)
{
    return (struct dam_evm_account){.nonce = account->nonce,
                                    .balance = account->balance,
                                    .code_hash = account->code_hash,
                                    .has_storage =
                                        !dam_hash_eq(&account->storage_root, &dam_empty_trie_root)};
}

static enum dam_err view_account(void *ctx, const struct dam_address *address,
                                 struct dam_evm_account *ret, bool *ret_exists)
{
    struct dam_account account;
    enum dam_err err = dam_state_account(ctx, address, &account);
    *ret_exists = err == DAM_OK;
    if (err == DAM_OK) {
        *ret = dam_state_evm_account(&account);
    }
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

static enum dam_err view_storage(void *ctx, const struct dam_address *address,
                                 const struct dam_u256 *key, struct dam_u256 *ret)
{
    return dam_state_storage(ctx, address, key, ret);
}

static enum dam_err view_code(void *ctx, const struct dam_hash *hash, struct dam_bytes *ret)
{
    return dam_state_code(ctx, hash, ret);
}

void dam_state_view(struct dam_evm_view *view, void *ctx)
{
    view->account = view_account;
    view->storage = view_storage;
    view->code = view_code;
    view->ctx = ctx;
}

/* ---- writing --------------------------------------------------------------------------------- */

void dam_state_write_begin(struct dam_state_writer *writer, struct dam_store_txn *txn,
                           struct dam_arena *arena, uint64_t version, const struct dam_hash *root,
                           struct dam_node_cache *cache)
{
    memset(writer, 0, sizeof(*writer));
    writer->txn = txn;
    writer->arena = arena;
    writer->version = version;
    writer->root = writer->root_before = *root;
    writer->cache = cache;
    dam_buf_init_arena(&writer->changes, arena, CHANGES_LEN_MAX);
    dam_buf_init_arena(&writer->paths, arena, CHANGES_LEN_MAX);
}

/* Keep what a record was before this version. Only the first value of a version counts. */
static enum dam_err remember(struct dam_state_writer *writer, enum dam_store_table history,
                             struct dam_bytes key, struct dam_bytes was)
{
    uint8_t full[DAM_STORE_KEY_MAX];
    struct dam_bytes there;
    if (writer->version == 0) {
        return DAM_OK; /* before the genesis there was nothing */
    }
    memcpy(full, key.data, key.len);
    dam_store_be64(full + key.len, writer->version);
    struct dam_bytes at = dam_bytes(full, key.len + 8);
    if (writer->revisits) {
        enum dam_err err = dam_store_get(writer->txn, history, at, &there);
        if (err != DAM_ENOTFOUND) {
            return err;
        }
    }
    uint8_t copy[ACCOUNT_RLP_MAX]; /* `was` may be in a page that the put moves */
    DAM_ASSERT(was.len <= sizeof(copy));
    if (was.len > 0) {
        memcpy(copy, was.data, was.len);
    }
    return dam_store_put(writer->txn, history, at, dam_bytes(copy, was.len));
}

static struct dam_bytes slot_value(const struct dam_u256 *value, uint8_t word[32])
{
    dam_u256_store_be(word, value);
    size_t zeros = 0;
    while (zeros < 32 && word[zeros] == 0) {
        zeros++;
    }
    return dam_bytes(word + zeros, 32 - zeros);
}

/* A storage trie's leaf holds the RLP of the value; there is none for zero. */
static struct dam_bytes slot_leaf(struct dam_bytes value, uint8_t rlp[40])
{
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, rlp, 40);
    if (value.len > 0) {
        dam_rlp_put_bytes(&buf, value.data, value.len);
    }
    return dam_buf_bytes(&buf);
}

static enum dam_err slot_of_leaf(struct dam_bytes leaf, struct dam_bytes *ret)
{
    struct dam_rlp rlp = dam_rlp(leaf);
    *ret = dam_bytes(NULL, 0);
    return leaf.len == 0 || (dam_rlp_bytes(&rlp, ret) == DAM_OK && ret->len <= 32) ? DAM_OK
                                                                                   : DAM_ECORRUPT;
}

/* What a diff changes in one trie. */
struct leaf {
    struct dam_bytes key;   /* an address or a slot */
    struct dam_hash hashed; /* where the trie has it */
    struct dam_bytes was;   /* empty: it was not there */
};

static int by_hashed(const void *a, const void *b)
{
    return memcmp((*(const struct leaf *const *)a)->hashed.b,
                  (*(const struct leaf *const *)b)->hashed.b, sizeof(struct dam_hash));
}

/* Find what all leaves were before any is changed, in the order in which the trie has them: nodes
 * that lie beside each other are read one after the other, and nothing that is written comes
 * between. */
static enum dam_err load_leaves(struct dam_trie *trie, struct leaf *leaves, size_t count)
{
    struct dam_bytes *inputs = dam_arena_alloc(trie->arena, count * sizeof(*inputs) + 1);
    struct dam_hash *hashed = dam_arena_alloc(trie->arena, count * sizeof(*hashed) + 1);
    struct leaf **order = dam_arena_alloc(trie->arena, count * sizeof(struct leaf *) + 1);
    if (inputs == NULL || hashed == NULL || order == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        inputs[i] = leaves[i].key;
        order[i] = &leaves[i];
    }
    dam_keccak256_batch(inputs, count, hashed);
    for (size_t i = 0; i < count; i++) {
        leaves[i].hashed = hashed[i];
    }
    qsort(order, count, sizeof(struct leaf *), by_hashed);
    for (size_t i = 0; i < count; i++) {
        enum dam_err err = dam_trie_get(trie, dam_bytes(order[i]->hashed.b, 32), &order[i]->was);
        if (err != DAM_OK && err != DAM_ENOTFOUND) {
            return err;
        }
    }
    return DAM_OK;
}

/* One account's slots go to the flat table, the history and its storage trie. */
static enum dam_err write_slots(struct dam_state_writer *writer,
                                const struct dam_evm_change *change, struct dam_trie *trie)
{
    uint8_t *keys = dam_arena_alloc(writer->arena, change->slot_count * SLOT_KEY_LEN);
    struct leaf *leaves = dam_arena_zalloc(writer->arena, change->slot_count * sizeof(*leaves));
    if (keys == NULL || leaves == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < change->slot_count; i++) {
        slot_key(&change->address, &change->slots[i].key, keys + i * SLOT_KEY_LEN);
        leaves[i].key = dam_bytes(keys + i * SLOT_KEY_LEN + ADDRESS_LEN, 32);
    }
    DAM_TRY(load_leaves(trie, leaves, change->slot_count));
    for (size_t i = 0; i < change->slot_count; i++) {
        struct dam_bytes key = dam_bytes(keys + i * SLOT_KEY_LEN, SLOT_KEY_LEN);
        uint8_t word[32];
        uint8_t rlp[40];
        struct dam_bytes value = slot_value(&change->slots[i].value, word);
        struct dam_bytes was;
        DAM_TRY(slot_of_leaf(leaves[i].was, &was));
        DAM_TRY(remember(writer, DAM_STORE_SLOT_WAS, key, was));
        DAM_TRY(dam_store_set(writer->txn, DAM_STORE_SLOT, key, value));
        DAM_TRY(dam_trie_put(trie, dam_bytes(leaves[i].hashed.b, 32), slot_leaf(value, rlp)));
        dam_buf_put(&writer->changes, key.data + ADDRESS_LEN, 32);
    }
    return DAM_OK;
}

/* Drop every slot of an account from the flat table. Returns their number. */
static enum dam_err clear_slots(struct dam_state_writer *writer, const struct dam_address *address,
                                uint32_t *ret_count)
{
    struct dam_store_cursor cursor = {0};
    uint8_t from[SLOT_KEY_LEN] = {0};
    uint32_t count = 0;
    memcpy(from, address->b, ADDRESS_LEN);
    enum dam_err err =
        dam_store_seek(&cursor, writer->txn, DAM_STORE_SLOT, dam_bytes(from, sizeof(from)));
    while (err == DAM_OK && memcmp(cursor.key.data, address->b, ADDRESS_LEN) == 0) {
        uint8_t key[SLOT_KEY_LEN];
        memcpy(key, cursor.key.data, sizeof(key));
        err = remember(writer, DAM_STORE_SLOT_WAS, dam_bytes(key, sizeof(key)), cursor.value);
        if (err == DAM_OK) {
            dam_buf_put(&writer->changes, key + ADDRESS_LEN, 32);
            count++;
            err = dam_store_cursor_delete(&cursor);
        }
        if (err == DAM_OK) {
            err = dam_store_seek(&cursor, writer->txn, DAM_STORE_SLOT, dam_bytes(key, sizeof(key)));
        }
    }
    dam_store_cursor_close(&cursor);
    *ret_count = count;
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

/* Everything of one account except its leaf in the state trie, whose new value goes to *ret_leaf
 * (empty: gone). In: was: the leaf so far. */
static enum dam_err write_account(struct dam_state_writer *writer,
                                  const struct dam_evm_change *change, struct dam_bytes was,
                                  struct dam_buf *leaf)
{
    struct dam_bytes key = dam_bytes(change->address.b, ADDRESS_LEN);
    struct dam_account account = {.storage_root = dam_empty_trie_root};
    if (was.len > 0 && dam_account_decode(was, &account) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    DAM_TRY(remember(writer, DAM_STORE_ACCOUNT_WAS, key, was));
    dam_buf_put(&writer->changes, change->address.b, ADDRESS_LEN);
    size_t count_at = writer->changes.len;
    dam_buf_put_zeros(&writer->changes, 4);
    uint32_t count = 0;
    if ((change->deleted || change->storage_cleared) &&
        !dam_hash_eq(&account.storage_root, &dam_empty_trie_root)) {
        DAM_TRY(clear_slots(writer, &change->address, &count));
        DAM_TRY(dam_state_nodes_drop_all(writer->txn, &change->address, writer->version,
                                         &writer->paths));
        writer->revisits = true;
        account.storage_root = dam_empty_trie_root;
    }
    if (!change->deleted) {
        if (change->slot_count > 0) {
            struct dam_state_nodes nodes;
            struct dam_trie trie;
            dam_state_nodes_to_write(&nodes, writer->txn, &change->address, writer->version,
                                     &writer->paths, writer->cache);
            dam_trie_init(&trie, writer->arena, &nodes.vtable, &account.storage_root);
            DAM_TRY(write_slots(writer, change, &trie));
            DAM_TRY(dam_trie_commit(&trie, &account.storage_root));
            count += (uint32_t)change->slot_count;
        }
        account.nonce = change->nonce;
        account.balance = change->balance;
        account.code_hash = change->code_hash;
        dam_account_encode(&account, leaf);
    }
    DAM_TRY(dam_buf_err(&writer->changes));
    dam_store_be32(writer->changes.data + count_at, count);
    writer->change_count++;
    return dam_store_set(writer->txn, DAM_STORE_ACCOUNT, key, dam_buf_bytes(leaf));
}

enum dam_err dam_state_write(struct dam_state_writer *writer, const struct dam_evm_diff *diff)
{
    for (size_t i = 0; i < diff->code_count; i++) {
        DAM_TRY(dam_store_put(writer->txn, DAM_STORE_CODE, dam_bytes(diff->codes[i].hash.b, 32),
                              diff->codes[i].code));
    }
    struct leaf *leaves =
        dam_arena_zalloc(writer->arena, diff->account_count * sizeof(*leaves) + 1);
    if (leaves == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < diff->account_count; i++) {
        leaves[i].key = dam_bytes(diff->accounts[i].address.b, ADDRESS_LEN);
    }
    struct dam_state_nodes nodes;
    struct dam_trie trie;
    dam_state_nodes_to_write(&nodes, writer->txn, NULL, writer->version, &writer->paths,
                             writer->cache);
    dam_trie_init(&trie, writer->arena, &nodes.vtable, &writer->root);
    DAM_TRY(load_leaves(&trie, leaves, diff->account_count));
    for (size_t i = 0; i < diff->account_count; i++) {
        uint8_t rlp[ACCOUNT_RLP_MAX];
        struct dam_buf leaf;
        dam_buf_init_fixed(&leaf, rlp, sizeof(rlp));
        DAM_TRY(write_account(writer, &diff->accounts[i], leaves[i].was, &leaf));
        DAM_TRY(dam_trie_put(&trie, dam_bytes(leaves[i].hashed.b, 32), dam_buf_bytes(&leaf)));
    }
    DAM_TRY(dam_trie_commit(&trie, &writer->root));
    writer->revisits = true;
    return DAM_OK;
}

enum dam_err dam_state_write_end(struct dam_state_writer *writer)
{
    uint8_t key[8];
    struct dam_buf record;
    dam_buf_init_arena(&record, writer->arena, CHANGES_LEN_MAX);
    dam_buf_put(&record, writer->root_before.b, 32);
    dam_buf_put(&record, writer->changes.data, writer->changes.len);
    DAM_TRY(dam_buf_err(&record));
    dam_store_be64(key, writer->version);
    DAM_TRY(dam_store_put(writer->txn, DAM_STORE_CHANGES, dam_bytes(key, sizeof(key)),
                          dam_buf_bytes(&record)));
    return dam_state_nodes_put_paths(writer->txn, writer->version, &writer->paths);
}

/* ---- undoing and forgetting ------------------------------------------------------------------ */

/* Reads a CHANGES record front to back. */
struct change_reader {
    struct dam_bytes left;
    struct dam_address address;
    const uint8_t *slots; /* 32 bytes each */
    uint32_t slot_count;
};

static enum dam_err change_next(struct change_reader *reader)
{
    if (reader->left.len == 0) {
        return DAM_ENOTFOUND;
    }
    if (reader->left.len < ADDRESS_LEN + 4) {
        return DAM_ECORRUPT;
    }
    const uint8_t *at = reader->left.data;
    memcpy(reader->address.b, at, ADDRESS_LEN);
    reader->slot_count = dam_load_be32(at + ADDRESS_LEN);
    reader->slots = at + ADDRESS_LEN + 4;
    uint64_t len = ADDRESS_LEN + 4 + (uint64_t)reader->slot_count * 32;
    if (reader->left.len < len) {
        return DAM_ECORRUPT;
    }
    reader->left = dam_bytes(at + len, reader->left.len - (size_t)len);
    return DAM_OK;
}

/* Take the root off a version's record. */
static enum dam_err open_changes(struct dam_store_txn *txn, uint64_t version,
                                 struct dam_hash *ret_root, struct dam_bytes *ret)
{
    uint8_t key[8];
    struct dam_bytes record;
    dam_store_be64(key, version);
    DAM_TRY(dam_store_get(txn, DAM_STORE_CHANGES, dam_bytes(key, sizeof(key)), &record));
    if (record.len < 32) {
        return DAM_ECORRUPT;
    }
    memcpy(ret_root->b, record.data, 32);
    *ret = dam_bytes_from(record, 32);
    return DAM_OK;
}

enum dam_err dam_state_root_before(struct dam_store_txn *txn, uint64_t version,
                                   struct dam_hash *ret)
{
    struct dam_bytes changes;
    return open_changes(txn, version, ret, &changes);
}

/* The list of changes of a version, copied to the arena since it is read while pages move. */
static enum dam_err read_changes(struct dam_store_txn *txn, struct dam_arena *arena,
                                 uint64_t version, struct dam_hash *ret_root,
                                 struct change_reader *ret)
{
    struct dam_bytes changes;
    DAM_TRY(open_changes(txn, version, ret_root, &changes));
    const void *copy = dam_arena_copy(arena, changes.data, changes.len);
    *ret = (struct change_reader){.left = dam_bytes(copy, changes.len)};
    return copy == NULL ? DAM_ENOMEM : DAM_OK;
}

/* Take a record out of the history and, for an undo, put it back into the flat table. A pre-
 * Byzantium version may list a key twice: the second time there is nothing left to do. */
static enum dam_err take_back(struct dam_store_txn *txn, enum dam_store_table flat,
                              enum dam_store_table history, struct dam_bytes key, uint64_t version,
                              bool restore, uint8_t *value, size_t *ret_len, bool *ret_found)
{
    uint8_t full[DAM_STORE_KEY_MAX];
    struct dam_bytes was;
    memcpy(full, key.data, key.len);
    dam_store_be64(full + key.len, version);
    struct dam_bytes at = dam_bytes(full, key.len + 8);
    enum dam_err err = dam_store_get(txn, history, at, &was);
    *ret_found = err == DAM_OK;
    if (err != DAM_OK) {
        return err == DAM_ENOTFOUND ? DAM_OK : err;
    }
    if (was.len > ACCOUNT_RLP_MAX) {
        return DAM_ECORRUPT;
    }
    if (was.len > 0) {
        memcpy(value, was.data, was.len);
    }
    *ret_len = was.len;
    DAM_TRY(dam_store_delete(txn, history, at));
    return restore ? dam_store_set(txn, flat, key, dam_bytes(value, was.len)) : DAM_OK;
}

/* What was put back has to be what the trie has for it. */
static enum dam_err check_leaf(struct dam_trie *trie, struct dam_bytes key, struct dam_bytes leaf)
{
    struct dam_hash hashed;
    struct dam_bytes there = {0};
    dam_keccak256(key.data, key.len, &hashed);
    enum dam_err err = dam_trie_get(trie, dam_bytes(hashed.b, sizeof(hashed.b)), &there);
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        return err;
    }
    return dam_bytes_eq(there, leaf) ? DAM_OK : DAM_ECORRUPT;
}

/* Put the slots of one account back. In: root: of its storage as it was. */
static enum dam_err undo_slots(struct dam_store_txn *txn, struct dam_arena *arena, uint64_t version,
                               const struct change_reader *change, const struct dam_hash *root)
{
    struct dam_state_nodes nodes;
    struct dam_trie trie;
    dam_state_nodes_init(&nodes, txn, &change->address, version - 1);
    dam_trie_init(&trie, arena, &nodes.vtable, root);
    for (uint32_t i = 0; i < change->slot_count; i++) {
        uint8_t key[SLOT_KEY_LEN];
        uint8_t value[ACCOUNT_RLP_MAX];
        uint8_t rlp[40];
        size_t len = 0;
        bool found = false;
        memcpy(key, change->address.b, ADDRESS_LEN);
        memcpy(key + ADDRESS_LEN, change->slots + (size_t)i * 32, 32);
        DAM_TRY(take_back(txn, DAM_STORE_SLOT, DAM_STORE_SLOT_WAS, dam_bytes(key, sizeof(key)),
                          version, true, value, &len, &found));
        if (found) {
            DAM_TRY(check_leaf(&trie, dam_bytes(key + ADDRESS_LEN, 32),
                               slot_leaf(dam_bytes(value, len), rlp)));
        }
    }
    return DAM_OK;
}

static enum dam_err undo_account(struct dam_store_txn *txn, struct dam_arena *arena,
                                 uint64_t version, const struct change_reader *change,
                                 struct dam_trie *state_trie)
{
    struct dam_bytes key = dam_bytes(change->address.b, ADDRESS_LEN);
    struct dam_account before = {.storage_root = dam_empty_trie_root};
    struct dam_bytes now;
    uint8_t value[ACCOUNT_RLP_MAX];
    size_t len = 0;
    bool found = false;
    DAM_TRY(take_back(txn, DAM_STORE_ACCOUNT, DAM_STORE_ACCOUNT_WAS, key, version, true, value,
                      &len, &found));
    if (found) { /* else it was listed before, and that entry has put it back */
        DAM_TRY(check_leaf(state_trie, key, dam_bytes(value, len)));
    }
    DAM_TRY(dam_store_get_or_empty(txn, DAM_STORE_ACCOUNT, key, &now));
    if (now.len > 0 && dam_account_decode(now, &before) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    return undo_slots(txn, arena, version, change, &before.storage_root);
}

enum dam_err dam_state_undo(struct dam_store_txn *txn, struct dam_arena *arena, uint64_t version,
                            struct dam_hash *ret_root)
{
    struct change_reader change;
    struct dam_state_nodes nodes;
    struct dam_trie trie;
    uint8_t key[8];
    DAM_TRY(read_changes(txn, arena, version, ret_root, &change));
    DAM_TRY(dam_state_nodes_undo(txn, version));
    dam_state_nodes_init(&nodes, txn, NULL, version - 1);
    dam_trie_init(&trie, arena, &nodes.vtable, ret_root);
    enum dam_err err = change_next(&change);
    for (; err == DAM_OK; err = change_next(&change)) {
        DAM_TRY(undo_account(txn, arena, version, &change, &trie));
    }
    dam_store_be64(key, version);
    return err == DAM_ENOTFOUND
               ? dam_store_delete(txn, DAM_STORE_CHANGES, dam_bytes(key, sizeof(key)))
               : err;
}

enum dam_err dam_state_forget(struct dam_store_txn *txn, uint64_t version)
{
    uint8_t key[8];
    struct dam_hash root;
    struct dam_bytes changes;
    uint8_t value[ACCOUNT_RLP_MAX];
    size_t len = 0;
    bool found = false;
    enum dam_err err = open_changes(txn, version, &root, &changes);
    if (err != DAM_OK) {
        return err == DAM_ENOTFOUND ? DAM_OK : err;
    }
    uint8_t *copy = malloc(changes.len + 1); /* pages move while records are deleted */
    if (copy == NULL) {
        return DAM_ENOMEM;
    }
    memcpy(copy, changes.data, changes.len);
    struct change_reader change = {.left = dam_bytes(copy, changes.len)};
    for (err = change_next(&change); err == DAM_OK; err = change_next(&change)) {
        uint8_t slot[SLOT_KEY_LEN];
        memcpy(slot, change.address.b, ADDRESS_LEN);
        err = take_back(txn, DAM_STORE_ACCOUNT, DAM_STORE_ACCOUNT_WAS, dam_bytes(slot, ADDRESS_LEN),
                        version, false, value, &len, &found);
        for (uint32_t i = 0; err == DAM_OK && i < change.slot_count; i++) {
            memcpy(slot + ADDRESS_LEN, change.slots + (size_t)i * 32, 32);
            err = take_back(txn, DAM_STORE_SLOT, DAM_STORE_SLOT_WAS, dam_bytes(slot, sizeof(slot)),
                            version, false, value, &len, &found);
        }
        if (err != DAM_OK) {
            break;
        }
    }
    free(copy);
    if (err != DAM_ENOTFOUND) {
        return err;
    }
    DAM_TRY(dam_state_nodes_forget(txn, version));
    dam_store_be64(key, version);
    return dam_store_delete(txn, DAM_STORE_CHANGES, dam_bytes(key, sizeof(key)));
}

enum dam_err dam_state_each_changed(struct dam_store_txn *txn, struct dam_arena *arena,
                                    uint64_t version,
                                    void (*visit)(void *ctx, const struct dam_address *address),
                                    void *ctx)
{
    struct change_reader change;
    struct dam_hash root;
    DAM_TRY(read_changes(txn, arena, version, &root, &change));
    enum dam_err err = change_next(&change);
    for (; err == DAM_OK; err = change_next(&change)) {
        visit(ctx, &change.address);
    }
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}
