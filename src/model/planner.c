// SPDX-License-Identifier: Apache-2.0
#include "model/planner.h"

#include "base/assert.h"

typedef __int128 wide;

/* Energies and prices are bounded so that no sum over the horizon leaves 62 bits. */
#define ENERGY_MAX (INT64_C(1) << 28)
#define PRICE_MAX (INT64_C(1) << 22)
#define ONE 65536

enum series {
    LOAD,
    PV,
    BUY,
    SELL,
    ERROR, /* of the need, the usual distance from the profile */
    SERIES,
};

#define HEAD_WORDS 14u
#define WEEK_MAX (DAM_PLANNER_MEMORY_MAX / 4)
#define HEAD_LEN (8u * HEAD_WORDS)

/* The memory, decoded: a head, a row for each slot of the cycle, and the load of each slot of the
 * longer cycle. What was never seen is -1. */
struct state {
    int64_t slot;  /* the running slot, -1: none yet */
    int64_t count; /* turns in it */
    int64_t week_slot;
    int64_t sum[ERROR];
    int64_t was_up;
    int64_t up, failed;          /* slots that began with the grid up; those that lost it */
    int64_t down, repaired;      /* and the way back */
    int64_t miss_day, miss_week; /* usual errors of the two cycles' loads */
    int64_t profile[DAM_PLANNER_SLOTS_MAX][SERIES];
    int64_t week[WEEK_MAX];
};

/* What is known of one slot ahead. */
struct outlook {
    int64_t need;  /* load less pv */
    int64_t doubt; /* it may be so much more or less */
    int64_t buy;
    int64_t sell;
    bool sunny; /* a doubt lasts from one sunny slot to the next */
};

static inline int64_t sat(int64_t x, int64_t min, int64_t max)
{
    return x < min ? min : x > max ? max : x;
}

static size_t week_count(const struct dam_planner *p)
{
    return p->days > 1 ? (size_t)p->slots * p->days : 0;
}

size_t dam_planner_memory_len(const struct dam_planner *p)
{
    return HEAD_LEN + 8u * SERIES * (size_t)p->slots + 4u * week_count(p);
}

/* Whatever the memory says, what is used of it is in range. */
static void state_load(const struct dam_planner *p, struct dam_bytes memory, struct state *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (memory.len != dam_planner_memory_len(p)) {
        ret->slot = -1;
        ret->was_up = 1;
        for (size_t i = 0; i < p->slots; i++) {
            ret->profile[i][LOAD] = -1;
        }
        for (size_t i = 0; i < week_count(p); i++) {
            ret->week[i] = -1;
        }
        return;
    }
    int64_t head[HEAD_WORDS];
    for (size_t i = 0; i < HEAD_WORDS; i++) {
        head[i] = (int64_t)dam_load_be64(memory.data + 8 * i);
    }
    ret->slot = sat(head[0], -1, p->slots - 1);
    ret->week_slot = sat(head[1], 0, (int64_t)p->slots * p->days - 1);
    ret->count = sat(head[2], 0, ONE);
    for (size_t i = 0; i < ERROR; i++) {
        ret->sum[i] = sat(head[3 + i], -ENERGY_MAX * ONE, ENERGY_MAX * ONE);
    }
    ret->was_up = sat(head[7], 0, 1);
    ret->up = sat(head[8], 0, ENERGY_MAX);
    ret->failed = sat(head[9], 0, ENERGY_MAX);
    ret->down = sat(head[10], 0, ENERGY_MAX);
    ret->repaired = sat(head[11], 0, ENERGY_MAX);
    ret->miss_day = sat(head[12], 0, ENERGY_MAX);
    ret->miss_week = sat(head[13], 0, ENERGY_MAX);
    const uint8_t *at = memory.data + HEAD_LEN;
    for (size_t i = 0; i < (size_t)p->slots * SERIES; i++, at += 8) {
        int64_t v = (int64_t)dam_load_be64(at);
        bool price = i % SERIES == BUY || i % SERIES == SELL;
        ret->profile[i / SERIES][i % SERIES] =
            price ? sat(v, -PRICE_MAX, PRICE_MAX) : sat(v, -1, ENERGY_MAX);
    }
    for (size_t i = 0; i < week_count(p); i++, at += 4) {
        ret->week[i] = sat((int32_t)dam_load_be32(at), -1, ENERGY_MAX);
    }
}

