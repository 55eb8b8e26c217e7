// SPDX-License-Identifier: Apache-2.0
/* The pure parts of the links: payloads, registers, keys, lines, times, delays. */
#include "port/homeassistant.h"
#include "port/link_csv.h"
#include "port/link_gpsd.h"
#include "port/link_lines.h"
#include "port/link_modbus.h"
#include "port/link_mqtt.h"
#include "port/link_program.h"

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

static void sunspec_points(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        unsigned offset; /* with lists of four items */
        int sf;
        const char *unit;
    } cases[] = {
        /* SunSpec Information Model Reference, models 103, 124, 203; DER Information Model 701-714
         */
        {"103.W", 12, 13, "W"},
        {"124.OutWRte", 10, 23, "%"},
        {"203.TotWhExp", 36, 52, "Wh"},
        {"802.SoC", 9, 54, "%"},
        {"701.W", 8, 114, "W"},
        {"701.TotWhInj", 17, 118, "Wh"},
        {"702.WMaxRtg", 0, 43, "W"},
        {"704.WSetPct", 26, 54, "%"},
        {"704.PFWInj.PF", 57, 51, ""},
        {"713.SoC", 2, 6, "%"},
        {"714.Prt.1.DCW", 30, 15, "W"},
        {"714.Prt.3.DCW", 80, 15, "W"},
        {"160.module.2.DCV", 38, 1, "V"},
        {"705.Crv.1.ActPt", 13, -1, ""},
        {"705.Crv.2.Pt.3.V", 45, 10, "%"},
        {"705.Crv.2.Pt.3.Var", 46, 11, ""},
        {"707.Crv.1.MayTrip.Pt.1.V", 22, 5, "%"},
        {"708.Crv.2.MomCess.Pt.4.Tms", 85, 6, "s"},
        {"709.Crv.2.MomCess.ActPt", 94, -1, ""},
        {"711.Ctl.2.ReadOnly", 31, -1, ""},
        {"712.Crv.1.Pt.4.Var", 23, 11, "%"}};
    static const char *const bad[] = {"714.Prt.DCW",    "714.Prt.0.DCW",
                                      "714.Prt.1.Nope", "714.Prt.1001.DCW",
                                      "103.W.1",        "103",
                                      "700.W",          "705.Crv.2.Pt.V",
                                      "705.Crv.Pt.2.V", "705.Crv.2.Pt.0.V",
                                      "705.Crv.2.Pt.3", "705.Crv.2.Pt.3.Var.1"};
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        struct dam_sunspec_place place;
        bool found = dam_sunspec_find(cases[i].key, &place);
        uint32_t offset = found ? dam_sunspec_offset(&place, 4) : 0;
        if (!found || offset != cases[i].offset || place.point->sf != cases[i].sf ||
            strcmp(place.point->unit, cases[i].unit) != 0) {
            fail_msg("%s: %u", cases[i].key, offset);
        }
    }
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        struct dam_sunspec_place place;
        if (dam_sunspec_find(bad[i], &place)) {
            fail_msg("%s is found", bad[i]);
        }
    }
}

/* Payloads and command topics as the makers' documentation shows them. */
static void what_devices_say(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *payload;
        int64_t value; /* three decimals */
    } reads[] = {
        /* zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html */
        {"zigbee2mqtt/my_bulb#state",
         "{\"state\":\"ON\",\"brightness\":215,\"color_temp\":325,\"linkquality\":120}", 1000},
        {"zigbee2mqtt/soil#soil_moisture",
         "{\"battery\":100,\"linkquality\":94,\"soil_moisture\":43,\"temperature\":21.5}", 43000},
        {"zigbee2mqtt/soil/availability#state", "{\"state\":\"offline\"}", 0},
        /* tasmota.github.io/docs/MQTT/: tele SENSOR of a plug with an energy meter, and stat */
        {"tele/plug/SENSOR#ENERGY.Power",
         "{\"Time\":\"2021-01-01T01:01:01\",\"ENERGY\":{\"TotalStartTime\":\"2020-01-01T00:00:00\","
         "\"Total\":12.345,\"Yesterday\":0.3,\"Today\":0.1,\"Period\":5,\"Power\":60,"
         "\"ApparentPower\":65,\"ReactivePower\":22,\"Factor\":0.93,\"Voltage\":229,\"Current\":0."
         "283"
         "}}",
         60000},
        {"stat/plug/POWER", "OFF", 0},
        {"stat/plug/RESULT#POWER1", "{\"POWER1\":\"ON\"}", 1000},
        /* shelly-api-docs.shelly.cloud, gen2 Switch status */
        {"shellyplus1pm/status/switch:0#apower",
         "{\"id\":0,\"source\":\"WS_in\",\"output\":false,\"apower\":8.9,\"voltage\":225.9,"
         "\"current\":0.065,\"pf\":0.81,\"aenergy\":{\"total\":6.532,\"by_minute\":[45.199,47.141,"
         "88.397],\"minute_ts\":1626935779},\"temperature\":{\"tC\":23.5,\"tF\":74.4}}",
         8900},
        {"shellyplus1pm/status/switch:0#aenergy.by_minute.1",
         "{\"aenergy\":{\"by_minute\":[1,2.5]}}", 2500},
        {"shellyplus1pm/events/rpc#params.switch:0.output",
         "{\"src\":\"shellyplus1pm\",\"method\":\"NotifyStatus\",\"params\":{\"ts\":1.5,\"switch:"
         "0\":"
         "{\"id\":0,\"output\":true,\"source\":\"button\"}}}",
         1000},
        /* and gen1 */
        {"shellies/shelly1pm-3494546B/relay/0/power", "12.07", 12070},
        {"shellies/shelly1pm-3494546B/relay/0", "on", 1000},
    };
    struct dam_arena arena;
    struct dam_mqtt_key key;
    dam_arena_init(&arena, dam_heap(), 0);
    for (size_t i = 0; i < DAM_COUNT_OF(reads); i++) {
        int64_t value = -1;
        assert_int_equal(dam_mqtt_key_parse(reads[i].key, false, &key), DAM_OK);
        enum dam_err err =
            dam_mqtt_value(&arena, reads[i].payload, strlen(reads[i].payload), key.path, 3, &value);
        if (err != DAM_OK || value != reads[i].value) {
            fail_msg("%s: %s %lld", reads[i].key, dam_err_name(err), (long long)value);
        }
    }
    dam_arena_finish(&arena);
}

