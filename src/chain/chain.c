// SPDX-License-Identifier: Apache-2.0
#include "chain/chain.h"

#include "chain/chain_json.h"
#include "core/crypto/keccak.h"
#include "core/eth/rlp.h"
#include "core/eth/trie.h"

/* The JSON array of a call's parameters, begun in an arena. */
struct params {
    struct dam_buf buf;
    struct dam_json_writer w;
};

static void params_begin(struct params *params, struct dam_arena *arena)
{
    dam_buf_init_arena(&params->buf, arena, 0);
    params->w = (struct dam_json_writer){.buf = &params->buf};
    dam_json_put_array(&params->w);
}

static struct dam_bytes params_end(struct params *params)
{
    dam_json_put_array_end(&params->w);
    return dam_buf_bytes(&params->buf);
}

static void at_put(struct dam_json_writer *w, struct dam_remote_at at)
{
    switch (at.tag) {
    case DAM_REMOTE_NUMBER:
        dam_json_put_quantity(w, at.number);
        break;
    case DAM_REMOTE_LATEST:
        dam_json_put_cstr(w, "latest");
        break;
    case DAM_REMOTE_PENDING:
        dam_json_put_cstr(w, "pending");
        break;
    case DAM_REMOTE_FINAL:
        dam_json_put_cstr(w, "finalized");
        break;
    }
}

/* A node's own "no" is an answer; anything else means that the node did not give one. */
static bool is_answer(enum dam_err err)
{
    return err == DAM_OK || err == DAM_EREFUSED || err == DAM_ENOMEM;
}

enum dam_err dam_remote_open(struct dam_remote *chain, struct dam_arena *arena,
                             const struct dam_http_client *http, const char *const *urls,
                             size_t count, size_t agree_min, uint32_t timeout_ms)
{
    bool is_known = false;
    enum dam_err last = DAM_ERANGE;
    if (count == 0 || count > DAM_REMOTE_ENDPOINTS_MAX || agree_min == 0 || agree_min > count) {
        return DAM_ERANGE;
    }
    *chain = (struct dam_remote){.endpoint_count = count, .agree_min = agree_min};
    for (size_t i = 0; i < count; i++) {
        const struct dam_json *result;
        uint64_t id = 0;
        DAM_TRY(dam_rpc_init(&chain->endpoints[i], http, urls[i], timeout_ms));
        last = dam_rpc_call(&chain->endpoints[i], arena, "eth_chainId", dam_bytes("[]", 2), &result,
                            &chain->error);
        if (last == DAM_OK) {
            last = dam_json_quantity(result, &id);
        }
        if (last == DAM_OK) {
            if (is_known && chain->chain_id != id) {
                return DAM_ECONFLICT;
            }
            chain->chain_id = id;
            is_known = true;
        }
    }
    return is_known ? DAM_OK : last;
}

enum dam_err dam_remote_ask(struct dam_remote *chain, struct dam_arena *arena, const char *method,
                            struct dam_bytes params, const struct dam_json **ret)
{
    enum dam_err err = DAM_EIO;
    for (size_t i = 0; i < chain->endpoint_count; i++) {
        err = dam_rpc_call(&chain->endpoints[i], arena, method, params, ret, &chain->error);
        if (is_answer(err)) {
            break;
        }
    }
    return err;
}

/* What two answers are compared by. */
static enum dam_err fingerprint(struct dam_arena *arena, const struct dam_json *answer,
                                struct dam_bytes *ret)
{
    const struct dam_json *hash = dam_json_get(answer, "hash");
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_node(&w, hash != NULL ? hash : answer);
    *ret = dam_buf_bytes(&buf);
    return dam_buf_err(&buf);
}

enum dam_err dam_remote_ask_all(struct dam_remote *chain, struct dam_arena *arena,
                                const char *method, struct dam_bytes params,
                                const struct dam_json **ret)
{
    const struct dam_json *agreed = NULL;
    struct dam_bytes print = {0};
    enum dam_err last = DAM_EIO;
    size_t count = 0;
    for (size_t i = 0; i < chain->endpoint_count; i++) {
        const struct dam_json *answer;
        struct dam_bytes other;
        last = dam_rpc_call(&chain->endpoints[i], arena, method, params, &answer, &chain->error);
        if (last != DAM_OK) {
            continue;
        }
        DAM_TRY(fingerprint(arena, answer, &other));
        if (agreed != NULL && !dam_bytes_eq(print, other)) {
            return DAM_ECONFLICT;
        }
        agreed = answer;
        print = other;
        count++;
    }
    if (count < chain->agree_min) {
        return chain->endpoint_count == 1 ? last : DAM_EAGAIN;
    }
    *ret = agreed;
    return DAM_OK;
}

