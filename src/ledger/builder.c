// SPDX-License-Identifier: Apache-2.0
#include "ledger/builder.h"

#include <stdio.h>

#include "base/assert.h"
#include "core/crypto/keccak.h"
#include "core/evm/block.h"
#include "ledger/fees.h"

#define HEADER_LEN_MAX 1024u /* and the lists' own heads */
#define WITHDRAWAL_LEN_MAX 48u
#define DEPOSIT_DATA_LEN 576u /* EIP-6110: the ABI form of five byte strings */
#define REQUESTS_LEN_MAX ((size_t)1 << 24)
#define RECEIPT_LEN_MAX ((size_t)1 << 28)

/* ---- the view -------------------------------------------------------------------------------- */

static enum dam_err view_block_hash(void *ctx, uint64_t number, struct dam_hash *ret)
{
    struct dam_builder_view *view = ctx;
    struct dam_ledger_chain_block block;
    enum dam_err err = dam_ledger_chain_block(view->state.txn, number, &block);
    if (err == DAM_OK) {
        *ret = block.hash;
    } else if (err == DAM_ENOTFOUND) {
        memset(ret, 0, sizeof(*ret));
        err = DAM_OK;
    }
    return err;
}

void dam_builder_view_init(struct dam_builder_view *view, struct dam_store_txn *txn,
                           uint64_t version)
{
    view->state = (struct dam_state){txn, version};
    dam_state_view(&view->view, view);
    view->view.block_hash = view_block_hash;
}

/* ---- beginning ------------------------------------------------------------------------------- */

static void begin_header(struct dam_builder *b)
{
    const struct dam_ledger_chain *chain = b->chain;
    const struct dam_builder_params *params = &b->params;
    const struct dam_header *parent = &chain->head.header;
    struct dam_header *header = &b->header;
    memset(header, 0, sizeof(*header));
    header->form = dam_evm_header_form(b->fork);
    header->parent_hash = chain->head.hash;
    header->beneficiary = params->coinbase;
    header->difficulty = params->difficulty;
    header->number = parent->number + 1;
    header->gas_limit = params->gas_limit;
    header->timestamp = params->timestamp;
    header->extra_len = params->extra_len;
    memcpy(header->extra, params->extra, params->extra_len);
    header->prev_randao = params->prev_randao;
    memcpy(header->nonce, params->nonce, sizeof(header->nonce));
    header->base_fee = params->base_fee != NULL
                           ? *params->base_fee
                           : dam_fees_next_base(&chain->rules, parent, params->timestamp);
    header->excess_blob_gas =
        dam_evm_next_excess_blob_gas(&chain->rules.config, parent, params->timestamp);
    header->parent_beacon_root = params->parent_beacon_root;
    b->block = dam_evm_block_env(header);
}

enum dam_err dam_builder_begin(struct dam_builder *builder, struct dam_ledger_chain *chain,
                               struct dam_evm *evm, const struct dam_builder_params *params)
{
    memset(builder, 0, sizeof(*builder));
    builder->chain = chain;
    builder->evm = evm;
    builder->arena = &chain->arena;
    builder->params = *params;
    uint64_t number = chain->head.header.number + 1;
    builder->fork = dam_chain_config_fork(&chain->rules.config, number, params->timestamp);
    builder->options = dam_evm_options_of(&chain->rules.config, number, params->timestamp);
    dam_ledger_chain_release_reader(chain);
    DAM_TRY(dam_store_begin(chain->store, true, &builder->txn));
    dam_builder_view_init(&builder->view, builder->txn, DAM_STATE_NEWEST);
    dam_state_write_begin(&builder->writer, builder->txn, builder->arena, chain->version + 1,
                          &chain->root, chain->nodes);
    dam_buf_init_arena(&builder->deposits, builder->arena, REQUESTS_LEN_MAX);
    dam_buf_put_byte(&builder->deposits, 0); /* the request type */
    begin_header(builder);
    dam_evm_begin(evm, &builder->view.view, &builder->block, &builder->options);
    enum dam_err err = dam_evm_block_start(
        evm, &builder->header.parent_hash,
        builder->fork >= DAM_FORK_CANCUN ? &builder->header.parent_beacon_root : NULL);
    if (err != DAM_OK) {
        dam_builder_drop(builder);
    }
    return err;
}

