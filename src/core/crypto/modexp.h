// SPDX-License-Identifier: Apache-2.0
/* base ^ exponent mod modulus on big-endian integers of any length, by GMP. For the 0x05
 * precompile; the gas schedule that bounds the lengths is core/evm/precompile.c's. */
#ifndef DAM_CORE_CRYPTO_MODEXP_H
#define DAM_CORE_CRYPTO_MODEXP_H

#include "base/bytes.h"

/** ret = base ^ exponent mod modulus; 0 if the modulus is 0 or 1; 0 ^ 0 is 1.
 *  Out: ret: modulus.len bytes, big-endian with leading zeros. May not overlap the inputs.
 *  Not constant-time, not for secrets. GMP takes scratch memory from the heap and gives it back. */
void dam_modexp(struct dam_bytes base, struct dam_bytes exponent, struct dam_bytes modulus,
                uint8_t *ret);

#endif
