// SPDX-License-Identifier: Apache-2.0
/* `dam evm statetest`: one transaction on a given state, judged by state root and logs. */
#include <stdio.h>

#include "app/evm_json.h"
#include "app/evm_suite.h"
#include "app/evm_trace.h"
#include "app/verb_evm.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/crypto/keccak.h"
#include "core/eth/receipt.h"

/* BLOCKHASH(n) in state tests: the hash of n in decimal digits. */
static enum dam_err block_hash(void *ctx, uint64_t number, struct dam_hash *ret)
{
    (void)ctx;
    char text[24];
    const int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    dam_keccak256((const uint8_t *)text, (size_t)len, ret);
    return DAM_OK;
}

static enum dam_err logs_hash(struct dam_arena *arena, const struct dam_evm_receipt *receipt,
                              struct dam_hash *ret)
{
    struct dam_log *logs = dam_arena_alloc(arena, (receipt->log_count + 1) * sizeof(logs[0]));
    if (logs == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < receipt->log_count; i++) {
        const struct dam_evm_log *log = &receipt->logs[i];
        logs[i] = (struct dam_log){
            .address = log->address, .topic_count = log->topic_count, .data = log->data};
        memcpy(logs[i].topics, log->topics, sizeof(logs[i].topics));
    }
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    dam_logs_encode(logs, receipt->log_count, &buf);
    DAM_TRY(dam_buf_err(&buf));
    dam_keccak256(buf.data, buf.len, ret);
    return DAM_OK;
}

/* ---- what a rejected transaction may be called ----------------------------------------------- */

/* Names of the suites from before execution-spec-tests. */
static bool old_name_matches(const char *name, size_t len, enum dam_tx_invalid reason)
{
    static const struct {
        const char *name;
        enum dam_tx_invalid reason;
    } names[] = {
        {"TR_TypeNotSupported", DAM_TX_TYPE_1_PRE_FORK},
        {"TR_TypeNotSupported", DAM_TX_TYPE_2_PRE_FORK},
        {"TR_TypeNotSupported", DAM_TX_TYPE_3_PRE_FORK},
        {"TR_NoFunds", DAM_TX_INSUFFICIENT_FUNDS},
        {"TR_NoFundsX", DAM_TX_INSUFFICIENT_FUNDS},
        {"TR_NoFundsOrGas", DAM_TX_INSUFFICIENT_FUNDS},
        {"TR_NoFundsOrGas", DAM_TX_INTRINSIC_GAS_TOO_LOW},
        {"SenderNotEOA", DAM_TX_SENDER_NOT_EOA},
        {"IntrinsicGas", DAM_TX_INTRINSIC_GAS_TOO_LOW},
        {"TR_IntrinsicGas", DAM_TX_INTRINSIC_GAS_TOO_LOW},
        {"TR_NonceHasMaxValue", DAM_TX_NONCE_IS_MAX},
        {"TR_TipGtFeeCap", DAM_TX_PRIORITY_ABOVE_MAX_FEE},
        {"TR_FeeCapLessThanBlocks", DAM_TX_MAX_FEE_BELOW_BASE_FEE},
        {"TR_GasLimitReached", DAM_TX_GAS_ALLOWANCE_EXCEEDED},
        {"TR_InitCodeLimitExceeded", DAM_TX_INITCODE_SIZE},
        {"TR_BLOBVERSION_INVALID", DAM_TX_BLOB_HASH_VERSION},
        {"TR_EMPTYBLOB", DAM_TX_BLOB_NONE},
        {"TR_BLOBLIST_OVERSIZE", DAM_TX_BLOB_COUNT},
        {"TR_BLOBCREATE", DAM_TX_BLOB_CREATE},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].reason == reason && strlen(names[i].name) == len &&
            memcmp(names[i].name, name, len) == 0) {
            return true;
        }
    }
    return false;
}

/* "A|B": either will do. */
static bool exception_matches(const struct dam_json *expected, enum dam_tx_invalid reason)
{
    static const char prefix[] = "TransactionException.";
    const char *exact = dam_tx_invalid_name(reason);
    for (size_t at = 0; at < expected->len;) {
        const char *name = expected->text + at;
        const char *end = memchr(name, '|', expected->len - at);
        size_t len = end != NULL ? (size_t)(end - name) : expected->len - at;
        at += len + 1;
        if (len > sizeof(prefix) - 1 && memcmp(name, prefix, sizeof(prefix) - 1) == 0) {
            name += sizeof(prefix) - 1;
            len -= sizeof(prefix) - 1;
        }
        if ((strlen(exact) == len && memcmp(name, exact, len) == 0) ||
            old_name_matches(name, len, reason)) {
            return true;
        }
    }
    return false;
}

/* ---- one case -------------------------------------------------------------------------------- */

