// SPDX-License-Identifier: Apache-2.0
/* ABI values to bytes and back. */
#include "base/utf8.h"
#include "core/eth/abi.h"

#define WORD 32u

static size_t padded(size_t len)
{
    return (len + WORD - 1) / WORD * WORD;
}

/* Is value a number of so many bits? Signed: is it the sign extension of its low bits? */
static bool number_fits(const struct dam_u256 *value, unsigned bits, bool is_signed)
{
    if (bits == 256) {
        return true;
    }
    unsigned limb = bits / 64;
    unsigned shift = bits % 64;
    uint64_t fill = 0;
    if (is_signed) {
        unsigned top = bits - 1;
        fill = (value->w[top / 64] >> top % 64 & 1) != 0 ? UINT64_MAX : 0;
    }
    bool fits =
        (value->w[limb] | ((UINT64_C(1) << shift) - 1)) == (fill | ((UINT64_C(1) << shift) - 1));
    for (unsigned i = limb + 1; i < 4; i++) {
        fits = fits && value->w[i] == fill;
    }
    return fits;
}

static bool word_fits(const struct dam_abi_type *type, const struct dam_u256 *word)
{
    return number_fits(word, type->size, type->kind == DAM_ABI_INT);
}

/* The members of a tuple or the items of an array, one after the other. */
static const struct dam_abi_type *item_type(const struct dam_abi_type *type, size_t index)
{
    return type->kind == DAM_ABI_TUPLE ? type->members[index].type : type->item;
}

static enum dam_err encode(const struct dam_abi_type *type, const struct dam_abi_value *value,
                           struct dam_buf *buf);

static void size_put(size_t size, struct dam_buf *buf)
{
    uint8_t word[WORD] = {0};
    dam_store_be64(word + 24, size);
    dam_buf_put(buf, word, sizeof(word));
}

/* Heads first, then the tails that dynamic items' heads point to. */
static enum dam_err encode_items(const struct dam_abi_type *type, const struct dam_abi_value *items,
                                 size_t count, struct dam_buf *buf)
{
    size_t start = buf->len;
    for (size_t i = 0; i < count; i++) {
        const struct dam_abi_type *item = item_type(type, i);
        if (item->is_dynamic) {
            dam_buf_put_zeros(buf, WORD);
        } else {
            DAM_TRY(encode(item, &items[i], buf));
        }
    }
    size_t head = start;
    for (size_t i = 0; i < count; i++) {
        const struct dam_abi_type *item = item_type(type, i);
        DAM_TRY(dam_buf_err(buf));
        if (item->is_dynamic) {
            dam_store_be64(buf->data + head + 24, buf->len - start);
            DAM_TRY(encode(item, &items[i], buf));
        }
        head += item->head_len;
    }
    return dam_buf_err(buf);
}

static enum dam_err encode(const struct dam_abi_type *type, const struct dam_abi_value *value,
                           struct dam_buf *buf)
{
    uint8_t word[WORD];
    switch (type->kind) {
    case DAM_ABI_UINT:
    case DAM_ABI_INT:
    case DAM_ABI_ADDRESS:
    case DAM_ABI_BOOL:
        if (!word_fits(type, &value->word)) {
            return DAM_ERANGE;
        }
        dam_u256_store_be(word, &value->word);
        dam_buf_put(buf, word, sizeof(word));
        break;
    case DAM_ABI_STRING:
        if (!dam_utf8_is_valid(value->bytes.data, value->bytes.len)) {
            return DAM_ERANGE;
        }
        __attribute__((fallthrough));
    case DAM_ABI_BYTES:
        size_put(value->bytes.len, buf);
        dam_buf_put(buf, value->bytes.data, value->bytes.len);
        dam_buf_put_zeros(buf, padded(value->bytes.len) - value->bytes.len);
        break;
    case DAM_ABI_FIXED_BYTES:
        if (value->bytes.len != type->size) {
            return DAM_ERANGE;
        }
        dam_buf_put(buf, value->bytes.data, value->bytes.len);
        dam_buf_put_zeros(buf, WORD - value->bytes.len);
        break;
    case DAM_ABI_LIST:
        size_put(value->count, buf);
        return encode_items(type, value->items, value->count, buf);
    case DAM_ABI_ARRAY:
    case DAM_ABI_TUPLE:
        return value->count == type->size ? encode_items(type, value->items, value->count, buf)
                                          : DAM_ERANGE;
    }
    return dam_buf_err(buf);
}

