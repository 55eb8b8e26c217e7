// SPDX-License-Identifier: Apache-2.0
#include "app/evm_json.h"

#include "core/eth/address.h"
#include "core/eth/genesis.h"
#include "core/eth/tx.h"
#include "core/evm/block.h"

enum dam_err dam_evm_json_world(struct dam_arena *arena, const struct dam_json *pre,
                                struct dam_evm_world *world)
{
    const struct dam_genesis_account *accounts;
    size_t count;
    DAM_TRY(dam_genesis_alloc(arena, pre, &accounts, &count, NULL));
    for (size_t i = 0; i < count; i++) {
        const struct dam_genesis_account *account = &accounts[i];
        DAM_TRY(dam_evm_world_put(world, &account->address, account->nonce, &account->balance));
        if (account->code.len != 0) {
            DAM_TRY(dam_evm_world_put_code(world, &account->address, account->code));
        }
        for (size_t j = 0; j < account->slot_count; j++) {
            const struct dam_u256 key = dam_u256_load_be(account->slots[j].key.b);
            const struct dam_u256 value = dam_u256_load_be(account->slots[j].value.b);
            DAM_TRY(dam_evm_world_put_slot(world, &account->address, &key, &value));
        }
    }
    return DAM_OK;
}

enum dam_err dam_evm_json_u256(const struct dam_json *object, const char *key, struct dam_u256 *ret)
{
    const struct dam_json *node = dam_json_get(object, key);
    if (dam_json_is_null(node)) {
        *ret = dam_u256_from_u64(0);
        return DAM_OK;
    }
    return dam_json_any_u256(node, ret);
}

enum dam_err dam_evm_json_u64(const struct dam_json *object, const char *key, uint64_t *ret)
{
    struct dam_u256 wide;
    DAM_TRY(dam_evm_json_u256(object, key, &wide));
    return dam_u256_to_u64(&wide, ret) ? DAM_OK : DAM_ERANGE;
}

enum dam_err dam_evm_json_env(const struct dam_json *env, struct dam_evm_block *ret)
{
    struct dam_evm_block block = {0};
    struct dam_u256 random;
    DAM_TRY(dam_evm_json_u64(env, "currentNumber", &block.number));
    DAM_TRY(dam_evm_json_u64(env, "currentTimestamp", &block.time));
    DAM_TRY(dam_evm_json_u64(env, "currentGasLimit", &block.gas_limit));
    DAM_TRY(dam_evm_json_u64(env, "currentExcessBlobGas", &block.excess_blob_gas));
    DAM_TRY(dam_evm_json_u256(env, "currentBaseFee", &block.base_fee));
    DAM_TRY(dam_evm_json_u256(env, "currentDifficulty", &block.difficulty));
    DAM_TRY(dam_evm_json_u256(env, "currentRandom", &random));
    DAM_TRY(dam_json_hex_exact(dam_json_get(env, "currentCoinbase"), block.coinbase.b,
                               sizeof(block.coinbase.b)));
    dam_u256_store_be(block.prev_randao.b, &random);
    *ret = block;
    return DAM_OK;
}

static enum dam_err array_of(struct dam_arena *arena, const struct dam_json *array, size_t item_len,
                             void **ret)
{
    if (array->type != DAM_JSON_ARRAY) {
        return DAM_EPARSE;
    }
    *ret = dam_arena_zalloc(arena, (array->count + 1) * item_len);
    return *ret == NULL ? DAM_ENOMEM : DAM_OK;
}

static enum dam_err hashes_read(struct dam_arena *arena, const struct dam_json *array,
                                const struct dam_hash **ret, size_t *ret_count)
{
    void *block;
    DAM_TRY(array_of(arena, array, sizeof(struct dam_hash), &block));
    struct dam_hash *hashes = block;
    size_t count = 0;
    DAM_JSON_EACH(item, array)
    {
        struct dam_u256 value;
        DAM_TRY(dam_json_any_u256(item, &value));
        dam_u256_store_be(hashes[count++].b, &value);
    }
    *ret = hashes;
    *ret_count = count;
    return DAM_OK;
}

static enum dam_err access_read(struct dam_arena *arena, const struct dam_json *array,
                                struct dam_evm_tx *tx)
{
    void *block;
    DAM_TRY(array_of(arena, array, sizeof(struct dam_evm_access), &block));
    struct dam_evm_access *list = block;
    size_t count = 0;
    DAM_JSON_EACH(item, array)
    {
        struct dam_evm_access *access = &list[count++];
        const struct dam_json *keys = dam_json_get(item, "storageKeys");
        DAM_TRY(dam_json_hex_exact(dam_json_get(item, "address"), access->address.b,
                                   sizeof(access->address.b)));
        DAM_TRY(keys == NULL ? DAM_EPARSE : DAM_OK);
        DAM_TRY(hashes_read(arena, keys, &access->keys, &access->key_count));
    }
    tx->access = list;
    tx->access_count = count;
    return DAM_OK;
}

static enum dam_err authorization_read(const struct dam_json *item,
                                       struct dam_evm_authorization *ret)
{
    struct dam_authorization signed_tuple = {0};
    struct dam_u256 parity;
    struct dam_u256 nonce;
    const char *parity_key = dam_json_get(item, "yParity") != NULL ? "yParity" : "v";
    DAM_TRY(dam_evm_json_u256(item, "chainId", &signed_tuple.chain_id));
    DAM_TRY(dam_evm_json_u256(item, "nonce", &nonce));
    DAM_TRY(dam_evm_json_u256(item, parity_key, &parity));
    DAM_TRY(dam_evm_json_u256(item, "r", &signed_tuple.r));
    DAM_TRY(dam_evm_json_u256(item, "s", &signed_tuple.s));
    DAM_TRY(dam_json_hex_exact(dam_json_get(item, "address"), signed_tuple.address.b, 20));
    uint64_t small;
    signed_tuple.y_parity = dam_u256_to_u64(&parity, &small) && small <= 1 ? (uint8_t)small : 0xff;
    if (!dam_u256_to_u64(&nonce, &signed_tuple.nonce)) {
        signed_tuple.nonce = UINT64_MAX; /* which never holds either */
    }
    *ret = dam_evm_authorization_from(&signed_tuple);
    return DAM_OK;
}

