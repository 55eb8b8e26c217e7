// SPDX-License-Identifier: Apache-2.0
#include "port/onnxruntime.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The C interface is a table of functions that only ever grows at its end (onnxruntime_c_api.h,
 * "OrtApi"), so the places below are the same in every release since 1.12. */
#define API_VERSION 12u

enum slot {
    GET_ERROR_MESSAGE = 2,
    CREATE_ENV = 3,
    DISABLE_TELEMETRY = 6,
    CREATE_SESSION_FROM_ARRAY = 8,
    RUN = 9,
    CREATE_SESSION_OPTIONS = 10,
    SET_INTRA_THREADS = 24,
    SET_INTER_THREADS = 25,
    INPUT_COUNT = 30,
    OUTPUT_COUNT = 31,
    INPUT_TYPE = 33,
    OUTPUT_TYPE = 34,
    INPUT_NAME = 36,
    OUTPUT_NAME = 37,
    CREATE_TENSOR = 49,
    TENSOR_DATA = 51,
    TYPE_TO_TENSOR = 55,
    TENSOR_ELEMENT = 60,
    DIMENSIONS_COUNT = 61,
    DIMENSIONS = 62,
    SHAPE_COUNT = 64,
    TENSOR_INFO = 65,
    CREATE_MEMORY_INFO = 69,
    ALLOCATOR_FREE = 76,
    DEFAULT_ALLOCATOR = 78,
    RELEASE_ENV = 92,
    RELEASE_STATUS = 93,
    RELEASE_MEMORY_INFO = 94,
    RELEASE_SESSION = 95,
    RELEASE_VALUE = 96,
    RELEASE_TYPE = 98,
    RELEASE_TENSOR_INFO = 99,
    RELEASE_OPTIONS = 100,
};

#define ELEMENT_FLOAT 1
#define LOG_ERRORS 3
#define DIMENSIONS_MAX 8u

typedef void any_function(void);
struct api {
    any_function *slots[RELEASE_OPTIONS + 1];
};
struct api_base {
    const struct api *(*get)(uint32_t version);
    const char *(*version)(void);
};

struct dam_ort {
    const struct api *api;
    const char *version;
    void *env;
    void *session;
    void *memory;
    void *input; /* a tensor over x */
    float *x;
    char *input_name;
    char *output_name;
    size_t inputs;
    size_t outputs;
};

/* Call a slot as the function that it is; every one used here gives NULL or a status. */
#define CALL(api, slot, types, ...) ((void *(*)types)(api)->slots[slot])(__VA_ARGS__)
#define RELEASE(api, slot, object) ((void (*)(void *))(api)->slots[slot])(object)

static enum dam_err say(char *why, enum dam_err err, const char *fmt, ...) DAM_PRINTF(3, 4);
static enum dam_err say(char *why, enum dam_err err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why, DAM_ORT_WHY_MAX, fmt, args);
    va_end(args);
    return err;
}

/* Takes the status. */
static bool good(const struct api *api, void *status, char *why)
{
    if (status == NULL) {
        return true;
    }
    const char *text = ((const char *(*)(void *))api->slots[GET_ERROR_MESSAGE])(status);
    (void)snprintf(why, DAM_ORT_WHY_MAX, "ONNX Runtime: %s", text);
    RELEASE(api, RELEASE_STATUS, status);
    return false;
}

static enum dam_err library_open(const char *path, struct dam_ort *ort, char *why)
{
    const char *named = path != NULL ? path : getenv("DAM_ONNXRUNTIME");
    void *library = named != NULL ? dlopen(named, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library == NULL && named == NULL) {
        library = dlopen("libonnxruntime.so", RTLD_NOW | RTLD_LOCAL);
        library = library == NULL ? dlopen("libonnxruntime.so.1", RTLD_NOW | RTLD_LOCAL) : library;
    }
    if (library == NULL) {
        return say(why, DAM_ENOTFOUND,
                   "ONNX Runtime is not here (%s): install the package libonnxruntime, or unpack "
                   "its release and name libonnxruntime.so with 'library' or DAM_ONNXRUNTIME",
                   named == NULL ? "libonnxruntime.so" : named);
    }
    void *symbol = dlsym(library, "OrtGetApiBase");
    const struct api_base *(*base)(void) = NULL;
    memcpy(&base, &symbol, sizeof(base)); /* POSIX: a function in an object pointer */
    const struct api_base *found = base == NULL ? NULL : base();
    ort->api = found == NULL ? NULL : found->get(API_VERSION);
    if (ort->api == NULL) {
        return say(why, DAM_EVERSION, "this ONNX Runtime is older than 1.%u, or no ONNX Runtime",
                   API_VERSION);
    }
    ort->version = found->version();
    return DAM_OK;
}