void dam_builder_drop(struct dam_builder *builder)
{
    if (builder->txn != NULL) {
        dam_evm_discard(builder->evm);
        dam_store_abort(builder->txn);
        builder->txn = NULL;
        dam_arena_trim(builder->arena, DAM_LEDGER_ARENA_KEPT);
    }
}

/* ---- transactions ---------------------------------------------------------------------------- */

static size_t rlp_list_len(size_t payload)
{
    size_t header = 1;
    for (size_t n = payload; payload > 55 && n > 0; n >>= 8) {
        header++;
    }
    return header + payload;
}

bool dam_builder_has_room(const struct dam_builder *builder, size_t tx_len)
{
    size_t around = HEADER_LEN_MAX + builder->params.withdrawal_count * WITHDRAWAL_LEN_MAX;
    return builder->fork < DAM_FORK_OSAKA ||
           around + builder->tx_len + rlp_list_len(tx_len) <= DAM_BLOCK_LEN_MAX;
}

uint64_t dam_builder_gas_left(const struct dam_builder *builder)
{
    return builder->header.gas_limit - builder->header.gas_used;
}

/* EIP-6110: a deposit's request is its five fields without the ABI's padding. */
static void take_deposit(struct dam_builder *b, const struct dam_evm_log *log)
{
    static const struct dam_hash topic = {{0x64, 0x9b, 0xbc, 0x62, 0xd0, 0xe3, 0x13, 0x42,
                                           0xaf, 0xea, 0x4e, 0x5c, 0xd8, 0x2d, 0x40, 0x49,
                                           0xe7, 0xe1, 0xee, 0x91, 0x2f, 0xc0, 0x88, 0x9a,
                                           0xa7, 0x90, 0x80, 0x3b, 0xe3, 0x90, 0x38, 0xc5}};
    static const struct {
        uint16_t at;
        uint16_t len;
    } fields[] = {{192, 48}, {288, 32}, {352, 8}, {416, 96}, {544, 8}};
    if (b->fork < DAM_FORK_PRAGUE || log->topic_count == 0 || log->data.len != DEPOSIT_DATA_LEN ||
        !dam_address_eq(&log->address, &b->chain->rules.config.deposit_contract) ||
        !dam_hash_eq(&log->topics[0], &topic)) {
        return;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(fields); i++) {
        dam_buf_put(&b->deposits, log->data.data + fields[i].at, fields[i].len);
    }
}

/* The logs in the form of receipts, copied: the session's end takes the originals away. */
static enum dam_err copy_logs(struct dam_builder *b, const struct dam_evm_receipt *from,
                              struct dam_ledger_chain_receipt *to)
{
    struct dam_log *logs = dam_arena_alloc(b->arena, from->log_count * sizeof(*logs) + 1);
    if (logs == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < from->log_count; i++) {
        const struct dam_evm_log *log = &from->logs[i];
        void *data = dam_arena_copy(b->arena, log->data.data, log->data.len);
        if (data == NULL) {
            return DAM_ENOMEM;
        }
        logs[i].address = log->address;
        logs[i].topic_count = log->topic_count;
        memcpy(logs[i].topics, log->topics, sizeof(logs[i].topics));
        logs[i].data = dam_bytes(data, log->data.len);
        take_deposit(b, log);
    }
    to->logs = logs;
    to->log_count = from->log_count;
    return DAM_OK;
}

static enum dam_err put_log_index(struct dam_builder *b,
                                  const struct dam_ledger_chain_receipt *receipt)
{
    const struct dam_address *last = NULL;
    for (size_t i = 0; i < receipt->log_count; i++) {
        uint8_t key[28];
        const struct dam_address *address = &receipt->logs[i].address;
        if (last != NULL && dam_address_eq(last, address)) {
            continue;
        }
        last = address;
        memcpy(key, address->b, 20);
        dam_store_be64(key + 20, b->header.number);
        DAM_TRY(dam_store_put(b->txn, DAM_STORE_LOG_INDEX, dam_bytes(key, sizeof(key)),
                              dam_bytes(NULL, 0)));
    }
    return DAM_OK;
}

