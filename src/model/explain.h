// SPDX-License-Identifier: Apache-2.0
/* Why a model proposed what it did: what each input added to one output.
 *
 * Trees: the exact contribution of every test on the way to the leaf. A node is worth the mean of
 * the leaves below it (both sides weighing the same), a step from a node to its child adds the
 * difference to the input that was tested; base plus all parts is the sum before its bounds.
 * Linear: weight times input. Nets: occlusion, the output less the output with that input at its
 * missing value; parts of a net need not add up. docs/models.md. */
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
