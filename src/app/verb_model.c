// SPDX-License-Identifier: Apache-2.0
/* `dam model`: from the trainer's file to a blob that a mind on any chain reads, and back. */
#include "app/verb_model.h"

#include "app/args.h"
#include "app/mind_lab.h"
#include "app/verb.h"
#include "base/assert.h"
#include "core/crypto/sha256.h"
#include "model/explain.h"
#include "model/quantise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FILE_LEN_MAX (256u << 20)
#define GAS_ROWS 64u

const char dam_verb_model_help[] =
    "usage: dam model import FILE --data ROWS.csv [--out BLOB] [--channels CHANNELS.csv]\n"
    "                             [--decimals N] [--bits 8|16|auto] [--rounding once|twice] "
    "[--json]\n"
    "       dam model make SPEC.toml --out BLOB\n"
    "       dam model train --from evidence --target CHANNEL --actuator NAME --out BLOB\n"
    "                       [--ahead TURNS] [--held-back PERCENT] [--trees N] [--depth N]\n"
    "                       [--proposal FILE.md] [--library SO] [--json] [DIR]\n"
    "       dam model eval BLOB --data ROWS.csv [--row N] [--json]\n"
    "       dam model explain BLOB --data ROWS.csv [--row N] [--json]\n"
    "       dam model verify BLOB [--rows N] [--evm N] [--calls N --out FILE] [--seed S] [--json]\n"
    "       dam model info BLOB [--json]\n\n"
    "import reads XGBoost (JSON, UBJ), LightGBM (text), ONNX (nets, trees, scikit-learn) and\n"
    "TensorFlow Lite (dense nets), makes\n"
    "integers of it with the rows as calibration (their first columns are the model's inputs, in\n"
    "order), and reports what that cost. CHANNELS.csv has a line for each input: record of the\n"
    "observation, decimals, least and greatest value; without it input i is record i + 1.\n"
    "An int8 net of TensorFlow Lite keeps its own integers and rounds as the reference kernels of\n"
    "TensorFlow Lite do (twice), or as those of LiteRT 2 (once).\n"
    "make writes the blob of a planner, of a district's planner or of forecasters from a\n"
    "description in TOML (docs/spec/planner.md, district.md, forecast.md).\n"
    "train fits trees (XGBoost, looked for when needed) to the machine's own log: what CHANNEL\n"
    "will be some turns ahead, as a proposal for the actuator. The newest part of the log is held\n"
    "back; there the blob is compared with now, yesterday and the mind in force.\n"
    "eval prints the outputs for each row of channel integers, explain what each input did to "
    "them.\n"
    "verify asks the model about observations of its own making, by the portable and by the\n"
    "fastest kernel and (the first --evm rows) by the mind's bytecode; the digest is over all\n"
    "answers, for another machine to compare, and --calls writes lines of memory, observation,\n"
    "next memory and proposal for another chain.\n"
    "Everything is measured: size, gas in our EVM, microseconds. docs/models.md tells more.\n";

struct args {
    const char *file;
    const char *data;
    const char *out;
    const char *channels;
    int64_t decimals; /* -1: by the range */
    int64_t row;      /* -1: all */
    enum dam_bits bits;
    enum dam_rounding rounding;
    bool json;
};

/* Returns: false after telling what is wrong. */
static bool bad(const char *option, const char *text, const char *takes)
{
    return dam_verb_fail(DAM_EXIT_USAGE, takes, "%s: bad value '%s'", option, text) == DAM_EXIT_OK;
}

/* A whole number to `most`; one that is not given stays as it is. */
static bool take_number(const char *option, const char *text, uint64_t most, const char *takes,
                        int64_t *ret)
{
    uint64_t value = 0;
    if (text == NULL) {
        return true;
    }
    if (!dam_args_u64(text, &value) || value > most) {
        return bad(option, text, takes);
    }
    *ret = (int64_t)value;
    return true;
}

static bool take_bits(const char *text, enum dam_bits *ret)
{
    *ret = strcmp(text, "8") == 0    ? DAM_BITS_8
           : strcmp(text, "16") == 0 ? DAM_BITS_16
                                     : DAM_BITS_AUTO;
    return *ret != DAM_BITS_AUTO || strcmp(text, "auto") == 0 ||
           bad("--bits", text, "8, 16 or auto");
}

