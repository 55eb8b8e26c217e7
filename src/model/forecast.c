// SPDX-License-Identifier: Apache-2.0
/* The memory is worked on in place, as bytes: what is stored is bounded when it is read again,
 * which is what docs/spec/forecast.md defines and what the contract does. */
#include "model/forecast.h"

#include "base/assert.h"

typedef __int128 wide;

#define HEAD_AT 24u
#define HEAD_LEN 64u
#define GAP_MAX                                                                                    \
    24 /* slots; after more the memory begins anew: eight forecasters catch up within a budget */
#define TESTED_WARM 64
#define ORDER 4u /* of the least squares */
#define BIG (INT64_C(1) << 40)
#define X_MAX DAM_FORECAST_X_MAX

/* Offsets in a head. */
enum {
    COUNT = 4, /* the blob's shift, then 3 bytes of count */
    SUM = 8,
    FORECAST = 16,
    MEAN = 24,
    TEST = 32,
    TESTED = 40,
    DRIFTS = 48,
    DRIFT_SLOT = 56,
};

/* One forecaster and its two places in the memory. */
struct place {
    const struct dam_forecaster *f;
    uint8_t *head;
    uint8_t *history;
    uint8_t *made;
    uint8_t *own; /* method 2: level, parts; method 3: A, b, w */
};

static inline int64_t sat(wide x, int64_t min, int64_t max)
{
    return x < min ? min : x > max ? max : (int64_t)x;
}

static int64_t get(const uint8_t *at, int64_t min, int64_t max)
{
    return sat((int64_t)dam_load_be64(at), min, max);
}

static void put(uint8_t *at, int64_t v)
{
    dam_store_be64(at, (uint64_t)v);
}

static int64_t get32(const uint8_t *at, int64_t max)
{
    return sat((int32_t)dam_load_be32(at), -max, max);
}

static void put32(uint8_t *at, int64_t v)
{
    dam_store_be32(at, (uint32_t)v);
}

/* ---- where things are ---- */

static size_t history_count(const struct dam_forecaster *f)
{
    return (size_t)f->season + f->ahead + 2;
}

static size_t body_len(const struct dam_forecaster *f)
{
    size_t len = 4 * (history_count(f) + f->ahead);
    len += f->method == DAM_FORECAST_SMOOTH ? 8 + 4 * (size_t)f->season
           : f->method == DAM_FORECAST_RLS  ? 8 * (10 + 2 * ORDER)
                                            : 0;
    return (len + 7) / 8 * 8;
}

size_t dam_forecast_memory_len(const struct dam_forecast *forecast)
{
    size_t len = HEAD_AT + HEAD_LEN * (size_t)forecast->forecasters_count;
    for (size_t i = 0; i < forecast->forecasters_count; i++) {
        len += body_len(&forecast->forecasters[i]);
    }
    return len;
}

static struct place place_of(const struct dam_forecast *forecast, uint8_t *memory, size_t index)
{
    struct place p = {.f = &forecast->forecasters[index]};
    size_t at = HEAD_AT + HEAD_LEN * (size_t)forecast->forecasters_count;
    for (size_t i = 0; i < index; i++) {
        at += body_len(&forecast->forecasters[i]);
    }
    p.head = memory + HEAD_AT + HEAD_LEN * index;
    p.history = memory + at;
    p.made = p.history + 4 * history_count(p.f);
    p.own = p.made + 4 * (size_t)p.f->ahead;
    return p;
}

/* The value k slots before the newest of `pushed`. */
static int64_t past(const struct place *p, int64_t pushed, size_t k)
{
    size_t n = history_count(p->f);
    size_t newest = (size_t)((uint64_t)(pushed - 1) % n);
    return get32(p->history + 4 * ((newest + n - k) % n), X_MAX);
}

/* Good values in the running slot. */
static int64_t count_of(const struct place *p)
{
    return sat(dam_load_be32(p->head + COUNT) & 0xffffff, 0, 65536);
}

static void count_put(const struct place *p, int64_t count)
{
    put32(p->head + COUNT, ((int64_t)p->f->shift << 24) | count);
}

/* ---- closing a slot ---- */

