// SPDX-License-Identifier: Apache-2.0
/* What the methods share: failing, reading parameters, finding blocks. */
#include "ledger/rpc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/hex.h"

/* ---- failing --------------------------------------------------------------------------------- */

void dam_rpc_fail(struct dam_rpc *rpc, int code, const char *fmt, ...)
{
    va_list args;
    if (rpc->error_code != 0) {
        return;
    }
    rpc->error_code = code;
    va_start(args, fmt);
    (void)vsnprintf(rpc->error_text, sizeof(rpc->error_text), fmt, args);
    va_end(args);
}

/* In geth's words. */
static void fail_time(struct dam_rpc *rpc)
{
    dam_rpc_fail(rpc, DAM_RPC_SERVER, "execution aborted (timeout = %gs)",
                 (double)rpc->ledger->call_time_max_ms / 1000);
}

bool dam_rpc_is_over(struct dam_rpc *rpc)
{
    if (__atomic_load_n(&rpc->ledger->stop, __ATOMIC_RELAXED) != 0) {
        fail_time(rpc);
    }
    return rpc->error_code != 0;
}

void dam_rpc_fail_err(struct dam_rpc *rpc, enum dam_err err)
{
    if (err == DAM_ETIMEOUT) {
        fail_time(rpc);
        return;
    }
    const char *fault = dam_store_last_fault(rpc->ledger->chain->store);
    dam_rpc_fail(rpc, DAM_RPC_INTERNAL, "%s%s%s%s", err == DAM_EIO ? "the ledger's store: " : "",
                 dam_builder_err_text(err), err == DAM_ECORRUPT && fault[0] != '\0' ? ": " : "",
                 err == DAM_ECORRUPT ? fault : "");
}

/* ---- parameters ------------------------------------------------------------------------------ */

size_t dam_rpc_count(const struct dam_rpc *rpc)
{
    return rpc->params != NULL ? rpc->params->count : 0;
}

const struct dam_json *dam_rpc_param(const struct dam_rpc *rpc, size_t index)
{
    const struct dam_json *node = dam_json_at(rpc->params, index);
    return dam_json_is_null(node) ? NULL : node;
}

static bool bad(struct dam_rpc *rpc, size_t index, const struct dam_json *node, const char *want)
{
    if (node == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "missing value for required argument %zu", index);
    } else {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument %zu: %s", index, want);
    }
    return false;
}

/* Hex of a fixed length, "0x" demanded as geth does. */
static bool read_fixed(const struct dam_json *node, uint8_t *ret, size_t size)
{
    return node != NULL && node->type == DAM_JSON_STRING && node->len == 2 + 2 * size &&
           node->text[0] == '0' && (node->text[1] | 0x20) == 'x' &&
           dam_json_hex_exact(node, ret, size) == DAM_OK;
}

static bool bad_fixed(struct dam_rpc *rpc, size_t index, const struct dam_json *node, size_t size,
                      const char *type)
{
    char want[160];
    size_t digits =
        node != NULL && node->type == DAM_JSON_STRING && node->len >= 2 ? node->len - 2 : 0;
    if (node == NULL || node->type != DAM_JSON_STRING) {
        (void)snprintf(want, sizeof(want),
                       "json: cannot unmarshal non-string into Go value of "
                       "type %s",
                       type);
    } else if (node->len < 2 || node->text[0] != '0' || (node->text[1] | 0x20) != 'x') {
        (void)snprintf(want, sizeof(want),
                       "json: cannot unmarshal hex string without 0x prefix "
                       "into Go value of type %s",
                       type);
    } else if (digits != 2 * size) {
        (void)snprintf(want, sizeof(want), "json: hex string has length %zu, want %zu for %s",
                       digits, 2 * size, type);
    } else {
        (void)snprintf(want, sizeof(want), "json: invalid hex string for %s", type);
    }
    return bad(rpc, index, node, want);
}

bool dam_rpc_address(struct dam_rpc *rpc, size_t index, struct dam_address *ret)
{
    const struct dam_json *node = dam_rpc_param(rpc, index);
    return read_fixed(node, ret->b, 20) || bad_fixed(rpc, index, node, 20, "common.Address");
}

