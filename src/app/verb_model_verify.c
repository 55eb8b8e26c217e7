// SPDX-License-Identifier: Apache-2.0
/* `dam model verify`: the same blob on the same observations by every way of evaluating it. Each
 * row goes through the best kernel and the portable one; the first so many through the mind's
 * bytecode, too; and some are written down for a chain that is not ours. The digest over all
 * answers is what two compilers or two processors compare. */
#include "app/args.h"
#include "app/mind_lab.h"
#include "app/verb.h"
#include "app/verb_model.h"
#include "base/assert.h"
#include "base/hex.h"
#include "base/prng.h"
#include "core/crypto/sha256.h"
#include "model/district.h"
#include "model/forecast.h"
#include "model/planner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBSERVATION_MAX (16u * DAM_MODEL_RECORDS_MAX)
#define MIND_BYTES_MAX (DAM_MODEL_MEMORY_MAX + 8u * DAM_MODEL_OUTPUTS_MAX)

/* Any blob that a mind of ours reads. */
struct subject {
    enum { MODEL, PLANNER, FORECAST, DISTRICT } is;
    struct dam_model model;
    struct dam_planner planner;
    struct dam_forecast forecast;
    struct dam_district district;
    const char *mind; /* the contract that reads it */
    size_t records;
    size_t outputs;
    size_t memory_len;
    struct dam_prng prng;
    uint64_t now_s; /* of a mind that keeps time */
};

struct how {
    uint64_t rows;
    uint64_t evm_rows;
    uint64_t calls;
    uint64_t seed;
    const char *out;
    bool json;
};

/* A channel value that puts the feature's input near `x`. */
static int64_t value_near(const struct dam_feature *feature, int64_t x, struct dam_prng *prng)
{
    __int128 r = feature->center;
    if (feature->mul != 0) {
        r +=
            (((__int128)x << feature->shift) / feature->mul) + (int64_t)dam_prng_below(prng, 5) - 2;
    }
    return r < INT64_MIN ? INT64_MIN : r > INT64_MAX ? INT64_MAX : (int64_t)r;
}

/* Where a model's answer can turn: a threshold of a forest, the range of a net's codes. */
static int64_t turning_point(const struct dam_model *model, size_t feature, struct dam_prng *prng)
{
    if (model->kind == DAM_MODEL_LINEAR) {
        return (int64_t)dam_prng_below(prng, UINT64_C(1) << 32) - (INT64_C(1) << 31);
    }
    if (model->kind == DAM_MODEL_INT8) { /* in 65,536ths of a code, near the middle between two */
        int64_t code = (int64_t)dam_prng_below(prng, 272) - 8 - model->layers[0].zero_in;
        return code * 65536 + 32768;
    }
    if (model->kind != DAM_MODEL_FOREST) {
        int64_t range = model->kind == DAM_MODEL_MLP ? 256 : 32768;
        return (int64_t)dam_prng_below(prng, (uint64_t)range + range / 8) - range / 16;
    }
    const struct dam_group *group = &model->groups[dam_prng_below(prng, model->outputs_count)];
    size_t nodes = group->trees * (((size_t)1 << group->depth) - 1);
    for (int attempt = 0; attempt < 16 && nodes > 0; attempt++) {
        size_t k = (size_t)dam_prng_below(prng, nodes);
        if (group->input[k] % model->features_count == feature) {
            return group->threshold[k];
        }
    }
    return (int64_t)dam_prng_below(prng, UINT64_C(1) << 32) - (INT64_C(1) << 31);
}

/* Nine records in ten near a turning point and good, the others anything: huge, missing, late. */
static void observe_model(const struct dam_model *model, struct dam_prng *prng, uint8_t *ret)
{
    for (size_t i = 0; i < model->features_count; i++) {
        const struct dam_feature *feature = &model->features[i];
        if (feature->field == 0 && feature->period == 0 && dam_prng_below(prng, 40) != 0) {
            int64_t value = value_near(feature, turning_point(model, i, prng), prng);
            dam_store_be64(ret + 16 * (size_t)feature->channel, (uint64_t)value);
        }
    }
}

/* Values of any size, mostly small; time goes on by parts of a slot, or leaps. */
static void observe_over_time(struct subject *s, uint32_t slot_s, uint8_t *ret)
{
    struct dam_prng *prng = &s->prng;
    uint64_t leap = dam_prng_below(prng, 2000);
    s->now_s = leap == 0   ? dam_prng_below(prng, UINT64_C(1) << 34)
               : leap < 40 ? s->now_s + dam_prng_below(prng, 30 * (uint64_t)slot_s)
                           : s->now_s + slot_s / 2 + dam_prng_below(prng, slot_s);
    dam_store_be64(ret, s->now_s);
    for (size_t i = 1; i < s->records; i++) {
        uint8_t *value = ret + 16 * i;
        int64_t any = (int64_t)dam_load_be64(value);
        dam_store_be64(value, (uint64_t)(any >> (dam_prng_below(prng, 20) == 0 ? 0 : 44)));
    }
}

