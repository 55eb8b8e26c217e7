// SPDX-License-Identifier: Apache-2.0
/* The development methods: time, mining, snapshots, impersonation, and writing the state by hand,
 * under the names that anvil, hardhat and ganache gave them. Only with --dev. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/crypto/keccak.h"
#include "core/evm/block.h"
#include "ledger/fees.h"
#include "ledger/rpc_dev.h"

#define MINE_MAX 100000u
#define SNAPSHOTS_MAX 10000u
#define IMPERSONATED_MAX 10000u
#define RECOVERIES_MAX 1000u
#define TIME_MAX ((uint64_t)1 << 53) /* seconds; what JavaScript can still count */
#define STEP_MAX UINT32_MAX          /* seconds between two blocks */

/* ---- blocks and time ------------------------------------------------------------------------- */

static bool mine(struct dam_rpc *rpc)
{
    enum dam_err err = dam_ledger_mine(rpc->ledger);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    }
    return err == DAM_OK;
}

static bool check_time(struct dam_rpc *rpc, uint64_t time, uint64_t max)
{
    if (time > max) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "Timestamp error: more than %" PRIu64, max);
    }
    return time <= max;
}

static bool read_time(struct dam_rpc *rpc, size_t index, uint64_t max, uint64_t *ret)
{
    return dam_rpc_quantity(rpc, index, ret) && check_time(rpc, *ret, max);
}

/* From now on it is that late. */
static void set_clock(struct dam_ledger *ledger, uint64_t time)
{
    ledger->dev_state.time_offset_s += (int64_t)time - (int64_t)dam_ledger_now(ledger);
}

/* Make that many blocks, a slice of the loop's time at a call. In: interval: seconds between them,
 * 0: as the clock has it. Returns: true when all are made. */
static bool mine_blocks(struct dam_rpc *rpc, uint64_t blocks, uint64_t interval)
{
    struct dam_ledger *ledger = rpc->ledger;
    if (blocks > MINE_MAX) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "more than %u blocks at once", MINE_MAX);
        return false;
    }
    while (rpc->note->number < blocks) {
        if (uv_hrtime() - rpc->began_ns > DAM_RPC_SLICE_NS) {
            rpc->again = true;
            return false;
        }
        if (interval != 0 && rpc->note->number > 0) {
            ledger->dev_state.next_timestamp = ledger->chain->head.header.timestamp + interval;
        }
        if (!mine(rpc)) {
            return false;
        }
        rpc->note->number++;
    }
    return true;
}

/* evm_mine takes nothing, a timestamp, or {timestamp, blocks}. */
static void evm_mine(struct dam_rpc *rpc)
{
    const struct dam_json *param = dam_rpc_param(rpc, 0);
    uint64_t blocks = 1;
    uint64_t timestamp = 0;
    bool has;
    if (param != NULL && param->type == DAM_JSON_OBJECT) {
        if (!dam_rpc_member_u64(rpc, param, "timestamp", &timestamp, &has) ||
            !dam_rpc_member_u64(rpc, param, "blocks", &blocks, &has)) {
            return;
        }
    } else if (param != NULL && !dam_rpc_quantity(rpc, 0, &timestamp)) {
        return;
    }
    if (!check_time(rpc, timestamp, TIME_MAX)) {
        return;
    }
    if (timestamp != 0 && rpc->note->number == 0) {
        rpc->ledger->dev_state.next_timestamp = timestamp;
    }
    if (mine_blocks(rpc, blocks, 0)) {
        dam_json_put_cstr(rpc->w, "0x0");
    }
}

/* hardhat_mine, anvil_mine: a number of blocks and the seconds between them. */
static void mine_many(struct dam_rpc *rpc)
{
    uint64_t blocks = 1;
    uint64_t interval = 0;
    if ((dam_rpc_param(rpc, 0) != NULL && !dam_rpc_quantity(rpc, 0, &blocks)) ||
        (dam_rpc_param(rpc, 1) != NULL && !read_time(rpc, 1, STEP_MAX, &interval)) ||
        !mine_blocks(rpc, blocks, interval)) {
        return;
    }
    uint64_t head = rpc->ledger->chain->head.header.timestamp;
    if (interval != 0 && head > dam_ledger_now(rpc->ledger)) { /* the clock follows the blocks */
        set_clock(rpc->ledger, head);
    }
    dam_json_put_null(rpc->w);
}

