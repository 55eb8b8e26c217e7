// SPDX-License-Identifier: Apache-2.0
#include "ledger/tracer.h"

#include <inttypes.h>

#include "core/crypto/keccak.h"
#include "core/eth/address.h"
#include "core/evm/block.h"
#include "ledger/overlay.h"
#include "ledger/tracers.h"

/* Where a traced transaction is, and the session on the way to it. */
struct replay {
    struct dam_rpc *rpc;
    struct dam_ledger_chain_block block; /* whose environment it has */
    struct dam_builder_view view;        /* the state before the block, or after it for a call */
    struct dam_evm_block env;
    struct dam_evm_options options;
    const struct dam_json *overrides;
    bool in_block;                   /* with the system calls at the block's start */
    uint32_t before;                 /* transactions of the block that run first */
    bool open;                       /* there is a session ... */
    uint32_t ran;                    /* ... that has run so many of them */
    const struct dam_evm_tracer *to; /* who sees what the session does now; NULL: nobody */
    struct dam_evm_tracer hooks;     /* of the session */
    struct dam_trace_target target;
};

/* ---- the session ----------------------------------------------------------------------------- */

static void on_step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step)
{
    const struct dam_evm_tracer *to = ((struct replay *)ctx)->to;
    if (to != NULL && to->step != NULL) {
        to->step(to->ctx, evm, step);
    }
}

static void on_step_end(void *ctx, struct dam_evm *evm, int64_t cost, enum dam_evm_status status)
{
    const struct dam_evm_tracer *to = ((struct replay *)ctx)->to;
    if (to != NULL && to->step_end != NULL) {
        to->step_end(to->ctx, evm, cost, status);
    }
}

static void on_enter(void *ctx, struct dam_evm *evm, const struct dam_evm_enter *enter)
{
    const struct dam_evm_tracer *to = ((struct replay *)ctx)->to;
    if (to != NULL && to->enter != NULL) {
        to->enter(to->ctx, evm, enter);
    }
}

static void on_exit_frame(void *ctx, struct dam_evm *evm, enum dam_evm_status status,
                          int64_t gas_used, struct dam_bytes output)
{
    const struct dam_evm_tracer *to = ((struct replay *)ctx)->to;
    if (to != NULL && to->exit != NULL) {
        to->exit(to->ctx, evm, status, gas_used, output);
    }
}

static void on_log(void *ctx, struct dam_evm *evm, const struct dam_evm_log *log)
{
    const struct dam_evm_tracer *to = ((struct replay *)ctx)->to;
    if (to != NULL && to->log != NULL) {
        to->log(to->ctx, evm, log);
    }
}

static enum dam_err read_tx(struct dam_rpc *rpc, uint64_t number, uint32_t index,
                            struct dam_evm_tx *ret)
{
    struct dam_ledger_chain_tx row;
    struct dam_tx tx;
    DAM_TRY(dam_ledger_chain_tx(dam_ledger_chain_reader(rpc->ledger->chain), number, index, &row));
    DAM_TRY(dam_tx_decode(rpc->arena, row.bytes, &tx, NULL));
    return dam_evm_tx_from(rpc->arena, &tx, &row.sender, ret);
}

/* Begin at the block's start, or on the state that a call is made on. */
static enum dam_err begin(struct replay *r)
{
    const struct dam_header *header = &r->block.header;
    r->hooks = (struct dam_evm_tracer){on_step, on_step_end, on_enter, on_exit_frame, on_log, r};
    r->options.tracer = &r->hooks;
    r->options.stop = &r->rpc->ledger->stop;
    r->ran = 0;
    dam_evm_begin(r->rpc->ledger->evm, &r->view.view, &r->env, &r->options);
    if (r->in_block) {
        return dam_evm_block_start(r->rpc->ledger->evm, &header->parent_hash,
                                   header->form >= DAM_HEADER_CANCUN ? &header->parent_beacon_root
                                                                     : NULL);
    }
    return dam_rpc_override_state(r->rpc, r->overrides) ? DAM_OK : DAM_EPARSE;
}

