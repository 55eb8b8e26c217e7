// SPDX-License-Identifier: Apache-2.0
/* TreeEnsembleRegressor and TreeEnsembleClassifier of ai.onnx.ml. Private to this room. */
#ifndef DAM_MODEL_ONNX_TREES_H
#define DAM_MODEL_ONNX_TREES_H

#include "model/float.h"
#include "model/onnx_graph.h"

/** Read the ensemble into ret (inputs known). scale, shift: what the graph did to the features
 *  before, x' = x * scale + shift; scale above 0. Returns and why as every importer. */
DAM_MUST_USE enum dam_err dam_onnx_trees(const struct dam_onnx_node *node, const double *scale,
                                         const double *shift, struct dam_float *ret, char *why);

#endif
