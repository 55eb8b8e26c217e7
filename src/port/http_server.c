// SPDX-License-Identifier: Apache-2.0
#include "port/http_server.h"

#include <fcntl.h>
#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/heap.h"
#include "port/websocket.h"

#define READ_SIZE (64u * 1024)
#define HEADERS_MAX 64u
#define SPARE_MAX 64u        /* buffers kept for the next request */
#define SPARE_LEN_MAX 65536u /* larger ones go back to the heap */
#define LISTENERS_MAX 4u
#define SWEEP_MS 500u

/* A header as offsets into conn->head, which moves while it grows. */
struct span {
    uint32_t at;
    uint32_t len;
};

struct listener {
    union {
        uv_tcp_t tcp;
        uv_pipe_t pipe;
        uv_stream_t stream;
        uv_handle_t handle;
    } u;
    bool is_pipe;
    bool open;
};

struct conn {
    union {
        uv_tcp_t tcp;
        uv_pipe_t pipe;
        uv_stream_t stream;
        uv_handle_t handle;
    } u;
    struct dam_http_server *server;
    struct conn *prev, *next; /* by last activity, the longest idle one first */
    struct conn *dirty_next;  /* has output that is not on its way */
    http_parser parser;
    bool in_request;   /* some bytes of a request came, not all */
    bool last_request; /* answer what came, then close */
    bool closing;
    bool dirty;
    bool reading;
    bool writing;
    uint64_t since_ms;   /* of the request's first byte, or of the last activity */
    uint64_t write_ms;   /* of the last progress of the write under way */
    struct dam_buf head; /* target and headers */
    struct dam_buf body;
    struct span target, name, value[HEADERS_MAX], names[HEADERS_MAX];
    uint32_t header_count;
    bool in_value;
    bool body_too_long;                     /* by its own word, before a byte of it was read */
    struct dam_http_exchange *first, *last; /* in the order of the requests */
    uint32_t exchange_count;
    struct dam_buf pending; /* read, but not looked at until replies have left */
    struct dam_buf out;     /* to be sent */
    struct dam_buf sending; /* owned by the write under way */
    uv_write_t write;
    struct dam_ws *ws;
};

struct dam_http_exchange {
    struct conn *conn; /* NULL: the client has gone */
    struct dam_http_exchange *next;
    struct dam_buf reply; /* a reply that waits for its turn */
    bool done;
    bool streaming;
    bool keep_alive;
    bool is_head;
};

struct dam_ws {
    struct conn *conn;
    struct dam_ws_reader reader;
    void *user;
    bool close_sent;
};

struct dam_http_server {
    uv_loop_t *loop;
    struct dam_http_handler handler;
    struct dam_http_limits limits;
    struct dam_http_stats stats;
    struct listener listeners[LISTENERS_MAX];
    uint32_t listener_count;
    uv_prepare_t flush;
    uv_timer_t sweep;
    struct conn *first, *last;
    struct conn *dirty;
    struct dam_buf spare[SPARE_MAX];
    uint32_t spare_count;
    uint32_t handles_open; /* flush, sweep, listeners and connections that still must close */
    bool destroyed;
    char read_buf[READ_SIZE];
};

static void conn_close(struct conn *conn);

/* ---- buffers and lists ----------------------------------------------------------------------- */

static void buf_take(struct dam_http_server *server, struct dam_buf *buf, size_t len_max)
{
    if (server->spare_count > 0) {
        *buf = server->spare[--server->spare_count];
        buf->len_max = len_max;
    } else {
        dam_buf_init(buf, dam_heap(), len_max);
    }
}

static void buf_give(struct dam_http_server *server, struct dam_buf *buf)
{
    if (buf->data != NULL && buf->size <= SPARE_LEN_MAX && server->spare_count < SPARE_MAX &&
        !server->destroyed) {
        dam_buf_reset(buf);
        server->spare[server->spare_count++] = *buf;
    } else {
        dam_buf_finish(buf);
    }
    memset(buf, 0, sizeof(*buf));
}

static void list_remove(struct conn *conn)
{
    struct dam_http_server *server = conn->server;
    *(conn->prev != NULL ? &conn->prev->next : &server->first) = conn->next;
    *(conn->next != NULL ? &conn->next->prev : &server->last) = conn->prev;
    conn->prev = conn->next = NULL;
}

