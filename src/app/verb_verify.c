// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/log_source.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/eth/address.h"
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
    const char *size;
    const char *court_text;
    struct dam_address court;
    bool has_court;
    const char *from_block_text;
    uint64_t from_block;
    struct dam_args places;
};

struct tree {
    uint64_t size;
    struct dam_hash root;
};

/* What --leaf and --contains ask for, as Court and others take it. */
struct shown {
    bool is_asked;
    uint64_t at; /* number of the leaf, or size of the tree that the other one begins with */
    struct tree tree;
    struct dam_record_proof proof;
};

struct verify {
    struct dam_log_source log;
    struct dam_history_verified verified;
    struct dam_history_finding finding;
    bool is_of_leaf; /* what is wrong is the leaf that finding names */
    bool is_signed;
    struct dam_checkpoint_origin origin;
    struct dam_signer_checkpoint point;
    struct dam_address key;
    bool asked_chain;
    size_t anchors;
    uint64_t anchored_size;
    struct shown leaf;
    struct dam_bytes leaf_data; /* borrowed until another leaf is read */
    struct shown beginning;
    uint64_t judged; /* leaves that the Court was asked about */
    bool equivocation;
    char why[512];    /* what is wrong, "": nothing */
    const char *hint; /* what to do about it; NULL: nothing special */
};

static int wrong(struct verify *v, int code, const char *fmt, ...) DAM_PRINTF(3, 4);

static int wrong(struct verify *v, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(v->why, sizeof(v->why), fmt, args);
    va_end(args);
    if (code == DAM_EXIT_EQUIVOCATION) {
        v->equivocation = true;
        v->hint = "keep both: two roots for one log are proof of tampering "
                  "(Court.challengeEquivocation)";
    }
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
        if (dam_err_is_no_answer(err)) {
            return wrong(v, DAM_EXIT_TIMEOUT, "leaf %" PRIu64 " cannot be read: %s", seq,
                         dam_err_text(err));
        }
        v->finding.seq = seq;
        err = err == DAM_OK ? dam_history_check_leaf(&checker, data) : err;
        if (err != DAM_OK) {
            v->is_of_leaf = true;
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

/* Is the log of this size and root the beginning of that one? Proven from the tree alone. */
static int joined_check(struct verify *v, const struct tree *old, const struct tree *whole,
                        int code_if_not, const char *what, struct dam_record_proof *ret)
{
    const struct dam_record_source tree = dam_log_source_tree(&v->log);
    *ret = (struct dam_record_proof){0};
    if (old->size > whole->size) {
        return wrong(v, DAM_EXIT_FAILED,
                     "%s is of %" PRIu64 " leaves, the log shows %" PRIu64 ": leaves are held back",
                     what, old->size, whole->size);
    }
    enum dam_err err =
        old->size == 0 ? DAM_OK : dam_record_prove_consistency(&tree, old->size, whole->size, ret);
    if (err != DAM_OK) {
        return wrong(v, dam_err_is_no_answer(err) ? DAM_EXIT_TIMEOUT : DAM_EXIT_FAILED,
                     "the tree cannot be read: %s", dam_err_text(err));
    }
    if (!dam_record_verify_consistency(old->size, &old->root, whole->size, &whole->root, ret)) {
        char text[65];
        dam_hex_encode(old->root.b, 32, text);
        return wrong(v, code_if_not,
                     "this log does not contain %s of %" PRIu64 " leaves with root %s", what,
                     old->size, text);
    }
    return DAM_EXIT_OK;
}

static int beginning_check(struct verify *v, uint64_t size, const struct dam_hash *root,
                           int code_if_not, const char *what)
{
    const struct tree old = {size, *root};
    const struct tree whole = {v->log.size, v->log.root};
    struct dam_record_proof proof;
    return joined_check(v, &old, &whole, code_if_not, what, &proof);
}

/* The tree that a proof is wanted in: of the first leaves of --size, else of `size`. */
static int tree_choose(struct verify *v, const char *text, uint64_t size, struct tree *ret)
{
    const struct dam_record_source tree = dam_log_source_tree(&v->log);
    if (text != NULL && (!dam_args_u64(text, &size) || size == 0 || size > v->log.size)) {
        return dam_verb_fail(DAM_EXIT_USAGE, NULL, "'%s' is no size of this log of %" PRIu64, text,
                             v->log.size);
    }
    ret->size = size;
    enum dam_err err = dam_record_root(&tree, size, &ret->root);
    return err == DAM_OK
               ? beginning_check(v, size, &ret->root, DAM_EXIT_FAILED, "the tree")
               : wrong(v, DAM_EXIT_FAILED, "the tree cannot be read: %s", dam_err_text(err));
}

static int leaf_number(struct verify *v, const char *text)
{
    v->leaf.is_asked = dam_args_u64(text, &v->leaf.at);
    if (!v->leaf.is_asked || v->leaf.at >= v->log.size) {
        return dam_verb_fail(v->leaf.is_asked ? DAM_EXIT_NOT_FOUND : DAM_EXIT_USAGE, NULL,
                             "'%s' is no leaf of this log of %" PRIu64, text, v->log.size);
    }
    return DAM_EXIT_OK;
}

/* --leaf: is it in the log? From the tree alone. Where the chain was asked, in the newest anchored
 * tree that has it: the one that the Court takes. */
static int inclusion_check(struct verify *v, const char *size)
{
    const struct dam_record_source tree = dam_log_source_tree(&v->log);
    struct shown *leaf = &v->leaf;
    struct dam_hash hash;
    int code = tree_choose(v, size, leaf->at < v->anchored_size ? v->anchored_size : v->log.size,
                           &leaf->tree);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    if (leaf->at >= leaf->tree.size) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, NULL,
                             "leaf %" PRIu64 " is not among the first %" PRIu64, leaf->at,
                             leaf->tree.size);
    }
    enum dam_err err = dam_log_source_leaf(&v->log, leaf->at, &v->leaf_data);
    if (err == DAM_OK) {
        dam_record_leaf_hash(v->leaf_data, &hash);
        err = dam_record_prove_inclusion(&tree, leaf->at, leaf->tree.size, &leaf->proof);
    }
    if (err != DAM_OK) {
        return wrong(v, DAM_EXIT_FAILED, "leaf %" PRIu64 ": %s", leaf->at, dam_err_text(err));
    }
    if (!dam_record_verify_inclusion(&hash, leaf->at, leaf->tree.size, &leaf->proof,
                                     &leaf->tree.root)) {
        return wrong(v, DAM_EXIT_FAILED, "leaf %" PRIu64 " is not in the log that was signed",
                     leaf->at);
    }
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
static int contains_check(struct verify *v, const char *text, const char *size)
{
    const char *colon = strchr(text, ':');
    char number[24] = "";
    struct tree old;
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    if (len == 0 || len >= sizeof(number)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "write SIZE:ROOT", "'%s' is no root", text);
    }
    memcpy(number, text, len);
    if (!dam_args_u64(number, &old.size) ||
        dam_hex_decode_exact(colon + 1, strlen(colon + 1), old.root.b, 32) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_USAGE, "write SIZE:ROOT", "'%s' is no root", text);
    }
    v->beginning = (struct shown){.is_asked = true, .at = old.size};
    int code = tree_choose(v, size, v->log.size, &v->beginning.tree);
    return code == DAM_EXIT_OK ? joined_check(v, &old, &v->beginning.tree, DAM_EXIT_FAILED,
                                              "the log", &v->beginning.proof)
                               : code;
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

