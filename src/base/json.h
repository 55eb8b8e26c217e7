// SPDX-License-Identifier: Apache-2.0
/* JSON (RFC 8259), strict: one value, valid UTF-8, no duplicate keys, nothing after the end. The
 * reader turns a text into a flat run of nodes in one pass: an array or object is its node followed
 * by its children, so walking is pointer arithmetic. Numbers stay text, so that no integer is ever
 * rounded. Strings without escapes point into the text, so the text must outlive the nodes. Pure:
 * memory comes from an arena only. The writer fills a dam_buf and places the commas itself. */
#ifndef DAM_BASE_JSON_H
#define DAM_BASE_JSON_H

#include "base/buf.h"
#include "base/u256.h"

#define DAM_JSON_DEPTH_MAX 128u

enum dam_json_type {
    DAM_JSON_NULL,
    DAM_JSON_FALSE,
    DAM_JSON_TRUE,
    DAM_JSON_NUMBER,
    DAM_JSON_STRING,
    DAM_JSON_ARRAY,
    DAM_JSON_OBJECT,
};

struct dam_json {
    const char *text; /* STRING: unescaped UTF-8, may hold NUL; NUMBER: as written; no NUL after */
    uint32_t len;     /* of text */
    uint32_t count;   /* ARRAY: elements; OBJECT: members */
    uint32_t span;    /* nodes of this value, itself included: its next sibling is at +span */
    enum dam_json_type type;
};

/* Where and why a text was refused. */
struct dam_json_error {
    const char *what; /* static text: "expected ',' or ']'" */
    size_t offset;    /* byte */
    uint32_t line;    /* from 1 */
    uint32_t column;  /* from 1, in bytes */
};

/** Parse one JSON text.
 *  Returns: DAM_OK with *ret the root; DAM_EPARSE; DAM_ERANGE if it nests deeper than depth_max;
 *           DAM_ENOMEM if the arena is full. On failure *ret_error (if not NULL) says where.
 *  In:      text: text_len bytes below 4 GiB, borrowed for as long as the nodes are used.
 *           depth_max: 1 to DAM_JSON_DEPTH_MAX; 0 means the largest. */
DAM_MUST_USE enum dam_err dam_json_parse(struct dam_arena *arena, const char *text, size_t text_len,
                                         unsigned depth_max, const struct dam_json **ret,
                                         struct dam_json_error *ret_error);

/* Walking. For an object the children are key, value, key, value ... */
static inline const struct dam_json *dam_json_first(const struct dam_json *parent)
{
    return parent + 1;
}

static inline const struct dam_json *dam_json_next(const struct dam_json *node)
{
    return node + node->span;
}

