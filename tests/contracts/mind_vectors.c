// SPDX-License-Identifier: Apache-2.0
/* Prints contracts/test/vectors/planner.json, forecast.json or district.json: what a mind's twin in
 * C answers, for the forge tests. Minds with every feature, turns that follow each other, absent
 * values, and a memory that is not theirs; then, for the last blob, which single bytes make it
 * none.
 *
 *   ninja -C build tests/contracts/mind-vectors
 *   build/tests/contracts/mind-vectors planner > contracts/test/vectors/planner.json */
#include "base/prng.h"
#include "model/district.h"
#include "model/forecast.h"
#include "model/planner.h"

#include <stdio.h>
#include <string.h>

#define RECORDS 8u
#define RECORDS_MAX 16u
#define TURNS 40u
#define BLOB_MAX DAM_FORECAST_BLOB_MAX
#define MEMORY_MAX 8192u

/* A mind with its twin's functions. */
struct mind {
    uint8_t blob[BLOB_MAX];
    size_t blob_len;
    size_t memory_len;
    size_t records;
    size_t outputs;
    enum dam_err (*decide)(const struct mind *mind, struct dam_bytes memory,
                           struct dam_bytes observation, uint8_t *ret_next, int64_t *ret_values);
    bool (*is_blob)(struct dam_bytes blob);
    void (*observe)(struct dam_prng *prng, unsigned turn, int64_t ret[RECORDS_MAX]);
    struct dam_planner planner;
    struct dam_forecast forecast;
    struct dam_district district;
};

static struct dam_planner planner_of(unsigned which)
{
    struct dam_planner p = {.records = RECORDS,
                            .ch_load = 1,
                            .ch_pv = 2,
                            .ch_store = 3,
                            .ch_buy = 4,
                            .ch_sell = 5,
                            .ch_grid = DAM_PLANNER_NONE,
                            .ch_left = DAM_PLANNER_NONE,
                            .actuators = 1,
                            .slot_s = 3600,
                            .slots = 4,
                            .days = 1,
                            .levels = 11,
                            .horizon = 6,
                            .learn = 1,
                            .learn_pv = 2,
                            .keep_load = 128,
                            .keep_pv = 200,
                            .store_mul = 1,
                            .store_max = 1000,
                            .charge_max = 200,
                            .drain_max = 200,
                            .charge_cost = 68000,
                            .drain_yield = 62000,
                            .wear = 1,
                            .grid_max = 10000,
                            .lost_price = 1000,
                            .end_price = 50000};
    if (which >= 1) { /* a weak grid that fails, and a generator */
        p.ch_grid = 6;
        p.grid_max = 150;
        p.gen_min = 20;
        p.gen_max = 60;
        p.gen_price = 50;
        p.fail_seen = 1;
        p.fail_of = 10;
        p.repair_seen = 1;
        p.repair_of = 3;
    }
    if (which >= 2) { /* a longer cycle, and doubt */
        p.days = 3;
        p.doubt = 40;
        p.actuators = 3;
    }
    if (which >= 3) { /* a deadline, and a store that is measured in other units */
        p.ch_left = 7;
        p.store_mul = 3;
        p.store_shift = 1;
        p.store_zero = -10;
    }
    return p;
}

static void site_observe(struct dam_prng *prng, unsigned turn, int64_t ret[RECORDS_MAX])
{
    int64_t hour = turn / 2; /* two turns a slot */
    const int64_t values[RECORDS] = {
        (int64_t)turn * 1800,
        (int64_t)dam_prng_below(prng, 200),
        hour % 4 == 1 || hour % 4 == 2 ? (int64_t)dam_prng_below(prng, 250) : 0,
        (int64_t)dam_prng_below(prng, 1000),
        hour % 4 < 2 ? 10 : 30,
        (int64_t)dam_prng_below(prng, 15),
        dam_prng_below(prng, 6) != 0,
        (int64_t)(TURNS - turn),
    };
    memcpy(ret, values, sizeof(values));
}

static enum dam_err planner_decide(const struct mind *mind, struct dam_bytes memory,
                                   struct dam_bytes observation, uint8_t *ret_next,
                                   int64_t *ret_values)
{
    return dam_planner_decide(&mind->planner, memory, observation, ret_next, ret_values);
}

static bool planner_is_blob(struct dam_bytes blob)
{
    struct dam_planner planner;
    const char *why;
    return dam_planner_open(blob, &planner, &why) == DAM_OK;
}

static struct mind planner_mind(unsigned which)
{
    struct mind mind = {.planner = planner_of(which),
                        .blob_len = DAM_PLANNER_BLOB_LEN,
                        .decide = planner_decide,
                        .is_blob = planner_is_blob,
                        .observe = site_observe,
                        .records = RECORDS};
    dam_planner_write(&mind.planner, mind.blob);
    mind.memory_len = dam_planner_memory_len(&mind.planner);
    mind.outputs = mind.planner.actuators;
    return mind;
}

