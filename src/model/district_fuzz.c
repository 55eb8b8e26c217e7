// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a district's blob, its memory and its observations: refused, or a decision. */
#include "base/assert.h"
#include "model/district.h"

#define RECORDS_MAX (DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS * DAM_DISTRICT_SITES_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[2][DAM_DISTRICT_MEMORY_MAX];
    static uint8_t observation[16 * RECORDS_MAX];
    uint8_t blob[DAM_DISTRICT_BLOB_LEN];
    int64_t draw[DAM_DISTRICT_SITES_MAX];
    struct dam_district district;
    const char *why = NULL;
    size_t len = size < sizeof(blob) ? size : sizeof(blob);
    if (dam_district_open(dam_bytes(data, len), &district, &why) != DAM_OK) {
        DAM_ASSERT(why != NULL);
        return 0;
    }
    dam_district_write(&district, blob);
    DAM_ASSERT(memcmp(blob, data, len) == 0);
    size_t memory_len = dam_district_memory_len(&district);
    size_t seen_len = 16 * dam_district_records(&district);
    for (size_t i = 0; i < memory_len; i++) {
        memory[0][i] = data[(i * 7) % size];
    }
    for (size_t turn = 0; turn < 2; turn++) { /* of any memory, then of what that left */
        for (size_t i = 0; i < seen_len; i++) {
            observation[i] = data[(i * 13 + turn) % size];
        }
        DAM_ASSERT(dam_district_decide(&district, dam_bytes(memory[turn], memory_len),
                                       dam_bytes(observation, seen_len), memory[!turn],
                                       draw) == DAM_OK);
    }
    return 0;
}
