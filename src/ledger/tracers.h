// SPDX-License-Identifier: Apache-2.0
/* The tracers behind debug_trace*: a transaction run again with hooks that write what it did, as
 * geth writes it: struct logs, callTracer, flatCallTracer, prestateTracer, 4byteTracer,
 * erc7562Tracer, noopTracer and muxTracer. They know no ledger and no JSON-RPC: the target says how
 * its state is come by. Called by ledger/tracer.c and by `dam evm trace`. */
#ifndef DAM_LEDGER_TRACERS_H
#define DAM_LEDGER_TRACERS_H

#include "base/json.h"
#include "base/table.h"
#include "core/evm/evm.h"

enum dam_trace_kind {
    DAM_TRACE_STRUCT,
    DAM_TRACE_CALL,
    DAM_TRACE_FLAT,
    DAM_TRACE_PRESTATE,
    DAM_TRACE_4BYTE,
    DAM_TRACE_ERC7562,
    DAM_TRACE_NOOP,
    DAM_TRACE_MUX
};

struct dam_trace_options {
    enum dam_trace_kind kind;
    bool no_stack, no_storage, memory, return_data; /* struct logs */
    uint64_t limit;                                 /* struct logs; 0: none */
    bool only_top_call;                             /* callTracer */
    bool with_log;                                  /* callTracer, erc7562Tracer */
    struct dam_evm_opcode_set ignored;              /* erc7562Tracer: not counted */
    bool precompiles, parity_errors;                /* flatCallTracer */
    bool diff, no_code, with_empty;                 /* prestateTracer; no_storage too */
    const struct dam_json *parts; /* muxTracer: {tracer: its tracerConfig}, borrowed */
};

#define DAM_TRACE_FAULT_SIZE 160

/** Read a TraceConfig object. Returns: DAM_OK; or DAM_EPARSE with a sentence in fault. In: node:
 *  NULL for the defaults. */
DAM_MUST_USE enum dam_err dam_trace_options_read(const struct dam_json *node,
                                                 struct dam_trace_options *ret,
                                                 char fault[DAM_TRACE_FAULT_SIZE]);

/* A transaction to trace. */
struct dam_trace_target {
    struct dam_evm *evm;
    struct dam_arena *arena; /* scratch, given back by whoever owns it */
    /* Open a session at the moment before the transaction: whatever comes before it in its block
     * has run, unseen by the tracer. Called once or more a trace; a session that has already run
     * the transaction is given up. The tracer is borrowed until the next call. */
    enum dam_err (*open)(void *ctx, const struct dam_evm_tracer *tracer);
    void *ctx;
    bool keep; /* leave the session open after a trace: the next of the block follows */
    struct dam_evm_tx tx;
    struct dam_address coinbase;
    enum dam_fork fork;
    uint32_t log_start; /* logs of the block before this transaction's */
    bool in_block;      /* the rest is known */
    struct dam_hash block_hash;
    struct dam_hash tx_hash;
    uint32_t tx_index;
    uint64_t block_number;
};

/** Trace and write one JSON value; the session is closed unless target->keep.
 *  Returns: DAM_OK; DAM_OK with *ret_invalid set if the transaction cannot run at all (what was
 *  written is to be taken back); or an error of open, of the machine, or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_trace_run(struct dam_trace_target *target,
                                        const struct dam_trace_options *options,
                                        struct dam_json_writer *w,
                                        enum dam_tx_invalid *ret_invalid);

/** The reason in revert data: Error(string) or a panic's meaning. Returns: false if there is none.
 */
bool dam_revert_text(struct dam_bytes output, char *text, size_t size);

/* ---- for the tracer_*.c files ---------------------------------------------------------------- */

/** Open the target's session and run it under these hooks. Returns: as dam_trace_run; the session
 * is open if DAM_OK. */
DAM_MUST_USE enum dam_err dam_trace_transact(struct dam_trace_target *target,
                                             const struct dam_evm_tracer *hooks,
                                             struct dam_evm_receipt *ret);

/* One kind each; as dam_trace_run, but the session stays open. */
enum dam_err dam_trace_struct(struct dam_trace_target *target,
                              const struct dam_trace_options *options, struct dam_json_writer *w,
                              enum dam_tx_invalid *ret_invalid);
enum dam_err dam_trace_calls(struct dam_trace_target *target,
                             const struct dam_trace_options *options, struct dam_json_writer *w,
                             enum dam_tx_invalid *ret_invalid);
enum dam_err dam_trace_prestate(struct dam_trace_target *target,
                                const struct dam_trace_options *options, struct dam_json_writer *w,
                                enum dam_tx_invalid *ret_invalid);

/* Values as the tracers write them. */
void dam_trace_put_word(struct dam_json_writer *w, const struct dam_u256 *word); /* 32 bytes */
void dam_trace_put_word_key(struct dam_json_writer *w, const struct dam_u256 *word);
void dam_trace_put_address(struct dam_json_writer *w, const char *key,
                           const struct dam_address *address);

/* A log in a frame. */
struct dam_trace_log {
    struct dam_trace_log *next;
    struct dam_evm_log log;
    uint64_t position; /* calls of the frame before it */
    uint64_t index;    /* in the block */
};

/* One call, create or selfdestruct, with those within. */
struct dam_call_frame {
    struct dam_call_frame *parent, *next, *first_call, *last_call;
    uint64_t call_count;
    struct dam_evm_enter enter;
    uint64_t gas;      /* of the outermost: the transaction's */
    uint64_t gas_used; /* likewise */
    struct dam_bytes output;
    enum dam_evm_status status;
    struct dam_trace_log *first_log, *last_log;
    struct dam_trace_note *first_note, *last_note; /* erc7562Tracer's */
    uint64_t log_index;                            /* the block's next log when it began */
    uint8_t last_op;                               /* for the words of an error */
    uint32_t last_stack;
    int64_t last_gas;
};

/** The name of an opcode as geth writes it, or NULL: 0xfe has one though it is none. */
const char *dam_trace_op_name(uint8_t op);

/** What ended a frame, in geth's words, which tell an underflow's depth and an opcode's name. */
void dam_trace_error_text(const struct dam_call_frame *frame, enum dam_fork fork, char *text,
                          size_t size);

/* What erc7562Tracer remembers beside the frames. */
struct dam_trace_rules {
    struct dam_arena *arena;
    struct dam_evm_opcode_set ignored;
    struct dam_table table;   /* the notes by frame, kind and key */
    unsigned last_op;         /* above 255: none that counts */
    struct dam_u256 last_top; /* of the stack before it */
};

void dam_trace_rules_init(struct dam_trace_rules *rules, struct dam_arena *arena,
                          const struct dam_evm_opcode_set *ignored);
void dam_trace_rules_finish(struct dam_trace_rules *rules);

/** Note what an opcode does in a frame. A failure stops the machine. */
void dam_trace_rules_step(struct dam_trace_rules *rules, struct dam_evm *evm,
                          struct dam_call_frame *root, struct dam_call_frame *frame,
                          const struct dam_evm_step *step);

/** The members of a frame that callTracer has not. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_trace_rules_write(struct dam_arena *arena,
                                                const struct dam_call_frame *frame,
                                                struct dam_json_writer *w);

/** The frames as flatCallTracer's list. */
void dam_trace_write_flat(const struct dam_trace_target *target,
                          const struct dam_trace_options *options, struct dam_json_writer *w,
                          const struct dam_call_frame *root);

#endif