static void state_store(const struct dam_planner *p, const struct state *s, uint8_t *ret)
{
    const int64_t head[HEAD_WORDS] = {s->slot,   s->week_slot, s->count,    s->sum[0],   s->sum[1],
                                      s->sum[2], s->sum[3],    s->was_up,   s->up,       s->failed,
                                      s->down,   s->repaired,  s->miss_day, s->miss_week};
    for (size_t i = 0; i < HEAD_WORDS; i++, ret += 8) {
        dam_store_be64(ret, (uint64_t)head[i]);
    }
    for (size_t i = 0; i < (size_t)p->slots * SERIES; i++, ret += 8) {
        dam_store_be64(ret, (uint64_t)s->profile[i / SERIES][i % SERIES]);
    }
    for (size_t i = 0; i < week_count(p); i++, ret += 4) {
        dam_store_be32(ret, (uint32_t)s->week[i]);
    }
}

/* ---- learning ---- */

static int64_t distance(int64_t a, int64_t b)
{
    return a < b ? b - a : a - b;
}

/* The load of a slot as both cycles see it, the better one counting more. */
static int64_t usual_load(const struct dam_planner *p, const struct state *s, int64_t slot,
                          int64_t week_slot)
{
    int64_t day = s->profile[slot][LOAD];
    int64_t week = p->days > 1 ? s->week[week_slot] : -1;
    int64_t a = s->miss_day * s->miss_day;
    int64_t b = s->miss_week * s->miss_week;
    return week < 0 || a + b == 0 ? day : day + (int64_t)((wide)(week - day) * a / (a + b));
}

/* A slot that ended goes into the profiles with its mean. */
static void learn_slot(const struct dam_planner *p, struct state *s)
{
    int64_t *profile = s->profile[s->slot];
    int64_t mean[ERROR];
    for (size_t i = 0; i < ERROR; i++) {
        mean[i] = s->sum[i] / s->count;
    }
    int64_t load = mean[LOAD];
    if (profile[LOAD] < 0) {
        memcpy(profile, mean, sizeof(mean));
    } else {
        int64_t *week = p->days > 1 ? &s->week[s->week_slot] : NULL;
        if (week != NULL && *week >= 0) {
            s->miss_day += (distance(load, profile[LOAD]) - s->miss_day) >> 6;
            s->miss_week += (distance(load, *week) - s->miss_week) >> 6;
        }
        int64_t usual = usual_load(p, s, s->slot, s->week_slot);
        int64_t miss = distance(usual - profile[PV], load - mean[PV]);
        profile[ERROR] += (miss - profile[ERROR]) >> 3;
        for (size_t i = 0; i < ERROR; i++) {
            profile[i] += (mean[i] - profile[i]) >> (i == PV ? p->learn_pv : p->learn);
        }
    }
    if (p->days > 1) {
        s->week[s->week_slot] = load;
    }
}

/* Adds this turn to its slot. */
static void learn(const struct dam_planner *p, struct state *s, int64_t slot, int64_t week_slot,
                  const int64_t *now, bool up)
{
    if (slot != s->slot) {
        if (s->slot >= 0 && s->count > 0) {
            learn_slot(p, s);
            if (s->was_up == 1) {
                s->up++;
                s->failed += !up;
            } else {
                s->down++;
                s->repaired += up;
            }
        }
        s->slot = slot;
        s->week_slot = week_slot;
        s->count = 0;
        memset(s->sum, 0, sizeof(s->sum));
    }
    if (s->count < ONE) {
        s->count++;
        for (size_t i = 0; i < ERROR; i++) {
            s->sum[i] += now[i];
        }
    }
    s->was_up = up;
}

/* ---- forecasts ---- */

/* The largest whole number whose square is at most x, of at most 9 bits. */
static int64_t root(int64_t x)
{
    int64_t r = 0;
    for (int64_t bit = 256; bit > 0; bit >>= 1) {
        r += (r + bit) * (r + bit) <= x ? bit : 0;
    }
    return r;
}

/* What one unit of today's deviation of the sun is measured by: the profile now, but not less than
 * a sixteenth of its peak, as the low sun says little about the high one. */
static int64_t sun_now(const struct dam_planner *p, const struct state *s, int64_t slot)
{
    int64_t peak = 16;
    for (size_t i = 0; i < p->slots; i++) {
        peak = s->profile[i][PV] > peak ? s->profile[i][PV] : peak;
    }
    return s->profile[slot][PV] > peak / 16 ? s->profile[slot][PV] : peak / 16;
}

