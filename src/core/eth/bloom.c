// SPDX-License-Identifier: Apache-2.0
#include "core/eth/bloom.h"

#include "core/crypto/keccak.h"

/* The three bits of some data: the low 11 bits of the first three 16-bit words of its hash. */
static void bits_of(const struct dam_hash *hash, uint16_t ret[3])
{
    for (size_t i = 0; i < 3; i++) {
        ret[i] = dam_load_be16(hash->b + 2 * i) & 2047;
    }
}

void dam_bloom_add_hash(struct dam_bloom *bloom, const struct dam_hash *hash)
{
    uint16_t bits[3];
    bits_of(hash, bits);
    for (size_t i = 0; i < 3; i++) {
        bloom->b[255 - bits[i] / 8] |= (uint8_t)(1u << bits[i] % 8);
    }
}

void dam_bloom_merge(struct dam_bloom *bloom, const struct dam_bloom *other)
{
    for (size_t i = 0; i < sizeof(bloom->b); i++) {
        bloom->b[i] |= other->b[i];
    }
}

bool dam_bloom_may_contain(const struct dam_bloom *bloom, const uint8_t *data, size_t len)
{
    struct dam_hash hash;
    uint16_t bits[3];
    dam_keccak256(data, len, &hash);
    bits_of(&hash, bits);
    bool all = true;
    for (size_t i = 0; i < 3; i++) {
        all = all && (bloom->b[255 - bits[i] / 8] >> bits[i] % 8 & 1) != 0;
    }
    return all;
}
