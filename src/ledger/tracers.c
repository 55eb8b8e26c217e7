// SPDX-License-Identifier: Apache-2.0
#include "ledger/tracers.h"

#include <stdio.h>

#include "base/assert.h"
#include "core/evm/opcode.h"

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
    }
    return false;
}

/* ---- struct logs ----------------------------------------------------------------------------- */

/* The slots of one contract that the run has read or written so far. */
struct dam_trace_slots {
    struct dam_trace_slots *next;
    struct dam_address address;
    struct dam_u256 *keys;
    struct dam_u256 *values;
    size_t count;
    size_t size;
};

static struct dam_trace_slots *slots_of(struct dam_struct_tracer *t,
                                        const struct dam_address *address)
{
    struct dam_trace_slots *slots = t->slots;
    while (slots != NULL && !dam_address_eq(&slots->address, address)) {
        slots = slots->next;
    }
    if (slots == NULL) {
        slots = dam_arena_zalloc(t->arena, sizeof(*slots));
        if (slots != NULL) {
            slots->address = *address;
            slots->next = t->slots;
            t->slots = slots;
        }
    }
    return slots;
}

static void note_slot(struct dam_struct_tracer *t, const struct dam_address *address,
                      const struct dam_u256 *key, const struct dam_u256 *value)
{
    struct dam_trace_slots *slots = slots_of(t, address);
    for (size_t i = 0; slots != NULL && i < slots->count; i++) {
        if (dam_u256_eq(&slots->keys[i], key)) {
            slots->values[i] = *value;
            return;
        }
    }
    if (slots != NULL && slots->count == slots->size) {
        size_t size = slots->size == 0 ? 8 : slots->size * 2;
        struct dam_u256 *keys = dam_arena_alloc(t->arena, size * sizeof(*keys));
        struct dam_u256 *values = dam_arena_alloc(t->arena, size * sizeof(*values));
        if (keys == NULL || values == NULL) {
            return;
        }
        if (slots->count > 0) {
            memcpy(keys, slots->keys, slots->count * sizeof(*keys));
            memcpy(values, slots->values, slots->count * sizeof(*values));
        }
        slots->keys = keys;
        slots->values = values;
        slots->size = size;
    }
    if (slots != NULL) {
        slots->keys[slots->count] = *key;
        slots->values[slots->count++] = *value;
    }
}

static void put_word_text(char text[67], const struct dam_u256 *word)
{
    uint8_t bytes[32];
    struct dam_buf buf;
    dam_u256_store_be(bytes, word);
    dam_buf_init_fixed(&buf, text, 66);
    dam_buf_put_text(&buf, "0x");
    dam_buf_put_hex(&buf, bytes, 32);
    text[66] = '\0';
}

static void put_storage(struct dam_struct_tracer *t)
{
    struct dam_trace_slots *slots = slots_of(t, &t->address);
    char text[67];
    dam_json_put_key(t->w, "storage");
    dam_json_put_object(t->w);
    for (size_t i = 0; slots != NULL && i < slots->count; i++) {
        put_word_text(text, &slots->keys[i]);
        dam_json_put_key(t->w, text);
        put_word_text(text, &slots->values[i]);
        dam_json_put_cstr(t->w, text);
    }
    dam_json_put_object_end(t->w);
}

static void put_memory(struct dam_json_writer *w, struct dam_bytes memory)
{
    dam_json_put_key(w, "memory");
    dam_json_put_array(w);
    for (size_t i = 0; i < memory.len; i += 32) {
        uint8_t word[32] = {0};
        memcpy(word, memory.data + i, memory.len - i < 32 ? memory.len - i : 32);
        dam_json_put_data(w, word, sizeof(word));
    }
    dam_json_put_array_end(w);
}

