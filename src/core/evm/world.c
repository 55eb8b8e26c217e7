// SPDX-License-Identifier: Apache-2.0
#include "core/evm/world.h"

#include "core/crypto/keccak.h"
#include "core/eth/block.h"
#include "core/eth/rlp.h"
#include "core/eth/trie.h"

struct world_slot {
    struct dam_evm_world_account *account;
    struct dam_u256 key;
    struct dam_u256 value; /* zero: not there */
    struct world_slot *next;
};

struct dam_evm_world_account {
    struct dam_address address;
    bool exists;
    uint64_t nonce;
    struct dam_u256 balance;
    struct dam_hash code_hash;
    size_t slot_count; /* those that are not zero */
    struct world_slot *slots;
    bool root_valid;
    struct dam_hash storage_root;
    struct dam_evm_world_account *next;
};

struct world_code {
    struct dam_hash hash;
    struct dam_bytes code;
};

void dam_evm_world_init(struct dam_evm_world *world, const struct dam_mem *mem)
{
    *world = (struct dam_evm_world){.mem = *mem};
    dam_arena_init(&world->arena, &world->mem, 0);
}

void dam_evm_world_finish(struct dam_evm_world *world)
{
    dam_arena_finish(&world->arena);
    dam_table_finish(&world->accounts, &world->mem);
    dam_table_finish(&world->slots, &world->mem);
    dam_table_finish(&world->codes, &world->mem);
    world->first = NULL;
}

/* ---- finding --------------------------------------------------------------------------------- */

static uint64_t hash_address(const struct dam_address *address)
{
    return dam_table_mix(dam_load_be64(address->b) ^ 0x9e3779b97f4a7c15u,
                         dam_load_be64(address->b + 12) ^ 0xc2b2ae3d27d4eb4fu);
}

static uint64_t hash_slot(const struct dam_evm_world_account *account, const struct dam_u256 *key)
{
    return dam_table_mix(
        dam_table_mix(key->w[0] ^ 0x9e3779b97f4a7c15u, key->w[1] ^ key->w[2] ^ 0xc2b2ae3d27d4eb4fu),
        (uint64_t)(uintptr_t)account ^ key->w[3] ^ 0x165667b19e3779f9u);
}

static struct dam_evm_world_account *account_find(const struct dam_evm_world *world,
                                                  const struct dam_address *address)
{
    const uint64_t hash = hash_address(address);
    struct dam_evm_world_account *account;
    for (uint64_t c = hash; (account = dam_table_next(&world->accounts, hash, &c)) != NULL;) {
        if (dam_address_eq(&account->address, address)) {
            return account;
        }
    }
    return NULL;
}

static struct world_slot *slot_find(const struct dam_evm_world *world,
                                    const struct dam_evm_world_account *account,
                                    const struct dam_u256 *key)
{
    const uint64_t hash = hash_slot(account, key);
    struct world_slot *slot;
    for (uint64_t c = hash; (slot = dam_table_next(&world->slots, hash, &c)) != NULL;) {
        if (slot->account == account && dam_u256_eq(&slot->key, key)) {
            return slot;
        }
    }
    return NULL;
}

static struct world_code *code_find(const struct dam_evm_world *world, const struct dam_hash *hash)
{
    const uint64_t key = dam_load_be64(hash->b);
    struct world_code *code;
    for (uint64_t c = key; (code = dam_table_next(&world->codes, key, &c)) != NULL;) {
        if (dam_hash_eq(&code->hash, hash)) {
            return code;
        }
    }
    return NULL;
}

/* ---- the view -------------------------------------------------------------------------------- */

static enum dam_err view_account(void *ctx, const struct dam_address *address,
                                 struct dam_evm_account *ret, bool *ret_exists)
{
    const struct dam_evm_world_account *account = account_find(ctx, address);
    *ret_exists = account != NULL && account->exists;
    if (*ret_exists) {
        *ret = (struct dam_evm_account){.nonce = account->nonce,
                                        .balance = account->balance,
                                        .code_hash = account->code_hash,
                                        .has_storage = account->slot_count != 0};
    }
    return DAM_OK;
}

static enum dam_err view_storage(void *ctx, const struct dam_address *address,
                                 const struct dam_u256 *key, struct dam_u256 *ret)
{
    const struct dam_evm_world_account *account = account_find(ctx, address);
    const struct world_slot *slot = account != NULL ? slot_find(ctx, account, key) : NULL;
    *ret = slot != NULL ? slot->value : dam_u256_from_u64(0);
    return DAM_OK;
}

static enum dam_err view_code(void *ctx, const struct dam_hash *code_hash, struct dam_bytes *ret)
{
    const struct world_code *code = code_find(ctx, code_hash);
    if (code == NULL) {
        return DAM_ENOTFOUND;
    }
    *ret = code->code;
    return DAM_OK;
}

static enum dam_err view_block_hash(void *ctx, uint64_t number, struct dam_hash *ret)
{
    const struct dam_evm_world *world = ctx;
    if (world->block_hash == NULL) {
        *ret = (struct dam_hash){{0}};
        return DAM_OK;
    }
    return world->block_hash(world->block_hash_ctx, number, ret);
}

