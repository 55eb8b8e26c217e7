// SPDX-License-Identifier: Apache-2.0
#include "app/doctor.h"

#include "app/opened.h"
#include "app/verb.h"
#include "base/heap.h"
#include "base/hex.h"
#include "chain/rpc.h"
#include "machine/explain.h"
#include "machine/pin.h"
#include "signer/home.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define SPACE_BAD (UINT64_C(64) << 20)
#define SPACE_WARN (UINT64_C(1) << 30)
#define YEAR_2024 INT64_C(1704067200)
#define LEAF_LEN_GUESS 800u /* where there is no log to measure */
#define PASSWORD_SIZE 1024u

void dam_doctor_find(struct dam_doctor *d, enum dam_doctor_level level, const char *what,
                     const char *hint, const char *fmt, ...)
{
    va_list args;
    if (d->count == DAM_DOCTOR_FINDINGS_MAX) {
        return;
    }
    struct dam_doctor_finding *f = &d->findings[d->count++];
    f->level = level;
    (void)snprintf(f->what, sizeof(f->what), "%s", what);
    (void)snprintf(f->hint, sizeof(f->hint), "%s", hint == NULL ? "" : hint);
    va_start(args, fmt);
    (void)vsnprintf(f->text, sizeof(f->text), fmt, args);
    va_end(args);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A secret is for its owner only. */
static void secret_check(struct dam_doctor *d, const char *what, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, what, NULL, "%s: %s", path, strerror(errno));
    } else if ((st.st_mode & 077) != 0) {
        char hint[600];
        (void)snprintf(hint, sizeof(hint), "chmod 600 %.500s", path);
        dam_doctor_find(d, DAM_DOCTOR_WARN, what, hint, "%s can be read by others", path);
    } else if (access(path, R_OK) != 0) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, what, NULL, "%s cannot be read by this user", path);
    } else {
        dam_doctor_find(d, DAM_DOCTOR_GOOD, what, NULL, "%s is its owner's alone", path);
    }
}

static void permissions_check(struct dam_doctor *d, const struct dam_manifest *m)
{
    struct stat st;
    if (stat(m->path, &st) == 0 && (st.st_mode & 022) != 0) {
        dam_doctor_find(d, DAM_DOCTOR_WARN, "manifest's mode", "chmod go-w it",
                        "%s can be written by others: they could change the rules", m->path);
    }
    for (size_t i = 0; i < m->link_count; i++) {
        for (size_t k = 0; k < m->links[i].option_count; k++) {
            const struct dam_link_option *o = &m->links[i].options[k];
            if (strcmp(o->name, "password_file") == 0 || strcmp(o->name, "token_file") == 0 ||
                strcmp(o->name, "key_file") == 0) {
                char what[48];
                const char *path = dam_manifest_path(m, o->value);
                (void)snprintf(what, sizeof(what), "%.30s of %.12s", o->name, m->links[i].name);
                secret_check(d, what, path == NULL ? o->value : path);
            }
        }
    }
}

static void disk_check(struct dam_doctor *d, const struct dam_manifest *m, const char *folder,
                       uint64_t leaf_len)
{
    struct statvfs fs;
    if (statvfs(folder, &fs) != 0) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, "disk", NULL, "%s: %s", folder, strerror(errno));
        return;
    }
    uint64_t space = (uint64_t)fs.f_bavail * fs.f_frsize;
    /* A decision and a receipt each period. */
    uint64_t per_day = 2 * leaf_len * (UINT64_C(86400000) / (uint64_t)m->period_ms + 1);
    uint64_t days = space / per_day;
    dam_doctor_find(d,
                    space < SPACE_BAD || days < 1     ? DAM_DOCTOR_BAD
                    : space < SPACE_WARN || days < 30 ? DAM_DOCTOR_WARN
                                                      : DAM_DOCTOR_GOOD,
                    "disk", days < 30 ? "a machine without room for its evidence stops" : NULL,
                    "%" PRIu64 " MiB free: evidence for about %" PRIu64 " days", space >> 20, days);
}

