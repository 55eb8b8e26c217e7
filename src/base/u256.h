// SPDX-License-Identifier: Apache-2.0
/* 256-bit unsigned integers: four 64-bit limbs, least significant first. Values, not objects: no
 * memory, no failure. */
#ifndef DAM_BASE_U256_H
#define DAM_BASE_U256_H

#include "base/bytes.h"

struct dam_u256 {
    uint64_t w[4];
};

static inline struct dam_u256 dam_u256_from_u64(uint64_t v)
{
    return (struct dam_u256){{v, 0, 0, 0}};
}

static inline struct dam_u256 dam_u256_load_be(const uint8_t b[32])
{
    return (struct dam_u256){
        {dam_load_be64(b + 24), dam_load_be64(b + 16), dam_load_be64(b + 8), dam_load_be64(b)}};
}

static inline void dam_u256_store_be(uint8_t b[32], const struct dam_u256 *v)
{
    dam_store_be64(b, v->w[3]);
    dam_store_be64(b + 8, v->w[2]);
    dam_store_be64(b + 16, v->w[1]);
    dam_store_be64(b + 24, v->w[0]);
}

static inline bool dam_u256_is_zero(const struct dam_u256 *v)
{
    return (v->w[0] | v->w[1] | v->w[2] | v->w[3]) == 0;
}

static inline bool dam_u256_eq(const struct dam_u256 *a, const struct dam_u256 *b)
{
    return ((a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]) | (a->w[2] ^ b->w[2]) |
            (a->w[3] ^ b->w[3])) == 0;
}

/** Returns: true if a < b. */
static inline bool dam_u256_lt(const struct dam_u256 *a, const struct dam_u256 *b)
{
    for (int i = 3; i >= 0; i--) {
        if (a->w[i] != b->w[i]) {
            return a->w[i] < b->w[i];
        }
    }
    return false;
}

/** Returns: true if v fits a uint64, with *ret set. */
static inline bool dam_u256_to_u64(const struct dam_u256 *v, uint64_t *ret)
{
    if ((v->w[1] | v->w[2] | v->w[3]) != 0) {
        return false;
    }
    *ret = v->w[0];
    return true;
}

/** *ret = a + b mod 2^256. Returns: the carry. */
static inline bool dam_u256_add(struct dam_u256 *ret, const struct dam_u256 *a,
                                const struct dam_u256 *b)
{
    unsigned __int128 sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (unsigned __int128)a->w[i] + b->w[i];
        ret->w[i] = (uint64_t)sum;
        sum >>= 64;
    }
    return sum != 0;
}

/** *ret = a - b mod 2^256. Returns: the borrow. */
static inline bool dam_u256_sub(struct dam_u256 *ret, const struct dam_u256 *a,
                                const struct dam_u256 *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        unsigned __int128 diff = (unsigned __int128)a->w[i] - b->w[i] - borrow;
        ret->w[i] = (uint64_t)diff;
        borrow = (uint64_t)(diff >> 64) & 1;
    }
    return borrow != 0;
}

#endif