static int chain_failed(struct verify *v, const struct dam_envoy *envoy, enum dam_err err)
{
    return wrong(v,
                 err == DAM_ECONFLICT || err == DAM_ENOTFOUND ? DAM_EXIT_FAILED : DAM_EXIT_TIMEOUT,
                 "the chain: %s", envoy->why[0] != 0 ? envoy->why : dam_err_text(err));
}

/* Each leaf, or the one that is asked for, as the Court would judge it. */
static int court_check(struct verify *v, struct dam_envoy *envoy, const struct dam_address *court)
{
    char label[] = "judging";
    const uint64_t first = v->leaf.is_asked ? v->leaf.at : 0;
    const uint64_t end = v->leaf.is_asked ? first + 1 : v->log.size;
    enum dam_err err = dam_audit_court(envoy, court, &v->origin);
    for (uint64_t seq = first; seq < end && err == DAM_OK; seq++) {
        struct dam_bytes data;
        uint8_t fault = 0;
        err = dam_log_source_leaf(&v->log, seq, &data);
        err = err == DAM_OK ? dam_audit_judge(envoy, court, v->origin.token, seq, data, &fault)
                            : dam_envoy_fail(envoy, err, "leaf %" PRIu64 " cannot be read", seq);
        if (err == DAM_OK && fault != 0) {
            v->finding.seq = seq;
            v->is_of_leaf = true;
            v->hint = "docs/court.md tells how to challenge it";
            return wrong(v, DAM_EXIT_FAILED,
                         "leaf %" PRIu64 " is false (fault %u of the Court): %s", seq, fault,
                         dam_audit_fault_text(fault));
        }
        v->judged++;
        (void)dam_opened_progress(label, seq + 1 - first, end - first);
    }
    return err == DAM_OK ? DAM_EXIT_OK : chain_failed(v, envoy, err);
}