enum dam_err dam_remote_header(struct dam_remote *chain, struct dam_arena *arena,
                               struct dam_remote_at at, struct dam_header *ret,
                               struct dam_hash *ret_hash)
{
    struct params params;
    const struct dam_json *block;
    if (at.tag != DAM_REMOTE_NUMBER) {
        /* Tags move between one endpoint and the next: fix the number first. */
        struct dam_header first;
        params_begin(&params, arena);
        at_put(&params.w, at);
        dam_json_put_bool(&params.w, false);
        DAM_TRY(dam_remote_ask(chain, arena, "eth_getBlockByNumber", params_end(&params), &block));
        if (dam_json_is_null(block)) {
            return DAM_ENOTFOUND;
        }
        DAM_TRY(dam_remote_json_header(block, &first, ret_hash));
        if (chain->endpoint_count == 1) {
            *ret = first;
            return DAM_OK;
        }
        at = dam_remote_at_number(first.number);
    }
    params_begin(&params, arena);
    at_put(&params.w, at);
    dam_json_put_bool(&params.w, false);
    DAM_TRY(dam_remote_ask_all(chain, arena, "eth_getBlockByNumber", params_end(&params), &block));
    if (dam_json_is_null(block)) {
        return DAM_ENOTFOUND;
    }
    DAM_TRY(dam_remote_json_header(block, ret, ret_hash));
    return ret->number == at.number ? DAM_OK : DAM_ECORRUPT;
}

/* A method that takes an address and a block. */
static enum dam_err address_ask(struct dam_remote *chain, struct dam_arena *arena,
                                const char *method, const struct dam_address *address,
                                struct dam_remote_at at, const struct dam_json **ret)
{
    struct params params;
    params_begin(&params, arena);
    dam_json_put_data(&params.w, address->b, sizeof(address->b));
    at_put(&params.w, at);
    return dam_remote_ask(chain, arena, method, params_end(&params), ret);
}

enum dam_err dam_remote_balance(struct dam_remote *chain, struct dam_arena *arena,
                                const struct dam_address *address, struct dam_remote_at at,
                                struct dam_u256 *ret)
{
    const struct dam_json *result;
    DAM_TRY(address_ask(chain, arena, "eth_getBalance", address, at, &result));
    return dam_json_quantity_u256(result, ret);
}

enum dam_err dam_remote_nonce(struct dam_remote *chain, struct dam_arena *arena,
                              const struct dam_address *address, struct dam_remote_at at,
                              uint64_t *ret)
{
    const struct dam_json *result;
    DAM_TRY(address_ask(chain, arena, "eth_getTransactionCount", address, at, &result));
    return dam_json_quantity(result, ret);
}

enum dam_err dam_remote_code(struct dam_remote *chain, struct dam_arena *arena,
                             const struct dam_address *address, struct dam_remote_at at,
                             struct dam_bytes *ret)
{
    const struct dam_json *result;
    DAM_TRY(address_ask(chain, arena, "eth_getCode", address, at, &result));
    return dam_json_hex(result, arena, ret);
}

static void call_put(struct dam_json_writer *w, const struct dam_remote_call *call)
{
    dam_json_put_object(w);
    if (call->from != NULL) {
        dam_json_put_key(w, "from");
        dam_json_put_data(w, call->from->b, sizeof(call->from->b));
    }
    if (call->to != NULL) {
        dam_json_put_key(w, "to");
        dam_json_put_data(w, call->to->b, sizeof(call->to->b));
    }
    dam_json_put_key(w, "input");
    dam_json_put_data(w, call->data.data, call->data.len);
    dam_json_put_key(w, "value");
    dam_json_put_quantity_u256(w, &call->value);
    dam_json_put_object_end(w);
}

enum dam_err dam_remote_call(struct dam_remote *chain, struct dam_arena *arena,
                             const struct dam_remote_call *call, struct dam_remote_at at,
                             struct dam_bytes *ret)
{
    struct params params;
    const struct dam_json *result;
    params_begin(&params, arena);
    call_put(&params.w, call);
    at_put(&params.w, at);
    DAM_TRY(dam_remote_ask(chain, arena, "eth_call", params_end(&params), &result));
    return dam_json_hex(result, arena, ret);
}

enum dam_err dam_remote_estimate_gas(struct dam_remote *chain, struct dam_arena *arena,
                                     const struct dam_remote_call *call, uint64_t *ret)
{
    struct params params;
    const struct dam_json *result;
    params_begin(&params, arena);
    call_put(&params.w, call);
    DAM_TRY(dam_remote_ask(chain, arena, "eth_estimateGas", params_end(&params), &result));
    return dam_json_quantity(result, ret);
}

