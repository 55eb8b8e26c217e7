// SPDX-License-Identifier: Apache-2.0
/* `dam model make`: the blob of a planner, a forecast or a district from a description in TOML,
 * whose keys are the fields of docs/spec/planner.md and docs/spec/forecast.md, and what
 * docs/spec/district.md section 7 says of a store. */
#include "app/args.h"
#include "app/verb.h"
#include "app/verb_model.h"
#include "base/heap.h"
#include "base/toml.h"
#include "model/battery.h"
#include "model/forecast.h"
#include "model/planner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct maker {
    const char *path;
    int code; /* DAM_EXIT_OK until something is wrong */
};

static void wrong(struct maker *m, const struct dam_toml *at, const char *hint, const char *what)
{
    if (m->code == DAM_EXIT_OK) {
        m->code = dam_verb_fail(DAM_EXIT_CONFIG, hint, "%s:%u: '%.*s' %s", m->path, at->line,
                                (int)at->key.len, (const char *)at->key.data, what);
    }
}

static bool is_key(const struct dam_toml *entry, const char *name)
{
    return dam_bytes_is(entry->key, name);
}

static int64_t number(struct maker *m, const struct dam_toml *entry, int64_t min, int64_t max)
{
    if (entry->type != DAM_TOML_INTEGER || entry->integer < min || entry->integer > max) {
        char what[96];
        (void)snprintf(what, sizeof(what), "is a whole number from %" PRId64 " to %" PRId64, min,
                       max);
        wrong(m, entry, "the specs in docs/spec name every field's range", what);
        return min;
    }
    return entry->integer;
}

static bool is_kind(const struct dam_toml *kind, const char *name)
{
    return kind != NULL && kind->type == DAM_TOML_STRING && dam_bytes_is(kind->text, name);
}

/* May the blob be written? In: why: the rule that the whole breaks, or NULL; it is told if no field
 * was wrong before. */
static bool is_good(struct maker *m, const char *why, const char *spec)
{
    if (m->code == DAM_EXIT_OK && why != NULL) {
        m->code = dam_verb_fail(DAM_EXIT_CONFIG, spec, "%s: %s", m->path, why);
    }
    return m->code == DAM_EXIT_OK;
}

/* ---- the planner ---- */

static size_t make_planner(struct maker *m, const struct dam_toml *root, uint8_t *ret)
{
    struct dam_planner planner;
    dam_planner_defaults(&planner);
    for (const struct dam_toml *e = root->first; e != NULL; e = e->next) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%.*s", (int)e->key.len, (const char *)e->key.data);
        if (strcmp(name, "kind") != 0 &&
            !dam_planner_set(&planner, name, number(m, e, INT64_MIN, INT64_MAX))) {
            wrong(m, e, "docs/spec/planner.md section 2 lists the fields",
                  "is no field, or out of its range");
        }
    }
    if (is_good(m, dam_planner_check(&planner), "docs/spec/planner.md section 2")) {
        dam_planner_write(&planner, ret);
    }
    return DAM_PLANNER_BLOB_LEN;
}

/* ---- the forecast ---- */

static uint8_t method_of(struct maker *m, const struct dam_toml *entry)
{
    static const char *const names[] = {"naive", "smoothing", "squares"};
    for (size_t i = 0; entry->type == DAM_TOML_STRING && i < DAM_COUNT_OF(names); i++) {
        if (dam_bytes_eq(entry->text, dam_bytes((const uint8_t *)names[i], strlen(names[i])))) {
            return (uint8_t)(i + 1);
        }
    }
    wrong(m, entry, NULL, "is \"naive\", \"smoothing\" or \"squares\"");
    return 0;
}

static void read_forecaster(struct maker *m, const struct dam_toml *table, struct dam_forecaster *f)
{
    *f = (struct dam_forecaster){
        .method = DAM_FORECAST_RLS, .ahead = 1, .season = 1, .alpha = 8, .beta = 3, .limit = 16};
    for (const struct dam_toml *e = table->first; e != NULL; e = e->next) {
        if (is_key(e, "channel")) {
            f->channel = (uint16_t)number(m, e, 1, DAM_FORECAST_RECORDS_MAX - 1);
        } else if (is_key(e, "method")) {
            f->method = method_of(m, e);
        } else if (is_key(e, "ahead")) {
            f->ahead = (uint8_t)number(m, e, 1, 255);
        } else if (is_key(e, "season")) {
            f->season = (uint16_t)number(m, e, 1, DAM_FORECAST_SEASON_MAX);
        } else if (is_key(e, "alpha")) {
            f->alpha = (uint8_t)number(m, e, 0, 15);
        } else if (is_key(e, "beta")) {
            f->beta = (uint8_t)number(m, e, 0, 15);
        } else if (is_key(e, "shift")) {
            f->shift = (uint8_t)number(m, e, 0, 62);
        } else if (is_key(e, "limit")) {
            f->limit = (uint8_t)number(m, e, 1, 255);
        } else {
            wrong(m, e, "docs/spec/forecast.md section 1", "is no field of a forecaster");
        }
    }
}

