// SPDX-License-Identifier: Apache-2.0
/* The BLAKE2b compression function F with a free number of rounds: EIP-152, RFC 7693 section 3.2.
 */
#ifndef DAM_CORE_CRYPTO_BLAKE2F_H
#define DAM_CORE_CRYPTO_BLAKE2F_H

#include "base/bytes.h"

/** Compress one block. In: h: the state, replaced; m: the message block; t: the offset counter, low
 * word first; last: true for the final block. */
void dam_blake2f(uint32_t rounds, uint64_t h[8], const uint64_t m[16], const uint64_t t[2],
                 bool last);

/** The same without vector instructions; dam_blake2f chooses at run time. For tests. */
void dam_blake2f_portable(uint32_t rounds, uint64_t h[8], const uint64_t m[16], const uint64_t t[2],
                          bool last);

#endif
