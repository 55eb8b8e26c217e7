// SPDX-License-Identifier: Apache-2.0
#include "port/http_server.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/assert.h"
#include "base/heap.h"
#include "port/http_conn.h"

#define SMALL_LEN_MAX 65536u /* bytes of a buffer; larger ones go back to the heap */
#define SWEEP_MS 500u
#define KEEPALIVE_S 60u

/* ---- buffers and lists ----------------------------------------------------------------------- */

/* A spare one that is larger than what may be in it would let in more. */
void dam_http_buf_take(struct dam_http_server *server, struct dam_buf *buf, size_t len_max)
{
    if (server->spare_count > 0 && server->spare[server->spare_count - 1].size <= len_max) {
        *buf = server->spare[--server->spare_count];
        buf->len_max = len_max;
    } else {
        dam_buf_init(buf, &server->mem, len_max);
    }
}

void dam_http_buf_give(struct dam_http_server *server, struct dam_buf *buf)
{
    if (buf->data != NULL && buf->size <= SMALL_LEN_MAX &&
        server->spare_count < DAM_HTTP_SPARE_MAX && !server->destroyed) {
        dam_buf_reset(buf);
        server->spare[server->spare_count++] = *buf;
    } else {
        dam_buf_finish(buf);
    }
    memset(buf, 0, sizeof(*buf));
}

static void list_remove(struct dam_http_conn *conn)
{
    struct dam_http_server *server = conn->server;
    *(conn->prev != NULL ? &conn->prev->next : &server->first) = conn->next;
    *(conn->next != NULL ? &conn->next->prev : &server->last) = conn->prev;
    conn->prev = conn->next = NULL;
}

static void list_append(struct dam_http_conn *conn)
{
    struct dam_http_server *server = conn->server;
    conn->prev = server->last;
    conn->next = NULL;
    *(server->last != NULL ? &server->last->next : &server->first) = conn;
    server->last = conn;
}

void dam_http_conn_mark_dirty(struct dam_http_conn *conn)
{
    if (!conn->dirty && !conn->closing) {
        conn->dirty = true;
        conn->dirty_next = conn->server->dirty;
        conn->server->dirty = conn;
    }
}

/* Every buffer comes from here, so that all clients together hold no more than they may. The last
 * sixteenth is for small ones: who holds much may not make those fail who want little. */
static bool may_hold(const struct dam_http_server *server, size_t more)
{
    size_t max = server->limits.memory_len_max;
    return server->held + more <= (more > SMALL_LEN_MAX ? max - max / 16 : max);
}

static void *counted_alloc(void *ctx, size_t len)
{
    struct dam_http_server *server = ctx;
    void *block = may_hold(server, len) ? dam_heap()->alloc(NULL, len) : NULL;
    server->held += block != NULL ? len : 0;
    return block;
}

static void counted_free(void *ctx, void *block, size_t len)
{
    struct dam_http_server *server = ctx;
    server->held -= len;
    dam_heap()->free(NULL, block, len);
}

static void *counted_resize(void *ctx, void *block, size_t len, size_t len_new)
{
    struct dam_http_server *server = ctx;
    size_t more = len_new - len;
    void *resized = may_hold(server, more) ? dam_heap()->resize(NULL, block, len, len_new) : NULL;
    server->held += resized != NULL ? more : 0;
    return resized;
}

static size_t held_by(const struct dam_http_conn *conn)
{
    size_t len = conn->head.size + conn->body.size + conn->pending.size + conn->out.size +
                 conn->sending.size + (conn->ws != NULL ? conn->ws->reader.message.size : 0);
    for (const struct dam_http_exchange *e = conn->first; e != NULL; e = e->next) {
        len += e->reply.size;
    }
    return len;
}

/* Half of the memory is taken: somebody must go, so that the others get theirs. It is whoever holds
 * most for longest without moving a byte: who reads what it asked for is behind only for a moment.
 * What a close gives back may come in the loop's next turn, so it is one client a turn. */