static enum dam_err open_session(void *ctx, const struct dam_evm_tracer *tracer)
{
    struct replay *r = ctx;
    struct dam_evm_receipt receipt;
    r->to = NULL;
    if (!r->open || r->ran > r->before) {
        DAM_TRY(begin(r));
        r->open = true;
    }
    for (; r->ran < r->before; r->ran++) {
        struct dam_evm_tx tx;
        struct dam_arena_mark mark = dam_arena_mark(r->rpc->arena);
        DAM_TRY(read_tx(r->rpc, r->block.header.number, r->ran, &tx));
        DAM_TRY(dam_evm_transact(r->rpc->ledger->evm, &tx, &receipt));
        dam_arena_release(r->rpc->arena, mark);
    }
    r->ran++; /* the target is the next */
    r->to = tracer;
    return DAM_OK;
}

static void trace(struct replay *r, const struct dam_trace_options *options)
{
    enum dam_tx_invalid invalid = DAM_TX_NONE;
    struct dam_trace_target *target = &r->target;
    struct dam_rpc *rpc = r->rpc;
    target->evm = rpc->ledger->evm;
    target->arena = rpc->arena;
    target->open = open_session;
    target->ctx = r;
    target->coinbase = r->env.coinbase;
    target->fork = r->options.fork;
    target->block_number = r->env.number;
    enum dam_err err = dam_trace_run(target, options, rpc->w, &invalid);
    if (err != DAM_OK) {
        r->open = false;
        dam_rpc_fail_err(rpc, err);
    } else if (invalid != DAM_TX_NONE) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "tracing failed: %s", dam_ledger_invalid_text(invalid));
    }
    r->open = r->open && target->keep;
}

/* ---- methods --------------------------------------------------------------------------------- */

static bool read_options(struct dam_rpc *rpc, size_t index, struct dam_trace_options *ret)
{
    char fault[DAM_TRACE_FAULT_SIZE];
    if (dam_trace_options_read(dam_rpc_param(rpc, index), ret, fault) != DAM_OK) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "%s", fault);
        return false;
    }
    return true;
}

/* The state before a block, in its environment. */
static bool aim_at_block(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                         struct replay *ret)
{
    struct dam_ledger_chain_block parent;
    memset(ret, 0, sizeof(*ret));
    if (block->header.number == 0) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "genesis is not traceable");
        return false;
    }
    ret->rpc = rpc;
    ret->block = *block;
    ret->in_block = ret->target.in_block = true;
    ret->target.block_hash = block->hash;
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

/* Take a transaction of the block for the target. */
static bool aim_at_tx(struct replay *r, uint32_t index)
{
    struct dam_ledger_chain_tx row;
    struct dam_ledger_chain_receipt receipt;
    uint64_t number = r->block.header.number;
    struct dam_store_txn *txn = dam_ledger_chain_reader(r->rpc->ledger->chain);
    enum dam_err err = dam_ledger_chain_tx(txn, number, index, &row);
    if (err == DAM_OK) {
        err = read_tx(r->rpc, number, index, &r->target.tx);
    }
    if (err == DAM_OK) {
        err = dam_ledger_chain_receipt(txn, r->rpc->arena, number, index, &receipt);
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(r->rpc, err);
        return false;
    }
    r->before = r->target.tx_index = index;
    r->target.tx_hash = row.hash;
    r->target.log_start = receipt.log_start;
    return true;
}

void dam_trace_transaction(struct dam_rpc *rpc)
{
    struct dam_hash hash;
    struct dam_trace_options options;
    struct replay r;
    struct dam_ledger_chain_block block;
    uint64_t number = 0;
    uint32_t index = 0;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    if (!dam_rpc_hash(rpc, 0, &hash) || !read_options(rpc, 1, &options)) {
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
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else if (aim_at_block(rpc, &block, &r) && aim_at_tx(&r, index)) {
        trace(&r, &options);
    }
}

static void trace_block(struct dam_rpc *rpc, const struct dam_rpc_block *block)
{
    struct dam_trace_options options;
    struct replay r;
    if (!read_options(rpc, 1, &options)) {
        return;
    }
    if (!block->found) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "block not found");
        return;
    }
    if (!aim_at_block(rpc, &block->block, &r)) {
        return;
    }
    r.target.keep = true;
    dam_json_put_array(rpc->w);
    for (uint32_t i = 0; i < block->block.tx_count && rpc->error_code == 0; i++) {
        struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
        if (aim_at_tx(&r, i)) {
            dam_json_put_object(rpc->w);
            dam_rpc_put_hash_at(rpc->w, "txHash", &r.target.tx_hash);
            dam_json_put_key(rpc->w, "result");
            trace(&r, &options);
            dam_json_put_object_end(rpc->w);
        }
        dam_arena_release(rpc->arena, mark);
    }
    dam_evm_discard(rpc->ledger->evm);
    dam_json_put_array_end(rpc->w);
}

