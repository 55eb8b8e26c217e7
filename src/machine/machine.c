// SPDX-License-Identifier: Apache-2.0
#include "machine/machine.h"

#include "base/assert.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/crypto/keccak.h"
#include "core/crypto/sha256.h"
#include "machine/sense.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A link and which points of it are which channels and actuators. */
struct machine_link {
    struct dam_machine *machine;
    size_t index; /* in the manifest */
    struct dam_link *link;
    const struct dam_link_kind *kind;
    bool up;
    size_t point_count;
    struct dam_link_point *points; /* these two in the machine's arena */
    uint16_t *target;              /* channel, or actuator where the point is written */
};

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
    struct dam_sense sense;
    struct dam_decision decision; /* the last one */
    uint64_t decision_seq;
    bool decided;  /* a decision waits for its release */
    bool released; /* the last decision was given to the devices */
    size_t memory_len;
    uint8_t memory[DAM_FLOW_MEMORY_MAX];
    bool stopped;
    bool failed;
    bool safe_done; /* a failed machine has gone to its safe state */
    char stop_path[4096];
    struct pending pending;
    struct machine_link *links; /* of the manifest's count, once connected */
    struct dam_now now;         /* of the caller's last call, for callbacks between calls */
    struct dam_machine_stats stats;
    size_t number;
    void *user;
};

static void say(struct dam_machine *m, const char *fmt, ...) DAM_PRINTF(2, 3);

static void say(struct dam_machine *m, const char *fmt, ...)
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

/* ---- leaves ---------------------------------------------------------------------------------- */

static void fail(struct dam_machine *m, enum dam_err err, const char *where)
{
    if (!m->failed) {
        m->failed = true;
        say(m, "FAILED in %s: %s; going to the safe state", where, dam_err_text(err));
    }
}

static enum dam_err leaf_append(struct dam_machine *m, const struct dam_now *now,
                                struct dam_record_leaf *leaf, uint64_t *ret_seq)
{
    leaf->time_ms = now->wall_ms;
    leaf->mono_ms = now->mono_ms;
    enum dam_err err = dam_evidence_append(m->evidence, leaf, ret_seq);
    if (err != DAM_OK) {
        fail(m, err, "the evidence log");
        return err;
    }
    struct dam_bytes data;
    if (m->events.leaf != NULL && dam_evidence_read(m->evidence, *ret_seq, &data) == DAM_OK) {
        m->events.leaf(m->events.ctx, m, *ret_seq, data);
    }
    return DAM_OK;
}

static void leaf_append_quietly(struct dam_machine *m, const struct dam_now *now,
                                struct dam_record_leaf *leaf)
{
    uint64_t seq = 0;
    if (leaf_append(m, now, leaf, &seq) == DAM_OK && m->events.dirty != NULL) {
        m->events.dirty(m->events.ctx, m);
    }
}

void dam_machine_gap(struct dam_machine *m, const struct dam_now *now, int64_t from_ms,
                     const char *reason)
{
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_GAP};
    leaf.gap = (struct dam_record_gap){from_ms, now->wall_ms, dam_bytes(reason, strlen(reason))};
    say(m, "gap of %lld ms: %s", (long long)(now->wall_ms - from_ms), reason);
    leaf_append_quietly(m, now, &leaf);
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

static void receipt_append(struct dam_machine *m, const struct dam_now *now)
{
    uint8_t values[8 * DAM_FLOW_ACTUATORS_MAX];
    size_t n = m->manifest.actuator_count;
    dam_flow_values_store(values, m->pending.values, n);
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_RECEIPT};
    leaf.receipt =
        (struct dam_record_receipt){m->pending.seq, pending_status(m), dam_bytes(values, 8 * n)};
    m->pending.waiting = false;
    m->stats.receipts[leaf.receipt.status]++;
    leaf_append_quietly(m, now, &leaf);
}

static bool readback_differs(const struct dam_manifest_actuator *actuator, int64_t want,
                             int64_t value)
{
    int64_t difference = 0;
    return __builtin_sub_overflow(value, want, &difference) || difference > actuator->tolerance ||
           difference < -actuator->tolerance;
}