static void test_drift(const struct place *p, int64_t pushed, int64_t y, int64_t slot)
{
    const struct dam_forecaster *f = p->f;
    if (pushed < f->season + 2 + f->ahead) {
        return;
    }
    int64_t miss = y - get32(p->made + 4 * ((uint64_t)pushed % f->ahead), X_MAX);
    int64_t e = sat((miss < 0 ? -miss : miss) * 256, 0, 1 << 29);
    int64_t mean = get(p->head + MEAN, 0, BIG);
    int64_t test = get(p->head + TEST, 0, BIG);
    int64_t tested = get(p->head + TESTED, 0, BIG) + 1;
    if (tested <= TESTED_WARM) {
        mean += (e - mean) / tested;
    } else {
        int64_t most = 8 * mean + 256;
        e = e < most ? e : most;
        test += e - mean - (mean >> 1);
        test = test < 0 ? 0 : test;
        mean += (e - mean) >> 6;
        if (test > f->limit * (mean + 256)) {
            put(p->head + DRIFTS, get(p->head + DRIFTS, 0, BIG) + 1);
            put(p->head + DRIFT_SLOT, slot);
            test = mean = tested = 0;
            for (size_t i = 0; f->method == DAM_FORECAST_RLS && i < 10 + ORDER; i++) {
                put(p->own + 8 * i, (int64_t)dam_load_be64(p->own + 8 * i) >> 4);
            }
        }
    }
    put(p->head + MEAN, mean);
    put(p->head + TEST, test);
    put(p->head + TESTED, tested);
}

static void learn_smooth(const struct place *p, int64_t pushed, int64_t y)
{
    const struct dam_forecaster *f = p->f;
    uint8_t *at = p->own + 8 + 4 * ((uint64_t)pushed % f->season);
    int64_t part = get32(at, 1 << 29);
    int64_t level = pushed == 0 ? 256 * y : get(p->own, -(1 << 28), 1 << 28);
    level += (256 * y - part - level) >> f->alpha;
    put(p->own, level);
    if (f->season > 1) {
        put32(at, part + ((256 * y - level - part) >> f->beta));
    }
}

/* A's place by row and column. */
static uint8_t *a_at(const struct place *p, size_t i, size_t j)
{
    static const uint8_t row[ORDER] = {0, 4, 7, 9};
    return p->own + 8 * (i <= j ? row[i] + (j - i) : row[j] + (i - j));
}

static void learn_squares(const struct place *p, int64_t pushed)
{
    const size_t s = p->f->season;
    const size_t h = p->f->ahead;
    const int64_t max = INT64_C(1) << 60;
    const int64_t x[ORDER] = {256, past(p, pushed, h) - past(p, pushed, h + s),
                              past(p, pushed, h + 1) - past(p, pushed, h + 1 + s),
                              past(p, pushed, h) - past(p, pushed, s)};
    int64_t z = past(p, pushed, 0) - past(p, pushed, s);
    int64_t a[ORDER][ORDER];
    int64_t b[ORDER];
    int64_t w[ORDER];
    for (size_t i = 0; i < ORDER; i++) {
        for (size_t j = i; j < ORDER; j++) {
            int64_t v = get(a_at(p, i, j), -max, max);
            a[i][j] = a[j][i] = v + x[i] * x[j] - (v >> p->f->alpha);
            put(a_at(p, i, j), a[i][j]);
        }
        uint8_t *at = p->own + 8 * (10 + i);
        int64_t v = get(at, -max, max);
        b[i] = v + x[i] * z - (v >> p->f->alpha);
        put(at, b[i]);
        w[i] = get(p->own + 8 * (10 + ORDER + i), -(1 << 20), 1 << 20);
    }
    for (size_t sweep = 0; sweep < 4; sweep++) {
        for (size_t i = 0; i < ORDER; i++) {
            wide rest = (wide)65536 * b[i];
            for (size_t j = 0; j < ORDER; j++) {
                rest -= j == i ? 0 : (wide)a[i][j] * w[j];
            }
            int64_t diagonal = a[i][i] < 0 ? 0 : a[i][i];
            w[i] = sat(rest / (diagonal + (INT64_C(1) << p->f->alpha)), -(1 << 20), 1 << 20);
        }
    }
    for (size_t i = 0; i < ORDER; i++) {
        put(p->own + 8 * (10 + ORDER + i), w[i]);
    }
}

