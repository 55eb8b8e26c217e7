// SPDX-License-Identifier: Apache-2.0
#define OPENSSL_API_COMPAT 0x10100000L /* as in sha256.c */
#include "core/crypto/ripemd160.h"

#include <openssl/ripemd.h>

void dam_ripemd160(const uint8_t *data, size_t len, uint8_t ret[20])
{
    RIPEMD160_CTX state;
    (void)RIPEMD160_Init(&state);
    (void)RIPEMD160_Update(&state, data, len);
    (void)RIPEMD160_Final(ret, &state);
}
