// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include "base/assert.h"
#include "base/hex.h"

#define SIZE_FIRST 256u

void dam_buf_init_fixed(struct dam_buf *buf, void *data, size_t size)
{
    *buf = (struct dam_buf){.data = data, .size = size, .len_max = size};
}

void dam_buf_init_arena(struct dam_buf *buf, struct dam_arena *arena, size_t len_max)
{
    *buf = (struct dam_buf){.arena = arena, .len_max = len_max};
}

void dam_buf_init(struct dam_buf *buf, const struct dam_mem *mem, size_t len_max)
{
    *buf = (struct dam_buf){.mem = mem, .len_max = len_max};
}

void dam_buf_finish(struct dam_buf *buf)
{
    if (buf->mem != NULL && buf->data != NULL) {
        buf->mem->free(buf->mem->ctx, buf->data, buf->size);
    }
    if (buf->mem != NULL || buf->arena != NULL) {
        buf->data = NULL;
        buf->size = 0;
    }
    dam_buf_reset(buf);
}

void dam_buf_reset(struct dam_buf *buf)
{
    buf->len = 0;
    buf->err = DAM_OK;
}

/* Memory of that size with what was written. The heap has it mostly where the old one is. */
static uint8_t *memory_take(struct dam_buf *buf, size_t size)
{
    const struct dam_mem *mem = buf->mem;
    if (mem != NULL && mem->resize != NULL && buf->data != NULL) {
        return mem->resize(mem->ctx, buf->data, buf->size, size);
    }
    uint8_t *data =
        buf->arena != NULL ? dam_arena_alloc(buf->arena, size) : mem->alloc(mem->ctx, size);
    if (data != NULL && buf->len != 0) {
        memcpy(data, buf->data, buf->len);
    }
    if (data != NULL && mem != NULL && buf->data != NULL) {
        mem->free(mem->ctx, buf->data, buf->size);
    }
    return data;
}

/* Makes room for len more bytes: as much as is asked for, and at least twice what there was. The
 * latter keeps the cost of many small writes linear. */
static DAM_NOINLINE bool grow(struct dam_buf *buf, size_t len)
{
    if (buf->err != DAM_OK) {
        return false;
    }
    bool fixed = buf->arena == NULL && buf->mem == NULL;
    size_t limit = buf->len_max == 0 ? SIZE_MAX / 4 : buf->len_max;
    DAM_ASSERT(buf->size <= limit);
    if (fixed || len > limit - buf->len) {
        buf->err = DAM_EFULL;
        return false;
    }
    size_t size = buf->size == 0 ? SIZE_FIRST : 2 * buf->size;
    size = size < buf->len + len ? buf->len + len : size;
    size = size > limit ? limit : size;
    uint8_t *data = memory_take(buf, size);
    if (data == NULL) {
        buf->err = DAM_ENOMEM;
        return false;
    }
    buf->data = data;
    buf->size = size;
    return true;
}

uint8_t *dam_buf_reserve(struct dam_buf *buf, size_t len)
{
    if (DAM_UNLIKELY(buf->err != DAM_OK || len > buf->size - buf->len) && !grow(buf, len)) {
        return NULL;
    }
    return buf->data + buf->len;
}

void dam_buf_put(struct dam_buf *buf, const void *data, size_t len)
{
    if (len == 0) {
        return;
    }
    uint8_t *at = dam_buf_reserve(buf, len);
    if (at != NULL) {
        memcpy(at, data, len);
        buf->len += len;
    }
}

void dam_buf_put_byte(struct dam_buf *buf, uint8_t byte)
{
    uint8_t *at = dam_buf_reserve(buf, 1);
    if (at != NULL) {
        *at = byte;
        buf->len++;
    }
}

void dam_buf_put_zeros(struct dam_buf *buf, size_t len)
{
    uint8_t *at = len == 0 ? NULL : dam_buf_reserve(buf, len);
    if (at != NULL) {
        memset(at, 0, len);
        buf->len += len;
    }
}

void dam_buf_put_text(struct dam_buf *buf, const char *text)
{
    dam_buf_put(buf, text, strlen(text));
}

void dam_buf_put_u64(struct dam_buf *buf, uint64_t value)
{
    char digits[20];
    size_t first = sizeof(digits);
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    dam_buf_put(buf, digits + first, sizeof(digits) - first);
}

void dam_buf_put_hex(struct dam_buf *buf, const uint8_t *data, size_t len)
{
    uint8_t *at = len == 0 ? NULL : dam_buf_reserve(buf, 2 * len);
    if (at != NULL) {
        dam_hex_digits(data, len, (char *)at);
        buf->len += 2 * len;
    }
}

void dam_buf_put_base64(struct dam_buf *buf, const uint8_t *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)data[i] << 16;
        group |= have > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        group |= have > 2 ? data[i + 2] : 0;
        for (size_t k = 0; k < 4; k++) {
            dam_buf_put_byte(buf, (uint8_t)(k <= have ? digits[group >> (18 - 6 * k) & 63] : '='));
        }
    }
}