/* In: pushed: the slot just closed counts. */
static int64_t forecast_next(const struct place *p, int64_t pushed)
{
    const size_t s = p->f->season;
    const size_t h = p->f->ahead;
    if (pushed < p->f->season + 2) {
        return past(p, pushed, 0);
    }
    int64_t base = past(p, pushed, s - h);
    if (p->f->method == DAM_FORECAST_NAIVE) {
        return base;
    }
    if (p->f->method == DAM_FORECAST_SMOOTH) {
        int64_t part = get32(p->own + 8 + 4 * ((uint64_t)(pushed - 1 + (int64_t)h) % s), 1 << 29);
        return sat((get(p->own, -(1 << 28), 1 << 28) + part) >> 8, -X_MAX, X_MAX);
    }
    const int64_t x[ORDER] = {256, past(p, pushed, 0) - past(p, pushed, s),
                              past(p, pushed, 1) - past(p, pushed, 1 + s),
                              past(p, pushed, 0) - base};
    int64_t sum = 0;
    for (size_t i = 0; i < ORDER; i++) {
        sum += get(p->own + 8 * (10 + ORDER + i), -(1 << 20), 1 << 20) * x[i];
    }
    return sat(base + (sum >> 16), -X_MAX, X_MAX);
}

static void close_slot(const struct place *p, int64_t pushed, bool first, int64_t slot)
{
    int64_t y = pushed == 0 ? 0 : past(p, pushed, 0);
    if (first) {
        int64_t count = count_of(p);
        if (count > 0) {
            y = get(p->head + SUM, -count * X_MAX, count * X_MAX) / count;
        }
        count_put(p, 0);
        put(p->head + SUM, 0);
    }
    test_drift(p, pushed, y, slot);
    put32(p->history + 4 * ((uint64_t)pushed % history_count(p->f)), y);
    if (p->f->method == DAM_FORECAST_SMOOTH) {
        learn_smooth(p, pushed, y);
    } else if (p->f->method == DAM_FORECAST_RLS && pushed + 1 >= (int64_t)history_count(p->f)) {
        learn_squares(p, pushed + 1);
    }
    int64_t next = forecast_next(p, pushed + 1);
    put(p->head + FORECAST, next);
    put32(p->made + 4 * ((uint64_t)pushed % p->f->ahead), next);
}

/* ---- the turn ---- */

static void memory_empty(const struct dam_forecast *forecast, uint8_t *memory, int64_t slot)
{
    memset(memory, 0, dam_forecast_memory_len(forecast));
    memcpy(memory, "DAMF", 4);
    memory[4] = forecast->forecasters_count;
    put(memory + 8, slot);
    for (size_t i = 0; i < forecast->forecasters_count; i++) {
        uint8_t *head = memory + HEAD_AT + HEAD_LEN * i;
        dam_store_be16(head, forecast->forecasters[i].channel);
        head[2] = forecast->forecasters[i].method;
        head[3] = forecast->forecasters[i].ahead;
        head[4] = forecast->forecasters[i].shift;
        put(head + DRIFT_SLOT, -1);
    }
}

/* Closes what ended up to slot t. */
static void advance(const struct dam_forecast *forecast, uint8_t *memory, int64_t t)
{
    int64_t slot = get(memory + 8, 0, BIG);
    int64_t pushed = get(memory + 16, 0, BIG);
    if (t < slot || t - slot > GAP_MAX) {
        memory_empty(forecast, memory, t);
        return;
    }
    for (int64_t k = 0; k < t - slot; k++, pushed++) {
        for (size_t i = 0; i < forecast->forecasters_count; i++) {
            struct place p = place_of(forecast, memory, i);
            close_slot(&p, pushed, k == 0, t);
        }
    }
    put(memory + 8, t);
    put(memory + 16, pushed);
}

/* What the outputs are sums of: the channel now, its forecast, its drift. */
static void inputs_of(const struct place *p, const uint8_t *observation, int64_t t, int64_t pushed,
                      int64_t *ret)
{
    const uint8_t *record = observation + 16 * (size_t)p->f->channel;
    bool good = record[12] != 2 && record[12] != 4;
    int64_t x = 0;
    if (good) {
        int64_t count = count_of(p);
        x = sat((int64_t)dam_load_be64(record) >> p->f->shift, -X_MAX, X_MAX);
        if (count < 65536) {
            int64_t sum = get(p->head + SUM, -count * X_MAX, count * X_MAX);
            count_put(p, count + 1);
            put(p->head + SUM, sum + x);
        }
    }
    int64_t found = get(p->head + DRIFT_SLOT, -1, BIG);
    int64_t next = get(p->head + FORECAST, -X_MAX, X_MAX);
    ret[0] = good || pushed == 0 ? x : next;
    ret[1] = pushed > 0 ? next : x;
    ret[2] = found >= 0 && t - found < p->f->season;
}

