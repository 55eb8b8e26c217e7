// SPDX-License-Identifier: Apache-2.0
#include "machine/upgrade.h"

#include <stdio.h>

static bool is_minds(uint8_t outcome)
{
    return outcome != DAM_FLOW_VITAL && outcome != DAM_FLOW_STOPPED;
}

static void count(struct dam_upgrade_count *c, uint8_t outcome)
{
    c->turns++;
    c->errors += outcome >= DAM_FLOW_MIND_GAS && outcome <= DAM_FLOW_CHARTER_FAILED;
    c->denials += outcome == DAM_FLOW_CHANGED || outcome == DAM_FLOW_GUARDED;
}

void dam_upgrade_trial_begin(struct dam_upgrade_trial *t, const struct dam_terms *terms,
                             struct dam_bytes memory)
{
    t->is_on = true;
    t->terms = *terms;
    t->count = (struct dam_upgrade_count){0};
    t->memory_len = memory.len;
    if (memory.len > 0) {
        memcpy(t->memory, memory.data, memory.len);
    }
}

void dam_upgrade_trial_turn(struct dam_upgrade_trial *t, struct dam_decider *decider,
                            const struct dam_decide_input *input, const struct dam_decision *ruling)
{
    if (!t->is_on || !is_minds(ruling->outcome)) {
        return;
    }
    const struct dam_law law = {t->terms.mind, t->terms.charter, t->terms.mind_gas,
                                t->terms.charter_gas};
    struct dam_decide_input own = *input;
    own.law = &law;
    own.memory = dam_bytes(t->memory, t->memory_len);
    if (dam_decide(decider, &own, &t->decision) != DAM_OK) {
        count(&t->count, DAM_FLOW_MIND_REVERT);
        return;
    }
    t->memory_len = t->decision.memory_len;
    memcpy(t->memory, t->decision.memory, t->memory_len);
    count(&t->count, t->decision.outcome);
    t->count.different +=
        memcmp(t->decision.action, ruling->action, ruling->count * sizeof(ruling->action[0])) != 0;
}

static void kpi_add(struct dam_upgrade_watch *w, struct dam_bytes observation, int record)
{
    struct dam_flow_sample sample;
    size_t at = DAM_FLOW_SAMPLE_LEN * (size_t)record;
    if (record < 0 || at + DAM_FLOW_SAMPLE_LEN > observation.len ||
        dam_flow_sample_load(observation.data + at, &sample) != DAM_OK ||
        sample.quality != DAM_FLOW_GOOD) {
        return;
    }
    w->kpi_count++;
    if (__builtin_add_overflow(w->kpi_sum, sample.value, &w->kpi_sum)) {
        w->kpi_sum = sample.value < 0 ? INT64_MIN : INT64_MAX;
    }
}

const char *dam_upgrade_watch_turn(struct dam_upgrade_watch *w,
                                   const struct dam_manifest_upgrade *rules,
                                   struct dam_bytes observation, uint8_t outcome, char *text)
{
    if (!w->is_on || !is_minds(outcome)) {
        return NULL;
    }
    const struct dam_upgrade_count *c = &w->count;
    count(&w->count, outcome);
    kpi_add(w, observation, rules->kpi);
    text[0] = 0;
    if (rules->errors > 0 && c->errors >= (uint64_t)rules->errors) {
        (void)snprintf(text, DAM_LAW_WHY_SIZE, "it failed in %llu of %llu turns",
                       (unsigned long long)c->errors, (unsigned long long)c->turns);
    } else if (rules->denials_count > 0 && c->denials >= (uint64_t)rules->denials_count) {
        (void)snprintf(text, DAM_LAW_WHY_SIZE, "the charter had to correct it %llu times",
                       (unsigned long long)c->denials);
    } else if (rules->denials_micro > 0 && c->turns >= (uint64_t)rules->after &&
               (unsigned __int128)c->denials * 1000000 >
                   (unsigned __int128)c->turns * (uint64_t)rules->denials_micro) {
        (void)snprintf(text, DAM_LAW_WHY_SIZE,
                       "the charter had to correct it in %llu of %llu turns",
                       (unsigned long long)c->denials, (unsigned long long)c->turns);
    } else if (rules->kpi >= 0 && w->kpi_count >= (uint64_t)rules->after &&
               w->kpi_sum / (int64_t)w->kpi_count < rules->kpi_min) {
        (void)snprintf(text, DAM_LAW_WHY_SIZE,
                       "the mean of its measure over %llu turns is %lld, below %lld",
                       (unsigned long long)w->kpi_count,
                       (long long)(w->kpi_sum / (int64_t)w->kpi_count), (long long)rules->kpi_min);
    }
    return text[0] == 0 ? NULL : text;
}