/* As evm_mine, and the blocks that were made come back whole. */
static void mine_detailed(struct dam_rpc *rpc)
{
    struct dam_ledger_chain *chain = rpc->ledger->chain;
    struct dam_json_writer *real = rpc->w;
    struct dam_buf ignored;
    dam_buf_init_arena(&ignored, rpc->arena, 64);
    struct dam_json_writer w = {.buf = &ignored};
    rpc->w = &w;
    evm_mine(rpc);
    rpc->w = real;
    if (rpc->again || rpc->error_code != 0) {
        return;
    }
    uint64_t first = chain->head.header.number + 1 - rpc->note->number;
    dam_json_put_array(rpc->w);
    for (uint64_t n = first; rpc->error_code == 0 && n <= chain->head.header.number; n++) {
        struct dam_ledger_chain_block block;
        enum dam_err err = dam_ledger_chain_block(dam_ledger_chain_reader(chain), n, &block);
        if (err == DAM_OK) {
            err = dam_rpc_put_block(rpc, &block, true);
        }
        if (err != DAM_OK) {
            dam_rpc_fail_err(rpc, err);
        }
    }
    dam_json_put_array_end(rpc->w);
}

static void evm_increaseTime(struct dam_rpc *rpc)
{
    uint64_t seconds;
    uint64_t head = rpc->ledger->chain->head.header.timestamp;
    uint64_t now = dam_ledger_now(rpc->ledger);
    now = head > now ? head : now; /* a busy chain is ahead of the clock: from where it stands */
    if (read_time(rpc, 0, TIME_MAX, &seconds) && check_time(rpc, now + seconds, TIME_MAX)) {
        set_clock(rpc->ledger, now + seconds);
        dam_json_put_u64(rpc->w, (uint64_t)rpc->ledger->dev_state.time_offset_s);
    }
}

static void evm_setTime(struct dam_rpc *rpc)
{
    uint64_t time;
    if (!read_time(rpc, 0, TIME_MAX, &time)) {
        return;
    }
    set_clock(rpc->ledger, time > 100000000000u ? time / 1000 : time); /* ganache's milliseconds */
    dam_json_put_u64(rpc->w, (uint64_t)llabs(rpc->ledger->dev_state.time_offset_s));
}

static void evm_setNextBlockTimestamp(struct dam_rpc *rpc)
{
    uint64_t time;
    uint64_t head = rpc->ledger->chain->head.header.timestamp;
    if (!read_time(rpc, 0, TIME_MAX, &time)) {
        return;
    }
    if (time <= head) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS,
                     "Timestamp error: %" PRIu64 " is lower than or equal to previous block's "
                     "timestamp %" PRIu64,
                     time, head);
        return;
    }
    rpc->ledger->dev_state.next_timestamp = time;
    set_clock(rpc->ledger, time);
    dam_json_put_null(rpc->w);
}

static void setBlockTimestampInterval(struct dam_rpc *rpc)
{
    uint64_t step;
    if (read_time(rpc, 0, STEP_MAX, &step)) {
        rpc->ledger->dev_state.timestamp_step = step;
        dam_json_put_null(rpc->w);
    }
}

static void removeBlockTimestampInterval(struct dam_rpc *rpc)
{
    dam_json_put_bool(rpc->w, rpc->ledger->dev_state.timestamp_step != 0);
    rpc->ledger->dev_state.timestamp_step = 0;
}

static void evm_setAutomine(struct dam_rpc *rpc)
{
    bool on;
    if (!dam_rpc_bool(rpc, 0, true, &on)) {
        return;
    }
    rpc->ledger->dev_state.automine = on;
    if (on) {
        dam_ledger_set_interval(rpc->ledger, 0);
        dam_ledger_schedule(rpc->ledger);
    }
    dam_json_put_null(rpc->w);
}

static void getAutomine(struct dam_rpc *rpc)
{
    dam_json_put_bool(rpc->w, rpc->ledger->dev_state.automine && rpc->ledger->interval_ms == 0);
}

static void getIntervalMining(struct dam_rpc *rpc)
{
    if (rpc->ledger->interval_ms == 0) {
        dam_json_put_null(rpc->w);
    } else {
        dam_json_put_u64(rpc->w, rpc->ledger->interval_ms / 1000);
    }
}

/* hardhat counts in milliseconds, anvil in seconds; evm_ is hardhat's method, but anvil reads it as
 * seconds too, and so do the scripts that are about: below 1000 it is seconds. */
