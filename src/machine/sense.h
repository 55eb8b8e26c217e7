// SPDX-License-Identifier: Apache-2.0
/* From samples to an observation: the newest value of every channel, how old it is and what it is
 * worth (docs/spec/decision.md section 2). Many samples between two turns leave the newest one: a
 * flood costs time, never memory. */
#ifndef DAM_MACHINE_SENSE_H
#define DAM_MACHINE_SENSE_H

#include "machine/manifest.h"

struct dam_sense_channel {
    int64_t value;
    int64_t taken_mono_ms; /* below zero: before this boot */
    bool seen;
    bool fault; /* the device said so after its last value */
    bool fresh; /* no turn has seen it yet */
};

struct dam_sense {
    const struct dam_manifest *manifest;
    struct dam_sense_channel channels[DAM_FLOW_CHANNELS_MAX];
    int64_t last[DAM_FLOW_ACTUATORS_MAX];
    uint64_t last_mono_ms; /* of the last decision */
    uint64_t last_age_ms;  /* added to it: what passed before this boot */
    bool has_last;
    uint64_t samples;
    uint64_t superseded;
    uint64_t faults;
};

void dam_sense_init(struct dam_sense *sense, const struct dam_manifest *manifest);

/** A value came. Returns: true if a trigger channel changed. In: taken_mono_ms: when it was true.
 */
bool dam_sense_sample(struct dam_sense *sense, size_t channel, int64_t taken_mono_ms,
                      int64_t value);

/** A channel's device is broken. */
void dam_sense_fault(struct dam_sense *sense, size_t channel);

/** Remember what was permitted. */
void dam_sense_acted(struct dam_sense *sense, uint64_t mono_ms, const int64_t *action);

/** Build the observation. Returns: false if a vital channel is not good.
 *  Out: observation: DAM_FLOW_SAMPLE_LEN * dam_manifest_record_count bytes. */
bool dam_sense_observe(struct dam_sense *sense, int64_t wall_ms, uint64_t mono_ms,
                       uint8_t *observation);

#endif
