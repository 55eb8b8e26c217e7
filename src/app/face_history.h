// SPDX-License-Identifier: Apache-2.0
/* The past of a running machine as the API tells it: a decision, its reasons and proof, the log's
 * files, metrics; what goes through the whole log is app/face_walk.h. Each function writes one
 * document and returns the HTTP status, as struct dam_dashboard_source asks. */
#ifndef DAM_APP_FACE_HISTORY_H
#define DAM_APP_FACE_HISTORY_H

#include "base/json.h"
#include "machine/runtime.h"

/** Members "evidence", "mind", "charter" and "epoch" of the snapshot. */
void dam_face_put_evidence(struct dam_machine *machine, struct dam_json_writer *w);

int dam_face_decision(struct dam_machine *machine, uint64_t seq, struct dam_buf *out);
int dam_face_verify(struct dam_machine *machine, uint64_t seq, struct dam_buf *out);

/** "checkpoint" (unsigned where no signer is configured) and "tile/...". */
int dam_face_log_file(struct dam_machine *machine, struct dam_bytes path, struct dam_buf *out);

/** Prometheus text of all machines of a runtime. */
void dam_face_metrics(struct dam_runtime *runtime, struct dam_buf *out);

#endif
