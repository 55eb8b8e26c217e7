// SPDX-License-Identifier: Apache-2.0
#include "core/evm/pow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct dam_chain_config config_of(enum dam_fork fork)
{
    struct dam_chain_config config;
    dam_chain_config_init(&config, 1, fork);
    return config;
}

static uint64_t next(const struct dam_chain_config *config, uint64_t number, uint64_t difficulty,
                     uint64_t passed, bool uncles)
{
    struct dam_header parent = {.number = number - 1,
                                .timestamp = 1000,
                                .difficulty = {{difficulty, 0, 0, 0}},
                                .uncles_hash = dam_empty_uncles_hash};
    uint64_t ret = 0;
    if (uncles) {
        parent.uncles_hash.b[0] ^= 1;
    }
    const struct dam_u256 got = dam_evm_next_difficulty(config, &parent, 1000 + passed);
    assert_true(dam_u256_to_u64(&got, &ret));
    return ret;
}

static void test_difficulty(void **state)
{
    (void)state;
    const struct dam_chain_config frontier = config_of(DAM_FORK_FRONTIER);
    /* Mainnet's blocks 1 and 2. */
    assert_int_equal(next(&frontier, 1, 17179869184, 1438269988, false), 17171480576);
    assert_int_equal(next(&frontier, 2, 17171480576, 29, false), 17163096064);
    assert_int_equal(next(&frontier, 5, 2048000, 12, false), 2049000);
    assert_int_equal(next(&frontier, 5, 2048000, 13, false), 2047000);
    assert_int_equal(next(&frontier, 5, 131072, 13, false), 131072);
    /* The bomb: nothing in the first two periods, then 2^(period - 2). */
    assert_int_equal(next(&frontier, 199999, 2048000, 12, false), 2049000);
    assert_int_equal(next(&frontier, 200000, 2048000, 12, false), 2049001);
    assert_int_equal(next(&frontier, 1200000, 2048000, 12, false), 2049000 + 1024);

    const struct dam_chain_config homestead = config_of(DAM_FORK_HOMESTEAD);
    assert_int_equal(next(&homestead, 5, 2048000, 9, false), 2049000);
    assert_int_equal(next(&homestead, 5, 2048000, 19, false), 2048000);
    assert_int_equal(next(&homestead, 5, 2048000, 20, false), 2047000);
    assert_int_equal(next(&homestead, 5, 2048000, 1000, false), 2048000 - 99000);
    assert_int_equal(next(&homestead, 5, 2048000, UINT64_MAX - 1000, false), 2048000 - 99000);

    const struct dam_chain_config byzantium = config_of(DAM_FORK_BYZANTIUM);
    assert_int_equal(next(&byzantium, 5, 2048000, 8, false), 2049000);
    assert_int_equal(next(&byzantium, 5, 2048000, 8, true), 2050000);
    assert_int_equal(next(&byzantium, 5, 2048000, 9, false), 2048000);
    assert_int_equal(next(&byzantium, 5, 2048000, 18, true), 2048000);
    assert_int_equal(next(&byzantium, 5, 2048000, 9 * 101, true), 2048000 - 99000);
    assert_int_equal(next(&byzantium, 5, 2048000, 100000, true), 2048000 - 99000);
    assert_int_equal(next(&byzantium, 3199999, 2048000, 9, false), 2048000);
    assert_int_equal(next(&byzantium, 3200000, 2048000, 9, false), 2048001);
}

static void test_bomb_delays(void **state)
{
    (void)state;
    static const struct {
        enum dam_fork fork;
        uint64_t delay;
    } by_fork[] = {{DAM_FORK_CONSTANTINOPLE, 5000000},
                   {DAM_FORK_ISTANBUL, 5000000},
                   {DAM_FORK_BERLIN, 9000000},
                   {DAM_FORK_LONDON, 9700000}};
    for (size_t i = 0; i < sizeof(by_fork) / sizeof(by_fork[0]); i++) {
        const struct dam_chain_config config = config_of(by_fork[i].fork);
        const uint64_t number = by_fork[i].delay + 300000;
        assert_int_equal(next(&config, number - 1, 2048000, 9, false), 2048001);
        assert_int_equal(next(&config, number, 2048000, 9, false), 2048002);
    }
    struct dam_chain_config london = config_of(DAM_FORK_LONDON);
    london.glacier_block[1] = 13773000; /* Arrow Glacier on mainnet */
    london.glacier_block[2] = 15050000; /* Gray Glacier */
    assert_int_equal(next(&london, 13772999, 2048000, 9, false), 2048000 + ((uint64_t)1 << 38));
    assert_int_equal(next(&london, 13773000, 2048000, 9, false), 2048000 + ((uint64_t)1 << 28));
    assert_int_equal(next(&london, 15050000, 2048000, 9, false), 2048000 + ((uint64_t)1 << 34));
}

/* ---- uncles ---------------------------------------------------------------------------------- */

