// SPDX-License-Identifier: Apache-2.0
/* A loop body spread over threads: the caller works itself and libuv's pool helps where it is free,
 * so that a busy pool makes it slower but never stuck. Who runs which index is chance; what comes
 * out must not depend on it. Called by the loop's thread only. */
#ifndef DAM_LEDGER_FAN_H
#define DAM_LEDGER_FAN_H

#include <stddef.h>
#include <uv.h>

#define DAM_FAN_SLOTS_MAX 4u /* the caller and what helps it: slots 0..3 */

/** Call body once for each index below count; all calls have ended when this returns. Bodies run at
 *  the same time on different threads, but never two with the same slot.
 *  In: loop: turns later once for each helper, which holds nothing of the caller's by then; body:
 *  pure but for what belongs to its index and slot; ctx: borrowed for the call. */
void dam_fan_run(uv_loop_t *loop, size_t count,
                 void (*body)(void *ctx, size_t index, unsigned slot), void *ctx);

#endif