struct dam_evm_view dam_evm_world_view(struct dam_evm_world *world)
{
    return (struct dam_evm_view){.account = view_account,
                                 .storage = view_storage,
                                 .code = view_code,
                                 .block_hash = view_block_hash,
                                 .ctx = world};
}

/* ---- changing -------------------------------------------------------------------------------- */

static enum dam_err account_get(struct dam_evm_world *world, const struct dam_address *address,
                                struct dam_evm_world_account **ret)
{
    struct dam_evm_world_account *account = account_find(world, address);
    if (account == NULL) {
        account = dam_arena_zalloc(&world->arena, sizeof(*account));
        if (account == NULL) {
            return DAM_ENOMEM;
        }
        account->address = *address;
        account->code_hash = dam_empty_code_hash;
        DAM_TRY(dam_table_add(&world->accounts, &world->mem, hash_address(address), account));
        account->next = world->first;
        world->first = account;
    }
    account->exists = true;
    *ret = account;
    return DAM_OK;
}

enum dam_err dam_evm_world_put(struct dam_evm_world *world, const struct dam_address *address,
                               uint64_t nonce, const struct dam_u256 *balance)
{
    struct dam_evm_world_account *account;
    DAM_TRY(account_get(world, address, &account));
    account->nonce = nonce;
    account->balance = *balance;
    return DAM_OK;
}

static enum dam_err code_add(struct dam_evm_world *world, const struct dam_hash *hash,
                             struct dam_bytes bytes)
{
    if (bytes.len == 0 || code_find(world, hash) != NULL) {
        return DAM_OK;
    }
    struct world_code *code = dam_arena_alloc(&world->arena, sizeof(*code));
    const uint8_t *copy = dam_arena_copy(&world->arena, bytes.data, bytes.len);
    if (code == NULL || copy == NULL) {
        return DAM_ENOMEM;
    }
    *code = (struct world_code){*hash, dam_bytes(copy, bytes.len)};
    return dam_table_add(&world->codes, &world->mem, dam_load_be64(hash->b), code);
}

enum dam_err dam_evm_world_put_code(struct dam_evm_world *world, const struct dam_address *address,
                                    struct dam_bytes code)
{
    struct dam_evm_world_account *account;
    struct dam_hash hash;
    DAM_TRY(account_get(world, address, &account));
    dam_keccak256(code.data, code.len, &hash);
    DAM_TRY(code_add(world, &hash, code));
    account->code_hash = hash;
    return DAM_OK;
}

static enum dam_err slot_put(struct dam_evm_world *world, struct dam_evm_world_account *account,
                             const struct dam_u256 *key, const struct dam_u256 *value)
{
    struct world_slot *slot = slot_find(world, account, key);
    if (slot == NULL) {
        slot = dam_arena_zalloc(&world->arena, sizeof(*slot));
        if (slot == NULL) {
            return DAM_ENOMEM;
        }
        slot->account = account;
        slot->key = *key;
        DAM_TRY(dam_table_add(&world->slots, &world->mem, hash_slot(account, key), slot));
        slot->next = account->slots;
        account->slots = slot;
    }
    account->slot_count -= !dam_u256_is_zero(&slot->value);
    account->slot_count += !dam_u256_is_zero(value);
    slot->value = *value;
    account->root_valid = false;
    return DAM_OK;
}

enum dam_err dam_evm_world_put_slot(struct dam_evm_world *world, const struct dam_address *address,
                                    const struct dam_u256 *key, const struct dam_u256 *value)
{
    struct dam_evm_world_account *account;
    DAM_TRY(account_get(world, address, &account));
    return slot_put(world, account, key, value);
}

static void storage_clear(struct dam_evm_world_account *account)
{
    for (struct world_slot *slot = account->slots; slot != NULL; slot = slot->next) {
        slot->value = dam_u256_from_u64(0);
    }
    account->slot_count = 0;
    account->root_valid = false;
}

static enum dam_err change_apply(struct dam_evm_world *world, const struct dam_evm_change *change)
{
    struct dam_evm_world_account *account;
    DAM_TRY(account_get(world, &change->address, &account));
    if (change->deleted) {
        account->exists = false;
        account->nonce = 0;
        account->balance = dam_u256_from_u64(0);
        account->code_hash = dam_empty_code_hash;
        storage_clear(account);
        return DAM_OK;
    }
    account->nonce = change->nonce;
    account->balance = change->balance;
    account->code_hash = change->code_hash;
    if (change->storage_cleared) {
        storage_clear(account);
    }
    for (size_t i = 0; i < change->slot_count; i++) {
        DAM_TRY(slot_put(world, account, &change->slots[i].key, &change->slots[i].value));
    }
    return DAM_OK;
}

enum dam_err dam_evm_world_apply(struct dam_evm_world *world, const struct dam_evm_diff *diff)
{
    for (size_t i = 0; i < diff->code_count; i++) {
        DAM_TRY(code_add(world, &diff->codes[i].hash, diff->codes[i].code));
    }
    for (size_t i = 0; i < diff->account_count; i++) {
        DAM_TRY(change_apply(world, &diff->accounts[i]));
    }
    return DAM_OK;
}

