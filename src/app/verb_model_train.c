// SPDX-License-Identifier: Apache-2.0
/* `dam model train`: trees from the machine's own log. The log's newest part is held back from
 * training; there the blob itself (not the trainer's floats) is compared with what needs no model,
 * and with the mind in force. What comes out is a blob and the text of a proposal to vote on. */
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_model.h"
#include "base/hex.h"
#include "core/crypto/sha256.h"
#include "core/flow/fixed.h"
#include "model/quantise.h"
#include "port/xgboost.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_S 86400
#define WEEK_S 604800
#define TURNS_MAX (1u << 22)
#define TURNS_MIN 200u

struct how {
    const char *folder;
    const char *target;
    const char *actuator;
    const char *out;
    const char *proposal;
    const char *library;
    uint64_t ahead;
    uint64_t held_back; /* percent */
    uint64_t trees;
    uint64_t depth;
    bool json;
};

/* The log as a table: a row a decision, its observation and what was proposed. */
struct past {
    size_t records;
    size_t actuators;
    size_t turns;
    size_t cap;
    uint8_t *observations; /* [turns][16 * records] */
    int64_t *proposals;    /* [turns][actuators] */
    uint64_t first_seq;
    uint64_t last_seq;
};

/* Mean sizes of error on the held-back part, in the target's unit; NAN: not to be had. */
struct score {
    size_t turns;
    double model;
    double same;      /* as it is now */
    double yesterday; /* as it was a day before */
    double in_force;  /* what the actuator was asked for */
};

struct training {
    const struct how *how;
    struct dam_opened *opened;
    struct past past;
    size_t target; /* record */
    size_t actuator;
    size_t split; /* first turn of the held-back part */
    struct dam_model model;
    uint8_t *blob;
    size_t blob_len;
    struct score score;
    char version[32];
};

/* ---- the log ---- */

static void past_free(struct past *past)
{
    free(past->observations);
    free(past->proposals);
}

static bool past_add(struct past *past, const struct dam_record_leaf *leaf)
{
    const struct dam_record_decision *d = &leaf->decision;
    if (d->observation.len != 16 * past->records || d->proposal.len != 8 * past->actuators) {
        return true; /* of another manifest */
    }
    if (past->turns == past->cap) {
        size_t cap = past->cap == 0 ? 4096 : 2 * past->cap;
        uint8_t *observations = realloc(past->observations, cap * 16 * past->records);
        past->observations = observations == NULL ? past->observations : observations;
        int64_t *proposals = realloc(past->proposals, cap * past->actuators * sizeof(*proposals));
        past->proposals = proposals == NULL ? past->proposals : proposals;
        if (observations == NULL || proposals == NULL || cap > TURNS_MAX) {
            return false;
        }
        past->cap = cap;
    }
    memcpy(past->observations + past->turns * 16 * past->records, d->observation.data,
           d->observation.len);
    for (size_t i = 0; i < past->actuators; i++) {
        past->proposals[past->turns * past->actuators + i] =
            (int64_t)dam_load_be64(d->proposal.data + 8 * i);
    }
    past->first_seq = past->turns == 0 ? leaf->seq : past->first_seq;
    past->last_seq = leaf->seq;
    past->turns++;
    return true;
}

static int past_read(struct dam_opened *o, struct past *ret)
{
    uint64_t size = dam_evidence_size(o->evidence);
    char label[] = "reading the log";
    ret->records = dam_manifest_record_count(&o->manifest);
    ret->actuators = o->manifest.actuator_count;
    for (uint64_t seq = 0; seq < size; seq++) {
        struct dam_record_leaf leaf;
        enum dam_err err = dam_evidence_leaf(o->evidence, seq, &leaf);
        if (err != DAM_OK) {
            return dam_verb_fail(DAM_EXIT_FAILED, "`dam verify` checks the whole log",
                                 "leaf %" PRIu64 ": %s", seq, dam_err_text(err));
        }
        if (leaf.kind == DAM_RECORD_DECISION && !past_add(ret, &leaf)) {
            return dam_verb_fail(DAM_EXIT_FAILED, NULL, "the log is too long for memory");
        }
        (void)dam_opened_progress(label, seq, size);
    }
    return DAM_EXIT_OK;
}

