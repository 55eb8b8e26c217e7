// SPDX-License-Identifier: Apache-2.0
/* Bytes of a client against the whole server over a real socket: requests, upgrades, frames. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "port/http_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TURNS_MAX 1000

static uv_loop_t loop;
static struct dam_http_server *server;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static char dir[] = "/tmp/dam-fuzz-XXXXXX";
static struct dam_http_exchange *late;
static uint64_t asked, answered;

static void remove_dir(void)
{
    (void)unlink(address.sun_path);
    (void)rmdir(dir);
}

static void answer_late(void)
{
    if (late != NULL) {
        dam_http_reply(late, 200, NULL, "late", 4);
        late = NULL;
        answered++;
    }
}

/* A query that is told byte by byte, many times over: more than the client's backlog holds. */
struct echo {
    size_t at, len;
    uint8_t bytes[1024];
};

static bool echo_next(void *ctx, struct dam_buf *part)
{
    struct echo *echo = ctx;
    for (size_t i = 0; i < 8 && echo->at < echo->len; i++) {
        dam_buf_put(part, echo->bytes, echo->at);
    }
    return ++echo->at < echo->len;
}

static void echo_end(void *ctx)
{
    free(ctx);
    answered++;
}

static void echo_begin(struct dam_http_exchange *exchange, struct dam_bytes text)
{
    struct echo *echo = calloc(1, sizeof(*echo));
    DAM_ASSERT(echo != NULL && text.len <= sizeof(echo->bytes));
    echo->len = text.len;
    if (text.len > 0) {
        memcpy(echo->bytes, text.data, text.len);
    }
    dam_http_reply_parts(exchange, 200, NULL, &(struct dam_http_parts){echo_next, echo_end, echo});
}

/* The second letter of the path chooses how it is answered. */
static void on_request(void *ctx, struct dam_http_exchange *exchange,
                       const struct dam_http_request *request)
{
    (void)ctx;
    asked++;
    char how = request->path.len > 1 ? (char)request->path.data[1] : '\0';
    if (request->is_upgrade) {
        (void)dam_ws_upgrade(exchange, request); /* NULL: it has answered itself */
    } else if (how == 'l') {
        answer_late();
        late = exchange;
        return;
    } else if (how == 's') {
        dam_http_stream_begin(exchange, 200, NULL);
        (void)dam_http_stream_write(exchange, request->query.data, request->query.len);
        dam_http_stream_end(exchange);
    } else if (how == 'p') {
        echo_begin(exchange, request->query);
        return;
    } else {
        dam_http_reply(exchange, 200, NULL, request->body.data, request->body.len);
    }
    answered++;
}

static void on_message(void *ctx, struct dam_ws *ws, struct dam_bytes message)
{
    (void)ctx;
    dam_ws_send(ws, message.data, message.len);
}

static void open_server(void)
{
    struct dam_http_handler handler = {.request = on_request, .ws_message = on_message};
    struct dam_http_limits limits = {.body_len_max = 4096,
                                     .head_len_max = 1024,
                                     .pipeline_max = 4,
                                     .backlog_len_max = 16384,
                                     .memory_len_max = 1u << 20};
    DAM_ASSERT(mkdtemp(dir) != NULL && atexit(remove_dir) == 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
    (void)signal(SIGPIPE, SIG_IGN); /* as the program does */
    DAM_ASSERT(uv_loop_init(&loop) == 0);
    DAM_ASSERT(dam_http_server_create(&loop, &handler, &limits, &server) == DAM_OK);
    DAM_ASSERT(dam_http_listen_unix(server, address.sun_path) == DAM_OK);
}

static void turn(int turns)
{
    for (int i = 0; i < turns; i++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
}

/* The first byte chooses how the rest is cut and whether the client reads. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_http_stats stats;
    char text[4096];
    if (server == NULL) {
        open_server();
    }
    if (size < 1) {
        return 0;
    }
    size_t cut = (data[0] & 0x3f) != 0 ? (size_t)(data[0] & 0x3f) * 8 : 65536;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    DAM_ASSERT(fd >= 0);
    DAM_ASSERT(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    for (size_t at = 1; at < size; at += cut) {
        (void)send(fd, data + at, size - at < cut ? size - at : cut, MSG_NOSIGNAL);
        turn(1);
        while ((data[0] & 0x40) != 0 && recv(fd, text, sizeof(text), MSG_NOSIGNAL) > 0) {
        }
    }
    if ((data[0] & 0x80) != 0) {
        (void)shutdown(fd, SHUT_WR);
    }
    turn(2);
    answer_late();
    turn(1);
    (void)close(fd);
    int turns = 0;
    do { /* what waits behind a late answer may be as late */
        answer_late();
        turn(1);
        dam_http_server_stats(server, &stats);
    } while (stats.open > 0 && ++turns < TURNS_MAX);
    DAM_ASSERT(stats.open == 0 && stats.websockets == 0 && asked == answered);
    return 0;
}