/* The cycles' profiles and what is left of today's deviation from them: the load's is a difference,
 * the sun's a ratio. Returns: false if the horizon holds a slot never seen. */
static bool look_ahead(const struct dam_planner *p, const struct state *s, int64_t slot,
                       int64_t week_slot, const int64_t *now, int64_t horizon, struct outlook *ret)
{
    bool seen = s->profile[slot][LOAD] >= 0;
    int64_t load_off = seen ? now[LOAD] - usual_load(p, s, slot, week_slot) : 0;
    int64_t pv_off = seen ? now[PV] - s->profile[slot][PV] : 0;
    int64_t pv_base = sun_now(p, s, slot);
    int64_t kept = 256;
    ret[0] = (struct outlook){now[LOAD] - now[PV], 0, now[BUY], now[SELL], false};
    for (int64_t k = 1; k < horizon; k++) {
        int64_t at = (slot + k) % p->slots;
        const int64_t *row = s->profile[at];
        if (row[LOAD] < 0) {
            return false;
        }
        load_off = (load_off * p->keep_load) >> 8;
        pv_off = (pv_off * p->keep_pv) >> 8;
        kept = (kept * p->keep_pv) >> 8;
        int64_t usual = usual_load(p, s, at, (week_slot + k) % ((int64_t)p->slots * p->days));
        int64_t load = sat(usual + load_off, 0, ENERGY_MAX);
        int64_t pv = row[PV] <= 0 ? 0 : sat(row[PV] + pv_off * row[PV] / pv_base, 0, ENERGY_MAX);
        /* What a deviation that fades by `kept` leaves unexplained. */
        int64_t doubt = (((row[ERROR] * p->doubt) >> 6) * root(ONE - kept * kept)) >> 8;
        ret[k] = (struct outlook){load - pv, doubt, row[BUY], row[SELL], row[PV] > 0};
    }
    return true;
}

/* ---- costs ---- */

/* Outside units drawn to change the store by d. */
static int64_t outside(const struct dam_planner *p, int64_t d)
{
    return d >= 0 ? (d * p->charge_cost) >> 16 : -((-d * p->drain_yield) >> 16);
}

/* The cheapest way to serve what is needed: grid first or generator first. */
static int64_t serve(const struct dam_planner *p, const struct outlook *at, int64_t need, bool up)
{
    int64_t grid = up ? p->grid_max : 0;
    if (need <= 0) {
        return sat(need, -grid, 0) * at->sell;
    }
    int64_t import = need < grid ? need : grid;
    int64_t rest = need - import;
    int64_t gen = rest > 0 && p->gen_max > 0 ? sat(rest, p->gen_min, p->gen_max) : 0;
    int64_t lost = rest > gen ? rest - gen : 0;
    int64_t best = import * at->buy + gen * p->gen_price + lost * p->lost_price;
    if (p->gen_max > 0) {
        gen = sat(need, p->gen_min, p->gen_max);
        rest = need > gen ? need - gen : 0;
        import = rest < grid ? rest : grid;
        int64_t other = import * at->buy + gen * p->gen_price + (rest - import) * p->lost_price;
        best = other < best ? other : best;
    }
    return best;
}

static int64_t stage(const struct dam_planner *p, const struct outlook *at, int64_t d, bool up)
{
    int64_t moved = d < 0 ? -d : d;
    int64_t need = at->need + outside(p, d);
    int64_t cost = serve(p, at, need, up);
    if (at->doubt > 0) { /* half as expected, a quarter each with more and with less need */
        cost =
            (2 * cost + serve(p, at, need + at->doubt, up) + serve(p, at, need - at->doubt, up)) >>
            2;
    }
    return cost + moved * p->wear;
}

/* ---- the plan ---- */

/* More need than expected (a dull day), as expected, less. */
#define WEATHERS 3

struct plan {
    const struct dam_planner *p;
    int64_t unit; /* stored units between two levels */
    int64_t up_moves;
    int64_t down_moves;
    int64_t fail; /* chances in 65536ths, from one slot to the next */
    int64_t repair;
    bool outages;
    /* [weather][grid is down][level]: cost from here on. Where no doubt lasts, the first alone. */
    int64_t value[WEATHERS][2][DAM_PLANNER_LEVELS_MAX];
    int64_t ahead[2][DAM_PLANNER_LEVELS_MAX]; /* its expectation one slot before */
};

