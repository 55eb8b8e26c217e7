// SPDX-License-Identifier: Apache-2.0
/* SunSpec information models: which register of which model holds which point, with type and scale
 * factor (SunSpec Information Model Reference). A device shows its models as a chain from one of
 * three base addresses; walking it is link_modbus's job. Pure tables. */
#ifndef DAM_PORT_SUNSPEC_H
#define DAM_PORT_SUNSPEC_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_SUNSPEC_ID_END 0xffffu
#define DAM_SUNSPEC_NO_SF (-1)

enum dam_register_type { /* an ACC, accumulator, has no value for "not available" */
                         DAM_REGISTER_INT16,
                         DAM_REGISTER_UINT16,
                         DAM_REGISTER_INT32,
                         DAM_REGISTER_UINT32,
                         DAM_REGISTER_ACC16,
                         DAM_REGISTER_ACC32,
                         DAM_REGISTER_INT64,
                         DAM_REGISTER_UINT64,
                         DAM_REGISTER_ACC64,
                         DAM_REGISTER_FLOAT32,
};

struct dam_sunspec_point {
    uint16_t model_first; /* stands for all models from first to last */
    uint16_t model_last;
    const char *name;
    uint16_t offset;  /* registers after the model's length */
    uint8_t type;     /* enum dam_register_type */
    int16_t sf;       /* offset of the scale factor, DAM_SUNSPEC_NO_SF: none */
    uint16_t stride;  /* of a repeating group, 0: it does not repeat */
    const char *unit; /* "": none, or one that the device chooses */
};

/** Find a point by "MODEL.POINT", as "103.W", or "MODEL.GROUP.INDEX.POINT", as "714.Prt.2.DCW".
 *  Returns: NULL if the tables do not have it; else *ret_model is the model named and *ret_offset
 *  where the point is in it. */
const struct dam_sunspec_point *dam_sunspec_find(const char *key, uint16_t *ret_model,
                                                 uint16_t *ret_offset);

/** Registers that a type takes. */
unsigned dam_register_count(enum dam_register_type type);

/** Registers to a value in `decimals`, times 10^sf.
 *  Returns: DAM_OK; DAM_ENOTFOUND for the value that means "not available"; DAM_ERANGE; DAM_EPARSE
 *  for a float that is no number. In: available: true where no value has that meaning. */
DAM_MUST_USE enum dam_err dam_register_value(const uint16_t *registers, enum dam_register_type type,
                                             int sf, unsigned decimals, bool all_available,
                                             int64_t *ret);

/** The reverse, for writing. Returns: DAM_OK, DAM_ERANGE, or DAM_EUNSUPPORTED for floats.
 *  Out: registers: dam_register_count of them. */
DAM_MUST_USE enum dam_err dam_register_store(int64_t value, unsigned decimals,
                                             enum dam_register_type type, int sf,
                                             uint16_t *registers);

#endif
