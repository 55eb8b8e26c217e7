// SPDX-License-Identifier: Apache-2.0
#include "ledger/fees.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define GWEI 1000000000u

static struct dam_ledger_chain_rules rules_of(enum dam_fork fork)
{
    struct dam_ledger_chain_rules rules = {0};
    dam_chain_config_init(&rules.config, 1, fork);
    return rules;
}

static uint64_t next(const struct dam_ledger_chain_rules *rules, uint64_t base_fee,
                     uint64_t gas_used)
{
    struct dam_header parent = {.form = DAM_HEADER_PRAGUE,
                                .number = 10,
                                .gas_limit = 20000,
                                .gas_used = gas_used,
                                .base_fee = dam_u256_from_u64(base_fee)};
    struct dam_u256 fee = dam_fees_next_base(rules, &parent, 1000);
    uint64_t ret = 0;
    assert_true(dam_u256_to_u64(&fee, &ret));
    return ret;
}

/* EIP-1559, worked out by hand: the target is half of the limit, a step at most an eighth. */
static void test_rule(void **state)
{
    (void)state;
    const struct dam_ledger_chain_rules rules = rules_of(DAM_FORK_OSAKA);
    static const struct {
        uint64_t base_fee;
        uint64_t gas_used;
        uint64_t want;
    } cases[] = {
        {1000, 10000, 1000}, {1000, 20000, 1125}, {1000, 0, 875},
        {1000, 15000, 1062}, {1000, 5000, 938}, /* rounded down, either way */
        {1000, 10001, 1001},                    /* up by one at least */
        {1000, 9999, 1000},                     /* but not down */
        {7, 20000, 8},       {7, 0, 7},           {8, 0, 7},
        {0, 20000, 1},       {0, 0, 0},           {1, 10000, 1},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        assert_int_equal(next(&rules, cases[i].base_fee, cases[i].gas_used), cases[i].want);
    }
}

static void test_floor(void **state)
{
    (void)state;
    struct dam_ledger_chain_rules rules = rules_of(DAM_FORK_OSAKA);
    rules.base_fee_min = dam_u256_from_u64(900);
    assert_int_equal(next(&rules, 1000, 0), 900);
    assert_int_equal(next(&rules, 1000, 10000), 1000);
    assert_int_equal(next(&rules, 900, 0), 900);
    assert_int_equal(next(&rules, 5, 20000), 900); /* from a block that had its fee by hand */
    assert_int_equal(next(&rules, 900, 20000), 1012);
    rules.gasless = true;
    assert_int_equal(next(&rules, 1000, 20000), 0);
}

static void test_london(void **state)
{
    (void)state;
    struct dam_ledger_chain_rules rules = rules_of(DAM_FORK_FRONTIER);
    rules.config.fork_block[DAM_FORK_LONDON] = 11;
    struct dam_header parent = {
        .form = DAM_HEADER_FRONTIER, .number = 9, .gas_limit = 20000, .gas_used = 20000};
    struct dam_u256 fee = dam_fees_next_base(&rules, &parent, 1000);
    assert_true(dam_u256_is_zero(&fee));
    parent.number = 10;
    const struct dam_u256 first = dam_u256_from_u64(GWEI);
    fee = dam_fees_next_base(&rules, &parent, 1000);
    assert_true(dam_u256_eq(&fee, &first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_london),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
