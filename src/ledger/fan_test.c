// SPDX-License-Identifier: Apache-2.0
#include "ledger/fan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_MAX 5000u

struct job {
    unsigned seen[COUNT_MAX];
    atomic_int in_slot[DAM_FAN_SLOTS_MAX];
    atomic_bool clashed;
    atomic_uint slots_used;
};

static void body(void *ctx, size_t index, unsigned slot)
{
    struct job *job = ctx;
    if (atomic_fetch_add(&job->in_slot[slot], 1) != 0) {
        atomic_store(&job->clashed, true);
    }
    atomic_fetch_or(&job->slots_used, 1u << slot);
    for (volatile int i = 0; i < 200; i++) {
    }
    job->seen[index]++;
    atomic_fetch_sub(&job->in_slot[slot], 1);
}

static void test_each_index_once(void **state)
{
    static const size_t counts[] = {0, 1, 3, 4, 7, 8, 64, COUNT_MAX};
    static struct job job;
    uv_loop_t loop;
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++) {
        memset(&job, 0, sizeof(job));
        dam_fan_run(&loop, counts[n], body, &job);
        for (size_t i = 0; i < COUNT_MAX; i++) {
            assert_int_equal(job.seen[i], i < counts[n]);
        }
        assert_false(atomic_load(&job.clashed));
    }
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0); /* the helpers are given back */
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void sleep_on(uv_work_t *work)
{
    uv_sem_wait(work->data);
}

static void after(uv_work_t *work, int status)
{
    (void)work;
    (void)status;
}

/* With every thread of the pool taken, the caller does it all. */
static void test_a_busy_pool_does_not_hold_it(void **state)
{
    static struct job job;
    uv_loop_t loop;
    uv_work_t busy[16];
    uv_sem_t sem;
    (void)state;
    memset(&job, 0, sizeof(job));
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_sem_init(&sem, 0), 0);
    for (int i = 0; i < 16; i++) {
        busy[i].data = &sem;
        assert_int_equal(uv_queue_work(&loop, &busy[i], sleep_on, after), 0);
    }
    dam_fan_run(&loop, COUNT_MAX, body, &job);
    for (size_t i = 0; i < COUNT_MAX; i++) {
        assert_int_equal(job.seen[i], 1);
    }
    assert_int_equal(atomic_load(&job.slots_used), 1);
    for (int i = 0; i < 16; i++) {
        uv_sem_post(&sem);
    }
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    uv_sem_destroy(&sem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_index_once),
        cmocka_unit_test(test_a_busy_pool_does_not_hold_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
