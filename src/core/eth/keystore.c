// SPDX-License-Identifier: Apache-2.0
#include "core/eth/keystore.h"

#include "core/crypto/keccak.h"
#include "core/crypto/scrypt.h"
#include "core/eth/address.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define DERIVED_LEN 32u
#define SALT_LEN_MAX 256u
/* Bounds on what a file may ask for: eight times geth's own memory and far above any count. */
#define SCRYPT_MEMORY_MAX (2048ull << 20)
#define SCRYPT_P_MAX 64u
#define PBKDF2_ROUNDS_MAX 100000000u

struct kdf {
    bool is_scrypt;
    uint64_t n; /* scrypt's cost, or PBKDF2's rounds */
    uint64_t r;
    uint64_t p;
    struct dam_bytes salt;
};

/* Everything a keystore file holds that decrypting needs. */
struct sealed {
    struct kdf kdf;
    uint8_t iv[16];
    struct dam_bytes ciphertext;
    uint8_t mac[32];
};

static enum dam_err scrypt_read(const struct dam_json *params, struct kdf *ret)
{
    DAM_TRY(dam_json_u64(dam_json_get(params, "n"), &ret->n));
    DAM_TRY(dam_json_u64(dam_json_get(params, "r"), &ret->r));
    DAM_TRY(dam_json_u64(dam_json_get(params, "p"), &ret->p));
    bool is_power = ret->n > 1 && (ret->n & (ret->n - 1)) == 0;
    bool is_small = ret->n <= SCRYPT_MEMORY_MAX / 128 && ret->r >= 1 && ret->p >= 1 &&
                    ret->p <= SCRYPT_P_MAX && ret->r <= SCRYPT_MEMORY_MAX / 128 / ret->n;
    ret->is_scrypt = true;
    return is_power && is_small ? DAM_OK : DAM_ERANGE;
}

static enum dam_err pbkdf2_read(const struct dam_json *params, struct kdf *ret)
{
    DAM_TRY(dam_json_u64(dam_json_get(params, "c"), &ret->n));
    if (!dam_json_is(dam_json_get(params, "prf"), "hmac-sha256")) {
        return DAM_EUNSUPPORTED;
    }
    return ret->n >= 1 && ret->n <= PBKDF2_ROUNDS_MAX ? DAM_OK : DAM_ERANGE;
}

static enum dam_err kdf_read(struct dam_arena *arena, const struct dam_json *crypto,
                             struct kdf *ret)
{
    const struct dam_json *name = dam_json_get(crypto, "kdf");
    const struct dam_json *params = dam_json_get(crypto, "kdfparams");
    uint64_t len;
    DAM_TRY(dam_json_u64(dam_json_get(params, "dklen"), &len));
    DAM_TRY(dam_json_hex(dam_json_get(params, "salt"), arena, &ret->salt));
    if (len != DERIVED_LEN || ret->salt.len > SALT_LEN_MAX) {
        return DAM_ERANGE;
    }
    if (dam_json_is(name, "scrypt")) {
        return scrypt_read(params, ret);
    }
    return dam_json_is(name, "pbkdf2") ? pbkdf2_read(params, ret) : DAM_EUNSUPPORTED;
}

static enum dam_err sealed_read(struct dam_arena *arena, const struct dam_json *json,
                                struct sealed *ret)
{
    const struct dam_json *crypto = dam_json_get(json, "crypto");
    uint64_t version;
    if (crypto == NULL) {
        crypto = dam_json_get(json, "Crypto"); /* as some wallets write it */
    }
    DAM_TRY(dam_json_u64(dam_json_get(json, "version"), &version));
    if (version != 3) {
        return DAM_EVERSION;
    }
    const struct dam_json *iv = dam_json_get(dam_json_get(crypto, "cipherparams"), "iv");
    DAM_TRY(dam_json_hex_exact(iv, ret->iv, sizeof(ret->iv)));
    DAM_TRY(dam_json_hex_exact(dam_json_get(crypto, "mac"), ret->mac, sizeof(ret->mac)));
    DAM_TRY(dam_json_hex(dam_json_get(crypto, "ciphertext"), arena, &ret->ciphertext));
    if (ret->ciphertext.len != 32) {
        return DAM_EPARSE;
    }
    if (!dam_json_is(dam_json_get(crypto, "cipher"), "aes-128-ctr")) {
        return DAM_EUNSUPPORTED;
    }
    return kdf_read(arena, crypto, &ret->kdf);
}

static enum dam_err derive(struct dam_arena *arena, const struct kdf *kdf, const char *password,
                           size_t password_len, uint8_t ret[DERIVED_LEN])
{
    if (kdf->is_scrypt) {
        return dam_scrypt(arena, dam_bytes(password, password_len), kdf->salt, kdf->n,
                          (uint32_t)kdf->r, (uint32_t)kdf->p, ret, DERIVED_LEN);
    }
    int ok = PKCS5_PBKDF2_HMAC(password, (int)password_len, kdf->salt.data, (int)kdf->salt.len,
                               (int)kdf->n, EVP_sha256(), DERIVED_LEN, ret);
    return ok == 1 ? DAM_OK : DAM_ENOMEM;
}

/* AES-128-CTR: the same both ways. */
static enum dam_err cipher(const uint8_t key[16], const uint8_t iv[16], const uint8_t in[32],
                           uint8_t ret[32])
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    bool ok = ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv) == 1 &&
              EVP_EncryptUpdate(ctx, ret, &len, in, 32) == 1 && len == 32;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? DAM_OK : DAM_ENOMEM;
}

