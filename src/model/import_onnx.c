// SPDX-License-Identifier: Apache-2.0
/* ONNX: the graph is walked in its own (topological) order; one value, the vector of the row, is
 * followed from the input to the output. What is done to it becomes layers or trees. An operator
 * that is not known, or a graph that forks before its last layer, is refused by name. */
#include "model/onnx_trees.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMES_MAX 256u
#define CONSTANTS_MAX 512u

struct walk {
    struct dam_float *model;
    char *why;
    struct dam_onnx_tensor constants[CONSTANTS_MAX];
    uint32_t constants_count;
    struct dam_bytes current; /* name of the row's vector */
    /* x * scale + shift waits here to be folded into the next layer. */
    bool pending;
    double scale[DAM_FLOAT_INPUTS_MAX];
    double shift[DAM_FLOAT_INPUTS_MAX];
    uint32_t width; /* of the vector; 0: not yet known */
    /* After the last sums only labels and probabilities are made: their names. */
    bool tail;
    struct dam_bytes spent[NAMES_MAX];
    uint32_t spent_count;
};

static enum dam_err refuse(struct walk *w, const struct dam_onnx_node *node, const char *todo)
{
    return dam_why(w->why, DAM_EUNSUPPORTED, "ONNX operator %.*s: %s",
                   (int)(node->op.len < 40 ? node->op.len : 40), (const char *)node->op.data, todo);
}

static const struct dam_onnx_tensor *constant(const struct walk *w, struct dam_bytes name)
{
    for (uint32_t i = 0; i < w->constants_count; i++) {
        if (dam_bytes_eq(w->constants[i].name, name)) {
            return &w->constants[i];
        }
    }
    return NULL;
}

static const struct dam_onnx_tensor *constant_input(const struct walk *w,
                                                    const struct dam_onnx_node *node, uint32_t i)
{
    return i < node->inputs_count && i < DAM_COUNT_OF(node->inputs) ? constant(w, node->inputs[i])
                                                                    : NULL;
}

/* Takes the tensor's memory in any case. */
static bool constant_add(struct walk *w, struct dam_onnx_tensor *tensor, struct dam_bytes name)
{
    if (w->constants_count == CONSTANTS_MAX) {
        free(tensor->values);
        return false;
    }
    w->constants[w->constants_count] = *tensor;
    w->constants[w->constants_count++].name = name;
    return true;
}

static bool is_current(const struct walk *w, const struct dam_onnx_node *node, uint32_t i)
{
    return i < node->inputs_count && i < DAM_COUNT_OF(node->inputs) &&
           dam_bytes_eq(node->inputs[i], w->current);
}

/* ---- layers ---- */

static bool set_width(struct walk *w, size_t width)
{
    if (w->width == 0 && width >= 1 && width <= DAM_FLOAT_INPUTS_MAX) {
        w->width = (uint32_t)width;
        w->model->inputs = w->width;
        for (uint32_t i = 0; i < w->width; i++) {
            w->scale[i] = 1;
            w->shift[i] = 0;
        }
    }
    return w->width == width;
}

/* A dense layer after what is pending. weight(j, i) = values[j * row + i * column]. */
static bool dense(struct walk *w, uint32_t neurons, const double *values, size_t row, size_t column)
{
    struct dam_float_layer *layer = dam_float_layer_add(w->model, w->width, neurons);
    if (layer == NULL) {
        return false;
    }
    for (uint32_t j = 0; j < neurons; j++) {
        for (uint32_t i = 0; i < w->width; i++) {
            double v = values == NULL ? i == j : values[j * row + i * column];
            layer->weights[(size_t)j * w->width + i] = v * w->scale[i];
            layer->bias[j] += v * w->shift[i];
        }
    }
    w->width = neurons;
    w->pending = false;
    for (uint32_t i = 0; i < neurons; i++) {
        w->scale[i] = 1;
        w->shift[i] = 0;
    }
    return true;
}

static struct dam_float_layer *last(const struct walk *w)
{
    return w->model->layers_count == 0 ? NULL : &w->model->layers[w->model->layers_count - 1];
}

static bool is_bare(const struct dam_float_layer *layer)
{
    return layer != NULL && layer->activation == DAM_ACT_NONE && isinf(layer->min) &&
           isinf(layer->max);
}