/* Hours of any size, with levels from below the empty store to above the full one. */
static void observe_district(struct subject *s, uint8_t *ret)
{
    const struct dam_district *d = &s->district;
    observe_over_time(s, 3600, ret);
    for (size_t i = 0; i < d->sites; i++) {
        int64_t level = (int64_t)dam_prng_below(&s->prng, DAM_DISTRICT_LEVELS + 2) - 1;
        int64_t told = level * ((int64_t)1 << d->level_shift) / d->level_mul + d->level_zero;
        dam_store_be64(
            ret + 16 * (DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS * i + DAM_DISTRICT_LEVEL),
            (uint64_t)told);
    }
}

static void observe(struct subject *s, uint8_t *ret)
{
    struct dam_prng *prng = &s->prng;
    dam_prng_fill(prng, ret, 16 * s->records);
    for (size_t i = 0; i < s->records; i++) {
        uint8_t *record = ret + 16 * i;
        record[12] = dam_prng_below(prng, 40) == 0 ? (uint8_t)dam_prng_below(prng, 5) : 0;
        memset(record + 13, 0, 3);
        record[8] = 0; /* an age below half a year */
    }
    switch (s->is) {
    case MODEL:
        observe_model(&s->model, prng, ret);
        break;
    case PLANNER:
        observe_over_time(s, s->planner.slot_s, ret);
        break;
    case FORECAST:
        observe_over_time(s, s->forecast.slot_s, ret);
        break;
    case DISTRICT:
        observe_district(s, ret);
        break;
    }
}

/* The memory of the next turn: mostly what this one left; now and then none, or bytes that no mind
 * ever wrote. */
static void memory_next(struct subject *s, const uint8_t *next, struct dam_bytes *memory,
                        uint8_t *bytes)
{
    uint64_t dice = dam_prng_below(&s->prng, s->is == MODEL ? 100 : 1000);
    memory->len = dice < 2 ? 0 : s->memory_len;
    memcpy(bytes, next, memory->len);
    if (dice == 2 && memory->len > 8) {
        for (size_t i = 0; i < 16; i++) {
            bytes[8 + dam_prng_below(&s->prng, memory->len - 8)] = (uint8_t)dam_prng_next(&s->prng);
        }
    }
}

static void put_line(FILE *file, const struct dam_bytes *parts, size_t count)
{
    static char hex[2 * OBSERVATION_MAX + 2 * MIND_BYTES_MAX + 1];
    for (size_t i = 0; i < count; i++) {
        dam_hex_encode(parts[i].data, parts[i].len, hex);
        (void)fprintf(file, "%s0x%s", i > 0 ? " " : "", hex);
    }
    (void)fprintf(file, "\n");
}

struct verified {
    uint64_t portable_differences;
    uint64_t evm_rows;
    uint64_t evm_differences;
    int64_t gas_max;
    struct dam_hash digest;
};

/* One turn's answers, as a mind returns them. */
struct answer {
    uint8_t next[DAM_MODEL_MEMORY_MAX];
    uint8_t proposal[8 * DAM_MODEL_OUTPUTS_MAX];
    size_t next_len;
    size_t proposal_len;
};

static bool answer_equal(const struct answer *a, const struct answer *b)
{
    return a->next_len == b->next_len && memcmp(a->next, b->next, a->next_len) == 0 &&
           a->proposal_len == b->proposal_len &&
           memcmp(a->proposal, b->proposal, a->proposal_len) == 0;
}

static enum dam_err decide_c(const struct subject *s, struct dam_bytes memory,
                             struct dam_bytes seen, uint8_t *ret_next, int64_t *ret_y)
{
    switch (s->is) {
    case MODEL:
        return dam_model_decide(&s->model, memory, seen, ret_next, ret_y);
    case PLANNER:
        return dam_planner_decide(&s->planner, memory, seen, ret_next, ret_y);
    case FORECAST:
        return dam_forecast_decide(&s->forecast, memory, seen, ret_next, ret_y);
    case DISTRICT:
        return dam_district_decide(&s->district, memory, seen, ret_next, ret_y);
    }
    return DAM_EUNSUPPORTED;
}

static void answer_c(const struct subject *s, struct dam_bytes memory, struct dam_bytes seen,
                     struct answer *ret)
{
    int64_t y[DAM_MODEL_OUTPUTS_MAX];
    enum dam_err err = decide_c(s, memory, seen, ret->next, y);
    DAM_ASSERT(err == DAM_OK); /* the observation has the mind's own length */
    ret->next_len = s->memory_len;
    ret->proposal_len = 8 * s->outputs;
    for (size_t j = 0; j < s->outputs; j++) {
        dam_store_be64(ret->proposal + 8 * j, (uint64_t)y[j]);
    }
}

