// SPDX-License-Identifier: Apache-2.0
/* The writing half of json.h. */
#include "base/hex.h"
#include "base/json.h"
#include "base/u256_text.h"
#include "base/utf8.h"

/* Append a value's len bytes, behind the comma that it may need; the caller fills them in. Returns:
 * NULL after marking the failure. */
static uint8_t *value_put(struct dam_json_writer *w, size_t len)
{
    struct dam_buf *buf = w->buf;
    uint8_t *at = dam_buf_reserve(buf, len + w->comma);
    if (at != NULL) {
        buf->len += len + w->comma;
        if (w->comma) {
            *at++ = ',';
        }
    }
    w->comma = true;
    return at;
}

static void open(struct dam_json_writer *w, char bracket)
{
    dam_json_put_raw(w, &bracket, 1);
    w->comma = false;
}

static void close(struct dam_json_writer *w, char bracket)
{
    dam_buf_put_byte(w->buf, (uint8_t)bracket);
    w->comma = true;
}

void dam_json_put_object(struct dam_json_writer *w)
{
    open(w, '{');
}

void dam_json_put_object_end(struct dam_json_writer *w)
{
    close(w, '}');
}

void dam_json_put_array(struct dam_json_writer *w)
{
    open(w, '[');
}

void dam_json_put_array_end(struct dam_json_writer *w)
{
    close(w, ']');
}

static void key_put(struct dam_json_writer *w, const char *key, size_t len)
{
    dam_json_put_string(w, key, len);
    dam_buf_put_byte(w->buf, ':');
    w->comma = false;
}

void dam_json_put_name(struct dam_json_writer *w, const char *key, size_t len)
{
    uint8_t *at = value_put(w, len + 3);
    if (at != NULL) {
        at[0] = '"';
        memcpy(at + 1, key, len);
        memcpy(at + 1 + len, "\":", 2);
    }
    w->comma = false;
}

void dam_json_put_null(struct dam_json_writer *w)
{
    dam_json_put_raw(w, "null", 4);
}

void dam_json_put_bool(struct dam_json_writer *w, bool value)
{
    dam_json_put_raw(w, value ? "true" : "false", value ? 4 : 5);
}

void dam_json_put_u64(struct dam_json_writer *w, uint64_t value)
{
    (void)value_put(w, 0);
    dam_buf_put_u64(w->buf, value);
}

void dam_json_put_i64(struct dam_json_writer *w, int64_t value)
{
    (void)value_put(w, 0);
    if (value < 0) {
        dam_buf_put_byte(w->buf, '-');
    }
    dam_buf_put_u64(w->buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void dam_json_put_i64_text(struct dam_json_writer *w, int64_t value)
{
    dam_json_put_raw(w, "\"", 1);
    w->comma = false;
    dam_json_put_i64(w, value);
    dam_buf_put_byte(w->buf, '"');
}

static void escape_put(struct dam_buf *buf, uint8_t c)
{
    static const char names[] = "\b\f\n\r\t\"\\";
    const char *found = c == 0 ? NULL : strchr(names, c);
    if (found != NULL) {
        dam_buf_put_byte(buf, '\\');
        dam_buf_put_byte(buf, (uint8_t) "bfnrt\"\\"[found - names]);
    } else {
        dam_buf_put(buf, "\\u00", 4);
        dam_buf_put_hex(buf, &c, 1);
    }
}

void dam_json_put_string(struct dam_json_writer *w, const char *text, size_t text_len)
{
    const uint8_t *from = (const uint8_t *)text;
    dam_json_put_raw(w, "\"", 1);
    size_t done = 0;
    for (size_t at = 0; at < text_len;) {
        if (from[at] >= 0x20 && from[at] < 0x80 && from[at] != '"' && from[at] != '\\') {
            at++;
            continue;
        }
        size_t character = dam_utf8_len(from + at, text_len - at);
        if (character > 1) {
            at += character;
            continue;
        }
        dam_buf_put(w->buf, from + done, at - done);
        if (character == 1) {
            escape_put(w->buf, from[at]);
        } else {
            dam_buf_put_text(w->buf, "\xef\xbf\xbd");
        }
        done = ++at;
    }
    dam_buf_put(w->buf, from + done, text_len - done);
    dam_buf_put_byte(w->buf, '"');
}

void dam_json_put_cstr(struct dam_json_writer *w, const char *text)
{
    dam_json_put_string(w, text, strlen(text));
}

void dam_json_put_data(struct dam_json_writer *w, const uint8_t *data, size_t len)
{
    uint8_t *at = value_put(w, 2 * len + 4);
    if (at != NULL) {
        memcpy(at, "\"0x", 3);
        dam_hex_digits(data, len, (char *)at + 3);
        at[3 + 2 * len] = '"';
    }
}

void dam_json_put_quantity(struct dam_json_writer *w, uint64_t value)
{
    size_t len = (67 - (size_t)__builtin_clzll(value | 1)) / 4;
    uint8_t *at = value_put(w, len + 4);
    if (at != NULL) {
        memcpy(at, "\"0x", 3);
        at[len + 3] = '"';
        for (at += 3; len > 0; len--, value >>= 4) {
            at[len - 1] = (uint8_t) "0123456789abcdef"[value & 15];
        }
    }
}

void dam_json_put_quantity_u256(struct dam_json_writer *w, const struct dam_u256 *value)
{
    char text[DAM_U256_HEX_SIZE];
    size_t len = dam_u256_to_hex(value, text);
    uint8_t *at = value_put(w, len + 2);
    if (at != NULL) {
        at[0] = '"';
        memcpy(at + 1, text, len);
        at[len + 1] = '"';
    }
}

void dam_json_put_key_data(struct dam_json_writer *w, const uint8_t *data, size_t len)
{
    dam_json_put_data(w, data, len);
    dam_buf_put_byte(w->buf, ':');
    w->comma = false;
}

void dam_json_put_raw(struct dam_json_writer *w, const char *json, size_t len)
{
    uint8_t *at = value_put(w, len);
    if (at != NULL) {
        memcpy(at, json, len);
    }
}

/* Recursion is bounded by DAM_JSON_DEPTH_MAX. */
void dam_json_put_node(struct dam_json_writer *w, const struct dam_json *node)
{
    switch (node->type) {
    case DAM_JSON_NULL:
        dam_json_put_null(w);
        break;
    case DAM_JSON_FALSE:
    case DAM_JSON_TRUE:
        dam_json_put_bool(w, node->type == DAM_JSON_TRUE);
        break;
    case DAM_JSON_NUMBER:
        dam_json_put_raw(w, node->text, node->len);
        break;
    case DAM_JSON_STRING:
        dam_json_put_string(w, node->text, node->len);
        break;
    case DAM_JSON_ARRAY:
        dam_json_put_array(w);
        DAM_JSON_EACH(item, node)
        {
            dam_json_put_node(w, item);
        }
        dam_json_put_array_end(w);
        break;
    case DAM_JSON_OBJECT:
        dam_json_put_object(w);
        DAM_JSON_EACH_KEY(member, node)
        {
            key_put(w, member->text, member->len);
            dam_json_put_node(w, member + 1);
        }
        dam_json_put_object_end(w);
        break;
    }
}