/* A layer that an activation or a clip may be put on. */
static struct dam_float_layer *bare_layer(struct walk *w)
{
    if ((w->pending || !is_bare(last(w))) && (w->width == 0 || !dense(w, w->width, NULL, 0, 0))) {
        return NULL;
    }
    return last(w);
}

/* x * scale + shift with constants of one element or one a feature. */
static bool affine(struct walk *w, const struct dam_onnx_tensor *scale,
                   const struct dam_onnx_tensor *shift, double sign, bool divide)
{
    const struct dam_onnx_tensor *wide = scale != NULL ? scale : shift;
    if (w->width == 0 && (wide->count < 2 || !set_width(w, wide->count))) {
        return false;
    }
    if ((scale != NULL && scale->count != 1 && scale->count != w->width) ||
        (shift != NULL && shift->count != 1 && shift->count != w->width)) {
        return false;
    }
    struct dam_float_layer *layer = last(w);
    bool fold = is_bare(layer) && !w->pending;
    bool trees = w->model->trees_count > 0;
    for (uint32_t i = 0; i < w->width; i++) {
        double m = scale == NULL ? 1 : scale->values[scale->count == 1 ? 0 : i];
        double a = shift == NULL ? 0 : sign * shift->values[shift->count == 1 ? 0 : i];
        m = divide ? 1 / m : m;
        if (trees) {
            w->model->base[i] = w->model->base[i] * m + a;
            for (uint32_t t = 0; t < w->model->trees_count; t++) {
                const struct dam_float_tree *tree = &w->model->trees[t];
                for (uint32_t k = 0; tree->output == i && k < tree->count; k++) {
                    w->model->nodes[tree->first + k].value *= m;
                }
            }
        } else if (fold) {
            for (uint32_t k = 0; k < layer->inputs; k++) {
                layer->weights[(size_t)i * layer->inputs + k] *= m;
            }
            layer->bias[i] = layer->bias[i] * m + a;
        } else {
            w->scale[i] *= m;
            w->shift[i] = w->shift[i] * m + a;
            w->pending = true;
        }
    }
    return true;
}

/* ---- operators on the vector ---- */

static enum dam_err on_matrix(struct walk *w, const struct dam_onnx_node *node)
{
    const struct dam_onnx_tensor *b = constant_input(w, node, 1);
    if (!is_current(w, node, 0) || b == NULL || b->dims_count != 2 ||
        dam_onnx_int(node, "transA", 0) != 0) {
        return refuse(w, node, "only row vector times constant matrix; a batch is not needed");
    }
    bool transposed = dam_onnx_int(node, "transB", 0) != 0;
    size_t inputs = b->dims[transposed];
    size_t neurons = b->dims[!transposed];
    if (!set_width(w, inputs)) {
        return refuse(w, node, "the matrix does not fit the vector");
    }
    if (!dense(w, (uint32_t)neurons, b->values, transposed ? inputs : 1,
               transposed ? 1 : neurons)) {
        return refuse(w, node, "at most 16 layers of 4096 neurons");
    }
    double alpha = dam_onnx_float(node, "alpha", 1);
    double beta = dam_onnx_float(node, "beta", 1);
    const struct dam_onnx_tensor *c = constant_input(w, node, 2);
    struct dam_float_layer *layer = last(w);
    for (uint32_t j = 0; j < layer->neurons; j++) {
        for (uint32_t i = 0; i < layer->inputs; i++) {
            layer->weights[(size_t)j * layer->inputs + i] *= alpha;
        }
        layer->bias[j] *= alpha;
    }
    if (node->inputs_count > 2) {
        if (c == NULL || (c->count != 1 && c->count != neurons)) {
            return refuse(w, node, "its third input must be a constant bias");
        }
        for (uint32_t j = 0; j < layer->neurons; j++) {
            layer->bias[j] += beta * c->values[c->count == 1 ? 0 : j];
        }
    }
    return DAM_OK;
}

