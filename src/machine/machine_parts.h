// SPDX-License-Identifier: Apache-2.0
/* Inside of a machine: what machine.c (the turn), machine_links.c (its side of the field),
 * machine_open.c (its beginning and end) and machine_law.c (changes of its law) share. Private to
 * these files. */
#ifndef DAM_MACHINE_MACHINE_PARTS_H
#define DAM_MACHINE_MACHINE_PARTS_H

#include "machine/explain.h"
#include "machine/field.h"
#include "machine/machine.h"
#include "machine/sense.h"
#include "machine/upgrade.h"

/* The decision whose devices have not all answered. */
struct pending {
    bool waiting;
    uint64_t seq;
    uint64_t since_mono_ms;
    size_t open; /* writes without an answer */
    bool done[DAM_FLOW_ACTUATORS_MAX];
    uint8_t status[DAM_FLOW_ACTUATORS_MAX];
    int64_t values[DAM_FLOW_ACTUATORS_MAX];
};

struct dam_machine {
    struct dam_arena arena;
    struct dam_manifest manifest;
    struct dam_machine_events events;
    struct dam_decider *decider; /* shared by the machines of a process */
    struct dam_law law;
    struct dam_evidence *evidence;
    struct dam_explain *explain; /* NULL: decisions are not explained */
    struct dam_sense sense;
    struct dam_decision decision; /* the last one */
    uint64_t decision_seq;
    bool decided; /* a decision waits for its release */
    size_t memory_len;
    uint8_t memory[DAM_FLOW_MEMORY_MAX];
    bool stopped;                    /* by the operator */
    bool held;                       /* by the guardian, on the chain */
    struct dam_terms terms;          /* in force; without a constitution only epoch and code */
    uint32_t revoked;                /* the highest epoch that was taken back by rule */
    bool revoke_due;                 /* before the next turn */
    char broken[DAM_LAW_WHY_SIZE];   /* the rule, in words */
    struct dam_upgrade_trial *trial; /* NULL until there was one */
    struct dam_upgrade_watch watch;
    char *checkpoint; /* the last signed one; NULL: none */
    size_t checkpoint_len;
    bool chain_away; /* and since when: */
    uint64_t chain_away_mono_ms;
    bool failed;
    bool safe_done; /* a failed machine has gone to its safe state */
    char stop_path[4096];
    struct pending pending;
    struct dam_envoy *envoy; /* on its chain; NULL: it has none */
    struct dam_field field;
    struct dam_now turn; /* of the last one */
    struct dam_machine_stats stats;
    size_t number;
};

/** A line for the log. */
void dam_machine_say(struct dam_machine *machine, const char *fmt, ...) DAM_PRINTF(2, 3);

/** From now on only the safe state. */
void dam_machine_fail(struct dam_machine *machine, enum dam_err err, const char *where);

/** Append a leaf of this instant. Returns: as dam_evidence_append; on failure the machine failed.
 */
DAM_MUST_USE enum dam_err dam_machine_append(struct dam_machine *machine, const struct dam_now *now,
                                             struct dam_record_leaf *leaf, uint64_t *ret_seq);

/** The same outside of a turn: the next sync makes it durable. */
void dam_machine_note(struct dam_machine *machine, const struct dam_now *now,
                      struct dam_record_leaf *leaf);

/** The wall's clock is not where it should be: a gap of no length, so that whoever reads the
 * leaves' times is told. In: meaning: what follows from it. */
void dam_machine_clock_jump(struct dam_machine *machine, const struct dam_now *now, int64_t by_ms,
                            const char *meaning);

/** Record the fate of the decision that is waited for. */
void dam_machine_receipt(struct dam_machine *machine, const struct dam_now *now);

/** Law (machine_law.c). Before a turn: take back what broke a rule. */
void dam_machine_amend(struct dam_machine *machine, const struct dam_now *now);

/** After a decision: let the trial decide, count for the watch. */
void dam_machine_reflect(struct dam_machine *machine, const struct dam_decide_input *input);

/** At a start: these are the terms, before anything is recorded. */
void dam_machine_live_under(struct dam_machine *machine, const struct dam_terms *terms);

/** At a start: count the turns under these terms again. Returns: as reading the evidence. */
DAM_MUST_USE enum dam_err dam_machine_watch_again(struct dam_machine *machine,
                                                  const struct dam_now *now);

/** Begin with the memory that mind `from` left. Returns: DAM_OK or DAM_ENOMEM. In: memory: may be
 *  the machine's own. */
DAM_MUST_USE enum dam_err dam_machine_inherit(struct dam_machine *machine,
                                              const struct dam_address *from,
                                              struct dam_bytes memory);

/** What the field calls (struct dam_field_events.written). */
void dam_machine_on_written(void *ctx, size_t actuator, uint64_t ticket,
                            enum dam_link_result result, bool has_value, int64_t value);

/** Give the turn that has just acted to those links that show turns to others. */
void dam_machine_show(struct dam_machine *machine, const struct dam_now *now);

#endif
