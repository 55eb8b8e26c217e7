// SPDX-License-Identifier: Apache-2.0
/* `dam evm bench`: how fast the cases of state-test files run. One case is one whole transaction on
 * a warm machine; the world is read before the clock starts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/args.h"
#include "app/evm_json.h"
#include "app/verb.h"
#include "app/verb_evm.h"
#include "app/verb_model.h"
#include "base/heap.h"
#include "base/hex.h"

#define RUNS_MAX 1000000u
#define OUTPUT_MAX 64u /* bytes of output that are shown */

/* What came of a case. */
struct figures {
    uint64_t ns; /* the fastest run */
    uint64_t gas;
    size_t output_len;
    uint8_t output[OUTPUT_MAX];
};

struct bench {
    unsigned runs;
    bool json;
    struct dam_evm *evm;
    struct dam_arena arena;
    unsigned failed;
};

/* Processor time of this thread: neighbours on the machine disturb it least. */
static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The most memory that the program has had so far. Not getrusage: that counts what its parent had
 * when it forked. Returns: 0 where /proc does not tell. */
static uint64_t peak_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    unsigned long long kib = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "VmHWM: %llu kB", &kib) == 1) {
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kib;
}

/* Execute once, without keeping what changed. */
static enum dam_err once(struct bench *bench, const struct dam_evm_view *view,
                         const struct dam_evm_block *block, const struct dam_evm_options *options,
                         const struct dam_evm_tx *tx, struct figures *ret)
{
    struct dam_evm_receipt receipt;
    const uint64_t start = now_ns();
    dam_evm_begin(bench->evm, view, block, options);
    DAM_TRY(dam_evm_transact(bench->evm, tx, &receipt));
    const uint64_t ns = now_ns() - start;
    ret->ns = ns < ret->ns ? ns : ret->ns;
    ret->gas = receipt.gas_used + receipt.gas_refunded;
    ret->output_len = receipt.output.len;
    if (receipt.output.len != 0 && receipt.output.len <= OUTPUT_MAX) {
        memcpy(ret->output, receipt.output.data, receipt.output.len);
    }
    dam_evm_discard(bench->evm);
    return receipt.invalid == DAM_TX_NONE ? DAM_OK : DAM_ERANGE;
}

static enum dam_err case_run(struct bench *bench, const struct dam_json *test, const char *fork,
                             const struct dam_json *post, struct figures *ret)
{
    const struct dam_json *at = dam_json_get(post, "indexes");
    struct dam_evm_json_indexes indexes;
    struct dam_chain_config config;
    enum dam_fork rules;
    struct dam_evm_block block;
    struct dam_evm_tx tx;
    struct dam_evm_world world;
    DAM_TRY(dam_fork_find(fork, &rules));
    dam_chain_config_init(&config, 1, rules);
    const struct dam_evm_options options = dam_evm_options_of(&config, 1, 1);
    DAM_TRY(dam_json_u64(dam_json_get(at, "data"), &indexes.data));
    DAM_TRY(dam_json_u64(dam_json_get(at, "gas"), &indexes.gas));
    DAM_TRY(dam_json_u64(dam_json_get(at, "value"), &indexes.value));
    DAM_TRY(dam_evm_json_env(dam_json_get(test, "env"), &block));
    DAM_TRY(dam_evm_json_tx(&bench->arena, dam_json_get(test, "transaction"), &indexes, &tx));
    dam_evm_world_init(&world, dam_heap());
    enum dam_err err = dam_evm_json_world(&bench->arena, dam_json_get(test, "pre"), &world);
    const struct dam_evm_view view = dam_evm_world_view(&world);
    *ret = (struct figures){.ns = UINT64_MAX};
    /* At least `runs` times, and short ones until a fifth of a second has passed. */
    uint64_t total = 0;
    for (unsigned i = 0; err == DAM_OK && (i < bench->runs || (total < 200000000u && i < 100000));
         i++) {
        const uint64_t start = now_ns();
        err = once(bench, &view, &block, &options, &tx, ret);
        total += now_ns() - start;
    }
    dam_evm_discard(bench->evm);
    dam_evm_world_finish(&world);
    return err;
}

