// SPDX-License-Identifier: Apache-2.0
/* Random changes, reads and walks beside a model in memory: a write finds what it has changed, with
 * commits of all sizes, abandoned writes, settling, and stores that are closed and opened again.
 * DAM_STORE_STEPS sets how many steps (default 30,000). */
#include "ledger/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/prng.h"

#define KEYS 300u /* of each table; two of them share all but their last byte */
#define JOURNAL_LEN (32u << 10)
#define VALUE_MAX 2600u /* some are long to LMDB */

static const enum dam_store_table tables[] = {DAM_STORE_ACCOUNT, DAM_STORE_NODE, DAM_STORE_SLOT};
#define TABLES 3u

/* What is in the store: the seed of each record's value; 0: there is none. */
struct model {
    uint32_t seeds[TABLES][KEYS];
};

struct world {
    char dir[64];
    struct dam_store *store;
    struct dam_store_txn *txn;
    struct dam_prng prng;
    struct model committed;
    struct model now;
    uint32_t seed;
};

static struct dam_bytes key_of(uint32_t i, uint8_t key[12])
{
    memset(key, 0, 12);
    dam_store_be32(key, (i / 2) * 0x9e3779b1u); /* neighbours of the number are none of the table */
    key[11] = (uint8_t)(i % 2);
    return dam_bytes(key, 12);
}

static struct dam_bytes value_of(uint32_t seed, uint8_t value[VALUE_MAX])
{
    struct dam_prng prng = {seed};
    size_t len = dam_prng_below(&prng, VALUE_MAX);
    memset(value, (int)(seed % 251), len);
    return dam_bytes(value, len);
}

static void assert_value(struct dam_bytes value, uint32_t seed)
{
    uint8_t expected[VALUE_MAX];
    assert_true(dam_bytes_eq(value, value_of(seed, expected)));
}

static uint32_t below(struct world *w, uint32_t count)
{
    return (uint32_t)dam_prng_below(&w->prng, count);
}

static void open_world(struct world *w)
{
    const struct dam_store_options options = {
        .dir = w->dir, .size_max = (size_t)64 << 20, .journal_len = JOURNAL_LEN};
    struct dam_store_fault fault;
    assert_int_equal(dam_store_open(&options, &w->store, &fault), DAM_OK);
}

static void change_one(struct world *w)
{
    uint32_t table = below(w, TABLES);
    uint32_t i = below(w, KEYS);
    uint8_t key[12];
    uint8_t value[VALUE_MAX];
    if (below(w, 3) == 0) {
        w->now.seeds[table][i] = 0;
        assert_int_equal(dam_store_delete(w->txn, tables[table], key_of(i, key)), DAM_OK);
    } else {
        w->now.seeds[table][i] = ++w->seed;
        assert_int_equal(
            dam_store_put(w->txn, tables[table], key_of(i, key), value_of(w->seed, value)), DAM_OK);
    }
}

static void read_one(struct world *w, uint32_t table, uint32_t i)
{
    uint8_t key[12];
    struct dam_bytes value;
    uint32_t seed = w->now.seeds[table][i];
    enum dam_err err = dam_store_get(w->txn, tables[table], key_of(i, key), &value);
    assert_int_equal(err, seed != 0 ? DAM_OK : DAM_ENOTFOUND);
    if (seed != 0) {
        assert_value(value, seed);
    }
}

/* The first of a pair of keys that is there. */
static void read_pair(struct world *w)
{
    uint32_t table = below(w, TABLES);
    uint32_t i = below(w, KEYS) / 2 * 2;
    uint8_t key[12];
    struct dam_bytes value;
    const uint32_t *seeds = &w->now.seeds[table][i];
    uint32_t seed = seeds[0] != 0 ? seeds[0] : seeds[1];
    enum dam_err err = dam_store_get_from(w->txn, tables[table], key_of(i, key), 11, &value);
    assert_int_equal(err, seed != 0 ? DAM_OK : DAM_ENOTFOUND);
    if (seed != 0) {
        assert_value(value, seed);
    }
}

/* Which key it is. */
static uint32_t number_of(struct dam_bytes key)
{
    uint8_t one[12];
    for (uint32_t i = 0; i < KEYS; i++) {
        if (dam_bytes_eq(key, key_of(i, one))) {
            return i;
        }
    }
    fail();
    return 0;
}

/* Go through a part of a table in order; delete some of it, and put other records on the way. */
static void walk(struct world *w)
{
    uint32_t table = below(w, TABLES);
    struct dam_store_cursor cursor = {0};
    uint8_t last[12] = {0};
    uint8_t key[12];
    enum dam_err err = dam_store_seek(&cursor, w->txn, tables[table], key_of(below(w, KEYS), key));
    for (uint32_t steps = 0; err == DAM_OK && steps < 40; steps++) {
        uint32_t i = number_of(cursor.key);
        assert_value(cursor.value, w->now.seeds[table][i]);
        assert_true(memcmp(cursor.key.data, last, 12) >= 0);
        memcpy(last, cursor.key.data, 12);
        switch (below(w, 4)) {
        case 0:
            w->now.seeds[table][i] = 0;
            assert_int_equal(dam_store_cursor_delete(&cursor), DAM_OK);
            break;
        case 1:
            change_one(w);
            break;
        default:
            break;
        }
        err = dam_store_next(&cursor);
    }
    assert_true(err == DAM_OK || err == DAM_ENOTFOUND);
    dam_store_cursor_close(&cursor);
}

static void check_all(struct world *w)
{
    for (uint32_t table = 0; table < TABLES; table++) {
        for (uint32_t i = 0; i < KEYS; i++) {
            read_one(w, table, i);
        }
    }
}

static void write_some(struct world *w, uint32_t steps)
{
    assert_int_equal(dam_store_begin(w->store, true, &w->txn), DAM_OK);
    for (uint32_t i = 0; i < steps; i++) {
        uint32_t what = below(w, 20);
        if (what < 12) {
            change_one(w);
        } else if (what < 17) {
            read_one(w, below(w, TABLES), below(w, KEYS));
        } else if (what < 19) {
            read_pair(w);
        } else {
            walk(w);
        }
    }
    check_all(w);
    if (below(w, 8) == 0) {
        dam_store_abort(w->txn);
        w->now = w->committed;
    } else {
        assert_int_equal(dam_store_commit(w->txn), DAM_OK);
        w->committed = w->now;
    }
}

static void test_model(void **state)
{
    struct world w = {.prng = {7}, .dir = "/tmp/dam-store-model-XXXXXX"};
    const char *steps = getenv("DAM_STORE_STEPS");
    const uint32_t end = steps != NULL ? (uint32_t)strtoul(steps, NULL, 10) : 30000;
    (void)state;
    assert_non_null(mkdtemp(w.dir));
    open_world(&w);
    for (uint32_t done = 0; done < end;) {
        uint32_t count = below(&w, 10) == 0 ? 400 : 1 + below(&w, 30);
        write_some(&w, count);
        done += count;
        if (below(&w, 12) == 0) {
            assert_int_equal(dam_store_settle(w.store), DAM_OK);
        } else if (below(&w, 20) == 0) {
            dam_store_close(w.store);
            open_world(&w);
        }
        assert_int_equal(dam_store_begin(w.store, false, &w.txn), DAM_OK);
        check_all(&w);
        dam_store_abort(w.txn);
    }
    dam_store_close(w.store);
    static const char *const names[] = {"ledger.mdb", "ledger.mdb-lock", "ledger.lock"};
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", w.dir, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(w.dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
