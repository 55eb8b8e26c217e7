// SPDX-License-Identifier: Apache-2.0
/* Frames: how calls and creates begin and end. There is no recursion in C: the interpreter runs
 * evm->frame, whichever that is, so depth 1024 costs memory of the machine and no C stack. */
#include "core/crypto/keccak.h"
#include "core/eth/address.h"
#include "core/evm/opcode.h"
#include "core/evm/precompile.h"
#include "core/evm/vm.h"

#define CALL_STIPEND 2300

/* ---- memory ---------------------------------------------------------------------------------- */

#define MEMORY_CAPACITY_MIN 4096u
#define MEMORY_KEPT (16u * 1024 * 1024) /* of all frames; more is given back between sessions */

static bool memory_reserve(struct dam_evm *evm, struct dam_evm_frame *frame, uint64_t len)
{
    if (len <= frame->memory_capacity) {
        return true;
    }
    uint64_t capacity = frame->memory_capacity == 0 ? MEMORY_CAPACITY_MIN : frame->memory_capacity;
    while (capacity < len) {
        capacity *= 2;
    }
    uint8_t *memory = evm->mem.alloc(evm->mem.ctx, capacity);
    if (memory == NULL) {
        return dam_evm_fail(evm, DAM_ENOMEM);
    }
    if (frame->memory != NULL) {
        memcpy(memory, frame->memory, frame->memory_len);
        evm->mem.free(evm->mem.ctx, frame->memory, frame->memory_capacity);
    }
    frame->memory = memory;
    frame->memory_capacity = capacity;
    return true;
}

static int64_t memory_cost(uint64_t words)
{
    return (int64_t)(3 * words + words * words / 512);
}

