// SPDX-License-Identifier: Apache-2.0
/* `dam evm blocktest`: import blocks one by one on top of any block that is known, refuse those
 * that must be refused, and compare the head and its state. */
#include <stdio.h>
#include <stdlib.h>

#include "app/evm_json.h"
#include "app/evm_suite.h"
#include "app/evm_trace.h"
#include "app/verb_evm.h"
#include "base/attr.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/evm/block.h"

/* A block that was imported, with the state after it. */
struct node {
    struct dam_hash hash;
    struct dam_header header;
    const struct dam_hash *uncles;
    size_t uncle_count;
    struct dam_u256 total_difficulty;
    struct dam_evm_world world;
    const struct node *parent;
    struct node *next;
};

struct chain {
    struct dam_evm_worker *worker;
    struct dam_chain_config config;
    bool merges; /* Paris comes with a total difficulty */
    struct dam_u256 terminal_difficulty;
    struct node *nodes; /* newest first */
    const struct node *head;
    const char *part; /* of the file, that was read last, for an error */
};

/* The hash of an ancestor of the block that is being built on `ctx`. */
static enum dam_err block_hash(void *ctx, uint64_t number, struct dam_hash *ret)
{
    const struct node *node = ctx;
    while (node != NULL && node->header.number > number) {
        node = node->parent;
    }
    *ret = node != NULL ? node->hash : (struct dam_hash){{0}};
    return DAM_OK;
}

static enum dam_err commit(void *ctx, const struct dam_evm_diff *diff, struct dam_hash *ret_root)
{
    struct dam_evm_world *world = ctx;
    DAM_TRY(dam_evm_world_apply(world, diff));
    return dam_evm_world_root(world, ret_root);
}

/* ---- networks -------------------------------------------------------------------------------- */

static enum dam_err blob_add(struct dam_chain_config *config, const struct dam_json *json,
                             const char *name, uint64_t time)
{
    enum dam_fork fork;
    struct dam_chain_config standard;
    DAM_TRY(dam_evm_json_rules(name, &fork));
    dam_chain_config_init(&standard, 1, fork);
    struct dam_blob_params params = dam_chain_config_blob(&standard, 0);
    DAM_TRY(dam_evm_json_blob_params(json, name, &params));
    params.time = time;
    config->blob[config->blob_count++] = params;
    return DAM_OK;
}

/* A number behind `prefix`: "5", "15k" or, in base 16, "C0000". */
static bool activation(const char *text, const char *prefix, int base, uint64_t *ret)
{
    char *end;
    const size_t len = strlen(prefix);
    if (strncmp(text, prefix, len) != 0) {
        return false;
    }
    *ret = strtoull(text + len, &end, base);
    if (end == text + len) {
        return false;
    }
    if (base == 10 && *end == 'k') {
        *ret *= 1000;
        end++;
    }
    return *end == '\0';
}

/* The second fork of a transition: at a time, at a total difficulty or at a block. */
static enum dam_err later_fork(struct chain *chain, const struct dam_json *json, enum dam_fork fork,
                               const char *name, const char *at)
{
    struct dam_chain_config *config = &chain->config;
    uint64_t when;
    enum dam_fork later;
    if (strcmp(name, "Dao") == 0) { /* Homestead's rules, and what EIP-779 adds */
        return activation(at, "At", 10, &config->dao_block) ? DAM_OK : DAM_ENOTFOUND;
    }
    DAM_TRY(dam_evm_json_rules(name, &later));
    if (activation(at, "AtTime", 10, &when)) {
        for (unsigned i = (unsigned)fork + 1; i <= (unsigned)later; i++) {
            config->fork_time[i] = when;
        }
        return blob_add(config, json, name, when);
    }
    if (later > DAM_FORK_PARIS) {
        return DAM_ENOTFOUND;
    }
    if (activation(at, "AtDiff", 16, &when)) {
        chain->merges = true;
        chain->terminal_difficulty = dam_u256_from_u64(when);
        return DAM_OK;
    }
    if (!activation(at, "At", 10, &when)) {
        return DAM_ENOTFOUND;
    }
    for (unsigned i = (unsigned)fork + 1; i <= (unsigned)later; i++) {
        config->fork_block[i] = when;
    }
    return DAM_OK;
}

