// SPDX-License-Identifier: Apache-2.0
/* The 2048-bit log filter of headers and receipts (Yellow Paper 4.3.1). Pure. */
#ifndef DAM_CORE_ETH_BLOOM_H
#define DAM_CORE_ETH_BLOOM_H

#include "base/bytes.h"

struct dam_bloom {
    uint8_t b[256];
};

/** Add an address or a topic by its Keccak hash. */
void dam_bloom_add_hash(struct dam_bloom *bloom, const struct dam_hash *hash);

/** *bloom |= *other. */
void dam_bloom_merge(struct dam_bloom *bloom, const struct dam_bloom *other);

/** Returns: false if data certainly was not added. */
bool dam_bloom_may_contain(const struct dam_bloom *bloom, const uint8_t *data, size_t len);

#endif