/* The number of values of a tensor type; 0 if it is no tensor of floats. Takes the type. */
static size_t type_values(const struct api *api, void *type, int64_t *dimensions, size_t *rank)
{
    char why[DAM_ORT_WHY_MAX];
    const void *tensor = NULL;
    int element = 0;
    size_t count = 0;
    size_t values = 1;
    bool fits =
        good(api, CALL(api, TYPE_TO_TENSOR, (void *, const void **), type, &tensor), why) &&
        tensor != NULL &&
        good(api, CALL(api, TENSOR_ELEMENT, (const void *, int *), tensor, &element), why) &&
        element == ELEMENT_FLOAT &&
        good(api, CALL(api, DIMENSIONS_COUNT, (const void *, size_t *), tensor, &count), why) &&
        count <= DIMENSIONS_MAX &&
        good(api,
             CALL(api, DIMENSIONS, (const void *, int64_t *, size_t), tensor, dimensions, count),
             why);
    for (size_t i = 0; fits && i < count; i++) {
        dimensions[i] = dimensions[i] < 0 ? 1 : dimensions[i];
        fits = dimensions[i] > 0 && (uint64_t)dimensions[i] <= DAM_ORT_VALUES_MAX / values;
        values *= fits ? (size_t)dimensions[i] : 1;
    }
    RELEASE(api, RELEASE_TYPE, type);
    *rank = count;
    return fits ? values : 0;
}

static bool name_copy(const struct api *api, enum slot slot, void *session, size_t index,
                      char **ret, char *why)
{
    void *allocator = NULL;
    char *name = NULL;
    if (!good(api, CALL(api, DEFAULT_ALLOCATOR, (void **), &allocator), why) ||
        !good(api,
              CALL(api, slot, (void *, size_t, void *, char **), session, index, allocator, &name),
              why)) {
        return false;
    }
    *ret = strdup(name);
    (void)good(api, CALL(api, ALLOCATOR_FREE, (void *, void *), allocator, name), why);
    return *ret != NULL;
}

static enum dam_err session_open(struct dam_ort *ort, struct dam_bytes model, char *why)
{
    const struct api *api = ort->api;
    void *options = NULL;
    /* Read by builds that have telemetry at all, before the environment is made. */
    (void)setenv("ORT_DISABLE_TELEMETRY", "1", 1);
    bool done =
        good(api, CALL(api, CREATE_ENV, (int, const char *, void **), LOG_ERRORS, "dam", &ort->env),
             why) &&
        good(api, CALL(api, DISABLE_TELEMETRY, (void *), ort->env), why) &&
        good(api, CALL(api, CREATE_SESSION_OPTIONS, (void **), &options), why) &&
        good(api, CALL(api, SET_INTRA_THREADS, (void *, int), options, 1), why) &&
        good(api, CALL(api, SET_INTER_THREADS, (void *, int), options, 1), why) &&
        good(api,
             CALL(api, CREATE_SESSION_FROM_ARRAY, (void *, const void *, size_t, void *, void **),
                  ort->env, model.data, model.len, options, &ort->session),
             why) &&
        good(api, CALL(api, CREATE_MEMORY_INFO, (int, int, void **), 1, 0, &ort->memory), why);
    if (options != NULL) {
        RELEASE(api, RELEASE_OPTIONS, options);
    }
    return done ? DAM_OK : DAM_EPARSE;
}