static void on_written(void *ctx, unsigned point, uint64_t ticket, enum dam_link_result result,
                       bool has_value, int64_t value)
{
    struct machine_link *link = ctx;
    struct dam_machine *m = link->machine;
    size_t actuator = link->target[point];
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
        receipt_append(m, &now);
    }
}

void dam_machine_expire(struct dam_machine *m, const struct dam_now *now)
{
    if (m->pending.waiting &&
        now->mono_ms - m->pending.since_mono_ms >= (uint64_t)m->manifest.write_timeout_ms) {
        receipt_append(m, now);
    }
}

/* ---- actuation ------------------------------------------------------------------------------- */

static void write_all(struct dam_machine *m, const int64_t *action, uint64_t ticket)
{
    for (size_t k = 0; m->links != NULL && k < m->manifest.link_count; k++) {
        struct machine_link *link = &m->links[k];
        for (size_t i = 0; link->link != NULL && i < link->point_count; i++) {
            if (link->points[i].write) {
                link->kind->write(link->link, (unsigned)i, action[link->target[i]], ticket);
            }
        }
    }
}

static void safe_state(struct dam_machine *m)
{
    int64_t safe[DAM_FLOW_ACTUATORS_MAX];
    for (size_t i = 0; i < m->manifest.actuator_count; i++) {
        safe[i] = m->manifest.rules.limits[i].safe;
    }
    m->safe_done = true;
    m->pending.waiting = false;
    write_all(m, safe, UINT64_MAX);
}

void dam_machine_release(struct dam_machine *m, const struct dam_now *now)
{
    enum dam_err err = m->evidence == NULL ? DAM_EIO : dam_evidence_error(m->evidence);
    if (err != DAM_OK) {
        fail(m, err, "the evidence log");
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
        write_all(m, m->decision.action, m->decision_seq);
    }
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
        .epoch = m->manifest.epoch,
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

enum dam_err dam_machine_decide(struct dam_machine *m, const struct dam_now *now)
{
    uint8_t observation[DAM_FLOW_SAMPLE_LEN * DAM_FLOW_CHANNELS_MAX];
    uint8_t packed[18 * DAM_FLOW_ACTUATORS_MAX];
    struct dam_record_leaf leaf;
    if (m->failed) {
        return DAM_EREFUSED;
    }
    if (m->pending.waiting) { /* the next decision does not wait for the last one's devices */
        receipt_append(m, now);
    }
    bool vital_good = dam_sense_observe(&m->sense, now->wall_ms, now->mono_ms, observation);
    const struct dam_decide_input input = {
        .law = &m->law,
        .rules = &m->manifest.rules,
        .mode = m->stopped    ? DAM_DECIDE_STOPPED
                : !vital_good ? DAM_DECIDE_VITAL
                              : DAM_DECIDE_NORMAL,
        .memory = dam_bytes(m->memory, m->memory_len),
        .observation =
            dam_bytes(observation, DAM_FLOW_SAMPLE_LEN * dam_manifest_record_count(&m->manifest)),
    };
    enum dam_err err = dam_decide(m->decider, &input, &m->decision);
    if (err != DAM_OK) {
        fail(m, err, "the decision");
        return err;
    }
    decision_leaf(m, input.memory, input.observation, packed, &leaf);
    DAM_TRY(leaf_append(m, now, &leaf, &m->decision_seq));
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
    say(m, stopped ? "operator's stop" : "operator's stop is lifted");
    leaf_append_quietly(m, now, &leaf);
    return true;
}

void dam_machine_shutdown(struct dam_machine *m, const struct dam_now *now)
{
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_STOP};
    leaf.stop = (struct dam_record_stop){true, dam_bytes("shutdown", 8)};
    m->stopped = true;
    leaf_append_quietly(m, now, &leaf);
    if (dam_machine_decide(m, now) != DAM_OK) {
        return; /* it has failed: release does what is left to do */
    }
}

/* ---- samples --------------------------------------------------------------------------------- */

