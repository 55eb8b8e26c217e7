// SPDX-License-Identifier: Apache-2.0
/* `dam evm run`: code and calldata on an otherwise empty world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/evm_trace.h"
#include "app/verb.h"
#include "app/verb_evm.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/evm/world.h"

struct arguments {
    struct dam_bytes code;
    struct dam_bytes input;
    int64_t gas;
    enum dam_fork fork;
    bool trace;
    bool json;
};

/* Hex from the command line, in memory that lives as long as the process. */
static bool hex_read(const char *option, const char *text, struct dam_bytes *ret)
{
    const size_t size = text != NULL ? strlen(text) / 2 + 1 : 0;
    uint8_t *data = malloc(size + 1);
    if (text == NULL || data == NULL ||
        dam_hex_decode(text, strlen(text), data, size, &ret->len) != DAM_OK) {
        free(data);
        (void)dam_verb_fail(0, "an even number of hex digits, 0x in front or not",
                            "%s: no hex: '%s'", option, text != NULL ? text : "");
        return false;
    }
    ret->data = data;
    return true;
}

static bool gas_read(const char *text, int64_t *ret)
{
    char *end;
    const long long gas = text != NULL ? strtoll(text, &end, 10) : -1;
    if (gas < 0 || gas > INT64_MAX / 2 || *text == '\0' || *end != '\0') {
        (void)dam_verb_fail(0, NULL, "--gas: not a number from 0 to 2^62: '%s'",
                            text != NULL ? text : "");
        return false;
    }
    *ret = gas;
    return true;
}

static bool fork_read(const char *text, enum dam_fork *ret)
{
    if (text == NULL || dam_fork_find(text, ret) != DAM_OK) {
        (void)dam_verb_fail(0, "one of Frontier ... Osaka", "--fork: no fork '%s'",
                            text != NULL ? text : "");
        return false;
    }
    return true;
}

static bool arguments_read(int argc, char **argv, struct arguments *ret)
{
    for (int i = 1; i < argc; i++) {
        const char *value = argv[i + 1]; /* NULL at the end */
        bool takes_value = true;
        bool good = true;
        if (strcmp(argv[i], "--code") == 0) {
            good = hex_read("--code", value, &ret->code);
        } else if (strcmp(argv[i], "--input") == 0) {
            good = hex_read("--input", value, &ret->input);
        } else if (strcmp(argv[i], "--gas") == 0) {
            good = gas_read(value, &ret->gas);
        } else if (strcmp(argv[i], "--fork") == 0) {
            good = fork_read(value, &ret->fork);
        } else {
            takes_value = false;
            ret->trace = ret->trace || strcmp(argv[i], "--trace") == 0;
            ret->json = ret->json || strcmp(argv[i], "--json") == 0;
            if (strcmp(argv[i], "--trace") != 0 && strcmp(argv[i], "--json") != 0) {
                (void)dam_verb_fail(0, "`dam help evm` tells more", "there is no option '%s'",
                                    argv[i]);
                good = false;
            }
        }
        if (!good) {
            return false;
        }
        i += takes_value;
    }
    if (ret->code.data == NULL) {
        (void)dam_verb_fail(0, "dam evm run --code 6001600201", "--code is missing");
        return false;
    }
    return true;
}

static void print_result(const struct arguments *arguments, const struct dam_evm_result *result)
{
    const char *status = dam_evm_status_text(result->status);
    const long long used = (long long)(arguments->gas - result->gas_left);
    char *output = malloc(2 * result->output.len + 1);
    if (output == NULL) {
        return;
    }
    dam_hex_encode(result->output.data, result->output.len, output);
    if (arguments->json) {
        (void)printf("{\"status\":\"%s\",\"gasUsed\":%lld,\"output\":\"0x%s\"}\n", status, used,
                     output);
    } else {
        (void)printf("status: %s\ngas:    %lld\noutput: 0x%s\n", status, used, output);
    }
    free(output);
}

static enum dam_err run(const struct arguments *arguments, struct dam_evm *evm,
                        struct dam_evm_world *world, enum dam_evm_status *ret_status)
{
    const struct dam_address contract = {{[0] = 0xc0, [19] = 0xde}};
    const struct dam_address caller = {{[0] = 0xca, [19] = 0x11}};
    const struct dam_u256 none = {{0, 0, 0, 0}};
    struct dam_chain_config config;
    struct dam_evm_trace trace;
    struct dam_evm_result result;
    struct dam_evm_diff diff;
    dam_chain_config_init(&config, 1, arguments->fork);
    DAM_TRY(dam_evm_world_put(world, &contract, 1, &none));
    DAM_TRY(dam_evm_world_put_code(world, &contract, arguments->code));
    const struct dam_evm_view view = dam_evm_world_view(world);
    const struct dam_evm_block block = {.number = 1, .time = 1, .gas_limit = INT64_MAX};
    struct dam_evm_options options = dam_evm_options_of(&config, 1, 1);
    const struct dam_evm_message message = {.kind = DAM_EVM_KIND_CALL,
                                            .sender = caller,
                                            .to = contract,
                                            .input = arguments->input,
                                            .gas = arguments->gas};
    dam_evm_trace_init(&trace, stdout);
    options.tracer = arguments->trace ? &trace.tracer : NULL;
    const enum dam_err err =
        dam_evm_apply_call(evm, &view, &block, &options, &message, &result, &diff);
    if (err == DAM_OK && arguments->trace) {
        dam_evm_trace_summary(&trace, &(struct dam_evm_trace_end){
                                          .output = result.output,
                                          .gas_used = (uint64_t)(arguments->gas - result.gas_left),
                                          .status = result.status});
    }
    dam_evm_trace_finish(&trace);
    DAM_TRY(err);
    if (!arguments->trace) {
        print_result(arguments, &result);
    }
    *ret_status = result.status;
    return DAM_OK;
}

int dam_evm_run_main(int argc, char **argv)
{
    struct arguments arguments = {.gas = 30000000, .fork = DAM_FORK_DEFAULT};
    struct dam_evm_world world;
    struct dam_evm *evm;
    enum dam_evm_status status = DAM_EVM_SUCCESS;
    if (!arguments_read(argc, argv, &arguments)) {
        return DAM_EXIT_USAGE;
    }
    if (dam_evm_create(dam_heap(), NULL, &evm) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    dam_evm_world_init(&world, dam_heap());
    const enum dam_err err = run(&arguments, evm, &world, &status);
    dam_evm_destroy(evm);
    dam_evm_world_finish(&world);
    free((void *)(uintptr_t)arguments.code.data);
    free((void *)(uintptr_t)arguments.input.data);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s", dam_err_text(err));
    }
    return status == DAM_EVM_SUCCESS ? DAM_EXIT_OK : DAM_EXIT_FAILED;
}
