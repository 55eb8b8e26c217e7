// SPDX-License-Identifier: Apache-2.0
/* Positions from gpsd (its JSON protocol over TCP, gpsd_json(5)). A key is CLASS.path ("TPV.lat",
 * "SKY.hdop"); without a class it is TPV's ("lat", "lon", "alt", "speed", "track", "mode"). Where
 * the receiver has no fix good enough (`fix` = 2d or 3d), position, height and speed are a device
 * fault, not an old value. */
#ifndef DAM_PORT_LINK_GPSD_H
#define DAM_PORT_LINK_GPSD_H

#include "base/json.h"
#include "port/link.h"

enum dam_gpsd_fix { DAM_GPSD_FIX_2D = 2, DAM_GPSD_FIX_3D = 3 }; /* as TPV.mode */

/* A report, parsed. */
struct dam_gpsd_report {
    const struct dam_json *root;
    const struct dam_json *class_name;
    int64_t mode; /* of a TPV */
};

/** Read one line. Returns: DAM_OK, or DAM_EPARSE. In: line: borrowed as long as *ret is used. */
DAM_MUST_USE enum dam_err dam_gpsd_parse(struct dam_arena *arena, const char *line, size_t len,
                                         struct dam_gpsd_report *ret);

/** A key's value in a report.
 *  Returns: DAM_OK; DAM_ENOTFOUND if this report does not tell it; DAM_EAGAIN if it would, but the
 *  receiver has no such fix; DAM_EPARSE, DAM_ERANGE. */
DAM_MUST_USE enum dam_err dam_gpsd_value(const struct dam_gpsd_report *report, const char *key,
                                         enum dam_gpsd_fix fix, unsigned decimals, int64_t *ret);

extern const struct dam_link_kind dam_link_gpsd;

#endif
