// SPDX-License-Identifier: Apache-2.0
#include "ledger/pool.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/assert.h"

#define PRICE_BUMP_PERCENT 10u /* what a replacement has to pay more, as geth demands */

struct sender {
    struct dam_address address;
    struct dam_pool_tx *first;
    struct dam_pool_tx *last;
    struct sender *next;
    uint32_t count;
};

struct dam_pool {
    struct dam_pool_limits limits;
    uint64_t seed;                /* of the buckets */
    struct dam_pool_tx **by_hash; /* chains; a power of two */
    struct sender **by_sender;
    size_t bucket_count;
    uint32_t count;
    uint64_t len;
};

struct order_entry {
    struct dam_u256 tip;
    struct dam_pool_tx *tx;
    uint64_t nonce;
};

struct dam_pool_order {
    struct dam_u256 base_fee;
    size_t count;
    struct order_entry heap[];
};

enum dam_err dam_pool_create(const struct dam_pool_limits *limits, uint64_t seed,
                             struct dam_pool **ret)
{
    struct dam_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return DAM_ENOMEM;
    }
    if (limits != NULL) {
        pool->limits = *limits;
    }
    pool->seed = seed;
    struct dam_pool_limits *l = &pool->limits;
    l->count_max = l->count_max != 0 ? l->count_max : 131072;
    l->len_max = l->len_max != 0 ? l->len_max : (uint64_t)256 << 20;
    l->per_sender_max = l->per_sender_max != 0 ? l->per_sender_max : 4096;
    l->nonce_gap_max = l->nonce_gap_max != 0 ? l->nonce_gap_max : 4096;
    pool->bucket_count = 256;
    pool->by_hash = calloc(pool->bucket_count, sizeof(struct dam_pool_tx *));
    pool->by_sender = calloc(pool->bucket_count, sizeof(struct sender *));
    if (pool->by_hash == NULL || pool->by_sender == NULL) {
        dam_pool_destroy(pool);
        return DAM_ENOMEM;
    }
    *ret = pool;
    return DAM_OK;
}

/* Hashes and addresses can be chosen to be alike in some bits, but not in bits that are chosen
 * after them. */
static size_t bucket_of(const struct dam_pool *pool, const uint8_t *key)
{
    return XXH3_64bits_withSeed(key, 20, pool->seed) & (pool->bucket_count - 1);
}

void dam_pool_destroy(struct dam_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < pool->bucket_count && pool->by_sender != NULL; i++) {
        for (struct sender *sender = pool->by_sender[i]; sender != NULL;) {
            struct sender *gone = sender;
            for (struct dam_pool_tx *tx = sender->first; tx != NULL;) {
                struct dam_pool_tx *next = tx->next;
                free(tx);
                tx = next;
            }
            sender = sender->next;
            free(gone);
        }
    }
    free(pool->by_hash);
    free(pool->by_sender);
    free(pool);
}

/* Twice as many buckets; if there is no memory the chains just get longer. */
static void grow(struct dam_pool *pool)
{
    size_t old_count = pool->bucket_count;
    struct dam_pool_tx **by_hash = calloc(old_count * 2, sizeof(struct dam_pool_tx *));
    struct sender **by_sender = calloc(old_count * 2, sizeof(struct sender *));
    if (by_hash == NULL || by_sender == NULL) {
        free(by_hash);
        free(by_sender);
        return;
    }
    pool->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        for (struct dam_pool_tx *tx = pool->by_hash[i]; tx != NULL;) {
            struct dam_pool_tx *next = tx->hash_next;
            size_t at = bucket_of(pool, tx->hash.b);
            tx->hash_next = by_hash[at];
            by_hash[at] = tx;
            tx = next;
        }
        for (struct sender *sender = pool->by_sender[i]; sender != NULL;) {
            struct sender *next = sender->next;
            size_t at = bucket_of(pool, sender->address.b);
            sender->next = by_sender[at];
            by_sender[at] = sender;
            sender = next;
        }
    }
    free(pool->by_hash);
    free(pool->by_sender);
    pool->by_hash = by_hash;
    pool->by_sender = by_sender;
}

static struct sender **find_sender(const struct dam_pool *pool, const struct dam_address *address)
{
    struct sender **at = &pool->by_sender[bucket_of(pool, address->b)];
    while (*at != NULL && !dam_address_eq(&(*at)->address, address)) {
        at = &(*at)->next;
    }
    return at;
}

struct dam_pool_tx *dam_pool_find(const struct dam_pool *pool, const struct dam_hash *hash)
{
    struct dam_pool_tx *tx = pool->by_hash[bucket_of(pool, hash->b)];
    while (tx != NULL && !dam_hash_eq(&tx->hash, hash)) {
        tx = tx->hash_next;
    }
    return tx;
}

