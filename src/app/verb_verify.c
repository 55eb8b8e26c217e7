// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/log_source.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"
#include "base/hex.h"
#include "machine/audit.h"

#include <inttypes.h>
#include <stdarg.h>

struct verify_args {
    bool json;
    bool quick;
    const char *rpc;
    const char *contains;
    const char *against;
    const char *leaf;
    const char *from_block;
    struct dam_args places;
};

struct verify {
    struct dam_log_source log;
    struct dam_history_verified verified;
    struct dam_history_finding finding;
    bool is_signed;
    struct dam_checkpoint_origin origin;
    struct dam_signer_checkpoint point;
    struct dam_address key;
    bool asked_chain;
    size_t anchors;
    uint64_t anchored_size;
    bool has_leaf;
    uint64_t leaf;
    bool equivocation;
    char why[512]; /* what is wrong, "": nothing */
};

static int wrong(struct verify *v, int code, const char *fmt, ...) DAM_PRINTF(3, 4);

static int wrong(struct verify *v, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(v->why, sizeof(v->why), fmt, args);
    va_end(args);
    v->equivocation = v->equivocation || code == DAM_EXIT_EQUIVOCATION;
    return code;
}

/* ---- the leaves ------------------------------------------------------------------------------ */

/* Every leaf, and the tree over them, computed anew. */
static int leaves_check(struct verify *v)
{
    static struct dam_history_checker checker; /* large */
    char label[] = "verifying";
    dam_history_check_begin(&checker, &v->verified, &v->finding);
    for (uint64_t seq = 0; seq < v->log.size; seq++) {
        struct dam_bytes data;
        enum dam_err err = dam_log_source_leaf(&v->log, seq, &data);
        if (err == DAM_EIO || err == DAM_ETIMEOUT) {
            return wrong(v, DAM_EXIT_TIMEOUT, "leaf %" PRIu64 " cannot be read: %s", seq,
                         dam_err_text(err));
        }
        v->finding.seq = seq;
        err = err == DAM_OK ? dam_history_check_leaf(&checker, data) : err;
        if (err != DAM_OK) {
            return wrong(v, DAM_EXIT_FAILED, "leaf %" PRIu64 ": %s", seq,
                         v->finding.text[0] == 0 ? dam_err_text(err) : v->finding.text);
        }
        (void)dam_opened_progress(label, seq + 1, v->log.size);
    }
    dam_history_check_end(&checker);
    if (!dam_hash_eq(&v->verified.root, &v->log.root)) {
        return wrong(v, DAM_EXIT_FAILED, "%s",
                     v->log.evidence != NULL
                         ? "the tree on the disk is not the tree of the leaves"
                         : "the leaves that are shown are not those that were signed");
    }
    return DAM_EXIT_OK;
}

/* Is the log of this size and root the beginning of the one at hand? Proven from the tree alone. */
static int beginning_check(struct verify *v, uint64_t size, const struct dam_hash *root,
                           int code_if_not, const char *what)
{
    const struct dam_record_source tree = dam_log_source_tree(&v->log);
    struct dam_record_proof proof = {0};
    if (size > v->log.size) {
        return wrong(v, DAM_EXIT_FAILED,
                     "%s is of %" PRIu64 " leaves, the log shows %" PRIu64 ": leaves are held back",
                     what, size, v->log.size);
    }
    enum dam_err err =
        size == 0 ? DAM_OK : dam_record_prove_consistency(&tree, size, v->log.size, &proof);
    if (err != DAM_OK) {
        return wrong(v, err == DAM_EIO || err == DAM_ETIMEOUT ? DAM_EXIT_TIMEOUT : DAM_EXIT_FAILED,
                     "the tree cannot be read: %s", dam_err_text(err));
    }
    if (!dam_record_verify_consistency(size, root, v->log.size, &v->log.root, &proof)) {
        char text[65];
        dam_hex_encode(root->b, 32, text);
        return wrong(v, code_if_not,
                     "this log does not contain %s of %" PRIu64 " leaves with root %s", what, size,
                     text);
    }
    return DAM_EXIT_OK;
}

