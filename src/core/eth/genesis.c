// SPDX-License-Identifier: Apache-2.0
#include "core/eth/genesis.h"

#include "base/hex.h"

/* Numbers in genesis files are JSON integers, decimal strings or hex strings. */
static enum dam_err number_read(const struct dam_json *node, uint64_t *ret)
{
    struct dam_u256 wide = {{0}};
    if (node != NULL) {
        DAM_TRY(dam_json_any_u256(node, &wide));
    }
    return dam_u256_to_u64(&wide, ret) ? DAM_OK : DAM_ERANGE;
}

/* Slot keys and values are written with or without their leading zeros. */
static enum dam_err word_read(const struct dam_json *node, struct dam_hash *ret)
{
    struct dam_u256 wide;
    bool prefixed = node->len >= 2 && node->text[0] == '0' && (node->text[1] | 0x20) == 'x';
    if (!prefixed && node->type == DAM_JSON_STRING && node->len == 64) {
        return dam_json_hex_exact(node, ret->b, sizeof(ret->b));
    }
    DAM_TRY(dam_json_any_u256(node, &wide));
    dam_u256_store_be(ret->b, &wide);
    return DAM_OK;
}

static enum dam_err slots_read(struct dam_arena *arena, const struct dam_json *storage,
                               struct dam_genesis_account *account)
{
    size_t count = storage == NULL ? 0 : storage->count;
    struct dam_genesis_slot *slots = dam_arena_alloc(arena, count * sizeof(*slots));
    if (slots == NULL) {
        return DAM_ENOMEM;
    }
    size_t used = 0;
    DAM_JSON_EACH_KEY(key, storage)
    {
        static const struct dam_hash zero;
        DAM_TRY(word_read(key, &slots[used].key));
        DAM_TRY(word_read(key + 1, &slots[used].value));
        used += !dam_hash_eq(&slots[used].value, &zero);
    }
    account->slots = slots;
    account->slot_count = used;
    return DAM_OK;
}

static enum dam_err account_read(struct dam_arena *arena, const struct dam_json *key,
                                 struct dam_genesis_account *ret)
{
    const struct dam_json *json = key + 1;
    const struct dam_json *balance = dam_json_get(json, "balance");
    const struct dam_json *code = dam_json_get(json, "code");
    *ret = (struct dam_genesis_account){0};
    DAM_TRY(dam_json_hex_exact(key, ret->address.b, sizeof(ret->address.b)));
    DAM_TRY(number_read(dam_json_get(json, "nonce"), &ret->nonce));
    if (balance != NULL) {
        DAM_TRY(dam_json_any_u256(balance, &ret->balance));
    }
    if (code != NULL) {
        DAM_TRY(dam_json_hex(code, arena, &ret->code));
    }
    return slots_read(arena, dam_json_get(json, "storage"), ret);
}

enum dam_err dam_genesis_alloc(struct dam_arena *arena, const struct dam_json *alloc,
                               const struct dam_genesis_account **ret, size_t *ret_count,
                               const struct dam_json **ret_where)
{
    if (ret_where != NULL) {
        *ret_where = alloc;
    }
    if (alloc == NULL || alloc->type != DAM_JSON_OBJECT) {
        return DAM_EPARSE;
    }
    struct dam_genesis_account *accounts = dam_arena_alloc(arena, alloc->count * sizeof(*accounts));
    if (accounts == NULL) {
        return DAM_ENOMEM;
    }
    size_t count = 0;
    DAM_JSON_EACH_KEY(key, alloc)
    {
        enum dam_err err = account_read(arena, key, &accounts[count++]);
        if (err != DAM_OK) {
            if (ret_where != NULL) {
                *ret_where = key;
            }
            return err == DAM_ENOMEM ? err : DAM_EPARSE;
        }
    }
    *ret = accounts;
    *ret_count = count;
    return DAM_OK;
}

/* geth writes null for a field that its forks do not have. */
static const struct dam_json *given(const struct dam_json *json, const char *key)
{
    const struct dam_json *node = dam_json_get(json, key);
    return dam_json_is_null(node) ? NULL : node;
}