void dam_trace_block_by_number(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    if (dam_rpc_param(rpc, 0) == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "missing value for required argument 0");
    } else if (dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block)) {
        trace_block(rpc, &block);
    }
}

void dam_trace_block_by_hash(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_hash hash;
    if (dam_rpc_hash(rpc, 0, &hash) && dam_rpc_block_of(rpc, dam_rpc_param(rpc, 0), 0, &block)) {
        trace_block(rpc, &block);
    }
}

/* A block in its wire form, which must be one of ours: only their transactions are known. */
void dam_trace_block(struct dam_rpc *rpc)
{
    struct dam_bytes rlp;
    struct dam_block decoded;
    struct dam_hash hash;
    struct dam_rpc_block block = {0};
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    uint64_t number = 0;
    if (!dam_rpc_data(rpc, 0, &rlp)) {
        return;
    }
    if (dam_block_decode(rpc->arena, rlp, &decoded, NULL) != DAM_OK) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "could not decode block: not the RLP of one");
        return;
    }
    dam_header_hash(&decoded.header, &hash);
    enum dam_err err = dam_ledger_chain_number_of(txn, &hash, &number);
    if (err == DAM_OK) {
        err = dam_ledger_chain_block(txn, number, &block.block);
    }
    block.found = err == DAM_OK;
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        dam_rpc_fail_err(rpc, err);
    } else {
        trace_block(rpc, &block);
    }
}

/* ---- storage in the midst of a block --------------------------------------------------------- */

#define RANGE_MAX 1024u /* slots of an answer */

/* Slots of the range, in the order of their hashes. */
struct range {
    struct dam_rpc *rpc;
    struct range_slot {
        struct dam_hash hash;
        struct dam_u256 value;
        struct dam_u256 key;
        bool has_key;
    } * slots;
    size_t count;
    size_t max;
    bool more;
    struct dam_hash next;
};

static bool take_slot(void *ctx, const struct dam_hash *hash, const struct dam_u256 *value)
{
    struct range *range = ctx;
    range->more = range->count == range->max;
    if (range->more) {
        range->next = *hash;
        return false;
    }
    range->slots[range->count++] = (struct range_slot){.hash = *hash, .value = *value};
    return !dam_rpc_is_over(range->rpc);
}