static void on_sample(void *ctx, unsigned point, int64_t value)
{
    struct machine_link *link = ctx;
    struct dam_machine *m = link->machine;
    uint64_t mono_ms = m->events.now(m->events.ctx).mono_ms;
    if (dam_sense_sample(&m->sense, link->target[point], mono_ms, value) &&
        m->events.trigger != NULL) {
        m->events.trigger(m->events.ctx, m);
    }
}

static void on_fault(void *ctx, unsigned point, const char *why)
{
    struct machine_link *link = ctx;
    size_t channel = link->target[point];
    if (!link->points[point].write) {
        if (!link->machine->sense.channels[channel].fault) {
            say(link->machine, "channel %s: %s", link->machine->manifest.channels[channel].name,
                why);
        }
        dam_sense_fault(&link->machine->sense, channel);
    }
}

static void on_state(void *ctx, bool up, const char *text)
{
    struct machine_link *link = ctx;
    if (up != link->up) {
        link->machine->stats.links_up += up ? 1u : 0u - 1u;
        link->up = up;
    }
    say(link->machine, "link %s is %s: %s", link->machine->manifest.links[link->index].name,
        up ? "up" : "down", text);
}

static int64_t on_wall_ms(void *ctx)
{
    const struct machine_link *link = ctx;
    const struct dam_machine *m = link->machine;
    return m->events.now(m->events.ctx).wall_ms;
}

static enum dam_err link_points(struct dam_machine *m, struct machine_link *link)
{
    size_t max = m->manifest.channel_count + m->manifest.actuator_count;
    link->points = dam_arena_alloc(&m->arena, max * sizeof(*link->points));
    link->target = dam_arena_alloc(&m->arena, max * sizeof(*link->target));
    if (link->points == NULL || link->target == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < m->manifest.channel_count; i++) {
        const struct dam_manifest_channel *c = &m->manifest.channels[i];
        if (c->link == (int)link->index) {
            link->target[link->point_count] = (uint16_t)i;
            link->points[link->point_count++] =
                (struct dam_link_point){.key = c->key, .decimals = c->decimals};
        }
    }
    for (size_t i = 0; i < m->manifest.actuator_count; i++) {
        const struct dam_manifest_actuator *a = &m->manifest.actuators[i];
        if (a->link == (int)link->index) {
            link->target[link->point_count] = (uint16_t)i;
            link->points[link->point_count++] = (struct dam_link_point){
                .key = a->key, .readback = a->readback, .decimals = a->decimals, .write = true};
        }
    }
    return DAM_OK;
}

enum dam_err dam_machine_connect(struct dam_machine *m, uv_loop_t *loop,
                                 struct dam_manifest_complaint *ret_complaint)
{
    m->links = dam_arena_zalloc(&m->arena, (m->manifest.link_count + 1) * sizeof(*m->links));
    if (m->links == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < m->manifest.link_count; i++) {
        const struct dam_manifest_link *described = &m->manifest.links[i];
        struct machine_link *link = &m->links[i];
        const char *why = NULL;
        *link = (struct machine_link){.machine = m, .index = i, .kind = described->kind};
        DAM_TRY(link_points(m, link));
        const struct dam_link_setup setup = {
            .loop = loop,
            .folder = m->manifest.folder,
            .options = described->options,
            .option_count = described->option_count,
            .points = link->points,
            .point_count = link->point_count,
            .events = {on_sample, on_fault, on_written, on_state, link},
            .wall_ms = on_wall_ms,
        };
        enum dam_err err = described->kind->open(&setup, &link->link, &why);
        if (err != DAM_OK) {
            link->link = NULL;
            (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text), "%s:%u: [link.%s]: %s",
                           DAM_MANIFEST_FILE, described->line, described->name,
                           why == NULL ? dam_err_text(err) : why);
            ret_complaint->hint[0] = 0;
            return err;
        }
    }
    return DAM_OK;
}

