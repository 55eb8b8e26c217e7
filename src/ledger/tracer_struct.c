// SPDX-License-Identifier: Apache-2.0
/* Struct logs: one entry an opcode. */
#include <stdio.h>

#include "ledger/tracers.h"

/* The slots of one contract that the run has read or written so far. */
struct slots {
    struct slots *next;
    struct dam_address address;
    struct dam_u256 *keys;
    struct dam_u256 *values;
    size_t count;
    size_t size;
};

struct struct_tracer {
    struct dam_json_writer *w;
    const struct dam_trace_options *options;
    struct dam_arena *arena;
    uint64_t count;
    bool open; /* an entry awaits its end */
    bool is_storage_op;
    struct dam_address address; /* of the open entry */
    struct slots *slots;
};

static struct slots *slots_of(struct struct_tracer *t, const struct dam_address *address)
{
    struct slots *slots = t->slots;
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

static void note_slot(struct struct_tracer *t, const struct dam_address *address,
                      const struct dam_u256 *key, const struct dam_u256 *value)
{
    struct slots *slots = slots_of(t, address);
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

static void put_storage(struct struct_tracer *t)
{
    struct slots *slots = slots_of(t, &t->address);
    dam_json_put_key(t->w, "storage");
    dam_json_put_object(t->w);
    for (size_t i = 0; slots != NULL && i < slots->count; i++) {
        dam_trace_put_word_key(t->w, &slots->keys[i]);
        dam_trace_put_word(t->w, &slots->values[i]);
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
    struct struct_tracer *t = ctx;
    const struct dam_u256 *top = step->stack + step->stack_count;
    const char *name = dam_trace_op_name(step->op);
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
        dam_json_put_data_at(t->w, "returnData", step->return_data);
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
    if (dam_buf_err(t->w->buf) != DAM_OK) { /* there is no room for more */
        dam_evm_tracer_fail(evm, DAM_ENOMEM);
    }
}

static void struct_step_end(void *ctx, struct dam_evm *evm, int64_t gas_cost,
                            enum dam_evm_status status)
{
    struct struct_tracer *t = ctx;
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

enum dam_err dam_trace_struct(struct dam_trace_target *target,
                              const struct dam_trace_options *options, struct dam_json_writer *w,
                              enum dam_tx_invalid *ret_invalid)
{
    struct struct_tracer tracer = {.w = w, .options = options, .arena = target->arena};
    struct dam_evm_tracer hooks = {
        .step = struct_step, .step_end = struct_step_end, .ctx = &tracer};
    struct dam_evm_receipt receipt;
    dam_json_put_object(w);
    dam_json_put_key(w, "structLogs");
    dam_json_put_array(w);
    DAM_TRY(dam_trace_transact(target, &hooks, &receipt));
    *ret_invalid = receipt.invalid;
    dam_json_put_array_end(w);
    if (receipt.invalid == DAM_TX_NONE) {
        bool shown = receipt.status == DAM_EVM_SUCCESS || receipt.status == DAM_EVM_REVERT;
        dam_json_put_key(w, "gas");
        dam_json_put_u64(w, receipt.gas_used);
        dam_json_put_key(w, "failed");
        dam_json_put_bool(w, receipt.status != DAM_EVM_SUCCESS);
        dam_json_put_data_at(w, "returnValue", shown ? receipt.output : dam_bytes(NULL, 0));
    }
    dam_json_put_object_end(w);
    return DAM_OK;
}
