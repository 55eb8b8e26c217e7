// SPDX-License-Identifier: Apache-2.0
/* The pure parts of the links: payloads, registers, keys, lines, times, delays. */
#include "port/link_csv.h"
#include "port/link_modbus.h"
#include "port/link_mqtt.h"

#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void payloads(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        const char *path;
        enum dam_err err;
        int64_t value; /* with two decimals */
    } cases[] = {
        {"12.5", NULL, DAM_OK, 1250},
        {"ON", NULL, DAM_OK, 100},
        {"offline\n", NULL, DAM_OK, 0},
        {"nan", NULL, DAM_EPARSE, 0},
        {"", NULL, DAM_EPARSE, 0},
        {"{\"temperature\":21.37,\"battery\":100}", "temperature", DAM_OK, 2137}, /* Zigbee2MQTT */
        {"{\"ENERGY\":{\"Power\":42}}", "ENERGY.Power", DAM_OK, 4200},            /* Tasmota */
        {"{\"id\":0,\"apower\":8.9,\"output\":true}", "output", DAM_OK, 100},     /* Shelly */
        {"{\"params\":{\"switch:0\":{\"apower\":8.9}}}", "params.switch:0.apower", DAM_OK, 890},
        {"[1,[2,3]]", "1.0", DAM_OK, 200},
        {"{\"a.b\":7}", "a.b", DAM_OK, 700},
        {"{\"a\":null}", "a", DAM_ENOTFOUND, 0},
        {"{\"a\":1}", "b", DAM_ENOTFOUND, 0},
        {"{\"a\":{}}", "a", DAM_EPARSE, 0},
        {"{\"a\":1e30}", "a", DAM_ERANGE, 0},
        {"{\"a\":", "a", DAM_EPARSE, 0},
    };
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        int64_t value = 0;
        enum dam_err err = dam_mqtt_value(&arena, cases[i].payload, strlen(cases[i].payload),
                                          cases[i].path, 2, &value);
        if (err != cases[i].err || value != cases[i].value) {
            fail_msg("%s: %s %lld", cases[i].payload, dam_err_name(err), (long long)value);
        }
    }
    dam_arena_finish(&arena);
}

static void registers(void **state)
{
    (void)state;
    static const struct {
        uint16_t r[4];
        enum dam_register_type type;
        int sf;
        unsigned decimals;
        enum dam_err err;
        int64_t value;
    } cases[] = {
        {{0xfff6}, DAM_REGISTER_INT16, 1, 0, DAM_OK, -100},
        {{1234}, DAM_REGISTER_UINT16, -2, 2, DAM_OK, 1234},
        {{1235}, DAM_REGISTER_UINT16, -2, 1, DAM_OK, 124},
        {{0x8000}, DAM_REGISTER_INT16, 0, 0, DAM_ENOTFOUND, 0},
        {{0xffff}, DAM_REGISTER_UINT16, 0, 0, DAM_ENOTFOUND, 0},
        {{0, 0}, DAM_REGISTER_ACC32, 0, 0, DAM_OK, 0},
        {{1, 0}, DAM_REGISTER_UINT32, 0, 0, DAM_OK, 65536},
        {{0xffff, 0xffff}, DAM_REGISTER_INT32, 0, 0, DAM_OK, -1},
        {{0x4148, 0}, DAM_REGISTER_FLOAT32, 0, 1, DAM_OK, 125},
        {{0x7fc0, 0}, DAM_REGISTER_FLOAT32, 0, 1, DAM_ENOTFOUND, 0},
        {{0x7f80, 0}, DAM_REGISTER_FLOAT32, 0, 1, DAM_EPARSE, 0},
        {{0, 0, 0, 7}, DAM_REGISTER_UINT64, 0, 0, DAM_OK, 7},
        {{0xfff0, 0, 0, 0}, DAM_REGISTER_UINT64, 0, 0, DAM_ERANGE, 0},
        {{30000}, DAM_REGISTER_INT16, 10, 12, DAM_ERANGE, 0},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        int64_t value = 0;
        enum dam_err err = dam_register_value(cases[i].r, cases[i].type, cases[i].sf,
                                              cases[i].decimals, false, &value);
        if (err != cases[i].err || value != cases[i].value) {
            fail_msg("case %zu: %s %lld", i, dam_err_name(err), (long long)value);
        }
    }
    uint16_t r[2] = {0};
    assert_int_equal(dam_register_store(-10000, 2, DAM_REGISTER_INT16, -2, r), DAM_OK);
    assert_int_equal(r[0], (uint16_t)-10000);
    assert_int_equal(dam_register_store(-1, 0, DAM_REGISTER_UINT16, 0, r), DAM_ERANGE);
    assert_int_equal(dam_register_store(32768, 0, DAM_REGISTER_INT16, 0, r), DAM_ERANGE);
    assert_int_equal(dam_register_store(65536, 0, DAM_REGISTER_UINT32, 0, r), DAM_OK);
    assert_int_equal(r[0], 1);
}

