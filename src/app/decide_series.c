// SPDX-License-Identifier: Apache-2.0
/* Benchmarks whose deciders are forecasters: prices, M4, a scaler of servers. */
#include "app/decisions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double cell(const struct dam_rows *t, size_t row, size_t column)
{
    return t->values[row * t->columns + column];
}

/* ---- prices: the next day's hourly price, told today's ---- */

static enum dam_err prices_of(const char *folder, const char *market,
                              const struct dam_decision_out *out)
{
    static struct dam_teller day;
    static struct dam_teller week;
    struct dam_rows t = {0};
    char name[64];
    (void)snprintf(name, sizeof(name), "a-microgrid/epf/%s.csv", market);
    DAM_TRY(dam_decision_table(folder, name, &t));
    size_t price = dam_rows_find(&t, "price");
    size_t dnn = dam_rows_find(&t, "dnn_ensemble");
    double miss[4] = {0}; /* the rule, DNN, LEAR, ours */
    double *made = calloc(t.rows + 48, sizeof(*made));
    size_t count = 0;
    if (made == NULL) {
        dam_rows_close(&t);
        return DAM_ENOMEM;
    }
    dam_teller_init(&week,
                    (struct dam_forecaster){
                        .method = DAM_FORECAST_RLS, .ahead = 24, .season = 168, .alpha = 12});
    dam_teller_init(&day, (struct dam_forecaster){
                              .method = DAM_FORECAST_RLS, .ahead = 24, .season = 24, .alpha = 12});
    for (size_t r = 0; r < t.rows; r++) {
        double truth = cell(&t, r, price);
        if (r >= 24 * 56) { /* eight weeks to learn, none judged */
            miss[0] += fabs(cell(&t, r - 168, price) - truth);
            miss[1] += fabs(cell(&t, r, dnn) - truth);
            miss[2] += fabs(cell(&t, r, dnn + 1) - truth);
            miss[3] += fabs(made[r] - truth);
            count++;
        }
        int64_t x = llround(fmax(fmin(truth * 100, 500000), -500000));
        double a = (double)dam_teller_told(&week, x, NULL) / 100;
        double b = (double)dam_teller_told(&day, x, NULL) / 100;
        made[r + 24] = (a + b) / 2;
    }
    struct dam_decision_line line = {.metric = "mean error, next day, EUR/MWh",
                                     .nothing = NAN,
                                     .rule = miss[0] / (double)count,
                                     .best = fmin(miss[1], miss[2]) / (double)count,
                                     .ours = miss[3] / (double)count,
                                     .rule_name = "same hour last week",
                                     .best_name = "published DNN or LEAR, which know the weather"};
    (void)snprintf(line.benchmark, sizeof(line.benchmark), "prices/%s", market);
    out->put(out->ctx, &line);
    free(made);
    dam_rows_close(&t);
    return DAM_OK;
}

enum dam_err dam_decide_prices(const char *folder, const struct dam_decision_out *out)
{
    static const char *const markets[] = {"NP", "BE", "FR", "DE"};
    for (size_t i = 0; i < DAM_COUNT_OF(markets); i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "prices/%s", markets[i]);
        if (dam_decision_wanted(out, name)) {
            DAM_TRY(prices_of(folder, markets[i], out));
        }
    }
    return DAM_OK;
}

/* ---- M4 hourly: the last 48 hours of each series, which nobody is told ---- */

#define M4_AHEAD 48u

static double smape(double a, double b)
{
    return fabs(a) + fabs(b) == 0 ? 0 : 200 * fabs(a - b) / (fabs(a) + fabs(b));
}

/* Errors of the seasonal naive and of least squares, one forecaster for each hour ahead. */
static void m4_series(const double *x, size_t count, double *ret_naive, double *ret_ours)
{
    static struct dam_teller teller;
    size_t known = count - M4_AHEAD;
    double most = 1e-9;
    for (size_t i = 0; i < known; i++) {
        most = fmax(most, fabs(x[i]));
    }
    double scale = (DAM_FORECAST_X_MAX / 4) / most;
    uint16_t season = known > 500 ? 168 : 24;
    for (size_t h = 1; h <= M4_AHEAD; h++) {
        int64_t last = 0;
        uint16_t s = h > season ? (uint16_t)(2 * season) : season;
        dam_teller_init(&teller, (struct dam_forecaster){.method = DAM_FORECAST_RLS,
                                                         .ahead = (uint8_t)h,
                                                         .season = s,
                                                         .alpha = 13});
        for (size_t i = 0; i < known; i++) {
            last = dam_teller_told(&teller, llround(x[i] * scale), NULL);
        }
        size_t at = known + h - 1;
        *ret_ours += smape((double)last / scale, x[at]);
        *ret_naive += smape(x[known - 24 + (h - 1) % 24], x[at]);
    }
}