/** for (item in array). An empty loop where array is NULL or no array. */
#define DAM_JSON_EACH(item, array)                                                                 \
    for (const struct dam_json *item = dam_json_begin((array), DAM_JSON_ARRAY),                    \
                               *item##_end = dam_json_end((array), DAM_JSON_ARRAY);                \
         item != item##_end; item = dam_json_next(item))

/** for ((key, value) in object): the value is key + 1. */
#define DAM_JSON_EACH_KEY(key, object)                                                             \
    for (const struct dam_json *key = dam_json_begin((object), DAM_JSON_OBJECT),                   \
                               *key##_end = dam_json_end((object), DAM_JSON_OBJECT);               \
         key != key##_end; key = dam_json_next(key + 1))

static inline const struct dam_json *dam_json_begin(const struct dam_json *node,
                                                    enum dam_json_type type)
{
    return node == NULL || node->type != type ? NULL : node + 1;
}

static inline const struct dam_json *dam_json_end(const struct dam_json *node,
                                                  enum dam_json_type type)
{
    return node == NULL || node->type != type ? NULL : node + node->span;
}

/** A member's value. Returns: NULL if object is NULL, not an object, or has no such key. */
const struct dam_json *dam_json_get(const struct dam_json *object, const char *key);

/** An array's element; linear in index. Returns: NULL if there is none. */
const struct dam_json *dam_json_at(const struct dam_json *array, size_t index);

/** Is this a string with exactly this text? */
bool dam_json_is(const struct dam_json *node, const char *text);

static inline bool dam_json_is_null(const struct dam_json *node)
{
    return node == NULL || node->type == DAM_JSON_NULL;
}

/* The readers below return DAM_EPARSE for NULL (a missing member) and for any other kind or form of
 * value, DAM_ERANGE for a number that does not fit. They write *ret only on DAM_OK. */

DAM_MUST_USE enum dam_err dam_json_bool(const struct dam_json *node, bool *ret);

/** A JSON integer: no fraction, no exponent. */
DAM_MUST_USE enum dam_err dam_json_u64(const struct dam_json *node, uint64_t *ret);
DAM_MUST_USE enum dam_err dam_json_i64(const struct dam_json *node, int64_t *ret);

/** A string "0x..." with at least one digit: JSON-RPC's QUANTITY, leading zeros let through. */
DAM_MUST_USE enum dam_err dam_json_quantity(const struct dam_json *node, uint64_t *ret);
DAM_MUST_USE enum dam_err dam_json_quantity_u256(const struct dam_json *node, struct dam_u256 *ret);

/** An unsigned integer in any form that tools write: a JSON integer, a decimal string, or "0x..".
 */
DAM_MUST_USE enum dam_err dam_json_any_u256(const struct dam_json *node, struct dam_u256 *ret);

/** A string of hex digits, with or without "0x", as bytes in the arena. */
DAM_MUST_USE enum dam_err dam_json_hex(const struct dam_json *node, struct dam_arena *arena,
                                       struct dam_bytes *ret);

/** The same, exactly size bytes. */
DAM_MUST_USE enum dam_err dam_json_hex_exact(const struct dam_json *node, uint8_t *ret,
                                             size_t size);

/** A string as NUL-terminated text in the arena. DAM_EPARSE if it holds a NUL. */
DAM_MUST_USE enum dam_err dam_json_string(const struct dam_json *node, struct dam_arena *arena,
                                          const char **ret);

/* The writer. Begin with {.buf = &buf}; nesting and key order are the caller's duty. Failures are
 * the buffer's: ask dam_buf_err at the end. */
struct dam_json_writer {
    struct dam_buf *buf;
    bool comma; /* a value was written at this level, the next one needs a comma */
};

void dam_json_put_object(struct dam_json_writer *w);
void dam_json_put_object_end(struct dam_json_writer *w);
void dam_json_put_array(struct dam_json_writer *w);
void dam_json_put_array_end(struct dam_json_writer *w);

/** A member's name; its value must follow. In: key: needs no escaping. Most are literals, whose
 *  lengths the compiler knows where it sees them. */
void dam_json_put_name(struct dam_json_writer *w, const char *key, size_t len);

static inline void dam_json_put_key(struct dam_json_writer *w, const char *key)
{
    dam_json_put_name(w, key, strlen(key));
}

void dam_json_put_null(struct dam_json_writer *w);
void dam_json_put_bool(struct dam_json_writer *w, bool value);
void dam_json_put_u64(struct dam_json_writer *w, uint64_t value);
void dam_json_put_i64(struct dam_json_writer *w, int64_t value);

/** A string; escapes what RFC 8259 demands and replaces bytes that are no UTF-8 by U+FFFD. */
void dam_json_put_string(struct dam_json_writer *w, const char *text, size_t text_len);
void dam_json_put_cstr(struct dam_json_writer *w, const char *text);

/** "0x" and two digits a byte: JSON-RPC's DATA. */
void dam_json_put_data(struct dam_json_writer *w, const uint8_t *data, size_t len);

/** "0x" without leading zeros, "0x0" for zero: JSON-RPC's QUANTITY. */
void dam_json_put_quantity(struct dam_json_writer *w, uint64_t value);
void dam_json_put_quantity_u256(struct dam_json_writer *w, const struct dam_u256 *value);

/** A member: its name, and such a value. */
static inline void dam_json_put_data_at(struct dam_json_writer *w, const char *key,
                                        struct dam_bytes data)
{
    dam_json_put_key(w, key);
    dam_json_put_data(w, data.data, data.len);
}

static inline void dam_json_put_quantity_at(struct dam_json_writer *w, const char *key,
                                            uint64_t value)
{
    dam_json_put_key(w, key);
    dam_json_put_quantity(w, value);
}

static inline void dam_json_put_quantity_u256_at(struct dam_json_writer *w, const char *key,
                                                 const struct dam_u256 *value)
{
    dam_json_put_key(w, key);
    dam_json_put_quantity_u256(w, value);
}

static inline void dam_json_put_u64_at(struct dam_json_writer *w, const char *key, uint64_t value)
{
    dam_json_put_key(w, key);
    dam_json_put_u64(w, value);
}

/** A number as a string: a browser's number would round it. */
void dam_json_put_i64_text(struct dam_json_writer *w, int64_t value);

static inline void dam_json_put_i64_text_at(struct dam_json_writer *w, const char *key,
                                            int64_t value)
{
    dam_json_put_key(w, key);
    dam_json_put_i64_text(w, value);
}

static inline void dam_json_put_cstr_at(struct dam_json_writer *w, const char *key,
                                        const char *text)
{
    dam_json_put_key(w, key);
    dam_json_put_cstr(w, text);
}

/** A member's name that is DATA itself. */
void dam_json_put_key_data(struct dam_json_writer *w, const uint8_t *data, size_t len);

/** Text that already is JSON. */
void dam_json_put_raw(struct dam_json_writer *w, const char *json, size_t len);

/** A parsed value again (its numbers exactly as they were written). */
void dam_json_put_node(struct dam_json_writer *w, const struct dam_json *node);

#endif