static void case_print(struct bench *bench, const char *name, size_t index, enum dam_err err,
                       const struct figures *got)
{
    if (err != DAM_OK) {
        bench->failed++;
        (void)fprintf(stderr, "error: %s/%zu: %s\n", name, index,
                      err == DAM_ERANGE ? "the transaction is invalid" : dam_err_text(err));
        return;
    }
    const double us = (double)got->ns / 1000.0;
    const double mgas_s = us > 0 ? (double)got->gas / us : 0;
    if (bench->json) {
        char output[2 * OUTPUT_MAX + 1] = "";
        dam_hex_encode(got->output, got->output_len <= OUTPUT_MAX ? got->output_len : 0, output);
        struct dam_buf text;
        dam_buf_init(&text, dam_heap(), 0);
        struct dam_json_writer w = {.buf = &text};
        dam_json_put_cstr(&w, name);
        const int name_len = (int)text.len - 1; /* up to the closing quote */
        (void)printf("{\"name\":%.*s/%zu\",\"gas\":%llu,\"us\":%.3f,\"mgas_s\":%.1f,"
                     "\"peak_kib\":%llu,\"output_len\":%zu,\"output\":\"0x%s\"}\n",
                     name_len, (const char *)text.data, index, (unsigned long long)got->gas, us,
                     mgas_s, (unsigned long long)peak_kib(), got->output_len, output);
        dam_buf_finish(&text);
    } else {
        (void)printf("%-36s %12llu gas %12.3f us %10.1f Mgas/s %8.1f MiB\n", name,
                     (unsigned long long)got->gas, us, mgas_s, (double)peak_kib() / 1024.0);
    }
}

static void file_run(struct bench *bench, const struct dam_json *root)
{
    DAM_JSON_EACH_KEY(name, root)
    {
        char name_text[80];
        (void)snprintf(name_text, sizeof(name_text), "%.*s", (int)name->len, name->text);
        DAM_JSON_EACH_KEY(fork, dam_json_get(name + 1, "post"))
        {
            char fork_text[40];
            size_t index = 0;
            (void)snprintf(fork_text, sizeof(fork_text), "%.*s", (int)fork->len, fork->text);
            DAM_JSON_EACH(post, fork + 1)
            {
                struct figures got;
                const enum dam_err err = case_run(bench, name + 1, fork_text, post, &got);
                case_print(bench, name_text, index++, err, &got);
            }
        }
    }
}

static int path_run(struct bench *bench, const char *path)
{
    const struct dam_json *root;
    struct dam_json_error error;
    struct dam_bytes text;
    int code = dam_model_read_file(path, &text);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    dam_arena_reset(&bench->arena);
    if (dam_json_parse(&bench->arena, (const char *)text.data, text.len, 0, &root, &error) ==
        DAM_OK) {
        file_run(bench, root);
    } else {
        code =
            dam_verb_fail(DAM_EXIT_FAILED, "a state test as JSON is wanted",
                          "%s: line %u, column %u: %s", path, error.line, error.column, error.what);
    }
    free((void *)(uintptr_t)text.data);
    return code;
}

int dam_evm_bench_main(int argc, char **argv)
{
    const char *runs = "3";
    struct bench bench = {.json = false};
    const struct dam_arg known[] = {
        {"--runs", &runs, NULL}, {"--json", NULL, &bench.json}, {NULL, NULL, NULL}};
    struct dam_args paths;
    uint64_t count;
    if (!dam_args_parse(argc, argv, known, DAM_ARGS_WORDS_MAX, &paths)) {
        return DAM_EXIT_USAGE;
    }
    if (!dam_args_u64(runs, &count) || count < 1 || count > RUNS_MAX) {
        return dam_verb_fail(DAM_EXIT_USAGE, NULL, "--runs takes a number from 1 to %u", RUNS_MAX);
    }
    if (paths.count == 0) {
        return dam_verb_fail(DAM_EXIT_USAGE, "`dam help evm` tells more", "no file is named");
    }
    if (dam_evm_create(dam_heap(), NULL, &bench.evm) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    bench.runs = (unsigned)count;
    dam_arena_init(&bench.arena, dam_heap(), 0);
    int code = DAM_EXIT_OK;
    for (int i = 0; i < paths.count; i++) {
        const int outcome = path_run(&bench, paths.words[i]);
        code = outcome != DAM_EXIT_OK ? outcome : code;
    }
    dam_arena_finish(&bench.arena);
    dam_evm_destroy(bench.evm);
    return code == DAM_EXIT_OK && bench.failed != 0 ? DAM_EXIT_FAILED : code;
}
