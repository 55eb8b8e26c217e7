// SPDX-License-Identifier: Apache-2.0
/* `dam evm run`: code and calldata on an otherwise empty world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/args.h"
#include "app/evm_trace.h"
#include "app/verb.h"
#include "app/verb_evm.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/evm/world.h"

#define GAS_DEFAULT 30000000u

struct arguments {
    struct dam_bytes code;
    struct dam_bytes input;
    int64_t gas;
    enum dam_fork fork;
    bool trace;
    bool json;
};

/* Where text stops being hex. Returns: its length if that is all hex, of an even number of digits.
 */
static size_t hex_end(const char *text)
{
    const size_t begin = text[0] == '0' && text[1] == 'x' ? 2 : 0;
    const size_t digits = strspn(text + begin, "0123456789abcdefABCDEF");
    return begin + digits;
}

/* Hex from the command line, in memory that lives as long as the process. */
static bool hex_read(const char *option, const char *text, struct dam_bytes *ret)
{
    const size_t len = strlen(text);
    const size_t end = hex_end(text);
    uint8_t *data = malloc(len / 2 + 1);
    if (data == NULL) {
        (void)dam_verb_fail(0, NULL, "out of memory");
        return false;
    }
    ret->data = data;
    if (dam_hex_decode(text, len, data, len / 2 + 1, &ret->len) == DAM_OK) {
        return true;
    }
    if (end < len) {
        (void)dam_verb_fail(0, "hex digits, 0x in front or not",
                            "%s: '%c' at place %zu is no hex digit", option, text[end], end + 1);
    } else {
        (void)dam_verb_fail(0, "two digits are a byte", "%s: half a byte at the end", option);
    }
    return false;
}

static bool arguments_read(int argc, char **argv, struct arguments *ret)
{
    const char *code = NULL;
    const char *input = "";
    const char *gas = NULL;
    const char *fork = NULL;
    const struct dam_arg known[] = {
        {"--code", &code, NULL}, {"--input", &input, NULL},      {"--gas", &gas, NULL},
        {"--fork", &fork, NULL}, {"--trace", NULL, &ret->trace}, {"--json", NULL, &ret->json},
        {NULL, NULL, NULL}};
    struct dam_args words;
    uint64_t gas_value = GAS_DEFAULT;
    if (!dam_args_parse(argc, argv, known, 0, &words)) {
        return false;
    }
    if (code == NULL) {
        (void)dam_verb_fail(0, "dam evm run --code 6001600201", "--code is missing");
        return false;
    }
    if (gas != NULL && (!dam_args_u64(gas, &gas_value) || gas_value > INT64_MAX / 2)) {
        (void)dam_verb_fail(0, NULL, "--gas: not a number from 0 to 2^62: '%s'", gas);
        return false;
    }
    if (fork != NULL && dam_fork_find(fork, &ret->fork) != DAM_OK) {
        (void)dam_verb_fail(0, "one of Frontier ... Osaka", "--fork: no fork '%s'", fork);
        return false;
    }
    ret->gas = (int64_t)gas_value;
    return hex_read("--code", code, &ret->code) && hex_read("--input", input, &ret->input);
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
    struct arguments arguments = {.fork = DAM_FORK_DEFAULT};
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
