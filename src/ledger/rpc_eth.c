// SPDX-License-Identifier: Apache-2.0
/* Reading the chain and its state: the eth_get* methods and fees. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/evm/block.h"
#include "ledger/fees.h"
#include "ledger/rpc.h"

#define FEE_HISTORY_MAX 1024u
#define PERCENTILES_MAX 100u
#define TIP_SUGGESTED 1000000000u /* wei a unit; anybody is first on an empty block */
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
    dam_rpc_put_u256_at(rpc->w, "balance", &account.balance);
    dam_rpc_put_u64_at(rpc->w, "nonce", account.nonce);
    dam_rpc_put_data_at(rpc->w, "code", code);
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

/* ---- fees ------------------------------------------------------------------------------------ */

static struct dam_u256 next_base_fee(struct dam_ledger *ledger)
{
    struct dam_builder_params params;
    dam_ledger_next_params(ledger, &params);
    return params.base_fee != NULL
               ? *params.base_fee
               : dam_fees_next_base(&ledger->chain->rules, &ledger->chain->head.header,
                                    params.timestamp);
}

static struct dam_u256 suggested_tip(const struct dam_ledger *ledger)
{
    return dam_u256_from_u64(ledger->chain->rules.gasless ? 0 : TIP_SUGGESTED);
}

static void eth_gasPrice(struct dam_rpc *rpc)
{
    struct dam_u256 price = next_base_fee(rpc->ledger);
    struct dam_u256 tip = suggested_tip(rpc->ledger);
    (void)dam_u256_add(&price, &price, &tip); /* a base fee is far below 2^256 */
    dam_json_put_quantity_u256(rpc->w, &price);
}

static void eth_maxPriorityFeePerGas(struct dam_rpc *rpc)
{
    struct dam_u256 tip = suggested_tip(rpc->ledger);
    dam_json_put_quantity_u256(rpc->w, &tip);
}

static void eth_baseFee(struct dam_rpc *rpc)
{
    struct dam_u256 fee = next_base_fee(rpc->ledger);
    dam_json_put_quantity_u256(rpc->w, &fee);
}

static void eth_blobBaseFee(struct dam_rpc *rpc)
{
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    struct dam_builder_params params;
    dam_ledger_next_params(rpc->ledger, &params);
    struct dam_blob_params blob = dam_chain_config_blob(&chain->rules.config, params.timestamp);
    uint64_t excess =
        dam_evm_next_excess_blob_gas(&chain->rules.config, &chain->head.header, params.timestamp);
    struct dam_u256 fee = blob.base_fee_update_fraction != 0 ? dam_evm_blob_base_fee(excess, &blob)
                                                             : dam_u256_from_u64(0);
    dam_json_put_quantity_u256(rpc->w, &fee);
}

/* What a block's transactions paid the proposer, for the percentiles of eth_feeHistory. */
struct paid {
    struct dam_u256 tip;
    uint64_t gas;
};

static enum dam_err collect_paid(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                                 struct paid *list)
{
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    for (uint32_t i = 0; i < block->tx_count; i++) {
        struct dam_ledger_chain_receipt receipt;
        struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
        DAM_TRY(dam_ledger_chain_receipt(txn, rpc->arena, block->header.number, i, &receipt));
        struct paid one = {.gas = receipt.gas_used};
        (void)dam_u256_sub(&one.tip, &receipt.gas_price, &block->header.base_fee);
        uint32_t at = i;
        for (; at > 0 && dam_u256_lt(&one.tip, &list[at - 1].tip); at--) {
            list[at] = list[at - 1];
        }
        list[at] = one;
        dam_arena_release(rpc->arena, mark);
    }
    return DAM_OK;
}

static enum dam_err put_rewards(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                                const double *percentiles, size_t count)
{
    struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
    struct paid *list = dam_arena_alloc(rpc->arena, block->tx_count * sizeof(*list) + 1);
    if (list == NULL) {
        return DAM_ENOMEM;
    }
    DAM_TRY(collect_paid(rpc, block, list));
    dam_json_put_array(rpc->w);
    for (size_t i = 0; i < count; i++) {
        struct dam_u256 tip = {{0}};
        uint64_t threshold = (uint64_t)((double)block->header.gas_used * percentiles[i] / 100);
        uint64_t sum = 0;
        for (uint32_t k = 0; k < block->tx_count; k++) {
            sum += list[k].gas;
            tip = list[k].tip;
            if (sum >= threshold) {
                break;
            }
        }
        dam_json_put_quantity_u256(rpc->w, &tip);
    }
    dam_json_put_array_end(rpc->w);
    dam_arena_release(rpc->arena, mark);
    return DAM_OK;
}

