// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/mind_view.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/flow/fixed.h"

#include <inttypes.h>

#define RECEIPT_SEARCH_MAX 4096u /* a receipt comes soon or not at all */

/* The receipt of a decision, if there is one. */
static bool receipt_find(struct dam_evidence *evidence, uint64_t seq,
                         struct dam_record_leaf *ret_leaf)
{
    uint64_t size = dam_evidence_size(evidence);
    for (uint64_t at = seq + 1; at < size && at - seq <= RECEIPT_SEARCH_MAX; at++) {
        if (dam_evidence_leaf(evidence, at, ret_leaf) != DAM_OK) {
            return false;
        }
        if (ret_leaf->kind == DAM_RECORD_RECEIPT && ret_leaf->receipt.decision_seq == seq) {
            return true;
        }
    }
    return false;
}

static void print_observation(const struct dam_manifest *m, struct dam_bytes observation)
{
    (void)puts("\nit saw");
    for (size_t i = 0; i * DAM_FLOW_SAMPLE_LEN < observation.len; i++) {
        struct dam_flow_sample sample;
        char name[80];
        char value[DAM_FLOW_FIXED_TEXT_MAX];
        char age[32] = "";
        if (dam_flow_sample_load(observation.data + i * DAM_FLOW_SAMPLE_LEN, &sample) != DAM_OK) {
            continue;
        }
        dam_manifest_record_name(m, i, name, sizeof(name));
        if (sample.age_ms == DAM_FLOW_AGE_NEVER) {
            (void)snprintf(age, sizeof(age), ", never");
        } else if (sample.age_ms > 0) {
            (void)snprintf(age, sizeof(age), ", %" PRIu32 " ms old", sample.age_ms);
        }
        const char *source = i > 0 && i <= m->channel_count && m->channels[i - 1].link >= 0
                                 ? m->links[m->channels[i - 1].link].name
                                 : "";
        (void)printf("  %-24s %14s %-8s %s%s%s%s\n", name,
                     dam_opened_value(sample.value, dam_manifest_record_decimals(m, i), value),
                     dam_manifest_record_unit(m, i), dam_flow_quality_text(sample.quality), age,
                     source[0] == 0 ? "" : ", from ", source);
    }
}

/* How long ago a link last gave a value of its own, when all that it feeds is not good: an outage
 * as the machine saw it. Returns: false where anything is good, or the link feeds nothing. */
static bool outage_find(const struct dam_manifest *m, struct dam_bytes observation, size_t link,
                        uint32_t *ret_age_ms)
{
    bool feeds = false;
    *ret_age_ms = DAM_FLOW_AGE_NEVER;
    for (size_t i = 0; i < m->channel_count; i++) {
        struct dam_flow_sample sample;
        size_t at = (1 + i) * DAM_FLOW_SAMPLE_LEN;
        if (m->channels[i].link != (int)link || at + DAM_FLOW_SAMPLE_LEN > observation.len ||
            dam_flow_sample_load(observation.data + at, &sample) != DAM_OK) {
            continue;
        }
        if (sample.quality == DAM_FLOW_GOOD || sample.quality == DAM_FLOW_OUT_OF_RANGE) {
            return false;
        }
        feeds = true;
        *ret_age_ms = sample.age_ms < *ret_age_ms ? sample.age_ms : *ret_age_ms;
    }
    return feeds;
}

static void print_outages(const struct dam_manifest *m, struct dam_bytes observation)
{
    for (size_t i = 0; i < m->link_count; i++) {
        uint32_t age_ms = 0;
        if (!outage_find(m, observation, i, &age_ms)) {
            continue;
        }
        if (age_ms == DAM_FLOW_AGE_NEVER) {
            (void)printf("  nothing good from %s since the machine started\n", m->links[i].name);
        } else {
            (void)printf("  nothing good from %s; its last value was %" PRIu32 ".%" PRIu32
                         " s old\n",
                         m->links[i].name, age_ms / 1000, age_ms % 1000 / 100);
        }
    }
}