static void evm_setIntervalMining(struct dam_rpc *rpc)
{
    uint64_t interval = 0;
    const struct dam_json *param = dam_rpc_param(rpc, 0);
    if (param != NULL && param->type == DAM_JSON_ARRAY) {
        param = dam_json_at(param, 1); /* hardhat's [min, max] */
        if (dam_json_u64(param, &interval) != DAM_OK) {
            dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 0: not [min, max]");
            return;
        }
    } else if (!dam_rpc_quantity(rpc, 0, &interval)) {
        return;
    }
    dam_ledger_set_interval(rpc->ledger, interval < 1000 ? interval * 1000 : interval);
    if (interval > 0) {
        rpc->ledger->dev_state.automine = false;
    }
    dam_json_put_null(rpc->w);
}

static void evm_setBlockGasLimit(struct dam_rpc *rpc)
{
    uint64_t limit;
    if (dam_rpc_quantity(rpc, 0, &limit)) {
        rpc->ledger->gas_limit = limit;
        dam_json_put_bool(rpc->w, true);
    }
}

static void setNextBlockBaseFeePerGas(struct dam_rpc *rpc)
{
    struct dam_dev_state *dev = &rpc->ledger->dev_state;
    if (dam_rpc_u256(rpc, 0, &dev->next_base_fee)) {
        dev->has_next_base_fee = true;
        dam_json_put_null(rpc->w);
    }
}

static void setPrevRandao(struct dam_rpc *rpc)
{
    struct dam_u256 value;
    struct dam_dev_state *dev = &rpc->ledger->dev_state;
    if (dam_rpc_u256(rpc, 0, &value)) {
        dam_u256_store_be(dev->prev_randao.b, &value);
        dev->has_prev_randao = true;
        dam_json_put_null(rpc->w);
    }
}

static void setCoinbase(struct dam_rpc *rpc)
{
    if (dam_rpc_address(rpc, 0, &rpc->ledger->coinbase)) {
        dam_json_put_null(rpc->w);
    }
}

/* ---- snapshots ------------------------------------------------------------------------------- */

static void evm_snapshot(struct dam_rpc *rpc)
{
    struct dam_dev_state *dev = &rpc->ledger->dev_state;
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    if (dev->snapshot_count >= SNAPSHOTS_MAX) {
        dam_rpc_fail(rpc, DAM_RPC_LIMIT, "too many snapshots");
        return;
    }
    struct dam_snapshot *list = realloc(dev->snapshots, (dev->snapshot_count + 1) * sizeof(*list));
    if (list == NULL) {
        dam_rpc_fail_err(rpc, DAM_ENOMEM);
        return;
    }
    dev->snapshots = list;
    list[dev->snapshot_count++] =
        (struct dam_snapshot){chain->head.header.number, chain->version, dev->time_offset_s};
    dam_json_put_quantity(rpc->w, dev->snapshot_count);
}

static bool rollback(struct dam_rpc *rpc, uint64_t number, uint64_t version)
{
    dam_filters_taking_back(rpc->ledger->filters, number);
    enum dam_err err = dam_ledger_chain_rollback(rpc->ledger->chain, number, version);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return false;
    }
    dam_filters_taken_back(rpc->ledger->filters);
    struct dam_dev_state *dev = &rpc->ledger->dev_state;
    while (dev->snapshot_count > 0 &&
           dev->snapshots[dev->snapshot_count - 1].version > rpc->ledger->chain->version) {
        dev->snapshot_count--; /* what it stands for is no more */
    }
    return true;
}

static void evm_revert(struct dam_rpc *rpc)
{
    uint64_t id;
    struct dam_dev_state *dev = &rpc->ledger->dev_state;
    if (!dam_rpc_quantity(rpc, 0, &id)) {
        return;
    }
    if (id == 0 || id > dev->snapshot_count) {
        dam_json_put_bool(rpc->w, false);
        return;
    }
    struct dam_snapshot snapshot = dev->snapshots[id - 1];
    if (rollback(rpc, snapshot.number, snapshot.version)) {
        dev->snapshot_count = (size_t)(id - 1); /* a snapshot is used once, and later ones go */
        dev->time_offset_s = snapshot.time_offset_s;
        dam_json_put_bool(rpc->w, true);
    }
}