static bool take_rounding(const char *text, enum dam_rounding *ret)
{
    *ret = strcmp(text, "once") == 0 ? DAM_ROUND_ONCE : DAM_ROUND_TWICE;
    return *ret == DAM_ROUND_ONCE || strcmp(text, "twice") == 0 ||
           bad("--rounding", text, "once or twice");
}

/* For import, eval, explain and info. */
static bool parse(int argc, char **argv, struct args *ret)
{
    static struct dam_args words;
    const char *decimals = NULL;
    const char *row = NULL;
    const char *bits = "auto";
    const char *rounding = "twice";
    const struct dam_arg table[] = {
        {"--data", &ret->data, NULL},
        {"--out", &ret->out, NULL},
        {"--channels", &ret->channels, NULL},
        {"--decimals", &decimals, NULL},
        {"--row", &row, NULL},
        {"--bits", &bits, NULL},
        {"--rounding", &rounding, NULL},
        {"--json", NULL, &ret->json},
        {NULL, NULL, NULL},
    };
    *ret = (struct args){.decimals = -1, .row = -1};
    if (!dam_args_parse(argc, argv, table, 1, &words)) {
        return false;
    }
    if (words.count == 0) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, "`dam help model` tells the usage",
                            "dam %s: which file?", argv[0]);
        return false;
    }
    ret->file = words.words[0];
    return take_number("--decimals", decimals, 9, "0 to 9", &ret->decimals) &&
           take_number("--row", row, INT64_MAX, "rows are counted from 0", &ret->row) &&
           take_bits(bits, &ret->bits) && take_rounding(rounding, &ret->rounding);
}

static enum dam_err read_file(const char *path, struct dam_bytes *ret)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return DAM_ENOTFOUND;
    }
    size_t len = 0;
    uint8_t *data = NULL;
    enum dam_err err = DAM_EIO;
    if (fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        rewind(file);
        err = size > (long)FILE_LEN_MAX ? DAM_EFULL : DAM_EIO;
        if (size >= 0 && size <= (long)FILE_LEN_MAX) {
            data = malloc((size_t)size + 1);
            len = data == NULL ? 0 : fread(data, 1, (size_t)size, file);
            err = data != NULL && len == (size_t)size ? DAM_OK : DAM_EIO;
        }
    }
    (void)fclose(file);
    if (err != DAM_OK) {
        free(data);
        return err;
    }
    *ret = dam_bytes(data, len);
    return DAM_OK;
}

static int fail_file(const char *path, enum dam_err err)
{
    struct stat st;
    const char *what = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? "is a folder"
                       : err == DAM_EFULL                          ? "is larger than 256 MiB"
                                                                   : dam_err_text(err);
    return dam_verb_fail(err == DAM_ENOTFOUND ? DAM_EXIT_NOT_FOUND : DAM_EXIT_FAILED,
                         "give the path of a file that this user can read", "%s: %s", path, what);
}

int dam_model_read_file(const char *path, struct dam_bytes *ret)
{
    enum dam_err err = read_file(path, ret);
    return err == DAM_OK ? DAM_EXIT_OK : fail_file(path, err);
}

int dam_model_write_file(const char *path, struct dam_bytes data)
{
    FILE *file = fopen(path, "wb");
    bool done = file != NULL && fwrite(data.data, 1, data.len, file) == data.len;
    if (file != NULL && fclose(file) != 0) {
        done = false;
    }
    return done ? DAM_EXIT_OK
                : dam_verb_fail(DAM_EXIT_FAILED, "choose another --out", "cannot write %s", path);
}

int dam_model_read_rows(const char *path, struct dam_rows *ret)
{
    struct dam_bytes text;
    if (path == NULL) {
        return dam_verb_fail(DAM_EXIT_USAGE, "rows of the model's inputs: --data ROWS.csv",
                             "the rows are missing");
    }
    enum dam_err err = read_file(path, &text);
    if (err != DAM_OK) {
        return fail_file(path, err);
    }
    size_t line = 0;
    err = dam_rows_parse(text, ret, &line);
    free((void *)text.data);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, "every line needs the same number of columns",
                             "%s line %zu: %s", path, line, dam_err_text(err));
    }
    return DAM_EXIT_OK;
}

