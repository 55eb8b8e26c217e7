// SPDX-License-Identifier: Apache-2.0
#include "ledger/tracer.h"

#include <inttypes.h>

#include "core/eth/address.h"
#include "core/evm/block.h"
#include "ledger/tracers.h"

/* A transaction to trace and what has to be run before it. */
struct target {
    struct dam_ledger_chain_block block; /* whose environment it has */
    struct dam_builder_view view;        /* the state before the block, or after it for a call */
    struct dam_evm_block env;
    struct dam_evm_options options;
    uint32_t before; /* transactions of the block that run first */
    bool in_block;   /* with the system calls at the block's start */
    const struct dam_json *overrides;
    struct dam_evm_tx tx;
};

/* ---- options --------------------------------------------------------------------------------- */

static bool flag(const struct dam_json *node, const char *key)
{
    bool value = false;
    return dam_json_bool(dam_json_get(node, key), &value) == DAM_OK && value; /* absent: false */
}

static bool read_options(struct dam_rpc *rpc, const struct dam_json *node,
                         struct dam_trace_options *ret)
{
    static const struct {
        const char *name;
        enum dam_trace_kind kind;
    } tracers[] = {{"callTracer", DAM_TRACE_CALL},
                   {"prestateTracer", DAM_TRACE_PRESTATE},
                   {"4byteTracer", DAM_TRACE_4BYTE},
                   {"noopTracer", DAM_TRACE_NOOP}};
    memset(ret, 0, sizeof(*ret));
    const struct dam_json *name = dam_json_get(node, "tracer");
    const struct dam_json *config = dam_json_get(node, "tracerConfig");
    if (dam_json_is_null(name)) {
        const struct dam_json *limit = dam_json_get(node, "limit");
        ret->no_stack = flag(node, "disableStack");
        ret->no_storage = flag(node, "disableStorage");
        ret->memory = flag(node, "enableMemory");
        ret->return_data = flag(node, "enableReturnData");
        return dam_json_is_null(limit) || dam_json_u64(limit, &ret->limit) == DAM_OK;
    }
    ret->only_top_call = flag(config, "onlyTopCall");
    ret->with_log = flag(config, "withLog");
    ret->diff = flag(config, "diffMode");
    ret->no_code = flag(config, "disableCode");
    ret->no_storage = flag(config, "disableStorage");
    for (size_t i = 0; i < DAM_COUNT_OF(tracers); i++) {
        if (dam_json_is(name, tracers[i].name)) {
            ret->kind = tracers[i].kind;
            return true;
        }
    }
    dam_rpc_fail(rpc, DAM_RPC_SERVER, "the tracer '%.*s' is not known here",
                 name->type == DAM_JSON_STRING ? (int)name->len : 0, name->text);
    return false;
}

/* ---- running --------------------------------------------------------------------------------- */

static enum dam_err read_tx(struct dam_rpc *rpc, uint64_t number, uint32_t index,
                            struct dam_evm_tx *ret)
{
    struct dam_ledger_chain_tx row;
    struct dam_tx tx;
    DAM_TRY(dam_ledger_chain_tx(dam_ledger_chain_reader(rpc->ledger->chain), number, index, &row));
    DAM_TRY(dam_tx_decode(rpc->arena, row.bytes, &tx, NULL));
    return dam_evm_tx_from(rpc->arena, &tx, &row.sender, ret);
}

/* Hooks that are only switched on for the target. */
struct gate {
    bool open;
    struct dam_evm_tracer to;
};

static void gate_step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step)
{
    struct gate *gate = ctx;
    if (gate->open && gate->to.step != NULL) {
        gate->to.step(gate->to.ctx, evm, step);
    }
}

static void gate_step_end(void *ctx, struct dam_evm *evm, int64_t cost, enum dam_evm_status status)
{
    struct gate *gate = ctx;
    if (gate->open && gate->to.step_end != NULL) {
        gate->to.step_end(gate->to.ctx, evm, cost, status);
    }
}