/* One weight for each forecaster, every third place from `first`. */
static void read_weights(struct maker *m, const struct dam_toml *entry, size_t count,
                         int32_t *first)
{
    size_t i = 0;
    if (entry->type == DAM_TOML_ARRAY) {
        for (const struct dam_toml *e = entry->first; e != NULL && i < count; e = e->next, i++) {
            first[3 * i] = (int32_t)number(m, e, INT32_MIN, INT32_MAX);
        }
    }
    if (i != count) {
        wrong(m, entry, NULL, "is a list with one weight for each forecaster");
    }
}

static void read_output(struct maker *m, const struct dam_toml *table, size_t forecasters,
                        struct dam_output *out, int32_t *weights)
{
    *out = (struct dam_output){.mul = 1, .min = INT64_MIN, .max = INT64_MAX};
    for (const struct dam_toml *e = table->first; e != NULL; e = e->next) {
        if (is_key(e, "now")) {
            read_weights(m, e, forecasters, weights);
        } else if (is_key(e, "forecast")) {
            read_weights(m, e, forecasters, weights + 1);
        } else if (is_key(e, "drift")) {
            read_weights(m, e, forecasters, weights + 2);
        } else if (is_key(e, "bias")) {
            out->bias = (int32_t)number(m, e, INT32_MIN, INT32_MAX);
        } else if (is_key(e, "mul")) {
            out->mul = (int32_t)number(m, e, INT32_MIN, INT32_MAX);
        } else if (is_key(e, "shift")) {
            out->shift = (uint8_t)number(m, e, 0, 62);
        } else if (is_key(e, "offset")) {
            out->offset = number(m, e, INT64_MIN, INT64_MAX);
        } else if (is_key(e, "min")) {
            out->min = number(m, e, INT64_MIN, INT64_MAX);
        } else if (is_key(e, "max")) {
            out->max = number(m, e, INT64_MIN, INT64_MAX);
        } else {
            wrong(m, e, "docs/spec/forecast.md section 1", "is no field of an output");
        }
    }
}

static size_t make_forecast(struct maker *m, const struct dam_toml *root, uint8_t *ret)
{
    static struct dam_forecast f;
    memset(&f, 0, sizeof(f));
    const struct dam_toml *outputs = NULL;
    for (const struct dam_toml *e = root->first; e != NULL; e = e->next) {
        if (is_key(e, "records")) {
            f.records = (uint16_t)number(m, e, 1, DAM_FORECAST_RECORDS_MAX);
        } else if (is_key(e, "slot_s")) {
            f.slot_s = (uint32_t)number(m, e, 1, 86400);
        } else if (is_key(e, "forecaster") && e->type == DAM_TOML_ARRAY) {
            for (const struct dam_toml *t = e->first; t != NULL; t = t->next) {
                if (f.forecasters_count == DAM_FORECASTERS_MAX) {
                    wrong(m, e, NULL, "are at most 8");
                    break;
                }
                read_forecaster(m, t, &f.forecasters[f.forecasters_count++]);
            }
        } else if (is_key(e, "output") && e->type == DAM_TOML_ARRAY) {
            outputs = e;
        } else if (!is_key(e, "kind")) {
            wrong(m, e, "records, slot_s, [[forecaster]], [[output]]", "is not known here");
        }
    }
    for (const struct dam_toml *t = outputs == NULL ? NULL : outputs->first; t != NULL;
         t = t->next) {
        if (f.outputs_count == DAM_FORECAST_OUTPUTS_MAX) {
            wrong(m, outputs, NULL, "are at most 64");
            break;
        }
        read_output(m, t, f.forecasters_count, &f.outputs[f.outputs_count],
                    f.weights[f.outputs_count]);
        f.outputs_count++;
    }
    bool good = is_good(m, dam_forecast_check(&f), "docs/spec/forecast.md section 1");
    return good ? dam_forecast_write(&f, ret) : 0;
}

/* ---- the district ---- */

static double real(struct maker *m, const struct dam_toml *entry)
{
    if (entry->type != DAM_TOML_INTEGER && entry->type != DAM_TOML_FLOAT) {
        wrong(m, entry, NULL, "is a number, or a list of pairs of numbers");
        return 0;
    }
    return entry->type == DAM_TOML_INTEGER ? (double)entry->integer
                                           : strtod((const char *)entry->text.data, NULL);
}

/* [[x, y], ...], or one number for all x. */
static void read_curve(struct maker *m, const struct dam_toml *entry, struct dam_battery_curve *ret)
{
    *ret = (struct dam_battery_curve){{{0, 0}, {1, 0}}, 2};
    if (entry->type != DAM_TOML_ARRAY) {
        ret->points[0][1] = ret->points[1][1] = real(m, entry);
        return;
    }
    ret->count = 0;
    for (const struct dam_toml *pair = entry->first; pair != NULL; pair = pair->next) {
        const struct dam_toml *x = pair->type == DAM_TOML_ARRAY ? pair->first : NULL;
        if (x == NULL || x->next == NULL || x->next->next != NULL ||
            ret->count == DAM_BATTERY_POINTS_MAX) {
            wrong(m, entry, NULL, "is a list of at most 16 pairs of numbers");
            return;
        }
        ret->points[ret->count][0] = real(m, x);
        ret->points[ret->count++][1] = real(m, x->next);
    }
}

