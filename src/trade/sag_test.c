// SPDX-License-Identifier: Apache-2.0
/* The watch on days that are made up, and on six weeks that were measured. */
#include "trade/sag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_MS (60 * 60 * 1000)
#define QUARTER_MS (HOUR_MS / 4)
#define DAY_MS (24 * (int64_t)HOUR_MS)
#define HOURS_MAX 2000

static const struct dam_sag_terms two = {.percent = 80, .days = 2};

/* A day of quarters whose noon reads `peak`. Returns: whether it ended the day before. */
static bool day(struct dam_sag *sag, int64_t number, int64_t peak)
{
    bool ended = false;
    for (int i = 0; i < 96; i++) {
        int64_t value = i < 24 || i > 72 ? 0 : peak * (24 - llabs(i - 48)) / 24;
        ended = dam_sag_add(sag, &two, number * DAY_MS + i * QUARTER_MS, value) || ended;
    }
    return ended;
}

static void low_days_in_a_row_are_a_sag(void **state)
{
    struct dam_sag sag = {.usual = 0};
    (void)state;
    assert_false(day(&sag, 100, 1000)); /* the first ends none */
    assert_true(day(&sag, 101, 1000));
    assert_int_equal(sag.usual, 1000);
    (void)day(&sag, 102, 700);
    (void)day(&sag, 103, 1000); /* one cloudy day is none */
    (void)day(&sag, 104, 700);
    (void)day(&sag, 105, 700);
    assert_false(sag.sags);
    assert_int_equal(sag.low_days, 1);
    (void)day(&sag, 106, 700); /* only now is the day before over */
    assert_true(sag.sags);
    assert_int_equal(sag.last, 700);
    dam_sag_mended(&sag);
    assert_false(sag.sags);
    (void)day(&sag, 107, 700);
    assert_int_equal(sag.low_days, 0); /* day 106 was the repair's */
    (void)day(&sag, 108, 1000);
    (void)day(&sag, 109, 1000);
    assert_int_equal(sag.low_days, 0);
}

static void exactly_the_share_is_not_low(void **state)
{
    struct dam_sag sag = {.usual = 1000};
    (void)state;
    (void)day(&sag, 1, 800);
    (void)dam_sag_add(&sag, &two, 2 * DAY_MS, 0);
    assert_int_equal(sag.low_days, 0);
    sag = (struct dam_sag){.usual = 1000};
    (void)day(&sag, 1, 799);
    (void)dam_sag_add(&sag, &two, 2 * DAY_MS, 0);
    assert_int_equal(sag.low_days, 1);
}

static void a_day_with_a_gap_says_nothing(void **state)
{
    struct dam_sag sag = {.usual = 1000};
    (void)state;
    for (int64_t d = 1; d <= 5; d++) {
        for (int i = 0; i < 96; i++) {
            if (i < 44 || i > 52) { /* two hours without a reading, at noon */
                (void)dam_sag_add(&sag, &two, d * DAY_MS + i * QUARTER_MS, 1);
            }
        }
    }
    assert_int_equal(sag.usual, 1000);
    assert_int_equal(sag.low_days, 0);
    (void)dam_sag_add(&sag, &two, 20 * DAY_MS, 1); /* weeks without any */
    (void)dam_sag_add(&sag, &two, 3 * DAY_MS, 1);  /* and a clock that goes back */
    (void)dam_sag_add(&sag, &two, -3 * DAY_MS, 1);
    assert_false(sag.sags);
    assert_int_equal(sag.usual, 1000);
}

static void seasons_go_by(void **state)
{
    struct dam_sag sag = {.usual = 0};
    int64_t peak = 100000;
    (void)state;
    for (int64_t d = 0; d < 180; d++) { /* to half of it in half a year */
        (void)day(&sag, d, peak);
        peak -= peak / 256;
        assert_false(sag.sags);
    }
    assert_true(sag.usual < 60000);
}

static void extremes_do_not_overflow(void **state)
{
    struct dam_sag sag = {.usual = 0};
    (void)state;
    (void)day(&sag, 1, INT64_MAX / 96);
    (void)dam_sag_add(&sag, &two, 2 * DAY_MS, INT64_MAX);
    (void)day(&sag, 3, INT64_MIN / 96);
    (void)dam_sag_add(&sag, &two, INT64_MAX, INT64_MIN);
    (void)dam_sag_add(&sag, &two, INT64_MIN, 0);
    assert_true(sag.usual >= 0);
}

/* ---- measured -------------------------------------------------------------------------------- */

static int64_t pv[HOURS_MAX];
static int hours;

static int measured_read(void **state)
{
    char path[1024] = __FILE__;
    char *room = strstr(path, "src/trade/");
    char line[256];
    (void)state;
    assert_non_null(room);
    (void)snprintf(room, sizeof(path) - (size_t)(room - path),
                   "profiles/solar-site/data/village.csv");
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
        return -1;
    }
    while (hours < HOURS_MAX && fgets(line, sizeof(line), file) != NULL) {
        pv[hours++] = strtoll(strchr(line, ',') + 1, NULL, 10);
    }
    (void)fclose(file);
    return hours >= 7 * 24 ? 0 : -1;
}

/* Days from `from` to the alarm where 40 % of the output is lost from then on; -1: none. */
static int days_to_alarm(const struct dam_sag_terms *terms, int from)
{
    struct dam_sag sag = {.usual = 0};
    for (int i = 0; i < hours; i++) {
        int64_t value = i / 24 >= from ? pv[i] * 6 / 10 : pv[i];
        (void)dam_sag_add(&sag, terms, i * (int64_t)HOUR_MS, value);
        if (sag.sags) {
            return i / 24 - from;
        }
    }
    return -1;
}

static void dust_is_found_on_measured_days(void **state)
{
    static const struct dam_sag_terms one = {.percent = 80, .days = 1};
    (void)state;
    assert_int_equal(hours, 42 * 24);
    for (int from = 2; from < 39; from++) {
        int days = days_to_alarm(&two, from);
        assert_true(days == 2 || (days < 2 && from > 28)); /* a rainy day may have begun it */
    }
    assert_int_equal(days_to_alarm(&one, 1), 1);
    /* Without dust: six weeks with rain, and no alarm before the two rainy days at their end. */
    int clean = days_to_alarm(&two, 1000);
    assert_true(clean == -1 || clean + 1000 >= 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(low_days_in_a_row_are_a_sag),
        cmocka_unit_test(exactly_the_share_is_not_low),
        cmocka_unit_test(a_day_with_a_gap_says_nothing),
        cmocka_unit_test(seasons_go_by),
        cmocka_unit_test(extremes_do_not_overflow),
        cmocka_unit_test_setup(dust_is_found_on_measured_days, measured_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
