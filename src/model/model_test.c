// SPDX-License-Identifier: Apache-2.0
#include "model/kernel.h"

#include "base/prng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct dam_prng prng = {.state = 20261122};

static int64_t any_int64(void)
{
    int64_t v = (int64_t)dam_prng_next(&prng);
    return v >> dam_prng_below(&prng, 64);
}

static int64_t between(int64_t min, int64_t max)
{
    return min + (int64_t)dam_prng_below(&prng, (uint64_t)(max - min + 1));
}

static void random_features(struct dam_model *model)
{
    for (size_t i = 0; i < model->features_count; i++) {
        model->features[i] = (struct dam_feature){
            .channel = (uint16_t)dam_prng_below(&prng, model->records),
            .field = (uint8_t)(dam_prng_below(&prng, 4) == 0 ? dam_prng_below(&prng, 3) : 0),
            .shift = (uint8_t)dam_prng_below(&prng, 40),
            .period = dam_prng_below(&prng, 3) == 0 ? (uint32_t)between(1, 100000) : 0,
            .missing = any_int64(),
            .center = any_int64(),
            .mul = (int32_t)between(INT32_MIN, INT32_MAX),
        };
    }
}

static void random_layers(struct dam_model *model)
{
    size_t inputs = dam_model_inputs(model);
    for (size_t l = 0; l < model->layers_count; l++) {
        struct dam_layer *layer = &model->layers[l];
        bool last = l + 1 == model->layers_count;
        layer->inputs = (uint16_t)inputs;
        layer->neurons = last ? model->outputs_count : (uint16_t)between(1, 40);
        layer->shift = (uint8_t)between(8, 45);
        size_t padded = (layer->neurons + 7u) / 8 * 8;
        layer->bias = calloc(padded, sizeof(*layer->bias));
        layer->mul = last && model->kind != DAM_MODEL_INT8 ? 0 : (int32_t)between(1, INT32_MAX);
        layer->weights = calloc(layer->neurons * inputs, sizeof(*layer->weights));
        int64_t top = model->kind == DAM_MODEL_WIDE ? 65535 / (int64_t)inputs / 2 : 128;
        if (model->kind == DAM_MODEL_INT8) {
            layer->shift = (uint8_t)between(0, 31);
            layer->rounding = (uint8_t)between(DAM_ROUND_ONCE, DAM_ROUND_TWICE);
            layer->zero_in = (uint8_t)(l == 0 ? between(0, 255) : 0);
            layer->zero = (uint8_t)between(0, 255);
            layer->low = dam_prng_below(&prng, 2) == 0 ? layer->zero : 0;
        }
        for (size_t i = 0; i < layer->neurons * inputs; i++) {
            layer->weights[i] = (int16_t)between(-top, top - 1);
        }
        for (size_t j = 0; !last && j < layer->neurons; j++) {
            layer->bias[j] = (int32_t)between(-(1 << 30), 1 << 30);
        }
        if (!last && model->kind == DAM_MODEL_WIDE && dam_prng_below(&prng, 2) == 0) {
            layer->table = calloc(257, sizeof(*layer->table));
            for (size_t i = 0; i < 257; i++) {
                layer->table[i] = (uint16_t)between(0, 32767);
            }
        }
        inputs = layer->neurons;
    }
}

static void random_groups(struct dam_model *model)
{
    for (size_t g = 0; g < model->outputs_count; g++) {
        struct dam_group *group = &model->groups[g];
        group->trees = (uint16_t)between(1, 20);
        group->depth = (uint8_t)between(1, 8);
        size_t leaves = (size_t)1 << group->depth;
        group->threshold = calloc(group->trees * leaves, sizeof(*group->threshold));
        group->input = calloc(group->trees * leaves, sizeof(*group->input));
        group->leaf = calloc(group->trees * leaves, sizeof(*group->leaf));
        for (size_t k = 0; k < group->trees * (leaves - 1); k++) {
            group->threshold[k] = (int32_t)any_int64();
            group->input[k] = (uint8_t)dam_prng_below(&prng, dam_model_inputs(model));
        }
        for (size_t k = 0; k < group->trees * leaves; k++) {
            group->leaf[k] = (int32_t)any_int64();
        }
    }
}

