// SPDX-License-Identifier: Apache-2.0
#include "core/flow/rules.h"

#define WORD 32u
#define VERSION 1u

static bool all_zero(const uint8_t *data, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) {
        any |= data[i];
    }
    return any == 0;
}

static enum dam_err limit_parse(const uint8_t *word, struct dam_flow_limit *ret)
{
    *ret = (struct dam_flow_limit){
        .min = (int64_t)dam_load_be64(word),
        .max = (int64_t)dam_load_be64(word + 8),
        .step = (int64_t)dam_load_be64(word + 16),
        .safe = (int64_t)dam_load_be64(word + 24),
    };
    bool ok = ret->min <= ret->safe && ret->safe <= ret->max && ret->step >= 0;
    return ok ? DAM_OK : DAM_EPARSE;
}

static enum dam_err interlock_parse(const uint8_t *word, const struct dam_flow_rules *rules,
                                    struct dam_flow_interlock *ret)
{
    *ret = (struct dam_flow_interlock){
        .channel = dam_load_be16(word),
        .test = word[2],
        .effect = word[3],
        .actuator = dam_load_be16(word + 4),
        .a = (int64_t)dam_load_be64(word + 8),
        .b = (int64_t)dam_load_be64(word + 16),
    };
    bool ok = ret->channel < rules->channel_count && ret->test <= DAM_FLOW_TEST_ALWAYS &&
              ret->effect <= DAM_FLOW_EFFECT_ALL_SAFE && ret->actuator < rules->actuator_count &&
              all_zero(word + 6, 2) && all_zero(word + 24, 8);
    return ok ? DAM_OK : DAM_EPARSE;
}

enum dam_err dam_flow_rules_parse(struct dam_bytes blob, struct dam_flow_rules *ret_rules)
{
    const uint8_t *at = blob.data;
    if (blob.len < WORD || memcmp(at, "DAMR", 4) != 0) {
        return DAM_EPARSE;
    }
    if (at[4] != VERSION) {
        return DAM_EVERSION;
    }
    size_t n = at[5];
    size_t m = dam_load_be16(at + 6);
    size_t c = dam_load_be16(at + 8);
    /* c counts time and the n last actions, so a smaller one cannot be an observation. */
    if (n < 1 || n > DAM_FLOW_ACTUATORS_MAX || m > DAM_FLOW_INTERLOCKS_MAX || c < n + 1 ||
        c > DAM_FLOW_CHANNELS_MAX || !all_zero(at + 10, 22) || blob.len != WORD * (1 + n + m)) {
        return DAM_EPARSE;
    }
    ret_rules->actuator_count = n;
    ret_rules->interlock_count = m;
    ret_rules->channel_count = c;
    at += WORD;
    for (size_t i = 0; i < n; i++, at += WORD) {
        DAM_TRY(limit_parse(at, &ret_rules->limits[i]));
    }
    for (size_t i = 0; i < m; i++, at += WORD) {
        DAM_TRY(interlock_parse(at, ret_rules, &ret_rules->interlocks[i]));
    }
    return DAM_OK;
}

size_t dam_flow_rules_store(const struct dam_flow_rules *rules, uint8_t *blob)
{
    uint8_t *at = blob;
    memset(at, 0, WORD);
    memcpy(at, "DAMR", 4);
    at[4] = VERSION;
    at[5] = (uint8_t)rules->actuator_count;
    dam_store_be16(at + 6, (uint16_t)rules->interlock_count);
    dam_store_be16(at + 8, (uint16_t)rules->channel_count);
    at += WORD;
    for (size_t i = 0; i < rules->actuator_count; i++, at += WORD) {
        const struct dam_flow_limit *limit = &rules->limits[i];
        dam_flow_values_store(at, (int64_t[]){limit->min, limit->max, limit->step, limit->safe}, 4);
    }
    for (size_t i = 0; i < rules->interlock_count; i++, at += WORD) {
        const struct dam_flow_interlock *lock = &rules->interlocks[i];
        memset(at, 0, WORD);
        dam_store_be16(at, lock->channel);
        at[2] = lock->test;
        at[3] = lock->effect;
        dam_store_be16(at + 4, lock->actuator);
        dam_store_be64(at + 8, (uint64_t)lock->a);
        dam_store_be64(at + 16, (uint64_t)lock->b);
    }
    return (size_t)(at - blob);
}

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
    return value < min ? min : value > max ? max : value;
}

