// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a blob: refused, or written back the same; and the rest of the input as observation
 * and proposal: an action within the limits and a reason exactly where a value changed. */
#include "core/flow/rules.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dam_flow_rules rules;
    static uint8_t again[DAM_FLOW_RULES_LEN_MAX];
    static uint8_t observation[DAM_FLOW_CHANNELS_MAX * DAM_FLOW_SAMPLE_LEN];
    static uint8_t proposal[DAM_FLOW_ACTUATORS_MAX * 8];
    int64_t action[DAM_FLOW_ACTUATORS_MAX];
    uint16_t reasons[DAM_FLOW_ACTUATORS_MAX];
    if (size < 32 || dam_flow_rules_parse(dam_bytes(data, size), &rules) != DAM_OK) {
        return 0;
    }
    DAM_ASSERT(dam_flow_rules_store(&rules, again) == size && memcmp(again, data, size) == 0);
    for (size_t i = 0; i < sizeof(observation); i++) {
        observation[i] = data[i * 7 % size];
    }
    for (size_t i = 0; i < sizeof(proposal); i++) {
        proposal[i] = data[i * 13 % size];
    }
    bool ok = dam_flow_rules_review(
        &rules, dam_bytes(observation, rules.channel_count * DAM_FLOW_SAMPLE_LEN),
        dam_bytes(proposal, rules.actuator_count * 8), action, reasons);
    DAM_ASSERT(ok);
    for (size_t i = 0; i < rules.actuator_count; i++) {
        int64_t proposed = (int64_t)dam_load_be64(proposal + 8 * i);
        DAM_ASSERT(action[i] >= rules.limits[i].min && action[i] <= rules.limits[i].max);
        DAM_ASSERT(reasons[i] != 0 || action[i] == proposed);
    }
    return 0;
}
