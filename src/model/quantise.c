// SPDX-License-Identifier: Apache-2.0
#include "model/quantise.h"

#include <math.h>

double dam_quantise_unit(uint8_t decimals)
{
    double unit = 1;
    for (uint8_t i = 0; i < decimals; i++) {
        unit *= 10;
    }
    return unit;
}

int64_t dam_quantise_raw(double value, uint8_t decimals)
{
    if (isnan(value)) {
        return INT64_MIN;
    }
    double scaled = nearbyint(value * dam_quantise_unit(decimals));
    return scaled > 9e18 ? INT64_MAX : scaled < -9e18 ? -INT64_MAX : (int64_t)scaled;
}

int64_t dam_quantise_missing(const struct dam_quantise *how, uint32_t input)
{
    const struct dam_rows *rows = how->rows;
    double sum = 0;
    size_t count = 0;
    for (size_t r = 0; r < rows->rows; r++) {
        double v = rows->values[r * rows->columns + input];
        sum += isnan(v) ? 0 : v;
        count += !isnan(v);
    }
    return dam_quantise_raw(count == 0 ? 0 : sum / (double)count, how->inputs[input].decimals);
}

/* A row as the machine would see it: the channels' integers, and the same back as values. Returns:
 * false if a value is missing. */
static bool seen(const struct dam_quantise *how, const struct dam_float *model, const double *row,
                 int64_t *raw, double *x)
{
    bool whole = true;
    for (uint32_t i = 0; i < model->inputs; i++) {
        raw[i] = dam_quantise_raw(row[i], how->inputs[i].decimals);
        x[i] =
            raw[i] == INT64_MIN ? NAN : (double)raw[i] / dam_quantise_unit(how->inputs[i].decimals);
        whole = whole && raw[i] != INT64_MIN;
    }
    return whole;
}

/* What the rows hold and a tenth beside it, in the decimals of their text. */
static void input_default(const struct dam_rows *rows, uint32_t input, struct dam_input_spec *ret)
{
    bool first = true;
    *ret = (struct dam_input_spec){
        .channel = (uint16_t)(input + 1), .decimals = rows->decimals[input], .min = 0, .max = 1};
    for (size_t r = 0; r < rows->rows; r++) {
        int64_t raw = dam_quantise_raw(rows->values[r * rows->columns + input], ret->decimals);
        if (raw != INT64_MIN) {
            ret->min = first || raw < ret->min ? raw : ret->min;
            ret->max = first || raw > ret->max ? raw : ret->max;
            first = false;
        }
    }
    int64_t margin = ret->max / 10 - ret->min / 10;
    ret->min -= margin;
    ret->max += margin;
}

/* The range of each output over the rows. Returns: how many rows the model could take. */
static size_t outputs_range(const struct dam_quantise *how, const struct dam_float *model,
                            double *low, double *high)
{
    size_t used = 0;
    for (size_t r = 0; r < how->rows->rows; r++) {
        int64_t raw[DAM_MODEL_INPUTS_MAX];
        double x[DAM_MODEL_INPUTS_MAX];
        double y[DAM_MODEL_OUTPUTS_MAX];
        if (!seen(how, model, &how->rows->values[r * how->rows->columns], raw, x) &&
            model->kind == DAM_FLOAT_NET) {
            continue;
        }
        dam_float_eval(model, x, y);
        for (uint32_t j = 0; j < model->outputs; j++) {
            low[j] = used == 0 || y[j] < low[j] ? y[j] : low[j];
            high[j] = used == 0 || y[j] > high[j] ? y[j] : high[j];
        }
        used++;
    }
    return used;
}

static struct dam_output_spec output_default(double range)
{
    uint8_t decimals = 0;
    while (decimals < 9 && range * dam_quantise_unit(decimals) < 1000) {
        decimals++;
    }
    return (struct dam_output_spec){decimals, range / 500 + 0.5 / dam_quantise_unit(decimals),
                                    -(1ll << 53), 1ll << 53};
}

enum dam_err dam_quantise_defaults(const struct dam_float *model, const struct dam_rows *rows,
                                   struct dam_quantise *ret, char *why)
{
    memset(ret, 0, sizeof(*ret));
    if (model->inputs >= DAM_MODEL_INPUTS_MAX || model->outputs > DAM_MODEL_OUTPUTS_MAX) {
        return dam_why(why, DAM_ERANGE,
                       "the model has %u inputs and %u outputs; a mind has at most %u and %u: let "
                       "it be a perceptor ([link] kind onnx), or train a smaller one",
                       model->inputs, model->outputs, DAM_MODEL_INPUTS_MAX - 1,
                       DAM_MODEL_OUTPUTS_MAX);
    }
    if (rows->columns < model->inputs || rows->rows == 0) {
        return dam_why(why, DAM_ERANGE,
                       "the model has %u inputs and the file %zu columns, %zu rows; needed are a "
                       "column for each input in the model's order, and a row",
                       model->inputs, rows->columns, rows->rows);
    }
    ret->rows = rows;
    ret->records = (uint16_t)(1 + model->inputs + model->outputs);
    if (ret->records > DAM_MODEL_RECORDS_MAX) {
        return dam_why(why, DAM_ERANGE, "inputs and outputs need %u records; %u fit", ret->records,
                       DAM_MODEL_RECORDS_MAX);
    }
    for (uint32_t i = 0; i < model->inputs; i++) {
        input_default(rows, i, &ret->inputs[i]);
    }
    double low[DAM_MODEL_OUTPUTS_MAX];
    double high[DAM_MODEL_OUTPUTS_MAX];
    if (outputs_range(ret, model, low, high) == 0) {
        return dam_why(why, DAM_ERANGE, "every row has a missing value; a net needs whole rows");
    }
    for (uint32_t j = 0; j < model->outputs; j++) {
        ret->outputs[j] = output_default(high[j] - low[j]);
    }
    return DAM_OK;
}

