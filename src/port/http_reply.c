// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "port/http_conn.h"

#define LONG_LEN_MIN (64u * 1024) /* a body that is not copied if its client takes it at once */

/* Does the client read what it has asked for? At most so much of it may be under way. */
static bool is_reading(const struct dam_http_conn *conn, size_t unread_max)
{
    size_t limit = conn->server->limits.backlog_len_max / 4;
    return conn->out.len + conn->sending.len < (unread_max < limit ? unread_max : limit);
}

/* Behind parts, and behind an answer that the connection's end may have to end, nothing is asked.
 */
bool dam_http_conn_has_room(const struct dam_http_conn *conn)
{
    const struct dam_http_exchange *last = conn->last;
    return conn->exchange_count < conn->server->limits.pipeline_max &&
           is_reading(conn, DAM_HTTP_UNREAD_MAX) &&
           (last == NULL || (last->parts.next == NULL && !last->is_old));
}

bool dam_http_conn_wants_part(const struct dam_http_conn *conn)
{
    return conn->first != NULL && conn->first->parts.next != NULL &&
           is_reading(conn, DAM_HTTP_AHEAD_MAX);
}

void dam_http_conn_put_part(struct dam_http_conn *conn)
{
    struct dam_http_server *server = conn->server;
    struct dam_http_exchange *exchange = conn->first;
    struct dam_http_parts parts = exchange->parts;
    struct dam_buf part;
    dam_http_buf_take(server, &part, DAM_HTTP_PART_MAX);
    uint64_t begun_ns = uv_hrtime();
    bool more = parts.next(parts.ctx, &part);
    server->spent_ns += uv_hrtime() - begun_ns;
    if (dam_buf_err(&part) != DAM_OK) {
        server->stats.dropped_limit++;
        dam_http_conn_close(conn);
    } else {
        (void)dam_http_stream_write(exchange, part.data, part.len); /* a full backlog shows later */
    }
    if (!more && !conn->closing) {
        exchange->parts = (struct dam_http_parts){0};
        parts.end(parts.ctx);
        dam_http_stream_end(exchange);
    }
    dam_http_buf_give(server, &part);
}

struct dam_buf *dam_http_conn_out(struct dam_http_conn *conn)
{
    if (conn->out.mem == NULL) {
        /* From now on it is the client's turn. */
        conn->moved_ms = conn->writing ? conn->moved_ms : uv_now(conn->server->loop);
        dam_http_buf_take(conn->server, &conn->out, conn->server->limits.backlog_len_max);
    }
    return &conn->out;
}

static void on_written(uv_write_t *req, int status)
{
    struct dam_http_conn *conn = req->data;
    conn->writing = false;
    conn->moved_ms = uv_now(conn->server->loop);
    dam_http_buf_give(conn->server, &conn->sending);
    if (status != 0 || conn->closing) {
        dam_http_conn_close(conn);
        return;
    }
    dam_http_conn_flush(conn);
    dam_http_conn_resume(conn);
}

