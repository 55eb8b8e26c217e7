// SPDX-License-Identifier: Apache-2.0
/* `dam evm trace`: one transaction on a state given in a file, through one of the tracers that
 * debug_trace* has. The file is {genesis: {alloc, config}, context: {the block}, input: the signed
 * transaction}, as go-ethereum's own tracer tests are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/args.h"
#include "app/evm_json.h"
#include "app/verb.h"
#include "app/verb_evm.h"
#include "app/verb_model.h"
#include "base/heap.h"
#include "core/eth/tx.h"
#include "core/evm/block.h"
#include "ledger/genesis.h"
#include "ledger/tracers.h"

#define DEPTH_MAX 64u

struct scene {
    struct dam_arena arena;
    struct dam_evm *evm;
    struct dam_evm_world world;
    struct dam_evm_view view;
    struct dam_evm_block block;
    struct dam_evm_options options;
    struct dam_trace_target target;
};

static enum dam_err open_session(void *ctx, const struct dam_evm_tracer *tracer)
{
    struct scene *scene = ctx;
    scene->options.tracer = tracer;
    dam_evm_begin(scene->evm, &scene->view, &scene->block, &scene->options);
    return DAM_OK;
}

static enum dam_err read_block(const struct dam_json *context, struct dam_evm_block *ret)
{
    struct dam_u256 random;
    memset(ret, 0, sizeof(*ret));
    DAM_TRY(dam_evm_json_u64(context, "number", &ret->number));
    DAM_TRY(dam_evm_json_u64(context, "timestamp", &ret->time));
    DAM_TRY(dam_evm_json_u64(context, "gasLimit", &ret->gas_limit));
    DAM_TRY(dam_evm_json_u256(context, "difficulty", &ret->difficulty));
    DAM_TRY(dam_evm_json_u256(context, "baseFeePerGas", &ret->base_fee));
    DAM_TRY(dam_evm_json_u256(context, "mixHash", &random));
    dam_u256_store_be(ret->prev_randao.b, &random);
    return dam_json_hex_exact(dam_json_get(context, "miner"), ret->coinbase.b, 20);
}

static enum dam_err read_tx(struct scene *scene, const struct dam_json *input)
{
    struct dam_bytes bytes;
    struct dam_tx *tx = dam_arena_alloc(&scene->arena, sizeof(*tx)); /* is borrowed from */
    struct dam_address sender;
    if (tx == NULL) {
        return DAM_ENOMEM;
    }
    DAM_TRY(dam_json_hex(input, &scene->arena, &bytes));
    DAM_TRY(dam_tx_decode(&scene->arena, bytes, tx, NULL));
    DAM_TRY(dam_tx_sender(tx, scene->options.fork >= DAM_FORK_HOMESTEAD, &scene->arena, &sender));
    return dam_evm_tx_from(&scene->arena, tx, &sender, &scene->target.tx);
}

/* Out: ret_part: what was read last. */
static enum dam_err read_scene(struct scene *scene, const struct dam_json *root,
                               const char **ret_part)
{
    const struct dam_json *genesis = dam_json_get(root, "genesis");
    struct dam_ledger_chain_rules rules;
    const char *where;
    *ret_part = "genesis";
    DAM_TRY(dam_genesis_rules(genesis, &rules, &where));
    *ret_part = "context";
    DAM_TRY(read_block(dam_json_get(root, "context"), &scene->block));
    *ret_part = "genesis.alloc";
    DAM_TRY(dam_evm_json_world(&scene->arena, dam_json_get(genesis, "alloc"), &scene->world));
    scene->options = dam_evm_options_of(&rules.config, scene->block.number, scene->block.time);
    *ret_part = "input";
    DAM_TRY(read_tx(scene, dam_json_get(root, "input")));
    scene->view = dam_evm_world_view(&scene->world);
    scene->target.evm = scene->evm;
    scene->target.arena = &scene->arena;
    scene->target.open = open_session;
    scene->target.ctx = scene;
    scene->target.coinbase = scene->block.coinbase;
    scene->target.fork = scene->options.fork;
    scene->target.block_number = scene->block.number;
    return DAM_OK;
}