static enum dam_err forecast_decide(const struct mind *mind, struct dam_bytes memory,
                                    struct dam_bytes observation, uint8_t *ret_next,
                                    int64_t *ret_values)
{
    return dam_forecast_decide(&mind->forecast, memory, observation, ret_next, ret_values);
}

static bool forecast_is_blob(struct dam_bytes blob)
{
    struct dam_forecast forecast;
    const char *why;
    return dam_forecast_open(blob, &forecast, &why) == DAM_OK;
}

/* Forecaster i of three: each method, over seasons and horizons that the case gives. */
static struct mind forecast_mind(unsigned which)
{
    struct mind mind = {.decide = forecast_decide,
                        .is_blob = forecast_is_blob,
                        .observe = site_observe,
                        .records = RECORDS,
                        .outputs = 2};
    struct dam_forecast *f = &mind.forecast;
    *f = (struct dam_forecast){
        .records = RECORDS, .forecasters_count = 3, .outputs_count = 2, .slot_s = 3600};
    for (uint8_t i = 0; i < 3; i++) {
        f->forecasters[i] = (struct dam_forecaster){.channel = (uint16_t)(1 + i),
                                                    .method = (uint8_t)(i + 1),
                                                    .ahead = (uint8_t)(1 + which),
                                                    .season = (uint16_t)(4 + which),
                                                    .alpha = i == 2 ? 9 : 2,
                                                    .beta = (uint8_t)which,
                                                    .shift = (uint8_t)(which == 2),
                                                    .limit = which == 1 ? 1 : 16};
    }
    for (size_t j = 0; j < 2; j++) {
        f->outputs[j] = (struct dam_output){.mul = 3,
                                            .bias = 7,
                                            .shift = 1,
                                            .offset = -5,
                                            .min = j == 0 ? INT64_MIN : -100,
                                            .max = j == 0 ? INT64_MAX : 100};
        for (size_t k = 0; k < 9; k++) {
            f->weights[j][k] = (int32_t)(k * 5 + j) - 20;
        }
    }
    mind.blob_len = dam_forecast_write(f, mind.blob);
    mind.memory_len = dam_forecast_memory_len(f);
    return mind;
}

static enum dam_err district_decide(const struct mind *mind, struct dam_bytes memory,
                                    struct dam_bytes observation, uint8_t *ret_next,
                                    int64_t *ret_values)
{
    return dam_district_decide(&mind->district, memory, observation, ret_next, ret_values);
}

static bool district_is_blob(struct dam_bytes blob)
{
    struct dam_district district;
    const char *why;
    return dam_district_open(blob, &district, &why) == DAM_OK;
}

/* Sun at noon, dear evenings; the second day is planned. */
static void district_observe(struct dam_prng *prng, unsigned turn, int64_t ret[RECORDS_MAX])
{
    unsigned h = turn % 24;
    ret[DAM_DISTRICT_PRICE] = h >= 16 && h < 21 ? 5400 : 2200;
    ret[DAM_DISTRICT_PRICE_IN_DAY] = ret[DAM_DISTRICT_PRICE];
    ret[DAM_DISTRICT_CARBON] = 10000 + (int64_t)dam_prng_below(prng, 5000);
    for (size_t at = DAM_DISTRICT_SITE; at < RECORDS_MAX; at += DAM_DISTRICT_SITE_RECORDS) {
        ret[at + DAM_DISTRICT_LOAD] = 400 + (int64_t)dam_prng_below(prng, 800);
        ret[at + DAM_DISTRICT_SUN] = h >= 8 && h < 16 ? (int64_t)dam_prng_below(prng, 3000) : 0;
        ret[at + DAM_DISTRICT_DRAWN] = (int64_t)dam_prng_below(prng, 2000) - 1000;
        ret[at + DAM_DISTRICT_LEVEL] = (int64_t)dam_prng_below(prng, DAM_DISTRICT_LEVELS);
    }
}

/* One to three sites; the stores differ in what they lose, and in how much a full one takes. */
static struct mind district_mind(unsigned which)
{
    struct mind mind = {.blob_len = DAM_DISTRICT_BLOB_LEN,
                        .decide = district_decide,
                        .is_blob = district_is_blob,
                        .observe = district_observe};
    struct dam_district *d = &mind.district;
    const int top = DAM_DISTRICT_LEVELS - 1;
    *d = (struct dam_district){
        .sites = which + 1, .keep_load = 160, .keep_sun = 240, .doubt = (uint8_t)(64 * which)};
    d->level_shift = (uint8_t)(3 * which); /* 0: the level itself; else finer, and beside zero */
    d->level_zero = -5 * (int32_t)which;
    d->level_mul = 1 + 6 * (int32_t)which;
    for (int move = -top; move <= top; move++) {
        d->move_wh[move + top] =
            move * 200 * (move < 0 ? 9 : 10) / (move < 0 ? 10 : 9 - (int)which);
    }
    for (int level = 0; level <= top; level++) {
        d->most_wh[level] = level < 26 ? 4000 + 3000 * (int)which : 1500;
    }
    dam_district_write(d, mind.blob);
    mind.memory_len = dam_district_memory_len(d);
    mind.records = dam_district_records(d) + (which < 2 ? 2 : 0); /* more is not read */
    mind.outputs = d->sites;
    return mind;
}

