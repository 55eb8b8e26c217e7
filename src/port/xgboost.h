// SPDX-License-Identifier: Apache-2.0
/* XGBoost as the trainer on the device: gradient-boosted trees from rows of numbers. The library is
 * looked for when it is first needed (dlopen) and is no part of the build; without it there is a
 * sentence that says what to install. What it makes is a trained model like any other: it goes
 * through model/import and the quantiser before it may decide anything. Calls block. */
#ifndef DAM_PORT_XGBOOST_H
#define DAM_PORT_XGBOOST_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_XGB_WHY_MAX 256u

struct dam_xgb;       /* the library; private */
struct dam_xgb_model; /* a trained model, for asking the library itself; private */

struct dam_xgb_training {
    const float *x; /* [rows][columns], NAN: missing */
    const float *y; /* [rows] */
    size_t rows;
    size_t columns;
    const char *objective; /* "reg:squarederror" ... */
    unsigned depth;
    unsigned rounds;
    double eta;
};

/** Load the library.
 *  Returns: DAM_OK; DAM_ENOTFOUND; DAM_EVERSION if it lacks a function; DAM_ENOMEM; with a sentence
 * in why[DAM_XGB_WHY_MAX]. In: library: a path, or NULL: $DAM_XGBOOST, else libxgboost.so.0 and
 * libxgboost.so by the system's search. */
DAM_MUST_USE enum dam_err dam_xgb_open(const char *library, struct dam_xgb **ret, char *why);

/** Forget it; the library stays loaded. Accepts NULL. */
void dam_xgb_close(struct dam_xgb *xgb);

/** "1.7.4". Borrowed until close. */
const char *dam_xgb_version(const struct dam_xgb *xgb);

/** Train on one thread with a fixed seed: equal rows and library, equal model.
 *  Returns: DAM_OK with *ret_model (JSON as Booster.save_model writes it; free ret_model->data);
 *  DAM_EREFUSED with the library's own sentence; DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_xgb_train(struct dam_xgb *xgb, const struct dam_xgb_training *how,
                                        struct dam_bytes *ret_model, char *why);

/** Load a saved model for predicting with the library (the oracle of benchmarks and tests).
 *  Returns: DAM_OK, DAM_EREFUSED, DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_xgb_model_open(struct dam_xgb *xgb, struct dam_bytes file,
                                             struct dam_xgb_model **ret, char *why);
void dam_xgb_model_close(struct dam_xgb_model *model);

/** One row's sums, before any link. Returns: DAM_OK or DAM_EREFUSED. Out: ret_y: outputs values. */
DAM_MUST_USE enum dam_err dam_xgb_predict(struct dam_xgb_model *model, const float *x,
                                          size_t columns, float *ret_y, size_t outputs, char *why);

#endif