void dam_http_conn_flush(struct dam_http_conn *conn)
{
    struct dam_http_server *server = conn->server;
    if (!conn->closing && dam_buf_err(&conn->out) != DAM_OK) {
        server->stats.dropped_slow++;
        dam_http_conn_close(conn);
    }
    if (conn->closing || conn->writing) {
        return;
    }
    if (conn->out.len > 0) {
        uv_buf_t buf = uv_buf_init((char *)conn->out.data, (unsigned)conn->out.len);
        int sent = uv_try_write(&conn->u.stream, &buf, 1);
        if (sent < 0 && sent != UV_EAGAIN) {
            dam_http_conn_close(conn);
            return;
        }
        size_t done = sent > 0 ? (size_t)sent : 0;
        conn->moved_ms = done > 0 ? uv_now(server->loop) : conn->moved_ms;
        if (done < conn->out.len) {
            conn->sending = conn->out;
            memset(&conn->out, 0, sizeof(conn->out));
            buf = uv_buf_init((char *)conn->sending.data + done,
                              (unsigned)(conn->sending.len - done));
            conn->write.data = conn;
            conn->write_ms = uv_now(server->loop);
            conn->write_left = 0;
            conn->writing = uv_write(&conn->write, &conn->u.stream, &buf, 1, on_written) == 0;
            if (!conn->writing) {
                dam_http_conn_close(conn);
            }
            return;
        }
    }
    dam_http_buf_give(server, &conn->out);
    if (conn->last_request && conn->exchange_count == 0) {
        dam_http_conn_close(conn);
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

struct dam_http_exchange *dam_http_exchange_create(struct dam_http_conn *conn)
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

/* Take the exchange out of its connection's queue, which must have it in front, and send the
 * replies behind it that are ready. */
static void exchange_pop(struct dam_http_exchange *exchange)
{
    struct dam_http_conn *conn = exchange->conn;
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
        if (conn->out.len == 0) {
            dam_http_buf_give(conn->server, &conn->out);
            conn->out = exchange->reply;
        } else {
            dam_buf_put(&conn->out, exchange->reply.data, exchange->reply.len);
            if (exchange->reply.err != DAM_OK) {
                conn->out.err = exchange->reply.err; /* a part is no reply: the client is dropped */
            }
            dam_http_buf_give(conn->server, &exchange->reply);
        }
        if (!exchange->done) {
            break; /* a stream that began early goes on from here */
        }
    }
    dam_http_conn_mark_dirty(conn);
}

struct dam_buf *dam_http_exchange_out(struct dam_http_exchange *exchange)
{
    struct dam_http_conn *conn = exchange->conn;
    if (conn->first == exchange) {
        dam_http_conn_mark_dirty(conn);
        return dam_http_conn_out(conn);
    }
    if (exchange->reply.mem == NULL) {
        dam_http_buf_take(conn->server, &exchange->reply, conn->server->limits.backlog_len_max);
    }
    return &exchange->reply;
}

void dam_http_exchange_end(struct dam_http_exchange *exchange)
{
    exchange->done = true;
    if (exchange->conn->first == exchange) {
        exchange_pop(exchange);
    }
}

/* Put a body behind its head. A long one leaves from where it lies, as much of it as the socket
 * takes now; only the rest is copied. */
static void put_body(struct dam_http_exchange *exchange, struct dam_buf *out, const uint8_t *body,
                     size_t body_len)
{
    struct dam_http_conn *conn = exchange->conn;
    if (body_len >= LONG_LEN_MIN && out == &conn->out && !conn->writing &&
        dam_buf_err(out) == DAM_OK) {
        uv_buf_t parts[2] = {uv_buf_init((char *)out->data, (unsigned)out->len),
                             uv_buf_init((char *)body, (unsigned)body_len)};
        int sent = uv_try_write(&conn->u.stream, parts, 2);
        size_t done = sent > 0 ? (size_t)sent : 0; /* a failure shows again when the rest is sent */
        size_t of_out = done < out->len ? done : out->len;
        memmove(out->data, out->data + of_out, out->len - of_out);
        out->len -= of_out;
        body += done - of_out;
        body_len -= done - of_out;
        conn->moved_ms = done > 0 ? uv_now(conn->server->loop) : conn->moved_ms;
    }
    dam_buf_put(out, body, body_len);
}

void dam_http_reply(struct dam_http_exchange *exchange, int status, const char *headers,
                    const void *body, size_t body_len)
{
    DAM_ASSERT(!exchange->done && !exchange->streaming);
    if (exchange->conn == NULL) {
        free(exchange);
        return;
    }
    struct dam_buf *out = dam_http_exchange_out(exchange);
    char framing[48];
    (void)snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n\r\n", body_len);
    put_head(out, exchange, status, headers, framing);
    if (!exchange->is_head) {
        put_body(exchange, out, body, body_len);
    }
    dam_http_exchange_end(exchange);
}

void dam_http_stream_begin(struct dam_http_exchange *exchange, int status, const char *headers)
{
    DAM_ASSERT(!exchange->done && !exchange->streaming);
    exchange->streaming = true;
    exchange->keep_alive = exchange->keep_alive && !exchange->is_old;
    if (exchange->conn != NULL) {
        put_head(dam_http_exchange_out(exchange), exchange, status, headers,
                 exchange->is_old ? "\r\n" : "Transfer-Encoding: chunked\r\n\r\n");
    }
}

void dam_http_reply_parts(struct dam_http_exchange *exchange, int status, const char *headers,
                          const struct dam_http_parts *parts)
{
    dam_http_stream_begin(exchange, status, headers);
    if (exchange->conn != NULL && !exchange->is_head) {
        exchange->parts = *parts;
    } else {
        parts->end(parts->ctx);
        dam_http_stream_end(exchange);
    }
}

bool dam_http_stream_write(struct dam_http_exchange *exchange, const void *data, size_t len)
{
    DAM_ASSERT(exchange->streaming);
    if (exchange->conn == NULL) {
        return false;
    }
    struct dam_buf *out = dam_http_exchange_out(exchange);
    bool is_chunked = !exchange->is_old;
    if (len > 0 && !exchange->is_head) { /* an empty chunk would end the stream */
        char size[24];
        int size_len = is_chunked ? snprintf(size, sizeof(size), "%zx\r\n", len) : 0;
        dam_buf_put(out, size, (size_t)size_len);
        dam_buf_put(out, data, len);
        dam_buf_put_text(out, is_chunked ? "\r\n" : "");
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
    if (!exchange->is_old && !exchange->is_head) {
        dam_buf_put_text(dam_http_exchange_out(exchange), "0\r\n\r\n");
    }
    dam_http_exchange_end(exchange);
}
