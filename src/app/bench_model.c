// SPDX-License-Identifier: Apache-2.0
/* `dam bench model`: one decision at a time, by our integers in C, by the mind's bytecode, and by
 * the library that the model came from, through its C interface and on one thread. All take turns
 * over the same rows in one run; what is printed is the median pass of each, and ratios. */
#include "app/args.h"
#include "app/mind_lab.h"
#include "app/verb.h"
#include "app/verb_bench.h"
#include "app/verb_model.h"
#include "base/assert.h"
#include "model/quantise.h"
#include "port/onnxruntime.h"
#include "port/xgboost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PASSES 9u
#define PASS_NS 50e6 /* a pass lasts at least so long */

_Static_assert(DAM_ORT_WHY_MAX == DAM_XGB_WHY_MAX, "one buffer for both");

enum way {
    INTEGERS,
    PORTABLE,
    BYTECODE,
    PEER,
    WAYS,
};

struct race {
    struct dam_model model;
    struct dam_rows rows;
    float *floats;         /* [rows][columns] */
    uint8_t *observations; /* [rows][16 * records] */
    struct dam_lab lab;
    struct dam_address mind;
    struct dam_xgb *xgb;
    struct dam_xgb_model *xgb_model;
    struct dam_ort *ort;
    char peer[64];
    size_t peer_outputs;
    float *peer_y;
    int64_t sink; /* so that nothing is optimised away */
    char why[DAM_ORT_WHY_MAX];
};

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool one_row(struct race *race, enum way way, size_t r)
{
    uint8_t next[DAM_MODEL_MEMORY_MAX];
    int64_t y[DAM_MODEL_OUTPUTS_MAX];
    size_t next_len = 0;
    int64_t gas = 0;
    size_t len = 16 * (size_t)race->model.records;
    struct dam_bytes seen = dam_bytes(race->observations + r * len, len);
    struct dam_bytes none = dam_bytes(NULL, 0);
    const float *x = race->floats + r * race->rows.columns;
    bool done = true;
    switch (way) {
    case INTEGERS:
    case PORTABLE:
        done = dam_model_decide(&race->model, none, seen, next, y) == DAM_OK;
        race->sink += y[0];
        break;
    case BYTECODE:
        done = dam_lab_decide(&race->lab, &race->mind, none, seen, race->model.outputs_count, next,
                              &next_len, y, &gas) == DAM_OK;
        race->sink += y[0];
        break;
    case PEER:
        done = race->ort != NULL
                   ? dam_ort_run(race->ort, x, race->peer_y, race->why) == DAM_OK
                   : dam_xgb_predict(race->xgb_model, x, race->rows.columns, race->peer_y,
                                     race->peer_outputs, race->why) == DAM_OK;
        race->sink += (int64_t)race->peer_y[0];
        break;
    case WAYS:
        break;
    }
    return done;
}

