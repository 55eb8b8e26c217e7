// SPDX-License-Identifier: Apache-2.0
#include "ledger/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct dam_ledger_config config;

static enum dam_err set(const char *name, const char *value)
{
    return dam_ledger_config_set(&config, name, value);
}

static void test_values(void **state)
{
    (void)state;
    dam_ledger_config_init(&config);
    assert_int_equal(config.port, 8545);
    assert_int_equal(set("rpc", ":0"), DAM_OK);
    assert_int_equal(config.port, 0);
    assert_string_equal(config.host, "127.0.0.1");
    assert_int_equal(set("block-time", "2"), DAM_OK);
    assert_int_equal(config.options.block_interval_ms, 2000);
    assert_int_equal(set("block_time", "0.25s"), DAM_OK);
    assert_int_equal(config.options.block_interval_ms, 250);
    assert_int_equal(set("max-size", "3M"), DAM_OK);
    assert_int_equal(config.options.store_len_max, 3 << 20);
    assert_int_equal(set("history", "all"), DAM_OK);
    assert_int_equal(config.options.history, 0);
    assert_int_equal(set("history", "64"), DAM_OK);
    assert_int_equal(config.options.history, 64);
    assert_int_equal(set("gas_limit", "30000000"), DAM_OK);
    assert_int_equal(config.genesis.gas_limit, 30000000);
    assert_int_equal(config.options.gas_limit, 30000000);
    assert_false(config.is_about_new);
    assert_int_equal(set("chain-id", "0x7a69"), DAM_OK);
    assert_int_equal(config.genesis.chain_id, 31337);
    assert_int_equal(set("chain-id", "010"), DAM_OK);
    assert_int_equal(config.genesis.chain_id, 10);
    assert_int_equal(set("gasless", "true"), DAM_OK);
    assert_true(config.genesis.gasless && config.is_about_new);
    assert_int_equal(set("dev", "true"), DAM_OK);
    assert_true(config.genesis.dev && config.options.dev);
    assert_int_equal(set("dev", "false"), DAM_OK);
    assert_false(config.genesis.dev || config.options.dev);
    for (unsigned i = 0; i < DAM_LEDGER_FUNDED_MAX; i++) {
        assert_int_equal(set("fund", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"), DAM_OK);
    }
    assert_int_equal(set("fund", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"), DAM_EPARSE);
}

static void test_refused(void **state)
{
    static const char *const bad[][2] = {
        {"rpc", "8545"},
        {"rpc", "127.0.0.1:65536"},
        {"block_time", "0"},
        {"block_time", "2m"},
        {"call_timeout", "-1"},
        {"history", "0"},
        {"history", "some"},
        {"max_size", "5"},
        {"max_size", "1023K"},
        {"max_size", "1X"},
        {"max_size", "99999999T"},
        {"coinbase", "0x12"},
        {"gas_limit", "20999"},
        {"chain_id", "0"},
        {"chain_id", "-5"},
        {"fund", "0xnobody"},
        {"base_fee", "1e9"},
        {"base_fee_min", ""},
        {"gasless", "yes"},
        {"dev", "1"},
        {"data", ""},
    };
    static const char *const unknown[] = {"", "rp", "rpcs", "block", "block-time-", "-rpc", "RPC"};
    (void)state;
    dam_ledger_config_init(&config);
    assert_int_equal(set("max-size", "1M"), DAM_OK);
    assert_non_null(strstr(dam_ledger_config_wants("max-size"), "at least 1M"));
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        assert_int_equal(set(bad[i][0], bad[i][1]), DAM_EPARSE);
    }
    for (size_t i = 0; i < DAM_COUNT_OF(unknown); i++) {
        assert_int_equal(set(unknown[i], "1"), DAM_ENOTFOUND);
        assert_false(dam_ledger_config_is_switch(unknown[i]));
        assert_null(dam_ledger_config_wants(unknown[i]));
    }
}

static void test_every_name_is_an_option(void **state)
{
    size_t switches = 0;
    size_t count = 0;
    (void)state;
    dam_ledger_config_init(&config);
    for (; dam_ledger_config_names[count] != NULL; count++) {
        assert_int_not_equal(set(dam_ledger_config_names[count], "true"), DAM_ENOTFOUND);
        switches += dam_ledger_config_is_switch(dam_ledger_config_names[count]);
    }
    assert_int_equal(count, 17);
    assert_int_equal(switches, 2);
}

static void test_url(void **state)
{
    char url[DAM_LEDGER_URL_SIZE];
    (void)state;
    dam_ledger_config_init(&config);
    dam_ledger_config_url(&config, 80, url);
    assert_string_equal(url, "http://127.0.0.1:80");
    assert_int_equal(set("rpc", "[::1]:1"), DAM_OK);
    dam_ledger_config_url(&config, config.port, url);
    assert_string_equal(url, "http://[::1]:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_every_name_is_an_option),
        cmocka_unit_test(test_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