static bool answer_evm(struct dam_lab *lab, const struct dam_address *mind, size_t outputs,
                       struct dam_bytes memory, struct dam_bytes seen, struct answer *ret,
                       int64_t *gas_max)
{
    int64_t y[DAM_MODEL_OUTPUTS_MAX];
    int64_t gas = 0;
    if (dam_lab_decide(lab, mind, memory, seen, outputs, ret->next, &ret->next_len, y, &gas) !=
        DAM_OK) {
        return false;
    }
    ret->proposal_len = 8 * outputs;
    for (size_t j = 0; j < outputs; j++) {
        dam_store_be64(ret->proposal + 8 * j, (uint64_t)y[j]);
    }
    *gas_max = gas > *gas_max ? gas : *gas_max;
    return true;
}

static void verify_rows(struct subject *s, struct dam_lab *lab, const struct dam_address *mind,
                        const struct how *how, FILE *calls, struct verified *ret)
{
    static struct answer best;
    static struct answer plain;
    static struct answer evm;
    static uint8_t memory_bytes[DAM_MODEL_MEMORY_MAX];
    struct dam_sha256 sha;
    struct dam_bytes memory = dam_bytes(memory_bytes, 0);
    bool tty = isatty(STDERR_FILENO) == 1;
    dam_sha256_init(&sha);
    for (uint64_t r = 0; r < how->rows; r++) {
        uint8_t observation[OBSERVATION_MAX];
        observe(s, observation);
        struct dam_bytes seen = dam_bytes(observation, 16 * s->records);
        dam_model_portable(true);
        answer_c(s, memory, seen, &plain);
        dam_model_portable(false);
        answer_c(s, memory, seen, &best);
        ret->portable_differences += !answer_equal(&best, &plain);
        dam_sha256_update(&sha, best.next, best.next_len);
        dam_sha256_update(&sha, best.proposal, best.proposal_len);
        if (r < how->evm_rows) {
            ret->evm_rows++;
            ret->evm_differences +=
                !answer_evm(lab, mind, s->outputs, memory, seen, &evm, &ret->gas_max) ||
                !answer_equal(&best, &evm);
        }
        if (r < how->calls) {
            const struct dam_bytes parts[] = {memory, seen, dam_bytes(best.next, best.next_len),
                                              dam_bytes(best.proposal, best.proposal_len)};
            put_line(calls, parts, DAM_COUNT_OF(parts));
        }
        memory_next(s, best.next, &memory, memory_bytes);
        if (tty && r % 4096 == 0) {
            (void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " rows", r, how->rows);
        }
    }
    if (tty) {
        (void)fprintf(stderr, "\r\033[K");
    }
    dam_sha256_final(&sha, &ret->digest);
}

static void print_verified(const struct subject *s, const struct how *how, const struct verified *v)
{
    char digest[65];
    dam_hex_encode(v->digest.b, 32, digest);
    const char *format =
        how->json ? "{\"mind\":\"%s\",\"kernel\":\"%s\",\"rows\":%" PRIu64
                    ",\"portable_differences\":%" PRIu64 ",\"evm_rows\":%" PRIu64
                    ",\"evm_differences\":%" PRIu64 ",\"gas_max\":%" PRId64 ",\"digest\":\"%s\"}\n"
                  : "mind       %s\nkernel     %s\nrows       %" PRIu64
                    ", the portable kernel differs on %" PRIu64 "\nbytecode   %" PRIu64
                    " rows, differs on %" PRIu64 ", most gas %" PRId64 "\ndigest     %s\n";
    (void)printf(format, s->mind, s->is == MODEL ? dam_model_kernel() : "portable", how->rows,
                 v->portable_differences, v->evm_rows, v->evm_differences, v->gas_max, digest);
}

/* The mind that reads the blob: one that is no model's takes the one slice itself. */
static enum dam_err mind_create(struct dam_lab *lab, const struct subject *s, struct dam_bytes blob,
                                struct dam_address *ret)
{
    return s->is == MODEL ? dam_lab_model_mind(lab, s->mind, blob, ret)
                          : dam_lab_blob_mind(lab, s->mind, blob, ret);
}

