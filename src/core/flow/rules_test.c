// SPDX-License-Identifier: Apache-2.0
#include "core/flow/rules.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Channels: 0 time, 1 level, 2 and 3 the last actions of a pump and a valve. */
static struct dam_flow_rules site(void)
{
    return (struct dam_flow_rules){
        .actuator_count = 2,
        .interlock_count = 2,
        .channel_count = 4,
        .limits = {{-100, 100, 10, 0}, {0, 50, 0, 50}},
        .interlocks = {{1, DAM_FLOW_TEST_BELOW, DAM_FLOW_EFFECT_AT_MOST, 0, 20, -50},
                       {1, DAM_FLOW_TEST_NOT_GOOD, DAM_FLOW_EFFECT_ALL_SAFE, 0, 0, 0}},
    };
}

static void verdicts(void **state)
{
    (void)state;
    static const struct {
        int64_t level;
        uint8_t quality;
        int64_t last;
        uint32_t last_age;
        int64_t proposal[2];
        int64_t action[2];
        uint16_t reasons[2];
    } cases[] = {
        {80, 0, 0, 1000, {5, 20}, {5, 20}, {0, 0}},
        {80, 0, 0, 1000, {30, 60}, {10, 50}, {2, 1}},
        {80, 0, 0, DAM_FLOW_AGE_NEVER, {300, -1}, {100, 0}, {1, 1}},
        {80, 0, 0, 1000, {300, 0}, {10, 0}, {2, 0}},
        {10, 0, 0, 1000, {5, 20}, {-50, 20}, {16, 0}}, /* an interlock beats the step limit */
        {80, 4, 0, 1000, {5, 20}, {0, 50}, {17, 17}},
        {80, 4, 0, 1000, {0, 50}, {0, 50}, {0, 0}}, /* nothing changed, no reason */
        {10, 1, 0, 1000, {5, 50}, {0, 50}, {17, 0}},
        {80, 0, INT64_MAX, 0, {0, 0}, {100, 0}, {3, 0}},
        {80, 0, INT64_MIN, 0, {0, 0}, {-100, 0}, {3, 0}},
    };
    struct dam_flow_rules rules = site();
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        uint8_t observation[4 * DAM_FLOW_SAMPLE_LEN];
        uint8_t proposal[16];
        int64_t action[2];
        uint16_t reasons[2];
        const struct dam_flow_sample samples[4] = {
            {1700000000, 0, 0},
            {cases[i].level, 5, cases[i].quality},
            {cases[i].last, cases[i].last_age, 0},
            {0, cases[i].last_age, 0},
        };
        for (size_t k = 0; k < 4; k++) {
            dam_flow_sample_store(observation + k * DAM_FLOW_SAMPLE_LEN, &samples[k]);
        }
        dam_flow_values_store(proposal, cases[i].proposal, 2);
        assert_true(dam_flow_rules_review(&rules, dam_bytes(observation, sizeof(observation)),
                                          dam_bytes(proposal, sizeof(proposal)), action, reasons));
        for (size_t k = 0; k < 2; k++) {
            if (action[k] != cases[i].action[k] || reasons[k] != cases[i].reasons[k]) {
                fail_msg("case %zu, actuator %zu: %lld reason %u", i, k, (long long)action[k],
                         reasons[k]);
            }
        }
    }
}

static void a_wrong_shape_is_no_verdict(void **state)
{
    (void)state;
    struct dam_flow_rules rules = site();
    uint8_t data[80] = {0};
    int64_t action[2];
    uint16_t reasons[2];
    assert_false(
        dam_flow_rules_review(&rules, dam_bytes(data, 48), dam_bytes(data, 16), action, reasons));
    assert_false(
        dam_flow_rules_review(&rules, dam_bytes(data, 80), dam_bytes(data, 16), action, reasons));
    assert_false(
        dam_flow_rules_review(&rules, dam_bytes(data, 64), dam_bytes(data, 8), action, reasons));
}

