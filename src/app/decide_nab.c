// SPDX-License-Identifier: Apache-2.0
/* Sensor networks: the Numenta Anomaly Benchmark. A detector is told one value at a time. Ours
 * raises an alarm when one of four views of the stream leaves the range in which it has ever been,
 * the more the farther; integers only, so that a mind could do it. */
#include "app/decisions.h"
#include "app/nab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MARKS_MAX (1u << 18)
#define UNITS 1000 /* a value's integer steps */
#define LEVEL 24u  /* values whose mean is the level: two hours of five minutes */
#define STIR 48u   /* values whose mean change is the unrest */
#define DAY 288u   /* values, one of five minutes */
#define LEARN 48u  /* values of a view that only widen its range */
#define QUIET 60u  /* values for which only a greater score counts after an alarm */
#define ONE 65536  /* an excess as wide as the range */

/* The range of one view of the stream. */
struct range {
    int64_t least;
    int64_t most;
    size_t count;
};

/* Returns: how far x lies outside all that came before, in ONEs of its width; at most three. */
static int64_t range_told(struct range *r, int64_t x)
{
    int64_t score = 0;
    if (r->count == 0) {
        *r = (struct range){x, x, 0};
    }
    int64_t width = r->most - r->least;
    int64_t beyond = x > r->most ? x - r->most : x < r->least ? r->least - x : 0;
    if (r->count >= LEARN && beyond > 0) {
        score = beyond / 3 >= width ? 3 * ONE : beyond * ONE / width;
    }
    r->least = x < r->least ? x : r->least;
    r->most = x > r->most ? x : r->most;
    r->count++;
    return score;
}

struct extremes {
    int64_t day[DAY];
    size_t count;
    int64_t level_sum;
    int64_t stir_sum;
    struct range value, level, stir, daily;
    int64_t peak;
    size_t peak_age;
};

static int64_t back(const struct extremes *e, size_t n)
{
    return e->day[(e->count - n) % DAY];
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* In: |x| below 2^40. */
static int64_t extremes_told(struct extremes *e, int64_t x)
{
    int64_t score = range_told(&e->value, x);
    e->level_sum += x - (e->count >= LEVEL ? back(e, LEVEL) : 0);
    e->stir_sum += e->count == 0 ? 0 : llabs(x - back(e, 1));
    e->stir_sum -= e->count > STIR ? llabs(back(e, STIR) - back(e, STIR + 1)) : 0;
    if (e->count + 1 >= LEVEL) {
        score = most(score, range_told(&e->level, e->level_sum));
    }
    if (e->count + 1 >= STIR) {
        score = most(score, range_told(&e->stir, e->stir_sum));
    }
    if (e->count >= DAY) {
        score = most(score, range_told(&e->daily, x - back(e, DAY)));
    }
    e->day[e->count++ % DAY] = x;
    e->peak_age++;
    if (score <= e->peak && e->peak_age <= QUIET) {
        return 0;
    }
    e->peak = score;
    e->peak_age = 0;
    return score;
}

/* ---- the table ---- */

struct judged {
    struct dam_nab_mark *rule;
    struct dam_nab_mark *ours;
    size_t count;
    size_t windows;
    double *scores; /* of one stream */
    struct dam_nab_gaussian *gaussian;
    struct extremes extremes;
};

static enum dam_err judge(void *ctx, const char *name, const struct dam_nab_stream *stream)
{
    (void)name;
    struct judged *j = ctx;
    if (stream->rows > MARKS_MAX - j->count) {
        return DAM_EFULL;
    }
    memset(j->gaussian, 0, sizeof(*j->gaussian));
    for (size_t i = 0; i < stream->rows; i++) {
        j->scores[i] = dam_nab_gaussian_told(j->gaussian, stream->values[i]);
    }
    (void)dam_nab_mark(stream, j->scores, j->windows, j->rule + j->count);
    j->extremes = (struct extremes){0};
    for (size_t i = 0; i < stream->rows; i++) {
        j->scores[i] = (double)extremes_told(&j->extremes, llround(stream->values[i] * UNITS));
    }
    j->count += dam_nab_mark(stream, j->scores, j->windows, j->ours + j->count);
    j->windows += stream->windows_count;
    return DAM_OK;
}

enum dam_err dam_decide_nab(const char *folder, const struct dam_decision_out *out)
{
    char path[1024];
    struct judged j = {0};
    if (!dam_decision_wanted(out, "sensor/nab")) {
        return DAM_OK;
    }
    (void)snprintf(path, sizeof(path), "%s/e-sensor/nab", folder);
    j.rule = calloc(MARKS_MAX, sizeof(*j.rule));
    j.ours = calloc(MARKS_MAX, sizeof(*j.ours));
    j.scores = calloc(MARKS_MAX, sizeof(*j.scores));
    j.gaussian = calloc(1, sizeof(*j.gaussian));
    bool full = j.rule == NULL || j.ours == NULL || j.scores == NULL || j.gaussian == NULL;
    enum dam_err err = full ? DAM_ENOMEM : dam_nab_each(path, judge, &j);
    if (err == DAM_OK) {
        const struct dam_decision_line line = {
            .benchmark = "sensor/nab",
            .metric = "NAB score, standard profile",
            .nothing = 0,
            .rule = dam_nab_normal(dam_nab_best(j.rule, j.count, j.windows), j.windows),
            .best = 74.9,
            .ours = dam_nab_normal(dam_nab_best(j.ours, j.count, j.windows), j.windows),
            .more = true,
            .rule_name = "windowed Gaussian",
            .best_name = "ARTime, published for all streams"};
        out->put(out->ctx, &line);
    }
    free(j.rule);
    free(j.ours);
    free(j.scores);
    free(j.gaussian);
    return err;
}
