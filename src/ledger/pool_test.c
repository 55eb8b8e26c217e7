// SPDX-License-Identifier: Apache-2.0
#include "ledger/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define LEN 100u

static struct dam_address sender_of(unsigned number)
{
    struct dam_address address = {{0}};
    address.b[18] = (uint8_t)(number >> 8);
    address.b[19] = (uint8_t)number;
    return address;
}

/* No two are the same: the hash tells all that is said of one. */
static struct dam_pool_tx *make(unsigned sender, uint64_t nonce, uint64_t max_fee, uint64_t tip)
{
    static uint64_t arrival;
    static const uint8_t bytes[LEN];
    struct dam_pool_tx *tx = dam_pool_tx_create(dam_bytes(bytes, sizeof(bytes)));
    assert_non_null(tx);
    tx->sender = sender_of(sender);
    tx->nonce = nonce;
    tx->max_fee = dam_u256_from_u64(max_fee);
    tx->max_priority_fee = dam_u256_from_u64(tip);
    tx->arrival = ++arrival;
    dam_store_be64(tx->hash.b, sender);
    dam_store_be64(tx->hash.b + 8, nonce);
    dam_store_be64(tx->hash.b + 16, max_fee << 32 | tip);
    return tx;
}

static enum dam_pool_verdict offer(struct dam_pool *pool, struct dam_pool_tx *tx, uint64_t nonce)
{
    struct dam_pool_tx *replaced = NULL;
    enum dam_pool_verdict verdict = dam_pool_offer(pool, tx, nonce, &replaced);
    assert_int_equal(replaced != NULL, verdict == DAM_POOL_REPLACED);
    free(replaced);
    return verdict;
}

static struct dam_pool *pool_of(struct dam_pool_limits limits)
{
    struct dam_pool *pool = NULL;
    assert_int_equal(dam_pool_create(&limits, 7, &pool), DAM_OK);
    return pool;
}

static void test_nonces(void **state)
{
    (void)state;
    struct dam_pool *pool = pool_of((struct dam_pool_limits){.nonce_gap_max = 10});
    struct dam_address sender = sender_of(1);
    static const uint64_t nonces[] = {7, 5, 9, 6, 15};
    for (size_t i = 0; i < DAM_COUNT_OF(nonces); i++) {
        assert_int_equal(offer(pool, make(1, nonces[i], 10, 1), 5), DAM_POOL_ADDED);
    }
    assert_int_equal(offer(pool, make(1, 16, 10, 1), 5), DAM_POOL_NONCE_GAP);
    uint64_t before = 0;
    unsigned count = 0;
    for (const struct dam_pool_tx *tx = dam_pool_of(pool, &sender); tx != NULL; tx = tx->next) {
        assert_true(tx->nonce > before);
        before = tx->nonce;
        count++;
    }
    assert_int_equal(count, 5);
    assert_int_equal(dam_pool_count(pool), 5);
    assert_int_equal(dam_pool_next_nonce(pool, &sender, 5), 8);
    assert_int_equal(dam_pool_next_nonce(pool, &sender, 4), 4);
    assert_int_equal(dam_pool_next_nonce(pool, &sender, 9), 10);
    struct dam_address other = sender_of(2);
    assert_null(dam_pool_of(pool, &other));
    assert_int_equal(dam_pool_next_nonce(pool, &other, 3), 3);
    /* Out of the middle, off the end, and on behind the new end. */
    for (uint64_t nonce = 9; nonce <= 15; nonce += 6) {
        struct dam_pool_tx *gone = dam_pool_of(pool, &sender);
        while (gone->nonce != nonce) {
            gone = gone->next;
        }
        dam_pool_remove(pool, gone);
    }
    assert_int_equal(offer(pool, make(1, 8, 10, 1), 5), DAM_POOL_ADDED);
    assert_int_equal(dam_pool_next_nonce(pool, &sender, 5), 9);
    dam_pool_destroy(pool);
}

