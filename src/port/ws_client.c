// SPDX-License-Identifier: Apache-2.0
#include "port/ws_client.h"

#include <errno.h>
#include <http_parser.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
#include <uv.h>

#include "base/heap.h"
#include "port/curl.h"

#define READ_SIZE 16384u

struct dam_ws_client {
    char *url;
    CURL *curl;   /* NULL: there is no connection */
    bool is_open; /* it speaks WebSocket: frames may be sent */
    struct dam_ws_reader reader;
    struct dam_buf out; /* what is being sent */
};

bool dam_ws_client_takes(const char *url)
{
    return strncmp(url, "ws://", 5) == 0 || strncmp(url, "wss://", 6) == 0;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int left_ms(uint64_t end_ns)
{
    uint64_t now = uv_hrtime();
    return now < end_ns ? (int)((end_ns - now + 999999) / 1000000) : 0;
}

static enum dam_err wait_for(struct dam_ws_client *c, short events, uint64_t end_ns)
{
    struct pollfd fd = {.events = events};
    if (curl_easy_getinfo(c->curl, CURLINFO_ACTIVESOCKET, &fd.fd) != CURLE_OK) {
        return DAM_EIO;
    }
    int count = poll(&fd, 1, left_ms(end_ns));
    if (count == 0) {
        return DAM_ETIMEOUT;
    }
    return count > 0 || errno == EINTR ? DAM_OK : DAM_EIO;
}

static enum dam_err send_all(struct dam_ws_client *c, uint64_t end_ns)
{
    DAM_TRY(dam_buf_err(&c->out));
    for (size_t at = 0; at < c->out.len;) {
        size_t sent = 0;
        CURLcode code = curl_easy_send(c->curl, c->out.data + at, c->out.len - at, &sent);
        if (code == CURLE_AGAIN) {
            DAM_TRY(wait_for(c, POLLOUT, end_ns));
        } else if (code != CURLE_OK) {
            return DAM_EIO;
        }
        at += sent;
    }
    return DAM_OK;
}

/* Returns: DAM_OK with at least one byte; DAM_EAGAIN if there is none now; DAM_EIO at the end. */
static enum dam_err receive(struct dam_ws_client *c, uint8_t *data, size_t size, size_t *ret_len)
{
    CURLcode code = curl_easy_recv(c->curl, data, size, ret_len);
    if (code == CURLE_AGAIN) {
        return DAM_EAGAIN;
    }
    return code == CURLE_OK && *ret_len > 0 ? DAM_OK : DAM_EIO;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static enum dam_err frame_send(struct dam_ws_client *c, enum dam_ws_op op, struct dam_bytes payload,
                               uint64_t end_ns)
{
    uint8_t head[DAM_WS_HEAD_MAX];
    uint8_t mask[4];
    if (getentropy(mask, sizeof(mask)) != 0) { /* nobody may foresee it (section 10.3) */
        return DAM_EIO;
    }
    size_t head_len = dam_ws_head(head, op, payload.len, mask);
    dam_buf_reset(&c->out);
    dam_buf_put(&c->out, head, head_len);
    dam_buf_put(&c->out, payload.data, payload.len);
    DAM_TRY(dam_buf_err(&c->out));
    dam_ws_mask(c->out.data + head_len, payload.len, mask, 0);
    return send_all(c, end_ns);
}

/* Take what came. In: answer: NULL if nothing was asked. */
static enum dam_err take(struct dam_ws_client *c, struct dam_bytes data, uint64_t end_ns,
                         struct dam_buf *answer, bool *ret_answered)
{
    while (data.len > 0) {
        struct dam_ws_message message;
        size_t used = 0;
        if (dam_ws_read(&c->reader, data.data, data.len, &used, &message) != DAM_OK) {
            return c->reader.close_code == DAM_WS_CLOSE_TOO_BIG ? DAM_EFULL : DAM_EIO;
        }
        data = dam_bytes_from(data, used);
        switch (message.op) {
        case DAM_WS_TEXT:
        case DAM_WS_BINARY:
            if (answer == NULL || *ret_answered) {
                return DAM_EIO;
            }
            dam_buf_put(answer, message.data.data, message.data.len);
            *ret_answered = true;
            DAM_TRY(dam_buf_err(answer));
            break;
        case DAM_WS_PING:
            DAM_TRY(frame_send(c, DAM_WS_PONG, message.data, end_ns));
            break;
        case DAM_WS_CLOSE:
            return DAM_EIO;
        case DAM_WS_PONG:
        case DAM_WS_NONE:
        case DAM_WS_CONTINUATION:
            break;
        }
    }
    return DAM_OK;
}

/* Listen until the answer is there; where nothing was asked, as long as something is there. */
static enum dam_err hear(struct dam_ws_client *c, uint64_t end_ns, struct dam_buf *answer)
{
    uint8_t data[READ_SIZE];
    bool is_answered = false;
    while (!is_answered) {
        size_t len = 0;
        enum dam_err err = receive(c, data, sizeof(data), &len);
        if (err == DAM_EAGAIN) {
            if (answer == NULL) {
                return DAM_OK;
            }
            DAM_TRY(wait_for(c, POLLIN, end_ns));
            continue;
        }
        DAM_TRY(err);
        if (left_ms(end_ns) == 0) { /* for one who never stops talking */
            return DAM_ETIMEOUT;
        }
        DAM_TRY(take(c, dam_bytes(data, len), end_ns, answer, &is_answered));
    }
    return DAM_OK;
}

/* ---- the opening ----------------------------------------------------------------------------- */

/* The server's headers as they are read. */
struct opening {
    const char *accept;
    struct dam_bytes name;
    bool is_upgraded;
    bool is_accepted;
    bool is_wrong;
};

static bool is_text(struct dam_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && strncasecmp((const char *)bytes.data, text, bytes.len) == 0;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    struct opening *o = parser->data;
    o->name = dam_bytes(at, len);
    return 0;
}

/* What we did not ask for, the server may not choose: an extension, a protocol of its own. */
static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct opening *o = parser->data;
    struct dam_bytes value = dam_bytes(at, len);
    bool is_right = true;
    if (is_text(o->name, "Upgrade")) {
        is_right = o->is_upgraded = is_text(value, "websocket");
    } else if (is_text(o->name, "Sec-WebSocket-Accept")) {
        is_right = o->is_accepted = dam_bytes_eq(value, dam_bytes(o->accept, strlen(o->accept)));
    } else if (is_text(o->name, "Sec-WebSocket-Extensions") ||
               is_text(o->name, "Sec-WebSocket-Protocol")) {
        is_right = false;
    }
    o->is_wrong |= !is_right;
    return 0;
}

bool dam_ws_client_is_opened(struct dam_bytes head, const char accept[DAM_WS_ACCEPT_LEN + 1])
{
    static const http_parser_settings settings = {.on_header_field = on_name,
                                                  .on_header_value = on_value};
    struct opening o = {.accept = accept};
    http_parser parser;
    http_parser_init(&parser, HTTP_RESPONSE);
    parser.data = &o;
    size_t used = http_parser_execute(&parser, &settings, (const char *)head.data, head.len);
    /* The parser's `upgrade`: all headers are there, with "Upgrade" and "Connection: upgrade". */
    return used == head.len && HTTP_PARSER_ERRNO(&parser) == HPE_OK && parser.upgrade != 0 &&
           parser.status_code == 101 && o.is_upgraded && o.is_accepted && !o.is_wrong;
}

/* A part of a URL, after `before`, if it is there. */
static bool put_part(struct dam_buf *out, const char *before, CURLU *url, CURLUPart part,
                     unsigned flags)
{
    char *text = NULL;
    bool is_there = curl_url_get(url, part, &text, flags) == CURLUE_OK;
    if (is_there) {
        dam_buf_put_text(out, before);
        dam_buf_put_text(out, text);
    }
    curl_free(text);
    return is_there;
}

static void request_put(struct dam_buf *out, CURLU *url, const char *key)
{
    struct dam_buf login;
    dam_buf_init(&login, dam_heap(), 0);
    (void)put_part(out, "GET ", url, CURLUPART_PATH, 0); /* a URL that was set has one, */
    (void)put_part(out, "?", url, CURLUPART_QUERY, 0);
    (void)put_part(out, " HTTP/1.1\r\nHost: ", url, CURLUPART_HOST, 0); /* and a host */
    (void)put_part(out, ":", url, CURLUPART_PORT, 0);
    if (put_part(&login, "", url, CURLUPART_USER, CURLU_URLDECODE)) {
        dam_buf_put_text(&login, ":");
        (void)put_part(&login, "", url, CURLUPART_PASSWORD, CURLU_URLDECODE);
        dam_buf_put_text(out, "\r\nAuthorization: Basic ");
        dam_buf_put_base64(out, login.data, login.len);
    }
    dam_buf_put_text(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
    dam_buf_put_text(out, key);
    dam_buf_put_text(out, "\r\n\r\n");
    dam_buf_finish(&login);
}

/* Read up to the empty line. Out: ret_len: with what came behind it; ret_head_len: without. */
static enum dam_err head_read(struct dam_ws_client *c, uint64_t end_ns,
                              uint8_t head[DAM_WS_OPENING_LEN_MAX], size_t *ret_len,
                              size_t *ret_head_len)
{
    for (size_t len = 0; len < DAM_WS_OPENING_LEN_MAX;) {
        size_t more = 0;
        enum dam_err err = receive(c, head + len, DAM_WS_OPENING_LEN_MAX - len, &more);
        DAM_TRY(err == DAM_EAGAIN ? wait_for(c, POLLIN, end_ns) : err);
        len += more;
        const uint8_t *end = memmem(head, len, "\r\n\r\n", 4);
        if (end != NULL) {
            *ret_len = len;
            *ret_head_len = (size_t)(end - head) + 4;
            return DAM_OK;
        }
    }
    return DAM_EIO;
}

static enum dam_err upgrade(struct dam_ws_client *c, CURLU *url, uint64_t end_ns)
{
    uint8_t head[DAM_WS_OPENING_LEN_MAX];
    uint8_t nonce[16];
    char key[DAM_WS_KEY_LEN + 1];
    char accept[DAM_WS_ACCEPT_LEN + 1];
    size_t len = 0;
    size_t head_len = 0;
    bool is_answered = false;
    if (getentropy(nonce, sizeof(nonce)) != 0) {
        return DAM_EIO;
    }
    (void)EVP_EncodeBlock((unsigned char *)key, nonce, sizeof(nonce));
    DAM_TRY(dam_ws_accept(dam_bytes(key, DAM_WS_KEY_LEN), accept));
    dam_buf_reset(&c->out);
    request_put(&c->out, url, key);
    DAM_TRY(send_all(c, end_ns));
    DAM_TRY(head_read(c, end_ns, head, &len, &head_len));
    if (!dam_ws_client_is_opened(dam_bytes(head, head_len), accept)) {
        return DAM_EIO;
    }
    c->is_open = true;
    return take(c, dam_bytes(head + head_len, len - head_len), end_ns, NULL, &is_answered);
}

/* In: text: the URL as curl knows it, with http for ws. */
static enum dam_err dial(struct dam_ws_client *c, const char *text, uint64_t end_ns)
{
    c->curl = curl_easy_init();
    bool ok = c->curl != NULL && dam_curl_prepare(c->curl, text, (uint32_t)left_ms(end_ns)) &&
              curl_easy_setopt(c->curl, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
              curl_easy_setopt(c->curl, CURLOPT_HTTPPROXYTUNNEL, 1L) == CURLE_OK &&
              curl_easy_setopt(c->curl, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK;
    return dam_curl_err(ok ? curl_easy_perform(c->curl) : CURLE_OUT_OF_MEMORY);
}

static enum dam_err open_connection(struct dam_ws_client *c, uint64_t end_ns)
{
    CURLU *url = curl_url();
    dam_ws_reader_init(&c->reader, dam_heap(), false, DAM_WS_ANSWER_LEN_MAX);
    dam_buf_reset(&c->out);
    dam_buf_put_text(&c->out, "http");
    dam_buf_put(&c->out, c->url + 2, strlen(c->url + 2) + 1);
    enum dam_err err = url == NULL ? DAM_ENOMEM : dam_buf_err(&c->out);
    if (err == DAM_OK &&
        curl_url_set(url, CURLUPART_URL, (const char *)c->out.data, 0) != CURLUE_OK) {
        err = DAM_EPARSE;
    }
    err = err == DAM_OK ? dial(c, (const char *)c->out.data, end_ns) : err;
    err = err == DAM_OK ? upgrade(c, url, end_ns) : err;
    curl_url_cleanup(url);
    return err;
}

static void close_connection(struct dam_ws_client *c)
{
    uint8_t code[2];
    if (c->is_open) {
        dam_store_be16(code, c->reader.close_code != 0 ? c->reader.close_code
                                                       : (uint16_t)DAM_WS_CLOSE_NORMAL);
        (void)frame_send(c, DAM_WS_CLOSE, dam_bytes(code, 2), 0); /* a courtesy: now or never */
    }
    curl_easy_cleanup(c->curl);
    dam_ws_reader_finish(&c->reader);
    c->curl = NULL;
    c->is_open = false;
}

/* ---- what others see ------------------------------------------------------------------------- */

enum dam_err dam_ws_client_create(const char *url, struct dam_ws_client **ret)
{
    struct dam_ws_client *c = calloc(1, sizeof(*c));
    char *copy = strdup(url);
    if (c == NULL || copy == NULL) {
        free(c);
        free(copy);
        return DAM_ENOMEM;
    }
    c->url = copy;
    dam_buf_init(&c->out, dam_heap(), 0);
    *ret = c;
    return DAM_OK;
}

void dam_ws_client_destroy(struct dam_ws_client *c)
{
    if (c == NULL) {
        return;
    }
    close_connection(c);
    dam_buf_finish(&c->out);
    free(c->url);
    free(c);
}

const char *dam_ws_client_url(const struct dam_ws_client *c)
{
    return c->url;
}

enum dam_err dam_ws_client_ask(struct dam_ws_client *c, struct dam_bytes question,
                               uint32_t timeout_ms, struct dam_buf *ret_answer)
{
    uint64_t end_ns = uv_hrtime() + (uint64_t)timeout_ms * 1000000;
    if (c->is_open && hear(c, end_ns, NULL) != DAM_OK) {
        close_connection(c); /* it ended while nothing was asked */
    }
    enum dam_err err = c->is_open ? DAM_OK : open_connection(c, end_ns);
    err = err == DAM_OK ? frame_send(c, DAM_WS_TEXT, question, end_ns) : err;
    err = err == DAM_OK ? hear(c, end_ns, ret_answer) : err;
    if (err != DAM_OK) {
        close_connection(c);
    }
    return err;
}