static void struct_step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step)
{
    struct dam_struct_tracer *t = ctx;
    const struct dam_u256 *top = step->stack + step->stack_count;
    const char *name = dam_opcode_name(step->op);
    char unknown[32];
    if (t->options->limit != 0 && t->count >= t->options->limit) {
        return;
    }
    t->count++;
    t->open = true;
    t->address = step->address;
    t->is_storage_op = false;
    dam_json_put_object(t->w);
    dam_json_put_key(t->w, "pc");
    dam_json_put_u64(t->w, step->pc);
    dam_json_put_key(t->w, "op");
    if (name == NULL) {
        (void)snprintf(unknown, sizeof(unknown), "opcode 0x%x not defined", step->op);
        name = unknown;
    }
    dam_json_put_cstr(t->w, name);
    dam_json_put_key(t->w, "gas");
    dam_json_put_i64(t->w, step->gas);
    dam_json_put_key(t->w, "depth");
    dam_json_put_u64(t->w, step->depth);
    if (!t->options->no_stack) {
        dam_json_put_key(t->w, "stack");
        dam_json_put_array(t->w);
        for (size_t i = 0; i < step->stack_count; i++) {
            dam_json_put_quantity_u256(t->w, &step->stack[i]);
        }
        dam_json_put_array_end(t->w);
    }
    if (t->options->memory && step->memory.len > 0) {
        put_memory(t->w, step->memory);
    }
    if (t->options->return_data && step->return_data.len > 0) {
        dam_rpc_put_data_at(t->w, "returnData", step->return_data);
    }
    if (step->refund != 0) {
        dam_json_put_key(t->w, "refund");
        dam_json_put_i64(t->w, step->refund);
    }
    struct dam_u256 value;
    if (!t->options->no_storage && step->op == 0x54 && step->stack_count >= 1 &&
        dam_evm_get_storage(evm, &step->address, &top[-1], &value) == DAM_OK) {
        note_slot(t, &step->address, &top[-1], &value);
        t->is_storage_op = true;
    } else if (!t->options->no_storage && step->op == 0x55 && step->stack_count >= 2) {
        note_slot(t, &step->address, &top[-1], &top[-2]);
        t->is_storage_op = true;
    }
}

static void struct_step_end(void *ctx, struct dam_evm *evm, int64_t gas_cost,
                            enum dam_evm_status status)
{
    struct dam_struct_tracer *t = ctx;
    (void)evm;
    if (!t->open) {
        return;
    }
    t->open = false;
    dam_json_put_key(t->w, "gasCost");
    dam_json_put_i64(t->w, gas_cost);
    if (t->is_storage_op) {
        put_storage(t);
    }
    if (status != DAM_EVM_SUCCESS && status != DAM_EVM_REVERT) {
        dam_json_put_key(t->w, "error");
        dam_json_put_cstr(t->w, dam_evm_status_text(status));
    }
    dam_json_put_object_end(t->w);
}

void dam_struct_tracer_hooks(struct dam_struct_tracer *tracer, struct dam_evm_tracer *ret)
{
    *ret = (struct dam_evm_tracer){.step = struct_step, .step_end = struct_step_end, .ctx = tracer};
}

/* ---- calls ----------------------------------------------------------------------------------- */

struct trace_log {
    struct trace_log *next;
    struct dam_evm_log log;
    uint64_t position; /* calls of the frame before it */
    uint64_t index;
};

struct dam_call_frame {
    struct dam_call_frame *parent, *next, *first_call, *last_call;
    uint64_t call_count;
    struct dam_evm_enter enter;
    struct dam_bytes output;
    enum dam_evm_status status;
    int64_t gas_used;
    struct trace_log *first_log, *last_log;
    bool precompile;
};

static struct dam_bytes keep(struct dam_call_tracer *t, struct dam_bytes bytes)
{
    void *copy = dam_arena_copy(t->arena, bytes.data, bytes.len);
    t->failed = t->failed || copy == NULL;
    return dam_bytes(copy, copy != NULL ? bytes.len : 0);
}

