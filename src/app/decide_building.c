// SPDX-License-Identifier: Apache-2.0
/* Buildings: CityLearn Challenge 2022, its batteries and its metric as version 1.3.6 has them. That
 * they are is shown by the score of its own BasicBatteryRBC: decide_building_test.c. */
#include "app/decide_building.h"

#include "app/decisions.h"
#include "app/mind_lab.h"
#include "base/assert.h"
#include "model/battery.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_KWH 6.4
#define CAPACITY_LOSS 1e-5
#define WINDOW_HOURS 730u /* of the load factor */
#define PRICE_SCALE 1e4
#define CARBON_SCALE 1e5

struct city {
    struct dam_rows common;
    struct dam_rows buildings;
    size_t hour, price, price_in_day, carbon; /* columns of common */
    struct {
        size_t load, pv;
    } sites[DAM_DISTRICT_SITES_MAX];
    size_t sites_count;
};

struct battery {
    double stored_kwh;
    double capacity_kwh;
};

/* ---- the battery ---- */

static const struct dam_battery pack = {
    .capacity_wh = 1000 * CAPACITY_KWH,
    .power_w = 5000,
    .power = {{{0, 1}, {0.8, 1}, {1, 0.2}}, 3},
    .efficiency = {{{0, 0.83}, {0.3, 0.83}, {0.7, 0.9}, {0.8, 0.9}, {1, 0.85}}, 5},
};

/* Returns: what was drawn in the hour, kWh; negative: given. */
static double charge(struct battery *b, double kwh)
{
    double power = dam_battery_power_w(&pack, fmin(1, b->stored_kwh / b->capacity_kwh)) / 1000;
    kwh = fmax(-power, fmin(power, kwh));
    double efficiency = dam_battery_efficiency(&pack, 1000 * kwh);
    double before = b->stored_kwh;
    b->stored_kwh = kwh >= 0 ? fmin(before + kwh * efficiency, b->capacity_kwh)
                             : fmax(before + kwh / efficiency, 0);
    double change = b->stored_kwh - before;
    double drawn = change >= 0 ? change / efficiency : change * efficiency;
    b->capacity_kwh -= CAPACITY_LOSS * CAPACITY_KWH * fabs(drawn) / (2 * b->capacity_kwh);
    return drawn;
}

/* ---- the metric ---- */

struct sums {
    double price, carbon, ramp, load_factor;
    double before;    /* the hour before */
    double sum, peak; /* of the running window */
};

static void count_hour(const struct city *c, size_t t, const double *net, struct sums *s)
{
    const double *row = &c->common.values[t * c->common.columns];
    double all = 0;
    for (size_t i = 0; i < c->sites_count; i++) {
        all += net[i];
        s->carbon += fmax(0, net[i] * row[c->carbon]);
    }
    s->price += fmax(0, all * row[c->price]);
    s->ramp += t == 0 ? 0 : fabs(all - s->before);
    s->before = all;
    size_t in_window = t % WINDOW_HOURS + 1;
    s->sum = in_window == 1 ? all : s->sum + all;
    s->peak = in_window == 1 ? all : fmax(s->peak, all);
    if (in_window == WINDOW_HOURS || t + 1 == c->common.rows) {
        s->load_factor += 1 - s->sum / (double)in_window / s->peak;
    }
}

static double mean_of(const struct dam_building_score *s)
{
    return (s->price + s->carbon + s->grid) / 3;
}

/* ---- who decides ---- */

/* A decider is shown the hour that ended, as the records of an observation, and says what is to be
 * drawn in the next. */
struct decider {
    enum dam_err (*decide)(void *ctx, size_t sites, const int64_t *hour, int hour_of_day,
                           double *ret_kwh, const struct battery *batteries);
    void *ctx;
};

/* The package's rule: 11 % of the capacity an hour from 6 to 14, 6.7 % out at other times. */
static enum dam_err decide_rule(void *ctx, size_t sites, const int64_t *hour, int hour_of_day,
                                double *ret_kwh, const struct battery *batteries)
{
    (void)ctx;
    (void)hour;
    for (size_t i = 0; i < sites; i++) {
        double share = hour_of_day >= 6 && hour_of_day <= 14 ? 0.11 : -0.067;
        ret_kwh[i] = share * batteries[i].capacity_kwh;
    }
    return DAM_OK;
}

#define RECORDS_MAX (DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS * DAM_DISTRICT_SITES_MAX)

struct planner {
    struct dam_district district;
    uint8_t memory[2][DAM_DISTRICT_MEMORY_MAX];
    size_t memory_len;
    int which;
    struct dam_lab lab; /* where the bytecode is; open only if it decides, too */
    struct dam_address mind;
    size_t by_evm; /* turns that it decides */
    struct dam_decision_proof proof;
};

