// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/face.h"
#include "app/input.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "machine/runtime.h"
#include "port/http_server.h"
#include "port/notify.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define PERIOD_TOLD_MS 10000
#define SPEED_MAX 1e6 /* a second is then ten days */

struct up {
    struct dam_runtime *runtime;
    struct dam_face *face; /* NULL: none asked for */
    uv_loop_t loop;
    uv_signal_t signals[2];
    struct dam_input input; /* of stepped time */
    bool answer_due;        /* a step was asked for and not yet answered */
    bool quiet;
    uv_timer_t watchdog;
    bool watchdog_open;
};

static void on_say(void *ctx, const struct dam_machine *machine, const char *text)
{
    const struct up *up = ctx;
    if (!up->quiet) {
        (void)fprintf(stderr, "%s: %s\n", dam_machine_manifest(machine)->name, text);
    }
}

/* The machines are gone, or go: the dashboard has nothing to show. */
static void face_close(void *ctx)
{
    struct up *up = ctx;
    dam_face_destroy(up->face);
    up->face = NULL;
}

static void handles_close(struct up *up)
{
    face_close(up);
    for (size_t i = 0; i < DAM_COUNT_OF(up->signals); i++) {
        if (uv_is_closing((uv_handle_t *)&up->signals[i]) == 0) {
            uv_close((uv_handle_t *)&up->signals[i], NULL);
        }
    }
    if (up->watchdog_open && uv_is_closing((uv_handle_t *)&up->watchdog) == 0) {
        uv_close((uv_handle_t *)&up->watchdog, NULL);
    }
    dam_input_close(&up->input);
}

static void end(struct up *up)
{
    dam_runtime_stop(up->runtime);
    handles_close(up);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct up *up = handle->data;
    (void)signum;
    dam_notify("STOPPING=1");
    end(up);
}

/* ---- the service manager ----------------------------------------------------------------------
 */

/* Returns: the first machine that has trouble, or NULL. */
static const struct dam_machine *troubled(const struct up *up)
{
    for (size_t i = 0; i < dam_runtime_count(up->runtime); i++) {
        const struct dam_machine *machine = dam_runtime_machine(up->runtime, i);
        if (dam_machine_trouble(machine) != NULL) {
            return machine;
        }
    }
    return NULL;
}

static void well_tell(const struct up *up, const char *word)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "%s=1\nSTATUS=%zu machine(s)", word,
                   dam_runtime_count(up->runtime));
    dam_notify(text);
}

static void on_watchdog(uv_timer_t *timer)
{
    const struct up *up = timer->data;
    const struct dam_machine *machine = troubled(up);
    char text[160];
    if (machine == NULL) {
        well_tell(up, "WATCHDOG");
        return;
    }
    (void)snprintf(text, sizeof(text), "STATUS=%s: %s", dam_machine_manifest(machine)->name,
                   dam_machine_trouble(machine));
    dam_notify(text);
}

static void manager_tell(struct up *up)
{
    uint64_t every_ms = dam_notify_watchdog_ms();
    well_tell(up, "READY");
    if (every_ms > 0 && uv_timer_init(&up->loop, &up->watchdog) == 0) {
        up->watchdog.data = up;
        up->watchdog_open = true;
        (void)uv_timer_start(&up->watchdog, on_watchdog, 0, every_ms);
        uv_unref((uv_handle_t *)&up->watchdog);
    }
}

/* ---- stepped time: one line a command, one line of JSON an answer ---------------------------- */

static void answer(struct up *up)
{
    struct dam_now now = dam_runtime_now(up->runtime);
    uint64_t turns = 0;
    uint64_t leaves = 0;
    for (size_t i = 0; i < dam_runtime_count(up->runtime); i++) {
        struct dam_machine *machine = dam_runtime_machine(up->runtime, i);
        turns += dam_machine_stats(machine)->turns;
        leaves += dam_evidence_size(dam_machine_evidence(machine));
    }
    (void)printf("{\"time_ms\":%" PRId64 ",\"turns\":%" PRIu64 ",\"leaves\":%" PRIu64 "}\n",
                 now.wall_ms, turns, leaves);
    (void)fflush(stdout);
    up->answer_due = false;
}

static bool on_command(void *ctx, const char *line)
{
    struct up *up = ctx;
    size_t len = strlen(line);
    int64_t ms = 0;
    if (len > 5 && memcmp(line, "step ", 5) == 0 &&
        dam_manifest_duration(dam_bytes(line + 5, len - 5), &ms) == DAM_OK) {
        up->answer_due = true;
        dam_runtime_step(up->runtime, ms);
    } else if (strcmp(line, "quit") == 0) {
        end(up);
    } else {
        (void)puts("{\"error\":\"commands are: step DURATION (as 15m), quit\"}");
        (void)fflush(stdout);
    }
    return !up->answer_due;
}

