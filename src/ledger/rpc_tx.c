// SPDX-License-Identifier: Apache-2.0
/* Sending transactions, signing for the development accounts, and looking into the pool. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/crypto/keccak.h"
#include "core/crypto/secp256k1.h"
#include "core/eth/address.h"
#include "core/eth/eip712.h"
#include "ledger/fees.h"
#include "ledger/genesis.h"
#include "ledger/rpc_dev.h"

#define TYPED_DATA_DEPTH_MAX 32u
#define GAS_SMALL 200000u /* a few tries with so much take milliseconds */
#define TX_LEN_MAX ((size_t)16 << 20)

static void offered(struct dam_rpc *rpc, enum dam_err err, const struct dam_hash *hash,
                    const struct dam_offer_fault *fault)
{
    if (err == DAM_EREFUSED) {
        dam_rpc_fail(rpc, fault->code, "%s", fault->text);
    } else if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else {
        dam_rpc_put_hash(rpc->w, hash);
        rpc->hold = true;
        rpc->hold_hash = *hash;
    }
}

static void eth_sendRawTransaction(struct dam_rpc *rpc)
{
    struct dam_bytes bytes;
    struct dam_hash hash;
    struct dam_offer_fault fault;
    struct dam_rpc_send *send = rpc->send;
    if (send != NULL && send->is_read) {
        enum dam_err err = send->err == DAM_OK
                               ? dam_ledger_offer_read(rpc->ledger, &send->tx, &send->fault)
                               : send->err;
        offered(rpc, err, &send->tx.hash, &send->fault);
    } else if (dam_rpc_data(rpc, 0, &bytes)) {
        offered(rpc, dam_ledger_offer(rpc->ledger, bytes, &hash, &fault), &hash, &fault);
    }
}

static void eth_sendRawTransactionSync(struct dam_rpc *rpc)
{
    eth_sendRawTransaction(rpc);
    rpc->hold_receipt = rpc->hold;
}

/* ---- accounts of the node ---------------------------------------------------------------------*/

/* The key of an account that the node signs for. Returns: NULL if it does not. */
static const uint8_t *dev_secret(const struct dam_ledger *ledger, const struct dam_address *address)
{
    for (size_t i = 0; ledger->dev && i < DAM_DEV_ACCOUNT_COUNT; i++) {
        if (dam_address_eq(&dam_dev_addresses[i], address)) {
            return dam_dev_secret(i);
        }
    }
    return NULL;
}

static bool is_impersonated(const struct dam_ledger *ledger, const struct dam_address *address)
{
    const struct dam_dev_state *dev = &ledger->dev_state;
    for (size_t i = 0; i < dev->impersonated_count; i++) {
        if (dam_address_eq(&dev->impersonated[i], address)) {
            return true;
        }
    }
    return dev->impersonate_all;
}

static void eth_accounts(struct dam_rpc *rpc)
{
    dam_json_put_array(rpc->w);
    for (size_t i = 0; rpc->ledger->dev && i < DAM_DEV_ACCOUNT_COUNT; i++) {
        dam_rpc_put_address(rpc->w, &dam_dev_addresses[i]);
    }
    dam_json_put_array_end(rpc->w);
}

/* The nonce behind the sender's transactions that wait; on a worker, which sees no pool, behind
 * those that waited when the call was handed to it. */
static bool next_nonce(struct dam_rpc *rpc, const struct dam_address *sender, uint64_t *ret)
{
    struct dam_ledger *ledger = rpc->ledger;
    struct dam_builder_view view;
    struct dam_account account = {0};
    enum dam_err err = dam_ledger_view(ledger, DAM_STATE_NEWEST, &view);
    if (err == DAM_OK) {
        err = dam_state_account(&view.state, sender, &account);
    }
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        dam_rpc_fail_err(rpc, err);
        return false;
    }
    if (ledger->pool != NULL) {
        *ret = dam_pool_next_nonce(ledger->pool, sender, account.nonce);
    } else {
        *ret = rpc->note->number > account.nonce ? rpc->note->number : account.nonce;
    }
    return true;
}

