// SPDX-License-Identifier: Apache-2.0
/* `dam bench decisions`: public benchmarks, one line each: what doing nothing, the usual rule, the
 * best that is known and our deciders reach, on the part of the data that is here to develop on.
 * Evaluators hand out the past only: a controller is called with one step's values at a time and
 * has no way to the next. docs/decisions.md tells each protocol. Private to this room. */
#ifndef DAM_APP_DECISIONS_H
#define DAM_APP_DECISIONS_H

#include "base/err.h"
#include "model/forecast.h"
#include "model/rows.h"

/* How often a mind's bytecode was asked what C had just decided. */
struct dam_decision_proof {
    size_t turns;
    size_t differences;
    int64_t gas_max;
};

struct dam_decision_line {
    char benchmark[40];
    const char *metric; /* with its direction */
    double nothing;     /* NAN where it has no meaning */
    double rule;
    double best; /* a bound or the best published; NAN: none known */
    double ours;
    bool more; /* more is better */
    const char *rule_name;
    const char *best_name;
    struct dam_decision_proof proof;
};

struct dam_decision_out {
    void (*put)(void *ctx, const struct dam_decision_line *line);
    void *ctx;
    const char *only; /* a benchmark, a family of them, or NULL for all */
    size_t bytecode;  /* turns of each benchmark that a mind's bytecode decides, too */
};

/* The suites. Each returns DAM_OK, DAM_EIO where its data is not there, DAM_EUNSUPPORTED where what
 * plays its world is not, or what went wrong.
 * In: folder: .../shared/data. */
DAM_MUST_USE enum dam_err dam_decide_energy(const char *folder, const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_prices(const char *folder, const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_m4(const char *folder, const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_cloud(const char *folder, const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_cold(const char *folder, const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_treasury(const char *folder,
                                              const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_sensor(const char *folder, const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_building(const char *folder,
                                              const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_charging(const char *folder,
                                              const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_nab(const char *folder, const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_irrigation(const char *folder,
                                                const struct dam_decision_out *out);
DAM_MUST_USE enum dam_err dam_decide_delivery(const char *folder,
                                              const struct dam_decision_out *out);

/** Does `only` name a benchmark (its whole name) or the family before one of its '/'? NULL names
 *  all. */
bool dam_decision_named(const char *only, const char *name);

/** Is a benchmark asked for? */
bool dam_decision_wanted(const struct dam_decision_out *out, const char *name);

/** The bytes of folder/name. Returns: to be freed; NULL with *ret_err DAM_EIO or DAM_ENOMEM. */
uint8_t *dam_decision_file(const char *folder, const char *name, size_t *ret_len,
                           enum dam_err *ret_err);

/** A table of folder/name, its quotes removed. Returns: DAM_OK, DAM_EIO, as dam_rows_parse. */
DAM_MUST_USE enum dam_err dam_decision_table(const char *folder, const char *name,
                                             struct dam_rows *ret);

/* One forecaster of one series as a ForecastMind's C twin: it is told a slot's value and answers
 * with what it expects. */
struct dam_teller {
    struct dam_forecast forecast;
    uint8_t memory[2][DAM_MODEL_MEMORY_MAX];
    size_t memory_len;
    int which;
    int64_t slot;
};

/** Begin. In: forecaster: its channel is set here. */
void dam_teller_init(struct dam_teller *teller, struct dam_forecaster forecaster);

/** A slot has ended with this value. Returns: what is expected `ahead` slots on. Out: ret_error:
 *  the usual size of its error; may be NULL. In: |x| <= DAM_FORECAST_X_MAX. */
int64_t dam_teller_told(struct dam_teller *teller, int64_t x, int64_t *ret_error);

#endif