static int trace(struct scene *scene, const struct dam_trace_options *options)
{
    struct dam_buf out;
    enum dam_tx_invalid invalid = DAM_TX_NONE;
    dam_buf_init(&out, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &out};
    enum dam_err err = dam_trace_run(&scene->target, options, &w, &invalid);
    if (err == DAM_OK) {
        err = dam_buf_err(&out);
    }
    int code = DAM_EXIT_OK;
    if (err != DAM_OK) {
        code = dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s", dam_err_text(err));
    } else if (invalid != DAM_TX_NONE) {
        code = dam_verb_fail(DAM_EXIT_FAILED, NULL, "the transaction is invalid: %s",
                             dam_tx_invalid_name(invalid));
    } else {
        (void)printf("%.*s\n", (int)out.len, (const char *)out.data);
    }
    dam_buf_finish(&out);
    return code;
}

/* {"tracer": NAME, "tracerConfig": CONFIG}, as debug_traceTransaction takes it. */
static int read_options(struct scene *scene, const char *name, const char *config,
                        struct dam_trace_options *ret)
{
    char fault[DAM_TRACE_FAULT_SIZE];
    const struct dam_json *node = NULL;
    struct dam_buf buf;
    dam_buf_init_arena(&buf, &scene->arena, 0);
    dam_buf_put_text(&buf, "{\"tracer\":\"");
    dam_buf_put_text(&buf, name != NULL ? name : "callTracer");
    dam_buf_put_text(&buf, "\",\"tracerConfig\":");
    dam_buf_put_text(&buf, config != NULL ? config : "{}");
    dam_buf_put_text(&buf, "}");
    if (dam_buf_err(&buf) != DAM_OK || dam_json_parse(&scene->arena, (char *)buf.data, buf.len,
                                                      DEPTH_MAX, &node, NULL) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_USAGE, "--config '{\"withLog\": true}'",
                             "--tracer or --config: no JSON");
    }
    if (dam_trace_options_read(node, ret, fault) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_USAGE, "`dam help evm` names the tracers", "%s", fault);
    }
    return DAM_EXIT_OK;
}

static int run(struct scene *scene, const char *path, const char *name, const char *config)
{
    struct dam_trace_options options;
    struct dam_bytes text;
    const struct dam_json *root;
    int code = read_options(scene, name, config, &options);
    if (code != DAM_EXIT_OK || (code = dam_model_read_file(path, &text)) != DAM_EXIT_OK) {
        return code;
    }
    struct dam_json_error error;
    const char *part = NULL;
    enum dam_err err =
        dam_json_parse(&scene->arena, (const char *)text.data, text.len, DEPTH_MAX, &root, &error);
    if (err != DAM_OK) {
        code =
            dam_verb_fail(DAM_EXIT_FAILED, "{genesis, context, input} is wanted",
                          "%s: line %u, column %u: %s", path, error.line, error.column, error.what);
    } else if ((err = read_scene(scene, root, &part)) != DAM_OK) {
        code = dam_verb_fail(DAM_EXIT_FAILED, "{genesis, context, input} is wanted", "%s: %s: %s",
                             path, part, dam_err_text(err));
    } else {
        code = trace(scene, &options);
    }
    free((void *)(uintptr_t)text.data);
    return code;
}

int dam_evm_trace_main(int argc, char **argv)
{
    const char *name = NULL;
    const char *config = NULL;
    const struct dam_arg known[] = {
        {"--tracer", &name, NULL}, {"--config", &config, NULL}, {NULL, NULL, NULL}};
    struct dam_args *args = calloc(1, sizeof(*args));
    struct scene *scene = calloc(1, sizeof(*scene));
    int code = DAM_EXIT_USAGE;
    if (args == NULL || scene == NULL || dam_evm_create(dam_heap(), NULL, &scene->evm) != DAM_OK) {
        code = dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    } else if (dam_args_parse(argc, argv, known, 1, args) && args->count == 1) {
        dam_arena_init(&scene->arena, dam_heap(), 0);
        dam_evm_world_init(&scene->world, dam_heap());
        code = run(scene, args->words[0], name, config);
        dam_evm_world_finish(&scene->world);
        dam_arena_finish(&scene->arena);
    } else if (args->count == 0) {
        code = dam_verb_fail(DAM_EXIT_USAGE, "dam evm trace FILE --tracer callTracer",
                             "dam evm trace: no file");
    }
    dam_evm_destroy(scene != NULL ? scene->evm : NULL);
    free(scene);
    free(args);
    return code;
}