static void gate_enter(void *ctx, struct dam_evm *evm, const struct dam_evm_enter *enter)
{
    struct gate *gate = ctx;
    if (gate->open && gate->to.enter != NULL) {
        gate->to.enter(gate->to.ctx, evm, enter);
    }
}

static void gate_exit(void *ctx, struct dam_evm *evm, enum dam_evm_status status, int64_t gas_used,
                      struct dam_bytes output)
{
    struct gate *gate = ctx;
    if (gate->open && gate->to.exit != NULL) {
        gate->to.exit(gate->to.ctx, evm, status, gas_used, output);
    }
}

static void gate_log(void *ctx, struct dam_evm *evm, const struct dam_evm_log *log)
{
    struct gate *gate = ctx;
    if (gate->open && gate->to.log != NULL) {
        gate->to.log(gate->to.ctx, evm, log);
    }
}

/* Open a session and run all that comes before the target. */
static bool replay(struct dam_rpc *rpc, struct target *target, const struct dam_evm_tracer *tracer)
{
    struct dam_evm *evm = rpc->ledger->evm;
    const struct dam_header *header = &target->block.header;
    struct dam_evm_receipt receipt;
    enum dam_err err = DAM_OK;
    target->options.tracer = tracer;
    dam_evm_begin(evm, &target->view.view, &target->env, &target->options);
    if (target->in_block) {
        err = dam_evm_block_start(evm, &header->parent_hash,
                                  header->form >= DAM_HEADER_CANCUN ? &header->parent_beacon_root
                                                                    : NULL);
    }
    for (uint32_t i = 0; err == DAM_OK && i < target->before; i++) {
        struct dam_evm_tx tx;
        struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
        err = read_tx(rpc, header->number, i, &tx);
        if (err == DAM_OK) {
            err = dam_evm_transact(evm, &tx, &receipt);
        }
        dam_arena_release(rpc->arena, mark);
    }
    if (err == DAM_OK && !dam_rpc_override_state(rpc, target->overrides)) {
        err = DAM_EPARSE;
    }
    if (err != DAM_OK) {
        dam_evm_discard(evm);
        dam_rpc_fail_err(rpc, err);
    }
    return err == DAM_OK;
}

static bool run_target(struct dam_rpc *rpc, struct target *target,
                       const struct dam_evm_tracer *hooks, struct dam_evm_receipt *ret)
{
    struct gate gate = {.to = *hooks};
    struct dam_evm_tracer tracer = {gate_step, gate_step_end, gate_enter,
                                    gate_exit, gate_log,      &gate};
    if (!replay(rpc, target, &tracer)) {
        return false;
    }
    gate.open = true;
    enum dam_err err = dam_evm_transact(rpc->ledger->evm, &target->tx, ret);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else if (ret->invalid != DAM_TX_NONE) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "tracing failed: %s",
                     dam_ledger_invalid_text(ret->invalid));
    }
    if (rpc->error_code != 0) {
        dam_evm_discard(rpc->ledger->evm);
    }
    return rpc->error_code == 0;
}

static void trace_struct(struct dam_rpc *rpc, struct target *target,
                         const struct dam_trace_options *options)
{
    struct dam_struct_tracer tracer = {.w = rpc->w, .options = options, .arena = rpc->arena};
    struct dam_evm_tracer hooks;
    struct dam_evm_receipt receipt;
    dam_struct_tracer_hooks(&tracer, &hooks);
    dam_json_put_object(rpc->w);
    dam_json_put_key(rpc->w, "structLogs");
    dam_json_put_array(rpc->w);
    if (!run_target(rpc, target, &hooks, &receipt)) {
        return;
    }
    dam_json_put_array_end(rpc->w);
    dam_json_put_key(rpc->w, "gas");
    dam_json_put_u64(rpc->w, receipt.gas_used);
    dam_json_put_key(rpc->w, "failed");
    dam_json_put_bool(rpc->w, receipt.status != DAM_EVM_SUCCESS);
    bool shown = receipt.status == DAM_EVM_SUCCESS || receipt.status == DAM_EVM_REVERT;
    dam_rpc_put_data_at(rpc->w, "returnValue", shown ? receipt.output : dam_bytes(NULL, 0));
    dam_json_put_object_end(rpc->w);
    dam_evm_discard(rpc->ledger->evm);
}