enum dam_err dam_abi_encode(const struct dam_abi_type *tuple, const struct dam_abi_value *values,
                            size_t count, struct dam_buf *buf)
{
    struct dam_abi_value value = {.items = values, .count = count};
    return encode(tuple, &value, buf);
}

/* Leaves of abi.encodePacked. */
static enum dam_err packed_put(const struct dam_abi_type *type, const struct dam_abi_value *value,
                               struct dam_buf *buf)
{
    uint8_t word[WORD];
    switch (type->kind) {
    case DAM_ABI_UINT:
    case DAM_ABI_INT:
    case DAM_ABI_ADDRESS:
    case DAM_ABI_BOOL: {
        size_t len = type->kind == DAM_ABI_BOOL ? 1 : type->size / 8;
        if (!word_fits(type, &value->word)) {
            return DAM_ERANGE;
        }
        dam_u256_store_be(word, &value->word);
        dam_buf_put(buf, word + WORD - len, len);
        return dam_buf_err(buf);
    }
    case DAM_ABI_FIXED_BYTES:
    case DAM_ABI_BYTES:
    case DAM_ABI_STRING:
        if (type->kind == DAM_ABI_FIXED_BYTES && value->bytes.len != type->size) {
            return DAM_ERANGE;
        }
        dam_buf_put(buf, value->bytes.data, value->bytes.len);
        return dam_buf_err(buf);
    case DAM_ABI_ARRAY:
    case DAM_ABI_LIST:
        if (type->item->is_dynamic || type->item->kind == DAM_ABI_TUPLE ||
            (type->kind == DAM_ABI_ARRAY && value->count != type->size)) {
            return DAM_ERANGE;
        }
        for (size_t i = 0; i < value->count; i++) {
            DAM_TRY(encode(type->item, &value->items[i], buf));
        }
        return DAM_OK;
    case DAM_ABI_TUPLE:
        break;
    }
    return DAM_ERANGE; /* Solidity has no packed form for structs */
}

enum dam_err dam_abi_encode_packed(const struct dam_abi_type *tuple,
                                   const struct dam_abi_value *values, size_t count,
                                   struct dam_buf *buf)
{
    if (count != tuple->size) {
        return DAM_ERANGE;
    }
    for (size_t i = 0; i < count; i++) {
        DAM_TRY(packed_put(tuple->members[i].type, &values[i], buf));
    }
    return DAM_OK;
}

struct reader {
    struct dam_arena *arena;
    size_t words_left; /* each word of the input may be used once */
};

static enum dam_err words_use(struct reader *r, size_t count)
{
    if (count > r->words_left) {
        return DAM_EPARSE;
    }
    r->words_left -= count;
    return DAM_OK;
}

/* A length or an offset: a word that must not exceed what follows it. */
static enum dam_err size_read(struct reader *r, struct dam_bytes data, size_t at, size_t size_max,
                              size_t *ret)
{
    uint64_t size;
    if (at > data.len || data.len - at < WORD) {
        return DAM_EPARSE;
    }
    struct dam_u256 word = dam_u256_load_be(data.data + at);
    DAM_TRY(words_use(r, 1));
    if (!dam_u256_to_u64(&word, &size) || size > size_max) {
        return DAM_EPARSE;
    }
    *ret = (size_t)size;
    return DAM_OK;
}

