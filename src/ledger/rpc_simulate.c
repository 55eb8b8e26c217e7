// SPDX-License-Identifier: Apache-2.0
/* eth_simulateV1: blocks of calls on top of a block, run for real on a state in memory that is then
 * forgotten, so that every root and hash in the answer is what it would be. */
#include <inttypes.h>

#include "core/crypto/keccak.h"
#include "core/evm/block.h"
#include "ledger/fees.h"
#include "ledger/overlay.h"
#include "ledger/rpc.h"

#define BLOCKS_MAX 256u
#define SECONDS_PER_BLOCK 12u
#define CALLS_MAX 5000u
#define BLOCK_LEN_MAX ((size_t)64 << 20)

enum sim_code {
    SIM_NONCE_TOO_LOW = -38010,
    SIM_NONCE_TOO_HIGH = -38011,
    SIM_BASE_FEE_TOO_LOW = -38012,
    SIM_INTRINSIC_GAS = -38013,
    SIM_FUNDS = -38014,
    SIM_BLOCK_GAS = -38015,
    SIM_BLOCK_NUMBER = -38020,
    SIM_BLOCK_TIME = -38021,
    SIM_SENDER_NOT_EOA = -38024,
    SIM_INITCODE_SIZE = -38025,
    SIM_LIMIT = -38026,
    SIM_VM_ERROR = -32015,
};

struct sim_call {
    struct dam_tx tx;
    struct dam_address sender;
    struct dam_hash hash;
    struct dam_bytes bytes;
    struct dam_bytes receipt;
    enum dam_evm_status status;
    uint64_t gas_used, gas_used_max;
    struct dam_bytes output;
    struct dam_log *logs;
    uint32_t *log_indexes;
    size_t log_count;
};

struct sim_block {
    const struct dam_json *node; /* NULL: fills a gap in the numbers */
    enum dam_fork fork;
    struct dam_header header;
    struct dam_hash hash;
    struct sim_call *calls;
    size_t call_count;
    uint64_t size;
};

/* A log or a transfer that a run has made, with the frame that could still take it back. */
struct sim_log {
    struct dam_log log;
    bool transfer;
    uint32_t index; /* in the block; those taken back have counted too, as geth has it */
};

struct sim {
    struct dam_overlay overlay; /* first: sim_block_hash looks for it */
    struct dam_rpc *rpc;
    struct dam_ledger_chain_block base;
    struct sim_block *blocks;
    size_t block_count;
    size_t done; /* blocks that have their hash */
    uint64_t gas_left;
    bool validation, transfers, full;
    struct sim_log *logs; /* of the call under way */
    size_t log_count, log_size;
    uint32_t log_index; /* of the block's next one */
    size_t marks[1030]; /* log_count where each open frame began */
    size_t depth;
    bool failed;
};