static void random_model(struct dam_model *model, enum dam_model_kind kind)
{
    memset(model, 0, sizeof(*model));
    model->kind = kind;
    model->records = (uint16_t)between(1, 40);
    model->frames = (uint8_t)between(1, 3);
    model->features_count = (uint16_t)between(1, 30);
    bool many = kind == DAM_MODEL_INT8 && dam_prng_below(&prng, 4) == 0; /* more than a byte says */
    model->outputs_count = (uint16_t)(many ? 300 : between(1, 9));
    random_features(model);
    uint8_t shift = (uint8_t)between(0, 62);
    for (size_t j = 0; j < model->outputs_count; j++) {
        int64_t a = any_int64();
        int64_t b = any_int64();
        model->outputs[j] = (struct dam_output){
            .bias = (int32_t)between(-(1 << 30), 1 << 30),
            .mul = kind == DAM_MODEL_LINEAR ? 1 : (int32_t)between(INT32_MIN, INT32_MAX),
            .shift = shift,
            .offset = any_int64(),
            .min = a < b ? a : b,
            .max = a < b ? b : a,
        };
    }
    switch (kind) {
    case DAM_MODEL_LINEAR: {
        size_t count = model->outputs_count * dam_model_inputs(model);
        model->linear = calloc(count, sizeof(*model->linear));
        for (size_t i = 0; i < count; i++) {
            model->linear[i] = (int32_t)any_int64();
        }
        break;
    }
    case DAM_MODEL_MLP:
    case DAM_MODEL_WIDE:
    case DAM_MODEL_INT8:
        model->layers_count = (uint8_t)between(1, 4);
        random_layers(model);
        break;
    case DAM_MODEL_FOREST:
        random_groups(model);
        break;
    }
}

static void random_observation(const struct dam_model *model, uint8_t *observation)
{
    for (size_t i = 0; i < model->records; i++) {
        uint8_t *record = observation + 16 * i;
        dam_store_be64(record, (uint64_t)any_int64());
        dam_store_be32(record + 8, (uint32_t)dam_prng_next(&prng));
        record[12] = (uint8_t)dam_prng_below(&prng, 5);
        record[13] = record[14] = record[15] = 0;
    }
}

/* Written, read again, evaluated by both kernels over turns with memory: one answer. */
static void kernels_and_round_trip_are_equal(void **state)
{
    (void)state;
    static struct dam_model model;
    static struct dam_model again;
    size_t compared = 0;
    for (int round = 0; round < 200; round++) {
        random_model(&model, (enum dam_model_kind)(1 + round % 5));
        const char *why = NULL;
        assert_int_equal(dam_model_pack(&model, &why), DAM_OK);
        uint8_t *blob = NULL;
        size_t len = 0;
        assert_int_equal(dam_model_write(&model, &blob, &len), DAM_OK);
        assert_int_equal(dam_model_open(dam_bytes(blob, len), &again, &why), DAM_OK);
        uint8_t observation[4096];
        uint8_t memory[2][DAM_MODEL_MEMORY_MAX];
        size_t memory_len = 0;
        for (int turn = 0; turn < 20; turn++) {
            random_observation(&model, observation);
            struct dam_bytes in = dam_bytes(observation, 16u * model.records);
            struct dam_bytes mem = dam_bytes(memory[turn % 2], memory_len);
            int64_t a[DAM_MODEL_OUTPUTS_MAX];
            int64_t b[DAM_MODEL_OUTPUTS_MAX];
            uint8_t next[DAM_MODEL_MEMORY_MAX];
            dam_model_portable(true);
            assert_int_equal(dam_model_decide(&model, mem, in, next, a), DAM_OK);
            dam_model_portable(false);
            assert_int_equal(dam_model_decide(&again, mem, in, memory[(turn + 1) % 2], b), DAM_OK);
            memory_len = dam_model_memory_len(&model);
            assert_memory_equal(next, memory[(turn + 1) % 2], memory_len);
            assert_memory_equal(a, b, model.outputs_count * sizeof(a[0]));
            compared++;
        }
        assert_int_equal(dam_model_decide(&model, dam_bytes(NULL, 0),
                                          dam_bytes(observation, 16u * model.records - 1),
                                          memory[0], NULL),
                         DAM_ERANGE);
        free(blob);
        dam_model_close(&model);
        dam_model_close(&again);
    }
    assert_int_equal(compared, 4000);
}

