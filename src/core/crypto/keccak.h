// SPDX-License-Identifier: Apache-2.0
/* Keccak-256 as Ethereum uses it (the original padding 0x01, not SHA-3's 0x06). Called by nearly
 * every room: opcode KECCAK256, trie nodes, transaction hashes, addresses. Pure, no memory of its
 * own, reentrant. The batch form is for whoever holds many independent inputs at once. */
#ifndef DAM_CORE_CRYPTO_KECCAK_H
#define DAM_CORE_CRYPTO_KECCAK_H

#include "base/bytes.h"

/* Bytes absorbed by one permutation. */
#define DAM_KECCAK256_RATE 136u

/* An unfinished hash. The owner may copy it to fork the stream. */
struct dam_keccak256 {
    uint64_t lanes[25];
    uint8_t pending[DAM_KECCAK256_RATE];
    size_t pending_len; /* below DAM_KECCAK256_RATE */
};

/** Hash len bytes. In: data may be NULL when len is 0. ret may overlap data. */
void dam_keccak256(const uint8_t *data, size_t len, struct dam_hash *ret);

/* How one input is hashed: what the processor has decides, at run time. */
enum dam_keccak_kind {
    DAM_KECCAK_PORTABLE,
    DAM_KECCAK_BMI2,
    DAM_KECCAK_AVX512VL,
};

/** The best kind that this processor has; each lower one works, too. */
enum dam_keccak_kind dam_keccak256_kind(void);

/** One hash in a stated way, for tests and benchmarks. In: kind: at most dam_keccak256_kind(). */
void dam_keccak256_at(enum dam_keccak_kind kind, const uint8_t *data, size_t len,
                      struct dam_hash *ret);

/** Start, feed any number of times, finish. Finish leaves the state unusable until the next init.
 */
void dam_keccak256_init(struct dam_keccak256 *state);
void dam_keccak256_update(struct dam_keccak256 *state, const uint8_t *data, size_t len);
void dam_keccak256_final(struct dam_keccak256 *state, struct dam_hash *ret);

/** Hash count independent inputs: ret[i] = keccak256(inputs[i]).
 *  Inputs may differ in length; it is fastest when many have about the same. On x86-64 eight
 *  (AVX-512) or four (AVX2) run side by side, chosen at run time: about 5x and 2.5x the rate of
 *  dam_keccak256. In: ret: count places; must not overlap the inputs. */
void dam_keccak256_batch(const struct dam_bytes *inputs, size_t count, struct dam_hash *ret);

/* How many inputs a batch works on at once. */
enum dam_keccak_width {
    DAM_KECCAK_WIDTH_1 = 1,
    DAM_KECCAK_WIDTH_4 = 4,
    DAM_KECCAK_WIDTH_8 = 8,
};

/** The width that dam_keccak256_batch uses on this processor. */
enum dam_keccak_width dam_keccak256_batch_width(void);

/** The batch at a stated width, for tests and benchmarks. In: width: at most
 * dam_keccak256_batch_width(). */
void dam_keccak256_batch_at(enum dam_keccak_width width, const struct dam_bytes *inputs,
                            size_t count, struct dam_hash *ret);

#endif
