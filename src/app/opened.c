// SPDX-License-Identifier: Apache-2.0
#include "app/opened.h"

#include "app/verb.h"
#include "base/heap.h"
#include "core/flow/fixed.h"
#include "machine/pin.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int dam_opened_fail(const struct dam_manifest_complaint *complaint, enum dam_err err)
{
    bool is_config = err == DAM_EPARSE || err == DAM_ERANGE || err == DAM_EREFUSED;
    return dam_verb_fail(err == DAM_ENOTFOUND  ? DAM_EXIT_NOT_FOUND
                         : err == DAM_ETIMEOUT ? DAM_EXIT_TIMEOUT
                         : is_config           ? DAM_EXIT_CONFIG
                                               : DAM_EXIT_FAILED,
                         complaint->hint[0] == 0 ? NULL : complaint->hint, "%s",
                         complaint->text[0] == 0 ? dam_err_text(err) : complaint->text);
}

int dam_opened_fail_at(const struct dam_history_finding *finding, enum dam_err err)
{
    if (finding->text[0] == 0) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s", dam_err_text(err));
    }
    return dam_verb_fail(DAM_EXIT_FAILED, "`dam verify` checks the whole log",
                         "leaf %" PRIu64 ": %s", finding->seq, finding->text);
}

/* The law kept from the constitution, or what the manifest names. */
static enum dam_err law_open(struct dam_opened *o, bool may_be_missing,
                             struct dam_manifest_complaint *ret_complaint)
{
    struct dam_terms terms;
    if (!o->manifest.chain.has_constitution) {
        DAM_TRY(dam_law_load(&o->manifest, NULL, o->decider, &o->law, ret_complaint));
        o->has_law = true;
        return DAM_OK;
    }
    enum dam_err err = dam_pin_load(&o->manifest, o->decider, &terms);
    if (err == DAM_OK) {
        o->law = (struct dam_law){terms.mind, terms.charter, terms.mind_gas, terms.charter_gas};
        o->has_law = true;
        return DAM_OK;
    }
    if (err == DAM_ENOTFOUND && may_be_missing) {
        return DAM_OK;
    }
    *ret_complaint = (struct dam_manifest_complaint){0};
    (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text), "the law kept in %s/law: %s",
                   o->manifest.folder, dam_err_text(err));
    if (err == DAM_ENOTFOUND) {
        (void)snprintf(ret_complaint->hint, sizeof(ret_complaint->hint),
                       "`dam up` takes it from the chain");
    }
    return err;
}

int dam_opened_open(const char *folder, unsigned parts, struct dam_opened *opened)
{
    struct dam_manifest_complaint complaint;
    const char *env = getenv("DAM_DIR");
    folder = folder != NULL ? folder : env != NULL ? env : ".";
    memset(opened, 0, sizeof(*opened));
    dam_arena_init(&opened->arena, dam_heap(), 0);
    enum dam_err err = dam_manifest_load(folder, &opened->arena, &opened->manifest, &complaint);
    if (err != DAM_OK) {
        return dam_opened_fail(&complaint, err);
    }
    if ((parts & DAM_OPENED_EVIDENCE) != 0) {
        const char *path = dam_manifest_path(&opened->manifest, opened->manifest.evidence_folder);
        err = path == NULL ? DAM_ENOMEM
                           : dam_evidence_open(path, false, NULL, NULL, &opened->evidence);
        if (err != DAM_OK) {
            return dam_verb_fail(err == DAM_ENOTFOUND ? DAM_EXIT_NOT_FOUND : DAM_EXIT_FAILED,
                                 err == DAM_ENOTFOUND ? "`dam up` makes the first leaves" : NULL,
                                 "the evidence in %s: %s", path == NULL ? folder : path,
                                 err == DAM_ENOTFOUND ? "there is none yet" : dam_err_text(err));
        }
    }
    if ((parts & (DAM_OPENED_LAW | DAM_OPENED_LAW_IF_KEPT)) != 0) {
        err = dam_decider_create(dam_heap(), &opened->decider);
        if (err == DAM_OK) {
            err = law_open(opened, (parts & DAM_OPENED_LAW_IF_KEPT) != 0, &complaint);
        }
        if (err != DAM_OK) {
            return dam_opened_fail(&complaint, err);
        }
    }
    return DAM_EXIT_OK;
}

