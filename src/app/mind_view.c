// SPDX-License-Identifier: Apache-2.0
#include "app/mind_view.h"

#include "app/opened.h"
#include "core/flow/fixed.h"
#include "machine/explain.h"
#include "model/forecast.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define PARTS_SHOWN 8u
#define LEAVES_BACK_MAX 16u /* a decision is hardly ever farther from the end */

/* ---- forecasts ---- */

static const char *method_text(uint8_t method)
{
    static const char *const names[] = {"?", "seasonal naive", "smoothing", "least squares"};
    return names[method < DAM_COUNT_OF(names) ? method : 0];
}

/* In the channel's own integers. */
static int64_t unshifted(const struct dam_forecast_state *f, int64_t value)
{
    int64_t most = INT64_MAX >> f->shift;
    return value > most ? INT64_MAX : value < -most ? INT64_MIN : value * (INT64_C(1) << f->shift);
}

void dam_mind_view_print_forecasts(const struct dam_manifest *m,
                                   const struct dam_record_decision *decision)
{
    struct dam_forecast_state states[DAM_FORECASTERS_MAX];
    int64_t slot = 0;
    size_t count = dam_forecast_look(decision->memory, &slot, states);
    if (count > 0) {
        (void)puts("\nit expects");
    }
    for (size_t i = 0; i < count; i++) {
        const struct dam_forecast_state *f = &states[i];
        char name[80];
        char value[DAM_FLOW_FIXED_TEXT_MAX];
        char error[DAM_FLOW_FIXED_TEXT_MAX];
        unsigned decimals = dam_manifest_record_decimals(m, f->channel);
        dam_manifest_record_name(m, f->channel, name, sizeof(name));
        (void)printf("  %-24s %14s %-8s in %u slots, usual error %s (%s)\n", name,
                     dam_opened_value(unshifted(f, f->forecast), decimals, value),
                     dam_manifest_record_unit(m, f->channel), f->ahead,
                     dam_opened_value(unshifted(f, f->mean) / 256, decimals, error),
                     method_text(f->method));
        if (f->drifts > 0) {
            (void)printf("  %-24s drifted %" PRIu64 " times, last %" PRId64 " slots ago\n", "",
                         f->drifts, slot - f->drift_slot);
        }
    }
}