static int verify(struct subject *s, struct dam_bytes blob, const struct how *how)
{
    struct dam_lab lab = {0};
    struct dam_address mind;
    struct verified v = {0};
    FILE *calls = NULL;
    if (how->calls > how->rows || how->evm_rows > how->rows) {
        return dam_verb_fail(DAM_EXIT_USAGE, "--rows is the most of the three",
                             "--evm and --calls are of the same rows");
    }
    if (how->evm_rows > 0) {
        enum dam_err err = dam_lab_open(&lab);
        err = err == DAM_OK ? mind_create(&lab, s, blob, &mind) : err;
        if (err != DAM_OK) {
            dam_lab_close(&lab);
            return dam_verb_fail(err == DAM_ENOTFOUND ? DAM_EXIT_NOT_FOUND : DAM_EXIT_FAILED,
                                 "tools/contracts-build makes the minds' bytecode",
                                 "%s cannot be created: %s", s->mind, dam_err_text(err));
        }
    }
    if (how->calls > 0) {
        calls = how->out == NULL ? NULL : fopen(how->out, "w");
        if (calls == NULL) {
            dam_lab_close(&lab);
            return dam_verb_fail(DAM_EXIT_FAILED, "name a file that can be written: --out FILE",
                                 "there is no place for the calls");
        }
    }
    verify_rows(s, &lab, &mind, how, calls, &v);
    bool written = calls == NULL || fclose(calls) == 0;
    dam_lab_close(&lab);
    print_verified(s, how, &v);
    if (!written) {
        return dam_verb_fail(DAM_EXIT_FAILED, "is the disk full?", "cannot write %s", how->out);
    }
    if (v.portable_differences > 0 || v.evm_differences > 0) {
        return dam_verb_fail(DAM_EXIT_FAILED, "this is a bug: keep the blob and report it",
                             "the ways differ");
    }
    return DAM_EXIT_OK;
}

static int subject_open(const char *path, struct dam_bytes *blob, struct subject *ret)
{
    const char *why = NULL;
    int code = dam_model_read_file(path, blob);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    enum dam_err err;
    ret->mind = dam_model_mind_of(*blob);
    if (strcmp(ret->mind, "PlannerMind") == 0) {
        err = dam_planner_open(*blob, &ret->planner, &why);
        ret->is = PLANNER;
        ret->records = ret->planner.records;
        ret->outputs = ret->planner.actuators;
        ret->memory_len = err == DAM_OK ? dam_planner_memory_len(&ret->planner) : 0;
    } else if (strcmp(ret->mind, "ForecastMind") == 0) {
        err = dam_forecast_open(*blob, &ret->forecast, &why);
        ret->is = FORECAST;
        ret->records = ret->forecast.records;
        ret->outputs = ret->forecast.outputs_count;
        ret->memory_len = err == DAM_OK ? dam_forecast_memory_len(&ret->forecast) : 0;
    } else if (strcmp(ret->mind, "DistrictMind") == 0) {
        err = dam_district_open(*blob, &ret->district, &why);
        ret->is = DISTRICT;
        ret->records = dam_district_records(&ret->district);
        ret->outputs = ret->district.sites;
        ret->memory_len = err == DAM_OK ? dam_district_memory_len(&ret->district) : 0;
    } else {
        err = dam_model_open(*blob, &ret->model, &why);
        ret->is = MODEL;
        ret->records = ret->model.records;
        ret->outputs = ret->model.outputs_count;
        ret->memory_len = err == DAM_OK ? dam_model_memory_len(&ret->model) : 0;
    }
    if (err != DAM_OK) {
        free((void *)blob->data);
        return dam_verb_fail(DAM_EXIT_FAILED, "`dam model import` makes blobs", "%s: %s", path,
                             why == NULL ? dam_err_text(err) : why);
    }
    return DAM_EXIT_OK;
}

int dam_verb_model_verify(int argc, char **argv)
{
    static struct subject subject;
    struct dam_bytes blob;
    struct how how = {.rows = 100000, .evm_rows = 1000};
    const char *text[4] = {NULL};
    uint64_t *const number[4] = {&how.rows, &how.evm_rows, &how.calls, &how.seed};
    static const char *const names[4] = {"--rows", "--evm", "--calls", "--seed"};
    struct dam_args args;
    const struct dam_arg table[] = {{names[0], &text[0], NULL}, {names[1], &text[1], NULL},
                                    {names[2], &text[2], NULL}, {names[3], &text[3], NULL},
                                    {"--out", &how.out, NULL},  {"--json", NULL, &how.json},
                                    {NULL, NULL, NULL}};
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        if (text[i] != NULL && !dam_args_u64(text[i], number[i])) {
            return dam_verb_fail(DAM_EXIT_USAGE, "a whole number", "%s %s", names[i], text[i]);
        }
    }
    if (args.count < 1) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam model verify BLOB", "which blob?");
    }
    int code = subject_open(args.words[0], &blob, &subject);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    subject.prng.state = how.seed;
    code = verify(&subject, blob, &how);
    free((void *)blob.data);
    dam_model_close(&subject.model);
    return code;
}
