// SPDX-License-Identifier: Apache-2.0
#include "model/float.h"

#include "base/assert.h"
#include "model/kernel.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FLOAT_DEPTH_MAX 64u

enum dam_err dam_why(char *why, enum dam_err err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why, DAM_WHY_LEN, fmt, args);
    va_end(args);
    return err;
}

void dam_float_close(struct dam_float *model)
{
    for (uint32_t i = 0; model->names != NULL && i < model->inputs; i++) {
        free(model->names[i]);
    }
    free(model->names);
    free(model->nodes);
    free(model->trees);
    for (uint32_t i = 0; i < DAM_FLOAT_LAYERS_MAX; i++) {
        free(model->layers[i].weights);
        free(model->layers[i].bias);
    }
    memset(model, 0, sizeof(*model));
}

/* Room for one more element; doubles. */
static bool grow(void **array, uint32_t count, uint32_t *cap, uint32_t max, size_t size)
{
    if (count < *cap) {
        return true;
    }
    uint32_t wanted = *cap == 0 ? 64 : *cap * 2;
    if (count >= max) {
        return false;
    }
    void *bigger = realloc(*array, wanted * size);
    if (bigger == NULL) {
        return false;
    }
    *array = bigger;
    *cap = wanted;
    return true;
}

bool dam_float_node_add(struct dam_float *model, const struct dam_float_node *node)
{
    if (!grow((void **)&model->nodes, model->nodes_count, &model->nodes_cap, DAM_FLOAT_NODES_MAX,
              sizeof(*model->nodes))) {
        return false;
    }
    model->nodes[model->nodes_count++] = *node;
    return true;
}

bool dam_float_tree_begin(struct dam_float *model, uint32_t output)
{
    if (!grow((void **)&model->trees, model->trees_count, &model->trees_cap, DAM_FLOAT_NODES_MAX,
              sizeof(*model->trees))) {
        return false;
    }
    model->trees[model->trees_count++] = (struct dam_float_tree){output, model->nodes_count, 0};
    return true;
}

/* Walks from the root: every reachable node must be met once, so that no later walk can go round in
 * circles or take exponential time. Nodes that a trainer pruned may lie about unreachable. */
static bool is_tree(const struct dam_float *model, const struct dam_float_tree *tree, uint8_t *met)
{
    struct {
        uint32_t at;
        uint32_t depth;
    } stack[FLOAT_DEPTH_MAX + 2] = {{0, 0}};
    for (uint32_t height = 1; height > 0;) {
        uint32_t at = stack[height - 1].at;
        uint32_t depth = stack[--height].depth;
        const struct dam_float_node *node = &model->nodes[tree->first + at];
        if (met[at]++ != 0 || depth > FLOAT_DEPTH_MAX) {
            return false;
        }
        if (node->yes < 0) {
            if (!isfinite(node->value)) {
                return false;
            }
            continue;
        }
        if (node->no < 0 || (uint32_t)node->yes >= tree->count ||
            (uint32_t)node->no >= tree->count || node->feature >= model->inputs ||
            isnan(node->threshold)) {
            return false;
        }
        stack[height].at = (uint32_t)node->no;
        stack[height++].depth = depth + 1;
        stack[height].at = (uint32_t)node->yes;
        stack[height++].depth = depth + 1;
    }
    return true;
}

bool dam_float_tree_end(struct dam_float *model)
{
    struct dam_float_tree *tree = &model->trees[model->trees_count - 1];
    tree->count = model->nodes_count - tree->first;
    if (tree->count == 0 || tree->output >= model->outputs) {
        return false;
    }
    uint8_t *met = calloc(tree->count, 1);
    bool good = met != NULL && is_tree(model, tree, met);
    free(met);
    return good;
}

struct dam_float_layer *dam_float_layer_add(struct dam_float *model, uint32_t inputs,
                                            uint32_t neurons)
{
    if (model->layers_count == DAM_FLOAT_LAYERS_MAX || inputs == 0 || neurons == 0 ||
        inputs > DAM_FLOAT_INPUTS_MAX || neurons > DAM_FLOAT_INPUTS_MAX) {
        return NULL;
    }
    struct dam_float_layer *layer = &model->layers[model->layers_count];
    *layer = (struct dam_float_layer){.inputs = inputs,
                                      .neurons = neurons,
                                      .weights = calloc((size_t)inputs * neurons, sizeof(double)),
                                      .bias = calloc(neurons, sizeof(double)),
                                      .min = -INFINITY,
                                      .max = INFINITY};
    model->layers_count++;
    return layer->weights != NULL && layer->bias != NULL ? layer : NULL;
}