enum dam_err dam_remote_fees(struct dam_remote *chain, struct dam_arena *arena,
                             struct dam_u256 *ret_max_fee, struct dam_u256 *ret_max_priority_fee)
{
    struct dam_header head;
    struct dam_hash hash;
    struct dam_u256 tip;
    struct dam_u256 fee;
    const struct dam_json *result;
    DAM_TRY(dam_remote_header(chain, arena, dam_remote_at_tag(DAM_REMOTE_LATEST), &head, &hash));
    DAM_TRY(dam_remote_ask(chain, arena, "eth_maxPriorityFeePerGas", dam_bytes("[]", 2), &result));
    DAM_TRY(dam_json_quantity_u256(result, &tip));
    /* Twice the base fee outlasts six full blocks in a row. */
    if (dam_u256_add(&fee, &head.base_fee, &head.base_fee) || dam_u256_add(&fee, &fee, &tip)) {
        return DAM_ERANGE;
    }
    *ret_max_fee = fee;
    *ret_max_priority_fee = tip;
    return DAM_OK;
}

static enum dam_err tx_is_known(struct dam_rpc *endpoint, struct dam_arena *arena,
                                struct dam_bytes raw)
{
    struct params params;
    struct dam_hash hash;
    struct dam_rpc_error error; /* the caller's stays: it says why the node refused */
    const struct dam_json *result;
    dam_keccak256(raw.data, raw.len, &hash);
    params_begin(&params, arena);
    dam_json_put_data(&params.w, hash.b, sizeof(hash.b));
    DAM_TRY(dam_rpc_call(endpoint, arena, "eth_getTransactionByHash", params_end(&params), &result,
                         &error));
    return dam_json_is_null(result) ? DAM_ENOTFOUND : DAM_OK;
}

/* Nodes say "already known", "nonce too low" and more in many words when they have a transaction
 * already; asking for it by its hash is the same for all. */
enum dam_err dam_remote_send_raw(struct dam_remote *chain, struct dam_arena *arena,
                                 struct dam_bytes raw)
{
    enum dam_err last = DAM_EIO;
    bool is_taken = false;
    for (size_t i = 0; i < chain->endpoint_count; i++) {
        struct params params;
        const struct dam_json *result;
        params_begin(&params, arena);
        dam_json_put_data(&params.w, raw.data, raw.len);
        enum dam_err err = dam_rpc_call(&chain->endpoints[i], arena, "eth_sendRawTransaction",
                                        params_end(&params), &result, &chain->error);
        if (err == DAM_EREFUSED && tx_is_known(&chain->endpoints[i], arena, raw) == DAM_OK) {
            err = DAM_OK;
        }
        is_taken = is_taken || err == DAM_OK;
        last = err;
    }
    return is_taken ? DAM_OK : last;
}

enum dam_err dam_remote_receipt(struct dam_remote *chain, struct dam_arena *arena,
                                const struct dam_hash *tx_hash, struct dam_remote_receipt *ret)
{
    struct params params;
    const struct dam_json *result;
    params_begin(&params, arena);
    dam_json_put_data(&params.w, tx_hash->b, sizeof(tx_hash->b));
    DAM_TRY(
        dam_remote_ask(chain, arena, "eth_getTransactionReceipt", params_end(&params), &result));
    if (dam_json_is_null(result)) {
        return DAM_ENOTFOUND;
    }
    DAM_TRY(dam_remote_json_receipt(arena, result, ret));
    return dam_hash_eq(&ret->tx_hash, tx_hash) ? DAM_OK : DAM_ECORRUPT;
}

static bool address_among(const struct dam_address *address, const struct dam_address *all,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (dam_address_eq(address, &all[i])) {
            return true;
        }
    }
    return count == 0;
}

enum dam_err dam_remote_logs(struct dam_remote *chain, struct dam_arena *arena, uint64_t from,
                             uint64_t to, const struct dam_address *addresses, size_t address_count,
                             const struct dam_remote_log **ret, size_t *ret_count)
{
    struct params params;
    const struct dam_json *result;
    params_begin(&params, arena);
    dam_json_put_object(&params.w);
    dam_json_put_key(&params.w, "fromBlock");
    dam_json_put_quantity(&params.w, from);
    dam_json_put_key(&params.w, "toBlock");
    dam_json_put_quantity(&params.w, to);
    if (address_count > 0) {
        dam_json_put_key(&params.w, "address");
        dam_json_put_array(&params.w);
        for (size_t i = 0; i < address_count; i++) {
            dam_json_put_data(&params.w, addresses[i].b, sizeof(addresses[i].b));
        }
        dam_json_put_array_end(&params.w);
    }
    dam_json_put_object_end(&params.w);
    DAM_TRY(dam_remote_ask(chain, arena, "eth_getLogs", params_end(&params), &result));
    if (result->type != DAM_JSON_ARRAY) {
        return DAM_EPARSE;
    }
    struct dam_remote_log *logs = dam_arena_alloc(arena, result->count * sizeof(*logs));
    size_t count = 0;
    if (logs == NULL) {
        return DAM_ENOMEM;
    }
    DAM_JSON_EACH(item, result)
    {
        struct dam_remote_log *log = &logs[count];
        DAM_TRY(dam_remote_json_log(arena, item, log));
        bool in_order = count == 0 || log->block_number > log[-1].block_number ||
                        (log->block_number == log[-1].block_number && log->index > log[-1].index);
        if (!in_order || log->block_number < from || log->block_number > to ||
            !address_among(&log->log.address, addresses, address_count)) {
            return DAM_ECORRUPT;
        }
        count++;
    }
    *ret = logs;
    *ret_count = count;
    return DAM_OK;
}