/* The trie knows hashes only; who asks wants to read keys too. */
static bool name_slot(void *ctx, const struct dam_u256 *key)
{
    const struct range *range = ctx;
    struct dam_hash hash;
    uint8_t word[32];
    dam_u256_store_be(word, key);
    dam_keccak256(word, sizeof(word), &hash);
    size_t low = 0;
    for (size_t high = range->count; low < high;) {
        size_t middle = (low + high) / 2;
        int order = memcmp(range->slots[middle].hash.b, hash.b, sizeof(hash.b));
        if (order == 0) {
            range->slots[middle].key = *key;
            range->slots[middle].has_key = true;
            break;
        }
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return !dam_rpc_is_over(range->rpc);
}

static void put_range(const struct range *range)
{
    struct dam_json_writer *w = range->rpc->w;
    dam_json_put_object(w);
    dam_json_put_key(w, "storage");
    dam_json_put_object(w);
    for (size_t i = 0; i < range->count; i++) {
        const struct range_slot *slot = &range->slots[i];
        dam_json_put_key_data(w, slot->hash.b, sizeof(slot->hash.b));
        dam_json_put_object(w);
        dam_json_put_key(w, "key");
        if (slot->has_key) {
            dam_trace_put_word(w, &slot->key);
        } else {
            dam_json_put_null(w);
        }
        dam_json_put_key(w, "value");
        dam_trace_put_word(w, &slot->value);
        dam_json_put_object_end(w);
    }
    dam_json_put_object_end(w);
    dam_json_put_key(w, "nextKey");
    if (range->more) {
        dam_rpc_put_hash(w, &range->next);
    } else {
        dam_json_put_null(w);
    }
    dam_json_put_object_end(w);
}

/* The state before a transaction of the block, laid over the one before the block. */
static enum dam_err lay_before(struct replay *r, uint32_t index, struct dam_overlay *overlay)
{
    struct dam_evm_diff diff;
    struct dam_hash root;
    r->before = index;
    DAM_TRY(open_session(r, NULL));
    DAM_TRY(dam_evm_end(r->rpc->ledger->evm, &diff));
    DAM_TRY(dam_rpc_root(r->rpc, &r->view.state, &root));
    dam_overlay_init(overlay, r->rpc->arena, &r->view.state, &root);
    return dam_overlay_apply(overlay, &diff);
}

/* debug_storageRangeAt: block, transaction, contract, first hashed key, slots at most. */
void dam_trace_storage_range(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_address address;
    struct dam_u256 start;
    struct dam_hash from;
    struct replay r;
    struct dam_overlay overlay = {0};
    uint64_t index;
    uint64_t max;
    if (!dam_rpc_block(rpc, 0, &block) || !dam_rpc_quantity(rpc, 1, &index) ||
        !dam_rpc_address(rpc, 2, &address) || !dam_rpc_u256(rpc, 3, &start) ||
        !dam_rpc_quantity(rpc, 4, &max) || !aim_at_block(rpc, &block.block, &r)) {
        return;
    }
    if (index > block.block.tx_count || (index == block.block.tx_count && index > 0)) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "transaction index %" PRIu64 " out of range for block",
                     index);
        return;
    }
    dam_u256_store_be(from.b, &start);
    struct range range = {.rpc = rpc, .max = max < RANGE_MAX ? (size_t)max : RANGE_MAX};
    range.slots = dam_arena_alloc(rpc->arena, range.max * sizeof(*range.slots) + 1);
    enum dam_err err = range.slots == NULL ? DAM_ENOMEM : DAM_OK;
    if (err == DAM_OK) {
        err = lay_before(&r, (uint32_t)index, &overlay);
    }
    if (err == DAM_OK) {
        err = dam_overlay_each_slot(&overlay, &address, &from, take_slot, &range);
    }
    if (err == DAM_OK) {
        err = dam_overlay_each_key(&overlay, &address, name_slot, &range);
    }
    dam_overlay_finish(&overlay);
    dam_evm_discard(rpc->ledger->evm);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else if (rpc->error_code == 0) {
        put_range(&range);
    }
}

void dam_trace_call(struct dam_rpc *rpc)
{
    struct dam_rpc_block block;
    struct dam_rpc_call call;
    struct dam_trace_options options;
    struct replay r = {.rpc = rpc};
    const struct dam_json *config = dam_rpc_param(rpc, 2);
    if (!dam_rpc_read_call(rpc, dam_rpc_param(rpc, 0), &call) || !dam_rpc_block(rpc, 1, &block) ||
        !read_options(rpc, 2, &options) || !dam_rpc_view(rpc, &block.block, &r.view)) {
        return;
    }
    r.block = block.block;
    r.target.tx = call.tx;
    r.target.tx.simulate = true;
    if (!call.has_gas || r.target.tx.gas_limit > rpc->ledger->call_gas_max) {
        r.target.tx.gas_limit = rpc->ledger->call_gas_max;
    }
    r.env = dam_evm_block_env(&block.block.header);
    const struct dam_json *blocks = dam_json_get(config, "blockOverrides");
    const struct dam_json *state = dam_json_get(config, "stateOverrides");
    r.overrides = dam_json_is_null(state) ? NULL : state;
    if (!dam_rpc_override_block(rpc, dam_json_is_null(blocks) ? NULL : blocks, &r.env)) {
        return;
    }
    if (r.env.gas_limit < r.target.tx.gas_limit) {
        r.env.gas_limit = r.target.tx.gas_limit;
    }
    r.options = dam_evm_options_of(&rpc->ledger->chain->rules.config, r.env.number, r.env.time);
    trace(&r, &options);
}
