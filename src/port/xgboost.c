// SPDX-License-Identifier: Apache-2.0
#include "port/xgboost.h"

#include <dlfcn.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The functions used, as xgboost/c_api.h declares them since 1.6. */
#define FUNCTIONS(X)                                                                               \
    X(const char *, XGBGetLastError, (void))                                                       \
    X(void, XGBoostVersion, (int *, int *, int *))                                                 \
    X(int, XGDMatrixCreateFromMat, (const float *, uint64_t, uint64_t, float, void **))            \
    X(int, XGDMatrixSetFloatInfo, (void *, const char *, const float *, uint64_t))                 \
    X(int, XGDMatrixFree, (void *))                                                                \
    X(int, XGBoosterCreate, (void *const *, uint64_t, void **))                                    \
    X(int, XGBoosterSetParam, (void *, const char *, const char *))                                \
    X(int, XGBoosterUpdateOneIter, (void *, int, void *))                                          \
    X(int, XGBoosterSaveModelToBuffer, (void *, const char *, uint64_t *, const char **))          \
    X(int, XGBoosterLoadModelFromBuffer, (void *, const void *, uint64_t))                         \
    X(int, XGBoosterPredictFromDense,                                                              \
      (void *, const char *, const char *, void *, uint64_t const **, uint64_t *, const float **)) \
    X(int, XGBoosterFree, (void *))

struct dam_xgb {
    char version[32];
#define X(type, name, args) type(*name) args;
    FUNCTIONS(X)
#undef X
};

struct dam_xgb_model {
    struct dam_xgb *xgb;
    void *booster;
};

static enum dam_err say(char *why, enum dam_err err, const char *fmt, ...) DAM_PRINTF(3, 4);
static enum dam_err say(char *why, enum dam_err err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why, DAM_XGB_WHY_MAX, fmt, args);
    va_end(args);
    return err;
}

/* The library's last words, their first line. */
static enum dam_err refused(struct dam_xgb *xgb, char *why)
{
    const char *text = xgb->XGBGetLastError();
    return say(why, DAM_EREFUSED, "XGBoost: %.*s", (int)strcspn(text, "\n"), text);
}

