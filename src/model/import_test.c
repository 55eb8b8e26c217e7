// SPDX-License-Identifier: Apache-2.0
/* Models trained by the real libraries (tests/model/make_fixtures.py): each is read, gives the
 * library's own sums, and becomes integers that decide alike. */
#include "model/quantise.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct dam_bytes read_file(const char *name)
{
    /* This file's own path, as the compiler was given it, leads to the fixtures. */
    char path[512] = __FILE__;
    char *room = strstr(path, "src/model/");
    assert_non_null(room);
    (void)snprintf(room, sizeof(path) - (size_t)(room - path), "tests/model/fixtures/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    (void)fseek(file, 0, SEEK_END);
    size_t len = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(len + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, len, file), len);
    (void)fclose(file);
    return dam_bytes(data, len);
}

static void read_table(const char *name, struct dam_rows *ret)
{
    struct dam_bytes text = read_file(name);
    size_t line = 0;
    assert_int_equal(dam_rows_parse(text, ret, &line), DAM_OK);
    free((void *)text.data);
}

struct fixture {
    const char *file;
    const char *answers;
    const char *rows;
    double float_error; /* of the library's float32 sums */
    bool once;          /* the library was built to round int8 sums once */
};

static const struct fixture fixtures[] = {
    {"xgb_reg.json", "xgb_reg.out.csv", "rows.csv", 1e-4},
    {"xgb_reg.ubj", "xgb_reg.out.csv", "rows.csv", 1e-4},
    {"xgb_holes.json", "xgb_holes.out.csv", "holes.csv", 1e-5},
    {"xgb_multi.ubj", "xgb_multi.out.csv", "rows.csv", 1e-5},
    {"xgb_poisson.ubj", "xgb_poisson.out.csv", "rows.csv", 1e-5},
    {"xgb_linear.json", "xgb_linear.out.csv", "rows.csv", 1e-3},
    {"lgb_reg.txt", "lgb_reg.out.csv", "rows.csv", 1e-6},
    {"lgb_holes.txt", "lgb_holes.out.csv", "holes.csv", 1e-6},
    {"lgb_multi.txt", "lgb_multi.out.csv", "rows.csv", 1e-6},
    {"lgb_forest.txt", "lgb_forest.out.csv", "rows.csv", 1e-6},
    {"skl_linear.onnx", "skl_linear.out.csv", "rows.csv", 1e-3},
    {"skl_logistic.onnx", "skl_logistic.out.csv", "rows.csv", 1e-4},
    {"skl_logistic3.onnx", "skl_logistic3.out.csv", "rows.csv", 1e-4},
    {"skl_boosting.onnx", "skl_boosting.out.csv", "rows.csv", 1e-4},
    {"skl_forest.onnx", "skl_forest.out.csv", "rows.csv", 1e-5},
    {"skl_net.onnx", "skl_net.out.csv", "rows.csv", 1e-3},
    {"skl_net_classes.onnx", NULL, "rows.csv", 0},
    {"skl_net_two.onnx", "skl_net_two.out.csv", "rows.csv", 1e-3},
    {"net_relu.onnx", "net_relu.out.csv", "rows.csv", 1e-4},
    {"net_tanh.onnx", "net_tanh.out.csv", "rows.csv", 1e-4},
    {"net_sigmoid.onnx", "net_sigmoid.out.csv", "rows.csv", 1e-4},
    {"net_leaky.onnx", "net_leaky.out.csv", "rows.csv", 1e-4},
    /* the library rounds every activation to 8 bits, the integer model does not */
    {"net_qdq.onnx", "net_qdq.out.csv", "rows.csv", 0.06},
    {"net_int8.tflite", "net_int8.out.csv", "rows.csv", 1e-5, true},
};

static void compare_sums(const struct fixture *fixture, const struct dam_float *model,
                         const struct dam_rows *rows)
{
    struct dam_rows answers;
    read_table(fixture->answers, &answers);
    assert_int_equal(answers.rows, rows->rows);
    assert_int_equal(answers.columns, model->outputs);
    for (size_t r = 0; r < rows->rows; r++) {
        double y[64];
        dam_float_eval(model, &rows->values[r * rows->columns], y);
        for (size_t j = 0; j < answers.columns; j++) {
            double difference = fabs(y[j] - answers.values[r * answers.columns + j]);
            if (!(difference <= fixture->float_error)) {
                fail_msg("%s row %zu output %zu: %g, the library %g", fixture->file, r, j, y[j],
                         answers.values[r * answers.columns + j]);
            }
        }
    }
    dam_rows_close(&answers);
}

