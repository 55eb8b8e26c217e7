// SPDX-License-Identifier: Apache-2.0
/* An HTTP/1.1 and WebSocket server on a libuv loop, for JSON-RPC, the HTTP API and the dashboard.
 * It reads pipelined requests, answers them in order even when the answers come later, streams
 * (Server-Sent Events), and speaks WebSocket on the same port. Its clients cannot hurt the loop:
 * every length, count and time has a limit, a slow reader is dropped, an idle connection holds
 * about 2 KB. It knows nothing of what is served. One thread: the loop's. The process
 * must ignore SIGPIPE.
 *
 * Writes are collected: what is replied during one turn of the loop leaves in one write a
 * connection, just before the loop waits again. */
#ifndef DAM_PORT_HTTP_SERVER_H
#define DAM_PORT_HTTP_SERVER_H

#include "base/buf.h"

#include <uv.h>

struct dam_http_server;   /* private */
struct dam_http_exchange; /* one request that awaits its reply; private */
struct dam_ws;            /* one WebSocket connection; private */

struct dam_http_header {
    struct dam_bytes name;
    struct dam_bytes value;
};

/* A whole request; borrowed for the handler's call. */
struct dam_http_request {
    const char *method;     /* "GET" */
    struct dam_bytes path;  /* before any '?' */
    struct dam_bytes query; /* after it */
    const struct dam_http_header *headers;
    size_t header_count;
    struct dam_bytes body;
    bool is_upgrade; /* asks to become a WebSocket: dam_ws_upgrade may answer it */
};

struct dam_http_handler {
    /* A request is complete. Exactly one reply, stream or upgrade must follow for each exchange,
     * now or later, even when the client has gone. Must not block. */
    void (*request)(void *ctx, struct dam_http_exchange *exchange,
                    const struct dam_http_request *request);
    /* The client of a stream has gone: dam_http_stream_end must follow, now or later. May be NULL
     * if the handler never streams. */
    void (*stream_closed)(void *ctx, struct dam_http_exchange *exchange);
    /* A text or binary message came; data is borrowed for the call. NULL if there never is one. */
    void (*ws_message)(void *ctx, struct dam_ws *ws, struct dam_bytes data);
    /* The connection is gone; ws is invalid after this call. May be NULL. */
    void (*ws_closed)(void *ctx, struct dam_ws *ws);
    void *ctx;
};

/* A long answer, made part by part as its client reads it: it is never all in memory, and the loop
 * is never held for longer than one part takes. */
struct dam_http_parts {
    /* Append the next part: a few milliseconds' work, at most 1 MiB, or nothing yet. Called from
     * the loop, between whatever else it does, while the client has room for more. Returns: is
     * there more? A part that did not fit breaks the answer off, and its client sees that. */
    bool (*next)(void *ctx, struct dam_buf *part);
    /* All is made, or the client has gone: nothing is called after this. */
    void (*end)(void *ctx);
    void *ctx;
};

/* 0 means the default. */
struct dam_http_limits {
    uint32_t conn_count_max;  /* 16,384; then the longest idle one makes room */
    uint32_t body_len_max;    /* 16 MiB; also of a WebSocket message */
    uint32_t head_len_max;    /* 16 KiB */
    uint32_t pipeline_max;    /* 256 requests of a connection that await replies */
    uint32_t backlog_len_max; /* 64 MiB of replies that a client does not read; its next requests
                               * wait above a quarter of it, or 1 MiB */
    uint32_t memory_len_max;  /* 256 MiB held for all clients; above half the worst must go */
    uint32_t request_ms_max;  /* 20 s from a request's first byte to its last */
    uint32_t idle_ms_max;     /* 120 s between requests */
    uint32_t write_ms_max;    /* 30 s without progress while there is something to send */
};

/* Counters since the start, for metrics. */
struct dam_http_stats {
    uint64_t requests;
    uint64_t accepted;
    uint64_t dropped_slow;  /* did not read its replies, or did not finish a request */
    uint64_t dropped_limit; /* too large, too many, malformed */
    uint32_t open;
    uint32_t websockets;
};