static void evict_worst(struct dam_http_server *server)
{
    struct dam_http_conn *worst = NULL;
    uint64_t most = 0;
    for (struct dam_http_conn *conn = server->first; conn != NULL; conn = conn->next) {
        uint64_t still_ms = uv_now(server->loop) - conn->moved_ms;
        uint64_t weight = held_by(conn) * (1 + still_ms / 16);
        if (weight > most) {
            most = weight;
            worst = conn;
        }
    }
    if (worst != NULL) {
        server->stats.dropped_limit++;
        dam_http_conn_close(worst);
    }
}

bool dam_http_server_is_spent(const struct dam_http_server *server)
{
    return server->spent_ns > DAM_HTTP_TURN_NS;
}

/* Requests and parts waited for this turn. Each connection that is served goes behind the others.
 */
static void on_again(uv_idle_t *again)
{
    struct dam_http_server *server = again->data;
    struct dam_http_conn *last = server->last;
    struct dam_http_conn *conn = server->first;
    bool more = conn != NULL;
    (void)uv_idle_stop(again); /* who must wait once more starts it */
    server->spent_ns = 0;
    while (more && !dam_http_server_is_spent(server)) {
        struct dam_http_conn *next = conn->next;
        more = conn != last;
        bool wants_part = dam_http_conn_wants_part(conn);
        if (wants_part || conn->pending.len > 0) {
            list_remove(conn);
            list_append(conn);
            if (wants_part) {
                dam_http_conn_put_part(conn);
            }
            dam_http_conn_resume(conn);
        }
        conn = next;
    }
    if (more) {
        dam_http_server_hurry(server);
    }
}

void dam_http_server_hurry(struct dam_http_server *server)
{
    (void)uv_idle_start(&server->again, on_again); /* cannot fail */
}

static void on_flush(uv_prepare_t *prepare)
{
    struct dam_http_server *server = prepare->data;
    server->spent_ns = uv_is_active((uv_handle_t *)&server->again) ? server->spent_ns : 0;
    if (server->held > server->limits.memory_len_max / 2) {
        evict_worst(server);
    }
    while (server->dirty != NULL) {
        struct dam_http_conn *conn = server->dirty;
        server->dirty = conn->dirty_next;
        conn->dirty = false;
        dam_http_conn_flush(conn);
        dam_http_conn_resume(conn);
    }
}

/* ---- closing --------------------------------------------------------------------------------- */

static void handle_gone(struct dam_http_server *server)
{
    DAM_ASSERT(server->handles_open > 0);
    if (--server->handles_open == 0 && server->destroyed) {
        free(server);
    }
}

static void on_conn_closed(uv_handle_t *handle)
{
    struct dam_http_conn *conn = handle->data;
    struct dam_http_server *server = conn->server;
    dam_http_buf_give(server, &conn->sending);
    free(conn);
    handle_gone(server);
}

void dam_http_conn_close(struct dam_http_conn *conn)
{
    struct dam_http_server *server = conn->server;
    if (conn->closing) {
        return;
    }
    conn->closing = true;
    list_remove(conn);
    if (conn->dirty) {
        struct dam_http_conn **at = &server->dirty;
        while (*at != conn) {
            at = &(*at)->dirty_next;
        }
        *at = conn->dirty_next;
        conn->dirty = false;
    }
    if (conn->ws != NULL) {
        server->stats.websockets--;
        if (server->handler.ws_closed != NULL) {
            server->handler.ws_closed(server->handler.ctx, conn->ws);
        }
        dam_ws_reader_finish(&conn->ws->reader);
        free(conn->ws);
        conn->ws = NULL;
    }
    while (conn->first != NULL) {
        struct dam_http_exchange *exchange = conn->first;
        conn->first = exchange->next;
        dam_http_buf_give(server, &exchange->reply);
        exchange->conn = NULL;
        if (exchange->parts.next != NULL) {
            exchange->parts.end(exchange->parts.ctx);
        }
        if (exchange->done || exchange->parts.next != NULL) {
            free(exchange);
        } else if (exchange->streaming && server->handler.stream_closed != NULL) {
            server->handler.stream_closed(server->handler.ctx, exchange);
        }
    }
    dam_http_buf_give(server, &conn->head);
    dam_http_buf_give(server, &conn->body);
    dam_http_buf_give(server, &conn->out);
    dam_http_buf_give(server, &conn->pending);
    server->stats.open--;
    uv_close(&conn->u.handle, on_conn_closed);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct dam_http_conn *conn = handle->data;
    *buf = uv_buf_init(conn->server->read_buf, DAM_HTTP_READ_SIZE);
}

