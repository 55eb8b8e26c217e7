// SPDX-License-Identifier: Apache-2.0
#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/heap.h"

static int *find(const struct dam_table *table, uint64_t hash, int key)
{
    int *item;
    for (uint64_t cursor = hash; (item = dam_table_next(table, hash, &cursor)) != NULL;) {
        if (*item == key) {
            return item;
        }
    }
    return NULL;
}

/* Few distinct hashes, so that every lookup meets other keys, through several growths. */
static void test_find_among_collisions(void **state)
{
    (void)state;
    static int keys[1000];
    struct dam_table table = {0};
    assert_null(find(&table, 0, 0));
    for (int i = 0; i < 1000; i++) {
        keys[i] = i;
        assert_int_equal(dam_table_add(&table, dam_heap(), (uint64_t)i % 97 * 1024, &keys[i]), 0);
        assert_null(find(&table, (uint64_t)i % 97 * 1024, i + 1));
    }
    for (int i = 0; i < 1000; i++) {
        assert_ptr_equal(find(&table, (uint64_t)i % 97 * 1024, i), &keys[i]);
        assert_null(find(&table, 98 * 1024, i));
    }
    dam_table_clear(&table, dam_heap(), table.capacity);
    assert_null(find(&table, 0, 0));
    assert_int_equal(dam_table_add(&table, dam_heap(), 5, &keys[5]), 0);
    assert_ptr_equal(find(&table, 5, 5), &keys[5]);
    dam_table_clear(&table, dam_heap(), 64);
    assert_int_equal(table.capacity, 0);
    dam_table_finish(&table, dam_heap());
}

static void *no_memory(void *ctx, size_t len)
{
    (void)ctx;
    (void)len;
    return NULL;
}

static void test_no_memory(void **state)
{
    (void)state;
    const struct dam_mem none = {.alloc = no_memory};
    struct dam_table table = {0};
    int key = 1;
    assert_int_equal(dam_table_add(&table, &none, 1, &key), DAM_ENOMEM);
    assert_null(find(&table, 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_among_collisions),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
