// SPDX-License-Identifier: Apache-2.0
#include "port/link_lines.h"

#include "base/assert.h"

#include <stdio.h>
#include <unistd.h>

#define STEADY_MS 10000u /* a stream that was open so long may fail afresh */

static void on_timer(uv_timer_t *timer);

/* ---- lines ----------------------------------------------------------------------------------- */

static void line_end(struct dam_link_lines *l)
{
    size_t len = l->len;
    len -= len > 0 && l->line[len - 1] == '\r' ? 1 : 0;
    l->line[len] = 0;
    if (l->state != DAM_LINK_LINES_OPEN) {
        len = 0; /* lost by the line before */
    } else if (l->skips || !dam_link_gate_pass(&l->gate, uv_now(l->loop), l->rate_max)) {
        if (l->events.dropped != NULL) {
            l->events.dropped(l->events.ctx, 1);
        }
    } else if (len > 0) {
        l->ops->line(l->ctx, l->line, len);
    }
    l->len = 0;
    l->skips = false;
}

void dam_link_lines_feed(struct dam_link_lines *l, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t part = end == NULL ? len : (size_t)(end - data);
        if (part > DAM_LINK_LINE_MAX - l->len) {
            l->skips = true;
            l->len = 0;
        }
        if (!l->skips) {
            memcpy(l->line + l->len, data, part);
            l->len += part;
        }
        if (end != NULL) {
            line_end(l);
            part++;
        }
        data += part;
        len -= part;
    }
}

/* ---- moves ----------------------------------------------------------------------------------- */

static void state_set(struct dam_link_lines *l, enum dam_link_lines_state old,
                      enum dam_link_lines_state state)
{
    DAM_ASSERT(l->state == old);
    l->state = state;
}

static void end_if_over(struct dam_link_lines *l)
{
    if (l->closing && l->timer_closed && !l->has_io && !l->has_lookup) {
        l->ops->end(l->ctx);
    }
}

static void wait_begin(struct dam_link_lines *l)
{
    l->state = DAM_LINK_LINES_WAITING; /* from CONNECTING or CLOSING */
    if (!l->closing) {
        (void)uv_timer_start(&l->timer, on_timer, l->wait_ms, 0);
    }
}

static void on_io_closed(uv_handle_t *handle)
{
    struct dam_link_lines *l = handle->data;
    l->has_io = false;
    state_set(l, DAM_LINK_LINES_CLOSING, DAM_LINK_LINES_WAITING);
    wait_begin(l);
    end_if_over(l);
}

void dam_link_lines_fail(struct dam_link_lines *l, const char *why)
{
    if (l->state != DAM_LINK_LINES_CONNECTING && l->state != DAM_LINK_LINES_OPEN) {
        return; /* it is on its way already */
    }
    (void)uv_timer_stop(&l->timer);
    bool was_open = l->state == DAM_LINK_LINES_OPEN;
    if (was_open && !l->closing && l->ops->lost != NULL) {
        l->ops->lost(l->ctx);
    }
    if (was_open && uv_now(l->loop) - l->open_since_ms < STEADY_MS) {
        l->health.attempt = l->attempt; /* it has not proved itself: the delay goes on growing */
    }
    if (!l->closing) {
        l->wait_ms = dam_link_health_tell(&l->health, &l->events, false, why);
    }
    if (!l->has_io) {
        wait_begin(l);
    } else {
        l->state = DAM_LINK_LINES_CLOSING;
        uv_close(&l->io.handle, on_io_closed);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct dam_link_lines *l = timer->data;
    if (l->state == DAM_LINK_LINES_WAITING) {
        state_set(l, DAM_LINK_LINES_WAITING, DAM_LINK_LINES_CONNECTING);
        l->len = 0;
        l->skips = false;
        l->ops->connect(l->ctx);
    } else {
        dam_link_lines_fail(l, l->state == DAM_LINK_LINES_OPEN ? "it is silent"
                                                               : "it does not answer");
    }
}

static void silence_watch(struct dam_link_lines *l)
{
    if (l->silence_ms > 0) {
        (void)uv_timer_start(&l->timer, on_timer, l->silence_ms, 0);
    }
}

static void on_alloc(uv_handle_t *handle, size_t want, uv_buf_t *buf)
{
    static char data[65536]; /* one loop thread; used up before the next read */
    (void)handle;
    (void)want;
    *buf = uv_buf_init(data, sizeof(data));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct dam_link_lines *l = stream->data;
    if (len < 0) {
        dam_link_lines_fail(l, len == UV_EOF ? "the other side has closed" : uv_strerror((int)len));
    } else if (len > 0) {
        silence_watch(l);
        dam_link_lines_feed(l, buf->base, (size_t)len);
    }
}

void dam_link_lines_opened(struct dam_link_lines *l, const char *name)
{
    state_set(l, DAM_LINK_LINES_CONNECTING, DAM_LINK_LINES_OPEN);
    int err = uv_read_start(&l->io.stream, on_alloc, on_read);
    if (err != 0) {
        dam_link_lines_fail(l, uv_strerror(err));
        return;
    }
    if (name != l->text) {
        (void)snprintf(l->text, sizeof(l->text), "%s", name);
    }
    l->attempt = l->health.attempt;
    l->open_since_ms = uv_now(l->loop);
    (void)dam_link_health_tell(&l->health, &l->events, true, l->text);
    silence_watch(l);
    if (l->ops->opened != NULL) {
        l->ops->opened(l->ctx);
    }
}

/* ---- ways to connect ------------------------------------------------------------------------- */

static void on_connected(uv_connect_t *connecting, int status)
{
    struct dam_link_lines *l = connecting->data;
    if (l->state != DAM_LINK_LINES_CONNECTING) {
        return; /* given up meanwhile */
    }
    if (status < 0) {
        dam_link_lines_fail(l, uv_strerror(status));
    } else {
        dam_link_lines_opened(l, l->text);
    }
}

/* A name may have several addresses: each attempt takes the next. */
static const struct sockaddr *address_pick(struct dam_link_lines *l, const struct addrinfo *found)
{
    const struct addrinfo *at = found;
    for (unsigned skip = l->tries++; skip > 0; skip--) {
        at = at->ai_next == NULL ? found : at->ai_next;
    }
    l->tries = l->tries > 1000 ? 0 : l->tries;
    return at->ai_addr;
}

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
    struct dam_link_lines *l = lookup->data;
    l->has_lookup = false;
    if (l->state != DAM_LINK_LINES_CONNECTING) {
        uv_freeaddrinfo(found);
        end_if_over(l);
        return;
    }
    int err = status;
    if (err == 0) {
        (void)uv_tcp_init(l->loop, &l->io.tcp);
        l->io.handle.data = l;
        l->has_io = true;
        l->connecting.data = l;
        err = uv_tcp_connect(&l->connecting, &l->io.tcp, address_pick(l, found), on_connected);
    }
    uv_freeaddrinfo(found);
    if (err != 0) {
        dam_link_lines_fail(l, uv_strerror(err));
    }
}

