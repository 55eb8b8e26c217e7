// SPDX-License-Identifier: Apache-2.0
/* debug_*: raw records and traces; eth_getProof. */
#include <inttypes.h>
#include <stdio.h>

#include "core/crypto/keccak.h"
#include "ledger/rpc.h"
#include "ledger/tracer.h"

#define MODIFIED_BLOCKS_MAX 10000u
#define RAW_LEN_MAX ((size_t)256 << 20)

/* ---- raw records ----------------------------------------------------------------------------- */

static void put_buf(struct dam_rpc *rpc, struct dam_buf *buf, enum dam_err err)
{
    if (err == DAM_OK) {
        err = dam_buf_err(buf);
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else {
        dam_json_put_data(rpc->w, buf->data, buf->len);
    }
}

static void debug_getRawHeader(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_buf buf;
    if (dam_rpc_block(rpc, 0, &block)) {
        dam_buf_init_arena(&buf, rpc->arena, RAW_LEN_MAX);
        dam_header_encode(&block.block.header, &buf);
        put_buf(rpc, &buf, DAM_OK);
    }
}

static void debug_getRawBlock(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_buf buf;
    if (dam_rpc_block(rpc, 0, &block)) {
        dam_buf_init_arena(&buf, rpc->arena, RAW_LEN_MAX);
        put_buf(rpc, &buf,
                dam_ledger_chain_block_rlp(dam_ledger_chain_reader(rpc->ledger->chain),
                                           block.block.header.number, &buf));
    }
}

static void debug_getRawReceipts(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    if (!dam_rpc_block(rpc, 0, &block)) {
        return;
    }
    dam_json_put_array(rpc->w);
    for (uint32_t i = 0; i < block.block.tx_count; i++) {
        struct dam_ledger_chain_receipt from;
        struct dam_buf buf;
        struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
        enum dam_err err =
            dam_ledger_chain_receipt(txn, rpc->arena, block.block.header.number, i, &from);
        struct dam_receipt receipt = {.type = from.type,
                                      .has_state_root = from.has_state_root,
                                      .succeeded = from.succeeded,
                                      .state_root = from.state_root,
                                      .cumulative_gas_used = from.cumulative_gas_used,
                                      .logs = from.logs,
                                      .log_count = from.log_count};
        dam_buf_init_arena(&buf, rpc->arena, RAW_LEN_MAX);
        if (err == DAM_OK) {
            dam_logs_bloom(receipt.logs, receipt.log_count, &receipt.bloom);
            dam_receipt_encode(&receipt, &buf);
        }
        put_buf(rpc, &buf, err);
        dam_arena_release(rpc->arena, mark);
        if (rpc->error_code != 0) {
            return;
        }
    }
    dam_json_put_array_end(rpc->w);
}

static void debug_getRawTransaction(struct dam_rpc *rpc)
{
    struct dam_hash hash;
    struct dam_ledger_chain_tx tx;
    uint64_t number;
    uint32_t index;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    if (!dam_rpc_hash(rpc, 0, &hash)) {
        return;
    }
    enum dam_err err = dam_ledger_chain_find_tx(txn, &hash, &number, &index);
    if (err == DAM_OK) {
        err = dam_ledger_chain_tx(txn, number, index, &tx);
    }
    if (err == DAM_ENOTFOUND) {
        dam_json_put_data(rpc->w, NULL, 0);
    } else if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else {
        dam_json_put_data(rpc->w, tx.bytes.data, tx.bytes.len);
    }
}

static void debug_codeByHash(struct dam_rpc *rpc)
{
    struct dam_hash hash;
    struct dam_bytes code = {0};
    const struct dam_state state = {.txn = dam_ledger_chain_reader(rpc->ledger->chain),
                                    .version = DAM_STATE_NEWEST};
    if (!dam_rpc_hash(rpc, 0, &hash)) {
        return;
    }
    enum dam_err err = dam_state_code(&state, &hash, &code);
    if (err != DAM_OK && err != DAM_ENOTFOUND && err != DAM_ECORRUPT) {
        dam_rpc_fail_err(rpc, err);
    } else {
        dam_json_put_data(rpc->w, code.data, err == DAM_OK ? code.len : 0);
    }
}

/* A block that is not valid is never kept. */
static void debug_getBadBlocks(struct dam_rpc *rpc)
{
    dam_json_put_array(rpc->w);
    dam_json_put_array_end(rpc->w);
}

static void put_changed(void *ctx, const struct dam_address *address)
{
    dam_rpc_put_address(ctx, address);
}

/* What the blocks behind `first` up to `last` changed; an account once a block. */
static void put_modified(struct dam_rpc *rpc, const struct dam_ledger_chain_block *first,
                         const struct dam_ledger_chain_block *last)
{
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    enum dam_err err = DAM_OK;
    if (first->header.number >= last->header.number) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER,
                     "start block height (%" PRIu64 ") must be less than end block height (%" PRIu64
                     ")",
                     first->header.number, last->header.number);
        return;
    }
    if (last->header.number - first->header.number > MODIFIED_BLOCKS_MAX) {
        dam_rpc_fail(rpc, DAM_RPC_LIMIT, "more than %u blocks", MODIFIED_BLOCKS_MAX);
        return;
    }
    dam_json_put_array(rpc->w);
    for (uint64_t v = first->version + 1;
         err == DAM_OK && v <= last->version && !dam_rpc_is_over(rpc); v++) {
        struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
        err = dam_state_each_changed(txn, rpc->arena, v, put_changed, rpc->w);
        dam_arena_release(rpc->arena, mark);
    }
    dam_json_put_array_end(rpc->w);
    if (err == DAM_ENOTFOUND) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "missing trie node: those states are no longer kept");
    } else if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    }
}