static enum dam_err encode_receipt(struct dam_builder *b,
                                   const struct dam_ledger_chain_receipt *from,
                                   struct dam_bytes *ret)
{
    struct dam_receipt receipt = {
        .type = from->type,
        .has_state_root = from->has_state_root,
        .succeeded = from->succeeded,
        .state_root = from->state_root,
        .cumulative_gas_used = from->cumulative_gas_used,
        .logs = from->logs,
        .log_count = from->log_count,
    };
    struct dam_buf buf;
    dam_logs_bloom(receipt.logs, receipt.log_count, &receipt.bloom);
    dam_bloom_merge(&b->header.bloom, &receipt.bloom);
    dam_buf_init_arena(&buf, b->arena, RECEIPT_LEN_MAX);
    dam_receipt_encode(&receipt, &buf);
    *ret = dam_buf_bytes(&buf);
    return dam_buf_err(&buf);
}

/* Before Byzantium a receipt holds the state root after its transaction: the session ends there and
 * a new one begins. */
static enum dam_err root_now(struct dam_builder *b, struct dam_hash *ret)
{
    struct dam_evm_diff diff;
    DAM_TRY(dam_evm_end(b->evm, &diff));
    DAM_TRY(dam_state_write(&b->writer, &diff));
    *ret = b->writer.root;
    struct dam_evm_block block = b->block;
    block.gas_limit -= b->header.gas_used; /* the new session counts from zero */
    dam_evm_begin(b->evm, &b->view.view, &block, &b->options);
    return DAM_OK;
}

static enum dam_err grow_entries(struct dam_builder *b)
{
    if (b->count < b->capacity) {
        return DAM_OK;
    }
    uint32_t capacity = b->capacity == 0 ? 64 : b->capacity * 2;
    struct dam_builder_entry *entries = dam_arena_alloc(b->arena, capacity * sizeof(*entries));
    if (entries == NULL) {
        return DAM_ENOMEM;
    }
    if (b->count > 0) {
        memcpy(entries, b->entries, b->count * sizeof(*entries));
    }
    b->entries = entries;
    b->capacity = capacity;
    return DAM_OK;
}

static enum dam_err record(struct dam_builder *b, const struct dam_signed_tx *tx,
                           const struct dam_evm_receipt *from)
{
    struct dam_ledger_chain_receipt receipt = {
        .type = tx->tx.type,
        .succeeded = from->status == DAM_EVM_SUCCESS,
        .has_state_root = b->fork < DAM_FORK_BYZANTIUM,
        .gas_used = from->gas_used,
        .blob_gas_used = from->blob_gas_used,
        .gas_price = from->gas_price,
        .created = from->created,
        .contract = from->create,
        .log_start = b->log_count,
    };
    DAM_TRY(grow_entries(b));
    b->header.gas_used += from->gas_used;
    b->header.blob_gas_used += from->blob_gas_used;
    receipt.cumulative_gas_used = b->header.gas_used;
    DAM_TRY(copy_logs(b, from, &receipt));
    if (receipt.has_state_root) {
        DAM_TRY(root_now(b, &receipt.state_root));
    }
    struct dam_builder_entry *entry = &b->entries[b->count];
    void *bytes = dam_arena_copy(b->arena, tx->bytes.data, tx->bytes.len);
    if (bytes == NULL) {
        return DAM_ENOMEM;
    }
    entry->hash = tx->hash;
    entry->bytes = dam_bytes(bytes, tx->bytes.len);
    DAM_TRY(encode_receipt(b, &receipt, &entry->receipt));
    struct dam_ledger_chain_tx row = {b->header.number, b->count, tx->hash, tx->sender, tx->bytes};
    DAM_TRY(dam_ledger_chain_put_tx(b->txn, &row));
    DAM_TRY(dam_ledger_chain_put_receipt(b->txn, b->arena, b->header.number, b->count, &receipt));
    DAM_TRY(put_log_index(b, &receipt));
    b->log_count += (uint32_t)receipt.log_count;
    bool legacy = tx->bytes.data[0] >= 0xc0; /* a list itself; others are strings in the list */
    b->tx_len += legacy ? tx->bytes.len : rlp_list_len(tx->bytes.len);
    b->count++;
    return DAM_OK;
}

