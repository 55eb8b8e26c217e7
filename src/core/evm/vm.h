// SPDX-License-Identifier: Apache-2.0
/* The inside of struct dam_evm, shared by the files of this room and by nobody else: code, state
 * with its journal, frames, and what the interpreter calls for. Functions here that need memory or
 * the view record a failure in evm->err (the first one stands) and give NULL or a negative gas; the
 * interpreter then unwinds at once. */
#ifndef DAM_CORE_EVM_VM_H
#define DAM_CORE_EVM_VM_H

#include "base/assert.h"
#include "base/table.h"
#include "core/eth/header.h"
#include "core/evm/evm.h"

#define DAM_EVM_STACK_MAX 1024
#define DAM_EVM_DEPTH_MAX 1024
#define DAM_EVM_CODE_LEN_MAX 24576u                         /* EIP-170 */
#define DAM_EVM_INITCODE_LEN_MAX (2 * DAM_EVM_CODE_LEN_MAX) /* EIP-3860 */
#define DAM_EVM_MOVED_MAX 64u                               /* moved precompiles of a session */
#define DAM_EVM_ARENA_LEN_KEPT ((size_t)1 << 20)            /* of each arena, when it is emptied */
#define DAM_EVM_CODE_PADDING 33 /* a PUSH32 as the last byte, then STOP */

/* ---- code ------------------------------------------------------------------------------------ */

/* Code made ready to run: padded with STOP so that neither the program counter nor a PUSH needs a
 * bounds test, and with one bit a byte for the valid jump destinations. */
struct dam_evm_code {
    struct dam_hash hash;
    const uint8_t *bytes;     /* len bytes and DAM_EVM_CODE_PADDING zeros */
    const uint8_t *jumpdests; /* bit (i & 7) of byte i >> 3 */
    size_t len;
    size_t block_len;           /* of the whole block that holds this, for the cache's count */
    uint32_t pins;              /* frames that run it, so that it may not be evicted */
    bool is_given;              /* to somebody outside, for the session: pinned too */
    struct dam_evm_code *given; /* the next of those */
    struct dam_evm_code *next;  /* in its bucket */
    struct dam_evm_code *newer; /* by last use */
    struct dam_evm_code *older;
};

#define DAM_EVM_CODE_BUCKETS 1024

struct dam_evm_code_cache {
    struct dam_evm_code *buckets[DAM_EVM_CODE_BUCKETS];
    struct dam_evm_code *newest;
    struct dam_evm_code *oldest;
    size_t len;
    size_t len_max;
    struct dam_evm_code *given; /* to somebody outside, in this session */
};

/* ---- state ----------------------------------------------------------------------------------- */

struct dam_evm_storage_slot {
    struct dam_u256 key;
    struct dam_u256 value;
    struct dam_u256 tx_value;   /* when the transaction began (EIP-2200 "original") */
    struct dam_u256 view_value; /* when the session began */
    struct dam_evm_record *account;
    struct dam_evm_storage_slot *next; /* of the same account */
    uint64_t journal_mark;
    uint32_t tx_epoch;   /* the transaction for which tx_value holds */
    uint32_t warm_epoch; /* the transaction in which it was last accessed (EIP-2929) */
};

/* What a revert takes back. */
struct dam_evm_record_state {
    uint64_t nonce;
    struct dam_u256 balance;
    struct dam_hash code_hash;
    uint32_t warm_epoch;
    uint32_t created_epoch; /* the transaction that created it (EIP-6780) */
    bool exists;
    bool touched;    /* may be removed if empty at the end of the transaction (EIP-161) */
    bool destructed; /* to be removed at the end of the transaction */
};

struct dam_evm_record {
    struct dam_address address;
    uint32_t index; /* in order of first access */
    struct dam_evm_record_state now;
    uint64_t journal_mark;
    struct dam_evm_storage_slot *slots;
    struct dam_evm_record *next; /* in order of first access */
    struct dam_evm_account view;
    bool view_exists;
    bool storage_cleared; /* the view's slots are gone */
};

enum dam_evm_undo_kind {
    DAM_EVM_UNDO_ACCOUNT,
    DAM_EVM_UNDO_SLOT, /* of storage or transient storage */
};

struct dam_evm_undo {
    enum dam_evm_undo_kind kind;
    uint64_t mark_before;
    union {
        struct {
            struct dam_evm_record *record;
            struct dam_evm_record_state old;
        } account;
        struct {
            struct dam_evm_storage_slot *slot;
            struct dam_u256 old;
            uint32_t warm_epoch;
        } slot;
    };
};

