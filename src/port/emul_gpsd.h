// SPDX-License-Identifier: Apache-2.0
/* An emulated gpsd, at message level: it greets, waits for ?WATCH, and reports what its owner says
 * (gpsd_json(5)). For tests, plants, and people without a receiver. On the loop's thread. */
#ifndef DAM_PORT_EMUL_GPSD_H
#define DAM_PORT_EMUL_GPSD_H

#include "base/bytes.h"
#include "base/err.h"

#include <uv.h>

struct dam_emul_gpsd; /* private */

/* Where the emulated receiver is. */
struct dam_emul_fix {
    int mode; /* 0 and 1: none, 2: 2D, 3: 3D */
    int64_t lat_e7;
    int64_t lon_e7;
    int64_t alt_mm;
    int64_t speed_mm_s;
    int64_t track_e2; /* degrees * 100 */
};

/** Listen on 127.0.0.1. Returns: DAM_OK, DAM_ENOMEM, DAM_EIO. In: port: 0 picks one. */
DAM_MUST_USE enum dam_err dam_emul_gpsd_create(uv_loop_t *loop, unsigned port, unsigned *ret_port,
                                               struct dam_emul_gpsd **ret);

/** Tell every client that watches. */
void dam_emul_gpsd_report(struct dam_emul_gpsd *emul, const struct dam_emul_fix *fix);

/** Send a line as it is, good or bad. */
void dam_emul_gpsd_say(struct dam_emul_gpsd *emul, const char *line);

/** Hang up on every client, as a gpsd that is restarted. */
void dam_emul_gpsd_drop(struct dam_emul_gpsd *emul);

/** Close; memory goes back in the loop's next turns. Accepts NULL. */
void dam_emul_gpsd_destroy(struct dam_emul_gpsd *emul);

#endif
