// SPDX-License-Identifier: Apache-2.0
/* A bounded-horizon planner in integers: dynamic programming over the level of a store (a battery,
 * a tank, an amount of work still to be done) with forecasts that it learns itself. It is a mind:
 * (memory, observation) -> (memory', proposal), the same bits here and in PlannerMind.sol.
 * docs/spec/planner.md is the definition; nothing here knows floats. */
#ifndef DAM_MODEL_PLANNER_H
#define DAM_MODEL_PLANNER_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_PLANNER_BLOB_LEN 256u
#define DAM_PLANNER_SLOTS_MAX 240u
#define DAM_PLANNER_LEVELS_MAX 128u
#define DAM_PLANNER_HORIZON_MAX 127u
#define DAM_PLANNER_MEMORY_MAX 8192u
#define DAM_PLANNER_NONE 0xffffu /* a channel that the machine does not have */

/* Energies are in the channels' units per slot; prices are money per unit. Section 1 of the spec.
 */
struct dam_planner {
    uint16_t records;
    uint16_t ch_load, ch_pv, ch_store, ch_buy, ch_sell, ch_grid;
    uint16_t ch_left; /* slots that are left, this one too; then what is stored is worth nothing */
    uint16_t actuators; /* outputs; the plan is the first, the others are 0 */
    uint32_t slot_s;    /* seconds of a slot */
    uint16_t slots;     /* in the learned cycle (a day) */
    uint8_t days;       /* of the longer cycle of the load (a week), 1: none */
    uint16_t levels;    /* of the store in the plan, 2.. */
    uint8_t horizon;    /* slots planned ahead */
    uint8_t learn;      /* a new slot weighs 2^-learn in the load and the prices */
    uint8_t learn_pv;
    uint8_t keep_load; /* of a deviation, from slot to slot, in 256ths */
    uint8_t keep_pv;
    uint8_t
        doubt; /* of the usual error of a forecast, in 64ths: planned for on both sides; 0: none */
    int32_t store_mul; /* level = (channel - store_zero) * store_mul >> store_shift */
    uint8_t store_shift;
    int64_t store_zero;
    int64_t store_min, store_max;  /* in stored units */
    int64_t charge_max, drain_max; /* stored units per slot */
    uint32_t charge_cost;          /* outside units to store one, in 65536ths (above 65536) */
    uint32_t drain_yield;          /* outside units from one stored, in 65536ths */
    int64_t wear;                  /* price of a stored unit moved */
    int64_t grid_max;              /* units per slot while the grid is up */
    int64_t gen_min, gen_max;      /* a generator; gen_max 0: none */
    int64_t gen_price, lost_price; /* of its units; of load not served */
    int64_t end_price; /* worth of a stored unit beyond the horizon, in 65536ths of the mean buy
                          price */
    uint16_t fail_seen, fail_of; /* prior of grid failures: seen in so many slots */
    uint16_t repair_seen, repair_of;
};

/** Read a blob. Returns: DAM_OK, DAM_EVERSION, or DAM_EPARSE with *ret_why (static text). */
DAM_MUST_USE enum dam_err dam_planner_open(struct dam_bytes blob, struct dam_planner *ret,
                                           const char **ret_why);

/** Write the blob. In: a planner that dam_planner_open would take (asserted). */
void dam_planner_write(const struct dam_planner *planner, uint8_t ret[DAM_PLANNER_BLOB_LEN]);

/** A planner without channels, store or habits: what a description starts from. */
void dam_planner_defaults(struct dam_planner *ret);

/** Set a field by its name in this header. Returns: false if there is no such field, or the value
 *  is out of its range. */
DAM_MUST_USE bool dam_planner_set(struct dam_planner *planner, const char *name, int64_t value);

/** The rule that the planner breaks, or NULL. */
const char *dam_planner_check(const struct dam_planner *planner);

/** Bytes of the memory. */
size_t dam_planner_memory_len(const struct dam_planner *planner);

/** One decision.
 *  Returns: DAM_OK; DAM_ERANGE if the observation is not 16 c bytes (the mind reverts).
 *  In:  memory: of another length than dam_planner_memory_len: begin anew.
 *  Out: ret_next: dam_planner_memory_len bytes; ret_proposal: actuators values, the first is
 * outside units this slot, charging positive. */
DAM_MUST_USE enum dam_err dam_planner_decide(const struct dam_planner *planner,
                                             struct dam_bytes memory, struct dam_bytes observation,
                                             uint8_t *ret_next, int64_t *ret_proposal);

#endif
