// SPDX-License-Identifier: Apache-2.0
/* What a seller has taken is known after every restart, in its order, or is told to be unreadable.
 */
#include "trade/till.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME "data.paid"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/dam-till-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/" NAME, folder);
    (void)unlink(path); /* not all of them make it */
    return rmdir(folder);
}

static struct dam_hash numbered(uint8_t kind, size_t number)
{
    return (struct dam_hash){.b = {kind, [31] = (uint8_t)number}};
}

static void open_again(struct dam_till *till)
{
    struct dam_till read;
    assert_null(dam_till_open(&read, folder, NAME));
    assert_int_equal(read.count, till->count);
    assert_memory_equal(read.payments, till->payments, till->count * sizeof(till->payments[0]));
    *till = read;
}

static void a_restart_forgets_nothing(void **state)
{
    static struct dam_till till;
    (void)state;
    assert_null(dam_till_open(&till, folder, NAME));
    assert_int_equal(till.count, 0);
    for (size_t i = 0; i < DAM_TILL_MAX; i++) {
        struct dam_hash id = numbered(1, i);
        struct dam_hash request = numbered(2, i);
        assert_null(dam_till_oldest(&till)); /* none is answered, and there is room */
        assert_null(dam_till_find(&till, &id));
        assert_int_equal(dam_till_take(&till, &id, &request), DAM_OK);
        open_again(&till);
        assert_true(dam_hash_eq(&dam_till_find(&till, &id)->request, &request));
        assert_false(dam_till_find(&till, &id)->answered);
    }
    struct dam_hash first = numbered(1, 0);
    struct dam_hash tenth = numbered(1, 10);
    assert_true(dam_hash_eq(&dam_till_oldest(&till)->id, &first)); /* it is full */
    assert_int_equal(dam_till_answer(&till, &tenth), DAM_OK);
    open_again(&till);
    assert_true(dam_till_find(&till, &tenth)->answered);
    assert_true(dam_hash_eq(&dam_till_oldest(&till)->id, &tenth));
    assert_int_equal(dam_till_forget(&till, &tenth), DAM_OK);
    open_again(&till);
    assert_null(dam_till_find(&till, &tenth));
    assert_null(dam_till_oldest(&till));
    assert_int_equal(till.count, DAM_TILL_MAX - 1);
}

/* What is not on the disk is not so. */
static void a_disk_that_fails_changes_nothing(void **state)
{
    static struct dam_till till;
    struct dam_hash id = numbered(1, 1);
    struct dam_hash request = numbered(2, 1);
    (void)state;
    assert_null(dam_till_open(&till, folder, NAME));
    assert_int_equal(dam_till_take(&till, &id, &request), DAM_OK);
    (void)snprintf(till.folder, sizeof(till.folder), "%s/nowhere", folder);
    struct dam_hash other = numbered(1, 2);
    assert_int_equal(dam_till_take(&till, &other, &request), DAM_EIO);
    assert_null(dam_till_find(&till, &other));
    assert_int_equal(dam_till_answer(&till, &id), DAM_EIO);
    assert_false(dam_till_find(&till, &id)->answered);
    assert_int_equal(dam_till_forget(&till, &id), DAM_EIO);
    assert_non_null(dam_till_find(&till, &id));
}

static void what_is_not_readable_is_told(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "{\"version\":2,\"payments\":[]}",
        "{\"version\":1,\"payments\":[{}]}",
        "{\"version\":1,\"payments\":[{\"id\":\"0x00\",\"request\":\"0x00\",\"answered\":true}]}",
    };
    static struct dam_till till;
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/" NAME, folder);
    for (size_t i = 0; i < DAM_COUNT_OF(texts); i++) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_true(fputs(texts[i], file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_non_null(dam_till_open(&till, folder, NAME));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_restart_forgets_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_fails_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_readable_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
