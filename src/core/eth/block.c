// SPDX-License-Identifier: Apache-2.0
#include "core/eth/block.h"

#include "core/crypto/keccak.h"
#include "core/crypto/sha256.h"
#include "core/eth/rlp.h"

/* No item is shorter: the encodings with every number zero. */
#define TX_LEN_MIN 10u
#define HEADER_LEN_MIN 480u
#define WITHDRAWAL_LEN_MIN 25u

/* A legacy transaction stands in the list as itself, a typed one as a byte string. */
static enum dam_err txs_decode(struct dam_arena *arena, struct dam_rlp *body,
                               struct dam_block *block, enum dam_tx_fault *ret_fault)
{
    struct dam_rlp list;
    DAM_TRY(dam_rlp_list(body, &list));
    DAM_TRY(dam_rlp_count_min(&list, TX_LEN_MIN, &block->tx_count));
    struct dam_tx *txs = dam_arena_alloc(arena, block->tx_count * sizeof(*txs));
    struct dam_bytes *bytes = dam_arena_alloc(arena, block->tx_count * sizeof(*bytes));
    if (txs == NULL || bytes == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < block->tx_count; i++) {
        struct dam_rlp_item item;
        DAM_TRY(dam_rlp_next(&list, &item));
        bytes[i] = item.is_list ? item.whole : item.payload;
        DAM_TRY(dam_tx_decode(arena, bytes[i], &txs[i], ret_fault));
        bool legacy = txs[i].type == DAM_TX_LEGACY;
        if (legacy != item.is_list || txs[i].sidecar != NULL) {
            return DAM_EPARSE;
        }
    }
    block->txs = txs;
    block->tx_bytes = bytes;
    return DAM_OK;
}

static enum dam_err uncles_decode(struct dam_arena *arena, struct dam_rlp *body,
                                  struct dam_block *block)
{
    struct dam_rlp list;
    DAM_TRY(dam_rlp_list(body, &list));
    DAM_TRY(dam_rlp_count_min(&list, HEADER_LEN_MIN, &block->uncle_count));
    struct dam_header *uncles = dam_arena_alloc(arena, block->uncle_count * sizeof(*uncles));
    if (uncles == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < block->uncle_count; i++) {
        DAM_TRY(dam_header_decode(&list, &uncles[i]));
    }
    block->uncles = uncles;
    return DAM_OK;
}

static enum dam_err withdrawals_decode(struct dam_arena *arena, struct dam_rlp *body,
                                       struct dam_block *block)
{
    struct dam_rlp list;
    DAM_TRY(dam_rlp_list(body, &list));
    DAM_TRY(dam_rlp_count_min(&list, WITHDRAWAL_LEN_MIN, &block->withdrawal_count));
    struct dam_withdrawal *all = dam_arena_alloc(arena, block->withdrawal_count * sizeof(*all));
    if (all == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < block->withdrawal_count; i++) {
        struct dam_rlp fields;
        DAM_TRY(dam_rlp_list(&list, &fields));
        DAM_TRY(dam_rlp_u64(&fields, &all[i].index));
        DAM_TRY(dam_rlp_u64(&fields, &all[i].validator_index));
        DAM_TRY(dam_rlp_exact(&fields, all[i].address.b, sizeof(all[i].address.b)));
        DAM_TRY(dam_rlp_u64(&fields, &all[i].amount_gwei));
        DAM_TRY(dam_rlp_end(&fields));
    }
    block->has_withdrawals = true;
    block->withdrawals = all;
    return DAM_OK;
}

enum dam_err dam_block_decode(struct dam_arena *arena, struct dam_bytes bytes,
                              struct dam_block *ret, enum dam_tx_fault *ret_fault)
{
    struct dam_block block = {0};
    struct dam_rlp outer = dam_rlp(bytes);
    struct dam_rlp body;
    if (ret_fault != NULL) {
        *ret_fault = DAM_TX_FAULT_NONE;
    }
    DAM_TRY(dam_rlp_list(&outer, &body));
    DAM_TRY(dam_rlp_end(&outer));
    DAM_TRY(dam_header_decode(&body, &block.header));
    DAM_TRY(txs_decode(arena, &body, &block, ret_fault));
    DAM_TRY(uncles_decode(arena, &body, &block));
    if (!dam_rlp_at_end(&body)) {
        DAM_TRY(withdrawals_decode(arena, &body, &block));
    }
    DAM_TRY(dam_rlp_end(&body));
    *ret = block;
    return DAM_OK;
}