/* A forest of one stump, worked by hand: x < 5 takes the odd leaf. */
static void a_stump_by_hand(void **state)
{
    (void)state;
    static struct dam_model model;
    memset(&model, 0, sizeof(model));
    model.kind = DAM_MODEL_FOREST;
    model.records = 2;
    model.frames = 1;
    model.features_count = 1;
    model.outputs_count = 1;
    model.features[0] = (struct dam_feature){.channel = 1, .missing = -7, .mul = 1};
    model.outputs[0] =
        (struct dam_output){.bias = 1, .mul = 3, .shift = 1, .offset = -2, .min = -50, .max = 100};
    struct dam_group *group = &model.groups[0];
    group->trees = 1;
    group->depth = 1;
    group->threshold = calloc(1, sizeof(int32_t));
    group->input = calloc(1, 1);
    group->leaf = calloc(2, sizeof(int32_t));
    group->threshold[0] = 5;
    group->leaf[0] = 10;  /* x >= 5: -2 + floor((10 + 1) * 3 / 2) = 14 */
    group->leaf[1] = -20; /* x < 5: -2 + floor((-20 + 1) * 3 / 2) = -31 */
    const char *why = NULL;
    assert_int_equal(dam_model_pack(&model, &why), DAM_OK);
    int64_t y = 0;
    int64_t raw = 5;
    dam_model_outputs(&model, &raw, &y);
    assert_int_equal(y, 14);
    raw = 4;
    dam_model_outputs(&model, &raw, &y);
    assert_int_equal(y, -31);
    uint8_t observation[32] = {0};
    observation[23] = 9;
    observation[28] = 2; /* missing: -7 takes the value's place */
    assert_int_equal(
        dam_model_decide(&model, dam_bytes(NULL, 0), dam_bytes(observation, 32), NULL, &y), DAM_OK);
    assert_int_equal(y, -31);
    dam_model_close(&model);
}

static void a_broken_blob_is_refused_with_its_rule(void **state)
{
    (void)state;
    static struct dam_model model;
    static struct dam_model again;
    const char *why = NULL;
    size_t refused = 0;
    for (int kind = 1; kind <= 5; kind++) {
        random_model(&model, (enum dam_model_kind)kind);
        assert_int_equal(dam_model_pack(&model, &why), DAM_OK);
        uint8_t *blob = NULL;
        size_t len = 0;
        assert_int_equal(dam_model_write(&model, &blob, &len), DAM_OK);
        for (size_t cut = 0; cut < len; cut += 1 + len / 97) {
            assert_int_not_equal(dam_model_open(dam_bytes(blob, cut), &again, &why), DAM_OK);
            assert_non_null(why);
            refused++;
        }
        static const size_t reserved[] = {14, 15, 20, 31, 60, 63};
        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
            blob[reserved[i]] = 1;
            assert_int_equal(dam_model_open(dam_bytes(blob, len), &again, &why), DAM_EPARSE);
            assert_string_equal(why, "a reserved byte is not zero");
            blob[reserved[i]] = 0;
        }
        blob[4] = 2;
        assert_int_equal(dam_model_open(dam_bytes(blob, len), &again, &why), DAM_EVERSION);
        free(blob);
        dam_model_close(&model);
    }
    assert_true(refused > 200);
}

/* TensorFlow Lite's MultiplyByQuantizedMultiplier as its two functions are written (gemmlowp's
 * fixedpoint.h: the nudge and the truncating division of the one, the remainder and its threshold
 * of the other). */
static int64_t round_twice_as_written(int32_t x, int32_t mul, int shift)
{
    int64_t product = (int64_t)x * mul;
    int64_t nudge = product >= 0 ? 1 << 30 : 1 - (1 << 30);
    int32_t high = (int32_t)((product + nudge) / (INT64_C(1) << 31));
    int32_t mask = (int32_t)((INT64_C(1) << shift) - 1);
    int32_t remainder = high & mask;
    int32_t threshold = (mask >> 1) + (high < 0);
    return (high >> shift) + (remainder > threshold);
}

