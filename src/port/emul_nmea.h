// SPDX-License-Identifier: Apache-2.0
/* An emulated GNSS receiver on a serial line, at byte level: GGA and RMC sentences with their
 * checksums. */
#ifndef DAM_PORT_EMUL_NMEA_H
#define DAM_PORT_EMUL_NMEA_H

#include "port/emul_gpsd.h"
#include "port/emul_serial.h"

/** Send both sentences. */
void dam_emul_nmea_report(struct dam_emul_serial *line, const struct dam_emul_fix *fix);

#endif
