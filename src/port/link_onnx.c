// SPDX-License-Identifier: Apache-2.0
#include "port/link_onnx.h"

#include "core/crypto/sha256.h"
#include "port/onnxruntime.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MODEL_LEN_MAX (1u << 30)
#define PATH_LEN_MAX 4096u
#define RUN_FAILED_S 30 /* between two tries to load */

enum wants {
    OUTPUT,
    MODEL,
    RUNTIME,
};

struct point {
    enum wants wants;
    size_t output;
    unsigned decimals;
};

/* What a worker makes; the loop's thread reads it when the worker has ended. */
struct look {
    enum dam_err err;
    char why[DAM_ORT_WHY_MAX];
    float *y;
};

struct link_onnx {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    struct point points[DAM_LINK_POINTS_MAX];
    unsigned point_count;
    char model[PATH_LEN_MAX];
    char file[PATH_LEN_MAX];
    char library[PATH_LEN_MAX];
    uv_timer_t timer;
    uv_work_t work;
    uint64_t every_ms;
    bool working;
    bool closing;
    bool timer_closed;
    bool up;
    struct timespec seen; /* the file's time when it was last looked at */
    struct dam_ort *ort;
    int64_t model_tag;
    int64_t runtime_tag;
    struct look look;
};

static struct link_onnx *link_of(struct dam_link *base)
{
    return (struct link_onnx *)(void *)base;
}

/* ---- in the worker ---- */

static bool read_whole(const char *path, size_t max, struct dam_bytes *ret)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    uint8_t *data = NULL;
    size_t len = 0;
    if (file != NULL && fstat(fileno(file), &st) == 0 && st.st_size >= 0 &&
        (size_t)st.st_size <= max) {
        data = malloc((size_t)st.st_size + 1);
        len = data == NULL ? 0 : fread(data, 1, (size_t)st.st_size, file);
    }
    if (file != NULL) {
        (void)fclose(file); /* only read from */
    }
    if (data == NULL) {
        return false;
    }
    data[len] = 0;
    *ret = dam_bytes(data, len);
    return true;
}

static void load(struct link_onnx *link)
{
    struct look *look = &link->look;
    struct dam_bytes model;
    int version[3] = {0};
    if (!read_whole(link->model, MODEL_LEN_MAX, &model)) {
        look->err = DAM_ENOTFOUND;
        (void)snprintf(look->why, sizeof(look->why), "the model %.180s cannot be read",
                       link->model);
        return;
    }
    struct dam_hash hash;
    dam_sha256(model.data, model.len, &hash);
    look->err =
        dam_ort_open(link->library[0] == 0 ? NULL : link->library, model, &link->ort, look->why);
    free((void *)model.data);
    if (look->err != DAM_OK) {
        return;
    }
    link->model_tag = (int64_t)(dam_load_be64(hash.b) >> 16);
    if (sscanf(dam_ort_version(link->ort), "%d.%d.%d", &version[0], &version[1], &version[2]) > 0) {
        link->runtime_tag = version[0] * INT64_C(1000000) + version[1] * 1000 + version[2];
    }
    look->y = calloc(dam_ort_outputs(link->ort), sizeof(*look->y));
    look->err = look->y == NULL ? DAM_ENOMEM : DAM_OK;
}

/* Numbers as text, or as they are in memory (.f32, little-endian). Returns: how many. */
static size_t numbers(const char *path, struct dam_bytes file, float *ret, size_t max)
{
    size_t path_len = strlen(path);
    size_t count = 0;
    if (path_len > 4 && strcmp(path + path_len - 4, ".f32") == 0) {
        count = file.len / sizeof(float);
        memcpy(ret, file.data, (count < max ? count : max) * sizeof(float));
        return count;
    }
    const char *at = (const char *)file.data;
    for (;;) {
        at += strspn(at, " \t\r\n,;");
        char *end = NULL;
        float v = strtof(at, &end);
        if (end == at) {
            return *at == 0 ? count : 0; /* a word that is no number spoils the file */
        }
        if (count < max) {
            ret[count] = v;
        }
        count++;
        at = end;
    }
}

static void perceive(struct link_onnx *link)
{
    struct look *look = &link->look;
    size_t inputs = dam_ort_inputs(link->ort);
    float *x = calloc(inputs, sizeof(*x));
    struct dam_bytes file = {0};
    look->err = DAM_EPARSE;
    if (x == NULL || !read_whole(link->file, inputs * 64 + 4096, &file)) {
        look->err = DAM_EIO;
        (void)snprintf(look->why, sizeof(look->why), "%.180s cannot be read, or is far too long",
                       link->file);
    } else {
        size_t count = numbers(link->file, file, x, inputs);
        if (count == inputs) {
            look->err = dam_ort_run(link->ort, x, look->y, look->why);
        } else {
            (void)snprintf(look->why, sizeof(look->why), "%zu numbers for a model of %zu inputs",
                           count, inputs);
        }
    }
    free((void *)file.data);
    free(x);
}

static void on_work(uv_work_t *work)
{
    struct link_onnx *link = work->data;
    link->look.err = DAM_OK;
    if (link->ort == NULL) {
        load(link);
    }
    if (link->look.err == DAM_OK) {
        perceive(link);
    }
}

/* ---- on the loop's thread ---- */

static void finish(struct link_onnx *link)
{
    if (link->closing && link->timer_closed && !link->working) {
        dam_ort_close(link->ort);
        free(link->look.y);
        free(link);
    }
}