static enum dam_err on_arithmetic(struct walk *w, const struct dam_onnx_node *node)
{
    bool first = is_current(w, node, 0);
    const struct dam_onnx_tensor *c = constant_input(w, node, first ? 1 : 0);
    bool good = false;
    static const double minus = -1;
    const struct dam_onnx_tensor negate = {.count = 1, .values = (double *)&minus};
    if (c == NULL) {
        return refuse(w, node, "its other operand must be a constant; a residual net is not read");
    }
    if (dam_onnx_is(node->op, "Add")) {
        good = affine(w, NULL, c, 1, false);
    } else if (dam_onnx_is(node->op, "Mul")) {
        good = affine(w, c, NULL, 1, false);
    } else if (dam_onnx_is(node->op, "Sub")) {
        good = first ? affine(w, NULL, c, -1, false)
                     : affine(w, NULL, c, -1, false) && affine(w, &negate, NULL, 1, false);
    } else { /* Div */
        good = first && affine(w, c, NULL, 1, true);
    }
    return good ? DAM_OK : refuse(w, node, "its constant must have one value, or one a feature");
}

static enum dam_err on_scaler(struct walk *w, const struct dam_onnx_node *node)
{
    struct dam_onnx_tensor offset = {0};
    struct dam_onnx_tensor scale = {0};
    bool good = dam_onnx_list(node, "offset", &offset.values, &offset.count) &&
                dam_onnx_list(node, "scale", &scale.values, &scale.count) && offset.count > 0 &&
                scale.count > 0 && affine(w, NULL, &offset, -1, false) &&
                affine(w, &scale, NULL, 1, false);
    free(offset.values);
    free(scale.values);
    return good ? DAM_OK
                : refuse(w, node, "offset and scale must have one value, or one a feature");
}

static enum dam_err on_batch_norm(struct walk *w, const struct dam_onnx_node *node)
{
    const struct dam_onnx_tensor *c[4];
    for (uint32_t i = 0; i < 4; i++) {
        c[i] = constant_input(w, node, i + 1);
        if (c[i] == NULL || c[i]->count != c[0]->count) {
            return refuse(w, node, "its statistics must be constants: export for inference");
        }
    }
    size_t count = c[0]->count;
    double *values = calloc(2 * count + 1, sizeof(*values));
    if (values == NULL) {
        return DAM_ENOMEM;
    }
    double epsilon = dam_onnx_float(node, "epsilon", 1e-5);
    for (size_t i = 0; i < count; i++) {
        values[i] = c[0]->values[i] / sqrt(c[3]->values[i] + epsilon);
        values[count + i] = c[1]->values[i] - c[2]->values[i] * values[i];
    }
    struct dam_onnx_tensor scale = {.count = count, .values = values};
    struct dam_onnx_tensor shift = {.count = count, .values = values + count};
    bool good = affine(w, &scale, NULL, 1, false) && affine(w, NULL, &shift, 1, false);
    free(values);
    return good ? DAM_OK : refuse(w, node, "it does not fit the vector");
}

static enum dam_err on_activation(struct walk *w, const struct dam_onnx_node *node)
{
    struct dam_float_layer *layer = w->model->trees_count > 0 ? NULL : bare_layer(w);
    if (layer == NULL) {
        return refuse(w, node, "it must follow a layer of known width, at most 16 in all");
    }
    layer->activation = dam_onnx_is(node->op, "Relu")        ? DAM_ACT_RELU
                        : dam_onnx_is(node->op, "LeakyRelu") ? DAM_ACT_LEAKY
                        : dam_onnx_is(node->op, "Sigmoid")   ? DAM_ACT_SIGMOID
                                                             : DAM_ACT_TANH;
    layer->slope = dam_onnx_float(node, "alpha", 0.01);
    return DAM_OK;
}

static enum dam_err clip(struct walk *w, const struct dam_onnx_node *node, double min, double max)
{
    struct dam_float_layer *layer = last(w);
    if (w->model->trees_count > 0) {
        return refuse(w, node, "give the limits of the actuator instead of a clip after trees");
    }
    if (layer == NULL || w->pending) {
        layer = bare_layer(w);
    }
    if (layer == NULL || !(min <= max)) {
        return refuse(w, node, "it must follow a layer, and its limits must be constants");
    }
    layer->min = min > layer->min ? min : layer->min;
    layer->max = max < layer->max ? max : layer->max;
    return DAM_OK;
}

