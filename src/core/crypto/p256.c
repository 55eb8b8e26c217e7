// SPDX-License-Identifier: Apache-2.0
/* The EC_KEY calls of OpenSSL 1.1: building an EVP_PKEY from parameters costs as much as the
 * verification itself. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "core/crypto/p256.h"

#include "base/u256.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

/* The group order n. */
static const struct dam_u256 order = {
    {0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}};

bool dam_p256_verify(const struct dam_hash *digest, const uint8_t rs[64], const uint8_t xy[64])
{
    bool ok = false;
    EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(rs, 32, NULL);
    BIGNUM *s = BN_bin2bn(rs + 32, 32, NULL);
    uint8_t point[65] = {0x04};
    memcpy(point + 1, xy, 64);
    EC_POINT *public_key = key == NULL ? NULL : EC_POINT_new(EC_KEY_get0_group(key));
    if (key != NULL && sig != NULL && r != NULL && s != NULL && public_key != NULL &&
        ECDSA_SIG_set0(sig, r, s) == 1) {
        r = NULL; /* now the signature's */
        s = NULL;
        /* oct2point refuses coordinates at or above p and points off the curve; this encoding has
         * no infinity; the group has no cofactor. ECDSA_do_verify refuses r and s outside (0, n).
         */
        ok = EC_POINT_oct2point(EC_KEY_get0_group(key), public_key, point, sizeof(point), NULL) ==
                 1 &&
             EC_KEY_set_public_key(key, public_key) == 1 &&
             ECDSA_do_verify(digest->b, sizeof(digest->b), sig, key) == 1;
    }
    EC_POINT_free(public_key);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    EC_KEY_free(key);
    if (!ok) {
        ERR_clear_error();
    }
    return ok;
}

void dam_p256_normalize_s(uint8_t s[32])
{
    struct dam_u256 value = dam_u256_load_be(s);
    struct dam_u256 other;
    if (!dam_u256_is_zero(&value) && !dam_u256_sub(&other, &order, &value) &&
        dam_u256_lt(&other, &value)) {
        dam_u256_store_be(s, &other);
    }
}
