// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/decisions.h"
#include "app/verb.h"
#include "app/verb_bench.h"
#include "base/assert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_LEN_MAX (64u << 20)

/* ---- what suites share ---- */

bool dam_decision_wanted(const struct dam_decision_out *out, const char *name)
{
    return out->only == NULL || strstr(name, out->only) != NULL;
}

uint8_t *dam_decision_file(const char *folder, const char *name, size_t *ret_len,
                           enum dam_err *ret_err)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        *ret_err = DAM_EIO;
        return NULL;
    }
    uint8_t *data = malloc(FILE_LEN_MAX);
    *ret_len = data == NULL ? 0 : fread(data, 1, FILE_LEN_MAX, file);
    *ret_err = data == NULL ? DAM_ENOMEM : DAM_OK;
    (void)fclose(file); /* only read from */
    return data;
}

enum dam_err dam_decision_table(const char *folder, const char *name, struct dam_rows *ret)
{
    enum dam_err err;
    size_t len = 0;
    uint8_t *data = dam_decision_file(folder, name, &len, &err);
    DAM_TRY(err);
    size_t kept = 0;
    for (size_t i = 0; i < len; i++) {
        if (data[i] != '"') {
            data[kept++] = data[i];
        }
    }
    size_t line = 0;
    err = dam_rows_parse(dam_bytes(data, kept), ret, &line);
    free(data);
    return err;
}

void dam_teller_init(struct dam_teller *teller, struct dam_forecaster forecaster)
{
    memset(teller, 0, sizeof(*teller));
    forecaster.channel = 1;
    forecaster.limit = forecaster.limit == 0 ? 255 : forecaster.limit;
    teller->forecast = (struct dam_forecast){
        .records = 2, .forecasters_count = 1, .outputs_count = 1, .slot_s = 1};
    teller->forecast.forecasters[0] = forecaster;
    teller->forecast.outputs[0] = (struct dam_output){.mul = 1, .min = INT64_MIN, .max = INT64_MAX};
    DAM_ASSERT(dam_forecast_check(&teller->forecast) == NULL);
}

int64_t dam_teller_told(struct dam_teller *teller, int64_t x, int64_t *ret_error)
{
    uint8_t observation[32] = {0};
    struct dam_forecast_state state = {0};
    int64_t y = 0;
    int64_t slot = 0;
    /* Twice: the value in its slot, then the next slot's beginning, in which nothing is read. */
    for (int turn = 0; turn < 2; turn++) {
        dam_store_be64(observation, (uint64_t)(teller->slot + turn));
        dam_store_be64(observation + 16, (uint64_t)x);
        observation[28] = turn == 0 ? 0 : 2;
        enum dam_err err = dam_forecast_decide(
            &teller->forecast, dam_bytes(teller->memory[teller->which], teller->memory_len),
            dam_bytes(observation, sizeof(observation)), teller->memory[!teller->which], &y);
        DAM_ASSERT(err == DAM_OK);
        teller->memory_len = dam_forecast_memory_len(&teller->forecast);
        teller->which = !teller->which;
    }
    teller->slot++;
    (void)dam_forecast_look(dam_bytes(teller->memory[teller->which], teller->memory_len), &slot,
                            &state);
    if (ret_error != NULL) {
        *ret_error = state.mean / 256;
    }
    return state.forecast;
}

/* ---- the table ---- */

struct table {
    bool json;
    size_t lines;
};

static void put_number(char *text, size_t size, double v)
{
    (void)snprintf(text, size, isnan(v) ? "-" : fabs(v) >= 1000 ? "%.0f" : "%.4f", v);
}

static void put_line(void *ctx, const struct dam_decision_line *l)
{
    struct table *table = ctx;
    const double values[] = {l->nothing, l->rule, l->best, l->ours};
    char text[4][32];
    char closed[32] = "-";
    double gap = l->best - l->rule;
    if (!isnan(gap) && gap != 0) {
        (void)snprintf(closed, sizeof(closed), "%.1f%%", 100 * (l->ours - l->rule) / gap);
    }
    for (size_t i = 0; i < 4; i++) {
        put_number(text[i], sizeof(text[i]), values[i]);
    }
    table->lines++;
    if (table->json) {
        (void)printf("{\"benchmark\":\"%s\",\"metric\":\"%s\",\"better\":\"%s\"", l->benchmark,
                     l->metric, l->more ? "more" : "less");
        static const char *const names[] = {"nothing", "rule", "best", "ours"};
        for (size_t i = 0; i < 4; i++) {
            if (!isnan(values[i])) {
                (void)printf(",\"%s\":%.6g", names[i], values[i]);
            }
        }
        (void)printf(",\"rule_name\":\"%s\",\"best_name\":\"%s\"}\n", l->rule_name,
                     l->best_name == NULL ? "" : l->best_name);
    } else {
        (void)printf("%-28s %-30s %10s %10s %10s %10s %8s  %s; %s\n", l->benchmark, l->metric,
                     text[0], text[1], text[2], text[3], closed, l->rule_name,
                     l->best_name == NULL ? "no bound known" : l->best_name);
    }
    (void)fflush(stdout);
}

int dam_bench_decisions(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum dam_err (*run)(const char *folder, const struct dam_decision_out *out);
    } suites[] = {
        {"microgrid", dam_decide_energy},  {"prices", dam_decide_prices},
        {"delivery", dam_decide_delivery}, {"sensor", dam_decide_sensor},
        {"cloud", dam_decide_cloud},       {"treasury", dam_decide_treasury},
        {"coldchain", dam_decide_cold},    {"forecasting", dam_decide_m4},
    };
    char shared[1024];
    const char *folder = NULL;
    struct table table = {0};
    struct dam_decision_out out = {put_line, &table, NULL};
    struct dam_args args;
    const struct dam_arg list[] = {{"--data", &folder, NULL},
                                   {"--only", &out.only, NULL},
                                   {"--json", NULL, &table.json},
                                   {NULL, NULL, NULL}};
    if (!dam_args_parse(argc, argv, list, 0, &args)) {
        return DAM_EXIT_USAGE;
    }
    const char *env = getenv("DAM_SHARED");
    (void)snprintf(shared, sizeof(shared), "%s/data", env == NULL ? "../shared" : env);
    folder = folder == NULL ? shared : folder;
    if (!table.json) {
        (void)printf("%-28s %-30s %10s %10s %10s %10s %8s  %s\n", "benchmark", "metric", "nothing",
                     "rule", "best", "ours", "closed", "the rule; the best");
    }
    bool failed = false;
    for (size_t i = 0; i < DAM_COUNT_OF(suites); i++) {
        enum dam_err err = suites[i].run(folder, &out);
        if (err == DAM_EIO) {
            (void)fprintf(stderr, "skipped: %s: its data is not in %s\n", suites[i].name, folder);
        } else if (err != DAM_OK) {
            (void)fprintf(stderr, "%s: %s\n", suites[i].name, dam_err_text(err));
            failed = true;
        }
    }
    if (table.lines == 0) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, "--data FOLDER, or DAM_SHARED",
                             "no benchmark was run on the data of %s", folder);
    }
    return failed ? DAM_EXIT_FAILED : DAM_EXIT_OK;
}