static enum dam_err on_clip(struct walk *w, const struct dam_onnx_node *node)
{
    double min = dam_onnx_float(node, "min", -INFINITY);
    double max = dam_onnx_float(node, "max", INFINITY);
    for (uint32_t i = 1; i <= 2; i++) {
        const struct dam_onnx_tensor *c = constant_input(w, node, i);
        if (i < node->inputs_count && node->inputs[i].len > 0) {
            *(i == 1 ? &min : &max) = c != NULL && c->count == 1 ? c->values[0] : NAN;
        }
    }
    return clip(w, node, min, max);
}

/* The vector to int8 and back: the integer model has finer codes, so only the range stays. The
 * input's own range needs nothing: the codes of the features saturate. */
static enum dam_err on_quantize(struct walk *w, const struct dam_onnx_node *node)
{
    const struct dam_onnx_tensor *scale = constant_input(w, node, 1);
    const struct dam_onnx_tensor *zero = constant_input(w, node, 2);
    if (scale == NULL || scale->count != 1 || (zero != NULL && zero->count != 1)) {
        return refuse(w, node, "activations need one scale and zero point a tensor");
    }
    if (last(w) == NULL) {
        return DAM_OK;
    }
    bool is_signed = zero != NULL && zero->type == 3;
    double z = zero == NULL ? 0 : zero->values[0];
    double s = scale->values[0];
    return clip(w, node, ((is_signed ? -128 : 0) - z) * s, ((is_signed ? 127 : 255) - z) * s);
}

static enum dam_err on_linear(struct walk *w, const struct dam_onnx_node *node)
{
    double *weights = NULL;
    double *bias = NULL;
    size_t weights_count = 0;
    size_t bias_count = 0;
    bool good = dam_onnx_list(node, "coefficients", &weights, &weights_count) &&
                dam_onnx_list(node, "intercepts", &bias, &bias_count);
    bool classifier = dam_onnx_is(node->op, "LinearClassifier");
    size_t outputs = classifier ? bias_count : (size_t)dam_onnx_int(node, "targets", 1);
    good = good && outputs >= 1 && outputs <= 64 && weights_count % outputs == 0 &&
           set_width(w, weights_count / outputs) && bias_count <= outputs;
    /* Two classes are written as a row and its negative: the second is the score. */
    bool mirrored = good && classifier && outputs == 2;
    for (size_t i = 0; mirrored && i < w->width; i++) {
        mirrored = weights[i] == -weights[w->width + i];
    }
    size_t skip = mirrored ? 1 : 0;
    uint32_t width = w->width;
    good = good && dense(w, (uint32_t)(outputs - skip), weights + skip * width, width, 1);
    for (size_t j = skip; good && j < bias_count; j++) {
        last(w)->bias[j - skip] += bias[j];
    }
    struct dam_bytes link = dam_onnx_string(node, "post_transform");
    w->model->classes = classifier;
    w->model->link = dam_onnx_is(link, "LOGISTIC")  ? DAM_LINK_SIGMOID
                     : dam_onnx_is(link, "SOFTMAX") ? DAM_LINK_SOFTMAX
                                                    : DAM_LINK_NONE;
    w->tail = classifier;
    free(weights);
    free(bias);
    return good ? DAM_OK : refuse(w, node, "its coefficients do not fit the vector");
}

static enum dam_err on_trees(struct walk *w, const struct dam_onnx_node *node)
{
    if (w->model->layers_count > 0 || w->model->trees_count > 0) {
        return refuse(w, node, "trees must come first in the graph");
    }
    if (w->width == 0) {
        return refuse(w, node, "the graph's input has no fixed number of features");
    }
    w->model->single = true;
    for (uint32_t i = 0; i < w->width; i++) {
        w->model->single = w->model->single && w->scale[i] == 1 && w->shift[i] == 0;
        if (!(w->scale[i] > 0)) {
            return refuse(w, node, "a scaler before the trees must have a positive scale");
        }
    }
    DAM_TRY(dam_onnx_trees(node, w->scale, w->shift, w->model, w->why));
    w->tail = dam_onnx_is(node->op, "TreeEnsembleClassifier");
    w->width = w->model->outputs;
    w->pending = false;
    return DAM_OK;
}

static enum dam_err on_softmax(struct walk *w, const struct dam_onnx_node *node)
{
    (void)node;
    w->model->link = DAM_LINK_SOFTMAX;
    w->model->classes = true;
    w->tail = true;
    return DAM_OK;
}

static enum dam_err on_nothing(struct walk *w, const struct dam_onnx_node *node)
{
    (void)w;
    (void)node;
    return DAM_OK;
}

