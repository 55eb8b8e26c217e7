// SPDX-License-Identifier: Apache-2.0
/* SunSpec information models: which register of which model holds which point, with type and scale
 * factor (SunSpec Information Model Reference). A device shows its models as a chain from one of
 * three base addresses; walking it is link_modbus's job. Pure tables. */
#ifndef DAM_PORT_SUNSPEC_H
#define DAM_PORT_SUNSPEC_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_SUNSPEC_ID_END 0xffffu
#define DAM_SUNSPEC_NPT 3u /* offset of the lists' length in every model that has lists */

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

/* Offsets are registers after the model's length. Of a point that repeats: in the first group, and
 * in its first item. Groups hold lists (the points of a curve) whose common length the device
 * chooses: what depends on it is told by each item of one. */
struct dam_sunspec_point {
    uint16_t model_first; /* stands for all models from first to last */
    uint16_t model_last;
    const char *name; /* "#" stands for an index */
    uint16_t offset;
    uint8_t type;      /* enum dam_register_type */
    int16_t sf;        /* offset of the scale factor, -1: none */
    uint16_t stride;   /* from group to group, 0: it does not repeat */
    const char *unit;  /* "": none, or one that the device chooses */
    uint8_t offset_by; /* registers more of `offset`, for each item of the lists before it */
    uint8_t stride_by; /* registers more of `stride`, for each item; 0: there are no lists */
    uint8_t item;      /* from item to item, 0: it is in no list */
};

/* A point of a device, by its key. */
struct dam_sunspec_place {
    const struct dam_sunspec_point *point;
    uint16_t model;
    uint16_t group; /* which, from 1; 0: it does not repeat */
    uint16_t item;  /* which, from 1; 0: it is in no list */
};

/** Find a point by "MODEL.POINT", as "103.W", "MODEL.GROUP.INDEX.POINT", as "714.Prt.2.DCW", or
 * with a list's index too, as "705.Crv.2.Pt.3.V". Returns: false if the tables do not have it. */
DAM_MUST_USE bool dam_sunspec_find(const char *key, struct dam_sunspec_place *ret);

/** Where the point is. In: items: what DAM_SUNSPEC_NPT says, if point->stride_by is not 0. */
uint32_t dam_sunspec_offset(const struct dam_sunspec_place *place, unsigned items);

/* What repeats in a model that has curves or controls to choose among. The first is the one that
 * the device runs. */
struct dam_sunspec_curves {
    uint32_t start;
    uint32_t len;  /* of each */
    int read_only; /* offset in each of the register that says 1 where it cannot be written */
};

/** The curves of a model. Returns: false if it has none. In: items: as above. */
DAM_MUST_USE bool dam_sunspec_curves(uint16_t model, unsigned items,
                                     struct dam_sunspec_curves *ret);

/** Is this the register that a curve's number is written to, to make the device run it? The one
 * after it tells how that went (enum dam_sunspec_adopted). */
bool dam_sunspec_adopts(const struct dam_sunspec_point *point);

enum dam_sunspec_adopted {
    DAM_SUNSPEC_IN_PROGRESS = 0,
    DAM_SUNSPEC_COMPLETED = 1,
    DAM_SUNSPEC_FAILED = 2,
};

/** Registers that a type takes. */
unsigned dam_register_count(enum dam_register_type type);

/** Registers to a value in `decimals`, times 10^sf.
 *  Returns: DAM_OK; DAM_ENOTFOUND for the value that means "not available"; DAM_ERANGE; DAM_EPARSE
 *  for a float that is no number. In: all_available: true where no value has that meaning. */
DAM_MUST_USE enum dam_err dam_register_value(const uint16_t *registers, enum dam_register_type type,
                                             int sf, unsigned decimals, bool all_available,
                                             int64_t *ret);

/** The reverse, for writing. Returns: DAM_OK, DAM_ERANGE, or DAM_EUNSUPPORTED for floats.
 *  Out: registers: dam_register_count of them. */
DAM_MUST_USE enum dam_err dam_register_store(int64_t value, unsigned decimals,
                                             enum dam_register_type type, int sf,
                                             uint16_t *registers);

#endif