static void put(int64_t *action, uint16_t *reason, int64_t value, unsigned why)
{
    if (*action != value) {
        *action = value;
        *reason = (uint16_t)why;
    }
}

static int64_t sat_add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static void limits_apply(const struct dam_flow_rules *rules, const uint8_t *lasts, int64_t *action,
                         uint16_t *reasons)
{
    for (size_t i = 0; i < rules->actuator_count; i++) {
        const struct dam_flow_limit *limit = &rules->limits[i];
        const uint8_t *last = lasts + DAM_FLOW_SAMPLE_LEN * i;
        put(&action[i], &reasons[i], clamp(action[i], limit->min, limit->max),
            DAM_FLOW_REASON_RANGE);
        if (limit->step > 0 && dam_load_be32(last + 8) != DAM_FLOW_AGE_NEVER) {
            int64_t value = (int64_t)dam_load_be64(last);
            int64_t low = sat_add(value, -limit->step);
            int64_t high = sat_add(value, limit->step);
            put(&action[i], &reasons[i], clamp(action[i], low, high), DAM_FLOW_REASON_STEP);
        }
    }
}

static bool test_holds(const struct dam_flow_interlock *lock, const uint8_t *record)
{
    int64_t value = (int64_t)dam_load_be64(record);
    switch ((enum dam_flow_test)lock->test) {
    case DAM_FLOW_TEST_BELOW:
        return value < lock->a;
    case DAM_FLOW_TEST_AT_MOST:
        return value <= lock->a;
    case DAM_FLOW_TEST_ABOVE:
        return value > lock->a;
    case DAM_FLOW_TEST_AT_LEAST:
        return value >= lock->a;
    case DAM_FLOW_TEST_NOT_GOOD:
        return record[12] != DAM_FLOW_GOOD;
    case DAM_FLOW_TEST_OLDER:
        return (int64_t)dam_load_be32(record + 8) > lock->a;
    case DAM_FLOW_TEST_EQUAL:
        return value == lock->a;
    case DAM_FLOW_TEST_NOT_EQUAL:
        return value != lock->a;
    case DAM_FLOW_TEST_ALWAYS:
        return true;
    }
    return false;
}

/* Returns true if this interlock ends the review. */
static bool interlock_apply(const struct dam_flow_rules *rules,
                            const struct dam_flow_interlock *lock, unsigned why, int64_t *action,
                            uint16_t *reasons)
{
    int64_t *value = &action[lock->actuator];
    uint16_t *reason = &reasons[lock->actuator];
    switch ((enum dam_flow_effect)lock->effect) {
    case DAM_FLOW_EFFECT_AT_MOST:
        put(value, reason, *value > lock->b ? lock->b : *value, why);
        return false;
    case DAM_FLOW_EFFECT_AT_LEAST:
        put(value, reason, *value < lock->b ? lock->b : *value, why);
        return false;
    case DAM_FLOW_EFFECT_SET:
        put(value, reason, lock->b, why);
        return false;
    case DAM_FLOW_EFFECT_ALL_SAFE:
        for (size_t i = 0; i < rules->actuator_count; i++) {
            put(&action[i], &reasons[i], rules->limits[i].safe, why);
        }
        return true;
    }
    return false;
}

bool dam_flow_rules_review(const struct dam_flow_rules *rules, struct dam_bytes observation,
                           struct dam_bytes proposal, int64_t *action, uint16_t *reasons)
{
    size_t n = rules->actuator_count;
    if (observation.len != DAM_FLOW_SAMPLE_LEN * rules->channel_count || proposal.len != 8 * n) {
        return false;
    }
    dam_flow_values_load(proposal.data, action, n);
    memset(reasons, 0, n * sizeof(*reasons));
    limits_apply(rules, observation.data + observation.len - DAM_FLOW_SAMPLE_LEN * n, action,
                 reasons);
    for (size_t i = 0; i < rules->interlock_count; i++) {
        const struct dam_flow_interlock *lock = &rules->interlocks[i];
        const uint8_t *record = observation.data + DAM_FLOW_SAMPLE_LEN * lock->channel;
        if (test_holds(lock, record) &&
            interlock_apply(rules, lock, DAM_FLOW_REASON_INTERLOCK + (unsigned)i, action,
                            reasons)) {
            return true; /* safe lies within the range */
        }
    }
    for (size_t i = 0; i < n; i++) {
        put(&action[i], &reasons[i], clamp(action[i], rules->limits[i].min, rules->limits[i].max),
            DAM_FLOW_REASON_RANGE_AGAIN);
    }
    return true;
}