enum dam_err dam_decide_m4(const char *folder, const struct dam_decision_out *out)
{
    struct dam_rows t = {0};
    double naive = 0;
    double ours = 0;
    size_t series = 0;
    if (!dam_decision_wanted(out, "forecasting/m4-hourly")) {
        return DAM_OK;
    }
    DAM_TRY(dam_decision_table(folder, "x-forecasting/m4hourly/Hourly-train.csv", &t));
    for (size_t r = 0; r < t.rows; r++) {
        const double *x = &t.values[r * t.columns + 1];
        size_t count = 0;
        while (count + 1 < t.columns && !isnan(x[count])) {
            count++;
        }
        if (count > 5 * M4_AHEAD) {
            m4_series(x, count, &naive, &ours);
            series++;
        }
    }
    dam_rows_close(&t);
    const struct dam_decision_line line = {.benchmark = "forecasting/m4-hourly",
                                           .metric = "sMAPE, last 48 h of the training part",
                                           .nothing = NAN,
                                           .rule = naive / (double)(series * M4_AHEAD),
                                           .best = NAN,
                                           .ours = ours / (double)(series * M4_AHEAD),
                                           .rule_name = "seasonal naive",
                                           .best_name = NULL};
    if (series > 0) {
        out->put(out->ctx, &line);
    }
    return DAM_OK;
}

/* ---- cloud: servers for the requests of two minutes from now ---- */

#define START_MINUTES 2u
#define STABLE_MINUTES 5u

struct scaled {
    double pods;  /* mean */
    double under; /* share of minutes with too few */
};

/* Servers asked for at minute t serve at t + START_MINUTES; fewer at once. */
struct fleet {
    double asked[START_MINUTES + 1];
    double pods;
    struct scaled sum;
    size_t minutes;
};

static void fleet_minute(struct fleet *f, double load, double capacity)
{
    double ready = fmin(f->asked[0], f->asked[START_MINUTES]);
    for (size_t i = START_MINUTES; i > 0;
         i--) { /* one that was asked for earlier may still stand */
        ready = fmin(ready, f->asked[i]);
    }
    f->pods = fmax(1, ready);
    f->sum.pods += fmax(f->pods, f->asked[0]); /* starting ones are paid for */
    f->sum.under += load > f->pods * capacity;
    f->minutes++;
}

static void fleet_ask(struct fleet *f, double pods)
{
    memmove(f->asked + 1, f->asked, START_MINUTES * sizeof(f->asked[0]));
    f->asked[0] = fmax(1, pods);
}

/* Kubernetes' formula: a tolerance of a tenth, and the most of five minutes' wishes when going
 * down. */
static struct scaled run_hpa(const double *load, size_t minutes, double capacity, double target)
{
    struct fleet f = {.asked = {1, 1, 1}};
    double wishes[STABLE_MINUTES] = {0};
    for (size_t t = 0; t < minutes; t++) {
        fleet_minute(&f, load[t], capacity);
        double ratio = load[t] / (f.asked[0] * capacity) / target;
        double wish = fabs(ratio - 1) <= 0.1 ? f.asked[0] : ceil(f.asked[0] * ratio);
        memmove(wishes + 1, wishes, (STABLE_MINUTES - 1) * sizeof(wishes[0]));
        wishes[0] = wish;
        double most = wish;
        for (size_t i = 0; i < STABLE_MINUTES; i++) {
            most = fmax(most, wishes[i]);
        }
        fleet_ask(&f, wish >= f.asked[0] ? wish : fmin(most, f.asked[0]));
    }
    return (struct scaled){f.sum.pods / (double)minutes, f.sum.under / (double)minutes};
}

