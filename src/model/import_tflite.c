// SPDX-License-Identifier: Apache-2.0
/* TensorFlow Lite: dense nets, float or int8. The flatbuffer is read in place, every offset checked
 * against the file (tensorflow/lite/schema/schema.fbs names the fields by number). An int8 tensor's
 * range becomes a clip, as with ONNX's QDQ nodes, and a dense layer between int8 tensors keeps how
 * its kernel rounds. */
#include "model/float.h"

#include <math.h>
#include <stdlib.h>

#define OPERATORS_MAX 256u

enum builtin {
    DEQUANTIZE = 6,
    FULLY_CONNECTED = 9,
    LOGISTIC = 14,
    RELU = 19,
    RESHAPE = 22,
    SOFTMAX = 25,
    TANH = 28,
    QUANTIZE = 114,
};

enum element {
    FLOAT32 = 0,
    INT32 = 2,
    INT8 = 9,
};

/* A table; at 0 there is none: offset 0 is the file's own head. */
struct table {
    struct dam_bytes file;
    size_t at;
};

struct vector {
    struct dam_bytes file;
    size_t at; /* of the first element */
    size_t count;
};

static uint32_t u32(struct dam_bytes file, size_t at)
{
    const uint8_t *p = file.data + at;
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t u16(struct dam_bytes file, size_t at)
{
    return (uint16_t)(file.data[at] | file.data[at + 1] << 8);
}

/* What an offset stored at `at` points to; 0 where that is not in the file. */
static size_t follow(struct dam_bytes file, size_t at)
{
    size_t to = at == 0 || at > file.len - 4 ? 0 : at + u32(file, at);
    return to + 4 <= file.len ? to : 0;
}

/* Where a field of `size` bytes lies; 0: not set. */
static size_t field(struct table t, unsigned number, size_t size)
{
    if (t.at == 0 || t.at > t.file.len - 4) {
        return 0;
    }
    int64_t vtable = (int64_t)t.at - (int32_t)u32(t.file, t.at);
    if (vtable < 4 || vtable > (int64_t)t.file.len - 4) {
        return 0;
    }
    size_t vtable_len = u16(t.file, (size_t)vtable);
    size_t entry = 4 + 2 * (size_t)number;
    if (entry + 2 > vtable_len || (size_t)vtable + entry + 2 > t.file.len) {
        return 0;
    }
    size_t offset = u16(t.file, (size_t)vtable + entry);
    return offset == 0 || t.at + offset + size > t.file.len ? 0 : t.at + offset;
}

static struct table table_at(struct table t, unsigned number)
{
    return (struct table){t.file, follow(t.file, field(t, number, 4))};
}

static struct vector vector_at(struct table t, unsigned number, size_t size)
{
    size_t at = follow(t.file, field(t, number, 4));
    struct vector none = {t.file, 0, 0};
    if (at == 0) {
        return none;
    }
    size_t count = u32(t.file, at);
    return count > (t.file.len - at - 4) / size ? none : (struct vector){t.file, at + 4, count};
}

static struct table element(struct vector v, size_t i)
{
    return (struct table){v.file, i < v.count ? follow(v.file, v.at + 4 * i) : 0};
}

static int64_t number(struct vector v, size_t i)
{
    return i < v.count ? (int32_t)u32(v.file, v.at + 4 * i) : -1;
}

static double real(struct dam_bytes file, size_t at)
{
    uint32_t bits = u32(file, at);
    float v;
    memcpy(&v, &bits, sizeof(v));
    return (double)v;
}

/* ---- tensors ---- */

struct tensor {
    enum element type;
    struct vector shape;
    struct vector data; /* bytes; none: made while running */
    struct vector scales;
    struct vector zeros; /* 8 bytes each */
};

struct reader {
    struct dam_float *model;
    char *why;
    struct vector tensors;
    struct vector buffers;
    struct vector codes;
    int64_t current; /* the tensor that is followed */
};

static struct tensor tensor_of(const struct reader *r, int64_t index)
{
    struct table t = element(r->tensors, index < 0 ? SIZE_MAX : (size_t)index);
    struct table q = table_at(t, 4);
    size_t type = field(t, 1, 1);
    size_t buffer = field(t, 2, 4);
    return (struct tensor){
        .type = type == 0 ? FLOAT32 : (enum element)t.file.data[type],
        .shape = vector_at(t, 0, 4),
        .data = vector_at(element(r->buffers, buffer == 0 ? SIZE_MAX : u32(t.file, buffer)), 0, 1),
        .scales = vector_at(q, 2, 4),
        .zeros = vector_at(q, 3, 8)};
}

static double scale_of(const struct tensor *t, size_t channel)
{
    size_t i = t->scales.count == 1 ? 0 : channel;
    return i < t->scales.count ? real(t->scales.file, t->scales.at + 4 * i) : NAN;
}

static double zero_of(const struct tensor *t)
{
    return t->zeros.count == 0 ? 0 : (int32_t)u32(t->zeros.file, t->zeros.at);
}

/* One value, dequantised; NAN: not to be had. */
static double value_of(const struct tensor *t, size_t i, size_t channel)
{
    size_t size = t->type == INT8 ? 1 : 4;
    if ((i + 1) * size > t->data.count) {
        return NAN;
    }
    size_t at = t->data.at + i * size;
    switch (t->type) {
    case FLOAT32:
        return real(t->data.file, at);
    case INT32:
        return (int32_t)u32(t->data.file, at) * scale_of(t, channel);
    case INT8:
        return ((int8_t)t->data.file.data[at] - zero_of(t)) * scale_of(t, channel);
    }
    return NAN;
}

/* ---- operators ---- */

static struct dam_float_layer *last(const struct reader *r)
{
    return r->model->layers_count == 0 ? NULL : &r->model->layers[r->model->layers_count - 1];
}

/* An int8 tensor holds no more than its range. */
static void clip_to(struct dam_float_layer *layer, const struct tensor *t)
{
    if (t->type == INT8 && !isnan(scale_of(t, 0))) {
        layer->min = fmax(layer->min, (-128 - zero_of(t)) * scale_of(t, 0));
        layer->max = fmin(layer->max, (127 - zero_of(t)) * scale_of(t, 0));
    }
}

/* How the kernel of a dense layer computes, where all its tensors are integers with one step each
 * and the product of the steps is finer than the output's (tensorflow/lite/kernels/kernel_util.cc,
 * GetQuantizedConvolutionMultipler, and internal/quantization_util.cc, QuantizeMultiplier). */
static struct dam_float_int8 kernel_of(const struct tensor *in, const struct tensor *w,
                                       const struct tensor *b, const struct tensor *out)
{
    struct dam_float_int8 none = {0};
    struct dam_float_int8 q = {.step_in = scale_of(in, 0),
                               .step_weight = scale_of(w, 0),
                               .step_bias = b->data.count == 0 ? 1 : scale_of(b, 0),
                               .step_out = scale_of(out, 0),
                               .zero_in = (int32_t)zero_of(in),
                               .zero_out = (int32_t)zero_of(out)};
    bool integers = in->type == INT8 && w->type == INT8 && out->type == INT8 &&
                    (b->type == INT32 || b->data.count == 0) && w->scales.count == 1 &&
                    zero_of(w) == 0 && q.step_in > 0 && q.step_weight > 0 && q.step_bias > 0 &&
                    q.step_out > 0 && abs(q.zero_in) <= 128 && abs(q.zero_out) <= 128;
    if (!integers) {
        return none;
    }
    int exponent = 0;
    float product = (float)q.step_in * (float)q.step_weight; /* in float32 there, too */
    double fraction = frexp((double)product / q.step_out, &exponent);
    double mul = round(ldexp(fraction, 31));
    if (!(mul >= 1) || exponent > 0 || exponent < -31 || mul > INT32_MAX) {
        return none;
    }
    q.mul = (int32_t)mul;
    q.shift = (uint8_t)-exponent;
    q.rounding = DAM_ROUND_TWICE;
    return q;
}

static enum dam_err dense(struct reader *r, struct table op)
{
    struct vector inputs = vector_at(op, 1, 4);
    struct tensor in = tensor_of(r, number(inputs, 0));
    struct tensor w = tensor_of(r, number(inputs, 1));
    struct tensor b = tensor_of(r, number(inputs, 2));
    struct tensor out = tensor_of(r, number(vector_at(op, 2, 4), 0));
    int64_t neurons = number(w.shape, 0);
    int64_t width = number(w.shape, 1);
    struct dam_float_layer *before = last(r);
    size_t fused_at = field(table_at(op, 4), 0, 1);
    uint8_t fused = fused_at == 0 ? 0 : op.file.data[fused_at];
    if (w.shape.count != 2 || neurons < 1 || neurons > (int64_t)DAM_FLOAT_INPUTS_MAX || width < 1 ||
        width > (int64_t)DAM_FLOAT_INPUTS_MAX ||
        (before != NULL && before->neurons != (uint32_t)width)) {
        return dam_why(r->why, DAM_EUNSUPPORTED,
                       "TensorFlow Lite FULLY_CONNECTED: weights of a shape that does not fit what "
                       "comes before; export a plain chain of dense layers");
    }
    if (fused > 1) {
        return dam_why(r->why, DAM_EUNSUPPORTED,
                       "TensorFlow Lite FULLY_CONNECTED: fused activation %u; ReLU or none", fused);
    }
    struct dam_float_layer *layer =
        dam_float_layer_add(r->model, (uint32_t)width, (uint32_t)neurons);
    if (layer == NULL) {
        return dam_why(r->why, DAM_EFULL, "more than %u layers", DAM_FLOAT_LAYERS_MAX);
    }
    for (size_t j = 0; j < (size_t)neurons; j++) {
        double bias = b.data.count == 0 ? 0 : value_of(&b, j, j);
        bool good = isfinite(bias);
        for (size_t i = 0; i < (size_t)width; i++) {
            double v = value_of(&w, j * (size_t)width + i, j);
            layer->weights[j * (size_t)width + i] = v;
            good = good && isfinite(v);
        }
        layer->bias[j] = bias;
        if (!good) {
            return dam_why(r->why, DAM_EPARSE, "a weight of neuron %zu is not in the file", j);
        }
    }
    layer->activation = fused == 1 ? DAM_ACT_RELU : DAM_ACT_NONE;
    layer->int8 = kernel_of(&in, &w, &b, &out);
    clip_to(layer, &out);
    r->model->inputs = before == NULL ? (uint32_t)width : r->model->inputs;
    return DAM_OK;
}

static enum dam_err activation(struct reader *r, enum dam_activation what)
{
    struct dam_float_layer *layer = last(r);
    if (layer == NULL || layer->activation != DAM_ACT_NONE) {
        return dam_why(r->why, DAM_EUNSUPPORTED,
                       "TensorFlow Lite: an activation that follows no dense layer");
    }
    layer->activation = what;
    layer->min = -INFINITY;
    layer->max = INFINITY;
    return DAM_OK;
}

static enum dam_err operate(struct reader *r, struct table op, bool is_last)
{
    size_t index_at = field(op, 0, 4);
    struct table code = element(r->codes, index_at == 0 ? 0 : u32(op.file, index_at));
    size_t old = field(code, 0, 1);
    size_t new = field(code, 3, 4);
    int32_t builtin = new != 0 ? (int32_t)u32(code.file, new) : old != 0 ? code.file.data[old] : 0;
    if (old != 0 && code.file.data[old] < 127 && builtin == 0) {
        builtin = code.file.data[old]; /* written before the field had 32 bits */
    }
    if (number(vector_at(op, 1, 4), 0) != r->current) {
        return dam_why(r->why, DAM_EUNSUPPORTED,
                       "TensorFlow Lite: the graph forks; a mind is one chain of dense layers");
    }
    r->current = number(vector_at(op, 2, 4), 0);
    switch (builtin) {
    case FULLY_CONNECTED:
        return dense(r, op);
    case QUANTIZE:
    case DEQUANTIZE:
    case RESHAPE:
        return DAM_OK;
    case RELU:
        return activation(r, DAM_ACT_RELU);
    case TANH:
        return activation(r, DAM_ACT_TANH);
    case LOGISTIC:
        if (is_last) {
            r->model->link = DAM_LINK_SIGMOID;
            return DAM_OK;
        }
        return activation(r, DAM_ACT_SIGMOID);
    case SOFTMAX:
        r->model->link = DAM_LINK_SOFTMAX;
        r->model->classes = true;
        return DAM_OK;
    default:
        return dam_why(r->why, DAM_EUNSUPPORTED,
                       "TensorFlow Lite operator %d: only dense layers and their activations fit a "
                       "mind; convert it to ONNX and let it be a perceptor ([link] kind onnx)",
                       builtin);
    }
}

enum dam_err dam_import_tflite(struct dam_bytes file, struct dam_float *ret, char *why)
{
    struct dam_float model = {.kind = DAM_FLOAT_NET, .origin = "TensorFlow Lite"};
    memset(ret, 0, sizeof(*ret));
    if (file.len < 16 || memcmp(file.data + 4, "TFL3", 4) != 0) {
        return dam_why(why, DAM_EPARSE, "this is no TensorFlow Lite file");
    }
    struct table root = {file, 0};
    root.at = u32(file, 0) <= file.len - 4 ? u32(file, 0) : 0;
    struct vector graphs = vector_at(root, 2, 4);
    struct table graph = element(graphs, 0);
    struct vector operators = vector_at(graph, 3, 4);
    struct reader r = {.model = &model,
                       .why = why,
                       .tensors = vector_at(graph, 0, 4),
                       .buffers = vector_at(root, 4, 4),
                       .codes = vector_at(root, 1, 4)};
    r.current = number(vector_at(graph, 1, 4), 0);
    if (graphs.count != 1 || operators.count == 0 || operators.count > OPERATORS_MAX) {
        return dam_why(why, DAM_EUNSUPPORTED,
                       "TensorFlow Lite: %zu graphs with %zu operators; one with up to %u fits",
                       graphs.count, operators.count, OPERATORS_MAX);
    }
    enum dam_err err = DAM_OK;
    for (size_t i = 0; err == DAM_OK && i < operators.count; i++) {
        err = operate(&r, element(operators, i), i + 1 == operators.count);
    }
    if (err == DAM_OK && model.layers_count == 0) {
        err = dam_why(why, DAM_EUNSUPPORTED, "TensorFlow Lite: there is no dense layer");
    }
    if (err != DAM_OK) {
        dam_float_close(&model);
        return err;
    }
    model.outputs = last(&r)->neurons;
    *ret = model;
    return DAM_OK;
}