static void put_outages(struct dam_json_writer *w, const struct dam_manifest *m,
                        struct dam_bytes observation)
{
    dam_json_put_key(w, "outages");
    dam_json_put_array(w);
    for (size_t i = 0; i < m->link_count; i++) {
        uint32_t age_ms = 0;
        if (outage_find(m, observation, i, &age_ms)) {
            dam_json_put_object(w);
            dam_json_put_key(w, "link");
            dam_json_put_cstr(w, m->links[i].name);
            dam_json_put_key(w, "age_ms");
            if (age_ms == DAM_FLOW_AGE_NEVER) {
                dam_json_put_null(w);
            } else {
                dam_json_put_u64(w, age_ms);
            }
            dam_json_put_object_end(w);
        }
    }
    dam_json_put_array_end(w);
}

static void print_actions(const struct dam_manifest *m, const struct dam_record_decision *d)
{
    (void)puts("\nit decided");
    for (size_t i = 0; 8 * i < d->action.len; i++) {
        bool known = i < m->actuator_count;
        unsigned decimals = known ? m->actuators[i].decimals : 0;
        unsigned reason = dam_load_be16(d->reasons.data + 2 * i);
        char proposed[DAM_FLOW_FIXED_TEXT_MAX];
        char permitted[DAM_FLOW_FIXED_TEXT_MAX];
        char why[DAM_MANIFEST_COMPLAINT_MAX];
        dam_manifest_reason_text(m, reason, why, sizeof(why));
        (void)printf(
            "  %-24s %14s %-8s", known ? m->actuators[i].name : "?",
            dam_opened_value((int64_t)dam_load_be64(d->action.data + 8 * i), decimals, permitted),
            known ? m->actuators[i].unit : "");
        if (reason != 0) {
            (void)printf(" the mind proposed %s: %s",
                         dam_opened_value((int64_t)dam_load_be64(d->proposal.data + 8 * i),
                                          decimals, proposed),
                         why);
        }
        (void)puts("");
    }
}

static void print_decision(const struct dam_manifest *m, struct dam_evidence *evidence,
                           const struct dam_record_leaf *leaf)
{
    const struct dam_record_decision *d = &leaf->decision;
    char mind[41];
    char charter[41];
    dam_hex_encode(d->mind.b, 20, mind);
    dam_hex_encode(d->charter.b, 20, charter);
    (void)printf("%s\n", dam_flow_outcome_text(d->outcome));
    print_observation(m, d->observation);
    print_outages(m, d->observation);
    dam_mind_view_print_forecasts(m, d);
    print_actions(m, d);
    dam_mind_view_print_parts(m, evidence, leaf);
    (void)printf("\nby");
    if (d->epoch > 0) {
        (void)printf(" the terms of epoch %" PRIu32, d->epoch);
    }
    (void)printf("\n  mind     0x%s   %" PRIu64 " gas, %zu bytes of memory\n"
                 "  charter  0x%s   %" PRIu64 " gas\n",
                 mind, d->mind_gas, d->memory.len, charter, d->charter_gas);
}

static void print_receipt(const struct dam_manifest *m, struct dam_evidence *evidence, uint64_t seq)
{
    static const char *const status[] = {
        "done and read back", "done, the device gives no read-back", "the device refused",
        "unknown: the device did not answer"};
    struct dam_record_leaf leaf;
    if (!receipt_find(evidence, seq, &leaf)) {
        (void)puts("\nthere is no receipt: nothing was driven, or it is not in yet");
        return;
    }
    (void)printf("\nit did (leaf %" PRIu64 ")\n  %s\n", leaf.seq, status[leaf.receipt.status]);
    for (size_t i = 0; 8 * i < leaf.receipt.values.len && i < m->actuator_count; i++) {
        char value[DAM_FLOW_FIXED_TEXT_MAX];
        (void)printf("  %-24s %14s %s\n", m->actuators[i].name,
                     dam_opened_value((int64_t)dam_load_be64(leaf.receipt.values.data + 8 * i),
                                      m->actuators[i].decimals, value),
                     m->actuators[i].unit);
    }
}