static void what_devices_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int64_t value; /* one decimal */
        const char *payload;
    } writes[] = {
        {"zigbee2mqtt/my_bulb/set#state=OFF|ON", 10, "{\"state\":\"ON\"}"},
        {"cmnd/plug/POWER=OFF|ON", 0, "OFF"},
        {"shellyplus1pm/command/switch:0=off|on", 5, "on"},
        {"site/limit#a.b", -15, "{\"a\":{\"b\":-1.5}}"},
        {"site/limit", 20, "2.0"},
    };
    static const char *const bad[] = {"", "#a", "a/+/b", "a=|on", "a=off|", "a=on", "a#b\"=x|y"};
    struct dam_mqtt_key key;
    for (size_t i = 0; i < DAM_COUNT_OF(writes); i++) {
        char text[128];
        assert_int_equal(dam_mqtt_key_parse(writes[i].key, true, &key), DAM_OK);
        int len = dam_mqtt_payload(&key, writes[i].value, 1, text, sizeof(text));
        assert_int_equal(len, strlen(writes[i].payload));
        assert_string_equal(text, writes[i].payload);
        assert_int_equal(dam_mqtt_payload(&key, writes[i].value, 1, text, (size_t)len), -1);
    }
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        if (dam_mqtt_key_parse(bad[i], true, &key) == DAM_OK) {
            fail_msg("%s is accepted", bad[i]);
        }
    }
}

static void gpsd_reports(void **state)
{
    (void)state;
    /* gpsd_json(5) */
    static const char tpv[] =
        "{\"class\":\"TPV\",\"device\":\"/dev/pts/1\",\"time\":\"2005-06-08T10:34:48.283Z\","
        "\"ept\":0.005,\"lat\":46.498293369,\"lon\":7.567411672,\"alt\":1343.127,\"track\":10.3788,"
        "\"speed\":0.091,\"climb\":-0.085,\"mode\":3}";
    static const char none[] = "{\"class\":\"TPV\",\"device\":\"/dev/pts/1\",\"mode\":1}";
    static const char sky[] = "{\"class\":\"SKY\",\"hdop\":1.55,\"uSat\":9}";
    struct dam_gpsd_report report;
    struct dam_arena arena;
    int64_t value = 0;
    dam_arena_init(&arena, dam_heap(), 0);
    assert_int_equal(dam_gpsd_parse(&arena, tpv, strlen(tpv), &report), DAM_OK);
    assert_int_equal(dam_gpsd_value(&report, "lat", DAM_GPSD_FIX_3D, 7, &value), DAM_OK);
    assert_int_equal(value, 464982934);
    assert_int_equal(dam_gpsd_value(&report, "TPV.mode", DAM_GPSD_FIX_3D, 0, &value), DAM_OK);
    assert_int_equal(value, 3);
    assert_int_equal(dam_gpsd_value(&report, "SKY.hdop", DAM_GPSD_FIX_2D, 2, &value),
                     DAM_ENOTFOUND);
    assert_int_equal(dam_gpsd_value(&report, "time", DAM_GPSD_FIX_2D, 2, &value), DAM_EPARSE);
    assert_int_equal(dam_gpsd_parse(&arena, none, strlen(none), &report), DAM_OK);
    assert_int_equal(dam_gpsd_value(&report, "lat", DAM_GPSD_FIX_2D, 7, &value), DAM_EAGAIN);
    assert_int_equal(dam_gpsd_value(&report, "mode", DAM_GPSD_FIX_2D, 0, &value), DAM_OK);
    assert_int_equal(dam_gpsd_parse(&arena, sky, strlen(sky), &report), DAM_OK);
    assert_int_equal(dam_gpsd_value(&report, "SKY.uSat", DAM_GPSD_FIX_3D, 0, &value), DAM_OK);
    assert_int_equal(value, 9);
    assert_int_equal(dam_gpsd_parse(&arena, "[]", 2, &report), DAM_EPARSE);
    assert_int_equal(dam_gpsd_parse(&arena, "{\"class\":7}", 11, &report), DAM_EPARSE);
    dam_arena_finish(&arena);
}

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *host;
        unsigned port;
    } good[] = {{"tcp://10.0.0.1:502", "10.0.0.1", 502},
                {"tcp://plc", "plc", 99},
                {"tcp://[fe80::1]:1", "fe80::1", 1},
                {"tcp://[::1]", "::1", 99}};
    static const char *const bad[] = {
        "",           "tcp://",    "udp://a:1",  "tcp://a:",   "tcp://a:0", "tcp://a:65536",
        "tcp://a:1x", "tcp://a/b", "tcp://[::1", "tcp://a:-1", "tcp://:5"};
    char host[32];
    for (size_t i = 0; i < DAM_COUNT_OF(good); i++) {
        unsigned port = 99;
        assert_true(dam_link_url(good[i].url, "tcp://", host, sizeof(host), &port));
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        unsigned port = 99;
        if (dam_link_url(bad[i], "tcp://", host, sizeof(host), &port)) {
            fail_msg("%s is accepted", bad[i]);
        }
    }
}

