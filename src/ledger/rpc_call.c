// SPDX-License-Identifier: Apache-2.0
/* Running code without a transaction: eth_call, eth_estimateGas, eth_createAccessList, with state
 * and block overrides. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "core/crypto/keccak.h"
#include "core/eth/address.h"
#include "core/evm/block.h"
#include "ledger/rpc.h"
#include "ledger/touch.h"
#include "ledger/tracers.h"

#define GAS_TX 21000u
#define ACCESS_ROUNDS_MAX 16u

/* ---- call objects ---------------------------------------------------------------------------- */

static bool read_access_list(struct dam_rpc *rpc, const struct dam_json *list,
                             struct dam_evm_tx *ret)
{
    if (dam_json_is_null(list)) {
        return true;
    }
    struct dam_evm_access *entries =
        dam_arena_zalloc(rpc->arena, (size_t)list->count * sizeof(*entries) + 1);
    size_t count = 0;
    bool good = list->type == DAM_JSON_ARRAY && entries != NULL;
    DAM_JSON_EACH(item, list)
    {
        const struct dam_json *keys = dam_json_get(item, "storageKeys");
        struct dam_hash *hashes = dam_arena_alloc(
            rpc->arena, (keys != NULL ? (size_t)keys->count : 0) * sizeof(*hashes) + 1);
        good = good && hashes != NULL &&
               dam_json_hex_exact(dam_json_get(item, "address"), entries[count].address.b, 20) ==
                   DAM_OK;
        size_t key_count = 0;
        DAM_JSON_EACH(key, keys)
        {
            good = good && dam_json_hex_exact(key, hashes[key_count].b, 32) == DAM_OK;
            key_count += good;
        }
        if (!good) {
            break;
        }
        entries[count].keys = hashes;
        entries[count++].key_count = key_count;
    }
    if (!good) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS,
                     "invalid argument 0: accessList: not a list of "
                     "{address, storageKeys}");
        return false;
    }
    ret->access = entries;
    ret->access_count = count;
    ret->type = ret->type < 1 ? 1 : ret->type;
    return true;
}

static bool read_authorizations(struct dam_rpc *rpc, const struct dam_json *list,
                                struct dam_rpc_call *call)
{
    struct dam_evm_tx *ret = &call->tx;
    if (dam_json_is_null(list)) {
        return true;
    }
    struct dam_evm_authorization *entries =
        dam_arena_zalloc(rpc->arena, (size_t)list->count * sizeof(*entries) + 1);
    struct dam_authorization *given =
        dam_arena_zalloc(rpc->arena, (size_t)list->count * sizeof(*given) + 1);
    size_t count = 0;
    if (entries == NULL || given == NULL) {
        dam_rpc_fail_err(rpc, DAM_ENOMEM);
        return false;
    }
    DAM_JSON_EACH(item, list)
    {
        struct dam_authorization a = {0};
        uint64_t parity = 0;
        bool has;
        if (!dam_rpc_member_u256(rpc, item, "chainId", &a.chain_id, &has) ||
            !dam_rpc_member_address(rpc, item, "address", &a.address, &has) ||
            !dam_rpc_member_u64(rpc, item, "nonce", &a.nonce, &has) ||
            !dam_rpc_member_u64(rpc, item, "yParity", &parity, &has) ||
            !dam_rpc_member_u256(rpc, item, "r", &a.r, &has) ||
            !dam_rpc_member_u256(rpc, item, "s", &a.s, &has)) {
            return false;
        }
        a.y_parity = (uint8_t)(parity > 255 ? 255 : parity);
        given[count] = a;
        entries[count++] = dam_evm_authorization_from(&a);
    }
    call->authorizations = given;
    ret->authorizations = entries;
    ret->authorization_count = count;
    ret->type = 4;
    return true;
}