void dam_link_lines_tcp(struct dam_link_lines *l, const char *host, unsigned port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char service[8];
    if (l->has_lookup) {
        dam_link_lines_fail(l, "its name is still being looked up");
        return;
    }
    (void)snprintf(service, sizeof(service), "%u", port);
    (void)snprintf(l->text, sizeof(l->text), "%s:%u", host, port);
    l->lookup.data = l;
    silence_watch(l);
    int err = uv_getaddrinfo(l->loop, &l->lookup, on_lookup, host, service, &hints);
    l->has_lookup = err == 0;
    if (err != 0) {
        dam_link_lines_fail(l, uv_strerror(err));
    }
}

uv_pipe_t *dam_link_lines_pipe(struct dam_link_lines *l)
{
    (void)uv_pipe_init(l->loop, &l->io.pipe, 0);
    l->io.handle.data = l;
    l->has_io = true;
    return &l->io.pipe;
}

void dam_link_lines_fd(struct dam_link_lines *l, int fd, const char *name)
{
    int err = uv_pipe_open(dam_link_lines_pipe(l), fd);
    if (err != 0) {
        (void)close(fd);
        dam_link_lines_fail(l, uv_strerror(err));
        return;
    }
    dam_link_lines_opened(l, name);
}

bool dam_link_lines_send(uv_stream_t *stream, const char *text, size_t len)
{
    const uv_buf_t buf = uv_buf_init((char *)text, (unsigned)len);
    return uv_try_write(stream, &buf, 1) == (int)len;
}

/* ---- life ------------------------------------------------------------------------------------ */

const char *dam_link_lines_start(struct dam_link_lines *l, const struct dam_link_setup *setup,
                                 long silence_ms, const struct dam_link_lines_ops *ops, void *ctx)
{
    long rate = 0;
    if (dam_link_option_number(setup, "rate_max", DAM_LINK_RATE_MAX, 1, 1000000, &rate) != DAM_OK) {
        return "'rate_max' is from 1 to 1000000";
    }
    if (dam_link_option_number(setup, "silence_ms", silence_ms, 0, 86400000, &silence_ms) !=
        DAM_OK) {
        return "'silence_ms' is from 0 (never) to 86400000";
    }
    l->ops = ops;
    l->ctx = ctx;
    l->loop = setup->loop;
    l->events = setup->events;
    l->rate_max = (unsigned)rate;
    l->silence_ms = (uint64_t)silence_ms;
    (void)uv_timer_init(l->loop, &l->timer);
    l->timer.data = l;
    (void)uv_timer_start(&l->timer, on_timer, 0, 0);
    return NULL;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct dam_link_lines *l = handle->data;
    l->timer_closed = true;
    end_if_over(l);
}

void dam_link_lines_close(struct dam_link_lines *l)
{
    l->closing = true;
    dam_link_lines_fail(l, "closed");
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}
