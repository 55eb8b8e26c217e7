// SPDX-License-Identifier: Apache-2.0
#include "app/energy_case.h"

#include "app/decisions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOPES_MAX 65536u

/* ---- files ---- */

static enum dam_err read_table(const char *folder, const char *name, struct dam_rows *ret)
{
    enum dam_err err;
    size_t len = 0;
    size_t line = 0;
    uint8_t *data = dam_decision_file(folder, name, &len, &err);
    DAM_TRY(err);
    err = dam_rows_parse(dam_bytes(data, len), ret, &line);
    free(data);
    return err;
}

static bool case_alloc(struct dam_energy_case *c, size_t steps)
{
    c->steps = steps;
    c->period = steps;
    c->load = calloc(steps, sizeof(double));
    c->pv = calloc(steps, sizeof(double));
    c->load_seen = calloc(steps, sizeof(double));
    c->pv_seen = calloc(steps, sizeof(double));
    c->buy = calloc(steps, sizeof(double));
    c->sell = calloc(steps, sizeof(double));
    c->up = calloc(steps, sizeof(bool));
    return c->load != NULL && c->pv != NULL && c->load_seen != NULL && c->pv_seen != NULL &&
           c->buy != NULL && c->sell != NULL && c->up != NULL;
}

void dam_energy_close(struct dam_energy_case *c)
{
    free(c->load);
    free(c->pv);
    free(c->load_seen);
    free(c->pv_seen);
    free(c->buy);
    free(c->sell);
    free(c->up);
    memset(c, 0, sizeof(*c));
}

/* A cell by column name; NAN when the file has no such column. */
static double cell(const struct dam_rows *table, size_t row, const char *name)
{
    size_t column = dam_rows_find(table, name);
    return column == table->columns ? NAN : table->values[row * table->columns + column];
}

static enum dam_err pymgrid_rows(const struct dam_rows *rows, const struct dam_rows *params,
                                 size_t row, struct dam_energy_case *ret)
{
    static const char *const names[] = {"load_kwh", "pv_kwh", "import_price", "co2_per_kwh",
                                        "grid_status"};
    double co2_cost = cell(params, row, "grid_co2_cost");
    if (!case_alloc(ret, rows->rows)) {
        return DAM_ENOMEM;
    }
    for (size_t t = 0; t < rows->rows; t++) {
        double v[DAM_COUNT_OF(names)];
        for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
            v[i] = cell(rows, t, names[i]);
            if (isnan(v[i])) {
                return DAM_EPARSE;
            }
        }
        ret->load[t] = ret->load_seen[t] = -v[0];
        ret->pv[t] = ret->pv_seen[t] = v[1];
        ret->buy[t] = v[2] + co2_cost * v[3];
        ret->up[t] = v[4] != 0;
    }
    ret->slot_s = 3600;
    ret->store_min = cell(params, row, "bat_min_capacity");
    ret->store_max = cell(params, row, "bat_max_capacity");
    ret->store_start = cell(params, row, "bat_current_charge");
    ret->charge_max = cell(params, row, "bat_max_charge");
    ret->drain_max = cell(params, row, "bat_max_discharge");
    ret->efficiency = cell(params, row, "bat_efficiency");
    ret->wear = cell(params, row, "bat_battery_cost_cycle");
    ret->grid_max = cell(params, row, "grid_max_import");
    ret->gen_min = cell(params, row, "gen_min");
    ret->gen_max = cell(params, row, "gen_max");
    ret->gen_price = cell(params, row, "gen_cost") +
                     cell(params, row, "gen_co2") * cell(params, row, "gen_co2_cost");
    ret->lost_price = cell(params, row, "loss_load_cost");
    ret->over_price = cell(params, row, "overgen_cost");
    return isnan(ret->store_min + ret->store_max + ret->gen_price + ret->lost_price) ? DAM_EPARSE
                                                                                     : DAM_OK;
}

enum dam_err dam_energy_pymgrid(const char *folder, int id, struct dam_energy_case *ret)
{
    struct dam_rows rows = {0};
    struct dam_rows params = {0};
    char name[64];
    memset(ret, 0, sizeof(*ret));
    (void)snprintf(name, sizeof(name), "pymgrid25/mg%02d.csv", id);
    (void)snprintf(ret->name, sizeof(ret->name), "pymgrid25/%d", id);
    enum dam_err err = read_table(folder, name, &rows);
    err = err == DAM_OK ? read_table(folder, "pymgrid25/params.csv", &params) : err;
    size_t row = 0;
    while (err == DAM_OK && row < params.rows && cell(&params, row, "id") != id) {
        row++;
    }
    if (err == DAM_OK) {
        err = row == params.rows ? DAM_ENOTFOUND : pymgrid_rows(&rows, &params, row, ret);
    }
    dam_rows_close(&rows);
    dam_rows_close(&params);
    return err;
}

