// SPDX-License-Identifier: Apache-2.0
#include "model/quantise.h"

#include <math.h>
#include <stdlib.h>

/* How a layer's input comes back from its codes: value = low + step * code. */
struct coding {
    double low[DAM_FLOAT_INPUTS_MAX];
    double step[DAM_FLOAT_INPUTS_MAX];
};

/* Sums of one layer over the calibration rows. */
struct range {
    double low[DAM_FLOAT_INPUTS_MAX];
    double high[DAM_FLOAT_INPUTS_MAX];
};

struct work {
    const struct dam_float *model; /* as reshape() left it */
    const struct dam_quantise *how;
    bool wide;
    double code_max;
    struct coding in;
    struct coding out;
    struct range ranges[DAM_FLOAT_LAYERS_MAX];
    double buffer[2][DAM_FLOAT_INPUTS_MAX];
};

static bool curved(const struct dam_float_layer *layer)
{
    return layer->activation == DAM_ACT_SIGMOID || layer->activation == DAM_ACT_TANH ||
           layer->activation == DAM_ACT_LEAKY;
}

/* ---- calibration ---- */

static size_t calibrate(struct work *w)
{
    const struct dam_rows *rows = w->how->rows;
    size_t used = 0;
    for (size_t r = 0; r < rows->rows; r++) {
        const double *in = w->buffer[0];
        bool whole = true;
        for (uint32_t i = 0; i < w->model->inputs; i++) {
            w->buffer[0][i] = rows->values[r * rows->columns + i];
            whole = whole && !isnan(w->buffer[0][i]);
        }
        for (uint32_t l = 0; whole && l < w->model->layers_count; l++) {
            struct dam_float_layer bare = w->model->layers[l];
            bare.activation = DAM_ACT_NONE;
            bare.min = -INFINITY;
            bare.max = INFINITY;
            bare.int8 = (struct dam_float_int8){0};
            double *out = w->buffer[(l + 1) % 2];
            dam_float_layer_eval(&bare, in, out);
            for (uint32_t j = 0; j < bare.neurons; j++) {
                struct range *range = &w->ranges[l];
                range->low[j] = used == 0 || out[j] < range->low[j] ? out[j] : range->low[j];
                range->high[j] = used == 0 || out[j] > range->high[j] ? out[j] : range->high[j];
                out[j] = dam_float_activate(&w->model->layers[l], out[j]);
            }
            in = out;
        }
        used += whole;
    }
    /* Rows to come may go further. Wide codes have room to spare. */
    for (uint32_t l = 0; l < w->model->layers_count; l++) {
        struct range *range = &w->ranges[l];
        for (uint32_t j = 0; j < w->model->layers[l].neurons; j++) {
            double margin = (range->high[j] - range->low[j]) * (w->wide ? 0.5 : 0.02);
            range->low[j] -= margin;
            range->high[j] += margin;
            if (!(range->high[j] - range->low[j] > 1e-9)) {
                range->high[j] = range->low[j] + 1;
            }
        }
    }
    return used;
}

/* ---- the features ---- */

static void make_feature(struct work *w, uint32_t i, struct dam_feature *ret)
{
    const struct dam_input_spec *spec = &w->how->inputs[i];
    double unit = dam_quantise_unit(spec->decimals);
    double width = (double)spec->max - (double)spec->min + 1;
    double codes = w->code_max / width; /* a step of the channel is so many codes */
    double step = 0;                    /* of a code, in steps of the channel */
    *ret = (struct dam_feature){.channel = spec->channel,
                                .period = spec->period,
                                .center = spec->min,
                                .missing = dam_quantise_missing(w->how, i)};
    if (codes >= 1) { /* whole codes: the feature is exact */
        ret->mul = (int32_t)codes;
        step = 1 / (double)ret->mul;
        w->in.low[i] = (double)spec->min / unit;
    } else {
        int shift = 29 - ilogb(codes);
        ret->shift = (uint8_t)(shift > 62 ? 62 : shift);
        ret->mul = (int32_t)ldexp(codes, ret->shift);
        step = ldexp(1, ret->shift) / (double)(ret->mul == 0 ? 1 : ret->mul);
        w->in.low[i] = ((double)spec->min + (step - 1) / 2) / unit; /* the middle of the bin */
    }
    w->in.step[i] = step / unit;
}

/* ---- a layer ---- */

