// SPDX-License-Identifier: Apache-2.0
/* Bytes: borrowed views, the two fixed sizes that Ethereum is made of, and loads and stores
 * of either byte order. Header only, no memory of its own. */
#ifndef DAM_BASE_BYTES_H
#define DAM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed view of bytes that somebody else owns. data may be NULL when len is 0. */
struct dam_bytes {
    const uint8_t *data;
    size_t len;
};

/* 32 bytes: a hash, a storage key, a topic. */
struct dam_hash {
    uint8_t b[32];
};

/* 20 bytes: an account. */
struct dam_address {
    uint8_t b[20];
};

static inline struct dam_bytes dam_bytes(const void *data, size_t len)
{
    return (struct dam_bytes){data, len};
}

/** What is behind the first `at` of them, which there must be. */
static inline struct dam_bytes dam_bytes_from(struct dam_bytes bytes, size_t at)
{
    return at == 0 ? bytes : dam_bytes(bytes.data + at, bytes.len - at);
}

static inline bool dam_bytes_eq(struct dam_bytes a, struct dam_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Are they this text, without its NUL? */
static inline bool dam_bytes_is(struct dam_bytes bytes, const char *text)
{
    return dam_bytes_eq(bytes, dam_bytes(text, strlen(text)));
}

static inline bool dam_hash_eq(const struct dam_hash *a, const struct dam_hash *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool dam_address_eq(const struct dam_address *a, const struct dam_address *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline uint16_t dam_load_be16(const uint8_t *p)
{
    return (uint16_t)((uint16_t)p[0] << 8 | p[1]);
}

static inline uint32_t dam_load_be32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

static inline uint64_t dam_load_be64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint64_t dam_load_le64(const uint8_t *p)
{
    return __builtin_bswap64(dam_load_be64(p));
}

static inline void dam_store_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void dam_store_be32(uint8_t *p, uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    memcpy(p, &v, sizeof(v));
}

static inline void dam_store_be64(uint8_t *p, uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(p, &v, sizeof(v));
}

static inline void dam_store_le64(uint8_t *p, uint64_t v)
{
    dam_store_be64(p, __builtin_bswap64(v));
}

#endif
