// SPDX-License-Identifier: Apache-2.0
/* Reading the chain and its state: the eth_get* methods. */
#include <inttypes.h>

#include "ledger/rpc.h"

#define STORAGE_VALUES_MAX 1024u

static void eth_chainId(struct dam_rpc *rpc)
{
    dam_json_put_quantity(rpc->w, rpc->ledger->chain->rules.config.chain_id);
}

static void eth_blockNumber(struct dam_rpc *rpc)
{
    dam_json_put_quantity(rpc->w, rpc->ledger->chain->head.header.number);
}

static void eth_syncing(struct dam_rpc *rpc)
{
    dam_json_put_bool(rpc->w, false);
}

static void eth_coinbase(struct dam_rpc *rpc)
{
    dam_rpc_put_address(rpc->w, &rpc->ledger->coinbase);
}

/* ---- state ----------------------------------------------------------------------------------- */

/* The account at a block. false after failing; *ret_found false if it is not there. */
static bool account_at(struct dam_rpc *rpc, size_t block_index, struct dam_account *ret,
                       bool *ret_found, struct dam_builder_view *view)
{
    struct dam_address address;
    struct dam_rpc_block block;
    if (!dam_rpc_address(rpc, 0, &address) || !dam_rpc_block(rpc, block_index, &block) ||
        !dam_rpc_view(rpc, &block.block, view)) {
        return false;
    }
    enum dam_err err = dam_state_account(&view->state, &address, ret);
    *ret_found = err == DAM_OK;
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        dam_rpc_fail_err(rpc, err);
        return false;
    }
    if (!*ret_found) {
        *ret = (struct dam_account){.storage_root = dam_empty_trie_root,
                                    .code_hash = dam_empty_code_hash};
    }
    return true;
}

static void eth_getBalance(struct dam_rpc *rpc)
{
    struct dam_account account;
    struct dam_builder_view view;
    bool found;
    if (account_at(rpc, 1, &account, &found, &view)) {
        dam_json_put_quantity_u256(rpc->w, &account.balance);
    }
}

static void eth_getTransactionCount(struct dam_rpc *rpc)
{
    struct dam_account account;
    struct dam_builder_view view;
    struct dam_address address;
    bool found;
    if (!account_at(rpc, 1, &account, &found, &view)) {
        return;
    }
    uint64_t nonce = account.nonce;
    const struct dam_json *tag = dam_rpc_param(rpc, 1);
    if (tag != NULL && dam_json_is(tag, "pending") && dam_rpc_address(rpc, 0, &address)) {
        nonce = dam_pool_next_nonce(rpc->ledger->pool, &address, nonce);
    }
    dam_json_put_quantity(rpc->w, nonce);
}

static void eth_getCode(struct dam_rpc *rpc)
{
    struct dam_account account;
    struct dam_builder_view view;
    struct dam_bytes code;
    bool found;
    if (!account_at(rpc, 1, &account, &found, &view)) {
        return;
    }
    enum dam_err err = dam_state_code(&view.state, &account.code_hash, &code);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    dam_json_put_data(rpc->w, code.data, code.len);
}

/* A storage key: hex of at most 32 bytes, with as many zeros before it as there are missing. */
static bool read_slot(struct dam_rpc *rpc, const struct dam_json *node, size_t index,
                      struct dam_u256 *ret)
{
    if (node == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "missing value for required argument %zu", index);
        return false;
    }
    bool prefixed = node->type == DAM_JSON_STRING && node->len >= 2 && node->text[0] == '0' &&
                    (node->text[1] | 0x20) == 'x';
    size_t digits = prefixed ? node->len - 2 : node->len;
    if (node->type == DAM_JSON_STRING && digits > 64) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS,
                     "unable to decode storage key: hex string too long, want at most 32 bytes, "
                     "have %zu bytes",
                     (digits + 1) / 2);
        return false;
    }
    if (!prefixed || (digits > 0 && dam_json_quantity_u256(node, ret) != DAM_OK)) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "unable to decode storage key: hex string invalid");
        return false;
    }
    if (digits == 0) {
        *ret = dam_u256_from_u64(0);
    }
    return true;
}

static void put_word(struct dam_json_writer *w, const struct dam_u256 *value)
{
    uint8_t word[32];
    dam_u256_store_be(word, value);
    dam_json_put_data(w, word, sizeof(word));
}