/* Undo records. A record's mark is its absolute number, counted over the whole life of the machine,
 * so "has this slot been saved since that checkpoint" is one comparison and a slot that is written
 * a million times in one frame is saved once. */
struct dam_evm_journal {
    struct dam_evm_undo *undo;
    size_t count;
    size_t capacity;
    uint64_t base; /* mark of undo[0]; never 0 */
};

struct dam_evm_checkpoint {
    uint64_t mark;
    size_t log_count;
    int64_t refund;
};

/* ---- frames ---------------------------------------------------------------------------------- */

struct dam_evm_frame {
    /* The interpreter's registers while another frame runs. */
    const uint8_t *pc;
    struct dam_u256 *sp; /* one past the top */
    int64_t gas;

    uint8_t *memory;
    uint64_t memory_len;   /* a multiple of 32 */
    uint64_t memory_words; /* offsets below this have a whole word behind them */
    uint64_t memory_capacity;

    const uint8_t *code;
    size_t code_len;
    const uint8_t *jumpdests;
    struct dam_evm_code *pinned; /* NULL for init code */
    struct dam_arena_mark code_mark;

    struct dam_bytes input;
    struct dam_bytes return_data; /* of the last inner call */

    struct dam_evm_record *self; /* storage owner */
    struct dam_address caller;
    struct dam_address code_address;
    struct dam_u256 value;
    enum dam_evm_kind kind;
    bool is_static;
    uint32_t depth; /* 0 for the outermost */
    int64_t gas_start;

    struct dam_evm_checkpoint checkpoint;
    uint64_t output_offset; /* where the caller wants the output, in the caller's memory */
    uint64_t output_len;

    struct dam_evm_frame *outer;
    struct dam_evm_frame *inner; /* kept for reuse */
    struct dam_u256 stack[DAM_EVM_STACK_MAX];
};

/* Gas that changed over time. "cold" is what a first access adds; zero before Berlin. */
struct dam_evm_costs {
    int64_t balance;
    int64_t extcode; /* EXTCODESIZE, EXTCODECOPY */
    int64_t extcodehash;
    int64_t sload;
    int64_t call;
    int64_t cold_account;
    int64_t cold_slot;
    int64_t selfdestruct;
    int64_t exp_byte;
};

/* ---- the machine ----------------------------------------------------------------------------- */

struct dam_evm_tx_context {
    struct dam_address origin;
    struct dam_u256 gas_price;
    const struct dam_hash *blob_hashes;
    size_t blob_hash_count;
};

struct dam_evm {
    const void *labels[256]; /* the interpreter's jump table for this session */
    struct dam_evm_costs costs;
    struct dam_evm_frame *frame; /* the running one */
    int64_t refund;
    uint64_t
        mark; /* of the innermost checkpoint: what is saved since then need not be saved again */
    uint32_t epoch; /* number of the transaction, over the whole life of the machine */
    enum dam_fork fork;

    const int *stop; /* options.stop, or where a zero is */
    const struct dam_evm_tracer *tracer;
    struct dam_evm_options options;
    struct dam_evm_view view;
    struct dam_evm_block block;
    struct dam_evm_tx_context tx;
    struct dam_u256 blob_base_fee;
    uint64_t block_gas_used;
    uint64_t block_blob_gas_used;
    enum dam_err err;
    bool open;
    bool labels_valid;
    bool ripemd_touched; /* see dam_evm_state_revert */

    struct dam_arena arena;            /* everything that lives as long as the session */
    struct dam_arena code_arena;       /* init code, a mark a frame */
    struct dam_arena precompile_arena; /* output of the last precompile */
    struct dam_table accounts;
    struct dam_table slots;
    struct dam_table transients;
    struct dam_table new_codes;
    struct dam_evm_record *first;
    struct dam_evm_record *last;
    uint32_t record_count;
    struct dam_evm_journal journal;
    struct dam_evm_log *logs; /* of the running transaction */
    size_t log_count;
    size_t log_capacity;
    struct dam_evm_frame *outermost;
    struct dam_evm_code_cache cache;

    const struct dam_evm_recovery *recoveries; /* see dam_evm_make_up_signatures */
    size_t recovery_count;
    /* Precompiles that are not where they were (dam_evm_move_precompile). */
    struct dam_evm_moved {
        struct dam_address at;
        const struct dam_precompile *precompile; /* NULL: none is there any more */
    } moved[DAM_EVM_MOVED_MAX];
    uint32_t moved_count;

    /* How the outermost frame ended. */
    enum dam_evm_status status;
    int64_t gas_left;
    struct dam_bytes output;

    /* Tracing: a step whose step_end is due, and the gas before it. */
    bool step_pending;
    int64_t step_gas;

