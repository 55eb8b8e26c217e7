// SPDX-License-Identifier: Apache-2.0
#include "model/planner.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct dam_planner plain(void)
{
    return (struct dam_planner){.records = 8,
                                .ch_load = 1,
                                .ch_pv = 2,
                                .ch_store = 3,
                                .ch_buy = 4,
                                .ch_sell = 5,
                                .ch_grid = DAM_PLANNER_NONE,
                                .ch_left = DAM_PLANNER_NONE,
                                .actuators = 1,
                                .slot_s = 3600,
                                .slots = 24,
                                .days = 1,
                                .levels = 11,
                                .horizon = 24,
                                .store_mul = 1,
                                .store_max = 1000,
                                .charge_max = 200,
                                .drain_max = 200,
                                .charge_cost = 65536,
                                .drain_yield = 65536,
                                .grid_max = 10000,
                                .lost_price = 1000};
}

static int64_t ask(const struct dam_planner *p, uint8_t *memory, size_t *len, const int64_t *values)
{
    uint8_t observation[128] = {0};
    uint8_t next[DAM_PLANNER_MEMORY_MAX];
    int64_t y[64];
    for (size_t i = 0; i < 8; i++) {
        dam_store_be64(observation + 16 * i, (uint64_t)values[i]);
    }
    assert_int_equal(dam_planner_decide(p, dam_bytes(memory, *len),
                                        dam_bytes(observation, sizeof(observation)), next, y),
                     DAM_OK);
    *len = dam_planner_memory_len(p);
    memcpy(memory, next, *len);
    return y[0];
}

/* Two prices a day, no sun: after a day of learning it buys what the dear hours need, and no more
 * than fits, in the cheap ones. */
static void it_buys_cheap_and_serves_dear(void **state)
{
    (void)state;
    struct dam_planner p = plain();
    uint8_t memory[DAM_PLANNER_MEMORY_MAX];
    size_t len = 0;
    int64_t stored = 0;
    int64_t cost[4] = {0};
    for (int64_t hour = 0; hour < 96; hour++) {
        int64_t price = hour % 24 < 12 ? 10 : 30;
        int64_t move = ask(&p, memory, &len, (int64_t[8]){hour * 3600, 100, 0, stored, price});
        assert_true(move >= -200 && move <= 200);
        stored += move;
        assert_true(stored >= 0 && stored <= 1000);
        cost[hour / 24] += (100 + move) * price;
    }
    assert_int_equal(cost[0], 12 * 100 * 10 + 12 * 100 * 30); /* nothing known: the rule */
    /* 1,000 of the 1,200 of the dear half are bought cheap: 22 * 100 * 10 + 2 * 100 * 30. */
    assert_int_equal(cost[2], 22 * 100 * 10 + 2 * 100 * 30);
    assert_int_equal(cost[3], cost[2]);
}

/* The sun's deviation is a ratio: a morning at a fifth of its profile makes the noon a fifth too,
 * and the evening is bought while it is cheap; a usual morning buys nothing. */
static void a_dull_morning_means_a_dull_noon(void **state)
{
    (void)state;
    struct dam_planner p = plain();
    p.keep_pv = 240;
    for (int64_t dull = 0; dull < 2; dull++) {
        uint8_t memory[DAM_PLANNER_MEMORY_MAX];
        size_t len = 0;
        int64_t move = 0;
        for (int64_t hour = 0; hour < 3 * 24 + 12; hour++) {
            int64_t of_day = hour % 24;
            int64_t pv = of_day < 8 || of_day >= 18 ? 0 : of_day < 12 ? 100 : 300;
            pv = hour >= 3 * 24 && dull == 1 ? pv / 5 : pv;
            int64_t price = of_day < 12 ? 10 : 30;
            move = ask(&p, memory, &len, (int64_t[8]){hour * 3600, 100, pv, 0, price});
        }
        assert_int_equal(move, dull == 1 ? 200 : 0);
    }
}

/* A deadline: with slots left, nothing stays in the store at the end that could have served. */
static void it_is_empty_at_the_deadline(void **state)
{
    (void)state;
    struct dam_planner p = plain();
    p.ch_left = 6;
    uint8_t memory[DAM_PLANNER_MEMORY_MAX];
    size_t len = 0;
    int64_t stored = 1000;
    for (int64_t hour = 0; hour < 48; hour++) {
        stored +=
            ask(&p, memory, &len, (int64_t[8]){hour * 3600, 100, 0, stored, 10, 0, 48 - hour});
    }
    assert_int_equal(stored, 0);
}

static void a_blob_is_read_as_written(void **state)
{
    (void)state;
    struct dam_planner p = plain();
    struct dam_planner again;
    uint8_t blob[DAM_PLANNER_BLOB_LEN];
    const char *why = NULL;
    dam_planner_write(&p, blob);
    assert_int_equal(dam_planner_open(dam_bytes(blob, sizeof(blob)), &again, &why), DAM_OK);
    uint8_t blob_again[DAM_PLANNER_BLOB_LEN];
    dam_planner_write(&again, blob_again);
    assert_memory_equal(blob, blob_again, sizeof(blob));
    size_t refused = 0;
    for (size_t i = 0; i < sizeof(blob); i++) {
        uint8_t was = blob[i];
        blob[i] ^= 0xff;
        if (dam_planner_open(dam_bytes(blob, sizeof(blob)), &again, &why) != DAM_OK) {
            assert_non_null(why);
            refused++;
        }
        blob[i] = was;
    }
    assert_true(refused >= 200);
}

/* Any memory of the right length is survived, with the proposal inside the store's limits. */
static void any_memory_is_survived(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 7};
    struct dam_planner p = plain();
    p.days = 7;
    p.ch_grid = 6;
    p.doubt = 255;
    p.gen_max = 500;
    uint8_t memory[DAM_PLANNER_MEMORY_MAX];
    for (int round = 0; round < 300; round++) {
        size_t len = dam_planner_memory_len(&p);
        dam_prng_fill(&prng, memory, len);
        int64_t values[8];
        for (size_t i = 0; i < 8; i++) {
            values[i] = (int64_t)dam_prng_next(&prng) >> dam_prng_below(&prng, 64);
        }
        int64_t move = ask(&p, memory, &len, values);
        assert_true(move >= -200 && move <= 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_buys_cheap_and_serves_dear),
        cmocka_unit_test(a_dull_morning_means_a_dull_noon),
        cmocka_unit_test(it_is_empty_at_the_deadline),
        cmocka_unit_test(a_blob_is_read_as_written),
        cmocka_unit_test(any_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