static void mac_of(const uint8_t derived[DERIVED_LEN], const uint8_t ciphertext[32],
                   struct dam_hash *ret)
{
    uint8_t data[16 + 32];
    memcpy(data, derived + 16, 16);
    memcpy(data + 16, ciphertext, 32);
    dam_keccak256(data, sizeof(data), ret);
    OPENSSL_cleanse(data, sizeof(data));
}

static enum dam_err decrypt(struct dam_arena *arena, const struct dam_json *json,
                            const char *password, size_t password_len, uint8_t ret[32])
{
    struct sealed sealed = {0};
    struct dam_hash mac;
    uint8_t derived[DERIVED_LEN];
    DAM_TRY(sealed_read(arena, json, &sealed));
    DAM_TRY(derive(arena, &sealed.kdf, password, password_len, derived));
    mac_of(derived, sealed.ciphertext.data, &mac);
    enum dam_err err = DAM_EREFUSED;
    if (CRYPTO_memcmp(mac.b, sealed.mac, sizeof(mac.b)) == 0) {
        err = cipher(derived, sealed.iv, sealed.ciphertext.data, ret);
    }
    OPENSSL_cleanse(derived, sizeof(derived));
    return err;
}

enum dam_err dam_keystore_decrypt(struct dam_arena *arena, const struct dam_json *json,
                                  const char *password, size_t password_len, uint8_t ret[32])
{
    struct dam_arena_mark mark = dam_arena_mark(arena);
    enum dam_err err = decrypt(arena, json, password, password_len, ret);
    dam_arena_release(arena, mark);
    return err;
}

static void hex_put(struct dam_json_writer *w, const char *key, const uint8_t *data, size_t len)
{
    dam_json_put_key(w, key);
    dam_json_put_raw(w, "\"", 1); /* hex without "0x", as the format has it */
    dam_buf_put_hex(w->buf, data, len);
    dam_buf_put_byte(w->buf, '"');
}

static void id_put(struct dam_json_writer *w, const uint8_t random[16])
{
    static const size_t ends[] = {4, 6, 8, 10, 16};
    uint8_t id[16];
    size_t at = 0;
    memcpy(id, random, sizeof(id));
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40); /* RFC 9562: version 4 ... */
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80); /* ... and its variant */
    dam_json_put_key(w, "id");
    dam_json_put_raw(w, "\"", 1);
    for (size_t i = 0; i < DAM_COUNT_OF(ends); i++) {
        dam_buf_put_text(w->buf, i == 0 ? "" : "-");
        dam_buf_put_hex(w->buf, id + at, ends[i] - at);
        at = ends[i];
    }
    dam_buf_put_byte(w->buf, '"');
}

static void crypto_put(struct dam_json_writer *w, const struct sealed *sealed)
{
    dam_json_put_key(w, "crypto");
    dam_json_put_object(w);
    dam_json_put_key(w, "cipher");
    dam_json_put_cstr(w, "aes-128-ctr");
    dam_json_put_key(w, "cipherparams");
    dam_json_put_object(w);
    hex_put(w, "iv", sealed->iv, sizeof(sealed->iv));
    dam_json_put_object_end(w);
    hex_put(w, "ciphertext", sealed->ciphertext.data, sealed->ciphertext.len);
    dam_json_put_key(w, "kdf");
    dam_json_put_cstr(w, "scrypt");
    dam_json_put_key(w, "kdfparams");
    dam_json_put_object(w);
    dam_json_put_key(w, "dklen");
    dam_json_put_u64(w, DERIVED_LEN);
    dam_json_put_key(w, "n");
    dam_json_put_u64(w, sealed->kdf.n);
    dam_json_put_key(w, "r");
    dam_json_put_u64(w, sealed->kdf.r);
    dam_json_put_key(w, "p");
    dam_json_put_u64(w, sealed->kdf.p);
    hex_put(w, "salt", sealed->kdf.salt.data, sealed->kdf.salt.len);
    dam_json_put_object_end(w);
    hex_put(w, "mac", sealed->mac, sizeof(sealed->mac));
    dam_json_put_object_end(w);
}

enum dam_err dam_keystore_encrypt(struct dam_arena *arena, const uint8_t secret[32],
                                  const char *password, size_t password_len, unsigned log2_n,
                                  const struct dam_keystore_random *random, struct dam_buf *buf)
{
    struct dam_address address;
    struct dam_hash mac;
    uint8_t derived[DERIVED_LEN];
    uint8_t ciphertext[32];
    struct sealed sealed = {
        .kdf = {.is_scrypt = true,
                .n = UINT64_C(1) << (log2_n & 63),
                .r = 8,
                .p = 1,
                .salt = dam_bytes(random->salt, sizeof(random->salt))},
        .ciphertext = dam_bytes(ciphertext, sizeof(ciphertext)),
    };
    if (log2_n < 10 || log2_n > 20) {
        return DAM_ERANGE;
    }
    DAM_TRY(dam_address_of_secret_key(secret, &address));
    DAM_TRY(derive(arena, &sealed.kdf, password, password_len, derived));
    memcpy(sealed.iv, random->iv, sizeof(sealed.iv));
    enum dam_err err = cipher(derived, sealed.iv, secret, ciphertext);
    mac_of(derived, ciphertext, &mac);
    memcpy(sealed.mac, mac.b, sizeof(sealed.mac));
    OPENSSL_cleanse(derived, sizeof(derived));
    DAM_TRY(err);
    struct dam_json_writer w = {.buf = buf};
    dam_json_put_object(&w);
    hex_put(&w, "address", address.b, sizeof(address.b));
    crypto_put(&w, &sealed);
    id_put(&w, random->id);
    dam_json_put_key(&w, "version");
    dam_json_put_u64(&w, 3);
    dam_json_put_object_end(&w);
    return dam_buf_err(buf);
}
