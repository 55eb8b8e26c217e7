// SPDX-License-Identifier: Apache-2.0
#include "core/eth/rlp.h"
#include "core/eth/trie.h"
#include "core/evm/block.h"
#include "core/evm/vm.h"

#define DEPOSIT_EVENT_LEN 576u

/* A block on its way through. */
struct execution {
    struct dam_evm *evm;
    const struct dam_chain_config *config;
    const struct dam_evm_block_state *state;
    const struct dam_block *block;
    const struct dam_evm_tracer *tracer;
    struct dam_arena *arena;
    struct dam_evm_block_outcome *outcome;
    struct dam_receipt *receipts;
    struct dam_evm_receipt *results;
    struct dam_buf deposits; /* request type 0 and its data */
    enum dam_fork fork;
};

static void session_begin(struct execution *x)
{
    const struct dam_header *header = &x->block->header;
    const struct dam_evm_block env = dam_evm_block_env(header);
    struct dam_evm_options options =
        dam_evm_options_of(x->config, header->number, header->timestamp);
    options.tracer = x->tracer;
    dam_evm_begin(x->evm, &x->state->view, &env, &options);
    /* Before Byzantium a block is several sessions. */
    x->evm->block_gas_used = x->outcome->gas_used;
}

static enum dam_err session_commit(struct execution *x, struct dam_hash *ret_root)
{
    struct dam_evm_diff diff;
    DAM_TRY(dam_evm_end(x->evm, &diff));
    return x->state->commit(x->state->ctx, &diff, ret_root);
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* Copy logs out of the session. */
static enum dam_err logs_copy(struct execution *x, const struct dam_evm_receipt *from,
                              struct dam_receipt *receipt)
{
    struct dam_log *logs = dam_arena_alloc(x->arena, (from->log_count + 1) * sizeof(logs[0]));
    if (logs == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < from->log_count; i++) {
        const struct dam_evm_log *log = &from->logs[i];
        const uint8_t *data = dam_arena_copy(x->arena, log->data.data, log->data.len);
        if (data == NULL && log->data.len != 0) {
            return DAM_ENOMEM;
        }
        logs[i] = (struct dam_log){.address = log->address,
                                   .topic_count = log->topic_count,
                                   .data = dam_bytes(data, log->data.len)};
        memcpy(logs[i].topics, log->topics, sizeof(logs[i].topics));
    }
    receipt->logs = logs;
    receipt->log_count = from->log_count;
    dam_logs_bloom(logs, from->log_count, &receipt->bloom);
    return DAM_OK;
}

/* Data of the deposit contract's event: five byte strings at fixed places (EIP-6110). */
static bool deposit_read(struct dam_buf *deposits, struct dam_bytes data)
{
    static const struct {
        uint32_t offset;
        uint32_t len;
    } fields[5] = {{160, 48}, {256, 32}, {320, 8}, {384, 96}, {512, 8}};
    if (data.len != DEPOSIT_EVENT_LEN) {
        return false;
    }
    for (size_t i = 0; i < 5; i++) {
        const struct dam_u256 offset = dam_u256_load_be(data.data + 32 * i);
        const struct dam_u256 want_offset = dam_u256_from_u64(fields[i].offset);
        const struct dam_u256 want_len = dam_u256_from_u64(fields[i].len);
        if (!dam_u256_eq(&offset, &want_offset)) {
            return false;
        }
        const struct dam_u256 len = dam_u256_load_be(data.data + fields[i].offset);
        if (!dam_u256_eq(&len, &want_len)) {
            return false;
        }
    }
    for (size_t i = 0; i < 5; i++) {
        dam_buf_put(deposits, data.data + fields[i].offset + 32, fields[i].len);
    }
    return true;
}

static void deposits_collect(struct execution *x, const struct dam_receipt *receipt)
{
    static const struct dam_hash event = {{0x64, 0x9b, 0xbc, 0x62, 0xd0, 0xe3, 0x13, 0x42,
                                           0xaf, 0xea, 0x4e, 0x5c, 0xd8, 0x2d, 0x40, 0x49,
                                           0xe7, 0xe1, 0xee, 0x91, 0x2f, 0xc0, 0x88, 0x9a,
                                           0xa7, 0x90, 0x80, 0x3b, 0xe3, 0x90, 0x38, 0xc5}};
    for (size_t i = 0; i < receipt->log_count; i++) {
        const struct dam_log *log = &receipt->logs[i];
        if (dam_address_eq(&log->address, &x->config->deposit_contract) && log->topic_count > 0 &&
            dam_hash_eq(&log->topics[0], &event) && !deposit_read(&x->deposits, log->data)) {
            x->outcome->invalid = DAM_BLOCK_DEPOSIT_LAYOUT;
        }
    }
}

/* Returns: DAM_OK, with outcome->invalid set if the transaction may not be there. */
static enum dam_err tx_run(struct execution *x, size_t index, const struct dam_address *known)
{
    struct dam_evm_block_outcome *outcome = x->outcome;
    const struct dam_tx *tx = &x->block->txs[index];
    struct dam_address sender;
    struct dam_evm_tx evm_tx;
    struct dam_evm_receipt result;
    outcome->tx_index = index;
    if (known != NULL) {
        sender = *known;
    } else {
        const enum dam_err err =
            dam_tx_sender(tx, x->fork >= DAM_FORK_HOMESTEAD, x->arena, &sender);
        if (err == DAM_ESIGNATURE) {
            outcome->invalid = DAM_BLOCK_TRANSACTION;
            outcome->tx_invalid = DAM_TX_SIGNATURE;
            return DAM_OK;
        }
        DAM_TRY(err);
    }
    DAM_TRY(dam_evm_tx_from(x->arena, tx, &sender, &evm_tx));
    DAM_TRY(dam_evm_transact(x->evm, &evm_tx, &result));
    if (result.invalid != DAM_TX_NONE) {
        outcome->invalid = DAM_BLOCK_TRANSACTION;
        outcome->tx_invalid = result.invalid;
        return DAM_OK;
    }
    outcome->gas_used += result.gas_used;
    outcome->blob_gas_used += result.blob_gas_used;
    struct dam_receipt *receipt = &x->receipts[index];
    *receipt = (struct dam_receipt){.type = tx->type,
                                    .succeeded = result.status == DAM_EVM_SUCCESS,
                                    .cumulative_gas_used = outcome->gas_used};
    DAM_TRY(logs_copy(x, &result, receipt));
    dam_bloom_merge(&outcome->bloom, &receipt->bloom);
    if (x->fork >= DAM_FORK_PRAGUE) {
        deposits_collect(x, receipt);
    }
    result.output = dam_bytes(NULL, result.output.len);
    result.logs = NULL;
    x->results[index] = result;
    outcome->receipt_count = index + 1;
    if (x->fork < DAM_FORK_BYZANTIUM) { /* EIP-658 came with it */
        receipt->has_state_root = true;
        DAM_TRY(session_commit(x, &receipt->state_root));
        session_begin(x);
    }
    return DAM_OK;
}

/* ---- around them ----------------------------------------------------------------------------- */

/* Yellow Paper 11.3: the miner gets 1/32 more for each uncle, its miner less the older it is. */
static enum dam_err rewards(struct execution *x)
{
    const struct dam_header *header = &x->block->header;
    const struct dam_u256 reward = dam_evm_block_reward(x->fork);
    if (dam_u256_is_zero(&reward)) {
        return DAM_OK;
    }
    struct dam_u256 miner = reward;
    for (size_t i = 0; i < x->block->uncle_count; i++) {
        const struct dam_header *uncle = &x->block->uncles[i];
        struct dam_u256 part;
        const struct dam_u256 eighths = dam_u256_from_u64(uncle->number + 8 - header->number);
        dam_u256_mul(&part, &reward, &eighths);
        dam_u256_shr(&part, &part, 3);
        DAM_TRY(dam_evm_reward(x->evm, &uncle->beneficiary, &part));
        dam_u256_shr(&part, &reward, 5);
        (void)dam_u256_add(&miner, &miner, &part);
    }
    return dam_evm_reward(x->evm, &header->beneficiary, &miner);
}

static enum dam_err requests(struct execution *x)
{
    if (x->fork < DAM_FORK_PRAGUE) {
        return DAM_OK;
    }
    struct dam_bytes from_calls[2];
    struct dam_bytes list[3];
    enum dam_evm_requests_fault fault;
    DAM_TRY(dam_buf_err(&x->deposits));
    DAM_TRY(dam_evm_block_requests(x->evm, &from_calls[0], &from_calls[1], &fault));
    if (fault != DAM_EVM_REQUESTS_FINE) {
        x->outcome->invalid = fault == DAM_EVM_REQUESTS_NO_CONTRACT
                                  ? DAM_BLOCK_SYSTEM_CONTRACT_EMPTY
                                  : DAM_BLOCK_SYSTEM_CALL;
        return DAM_OK;
    }
    list[0] = dam_buf_bytes(&x->deposits);
    for (size_t i = 0; i < 2; i++) {
        uint8_t *bytes = dam_arena_alloc(x->arena, from_calls[i].len + 1);
        if (bytes == NULL) {
            return DAM_ENOMEM;
        }
        bytes[0] = (uint8_t)(i + 1);
        if (from_calls[i].len != 0) {
            memcpy(bytes + 1, from_calls[i].data, from_calls[i].len);
        }
        list[i + 1] = dam_bytes(bytes, from_calls[i].len + 1);
    }
    dam_requests_hash(list, 3, &x->outcome->requests_hash);
    return DAM_OK;
}

static enum dam_err receipts_root(struct execution *x)
{
    const size_t count = x->outcome->receipt_count;
    struct dam_bytes *items = dam_arena_alloc(x->arena, (count + 1) * sizeof(items[0]));
    if (items == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct dam_buf buf;
        dam_buf_init_arena(&buf, x->arena, 0);
        dam_receipt_encode(&x->receipts[i], &buf);
        DAM_TRY(dam_buf_err(&buf));
        items[i] = dam_buf_bytes(&buf);
    }
    return dam_trie_list_root(x->arena, items, count, &x->outcome->receipts_root);
}

/* What the header says against what happened. */
static enum dam_block_invalid compare(const struct execution *x)
{
    const struct dam_header *header = &x->block->header;
    const struct dam_evm_block_outcome *outcome = x->outcome;
    if (header->gas_used != outcome->gas_used) {
        return DAM_BLOCK_GAS_USED;
    }
    if (x->fork >= DAM_FORK_CANCUN && header->blob_gas_used != outcome->blob_gas_used) {
        return DAM_BLOCK_BLOB_GAS_USED;
    }
    if (memcmp(header->bloom.b, outcome->bloom.b, sizeof(outcome->bloom.b)) != 0) {
        return DAM_BLOCK_BLOOM;
    }
    if (!dam_hash_eq(&header->receipt_root, &outcome->receipts_root)) {
        return DAM_BLOCK_RECEIPTS_ROOT;
    }
    if (x->fork >= DAM_FORK_PRAGUE &&
        !dam_hash_eq(&header->requests_hash, &outcome->requests_hash)) {
        return DAM_BLOCK_REQUESTS;
    }
    return dam_hash_eq(&header->state_root, &outcome->state_root) ? DAM_BLOCK_NONE
                                                                  : DAM_BLOCK_STATE_ROOT;
}

static enum dam_err execute(struct execution *x, const struct dam_address *senders)
{
    const struct dam_block *block = x->block;
    session_begin(x);
    if (block->header.number == x->config->dao_block) {
        DAM_TRY(dam_evm_dao_drain(x->evm));
    }
    DAM_TRY(
        dam_evm_block_start(x->evm, &block->header.parent_hash,
                            x->fork >= DAM_FORK_CANCUN ? &block->header.parent_beacon_root : NULL));
    for (size_t i = 0; i < block->tx_count; i++) {
        DAM_TRY(tx_run(x, i, senders != NULL ? &senders[i] : NULL));
        if (x->outcome->invalid != DAM_BLOCK_NONE) {
            return DAM_OK;
        }
    }
    for (size_t i = 0; i < block->withdrawal_count; i++) {
        DAM_TRY(dam_evm_withdraw(x->evm, &block->withdrawals[i].address,
                                 block->withdrawals[i].amount_gwei));
    }
    DAM_TRY(requests(x));
    if (x->outcome->invalid != DAM_BLOCK_NONE) {
        return DAM_OK;
    }
    DAM_TRY(rewards(x));
    DAM_TRY(session_commit(x, &x->outcome->state_root));
    DAM_TRY(receipts_root(x));
    x->outcome->invalid = compare(x);
    return DAM_OK;
}

enum dam_err dam_evm_block_execute(struct dam_evm *evm, const struct dam_chain_config *config,
                                   const struct dam_evm_block_state *state,
                                   const struct dam_block *block, const struct dam_address *senders,
                                   const struct dam_evm_tracer *tracer, struct dam_arena *arena,
                                   struct dam_evm_block_outcome *ret_outcome)
{
    struct dam_evm_block_outcome outcome = {.invalid = DAM_BLOCK_NONE};
    struct execution x = {.evm = evm,
                          .config = config,
                          .state = state,
                          .block = block,
                          .tracer = tracer,
                          .arena = arena,
                          .outcome = &outcome};
    x.fork = dam_chain_config_fork(config, block->header.number, block->header.timestamp);
    x.receipts = dam_arena_zalloc(arena, (block->tx_count + 1) * sizeof(x.receipts[0]));
    x.results = dam_arena_zalloc(arena, (block->tx_count + 1) * sizeof(x.results[0]));
    if (x.receipts == NULL || x.results == NULL) {
        return DAM_ENOMEM;
    }
    dam_buf_init_arena(&x.deposits, arena, 0);
    dam_buf_put_byte(&x.deposits, 0);
    const enum dam_err err = execute(&x, senders);
    dam_evm_discard(evm);
    DAM_TRY(err);
    outcome.receipts = x.receipts;
    outcome.results = x.results;
    *ret_outcome = outcome;
    return DAM_OK;
}
