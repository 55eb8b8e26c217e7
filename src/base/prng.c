// SPDX-License-Identifier: Apache-2.0
#include "base/prng.h"

#include "base/assert.h"

uint64_t dam_prng_next(struct dam_prng *prng)
{
    uint64_t z = (prng->state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t dam_prng_below(struct dam_prng *prng, uint64_t bound)
{
    DAM_ASSERT(bound > 0);
    return (uint64_t)((unsigned __int128)dam_prng_next(prng) * bound >> 64);
}

void dam_prng_fill(struct dam_prng *prng, uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)dam_prng_next(prng);
    }
}
