// SPDX-License-Identifier: Apache-2.0
/* An emulated Modbus TCP device, at register level: four tables that its owner reads and writes
 * between the requests of its clients. On the loop's thread. */
#ifndef DAM_PORT_EMUL_MODBUS_H
#define DAM_PORT_EMUL_MODBUS_H

#include "base/bytes.h"
#include "base/err.h"

#include <uv.h>

/* How many there are of each, from address 0 (of holding registers: from `holding_base`). */
struct dam_emul_modbus_size {
    unsigned coils;
    unsigned discretes;
    unsigned holdings;
    unsigned inputs;
    unsigned holding_base;
};

struct dam_emul_modbus; /* private */

/** Listen on 127.0.0.1. Returns: DAM_OK, DAM_ENOMEM, DAM_EIO. In: port: 0 picks one. */
DAM_MUST_USE enum dam_err dam_emul_modbus_create(uv_loop_t *loop, unsigned port,
                                                 const struct dam_emul_modbus_size *size,
                                                 unsigned *ret_port, struct dam_emul_modbus **ret);

/** The tables, borrowed for the emulator's life. */
uint16_t *dam_emul_modbus_holdings(struct dam_emul_modbus *emul);
uint16_t *dam_emul_modbus_inputs(struct dam_emul_modbus *emul);

/** Hang up on every client; while deaf, requests are read but not answered. */
void dam_emul_modbus_drop(struct dam_emul_modbus *emul);
void dam_emul_modbus_deaf(struct dam_emul_modbus *emul, bool deaf);

/** Close; memory goes back in the loop's next turns. Accepts NULL. */
void dam_emul_modbus_destroy(struct dam_emul_modbus *emul);

#endif
