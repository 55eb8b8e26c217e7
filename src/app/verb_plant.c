// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/input.h"
#include "app/plant.h"
#include "app/plant_solar.h"
#include "app/verb.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK_MS 100u
#define STEP_MS_MAX 3600000
#define EPOCH_S_MAX UINT64_C(253402300799) /* the end of 9999 */

static const struct dam_plant_kind *const kinds[] = {&dam_plant_irrigation, &dam_plant_rover,
                                                     &dam_plant_cloud_agent, &dam_plant_building};

struct run {
    const struct dam_plant_kind *kind;
    double speed;
    double owed_ms; /* time that passed but not in whole milliseconds */
    uint64_t last_ns;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t signals[2];
    struct dam_input input;
};

static void run_end(struct run *r)
{
    if (uv_is_closing((uv_handle_t *)&r->timer) != 0) {
        return;
    }
    uv_close((uv_handle_t *)&r->timer, NULL);
    for (size_t i = 0; i < DAM_COUNT_OF(r->signals); i++) {
        uv_close((uv_handle_t *)&r->signals[i], NULL);
    }
    dam_input_close(&r->input);
    r->kind->close();
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    run_end(handle->data);
}

static void on_timer(uv_timer_t *timer)
{
    struct run *r = timer->data;
    uint64_t now_ns = uv_hrtime();
    r->owed_ms += (double)(now_ns - r->last_ns) / 1e6 * r->speed;
    r->last_ns = now_ns;
    while (r->owed_ms >= 1) {
        int64_t ms = r->owed_ms > STEP_MS_MAX ? STEP_MS_MAX : (int64_t)r->owed_ms;
        r->kind->step(ms);
        r->owed_ms -= (double)ms;
    }
    r->kind->show();
}

static bool on_line(void *ctx, const char *line)
{
    struct run *r = ctx;
    r->kind->input(line);
    return true;
}

/* The machine has gone. */
static void on_input_end(void *ctx)
{
    run_end(ctx);
}

static const struct dam_input_ops input_ops = {.line = on_line, .end = on_input_end};

static bool port_take(const char *text, unsigned *ret)
{
    uint64_t value = 0;
    if (text == NULL) {
        return true;
    }
    if (!dam_args_u64(text, &value) || value > 65535) {
        return false;
    }
    *ret = (unsigned)value;
    return true;
}

static int options_take(int argc, char **argv, struct dam_plant_options *o)
{
    static struct dam_args args; /* large */
    const char *speed = NULL;
    const char *epoch = NULL;
    const char *ports[4] = {NULL};
    char *end = NULL;
    const struct dam_arg table[] = {
        {"--speed", &speed, NULL},          {"--epoch", &epoch, NULL},
        {"--data", &o->data, NULL},         {"--mqtt-port", &ports[0], NULL},
        {"--modbus-port", &ports[1], NULL}, {"--http-port", &ports[2], NULL},
        {"--gpsd-port", &ports[3], NULL},   {NULL, NULL, NULL},
    };
    if (!dam_args_parse(argc, argv, table, 0, &args)) {
        return DAM_EXIT_USAGE;
    }
    if (!port_take(ports[0], &o->mqtt_port) || !port_take(ports[1], &o->modbus_port) ||
        !port_take(ports[2], &o->http_port) || !port_take(ports[3], &o->gpsd_port)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "`dam help plant`", "a port is a number to 65535");
    }
    if (epoch != NULL && (!dam_args_u64(epoch, &o->epoch_s) || o->epoch_s > EPOCH_S_MAX)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "Unix seconds", "'%s' is no time", epoch);
    }
    if (speed != NULL) {
        o->speed = strtod(speed, &end);
        if (end == speed || *end != 0 || !(o->speed > 0) || o->speed > 1e6) {
            return dam_verb_fail(DAM_EXIT_USAGE, "a number above 0, to 1000000", "'%s' is no speed",
                                 speed);
        }
    }
    return DAM_EXIT_OK;
}

static int run(struct run *r, const struct dam_plant_options *options)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    const char *why = NULL;
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&r->loop) != 0) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    enum dam_err err = r->kind->open(&r->loop, options, &why);
    if (err != DAM_OK) {
        r->kind->close();
        (void)uv_run(&r->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&r->loop);
        return dam_verb_fail(DAM_EXIT_FAILED, "`dam help plant` tells the ports and files",
                             "%s: %s", why == NULL ? r->kind->name : why, dam_err_text(err));
    }
    (void)uv_timer_init(&r->loop, &r->timer);
    r->timer.data = r;
    r->speed = options->speed;
    r->last_ns = uv_hrtime();
    (void)uv_timer_start(&r->timer, on_timer, TICK_MS, TICK_MS);
    for (size_t i = 0; i < DAM_COUNT_OF(numbers); i++) {
        (void)uv_signal_init(&r->loop, &r->signals[i]);
        r->signals[i].data = r;
        (void)uv_signal_start(&r->signals[i], on_signal, numbers[i]);
    }
    if (r->kind->input != NULL && dam_input_open(&r->input, &r->loop, &input_ops, r) != DAM_OK) {
        (void)fputs("plant: standard input cannot be read\n", stderr);
    }
    r->kind->show();
    (void)uv_run(&r->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&r->loop);
    return DAM_EXIT_OK;
}

static int solar_site(int argc, char **argv)
{
    struct dam_plant_options options = {.modbus_port = 1502,
                                        .epoch_s = 1772323200 /* 2026-03-01 */};
    int code = options_take(argc, argv, &options);
    return code == DAM_EXIT_OK ? dam_plant_solar_run(&options) : code;
}

/* argv[0] is "plant NAME". */
static int simulated(int argc, char **argv)
{
    static struct run r;
    const char *name = strchr(argv[0], ' ') + 1;
    size_t i = 0;
    while (strcmp(kinds[i]->name, name) != 0) {
        i++;
    }
    r.kind = kinds[i];
    struct dam_plant_options options = r.kind->defaults;
    int code = options_take(argc, argv, &options);
    return code == DAM_EXIT_OK ? run(&r, &options) : code;
}

int dam_verb_plant(int argc, char **argv)
{
    static const struct dam_verb_part parts[] = {
        {"plant solar-site", solar_site}, {"plant irrigation", simulated},
        {"plant rover", simulated},       {"plant cloud-agent", simulated},
        {"plant building", simulated},    {NULL, NULL},
    };
    return dam_verb_part(argc, argv, parts);
}
