// SPDX-License-Identifier: Apache-2.0
/* Cold chain: warn an hour before a sensor passes its limit. Which limit that is, is read from the
 * alarms up to the minute that is judged, never from later ones. */
#include "app/decisions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARN_STEPS 4u
#define LEARNING_ROWS (96u * 14)
#define LAST_ROW_DATE "2022-02-01" /* what comes later is kept apart */
#define DATE_LEN 19u               /* 2021-06-24 16:45:00: later dates are greater */
#define LINE_MAX_LEN 512u
#define LIMITS_MAX 32u

static const char *const sensors[] = {"platform_1", "deepfreezer_1", "deepfreezer_2", "freezer_1",
                                      "freezer_2",  "cooling_1",     "cooling_2"};

/* An upper limit that a sensor's alarm named. */
struct alarm {
    char at[DATE_LEN + 1];
    size_t sensor;
    double limit;
};

/* How often each limit of one sensor was named up to now. */
struct limits {
    double limit[LIMITS_MAX];
    size_t named[LIMITS_MAX];
    size_t count;
};

struct store {
    struct dam_rows values;
    char (*dates)[DATE_LEN + 1];
    size_t rows; /* of the dates, up to LAST_ROW_DATE */
    struct alarm *alarms;
    size_t alarms_count;
};

static void store_close(struct store *s)
{
    dam_rows_close(&s->values);
    free(s->dates);
    free(s->alarms);
}

static size_t sensor_of(const char *name)
{
    size_t i = 0;
    while (i < DAM_COUNT_OF(sensors) && strcmp(sensors[i], name) != 0) {
        i++;
    }
    return i;
}

/* Reads a file's lines behind its header. In: line: false stops the reading. */
static enum dam_err each_line(const char *folder, const char *name,
                              bool (*line)(struct store *s, char *text), struct store *s)
{
    char path[1024];
    char text[LINE_MAX_LEN];
    (void)snprintf(path, sizeof(path), "%s/h-coldchain/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return DAM_EIO;
    }
    bool more = fgets(text, sizeof(text), file) != NULL;
    while (more && fgets(text, sizeof(text), file) != NULL) {
        more = line(s, text);
    }
    (void)fclose(file);
    return more ? DAM_OK : DAM_EFULL;
}

static bool date_line(struct store *s, char *text)
{
    if (s->rows == s->values.rows) {
        return false;
    }
    (void)snprintf(s->dates[s->rows++], sizeof(s->dates[0]), "%.19s", text);
    return true;
}

/* date, location, sensor, status, kind, limit, value */
static bool alarm_line(struct store *s, char *text)
{
    char *cells[7] = {0};
    char *rest = text;
    for (size_t i = 0; i < DAM_COUNT_OF(cells); i++) {
        cells[i] = strsep(&rest, ",");
        if (cells[i] == NULL) {
            return true;
        }
    }
    size_t sensor = sensor_of(cells[2]);
    if (sensor == DAM_COUNT_OF(sensors) || strcmp(cells[4], "exceed") != 0) {
        return true;
    }
    struct alarm *alarms = realloc(s->alarms, (s->alarms_count + 1) * sizeof(*alarms));
    if (alarms == NULL) {
        return false;
    }
    s->alarms = alarms;
    struct alarm *a = &alarms[s->alarms_count++];
    *a = (struct alarm){.sensor = sensor, .limit = strtod(cells[5], NULL)};
    (void)snprintf(a->at, sizeof(a->at), "%s", cells[0]);
    return true;
}

static int by_date(const void *a, const void *b)
{
    return strcmp(((const struct alarm *)a)->at, ((const struct alarm *)b)->at);
}

static enum dam_err store_open(const char *folder, struct store *ret)
{
    memset(ret, 0, sizeof(*ret));
    DAM_TRY(dam_decision_table(folder, "h-coldchain/subzero_values.csv", &ret->values));
    ret->dates = calloc(ret->values.rows, sizeof(ret->dates[0]));
    enum dam_err err = ret->dates == NULL ? DAM_ENOMEM : DAM_OK;
    err = err == DAM_OK ? each_line(folder, "subzero_values.csv", date_line, ret) : err;
    err = err == DAM_OK ? each_line(folder, "subzero_alarms.csv", alarm_line, ret) : err;
    if (err != DAM_OK) {
        store_close(ret);
        return err;
    }
    while (ret->rows > 0 && strcmp(ret->dates[ret->rows - 1], LAST_ROW_DATE) >= 0) {
        ret->rows--;
    }
    qsort(ret->alarms, ret->alarms_count, sizeof(*ret->alarms), by_date);
    return DAM_OK;
}

