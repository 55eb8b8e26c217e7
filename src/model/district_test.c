// SPDX-License-Identifier: Apache-2.0
#include "model/district.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TOP (DAM_DISTRICT_LEVELS - 1)
#define LEVEL_WH 200

/* Stores of 6.4 kWh that lose a tenth each way and move 5 kWh an hour. */
static struct dam_district plain(uint32_t sites)
{
    struct dam_district d = {.sites = sites, .keep_load = 160, .keep_sun = 240, .doubt = 64};
    for (int move = -TOP; move <= TOP; move++) {
        d.move_wh[move + TOP] = move * LEVEL_WH * (move < 0 ? 9 : 10) / (move < 0 ? 10 : 9);
    }
    for (int level = 0; level <= TOP; level++) {
        d.most_wh[level] = 5000;
    }
    return d;
}

/* A day with a dear evening and a sunny noon, the same for all sites. */
static struct dam_district_hour hour_at(int64_t t, uint32_t sites, const int *levels)
{
    int64_t h = t % 24;
    struct dam_district_hour hour = {.price = h >= 16 && h < 21 ? 5400 : 2200, .carbon = 15000};
    hour.price_in_day = hour.price;
    for (size_t i = 0; i < sites; i++) {
        hour.load[i] = 800;
        hour.sun[i] = h >= 8 && h < 16 ? 2500 : 0;
        hour.level[i] = (uint8_t)levels[i];
    }
    return hour;
}

/* What is asked for is one of the moves that the level allows. Returns: the level after it. */
static int follow(const struct dam_district *d, int level, int32_t draw)
{
    for (int move = 0; move < DAM_DISTRICT_MOVES; move++) {
        if (d->move_wh[move] == draw) {
            int to = level + move - TOP;
            assert_in_range(to, 0, TOP);
            assert_true(draw <= d->most_wh[level] && draw >= -d->most_wh[level]);
            return to;
        }
    }
    fail_msg("a draw of %d Wh is no move", draw);
    return 0;
}

/* The sun of noon is what the dear evening lives on. */
static void sun_is_kept_for_dear_hours(void **state)
{
    (void)state;
    struct dam_district d = plain(3);
    struct dam_district_memory memory = {0};
    int levels[3] = {0};
    int64_t dear = 0;
    int64_t dear_draw = 0;
    for (int64_t t = 0; t < 24 * 20; t++) {
        int32_t draw[3];
        struct dam_district_hour hour = hour_at(t, 3, levels);
        dam_district_decide(&d, &memory, &hour, draw);
        int64_t next = (t + 1) % 24;
        for (size_t i = 0; i < 3; i++) {
            assert_true(t >= 24 || draw[i] == 0); /* the first day is watched */
            levels[i] = follow(&d, levels[i], draw[i]);
            if (t > 48 && next >= 16 && next < 21) {
                dear += 800;
                dear_draw += draw[i];
            }
        }
    }
    assert_true(-dear_draw > dear * 4 / 5); /* what a ramp costs is left */
}

/* A value below 2^bits, now and then the least or the most. */
static int32_t any(struct dam_prng *prng, unsigned bits)
{
    uint64_t kind = dam_prng_below(prng, 4);
    int32_t top = (int32_t)(1u << bits) - 1;
    return kind == 0 ? 0 : kind == 1 ? top : (int32_t)dam_prng_below(prng, 1u << bits);
}

/* Any values, after three days of nothing at all: a move that the level allows, and the same one
 * again. (Under UBSan: no sum overflows.) */
static void it_asks_only_for_what_can_be(void **state)
{
    (void)state;
    struct dam_prng prng = {7};
    struct dam_district d = plain(DAM_DISTRICT_SITES_MAX);
    struct dam_district_memory memory = {0};
    struct dam_district_memory twin = {0};
    for (int t = 0; t < 150; t++) {
        bool silent = t < 72;
        struct dam_district_hour hour = {
            .price = any(&prng, 20), .price_in_day = any(&prng, 20), .carbon = any(&prng, 20)};
        int32_t draw[DAM_DISTRICT_SITES_MAX];
        int32_t again[DAM_DISTRICT_SITES_MAX];
        for (size_t i = 0; i < d.sites; i++) {
            hour.load[i] = silent ? 0 : any(&prng, 24);
            hour.sun[i] = silent ? 0 : any(&prng, 24);
            hour.drawn[i] = silent ? 0 : any(&prng, 24) - any(&prng, 24);
            hour.level[i] = (uint8_t)dam_prng_below(&prng, DAM_DISTRICT_LEVELS);
        }
        dam_district_decide(&d, &memory, &hour, draw);
        dam_district_decide(&d, &twin, &hour, again);
        assert_memory_equal(draw, again, sizeof(draw));
        for (size_t i = 0; i < d.sites; i++) {
            (void)follow(&d, hour.level[i], draw[i]);
        }
    }
    assert_memory_equal(&memory, &twin, sizeof(memory));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sun_is_kept_for_dear_hours),
        cmocka_unit_test(it_asks_only_for_what_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
