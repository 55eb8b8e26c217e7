// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"
#include "model/kernel.h"
#include "model/model.h"

typedef __int128 wide; // the widths of docs/spec/model.md section 8 that exceed 63 bits

static const struct dam_kernel *kernel;

void dam_model_portable(bool on)
{
    kernel = on ? dam_kernel_portable() : dam_kernel_best();
}

static inline const struct dam_kernel *the_kernel(void)
{
    if (kernel == NULL) {
        dam_model_portable(false);
    }
    return kernel;
}

const char *dam_model_kernel(void)
{
    return the_kernel()->name;
}

static inline int64_t sat(wide x, int64_t min, int64_t max)
{
    return x < min ? min : x > max ? max : (int64_t)x;
}

static int64_t raw_feature(const struct dam_feature *feature, const uint8_t *observation)
{
    const uint8_t *record = observation + 16 * (size_t)feature->channel;
    uint8_t quality = record[12];
    if (feature->field == 0 && (quality == 2 || quality == 4)) {
        return feature->missing;
    }
    int64_t r = feature->field == 0   ? (int64_t)dam_load_be64(record)
                : feature->field == 1 ? (int64_t)dam_load_be32(record + 8)
                                      : quality;
    if (feature->period > 0) {
        r %= (int64_t)feature->period;
        r += r < 0 ? (int64_t)feature->period : 0;
    }
    return r;
}

void dam_model_raw(const struct dam_model *model, struct dam_bytes memory,
                   struct dam_bytes observation, int64_t *ret_raw)
{
    size_t n = model->features_count;
    for (size_t i = 0; i < n; i++) {
        ret_raw[i] = raw_feature(&model->features[i], observation.data);
    }
    bool first = memory.len != dam_model_memory_len(model);
    for (size_t i = n; i < n * model->frames; i++) {
        ret_raw[i] = first ? ret_raw[i % n] : (int64_t)dam_load_be64(memory.data + 8 * (i - n));
    }
}

static int64_t output(const struct dam_output *out, wide acc)
{
    return sat(out->offset + (((acc + out->bias) * out->mul) >> out->shift), out->min, out->max);
}

/* The input of section 2. */
static inline int64_t input(const struct dam_feature *feature, int64_t raw, int64_t min,
                            int64_t max)
{
    int64_t d;
    int64_t product;
    if (!__builtin_sub_overflow(raw, feature->center, &d) &&
        !__builtin_mul_overflow(d, (int64_t)feature->mul, &product)) {
        product >>= feature->shift;
        return product < min ? min : product > max ? max : product;
    }
    return sat((((wide)raw - feature->center) * feature->mul) >> feature->shift, min, max);
}

static void linear(const struct dam_model *model, const int64_t *raw, int64_t *ret)
{
    size_t inputs = dam_model_inputs(model);
    for (size_t j = 0; j < model->outputs_count; j++) {
        wide acc = 0;
        for (size_t i = 0; i < inputs; i++) {
            const struct dam_feature *feature = &model->features[i % model->features_count];
            acc +=
                (wide)model->linear[j * inputs + i] * input(feature, raw[i], INT64_MIN, INT64_MAX);
        }
        ret[j] = output(&model->outputs[j], acc);
    }
}

/* Section 6: a smooth activation as 257 points with straight lines between them. */
static void look_up(const uint16_t *table, int16_t *u, size_t count)
{
    for (size_t j = 0; j < count; j++) {
        int32_t at = u[j] >> 7;
        int32_t rise = (int32_t)table[at + 1] - table[at];
        u[j] = (int16_t)(table[at] + ((rise * (u[j] & 127)) >> 7));
    }
}

static void net(const struct dam_model *model, const int64_t *raw, int64_t *ret)
{
    int16_t u[DAM_MODEL_INPUTS_MAX + DAM_KERNEL_LANES];
    int32_t acc[DAM_MODEL_INPUTS_MAX + DAM_KERNEL_LANES];
    size_t inputs = dam_model_inputs(model);
    int32_t max = model->kind == DAM_MODEL_MLP ? 255 : 32767;
    size_t f = 0;
    for (size_t i = 0; i < inputs; i++) {
        u[i] = (int16_t)input(&model->features[f], raw[i], 0, max);
        f = f + 1 == model->features_count ? 0 : f + 1;
    }
    u[inputs] = 0; /* the padding of an odd number */
    const struct dam_kernel *k = the_kernel();
    for (size_t l = 0; l + 1 < model->layers_count; l++) {
        const struct dam_layer *layer = &model->layers[l];
        k->layer(layer, u, acc);
        k->scale(layer, acc, max, u);
        if (layer->table != NULL) {
            look_up(layer->table, u, layer->neurons);
        }
        u[layer->neurons] = 0;
    }
    k->layer(&model->layers[model->layers_count - 1], u, acc);
    for (size_t j = 0; j < model->outputs_count; j++) {
        const struct dam_output *out = &model->outputs[j];
        /* |acc + bias| < 2^31 and |mul| <= 2^31, so the product fits 63 bits. */
        ret[j] = sat((wide)out->offset + ((((int64_t)acc[j] + out->bias) * out->mul) >> out->shift),
                     out->min, out->max);
    }
}

