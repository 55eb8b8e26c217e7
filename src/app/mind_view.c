// SPDX-License-Identifier: Apache-2.0
#include "app/mind_view.h"

#include "app/opened.h"
#include "core/flow/fixed.h"
#include "model/explain.h"
#include "model/forecast.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

/* A model that gave this very proposal, and what it saw. */
struct asked {
    struct dam_model model;
    int64_t raw[DAM_MODEL_INPUTS_MAX];
    const char *why_not; /* NULL: all is well */
};

static bool model_read(const char *path, struct dam_model *ret)
{
    FILE *file = path == NULL ? NULL : fopen(path, "rb");
    uint8_t *data = file == NULL ? NULL : malloc(DAM_MODEL_BLOB_MAX + 1);
    size_t len = data == NULL ? 0 : fread(data, 1, DAM_MODEL_BLOB_MAX + 1, file);
    const char *why = NULL;
    bool done = len > 0 && dam_model_open(dam_bytes(data, len), ret, &why) == DAM_OK;
    free(data);
    if (file != NULL) {
        (void)fclose(file);
    }
    return done;
}

/* Returns: false where the machine's mind is no model at all. */
static bool ask(const struct dam_manifest *m, const struct dam_record_decision *d,
                struct asked *ret)
{
    int64_t y[DAM_MODEL_OUTPUTS_MAX];
    memset(ret, 0, sizeof(*ret));
    if (m->mind.model == NULL || !model_read(dam_manifest_path(m, m->mind.model), &ret->model)) {
        return false;
    }
    const struct dam_model *model = &ret->model;
    bool same = d->observation.len == 16 * (size_t)model->records &&
                d->proposal.len == 8 * (size_t)model->outputs_count;
    if (same) {
        dam_model_raw(model, d->memory, d->observation, ret->raw);
        dam_model_outputs(model, ret->raw, y);
        for (size_t j = 0; j < model->outputs_count; j++) {
            same = same && (int64_t)dam_load_be64(d->proposal.data + 8 * j) == y[j];
        }
    }
    ret->why_not = same ? NULL
                        : "the model in the manifest does not give this proposal: another "
                          "mind decided, or it failed";
    return true;
}

/* The inputs of one output, the largest parts first. Returns: how many are worth telling. */
static size_t largest(const struct asked *asked, size_t output, double *ret_base, double *ret_parts,
                      size_t *ret_order)
{
    size_t inputs = dam_model_inputs(&asked->model);
    size_t count = 0;
    if (dam_model_explain(&asked->model, asked->raw, output, ret_base, ret_parts) != DAM_OK) {
        return 0;
    }
    for (size_t shown = 0; shown < PARTS_SHOWN && shown < inputs; shown++) {
        size_t best = inputs;
        for (size_t i = 0; i < inputs; i++) {
            bool taken = false;
            for (size_t k = 0; k < count; k++) {
                taken = taken || ret_order[k] == i;
            }
            if (!taken && ret_parts[i] != 0 &&
                (best == inputs || fabs(ret_parts[i]) > fabs(ret_parts[best]))) {
                best = i;
            }
        }
        if (best == inputs) {
            break;
        }
        ret_order[count++] = best;
    }
    return count;
}

static void input_name(const struct dam_manifest *m, const struct dam_model *model, size_t input,
                       char *text, size_t size)
{
    static const char *const fields[] = {"", ", age", ", quality"};
    const struct dam_feature *feature = &model->features[input % model->features_count];
    char name[80];
    char ago[40] = "";
    dam_manifest_record_name(m, feature->channel, name, sizeof(name));
    if (input >= model->features_count) {
        (void)snprintf(ago, sizeof(ago), ", %zu turns ago", input / model->features_count);
    }
    (void)snprintf(text, size, "%s%s%s", name, fields[feature->field % 3], ago);
}

static bool is_net(const struct dam_model *model)
{
    return model->kind == DAM_MODEL_MLP || model->kind == DAM_MODEL_WIDE;
}

static double unit_of(const struct dam_manifest *m, size_t output)
{
    return output < m->actuator_count ? pow(10, -(double)m->actuators[output].decimals) : 1;
}

void dam_mind_view_print_parts(const struct dam_manifest *m,
                               const struct dam_record_decision *decision)
{
    static struct asked asked;
    static double parts[DAM_MODEL_INPUTS_MAX];
    if (!ask(m, decision, &asked)) {
        return;
    }
    (void)printf("\nbecause (%s)\n", is_net(&asked.model) ? "each input left out in turn"
                                                          : "parts add up to what was proposed");
    if (asked.why_not != NULL) {
        (void)printf("  %s\n", asked.why_not);
    }
    for (size_t j = 0; asked.why_not == NULL && j < asked.model.outputs_count; j++) {
        size_t order[PARTS_SHOWN];
        double base = 0;
        double unit = unit_of(m, j);
        size_t count = largest(&asked, j, &base, parts, order);
        (void)printf("  %-24s %14.6g usually\n", j < m->actuator_count ? m->actuators[j].name : "?",
                     base * unit);
        for (size_t k = 0; k < count; k++) {
            char name[160];
            input_name(m, &asked.model, order[k], name, sizeof(name));
            (void)printf("  %24s %+14.6g by %s\n", "", parts[order[k]] * unit, name);
        }
    }
    dam_model_close(&asked.model);
}

static void put_parts(struct dam_json_writer *w, const struct dam_manifest *m,
                      const struct dam_record_decision *decision)
{
    static struct asked asked;
    static double parts[DAM_MODEL_INPUTS_MAX];
    if (!ask(m, decision, &asked)) {
        return;
    }
    dam_json_put_key(w, "because");
    dam_json_put_array(w);
    for (size_t j = 0; asked.why_not == NULL && j < asked.model.outputs_count; j++) {
        char number[48];
        double base = 0;
        if (dam_model_explain(&asked.model, asked.raw, j, &base, parts) != DAM_OK) {
            continue;
        }
        dam_json_put_object(w);
        dam_json_put_key(w, "actuator");
        dam_json_put_cstr(w, j < m->actuator_count ? m->actuators[j].name : "?");
        dam_json_put_key(w, "method");
        dam_json_put_cstr(w, is_net(&asked.model)                   ? "occlusion"
                             : asked.model.kind == DAM_MODEL_FOREST ? "shapley"
                                                                    : "weights");
        dam_json_put_key(w, "base");
        dam_json_put_raw(w, number, (size_t)snprintf(number, sizeof(number), "%.9g", base));
        dam_json_put_key(w, "parts");
        dam_json_put_array(w);
        for (size_t i = 0; i < dam_model_inputs(&asked.model); i++) {
            char name[160];
            input_name(m, &asked.model, i, name, sizeof(name));
            dam_json_put_object(w);
            dam_json_put_key(w, "input");
            dam_json_put_cstr(w, name);
            dam_json_put_key(w, "part");
            dam_json_put_raw(w, number, (size_t)snprintf(number, sizeof(number), "%.9g", parts[i]));
            dam_json_put_object_end(w);
        }
        dam_json_put_array_end(w);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
    dam_model_close(&asked.model);
}

void dam_mind_view_put(struct dam_json_writer *w, const struct dam_manifest *m,
                       const struct dam_record_decision *decision)
{
    put_forecasts(w, m, decision->memory);
    put_parts(w, m, decision);
}