static void tell_point(struct link_onnx *link, unsigned index)
{
    const struct point *p = &link->points[index];
    const struct dam_link_events *e = &link->events;
    if (p->wants != OUTPUT) {
        e->sample(e->ctx, index, p->wants == MODEL ? link->model_tag : link->runtime_tag);
        return;
    }
    if (p->output >= dam_ort_outputs(link->ort)) {
        e->fault(e->ctx, index, "the model has fewer outputs");
        return;
    }
    double v = (double)link->look.y[p->output] * pow(10, p->decimals);
    if (!(fabs(v) < 9e18)) {
        e->fault(e->ctx, index, "the model answered with no number, or one that is too large");
        return;
    }
    e->sample(e->ctx, index, llround(v));
}

static void on_done(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    struct link_onnx *link = work->data;
    link->working = false;
    if (link->closing) {
        finish(link);
        return;
    }
    bool good = link->look.err == DAM_OK;
    if (good != link->up || !good) {
        char text[DAM_ORT_WHY_MAX];
        (void)snprintf(text, sizeof(text), "ONNX Runtime %s, model %012llx",
                       link->ort == NULL ? "" : dam_ort_version(link->ort),
                       (unsigned long long)link->model_tag);
        link->up = good;
        link->events.state(link->events.ctx, good, good ? text : link->look.why);
    }
    for (unsigned i = 0; i < link->point_count; i++) {
        if (good) {
            tell_point(link, i);
        } else {
            link->events.fault(link->events.ctx, i, link->look.why);
        }
    }
    (void)uv_timer_start(&link->timer, link->timer.timer_cb,
                         link->ort == NULL ? RUN_FAILED_S * 1000 : link->every_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct link_onnx *link = timer->data;
    struct stat st;
    bool there = stat(link->file, &st) == 0;
    if (there && link->ort != NULL && st.st_mtim.tv_sec == link->seen.tv_sec &&
        st.st_mtim.tv_nsec == link->seen.tv_nsec) {
        (void)uv_timer_start(timer, on_timer, link->every_ms, 0);
        return;
    }
    link->seen = there ? st.st_mtim : (struct timespec){0};
    link->working = true;
    link->work.data = link;
    if (uv_queue_work(timer->loop, &link->work, on_work, on_done) != 0) {
        link->working = false;
        (void)uv_timer_start(timer, on_timer, link->every_ms, 0);
    }
}

static const char *onnx_check_key(const char *key, bool write)
{
    char *end = NULL;
    if (write) {
        return "a perceptor can only be read";
    }
    if (strcmp(key, "model") == 0 || strcmp(key, "runtime") == 0) {
        return NULL;
    }
    if (strncmp(key, "output.", 7) != 0 || key[7] < '0' || key[7] > '9') {
        return "the key is output.N (from 0), model, or runtime";
    }
    unsigned long n = strtoul(key + 7, &end, 10);
    return *end == 0 && n < DAM_ORT_VALUES_MAX ? NULL
                                               : "the key is output.N (from 0), model, or runtime";
}

static bool path_make(const struct dam_link_setup *setup, const char *option, char *ret)
{
    const char *name = dam_link_option(setup, option, "");
    int len = snprintf(ret, PATH_LEN_MAX, "%s%s%s", name[0] == '/' ? "" : setup->folder,
                       name[0] == '/' ? "" : "/", name);
    return name[0] != 0 && len > 0 && (size_t)len < PATH_LEN_MAX;
}

static enum dam_err onnx_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                              const char **ret_why)
{
    long every_ms = 0;
    *ret_why = "'every_ms' is a number from 10 to 86400000";
    DAM_TRY(dam_link_option_number(setup, "every_ms", 1000, 10, 86400000, &every_ms));
    struct link_onnx *link = calloc(1, sizeof(*link));
    if (link == NULL) {
        return DAM_ENOMEM;
    }
    link->kind = &dam_link_onnx;
    link->events = setup->events;
    link->every_ms = (uint64_t)every_ms;
    (void)snprintf(link->library, sizeof(link->library), "%s",
                   dam_link_option(setup, "library", ""));
    if (!path_make(setup, "model", link->model) || !path_make(setup, "file", link->file)) {
        free(link);
        *ret_why = "a perceptor needs 'model' (an ONNX file) and 'file' (what it looks at)";
        return DAM_EPARSE;
    }
    for (unsigned i = 0; i < setup->point_count; i++) {
        const char *key = setup->points[i].key;
        link->points[i] = (struct point){
            .wants = strcmp(key, "model") == 0     ? MODEL
                     : strcmp(key, "runtime") == 0 ? RUNTIME
                                                   : OUTPUT,
            .output = strncmp(key, "output.", 7) == 0 ? strtoul(key + 7, NULL, 10) : 0,
            .decimals = setup->points[i].decimals};
    }
    link->point_count = (unsigned)setup->point_count;
    if (uv_timer_init(setup->loop, &link->timer) != 0) {
        free(link);
        *ret_why = "no timer is to be had";
        return DAM_EIO;
    }
    link->timer.data = link;
    (void)uv_timer_start(&link->timer, on_timer, 0, 0);
    *ret_link = (struct dam_link *)(void *)link;
    return DAM_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct link_onnx *link = handle->data;
    link->timer_closed = true;
    finish(link);
}

static void onnx_close(struct dam_link *base)
{
    struct link_onnx *link = link_of(base);
    link->closing = true;
    uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}

static const char *const onnx_options[] = {"model", "file", "library", "every_ms", NULL};

const struct dam_link_kind dam_link_onnx = {
    .name = "onnx",
    .summary = "a perceptor: an ONNX model that looks at a file",
    .options = onnx_options,
    .check_key = onnx_check_key,
    .open = onnx_open,
    .close = onnx_close,
};