enum dam_err dam_energy_powerlaws(const char *folder, int battery, struct dam_energy_case *ret)
{
    struct dam_rows rows = {0};
    memset(ret, 0, sizeof(*ret));
    DAM_TRY(read_table(folder, "powerlaws_site1/train.csv", &rows));
    enum dam_err err = case_alloc(ret, rows.rows) ? DAM_OK : DAM_ENOMEM;
    (void)snprintf(ret->name, sizeof(ret->name), "powerlaws/%d", battery);
    for (size_t t = 0; err == DAM_OK && t < rows.rows; t++) {
        ret->buy[t] = cell(&rows, t, "price_buy_00") / 1000; /* per kWh; energies are Wh */
        ret->sell[t] = cell(&rows, t, "price_sell_00") / 1000;
        ret->load[t] = cell(&rows, t, "actual_consumption");
        ret->pv[t] = cell(&rows, t, "actual_pv");
        ret->load_seen[t] = cell(&rows, t, "load_00");
        ret->pv_seen[t] = cell(&rows, t, "pv_00");
        ret->up[t] = true;
        err = isnan(ret->buy[t] + ret->load[t] + ret->load_seen[t]) ? DAM_EPARSE : DAM_OK;
    }
    dam_rows_close(&rows);
    double power = battery == 1 ? 75000 : 150000;
    ret->period = 960;
    ret->start_s = 9 * 3600 + 1800;
    ret->slot_s = 900;
    ret->efficiency = 0.95;
    ret->store_max = battery == 1 ? 300000 : 600000;
    ret->charge_max = power / 4 * ret->efficiency; /* the limit is on the outer side */
    ret->drain_max = power / 4 / ret->efficiency;
    ret->grid_max = 1e9;
    return err;
}

/* ---- the world ---- */

/* The cheapest way to serve what is needed after battery and sun: grid first or generator first.
 * A generator's minimum that is too much lets the sun go unused first. */
static double serve_with(const struct dam_energy_case *c, size_t t, double need, double gen)
{
    double rest = need - gen;
    double cost = gen * c->gen_price;
    if (rest < 0) {
        double over = -rest - c->pv[t];
        return cost + (over > 0 ? over * c->over_price : 0);
    }
    double import = c->up[t] ? fmin(rest, c->grid_max) : 0;
    return cost + import * c->buy[t] + (rest - import) * c->lost_price;
}

static double serve(const struct dam_energy_case *c, size_t t, double need)
{
    if (need <= 0) {
        return c->up[t] ? fmax(need, -c->grid_max) * c->sell[t] : 0;
    }
    double best = serve_with(c, t, need, 0);
    if (c->gen_max > 0) {
        double grid = c->up[t] ? c->grid_max : 0;
        double first = fmin(fmax(need, c->gen_min), c->gen_max);
        double second = fmin(fmax(need - grid, c->gen_min), c->gen_max);
        best = fmin(best, serve_with(c, t, need, first));
        best = fmin(best, serve_with(c, t, need, c->gen_min));
        best = fmin(best, serve_with(c, t, need, second));
    }
    return best;
}

double dam_energy_run(const struct dam_energy_case *c, struct dam_energy_controller controller,
                      double *ret_costs)
{
    double total = 0;
    double stored = c->store_start;
    for (size_t t = 0; t < c->steps; t++) {
        if (t % c->period == 0) {
            stored = c->store_start;
            ret_costs[t / c->period] = 0;
        }
        double outside = controller.act(controller.ctx, c, t, stored);
        double move = outside > 0 ? outside * c->efficiency : outside / c->efficiency;
        move = fmin(move, fmin(c->charge_max, c->store_max - stored));
        move = fmax(move, -fmin(c->drain_max, stored - c->store_min));
        outside = move > 0 ? move / c->efficiency : move * c->efficiency;
        stored += move;
        double cost = serve(c, t, c->load[t] - c->pv[t] + outside) + c->wear * fabs(move);
        ret_costs[t / c->period] += cost;
        total += cost;
    }
    return total;
}

double dam_energy_act_none(void *ctx, const struct dam_energy_case *c, size_t t, double stored)
{
    (void)ctx;
    (void)c;
    (void)t;
    (void)stored;
    return 0;
}

double dam_energy_act_rule(void *ctx, const struct dam_energy_case *c, size_t t, double stored)
{
    (void)ctx;
    (void)stored;
    return c->pv[t] - c->load[t];
}

/* ---- the bound ---- */