static void call_enter(void *ctx, struct dam_evm *evm, const struct dam_evm_enter *enter)
{
    struct dam_call_tracer *t = ctx;
    struct dam_call_frame *frame = dam_arena_zalloc(t->arena, sizeof(*frame));
    (void)evm;
    if (frame == NULL || t->failed) {
        t->failed = true;
        return;
    }
    frame->enter = *enter;
    frame->enter.input = keep(t, enter->input);
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

static void call_exit(void *ctx, struct dam_evm *evm, enum dam_evm_status status, int64_t gas_used,
                      struct dam_bytes output)
{
    struct dam_call_tracer *t = ctx;
    (void)evm;
    if (t->failed || t->top == NULL) {
        return;
    }
    t->top->status = status;
    t->top->gas_used = gas_used;
    t->top->output = keep(t, output);
    t->top = t->top->parent;
}

static void call_log(void *ctx, struct dam_evm *evm, const struct dam_evm_log *log)
{
    struct dam_call_tracer *t = ctx;
    struct trace_log *entry = dam_arena_zalloc(t->arena, sizeof(*entry));
    (void)evm;
    if (t->failed || t->top == NULL || entry == NULL) {
        t->failed = true;
        return;
    }
    entry->log = *log;
    entry->log.data = keep(t, log->data);
    entry->position = t->top->call_count;
    *(t->top->last_log != NULL ? &t->top->last_log->next : &t->top->first_log) = entry;
    t->top->last_log = entry;
}

void dam_call_tracer_hooks(struct dam_call_tracer *tracer, struct dam_evm_tracer *ret)
{
    *ret = (struct dam_evm_tracer){.enter = call_enter,
                                   .exit = call_exit,
                                   .log = tracer->options->with_log ? call_log : NULL,
                                   .ctx = tracer};
}

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

static void put_logs(const struct dam_call_frame *frame, struct dam_json_writer *w, uint64_t *index)
{
    dam_json_put_key(w, "logs");
    dam_json_put_array(w);
    for (const struct trace_log *entry = frame->first_log; entry != NULL; entry = entry->next) {
        dam_json_put_object(w);
        dam_rpc_put_address_at(w, "address", &entry->log.address);
        dam_json_put_key(w, "topics");
        dam_json_put_array(w);
        for (uint8_t i = 0; i < entry->log.topic_count; i++) {
            dam_rpc_put_hash(w, &entry->log.topics[i]);
        }
        dam_json_put_array_end(w);
        dam_rpc_put_data_at(w, "data", entry->log.data);
        dam_rpc_put_u64_at(w, "index", (*index)++);
        dam_rpc_put_u64_at(w, "position", entry->position);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

static void put_frame(const struct dam_call_tracer *t, const struct dam_call_frame *frame,
                      struct dam_json_writer *w, uint64_t gas, uint64_t gas_used,
                      bool parent_failed, uint64_t *log_index)
{
    bool create =
        frame->enter.kind == DAM_EVM_KIND_CREATE || frame->enter.kind == DAM_EVM_KIND_CREATE2;
    bool failed = frame->status != DAM_EVM_SUCCESS;
    char reason[420];
    dam_json_put_object(w);
    dam_rpc_put_address_at(w, "from", &frame->enter.sender);
    dam_rpc_put_u64_at(w, "gas", gas);
    dam_rpc_put_u64_at(w, "gasUsed", gas_used);
    if (!create || !failed) {
        bool delegated = frame->enter.kind == DAM_EVM_KIND_DELEGATECALL ||
                         frame->enter.kind == DAM_EVM_KIND_CALLCODE;
        dam_rpc_put_address_at(w, "to", delegated ? &frame->enter.code_address : &frame->enter.to);
    }
    dam_rpc_put_data_at(w, "input", frame->enter.input);
    bool show_output = !failed || frame->status == DAM_EVM_REVERT;
    if (show_output && frame->output.len > 0) {
        dam_rpc_put_data_at(w, "output", frame->output);
    }
    if (failed) {
        dam_json_put_key(w, "error");
        dam_json_put_cstr(w, dam_evm_status_text(frame->status));
        if (frame->status == DAM_EVM_REVERT &&
            dam_revert_text(frame->output, reason, sizeof(reason))) {
            dam_json_put_key(w, "revertReason");
            dam_json_put_cstr(w, reason);
        }
    }
    if (frame->first_call != NULL && !t->options->only_top_call) {
        dam_json_put_key(w, "calls");
        dam_json_put_array(w);
        for (const struct dam_call_frame *c = frame->first_call; c != NULL; c = c->next) {
            put_frame(t, c, w, (uint64_t)c->enter.gas, (uint64_t)c->gas_used,
                      failed || parent_failed, log_index);
        }
        dam_json_put_array_end(w);
    }
    if (frame->first_log != NULL && !failed && !parent_failed) {
        put_logs(frame, w, log_index);
    }
    if (frame->enter.kind != DAM_EVM_KIND_STATICCALL) {
        dam_rpc_put_u256_at(w, "value", &frame->enter.value);
    }
    dam_json_put_key(w, "type");
    dam_json_put_cstr(w, kind_name(frame->enter.kind));
    dam_json_put_object_end(w);
}

void dam_call_tracer_write(struct dam_call_tracer *tracer, struct dam_json_writer *w,
                           const struct dam_evm_receipt *receipt, uint64_t gas_limit)
{
    uint64_t log_index = 0;
    if (tracer->root == NULL) {
        dam_json_put_null(w);
        return;
    }
    put_frame(tracer, tracer->root, w, gas_limit, receipt->gas_used, false, &log_index);
}

/* ---- selectors ------------------------------------------------------------------------------- */

struct selector {
    char text[40];
    uint64_t count;
    struct selector *next;
};

static void count_selectors(struct dam_call_tracer *t, const struct dam_call_frame *frame,
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

void dam_4byte_write(struct dam_call_tracer *tracer, struct dam_json_writer *w)
{
    struct selector *list = NULL;
    if (tracer->root != NULL) {
        count_selectors(tracer, tracer->root, &list);
    }
    dam_json_put_object(w);
    for (; list != NULL; list = list->next) {
        dam_json_put_key(w, list->text);
        dam_json_put_u64(w, list->count);
    }
    dam_json_put_object_end(w);
}
