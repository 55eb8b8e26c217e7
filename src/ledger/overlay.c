// SPDX-License-Identifier: Apache-2.0
#include "ledger/overlay.h"

#include "base/heap.h"
#include "core/crypto/keccak.h"
#include "core/eth/rlp.h"

#define ACCOUNT_RLP_MAX 128u
#define SLOT_KEY_LEN 52u

/* An account that a diff has changed. */
struct laid_account {
    struct dam_address address;
    bool exists;
    struct dam_account account;
    bool own_storage; /* none of the base's slots counts any more */
    uint32_t epoch;   /* of the storage; slots of an older one are gone */
    bool has_trie;
    struct dam_state_nodes nodes;
    struct dam_trie trie;
};

struct laid_slot {
    uint8_t key[SLOT_KEY_LEN];
    uint32_t epoch;
    struct dam_u256 value;
};

struct laid_code {
    struct dam_hash hash;
    struct dam_bytes code;
};

/* ---- finding --------------------------------------------------------------------------------- */

/* Outsiders choose addresses and slots: a table's hash is one that they cannot steer cheaply. */
static uint64_t hash_of(const void *key, size_t len)
{
    struct dam_hash hash;
    dam_keccak256(key, len, &hash);
    return dam_load_be64(hash.b);
}

static struct laid_account *find_account(const struct dam_overlay *o,
                                         const struct dam_address *address)
{
    uint64_t hash = hash_of(address->b, sizeof(address->b));
    struct laid_account *item;
    for (uint64_t c = hash; (item = dam_table_next(&o->accounts, hash, &c)) != NULL;) {
        if (dam_address_eq(&item->address, address)) {
            return item;
        }
    }
    return NULL;
}

static void slot_key(const struct dam_address *address, const struct dam_u256 *key,
                     uint8_t ret[SLOT_KEY_LEN])
{
    memcpy(ret, address->b, sizeof(address->b));
    dam_u256_store_be(ret + sizeof(address->b), key);
}

static struct laid_slot *find_slot(const struct dam_overlay *o, const uint8_t key[SLOT_KEY_LEN])
{
    uint64_t hash = hash_of(key, SLOT_KEY_LEN);
    struct laid_slot *item;
    for (uint64_t c = hash; (item = dam_table_next(&o->slots, hash, &c)) != NULL;) {
        if (memcmp(item->key, key, SLOT_KEY_LEN) == 0) {
            return item;
        }
    }
    return NULL;
}

static const struct laid_code *find_code(const struct dam_overlay *o, const struct dam_hash *hash)
{
    const struct laid_code *item;
    uint64_t at = dam_load_be64(hash->b);
    for (uint64_t c = at; (item = dam_table_next(&o->codes, at, &c)) != NULL;) {
        if (dam_hash_eq(&item->hash, hash)) {
            return item;
        }
    }
    return NULL;
}

/* ---- the view -------------------------------------------------------------------------------- */