enum dam_err dam_builder_add(struct dam_builder *builder, const struct dam_signed_tx *tx,
                             enum dam_tx_invalid *ret_invalid)
{
    struct dam_evm_receipt receipt;
    DAM_TRY(dam_evm_transact(builder->evm, &tx->evm, &receipt));
    *ret_invalid = receipt.invalid;
    return receipt.invalid == DAM_TX_NONE ? record(builder, tx, &receipt) : DAM_OK;
}

/* ---- sealing --------------------------------------------------------------------------------- */

/* The miner's reward and the uncles' (Yellow Paper 11.3). */
static enum dam_err pay_rewards(struct dam_builder *b)
{
    struct dam_u256 reward = dam_evm_block_reward(b->fork);
    uint64_t whole;
    if (dam_u256_is_zero(&reward) || !dam_u256_to_u64(&reward, &whole)) {
        return DAM_OK;
    }
    for (size_t i = 0; i < b->params.uncle_count; i++) {
        const struct dam_header *uncle = &b->params.uncles[i];
        uint64_t distance = b->header.number - uncle->number;
        if (distance == 0 || distance > 7) {
            return DAM_EREFUSED;
        }
        struct dam_u256 part = dam_u256_from_u64(whole / 8 * (8 - distance));
        DAM_TRY(dam_evm_reward(b->evm, &uncle->beneficiary, &part));
    }
    struct dam_u256 sum = dam_u256_from_u64(whole + whole / 32 * b->params.uncle_count);
    return dam_evm_reward(b->evm, &b->header.beneficiary, &sum);
}

static enum dam_err take_requests(struct dam_builder *b)
{
    struct dam_bytes parts[2];
    struct dam_bytes requests[3];
    enum dam_evm_requests_fault failed = DAM_EVM_REQUESTS_FINE;
    if (b->fork < DAM_FORK_PRAGUE) {
        return DAM_OK;
    }
    DAM_TRY(dam_evm_block_requests(b->evm, &parts[0], &parts[1], &failed));
    if (failed != DAM_EVM_REQUESTS_FINE) {
        return DAM_EUNSUPPORTED;
    }
    DAM_TRY(dam_buf_err(&b->deposits));
    requests[0] = dam_buf_bytes(&b->deposits);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t *request = dam_arena_alloc(b->arena, parts[i].len + 1);
        if (request == NULL) {
            return DAM_ENOMEM;
        }
        request[0] = (uint8_t)(i + 1);
        if (parts[i].len > 0) {
            memcpy(request + 1, parts[i].data, parts[i].len);
        }
        requests[i + 1] = dam_bytes(request, parts[i].len + 1);
    }
    dam_requests_hash(requests, 3, &b->header.requests_hash);
    return DAM_OK;
}

static enum dam_err list_roots(struct dam_builder *b)
{
    struct dam_bytes *items = dam_arena_alloc(b->arena, b->count * sizeof(*items) + 1);
    if (items == NULL) {
        return DAM_ENOMEM;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        items[i] = b->entries[i].bytes;
    }
    DAM_TRY(dam_trie_list_root(b->arena, items, b->count, &b->header.tx_root));
    for (uint32_t i = 0; i < b->count; i++) {
        items[i] = b->entries[i].receipt;
    }
    return dam_trie_list_root(b->arena, items, b->count, &b->header.receipt_root);
}

