// SPDX-License-Identifier: Apache-2.0
/* From a trained model in floats to a model in integers, and what that cost.
 *
 * Trees become exact: a threshold moves to the smallest integer of the channel at which the
 * trainer's own test changes its answer. Nets become 8-bit or 16-bit; the ranges of their neurons
 * come from calibration rows. Int8 nets of TensorFlow Lite keep their own integers. docs/models.md
 * explains; docs/spec/model.md is what comes out. */
#ifndef DAM_MODEL_QUANTISE_H
#define DAM_MODEL_QUANTISE_H

#include "model/float.h"
#include "model/model.h"
#include "model/rows.h"

/* One input of the trained model, as the machine's channel gives it. */
struct dam_input_spec {
    uint16_t channel; /* record of the observation */
    uint8_t decimals; /* the channel's integer is the value times 10^decimals */
    uint32_t period;  /* the input is the integer modulo this (a time of day); 0: as it is */
    int64_t min;      /* range of the channel, as integers */
    int64_t max;
};

struct dam_output_spec {
    uint8_t decimals;
    double
        step; /* of a regression: a difference above it is another decision; in the value's unit */
    int64_t min;
    int64_t max;
};

enum dam_bits {
    DAM_BITS_AUTO, /* an int8 net's own; else 8 where they keep the decisions, else 16 */
    DAM_BITS_8,
    DAM_BITS_16,
};

struct dam_quantise {
    uint16_t records; /* of the observation */
    enum dam_bits bits;
    const struct dam_rows *rows; /* borrowed; the first columns are the inputs, in order */
    struct dam_input_spec inputs[DAM_MODEL_INPUTS_MAX];
    struct dam_output_spec outputs[DAM_MODEL_OUTPUTS_MAX];
};

/* Of the rows without a missing value for nets, of all rows for trees. */
struct dam_quantise_report {
    size_t rows;
    double max_difference; /* in units of the output */
    double mean_difference;
    size_t decisions_differ;
    size_t blob_len;
};

/** Channels from the columns of the rows: input i is record i + 1 (record 0 is the time), decimals
 *  as the file shows them, range as seen and a tenth on each side; outputs follow, with decimals
 *  that give their range a thousand steps; a decision's step is 1/500 of the range.
 *  Returns: DAM_OK; DAM_ERANGE with why: too few columns or rows, too many inputs. */
DAM_MUST_USE enum dam_err dam_quantise_defaults(const struct dam_float *model,
                                                const struct dam_rows *rows,
                                                struct dam_quantise *ret, char *why);

/** Make the integer model, packed.
 *  Returns: DAM_OK with *ret owning its memory; DAM_EUNSUPPORTED or DAM_EFULL with why: what does
 *  not fit and what to do. */
DAM_MUST_USE enum dam_err dam_quantise(const struct dam_float *model,
                                       const struct dam_quantise *how, struct dam_model *ret,
                                       char *why);

/** Compare both models over rows. In: rows: the same columns as how->rows. */
void dam_quantise_compare(const struct dam_float *from, const struct dam_quantise *how,
                          const struct dam_rows *rows, const struct dam_model *model,
                          struct dam_quantise_report *ret);

/* The parts; private to this room. */
DAM_MUST_USE enum dam_err dam_quantise_forest(const struct dam_float *model,
                                              const struct dam_quantise *how, struct dam_model *ret,
                                              char *why);
DAM_MUST_USE enum dam_err dam_quantise_net(const struct dam_float *model,
                                           const struct dam_quantise *how, bool wide,
                                           struct dam_model *ret, char *why);

/** Is it a chain of int8 layers of TensorFlow Lite, which can be taken over as they are? */
bool dam_quantise_is_int8(const struct dam_float *model);
DAM_MUST_USE enum dam_err dam_quantise_int8(const struct dam_float *model,
                                            const struct dam_quantise *how, struct dam_model *ret,
                                            char *why);

/** 10^decimals. */
double dam_quantise_unit(uint8_t decimals);

/** What stands for a missing value of a net's input: the mean of the rows, as the channel's
 * integer. */
int64_t dam_quantise_missing(const struct dam_quantise *how, uint32_t input);

/** A cell as the channel's integer; NAN: INT64_MIN. */
int64_t dam_quantise_raw(double value, uint8_t decimals);

#endif
