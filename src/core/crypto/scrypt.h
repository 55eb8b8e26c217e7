// SPDX-License-Identifier: Apache-2.0
/* scrypt (RFC 7914), for keystores. Ours because OpenSSL refuses N of 2^(16 r) and more, which
 * keystores in the wild (and the official vectors) have, and because its memory must come from the
 * caller. Not constant time in its memory accesses: that is scrypt's own design. */
#ifndef DAM_CORE_CRYPTO_SCRYPT_H
#define DAM_CORE_CRYPTO_SCRYPT_H

#include "base/arena.h"

/** Derive ret_len bytes.
 *  Returns: DAM_OK; DAM_ERANGE if n is no power of two above 1, r or p is 0, or the sizes overflow;
 *           DAM_ENOMEM.
 *  In:      arena: gives 128 * r * (n + p + 2) bytes, all given back and wiped. */
DAM_MUST_USE enum dam_err dam_scrypt(struct dam_arena *arena, struct dam_bytes password,
                                     struct dam_bytes salt, uint64_t n, uint32_t r, uint32_t p,
                                     uint8_t *ret, size_t ret_len);

#endif