void dam_opened_close(struct dam_opened *opened)
{
    dam_evidence_close(opened->evidence);
    dam_decider_destroy(opened->decider);
    dam_arena_finish(&opened->arena);
}

static int log_open(const struct dam_manifest *m)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s/log", m->evidence_folder[0] == '/' ? "" : m->folder,
                   m->evidence_folder);
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool dam_opened_is_running(const struct dam_manifest *m)
{
    int fd = log_open(m);
    bool running = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0) {
        (void)close(fd); /* gives the lock back, too */
    }
    return running;
}

int64_t dam_opened_idle_s(const struct dam_manifest *m)
{
    int fd = log_open(m);
    struct stat st;
    bool known = fd >= 0 && fstat(fd, &st) == 0;
    if (fd >= 0) {
        (void)close(fd); /* only looked at */
    }
    return known ? (int64_t)(time(NULL) - st.st_mtime) : -1;
}

const char *dam_opened_value(int64_t value, unsigned decimals, char *text)
{
    (void)dam_flow_fixed_format(value, decimals, text);
    return text;
}

const char *dam_opened_time(int64_t time_ms, char *text)
{
    int64_t ms = time_ms % 1000;
    time_t seconds = (time_t)((time_ms - (ms < 0 ? ms + 1000 : ms)) / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL) {
        (void)snprintf(text, 32, "%" PRId64 " ms", time_ms);
        return text;
    }
    size_t len = strftime(text, 24, "%Y-%m-%d %H:%M:%S", &tm);
    (void)snprintf(text + len, 32 - len, ".%03dZ", (int)(ms < 0 ? ms + 1000 : ms));
    return text;
}

bool dam_opened_progress(void *ctx, uint64_t done, uint64_t total)
{
    if (isatty(STDERR_FILENO) != 0 && (done % 4096 == 0 || done == total)) {
        unsigned percent = total == 0 ? 100 : (unsigned)(100 * done / total);
        (void)fprintf(stderr, "\r%s %3u %%%s", (const char *)ctx, percent,
                      done == total ? "\n" : "");
    }
    return true;
}

int dam_opened_print(struct dam_buf *buf)
{
    enum dam_err err = dam_buf_err(buf);
    bool ok = err == DAM_OK && fwrite(buf->data, 1, buf->len, stdout) == buf->len &&
              fputc('\n', stdout) != EOF && fflush(stdout) == 0;
    dam_buf_finish(buf);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s", dam_err_text(err));
    }
    return ok ? DAM_EXIT_OK : DAM_EXIT_FAILED;
}

/* ---- leaves as JSON -------------------------------------------------------------------------- */

static void put_fixed(struct dam_json_writer *w, int64_t value, unsigned decimals)
{
    char text[DAM_FLOW_FIXED_TEXT_MAX];
    size_t len = dam_flow_fixed_format(value, decimals, text);
    dam_json_put_raw(w, text, len);
}

void dam_opened_put_value(struct dam_json_writer *w, const char *key, int64_t value,
                          unsigned decimals)
{
    dam_json_put_key(w, key);
    put_fixed(w, value, decimals);
}

static void put_key_text(struct dam_json_writer *w, const char *key, struct dam_bytes text)
{
    dam_json_put_key(w, key);
    dam_json_put_string(w, (const char *)text.data, text.len);
}