static void anvil_rollback(struct dam_rpc *rpc)
{
    uint64_t depth = 1;
    uint64_t head = rpc->ledger->chain->head.header.number;
    if (dam_rpc_param(rpc, 0) != NULL && !dam_rpc_quantity(rpc, 0, &depth)) {
        return;
    }
    if (depth > head) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS,
                     "Rollback depth must not exceed current chain height");
    } else if (rollback(rpc, head - depth, 0)) {
        dam_json_put_null(rpc->w);
    }
}

/* One of anvil_reorg's [transaction, block] pairs: signed bytes, or an object as
 * eth_sendTransaction takes it. */
static bool reorg_tx(struct dam_rpc *rpc, const struct dam_json *pair)
{
    const struct dam_json *node = dam_json_at(pair, 0);
    struct dam_bytes bytes;
    struct dam_hash hash;
    struct dam_offer_fault fault;
    if (node != NULL && node->type == DAM_JSON_OBJECT) {
        return dam_rpc_send_as(rpc, pair);
    }
    if (node == NULL || dam_json_hex(node, rpc->arena, &bytes) != DAM_OK) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 1: not [transaction, block]");
        return false;
    }
    enum dam_err err = dam_ledger_offer(rpc->ledger, bytes, &hash, &fault);
    if (err == DAM_EREFUSED) {
        dam_rpc_fail(rpc, fault.code, "%s", fault.text);
    } else if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    }
    return err == DAM_OK;
}

/* Take `depth` blocks back and make as many others, with the given transactions in them. */
static void anvil_reorg(struct dam_rpc *rpc)
{
    uint64_t depth;
    struct dam_dev_state *dev = &rpc->ledger->dev_state;
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    const struct dam_json *pairs = dam_rpc_param(rpc, 1);
    if (!dam_rpc_quantity(rpc, 0, &depth)) {
        return;
    }
    if (depth > chain->head.header.number) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "Reorg depth must not exceed current chain height");
        return;
    }
    struct dam_hash old = chain->head.hash; /* the new blocks must differ from the old ones */
    if (!rollback(rpc, chain->head.header.number - depth, 0)) {
        return;
    }
    for (uint64_t i = 0; i < depth; i++) {
        DAM_JSON_EACH(pair, pairs)
        {
            uint64_t at = 0;
            if (dam_json_u64(dam_json_at(pair, 1), &at) == DAM_OK && at == i &&
                !reorg_tx(rpc, pair)) {
                return;
            }
        }
        dam_keccak256(old.b, sizeof(old.b), &dev->prev_randao);
        dev->has_prev_randao = true;
        old = dev->prev_randao;
        if (!mine(rpc)) {
            return;
        }
    }
    dam_json_put_null(rpc->w);
}

static void reset(struct dam_rpc *rpc)
{
    struct dam_dev_state *dev = &rpc->ledger->dev_state;
    if (dam_rpc_param(rpc, 0) != NULL && dam_rpc_param(rpc, 0)->count > 0) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "there is no forking here: reset takes nothing");
        return;
    }
    if (!rollback(rpc, 0, 0)) {
        return;
    }
    size_t cursor = 0;
    for (struct dam_pool_tx *tx; (tx = dam_pool_each(rpc->ledger->pool, &cursor)) != NULL;
         cursor = 0) {
        dam_pool_remove(rpc->ledger->pool, tx);
    }
    rpc->ledger->fresh_count = 0;
    dev->snapshot_count = dev->impersonated_count = dev->recovery_count = 0;
    dam_evm_make_up_signatures(rpc->ledger->evm, NULL, 0);
    dev->time_offset_s = 0;
    dev->next_timestamp = dev->timestamp_step = 0;
    dev->automine = true;
    dam_ledger_set_interval(rpc->ledger, 0);
    dam_json_put_null(rpc->w);
}

/* ---- impersonation --------------------------------------------------------------------------- */

static void impersonateAccount(struct dam_rpc *rpc)
{
    struct dam_address address;
    struct dam_dev_state *dev = &rpc->ledger->dev_state;
    if (!dam_rpc_address(rpc, 0, &address)) {
        return;
    }
    struct dam_address *list =
        dev->impersonated_count < IMPERSONATED_MAX
            ? realloc(dev->impersonated, (dev->impersonated_count + 1) * sizeof(*list))
            : NULL;
    if (list == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_LIMIT, "too many impersonated accounts");
        return;
    }
    dev->impersonated = list;
    list[dev->impersonated_count++] = address;
    dam_json_put_null(rpc->w);
}

