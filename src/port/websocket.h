// SPDX-License-Identifier: Apache-2.0
/* RFC 6455 framing, without a socket: bytes in, messages out, and the other way round. Both roles.
 * The HTTP server and the chain client feed it; it never does I/O. */
#ifndef DAM_PORT_WEBSOCKET_H
#define DAM_PORT_WEBSOCKET_H

#include "base/buf.h"
#include "base/err.h"

/* RFC 6455 section 11.8. */
enum dam_ws_op {
    DAM_WS_NONE = -1, /* nothing complete yet */
    DAM_WS_CONTINUATION = 0,
    DAM_WS_TEXT = 1,
    DAM_WS_BINARY = 2,
    DAM_WS_CLOSE = 8,
    DAM_WS_PING = 9,
    DAM_WS_PONG = 10,
};

/* Section 7.4.1. */
enum dam_ws_close {
    DAM_WS_CLOSE_NORMAL = 1000,
    DAM_WS_CLOSE_GOING_AWAY = 1001,
    DAM_WS_CLOSE_PROTOCOL = 1002,
    DAM_WS_CLOSE_BAD_DATA = 1007,
    DAM_WS_CLOSE_TOO_BIG = 1009,
};

#define DAM_WS_KEY_LEN 24    /* Sec-WebSocket-Key, base64 of 16 bytes */
#define DAM_WS_ACCEPT_LEN 28 /* Sec-WebSocket-Accept, base64 of a SHA-1 */
#define DAM_WS_HEAD_MAX 14

struct dam_ws_reader {
    bool masked;         /* frames must come masked: we are the server (section 5.1) */
    uint16_t close_code; /* after an error: what to tell the other side */
    /* private */
    bool in_payload;
    bool fin;
    uint8_t op;
    uint8_t message_op; /* of the fragmented message being collected, 0 for none */
    uint8_t head_len;
    uint8_t head[DAM_WS_HEAD_MAX];
    uint8_t control_len;
    uint8_t control[125];
    uint8_t mask[4];
    uint64_t payload_len;
    uint64_t payload_used;
    struct dam_buf message;
};

/* A whole message or control frame; data is valid until the next call on the reader. */
struct dam_ws_message {
    enum dam_ws_op op;
    struct dam_bytes data;
};

/** Start reading. In: mem: borrowed; masked: true on the server's side; message_len_max: of one
 * message, all fragments together. */
void dam_ws_reader_init(struct dam_ws_reader *reader, const struct dam_mem *mem, bool masked,
                        size_t message_len_max);
void dam_ws_reader_finish(struct dam_ws_reader *reader);

/** Take bytes until one message or control frame is complete or the bytes are used up.
 *  Returns: DAM_OK with *ret_used set and ret->op DAM_WS_NONE if more bytes are needed; DAM_EPARSE
 * on a violation (protocol, UTF-8, size), reader->close_code set: send it and close. */
DAM_MUST_USE enum dam_err dam_ws_read(struct dam_ws_reader *reader, const uint8_t *data, size_t len,
                                      size_t *ret_used, struct dam_ws_message *ret);

/** The header of an unfragmented frame. Returns: its length, at most DAM_WS_HEAD_MAX.
 *  In: mask: 4 bytes, or NULL on the server's side. */
size_t dam_ws_head(uint8_t head[DAM_WS_HEAD_MAX], enum dam_ws_op op, size_t payload_len,
                   const uint8_t *mask);

/** Mask or unmask in place, from byte `offset` of the payload. */
void dam_ws_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset);

/** Sec-WebSocket-Accept for a key (section 4.2.2). Returns: DAM_EPARSE if the key is not 24
 * characters. Out: accept: 28 characters and a NUL. */
DAM_MUST_USE enum dam_err dam_ws_accept(struct dam_bytes key, char accept[DAM_WS_ACCEPT_LEN + 1]);

#endif