static void trace_calls(struct dam_rpc *rpc, struct target *target,
                        const struct dam_trace_options *options)
{
    struct dam_call_tracer tracer = {.options = options, .arena = rpc->arena};
    struct dam_evm_tracer hooks;
    struct dam_evm_receipt receipt;
    dam_call_tracer_hooks(&tracer, &hooks);
    if (!run_target(rpc, target, &hooks, &receipt)) {
        return;
    }
    if (tracer.failed) {
        dam_rpc_fail_err(rpc, DAM_ENOMEM);
    } else if (options->kind == DAM_TRACE_4BYTE) {
        dam_4byte_write(&tracer, rpc->w);
    } else {
        dam_call_tracer_write(&tracer, rpc->w, &receipt, target->tx.gas_limit);
    }
    dam_evm_discard(rpc->ledger->evm);
}

/* ---- the state before and after -------------------------------------------------------------- */

struct seen_account {
    struct dam_evm_account account;
    bool exists;
    struct dam_bytes code;
    struct dam_u256 *values; /* of the touched slots */
};

static void toucher_enter(void *ctx, struct dam_evm *evm, const struct dam_evm_enter *enter)
{
    struct dam_toucher *toucher = ctx;
    (void)evm;
    (void)dam_touch(toucher, &enter->sender);
    (void)dam_touch(toucher, &enter->to);
    if (enter->kind == DAM_EVM_KIND_DELEGATECALL || enter->kind == DAM_EVM_KIND_CALLCODE) {
        (void)dam_touch(toucher, &enter->code_address);
    }
}

/* Read everything that was touched from the open session. */
static enum dam_err look(struct dam_rpc *rpc, const struct dam_toucher *touched,
                         struct seen_account **ret)
{
    struct dam_evm *evm = rpc->ledger->evm;
    struct seen_account *list = dam_arena_zalloc(rpc->arena, touched->count * sizeof(*list) + 1);
    if (list == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < touched->count; i++) {
        const struct dam_touched *entry = &touched->list[i];
        struct dam_bytes code = {0};
        DAM_TRY(dam_evm_get_account(evm, &entry->address, &list[i].account, &list[i].exists));
        DAM_TRY(dam_evm_get_code(evm, &entry->address, &code));
        void *copy = dam_arena_copy(rpc->arena, code.data, code.len);
        list[i].values =
            dam_arena_alloc(rpc->arena, entry->slot_count * sizeof(struct dam_u256) + 1);
        if (copy == NULL || list[i].values == NULL) {
            return DAM_ENOMEM;
        }
        list[i].code = dam_bytes(copy, code.len);
        for (size_t k = 0; k < entry->slot_count; k++) {
            DAM_TRY(
                dam_evm_get_storage(evm, &entry->address, &entry->slots[k], &list[i].values[k]));
        }
    }
    *ret = list;
    return DAM_OK;
}

static bool is_empty(const struct seen_account *seen)
{
    return !seen->exists || (seen->account.nonce == 0 && seen->code.len == 0 &&
                             dam_u256_is_zero(&seen->account.balance));
}

static void put_slot(struct dam_json_writer *w, const struct dam_u256 *key,
                     const struct dam_u256 *value)
{
    uint8_t word[32];
    char text[67];
    struct dam_buf buf;
    dam_u256_store_be(word, key);
    dam_buf_init_fixed(&buf, text, 66);
    dam_buf_put_text(&buf, "0x");
    dam_buf_put_hex(&buf, word, 32);
    text[66] = '\0';
    dam_json_put_key(w, text);
    dam_u256_store_be(word, value);
    dam_json_put_data(w, word, sizeof(word));
}