/* A stream has no end that its client could wait for after it has closed its side. */
static bool has_stream(const struct dam_http_conn *conn)
{
    const struct dam_http_exchange *exchange = conn->first;
    while (exchange != NULL && !exchange->streaming) {
        exchange = exchange->next;
    }
    return exchange != NULL;
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct dam_http_conn *conn = stream->data;
    if (len == 0) {
        return;
    }
    if (len < 0) {
        /* The client has closed its side; what it asked may still be answered to it. */
        if (len == UV_EOF && conn->exchange_count > 0 && conn->ws == NULL && !has_stream(conn)) {
            conn->last_request = true;
            dam_http_conn_update_reading(conn);
        } else {
            dam_http_conn_close(conn);
        }
        return;
    }
    conn->moved_ms = uv_now(conn->server->loop);
    list_remove(conn);
    list_append(conn);
    dam_http_conn_feed(conn, buf->base, (size_t)len);
    if (!conn->closing) {
        dam_http_conn_update_reading(conn);
    }
}

void dam_http_conn_update_reading(struct dam_http_conn *conn)
{
    bool want = !conn->closing && !conn->last_request && conn->pending.len == 0 &&
                dam_http_conn_has_room(conn);
    if (want && !conn->reading) {
        conn->reading = uv_read_start(&conn->u.stream, on_alloc, on_read) == 0;
    } else if (!want && conn->reading) {
        (void)uv_read_stop(&conn->u.stream); /* always succeeds */
        conn->reading = false;
    }
}

/* ---- accepting ------------------------------------------------------------------------------- */

/* Make room by closing the connection that has been idle longest. */
static bool evict_idle(struct dam_http_server *server)
{
    for (struct dam_http_conn *conn = server->first; conn != NULL; conn = conn->next) {
        if (conn->exchange_count == 0 && conn->ws == NULL && !conn->writing) {
            server->stats.dropped_limit++;
            dam_http_conn_close(conn);
            return true;
        }
    }
    return false;
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct dam_http_listener *listener = (struct dam_http_listener *)stream;
    struct dam_http_server *server = stream->data;
    if (status != 0) {
        return;
    }
    struct dam_http_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL) {
        return; /* libuv offers the connection again */
    }
    conn->server = server;
    int failed = listener->is_pipe ? uv_pipe_init(server->loop, &conn->u.pipe, 0)
                                   : uv_tcp_init(server->loop, &conn->u.tcp);
    DAM_ASSERT(failed == 0);
    conn->u.handle.data = conn;
    server->handles_open++;
    server->stats.open++;
    conn->since_ms = conn->moved_ms = uv_now(server->loop);
    list_append(conn);
    if (uv_accept(stream, &conn->u.stream) != 0 ||
        (server->stats.open > server->limits.conn_count_max && !evict_idle(server))) {
        dam_http_conn_close(conn);
        return;
    }
    if (!listener->is_pipe) {
        (void)uv_tcp_nodelay(&conn->u.tcp, 1);                /* only a matter of speed */
        (void)uv_tcp_keepalive(&conn->u.tcp, 1, KEEPALIVE_S); /* else an idle WebSocket stays */
    }
    http_parser_init(&conn->parser, HTTP_REQUEST);
    conn->parser.data = conn;
    server->stats.accepted++;
    dam_http_conn_update_reading(conn);
}