#define LENGTH 8u

/* A chain of LENGTH blocks above a genesis, and the family of the block that comes next. */
struct chain {
    struct dam_chain_config config;
    struct dam_header headers[LENGTH + 1];
    struct dam_evm_ancestor ancestors[DAM_EVM_GENERATIONS];
    struct dam_evm_family family;
};

static struct dam_header child_of(const struct chain *chain, const struct dam_header *parent,
                                  uint64_t passed)
{
    struct dam_header header = {.form = DAM_HEADER_FRONTIER,
                                .uncles_hash = dam_empty_uncles_hash,
                                .number = parent->number + 1,
                                .gas_limit = parent->gas_limit,
                                .timestamp = parent->timestamp + passed};
    dam_header_hash(parent, &header.parent_hash);
    header.difficulty = dam_evm_next_difficulty(&chain->config, parent, header.timestamp);
    return header;
}

static void chain_init(struct chain *chain)
{
    *chain = (struct chain){.config = config_of(DAM_FORK_HOMESTEAD)};
    chain->headers[0] = (struct dam_header){.form = DAM_HEADER_FRONTIER,
                                            .uncles_hash = dam_empty_uncles_hash,
                                            .gas_limit = 1000000,
                                            .difficulty = {{131072, 0, 0, 0}}};
    for (unsigned i = 1; i <= LENGTH; i++) {
        chain->headers[i] = child_of(chain, &chain->headers[i - 1], 10);
    }
    for (unsigned i = 0; i < DAM_EVM_GENERATIONS; i++) {
        chain->ancestors[i].header = &chain->headers[LENGTH - i];
        dam_header_hash(chain->ancestors[i].header, &chain->ancestors[i].hash);
    }
    chain->family = (struct dam_evm_family){chain->ancestors, DAM_EVM_GENERATIONS};
}

static bool holds(const struct chain *chain, const struct dam_header *uncles, size_t count)
{
    const struct dam_block block = {.uncles = uncles, .uncle_count = count};
    return dam_evm_uncles_hold(&chain->config, &chain->family, &block);
}

static void test_uncles(void **state)
{
    (void)state;
    struct chain chain;
    chain_init(&chain);
    /* The next block is number 9; its uncles' parents are the blocks 2 to 7. */
    for (unsigned parent = 0; parent <= LENGTH; parent++) {
        const struct dam_header uncle = child_of(&chain, &chain.headers[parent], 11);
        assert_int_equal(holds(&chain, &uncle, 1), parent >= 2 && parent <= 7);
    }
    struct dam_header uncles[3];
    for (unsigned i = 0; i < 3; i++) {
        uncles[i] = child_of(&chain, &chain.headers[5 + i / 2], 11 + i);
    }
    assert_true(holds(&chain, uncles, 0));
    assert_true(holds(&chain, uncles, 2));
    assert_false(holds(&chain, uncles, 3));
    uncles[1] = uncles[0];
    assert_false(holds(&chain, uncles, 2));
    assert_false(holds(&chain, &chain.headers[6], 1)); /* an ancestor */

    struct dam_hash named;
    dam_header_hash(&uncles[0], &named);
    chain.ancestors[2].uncles = &named;
    chain.ancestors[2].uncle_count = 1;
    assert_false(holds(&chain, &uncles[0], 1));
    chain.ancestors[2].uncle_count = 0;
    assert_true(holds(&chain, &uncles[0], 1));

    (void)dam_u256_add(&uncles[0].difficulty, &uncles[0].difficulty, &(struct dam_u256){{1}});
    assert_false(holds(&chain, &uncles[0], 1));
    uncles[0] = child_of(&chain, &chain.headers[5], 11);
    uncles[0].gas_limit *= 2;
    assert_false(holds(&chain, &uncles[0], 1));
    uncles[0] = child_of(&chain, &chain.headers[5], 0); /* no later than its parent */
    assert_false(holds(&chain, &uncles[0], 1));
}

static void test_dao_word(void **state)
{
    (void)state;
    struct chain chain;
    chain_init(&chain);
    chain.config.dao_block = LENGTH + 1;
    struct dam_header header = child_of(&chain, &chain.headers[LENGTH], 10);
    const struct dam_header *parent = &chain.headers[LENGTH];
    assert_int_equal(dam_evm_header_check(&chain.config, parent, &header),
                     DAM_BLOCK_EXTRA_DATA_DAO);
    memcpy(header.extra, "dao-hard-fork", 13);
    header.extra_len = 13;
    assert_int_equal(dam_evm_header_check(&chain.config, parent, &header), DAM_BLOCK_NONE);
    header.extra_len = 0;
    chain.config.dao_block = LENGTH + 2;
    assert_int_equal(dam_evm_header_check(&chain.config, parent, &header), DAM_BLOCK_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_difficulty),
        cmocka_unit_test(test_bomb_delays),
        cmocka_unit_test(test_uncles),
        cmocka_unit_test(test_dao_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
