// SPDX-License-Identifier: Apache-2.0
/* Reading: how much of the file stays mapped in the process, and that a reader, who begins where it
 * last found something, finds what is there. */
#include "ledger/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/prng.h"

#define RECORDS 8192u
#define RECORD_LEN 4000u
#define FILE_LEN ((size_t)RECORDS * RECORD_LEN)
#define BOUND ((size_t)2 << 20)
#define KEYS 3000u /* with even keys, on some hundred pages of each table */
#define READS 20000u

static char dir[] = "/tmp/dam-store-XXXXXX";

/* Bytes of files that this process has mapped. */
static size_t mapped(void)
{
    unsigned long shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %*u %lu", &shared), 1);
    (void)fclose(file);
    return shared * (size_t)sysconf(_SC_PAGESIZE);
}

static void fill(struct dam_store *store)
{
    static uint8_t data[RECORD_LEN];
    struct dam_store_txn *txn;
    assert_int_equal(dam_store_begin(store, true, &txn), DAM_OK);
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint8_t key[8];
        dam_store_be64(key, i);
        assert_int_equal(dam_store_append(txn, DAM_STORE_BLOCK, dam_bytes(key, sizeof(key)),
                                          dam_bytes(data, sizeof(data))),
                         DAM_OK);
    }
    assert_int_equal(dam_store_commit(txn), DAM_OK);
}

static void read_all(struct dam_store *store)
{
    struct dam_store_cursor cursor = {0};
    struct dam_store_txn *txn;
    unsigned count = 0;
    assert_int_equal(dam_store_begin(store, false, &txn), DAM_OK);
    enum dam_err err = dam_store_seek(&cursor, txn, DAM_STORE_BLOCK, dam_bytes("", 0));
    for (; err == DAM_OK; err = dam_store_next(&cursor)) {
        count++;
    }
    assert_int_equal(err, DAM_ENOTFOUND);
    assert_int_equal(count, RECORDS);
    dam_store_cursor_close(&cursor);
    dam_store_abort(txn);
}

static struct dam_store *open_store(void)
{
    const struct dam_store_options options = {.dir = dir, .size_max = (size_t)256 << 20};
    struct dam_store_fault fault;
    struct dam_store *store;
    assert_int_equal(dam_store_open(&options, &store, &fault), DAM_OK);
    return store;
}

static void test_bound(void **state)
{
    struct dam_store *store = open_store();
    (void)state;
    fill(store);
    dam_store_bound_pages(store, 0);
    size_t rest = mapped();
    for (unsigned round = 0; round < 2; round++) {
        read_all(store);
        size_t all = mapped();
        assert_true(all > rest + FILE_LEN);
        dam_store_bound_pages(store, 2 * FILE_LEN); /* not so many */
        assert_true(mapped() > rest + FILE_LEN);
        dam_store_bound_pages(store, BOUND);
        assert_true(mapped() < rest + BOUND);
    }
    dam_store_close(store);
}

static struct dam_bytes key_of(uint32_t i, uint8_t key[8])
{
    dam_store_be64(key, i);
    return dam_bytes(key, 8);
}

static uint64_t value_of(enum dam_store_table table, uint32_t i)
{
    return ((uint64_t)table << 32 | i) * 0x9e3779b97f4a7c15;
}

static void fill_keys(struct dam_store *store, enum dam_store_table table)
{
    struct dam_store_txn *txn;
    assert_int_equal(dam_store_begin(store, true, &txn), DAM_OK);
    for (uint32_t i = 0; i < KEYS; i++) {
        uint8_t key[8];
        uint8_t value[100] = {0};
        dam_store_be64(value, value_of(table, 2 * i));
        assert_int_equal(
            dam_store_put(txn, table, key_of(2 * i, key), dam_bytes(value, sizeof(value))), DAM_OK);
    }
    assert_int_equal(dam_store_commit(txn), DAM_OK);
}

static void check(struct dam_store_txn *txn, enum dam_store_table table, uint32_t i)
{
    uint8_t key[8];
    struct dam_bytes value;
    enum dam_err err = dam_store_get(txn, table, key_of(i, key), &value);
    if (i % 2 == 1 || i >= 2 * KEYS) {
        assert_int_equal(err, DAM_ENOTFOUND);
    } else {
        assert_int_equal(err, DAM_OK);
        assert_int_equal(dam_load_be64(value.data), value_of(table, i));
    }
}

/* Forward, back, and from anywhere to anywhere, in two tables by turns. */
static void read_keys(struct dam_store *store)
{
    struct dam_store_txn *txn;
    struct dam_prng prng = {1};
    assert_int_equal(dam_store_begin(store, false, &txn), DAM_OK);
    for (uint32_t i = 0; i < 2 * KEYS + 2; i++) {
        check(txn, DAM_STORE_TX, i);
        check(txn, DAM_STORE_RECEIPT, 2 * KEYS + 1 - i);
    }
    for (uint32_t i = 0; i < READS; i++) {
        uint32_t at = (uint32_t)dam_prng_below(&prng, 2 * KEYS + 2);
        check(txn, i % 3 == 0 ? DAM_STORE_TX : DAM_STORE_RECEIPT, at);
    }
    dam_store_abort(txn);
}

static void test_places(void **state)
{
    struct dam_store *store = open_store();
    (void)state;
    fill_keys(store, DAM_STORE_TX);
    fill_keys(store, DAM_STORE_RECEIPT);
    assert_int_not_equal(dam_store_unsettled(store), 0);
    read_keys(store); /* what the file has not taken in, */
    assert_int_equal(dam_store_settle(store), DAM_OK);
    read_keys(store); /* and what it has */
    dam_store_close(store);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"ledger.mdb", "ledger.mdb-lock", "ledger.lock"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
