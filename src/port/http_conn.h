// SPDX-License-Identifier: Apache-2.0
/* The inside of the HTTP server, for the http_*.c files only: http_server.c (sockets, connections
 * and their end), http_request.c (bytes in, requests out), http_reply.c (replies in order, streams,
 * sending), http_ws.c (connections that became WebSockets). */
#ifndef DAM_PORT_HTTP_CONN_H
#define DAM_PORT_HTTP_CONN_H

#include <http_parser.h>

#include "base/buf.h"
#include "port/http_server.h"
#include "port/websocket.h"

#define DAM_HTTP_READ_SIZE (64u * 1024)
#define DAM_HTTP_HEADERS_MAX 64u
#define DAM_HTTP_UNREAD_MAX ((size_t)1 << 20)  /* replies under way; then what comes next waits */
#define DAM_HTTP_AHEAD_MAX ((size_t)128 << 10) /* the same of an answer in parts */
#define DAM_HTTP_PART_MAX ((size_t)1 << 20)
#define DAM_HTTP_SPARE_MAX 64u /* buffers kept for the next request */
#define DAM_HTTP_LISTENERS_MAX 4u
#define DAM_HTTP_TURN_NS UINT64_C(20000000) /* for handlers in one turn of the loop */

/* A header as offsets into conn->head, which moves while it grows. */
struct dam_http_span {
    uint32_t at;
    uint32_t len;
};

struct dam_http_listener {
    union {
        uv_tcp_t tcp;
        uv_pipe_t pipe;
        uv_stream_t stream;
        uv_handle_t handle;
    } u;
    bool is_pipe;
    bool open;
};

struct dam_http_conn {
    union {
        uv_tcp_t tcp;
        uv_pipe_t pipe;
        uv_stream_t stream;
        uv_handle_t handle;
    } u;
    struct dam_http_server *server;
    struct dam_http_conn *prev, *next; /* by last activity, the longest idle one first */
    struct dam_http_conn *dirty_next;  /* has output that is not on its way */
    http_parser parser;
    bool in_request;   /* some bytes of a request came, not all */
    bool last_request; /* answer what came, then close */
    bool closing;
    bool dirty;
    bool reading;
    bool writing;
    uint64_t since_ms;   /* of the request's first byte, or of the last activity */
    uint64_t write_ms;   /* of the last progress of the write under way */
    size_t write_left;   /* bytes of it that had not left then */
    uint64_t moved_ms;   /* when bytes last came or left */
    struct dam_buf head; /* target and headers */
    struct dam_buf body;
    struct dam_http_span target, name, value[DAM_HTTP_HEADERS_MAX], names[DAM_HTTP_HEADERS_MAX];
    uint32_t header_count;
    bool in_value;
    bool body_too_long;                     /* by its own word, before a byte of it was read */
    struct dam_http_exchange *first, *last; /* in the order of the requests */
    uint32_t exchange_count;
    struct dam_buf pending; /* read, but not looked at until replies have left, or the next turn */
    struct dam_buf out;     /* to be sent */
    struct dam_buf sending; /* owned by the write under way */
    uv_write_t write;
    struct dam_ws *ws;
};

struct dam_http_exchange {
    struct dam_http_conn *conn; /* NULL: the client has gone */
    struct dam_http_exchange *next;
    struct dam_buf reply;        /* a reply that waits for its turn */
    struct dam_http_parts parts; /* next is NULL unless it is answered so */
    bool done;
    bool streaming;
    bool keep_alive;
    bool is_head;
    bool is_old; /* HTTP/1.0, which knows no chunks */
};

struct dam_ws {
    struct dam_http_conn *conn;
    struct dam_ws_reader reader;
    bool close_sent;
};