static enum dam_err sim_block_hash(void *ctx, uint64_t number, struct dam_hash *ret)
{
    const struct sim *sim = ctx;
    for (size_t i = 0; i < sim->done; i++) {
        if (sim->blocks[i].header.number == number) {
            *ret = sim->blocks[i].hash;
            return DAM_OK;
        }
    }
    struct dam_ledger_chain_block block;
    memset(ret, 0, sizeof(*ret));
    if (number > sim->base.header.number) {
        return DAM_OK;
    }
    enum dam_err err = dam_ledger_chain_block(sim->overlay.base.txn, number, &block);
    if (err == DAM_OK) {
        *ret = block.hash;
    }
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

/* ---- logs and transfers ---------------------------------------------------------------------- */

static void keep_log(struct sim *sim, const struct dam_log *log, bool transfer)
{
    if (sim->log_count == sim->log_size) {
        size_t size = sim->log_size == 0 ? 16 : sim->log_size * 2;
        struct sim_log *logs = dam_arena_alloc(sim->rpc->arena, size * sizeof(*logs));
        if (logs == NULL) {
            sim->failed = true;
            return;
        }
        if (sim->log_count > 0) {
            memcpy(logs, sim->logs, sim->log_count * sizeof(*logs));
        }
        sim->logs = logs;
        sim->log_size = size;
    }
    void *data = dam_arena_copy(sim->rpc->arena, log->data.data, log->data.len);
    if (data == NULL) {
        sim->failed = true;
        return;
    }
    sim->logs[sim->log_count] = (struct sim_log){*log, transfer, sim->log_index++};
    sim->logs[sim->log_count++].log.data = dam_bytes(data, log->data.len);
}

static void on_enter(void *ctx, struct dam_evm *evm, const struct dam_evm_enter *enter)
{
    static const struct dam_hash topic = {{0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69,
                                           0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b,
                                           0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a,
                                           0x4d, 0xf5, 0x23, 0xb3, 0xef}}; /* Transfer(...) */
    struct sim *sim = ctx;
    (void)evm;
    if (sim->depth < DAM_COUNT_OF(sim->marks)) {
        sim->marks[sim->depth] = sim->log_count;
    }
    sim->depth++;
    bool moves = enter->kind != DAM_EVM_KIND_DELEGATECALL && enter->kind != DAM_EVM_KIND_CALLCODE &&
                 !dam_u256_is_zero(&enter->value);
    if (!sim->transfers || !moves) {
        return;
    }
    uint8_t value[32];
    struct dam_log log = {.topic_count = 3};
    memset(log.address.b, 0xee, sizeof(log.address.b));
    log.topics[0] = topic;
    memset(&log.topics[1], 0, 64);
    memcpy(log.topics[1].b + 12, enter->sender.b, 20);
    memcpy(log.topics[2].b + 12, enter->to.b, 20);
    dam_u256_store_be(value, &enter->value);
    log.data = dam_bytes(value, sizeof(value));
    keep_log(sim, &log, true);
}

static void on_exit_frame(void *ctx, struct dam_evm *evm, enum dam_evm_status status,
                          int64_t gas_used, struct dam_bytes output)
{
    struct sim *sim = ctx;
    (void)evm;
    (void)gas_used;
    (void)output;
    sim->depth--;
    if (status != DAM_EVM_SUCCESS && sim->depth < DAM_COUNT_OF(sim->marks)) {
        sim->log_count = sim->marks[sim->depth];
    }
}

static void on_log(void *ctx, struct dam_evm *evm, const struct dam_evm_log *from)
{
    struct dam_log log = {
        .address = from->address, .topic_count = from->topic_count, .data = from->data};
    (void)evm;
    memcpy(log.topics, from->topics, sizeof(log.topics));
    keep_log(ctx, &log, false);
}

/* ---- the chain of blocks --------------------------------------------------------------------- */

static bool read_time_and_number(struct sim *sim, const struct dam_json *overrides,
                                 uint64_t *number, bool *has_number, uint64_t *time, bool *has_time)
{
    return dam_rpc_member_u64(sim->rpc, overrides, "number", number, has_number) &&
           dam_rpc_member_u64(sim->rpc, overrides, "time", time, has_time);
}

/* Give every block its number and time, with empty blocks where numbers are left out. */
static bool lay_out(struct sim *sim, const struct dam_json *list)
{
    uint64_t number = sim->base.header.number;
    uint64_t time = sim->base.header.timestamp;
    sim->blocks = dam_arena_zalloc(sim->rpc->arena, BLOCKS_MAX * sizeof(*sim->blocks));
    if (sim->blocks == NULL) {
        dam_rpc_fail_err(sim->rpc, DAM_ENOMEM);
        return false;
    }
    DAM_JSON_EACH(node, list)
    {
        const struct dam_json *overrides = dam_json_get(node, "blockOverrides");
        uint64_t at = 0;
        uint64_t when = 0;
        bool has_number;
        bool has_time;
        if (!read_time_and_number(sim, overrides, &at, &has_number, &when, &has_time)) {
            return false;
        }
        at = has_number ? at : number + 1;
        if (at <= number) {
            dam_rpc_fail(sim->rpc, SIM_BLOCK_NUMBER,
                         "block numbers must be in order: %" PRIu64 " <= %" PRIu64, at, number);
            return false;
        }
        if (at - sim->base.header.number > BLOCKS_MAX) {
            dam_rpc_fail(sim->rpc, SIM_LIMIT, "too many blocks");
            return false;
        }
        while (number + 1 < at) {
            struct sim_block *gap = &sim->blocks[sim->block_count++];
            gap->header.number = ++number;
            gap->header.timestamp = time += SECONDS_PER_BLOCK;
        }
        when = has_time ? when : time + SECONDS_PER_BLOCK;
        if (when <= time) {
            dam_rpc_fail(sim->rpc, SIM_BLOCK_TIME,
                         "block timestamps must be in order: %" PRIu64 " <= %" PRIu64, when, time);
            return false;
        }
        struct sim_block *block = &sim->blocks[sim->block_count++];
        block->node = node;
        block->header.number = number = at;
        block->header.timestamp = time = when;
    }
    return true;
}

static bool begin_header(struct sim *sim, struct sim_block *block, const struct dam_header *parent,
                         const struct dam_hash *parent_hash, struct dam_evm_block *env)
{
    const struct dam_ledger_chain_rules *rules = &sim->rpc->ledger->chain->rules;
    struct dam_header *h = &block->header;
    const struct dam_json *overrides =
        block->node != NULL ? dam_json_get(block->node, "blockOverrides") : NULL;
    enum dam_fork fork = dam_chain_config_fork(&rules->config, h->number, h->timestamp);
    bool has_root;
    block->fork = fork;
    h->form = fork >= DAM_FORK_PRAGUE     ? DAM_HEADER_PRAGUE
              : fork >= DAM_FORK_CANCUN   ? DAM_HEADER_CANCUN
              : fork >= DAM_FORK_SHANGHAI ? DAM_HEADER_SHANGHAI
              : fork >= DAM_FORK_LONDON   ? DAM_HEADER_LONDON
                                          : DAM_HEADER_FRONTIER;
    h->parent_hash = *parent_hash;
    h->uncles_hash = dam_empty_uncles_hash;
    h->withdrawals_root = dam_empty_trie_root;
    h->beneficiary = parent->beneficiary;
    h->gas_limit = parent->gas_limit;
    h->difficulty = fork < DAM_FORK_PARIS ? sim->base.header.difficulty : dam_u256_from_u64(0);
    h->base_fee =
        sim->validation ? dam_fees_next_base(rules, parent, h->timestamp) : dam_u256_from_u64(0);
    h->excess_blob_gas = dam_evm_next_excess_blob_gas(&rules->config, parent, h->timestamp);
    *env = dam_evm_block_env(h);
    if (!dam_rpc_override_block(sim->rpc, dam_json_is_null(overrides) ? NULL : overrides, env) ||
        !dam_rpc_member_hash(sim->rpc, overrides, "beaconRoot", &h->parent_beacon_root,
                             &has_root)) {
        return false;
    }
    h->beneficiary = env->coinbase;
    h->gas_limit = env->gas_limit;
    h->base_fee = env->base_fee;
    h->prev_randao = env->prev_randao;
    return true;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static int code_of(enum dam_tx_invalid invalid)
{
    switch (invalid) {
    case DAM_TX_NONCE_TOO_LOW:
        return SIM_NONCE_TOO_LOW;
    case DAM_TX_NONCE_TOO_HIGH:
        return SIM_NONCE_TOO_HIGH;
    case DAM_TX_NONCE_IS_MAX:
        return DAM_RPC_INTERNAL;
    case DAM_TX_MAX_FEE_BELOW_BASE_FEE:
        return SIM_BASE_FEE_TOO_LOW;
    case DAM_TX_INTRINSIC_GAS_TOO_LOW:
    case DAM_TX_FLOOR_GAS:
        return SIM_INTRINSIC_GAS;
    case DAM_TX_INSUFFICIENT_FUNDS:
    case DAM_TX_GAS_PRICE_OVERFLOW:
        return SIM_FUNDS;
    case DAM_TX_GAS_ALLOWANCE_EXCEEDED:
        return SIM_BLOCK_GAS;
    case DAM_TX_SENDER_NOT_EOA:
        return SIM_SENDER_NOT_EOA;
    case DAM_TX_INITCODE_SIZE:
        return SIM_INITCODE_SIZE;
    case DAM_TX_NONE:
    case DAM_TX_SIGNATURE:
    case DAM_TX_TYPE_NOT_SUPPORTED:
    case DAM_TX_TYPE_1_PRE_FORK:
    case DAM_TX_TYPE_2_PRE_FORK:
    case DAM_TX_TYPE_3_PRE_FORK:
    case DAM_TX_TYPE_4_PRE_FORK:
    case DAM_TX_CHAIN_ID:
    case DAM_TX_GAS_LIMIT_EXCEEDS_MAXIMUM:
    case DAM_TX_PRIORITY_ABOVE_MAX_FEE:
    case DAM_TX_BLOB_FEE_BELOW_BASE_FEE:
    case DAM_TX_BLOB_HASH_VERSION:
    case DAM_TX_BLOB_NONE:
    case DAM_TX_BLOB_COUNT:
    case DAM_TX_BLOB_GAS_ALLOWANCE:
    case DAM_TX_BLOB_CREATE:
    case DAM_TX_SET_CODE_CREATE:
    case DAM_TX_SET_CODE_EMPTY:
        break;
    }
    return DAM_RPC_BAD_PARAMS;
}

static bool invalid(struct sim *sim, enum dam_tx_invalid reason)
{
    dam_rpc_fail(sim->rpc, code_of(reason), "err: %s", dam_ledger_invalid_text(reason));
    return false;
}

/* The call as an unsigned transaction, which gives it a hash and a place in the block. */
static bool to_tx(struct sim *sim, const struct dam_rpc_call *call, struct sim_call *ret)
{
    struct dam_buf buf;
    ret->sender = call->tx.sender;
    if (!dam_rpc_call_to_tx(sim->rpc, call, &ret->tx)) {
        return false;
    }
    dam_buf_init_arena(&buf, sim->rpc->arena, BLOCK_LEN_MAX);
    dam_tx_encode(&ret->tx, &buf);
    if (dam_buf_err(&buf) != DAM_OK) {
        dam_rpc_fail_err(sim->rpc, DAM_ENOMEM);
        return false;
    }
    ret->bytes = dam_buf_bytes(&buf);
    dam_keccak256(buf.data, buf.len, &ret->hash);
    return true;
}

/* What is only asked for with `validation`: the EVM is told to look away for the gas cap's sake. */
static bool validate(struct sim *sim, const struct sim_block *block,
                     const struct dam_rpc_call *call, const struct dam_evm_account *account)
{
    if (call->tx.nonce == UINT64_MAX) { /* EIP-2681 */
        return invalid(sim, DAM_TX_NONCE_IS_MAX);
    }
    if (call->tx.nonce < account->nonce) {
        return invalid(sim, DAM_TX_NONCE_TOO_LOW);
    }
    if (call->tx.nonce > account->nonce) {
        return invalid(sim, DAM_TX_NONCE_TOO_HIGH);
    }
    if (dam_u256_lt(&call->tx.gas_price_max, &block->header.base_fee)) {
        return invalid(sim, DAM_TX_MAX_FEE_BELOW_BASE_FEE);
    }
    return true;
}

static bool prepare_call(struct sim *sim, struct sim_block *block, const struct dam_json *node,
                         struct dam_rpc_call *call, struct sim_call *ret)
{
    struct dam_evm_account account = {0};
    bool exists = false;
    uint64_t left = block->header.gas_limit - block->header.gas_used;
    if (!dam_rpc_read_call(sim->rpc, node, call)) {
        return false;
    }
    if (dam_evm_get_account(sim->rpc->ledger->evm, &call->tx.sender, &account, &exists) != DAM_OK) {
        dam_rpc_fail_err(sim->rpc, DAM_EIO);
        return false;
    }
    account.nonce = exists ? account.nonce : 0;
    if (!call->has_nonce) {
        call->tx.nonce = account.nonce;
    }
    if (!call->has_gas) {
        call->tx.gas_limit = left < sim->gas_left ? left : sim->gas_left;
    } else if (call->tx.gas_limit > left) {
        dam_rpc_fail(sim->rpc, SIM_BLOCK_GAS, "block gas limit reached: %" PRIu64 " >= %" PRIu64,
                     block->header.gas_used + call->tx.gas_limit, block->header.gas_limit);
        return false;
    }
    if (call->tx.gas_limit > sim->gas_left) {
        call->tx.gas_limit = sim->gas_left;
    }
    if (!call->has_gas_price && call->tx.type < 2) {
        call->tx.type = 2;
    }
    call->tx.simulate = true;
    return (!sim->validation || validate(sim, block, call, &account)) && to_tx(sim, call, ret);
}

static bool keep_result(struct sim *sim, struct sim_block *block, struct sim_call *ret,
                        const struct dam_evm_receipt *receipt)
{
    struct dam_arena *arena = sim->rpc->arena;
    struct dam_receipt wire = {.type = ret->tx.type,
                               .succeeded = receipt->status == DAM_EVM_SUCCESS};
    void *output = dam_arena_copy(arena, receipt->output.data, receipt->output.len);
    ret->logs = dam_arena_alloc(arena, sim->log_count * sizeof(*ret->logs) + 1);
    ret->log_indexes = dam_arena_alloc(arena, sim->log_count * sizeof(uint32_t) + 1);
    struct dam_log *own = dam_arena_alloc(arena, sim->log_count * sizeof(*own) + 1);
    if (output == NULL || ret->logs == NULL || own == NULL || ret->log_indexes == NULL ||
        sim->failed) {
        dam_rpc_fail_err(sim->rpc, DAM_ENOMEM);
        return false;
    }
    for (size_t i = 0; i < sim->log_count; i++) {
        ret->log_indexes[ret->log_count] = sim->logs[i].index;
        ret->logs[ret->log_count++] = sim->logs[i].log;
        if (!sim->logs[i].transfer) { /* transfers are told, but are no part of the block */
            own[wire.log_count++] = sim->logs[i].log;
        }
    }
    ret->output = dam_bytes(output, receipt->output.len);
    ret->status = receipt->status;
    ret->gas_used = receipt->gas_used;
    ret->gas_used_max = receipt->gas_used_max;
    block->header.gas_used += receipt->gas_used;
    block->header.blob_gas_used += receipt->blob_gas_used;
    sim->gas_left -= receipt->gas_used;
    wire.logs = own;
    wire.cumulative_gas_used = block->header.gas_used;
    dam_logs_bloom(own, wire.log_count, &wire.bloom);
    dam_bloom_merge(&block->header.bloom, &wire.bloom);
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, BLOCK_LEN_MAX);
    dam_receipt_encode(&wire, &buf);
    ret->receipt = dam_buf_bytes(&buf);
    return true;
}

static bool run_call(struct sim *sim, struct sim_block *block, const struct dam_json *node,
                     struct sim_call *ret)
{
    struct dam_rpc_call call;
    struct dam_evm_receipt receipt;
    if (!prepare_call(sim, block, node, &call, ret)) {
        return false;
    }
    sim->log_count = sim->depth = 0;
    enum dam_err err = dam_evm_transact(sim->rpc->ledger->evm, &call.tx, &receipt);
    if (err != DAM_OK) {
        dam_rpc_fail_err(sim->rpc, err);
        return false;
    }
    if (receipt.invalid != DAM_TX_NONE) {
        return invalid(sim, receipt.invalid);
    }
    return keep_result(sim, block, ret, &receipt);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static enum dam_err seal(struct sim *sim, struct sim_block *block)
{
    struct dam_arena *arena = sim->rpc->arena;
    struct dam_bytes *items = dam_arena_alloc(arena, block->call_count * sizeof(*items) + 1);
    struct dam_buf buf;
    if (items == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < block->call_count; i++) {
        items[i] = block->calls[i].bytes;
    }
    DAM_TRY(dam_trie_list_root(arena, items, block->call_count, &block->header.tx_root));
    for (size_t i = 0; i < block->call_count; i++) {
        items[i] = block->calls[i].receipt;
    }
    DAM_TRY(dam_trie_list_root(arena, items, block->call_count, &block->header.receipt_root));
    dam_header_hash(&block->header, &block->hash);
    dam_buf_init_arena(&buf, arena, BLOCK_LEN_MAX);
    size_t whole = dam_rlp_put_list(&buf);
    dam_header_encode(&block->header, &buf);
    size_t list = dam_rlp_put_list(&buf);
    for (size_t i = 0; i < block->call_count; i++) {
        if (block->calls[i].tx.type == DAM_TX_LEGACY) {
            dam_buf_put(&buf, block->calls[i].bytes.data, block->calls[i].bytes.len);
        } else {
            dam_rlp_put_bytes(&buf, block->calls[i].bytes.data, block->calls[i].bytes.len);
        }
    }
    dam_rlp_put_list_end(&buf, list);
    dam_buf_put_zeros(&buf, block->header.form >= DAM_HEADER_SHANGHAI ? 2 : 1); /* empty lists */
    dam_rlp_put_list_end(&buf, whole);
    block->size = buf.len;
    return dam_buf_err(&buf);
}

static enum dam_err take_requests(struct sim *sim, struct sim_block *block)
{
    struct dam_bytes parts[2];
    struct dam_bytes requests[2];
    enum dam_evm_requests_fault failed = DAM_EVM_REQUESTS_FINE;
    if (block->header.form < DAM_HEADER_PRAGUE) {
        return DAM_OK;
    }
    DAM_TRY(dam_evm_block_requests(sim->rpc->ledger->evm, &parts[0], &parts[1], &failed));
    for (uint8_t i = 0; i < 2; i++) {
        size_t len = failed ? 0 : parts[i].len;
        uint8_t *copy = dam_arena_alloc(sim->rpc->arena, len + 1);
        if (copy == NULL) {
            return DAM_ENOMEM;
        }
        copy[0] = (uint8_t)(i + 1);
        if (len > 0) {
            memcpy(copy + 1, parts[i].data, len);
        }
        requests[i] = dam_bytes(copy, len + 1);
    }
    dam_requests_hash(requests, 2, &block->header.requests_hash);
    return DAM_OK;
}

static enum dam_err change_state(struct sim *sim, struct sim_block *block)
{
    struct dam_evm_diff diff;
    if (block->fork < DAM_FORK_PARIS) {
        struct dam_u256 reward = dam_evm_block_reward(block->fork);
        DAM_TRY(dam_evm_reward(sim->rpc->ledger->evm, &block->header.beneficiary, &reward));
    }
    DAM_TRY(dam_evm_end(sim->rpc->ledger->evm, &diff));
    DAM_TRY(dam_overlay_apply(&sim->overlay, &diff));
    block->header.state_root = sim->overlay.root;
    return DAM_OK;
}

static bool run_block(struct sim *sim, size_t index)
{
    struct dam_ledger *ledger = sim->rpc->ledger;
    struct sim_block *block = &sim->blocks[index];
    const struct dam_header *parent =
        index == 0 ? &sim->base.header : &sim->blocks[index - 1].header;
    const struct dam_hash *parent_hash =
        index == 0 ? &sim->base.hash : &sim->blocks[index - 1].hash;
    struct dam_evm_block env;
    struct dam_evm_tracer tracer = {
        .enter = on_enter, .exit = on_exit_frame, .log = on_log, .ctx = sim};
    const struct dam_json *calls = dam_json_get(block->node, "calls");
    sim->log_index = 0;
    if (!begin_header(sim, block, parent, parent_hash, &env)) {
        return false;
    }
    struct dam_evm_options options = dam_evm_options_of(
        &ledger->chain->rules.config, block->header.number, block->header.timestamp);
    options.tracer = &tracer;
    options.stop = &ledger->stop;
    dam_evm_begin(ledger->evm, &sim->overlay.view, &env, &options);
    if (!dam_rpc_override_state(sim->rpc, dam_json_get(block->node, "stateOverrides"))) {
        return false;
    }
    enum dam_err err = dam_evm_block_start(
        ledger->evm, parent_hash,
        block->header.form >= DAM_HEADER_CANCUN ? &block->header.parent_beacon_root : NULL);
    size_t count = calls != NULL && calls->type == DAM_JSON_ARRAY ? calls->count : 0;
    block->calls = dam_arena_zalloc(sim->rpc->arena, count * sizeof(*block->calls) + 1);
    if (count > CALLS_MAX || block->calls == NULL) {
        dam_rpc_fail(sim->rpc, SIM_LIMIT, "too many calls");
        return false;
    }
    DAM_JSON_EACH(call, calls)
    {
        if (err == DAM_OK && !run_call(sim, block, call, &block->calls[block->call_count++])) {
            return false;
        }
    }
    if (err == DAM_OK) {
        err = take_requests(sim, block);
    }
    if (err == DAM_OK) {
        err = change_state(sim, block);
    }
    if (err == DAM_OK) {
        err = seal(sim, block);
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(sim->rpc, err);
        return false;
    }
    sim->done++;
    return true;
}

/* ---- answering ------------------------------------------------------------------------------- */

static void put_call(struct sim *sim, const struct dam_ledger_chain_block *block,
                     const struct sim_call *call, uint32_t index)
{
    struct dam_json_writer *w = sim->rpc->w;
    dam_json_put_object(w);
    dam_json_put_data_at(w, "returnData", call->output);
    dam_json_put_key(w, "logs");
    dam_json_put_array(w);
    for (size_t i = 0; i < call->log_count; i++) {
        dam_rpc_put_log(w, &call->logs[i], block, &call->hash, index, call->log_indexes[i], false);
    }
    dam_json_put_array_end(w);
    dam_json_put_quantity_at(w, "gasUsed", call->gas_used);
    dam_json_put_quantity_at(w, "maxUsedGas", call->gas_used_max);
    dam_json_put_quantity_at(w, "status", call->status == DAM_EVM_SUCCESS);
    if (call->status != DAM_EVM_SUCCESS) {
        bool revert = call->status == DAM_EVM_REVERT;
        dam_json_put_key(w, "error");
        dam_json_put_object(w);
        dam_json_put_key(w, "code");
        dam_json_put_i64(w, revert ? DAM_RPC_REVERT : SIM_VM_ERROR);
        dam_json_put_key(w, "message");
        dam_json_put_cstr(w, dam_evm_status_text(call->status));
        if (revert) {
            dam_json_put_data_at(w, "data", call->output);
        }
        dam_json_put_object_end(w);
    }
    dam_json_put_object_end(w);
}

static void put_block(struct sim *sim, const struct sim_block *from)
{
    struct dam_json_writer *w = sim->rpc->w;
    struct dam_ledger_chain_block block = {.hash = from->hash, .header = from->header};
    dam_json_put_object(w);
    dam_rpc_put_header_members(w, &from->header, &from->hash);
    dam_json_put_quantity_at(w, "size", from->size);
    dam_json_put_key(w, "transactions");
    dam_json_put_array(w);
    for (size_t i = 0; i < from->call_count; i++) {
        struct dam_rpc_place place = {&block, (uint32_t)i};
        if (sim->full) {
            dam_rpc_put_tx(w, &from->calls[i].tx, &from->calls[i].hash, &from->calls[i].sender,
                           &place);
        } else {
            dam_rpc_put_hash(w, &from->calls[i].hash);
        }
    }
    dam_json_put_array_end(w);
    dam_json_put_key(w, "uncles");
    dam_json_put_array(w);
    dam_json_put_array_end(w);
    if (from->header.form >= DAM_HEADER_SHANGHAI) {
        dam_json_put_key(w, "withdrawals");
        dam_json_put_array(w);
        dam_json_put_array_end(w);
    }
    dam_json_put_key(w, "calls");
    dam_json_put_array(w);
    for (size_t i = 0; i < from->call_count; i++) {
        put_call(sim, &block, &from->calls[i], (uint32_t)i);
    }
    dam_json_put_array_end(w);
    dam_json_put_object_end(w);
}

static bool flag(const struct dam_json *node, const char *key)
{
    bool value = false;
    return dam_json_bool(dam_json_get(node, key), &value) == DAM_OK && value;
}

static void eth_simulateV1(struct dam_rpc *rpc)
{
    const struct dam_json *node = dam_rpc_param(rpc, 0);
    const struct dam_json *list = dam_json_get(node, "blockStateCalls");
    struct dam_rpc_block base;
    struct dam_builder_view view;
    struct dam_hash root;
    struct sim *sim = dam_arena_zalloc(rpc->arena, sizeof(*sim));
    if (list == NULL || list->type != DAM_JSON_ARRAY || list->count == 0) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "empty input");
        return;
    }
    if (list->count > BLOCKS_MAX) {
        dam_rpc_fail(rpc, SIM_LIMIT, "too many blocks");
        return;
    }
    if (sim == NULL || !dam_rpc_block(rpc, 1, &base) || !dam_rpc_view(rpc, &base.block, &view)) {
        return;
    }
    *sim = (struct sim){.rpc = rpc,
                        .base = base.block,
                        .gas_left = rpc->ledger->call_gas_max,
                        .validation = flag(node, "validation"),
                        .transfers = flag(node, "traceTransfers"),
                        .full = flag(node, "returnFullTransactions")};
    enum dam_err err = dam_rpc_root(rpc, &view.state, &root);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    dam_overlay_init(&sim->overlay, rpc->arena, &view.state, &root);
    sim->overlay.view.block_hash = sim_block_hash;
    if (!lay_out(sim, list)) {
        return;
    }
    for (size_t i = 0; i < sim->block_count && rpc->error_code == 0; i++) {
        (void)(dam_rpc_is_over(rpc) || run_block(sim, i)); /* a failure is the call's */
    }
    dam_evm_discard(rpc->ledger->evm);
    dam_overlay_finish(&sim->overlay);
    if (rpc->error_code == 0) {
        dam_json_put_array(rpc->w);
        for (size_t i = 0; i < sim->block_count; i++) {
            put_block(sim, &sim->blocks[i]);
        }
        dam_json_put_array_end(rpc->w);
    }
}

const struct dam_rpc_method dam_rpc_simulate_methods[] = {
    {"eth_simulateV1", eth_simulateV1, false, DAM_RPC_WORKER, 2},
    {0},
};
