// SPDX-License-Identifier: Apache-2.0
/* Modbus TCP and RTU through libmodbus, which blocks: one job at a time runs in a worker of the
 * loop's pool, values in and values out. A key is a SunSpec point ("103.W", "124.OutWRte",
 * "714.Prt.2.DCW", "705.Crv.2.Pt.3.V": port/sunspec_device.h) or a register:
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
    struct dam_sunspec_place place; /* of a SunSpec point; the others are of a register */
    enum dam_register_type type;
    uint16_t address;
    int exponent;
};

/** Read a key. Returns: DAM_OK or DAM_EPARSE. */
DAM_MUST_USE enum dam_err dam_modbus_key_parse(const char *text, struct dam_modbus_key *ret);

extern const struct dam_link_kind dam_link_modbus;

#endif