/* Steps of the row's weights: as fine as 8 bits, or as int32 sums, allow. */
static double weight_step(const struct work *w, const double *row, uint32_t inputs, double bias)
{
    double sum = 0;
    double top = 0;
    for (uint32_t i = 0; i < inputs; i++) {
        double size = fabs(row[i]);
        sum += size;
        top = size > top ? size : top;
    }
    double step =
        w->wide ? (32767 * sum + fabs(bias)) / (double)(INT32_MAX - 32767 * 129) : top / 127;
    double least = w->wide ? top / 32767 : fabs(bias) / (1 << 29);
    step = step > least ? step : least;
    return step > 0 ? step : 1;
}

/* The largest shift at which no ratio leaves 31 bits. */
static uint8_t common_shift(const double *ratio, uint32_t count)
{
    double top = 0;
    for (uint32_t j = 0; j < count; j++) {
        top = ratio[j] > top ? ratio[j] : top;
    }
    int shift = top > 0 ? 29 - ilogb(top) : 0;
    return (uint8_t)(shift < 0 ? 0 : shift > 62 ? 62 : shift);
}

/* What the codes of this layer mean: out = low + step * code; sums: the same before the table. */
static void code_layer(struct work *w, uint32_t l, struct dam_layer *layer, double *low,
                       double *step)
{
    const struct dam_float_layer *from = &w->model->layers[l];
    struct range *range = &w->ranges[l];
    if (!curved(from)) {
        for (uint32_t j = 0; j < from->neurons; j++) {
            bool relu = from->activation == DAM_ACT_RELU;
            low[j] = relu ? 0 : range->low[j];
            low[j] = low[j] < from->min ? from->min : low[j];
            double high = range->high[j] > from->max ? from->max : range->high[j];
            step[j] = (high > low[j] ? high - low[j] : 1) / w->code_max;
            w->out.low[j] = low[j];
            w->out.step[j] = step[j];
        }
        return;
    }
    double least = range->low[0];
    double most = range->high[0];
    for (uint32_t j = 1; j < from->neurons; j++) {
        least = range->low[j] < least ? range->low[j] : least;
        most = range->high[j] > most ? range->high[j] : most;
    }
    /* Beyond these the curve is flat to the last code. */
    double flat = from->activation == DAM_ACT_SIGMOID ? 11
                  : from->activation == DAM_ACT_TANH  ? 6
                                                      : 1e30;
    least = least < -flat ? -flat : least > flat - 1 ? flat - 1 : least;
    most = most > flat ? flat : most < least + 1e-3 ? least + 1e-3 : most;
    double sum_step = (most - least) / 32767;
    double bottom = dam_float_activate(from, least);
    double out_step = (dam_float_activate(from, most) - bottom) / 32767;
    out_step = out_step > 0 ? out_step : 1;
    for (uint32_t i = 0; i < 257; i++) {
        double y = (dam_float_activate(from, least + sum_step * 128 * i) - bottom) / out_step;
        layer->table[i] = (uint16_t)(!(y > 0) ? 0 : y > 32767 ? 32767 : nearbyint(y));
    }
    for (uint32_t j = 0; j < from->neurons; j++) {
        low[j] = least;
        step[j] = sum_step;
        w->out.low[j] = bottom;
        w->out.step[j] = out_step;
    }
}

/* A hidden layer has one multiplier: worth / step must be the same for all its neurons. Where the
 * codes have a fixed meaning (a clip at the top, a table) the weights give way. Else a neuron takes
 * larger code steps: with 16 bits the codes have plenty; with 8 bits both meet in the middle. */
static void share_multiplier(struct work *w, const struct dam_float_layer *from, double *worth,
                             double *step)
{
    bool is_fixed = curved(from) || !isinf(from->max);
    double least = INFINITY;
    double most = 0;
    double logs = 0;
    for (uint32_t j = 0; j < from->neurons; j++) {
        double ratio = worth[j] / step[j];
        least = ratio < least ? ratio : least;
        most = ratio > most ? ratio : most;
        logs += log(ratio);
    }
    double shared = is_fixed ? most : w->wide ? least : exp(logs / from->neurons);
    for (uint32_t j = 0; j < from->neurons; j++) {
        if (!is_fixed) {
            step[j] = worth[j] / shared > step[j] ? worth[j] / shared : step[j];
            w->out.step[j] = step[j];
        }
        worth[j] = shared * step[j];
    }
}