static enum dam_err shapes_read(struct dam_ort *ort, char *why)
{
    const struct api *api = ort->api;
    int64_t dimensions[DIMENSIONS_MAX];
    int64_t scratch[DIMENSIONS_MAX];
    size_t rank = 0;
    size_t ignored = 0;
    size_t count = 0;
    size_t outputs = 0;
    void *type = NULL;
    if (!good(api, CALL(api, INPUT_COUNT, (void *, size_t *), ort->session, &count), why) ||
        !good(api, CALL(api, OUTPUT_COUNT, (void *, size_t *), ort->session, &outputs), why)) {
        return DAM_EPARSE;
    }
    if (count != 1 ||
        !good(api, CALL(api, INPUT_TYPE, (void *, size_t, void **), ort->session, 0, &type), why)) {
        return say(why, DAM_EUNSUPPORTED, "the model has %zu inputs; a perceptor has one tensor",
                   count);
    }
    ort->inputs = type_values(api, type, dimensions, &rank);
    if (ort->inputs == 0) {
        return say(why, DAM_EUNSUPPORTED, "the model's input is no tensor of float32");
    }
    size_t at = 0;
    for (; at < outputs && ort->outputs == 0; at++) {
        if (good(api, CALL(api, OUTPUT_TYPE, (void *, size_t, void **), ort->session, at, &type),
                 why)) {
            ort->outputs = type_values(api, type, scratch, &ignored);
        }
    }
    if (ort->outputs == 0) {
        return say(why, DAM_EUNSUPPORTED, "the model has no output that is a tensor of float32");
    }
    ort->x = calloc(ort->inputs, sizeof(*ort->x));
    if (ort->x == NULL || !name_copy(api, INPUT_NAME, ort->session, 0, &ort->input_name, why) ||
        !name_copy(api, OUTPUT_NAME, ort->session, at - 1, &ort->output_name, why)) {
        return say(why, DAM_ENOMEM, "out of memory");
    }
    return good(api,
                CALL(api, CREATE_TENSOR,
                     (const void *, void *, size_t, const int64_t *, size_t, int, void **),
                     ort->memory, ort->x, ort->inputs * sizeof(*ort->x), dimensions, rank,
                     ELEMENT_FLOAT, &ort->input),
                why)
               ? DAM_OK
               : DAM_EUNSUPPORTED;
}

enum dam_err dam_ort_open(const char *library, struct dam_bytes model, struct dam_ort **ret,
                          char *why)
{
    struct dam_ort *ort = calloc(1, sizeof(*ort));
    if (ort == NULL) {
        return say(why, DAM_ENOMEM, "out of memory");
    }
    enum dam_err err = library_open(library, ort, why);
    err = err == DAM_OK ? session_open(ort, model, why) : err;
    err = err == DAM_OK ? shapes_read(ort, why) : err;
    if (err != DAM_OK) {
        dam_ort_close(ort);
        return err;
    }
    *ret = ort;
    return DAM_OK;
}

void dam_ort_close(struct dam_ort *ort)
{
    if (ort == NULL) {
        return;
    }
    const struct {
        void *object;
        enum slot slot;
    } parts[] = {{ort->input, RELEASE_VALUE},
                 {ort->memory, RELEASE_MEMORY_INFO},
                 {ort->session, RELEASE_SESSION},
                 {ort->env, RELEASE_ENV}};
    for (size_t i = 0; i < DAM_COUNT_OF(parts); i++) {
        if (parts[i].object != NULL) {
            RELEASE(ort->api, parts[i].slot, parts[i].object);
        }
    }
    free(ort->x);
    free(ort->input_name);
    free(ort->output_name);
    free(ort);
}

size_t dam_ort_inputs(const struct dam_ort *ort)
{
    return ort->inputs;
}

size_t dam_ort_outputs(const struct dam_ort *ort)
{
    return ort->outputs;
}

const char *dam_ort_version(const struct dam_ort *ort)
{
    return ort->version;
}

enum dam_err dam_ort_run(struct dam_ort *ort, const float *x, float *ret_y, char *why)
{
    const struct api *api = ort->api;
    const char *const in_names[] = {ort->input_name};
    const char *const out_names[] = {ort->output_name};
    const void *const inputs[] = {ort->input};
    void *outputs[1] = {NULL};
    void *info = NULL;
    void *data = NULL;
    size_t count = 0;
    memcpy(ort->x, x, ort->inputs * sizeof(*x));
    if (!good(api,
              CALL(api, RUN,
                   (void *, const void *, const char *const *, const void *const *, size_t,
                    const char *const *, size_t, void **),
                   ort->session, NULL, in_names, inputs, 1, out_names, 1, outputs),
              why)) {
        return DAM_EIO;
    }
    bool fits = good(api, CALL(api, TENSOR_INFO, (void *, void **), outputs[0], &info), why) &&
                good(api, CALL(api, SHAPE_COUNT, (void *, size_t *), info, &count), why) &&
                good(api, CALL(api, TENSOR_DATA, (void *, void **), outputs[0], &data), why);
    if (info != NULL) {
        RELEASE(api, RELEASE_TENSOR_INFO, info);
    }
    if (fits && count != ort->outputs) {
        (void)say(why, DAM_EIO, "the model gave %zu values for one row, not %zu", count,
                  ort->outputs);
        fits = false;
    }
    if (fits) {
        memcpy(ret_y, data, count * sizeof(*ret_y));
    }
    RELEASE(api, RELEASE_VALUE, outputs[0]);
    return fits ? DAM_OK : DAM_EIO;
}
