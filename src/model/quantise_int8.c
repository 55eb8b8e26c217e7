// SPDX-License-Identifier: Apache-2.0
/* An int8 net of TensorFlow Lite is made of integers already: they are taken over as they are, and
 * the blob gives what its kernels give, bit for bit. Only the two ends are ours: a channel's value
 * becomes the nearest code, a code the nearest value. */
#include "model/quantise.h"

#include <math.h>
#include <stdlib.h>

bool dam_quantise_is_int8(const struct dam_float *model)
{
    bool is = model->kind == DAM_FLOAT_NET && model->layers_count <= DAM_MODEL_LAYERS_MAX;
    for (uint32_t l = 0; is && l < model->layers_count; l++) {
        const struct dam_float_layer *layer = &model->layers[l];
        is = layer->int8.step_in > 0 && layer->neurons <= DAM_MODEL_INPUTS_MAX &&
             (layer->activation == DAM_ACT_NONE || layer->activation == DAM_ACT_RELU) &&
             (l == 0 || (layer->int8.step_in == model->layers[l - 1].int8.step_out &&
                         layer->int8.zero_in == model->layers[l - 1].int8.zero_out));
    }
    return is;
}

/* The shift at which a ratio has 30 bits. */
static uint8_t shift_of(double ratio)
{
    int shift = 29 - ilogb(ratio);
    return (uint8_t)(shift < 0 ? 0 : shift > 62 ? 62 : shift);
}

static int32_t mul_of(double ratio, uint8_t shift)
{
    double mul = nearbyint(ldexp(ratio, shift));
    return mul > INT32_MAX ? INT32_MAX : (int32_t)mul;
}

/* What a net stores, codes from 0: the zero point of the inputs is in the bias. Returns: false out
 * of memory, or where the bias then has more than 31 bits. */
static bool make_layer(const struct dam_float_layer *from, bool first, struct dam_layer *layer)
{
    const struct dam_float_int8 *q = &from->int8;
    size_t inputs = from->inputs;
    *layer = (struct dam_layer){.inputs = (uint16_t)inputs,
                                .neurons = (uint16_t)from->neurons,
                                .shift = q->shift,
                                .mul = q->mul,
                                .rounding = (uint8_t)q->rounding,
                                .zero_in = (uint8_t)(first ? q->zero_in + 128 : 0),
                                .zero = (uint8_t)(q->zero_out + 128)};
    layer->low = from->activation == DAM_ACT_RELU ? layer->zero : 0;
    layer->bias = calloc((from->neurons + 7) / 8 * 8, sizeof(*layer->bias));
    layer->weights = calloc(from->neurons * inputs, sizeof(*layer->weights));
    if (layer->bias == NULL || layer->weights == NULL) {
        return false;
    }
    for (size_t j = 0; j < from->neurons; j++) {
        int64_t bias = llrint(from->bias[j] / q->step_bias);
        for (size_t at = j * inputs; at < (j + 1) * inputs; at++) {
            layer->weights[at] = (int16_t)nearbyint(from->weights[at] / q->step_weight);
            bias -= (int64_t)layer->weights[at] * (q->zero_in + 128);
        }
        if (llabs(bias) > 1 << 30) {
            return false;
        }
        layer->bias[j] = (int32_t)bias;
    }
    return true;
}

enum dam_err dam_quantise_int8(const struct dam_float *model, const struct dam_quantise *how,
                               struct dam_model *ret, char *why)
{
    const struct dam_float_layer *last = &model->layers[model->layers_count - 1];
    ret->kind = DAM_MODEL_INT8;
    ret->records = how->records;
    ret->frames = 1;
    ret->features_count = (uint16_t)model->inputs;
    ret->outputs_count = (uint16_t)model->outputs;
    ret->layers_count = (uint8_t)model->layers_count;
    for (uint32_t i = 0; i < model->inputs; i++) {
        const struct dam_input_spec *in = &how->inputs[i];
        double unit = dam_quantise_unit(in->decimals);
        struct dam_feature *feature = &ret->features[i];
        *feature = (struct dam_feature){
            .channel = in->channel, .period = in->period, .missing = dam_quantise_missing(how, i)};
        double steps = 65536 / (unit * model->layers[0].int8.step_in);
        feature->shift = shift_of(steps);
        feature->mul = mul_of(steps, feature->shift);
    }
    for (uint32_t l = 0; l < model->layers_count; l++) {
        if (!make_layer(&model->layers[l], l == 0, &ret->layers[l])) {
            return dam_why(why, DAM_EUNSUPPORTED,
                           "a bias of layer %u has more than 31 bits, or memory is short", l);
        }
    }
    uint8_t most = 0; /* decimals of an output */
    for (uint32_t j = 0; j < model->outputs; j++) {
        most = how->outputs[j].decimals > most ? how->outputs[j].decimals : most;
    }
    uint8_t shift = shift_of(last->int8.step_out * dam_quantise_unit(most));
    for (uint32_t j = 0; j < model->outputs; j++) {
        const struct dam_output_spec *spec = &how->outputs[j];
        double step = last->int8.step_out * dam_quantise_unit(spec->decimals);
        ret->outputs[j] = (struct dam_output){.bias = ret->layers[model->layers_count - 1].bias[j],
                                              .mul = mul_of(step, shift),
                                              .shift = shift,
                                              .min = spec->min,
                                              .max = spec->max};
    }
    return DAM_OK;
}
