// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"
#include "base/hex.h"

#include <inttypes.h>

static int print_json(const struct dam_history_verified *v, const struct dam_history_finding *f,
                      bool good)
{
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "good");
    dam_json_put_bool(&w, good);
    dam_json_put_key(&w, "size");
    dam_json_put_u64(&w, v->leaves);
    if (good) {
        dam_json_put_key(&w, "root");
        dam_json_put_data(&w, v->root.b, 32);
    } else {
        dam_json_put_key(&w, "seq");
        dam_json_put_u64(&w, f->seq);
        dam_json_put_key(&w, "finding");
        dam_json_put_cstr(&w, f->text);
    }
    dam_json_put_key(&w, "kinds");
    dam_json_put_object(&w);
    for (uint8_t i = DAM_RECORD_DECISION; i < DAM_RECORD_KINDS; i++) {
        dam_json_put_key(&w, dam_record_kind_text(i));
        dam_json_put_u64(&w, v->kinds[i]);
    }
    dam_json_put_object_end(&w);
    dam_json_put_key(&w, "outcomes");
    dam_json_put_array(&w);
    for (size_t i = 0; i < DAM_COUNT_OF(v->outcomes); i++) {
        dam_json_put_u64(&w, v->outcomes[i]);
    }
    dam_json_put_array_end(&w);
    dam_json_put_key(&w, "gaps_ms");
    dam_json_put_u64(&w, v->gaps_ms);
    dam_json_put_key(&w, "unreceipted");
    dam_json_put_u64(&w, v->unreceipted);
    dam_json_put_object_end(&w);
    int code = dam_opened_print(&buf);
    dam_buf_finish(&buf);
    return code;
}

static void print_text(const struct dam_history_verified *v)
{
    char root[65];
    dam_hex_encode(v->root.b, 32, root);
    (void)printf("%" PRIu64 " leaves, each in its place; root %s\n", v->leaves, root);
    for (uint8_t i = DAM_RECORD_DECISION; i < DAM_RECORD_KINDS; i++) {
        if (v->kinds[i] > 0) {
            (void)printf("  %8" PRIu64 " %s\n", v->kinds[i], dam_record_kind_text(i));
        }
    }
    for (uint8_t i = 0; i < DAM_COUNT_OF(v->outcomes); i++) {
        if (v->outcomes[i] > 0) {
            (void)printf("  %8" PRIu64 " decisions: %s\n", v->outcomes[i],
                         dam_flow_outcome_text(i));
        }
    }
    if (v->gaps_ms > 0) {
        (void)printf("  %8" PRIu64 " seconds in gaps\n", v->gaps_ms / 1000);
    }
    if (v->unreceipted > 0) {
        (void)printf("  %8" PRIu64 " decisions without a receipt\n", v->unreceipted);
    }
}

/* Is an earlier root ("SIZE:HEX") the beginning of this log? */
static int old_root_check(struct dam_opened *o, const char *text, const struct dam_hash *root)
{
    const char *colon = strchr(text, ':');
    char number[24] = "";
    struct dam_hash old;
    struct dam_record_proof proof = {0};
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
    const struct dam_record_source source = dam_evidence_source(o->evidence);
    uint64_t now = dam_evidence_size(o->evidence);
    bool ok = size == 0 || dam_record_prove_consistency(&source, size, now, &proof) == DAM_OK;
    if (!ok || !dam_record_verify_consistency(size, &old, now, root, &proof)) {
        return dam_verb_fail(DAM_EXIT_FAILED,
                             "keep both: two roots for one log are proof of tampering",
                             "this log does not contain the one with root %s", text);
    }
    (void)fprintf(stderr, "the log of %" PRIu64 " leaves is the beginning of this one\n", size);
    return DAM_EXIT_OK;
}

int dam_verb_verify(int argc, char **argv)
{
    bool json = false;
    const char *root = NULL;
    struct dam_args args;
    const struct dam_arg table[] = {
        {"--json", NULL, &json}, {"--contains", &root, NULL}, {NULL, NULL, NULL}};
    struct dam_opened opened;
    struct dam_history_verified verified = {0};
    struct dam_history_finding finding = {0};
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    int code = dam_opened_open(args.count > 0 ? args.words[0] : NULL, DAM_OPENED_EVIDENCE, &opened);
    if (code == DAM_EXIT_OK) {
        char label[] = "verifying";
        const struct dam_history_progress progress = {dam_opened_progress, label};
        enum dam_err err = dam_history_verify(opened.evidence, &progress, &verified, &finding);
        if (json) {
            code = print_json(&verified, &finding, err == DAM_OK);
        } else if (err == DAM_OK) {
            print_text(&verified);
        }
        if (err != DAM_OK) {
            code = dam_verb_fail(DAM_EXIT_FAILED, NULL, "leaf %" PRIu64 ": %s", finding.seq,
                                 finding.text[0] == 0 ? dam_err_text(err) : finding.text);
        }
    }
    if (code == DAM_EXIT_OK && root != NULL) {
        code = old_root_check(&opened, root, &verified.root);
    }
    dam_opened_close(&opened);
    return code;
}
