// SPDX-License-Identifier: Apache-2.0
/* The envoy's line: whichever of the workers is faster, they work with it one at a time, in the
 * order in which the loop gave the work out. */
#include "chain/envoy.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WORKERS 4u /* as many as threads: all of them run at once */
#define WORK_MS 2u
#define LATE_MS 10u

struct worker {
    uv_work_t work;
    char name;
    uint64_t place;
    unsigned late_ms; /* its thread comes to the envoy so late */
    bool comes_back;  /* and works with it a second time */
};

static struct dam_envoy *envoy;
static uv_loop_t loop;
static char order[6 * WORKERS + 1]; /* written by whoever has entered */
static size_t order_len;
static int inside;

static int begin(void **state)
{
    const struct dam_envoy_options options = {.url_count = 0};
    (void)state;
    order_len = 0;
    memset(order, 0, sizeof(order));
    return uv_loop_init(&loop) == 0 && dam_envoy_create(&options, &envoy) == DAM_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    dam_envoy_release(envoy);
    return uv_loop_close(&loop);
}

static void stay(const struct worker *w)
{
    order[order_len++] = inside++ == 0 ? w->name : '!';
    uv_sleep(WORK_MS);
    inside--;
    dam_envoy_leave(envoy);
}

static void on_work(uv_work_t *work)
{
    const struct worker *w = work->data;
    uv_sleep(w->late_ms);
    dam_envoy_enter(envoy, w->place);
    stay(w);
    if (w->comes_back) {
        uv_sleep(LATE_MS);
        dam_envoy_step_in(envoy);
        stay(w);
    }
}

static void on_worked(uv_work_t *work, int status)
{
    (void)work;
    assert_int_equal(status, 0);
}

static void give_out(struct worker *workers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        workers[i].work.data = &workers[i];
        workers[i].place = dam_envoy_line_up(envoy);
        assert_int_equal(uv_queue_work(&loop, &workers[i].work, on_work, on_worked), 0);
    }
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
}

static void the_order_is_that_of_the_places(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        struct worker workers[WORKERS];
        for (unsigned i = 0; i < WORKERS; i++) { /* the first one's thread is the last to come */
            workers[i] =
                (struct worker){.name = (char)('a' + i), .late_ms = LATE_MS * (WORKERS - i - 1)};
        }
        order_len = 0;
        give_out(workers, WORKERS);
        assert_memory_equal(order, "abcd", WORKERS);
        assert_int_equal(order_len, WORKERS);
    }
}

/* All threads are held by those who come back, while others stand in the line without one. */
static void who_comes_back_waits_for_nobody_without_a_thread(void **state)
{
    struct worker workers[3 * WORKERS];
    size_t visits[26] = {0};
    (void)state;
    for (unsigned i = 0; i < DAM_COUNT_OF(workers); i++) {
        workers[i] = (struct worker){.name = (char)('a' + i), .comes_back = true};
    }
    give_out(workers, DAM_COUNT_OF(workers));
    for (size_t i = 0; i < order_len; i++) {
        assert_int_not_equal(order[i], '!');
        visits[order[i] - 'a']++;
    }
    for (unsigned i = 0; i < DAM_COUNT_OF(workers); i++) {
        assert_int_equal(visits[i], 2);
    }
}

/* More workers than threads: those in front are given a thread first, so nobody waits for ever. */
static void a_full_pool_does_not_lock_up(void **state)
{
    struct worker workers[3 * WORKERS];
    (void)state;
    for (unsigned i = 0; i < DAM_COUNT_OF(workers); i++) {
        workers[i] = (struct worker){.name = (char)('a' + i), .late_ms = i % 3 * LATE_MS};
    }
    give_out(workers, DAM_COUNT_OF(workers));
    assert_string_equal(order, "abcdefghijkl");
}

/* Whoever made it may be gone while a worker still works with it. */
static void it_keeps_what_it_was_told(void **state)
{
    char url[] = "http://127.0.0.1:1";
    char folder[] = "signer";
    const struct dam_envoy_options options = {
        .urls = {url}, .url_count = 1, .agree_min = 1, .signer_folder = folder};
    struct dam_envoy *told = NULL;
    (void)state;
    assert_int_equal(dam_envoy_create(&options, &told), DAM_OK);
    memset(url, 'x', sizeof(url) - 1);
    memset(folder, 'x', sizeof(folder) - 1);
    assert_string_equal(told->options.urls[0], "http://127.0.0.1:1");
    assert_string_equal(told->options.signer_folder, "signer");
    assert_null(told->options.outbox_folder);
    dam_envoy_release(told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_order_is_that_of_the_places, begin, end),
        cmocka_unit_test_setup_teardown(who_comes_back_waits_for_nobody_without_a_thread, begin,
                                        end),
        cmocka_unit_test(it_keeps_what_it_was_told),
        cmocka_unit_test_setup_teardown(a_full_pool_does_not_lock_up, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