int dam_model_read_blob(const char *path, struct dam_model *ret, struct dam_bytes *ret_blob)
{
    struct dam_bytes blob;
    enum dam_err err = read_file(path, &blob);
    const char *why = NULL;
    if (err != DAM_OK) {
        return fail_file(path, err);
    }
    err = dam_model_open(blob, ret, &why);
    if (err != DAM_OK && dam_model_mind_of(blob)[0] != 0 && memcmp(blob.data, "DAMM", 4) != 0) {
        why = "a planner or a forecaster, not a model: `dam model verify` reads it";
    }
    if (err != DAM_OK || ret_blob == NULL) {
        free((void *)blob.data);
    } else {
        *ret_blob = blob;
    }
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, "`dam model import` makes blobs", "%s: %s", path,
                             why == NULL ? dam_err_text(err) : why);
    }
    return DAM_EXIT_OK;
}

/* ---- import ---- */

/* A line an input: record, decimals, min, max. */
static bool use_channels(const struct dam_rows *table, uint32_t inputs, struct dam_quantise *how)
{
    if (table->rows != inputs || table->columns < 4) {
        return false;
    }
    for (uint32_t i = 0; i < inputs; i++) {
        const double *cell = &table->values[(size_t)i * table->columns];
        if (!(cell[0] >= 0 && cell[0] < DAM_MODEL_RECORDS_MAX && cell[1] >= 0 && cell[1] <= 9 &&
              cell[2] <= cell[3])) {
            return false;
        }
        struct dam_input_spec *in = &how->inputs[i];
        in->channel = (uint16_t)cell[0];
        in->decimals = (uint8_t)cell[1];
        in->min = dam_quantise_raw(cell[2], in->decimals);
        in->max = dam_quantise_raw(cell[3], in->decimals);
        how->records = in->channel >= how->records ? (uint16_t)(in->channel + 1) : how->records;
    }
    return true;
}

struct measured {
    struct dam_quantise_report report;
    double us;
    int64_t gas; /* -1: no bytecode here */
    size_t gas_rows;
    size_t evm_differences;
};

static void row_observation(const struct dam_quantise *how, const struct dam_model *model,
                            const double *row, size_t inputs, uint8_t *ret)
{
    memset(ret, 0, 16 * (size_t)model->records);
    for (size_t i = 0; i < inputs; i++) {
        int64_t raw = dam_quantise_raw(row[i], how->inputs[i].decimals);
        uint8_t *record = ret + 16 * (size_t)how->inputs[i].channel;
        dam_store_be64(record, raw == INT64_MIN ? 0 : (uint64_t)raw);
        record[12] = raw == INT64_MIN ? 2 : 0;
    }
}

static double now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The mind's bytecode on the first rows: gas, and the same proposals as C. */
static void measure_evm(const struct dam_quantise *how, const struct dam_model *model,
                        size_t inputs, struct dam_bytes blob, struct measured *ret)
{
    struct dam_lab lab;
    struct dam_address mind;
    ret->gas = -1;
    if (dam_lab_open(&lab) != DAM_OK ||
        dam_lab_model_mind(&lab, dam_model_mind_name(model->kind), blob, &mind) != DAM_OK) {
        dam_lab_close(&lab);
        return;
    }
    for (size_t r = 0; r < how->rows->rows && r < GAS_ROWS; r++) {
        uint8_t observation[16 * DAM_MODEL_RECORDS_MAX];
        uint8_t next[DAM_MODEL_MEMORY_MAX];
        size_t next_len = 0;
        int64_t a[DAM_MODEL_OUTPUTS_MAX];
        int64_t b[DAM_MODEL_OUTPUTS_MAX];
        int64_t gas = 0;
        row_observation(how, model, &how->rows->values[r * how->rows->columns], inputs,
                        observation);
        struct dam_bytes seen = dam_bytes(observation, 16 * (size_t)model->records);
        bool same = dam_model_decide(model, dam_bytes(NULL, 0), seen, next, a) == DAM_OK &&
                    dam_lab_decide(&lab, &mind, dam_bytes(NULL, 0), seen, model->outputs_count,
                                   next, &next_len, b, &gas) == DAM_OK &&
                    memcmp(a, b, model->outputs_count * sizeof(a[0])) == 0;
        ret->evm_differences += !same;
        ret->gas = gas > ret->gas ? gas : ret->gas;
        ret->gas_rows++;
    }
    dam_lab_close(&lab);
}

