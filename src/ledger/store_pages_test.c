// SPDX-License-Identifier: Apache-2.0
/* How much of the store's file stays mapped in the process. */
#include "ledger/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RECORDS 8192u
#define RECORD_LEN 4000u
#define FILE_LEN ((size_t)RECORDS * RECORD_LEN)
#define BOUND ((size_t)2 << 20)

static char dir[] = "/tmp/dam-pages-XXXXXX";

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

static void test_bound(void **state)
{
    const struct dam_store_options options = {.dir = dir, .size_max = (size_t)256 << 20};
    struct dam_store_fault fault;
    struct dam_store *store;
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(dam_store_open(&options, &store, &fault), DAM_OK);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bound)};
    return cmocka_run_group_tests(tests, NULL, remove_dir);
}