/* A record's value in its unit; NAN where it is missing. */
static double value_of(const struct training *t, size_t turn, size_t record)
{
    const uint8_t *at = t->past.observations + (turn * t->past.records + record) * 16;
    if (at[12] == 2 || at[12] == 4) {
        return NAN;
    }
    return (double)(int64_t)dam_load_be64(at) /
           dam_quantise_unit((uint8_t)dam_manifest_record_decimals(&t->opened->manifest, record));
}

/* ---- training ---- */

/* The inputs: the time of day and of week, then every sensor and every last action. */
static size_t inputs_count(const struct training *t)
{
    return t->past.records + 1;
}

static double input_of(const struct training *t, size_t turn, size_t input)
{
    if (input < 2) {
        return fmod(value_of(t, turn, 0), input == 0 ? DAY_S : WEEK_S);
    }
    return value_of(t, turn, input - 1);
}

static double truth_of(const struct training *t, size_t turn)
{
    return value_of(t, turn + t->how->ahead, t->target);
}

static enum dam_err train(struct training *t, struct dam_bytes *ret_model, char *why)
{
    struct dam_xgb *xgb = NULL;
    size_t columns = inputs_count(t);
    float *x = calloc(t->split * columns, sizeof(*x));
    float *y = calloc(t->split, sizeof(*y));
    size_t rows = 0;
    enum dam_err err = x == NULL || y == NULL ? DAM_ENOMEM : DAM_OK;
    /* The last turns before the split would look into the held-back part. */
    for (size_t turn = 0; err == DAM_OK && turn + t->how->ahead < t->split; turn++) {
        double truth = truth_of(t, turn);
        if (!isnan(truth)) {
            for (size_t i = 0; i < columns; i++) {
                x[rows * columns + i] = (float)input_of(t, turn, i);
            }
            y[rows++] = (float)truth;
        }
    }
    err = err == DAM_OK ? dam_xgb_open(t->how->library, &xgb, why) : err;
    if (err == DAM_OK) {
        const struct dam_xgb_training how = {.x = x,
                                             .y = y,
                                             .rows = rows,
                                             .columns = columns,
                                             .objective = "reg:squarederror",
                                             .depth = (unsigned)t->how->depth,
                                             .rounds = (unsigned)t->how->trees,
                                             .eta = 0.1};
        (void)snprintf(t->version, sizeof(t->version), "%s", dam_xgb_version(xgb));
        err = dam_xgb_train(xgb, &how, ret_model, why);
    }
    dam_xgb_close(xgb);
    free(x);
    free(y);
    return err;
}

/* The trained trees as the output of one actuator; the others are at their safe values. */
static void place_output(const struct training *t, struct dam_float *model)
{
    const struct dam_manifest *m = &t->opened->manifest;
    double base = model->base[0];
    model->outputs = (uint32_t)m->actuator_count;
    for (uint32_t k = 0; k < model->trees_count; k++) {
        model->trees[k].output = (uint32_t)t->actuator;
    }
    for (size_t j = 0; j < m->actuator_count; j++) {
        model->base[j] =
            (double)m->actuators[j].safe / dam_quantise_unit((uint8_t)m->actuators[j].decimals);
    }
    model->base[t->actuator] = base;
}

static enum dam_err make_blob(struct training *t, struct dam_bytes trained, char *why)
{
    static struct dam_float model;
    static struct dam_quantise how;
    const struct dam_manifest *m = &t->opened->manifest;
    DAM_TRY(dam_import(trained, &model, why));
    place_output(t, &model);
    memset(&how, 0, sizeof(how));
    how.records = (uint16_t)t->past.records;
    for (size_t i = 0; i < inputs_count(t); i++) {
        size_t record = i < 2 ? 0 : i - 1;
        bool sensor = record > 0 && record <= m->channel_count;
        how.inputs[i] = (struct dam_input_spec){
            .channel = (uint16_t)record,
            .decimals = (uint8_t)dam_manifest_record_decimals(m, record),
            .period = i == 0   ? DAY_S
                      : i == 1 ? WEEK_S
                               : 0,
            .min = sensor        ? m->channels[record - 1].min
                   : record == 0 ? 0
                                 : m->actuators[record - 1 - m->channel_count].min,
            .max = sensor        ? m->channels[record - 1].max
                   : record == 0 ? WEEK_S
                                 : m->actuators[record - 1 - m->channel_count].max};
    }
    for (size_t j = 0; j < m->actuator_count; j++) {
        how.outputs[j] = (struct dam_output_spec){.decimals = (uint8_t)m->actuators[j].decimals,
                                                  .min = m->actuators[j].min,
                                                  .max = m->actuators[j].max};
    }
    enum dam_err err = dam_quantise(&model, &how, &t->model, why);
    dam_float_close(&model);
    DAM_TRY(err);
    return dam_model_write(&t->model, &t->blob, &t->blob_len);
}