/* --leaf: is it in the log? From the tree alone. */
static int inclusion_check(struct verify *v, const char *text)
{
    const struct dam_record_source tree = dam_log_source_tree(&v->log);
    struct dam_record_proof proof;
    struct dam_hash hash;
    struct dam_bytes data;
    bool is_number = dam_args_u64(text, &v->leaf);
    if (!is_number || v->leaf >= v->log.size) {
        return dam_verb_fail(is_number ? DAM_EXIT_NOT_FOUND : DAM_EXIT_USAGE, NULL,
                             "'%s' is no leaf of this log of %" PRIu64, text, v->log.size);
    }
    enum dam_err err = dam_log_source_leaf(&v->log, v->leaf, &data);
    if (err == DAM_OK) {
        dam_record_leaf_hash(data, &hash);
        err = dam_record_prove_inclusion(&tree, v->leaf, v->log.size, &proof);
    }
    if (err != DAM_OK) {
        return wrong(v, DAM_EXIT_FAILED, "leaf %" PRIu64 ": %s", v->leaf, dam_err_text(err));
    }
    if (!dam_record_verify_inclusion(&hash, v->leaf, v->log.size, &proof, &v->log.root)) {
        return wrong(v, DAM_EXIT_FAILED, "leaf %" PRIu64 " is not in the log that was signed",
                     v->leaf);
    }
    v->has_leaf = true;
    return DAM_EXIT_OK;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static int own_checkpoint_check(struct verify *v)
{
    struct dam_record_signature line;
    struct dam_bytes signature;
    if (v->log.note_len == 0) {
        return DAM_EXIT_OK; /* a log that nobody signed yet */
    }
    enum dam_err err = dam_checkpoint_load(dam_bytes(v->log.note, v->log.note_len), &v->origin,
                                           &v->point, &v->key, &line, &signature);
    if (err != DAM_OK) {
        return wrong(v, DAM_EXIT_FAILED, "the checkpoint: %s", dam_err_text(err));
    }
    v->is_signed = true;
    return beginning_check(v, v->point.size, &v->point.root, DAM_EXIT_EQUIVOCATION,
                           "the signed checkpoint");
}

/* Another checkpoint of the same machine, kept from before or got elsewhere. */
static int against_check(struct verify *v, const char *path)
{
    uint8_t text[DAM_RECORD_NOTE_MAX];
    struct dam_checkpoint_origin origin;
    struct dam_signer_checkpoint point;
    struct dam_address key;
    struct dam_record_signature line;
    struct dam_bytes signature;
    struct dam_hash machines[2];
    FILE *file = fopen(path, "rb");
    size_t len = file == NULL ? 0 : fread(text, 1, sizeof(text), file);
    if (file == NULL) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, NULL, "'%s' cannot be read", path);
    }
    (void)fclose(file); /* only read from */
    if (dam_checkpoint_load(dam_bytes(text, len), &origin, &point, &key, &line, &signature) !=
        DAM_OK) {
        return wrong(v, DAM_EXIT_FAILED, "'%s' is no checkpoint with a good signature", path);
    }
    if (!v->is_signed) {
        return wrong(v, DAM_EXIT_FAILED,
                     "the log at hand is not signed: there is nothing to compare");
    }
    dam_checkpoint_machine(&origin, &machines[0]);
    dam_checkpoint_machine(&v->origin, &machines[1]);
    if (!dam_hash_eq(&machines[0], &machines[1])) {
        return wrong(v, DAM_EXIT_FAILED, "'%s' is another machine's", path);
    }
    if (point.size > v->log.size) {
        return wrong(v, DAM_EXIT_FAILED, "'%s' is newer than the log: %" PRIu64 " leaves", path,
                     point.size);
    }
    return beginning_check(v, point.size, &point.root, DAM_EXIT_EQUIVOCATION, path);
}

/* An earlier root ("SIZE:HEX"). */
static int contains_check(struct verify *v, const char *text)
{
    const char *colon = strchr(text, ':');
    char number[24] = "";
    struct dam_hash old;
    uint64_t size = 0;
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    if (len == 0 || len >= sizeof(number)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "write SIZE:ROOT", "'%s' is no root", text);
    }
    memcpy(number, text, len);
    if (!dam_args_u64(number, &size) ||
        dam_hex_decode_exact(colon + 1, strlen(colon + 1), old.b, 32) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_USAGE, "write SIZE:ROOT", "'%s' is no root", text);
    }
    return beginning_check(v, size, &old, DAM_EXIT_FAILED, "the log");
}

/* ---- the chain ------------------------------------------------------------------------------- */