static void a_blob_comes_back_and_a_broken_one_does_not(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        enum dam_err want;
    } cases[] = {
        {0, 'X', DAM_EPARSE},   {4, 2, DAM_EVERSION}, {5, 0, DAM_EPARSE},     {5, 65, DAM_EPARSE},
        {5, 1, DAM_EPARSE},     {7, 3, DAM_EPARSE},   {9, 2, DAM_EPARSE},     {8, 1, DAM_EPARSE},
        {10, 1, DAM_EPARSE},    {31, 1, DAM_EPARSE},  {32, 0x7f, DAM_EPARSE}, /* min above safe */
        {48, 0x80, DAM_EPARSE},                                               /* step below zero */
        {97, 4, DAM_EPARSE},    {98, 9, DAM_EPARSE},  {99, 4, DAM_EPARSE},    {101, 2, DAM_EPARSE},
        {102, 1, DAM_EPARSE},   {127, 1, DAM_EPARSE},
    };
    struct dam_flow_rules rules = site();
    struct dam_flow_rules read;
    uint8_t blob[DAM_FLOW_RULES_LEN_MAX];
    uint8_t again[DAM_FLOW_RULES_LEN_MAX];
    size_t len = dam_flow_rules_store(&rules, blob);
    assert_int_equal(len, 32 * 5);
    assert_int_equal(dam_flow_rules_parse(dam_bytes(blob, len), &read), DAM_OK);
    assert_int_equal(dam_flow_rules_store(&read, again), len);
    assert_memory_equal(blob, again, len);
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(dam_flow_rules_parse(dam_bytes(blob, cut), &read), DAM_EPARSE);
    }
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        memcpy(again, blob, len);
        again[cases[i].at] = cases[i].value;
        assert_int_equal(dam_flow_rules_parse(dam_bytes(again, len), &read), cases[i].want);
    }
}

/* Whatever is asked of whatever rules, the action lies within the limits. */
static void the_action_is_always_within_the_limits(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 3};
    static struct dam_flow_rules rules;
    for (int round = 0; round < 20000; round++) {
        rules.actuator_count = 1 + dam_prng_below(&prng, 4);
        rules.interlock_count = dam_prng_below(&prng, 6);
        rules.channel_count = rules.actuator_count + 1 + dam_prng_below(&prng, 3);
        for (size_t i = 0; i < rules.actuator_count; i++) {
            int64_t min = (int64_t)dam_prng_below(&prng, 200) - 100;
            int64_t max = min + (int64_t)dam_prng_below(&prng, 100);
            rules.limits[i] = (struct dam_flow_limit){min, max, (int64_t)dam_prng_below(&prng, 9),
                                                      (min + max) / 2};
        }
        for (size_t i = 0; i < rules.interlock_count; i++) {
            rules.interlocks[i] = (struct dam_flow_interlock){
                .channel = (uint16_t)dam_prng_below(&prng, rules.channel_count),
                .test = (uint8_t)dam_prng_below(&prng, 9),
                .effect = (uint8_t)dam_prng_below(&prng, 4),
                .actuator = (uint16_t)dam_prng_below(&prng, rules.actuator_count),
                .a = (int64_t)dam_prng_below(&prng, 200) - 100,
                .b = (int64_t)dam_prng_below(&prng, 400) - 200,
            };
        }
        uint8_t observation[8 * DAM_FLOW_SAMPLE_LEN];
        uint8_t proposal[4 * 8];
        int64_t action[4];
        uint16_t reasons[4];
        for (size_t i = 0; i < rules.channel_count; i++) {
            struct dam_flow_sample sample = {(int64_t)dam_prng_below(&prng, 200) - 100,
                                             (uint32_t)dam_prng_below(&prng, 200),
                                             (uint8_t)dam_prng_below(&prng, 5)};
            dam_flow_sample_store(observation + i * DAM_FLOW_SAMPLE_LEN, &sample);
        }
        dam_prng_fill(&prng, proposal, sizeof(proposal));
        assert_true(dam_flow_rules_review(
            &rules, dam_bytes(observation, rules.channel_count * DAM_FLOW_SAMPLE_LEN),
            dam_bytes(proposal, rules.actuator_count * 8), action, reasons));
        for (size_t i = 0; i < rules.actuator_count; i++) {
            assert_in_range(action[i] + 1000, rules.limits[i].min + 1000,
                            rules.limits[i].max + 1000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(a_wrong_shape_is_no_verdict),
        cmocka_unit_test(a_blob_comes_back_and_a_broken_one_does_not),
        cmocka_unit_test(the_action_is_always_within_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