/* A test with its parts; the same for all its cases. */
struct state_test {
    struct dam_evm_worker *worker;
    const struct dam_json *json;
    struct dam_evm_report *report;
};

struct outcome {
    bool read;        /* the transaction could be read */
    const char *part; /* what was read or done last, for an error */
    enum dam_err err;
    struct dam_evm_receipt receipt;
    struct dam_hash root;
    struct dam_hash logs;
};

static enum dam_err options_read(const struct state_test *test, const char *fork_name,
                                 struct dam_evm_options *ret)
{
    const struct dam_json *config = dam_json_get(test->json, "config");
    struct dam_chain_config chain;
    enum dam_fork fork;
    DAM_TRY(dam_evm_json_rules(fork_name, &fork));
    dam_chain_config_init(&chain, 1, fork);
    *ret = dam_evm_options_of(&chain, 0, 0);
    if (dam_json_get(config, "chainid") != NULL) {
        DAM_TRY(dam_evm_json_u64(config, "chainid", &ret->chain_id));
    }
    return dam_evm_json_blob_params(config, fork_name, &ret->blob);
}

/* The suites were filled by a client that ends every block with a reward of zero: before EIP-161
 * that makes the coinbase an account even when the transaction is rejected. In: tx: NULL for one
 * that no transaction can be (a value above 2^256). */
static enum dam_err apply(struct dam_evm *evm, const struct dam_evm_view *view,
                          const struct dam_evm_block *block, const struct dam_evm_options *options,
                          const struct dam_evm_tx *tx, struct dam_evm_receipt *ret_receipt,
                          struct dam_evm_diff *ret_diff)
{
    const struct dam_u256 nothing = {{0, 0, 0, 0}};
    dam_evm_begin(evm, view, block, options);
    if (tx != NULL) {
        DAM_TRY(dam_evm_transact(evm, tx, ret_receipt));
    }
    DAM_TRY(dam_evm_reward(evm, &block->coinbase, &nothing));
    return dam_evm_end(evm, ret_diff);
}

/* The state after, and the hashes that are compared. */
static enum dam_err result_take(struct dam_evm_worker *worker, struct dam_evm_world *world,
                                const struct dam_evm_diff *diff, struct outcome *ret)
{
    DAM_TRY(logs_hash(&worker->arena, &ret->receipt, &ret->logs));
    DAM_TRY(dam_evm_world_apply(world, diff));
    return dam_evm_world_root(world, &ret->root);
}

static enum dam_err execute(const struct state_test *test, const char *fork_name,
                            const struct dam_json *post, struct dam_evm_world *world,
                            struct outcome *ret)
{
    struct dam_evm_worker *worker = test->worker;
    const struct dam_json *indexes_json = dam_json_get(post, "indexes");
    struct dam_evm_json_indexes indexes;
    struct dam_evm_block block;
    struct dam_evm_options options;
    struct dam_evm_tx tx;
    struct dam_evm_diff diff;
    struct dam_evm_trace trace;
    ret->part = "indexes";
    DAM_TRY(dam_json_u64(dam_json_get(indexes_json, "data"), &indexes.data));
    DAM_TRY(dam_json_u64(dam_json_get(indexes_json, "gas"), &indexes.gas));
    DAM_TRY(dam_json_u64(dam_json_get(indexes_json, "value"), &indexes.value));
    ret->part = "pre";
    DAM_TRY(dam_evm_json_world(&worker->arena, dam_json_get(test->json, "pre"), world));
    ret->part = "env";
    DAM_TRY(dam_evm_json_env(dam_json_get(test->json, "env"), &block));
    ret->part = "config";
    DAM_TRY(options_read(test, fork_name, &options));
    ret->part = "transaction";
    const enum dam_err err =
        dam_evm_json_tx(&worker->arena, dam_json_get(test->json, "transaction"), &indexes, &tx);
    ret->read = err == DAM_OK;
    if (err == DAM_ENOMEM) {
        return err;
    }
    if (worker->options->trace) {
        dam_evm_trace_init(&trace, stdout);
        options.tracer = &trace.tracer;
    }
    world->block_hash = block_hash;
    const struct dam_evm_view view = dam_evm_world_view(world);
    enum dam_err done =
        apply(worker->evm, &view, &block, &options, ret->read ? &tx : NULL, &ret->receipt, &diff);
    if (done == DAM_OK) {
        done = result_take(worker, world, &diff, ret);
    }
    if (worker->options->trace) {
        if (done == DAM_OK && ret->receipt.invalid == DAM_TX_NONE) {
            struct dam_hash want;
            const bool pass =
                dam_json_hex_exact(dam_json_get(post, "hash"), want.b, sizeof(want.b)) == DAM_OK &&
                dam_hash_eq(&want, &ret->root);
            dam_evm_trace_summary(&trace, &(struct dam_evm_trace_end){
                                              ret->receipt.output, ret->receipt.gas_used,
                                              ret->receipt.status, &ret->root, pass, fork_name});
        }
        dam_evm_trace_finish(&trace);
    }
    return done;
}