int64_t dam_machine_advance(struct dam_machine *m, int64_t now_ms, bool *ret_replayed)
{
    int64_t next = INT64_MAX;
    bool replayed = false;
    for (size_t i = 0; m->links != NULL && i < m->manifest.link_count; i++) {
        struct machine_link *link = &m->links[i];
        if (link->link != NULL && link->kind->advance != NULL) {
            int64_t at = link->kind->advance(link->link, now_ms);
            next = at < next ? at : next;
            replayed = true;
        }
    }
    if (ret_replayed != NULL) {
        *ret_replayed = replayed;
    }
    return next;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* keccak256(abi.encode(chainId, registry, tokenId)); the name stands in for a token not yet had. */
static enum dam_err identity(const struct dam_manifest *manifest, struct dam_hash *ret)
{
    uint8_t words[96] = {0};
    dam_store_be64(words + 24, manifest->chain_id);
    if (manifest->registry != NULL &&
        dam_hex_decode_exact(manifest->registry, strlen(manifest->registry), words + 44, 20) !=
            DAM_OK) {
        return DAM_EPARSE;
    }
    if (manifest->token == NULL) {
        struct dam_hash hash;
        dam_keccak256((const uint8_t *)manifest->name, strlen(manifest->name), &hash);
        memcpy(words + 64, hash.b, 32);
    } else {
        uint64_t token = 0;
        for (const char *c = manifest->token; *c != 0; c++) {
            if (*c < '0' || *c > '9' || __builtin_mul_overflow(token, (uint64_t)10, &token) ||
                __builtin_add_overflow(token, (uint64_t)(*c - '0'), &token)) {
                return DAM_EPARSE;
            }
        }
        dam_store_be64(words + 88, token);
    }
    dam_keccak256(words, sizeof(words), ret);
    return DAM_OK;
}

/* What the last run left: its newest decision, whether that has a receipt, its boot. */
struct past {
    bool has_decision;
    bool has_receipt;
    bool stopped;
    uint64_t decision_seq;
    int64_t last_ms;
    uint64_t boots;
};

/* Restores memory and last actions from the newest decision: its leaf holds the memory that went
 * in, so running it again gives the memory that came out. */
static enum dam_err decision_restore(struct dam_machine *m, const struct dam_record_leaf *leaf,
                                     const struct dam_now *now)
{
    const struct dam_record_decision *d = &leaf->decision;
    size_t n = m->manifest.actuator_count;
    if (d->action.len != 8 * n) {
        return DAM_OK; /* another manifest: begin afresh */
    }
    dam_flow_values_load(d->action.data, m->sense.last, n);
    m->sense.has_last = true;
    m->sense.last_mono_ms = now->mono_ms;
    int64_t age = now->wall_ms - leaf->time_ms;
    m->sense.last_age_ms = age > 0 ? (uint64_t)age : 0;
    if (!dam_address_eq(&d->mind, &m->law.mind) ||
        d->observation.len != DAM_FLOW_SAMPLE_LEN * dam_manifest_record_count(&m->manifest)) {
        return DAM_OK; /* another mind: its memory means nothing to this one */
    }
    const struct dam_decide_input input = {
        .law = &m->law,
        .rules = &m->manifest.rules,
        .mode = d->outcome == DAM_FLOW_STOPPED ? DAM_DECIDE_STOPPED
                : d->outcome == DAM_FLOW_VITAL ? DAM_DECIDE_VITAL
                                               : DAM_DECIDE_NORMAL,
        .memory = d->memory,
        .observation = d->observation,
    };
    struct dam_hash hash;
    DAM_TRY(dam_decide(m->decider, &input, &m->decision));
    dam_sha256(m->decision.memory, m->decision.memory_len, &hash);
    if (!dam_hash_eq(&hash, &d->next_hash)) {
        say(m, "leaf %llu does not replay under this mind: its memory is lost",
            (unsigned long long)leaf->seq);
        return DAM_OK;
    }
    m->memory_len = m->decision.memory_len;
    memcpy(m->memory, m->decision.memory, m->memory_len);
    return DAM_OK;
}

/* Walks back from the end until all is known. Usually a handful of leaves; the whole log only if
 * the machine has never decided. */
static enum dam_err past_read(struct dam_machine *m, const struct dam_now *now, struct past *ret)
{
    bool stop_seen = false;
    for (uint64_t seq = dam_evidence_size(m->evidence);
         seq > 0 && !(ret->boots > 0 && ret->has_decision); seq--) {
        struct dam_record_leaf leaf;
        struct dam_bytes data;
        DAM_TRY(dam_evidence_read(m->evidence, seq - 1, &data));
        DAM_TRY(dam_record_leaf_load(data, &leaf));
        ret->last_ms = ret->last_ms == 0 ? leaf.time_ms : ret->last_ms;
        if (leaf.kind == DAM_RECORD_RECEIPT && !ret->has_decision) {
            ret->has_receipt = true;
        } else if (leaf.kind == DAM_RECORD_DECISION && !ret->has_decision) {
            ret->has_decision = true;
            ret->decision_seq = leaf.seq;
            DAM_TRY(decision_restore(m, &leaf, now));
        } else if (leaf.kind == DAM_RECORD_BOOT && ret->boots == 0) {
            ret->boots = leaf.boot.boot_count;
        } else if (leaf.kind == DAM_RECORD_STOP && !stop_seen && ret->boots == 0) {
            stop_seen = true; /* of the last run: each run records a stop that stands */
            ret->stopped = leaf.stop.on;
        }
    }
    return DAM_OK;
}

static void program_hash(struct dam_hash *ret)
{
    struct dam_sha256 sha;
    uint8_t data[65536];
    FILE *file = fopen("/proc/self/exe", "rb");
    dam_sha256_init(&sha);
    for (size_t len = 1; file != NULL && len > 0;) {
        len = fread(data, 1, sizeof(data), file);
        dam_sha256_update(&sha, data, len);
    }
    if (file != NULL) {
        (void)fclose(file); /* only read from */
    }
    dam_sha256_final(&sha, ret);
}

/* boot, then what the last run owes: a receipt, a gap, a change. */
static enum dam_err boot_record(struct dam_machine *m, const struct dam_now *now,
                                const struct past *past)
{
    uint64_t seq = 0;
    uint64_t size = dam_evidence_size(m->evidence);
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_BOOT};
    leaf.boot = (struct dam_record_boot){.last_seq = size == 0 ? 0 : size - 1,
                                         .boot_count = past->boots + 1,
                                         .version = dam_bytes(DAM_VERSION, strlen(DAM_VERSION))};
    program_hash(&leaf.boot.program);
    DAM_TRY(leaf_append(m, now, &leaf, &seq));
    bool sinks = false;
    for (size_t i = 0; i < m->manifest.actuator_count; i++) {
        sinks = sinks || m->manifest.actuators[i].link >= 0;
    }
    if (past->has_decision && !past->has_receipt && sinks) {
        /* The process ended between the leaf and the receipt: nobody knows whether it was done. */
        m->pending = (struct pending){.waiting = true, .seq = past->decision_seq};
        memcpy(m->pending.values, m->sense.last, sizeof(m->pending.values));
        memset(m->pending.status, DAM_RECORD_UNKNOWN, sizeof(m->pending.status));
        receipt_append(m, now);
    }
    if (past->has_decision && now->wall_ms - past->last_ms > 3 * m->manifest.period_ms) {
        dam_machine_gap(m, now, past->last_ms, "the machine was not running");
    }
    leaf = (struct dam_record_leaf){.kind = DAM_RECORD_CHANGE};
    leaf.change = (struct dam_record_change){
        .epoch = m->manifest.epoch, .mind = m->law.mind, .charter = m->law.charter};
    dam_sha256(m->manifest.source.data, m->manifest.source.len, &leaf.change.manifest);
    DAM_TRY(leaf_append(m, now, &leaf, &seq));
    return dam_evidence_sync(m->evidence);
}

