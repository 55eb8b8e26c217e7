// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"
#include "core/crypto/sha256.h"
#include "machine/machine_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLOCK_SLACK_MS 60000 /* a clock that is kept right moves by less at once */

void dam_machine_say(struct dam_machine *m, const char *fmt, ...)
{
    char text[512];
    va_list args;
    if (m->events.say == NULL) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    m->events.say(m->events.ctx, m, text);
}

void dam_machine_tell(struct dam_machine *m, const char *text)
{
    dam_machine_say(m, "%s", text);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

void dam_machine_fail(struct dam_machine *m, enum dam_err err, const char *where)
{
    if (!m->failed) {
        m->failed = true;
        dam_machine_say(m, "FAILED in %s: %s; going to the safe state, until it is started again",
                        where, dam_err_text(err));
    }
}

enum dam_err dam_machine_append(struct dam_machine *m, const struct dam_now *now,
                                struct dam_record_leaf *leaf, uint64_t *ret_seq)
{
    leaf->time_ms = now->wall_ms;
    leaf->mono_ms = now->mono_ms;
    struct dam_bytes data;
    enum dam_err err = dam_evidence_append(m->evidence, leaf, &data);
    if (err != DAM_OK) {
        dam_machine_fail(m, err, "the evidence log");
        return err;
    }
    *ret_seq = leaf->seq;
    if (m->events.leaf != NULL) {
        m->events.leaf(m->events.ctx, m, leaf->seq, data);
    }
    return DAM_OK;
}

void dam_machine_note(struct dam_machine *m, const struct dam_now *now,
                      struct dam_record_leaf *leaf)
{
    uint64_t seq = 0;
    if (dam_machine_append(m, now, leaf, &seq) == DAM_OK && m->events.dirty != NULL) {
        m->events.dirty(m->events.ctx, m);
    }
}

void dam_machine_gap(struct dam_machine *m, const struct dam_now *now, int64_t from_ms,
                     const char *reason)
{
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_GAP};
    leaf.gap = (struct dam_record_gap){from_ms, now->wall_ms, dam_bytes(reason, strlen(reason))};
    dam_machine_say(m, "gap of %lld ms: %s", (long long)(now->wall_ms - from_ms), reason);
    dam_machine_note(m, now, &leaf);
}

/* ---- receipts -------------------------------------------------------------------------------- */

/* Where several actuators differ, the receipt has the worst: unknown, refused, unread, done. */
static uint8_t pending_status(const struct dam_machine *m)
{
    uint8_t worst = DAM_RECORD_DONE;
    for (size_t i = 0; i < m->manifest.actuator_count; i++) {
        uint8_t status = m->pending.status[i];
        worst = status > worst ? status : worst;
    }
    return worst;
}

void dam_machine_receipt(struct dam_machine *m, const struct dam_now *now)
{
    uint8_t values[8 * DAM_FLOW_ACTUATORS_MAX];
    size_t n = m->manifest.actuator_count;
    dam_flow_values_store(values, m->pending.values, n);
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_RECEIPT};
    leaf.receipt =
        (struct dam_record_receipt){m->pending.seq, pending_status(m), dam_bytes(values, 8 * n)};
    m->pending.waiting = false;
    m->stats.receipts[leaf.receipt.status]++;
    dam_machine_note(m, now, &leaf);
}

static bool readback_differs(const struct dam_manifest_actuator *actuator, int64_t want,
                             int64_t value)
{
    int64_t difference = 0;
    return __builtin_sub_overflow(value, want, &difference) || difference > actuator->tolerance ||
           difference < -actuator->tolerance;
}

void dam_machine_on_written(void *ctx, size_t actuator, uint64_t ticket,
                            enum dam_link_result result, bool has_value, int64_t value)
{
    struct dam_machine *m = ctx;
    struct pending *p = &m->pending;
    if (!p->waiting || p->seq != ticket || p->done[actuator]) {
        return; /* an answer that came after its receipt had been given up */
    }
    p->done[actuator] = true;
    p->open--;
    switch (result) {
    case DAM_LINK_DONE:
        p->status[actuator] = has_value ? DAM_RECORD_DONE : DAM_RECORD_DONE_UNREAD;
        if (has_value &&
            readback_differs(&m->manifest.actuators[actuator], p->values[actuator], value)) {
            p->status[actuator] = DAM_RECORD_REFUSED;
        }
        p->values[actuator] = has_value ? value : p->values[actuator];
        break;
    case DAM_LINK_REFUSED:
        p->status[actuator] = DAM_RECORD_REFUSED;
        break;
    case DAM_LINK_UNKNOWN:
        p->status[actuator] = DAM_RECORD_UNKNOWN;
        break;
    }
    if (p->open == 0) {
        const struct dam_now now = m->events.now(m->events.ctx);
        dam_machine_receipt(m, &now);
    }
}

