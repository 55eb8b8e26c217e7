// SPDX-License-Identifier: Apache-2.0
/* flatCallTracer: the frames one after the other, as Parity's trace module had them. */
#include <string.h>

#include "ledger/tracers.h"

#define DEPTH_MAX 1100u /* calls nest 1024 deep */

struct flat {
    const struct dam_trace_target *target;
    const struct dam_trace_options *options;
    struct dam_json_writer *w;
    uint32_t address[DEPTH_MAX]; /* which call of each frame around */
    size_t depth;
};

/* Calls of precompiles are left out, as Parity does, unless they are asked for. */
static bool is_shown(const struct flat *flat, const struct dam_call_frame *frame)
{
    bool plain =
        frame->enter.kind == DAM_EVM_KIND_CALL || frame->enter.kind == DAM_EVM_KIND_STATICCALL;
    return flat->options->precompiles || frame->parent == NULL || !plain ||
           !frame->enter.precompile;
}

static const char *parity_error(enum dam_evm_status status, const char *text)
{
    switch (status) {
    case DAM_EVM_OUT_OF_GAS:
    case DAM_EVM_CODE_GAS:
    case DAM_EVM_CODE_SIZE:
        return "Out of gas";
    case DAM_EVM_BAD_JUMP:
        return "Bad jump destination";
    case DAM_EVM_REVERT:
        return "Reverted";
    case DAM_EVM_RETURNDATA_BOUNDS:
        return "Out of bounds";
    case DAM_EVM_STACK_OVERFLOW:
        return "Out of stack";
    case DAM_EVM_STACK_UNDERFLOW:
        return "Stack underflow";
    case DAM_EVM_INVALID_OPCODE:
        return "Bad instruction";
    case DAM_EVM_PRECOMPILE:
        return "Built-in failed";
    case DAM_EVM_SUCCESS:
    case DAM_EVM_REFUSED:
    case DAM_EVM_STATIC_VIOLATION:
    case DAM_EVM_DEPTH:
    case DAM_EVM_BALANCE:
    case DAM_EVM_COLLISION:
    case DAM_EVM_INITCODE_SIZE:
    case DAM_EVM_CODE_PREFIX:
    case DAM_EVM_NONCE:
        break;
    }
    return text; /* Parity has no word for it */
}

static void put_text(struct dam_json_writer *w, const char *key, const char *text)
{
    dam_json_put_key(w, key);
    dam_json_put_cstr(w, text);
}

static void put_create(struct dam_json_writer *w, const struct dam_call_frame *frame)
{
    put_text(w, "creationMethod", frame->enter.kind == DAM_EVM_KIND_CREATE ? "create" : "create2");
    dam_trace_put_address(w, "from", &frame->enter.sender);
    dam_json_put_quantity_at(w, "gas", frame->gas);
    dam_json_put_data_at(w, "init", frame->enter.input);
    dam_json_put_quantity_u256_at(w, "value", &frame->enter.value);
}

static void put_call(struct dam_json_writer *w, const struct dam_call_frame *frame)
{
    enum dam_evm_kind kind = frame->enter.kind;
    bool borrowed = kind == DAM_EVM_KIND_DELEGATECALL || kind == DAM_EVM_KIND_CALLCODE;
    put_text(w, "callType",
             kind == DAM_EVM_KIND_CALL           ? "call"
             : kind == DAM_EVM_KIND_STATICCALL   ? "staticcall"
             : kind == DAM_EVM_KIND_DELEGATECALL ? "delegatecall"
                                                 : "callcode");
    dam_trace_put_address(w, "from", &frame->enter.sender);
    dam_json_put_quantity_at(w, "gas", frame->gas);
    dam_json_put_data_at(w, "input", frame->enter.input);
    dam_trace_put_address(w, "to", borrowed ? &frame->enter.code_address : &frame->enter.to);
    dam_json_put_quantity_u256_at(w, "value", &frame->enter.value);
}

