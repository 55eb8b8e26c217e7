// SPDX-License-Identifier: Apache-2.0
#include "port/emul_gpsd.h"

#include "core/flow/fixed.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENTS_MAX 8u
#define LINE_SIZE 512u

struct client {
    struct dam_emul_gpsd *emul;
    uv_tcp_t tcp;
    bool is_open;
    bool watches;
    char data[1024]; /* of one read */
};

struct dam_emul_gpsd {
    uv_tcp_t listener;
    struct client clients[CLIENTS_MAX];
    unsigned open; /* handles */
    bool closing;
};

static void handle_closed(struct dam_emul_gpsd *e)
{
    e->open--;
    if (e->closing && e->open == 0) {
        free(e);
    }
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;
    c->is_open = false;
    handle_closed(c->emul);
}

static void client_close(struct client *c)
{
    if (c->is_open && uv_is_closing((uv_handle_t *)&c->tcp) == 0) {
        c->watches = false;
        uv_close((uv_handle_t *)&c->tcp, on_client_closed);
    }
}

static void client_send(struct client *c, const char *line)
{
    char text[LINE_SIZE + 3];
    int len = snprintf(text, sizeof(text), "%s\r\n", line);
    const uv_buf_t buf = uv_buf_init(text, (unsigned)len);
    if (uv_try_write((uv_stream_t *)&c->tcp, &buf, 1) != len) {
        client_close(c); /* it does not read */
    }
}

static void on_alloc(uv_handle_t *handle, size_t want, uv_buf_t *buf)
{
    struct client *c = handle->data;
    (void)want;
    *buf = uv_buf_init(c->data, sizeof(c->data) - 1);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct client *c = stream->data;
    if (len < 0) {
        client_close(c);
        return;
    }
    buf->base[len] = 0;
    if (strstr(buf->base, "?WATCH={\"enable\":true") != NULL) {
        c->watches = true;
        client_send(c, "{\"class\":\"DEVICES\",\"devices\":[{\"class\":\"DEVICE\",\"path\":"
                       "\"/dev/emulated\",\"driver\":\"NMEA0183\"}]}");
        client_send(c, "{\"class\":\"WATCH\",\"enable\":true,\"json\":true}");
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct dam_emul_gpsd *e = listener->data;
    size_t i = 0;
    while (i < CLIENTS_MAX && e->clients[i].is_open) {
        i++;
    }
    if (status != 0 || i == CLIENTS_MAX) {
        return;
    }
    struct client *c = &e->clients[i];
    *c = (struct client){.emul = e, .is_open = true};
    (void)uv_tcp_init(listener->loop, &c->tcp);
    c->tcp.data = c;
    e->open++;
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0) {
        client_close(c);
        return;
    }
    client_send(c, "{\"class\":\"VERSION\",\"release\":\"3.22\",\"rev\":\"emulated\","
                   "\"proto_major\":3,\"proto_minor\":14}");
}

static void on_listener_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

enum dam_err dam_emul_gpsd_create(uv_loop_t *loop, unsigned port, unsigned *ret_port,
                                  struct dam_emul_gpsd **ret)
{
    struct sockaddr_in address;
    int len = sizeof(address);
    struct dam_emul_gpsd *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return DAM_ENOMEM;
    }
    (void)uv_ip4_addr("127.0.0.1", (int)port, &address);
    (void)uv_tcp_init(loop, &e->listener);
    e->listener.data = e;
    e->open = 1;
    if (uv_tcp_bind(&e->listener, (struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&e->listener, 4, on_connection) != 0 ||
        uv_tcp_getsockname(&e->listener, (struct sockaddr *)&address, &len) != 0) {
        dam_emul_gpsd_destroy(e);
        return DAM_EIO;
    }
    *ret_port = ntohs(address.sin_port);
    *ret = e;
    return DAM_OK;
}

void dam_emul_gpsd_say(struct dam_emul_gpsd *e, const char *line)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (e->clients[i].is_open && e->clients[i].watches) {
            client_send(&e->clients[i], line);
        }
    }
}

void dam_emul_gpsd_report(struct dam_emul_gpsd *e, const struct dam_emul_fix *fix)
{
    char line[LINE_SIZE];
    char text[5][DAM_FLOW_FIXED_TEXT_MAX];
    (void)dam_flow_fixed_format(fix->lat_e7, 7, text[0]);
    (void)dam_flow_fixed_format(fix->lon_e7, 7, text[1]);
    (void)dam_flow_fixed_format(fix->alt_mm, 3, text[2]);
    (void)dam_flow_fixed_format(fix->speed_mm_s, 3, text[3]);
    (void)dam_flow_fixed_format(fix->track_e2, 2, text[4]);
    int len = snprintf(line, sizeof(line),
                       "{\"class\":\"TPV\",\"device\":\"/dev/emulated\",\"mode\":%d", fix->mode);
    if (fix->mode >= 2) {
        len += snprintf(line + len, sizeof(line) - (size_t)len,
                        ",\"lat\":%s,\"lon\":%s,\"speed\":%s,\"track\":%s", text[0], text[1],
                        text[3], text[4]);
    }
    if (fix->mode >= 3) {
        len += snprintf(line + len, sizeof(line) - (size_t)len, ",\"alt\":%s", text[2]);
    }
    (void)snprintf(line + len, sizeof(line) - (size_t)len, "}");
    dam_emul_gpsd_say(e, line);
}

void dam_emul_gpsd_drop(struct dam_emul_gpsd *e)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        client_close(&e->clients[i]);
    }
}

void dam_emul_gpsd_destroy(struct dam_emul_gpsd *e)
{
    if (e == NULL) {
        return;
    }
    e->closing = true;
    dam_emul_gpsd_drop(e);
    uv_close((uv_handle_t *)&e->listener, on_listener_closed);
}