static const struct {
    const char *op;
    enum dam_err (*run)(struct walk *w, const struct dam_onnx_node *node);
    bool tail; /* may also make labels and probabilities of the last sums */
} operators[] = {
    {"Gemm", on_matrix, false},
    {"MatMul", on_matrix, false},
    {"Add", on_arithmetic, false},
    {"Sub", on_arithmetic, true},
    {"Mul", on_arithmetic, false},
    {"Div", on_arithmetic, false},
    {"Scaler", on_scaler, false},
    {"BatchNormalization", on_batch_norm, false},
    {"Relu", on_activation, false},
    {"LeakyRelu", on_activation, false},
    {"Sigmoid", on_activation, false},
    {"Tanh", on_activation, false},
    {"Clip", on_clip, false},
    {"QuantizeLinear", on_quantize, true},
    {"DequantizeLinear", on_nothing, true},
    {"LinearRegressor", on_linear, false},
    {"LinearClassifier", on_linear, false},
    {"TreeEnsembleRegressor", on_trees, false},
    {"TreeEnsembleClassifier", on_trees, false},
    {"Softmax", on_softmax, false},
    {"LogSoftmax", on_softmax, false},
    {"Identity", on_nothing, true},
    {"Cast", on_nothing, true},
    {"Reshape", on_nothing, true},
    {"Flatten", on_nothing, true},
    {"Squeeze", on_nothing, true},
    {"Unsqueeze", on_nothing, true},
    {"Dropout", on_nothing, true},
    {"Normalizer", NULL, true},
    {"Concat", NULL, true},
    {"ArgMax", NULL, true},
    {"ZipMap", NULL, true},
    {"ArrayFeatureExtractor", NULL, true},
    {"Gather", NULL, true},
    {"LabelEncoder", NULL, true},
};

/* ---- the walk ---- */

/* A node whose inputs are all constants: the weights of a QDQ model, or a Constant. */
static enum dam_err fold_constant(struct walk *w, const struct dam_onnx_node *node)
{
    struct dam_onnx_tensor result = {0};
    const struct dam_onnx_tensor *in = constant_input(w, node, 0);
    if (dam_onnx_is(node->op, "Constant")) {
        struct dam_bytes value;
        struct dam_wire_field field;
        bool good = dam_onnx_attribute(node, "value", &value);
        while (good && dam_wire_next(&value, &field)) {
            if (field.number == 5 && result.values == NULL) {
                good = dam_onnx_tensor(field.bytes, &result);
            }
        }
        if (!good || result.values == NULL) {
            free(result.values);
            return refuse(w, node, "only constants that are tensors of numbers");
        }
    } else if (in != NULL) {
        const struct dam_onnx_tensor *scale = constant_input(w, node, 1);
        const struct dam_onnx_tensor *zero = constant_input(w, node, 2);
        bool dequantize = dam_onnx_is(node->op, "DequantizeLinear");
        if (!dequantize && !dam_onnx_is(node->op, "Identity") && !dam_onnx_is(node->op, "Cast")) {
            return refuse(w, node, "on constants: fold them before export (onnxsim)");
        }
        result = *in;
        result.values = calloc(in->count + 1, sizeof(*result.values));
        int64_t axis = dam_onnx_int(node, "axis", 1);
        axis += axis < 0 ? in->dims_count : 0;
        bool vector = dequantize && scale != NULL && scale->count > 1;
        if (result.values == NULL || (dequantize && (scale == NULL || scale->count == 0)) ||
            (vector && (axis < 0 || axis >= in->dims_count || scale->count != in->dims[axis])) ||
            (zero != NULL && zero->count != scale->count && zero->count != 1)) {
            free(result.values);
            return refuse(w, node, "its scale does not fit the tensor");
        }
        size_t inner = 1;
        for (int64_t d = axis + 1; vector && d < in->dims_count; d++) {
            inner *= in->dims[d];
        }
        for (size_t i = 0; i < in->count; i++) {
            size_t k = vector ? i / inner % scale->count : 0;
            double z = dequantize && zero != NULL ? zero->values[zero->count == 1 ? 0 : k] : 0;
            result.values[i] = dequantize ? (in->values[i] - z) * scale->values[k] : in->values[i];
        }
    }
    return constant_add(w, &result, node->outputs[0])
               ? DAM_OK
               : dam_why(w->why, DAM_EFULL, "more than %u constants", CONSTANTS_MAX);
}

