// SPDX-License-Identifier: Apache-2.0
#include "port/link_gpsd.h"

#include "base/heap.h"
#include "port/link_json.h"
#include "port/link_lines.h"

#include <stdio.h>
#include <stdlib.h>

#define HOST_MAX 128u
#define SILENCE_MS 15000 /* a receiver speaks once a second */

static const char watch[] = "?WATCH={\"enable\":true,\"json\":true}\n";
static const char watch_device[] = "?WATCH={\"enable\":true,\"json\":true,\"device\":\"%s\"}\n";

struct link_gpsd {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    const struct dam_link_point *points;
    size_t point_count;
    enum dam_gpsd_fix fix;
    struct dam_arena arena;
    char host[HOST_MAX];
    unsigned port;
    char device[128];
    struct dam_link_lines lines;
};

/* ---- reports --------------------------------------------------------------------------------- */

enum dam_err dam_gpsd_parse(struct dam_arena *arena, const char *line, size_t len,
                            struct dam_gpsd_report *ret)
{
    struct dam_gpsd_report report = {.mode = 0};
    DAM_TRY(dam_json_parse(arena, line, len, 16, &report.root, NULL));
    report.class_name = dam_json_get(report.root, "class");
    if (report.class_name == NULL || report.class_name->type != DAM_JSON_STRING) {
        return DAM_EPARSE;
    }
    if (dam_json_is(report.class_name, "TPV") &&
        dam_json_i64(dam_json_get(report.root, "mode"), &report.mode) != DAM_OK) {
        report.mode = 0; /* "not known" */
    }
    *ret = report;
    return DAM_OK;
}

/* "TPV.lat" and "lat": the path in the report of that class. Returns: NULL for another class. */
static const char *path_in(const struct dam_gpsd_report *report, const char *key)
{
    size_t len = 0;
    while (key[len] >= 'A' && key[len] <= 'Z') {
        len++;
    }
    bool named = len > 0 && key[len] == '.';
    const char *name = named ? key : "TPV";
    size_t name_len = named ? len : 3;
    bool same = report->class_name->len == name_len &&
                memcmp(report->class_name->text, name, name_len) == 0;
    return !same ? NULL : named ? key + len + 1 : key;
}

enum dam_err dam_gpsd_value(const struct dam_gpsd_report *report, const char *key,
                            enum dam_gpsd_fix fix, unsigned decimals, int64_t *ret)
{
    static const char *const of_a_fix[] = {"lat",   "lon",   "alt",   "altHAE",  "altMSL",
                                           "speed", "track", "climb", "magtrack"};
    const char *path = path_in(report, key);
    if (path == NULL) {
        return DAM_ENOTFOUND;
    }
    if (dam_json_is(report->class_name, "TPV") && report->mode < (int64_t)fix) {
        for (size_t i = 0; i < DAM_COUNT_OF(of_a_fix); i++) {
            if (strcmp(of_a_fix[i], path) == 0) {
                return DAM_EAGAIN;
            }
        }
    }
    return dam_link_json_value(report->root, path, decimals, ret);
}

/* ---- the link -------------------------------------------------------------------------------- */

static void on_connect(void *ctx)
{
    struct link_gpsd *l = ctx;
    dam_link_lines_tcp(&l->lines, l->host, l->port);
}

static void on_opened(void *ctx)
{
    struct link_gpsd *l = ctx;
    char text[256];
    int len = l->device[0] == 0 ? snprintf(text, sizeof(text), "%s", watch)
                                : snprintf(text, sizeof(text), watch_device, l->device);
    if (!dam_link_lines_send(&l->lines.io.stream, text, (size_t)len)) {
        dam_link_lines_fail(&l->lines, "cannot ask for reports");
    }
}

static void on_line(void *ctx, char *line, size_t len)
{
    struct link_gpsd *l = ctx;
    struct dam_gpsd_report report;
    dam_arena_reset(&l->arena);
    if (dam_gpsd_parse(&l->arena, line, len, &report) != DAM_OK) {
        return; /* no report: nothing is known, and age tells so */
    }
    for (unsigned i = 0; i < l->point_count; i++) {
        int64_t value = 0;
        enum dam_err err =
            dam_gpsd_value(&report, l->points[i].key, l->fix, l->points[i].decimals, &value);
        if (err == DAM_OK) {
            l->events.sample(l->events.ctx, i, value);
        } else if (err == DAM_EAGAIN) {
            l->events.fault(l->events.ctx, i, "the receiver has no fix");
        } else if (err != DAM_ENOTFOUND) {
            l->events.fault(l->events.ctx, i, "the report has no number here");
        }
    }
}