static bool read_blobs(struct dam_rpc *rpc, const struct dam_json *list, struct dam_evm_tx *ret)
{
    if (dam_json_is_null(list)) {
        return true;
    }
    struct dam_hash *hashes = dam_arena_alloc(rpc->arena, (size_t)list->count * 32 + 1);
    size_t count = 0;
    DAM_JSON_EACH(item, list)
    {
        if (hashes == NULL || dam_json_hex_exact(item, hashes[count++].b, 32) != DAM_OK) {
            dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 0: blobVersionedHashes");
            return false;
        }
    }
    ret->blob_hashes = hashes;
    ret->blob_hash_count = count;
    ret->type = 3;
    return true;
}

static bool read_data_fields(struct dam_rpc *rpc, const struct dam_json *node,
                             struct dam_evm_tx *tx)
{
    struct dam_bytes data = {0};
    bool has_data;
    bool has_input;
    if (!dam_rpc_member_data(rpc, node, "data", &data, &has_data) ||
        !dam_rpc_member_data(rpc, node, "input", &tx->data, &has_input)) {
        return false;
    }
    if (has_data && has_input && !dam_bytes_eq(data, tx->data)) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER,
                     "both \"data\" and \"input\" are set and not equal. Please use \"input\" to "
                     "pass transaction call data");
        return false;
    }
    if (has_data && !has_input) {
        tx->data = data;
    }
    return true;
}

bool dam_rpc_read_call(struct dam_rpc *rpc, const struct dam_json *node, struct dam_rpc_call *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct dam_evm_tx *tx = &ret->tx;
    struct dam_u256 gas_price = {{0}};
    bool has_blob_fee;
    if (node == NULL || node->type != DAM_JSON_OBJECT) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "missing value for required argument 0");
        return false;
    }
    if (!dam_rpc_member_address(rpc, node, "from", &tx->sender, &ret->has_from) ||
        !dam_rpc_member_address(rpc, node, "to", &tx->to, &ret->has_to) ||
        !dam_rpc_member_u64(rpc, node, "gas", &tx->gas_limit, &ret->has_gas) ||
        !dam_rpc_member_u256(rpc, node, "gasPrice", &gas_price, &ret->has_gas_price) ||
        !dam_rpc_member_u256(rpc, node, "maxFeePerGas", &tx->gas_price_max, &ret->has_max_fee) ||
        !dam_rpc_member_u256(rpc, node, "maxPriorityFeePerGas", &tx->priority_fee_max,
                             &ret->has_priority_fee) ||
        !dam_rpc_member_u256(rpc, node, "value", &tx->value, &ret->has_value) ||
        !dam_rpc_member_u64(rpc, node, "nonce", &tx->nonce, &ret->has_nonce) ||
        !dam_rpc_member_u64(rpc, node, "chainId", &tx->chain_id, &ret->has_chain_id) ||
        !dam_rpc_member_u256(rpc, node, "maxFeePerBlobGas", &tx->blob_fee_max, &has_blob_fee) ||
        !read_data_fields(rpc, node, tx)) {
        return false;
    }
    if (ret->has_gas_price && (ret->has_max_fee || ret->has_priority_fee)) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER,
                     "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
        return false;
    }
    tx->has_chain_id = ret->has_chain_id;
    tx->create = !ret->has_to;
    if (ret->has_gas_price) {
        tx->gas_price_max = tx->priority_fee_max = gas_price;
    } else if (ret->has_max_fee || ret->has_priority_fee) {
        tx->type = 2;
    }
    return read_access_list(rpc, dam_json_get(node, "accessList"), tx) &&
           read_blobs(rpc, dam_json_get(node, "blobVersionedHashes"), tx) &&
           read_authorizations(rpc, dam_json_get(node, "authorizationList"), ret);
}