static void test_replacement(void **state)
{
    (void)state;
    static const struct {
        uint64_t max_fee;
        uint64_t tip;
        enum dam_pool_verdict verdict; /* against 1000 and 100 */
    } cases[] = {
        {1000, 100, DAM_POOL_KNOWN},       {1099, 110, DAM_POOL_UNDERPRICED},
        {1100, 109, DAM_POOL_UNDERPRICED}, {5000, 100, DAM_POOL_UNDERPRICED},
        {1000, 900, DAM_POOL_UNDERPRICED}, {1100, 110, DAM_POOL_REPLACED},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        /* Full in every way: who takes another's place needs none. */
        struct dam_pool *pool =
            pool_of((struct dam_pool_limits){.count_max = 1, .len_max = LEN, .per_sender_max = 1});
        struct dam_pool_tx *tx = make(1, 5, 1000, 100);
        struct dam_hash first = tx->hash;
        assert_int_equal(offer(pool, tx, 5), DAM_POOL_ADDED);
        tx = make(1, 5, cases[i].max_fee, cases[i].tip);
        struct dam_hash hash = tx->hash;
        assert_int_equal(offer(pool, tx, 5), cases[i].verdict);
        bool replaced = cases[i].verdict == DAM_POOL_REPLACED;
        assert_int_equal(dam_pool_count(pool), 1);
        assert_int_equal(dam_pool_find(pool, &first) == NULL, replaced);
        assert_int_equal(dam_pool_find(pool, &hash) != NULL,
                         replaced || cases[i].verdict == DAM_POOL_KNOWN);
        dam_pool_destroy(pool);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct dam_pool *pool = pool_of((struct dam_pool_limits){.per_sender_max = 3, .count_max = 5});
    for (uint64_t nonce = 0; nonce < 3; nonce++) {
        assert_int_equal(offer(pool, make(1, nonce, 10, 1), 0), DAM_POOL_ADDED);
    }
    assert_int_equal(offer(pool, make(1, 3, 10, 1), 0), DAM_POOL_SENDER_FULL);
    assert_int_equal(offer(pool, make(2, 0, 10, 1), 0), DAM_POOL_ADDED);
    assert_int_equal(offer(pool, make(3, 0, 10, 1), 0), DAM_POOL_ADDED);
    assert_int_equal(offer(pool, make(4, 0, 99, 9), 0), DAM_POOL_FULL);
    struct dam_address sender = sender_of(3);
    dam_pool_remove(pool, dam_pool_of(pool, &sender));
    assert_int_equal(offer(pool, make(4, 0, 99, 9), 0), DAM_POOL_ADDED);
    dam_pool_destroy(pool);
    pool = pool_of((struct dam_pool_limits){.len_max = 2 * LEN + 1});
    assert_int_equal(offer(pool, make(1, 0, 10, 1), 0), DAM_POOL_ADDED);
    assert_int_equal(offer(pool, make(2, 0, 10, 1), 0), DAM_POOL_ADDED);
    assert_int_equal(offer(pool, make(3, 0, 10, 1), 0), DAM_POOL_FULL);
    dam_pool_destroy(pool);
}

/* More senders than there are buckets at first. */
static void test_growth(void **state)
{
    (void)state;
    struct dam_pool *pool = pool_of((struct dam_pool_limits){0});
    for (unsigned i = 0; i < 2000; i++) {
        assert_int_equal(offer(pool, make(i, 3, 10, 1), 3), DAM_POOL_ADDED);
    }
    bool seen[2000] = {false};
    size_t cursor = 0;
    for (struct dam_pool_tx *tx; (tx = dam_pool_each(pool, &cursor)) != NULL;) {
        unsigned number = (unsigned)tx->sender.b[18] << 8 | tx->sender.b[19];
        assert_true(number < 2000 && !seen[number]);
        seen[number] = true;
        assert_ptr_equal(dam_pool_find(pool, &tx->hash), tx);
    }
    for (unsigned i = 0; i < 2000; i++) {
        assert_true(seen[i]);
    }
    dam_pool_destroy(pool);
}

static enum dam_err nonce_of(void *ctx, const struct dam_address *address, uint64_t *ret)
{
    (void)ctx;
    *ret = 5;
    return address->b[19] == 9 ? DAM_EIO : DAM_OK;
}

static void test_order(void **state)
{
    (void)state;
    struct dam_pool *pool = pool_of((struct dam_pool_limits){0});
    const struct dam_u256 base_fee = dam_u256_from_u64(100);
    static const struct {
        unsigned sender;
        uint64_t nonce;
        uint64_t max_fee;
        uint64_t tip;
    } txs[] = {
        {1, 5, 200, 10}, {1, 6, 200, 50}, /* the second is held up by the first */
        {2, 5, 110, 90},                  /* pays no more than 10 of it, and came later */
        {3, 5, 200, 20}, {3, 7, 900, 90}, /* a gap behind the first */
        {4, 5, 99, 9},                    /* cannot pay the base fee */
        {5, 6, 200, 99},                  /* not its turn */
        {6, 5, 300, 30}, {6, 6, 99, 9},   /* the second cannot pay */
        {7, 5, 100, 0},                   /* just pays */
        {9, 5, 900, 99},                  /* whose nonce nobody knows */
        {8, 5, 200, 15}, {8, 6, 200, 99}, /* popped: both are out */
    };
    static const struct {
        unsigned sender;
        uint64_t nonce;
    } want[] = {{6, 5}, {3, 5}, {8, 5}, {1, 5}, {1, 6}, {2, 5}, {7, 5}};
    for (size_t i = 0; i < DAM_COUNT_OF(txs); i++) {
        assert_int_equal(
            offer(pool, make(txs[i].sender, txs[i].nonce, txs[i].max_fee, txs[i].tip), 5),
            DAM_POOL_ADDED);
    }
    struct dam_pool_order *order = dam_pool_order_create(pool, &base_fee, nonce_of, NULL);
    assert_non_null(order);
    for (size_t i = 0; i < DAM_COUNT_OF(want); i++) {
        const struct dam_pool_tx *tx = dam_pool_order_peek(order);
        assert_non_null(tx);
        assert_int_equal(tx->sender.b[19], want[i].sender);
        assert_int_equal(tx->nonce, want[i].nonce);
        if (want[i].sender == 8) {
            dam_pool_order_pop(order);
        } else {
            dam_pool_order_shift(order);
        }
    }
    assert_null(dam_pool_order_peek(order));
    dam_pool_order_destroy(order);
    dam_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nonces), cmocka_unit_test(test_replacement),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_growth),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
