// SPDX-License-Identifier: Apache-2.0
/* What can be told of a decision's mind beyond what it proposed: what its forecasters expect and
 * whether one has drifted (read from the memory in the leaf), and what each input did to a proposal
 * (from the leaf that records it, and asked of the model again, if it gives that very proposal).
 * For people and their tools: nothing here decides. */
#ifndef DAM_APP_MIND_VIEW_H
#define DAM_APP_MIND_VIEW_H

#include "base/json.h"
#include "core/record/leaf.h"
#include "machine/evidence.h"
#include "machine/manifest.h"
#include "machine/runtime.h"

/** Forecasters, as lines of text; nothing where the mind has none. */
void dam_mind_view_print_forecasts(const struct dam_manifest *manifest,
                                   const struct dam_record_decision *decision);

/** What the inputs did, as lines of text; says why where it cannot be told, and nothing where the
 *  machine's mind is no model and nothing is recorded. Reads evidence: what was borrowed is gone.
 */
void dam_mind_view_print_parts(const struct dam_manifest *manifest, struct dam_evidence *evidence,
                               const struct dam_record_leaf *decision);

/** Both as members "forecasts" and "because" (if recorded, with "because_leaf" and "because_same")
 *  of the object being written, where there are any. */
void dam_mind_view_put(struct dam_json_writer *w, const struct dam_manifest *manifest,
                       struct dam_evidence *evidence, const struct dam_record_leaf *decision);

/** The forecasters of all machines as Prometheus metrics, in the channels' own integers. */
void dam_mind_view_metrics(struct dam_runtime *runtime, struct dam_buf *out);

#endif