/* One block: what it changed. Two: what those behind the first did, up to the second. */
static void debug_getModifiedAccounts(struct dam_rpc *rpc)
{
    struct dam_rpc_block first;
    struct dam_rpc_block last;
    if (dam_rpc_param(rpc, 0) == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "missing value for required argument 0");
        return;
    }
    if (!dam_rpc_block(rpc, 0, &first)) {
        return;
    }
    if (dam_rpc_param(rpc, 1) != NULL) {
        if (dam_rpc_block(rpc, 1, &last)) {
            put_modified(rpc, &first.block, &last.block);
        }
        return;
    }
    last = first;
    if (last.block.header.number == 0) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "block 0 has no parent");
        return;
    }
    enum dam_err err = dam_ledger_chain_block(dam_ledger_chain_reader(rpc->ledger->chain),
                                              last.block.header.number - 1, &first.block);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else {
        put_modified(rpc, &first.block, &last.block);
    }
}

/* ---- proofs ---------------------------------------------------------------------------------- */

static enum dam_err put_proof(struct dam_rpc *rpc, struct dam_trie *trie,
                              const struct dam_hash *hashed)
{
    struct dam_trie_proof *proof = dam_arena_alloc(rpc->arena, sizeof(*proof));
    if (proof == NULL) {
        return DAM_ENOMEM;
    }
    DAM_TRY(dam_trie_prove(trie, dam_bytes(hashed->b, 32), proof));
    dam_json_put_array(rpc->w);
    for (size_t i = 0; i < proof->count; i++) {
        dam_json_put_data(rpc->w, proof->nodes[i].data, proof->nodes[i].len);
    }
    dam_json_put_array_end(rpc->w);
    return DAM_OK;
}

/* A storage key keeps the form in which it was asked for: 32 bytes stay whole, others are
 * quantities. */
static bool put_storage_proof(struct dam_rpc *rpc, const struct dam_state *state,
                              const struct dam_address *address, struct dam_trie *trie,
                              const struct dam_json *key)
{
    struct dam_u256 slot;
    struct dam_u256 value;
    struct dam_hash hashed;
    uint8_t word[32];
    if (dam_json_quantity_u256(key, &slot) != DAM_OK || key->len > 66) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS,
                     "invalid argument 1: a storage key is not hex of at "
                     "most 32 bytes");
        return false;
    }
    dam_u256_store_be(word, &slot);
    dam_keccak256(word, sizeof(word), &hashed);
    dam_json_put_object(rpc->w);
    dam_json_put_key(rpc->w, "key");
    if (key->len == 66) {
        dam_json_put_data(rpc->w, word, sizeof(word));
    } else {
        dam_json_put_quantity_u256(rpc->w, &slot);
    }
    enum dam_err err = dam_state_storage(state, address, &slot, &value);
    dam_json_put_quantity_u256_at(rpc->w, "value", &value);
    dam_json_put_key(rpc->w, "proof");
    if (err == DAM_OK) {
        err = put_proof(rpc, trie, &hashed);
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return false;
    }
    dam_json_put_object_end(rpc->w);
    return true;
}