static bool layer_alloc(struct dam_layer *layer, const struct dam_float_layer *from, bool table)
{
    size_t padded = ((size_t)from->neurons + 7) / 8 * 8;
    layer->inputs = (uint16_t)from->inputs;
    layer->neurons = (uint16_t)from->neurons;
    layer->bias = calloc(padded, sizeof(*layer->bias));
    layer->weights = calloc((size_t)from->neurons * from->inputs, sizeof(*layer->weights));
    layer->table = table ? calloc(257, sizeof(*layer->table)) : NULL;
    return layer->bias != NULL && layer->weights != NULL && (!table || layer->table != NULL);
}

static bool fits_int32(double value)
{
    return value >= INT32_MIN && value <= INT32_MAX; /* no NaN does */
}

/* A bound of the net where it lies within the channel's, else the channel's own. */
static int64_t bound_within(double bound, const struct dam_output_spec *spec)
{
    return bound <= (double)spec->min   ? spec->min
           : bound >= (double)spec->max ? spec->max
                                        : (int64_t)bound;
}

static void make_output(const struct dam_float_layer *from, const struct dam_output_spec *spec,
                        struct dam_output *ret)
{
    double unit = dam_quantise_unit(spec->decimals);
    double least = from->activation == DAM_ACT_RELU && from->min < 0 ? 0 : from->min;
    *ret = (struct dam_output){.min = bound_within(ceil(least * unit), spec),
                               .max = bound_within(floor(from->max * unit), spec)};
}

static enum dam_err make_layer(struct work *w, uint32_t l, bool is_last, struct dam_model *ret)
{
    const struct dam_float_layer *from = &w->model->layers[l];
    struct dam_layer *layer = &ret->layers[l];
    double low[DAM_MODEL_INPUTS_MAX] = {0};
    double step[DAM_MODEL_INPUTS_MAX];
    double ratio[DAM_MODEL_INPUTS_MAX];
    double worth[DAM_MODEL_INPUTS_MAX]; /* of one step of the sum */
    double bias[DAM_MODEL_INPUTS_MAX];
    double row[DAM_MODEL_INPUTS_MAX];
    if (!layer_alloc(layer, from, !is_last && curved(from))) {
        return DAM_ENOMEM;
    }
    for (uint32_t j = 0; is_last && j < from->neurons; j++) {
        step[j] = 1 / dam_quantise_unit(w->how->outputs[j].decimals);
    }
    if (!is_last) {
        code_layer(w, l, layer, low, step);
    }
    for (uint32_t j = 0; j < from->neurons; j++) {
        bias[j] = from->bias[j] - low[j];
        for (uint32_t i = 0; i < from->inputs; i++) {
            double weight = from->weights[(size_t)j * from->inputs + i];
            row[i] = weight * w->in.step[i];
            bias[j] += weight * w->in.low[i];
        }
        worth[j] = weight_step(w, row, from->inputs, bias[j]);
    }
    if (!is_last) {
        share_multiplier(w, from, worth, step);
    }
    for (uint32_t j = 0; j < from->neurons; j++) {
        ratio[j] = worth[j] / step[j];
        /* Half a step of the result in front of floor rounds to nearest. */
        bias[j] = nearbyint((bias[j] + step[j] / 2) / worth[j]);
        for (uint32_t i = 0; i < from->inputs; i++) {
            size_t at = (size_t)j * from->inputs + i;
            double weight = nearbyint(from->weights[at] * w->in.step[i] / worth[j]);
            if (!(fabs(weight) <= INT16_MAX)) {
                return DAM_ERANGE;
            }
            layer->weights[at] = (int16_t)weight;
        }
    }
    layer->shift = common_shift(ratio, from->neurons);
    for (uint32_t j = 0; j < from->neurons; j++) {
        double mul = nearbyint(ldexp(ratio[j], layer->shift));
        if (!fits_int32(mul) || !fits_int32(bias[j])) {
            return DAM_ERANGE;
        }
        if (is_last) {
            make_output(from, &w->how->outputs[j], &ret->outputs[j]);
            ret->outputs[j].bias = (int32_t)bias[j];
            ret->outputs[j].mul = (int32_t)mul;
            ret->outputs[j].shift = layer->shift;
        } else {
            layer->bias[j] = (int32_t)bias[j];
            layer->mul = mul > 0 ? (int32_t)mul : 1;
        }
    }
    w->in = w->out;
    return DAM_OK;
}