static enum dam_err open_parts(struct dam_machine *m, const char *folder,
                               const struct dam_machine_options *options,
                               struct dam_manifest_complaint *ret_complaint)
{
    struct dam_hash machine;
    DAM_TRY(dam_manifest_load(folder, &m->arena, &m->manifest, ret_complaint));
    DAM_TRY(identity(&m->manifest, &machine));
    m->decider = options->decider;
    DAM_TRY(dam_law_load(&m->manifest, options->chain, m->decider, &m->law, ret_complaint));
    dam_sense_init(&m->sense, &m->manifest);
    int len = snprintf(m->stop_path, sizeof(m->stop_path), "%s/stop", folder);
    const char *evidence = dam_manifest_path(&m->manifest, m->manifest.evidence_folder);
    if (evidence == NULL || len < 0 || (size_t)len >= sizeof(m->stop_path)) {
        return DAM_ENOMEM;
    }
    enum dam_err err = dam_evidence_open(evidence, true, &machine, options->files, &m->evidence);
    if (err != DAM_OK) {
        (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text), "the evidence in %s: %s",
                       evidence,
                       err == DAM_ECONFLICT ? "another process has it, or it is another machine's"
                                            : dam_err_text(err));
        return err;
    }
    if (!m->manifest.evidence_sync) {
        dam_evidence_relax(m->evidence);
    }
    return DAM_OK;
}

