// SPDX-License-Identifier: Apache-2.0
/* A planner in integers for a few sites behind one grid connection, each with load, sun and a
 * store. Every hour it plans each store for a day, one after the other, against what is dear: the
 * energy bought together at its price, the carbon of what each site buys, and how much the district
 * moves from hour to hour. All three count by their usual size so far, a third, a third and a
 * sixth. It knows what it was told up to now, in its own memory; the caller learns only what to do
 * next. It is a mind: (memory, observation) -> (memory', proposal), the same bits here and in
 * DistrictMind.sol. docs/spec/district.md is the definition; nothing here knows floats. */
#ifndef DAM_MODEL_DISTRICT_H
#define DAM_MODEL_DISTRICT_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_DISTRICT_SITES_MAX 16u
#define DAM_DISTRICT_LEVELS 33 /* of a store, empty and full too */
#define DAM_DISTRICT_MOVES (2 * DAM_DISTRICT_LEVELS - 1)
#define DAM_DISTRICT_HOURS 24
#define DAM_DISTRICT_BLOB_LEN (32u + 4u * (DAM_DISTRICT_MOVES + DAM_DISTRICT_LEVELS))
#define DAM_DISTRICT_MEMORY_MAX 8192u

/* What does not change: the blob of docs/spec/district.md. Energies are Wh (an hour: W), below
 * 2^24. */
struct dam_district {
    uint32_t sites;                      /* 1..DAM_DISTRICT_SITES_MAX */
    int32_t move_wh[DAM_DISTRICT_MOVES]; /* drawn to go up by index - (LEVELS - 1) levels; rising */
    int32_t most_wh[DAM_DISTRICT_LEVELS]; /* the most a store at this level moves, either way */
    uint8_t keep_load;   /* of a load's deviation from its day, from hour to hour, in 256ths */
    uint8_t keep_sun;    /* of the sun's */
    uint8_t doubt;       /* of a forecast's usual error, in 64ths: planned for on both sides */
    uint8_t level_shift; /* a store's level is (channel - level_zero) * level_mul >> level_shift */
    int32_t level_zero;
    int32_t level_mul;
};

/* Records of an observation: the hour that ended. */
enum dam_district_record {
    DAM_DISTRICT_TIME,         /* not read: an observation is an hour */
    DAM_DISTRICT_PRICE,        /* any unit of money per Wh, below 2^20 */
    DAM_DISTRICT_PRICE_IN_DAY, /* what it will be 24 hours on, as published */
    DAM_DISTRICT_CARBON,       /* any unit of mass per Wh, below 2^20 */
    DAM_DISTRICT_SITE,         /* of the first site; the records of one site follow here */
};

enum dam_district_site_record {
    DAM_DISTRICT_LOAD,
    DAM_DISTRICT_SUN,
    DAM_DISTRICT_DRAWN, /* by the store; negative: given */
    DAM_DISTRICT_LEVEL, /* of the store now, as its channel tells it */
    DAM_DISTRICT_SITE_RECORDS,
};

/** Read a blob. Returns: DAM_OK; DAM_EVERSION; DAM_EPARSE; with *ret_why (static text). */
DAM_MUST_USE enum dam_err dam_district_open(struct dam_bytes blob, struct dam_district *ret,
                                            const char **ret_why);

/** Write the blob. In: one that dam_district_check finds good (asserted). */
void dam_district_write(const struct dam_district *district, uint8_t ret[DAM_DISTRICT_BLOB_LEN]);

/** The rule that the district breaks (static text), or NULL. */
const char *dam_district_check(const struct dam_district *district);

/** Records that an observation has at least, bytes of the memory. */
size_t dam_district_records(const struct dam_district *district);
size_t dam_district_memory_len(const struct dam_district *district);

/** Learn the hour that ended and say what each store shall draw in the next.
 *  Returns: DAM_OK; DAM_ERANGE if the observation is too short (the mind reverts).
 *  In:  memory: any bytes; a length that is not the district's counts as the first hour. The first
 *       day is only watched.
 *  Out: ret_next: dam_district_memory_len bytes. ret_draw: Wh for each site, negative: give. */
DAM_MUST_USE enum dam_err dam_district_decide(const struct dam_district *district,
                                              struct dam_bytes memory, struct dam_bytes observation,
                                              uint8_t *ret_next, int64_t *ret_draw);

#endif