static bool all_constant(const struct walk *w, const struct dam_onnx_node *node)
{
    for (uint32_t i = 0; i < node->inputs_count && i < DAM_COUNT_OF(node->inputs); i++) {
        if (node->inputs[i].len > 0 && constant(w, node->inputs[i]) == NULL) {
            return false;
        }
    }
    return node->inputs_count <= DAM_COUNT_OF(node->inputs);
}

static bool is_spent(const struct walk *w, const struct dam_onnx_node *node)
{
    for (uint32_t i = 0; i < node->inputs_count && i < DAM_COUNT_OF(node->inputs); i++) {
        for (uint32_t k = 0; k < w->spent_count; k++) {
            if (dam_bytes_eq(w->spent[k], node->inputs[i])) {
                return true;
            }
        }
    }
    return false;
}

/* Labels and probabilities: followed by name only, so that nothing real can hide behind them. */
static bool spend(struct walk *w, const struct dam_onnx_node *node)
{
    for (uint32_t i = 0; i < node->outputs_count && i < DAM_COUNT_OF(node->outputs); i++) {
        if (w->spent_count == NAMES_MAX) {
            return false;
        }
        w->spent[w->spent_count++] = node->outputs[i];
    }
    return true;
}

/* sklearn's two-class net: p = Sigmoid(sum), then [1 - p, p]. The sum is the score. */
static bool starts_two_classes(const struct walk *w, const struct dam_onnx_node *node)
{
    return dam_onnx_is(node->op, "Sub") && is_current(w, node, 1) && last(w) != NULL &&
           last(w)->activation == DAM_ACT_SIGMOID && last(w)->neurons == 1;
}

static enum dam_err on_node(struct walk *w, const struct dam_onnx_node *node)
{
    if (node->outputs_count == 0) {
        return dam_why(w->why, DAM_EPARSE, "an ONNX node has no output");
    }
    if (all_constant(w, node)) {
        return fold_constant(w, node);
    }
    size_t op = 0;
    while (op < DAM_COUNT_OF(operators) && !dam_onnx_is(node->op, operators[op].op)) {
        op++;
    }
    if (op == DAM_COUNT_OF(operators)) {
        return refuse(w, node,
                      "not supported; a net of Gemm, MatMul, Add, Relu, LeakyRelu, "
                      "Sigmoid, Tanh, Clip, scalers, or a TreeEnsemble is");
    }
    if (starts_two_classes(w, node)) {
        last(w)->activation = DAM_ACT_NONE;
        w->model->link = DAM_LINK_SIGMOID;
        w->model->classes = true;
        w->tail = true;
    }
    bool current = is_current(w, node, 0) || is_current(w, node, 1);
    if (w->tail || (operators[op].tail && is_spent(w, node)) ||
        (operators[op].run == NULL && w->model->layers_count + w->model->trees_count > 0)) {
        w->model->classes = w->model->classes || dam_onnx_is(node->op, "ArgMax");
        if (!operators[op].tail || !(current || is_spent(w, node))) {
            return refuse(w, node, "after the scores; export the model without it");
        }
        return spend(w, node) ? DAM_OK : refuse(w, node, "too many outputs");
    }
    if (!current || operators[op].run == NULL) {
        return refuse(w, node,
                      "it does not follow the row's vector; the graph must be one chain "
                      "from one input [rows, features]");
    }
    DAM_TRY(operators[op].run(w, node));
    if (w->tail) { /* every output belongs to the scores */
        return spend(w, node) ? DAM_OK : refuse(w, node, "too many outputs");
    }
    w->current = node->outputs[0];
    return DAM_OK;
}

static enum dam_err read_constants(struct walk *w, struct dam_bytes graph)
{
    struct dam_wire_field field;
    while (dam_wire_next(&graph, &field)) {
        if (field.number != 5 || field.type != 2) {
            continue;
        }
        struct dam_onnx_tensor tensor;
        if (!dam_onnx_tensor(field.bytes, &tensor)) {
            return dam_why(w->why, DAM_EUNSUPPORTED,
                           "an ONNX initializer is malformed, of a type that is no number of 8, "
                           "32 or 64 bits, or stored outside the file");
        }
        if (!constant_add(w, &tensor, tensor.name)) {
            return dam_why(w->why, DAM_EFULL, "more than %u constants", CONSTANTS_MAX);
        }
    }
    return graph.len == 0 ? DAM_OK : dam_why(w->why, DAM_EPARSE, "the ONNX graph is malformed");
}