static bool read_percentiles(struct dam_rpc *rpc, double *ret, size_t *ret_count)
{
    const struct dam_json *list = dam_rpc_param(rpc, 2);
    size_t count = 0;
    DAM_JSON_EACH(item, list)
    {
        char text[32] = {0};
        if (item->type != DAM_JSON_NUMBER || item->len >= sizeof(text) ||
            count == PERCENTILES_MAX) {
            dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 2: not a list of percentiles");
            return false;
        }
        memcpy(text, item->text, item->len);
        ret[count] = strtod(text, NULL);
        if (ret[count] < 0 || ret[count] > 100 || (count > 0 && ret[count] < ret[count - 1])) {
            dam_rpc_fail(rpc, DAM_RPC_SERVER, "invalid reward percentile: %s", text);
            return false;
        }
        count++;
    }
    *ret_count = count;
    return true;
}

static void put_ratio(struct dam_json_writer *w, uint64_t part, uint64_t whole)
{
    char text[40];
    double ratio = whole > 0 ? (double)part / (double)whole : 0;
    int len = snprintf(text, sizeof(text), "%.17g", ratio);
    for (int digits = 1; digits < 17; digits++) { /* the shortest that reads back the same */
        len = snprintf(text, sizeof(text), "%.*g", digits, ratio);
        if (strtod(text, NULL) == ratio) {
            break;
        }
    }
    dam_json_put_raw(w, text, (size_t)len);
}

static enum dam_err history_of(struct dam_rpc *rpc, uint64_t first, uint64_t last,
                               const double *percentiles, size_t count)
{
    struct dam_ledger *ledger = rpc->ledger;
    const struct dam_ledger_chain *chain = ledger->chain;
    struct dam_store_txn *txn = dam_ledger_chain_reader(ledger->chain);
    static const char *const keys[] = {"baseFeePerGas", "gasUsedRatio", "baseFeePerBlobGas",
                                       "blobGasUsedRatio", "reward"};
    dam_rpc_put_u64_at(rpc->w, "oldestBlock", first);
    for (size_t k = 0; k < (count > 0 ? 5u : 4u); k++) {
        dam_json_put_key(rpc->w, keys[k]);
        dam_json_put_array(rpc->w);
        struct dam_ledger_chain_block block;
        for (uint64_t n = first; n <= last; n++) {
            DAM_TRY(dam_ledger_chain_block(txn, n, &block));
            const struct dam_header *h = &block.header;
            struct dam_blob_params blob = dam_chain_config_blob(&chain->rules.config, h->timestamp);
            struct dam_u256 fee = blob.base_fee_update_fraction != 0
                                      ? dam_evm_blob_base_fee(h->excess_blob_gas, &blob)
                                      : dam_u256_from_u64(0);
            switch (k) {
            case 0:
                dam_json_put_quantity_u256(rpc->w, &h->base_fee);
                break;
            case 1:
                put_ratio(rpc->w, h->gas_used, h->gas_limit);
                break;
            case 2:
                dam_json_put_quantity_u256(rpc->w, &fee);
                break;
            case 3:
                put_ratio(rpc->w, h->blob_gas_used, (uint64_t)blob.max * 131072u);
                break;
            default:
                DAM_TRY(put_rewards(rpc, &block, percentiles, count));
            }
        }
        /* The two fees also tell the block after the last one. */
        uint64_t next = block.header.timestamp + 1;
        struct dam_blob_params blob = dam_chain_config_blob(&chain->rules.config, next);
        if (k == 0) {
            struct dam_u256 fee = dam_fees_next_base(&chain->rules, &block.header, next);
            dam_json_put_quantity_u256(rpc->w, &fee);
        } else if (k == 2) {
            uint64_t excess =
                dam_evm_next_excess_blob_gas(&chain->rules.config, &block.header, next);
            struct dam_u256 fee = blob.base_fee_update_fraction != 0
                                      ? dam_evm_blob_base_fee(excess, &blob)
                                      : dam_u256_from_u64(0);
            dam_json_put_quantity_u256(rpc->w, &fee);
        }
        dam_json_put_array_end(rpc->w);
    }
    return DAM_OK;
}

