// SPDX-License-Identifier: Apache-2.0
/* An emulated serial line with Modbus RTU devices on it, at byte level: each has holding registers,
 * answers after a moment, and hears what is said to the others. On the loop's thread. */
#ifndef DAM_PORT_EMUL_MODBUS_RTU_H
#define DAM_PORT_EMUL_MODBUS_RTU_H

#include "base/bytes.h"
#include "base/err.h"

#include <uv.h>

#define DAM_EMUL_RTU_DEVICES_MAX 4u

struct dam_emul_rtu; /* private */

/** Make the line with devices 1 to count. Returns: DAM_OK, DAM_ENOMEM, DAM_EIO.
 *  In: count: at most DAM_EMUL_RTU_DEVICES_MAX; holdings: registers of each, from 0. */
DAM_MUST_USE enum dam_err dam_emul_rtu_create(uv_loop_t *loop, unsigned count, unsigned holdings,
                                              struct dam_emul_rtu **ret);

/** The path for a link's url. */
const char *dam_emul_rtu_path(const struct dam_emul_rtu *emul);

/** A device's registers, borrowed for the emulator's life. In: unit: from 1. */
uint16_t *dam_emul_rtu_holdings(struct dam_emul_rtu *emul, unsigned unit);

/** A device that is deaf does not answer. */
void dam_emul_rtu_deaf(struct dam_emul_rtu *emul, unsigned unit, bool deaf);

/** Requests to a device so far, answered or not. */
unsigned dam_emul_rtu_asked(const struct dam_emul_rtu *emul, unsigned unit);

/** What must not be: frames with a wrong checksum, and bytes that came while a device was about to
 *  answer. */
unsigned dam_emul_rtu_collisions(const struct dam_emul_rtu *emul);

/** Unplug it; memory goes back in the loop's next turns. Accepts NULL. */
void dam_emul_rtu_destroy(struct dam_emul_rtu *emul);

#endif