DAM_NOINLINE int64_t dam_evm_memory_need(struct dam_evm *evm, struct dam_evm_frame *frame,
                                         uint64_t offset, uint64_t len, int64_t gas)
{
    /* 2^32 bytes cost 2^45 gas, more than anyone has. */
    if (len == 0) {
        return gas;
    }
    if ((offset | len) >> 32 != 0) {
        return -1;
    }
    const uint64_t end = (offset + len + 31) / 32 * 32;
    if (end <= frame->memory_len) {
        return gas;
    }
    gas -= memory_cost(end / 32) - memory_cost(frame->memory_len / 32);
    if (gas < 0 || !memory_reserve(evm, frame, end)) {
        return -1;
    }
    memset(frame->memory + frame->memory_len, 0, end - frame->memory_len);
    frame->memory_len = end;
    frame->memory_words = end - 31;
    return gas;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static struct dam_evm_frame *frame_push(struct dam_evm *evm)
{
    struct dam_evm_frame *outer = evm->frame;
    struct dam_evm_frame **place = outer != NULL ? &outer->inner : &evm->outermost;
    if (*place == NULL) {
        struct dam_evm_frame *frame = evm->mem.alloc(evm->mem.ctx, sizeof(*frame));
        if (frame == NULL) {
            (void)dam_evm_fail(evm, DAM_ENOMEM);
            return NULL;
        }
        frame->memory = NULL;
        frame->memory_capacity = 0;
        frame->inner = NULL;
        frame->outer = outer;
        frame->depth = outer != NULL ? outer->depth + 1 : 0;
        *place = frame;
    }
    struct dam_evm_frame *frame = *place;
    frame->memory_len = 0;
    frame->memory_words = 0;
    frame->return_data = dam_bytes(NULL, 0);
    frame->sp = frame->stack;
    frame->pinned = NULL;
    frame->code_mark = dam_arena_mark(&evm->code_arena);
    return frame;
}

void dam_evm_frames_reset(struct dam_evm *evm)
{
    for (; evm->frame != NULL; evm->frame = evm->frame->outer) { /* left behind by an error */
        if (evm->frame->pinned != NULL) {
            evm->frame->pinned->pins--;
        }
    }
    uint64_t kept = 0;
    for (struct dam_evm_frame *frame = evm->outermost; frame != NULL; frame = frame->inner) {
        kept += frame->memory_capacity;
        if (kept > MEMORY_KEPT) {
            kept -= frame->memory_capacity;
            evm->mem.free(evm->mem.ctx, frame->memory, frame->memory_capacity);
            frame->memory = NULL;
            frame->memory_capacity = 0;
        }
    }
}

void dam_evm_frames_finish(struct dam_evm *evm)
{
    struct dam_evm_frame *frame = evm->outermost;
    while (frame != NULL) {
        struct dam_evm_frame *inner = frame->inner;
        if (frame->memory != NULL) {
            evm->mem.free(evm->mem.ctx, frame->memory, frame->memory_capacity);
        }
        evm->mem.free(evm->mem.ctx, frame, sizeof(*frame));
        frame = inner;
    }
    evm->outermost = NULL;
}

static bool is_create(enum dam_evm_kind kind)
{
    return kind == DAM_EVM_KIND_CREATE || kind == DAM_EVM_KIND_CREATE2;
}

/* ---- results --------------------------------------------------------------------------------- */

/* What a call or create gives back, to the opcode that began it or to the machine's user. */
struct outcome {
    enum dam_evm_kind kind;
    enum dam_evm_status status;
    int64_t gas_left;
    struct dam_bytes output;
    const struct dam_address *created;
    uint64_t output_offset;
    uint64_t output_len;
};

static void deliver(struct dam_evm *evm, const struct outcome *outcome)
{
    struct dam_evm_frame *frame = evm->frame;
    const bool success = outcome->status == DAM_EVM_SUCCESS;
    if (frame == NULL) {
        evm->status = outcome->status;
        evm->gas_left = outcome->gas_left;
        evm->output = outcome->output;
        return;
    }
    struct dam_u256 *top = frame->sp++;
    frame->gas += outcome->gas_left;
    if (is_create(outcome->kind)) {
        *top = success ? dam_u256_from_address(outcome->created) : dam_u256_from_u64(0);
        frame->return_data = success ? dam_bytes(NULL, 0) : outcome->output;
        return;
    }
    *top = dam_u256_from_u64(success);
    frame->return_data = outcome->output;
    const size_t len =
        outcome->output.len < outcome->output_len ? outcome->output.len : outcome->output_len;
    if (len != 0) {
        memcpy(frame->memory + outcome->output_offset, outcome->output.data, len);
    }
}

/* ---- tracing --------------------------------------------------------------------------------- */

void dam_evm_trace_step_end(struct dam_evm *evm, int64_t gas, enum dam_evm_status status)
{
    const struct dam_evm_tracer *tracer = evm->tracer;
    if (evm->step_pending && tracer->step_end != NULL) {
        tracer->step_end(tracer->ctx, evm, evm->step_gas - gas, status);
    }
    evm->step_pending = false;
}

static void trace_enter_as(struct dam_evm *evm, const struct dam_evm_enter *enter)
{
    if (evm->frame != NULL) {
        dam_evm_trace_step_end(evm, evm->frame->gas, DAM_EVM_SUCCESS);
    }
    if (evm->tracer->enter != NULL) {
        evm->tracer->enter(evm->tracer->ctx, evm, enter);
    }
}

static void trace_enter(struct dam_evm *evm, const struct dam_evm_request *request, bool precompile)
{
    if (evm->tracer == NULL) {
        return;
    }
    const struct dam_evm_enter enter = {
        .kind = request->kind,
        .depth = evm->frame != NULL ? evm->frame->depth + 2 : 1,
        .precompile = precompile,
        .sender = request->kind == DAM_EVM_KIND_DELEGATECALL ? request->to->address
                                                             : request->caller_address,
        .to = request->to->address,
        .code_address = is_create(request->kind) ? request->to->address : request->code_address,
        .value = request->value,
        .gas = request->gas,
        .input = request->input,
    };
    trace_enter_as(evm, &enter);
}

static void trace_exit(struct dam_evm *evm, enum dam_evm_status status, int64_t gas_used,
                       struct dam_bytes output)
{
    if (evm->tracer != NULL && evm->tracer->exit != NULL) {
        evm->tracer->exit(evm->tracer->ctx, evm, status, gas_used, output);
    }
}

/* ---- begin ----------------------------------------------------------------------------------- */

/* A request that ends without a frame of its own. */
static bool finish_at_once(struct dam_evm *evm, const struct dam_evm_request *request,
                           enum dam_evm_status status, int64_t gas_left, struct dam_bytes output)
{
    trace_exit(evm, status, request->gas - gas_left, output);
    const struct outcome outcome = {.kind = request->kind,
                                    .status = status,
                                    .gas_left = gas_left,
                                    .output = output,
                                    .created = &request->to->address,
                                    .output_offset = request->output_offset,
                                    .output_len = request->output_len};
    deliver(evm, &outcome);
    return true;
}

static bool transfer(struct dam_evm *evm, struct dam_evm_record *from, struct dam_evm_record *to,
                     const struct dam_u256 *value)
{
    return (dam_u256_is_zero(value) || dam_evm_balance_sub(evm, from, value)) &&
           dam_evm_balance_add(evm, to, value);
}

static bool moves_value(enum dam_evm_kind kind)
{
    return kind == DAM_EVM_KIND_CALL || kind == DAM_EVM_KIND_STATICCALL;
}

/* Depth and balance are looked at before anything happens; all the gas goes back. */
static enum dam_evm_status refuse_at_once(const struct dam_evm *evm,
                                          const struct dam_evm_request *request)
{
    if (evm->frame != NULL && evm->frame->depth >= DAM_EVM_DEPTH_MAX) {
        return DAM_EVM_DEPTH;
    }
    if (request->kind != DAM_EVM_KIND_DELEGATECALL &&
        dam_u256_lt(&request->caller->now.balance, &request->value)) {
        return DAM_EVM_BALANCE;
    }
    return DAM_EVM_SUCCESS;
}

/* ECRECOVER's answer for a signature that is made up. Returns: DAM_ENOTFOUND if it is none. */
static enum dam_err recover_made_up(struct dam_evm *evm, struct dam_bytes input,
                                    struct dam_precompile_result *ret)
{
    uint8_t words[128] = {0}; /* hash, v, r, s */
    uint8_t signature[65];
    if (input.len > 0) {
        memcpy(words, input.data, input.len < sizeof(words) ? input.len : sizeof(words));
    }
    memcpy(signature, words + 64, 64);
    signature[64] = words[63];
    const struct dam_address *signer = dam_evm_made_up_signer(evm, signature);
    if (signer == NULL) {
        return DAM_ENOTFOUND;
    }
    uint8_t *word = dam_arena_zalloc(&evm->precompile_arena, 32);
    if (word == NULL) {
        return DAM_ENOMEM;
    }
    memcpy(word + 12, signer->b, sizeof(signer->b));
    *ret = (struct dam_precompile_result){.success = true, .output = dam_bytes(word, 32)};
    return DAM_OK;
}

static enum dam_err run_on(struct dam_evm *evm, const struct dam_precompile *precompile,
                           struct dam_bytes input, struct dam_precompile_result *ret)
{
    /* Trimmed, not only reset: outputs that grow from call to call would each take a new block. */
    dam_arena_trim(&evm->precompile_arena, DAM_EVM_ARENA_LEN_KEPT);
    enum dam_err err = DAM_ENOTFOUND;
    if (evm->recovery_count > 0 && strcmp(precompile->name, "ecrecover") == 0) {
        err = recover_made_up(evm, input, ret);
    }
    return err == DAM_ENOTFOUND ? precompile->run(input, evm->fork, &evm->precompile_arena, ret)
                                : err;
}

static bool run_precompile(struct dam_evm *evm, const struct dam_evm_request *request,
                           const struct dam_precompile *precompile,
                           const struct dam_evm_checkpoint *checkpoint)
{
    const uint64_t cost = precompile->gas(request->input, evm->fork);
    struct dam_precompile_result result = {.success = false};
    enum dam_evm_status status = DAM_EVM_OUT_OF_GAS;
    if (cost <= (uint64_t)request->gas) {
        const enum dam_err err = run_on(evm, precompile, request->input, &result);
        if (err != DAM_OK) {
            return dam_evm_fail(evm, err);
        }
        status = result.success ? DAM_EVM_SUCCESS : DAM_EVM_PRECOMPILE;
    }
    if (status != DAM_EVM_SUCCESS) {
        dam_evm_state_revert(evm, checkpoint);
        return finish_at_once(evm, request, status, 0, dam_bytes(NULL, 0));
    }
    return finish_at_once(evm, request, status, request->gas - (int64_t)cost, result.output);
}

static bool frame_begin(struct dam_evm *evm, const struct dam_evm_request *request,
                        const struct dam_evm_checkpoint *checkpoint, struct dam_evm_code *code)
{
    struct dam_evm_frame *frame = frame_push(evm);
    if (frame == NULL) {
        return false;
    }
    if (code != NULL) {
        frame->code = code->bytes;
        frame->code_len = code->len;
        frame->jumpdests = code->jumpdests;
        frame->pinned = code;
        code->pins++;
        frame->input = request->input;
    } else {
        if (!dam_evm_code_prepare(evm, frame, request->input)) {
            return false;
        }
        frame->input = dam_bytes(NULL, 0);
    }
    frame->pc = frame->code;
    frame->gas = request->gas;
    frame->gas_start = request->gas;
    frame->self = request->to;
    frame->caller = request->caller_address;
    frame->code_address = request->code_address;
    frame->value = request->value;
    frame->kind = request->kind;
    frame->is_static = request->is_static;
    frame->checkpoint = *checkpoint;
    frame->output_offset = request->output_offset;
    frame->output_len = request->output_len;
    evm->frame = frame;
    return true;
}

static bool enter_call(struct dam_evm *evm, const struct dam_evm_request *request)
{
    const struct dam_precompile *precompile = dam_evm_precompile_at(evm, &request->code_address);
    trace_enter(evm, request, precompile != NULL);
    const enum dam_evm_status status = refuse_at_once(evm, request);
    if (status != DAM_EVM_SUCCESS) {
        return finish_at_once(evm, request, status, request->gas, dam_bytes(NULL, 0));
    }
    const struct dam_evm_checkpoint checkpoint = dam_evm_state_checkpoint(evm);
    const uint64_t outer_mark = evm->mark;
    evm->mark = checkpoint.mark;
    bool going = true;
    if (moves_value(request->kind)) {
        going = transfer(evm, request->caller, request->to, &request->value);
    }
    struct dam_evm_code *code = NULL;
    if (going && precompile != NULL) {
        going = run_precompile(evm, request, precompile, &checkpoint);
        evm->mark = outer_mark;
        return going;
    }
    if (going) {
        code = dam_evm_code_get(evm, request->code_hash);
    }
    if (code == NULL) {
        return false;
    }
    if (code->len == 0) {
        evm->mark = outer_mark;
        return finish_at_once(evm, request, DAM_EVM_SUCCESS, request->gas, dam_bytes(NULL, 0));
    }
    return frame_begin(evm, request, &checkpoint, code);
}

static bool enter_create(struct dam_evm *evm, const struct dam_evm_request *request)
{
    struct dam_evm_record *created = request->to;
    trace_enter(evm, request, false);
    /* EIP-684, EIP-7610. The address stays warm and the nonce spent, the gas is gone. */
    if (created->now.nonce != 0 || !dam_hash_eq(&created->now.code_hash, &dam_empty_code_hash) ||
        dam_evm_record_has_storage(created)) {
        return finish_at_once(evm, request, DAM_EVM_COLLISION, 0, dam_bytes(NULL, 0));
    }
    const struct dam_evm_checkpoint checkpoint = dam_evm_state_checkpoint(evm);
    evm->mark = checkpoint.mark;
    if (!dam_evm_record_save(evm, created)) {
        return false;
    }
    created->now.exists = true;
    created->now.created_epoch = evm->epoch;
    if (evm->fork >= DAM_FORK_SPURIOUS_DRAGON) { /* EIP-161 */
        created->now.nonce = 1;
    }
    return transfer(evm, request->caller, created, &request->value) &&
           frame_begin(evm, request, &checkpoint, NULL);
}

bool dam_evm_enter(struct dam_evm *evm, const struct dam_evm_request *request)
{
    if (dam_evm_stops(evm)) {
        return false;
    }
    return is_create(request->kind) ? enter_create(evm, request) : enter_call(evm, request);
}

/* ---- end ------------------------------------------------------------------------------------- */

/* Make the output of init code the new contract's code. Returns: how the create ends. */
static enum dam_evm_status deploy(struct dam_evm *evm, struct dam_evm_frame *frame,
                                  struct dam_bytes *code)
{
    const int64_t cost = 200 * (int64_t)code->len;
    if (evm->fork >= DAM_FORK_SPURIOUS_DRAGON && code->len > DAM_EVM_CODE_LEN_MAX) {
        return DAM_EVM_CODE_SIZE;
    }
    if (evm->fork >= DAM_FORK_LONDON && code->len != 0 && code->data[0] == 0xef) { /* EIP-3541 */
        return DAM_EVM_CODE_PREFIX;
    }
    if (frame->gas < cost) {
        if (evm->fork >= DAM_FORK_HOMESTEAD) {
            return DAM_EVM_CODE_GAS;
        }
        *code = dam_bytes(NULL, 0); /* Frontier: an empty contract is made, the gas stays */
        return DAM_EVM_SUCCESS;
    }
    frame->gas -= cost;
    struct dam_hash hash;
    if (dam_evm_code_add(evm, *code, &hash) && dam_evm_record_save(evm, frame->self)) {
        frame->self->now.code_hash = hash;
    }
    return DAM_EVM_SUCCESS;
}

void dam_evm_leave(struct dam_evm *evm, enum dam_evm_status status, struct dam_bytes output)
{
    struct dam_evm_frame *frame = evm->frame;
    if (status == DAM_EVM_SUCCESS && is_create(frame->kind)) {
        status = deploy(evm, frame, &output);
    }
    if (status != DAM_EVM_SUCCESS) {
        dam_evm_state_revert(evm, &frame->checkpoint);
        if (status != DAM_EVM_REVERT) {
            frame->gas = 0;
            output = dam_bytes(NULL, 0);
        }
    }
    if (frame->pinned != NULL) {
        frame->pinned->pins--;
    }
    trace_exit(evm, status, frame->gas_start - frame->gas, output);
    dam_arena_release(&evm->code_arena, frame->code_mark);
    evm->frame = frame->outer;
    evm->mark = frame->outer != NULL ? frame->outer->checkpoint.mark : evm->journal.base;
    const struct outcome outcome = {.kind = frame->kind,
                                    .status = status,
                                    .gas_left = frame->gas,
                                    .output = output,
                                    .created = &frame->self->address,
                                    .output_offset = frame->output_offset,
                                    .output_len = frame->output_len};
    deliver(evm, &outcome);
}

/* ---- opcodes --------------------------------------------------------------------------------- */

/* Memory for a word offset and a word length. Returns: gas left, negative when it does not do. */
static int64_t need_range(struct dam_evm *evm, struct dam_evm_frame *frame,
                          const struct dam_u256 *offset, const struct dam_u256 *len, int64_t gas)
{
    uint64_t o;
    uint64_t n;
    if (dam_u256_is_zero(len)) {
        return gas;
    }
    if (!dam_u256_to_u64(offset, &o) || !dam_u256_to_u64(len, &n)) {
        return -1;
    }
    return dam_evm_memory_need(evm, frame, o, n, gas);
}

static int64_t access_cost(struct dam_evm *evm, struct dam_evm_record *record)
{
    return evm->fork >= DAM_FORK_BERLIN && dam_evm_record_warm(evm, record)
               ? evm->costs.cold_account
               : 0;
}

/* What runs when an account is called, and the price of following a delegation (EIP-7702). */
static bool resolve_code(struct dam_evm *evm, struct dam_evm_record *target,
                         const struct dam_hash **ret_code_hash, int64_t *gas)
{
    *ret_code_hash = &target->now.code_hash;
    if (evm->fork < DAM_FORK_PRAGUE || dam_hash_eq(&target->now.code_hash, &dam_empty_code_hash)) {
        return true;
    }
    const struct dam_evm_code *code = dam_evm_code_get(evm, &target->now.code_hash);
    struct dam_address delegate;
    if (code == NULL) {
        return false;
    }
    if (!dam_evm_code_is_delegation(dam_bytes(code->bytes, code->len), &delegate)) {
        return true;
    }
    struct dam_evm_record *record = dam_evm_record_get(evm, &delegate);
    if (record == NULL) {
        return false;
    }
    *gas -= 100 + access_cost(evm, record);
    *ret_code_hash = dam_evm_precompile_at(evm, &delegate) != NULL ? &dam_empty_code_hash
                                                                   : &record->now.code_hash;
    return true;
}

/* Gas for the inner frame out of what is left. Returns: negative if the caller cannot pay. */
static int64_t inner_gas(const struct dam_evm *evm, const struct dam_u256 *wanted, int64_t gas)
{
    uint64_t value;
    const bool fits = dam_u256_to_u64(wanted, &value) && value <= INT64_MAX;
    if (evm->fork >= DAM_FORK_TANGERINE_WHISTLE) { /* EIP-150 */
        const int64_t most = gas - gas / 64;
        return fits && (int64_t)value < most ? (int64_t)value : most;
    }
    return fits && (int64_t)value <= gas ? (int64_t)value : -1;
}

/* May STATICCALL go there? Only asked in a session for minds. */
static bool static_call_allowed(const struct dam_evm *evm, uint8_t op,
                                const struct dam_address *address)
{
    static const uint8_t zeros[19];
    return !evm->options.static_call_precompiles_only || op != DAM_OP_STATICCALL ||
           (memcmp(address->b, zeros, sizeof(zeros)) == 0 && address->b[19] >= 1 &&
            address->b[19] <= 5);
}

/* The surcharge of a call that moves value. */
static int64_t value_cost(const struct dam_evm *evm, uint8_t op, const struct dam_u256 *value,
                          const struct dam_evm_record *to)
{
    const bool has_value = !dam_u256_is_zero(value);
    int64_t cost = has_value ? 9000 : 0;
    if (op == DAM_OP_CALL) {
        const bool new_account = evm->fork >= DAM_FORK_SPURIOUS_DRAGON
                                     ? has_value && dam_evm_record_is_empty(to)
                                     : !to->now.exists;
        cost += new_account ? 25000 : 0;
    }
    return cost;
}

enum dam_evm_status dam_evm_op_call(struct dam_evm *evm, struct dam_evm_frame *frame, uint8_t op)
{
    const bool has_value_arg = op == DAM_OP_CALL || op == DAM_OP_CALLCODE;
    const struct dam_u256 *sp = frame->sp;
    const struct dam_u256 wanted = sp[-1];
    const struct dam_address address = dam_u256_to_address(&sp[-2]);
    struct dam_u256 value = {{0, 0, 0, 0}};
    if (has_value_arg) {
        value = sp[-3];
        sp--;
    }
    const struct dam_u256 *input_offset = &sp[-3];
    const struct dam_u256 *input_len = &sp[-4];
    const struct dam_u256 *output_offset = &sp[-5];
    const struct dam_u256 *output_len = &sp[-6];
    const bool has_value = !dam_u256_is_zero(&value);
    int64_t gas = frame->gas - evm->costs.call;
    if (op == DAM_OP_CALL && has_value && frame->is_static) {
        return DAM_EVM_STATIC_VIOLATION;
    }
    if (!static_call_allowed(evm, op, &address)) {
        return DAM_EVM_REFUSED;
    }
    struct dam_evm_record *target = dam_evm_record_get(evm, &address);
    if (target == NULL) {
        return DAM_EVM_OUT_OF_GAS;
    }
    gas -= access_cost(evm, target);
    if (gas < 0 || (gas = need_range(evm, frame, input_offset, input_len, gas)) < 0 ||
        (gas = need_range(evm, frame, output_offset, output_len, gas)) < 0) {
        return DAM_EVM_OUT_OF_GAS;
    }
    const struct dam_hash *code_hash;
    gas -= value_cost(evm, op, &value, target);
    if (gas < 0 || !resolve_code(evm, target, &code_hash, &gas) || gas < 0) {
        return DAM_EVM_OUT_OF_GAS;
    }
    int64_t inner = inner_gas(evm, &wanted, gas);
    if (inner < 0) {
        return DAM_EVM_OUT_OF_GAS;
    }
    frame->gas = gas - inner;
    frame->sp -= has_value_arg ? 7 : 6;
    frame->return_data = dam_bytes(NULL, 0);
    const bool keeps_self = op == DAM_OP_CALLCODE || op == DAM_OP_DELEGATECALL;
    const uint64_t in_len = input_len->w[0];
    struct dam_evm_request request = {
        .kind = op == DAM_OP_CALL           ? DAM_EVM_KIND_CALL
                : op == DAM_OP_CALLCODE     ? DAM_EVM_KIND_CALLCODE
                : op == DAM_OP_DELEGATECALL ? DAM_EVM_KIND_DELEGATECALL
                                            : DAM_EVM_KIND_STATICCALL,
        .is_static = frame->is_static || op == DAM_OP_STATICCALL,
        .gas = inner + (has_value ? CALL_STIPEND : 0),
        .caller = frame->self,
        .caller_address = op == DAM_OP_DELEGATECALL ? frame->caller : frame->self->address,
        .to = keeps_self ? frame->self : target,
        .code_address = address,
        .code_hash = code_hash,
        .value = op == DAM_OP_DELEGATECALL ? frame->value : value,
        .input = dam_bytes(in_len != 0 ? frame->memory + input_offset->w[0] : NULL, in_len),
        .output_offset = output_offset->w[0],
        .output_len = output_len->w[0],
    };
    (void)dam_evm_enter(evm, &request);
    return DAM_EVM_SUCCESS;
}

static enum dam_evm_status refuse_create(const struct dam_evm_frame *frame,
                                         const struct dam_u256 *value)
{
    const struct dam_evm_record *creator = frame->self;
    return frame->depth >= DAM_EVM_DEPTH_MAX           ? DAM_EVM_DEPTH
           : dam_u256_lt(&creator->now.balance, value) ? DAM_EVM_BALANCE
           : creator->now.nonce == UINT64_MAX          ? DAM_EVM_NONCE
                                                       : DAM_EVM_SUCCESS;
}

/* A create that fails before it began: zero on the stack, nothing spent. */
static enum dam_evm_status create_nothing(struct dam_evm *evm, struct dam_evm_frame *frame)
{
    *frame->sp++ = dam_u256_from_u64(0);
    return evm->err == DAM_OK ? DAM_EVM_SUCCESS : DAM_EVM_OUT_OF_GAS;
}

/* Gas of CREATE and CREATE2 before the inner frame. Returns: negative if it does not suffice. */
static int64_t create_gas(struct dam_evm *evm, struct dam_evm_frame *frame, uint8_t op)
{
    const struct dam_u256 *len = &frame->sp[-3];
    int64_t gas = need_range(evm, frame, &frame->sp[-2], len, frame->gas - 32000);
    if (gas < 0) {
        return gas;
    }
    const int64_t words = (int64_t)((len->w[0] + 31) / 32);
    if (evm->fork >= DAM_FORK_SHANGHAI) { /* EIP-3860 */
        if (len->w[0] > DAM_EVM_INITCODE_LEN_MAX) {
            return -1;
        }
        gas -= 2 * words;
    }
    return op == DAM_OP_CREATE2 ? gas - 6 * words : gas;
}

enum dam_evm_status dam_evm_op_create(struct dam_evm *evm, struct dam_evm_frame *frame, uint8_t op)
{
    struct dam_evm_record *creator = frame->self;
    const struct dam_u256 value = frame->sp[-1];
    const struct dam_u256 salt_word = op == DAM_OP_CREATE2 ? frame->sp[-4] : dam_u256_from_u64(0);
    const uint64_t len = frame->sp[-3].w[0];
    const int64_t gas = create_gas(evm, frame, op);
    if (gas < 0) {
        return DAM_EVM_OUT_OF_GAS;
    }
    const uint8_t *data = len != 0 ? frame->memory + frame->sp[-2].w[0] : NULL;
    frame->sp -= op == DAM_OP_CREATE2 ? 4 : 3;
    frame->gas = gas;
    frame->return_data = dam_bytes(NULL, 0);
    const int64_t inner = evm->fork >= DAM_FORK_TANGERINE_WHISTLE ? gas - gas / 64 : gas;
    const enum dam_evm_status refused = refuse_create(frame, &value);
    if (refused != DAM_EVM_SUCCESS && evm->tracer != NULL) {
        const struct dam_evm_enter enter = {
            .kind = op == DAM_OP_CREATE2 ? DAM_EVM_KIND_CREATE2 : DAM_EVM_KIND_CREATE,
            .depth = frame->depth + 2,
            .sender = creator->address,
            .value = value,
            .gas = inner,
            .input = dam_bytes(data, len),
        };
        trace_enter_as(evm, &enter);
        trace_exit(evm, refused, 0, dam_bytes(NULL, 0));
    }
    if (refused != DAM_EVM_SUCCESS || !dam_evm_record_save(evm, creator)) {
        return create_nothing(evm, frame);
    }
    struct dam_address address;
    if (op == DAM_OP_CREATE2) {
        struct dam_hash code_hash;
        struct dam_hash salt;
        dam_keccak256(data, len, &code_hash);
        dam_u256_store_be(salt.b, &salt_word);
        dam_address_create2(&creator->address, &salt, &code_hash, &address);
    } else {
        dam_address_create(&creator->address, creator->now.nonce, &address);
    }
    creator->now.nonce++;
    struct dam_evm_record *created = dam_evm_record_get(evm, &address);
    if (created == NULL) {
        return DAM_EVM_OUT_OF_GAS;
    }
    if (evm->fork >= DAM_FORK_BERLIN) {
        (void)dam_evm_record_warm(evm, created);
    }
    frame->gas = gas - inner;
    const struct dam_evm_request request = {
        .kind = op == DAM_OP_CREATE2 ? DAM_EVM_KIND_CREATE2 : DAM_EVM_KIND_CREATE,
        .gas = inner,
        .caller = creator,
        .caller_address = creator->address,
        .to = created,
        .code_address = address,
        .value = value,
        .input = dam_bytes(data, len),
    };
    (void)dam_evm_enter(evm, &request);
    return DAM_EVM_SUCCESS;
}
