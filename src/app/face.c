// SPDX-License-Identifier: Apache-2.0
#include "app/face.h"

#include "app/face_history.h"
#include "app/face_walk.h"
#include "app/mind_view.h"
#include "app/skill_door.h"
#include "base/heap.h"
#include "base/json.h"
#include "port/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECTION_LEN_MAX (256u << 10)
#define SECTIONS_MAX 16u
#define LOOK_MS 400u
#define STEP_MS_MAX (7 * 86400000ll)

struct dam_face {
    struct dam_runtime *runtime;
    struct dam_dashboard *dashboard;
    struct dam_skill_door *door;
    uv_timer_t look;             /* at the sections */
    struct timespec sections_at; /* as they were last seen */
    bool stepped;
    struct dam_arena scratch; /* of one request */
};

static struct dam_machine *machine_of(struct dam_face *face)
{
    return dam_runtime_machine(face->runtime, 0);
}

static void put_text(struct dam_json_writer *w, const char *key, const char *text)
{
    dam_json_put_key(w, key);
    dam_json_put_cstr(w, text == NULL ? "" : text);
}

/* The observation as the next turn would see it. */
static void put_channels(struct dam_face *face, struct dam_json_writer *w)
{
    struct dam_machine *machine = machine_of(face);
    const struct dam_manifest *manifest = dam_machine_manifest(machine);
    struct dam_now now = dam_runtime_now(face->runtime);
    uint8_t observation[DAM_FLOW_SAMPLE_LEN * DAM_FLOW_CHANNELS_MAX];
    dam_machine_observe(machine, &now, observation);
    dam_json_put_key(w, "channels");
    dam_json_put_array(w);
    for (size_t i = 0; i < manifest->channel_count; i++) {
        const struct dam_manifest_channel *channel = &manifest->channels[i];
        struct dam_flow_sample sample;
        if (dam_flow_sample_load(observation + DAM_FLOW_SAMPLE_LEN * (1 + i), &sample) != DAM_OK) {
            continue;
        }
        dam_json_put_object(w);
        put_text(w, "name", channel->name);
        put_text(w, "title", channel->title);
        put_text(w, "unit", channel->unit);
        dam_json_put_key(w, "decimals");
        dam_json_put_u64(w, channel->decimals);
        dam_json_put_i64_text_at(w, "value", sample.value);
        dam_json_put_key(w, "quality");
        dam_json_put_u64(w, sample.quality);
        dam_json_put_key(w, "age_ms");
        dam_json_put_u64(w, sample.age_ms);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
    dam_json_put_key(w, "actuators");
    dam_json_put_array(w);
    size_t first = 1 + manifest->channel_count;
    for (size_t i = 0; i < manifest->actuator_count; i++) {
        const struct dam_manifest_actuator *actuator = &manifest->actuators[i];
        struct dam_flow_sample sample;
        if (dam_flow_sample_load(observation + DAM_FLOW_SAMPLE_LEN * (first + i), &sample) !=
            DAM_OK) {
            continue;
        }
        dam_json_put_object(w);
        put_text(w, "name", actuator->name);
        put_text(w, "title", actuator->title);
        put_text(w, "unit", actuator->unit);
        dam_json_put_key(w, "decimals");
        dam_json_put_u64(w, actuator->decimals);
        dam_json_put_i64_text_at(w, "value", sample.value);
        dam_json_put_i64_text_at(w, "safe", actuator->safe);
        dam_json_put_i64_text_at(w, "min", actuator->min);
        dam_json_put_i64_text_at(w, "max", actuator->max);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

static void put_machine(struct dam_face *face, struct dam_json_writer *w)
{
    struct dam_machine *machine = machine_of(face);
    const struct dam_manifest *manifest = dam_machine_manifest(machine);
    struct dam_now now = dam_runtime_now(face->runtime);
    dam_json_put_key(w, "machine");
    dam_json_put_object(w);
    put_text(w, "name", manifest->name);
    put_text(w, "title", manifest->title);
    put_text(w, "version", DAM_VERSION);
    dam_json_put_key(w, "time");
    dam_json_put_i64(w, now.wall_ms / 1000);
    dam_json_put_key(w, "stopped");
    dam_json_put_bool(w, dam_machine_is_stopped(machine));
    dam_json_put_key(w, "failed");
    dam_json_put_bool(w, dam_machine_failed(machine));
    dam_json_put_key(w, "waiting");
    dam_json_put_bool(w, dam_machine_is_waiting(machine));
    dam_json_put_key(w, "stepped");
    dam_json_put_bool(w, face->stepped);
    dam_json_put_object_end(w);
}

/* What the machine tells of itself is no skill's to tell. */
static bool section_name_ok(const char *name, size_t *ret_len)
{
    static const char *const own[] = {"machine.json",  "channels.json", "actuators.json",
                                      "evidence.json", "mind.json",     "charter.json"};
    size_t len = strlen(name);
    if (len < 6 || len > 40 || strcmp(name + len - 5, ".json") != 0) {
        return false;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(own); i++) {
        if (strcmp(name, own[i]) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < len - 5; i++) {
        bool ok = (name[i] >= 'a' && name[i] <= 'z') || name[i] == '_';
        if (!ok) {
            return false;
        }
    }
    *ret_len = len - 5;
    return true;
}

/* Returns: the file's text in the arena; empty if it is not there, too long, or no JSON: a
 * half-broken skill must not take the whole snapshot with it. */
static struct dam_bytes section_read(struct dam_arena *arena, int folder, const char *name)
{
    struct dam_bytes text;
    const struct dam_json *root = NULL;
    bool is_good =
        dam_file_get(folder, name, SECTION_LEN_MAX, arena, &text) == DAM_OK &&
        dam_json_parse(arena, (const char *)text.data, text.len, 32, &root, NULL) == DAM_OK;
    return is_good ? text : dam_bytes(NULL, 0);
}

static void put_sections(struct dam_face *face, struct dam_json_writer *w)
{
    char path[4096];
    const char *folder = dam_machine_manifest(machine_of(face))->folder;
    (void)snprintf(path, sizeof(path), "%s/sections", folder);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    unsigned count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL && count < SECTIONS_MAX;
         entry = readdir(dir)) {
        size_t len;
        if (!section_name_ok(entry->d_name, &len)) {
            continue;
        }
        struct dam_bytes text = section_read(&face->scratch, dirfd(dir), entry->d_name);
        if (text.len == 0) {
            continue;
        }
        char key[48];
        (void)snprintf(key, sizeof(key), "%.*s", (int)len, entry->d_name);
        dam_json_put_key(w, key);
        dam_json_put_raw(w, (const char *)text.data, text.len);
        count++;
    }
    (void)closedir(dir);
}

/* A skill moves its section into place, which changes the folder's time. */
static void on_look(uv_timer_t *timer)
{
    struct dam_face *face = timer->data;
    struct stat info;
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/sections",
                   dam_machine_manifest(machine_of(face))->folder);
    if (stat(path, &info) == 0 && (info.st_mtim.tv_sec != face->sections_at.tv_sec ||
                                   info.st_mtim.tv_nsec != face->sections_at.tv_nsec)) {
        face->sections_at = info.st_mtim;
        dam_dashboard_changed(face->dashboard);
    }
}

static int tell_state(void *ctx, struct dam_buf *out)
{
    struct dam_face *face = ctx;
    struct dam_json_writer w = {.buf = out};
    dam_arena_reset(&face->scratch);
    dam_json_put_object(&w);
    put_machine(face, &w);
    put_channels(face, &w);
    dam_face_put_evidence(machine_of(face), &w);
    put_sections(face, &w);
    dam_json_put_object_end(&w);
    return 200;
}

static enum dam_err tell_decisions(void *ctx, uint64_t before, unsigned limit,
                                   struct dam_http_parts *ret)
{
    return dam_face_decisions(machine_of(ctx), before, limit, ret);
}

static enum dam_err tell_csv(void *ctx, struct dam_http_parts *ret)
{
    return dam_face_csv(machine_of(ctx), ret);
}

static enum dam_err tell_days(void *ctx, struct dam_http_parts *ret)
{
    return dam_face_days(machine_of(ctx), ret);
}

static enum dam_err tell_series(void *ctx, struct dam_http_parts *ret)
{
    return dam_face_series(machine_of(ctx), ret);
}

static int tell_decision(void *ctx, uint64_t seq, struct dam_buf *out)
{
    struct dam_face *face = ctx;
    return dam_face_decision(machine_of(face), seq, out);
}

static int tell_verify(void *ctx, uint64_t seq, struct dam_buf *out)
{
    struct dam_face *face = ctx;
    return dam_face_verify(machine_of(face), seq, out);
}

static int tell_log_file(void *ctx, struct dam_bytes path, struct dam_buf *out)
{
    struct dam_face *face = ctx;
    return dam_face_log_file(machine_of(face), path, out);
}

/* The stop is the file `stop` in the machine's folder, so that it works without this program,
 * too; the runtime looks for it several times a second. */
static int do_stop(void *ctx, bool on, struct dam_buf *out)
{
    struct dam_face *face = ctx;
    struct dam_machine *machine = machine_of(face);
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/stop", dam_machine_manifest(machine)->folder);
    bool done;
    if (on) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        done = fd >= 0 && write(fd, "dashboard\n", 10) == 10 && fsync(fd) == 0;
        done = fd >= 0 && close(fd) == 0 && done;
    } else {
        done = unlink(path) == 0;
    }
    if (!done) {
        dam_buf_put_text(out, "the file `stop` in the machine's folder could not be changed");
        return 503;
    }
    dam_dashboard_changed(face->dashboard);
    dam_buf_put_text(out, on ? "{\"on\":true}" : "{\"on\":false}");
    return 200;
}

/* {"step_ms": N}: let so much time pass. */
static int do_clock(struct dam_face *face, struct dam_bytes body, struct dam_buf *out)
{
    const struct dam_json *root = NULL;
    int64_t step_ms = 0;
    dam_arena_reset(&face->scratch);
    enum dam_err err =
        dam_json_parse(&face->scratch, (const char *)body.data, body.len, 4, &root, NULL);
    if (err == DAM_OK) {
        err = dam_json_i64(dam_json_get(root, "step_ms"), &step_ms);
    }
    if (err != DAM_OK || step_ms <= 0 || step_ms > STEP_MS_MAX) {
        dam_buf_put_text(out, "the body must be {\"step_ms\": 1..604800000}");
        return 422;
    }
    if (!face->stepped) {
        dam_buf_put_text(out, "this machine's time is the wall's; start it with `dam up --step`");
        return 409;
    }
    dam_runtime_step(face->runtime, step_ms);
    return tell_state(face, out);
}

static bool do_pass(void *ctx, struct dam_http_exchange *exchange,
                    const struct dam_http_request *request)
{
    struct dam_face *face = ctx;
    return dam_skill_door_pass(face->door, exchange, request);
}

static int tell_other(void *ctx, const char *method, struct dam_bytes path, struct dam_bytes query,
                      struct dam_bytes body, struct dam_buf *out)
{
    struct dam_face *face = ctx;
    (void)query;
    if (strcmp(method, "POST") == 0 && dam_bytes_is(path, "/api/clock")) {
        return do_clock(face, body, out);
    }
    dam_buf_put_text(out, "there is nothing at this path; /openapi.json lists what there is");
    return 404;
}

static int tell_metrics(void *ctx, struct dam_buf *out)
{
    struct dam_face *face = ctx;
    dam_face_metrics(face->runtime, out);
    dam_mind_view_metrics(face->runtime, out);
    return 200;
}

static bool is_ready(void *ctx)
{
    struct dam_face *face = ctx;
    return !dam_runtime_is_stopping(face->runtime) && dam_machine_trouble(machine_of(face)) == NULL;
}

enum dam_err dam_face_create(struct dam_runtime *runtime, const struct dam_face_options *options,
                             uint16_t *ret_port, struct dam_face **ret)
{
    struct dam_face *face = calloc(1, sizeof(*face));
    if (face == NULL) {
        return DAM_ENOMEM;
    }
    face->runtime = runtime;
    face->stepped = options->stepped;
    dam_arena_init(&face->scratch, dam_heap(), 32u << 20);
    struct dam_dashboard_source source = {
        .state = tell_state,
        .decisions = tell_decisions,
        .decision = tell_decision,
        .verify = tell_verify,
        .stop = do_stop,
        .pass = do_pass,
        .other = tell_other,
        .days = tell_days,
        .series = tell_series,
        .export_csv = tell_csv,
        .log_file = tell_log_file,
        .metrics = tell_metrics,
        .ready = is_ready,
        .ctx = face,
    };
    const char *host = options->host == NULL ? "127.0.0.1" : options->host;
    uv_loop_t *loop = dam_runtime_loop(runtime);
    enum dam_err err =
        dam_skill_door_create(loop, dam_machine_manifest(machine_of(face))->folder, &face->door);
    if (err == DAM_OK) {
        err = dam_dashboard_create(loop, &source, options->token, host, options->port, ret_port,
                                   &face->dashboard);
    }
    if (err != DAM_OK) {
        dam_skill_door_destroy(face->door);
        dam_arena_finish(&face->scratch);
        free(face);
        return err;
    }
    (void)uv_timer_init(loop, &face->look);
    face->look.data = face;
    (void)uv_timer_start(&face->look, on_look, LOOK_MS, LOOK_MS);
    uv_unref((uv_handle_t *)&face->look);
    *ret = face;
    return DAM_OK;
}

static void on_look_closed(uv_handle_t *handle)
{
    struct dam_face *face = handle->data;
    dam_arena_finish(&face->scratch);
    free(face);
}

void dam_face_turned(struct dam_face *face)
{
    dam_dashboard_changed(face->dashboard);
}

void dam_face_destroy(struct dam_face *face)
{
    if (face == NULL) {
        return;
    }
    dam_skill_door_destroy(face->door);
    dam_dashboard_destroy(face->dashboard);
    uv_close((uv_handle_t *)&face->look, on_look_closed);
}
