// SPDX-License-Identifier: Apache-2.0
/* What can be done with a recorded past: check it (verify), run every decision again (replay), run
 * it under another mind or charter (whatif). Reads an evidence store; changes nothing. */
#ifndef DAM_MACHINE_HISTORY_H
#define DAM_MACHINE_HISTORY_H

#include "machine/decide.h"
#include "machine/evidence.h"
#include "machine/manifest.h"

struct dam_history_range {
    uint64_t first;
    uint64_t end; /* one past the last */
};

/* Called now and then with how far it is, e.g. for a progress bar. Returns: false to stop. */
struct dam_history_progress {
    bool (*at)(void *ctx, uint64_t done, uint64_t total);
    void *ctx;
};

struct dam_history_finding {
    uint64_t seq;
    char text[200]; /* what is wrong with it, "" if it is not about one leaf */
};

/* ---- verify ---------------------------------------------------------------------------------- */

struct dam_history_verified {
    uint64_t leaves;
    uint64_t kinds[DAM_RECORD_KINDS]; /* by enum dam_record_kind */
    uint64_t outcomes[9];
    uint64_t gaps_ms;
    uint64_t unreceipted; /* decisions followed by no receipt although others have one */
    struct dam_hash root;
};

/* A check of leaves that come one after another, from wherever. */
struct dam_history_checker {
    struct dam_history_verified *out; /* borrowed, as the next one */
    struct dam_history_finding *finding;
    struct dam_record_frontier frontier;
    struct dam_hash prev;
    struct dam_hash machine;
    struct dam_hash next_memory;
    struct dam_address mind;
    bool has_memory;
};

/** Begin with no leaf. Out: both are zeroed and filled as the check goes on. */
void dam_history_check_begin(struct dam_history_checker *checker, struct dam_history_verified *out,
                             struct dam_history_finding *finding);

/** The next leaf. Returns: DAM_OK, or DAM_ECORRUPT with the finding. */
DAM_MUST_USE enum dam_err dam_history_check_leaf(struct dam_history_checker *checker,
                                                 struct dam_bytes data);

/** After the last one: root and sums. */
void dam_history_check_end(struct dam_history_checker *checker);

/* ---- replay ---------------------------------------------------------------------------------- */

struct dam_history_replayed {
    uint64_t decisions;
    uint64_t same;
    uint64_t different;
    uint64_t foreign;       /* decided under code or a manifest that is not here: not judged */
    struct dam_hash digest; /* SHA-256 over the bodies of the decisions replayed */
};

/** Decide again what was decided, and compare every byte that a decision leaf holds.
 *  Returns: DAM_OK with *ret; *ret_finding tells the first difference. Else as verify.
 *  In: law: gas budgets; mind and charter are the leaf's own and must be in the decider. */
DAM_MUST_USE enum dam_err
dam_history_replay(struct dam_evidence *evidence, struct dam_decider *decider,
                   const struct dam_manifest *manifest, const struct dam_law *law,
                   struct dam_history_range range, const struct dam_history_progress *progress,
                   struct dam_history_replayed *ret, struct dam_history_finding *ret_finding);

/** What the decision of a leaf was about, in money times 10^6: each set-point (in the actuator's
 *  decimals) held for a period, times the worth channel's value times worth_factor, without signs.
 *  Returns: DAM_OK with 0 for a leaf of another kind, or of a manifest with other channels;
 *  DAM_ECORRUPT; an error of the store. */
DAM_MUST_USE enum dam_err dam_history_stake(struct dam_evidence *evidence,
                                            const struct dam_manifest *manifest, uint64_t seq,
                                            int64_t *ret_micro);

/* ---- whatif ---------------------------------------------------------------------------------- */

struct dam_history_actuator {
    uint64_t different;  /* decisions whose action differs */
    int64_t largest;     /* largest difference, signed, candidate less record */
    int64_t milli_hours; /* sum of difference times time, in unit * hours / 1000 */
    int64_t money_micro; /* the same times its worth, in money / 10^6 */
};

struct dam_history_whatif {
    uint64_t decisions;
    uint64_t foreign; /* not comparable: another manifest, or turns in which nobody was asked */
    uint64_t different;
    uint64_t first_different; /* seq */
    uint64_t outcomes_then[9];
    uint64_t outcomes_now[9];
    uint64_t gas_then;
    uint64_t gas_now;
    int64_t span_ms;
    struct dam_history_actuator actuators[DAM_FLOW_ACTUATORS_MAX];
};

/** Let another mind or charter live through the recorded past. Sensors are as recorded; memory and
 *  last actions are the candidate's own. Returns: as replay. */
DAM_MUST_USE enum dam_err
dam_history_ask_whatif(struct dam_evidence *evidence, struct dam_decider *decider,
                       const struct dam_manifest *manifest, const struct dam_law *candidate,
                       struct dam_history_range range, const struct dam_history_progress *progress,
                       struct dam_history_whatif *ret, struct dam_history_finding *ret_finding);

/** The range of leaves since a time. Returns: DAM_OK, or an error of the store, which *ret_finding
 *  then tells. */
DAM_MUST_USE enum dam_err dam_history_since(struct dam_evidence *evidence, int64_t since_ms,
                                            struct dam_history_range *ret,
                                            struct dam_history_finding *ret_finding);

#endif
