// SPDX-License-Identifier: Apache-2.0
/* Which of the cars that are plugged in shall charge now, where a kWh earns less while the grid is
 * dirty. A car names an hour at which it leaves and often leaves at another: how far off those that
 * left were is remembered, and a later slot counts by how likely the car is still there. A car
 * waits while as many slots ahead as it needs are worth more than this one. Where the site's
 * connection is too small for all, those that would lose most by waiting come first.
 * Integers, of (memory, observation) only; the caller tells what has happened, never what will. */
#ifndef DAM_MODEL_CHARGING_H
#define DAM_MODEL_CHARGING_H

#include <stddef.h>
#include <stdint.h>

#define DAM_CHARGING_SLOTS 288 /* of a day: five minutes each */
#define DAM_CHARGING_CARS_MAX 256u
#define DAM_CHARGING_BINS                                                                          \
    65                         /* of a quarter of an hour: leaving 8 hours before what was said .. \
                                */
#define DAM_CHARGING_AHEAD 120 /* slots looked at */

/* What does not change. One unit of energy for all; one unit of money. */
struct dam_charging {
    int32_t car_most;     /* energy of one car in a slot */
    int32_t site_most;    /* of all together */
    int32_t gain;         /* money of a unit of energy; at most 2^20 */
    int32_t carbon_price; /* money of a unit of energy and of carbon, in 65536ths; at most 2^20 */
    uint8_t keep;         /* of carbon's deviation from its day, from slot to slot, in 256ths */
    uint8_t haste;        /* a slot now counts so many 64ths of what a later one does */
};

/* What is remembered; dam_charging_begin makes a first one. */
struct dam_charging_memory {
    int64_t slots; /* told so far */
    int32_t carbon[DAM_CHARGING_SLOTS];
    int32_t left[DAM_CHARGING_BINS]; /* cars, by how much later than said they left */
};

struct dam_charging_car {
    int64_t says;  /* the slot at which it means to leave, counted as `slots` is */
    int32_t wants; /* energy still to be had, at most 2^30 */
};

/** Nothing seen: every hour of leaving is as likely as any other. */
void dam_charging_begin(struct dam_charging_memory *memory);

/** A car has left. In: late: slots after the one it named; negative: before. */
void dam_charging_left(struct dam_charging_memory *memory, int64_t late);

/** Learn this slot's carbon and say what each car gets in it.
 *  In:  carbon: 0 .. 2^20; count: at most DAM_CHARGING_CARS_MAX.
 *  Out: ret_energy: for each car, 0 .. the least of what it wants and car_most. */
void dam_charging_decide(const struct dam_charging *charging, struct dam_charging_memory *memory,
                         int32_t carbon, const struct dam_charging_car *cars, size_t count,
                         int32_t *ret_energy);

#endif