static void an_int8_sum_is_rounded_as_in_tensorflow_lite(void **state)
{
    (void)state;
    size_t below = 0;
    prng.state = 5;
    for (int round = 0; round < 1000000; round++) {
        int32_t sum = (int32_t)any_int64();
        /* Now and then a power of two: ties. */
        int32_t mul = dam_prng_below(&prng, 3) == 0 ? 1 << 30 : (int32_t)between(1, INT32_MAX);
        int shift = (int)between(0, 31);
        int64_t y = dam_kernel_round(DAM_ROUND_TWICE, sum, mul, (uint8_t)shift);
        assert_int_equal(y, round_twice_as_written(sum, mul, shift));
        double exact = ldexp((double)sum * mul, -31 - shift);
        int64_t once = dam_kernel_round(DAM_ROUND_ONCE, sum, mul, (uint8_t)shift);
        assert_true(fabs((double)once - exact) <= 0.5);
        below += y < 0;
    }
    assert_true(below > 100000);
}

/* The interval analysis: a sum that could leave 32 bits is refused, the largest that cannot is
 * taken. */
static void a_sum_that_can_overflow_is_refused(void **state)
{
    (void)state;
    static struct dam_model model;
    memset(&model, 0, sizeof(model));
    model.kind = DAM_MODEL_WIDE;
    model.records = 1;
    model.frames = 1;
    model.features_count = 2;
    model.outputs_count = 1;
    model.layers_count = 1;
    model.outputs[0] =
        (struct dam_output){.bias = 98302, .mul = 1, .min = INT64_MIN, .max = INT64_MAX};
    struct dam_layer *layer = &model.layers[0];
    layer->inputs = 2;
    layer->neurons = 1;
    layer->weights = calloc(2, sizeof(int16_t));
    layer->bias = calloc(8, sizeof(int32_t));
    layer->weights[0] = -32768;
    layer->weights[1] = 32767;
    const char *why = NULL;
    /* 32767 * 65535 + 98302 = 2^31 - 1 */
    assert_int_equal(dam_model_pack(&model, &why), DAM_OK);
    model.outputs[0].bias++;
    assert_int_equal(dam_model_pack(&model, &why), DAM_ERANGE);
    assert_string_equal(why, "a neuron's sum can leave 32 bits");
    dam_model_close(&model);
}

/* ---- the interval analysis as a property ---- */

enum codes { CODES_ANY, CODES_HIGHEST_SUM, CODES_LOWEST_SUM, CODES_MAX, CODES_KINDS };

static int32_t *bias_of(struct dam_model *model, size_t l, size_t j)
{
    return l + 1 == model->layers_count ? &model->outputs[j].bias : &model->layers[l].bias[j];
}

/* A neuron's sum in int32 with every step checked. Returns: false if one leaves int32. */
static bool sum_checked(const struct dam_layer *layer, size_t j, int32_t bias, int32_t max,
                        enum codes codes, int32_t *ret)
{
    int32_t acc = 0;
    for (size_t i = 0; i < layer->inputs; i++) {
        int32_t w = layer->weights[j * layer->inputs + i];
        bool high = codes == CODES_MAX || (codes == CODES_HIGHEST_SUM && w > 0) ||
                    (codes == CODES_LOWEST_SUM && w < 0);
        int32_t code = codes == CODES_ANY ? (int32_t)between(0, max) : high ? max : 0;
        int32_t product;
        if (__builtin_mul_overflow(w, code, &product) ||
            __builtin_add_overflow(acc, product, &acc)) {
            return false;
        }
    }
    return !__builtin_add_overflow(acc, bias, ret);
}

/* Makes a wide neuron's weights larger until no unit of weight is left below the bound, and its
 * bias to the rest. In: sign: of all weights and the bias; 0: as they are. */