static void read_level(struct maker *m, const struct dam_toml *entry, struct dam_district *d)
{
    const struct dam_toml *empty = entry->type == DAM_TOML_ARRAY ? entry->first : NULL;
    const struct dam_toml *full = empty == NULL ? NULL : empty->next;
    bool numbers = full != NULL && full->next == NULL && empty->type == DAM_TOML_INTEGER &&
                   full->type == DAM_TOML_INTEGER;
    if (!numbers || !dam_battery_scale(empty->integer, full->integer, d)) {
        wrong(m, entry, "level = [0, 1000] for a channel in per cent with one decimal",
              "says what the channel tells of an empty and of a full store, rising");
    }
}

static size_t make_district(struct maker *m, const struct dam_toml *root, uint8_t *ret)
{
    struct dam_district d = {
        .sites = 1, .keep_load = 160, .keep_sun = 240, .doubt = 64, .level_mul = 1};
    struct dam_battery b = {.power = {{{0, 1}, {1, 1}}, 2}, .efficiency = {{{0, 1}, {1, 1}}, 2}};
    for (const struct dam_toml *e = root->first; e != NULL; e = e->next) {
        if (is_key(e, "sites")) {
            d.sites = (uint32_t)number(m, e, 1, DAM_DISTRICT_SITES_MAX);
        } else if (is_key(e, "keep_load")) {
            d.keep_load = (uint8_t)number(m, e, 0, 255);
        } else if (is_key(e, "keep_sun")) {
            d.keep_sun = (uint8_t)number(m, e, 0, 255);
        } else if (is_key(e, "doubt")) {
            d.doubt = (uint8_t)number(m, e, 0, 255);
        } else if (is_key(e, "level")) {
            read_level(m, e, &d);
        } else if (is_key(e, "capacity_wh")) {
            b.capacity_wh = real(m, e);
        } else if (is_key(e, "power_w")) {
            b.power_w = real(m, e);
        } else if (is_key(e, "power")) {
            read_curve(m, e, &b.power);
        } else if (is_key(e, "efficiency")) {
            read_curve(m, e, &b.efficiency);
        } else if (!is_key(e, "kind")) {
            wrong(m, e, "docs/spec/district.md section 7", "is no field of a district");
        }
    }
    const char *why = dam_battery_check(&b);
    if (m->code == DAM_EXIT_OK && why == NULL) {
        dam_battery_fit(&b, &d);
        why = dam_district_check(&d);
    }
    if (is_good(m, why, "docs/spec/district.md section 7")) {
        dam_district_write(&d, ret);
    }
    return DAM_DISTRICT_BLOB_LEN;
}

static void make(struct maker *m, struct dam_bytes text, const char *out)
{
    static uint8_t blob[DAM_FORECAST_BLOB_MAX];
    struct dam_arena arena;
    struct dam_toml *root = NULL;
    struct dam_toml_error error = {0};
    dam_arena_init(&arena, dam_heap(), 64u << 20);
    enum dam_err err = dam_toml_parse(text, &arena, &root, &error);
    const struct dam_toml *kind = err == DAM_OK ? dam_toml_get(root, "kind") : NULL;
    size_t len = 0;
    if (err != DAM_OK) {
        m->code = dam_verb_fail(DAM_EXIT_CONFIG, NULL, "%s:%u: %s", m->path, error.line,
                                err == DAM_EPARSE ? error.message : dam_err_text(err));
    } else if (is_kind(kind, "planner")) {
        len = make_planner(m, root, blob);
    } else if (is_kind(kind, "forecast")) {
        len = make_forecast(m, root, blob);
    } else if (is_kind(kind, "district")) {
        len = make_district(m, root, blob);
    } else {
        m->code = dam_verb_fail(DAM_EXIT_CONFIG, "kind = \"planner\", \"forecast\" or \"district\"",
                                "%s does not say what to make", m->path);
    }
    if (m->code == DAM_EXIT_OK) {
        m->code = dam_model_write_file(out, dam_bytes(blob, len));
    }
    if (m->code == DAM_EXIT_OK) {
        (void)printf("%s: %zu bytes\n", out, len);
    }
    dam_arena_finish(&arena);
}

int dam_verb_model_make(int argc, char **argv)
{
    const char *out = NULL;
    struct dam_args args;
    struct dam_bytes text;
    const struct dam_arg table[] = {{"--out", &out, NULL}, {NULL, NULL, NULL}};
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    if (args.count < 1 || out == NULL) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam model make SPEC.toml --out BLOB",
                             "which description, and where to?");
    }
    struct maker m = {args.words[0], dam_model_read_file(args.words[0], &text)};
    if (m.code == DAM_EXIT_OK) {
        make(&m, text, out);
        free((void *)text.data);
    }
    return m.code;
}