enum dam_err dam_forecast_decide(const struct dam_forecast *forecast, struct dam_bytes memory,
                                 struct dam_bytes observation, uint8_t *ret_next,
                                 int64_t *ret_proposal)
{
    if (observation.len != 16 * (size_t)forecast->records) {
        return DAM_ERANGE;
    }
    int64_t x[DAM_FORECAST_WEIGHTS_MAX];
    size_t n = forecast->forecasters_count;
    int64_t t = get(observation.data, 0, BIG) / (int64_t)forecast->slot_s;
    if (memory.len == dam_forecast_memory_len(forecast) && memcmp(memory.data, "DAMF", 4) == 0) {
        memcpy(ret_next, memory.data, memory.len);
    } else {
        memory_empty(forecast, ret_next, t);
    }
    advance(forecast, ret_next, t);
    int64_t pushed = get(ret_next + 16, 0, BIG);
    for (size_t i = 0; i < n; i++) {
        struct place p = place_of(forecast, ret_next, i);
        inputs_of(&p, observation.data, t, pushed, x + 3 * i);
    }
    for (size_t j = 0; j < forecast->outputs_count; j++) {
        const struct dam_output *out = &forecast->outputs[j];
        wide acc = out->bias;
        for (size_t i = 0; i < 3 * n; i++) {
            acc += forecast->weights[j][i] * x[i];
        }
        ret_proposal[j] = sat(out->offset + ((acc * out->mul) >> out->shift), out->min, out->max);
    }
    return DAM_OK;
}

size_t dam_forecast_look(struct dam_bytes memory, int64_t *ret_slot, struct dam_forecast_state *ret)
{
    if (memory.len < HEAD_AT || memcmp(memory.data, "DAMF", 4) != 0) {
        return 0;
    }
    size_t n = memory.data[4];
    if (n > DAM_FORECASTERS_MAX || memory.len < HEAD_AT + HEAD_LEN * n) {
        return 0;
    }
    *ret_slot = get(memory.data + 8, 0, BIG);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *head = memory.data + HEAD_AT + HEAD_LEN * i;
        ret[i] = (struct dam_forecast_state){
            .channel = dam_load_be16(head),
            .method = head[2],
            .ahead = head[3],
            .shift = head[4] > 62 ? 62 : head[4],
            .forecast = get(head + FORECAST, -X_MAX, X_MAX),
            .mean = get(head + MEAN, 0, BIG),
            .drifts = (uint64_t)get(head + DRIFTS, 0, BIG),
            .drift_slot = get(head + DRIFT_SLOT, -1, BIG),
        };
    }
    return n;
}

/* ---- the blob ---- */

static size_t row_len(const struct dam_forecast *forecast)
{
    return 64 + (12 * (size_t)forecast->forecasters_count + 31) / 32 * 32;
}

const char *dam_forecast_check(const struct dam_forecast *forecast)
{
    size_t n = forecast->forecasters_count;
    if (forecast->records < 1 || forecast->records > DAM_FORECAST_RECORDS_MAX || n < 1 ||
        n > DAM_FORECASTERS_MAX || forecast->outputs_count < 1 ||
        forecast->outputs_count > DAM_FORECAST_OUTPUTS_MAX || forecast->slot_s < 1 ||
        forecast->slot_s > 86400) {
        return "records, forecasters, outputs or slot_s is out of its range";
    }
    for (size_t i = 0; i < n; i++) {
        const struct dam_forecaster *f = &forecast->forecasters[i];
        bool squares = f->method == DAM_FORECAST_RLS;
        if (f->channel < 1 || f->channel >= forecast->records || f->method < DAM_FORECAST_NAIVE ||
            f->method > DAM_FORECAST_RLS || f->season < 1 || f->season > DAM_FORECAST_SEASON_MAX ||
            f->ahead < 1 || f->ahead > f->season || f->alpha > 15 || (squares && f->alpha < 4) ||
            f->beta > 15 || f->shift > 62 || f->limit < 1) {
            return "a forecaster's field is out of its range";
        }
    }
    for (size_t j = 0; j < forecast->outputs_count; j++) {
        const struct dam_output *out = &forecast->outputs[j];
        if (out->shift > 62 || out->min > out->max) {
            return "an output's shift is at most 62, its min at most its max";
        }
    }
    return dam_forecast_memory_len(forecast) > DAM_MODEL_MEMORY_MAX
               ? "the forecasters need more than 8192 bytes of memory"
               : NULL;
}