static void every_fixture_is_read_and_decides_alike(void **state)
{
    (void)state;
    size_t differ = 0;
    for (size_t i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++) {
        const struct fixture *fixture = &fixtures[i];
        struct dam_bytes file = read_file(fixture->file);
        static struct dam_float model;
        static struct dam_quantise how;
        static struct dam_model integers;
        struct dam_rows rows;
        char why[DAM_WHY_LEN] = "";
        read_table(fixture->rows, &rows);
        if (dam_import(file, &model, why) != DAM_OK) {
            fail_msg("%s: %s", fixture->file, why);
        }
        if (fixture->once) {
            dam_float_round(&model, DAM_ROUND_ONCE);
        }
        if (fixture->answers != NULL) {
            compare_sums(fixture, &model, &rows);
        }
        if (dam_quantise_defaults(&model, &rows, &how, why) != DAM_OK ||
            dam_quantise(&model, &how, &integers, why) != DAM_OK) {
            fail_msg("%s: %s", fixture->file, why);
        }
        struct dam_quantise_report report;
        dam_quantise_compare(&model, &how, &rows, &integers, &report);
        print_message("%-22s kind %d  %zu rows  max %.3g  mean %.3g  decisions differ %zu\n",
                      fixture->file, integers.kind, report.rows, report.max_difference,
                      report.mean_difference, report.decisions_differ);
        assert_int_equal(report.rows, 400);
        differ += report.decisions_differ;
        dam_model_close(&integers);
        dam_float_close(&model);
        dam_rows_close(&rows);
        free((void *)file.data);
    }
    assert_int_equal(differ, 0);
}

