// SPDX-License-Identifier: Apache-2.0
/* A byte buffer that is written from front to back and never beyond its limit. Its bytes live in
 * one of three homes: the caller's own memory, an arena, or a dam_mem. A write that does not fit
 * marks the buffer as failed and is dropped, and so is every later one: writers need no check for
 * each byte, but whoever takes the result must ask dam_buf_err once. Single-threaded. */
#ifndef DAM_BASE_BUF_H
#define DAM_BASE_BUF_H

#include "base/arena.h"

struct dam_buf {
    uint8_t *data; /* valid until the next write or finish */
    size_t len;
    size_t size;               /* bytes that data has room for */
    size_t len_max;            /* 0: no limit but the memory's */
    struct dam_arena *arena;   /* one of these two grows the buffer; */
    const struct dam_mem *mem; /* neither: it lives in the caller's memory */
    enum dam_err err;
};

/** Write into memory that the caller owns. In: size: bytes at data; the limit. */
void dam_buf_init_fixed(struct dam_buf *buf, void *data, size_t size);

/** Grow inside an arena. What is outgrown stays there until the arena is reset. */
void dam_buf_init_arena(struct dam_buf *buf, struct dam_arena *arena, size_t len_max);

/** Grow by taking and giving back blocks of mem; needs dam_buf_finish. */
void dam_buf_init(struct dam_buf *buf, const struct dam_mem *mem, size_t len_max);

/** Give the memory back. Accepts a zeroed buffer; the buffer is empty and usable again. */
void dam_buf_finish(struct dam_buf *buf);

/** Forget the bytes and the failure, keep the memory. */
void dam_buf_reset(struct dam_buf *buf);

/** Room for len more bytes. Returns: where to write them, or NULL after marking the failure. The
 * caller adds what it wrote to buf->len. */
uint8_t *dam_buf_reserve(struct dam_buf *buf, size_t len);

void dam_buf_put(struct dam_buf *buf, const void *data, size_t len);
void dam_buf_put_byte(struct dam_buf *buf, uint8_t byte);
void dam_buf_put_zeros(struct dam_buf *buf, size_t len);

/** Append NUL-terminated text without its NUL. */
void dam_buf_put_text(struct dam_buf *buf, const char *text);

/** Append a number in decimal digits. */
void dam_buf_put_u64(struct dam_buf *buf, uint64_t value);

/** Append 2*len lower-case hex digits, no "0x". */
void dam_buf_put_hex(struct dam_buf *buf, const uint8_t *data, size_t len);

/** Append base64 with its padding (RFC 4648, section 4). */
void dam_buf_put_base64(struct dam_buf *buf, const uint8_t *data, size_t len);

/** Did every write so far fit? Returns: DAM_OK, DAM_EFULL (the limit), or DAM_ENOMEM. */
DAM_MUST_USE static inline enum dam_err dam_buf_err(const struct dam_buf *buf)
{
    return buf->err;
}

/** What was written, borrowed until the next write. */
static inline struct dam_bytes dam_buf_bytes(const struct dam_buf *buf)
{
    return dam_bytes(buf->data, buf->len);
}

#endif