/* The one who moved the time has gone. */
static void on_input_end(void *ctx)
{
    end(ctx);
}

static const struct dam_input_ops input_ops = {.line = on_command, .end = on_input_end};

static void on_turned(void *ctx, struct dam_runtime *runtime)
{
    struct up *up = ctx;
    if (up->face != NULL) {
        dam_face_turned(up->face);
    }
    if (up->answer_due && dam_runtime_is_still(runtime)) {
        answer(up);
    }
}

/* ---- the verb -------------------------------------------------------------------------------- */

struct up_args {
    const char *speed;
    const char *epoch;
    const char *until;
    const char *turns;
    const char *api;
    char host[DAM_HTTP_HOST_SIZE]; /* of --api, as its port */
    uint16_t port;
    const char *token_file;
    struct dam_api_token token; /* of it */
    bool step;
    bool safe;
    bool quiet;
    struct dam_args folders;
};

/* The token that the API asks for, if it is to ask for one. */
static int token_make(struct up_args *args)
{
    if (args->token_file == NULL) {
        return DAM_EXIT_OK;
    }
    if (args->api == NULL) {
        return dam_verb_fail(DAM_EXIT_USAGE, "for example --api 127.0.0.1:8080",
                             "--api-token is for --api, and there is none");
    }
    enum dam_err err = dam_api_token_read(args->token_file, &args->token);
    if (err == DAM_EREFUSED) {
        return dam_verb_fail(DAM_EXIT_REFUSED, "chmod 600 it", "%s can be read by others",
                             args->token_file);
    }
    if (err == DAM_EPARSE) {
        return dam_verb_fail(DAM_EXIT_CONFIG, "`openssl rand -hex 32` makes one",
                             "%s: a token is a line of %u to %u letters, digits and -._~",
                             args->token_file, DAM_API_TOKEN_LEN_MIN, DAM_API_TOKEN_LEN_MAX);
    }
    return err == DAM_OK
               ? DAM_EXIT_OK
               : dam_verb_fail(err == DAM_ENOTFOUND ? DAM_EXIT_NOT_FOUND : DAM_EXIT_FAILED, NULL,
                               "%s: %s", args->token_file, dam_err_text(err));
}

static int options_make(struct up_args *args, struct dam_runtime_options *ret)
{
    (void)snprintf(args->host, sizeof(args->host), "127.0.0.1");
    if (args->api != NULL && !dam_http_address_read(args->api, args->host, &args->port)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "for example --api 127.0.0.1:8080; port 0 picks one",
                             "'%s' is no HOST:PORT", args->api);
    }
    ret->safe = args->safe;
    if (args->safe && (args->step || args->speed != NULL)) {
        return dam_verb_fail(DAM_EXIT_USAGE, NULL, "--safe acts now, on the real devices");
    }
    bool fast = args->speed != NULL && strcmp(args->speed, "max") == 0;
    char *end = NULL;
    ret->time = args->step ? DAM_RUNTIME_STEPPED : fast ? DAM_RUNTIME_FAST : DAM_RUNTIME_REAL;
    ret->speed = args->speed == NULL || fast ? 1 : strtod(args->speed, &end);
    if (end != NULL &&
        (end == args->speed || *end != 0 || !(ret->speed > 0 && ret->speed <= SPEED_MAX))) {
        return dam_verb_fail(DAM_EXIT_USAGE, "write a number above 0, to 1000000, or max",
                             "'%s' is no speed", args->speed);
    }
    if (args->epoch != NULL && !dam_args_time(args->epoch, 0, &ret->epoch_ms)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "Unix seconds or 2024-05-01T00:00:00Z",
                             "'%s' is no time", args->epoch);
    }
    if (args->until != NULL && !dam_args_time(args->until, 0, &ret->until_ms)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "Unix seconds or 2024-05-01T00:00:00Z",
                             "'%s' is no time", args->until);
    }
    if (args->turns != NULL &&
        (!dam_args_u64(args->turns, &ret->turns_max) || ret->turns_max == 0)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "a whole number from 1", "'%s' is no number of turns",
                             args->turns);
    }
    return token_make(args);
}

