// SPDX-License-Identifier: Apache-2.0
#include "port/link_nmea.h"

#include "core/flow/fixed.h"
#include "port/link_lines.h"
#include "port/nmea.h"
#include "port/serial.h"

#include <errno.h>
#include <stdlib.h>

#define SILENCE_MS 15000 /* a receiver speaks once a second */
#define HOST_MAX 128u
#define PATH_SIZE 256u

struct link_nmea {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    const struct dam_link_point *points;
    enum dam_nmea_field *fields; /* of the points */
    size_t point_count;
    char path[PATH_SIZE]; /* of a serial port, or empty: */
    char host[HOST_MAX];
    unsigned port;
    unsigned baud;
    struct dam_link_lines lines;
};

static void on_connect(void *ctx)
{
    struct link_nmea *l = ctx;
    if (l->path[0] == 0) {
        dam_link_lines_tcp(&l->lines, l->host, l->port);
        return;
    }
    int fd = dam_serial_open(l->path, l->baud);
    if (fd < 0) {
        dam_link_lines_fail(&l->lines, strerror(errno));
    } else {
        dam_link_lines_fd(&l->lines, fd, l->path);
    }
}

static void field_tell(struct link_nmea *l, unsigned point, const struct dam_nmea *n)
{
    enum dam_nmea_field field = l->fields[point];
    bool of_a_fix = field <= DAM_NMEA_TRACK;
    int64_t value = 0;
    if (!n->tells[field]) {
        return;
    }
    if (of_a_fix && !n->is_valid) {
        l->events.fault(l->events.ctx, point, "the receiver has no fix");
        return;
    }
    int exponent = (int)l->points[point].decimals - (int)dam_nmea_field_decimals(field);
    if (n->has[field] && dam_flow_fixed_scale(n->values[field], exponent, &value) == DAM_OK) {
        l->events.sample(l->events.ctx, point, value);
    }
}

static void on_line(void *ctx, char *line, size_t len)
{
    struct link_nmea *l = ctx;
    struct dam_nmea n;
    if (dam_nmea_parse(line, len, &n) != DAM_OK) {
        return; /* noise on the line, or a sentence that tells nothing here: age tells the rest */
    }
    for (unsigned i = 0; i < l->point_count; i++) {
        field_tell(l, i, &n);
    }
}

static void nmea_free(void *ctx)
{
    struct link_nmea *l = ctx;
    free(l->fields);
    free(l);
}

static const struct dam_link_lines_ops lines_ops = {on_connect, NULL, on_line, NULL, nmea_free};

static void nmea_close(struct dam_link *base)
{
    struct link_nmea *l = (struct link_nmea *)(void *)base;
    dam_link_lines_close(&l->lines);
}

static const char *nmea_check_key(const char *key, bool write)
{
    return write ? "a receiver cannot be written to"
           : dam_nmea_field_find(key) == DAM_NMEA_FIELD_COUNT
               ? "write lat, lon, alt, speed, track, fix, sats or hdop"
               : NULL;
}

static const char *nmea_key_unit(const char *key)
{
    switch (dam_nmea_field_find(key)) {
    case DAM_NMEA_LAT:
    case DAM_NMEA_LON:
    case DAM_NMEA_TRACK:
        return "deg";
    case DAM_NMEA_ALT:
        return "m";
    case DAM_NMEA_SPEED:
        return "m/s";
    case DAM_NMEA_FIX:
    case DAM_NMEA_SATS:
    case DAM_NMEA_HDOP:
    case DAM_NMEA_FIELD_COUNT:
        break;
    }
    return NULL;
}

static bool is_serial(const char *url)
{
    return strncmp(url, "serial:///", 10) == 0 && strlen(url) - 9 < PATH_SIZE;
}

static bool tcp_read(const char *url, char *host, size_t size, unsigned *port)
{
    *port = 10110;
    return dam_link_url(url, "tcp://", host, size, port);
}

static const char *nmea_check_url(const char *url)
{
    char host[HOST_MAX];
    unsigned port;
    return is_serial(url) || tcp_read(url, host, sizeof(host), &port)
               ? NULL
               : "'url' is serial:///dev/ttyUSB0 or tcp://HOST:PORT";
}

static const char *options_read(struct link_nmea *l, const struct dam_link_setup *setup)
{
    const char *url = dam_link_option(setup, "url", "");
    long baud = 0;
    if (dam_link_option_number(setup, "baud", 4800, 1200, 921600, &baud) != DAM_OK) {
        return "'baud' is from 1200 to 921600";
    }
    l->baud = (unsigned)baud;
    if (is_serial(url)) {
        memcpy(l->path, url + 9, strlen(url) - 8);
        return NULL;
    }
    return tcp_read(url, l->host, sizeof(l->host), &l->port) ? NULL : nmea_check_url(url);
}

static enum dam_err nmea_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                              const char **ret_why)
{
    struct link_nmea *l = calloc(1, sizeof(*l));
    enum dam_nmea_field *fields = calloc(setup->point_count + 1, sizeof(*fields));
    if (l == NULL || fields == NULL) {
        free(l);
        free(fields);
        return DAM_ENOMEM;
    }
    l->kind = &dam_link_nmea;
    l->events = setup->events;
    l->points = setup->points;
    l->point_count = setup->point_count;
    l->fields = fields;
    const char *why = options_read(l, setup);
    for (size_t i = 0; i < l->point_count && why == NULL; i++) {
        fields[i] = dam_nmea_field_find(l->points[i].key);
        why = nmea_check_key(l->points[i].key, l->points[i].write);
    }
    why = why == NULL ? dam_link_lines_start(&l->lines, setup, SILENCE_MS, &lines_ops, l) : why;
    if (why != NULL) {
        *ret_why = why;
        nmea_free(l);
        return DAM_EPARSE;
    }
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static const char *const nmea_options[] = {"url", "baud", "rate_max", "silence_ms", NULL};

const struct dam_link_kind dam_link_nmea = {
    .name = "nmea",
    .summary = "positions from a GNSS receiver (NMEA 0183, serial or TCP)",
    .options = nmea_options,
    .check_key = nmea_check_key,
    .check_url = nmea_check_url,
    .key_unit = nmea_key_unit,
    .open = nmea_open,
    .close = nmea_close,
};
