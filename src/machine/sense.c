// SPDX-License-Identifier: Apache-2.0
#include "machine/sense.h"

void dam_sense_init(struct dam_sense *sense, const struct dam_manifest *manifest)
{
    *sense = (struct dam_sense){.manifest = manifest};
    for (size_t i = 0; i < manifest->actuator_count; i++) {
        sense->last[i] = manifest->rules.limits[i].safe;
    }
}

bool dam_sense_sample(struct dam_sense *sense, size_t channel, int64_t taken_mono_ms, int64_t value)
{
    struct dam_sense_channel *c = &sense->channels[channel];
    bool changed = !c->seen || c->value != value || c->fault;
    sense->samples++;
    sense->superseded += c->fresh ? 1 : 0;
    *c = (struct dam_sense_channel){
        .value = value, .taken_mono_ms = taken_mono_ms, .seen = true, .fresh = true};
    return changed && sense->manifest->channels[channel].trigger;
}

void dam_sense_fault(struct dam_sense *sense, size_t channel)
{
    sense->channels[channel].fault = true;
    sense->faults++;
}

void dam_sense_acted(struct dam_sense *sense, uint64_t mono_ms, const int64_t *action)
{
    memcpy(sense->last, action, sense->manifest->actuator_count * sizeof(*action));
    sense->last_mono_ms = mono_ms;
    sense->last_age_ms = 0;
    sense->has_last = true;
}

static uint32_t age_of(uint64_t ms)
{
    /* The largest number means "never", so an age stops one below it (49 days). */
    return ms < DAM_FLOW_AGE_NEVER ? (uint32_t)ms : DAM_FLOW_AGE_NEVER - 1;
}

static struct dam_flow_sample channel_observe(const struct dam_manifest_channel *channel,
                                              struct dam_sense_channel *state, uint64_t mono_ms)
{
    if (!state->seen) {
        return (struct dam_flow_sample){0, DAM_FLOW_AGE_NEVER,
                                        state->fault ? DAM_FLOW_FAULT : DAM_FLOW_MISSING};
    }
    bool is_past = (int64_t)mono_ms > state->taken_mono_ms;
    uint64_t age = is_past ? mono_ms - (uint64_t)state->taken_mono_ms : 0;
    struct dam_flow_sample sample = {state->value, age_of(age), DAM_FLOW_GOOD};
    if (sample.value < channel->min || sample.value > channel->max) {
        sample.value = sample.value < channel->min ? channel->min : channel->max;
        sample.quality = DAM_FLOW_OUT_OF_RANGE;
    }
    if (age > (uint64_t)channel->stale_ms) {
        sample.quality = DAM_FLOW_STALE;
    }
    if (state->fault) {
        sample.quality = DAM_FLOW_FAULT;
    }
    state->fresh = false;
    return sample;
}

bool dam_sense_observe(struct dam_sense *sense, int64_t wall_ms, uint64_t mono_ms,
                       uint8_t *observation)
{
    const struct dam_manifest *m = sense->manifest;
    const struct dam_flow_sample time = {wall_ms / 1000 - (wall_ms % 1000 < 0 ? 1 : 0), 0, 0};
    bool vital_good = true;
    dam_flow_sample_store(observation, &time);
    uint8_t *record = observation + DAM_FLOW_SAMPLE_LEN;
    for (size_t i = 0; i < m->channel_count; i++, record += DAM_FLOW_SAMPLE_LEN) {
        struct dam_flow_sample sample =
            channel_observe(&m->channels[i], &sense->channels[i], mono_ms);
        vital_good = vital_good && !(m->channels[i].vital && sample.quality != DAM_FLOW_GOOD);
        dam_flow_sample_store(record, &sample);
    }
    uint64_t age = mono_ms - sense->last_mono_ms + sense->last_age_ms;
    for (size_t i = 0; i < m->actuator_count; i++, record += DAM_FLOW_SAMPLE_LEN) {
        const struct dam_flow_sample last = {
            sense->last[i], sense->has_last ? age_of(age) : DAM_FLOW_AGE_NEVER, DAM_FLOW_GOOD};
        dam_flow_sample_store(record, &last);
    }
    return vital_good;
}