static void list_append(struct conn *conn)
{
    struct dam_http_server *server = conn->server;
    conn->prev = server->last;
    conn->next = NULL;
    *(server->last != NULL ? &server->last->next : &server->first) = conn;
    server->last = conn;
}

static void mark_dirty(struct conn *conn)
{
    if (!conn->dirty && !conn->closing) {
        conn->dirty = true;
        conn->dirty_next = conn->server->dirty;
        conn->server->dirty = conn;
    }
}

/* The output buffer, taken from the spare ones when it is first needed. */
static struct dam_buf *conn_out(struct conn *conn)
{
    if (conn->out.mem == NULL) {
        buf_take(conn->server, &conn->out, conn->server->limits.backlog_len_max);
    }
    return &conn->out;
}

/* ---- sending --------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf);

/* A client that sends more than it reads waits: nothing of it is looked at until replies have left.
 */
static bool has_room(const struct conn *conn)
{
    const struct dam_http_limits *limits = &conn->server->limits;
    return conn->exchange_count < limits->pipeline_max &&
           conn->out.len + conn->sending.len < limits->backlog_len_max / 4;
}

static void update_reading(struct conn *conn)
{
    bool want = !conn->closing && !conn->last_request && conn->pending.len == 0 && has_room(conn);
    if (want && !conn->reading) {
        conn->reading = uv_read_start(&conn->u.stream, on_alloc, on_read) == 0;
    } else if (!want && conn->reading) {
        (void)uv_read_stop(&conn->u.stream); /* always succeeds */
        conn->reading = false;
    }
}

static void conn_flush(struct conn *conn);
static void resume(struct conn *conn);

static void on_written(uv_write_t *req, int status)
{
    struct conn *conn = req->data;
    conn->writing = false;
    buf_give(conn->server, &conn->sending);
    if (status != 0 || conn->closing) {
        conn_close(conn);
        return;
    }
    conn_flush(conn);
    resume(conn);
}

static void conn_flush(struct conn *conn)
{
    struct dam_http_server *server = conn->server;
    if (conn->closing || conn->writing) {
        return;
    }
    if (dam_buf_err(&conn->out) != DAM_OK) {
        server->stats.dropped_slow++;
        conn_close(conn);
        return;
    }
    if (conn->out.len > 0) {
        uv_buf_t buf = uv_buf_init((char *)conn->out.data, (unsigned)conn->out.len);
        int sent = uv_try_write(&conn->u.stream, &buf, 1);
        if (sent < 0 && sent != UV_EAGAIN) {
            conn_close(conn);
            return;
        }
        size_t done = sent > 0 ? (size_t)sent : 0;
        if (done < conn->out.len) {
            conn->sending = conn->out;
            memset(&conn->out, 0, sizeof(conn->out));
            buf = uv_buf_init((char *)conn->sending.data + done,
                              (unsigned)(conn->sending.len - done));
            conn->write.data = conn;
            conn->write_ms = uv_now(server->loop);
            conn->writing = uv_write(&conn->write, &conn->u.stream, &buf, 1, on_written) == 0;
            if (!conn->writing) {
                conn_close(conn);
            }
            return;
        }
        buf_give(server, &conn->out);
    }
    if (conn->last_request && conn->exchange_count == 0) {
        conn_close(conn);
    }
}

static void on_flush(uv_prepare_t *prepare)
{
    struct dam_http_server *server = prepare->data;
    while (server->dirty != NULL) {
        struct conn *conn = server->dirty;
        server->dirty = conn->dirty_next;
        conn->dirty = false;
        conn_flush(conn);
        resume(conn);
    }
}

static const char *reason_of(int status)
{
    switch (status) {
#define XX(number, name, text)                                                                     \
    case number:                                                                                   \
        return #text;
        HTTP_STATUS_MAP(XX)
#undef XX
    default:
        return "Status";
    }
}

