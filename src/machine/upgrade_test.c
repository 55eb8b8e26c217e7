// SPDX-License-Identifier: Apache-2.0
/* Trial and watch: a candidate decides beside the law in force without touching anything, each rule
 * of [upgrade] breaks where its header says, and a new mind's memory is what its own migrate says.
 */
#include "machine/upgrade.h"

#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct dam_decider *decider;
static struct dam_upgrade_watch watch;
static char text[DAM_LAW_WHY_SIZE];

static int begin(void **state)
{
    (void)state;
    watch = (struct dam_upgrade_watch){.is_on = true, .epoch = 2};
    return dam_decider_create(dam_heap(), &decider) == DAM_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    dam_decider_destroy(decider);
    return 0;
}

/* ---- watch ----------------------------------------------------------------------------------- */

/* Turns with one outcome, until a rule breaks. Returns: how many were made. */
static unsigned turns(const struct dam_manifest_upgrade *rules, uint8_t outcome, unsigned max)
{
    for (unsigned i = 1; i <= max; i++) {
        if (dam_upgrade_watch_turn(&watch, rules, dam_bytes(NULL, 0), outcome, text) != NULL) {
            return i;
        }
    }
    return max + 1;
}

static void errors_are_counted(void **state)
{
    const struct dam_manifest_upgrade rules = {.errors = 3, .kpi = -1};
    (void)state;
    assert_int_equal(turns(&rules, DAM_FLOW_PERMITTED, 100), 101);
    assert_int_equal(turns(&rules, DAM_FLOW_MIND_GAS, 1), 2);
    assert_int_equal(turns(&rules, DAM_FLOW_CHANGED, 50), 51); /* no error */
    assert_int_equal(turns(&rules, DAM_FLOW_CHARTER_FAILED, 5), 2);
    assert_string_equal(text, "it failed in 3 of 153 turns");
}

static void corrections_are_counted(void **state)
{
    const struct dam_manifest_upgrade rules = {.denials_count = 2, .kpi = -1};
    (void)state;
    assert_int_equal(turns(&rules, DAM_FLOW_MIND_REVERT, 50), 51); /* no correction */
    assert_int_equal(turns(&rules, DAM_FLOW_CHANGED, 1), 2);
    assert_int_equal(turns(&rules, DAM_FLOW_GUARDED, 1), 1);
    assert_string_equal(text, "the charter had to correct it 2 times");
}

/* A share counts only after enough turns, and only above it. */
static void a_share_needs_enough_turns(void **state)
{
    const struct dam_manifest_upgrade rules = {.denials_micro = 250000, .after = 8, .kpi = -1};
    (void)state;
    assert_int_equal(turns(&rules, DAM_FLOW_CHANGED, 2), 3);
    assert_int_equal(turns(&rules, DAM_FLOW_PERMITTED, 6), 7); /* 2 of 8 is a quarter */
    assert_int_equal(turns(&rules, DAM_FLOW_CHANGED, 1), 1);   /* 3 of 9 is more */
    assert_string_equal(text, "the charter had to correct it in 3 of 9 turns");
}

/* What the mind did not decide says nothing about it; nor does anything while nobody watches. */
static void others_turns_do_not_count(void **state)
{
    const struct dam_manifest_upgrade rules = {.errors = 1, .denials_count = 1, .kpi = -1};
    (void)state;
    assert_int_equal(turns(&rules, DAM_FLOW_STOPPED, 10), 11);
    assert_int_equal(turns(&rules, DAM_FLOW_VITAL, 10), 11);
    assert_int_equal(watch.count.turns, 0);
    watch.is_on = false;
    assert_int_equal(turns(&rules, DAM_FLOW_MIND_GAS, 10), 11);
    assert_int_equal(watch.count.turns, 0);
}

static const char *measured(const struct dam_manifest_upgrade *rules, int64_t value,
                            uint8_t quality)
{
    uint8_t observation[2 * DAM_FLOW_SAMPLE_LEN] = {0};
    const struct dam_flow_sample sample = {value, 0, quality};
    dam_flow_sample_store(observation + DAM_FLOW_SAMPLE_LEN, &sample);
    return dam_upgrade_watch_turn(&watch, rules, dam_bytes(observation, sizeof(observation)),
                                  DAM_FLOW_PERMITTED, text);
}

static void a_measure_has_a_floor(void **state)
{
    const struct dam_manifest_upgrade rules = {.kpi = 1, .kpi_min = 100, .after = 3};
    (void)state;
    assert_null(measured(&rules, 0, DAM_FLOW_GOOD));
    assert_null(measured(&rules, 150, DAM_FLOW_GOOD));
    for (int i = 0; i < 5; i++) {
        assert_null(measured(&rules, -1000000, DAM_FLOW_STALE)); /* not a measurement */
    }
    assert_null(measured(&rules, 150, DAM_FLOW_GOOD)); /* mean 100: not below */
    assert_non_null(measured(&rules, 99, DAM_FLOW_GOOD));
    assert_string_equal(text, "the mean of its measure over 4 turns is 99, below 100");
}