void dam_machine_expire(struct dam_machine *m, const struct dam_now *now)
{
    if (m->pending.waiting &&
        now->mono_ms - m->pending.since_mono_ms >= (uint64_t)m->manifest.write_timeout_ms) {
        dam_machine_receipt(m, now);
    }
}

/* ---- actuation ------------------------------------------------------------------------------- */

static void safe_state(struct dam_machine *m)
{
    int64_t safe[DAM_FLOW_ACTUATORS_MAX];
    for (size_t i = 0; i < m->manifest.actuator_count; i++) {
        safe[i] = m->manifest.rules.limits[i].safe;
    }
    m->safe_done = true;
    m->pending.waiting = false;
    dam_field_write(&m->field, safe, UINT64_MAX);
}

void dam_machine_release(struct dam_machine *m, const struct dam_now *now)
{
    enum dam_err err = m->evidence == NULL ? DAM_EIO : dam_evidence_error(m->evidence);
    if (err != DAM_OK) {
        dam_machine_fail(m, err, "the evidence log");
    }
    if (m->failed) {
        /* The one actuation without a leaf of its own: the change leaf of the boot names the
         * manifest, which names these values. */
        if (!m->safe_done) {
            safe_state(m);
        }
        return;
    }
    if (!m->decided) {
        return;
    }
    DAM_ASSERT(dam_evidence_durable(m->evidence) > m->decision_seq);
    if (m->envoy != NULL) {
        dam_envoy_deeds_kept(m->envoy);
    }
    m->decided = false;
    struct pending *p = &m->pending;
    *p = (struct pending){.seq = m->decision_seq, .since_mono_ms = now->mono_ms};
    for (size_t i = 0; i < m->manifest.actuator_count; i++) {
        bool has_sink = m->manifest.actuators[i].link >= 0;
        p->values[i] = m->decision.action[i];
        p->status[i] = has_sink ? DAM_RECORD_UNKNOWN : DAM_RECORD_DONE;
        p->done[i] = !has_sink;
        p->open += has_sink ? 1 : 0;
    }
    if (p->open > 0) {
        p->waiting = true; /* before the writes: some answer at once */
        dam_field_write(&m->field, m->decision.action, m->decision_seq);
    }
    dam_machine_show(m, now);
}

/* ---- the turn -------------------------------------------------------------------------------- */

static void decision_leaf(const struct dam_machine *m, const struct dam_bytes memory,
                          const struct dam_bytes observation, uint8_t *packed,
                          struct dam_record_leaf *leaf)
{
    const struct dam_decision *d = &m->decision;
    uint8_t *proposal = packed;
    uint8_t *action = packed + 8 * d->count;
    uint8_t *reasons = action + 8 * d->count;
    dam_flow_values_store(proposal, d->proposal, d->count);
    dam_flow_values_store(action, d->action, d->count);
    for (size_t i = 0; i < d->count; i++) {
        dam_store_be16(reasons + 2 * i, d->reasons[i]);
    }
    *leaf = (struct dam_record_leaf){.kind = DAM_RECORD_DECISION};
    leaf->decision = (struct dam_record_decision){
        .mind = m->law.mind,
        .charter = m->law.charter,
        .outcome = d->outcome,
        .epoch = m->terms.epoch,
        .mind_gas = d->mind_gas,
        .charter_gas = d->charter_gas,
        .memory = memory,
        .observation = observation,
        .proposal = dam_bytes(proposal, 8 * d->count),
        .action = dam_bytes(action, 8 * d->count),
        .reasons = dam_bytes(reasons, 2 * d->count),
    };
    dam_sha256(d->memory, d->memory_len, &leaf->decision.next_hash);
}

/* On request, what the inputs did: right behind the decision, in the same batch. Nothing is said of
 * what another mind decided. */
static enum dam_err explanation_append(struct dam_machine *m, const struct dam_now *now,
                                       const struct dam_record_decision *decision)
{
    uint8_t parts[DAM_EXPLAIN_PARTS_LEN];
    uint64_t seq = 0;
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_EXPLANATION};
    if (m->explain == NULL || dam_explain_decision(m->explain, decision, m->decision_seq, parts,
                                                   &leaf.explanation) != DAM_OK) {
        return DAM_OK;
    }
    return dam_machine_append(m, now, &leaf, &seq);
}