/* Encode withdrawals and uncles, set their roots. */
static enum dam_err seal_lists(struct dam_builder *b, struct dam_ledger_chain_block *block)
{
    const struct dam_builder_params *params = &b->params;
    struct dam_buf buf;
    struct dam_bytes *items =
        dam_arena_alloc(b->arena, params->withdrawal_count * sizeof(*items) + 1);
    if (items == NULL) {
        return DAM_ENOMEM;
    }
    dam_buf_init_arena(&buf, b->arena, RECEIPT_LEN_MAX);
    for (size_t i = 0; i < params->withdrawal_count; i++) {
        struct dam_buf one;
        dam_buf_init_arena(&one, b->arena, 128);
        dam_withdrawal_encode(&params->withdrawals[i], &one);
        items[i] = dam_buf_bytes(&one);
    }
    DAM_TRY(
        dam_trie_list_root(b->arena, items, params->withdrawal_count, &b->header.withdrawals_root));
    size_t list = dam_rlp_put_list(&buf);
    for (size_t i = 0; i < params->withdrawal_count; i++) {
        dam_withdrawal_encode(&params->withdrawals[i], &buf);
    }
    dam_rlp_put_list_end(&buf, list);
    block->has_withdrawals = b->fork >= DAM_FORK_SHANGHAI;
    block->withdrawals = dam_buf_bytes(&buf);
    DAM_TRY(dam_buf_err(&buf));
    dam_buf_init_arena(&buf, b->arena, RECEIPT_LEN_MAX);
    list = dam_rlp_put_list(&buf);
    for (size_t i = 0; i < params->uncle_count; i++) {
        dam_header_encode(&params->uncles[i], &buf);
    }
    dam_rlp_put_list_end(&buf, list);
    block->uncles = dam_buf_bytes(&buf);
    DAM_TRY(dam_buf_err(&buf));
    return dam_uncles_hash(params->uncles, params->uncle_count, b->arena, &b->header.uncles_hash);
}

/* Bytes of the whole block in its wire form. */
static enum dam_err size_of(struct dam_builder *b, const struct dam_ledger_chain_block *block,
                            uint64_t *ret)
{
    struct dam_buf buf;
    dam_buf_init_arena(&buf, b->arena, 4096);
    dam_header_encode(&b->header, &buf);
    DAM_TRY(dam_buf_err(&buf));
    *ret = rlp_list_len(buf.len + rlp_list_len(b->tx_len) + block->uncles.len +
                        (block->has_withdrawals ? block->withdrawals.len : 0));
    return DAM_OK;
}

static enum dam_err write_index(struct dam_builder *b)
{
    struct dam_ledger_chain_index *index = dam_arena_alloc(b->arena, b->count * sizeof(*index) + 1);
    if (index == NULL) {
        return DAM_ENOMEM;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        index[i] = (struct dam_ledger_chain_index){b->entries[i].hash, i};
    }
    return dam_ledger_chain_put_index(b->txn, b->header.number, index, b->count);
}

const char *dam_builder_err_text(enum dam_err err)
{
    return err == DAM_EUNSUPPORTED
               ? "a system contract is missing or fails; there have to be those "
                 "of EIP-7002 and EIP-7251"
               : dam_err_text(err);
}

enum dam_err dam_builder_seal(struct dam_builder *builder)
{
    struct dam_builder *b = builder;
    struct dam_evm_diff diff;
    struct dam_ledger_chain_block block = {0};
    for (size_t i = 0; i < b->params.withdrawal_count; i++) {
        const struct dam_withdrawal *withdrawal = &b->params.withdrawals[i];
        DAM_TRY(dam_evm_withdraw(b->evm, &withdrawal->address, withdrawal->amount_gwei));
    }
    DAM_TRY(take_requests(b));
    DAM_TRY(pay_rewards(b));
    DAM_TRY(dam_evm_end(b->evm, &diff));
    DAM_TRY(dam_state_write(&b->writer, &diff));
    DAM_TRY(dam_state_write_end(&b->writer));
    b->header.state_root = b->writer.root;
    DAM_TRY(list_roots(b));
    DAM_TRY(seal_lists(b, &block));
    dam_header_hash(&b->header, &block.hash);
    block.header = b->header;
    block.version = b->writer.version;
    block.tx_count = b->count;
    DAM_TRY(size_of(b, &block, &block.size));
    DAM_TRY(write_index(b));
    b->result = block;
    return dam_ledger_chain_put_block(b->chain, b->txn, &block, &b->writer.root);
}

enum dam_err dam_builder_commit(struct dam_builder *builder)
{
    struct dam_store_txn *txn = builder->txn;
    builder->txn = NULL;
    dam_arena_trim(builder->arena, DAM_LEDGER_ARENA_KEPT);
    DAM_TRY(dam_store_commit(txn));
    return dam_ledger_chain_adopt(builder->chain);
}