/** Make a server on a loop. Returns: DAM_OK, or DAM_ENOMEM. In: loop: borrowed; handler: copied;
 *  limits: NULL for the defaults. */
DAM_MUST_USE enum dam_err dam_http_server_create(uv_loop_t *loop,
                                                 const struct dam_http_handler *handler,
                                                 const struct dam_http_limits *limits,
                                                 struct dam_http_server **ret);

#define DAM_HTTP_HOST_SIZE 64u

/** Read "HOST:PORT", "[::1]:PORT" or ":PORT", which leaves the host as it was. Returns: false if it
 *  is none of these; then nothing was written. */
bool dam_http_address_read(const char *text, char host[DAM_HTTP_HOST_SIZE], uint16_t *port);

/** Is it an address that only this machine reaches? In: host: as dam_http_listen takes it. */
bool dam_http_is_loopback(const char *host);

/** Listen on TCP. Returns: DAM_OK with *ret_port the port that was taken; DAM_EPARSE for an address
 *  that is none, or not of this machine; DAM_EEXIST if it is in use; DAM_EREFUSED without the
 * right; DAM_EIO. In: host: a numeric IPv4 or IPv6 address or "localhost"; port: 0 picks a free
 * one. */
DAM_MUST_USE enum dam_err dam_http_listen(struct dam_http_server *server, const char *host,
                                          uint16_t port, uint16_t *ret_port);

/** Why listening failed, in words: in use, no such address, not allowed. */
const char *dam_http_listen_text(enum dam_err err);

/** Listen on a Unix socket, mode 0600. A socket file that nobody listens on is replaced. Returns:
 * as dam_http_listen. */
DAM_MUST_USE enum dam_err dam_http_listen_unix(struct dam_http_server *server, const char *path);

/** Drop every client, close every handle; the memory is given back in the loop's next turns.
 *  Accepts NULL. The handler is called for what closes (streams, WebSockets) during this call. */
void dam_http_server_destroy(struct dam_http_server *server);

void dam_http_server_stats(const struct dam_http_server *server, struct dam_http_stats *ret);

/** Answer a request. Ends the exchange. In: status: 200; headers: whole lines, each ended by CRLF,
 *  or NULL; Content-Length and Connection are added. All is copied. */
void dam_http_reply(struct dam_http_exchange *exchange, int status, const char *headers,
                    const void *body, size_t body_len);

/** Answer a request part by part. Ends the exchange by itself; the client's next requests wait
 * until then. In: headers: as above; parts: copied. parts->end may be called during this call. */
void dam_http_reply_parts(struct dam_http_exchange *exchange, int status, const char *headers,
                          const struct dam_http_parts *parts);

/** Begin a reply of unknown length: chunked (RFC 9112 section 7.1), or ended by the connection's
 * end for a client of HTTP/1.0 (section 6.3). In: headers: as above. */
void dam_http_stream_begin(struct dam_http_exchange *exchange, int status, const char *headers);

/** Send a part. Returns: false if the client has gone or its backlog is full (it is dropped). */
bool dam_http_stream_write(struct dam_http_exchange *exchange, const void *data, size_t len);

/** End the stream and the exchange. */
void dam_http_stream_end(struct dam_http_exchange *exchange);

/** Turn the exchange's connection into a WebSocket and end the exchange. Only from within the
 *  request's call. Returns: NULL, after replying 400 itself, if the request is no valid upgrade. */
struct dam_ws *dam_ws_upgrade(struct dam_http_exchange *exchange,
                              const struct dam_http_request *request);

/** Send one text message. A client whose backlog is full is dropped in the loop's next turn. */
void dam_ws_send(struct dam_ws *ws, const void *text, size_t len);

/** Find a header, name in any letter case. Returns: NULL if it is not there. */
const struct dam_bytes *dam_http_find_header(const struct dam_http_request *request,
                                             const char *name);

#endif
