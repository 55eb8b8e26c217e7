// SPDX-License-Identifier: Apache-2.0
/* The far end of a serial line, as a pseudo-terminal: what an emulated device speaks into. */
#ifndef DAM_PORT_EMUL_SERIAL_H
#define DAM_PORT_EMUL_SERIAL_H

#include "base/bytes.h"
#include "base/err.h"

struct dam_emul_serial {
    int master; /* -1: not open; does not block */
    int slave;  /* kept open, so that the line stays when a reader goes */
    char path[64];
};

/** Make the port. Returns: DAM_OK with path for a link's url, or DAM_EIO. */
DAM_MUST_USE enum dam_err dam_emul_serial_open(struct dam_emul_serial *emul);

/** Send text as it is; what does not fit the line's buffer is lost, as on a real one. */
void dam_emul_serial_say(struct dam_emul_serial *emul, const char *text);

/** Unplug it. Accepts one that is closed. */
void dam_emul_serial_close(struct dam_emul_serial *emul);

#endif
