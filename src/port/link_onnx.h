// SPDX-License-Identifier: Apache-2.0
/* A perceptor: a model that is too heavy for a mind looks at a file (a picture, a spectrum, a
 * window of sound, as numbers) and what it answers become readings. Each time the file changes, the
 * model runs once, in a worker. What ran is part of the observation, too: the key "model" reads as
 * the first six bytes of the model's SHA-256, "runtime" as ONNX Runtime's version (1.20.1:
 * 1020001), so that the log holds them and an interlock may insist on them. It has no set-points:
 * it can never act. Keys: "output.0" ..., "model", "runtime". */
#ifndef DAM_PORT_LINK_ONNX_H
#define DAM_PORT_LINK_ONNX_H

#include "port/link.h"

extern const struct dam_link_kind dam_link_onnx;

#endif
