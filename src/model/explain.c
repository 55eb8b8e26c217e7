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

/* The features that the way to one leaf asks, each once. */
struct way {
    size_t count;
    uint8_t input[DAM_MODEL_DEPTH_MAX];
    double without[DAM_MODEL_DEPTH_MAX]; /* share that reaches the leaf not knowing the feature */
    double with[DAM_MODEL_DEPTH_MAX];    /* 1 if the row passes all its tests, else 0 */
};

static void way_add(struct way *way, uint8_t input, bool passes)
{
    size_t i = 0;
    while (i < way->count && way->input[i] != input) {
        i++;
    }
    if (i == way->count) {
        way->count++;
        way->input[i] = input;
        way->without[i] = way->with[i] = 1;
    }
    way->without[i] /= 2;
    way->with[i] = passes ? way->with[i] : 0;
}

/* Of all orders in which the features could become known, the share in which, when feature j does,
 * just `k` of the way's others are known: k! (count - 1 - k)! / count!. */
static double order_weight(size_t count, size_t k)
{
    double weight = 1.0 / (double)count;
    for (size_t i = 1; i <= k; i++) {
        weight *= (double)i / (double)(count - i);
    }
    return weight;
}

/* Shapley's value of each feature for the worth of one leaf. */
static void explain_leaf(const struct way *way, double worth, double *parts)
{
    for (size_t j = 0; j < way->count; j++) {
        /* The coefficient of t^k in the product over the others of (without + with t). */
        double reach[DAM_MODEL_DEPTH_MAX] = {1};
        size_t degree = 0;
        for (size_t i = 0; i < way->count; i++) {
            if (i == j) {
                continue;
            }
            degree++;
            for (size_t k = degree; k > 0; k--) {
                reach[k] = reach[k] * way->without[i] + reach[k - 1] * way->with[i];
            }
            reach[0] *= way->without[i];
        }
        double sum = 0;
        for (size_t k = 0; k <= degree; k++) {
            sum += reach[k] * order_weight(way->count, k);
        }
        parts[way->input[j]] += worth * (way->with[j] - way->without[j]) * sum;
    }
}

static void explain_tree(const struct dam_group *group, size_t tree, const double *x, double *base,
                         double *parts)
{
    size_t leaves = (size_t)1 << group->depth;
    const int32_t *threshold = group->threshold + tree * (leaves - 1);
    const uint8_t *input = group->input + tree * (leaves - 1);
    for (size_t leaf = 0; leaf < leaves; leaf++) {
        struct way way = {0};
        for (size_t node = leaves + leaf; node > 1; node /= 2) {
            size_t parent = node / 2 - 1;
            way_add(&way, input[parent], (x[input[parent]] < threshold[parent]) == (node % 2 == 1));
        }
        double worth = group->leaf[tree * leaves + leaf];
        *base += worth / (double)leaves;
        explain_leaf(&way, worth, parts);
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
    case DAM_MODEL_INT8:
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
