// SPDX-License-Identifier: Apache-2.0
/* The SHA256_* calls of OpenSSL 1.1, which 3.0 keeps: the EVP interface fetches and allocates on
 * every hash, three times the cost of hashing 64 bytes. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "core/crypto/sha256.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct dam_sha256), "the opaque state is large enough");

void dam_sha256_init(struct dam_sha256 *state)
{
    (void)SHA256_Init((SHA256_CTX *)state->opaque); /* cannot fail: it only stores constants */
}

void dam_sha256_update(struct dam_sha256 *state, const uint8_t *data, size_t len)
{
    (void)SHA256_Update((SHA256_CTX *)state->opaque, data, len);
}

void dam_sha256_final(struct dam_sha256 *state, struct dam_hash *ret)
{
    (void)SHA256_Final(ret->b, (SHA256_CTX *)state->opaque);
}

void dam_sha256(const uint8_t *data, size_t len, struct dam_hash *ret)
{
    struct dam_sha256 state;
    dam_sha256_init(&state);
    dam_sha256_update(&state, data, len);
    dam_sha256_final(&state, ret);
}

void dam_hmac_sha256_init(struct dam_hmac_sha256 *state, const uint8_t *key, size_t key_len)
{
    uint8_t block[64] = {0};
    if (key_len > sizeof(block)) {
        struct dam_hash hash;
        dam_sha256(key, key_len, &hash);
        memcpy(block, hash.b, 32);
    } else if (key_len > 0) {
        memcpy(block, key, key_len);
    }
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] ^= 0x36;
    }
    dam_sha256_init(&state->inner);
    dam_sha256_update(&state->inner, block, sizeof(block));
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }
    dam_sha256_init(&state->outer);
    dam_sha256_update(&state->outer, block, sizeof(block));
    explicit_bzero(block, sizeof(block));
}

void dam_hmac_sha256_update(struct dam_hmac_sha256 *state, const uint8_t *data, size_t len)
{
    dam_sha256_update(&state->inner, data, len);
}

void dam_hmac_sha256_final(struct dam_hmac_sha256 *state, struct dam_hash *ret)
{
    struct dam_hash inner;
    dam_sha256_final(&state->inner, &inner);
    dam_sha256_update(&state->outer, inner.b, sizeof(inner.b));
    dam_sha256_final(&state->outer, ret);
}