static void eth_feeHistory(struct dam_rpc *rpc)
{
    uint64_t wanted;
    struct dam_rpc_block last;
    double percentiles[PERCENTILES_MAX];
    size_t count = 0;
    if (!dam_rpc_quantity(rpc, 0, &wanted) ||
        !dam_rpc_block_of(rpc, dam_rpc_param(rpc, 1), 1, &last) ||
        !read_percentiles(rpc, percentiles, &count)) {
        return;
    }
    if (!last.found) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "request beyond head block: head %" PRIu64,
                     rpc->ledger->chain->head.header.number);
        return;
    }
    wanted = wanted > FEE_HISTORY_MAX ? FEE_HISTORY_MAX : wanted;
    uint64_t number = last.block.header.number;
    uint64_t oldest = count > 0 ? dam_ledger_chain_oldest_state(rpc->ledger->chain) : 0;
    wanted = wanted > number - oldest + 1 ? number - oldest + 1 : wanted;
    dam_json_put_object(rpc->w);
    enum dam_err err =
        wanted == 0 ? DAM_OK : history_of(rpc, number + 1 - wanted, number, percentiles, count);
    if (wanted == 0) {
        dam_rpc_put_u64_at(rpc->w, "oldestBlock", 0);
        dam_json_put_key(rpc->w, "gasUsedRatio");
        dam_json_put_array(rpc->w);
        dam_json_put_array_end(rpc->w);
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    dam_json_put_object_end(rpc->w);
}

const struct dam_rpc_method dam_rpc_eth_methods[] = {
    {"eth_chainId", eth_chainId, false},
    {"eth_blockNumber", eth_blockNumber, false},
    {"eth_syncing", eth_syncing, false},
    {"eth_coinbase", eth_coinbase, false},
    {"eth_getBalance", eth_getBalance, false},
    {"eth_getTransactionCount", eth_getTransactionCount, false},
    {"eth_getCode", eth_getCode, false},
    {"eth_getStorageAt", eth_getStorageAt, false},
    {"eth_getStorageValues", eth_getStorageValues, false},
    {"eth_getAccountInfo", eth_getAccountInfo, false},
    {"eth_getBlockByNumber", eth_getBlockByNumber, false},
    {"eth_getBlockByHash", eth_getBlockByHash, false},
    {"eth_getBlockTransactionCountByNumber", eth_getBlockTransactionCount, false},
    {"eth_getBlockTransactionCountByHash", eth_getBlockTransactionCount, false},
    {"eth_getUncleCountByBlockNumber", eth_getUncleCount, false},
    {"eth_getUncleCountByBlockHash", eth_getUncleCount, false},
    {"eth_getUncleByBlockNumberAndIndex", eth_getUncle, false},
    {"eth_getUncleByBlockHashAndIndex", eth_getUncle, false},
    {"eth_getBlockReceipts", eth_getBlockReceipts, false},
    {"eth_getTransactionByHash", eth_getTransactionByHash, false},
    {"eth_getRawTransactionByHash", eth_getRawTransactionByHash, false},
    {"eth_getTransactionByBlockNumberAndIndex", eth_getTransactionByIndex, false},
    {"eth_getTransactionByBlockHashAndIndex", eth_getTransactionByIndex, false},
    {"eth_getRawTransactionByBlockNumberAndIndex", eth_getRawTransactionByIndex, false},
    {"eth_getRawTransactionByBlockHashAndIndex", eth_getRawTransactionByIndex, false},
    {"eth_getTransactionReceipt", eth_getTransactionReceipt, false},
    {"eth_gasPrice", eth_gasPrice, false},
    {"eth_maxPriorityFeePerGas", eth_maxPriorityFeePerGas, false},
    {"eth_baseFee", eth_baseFee, false},
    {"eth_blobBaseFee", eth_blobBaseFee, false},
    {"eth_feeHistory", eth_feeHistory, false},
    {0},
};
