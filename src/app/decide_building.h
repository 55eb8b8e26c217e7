// SPDX-License-Identifier: Apache-2.0
/* CityLearn Challenge 2022 as a benchmark: what its metric says of the package's own rule, by which
 * our copy of the environment is checked, and of our planner. Private to this room. */
#ifndef DAM_APP_DECIDE_BUILDING_H
#define DAM_APP_DECIDE_BUILDING_H

#include "app/decisions.h"

/* Ratios to no storage: less is better. */
struct dam_building_score {
    double price, carbon, grid;
};

struct dam_building_phase {
    unsigned number;
    unsigned first, last; /* buildings */
    double best;          /* NAN: not known */
};

/** Run a year of the phase's buildings. In: folder: .../shared/data. bytecode: turns from the
 *  beginning that DistrictMind's bytecode decides, too. Out: ret_ours: may be NULL, then only the
 *  rule is run.
 *  Returns: DAM_OK; DAM_EIO where the data are not there; DAM_EPARSE; DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_building_judge(const char *folder,
                                             const struct dam_building_phase *phase,
                                             size_t bytecode, struct dam_building_score *ret_rule,
                                             struct dam_building_score *ret_ours,
                                             struct dam_decision_proof *ret_proof);

#endif
