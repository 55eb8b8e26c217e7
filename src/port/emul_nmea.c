// SPDX-License-Identifier: Apache-2.0
#include "port/emul_nmea.h"

#include <inttypes.h>
#include <stdio.h>

#define SENTENCE_SIZE 192u

static void sentence_say(struct dam_emul_serial *emul, const char *text)
{
    char line[SENTENCE_SIZE + 8];
    unsigned sum = 0;
    for (const char *c = text + 1; *c != 0; c++) {
        sum ^= (uint8_t)*c;
    }
    (void)snprintf(line, sizeof(line), "%s*%02X\r\n", text, sum);
    dam_emul_serial_say(emul, line);
}

/* 10^-7 degrees as "ddmm.mmmmmm,N". */
static void angle_text(int64_t e7, int width, const char *sides, char *text, size_t size)
{
    int64_t all = e7 < 0 ? -e7 : e7;
    int64_t minutes_e6 = all % 10000000 * 6;
    (void)snprintf(text, size, "%0*" PRId64 "%02" PRId64 ".%06" PRId64 ",%c", width, all / 10000000,
                   minutes_e6 / 1000000, minutes_e6 % 1000000, sides[e7 < 0]);
}

void dam_emul_nmea_report(struct dam_emul_serial *emul, const struct dam_emul_fix *fix)
{
    char lat[32];
    char lon[32];
    char text[SENTENCE_SIZE];
    if (fix->mode < 2) {
        sentence_say(emul, "$GPGGA,120000,,,,,0,00,99.99,,,,,,");
        sentence_say(emul, "$GPRMC,120000,V,,,,,,,010126,,,N");
        return;
    }
    int64_t knots_e3 = fix->speed_mm_s * 3600 / 1852;
    angle_text(fix->lat_e7, 2, "NS", lat, sizeof(lat));
    angle_text(fix->lon_e7, 3, "EW", lon, sizeof(lon));
    (void)snprintf(text, sizeof(text),
                   "$GPGGA,120000,%s,%s,1,08,0.9,%" PRId64 ".%03" PRId64 ",M,0.0,M,,", lat, lon,
                   fix->alt_mm / 1000, fix->alt_mm % 1000);
    sentence_say(emul, text);
    (void)snprintf(
        text, sizeof(text),
        "$GPRMC,120000,A,%s,%s,%" PRId64 ".%03" PRId64 ",%" PRId64 ".%02" PRId64 ",010126,,,A", lat,
        lon, knots_e3 / 1000, knots_e3 % 1000, fix->track_e2 / 100, fix->track_e2 % 100);
    sentence_say(emul, text);
}
