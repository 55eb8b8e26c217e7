// SPDX-License-Identifier: Apache-2.0
#include "app/evm_trace.h"

#include <stdlib.h>

#include "base/heap.h"
#include "base/hex.h"
#include "base/json.h"
#include "core/evm/opcode.h"

static void step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step)
{
    (void)evm;
    struct dam_evm_trace *trace = ctx;
    const char *name = dam_opcode_name(step->op);
    dam_buf_reset(&trace->line);
    struct dam_json_writer w = {.buf = &trace->line};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "pc");
    dam_json_put_u64(&w, step->pc);
    dam_json_put_key(&w, "op");
    dam_json_put_u64(&w, step->op);
    dam_json_put_key(&w, "gas");
    dam_json_put_quantity(&w, (uint64_t)step->gas);
    dam_json_put_key(&w, "memSize");
    dam_json_put_u64(&w, step->memory.len);
    dam_json_put_key(&w, "stack");
    dam_json_put_array(&w);
    for (size_t i = 0; i < step->stack_count; i++) {
        dam_json_put_quantity_u256(&w, &step->stack[i]);
    }
    dam_json_put_array_end(&w);
    dam_json_put_key(&w, "depth");
    dam_json_put_u64(&w, step->depth);
    dam_json_put_key(&w, "refund");
    dam_json_put_i64(&w, step->refund);
    dam_json_put_key(&w, "opName");
    dam_json_put_cstr(&w, name != NULL ? name : "INVALID");
}

static void step_end(void *ctx, struct dam_evm *evm, int64_t gas_cost, enum dam_evm_status status)
{
    (void)evm;
    struct dam_evm_trace *trace = ctx;
    struct dam_json_writer w = {.buf = &trace->line, .comma = true};
    dam_json_put_key(&w, "gasCost");
    dam_json_put_quantity(&w, gas_cost > 0 ? (uint64_t)gas_cost : 0);
    if (status != DAM_EVM_SUCCESS) {
        dam_json_put_key(&w, "error");
        dam_json_put_cstr(&w, dam_evm_status_text(status));
    }
    dam_json_put_object_end(&w);
    (void)fprintf(trace->out, "%.*s\n", (int)trace->line.len, (const char *)trace->line.data);
}

void dam_evm_trace_init(struct dam_evm_trace *trace, FILE *out)
{
    *trace = (struct dam_evm_trace){.out = out,
                                    .tracer = {.step = step, .step_end = step_end, .ctx = trace}};
    dam_buf_init(&trace->line, dam_heap(), 0);
}

static void put_output(struct dam_json_writer *w, struct dam_bytes output)
{
    char *hex = malloc(2 * output.len + 1);
    if (hex != NULL) {
        dam_hex_encode(output.data, output.len, hex);
        dam_json_put_key(w, "output");
        dam_json_put_string(w, hex, 2 * output.len);
        free(hex);
    }
}

void dam_evm_trace_summary(struct dam_evm_trace *trace, const struct dam_evm_trace_end *end)
{
    dam_buf_reset(&trace->line);
    struct dam_json_writer w = {.buf = &trace->line};
    dam_json_put_object(&w);
    if (end->state_root != NULL) {
        dam_json_put_key(&w, "stateRoot");
        dam_json_put_data(&w, end->state_root->b, sizeof(end->state_root->b));
    }
    put_output(&w, end->output);
    dam_json_put_key(&w, "gasUsed");
    dam_json_put_quantity(&w, end->gas_used);
    if (end->status != DAM_EVM_SUCCESS) {
        dam_json_put_key(&w, "error");
        dam_json_put_cstr(&w, dam_evm_status_text(end->status));
    }
    if (end->state_root != NULL) {
        dam_json_put_key(&w, "pass");
        dam_json_put_bool(&w, end->pass);
        dam_json_put_key(&w, "fork");
        dam_json_put_cstr(&w, end->fork);
    }
    dam_json_put_object_end(&w);
    (void)fprintf(trace->out, "%.*s\n", (int)trace->line.len, (const char *)trace->line.data);
}

void dam_evm_trace_finish(struct dam_evm_trace *trace)
{
    dam_buf_finish(&trace->line);
}