static void gpsd_free(void *ctx)
{
    struct link_gpsd *l = ctx;
    dam_arena_finish(&l->arena);
    free(l);
}

static const struct dam_link_lines_ops lines_ops = {on_connect, on_opened, on_line, NULL,
                                                    gpsd_free};

static void gpsd_close(struct dam_link *base)
{
    struct link_gpsd *l = (struct link_gpsd *)(void *)base;
    dam_link_lines_close(&l->lines);
}

static const char *gpsd_check_key(const char *key, bool write)
{
    return write         ? "a receiver cannot be written to"
           : key[0] == 0 ? "write lat, lon, alt, speed, track, mode, or CLASS.path (SKY.hdop)"
                         : NULL;
}

static const char *gpsd_key_unit(const char *key)
{
    static const struct {
        const char *key;
        const char *unit;
    } units[] = {{"lat", "deg"},   {"lon", "deg"},   {"alt", "m"},
                 {"altHAE", "m"},  {"altMSL", "m"},  {"speed", "m/s"},
                 {"climb", "m/s"}, {"track", "deg"}, {"magtrack", "deg"}};
    const char *name = strncmp(key, "TPV.", 4) == 0 ? key + 4 : key;
    for (size_t i = 0; i < DAM_COUNT_OF(units); i++) {
        if (strcmp(units[i].key, name) == 0) {
            return units[i].unit;
        }
    }
    return NULL;
}

static bool url_read(const char *url, char *host, size_t size, unsigned *port)
{
    *port = 2947;
    return dam_link_url(url[0] == 0 ? "tcp://localhost" : url, "tcp://", host, size, port);
}

static const char *gpsd_check_url(const char *url)
{
    char host[HOST_MAX];
    unsigned port;
    return url_read(url, host, sizeof(host), &port) ? NULL : "'url' is tcp://HOST:PORT";
}

static enum dam_err gpsd_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                              const char **ret_why)
{
    struct link_gpsd *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    l->kind = &dam_link_gpsd;
    l->events = setup->events;
    l->points = setup->points;
    l->point_count = setup->point_count;
    dam_arena_init(&l->arena, dam_heap(), 4u << 20);
    const char *url = dam_link_option(setup, "url", "");
    const char *fix = dam_link_option(setup, "fix", "2d");
    const char *device = dam_link_option(setup, "device", "");
    const char *why = NULL;
    if (!url_read(url, l->host, sizeof(l->host), &l->port)) {
        why = gpsd_check_url(url);
    } else if (strcmp(fix, "2d") != 0 && strcmp(fix, "3d") != 0) {
        why = "'fix' is \"2d\" or \"3d\"";
    } else if (strlen(device) >= sizeof(l->device) || strcspn(device, "\"\\\n") != strlen(device)) {
        why = "'device' is the path that gpsd knows the receiver by";
    }
    if (why == NULL) {
        (void)snprintf(l->device, sizeof(l->device), "%s", device);
        l->fix = fix[0] == '3' ? DAM_GPSD_FIX_3D : DAM_GPSD_FIX_2D;
        why = dam_link_lines_start(&l->lines, setup, SILENCE_MS, &lines_ops, l);
    }
    if (why != NULL) {
        *ret_why = why;
        gpsd_free(l);
        return DAM_EPARSE;
    }
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static const char *const gpsd_options[] = {"url", "fix", "device", "rate_max", "silence_ms", NULL};

const struct dam_link_kind dam_link_gpsd = {
    .name = "gpsd",
    .summary = "positions from gpsd",
    .options = gpsd_options,
    .check_key = gpsd_check_key,
    .check_url = gpsd_check_url,
    .key_unit = gpsd_key_unit,
    .open = gpsd_open,
    .close = gpsd_close,
};