static int64_t chance(int64_t seen, int64_t of, uint16_t prior_seen, uint16_t prior_of)
{
    int64_t all = of + prior_of;
    return all == 0 ? 0 : sat((seen + prior_seen) * ONE / all, 0, ONE);
}

/* The expectation of a table one slot before: the grid may fail or come back. */
static void expect(struct plan *plan, size_t weather)
{
    for (size_t j = 0; j < plan->p->levels; j++) {
        int64_t up = plan->value[weather][0][j];
        int64_t down = plan->value[weather][1][j];
        plan->ahead[0][j] =
            (int64_t)(((wide)up * (ONE - plan->fail) + (wide)down * plan->fail) >> 16);
        plan->ahead[1][j] =
            (int64_t)(((wide)down * (ONE - plan->repair) + (wide)up * plan->repair) >> 16);
    }
}

/* Before the sun rises no weather is known: half as expected, a quarter each of the others. */
static void forget_weather(struct plan *plan)
{
    for (size_t g = 0; g < 2; g++) {
        for (size_t j = 0; j < plan->p->levels; j++) {
            plan->value[0][g][j] =
                (plan->value[0][g][j] + 2 * plan->value[1][g][j] + plan->value[2][g][j]) >> 2;
        }
    }
}

/* One slot back: value[i] = min over moves m of cost(m) + ahead[i + m]. */
static void step_back(struct plan *plan, const struct outlook *at, size_t weather, size_t down)
{
    int64_t levels = plan->p->levels;
    int64_t cost[2 * DAM_PLANNER_LEVELS_MAX];
    for (int64_t m = -plan->down_moves; m <= plan->up_moves; m++) {
        cost[m + plan->down_moves] = stage(plan->p, at, m * plan->unit, down == 0);
    }
    for (int64_t i = 0; i < levels; i++) {
        int64_t from = i < plan->down_moves ? 0 : i - plan->down_moves;
        int64_t to = i + plan->up_moves < levels ? i + plan->up_moves : levels - 1;
        int64_t best = INT64_MAX;
        for (int64_t j = from; j <= to; j++) {
            int64_t c = cost[j - i + plan->down_moves] + plan->ahead[down][j];
            best = c < best ? c : best;
        }
        plan->value[weather][down][i] = best;
    }
}

/* Backwards through the horizon. In a sunny slot each weather has its own need and goes on as it
 * is; in the dark there is one table, and the doubt of one slot says nothing of the next. */
static void plan_back(struct plan *plan, const struct outlook *ahead, int64_t horizon)
{
    bool later_sunny = false;
    for (int64_t k = horizon - 1; k > 0; k--) {
        bool sunny = ahead[k].sunny;
        if (later_sunny && !sunny) {
            forget_weather(plan);
        }
        for (size_t w = sunny ? WEATHERS : 1; w-- > 0;) {
            struct outlook at = ahead[k];
            if (sunny) {
                at.need += (1 - (int64_t)w) * at.doubt;
                at.doubt = 0;
            }
            expect(plan, later_sunny ? w : 0);
            step_back(plan, &at, w, 0);
            if (plan->outages) {
                step_back(plan, &at, w, 1);
            }
        }
        later_sunny = sunny;
    }
    if (later_sunny) {
        forget_weather(plan);
    }
    expect(plan, 0);
}

static int64_t worth_of(const struct plan *plan, int64_t level, size_t down)
{
    int64_t x = level - plan->p->store_min;
    int64_t j = x / plan->unit;
    if (j >= plan->p->levels - 1) {
        return plan->ahead[down][plan->p->levels - 1];
    }
    const int64_t *v = &plan->ahead[down][j];
    return v[0] + (int64_t)((wide)(v[1] - v[0]) * (x - j * plan->unit) / plan->unit);
}

/* The store as it stands, and how far one slot can move it. */
struct store {
    int64_t level;
    int64_t least;
    int64_t most;
};

/* The move that serves this slot's need alone: what a controller without a plan does. */
static int64_t balance(const struct dam_planner *p, int64_t need, struct store store)
{
    int64_t d = need <= 0 ? -need * ONE / p->charge_cost : -(need * ONE / p->drain_yield);
    return sat(d, store.least, store.most);
}