static void widen(struct dam_layer *layer, size_t j, int32_t *bias, int sign)
{
    int64_t left = INT32_MAX - (*bias < 0 ? -(int64_t)*bias : *bias);
    int16_t *w = &layer->weights[j * layer->inputs];
    for (size_t i = 0; i < layer->inputs; i++) {
        int32_t size = w[i] < 0 ? -w[i] : w[i];
        w[i] = (int16_t)(sign == 0 ? w[i] : sign * size);
        left -= 32767 * (int64_t)size;
    }
    for (size_t i = 0; i < layer->inputs && left >= 32767; i++) {
        int64_t room = 32767 - (w[i] < 0 ? -w[i] : w[i]);
        int64_t more = room < left / 32767 ? room : left / 32767;
        w[i] = (int16_t)(w[i] + (w[i] < 0 || sign < 0 ? -more : more));
        left -= 32767 * more;
    }
    assert_in_range(left, 0, 32766);
    *bias = (int32_t)(sign < 0 || (sign == 0 && *bias < 0) ? -llabs(*bias) - left
                                                           : llabs(*bias) + left);
}

/* What is taken never overflows, whatever the codes, and also where every neuron lies as high as
 * the analysis allows. */
static void what_is_taken_cannot_overflow(void **state)
{
    (void)state;
    static struct dam_model model;
    size_t sums = 0;
    prng.state = 11;
    for (int round = 0; round < 600; round++) {
        const char *why = NULL;
        bool wide = round % 3 != 0;
        random_model(&model, wide ? DAM_MODEL_WIDE : DAM_MODEL_MLP);
        for (size_t l = 0; wide && l < model.layers_count; l++) {
            for (size_t j = 0; j < model.layers[l].neurons && model.layers[l].inputs >= 3; j++) {
                widen(&model.layers[l], j, bias_of(&model, l, j), 0);
            }
        }
        assert_int_equal(dam_model_pack(&model, &why), DAM_OK);
        for (size_t l = 0; l < model.layers_count; l++) {
            for (size_t j = 0; j < model.layers[l].neurons; j++) {
                for (enum codes codes = CODES_ANY; codes < CODES_KINDS; codes++) {
                    int32_t sum;
                    assert_true(sum_checked(&model.layers[l], j, *bias_of(&model, l, j),
                                            wide ? 32767 : 255, codes, &sum));
                    sums++;
                }
            }
        }
        dam_model_close(&model);
    }
    assert_true(sums > 50000);
}

/* With all weights of one sign the bound is the very sum: it is reached, the next one is refused,
 * and where it is above zero it is the next one that overflows. */
static void the_bound_is_reached(void **state)
{
    (void)state;
    static struct dam_model model;
    size_t reached = 0;
    prng.state = 12;
    for (int round = 0; round < 200; round++) {
        const char *why = NULL;
        int sign = round % 2 == 0 ? 1 : -1;
        random_model(&model, DAM_MODEL_WIDE);
        size_t l = dam_prng_below(&prng, model.layers_count);
        struct dam_layer *layer = &model.layers[l];
        size_t j = dam_prng_below(&prng, layer->neurons);
        int32_t *bias = bias_of(&model, l, j);
        int32_t sum;
        if (layer->inputs >= 3) {
            widen(layer, j, bias, sign);
            assert_int_equal(dam_model_pack(&model, &why), DAM_OK);
            assert_true(sum_checked(layer, j, *bias, 32767, CODES_MAX, &sum));
            assert_int_equal(sum, sign * INT32_MAX);
            *bias += sign;
            assert_int_equal(dam_model_pack(&model, &why), DAM_ERANGE);
            assert_string_equal(why, "a neuron's sum can leave 32 bits");
            assert_true(sum_checked(layer, j, *bias, 32767, CODES_MAX, &sum) == (sign < 0));
            reached++;
        }
        dam_model_close(&model);
    }
    assert_true(reached > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_and_round_trip_are_equal),
        cmocka_unit_test(a_stump_by_hand),
        cmocka_unit_test(a_broken_blob_is_refused_with_its_rule),
        cmocka_unit_test(an_int8_sum_is_rounded_as_in_tensorflow_lite),
        cmocka_unit_test(a_sum_that_can_overflow_is_refused),
        cmocka_unit_test(what_is_taken_cannot_overflow),
        cmocka_unit_test(the_bound_is_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