static void a_measure_saturates(void **state)
{
    const struct dam_manifest_upgrade rules = {.kpi = 1, .kpi_min = 0, .after = 2};
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_null(measured(&rules, INT64_MAX, DAM_FLOW_GOOD));
    }
    assert_true(watch.kpi_sum == INT64_MAX);
    watch.kpi_sum = -10;
    const char *broken = NULL;
    for (int i = 0; i < 5; i++) {
        broken = measured(&rules, INT64_MIN, DAM_FLOW_GOOD);
        assert_non_null(broken);
    }
    assert_true(watch.kpi_sum == INT64_MIN);
}

/* ---- trial ----------------------------------------------------------------------------------- */

/* Answers with two byte strings, both `words` 8-byte zeros but for the first's last byte. */
static size_t answer_make(uint8_t memory, uint8_t set_point, uint8_t *code)
{
    /* offset 0x40, offset 0x80, length 8, memory, length 8, set-point */
    static const uint8_t program[] = {0x60, 0xc0, 0x60, 12,   0x5f, 0x39,
                                      0x60, 0xc0, 0x5f, 0xf3, 0,    0};
    memset(code, 0, 12 + 192);
    memcpy(code, program, sizeof(program));
    code[12 + 31] = 0x40;
    code[12 + 63] = 0x80;
    code[12 + 95] = 8;
    code[12 + 96 + 7] = memory;
    code[12 + 159] = 8;
    code[12 + 160 + 7] = set_point;
    return 12 + 192;
}

static const struct dam_flow_rules rules_one = {
    .actuator_count = 1, .channel_count = 2, .limits = {{0, 100, 0, 0}}};

static void mind_put(uint8_t at, uint8_t memory, uint8_t set_point)
{
    uint8_t code[256];
    const struct dam_address address = {.b = {at}};
    size_t len = answer_make(memory, set_point, code);
    assert_int_equal(dam_decider_put(decider, &address, dam_bytes(code, len)), DAM_OK);
}

static void a_trial_touches_nothing(void **state)
{
    static struct dam_upgrade_trial trial;
    static struct dam_decision ruling;
    static struct dam_decision before;
    uint8_t observation[2 * DAM_FLOW_SAMPLE_LEN] = {0};
    struct dam_law law = {.mind.b = {1}, .charter.b = {2}, .mind_gas = 50000, .charter_gas = 50000};
    const struct dam_terms terms = {
        .epoch = 2, .mind.b = {3}, .charter.b = {2}, .mind_gas = 50000, .charter_gas = 50000};
    (void)state;
    mind_put(1, 11, 40);
    mind_put(2, 0, 0); /* a charter's answer has another form: it fails, and the safe action is 0 */
    mind_put(3, 33, 60);
    struct dam_decide_input input = {&law, &rules_one, DAM_DECIDE_NORMAL, dam_bytes(NULL, 0),
                                     dam_bytes(observation, sizeof(observation))};
    assert_int_equal(dam_decide(decider, &input, &ruling), DAM_OK);
    before = ruling;
    dam_upgrade_trial_turn(&trial, decider, &input, &ruling); /* not begun: nothing */
    assert_int_equal(trial.count.turns, 0);
    dam_upgrade_trial_begin(&trial, &terms, dam_bytes("old", 3));
    assert_int_equal(trial.memory_len, 3);
    dam_upgrade_trial_turn(&trial, decider, &input, &ruling);
    assert_memory_equal(&before, &ruling, sizeof(before));
    assert_ptr_equal(input.law, &law);
    assert_int_equal(trial.count.turns, 1);
    assert_int_equal(trial.decision.outcome, ruling.outcome);
    ruling.action[0] = 7; /* the law in force acted otherwise */
    dam_upgrade_trial_turn(&trial, decider, &input, &ruling);
    assert_int_equal(trial.count.different, 1);
    ruling.outcome = DAM_FLOW_STOPPED; /* not the mind's turn */
    dam_upgrade_trial_turn(&trial, decider, &input, &ruling);
    assert_int_equal(trial.count.turns, 2);
    dam_upgrade_trial_begin(&trial, &terms, dam_bytes(NULL, 0)); /* another begins from nothing */
    assert_true(trial.count.turns == 0 && trial.count.different == 0 && trial.memory_len == 0);
}

/* ---- a new mind's memory --------------------------------------------------------------------- */