static int64_t choose(const struct plan *plan, const struct outlook *at, struct store store,
                      bool up)
{
    const struct dam_planner *p = plan->p;
    int64_t best = 0;
    int64_t best_cost = INT64_MAX;
    /* First no move, then the balance, then the ends, then every level of the grid. */
    for (int64_t i = -4; i < p->levels; i++) {
        int64_t d = i == -4   ? 0
                    : i == -3 ? balance(p, at->need, store)
                    : i == -2 ? store.least
                    : i == -1 ? store.most
                              : p->store_min + i * plan->unit - store.level;
        if (d < store.least || d > store.most) {
            continue;
        }
        int64_t cost = stage(p, at, d, up) + worth_of(plan, store.level + d, !up);
        if (cost < best_cost) {
            best_cost = cost;
            best = d;
        }
    }
    return best;
}

static int64_t plan_move(const struct dam_planner *p, const struct state *s,
                         const struct outlook *ahead, int64_t horizon, struct store store, bool up)
{
    struct plan plan = {.p = p, .outages = p->ch_grid != DAM_PLANNER_NONE};
    plan.unit = (p->store_max - p->store_min) / (p->levels - 1);
    plan.up_moves = sat(p->charge_max / plan.unit, 0, p->levels - 1);
    plan.down_moves = sat(p->drain_max / plan.unit, 0, p->levels - 1);
    if (plan.outages) {
        plan.fail = chance(s->failed, s->up, p->fail_seen, p->fail_of);
        plan.repair = chance(s->repaired, s->down, p->repair_seen, p->repair_of);
    }
    int64_t buy = 0;
    for (int64_t k = 0; k < horizon; k++) {
        buy += ahead[k].buy;
    }
    int64_t end = horizon < p->horizon ? 0 : (buy / horizon * p->end_price) >> 16;
    for (size_t j = 0; j < p->levels; j++) {
        plan.value[0][0][j] = plan.value[0][1][j] = -end * (int64_t)j * plan.unit;
    }
    plan_back(&plan, ahead, horizon);
    return choose(&plan, &ahead[0], store, up);
}

/* ---- the turn ---- */

/* A value of the observation, or what the profile says where it is missing. */
static int64_t read(uint16_t channel, const uint8_t *observation, int64_t fallback, int64_t min,
                    int64_t max)
{
    if (channel == DAM_PLANNER_NONE) {
        return 0;
    }
    const uint8_t *record = observation + 16 * (size_t)channel;
    bool missing = record[12] == 2 || record[12] == 4;
    return missing ? fallback : sat((int64_t)dam_load_be64(record), min, max);
}

enum dam_err dam_planner_decide(const struct dam_planner *p, struct dam_bytes memory,
                                struct dam_bytes observation, uint8_t *ret_next,
                                int64_t *ret_proposal)
{
    if (observation.len != 16 * (size_t)p->records) {
        return DAM_ERANGE;
    }
    struct state s;
    struct outlook ahead[DAM_PLANNER_HORIZON_MAX];
    state_load(p, memory, &s);
    const uint8_t *o = observation.data;
    int64_t time = sat((int64_t)dam_load_be64(o), 0, INT64_C(1) << 40);
    int64_t slot = time / p->slot_s % p->slots;
    int64_t week_slot = time / p->slot_s % ((int64_t)p->slots * p->days);
    const int64_t *row = s.profile[slot];
    bool seen = row[LOAD] >= 0;
    int64_t now[ERROR] = {[LOAD] = read(p->ch_load, o, seen ? row[LOAD] : 0, 0, ENERGY_MAX),
                          [PV] = read(p->ch_pv, o, seen ? row[PV] : 0, 0, ENERGY_MAX),
                          [BUY] = read(p->ch_buy, o, seen ? row[BUY] : 0, -PRICE_MAX, PRICE_MAX),
                          [SELL] =
                              read(p->ch_sell, o, seen ? row[SELL] : 0, -PRICE_MAX, PRICE_MAX)};
    bool up = p->ch_grid == DAM_PLANNER_NONE || read(p->ch_grid, o, 1, 0, 1) == 1;
    learn(p, &s, slot, week_slot, now, up);
    memset(ret_proposal, 0, p->actuators * sizeof(*ret_proposal));
    const uint8_t *store = o + 16 * (size_t)p->ch_store;
    if (store[12] != 2 && store[12] != 4) { /* a store that cannot be seen is left alone */
        int64_t raw = (int64_t)dam_load_be64(store);
        wide level_wide = (((wide)raw - p->store_zero) * p->store_mul) >> p->store_shift;
        int64_t level = level_wide < p->store_min   ? p->store_min
                        : level_wide > p->store_max ? p->store_max
                                                    : (int64_t)level_wide;
        struct store here = {level, -sat(level - p->store_min, 0, p->drain_max),
                             sat(p->store_max - level, 0, p->charge_max)};
        int64_t horizon = p->ch_left == DAM_PLANNER_NONE
                              ? p->horizon
                              : read(p->ch_left, o, p->horizon, 1, p->horizon);
        bool known = look_ahead(p, &s, slot, week_slot, now, horizon, ahead);
        int64_t d =
            known ? plan_move(p, &s, ahead, horizon, here, up) : balance(p, ahead[0].need, here);
        ret_proposal[0] = outside(p, d);
    }
    state_store(p, &s, ret_next);
    return DAM_OK;
}

