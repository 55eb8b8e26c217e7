// SPDX-License-Identifier: Apache-2.0
/* `dam evm txtest`: TransactionTests. Is a raw transaction acceptable under a fork, who sent it,
 * and what gas does it need at least? */
#include "app/evm_json.h"
#include "app/evm_suite.h"
#include "app/verb_evm.h"
#include "base/hex.h"
#include "core/eth/block.h"
#include "core/eth/tx.h"
#include "core/evm/block.h"

#include <stdio.h>

#define CHAIN_ID 1u /* these tests are for mainnet */
#define TEXT_SIZE 160u

/* A world of one account, the sender, who can pay for anything. */
struct payer {
    struct dam_address address;
    uint64_t nonce;
};

static enum dam_err payer_account(void *ctx, const struct dam_address *address,
                                  struct dam_evm_account *ret, bool *ret_exists)
{
    const struct payer *payer = ctx;
    *ret_exists = dam_address_eq(address, &payer->address);
    if (*ret_exists) {
        *ret = (struct dam_evm_account){
            .nonce = payer->nonce,
            .balance = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
            .code_hash = dam_empty_code_hash,
        };
    }
    return DAM_OK;
}

static enum dam_err no_storage(void *ctx, const struct dam_address *address,
                               const struct dam_u256 *key, struct dam_u256 *ret)
{
    (void)ctx;
    (void)address;
    (void)key;
    *ret = dam_u256_from_u64(0);
    return DAM_OK;
}

static enum dam_err no_code(void *ctx, const struct dam_hash *code_hash, struct dam_bytes *ret)
{
    (void)ctx;
    (void)code_hash;
    (void)ret;
    return DAM_ENOTFOUND;
}

static enum dam_err no_block_hash(void *ctx, uint64_t number, struct dam_hash *ret)
{
    (void)ctx;
    (void)number;
    *ret = (struct dam_hash){{0}};
    return DAM_OK;
}

/* Asks the EVM whether it would take the transaction. No opcode may run, so that a gas limit of
 * 2^63 costs no time. */
static enum dam_err verdict(struct dam_evm *evm, enum dam_fork fork, const struct dam_evm_tx *tx,
                            enum dam_tx_invalid *ret)
{
    struct payer payer = {tx->sender, tx->nonce};
    const struct dam_evm_view view = {payer_account, no_storage, no_code, no_block_hash, &payer};
    const struct dam_evm_block block = {.number = 1, .time = 1, .gas_limit = UINT64_MAX};
    struct dam_chain_config config;
    struct dam_evm_receipt receipt;
    dam_chain_config_init(&config, CHAIN_ID, fork);
    struct dam_evm_options options = dam_evm_options_of(&config, block.number, block.time);
    memset(&options.refuse, 0xff, sizeof(options.refuse));
    dam_evm_begin(evm, &view, &block, &options);
    enum dam_err err = dam_evm_transact(evm, tx, &receipt);
    dam_evm_discard(evm);
    DAM_TRY(err);
    *ret = receipt.invalid;
    return DAM_OK;
}

/* Does the gas cost more than all the money that a word can count? */
static bool fee_overflows(const struct dam_tx *tx)
{
    unsigned __int128 carry = 0;
    for (int i = 0; i < 4; i++) {
        carry = (unsigned __int128)tx->max_fee.w[i] * tx->gas_limit + (uint64_t)(carry >> 64);
    }
    return carry >> 64 != 0;
}

/* Intrinsic gas is the least gas limit that is not too low. */
static enum dam_err intrinsic_gas(struct dam_evm *evm, enum dam_fork fork, struct dam_evm_tx tx,
                                  uint64_t *ret)
{
    uint64_t low = 0;
    uint64_t high = tx.gas_limit;
    while (low < high) {
        enum dam_tx_invalid invalid;
        tx.gas_limit = low + (high - low) / 2;
        DAM_TRY(verdict(evm, fork, &tx, &invalid));
        if (invalid == DAM_TX_INTRINSIC_GAS_TOO_LOW) {
            low = tx.gas_limit + 1;
        } else {
            high = tx.gas_limit;
        }
    }
    *ret = low;
    return DAM_OK;
}

/* What came of one transaction under one fork. */
struct outcome {
    const char *refused; /* why; NULL: accepted, and the rest is set */
    struct dam_hash hash;
    struct dam_address sender;
    uint64_t intrinsic_gas;
};

static enum dam_err judge(struct dam_evm_worker *worker, enum dam_fork fork, struct dam_bytes bytes,
                          struct outcome *ret)
{
    struct dam_tx tx;
    struct dam_evm_tx evm_form;
    enum dam_tx_fault fault;
    enum dam_tx_invalid invalid;
    enum dam_err err = dam_tx_decode(&worker->arena, bytes, &tx, &fault);
    ret->refused = NULL;
    if (err == DAM_EPARSE) {
        ret->refused = dam_tx_fault_text(fault);
        return DAM_OK;
    }
    DAM_TRY(err);
    err = dam_tx_sender(&tx, fork >= DAM_FORK_HOMESTEAD, &worker->arena, &ret->sender);
    if (err == DAM_ESIGNATURE) {
        ret->refused = dam_err_text(err);
        return DAM_OK;
    }
    DAM_TRY(err);
    DAM_TRY(dam_tx_hash(&tx, &worker->arena, &ret->hash));
    DAM_TRY(dam_evm_tx_from(&worker->arena, &tx, &ret->sender, &evm_form));
    evm_form.value = dam_u256_from_u64(0); /* what a sender owns is no part of these tests */
    DAM_TRY(verdict(worker->evm, fork, &evm_form, &invalid));
    if (fee_overflows(&tx)) {
        invalid = DAM_TX_GAS_PRICE_OVERFLOW;
    }
    /* A block's gas limit is no part of these tests either. */
    if (invalid != DAM_TX_NONE && invalid != DAM_TX_GAS_ALLOWANCE_EXCEEDED) {
        ret->refused = dam_tx_invalid_name(invalid);
        return DAM_OK;
    }
    return intrinsic_gas(worker->evm, fork, evm_form, &ret->intrinsic_gas);
}