static bool note_nonce(struct dam_rpc *rpc)
{
    struct dam_address from;
    bool has_from = false;
    if (dam_rpc_member_address(rpc, dam_rpc_param(rpc, 0), "from", &from, &has_from) && has_from) {
        (void)next_nonce(rpc, &from, &rpc->note->number); /* fn will say what is wrong */
    }
    return true;
}

static bool fail_sender(struct dam_rpc *rpc, const struct dam_address *from)
{
    char text[DAM_ADDRESS_TEXT_SIZE];
    dam_address_to_text(from, text);
    dam_rpc_fail(rpc, DAM_RPC_SERVER, "unknown account: %s is not unlocked here", text);
    return false;
}

/* Can the object's sender be signed for, if it names one? */
static bool check_sender(struct dam_rpc *rpc)
{
    struct dam_address from;
    bool has_from;
    if (!dam_rpc_member_address(rpc, dam_rpc_param(rpc, 0), "from", &from, &has_from)) {
        return false;
    }
    return !has_from || dev_secret(rpc->ledger, &from) != NULL ||
           is_impersonated(rpc->ledger, &from) || fail_sender(rpc, &from);
}

/* The gas of a transaction object that has none is a worker's to find, but where that is quickly
 * done: a worker needs a snapshot, for which the store's file has to be synced. */
static bool lacks_gas(struct dam_rpc *rpc)
{
    const struct dam_json *node = dam_rpc_param(rpc, 0);
    return node != NULL && node->type == DAM_JSON_OBJECT &&
           dam_json_is_null(dam_json_get(node, "gas")) && check_sender(rpc) &&
           !dam_rpc_estimate_gas(rpc, GAS_SMALL, &rpc->note->number);
}

/* The part on a worker. Returns: false if this is the loop's thread. */
static bool find_gas(struct dam_rpc *rpc)
{
    if (rpc->ledger->pool != NULL) {
        return false;
    }
    rpc->again = dam_rpc_estimate_gas(rpc, UINT64_MAX, &rpc->note->number);
    return true;
}

/* Read a transaction object and fill in what is missing: nonce, gas, fees. In: gas: what was found
 * for one that has none, or 0. */
static bool fill_tx(struct dam_rpc *rpc, uint64_t gas, struct dam_tx *ret,
                    struct dam_address *ret_from)
{
    struct dam_rpc_call call;
    struct dam_ledger *ledger = rpc->ledger;
    struct dam_builder_params params;
    if (!dam_rpc_read_call(rpc, dam_rpc_param(rpc, 0), &call)) {
        return false;
    }
    if (call.has_chain_id && call.tx.chain_id != ledger->chain->rules.config.chain_id) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER,
                     "chainId does not match node's (have=%" PRIu64 ", want=%" PRIu64 ")",
                     call.tx.chain_id, ledger->chain->rules.config.chain_id);
        return false;
    }
    if (!call.has_nonce && !next_nonce(rpc, &call.tx.sender, &call.tx.nonce)) {
        return false;
    }
    if (!call.has_gas && gas != 0) {
        call.tx.gas_limit = gas;
    } else if (!call.has_gas && !dam_rpc_estimate_gas(rpc, UINT64_MAX, &call.tx.gas_limit)) {
        return false;
    }
    dam_ledger_next_params(ledger, &params);
    struct dam_u256 base =
        dam_fees_next_base(&ledger->chain->rules, &ledger->chain->head.header, params.timestamp);
    if (!call.has_gas_price && !call.has_priority_fee) {
        call.tx.priority_fee_max = dam_u256_from_u64(ledger->chain->rules.gasless ? 0 : 1000000000);
        if (call.has_max_fee && dam_u256_lt(&call.tx.gas_price_max, &call.tx.priority_fee_max)) {
            call.tx.priority_fee_max = call.tx.gas_price_max;
        }
    }
    if (!call.has_gas_price && !call.has_max_fee) { /* twice the base fee and the tip, as geth */
        (void)dam_u256_add(&call.tx.gas_price_max, &base, &base);
        (void)dam_u256_add(&call.tx.gas_price_max, &call.tx.gas_price_max,
                           &call.tx.priority_fee_max);
    }
    *ret_from = call.tx.sender;
    return dam_rpc_call_to_tx(rpc, &call, ret);
}