static void measure_time(const struct dam_quantise *how, const struct dam_model *model,
                         size_t inputs, struct measured *ret)
{
    uint8_t observation[16 * DAM_MODEL_RECORDS_MAX];
    uint8_t next[DAM_MODEL_MEMORY_MAX];
    int64_t y[DAM_MODEL_OUTPUTS_MAX];
    size_t done = 0;
    double spent = 0;
    enum dam_err err = DAM_OK;
    while (done < 20000) {
        size_t r = done % how->rows->rows;
        row_observation(how, model, &how->rows->values[r * how->rows->columns], inputs,
                        observation);
        double start = now_us();
        for (int i = 0; i < 10; i++) {
            err = dam_model_decide(model, dam_bytes(NULL, 0),
                                   dam_bytes(observation, 16 * (size_t)model->records), next, y);
        }
        spent += now_us() - start;
        done += 10;
    }
    DAM_ASSERT(err == DAM_OK); /* the observation has the model's own length */
    ret->us = spent / (double)done;
}

static void print_report(const struct dam_float *from, const struct dam_model *model,
                         const struct measured *m, bool json)
{
    if (json) {
        (void)printf("{\"from\":\"%s\",\"mind\":\"%s\",\"inputs\":%u,\"outputs\":%u,\"rows\":%zu,"
                     "\"max_difference\":%.9g,\"mean_difference\":%.9g,\"decisions_differ\":%zu,"
                     "\"bytes\":%zu,\"gas\":%lld,\"microseconds\":%.3f,\"evm_rows\":%zu,"
                     "\"evm_differences\":%zu}\n",
                     from->origin, dam_model_mind_name(model->kind), from->inputs, from->outputs,
                     m->report.rows, m->report.max_difference, m->report.mean_difference,
                     m->report.decisions_differ, m->report.blob_len, (long long)m->gas, m->us,
                     m->gas_rows, m->evm_differences);
        return;
    }
    (void)printf("from               %s, %u inputs, %u outputs\n", from->origin, from->inputs,
                 from->outputs);
    (void)printf("mind               %s\n", dam_model_mind_name(model->kind));
    (void)printf("rows compared      %zu\n", m->report.rows);
    (void)printf("difference         max %.6g  mean %.6g\n", m->report.max_difference,
                 m->report.mean_difference);
    (void)printf("decisions differ   %zu (%.3f%%)\n", m->report.decisions_differ,
                 m->report.rows == 0
                     ? 0.0
                     : 100.0 * (double)m->report.decisions_differ / (double)m->report.rows);
    (void)printf("size               %zu bytes, %zu code contracts\n", m->report.blob_len,
                 (m->report.blob_len + DAM_MODEL_SLICE_LEN - 1) / DAM_MODEL_SLICE_LEN);
    if (m->gas >= 0) {
        (void)printf("gas                %lld of 10000000 (most of %zu rows; C = EVM on %zu)\n",
                     (long long)m->gas, m->gas_rows, m->gas_rows - m->evm_differences);
    } else {
        (void)printf("gas                not measured: no %s in build/contracts "
                     "(tools/contracts-build)\n",
                     dam_model_mind_name(model->kind));
    }
    (void)printf("time               %.3f us a decision (%s kernel)\n", m->us, dam_model_kernel());
}

