// SPDX-License-Identifier: Apache-2.0
/* ONNX Runtime as a perceptor's engine: for models that are too heavy for a mind. The library is
 * looked for when it is first needed (dlopen) and is no part of the build; without it there is a
 * sentence that says what to install. Its telemetry is switched off before it starts. What it
 * answers are floats, which differ from processor to processor: they may become channels, never
 * decisions. Calls block: use a worker. */
#ifndef DAM_PORT_ONNXRUNTIME_H
#define DAM_PORT_ONNXRUNTIME_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_ORT_WHY_MAX 256u
#define DAM_ORT_VALUES_MAX (1u << 24)

struct dam_ort; /* a loaded model; private */

/** Load the library and a model: one float tensor in, the first float tensor out; unknown
 *  dimensions count as 1.
 *  Returns: DAM_OK; DAM_ENOTFOUND if there is no library; DAM_EVERSION if it is too old;
 *  DAM_EUNSUPPORTED for a model of another shape; DAM_EPARSE if the library refuses it; DAM_ENOMEM;
 *  with a sentence in why[DAM_ORT_WHY_MAX].
 *  In: library: a path, or NULL: $DAM_ONNXRUNTIME, else libonnxruntime.so by the system's search.
 *      model: an ONNX file's bytes, borrowed for the call. */
DAM_MUST_USE enum dam_err dam_ort_open(const char *library, struct dam_bytes model,
                                       struct dam_ort **ret, char *why);

/** Give it back. Accepts NULL. The library stays loaded. */
void dam_ort_close(struct dam_ort *ort);

size_t dam_ort_inputs(const struct dam_ort *ort);
size_t dam_ort_outputs(const struct dam_ort *ort);

/** The library's own words, e.g. "1.20.1". Borrowed for ever. */
const char *dam_ort_version(const struct dam_ort *ort);

/** One row through the model, on this thread.
 *  Returns: DAM_OK, or DAM_EIO with why. In: x: dam_ort_inputs values. Out: y: dam_ort_outputs. */
DAM_MUST_USE enum dam_err dam_ort_run(struct dam_ort *ort, const float *x, float *ret_y, char *why);

#endif