static void evidence_check(struct dam_doctor *d, const struct dam_manifest *m)
{
    const char *folder = dam_manifest_path(m, m->evidence_folder);
    struct dam_evidence *evidence = NULL;
    uint64_t leaf_len = LEAF_LEN_GUESS;
    if (folder == NULL) {
        return;
    }
    bool exists = access(folder, F_OK) == 0;
    const char *place = exists ? folder : m->folder;
    if (access(place, W_OK) != 0) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, "evidence", "run it as the machine's user",
                        "%s cannot be written to: %s", place, strerror(errno));
        return;
    }
    struct dam_bytes last;
    enum dam_err err = dam_evidence_open(folder, false, NULL, NULL, &evidence);
    if (err == DAM_OK && dam_evidence_size(evidence) > 0) {
        err = dam_evidence_read(evidence, dam_evidence_size(evidence) - 1, &last);
    }
    if (err == DAM_ENOTFOUND) {
        dam_doctor_find(d, DAM_DOCTOR_GOOD, "evidence", NULL, "there is none yet");
    } else if (err != DAM_OK) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, "evidence", "`dam verify` tells which leaf", "%s: %s",
                        folder, dam_err_text(err));
    } else {
        char path[4096];
        struct stat st;
        uint64_t size = dam_evidence_size(evidence);
        (void)snprintf(path, sizeof(path), "%s/log", folder);
        if (size > 0 && stat(path, &st) == 0) {
            leaf_len = (uint64_t)st.st_size / size + 1;
        }
        dam_doctor_find(d, DAM_DOCTOR_GOOD, "evidence", NULL, "%" PRIu64 " leaves", size);
    }
    dam_evidence_close(evidence);
    disk_check(d, m, place, leaf_len);
    if (!m->evidence_sync) {
        dam_doctor_find(d, DAM_DOCTOR_WARN, "evidence.sync", "only for simulation",
                        "leaves survive the process, not a power cut");
    }
}

static void clock_check(struct dam_doctor *d)
{
    struct timex t = {.modes = 0};
    int state = adjtimex(&t);
    if ((int64_t)time(NULL) < YEAR_2024) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, "clock", "set it, or let NTP set it",
                        "the clock says a year before 2024");
    } else if (state < 0) {
        dam_doctor_find(d, DAM_DOCTOR_NOTE, "clock", NULL, "the kernel does not tell: %s",
                        strerror(errno));
    } else if (state == TIME_ERROR || (t.status & STA_UNSYNC) != 0) {
        dam_doctor_find(d, DAM_DOCTOR_WARN, "clock",
                        "an NTP service (systemd-timesyncd, chrony) keeps it right",
                        "nothing keeps the clock in step");
    } else {
        dam_doctor_find(d, DAM_DOCTOR_GOOD, "clock", NULL, "in step, within %ld ms",
                        (long)(t.maxerror / 1000));
    }
}

/* ---- signer and chain ------------------------------------------------------------------------ */

static void signer_check(struct dam_doctor *d, const struct dam_manifest *m, bool running)
{
    char text[PASSWORD_SIZE];
    struct dam_signer_password password = {text, 0};
    struct dam_signer_pin pin;
    if (m->signer.folder == NULL) {
        return;
    }
    secret_check(d, "signer's password", m->signer.password_path);
    if (running) {
        dam_doctor_find(d, DAM_DOCTOR_NOTE, "signer", NULL, "not looked at: the machine runs");
        return;
    }
    enum dam_err err =
        dam_signer_password_read(m->signer.password_path, text, sizeof(text), &password.len);
    if (err != DAM_OK) {
        return; /* told above */
    }
    err = dam_signer_home_pin(m->signer.folder, &password, &pin);
    explicit_bzero(text, sizeof(text));
    if (err == DAM_OK) {
        char key[41];
        dam_hex_encode(pin.key.b, 20, key);
        bool same = m->chain_id == 0 || pin.chain_id == m->chain_id;
        dam_doctor_find(d, same ? DAM_DOCTOR_GOOD : DAM_DOCTOR_BAD, "signer",
                        same ? NULL : "`dam signer frame` changes it",
                        "key 0x%s, frame %" PRIu64 " for chain %" PRIu64 "%s", key, pin.version,
                        pin.chain_id, same ? "" : ", which is not this machine's");
        return;
    }
    dam_doctor_find(d, DAM_DOCTOR_BAD, "signer",
                    err == DAM_ENOTFOUND   ? "`dam signer key`, then `dam signer reset`"
                    : err == DAM_EREFUSED  ? "is the password file the right one?"
                    : err == DAM_ECONFLICT ? "another process holds it"
                                           : NULL,
                    "%s: %s", m->signer.folder,
                    err == DAM_EREFUSED ? "the password does not open the keystore"
                                        : dam_err_text(err));
}

