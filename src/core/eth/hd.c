// SPDX-License-Identifier: Apache-2.0
#include "core/eth/hd.h"

#include "core/crypto/secp256k1.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <secp256k1.h>

#define SEED_ROUNDS 2048 /* BIP-39 */
#define HARDENED 0x80000000u
#define PASSPHRASE_MAX 256u

/* A node of the tree: key and chain code. */
struct hd_node {
    uint8_t key[32];
    uint8_t chain[32];
};

enum dam_err dam_hd_seed(const char *mnemonic, const char *passphrase, uint8_t ret[64])
{
    char salt[8 + PASSPHRASE_MAX] = "mnemonic";
    size_t len = strlen(passphrase);
    if (len > PASSPHRASE_MAX) {
        return DAM_ENOMEM;
    }
    memcpy(salt + 8, passphrase, len);
    int ok = PKCS5_PBKDF2_HMAC(mnemonic, (int)strlen(mnemonic), (const uint8_t *)salt,
                               (int)(8 + len), SEED_ROUNDS, EVP_sha512(), 64, ret);
    OPENSSL_cleanse(salt, sizeof(salt));
    return ok == 1 ? DAM_OK : DAM_ENOMEM;
}

/* HMAC-SHA512 split in two, BIP-32's "I". */
static enum dam_err split_hmac(const void *key, size_t key_len, const uint8_t *data, size_t len,
                               struct hd_node *ret)
{
    uint8_t out[64];
    unsigned out_len = 0;
    if (HMAC(EVP_sha512(), key, (int)key_len, data, len, out, &out_len) == NULL || out_len != 64) {
        return DAM_ENOMEM;
    }
    memcpy(ret->key, out, 32);
    memcpy(ret->chain, out + 32, 32);
    OPENSSL_cleanse(out, sizeof(out));
    return DAM_OK;
}

/* BIP-32, "private parent key to private child key". */
static enum dam_err child(struct hd_node *node, uint32_t index)
{
    uint8_t data[37] = {0};
    struct hd_node tweak;
    if ((index & HARDENED) != 0) {
        memcpy(data + 1, node->key, 32);
    } else {
        struct dam_secp256k1_pubkey key;
        DAM_TRY(dam_secp256k1_pubkey(node->key, &key));
        data[0] = (uint8_t)(2 + (key.xy[63] & 1));
        memcpy(data + 1, key.xy, 32);
    }
    dam_store_be32(data + 33, index);
    enum dam_err err = split_hmac(node->chain, sizeof(node->chain), data, sizeof(data), &tweak);
    if (err == DAM_OK &&
        secp256k1_ec_seckey_tweak_add(secp256k1_context_static, node->key, tweak.key) != 1) {
        err = DAM_ERANGE;
    }
    memcpy(node->chain, tweak.chain, sizeof(node->chain));
    OPENSSL_cleanse(data, sizeof(data));
    OPENSSL_cleanse(&tweak, sizeof(tweak));
    return err;
}

/* One "/44'" of a path. Returns: what follows it, or NULL if it is malformed. */
static const char *step_read(const char *path, uint32_t *ret)
{
    uint64_t index = 0;
    const char *at = path + 1;
    if (*path != '/' || *at < '0' || *at > '9') {
        return NULL;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        index = index * 10 + (uint64_t)(*at - '0');
        if (index >= HARDENED) {
            return NULL;
        }
    }
    if (*at == '\'' || *at == 'h') {
        index |= HARDENED;
        at++;
    }
    *ret = (uint32_t)index;
    return at;
}

enum dam_err dam_hd_derive(const uint8_t *seed, size_t seed_len, const char *path, uint8_t ret[32])
{
    struct hd_node node;
    if (path[0] != 'm') {
        return DAM_EPARSE;
    }
    enum dam_err err = split_hmac("Bitcoin seed", 12, seed, seed_len, &node);
    for (const char *at = path + 1; err == DAM_OK && *at != '\0';) {
        uint32_t index;
        at = step_read(at, &index);
        if (at == NULL) {
            err = DAM_EPARSE;
            break;
        }
        err = child(&node, index);
    }
    if (err == DAM_OK) {
        memcpy(ret, node.key, sizeof(node.key));
    }
    OPENSSL_cleanse(&node, sizeof(node));
    return err;
}

enum dam_err dam_hd_account(const char *mnemonic, uint32_t index, uint8_t ret[32])
{
    static const char front[] = "m/44'/60'/0'/0/";
    char path[sizeof(front) + 10];
    char digits[10];
    size_t count = 0;
    size_t len = sizeof(front) - 1;
    uint8_t seed[64];
    memcpy(path, front, len);
    for (uint32_t rest = index; count == 0 || rest != 0; rest /= 10) {
        digits[count++] = (char)('0' + rest % 10);
    }
    while (count > 0) {
        path[len++] = digits[--count];
    }
    path[len] = '\0';
    DAM_TRY(dam_hd_seed(mnemonic, "", seed));
    enum dam_err err = dam_hd_derive(seed, sizeof(seed), path, ret);
    OPENSSL_cleanse(seed, sizeof(seed));
    return err;
}