/* A made-up signature for a sender that nobody can sign for: r is the sender, s is one. The hash so
 * differs by sender. */
static void sign_as(struct dam_tx *tx, const struct dam_address *sender)
{
    tx->r = dam_u256_from_address(sender);
    tx->s = dam_u256_from_u64(1);
    tx->y_parity = 0;
}

static bool sign_tx(struct dam_rpc *rpc, struct dam_tx *tx, const struct dam_address *from,
                    struct dam_buf *buf, bool *ret_impersonated)
{
    const uint8_t *secret = dev_secret(rpc->ledger, from);
    *ret_impersonated = secret == NULL && is_impersonated(rpc->ledger, from);
    if (*ret_impersonated) {
        sign_as(tx, from);
    } else if (secret == NULL) {
        return fail_sender(rpc, from);
    } else if (dam_tx_sign(tx, secret, rpc->arena) != DAM_OK) {
        dam_rpc_fail(rpc, DAM_RPC_INTERNAL, "the transaction cannot be signed");
        return false;
    }
    dam_buf_init_arena(buf, rpc->arena, TX_LEN_MAX);
    dam_tx_encode(tx, buf);
    if (dam_buf_err(buf) != DAM_OK) {
        dam_rpc_fail_err(rpc, dam_buf_err(buf));
        return false;
    }
    return true;
}

static enum dam_err send_object(struct dam_rpc *rpc, uint64_t gas, struct dam_hash *ret,
                                struct dam_offer_fault *fault)
{
    struct dam_tx tx;
    struct dam_address from;
    struct dam_buf buf;
    bool impersonated;
    if (!fill_tx(rpc, gas, &tx, &from) || !sign_tx(rpc, &tx, &from, &buf, &impersonated)) {
        return DAM_OK; /* the call has failed */
    }
    return impersonated ? dam_ledger_offer_as(rpc->ledger, dam_buf_bytes(&buf), &from, ret, fault)
                        : dam_ledger_offer(rpc->ledger, dam_buf_bytes(&buf), ret, fault);
}

bool dam_rpc_send_as(struct dam_rpc *rpc, const struct dam_json *params)
{
    const struct dam_json *own = rpc->params;
    struct dam_hash hash;
    struct dam_offer_fault fault;
    rpc->params = params;
    enum dam_err err = send_object(rpc, 0, &hash, &fault);
    rpc->params = own;
    if (err == DAM_EREFUSED) {
        dam_rpc_fail(rpc, fault.code, "%s", fault.text);
    } else if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    }
    return rpc->error_code == 0;
}

static void eth_sendTransaction(struct dam_rpc *rpc)
{
    struct dam_hash hash;
    struct dam_offer_fault fault;
    if (find_gas(rpc) || !check_sender(rpc)) {
        return;
    }
    enum dam_err err = send_object(rpc, rpc->note->number, &hash, &fault);
    if (rpc->error_code == 0) {
        offered(rpc, err, &hash, &fault);
    }
}