    uint64_t hash_seed;
    struct dam_mem mem;
};

static inline bool dam_evm_fail(struct dam_evm *evm, enum dam_err err)
{
    if (evm->err == DAM_OK) {
        evm->err = err;
    }
    return false;
}

#define DAM_EVM_LONG_LEN 65536u /* bytes before whose hash or copy dam_evm_stops is asked */

/** Whether the session is to stop now; then with evm->err. */
static inline bool dam_evm_stops(struct dam_evm *evm)
{
    return __atomic_load_n(evm->stop, __ATOMIC_RELAXED) != 0 && !dam_evm_fail(evm, DAM_ETIMEOUT);
}

/** Record an error if it is one. Returns: whether there was none. */
static inline bool dam_evm_ok(struct dam_evm *evm, enum dam_err err)
{
    return err == DAM_OK || dam_evm_fail(evm, err);
}

/* ---- code.c ---------------------------------------------------------------------------------- */

/** Analysed code of an account, from the cache or the view. Returns: borrowed until the next call
 * of this unless pinned; NULL with evm->err. */
struct dam_evm_code *dam_evm_code_get(struct dam_evm *evm, const struct dam_hash *code_hash);

/** Keep code in the cache until the session ends. */
void dam_evm_code_give(struct dam_evm *evm, struct dam_evm_code *code);

/** The session ends: what was given may go. */
void dam_evm_code_take_back(struct dam_evm *evm);

/** Analyse init code for a frame into evm->code_arena. Returns: false with evm->err. */
bool dam_evm_code_prepare(struct dam_evm *evm, struct dam_evm_frame *frame, struct dam_bytes code);

/** Remember code that the session made. Returns: false with evm->err. */
bool dam_evm_code_add(struct dam_evm *evm, struct dam_bytes code, struct dam_hash *ret_hash);

void dam_evm_code_cache_finish(struct dam_evm *evm);

/** Returns: true if code is an EIP-7702 delegation, with *ret set to the delegate. */
bool dam_evm_code_is_delegation(struct dam_bytes code, struct dam_address *ret);

/* ---- state.c --------------------------------------------------------------------------------- */

/** The record of an account, read from the view at the first time. Returns: NULL with evm->err. */
struct dam_evm_record *dam_evm_record_get(struct dam_evm *evm, const struct dam_address *address);

/** Its slot, read from the view at the first time. Returns: NULL with evm->err. */
struct dam_evm_storage_slot *dam_evm_slot_get(struct dam_evm *evm, struct dam_evm_record *record,
                                              const struct dam_u256 *key);

/** Save before changing, so that a revert can restore. Returns: false with evm->err. */
bool dam_evm_record_save(struct dam_evm *evm, struct dam_evm_record *record);

/** Mark as accessed. Returns: true if it was cold. */
bool dam_evm_record_warm(struct dam_evm *evm, struct dam_evm_record *record);
bool dam_evm_slot_warm(struct dam_evm *evm, struct dam_evm_storage_slot *slot);

/** The rest, each false with evm->err. */
bool dam_evm_balance_add(struct dam_evm *evm, struct dam_evm_record *record,
                         const struct dam_u256 *amount);
bool dam_evm_balance_sub(struct dam_evm *evm, struct dam_evm_record *record,
                         const struct dam_u256 *amount); /* the balance covers it */
bool dam_evm_slot_set(struct dam_evm *evm, struct dam_evm_storage_slot *slot,
                      const struct dam_u256 *value);
bool dam_evm_transient_set(struct dam_evm *evm, struct dam_evm_record *record,
                           const struct dam_u256 *key, const struct dam_u256 *value);

struct dam_u256 dam_evm_transient_get(struct dam_evm *evm, const struct dam_evm_record *record,
                                      const struct dam_u256 *key);

/** Nonce, balance and code are all zero or empty (EIP-161). */
bool dam_evm_record_is_empty(const struct dam_evm_record *record);
bool dam_evm_record_has_storage(const struct dam_evm_record *record);
void dam_evm_storage_clear(struct dam_evm_record *record);

struct dam_evm_checkpoint dam_evm_state_checkpoint(const struct dam_evm *evm);
void dam_evm_state_revert(struct dam_evm *evm, const struct dam_evm_checkpoint *checkpoint);

/** Start and finish a transaction or a bare call: new epoch; remove what was destroyed or is empty.
 */
void dam_evm_state_tx_start(struct dam_evm *evm);
void dam_evm_state_tx_finish(struct dam_evm *evm);

void dam_evm_state_reset(struct dam_evm *evm);
void dam_evm_state_finish(struct dam_evm *evm);

