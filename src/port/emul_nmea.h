// SPDX-License-Identifier: Apache-2.0
/* An emulated GNSS receiver on a pseudo-terminal, at byte level: GGA and RMC sentences with their
 * checksums. */
#ifndef DAM_PORT_EMUL_NMEA_H
#define DAM_PORT_EMUL_NMEA_H

#include "port/emul_gpsd.h"

struct dam_emul_nmea {
    int master; /* -1: not open */
    int slave;  /* kept open, so that the line stays when a reader goes */
    char path[64];
};

/** Make the port. Returns: DAM_OK with path for a link's url, or DAM_EIO. */
DAM_MUST_USE enum dam_err dam_emul_nmea_open(struct dam_emul_nmea *emul);

/** Send both sentences; what does not fit the line's buffer is lost, as on a real one. */
void dam_emul_nmea_report(struct dam_emul_nmea *emul, const struct dam_emul_fix *fix);

/** Send bytes as they are. */
void dam_emul_nmea_say(struct dam_emul_nmea *emul, const char *text);

/** Unplug it. Accepts one that is closed. */
void dam_emul_nmea_close(struct dam_emul_nmea *emul);

#endif