double dam_float_activate(const struct dam_float_layer *layer, double sum)
{
    double y = sum;
    switch (layer->activation) {
    case DAM_ACT_NONE:
        break;
    case DAM_ACT_RELU:
        y = sum < 0 ? 0 : sum;
        break;
    case DAM_ACT_LEAKY:
        y = sum < 0 ? layer->slope * sum : sum;
        break;
    case DAM_ACT_SIGMOID:
        y = 1 / (1 + exp(-sum));
        break;
    case DAM_ACT_TANH:
        y = tanh(sum);
        break;
    }
    return y < layer->min ? layer->min : y > layer->max ? layer->max : y;
}

/* In: in: any values; they are rounded to the layer's own codes, which those of a layer before
 * already are. */
static void int8_eval(const struct dam_float_layer *layer, const double *in, double *ret)
{
    const struct dam_float_int8 *q = &layer->int8;
    int32_t codes[DAM_FLOAT_INPUTS_MAX];
    for (uint32_t i = 0; i < layer->inputs; i++) {
        double code = floor(in[i] / q->step_in + 0.5);
        codes[i] = (int32_t)fmax(-128 - q->zero_in, fmin(127 - q->zero_in, code));
    }
    for (uint32_t j = 0; j < layer->neurons; j++) {
        int64_t sum = llrint(layer->bias[j] / q->step_bias);
        for (uint32_t i = 0; i < layer->inputs; i++) {
            double w = layer->weights[(size_t)j * layer->inputs + i] / q->step_weight;
            sum += (int64_t)nearbyint(w) * codes[i];
        }
        double steps = (double)dam_kernel_round(q->rounding, sum, q->mul, q->shift);
        ret[j] = dam_float_activate(layer, steps * q->step_out);
    }
}

void dam_float_layer_eval(const struct dam_float_layer *layer, const double *in, double *ret)
{
    if (layer->int8.step_in > 0) {
        int8_eval(layer, in, ret);
        return;
    }
    for (uint32_t j = 0; j < layer->neurons; j++) {
        double sum = layer->bias[j];
        for (uint32_t i = 0; i < layer->inputs; i++) {
            sum += layer->weights[(size_t)j * layer->inputs + i] * in[i];
        }
        ret[j] = dam_float_activate(layer, sum);
    }
}

void dam_float_round(struct dam_float *model, enum dam_rounding rounding)
{
    for (uint32_t l = 0; l < model->layers_count; l++) {
        model->layers[l].int8.rounding = rounding;
    }
}

bool dam_float_test(const struct dam_float *model, double x, double threshold)
{
    if (model->single) {
        float a = (float)x;
        float b = (float)threshold;
        return model->test_le ? a <= b : a < b;
    }
    return model->test_le ? x <= threshold : x < threshold;
}

static double tree_eval(const struct dam_float *model, const struct dam_float_tree *tree,
                        const double *x)
{
    const struct dam_float_node *nodes = model->nodes + tree->first;
    const struct dam_float_node *node = nodes;
    while (node->yes >= 0) {
        double v = x[node->feature];
        bool yes = isnan(v) ? node->missing_yes : dam_float_test(model, v, node->threshold);
        node = nodes + (yes ? node->yes : node->no);
    }
    return node->value;
}

void dam_float_eval(const struct dam_float *model, const double *x, double *ret)
{
    if (model->kind == DAM_FLOAT_FOREST) {
        memcpy(ret, model->base, model->outputs * sizeof(*ret));
        for (uint32_t t = 0; t < model->trees_count; t++) {
            ret[model->trees[t].output] += tree_eval(model, &model->trees[t], x);
        }
        return;
    }
    static _Thread_local double buffer[2][DAM_FLOAT_INPUTS_MAX];
    const double *in = x;
    for (uint32_t l = 0; l < model->layers_count; l++) {
        double *out = l + 1 == model->layers_count ? ret : buffer[l % 2];
        dam_float_layer_eval(&model->layers[l], in, out);
        in = out;
    }
}

static unsigned depth_below(const struct dam_float_node *nodes, int32_t at)
{
    if (nodes[at].yes < 0) {
        return 0;
    }
    unsigned yes = depth_below(nodes, nodes[at].yes);
    unsigned no = depth_below(nodes, nodes[at].no);
    return 1 + (yes > no ? yes : no);
}

unsigned dam_float_depth(const struct dam_float *model, const struct dam_float_tree *tree)
{
    return depth_below(model->nodes + tree->first, 0);
}

enum dam_err dam_import(struct dam_bytes file, struct dam_float *ret, char *why)
{
    memset(ret, 0, sizeof(*ret));
    if (file.len == 0) {
        return dam_why(why, DAM_EPARSE, "the file is empty");
    }
    if (file.data[0] == '{') {
        return dam_import_xgboost(file, ret, why);
    }
    if (file.len >= 5 && memcmp(file.data, "tree\n", 5) == 0) {
        return dam_import_lightgbm(file, ret, why);
    }
    if (file.len >= 8 && memcmp(file.data + 4, "TFL3", 4) == 0) {
        return dam_import_tflite(file, ret, why);
    }
    return dam_import_onnx(file, ret, why);
}