static void eth_getStorageAt(struct dam_rpc *rpc)
{
    struct dam_address address;
    struct dam_u256 key = {{0}};
    struct dam_u256 value;
    struct dam_rpc_block block;
    struct dam_builder_view view;
    if (!dam_rpc_address(rpc, 0, &address) || !read_slot(rpc, dam_rpc_param(rpc, 1), 1, &key) ||
        !dam_rpc_block(rpc, 2, &block) || !dam_rpc_view(rpc, &block.block, &view)) {
        return;
    }
    enum dam_err err = dam_state_storage(&view.state, &address, &key, &value);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    put_word(rpc->w, &value);
}

static bool put_values(struct dam_rpc *rpc, const struct dam_state *state,
                       const struct dam_json *key, size_t *left)
{
    struct dam_address address;
    const struct dam_json *slots = key + 1;
    if (key->len != 42 || dam_json_hex_exact(key, address.b, 20) != DAM_OK ||
        slots->type != DAM_JSON_ARRAY) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 0: not {address: [slots]}");
        return false;
    }
    char text[43] = "0x";
    struct dam_buf name;
    dam_buf_init_fixed(&name, text + 2, 40);
    dam_buf_put_hex(&name, address.b, 20);
    text[42] = '\0';
    dam_json_put_key(rpc->w, text);
    dam_json_put_array(rpc->w);
    DAM_JSON_EACH(slot, slots)
    {
        struct dam_u256 at = {{0}};
        struct dam_u256 value;
        if ((*left)-- == 0) {
            dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "too many slots (max %u)", STORAGE_VALUES_MAX);
            return false;
        }
        if (!read_slot(rpc, slot, 0, &at) ||
            dam_state_storage(state, &address, &at, &value) != DAM_OK) {
            return false;
        }
        put_word(rpc->w, &value);
    }
    dam_json_put_array_end(rpc->w);
    return true;
}

static void eth_getStorageValues(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_builder_view view;
    size_t left = STORAGE_VALUES_MAX;
    const struct dam_json *wanted = dam_rpc_param(rpc, 0);
    if (wanted == NULL || wanted->type != DAM_JSON_OBJECT || wanted->count == 0) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "empty request");
        return;
    }
    if (!dam_rpc_block(rpc, 1, &block) || !dam_rpc_view(rpc, &block.block, &view)) {
        return;
    }
    dam_json_put_object(rpc->w);
    DAM_JSON_EACH_KEY(key, wanted)
    {
        if (!put_values(rpc, &view.state, key, &left)) {
            dam_rpc_fail(rpc, DAM_RPC_INTERNAL, "the state cannot be read");
            return;
        }
    }
    dam_json_put_object_end(rpc->w);
}

static void eth_getAccount(struct dam_rpc *rpc)
{
    struct dam_account account;
    struct dam_builder_view view;
    bool found;
    if (!account_at(rpc, 1, &account, &found, &view)) {
        return;
    }
    dam_json_put_object(rpc->w);
    dam_json_put_quantity_u256_at(rpc->w, "balance", &account.balance);
    dam_rpc_put_hash_at(rpc->w, "codeHash", &account.code_hash);
    dam_json_put_quantity_at(rpc->w, "nonce", account.nonce);
    dam_rpc_put_hash_at(rpc->w, "storageRoot", &account.storage_root);
    dam_json_put_object_end(rpc->w);
}

static void eth_getAccountInfo(struct dam_rpc *rpc)
{
    struct dam_account account;
    struct dam_builder_view view;
    struct dam_bytes code;
    bool found;
    if (!account_at(rpc, 1, &account, &found, &view)) {
        return;
    }
    if (dam_state_code(&view.state, &account.code_hash, &code) != DAM_OK) {
        dam_rpc_fail(rpc, DAM_RPC_INTERNAL, "the code cannot be read");
        return;
    }
    dam_json_put_object(rpc->w);
    dam_json_put_quantity_u256_at(rpc->w, "balance", &account.balance);
    dam_json_put_quantity_at(rpc->w, "nonce", account.nonce);
    dam_json_put_data_at(rpc->w, "code", code);
    dam_json_put_object_end(rpc->w);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void put_found_block(struct dam_rpc *rpc, const struct dam_rpc_block *block)
{
    bool full;
    if (!dam_rpc_bool(rpc, 1, false, &full)) {
        return;
    }
    if (!block->found) {
        dam_json_put_null(rpc->w);
        return;
    }
    enum dam_err err = dam_rpc_put_block(rpc, &block->block, full);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    }
}

static void eth_getBlockByNumber(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    if (dam_rpc_param(rpc, 0) == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "missing value for required argument 0");
    } else if (dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block)) {
        put_found_block(rpc, &block);
    }
}