struct dam_http_server {
    uv_loop_t *loop;
    struct dam_http_handler handler;
    struct dam_http_limits limits;
    struct dam_http_stats stats;
    struct dam_http_listener listeners[DAM_HTTP_LISTENERS_MAX];
    uint32_t listener_count;
    uv_prepare_t flush;
    uv_idle_t again; /* active while something waits for the next turn, which then comes at once */
    uv_timer_t sweep;
    uint64_t spent_ns; /* by handlers in this turn */
    uint64_t swept_ms; /* when it last came, */
    bool was_late;     /* and it did nothing then */
    struct dam_http_conn *first, *last;
    struct dam_http_conn *dirty;
    struct dam_buf spare[DAM_HTTP_SPARE_MAX];
    uint32_t spare_count;
    struct dam_mem mem; /* of every buffer; counts what they hold */
    size_t held;
    uint32_t handles_open; /* the three, listeners and connections that still must close */
    bool destroyed;
    char read_buf[DAM_HTTP_READ_SIZE];
};

/* ---- http_server.c --------------------------------------------------------------------------- */

/** An empty buffer, a spare one if there is any. */
void dam_http_buf_take(struct dam_http_server *server, struct dam_buf *buf, size_t len_max);

/** Give a buffer back and zero it. Accepts a zeroed one. */
void dam_http_buf_give(struct dam_http_server *server, struct dam_buf *buf);

/** The connection has output: it leaves before the loop waits again. */
void dam_http_conn_mark_dirty(struct dam_http_conn *conn);

/** Have handlers had their time in this turn? Then requests wait, so that what else the loop does
 *  is never held up for longer than that and one request. */
bool dam_http_server_is_spent(const struct dam_http_server *server);

/** Requests or parts wait for the next turn: it comes at once. */
void dam_http_server_hurry(struct dam_http_server *server);

/** Read from the client, or stop, as there is room for what it may ask. */
void dam_http_conn_update_reading(struct dam_http_conn *conn);

/** Close it and tell the handler what that ends. The connection's memory lives until the loop has
 *  closed the socket. A second call does nothing. */
void dam_http_conn_close(struct dam_http_conn *conn);

/* ---- http_request.c -------------------------------------------------------------------------- */

/** Look at bytes that came: calls the handler for each whole request or message. What the turn has
 *  no time for, or the connection no room, is kept for later. */
void dam_http_conn_feed(struct dam_http_conn *conn, const char *data, size_t len);

/** Replies have left: go on with what waited, then read again. Parts wait for the next turn. */
void dam_http_conn_resume(struct dam_http_conn *conn);

/* ---- http_reply.c ---------------------------------------------------------------------------- */

/** Put a new exchange at the end of the connection's queue. Returns: NULL without memory. */
struct dam_http_exchange *dam_http_exchange_create(struct dam_http_conn *conn);

/** Where an exchange's bytes go: to the connection if it is its turn, else they wait. */
struct dam_buf *dam_http_exchange_out(struct dam_http_exchange *exchange);

/** All bytes of the exchange are written. It is freed when its turn is over. */
void dam_http_exchange_end(struct dam_http_exchange *exchange);

/** The connection's output, taken from the spare buffers when it is first needed. */
struct dam_buf *dam_http_conn_out(struct dam_http_conn *conn);

/** May more of the client's requests be looked at? One that sends more than it reads waits. */
bool dam_http_conn_has_room(const struct dam_http_conn *conn);

/** Does a long answer go on, now that there is room for a part of it? */
bool dam_http_conn_wants_part(const struct dam_http_conn *conn);

/** Let its next part be made. May close the connection. */
void dam_http_conn_put_part(struct dam_http_conn *conn);

/** Send what there is. May close the connection. */
void dam_http_conn_flush(struct dam_http_conn *conn);

/* ---- http_ws.c ------------------------------------------------------------------------------- */

/** Does the request name the WebSocket protocol among those that it offers to change to? */
bool dam_http_ws_is_asked(const struct dam_http_request *request);

/** Look at bytes of a WebSocket. Returns: how many; the rest waits for the next turn. */
size_t dam_http_ws_read(struct dam_http_conn *conn, const uint8_t *data, size_t len);

#endif