static void floods_are_cut_by_rule(void **state)
{
    (void)state;
    struct dam_link_gate gate = {0};
    unsigned passed = 0;
    for (uint64_t ms = 5000; ms < 15000; ms++) { /* 10 s of 100 messages a millisecond */
        for (int i = 0; i < 100; i++) {
            passed += dam_link_gate_pass(&gate, ms, 50) ? 1 : 0;
        }
    }
    assert_int_equal(passed, 50 + 10 * 50 - 1); /* the burst, then the rate */
    unsigned slow = 0;
    gate = (struct dam_link_gate){0};
    for (uint64_t ms = 0; ms < 100000; ms += 20) { /* exactly the rate: none is lost */
        slow += dam_link_gate_pass(&gate, ms, 50) ? 1 : 0;
    }
    assert_int_equal(slow, 5000);
}

static void home_assistant(void **state)
{
    (void)state;
    static const struct dam_link_shown shown[] = {{"pv-1", "Panels \"east\"", "W", 1, false},
                                                  {"valve", "valve", "", 0, true}};
    const struct dam_link_about about = {"farm", "The farm", shown, 2};
    const int64_t values[] = {-125, 1};
    const bool good[] = {true, false};
    const struct dam_link_turn turn = {1772323200500, "permitted", values, good};
    const struct dam_json *root = NULL;
    struct dam_arena arena;
    struct dam_buf buf;
    char topic[DAM_HA_TOPIC_MAX];
    dam_arena_init(&arena, dam_heap(), 0);
    dam_buf_init_arena(&buf, &arena, 0);
    assert_true(dam_ha_config_topic(&about, "homeassistant", 0, topic));
    assert_string_equal(topic, "homeassistant/sensor/dam_farm/pv-1/config");
    dam_ha_config(&about, 0, "dam/farm/availability", &buf);
    assert_int_equal(dam_json_parse(&arena, (char *)buf.data, buf.len, 8, &root, NULL), DAM_OK);
    assert_true(dam_json_is(dam_json_get(root, "name"), "Panels \"east\""));
    assert_true(dam_json_is(dam_json_get(root, "unique_id"), "dam_farm_pv-1"));
    assert_true(dam_json_is(dam_json_get(root, "device_class"), "power"));
    assert_true(dam_json_is(dam_json_get(root, "state_topic"), "dam/farm/state"));
    assert_true(dam_json_is(dam_json_get(root, "availability_topic"), "dam/farm/availability"));
    assert_true(dam_json_is(dam_json_get(root, "value_template"), "{{ value_json.v['pv-1'] }}"));
    assert_non_null(dam_json_get(dam_json_get(root, "device"), "identifiers"));
    dam_buf_init_arena(&buf, &arena, 0);
    dam_ha_state(&about, &turn, &buf);
    static const char want[] =
        "{\"time\":1772323200,\"outcome\":\"permitted\",\"v\":{\"pv-1\":-12.5,\"valve\":null}}";
    assert_int_equal(buf.len, strlen(want));
    assert_memory_equal(buf.data, want, buf.len);
    dam_arena_finish(&arena);
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
        cmocka_unit_test(sunspec_points),
        cmocka_unit_test(what_devices_say),
        cmocka_unit_test(what_devices_are_told),
        cmocka_unit_test(gpsd_reports),
        cmocka_unit_test(urls),
        cmocka_unit_test(floods_are_cut_by_rule),
        cmocka_unit_test(home_assistant),
        cmocka_unit_test(csv_lines_and_times),
        cmocka_unit_test(delays_grow_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