/* The decision that a machine or a person takes from the outputs, in the trainer's terms. */
static uint32_t decision(const struct dam_float *model, const double *y)
{
    if (model->outputs == 1) {
        /* Two classes: the sum against 0, or a mean of probabilities against a half. */
        return y[0] > (model->link == DAM_LINK_NONE ? 0.5 : 0);
    }
    uint32_t best = 0;
    for (uint32_t j = 1; j < model->outputs; j++) {
        best = y[j] > y[best] ? j : best;
    }
    return best;
}

/* What the decision is for the integer model, with the links' inverses already gone. */
static bool decides_alike(const struct dam_float *model, const struct dam_quantise *how,
                          const double *y, const double *z)
{
    if (model->classes) {
        return decision(model, y) == decision(model, z);
    }
    for (uint32_t j = 0; j < model->outputs; j++) {
        if (fabs(y[j] - z[j]) > how->outputs[j].step) {
            return false;
        }
    }
    return true;
}

void dam_quantise_compare(const struct dam_float *from, const struct dam_quantise *how,
                          const struct dam_rows *rows, const struct dam_model *model,
                          struct dam_quantise_report *ret)
{
    *ret = (struct dam_quantise_report){0};
    double sum = 0;
    uint8_t observation[16 * DAM_MODEL_RECORDS_MAX];
    for (size_t r = 0; r < rows->rows; r++) {
        int64_t raw[DAM_MODEL_INPUTS_MAX];
        double x[DAM_MODEL_INPUTS_MAX];
        double y[DAM_MODEL_OUTPUTS_MAX];
        double z[DAM_MODEL_OUTPUTS_MAX];
        int64_t proposal[DAM_MODEL_OUTPUTS_MAX];
        uint8_t next[DAM_MODEL_MEMORY_MAX];
        if (!seen(how, from, &rows->values[r * rows->columns], raw, x) &&
            from->kind == DAM_FLOAT_NET) {
            continue;
        }
        memset(observation, 0, sizeof(observation));
        for (uint32_t i = 0; i < from->inputs; i++) {
            uint8_t *record = observation + 16 * (size_t)how->inputs[i].channel;
            bool missing = raw[i] == INT64_MIN;
            dam_store_be64(record, missing ? 0 : (uint64_t)raw[i]);
            record[12] = missing ? 2 : 0;
        }
        struct dam_bytes in = dam_bytes(observation, 16 * (size_t)model->records);
        if (dam_model_decide(model, dam_bytes(NULL, 0), in, next, proposal) != DAM_OK) {
            continue;
        }
        dam_float_eval(from, x, y);
        for (uint32_t j = 0; j < from->outputs; j++) {
            z[j] = (double)proposal[j] / dam_quantise_unit(how->outputs[j].decimals);
            double difference = fabs(z[j] - y[j]);
            sum += difference;
            ret->max_difference =
                difference > ret->max_difference ? difference : ret->max_difference;
        }
        ret->decisions_differ += !decides_alike(from, how, y, z);
        ret->rows++;
    }
    ret->mean_difference = ret->rows == 0 ? 0 : sum / (double)(ret->rows * from->outputs);
}

/* 8 bits, unless more than one decision in a thousand is another one, or a layer needs a table. */
static enum dam_err quantise_net(const struct dam_float *model, const struct dam_quantise *how,
                                 struct dam_model *ret, char *why)
{
    if (how->bits == DAM_BITS_16) {
        return dam_quantise_net(model, how, true, ret, why);
    }
    enum dam_err err = dam_quantise_net(model, how, false, ret, why);
    if (how->bits == DAM_BITS_8) {
        return err;
    }
    const char *rule = NULL;
    if (err == DAM_OK && dam_model_pack(ret, &rule) == DAM_OK) {
        struct dam_quantise_report report;
        dam_quantise_compare(model, how, how->rows, ret, &report);
        if (report.decisions_differ * 1000 <= report.rows) {
            return DAM_OK;
        }
    }
    dam_model_close(ret);
    return dam_quantise_net(model, how, true, ret, why);
}

enum dam_err dam_quantise(const struct dam_float *model, const struct dam_quantise *how,
                          struct dam_model *ret, char *why)
{
    memset(ret, 0, sizeof(*ret));
    if (model->inputs > DAM_MODEL_INPUTS_MAX || model->outputs > DAM_MODEL_OUTPUTS_MAX) {
        return dam_why(why, DAM_EUNSUPPORTED,
                       "the model has %u inputs and %u outputs; %u and %u fit a mind",
                       model->inputs, model->outputs, DAM_MODEL_INPUTS_MAX, DAM_MODEL_OUTPUTS_MAX);
    }
    enum dam_err err = model->kind == DAM_FLOAT_FOREST ? dam_quantise_forest(model, how, ret, why)
                       : how->bits == DAM_BITS_AUTO && dam_quantise_is_int8(model)
                           ? dam_quantise_int8(model, how, ret, why)
                           : quantise_net(model, how, ret, why);
    const char *rule = NULL;
    if (err == DAM_OK) {
        err = dam_model_pack(ret, &rule);
        if (err != DAM_OK) {
            (void)dam_why(why, err, "%s", rule == NULL ? dam_err_text(err) : rule);
        }
    }
    if (err != DAM_OK) {
        dam_model_close(ret);
    }
    return err;
}