static enum dam_err authorizations_read(struct dam_arena *arena, const struct dam_json *array,
                                        struct dam_evm_tx *tx)
{
    void *block;
    DAM_TRY(array_of(arena, array, sizeof(struct dam_evm_authorization), &block));
    struct dam_evm_authorization *list = block;
    size_t count = 0;
    DAM_JSON_EACH(item, array)
    {
        DAM_TRY(authorization_read(item, &list[count++]));
    }
    tx->authorizations = list;
    tx->authorization_count = count;
    return DAM_OK;
}

/* The type follows from which fields are there. */
static enum dam_err fees_read(const struct dam_json *json, struct dam_evm_tx *tx)
{
    if (dam_json_get(json, "maxFeePerGas") != NULL) {
        tx->type = 2;
        DAM_TRY(dam_evm_json_u256(json, "maxFeePerGas", &tx->gas_price_max));
        return dam_evm_json_u256(json, "maxPriorityFeePerGas", &tx->priority_fee_max);
    }
    tx->type = tx->access != NULL ? 1 : 0;
    return dam_evm_json_u256(json, "gasPrice", &tx->gas_price_max);
}

static enum dam_err lists_read(struct dam_arena *arena, const struct dam_json *json,
                               size_t data_index, struct dam_evm_tx *tx)
{
    const struct dam_json *access = dam_json_at(dam_json_get(json, "accessLists"), data_index);
    const struct dam_json *blobs = dam_json_get(json, "blobVersionedHashes");
    const struct dam_json *authorizations = dam_json_get(json, "authorizationList");
    if (!dam_json_is_null(access)) {
        DAM_TRY(access_read(arena, access, tx));
    }
    DAM_TRY(fees_read(json, tx));
    if (blobs != NULL) {
        tx->type = 3;
        DAM_TRY(hashes_read(arena, blobs, &tx->blob_hashes, &tx->blob_hash_count));
        DAM_TRY(dam_evm_json_u256(json, "maxFeePerBlobGas", &tx->blob_fee_max));
    }
    if (authorizations != NULL) {
        tx->type = 4;
        DAM_TRY(authorizations_read(arena, authorizations, tx));
    }
    return DAM_OK;
}

/* The oldest suites name the sender by its key alone. */
static enum dam_err sender_read(const struct dam_json *json, struct dam_address *ret)
{
    uint8_t secret[32];
    if (dam_json_get(json, "sender") != NULL) {
        return dam_json_hex_exact(dam_json_get(json, "sender"), ret->b, sizeof(ret->b));
    }
    DAM_TRY(dam_json_hex_exact(dam_json_get(json, "secretKey"), secret, sizeof(secret)));
    return dam_address_of_secret_key(secret, ret);
}

enum dam_err dam_evm_json_tx(struct dam_arena *arena, const struct dam_json *json,
                             const struct dam_evm_json_indexes *indexes, struct dam_evm_tx *ret)
{
    struct dam_evm_tx tx = {0};
    struct dam_u256 gas;
    const struct dam_json *to = dam_json_get(json, "to");
    DAM_TRY(sender_read(json, &tx.sender));
    tx.create = to == NULL || to->len == 0 || dam_json_is(to, "0x");
    if (!tx.create) {
        DAM_TRY(dam_json_hex_exact(to, tx.to.b, sizeof(tx.to.b)));
    }
    DAM_TRY(dam_evm_json_u64(json, "nonce", &tx.nonce));
    DAM_TRY(dam_json_hex(dam_json_at(dam_json_get(json, "data"), indexes->data), arena, &tx.data));
    DAM_TRY(dam_json_any_u256(dam_json_at(dam_json_get(json, "gasLimit"), indexes->gas), &gas));
    if (!dam_u256_to_u64(&gas, &tx.gas_limit)) {
        return DAM_ERANGE;
    }
    DAM_TRY(dam_json_any_u256(dam_json_at(dam_json_get(json, "value"), indexes->value), &tx.value));
    DAM_TRY(lists_read(arena, json, indexes->data, &tx));
    *ret = tx;
    return DAM_OK;
}

enum dam_err dam_evm_json_rules(const char *name, enum dam_fork *ret)
{
    if (strncmp(name, "BPO", 3) == 0 && name[3] >= '1' && name[3] <= '9') {
        *ret = DAM_FORK_OSAKA;
        return DAM_OK;
    }
    return dam_fork_find(name, ret);
}

enum dam_err dam_evm_json_blob_params(const struct dam_json *config, const char *fork,
                                      struct dam_blob_params *ret)
{
    const struct dam_json *entry = dam_json_get(dam_json_get(config, "blobSchedule"), fork);
    if (entry == NULL) {
        return DAM_OK;
    }
    uint64_t target;
    uint64_t max;
    uint64_t fraction;
    DAM_TRY(dam_evm_json_u64(entry, "target", &target));
    DAM_TRY(dam_evm_json_u64(entry, "max", &max));
    DAM_TRY(dam_evm_json_u64(entry, "baseFeeUpdateFraction", &fraction));
    ret->target = (uint32_t)target;
    ret->max = (uint32_t)max;
    ret->base_fee_update_fraction = fraction;
    return DAM_OK;
}