/* Code that answers any call with `answer`. */
static void answers(uint8_t at, const uint8_t *answer, size_t len)
{
    uint8_t code[12 + 2048] = {0x61, (uint8_t)(len >> 8), (uint8_t)len, 0x60, 12,  0x5f, 0x39,
                               0x61, (uint8_t)(len >> 8), (uint8_t)len, 0x5f, 0xf3};
    const struct dam_address address = {.b = {at}};
    assert_true(len <= 2048);
    memcpy(code + 12, answer, len);
    assert_int_equal(dam_decider_put(decider, &address, dam_bytes(code, 12 + len)), DAM_OK);
}

static size_t migrated(uint8_t *ret)
{
    const struct dam_law law = {.mind.b = {9}, .mind_gas = 100000};
    const struct dam_address from = {.b = {1}};
    size_t len = 77;
    assert_int_equal(dam_decider_migrate(decider, &law, &from, dam_bytes("memory", 6), ret, &len),
                     DAM_OK);
    return len;
}

static void memory_migrates_by_the_new_minds_word(void **state)
{
    uint8_t memory[DAM_FLOW_MEMORY_MAX];
    uint8_t answer[128] = {0};
    (void)state;
    assert_int_equal(migrated(memory), 0); /* no such code */
    answer[31] = 0x20;
    answer[63] = 5;
    memcpy(answer + 64, "fresh", 5);
    answers(9, answer, 96);
    assert_int_equal(migrated(memory), 5);
    assert_memory_equal(memory, "fresh", 5);
    static const struct {
        size_t at;
        uint8_t value;
        size_t len;
    } bad[] = {
        {31, 0x40, 96},  {63, 33, 96}, {69, 1, 96}, {31, 0x20, 95},
        {31, 0x20, 128}, {55, 1, 96},  {0, 1, 96},  {31, 0, 0},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        uint8_t other[128];
        memcpy(other, answer, sizeof(other));
        other[bad[i].at] = bad[i].value;
        answers(9, other, bad[i].len);
        assert_int_equal(migrated(memory), 0);
    }
    const uint8_t reverts[] = {0x5f, 0x5f, 0xfd};
    const uint8_t stores[] = {0x60, 1, 0x5f, 0x55, 0x5f, 0x5f, 0xf3}; /* SSTORE: it may not */
    const struct dam_address at = {.b = {9}};
    assert_int_equal(dam_decider_put(decider, &at, dam_bytes(reverts, sizeof(reverts))), DAM_OK);
    assert_int_equal(migrated(memory), 0);
    assert_int_equal(dam_decider_put(decider, &at, dam_bytes(stores, sizeof(stores))), DAM_OK);
    assert_int_equal(migrated(memory), 0);
}

/* It is given the old mind's address and the whole of its memory: code that answers with its own
 * calldata shows what it was asked. */
static void migrate_is_asked_in_full(void **state)
{
    /* CALLDATASIZE-4 bytes from 4 to memory 0x40; then offset 0x20 and length before them. */
    static const uint8_t echo[] = {0x60, 4,    0x36, 0x03,             /* n = calldatasize - 4 */
                                   0x80, 0x60, 4,    0x60, 0x40, 0x37, /* copy n bytes to 0x40 */
                                   0x60, 0x20, 0x5f, 0x52,             /* offset */
                                   0x80, 0x60, 0x20, 0x52,             /* length */
                                   0x60, 0x40, 0x01, 0x5f, 0xf3};      /* return n + 0x40 */
    const struct dam_address at = {.b = {9}};
    uint8_t memory[DAM_FLOW_MEMORY_MAX];
    (void)state;
    assert_int_equal(dam_decider_put(decider, &at, dam_bytes(echo, sizeof(echo))), DAM_OK);
    assert_int_equal(migrated(memory), 128);
    assert_int_equal(memory[12], 1); /* the address of the mind before it */
    assert_int_equal(memory[63], 64);
    assert_int_equal(memory[95], 6);
    assert_memory_equal(memory + 96, "memory", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(errors_are_counted, begin, end),
        cmocka_unit_test_setup_teardown(corrections_are_counted, begin, end),
        cmocka_unit_test_setup_teardown(a_share_needs_enough_turns, begin, end),
        cmocka_unit_test_setup_teardown(others_turns_do_not_count, begin, end),
        cmocka_unit_test_setup_teardown(a_measure_has_a_floor, begin, end),
        cmocka_unit_test_setup_teardown(a_measure_saturates, begin, end),
        cmocka_unit_test_setup_teardown(a_trial_touches_nothing, begin, end),
        cmocka_unit_test_setup_teardown(memory_migrates_by_the_new_minds_word, begin, end),
        cmocka_unit_test_setup_teardown(migrate_is_asked_in_full, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