/* The bytecode's answer to the same question; in: next, draw: C's. */
static enum dam_err prove(struct planner *p, struct dam_bytes memory, struct dam_bytes seen,
                          const uint8_t *next, const int64_t *draw)
{
    static uint8_t evm_next[DAM_DISTRICT_MEMORY_MAX];
    int64_t evm_draw[DAM_DISTRICT_SITES_MAX];
    size_t next_len = dam_district_memory_len(&p->district);
    size_t evm_next_len = 0;
    int64_t gas = 0;
    DAM_TRY(dam_lab_decide(&p->lab, &p->mind, memory, seen, p->district.sites, evm_next,
                           &evm_next_len, evm_draw, &gas));
    bool same = evm_next_len == next_len && memcmp(evm_next, next, next_len) == 0 &&
                memcmp(evm_draw, draw, p->district.sites * sizeof(draw[0])) == 0;
    p->proof.differences += !same;
    p->proof.gas_max = gas > p->proof.gas_max ? gas : p->proof.gas_max;
    p->proof.turns++;
    return DAM_OK;
}

static enum dam_err decide_plan(void *ctx, size_t sites, const int64_t *hour, int hour_of_day,
                                double *ret_kwh, const struct battery *batteries)
{
    struct planner *p = ctx;
    uint8_t observation[16 * RECORDS_MAX] = {0};
    int64_t draw[DAM_DISTRICT_SITES_MAX];
    size_t records = dam_district_records(&p->district);
    (void)hour_of_day;
    (void)batteries;
    for (size_t i = 0; i < records; i++) {
        dam_store_be64(observation + 16 * i, (uint64_t)hour[i]);
    }
    struct dam_bytes seen = dam_bytes(observation, 16 * records);
    struct dam_bytes memory = dam_bytes(p->memory[p->which], p->memory_len);
    uint8_t *next = p->memory[!p->which];
    DAM_TRY(dam_district_decide(&p->district, memory, seen, next, draw));
    if (p->proof.turns < p->by_evm) {
        DAM_TRY(prove(p, memory, seen, next, draw));
    }
    p->which = !p->which;
    p->memory_len = dam_district_memory_len(&p->district);
    for (size_t i = 0; i < sites; i++) {
        ret_kwh[i] = (double)draw[i] / 1000.0;
    }
    return DAM_OK;
}

static void planner_init(struct planner *p, size_t sites)
{
    memset(p, 0, sizeof(*p));
    struct dam_district *d = &p->district;
    d->sites = (uint32_t)sites;
    d->keep_load = 160;
    d->keep_sun = 240;
    d->doubt = 64;
    d->level_mul = 1; /* a level is told as such */
    dam_battery_fit(&pack, d);
}

static enum dam_err planner_open_mind(struct planner *p, size_t turns)
{
    uint8_t blob[DAM_DISTRICT_BLOB_LEN];
    p->by_evm = turns;
    dam_district_write(&p->district, blob);
    DAM_TRY(dam_lab_open(&p->lab));
    return dam_lab_blob_mind(&p->lab, "DistrictMind", dam_bytes(blob, sizeof(blob)), &p->mind);
}

/* ---- a year ---- */

static void look(const struct city *c, size_t t, int64_t *ret)
{
    const double *row = &c->common.values[t * c->common.columns];
    const double *b = &c->buildings.values[t * c->buildings.columns];
    ret[DAM_DISTRICT_TIME] = 3600 * (int64_t)t;
    ret[DAM_DISTRICT_PRICE] = lround(row[c->price] * PRICE_SCALE);
    ret[DAM_DISTRICT_PRICE_IN_DAY] = lround(row[c->price_in_day] * PRICE_SCALE);
    ret[DAM_DISTRICT_CARBON] = lround(row[c->carbon] * CARBON_SCALE);
    for (size_t i = 0; i < c->sites_count; i++) {
        int64_t *site = ret + DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS * i;
        site[DAM_DISTRICT_LOAD] = lround(1000 * b[c->sites[i].load]);
        site[DAM_DISTRICT_SUN] = lround(1000 * b[c->sites[i].pv]);
    }
}

static enum dam_err run(const struct city *c, struct decider decider,
                        struct dam_building_score *ret)
{
    struct battery batteries[DAM_DISTRICT_SITES_MAX];
    double asked[DAM_DISTRICT_SITES_MAX] = {0}; /* an answer acts in the next hour */
    struct sums with = {0};
    struct sums without = {0};
    for (size_t i = 0; i < c->sites_count; i++) {
        batteries[i] = (struct battery){0, CAPACITY_KWH};
    }
    for (size_t t = 0; t < c->common.rows; t++) {
        int64_t hour[RECORDS_MAX];
        double net[DAM_DISTRICT_SITES_MAX];
        double plain[DAM_DISTRICT_SITES_MAX];
        const double *b = &c->buildings.values[t * c->buildings.columns];
        look(c, t, hour);
        for (size_t i = 0; i < c->sites_count; i++) {
            int64_t *site = hour + DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS * i;
            double drawn = t == 0 ? 0 : charge(&batteries[i], asked[i]);
            plain[i] = b[c->sites[i].load] - b[c->sites[i].pv];
            net[i] = plain[i] + drawn;
            site[DAM_DISTRICT_DRAWN] = lround(1000 * drawn);
            site[DAM_DISTRICT_LEVEL] = lround(batteries[i].stored_kwh / batteries[i].capacity_kwh *
                                              (DAM_DISTRICT_LEVELS - 1));
        }
        count_hour(c, t, net, &with);
        count_hour(c, t, plain, &without);
        int hour_of_day = (int)c->common.values[t * c->common.columns + c->hour];
        DAM_TRY(decider.decide(decider.ctx, c->sites_count, hour, hour_of_day, asked, batteries));
    }
    *ret = (struct dam_building_score){
        .price = with.price / without.price,
        .carbon = with.carbon / without.carbon,
        .grid = (with.ramp / without.ramp + with.load_factor / without.load_factor) / 2};
    return DAM_OK;
}

