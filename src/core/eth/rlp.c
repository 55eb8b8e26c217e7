// SPDX-License-Identifier: Apache-2.0
#include "core/eth/rlp.h"

/* Reads the length of a long item: 1 to 8 big-endian bytes that say more than 55. */
static enum dam_err long_len(const uint8_t *at, size_t size, size_t len_of_len, size_t *ret)
{
    if (size < len_of_len || at[0] == 0) {
        return DAM_EPARSE;
    }
    uint64_t len = 0;
    for (size_t i = 0; i < len_of_len; i++) {
        len = len << 8 | at[i];
    }
    if (len <= 55 || len > size - len_of_len) {
        return DAM_EPARSE;
    }
    *ret = (size_t)len;
    return DAM_OK;
}

enum dam_err dam_rlp_next(struct dam_rlp *rlp, struct dam_rlp_item *ret)
{
    size_t size = (size_t)(rlp->end - rlp->at);
    if (size == 0) {
        return DAM_EPARSE;
    }
    const uint8_t *at = rlp->at;
    uint8_t first = at[0];
    bool is_list = first >= 0xc0;
    size_t head_len = 1;
    size_t len;
    if (first < 0x80) {
        head_len = 0;
        len = 1;
    } else {
        uint8_t form = (uint8_t)(first - (is_list ? 0xc0 : 0x80));
        if (form <= 55) {
            len = form;
            if (len > size - 1) {
                return DAM_EPARSE;
            }
        } else {
            size_t len_of_len = form - 55u;
            DAM_TRY(long_len(at + 1, size - 1, len_of_len, &len));
            head_len += len_of_len;
        }
        if (!is_list && len == 1 && at[1] < 0x80) {
            return DAM_EPARSE; /* a byte that is its own encoding */
        }
    }
    *ret = (struct dam_rlp_item){.is_list = is_list,
                                 .payload = dam_bytes(at + head_len, len),
                                 .whole = dam_bytes(at, head_len + len)};
    rlp->at += head_len + len;
    return DAM_OK;
}

enum dam_err dam_rlp_count(const struct dam_rlp *rlp, size_t *ret)
{
    struct dam_rlp rest = *rlp;
    size_t count = 0;
    while (!dam_rlp_at_end(&rest)) {
        struct dam_rlp_item item;
        DAM_TRY(dam_rlp_next(&rest, &item));
        count++;
    }
    *ret = count;
    return DAM_OK;
}

enum dam_err dam_rlp_count_min(const struct dam_rlp *rlp, size_t item_len_min, size_t *ret)
{
    size_t count;
    DAM_TRY(dam_rlp_count(rlp, &count));
    if (count > (size_t)(rlp->end - rlp->at) / item_len_min) {
        return DAM_EPARSE;
    }
    *ret = count;
    return DAM_OK;
}

enum dam_err dam_rlp_list(struct dam_rlp *rlp, struct dam_rlp *ret)
{
    struct dam_rlp rest = *rlp;
    struct dam_rlp_item item;
    DAM_TRY(dam_rlp_next(&rest, &item));
    if (!item.is_list) {
        return DAM_EPARSE;
    }
    *rlp = rest;
    *ret = dam_rlp(item.payload);
    return DAM_OK;
}

enum dam_err dam_rlp_bytes(struct dam_rlp *rlp, struct dam_bytes *ret)
{
    struct dam_rlp rest = *rlp;
    struct dam_rlp_item item;
    DAM_TRY(dam_rlp_next(&rest, &item));
    if (item.is_list) {
        return DAM_EPARSE;
    }
    *rlp = rest;
    *ret = item.payload;
    return DAM_OK;
}

enum dam_err dam_rlp_exact(struct dam_rlp *rlp, uint8_t *ret, size_t size)
{
    struct dam_rlp rest = *rlp;
    struct dam_bytes bytes;
    DAM_TRY(dam_rlp_bytes(&rest, &bytes));
    if (bytes.len != size) {
        return DAM_EPARSE;
    }
    *rlp = rest;
    memcpy(ret, bytes.data, size);
    return DAM_OK;
}

