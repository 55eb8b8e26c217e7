// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <strings.h>

#include "port/http_conn.h"

/* Is the token one of a comma-separated list (RFC 9110 section 5.6.1)? */
static bool has_token(struct dam_bytes list, const char *token)
{
    size_t len = strlen(token);
    const char *at = (const char *)list.data;
    const char *end = at + list.len;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        while (at < stop && (*at == ' ' || *at == '\t')) {
            at++;
        }
        while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t')) {
            stop--;
        }
        if ((size_t)(stop - at) == len && strncasecmp(at, token, len) == 0) {
            return true;
        }
        at = comma != NULL ? comma + 1 : end;
    }
    return false;
}

bool dam_http_ws_is_asked(const struct dam_http_request *request)
{
    const struct dam_bytes *upgrade = dam_http_find_header(request, "Upgrade");
    return upgrade != NULL && has_token(*upgrade, "websocket");
}

struct dam_ws *dam_ws_upgrade(struct dam_http_exchange *exchange,
                              const struct dam_http_request *request)
{
    struct dam_http_conn *conn = exchange->conn;
    const struct dam_bytes *key = dam_http_find_header(request, "Sec-WebSocket-Key");
    const struct dam_bytes *version = dam_http_find_header(request, "Sec-WebSocket-Version");
    char accept[DAM_WS_ACCEPT_LEN + 1];
    bool valid = request->is_upgrade && conn != NULL && conn->first == exchange &&
                 strcmp(request->method, "GET") == 0 && version != NULL &&
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
    dam_ws_reader_init(&ws->reader, &conn->server->mem, true, conn->server->limits.body_len_max);
    conn->ws = ws;
    conn->server->stats.websockets++;
    struct dam_buf *out = dam_http_exchange_out(exchange);
    dam_buf_put_text(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
    dam_buf_put_text(out, accept);
    dam_buf_put_text(out, "\r\n\r\n");
    exchange->keep_alive = true;
    dam_http_exchange_end(exchange);
    return ws;
}

static void ws_put(struct dam_http_conn *conn, enum dam_ws_op op, const void *data, size_t len)
{
    uint8_t head[DAM_WS_HEAD_MAX];
    struct dam_buf *out = dam_http_conn_out(conn);
    dam_buf_put(out, head, dam_ws_head(head, op, len, NULL));
    dam_buf_put(out, data, len);
    dam_http_conn_mark_dirty(conn);
}

void dam_ws_send(struct dam_ws *ws, const void *text, size_t len)
{
    if (!ws->close_sent) {
        ws_put(ws->conn, DAM_WS_TEXT, text, len);
    }
}

static void ws_close(struct dam_http_conn *conn, uint16_t code)
{
    uint8_t body[2];
    dam_store_be16(body, code);
    ws_put(conn, DAM_WS_CLOSE, body, sizeof(body));
    conn->ws->close_sent = true;
    conn->last_request = true;
}

/* Whole messages go on, one after the other, as long as the turn has time. */
size_t dam_http_ws_read(struct dam_http_conn *conn, const uint8_t *data, size_t len)
{
    struct dam_http_server *server = conn->server;
    size_t done = 0;
    conn->since_ms = uv_now(server->loop);
    while (done < len && !conn->closing && !dam_http_server_is_spent(server)) {
        size_t used = 0;
        struct dam_ws_message message;
        if (conn->ws->close_sent) {
            return len; /* nothing after that counts */
        }
        if (dam_ws_read(&conn->ws->reader, data + done, len - done, &used, &message) != DAM_OK) {
            server->stats.dropped_limit++;
            ws_close(conn, conn->ws->reader.close_code);
            return len;
        }
        done += used;
        switch (message.op) {
        case DAM_WS_TEXT:
        case DAM_WS_BINARY:
            if (server->handler.ws_message != NULL) {
                uint64_t begun_ns = uv_hrtime();
                server->handler.ws_message(server->handler.ctx, conn->ws, message.data);
                server->spent_ns += uv_hrtime() - begun_ns;
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
    return done;
}