/* {raw, tx}, as eth_signTransaction and eth_fillTransaction answer. */
static void put_raw_and_tx(struct dam_rpc *rpc, const struct dam_tx *tx, struct dam_bytes raw,
                           const struct dam_address *from)
{
    struct dam_hash hash;
    dam_keccak256(raw.data, raw.len, &hash);
    dam_json_put_object(rpc->w);
    dam_json_put_data_at(rpc->w, "raw", raw);
    dam_json_put_key(rpc->w, "tx");
    dam_rpc_put_tx(rpc->w, tx, &hash, from, NULL);
    dam_json_put_object_end(rpc->w);
}

static void eth_signTransaction(struct dam_rpc *rpc)
{
    struct dam_tx tx;
    struct dam_address from;
    struct dam_buf buf;
    bool impersonated;
    if (!find_gas(rpc) && check_sender(rpc) && fill_tx(rpc, rpc->note->number, &tx, &from) &&
        sign_tx(rpc, &tx, &from, &buf, &impersonated)) {
        put_raw_and_tx(rpc, &tx, dam_buf_bytes(&buf), &from);
    }
}

static void eth_fillTransaction(struct dam_rpc *rpc)
{
    struct dam_tx tx;
    struct dam_address from;
    struct dam_buf buf;
    if (!fill_tx(rpc, 0, &tx, &from)) {
        return;
    }
    dam_buf_init_arena(&buf, rpc->arena, TX_LEN_MAX);
    dam_tx_encode(&tx, &buf);
    if (dam_buf_err(&buf) != DAM_OK) {
        dam_rpc_fail_err(rpc, dam_buf_err(&buf));
        return;
    }
    put_raw_and_tx(rpc, &tx, dam_buf_bytes(&buf), &from);
}

/* Sign a digest for a development account: r, s, v. */
static void put_signature(struct dam_rpc *rpc, const struct dam_address *address,
                          const struct dam_hash *digest)
{
    const uint8_t *secret = dev_secret(rpc->ledger, address);
    struct dam_secp256k1_sig sig;
    if (secret == NULL || dam_secp256k1_sign(secret, digest, &sig) != DAM_OK) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "unknown account");
        return;
    }
    uint8_t flat[65];
    memcpy(flat, sig.r, 32);
    memcpy(flat + 32, sig.s, 32);
    flat[64] = (uint8_t)(27 + sig.y_parity);
    dam_json_put_data(rpc->w, flat, sizeof(flat));
}

static void sign_message(struct dam_rpc *rpc, const struct dam_address *address,
                         struct dam_bytes message)
{
    struct dam_hash digest;
    enum dam_err err = dam_eip191_hash(message, rpc->arena, &digest);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else {
        put_signature(rpc, address, &digest);
    }
}

/* The data is an object, or its text, as wallets send it. */
static void eth_signTypedData_v4(struct dam_rpc *rpc)
{
    struct dam_address address;
    struct dam_eip712_hashes hashes;
    const char *text;
    const char *what = "not typed data";
    const struct dam_json *data = dam_rpc_param(rpc, 1);
    if (!dam_rpc_address(rpc, 0, &address)) {
        return;
    }
    if (data != NULL && data->type == DAM_JSON_STRING &&
        (dam_json_string(data, rpc->arena, &text) != DAM_OK ||
         dam_json_parse(rpc->arena, text, strlen(text), TYPED_DATA_DEPTH_MAX, &data, NULL) !=
             DAM_OK)) {
        data = NULL;
    }
    if (data == NULL || dam_eip712_hash(rpc->arena, data, &hashes, &what) != DAM_OK) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 1: %s", what);
    } else {
        put_signature(rpc, &address, &hashes.digest);
    }
}

static void eth_sign(struct dam_rpc *rpc)
{
    struct dam_address address;
    struct dam_bytes message;
    if (dam_rpc_address(rpc, 0, &address) && dam_rpc_data(rpc, 1, &message)) {
        sign_message(rpc, &address, message);
    }
}

static void personal_sign(struct dam_rpc *rpc)
{
    struct dam_address address;
    struct dam_bytes message;
    if (dam_rpc_data(rpc, 0, &message) && dam_rpc_address(rpc, 1, &address)) {
        sign_message(rpc, &address, message);
    }
}