/* One layer without a curve needs no codes: integers as they are, weights of 32 bits. */
static bool make_linear(struct work *w, struct dam_model *ret)
{
    const struct dam_float_layer *from = &w->model->layers[0];
    ret->kind = DAM_MODEL_LINEAR;
    ret->layers_count = 0;
    ret->linear = calloc((size_t)from->neurons * from->inputs, sizeof(*ret->linear));
    if (ret->linear == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < from->inputs; i++) {
        const struct dam_input_spec *spec = &w->how->inputs[i];
        ret->features[i] = (struct dam_feature){.channel = spec->channel,
                                                .period = spec->period,
                                                .center = spec->min / 2 + spec->max / 2,
                                                .missing = dam_quantise_missing(w->how, i),
                                                .mul = 1};
    }
    for (uint32_t j = 0; j < from->neurons; j++) {
        const struct dam_output_spec *spec = &w->how->outputs[j];
        double unit = dam_quantise_unit(spec->decimals);
        double sum = from->bias[j] * unit;
        double top = 0;
        double row[DAM_MODEL_INPUTS_MAX];
        for (uint32_t i = 0; i < from->inputs; i++) {
            row[i] = from->weights[(size_t)j * from->inputs + i] * unit /
                     dam_quantise_unit(w->how->inputs[i].decimals);
            sum += row[i] * (double)ret->features[i].center;
            top = fabs(row[i]) > top ? fabs(row[i]) : top;
        }
        int shift = top > 0 ? 29 - ilogb(top) : 29;
        if (shift < 0 || fabs(sum) > 9e15) {
            return false;
        }
        struct dam_output *out = &ret->outputs[j];
        *out = (struct dam_output){.mul = 1,
                                   .shift = (uint8_t)(shift > 29 ? 29 : shift),
                                   .offset = (int64_t)floor(sum),
                                   .min = spec->min,
                                   .max = spec->max};
        out->bias = (int32_t)floor(ldexp(sum - floor(sum) + 0.5, out->shift));
        for (uint32_t i = 0; i < from->inputs; i++) {
            ret->linear[(size_t)j * from->inputs + i] =
                (int32_t)nearbyint(ldexp(row[i], out->shift));
        }
    }
    return true;
}

static enum dam_err check_shape(const struct dam_float *model, bool wide, char *why)
{
    if (model->layers_count > DAM_MODEL_LAYERS_MAX) {
        return dam_why(why, DAM_EUNSUPPORTED, "the net has %u layers; a mind takes %u",
                       model->layers_count, DAM_MODEL_LAYERS_MAX);
    }
    for (uint32_t l = 0; l < model->layers_count; l++) {
        const struct dam_float_layer *layer = &model->layers[l];
        if (layer->neurons > DAM_MODEL_INPUTS_MAX) {
            return dam_why(why, DAM_EUNSUPPORTED,
                           "layer %u has %u neurons; a mind takes %u: train a narrower net, or "
                           "run this one as a perceptor",
                           l, layer->neurons, DAM_MODEL_INPUTS_MAX);
        }
        if (curved(layer) && !wide) {
            return dam_why(why, DAM_EUNSUPPORTED,
                           "layer %u has a smooth activation; only 16 bits have tables for it", l);
        }
    }
    return DAM_OK;
}

static enum dam_err make_net(struct work *w, struct dam_model *ret, char *why)
{
    const struct dam_float *model = w->model;
    DAM_TRY(check_shape(model, w->wide, why));
    ret->records = w->how->records;
    ret->frames = 1;
    ret->features_count = (uint16_t)model->inputs;
    ret->outputs_count = (uint16_t)model->outputs;
    const struct dam_float_layer *first = &model->layers[0];
    if (model->layers_count == 1 && first->activation == DAM_ACT_NONE && isinf(first->min) &&
        isinf(first->max)) {
        return make_linear(w, ret)
                   ? DAM_OK
                   : dam_why(why, DAM_EUNSUPPORTED,
                             "a weight or the bias is too large for 32 bits at these decimals; "
                             "give the output fewer");
    }
    ret->kind = w->wide ? DAM_MODEL_WIDE : DAM_MODEL_MLP;
    ret->layers_count = (uint8_t)model->layers_count;
    if (calibrate(w) == 0) {
        return dam_why(why, DAM_ERANGE, "every row has a missing value; a net needs whole rows");
    }
    for (uint32_t i = 0; i < model->inputs; i++) {
        make_feature(w, i, &ret->features[i]);
    }
    for (uint32_t l = 0; l < model->layers_count; l++) {
        enum dam_err err = make_layer(w, l, l + 1 == model->layers_count, ret);
        if (err != DAM_OK) {
            return dam_why(why, err,
                           err == DAM_ENOMEM ? "out of memory"
                                             : "layer %u has a weight, a bias or a sum that no "
                                               "integer of the blob can hold",
                           l);
        }
    }
    return DAM_OK;
}