static void print_other(const struct dam_record_leaf *leaf)
{
    char from[32];
    char to[32];
    char hash[65] = {0};
    switch ((enum dam_record_kind)leaf->kind) {
    case DAM_RECORD_BOOT:
        (void)printf("the machine started (boot %" PRIu64 ", version %.*s)\n",
                     leaf->boot.boot_count, (int)leaf->boot.version.len,
                     (const char *)leaf->boot.version.data);
        break;
    case DAM_RECORD_GAP:
        if (leaf->gap.from_ms == leaf->gap.to_ms) {
            (void)printf("%.*s\n", (int)leaf->gap.reason.len, (const char *)leaf->gap.reason.data);
            break;
        }
        (void)printf("no turns from %s to %s: %.*s\n", dam_opened_time(leaf->gap.from_ms, from),
                     dam_opened_time(leaf->gap.to_ms, to), (int)leaf->gap.reason.len,
                     (const char *)leaf->gap.reason.data);
        break;
    case DAM_RECORD_STOP:
        (void)printf("stop %s by %.*s\n", leaf->stop.on ? "set" : "lifted", (int)leaf->stop.who.len,
                     (const char *)leaf->stop.who.data);
        break;
    case DAM_RECORD_CHANGE:
        (void)puts("mind, charter or manifest in force from here on");
        break;
    case DAM_RECORD_RECEIPT:
        (void)printf("the receipt of decision %" PRIu64 ": `dam why %" PRIu64 "`\n",
                     leaf->receipt.decision_seq, leaf->receipt.decision_seq);
        break;
    case DAM_RECORD_MONEY:
        dam_hex_encode(leaf->money.transaction.b, sizeof(leaf->money.transaction.b), hash);
        (void)printf("signed and sent: %.*s, transaction 0x%s\n", (int)leaf->money.description.len,
                     (const char *)leaf->money.description.data, hash);
        break;
    case DAM_RECORD_TRIAL:
        (void)printf("%s: %" PRIu64 " turns, %" PRIu64 " errors, %" PRIu64
                     " corrected by the charter, %" PRIu64 " different; %.*s\n",
                     dam_record_trial_text(leaf->trial.phase), leaf->trial.turns,
                     leaf->trial.errors, leaf->trial.denials, leaf->trial.different,
                     (int)leaf->trial.words.len, (const char *)leaf->trial.words.data);
        break;
    case DAM_RECORD_EXPLANATION:
        (void)printf("what the inputs did to decision %" PRIu64 ": `dam why %" PRIu64 "`\n",
                     leaf->explanation.decision_seq, leaf->explanation.decision_seq);
        break;
    case DAM_RECORD_DECISION:
        break;
    }
}

static int print_json(struct dam_opened *o, const struct dam_record_leaf *leaf,
                      const struct dam_record_proof *proof, const struct dam_hash *root,
                      const struct dam_hash *hash)
{
    struct dam_buf buf;
    struct dam_record_leaf receipt;
    dam_buf_init(&buf, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "leaf");
    dam_opened_put_leaf(&w, &o->manifest, leaf);
    if (leaf->kind == DAM_RECORD_DECISION) {
        dam_mind_view_put(&w, &o->manifest, o->evidence, leaf);
    }
    dam_json_put_key(&w, "leaf_hash");
    dam_json_put_data(&w, hash->b, 32);
    if (leaf->kind == DAM_RECORD_DECISION) {
        put_outages(&w, &o->manifest, leaf->decision.observation);
    }
    uint64_t seq = leaf->seq;
    if (leaf->kind == DAM_RECORD_DECISION && receipt_find(o->evidence, seq, &receipt)) {
        dam_json_put_key(&w, "receipt");
        dam_opened_put_leaf(&w, &o->manifest, &receipt);
    }
    dam_json_put_key(&w, "size");
    dam_json_put_u64(&w, dam_evidence_size(o->evidence));
    dam_json_put_key(&w, "root");
    dam_json_put_data(&w, root->b, 32);
    dam_json_put_key(&w, "proof");
    dam_json_put_array(&w);
    for (size_t i = 0; i < proof->count; i++) {
        dam_json_put_data(&w, proof->hashes[i].b, 32);
    }
    dam_json_put_array_end(&w);
    dam_json_put_object_end(&w);
    return dam_opened_print(&buf);
}