bool dam_rpc_call_to_tx(struct dam_rpc *rpc, const struct dam_rpc_call *call, struct dam_tx *ret)
{
    const struct dam_evm_tx *from = &call->tx;
    struct dam_access_entry *list =
        dam_arena_alloc(rpc->arena, from->access_count * sizeof(*list) + 1);
    if (list == NULL) {
        dam_rpc_fail_err(rpc, DAM_ENOMEM);
        return false;
    }
    for (size_t i = 0; i < from->access_count; i++) {
        list[i] = (struct dam_access_entry){from->access[i].address, from->access[i].keys,
                                            from->access[i].key_count};
    }
    *ret = (struct dam_tx){
        .type = from->authorization_count > 0 ? DAM_TX_SET_CODE
                : from->blob_hash_count > 0   ? DAM_TX_BLOB
                : !call->has_gas_price        ? DAM_TX_DYNAMIC_FEE
                : from->access_count > 0      ? DAM_TX_ACCESS_LIST
                                              : DAM_TX_LEGACY,
        .has_chain_id = true,
        .chain_id = rpc->ledger->chain->rules.config.chain_id,
        .is_create = from->create,
        .nonce = from->nonce,
        .gas_limit = from->gas_limit,
        .max_fee = from->gas_price_max,
        .max_priority_fee = from->priority_fee_max,
        .max_blob_fee = from->blob_fee_max,
        .to = from->to,
        .value = from->value,
        .data = from->data,
        .access_list = list,
        .access_count = from->access_count,
        .blob_hashes = from->blob_hashes,
        .blob_hash_count = from->blob_hash_count,
        .authorizations = call->authorizations,
        .authorization_count = from->authorization_count,
    };
    return true;
}

/* ---- environment and overrides --------------------------------------------------------------- */

bool dam_rpc_override_block(struct dam_rpc *rpc, const struct dam_json *node,
                            struct dam_evm_block *block)
{
    bool has;
    if (node == NULL) {
        return true;
    }
    return dam_rpc_member_u64(rpc, node, "number", &block->number, &has) &&
           dam_rpc_member_u64(rpc, node, "time", &block->time, &has) &&
           dam_rpc_member_u64(rpc, node, "gasLimit", &block->gas_limit, &has) &&
           dam_rpc_member_address(rpc, node, "feeRecipient", &block->coinbase, &has) &&
           dam_rpc_member_address(rpc, node, "coinbase", &block->coinbase, &has) &&
           dam_rpc_member_hash(rpc, node, "prevRandao", &block->prev_randao, &has) &&
           dam_rpc_member_hash(rpc, node, "random", &block->prev_randao, &has) &&
           dam_rpc_member_u256(rpc, node, "baseFeePerGas", &block->base_fee, &has) &&
           dam_rpc_member_u256(rpc, node, "baseFee", &block->base_fee, &has) &&
           dam_rpc_member_u256(rpc, node, "difficulty", &block->difficulty, &has) &&
           dam_rpc_member_u256(rpc, node, "blobBaseFee", &block->blob_base_fee,
                               &block->has_blob_base_fee);
}

static bool override_slots(struct dam_rpc *rpc, const struct dam_address *address,
                           const struct dam_json *slots)
{
    DAM_JSON_EACH_KEY(key, slots)
    {
        struct dam_u256 at;
        uint8_t word[32];
        if (dam_json_quantity_u256(key, &at) != DAM_OK ||
            dam_json_hex_exact(key + 1, word, 32) != DAM_OK) {
            dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 2: a slot is not 32 bytes");
            return false;
        }
        struct dam_u256 value = dam_u256_load_be(word);
        if (dam_evm_put_storage(rpc->ledger->evm, address, &at, &value) != DAM_OK) {
            return false;
        }
    }
    return true;
}

/* An account that is overridden is no precompile any more; its work may go on at another address,
 * which then may not be overridden itself. */
static bool override_precompile(struct dam_rpc *rpc, const struct dam_json *all,
                                const struct dam_address *address, const struct dam_json *node)
{
    char text[DAM_ADDRESS_TEXT_SIZE];
    struct dam_address to;
    bool moves;
    if (!dam_rpc_member_address(rpc, node, "movePrecompileToAddress", &to, &moves)) {
        return false;
    }
    DAM_JSON_EACH_KEY(key, moves ? all : NULL)
    {
        struct dam_address other;
        if (dam_json_hex_exact(key, other.b, 20) == DAM_OK && dam_address_eq(&other, &to)) {
            dam_address_to_text(&to, text);
            dam_rpc_fail(rpc, DAM_RPC_SERVER, "account %s is already overridden", text);
            return false;
        }
    }
    enum dam_err err = dam_evm_move_precompile(rpc->ledger->evm, address, moves ? &to : NULL);
    if (err == DAM_ENOTFOUND && moves) {
        dam_address_to_text(address, text);
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "account %s is not a precompile", text);
        return false;
    }
    return err == DAM_OK || err == DAM_ENOTFOUND;
}

