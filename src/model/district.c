// SPDX-License-Identifier: Apache-2.0
#include "model/district.h"

#include "base/assert.h"

#include <stdbool.h>
#include <string.h>

#define DAY DAM_DISTRICT_HOURS
#define LEVELS DAM_DISTRICT_LEVELS
#define MOVES DAM_DISTRICT_MOVES
#define STILL (LEVELS - 1) /* the move of no level */
#define WEEK_HOURS 168
#define CARBON_KEPT 230 /* of the carbon's deviation from its day, in 256ths */
#define LEARN_DAYS 8
#define THIRD (INT64_C(1) << 25) /* what the whole usual cost of an hour weighs */
#define FAR (INT64_MAX / 4)
/* With these no sum leaves 60 bits, whatever was told. */
#define WEIGHT_MAX (INT64_C(1) << 20)
#define ENERGY_MAX (INT64_C(1) << 24)
#define SUN_OFF_MAX (INT64_C(1) << 16)

/* One hour ahead, as it is expected. */
struct ahead {
    int64_t price, carbon, ramp; /* weights of a Wh */
    int64_t need[DAM_DISTRICT_SITES_MAX];
    int64_t doubt[DAM_DISTRICT_SITES_MAX];
    int64_t all;       /* needs and plans of the sites together */
    int64_t all_doubt; /* of the needs together */
};

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a < b ? b - a : a - b;
}

/* The largest whole number whose square is at most x. In: x below 2^62. */
static int64_t root(int64_t x)
{
    int64_t r = 0;
    for (int64_t bit = INT64_C(1) << 30; bit > 0; bit >>= 1) {
        r += (r + bit) * (r + bit) <= x ? bit : 0;
    }
    return r;
}

/* ---- learning ---- */

/* The mean of the first `window` values, then one that forgets. */
static int64_t towards(int64_t mean, int64_t x, int64_t seen, int64_t window)
{
    return mean + (x - mean) / least(seen + 1, window);
}

static int64_t need_of(const struct dam_district_hour *now, size_t site)
{
    return (int64_t)now->load[site] - now->sun[site];
}

static void learn_means(const struct dam_district *d, struct dam_district_memory *m,
                        const struct dam_district_hour *now)
{
    int64_t need = 0;
    int64_t bought = 0;
    for (size_t i = 0; i < d->sites; i++) {
        need += need_of(now, i);
        bought += most(0, need_of(now, i));
    }
    m->price_mean = towards(m->price_mean, most(0, need) * now->price, m->hours, WEEK_HOURS);
    m->carbon_mean = towards(m->carbon_mean, bought * now->carbon, m->hours, WEEK_HOURS);
    int64_t ramp = m->hours == 0 ? 0 : distance(need, m->need_before);
    m->ramp_mean = towards(m->ramp_mean, ramp, m->hours, WEEK_HOURS);
    m->need_before = need;
}

/* What one Wh of today's sun is measured by: its usual now, but not less than a sixteenth of the
 * day's peak, as the low sun says little about the high one. */
static int64_t sun_off(const int32_t *usual, int64_t hour, int64_t sun)
{
    int64_t peak = 16;
    for (size_t h = 0; h < DAY; h++) {
        peak = most(peak, usual[h]);
    }
    int64_t off = (sun - usual[hour]) * 256 / most(usual[hour], peak / 16);
    return least(off, SUN_OFF_MAX);
}

static void learn_site(const struct dam_district *d, struct dam_district_memory *m, size_t site,
                       const struct dam_district_hour *now)
{
    __typeof__(&m->site[0]) s = &m->site[site];
    int64_t h = m->hours % DAY;
    int64_t days = m->hours / DAY;
    if (days == 0 || s->sun[h] == 0) {
        s->sun_off = (int32_t)(s->sun_off * d->keep_sun / 256);
    } else {
        s->sun_off = (int32_t)sun_off(s->sun, h, now->sun[site]);
    }
    if (days > 0) {
        int64_t miss = distance(need_of(now, site), (int64_t)s->load[h] - s->sun[h]);
        s->miss[h] = (int32_t)towards(s->miss[h], miss, days - 1, LEARN_DAYS);
    }
    s->load[h] = (int32_t)towards(s->load[h], now->load[site], days, LEARN_DAYS);
    s->sun[h] = (int32_t)towards(s->sun[h], now->sun[site], days, LEARN_DAYS);
}

/* ---- forecasts ---- */

/* What a Wh weighs of which an hour usually costs `mean` at one each. */
static int64_t weight(int64_t whole, int64_t each, int64_t mean)
{
    return least(whole * each / most(1, mean), WEIGHT_MAX);
}

/* In: load_off, carbon_off: how far the hour that ended was from its usual day. */
static void look_ahead(const struct dam_district *d, const struct dam_district_memory *m,
                       const int64_t *load_off, int64_t carbon_off, struct ahead *ret)
{
    int64_t load_kept = 256;
    int64_t sun_kept = 256;
    int64_t carbon_kept = 256;
    for (int64_t k = 0; k < DAY; k++) {
        struct ahead *a = &ret[k];
        int64_t h = (m->hours + k) % DAY;
        load_kept = load_kept * d->keep_load / 256;
        sun_kept = sun_kept * d->keep_sun / 256;
        carbon_kept = carbon_kept * CARBON_KEPT / 256;
        int64_t carbon = most(0, m->carbon[h] + carbon_off * carbon_kept / 256);
        a->price = weight(THIRD, m->price[h], m->price_mean);
        a->carbon = weight(THIRD, carbon, m->carbon_mean);
        a->ramp = weight(THIRD / 2, 1, m->ramp_mean);
        a->all = 0;
        int64_t squares = 0;
        for (size_t i = 0; i < d->sites; i++) {
            __typeof__(&m->site[0]) s = &m->site[i];
            int64_t load = most(0, s->load[h] + load_off[i] * load_kept / 256);
            int64_t sun = s->sun[h] + s->sun[h] * (s->sun_off * sun_kept / 256) / 256;
            /* What a deviation that fades so leaves unexplained. */
            int64_t open = root(65536 - load_kept * load_kept);
            a->need[i] = load - least(most(0, sun), ENERGY_MAX);
            a->doubt[i] = s->miss[h] * d->doubt / 64 * open / 256;
            a->all += a->need[i] + s->plan[k];
            squares += a->doubt[i] * a->doubt[i];
        }
        a->all_doubt = root(squares);
    }
}

