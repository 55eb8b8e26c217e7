// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/secp256k1.h"

#include "base/assert.h"
#include "core/crypto/keccak.h"

#include <secp256k1.h>
#include <secp256k1_preallocated.h>
#include <secp256k1_recovery.h>

/* Half the group order, rounded down. */
static const uint8_t half_order[32] = {
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
};

/* Signing needs a context with the blinding of the generator's table. It is small, so each call
 * builds its own on the stack: no heap, no state that threads would share. */
struct sign_context {
    _Alignas(16) uint8_t memory[512];
    secp256k1_context *ctx;
};

static void sign_context_open(struct sign_context *sign, const uint8_t key[32])
{
    DAM_ASSERT(secp256k1_context_preallocated_size(SECP256K1_CONTEXT_SIGN) <= sizeof(sign->memory));
    sign->ctx = secp256k1_context_preallocated_create(sign->memory, SECP256K1_CONTEXT_SIGN);
    /* Blinding against side channels needs a secret the observer does not choose; the key is one.
     * The signature does not depend on it. It fails only for a context without its table. */
    int blinded = secp256k1_context_randomize(sign->ctx, key);
    DAM_ASSERT(blinded == 1);
}

static void sign_context_close(struct sign_context *sign)
{
    secp256k1_context_preallocated_destroy(sign->ctx);
    explicit_bzero(sign->memory, sizeof(sign->memory));
}

static void pubkey_write(const secp256k1_pubkey *key, struct dam_secp256k1_pubkey *ret)
{
    uint8_t bytes[65];
    size_t len = sizeof(bytes);
    (void)secp256k1_ec_pubkey_serialize(secp256k1_context_static, bytes, &len, key,
                                        SECP256K1_EC_UNCOMPRESSED);
    memcpy(ret->xy, bytes + 1, sizeof(ret->xy));
}

enum dam_err dam_secp256k1_recover(const struct dam_hash *digest,
                                   const struct dam_secp256k1_sig *sig,
                                   struct dam_secp256k1_pubkey *ret)
{
    if (sig->y_parity > 1) {
        return DAM_ESIGNATURE;
    }
    uint8_t compact[64];
    memcpy(compact, sig->r, 32);
    memcpy(compact + 32, sig->s, 32);
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(secp256k1_context_static, &parsed,
                                                             compact, sig->y_parity) ||
        !secp256k1_ecdsa_recover(secp256k1_context_static, &key, &parsed, digest->b)) {
        return DAM_ESIGNATURE;
    }
    pubkey_write(&key, ret);
    return DAM_OK;
}

enum dam_err dam_secp256k1_recover_address(const struct dam_hash *digest,
                                           const struct dam_secp256k1_sig *sig,
                                           struct dam_address *ret)
{
    struct dam_secp256k1_pubkey key;
    DAM_TRY(dam_secp256k1_recover(digest, sig, &key));
    dam_secp256k1_address(&key, ret);
    return DAM_OK;
}

enum dam_err dam_secp256k1_sign(const uint8_t key[32], const struct dam_hash *digest,
                                struct dam_secp256k1_sig *ret)
{
    if (!secp256k1_ec_seckey_verify(secp256k1_context_static, key)) {
        return DAM_ERANGE;
    }
    struct sign_context sign;
    secp256k1_ecdsa_recoverable_signature made;
    sign_context_open(&sign, key);
    /* The default nonce function is RFC 6979; the library's signatures are always low-s. */
    int signed_ok = secp256k1_ecdsa_sign_recoverable(sign.ctx, &made, digest->b, key, NULL, NULL);
    sign_context_close(&sign);
    DAM_ASSERT(signed_ok == 1);
    uint8_t compact[64];
    int recovery_id = 0;
    (void)secp256k1_ecdsa_recoverable_signature_serialize_compact(secp256k1_context_static, compact,
                                                                  &recovery_id, &made);
    /* Ids 2 and 3 mean that the nonce's x was above the group order: nobody can find such a nonce.
     */
    DAM_ASSERT(recovery_id == 0 || recovery_id == 1);
    memcpy(ret->r, compact, 32);
    memcpy(ret->s, compact + 32, 32);
    ret->y_parity = (uint8_t)recovery_id;
    return DAM_OK;
}

enum dam_err dam_secp256k1_pubkey(const uint8_t key[32], struct dam_secp256k1_pubkey *ret)
{
    if (!secp256k1_ec_seckey_verify(secp256k1_context_static, key)) {
        return DAM_ERANGE;
    }
    struct sign_context sign;
    secp256k1_pubkey made;
    sign_context_open(&sign, key);
    int made_ok = secp256k1_ec_pubkey_create(sign.ctx, &made, key);
    sign_context_close(&sign);
    DAM_ASSERT(made_ok == 1);
    pubkey_write(&made, ret);
    return DAM_OK;
}

void dam_secp256k1_address(const struct dam_secp256k1_pubkey *pubkey, struct dam_address *ret)
{
    struct dam_hash hash;
    dam_keccak256(pubkey->xy, sizeof(pubkey->xy), &hash);
    memcpy(ret->b, hash.b + 12, sizeof(ret->b));
}

bool dam_secp256k1_is_low_s(const uint8_t s[32])
{
    return memcmp(s, half_order, 32) <= 0;
}

void dam_secp256k1_normalize_s(uint8_t s[32])
{
    uint8_t compact[64] = {[31] = 1}; /* any r */
    secp256k1_ecdsa_signature sig;
    memcpy(compact + 32, s, 32);
    if (secp256k1_ecdsa_signature_parse_compact(secp256k1_context_static, &sig, compact) &&
        secp256k1_ecdsa_signature_normalize(secp256k1_context_static, &sig, &sig)) {
        (void)secp256k1_ecdsa_signature_serialize_compact(secp256k1_context_static, compact, &sig);
        memcpy(s, compact + 32, 32);
    }
}