static bool zeros(const uint8_t *data, size_t len)
{
    uint8_t all = 0;
    for (size_t i = 0; i < len; i++) {
        all |= data[i];
    }
    return all == 0;
}

/* The string whose bytes begin at data and end in zeros up to a whole word. */
static enum dam_err string_read(struct reader *r, struct dam_bytes data, size_t len, bool is_text,
                                struct dam_abi_value *ret)
{
    if (padded(len) > data.len || !zeros(data.data + len, padded(len) - len) ||
        (is_text && !dam_utf8_is_valid(data.data, len))) {
        return DAM_EPARSE;
    }
    ret->bytes = dam_bytes(data.data, len);
    return words_use(r, padded(len) / WORD);
}

static enum dam_err decode(struct reader *r, const struct dam_abi_type *type, struct dam_bytes data,
                           struct dam_abi_value *ret);

/* data: from where the offsets of this tuple or array count. */
static enum dam_err decode_items(struct reader *r, const struct dam_abi_type *type, size_t count,
                                 struct dam_bytes data, struct dam_abi_value *ret)
{
    struct dam_abi_value *items = dam_arena_zalloc(r->arena, count * sizeof(*items));
    size_t head = 0;
    if (items == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct dam_abi_type *item = item_type(type, i);
        size_t at = head;
        if (item->is_dynamic) {
            DAM_TRY(size_read(r, data, head, data.len, &at));
        } else if (head > data.len) {
            return DAM_EPARSE;
        }
        DAM_TRY(decode(r, item, dam_bytes_from(data, at), &items[i]));
        head += item->head_len;
    }
    ret->items = items;
    ret->count = count;
    return DAM_OK;
}

static enum dam_err decode_leaf(struct reader *r, const struct dam_abi_type *type,
                                struct dam_bytes data, struct dam_abi_value *ret)
{
    if (data.len < WORD) {
        return DAM_EPARSE;
    }
    DAM_TRY(words_use(r, 1));
    if (type->kind == DAM_ABI_FIXED_BYTES) {
        ret->bytes = dam_bytes(data.data, type->size);
        return zeros(data.data + type->size, WORD - type->size) ? DAM_OK : DAM_EPARSE;
    }
    ret->word = dam_u256_load_be(data.data);
    return word_fits(type, &ret->word) ? DAM_OK : DAM_EPARSE;
}

static enum dam_err decode(struct reader *r, const struct dam_abi_type *type, struct dam_bytes data,
                           struct dam_abi_value *ret)
{
    size_t size;
    switch (type->kind) {
    case DAM_ABI_UINT:
    case DAM_ABI_INT:
    case DAM_ABI_ADDRESS:
    case DAM_ABI_BOOL:
    case DAM_ABI_FIXED_BYTES:
        return decode_leaf(r, type, data, ret);
    case DAM_ABI_BYTES:
    case DAM_ABI_STRING:
        DAM_TRY(size_read(r, data, 0, data.len, &size));
        return string_read(r, dam_bytes_from(data, WORD), size, type->kind == DAM_ABI_STRING, ret);
    case DAM_ABI_LIST:
        DAM_TRY(size_read(r, data, 0, data.len / type->item->head_len, &size));
        return decode_items(r, type, size, dam_bytes_from(data, WORD), ret);
    case DAM_ABI_ARRAY:
        if (type->size > data.len / type->item->head_len) {
            return DAM_EPARSE;
        }
        return decode_items(r, type, type->size, data, ret);
    case DAM_ABI_TUPLE:
        return decode_items(r, type, type->size, data, ret);
    }
    return DAM_EPARSE;
}

enum dam_err dam_abi_decode(struct dam_arena *arena, const struct dam_abi_type *tuple,
                            struct dam_bytes bytes, const struct dam_abi_value **ret)
{
    struct reader r = {.arena = arena, .words_left = bytes.len / WORD};
    struct dam_abi_value value = {0};
    DAM_TRY(decode(&r, tuple, bytes, &value));
    *ret = value.items;
    return DAM_OK;
}
