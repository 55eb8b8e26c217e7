// SPDX-License-Identifier: Apache-2.0
/* NMEA 0183 sentences GGA and RMC, as every GNSS receiver sends them, exactly: positions become
 * integers without a float. Pure. */
#ifndef DAM_PORT_NMEA_H
#define DAM_PORT_NMEA_H

#include "base/bytes.h"
#include "base/err.h"

/* Decimals of the values below. */
#define DAM_NMEA_POSITION_DECIMALS 9u
#define DAM_NMEA_DECIMALS 6u

enum dam_nmea_field {
    DAM_NMEA_LAT,   /* degrees, north positive, DAM_NMEA_POSITION_DECIMALS */
    DAM_NMEA_LON,   /* degrees, east positive */
    DAM_NMEA_ALT,   /* m above the geoid, DAM_NMEA_DECIMALS from here on */
    DAM_NMEA_SPEED, /* m/s */
    DAM_NMEA_TRACK, /* degrees from true north */
    DAM_NMEA_FIX,   /* GGA's quality: 0 none, 1 GNSS, 2 differential, 4 RTK, 5 float RTK, 6 dead
                       reckoning */
    DAM_NMEA_SATS,
    DAM_NMEA_HDOP,
    DAM_NMEA_FIELD_COUNT,
};

struct dam_nmea {
    bool tells[DAM_NMEA_FIELD_COUNT]; /* this kind of sentence has the field */
    bool has[DAM_NMEA_FIELD_COUNT];   /* and it is not empty */
    int64_t values[DAM_NMEA_FIELD_COUNT];
    bool is_valid; /* the receiver says that its position is good */
};

/** The name of a field in a manifest: "lat". Returns: DAM_NMEA_FIELD_COUNT if there is none. */
enum dam_nmea_field dam_nmea_field_find(const char *name);
unsigned dam_nmea_field_decimals(enum dam_nmea_field field);

/** Read one sentence "$..*hh" without its line end.
 *  Returns: DAM_OK; DAM_EUNSUPPORTED for another kind; DAM_ECORRUPT for a wrong or missing
 *  checksum; DAM_EPARSE, DAM_ERANGE for a malformed field. */
DAM_MUST_USE enum dam_err dam_nmea_parse(const char *line, size_t len, struct dam_nmea *ret);

#endif