static bool override_account(struct dam_rpc *rpc, const struct dam_address *address,
                             const struct dam_json *node)
{
    struct dam_evm *evm = rpc->ledger->evm;
    struct dam_evm_account account = {.code_hash = dam_empty_code_hash};
    struct dam_bytes code = {0};
    bool exists;
    bool has_nonce;
    bool has_balance;
    bool has_code;
    const struct dam_json *state = dam_json_get(node, "state");
    const struct dam_json *diff = dam_json_get(node, "stateDiff");
    if (!dam_json_is_null(state) && !dam_json_is_null(diff)) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "account has both 'state' and 'stateDiff'");
        return false;
    }
    if (dam_evm_get_account(evm, address, &account, &exists) != DAM_OK ||
        !dam_rpc_member_u64(rpc, node, "nonce", &account.nonce, &has_nonce) ||
        !dam_rpc_member_u256(rpc, node, "balance", &account.balance, &has_balance) ||
        !dam_rpc_member_data(rpc, node, "code", &code, &has_code)) {
        return false;
    }
    bool put = has_nonce || has_balance;
    if ((put && dam_evm_put_account(evm, address, account.nonce, &account.balance) != DAM_OK) ||
        (has_code && dam_evm_put_code(evm, address, code) != DAM_OK)) {
        return false;
    }
    if (!dam_json_is_null(state)) {
        return dam_evm_clear_storage(evm, address) == DAM_OK && override_slots(rpc, address, state);
    }
    return dam_json_is_null(diff) || override_slots(rpc, address, diff);
}

bool dam_rpc_override_state(struct dam_rpc *rpc, const struct dam_json *node)
{
    if (dam_json_is_null(node)) {
        return true;
    }
    if (node->type != DAM_JSON_OBJECT) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 2: not state overrides");
        return false;
    }
    DAM_JSON_EACH_KEY(key, node)
    {
        struct dam_address address;
        if (dam_json_hex_exact(key, address.b, 20) != DAM_OK) {
            dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 2: a key is not an address");
            return false;
        }
        if (!override_precompile(rpc, node, &address, key + 1) ||
            !override_account(rpc, &address, key + 1)) {
            dam_rpc_fail(rpc, DAM_RPC_INTERNAL, "the state overrides cannot be applied");
            return false;
        }
    }
    return true;
}

/* ---- results --------------------------------------------------------------------------------- */

void dam_rpc_fail_receipt(struct dam_rpc *rpc, const struct dam_evm_receipt *receipt)
{
    char text[420];
    if (receipt->invalid != DAM_TX_NONE) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "err: %s", dam_ledger_invalid_text(receipt->invalid));
        return;
    }
    if (receipt->status != DAM_EVM_REVERT) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "%s", dam_evm_status_text(receipt->status));
        return;
    }
    bool told = dam_revert_text(receipt->output, text, sizeof(text));
    struct dam_buf data;
    dam_buf_init_arena(&data, rpc->arena, receipt->output.len + 1);
    dam_buf_put(&data, receipt->output.data, receipt->output.len);
    dam_rpc_fail(rpc, DAM_RPC_REVERT, "execution reverted%s%s", told ? ": " : "", told ? text : "");
    rpc->error_data = dam_buf_bytes(&data);
    rpc->error_has_data = true;
}

/* ---- running --------------------------------------------------------------------------------- */

/* A call made ready: where it runs and on what. */
struct run {
    struct dam_rpc_call call;
    struct dam_builder_view view;
    struct dam_evm_block block;
    struct dam_evm_options options;
    const struct dam_json *overrides;
};