static enum dam_err read_inputs(struct walk *w, struct dam_bytes graph)
{
    struct dam_wire_field field;
    uint32_t inputs = 0;
    while (dam_wire_next(&graph, &field)) {
        struct dam_bytes name;
        size_t width = 0;
        if (field.number != 11) {
            continue;
        }
        dam_onnx_value_info(field.bytes, &name, &width);
        if (constant(w, name) != NULL) { /* old files list initializers as inputs too */
            continue;
        }
        inputs++;
        w->current = name;
        if (width > DAM_FLOAT_INPUTS_MAX) {
            return dam_why(w->why, DAM_EUNSUPPORTED, "the model has %zu features; at most %u",
                           width, DAM_FLOAT_INPUTS_MAX);
        }
        (void)set_width(w, width);
    }
    return inputs == 1 ? DAM_OK
                       : dam_why(w->why, DAM_EUNSUPPORTED,
                                 "the ONNX graph has %u inputs; export it with one input "
                                 "[rows, features]",
                                 inputs);
}

static bool all_finite(const struct dam_float *model)
{
    for (uint32_t l = 0; l < model->layers_count; l++) {
        const struct dam_float_layer *layer = &model->layers[l];
        for (size_t i = 0; i < (size_t)layer->inputs * layer->neurons; i++) {
            if (!isfinite(layer->weights[i])) {
                return false;
            }
        }
        for (uint32_t j = 0; j < layer->neurons; j++) {
            if (!isfinite(layer->bias[j])) {
                return false;
            }
        }
    }
    return true;
}

static enum dam_err finish(struct walk *w)
{
    struct dam_float *model = w->model;
    if (model->trees_count > 0) {
        return DAM_OK;
    }
    if (w->pending && !dense(w, w->width, NULL, 0, 0)) {
        return dam_why(w->why, DAM_EUNSUPPORTED, "at most 16 layers");
    }
    if (model->layers_count == 0) {
        return dam_why(w->why, DAM_EPARSE, "the ONNX graph has neither layers nor trees");
    }
    if (!all_finite(model)) {
        return dam_why(w->why, DAM_EPARSE, "a weight is not finite");
    }
    model->kind = DAM_FLOAT_NET;
    model->outputs = last(w)->neurons;
    return model->outputs <= 64
               ? DAM_OK
               : dam_why(w->why, DAM_EUNSUPPORTED, "the model has %u outputs; at most 64 fit",
                         model->outputs);
}

static enum dam_err read_graph(struct walk *w, struct dam_bytes file)
{
    struct dam_bytes graph;
    if (!dam_onnx_graph(file, &graph)) {
        return dam_why(
            w->why, DAM_EPARSE,
            "neither XGBoost (JSON, UBJ) nor LightGBM (text) nor TensorFlow Lite nor a whole "
            "ONNX file");
    }
    DAM_TRY(read_constants(w, graph));
    DAM_TRY(read_inputs(w, graph));
    struct dam_wire_field field;
    while (dam_wire_next(&graph, &field)) {
        struct dam_onnx_node node;
        if (field.number != 1) {
            continue;
        }
        if (!dam_onnx_node(field.bytes, &node)) {
            return dam_why(w->why, DAM_EPARSE, "an ONNX node is malformed");
        }
        DAM_TRY(on_node(w, &node));
    }
    return finish(w);
}

enum dam_err dam_import_onnx(struct dam_bytes file, struct dam_float *ret, char *why)
{
    memset(ret, 0, sizeof(*ret));
    struct walk *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return dam_why(why, DAM_ENOMEM, "out of memory");
    }
    w->model = ret;
    w->why = why;
    ret->origin = "ONNX";
    enum dam_err err = read_graph(w, file);
    for (uint32_t i = 0; i < w->constants_count; i++) {
        free(w->constants[i].values);
    }
    free(w);
    if (err != DAM_OK) {
        dam_float_close(ret);
    }
    return err;
}
