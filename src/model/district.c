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
/* With these no sum leaves 60 bits, whatever was told or remembered. */
#define WEIGHT_MAX (INT64_C(1) << 20)
#define VALUE_MAX ((INT64_C(1) << 20) - 1)
#define ENERGY_MAX (INT64_C(1) << 24)
#define SUN_OFF_MAX (INT64_C(1) << 16)
#define HOURS_MAX (INT64_C(1) << 40)
#define NEED_MAX (INT64_C(1) << 29)       /* of a district */
#define LEVEL_READ_MAX (INT64_C(1) << 30) /* of a level, as a channel tells it */
#define LEVEL_SCALE_MAX (INT64_C(1) << 24)
#define COST_MAX (INT64_C(1) << 49) /* of a district's hour */

/* One hour that has ended. */
struct hour {
    int32_t price, price_in_day, carbon;
    struct {
        int32_t load, sun, drawn, level;
    } site[DAM_DISTRICT_SITES_MAX];
};

/* What is remembered; all zero before the first hour. */
struct memory {
    int64_t hours; /* told so far */
    int64_t price_mean, carbon_mean, ramp_mean;
    int64_t need_before; /* of the district without stores, an hour ago */
    int32_t price[DAY];  /* published, by the hour's place in the day */
    int32_t carbon[DAY];
    struct {
        int32_t load[DAY];
        int32_t sun[DAY];
        int32_t miss[DAY]; /* usual error of the need */
        int32_t plan[DAY]; /* drawn in the hours to come */
        int32_t sun_off;   /* today's deviation, in 256ths of the usual */
    } site[DAM_DISTRICT_SITES_MAX];
};

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

static int64_t need_of(const struct hour *now, size_t site)
{
    return (int64_t)now->site[site].load - now->site[site].sun;
}

static void learn_means(const struct dam_district *d, struct memory *m, const struct hour *now)
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

static void learn_site(const struct dam_district *d, struct memory *m, size_t site,
                       const struct hour *now)
{
    __typeof__(&m->site[0]) s = &m->site[site];
    int64_t h = m->hours % DAY;
    int64_t days = m->hours / DAY;
    if (days == 0 || s->sun[h] == 0) {
        s->sun_off = (int32_t)(s->sun_off * d->keep_sun / 256);
    } else {
        s->sun_off = (int32_t)sun_off(s->sun, h, now->site[site].sun);
    }
    if (days > 0) {
        int64_t miss = distance(need_of(now, site), (int64_t)s->load[h] - s->sun[h]);
        s->miss[h] = (int32_t)towards(s->miss[h], miss, days - 1, LEARN_DAYS);
    }
    s->load[h] = (int32_t)towards(s->load[h], now->site[site].load, days, LEARN_DAYS);
    s->sun[h] = (int32_t)towards(s->sun[h], now->site[site].sun, days, LEARN_DAYS);
}

/* ---- forecasts ---- */

/* What a Wh weighs of which an hour usually costs `mean` at one each. */
static int64_t weight(int64_t whole, int64_t each, int64_t mean)
{
    return least(whole * each / most(1, mean), WEIGHT_MAX);
}