static void modbus_keys(void **state)
{
    (void)state;
    static const char *const good[] = {
        "103.W",       "124.OutWRte", "802.SoC",           "holding:0:int16",
        "input:65535", "coil:7",      "holding:1:float32", "holding:100:uint32:-3"};
    static const char *const bad[] = {"",
                                      "103.",
                                      "103.Nope",
                                      "999.W",
                                      "holding:",
                                      "holding:65536:int16",
                                      "hold:1:int16",
                                      "holding:1:int8",
                                      "holding:1:int16:",
                                      "holding:1:int16:99",
                                      "holding:1:int16:1x"};
    struct dam_modbus_key key;
    for (size_t i = 0; i < DAM_COUNT_OF(good); i++) {
        if (dam_modbus_key_parse(good[i], &key) != DAM_OK) {
            fail_msg("%s is refused", good[i]);
        }
    }
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        if (dam_modbus_key_parse(bad[i], &key) == DAM_OK) {
            fail_msg("%s is accepted", bad[i]);
        }
    }
    assert_int_equal(dam_modbus_key_parse("holding:100:uint32:-3", &key), DAM_OK);
    assert_int_equal(key.address, 100);
    assert_int_equal(key.exponent, -3);
}

static void csv_lines_and_times(void **state)
{
    (void)state;
    char *fields[DAM_CSV_COLUMNS_MAX];
    char line[] = "a,\"b,\"\"c\"\"\",,d";
    char open[] = "a,\"b";
    char behind[] = "\"a\"b,c";
    int64_t ms = 0;
    assert_int_equal(dam_csv_split(line, ',', fields), 4);
    assert_string_equal(fields[1], "b,\"c\"");
    assert_string_equal(fields[2], "");
    assert_string_equal(fields[3], "d");
    assert_int_equal(dam_csv_split(open, ',', fields), 0);
    assert_int_equal(dam_csv_split(behind, ',', fields), 0);
    assert_int_equal(dam_csv_time("2024-02-29T12:00:00.5Z", 0, &ms), DAM_OK);
    assert_true(ms == INT64_C(1709208000500));
    assert_int_equal(dam_csv_time("1970-01-01", 0, &ms), DAM_OK);
    assert_int_equal(ms, 0);
    assert_int_equal(dam_csv_time("1.5", 3600000, &ms), DAM_OK);
    assert_int_equal(ms, 5400000);
    assert_int_equal(dam_csv_time("yesterday", 0, &ms), DAM_EPARSE);
    assert_int_equal(dam_csv_time("2024-13-01", 0, &ms), DAM_EPARSE);
}

static void delays_grow_and_end(void **state)
{
    (void)state;
    unsigned attempt = 0;
    uint64_t last = 0;
    for (int i = 0; i < 20; i++) {
        uint64_t ms = dam_link_backoff_ms(&attempt, 0);
        assert_true(ms >= last && ms <= 30000);
        last = ms;
    }
    assert_int_equal(last, 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads),
        cmocka_unit_test(registers),
        cmocka_unit_test(modbus_keys),
        cmocka_unit_test(csv_lines_and_times),
        cmocka_unit_test(delays_grow_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
