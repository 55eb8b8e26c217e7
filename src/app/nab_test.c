// SPDX-License-Identifier: Apache-2.0
#include "app/nab.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 100u

static double worth_of(const size_t *alarms, size_t count)
{
    struct dam_nab_stream s = {.rows = ROWS, .windows = {{40, 49}, {70, 79}}, .windows_count = 2};
    double scores[ROWS] = {0};
    struct dam_nab_mark marks[ROWS];
    for (size_t i = 0; i < count; i++) {
        scores[alarms[i]] = 1;
    }
    size_t judged = dam_nab_mark(&s, scores, 0, marks);
    assert_int_equal(judged, 85); /* 15 % are not */
    return dam_nab_worth(marks, judged, 2, 1);
}

static void an_alarm_is_worth_what_its_place_is_worth(void **state)
{
    (void)state;
    assert_float_equal(worth_of(NULL, 0), -2, 1e-9);
    assert_float_equal(worth_of((size_t[]){40, 70}, 2), 2, 1e-9);     /* at once */
    assert_float_equal(worth_of((size_t[]){40, 45, 49}, 3), 0, 1e-9); /* once only */
    assert_float_equal(worth_of((size_t[]){14}, 1), -2, 1e-9);        /* not judged */
    assert_float_equal(worth_of((size_t[]){15}, 1), -2.11, 1e-9);     /* nothing before */
    assert_float_equal(worth_of((size_t[]){67}, 1), -2 - 0.11 * tanh(5),
                       1e-9); /* two widths behind */
    assert_float_equal(worth_of((size_t[]){50}, 1), -2 - 0.11 * tanh(2.5 / 9),
                       1e-9); /* right behind */
    assert_float_equal(worth_of((size_t[]){49}, 1), -1 + tanh(0.25) / tanh(2.5),
                       1e-9); /* a tenth is left */
}

static void the_best_threshold_is_one_for_all(void **state)
{
    (void)state;
    struct dam_nab_mark marks[] = {
        {0.5, 1, 1}, {0.9, -0.11, 0}, {0.7, 0.6, 2}, {0.2, -0.11, 0}, {0.5, -0.11, 0}};
    assert_float_equal(dam_nab_worth(marks, 5, 2, 0.9), -2.11, 1e-9);
    assert_float_equal(dam_nab_worth(marks, 5, 2, 0.7), -0.51, 1e-9);
    assert_float_equal(dam_nab_best(marks, 5, 2), 1.38, 1e-9); /* at 0.5: equals fall together */
    assert_float_equal(dam_nab_normal(-2, 2), 0, 1e-9);
    assert_float_equal(dam_nab_normal(2, 2), 100, 1e-9);
    struct dam_nab_mark useless[] = {{1, -0.11, 0}};
    assert_float_equal(dam_nab_best(useless, 1, 1), -1, 1e-9); /* no alarm at all */
}

/* The benchmark's own results of windowed Gaussian, profile "standard", threshold 1.0 of scores
 * that were written with twelve digits (windowedGaussian_standard_scores.csv in its repository). */
#define PUBLISHED_THRESHOLD (1 - 5e-13)

static const struct published {
    const char *name;
    double worth;
} published[] = {
    {"artificialWithAnomaly/art_load_balancer_spikes.csv", -0.6924446095227346},
    {"realAWSCloudwatch/ec2_cpu_utilization_24ae8d.csv", -1.266678759349383},
    {"realAWSCloudwatch/ec2_cpu_utilization_53ea38.csv", -0.14142319611668508},
    {"realAWSCloudwatch/ec2_cpu_utilization_ac20cd.csv", 0.8606718242697022},
    {"realAWSCloudwatch/ec2_cpu_utilization_c6585a.csv", -1.32},
    {"realAWSCloudwatch/ec2_cpu_utilization_fe7f93.csv", 0.6387577917723906},
    {"realAWSCloudwatch/ec2_disk_write_bytes_1ef3de.csv", -4.190896785522053},
    {"realAWSCloudwatch/ec2_disk_write_bytes_c0d644.csv", -1.0959985303155564},
    {"realAWSCloudwatch/ec2_network_in_5abac7.csv", -3.5219322351911635},
    {"realAWSCloudwatch/elb_request_count_8c0756.csv", -0.13844919792440225},
    {"realTraffic/TravelTime_387.csv", -1.7959813307852819},
    {"realTraffic/occupancy_t4013.csv", 1.725221520228401},
};

static enum dam_err as_published(void *ctx, const char *name, const struct dam_nab_stream *stream)
{
    size_t *seen = ctx;
    for (size_t p = 0; p < DAM_COUNT_OF(published); p++) {
        if (strcmp(published[p].name, name) != 0) {
            continue;
        }
        struct dam_nab_gaussian *g = calloc(1, sizeof(*g));
        double *scores = calloc(stream->rows, sizeof(*scores));
        struct dam_nab_mark *marks = calloc(stream->rows, sizeof(*marks));
        assert_true(g != NULL && scores != NULL && marks != NULL);
        for (size_t i = 0; i < stream->rows; i++) {
            scores[i] = dam_nab_gaussian_told(g, stream->values[i]);
        }
        size_t judged = dam_nab_mark(stream, scores, 0, marks);
        double worth = dam_nab_worth(marks, judged, stream->windows_count, PUBLISHED_THRESHOLD);
        if (fabs(worth - published[p].worth) > 1e-9) {
            fail_msg("%s: %.12f, published %.12f", name, worth, published[p].worth);
        }
        free(g);
        free(scores);
        free(marks);
        (*seen)++;
    }
    return DAM_OK;
}

static void windowed_gaussian_scores_as_published(void **state)
{
    (void)state;
    char folder[1024];
    const char *shared = getenv("DAM_SHARED");
    size_t seen = 0;
    (void)snprintf(folder, sizeof(folder), "%s/data/e-sensor/nab",
                   shared == NULL ? "../shared" : shared);
    enum dam_err err = dam_nab_each(folder, as_published, &seen);
    if (err == DAM_EIO) {
        print_message("skipped: NAB's published scores: its streams are not in %s\n", folder);
        skip();
    }
    assert_int_equal(err, DAM_OK);
    assert_int_equal(seen, DAM_COUNT_OF(published));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alarm_is_worth_what_its_place_is_worth),
        cmocka_unit_test(the_best_threshold_is_one_for_all),
        cmocka_unit_test(windowed_gaussian_scores_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
