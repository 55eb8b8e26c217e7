// SPDX-License-Identifier: Apache-2.0
#include "app/face_history.h"

#include "base/hex.h"
#include "core/record/note.h"
#include "machine/history.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* "0x..." of at most 32 bytes. */
static void put_hex_item(struct dam_json_writer *w, const uint8_t *data, size_t len)
{
    char text[2 + 64 + 1] = "0x";
    dam_hex_encode(data, len, text + 2);
    dam_json_put_cstr(w, text);
}

static void put_hex(struct dam_json_writer *w, const char *key, const uint8_t *data, size_t len)
{
    dam_json_put_key(w, key);
    put_hex_item(w, data, len);
}

/* Returns: 200, or a status and its sentence. */
static int decision_read(struct dam_machine *machine, uint64_t seq, struct dam_record_leaf *ret,
                         struct dam_buf *out)
{
    struct dam_evidence *evidence = dam_machine_evidence(machine);
    bool is_there = seq < dam_evidence_durable(evidence);
    enum dam_err err = is_there ? dam_evidence_leaf(evidence, seq, ret) : DAM_ENOTFOUND;
    if (err == DAM_OK && ret->kind == DAM_RECORD_DECISION) {
        return 200;
    }
    if (err == DAM_OK || err == DAM_ENOTFOUND) {
        dam_buf_put_text(out, "there is no decision with this sequence number");
        return 404;
    }
    dam_buf_put_text(out, "this leaf cannot be read; `dam verify` checks the log: ");
    dam_buf_put_text(out, dam_err_text(err));
    return 503;
}

static void put_code(struct dam_json_writer *w, const char *key, const char *name,
                     const struct dam_address *address)
{
    dam_json_put_key(w, key);
    dam_json_put_object(w);
    dam_json_put_cstr_at(w, "name", name == NULL ? "" : name);
    put_hex(w, "address", address->b, sizeof(address->b));
    dam_json_put_object_end(w);
}

void dam_face_put_evidence(struct dam_machine *machine, struct dam_json_writer *w)
{
    struct dam_evidence *evidence = dam_machine_evidence(machine);
    const struct dam_manifest *manifest = dam_machine_manifest(machine);
    const struct dam_law *law = dam_machine_law(machine);
    struct dam_hash root;
    dam_evidence_root(evidence, &root);
    dam_json_put_key(w, "evidence");
    dam_json_put_object(w);
    dam_json_put_u64_at(w, "size", dam_evidence_size(evidence));
    dam_json_put_u64_at(w, "durable", dam_evidence_durable(evidence));
    put_hex(w, "root", root.b, sizeof(root.b));
    dam_json_put_object_end(w);
    /* A constitution names code by its address alone; the manifest's names count for nothing then.
     */
    bool named = !manifest->chain.has_constitution;
    const char *mind = manifest->mind.code != NULL ? manifest->mind.code : manifest->mind.model;
    put_code(w, "mind", named ? mind : NULL, &law->mind);
    put_code(w, "charter", named ? manifest->charter.code : NULL, &law->charter);
}

