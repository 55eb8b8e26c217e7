// SPDX-License-Identifier: Apache-2.0
/* What the inputs of a machine's model did to a decision, as an explanation leaf has it
 * (docs/spec/evidence.md section 1). Who calls: the machine after a decision, where its manifest
 * wants that recorded, and whoever asks the same of a recorded decision. Nothing here decides. */
#ifndef DAM_MACHINE_EXPLAIN_H
#define DAM_MACHINE_EXPLAIN_H

#include "core/record/leaf.h"
#include "machine/manifest.h"

#define DAM_EXPLAIN_PARTS_LEN ((size_t)DAM_RECORD_PARTS_MAX * DAM_RECORD_PART_LEN)

struct dam_explain; /* private */

/** Read the model that [mind] names. Returns: DAM_OK; DAM_EPARSE with *ret_complaint where the mind
 *  is no model, or its file cannot be read as one that is explained; DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_explain_open(const struct dam_manifest *manifest,
                                           struct dam_explain **ret,
                                           struct dam_manifest_complaint *ret_complaint);

/** Would a machine find what its [evidence] explain asks for? Returns: DAM_OK, also where it asks
 *  for nothing; else as dam_explain_open. */
DAM_MUST_USE enum dam_err dam_explain_check(const struct dam_manifest *manifest,
                                            struct dam_manifest_complaint *ret_complaint);

/** Explain a decision. Returns: DAM_OK; DAM_ECONFLICT if the model does not give this proposal:
 *  another mind decided, or it failed.
 *  In:  seq: the decision's leaf. Out: ret borrows from parts, DAM_EXPLAIN_PARTS_LEN bytes. */
DAM_MUST_USE enum dam_err dam_explain_decision(struct dam_explain *explain,
                                               const struct dam_record_decision *decision,
                                               uint64_t seq, uint8_t *parts,
                                               struct dam_record_explanation *ret);

/** Give the memory back. Accepts NULL. */
void dam_explain_close(struct dam_explain *explain);

#endif
