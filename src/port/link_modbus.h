// SPDX-License-Identifier: Apache-2.0
/* Modbus TCP and RTU through libmodbus, which blocks: one job at a time runs in a worker of the
 * loop's pool, values in and values out. A key is a SunSpec point ("103.W", "124.OutWRte",
 * "714.Prt.2.DCW": the chain of models is walked at every connection, and each poll reads a model
 * as a whole, so that values and scale factors belong together) or a register:
 * "TABLE:ADDRESS:TYPE[:EXPONENT]" with table holding, input, coil or discrete, address from 0, type
 * int16, uint16, int32, uint32, int64, uint64 or float32, and the value times 10^EXPONENT. */
#ifndef DAM_PORT_LINK_MODBUS_H
#define DAM_PORT_LINK_MODBUS_H

#include "port/link.h"
#include "port/sunspec.h"

enum dam_modbus_table {
    DAM_MODBUS_HOLDING,
    DAM_MODBUS_INPUT,
    DAM_MODBUS_COIL,
    DAM_MODBUS_DISCRETE,
    DAM_MODBUS_SUNSPEC,
};

struct dam_modbus_key {
    enum dam_modbus_table table;
    enum dam_register_type type;
    uint16_t address;                      /* of a register; of a SunSpec point in its model */
    int exponent;                          /* of a register */
    uint16_t model;                        /* of a SunSpec point */
    const struct dam_sunspec_point *point; /* of a SunSpec point */
};

/** Read a key. Returns: DAM_OK or DAM_EPARSE. */
DAM_MUST_USE enum dam_err dam_modbus_key_parse(const char *text, struct dam_modbus_key *ret);

extern const struct dam_link_kind dam_link_modbus;

#endif