static void hex_put(const uint8_t *data, size_t len)
{
    printf("\"0x");
    for (size_t i = 0; i < len; i++) {
        printf("%02x", data[i]);
    }
    printf("\"");
}

static void observe(struct dam_prng *prng, const struct mind *mind, unsigned turn, uint8_t *ret)
{
    int64_t values[RECORDS_MAX] = {0};
    mind->observe(prng, turn, values);
    memset(ret, 0, 16 * mind->records);
    for (size_t i = 0; i < mind->records; i++) {
        if (dam_prng_below(prng, 40) == 0) { /* a mad reading */
            values[i] = (int64_t)dam_prng_next(prng) >> dam_prng_below(prng, 64);
        }
        dam_store_be64(ret + 16 * i, (uint64_t)values[i]);
        ret[16 * i + 12] = dam_prng_below(prng, 12) == 0 ? (uint8_t)dam_prng_below(prng, 5) : 0;
    }
}

static bool case_put(struct dam_prng *prng, const struct mind *mind)
{
    static uint8_t memories[TURNS][MEMORY_MAX];
    static uint8_t nexts[TURNS][MEMORY_MAX];
    static uint8_t observations[TURNS][16 * RECORDS_MAX];
    int64_t values[TURNS][64];
    size_t lens[TURNS];
    for (unsigned t = 0; t < TURNS; t++) {
        observe(prng, mind, t, observations[t]);
        lens[t] = t == 0 ? 0 : t == TURNS - 2 ? mind->memory_len - 1 : mind->memory_len;
        if (t == TURNS - 1) { /* any memory of the right length */
            dam_prng_fill(prng, memories[t], mind->memory_len);
        } else if (t > 0) {
            memcpy(memories[t], nexts[t - 1], lens[t]);
        }
        if (mind->decide(mind, dam_bytes(memories[t], lens[t]),
                         dam_bytes(observations[t], 16 * mind->records), nexts[t],
                         values[t]) != DAM_OK) {
            return false;
        }
    }
    printf("{\"blob\":");
    hex_put(mind->blob, mind->blob_len);
    const char *const names[] = {"memory", "observation", "next", "proposal"};
    for (size_t n = 0; n < 4; n++) {
        printf(",\n\"%s\":[", names[n]);
        for (unsigned t = 0; t < TURNS; t++) {
            uint8_t proposal[8 * 64];
            for (size_t j = 0; j < mind->outputs; j++) {
                dam_store_be64(proposal + 8 * j, (uint64_t)values[t][j]);
            }
            printf(t > 0 ? "," : "");
            const uint8_t *const data[] = {memories[t], observations[t], nexts[t], proposal};
            const size_t data_len[] = {lens[t], 16 * mind->records, mind->memory_len,
                                       8 * mind->outputs};
            hex_put(data[n], data_len[n]);
        }
        printf("]");
    }
    printf("}");
    return true;
}

/* Byte i is 1 where the blob with byte i turned round is refused. */
static void refused_put(struct mind mind)
{
    uint8_t refused[BLOB_MAX];
    for (size_t i = 0; i < mind.blob_len; i++) {
        mind.blob[i] ^= 0xff;
        refused[i] = !mind.is_blob(dam_bytes(mind.blob, mind.blob_len));
        mind.blob[i] ^= 0xff;
    }
    hex_put(refused, mind.blob_len);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        struct mind (*make)(unsigned which);
        unsigned count;
    } kinds[] = {{"planner", planner_mind, 4},
                 {"forecast", forecast_mind, 3},
                 {"district", district_mind, 3}};
    struct dam_prng prng = {.state = 11};
    size_t kind = 0;
    while (kind < DAM_COUNT_OF(kinds) && (argc != 2 || strcmp(argv[1], kinds[kind].name) != 0)) {
        kind++;
    }
    if (kind == DAM_COUNT_OF(kinds)) {
        (void)fprintf(stderr, "usage: mind-vectors planner|forecast|district\n");
        return 2;
    }
    unsigned count = kinds[kind].count;
    printf("{\"count\":%u,\"cases\":[", count);
    for (unsigned which = 0; which < count; which++) {
        struct mind mind = kinds[kind].make(which);
        printf(which > 0 ? ",\n" : "");
        if (!case_put(&prng, &mind)) {
            return 1;
        }
    }
    printf("],\n\"refused\":");
    refused_put(kinds[kind].make(count - 1));
    printf("}\n");
    return 0;
}