static void tx_put(const struct dam_tx *tx, struct dam_buf *buf)
{
    if (tx->type == DAM_TX_LEGACY) {
        dam_tx_encode(tx, buf);
        return;
    }
    /* A byte string: its header is a list's with another base, so write it behind and fix up. */
    size_t start = buf->len;
    dam_tx_encode(tx, buf);
    size_t len = buf->len - start;
    dam_rlp_put_list_end(buf, start);
    if (dam_buf_err(buf) == DAM_OK && len > 0) {
        buf->data[start] = (uint8_t)(buf->data[start] - 0x40);
    }
}

void dam_withdrawal_encode(const struct dam_withdrawal *withdrawal, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    dam_rlp_put_u64(buf, withdrawal->index);
    dam_rlp_put_u64(buf, withdrawal->validator_index);
    dam_rlp_put_bytes(buf, withdrawal->address.b, sizeof(withdrawal->address.b));
    dam_rlp_put_u64(buf, withdrawal->amount_gwei);
    dam_rlp_put_list_end(buf, list);
}

void dam_block_encode(const struct dam_block *block, struct dam_buf *buf)
{
    size_t whole = dam_rlp_put_list(buf);
    dam_header_encode(&block->header, buf);
    size_t txs = dam_rlp_put_list(buf);
    for (size_t i = 0; i < block->tx_count; i++) {
        if (block->tx_bytes == NULL) {
            tx_put(&block->txs[i], buf);
        } else if (block->tx_bytes[i].len > 0 && block->tx_bytes[i].data[0] >= 0xc0) {
            dam_buf_put(buf, block->tx_bytes[i].data, block->tx_bytes[i].len);
        } else {
            dam_rlp_put_bytes(buf, block->tx_bytes[i].data, block->tx_bytes[i].len);
        }
    }
    dam_rlp_put_list_end(buf, txs);
    size_t uncles = dam_rlp_put_list(buf);
    for (size_t i = 0; i < block->uncle_count; i++) {
        dam_header_encode(&block->uncles[i], buf);
    }
    dam_rlp_put_list_end(buf, uncles);
    if (block->has_withdrawals) {
        size_t withdrawals = dam_rlp_put_list(buf);
        for (size_t i = 0; i < block->withdrawal_count; i++) {
            dam_withdrawal_encode(&block->withdrawals[i], buf);
        }
        dam_rlp_put_list_end(buf, withdrawals);
    }
    dam_rlp_put_list_end(buf, whole);
}

enum dam_err dam_uncles_hash(const struct dam_header *uncles, size_t count, struct dam_arena *arena,
                             struct dam_hash *ret)
{
    struct dam_arena_mark mark = dam_arena_mark(arena);
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    size_t list = dam_rlp_put_list(&buf);
    for (size_t i = 0; i < count; i++) {
        dam_header_encode(&uncles[i], &buf);
    }
    dam_rlp_put_list_end(&buf, list);
    enum dam_err err = dam_buf_err(&buf);
    if (err == DAM_OK) {
        dam_keccak256(buf.data, buf.len, ret);
    }
    dam_arena_release(arena, mark);
    return err;
}

void dam_requests_hash(const struct dam_bytes *requests, size_t count, struct dam_hash *ret)
{
    struct dam_sha256 all;
    dam_sha256_init(&all);
    for (size_t i = 0; i < count; i++) {
        if (requests[i].len > 1) {
            struct dam_hash one;
            dam_sha256(requests[i].data, requests[i].len, &one);
            dam_sha256_update(&all, one.b, sizeof(one.b));
        }
    }
    dam_sha256_final(&all, ret);
}

void dam_account_encode(const struct dam_account *account, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    dam_rlp_put_u64(buf, account->nonce);
    dam_rlp_put_u256(buf, &account->balance);
    dam_rlp_put_bytes(buf, account->storage_root.b, 32);
    dam_rlp_put_bytes(buf, account->code_hash.b, 32);
    dam_rlp_put_list_end(buf, list);
}

enum dam_err dam_account_decode(struct dam_bytes bytes, struct dam_account *ret)
{
    struct dam_account account;
    struct dam_rlp outer = dam_rlp(bytes);
    struct dam_rlp fields;
    DAM_TRY(dam_rlp_list(&outer, &fields));
    DAM_TRY(dam_rlp_end(&outer));
    DAM_TRY(dam_rlp_u64(&fields, &account.nonce));
    DAM_TRY(dam_rlp_u256(&fields, &account.balance));
    DAM_TRY(dam_rlp_exact(&fields, account.storage_root.b, 32));
    DAM_TRY(dam_rlp_exact(&fields, account.code_hash.b, 32));
    DAM_TRY(dam_rlp_end(&fields));
    *ret = account;
    return DAM_OK;
}