/* ---- the blob ---- */

/* One row a field: where it lies, its bytes, its bounds. */
#define FIELDS(X)                                                                                  \
    X(records, 6, 2, 1, 256)                                                                       \
    X(ch_load, 8, 2, 0, 65535)                                                                     \
    X(ch_pv, 10, 2, 0, 65535)                                                                      \
    X(ch_store, 12, 2, 0, 255)                                                                     \
    X(ch_buy, 14, 2, 0, 65535)                                                                     \
    X(ch_sell, 16, 2, 0, 65535)                                                                    \
    X(ch_grid, 18, 2, 0, 65535)                                                                    \
    X(actuators, 20, 2, 1, 64)                                                                     \
    X(slots, 22, 2, 1, DAM_PLANNER_SLOTS_MAX)                                                      \
    X(slot_s, 24, 4, 1, 86400)                                                                     \
    X(levels, 28, 2, 2, DAM_PLANNER_LEVELS_MAX)                                                    \
    X(horizon, 30, 1, 2, DAM_PLANNER_HORIZON_MAX)                                                  \
    X(learn, 31, 1, 0, 15)                                                                         \
    X(keep_load, 32, 1, 0, 255)                                                                    \
    X(keep_pv, 33, 1, 0, 255)                                                                      \
    X(store_shift, 34, 1, 0, 62)                                                                   \
    X(store_mul, 36, 4, 1, INT32_MAX)                                                              \
    X(fail_seen, 40, 2, 0, 65535)                                                                  \
    X(fail_of, 42, 2, 0, 65535)                                                                    \
    X(repair_seen, 44, 2, 0, 65535)                                                                \
    X(repair_of, 46, 2, 0, 65535)                                                                  \
    X(charge_cost, 48, 4, ONE, 4 * ONE)                                                            \
    X(drain_yield, 52, 4, ONE / 16, ONE)                                                           \
    X(store_zero, 56, 8, INT64_MIN, INT64_MAX)                                                     \
    X(store_min, 64, 8, 0, ENERGY_MAX)                                                             \
    X(store_max, 72, 8, 0, ENERGY_MAX)                                                             \
    X(charge_max, 80, 8, 1, ENERGY_MAX)                                                            \
    X(drain_max, 88, 8, 1, ENERGY_MAX)                                                             \
    X(wear, 96, 8, 0, PRICE_MAX)                                                                   \
    X(grid_max, 104, 8, 0, ENERGY_MAX)                                                             \
    X(gen_min, 112, 8, 0, ENERGY_MAX)                                                              \
    X(gen_max, 120, 8, 0, ENERGY_MAX)                                                              \
    X(gen_price, 128, 8, 0, PRICE_MAX)                                                             \
    X(lost_price, 136, 8, 0, PRICE_MAX)                                                            \
    X(end_price, 144, 8, 0, 4 * ONE)                                                               \
    X(days, 152, 1, 1, 7)                                                                          \
    X(doubt, 153, 1, 0, 255)                                                                       \
    X(learn_pv, 154, 1, 0, 15)                                                                     \
    X(ch_left, 156, 2, 0, 65535)

#define FIELDS_END 158u