static void on_sweep(uv_timer_t *timer)
{
    struct dam_http_server *server = timer->data;
    uint64_t now = uv_now(server->loop);
    struct dam_http_conn *next;
    /* The loop was held up: it first reads and writes what is no client's delay. */
    server->was_late = !server->was_late && now - server->swept_ms > 2 * SWEEP_MS;
    server->swept_ms = now;
    if (server->was_late) {
        return;
    }
    for (struct dam_http_conn *conn = server->first; conn != NULL; conn = next) {
        next = conn->next;
        if (conn->writing && conn->u.stream.write_queue_size != conn->write_left) {
            conn->write_left = conn->u.stream.write_queue_size;
            conn->write_ms = conn->moved_ms = now;
        }
        bool slow_reader = conn->writing && now - conn->write_ms > server->limits.write_ms_max;
        bool slow_sender = conn->in_request && now - conn->since_ms > server->limits.request_ms_max;
        bool idle = !conn->in_request && conn->exchange_count == 0 && conn->ws == NULL &&
                    !conn->writing && now - conn->moved_ms > server->limits.idle_ms_max;
        if (slow_reader || slow_sender || idle) {
            server->stats.dropped_slow += idle ? 0 : 1;
            dam_http_conn_close(conn);
        }
    }
}

/* ---- the server ------------------------------------------------------------------------------ */

static uint32_t limit(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

enum dam_err dam_http_server_create(uv_loop_t *loop, const struct dam_http_handler *handler,
                                    const struct dam_http_limits *limits,
                                    struct dam_http_server **ret)
{
    struct dam_http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return DAM_ENOMEM;
    }
    struct dam_http_limits given = limits != NULL ? *limits : (struct dam_http_limits){0};
    server->loop = loop;
    server->handler = *handler;
    server->mem = (struct dam_mem){counted_alloc, counted_free, server, counted_resize};
    server->limits = (struct dam_http_limits){
        .conn_count_max = limit(given.conn_count_max, 16384),
        .body_len_max = limit(given.body_len_max, 16u << 20),
        .head_len_max = limit(given.head_len_max, 16u << 10),
        .pipeline_max = limit(given.pipeline_max, 256),
        .backlog_len_max = limit(given.backlog_len_max, 64u << 20),
        .memory_len_max = limit(given.memory_len_max, 256u << 20),
        .request_ms_max = limit(given.request_ms_max, 20000),
        .idle_ms_max = limit(given.idle_ms_max, 120000),
        .write_ms_max = limit(given.write_ms_max, 30000),
    };
    (void)uv_prepare_init(loop, &server->flush); /* these five always succeed */
    (void)uv_idle_init(loop, &server->again);
    (void)uv_timer_init(loop, &server->sweep);
    server->flush.data = server->again.data = server->sweep.data = server;
    (void)uv_prepare_start(&server->flush, on_flush);
    (void)uv_timer_start(&server->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    server->swept_ms = uv_now(loop);
    uv_unref((uv_handle_t *)&server->flush);
    uv_unref((uv_handle_t *)&server->again);
    uv_unref((uv_handle_t *)&server->sweep);
    server->handles_open = 3;
    *ret = server;
    return DAM_OK;
}

static enum dam_err err_of(int status)
{
    switch (status) {
    case 0:
        return DAM_OK;
    case UV_EADDRNOTAVAIL:
        return DAM_EPARSE;
    case UV_EADDRINUSE:
        return DAM_EEXIST;
    case UV_EACCES:
    case UV_EPERM:
        return DAM_EREFUSED;
    default:
        return DAM_EIO;
    }
}

static struct dam_http_listener *listener_create(struct dam_http_server *server, bool is_pipe)
{
    if (server->listener_count == DAM_HTTP_LISTENERS_MAX) {
        return NULL;
    }
    struct dam_http_listener *listener = &server->listeners[server->listener_count++];
    int failed = is_pipe ? uv_pipe_init(server->loop, &listener->u.pipe, 0)
                         : uv_tcp_init(server->loop, &listener->u.tcp);
    DAM_ASSERT(failed == 0);
    listener->is_pipe = is_pipe;
    listener->open = true;
    listener->u.handle.data = server;
    server->handles_open++;
    return listener;
}

static void on_handle_closed(uv_handle_t *handle)
{
    handle_gone(handle->data);
}

static enum dam_err listen_on(struct dam_http_listener *listener, int status)
{
    if (status == 0) {
        status = uv_listen(&listener->u.stream, 1024, on_connection);
    }
    if (status != 0) {
        listener->open = false;
        uv_close(&listener->u.handle, on_handle_closed);
    }
    return err_of(status);
}

const char *dam_http_listen_text(enum dam_err err)
{
    return err == DAM_EEXIST     ? "another program listens there"
           : err == DAM_EPARSE   ? "this machine has no such address"
           : err == DAM_EREFUSED ? "the system does not allow it"
                                 : dam_err_text(err);
}

bool dam_http_address_read(const char *text, char host[DAM_HTTP_HOST_SIZE], uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    if (colon == NULL || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    unsigned long number = strtoul(colon + 1, &end, 10);
    size_t len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (*end != 0 || number > UINT16_MAX || len >= DAM_HTTP_HOST_SIZE) {
        return false;
    }
    if (len > 0) {
        memcpy(host, text, len);
        host[len] = 0;
    }
    *port = (uint16_t)number;
    return true;
}

bool dam_http_is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           strncmp(host, "127.", 4) == 0;
}

enum dam_err dam_http_listen(struct dam_http_server *server, const char *host, uint16_t port,
                             uint16_t *ret_port)
{
    struct sockaddr_storage address;
    if (strcmp(host, "localhost") == 0) {
        host = "127.0.0.1";
    }
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&address) != 0 &&
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address) != 0) {
        return DAM_EPARSE;
    }
    struct dam_http_listener *listener = listener_create(server, false);
    if (listener == NULL) {
        return DAM_EFULL;
    }
    DAM_TRY(listen_on(listener, uv_tcp_bind(&listener->u.tcp, (struct sockaddr *)&address, 0)));
    int len = sizeof(address);
    if (uv_tcp_getsockname(&listener->u.tcp, (struct sockaddr *)&address, &len) != 0) {
        return DAM_EIO;
    }
    /* The port is at the same place for both families. */
    *ret_port = dam_load_be16((const uint8_t *)&((struct sockaddr_in *)&address)->sin_port);
    return DAM_OK;
}

