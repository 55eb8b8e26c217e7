// SPDX-License-Identifier: Apache-2.0
/* The observation: what the machine knows at one instant, as the bytes that mind, charter, guard
 * and court all read (docs/spec/decision.md sections 2 and 3). Pure codec; who fills the samples is
 * machine/sense. */
#ifndef DAM_CORE_FLOW_SAMPLE_H
#define DAM_CORE_FLOW_SAMPLE_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_FLOW_CHANNELS_MAX 256u
#define DAM_FLOW_ACTUATORS_MAX 64u
#define DAM_FLOW_SAMPLE_LEN 16u
#define DAM_FLOW_MEMORY_MAX 8192u
#define DAM_FLOW_AGE_NEVER UINT32_MAX

/* How far a value may be trusted. Part of the evidence: do not renumber. */
enum dam_flow_quality {
    DAM_FLOW_GOOD = 0,
    DAM_FLOW_STALE = 1,
    DAM_FLOW_MISSING = 2,
    DAM_FLOW_OUT_OF_RANGE = 3,
    DAM_FLOW_FAULT = 4,
};

/* How a turn ended (docs/spec/decision.md section 6). Part of the evidence: do not renumber. */
enum dam_flow_outcome {
    DAM_FLOW_PERMITTED = 0,
    DAM_FLOW_CHANGED = 1,
    DAM_FLOW_MIND_GAS = 2,
    DAM_FLOW_MIND_REVERT = 3,
    DAM_FLOW_MIND_MALFORMED = 4,
    DAM_FLOW_CHARTER_FAILED = 5,
    DAM_FLOW_VITAL = 6,
    DAM_FLOW_STOPPED = 7,
    DAM_FLOW_GUARDED = 8,
};

struct dam_flow_sample {
    int64_t value;
    uint32_t age_ms; /* DAM_FLOW_AGE_NEVER: never seen */
    uint8_t quality; /* enum dam_flow_quality */
};

/** Write one record. Out: record: DAM_FLOW_SAMPLE_LEN bytes. */
void dam_flow_sample_store(uint8_t *record, const struct dam_flow_sample *sample);

/** Read one record. Returns: DAM_OK, or DAM_EPARSE on an unknown quality or a reserved byte that is
 *  not zero (nothing written). */
DAM_MUST_USE enum dam_err dam_flow_sample_load(const uint8_t *record,
                                               struct dam_flow_sample *ret_sample);

/** Write count packed int64, as a proposal or an action. Out: packed: 8 * count bytes. */
void dam_flow_values_store(uint8_t *packed, const int64_t *values, size_t count);

/** Read what dam_flow_values_store wrote. In: packed: 8 * count bytes. */
void dam_flow_values_load(const uint8_t *packed, int64_t *values, size_t count);

/** A quality or an outcome in words. Returns: static text, "?" for a number that is none. */
const char *dam_flow_quality_text(uint8_t quality);
const char *dam_flow_outcome_text(uint8_t outcome);

#endif