void dam_planner_defaults(struct dam_planner *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->ch_load = ret->ch_pv = ret->ch_buy = ret->ch_sell = DAM_PLANNER_NONE;
    ret->ch_grid = ret->ch_left = DAM_PLANNER_NONE;
    ret->actuators = ret->days = 1;
    ret->slot_s = 3600;
    ret->slots = 24;
    ret->levels = 32;
    ret->horizon = 24;
    ret->learn = ret->learn_pv = 3;
    ret->keep_load = ret->keep_pv = 200;
    ret->store_mul = 1;
    ret->charge_cost = ret->drain_yield = ONE;
}

bool dam_planner_set(struct dam_planner *planner, const char *name, int64_t value)
{
#define X(field, at, len, min, max)                                                                \
    if (strcmp(name, #field) == 0) {                                                               \
        if (value < (int64_t)(min) || value > (int64_t)(max)) {                                    \
            return false;                                                                          \
        }                                                                                          \
        planner->field = (__typeof__(planner->field))value;                                        \
        return true;                                                                               \
    }
    FIELDS(X)
#undef X
    return false;
}

static bool channel_good(const struct dam_planner *p, uint16_t channel)
{
    return channel == DAM_PLANNER_NONE || channel < p->records;
}

const char *dam_planner_check(const struct dam_planner *p)
{
#define X(name, at, len, min, max)                                                                 \
    if ((int64_t)p->name < (int64_t)(min) || (int64_t)p->name > (int64_t)(max)) {                  \
        return #name " is out of its range";                                                       \
    }
    FIELDS(X)
#undef X
    if (!channel_good(p, p->ch_load) || !channel_good(p, p->ch_pv) || !channel_good(p, p->ch_buy) ||
        !channel_good(p, p->ch_sell) || !channel_good(p, p->ch_grid) ||
        !channel_good(p, p->ch_left) || p->ch_store >= p->records) {
        return "a channel is below the records, or 65535 for none; the store has one";
    }
    int64_t unit = (p->store_max - p->store_min) / (p->levels - 1);
    if (unit < 1 || unit > p->charge_max || unit > p->drain_max) {
        return "a level of the store is at least one unit and at most a slot's charge and drain";
    }
    if (dam_planner_memory_len(p) > DAM_PLANNER_MEMORY_MAX) {
        return "slots and days need more than 8192 bytes of memory";
    }
    if (p->gen_min > p->gen_max) {
        return "gen_min is at most gen_max";
    }
    return NULL;
}

enum dam_err dam_planner_open(struct dam_bytes blob, struct dam_planner *ret, const char **ret_why)
{
    *ret_why = "a planner's blob is 256 bytes that begin with DAMP";
    if (blob.len != DAM_PLANNER_BLOB_LEN || memcmp(blob.data, "DAMP", 4) != 0) {
        return DAM_EPARSE;
    }
    if (blob.data[4] != 1) {
        *ret_why = "this program reads version 1 of the planner's blob";
        return DAM_EVERSION;
    }
    struct dam_planner p;
    memset(&p, 0, sizeof(p));
#define X(name, at, len, min, max)                                                                 \
    {                                                                                              \
        uint64_t v = 0;                                                                            \
        for (size_t i = 0; i < (len); i++) {                                                       \
            v = v << 8 | blob.data[(at) + i];                                                      \
        }                                                                                          \
        p.name = (__typeof__(p.name))v;                                                            \
    }
    FIELDS(X)
#undef X
    *ret_why = "a reserved byte is not zero";
    for (size_t i = FIELDS_END; i < DAM_PLANNER_BLOB_LEN; i++) {
        if (blob.data[i] != 0) {
            return DAM_EPARSE;
        }
    }
    if (blob.data[5] != 0 || blob.data[35] != 0 || blob.data[155] != 0) {
        return DAM_EPARSE;
    }
    *ret_why = dam_planner_check(&p);
    if (*ret_why != NULL) {
        return DAM_EPARSE;
    }
    *ret = p;
    return DAM_OK;
}

void dam_planner_write(const struct dam_planner *planner, uint8_t ret[DAM_PLANNER_BLOB_LEN])
{
    DAM_ASSERT(dam_planner_check(planner) == NULL);
    memset(ret, 0, DAM_PLANNER_BLOB_LEN);
    memcpy(ret, "DAMP\1", 5);
#define X(name, at, len, min, max)                                                                 \
    for (size_t i = 0; i < (len); i++) {                                                           \
        ret[(at) + i] = (uint8_t)((uint64_t)planner->name >> 8 * ((len)-1 - i));                   \
    }
    FIELDS(X)
#undef X
}