static void endpoint_check(struct dam_doctor *d, const struct dam_manifest *m,
                           const struct dam_http_client *http, const char *what, const char *url,
                           uint32_t timeout_ms)
{
    struct dam_rpc rpc;
    struct dam_rpc_error error = {0};
    struct dam_arena arena;
    const struct dam_json *answer = NULL;
    uint64_t id = 0;
    uint64_t height = 0;
    dam_arena_init(&arena, dam_heap(), 1u << 20);
    enum dam_err err = dam_rpc_init(&rpc, http, url, timeout_ms);
    const struct dam_bytes none = dam_bytes("[]", 2);
    if (err == DAM_OK) {
        err = dam_rpc_call(&rpc, &arena, "eth_chainId", none, &answer, &error);
    }
    err = err == DAM_OK ? dam_json_quantity(answer, &id) : err;
    if (err == DAM_OK) {
        err = dam_rpc_call(&rpc, &arena, "eth_blockNumber", none, &answer, &error);
    }
    err = err == DAM_OK ? dam_json_quantity(answer, &height) : err;
    if (err != DAM_OK) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, what, "the machine runs on without it, and catches up",
                        "%s: %s", url, error.message[0] != 0 ? error.message : dam_err_text(err));
    } else if (m->chain_id != 0 && id != m->chain_id) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, what, "another network, or a wrong chain_id",
                        "%s is chain %" PRIu64 ", [identity] says %" PRIu64, url, id, m->chain_id);
    } else {
        dam_doctor_find(d, DAM_DOCTOR_GOOD, what, NULL, "%s: chain %" PRIu64 ", block %" PRIu64,
                        url, id, height);
    }
    dam_arena_finish(&arena);
}

static void chain_check(struct dam_doctor *d, const struct dam_manifest *m)
{
    struct dam_http_client http = {0};
    if (dam_http_client_create(&http) != DAM_OK) {
        return;
    }
    for (size_t i = 0; i < m->chain.url_count; i++) {
        endpoint_check(d, m, &http, "chain", m->chain.urls[i], (uint32_t)m->chain.timeout_ms);
    }
    for (size_t i = 0; i < m->link_count; i++) {
        for (size_t k = 0; m->links[i].kind->acts_when_opened && k < m->links[i].option_count;
             k++) {
            if (strcmp(m->links[i].options[k].name, "url") == 0) {
                char what[48];
                (void)snprintf(what, sizeof(what), "chain of %.38s", m->links[i].name);
                endpoint_check(d, m, &http, what, m->links[i].options[k].value, 3000);
            }
        }
    }
    dam_http_client_destroy(&http);
}

/* ---- all ------------------------------------------------------------------------------------- */

/* The constitution's, as an earlier `dam up` kept it. */
static void law_kept_check(struct dam_doctor *d, const struct dam_manifest *m,
                           struct dam_decider *decider)
{
    struct dam_terms terms;
    enum dam_err err = dam_pin_load(m, decider, &terms);
    if (err == DAM_OK) {
        dam_doctor_find(d, DAM_DOCTOR_GOOD, "mind and charter", NULL,
                        "those of epoch %u are kept, and load", terms.epoch);
    } else if (err == DAM_ENOTFOUND) {
        dam_doctor_find(d, DAM_DOCTOR_NOTE, "mind and charter", NULL,
                        "its constitution has them: the first `dam up` takes them from the chain");
    } else {
        dam_doctor_find(d, DAM_DOCTOR_BAD, "mind and charter", NULL, "the law kept in %s/law: %s",
                        m->folder, dam_err_text(err));
    }
}

