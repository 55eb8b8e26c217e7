// SPDX-License-Identifier: Apache-2.0
/* One machine: its channels, its memory, its law, its evidence, its actuators, and the turn that
 * binds them in the one order that is allowed:
 *
 *     observe -> decide -> leaf -> (sync) -> actuate -> read back -> receipt leaf
 *
 * The caller (machine/runtime) says when a turn is due and makes leaves durable, for many machines
 * at once; between dam_machine_decide and dam_machine_release nothing has been done to the world.
 * All calls come from the loop's thread; `now` is read once by the caller and passed on. */
#ifndef DAM_MACHINE_MACHINE_H
#define DAM_MACHINE_MACHINE_H

#include "ledger/resident.h"
#include "machine/constitution.h"
#include "machine/decide.h"
#include "machine/evidence.h"
#include "machine/law.h"
#include "machine/manifest.h"

/* One instant, read once. */
struct dam_now {
    int64_t wall_ms;
    uint64_t mono_ms; /* since the process began; never goes back */
};

struct dam_machine;

/* What a machine tells and asks; any slot but `now` may be NULL. Called during the calls below;
 * must not block. */
struct dam_machine_events {
    /* The time, for what comes from a link between two calls. Must be there. */
    struct dam_now (*now)(void *ctx);
    /* A line for the log. */
    void (*say)(void *ctx, const struct dam_machine *machine, const char *text);
    /* A leaf was appended (not yet durable). Borrowed for the call. */
    void (*leaf)(void *ctx, const struct dam_machine *machine, uint64_t seq, struct dam_bytes data);
    /* A trigger channel changed: a turn should come soon. */
    void (*trigger)(void *ctx, struct dam_machine *machine);
    /* Something was appended outside of a turn and waits for the next sync. */
    void (*dirty)(void *ctx, struct dam_machine *machine);
    void *ctx;
};

struct dam_machine_options {
    const struct dam_file_ops *files;  /* NULL: the real disk */
    const struct dam_law_chain *chain; /* NULL: none */
    struct dam_decider *decider;       /* shared by machines on one thread; outlives them */
    struct dam_machine_events events;
    size_t number; /* of the machine among those of its process */
};

struct dam_machine_stats {
    uint64_t turns;
    uint64_t outcomes[9]; /* by enum dam_flow_outcome */
    uint64_t samples;
    uint64_t superseded; /* samples that a newer one replaced before a turn saw them */
    uint64_t faults;
    uint64_t dropped;     /* messages that came too fast for their link */
    uint64_t receipts[4]; /* by enum dam_record_receipt_status */
    unsigned links_up;
};

/** Read the folder, load the law, open the evidence. Nothing is recorded yet.
 *  Returns: DAM_OK; else *ret_complaint says what is wrong. In: folder: of dam.toml. */
DAM_MUST_USE enum dam_err dam_machine_open(const char *folder,
                                           const struct dam_machine_options *options,
                                           struct dam_machine **ret,
                                           struct dam_manifest_complaint *ret_complaint);

/** Open the links. Returns: DAM_OK, or an error with *ret_complaint (links opened so far stay until
 *  close). */
DAM_MUST_USE enum dam_err dam_machine_connect(struct dam_machine *machine, uv_loop_t *loop,
                                              struct dam_manifest_complaint *ret_complaint);

/** Find memory and last actions again and record the boot, durably.
 *  Returns: DAM_OK, or an error with *ret_complaint. In: now: the first instant of this run. */
DAM_MUST_USE enum dam_err dam_machine_boot(struct dam_machine *machine, const struct dam_now *now,
                                           struct dam_manifest_complaint *ret_complaint);

/** Close links and evidence. Accepts NULL. */
void dam_machine_close(struct dam_machine *machine);

/** The first half of a turn: observe, decide, append the leaf.
 *  Returns: DAM_OK; else the machine has failed and will only ever go to its safe state. */
DAM_MUST_USE enum dam_err dam_machine_decide(struct dam_machine *machine,
                                             const struct dam_now *now);

/** The second half, after a sync: actuate what is durable. A machine whose evidence failed goes to
 *  its safe state instead, once. */
void dam_machine_release(struct dam_machine *machine, const struct dam_now *now);