/* ---- the pool -------------------------------------------------------------------------------- */

static uint64_t nonce_on_chain(struct dam_ledger *ledger, const struct dam_address *address)
{
    struct dam_builder_view view;
    struct dam_account account = {0};
    if (dam_ledger_view(ledger, DAM_STATE_NEWEST, &view) != DAM_OK ||
        dam_state_account(&view.state, address, &account) != DAM_OK) {
        return 0;
    }
    return account.nonce;
}

static void count_pool(struct dam_ledger *ledger, uint64_t *ret_pending, uint64_t *ret_queued)
{
    size_t cursor = 0;
    *ret_pending = *ret_queued = 0;
    for (struct dam_pool_tx *tx; (tx = dam_pool_each(ledger->pool, &cursor)) != NULL;) {
        uint64_t end =
            dam_pool_next_nonce(ledger->pool, &tx->sender, nonce_on_chain(ledger, &tx->sender));
        for (; tx != NULL; tx = tx->next) {
            *(tx->nonce < end ? ret_pending : ret_queued) += 1;
        }
    }
}

static void txpool_status(struct dam_rpc *rpc)
{
    uint64_t pending;
    uint64_t queued;
    count_pool(rpc->ledger, &pending, &queued);
    dam_json_put_object(rpc->w);
    dam_json_put_quantity_at(rpc->w, "pending", pending);
    dam_json_put_quantity_at(rpc->w, "queued", queued);
    dam_json_put_object_end(rpc->w);
}

static void put_pool_tx(struct dam_rpc *rpc, const struct dam_pool_tx *entry, bool brief)
{
    struct dam_tx tx;
    struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
    char nonce[24];
    (void)snprintf(nonce, sizeof(nonce), "%" PRIu64, entry->nonce);
    dam_json_put_key(rpc->w, nonce);
    if (dam_tx_decode(rpc->arena, dam_bytes(entry->bytes, entry->len), &tx, NULL) != DAM_OK) {
        dam_json_put_null(rpc->w);
    } else if (brief) {
        char to[DAM_ADDRESS_TEXT_SIZE] = "contract creation";
        char text[320];
        char value[80];
        char price[80];
        struct dam_buf number;
        if (!tx.is_create) {
            dam_address_to_text(&tx.to, to);
        }
        dam_buf_init_fixed(&number, value, sizeof(value) - 1);
        struct dam_json_writer w = {.buf = &number};
        dam_json_put_quantity_u256(&w, &tx.value);
        value[number.len] = '\0';
        dam_buf_init_fixed(&number, price, sizeof(price) - 1);
        w = (struct dam_json_writer){.buf = &number};
        dam_json_put_quantity_u256(&w, &tx.max_fee);
        price[number.len] = '\0';
        int len = snprintf(text, sizeof(text), "%s: %.*s wei + %" PRIu64 " gas × %.*s wei", to,
                           (int)strlen(value) - 2, value + 1, tx.gas_limit, (int)strlen(price) - 2,
                           price + 1);
        dam_json_put_string(rpc->w, text, (size_t)len);
    } else {
        dam_rpc_put_tx(rpc->w, &tx, &entry->hash, &entry->sender, NULL);
    }
    dam_arena_release(rpc->arena, mark);
}