static void put_address_key(struct dam_json_writer *w, const struct dam_address *address)
{
    char text[43];
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, text, 42);
    dam_buf_put_text(&buf, "0x");
    dam_buf_put_hex(&buf, address->b, 20);
    text[42] = '\0';
    dam_json_put_key(w, text);
}

static void put_nonce(struct dam_json_writer *w, uint64_t nonce)
{
    dam_json_put_key(w, "nonce");
    dam_json_put_u64(w, nonce);
}

/* Did slot k change, as the tracer counts it? */
static bool slot_changed(const struct seen_account *a, const struct seen_account *b, size_t k)
{
    return !dam_u256_eq(&a->values[k], &b->values[k]);
}

/* An account as it was. other: as it became, for the diff; NULL: all that was touched. */
static void put_before(struct dam_json_writer *w, const struct dam_trace_options *options,
                       const struct dam_touched *entry, const struct seen_account *seen,
                       const struct seen_account *other)
{
    put_address_key(w, &entry->address);
    dam_json_put_object(w);
    dam_rpc_put_u256_at(w, "balance", &seen->account.balance);
    if (seen->account.nonce != 0) {
        put_nonce(w, seen->account.nonce);
    }
    if (seen->code.len > 0 && !options->no_code) {
        dam_rpc_put_data_at(w, "code", seen->code);
        dam_rpc_put_hash_at(w, "codeHash", &seen->account.code_hash);
    }
    size_t shown = 0;
    for (size_t k = 0; k < entry->slot_count && !options->no_storage; k++) {
        if (other != NULL &&
            (!slot_changed(seen, other, k) || dam_u256_is_zero(&seen->values[k]))) {
            continue;
        }
        if (shown++ == 0) {
            dam_json_put_key(w, "storage");
            dam_json_put_object(w);
        }
        put_slot(w, &entry->slots[k], &seen->values[k]);
    }
    if (shown > 0) {
        dam_json_put_object_end(w);
    }
    dam_json_put_object_end(w);
}

static bool account_changed(const struct dam_touched *entry, const struct seen_account *before,
                            const struct seen_account *after)
{
    bool changed = before->exists != after->exists ||
                   before->account.nonce != after->account.nonce ||
                   !dam_u256_eq(&before->account.balance, &after->account.balance) ||
                   !dam_bytes_eq(before->code, after->code);
    for (size_t k = 0; k < entry->slot_count; k++) {
        changed = changed || slot_changed(before, after, k);
    }
    return changed;
}

static void put_after(struct dam_json_writer *w, const struct dam_trace_options *options,
                      const struct dam_touched *entry, const struct seen_account *before,
                      const struct seen_account *after)
{
    size_t shown = 0;
    put_address_key(w, &entry->address);
    dam_json_put_object(w);
    if (!dam_u256_eq(&before->account.balance, &after->account.balance)) {
        dam_rpc_put_u256_at(w, "balance", &after->account.balance);
    }
    if (before->account.nonce != after->account.nonce) {
        put_nonce(w, after->account.nonce);
    }
    if (!dam_bytes_eq(before->code, after->code) && !options->no_code) {
        dam_rpc_put_data_at(w, "code", after->code);
        dam_rpc_put_hash_at(w, "codeHash", &after->account.code_hash);
    }
    for (size_t k = 0; k < entry->slot_count && !options->no_storage; k++) {
        if (!slot_changed(before, after, k) || dam_u256_is_zero(&after->values[k])) {
            continue;
        }
        if (shown++ == 0) {
            dam_json_put_key(w, "storage");
            dam_json_put_object(w);
        }
        put_slot(w, &entry->slots[k], &after->values[k]);
    }
    if (shown > 0) {
        dam_json_put_object_end(w);
    }
    dam_json_put_object_end(w);
}