/* "Osaka", "PragueToOsakaAtTime15k", "BerlinToLondonAt5", "HomesteadToDaoAt5",
 * "ArrowGlacierToParisAtDiffC0000".
 * Returns: DAM_ENOTFOUND for a network that is none of these. */
static enum dam_err config_read(struct chain *chain, const struct dam_json *test,
                                const char *network)
{
    const struct dam_json *json = dam_json_get(test, "config");
    struct dam_chain_config *config = &chain->config;
    char first[40];
    char second[40];
    enum dam_fork fork;
    const char *to = strstr(network, "To");
    const char *at = to != NULL ? strstr(to, "At") : NULL;
    (void)snprintf(first, sizeof(first), "%.*s", at != NULL ? (int)(to - network) : 39, network);
    DAM_TRY(dam_evm_json_rules(first, &fork));
    dam_chain_config_init(config, 1, fork);
    if (dam_json_get(json, "chainid") != NULL) {
        DAM_TRY(dam_evm_json_u64(json, "chainid", &config->chain_id));
    }
    config->blob_count = 0;
    DAM_TRY(blob_add(config, json, first, 0));
    if (at == NULL) {
        return DAM_OK;
    }
    (void)snprintf(second, sizeof(second), "%.*s", (int)(at - to - 2), to + 2);
    return later_fork(chain, json, fork, second, at);
}

/* ---- import ---------------------------------------------------------------------------------- */

static struct node *node_add(struct chain *chain, const struct dam_header *header)
{
    struct node *node = dam_arena_zalloc(&chain->worker->arena, sizeof(*node));
    if (node != NULL) {
        node->header = *header;
        dam_header_hash(header, &node->hash);
        node->next = chain->nodes;
        chain->nodes = node;
    }
    return node;
}

/* Remember the uncles that a block names: no later one may name them again. */
static enum dam_err uncles_keep(struct chain *chain, const struct dam_block *block,
                                struct node *node)
{
    struct dam_hash *hashes =
        dam_arena_alloc(&chain->worker->arena, (block->uncle_count + 1) * sizeof(hashes[0]));
    if (hashes == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < block->uncle_count; i++) {
        dam_header_hash(&block->uncles[i], &hashes[i]);
    }
    node->uncles = hashes;
    node->uncle_count = block->uncle_count;
    return DAM_OK;
}

/* After the Merge the newest block is the head; before it the heaviest, of equals the first. */
static bool becomes_head(const struct chain *chain, const struct node *node)
{
    return dam_u256_is_zero(&node->header.difficulty) ||
           dam_u256_lt(&chain->head->total_difficulty, &node->total_difficulty);
}

static const struct node *node_find(const struct chain *chain, const struct dam_hash *hash)
{
    const struct node *node = chain->nodes;
    while (node != NULL && !dam_hash_eq(&node->hash, hash)) {
        node = node->next;
    }
    return node;
}

/* Why a block was refused, as text; empty if it was not. */
struct verdict {
    char reason[80];
    bool malformed; /* it could not even be read */
};