enum dam_err dam_evm_world_copy(const struct dam_evm_world *world, struct dam_evm_world *ret)
{
    dam_evm_world_init(ret, &world->mem);
    ret->block_hash = world->block_hash;
    ret->block_hash_ctx = world->block_hash_ctx;
    for (const struct dam_evm_world_account *from = world->first; from != NULL; from = from->next) {
        struct dam_evm_world_account *to;
        if (!from->exists) {
            continue;
        }
        DAM_TRY(dam_evm_world_put(ret, &from->address, from->nonce, &from->balance));
        DAM_TRY(account_get(ret, &from->address, &to));
        to->code_hash = from->code_hash;
        const struct world_code *code = code_find(world, &from->code_hash);
        if (code != NULL) {
            DAM_TRY(code_add(ret, &code->hash, code->code));
        }
        for (const struct world_slot *slot = from->slots; slot != NULL; slot = slot->next) {
            if (!dam_u256_is_zero(&slot->value)) {
                DAM_TRY(slot_put(ret, to, &slot->key, &slot->value));
            }
        }
        to->root_valid = from->root_valid;
        to->storage_root = from->storage_root;
    }
    return DAM_OK;
}

/* ---- the root -------------------------------------------------------------------------------- */

/* A map for the trie while it is filled: keys are hashed in one batch at the end. */
struct map {
    struct dam_bytes *keys;
    struct dam_bytes *values;
    size_t count;
};

static enum dam_err map_init(struct map *map, struct dam_arena *arena, size_t count_max)
{
    map->count = 0;
    map->keys = dam_arena_alloc(arena, (count_max + 1) * sizeof(map->keys[0]));
    map->values = dam_arena_alloc(arena, (count_max + 1) * sizeof(map->values[0]));
    return map->keys == NULL || map->values == NULL ? DAM_ENOMEM : DAM_OK;
}

static enum dam_err map_root(struct map *map, struct dam_arena *arena, struct dam_hash *ret)
{
    struct dam_hash *hashes = dam_arena_alloc(arena, (map->count + 1) * sizeof(hashes[0]));
    if (hashes == NULL) {
        return DAM_ENOMEM;
    }
    dam_keccak256_batch(map->keys, map->count, hashes);
    for (size_t i = 0; i < map->count; i++) {
        map->keys[i] = dam_bytes(hashes[i].b, sizeof(hashes[i].b));
    }
    return dam_trie_map_root(arena, map->keys, map->values, map->count, ret);
}

static enum dam_err storage_root(struct dam_evm_world_account *account, struct dam_arena *arena)
{
    if (account->root_valid) {
        return DAM_OK;
    }
    struct map map;
    DAM_TRY(map_init(&map, arena, account->slot_count));
    for (const struct world_slot *slot = account->slots; slot != NULL; slot = slot->next) {
        if (dam_u256_is_zero(&slot->value)) {
            continue;
        }
        uint8_t *bytes = dam_arena_alloc(arena, 32 + 40);
        if (bytes == NULL) {
            return DAM_ENOMEM;
        }
        struct dam_buf value;
        dam_buf_init_fixed(&value, bytes + 32, 40);
        dam_u256_store_be(bytes, &slot->key);
        dam_rlp_put_u256(&value, &slot->value);
        map.keys[map.count] = dam_bytes(bytes, 32);
        map.values[map.count++] = dam_buf_bytes(&value);
    }
    DAM_TRY(map_root(&map, arena, &account->storage_root));
    account->root_valid = true;
    return DAM_OK;
}

static enum dam_err state_root(struct dam_evm_world *world, struct dam_arena *arena,
                               struct dam_hash *ret)
{
    struct map map;
    DAM_TRY(map_init(&map, arena, world->accounts.count));
    for (struct dam_evm_world_account *account = world->first; account != NULL;
         account = account->next) {
        if (!account->exists) {
            continue;
        }
        const struct dam_arena_mark mark = dam_arena_mark(arena);
        DAM_TRY(storage_root(account, arena));
        dam_arena_release(arena, mark);
        const struct dam_account leaf = {.nonce = account->nonce,
                                         .balance = account->balance,
                                         .storage_root = account->storage_root,
                                         .code_hash = account->code_hash};
        struct dam_buf value;
        dam_buf_init_arena(&value, arena, 0);
        dam_account_encode(&leaf, &value);
        DAM_TRY(dam_buf_err(&value));
        map.keys[map.count] = dam_bytes(account->address.b, sizeof(account->address.b));
        map.values[map.count++] = dam_buf_bytes(&value);
    }
    return map_root(&map, arena, ret);
}

enum dam_err dam_evm_world_root(struct dam_evm_world *world, struct dam_hash *ret)
{
    struct dam_arena scratch;
    dam_arena_init(&scratch, &world->mem, 0);
    const enum dam_err err = state_root(world, &scratch, ret);
    dam_arena_finish(&scratch);
    return err;
}