static void write_prestate(struct dam_rpc *rpc, const struct dam_trace_options *options,
                           const struct dam_toucher *touched, const struct seen_account *before,
                           const struct seen_account *after)
{
    struct dam_json_writer *w = rpc->w;
    dam_json_put_object(w);
    if (options->diff) {
        dam_json_put_key(w, "post");
        dam_json_put_object(w);
        for (size_t i = 0; i < touched->count; i++) {
            if (after[i].exists && account_changed(&touched->list[i], &before[i], &after[i])) {
                put_after(w, options, &touched->list[i], &before[i], &after[i]);
            }
        }
        dam_json_put_object_end(w);
        dam_json_put_key(w, "pre");
        dam_json_put_object(w);
    }
    for (size_t i = 0; i < touched->count; i++) {
        bool changed = account_changed(&touched->list[i], &before[i], &after[i]);
        if (!is_empty(&before[i]) && (changed || !options->diff)) {
            put_before(w, options, &touched->list[i], &before[i], options->diff ? &after[i] : NULL);
        }
    }
    if (options->diff) {
        dam_json_put_object_end(w);
    }
    dam_json_put_object_end(w);
}

/* Twice: the first run tells what is touched, the second reads it before and after. */
static void trace_prestate(struct dam_rpc *rpc, struct target *target,
                           const struct dam_trace_options *options)
{
    struct dam_toucher touched = {.arena = rpc->arena};
    struct dam_evm_tracer hooks = {.step = dam_touch_step, .enter = toucher_enter, .ctx = &touched};
    struct dam_evm_tracer none = {0};
    struct dam_evm_receipt receipt;
    struct seen_account *before = NULL;
    struct seen_account *after = NULL;
    (void)dam_touch(&touched, &target->tx.sender);
    (void)dam_touch(&touched, &target->env.coinbase);
    for (size_t i = 0; i < target->tx.authorization_count; i++) {
        if (target->tx.authorizations[i].authority_valid) {
            (void)dam_touch(&touched, &target->tx.authorizations[i].authority);
        }
    }
    if (!run_target(rpc, target, &hooks, &receipt)) {
        return;
    }
    dam_evm_discard(rpc->ledger->evm);
    if (touched.failed || !replay(rpc, target, &none)) {
        dam_rpc_fail_err(rpc, DAM_ENOMEM);
        return;
    }
    enum dam_err err = look(rpc, &touched, &before);
    if (err == DAM_OK) {
        err = dam_evm_transact(rpc->ledger->evm, &target->tx, &receipt);
    }
    if (err == DAM_OK) {
        err = look(rpc, &touched, &after);
    }
    if (err == DAM_OK) {
        write_prestate(rpc, options, &touched, before, after);
    } else {
        dam_rpc_fail_err(rpc, err);
    }
    dam_evm_discard(rpc->ledger->evm);
}

static void trace(struct dam_rpc *rpc, struct target *target,
                  const struct dam_trace_options *options)
{
    switch (options->kind) {
    case DAM_TRACE_STRUCT:
        trace_struct(rpc, target, options);
        break;
    case DAM_TRACE_CALL:
    case DAM_TRACE_4BYTE:
        trace_calls(rpc, target, options);
        break;
    case DAM_TRACE_PRESTATE:
        trace_prestate(rpc, target, options);
        break;
    case DAM_TRACE_NOOP:
        dam_json_put_object(rpc->w);
        dam_json_put_object_end(rpc->w);
        break;
    }
}

/* ---- methods --------------------------------------------------------------------------------- */

/* The state before a block, in its environment. */
static bool aim_at_block(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                         struct target *ret)
{
    struct dam_ledger_chain_block parent;
    memset(ret, 0, sizeof(*ret));
    if (block->header.number == 0) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "genesis is not traceable");
        return false;
    }
    ret->block = *block;
    ret->in_block = true;
    enum dam_err err = dam_ledger_chain_block(dam_ledger_chain_reader(rpc->ledger->chain),
                                              block->header.number - 1, &parent);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return false;
    }
    if (!dam_rpc_view(rpc, &parent, &ret->view)) {
        return false;
    }
    ret->env = dam_evm_block_env(&block->header);
    ret->options = dam_evm_options_of(&rpc->ledger->chain->rules.config, block->header.number,
                                      block->header.timestamp);
    return true;
}