static void put_head(struct dam_buf *out, const struct dam_http_exchange *exchange, int status,
                     const char *headers, const char *framing)
{
    char line[96];
    int len = snprintf(line, sizeof(line), "HTTP/1.1 %d %s\r\n%s", status, reason_of(status),
                       exchange->keep_alive ? "" : "Connection: close\r\n");
    dam_buf_put(out, line, (size_t)len);
    if (headers != NULL) {
        dam_buf_put_text(out, headers);
    }
    dam_buf_put_text(out, framing);
}

/* Take the exchange out of its connection's queue, which must have it in front, and send the
 * replies behind it that are ready. */
static void exchange_pop(struct dam_http_exchange *exchange)
{
    struct conn *conn = exchange->conn;
    DAM_ASSERT(conn->first == exchange);
    for (;;) {
        conn->first = exchange->next;
        if (conn->first == NULL) {
            conn->last = NULL;
        }
        conn->exchange_count--;
        if (!exchange->keep_alive) {
            conn->last_request = true;
        }
        free(exchange);
        exchange = conn->first;
        if (exchange == NULL || exchange->reply.len == 0) {
            break;
        }
        dam_buf_put(conn_out(conn), exchange->reply.data, exchange->reply.len);
        buf_give(conn->server, &exchange->reply);
        if (!exchange->done) {
            break; /* a stream that began early goes on from here */
        }
    }
    mark_dirty(conn);
}

/* Where an exchange's bytes go: to the connection if it is its turn, else they wait. */
static struct dam_buf *exchange_out(struct dam_http_exchange *exchange)
{
    struct conn *conn = exchange->conn;
    if (conn->first == exchange) {
        mark_dirty(conn);
        return conn_out(conn);
    }
    if (exchange->reply.mem == NULL) {
        buf_take(conn->server, &exchange->reply, conn->server->limits.backlog_len_max);
    }
    return &exchange->reply;
}

static void exchange_end(struct dam_http_exchange *exchange)
{
    exchange->done = true;
    if (exchange->conn->first == exchange) {
        exchange_pop(exchange);
    }
}

void dam_http_reply(struct dam_http_exchange *exchange, int status, const char *headers,
                    const void *body, size_t body_len)
{
    DAM_ASSERT(!exchange->done && !exchange->streaming);
    if (exchange->conn == NULL) {
        free(exchange);
        return;
    }
    struct dam_buf *out = exchange_out(exchange);
    char framing[48];
    (void)snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n\r\n", body_len);
    put_head(out, exchange, status, headers, framing);
    if (!exchange->is_head) {
        dam_buf_put(out, body, body_len);
    }
    exchange_end(exchange);
}

void dam_http_stream_begin(struct dam_http_exchange *exchange, int status, const char *headers)
{
    DAM_ASSERT(!exchange->done && !exchange->streaming);
    exchange->streaming = true;
    if (exchange->conn != NULL) {
        put_head(exchange_out(exchange), exchange, status, headers,
                 "Transfer-Encoding: chunked\r\n\r\n");
    }
}