static int anchors_check(struct verify *v, const struct dam_audit *audit)
{
    v->anchors = audit->anchor_count;
    if (!audit->is_registry) {
        return wrong(v, DAM_EXIT_FAILED, "the Evidence contract goes by another registry");
    }
    if (!audit->is_key) {
        return wrong(v, DAM_EXIT_FAILED, "who signed the checkpoint is not the machine's key");
    }
    for (size_t i = 0; i < audit->anchor_count; i++) {
        const struct dam_audit_anchor *a = &audit->anchors[i];
        char what[64];
        (void)snprintf(what, sizeof(what), "the anchor in block %" PRIu64, a->block);
        int code = beginning_check(v, a->size, &a->root, DAM_EXIT_EQUIVOCATION, what);
        if (code != DAM_EXIT_OK) {
            return code;
        }
        v->anchored_size = a->size;
    }
    return DAM_EXIT_OK;
}

static int chain_check(struct verify *v, const char *url, uint64_t from_block)
{
    const struct dam_envoy_options options = {
        .urls = {url}, .url_count = 1, .agree_min = 1, .timeout_ms = 10000};
    struct dam_envoy *envoy = NULL;
    struct dam_audit audit;
    if (!v->is_signed) {
        return wrong(v, DAM_EXIT_FAILED, "the log is not signed, so the chain knows nothing of it");
    }
    if (dam_envoy_create(&options, &envoy) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    dam_envoy_step_in(envoy);
    enum dam_err err = dam_audit_read(envoy, &v->origin, &v->key, from_block, &audit);
    int code = err == DAM_OK
                   ? anchors_check(v, &audit)
                   : wrong(v,
                           err == DAM_ECONFLICT || err == DAM_ENOTFOUND ? DAM_EXIT_FAILED
                                                                        : DAM_EXIT_TIMEOUT,
                           "the chain: %s", envoy->why[0] != 0 ? envoy->why : dam_err_text(err));
    v->asked_chain = err == DAM_OK;
    dam_envoy_leave(envoy);
    dam_envoy_release(envoy);
    return code;
}

/* ---- saying it ------------------------------------------------------------------------------- */

static void put_counts(struct dam_json_writer *w, const struct dam_history_verified *h)
{
    dam_json_put_key(w, "kinds");
    dam_json_put_object(w);
    for (uint8_t i = DAM_RECORD_DECISION; i < DAM_RECORD_KINDS; i++) {
        dam_json_put_u64_at(w, dam_record_kind_text(i), h->kinds[i]);
    }
    dam_json_put_object_end(w);
    dam_json_put_key(w, "outcomes");
    dam_json_put_array(w);
    for (size_t i = 0; i < DAM_COUNT_OF(h->outcomes); i++) {
        dam_json_put_u64(w, h->outcomes[i]);
    }
    dam_json_put_array_end(w);
    dam_json_put_u64_at(w, "gaps_ms", h->gaps_ms);
    dam_json_put_u64_at(w, "unreceipted", h->unreceipted);
}

static int print_json(const struct verify *v, bool quick, int code)
{
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "good");
    dam_json_put_bool(&w, code == DAM_EXIT_OK);
    dam_json_put_u64_at(&w, "size", v->log.size);
    dam_json_put_key(&w, "root");
    dam_json_put_data(&w, v->log.root.b, 32);
    if (code != DAM_EXIT_OK) {
        dam_json_put_u64_at(&w, "seq", v->finding.seq);
        dam_json_put_key(&w, "finding");
        dam_json_put_cstr(&w, v->why);
        dam_json_put_key(&w, "equivocation");
        dam_json_put_bool(&w, v->equivocation);
    }
    if (v->is_signed) {
        dam_json_put_key(&w, "signed_by");
        dam_json_put_data(&w, v->key.b, 20);
        dam_json_put_u64_at(&w, "signed_size", v->point.size);
        dam_json_put_u64_at(&w, "signed_time", v->point.time);
    }
    if (v->asked_chain) {
        dam_json_put_u64_at(&w, "anchors", v->anchors);
        dam_json_put_u64_at(&w, "anchored_size", v->anchored_size);
    }
    if (!quick) {
        put_counts(&w, &v->verified);
    }
    dam_json_put_object_end(&w);
    return dam_opened_print(&buf);
}