static bool prepare(struct dam_rpc *rpc, struct run *run)
{
    struct dam_rpc_block at;
    struct dam_ledger *ledger = rpc->ledger;
    if (!dam_rpc_read_call(rpc, dam_rpc_param(rpc, 0), &run->call) || !dam_rpc_block(rpc, 1, &at) ||
        !dam_rpc_view(rpc, &at.block, &run->view)) {
        return false;
    }
    run->block = dam_evm_block_env(&at.block.header);
    run->overrides = dam_rpc_param(rpc, 2);
    if (!dam_rpc_override_block(rpc, dam_rpc_param(rpc, 3), &run->block)) {
        return false;
    }
    run->options =
        dam_evm_options_of(&ledger->chain->rules.config, run->block.number, run->block.time);
    run->options.stop = &ledger->stop;
    run->call.tx.simulate = true;
    if (!run->call.has_gas || run->call.tx.gas_limit > ledger->call_gas_max) {
        run->call.tx.gas_limit = ledger->call_gas_max;
    }
    /* The block's own limit is for transactions, not for looking. */
    if (run->block.gas_limit < run->call.tx.gas_limit) {
        run->block.gas_limit = run->call.tx.gas_limit;
    }
    return true;
}

/* Run it in a session of its own. Returns: false after failing. */
static bool run_once(struct dam_rpc *rpc, const struct run *run, uint64_t gas,
                     struct dam_evm_receipt *ret)
{
    struct dam_evm *evm = rpc->ledger->evm;
    struct dam_evm_tx tx = run->call.tx;
    tx.gas_limit = gas;
    dam_evm_begin(evm, &run->view.view, &run->block, &run->options);
    if (!dam_rpc_override_state(rpc, run->overrides)) {
        dam_evm_discard(evm);
        return false;
    }
    enum dam_err err = dam_evm_transact(evm, &tx, ret);
    if (err != DAM_OK) {
        dam_evm_discard(evm);
        dam_rpc_fail_err(rpc, err);
    }
    return err == DAM_OK;
}

static void eth_call(struct dam_rpc *rpc)
{
    struct run run;
    struct dam_evm_receipt receipt;
    if (!prepare(rpc, &run) || !run_once(rpc, &run, run.call.tx.gas_limit, &receipt)) {
        return;
    }
    if (receipt.invalid != DAM_TX_NONE || receipt.status != DAM_EVM_SUCCESS) {
        dam_rpc_fail_receipt(rpc, &receipt);
    } else {
        dam_json_put_data(rpc->w, receipt.output.data, receipt.output.len);
    }
    dam_evm_discard(rpc->ledger->evm);
}

/* The most gas that the sender can pay for. */
static bool cap_by_balance(struct dam_rpc *rpc, const struct run *run, uint64_t *gas)
{
    struct dam_account account = {0};
    const struct dam_evm_tx *tx = &run->call.tx;
    uint64_t price;
    uint64_t balance;
    if (dam_u256_is_zero(&tx->gas_price_max)) {
        return true;
    }
    enum dam_err err = dam_state_account(&run->view.state, &tx->sender, &account);
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        dam_rpc_fail_err(rpc, err);
        return false;
    }
    if (dam_u256_sub(&account.balance, &account.balance, &tx->value)) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "insufficient funds for transfer");
        return false;
    }
    /* balance / price matters only where it is below the gas that is asked for: both then fit. */
    if (dam_u256_to_u64(&tx->gas_price_max, &price) &&
        (account.balance.w[2] | account.balance.w[3]) == 0) {
        unsigned __int128 have =
            (unsigned __int128)account.balance.w[1] << 64 | account.balance.w[0];
        if (have / price < *gas) {
            *gas = (uint64_t)(have / price);
        }
    } else if (!dam_u256_to_u64(&account.balance, &balance)) {
        return true;
    }
    return true;
}

#define GAS_TX_MAX 16777216u /* EIP-7825 */
#define ESTIMATE_ERROR_PERCENT 1.5

