// SPDX-License-Identifier: Apache-2.0
/* `dam evm bench`: how fast the cases of state-test files run. One case is one whole transaction on
 * a warm machine; the world is read before the clock starts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/evm_json.h"
#include "app/verb.h"
#include "app/verb_evm.h"
#include "base/heap.h"

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

/* Execute once, without keeping what changed. */
static enum dam_err once(struct bench *bench, const struct dam_evm_view *view,
                         const struct dam_evm_block *block, const struct dam_evm_options *options,
                         const struct dam_evm_tx *tx, uint64_t *ret_ns, uint64_t *ret_gas)
{
    struct dam_evm_receipt receipt;
    const uint64_t start = now_ns();
    dam_evm_begin(bench->evm, view, block, options);
    DAM_TRY(dam_evm_transact(bench->evm, tx, &receipt));
    *ret_ns = now_ns() - start;
    dam_evm_discard(bench->evm);
    if (receipt.invalid != DAM_TX_NONE) {
        return DAM_ERANGE;
    }
    *ret_gas = receipt.gas_used + receipt.gas_refunded;
    return DAM_OK;
}

static enum dam_err case_run(struct bench *bench, const struct dam_json *test, const char *fork,
                             const struct dam_json *post, uint64_t *ret_ns, uint64_t *ret_gas)
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
    *ret_ns = UINT64_MAX;
    /* At least `runs` times, and short ones until a fifth of a second has passed. */
    uint64_t total = 0;
    for (unsigned i = 0; err == DAM_OK && (i < bench->runs || (total < 200000000u && i < 100000));
         i++) {
        uint64_t ns;
        err = once(bench, &view, &block, &options, &tx, &ns, ret_gas);
        total += ns;
        *ret_ns = err == DAM_OK && ns < *ret_ns ? ns : *ret_ns;
    }
    dam_evm_discard(bench->evm);
    dam_evm_world_finish(&world);
    return err;
}

static void case_print(struct bench *bench, const char *name, size_t index, enum dam_err err,
                       uint64_t ns, uint64_t gas)
{
    if (err != DAM_OK) {
        bench->failed++;
        (void)fprintf(stderr, "error: %s/%zu: %s\n", name, index,
                      err == DAM_ERANGE ? "the transaction is invalid" : dam_err_text(err));
        return;
    }
    const double mgas_s = ns != 0 ? (double)gas * 1000.0 / (double)ns : 0;
    if (bench->json) {
        (void)printf("{\"name\":\"%s/%zu\",\"gas\":%llu,\"us\":%.3f,\"mgas_s\":%.1f}\n", name,
                     index, (unsigned long long)gas, (double)ns / 1000.0, mgas_s);
    } else {
        (void)printf("%-36s %12llu gas %12.3f us %10.1f Mgas/s\n", name, (unsigned long long)gas,
                     (double)ns / 1000.0, mgas_s);
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
                uint64_t ns = 0;
                uint64_t gas = 0;
                const enum dam_err err = case_run(bench, name + 1, fork_text, post, &ns, &gas);
                case_print(bench, name_text, index++, err, ns, gas);
            }
        }
    }
}

static bool file_read(struct bench *bench, const char *path, const struct dam_json **ret)
{
    FILE *file = fopen(path, "rb");
    struct dam_buf text;
    struct dam_json_error error = {.what = "it cannot be read"};
    uint8_t chunk[65536];
    size_t len;
    dam_buf_init_arena(&text, &bench->arena, 0);
    while (file != NULL && (len = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        dam_buf_put(&text, chunk, len);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    if (file == NULL || dam_buf_err(&text) != DAM_OK ||
        dam_json_parse(&bench->arena, (const char *)text.data, text.len, 0, ret, &error) !=
            DAM_OK) {
        (void)dam_verb_fail(0, "a state test as JSON is wanted", "%s: line %u, column %u: %s", path,
                            error.line, error.column, error.what);
        return false;
    }
    return true;
}

int dam_evm_bench_main(int argc, char **argv)
{
    struct bench bench = {.runs = 3};
    int files = 0;
    if (dam_evm_create(dam_heap(), NULL, &bench.evm) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    dam_arena_init(&bench.arena, dam_heap(), 0);
    for (int i = 1; i < argc; i++) {
        const struct dam_json *root;
        if (strcmp(argv[i], "--json") == 0) {
            bench.json = true;
        } else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            bench.runs = (unsigned)strtoul(argv[++i], NULL, 10);
        } else {
            files++;
            dam_arena_reset(&bench.arena);
            if (file_read(&bench, argv[i], &root)) {
                file_run(&bench, root);
            } else {
                bench.failed++;
            }
        }
    }
    dam_arena_finish(&bench.arena);
    dam_evm_destroy(bench.evm);
    if (files == 0) {
        return dam_verb_fail(DAM_EXIT_USAGE, "`dam help evm` tells more", "no file is named");
    }
    return bench.failed != 0 ? DAM_EXIT_FAILED : DAM_EXIT_OK;
}