/* From now on ECRECOVER and EIP-7702 name the address for the signature, whatever was signed. Both
 * are the parameters, or, as anvil wants them, a list that is the only one. */
static void anvil_impersonateSignature(struct dam_rpc *rpc)
{
    struct dam_bytes signature;
    struct dam_evm_recovery made_up;
    struct dam_dev_state *dev = &rpc->ledger->dev_state;
    size_t at = 0;
    const struct dam_json *pair = dam_rpc_param(rpc, 0);
    if (pair != NULL && pair->type == DAM_JSON_ARRAY) {
        rpc->params = pair;
    }
    if (!dam_rpc_data(rpc, 0, &signature) || !dam_rpc_address(rpc, 1, &made_up.signer)) {
        return;
    }
    if (signature.len != sizeof(made_up.signature)) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 0: not 65 bytes: r, s, v");
        return;
    }
    memcpy(made_up.signature, signature.data, sizeof(made_up.signature));
    while (at < dev->recovery_count && memcmp(dev->recoveries[at].signature, made_up.signature,
                                              sizeof(made_up.signature)) != 0) {
        at++;
    }
    dam_rpc_wait(rpc->ledger); /* other threads read the list */
    struct dam_evm_recovery *list =
        at < RECOVERIES_MAX ? realloc(dev->recoveries, (dev->recovery_count + 1) * sizeof(*list))
                            : NULL;
    if (list == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_LIMIT, "too many impersonated signatures");
        return;
    }
    list[at] = made_up;
    dev->recoveries = list;
    dev->recovery_count += at == dev->recovery_count;
    dam_evm_make_up_signatures(rpc->ledger->evm, list, dev->recovery_count);
    dam_json_put_null(rpc->w);
}

static void stopImpersonatingAccount(struct dam_rpc *rpc)
{
    struct dam_address address;
    struct dam_dev_state *dev = &rpc->ledger->dev_state;
    if (!dam_rpc_address(rpc, 0, &address)) {
        return;
    }
    for (size_t i = 0; i < dev->impersonated_count;) {
        if (dam_address_eq(&dev->impersonated[i], &address)) {
            dev->impersonated[i] = dev->impersonated[--dev->impersonated_count];
        } else {
            i++;
        }
    }
    dam_json_put_null(rpc->w);
}

static void autoImpersonateAccount(struct dam_rpc *rpc)
{
    if (dam_rpc_bool(rpc, 0, true, &rpc->ledger->dev_state.impersonate_all)) {
        dam_json_put_null(rpc->w);
    }
}

/* ---- the pool and the node ------------------------------------------------------------------- */

static void drop(struct dam_rpc *rpc, struct dam_pool_tx *tx)
{
    for (size_t i = 0; i < rpc->ledger->fresh_count; i++) {
        if (rpc->ledger->fresh[i] == tx) {
            rpc->ledger->fresh[i] = NULL;
        }
    }
    dam_pool_remove(rpc->ledger->pool, tx);
}

static bool drop_one(struct dam_rpc *rpc, const struct dam_hash *hash)
{
    struct dam_pool_tx *tx = dam_pool_find(rpc->ledger->pool, hash);
    if (tx != NULL) {
        drop(rpc, tx);
    }
    return tx != NULL;
}

static void anvil_dropTransaction(struct dam_rpc *rpc)
{
    struct dam_hash hash;
    if (!dam_rpc_hash(rpc, 0, &hash)) {
        return;
    }
    if (drop_one(rpc, &hash)) {
        dam_rpc_put_hash(rpc->w, &hash);
    } else {
        dam_json_put_null(rpc->w);
    }
}

static void hardhat_dropTransaction(struct dam_rpc *rpc)
{
    struct dam_hash hash;
    if (dam_rpc_hash(rpc, 0, &hash)) {
        dam_json_put_bool(rpc->w, drop_one(rpc, &hash));
    }
}

static void removePoolTransactions(struct dam_rpc *rpc)
{
    struct dam_address address;
    if (!dam_rpc_address(rpc, 0, &address)) {
        return;
    }
    for (struct dam_pool_tx *tx; (tx = dam_pool_of(rpc->ledger->pool, &address)) != NULL;) {
        drop(rpc, tx);
    }
    dam_json_put_null(rpc->w);
}