struct dam_pool_tx *dam_pool_tx_create(struct dam_bytes bytes)
{
    struct dam_pool_tx *tx = calloc(1, sizeof(*tx) + bytes.len);
    if (tx != NULL) {
        tx->len = (uint32_t)bytes.len;
        memcpy(tx->bytes, bytes.data, bytes.len);
    }
    return tx;
}

static void link_hash(struct dam_pool *pool, struct dam_pool_tx *tx)
{
    size_t at = bucket_of(pool, tx->hash.b);
    tx->hash_next = pool->by_hash[at];
    pool->by_hash[at] = tx;
    pool->count++;
    pool->len += tx->len;
}

static void unlink_hash(struct dam_pool *pool, struct dam_pool_tx *tx)
{
    struct dam_pool_tx **at = &pool->by_hash[bucket_of(pool, tx->hash.b)];
    while (*at != tx) {
        at = &(*at)->hash_next;
    }
    *at = tx->hash_next;
    pool->count--;
    pool->len -= tx->len;
}

/* Does a fee beat another by the bump? */
static bool pays_more(const struct dam_u256 *fee, const struct dam_u256 *than)
{
    /* than * (100 + bump) / 100, without a division: than + than/8 is above a tenth more and is
     * not what geth demands, so compare 100 * fee with 110 * than in 128 bits where both fit. */
    if ((fee->w[1] | fee->w[2] | fee->w[3] | than->w[1] | than->w[2] | than->w[3]) != 0) {
        return dam_u256_lt(than, fee);
    }
    return (unsigned __int128)fee->w[0] * 100 >=
               (unsigned __int128)than->w[0] * (100 + PRICE_BUMP_PERCENT) &&
           fee->w[0] > than->w[0];
}

static enum dam_pool_verdict judge(const struct dam_pool *pool, const struct sender *sender,
                                   const struct dam_pool_tx *tx, const struct dam_pool_tx *same,
                                   uint64_t nonce)
{
    if (dam_pool_find(pool, &tx->hash) != NULL) {
        return DAM_POOL_KNOWN;
    }
    if (same != NULL) {
        bool better = pays_more(&tx->max_fee, &same->max_fee) &&
                      pays_more(&tx->max_priority_fee, &same->max_priority_fee);
        return better ? DAM_POOL_REPLACED : DAM_POOL_UNDERPRICED;
    }
    if (tx->nonce - nonce > pool->limits.nonce_gap_max) {
        return DAM_POOL_NONCE_GAP;
    }
    if (sender != NULL && sender->count >= pool->limits.per_sender_max) {
        return DAM_POOL_SENDER_FULL;
    }
    if (pool->count >= pool->limits.count_max || pool->len + tx->len > pool->limits.len_max) {
        return DAM_POOL_FULL;
    }
    return DAM_POOL_ADDED;
}

enum dam_pool_verdict dam_pool_offer(struct dam_pool *pool, struct dam_pool_tx *tx, uint64_t nonce,
                                     struct dam_pool_tx **ret_replaced)
{
    *ret_replaced = NULL;
    if (pool->count > pool->bucket_count) {
        grow(pool);
    }
    struct sender **at = find_sender(pool, &tx->sender);
    struct dam_pool_tx **place = *at == NULL                      ? NULL
                                 : (*at)->last->nonce < tx->nonce ? &(*at)->last->next
                                                                  : &(*at)->first;
    while (place != NULL && *place != NULL && (*place)->nonce < tx->nonce) {
        place = &(*place)->next;
    }
    struct dam_pool_tx *same =
        place != NULL && *place != NULL && (*place)->nonce == tx->nonce ? *place : NULL;
    enum dam_pool_verdict verdict = judge(pool, *at, tx, same, nonce);
    if (verdict != DAM_POOL_ADDED && verdict != DAM_POOL_REPLACED) {
        free(tx);
        return verdict;
    }
    if (*at == NULL) {
        struct sender *sender = calloc(1, sizeof(*sender));
        if (sender == NULL) {
            free(tx);
            return DAM_POOL_FULL;
        }
        sender->address = tx->sender;
        *at = sender;
        place = &sender->first;
    }
    if (same != NULL) {
        tx->next = same->next;
        unlink_hash(pool, same);
        *ret_replaced = same;
    } else {
        tx->next = *place;
        (*at)->count++;
    }
    *place = tx;
    (*at)->last = tx->next == NULL ? tx : (*at)->last;
    link_hash(pool, tx);
    return verdict;
}

void dam_pool_remove(struct dam_pool *pool, struct dam_pool_tx *tx)
{
    struct sender **at = find_sender(pool, &tx->sender);
    DAM_ASSERT(*at != NULL);
    struct dam_pool_tx *before = NULL;
    struct dam_pool_tx **place = &(*at)->first;
    while (*place != tx) {
        DAM_ASSERT(*place != NULL);
        before = *place;
        place = &(*place)->next;
    }
    *place = tx->next;
    (*at)->last = tx->next == NULL ? before : (*at)->last;
    if (--(*at)->count == 0) {
        struct sender *gone = *at;
        *at = gone->next;
        free(gone);
    }
    unlink_hash(pool, tx);
    free(tx);
}

