// SPDX-License-Identifier: Apache-2.0
#include "core/flow/sample.h"

void dam_flow_sample_store(uint8_t *record, const struct dam_flow_sample *sample)
{
    dam_store_be64(record, (uint64_t)sample->value);
    dam_store_be32(record + 8, sample->age_ms);
    record[12] = sample->quality;
    memset(record + 13, 0, 3);
}

enum dam_err dam_flow_sample_load(const uint8_t *record, struct dam_flow_sample *ret_sample)
{
    if (record[12] > DAM_FLOW_FAULT || (record[13] | record[14] | record[15]) != 0) {
        return DAM_EPARSE;
    }
    *ret_sample = (struct dam_flow_sample){
        .value = (int64_t)dam_load_be64(record),
        .age_ms = dam_load_be32(record + 8),
        .quality = record[12],
    };
    return DAM_OK;
}

void dam_flow_values_store(uint8_t *packed, const int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        dam_store_be64(packed + 8 * i, (uint64_t)values[i]);
    }
}

void dam_flow_values_load(const uint8_t *packed, int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = (int64_t)dam_load_be64(packed + 8 * i);
    }
}

const char *dam_flow_quality_text(uint8_t quality)
{
    static const char *const text[] = {"good", "stale", "missing", "out of range", "device fault"};
    return quality < DAM_COUNT_OF(text) ? text[quality] : "?";
}

const char *dam_flow_outcome_text(uint8_t outcome)
{
    static const char *const text[] = {
        "permitted as proposed",       "changed by the charter",
        "mind ran out of gas",         "mind reverted or met a refused opcode",
        "mind's answer was malformed", "charter failed",
        "a vital channel is not good", "stopped",
        "changed by the hard guard",
    };
    return outcome < DAM_COUNT_OF(text) ? text[outcome] : "?";
}