bool dam_rpc_hash(struct dam_rpc *rpc, size_t index, struct dam_hash *ret)
{
    const struct dam_json *node = dam_rpc_param(rpc, index);
    return read_fixed(node, ret->b, 32) || bad_fixed(rpc, index, node, 32, "common.Hash");
}

bool dam_rpc_u256(struct dam_rpc *rpc, size_t index, struct dam_u256 *ret)
{
    const struct dam_json *node = dam_rpc_param(rpc, index);
    return dam_json_any_u256(node, ret) == DAM_OK ||
           bad(rpc, index, node, "not a number of at most 256 bits");
}

bool dam_rpc_quantity(struct dam_rpc *rpc, size_t index, uint64_t *ret)
{
    struct dam_u256 value;
    const struct dam_json *node = dam_rpc_param(rpc, index);
    if (dam_json_any_u256(node, &value) != DAM_OK || !dam_u256_to_u64(&value, ret)) {
        return bad(rpc, index, node, "not a number of at most 64 bits");
    }
    return true;
}

static bool read_data(struct dam_rpc *rpc, const struct dam_json *node, struct dam_bytes *ret)
{
    return node != NULL && node->type == DAM_JSON_STRING && node->len >= 2 &&
           node->text[0] == '0' && (node->text[1] | 0x20) == 'x' &&
           dam_json_hex(node, rpc->arena, ret) == DAM_OK;
}

bool dam_rpc_data(struct dam_rpc *rpc, size_t index, struct dam_bytes *ret)
{
    const struct dam_json *node = dam_rpc_param(rpc, index);
    return read_data(rpc, node, ret) ||
           bad(rpc, index, node, "not bytes: \"0x\" and an even number of hex digits");
}

bool dam_rpc_bool(struct dam_rpc *rpc, size_t index, bool fallback, bool *ret)
{
    const struct dam_json *node = dam_rpc_param(rpc, index);
    if (node == NULL) {
        *ret = fallback;
        return true;
    }
    return dam_json_bool(node, ret) == DAM_OK || bad(rpc, index, node, "not true or false");
}

static const struct dam_json *member(const struct dam_json *object, const char *key)
{
    const struct dam_json *node = dam_json_get(object, key);
    return dam_json_is_null(node) ? NULL : node;
}

static bool bad_member(struct dam_rpc *rpc, const char *key, const char *want)
{
    dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument: %s: %s", key, want);
    return false;
}

bool dam_rpc_member_address(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                            struct dam_address *ret, bool *ret_has)
{
    const struct dam_json *node = member(object, key);
    *ret_has = node != NULL;
    return node == NULL || read_fixed(node, ret->b, 20) || bad_member(rpc, key, "not an address");
}

bool dam_rpc_member_hash(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                         struct dam_hash *ret, bool *ret_has)
{
    const struct dam_json *node = member(object, key);
    *ret_has = node != NULL;
    return node == NULL || read_fixed(node, ret->b, 32) || bad_member(rpc, key, "not 32 bytes");
}

bool dam_rpc_member_u256(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                         struct dam_u256 *ret, bool *ret_has)
{
    const struct dam_json *node = member(object, key);
    *ret_has = node != NULL;
    return node == NULL || dam_json_any_u256(node, ret) == DAM_OK ||
           bad_member(rpc, key, "not a number of at most 256 bits");
}

bool dam_rpc_member_u64(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                        uint64_t *ret, bool *ret_has)
{
    struct dam_u256 value = {{0}};
    if (!dam_rpc_member_u256(rpc, object, key, &value, ret_has)) {
        return false;
    }
    return !*ret_has || dam_u256_to_u64(&value, ret) ||
           bad_member(rpc, key, "not a number of at most 64 bits");
}

