// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a forecast's blob, its memory and its observations: refused, or a decision. */
#include "base/assert.h"
#include "model/forecast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t blob[DAM_FORECAST_BLOB_MAX];
    static uint8_t memory[2][DAM_MODEL_MEMORY_MAX];
    static uint8_t observation[16 * DAM_FORECAST_RECORDS_MAX];
    static struct dam_forecast forecast;
    const char *why = NULL;
    size_t len = size < 96 ? size : dam_load_be32(data + 16) % (size + 1);
    if (dam_forecast_open(dam_bytes(data, len), &forecast, &why) != DAM_OK) {
        DAM_ASSERT(why != NULL);
        return 0;
    }
    DAM_ASSERT(dam_forecast_write(&forecast, blob) == len && memcmp(blob, data, len) == 0);
    size_t memory_len = dam_forecast_memory_len(&forecast);
    int64_t y[DAM_FORECAST_OUTPUTS_MAX];
    for (size_t i = 0; i < memory_len; i++) {
        memory[0][i] = i < 4 ? (uint8_t) "DAMF"[i] : data[(i * 7) % size];
    }
    for (size_t turn = 0; turn < 8; turn++) {
        for (size_t i = 0; i < 16u * forecast.records; i++) {
            observation[i] = data[(i * 13 + turn) % size];
        }
        DAM_ASSERT(dam_forecast_decide(&forecast, dam_bytes(memory[turn % 2], memory_len),
                                       dam_bytes(observation, 16u * forecast.records),
                                       memory[(turn + 1) % 2], y) == DAM_OK);
    }
    return 0;
}
