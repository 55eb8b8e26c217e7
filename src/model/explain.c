// SPDX-License-Identifier: Apache-2.0
#include "model/explain.h"

#include <math.h>

static double input_of(const struct dam_model *model, const int64_t *raw, size_t i, double min,
                       double max)
{
    const struct dam_feature *feature = &model->features[i % model->features_count];
    __int128 x = (((__int128)raw[i] - feature->center) * feature->mul) >> feature->shift;
    double value = (double)x;
    return value < min ? min : value > max ? max : value;
}

/* Sums of leaves are exact in a double: below 2^31 * 2^8. */
static void explain_tree(const struct dam_group *group, size_t tree, const double *x, double *base,
                         double *parts)
{
    size_t leaves = (size_t)1 << group->depth;
    const int32_t *threshold = group->threshold + tree * (leaves - 1);
    const uint8_t *input = group->input + tree * (leaves - 1);
    double mean[1u << (DAM_MODEL_DEPTH_MAX + 1)];
    for (size_t k = 0; k < leaves; k++) {
        mean[leaves + k] = group->leaf[tree * leaves + k];
    }
    for (size_t k = leaves - 1; k > 0; k--) {
        mean[k] = (mean[2 * k] + mean[2 * k + 1]) / 2;
    }
    *base += mean[1];
    for (size_t k = 1; k < leaves;) {
        size_t child = 2 * k + (x[input[k - 1]] < threshold[k - 1]);
        parts[input[k - 1]] += mean[child] - mean[k];
        k = child;
    }
}

static void explain_net(const struct dam_model *model, const int64_t *raw, size_t output,
                        double *base, double *parts)
{
    int64_t y[DAM_MODEL_OUTPUTS_MAX];
    int64_t z[DAM_MODEL_OUTPUTS_MAX];
    int64_t other[DAM_MODEL_INPUTS_MAX];
    size_t inputs = dam_model_inputs(model);
    memcpy(other, raw, inputs * sizeof(*other));
    dam_model_outputs(model, raw, y);
    for (size_t i = 0; i < inputs; i++) {
        other[i] = model->features[i % model->features_count].missing;
        dam_model_outputs(model, other, z);
        parts[i] = (double)y[output] - (double)z[output];
        other[i] = raw[i];
    }
    for (size_t i = 0; i < inputs; i++) {
        other[i] = model->features[i % model->features_count].missing;
    }
    dam_model_outputs(model, other, z);
    *base = (double)z[output];
}

enum dam_err dam_model_explain(const struct dam_model *model, const int64_t *raw, size_t output,
                               double *ret_base, double *ret_parts)
{
    size_t inputs = dam_model_inputs(model);
    if (output >= model->outputs_count) {
        return DAM_ERANGE;
    }
    double x[DAM_MODEL_INPUTS_MAX];
    double base = 0;
    memset(ret_parts, 0, inputs * sizeof(*ret_parts));
    switch (model->kind) {
    case DAM_MODEL_MLP:
    case DAM_MODEL_WIDE:
        explain_net(model, raw, output, ret_base, ret_parts);
        return DAM_OK;
    case DAM_MODEL_LINEAR:
        for (size_t i = 0; i < inputs; i++) {
            ret_parts[i] = (double)model->linear[output * inputs + i] *
                           input_of(model, raw, i, -0x1p63, 0x1p63);
        }
        break;
    case DAM_MODEL_FOREST:
        for (size_t i = 0; i < inputs; i++) {
            x[i] = input_of(model, raw, i, INT32_MIN, INT32_MAX);
        }
        for (size_t t = 0; t < model->groups[output].trees; t++) {
            explain_tree(&model->groups[output], t, x, &base, ret_parts);
        }
        break;
    }
    const struct dam_output *out = &model->outputs[output];
    double scale = ldexp(out->mul, -(int)out->shift);
    for (size_t i = 0; i < inputs; i++) {
        ret_parts[i] *= scale;
    }
    *ret_base = (double)out->offset + (base + out->bias) * scale;
    return DAM_OK;
}