/* ---- the data ---- */

static enum dam_err find(const struct dam_rows *rows, const char *name, size_t *ret)
{
    *ret = dam_rows_find(rows, name);
    return *ret < rows->columns ? DAM_OK : DAM_EPARSE;
}

static enum dam_err find_columns(struct city *c, unsigned first, unsigned last)
{
    if (c->common.rows != c->buildings.rows || c->common.rows == 0 ||
        last - first >= DAM_DISTRICT_SITES_MAX) {
        return DAM_EPARSE;
    }
    DAM_TRY(find(&c->common, "hour", &c->hour));
    DAM_TRY(find(&c->common, "electricity_pricing", &c->price));
    DAM_TRY(find(&c->common, "electricity_pricing_predicted_3", &c->price_in_day));
    DAM_TRY(find(&c->common, "carbon_intensity", &c->carbon));
    for (unsigned b = first; b <= last; b++) {
        char name[32];
        __typeof__(&c->sites[0]) s = &c->sites[c->sites_count++];
        (void)snprintf(name, sizeof(name), "load_kwh_b%u", b);
        DAM_TRY(find(&c->buildings, name, &s->load));
        (void)snprintf(name, sizeof(name), "pv_kwh_b%u", b);
        DAM_TRY(find(&c->buildings, name, &s->pv));
    }
    return DAM_OK;
}

static enum dam_err run_ours(const struct city *c, size_t bytecode, struct dam_building_score *ret,
                             struct dam_decision_proof *ret_proof)
{
    struct planner *planner = malloc(sizeof(*planner));
    if (planner == NULL) {
        return DAM_ENOMEM;
    }
    planner_init(planner, c->sites_count);
    enum dam_err err = bytecode > 0 ? planner_open_mind(planner, bytecode) : DAM_OK;
    if (err == DAM_OK) {
        err = run(c, (struct decider){decide_plan, planner}, ret);
    }
    *ret_proof = planner->proof;
    dam_lab_close(&planner->lab);
    free(planner);
    return err;
}

enum dam_err dam_building_judge(const char *folder, const struct dam_building_phase *phase,
                                size_t bytecode, struct dam_building_score *ret_rule,
                                struct dam_building_score *ret_ours,
                                struct dam_decision_proof *ret_proof)
{
    struct city city = {0};
    char name[64];
    (void)snprintf(name, sizeof(name), "d-building/citylearn2022/phase%u_b%u-%u.csv", phase->number,
                   phase->first, phase->last);
    DAM_TRY(dam_decision_table(folder, name, &city.buildings));
    enum dam_err err =
        dam_decision_table(folder, "d-building/citylearn2022/common.csv", &city.common);
    if (err == DAM_OK) {
        err = find_columns(&city, phase->first, phase->last);
    }
    if (err == DAM_OK) {
        err = run(&city, (struct decider){decide_rule, NULL}, ret_rule);
    }
    if (err == DAM_OK && ret_ours != NULL) {
        err = run_ours(&city, bytecode, ret_ours, ret_proof);
    }
    dam_rows_close(&city.common);
    dam_rows_close(&city.buildings);
    return err;
}

enum dam_err dam_decide_building(const char *folder, const struct dam_decision_out *out)
{
    /* The first is here to develop on; the others are judged where they are put beside it. */
    static const struct dam_building_phase phases[] = {
        {1, 1, 5, 0.642}, {2, 6, 10, NAN}, {3, 11, 17, NAN}};
    size_t found = 0;
    for (size_t i = 0; i < DAM_COUNT_OF(phases); i++) {
        struct dam_building_score rule;
        struct dam_building_score ours;
        struct dam_decision_line line = {.metric = "price, CO2, grid to no storage's",
                                         .nothing = 1,
                                         .best = phases[i].best,
                                         .rule_name = "BasicBatteryRBC",
                                         .best_name =
                                             isnan(phases[i].best) ? NULL : "perfect foresight"};
        (void)snprintf(line.benchmark, sizeof(line.benchmark), "building/citylearn-%u",
                       phases[i].number);
        if (!dam_decision_wanted(out, line.benchmark)) {
            found++;
            continue;
        }
        enum dam_err err =
            dam_building_judge(folder, &phases[i], out->bytecode, &rule, &ours, &line.proof);
        if (err == DAM_EIO) {
            continue;
        }
        DAM_TRY(err);
        found++;
        line.rule = mean_of(&rule);
        line.ours = mean_of(&ours);
        out->put(out->ctx, &line);
    }
    return found == 0 ? DAM_EIO : DAM_OK;
}