bool dam_http_stream_write(struct dam_http_exchange *exchange, const void *data, size_t len)
{
    DAM_ASSERT(exchange->streaming);
    if (exchange->conn == NULL) {
        return false;
    }
    struct dam_buf *out = exchange_out(exchange);
    if (len > 0) { /* an empty chunk would end the stream */
        char size[24];
        dam_buf_put(out, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
        dam_buf_put(out, data, len);
        dam_buf_put_text(out, "\r\n");
    }
    return dam_buf_err(out) == DAM_OK;
}

void dam_http_stream_end(struct dam_http_exchange *exchange)
{
    DAM_ASSERT(exchange->streaming);
    if (exchange->conn == NULL) {
        free(exchange);
        return;
    }
    dam_buf_put_text(exchange_out(exchange), "0\r\n\r\n");
    exchange_end(exchange);
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
    struct conn *conn = handle->data;
    struct dam_http_server *server = conn->server;
    buf_give(server, &conn->sending);
    free(conn);
    handle_gone(server);
}

static void conn_close(struct conn *conn)
{
    struct dam_http_server *server = conn->server;
    if (conn->closing) {
        return;
    }
    conn->closing = true;
    list_remove(conn);
    if (conn->dirty) {
        struct conn **at = &server->dirty;
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
        buf_give(server, &exchange->reply);
        exchange->conn = NULL;
        if (exchange->done) {
            free(exchange);
        } else if (exchange->streaming && server->handler.stream_closed != NULL) {
            server->handler.stream_closed(server->handler.ctx, exchange);
        }
    }
    buf_give(server, &conn->head);
    buf_give(server, &conn->body);
    buf_give(server, &conn->out);
    buf_give(server, &conn->pending);
    server->stats.open--;
    uv_close(&conn->u.handle, on_conn_closed);
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct dam_http_exchange *exchange_create(struct conn *conn)
{
    struct dam_http_exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return NULL;
    }
    exchange->conn = conn;
    exchange->keep_alive = true;
    *(conn->last != NULL ? &conn->last->next : &conn->first) = exchange;
    conn->last = exchange;
    conn->exchange_count++;
    return exchange;
}

static int on_message_begin(http_parser *parser)
{
    struct conn *conn = parser->data;
    conn->in_request = true;
    conn->since_ms = uv_now(conn->server->loop);
    conn->header_count = 0;
    conn->in_value = false;
    memset(&conn->target, 0, sizeof(conn->target));
    buf_take(conn->server, &conn->head, conn->server->limits.head_len_max);
    buf_take(conn->server, &conn->body, conn->server->limits.body_len_max);
    return 0;
}

static int head_put(struct conn *conn, struct span *span, const char *at, size_t len)
{
    if (span->len == 0) {
        span->at = (uint32_t)conn->head.len;
    }
    dam_buf_put(&conn->head, at, len);
    span->len += (uint32_t)len;
    return dam_buf_err(&conn->head) == DAM_OK ? 0 : 1;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    struct conn *conn = parser->data;
    return head_put(conn, &conn->target, at, len);
}

static int on_header_field(http_parser *parser, const char *at, size_t len)
{
    struct conn *conn = parser->data;
    if (conn->header_count == 0 || conn->in_value) {
        if (conn->header_count == HEADERS_MAX) {
            return 1;
        }
        conn->in_value = false;
        memset(&conn->names[conn->header_count], 0, sizeof(struct span));
        memset(&conn->value[conn->header_count], 0, sizeof(struct span));
        conn->header_count++;
    }
    return head_put(conn, &conn->names[conn->header_count - 1], at, len);
}

static int on_header_value(http_parser *parser, const char *at, size_t len)
{
    struct conn *conn = parser->data;
    conn->in_value = true;
    return head_put(conn, &conn->value[conn->header_count - 1], at, len);
}

static int on_headers_complete(http_parser *parser)
{
    struct conn *conn = parser->data;
    bool has_length = parser->content_length != UINT64_MAX;
    if (has_length && parser->content_length > conn->server->limits.body_len_max) {
        conn->body_too_long = true;
        return -1; /* refused before a byte of it is read: any value but 0, 1 and 2 is an error */
    }
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    struct conn *conn = parser->data;
    dam_buf_put(&conn->body, at, len);
    return dam_buf_err(&conn->body) == DAM_OK ? 0 : 1;
}

static int on_message_complete(http_parser *parser)
{
    struct conn *conn = parser->data;
    struct dam_http_server *server = conn->server;
    struct dam_http_header headers[HEADERS_MAX];
    for (uint32_t i = 0; i < conn->header_count; i++) {
        headers[i].name = dam_bytes(conn->head.data + conn->names[i].at, conn->names[i].len);
        headers[i].value = dam_bytes(conn->head.data + conn->value[i].at, conn->value[i].len);
    }
    struct dam_bytes target = dam_bytes(conn->head.data + conn->target.at, conn->target.len);
    const uint8_t *mark = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;
    size_t path_len = mark != NULL ? (size_t)(mark - target.data) : target.len;
    struct dam_http_request request = {
        .method = http_method_str((enum http_method)parser->method),
        .path = dam_bytes(target.data, path_len),
        .query = mark != NULL ? dam_bytes(mark + 1, target.len - path_len - 1) : dam_bytes(NULL, 0),
        .headers = headers,
        .header_count = conn->header_count,
        .body = dam_bytes(conn->body.data, conn->body.len),
        .is_upgrade = parser->upgrade != 0,
    };
    struct dam_http_exchange *exchange = exchange_create(conn);
    if (exchange == NULL) {
        return 1;
    }
    exchange->keep_alive = http_should_keep_alive(parser) != 0;
    exchange->is_head = parser->method == HTTP_HEAD;
    conn->in_request = false;
    conn->since_ms = uv_now(server->loop);
    server->stats.requests++;
    server->handler.request(server->handler.ctx, exchange, &request);
    buf_give(server, &conn->head);
    buf_give(server, &conn->body);
    if (!conn->closing && conn->ws == NULL && !has_room(conn)) {
        http_parser_pause(parser, 1);
    }
    return conn->closing ? 1 : 0;
}

static const http_parser_settings parser_settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- WebSocket ------------------------------------------------------------------------------- */

static bool has_token(struct dam_bytes list, const char *token)
{
    size_t len = strlen(token);
    for (size_t i = 0; i + len <= list.len; i++) {
        if (strncasecmp((const char *)list.data + i, token, len) == 0) {
            return true;
        }
    }
    return false;
}

struct dam_ws *dam_ws_upgrade(struct dam_http_exchange *exchange,
                              const struct dam_http_request *request)
{
    struct conn *conn = exchange->conn;
    const struct dam_bytes *key = dam_http_find_header(request, "Sec-WebSocket-Key");
    const struct dam_bytes *version = dam_http_find_header(request, "Sec-WebSocket-Version");
    const struct dam_bytes *upgrade = dam_http_find_header(request, "Upgrade");
    char accept[DAM_WS_ACCEPT_LEN + 1];
    bool valid = request->is_upgrade && conn != NULL && conn->first == exchange &&
                 strcmp(request->method, "GET") == 0 && upgrade != NULL &&
                 has_token(*upgrade, "websocket") && version != NULL &&
                 dam_bytes_eq(*version, dam_bytes("13", 2)) && key != NULL &&
                 dam_ws_accept(*key, accept) == DAM_OK;
    struct dam_ws *ws = valid ? calloc(1, sizeof(*ws)) : NULL;
    if (ws == NULL) {
        static const char text[] = "this is no WebSocket upgrade (RFC 6455 section 4.2.1)\n";
        exchange->keep_alive = false;
        dam_http_reply(exchange, 400, "Content-Type: text/plain\r\nSec-WebSocket-Version: 13\r\n",
                       text, sizeof(text) - 1);
        return NULL;
    }
    ws->conn = conn;
    dam_ws_reader_init(&ws->reader, dam_heap(), true, conn->server->limits.body_len_max);
    conn->ws = ws;
    conn->server->stats.websockets++;
    struct dam_buf *out = exchange_out(exchange);
    dam_buf_put_text(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
    dam_buf_put_text(out, accept);
    dam_buf_put_text(out, "\r\n\r\n");
    exchange->keep_alive = true;
    exchange_end(exchange);
    return ws;
}

static void ws_put(struct conn *conn, enum dam_ws_op op, const void *data, size_t len)
{
    uint8_t head[DAM_WS_HEAD_MAX];
    struct dam_buf *out = conn_out(conn);
    dam_buf_put(out, head, dam_ws_head(head, op, len, NULL));
    dam_buf_put(out, data, len);
    mark_dirty(conn);
}

void dam_ws_send(struct dam_ws *ws, const void *text, size_t len)
{
    if (!ws->close_sent) {
        ws_put(ws->conn, DAM_WS_TEXT, text, len);
    }
}

void dam_ws_set_user(struct dam_ws *ws, void *user)
{
    ws->user = user;
}

void *dam_ws_user(const struct dam_ws *ws)
{
    return ws->user;
}

static void ws_close(struct conn *conn, uint16_t code)
{
    uint8_t body[2];
    dam_store_be16(body, code);
    ws_put(conn, DAM_WS_CLOSE, body, sizeof(body));
    conn->ws->close_sent = true;
    conn->last_request = true;
}

static void ws_read(struct conn *conn, const uint8_t *data, size_t len)
{
    struct dam_http_server *server = conn->server;
    conn->since_ms = uv_now(server->loop);
    while (len > 0 && !conn->closing && !conn->ws->close_sent) {
        size_t used = 0;
        struct dam_ws_message message;
        if (dam_ws_read(&conn->ws->reader, data, len, &used, &message) != DAM_OK) {
            server->stats.dropped_limit++;
            ws_close(conn, conn->ws->reader.close_code);
            return;
        }
        data += used;
        len -= used;
        switch (message.op) {
        case DAM_WS_TEXT:
        case DAM_WS_BINARY:
            if (server->handler.ws_message != NULL) {
                server->handler.ws_message(server->handler.ctx, conn->ws, message.data);
            }
            break;
        case DAM_WS_PING:
            ws_put(conn, DAM_WS_PONG, message.data.data, message.data.len);
            break;
        case DAM_WS_CLOSE:
            ws_close(conn, message.data.len >= 2 ? dam_load_be16(message.data.data)
                                                 : (uint16_t)DAM_WS_CLOSE_NORMAL);
            break;
        case DAM_WS_PONG:
        case DAM_WS_NONE:
        case DAM_WS_CONTINUATION:
            break;
        }
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct conn *conn = handle->data;
    *buf = uv_buf_init(conn->server->read_buf, READ_SIZE);
}

/* Tell the client why, as far as it can still be told, and close. */
static void refuse(struct conn *conn)
{
    conn->server->stats.dropped_limit++;
    struct dam_http_exchange *exchange = exchange_create(conn);
    if (exchange == NULL) {
        conn_close(conn);
        return;
    }
    exchange->keep_alive = false;
    bool body_full = conn->body.err != DAM_OK || conn->body_too_long;
    int status = conn->head.err != DAM_OK ? 431 : body_full ? 413 : 400;
    const char *text = status == 431   ? "the request's headers are too long\n"
                       : status == 413 ? "the request's body is too long\n"
                                       : "this is no valid HTTP/1.1 request\n";
    conn->last_request = true;
    dam_http_reply(exchange, status, "Content-Type: text/plain\r\n", text, strlen(text));
}

/* Look at what came. What lies behind a pause is kept for later. */
static void feed(struct conn *conn, const char *data, size_t len)
{
    size_t used = 0;
    if (conn->ws == NULL) {
        used = http_parser_execute(&conn->parser, &parser_settings, data, len);
        if (conn->closing) {
            return;
        }
        if (HTTP_PARSER_ERRNO(&conn->parser) == HPE_PAUSED) {
            http_parser_pause(&conn->parser, 0);
            if (used < len) {
                buf_take(conn->server, &conn->pending, READ_SIZE);
                dam_buf_put(&conn->pending, data + used, len - used);
            }
            return;
        }
        if (conn->ws == NULL &&
            (HTTP_PARSER_ERRNO(&conn->parser) != HPE_OK || conn->parser.upgrade)) {
            if (!conn->last_request) {
                refuse(conn);
            }
            return;
        }
    }
    if (conn->ws != NULL && used < len) {
        ws_read(conn, (const uint8_t *)data + used, len - used);
    }
}

/* Replies have left: go on with what waited, then read again. */
static void resume(struct conn *conn)
{
    if (!conn->closing && !conn->last_request && conn->pending.len > 0 && has_room(conn)) {
        struct dam_buf pending = conn->pending;
        memset(&conn->pending, 0, sizeof(conn->pending));
        feed(conn, (const char *)pending.data, pending.len);
        buf_give(conn->server, &pending);
    }
    if (!conn->closing) {
        update_reading(conn);
    }
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct conn *conn = stream->data;
    if (len == 0) {
        return;
    }
    if (len < 0) {
        /* The client has closed its side; what it asked may still be answered to it. */
        if (len == UV_EOF && conn->exchange_count > 0 && conn->ws == NULL) {
            conn->last_request = true;
            update_reading(conn);
        } else {
            conn_close(conn);
        }
        return;
    }
    list_remove(conn);
    list_append(conn);
    feed(conn, buf->base, (size_t)len);
    if (!conn->closing) {
        update_reading(conn);
    }
}

/* ---- accepting ------------------------------------------------------------------------------- */

/* Make room by closing the connection that has been idle longest. */
static bool evict_idle(struct dam_http_server *server)
{
    for (struct conn *conn = server->first; conn != NULL; conn = conn->next) {
        if (conn->exchange_count == 0 && conn->ws == NULL && !conn->writing) {
            server->stats.dropped_limit++;
            conn_close(conn);
            return true;
        }
    }
    return false;
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *listener = (struct listener *)stream;
    struct dam_http_server *server = stream->data;
    if (status != 0) {
        return;
    }
    struct conn *conn = calloc(1, sizeof(*conn));
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
    conn->since_ms = uv_now(server->loop);
    list_append(conn);
    if (uv_accept(stream, &conn->u.stream) != 0 ||
        (server->stats.open > server->limits.conn_count_max && !evict_idle(server))) {
        conn_close(conn);
        return;
    }
    if (!listener->is_pipe) {
        (void)uv_tcp_nodelay(&conn->u.tcp, 1); /* only a matter of speed */
    }
    http_parser_init(&conn->parser, HTTP_REQUEST);
    conn->parser.data = conn;
    server->stats.accepted++;
    update_reading(conn);
}

static void on_sweep(uv_timer_t *timer)
{
    struct dam_http_server *server = timer->data;
    uint64_t now = uv_now(server->loop);
    struct conn *next;
    for (struct conn *conn = server->first; conn != NULL; conn = next) {
        next = conn->next;
        bool slow_reader = conn->writing && now - conn->write_ms > server->limits.write_ms_max;
        bool slow_sender = conn->in_request && now - conn->since_ms > server->limits.request_ms_max;
        bool idle = !conn->in_request && conn->exchange_count == 0 && conn->ws == NULL &&
                    !conn->writing && now - conn->since_ms > server->limits.idle_ms_max;
        if (slow_reader || slow_sender || idle) {
            server->stats.dropped_slow += idle ? 0 : 1;
            conn_close(conn);
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
    server->limits = (struct dam_http_limits){
        .conn_count_max = limit(given.conn_count_max, 16384),
        .body_len_max = limit(given.body_len_max, 16u << 20),
        .head_len_max = limit(given.head_len_max, 16u << 10),
        .pipeline_max = limit(given.pipeline_max, 256),
        .backlog_len_max = limit(given.backlog_len_max, 64u << 20),
        .request_ms_max = limit(given.request_ms_max, 20000),
        .idle_ms_max = limit(given.idle_ms_max, 120000),
        .write_ms_max = limit(given.write_ms_max, 30000),
    };
    (void)uv_prepare_init(loop, &server->flush); /* these four always succeed */
    (void)uv_timer_init(loop, &server->sweep);
    server->flush.data = server->sweep.data = server;
    (void)uv_prepare_start(&server->flush, on_flush);
    (void)uv_timer_start(&server->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    uv_unref((uv_handle_t *)&server->flush);
    uv_unref((uv_handle_t *)&server->sweep);
    server->handles_open = 2;
    *ret = server;
    return DAM_OK;
}

static enum dam_err err_of(int status)
{
    switch (status) {
    case 0:
        return DAM_OK;
    case UV_EADDRINUSE:
        return DAM_EEXIST;
    case UV_EACCES:
    case UV_EPERM:
        return DAM_EREFUSED;
    default:
        return DAM_EIO;
    }
}

static struct listener *listener_create(struct dam_http_server *server, bool is_pipe)
{
    if (server->listener_count == LISTENERS_MAX) {
        return NULL;
    }
    struct listener *listener = &server->listeners[server->listener_count++];
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

static enum dam_err listen_on(struct listener *listener, int status)
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
    struct listener *listener = listener_create(server, false);
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
    struct listener *listener = listener_create(server, true);
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
        conn_close(server->first);
    }
    while (server->spare_count > 0) {
        dam_buf_finish(&server->spare[--server->spare_count]);
    }
    uv_close((uv_handle_t *)&server->flush, on_handle_closed);
    uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
}

void dam_http_server_stats(const struct dam_http_server *server, struct dam_http_stats *ret)
{
    *ret = server->stats;
}

const struct dam_bytes *dam_http_find_header(const struct dam_http_request *request,
                                             const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < request->header_count; i++) {
        const struct dam_http_header *header = &request->headers[i];
        if (header->name.len == len &&
            strncasecmp((const char *)header->name.data, name, len) == 0) {
            return &header->value;
        }
    }
    return NULL;
}
