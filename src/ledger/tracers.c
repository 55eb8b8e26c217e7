// SPDX-License-Identifier: Apache-2.0
#include "ledger/tracers.h"

#include <stdio.h>

#include "core/evm/opcode.h"

/* ---- values ---------------------------------------------------------------------------------- */

void dam_trace_put_word(struct dam_json_writer *w, const struct dam_u256 *word)
{
    uint8_t bytes[32];
    dam_u256_store_be(bytes, word);
    dam_json_put_data(w, bytes, sizeof(bytes));
}

void dam_trace_put_word_key(struct dam_json_writer *w, const struct dam_u256 *word)
{
    uint8_t bytes[32];
    dam_u256_store_be(bytes, word);
    dam_json_put_key_data(w, bytes, sizeof(bytes));
}

void dam_trace_put_address(struct dam_json_writer *w, const char *key,
                           const struct dam_address *address)
{
    dam_json_put_data_at(w, key, dam_bytes(address->b, 20));
}

const char *dam_trace_op_name(uint8_t op)
{
    return op == 0xfe ? "INVALID" : dam_opcode_name(op);
}

/* ---- options --------------------------------------------------------------------------------- */

static bool flag(const struct dam_json *node, const char *key)
{
    bool value = false;
    return dam_json_bool(dam_json_get(node, key), &value) == DAM_OK && value; /* absent: false */
}

static bool find_kind(const struct dam_json *name, enum dam_trace_kind *ret)
{
    static const struct {
        const char *name;
        enum dam_trace_kind kind;
    } tracers[] = {{"callTracer", DAM_TRACE_CALL},
                   {"flatCallTracer", DAM_TRACE_FLAT},
                   {"prestateTracer", DAM_TRACE_PRESTATE},
                   {"4byteTracer", DAM_TRACE_4BYTE},
                   {"erc7562Tracer", DAM_TRACE_ERC7562},
                   {"noopTracer", DAM_TRACE_NOOP},
                   {"muxTracer", DAM_TRACE_MUX}};
    for (size_t i = 0; i < DAM_COUNT_OF(tracers); i++) {
        if (dam_json_is(name, tracers[i].name)) {
            *ret = tracers[i].kind;
            return true;
        }
    }
    return false;
}

/* The opcodes that erc7562Tracer does not count: those of the list, or those that matter to nobody.
 */
static enum dam_err read_ignored(const struct dam_json *list, struct dam_evm_opcode_set *ret,
                                 char fault[DAM_TRACE_FAULT_SIZE])
{
    static const uint8_t harmless[] = {DAM_OP_POP, DAM_OP_ADD, DAM_OP_SUB, DAM_OP_MUL,
                                       DAM_OP_DIV, DAM_OP_EQ,  DAM_OP_LT,  DAM_OP_GT,
                                       DAM_OP_SLT, DAM_OP_SGT, DAM_OP_SHL, DAM_OP_SHR,
                                       DAM_OP_AND, DAM_OP_OR,  DAM_OP_NOT, DAM_OP_ISZERO};
    if (dam_json_is_null(list)) {
        for (unsigned op = DAM_OP_PUSH0; op <= DAM_OP_SWAP16; op++) {
            dam_evm_opcode_set_add(ret, (uint8_t)op);
        }
        for (size_t i = 0; i < sizeof(harmless); i++) {
            dam_evm_opcode_set_add(ret, harmless[i]);
        }
        return DAM_OK;
    }
    uint64_t op = 0;
    const struct dam_json *item = list->type == DAM_JSON_ARRAY ? dam_json_first(list) : list;
    uint32_t left = list->type == DAM_JSON_ARRAY ? list->count : 1;
    for (; left > 0; left--, item = dam_json_next(item)) {
        if (dam_json_quantity(item, &op) != DAM_OK || op > UINT8_MAX) {
            (void)snprintf(fault, DAM_TRACE_FAULT_SIZE,
                           "ignoredOpcodes: not a list of opcodes such as \"0x60\"");
            return DAM_EPARSE;
        }
        dam_evm_opcode_set_add(ret, (uint8_t)op);
    }
    return DAM_OK;
}