/* The dashboard and API. Returns: an exit code, after telling what is wrong. */
static int face_open(struct up *up, const struct up_args *args)
{
    const struct dam_face_options options = {
        .host = args->host,
        .port = args->port,
        .stepped = args->step,
        .token = args->token_file == NULL ? NULL : &args->token,
    };
    uint16_t taken;
    enum dam_err err = dam_face_create(up->runtime, &options, &taken, &up->face);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, "choose another with --api",
                             "cannot listen on %s: %s", args->api, dam_http_listen_text(err));
    }
    (void)fprintf(stderr, "dashboard: http://%s:%u/\n", args->host, taken);
    if (!dam_http_is_loopback(args->host)) {
        (void)fputs(
            args->token_file == NULL
                ? "warning: it has no password: whoever reaches it may stop the machine; "
                  "--api-token gives it one\n"
                : "warning: whoever listens on that network reads its token; `ssh -L` hides it\n",
            stderr);
    }
    return DAM_EXIT_OK;
}

/* Who waits for the first decision wants to know how long. */
static void periods_tell(struct up *up)
{
    for (size_t i = 0; i < dam_runtime_count(up->runtime); i++) {
        const struct dam_manifest *m = dam_machine_manifest(dam_runtime_machine(up->runtime, i));
        if (!up->quiet && m->period_ms >= PERIOD_TOLD_MS) {
            (void)fprintf(stderr, "%s: decides every %lld s\n", m->name,
                          (long long)(m->period_ms / 1000));
        }
    }
}

static int machines_start(struct up *up, const struct up_args *args)
{
    struct dam_manifest_complaint complaint = {0};
    const char *env = getenv("DAM_DIR");
    const char *fallback = env != NULL ? env : ".";
    int count = args->folders.count;
    enum dam_err err = DAM_OK;
    for (int i = 0; i < (count == 0 ? 1 : count) && err == DAM_OK; i++) {
        err = dam_runtime_add(up->runtime, count == 0 ? fallback : args->folders.words[i],
                              &complaint);
    }
    if (err == DAM_OK && args->speed == NULL && !args->step && !args->safe) {
        periods_tell(up);
    }
    err = err == DAM_OK ? dam_runtime_start(up->runtime, &complaint) : err;
    err = err == DAM_OK && args->step ? dam_input_open(&up->input, &up->loop, &input_ops, up) : err;
    if (err != DAM_OK) {
        return dam_opened_fail(&complaint, err);
    }
    bool has_face =
        args->api != NULL && !dam_runtime_is_closed(up->runtime); /* by its first turns */
    return has_face ? face_open(up, args) : DAM_EXIT_OK;
}

/* When the runtime has ended by itself, the signal handles are all that keeps the loop. What was
 * asked for next begins here, not in the midst of the turn that ended a step. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct up *up = prepare->data;
    if (dam_runtime_is_closed(up->runtime)) {
        handles_close(up);
        uv_close((uv_handle_t *)prepare, NULL);
    } else if (!up->answer_due) {
        dam_input_next(&up->input);
    }
}

int dam_verb_up(int argc, char **argv)
{
    static struct up_args args; /* large */
    static struct up up;
    const struct dam_arg table[] = {
        {"--speed", &args.speed, NULL}, {"--epoch", &args.epoch, NULL},
        {"--until", &args.until, NULL}, {"--turns", &args.turns, NULL},
        {"--api", &args.api, NULL},     {"--api-token", &args.token_file, NULL},
        {"--step", NULL, &args.step},   {"--quiet", NULL, &args.quiet},
        {"--safe", NULL, &args.safe},   {NULL, NULL, NULL},
    };
    if (!dam_args_parse(argc, argv, table, DAM_ARGS_WORDS_MAX, &args.folders)) {
        return DAM_EXIT_USAGE;
    }
    struct dam_runtime_options options = {
        .events = {.say = on_say, .ctx = &up},
        .turned = on_turned,
        .closed = face_close,
    };
    int code = options_make(&args, &options);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    up.quiet = args.quiet;
    if (uv_loop_init(&up.loop) != 0 ||
        dam_runtime_create(&up.loop, &options, &up.runtime) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    static const int signums[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < DAM_COUNT_OF(signums); i++) {
        (void)uv_signal_init(&up.loop, &up.signals[i]);
        up.signals[i].data = &up;
        (void)uv_signal_start(&up.signals[i], on_signal, signums[i]);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    uv_prepare_t prepare;
    (void)uv_prepare_init(&up.loop, &prepare);
    prepare.data = &up;
    (void)uv_prepare_start(&prepare, on_prepare);
    uv_unref((uv_handle_t *)&prepare);
    code = machines_start(&up, &args);
    if (code == DAM_EXIT_OK) {
        manager_tell(&up);
    } else {
        end(&up);
    }
    (void)uv_run(&up.loop, UV_RUN_DEFAULT);
    dam_runtime_destroy(up.runtime);
    (void)uv_loop_close(&up.loop);
    return code;
}