static int chain_check(struct verify *v, const struct verify_args *a)
{
    const struct dam_envoy_options options = {
        .urls = {a->rpc}, .url_count = 1, .agree_min = 1, .timeout_ms = 10000};
    struct dam_envoy *envoy = NULL;
    struct dam_audit audit;
    if (!v->is_signed) {
        return wrong(v, DAM_EXIT_FAILED, "the log is not signed, so the chain knows nothing of it");
    }
    if (dam_envoy_create(&options, &envoy) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    dam_envoy_step_in(envoy);
    enum dam_err err = dam_audit_read(envoy, &v->origin, &v->key, a->from_block, &audit);
    int code = err == DAM_OK ? anchors_check(v, &audit) : chain_failed(v, envoy, err);
    code = code == DAM_EXIT_OK && a->has_court ? court_check(v, envoy, &a->court) : code;
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

/* Opens an object, which the caller ends. */
static void put_shown(struct dam_json_writer *w, const char *key, const struct shown *shown)
{
    dam_json_put_key(w, key);
    dam_json_put_object(w);
    dam_json_put_u64_at(w, "at", shown->at);
    dam_json_put_u64_at(w, "size", shown->tree.size);
    dam_json_put_data_at(w, "root", dam_bytes(shown->tree.root.b, 32));
    dam_json_put_key(w, "proof");
    dam_json_put_array(w);
    for (size_t i = 0; i < shown->proof.count; i++) {
        dam_json_put_data(w, shown->proof.hashes[i].b, 32);
    }
    dam_json_put_array_end(w);
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
        if (v->is_of_leaf) {
            dam_json_put_u64_at(&w, "seq", v->finding.seq);
        }
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
    if (v->judged > 0) {
        dam_json_put_u64_at(&w, "judged", v->judged);
    }
    if (!quick) {
        put_counts(&w, &v->verified);
    }
    if (v->leaf.is_asked && code == DAM_EXIT_OK) {
        put_shown(&w, "leaf", &v->leaf);
        dam_json_put_data_at(&w, "data", v->leaf_data);
        dam_json_put_object_end(&w);
    }
    if (v->beginning.is_asked && code == DAM_EXIT_OK) {
        put_shown(&w, "beginning", &v->beginning);
        dam_json_put_object_end(&w);
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
    if (v->judged > 0) {
        (void)printf("%" PRIu64 " judged as the Court would: no fault\n", v->judged);
    }
    if (v->leaf.is_asked) {
        (void)printf("leaf %" PRIu64 " is in it, among the first %" PRIu64 "\n", v->leaf.at,
                     v->leaf.tree.size);
    }
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int checks_run(struct verify *v, const struct verify_args *a)
{
    int code = a->leaf == NULL ? DAM_EXIT_OK : leaf_number(v, a->leaf);
    code = code == DAM_EXIT_OK && !a->quick ? leaves_check(v) : code;
    code = code == DAM_EXIT_OK ? own_checkpoint_check(v) : code;
    code =
        code == DAM_EXIT_OK && a->contains != NULL ? contains_check(v, a->contains, a->size) : code;
    code = code == DAM_EXIT_OK && a->against != NULL ? against_check(v, a->against) : code;
    code = code == DAM_EXIT_OK && a->rpc != NULL ? chain_check(v, a) : code;
    return code == DAM_EXIT_OK && a->leaf != NULL ? inclusion_check(v, a->size) : code;
}

static bool args_read(int argc, char **argv, struct verify_args *a)
{
    const struct dam_arg table[] = {{"--json", NULL, &a->json},
                                    {"--quick", NULL, &a->quick},
                                    {"--rpc", &a->rpc, NULL},
                                    {"--contains", &a->contains, NULL},
                                    {"--against", &a->against, NULL},
                                    {"--leaf", &a->leaf, NULL},
                                    {"--size", &a->size, NULL},
                                    {"--court", &a->court_text, NULL},
                                    {"--from-block", &a->from_block_text, NULL},
                                    {NULL, NULL, NULL}};
    if (!dam_args_parse(argc, argv, table, 1, &a->places)) {
        return false;
    }
    if (a->from_block_text != NULL && !dam_args_u64(a->from_block_text, &a->from_block)) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, NULL, "'%s' is no block number", a->from_block_text);
        return false;
    }
    a->has_court = a->court_text != NULL;
    if (a->has_court &&
        dam_address_from_text(a->court_text, strlen(a->court_text), &a->court) != DAM_OK) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, NULL, "'%s' is no address", a->court_text);
        return false;
    }
    if (a->has_court && a->rpc == NULL) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, "add --rpc URL", "the Court is asked on its chain");
        return false;
    }
    return a->rpc == NULL || dam_args_rpc(a->rpc);
}

int dam_verb_verify(int argc, char **argv)
{
    static struct verify_args a; /* large */
    static struct verify v;
    if (!args_read(argc, argv, &a)) {
        return DAM_EXIT_USAGE;
    }
    int code = dam_log_source_open(a.places.count > 0 ? a.places.words[0] : NULL, &v.log);
    if (code == DAM_EXIT_OK) {
        code = checks_run(&v, &a);
        if (a.json && code != DAM_EXIT_USAGE && code != DAM_EXIT_NOT_FOUND) {
            int printed = print_json(&v, a.quick, code);
            code = code == DAM_EXIT_OK ? printed : code;
        } else if (code == DAM_EXIT_OK) {
            print_text(&v, a.quick);
        }
        if (v.why[0] != 0) {
            (void)dam_verb_fail(code, v.hint, "%s", v.why);
        }
    }
    dam_log_source_close(&v.log);
    return code;
}
