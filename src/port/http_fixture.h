// SPDX-License-Identifier: Apache-2.0
#ifndef DAM_PORT_HTTP_FIXTURE_H
#define DAM_PORT_HTTP_FIXTURE_H

/** For unit tests alone: the server and its clients in one thread and one loop, over real sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/http_server.h"

#define LATE_MAX 8
#define TURNS 400
#define BLOCK_MS 1200 /* more than two sweeps */
#define SLOW_MS 15    /* two of these are more than a turn has for requests */

/* An answer in parts, each of them a line with its number. */
struct telling {
    struct world *w;
    int made;
    bool ended;
};

/* What the handler below has seen and keeps for later. */
struct world {
    uv_loop_t loop;
    struct dam_http_server *server;
    uint16_t port;
    struct dam_http_exchange *late[LATE_MAX];
    size_t late_count;
    struct dam_http_exchange *stream;
    struct dam_ws *ws;
    int streams_closed, ws_closed, requests;
    size_t flood; /* bytes that /flood answers with */
    int half;     /* a connection with half a request, whose rest comes during /block */
    struct telling tellings[LATE_MAX];
    size_t telling_count;
    int parts;       /* that /parts answers with */
    size_t part_len; /* of each, its line filled with spaces */
    int part_ms;     /* that it takes to make one */
};

static inline bool on_part(void *ctx, struct dam_buf *part)
{
    struct telling *telling = ctx;
    char line[16];
    int len = snprintf(line, sizeof(line), "part %d\n", telling->made++);
    assert_false(telling->ended);
    (void)usleep((useconds_t)telling->w->part_ms * 1000);
    for (size_t i = (size_t)len; i < telling->w->part_len; i++) {
        dam_buf_put_byte(part, ' ');
    }
    dam_buf_put(part, line, (size_t)len);
    return telling->made < telling->w->parts;
}

static inline void on_parts_end(void *ctx)
{
    struct telling *telling = ctx;
    assert_false(telling->ended);
    telling->ended = true;
}

static inline void tell_parts(struct world *w, struct dam_http_exchange *exchange)
{
    struct telling *telling = &w->tellings[w->telling_count++];
    assert_true(w->telling_count <= LATE_MAX);
    *telling = (struct telling){.w = w};
    dam_http_reply_parts(exchange, 200, "X-A: b\r\n",
                         &(struct dam_http_parts){on_part, on_parts_end, telling});
}

static inline void on_request(void *ctx, struct dam_http_exchange *exchange,
                              const struct dam_http_request *request)
{
    struct world *w = ctx;
    w->requests++;
    if (dam_bytes_is(request->path, "/late") && w->late_count < LATE_MAX) {
        w->late[w->late_count++] = exchange;
    } else if (dam_bytes_is(request->path, "/stream")) {
        w->stream = exchange;
        dam_http_stream_begin(exchange, 200, "Content-Type: text/event-stream\r\n");
    } else if (dam_bytes_is(request->path, "/parts")) {
        tell_parts(w, exchange);
    } else if (dam_bytes_is(request->path, "/ws")) {
        w->ws = dam_ws_upgrade(exchange, request);
    } else if (dam_bytes_is(request->path, "/slow")) {
        (void)usleep(SLOW_MS * 1000);
        dam_http_reply(exchange, 200, NULL, "slow", 4);
    } else if (dam_bytes_is(request->path, "/flood")) {
        char *bytes = calloc(1, w->flood);
        assert_non_null(bytes);
        dam_http_reply(exchange, 200, NULL, bytes, w->flood);
        free(bytes);
    } else {
        if (dam_bytes_is(request->path, "/block")) {
            assert_int_equal(send(w->half, "bc", 2, MSG_NOSIGNAL), 2);
            (void)usleep(BLOCK_MS * 1000);
        }
        dam_http_reply(exchange, 200, NULL, request->body.data, request->body.len);
    }
}

static inline void on_stream_closed(void *ctx, struct dam_http_exchange *exchange)
{
    struct world *w = ctx;
    w->streams_closed++;
    w->stream = NULL;
    dam_http_stream_end(exchange);
}

static inline void on_message(void *ctx, struct dam_ws *ws, struct dam_bytes data)
{
    struct world *w = ctx;
    if (dam_bytes_is(data, "slow")) {
        w->requests++;
        (void)usleep(SLOW_MS * 1000);
    }
    dam_ws_send(ws, data.data, data.len);
}

static inline void on_ws_closed(void *ctx, struct dam_ws *ws)
{
    struct world *w = ctx;
    (void)ws;
    w->ws_closed++;
    w->ws = NULL;
}

static inline void start(struct world *w, const struct dam_http_limits *limits)
{
    struct dam_http_handler handler = {on_request, on_stream_closed, on_message, on_ws_closed, w};
    memset(w, 0, sizeof(*w));
    w->flood = 1000;
    (void)signal(SIGPIPE, SIG_IGN); /* as the program does */
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(dam_http_server_create(&w->loop, &handler, limits, &w->server), DAM_OK);
    assert_int_equal(dam_http_listen(w->server, "localhost", 0, &w->port), DAM_OK);
}

static inline void stop(struct world *w)
{
    dam_http_server_destroy(w->server);
    for (size_t i = 0; i < w->late_count; i++) {
        dam_http_reply(w->late[i], 200, NULL, NULL, 0); /* must be allowed when all are gone */
    }
    assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

static inline void turn(struct world *w, int turns)
{
    for (int i = 0; i < turns; i++) {
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    }
}

static inline void wait_ms(struct world *w, int ms)
{
    for (int i = 0; i < ms; i++) {
        turn(w, 1);
        (void)usleep(1000);
    }
}

static inline int dial(struct world *w)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(w->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    turn(w, 3);
    return fd;
}

static inline void say(struct world *w, int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
    turn(w, 3);
}

static inline void say_text(struct world *w, int fd, const char *text)
{
    say(w, fd, text, strlen(text));
}

/* Read until `want` is in what came or the server has closed. Returns: false for the latter. */
static inline bool hear(struct world *w, int fd, char *text, size_t size, const char *want)
{
    size_t len = 0;
    for (int i = 0; i < TURNS; i++) {
        turn(w, 1);
        ssize_t got = recv(fd, text + len, size - 1 - len, MSG_DONTWAIT);
        len += got > 0 ? (size_t)got : 0;
        text[len] = '\0';
        if (want != NULL && strstr(text, want) != NULL) {
            return true;
        }
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            return false;
        }
    }
    return false;
}

static inline bool is_closed(struct world *w, int fd)
{
    char byte;
    for (int i = 0; i < TURNS; i++) {
        turn(w, 1);
        ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            return true;
        }
    }
    return false;
}

#endif