/* One named tracer with its own configuration. */
static enum dam_err read_named(const struct dam_json *name, const struct dam_json *config,
                               struct dam_trace_options *ret, char fault[DAM_TRACE_FAULT_SIZE])
{
    *ret = (struct dam_trace_options){.only_top_call = flag(config, "onlyTopCall"),
                                      .with_log = flag(config, "withLog"),
                                      .precompiles = flag(config, "includePrecompiles"),
                                      .parity_errors = flag(config, "convertParityErrors"),
                                      .diff = flag(config, "diffMode"),
                                      .no_code = flag(config, "disableCode"),
                                      .no_storage = flag(config, "disableStorage"),
                                      .with_empty = flag(config, "includeEmpty")};
    if (!find_kind(name, &ret->kind)) {
        (void)snprintf(fault, DAM_TRACE_FAULT_SIZE, "the tracer \"%.*s\" is not known here",
                       name->type == DAM_JSON_STRING ? (int)(name->len > 80 ? 80 : name->len) : 0,
                       name->text);
        return DAM_EPARSE;
    }
    if (ret->diff && ret->with_empty) {
        (void)snprintf(fault, DAM_TRACE_FAULT_SIZE, "cannot use diffMode with includeEmpty");
        return DAM_EPARSE;
    }
    if (ret->kind == DAM_TRACE_ERC7562) {
        return read_ignored(dam_json_get(config, "ignoredOpcodes"), &ret->ignored, fault);
    }
    if (ret->kind != DAM_TRACE_MUX) {
        return DAM_OK;
    }
    ret->parts = config;
    if (config != NULL && config->type != DAM_JSON_OBJECT) {
        (void)snprintf(fault, DAM_TRACE_FAULT_SIZE, "muxTracer: not {tracer: configuration}");
        return DAM_EPARSE;
    }
    DAM_JSON_EACH_KEY(key, config)
    {
        struct dam_trace_options part;
        if (dam_json_is(key, "muxTracer")) {
            (void)snprintf(fault, DAM_TRACE_FAULT_SIZE, "a muxTracer within a muxTracer");
            return DAM_EPARSE;
        }
        DAM_TRY(read_named(key, key + 1, &part, fault));
    }
    return DAM_OK;
}

enum dam_err dam_trace_options_read(const struct dam_json *node, struct dam_trace_options *ret,
                                    char fault[DAM_TRACE_FAULT_SIZE])
{
    const struct dam_json *name = dam_json_get(node, "tracer");
    const struct dam_json *limit = dam_json_get(node, "limit");
    if (!dam_json_is_null(name)) {
        return read_named(name, dam_json_get(node, "tracerConfig"), ret, fault);
    }
    *ret = (struct dam_trace_options){.no_stack = flag(node, "disableStack"),
                                      .no_storage = flag(node, "disableStorage"),
                                      .memory = flag(node, "enableMemory"),
                                      .return_data = flag(node, "enableReturnData")};
    if (!dam_json_is_null(limit) && dam_json_u64(limit, &ret->limit) != DAM_OK) {
        (void)snprintf(fault, DAM_TRACE_FAULT_SIZE, "limit: not a number");
        return DAM_EPARSE;
    }
    return DAM_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

enum dam_err dam_trace_transact(struct dam_trace_target *target, const struct dam_evm_tracer *hooks,
                                struct dam_evm_receipt *ret)
{
    DAM_TRY(target->open(target->ctx, hooks));
    return dam_evm_transact(target->evm, &target->tx, ret);
}

static enum dam_err trace_nothing(struct dam_trace_target *target, struct dam_json_writer *w,
                                  enum dam_tx_invalid *ret_invalid)
{
    struct dam_evm_tracer none = {0};
    struct dam_evm_receipt receipt;
    DAM_TRY(dam_trace_transact(target, &none, &receipt));
    *ret_invalid = receipt.invalid;
    dam_json_put_object(w);
    dam_json_put_object_end(w);
    return DAM_OK;
}

/* Each in a run of its own: the same transaction on the same state does the same again. */
static enum dam_err trace_parts(struct dam_trace_target *target, const struct dam_json *parts,
                                struct dam_json_writer *w, enum dam_tx_invalid *ret_invalid)
{
    dam_json_put_object(w);
    DAM_JSON_EACH_KEY(key, parts)
    {
        struct dam_trace_options options;
        char fault[DAM_TRACE_FAULT_SIZE];
        char name[32];
        DAM_TRY(read_named(key, key + 1, &options, fault));
        (void)snprintf(name, sizeof(name), "%.*s", (int)key->len, key->text);
        dam_json_put_key(w, name);
        DAM_TRY(dam_trace_run(target, &options, w, ret_invalid));
    }
    dam_json_put_object_end(w);
    return DAM_OK;
}

enum dam_err dam_trace_run(struct dam_trace_target *target, const struct dam_trace_options *options,
                           struct dam_json_writer *w, enum dam_tx_invalid *ret_invalid)
{
    enum dam_err err = DAM_OK;
    *ret_invalid = DAM_TX_NONE;
    switch (options->kind) {
    case DAM_TRACE_STRUCT:
        err = dam_trace_struct(target, options, w, ret_invalid);
        break;
    case DAM_TRACE_CALL:
    case DAM_TRACE_FLAT:
    case DAM_TRACE_4BYTE:
    case DAM_TRACE_ERC7562:
        err = dam_trace_calls(target, options, w, ret_invalid);
        break;
    case DAM_TRACE_PRESTATE:
        err = dam_trace_prestate(target, options, w, ret_invalid);
        break;
    case DAM_TRACE_NOOP:
        err = trace_nothing(target, w, ret_invalid);
        break;
    case DAM_TRACE_MUX:
        err = trace_parts(target, options->parts, w, ret_invalid);
        break;
    }
    if (err != DAM_OK || !target->keep) {
        dam_evm_discard(target->evm);
    }
    return err;
}