/** Give up waiting for devices: receipts that are late become UNKNOWN. */
void dam_machine_expire(struct dam_machine *machine, const struct dam_now *now);

/** Let replayed links speak up to a wall time. Returns: the time of their next sample, INT64_MAX if
 *  there is none; *ret_replayed tells whether any link is a replay (may be NULL). */
int64_t dam_machine_advance(struct dam_machine *machine, int64_t now_ms, bool *ret_replayed);

/** Look at the operator's stop (the file `stop` in the folder) and record a change.
 *  Returns: true if it changed, so that a turn should come at once. */
bool dam_machine_poll_stop(struct dam_machine *machine, const struct dam_now *now);

/** Last act of an orderly end: record it and decide for the safe state (release follows after the
 *  sync). */
void dam_machine_shutdown(struct dam_machine *machine, const struct dam_now *now);

/** Record that time passed without turns. */
void dam_machine_gap(struct dam_machine *machine, const struct dam_now *now, int64_t from_ms,
                     const char *reason);

/** When the newest leaf was made. Returns: INT64_MIN if there is none. */
int64_t dam_machine_last_ms(struct dam_machine *machine);

size_t dam_machine_number(const struct dam_machine *machine);
const struct dam_manifest *dam_machine_manifest(const struct dam_machine *machine);
struct dam_evidence *dam_machine_evidence(struct dam_machine *machine);
const struct dam_machine_stats *dam_machine_stats(const struct dam_machine *machine);
bool dam_machine_failed(const struct dam_machine *machine);

/** What only a new start of the program mends: it has failed, or its own ledger hangs. Returns:
 * static text; NULL if all is well. */
const char *dam_machine_trouble(const struct dam_machine *machine);
/* For a receipt, or for a link that acts of its own accord. */
bool dam_machine_is_waiting(const struct dam_machine *machine);

/** Take in what the constitution says (machine/constitution.h), between two turns: terms that came
 *  into force rule from the next turn on, proposed ones are tried, the guardian's stop holds. Each
 *  change is a leaf. */
void dam_machine_follow(struct dam_machine *machine, const struct dam_now *now,
                        const struct dam_constitution *constitution);

/** The same, at the machine's present time. */
void dam_machine_follow_now(struct dam_machine *machine,
                            const struct dam_constitution *constitution);

/** A line for the log, from one who works for the machine. */
void dam_machine_tell(struct dam_machine *machine, const char *text);

/** The chain can be used, or cannot: where that is news it is recorded, for what the machine does
 * not learn, anchor or pay meanwhile. */
void dam_machine_chain_seen(struct dam_machine *machine, bool reached);

/** The highest epoch that the machine took back by rule (0: none). */
uint32_t dam_machine_revoked(const struct dam_machine *machine);

/** The machine on its chain, shared with its links. Returns: NULL if it has none. */
struct dam_envoy *dam_machine_envoy(const struct dam_machine *machine);

/** The newest pulse of the ledger in this process that is its chain. Returns: false if it has none.
 */
bool dam_machine_ledger(const struct dam_machine *machine, struct dam_ledger_pulse *ret);

#define DAM_MACHINE_CHECKPOINT_FILE "checkpoint" /* in the evidence folder */

/** The last signed checkpoint (docs/spec/evidence.md section 5). Returns: empty if there is none.
 *  Borrowed until the next set. */
struct dam_bytes dam_machine_checkpoint(const struct dam_machine *machine);

/** Keep one; copied. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_machine_set_checkpoint(struct dam_machine *machine,
                                                     struct dam_bytes text);

/** The law in force and what runs it. Borrowed. */
const struct dam_law *dam_machine_law(const struct dam_machine *machine);
struct dam_decider *dam_machine_decider(struct dam_machine *machine);

/** Is the operator's stop on? */
bool dam_machine_is_stopped(const struct dam_machine *machine);

/** What a turn at `now` would see; records and changes nothing.
 *  Out: observation: DAM_FLOW_SAMPLE_LEN * dam_manifest_record_count bytes. */
void dam_machine_observe(struct dam_machine *machine, const struct dam_now *now,
                         uint8_t *observation);

#endif
