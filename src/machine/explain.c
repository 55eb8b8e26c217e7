// SPDX-License-Identifier: Apache-2.0
#include "machine/explain.h"

#include "core/crypto/sha256.h"
#include "model/explain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MILLI_MAX 9e18

/* Every output has room for its base, the rest, and something between. */
_Static_assert(DAM_RECORD_PARTS_MAX / DAM_FLOW_ACTUATORS_MAX > 2, "an explanation has room");

struct dam_explain {
    struct dam_model model;
    struct dam_hash hash; /* of the blob */
    int64_t raw[DAM_MODEL_INPUTS_MAX];
    double parts[DAM_MODEL_INPUTS_MAX];
};

static enum dam_err no_model(const struct dam_manifest *manifest,
                             struct dam_manifest_complaint *ret_complaint)
{
    (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text),
                   "[evidence] explain: '%s' cannot be read as a model", manifest->mind.model);
    (void)snprintf(ret_complaint->hint, sizeof(ret_complaint->hint),
                   "`dam model info` tells what it is; planners and forecasters are not explained");
    return DAM_EPARSE;
}

enum dam_err dam_explain_open(const struct dam_manifest *manifest, struct dam_explain **ret,
                              struct dam_manifest_complaint *ret_complaint)
{
    const char *why = NULL;
    const char *path =
        manifest->mind.model == NULL ? NULL : dam_manifest_path(manifest, manifest->mind.model);
    FILE *file = path == NULL ? NULL : fopen(path, "rbe");
    if (file == NULL) {
        return no_model(manifest, ret_complaint);
    }
    struct dam_explain *e = calloc(1, sizeof(*e));
    uint8_t *data = malloc(DAM_MODEL_BLOB_MAX + 1);
    enum dam_err err = e == NULL || data == NULL ? DAM_ENOMEM : DAM_OK;
    size_t len = err != DAM_OK ? 0 : fread(data, 1, DAM_MODEL_BLOB_MAX + 1, file);
    if (len > 0 && dam_model_open(dam_bytes(data, len), &e->model, &why) == DAM_OK) {
        dam_sha256(data, len, &e->hash);
        *ret = e;
    } else {
        err = err == DAM_OK ? no_model(manifest, ret_complaint) : err;
        free(e);
    }
    free(data);
    (void)fclose(file); /* only read from */
    return err;
}

enum dam_err dam_explain_check(const struct dam_manifest *manifest,
                               struct dam_manifest_complaint *ret_complaint)
{
    struct dam_explain *explain = NULL;
    if (!manifest->evidence_explain) {
        return DAM_OK;
    }
    enum dam_err err = dam_explain_open(manifest, &explain, ret_complaint);
    dam_explain_close(explain);
    return err;
}

void dam_explain_close(struct dam_explain *e)
{
    if (e != NULL) {
        dam_model_close(&e->model);
        free(e);
    }
}

/* Asks the model again. Returns: whether this is its proposal; then e->raw is what it saw. */
static bool is_its_proposal(struct dam_explain *e, const struct dam_record_decision *d)
{
    int64_t y[DAM_MODEL_OUTPUTS_MAX];
    const struct dam_model *model = &e->model;
    bool same = model->outputs_count <= DAM_FLOW_ACTUATORS_MAX &&
                d->observation.len == DAM_FLOW_SAMPLE_LEN * (size_t)model->records &&
                d->proposal.len == 8 * (size_t)model->outputs_count;
    if (same) {
        dam_model_raw(model, d->memory, d->observation, e->raw);
        dam_model_outputs(model, e->raw, y);
    }
    for (size_t j = 0; same && j < model->outputs_count; j++) {
        same = (int64_t)dam_load_be64(d->proposal.data + 8 * j) == y[j];
    }
    return same;
}

static int64_t milli(double value)
{
    double scaled = value * 1000;
    return llround(scaled > MILLI_MAX ? MILLI_MAX : scaled < -MILLI_MAX ? -MILLI_MAX : scaled);
}

/* The largest part that is not told yet. Returns: the number of inputs if there is none. */
static size_t largest(const struct dam_explain *e, const bool *told, size_t inputs)
{
    size_t best = inputs;
    for (size_t i = 0; i < inputs; i++) {
        if (!told[i] && milli(e->parts[i]) != 0 &&
            (best == inputs || fabs(e->parts[i]) > fabs(e->parts[best]))) {
            best = i;
        }
    }
    return best;
}

static uint8_t *put(uint8_t *at, struct dam_record_part part)
{
    dam_record_part_store(&part, at);
    return at + DAM_RECORD_PART_LEN;
}

/* Base, the largest parts in falling order, and the sum of the others. Returns: the end. */
static uint8_t *output_put(const struct dam_explain *e, size_t output, double base, uint8_t *at)
{
    const struct dam_model *model = &e->model;
    bool told[DAM_MODEL_INPUTS_MAX] = {false};
    size_t inputs = dam_model_inputs(model);
    size_t room = DAM_RECORD_PARTS_MAX / model->outputs_count - 2;
    double rest = 0;
    at = put(at,
             (struct dam_record_part){(uint16_t)output, DAM_RECORD_PART_BASE, 0, 0, milli(base)});
    for (size_t i = largest(e, told, inputs); i < inputs && room > 0; room--) {
        const struct dam_feature *feature = &model->features[i % model->features_count];
        at = put(at, (struct dam_record_part){(uint16_t)output, feature->channel, feature->field,
                                              (uint8_t)(i / model->features_count),
                                              milli(e->parts[i])});
        told[i] = true;
        i = largest(e, told, inputs);
    }
    for (size_t i = 0; i < inputs; i++) {
        rest += told[i] ? 0 : e->parts[i];
    }
    return milli(rest) == 0
               ? at
               : put(at, (struct dam_record_part){(uint16_t)output, DAM_RECORD_PART_REST, 0, 0,
                                                  milli(rest)});
}

static uint8_t method_of(const struct dam_model *model)
{
    switch (model->kind) {
    case DAM_MODEL_LINEAR:
        return DAM_RECORD_WEIGHTS;
    case DAM_MODEL_FOREST:
        return DAM_RECORD_SHAPLEY;
    case DAM_MODEL_MLP:
    case DAM_MODEL_WIDE:
    case DAM_MODEL_INT8:
        break;
    }
    return DAM_RECORD_OCCLUSION;
}

enum dam_err dam_explain_decision(struct dam_explain *e, const struct dam_record_decision *d,
                                  uint64_t seq, uint8_t *parts, struct dam_record_explanation *ret)
{
    uint8_t *at = parts;
    if (!is_its_proposal(e, d)) {
        return DAM_ECONFLICT;
    }
    for (size_t j = 0; j < e->model.outputs_count; j++) {
        double base = 0;
        DAM_TRY(dam_model_explain(&e->model, e->raw, j, &base, e->parts));
        at = output_put(e, j, base, at);
    }
    *ret = (struct dam_record_explanation){seq, method_of(&e->model), e->hash,
                                           dam_bytes(parts, (size_t)(at - parts))};
    return DAM_OK;
}
