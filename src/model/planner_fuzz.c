// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a planner's blob, its memory and its observations: refused, or a decision. */
#include "base/assert.h"
#include "model/planner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t blob[DAM_PLANNER_BLOB_LEN];
    static uint8_t memory[2][DAM_PLANNER_MEMORY_MAX];
    static uint8_t observation[16 * 256];
    static struct dam_planner planner;
    const char *why = NULL;
    size_t len = size < DAM_PLANNER_BLOB_LEN ? size : DAM_PLANNER_BLOB_LEN;
    if (dam_planner_open(dam_bytes(data, len), &planner, &why) != DAM_OK) {
        DAM_ASSERT(why != NULL);
        return 0;
    }
    dam_planner_write(&planner, blob);
    DAM_ASSERT(memcmp(blob, data, len) == 0);
    size_t memory_len = dam_planner_memory_len(&planner);
    int64_t y[64];
    for (size_t i = 0; i < memory_len; i++) {
        memory[0][i] = data[(i * 7) % size];
    }
    for (size_t turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < 16u * planner.records; i++) {
            observation[i] = data[(i * 13 + turn) % size];
        }
        DAM_ASSERT(dam_planner_decide(&planner, dam_bytes(memory[turn % 2], memory_len),
                                      dam_bytes(observation, 16u * planner.records),
                                      memory[(turn + 1) % 2], y) == DAM_OK);
    }
    return 0;
}
