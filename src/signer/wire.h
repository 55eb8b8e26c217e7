// SPDX-License-Identifier: Apache-2.0
/* Private to the signer: big-endian fields written or read front to back, for its messages and its
 * file, and the two structures that are in both. Writing past the end is our bug; reading past it
 * gives zeros and marks the cursor bad, so a reader checks once, at the end. */
#ifndef DAM_SIGNER_WIRE_H
#define DAM_SIGNER_WIRE_H

#include "base/assert.h"
#include "signer/state.h"

struct wire {
    uint8_t *to;
    const uint8_t *from;
    size_t at;
    size_t len;
    bool bad;
};

static inline struct wire wire_writer(uint8_t *to, size_t len)
{
    return (struct wire){.to = to, .len = len};
}

static inline struct wire wire_reader(const uint8_t *from, size_t len)
{
    return (struct wire){.from = from, .len = len};
}

static inline void wire_put(struct wire *w, const void *data, size_t len)
{
    DAM_ASSERT(w->len - w->at >= len);
    if (len > 0) {
        memcpy(w->to + w->at, data, len);
    }
    w->at += len;
}

static inline void wire_put_u8(struct wire *w, uint8_t value)
{
    wire_put(w, &value, 1);
}

static inline void wire_put_u32(struct wire *w, uint32_t value)
{
    uint8_t bytes[4];
    dam_store_be32(bytes, value);
    wire_put(w, bytes, 4);
}

static inline void wire_put_u64(struct wire *w, uint64_t value)
{
    uint8_t bytes[8];
    dam_store_be64(bytes, value);
    wire_put(w, bytes, 8);
}

static inline void wire_put_u256(struct wire *w, const struct dam_u256 *value)
{
    uint8_t bytes[32];
    dam_u256_store_be(bytes, value);
    wire_put(w, bytes, 32);
}

/** The next len bytes in place. Returns: NULL, and the cursor is bad, if there are fewer. */
static inline const uint8_t *wire_view(struct wire *w, size_t len)
{
    if (w->bad || w->len - w->at < len) {
        w->bad = true;
        return NULL;
    }
    w->at += len;
    return w->from + w->at - len;
}

static inline void wire_get(struct wire *w, void *ret, size_t len)
{
    const uint8_t *bytes = wire_view(w, len);
    if (bytes == NULL) {
        memset(ret, 0, len);
    } else if (len > 0) {
        memcpy(ret, bytes, len);
    }
}

static inline uint8_t wire_get_u8(struct wire *w)
{
    uint8_t value;
    wire_get(w, &value, 1);
    return value;
}

static inline uint32_t wire_get_u32(struct wire *w)
{
    uint8_t bytes[4];
    wire_get(w, bytes, 4);
    return dam_load_be32(bytes);
}

static inline uint64_t wire_get_u64(struct wire *w)
{
    uint8_t bytes[8];
    wire_get(w, bytes, 8);
    return dam_load_be64(bytes);
}

static inline struct dam_u256 wire_get_u256(struct wire *w)
{
    uint8_t bytes[32];
    wire_get(w, bytes, 32);
    return dam_u256_load_be(bytes);
}

static inline void wire_put_checkpoint(struct wire *w,
                                       const struct dam_signer_checkpoint *checkpoint)
{
    wire_put_u64(w, checkpoint->size);
    wire_put(w, checkpoint->root.b, 32);
    wire_put_u64(w, checkpoint->time);
}

static inline void wire_get_checkpoint(struct wire *w, struct dam_signer_checkpoint *ret)
{
    ret->size = wire_get_u64(w);
    wire_get(w, ret->root.b, 32);
    ret->time = wire_get_u64(w);
}

/** All of a frame but its permissions, which a message has before it and the file behind it. */
static inline void wire_put_frame(struct wire *w, const struct dam_signer_pin *pin)
{
    wire_put_u64(w, pin->version);
    wire_put_u64(w, pin->chain_id);
    wire_put(w, pin->account.b, 20);
    wire_put(w, pin->key.b, 20);
    wire_put(w, pin->machine.b, 32);
    wire_put(w, pin->evidence.b, 20);
    wire_put(w, pin->oracle.b, 20);
    wire_put(w, pin->approver.b, 20);
    wire_put(w, pin->policy_hash.b, 32);
    wire_put_u256(w, &pin->max_fee);
    wire_put_u256(w, &pin->fee_per_day);
    wire_put_u64(w, pin->gas_limit_max);
}

static inline void wire_get_frame(struct wire *w, struct dam_signer_pin *ret)
{
    ret->version = wire_get_u64(w);
    ret->chain_id = wire_get_u64(w);
    wire_get(w, ret->account.b, 20);
    wire_get(w, ret->key.b, 20);
    wire_get(w, ret->machine.b, 32);
    wire_get(w, ret->evidence.b, 20);
    wire_get(w, ret->oracle.b, 20);
    wire_get(w, ret->approver.b, 20);
    wire_get(w, ret->policy_hash.b, 32);
    ret->max_fee = wire_get_u256(w);
    ret->fee_per_day = wire_get_u256(w);
    ret->gas_limit_max = wire_get_u64(w);
}

/** Was everything there, and nothing more? */
static inline bool wire_done(const struct wire *w)
{
    return !w->bad && w->at == w->len;
}

#endif