static void dropAllTransactions(struct dam_rpc *rpc)
{
    size_t cursor = 0;
    for (struct dam_pool_tx *tx; (tx = dam_pool_each(rpc->ledger->pool, &cursor)) != NULL;
         cursor = 0) {
        drop(rpc, tx);
    }
    dam_json_put_null(rpc->w);
}

/* What asks for a change that has no meaning here: there is nothing to log. */
static void setLoggingEnabled(struct dam_rpc *rpc)
{
    dam_json_put_null(rpc->w);
}

static void setMinGasPrice(struct dam_rpc *rpc)
{
    dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS,
                 "anvil_setMinGasPrice is not supported when EIP-1559 is active");
}

/* For this run of the process: the stored genesis keeps its own. */
static void setChainId(struct dam_rpc *rpc)
{
    uint64_t id;
    if (dam_rpc_quantity(rpc, 0, &id)) {
        rpc->ledger->chain->rules.config.chain_id = id;
        dam_json_put_null(rpc->w);
    }
}

static void getGenesisTime(struct dam_rpc *rpc)
{
    struct dam_ledger_chain_block block;
    enum dam_err err =
        dam_ledger_chain_block(dam_ledger_chain_reader(rpc->ledger->chain), 0, &block);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else {
        dam_json_put_u64(rpc->w, block.header.timestamp);
    }
}

static void anvil_nodeInfo(struct dam_rpc *rpc)
{
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    struct dam_json_writer *w = rpc->w;
    struct dam_builder_params params;
    dam_ledger_next_params(rpc->ledger, &params);
    struct dam_u256 fee = dam_fees_next_base(&chain->rules, &chain->head.header, params.timestamp);
    dam_json_put_object(w);
    dam_json_put_quantity_at(w, "currentBlockNumber", chain->head.header.number);
    dam_json_put_key(w, "currentBlockTimestamp");
    dam_json_put_u64(w, chain->head.header.timestamp);
    dam_rpc_put_hash_at(w, "currentBlockHash", &chain->head.hash);
    dam_json_put_key(w, "hardFork");
    dam_json_put_cstr(w, "osaka");
    dam_json_put_key(w, "transactionOrder");
    dam_json_put_cstr(w, "fees");
    dam_json_put_key(w, "environment");
    dam_json_put_object(w);
    dam_json_put_quantity_u256_at(w, "baseFee", &fee);
    dam_json_put_key(w, "chainId");
    dam_json_put_u64(w, chain->rules.config.chain_id);
    dam_json_put_quantity_at(w, "gasLimit", rpc->ledger->gas_limit);
    dam_json_put_quantity_u256_at(w, "gasPrice", &fee);
    dam_json_put_object_end(w);
    dam_json_put_key(w, "forkConfig");
    dam_json_put_object(w);
    dam_json_put_object_end(w);
    dam_json_put_object_end(w);
}

/* id: [number, hash] */
static void put_snapshot(struct dam_rpc *rpc, size_t index)
{
    struct dam_ledger_chain_block block;
    uint64_t number = rpc->ledger->dev_state.snapshots[index].number;
    char id[24];
    enum dam_err err =
        dam_ledger_chain_block(dam_ledger_chain_reader(rpc->ledger->chain), number, &block);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    (void)snprintf(id, sizeof(id), "0x%zx", index + 1);
    dam_json_put_key(rpc->w, id);
    dam_json_put_array(rpc->w);
    dam_json_put_u64(rpc->w, number);
    dam_rpc_put_hash(rpc->w, &block.hash);
    dam_json_put_array_end(rpc->w);
}

static void metadata(struct dam_rpc *rpc)
{
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    struct dam_json_writer *w = rpc->w;
    dam_json_put_object(w);
    dam_json_put_key(w, "clientVersion");
    dam_json_put_cstr(w, "dam/v" DAM_VERSION);
    dam_json_put_key(w, "clientSemver");
    dam_json_put_cstr(w, DAM_VERSION);
    dam_json_put_key(w, "chainId");
    dam_json_put_u64(w, chain->rules.config.chain_id);
    dam_rpc_put_hash_at(w, "instanceId", &chain->genesis_hash);
    dam_json_put_key(w, "latestBlockNumber");
    dam_json_put_u64(w, chain->head.header.number);
    dam_rpc_put_hash_at(w, "latestBlockHash", &chain->head.hash);
    dam_json_put_key(w, "snapshots");
    dam_json_put_object(w);
    for (size_t i = 0; i < rpc->ledger->dev_state.snapshot_count; i++) {
        put_snapshot(rpc, i);
    }
    dam_json_put_object_end(w);
    dam_json_put_object_end(w);
}

