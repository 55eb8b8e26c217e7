// SPDX-License-Identifier: Apache-2.0
/* A GNSS receiver that speaks NMEA 0183 on a serial port or over TCP. A key is lat, lon, alt, speed
 * (m/s), track, fix, sats or hdop. A sentence with a wrong checksum is dropped; where the receiver
 * says that its position is not valid, position, height, speed and track are a device fault. */
#ifndef DAM_PORT_LINK_NMEA_H
#define DAM_PORT_LINK_NMEA_H

#include "port/link.h"

extern const struct dam_link_kind dam_link_nmea;

#endif
