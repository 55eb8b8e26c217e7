// SPDX-License-Identifier: Apache-2.0
/* The machine's side of its field: samples into the senses, words into the log. */
#include "machine/machine_parts.h"

static void on_sample(void *ctx, size_t channel, int64_t value, int64_t age_ms)
{
    struct dam_machine *m = ctx;
    int64_t taken_ms = (int64_t)m->events.now(m->events.ctx).mono_ms - age_ms;
    if (dam_sense_sample(&m->sense, channel, taken_ms, value) && m->events.trigger != NULL) {
        m->events.trigger(m->events.ctx, m);
    }
}

static void on_fault(void *ctx, size_t channel, const char *why)
{
    struct dam_machine *m = ctx;
    if (!m->sense.channels[channel].fault) {
        dam_machine_say(m, "channel %s: %s", m->manifest.channels[channel].name, why);
    }
    dam_sense_fault(&m->sense, channel);
}

/* The link's url, without a user's name and password that may stand in it. */
static const char *place_of(const struct dam_manifest_link *link)
{
    for (size_t i = 0; i < link->option_count; i++) {
        if (strcmp(link->options[i].name, "url") == 0) {
            const char *at = strrchr(link->options[i].value, '@');
            return at == NULL ? link->options[i].value : at + 1;
        }
    }
    return NULL;
}

static void on_state(void *ctx, size_t index, bool up, const char *text)
{
    struct dam_machine *m = ctx;
    const struct dam_manifest_link *link = &m->manifest.links[index];
    const char *place = up ? NULL : place_of(link);
    dam_machine_say(m, "link %s is %s: %s%s%s%s", link->name, up ? "up" : "down", text,
                    place == NULL ? "" : " (", place == NULL ? "" : place,
                    place == NULL ? "" : ")");
}

/* Told at the first message and at every tenfold count: a flood must not flood the log. */
static void on_dropped(void *ctx, size_t link, uint64_t count)
{
    struct dam_machine *m = ctx;
    uint64_t tens = 1;
    while (tens < count) {
        tens *= 10;
    }
    if (tens == count) {
        dam_machine_say(m, "link %s: messages come too fast or too long, %llu dropped so far",
                        m->manifest.links[link].name, (unsigned long long)count);
    }
}

static int64_t on_wall_ms(void *ctx)
{
    const struct dam_machine *m = ctx;
    return m->events.now(m->events.ctx).wall_ms;
}

enum dam_err dam_machine_connect(struct dam_machine *m, uv_loop_t *loop,
                                 struct dam_manifest_complaint *ret_complaint)
{
    const struct dam_field_events events = {
        on_sample, on_fault, dam_machine_on_written, on_state, on_dropped, on_wall_ms, m};
    return dam_field_open(&m->field, &m->manifest, loop, &events, m->envoy, NULL, ret_complaint);
}

int64_t dam_machine_advance(struct dam_machine *m, int64_t now_ms, bool *ret_replayed)
{
    return dam_field_advance(&m->field, now_ms, ret_replayed);
}

void dam_machine_show(struct dam_machine *m, const struct dam_now *now)
{
    int64_t values[DAM_FLOW_CHANNELS_MAX];
    bool good[DAM_FLOW_CHANNELS_MAX];
    uint8_t observation[DAM_FLOW_SAMPLE_LEN * DAM_FLOW_CHANNELS_MAX];
    size_t channels = m->manifest.channel_count;
    if (!dam_field_wants_turn(&m->field)) {
        return;
    }
    dam_machine_observe(m, now, observation);
    for (size_t i = 0; i < channels; i++) {
        struct dam_flow_sample sample = {0, 0, DAM_FLOW_FAULT};
        const uint8_t *record = observation + (1 + i) * DAM_FLOW_SAMPLE_LEN;
        good[i] =
            dam_flow_sample_load(record, &sample) == DAM_OK && sample.quality == DAM_FLOW_GOOD;
        values[i] = sample.value;
    }
    for (size_t i = 0; i < m->manifest.actuator_count; i++) {
        values[channels + i] = m->decision.action[i];
        good[channels + i] = true;
    }
    const struct dam_link_turn turn = {now->wall_ms, dam_flow_outcome_text(m->decision.outcome),
                                       values, good};
    dam_field_show_turn(&m->field, &turn);
}