static void eth_getBlockByHash(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_hash hash;
    if (dam_rpc_hash(rpc, 0, &hash) && dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block)) {
        put_found_block(rpc, &block);
    }
}

static void put_found_header(struct dam_rpc *rpc, const struct dam_rpc_block *block)
{
    if (!block->found) {
        dam_json_put_null(rpc->w);
        return;
    }
    dam_json_put_object(rpc->w);
    dam_rpc_put_header_members(rpc->w, &block->block.header, &block->block.hash);
    dam_json_put_object_end(rpc->w);
}

static void eth_getHeaderByNumber(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    if (dam_rpc_param(rpc, 0) == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "missing value for required argument 0");
    } else if (dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block)) {
        put_found_header(rpc, &block);
    }
}

static void eth_getHeaderByHash(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_hash hash;
    if (dam_rpc_hash(rpc, 0, &hash) && dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block)) {
        put_found_header(rpc, &block);
    }
}

static void eth_getBlockTransactionCount(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    if (!dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block)) {
        return;
    }
    if (block.found) {
        dam_json_put_quantity(rpc->w, block.block.tx_count);
    } else {
        dam_json_put_null(rpc->w);
    }
}

static void eth_getUncleCount(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    size_t count = 0;
    if (!dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block)) {
        return;
    }
    struct dam_rlp whole = dam_rlp(block.block.uncles);
    struct dam_rlp list;
    if (!block.found) {
        dam_json_put_null(rpc->w);
    } else if (dam_rlp_list(&whole, &list) == DAM_OK && dam_rlp_count(&list, &count) == DAM_OK) {
        dam_json_put_quantity(rpc->w, count);
    } else {
        dam_rpc_fail_err(rpc, DAM_ECORRUPT);
    }
}

static void eth_getUncle(struct dam_rpc *rpc)
{
    dam_json_put_null(
        rpc->w); /* only imported proof-of-work blocks have any, and not their bodies */
}

static void eth_getBlockReceipts(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    if (!dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block)) {
        return;
    }
    if (!block.found) {
        dam_json_put_null(rpc->w);
        return;
    }
    dam_json_put_array(rpc->w);
    for (uint32_t i = 0; i < block.block.tx_count; i++) {
        enum dam_err err = dam_rpc_put_receipt(rpc, &block.block, i);
        if (err != DAM_OK) {
            dam_rpc_fail_err(rpc, err);
            return;
        }
    }
    dam_json_put_array_end(rpc->w);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void put_stored_tx(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                          uint32_t index, bool raw)
{
    struct dam_ledger_chain_tx tx;
    struct dam_tx decoded;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    enum dam_err err =
        txn != NULL ? dam_ledger_chain_tx(txn, block->header.number, index, &tx) : DAM_EIO;
    if (err == DAM_ENOTFOUND) {
        dam_json_put_null(rpc->w);
        return;
    }
    if (err == DAM_OK && raw) {
        dam_json_put_data(rpc->w, tx.bytes.data, tx.bytes.len);
        return;
    }
    if (err == DAM_OK) {
        err = dam_tx_decode(rpc->arena, tx.bytes, &decoded, NULL);
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    struct dam_rpc_place place = {block, index};
    dam_rpc_put_tx(rpc->w, &decoded, &tx.hash, &tx.sender, &place);
}

/* Where a transaction is. Returns: DAM_ENOTFOUND if it is in no block. */
static enum dam_err locate(struct dam_rpc *rpc, const struct dam_hash *hash,
                           struct dam_ledger_chain_block *ret, uint32_t *ret_index)
{
    uint64_t number = 0;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    if (txn == NULL) {
        return DAM_EIO;
    }
    DAM_TRY(dam_ledger_chain_find_tx(txn, hash, &number, ret_index));
    return dam_ledger_chain_block(txn, number, ret);
}

static void transaction_by_hash(struct dam_rpc *rpc, bool raw)
{
    struct dam_hash hash;
    struct dam_ledger_chain_block block;
    struct dam_tx decoded;
    uint32_t index;
    if (!dam_rpc_hash(rpc, 0, &hash)) {
        return;
    }
    enum dam_err err = locate(rpc, &hash, &block, &index);
    if (err == DAM_OK) {
        put_stored_tx(rpc, &block, index, raw);
        return;
    }
    const struct dam_pool_tx *waiting =
        err == DAM_ENOTFOUND ? dam_pool_find(rpc->ledger->pool, &hash) : NULL;
    if (waiting != NULL && raw) {
        dam_json_put_data(rpc->w, waiting->bytes, waiting->len);
    } else if (waiting != NULL && dam_tx_decode(rpc->arena, dam_bytes(waiting->bytes, waiting->len),
                                                &decoded, NULL) == DAM_OK) {
        dam_rpc_put_tx(rpc->w, &decoded, &hash, &waiting->sender, NULL);
    } else if (err == DAM_ENOTFOUND) {
        dam_json_put_null(rpc->w);
    } else {
        dam_rpc_fail_err(rpc, err);
    }
}

static void eth_getTransactionByHash(struct dam_rpc *rpc)
{
    transaction_by_hash(rpc, false);
}

static void eth_getRawTransactionByHash(struct dam_rpc *rpc)
{
    transaction_by_hash(rpc, true);
}

static void transaction_by_index(struct dam_rpc *rpc, bool raw)
{
    struct dam_rpc_block block;
    uint64_t index;
    if (!dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block) ||
        !dam_rpc_quantity(rpc, 1, &index)) {
        return;
    }
    if (block.found && index < block.block.tx_count) {
        put_stored_tx(rpc, &block.block, (uint32_t)index, raw);
    } else {
        dam_json_put_null(rpc->w);
    }
}

