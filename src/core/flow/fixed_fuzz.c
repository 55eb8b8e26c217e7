// SPDX-License-Identifier: Apache-2.0
/* Any text: refused, or a value whose own text reads back as the same value. */
#include "core/flow/fixed.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[DAM_FLOW_FIXED_TEXT_MAX];
    int64_t value = 0;
    int64_t again = 0;
    unsigned decimals = size == 0 ? 0 : data[0] % (DAM_FLOW_DECIMALS_MAX + 1);
    if (dam_flow_fixed_parse((const char *)data, size, decimals, &value) != DAM_OK) {
        return 0;
    }
    size_t len = dam_flow_fixed_format(value, decimals, text);
    DAM_ASSERT(len < sizeof(text));
    DAM_ASSERT(dam_flow_fixed_parse(text, len, decimals, &again) == DAM_OK && again == value);
    return 0;
}