bool dam_rpc_member_data(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                         struct dam_bytes *ret, bool *ret_has)
{
    const struct dam_json *node = member(object, key);
    *ret_has = node != NULL;
    return node == NULL || read_data(rpc, node, ret) || bad_member(rpc, key, "not bytes");
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static bool block_by_number(struct dam_rpc *rpc, uint64_t number, struct dam_rpc_block *ret)
{
    struct dam_ledger_chain *chain = rpc->ledger->chain;
    struct dam_store_txn *txn = dam_ledger_chain_reader(chain);
    if (number > chain->head.header.number) {
        return true;
    }
    enum dam_err err = txn != NULL ? dam_ledger_chain_block(txn, number, &ret->block) : DAM_EIO;
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        dam_rpc_fail_err(rpc, err);
        return false;
    }
    ret->found = err == DAM_OK;
    return true;
}

static bool block_by_hash(struct dam_rpc *rpc, const struct dam_hash *hash,
                          struct dam_rpc_block *ret)
{
    uint64_t number = 0;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    enum dam_err err = txn != NULL ? dam_ledger_chain_number_of(txn, hash, &number) : DAM_EIO;
    if (err == DAM_ENOTFOUND) {
        return true;
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return false;
    }
    return block_by_number(rpc, number, ret);
}

bool dam_rpc_block_of(struct dam_rpc *rpc, const struct dam_json *node, size_t index,
                      struct dam_rpc_block *ret)
{
    struct dam_hash hash;
    uint64_t number;
    uint64_t head = rpc->ledger->chain->head.header.number;
    memset(ret, 0, sizeof(*ret));
    if (node == NULL) {
        return block_by_number(rpc, head, ret);
    }
    if (node->type == DAM_JSON_OBJECT) { /* EIP-1898 */
        const struct dam_json *by_hash = member(node, "blockHash");
        const struct dam_json *by_number = member(node, "blockNumber");
        if (by_hash != NULL && read_fixed(by_hash, hash.b, 32)) {
            return block_by_hash(rpc, &hash, ret);
        }
        return by_number != NULL && by_number->type == DAM_JSON_STRING
                   ? dam_rpc_block_of(rpc, by_number, index, ret)
                   : bad(rpc, index, node, "neither blockHash nor blockNumber is there");
    }
    if (dam_json_is(node, "pending")) {
        ret->pending = true;
        return block_by_number(rpc, head, ret);
    }
    /* A block is final when it is on disk: nobody else makes blocks. */
    if (dam_json_is(node, "latest") || dam_json_is(node, "safe") ||
        dam_json_is(node, "finalized")) {
        return block_by_number(rpc, head, ret);
    }
    if (dam_json_is(node, "earliest")) {
        return block_by_number(rpc, 0, ret);
    }
    if (read_fixed(node, hash.b, 32)) {
        return block_by_hash(rpc, &hash, ret);
    }
    if (node->type == DAM_JSON_NUMBER ? dam_json_u64(node, &number) == DAM_OK
                                      : dam_json_quantity(node, &number) == DAM_OK) {
        return block_by_number(rpc, number, ret);
    }
    return bad(rpc, index, node,
               node->type == DAM_JSON_STRING ? "hex string without 0x prefix"
                                             : "not a block number, tag or hash");
}

bool dam_rpc_block(struct dam_rpc *rpc, size_t index, struct dam_rpc_block *ret)
{
    if (!dam_rpc_block_of(rpc, dam_rpc_param(rpc, index), index, ret)) {
        return false;
    }
    if (!ret->found) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "header not found");
    }
    return ret->found;
}

bool dam_rpc_view(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                  struct dam_builder_view *ret)
{
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    bool newest = block->header.number == chain->head.header.number;
    if (block->header.number < dam_ledger_chain_oldest_state(chain)) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER,
                     "missing trie node: the state of block %" PRIu64
                     " is no longer kept (--history), the oldest is %" PRIu64,
                     block->header.number, dam_ledger_chain_oldest_state(chain));
        return false;
    }
    enum dam_err err =
        dam_ledger_view(rpc->ledger, newest ? DAM_STATE_NEWEST : block->version, ret);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    }
    return err == DAM_OK;
}

enum dam_err dam_rpc_root(const struct dam_rpc *rpc, const struct dam_state *state,
                          struct dam_hash *ret)
{
    if (state->version == DAM_STATE_NEWEST) {
        *ret = rpc->ledger->chain->root;
        return DAM_OK;
    }
    return dam_state_root_before(state->txn, state->version + 1, ret);
}
