// SPDX-License-Identifier: Apache-2.0
#include "model/battery.h"

#include <math.h>

#define TOP (DAM_DISTRICT_LEVELS - 1)
#define ROUNDS 50 /* the efficiency depends on what is drawn, and that on the efficiency */
#define CHANNEL_MAX (INT64_C(1) << 23)
#define MUL_MAX (INT64_C(1) << 24)
#define SHIFT_MAX 31

static double between(const struct dam_battery_curve *curve, double x)
{
    size_t i = 1;
    while (i + 1 < curve->count && x > curve->points[i][0]) {
        i++;
    }
    const double *a = curve->points[i - 1];
    const double *b = curve->points[i];
    return a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]);
}

static bool curve_good(const struct dam_battery_curve *curve, double least)
{
    bool good = curve->count >= 2 && curve->count <= DAM_BATTERY_POINTS_MAX &&
                curve->points[0][0] == 0 && curve->points[curve->count - 1][0] == 1;
    for (size_t i = 0; good && i < curve->count; i++) {
        good = (i == 0 || curve->points[i][0] > curve->points[i - 1][0]) &&
               curve->points[i][1] >= least && curve->points[i][1] <= 1;
    }
    return good;
}

const char *dam_battery_check(const struct dam_battery *b)
{
    if (!(b->capacity_wh >= 1 && b->capacity_wh <= 1e7 && b->power_w >= 1 && b->power_w <= 1e7)) {
        return "capacity_wh and power_w are from 1 to 10,000,000";
    }
    if (!curve_good(&b->power, 0)) {
        return "power goes from share 0 to share 1 in rising steps, each 0 to 1 of power_w";
    }
    return curve_good(&b->efficiency, 0.1)
               ? NULL
               : "efficiency goes from share 0 to share 1 in rising steps, each 0.1 to 1";
}

double dam_battery_power_w(const struct dam_battery *b, double share)
{
    return b->power_w * between(&b->power, share);
}

double dam_battery_efficiency(const struct dam_battery *b, double power_w)
{
    return sqrt(between(&b->efficiency, fmin(1, fabs(power_w) / b->power_w)));
}

void dam_battery_fit(const struct dam_battery *b, struct dam_district *district)
{
    for (int move = -TOP; move <= TOP; move++) {
        double stored = move * b->capacity_wh / TOP;
        double drawn = stored;
        for (int i = 0; i < ROUNDS; i++) {
            double efficiency = dam_battery_efficiency(b, drawn);
            drawn = move >= 0 ? stored / efficiency : stored * efficiency;
        }
        district->move_wh[move + TOP] = (int32_t)lround(drawn);
    }
    for (int level = 0; level <= TOP; level++) {
        district->most_wh[level] = (int32_t)lround(dam_battery_power_w(b, (double)level / TOP));
    }
}

bool dam_battery_scale(int64_t empty, int64_t full, struct dam_district *district)
{
    if (empty >= full || empty <= -CHANNEL_MAX || full >= CHANNEL_MAX) {
        return false;
    }
    int64_t range = full - empty;
    int64_t mul = 0;
    uint8_t shift = SHIFT_MAX + 1;
    do { /* as fine as fits */
        shift--;
        mul = (((int64_t)TOP << shift) + range - 1) /
              range; /* rounded up: full is the top, not below it */
    } while (shift > 0 && mul >= MUL_MAX);
    district->level_shift = shift;
    district->level_mul = (int32_t)mul;
    district->level_zero = (int32_t)(empty - range / (2 * TOP)); /* to the nearest */
    return true;
}
