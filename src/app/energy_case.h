// SPDX-License-Identifier: Apache-2.0
/* Public energy benchmarks as one environment: a site with load, sun, a battery, a grid that may
 * fail and a generator. It keeps the future to itself: a controller is shown one slot at a time.
 * Floats are right here: this is the world that a mind is judged in, not the mind. */
#ifndef DAM_APP_ENERGY_CASE_H
#define DAM_APP_ENERGY_CASE_H

#include "model/planner.h"

#include <stddef.h>

struct dam_energy_case {
    char name[32];
    size_t steps;
    size_t period;   /* the battery starts again every so many steps */
    int64_t start_s; /* time of day at which the rows begin */
    int64_t slot_s;
    double *load; /* what really flows, units per slot */
    double *pv;
    double *load_seen; /* what a controller is shown for the running slot; may be load itself */
    double *pv_seen;
    double *buy;
    double *sell;
    bool *up;
    double store_min, store_max, store_start;
    double charge_max, drain_max; /* stored units a slot */
    double efficiency;            /* each way */
    double wear;
    double grid_max;
    double gen_min, gen_max, gen_price, lost_price, over_price;
};

/* Shown one slot and the battery; answers with outside units to charge (negative: discharge). */
struct dam_energy_controller {
    double (*act)(void *ctx, const struct dam_energy_case *c, size_t t, double stored);
    void *ctx;
};

/** Read one grid of pymgrid25. In: folder: .../a-microgrid. Returns: DAM_OK, DAM_EIO, DAM_EPARSE.
 */
DAM_MUST_USE enum dam_err dam_energy_pymgrid(const char *folder, int id,
                                             struct dam_energy_case *ret);

/** Read Power Laws, site 1. In: battery: 1 or 2. */
DAM_MUST_USE enum dam_err dam_energy_powerlaws(const char *folder, int battery,
                                               struct dam_energy_case *ret);

void dam_energy_close(struct dam_energy_case *c);

/** Run a controller over the whole case.
 *  Out: ret_costs: one cost a period, (steps / period) of them. Returns: their sum. */
double dam_energy_run(const struct dam_energy_case *c, struct dam_energy_controller controller,
                      double *ret_costs);

/** The battery unused. */
double dam_energy_act_none(void *ctx, const struct dam_energy_case *c, size_t t, double stored);

/** The standard rule: the battery serves the slot's own need. */
double dam_energy_act_rule(void *ctx, const struct dam_energy_case *c, size_t t, double stored);

/** What perfect foresight would have cost: the exact linear program, by merging slopes. In: the
 *  generator's minimum is ignored, so this is a bound. Out and returns as dam_energy_run. */
double dam_energy_bound(const struct dam_energy_case *c, double *ret_costs);

#endif