/* The manifest's own. */
static void law_named_check(struct dam_doctor *d, const struct dam_manifest *m,
                            struct dam_decider *decider)
{
    struct dam_manifest_complaint complaint = {0};
    struct dam_law law;
    enum dam_err err = dam_law_load(m, NULL, decider, &law, &complaint);
    if (err == DAM_OK) {
        dam_doctor_find(d, DAM_DOCTOR_GOOD, "mind and charter", NULL, "they load; %zu interlocks",
                        m->rules.interlock_count);
    } else if (m->chain.url_count > 0) {
        dam_doctor_find(d, DAM_DOCTOR_NOTE, "mind and charter", NULL, "they are on the chain: %s",
                        complaint.text);
    } else {
        dam_doctor_find(d, DAM_DOCTOR_BAD, "mind and charter",
                        complaint.hint[0] == 0 ? NULL : complaint.hint, "%s",
                        complaint.text[0] == 0 ? dam_err_text(err) : complaint.text);
    }
}

static void law_check(struct dam_doctor *d, const struct dam_manifest *m)
{
    struct dam_manifest_complaint complaint = {0};
    struct dam_decider *decider = NULL;
    enum dam_err err = dam_decider_create(dam_heap(), &decider);
    if (err != DAM_OK) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, "mind and charter", NULL, "%s", dam_err_text(err));
        return;
    }
    if (m->chain.has_constitution) {
        law_kept_check(d, m, decider);
    } else {
        law_named_check(d, m, decider);
    }
    dam_decider_destroy(decider);
    err = dam_explain_check(m, &complaint);
    if (err != DAM_OK) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, "explanations", complaint.hint, "%s",
                        complaint.text[0] == 0 ? dam_err_text(err) : complaint.text);
    }
}

void dam_doctor_examine(struct dam_doctor *d, const char *folder, unsigned wait_ms)
{
    struct dam_manifest_complaint complaint = {0};
    struct dam_manifest *m = calloc(1, sizeof(*m));
    struct dam_arena arena;
    char path[4096];
    dam_arena_init(&arena, dam_heap(), 0);
    d->count = 0;
    enum dam_err err = m == NULL ? DAM_ENOMEM : dam_manifest_load(folder, &arena, m, &complaint);
    if (err != DAM_OK) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, "manifest",
                        complaint.hint[0] == 0 ? NULL : complaint.hint, "%s",
                        complaint.text[0] == 0 ? dam_err_text(err) : complaint.text);
        dam_arena_finish(&arena);
        free(m);
        return;
    }
    bool running = dam_opened_is_running(m);
    dam_doctor_find(d, DAM_DOCTOR_GOOD, "manifest", NULL,
                    "%s: %zu channels, %zu actuators, %zu links", m->name, m->channel_count,
                    m->actuator_count, m->link_count);
    for (size_t i = 0; i < m->stray_count; i++) {
        dam_doctor_find(d, DAM_DOCTOR_WARN, "environment", "docs/manifest.md says what is read",
                        "%s is set, and nothing reads it", m->strays[i]);
    }
    law_check(d, m);
    evidence_check(d, m);
    clock_check(d);
    permissions_check(d, m);
    signer_check(d, m, running);
    chain_check(d, m);
    (void)snprintf(path, sizeof(path), "%s/stop", folder);
    if (access(path, F_OK) == 0) {
        dam_doctor_find(d, DAM_DOCTOR_WARN, "stop", "`dam stop --lift` lifts it",
                        "the operator's stop is on: it will stay in its safe state");
    }
    if (running) {
        dam_doctor_find(d, DAM_DOCTOR_NOTE, "links", "`dam why last` tells what it sees",
                        "not opened: the machine runs and has them");
    } else {
        dam_doctor_links(d, m, wait_ms);
    }
    dam_arena_finish(&arena);
    free(m);
}
