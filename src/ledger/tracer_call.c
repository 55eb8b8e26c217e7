// SPDX-License-Identifier: Apache-2.0
/* The tree of calls of a run, and what is written of it: callTracer, 4byteTracer; flatCallTracer is
 * in tracer_flat.c, what erc7562Tracer tells more than callTracer in tracer_erc7562.c. */
#include <inttypes.h>
#include <stdio.h>

#include "ledger/tracers.h"

struct call_tracer {
    struct dam_arena *arena;
    struct dam_call_frame *root, *top;
    uint64_t log_index; /* of the block's next log */
    bool only_top;
    bool failed;                   /* without memory */
    struct dam_trace_rules *rules; /* NULL: not asked for */
};

/* ---- collecting ------------------------------------------------------------------------------ */

static void fail(struct call_tracer *t, struct dam_evm *evm)
{
    t->failed = true;
    dam_evm_tracer_fail(evm, DAM_ENOMEM);
}

static struct dam_bytes keep(struct call_tracer *t, struct dam_evm *evm, struct dam_bytes bytes)
{
    void *copy = dam_arena_copy(t->arena, bytes.data, bytes.len);
    if (copy == NULL) {
        fail(t, evm);
    }
    return dam_bytes(copy, copy != NULL ? bytes.len : 0);
}

static void on_enter(void *ctx, struct dam_evm *evm, const struct dam_evm_enter *enter)
{
    struct call_tracer *t = ctx;
    struct dam_call_frame *frame = t->failed ? NULL : dam_arena_zalloc(t->arena, sizeof(*frame));
    if (frame == NULL) {
        fail(t, evm);
        return;
    }
    frame->enter = *enter;
    frame->enter.input = keep(t, evm, enter->input);
    frame->gas = (uint64_t)enter->gas;
    frame->log_index = t->log_index;
    frame->parent = t->top;
    if (t->top == NULL) {
        t->root = frame;
    } else {
        *(t->top->last_call != NULL ? &t->top->last_call->next : &t->top->first_call) = frame;
        t->top->last_call = frame;
        t->top->call_count++;
    }
    t->top = frame;
}

static void on_exit_frame(void *ctx, struct dam_evm *evm, enum dam_evm_status status,
                          int64_t gas_used, struct dam_bytes output)
{
    struct call_tracer *t = ctx;
    struct dam_call_frame *frame = t->top;
    if (t->failed || frame == NULL) {
        return;
    }
    frame->status = status;
    frame->gas_used = (uint64_t)gas_used;
    frame->output = keep(t, evm, output);
    if (status != DAM_EVM_SUCCESS) {
        t->log_index = frame->log_index; /* its logs are taken back */
    }
    t->top = frame->parent;
}

static void on_log(void *ctx, struct dam_evm *evm, const struct dam_evm_log *log)
{
    struct call_tracer *t = ctx;
    struct dam_trace_log *entry = t->failed ? NULL : dam_arena_zalloc(t->arena, sizeof(*entry));
    if (t->top == NULL || entry == NULL) {
        fail(t, evm);
        return;
    }
    entry->log = *log;
    entry->log.data = keep(t, evm, log->data);
    entry->position = t->only_top ? 0 : t->top->call_count;
    entry->index = t->log_index++;
    *(t->top->last_log != NULL ? &t->top->last_log->next : &t->top->first_log) = entry;
    t->top->last_log = entry;
}

