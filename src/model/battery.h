// SPDX-License-Identifier: Apache-2.0
/* A battery as its data sheet tells it, and the integers that a district's planner makes of it
 * (docs/spec/district.md section 1). Only whoever makes a blob calls it: floats are well here, no
 * decision sees them. */
#ifndef DAM_MODEL_BATTERY_H
#define DAM_MODEL_BATTERY_H

#include "model/district.h"

#define DAM_BATTERY_POINTS_MAX 16u

/* Straight between its points, x rising from 0 to 1. */
struct dam_battery_curve {
    double points[DAM_BATTERY_POINTS_MAX][2];
    size_t count; /* at least 2 */
};

struct dam_battery {
    double capacity_wh;
    double power_w;                      /* the most, either way */
    struct dam_battery_curve power;      /* share stored -> share of power_w */
    struct dam_battery_curve efficiency; /* share of power_w -> of a whole round, above 0, to 1 */
};

/** The rule that the battery breaks, or NULL. */
const char *dam_battery_check(const struct dam_battery *battery);

/** The most that it takes or gives. In: a battery that dam_battery_check finds good; share stored,
 *  0 .. 1. */
double dam_battery_power_w(const struct dam_battery *battery, double share);

/** One way's efficiency while so much is drawn or given. In: as dam_battery_power_w. */
double dam_battery_efficiency(const struct dam_battery *battery, double power_w);

/** Set the moves and limits of a district's stores. In: as dam_battery_power_w. What comes of an
 *  extreme battery dam_district_check may refuse. */
void dam_battery_fit(const struct dam_battery *battery, struct dam_district *district);

/** Set how a level is read from a channel that says `empty` and `full` at its ends, to the nearest
 *  level. Returns: false, nothing set, unless empty < full and both are below 2^23 in size. */
DAM_MUST_USE bool dam_battery_scale(int64_t empty, int64_t full, struct dam_district *district);

#endif
