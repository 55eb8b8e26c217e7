// SPDX-License-Identifier: Apache-2.0
/* A change of mind or charter, before and after it: proposed terms decide beside those in force
 * without acting (trial); terms that came into force are watched, and broken rules take them back
 * (watch). Decides nothing about the world; the machine asks after each turn. One thread. */
#ifndef DAM_MACHINE_UPGRADE_H
#define DAM_MACHINE_UPGRADE_H

#include "machine/constitution.h"
#include "machine/decide.h"
#include "machine/manifest.h"

struct dam_upgrade_count {
    uint64_t turns;
    uint64_t errors;    /* outcomes 2 to 5 */
    uint64_t denials;   /* outcomes 1 and 8 */
    uint64_t different; /* trial only */
};

/* ---- before ---------------------------------------------------------------------------------- */

struct dam_upgrade_trial {
    bool is_on;
    struct dam_terms terms;
    struct dam_upgrade_count count;
    size_t memory_len;
    uint8_t memory[DAM_FLOW_MEMORY_MAX]; /* its own */
    struct dam_decision decision;
};

/** Begin. In: memory: what the candidate begins with (dam_decider_migrate). */
void dam_upgrade_trial_begin(struct dam_upgrade_trial *trial, const struct dam_terms *terms,
                             struct dam_bytes memory);

/** Let the candidate decide on what the machine has just decided on. Does nothing if no trial is
 *  on, or where the turn was not the mind's (stop, vital channel). A candidate that cannot even be
 *  run counts as an error. */
void dam_upgrade_trial_turn(struct dam_upgrade_trial *trial, struct dam_decider *decider,
                            const struct dam_decide_input *input,
                            const struct dam_decision *ruling);

/* ---- after ----------------------------------------------------------------------------------- */

struct dam_upgrade_watch {
    bool is_on;
    uint32_t epoch;
    int64_t until_ms;
    struct dam_upgrade_count count;
    int64_t kpi_sum; /* saturates */
    uint64_t kpi_count;
};

/** Count a turn of the terms in force.
 *  Returns: NULL, or in words which rule is broken. In: rules: what counts; observation: the
 * turn's. Out: text: DAM_LAW_WHY_SIZE bytes, where the words go. */
const char *dam_upgrade_watch_turn(struct dam_upgrade_watch *watch,
                                   const struct dam_manifest_upgrade *rules,
                                   struct dam_bytes observation, uint8_t outcome, char *text);

#endif
