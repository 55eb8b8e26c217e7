// SPDX-License-Identifier: Apache-2.0
/* SHA-256: the evidence log (RFC 6962), the 0x02 precompile, KZG versioned hashes. OpenSSL's
 * compression function behind an interface that cannot fail and takes no memory. */
#ifndef DAM_CORE_CRYPTO_SHA256_H
#define DAM_CORE_CRYPTO_SHA256_H

#include "base/bytes.h"

/* An unfinished hash, opaque; the owner may copy it to fork the stream. */
struct dam_sha256 {
    _Alignas(16) uint8_t opaque[128];
};

/** Hash len bytes. In: data may be NULL when len is 0. */
void dam_sha256(const uint8_t *data, size_t len, struct dam_hash *ret);

/** Start, feed any number of times, finish. */
void dam_sha256_init(struct dam_sha256 *state);
void dam_sha256_update(struct dam_sha256 *state, const uint8_t *data, size_t len);
void dam_sha256_final(struct dam_sha256 *state, struct dam_hash *ret);

/* An unfinished HMAC-SHA-256 (RFC 2104). */
struct dam_hmac_sha256 {
    struct dam_sha256 inner;
    struct dam_sha256 outer;
};

/** Start under a key, feed, finish. In: key: any length, borrowed for the call. The state holds the
 * key's digest: wipe it where the key is secret. */
void dam_hmac_sha256_init(struct dam_hmac_sha256 *state, const uint8_t *key, size_t key_len);
void dam_hmac_sha256_update(struct dam_hmac_sha256 *state, const uint8_t *data, size_t len);
void dam_hmac_sha256_final(struct dam_hmac_sha256 *state, struct dam_hash *ret);

#endif