static void print_counts(const struct dam_history_verified *h)
{
    for (uint8_t i = DAM_RECORD_DECISION; i < DAM_RECORD_KINDS; i++) {
        if (h->kinds[i] > 0) {
            (void)printf("  %8" PRIu64 " %s\n", h->kinds[i], dam_record_kind_text(i));
        }
    }
    for (uint8_t i = 0; i < DAM_COUNT_OF(h->outcomes); i++) {
        if (h->outcomes[i] > 0) {
            (void)printf("  %8" PRIu64 " decisions: %s\n", h->outcomes[i],
                         dam_flow_outcome_text(i));
        }
    }
    if (h->gaps_ms > 0) {
        (void)printf("  %8" PRIu64 " seconds in gaps\n", h->gaps_ms / 1000);
    }
    if (h->unreceipted > 0) {
        (void)printf("  %8" PRIu64 " decisions without a receipt\n", h->unreceipted);
    }
}

static void print_text(const struct verify *v, bool quick)
{
    char root[65];
    char key[41];
    dam_hex_encode(v->log.root.b, 32, root);
    dam_hex_encode(v->key.b, 20, key);
    (void)printf("%" PRIu64 " leaves%s; root %s\n", v->log.size,
                 quick ? ", not read" : ", each in its place", root);
    if (!quick) {
        print_counts(&v->verified);
    }
    if (v->is_signed) {
        (void)printf("signed by 0x%s at %" PRIu64 " leaves\n", key, v->point.size);
    }
    if (v->asked_chain) {
        (void)printf("%zu anchors on the chain, the last one at %" PRIu64
                     " leaves: all in this log, and signed by the machine's key\n",
                     v->anchors, v->anchored_size);
    }
    if (v->has_leaf) {
        (void)printf("leaf %" PRIu64 " is in it\n", v->leaf);
    }
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int checks_run(struct verify *v, const struct verify_args *a, uint64_t from_block)
{
    int code = a->quick ? DAM_EXIT_OK : leaves_check(v);
    code = code == DAM_EXIT_OK ? own_checkpoint_check(v) : code;
    code = code == DAM_EXIT_OK && a->leaf != NULL ? inclusion_check(v, a->leaf) : code;
    code = code == DAM_EXIT_OK && a->contains != NULL ? contains_check(v, a->contains) : code;
    code = code == DAM_EXIT_OK && a->against != NULL ? against_check(v, a->against) : code;
    return code == DAM_EXIT_OK && a->rpc != NULL ? chain_check(v, a->rpc, from_block) : code;
}

int dam_verb_verify(int argc, char **argv)
{
    static struct verify_args a; /* large */
    static struct verify v;
    uint64_t from_block = 0;
    const struct dam_arg table[] = {{"--json", NULL, &a.json},
                                    {"--quick", NULL, &a.quick},
                                    {"--rpc", &a.rpc, NULL},
                                    {"--contains", &a.contains, NULL},
                                    {"--against", &a.against, NULL},
                                    {"--leaf", &a.leaf, NULL},
                                    {"--from-block", &a.from_block, NULL},
                                    {NULL, NULL, NULL}};
    if (!dam_args_parse(argc, argv, table, 1, &a.places)) {
        return DAM_EXIT_USAGE;
    }
    if (a.from_block != NULL && !dam_args_u64(a.from_block, &from_block)) {
        return dam_verb_fail(DAM_EXIT_USAGE, NULL, "'%s' is no block number", a.from_block);
    }
    if (a.rpc != NULL && !dam_args_rpc(a.rpc)) {
        return DAM_EXIT_USAGE;
    }
    int code = dam_log_source_open(a.places.count > 0 ? a.places.words[0] : NULL, &v.log);
    if (code == DAM_EXIT_OK) {
        code = checks_run(&v, &a, from_block);
        if (a.json && code != DAM_EXIT_USAGE && code != DAM_EXIT_NOT_FOUND) {
            int printed = print_json(&v, a.quick, code);
            code = code == DAM_EXIT_OK ? printed : code;
        } else if (code == DAM_EXIT_OK) {
            print_text(&v, a.quick);
        }
        if (v.why[0] != 0) {
            (void)dam_verb_fail(code,
                                v.equivocation ? "keep both: two roots for one log are proof of "
                                                 "tampering (Court.challengeEquivocation)"
                                               : NULL,
                                "%s", v.why);
        }
    }
    dam_log_source_close(&v.log);
    return code;
}