static void eth_getTransactionByIndex(struct dam_rpc *rpc)
{
    transaction_by_index(rpc, false);
}

static void eth_getRawTransactionByIndex(struct dam_rpc *rpc)
{
    transaction_by_index(rpc, true);
}

static void eth_getTransactionReceipt(struct dam_rpc *rpc)
{
    struct dam_hash hash;
    struct dam_ledger_chain_block block;
    uint32_t index;
    if (!dam_rpc_hash(rpc, 0, &hash)) {
        return;
    }
    enum dam_err err = locate(rpc, &hash, &block, &index);
    if (err == DAM_OK) {
        err = dam_rpc_put_receipt(rpc, &block, index);
    }
    if (err == DAM_ENOTFOUND) {
        dam_json_put_null(rpc->w);
    } else if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    }
}

static enum dam_err nonce_at(struct dam_rpc *rpc, uint64_t number,
                             const struct dam_address *address, uint64_t *ret)
{
    struct dam_ledger_chain_block block;
    struct dam_builder_view view;
    struct dam_account account = {0};
    DAM_TRY(dam_ledger_chain_block(dam_ledger_chain_reader(rpc->ledger->chain), number, &block));
    if (!dam_rpc_view(rpc, &block, &view)) {
        return DAM_EIO;
    }
    enum dam_err err = dam_state_account(&view.state, address, &account);
    *ret = err == DAM_OK ? account.nonce : 0;
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

/* The first block after which the sender's nonce is above `nonce`; its state must be kept. */
static enum dam_err block_of_nonce(struct dam_rpc *rpc, const struct dam_address *address,
                                   uint64_t nonce, uint64_t *ret)
{
    uint64_t low = dam_ledger_chain_oldest_state(rpc->ledger->chain);
    uint64_t high = rpc->ledger->chain->head.header.number;
    uint64_t at = 0;
    DAM_TRY(nonce_at(rpc, high, address, &at));
    if (at <= nonce) {
        return DAM_ENOTFOUND;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        DAM_TRY(nonce_at(rpc, middle, address, &at));
        *(at > nonce ? &high : &low) = at > nonce ? middle : middle + 1;
    }
    *ret = low;
    return DAM_OK;
}

static enum dam_err put_tx_of_nonce(struct dam_rpc *rpc, const struct dam_address *address,
                                    uint64_t nonce)
{
    struct dam_ledger_chain_block block;
    uint64_t number;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    DAM_TRY(block_of_nonce(rpc, address, nonce, &number));
    DAM_TRY(dam_ledger_chain_block(txn, number, &block));
    for (uint32_t i = 0; i < block.tx_count; i++) {
        struct dam_ledger_chain_tx row;
        struct dam_tx tx;
        struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
        DAM_TRY(dam_ledger_chain_tx(txn, number, i, &row));
        DAM_TRY(dam_tx_decode(rpc->arena, row.bytes, &tx, NULL));
        bool found = tx.nonce == nonce && dam_address_eq(&row.sender, address);
        dam_arena_release(rpc->arena, mark);
        if (found) {
            put_stored_tx(rpc, &block, i, false);
            return DAM_OK;
        }
    }
    return DAM_ENOTFOUND; /* the nonce moved by an authorization or a development method */
}

static void eth_getTransactionBySenderAndNonce(struct dam_rpc *rpc)
{
    struct dam_address address;
    uint64_t nonce;
    if (!dam_rpc_address(rpc, 0, &address) || !dam_rpc_quantity(rpc, 1, &nonce)) {
        return;
    }
    enum dam_err err = put_tx_of_nonce(rpc, &address, nonce);
    if (err == DAM_OK || rpc->error_code != 0) {
        return;
    }
    const struct dam_pool_tx *waiting = dam_pool_of(rpc->ledger->pool, &address);
    while (waiting != NULL && waiting->nonce != nonce) {
        waiting = waiting->next;
    }
    struct dam_tx tx;
    if (err != DAM_ENOTFOUND) {
        dam_rpc_fail_err(rpc, err);
    } else if (waiting != NULL && dam_tx_decode(rpc->arena, dam_bytes(waiting->bytes, waiting->len),
                                                &tx, NULL) == DAM_OK) {
        dam_rpc_put_tx(rpc->w, &tx, &waiting->hash, &waiting->sender, NULL);
    } else {
        dam_json_put_null(rpc->w);
    }
}

const struct dam_rpc_method dam_rpc_eth_methods[] = {
    {"eth_chainId", eth_chainId, false},
    {"eth_blockNumber", eth_blockNumber, false},
    {"eth_syncing", eth_syncing, false},
    {"eth_coinbase", eth_coinbase, false},
    {"eth_getBalance", eth_getBalance, false, DAM_RPC_LOOP, 2},
    {"eth_getTransactionCount", eth_getTransactionCount, false, DAM_RPC_LOOP, 2},
    {"eth_getCode", eth_getCode, false, DAM_RPC_LOOP, 2},
    {"eth_getStorageAt", eth_getStorageAt, false, DAM_RPC_LOOP, 3},
    {"eth_getStorageValues", eth_getStorageValues, false, DAM_RPC_LOOP, 2},
    {"eth_getAccountInfo", eth_getAccountInfo, false, DAM_RPC_LOOP, 2},
    {"eth_getAccount", eth_getAccount, false, DAM_RPC_LOOP, 2},
    {"eth_getHeaderByNumber", eth_getHeaderByNumber, false, DAM_RPC_LOOP, 1},
    {"eth_getHeaderByHash", eth_getHeaderByHash, false, DAM_RPC_LOOP, 1},
    {"eth_getTransactionBySenderAndNonce", eth_getTransactionBySenderAndNonce, false, DAM_RPC_LOOP,
     2},
    {"eth_getBlockByNumber", eth_getBlockByNumber, false, DAM_RPC_LOOP, 2},
    {"eth_getBlockByHash", eth_getBlockByHash, false, DAM_RPC_LOOP, 2},
    {"eth_getBlockTransactionCountByNumber", eth_getBlockTransactionCount, false, DAM_RPC_LOOP, 1},
    {"eth_getBlockTransactionCountByHash", eth_getBlockTransactionCount, false, DAM_RPC_LOOP, 1},
    {"eth_getUncleCountByBlockNumber", eth_getUncleCount, false, DAM_RPC_LOOP, 1},
    {"eth_getUncleCountByBlockHash", eth_getUncleCount, false, DAM_RPC_LOOP, 1},
    {"eth_getUncleByBlockNumberAndIndex", eth_getUncle, false, DAM_RPC_LOOP, 2},
    {"eth_getUncleByBlockHashAndIndex", eth_getUncle, false, DAM_RPC_LOOP, 2},
    {"eth_getBlockReceipts", eth_getBlockReceipts, false, DAM_RPC_LOOP, 1},
    {"eth_getTransactionByHash", eth_getTransactionByHash, false, DAM_RPC_LOOP, 1},
    {"eth_getRawTransactionByHash", eth_getRawTransactionByHash, false, DAM_RPC_LOOP, 1},
    {"eth_getTransactionByBlockNumberAndIndex", eth_getTransactionByIndex, false, DAM_RPC_LOOP, 2},
    {"eth_getTransactionByBlockHashAndIndex", eth_getTransactionByIndex, false, DAM_RPC_LOOP, 2},
    {"eth_getRawTransactionByBlockNumberAndIndex", eth_getRawTransactionByIndex, false,
     DAM_RPC_LOOP, 2},
    {"eth_getRawTransactionByBlockHashAndIndex", eth_getRawTransactionByIndex, false, DAM_RPC_LOOP,
     2},
    {"eth_getTransactionReceipt", eth_getTransactionReceipt, false, DAM_RPC_LOOP, 1},
    {0},
};
