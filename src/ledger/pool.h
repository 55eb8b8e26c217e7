// SPDX-License-Identifier: Apache-2.0
/* Transactions that wait for a block: per sender in nonce order, replaced only by one that pays
 * more, bounded in number and bytes, dropped with a reason. It knows the chain only through the
 * nonce and balance that it is handed. Single-threaded; memory from the heap. */
#ifndef DAM_LEDGER_POOL_H
#define DAM_LEDGER_POOL_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/u256.h"

struct dam_pool; /* private */

struct dam_pool_tx {
    struct dam_hash hash;
    struct dam_address sender;
    uint8_t type;
    bool impersonated; /* a development method vouches for the sender, not a signature */
    bool in_block;     /* of the block that is being made */
    bool stored;       /* has a record in the store's POOL table, under `arrival` */
    uint64_t nonce;
    uint64_t gas_limit;
    uint64_t arrival; /* order of coming, never the same twice */
    struct dam_u256 max_fee;
    struct dam_u256 max_priority_fee;
    struct dam_u256 cost_max; /* value and all fees at most */
    struct dam_pool_tx *next; /* of the sender, by nonce */
    struct dam_pool_tx *hash_next;
    uint32_t len;
    uint8_t bytes[]; /* canonical form */
};

/* 0 means the default. */
struct dam_pool_limits {
    uint32_t count_max;      /* 131,072 transactions */
    uint64_t len_max;        /* 256 MiB of them */
    uint32_t per_sender_max; /* 4,096 */
    uint32_t nonce_gap_max;  /* 4,096 above the sender's nonce */
};

/* What became of a transaction that was offered. */
enum dam_pool_verdict {
    DAM_POOL_ADDED,
    DAM_POOL_REPLACED,    /* it took the place of one with the same nonce */
    DAM_POOL_KNOWN,       /* the very same is already there */
    DAM_POOL_UNDERPRICED, /* the one with the same nonce pays as much, or not a tenth less */
    DAM_POOL_SENDER_FULL,
    DAM_POOL_NONCE_GAP,
    DAM_POOL_FULL,
};

/** An empty pool. In: limits: NULL for the defaults; seed: any number that outsiders do not know;
 * no answer depends on it. */
DAM_MUST_USE enum dam_err dam_pool_create(const struct dam_pool_limits *limits, uint64_t seed,
                                          struct dam_pool **ret);
void dam_pool_destroy(struct dam_pool *pool);

/** A transaction of len bytes to fill in and offer. Returns: NULL without memory. */
struct dam_pool_tx *dam_pool_tx_create(struct dam_bytes bytes);

/** Offer a transaction. In: tx: the pool's from now on if the verdict is ADDED or REPLACED, else
 *  freed; nonce: the sender's next one on the chain. Out: ret_replaced: the one it replaced, the
 *  caller's to free with free(), else NULL. */
enum dam_pool_verdict dam_pool_offer(struct dam_pool *pool, struct dam_pool_tx *tx, uint64_t nonce,
                                     struct dam_pool_tx **ret_replaced);

/** Find by hash. Returns: NULL if it is not there. */
struct dam_pool_tx *dam_pool_find(const struct dam_pool *pool, const struct dam_hash *hash);

/** Take a transaction out and free it. */
void dam_pool_remove(struct dam_pool *pool, struct dam_pool_tx *tx);

/** A sender's transactions by nonce. Returns: the first, NULL if there is none. */
struct dam_pool_tx *dam_pool_of(const struct dam_pool *pool, const struct dam_address *sender);

/** The nonce behind a sender's transactions that follow `nonce` without a gap. */
uint64_t dam_pool_next_nonce(const struct dam_pool *pool, const struct dam_address *sender,
                             uint64_t nonce);

/** Senders, one by one, in no order. In: *cursor: 0 at first. Returns: the first transaction of the
 *  next sender, NULL at the end. The pool must not change meanwhile. */
struct dam_pool_tx *dam_pool_each(const struct dam_pool *pool, size_t *cursor);

uint32_t dam_pool_count(const struct dam_pool *pool);

/* Going through the pool in the order in which a block takes transactions: each sender's by nonce,
 * among the senders first who pays the most to the proposer, then who came first. */
struct dam_pool_order; /* private */

/** Begin. In: base_fee: of the block; who cannot pay it is left out; nonce_of: the sender's next
 *  nonce on the chain; a negative answer leaves the sender out. Returns: NULL without memory. */
struct dam_pool_order *dam_pool_order_create(
    const struct dam_pool *pool, const struct dam_u256 *base_fee,
    enum dam_err (*nonce_of)(void *ctx, const struct dam_address *, uint64_t *ret), void *ctx);
void dam_pool_order_destroy(struct dam_pool_order *order);

/** The best that is left. Returns: NULL at the end. */
struct dam_pool_tx *dam_pool_order_peek(const struct dam_pool_order *order);

/** It is in the block: the sender's next one comes up. */
void dam_pool_order_shift(struct dam_pool_order *order);

/** It is not: the sender is left out from here on. */
void dam_pool_order_pop(struct dam_pool_order *order);

#endif
