// SPDX-License-Identifier: Apache-2.0
/* Opening a machine, finding what its last run left, recording the boot; and its end. */
#include "base/heap.h"
#include "core/crypto/keccak.h"
#include "core/crypto/sha256.h"
#include "core/record/note.h"
#include "ledger/resident.h"
#include "machine/keeper.h"
#include "machine/machine_parts.h"
#include "machine/pin.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- opening --------------------------------------------------------------------------------- */

/* keccak256(abi.encode(chainId, registry, tokenId)); the name stands in for a token not yet had. */
static void identity(const struct dam_manifest *manifest, struct dam_hash *ret)
{
    uint8_t words[96] = {0};
    dam_store_be64(words + 24, manifest->chain_id);
    memcpy(words + 44, manifest->registry.b, 20);
    if (manifest->has_token) {
        dam_store_be64(words + 88, manifest->token);
    } else {
        struct dam_hash hash;
        dam_keccak256((const uint8_t *)manifest->name, strlen(manifest->name), &hash);
        memcpy(words + 64, hash.b, 32);
    }
    dam_keccak256(words, sizeof(words), ret);
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
    struct dam_law law = m->law;
    struct dam_terms then;
    law.mind = d->mind;
    law.charter = d->charter;
    if (m->manifest.chain.has_constitution &&
        dam_pin_terms(&m->manifest, d->epoch, &then) == DAM_OK) {
        law.mind_gas = then.mind_gas;
        law.charter_gas = then.charter_gas;
    }
    if (dam_decider_code(m->decider, &d->mind).len == 0 ||
        dam_decider_code(m->decider, &d->charter).len == 0 ||
        d->observation.len != DAM_FLOW_SAMPLE_LEN * dam_manifest_record_count(&m->manifest)) {
        return DAM_OK; /* a mind that is not here any more: its memory is lost */
    }
    const struct dam_decide_input input = {
        .law = &law,
        .rules = &m->manifest.rules,
        .mode = dam_decide_mode_of(d->outcome),
        .memory = d->memory,
        .observation = d->observation,
    };
    struct dam_hash hash;
    DAM_TRY(dam_decide(m->decider, &input, &m->decision));
    dam_sha256(m->decision.memory, m->decision.memory_len, &hash);
    if (!dam_hash_eq(&hash, &d->next_hash)) {
        dam_machine_say(m, "leaf %llu does not replay under this mind: its memory is lost",
                        (unsigned long long)leaf->seq);
        return DAM_OK;
    }
    return dam_machine_inherit(m, &d->mind, dam_bytes(m->decision.memory, m->decision.memory_len));
}

/* Walks back from the end until all is known. Usually a handful of leaves; the whole log only if
 * the machine has never decided. */
static enum dam_err past_read(struct dam_machine *m, const struct dam_now *now, struct past *ret)
{
    bool stop_seen = false;
    for (uint64_t seq = dam_evidence_size(m->evidence);
         seq > 0 && !(ret->boots > 0 && ret->has_decision); seq--) {
        struct dam_record_leaf leaf;
        DAM_TRY(dam_evidence_leaf(m->evidence, seq - 1, &leaf));
        ret->last_ms = ret->last_ms == 0 ? leaf.time_ms : ret->last_ms;
        if (leaf.kind == DAM_RECORD_RECEIPT && !ret->has_decision) {
            ret->has_receipt = true;
        } else if (leaf.kind == DAM_RECORD_DECISION && !ret->has_decision) {
            ret->has_decision = true;
            ret->decision_seq = leaf.seq;
            DAM_TRY(decision_restore(m, &leaf, now));
        } else if (leaf.kind == DAM_RECORD_BOOT && ret->boots == 0) {
            ret->boots = leaf.boot.boot_count;
        } else if (leaf.kind == DAM_RECORD_STOP && !stop_seen && ret->boots == 0 &&
                   dam_bytes_is(leaf.stop.who, "operator")) {
            stop_seen = true; /* of the last run: each run records a stop that stands; a shutdown's
                               * ends with this boot, the guardian's is kept by pin.h */
            ret->stopped = leaf.stop.on;
        }
    }
    return DAM_OK;
}