enum dam_err dam_xgb_open(const char *library, struct dam_xgb **ret, char *why)
{
    const char *named = library != NULL ? library : getenv("DAM_XGBOOST");
    const char *const names[] = {named != NULL ? named : "libxgboost.so.0", "libxgboost.so"};
    void *handle = NULL;
    for (size_t i = 0; handle == NULL && i < (named != NULL ? 1 : DAM_COUNT_OF(names)); i++) {
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (handle == NULL) {
        return say(why, DAM_ENOTFOUND,
                   "XGBoost is not here (%s): install the package libxgboost0, or name "
                   "libxgboost.so with --library or DAM_XGBOOST",
                   names[0]);
    }
    struct dam_xgb *xgb = calloc(1, sizeof(*xgb));
    if (xgb == NULL) {
        return say(why, DAM_ENOMEM, "out of memory");
    }
    const char *lacks = NULL;
    void *symbol = NULL;
#define X(type, name, args)                                                                        \
    symbol = dlsym(handle, #name);                                                                 \
    lacks = symbol == NULL ? #name : lacks;                                                        \
    memcpy(&xgb->name, &symbol, sizeof(symbol)); /* POSIX: a function in an object pointer */
    FUNCTIONS(X)
#undef X
    if (lacks != NULL) {
        free(xgb);
        return say(why, DAM_EVERSION, "this XGBoost has no %s: install 1.6 or later", lacks);
    }
    int major = 0;
    int minor = 0;
    int patch = 0;
    xgb->XGBoostVersion(&major, &minor, &patch);
    (void)snprintf(xgb->version, sizeof(xgb->version), "%d.%d.%d", major, minor, patch);
    *ret = xgb;
    return DAM_OK;
}

void dam_xgb_close(struct dam_xgb *xgb)
{
    free(xgb);
}

const char *dam_xgb_version(const struct dam_xgb *xgb)
{
    return xgb->version;
}

static bool parameters(struct dam_xgb *xgb, void *booster, const struct dam_xgb_training *how)
{
    char depth[16];
    char eta[32];
    (void)snprintf(depth, sizeof(depth), "%u", how->depth);
    (void)snprintf(eta, sizeof(eta), "%.6g", how->eta);
    const char *const table[][2] = {
        {"objective", how->objective}, {"max_depth", depth}, {"eta", eta},      {"nthread", "1"},
        {"tree_method", "hist"},       {"seed", "1"},        {"verbosity", "0"}};
    for (size_t i = 0; i < DAM_COUNT_OF(table); i++) {
        if (xgb->XGBoosterSetParam(booster, table[i][0], table[i][1]) != 0) {
            return false;
        }
    }
    return true;
}

enum dam_err dam_xgb_train(struct dam_xgb *xgb, const struct dam_xgb_training *how,
                           struct dam_bytes *ret_model, char *why)
{
    void *matrix = NULL;
    void *booster = NULL;
    uint64_t len = 0;
    const char *text = NULL;
    bool done = xgb->XGDMatrixCreateFromMat(how->x, how->rows, how->columns, NAN, &matrix) == 0 &&
                xgb->XGDMatrixSetFloatInfo(matrix, "label", how->y, how->rows) == 0 &&
                xgb->XGBoosterCreate(&matrix, 1, &booster) == 0 && parameters(xgb, booster, how);
    for (unsigned round = 0; done && round < how->rounds; round++) {
        done = xgb->XGBoosterUpdateOneIter(booster, (int)round, matrix) == 0;
    }
    done = done &&
           xgb->XGBoosterSaveModelToBuffer(booster, "{\"format\": \"json\"}", &len, &text) == 0;
    enum dam_err err = done ? DAM_OK : refused(xgb, why);
    if (err == DAM_OK) {
        uint8_t *copy = malloc((size_t)len + 1);
        err = copy == NULL ? say(why, DAM_ENOMEM, "out of memory") : DAM_OK;
        if (copy != NULL) {
            memcpy(copy, text, (size_t)len);
            *ret_model = dam_bytes(copy, (size_t)len);
        }
    }
    if (booster != NULL) {
        (void)xgb->XGBoosterFree(booster);
    }
    if (matrix != NULL) {
        (void)xgb->XGDMatrixFree(matrix);
    }
    return err;
}

enum dam_err dam_xgb_model_open(struct dam_xgb *xgb, struct dam_bytes file,
                                struct dam_xgb_model **ret, char *why)
{
    struct dam_xgb_model *model = calloc(1, sizeof(*model));
    if (model == NULL) {
        return say(why, DAM_ENOMEM, "out of memory");
    }
    model->xgb = xgb;
    if (xgb->XGBoosterCreate(NULL, 0, &model->booster) != 0 ||
        xgb->XGBoosterLoadModelFromBuffer(model->booster, file.data, file.len) != 0 ||
        xgb->XGBoosterSetParam(model->booster, "nthread", "1") != 0) {
        enum dam_err err = refused(xgb, why);
        dam_xgb_model_close(model);
        return err;
    }
    *ret = model;
    return DAM_OK;
}

void dam_xgb_model_close(struct dam_xgb_model *model)
{
    if (model != NULL && model->booster != NULL) {
        (void)model->xgb->XGBoosterFree(model->booster);
    }
    free(model);
}

enum dam_err dam_xgb_predict(struct dam_xgb_model *model, const float *x, size_t columns,
                             float *ret_y, size_t outputs, char *why)
{
    /* The numpy array interface, and "type": 1: the sums before the link. */
    static const char config[] = "{\"type\": 1, \"training\": false, \"iteration_begin\": 0, "
                                 "\"iteration_end\": 0, \"strict_shape\": false, "
                                 "\"missing\": NaN, \"cache_id\": 0}";
    char row[160];
    uint64_t const *shape = NULL;
    uint64_t rank = 0;
    const float *y = NULL;
    (void)snprintf(row, sizeof(row),
                   "{\"data\": [%zu, true], \"shape\": [1, %zu], \"typestr\": \"<f4\", "
                   "\"version\": 3}",
                   (size_t)(uintptr_t)x, columns);
    if (model->xgb->XGBoosterPredictFromDense(model->booster, row, config, NULL, &shape, &rank,
                                              &y) != 0) {
        return refused(model->xgb, why);
    }
    size_t count = 1;
    for (uint64_t i = 0; i < rank; i++) {
        count *= (size_t)shape[i];
    }
    if (count != outputs) {
        return say(why, DAM_EREFUSED, "XGBoost gave %zu values, not %zu", count, outputs);
    }
    memcpy(ret_y, y, outputs * sizeof(*y));
    return DAM_OK;
}