/* Section 6, "Int8". The vectors are in the sums; a layer rounds once a neuron, not once a weight.
 */
static void int8(const struct dam_model *model, const int64_t *raw, int64_t *ret)
{
    int16_t u[DAM_MODEL_INPUTS_MAX + DAM_KERNEL_LANES];
    int32_t acc[DAM_MODEL_INPUTS_MAX + DAM_KERNEL_LANES];
    size_t inputs = dam_model_inputs(model);
    for (size_t i = 0; i < inputs; i++) {
        const struct dam_feature *feature = &model->features[i % model->features_count];
        int64_t x = input(feature, raw[i], INT32_MIN, INT32_MAX);
        u[i] = (int16_t)sat(((x + 32768) >> 16) + model->layers[0].zero_in, 0, 255);
    }
    u[inputs] = 0; /* the padding of an odd number */
    for (size_t l = 0; l < model->layers_count; l++) {
        const struct dam_layer *layer = &model->layers[l];
        bool last = l + 1 == model->layers_count;
        the_kernel()->layer(layer, u, acc);
        for (size_t j = 0; j < layer->neurons; j++) {
            int64_t sum = (int64_t)acc[j] + (last ? model->outputs[j].bias : layer->bias[j]);
            int64_t y = layer->zero + dam_kernel_round((enum dam_rounding)layer->rounding, sum,
                                                       layer->mul, layer->shift);
            u[j] = (int16_t)sat(y, layer->low, 255);
        }
        u[layer->neurons] = 0;
    }
    int64_t zero = model->layers[model->layers_count - 1].zero;
    for (size_t j = 0; j < model->outputs_count; j++) {
        const struct dam_output *out = &model->outputs[j];
        int64_t half = (INT64_C(1) << out->shift) >> 1;
        ret[j] = sat((wide)out->offset + (((u[j] - zero) * out->mul + half) >> out->shift),
                     out->min, out->max);
    }
}

static void forest(const struct dam_model *model, const int64_t *raw, int64_t *ret)
{
    int32_t x[DAM_MODEL_INPUTS_MAX];
    size_t inputs = dam_model_inputs(model);
    size_t f = 0;
    for (size_t i = 0; i < inputs; i++) {
        x[i] = (int32_t)input(&model->features[f], raw[i], INT32_MIN, INT32_MAX);
        f = f + 1 == model->features_count ? 0 : f + 1;
    }
    for (size_t j = 0; j < model->outputs_count; j++) {
        ret[j] = output(&model->outputs[j], dam_kernel_walk(&model->groups[j], x));
    }
}

void dam_model_outputs(const struct dam_model *model, const int64_t *raw, int64_t *ret_proposal)
{
    switch (model->kind) {
    case DAM_MODEL_LINEAR:
        linear(model, raw, ret_proposal);
        break;
    case DAM_MODEL_MLP:
    case DAM_MODEL_WIDE:
        net(model, raw, ret_proposal);
        break;
    case DAM_MODEL_INT8:
        int8(model, raw, ret_proposal);
        break;
    case DAM_MODEL_FOREST:
        forest(model, raw, ret_proposal);
        break;
    }
}

enum dam_err dam_model_decide(const struct dam_model *model, struct dam_bytes memory,
                              struct dam_bytes observation, uint8_t *ret_next,
                              int64_t *ret_proposal)
{
    if (observation.len != 16 * (size_t)model->records) {
        return DAM_ERANGE;
    }
    int64_t raw[DAM_MODEL_INPUTS_MAX];
    dam_model_raw(model, memory, observation, raw);
    for (size_t i = 0; i < (size_t)model->features_count * (model->frames - 1u); i++) {
        dam_store_be64(ret_next + 8 * i, (uint64_t)raw[i]);
    }
    dam_model_outputs(model, raw, ret_proposal);
    return DAM_OK;
}