/** Make room for one more item of a vector. Returns: false with evm->err; the vector stays. */
bool dam_evm_vector_grow(struct dam_evm *evm, void **items, size_t item_len, size_t count,
                         size_t *capacity);

/* ---- session.c ------------------------------------------------------------------------------- */

/** Returns: whom a made-up signature names (borrowed from the list), NULL if it is none. */
const struct dam_address *dam_evm_made_up_signer(const struct dam_evm *evm,
                                                 const uint8_t signature[65]);

/** The precompile at an address as the session has it. Returns: NULL if there is none. */
const struct dam_precompile *dam_evm_precompile_at(const struct dam_evm *evm,
                                                   const struct dam_address *address);

/* ---- call.c ---------------------------------------------------------------------------------- */

/* A call or create as the opcodes and the transaction both make it. */
struct dam_evm_request {
    enum dam_evm_kind kind;
    bool is_static;
    int64_t gas;
    struct dam_evm_record *caller;     /* pays value; creator */
    struct dam_address caller_address; /* CALLER of the new frame */
    struct dam_evm_record *to;         /* storage owner; the new contract for creates */
    struct dam_address code_address;
    const struct dam_hash *code_hash; /* what runs, a delegation already followed */
    struct dam_u256 value;
    struct dam_bytes input; /* or init code */
    uint64_t output_offset;
    uint64_t output_len;
};

/** Begin a call or create. If there is code to run, a new evm->frame is made; if it ended at once,
 *  the result is delivered as at the end of a frame. Returns: false with evm->err. */
bool dam_evm_enter(struct dam_evm *evm, const struct dam_evm_request *request);

/** End the running frame: settle, and give its result to the frame outside (then evm->frame) or to
 *  evm->status, gas_left and output (then evm->frame is NULL). */
void dam_evm_leave(struct dam_evm *evm, enum dam_evm_status status, struct dam_bytes output);

/** Tell the tracer what the running opcode costs, if it has not been told. */
void dam_evm_trace_step_end(struct dam_evm *evm, int64_t gas, enum dam_evm_status status);

/** Grow memory to hold [offset, offset + len). Returns: the gas left, negative if it does not
 *  suffice or with evm->err. */
int64_t dam_evm_memory_need(struct dam_evm *evm, struct dam_evm_frame *frame, uint64_t offset,
                            uint64_t len, int64_t gas);

/* The opcodes that begin frames. The frame's registers are saved; pc stands behind the opcode.
 * Return SUCCESS to go on with evm->frame, or what ends the calling frame. */
enum dam_evm_status dam_evm_op_call(struct dam_evm *evm, struct dam_evm_frame *frame, uint8_t op);
enum dam_evm_status dam_evm_op_create(struct dam_evm *evm, struct dam_evm_frame *frame, uint8_t op);

/** Forget running frames and give large memories back; free all frames. */
void dam_evm_frames_reset(struct dam_evm *evm);
void dam_evm_frames_finish(struct dam_evm *evm);

/* ---- ops.c: opcodes that look at state. Each takes the stack pointer and the gas, returns the gas
 * left: negative means out of gas, or evm->err. The interpreter adjusts the stack pointer. --------
 */

int64_t dam_evm_op_balance(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas);
int64_t dam_evm_op_extcodesize(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas);
int64_t dam_evm_op_extcodehash(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas);
int64_t dam_evm_op_extcodecopy(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas);
int64_t dam_evm_op_blockhash(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas);
int64_t dam_evm_op_sload(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas);
int64_t dam_evm_op_sstore(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas);
int64_t dam_evm_op_log(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas, unsigned topics);
int64_t dam_evm_op_selfdestruct(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas);

/** Copy from a source to memory as CALLDATACOPY does: zeros where the source ends. sp[-1], sp[-2],
 *  sp[-3] are destination, source offset and length. */
int64_t dam_evm_op_copy(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas,
                        struct dam_bytes source);

/* ---- gas.c ----------------------------------------------------------------------------------- */

void dam_evm_costs_init(struct dam_evm_costs *costs, enum dam_fork fork, bool all_warm);

/** Returns: the first fork that has the opcode; DAM_FORK_COUNT if none. */
unsigned dam_evm_opcode_since(uint8_t op);

/* ---- interp.c, interp_trace.c ---------------------------------------------------------------- */

/** Run evm->frame and what it calls until the outermost frame has ended (see dam_evm_leave). With
 *  table: fill it with the labels of the 256 opcodes and three more: undefined, refused, and a
 * PUSH2 that does not make the jump behind it. */
void dam_evm_interpret(struct dam_evm *evm, const void **table);
void dam_evm_interpret_traced(struct dam_evm *evm, const void **table);

#endif