/* What the forecaster with the least usual error expects, and a share on top. */
static struct scaled run_ours(const double *load, size_t minutes, double capacity, double share)
{
    static const uint8_t alphas[] = {0, 2, 4, 6};
    static struct dam_teller teller[DAM_COUNT_OF(alphas)];
    struct fleet f = {.asked = {1, 1, 1}};
    for (size_t h = 0; h < DAM_COUNT_OF(alphas); h++) {
        dam_teller_init(&teller[h], (struct dam_forecaster){.method = DAM_FORECAST_SMOOTH,
                                                            .ahead = 1,
                                                            .season = 1,
                                                            .alpha = alphas[h]});
    }
    for (size_t t = 0; t < minutes; t++) {
        fleet_minute(&f, load[t], capacity);
        int64_t least = INT64_MAX;
        int64_t best = 0;
        for (size_t h = 0; h < DAM_COUNT_OF(alphas); h++) {
            int64_t error = 0;
            int64_t next = dam_teller_told(&teller[h], llround(load[t] * 8), &error);
            best = error < least ? next : best;
            least = error < least ? error : least;
        }
        fleet_ask(&f, ceil(((double)best + share * 5 * (double)least) / 8 / capacity));
    }
    return (struct scaled){f.sum.pods / (double)minutes, f.sum.under / (double)minutes};
}

/* Mean servers where the curve of (under, pods) crosses a share, straight between two points. */
static double at_share(const struct scaled *points, size_t count, double share)
{
    for (size_t i = 1; i < count; i++) {
        double a = points[i - 1].under - share;
        double b = points[i].under - share;
        if ((a <= 0) != (b <= 0)) {
            return points[i - 1].pods + (points[i].pods - points[i - 1].pods) * a / (a - b);
        }
    }
    return NAN;
}

enum dam_err dam_decide_cloud(const char *folder, const struct dam_decision_out *out)
{
    static const struct {
        const char *name;
        const char *file;
        size_t minutes;
        double capacity; /* requests a minute of one server */
    } traces[] = {{"cloud/nasa", "f-cloud/nasa1995_rps_per_minute.csv", 44640, 15},
                  {"cloud/twitter", "f-cloud/twitter2021_rps_per_minute.csv", 20160, 600}};
    const double share = 0.05;
    for (size_t i = 0; i < DAM_COUNT_OF(traces); i++) {
        struct dam_rows t = {0};
        if (!dam_decision_wanted(out, traces[i].name)) {
            continue;
        }
        DAM_TRY(dam_decision_table(folder, traces[i].file, &t));
        size_t column = dam_rows_find(&t, "requests");
        size_t minutes = t.rows < traces[i].minutes ? t.rows : traces[i].minutes;
        double *load = calloc(minutes + 1, sizeof(*load));
        struct scaled hpa[19];
        struct scaled ours[41];
        double clairvoyant = 0;
        for (size_t r = 0; load != NULL && r < minutes; r++) {
            load[r] = cell(&t, r, column);
            clairvoyant += fmax(1, ceil(load[r] / traces[i].capacity));
        }
        dam_rows_close(&t);
        if (load == NULL) {
            return DAM_ENOMEM;
        }
        for (size_t k = 0; k < DAM_COUNT_OF(hpa); k++) {
            hpa[k] = run_hpa(load, minutes, traces[i].capacity, 0.05 + 0.05 * (double)k);
        }
        for (size_t k = 0; k < DAM_COUNT_OF(ours); k++) {
            ours[k] = run_ours(load, minutes, traces[i].capacity, -0.3 + 0.05 * (double)k);
        }
        free(load);
        struct dam_decision_line line = {.metric = "mean servers, short 5% of minutes",
                                         .nothing = NAN,
                                         .rule = at_share(hpa, DAM_COUNT_OF(hpa), share),
                                         .best = clairvoyant / (double)minutes,
                                         .ours = at_share(ours, DAM_COUNT_OF(ours), share),
                                         .rule_name = "Kubernetes HPA, its target swept",
                                         .best_name = "clairvoyant, never short"};
        (void)snprintf(line.benchmark, sizeof(line.benchmark), "%s", traces[i].name);
        out->put(out->ctx, &line);
    }
    return DAM_OK;
}
