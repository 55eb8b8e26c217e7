// SPDX-License-Identifier: Apache-2.0
/* RIPEMD-160, for the 0x03 precompile only. */
#ifndef DAM_CORE_CRYPTO_RIPEMD160_H
#define DAM_CORE_CRYPTO_RIPEMD160_H

#include "base/bytes.h"

/** Hash len bytes. In: data may be NULL when len is 0. */
void dam_ripemd160(const uint8_t *data, size_t len, uint8_t ret[20]);

#endif
