// SPDX-License-Identifier: Apache-2.0
/* The links against the emulators beside them, on one loop: values, outages, garbage, floods,
 * writes. What needs a real peer is in tests/field. */
#include "port/emul_gpsd.h"
#include "port/emul_http.h"
#include "port/emul_modbus.h"
#include "port/emul_modbus_rtu.h"
#include "port/emul_nmea.h"
#include "port/link.h"

#include "base/assert.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define POINTS_MAX 4
#define WAIT_MS 20000 /* a loaded machine with sanitizers */

/* A link that is open and what it told. */
struct live {
    uv_loop_t own;
    uv_loop_t *loop; /* its own, or one for several */
    const struct dam_link_kind *kind;
    struct dam_link *link;
    struct dam_link_point points[POINTS_MAX];
    struct dam_link_option options[8];
    unsigned samples[POINTS_MAX];
    int64_t values[POINTS_MAX];
    unsigned faults[POINTS_MAX];
    unsigned written;
    uint64_t ticket;
    enum dam_link_result result;
    bool has_value;
    int64_t value;
    unsigned ups;
    unsigned downs;
    unsigned dropped;
};

static void on_sample(void *ctx, unsigned point, int64_t value)
{
    struct live *l = ctx;
    l->samples[point]++;
    l->values[point] = value;
}

static void on_fault(void *ctx, unsigned point, const char *why)
{
    struct live *l = ctx;
    assert_non_null(why);
    l->faults[point]++;
}

static void on_written(void *ctx, unsigned point, uint64_t ticket, enum dam_link_result result,
                       bool has_value, int64_t value)
{
    struct live *l = ctx;
    (void)point;
    l->written++;
    l->ticket = ticket;
    l->result = result;
    l->has_value = has_value;
    l->value = value;
}

static void on_state(void *ctx, bool up, const char *text)
{
    struct live *l = ctx;
    assert_non_null(text);
    *(up ? &l->ups : &l->downs) += 1;
}

static void on_dropped(void *ctx, unsigned count)
{
    struct live *l = ctx;
    l->dropped += count;
}

static struct live *live_create_on(const char *kind, uv_loop_t *loop)
{
    struct live *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    l->loop = loop != NULL ? loop : &l->own;
    if (loop == NULL) {
        assert_int_equal(uv_loop_init(l->loop), 0);
    }
    l->kind = dam_link_kind_find(kind);
    assert_non_null(l->kind);
    return l;
}

static struct live *live_create(const char *kind)
{
    return live_create_on(kind, NULL);
}

static void live_open(struct live *l, size_t options, size_t points)
{
    const char *why = NULL;
    const struct dam_link_setup setup = {
        .loop = l->loop,
        .folder = "/tmp",
        .options = l->options,
        .option_count = options,
        .points = l->points,
        .point_count = points,
        .events = {on_sample, on_fault, on_written, on_state, on_dropped, l},
    };
    if (l->kind->open(&setup, &l->link, &why) != DAM_OK) {
        fail_msg("%s", why);
    }
}

/* The link is closed and nothing is left on the loop. */
static void live_destroy(struct live *l)
{
    l->kind->close(l->link);
    unsigned told = l->written + l->ups + l->downs;
    (void)uv_run(l->loop, UV_RUN_DEFAULT);
    assert_int_equal(told, l->written + l->ups + l->downs);
    if (l->loop == &l->own) {
        assert_int_equal(uv_loop_close(l->loop), 0);
    }
    free(l);
}

static void on_late(uv_timer_t *timer)
{
    bool *late = timer->data;
    *late = true;
}