/* One more alarm. Returns: the limit that was named most often, of equals the one named first. */
static double limits_told(struct limits *l, double limit)
{
    size_t i = 0;
    while (i < l->count && l->limit[i] != limit) {
        i++;
    }
    if (i < LIMITS_MAX) {
        l->limit[i] = limit;
        l->named[i]++;
        l->count += i == l->count;
    }
    size_t most = 0;
    for (size_t k = 1; k < l->count; k++) {
        most = l->named[k] > l->named[most] ? k : most;
    }
    return l->limit[most];
}

/* ---- the judging ---- */

struct warning {
    double score;
    bool right;
};

struct warnings {
    struct warning *rule;
    struct warning *ours;
    size_t count;
};

static int by_score(const void *a, const void *b)
{
    double x = ((const struct warning *)a)->score;
    double y = ((const struct warning *)b)->score;
    return (x < y) - (x > y);
}

/* The area below precision over recall. */
static double average_precision(struct warning *w, size_t count)
{
    size_t right = 0;
    double sum = 0;
    qsort(w, count, sizeof(*w), by_score);
    for (size_t i = 0; i < count; i++) {
        if (w[i].right) {
            right++;
            sum += (double)right / (double)(i + 1);
        }
    }
    return right == 0 ? NAN : sum / (double)right;
}

static double value(const struct store *s, size_t row, size_t column)
{
    return s->values.values[row * s->values.columns + column];
}

/* The largest of the forecasts, over the usual error of its forecaster. */
static double score(struct dam_teller *tellers, double now, double limit)
{
    double most = -INFINITY;
    for (size_t h = 0; h < WARN_STEPS; h++) {
        int64_t error = 1;
        int64_t next = dam_teller_told(&tellers[h], llround(now * 100), &error);
        most = fmax(most, ((double)next - limit * 100) / (double)(error + 10));
    }
    return most;
}

static void judge(const struct store *s, size_t sensor, struct warnings *w)
{
    static struct dam_teller tellers[WARN_STEPS];
    struct limits limits = {0};
    size_t column = dam_rows_find(&s->values, sensors[sensor]);
    size_t alarm = 0;
    double limit = NAN; /* no alarm yet */
    double last = 0;
    for (uint8_t h = 0; h < WARN_STEPS; h++) {
        dam_teller_init(&tellers[h], (struct dam_forecaster){.method = DAM_FORECAST_RLS,
                                                             .ahead = (uint8_t)(h + 1),
                                                             .season = 96,
                                                             .alpha = 11});
    }
    for (size_t r = 0; r + WARN_STEPS < s->rows && column < s->values.columns; r++) {
        double now = value(s, r, column);
        for (; alarm < s->alarms_count && strcmp(s->alarms[alarm].at, s->dates[r]) <= 0; alarm++) {
            if (s->alarms[alarm].sensor == sensor) {
                limit = limits_told(&limits, s->alarms[alarm].limit);
            }
        }
        now = isnan(now) ? last : now;
        last = now;
        double ours = score(tellers, now, isnan(limit) ? 0 : limit);
        if (isnan(limit) || now > limit || r < LEARNING_ROWS) {
            continue; /* no limit is known; already too warm; or still learning */
        }
        bool passes = false;
        for (size_t k = 1; k <= WARN_STEPS; k++) {
            passes = passes || value(s, r + k, column) > limit;
        }
        w->rule[w->count] = (struct warning){now - limit, passes};
        w->ours[w->count++] = (struct warning){ours, passes};
    }
}

enum dam_err dam_decide_cold(const char *folder, const struct dam_decision_out *out)
{
    struct store s;
    if (!dam_decision_wanted(out, "coldchain/subzero")) {
        return DAM_OK;
    }
    DAM_TRY(store_open(folder, &s));
    struct warnings w = {.rule = calloc(s.rows * DAM_COUNT_OF(sensors), sizeof(*w.rule)),
                         .ours = calloc(s.rows * DAM_COUNT_OF(sensors), sizeof(*w.ours))};
    enum dam_err err = w.rule == NULL || w.ours == NULL ? DAM_ENOMEM : DAM_OK;
    for (size_t i = 0; err == DAM_OK && i < DAM_COUNT_OF(sensors); i++) {
        judge(&s, i, &w);
    }
    store_close(&s);
    if (err == DAM_OK) {
        const struct dam_decision_line line = {.benchmark = "coldchain/subzero",
                                               .metric = "average precision, 60 min ahead",
                                               .nothing = NAN,
                                               .rule = average_precision(w.rule, w.count),
                                               .best = NAN,
                                               .ours = average_precision(w.ours, w.count),
                                               .more = true,
                                               .rule_name = "margin to the limit",
                                               .best_name = NULL};
        out->put(out->ctx, &line);
    }
    free(w.rule);
    free(w.ours);
    return err;
}