/* From the leaves' times alone it would look as if turns were missing, or had been made before. */
void dam_machine_clock_jump(struct dam_machine *m, const struct dam_now *now, int64_t by_ms,
                            const char *meaning)
{
    char reason[160];
    (void)snprintf(reason, sizeof(reason), "the clock went %s by %lld s: %s",
                   by_ms > 0 ? "forward" : "back",
                   ((long long)(by_ms > 0 ? by_ms : -by_ms) + 500) / 1000, meaning);
    dam_machine_gap(m, now, now->wall_ms, reason);
}

void dam_machine_chain_seen(struct dam_machine *m, bool reached)
{
    const struct dam_now now = m->events.now(m->events.ctx);
    char reason[160];
    if (reached != m->chain_away) {
        return;
    }
    if (reached) {
        (void)snprintf(reason, sizeof(reason), "the chain is back after %llu s: no turn is missing",
                       (unsigned long long)(now.mono_ms - m->chain_away_mono_ms) / 1000);
    } else {
        (void)snprintf(reason, sizeof(reason),
                       "the chain is away: what is anchored, paid and learned waits for it");
    }
    m->chain_away = !reached;
    m->chain_away_mono_ms = now.mono_ms;
    dam_machine_gap(m, &now, now.wall_ms, reason);
}

static void clock_watch(struct dam_machine *m, const struct dam_now *now)
{
    int64_t by_ms = now->wall_ms - m->turn.wall_ms - (int64_t)(now->mono_ms - m->turn.mono_ms);
    if (m->stats.turns > 0 && (by_ms > CLOCK_SLACK_MS || by_ms < -CLOCK_SLACK_MS)) {
        dam_machine_clock_jump(m, now, by_ms, "no turn is missing");
    }
    m->turn = *now;
}

/* What was signed for the machine since the last turn: every transaction has its leaf. */
static enum dam_err deeds_append(struct dam_machine *m, const struct dam_now *now)
{
    struct dam_envoy_deed deed;
    uint64_t seq = 0;
    while (m->envoy != NULL && dam_envoy_deed_take(m->envoy, &deed)) {
        struct dam_record_leaf leaf = {.kind = DAM_RECORD_MONEY};
        leaf.money =
            (struct dam_record_money){.intent_id = deed.id,
                                      .status = DAM_RECORD_MONEY_SENT,
                                      .transaction = deed.tx_hash,
                                      .description = dam_bytes(deed.what, strlen(deed.what))};
        DAM_TRY(dam_machine_append(m, now, &leaf, &seq));
    }
    return DAM_OK;
}

enum dam_err dam_machine_decide(struct dam_machine *m, const struct dam_now *now)
{
    uint8_t observation[DAM_FLOW_SAMPLE_LEN * DAM_FLOW_CHANNELS_MAX];
    uint8_t packed[18 * DAM_FLOW_ACTUATORS_MAX];
    struct dam_record_leaf leaf;
    if (m->failed) {
        return DAM_EREFUSED;
    }
    if (m->pending.waiting) { /* the next decision does not wait for the last one's devices */
        dam_machine_receipt(m, now);
    }
    clock_watch(m, now);
    DAM_TRY(deeds_append(m, now));
    dam_machine_amend(m, now);
    bool vital_good = dam_sense_observe(&m->sense, now->wall_ms, now->mono_ms, observation);
    const struct dam_decide_input input = {
        .law = &m->law,
        .rules = &m->manifest.rules,
        .mode = m->stopped || m->held ? DAM_DECIDE_STOPPED
                : !vital_good         ? DAM_DECIDE_VITAL
                                      : DAM_DECIDE_NORMAL,
        .memory = dam_bytes(m->memory, m->memory_len),
        .observation =
            dam_bytes(observation, DAM_FLOW_SAMPLE_LEN * dam_manifest_record_count(&m->manifest)),
    };
    enum dam_err err = dam_decide(m->decider, &input, &m->decision);
    if (err != DAM_OK) {
        dam_machine_fail(m, err, "the decision");
        return err;
    }
    decision_leaf(m, input.memory, input.observation, packed, &leaf);
    DAM_TRY(dam_machine_append(m, now, &leaf, &m->decision_seq));
    DAM_TRY(explanation_append(m, now, &leaf.decision));
    dam_machine_reflect(m, &input);
    m->memory_len = m->decision.memory_len;
    memcpy(m->memory, m->decision.memory, m->memory_len);
    dam_sense_acted(&m->sense, now->mono_ms, m->decision.action);
    m->decided = true;
    m->stats.turns++;
    m->stats.outcomes[m->decision.outcome]++;
    return DAM_OK;
}