/* Run the loop until *counter reaches a number. `each` is called in every turn. */
static void until(struct live *l, const unsigned *counter, unsigned count, void (*each)(void *ctx),
                  void *ctx)
{
    uv_timer_t late_timer;
    uv_timer_t tick;
    bool late = false;
    (void)uv_timer_init(l->loop, &late_timer);
    (void)uv_timer_init(l->loop, &tick);
    late_timer.data = &late;
    tick.data = &late;
    (void)uv_timer_start(&late_timer, on_late, WAIT_MS, 0);
    bool never = false;
    tick.data = &never;
    (void)uv_timer_start(&tick, on_late, 20, 20);
    while (*counter < count && !late) {
        if (each != NULL) {
            each(ctx);
        }
        (void)uv_run(l->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&late_timer, NULL);
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(l->loop, UV_RUN_NOWAIT);
    if (*counter < count) {
        fail_msg("waited in vain: %u of %u", *counter, count);
    }
}

/* ---- gpsd ------------------------------------------------------------------------------------ */

static const struct dam_emul_fix here = {3, 481173000, -115166667, 545400, 1500, 9000};
static const struct dam_emul_fix nowhere = {1, 0, 0, 0, 0, 0};

struct gpsd_each {
    struct dam_emul_gpsd *emul;
    const struct dam_emul_fix *fix;
    const char *line;
};

static void gpsd_say(void *ctx)
{
    const struct gpsd_each *e = ctx;
    if (e->line != NULL) {
        dam_emul_gpsd_say(e->emul, e->line);
    }
    if (e->fix != NULL) {
        dam_emul_gpsd_report(e->emul, e->fix);
    }
}

static void gpsd(void **state)
{
    (void)state;
    static char url[64];
    unsigned port = 0;
    struct gpsd_each each = {.fix = &here};
    struct live *l = live_create("gpsd");
    assert_int_equal(dam_emul_gpsd_create(l->loop, 0, &port, &each.emul), DAM_OK);
    (void)snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", port);
    l->options[0] = (struct dam_link_option){"url", url};
    l->options[1] = (struct dam_link_option){"fix", "3d"};
    l->points[0] = (struct dam_link_point){.key = "lat", .decimals = 7};
    l->points[1] = (struct dam_link_point){.key = "TPV.mode"};
    live_open(l, 2, 2);
    until(l, &l->samples[0], 1, gpsd_say, &each);
    assert_int_equal(l->values[0], 481173000);
    assert_int_equal(l->values[1], 3);
    each.fix = &nowhere;
    until(l, &l->faults[0], 1, gpsd_say, &each);
    /* noise is no value and no end */
    each = (struct gpsd_each){each.emul, NULL, "\x01{\"class\":\"TPV\",\"mode\":"};
    unsigned before = l->samples[0];
    for (int i = 0; i < 50; i++) {
        gpsd_say(&each);
        (void)uv_run(l->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(l->samples[0], before);
    /* it is restarted, and comes back */
    dam_emul_gpsd_drop(each.emul);
    until(l, &l->ups, 2, NULL, NULL);
    assert_true(l->downs >= 1);
    each = (struct gpsd_each){each.emul, &here, NULL};
    until(l, &l->samples[0], before + 1, gpsd_say, &each);
    dam_emul_gpsd_destroy(each.emul);
    live_destroy(l);
}

/* ---- NMEA ------------------------------------------------------------------------------------ */

struct nmea_each {
    struct dam_emul_serial *emul;
    const struct dam_emul_fix *fix;
    const char *text;
};

static void nmea_say(void *ctx)
{
    const struct nmea_each *e = ctx;
    if (e->text != NULL) {
        dam_emul_serial_say(e->emul, e->text);
    } else {
        dam_emul_nmea_report(e->emul, e->fix);
    }
}

static void nmea(void **state)
{
    (void)state;
    static char url[96];
    struct dam_emul_serial emul;
    struct nmea_each each = {&emul, &here, NULL};
    struct live *l = live_create("nmea");
    assert_int_equal(dam_emul_serial_open(&emul), DAM_OK);
    (void)snprintf(url, sizeof(url), "serial://%s", emul.path);
    l->options[0] = (struct dam_link_option){"url", url};
    l->options[1] = (struct dam_link_option){"silence_ms", "300"};
    l->options[2] = (struct dam_link_option){"rate_max", "50"};
    l->points[0] = (struct dam_link_point){.key = "lat", .decimals = 6};
    l->points[1] = (struct dam_link_point){.key = "lon", .decimals = 6};
    l->points[2] = (struct dam_link_point){.key = "speed", .decimals = 2};
    live_open(l, 3, 3);
    until(l, &l->samples[2], 1, nmea_say, &each);
    assert_int_equal(l->values[0], 48117300);
    assert_int_equal(l->values[1], -11516667);
    assert_int_equal(l->values[2], 150);
    each.fix = &nowhere;
    until(l, &l->faults[0], 1, nmea_say, &each);
    each.fix = &here; /* as fast as the loop turns: beyond 50 a second the rest is dropped */
    until(l, &l->dropped, 10, nmea_say, &each);
    /* a receiver that is silent is lost, and is opened again */
    unsigned ups = l->ups;
    until(l, &l->downs, 1, NULL, NULL);
    until(l, &l->ups, ups + 1, NULL, NULL);
    dam_emul_serial_close(&emul); /* unplugged */
    unsigned downs = l->downs;
    until(l, &l->downs, downs + 1, NULL, NULL);
    live_destroy(l);
}

/* ---- Modbus ---------------------------------------------------------------------------------- */

static void modbus(void **state)
{
    (void)state;
    static char url[64];
    unsigned port = 0;
    struct dam_emul_modbus *emul = NULL;
    const struct dam_emul_modbus_size size = {
        .coils = 4, .discretes = 4, .holdings = 8, .inputs = 8};
    struct live *l = live_create("modbus");
    assert_int_equal(dam_emul_modbus_create(l->loop, 0, &size, &port, &emul), DAM_OK);
    dam_emul_modbus_holdings(emul)[1] = (uint16_t)-123;
    (void)snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", port);
    l->options[0] = (struct dam_link_option){"url", url};
    l->options[1] = (struct dam_link_option){"every_ms", "10"};
    l->options[2] = (struct dam_link_option){"timeout_ms", "200"};
    l->points[0] = (struct dam_link_point){.key = "holding:1:int16:-1", .decimals = 2};
    l->points[1] = (struct dam_link_point){.key = "holding:8:int16"}; /* is not there */
    l->points[2] = (struct dam_link_point){.key = "103.W"};           /* no SunSpec device */
    l->points[3] = (struct dam_link_point){.key = "holding:3:uint16:-1",
                                           .readback = "holding:3:uint16:-1",
                                           .decimals = 1,
                                           .write = true};
    live_open(l, 3, 4);
    until(l, &l->samples[0], 2, NULL, NULL);
    assert_int_equal(l->values[0], -1230);
    assert_true(l->faults[1] > 0 && l->faults[2] > 0);
    l->kind->write(l->link, 3, 425, 7);
    until(l, &l->written, 1, NULL, NULL);
    assert_true(l->result == DAM_LINK_DONE && l->has_value && l->value == 425 && l->ticket == 7);
    assert_int_equal(dam_emul_modbus_holdings(emul)[3], 425);
    l->kind->write(l->link, 3, -1, 8); /* does not fit the register */
    until(l, &l->written, 2, NULL, NULL);
    assert_int_equal(l->result, DAM_LINK_REFUSED);
    /* no answer: nobody knows */
    dam_emul_modbus_deaf(emul, true);
    l->kind->write(l->link, 3, 1, 9);
    until(l, &l->written, 3, NULL, NULL);
    assert_true(l->result == DAM_LINK_UNKNOWN || l->result == DAM_LINK_REFUSED);
    until(l, &l->downs, 1, NULL, NULL);
    l->kind->write(l->link, 3, 2, 10); /* down: nothing is sent */
    until(l, &l->written, 4, NULL, NULL);
    assert_int_equal(l->result, DAM_LINK_REFUSED);
    dam_emul_modbus_deaf(emul, false);
    until(l, &l->ups, 2, NULL, NULL);
    unsigned before = l->samples[0];
    until(l, &l->samples[0], before + 1, NULL, NULL);
    dam_emul_modbus_destroy(emul);
    live_destroy(l);
}

/* What a device says of its lengths is not believed: a model that ends before its curves, and lists
 * longer than the model. */
static void sunspec_lengths(void **state)
{
    (void)state;
    static char url[64];
    static const uint16_t image[] = {
        0x5375, 0x6e53, 705, 3, 0, 0, 0, 705, 14, 0, 0, 0, 65535, 2, 0, 0, 0,   0, 0, 0,      0, 0,
        0,      712,    13,  0, 0, 0, 0, 1,   0,  0, 0, 0, 0,     0, 0, 4, 713, 1, 7, 0xffff, 0};
    unsigned port = 0;
    struct dam_emul_modbus *emul = NULL;
    const struct dam_emul_modbus_size size = {.holdings = DAM_COUNT_OF(image),
                                              .holding_base = 40000};
    struct live *l = live_create("modbus");
    assert_int_equal(dam_emul_modbus_create(&l->own, 0, &size, &port, &emul), DAM_OK);
    memcpy(dam_emul_modbus_holdings(emul), image, sizeof(image));
    (void)snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", port);
    l->options[0] = (struct dam_link_option){"url", url};
    l->options[1] = (struct dam_link_option){"every_ms", "10"};
    l->points[0] = (struct dam_link_point){.key = "705.Crv.1000.Pt.1000.V"};
    l->points[1] = (struct dam_link_point){.key = "712.Crv.1.ActPt"};
    l->points[2] = (struct dam_link_point){.key = "705.AdptCrvReq", .write = true};
    l->points[3] = (struct dam_link_point){.key = "712.Crv.1.ActPt", .write = true};
    live_open(l, 2, 4);
    until(l, &l->samples[1], 1, NULL, NULL);
    assert_true(l->values[1] == 4 && l->faults[0] >= 1);
    for (unsigned point = 2; point < 4; point++) {
        l->kind->write(l->link, point, 1, point);
        until(l, &l->written, point - 1, NULL, NULL);
        assert_int_equal(l->result, DAM_LINK_REFUSED);
    }
    assert_memory_equal(dam_emul_modbus_holdings(emul), image, sizeof(image));
    dam_emul_modbus_destroy(emul);
    live_destroy(l);
}

#define UNITS 3u

/* A link to unit `unit` of an emulated line, polled without pause. */
static struct live *unit_open(const char *url, const char *unit, uv_loop_t *loop)
{
    struct live *l = live_create_on("modbus", loop);
    l->options[0] = (struct dam_link_option){"url", url};
    l->options[1] = (struct dam_link_option){"every_ms", "10"};
    l->options[2] = (struct dam_link_option){"timeout_ms", "200"};
    l->options[3] = (struct dam_link_option){"unit", unit};
    l->points[0] = (struct dam_link_point){.key = "holding:0:uint16"};
    l->points[1] = (struct dam_link_point){
        .key = "holding:1:uint16", .readback = "holding:1:uint16", .write = true};
    live_open(l, 4, 2);
    return l;
}

/* Three devices on one line: each has its own health, requests never overlap, and one that is dead
 * is asked seldom and costs the others its timeouts only. */
static void modbus_units(void **state)
{
    (void)state;
    static char url[96];
    static const char *const names[UNITS] = {"1", "2", "3"};
    struct dam_emul_rtu *emul = NULL;
    struct live *units[UNITS] = {NULL};
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(dam_emul_rtu_create(&loop, UNITS, 4, &emul), DAM_OK);
    (void)snprintf(url, sizeof(url), "rtu://%s", dam_emul_rtu_path(emul));
    for (unsigned i = 0; i < UNITS; i++) {
        dam_emul_rtu_holdings(emul, i + 1)[0] = (uint16_t)(100 + i);
        units[i] = unit_open(url, names[i], &loop);
    }
    for (unsigned i = 0; i < UNITS; i++) {
        until(units[i], &units[i]->samples[0], 5, NULL, NULL);
        assert_int_equal(units[i]->values[0], 100 + i);
        units[i]->kind->write(units[i]->link, 1, 7 + i, i);
        until(units[i], &units[i]->written, 1, NULL, NULL);
        assert_true(units[i]->result == DAM_LINK_DONE && units[i]->value == 7 + i);
        assert_int_equal(dam_emul_rtu_holdings(emul, i + 1)[1], 7 + i);
    }
    dam_emul_rtu_deaf(emul, 2, true);
    until(units[1], &units[1]->downs, 1, NULL, NULL);
    unsigned asked = dam_emul_rtu_asked(emul, 2);
    unsigned third = units[2]->samples[0];
    until(units[0], &units[0]->samples[0], units[0]->samples[0] + 100, NULL, NULL);
    assert_true(units[2]->samples[0] > third + 50);
    asked = dam_emul_rtu_asked(emul, 2) - asked;
    assert_true(asked >= 1 && asked <= 5); /* 250 ms, 500 ms, 1 s ... */
    assert_true(units[0]->downs == 0 && units[2]->downs == 0 && units[1]->ups == 1);
    dam_emul_rtu_deaf(emul, 2, false);
    until(units[1], &units[1]->ups, 2, NULL, NULL);
    assert_int_equal(dam_emul_rtu_collisions(emul), 0);
    /* another speed on the same line */
    struct dam_link *link = NULL;
    const char *why = NULL;
    units[0]->options[4] = (struct dam_link_option){"baud", "19200"};
    const struct dam_link_setup wrong = {
        .loop = &loop, .options = units[0]->options, .option_count = 5};
    assert_int_equal(units[0]->kind->open(&wrong, &link, &why), DAM_EPARSE);
    assert_non_null(strstr(why, "baud"));
    /* unplugged: all are lost */
    dam_emul_rtu_destroy(emul);
    until(units[0], &units[0]->downs, 1, NULL, NULL);
    until(units[2], &units[2]->downs, 1, NULL, NULL);
    for (unsigned i = 0; i < UNITS; i++) {
        units[i]->kind->close(units[i]->link);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    for (unsigned i = 0; i < UNITS; i++) {
        free(units[i]);
    }
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

struct service {
    int64_t load;
    int64_t pods;
    bool broken;
    int status;
};

static void document(void *ctx, struct dam_json_writer *w)
{
    const struct service *s = ctx;
    if (s->broken) {
        dam_json_put_raw(w, "<html>", 6);
        return;
    }
    dam_json_put_object(w);
    dam_json_put_key(w, "load");
    dam_json_put_i64(w, s->load);
    dam_json_put_key(w, "pods");
    dam_json_put_i64(w, s->pods);
    dam_json_put_object_end(w);
}

static int posted(void *ctx, const struct dam_json *root)
{
    struct service *s = ctx;
    return s->status == 200 && dam_json_i64(dam_json_get(root, "pods"), &s->pods) == DAM_OK
               ? 200
               : s->status;
}

static void http(void **state)
{
    (void)state;
    static char url[64];
    unsigned port = 0;
    struct service service = {.load = 12, .pods = 3, .status = 200};
    const struct dam_emul_http_owner owner = {document, posted, &service};
    struct dam_emul_http *emul = NULL;
    struct live *l = live_create("http");
    assert_int_equal(dam_emul_http_create(l->loop, 0, &owner, &port, &emul), DAM_OK);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    l->options[0] = (struct dam_link_option){"url", url};
    l->options[1] = (struct dam_link_option){"every_ms", "50"};
    l->points[0] = (struct dam_link_point){.key = "load", .decimals = 1};
    l->points[1] = (struct dam_link_point){.key = "nothing"};
    l->points[2] = (struct dam_link_point){.key = "pods", .readback = "pods", .write = true};
    live_open(l, 2, 3);
    until(l, &l->samples[0], 1, NULL, NULL);
    assert_int_equal(l->values[0], 120);
    assert_true(l->faults[1] > 0);
    l->kind->write(l->link, 2, 5, 1);
    until(l, &l->written, 1, NULL, NULL);
    assert_true(l->result == DAM_LINK_DONE && l->has_value && l->value == 5);
    service.status = 403;
    l->kind->write(l->link, 2, 6, 2);
    until(l, &l->written, 2, NULL, NULL);
    assert_int_equal(l->result, DAM_LINK_REFUSED);
    service.status = 500;
    l->kind->write(l->link, 2, 6, 3);
    until(l, &l->written, 3, NULL, NULL);
    assert_int_equal(l->result, DAM_LINK_UNKNOWN);
    service.broken = true;
    until(l, &l->downs, 1, NULL, NULL);
    service.broken = false;
    until(l, &l->ups, 2, NULL, NULL);
    assert_int_equal(service.pods, 5);
    /* the link goes first: a server may drop what a client still has */
    l->kind->close(l->link);
    dam_emul_http_destroy(emul);
    (void)uv_run(l->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(l->loop), 0);
    free(l);
}

/* ---- program --------------------------------------------------------------------------------- */

static void program(void **state)
{
    (void)state;
    struct live *l = live_create("program");
    /* Echoes a set-point as a reading; ends after "stop". */
    l->options[0] = (struct dam_link_option){
        "command", "sh\n-c\nprintf '{\"t\":1.5}\\n'; while read -r line; do case $line in "
                   "*9.0*) exit 3;; esac; printf '{\"back\":%s}\\n' \"${line#*:}\" | tr -d '}' | "
                   "sed 's/$/}/'; done"};
    l->points[0] = (struct dam_link_point){.key = "t", .decimals = 1};
    l->points[1] =
        (struct dam_link_point){.key = "w", .readback = "back", .decimals = 1, .write = true};
    live_open(l, 1, 2);
    until(l, &l->samples[0], 1, NULL, NULL);
    assert_int_equal(l->values[0], 15);
    l->kind->write(l->link, 1, 25, 4);
    until(l, &l->written, 1, NULL, NULL);
    assert_true(l->result == DAM_LINK_DONE && l->has_value && l->value == 25);
    l->kind->write(l->link, 1, 90, 5); /* kills it: unknown, and it is started again */
    until(l, &l->written, 2, NULL, NULL);
    assert_int_equal(l->result, DAM_LINK_UNKNOWN);
    until(l, &l->samples[0], 2, NULL, NULL);
    live_destroy(l);
    /* one that is not there */
    l = live_create("program");
    l->options[0] = (struct dam_link_option){"command", "/nothing/here"};
    l->points[0] = (struct dam_link_point){.key = "t"};
    live_open(l, 1, 1);
    until(l, &l->downs, 1, NULL, NULL);
    live_destroy(l);
}

/* A program has its three streams, and nothing else that is open here. */
static void program_has_only_its_own(void **state)
{
    (void)state;
    struct live *l = live_create("program");
    assert_int_equal(dup2(STDERR_FILENO, 77), 77); /* as a library's connection is */
    l->options[0] = (struct dam_link_option){
        "command", "sh\n-c\n[ -e /proc/self/fd/77 ]; echo \"{\\\"t\\\":$?}\"; cat"};
    l->points[0] = (struct dam_link_point){.key = "t"};
    live_open(l, 1, 1);
    until(l, &l->samples[0], 1, NULL, NULL);
    assert_int_equal(l->values[0], 1);
    live_destroy(l);
    assert_int_equal(close(77), 0);
}

/* Nobody is there: every kind says so once and goes on trying, and can be closed at any moment. */
static void nobody_there(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        const char *url;
        const char *key;
    } cases[] = {
        {"gpsd", "tcp://127.0.0.1:1", "lat"},      {"nmea", "tcp://127.0.0.1:1", "lat"},
        {"nmea", "serial:///dev/nothing", "lat"},  {"modbus", "tcp://127.0.0.1:1", "103.W"},
        {"modbus", "rtu:///dev/nothing", "103.W"}, {"http", "http://127.0.0.1:1/", "a"},
        {"mqtt", "mqtt://127.0.0.1:1", "a"},       {"mqtt", "mqtt://nobody.invalid", "a"}};
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        for (int turns = 0; turns < 3; turns++) { /* closed at once, soon, after its first word */
            struct live *l = live_create(cases[i].kind);
            l->options[0] = (struct dam_link_option){"url", cases[i].url};
            l->points[0] = (struct dam_link_point){.key = cases[i].key};
            live_open(l, 1, 1);
            if (turns == 1) {
                (void)uv_run(l->loop, UV_RUN_ONCE);
            } else if (turns == 2) {
                until(l, &l->downs, 1, NULL, NULL);
                assert_int_equal(l->ups, 0);
            }
            live_destroy(l);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpsd),
        cmocka_unit_test(nmea),
        cmocka_unit_test(modbus),
        cmocka_unit_test(modbus_units),
        cmocka_unit_test(sunspec_lengths),
        cmocka_unit_test(http),
        cmocka_unit_test(program),
        cmocka_unit_test(program_has_only_its_own),
        cmocka_unit_test(nobody_there),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