/* leaky(x) = relu(x) - slope * relu(-x): twice the neurons, no table, exact. Where they do not fit,
 * or a clip follows, the layer stays and gets a table. */
static bool split_leaky(struct dam_float *net, uint32_t l)
{
    struct dam_float_layer *layer = &net->layers[l];
    if (layer->activation != DAM_ACT_LEAKY || l + 1 == net->layers_count || !isinf(layer->min) ||
        !isinf(layer->max) || 2 * layer->neurons > DAM_MODEL_INPUTS_MAX) {
        return true;
    }
    struct dam_float_layer *next = &net->layers[l + 1];
    uint32_t n = layer->neurons;
    size_t row = layer->inputs;
    double *weights = calloc(2 * n * row, sizeof(*weights));
    double *bias = calloc(2 * (size_t)n, sizeof(*bias));
    double *onward = calloc(2 * (size_t)n * next->neurons, sizeof(*onward));
    if (weights == NULL || bias == NULL || onward == NULL) {
        free(weights);
        free(bias);
        free(onward);
        return false;
    }
    for (size_t i = 0; i < n * row; i++) {
        weights[i] = layer->weights[i];
        weights[n * row + i] = -layer->weights[i];
    }
    for (uint32_t j = 0; j < n; j++) {
        bias[j] = layer->bias[j];
        bias[n + j] = -layer->bias[j];
        for (uint32_t k = 0; k < next->neurons; k++) {
            double w = next->weights[(size_t)k * n + j];
            onward[(size_t)k * 2 * n + j] = w;
            onward[(size_t)k * 2 * n + n + j] = -layer->slope * w;
        }
    }
    free(layer->weights);
    free(layer->bias);
    free(next->weights);
    layer->weights = weights;
    layer->bias = bias;
    layer->neurons = 2 * n;
    layer->activation = DAM_ACT_RELU;
    next->weights = onward;
    next->inputs = 2 * n;
    return true;
}

/* A copy of the net in the shapes that a blob has: an identity behind a curved last layer. */
static bool reshape(const struct dam_float *model, struct dam_float *ret)
{
    *ret =
        (struct dam_float){.kind = model->kind, .inputs = model->inputs, .outputs = model->outputs};
    for (uint32_t l = 0; l < model->layers_count; l++) {
        const struct dam_float_layer *from = &model->layers[l];
        struct dam_float_layer *to = dam_float_layer_add(ret, from->inputs, from->neurons);
        if (to == NULL) {
            return false;
        }
        memcpy(to->weights, from->weights,
               (size_t)from->inputs * from->neurons * sizeof(*to->weights));
        memcpy(to->bias, from->bias, from->neurons * sizeof(*to->bias));
        to->activation = from->activation;
        to->slope = from->slope;
        to->min = from->min;
        to->max = from->max;
    }
    if (curved(&ret->layers[ret->layers_count - 1])) {
        struct dam_float_layer *last = dam_float_layer_add(ret, model->outputs, model->outputs);
        for (uint32_t j = 0; last != NULL && j < model->outputs; j++) {
            last->weights[(size_t)j * model->outputs + j] = 1;
        }
        if (last == NULL) {
            return false;
        }
    }
    for (uint32_t l = 0; l < ret->layers_count; l++) {
        if (!split_leaky(ret, l)) {
            return false;
        }
    }
    return true;
}

enum dam_err dam_quantise_net(const struct dam_float *model, const struct dam_quantise *how,
                              bool wide, struct dam_model *ret, char *why)
{
    struct work *w = calloc(1, sizeof(*w));
    struct dam_float shaped;
    enum dam_err err = DAM_OK;
    if (!reshape(model, &shaped) || w == NULL) {
        err = dam_why(why, DAM_EUNSUPPORTED, "the net has more than 15 layers, or memory is short");
    } else {
        *w = (struct work){
            .model = &shaped, .how = how, .wide = wide, .code_max = wide ? 32767 : 255};
        err = make_net(w, ret, why);
    }
    dam_float_close(&shaped);
    free(w);
    if (err != DAM_OK) {
        dam_model_close(ret);
    }
    return err;
}