static enum dam_err view_account(void *ctx, const struct dam_address *address,
                                 struct dam_evm_account *ret, bool *ret_exists)
{
    const struct dam_overlay *o = ctx;
    const struct laid_account *laid = find_account(o, address);
    struct dam_account account;
    enum dam_err err = DAM_OK;
    if (laid == NULL) {
        err = dam_state_account(&o->base, address, &account);
    } else {
        account = laid->account;
    }
    *ret_exists = err == DAM_OK && (laid == NULL || laid->exists);
    if (*ret_exists) {
        *ret = dam_state_evm_account(&account);
    }
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

static enum dam_err view_storage(void *ctx, const struct dam_address *address,
                                 const struct dam_u256 *key, struct dam_u256 *ret)
{
    const struct dam_overlay *o = ctx;
    const struct laid_account *laid = find_account(o, address);
    uint8_t full[SLOT_KEY_LEN];
    slot_key(address, key, full);
    const struct laid_slot *slot = laid != NULL ? find_slot(o, full) : NULL;
    if (slot != NULL && slot->epoch == laid->epoch) {
        *ret = slot->value;
        return DAM_OK;
    }
    if (laid != NULL && laid->own_storage) {
        *ret = dam_u256_from_u64(0);
        return DAM_OK;
    }
    return dam_state_storage(&o->base, address, key, ret);
}

static enum dam_err view_code(void *ctx, const struct dam_hash *hash, struct dam_bytes *ret)
{
    const struct dam_overlay *o = ctx;
    const struct laid_code *laid = find_code(o, hash);
    if (laid != NULL) {
        *ret = laid->code;
        return DAM_OK;
    }
    return dam_state_code(&o->base, hash, ret);
}

void dam_overlay_init(struct dam_overlay *overlay, struct dam_arena *arena,
                      const struct dam_state *base, const struct dam_hash *root)
{
    memset(overlay, 0, sizeof(*overlay));
    overlay->view = (struct dam_evm_view){
        .account = view_account, .storage = view_storage, .code = view_code, .ctx = overlay};
    overlay->base = *base;
    overlay->arena = arena;
    overlay->root = *root;
    dam_state_nodes_init(&overlay->nodes, base->txn, NULL, base->version);
    dam_trie_init(&overlay->trie, arena, &overlay->nodes.vtable, root);
}

void dam_overlay_finish(struct dam_overlay *overlay)
{
    dam_table_finish(&overlay->accounts, dam_heap());
    dam_table_finish(&overlay->slots, dam_heap());
    dam_table_finish(&overlay->codes, dam_heap());
}

/* ---- laying over ----------------------------------------------------------------------------- */

static enum dam_err need_account(struct dam_overlay *o, const struct dam_address *address,
                                 struct laid_account **ret)
{
    struct laid_account *laid = find_account(o, address);
    if (laid == NULL) {
        laid = dam_arena_zalloc(o->arena, sizeof(*laid));
        if (laid == NULL) {
            return DAM_ENOMEM;
        }
        laid->address = *address;
        laid->account.storage_root = dam_empty_trie_root;
        enum dam_err err = dam_state_account(&o->base, address, &laid->account);
        if (err != DAM_OK && err != DAM_ENOTFOUND) {
            return err;
        }
        DAM_TRY(
            dam_table_add(&o->accounts, dam_heap(), hash_of(address->b, sizeof(address->b)), laid));
    }
    *ret = laid;
    return DAM_OK;
}

static enum dam_err lay_slot(struct dam_overlay *o, struct laid_account *laid,
                             const struct dam_evm_slot *slot)
{
    uint8_t key[SLOT_KEY_LEN];
    uint8_t rlp[40];
    struct dam_hash hashed;
    struct dam_buf leaf;
    slot_key(&laid->address, &slot->key, key);
    struct laid_slot *item = find_slot(o, key);
    if (item == NULL) {
        item = dam_arena_zalloc(o->arena, sizeof(*item));
        if (item == NULL) {
            return DAM_ENOMEM;
        }
        memcpy(item->key, key, sizeof(key));
        DAM_TRY(dam_table_add(&o->slots, dam_heap(), hash_of(key, sizeof(key)), item));
    }
    item->epoch = laid->epoch;
    item->value = slot->value;
    dam_keccak256(key + sizeof(laid->address), 32, &hashed);
    dam_buf_init_fixed(&leaf, rlp, sizeof(rlp));
    if (!dam_u256_is_zero(&slot->value)) {
        dam_rlp_put_u256(&leaf, &slot->value);
    }
    return dam_trie_put(&laid->trie, dam_bytes(hashed.b, 32), dam_buf_bytes(&leaf));
}

static void need_trie(struct dam_overlay *o, struct laid_account *laid)
{
    if (!laid->has_trie) {
        dam_state_nodes_init(&laid->nodes, o->base.txn, &laid->address, o->base.version);
        dam_trie_init(&laid->trie, o->arena, &laid->nodes.vtable, &laid->account.storage_root);
        laid->has_trie = true;
    }
}

static enum dam_err lay_slots(struct dam_overlay *o, struct laid_account *laid,
                              const struct dam_evm_change *change)
{
    need_trie(o, laid);
    for (size_t i = 0; i < change->slot_count; i++) {
        DAM_TRY(lay_slot(o, laid, &change->slots[i]));
    }
    return dam_trie_commit(&laid->trie, &laid->account.storage_root);
}

static enum dam_err lay_account(struct dam_overlay *o, const struct dam_evm_change *change)
{
    struct laid_account *laid;
    uint8_t rlp[ACCOUNT_RLP_MAX];
    struct dam_hash hashed;
    struct dam_buf leaf;
    DAM_TRY(need_account(o, &change->address, &laid));
    laid->exists = !change->deleted;
    if (change->deleted || change->storage_cleared) {
        laid->own_storage = true;
        laid->epoch++;
        laid->has_trie = false;
        laid->account.storage_root = dam_empty_trie_root;
    }
    dam_buf_init_fixed(&leaf, rlp, sizeof(rlp));
    if (!change->deleted) {
        if (change->slot_count > 0) {
            DAM_TRY(lay_slots(o, laid, change));
        }
        laid->account.nonce = change->nonce;
        laid->account.balance = change->balance;
        laid->account.code_hash = change->code_hash;
        dam_account_encode(&laid->account, &leaf);
    }
    dam_keccak256(change->address.b, sizeof(change->address.b), &hashed);
    return dam_trie_put(&o->trie, dam_bytes(hashed.b, 32), dam_buf_bytes(&leaf));
}

enum dam_err dam_overlay_apply(struct dam_overlay *overlay, const struct dam_evm_diff *diff)
{
    for (size_t i = 0; i < diff->code_count; i++) {
        const struct dam_evm_code_entry *from = &diff->codes[i];
        if (find_code(overlay, &from->hash) != NULL) {
            continue;
        }
        struct laid_code *item = dam_arena_alloc(overlay->arena, sizeof(*item));
        const void *code = dam_arena_copy(overlay->arena, from->code.data, from->code.len);
        if (item == NULL || code == NULL) {
            return DAM_ENOMEM;
        }
        *item = (struct laid_code){from->hash, dam_bytes(code, from->code.len)};
        DAM_TRY(dam_table_add(&overlay->codes, dam_heap(), dam_load_be64(from->hash.b), item));
    }
    for (size_t i = 0; i < diff->account_count; i++) {
        DAM_TRY(lay_account(overlay, &diff->accounts[i]));
    }
    return dam_trie_commit(&overlay->trie, &overlay->root);
}

/* ---- walking --------------------------------------------------------------------------------- */

struct walk {
    bool (*visit)(void *ctx, const struct dam_hash *hashed_key, const struct dam_u256 *value);
    void *ctx;
    bool corrupt;
};

static bool visit_leaf(void *ctx, struct dam_bytes key, struct dam_bytes value)
{
    struct walk *walk = ctx;
    struct dam_hash hash;
    struct dam_u256 word;
    struct dam_rlp rlp = dam_rlp(value);
    if (key.len != sizeof(hash.b) || dam_rlp_u256(&rlp, &word) != DAM_OK) {
        walk->corrupt = true;
        return false;
    }
    memcpy(hash.b, key.data, sizeof(hash.b));
    return walk->visit(walk->ctx, &hash, &word);
}

enum dam_err dam_overlay_each_slot(struct dam_overlay *overlay, const struct dam_address *address,
                                   const struct dam_hash *from,
                                   bool (*visit)(void *ctx, const struct dam_hash *hashed_key,
                                                 const struct dam_u256 *value),
                                   void *ctx)
{
    struct laid_account *laid;
    struct walk walk = {visit, ctx, false};
    DAM_TRY(need_account(overlay, address, &laid));
    need_trie(overlay, laid);
    DAM_TRY(dam_trie_walk(&laid->trie, dam_bytes(from->b, sizeof(from->b)), visit_leaf, &walk));
    return walk.corrupt ? DAM_ECORRUPT : DAM_OK;
}

static enum dam_err each_stored_key(struct dam_store_txn *txn, enum dam_store_table table,
                                    const struct dam_address *address,
                                    bool (*visit)(void *ctx, const struct dam_u256 *key), void *ctx)
{
    struct dam_store_cursor cursor = {0};
    enum dam_err err =
        dam_store_seek(&cursor, txn, table, dam_bytes(address->b, sizeof(address->b)));
    while (err == DAM_OK && cursor.key.len >= SLOT_KEY_LEN &&
           memcmp(cursor.key.data, address->b, sizeof(address->b)) == 0) {
        struct dam_u256 key = dam_u256_load_be(cursor.key.data + sizeof(address->b));
        err = visit(ctx, &key) ? dam_store_next(&cursor) : DAM_ENOTFOUND;
    }
    dam_store_cursor_close(&cursor);
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

enum dam_err dam_overlay_each_key(struct dam_overlay *overlay, const struct dam_address *address,
                                  bool (*visit)(void *ctx, const struct dam_u256 *key), void *ctx)
{
    for (size_t i = 0; i < overlay->slots.capacity; i++) {
        const struct laid_slot *slot = overlay->slots.cells[i].item;
        if (slot != NULL && memcmp(slot->key, address->b, sizeof(address->b)) == 0) {
            struct dam_u256 key = dam_u256_load_be(slot->key + sizeof(address->b));
            if (!visit(ctx, &key)) {
                return DAM_OK;
            }
        }
    }
    DAM_TRY(each_stored_key(overlay->base.txn, DAM_STORE_SLOT, address, visit, ctx));
    return each_stored_key(overlay->base.txn, DAM_STORE_SLOT_WAS, address, visit, ctx);
}
