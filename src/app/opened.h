// SPDX-License-Identifier: Apache-2.0
/* A machine's folder opened for looking: what `dam why`, `verify`, `replay`, `whatif`, `status` and
 * others begin with; and the ways in which they print leaves. */
#ifndef DAM_APP_OPENED_H
#define DAM_APP_OPENED_H

#include "base/json.h"
#include "machine/history.h"
#include "machine/law.h"

#include <stdio.h>

struct dam_opened {
    struct dam_arena arena;
    struct dam_manifest manifest;
    struct dam_evidence *evidence; /* NULL unless asked for */
    struct dam_decider *decider;   /* NULL unless asked for */
    bool has_law; /* law is loaded; false, too, for one that is not kept yet, if that may be */
    struct dam_law law;
};

enum dam_opened_parts {
    DAM_OPENED_MANIFEST = 0,
    DAM_OPENED_EVIDENCE = 1,
    DAM_OPENED_LAW = 2,
    DAM_OPENED_LAW_IF_KEPT = 4, /* the law, if it is not one that only the chain has as yet */
};

/** Open the parts asked for. Returns: DAM_EXIT_OK, or an exit code after printing what is wrong.
 * In: folder: NULL for DAM_DIR or the current one. Out: opened is always fit for dam_opened_close.
 */
int dam_opened_open(const char *folder, unsigned parts, struct dam_opened *opened);
void dam_opened_close(struct dam_opened *opened);

/** Print why a machine's folder, or a part of it, is refused. Returns: the exit code that fits. In:
 *  complaint: as the call that gave err left it; without a text err says it. */
int dam_opened_fail(const struct dam_manifest_complaint *complaint, enum dam_err err);

/** Print why the log cannot be gone through, and at which leaf. Returns: the exit code. In:
 * finding: as the call that gave err left it; without a text err says it. */
int dam_opened_fail_at(const struct dam_history_finding *finding, enum dam_err err);

/** Does a process run this machine? It holds a lock on the log. */
bool dam_opened_is_running(const struct dam_manifest *manifest);

/** How long ago its log was written to, by the file's time. Returns: seconds, -1 if there is none.
 */
int64_t dam_opened_idle_s(const struct dam_manifest *manifest);

/** A value with its decimals, as text. Out: text: 32 bytes. */
const char *dam_opened_value(int64_t value, unsigned decimals, char *text);

/** One leaf as JSON, with the machine's own names. */
void dam_opened_put_leaf(struct dam_json_writer *w, const struct dam_manifest *manifest,
                         const struct dam_record_leaf *leaf);

/** A member: a value in units, a JSON number that is never rounded. */
void dam_opened_put_value(struct dam_json_writer *w, const char *key, int64_t value,
                          unsigned decimals);

/** "2026-08-22 14:03:05.250Z". Out: text: 32 bytes. */
const char *dam_opened_time(int64_t time_ms, char *text);

/** A progress line on standard error while it is a terminal. ctx: text of the label. */
bool dam_opened_progress(void *ctx, uint64_t done, uint64_t total);

/** Write a whole JSON text and a newline to standard output, and free the buffer. Returns: the exit
 *  code. */
int dam_opened_print(struct dam_buf *buf);

#endif
