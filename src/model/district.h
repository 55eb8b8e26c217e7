// SPDX-License-Identifier: Apache-2.0
/* A planner in integers for a few sites behind one grid connection, each with load, sun and a
 * store. Every hour it plans each store for a day, one after the other, against what is dear: the
 * energy bought together at its price, the carbon of what each site buys, and how much the district
 * moves from hour to hour. All three count by their usual size so far, a third, a third and a
 * sixth. It knows what it was told up to now, in its own memory; the caller learns only what to do
 * next. It is a function of (memory, observation): no floats, no clock, no outside memory. */
#ifndef DAM_MODEL_DISTRICT_H
#define DAM_MODEL_DISTRICT_H

#include <stdint.h>

#define DAM_DISTRICT_SITES_MAX 16u
#define DAM_DISTRICT_LEVELS 33 /* of a store, empty and full too */
#define DAM_DISTRICT_MOVES (2 * DAM_DISTRICT_LEVELS - 1)
#define DAM_DISTRICT_HOURS 24

/* What does not change. Energies are Wh (an hour: W). */
struct dam_district {
    uint32_t sites;                      /* 1..DAM_DISTRICT_SITES_MAX */
    int32_t move_wh[DAM_DISTRICT_MOVES]; /* drawn to go up by index - (LEVELS - 1) levels; rising */
    int32_t most_wh[DAM_DISTRICT_LEVELS]; /* the most a store at this level moves, either way */
    uint8_t keep_load; /* of a load's deviation from its day, from hour to hour, in 256ths */
    uint8_t keep_sun;  /* of the sun's */
    uint8_t doubt;     /* of a forecast's usual error, in 64ths: planned for on both sides */
};

/* One hour that has ended. Energies are below 2^24 (drawn: on both sides of 0), prices and carbon
 * below 2^20, none of them negative. */
struct dam_district_hour {
    int32_t price;        /* any unit of money per Wh */
    int32_t price_in_day; /* what it will be 24 hours on, as published */
    int32_t carbon;       /* any unit of mass per Wh */
    int32_t load[DAM_DISTRICT_SITES_MAX];
    int32_t sun[DAM_DISTRICT_SITES_MAX];
    int32_t drawn[DAM_DISTRICT_SITES_MAX]; /* by the store; negative: given */
    uint8_t level[DAM_DISTRICT_SITES_MAX]; /* of the store now */
};

/* What is remembered; all zero before the first hour. */
struct dam_district_memory {
    int64_t hours; /* told so far */
    int64_t price_mean, carbon_mean, ramp_mean;
    int64_t need_before;               /* of the district without stores, an hour ago */
    int32_t price[DAM_DISTRICT_HOURS]; /* published, by the hour's place in the day */
    int32_t carbon[DAM_DISTRICT_HOURS];
    struct {
        int32_t load[DAM_DISTRICT_HOURS];
        int32_t sun[DAM_DISTRICT_HOURS];
        int32_t miss[DAM_DISTRICT_HOURS]; /* usual error of the need */
        int32_t plan[DAM_DISTRICT_HOURS]; /* drawn in the hours to come */
        int32_t sun_off;                  /* today's deviation, in 256ths of the usual */
    } site[DAM_DISTRICT_SITES_MAX];
};

/** Learn the hour that ended and say what each store shall draw in the next.
 *  In:  sites the district names. The first day is only watched.
 *  Out: ret_draw: Wh for each site, negative: give. */
void dam_district_decide(const struct dam_district *district, struct dam_district_memory *memory,
                         const struct dam_district_hour *hour, int32_t *ret_draw);

#endif
