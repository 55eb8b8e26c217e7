// SPDX-License-Identifier: Apache-2.0
/* Prints contracts/test/vectors/planner.json: what the planner in C answers, for the forge test of
 * PlannerMind. Planners with every feature, turns that follow each other, absent values, and a
 * memory that is not theirs; then, for one blob, which single bytes make it none.
 *
 *   ninja -C build tests/contracts/planner-vectors
 *   build/tests/contracts/planner-vectors > contracts/test/vectors/planner.json */
#include "base/prng.h"
#include "model/planner.h"

#include <stdio.h>
#include <string.h>

#define RECORDS 8u
#define TURNS 40u
#define CASES 4u

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

static void hex_put(const uint8_t *data, size_t len)
{
    printf("\"0x");
    for (size_t i = 0; i < len; i++) {
        printf("%02x", data[i]);
    }
    printf("\"");
}

static void observe(struct dam_prng *prng, unsigned turn, uint8_t ret[16 * RECORDS])
{
    int64_t hour = turn / 2; /* two turns a slot */
    int64_t values[RECORDS] = {
        (int64_t)turn * 1800,
        (int64_t)dam_prng_below(prng, 200),
        hour % 4 == 1 || hour % 4 == 2 ? (int64_t)dam_prng_below(prng, 250) : 0,
        (int64_t)dam_prng_below(prng, 1000),
        hour % 4 < 2 ? 10 : 30,
        (int64_t)dam_prng_below(prng, 15),
        dam_prng_below(prng, 6) != 0,
        (int64_t)(TURNS - turn),
    };
    memset(ret, 0, 16 * (size_t)RECORDS);
    for (size_t i = 0; i < RECORDS; i++) {
        if (dam_prng_below(prng, 40) == 0) { /* a mad reading */
            values[i] = (int64_t)dam_prng_next(prng) >> dam_prng_below(prng, 64);
        }
        dam_store_be64(ret + 16 * i, (uint64_t)values[i]);
        ret[16 * i + 12] = dam_prng_below(prng, 12) == 0 ? (uint8_t)dam_prng_below(prng, 5) : 0;
    }
}

static bool case_put(struct dam_prng *prng, unsigned which)
{
    static uint8_t memories[TURNS][DAM_PLANNER_MEMORY_MAX];
    static uint8_t nexts[TURNS][DAM_PLANNER_MEMORY_MAX];
    static uint8_t observations[TURNS][16 * RECORDS];
    int64_t values[TURNS][64];
    size_t lens[TURNS];
    uint8_t blob[DAM_PLANNER_BLOB_LEN];
    struct dam_planner p = planner_of(which);
    size_t len = dam_planner_memory_len(&p);
    dam_planner_write(&p, blob);
    for (unsigned t = 0; t < TURNS; t++) {
        observe(prng, t, observations[t]);
        lens[t] = t == 0 ? 0 : t == TURNS - 2 ? len - 1 : len;
        if (t == TURNS - 1) { /* any memory of the right length */
            dam_prng_fill(prng, memories[t], len);
        } else if (t > 0) {
            memcpy(memories[t], nexts[t - 1], lens[t]);
        }
        if (dam_planner_decide(&p, dam_bytes(memories[t], lens[t]),
                               dam_bytes(observations[t], sizeof(observations[t])), nexts[t],
                               values[t]) != DAM_OK) {
            return false;
        }
    }
    printf("%s{\"blob\":", which > 0 ? ",\n" : "");
    hex_put(blob, sizeof(blob));
    const char *const names[] = {"memory", "observation", "next", "proposal"};
    for (size_t n = 0; n < 4; n++) {
        printf(",\n\"%s\":[", names[n]);
        for (unsigned t = 0; t < TURNS; t++) {
            uint8_t proposal[8 * 64];
            for (size_t j = 0; j < p.actuators; j++) {
                dam_store_be64(proposal + 8 * j, (uint64_t)values[t][j]);
            }
            printf(t > 0 ? "," : "");
            const uint8_t *const data[] = {memories[t], observations[t], nexts[t], proposal};
            const size_t data_len[] = {lens[t], sizeof(observations[t]), len, 8 * p.actuators};
            hex_put(data[n], data_len[n]);
        }
        printf("]");
    }
    printf("}");
    return true;
}

/* Byte i is 1 where the blob of planner 3 with byte i turned round is refused. */
static void refused_put(void)
{
    uint8_t blob[DAM_PLANNER_BLOB_LEN];
    uint8_t refused[DAM_PLANNER_BLOB_LEN];
    struct dam_planner p = planner_of(3);
    struct dam_planner again;
    const char *why;
    dam_planner_write(&p, blob);
    for (size_t i = 0; i < sizeof(blob); i++) {
        blob[i] ^= 0xff;
        refused[i] = dam_planner_open(dam_bytes(blob, sizeof(blob)), &again, &why) != DAM_OK;
        blob[i] ^= 0xff;
    }
    printf(",\n\"refused\":");
    hex_put(refused, sizeof(refused));
}

int main(void)
{
    struct dam_prng prng = {.state = 11};
    printf("{\"count\":%u,\"cases\":[", CASES);
    for (unsigned which = 0; which < CASES; which++) {
        if (!case_put(&prng, which)) {
            return 1;
        }
    }
    printf("]");
    refused_put();
    printf("}\n");
    return 0;
}