/* Suites from before 2020 do not say that a transaction is invalid: they just expect the state
 * before it, which a valid one cannot leave, since it counts up its sender's nonce. */
static bool is_left_as_it_was(const struct dam_json *post, const struct outcome *outcome)
{
    struct dam_hash want;
    return dam_json_get(post, "txbytes") == NULL && dam_json_get(post, "state") == NULL &&
           dam_json_hex_exact(dam_json_get(post, "hash"), want.b, sizeof(want.b)) == DAM_OK &&
           dam_hash_eq(&want, &outcome->root);
}

static void judge(struct dam_evm_report *report, const struct dam_evm_case *at,
                  const struct dam_json *post, const struct outcome *outcome)
{
    const struct dam_json *exception = dam_json_get(post, "expectException");
    char text[160];
    if (outcome->err != DAM_OK) {
        (void)snprintf(text, sizeof(text), "%s: %s", outcome->part, dam_err_text(outcome->err));
        dam_evm_report_fail(report, at, "a readable test", text);
        return;
    }
    const enum dam_tx_invalid reason = outcome->receipt.invalid;
    if (exception != NULL) {
        (void)snprintf(text, sizeof(text), "exception %.*s", (int)exception->len, exception->text);
        if (outcome->read && reason == DAM_TX_NONE) {
            dam_evm_report_fail(report, at, text, "a valid transaction");
            return;
        }
        if (outcome->read && !exception_matches(exception, reason)) {
            dam_evm_report_fail(report, at, text, dam_tx_invalid_name(reason));
            return;
        }
    } else if (!outcome->read || (reason != DAM_TX_NONE && !is_left_as_it_was(post, outcome))) {
        dam_evm_report_fail(report, at, "a valid transaction",
                            outcome->read ? dam_tx_invalid_name(reason) : "an unreadable one");
        return;
    }
    const struct dam_json *root = dam_json_get(post, "hash");
    const struct dam_json *logs = dam_json_get(post, "logs");
    if (dam_evm_report_hash(report, at, "state root", root, &outcome->root) &&
        (exception != NULL || dam_evm_report_hash(report, at, "logs hash", logs, &outcome->logs))) {
        dam_evm_report_pass(report);
    }
}

static void case_run(const struct state_test *test, const struct dam_evm_case *at,
                     const struct dam_json *post)
{
    struct dam_evm_world world;
    struct outcome outcome = {.part = "post"};
    const struct dam_arena_mark mark = dam_arena_mark(&test->worker->arena);
    dam_evm_world_init(&world, dam_heap());
    outcome.err = execute(test, at->fork, post, &world, &outcome);
    judge(test->report, at, post, &outcome);
    dam_evm_discard(test->worker->evm);
    dam_evm_world_finish(&world);
    dam_arena_release(&test->worker->arena, mark);
}

static void file_run(struct dam_evm_worker *worker, const struct dam_json *root,
                     struct dam_evm_report *report)
{
    DAM_JSON_EACH_KEY(name, root)
    {
        const struct state_test test = {worker, name + 1, report};
        const struct dam_json *post = dam_json_get(test.json, "post");
        if (!dam_evm_suite_wants_test(worker->options, name)) {
            continue;
        }
        if (post == NULL || dam_json_get(test.json, "transaction") == NULL) {
            const struct dam_evm_case at = {name, "-", 0};
            dam_evm_report_skip(report, &at, "no state test: it lacks `transaction` or `post`");
            continue;
        }
        DAM_JSON_EACH_KEY(fork_key, post)
        {
            char fork_name[40];
            enum dam_fork fork;
            (void)snprintf(fork_name, sizeof(fork_name), "%.*s", (int)fork_key->len,
                           fork_key->text);
            if (!dam_evm_suite_wants_fork(worker->options, fork_name)) {
                continue;
            }
            if (dam_evm_json_rules(fork_name, &fork) != DAM_OK) {
                const struct dam_evm_case at = {name, fork_name, 0};
                dam_evm_report_skip(report, &at,
                                    "a fork that is not one of Frontier ... Osaka, BPO");
                continue;
            }
            size_t index = 0;
            DAM_JSON_EACH(entry, fork_key + 1)
            {
                const struct dam_evm_case at = {name, fork_name, index++};
                case_run(&test, &at, entry);
            }
        }
    }
}

int dam_evm_statetest_main(int argc, char **argv)
{
    return dam_evm_suite_main(argc, argv, file_run);
}
