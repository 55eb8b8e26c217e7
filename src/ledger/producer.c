// SPDX-License-Identifier: Apache-2.0
/* From an offered transaction to a durable block: what a block is made of. ledger/turn.c decides
 * when. */
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "base/u256_text.h"
#include "core/crypto/keccak.h"
#include "core/evm/block.h"
#include "ledger/node.h"

#define TX_LEN_MAX (128u * 1024) /* as geth's pool */
#define POOL_FLAG_IMPERSONATED 1u
#define TIDY_AFTER 1024u       /* transactions and blocks */
#define INVALID_SKIP_MAX 4096u /* transactions that a block may find invalid and drop */

const char *dam_ledger_invalid_text(enum dam_tx_invalid invalid)
{
    switch (invalid) {
    case DAM_TX_NONE:
        return "";
    case DAM_TX_SIGNATURE:
        return "invalid sender";
    case DAM_TX_TYPE_NOT_SUPPORTED:
    case DAM_TX_TYPE_1_PRE_FORK:
    case DAM_TX_TYPE_2_PRE_FORK:
    case DAM_TX_TYPE_3_PRE_FORK:
    case DAM_TX_TYPE_4_PRE_FORK:
        return "transaction type not supported";
    case DAM_TX_CHAIN_ID:
        return "invalid chain id for signer";
    case DAM_TX_INTRINSIC_GAS_TOO_LOW:
        return "intrinsic gas too low";
    case DAM_TX_FLOOR_GAS:
        return "insufficient gas for floor data gas cost";
    case DAM_TX_GAS_LIMIT_EXCEEDS_MAXIMUM:
        return "transaction gas limit too high (cap: 16777216)";
    case DAM_TX_GAS_ALLOWANCE_EXCEEDED:
        return "gas limit reached";
    case DAM_TX_GAS_PRICE_OVERFLOW:
    case DAM_TX_INSUFFICIENT_FUNDS:
        return "insufficient funds for gas * price + value";
    case DAM_TX_MAX_FEE_BELOW_BASE_FEE:
        return "max fee per gas less than block base fee";
    case DAM_TX_PRIORITY_ABOVE_MAX_FEE:
        return "max priority fee per gas higher than max fee per gas";
    case DAM_TX_BLOB_FEE_BELOW_BASE_FEE:
        return "max fee per blob gas less than block blob gas fee";
    case DAM_TX_BLOB_HASH_VERSION:
        return "blob 0 has invalid hash version";
    case DAM_TX_BLOB_NONE:
        return "blob transaction missing blob hashes";
    case DAM_TX_BLOB_COUNT:
        return "blob transaction has too many blobs";
    case DAM_TX_BLOB_GAS_ALLOWANCE:
        return "blob gas limit reached";
    case DAM_TX_BLOB_CREATE:
        return "blob transaction of type create";
    case DAM_TX_SET_CODE_CREATE:
        return "EIP-7702 transaction cannot be used to create contract";
    case DAM_TX_SET_CODE_EMPTY:
        return "EIP-7702 transaction with empty auth list";
    case DAM_TX_NONCE_IS_MAX:
        return "nonce has max value";
    case DAM_TX_NONCE_TOO_LOW:
        return "nonce too low";
    case DAM_TX_NONCE_TOO_HIGH:
        return "nonce too high";
    case DAM_TX_SENDER_NOT_EOA:
        return "sender not an eoa";
    case DAM_TX_INITCODE_SIZE:
        return "max initcode size exceeded";
    }
    return "";
}

uint64_t dam_ledger_now(const struct dam_ledger *ledger)
{
    int64_t now = dam_clock_wall_ms(ledger->clock) / 1000 + ledger->dev_state.time_offset_s;
    return now > 0 ? (uint64_t)now : 0;
}

enum dam_err dam_ledger_view(struct dam_ledger *ledger, uint64_t version,
                             struct dam_builder_view *ret)
{
    struct dam_store_txn *txn = dam_ledger_chain_reader(ledger->chain);
    if (txn == NULL) {
        return DAM_EIO;
    }
    dam_builder_view_init(ret, txn, version);
    return DAM_OK;
}

/* ---- offering -------------------------------------------------------------------------------- */