/* For the words of an error, and for what is to be known beside the calls. */
static void on_step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step)
{
    struct call_tracer *t = ctx;
    if (t->failed || t->top == NULL) {
        return;
    }
    t->top->last_op = step->op;
    t->top->last_stack = (uint32_t)step->stack_count;
    t->top->last_gas = step->gas;
    if (t->rules != NULL) {
        dam_trace_rules_step(t->rules, evm, t->root, t->top, step);
    }
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* Words that an opcode takes from the stack; DUP, SWAP and LOG are counted. */
static unsigned stack_needed(uint8_t op)
{
    static const uint8_t needed[256] = {
        [0x01] = 2, [0x02] = 2, [0x03] = 2, [0x04] = 2, [0x05] = 2, [0x06] = 2, [0x07] = 2,
        [0x08] = 3, [0x09] = 3, [0x0a] = 2, [0x0b] = 2, [0x10] = 2, [0x11] = 2, [0x12] = 2,
        [0x13] = 2, [0x14] = 2, [0x15] = 1, [0x16] = 2, [0x17] = 2, [0x18] = 2, [0x19] = 1,
        [0x1a] = 2, [0x1b] = 2, [0x1c] = 2, [0x1d] = 2, [0x1e] = 1, [0x20] = 2, [0x31] = 1,
        [0x35] = 1, [0x37] = 3, [0x39] = 3, [0x3b] = 1, [0x3c] = 4, [0x3e] = 3, [0x3f] = 1,
        [0x40] = 1, [0x49] = 1, [0x50] = 1, [0x51] = 1, [0x52] = 2, [0x53] = 2, [0x54] = 1,
        [0x55] = 2, [0x56] = 1, [0x57] = 2, [0x5c] = 1, [0x5d] = 2, [0x5e] = 3, [0xf0] = 3,
        [0xf1] = 7, [0xf2] = 7, [0xf3] = 2, [0xf4] = 6, [0xf5] = 4, [0xfa] = 6, [0xfd] = 2,
        [0xff] = 1,
    };
    return op >= 0x80 && op <= 0x8f   ? op - 0x80u + 1
           : op >= 0x90 && op <= 0x9f ? op - 0x90u + 2
           : op >= 0xa0 && op <= 0xa4 ? op - 0xa0u + 2
                                      : needed[op];
}

void dam_trace_error_text(const struct dam_call_frame *frame, enum dam_fork fork, char *text,
                          size_t size)
{
    const char *name = dam_trace_op_name(frame->last_op);
    if (frame->status == DAM_EVM_STACK_UNDERFLOW) {
        (void)snprintf(text, size, "stack underflow (%" PRIu32 " <=> %u)", frame->last_stack,
                       stack_needed(frame->last_op));
    } else if (frame->status == DAM_EVM_STACK_OVERFLOW) {
        (void)snprintf(text, size, "stack limit reached %" PRIu32 " (1023)", frame->last_stack);
    } else if (frame->status == DAM_EVM_INVALID_OPCODE && name != NULL) {
        (void)snprintf(text, size, "invalid opcode: %s", name);
    } else if (frame->status == DAM_EVM_INVALID_OPCODE) {
        (void)snprintf(text, size, "invalid opcode: opcode 0x%x not defined", frame->last_op);
    } else if (frame->status == DAM_EVM_OUT_OF_GAS && frame->last_op == 0x55 &&
               fork >= DAM_FORK_ISTANBUL && frame->last_gas <= 2300) { /* EIP-2200 */
        (void)snprintf(text, size, "out of gas: not enough gas for reentrancy sentry");
    } else if (frame->status == DAM_EVM_PRECOMPILE) {
        /* geth has other words for other precompiles; all have this one for a bad length. */
        (void)snprintf(text, size, "invalid input length");
    } else {
        (void)snprintf(text, size, "%s", dam_evm_status_text(frame->status));
    }
}

bool dam_revert_text(struct dam_bytes output, char *text, size_t size)
{
    static const uint8_t error_selector[4] = {0x08, 0xc3, 0x79, 0xa0};
    static const uint8_t panic_selector[4] = {0x4e, 0x48, 0x7b, 0x71};
    static const struct {
        uint8_t code;
        const char *text;
    } panics[] = {
        {0x00, "generic panic"},
        {0x01, "assert(false)"},
        {0x11, "arithmetic underflow or overflow"},
        {0x12, "division or modulo by zero"},
        {0x21, "enum overflow"},
        {0x22, "invalid encoded storage byte array accessed"},
        {0x31, "out-of-bounds array access; popping on an empty array"},
        {0x32, "out-of-bounds access of an array or bytesN"},
        {0x41, "out of memory"},
        {0x51, "uninitialized function"},
    };
    if (output.len >= 68 && memcmp(output.data, error_selector, 4) == 0) {
        struct dam_u256 word = dam_u256_load_be(output.data + 36);
        uint64_t len;
        if (dam_u256_to_u64(&word, &len) && len <= output.len - 68) {
            (void)snprintf(text, size, "%.*s", (int)(len > 400 ? 400 : len),
                           (const char *)output.data + 68);
            return true;
        }
    } else if (output.len == 36 && memcmp(output.data, panic_selector, 4) == 0) {
        for (size_t i = 0; i < DAM_COUNT_OF(panics); i++) {
            if (panics[i].code == output.data[35]) {
                (void)snprintf(text, size, "%s", panics[i].text);
                return true;
            }
        }
        (void)snprintf(text, size, "unknown panic code: 0x%x", output.data[35]);
        return true;
    }
    return false;
}

/* ---- callTracer ------------------------------------------------------------------------------ */

static const char *kind_name(enum dam_evm_kind kind)
{
    switch (kind) {
    case DAM_EVM_KIND_CALL:
        return "CALL";
    case DAM_EVM_KIND_STATICCALL:
        return "STATICCALL";
    case DAM_EVM_KIND_DELEGATECALL:
        return "DELEGATECALL";
    case DAM_EVM_KIND_CALLCODE:
        return "CALLCODE";
    case DAM_EVM_KIND_CREATE:
        return "CREATE";
    case DAM_EVM_KIND_CREATE2:
        return "CREATE2";
    case DAM_EVM_KIND_SELFDESTRUCT:
        return "SELFDESTRUCT";
    }
    return "";
}

static void put_logs(const struct dam_call_frame *frame, struct dam_json_writer *w)
{
    dam_json_put_key(w, "logs");
    dam_json_put_array(w);
    for (const struct dam_trace_log *entry = frame->first_log; entry != NULL; entry = entry->next) {
        dam_json_put_object(w);
        dam_trace_put_address(w, "address", &entry->log.address);
        dam_json_put_key(w, "topics");
        dam_json_put_array(w);
        for (uint8_t i = 0; i < entry->log.topic_count; i++) {
            dam_json_put_data(w, entry->log.topics[i].b, 32);
        }
        dam_json_put_array_end(w);
        dam_json_put_data_at(w, "data", entry->log.data);
        dam_json_put_quantity_at(w, "index", entry->index);
        dam_json_put_quantity_at(w, "position", entry->position);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

static void put_outcome(const struct dam_trace_target *target, const struct dam_call_frame *frame,
                        struct dam_json_writer *w)
{
    bool reverted = frame->status == DAM_EVM_REVERT;
    char text[420];
    if ((frame->status == DAM_EVM_SUCCESS || reverted) && frame->output.len > 0) {
        dam_json_put_data_at(w, "output", frame->output);
    }
    if (frame->status == DAM_EVM_SUCCESS) {
        return;
    }
    dam_trace_error_text(frame, target->fork, text, sizeof(text));
    dam_json_put_key(w, "error");
    dam_json_put_cstr(w, text);
    if (reverted && dam_revert_text(frame->output, text, sizeof(text))) {
        dam_json_put_key(w, "revertReason");
        dam_json_put_cstr(w, text);
    }
}

static enum dam_err put_frame(const struct dam_trace_target *target,
                              const struct dam_trace_options *options,
                              const struct dam_call_frame *frame, struct dam_json_writer *w,
                              bool parent_failed)
{
    enum dam_evm_kind kind = frame->enter.kind;
    bool create = kind == DAM_EVM_KIND_CREATE || kind == DAM_EVM_KIND_CREATE2;
    bool failed = frame->status != DAM_EVM_SUCCESS;
    dam_json_put_object(w);
    dam_trace_put_address(w, "from", &frame->enter.sender);
    dam_json_put_quantity_at(w, "gas", frame->gas);
    dam_json_put_quantity_at(w, "gasUsed", frame->gas_used);
    if (!create || !failed) {
        bool borrowed = kind == DAM_EVM_KIND_DELEGATECALL || kind == DAM_EVM_KIND_CALLCODE;
        dam_trace_put_address(w, "to", borrowed ? &frame->enter.code_address : &frame->enter.to);
    }
    dam_json_put_data_at(w, "input", frame->enter.input);
    put_outcome(target, frame, w);
    if (frame->first_call != NULL && !options->only_top_call) {
        dam_json_put_key(w, "calls");
        dam_json_put_array(w);
        for (const struct dam_call_frame *c = frame->first_call; c != NULL; c = c->next) {
            DAM_TRY(put_frame(target, options, c, w, failed || parent_failed));
        }
        dam_json_put_array_end(w);
    }
    if (frame->first_log != NULL && !failed && !parent_failed) {
        put_logs(frame, w);
    }
    if (kind != DAM_EVM_KIND_STATICCALL) {
        dam_json_put_quantity_u256_at(w, "value", &frame->enter.value);
    }
    dam_json_put_key(w, "type");
    dam_json_put_cstr(w, kind_name(kind));
    if (options->kind == DAM_TRACE_ERC7562) {
        DAM_TRY(dam_trace_rules_write(target->arena, frame, w));
    }
    dam_json_put_object_end(w);
    return DAM_OK;
}

/* ---- selectors ------------------------------------------------------------------------------- */

struct selector {
    char text[40];
    uint64_t count;
    struct selector *next;
};

static void count_selectors(struct call_tracer *t, const struct dam_call_frame *frame,
                            struct selector **list)
{
    enum dam_evm_kind kind = frame->enter.kind;
    bool call = kind == DAM_EVM_KIND_CALL || kind == DAM_EVM_KIND_STATICCALL ||
                kind == DAM_EVM_KIND_DELEGATECALL || kind == DAM_EVM_KIND_CALLCODE;
    const struct dam_bytes input = frame->enter.input;
    if (call && !frame->enter.precompile && input.len >= 4) {
        char text[40];
        (void)snprintf(text, sizeof(text), "0x%02x%02x%02x%02x-%zu", input.data[0], input.data[1],
                       input.data[2], input.data[3], input.len - 4);
        struct selector *at = *list;
        while (at != NULL && strcmp(at->text, text) != 0) {
            at = at->next;
        }
        if (at == NULL && (at = dam_arena_zalloc(t->arena, sizeof(*at))) != NULL) {
            memcpy(at->text, text, sizeof(text));
            at->next = *list;
            *list = at;
        }
        if (at != NULL) {
            at->count++;
        }
    }
    for (const struct dam_call_frame *c = frame->first_call; c != NULL; c = c->next) {
        count_selectors(t, c, list);
    }
}

/* {"0xselector-size": count}. */
static void write_selectors(struct call_tracer *tracer, struct dam_json_writer *w)
{
    struct selector *list = NULL;
    count_selectors(tracer, tracer->root, &list);
    dam_json_put_object(w);
    for (; list != NULL; list = list->next) {
        dam_json_put_key(w, list->text);
        dam_json_put_u64(w, list->count);
    }
    dam_json_put_object_end(w);
}

static enum dam_err write(struct dam_trace_target *target, const struct dam_trace_options *options,
                          struct call_tracer *tracer, struct dam_json_writer *w)
{
    switch (options->kind) {
    case DAM_TRACE_4BYTE:
        write_selectors(tracer, w);
        return DAM_OK;
    case DAM_TRACE_FLAT:
        dam_trace_write_flat(target, options, w, tracer->root);
        return DAM_OK;
    default:
        return put_frame(target, options, tracer->root, w, false);
    }
}

enum dam_err dam_trace_calls(struct dam_trace_target *target,
                             const struct dam_trace_options *options, struct dam_json_writer *w,
                             enum dam_tx_invalid *ret_invalid)
{
    struct dam_trace_rules rules;
    struct call_tracer tracer = {.arena = target->arena,
                                 .log_index = target->log_start,
                                 .only_top = options->only_top_call,
                                 .rules = options->kind == DAM_TRACE_ERC7562 ? &rules : NULL};
    struct dam_evm_tracer hooks = {.step = options->kind == DAM_TRACE_4BYTE ? NULL : on_step,
                                   .enter = on_enter,
                                   .exit = on_exit_frame,
                                   .log = options->with_log ? on_log : NULL,
                                   .ctx = &tracer};
    struct dam_evm_receipt receipt;
    dam_trace_rules_init(&rules, target->arena, &options->ignored);
    enum dam_err err = dam_trace_transact(target, &hooks, &receipt);
    dam_trace_rules_finish(&rules);
    DAM_TRY(err);
    *ret_invalid = receipt.invalid;
    if (receipt.invalid != DAM_TX_NONE) {
        return DAM_OK;
    }
    if (tracer.failed || tracer.root == NULL) {
        return DAM_ENOMEM;
    }
    tracer.root->gas = target->tx.gas_limit;
    tracer.root->gas_used = receipt.gas_used;
    return write(target, options, &tracer, w);
}
