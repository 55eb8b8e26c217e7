// SPDX-License-Identifier: Apache-2.0
/* Forecasters in integers that live in a mind's memory: seasonal naive, exponential smoothing,
 * recursive least squares, each with a drift test. They are a mind: (memory, observation) ->
 * (memory', proposal), the same bits here and in ForecastMind.sol. docs/spec/forecast.md is the
 * definition; nothing here knows floats. */
#ifndef DAM_MODEL_FORECAST_H
#define DAM_MODEL_FORECAST_H

#include "model/model.h"

#define DAM_FORECASTERS_MAX 8u
#define DAM_FORECAST_RECORDS_MAX 256u
#define DAM_FORECAST_OUTPUTS_MAX 64u
#define DAM_FORECAST_SEASON_MAX 336u
#define DAM_FORECAST_BLOB_MAX 24575u
#define DAM_FORECAST_WEIGHTS_MAX (3u * DAM_FORECASTERS_MAX)
#define DAM_FORECAST_X_MAX (1 << 20)

/* Written in blobs. Do not renumber. */
enum dam_forecast_method {
    DAM_FORECAST_NAIVE = 1,
    DAM_FORECAST_SMOOTH = 2,
    DAM_FORECAST_RLS = 3,
};

/* One word of section 1. */
struct dam_forecaster {
    uint16_t channel;
    uint8_t method;
    uint8_t ahead;
    uint16_t season;
    uint8_t alpha;
    uint8_t beta;
    uint8_t shift;
    uint8_t limit;
};

struct dam_forecast {
    uint16_t records;
    uint8_t forecasters_count;
    uint8_t outputs_count;
    uint32_t slot_s;
    struct dam_forecaster forecasters[DAM_FORECASTERS_MAX];
    struct dam_output outputs[DAM_FORECAST_OUTPUTS_MAX];
    int32_t weights[DAM_FORECAST_OUTPUTS_MAX][DAM_FORECAST_WEIGHTS_MAX];
};

/** Read a blob. Returns: DAM_OK; DAM_EVERSION; DAM_EPARSE; with *ret_why (static text). */
DAM_MUST_USE enum dam_err dam_forecast_open(struct dam_bytes blob, struct dam_forecast *ret,
                                            const char **ret_why);

/** Write the blob. In: one that dam_forecast_check takes (asserted). Returns: its length. */
size_t dam_forecast_write(const struct dam_forecast *forecast, uint8_t ret[DAM_FORECAST_BLOB_MAX]);

/** The rule that it breaks, or NULL. */
const char *dam_forecast_check(const struct dam_forecast *forecast);

/** Bytes of the memory. */
size_t dam_forecast_memory_len(const struct dam_forecast *forecast);

/** One decision.
 *  Returns: DAM_OK; DAM_ERANGE if the observation is not 16 c bytes (the mind reverts).
 *  In:  memory: of another length, or not begun with its mark: begin anew.
 *  Out: ret_next: dam_forecast_memory_len bytes, may not overlap memory; ret_proposal: outputs. */
DAM_MUST_USE enum dam_err dam_forecast_decide(const struct dam_forecast *forecast,
                                              struct dam_bytes memory, struct dam_bytes observation,
                                              uint8_t *ret_next, int64_t *ret_proposal);

/* What a memory says of one forecaster, without its blob. */
struct dam_forecast_state {
    uint16_t channel;
    uint8_t method;
    uint8_t ahead;
    uint8_t shift;
    int64_t forecast;   /* in the channel's integers shifted down by `shift` */
    int64_t mean;       /* of the forecast's error, in 256ths of the same */
    uint64_t drifts;    /* found so far */
    int64_t drift_slot; /* the last one's, -1: none */
};

/** Look into any mind's memory. Returns: the number of forecasters; 0 if it is none of theirs.
 *  Out: ret_slot: the running slot; ret: up to DAM_FORECASTERS_MAX. */
size_t dam_forecast_look(struct dam_bytes memory, int64_t *ret_slot,
                         struct dam_forecast_state *ret);

#endif