static enum dam_err no(struct dam_offer_fault *fault, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static enum dam_err no(struct dam_offer_fault *fault, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(fault->text, sizeof(fault->text), fmt, args);
    va_end(args);
    fault->code = -32000;
    return DAM_EREFUSED;
}

/* *ret = a * b; false if it does not fit. b is a gas limit. */
static bool mul_u64(const struct dam_u256 *a, uint64_t b, struct dam_u256 *ret)
{
    unsigned __int128 carry = 0;
    for (int i = 0; i < 4; i++) {
        carry += (unsigned __int128)a->w[i] * b;
        ret->w[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return carry == 0;
}

static bool cost_of(const struct dam_signed_tx *tx, struct dam_u256 *ret)
{
    struct dam_u256 blob;
    return mul_u64(&tx->tx.max_fee, tx->tx.gas_limit, ret) &&
           !dam_u256_add(ret, ret, &tx->tx.value) &&
           mul_u64(&tx->tx.max_blob_fee, tx->tx.blob_hash_count * DAM_GAS_PER_BLOB, &blob) &&
           !dam_u256_add(ret, ret, &blob);
}

/* What can be said without running it. */
static enum dam_err check_fields(struct dam_ledger *ledger, const struct dam_signed_tx *tx,
                                 struct dam_offer_fault *fault)
{
    const struct dam_ledger_chain *chain = ledger->chain;
    const struct dam_tx *t = &tx->tx;
    if (t->has_chain_id && t->chain_id != chain->rules.config.chain_id) {
        return no(fault, "invalid chain id for signer: have %" PRIu64 " want %" PRIu64, t->chain_id,
                  chain->rules.config.chain_id);
    }
    if (t->type == DAM_TX_BLOB && t->sidecar == NULL && !ledger->dev) {
        return no(fault, "missing sidecar in blob transaction");
    }
    if (dam_u256_lt(&t->max_fee, &t->max_priority_fee)) {
        return no(fault, "max priority fee per gas higher than max fee per gas");
    }
    if (t->gas_limit > ledger->gas_limit) {
        return no(fault, "exceeds block gas limit");
    }
    return DAM_OK;
}

static enum dam_err check_account(struct dam_ledger *ledger, const struct dam_signed_tx *tx,
                                  uint64_t *ret_nonce, struct dam_u256 *ret_cost,
                                  struct dam_offer_fault *fault)
{
    struct dam_builder_view view;
    struct dam_account account = {.code_hash = dam_empty_code_hash};
    DAM_TRY(dam_ledger_view(ledger, DAM_STATE_NEWEST, &view));
    enum dam_err err = dam_state_account(&view.state, &tx->sender, &account);
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        return err;
    }
    if (tx->tx.nonce < account.nonce) {
        return no(fault, "nonce too low: next nonce %" PRIu64 ", tx nonce %" PRIu64, account.nonce,
                  tx->tx.nonce);
    }
    if (!cost_of(tx, ret_cost) || dam_u256_lt(&account.balance, ret_cost)) {
        char have[DAM_U256_DEC_SIZE];
        char want[DAM_U256_DEC_SIZE];
        char over[DAM_U256_DEC_SIZE];
        struct dam_u256 overshot;
        (void)dam_u256_sub(&overshot, ret_cost, &account.balance);
        (void)dam_u256_to_dec(&account.balance, have);
        (void)dam_u256_to_dec(ret_cost, want);
        (void)dam_u256_to_dec(&overshot, over);
        return no(fault,
                  "insufficient funds for gas * price + value: balance %s, tx cost %s, "
                  "overshot %s",
                  have, want, over);
    }
    *ret_nonce = account.nonce;
    return DAM_OK;
}

static enum dam_err note_fresh(struct dam_ledger *ledger, struct dam_pool_tx *tx)
{
    if (ledger->fresh_count == ledger->fresh_size) {
        size_t size = ledger->fresh_size == 0 ? 64 : ledger->fresh_size * 2;
        struct dam_pool_tx **fresh = realloc(ledger->fresh, size * sizeof(*fresh));
        if (fresh == NULL) {
            return DAM_ENOMEM;
        }
        ledger->fresh = fresh;
        ledger->fresh_size = size;
    }
    ledger->fresh[ledger->fresh_count++] = tx;
    return DAM_OK;
}

static void forget_fresh(struct dam_ledger *ledger, const struct dam_pool_tx *tx)
{
    for (size_t i = 0; i < ledger->fresh_count; i++) {
        if (ledger->fresh[i] == tx) {
            ledger->fresh[i] = NULL;
        }
    }
}

static enum dam_err delete_record(struct dam_store_txn *txn, const struct dam_pool_tx *tx)
{
    uint8_t key[8];
    dam_store_be64(key, tx->arrival);
    return tx->stored ? dam_store_delete(txn, DAM_STORE_POOL, dam_bytes(key, sizeof(key))) : DAM_OK;
}

/* A replaced transaction must not come back after a restart; its record goes with the next turn,
 * whose transaction of the store writes the new one: until then the pool has two of a nonce on disk
 * and the younger one wins (dam_ledger_load_pool). */
static enum dam_err offer(struct dam_ledger *ledger, const struct dam_signed_tx *tx,
                          bool impersonated, struct dam_offer_fault *fault)
{
    uint64_t nonce = 0;
    struct dam_u256 cost;
    struct dam_pool_tx *replaced;
    if (dam_pool_find(ledger->pool, &tx->hash) != NULL) {
        return no(fault, "already known");
    }
    DAM_TRY(check_fields(ledger, tx, fault));
    DAM_TRY(check_account(ledger, tx, &nonce, &cost, fault));
    struct dam_pool_tx *entry = dam_pool_tx_create(tx->bytes);
    if (entry == NULL) {
        return DAM_ENOMEM;
    }
    entry->hash = tx->hash;
    entry->sender = tx->sender;
    entry->type = (uint8_t)tx->tx.type;
    entry->impersonated = impersonated;
    entry->nonce = tx->tx.nonce;
    entry->gas_limit = tx->tx.gas_limit;
    entry->max_fee = tx->tx.max_fee;
    entry->max_priority_fee = tx->tx.max_priority_fee;
    entry->cost_max = cost;
    entry->arrival = ledger->arrival_next++;
    switch (dam_pool_offer(ledger->pool, entry, nonce, &replaced)) {
    case DAM_POOL_ADDED:
        break;
    case DAM_POOL_REPLACED:
        forget_fresh(ledger, replaced);
        entry->stored = false;
        free(replaced);
        break;
    case DAM_POOL_KNOWN:
        return no(fault, "already known");
    case DAM_POOL_UNDERPRICED:
        return no(fault, "replacement transaction underpriced");
    case DAM_POOL_SENDER_FULL:
        return no(fault, "account limit exceeded: this sender has too many transactions waiting");
    case DAM_POOL_NONCE_GAP:
        return no(fault, "nonce too far in the future");
    case DAM_POOL_FULL:
        return no(fault, "txpool is full");
    }
    DAM_TRY(note_fresh(ledger, entry));
    dam_filters_pending(ledger->filters, &tx->hash);
    dam_ledger_schedule(ledger);
    return DAM_OK;
}

enum dam_err dam_ledger_read_tx(struct dam_arena *arena, struct dam_bytes bytes,
                                struct dam_signed_tx *ret, struct dam_offer_fault *fault)
{
    enum dam_tx_fault decode_fault = DAM_TX_FAULT_NONE;
    enum dam_err err = dam_signed_tx_read(arena, bytes, ret, &decode_fault);
    if (err == DAM_EPARSE) {
        return no(fault, "%s", dam_tx_fault_text(decode_fault));
    }
    DAM_TRY(err);
    if (ret->bytes.len > TX_LEN_MAX) {
        return no(fault, "oversized data: transaction size %zu, limit %u", ret->bytes.len,
                  TX_LEN_MAX);
    }
    err = dam_signed_tx_recover(arena, true, ret);
    return err == DAM_OK || err == DAM_ENOMEM ? err : no(fault, "invalid sender");
}

enum dam_err dam_ledger_offer_read(struct dam_ledger *ledger, const struct dam_signed_tx *tx,
                                   struct dam_offer_fault *fault)
{
    return offer(ledger, tx, false, fault);
}

enum dam_err dam_ledger_offer(struct dam_ledger *ledger, struct dam_bytes bytes,
                              struct dam_hash *ret_hash, struct dam_offer_fault *fault)
{
    struct dam_signed_tx tx;
    struct dam_arena_mark mark = dam_arena_mark(&ledger->arena);
    enum dam_err err = dam_ledger_read_tx(&ledger->arena, bytes, &tx, fault);
    if (err == DAM_OK) {
        *ret_hash = tx.hash;
        err = offer(ledger, &tx, false, fault);
    }
    dam_arena_release(&ledger->arena, mark);
    return err;
}

enum dam_err dam_ledger_offer_as(struct dam_ledger *ledger, struct dam_bytes bytes,
                                 const struct dam_address *sender, struct dam_hash *ret_hash,
                                 struct dam_offer_fault *fault)
{
    struct dam_signed_tx tx;
    enum dam_tx_fault decode_fault;
    struct dam_arena_mark mark = dam_arena_mark(&ledger->arena);
    enum dam_err err = dam_signed_tx_read(&ledger->arena, bytes, &tx, &decode_fault);
    if (err == DAM_OK) {
        tx.sender = *sender;
        *ret_hash = tx.hash;
        err = offer(ledger, &tx, true, fault);
    }
    dam_arena_release(&ledger->arena, mark);
    return err;
}

/* ---- the pool on disk ------------------------------------------------------------------------ */

static enum dam_err put_record(struct dam_store_txn *txn, const struct dam_pool_tx *tx)
{
    uint8_t key[8];
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 2 * TX_LEN_MAX);
    dam_store_be64(key, tx->arrival);
    dam_buf_put_byte(&buf, tx->impersonated ? POOL_FLAG_IMPERSONATED : 0);
    dam_buf_put(&buf, tx->sender.b, 20);
    dam_buf_put(&buf, tx->bytes, tx->len);
    enum dam_err err = dam_buf_err(&buf);
    if (err == DAM_OK) {
        err =
            dam_store_append(txn, DAM_STORE_POOL, dam_bytes(key, sizeof(key)), dam_buf_bytes(&buf));
    }
    dam_buf_finish(&buf);
    return err;
}

/* Write the new transactions of the pool that are still there. */
static enum dam_err put_fresh(struct dam_ledger *ledger, struct dam_store_txn *txn)
{
    for (size_t i = 0; i < ledger->fresh_count; i++) {
        if (ledger->fresh[i] != NULL && !ledger->fresh[i]->in_block) {
            DAM_TRY(put_record(txn, ledger->fresh[i]));
        }
    }
    return DAM_OK;
}

static void fresh_are_stored(struct dam_ledger *ledger)
{
    for (size_t i = 0; i < ledger->fresh_count; i++) {
        if (ledger->fresh[i] != NULL) {
            ledger->fresh[i]->stored = true;
        }
    }
    ledger->fresh_count = 0;
}

/* What could not be made durable was not acknowledged: it leaves the pool. */
static void drop_fresh(struct dam_ledger *ledger)
{
    for (size_t i = 0; i < ledger->fresh_count; i++) {
        if (ledger->fresh[i] != NULL) {
            dam_pool_remove(ledger->pool, ledger->fresh[i]);
        }
    }
    ledger->fresh_count = 0;
}

static enum dam_err store_pool_once(struct dam_ledger *ledger)
{
    struct dam_store_txn *txn;
    dam_ledger_chain_release_reader(ledger->chain);
    DAM_TRY(dam_store_begin(ledger->chain->store, true, &txn));
    enum dam_err err = put_fresh(ledger, txn);
    if (err != DAM_OK) {
        dam_store_abort(txn);
        return err;
    }
    return dam_store_commit(txn);
}

/* What failed in the midst of a commit is opened anew, which workers' snapshots would stand in the
 * way of. */
static void note_refused(struct dam_ledger *ledger, enum dam_err err)
{
    ledger->counters.refused_commits++;
    if (err == DAM_EIO) {
        dam_rpc_wait(ledger);
    }
}

/* The map moves when it grows: nobody may look at it meanwhile. */
static bool grow(struct dam_ledger *ledger)
{
    dam_rpc_wait(ledger);
    return dam_store_grow(ledger->chain->store) == DAM_OK;
}

enum dam_err dam_ledger_store_pool(struct dam_ledger *ledger)
{
    uint64_t start = dam_clock_mono_ns(ledger->clock);
    enum dam_err err = store_pool_once(ledger);
    while (err == DAM_ENOSPC && grow(ledger)) {
        err = store_pool_once(ledger);
    }
    ledger->store_ns = dam_clock_mono_ns(ledger->clock) - start;
    if (err == DAM_OK) {
        fresh_are_stored(ledger);
    } else {
        drop_fresh(ledger);
        note_refused(ledger, err);
    }
    return err;
}

static enum dam_err load_record(struct dam_ledger *ledger, struct dam_bytes key,
                                struct dam_bytes value)
{
    struct dam_offer_fault fault;
    struct dam_hash hash;
    struct dam_address sender;
    if (key.len != 8 || value.len < 21) {
        return DAM_ECORRUPT;
    }
    uint64_t arrival = dam_load_be64(key.data);
    memcpy(sender.b, value.data + 1, 20);
    struct dam_bytes bytes = dam_bytes_from(value, 21);
    if (arrival >= ledger->arrival_next) {
        ledger->arrival_next = arrival;
    }
    uint64_t next = ledger->arrival_next;
    ledger->arrival_next = arrival;
    enum dam_err err = (value.data[0] & POOL_FLAG_IMPERSONATED) != 0
                           ? dam_ledger_offer_as(ledger, bytes, &sender, &hash, &fault)
                           : dam_ledger_offer(ledger, bytes, &hash, &fault);
    ledger->arrival_next = next > arrival ? next : arrival + 1;
    return err == DAM_EREFUSED ? DAM_OK : err; /* no longer valid: it just stays out */
}

enum dam_err dam_ledger_load_pool(struct dam_ledger *ledger)
{
    struct dam_store_cursor cursor = {0};
    struct dam_store_txn *txn = dam_ledger_chain_reader(ledger->chain);
    if (txn == NULL) {
        return DAM_EIO;
    }
    enum dam_err err = dam_store_seek(&cursor, txn, DAM_STORE_POOL, dam_bytes(NULL, 0));
    while (err == DAM_OK) {
        err = load_record(ledger, cursor.key, cursor.value);
        if (err == DAM_OK) {
            err = dam_store_next(&cursor);
        }
    }
    dam_store_cursor_close(&cursor);
    fresh_are_stored(ledger);
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Nobody can be surprised by this number and nobody should rely on it: it is random to contracts
 * that do not look, and the same on every replay. */
static void next_randao(const struct dam_ledger *ledger, uint64_t timestamp, struct dam_hash *ret)
{
    uint8_t seed[32 + 8 + 20 + 8];
    const struct dam_ledger_chain_block *head = &ledger->chain->head;
    memcpy(seed, head->hash.b, 32);
    dam_store_be64(seed + 32, head->header.number + 1);
    memcpy(seed + 40, ledger->coinbase.b, 20);
    dam_store_be64(seed + 60, timestamp);
    dam_keccak256(seed, sizeof(seed), ret);
}

void dam_ledger_next_params(struct dam_ledger *ledger, struct dam_builder_params *ret)
{
    const struct dam_dev_state *dev = &ledger->dev_state;
    uint64_t parent = ledger->chain->head.header.timestamp;
    memset(ret, 0, sizeof(*ret));
    ret->timestamp = dam_ledger_now(ledger);
    if (dev->timestamp_step != 0) {
        ret->timestamp = parent + dev->timestamp_step;
    }
    if (dev->next_timestamp != 0) {
        ret->timestamp = dev->next_timestamp;
    }
    if (ret->timestamp <= parent) {
        ret->timestamp = parent + 1; /* Ethereum's rule; the ledger's time may so run ahead */
    }
    ret->gas_limit = ledger->gas_limit;
    ret->coinbase = ledger->coinbase;
    next_randao(ledger, ret->timestamp, &ret->prev_randao);
    if (dev->has_prev_randao) {
        ret->prev_randao = dev->prev_randao;
    }
    ret->base_fee = dev->has_next_base_fee ? &dev->next_base_fee : NULL;
    memcpy(ret->extra, "dam", 3);
    ret->extra_len = 3;
}

static void reject(struct dam_ledger *ledger, const struct dam_pool_tx *tx, const char *text)
{
    struct dam_rejection *rejection = calloc(1, sizeof(*rejection));
    ledger->counters.rejected++;
    if (rejection != NULL) { /* without memory the submitter just sees no receipt */
        rejection->hash = tx->hash;
        (void)snprintf(rejection->text, sizeof(rejection->text), "%s", text);
        rejection->next = ledger->rejections;
        ledger->rejections = rejection;
    }
}

const struct dam_rejection *dam_ledger_rejection(const struct dam_ledger *ledger,
                                                 const struct dam_hash *hash)
{
    const struct dam_rejection *rejection = ledger->rejections;
    while (rejection != NULL && !dam_hash_eq(&rejection->hash, hash)) {
        rejection = rejection->next;
    }
    return rejection;
}

void dam_ledger_clear_rejections(struct dam_ledger *ledger)
{
    while (ledger->rejections != NULL) {
        struct dam_rejection *gone = ledger->rejections;
        ledger->rejections = gone->next;
        free(gone);
    }
}

/* Would it be valid in a later block, or never? */
static bool may_wait(enum dam_tx_invalid invalid)
{
    return invalid == DAM_TX_GAS_ALLOWANCE_EXCEEDED || invalid == DAM_TX_BLOB_GAS_ALLOWANCE ||
           invalid == DAM_TX_MAX_FEE_BELOW_BASE_FEE || invalid == DAM_TX_BLOB_FEE_BELOW_BASE_FEE ||
           invalid == DAM_TX_NONCE_TOO_HIGH;
}

/* The transactions that this block takes out of the pool. */
struct taken {
    struct dam_pool_tx **list;
    size_t count;
    size_t size;
};

static enum dam_err take(struct taken *taken, struct dam_pool_tx *tx)
{
    if (taken->count == taken->size) {
        size_t size = taken->size == 0 ? 64 : taken->size * 2;
        struct dam_pool_tx **list = realloc(taken->list, size * sizeof(*list));
        if (list == NULL) {
            return DAM_ENOMEM;
        }
        taken->list = list;
        taken->size = size;
    }
    taken->list[taken->count++] = tx;
    tx->in_block = true;
    return DAM_OK;
}

static enum dam_err nonce_of(void *ctx, const struct dam_address *address, uint64_t *ret)
{
    struct dam_builder *builder = ctx;
    struct dam_account account = {0};
    enum dam_err err = dam_state_account(&builder->view.state, address, &account);
    *ret = account.nonce;
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

/* Run one transaction of the pool. *ret_in: it is in the block. */
static enum dam_err run_one(struct dam_ledger *ledger, struct dam_builder *builder,
                            struct dam_pool_tx *entry, struct taken *taken, bool *ret_in)
{
    struct dam_signed_tx tx = {
        .hash = entry->hash, .sender = entry->sender, .bytes = dam_bytes(entry->bytes, entry->len)};
    enum dam_tx_invalid invalid = DAM_TX_NONE;
    struct dam_arena_mark mark = dam_arena_mark(&ledger->arena);
    enum dam_err err = dam_tx_decode(&ledger->arena, tx.bytes, &tx.tx, NULL);
    if (err == DAM_OK) {
        err = dam_evm_tx_from(&ledger->arena, &tx.tx, &tx.sender, &tx.evm);
    }
    if (err == DAM_OK) {
        err = dam_builder_add(builder, &tx, &invalid);
    }
    dam_arena_release(&ledger->arena, mark);
    DAM_TRY(err);
    *ret_in = invalid == DAM_TX_NONE;
    if (invalid != DAM_TX_NONE && may_wait(invalid)) {
        return DAM_OK;
    }
    if (invalid != DAM_TX_NONE) {
        reject(ledger, entry, dam_ledger_invalid_text(invalid));
    }
    return take(taken, entry);
}

static enum dam_err fill(struct dam_ledger *ledger, struct dam_builder *builder,
                         struct taken *taken)
{
    unsigned skipped = 0;
    enum dam_err err = DAM_OK;
    struct dam_pool_order *order =
        dam_pool_order_create(ledger->pool, &builder->header.base_fee, nonce_of, builder);
    if (order == NULL) {
        return DAM_ENOMEM;
    }
    for (struct dam_pool_tx *tx; err == DAM_OK && skipped < INVALID_SKIP_MAX &&
                                 (tx = dam_pool_order_peek(order)) != NULL;) {
        bool in = false;
        if (tx->gas_limit <= dam_builder_gas_left(builder) &&
            dam_builder_has_room(builder, tx->len)) {
            err = run_one(ledger, builder, tx, taken, &in);
        } else if (dam_builder_gas_left(builder) < 21000) {
            break;
        }
        if (in) {
            dam_pool_order_shift(order);
        } else {
            skipped++;
            dam_pool_order_pop(order);
        }
    }
    dam_pool_order_destroy(order);
    return err;
}

/* All that one block writes beside itself: the pool's records. */
static enum dam_err write_pool(struct dam_ledger *ledger, struct dam_builder *builder,
                               const struct taken *taken)
{
    for (size_t i = 0; i < taken->count; i++) {
        DAM_TRY(delete_record(builder->txn, taken->list[i]));
    }
    return put_fresh(ledger, builder->txn);
}

/* The block did not come to be: its transactions wait as before. */
static void give_back(struct taken *taken)
{
    for (size_t i = 0; i < taken->count; i++) {
        taken->list[i]->in_block = false;
    }
    taken->count = 0;
}

static enum dam_err mine_once(struct dam_ledger *ledger, struct taken *taken)
{
    struct dam_builder builder;
    struct dam_builder_params params;
    uint64_t start = dam_clock_mono_ns(ledger->clock);
    dam_ledger_next_params(ledger, &params);
    DAM_TRY(dam_builder_begin(&builder, ledger->chain, ledger->evm, &params));
    enum dam_err err = fill(ledger, &builder, taken);
    if (err == DAM_OK) {
        err = dam_builder_seal(&builder);
    }
    if (err == DAM_OK) {
        err = write_pool(ledger, &builder, taken);
    }
    if (err != DAM_OK) {
        dam_builder_drop(&builder);
        return err;
    }
    uint64_t sealed = dam_clock_mono_ns(ledger->clock);
    DAM_TRY(dam_builder_commit(&builder));
    ledger->store_ns = dam_clock_mono_ns(ledger->clock) - sealed;
    ledger->counters.execute_ns += sealed - start;
    ledger->counters.commit_ns += ledger->store_ns;
    return DAM_OK;
}

/* The freed memory that blocks leave behind in the process is given back now and then. */
static void tidy(struct dam_ledger *ledger)
{
    ledger->untidy += 1 + ledger->chain->head.tx_count;
    if (ledger->untidy >= TIDY_AFTER) {
        ledger->untidy = 0;
        dam_evm_discard(ledger->evm);
        dam_ledger_chain_release_reader(ledger->chain);
        dam_store_release_memory(ledger->chain->store);
        (void)malloc_trim(0); /* whether there was any does not matter */
    }
}

enum dam_err dam_ledger_mine(struct dam_ledger *ledger)
{
    struct taken taken = {0};
    enum dam_err err = mine_once(ledger, &taken);
    while (err == DAM_ENOSPC && grow(ledger)) {
        give_back(&taken);
        err = mine_once(ledger, &taken);
    }
    if (err != DAM_OK) {
        note_refused(ledger, err);
        give_back(&taken);
        drop_fresh(ledger);
        free(taken.list);
        return err;
    }
    fresh_are_stored(ledger);
    for (size_t i = 0; i < taken.count; i++) {
        dam_pool_remove(ledger->pool, taken.list[i]);
    }
    free(taken.list);
    ledger->dev_state.next_timestamp = 0;
    ledger->dev_state.has_next_base_fee = false;
    ledger->dev_state.has_prev_randao = false;
    ledger->counters.blocks++;
    ledger->counters.transactions += ledger->chain->head.tx_count;
    ledger->counters.gas += ledger->chain->head.header.gas_used;
    dam_filters_block(ledger->filters, &ledger->chain->head);
    tidy(ledger);
    dam_ledger_has_read(ledger);
    return DAM_OK;
}
