// SPDX-License-Identifier: Apache-2.0
/* Why a model proposed what it did: what each input added to one output.
 *
 * Trees: Shapley's values, exactly, by way of Lundberg's TreeSHAP: what a feature adds to the sum,
 * over all orders in which the features could become known; where a feature is not known, both
 * sides of its tests weigh the same (a blob keeps no counts of rows). Base plus all parts is the
 * sum before its bounds. Linear: weight times input. Nets: occlusion, the output less the output
 * with that input at its missing value; parts of a net need not add up. docs/models.md. */
#ifndef DAM_MODEL_EXPLAIN_H
#define DAM_MODEL_EXPLAIN_H

#include "model/model.h"

/** Explain one output for one turn.
 *  Returns: DAM_OK; DAM_ERANGE if there is no such output.
 *  In:  raw: dam_model_inputs values. Out: ret_base, ret_parts[inputs]: in the output's own unit
 *  (its proposal's integers). */
DAM_MUST_USE enum dam_err dam_model_explain(const struct dam_model *model, const int64_t *raw,
                                            size_t output, double *ret_base, double *ret_parts);

#endif
