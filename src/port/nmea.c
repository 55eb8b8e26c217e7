// SPDX-License-Identifier: Apache-2.0
#include "port/nmea.h"

#include "base/hex.h"
#include "core/flow/fixed.h"

#define FIELDS_MAX 24u
#define LINE_MAX 120u /* NMEA 0183: 82, but receivers send more */

static const char *const names[DAM_NMEA_FIELD_COUNT] = {"lat",   "lon", "alt",  "speed",
                                                        "track", "fix", "sats", "hdop"};

enum dam_nmea_field dam_nmea_field_find(const char *name)
{
    unsigned i = 0;
    while (i < DAM_NMEA_FIELD_COUNT && strcmp(names[i], name) != 0) {
        i++;
    }
    return (enum dam_nmea_field)i;
}

unsigned dam_nmea_field_decimals(enum dam_nmea_field field)
{
    return field == DAM_NMEA_LAT || field == DAM_NMEA_LON ? DAM_NMEA_POSITION_DECIMALS
                                                          : DAM_NMEA_DECIMALS;
}

/* "*hh" behind the text is the XOR of what is between '$' and '*'. */
static bool checksum_is_good(const char *line, size_t len)
{
    uint8_t want = 0;
    uint8_t sum = 0;
    if (len < 9 || line[0] != '$' || line[len - 3] != '*' ||
        dam_hex_decode_exact(line + len - 2, 2, &want, 1) != DAM_OK) {
        return false;
    }
    for (size_t i = 1; i < len - 3; i++) {
        sum ^= (uint8_t)line[i];
    }
    return sum == want;
}

static size_t fields_split(const char *text, size_t len, struct dam_bytes *ret)
{
    size_t count = 0;
    size_t start = 0;
    for (size_t i = 0; i <= len && count < FIELDS_MAX; i++) {
        if (i == len || text[i] == ',') {
            ret[count++] = dam_bytes(text + start, i - start);
            start = i + 1;
        }
    }
    return count;
}

static bool is_plain(struct dam_bytes text) /* digits, perhaps with a point */
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.data[i] < '0' || text.data[i] > '9') && text.data[i] != '.') {
            return false;
        }
    }
    return true;
}

/* "4807.038" is 48 degrees and 7.038 minutes: degrees * 10^9, half away from zero. In: sides: the
 * letters of the positive and the negative side. */
static enum dam_err position_read(struct dam_bytes text, struct dam_bytes side, const char *sides,
                                  int64_t degrees_max, int64_t *ret)
{
    int64_t minutes = 0; /* 10^-8 */
    int64_t whole = 0;
    const char *at = (const char *)text.data;
    const char *point = memchr(at, '.', text.len);
    size_t digits = point == NULL ? text.len : (size_t)(point - at);
    bool negative = side.len == 1 && side.data[0] == (uint8_t)sides[1];
    bool positive = side.len == 1 && side.data[0] == (uint8_t)sides[0];
    if (digits < 3 || digits > 5 || negative == positive || !is_plain(text)) {
        return DAM_EPARSE;
    }
    DAM_TRY(dam_flow_fixed_parse(at, digits - 2, 0, &whole));
    DAM_TRY(dam_flow_fixed_parse(at + digits - 2, text.len - digits + 2, 8, &minutes));
    int64_t value = whole * INT64_C(1000000000) + (minutes * 10 + 30) / 60;
    if (value > degrees_max * INT64_C(1000000000) || minutes >= INT64_C(6000000000)) {
        return DAM_ERANGE;
    }
    *ret = negative ? -value : value;
    return DAM_OK;
}

static enum dam_err number_read(struct dam_nmea *n, enum dam_nmea_field field,
                                struct dam_bytes text)
{
    n->tells[field] = true;
    n->has[field] = text.len > 0;
    return text.len == 0 ? DAM_OK
                         : dam_flow_fixed_parse((const char *)text.data, text.len,
                                                DAM_NMEA_DECIMALS, &n->values[field]);
}

static enum dam_err positions_read(struct dam_nmea *n, const struct dam_bytes *f)
{
    n->tells[DAM_NMEA_LAT] = true;
    n->tells[DAM_NMEA_LON] = true;
    if (f[0].len == 0 || f[2].len == 0) {
        return DAM_OK;
    }
    DAM_TRY(position_read(f[0], f[1], "NS", 90, &n->values[DAM_NMEA_LAT]));
    DAM_TRY(position_read(f[2], f[3], "EW", 180, &n->values[DAM_NMEA_LON]));
    n->has[DAM_NMEA_LAT] = true;
    n->has[DAM_NMEA_LON] = true;
    return DAM_OK;
}

/* $--GGA,time,lat,N,lon,E,quality,sats,hdop,alt,M,separation,M,age,station */
static enum dam_err gga_read(struct dam_nmea *n, const struct dam_bytes *f)
{
    DAM_TRY(positions_read(n, f + 2));
    DAM_TRY(number_read(n, DAM_NMEA_FIX, f[6]));
    DAM_TRY(number_read(n, DAM_NMEA_SATS, f[7]));
    DAM_TRY(number_read(n, DAM_NMEA_HDOP, f[8]));
    DAM_TRY(number_read(n, DAM_NMEA_ALT, f[9]));
    n->is_valid = n->has[DAM_NMEA_FIX] && n->values[DAM_NMEA_FIX] > 0;
    return DAM_OK;
}

/* $--RMC,time,A,lat,N,lon,E,knots,track,date,... */
static enum dam_err rmc_read(struct dam_nmea *n, const struct dam_bytes *f)
{
    DAM_TRY(positions_read(n, f + 3));
    DAM_TRY(number_read(n, DAM_NMEA_SPEED, f[7]));
    DAM_TRY(number_read(n, DAM_NMEA_TRACK, f[8]));
    /* A knot is 1,852 m an hour. */
    if (__builtin_mul_overflow(n->values[DAM_NMEA_SPEED], 1852, &n->values[DAM_NMEA_SPEED])) {
        return DAM_ERANGE;
    }
    n->values[DAM_NMEA_SPEED] /= 3600;
    n->is_valid = f[2].len == 1 && f[2].data[0] == 'A';
    return DAM_OK;
}

enum dam_err dam_nmea_parse(const char *line, size_t len, struct dam_nmea *ret)
{
    struct dam_bytes f[FIELDS_MAX];
    struct dam_nmea n = {.is_valid = false};
    if (len > LINE_MAX || !checksum_is_good(line, len)) {
        return DAM_ECORRUPT;
    }
    size_t count = fields_split(line, len - 3, f);
    bool gga = f[0].len == 6 && memcmp(f[0].data + 3, "GGA", 3) == 0;
    bool rmc = f[0].len == 6 && memcmp(f[0].data + 3, "RMC", 3) == 0;
    if (!gga && !rmc) {
        return DAM_EUNSUPPORTED;
    }
    if (count < 10) {
        return DAM_EPARSE;
    }
    DAM_TRY(gga ? gga_read(&n, f) : rmc_read(&n, f));
    *ret = n;
    return DAM_OK;
}