/* ---- judging ---- */

static double mean(double sum, size_t count)
{
    return count == 0 ? NAN : sum / (double)count;
}

/* Of turns at which the model and both simple rules can be judged alike. */
static void judge(struct training *t)
{
    const struct dam_manifest *m = &t->opened->manifest;
    double unit = dam_quantise_unit((uint8_t)m->actuators[t->actuator].decimals);
    double sums[4] = {0};
    size_t turns = 0;
    /* Turns of a day, by the log's own pace. */
    double span = value_of(t, t->past.turns - 1, 0) - value_of(t, 0, 0);
    size_t day = (size_t)llround(DAY_S * (double)(t->past.turns - 1) / fmax(span, 1));
    for (size_t turn = t->split; turn + t->how->ahead < t->past.turns; turn++) {
        int64_t y[DAM_MODEL_OUTPUTS_MAX];
        uint8_t next[DAM_MODEL_MEMORY_MAX];
        double truth = truth_of(t, turn);
        double now = value_of(t, turn, t->target);
        double before =
            turn + t->how->ahead < day ? NAN : value_of(t, turn + t->how->ahead - day, t->target);
        struct dam_bytes seen =
            dam_bytes(t->past.observations + turn * 16 * t->past.records, 16 * t->past.records);
        if (isnan(truth + now + before) ||
            dam_model_decide(&t->model, dam_bytes(NULL, 0), seen, next, y) != DAM_OK) {
            continue;
        }
        double asked = (double)t->past.proposals[turn * t->past.actuators + t->actuator] / unit;
        sums[0] += fabs((double)y[t->actuator] / unit - truth);
        sums[1] += fabs(now - truth);
        sums[2] += fabs(before - truth);
        sums[3] += fabs(asked - truth);
        turns++;
    }
    t->score = (struct score){turns, mean(sums[0], turns), mean(sums[1], turns),
                              mean(sums[2], turns), mean(sums[3], turns)};
}

/* The least error that is to be had without this model. */
static double best_other(const struct score *s)
{
    return fmin(fmin(s->same, s->yesterday), s->in_force);
}

static double gain(const struct score *s)
{
    double best = best_other(s);
    return best > 0 ? 1 - s->model / best : s->model > 0 ? -1 : 0;
}

/* The candidate lives through the held-back part, under the charter. */
static enum dam_err ask_whatif(struct training *t, struct dam_history_whatif *ret)
{
    struct dam_manifest_complaint complaint = {0};
    struct dam_history_finding finding; /* none: past_read has read every leaf */
    struct dam_manifest_code code = {.model = t->how->out};
    struct dam_law law = t->opened->law;
    struct dam_history_range range = {t->past.first_seq, t->past.last_seq + 1};
    range.first += (range.end - range.first) * (100 - t->how->held_back) / 100;
    enum dam_err err = dam_law_load_one(&t->opened->manifest, NULL, t->opened->decider, &code,
                                        false, ".", &law.mind, &complaint);
    if (err != DAM_OK) {
        (void)dam_opened_fail(&complaint, err);
        return err;
    }
    return dam_history_ask_whatif(t->opened->evidence, t->opened->decider, &t->opened->manifest,
                                  &law, range, NULL, ret, &finding);
}

/* ---- what comes out ---- */

static void hash_hex(const uint8_t *data, size_t len, char *text)
{
    struct dam_hash hash;
    dam_sha256(data, len, &hash);
    dam_hex_encode(hash.b, 32, text);
}

