// SPDX-License-Identifier: Apache-2.0
/* The past of a running machine as the API tells it: decisions, reasons, proofs, the log's files,
 * metrics. Each function writes one document and returns the HTTP status, as struct
 * dam_dashboard_source asks. */
#ifndef DAM_APP_FACE_HISTORY_H
#define DAM_APP_FACE_HISTORY_H

#include "base/json.h"
#include "machine/runtime.h"

/** Members "evidence", "mind", "charter" and "epoch" of the snapshot. */
void dam_face_put_evidence(struct dam_machine *machine, struct dam_json_writer *w);

int dam_face_decisions(struct dam_machine *machine, uint64_t before, unsigned limit,
                       struct dam_buf *out);
int dam_face_decision(struct dam_machine *machine, uint64_t seq, struct dam_buf *out);
int dam_face_verify(struct dam_machine *machine, uint64_t seq, struct dam_buf *out);

/** The newest readings: {"channels": [{name, title, unit, decimals}], "rows": [[time, value or null
 *  where it was not good, ...], ...]}, a row a decision. */
int dam_face_series(struct dam_machine *machine, struct dam_buf *out);

/** Each UTC day of the log: its leaves, its decisions and receipts by their fate, and the energy of
 *  every channel in W. */
int dam_face_days(struct dam_machine *machine, struct dam_buf *out);
int dam_face_csv(struct dam_machine *machine, struct dam_buf *out);

/** "checkpoint" (unsigned where no signer is configured) and "tile/...". */
int dam_face_log_file(struct dam_machine *machine, struct dam_bytes path, struct dam_buf *out);

/** Prometheus text of all machines of a runtime. */
void dam_face_metrics(struct dam_runtime *runtime, struct dam_buf *out);

#endif
