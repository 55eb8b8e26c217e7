// SPDX-License-Identifier: Apache-2.0
/* The loop that runs machines: one thread, one libuv loop, one clock. It says when turns are due,
 * lets all machines that are due decide, makes their leaves durable together (group commit), and
 * only then lets them act. Time is the wall's, a fast one (speed), or stepped by the caller; with
 * stepped time the whole run is deterministic. */
#ifndef DAM_MACHINE_RUNTIME_H
#define DAM_MACHINE_RUNTIME_H

#include "machine/keeper.h"
#include "machine/machine.h"

#define DAM_RUNTIME_MACHINES_MAX 4096u

struct dam_runtime;

enum dam_runtime_time {
    DAM_RUNTIME_REAL,    /* the wall's; replayed links run at `speed` from their first sample */
    DAM_RUNTIME_FAST,    /* as fast as turns can be made; ends with the replayed data */
    DAM_RUNTIME_STEPPED, /* only dam_runtime_step moves it */
};

struct dam_runtime_options {
    enum dam_runtime_time time;
    double speed;       /* REAL: how fast time passes; 1: as the wall */
    int64_t epoch_ms;   /* time at the start; 0: the wall's or the first replayed sample's */
    int64_t until_ms;   /* end when time reaches this; 0: never */
    bool safe;          /* REAL: only the safe state, as soon as the links are up, then end */
    uint64_t turns_max; /* end after so many turns of the first machine; 0: never */
    struct dam_machine_events events; /* say and leaf are passed on; the others are the runtime's */
    /* After each group of turns, when everything is durable and released. May be NULL. */
    void (*turned)(void *ctx, struct dam_runtime *runtime);
    /* The machines are closed and gone: nothing of them may be looked at any more. May be NULL. */
    void (*closed)(void *ctx);
};

/** Make a runtime on a loop (borrowed). Returns: DAM_OK, DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_runtime_create(uv_loop_t *loop,
                                             const struct dam_runtime_options *options,
                                             struct dam_runtime **ret);

/** Add the machine of a folder. Returns: as dam_machine_open and dam_machine_connect. */
DAM_MUST_USE enum dam_err dam_runtime_add(struct dam_runtime *runtime, const char *folder,
                                          struct dam_manifest_complaint *ret_complaint);

/** Boot all machines and make the first turns; STEPPED: these wait for the first step, so that
 *  whoever steps can await the devices before. Returns: DAM_OK, or an error with *ret_complaint
 *  (dam_runtime_stop then ends it). */
DAM_MUST_USE enum dam_err dam_runtime_start(struct dam_runtime *runtime,
                                            struct dam_manifest_complaint *ret_complaint);

/** STEPPED: let time pass and make every turn that falls due, in order. */
void dam_runtime_step(struct dam_runtime *runtime, int64_t ms);

/** End: safe state with its leaf, last sync, close. The loop then runs dry. Idempotent. */
void dam_runtime_stop(struct dam_runtime *runtime);

/** Free it, after the loop has run dry. Accepts NULL. */
void dam_runtime_destroy(struct dam_runtime *runtime);

size_t dam_runtime_count(const struct dam_runtime *runtime);
struct dam_machine *dam_runtime_machine(struct dam_runtime *runtime, size_t index);
/** The keeper of a machine, to look at. Returns: NULL if it has none. */
const struct dam_keeper *dam_runtime_keeper(const struct dam_runtime *runtime, size_t index);
struct dam_now dam_runtime_now(const struct dam_runtime *runtime);
uv_loop_t *dam_runtime_loop(struct dam_runtime *runtime);
bool dam_runtime_is_stopping(const struct dam_runtime *runtime);

/** Has everything been closed, so that the loop may end? */
bool dam_runtime_is_closed(const struct dam_runtime *runtime);

/** STEPPED: has time reached where the last step led, with every turn made, and has every device
 * and the chain answered? */
bool dam_runtime_is_still(const struct dam_runtime *runtime);

#endif
