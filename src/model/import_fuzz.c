// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a trained model, for every importer: refused with a sentence, or read and then
 * either quantised or refused with a sentence. */
#include "base/assert.h"
#include "model/quantise.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_model(enum dam_err err, struct dam_float *model, const char *why)
{
    static struct dam_quantise how;
    static struct dam_model integers;
    static double cells[DAM_MODEL_INPUTS_MAX];
    static uint8_t decimals[DAM_MODEL_INPUTS_MAX];
    char text[DAM_WHY_LEN] = "";
    if (err != DAM_OK) {
        DAM_ASSERT(why[0] != 0 || err == DAM_ENOMEM);
        return;
    }
    struct dam_rows rows = {1, DAM_MODEL_INPUTS_MAX, cells, NULL, decimals};
    for (size_t i = 0; i < DAM_MODEL_INPUTS_MAX; i++) {
        cells[i] = (double)i - 100;
    }
    if (dam_quantise_defaults(model, &rows, &how, text) == DAM_OK &&
        dam_quantise(model, &how, &integers, text) == DAM_OK) {
        struct dam_quantise_report report;
        dam_quantise_compare(model, &how, &rows, &integers, &report);
        dam_model_close(&integers);
    } else {
        DAM_ASSERT(text[0] != 0);
    }
    dam_float_close(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dam_float model;
    char why[DAM_WHY_LEN] = "";
    struct dam_bytes file = dam_bytes(data, size);
    try_model(dam_import_xgboost(file, &model, why), &model, why);
    why[0] = 0;
    try_model(dam_import_lightgbm(file, &model, why), &model, why);
    why[0] = 0;
    try_model(dam_import_onnx(file, &model, why), &model, why);
    why[0] = 0;
    try_model(dam_import_tflite(file, &model, why), &model, why);
    return 0;
}