/* The "0x" strings of a proof. */
static enum dam_err nodes_read(struct dam_arena *arena, const struct dam_json *json,
                               struct dam_trie_proof *ret)
{
    ret->count = 0;
    if (json == NULL || json->type != DAM_JSON_ARRAY || json->count > DAM_TRIE_DEPTH_MAX) {
        return DAM_EPARSE;
    }
    DAM_JSON_EACH(node, json)
    {
        DAM_TRY(dam_json_hex(node, arena, &ret->nodes[ret->count++]));
    }
    return DAM_OK;
}

static enum dam_err slot_check(struct dam_arena *arena, const struct dam_hash *storage_root,
                               const struct dam_u256 *key, const struct dam_json *json,
                               struct dam_u256 *ret)
{
    struct dam_trie_proof proof;
    struct dam_bytes value;
    struct dam_hash path;
    uint8_t key_be[32];
    dam_u256_store_be(key_be, key);
    dam_keccak256(key_be, sizeof(key_be), &path);
    DAM_TRY(nodes_read(arena, dam_json_get(json, "proof"), &proof));
    DAM_TRY(dam_trie_verify(storage_root, dam_bytes(path.b, sizeof(path.b)), proof.nodes,
                            proof.count, &value));
    *ret = dam_u256_from_u64(0);
    if (value.len == 0) {
        return DAM_OK;
    }
    struct dam_rlp rlp = dam_rlp(value);
    if (dam_rlp_u256(&rlp, ret) != DAM_OK || dam_rlp_end(&rlp) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    return DAM_OK;
}

static enum dam_err account_check(struct dam_arena *arena, const struct dam_hash *state_root,
                                  const struct dam_address *address, const struct dam_json *json,
                                  struct dam_account *ret, bool *ret_exists)
{
    struct dam_trie_proof proof;
    struct dam_bytes value;
    struct dam_hash path;
    dam_keccak256(address->b, sizeof(address->b), &path);
    DAM_TRY(nodes_read(arena, dam_json_get(json, "accountProof"), &proof));
    DAM_TRY(dam_trie_verify(state_root, dam_bytes(path.b, sizeof(path.b)), proof.nodes, proof.count,
                            &value));
    *ret_exists = value.len != 0;
    *ret =
        (struct dam_account){.storage_root = dam_empty_trie_root, .code_hash = dam_empty_code_hash};
    return value.len == 0 || dam_account_decode(value, ret) == DAM_OK ? DAM_OK : DAM_ECORRUPT;
}

enum dam_err dam_remote_proof(struct dam_remote *chain, struct dam_arena *arena,
                              const struct dam_hash *state_root, uint64_t number,
                              const struct dam_address *address, const struct dam_u256 *keys,
                              size_t key_count, struct dam_account *ret, bool *ret_exists,
                              struct dam_u256 *ret_values)
{
    struct params params;
    const struct dam_json *result;
    params_begin(&params, arena);
    dam_json_put_data(&params.w, address->b, sizeof(address->b));
    dam_json_put_array(&params.w);
    for (size_t i = 0; i < key_count; i++) {
        uint8_t key_be[32];
        dam_u256_store_be(key_be, &keys[i]);
        dam_json_put_data(&params.w, key_be, sizeof(key_be));
    }
    dam_json_put_array_end(&params.w);
    dam_json_put_quantity(&params.w, number);
    DAM_TRY(dam_remote_ask(chain, arena, "eth_getProof", params_end(&params), &result));
    DAM_TRY(account_check(arena, state_root, address, result, ret, ret_exists));
    const struct dam_json *slots = dam_json_get(result, "storageProof");
    if (slots == NULL || slots->type != DAM_JSON_ARRAY || slots->count != key_count) {
        return DAM_EPARSE;
    }
    size_t i = 0;
    DAM_JSON_EACH(slot, slots)
    {
        DAM_TRY(slot_check(arena, &ret->storage_root, &keys[i], slot, &ret_values[i]));
        i++;
    }
    return DAM_OK;
}
