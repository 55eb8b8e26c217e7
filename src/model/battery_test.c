// SPDX-License-Identifier: Apache-2.0
#include "model/battery.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TOP (DAM_DISTRICT_LEVELS - 1)

static const struct dam_battery sheet = {
    .capacity_wh = 6400,
    .power_w = 5000,
    .power = {{{0, 1}, {0.8, 1}, {1, 0.2}}, 3},
    .efficiency = {{{0, 0.81}, {1, 0.81}}, 2}, /* nine tenths each way */
};

static void a_level_costs_more_than_it_gives(void **state)
{
    (void)state;
    struct dam_district d = {.sites = 1, .level_mul = 1};
    assert_null(dam_battery_check(&sheet));
    dam_battery_fit(&sheet, &d);
    assert_null(dam_district_check(&d));
    for (int levels = 1; levels <= TOP; levels++) {
        assert_in_range(d.move_wh[TOP + levels] * 9 - levels * 2000 + 5, 0, 10);
        assert_in_range(levels * 180 + d.move_wh[TOP - levels] + 1, 0, 2);
    }
    assert_int_equal(d.most_wh[0], 5000);
    assert_int_equal(d.most_wh[25], 5000);
    assert_int_equal(d.most_wh[TOP], 1000);
    assert_int_equal(d.most_wh[29], 2875); /* on the slope */
}

static void a_sheet_that_is_none_is_refused(void **state)
{
    (void)state;
    struct dam_battery b = sheet;
    b.capacity_wh = 0;
    assert_non_null(dam_battery_check(&b));
    b = sheet;
    b.power_w = 1e8;
    assert_non_null(dam_battery_check(&b));
    b = sheet;
    b.power.points[1][0] = 0; /* not rising */
    assert_non_null(dam_battery_check(&b));
    b = sheet;
    b.power.points[2][0] = 0.9; /* not to the end */
    assert_non_null(dam_battery_check(&b));
    b = sheet;
    b.efficiency.points[0][1] = 0; /* nothing would come back */
    assert_non_null(dam_battery_check(&b));
    b.efficiency.points[0][1] = 1.01;
    assert_non_null(dam_battery_check(&b));
    b.efficiency.count = 1;
    assert_non_null(dam_battery_check(&b));
}

static int64_t level_of(const struct dam_district *d, int64_t told)
{
    int64_t level = (told - d->level_zero) * d->level_mul >> d->level_shift;
    return level < 0 ? 0 : level > TOP ? TOP : level;
}

/* Whatever a channel calls empty and full: its ends are ends, and what lies between is within half
 * a level (or, of a coarse channel, half its step) of the true share. */
static void a_channel_of_any_scale_is_read(void **state)
{
    (void)state;
    static const int64_t ends[][2] = {{0, 32},     {0, 100},     {0, 1000},    {0, 10},
                                      {200, 1000}, {-50, 50},    {0, 6400},    {0, 1},
                                      {0, 4095},   {3000, 4200}, {0, 1234567}, {-8388607, 8388607}};
    for (size_t i = 0; i < DAM_COUNT_OF(ends); i++) {
        struct dam_district d = {.sites = 1};
        int64_t range = ends[i][1] - ends[i][0];
        assert_true(dam_battery_scale(ends[i][0], ends[i][1], &d));
        assert_int_equal(level_of(&d, ends[i][0]), 0);
        assert_int_equal(level_of(&d, ends[i][1]), TOP);
        for (int64_t k = 0; k <= 1000; k++) {
            int64_t told = ends[i][0] + range * k / 1000;
            double exact = (double)(told - ends[i][0]) * TOP / (double)range;
            double off = (double)level_of(&d, told) - exact;
            assert_true(off <= 0.51 && off >= -0.51 - (double)TOP / (double)range);
        }
    }
    struct dam_district d = {.sites = 1};
    assert_true(dam_battery_scale(0, 32, &d));
    for (int64_t level = 0; level <= TOP; level++) {
        assert_int_equal(level_of(&d, level), level);
    }
    assert_false(dam_battery_scale(5, 5, &d));
    assert_false(dam_battery_scale(0, INT64_C(1) << 23, &d));
    assert_false(dam_battery_scale(INT64_MIN, INT64_MAX, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_costs_more_than_it_gives),
        cmocka_unit_test(a_sheet_that_is_none_is_refused),
        cmocka_unit_test(a_channel_of_any_scale_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