/* One half of the pool, grouped by sender. */
static void put_pool_part(struct dam_rpc *rpc, bool pending, bool brief)
{
    size_t cursor = 0;
    struct dam_ledger *ledger = rpc->ledger;
    dam_json_put_object(rpc->w);
    for (struct dam_pool_tx *tx; (tx = dam_pool_each(ledger->pool, &cursor)) != NULL;) {
        uint64_t end =
            dam_pool_next_nonce(ledger->pool, &tx->sender, nonce_on_chain(ledger, &tx->sender));
        bool open = false;
        for (; tx != NULL; tx = tx->next) {
            if ((tx->nonce < end) != pending) {
                continue;
            }
            if (!open) {
                char text[DAM_ADDRESS_TEXT_SIZE];
                dam_address_to_text(&tx->sender, text);
                dam_json_put_key(rpc->w, text);
                dam_json_put_object(rpc->w);
                open = true;
            }
            put_pool_tx(rpc, tx, brief);
        }
        if (open) {
            dam_json_put_object_end(rpc->w);
        }
    }
    dam_json_put_object_end(rpc->w);
}

static void put_pool(struct dam_rpc *rpc, bool brief)
{
    dam_json_put_object(rpc->w);
    dam_json_put_key(rpc->w, "pending");
    put_pool_part(rpc, true, brief);
    dam_json_put_key(rpc->w, "queued");
    put_pool_part(rpc, false, brief);
    dam_json_put_object_end(rpc->w);
}

static void txpool_content(struct dam_rpc *rpc)
{
    put_pool(rpc, false);
}

static void txpool_inspect(struct dam_rpc *rpc)
{
    put_pool(rpc, true);
}

static void txpool_contentFrom(struct dam_rpc *rpc)
{
    struct dam_address address;
    if (!dam_rpc_address(rpc, 0, &address)) {
        return;
    }
    uint64_t end =
        dam_pool_next_nonce(rpc->ledger->pool, &address, nonce_on_chain(rpc->ledger, &address));
    dam_json_put_object(rpc->w);
    for (int part = 0; part < 2; part++) {
        dam_json_put_key(rpc->w, part == 0 ? "pending" : "queued");
        dam_json_put_object(rpc->w);
        for (struct dam_pool_tx *tx = dam_pool_of(rpc->ledger->pool, &address); tx != NULL;
             tx = tx->next) {
            if ((tx->nonce < end) == (part == 0)) {
                put_pool_tx(rpc, tx, false);
            }
        }
        dam_json_put_object_end(rpc->w);
    }
    dam_json_put_object_end(rpc->w);
}

static void eth_pendingTransactions(struct dam_rpc *rpc)
{
    dam_json_put_array(rpc->w);
    dam_json_put_array_end(rpc->w); /* of the node's own accounts: they are in blocks at once */
}

const struct dam_rpc_method dam_rpc_tx_methods[] = {
    {"eth_sendRawTransaction", eth_sendRawTransaction, false, DAM_RPC_SEND, 1},
    {"eth_sendRawTransactionSync", eth_sendRawTransactionSync, false, DAM_RPC_SEND, 2},
    {"eth_accounts", eth_accounts, false},
    {"eth_requestAccounts", eth_accounts, true}, /* a wallet's, which anvil has, too (EIP-1102) */
    {"eth_sendTransaction", eth_sendTransaction, true, DAM_RPC_WORKER, 1, lacks_gas},
    {"eth_sendUnsignedTransaction", eth_sendTransaction, true, DAM_RPC_WORKER, 1, lacks_gas},
    {"eth_signTransaction", eth_signTransaction, true, DAM_RPC_WORKER, 1, lacks_gas},
    {"eth_fillTransaction", eth_fillTransaction, false, DAM_RPC_WORKER, 1, note_nonce},
    {"eth_sign", eth_sign, true},
    {"personal_sign", personal_sign, true},
    {"eth_signTypedData_v4", eth_signTypedData_v4, true, DAM_RPC_LOOP},
    {"eth_signTypedData", eth_signTypedData_v4, true, DAM_RPC_LOOP},
    {"eth_pendingTransactions", eth_pendingTransactions, false},
    {"txpool_status", txpool_status, false},
    {"txpool_content", txpool_content, false},
    {"txpool_inspect", txpool_inspect, false},
    {"txpool_contentFrom", txpool_contentFrom, false, DAM_RPC_LOOP, 1},
    {0},
};
