// SPDX-License-Identifier: Apache-2.0
/* Seeded pseudo-random numbers (SplitMix64) for tests, simulation and jitter. Never for keys. */
#ifndef DAM_BASE_PRNG_H
#define DAM_BASE_PRNG_H

#include "base/bytes.h"

struct dam_prng {
    uint64_t state;
};

/** The next 64 bits. */
uint64_t dam_prng_next(struct dam_prng *prng);

/** A number in [0, bound), without modulo bias that matters for tests. In: bound: above 0. */
uint64_t dam_prng_below(struct dam_prng *prng, uint64_t bound);

/** Fill a buffer. */
void dam_prng_fill(struct dam_prng *prng, uint8_t *data, size_t len);

#endif