bool dam_machine_poll_stop(struct dam_machine *m, const struct dam_now *now)
{
    bool stopped = access(m->stop_path, F_OK) == 0;
    if (stopped == m->stopped || m->failed) {
        return false;
    }
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_STOP};
    leaf.stop = (struct dam_record_stop){stopped, dam_bytes("operator", 8)};
    m->stopped = stopped;
    dam_machine_say(m, stopped ? "operator's stop" : "operator's stop is lifted");
    dam_machine_note(m, now, &leaf);
    return true;
}

void dam_machine_shutdown(struct dam_machine *m, const struct dam_now *now)
{
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_STOP};
    leaf.stop = (struct dam_record_stop){true, dam_bytes("shutdown", 8)};
    m->stopped = true;
    dam_machine_note(m, now, &leaf);
    if (dam_machine_decide(m, now) != DAM_OK) {
        return; /* it has failed: release does what is left to do */
    }
}

/* ---- for others ------------------------------------------------------------------------------ */

int64_t dam_machine_last_ms(struct dam_machine *m)
{
    struct dam_record_leaf leaf;
    uint64_t size = dam_evidence_size(m->evidence);
    bool ok = size > 0 && dam_evidence_leaf(m->evidence, size - 1, &leaf) == DAM_OK;
    return ok ? leaf.time_ms : INT64_MIN;
}

size_t dam_machine_number(const struct dam_machine *m)
{
    return m->number;
}

const struct dam_manifest *dam_machine_manifest(const struct dam_machine *m)
{
    return &m->manifest;
}

struct dam_evidence *dam_machine_evidence(struct dam_machine *m)
{
    return m->evidence;
}

const struct dam_machine_stats *dam_machine_stats(const struct dam_machine *m)
{
    struct dam_machine *w = (struct dam_machine *)m;
    w->stats.samples = m->sense.samples;
    w->stats.superseded = m->sense.superseded;
    w->stats.faults = m->sense.faults;
    w->stats.dropped = m->field.dropped;
    w->stats.links_up = m->field.links_up;
    return &m->stats;
}

bool dam_machine_failed(const struct dam_machine *m)
{
    return m->failed;
}

bool dam_machine_is_waiting(const struct dam_machine *m)
{
    return m->pending.waiting || dam_field_is_busy(&m->field);
}

const struct dam_law *dam_machine_law(const struct dam_machine *m)
{
    return &m->law;
}

struct dam_decider *dam_machine_decider(struct dam_machine *m)
{
    return m->decider;
}

struct dam_envoy *dam_machine_envoy(const struct dam_machine *m)
{
    return m->envoy;
}

bool dam_machine_ledger(const struct dam_machine *m, struct dam_ledger_pulse *ret)
{
    return m->manifest.chain.is_embedded && dam_ledger_resident_pulse(&m->envoy->http, ret);
}

const char *dam_machine_trouble(const struct dam_machine *m)
{
    struct dam_ledger_pulse pulse;
    if (dam_machine_failed(m)) {
        return "it has failed and is in its safe state";
    }
    bool hangs = dam_machine_ledger(m, &pulse) && pulse.age_ms > DAM_LEDGER_PULSE_LATE_MS;
    return hangs ? "its ledger hangs" : NULL;
}

struct dam_bytes dam_machine_checkpoint(const struct dam_machine *m)
{
    return dam_bytes(m->checkpoint, m->checkpoint_len);
}

enum dam_err dam_machine_set_checkpoint(struct dam_machine *m, struct dam_bytes text)
{
    char *copy = malloc(text.len + 1);
    if (copy == NULL) {
        return DAM_ENOMEM;
    }
    memcpy(copy, text.data, text.len);
    free(m->checkpoint);
    m->checkpoint = copy;
    m->checkpoint_len = text.len;
    return DAM_OK;
}

bool dam_machine_is_stopped(const struct dam_machine *m)
{
    return m->stopped || m->held;
}

void dam_machine_observe(struct dam_machine *m, const struct dam_now *now, uint8_t *observation)
{
    struct dam_sense copy = m->sense; /* looking is not a turn: what is fresh stays fresh */
    (void)dam_sense_observe(&copy, now->wall_ms, now->mono_ms, observation);
}