static void row_read(struct dam_forecast *f, size_t j, const uint8_t *at)
{
    f->outputs[j] = (struct dam_output){.bias = (int32_t)dam_load_be32(at + 32),
                                        .mul = (int32_t)dam_load_be32(at + 36),
                                        .shift = at[3],
                                        .offset = (int64_t)dam_load_be64(at + 40),
                                        .min = (int64_t)dam_load_be64(at + 48),
                                        .max = (int64_t)dam_load_be64(at + 56)};
    for (size_t i = 0; i < 3u * f->forecasters_count; i++) {
        f->weights[j][i] = (int32_t)dam_load_be32(at + 64 + 4 * i);
    }
}

size_t dam_forecast_write(const struct dam_forecast *f, uint8_t ret[DAM_FORECAST_BLOB_MAX])
{
    DAM_ASSERT(dam_forecast_check(f) == NULL);
    size_t len = 32 + 32 * (size_t)f->forecasters_count + f->outputs_count * row_len(f);
    memset(ret, 0, len);
    memcpy(ret, "DAMF\1", 5);
    dam_store_be16(ret + 6, f->records);
    ret[8] = f->forecasters_count;
    ret[9] = f->outputs_count;
    dam_store_be32(ret + 12, f->slot_s);
    dam_store_be32(ret + 16, (uint32_t)len);
    uint8_t *at = ret + 32;
    for (size_t i = 0; i < f->forecasters_count; i++, at += 32) {
        const struct dam_forecaster *one = &f->forecasters[i];
        dam_store_be16(at, one->channel);
        at[2] = one->method;
        at[3] = one->ahead;
        dam_store_be16(at + 4, one->season);
        at[6] = one->alpha;
        at[7] = one->beta;
        at[8] = one->shift;
        at[9] = one->limit;
    }
    for (size_t j = 0; j < f->outputs_count; j++, at += row_len(f)) {
        const struct dam_output *out = &f->outputs[j];
        at[3] = out->shift;
        dam_store_be32(at + 32, (uint32_t)out->bias);
        dam_store_be32(at + 36, (uint32_t)out->mul);
        dam_store_be64(at + 40, (uint64_t)out->offset);
        dam_store_be64(at + 48, (uint64_t)out->min);
        dam_store_be64(at + 56, (uint64_t)out->max);
        for (size_t i = 0; i < 3u * f->forecasters_count; i++) {
            dam_store_be32(at + 64 + 4 * i, (uint32_t)f->weights[j][i]);
        }
    }
    return len;
}

enum dam_err dam_forecast_open(struct dam_bytes blob, struct dam_forecast *ret,
                               const char **ret_why)
{
    static uint8_t again[DAM_FORECAST_BLOB_MAX];
    struct dam_forecast f;
    memset(&f, 0, sizeof(f));
    *ret_why = "a forecast's blob begins with DAMF and is at most 24575 bytes";
    if (blob.len < 32 || blob.len > DAM_FORECAST_BLOB_MAX || memcmp(blob.data, "DAMF", 4) != 0) {
        return DAM_EPARSE;
    }
    if (blob.data[4] != 1) {
        *ret_why = "this program reads version 1 of the forecast's blob";
        return DAM_EVERSION;
    }
    f.records = dam_load_be16(blob.data + 6);
    f.forecasters_count = blob.data[8];
    f.outputs_count = blob.data[9];
    f.slot_s = dam_load_be32(blob.data + 12);
    *ret_why = "the blob's length is not that of its forecasters and outputs";
    if (f.forecasters_count > DAM_FORECASTERS_MAX || f.outputs_count > DAM_FORECAST_OUTPUTS_MAX ||
        blob.len != 32 + 32 * (size_t)f.forecasters_count + f.outputs_count * row_len(&f)) {
        return DAM_EPARSE;
    }
    const uint8_t *at = blob.data + 32;
    for (size_t i = 0; i < f.forecasters_count; i++, at += 32) {
        f.forecasters[i] = (struct dam_forecaster){.channel = dam_load_be16(at),
                                                   .method = at[2],
                                                   .ahead = at[3],
                                                   .season = dam_load_be16(at + 4),
                                                   .alpha = at[6],
                                                   .beta = at[7],
                                                   .shift = at[8],
                                                   .limit = at[9]};
    }
    for (size_t j = 0; j < f.outputs_count; j++, at += row_len(&f)) {
        row_read(&f, j, at);
    }
    *ret_why = dam_forecast_check(&f);
    if (*ret_why != NULL) {
        return DAM_EPARSE;
    }
    /* The same blob again, byte for byte: so every reserved byte was zero. */
    *ret_why = "a reserved byte is not zero";
    if (dam_forecast_write(&f, again) != blob.len || memcmp(again, blob.data, blob.len) != 0) {
        return DAM_EPARSE;
    }
    *ret = f;
    return DAM_OK;
}