static int convert(const struct args *args, const struct dam_float *from,
                   const struct dam_rows *rows)
{
    static struct dam_quantise how;
    static struct dam_model model;
    struct dam_rows channels = {0};
    char why[DAM_WHY_LEN] = "";
    if (dam_quantise_defaults(from, rows, &how, why) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, "see `dam help model`", "%s", why);
    }
    how.bits = args->bits;
    for (uint32_t j = 0; args->decimals >= 0 && j < from->outputs; j++) {
        how.outputs[j].decimals = (uint8_t)args->decimals;
    }
    if (args->channels != NULL) {
        int code = dam_model_read_rows(args->channels, &channels);
        bool good = code == DAM_EXIT_OK && use_channels(&channels, from->inputs, &how);
        dam_rows_close(&channels);
        if (!good) {
            return code != DAM_EXIT_OK
                       ? code
                       : dam_verb_fail(DAM_EXIT_FAILED, "record,decimals,min,max for each input",
                                       "%s does not describe %u inputs", args->channels,
                                       from->inputs);
        }
    }
    if (dam_quantise(from, &how, &model, why) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_REFUSED, "the message says what would fit", "%s", why);
    }
    uint8_t *blob = NULL;
    struct measured m = {0};
    dam_quantise_compare(from, &how, rows, &model, &m.report);
    int code = DAM_EXIT_OK;
    if (dam_model_write(&model, &blob, &m.report.blob_len) != DAM_OK) {
        code = dam_verb_fail(DAM_EXIT_REFUSED, "train fewer or shallower trees",
                             "the blob is larger than %u bytes", DAM_MODEL_BLOB_MAX);
    } else {
        measure_time(&how, &model, from->inputs, &m);
        measure_evm(&how, &model, from->inputs, dam_bytes(blob, m.report.blob_len), &m);
        print_report(from, &model, &m, args->json);
        if (args->out != NULL) {
            code = dam_model_write_file(args->out, dam_bytes(blob, m.report.blob_len));
        }
        if (m.evm_differences > 0) {
            code = dam_verb_fail(DAM_EXIT_FAILED, "this is a bug: keep the files and report it",
                                 "C and EVM differ on %zu rows", m.evm_differences);
        }
    }
    free(blob);
    dam_model_close(&model);
    return code;
}

static int import(int argc, char **argv)
{
    static struct dam_float from;
    struct dam_rows rows = {0};
    struct dam_bytes file;
    struct args args;
    char why[DAM_WHY_LEN] = "";
    if (!parse(argc, argv, &args)) {
        return DAM_EXIT_USAGE;
    }
    int code = dam_model_read_file(args.file, &file);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    code = dam_model_read_rows(args.data, &rows);
    if (code != DAM_EXIT_OK) {
        free((void *)file.data);
        return code;
    }
    enum dam_err err = dam_import(file, &from, why);
    free((void *)file.data);
    dam_float_round(&from, args.rounding);
    code = err == DAM_OK ? convert(&args, &from, &rows)
                         : dam_verb_fail(DAM_EXIT_REFUSED, "docs/models.md lists what is read",
                                         "%s: %s", args.file, why);
    dam_float_close(&from);
    dam_rows_close(&rows);
    return code;
}

/* ---- eval, explain, info ---- */

/* One row of channel integers by feature, as the table has them. */
static bool row_raw(const struct dam_model *model, const struct dam_rows *rows, size_t r,
                    int64_t *ret)
{
    size_t inputs = dam_model_inputs(model);
    for (size_t i = 0; i < inputs; i++) {
        const struct dam_feature *feature = &model->features[i % model->features_count];
        size_t column = feature->channel > 0 ? feature->channel - 1u : 0;
        if (column >= rows->columns) {
            return false;
        }
        double v = rows->values[r * rows->columns + column];
        ret[i] = isnan(v) ? feature->missing : dam_quantise_raw(v, rows->decimals[column]);
    }
    return true;
}

/* A line of CSV, or a JSON array. */
static void print_outputs(const int64_t *y, size_t count, bool json)
{
    (void)printf(json ? "[" : "");
    for (size_t j = 0; j < count; j++) {
        (void)printf("%s%lld", j > 0 ? "," : "", (long long)y[j]);
    }
    (void)puts(json ? "]" : "");
}