enum dam_err dam_machine_boot(struct dam_machine *m, const struct dam_now *now,
                              struct dam_manifest_complaint *ret_complaint)
{
    struct past past = {0};
    enum dam_err err = past_read(m, now, &past);
    err = err == DAM_OK ? boot_record(m, now, &past) : err;
    if (err != DAM_OK) {
        (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text), "the evidence of %s: %s",
                       m->manifest.name, dam_err_text(err));
        ret_complaint->hint[0] = 0;
        return err;
    }
    /* A stop that stands is recorded again at every boot, one that was lifted meanwhile once. */
    m->stopped = past.stopped && access(m->stop_path, F_OK) != 0;
    (void)dam_machine_poll_stop(m, now); /* the first turn comes at once anyway */
    return DAM_OK;
}

enum dam_err dam_machine_open(const char *folder, const struct dam_machine_options *options,
                              struct dam_machine **ret,
                              struct dam_manifest_complaint *ret_complaint)
{
    struct dam_machine *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return DAM_ENOMEM;
    }
    *ret_complaint = (struct dam_manifest_complaint){0};
    dam_arena_init(&m->arena, dam_heap(), 0);
    m->events = options->events;
    m->number = options->number;
    enum dam_err err = open_parts(m, folder, options, ret_complaint);
    if (err != DAM_OK) {
        if (ret_complaint->text[0] == 0) {
            (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text), "%s: %s", folder,
                           dam_err_text(err));
        }
        dam_machine_close(m);
        return err;
    }
    *ret = m;
    return DAM_OK;
}

void dam_machine_close(struct dam_machine *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; m->links != NULL && i < m->manifest.link_count; i++) {
        if (m->links[i].link != NULL) {
            m->links[i].kind->close(m->links[i].link);
        }
    }
    dam_evidence_close(m->evidence);
    dam_arena_finish(&m->arena);
    free(m);
}

/* ---- for others ------------------------------------------------------------------------------ */

int64_t dam_machine_last_ms(struct dam_machine *m)
{
    struct dam_record_leaf leaf;
    struct dam_bytes data;
    uint64_t size = dam_evidence_size(m->evidence);
    bool ok = size > 0 && dam_evidence_read(m->evidence, size - 1, &data) == DAM_OK &&
              dam_record_leaf_load(data, &leaf) == DAM_OK;
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
    return &m->stats;
}

bool dam_machine_failed(const struct dam_machine *m)
{
    return m->failed;
}

bool dam_machine_is_waiting(const struct dam_machine *m)
{
    return m->pending.waiting;
}

void dam_machine_set_user(struct dam_machine *m, void *user)
{
    m->user = user;
}

void *dam_machine_user(const struct dam_machine *m)
{
    return m->user;
}

const struct dam_law *dam_machine_law(const struct dam_machine *m)
{
    return &m->law;
}

struct dam_decider *dam_machine_decider(struct dam_machine *m)
{
    return m->decider;
}

bool dam_machine_is_stopped(const struct dam_machine *m)
{
    return m->stopped;
}

void dam_machine_observe(struct dam_machine *m, const struct dam_now *now, uint8_t *observation)
{
    struct dam_sense copy = m->sense; /* looking is not a turn: what is fresh stays fresh */
    (void)dam_sense_observe(&copy, now->wall_ms, now->mono_ms, observation);
}