static void outcome_text(const struct outcome *outcome, char text[TEXT_SIZE])
{
    char hash[65];
    char sender[41];
    if (outcome->refused != NULL) {
        (void)snprintf(text, TEXT_SIZE, "refused: %s", outcome->refused);
        return;
    }
    dam_hex_encode(outcome->hash.b, 32, hash);
    dam_hex_encode(outcome->sender.b, 20, sender);
    (void)snprintf(text, TEXT_SIZE, "hash %s sender %s gas %llu", hash, sender,
                   (unsigned long long)outcome->intrinsic_gas);
}

/* A result: an exception, or hash, sender and gas. Any reason to refuse is right: the names of the
 * exceptions are those of the tool that filled the tests. */
static void check(struct dam_evm_report *report, const struct dam_evm_case *at,
                  const struct dam_json *result, const struct outcome *got)
{
    /* An older result without members is an exception without a name; it tells no intrinsic gas. */
    static const struct dam_json unnamed = {.text = "-", .len = 1, .type = DAM_JSON_STRING};
    const struct dam_json *exception =
        result->count == 0 ? &unnamed : dam_json_get(result, "exception");
    char expected_text[TEXT_SIZE];
    char got_text[TEXT_SIZE];
    struct outcome want = {.refused = NULL};
    bool ok = exception != NULL && got->refused != NULL;
    if (exception != NULL) {
        (void)snprintf(expected_text, sizeof(expected_text), "refused: %.*s", (int)exception->len,
                       exception->text);
    } else {
        bool is_read =
            dam_json_hex_exact(dam_json_get(result, "hash"), want.hash.b, 32) == DAM_OK &&
            dam_json_hex_exact(dam_json_get(result, "sender"), want.sender.b, 20) == DAM_OK &&
            (dam_json_get(result, "intrinsicGas") == NULL ||
             dam_json_quantity(dam_json_get(result, "intrinsicGas"), &want.intrinsic_gas) ==
                 DAM_OK);
        if (dam_json_get(result, "intrinsicGas") == NULL) {
            want.intrinsic_gas = got->intrinsic_gas;
        }
        outcome_text(&want, expected_text);
        ok = is_read && got->refused == NULL && dam_hash_eq(&want.hash, &got->hash) &&
             dam_address_eq(&want.sender, &got->sender) && want.intrinsic_gas == got->intrinsic_gas;
    }
    if (ok) {
        dam_evm_report_pass(report);
        return;
    }
    outcome_text(got, got_text);
    dam_evm_report_fail(report, at, expected_text, got_text);
}

static void case_run(struct dam_evm_worker *worker, const struct dam_evm_case *at,
                     struct dam_bytes bytes, const struct dam_json *result,
                     struct dam_evm_report *report)
{
    struct outcome outcome = {.refused = NULL};
    enum dam_fork fork;
    if (!dam_evm_suite_wants_fork(worker->options, at->fork)) {
        return;
    }
    if (dam_evm_json_rules(at->fork, &fork) != DAM_OK) {
        dam_evm_report_skip(report, at, "a fork that is not one of Frontier ... Osaka, BPO");
        return;
    }
    enum dam_err err = judge(worker, fork, bytes, &outcome);
    if (err != DAM_OK) {
        dam_evm_report_fail(report, at, "an answer", dam_err_text(err));
        return;
    }
    check(report, at, result, &outcome);
}

static void file_run(struct dam_evm_worker *worker, const struct dam_json *root,
                     struct dam_evm_report *report)
{
    DAM_JSON_EACH_KEY(name, root)
    {
        if (!dam_evm_suite_wants_test(worker->options, name)) {
            continue;
        }
        /* Until 2020: "rlp", and the results beside it instead of in "result". */
        const bool old = dam_json_get(name + 1, "rlp") != NULL;
        const struct dam_json *txbytes = dam_json_get(name + 1, old ? "rlp" : "txbytes");
        const struct dam_json *results = old ? name + 1 : dam_json_get(name + 1, "result");
        struct dam_evm_case at = {.name = name, .fork = "-"};
        struct dam_bytes bytes;
        if (txbytes == NULL || results == NULL) {
            dam_evm_report_skip(report, &at, "no transaction test: it lacks `txbytes` or `result`");
            continue;
        }
        if (dam_json_hex(txbytes, &worker->arena, &bytes) != DAM_OK) {
            dam_evm_report_fail(report, &at, "txbytes in hex", "something else");
            continue;
        }
        DAM_JSON_EACH_KEY(fork, results)
        {
            if (old && ((fork + 1)->type != DAM_JSON_OBJECT || dam_json_is(fork, "_info"))) {
                continue; /* "rlp" itself, and who made the file */
            }
            if (dam_json_string(fork, &worker->arena, &at.fork) != DAM_OK) {
                dam_evm_report_fail(report, &at, "the name of a fork", "something else");
                continue;
            }
            case_run(worker, &at, bytes, fork + 1, report);
        }
    }
}

int dam_evm_txtest_main(int argc, char **argv)
{
    return dam_evm_suite_main(argc, argv, file_run);
}