/* A failed run at the highest gas is the call's own failure. */
static void fail_estimate(struct dam_rpc *rpc, const struct dam_evm_receipt *receipt, uint64_t gas)
{
    if (receipt->invalid == DAM_TX_NONE && receipt->status == DAM_EVM_OUT_OF_GAS) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "gas required exceeds allowance (%" PRIu64 ")", gas);
    } else if (receipt->invalid == DAM_TX_INTRINSIC_GAS_TOO_LOW ||
               receipt->invalid == DAM_TX_FLOOR_GAS) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "gas required exceeds allowance (%" PRIu64 ")", gas);
    } else if (receipt->invalid != DAM_TX_NONE) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "failed with %" PRIu64 " gas: %s", gas,
                     dam_ledger_invalid_text(receipt->invalid));
    } else {
        dam_rpc_fail_receipt(rpc, receipt);
    }
}

static bool ran_well(const struct dam_evm_receipt *receipt)
{
    return receipt->invalid == DAM_TX_NONE && receipt->status == DAM_EVM_SUCCESS;
}

/* geth's search: the first guess from what a free run used, then halving until the bounds are
 * within 1.5 percent. */
static bool search_gas(struct dam_rpc *rpc, const struct run *run, uint64_t low, uint64_t high,
                       const struct dam_evm_receipt *free_run, uint64_t *ret)
{
    struct dam_evm_receipt receipt;
    uint64_t optimistic = (free_run->gas_used_max + 2300) * 64 / 63;
    if (optimistic < high) {
        if (!run_once(rpc, run, optimistic, &receipt)) {
            return false;
        }
        *(ran_well(&receipt) ? &high : &low) = optimistic;
    }
    while (low + 1 < high) {
        if ((double)(high - low) / (double)high < ESTIMATE_ERROR_PERCENT / 100) {
            break;
        }
        uint64_t middle = low + (high - low) / 2;
        if (middle > low * 2) {
            middle = low * 2; /* most need little more than they use */
        }
        if (!run_once(rpc, run, middle, &receipt)) {
            return false;
        }
        *(ran_well(&receipt) ? &high : &low) = middle;
    }
    *ret = high;
    return true;
}

bool dam_rpc_estimate_gas(struct dam_rpc *rpc, uint64_t gas_max, uint64_t *ret)
{
    struct run run;
    struct dam_evm_receipt receipt;
    struct dam_bytes code = {0};
    if (!prepare(rpc, &run)) {
        return false;
    }
    uint64_t high = run.call.has_gas && run.call.tx.gas_limit >= GAS_TX ? run.call.tx.gas_limit
                                                                        : rpc->ledger->gas_limit;
    high = high > rpc->ledger->call_gas_max ? rpc->ledger->call_gas_max : high;
    if (run.options.fork >= DAM_FORK_OSAKA && high > GAS_TX_MAX) {
        high = GAS_TX_MAX;
    }
    high = high > gas_max ? gas_max : high;
    if (!cap_by_balance(rpc, &run, &high) || !run_once(rpc, &run, high, &receipt)) {
        return false;
    }
    if (!ran_well(&receipt)) {
        fail_estimate(rpc, &receipt, high);
        dam_evm_discard(rpc->ledger->evm);
        return false;
    }
    *ret = GAS_TX;
    bool plain = run.call.has_to && run.call.tx.data.len == 0 && run.call.tx.access_count == 0 &&
                 run.call.tx.authorization_count == 0 && receipt.gas_used == GAS_TX &&
                 dam_evm_get_code(rpc->ledger->evm, &run.call.tx.to, &code) == DAM_OK &&
                 code.len == 0;
    bool is_found = plain || search_gas(rpc, &run, receipt.gas_used - 1, high, &receipt, ret);
    dam_evm_discard(rpc->ledger->evm);
    return is_found;
}

static void eth_estimateGas(struct dam_rpc *rpc)
{
    uint64_t gas;
    if (dam_rpc_estimate_gas(rpc, UINT64_MAX, &gas)) {
        dam_json_put_quantity(rpc->w, gas);
    }
}

/* ---- access lists ---------------------------------------------------------------------------- */