static void put_selfdestruct(struct dam_json_writer *w, const struct dam_call_frame *frame)
{
    dam_trace_put_address(w, "address", &frame->enter.sender);
    dam_json_put_quantity_u256_at(w, "balance", &frame->enter.value);
    dam_trace_put_address(w, "refundAddress", &frame->enter.to);
}

static void put_result(struct dam_json_writer *w, const struct dam_call_frame *frame, bool create)
{
    dam_json_put_key(w, "result");
    dam_json_put_object(w);
    if (create && frame->status == DAM_EVM_SUCCESS) {
        dam_trace_put_address(w, "address", &frame->enter.to);
    }
    if (create) {
        dam_json_put_data_at(w, "code", frame->output);
    }
    dam_json_put_quantity_at(w, "gasUsed", frame->gas_used);
    if (!create) {
        dam_json_put_data_at(w, "output", frame->output);
    }
    dam_json_put_object_end(w);
}

static void put_place(const struct flat *flat, size_t subtraces)
{
    const struct dam_trace_target *target = flat->target;
    struct dam_json_writer *w = flat->w;
    dam_json_put_key(w, "subtraces");
    dam_json_put_u64(w, subtraces);
    dam_json_put_key(w, "traceAddress");
    dam_json_put_array(w);
    for (size_t i = 0; i < flat->depth; i++) {
        dam_json_put_u64(w, flat->address[i]);
    }
    dam_json_put_array_end(w);
    dam_json_put_key(w, "blockHash");
    if (target->in_block) {
        dam_json_put_data(w, target->block_hash.b, 32);
    } else {
        dam_json_put_null(w);
    }
    dam_json_put_key(w, "blockNumber");
    dam_json_put_u64(w, target->block_number);
    dam_json_put_key(w, "transactionHash");
    if (target->in_block) {
        dam_json_put_data(w, target->tx_hash.b, 32);
    } else {
        dam_json_put_null(w);
    }
    dam_json_put_key(w, "transactionPosition");
    dam_json_put_u64(w, target->tx_index);
}

static void put_frame(struct flat *flat, const struct dam_call_frame *frame)
{
    struct dam_json_writer *w = flat->w;
    enum dam_evm_kind kind = frame->enter.kind;
    bool create = kind == DAM_EVM_KIND_CREATE || kind == DAM_EVM_KIND_CREATE2;
    bool suicide = kind == DAM_EVM_KIND_SELFDESTRUCT;
    size_t subtraces = 0;
    char error[80];
    for (const struct dam_call_frame *c = frame->first_call; c != NULL; c = c->next) {
        subtraces += is_shown(flat, c);
    }
    dam_json_put_object(w);
    dam_json_put_key(w, "action");
    dam_json_put_object(w);
    if (suicide) {
        put_selfdestruct(w, frame);
    } else if (create) {
        put_create(w, frame);
    } else {
        put_call(w, frame);
    }
    dam_json_put_object_end(w);
    if (frame->status != DAM_EVM_SUCCESS) {
        dam_trace_error_text(frame, flat->target->fork, error, sizeof(error));
        put_text(w, "error",
                 flat->options->parity_errors ? parity_error(frame->status, error) : error);
    }
    if (!suicide && (frame->status == DAM_EVM_SUCCESS || frame->status == DAM_EVM_REVERT)) {
        put_result(w, frame, create);
    }
    put_place(flat, subtraces);
    put_text(w, "type", suicide ? "suicide" : create ? "create" : "call");
    dam_json_put_object_end(w);
    uint32_t index = 0;
    for (const struct dam_call_frame *c = frame->first_call; c != NULL; c = c->next) {
        if (is_shown(flat, c) && flat->depth < DEPTH_MAX) {
            flat->address[flat->depth++] = index++;
            put_frame(flat, c);
            flat->depth--;
        }
    }
}

void dam_trace_write_flat(const struct dam_trace_target *target,
                          const struct dam_trace_options *options, struct dam_json_writer *w,
                          const struct dam_call_frame *root)
{
    struct flat flat = {.target = target, .options = options, .w = w};
    dam_json_put_array(w);
    put_frame(&flat, root);
    dam_json_put_array_end(w);
}
