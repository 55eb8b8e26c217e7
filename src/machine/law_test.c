// SPDX-License-Identifier: Apache-2.0
/* One rules table, two artefacts: the contract BoundsCharter in the EVM and the C guard give the
 * same action and the same reason codes on random rules, observations and proposals. DAM_TRIPLES:
 * how many of them, instead of 10,000. */
#include "machine/law.h"

#include "base/heap.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TRIPLES 10000
#define TURNS 50 /* of a table */
#define ACTUATORS 4

static struct dam_prng prng = {.state = 11};

/* Mostly small numbers, sometimes the ends of the range. */
static int64_t number(void)
{
    switch (dam_prng_below(&prng, 16)) {
    case 0:
        return INT64_MAX;
    case 1:
        return INT64_MIN;
    default:
        return (int64_t)dam_prng_below(&prng, 400) - 200;
    }
}

static void rules_make(struct dam_flow_rules *rules)
{
    rules->actuator_count = 1 + dam_prng_below(&prng, ACTUATORS);
    rules->interlock_count = dam_prng_below(&prng, 8);
    rules->channel_count = rules->actuator_count + 1 + dam_prng_below(&prng, 4);
    for (size_t i = 0; i < rules->actuator_count; i++) {
        int64_t a = number();
        int64_t b = number();
        int64_t min = a < b ? a : b;
        int64_t max = a < b ? b : a;
        int64_t step = number();
        rules->limits[i] = (struct dam_flow_limit){min, max, step < 0 ? 0 : step,
                                                   dam_prng_below(&prng, 2) == 0 ? min : max};
    }
    for (size_t i = 0; i < rules->interlock_count; i++) {
        rules->interlocks[i] = (struct dam_flow_interlock){
            .channel = (uint16_t)dam_prng_below(&prng, rules->channel_count),
            .test = (uint8_t)dam_prng_below(&prng, 9),
            .effect = (uint8_t)dam_prng_below(&prng, 4),
            .actuator = (uint16_t)dam_prng_below(&prng, rules->actuator_count),
            .a = number(),
            .b = number(),
        };
    }
}

static size_t observation_make(const struct dam_flow_rules *rules, uint8_t *observation)
{
    for (size_t i = 0; i < rules->channel_count; i++) {
        const struct dam_flow_sample sample = {number(),
                                               dam_prng_below(&prng, 4) == 0
                                                   ? DAM_FLOW_AGE_NEVER
                                                   : (uint32_t)dam_prng_below(&prng, 300),
                                               (uint8_t)dam_prng_below(&prng, 5)};
        dam_flow_sample_store(observation + i * DAM_FLOW_SAMPLE_LEN, &sample);
    }
    return rules->channel_count * DAM_FLOW_SAMPLE_LEN;
}

/* Code that answers with ("", proposal) whatever it is asked: copy what follows it and return. */
static size_t mind_make(const uint8_t *proposal, size_t len, uint8_t *code)
{
    size_t answer = 3 * 32 + 32 + (len + 31) / 32 * 32;
    const uint8_t program[12] = {0x61, 0, (uint8_t)answer, 0x60, 12,  0x5f, 0x39,
                                 0x61, 0, (uint8_t)answer, 0x5f, 0xf3};
    memset(code, 0, 12 + answer);
    memcpy(code, program, sizeof(program));
    code[12 + 31] = 0x40;
    code[12 + 63] = 0x60;
    code[12 + 127] = (uint8_t)len;
    memcpy(code + 12 + 128, proposal, len);
    return 12 + answer;
}

static void guard_and_charter_agree(void **state)
{
    (void)state;
    static struct dam_manifest manifest;
    static struct dam_decision decision;
    struct dam_arena arena;
    const char *wanted = getenv("DAM_TRIPLES");
    size_t triples = wanted == NULL ? TRIPLES : strtoull(wanted, NULL, 10);
    size_t compared = 0;
    size_t changed = 0;
    dam_arena_init(&arena, dam_heap(), 0);
    manifest = (struct dam_manifest){.folder = ".", .arena = &arena};
    for (int table = 0; compared < triples; table++) {
        const struct dam_manifest_code code = {.code = "BoundsCharter"};
        struct dam_manifest_complaint complaint;
        struct dam_decider *decider = NULL;
        struct dam_law law = {.mind.b = {1}, .mind_gas = 100000, .charter_gas = 2000000};
        rules_make(&manifest.rules);
        assert_int_equal(dam_decider_create(dam_heap(), &decider), DAM_OK);
        enum dam_err err =
            dam_law_load_one(&manifest, NULL, decider, &code, true, ".", &law.charter, &complaint);
        if (err == DAM_ENOTFOUND) {
            (void)printf("skipped: %s\n", complaint.text);
            dam_decider_destroy(decider);
            dam_arena_finish(&arena);
            skip();
        }
        assert_int_equal(err, DAM_OK);
        for (int turn = 0; turn < TURNS; turn++) {
            uint8_t observation[16 * DAM_FLOW_SAMPLE_LEN];
            uint8_t proposal[8 * ACTUATORS];
            uint8_t mind[512];
            int64_t values[ACTUATORS];
            int64_t action[ACTUATORS];
            uint16_t reasons[ACTUATORS];
            size_t n = manifest.rules.actuator_count;
            size_t len = observation_make(&manifest.rules, observation);
            for (size_t i = 0; i < n; i++) {
                values[i] = number();
            }
            dam_flow_values_store(proposal, values, n);
            size_t mind_len = mind_make(proposal, 8 * n, mind);
            assert_int_equal(dam_decider_put(decider, &law.mind, dam_bytes(mind, mind_len)),
                             DAM_OK);
            const struct dam_decide_input input = {&law, &manifest.rules, DAM_DECIDE_NORMAL,
                                                   dam_bytes(NULL, 0), dam_bytes(observation, len)};
            assert_int_equal(dam_decide(decider, &input, &decision), DAM_OK);
            assert_true(dam_flow_rules_review(&manifest.rules, dam_bytes(observation, len),
                                              dam_bytes(proposal, 8 * n), action, reasons));
            assert_in_range(decision.outcome, DAM_FLOW_PERMITTED, DAM_FLOW_CHANGED);
            for (size_t i = 0; i < n; i++) {
                if (decision.action[i] != action[i] || decision.reasons[i] != reasons[i]) {
                    fail_msg("table %d turn %d actuator %zu: contract %lld (%u), guard %lld (%u)",
                             table, turn, i, (long long)decision.action[i], decision.reasons[i],
                             (long long)action[i], reasons[i]);
                }
                changed += reasons[i] != 0 ? 1 : 0;
            }
            compared++;
        }
        dam_decider_destroy(decider);
        dam_arena_reset(&arena);
    }
    dam_arena_finish(&arena);
    assert_true(compared >= TRIPLES);
    assert_true(changed > compared / 4);
    (void)printf("%zu triples: the same action and reasons; %zu actuators were corrected\n",
                 compared, changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(guard_and_charter_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