static enum dam_err hash_read(const struct dam_json *json, const char *key, struct dam_hash *ret)
{
    const struct dam_json *node = given(json, key);
    return node == NULL ? DAM_OK : dam_json_hex_exact(node, ret->b, sizeof(ret->b));
}

static enum dam_err u256_read(const struct dam_json *json, const char *key, struct dam_u256 *ret)
{
    const struct dam_json *node = given(json, key);
    return node == NULL ? DAM_OK : dam_json_any_u256(node, ret);
}

static enum dam_err nonce_read(const struct dam_json *node, uint8_t ret[8])
{
    uint64_t nonce;
    DAM_TRY(number_read(node, &nonce));
    dam_store_be64(ret, nonce);
    return DAM_OK;
}

static enum dam_err extra_read(const struct dam_json *node, struct dam_header *header)
{
    size_t len = 0;
    if (node != NULL) {
        DAM_TRY(node->type == DAM_JSON_STRING ? DAM_OK : DAM_EPARSE);
        DAM_TRY(dam_hex_decode(node->text, node->len, header->extra, sizeof(header->extra), &len));
    }
    header->extra_len = (uint8_t)len;
    return DAM_OK;
}

/* The form that the given fields call for; the caller raises it for forks active at genesis. */
static enum dam_header_form form_of(const struct dam_json *json)
{
    if (given(json, "requestsHash") != NULL) {
        return DAM_HEADER_PRAGUE;
    }
    if (given(json, "excessBlobGas") != NULL || given(json, "blobGasUsed") != NULL) {
        return DAM_HEADER_CANCUN;
    }
    return given(json, "baseFeePerGas") != NULL ? DAM_HEADER_LONDON : DAM_HEADER_FRONTIER;
}

static enum dam_err header_read(const struct dam_json *json, struct dam_header *ret)
{
    const struct dam_json *coinbase = given(json, "coinbase");
    struct dam_header header = {
        .form = form_of(json),
        .uncles_hash = dam_empty_uncles_hash,
        .tx_root = dam_empty_trie_root,
        .receipt_root = dam_empty_trie_root,
        .withdrawals_root = dam_empty_trie_root,
    };
    dam_requests_hash(NULL, 0, &header.requests_hash);
    if (coinbase != NULL) {
        DAM_TRY(dam_json_hex_exact(coinbase, header.beneficiary.b, 20));
    }
    DAM_TRY(hash_read(json, "parentHash", &header.parent_hash));
    DAM_TRY(hash_read(json, "mixHash", &header.prev_randao));
    DAM_TRY(hash_read(json, "parentBeaconBlockRoot", &header.parent_beacon_root));
    DAM_TRY(hash_read(json, "requestsHash", &header.requests_hash));
    DAM_TRY(u256_read(json, "difficulty", &header.difficulty));
    DAM_TRY(u256_read(json, "baseFeePerGas", &header.base_fee));
    DAM_TRY(number_read(given(json, "number"), &header.number));
    DAM_TRY(number_read(given(json, "gasLimit"), &header.gas_limit));
    DAM_TRY(number_read(given(json, "gasUsed"), &header.gas_used));
    DAM_TRY(number_read(given(json, "timestamp"), &header.timestamp));
    DAM_TRY(number_read(given(json, "blobGasUsed"), &header.blob_gas_used));
    DAM_TRY(number_read(given(json, "excessBlobGas"), &header.excess_blob_gas));
    DAM_TRY(nonce_read(given(json, "nonce"), header.nonce));
    DAM_TRY(extra_read(given(json, "extraData"), &header));
    *ret = header;
    return DAM_OK;
}

enum dam_err dam_genesis_read(struct dam_arena *arena, const struct dam_json *json,
                              struct dam_genesis *ret, const struct dam_json **ret_where)
{
    struct dam_genesis genesis;
    if (ret_where != NULL) {
        *ret_where = json;
    }
    if (header_read(json, &genesis.header) != DAM_OK) {
        return DAM_EPARSE;
    }
    DAM_TRY(dam_genesis_alloc(arena, given(json, "alloc"), &genesis.accounts,
                              &genesis.account_count, ret_where));
    *ret = genesis;
    return DAM_OK;
}
