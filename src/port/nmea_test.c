// SPDX-License-Identifier: Apache-2.0
#include "port/nmea.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static enum dam_err parse(const char *line, struct dam_nmea *ret)
{
    return dam_nmea_parse(line, strlen(line), ret);
}

/* The text with its checksum. */
static const char *summed(const char *text)
{
    static char line[160];
    unsigned sum = 0;
    for (const char *c = text + 1; *c != 0; c++) {
        sum ^= (uint8_t)*c;
    }
    (void)snprintf(line, sizeof(line), "%s*%02X", text, sum);
    return line;
}

static void positions(void **state)
{
    (void)state;
    struct dam_nmea n;
    /* The sentences that every description of NMEA 0183 shows. */
    assert_int_equal(parse("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47", &n),
                     DAM_OK);
    assert_true(n.is_valid);
    assert_true(n.values[DAM_NMEA_LAT] == INT64_C(48117300000));
    assert_true(n.values[DAM_NMEA_LON] == INT64_C(11516666667));
    assert_true(n.values[DAM_NMEA_ALT] == 545400000);
    assert_true(n.values[DAM_NMEA_FIX] == 1000000 && n.values[DAM_NMEA_SATS] == 8000000);
    assert_true(n.values[DAM_NMEA_HDOP] == 900000);
    assert_false(n.tells[DAM_NMEA_SPEED]);
    assert_int_equal(
        parse("$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A", &n), DAM_OK);
    assert_true(n.is_valid);
    assert_true(n.values[DAM_NMEA_SPEED] == 11523555); /* 22.4 kn in m/s */
    assert_true(n.values[DAM_NMEA_TRACK] == 84400000);
    assert_int_equal(parse(summed("$GNRMC,1,A,0000.0001,S,17959.9999,W,0,,1,,,A"), &n), DAM_OK);
    assert_true(n.values[DAM_NMEA_LAT] == -1667);
    assert_true(n.values[DAM_NMEA_LON] == INT64_C(-179999998333));
    assert_true(n.tells[DAM_NMEA_TRACK] && !n.has[DAM_NMEA_TRACK]);
    assert_int_equal(parse(summed("$GNRMC,1,A,9000.000,S,18000.000,E,0,,1,,,A"), &n), DAM_OK);
    assert_true(n.values[DAM_NMEA_LAT] == INT64_C(-90000000000));
    assert_true(n.values[DAM_NMEA_LON] == INT64_C(180000000000));
}

static void no_fix(void **state)
{
    (void)state;
    struct dam_nmea n;
    assert_int_equal(parse(summed("$GPGGA,,,,,,0,00,99.99,,,,,,"), &n), DAM_OK);
    assert_false(n.is_valid);
    assert_true(n.tells[DAM_NMEA_LAT] && !n.has[DAM_NMEA_LAT]);
    assert_int_equal(parse(summed("$GPRMC,123519,V,,,,,,,230394,,,N"), &n), DAM_OK);
    assert_false(n.is_valid);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum dam_err err;
    } cases[] = {
        {"$GPGSV,3,1,11,03,03,111,00,04,15,270,00", DAM_EUNSUPPORTED},
        {"$GPGGA,1,2", DAM_EPARSE},
        {"$GPGGA,123519,9107.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,", DAM_ERANGE},
        {"$GPGGA,123519,9000.001,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,", DAM_ERANGE},
        {"$GPGGA,123519,4807.038,N,18000.001,W,1,08,0.9,545.4,M,46.9,M,,", DAM_ERANGE},
        {"$GPGGA,123519,4807.038,E,01131.000,E,1,08,0.9,545.4,M,46.9,M,,", DAM_EPARSE},
        {"$GPGGA,123519,4807.038,N,01131.000,w,1,08,0.9,545.4,M,46.9,M,,", DAM_EPARSE},
        {"$GPGGA,123519,4860.000,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,", DAM_ERANGE},
        {"$GPGGA,123519,4807.038,N,01131.000,E,1,08,nan,545.4,M,46.9,M,,", DAM_EPARSE},
        {"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,1e30,M,46.9,M,,", DAM_ERANGE},
        {"$GPGGA,123519,-4807.03,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,", DAM_EPARSE},
        {"$GPRMC,1,A,4807.038,N,01131.000,E,1e13,0,1,,,A", DAM_ERANGE},
    };
    struct dam_nmea n;
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        enum dam_err err = parse(summed(cases[i].text), &n);
        if (err != cases[i].err) {
            fail_msg("%s: %s", cases[i].text, dam_err_name(err));
        }
    }
    assert_int_equal(parse("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*48", &n),
                     DAM_ECORRUPT);
    assert_int_equal(parse("$GPGGA", &n), DAM_ECORRUPT);
    assert_int_equal(parse("", &n), DAM_ECORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions),
        cmocka_unit_test(no_fix),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