/* An integer right-aligned in `size` bytes. */
static enum dam_err integer(struct dam_rlp *rlp, uint8_t *ret, size_t size)
{
    struct dam_rlp rest = *rlp;
    struct dam_bytes bytes;
    DAM_TRY(dam_rlp_bytes(&rest, &bytes));
    if (bytes.len > 0 && bytes.data[0] == 0) {
        return DAM_EPARSE;
    }
    if (bytes.len > size) {
        return DAM_ERANGE;
    }
    *rlp = rest;
    memset(ret, 0, size);
    memcpy(ret + size - bytes.len, bytes.data, bytes.len);
    return DAM_OK;
}

enum dam_err dam_rlp_u64(struct dam_rlp *rlp, uint64_t *ret)
{
    uint8_t be[8];
    DAM_TRY(integer(rlp, be, sizeof(be)));
    *ret = dam_load_be64(be);
    return DAM_OK;
}

enum dam_err dam_rlp_u256(struct dam_rlp *rlp, struct dam_u256 *ret)
{
    uint8_t be[32];
    DAM_TRY(integer(rlp, be, sizeof(be)));
    *ret = dam_u256_load_be(be);
    return DAM_OK;
}

enum dam_err dam_rlp_end(const struct dam_rlp *rlp)
{
    return dam_rlp_at_end(rlp) ? DAM_OK : DAM_EPARSE;
}

enum dam_err dam_rlp_check(struct dam_bytes bytes)
{
    struct dam_rlp open[DAM_RLP_DEPTH_MAX];
    struct dam_rlp whole = dam_rlp(bytes);
    struct dam_rlp_item item;
    size_t depth = 0;
    DAM_TRY(dam_rlp_next(&whole, &item));
    DAM_TRY(dam_rlp_end(&whole));
    for (;;) {
        if (item.is_list) {
            if (depth == DAM_RLP_DEPTH_MAX) {
                return DAM_ERANGE;
            }
            open[depth++] = dam_rlp(item.payload);
        }
        while (depth > 0 && dam_rlp_at_end(&open[depth - 1])) {
            depth--;
        }
        if (depth == 0) {
            return DAM_OK;
        }
        DAM_TRY(dam_rlp_next(&open[depth - 1], &item));
    }
}

/* Writes the header of an item. Returns: its length. */
static size_t head(uint8_t ret[9], uint8_t base, size_t len)
{
    if (len <= 55) {
        ret[0] = (uint8_t)(base + len);
        return 1;
    }
    uint8_t be[8];
    dam_store_be64(be, len);
    size_t zeros = (size_t)__builtin_clzll(len) / 8;
    ret[0] = (uint8_t)(base + 55 + 8 - zeros);
    memcpy(ret + 1, be + zeros, 8 - zeros);
    return 9 - zeros;
}

void dam_rlp_put_bytes(struct dam_buf *buf, const void *data, size_t len)
{
    if (len == 1 && *(const uint8_t *)data < 0x80) {
        dam_buf_put(buf, data, 1);
        return;
    }
    uint8_t header[9];
    dam_buf_put(buf, header, head(header, 0x80, len));
    dam_buf_put(buf, data, len);
}

void dam_rlp_put_u64(struct dam_buf *buf, uint64_t value)
{
    uint8_t be[8];
    dam_store_be64(be, value);
    size_t zeros = value == 0 ? 8 : (size_t)__builtin_clzll(value) / 8;
    dam_rlp_put_bytes(buf, be + zeros, 8 - zeros);
}

void dam_rlp_put_u256(struct dam_buf *buf, const struct dam_u256 *value)
{
    uint8_t be[32];
    dam_u256_store_be(be, value);
    size_t zeros = 0;
    while (zeros < 32 && be[zeros] == 0) {
        zeros++;
    }
    dam_rlp_put_bytes(buf, be + zeros, 32 - zeros);
}

/* The header's length is known only now, so the items move up by it. */
void dam_rlp_put_list_end(struct dam_buf *buf, size_t start)
{
    uint8_t header[9];
    size_t len = buf->len - start;
    size_t header_len = head(header, 0xc0, len);
    if (dam_buf_reserve(buf, header_len) == NULL) {
        return;
    }
    memmove(buf->data + start + header_len, buf->data + start, len);
    memcpy(buf->data + start, header, header_len);
    buf->len += header_len;
}
