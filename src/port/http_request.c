// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <strings.h>

#include "port/http_conn.h"

static int on_message_begin(http_parser *parser)
{
    struct dam_http_conn *conn = parser->data;
    conn->in_request = true;
    conn->since_ms = uv_now(conn->server->loop);
    conn->header_count = 0;
    conn->in_value = false;
    memset(&conn->target, 0, sizeof(conn->target));
    dam_http_buf_take(conn->server, &conn->head, conn->server->limits.head_len_max);
    dam_http_buf_take(conn->server, &conn->body, conn->server->limits.body_len_max);
    return 0;
}

static int head_put(struct dam_http_conn *conn, struct dam_http_span *span, const char *at,
                    size_t len)
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
    struct dam_http_conn *conn = parser->data;
    return head_put(conn, &conn->target, at, len);
}

static int on_header_field(http_parser *parser, const char *at, size_t len)
{
    struct dam_http_conn *conn = parser->data;
    if (conn->header_count == 0 || conn->in_value) {
        if (conn->header_count == DAM_HTTP_HEADERS_MAX) {
            conn->head.err = DAM_EFULL; /* too many are too long */
            return 1;
        }
        conn->in_value = false;
        memset(&conn->names[conn->header_count], 0, sizeof(struct dam_http_span));
        memset(&conn->value[conn->header_count], 0, sizeof(struct dam_http_span));
        conn->header_count++;
    }
    return head_put(conn, &conn->names[conn->header_count - 1], at, len);
}

static int on_header_value(http_parser *parser, const char *at, size_t len)
{
    struct dam_http_conn *conn = parser->data;
    conn->in_value = true;
    return head_put(conn, &conn->value[conn->header_count - 1], at, len);
}

/* The headers as views of conn->head, which moves while it grows. Returns: how many. */
static size_t headers_view(const struct dam_http_conn *conn, struct dam_http_header *ret)
{
    for (uint32_t i = 0; i < conn->header_count; i++) {
        ret[i].name = dam_bytes(conn->head.data + conn->names[i].at, conn->names[i].len);
        ret[i].value = dam_bytes(conn->head.data + conn->value[i].at, conn->value[i].len);
    }
    return conn->header_count;
}

static int on_headers_complete(http_parser *parser)
{
    struct dam_http_conn *conn = parser->data;
    if (parser->upgrade && parser->method != HTTP_CONNECT) {
        struct dam_http_header headers[DAM_HTTP_HEADERS_MAX];
        const struct dam_http_request request = {.headers = headers,
                                                 .header_count = headers_view(conn, headers)};
        /* What else a client offers, as HTTP/2, is offered in vain (RFC 9110 section 7.8). */
        parser->upgrade = dam_http_ws_is_asked(&request);
    }
    bool has_length = parser->content_length != UINT64_MAX;
    if (has_length && parser->content_length > conn->server->limits.body_len_max) {
        conn->body_too_long = true;
        return -1; /* refused before a byte of it is read: any value but 0, 1 and 2 is an error */
    }
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    struct dam_http_conn *conn = parser->data;
    dam_buf_put(&conn->body, at, len);
    return dam_buf_err(&conn->body) == DAM_OK ? 0 : 1;
}

static int on_message_complete(http_parser *parser)
{
    struct dam_http_conn *conn = parser->data;
    struct dam_http_server *server = conn->server;
    struct dam_http_header headers[DAM_HTTP_HEADERS_MAX];
    size_t header_count = headers_view(conn, headers);
    struct dam_bytes target = dam_bytes(conn->head.data + conn->target.at, conn->target.len);
    const uint8_t *mark = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;
    size_t path_len = mark != NULL ? (size_t)(mark - target.data) : target.len;
    struct dam_http_request request = {
        .method = http_method_str((enum http_method)parser->method),
        .path = dam_bytes(target.data, path_len),
        .query = mark != NULL ? dam_bytes(mark + 1, target.len - path_len - 1) : dam_bytes(NULL, 0),
        .headers = headers,
        .header_count = header_count,
        .body = dam_bytes(conn->body.data, conn->body.len),
        .is_upgrade = parser->upgrade != 0,
    };
    struct dam_http_exchange *exchange = dam_http_exchange_create(conn);
    if (exchange == NULL) {
        return 1;
    }
    exchange->keep_alive = http_should_keep_alive(parser) != 0;
    exchange->is_head = parser->method == HTTP_HEAD;
    exchange->is_old =
        parser->http_major < 1 || (parser->http_major == 1 && parser->http_minor == 0);
    conn->in_request = false;
    conn->since_ms = uv_now(server->loop);
    server->stats.requests++;
    uint64_t begun_ns = uv_hrtime();
    server->handler.request(server->handler.ctx, exchange, &request);
    server->spent_ns += uv_hrtime() - begun_ns;
    dam_http_buf_give(server, &conn->head);
    dam_http_buf_give(server, &conn->body);
    if (!conn->closing && conn->ws == NULL &&
        (!dam_http_conn_has_room(conn) || dam_http_server_is_spent(server))) {
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

/* Tell the client why, as far as it can still be told, and close. */
static void refuse(struct dam_http_conn *conn)
{
    conn->server->stats.dropped_limit++;
    struct dam_http_exchange *exchange = dam_http_exchange_create(conn);
    if (exchange == NULL) {
        dam_http_conn_close(conn);
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

/* Keep what was not looked at. */
static void keep(struct dam_http_conn *conn, const char *data, size_t len)
{
    struct dam_http_server *server = conn->server;
    if (len == 0) {
        return;
    }
    dam_http_buf_take(server, &conn->pending, DAM_HTTP_READ_SIZE);
    dam_buf_put(&conn->pending, data, len);
    if (dam_buf_err(&conn->pending) != DAM_OK) {
        server->stats.dropped_limit++;
        dam_http_conn_close(conn);
    } else if (dam_http_server_is_spent(server)) {
        dam_http_server_hurry(server);
    }
}

/* Look at what came, as far as its turn has time. */
void dam_http_conn_feed(struct dam_http_conn *conn, const char *data, size_t len)
{
    size_t used = 0;
    if (conn->ws == NULL && !dam_http_server_is_spent(conn->server)) {
        used = http_parser_execute(&conn->parser, &parser_settings, data, len);
        if (conn->closing) {
            return;
        }
        bool is_paused = HTTP_PARSER_ERRNO(&conn->parser) == HPE_PAUSED;
        if (is_paused) {
            http_parser_pause(&conn->parser, 0);
        } else if (conn->ws == NULL &&
                   (HTTP_PARSER_ERRNO(&conn->parser) != HPE_OK || conn->parser.upgrade)) {
            if (!conn->last_request) {
                refuse(conn);
            }
            return;
        }
    }
    if (conn->ws != NULL) {
        used += dam_http_ws_read(conn, (const uint8_t *)data + used, len - used);
    }
    if (!conn->closing) {
        keep(conn, data + used, len - used);
    }
}

void dam_http_conn_resume(struct dam_http_conn *conn)
{
    if (!conn->closing && !conn->last_request && conn->pending.len > 0 &&
        dam_http_conn_has_room(conn) && !dam_http_server_is_spent(conn->server)) {
        struct dam_buf pending = conn->pending;
        memset(&conn->pending, 0, sizeof(conn->pending));
        dam_http_conn_feed(conn, (const char *)pending.data, pending.len);
        dam_http_buf_give(conn->server, &pending);
    }
    if (!conn->closing) {
        dam_http_conn_update_reading(conn);
    }
    if (dam_http_conn_wants_part(conn)) {
        dam_http_server_hurry(conn->server);
    }
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