static void put_observation(struct dam_json_writer *w, const struct dam_manifest *m,
                            struct dam_bytes observation)
{
    dam_json_put_key(w, "observation");
    dam_json_put_array(w);
    for (size_t i = 0; i * DAM_FLOW_SAMPLE_LEN < observation.len; i++) {
        struct dam_flow_sample sample;
        char name[80];
        if (dam_flow_sample_load(observation.data + i * DAM_FLOW_SAMPLE_LEN, &sample) != DAM_OK) {
            continue;
        }
        dam_manifest_record_name(m, i, name, sizeof(name));
        dam_json_put_object(w);
        dam_json_put_key(w, "name");
        dam_json_put_cstr(w, name);
        dam_opened_put_value(w, "value", sample.value, dam_manifest_record_decimals(m, i));
        dam_json_put_key(w, "unit");
        dam_json_put_cstr(w, dam_manifest_record_unit(m, i));
        if (sample.age_ms != DAM_FLOW_AGE_NEVER) {
            dam_json_put_u64_at(w, "age_ms", sample.age_ms);
        }
        dam_json_put_key(w, "quality");
        dam_json_put_cstr(w, dam_flow_quality_text(sample.quality));
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

static void put_actions(struct dam_json_writer *w, const struct dam_manifest *m,
                        const struct dam_record_decision *d)
{
    dam_json_put_key(w, "actuators");
    dam_json_put_array(w);
    for (size_t i = 0; 8 * i < d->action.len; i++) {
        bool known = i < m->actuator_count;
        unsigned decimals = known ? m->actuators[i].decimals : 0;
        unsigned reason = dam_load_be16(d->reasons.data + 2 * i);
        char text[DAM_MANIFEST_COMPLAINT_MAX];
        dam_json_put_object(w);
        dam_json_put_key(w, "name");
        dam_json_put_cstr(w, known ? m->actuators[i].name : "?");
        dam_opened_put_value(w, "proposed", (int64_t)dam_load_be64(d->proposal.data + 8 * i),
                             decimals);
        dam_opened_put_value(w, "permitted", (int64_t)dam_load_be64(d->action.data + 8 * i),
                             decimals);
        dam_json_put_key(w, "unit");
        dam_json_put_cstr(w, known ? m->actuators[i].unit : "");
        dam_json_put_u64_at(w, "reason", reason);
        dam_manifest_reason_text(m, reason, text, sizeof(text));
        dam_json_put_key(w, "why");
        dam_json_put_cstr(w, text);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

static void put_decision(struct dam_json_writer *w, const struct dam_manifest *m,
                         const struct dam_record_decision *d)
{
    dam_json_put_data_at(w, "mind", dam_bytes(d->mind.b, 20));
    dam_json_put_data_at(w, "charter", dam_bytes(d->charter.b, 20));
    dam_json_put_u64_at(w, "epoch", d->epoch);
    dam_json_put_u64_at(w, "outcome", d->outcome);
    dam_json_put_key(w, "outcome_text");
    dam_json_put_cstr(w, dam_flow_outcome_text(d->outcome));
    dam_json_put_u64_at(w, "mind_gas", d->mind_gas);
    dam_json_put_u64_at(w, "charter_gas", d->charter_gas);
    dam_json_put_data_at(w, "memory", d->memory);
    dam_json_put_data_at(w, "next_hash", dam_bytes(d->next_hash.b, 32));
    put_observation(w, m, d->observation);
    put_actions(w, m, d);
}

static void put_receipt(struct dam_json_writer *w, const struct dam_manifest *m,
                        const struct dam_record_receipt *r)
{
    static const char *const status[] = {"done and read back", "done, no read-back", "refused",
                                         "unknown"};
    dam_json_put_u64_at(w, "decision_seq", r->decision_seq);
    dam_json_put_key(w, "status");
    dam_json_put_cstr(w, status[r->status]);
    dam_json_put_key(w, "values");
    dam_json_put_array(w);
    for (size_t i = 0; 8 * i < r->values.len; i++) {
        put_fixed(w, (int64_t)dam_load_be64(r->values.data + 8 * i),
                  i < m->actuator_count ? m->actuators[i].decimals : 0);
    }
    dam_json_put_array_end(w);
}

static void put_trial(struct dam_json_writer *w, const struct dam_record_trial *trial)
{
    dam_json_put_u64_at(w, "phase", trial->phase);
    dam_json_put_key(w, "phase_text");
    dam_json_put_cstr(w, dam_record_trial_text(trial->phase));
    dam_json_put_u64_at(w, "epoch", trial->epoch);
    dam_json_put_data_at(w, "mind", dam_bytes(trial->mind.b, 20));
    dam_json_put_data_at(w, "charter", dam_bytes(trial->charter.b, 20));
    dam_json_put_u64_at(w, "turns", trial->turns);
    dam_json_put_u64_at(w, "errors", trial->errors);
    dam_json_put_u64_at(w, "denials", trial->denials);
    dam_json_put_u64_at(w, "different", trial->different);
    put_key_text(w, "words", trial->words);
}

static void put_body(struct dam_json_writer *w, const struct dam_manifest *m,
                     const struct dam_record_leaf *leaf)
{
    switch ((enum dam_record_kind)leaf->kind) {
    case DAM_RECORD_DECISION:
        put_decision(w, m, &leaf->decision);
        return;
    case DAM_RECORD_RECEIPT:
        put_receipt(w, m, &leaf->receipt);
        return;
    case DAM_RECORD_BOOT:
        dam_json_put_u64_at(w, "boot_count", leaf->boot.boot_count);
        dam_json_put_u64_at(w, "last_seq", leaf->boot.last_seq);
        dam_json_put_data_at(w, "program", dam_bytes(leaf->boot.program.b, 32));
        put_key_text(w, "version", leaf->boot.version);
        return;
    case DAM_RECORD_CHANGE:
        dam_json_put_u64_at(w, "epoch", leaf->change.epoch);
        dam_json_put_data_at(w, "mind", dam_bytes(leaf->change.mind.b, 20));
        dam_json_put_data_at(w, "charter", dam_bytes(leaf->change.charter.b, 20));
        dam_json_put_data_at(w, "manifest", dam_bytes(leaf->change.manifest.b, 32));
        return;
    case DAM_RECORD_GAP:
        dam_json_put_key(w, "from_ms");
        dam_json_put_i64(w, leaf->gap.from_ms);
        dam_json_put_key(w, "to_ms");
        dam_json_put_i64(w, leaf->gap.to_ms);
        put_key_text(w, "reason", leaf->gap.reason);
        return;
    case DAM_RECORD_STOP:
        dam_json_put_key(w, "on");
        dam_json_put_bool(w, leaf->stop.on);
        put_key_text(w, "who", leaf->stop.who);
        return;
    case DAM_RECORD_MONEY:
        dam_json_put_data_at(w, "intent_id", dam_bytes(leaf->money.intent_id.b, 32));
        dam_json_put_u64_at(w, "status", leaf->money.status);
        dam_json_put_data_at(w, "transaction", dam_bytes(leaf->money.transaction.b, 32));
        put_key_text(w, "description", leaf->money.description);
        return;
    case DAM_RECORD_TRIAL:
        put_trial(w, &leaf->trial);
        return;
    case DAM_RECORD_EXPLANATION:
        dam_json_put_u64_at(w, "decision", leaf->explanation.decision_seq);
        dam_json_put_key(w, "method");
        dam_json_put_cstr(w, dam_record_method_text(leaf->explanation.method));
        dam_json_put_data_at(w, "model", dam_bytes(leaf->explanation.model.b, 32));
        dam_json_put_u64_at(w, "parts", leaf->explanation.parts.len / DAM_RECORD_PART_LEN);
        return;
    }
}

void dam_opened_put_leaf(struct dam_json_writer *w, const struct dam_manifest *manifest,
                         const struct dam_record_leaf *leaf)
{
    char text[32];
    dam_json_put_object(w);
    dam_json_put_u64_at(w, "seq", leaf->seq);
    dam_json_put_key(w, "kind");
    dam_json_put_cstr(w, dam_record_kind_text(leaf->kind));
    dam_json_put_key(w, "time");
    dam_json_put_cstr(w, dam_opened_time(leaf->time_ms, text));
    dam_json_put_key(w, "time_ms");
    dam_json_put_i64(w, leaf->time_ms);
    dam_json_put_u64_at(w, "mono_ms", leaf->mono_ms);
    dam_json_put_data_at(w, "machine", dam_bytes(leaf->machine.b, 32));
    dam_json_put_data_at(w, "prev", dam_bytes(leaf->prev.b, 32));
    put_body(w, manifest, leaf);
    dam_json_put_object_end(w);
}