void dam_trace_transaction(struct dam_rpc *rpc)
{
    struct dam_hash hash;
    struct dam_trace_options options;
    struct target target;
    struct dam_ledger_chain_block block;
    uint64_t number = 0;
    uint32_t index = 0;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    if (!dam_rpc_hash(rpc, 0, &hash) || !read_options(rpc, dam_rpc_param(rpc, 1), &options)) {
        return;
    }
    enum dam_err err = dam_ledger_chain_find_tx(txn, &hash, &number, &index);
    if (err == DAM_ENOTFOUND) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "transaction not found");
        return;
    }
    if (err == DAM_OK) {
        err = dam_ledger_chain_block(txn, number, &block);
    }
    if (err == DAM_OK && !aim_at_block(rpc, &block, &target)) {
        return;
    }
    if (err == DAM_OK) {
        target.before = index;
        err = read_tx(rpc, number, index, &target.tx);
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    trace(rpc, &target, &options);
}

void dam_trace_block(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_trace_options options;
    struct target target;
    if (!dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block) ||
        !read_options(rpc, dam_rpc_param(rpc, 1), &options)) {
        return;
    }
    if (!block.found) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "block not found");
        return;
    }
    if (!aim_at_block(rpc, &block.block, &target)) {
        return;
    }
    dam_json_put_array(rpc->w);
    for (uint32_t i = 0; i < block.block.tx_count && rpc->error_code == 0; i++) {
        struct dam_ledger_chain_tx row;
        struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
        target.before = i;
        enum dam_err err = dam_ledger_chain_tx(dam_ledger_chain_reader(rpc->ledger->chain),
                                               block.block.header.number, i, &row);
        if (err == DAM_OK) {
            err = read_tx(rpc, block.block.header.number, i, &target.tx);
        }
        if (err != DAM_OK) {
            dam_rpc_fail_err(rpc, err);
            return;
        }
        dam_json_put_object(rpc->w);
        dam_rpc_put_hash_at(rpc->w, "txHash", &row.hash);
        dam_json_put_key(rpc->w, "result");
        trace(rpc, &target, &options);
        dam_json_put_object_end(rpc->w);
        dam_arena_release(rpc->arena, mark);
    }
    dam_json_put_array_end(rpc->w);
}

void dam_trace_call(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_rpc_call call;
    struct dam_trace_options options;
    struct target target = {0};
    const struct dam_json *config = dam_rpc_param(rpc, 2);
    if (!dam_rpc_read_call(rpc, dam_rpc_param(rpc, 0), &call) || !dam_rpc_block(rpc, 1, &block) ||
        !read_options(rpc, config, &options) || !dam_rpc_view(rpc, &block.block, &target.view)) {
        return;
    }
    target.block = block.block;
    target.tx = call.tx;
    target.tx.simulate = true;
    if (!call.has_gas || target.tx.gas_limit > rpc->ledger->call_gas_max) {
        target.tx.gas_limit = rpc->ledger->call_gas_max;
    }
    target.env = dam_evm_block_env(&block.block.header);
    const struct dam_json *blocks = dam_json_get(config, "blockOverrides");
    const struct dam_json *state = dam_json_get(config, "stateOverrides");
    target.overrides = dam_json_is_null(state) ? NULL : state;
    if (!dam_rpc_override_block(rpc, dam_json_is_null(blocks) ? NULL : blocks, &target.env)) {
        return;
    }
    if (target.env.gas_limit < target.tx.gas_limit) {
        target.env.gas_limit = target.tx.gas_limit;
    }
    target.options =
        dam_evm_options_of(&rpc->ledger->chain->rules.config, target.env.number, target.env.time);
    trace(rpc, &target, &options);
}
