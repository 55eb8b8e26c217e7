// SPDX-License-Identifier: Apache-2.0
#include "core/record/leaf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct dam_record_leaf example(uint8_t kind)
{
    static uint8_t part[DAM_RECORD_PART_LEN];
    struct dam_record_leaf leaf = {.kind = kind,
                                   .seq = 7,
                                   .time_ms = -5,
                                   .mono_ms = 123456789,
                                   .machine.b = {1},
                                   .prev.b = {2}};
    switch ((enum dam_record_kind)kind) {
    case DAM_RECORD_DECISION:
        leaf.decision = (struct dam_record_decision){
            .mind.b = {3},
            .charter.b = {4},
            .outcome = 1,
            .epoch = 9,
            .mind_gas = 14707,
            .charter_gas = 5000,
            .next_hash.b = {5},
            .memory = dam_bytes("memory", 6),
            .observation = dam_bytes("0123456789abcdef0123456789abcdef", 32),
            .proposal = dam_bytes("proposal", 8),
            .action = dam_bytes("actiona.", 8),
            .reasons = dam_bytes("rr", 2),
        };
        break;
    case DAM_RECORD_RECEIPT:
        leaf.receipt = (struct dam_record_receipt){6, DAM_RECORD_UNKNOWN, dam_bytes("12345678", 8)};
        break;
    case DAM_RECORD_BOOT:
        leaf.boot = (struct dam_record_boot){6, 3, {{8}}, dam_bytes("0.1.0", 5)};
        break;
    case DAM_RECORD_CHANGE:
        leaf.change = (struct dam_record_change){2, {{1}}, {{2}}, {{3}}};
        break;
    case DAM_RECORD_GAP:
        leaf.gap = (struct dam_record_gap){-1, 99, dam_bytes("power cut", 9)};
        break;
    case DAM_RECORD_STOP:
        leaf.stop = (struct dam_record_stop){true, dam_bytes("operator", 8)};
        break;
    case DAM_RECORD_MONEY:
        leaf.money = (struct dam_record_money){{{1}}, 2, {{3}}, dam_bytes("offer", 5)};
        break;
    case DAM_RECORD_TRIAL:
        leaf.trial = (struct dam_record_trial){
            DAM_RECORD_TRIAL_REVOKED, 3, {{1}}, {{2}}, 100, 4, 5, 6, dam_bytes("why", 3)};
        break;
    case DAM_RECORD_EXPLANATION:
        dam_record_part_store(
            &(struct dam_record_part){.output = 1, .record = 3, .field = 2, .ago = 4, .milli = -5},
            part);
        leaf.explanation = (struct dam_record_explanation){
            7, DAM_RECORD_SHAPLEY, {{9}}, dam_bytes(part, sizeof(part))};
        break;
    }
    return leaf;
}

/* Offsets are those of docs/spec/evidence.md; the Court reads the same ones. */
static void a_decision_lies_where_the_spec_says(void **state)
{
    (void)state;
    uint8_t data[DAM_RECORD_LEAF_MAX];
    size_t len = 0;
    struct dam_record_leaf leaf = example(DAM_RECORD_DECISION);
    assert_int_equal(dam_record_leaf_store(&leaf, data, sizeof(data), &len), DAM_OK);
    assert_int_equal(len, 212 + 6 + 32 + 8 + 8 + 2);
    assert_memory_equal(data, "DAML\x01\x01\0\0\0\0\0\0\0\0\0\x07", 16);
    assert_int_equal(data[32], 1);
    assert_int_equal(data[64], 2);
    assert_int_equal(data[96], 3);
    assert_int_equal(data[116], 4);
    assert_int_equal(data[136], 1);
    assert_int_equal(dam_load_be32(data + 140), 9);
    assert_int_equal(dam_load_be64(data + 144), 14707);
    assert_int_equal(data[160], 5);
    assert_int_equal(dam_load_be32(data + 192), 6);
    assert_int_equal(dam_load_be32(data + 208), 2);
    assert_memory_equal(data + 212, "memory0123", 10);
}

static void every_kind_comes_back_and_every_cut_is_refused(void **state)
{
    (void)state;
    for (uint8_t kind = DAM_RECORD_DECISION; kind < DAM_RECORD_KINDS; kind++) {
        uint8_t data[512];
        uint8_t again[512];
        size_t len = 0;
        size_t again_len = 0;
        struct dam_record_leaf leaf = example(kind);
        struct dam_record_leaf read;
        assert_int_equal(dam_record_leaf_store(&leaf, data, sizeof(data), &len), DAM_OK);
        assert_int_equal(dam_record_leaf_load(dam_bytes(data, len), &read), DAM_OK);
        assert_int_equal(read.kind, kind);
        assert_int_equal(read.time_ms, -5);
        assert_int_equal(dam_record_leaf_store(&read, again, sizeof(again), &again_len), DAM_OK);
        assert_int_equal(again_len, len);
        assert_memory_equal(again, data, len);
        for (size_t size = 0; size < len; size++) {
            assert_int_equal(dam_record_leaf_store(&leaf, again, size, &again_len), DAM_EFULL);
        }
        for (size_t size = 0; size < DAM_RECORD_LEAF_HEAD; size++) {
            assert_int_equal(dam_record_leaf_load(dam_bytes(data, size), &read), DAM_EPARSE);
        }
    }
}

static void malformed_leaves_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        enum dam_err want;
    } cases[] = {
        {0, 'd', DAM_EPARSE}, {4, 2, DAM_EVERSION}, {5, 0, DAM_EPARSE},      {5, 9, DAM_EPARSE},
        {6, 1, DAM_EPARSE},   {7, 1, DAM_EPARSE},   {136, 9, DAM_EPARSE},    {137, 1, DAM_EPARSE},
        {139, 1, DAM_EPARSE}, {195, 7, DAM_EPARSE}, {192, 0xff, DAM_EPARSE}, {199, 31, DAM_EPARSE},
        {203, 9, DAM_EPARSE}, {211, 3, DAM_EPARSE},
    };
    uint8_t data[512];
    size_t len = 0;
    struct dam_record_leaf leaf = example(DAM_RECORD_DECISION);
    struct dam_record_leaf read;
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        assert_int_equal(dam_record_leaf_store(&leaf, data, sizeof(data), &len), DAM_OK);
        data[cases[i].at] = cases[i].value;
        assert_int_equal(dam_record_leaf_load(dam_bytes(data, len), &read), cases[i].want);
    }
    assert_int_equal(dam_record_leaf_store(&leaf, data, sizeof(data), &len), DAM_OK);
    assert_int_equal(dam_record_leaf_load(dam_bytes(data, len + 1), &read), DAM_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decision_lies_where_the_spec_says),
        cmocka_unit_test(every_kind_comes_back_and_every_cut_is_refused),
        cmocka_unit_test(malformed_leaves_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