static void put_forecasts(struct dam_json_writer *w, const struct dam_manifest *m,
                          struct dam_bytes memory)
{
    struct dam_forecast_state states[DAM_FORECASTERS_MAX];
    int64_t slot = 0;
    size_t count = dam_forecast_look(memory, &slot, states);
    if (count == 0) {
        return;
    }
    dam_json_put_key(w, "forecasts");
    dam_json_put_array(w);
    for (size_t i = 0; i < count; i++) {
        const struct dam_forecast_state *f = &states[i];
        char name[80];
        dam_manifest_record_name(m, f->channel, name, sizeof(name));
        dam_json_put_object(w);
        dam_json_put_key(w, "channel");
        dam_json_put_cstr(w, name);
        dam_json_put_key(w, "method");
        dam_json_put_cstr(w, method_text(f->method));
        dam_json_put_key(w, "slots_ahead");
        dam_json_put_u64(w, f->ahead);
        dam_json_put_key(w, "forecast");
        dam_json_put_i64(w, unshifted(f, f->forecast));
        dam_json_put_key(w, "usual_error");
        dam_json_put_i64(w, unshifted(f, f->mean) / 256);
        dam_json_put_key(w, "drifts");
        dam_json_put_u64(w, f->drifts);
        if (f->drift_slot >= 0) {
            dam_json_put_key(w, "drifted_slots_ago");
            dam_json_put_i64(w, slot - f->drift_slot);
        }
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

/* The memory of the newest decision. Returns: empty if there is none near the end of the log. */
static struct dam_bytes newest_memory(struct dam_evidence *evidence, uint8_t *copy)
{
    uint64_t size = dam_evidence_size(evidence);
    for (uint64_t seq = size; seq > 0 && size - seq < LEAVES_BACK_MAX; seq--) {
        struct dam_bytes data;
        struct dam_record_leaf leaf;
        if (dam_evidence_read(evidence, seq - 1, &data) != DAM_OK) {
            break;
        }
        memcpy(copy, data.data, data.len);
        if (dam_record_leaf_load(dam_bytes(copy, data.len), &leaf) == DAM_OK &&
            leaf.kind == DAM_RECORD_DECISION) {
            return leaf.decision.memory;
        }
    }
    return dam_bytes(NULL, 0);
}

static int64_t metric_of(const struct dam_forecast_state *f, unsigned which)
{
    return which == 0   ? unshifted(f, f->forecast)
           : which == 1 ? unshifted(f, f->mean) / 256
                        : (int64_t)f->drifts;
}

void dam_mind_view_metrics(struct dam_runtime *runtime, struct dam_buf *out)
{
    static const char *const families[][2] = {
        {"dam_forecast_value", "gauge"},
        {"dam_forecast_usual_error", "gauge"},
        {"dam_forecast_drifts_total", "counter"},
    };
    static uint8_t copy[DAM_RECORD_LEAF_MAX];
    for (unsigned which = 0; which < DAM_COUNT_OF(families); which++) {
        bool begun = false;
        for (size_t i = 0; i < dam_runtime_count(runtime); i++) {
            struct dam_machine *machine = dam_runtime_machine(runtime, i);
            struct dam_forecast_state states[DAM_FORECASTERS_MAX];
            int64_t slot = 0;
            size_t count = dam_forecast_look(newest_memory(dam_machine_evidence(machine), copy),
                                             &slot, states);
            for (size_t k = 0; k < count; k++) {
                char name[80];
                char line[256];
                if (!begun) {
                    (void)snprintf(line, sizeof(line), "# TYPE %s %s\n", families[which][0],
                                   families[which][1]);
                    dam_buf_put_text(out, line);
                    begun = true;
                }
                dam_manifest_record_name(dam_machine_manifest(machine), states[k].channel, name,
                                         sizeof(name));
                (void)snprintf(line, sizeof(line),
                               "%s{machine=\"%zu\",channel=\"%s\",forecaster=\"%zu\"} %" PRId64
                               "\n",
                               families[which][0], i, name, k, metric_of(&states[k], which));
                dam_buf_put_text(out, line);
            }
        }
    }
}

/* ---- parts ---- */

/* What the inputs did: as the log has it, or as the model says now. */
struct because {
    struct dam_record_explanation shown;
    uint64_t leaf; /* where it is recorded; 0: it is not */
    bool asked;    /* the model is at hand */
    bool gave;     /* and gives this proposal */
    bool same;     /* and what is recorded */
    uint8_t recorded[DAM_EXPLAIN_PARTS_LEN];
    uint8_t again[DAM_EXPLAIN_PARTS_LEN];
};

/* The leaf behind the decision, where the machine records explanations. */
static bool recorded_find(struct dam_evidence *evidence, uint64_t seq, uint8_t *parts,
                          struct dam_record_explanation *ret)
{
    struct dam_record_leaf leaf;
    if (seq + 1 >= dam_evidence_size(evidence) ||
        dam_evidence_leaf(evidence, seq + 1, &leaf) != DAM_OK ||
        leaf.kind != DAM_RECORD_EXPLANATION || leaf.explanation.decision_seq != seq) {
        return false;
    }
    *ret = leaf.explanation;
    memcpy(parts, ret->parts.data, ret->parts.len);
    ret->parts.data = parts;
    return true;
}

static bool is_same(const struct dam_record_explanation *a, const struct dam_record_explanation *b)
{
    return a->method == b->method && dam_hash_eq(&a->model, &b->model) &&
           a->parts.len == b->parts.len && memcmp(a->parts.data, b->parts.data, a->parts.len) == 0;
}

/* Returns: false where there is nothing to tell: no model, and nothing recorded. */
static bool because_find(const struct dam_manifest *m, struct dam_evidence *evidence,
                         const struct dam_record_leaf *leaf, struct because *ret)
{
    struct dam_explain *explain = NULL;
    struct dam_manifest_complaint complaint; /* no model is no fault here */
    struct dam_record_explanation again;
    ret->asked = dam_explain_open(m, &explain, &complaint) == DAM_OK;
    ret->gave = ret->asked && dam_explain_decision(explain, &leaf->decision, leaf->seq, ret->again,
                                                   &again) == DAM_OK;
    dam_explain_close(explain);
    bool recorded = recorded_find(evidence, leaf->seq, ret->recorded, &ret->shown);
    ret->leaf = recorded ? leaf->seq + 1 : 0;
    ret->same = recorded && ret->gave && is_same(&ret->shown, &again);
    if (!recorded && ret->gave) {
        ret->shown = again;
    }
    return recorded || ret->asked;
}

static bool has_parts(const struct because *b)
{
    return b->leaf != 0 || b->gave;
}

/* Each in turn. Returns: false behind the last one. In/out: at: 0 before the first. */
static bool part_next(const struct because *b, size_t *at, struct dam_record_part *ret)
{
    bool more =
        *at < b->shown.parts.len && dam_record_part_load(b->shown.parts.data + *at, ret) == DAM_OK;
    *at += DAM_RECORD_PART_LEN;
    return more;
}

static void input_name(const struct dam_manifest *m, const struct dam_record_part *part, char *text,
                       size_t size)
{
    static const char *const fields[] = {"", ", age", ", quality"};
    char name[80];
    char ago[40] = "";
    if (part->record == DAM_RECORD_PART_REST) {
        (void)snprintf(text, size, "all others");
        return;
    }
    dam_manifest_record_name(m, part->record, name, sizeof(name));
    if (part->ago > 0) {
        (void)snprintf(ago, sizeof(ago), ", %u turns ago", part->ago);
    }
    (void)snprintf(text, size, "%s%s%s", name, fields[part->field], ago);
}

static const char *actuator_name(const struct dam_manifest *m, size_t output)
{
    return output < m->actuator_count ? m->actuators[output].name : "?";
}

static double unit_of(const struct dam_manifest *m, size_t output)
{
    unsigned decimals = output < m->actuator_count ? m->actuators[output].decimals : 0;
    return pow(10, -(double)decimals) / 1000;
}

static void print_origin(const struct because *b)
{
    if (b->leaf == 0 && !b->gave) {
        (void)puts("  the model in the manifest does not give this proposal: another mind decided, "
                   "or it failed");
    } else if (b->leaf != 0) {
        (void)printf("  recorded in leaf %" PRIu64 "; %s\n", b->leaf,
                     b->same     ? "the model says the same again"
                     : !b->asked ? "the model is not at hand to say it again"
                     : !b->gave  ? "the model in the manifest is another one now"
                                 : "THE MODEL IN THE MANIFEST SAYS OTHERWISE");
    }
}

void dam_mind_view_print_parts(const struct dam_manifest *m, struct dam_evidence *evidence,
                               const struct dam_record_leaf *leaf)
{
    static struct because b;
    struct dam_record_part part;
    size_t shown = 0;
    if (!because_find(m, evidence, leaf, &b)) {
        return;
    }
    (void)printf("\nbecause%s\n", !has_parts(&b) ? ""
                                  : b.shown.method == DAM_RECORD_OCCLUSION
                                      ? " (each input left out in turn)"
                                      : " (parts add up to what was proposed)");
    print_origin(&b);
    for (size_t at = 0; has_parts(&b) && part_next(&b, &at, &part);) {
        char name[160];
        double value = (double)part.milli * unit_of(m, part.output);
        if (part.record == DAM_RECORD_PART_BASE) {
            (void)printf("  %-24s %14.6g usually\n", actuator_name(m, part.output), value);
            shown = 0;
        } else if (shown++ < PARTS_SHOWN) {
            input_name(m, &part, name, sizeof(name));
            (void)printf("  %24s %+14.6g by %s\n", "", value, name);
        }
    }
}

static void put_milli(struct dam_json_writer *w, const char *key, int64_t milli)
{
    char number[48];
    dam_json_put_key(w, key);
    dam_json_put_raw(w, number,
                     (size_t)snprintf(number, sizeof(number), "%.12g", (double)milli / 1000));
}

static void put_parts(struct dam_json_writer *w, const struct dam_manifest *m,
                      struct dam_evidence *evidence, const struct dam_record_leaf *leaf)
{
    static struct because b;
    struct dam_record_part part;
    bool open = false;
    if (!because_find(m, evidence, leaf, &b)) {
        return;
    }
    if (b.leaf != 0) {
        dam_json_put_key(w, "because_leaf");
        dam_json_put_u64(w, b.leaf);
        dam_json_put_key(w, "because_same");
        dam_json_put_bool(w, b.same);
    }
    dam_json_put_key(w, "because");
    dam_json_put_array(w);
    for (size_t at = 0; has_parts(&b) && part_next(&b, &at, &part);) {
        if (part.record == DAM_RECORD_PART_BASE) {
            if (open) {
                dam_json_put_array_end(w);
                dam_json_put_object_end(w);
            }
            dam_json_put_object(w);
            dam_json_put_key(w, "actuator");
            dam_json_put_cstr(w, actuator_name(m, part.output));
            dam_json_put_key(w, "method");
            dam_json_put_cstr(w, dam_record_method_text(b.shown.method));
            put_milli(w, "base", part.milli);
            dam_json_put_key(w, "parts");
            dam_json_put_array(w);
            open = true;
        } else if (open) {
            char name[160];
            input_name(m, &part, name, sizeof(name));
            dam_json_put_object(w);
            dam_json_put_key(w, "input");
            dam_json_put_cstr(w, name);
            put_milli(w, "part", part.milli);
            dam_json_put_object_end(w);
        }
    }
    if (open) {
        dam_json_put_array_end(w);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

void dam_mind_view_put(struct dam_json_writer *w, const struct dam_manifest *m,
                       struct dam_evidence *evidence, const struct dam_record_leaf *leaf)
{
    put_forecasts(w, m, leaf->decision.memory);
    put_parts(w, m, evidence, leaf);
}
