// SPDX-License-Identifier: Apache-2.0
#include "port/websocket.h"

#include <openssl/evp.h>

#include "base/assert.h"

void dam_ws_reader_init(struct dam_ws_reader *reader, const struct dam_mem *mem, bool masked,
                        size_t message_len_max)
{
    memset(reader, 0, sizeof(*reader));
    reader->masked = masked;
    dam_buf_init(&reader->message, mem, message_len_max);
}

void dam_ws_reader_finish(struct dam_ws_reader *reader)
{
    dam_buf_finish(&reader->message);
}

void dam_ws_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset)
{
    for (size_t i = 0; i < len; i++) {
        data[i] ^= mask[(offset + i) & 3];
    }
}

/* Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint8_t c = p[i++];
        if (c < 0x80) {
            continue;
        }
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || len - i < (size_t)more) {
            return false;
        }
        uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (p[i] < low || p[i] > high) {
            return false;
        }
        for (int k = 1; k < more; k++) {
            if ((p[i + (size_t)k] & 0xc0) != 0x80) {
                return false;
            }
        }
        i += (size_t)more;
    }
    return true;
}

static enum dam_err violation(struct dam_ws_reader *reader, enum dam_ws_close code)
{
    reader->close_code = (uint16_t)code;
    return DAM_EPARSE;
}

/* How long the header is, as far as its first two bytes tell. */
static size_t head_size(const struct dam_ws_reader *reader)
{
    if (reader->head_len < 2) {
        return 2;
    }
    uint8_t len7 = reader->head[1] & 0x7f;
    size_t extended = len7 == 127 ? 8 : len7 == 126 ? 2 : 0;
    return 2 + extended + ((reader->head[1] & 0x80) != 0 ? 4 : 0);
}

static enum dam_err start_frame(struct dam_ws_reader *reader)
{
    const uint8_t *head = reader->head;
    uint8_t len7 = head[1] & 0x7f;
    bool masked = (head[1] & 0x80) != 0;
    reader->fin = (head[0] & 0x80) != 0;
    reader->op = head[0] & 0x0f;
    if ((head[0] & 0x70) != 0 || masked != reader->masked) {
        return violation(reader, DAM_WS_CLOSE_PROTOCOL);
    }
    reader->payload_len = len7;
    if (len7 == 126) {
        reader->payload_len = dam_load_be16(head + 2);
    } else if (len7 == 127) {
        reader->payload_len = dam_load_be64(head + 2);
    }
    if ((len7 == 126 && reader->payload_len < 126) ||
        (len7 == 127 && reader->payload_len < 65536)) {
        return violation(reader, DAM_WS_CLOSE_PROTOCOL); /* the shortest form is demanded (5.2) */
    }
    if (masked) {
        memcpy(reader->mask, head + reader->head_len - 4, 4);
    }
    reader->payload_used = 0;
    reader->in_payload = true;
    if (reader->op >= DAM_WS_CLOSE) {
        reader->control_len = 0;
        bool known = reader->op <= DAM_WS_PONG;
        return known && reader->fin && len7 < 126 ? DAM_OK
                                                  : violation(reader, DAM_WS_CLOSE_PROTOCOL);
    }
    bool continues = reader->op == DAM_WS_CONTINUATION;
    if (reader->op > DAM_WS_BINARY || continues != (reader->message_op != 0)) {
        return violation(reader, DAM_WS_CLOSE_PROTOCOL);
    }
    if (!continues) {
        dam_buf_reset(&reader->message);
        reader->message_op = reader->op;
    }
    if (reader->payload_len > reader->message.len_max - reader->message.len) {
        return violation(reader, DAM_WS_CLOSE_TOO_BIG);
    }
    return DAM_OK;
}

static bool close_code_is_valid(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return true;
    }
    if (len == 1) {
        return false;
    }
    uint16_t code = dam_load_be16(data);
    bool defined = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006);
    return defined || (code >= 3000 && code <= 4999);
}