static enum dam_err execute(struct chain *chain, const struct node *parent,
                            const struct dam_block *block, struct verdict *verdict)
{
    struct node *node = node_add(chain, &block->header);
    struct dam_evm_block_outcome outcome;
    struct dam_evm_trace trace;
    const bool tracing = chain->worker->options->trace;
    if (node == NULL) {
        return DAM_ENOMEM;
    }
    node->parent = parent;
    DAM_TRY(uncles_keep(chain, block, node));
    (void)dam_u256_add(&node->total_difficulty, &parent->total_difficulty,
                       &block->header.difficulty);
    DAM_TRY(dam_evm_world_copy(&parent->world, &node->world));
    node->world.block_hash = block_hash;
    node->world.block_hash_ctx = (void *)(uintptr_t)parent;
    const struct dam_evm_block_state state = {
        .view = dam_evm_world_view(&node->world), .commit = commit, .ctx = &node->world};
    if (tracing) {
        dam_evm_trace_init(&trace, stdout);
    }
    const enum dam_err err =
        dam_evm_block_execute(chain->worker->evm, &chain->config, &state, block, NULL,
                              tracing ? &trace.tracer : NULL, &chain->worker->arena, &outcome);
    if (tracing) {
        dam_evm_trace_finish(&trace);
    }
    DAM_TRY(err);
    if (outcome.invalid != DAM_BLOCK_NONE) {
        const bool tx = outcome.invalid == DAM_BLOCK_TRANSACTION;
        (void)snprintf(verdict->reason, sizeof(verdict->reason), "%s%s",
                       tx ? "TransactionException." : "BlockException.",
                       tx ? dam_tx_invalid_name(outcome.tx_invalid)
                          : dam_block_invalid_name(outcome.invalid));
        chain->nodes = node->next;
        dam_evm_world_finish(&node->world);
        return DAM_OK;
    }
    if (becomes_head(chain, node)) {
        chain->head = node;
    }
    return DAM_OK;
}

static enum dam_err check(struct chain *chain, const struct node *parent,
                          const struct dam_block *block, size_t len, enum dam_block_invalid *ret)
{
    struct dam_evm_ancestor ancestors[DAM_EVM_GENERATIONS];
    struct dam_evm_family family = {.ancestors = ancestors};
    for (const struct node *node = parent; node != NULL && family.count < DAM_EVM_GENERATIONS;
         node = node->parent) {
        ancestors[family.count++] =
            (struct dam_evm_ancestor){node->hash, &node->header, node->uncles, node->uncle_count};
    }
    if (chain->merges) { /* EIP-3675: the parent decides, on each branch */
        const bool merged = !dam_u256_lt(&parent->total_difficulty, &chain->terminal_difficulty);
        chain->config.fork_block[DAM_FORK_PARIS] = merged ? block->header.number : DAM_FORK_NEVER;
    }
    return dam_evm_block_check(&chain->config, &family, block, len, &chain->worker->arena, ret);
}