static void write_proposal(const struct training *t, const struct dam_history_whatif *w, FILE *file)
{
    const struct dam_manifest *m = &t->opened->manifest;
    const struct score *s = &t->score;
    const char *unit = dam_manifest_record_unit(m, t->target);
    char blob[65];
    char root_hex[65];
    struct dam_hash root;
    dam_evidence_root(t->opened->evidence, &root);
    dam_hex_encode(root.b, 32, root_hex);
    hash_hex(t->blob, t->blob_len, blob);
    (void)fprintf(
        file,
        "# Proposal: a mind trained on this machine's own log\n\n"
        "Machine `%s`. From the vote on, actuator `%s` is what the model expects of `%s` %" PRIu64
        " turns ahead; the other actuators stay at their safe values.\n\n"
        "| | |\n| --- | --- |\n| blob | %s, %zu bytes, SHA-256 `%s` |\n"
        "| trained on | leaves %" PRIu64 " to %" PRIu64
        " of the log with root `%s`; %zu turns, the last %" PRIu64
        " %% held back |\n| trainer | XGBoost %s, %" PRIu64 " trees of depth %" PRIu64
        ", seed 1 |\n\n",
        m->name, m->actuators[t->actuator].name, t->how->target, t->how->ahead, t->how->out,
        t->blob_len, blob, t->past.first_seq, t->past.last_seq, root_hex, t->past.turns,
        t->how->held_back, t->version, t->how->trees, t->how->depth);
    (void)fprintf(file,
                  "## Measured on the %zu turns held back\n\n| mean error | %s |\n| --- | --- |\n"
                  "| this model, in integers | %.6g |\n| as it is now | %.6g |\n"
                  "| as it was a day before | %.6g |\n| the mind in force | %.6g |\n\n"
                  "Gain over the best of the others: **%.1f %%**.\n\n",
                  s->turns, unit, s->model, s->same, s->yesterday, s->in_force, 100 * gain(s));
    (void)fprintf(file,
                  "## What would have changed\n\nOf %" PRIu64 " decisions of that part, %" PRIu64
                  " would have been different; the charter overruled %" PRIu64 " then and %" PRIu64
                  " now.\n\n## Check it\n\n    dam model verify %s\n    dam whatif --mind %s\n",
                  w->decisions - w->foreign, w->different, w->outcomes_then[1], w->outcomes_now[1],
                  t->how->out, t->how->out);
}

static int report(struct training *t, const struct dam_history_whatif *w)
{
    const struct score *s = &t->score;
    if (t->how->json) {
        (void)printf("{\"turns\":%zu,\"held_back\":%zu,\"model\":%.9g,\"now\":%.9g,"
                     "\"yesterday\":%.9g,\"in_force\":%.9g,\"gain\":%.6f,\"bytes\":%zu,"
                     "\"trainer\":\"XGBoost %s\",\"decisions_different\":%" PRIu64 "}\n",
                     t->past.turns, s->turns, s->model, s->same, s->yesterday, s->in_force, gain(s),
                     t->blob_len, t->version, w->different);
    } else {
        write_proposal(t, w, stdout);
    }
    if (gain(s) <= 0) {
        return dam_verb_fail(DAM_EXIT_REFUSED,
                             "a longer log, another target, or fewer trees may help",
                             "the model is no better than what needs none: nothing to propose");
    }
    if (t->how->proposal != NULL) {
        FILE *file = fopen(t->how->proposal, "w");
        if (file != NULL) {
            write_proposal(t, w, file);
        }
        if (file == NULL || fclose(file) != 0) {
            return dam_verb_fail(DAM_EXIT_FAILED, "choose another --proposal", "cannot write %s",
                                 t->how->proposal);
        }
    }
    return DAM_EXIT_OK;
}

static int run(struct training *t)
{
    char why[DAM_WHY_LEN] = "";
    struct dam_bytes trained = {0};
    struct dam_history_whatif whatif = {0};
    int code = past_read(t->opened, &t->past);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    t->split = t->past.turns - t->past.turns * t->how->held_back / 100;
    if (t->past.turns < TURNS_MIN || t->split <= t->how->ahead) {
        return dam_verb_fail(DAM_EXIT_NOT_READY, "let the machine run longer",
                             "the log has %zu decisions; %u are the least to learn from",
                             t->past.turns, TURNS_MIN);
    }
    enum dam_err err = train(t, &trained, why);
    if (err != DAM_OK) {
        return dam_verb_fail(err == DAM_ENOTFOUND ? DAM_EXIT_NOT_FOUND : DAM_EXIT_FAILED, NULL,
                             "%s", why[0] == 0 ? dam_err_text(err) : why);
    }
    err = make_blob(t, trained, why);
    free((void *)trained.data);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_REFUSED, "fewer or shallower trees: --trees, --depth", "%s",
                             why[0] == 0 ? dam_err_text(err) : why);
    }
    judge(t);
    code = dam_model_write_file(t->how->out, dam_bytes(t->blob, t->blob_len));
    if (code == DAM_EXIT_OK) {
        code = ask_whatif(t, &whatif) == DAM_OK ? report(t, &whatif) : DAM_EXIT_FAILED;
    }
    return code;
}