static void put_inputs(struct dam_json_writer *w, const struct dam_manifest *manifest,
                       struct dam_bytes observation)
{
    dam_json_put_key(w, "inputs");
    dam_json_put_array(w);
    for (size_t i = 0; DAM_FLOW_SAMPLE_LEN * (i + 1) <= observation.len; i++) {
        struct dam_flow_sample sample;
        char name[80];
        if (dam_flow_sample_load(observation.data + DAM_FLOW_SAMPLE_LEN * i, &sample) != DAM_OK) {
            continue;
        }
        dam_manifest_record_name(manifest, i, name, sizeof(name));
        dam_json_put_object(w);
        dam_json_put_cstr_at(w, "name", name);
        dam_json_put_cstr_at(w, "unit", i == 0 ? "time" : dam_manifest_record_unit(manifest, i));
        dam_json_put_u64_at(w, "decimals", dam_manifest_record_decimals(manifest, i));
        dam_json_put_i64_text_at(w, "value", sample.value);
        dam_json_put_u64_at(w, "age_ms", sample.age_ms);
        dam_json_put_u64_at(w, "quality", sample.quality);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

static void put_outputs(struct dam_json_writer *w, const struct dam_manifest *manifest,
                        const struct dam_record_decision *d)
{
    dam_json_put_key(w, "outputs");
    dam_json_put_array(w);
    for (size_t i = 0; 8 * i < d->action.len && i < manifest->actuator_count; i++) {
        unsigned reason = dam_load_be16(d->reasons.data + 2 * i);
        char why[DAM_MANIFEST_COMPLAINT_MAX];
        dam_manifest_reason_text(manifest, reason, why, sizeof(why));
        dam_json_put_object(w);
        dam_json_put_cstr_at(w, "name", manifest->actuators[i].name);
        dam_json_put_cstr_at(w, "unit", manifest->actuators[i].unit);
        dam_json_put_u64_at(w, "decimals", manifest->actuators[i].decimals);
        dam_json_put_i64_text_at(w, "proposed", (int64_t)dam_load_be64(d->proposal.data + 8 * i));
        dam_json_put_i64_text_at(w, "permitted", (int64_t)dam_load_be64(d->action.data + 8 * i));
        dam_json_put_u64_at(w, "reason", reason);
        dam_json_put_cstr_at(w, "reason_text", reason == 0 ? "" : why);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

static void put_proof(struct dam_json_writer *w, struct dam_evidence *evidence, uint64_t seq)
{
    struct dam_record_source source = dam_evidence_source(evidence);
    struct dam_record_proof proof;
    uint64_t size = dam_evidence_size(evidence);
    if (dam_record_prove_inclusion(&source, seq, size, &proof) != DAM_OK) {
        return;
    }
    dam_json_put_u64_at(w, "tree_size", size);
    dam_json_put_key(w, "proof");
    dam_json_put_array(w);
    for (size_t i = 0; i < proof.count; i++) {
        put_hex_item(w, proof.hashes[i].b, sizeof(proof.hashes[i].b));
    }
    dam_json_put_array_end(w);
}

/* The receipt comes within a few leaves or not at all. */
static void put_receipt(struct dam_json_writer *w, struct dam_evidence *evidence, uint64_t seq)
{
    static const char *const texts[] = {"done and read back", "done; the device gives no read-back",
                                        "the device refused", "unknown: the device did not answer"};
    uint64_t size = dam_evidence_size(evidence);
    for (uint64_t at = seq + 1; at < size && at < seq + 64; at++) {
        struct dam_record_leaf leaf;
        if (dam_evidence_leaf(evidence, at, &leaf) == DAM_OK && leaf.kind == DAM_RECORD_RECEIPT &&
            leaf.receipt.decision_seq == seq && leaf.receipt.status < DAM_COUNT_OF(texts)) {
            dam_json_put_cstr_at(w, "receipt", texts[leaf.receipt.status]);
            return;
        }
    }
}

int dam_face_decision(struct dam_machine *machine, uint64_t seq, struct dam_buf *out)
{
    const struct dam_manifest *manifest = dam_machine_manifest(machine);
    struct dam_evidence *evidence = dam_machine_evidence(machine);
    struct dam_record_leaf leaf;
    struct dam_hash hash;
    int status = decision_read(machine, seq, &leaf, out);
    if (status != 200) {
        return status;
    }
    struct dam_json_writer w = {.buf = out};
    dam_json_put_object(&w);
    dam_json_put_u64_at(&w, "seq", seq);
    dam_json_put_key(&w, "time");
    dam_json_put_i64(&w, leaf.time_ms / 1000);
    dam_json_put_u64_at(&w, "outcome", leaf.decision.outcome);
    dam_json_put_u64_at(&w, "epoch", leaf.decision.epoch);
    put_inputs(&w, manifest, leaf.decision.observation);
    put_outputs(&w, manifest, &leaf.decision);
    put_hex(&w, "mind", leaf.decision.mind.b, 20);
    dam_json_put_u64_at(&w, "mind_gas", leaf.decision.mind_gas);
    put_hex(&w, "charter", leaf.decision.charter.b, 20);
    dam_json_put_u64_at(&w, "charter_gas", leaf.decision.charter_gas);
    dam_json_put_u64_at(&w, "memory_len", leaf.decision.memory.len);
    put_receipt(&w, evidence, seq);
    struct dam_bytes data;
    if (dam_evidence_read(evidence, seq, &data) == DAM_OK) {
        dam_json_put_key(&w, "leaf");
        dam_json_put_data(&w, data.data, data.len);
    }
    if (dam_evidence_hash(evidence, seq, &hash) == DAM_OK) {
        put_hex(&w, "leaf_hash", hash.b, sizeof(hash.b));
    }
    put_proof(&w, evidence, seq);
    dam_json_put_object_end(&w);
    return 200;
}

int dam_face_verify(struct dam_machine *machine, uint64_t seq, struct dam_buf *out)
{
    struct dam_evidence *evidence = dam_machine_evidence(machine);
    struct dam_record_leaf leaf;
    int status = decision_read(machine, seq, &leaf, out);
    if (status != 200) {
        return status;
    }
    struct dam_history_range range = {.first = seq, .end = seq + 1};
    struct dam_history_replayed replayed = {0};
    struct dam_history_finding finding = {0};
    enum dam_err err =
        dam_history_replay(evidence, dam_machine_decider(machine), dam_machine_manifest(machine),
                           dam_machine_law(machine), range, NULL, &replayed, &finding);
    const char *detail = "the mind, the charter and the guard give every byte of the leaf again";
    if (err != DAM_OK) {
        detail = dam_err_text(err);
    } else if (replayed.foreign > 0) {
        detail = "it was decided under a mind or a charter that is not here any more";
    } else if (replayed.same != 1) {
        detail = finding.text;
    }
    struct dam_json_writer w = {.buf = out};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "ok");
    dam_json_put_bool(&w, err == DAM_OK && replayed.same == 1);
    dam_json_put_key(&w, "judged");
    dam_json_put_bool(&w, err == DAM_OK && replayed.foreign == 0);
    dam_json_put_cstr_at(&w, "detail", detail);
    dam_json_put_object_end(&w);
    return 200;
}

static int tell_checkpoint(struct dam_machine *machine, struct dam_buf *out)
{
    struct dam_evidence *evidence = dam_machine_evidence(machine);
    const char *name = dam_machine_manifest(machine)->name;
    struct dam_bytes kept = dam_machine_checkpoint(machine);
    if (kept.len > 0) {
        dam_buf_put(out, kept.data, kept.len);
        return 200;
    }
    struct dam_record_checkpoint point = {.origin = dam_bytes(name, strlen(name)),
                                          .size = dam_evidence_size(evidence)};
    dam_evidence_root(evidence, &point.root);
    char text[DAM_RECORD_NOTE_MAX];
    size_t len = 0;
    if (dam_record_checkpoint_store(&point, text, sizeof(text), &len) != DAM_OK) {
        dam_buf_put_text(out, "the machine's name does not fit a checkpoint");
        return 503;
    }
    dam_buf_put(out, text, len);
    return 200;
}

/* C2SP tlog-tiles: each leaf behind its length, a big-endian uint16. */
static int tell_entries(struct dam_machine *machine, uint64_t index, unsigned width,
                        struct dam_buf *out)
{
    struct dam_evidence *evidence = dam_machine_evidence(machine);
    uint64_t size = dam_evidence_durable(evidence);
    uint64_t first = index * DAM_RECORD_TILE_WIDTH;
    if (index > size / DAM_RECORD_TILE_WIDTH || first + width > size) {
        dam_buf_put_text(out, "the log has no such tile");
        return 404;
    }
    for (uint64_t seq = first; seq < first + width; seq++) {
        struct dam_bytes data;
        uint8_t len[2];
        if (dam_evidence_read(evidence, seq, &data) != DAM_OK) {
            out->len = 0;
            dam_buf_put_text(out, "a leaf of this tile cannot be read");
            return 503;
        }
        dam_store_be16(len, (uint16_t)data.len);
        dam_buf_put(out, len, sizeof(len));
        dam_buf_put(out, data.data, data.len);
    }
    return 200;
}

int dam_face_log_file(struct dam_machine *machine, struct dam_bytes path, struct dam_buf *out)
{
    static const char checkpoint[] = "checkpoint";
    if (dam_bytes_eq(path, dam_bytes(checkpoint, sizeof(checkpoint) - 1))) {
        return tell_checkpoint(machine, out);
    }
    int level;
    uint64_t index;
    unsigned width;
    struct dam_hash hashes[DAM_RECORD_TILE_WIDTH];
    if (dam_record_tile_path_parse(path, &level, &index, &width) != DAM_OK) {
        dam_buf_put_text(out, "this is no path of a tile (C2SP tlog-tiles)");
        return 404;
    }
    if (level == DAM_RECORD_TILE_ENTRIES) {
        return tell_entries(machine, index, width, out);
    }
    if (dam_evidence_tile(dam_machine_evidence(machine), (unsigned)level, index, width, hashes) !=
        DAM_OK) {
        dam_buf_put_text(out, "the log has no such tile");
        return 404;
    }
    dam_buf_put(out, hashes, width * sizeof(hashes[0]));
    return 200;
}

static void metric(struct dam_buf *out, const char *fmt, ...) DAM_PRINTF(2, 3);

static void metric(struct dam_buf *out, const char *fmt, ...)
{
    char line[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    dam_buf_put_text(out, line);
}

static void ledger_metrics(struct dam_runtime *runtime, struct dam_buf *out)
{
    struct dam_ledger_measured *ledgers = calloc(dam_runtime_count(runtime), sizeof(*ledgers));
    size_t count = 0;
    for (size_t i = 0; ledgers != NULL && i < dam_runtime_count(runtime); i++) {
        struct dam_ledger_pulse pulse;
        if (!dam_machine_ledger(dam_runtime_machine(runtime, i), &pulse)) {
            continue;
        }
        if (count == 0) {
            metric(out, "# HELP dam_ledger_pulse_age_seconds Since the ledger's thread turned.\n"
                        "# TYPE dam_ledger_pulse_age_seconds gauge\n");
        }
        metric(out, "dam_ledger_pulse_age_seconds{machine=\"%zu\"} %.3f\n", i,
               (double)pulse.age_ms / 1000);
        ledgers[count++] = (struct dam_ledger_measured){i, pulse.metrics};
    }
    dam_ledger_metrics_put(out, ledgers, count, true);
    free(ledgers);
}

void dam_face_metrics(struct dam_runtime *runtime, struct dam_buf *out)
{
    metric(out,
           "# HELP dam_build_info The program.\n# TYPE dam_build_info gauge\n"
           "dam_build_info{version=\"%s\"} 1\n",
           DAM_VERSION);
    metric(out, "# HELP dam_turns_total Turns taken, by outcome (docs/spec/decision.md).\n"
                "# TYPE dam_turns_total counter\n");
    for (size_t i = 0; i < dam_runtime_count(runtime); i++) {
        struct dam_machine *machine = dam_runtime_machine(runtime, i);
        const struct dam_machine_stats *stats = dam_machine_stats(machine);
        for (unsigned outcome = 0; outcome < DAM_COUNT_OF(stats->outcomes); outcome++) {
            metric(out, "dam_turns_total{machine=\"%zu\",outcome=\"%u\"} %llu\n", i, outcome,
                   (unsigned long long)stats->outcomes[outcome]);
        }
    }
    metric(out, "# HELP dam_evidence_leaves Leaves in the log.\n"
                "# TYPE dam_evidence_leaves gauge\n");
    for (size_t i = 0; i < dam_runtime_count(runtime); i++) {
        struct dam_machine *machine = dam_runtime_machine(runtime, i);
        metric(out, "dam_evidence_leaves{machine=\"%zu\"} %llu\n", i,
               (unsigned long long)dam_evidence_size(dam_machine_evidence(machine)));
    }
    static const struct {
        const char *name;
        const char *help;
        size_t offset; /* of a uint64_t in struct dam_machine_stats */
    } fields[] = {
        {"dam_samples_total", "Readings taken from the field.",
         offsetof(struct dam_machine_stats, samples)},
        {"dam_faults_total", "Readings that were faults.",
         offsetof(struct dam_machine_stats, faults)},
        {"dam_dropped_total", "Messages that came too fast for their link.",
         offsetof(struct dam_machine_stats, dropped)},
    };
    for (size_t k = 0; k < DAM_COUNT_OF(fields); k++) {
        metric(out, "# HELP %s %s\n# TYPE %s counter\n", fields[k].name, fields[k].help,
               fields[k].name);
        for (size_t i = 0; i < dam_runtime_count(runtime); i++) {
            const struct dam_machine_stats *stats =
                dam_machine_stats(dam_runtime_machine(runtime, i));
            uint64_t value;
            memcpy(&value, (const char *)stats + fields[k].offset, sizeof(value));
            metric(out, "%s{machine=\"%zu\"} %llu\n", fields[k].name, i, (unsigned long long)value);
        }
    }
    metric(out, "# HELP dam_links_up Links that are connected.\n# TYPE dam_links_up gauge\n");
    for (size_t i = 0; i < dam_runtime_count(runtime); i++) {
        metric(out, "dam_links_up{machine=\"%zu\"} %u\n", i,
               dam_machine_stats(dam_runtime_machine(runtime, i))->links_up);
    }
    ledger_metrics(runtime, out);
}