/* Of this program's file: read once, whatever number of machines boots. */
static void program_hash(struct dam_hash *ret)
{
    static struct dam_hash known;
    static bool is_known;
    if (is_known) {
        *ret = known;
        return;
    }
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
    dam_sha256_final(&sha, &known);
    is_known = true;
    *ret = known;
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
    DAM_TRY(dam_machine_append(m, now, &leaf, &seq));
    bool sinks = false;
    for (size_t i = 0; i < m->manifest.actuator_count; i++) {
        sinks = sinks || m->manifest.actuators[i].link >= 0;
    }
    if (past->has_decision && !past->has_receipt && sinks) {
        /* The process ended between the leaf and the receipt: nobody knows whether it was done. */
        m->pending = (struct pending){.waiting = true, .seq = past->decision_seq};
        memcpy(m->pending.values, m->sense.last, sizeof(m->pending.values));
        memset(m->pending.status, DAM_RECORD_UNKNOWN, sizeof(m->pending.status));
        dam_machine_receipt(m, now);
    }
    int64_t off_ms = now->wall_ms - past->last_ms;
    if (past->has_decision && off_ms > 3 * m->manifest.period_ms) {
        dam_machine_gap(m, now, past->last_ms, "the machine was not running");
    } else if (past->has_decision && off_ms < -3 * m->manifest.period_ms) {
        dam_machine_clock_jump(m, now, off_ms, "nobody knows how long the machine was not running");
    }
    leaf = (struct dam_record_leaf){.kind = DAM_RECORD_CHANGE};
    leaf.change = (struct dam_record_change){
        .epoch = m->terms.epoch, .mind = m->law.mind, .charter = m->law.charter};
    dam_sha256(m->manifest.source.data, m->manifest.source.len, &leaf.change.manifest);
    DAM_TRY(dam_machine_append(m, now, &leaf, &seq));
    return dam_evidence_sync(m->evidence);
}

/* ---- the law --------------------------------------------------------------------------------- */

/* The ledger lives as long as the envoy: the keeper's and the skills' last words reach it. */
static enum dam_err envoy_make(struct dam_machine *m, struct dam_manifest_complaint *ret_complaint)
{
    const struct dam_manifest *f = &m->manifest;
    struct dam_envoy_options options = {
        .url_count = f->chain.url_count,
        .agree_min = (size_t)f->chain.agree_min,
        .timeout_ms = (uint32_t)f->chain.timeout_ms,
        .chain_id = f->chain_id,
        .signer_folder = f->signer.folder,
        .password_path = f->signer.password_path,
        .outbox_folder = f->signer.outbox,
        .has_witness = true, /* dam_machine_decide */
    };
    if (f->chain.url_count == 0) {
        return DAM_OK;
    }
    memcpy(options.urls, f->chain.urls, sizeof(options.urls));
    if (f->chain.is_embedded) {
        struct dam_store_fault fault;
        enum dam_err err = dam_ledger_resident_open(&f->ledger, &options.http, &fault);
        if (err != DAM_OK) {
            (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text), "the ledger: %s",
                           fault.text[0] != '\0' ? fault.text : dam_err_text(err));
            return err;
        }
        dam_machine_say(m, "the ledger in %s answers at %s", f->ledger.data, f->chain.urls[0]);
    }
    enum dam_err err = dam_envoy_create(&options, &m->envoy);
    if (err != DAM_OK) {
        dam_http_client_destroy(&options.http);
    }
    return err;
}

/* The first start under a constitution: nothing is kept yet, so the chain must be there. */
static enum dam_err law_fetch(struct dam_machine *m, struct dam_manifest_complaint *ret_complaint)
{
    struct dam_constitution c;
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    dam_envoy_step_in(m->envoy);
    enum dam_err err = dam_keeper_first(m->envoy, &m->manifest, &arena, &c);
    const char *why = m->envoy->why[0] != 0 ? m->envoy->why : dam_err_text(err);
    if (err == DAM_OK && (!c.has_terms || c.unfit[0] != 0)) {
        err = DAM_ENOTFOUND;
        why = c.has_terms ? c.unfit : "it has no terms for this machine";
    }
    if (err == DAM_OK) {
        err = dam_pin_store(&m->manifest, &c.terms, &c.codes);
        why = "it cannot be kept";
    }
    if (err != DAM_OK) {
        (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text), "the constitution: %s",
                       why);
        (void)snprintf(ret_complaint->hint, sizeof(ret_complaint->hint), "%s",
                       err == DAM_ENOTFOUND
                           ? "it is read at final blocks: start again when its terms are in one"
                           : "the first start needs the chain; later ones do not");
        err = dam_err_is_no_answer(err) ? DAM_ETIMEOUT : err;
    }
    dam_envoy_leave(m->envoy);
    dam_arena_finish(&arena);
    return err;
}