/* A method under anvil's name and hardhat's. */
#define BOTH(name, fn)                                                                             \
    {"anvil_" #name, fn, true},                                                                    \
    {                                                                                              \
        "hardhat_" #name, fn, true                                                                 \
    }

const struct dam_rpc_method dam_rpc_dev_methods[] = {
    {"evm_mine", evm_mine, true, DAM_RPC_SLICES},
    {"evm_increaseTime", evm_increaseTime, true},
    {"anvil_increaseTime", evm_increaseTime, true},
    {"evm_setTime", evm_setTime, true},
    {"anvil_setTime", evm_setTime, true},
    {"evm_setNextBlockTimestamp", evm_setNextBlockTimestamp, true},
    {"anvil_setNextBlockTimestamp", evm_setNextBlockTimestamp, true},
    {"evm_setAutomine", evm_setAutomine, true},
    {"anvil_setAutomine", evm_setAutomine, true},
    {"evm_setIntervalMining", evm_setIntervalMining, true},
    {"anvil_setIntervalMining", evm_setIntervalMining, true},
    {"evm_setBlockGasLimit", evm_setBlockGasLimit, true},
    {"anvil_setBlockGasLimit", evm_setBlockGasLimit, true},
    {"evm_snapshot", evm_snapshot, true},
    {"anvil_snapshot", evm_snapshot, true},
    {"evm_revert", evm_revert, true},
    {"anvil_revert", evm_revert, true},
    {"anvil_rollback", anvil_rollback, true},
    {"anvil_mine", mine_many, true, DAM_RPC_SLICES},
    {"hardhat_mine", mine_many, true, DAM_RPC_SLICES},
    {"anvil_setBlockTimestampInterval", setBlockTimestampInterval, true},
    {"anvil_removeBlockTimestampInterval", removeBlockTimestampInterval, true},
    {"evm_setAccountNonce", dam_dev_set_nonce, true},
    {"evm_setAccountBalance", dam_dev_set_balance, true},
    {"evm_setAccountCode", dam_dev_set_code, true},
    {"evm_setAccountStorageAt", dam_dev_set_storage, true},
    {"anvil_addBalance", dam_dev_add_balance, true},
    {"anvil_setNextBlockPrevRandao", setPrevRandao, true},
    {"hardhat_setPrevRandao", setPrevRandao, true},
    {"anvil_dropAllTransactions", dropAllTransactions, true},
    {"anvil_dropTransaction", anvil_dropTransaction, true},
    {"hardhat_dropTransaction", hardhat_dropTransaction, true},
    {"anvil_removePoolTransactions", removePoolTransactions, true},
    {"anvil_mine_detailed", mine_detailed, true, DAM_RPC_SLICES},
    {"evm_mine_detailed", mine_detailed, true, DAM_RPC_SLICES},
    {"anvil_getIntervalMining", getIntervalMining, true},
    {"anvil_getGenesisTime", getGenesisTime, true},
    {"anvil_setChainId", setChainId, true},
    {"anvil_dealERC20", dam_dev_deal_erc20, true},
    {"anvil_setERC20Allowance", dam_dev_set_erc20_allowance, true},
    {"anvil_dumpState", dam_dev_dump_state, true},
    {"anvil_loadState", dam_dev_load_state, true},
    {"anvil_reorg", anvil_reorg, true},
    {"anvil_nodeInfo", anvil_nodeInfo, true},
    BOTH(getAutomine, getAutomine),
    BOTH(setBalance, dam_dev_set_balance),
    BOTH(setCode, dam_dev_set_code),
    BOTH(setNonce, dam_dev_set_nonce),
    BOTH(setStorageAt, dam_dev_set_storage),
    {"anvil_impersonateSignature", anvil_impersonateSignature, true},
    BOTH(impersonateAccount, impersonateAccount),
    BOTH(stopImpersonatingAccount, stopImpersonatingAccount),
    BOTH(autoImpersonateAccount, autoImpersonateAccount),
    BOTH(setCoinbase, setCoinbase),
    BOTH(setNextBlockBaseFeePerGas, setNextBlockBaseFeePerGas),
    BOTH(setMinGasPrice, setMinGasPrice),
    BOTH(setLoggingEnabled, setLoggingEnabled),
    BOTH(reset, reset),
    BOTH(metadata, metadata),
    {0},
};