static enum dam_err end_frame(struct dam_ws_reader *reader, struct dam_ws_message *ret)
{
    reader->in_payload = false;
    reader->head_len = 0;
    if (reader->op >= DAM_WS_CLOSE) {
        if (reader->op == DAM_WS_CLOSE) {
            if (!close_code_is_valid(reader->control, reader->control_len)) {
                return violation(reader, DAM_WS_CLOSE_PROTOCOL);
            }
            if (reader->control_len > 2 &&
                !is_utf8(reader->control + 2, reader->control_len - 2u)) {
                return violation(reader, DAM_WS_CLOSE_BAD_DATA);
            }
        }
        ret->op = (enum dam_ws_op)reader->op;
        ret->data = dam_bytes(reader->control, reader->control_len);
        return DAM_OK;
    }
    if (!reader->fin) {
        return DAM_OK;
    }
    if (reader->message_op == DAM_WS_TEXT && !is_utf8(reader->message.data, reader->message.len)) {
        return violation(reader, DAM_WS_CLOSE_BAD_DATA);
    }
    ret->op = (enum dam_ws_op)reader->message_op;
    ret->data = dam_bytes(reader->message.data, reader->message.len);
    reader->message_op = 0;
    return DAM_OK;
}

static enum dam_err take_payload(struct dam_ws_reader *reader, const uint8_t *data, size_t len)
{
    uint8_t *to;
    if (reader->op >= DAM_WS_CLOSE) {
        to = reader->control + reader->control_len;
        memcpy(to, data, len);
        reader->control_len = (uint8_t)(reader->control_len + len);
    } else {
        size_t at = reader->message.len;
        dam_buf_put(&reader->message, data, len);
        if (dam_buf_err(&reader->message) != DAM_OK) {
            return violation(reader, DAM_WS_CLOSE_TOO_BIG);
        }
        to = reader->message.data + at;
    }
    if (reader->masked) {
        dam_ws_mask(to, len, reader->mask, reader->payload_used);
    }
    reader->payload_used += len;
    return DAM_OK;
}

enum dam_err dam_ws_read(struct dam_ws_reader *reader, const uint8_t *data, size_t len,
                         size_t *ret_used, struct dam_ws_message *ret)
{
    size_t used = 0;
    ret->op = DAM_WS_NONE;
    ret->data = dam_bytes(NULL, 0);
    while (ret->op == DAM_WS_NONE) {
        if (!reader->in_payload) {
            while (used < len && reader->head_len < head_size(reader)) {
                reader->head[reader->head_len++] = data[used++];
            }
            if (reader->head_len < head_size(reader)) {
                break;
            }
            DAM_TRY(start_frame(reader));
        }
        uint64_t left = reader->payload_len - reader->payload_used;
        size_t take = left < len - used ? (size_t)left : len - used;
        if (take > 0) {
            DAM_TRY(take_payload(reader, data + used, take));
            used += take;
        }
        if (reader->payload_used < reader->payload_len) {
            break;
        }
        DAM_TRY(end_frame(reader, ret));
    }
    *ret_used = used;
    return DAM_OK;
}

size_t dam_ws_head(uint8_t head[DAM_WS_HEAD_MAX], enum dam_ws_op op, size_t payload_len,
                   const uint8_t *mask)
{
    DAM_ASSERT(op != DAM_WS_NONE);
    size_t len = 2;
    head[0] = (uint8_t)(0x80 | op);
    if (payload_len < 126) {
        head[1] = (uint8_t)payload_len;
    } else if (payload_len < 65536) {
        head[1] = 126;
        dam_store_be16(head + 2, (uint16_t)payload_len);
        len = 4;
    } else {
        head[1] = 127;
        dam_store_be64(head + 2, payload_len);
        len = 10;
    }
    if (mask != NULL) {
        head[1] |= 0x80;
        memcpy(head + len, mask, 4);
        len += 4;
    }
    return len;
}

enum dam_err dam_ws_accept(struct dam_bytes key, char accept[DAM_WS_ACCEPT_LEN + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    if (key.len != DAM_WS_KEY_LEN) {
        return DAM_EPARSE;
    }
    uint8_t text[DAM_WS_KEY_LEN + sizeof(guid) - 1];
    memcpy(text, key.data, DAM_WS_KEY_LEN);
    memcpy(text + DAM_WS_KEY_LEN, guid, sizeof(guid) - 1);
    uint8_t sha1[20];
    unsigned len = sizeof(sha1);
    if (EVP_Digest(text, sizeof(text), sha1, &len, EVP_sha1(), NULL) != 1) {
        return DAM_EUNSUPPORTED;
    }
    (void)EVP_EncodeBlock((unsigned char *)accept, sha1, sizeof(sha1));
    return DAM_OK;
}