/* MLPerf Tiny's models, where the shared data are. */
static bool read_shared(const char *name, struct dam_bytes *ret)
{
    char path[1024] = __FILE__;
    const char *shared = getenv("DAM_SHARED");
    char *room = strstr(path, "src/model/");
    if (shared != NULL) {
        (void)snprintf(path, sizeof(path), "%s/data/x-mlperf-tiny/%s", shared, name);
    } else {
        assert_non_null(room);
        (void)snprintf(room, sizeof(path) - (size_t)(room - path),
                       "../shared/data/x-mlperf-tiny/%s", name);
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    uint8_t *data = malloc(1u << 20);
    assert_non_null(data);
    *ret = dam_bytes(data, fread(data, 1, 1u << 20, file));
    (void)fclose(file);
    return true;
}

/* What the integer model proposes for the values of one row, as codes of TensorFlow Lite's output.
 * In: head: scale and zero point of the inputs, then of the outputs. */
static void codes_of(const struct dam_quantise *how, const struct dam_model *integers,
                     const double *head, const double *x, double *ret)
{
    uint8_t observation[16 * DAM_MODEL_RECORDS_MAX] = {0};
    int64_t y[DAM_MODEL_OUTPUTS_MAX];
    for (size_t i = 0; i < integers->features_count; i++) {
        int64_t value = dam_quantise_raw(x[i], how->inputs[i].decimals);
        dam_store_be64(observation + 16 * (size_t)how->inputs[i].channel, (uint64_t)value);
    }
    struct dam_bytes seen = dam_bytes(observation, 16 * (size_t)integers->records);
    assert_int_equal(dam_model_decide(integers, dam_bytes(NULL, 0), seen, NULL, y), DAM_OK);
    for (size_t j = 0; j < integers->outputs_count; j++) {
        double value = (double)y[j] / dam_quantise_unit(how->outputs[j].decimals);
        ret[j] = nearbyint(value / head[2]) + head[3];
    }
}

/* MLPerf Tiny's int8 autoencoder (640-128x4-8-128x4-640), in floats and as a blob, by both kernels:
 * every code is the one that the runtime's reference kernels give. */
static void follow_autoencoder(struct dam_float *model, enum dam_rounding rounding,
                               const char *answers_name)
{
    static struct dam_quantise how;
    static struct dam_model integers;
    static double cells[8][640];
    static uint8_t decimals[640];
    struct dam_rows answers;
    char why[DAM_WHY_LEN] = "";
    size_t compared = 0;
    read_table(answers_name, &answers); /* its first row: scales and zero points of both ends */
    assert_int_equal(answers.columns, 640);
    assert_int_equal(answers.rows, 9);
    const double *head = answers.values;
    for (size_t r = 0; r < 8; r++) {
        for (size_t i = 0; i < 640; i++) {
            cells[r][i] = ((double)((i * 37 + (r + 1) * 101) % 256) - 128 - head[1]) * head[0];
            decimals[i] = 4;
        }
    }
    struct dam_rows rows = {8, 640, cells[0], NULL, decimals};
    dam_float_round(model, rounding);
    assert_int_equal(dam_quantise_defaults(model, &rows, &how, why), DAM_OK);
    assert_int_equal(dam_quantise(model, &how, &integers, why), DAM_OK);
    assert_int_equal(integers.kind, DAM_MODEL_INT8);
    for (size_t r = 0; r < 8; r++) {
        double y[640];
        double best[640];
        double portable[640];
        dam_float_eval(model, cells[r], y);
        codes_of(&how, &integers, head, cells[r], best);
        dam_model_portable(true);
        codes_of(&how, &integers, head, cells[r], portable);
        dam_model_portable(false);
        for (size_t j = 0; j < 640; j++) {
            double truth = answers.values[(r + 1) * 640 + j];
            assert_true(nearbyint(y[j] / head[2]) + head[3] == truth);
            assert_true(best[j] == truth);
            assert_true(portable[j] == truth);
            compared++;
        }
    }
    assert_int_equal(compared, 5120);
    dam_model_close(&integers);
    dam_rows_close(&answers);
}

static void the_autoencoder_is_exact(void **state)
{
    (void)state;
    static struct dam_float model;
    struct dam_bytes file;
    char why[DAM_WHY_LEN] = "";
    if (!read_shared("ad01_int8.tflite", &file)) {
        skip();
    }
    assert_int_equal(dam_import(file, &model, why), DAM_OK);
    assert_int_equal(model.inputs, 640);
    assert_int_equal(model.outputs, 640);
    assert_int_equal(model.layers_count, 10);
    follow_autoencoder(&model, DAM_ROUND_TWICE, "ad01.twice.csv"); /* TensorFlow Lite 2.14 */
    follow_autoencoder(&model, DAM_ROUND_ONCE, "ad01.once.csv");   /* LiteRT 2 */
    dam_float_close(&model);
    free((void *)file.data);
}

/* A convolutional net is refused by its operator. */
static void a_convolution_is_refused(void **state)
{
    (void)state;
    static struct dam_float model;
    struct dam_bytes file;
    char why[DAM_WHY_LEN] = "";
    if (!read_shared("kws_ref_model.tflite", &file)) {
        skip();
    }
    assert_int_equal(dam_import(file, &model, why), DAM_EUNSUPPORTED);
    assert_non_null(strstr(why, "operator"));
    free((void *)file.data);
}

/* More inputs than a blob has are refused, and what to do instead is said. */
static void a_net_that_is_too_wide_is_refused(void **state)
{
    (void)state;
    static struct dam_quantise how;
    struct dam_float model = {.kind = DAM_FLOAT_NET, .inputs = DAM_MODEL_INPUTS_MAX, .outputs = 1};
    struct dam_rows rows = {0};
    char why[DAM_WHY_LEN] = "";
    assert_int_equal(dam_quantise_defaults(&model, &rows, &how, why), DAM_ERANGE);
    assert_non_null(strstr(why, "perceptor"));
}

/* A sum that no blob's integers can hold is refused; to turn it into one of them is undefined. */
static void a_weight_that_is_too_large_is_refused(void **state)
{
    (void)state;
    static struct dam_quantise how;
    static struct dam_model integers;
    struct dam_float model = {.kind = DAM_FLOAT_NET, .inputs = 1, .outputs = 1};
    double cells[] = {-1e12, 1e12};
    uint8_t decimals[] = {0};
    struct dam_rows rows = {2, 1, cells, NULL, decimals};
    char why[DAM_WHY_LEN] = "";
    struct dam_float_layer *layer = dam_float_layer_add(&model, 1, 1);
    assert_non_null(layer);
    layer->activation = DAM_ACT_RELU;
    layer->weights[0] = 1e12;
    assert_int_equal(dam_quantise_defaults(&model, &rows, &how, why), DAM_OK);
    assert_int_equal(dam_quantise(&model, &how, &integers, why), DAM_ERANGE);
    assert_non_null(strstr(why, "layer 0"));
    dam_float_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fixture_is_read_and_decides_alike),
        cmocka_unit_test(the_autoencoder_is_exact),
        cmocka_unit_test(a_convolution_is_refused),
        cmocka_unit_test(a_net_that_is_too_wide_is_refused),
        cmocka_unit_test(a_weight_that_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