/* A convex function of the store's level, piecewise linear: its value at the left end and segments
 * of rising slope. Dynamic programming backwards is a merge of the slot's own slopes into it. */
struct convex {
    double left; /* value at store_min */
    size_t count;
    struct segment {
        double slope;
        double width;
    } at[SLOPES_MAX];
};

static int by_slope(const void *a, const void *b)
{
    double x = ((const struct segment *)a)->slope;
    double y = ((const struct segment *)b)->slope;
    return (x > y) - (x < y);
}

static bool add_segment(struct convex *v, double slope, double width)
{
    if (width <= 0) {
        return true;
    }
    if (v->count == SLOPES_MAX) {
        return false;
    }
    v->at[v->count++] = (struct segment){slope, width};
    return true;
}

/* Cuts the domain back by `width` on the left, then everything beyond `whole`. */
static void clip(struct convex *v, double width, double whole)
{
    size_t from = 0;
    while (from < v->count && width > 0) {
        double cut = fmin(width, v->at[from].width);
        v->left += cut * v->at[from].slope;
        v->at[from].width -= cut;
        width -= cut;
        from += v->at[from].width <= 0;
    }
    size_t count = 0;
    for (size_t i = from; i < v->count && whole > 0; i++) {
        v->at[i].width = fmin(v->at[i].width, whole);
        whole -= v->at[i].width;
        v->at[count++] = v->at[i];
    }
    v->count = count;
}

/* The slot's cost as a function of the amount taken out of the store, from -charge_max to
 * drain_max: its slopes, without the generator's minimum. Returns the cost at -charge_max. */
static double slot_slopes(const struct dam_energy_case *c, size_t t, struct convex *v, bool *fits)
{
    double need = c->load[t] - c->pv[t];
    double grid = c->up[t] ? c->grid_max : 0;
    /* Marginal prices of the need, from much to little. */
    struct {
        double price;
        double to; /* down to this need */
    } band[4];
    size_t bands = 0;
    bool gen_first = c->gen_max > 0 && c->gen_price < c->buy[t];
    double first = gen_first ? c->gen_max : grid;
    double second = gen_first ? grid : c->gen_max;
    band[bands].price = c->lost_price;
    band[bands++].to = first + second;
    band[bands].price = gen_first ? c->buy[t] : c->gen_price;
    band[bands++].to = first;
    band[bands].price = gen_first ? c->gen_price : c->buy[t];
    band[bands++].to = 0;
    band[bands].price = c->up[t] ? c->sell[t] : 0;
    band[bands++].to = -INFINITY;
    double e = c->efficiency;
    double now = need + c->charge_max / e; /* the need at u = -charge_max */
    double end = need - c->drain_max * e;
    double cost = c->wear * c->charge_max;
    double from = now;
    for (size_t i = 0; i < bands; i++) { /* cost of serving `now` */
        double floor_need = fmax(band[i].to, fmin(from, 0));
        if (from > floor_need) {
            cost += (from - floor_need) * band[i].price;
            from = floor_need;
        }
    }
    cost += from < 0 ? from * band[3].price : 0;
    for (size_t i = 0; i < bands; i++) {
        double stop = fmax(band[i].to, need); /* charging side */
        if (now > stop) {
            *fits = *fits && add_segment(v, -band[i].price / e - c->wear, (now - stop) * e);
            now = stop;
        }
        stop = fmax(band[i].to, end);
        if (now > stop) {
            *fits = *fits && add_segment(v, -band[i].price * e + c->wear, (now - stop) / e);
            now = stop;
        }
    }
    return cost;
}

double dam_energy_bound(const struct dam_energy_case *c, double *ret_costs)
{
    struct convex *v = calloc(1, sizeof(*v));
    double total = 0;
    double whole = c->store_max - c->store_min;
    for (size_t p = 0; v != NULL && p < c->steps / c->period; p++) {
        bool fits = add_segment(v, 0, whole);
        for (size_t t = (p + 1) * c->period; t-- > p * c->period;) {
            v->left += slot_slopes(c, t, v, &fits);
            qsort(v->at, v->count, sizeof(v->at[0]), by_slope);
            /* The sum's domain begins charge_max too far left. */
            clip(v, c->charge_max, whole);
        }
        double level = c->store_start - c->store_min;
        double cost = v->left;
        for (size_t i = 0; i < v->count && level > 0; i++) {
            double width = fmin(level, v->at[i].width);
            cost += width * v->at[i].slope;
            level -= width;
        }
        ret_costs[p] = fits ? cost : NAN;
        total += ret_costs[p];
        v->count = 0;
        v->left = 0;
    }
    free(v);
    return v == NULL ? NAN : total;
}