/* What each input did to output j of row r, which is y. */
static int explain_output(const struct dam_model *model, const int64_t *raw, size_t r, size_t j,
                          int64_t y, bool json)
{
    static double parts[DAM_MODEL_INPUTS_MAX];
    double base = 0;
    if (dam_model_explain(model, raw, j, &base, parts) != DAM_OK) {
        return DAM_EXIT_FAILED;
    }
    (void)printf(json ? "{\"row\":%zu,\"output\":%zu,\"value\":%lld,\"base\":%.2f,\"parts\":["
                      : "row %zu output %zu = %lld: base %.2f",
                 r, j, (long long)y, base);
    const char *comma = "";
    for (size_t i = 0; i < dam_model_inputs(model); i++) {
        unsigned record = model->features[i % model->features_count].channel;
        if (parts[i] == 0) {
            continue;
        }
        if (json) {
            (void)printf("%s{\"record\":%u,\"part\":%.2f}", comma, record, parts[i]);
            comma = ",";
        } else {
            (void)printf(", record %u %+.2f", record, parts[i]);
        }
    }
    (void)puts(json ? "]}" : "");
    return DAM_EXIT_OK;
}

static int each_row(const struct args *args, bool explain)
{
    static struct dam_model model;
    struct dam_rows rows = {0};
    int code = dam_model_read_blob(args->file, &model, NULL);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    code = dam_model_read_rows(args->data, &rows);
    if (code == DAM_EXIT_OK && args->row >= 0 && (size_t)args->row >= rows.rows) {
        code = dam_verb_fail(DAM_EXIT_NOT_FOUND, "rows are counted from 0",
                             "%s has %zu rows, no row %lld", args->data, rows.rows,
                             (long long)args->row);
    }
    for (size_t r = 0; code == DAM_EXIT_OK && r < rows.rows; r++) {
        int64_t raw[DAM_MODEL_INPUTS_MAX];
        int64_t y[DAM_MODEL_OUTPUTS_MAX];
        if (args->row >= 0 && (size_t)args->row != r) {
            continue;
        }
        if (!row_raw(&model, &rows, r, raw)) {
            code = dam_verb_fail(DAM_EXIT_FAILED, "column i is record i + 1 of the observation",
                                 "the rows have fewer columns than the model reads");
            break;
        }
        dam_model_outputs(&model, raw, y);
        if (!explain) {
            print_outputs(y, model.outputs_count, args->json);
        }
        for (size_t j = 0; explain && code == DAM_EXIT_OK && j < model.outputs_count; j++) {
            code = explain_output(&model, raw, r, j, y[j], args->json);
        }
    }
    dam_rows_close(&rows);
    dam_model_close(&model);
    return code;
}

static int info(int argc, char **argv)
{
    static struct dam_model model;
    struct dam_bytes blob;
    struct args args;
    if (!parse(argc, argv, &args)) {
        return DAM_EXIT_USAGE;
    }
    int code = dam_model_read_blob(args.file, &model, &blob);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    struct dam_hash hash;
    dam_sha256(blob.data, blob.len, &hash);
    char hex[65];
    for (size_t i = 0; i < 32; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", hash.b[i]);
    }
    size_t slices = (blob.len + DAM_MODEL_SLICE_LEN - 1) / DAM_MODEL_SLICE_LEN;
    const char *format =
        args.json ? "{\"mind\":\"%s\",\"hash\":\"%s\",\"bytes\":%zu,\"contracts\":%zu,"
                    "\"records\":%u,\"features\":%u,\"frames\":%u,\"outputs\":%u}\n"
                  : "mind       %s\nhash       %s\nsize       %zu bytes, %zu code contracts\n"
                    "records    %u\nfeatures   %u\nframes     %u\noutputs    %u\n";
    (void)printf(format, dam_model_mind_name(model.kind), hex, blob.len, slices, model.records,
                 model.features_count, model.frames, model.outputs_count);
    free((void *)blob.data);
    dam_model_close(&model);
    return DAM_EXIT_OK;
}

static int eval(int argc, char **argv)
{
    struct args args;
    return parse(argc, argv, &args) ? each_row(&args, false) : DAM_EXIT_USAGE;
}

static int explain(int argc, char **argv)
{
    struct args args;
    return parse(argc, argv, &args) ? each_row(&args, true) : DAM_EXIT_USAGE;
}

int dam_verb_model(int argc, char **argv)
{
    static const struct dam_verb_part parts[] = {
        {"model import", import},
        {"model make", dam_verb_model_make},
        {"model train", dam_verb_model_train},
        {"model eval", eval},
        {"model explain", explain},
        {"model verify", dam_verb_model_verify},
        {"model info", info},
        {NULL, NULL},
    };
    return dam_verb_part(argc, argv, parts);
}