struct dam_pool_tx *dam_pool_of(const struct dam_pool *pool, const struct dam_address *sender)
{
    struct sender *found = *find_sender(pool, sender);
    return found != NULL ? found->first : NULL;
}

uint64_t dam_pool_next_nonce(const struct dam_pool *pool, const struct dam_address *sender,
                             uint64_t nonce)
{
    for (struct dam_pool_tx *tx = dam_pool_of(pool, sender); tx != NULL; tx = tx->next) {
        if (tx->nonce > nonce) {
            break;
        }
        nonce = tx->nonce == nonce ? nonce + 1 : nonce;
    }
    return nonce;
}

struct dam_pool_tx *dam_pool_each(const struct dam_pool *pool, size_t *cursor)
{
    /* The cursor counts senders; buckets hold few, so walking again is short. */
    size_t bucket = *cursor >> 16;
    size_t skip = *cursor & 0xffff;
    for (; bucket < pool->bucket_count; bucket++, skip = 0) {
        struct sender *sender = pool->by_sender[bucket];
        for (size_t i = 0; i < skip && sender != NULL; i++) {
            sender = sender->next;
        }
        if (sender != NULL) {
            *cursor = (bucket << 16) + skip + 1;
            return sender->first;
        }
    }
    return NULL;
}

uint32_t dam_pool_count(const struct dam_pool *pool)
{
    return pool->count;
}

/* ---- the order of a block -------------------------------------------------------------------- */

/* What the proposer gets for a unit of gas. Returns: false if the base fee is not covered. */
static bool tip_of(const struct dam_pool_tx *tx, const struct dam_u256 *base_fee,
                   struct dam_u256 *ret)
{
    if (dam_u256_sub(ret, &tx->max_fee, base_fee)) {
        return false;
    }
    if (dam_u256_lt(&tx->max_priority_fee, ret)) {
        *ret = tx->max_priority_fee;
    }
    return true;
}

static bool before(const struct order_entry *a, const struct order_entry *b)
{
    if (!dam_u256_eq(&a->tip, &b->tip)) {
        return dam_u256_lt(&b->tip, &a->tip);
    }
    return a->tx->arrival < b->tx->arrival;
}

static void sift_down(struct dam_pool_order *order, size_t at)
{
    for (;;) {
        size_t best = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < order->count && before(&order->heap[child], &order->heap[best])) {
                best = child;
            }
        }
        if (best == at) {
            return;
        }
        struct order_entry swap = order->heap[at];
        order->heap[at] = order->heap[best];
        order->heap[best] = swap;
        at = best;
    }
}

struct dam_pool_order *dam_pool_order_create(
    const struct dam_pool *pool, const struct dam_u256 *base_fee,
    enum dam_err (*nonce_of)(void *ctx, const struct dam_address *, uint64_t *ret), void *ctx)
{
    size_t cursor = 0;
    struct dam_pool_order *order =
        calloc(1, sizeof(*order) + (size_t)pool->count * sizeof(order->heap[0]));
    if (order == NULL) {
        return NULL;
    }
    order->base_fee = *base_fee;
    for (struct dam_pool_tx *tx; (tx = dam_pool_each(pool, &cursor)) != NULL;) {
        struct order_entry *entry = &order->heap[order->count];
        uint64_t nonce;
        if (nonce_of(ctx, &tx->sender, &nonce) != DAM_OK) {
            continue;
        }
        while (tx != NULL && tx->nonce < nonce) {
            tx = tx->next; /* left over from before a state was set by hand */
        }
        if (tx != NULL && tx->nonce == nonce && tip_of(tx, base_fee, &entry->tip)) {
            entry->tx = tx;
            order->count++;
        }
    }
    for (size_t i = order->count / 2; i-- > 0;) {
        sift_down(order, i);
    }
    return order;
}

void dam_pool_order_destroy(struct dam_pool_order *order)
{
    free(order);
}

struct dam_pool_tx *dam_pool_order_peek(const struct dam_pool_order *order)
{
    return order->count > 0 ? order->heap[0].tx : NULL;
}

void dam_pool_order_pop(struct dam_pool_order *order)
{
    DAM_ASSERT(order->count > 0);
    order->heap[0] = order->heap[--order->count];
    sift_down(order, 0);
}

void dam_pool_order_shift(struct dam_pool_order *order)
{
    struct order_entry *top = &order->heap[0];
    struct dam_pool_tx *next = top->tx->next;
    if (next == NULL || next->nonce != top->tx->nonce + 1 ||
        !tip_of(next, &order->base_fee, &top->tip)) {
        dam_pool_order_pop(order);
        return;
    }
    top->tx = next;
    sift_down(order, 0);
}
