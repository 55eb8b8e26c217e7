// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a blob: refused, or a model that decides the same with both kernels and writes the
 * same bytes again. */
#include "base/assert.h"
#include "model/model.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dam_model model;
    const char *why = NULL;
    if (dam_model_open(dam_bytes(data, size), &model, &why) != DAM_OK) {
        DAM_ASSERT(why != NULL);
        return 0;
    }
    uint8_t *again = NULL;
    size_t len = 0;
    DAM_ASSERT(dam_model_write(&model, &again, &len) == DAM_OK);
    DAM_ASSERT(dam_bytes_eq(dam_bytes(data, size), dam_bytes(again, len)));
    free(again);
    int64_t raw[DAM_MODEL_INPUTS_MAX];
    for (size_t i = 0; i < DAM_MODEL_INPUTS_MAX; i++) {
        uint64_t mixed = (i + 1) * 0x9e3779b97f4a7c15u ^ data[size - 1 - i % size];
        raw[i] = (int64_t)(mixed) >> (i * 7 % 60);
    }
    int64_t first[DAM_MODEL_OUTPUTS_MAX];
    int64_t second[DAM_MODEL_OUTPUTS_MAX];
    dam_model_portable(true);
    dam_model_outputs(&model, raw, first);
    dam_model_portable(false);
    dam_model_outputs(&model, raw, second);
    DAM_ASSERT(memcmp(first, second, model.outputs_count * sizeof(first[0])) == 0);
    dam_model_close(&model);
    return 0;
}