/* Is somebody listening on this socket file? */
static bool unix_is_alive(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bool alive = false;
    if (fd >= 0 && strlen(path) < sizeof(address.sun_path)) {
        memcpy(address.sun_path, path, strlen(path) + 1);
        alive = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    }
    if (fd >= 0) {
        (void)close(fd); /* nothing was written */
    }
    return alive;
}

enum dam_err dam_http_listen_unix(struct dam_http_server *server, const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISSOCK(info.st_mode)) {
        if (unix_is_alive(path)) {
            return DAM_EEXIST;
        }
        (void)unlink(path); /* if it stays, bind says so */
    }
    struct dam_http_listener *listener = listener_create(server, true);
    if (listener == NULL) {
        return DAM_EFULL;
    }
    mode_t mask = umask(0177);
    int status = uv_pipe_bind(&listener->u.pipe, path);
    (void)umask(mask);
    return listen_on(listener, status);
}

void dam_http_server_destroy(struct dam_http_server *server)
{
    if (server == NULL) {
        return;
    }
    server->destroyed = true;
    for (uint32_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].open) {
            uv_close(&server->listeners[i].u.handle, on_handle_closed);
        }
    }
    while (server->first != NULL) {
        dam_http_conn_close(server->first);
    }
    while (server->spare_count > 0) {
        dam_buf_finish(&server->spare[--server->spare_count]);
    }
    uv_close((uv_handle_t *)&server->flush, on_handle_closed);
    uv_close((uv_handle_t *)&server->again, on_handle_closed);
    uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
}

void dam_http_server_stats(const struct dam_http_server *server, struct dam_http_stats *ret)
{
    *ret = server->stats;
}