static void put_access(struct dam_json_writer *w, const struct dam_evm_tx *tx)
{
    dam_json_put_array(w);
    for (size_t i = 0; i < tx->access_count; i++) {
        dam_json_put_object(w);
        dam_rpc_put_address_at(w, "address", &tx->access[i].address);
        dam_json_put_key(w, "storageKeys");
        dam_json_put_array(w);
        for (size_t k = 0; k < tx->access[i].key_count; k++) {
            dam_rpc_put_hash(w, &tx->access[i].keys[k]);
        }
        dam_json_put_array_end(w);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

/* The list in the form that the EVM takes, ascending. */
static bool to_access(struct dam_toucher *t, struct dam_evm_tx *tx)
{
    struct dam_evm_access *access = dam_arena_alloc(t->arena, t->count * sizeof(*access) + 1);
    if (access == NULL || t->failed) {
        return false;
    }
    for (size_t i = 0; i < t->count; i++) {
        struct dam_touched *from = &t->list[i];
        struct dam_hash *keys = dam_arena_alloc(t->arena, from->slot_count * sizeof(*keys) + 1);
        if (keys == NULL) {
            return false;
        }
        for (size_t k = 0; k < from->slot_count; k++) {
            dam_u256_store_be(keys[k].b, &from->slots[k]);
        }
        access[i] = (struct dam_evm_access){from->address, keys, from->slot_count};
    }
    tx->access = access;
    tx->access_count = t->count;
    tx->type = tx->type == 0 ? 1 : tx->type;
    return true;
}

static void eth_createAccessList(struct dam_rpc *rpc)
{
    struct run run;
    struct dam_evm_receipt receipt = {0};
    size_t known = 0;
    size_t rounds = 0;
    if (!prepare(rpc, &run)) {
        return;
    }
    struct dam_address leave_out[2] = {run.call.tx.sender, run.call.tx.to};
    if (run.call.tx.create) {
        struct dam_account account = {0};
        enum dam_err err = dam_state_account(&run.view.state, &run.call.tx.sender, &account);
        if (err != DAM_OK && err != DAM_ENOTFOUND) {
            dam_rpc_fail_err(rpc, err);
            return;
        }
        dam_address_create(&run.call.tx.sender,
                           run.call.has_nonce ? run.call.tx.nonce : account.nonce, &leave_out[1]);
    }
    struct dam_toucher toucher = {
        .arena = rpc->arena, .leave_out = leave_out, .leave_out_count = 2};
    struct dam_evm_tracer tracer = {.step = dam_touch_step, .ctx = &toucher};
    /* What is warm changes what things cost, and so perhaps what is touched: until it stands. */
    do {
        known = 0;
        for (size_t i = 0; i < toucher.count; i++) {
            known += 1 + toucher.list[i].slot_count;
        }
        run.options.tracer = &tracer;
        if (!run_once(rpc, &run, run.call.tx.gas_limit, &receipt) ||
            !to_access(&toucher, &run.call.tx)) {
            dam_rpc_fail(rpc, DAM_RPC_INTERNAL, "out of memory");
            return;
        }
        size_t now = 0;
        for (size_t i = 0; i < toucher.count; i++) {
            now += 1 + toucher.list[i].slot_count;
        }
        known = now - known;
    } while (known > 0 && ++rounds < ACCESS_ROUNDS_MAX);
    dam_json_put_object(rpc->w);
    dam_json_put_key(rpc->w, "accessList");
    put_access(rpc->w, &run.call.tx);
    if (receipt.invalid != DAM_TX_NONE) {
        dam_rpc_fail_receipt(rpc, &receipt);
    } else if (receipt.status != DAM_EVM_SUCCESS) {
        dam_json_put_key(rpc->w, "error");
        dam_json_put_cstr(rpc->w, dam_evm_status_text(receipt.status));
    }
    dam_json_put_quantity_at(rpc->w, "gasUsed", receipt.gas_used);
    dam_json_put_object_end(rpc->w);
    dam_evm_discard(rpc->ledger->evm);
}

const struct dam_rpc_method dam_rpc_call_methods[] = {
    {"eth_call", eth_call, false, DAM_RPC_WORKER, 4},
    {"eth_estimateGas", eth_estimateGas, false, DAM_RPC_WORKER, 4},
    {"eth_createAccessList", eth_createAccessList, false, DAM_RPC_WORKER, 4},
    {0},
};