static enum dam_err law_open(struct dam_machine *m, const struct dam_law_chain *chain,
                             struct dam_manifest_complaint *ret_complaint)
{
    struct dam_terms terms;
    DAM_TRY(envoy_make(m, ret_complaint));
    if (!m->manifest.chain.has_constitution) {
        DAM_TRY(dam_law_load(&m->manifest, chain, m->decider, &m->law, ret_complaint));
        m->terms = (struct dam_terms){.epoch = m->manifest.epoch,
                                      .mind = m->law.mind,
                                      .charter = m->law.charter,
                                      .mind_gas = m->law.mind_gas,
                                      .charter_gas = m->law.charter_gas};
        return DAM_OK;
    }
    enum dam_err err = dam_pin_load(&m->manifest, m->decider, &terms);
    if (err == DAM_ENOTFOUND) {
        DAM_TRY(law_fetch(m, ret_complaint));
        err = dam_pin_load(&m->manifest, m->decider, &terms);
    }
    if (err != DAM_OK) {
        (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text),
                       "the law kept in %s/law: %s", m->manifest.folder, dam_err_text(err));
        return err;
    }
    dam_machine_live_under(m, &terms);
    dam_machine_say(m, "epoch %u is in force", terms.epoch);
    return DAM_OK;
}

/* What was signed before this start; without it the log is shown unsigned until the chain and the
 * signer are there. */
static void checkpoint_open(struct dam_machine *m, const char *folder)
{
    char path[4096];
    uint8_t text[DAM_RECORD_NOTE_MAX];
    int len = snprintf(path, sizeof(path), "%s/%s", folder, DAM_MACHINE_CHECKPOINT_FILE);
    FILE *file = len < 0 || (size_t)len >= sizeof(path) ? NULL : fopen(path, "rb");
    size_t got = file == NULL ? 0 : fread(text, 1, sizeof(text), file);
    if (file != NULL) {
        (void)fclose(file); /* only read from */
    }
    if (got > 0 && dam_machine_set_checkpoint(m, dam_bytes(text, got)) != DAM_OK) {
        dam_machine_say(m, "the last signed checkpoint cannot be kept in memory");
    }
}

static enum dam_err open_parts(struct dam_machine *m, const char *folder,
                               const struct dam_machine_options *options,
                               struct dam_manifest_complaint *ret_complaint)
{
    struct dam_hash machine;
    DAM_TRY(dam_manifest_load(folder, &m->arena, &m->manifest, ret_complaint));
    for (size_t i = 0; i < m->manifest.stray_count; i++) {
        dam_machine_say(m, "%s is set, and nothing reads it", m->manifest.strays[i]);
    }
    identity(&m->manifest, &machine);
    m->decider = options->decider;
    DAM_TRY(law_open(m, options->chain, ret_complaint));
    if (m->manifest.evidence_explain) {
        DAM_TRY(dam_explain_open(&m->manifest, &m->explain, ret_complaint));
    }
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
                       err == DAM_EEXIST      ? "another process runs this machine"
                       : err == DAM_ECONFLICT ? "it is another machine's"
                                              : dam_err_text(err));
        (void)snprintf(ret_complaint->hint, sizeof(ret_complaint->hint), "%s",
                       err == DAM_EEXIST      ? "`dam status` and `dam watch` look at it"
                       : err == DAM_ECONFLICT ? "name and [identity] say which machine this is; "
                                                "another begins in a folder of its own"
                       : err == DAM_ECORRUPT  ? "`dam verify` tells which leaf"
                                              : "`dam doctor` looks at the disk and its rights");
        return err;
    }
    checkpoint_open(m, evidence);
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
    err = err == DAM_OK ? dam_machine_watch_again(m, now) : err;
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
    dam_field_close(&m->field);
    dam_evidence_close(m->evidence);
    dam_explain_close(m->explain);
    dam_envoy_release(m->envoy);
    free(m->trial);
    free(m->checkpoint);
    dam_arena_finish(&m->arena);
    free(m);
}