/* In: load_off, carbon_off: how far the hour that ended was from its usual day. */
static void look_ahead(const struct dam_district *d, const struct memory *m,
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
        /* What a deviation that fades so leaves unexplained. */
        int64_t open = root(65536 - load_kept * load_kept);
        int64_t squares = 0;
        for (size_t i = 0; i < d->sites; i++) {
            __typeof__(&m->site[0]) s = &m->site[i];
            int64_t load = most(0, s->load[h] + load_off[i] * load_kept / 256);
            int64_t sun = s->sun[h] + s->sun[h] * (s->sun_off * sun_kept / 256) / 256;
            a->need[i] = load - least(most(0, sun), ENERGY_MAX);
            a->doubt[i] = (int64_t)s->miss[h] * d->doubt / 64 * open / 256;
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
static void plan_site(const struct dam_district *d, struct memory *m, size_t site, int level,
                      int64_t now_all, int64_t worth, struct ahead *ahead)
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

static void turn(const struct dam_district *d, struct memory *m, const struct hour *now,
                 int64_t *ret_draw)
{
    struct ahead ahead[DAY];
    int64_t load_off[DAM_DISTRICT_SITES_MAX];
    int64_t all = 0;
    int64_t h = m->hours % DAY;
    int64_t carbon_off = now->carbon - m->carbon[h];
    learn_means(d, m, now);
    m->price[h] = now->price_in_day;
    m->carbon[h] = (int32_t)towards(m->carbon[h], now->carbon, m->hours / DAY, LEARN_DAYS);
    for (size_t i = 0; i < d->sites; i++) {
        load_off[i] = now->site[i].load - m->site[i].load[h];
        learn_site(d, m, i, now);
        all += need_of(now, i) + now->site[i].drawn;
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
        plan_site(d, m, i, now->site[i].level, all, worth, ahead);
        ret_draw[i] = m->site[i].plan[0];
    }
}

/* ---- bytes ---- */

static int64_t sat(int64_t x, int64_t min, int64_t max)
{
    return x < min ? min : x > max ? max : x;
}

/* The five int64 that a memory begins with, and what each may be. */
#define HEAD 5u

static void head_of(struct memory *m, int64_t *ret[HEAD])
{
    int64_t *const head[HEAD] = {&m->hours, &m->price_mean, &m->carbon_mean, &m->ramp_mean,
                                 &m->need_before};
    memcpy(ret, head, sizeof(head));
}

static const uint8_t *load_words(const uint8_t *at, int32_t *ret, size_t count, int64_t min,
                                 int64_t max)
{
    for (size_t i = 0; i < count; i++, at += 4) {
        ret[i] = (int32_t)sat((int32_t)dam_load_be32(at), min, max);
    }
    return at;
}

static void memory_load(const struct dam_district *d, struct dam_bytes bytes, struct memory *ret)
{
    static const int64_t least_of[HEAD] = {0, 0, 0, 0, -NEED_MAX};
    static const int64_t most_of[HEAD] = {HOURS_MAX, COST_MAX, COST_MAX, 2 * NEED_MAX, NEED_MAX};
    int64_t *head[HEAD];
    memset(ret, 0, sizeof(*ret));
    if (bytes.len != dam_district_memory_len(d)) {
        return;
    }
    const uint8_t *at = bytes.data;
    head_of(ret, head);
    for (size_t i = 0; i < HEAD; i++, at += 8) {
        *head[i] = sat((int64_t)dam_load_be64(at), least_of[i], most_of[i]);
    }
    at = load_words(at, ret->price, DAY, 0, VALUE_MAX);
    at = load_words(at, ret->carbon, DAY, 0, VALUE_MAX);
    for (size_t i = 0; i < d->sites; i++) {
        __typeof__(&ret->site[0]) s = &ret->site[i];
        at = load_words(at, s->load, DAY, 0, ENERGY_MAX);
        at = load_words(at, s->sun, DAY, 0, ENERGY_MAX);
        at = load_words(at, s->miss, DAY, 0, 2 * ENERGY_MAX);
        at = load_words(at, s->plan, DAY, -ENERGY_MAX, ENERGY_MAX);
        at = load_words(at, &s->sun_off, 1, -SUN_OFF_MAX, SUN_OFF_MAX);
    }
}

static uint8_t *store_words(uint8_t *at, const int32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++, at += 4) {
        dam_store_be32(at, (uint32_t)words[i]);
    }
    return at;
}

static void memory_store(const struct dam_district *d, struct memory *m, uint8_t *at)
{
    int64_t *head[HEAD];
    head_of(m, head);
    for (size_t i = 0; i < HEAD; i++, at += 8) {
        dam_store_be64(at, (uint64_t)*head[i]);
    }
    at = store_words(at, m->price, DAY);
    at = store_words(at, m->carbon, DAY);
    for (size_t i = 0; i < d->sites; i++) {
        at = store_words(at, m->site[i].load, DAY);
        at = store_words(at, m->site[i].sun, DAY);
        at = store_words(at, m->site[i].miss, DAY);
        at = store_words(at, m->site[i].plan, DAY);
        at = store_words(at, &m->site[i].sun_off, 1);
    }
}

/* A record's value; 0 where it is missing or its device fails. */
static int32_t read_record(const uint8_t *observation, size_t record, int64_t min, int64_t max)
{
    const uint8_t *at = observation + 16 * record;
    int64_t value = at[12] == 2 || at[12] == 4 ? 0 : (int64_t)dam_load_be64(at);
    return (int32_t)sat(value, min, max);
}

static void observation_load(const struct dam_district *d, const uint8_t *o, struct hour *ret)
{
    ret->price = read_record(o, DAM_DISTRICT_PRICE, 0, VALUE_MAX);
    ret->price_in_day = read_record(o, DAM_DISTRICT_PRICE_IN_DAY, 0, VALUE_MAX);
    ret->carbon = read_record(o, DAM_DISTRICT_CARBON, 0, VALUE_MAX);
    for (size_t i = 0; i < d->sites; i++) {
        size_t at = DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS * i;
        ret->site[i].load = read_record(o, at + DAM_DISTRICT_LOAD, 0, ENERGY_MAX);
        ret->site[i].sun = read_record(o, at + DAM_DISTRICT_SUN, 0, ENERGY_MAX);
        ret->site[i].drawn = read_record(o, at + DAM_DISTRICT_DRAWN, -ENERGY_MAX, ENERGY_MAX);
        int64_t level = read_record(o, at + DAM_DISTRICT_LEVEL, -LEVEL_READ_MAX, LEVEL_READ_MAX);
        level = (level - d->level_zero) * d->level_mul >> d->level_shift;
        ret->site[i].level = (int32_t)sat(level, 0, LEVELS - 1);
    }
}

size_t dam_district_records(const struct dam_district *d)
{
    return DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS * (size_t)d->sites;
}

size_t dam_district_memory_len(const struct dam_district *d)
{
    return 8 * HEAD + 4 * 2 * DAY + d->sites * 4 * (4 * (size_t)DAY + 1);
}

enum dam_err dam_district_decide(const struct dam_district *d, struct dam_bytes memory,
                                 struct dam_bytes observation, uint8_t *ret_next, int64_t *ret_draw)
{
    struct memory m;
    struct hour now;
    DAM_ASSERT(d->sites >= 1 && d->sites <= DAM_DISTRICT_SITES_MAX);
    if (observation.len < 16 * dam_district_records(d)) {
        return DAM_ERANGE;
    }
    memory_load(d, memory, &m);
    observation_load(d, observation.data, &now);
    turn(d, &m, &now, ret_draw);
    memory_store(d, &m, ret_next);
    return DAM_OK;
}

/* ---- the blob ---- */

const char *dam_district_check(const struct dam_district *d)
{
    if (d->sites < 1 || d->sites > DAM_DISTRICT_SITES_MAX) {
        return "a district has 1 to 16 sites";
    }
    if (d->level_shift > 31 || distance(d->level_zero, 0) >= LEVEL_SCALE_MAX || d->level_mul < 1 ||
        d->level_mul >= LEVEL_SCALE_MAX) {
        return "the scale of a level is (channel - zero) * mul >> shift: zero below 2^24 in size, "
               "mul 1 to 2^24 - 1, shift to 31";
    }
    for (size_t i = 0; i < MOVES; i++) {
        if (distance(d->move_wh[i], 0) >= ENERGY_MAX ||
            (i > 0 && d->move_wh[i] <= d->move_wh[i - 1])) {
            return "moves rise and stay below 2^24 Wh";
        }
    }
    for (size_t i = 0; i < LEVELS; i++) {
        if (d->most_wh[i] < 0 || d->most_wh[i] >= ENERGY_MAX) {
            return "what a level moves is below 2^24 Wh";
        }
    }
    return d->move_wh[STILL] == 0 ? NULL : "the middle move is none";
}

void dam_district_write(const struct dam_district *d, uint8_t ret[DAM_DISTRICT_BLOB_LEN])
{
    DAM_ASSERT(dam_district_check(d) == NULL);
    memset(ret, 0, 32);
    memcpy(ret, "DAMS\1", 5);
    ret[5] = (uint8_t)d->sites;
    ret[6] = d->keep_load;
    ret[7] = d->keep_sun;
    ret[8] = d->doubt;
    ret[9] = d->level_shift;
    dam_store_be32(ret + 12, (uint32_t)d->level_zero);
    dam_store_be32(ret + 16, (uint32_t)d->level_mul);
    (void)store_words(store_words(ret + 32, d->move_wh, MOVES), d->most_wh, LEVELS);
}

enum dam_err dam_district_open(struct dam_bytes blob, struct dam_district *ret,
                               const char **ret_why)
{
    *ret_why = "a district's blob is DAMS and 424 bytes";
    if (blob.len != DAM_DISTRICT_BLOB_LEN || memcmp(blob.data, "DAMS", 4) != 0) {
        return DAM_EPARSE;
    }
    if (blob.data[4] != 1) {
        *ret_why = "this program reads version 1 of the district's blob";
        return DAM_EVERSION;
    }
    for (size_t i = 10; i < 32; i = i == 11 ? 20 : i + 1) {
        if (blob.data[i] != 0) {
            *ret_why = "a reserved byte is not zero";
            return DAM_EPARSE;
        }
    }
    struct dam_district d = {.sites = blob.data[5],
                             .keep_load = blob.data[6],
                             .keep_sun = blob.data[7],
                             .doubt = blob.data[8],
                             .level_shift = blob.data[9],
                             .level_zero = (int32_t)dam_load_be32(blob.data + 12),
                             .level_mul = (int32_t)dam_load_be32(blob.data + 16)};
    const uint8_t *at = load_words(blob.data + 32, d.move_wh, MOVES, INT32_MIN, INT32_MAX);
    (void)load_words(at, d.most_wh, LEVELS, INT32_MIN, INT32_MAX);
    *ret_why = dam_district_check(&d);
    if (*ret_why != NULL) {
        return DAM_EPARSE;
    }
    *ret = d;
    return DAM_OK;
}