/* ---- the verb ---- */

static bool find_names(struct training *t)
{
    const struct dam_manifest *m = &t->opened->manifest;
    t->target = SIZE_MAX;
    t->actuator = SIZE_MAX;
    for (size_t i = 1; i < dam_manifest_record_count(m); i++) {
        char name[80];
        dam_manifest_record_name(m, i, name, sizeof(name));
        t->target = strcmp(name, t->how->target) == 0 ? i : t->target;
    }
    for (size_t i = 0; i < m->actuator_count; i++) {
        t->actuator = strcmp(m->actuators[i].name, t->how->actuator) == 0 ? i : t->actuator;
    }
    return t->target != SIZE_MAX && t->actuator != SIZE_MAX;
}

static bool parse(int argc, char **argv, struct how *ret)
{
    static struct dam_args args;
    const char *from = "evidence";
    struct {
        const char *name;
        uint64_t *value;
        uint64_t least, most;
        const char *text;
    } numbers[] = {{"--ahead", &ret->ahead, 1, 100000, NULL},
                   {"--held-back", &ret->held_back, 5, 80, NULL},
                   {"--trees", &ret->trees, 1, 2000, NULL},
                   {"--depth", &ret->depth, 1, DAM_MODEL_DEPTH_MAX, NULL}};
    const struct dam_arg table[] = {{numbers[0].name, &numbers[0].text, NULL},
                                    {numbers[1].name, &numbers[1].text, NULL},
                                    {numbers[2].name, &numbers[2].text, NULL},
                                    {numbers[3].name, &numbers[3].text, NULL},
                                    {"--from", &from, NULL},
                                    {"--target", &ret->target, NULL},
                                    {"--actuator", &ret->actuator, NULL},
                                    {"--out", &ret->out, NULL},
                                    {"--proposal", &ret->proposal, NULL},
                                    {"--library", &ret->library, NULL},
                                    {"--json", NULL, &ret->json},
                                    {NULL, NULL, NULL}};
    *ret = (struct how){.ahead = 1, .held_back = 25, .trees = 60, .depth = 5};
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return false;
    }
    ret->folder = args.count > 0 ? args.words[0] : NULL;
    for (size_t i = 0; i < DAM_COUNT_OF(numbers); i++) {
        if (numbers[i].text != NULL &&
            (!dam_args_u64(numbers[i].text, numbers[i].value) ||
             *numbers[i].value < numbers[i].least || *numbers[i].value > numbers[i].most)) {
            (void)dam_verb_fail(DAM_EXIT_USAGE, NULL,
                                "%s: '%s' is not from %" PRIu64 " to %" PRIu64, numbers[i].name,
                                numbers[i].text, numbers[i].least, numbers[i].most);
            return false;
        }
    }
    if (strcmp(from, "evidence") != 0) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, "--from evidence", "'%s' is nothing to learn from",
                            from);
        return false;
    }
    if (ret->target == NULL || ret->actuator == NULL || ret->out == NULL) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, "--target CHANNEL --actuator NAME --out BLOB",
                            "what is to be learned, for what, and where to?");
        return false;
    }
    return true;
}

int dam_verb_model_train(int argc, char **argv)
{
    static struct training t;
    struct how how;
    struct dam_opened opened;
    if (!parse(argc, argv, &how)) {
        return DAM_EXIT_USAGE;
    }
    int code = dam_opened_open(how.folder, DAM_OPENED_EVIDENCE | DAM_OPENED_LAW, &opened);
    t.how = &how;
    t.opened = &opened;
    if (code == DAM_EXIT_OK && !find_names(&t)) {
        code = dam_verb_fail(DAM_EXIT_NOT_FOUND, "`dam config show` lists them",
                             "the machine has no channel '%s' or no actuator '%s'", how.target,
                             how.actuator);
    }
    code = code == DAM_EXIT_OK ? run(&t) : code;
    past_free(&t.past);
    free(t.blob);
    dam_model_close(&t.model);
    dam_opened_close(&opened);
    return code;
}
