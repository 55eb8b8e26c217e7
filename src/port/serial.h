// SPDX-License-Identifier: Apache-2.0
/* A serial port, raw: 8 bits, no parity, one stop bit, no flow control. */
#ifndef DAM_PORT_SERIAL_H
#define DAM_PORT_SERIAL_H

#include "base/err.h"

/** Open without waiting for the line. Returns: a non-blocking descriptor that the caller closes, or
 *  -1 with errno; EINVAL for a speed that no line has. */
int dam_serial_open(const char *path, unsigned baud);

#endif