static enum dam_err import(struct chain *chain, struct dam_bytes rlp, struct verdict *verdict)
{
    struct dam_block block;
    enum dam_tx_fault fault = DAM_TX_FAULT_NONE;
    *verdict = (struct verdict){.malformed = false};
    const enum dam_err err = dam_block_decode(&chain->worker->arena, rlp, &block, &fault);
    if (err == DAM_EPARSE || err == DAM_ERANGE) {
        verdict->malformed = true;
        (void)snprintf(verdict->reason, sizeof(verdict->reason), "malformed: %s",
                       fault != DAM_TX_FAULT_NONE ? dam_tx_fault_text(fault) : dam_err_text(err));
        return DAM_OK;
    }
    DAM_TRY(err);
    const struct node *parent = node_find(chain, &block.header.parent_hash);
    if (parent == NULL) {
        (void)snprintf(verdict->reason, sizeof(verdict->reason), "BlockException.UNKNOWN_PARENT");
        return DAM_OK;
    }
    enum dam_block_invalid invalid;
    DAM_TRY(check(chain, parent, &block, rlp.len, &invalid));
    if (invalid != DAM_BLOCK_NONE) {
        (void)snprintf(verdict->reason, sizeof(verdict->reason), "BlockException.%s",
                       dam_block_invalid_name(invalid));
        return DAM_OK;
    }
    return execute(chain, parent, &block, verdict);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* Names that mean "cannot be read": what does not decode has no finer name here. */
static bool is_about_form(const char *name, size_t len)
{
    static const char *const parts[] = {
        "RLP_",    "FORMAT",   "EXTRA_DATA_TOO_BIG", "FULL_BLOBS", "TYPE_4_",
        "TYPE_3_", "OVERFLOW", "ADDRESS_TOO_",       "SIGNATURE",  "TYPE_NOT_SUPPORTED",
        "TOO_BIG",
    };
    for (size_t i = 0; i < DAM_COUNT_OF(parts); i++) {
        if (memmem(name, len, parts[i], strlen(parts[i])) != NULL) {
            return true;
        }
    }
    return false;
}

/* Official names with the same meaning: one is of another release, or finer than the rule. */
static const char *other_name(const char *reason)
{
    static const char *const pairs[][2] = {
        {"BlockException.GAS_USED_OVERFLOW", "BlockException.INVALID_GAS_USED_ABOVE_LIMIT"},
        {"BlockException.INVALID_GASLIMIT", "BlockException.GASLIMIT_TOO_BIG"},
        {"BlockException.INCORRECT_BLOB_GAS_USED", "BlockException.BLOB_GAS_USED_ABOVE_LIMIT"},
        {"BlockException.UNKNOWN_PARENT", "BlockException.UNKNOWN_PARENT_ZERO"},
        {"TransactionException.PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS",
         "TransactionException.PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS_2"},
        {"TransactionException.TYPE_3_TX_PRE_FORK",
         "TransactionException.TYPE_3_TX_ZERO_BLOBS_PRE_FORK"},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(pairs); i++) {
        if (strcmp(reason, pairs[i][0]) == 0) {
            return pairs[i][1];
        }
    }
    return reason;
}

static bool is_text(const char *text, const char *name, size_t len)
{
    return strlen(text) == len && memcmp(text, name, len) == 0;
}

static bool exception_matches(const struct dam_json *expected, const struct verdict *verdict)
{
    for (size_t at = 0; at < expected->len;) {
        const char *name = expected->text + at;
        const char *end = memchr(name, '|', expected->len - at);
        const size_t len = end != NULL ? (size_t)(end - name) : expected->len - at;
        at += len + 1;
        if (verdict->malformed ? is_about_form(name, len)
                               : is_text(verdict->reason, name, len) ||
                                     is_text(other_name(verdict->reason), name, len)) {
            return true;
        }
    }
    return false;
}

/* "expectException", in older files "expectExceptionALL" or "expectExceptionByzantium". The oldest
 * have no such member: there a block whose header is not spelt out is one to be refused. */
static const struct dam_json *exception_of(const struct dam_json *block)
{
    static const struct dam_json unnamed = {.text = "-", .len = 1, .type = DAM_JSON_STRING};
    static const char prefix[] = "expectException";
    DAM_JSON_EACH_KEY(key, block)
    {
        if (key->len >= sizeof(prefix) - 1 && memcmp(key->text, prefix, sizeof(prefix) - 1) == 0) {
            return key + 1;
        }
    }
    return dam_json_get(block, "blockHeader") == NULL ? &unnamed : NULL;
}

/* Blocks from before execution-spec-tests break several rules at once (a spoilt transaction under
 * the old root), so which one is named is a client's choice: there refusing is enough. */
static bool names_exact_reason(const struct dam_json *test)
{
    const struct dam_json *info = dam_json_get(test, "_info");
    return dam_json_get(info, "fixture-format") != NULL ||
           dam_json_get(info, "fixture_format") != NULL;
}

/* Returns: false after reporting. */
static bool block_judge(struct dam_evm_report *report, const struct dam_evm_case *at,
                        const struct dam_json *exception, bool exact, const struct verdict *verdict)
{
    char expected[200];
    const bool refused = verdict->reason[0] != '\0';
    if (exception == NULL) {
        if (refused) {
            dam_evm_report_fail(report, at, "a valid block", verdict->reason);
        }
        return !refused;
    }
    (void)snprintf(expected, sizeof(expected), "exception %.*s", (int)exception->len,
                   exception->text);
    if (!refused || (exact && !exception_matches(exception, verdict))) {
        dam_evm_report_fail(report, at, expected, refused ? verdict->reason : "a valid block");
        return false;
    }
    return true;
}

/* ---- one test -------------------------------------------------------------------------------- */

static enum dam_err genesis_read(struct chain *chain, const struct dam_json *test)
{
    struct dam_arena *arena = &chain->worker->arena;
    struct dam_bytes rlp;
    struct dam_block block;
    struct dam_hash root;
    chain->part = "genesisRLP";
    DAM_TRY(dam_json_hex(dam_json_get(test, "genesisRLP"), arena, &rlp));
    DAM_TRY(dam_block_decode(arena, rlp, &block, NULL));
    struct node *node = node_add(chain, &block.header);
    if (node == NULL) {
        return DAM_ENOMEM;
    }
    dam_evm_world_init(&node->world, dam_heap());
    node->total_difficulty = block.header.difficulty;
    chain->head = node;
    chain->part = "pre";
    DAM_TRY(dam_evm_json_world(arena, dam_json_get(test, "pre"), &node->world));
    chain->part = "pre, whose root is not the genesis header's";
    DAM_TRY(dam_evm_world_root(&node->world, &root));
    return dam_hash_eq(&root, &block.header.state_root) ? DAM_OK : DAM_ECORRUPT;
}

static enum dam_err blocks_run(struct chain *chain, const struct dam_json *test,
                               struct dam_evm_case *at, struct dam_evm_report *report,
                               bool *ret_failed)
{
    DAM_TRY(genesis_read(chain, test));
    chain->part = "blocks";
    DAM_JSON_EACH(block, dam_json_get(test, "blocks"))
    {
        struct dam_bytes rlp;
        struct verdict verdict;
        if (dam_json_hex(dam_json_get(block, "rlp"), &chain->worker->arena, &rlp) == DAM_OK) {
            DAM_TRY(import(chain, rlp, &verdict));
        } else {
            verdict = (struct verdict){.reason = "malformed: not hex", .malformed = true};
        }
        if (!block_judge(report, at, exception_of(block), names_exact_reason(test), &verdict)) {
            *ret_failed = true;
            return DAM_OK;
        }
        at->index++;
    }
    *ret_failed = !dam_evm_report_hash(report, at, "last block",
                                       dam_json_get(test, "lastblockhash"), &chain->head->hash);
    return DAM_OK;
}

static void test_run(struct dam_evm_worker *worker, const struct dam_json *test,
                     struct dam_evm_case *at, struct dam_evm_report *report)
{
    struct chain chain = {.worker = worker, .part = "config"};
    enum dam_err err = config_read(&chain, test, at->fork);
    if (err == DAM_ENOTFOUND) {
        dam_evm_report_skip(report, at, "a network that is not one of Frontier ... Osaka, BPO");
        return;
    }
    const struct dam_arena_mark mark = dam_arena_mark(&worker->arena);
    bool failed = false;
    if (err == DAM_OK) {
        err = blocks_run(&chain, test, at, report, &failed);
    }
    if (err != DAM_OK) {
        char text[120];
        (void)snprintf(text, sizeof(text), "%s: %s", chain.part, dam_err_text(err));
        dam_evm_report_fail(report, at, "a readable test", text);
    } else if (!failed) {
        dam_evm_report_pass(report);
    }
    dam_evm_discard(worker->evm);
    for (struct node *node = chain.nodes; node != NULL; node = node->next) {
        dam_evm_world_finish(&node->world);
    }
    dam_arena_release(&worker->arena, mark);
}

static void file_run(struct dam_evm_worker *worker, const struct dam_json *root,
                     struct dam_evm_report *report)
{
    DAM_JSON_EACH_KEY(name, root)
    {
        const struct dam_json *network = dam_json_get(name + 1, "network");
        char fork_name[60] = "-";
        struct dam_evm_case at = {name, fork_name, 0};
        if (network == NULL || dam_json_get(name + 1, "blocks") == NULL) {
            dam_evm_report_skip(report, &at, "no blockchain test: it lacks `network` or `blocks`");
            continue;
        }
        (void)snprintf(fork_name, sizeof(fork_name), "%.*s", (int)network->len, network->text);
        if (dam_evm_suite_wants_fork(worker->options, fork_name) &&
            dam_evm_suite_wants_test(worker->options, name)) {
            test_run(worker, name + 1, &at, report);
        }
    }
}

int dam_evm_blocktest_main(int argc, char **argv)
{
    return dam_evm_suite_main(argc, argv, file_run);
}