static void put_account_proof(struct dam_rpc *rpc, const struct dam_address *address,
                              const struct dam_state *state, const struct dam_hash *root)
{
    struct dam_state_nodes nodes;
    struct dam_trie trie;
    struct dam_hash hashed;
    struct dam_account account = {.storage_root = dam_empty_trie_root,
                                  .code_hash = dam_empty_code_hash};
    enum dam_err err = dam_state_account(state, address, &account);
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    dam_keccak256(address->b, 20, &hashed);
    dam_state_nodes_init(&nodes, state->txn, NULL, state->version);
    dam_trie_init(&trie, rpc->arena, &nodes.vtable, root);
    dam_json_put_object(rpc->w);
    dam_rpc_put_address_at(rpc->w, "address", address);
    dam_json_put_key(rpc->w, "accountProof");
    err = put_proof(rpc, &trie, &hashed);
    dam_json_put_quantity_u256_at(rpc->w, "balance", &account.balance);
    dam_rpc_put_hash_at(rpc->w, "codeHash", &account.code_hash);
    dam_json_put_quantity_at(rpc->w, "nonce", account.nonce);
    dam_rpc_put_hash_at(rpc->w, "storageHash", &account.storage_root);
    dam_json_put_key(rpc->w, "storageProof");
    dam_json_put_array(rpc->w);
    struct dam_state_nodes slots;
    struct dam_trie storage;
    dam_state_nodes_init(&slots, state->txn, address, state->version);
    dam_trie_init(&storage, rpc->arena, &slots.vtable, &account.storage_root);
    const struct dam_json *keys = dam_rpc_param(rpc, 1);
    DAM_JSON_EACH(key, keys)
    {
        if (err == DAM_OK && !put_storage_proof(rpc, state, address, &storage, key)) {
            return;
        }
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    dam_json_put_array_end(rpc->w);
    dam_json_put_object_end(rpc->w);
}

static void eth_getProof(struct dam_rpc *rpc)
{
    struct dam_hash root;
    struct dam_address address;
    struct dam_rpc_block block;
    struct dam_builder_view view;
    if (!dam_rpc_address(rpc, 0, &address) || !dam_rpc_block(rpc, 2, &block) ||
        !dam_rpc_view(rpc, &block.block, &view)) {
        return;
    }
    enum dam_err err = dam_rpc_root(rpc, &view.state, &root);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else {
        put_account_proof(rpc, &address, &view.state, &root);
    }
}

const struct dam_rpc_method dam_rpc_debug_methods[] = {
    {"eth_getProof", eth_getProof, false, DAM_RPC_WORKER, 3},
    {"debug_getRawHeader", debug_getRawHeader, false, DAM_RPC_LOOP, 1},
    {"debug_getRawBlock", debug_getRawBlock, false, DAM_RPC_LOOP, 1},
    {"debug_getRawReceipts", debug_getRawReceipts, false, DAM_RPC_LOOP, 1},
    {"debug_getRawTransaction", debug_getRawTransaction, false, DAM_RPC_LOOP, 1},
    {"debug_codeByHash", debug_codeByHash, false, DAM_RPC_LOOP, 1},
    {"debug_getBadBlocks", debug_getBadBlocks, false},
    {"debug_getModifiedAccountsByNumber", debug_getModifiedAccounts, false, DAM_RPC_WORKER, 2},
    {"debug_getModifiedAccountsByHash", debug_getModifiedAccounts, false, DAM_RPC_WORKER, 2},
    {"debug_traceTransaction", dam_trace_transaction, false, DAM_RPC_WORKER, 2},
    {"debug_traceCall", dam_trace_call, false, DAM_RPC_WORKER, 3},
    {"debug_traceBlock", dam_trace_block, false, DAM_RPC_WORKER, 2},
    {"debug_storageRangeAt", dam_trace_storage_range, false, DAM_RPC_WORKER, 5},
    {"debug_traceBlockByNumber", dam_trace_block_by_number, false, DAM_RPC_WORKER, 2},
    {"debug_traceBlockByHash", dam_trace_block_by_hash, false, DAM_RPC_WORKER, 2},
    {0},
};
