// SPDX-License-Identifier: Apache-2.0
/* Any bytes: a leaf that encodes back to the same bytes, or an error. */
#include "core/record/leaf.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[DAM_RECORD_LEAF_MAX];
    struct dam_record_leaf leaf;
    size_t len = 0;
    if (dam_record_leaf_load(dam_bytes(data, size), &leaf) != DAM_OK) {
        return 0;
    }
    DAM_ASSERT(dam_record_leaf_store(&leaf, again, sizeof(again), &len) == DAM_OK);
    DAM_ASSERT(dam_bytes_eq(dam_bytes(again, len), dam_bytes(data, size)));
    return 0;
}