/* Nanoseconds a row over one pass; NAN if a row failed. */
static double one_pass(struct race *race, enum way way)
{
    size_t count = 0;
    double start = now_ns();
    double spent = 0;
    dam_model_portable(way == PORTABLE);
    do {
        for (int i = 0; i < 64; i++, count++) {
            if (!one_row(race, way, count % race->rows.rows)) {
                return NAN;
            }
        }
        spent = now_ns() - start;
    } while (spent < PASS_NS);
    dam_model_portable(false);
    return spent / (double)count;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool rows_fill(struct race *race)
{
    size_t records = race->model.records;
    const struct dam_rows *rows = &race->rows;
    race->floats = calloc(rows->rows * rows->columns, sizeof(*race->floats));
    race->observations = calloc(rows->rows, 16 * records);
    size_t highest = 0;
    for (size_t i = 0; i < race->model.features_count; i++) {
        size_t channel = race->model.features[i].channel;
        highest = channel > highest ? channel : highest;
    }
    if (race->floats == NULL || race->observations == NULL || rows->columns < highest) {
        return false;
    }
    for (size_t r = 0; r < rows->rows; r++) {
        for (size_t i = 0; i < rows->columns; i++) {
            double v = rows->values[r * rows->columns + i];
            race->floats[r * rows->columns + i] = (float)v;
            if (i + 1 < records) {
                uint8_t *record = race->observations + 16 * (r * records + i + 1);
                dam_store_be64(record,
                               isnan(v) ? 0 : (uint64_t)dam_quantise_raw(v, rows->decimals[i]));
                record[12] = isnan(v) ? 2 : 0;
            }
        }
    }
    return true;
}

static int peer_open(struct race *race, const char *onnx, const char *xgboost, const char *library)
{
    const char *path = onnx != NULL ? onnx : xgboost;
    struct dam_bytes file;
    int code = dam_model_read_file(path, &file);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    enum dam_err err;
    if (onnx != NULL) {
        err = dam_ort_open(library, file, &race->ort, race->why);
        if (err == DAM_OK) {
            (void)snprintf(race->peer, sizeof(race->peer), "ONNX Runtime %s",
                           dam_ort_version(race->ort));
            race->peer_outputs = dam_ort_outputs(race->ort);
            if (dam_ort_inputs(race->ort) != race->rows.columns) {
                err = DAM_ERANGE;
                (void)snprintf(race->why, sizeof(race->why), "the model has %zu inputs",
                               dam_ort_inputs(race->ort));
            }
        }
    } else {
        err = dam_xgb_open(library, &race->xgb, race->why);
        if (err == DAM_OK) {
            (void)snprintf(race->peer, sizeof(race->peer), "XGBoost %s",
                           dam_xgb_version(race->xgb));
            race->peer_outputs = race->model.outputs_count;
            err = dam_xgb_model_open(race->xgb, file, &race->xgb_model, race->why);
        }
    }
    free((void *)file.data);
    race->peer_y = calloc(race->peer_outputs + 1, sizeof(*race->peer_y));
    if (err == DAM_OK && race->peer_y != NULL) {
        return DAM_EXIT_OK;
    }
    return dam_verb_fail(err == DAM_ENOTFOUND ? DAM_EXIT_NOT_FOUND : DAM_EXIT_FAILED,
                         "without --onnx and --xgboost only our own ways are timed", "%s",
                         race->why);
}

static int run_race(struct race *race, bool peer, bool json)
{
    static const char *const names[WAYS] = {"integers", "portable", "bytecode", "peer"};
    double ns[WAYS][PASSES];
    double median[WAYS];
    for (size_t pass = 0; pass < PASSES; pass++) {
        for (enum way way = INTEGERS; way < (peer ? WAYS : PEER); way++) {
            ns[way][pass] = one_pass(race, way);
            if (isnan(ns[way][pass])) {
                return dam_verb_fail(DAM_EXIT_FAILED, "are these rows the model's?",
                                     "%s failed on a row: %s", names[way], race->why);
            }
        }
    }
    for (enum way way = INTEGERS; way < (peer ? WAYS : PEER); way++) {
        qsort(ns[way], PASSES, sizeof(ns[way][0]), by_value);
        median[way] = ns[way][PASSES / 2];
    }
    median[PEER] = peer ? median[PEER] : NAN;
    if (json) {
        (void)printf("{\"mind\":\"%s\",\"kernel\":\"%s\",\"integers_ns\":%.0f,\"portable_ns\":%.0f,"
                     "\"bytecode_ns\":%.0f,\"bytecode_to_integers\":%.1f",
                     dam_model_mind_name(race->model.kind), dam_model_kernel(), median[INTEGERS],
                     median[PORTABLE], median[BYTECODE], median[BYTECODE] / median[INTEGERS]);
        if (peer) {
            (void)printf(",\"peer\":\"%s\",\"peer_ns\":%.0f,\"faster_than_peer\":%.2f", race->peer,
                         median[PEER], median[PEER] / median[INTEGERS]);
        }
        (void)printf("}\n");
        return DAM_EXIT_OK;
    }
    (void)printf("%-28s %10.0f ns a row\n", dam_model_mind_name(race->model.kind),
                 median[INTEGERS]);
    (void)printf("%-28s %10.0f ns a row, %7.2f times ours\n", "the portable kernel",
                 median[PORTABLE], median[PORTABLE] / median[INTEGERS]);
    if (peer) {
        (void)printf("%-28s %10.0f ns a row, %7.2f times ours\n", race->peer, median[PEER],
                     median[PEER] / median[INTEGERS]);
    }
    (void)printf("%-28s %10.0f ns a row, %7.2f times ours\n", "its bytecode in our EVM",
                 median[BYTECODE], median[BYTECODE] / median[INTEGERS]);
    return DAM_EXIT_OK;
}

int dam_bench_model(int argc, char **argv)
{
    static struct race race;
    const char *data = NULL;
    const char *onnx = NULL;
    const char *xgboost = NULL;
    const char *library = NULL;
    bool json = false;
    struct dam_args args;
    struct dam_bytes blob;
    const struct dam_arg table[] = {{"--data", &data, NULL},       {"--onnx", &onnx, NULL},
                                    {"--xgboost", &xgboost, NULL}, {"--library", &library, NULL},
                                    {"--json", NULL, &json},       {NULL, NULL, NULL}};
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    if (args.count < 1 || data == NULL || (onnx != NULL && xgboost != NULL)) {
        return dam_verb_fail(DAM_EXIT_USAGE,
                             "dam bench model BLOB --data ROWS.csv [--onnx FILE | --xgboost FILE]",
                             "which blob, and which rows?");
    }
    int code = dam_model_read_blob(args.words[0], &race.model, &blob);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    code = dam_model_read_rows(data, &race.rows);
    if (code == DAM_EXIT_OK && !rows_fill(&race)) {
        code = dam_verb_fail(DAM_EXIT_FAILED, "column i is record i + 1 of the observation",
                             "the rows have fewer columns than the model reads");
    }
    bool peer = onnx != NULL || xgboost != NULL;
    code = code == DAM_EXIT_OK && peer ? peer_open(&race, onnx, xgboost, library) : code;
    if (code == DAM_EXIT_OK) {
        enum dam_err err = dam_lab_open(&race.lab);
        err = err == DAM_OK ? dam_lab_model_mind(&race.lab, dam_model_mind_name(race.model.kind),
                                                 blob, &race.mind)
                            : err;
        code = err == DAM_OK ? run_race(&race, peer, json)
                             : dam_verb_fail(DAM_EXIT_NOT_FOUND,
                                             "tools/contracts-build makes the minds' bytecode",
                                             "the mind cannot be created: %s", dam_err_text(err));
        dam_lab_close(&race.lab);
    }
    dam_ort_close(race.ort);
    dam_xgb_model_close(race.xgb_model);
    dam_xgb_close(race.xgb);
    free(race.peer_y);
    free(race.floats);
    free(race.observations);
    free((void *)blob.data);
    dam_rows_close(&race.rows);
    dam_model_close(&race.model);
    return code;
}