static int why(struct dam_opened *o, uint64_t seq, bool json)
{
    struct dam_record_proof proof;
    struct dam_record_leaf leaf;
    struct dam_bytes data;
    struct dam_hash hash;
    struct dam_hash root;
    uint8_t copy[DAM_RECORD_LEAF_MAX];
    char text[65];
    char time[32];
    uint64_t size = dam_evidence_size(o->evidence);
    if (seq >= size) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, "`dam status` tells the newest",
                             "there is no leaf %" PRIu64 ": the log has %" PRIu64, seq, size);
    }
    const struct dam_record_source source = dam_evidence_source(o->evidence);
    enum dam_err err = dam_evidence_read(o->evidence, seq, &data);
    if (err == DAM_OK) { /* the search for the receipt reads on */
        memcpy(copy, data.data, data.len);
        err = dam_record_leaf_load(dam_bytes(copy, data.len), &leaf);
    }
    err = err == DAM_OK ? dam_evidence_hash(o->evidence, seq, &hash) : err;
    err = err == DAM_OK ? dam_record_prove_inclusion(&source, seq, size, &proof) : err;
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, "`dam verify` checks the whole log",
                             "leaf %" PRIu64 ": %s", seq, dam_err_text(err));
    }
    dam_evidence_root(o->evidence, &root);
    if (json) {
        return print_json(o, &leaf, &proof, &root, &hash);
    }
    (void)printf("leaf %" PRIu64 ", %s, %s: ", seq, dam_record_kind_text(leaf.kind),
                 dam_opened_time(leaf.time_ms, time));
    if (leaf.kind == DAM_RECORD_DECISION) {
        print_decision(&o->manifest, o->evidence, &leaf);
        print_receipt(&o->manifest, o->evidence, seq);
    } else {
        print_other(&leaf);
    }
    dam_hex_encode(hash.b, 32, text);
    (void)printf("\nproof\n  leaf hash %s\n", text);
    dam_hex_encode(root.b, 32, text);
    (void)printf("  root      %s of %" PRIu64 " leaves, %zu hashes on the way: %s\n", text, size,
                 proof.count,
                 dam_record_verify_inclusion(&hash, seq, size, &proof, &root) ? "checked"
                                                                              : "WRONG");
    return DAM_EXIT_OK;
}

int dam_verb_why(int argc, char **argv)
{
    bool json = false;
    struct dam_args args;
    const struct dam_arg table[] = {{"--json", NULL, &json}, {NULL, NULL, NULL}};
    struct dam_opened opened;
    uint64_t seq = 0;
    if (!dam_args_parse(argc, argv, table, 2, &args)) {
        return DAM_EXIT_USAGE;
    }
    bool last = args.count > 0 && strcmp(args.words[0], "last") == 0;
    if (args.count < 1 || (!last && !dam_args_u64(args.words[0], &seq))) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam why SEQ|last [DIR]",
                             "which leaf? Give its number");
    }
    int code = dam_opened_open(args.count > 1 ? args.words[1] : NULL, DAM_OPENED_EVIDENCE, &opened);
    if (code == DAM_EXIT_OK && last) { /* the newest decision */
        for (seq = dam_evidence_size(opened.evidence); seq > 0; seq--) {
            struct dam_record_leaf leaf;
            if (dam_evidence_leaf(opened.evidence, seq - 1, &leaf) != DAM_OK ||
                leaf.kind == DAM_RECORD_DECISION) {
                break;
            }
        }
        seq -= seq > 0 ? 1 : 0;
    }
    code = code == DAM_EXIT_OK ? why(&opened, seq, json) : code;
    dam_opened_close(&opened);
    return code;
}
