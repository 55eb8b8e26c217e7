// SPDX-License-Identifier: Apache-2.0
/* What a machine does with its chain beside its turns: it follows its constitution, has checkpoints
 * of its log signed, anchors them, and reports terms that it took back. All of it in a worker, so
 * that a slow or silent chain holds nothing up; what comes of it is handed to the machine between
 * two turns. While the chain is away the log grows and is anchored when it is back. */
#ifndef DAM_MACHINE_KEEPER_H
#define DAM_MACHINE_KEEPER_H

#include "chain/envoy.h"
#include "machine/constitution.h"
#include "machine/manifest.h"

struct dam_machine;
struct dam_now;
struct dam_keeper; /* private */

/** Make the keeper of a machine that has a chain. Returns: DAM_OK with NULL for one that has none;
 *  DAM_ENOMEM. In: machine, loop: borrowed; poll_ms_min: between two looks at the chain, where the
 *  manifest says less. */
DAM_MUST_USE enum dam_err dam_keeper_create(struct dam_machine *machine, uv_loop_t *loop,
                                            int64_t poll_ms_min, struct dam_keeper **ret);

/** End; a job that runs ends by itself, in the loop's next turns, without touching the machine.
 *  Accepts NULL. Before dam_machine_close. */
void dam_keeper_close(struct dam_keeper *keeper);

/** When it wants to work again, on the machine's monotonic time. UINT64_MAX while it works. */
uint64_t dam_keeper_due_ms(const struct dam_keeper *keeper);

/** Begin a round of work. In: now: the machine's. */
void dam_keeper_begin(struct dam_keeper *keeper, const struct dam_now *now);

bool dam_keeper_is_busy(const struct dam_keeper *keeper);

struct dam_keeper_status {
    bool reached;           /* the last round found the chain */
    uint64_t block;         /* the last final block that was looked at */
    uint64_t signed_size;   /* of the last signed checkpoint */
    uint64_t anchored_size; /* on the chain */
    uint64_t rounds;
    const char *why; /* what went wrong in the last round; "": nothing */
};
struct dam_keeper_status dam_keeper_status(const struct dam_keeper *keeper);

/** The constitution at the last final block, for a machine that keeps no law yet. Blocks.
 *  Returns: as dam_constitution_read and dam_envoy_connect. In: envoy: entered. */
DAM_MUST_USE enum dam_err dam_keeper_first(struct dam_envoy *envoy,
                                           const struct dam_manifest *manifest,
                                           struct dam_arena *arena, struct dam_constitution *ret);

#endif
