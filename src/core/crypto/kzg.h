// SPDX-License-Identifier: Apache-2.0
/* KZG point evaluation for EIP-4844 (precompile 0x0a), straight on blst: the check needs only one
 * point of the ceremony, so the 4,096-point set-up (2.4 s) is never loaded. */
#ifndef DAM_CORE_CRYPTO_KZG_H
#define DAM_CORE_CRYPTO_KZG_H

#include "base/bytes.h"

/** Does the polynomial behind commitment take the value y at z?
 *  Returns: true if proof shows it; false if it does not or anything is malformed: z or y not below
 *  the BLS modulus, a commitment or proof that is not a compressed point of the subgroup. */
bool dam_kzg_verify(const uint8_t commitment[48], const uint8_t z[32], const uint8_t y[32],
                    const uint8_t proof[48]);

#endif
