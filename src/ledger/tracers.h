// SPDX-License-Identifier: Apache-2.0
/* The tracers behind debug_trace*: each takes hooks from one run and writes its result. For
 * ledger/tracer.c only. */
#ifndef DAM_LEDGER_TRACERS_H
#define DAM_LEDGER_TRACERS_H

#include "ledger/rpc.h"
#include "ledger/touch.h"

enum dam_trace_kind {
    DAM_TRACE_STRUCT,
    DAM_TRACE_CALL,
    DAM_TRACE_PRESTATE,
    DAM_TRACE_4BYTE,
    DAM_TRACE_NOOP
};

struct dam_trace_options {
    enum dam_trace_kind kind;
    bool no_stack, no_storage, memory, return_data; /* struct logs */
    uint64_t limit;                                 /* struct logs; 0: none */
    bool only_top_call, with_log;                   /* callTracer */
    bool diff, no_code;                             /* prestateTracer; no_storage too */
};

struct dam_struct_tracer {
    struct dam_json_writer *w;
    const struct dam_trace_options *options;
    struct dam_arena *arena;
    uint64_t count;
    bool open; /* an entry awaits its end */
    bool is_storage_op;
    struct dam_address address; /* of the open entry */
    struct dam_trace_slots *slots;
};

void dam_struct_tracer_hooks(struct dam_struct_tracer *tracer, struct dam_evm_tracer *ret);

struct dam_call_frame; /* private */

struct dam_call_tracer {
    const struct dam_trace_options *options;
    struct dam_arena *arena;
    struct dam_call_frame *root, *top;
    bool failed; /* without memory */
};

void dam_call_tracer_hooks(struct dam_call_tracer *tracer, struct dam_evm_tracer *ret);
/** Write the tree. In: receipt: of the whole run; gas_limit: the transaction's. */
void dam_call_tracer_write(struct dam_call_tracer *tracer, struct dam_json_writer *w,
                           const struct dam_evm_receipt *receipt, uint64_t gas_limit);

/** {"0xselector-size": count}. */
void dam_4byte_write(struct dam_call_tracer *tracer, struct dam_json_writer *w);

/** The reason in revert data: Error(string) or a panic's meaning. Returns: false if there is none.
 */
bool dam_revert_text(struct dam_bytes output, char *text, size_t size);

#endif