/* ---- plans ---- */

/* Three weathers of equal weight: as expected, and off by the doubt on both sides. */
static int64_t bought(int64_t need, int64_t doubt)
{
    return most(0, need) + most(0, need - doubt) + most(0, need + doubt);
}

static int64_t moved(int64_t step, int64_t doubt)
{
    return distance(step, 0) + distance(step, doubt) + distance(step, -doubt);
}

/* What an hour costs if a site's store draws `draw` in it and the others do as they planned. In:
 * before, after: what the district draws in the hours beside it; after: NULL for the last one. */
static int64_t cost(const struct ahead *a, size_t site, int64_t others, int64_t draw,
                    int64_t before, const int64_t *after)
{
    int64_t all = others + draw;
    int64_t steps = moved(all - before, a->all_doubt);
    steps += after == NULL ? 0 : moved(*after - all, a->all_doubt);
    return a->price * bought(all, a->all_doubt) +
           a->carbon * bought(a->need[site] + draw, a->doubt[site]) + a->ramp * steps;
}

static bool can(const struct dam_district *d, int from, int move)
{
    int to = from + move - STILL;
    return to >= 0 && to < LEVELS && distance(d->move_wh[move], 0) <= d->most_wh[from];
}

/* Plans one store for a day: the least cost over all ways through its levels. In: worth: of one
 * level beyond the day. */
static void plan_site(const struct dam_district *d, struct dam_district_memory *m, size_t site,
                      int level, int64_t now_all, int64_t worth, struct ahead *ahead)
{
    int64_t value[LEVELS]; /* what is still to be paid, by the level */
    uint8_t best[DAY][LEVELS];
    int32_t *plan = m->site[site].plan;
    for (int at = 0; at < LEVELS; at++) {
        value[at] = -worth * at;
    }
    for (int k = DAY - 1; k >= 0; k--) {
        int64_t costs[MOVES];
        int64_t next[LEVELS];
        for (int move = 0; move < MOVES; move++) {
            costs[move] =
                cost(&ahead[k], site, ahead[k].all - plan[k], d->move_wh[move],
                     k == 0 ? now_all : ahead[k - 1].all, k == DAY - 1 ? NULL : &ahead[k + 1].all);
        }
        for (int at = 0; at < LEVELS; at++) {
            next[at] = FAR;
            for (int move = STILL - at; move <= 2 * STILL - at; move++) {
                int64_t sum = costs[move] + value[at + move - STILL];
                if (sum < next[at] && can(d, at, move)) {
                    next[at] = sum;
                    best[k][at] = (uint8_t)move;
                }
            }
        }
        memcpy(value, next, sizeof(value));
    }
    for (int k = 0; k < DAY; k++) {
        int move = best[k][level];
        ahead[k].all += d->move_wh[move] - plan[k];
        plan[k] = d->move_wh[move];
        level += move - STILL;
    }
}

/* A level left over after the day saves what a level gives at the day's mean cost. */
static int64_t worth_of_level(const struct dam_district *d, const struct ahead *ahead)
{
    int64_t sum = 0;
    for (size_t k = 0; k < DAY; k++) {
        sum += ahead[k].price + ahead[k].carbon;
    }
    return 3 * sum / DAY * -d->move_wh[STILL - 1];
}

void dam_district_decide(const struct dam_district *d, struct dam_district_memory *m,
                         const struct dam_district_hour *now, int32_t *ret_draw)
{
    struct ahead ahead[DAY];
    int64_t load_off[DAM_DISTRICT_SITES_MAX];
    int64_t all = 0;
    int64_t h = m->hours % DAY;
    DAM_ASSERT(d->sites >= 1 && d->sites <= DAM_DISTRICT_SITES_MAX);
    int64_t carbon_off = now->carbon - m->carbon[h];
    learn_means(d, m, now);
    m->price[h] = now->price_in_day;
    m->carbon[h] = (int32_t)towards(m->carbon[h], now->carbon, m->hours / DAY, LEARN_DAYS);
    for (size_t i = 0; i < d->sites; i++) {
        load_off[i] = now->load[i] - m->site[i].load[h];
        learn_site(d, m, i, now);
        all += need_of(now, i) + now->drawn[i];
        ret_draw[i] = 0;
    }
    m->hours++;
    if (m->hours <= DAY) {
        return;
    }
    for (size_t i = 0; i < d->sites; i++) { /* an hour of the plans is over */
        memmove(m->site[i].plan, m->site[i].plan + 1, sizeof(m->site[i].plan) - sizeof(int32_t));
        m->site[i].plan[DAY - 1] = 0;
    }
    look_ahead(d, m, load_off, carbon_off, ahead);
    int64_t worth = worth_of_level(d, ahead);
    for (size_t i = 0; i < d->sites; i++) {
        int level = now->level[i] < LEVELS ? now->level[i] : LEVELS - 1;
        plan_site(d, m, i, level, all, worth, ahead);
        ret_draw[i] = m->site[i].plan[0];
    }
}
