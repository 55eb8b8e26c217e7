// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/scrypt.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define SALSA_WORDS 16u /* one Salsa20 block */

static uint32_t rotate(uint32_t v, int by)
{
    return v << by | v >> (32 - by);
}

#define QUARTER(a, b, c, d)                                                                        \
    do {                                                                                           \
        b ^= rotate(a + d, 7);                                                                     \
        c ^= rotate(b + a, 9);                                                                     \
        d ^= rotate(c + b, 13);                                                                    \
        a ^= rotate(d + c, 18);                                                                    \
    } while (0)

/* Section 3: Salsa20 of 8 rounds, in place. */
static void salsa20_8(uint32_t block[SALSA_WORDS])
{
    uint32_t x[SALSA_WORDS];
    memcpy(x, block, sizeof(x));
    for (int round = 0; round < 8; round += 2) {
        QUARTER(x[0], x[4], x[8], x[12]);
        QUARTER(x[5], x[9], x[13], x[1]);
        QUARTER(x[10], x[14], x[2], x[6]);
        QUARTER(x[15], x[3], x[7], x[11]);
        QUARTER(x[0], x[1], x[2], x[3]);
        QUARTER(x[5], x[6], x[7], x[4]);
        QUARTER(x[10], x[11], x[8], x[9]);
        QUARTER(x[15], x[12], x[13], x[14]);
    }
    for (size_t i = 0; i < SALSA_WORDS; i++) {
        block[i] += x[i];
    }
}

/* Section 4: scryptBlockMix; out gets the even blocks, then the odd ones. */
static void block_mix(const uint32_t *in, uint32_t *out, uint32_t r)
{
    uint32_t x[SALSA_WORDS];
    memcpy(x, in + (size_t)(2 * r - 1) * SALSA_WORDS, sizeof(x));
    for (size_t i = 0; i < 2 * (size_t)r; i++) {
        for (size_t w = 0; w < SALSA_WORDS; w++) {
            x[w] ^= in[i * SALSA_WORDS + w];
        }
        salsa20_8(x);
        memcpy(out + (i / 2 + (i % 2) * r) * SALSA_WORDS, x, sizeof(x));
    }
}

/* Section 5: scryptROMix. x: one block of 32 * r words, in place; spare: another. */
static void rom_mix(uint32_t *x, uint32_t *spare, uint32_t *rom, uint64_t n, uint32_t r)
{
    size_t words = 32 * (size_t)r;
    size_t last = (size_t)(2 * r - 1) * SALSA_WORDS;
    for (uint64_t i = 0; i < n; i += 2) {
        memcpy(rom + i * words, x, 4 * words);
        block_mix(x, spare, r);
        memcpy(rom + (i + 1) * words, spare, 4 * words);
        block_mix(spare, x, r);
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t j = (x[last] | (uint64_t)x[last + 1] << 32) & (n - 1);
        for (size_t w = 0; w < words; w++) {
            spare[w] = x[w] ^ rom[j * words + w];
        }
        block_mix(spare, x, r);
    }
}

static void words_load(uint32_t *words, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        words[i] = __builtin_bswap32(dam_load_be32(bytes + 4 * i));
    }
}

static void words_store(uint8_t *bytes, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        dam_store_be32(bytes + 4 * i, __builtin_bswap32(words[i]));
    }
}

static bool pbkdf2(struct dam_bytes password, const uint8_t *salt, size_t salt_len, uint8_t *ret,
                   size_t ret_len)
{
    return PKCS5_PBKDF2_HMAC((const char *)password.data, (int)password.len, salt, (int)salt_len, 1,
                             EVP_sha256(), (int)ret_len, ret) == 1;
}

enum dam_err dam_scrypt(struct dam_arena *arena, struct dam_bytes password, struct dam_bytes salt,
                        uint64_t n, uint32_t r, uint32_t p, uint8_t *ret, size_t ret_len)
{
    const uint64_t size_max = UINT64_C(1) << 40;
    bool is_power = n > 1 && (n & (n - 1)) == 0;
    if (!is_power || r == 0 || p == 0 || r > INT32_MAX / 128 / p || n > size_max / 128 / r ||
        password.len > INT32_MAX || salt.len > INT32_MAX || ret_len > INT32_MAX) {
        return DAM_ERANGE;
    }
    struct dam_arena_mark mark = dam_arena_mark(arena);
    size_t block_len = 128 * (size_t)r;
    uint8_t *blocks = dam_arena_alloc(arena, block_len * p);
    uint32_t *x = dam_arena_alloc(arena, 2 * block_len);
    uint32_t *rom = dam_arena_alloc(arena, block_len * (size_t)n);
    enum dam_err err = DAM_ENOMEM;
    if (blocks != NULL && x != NULL && rom != NULL &&
        pbkdf2(password, salt.data, salt.len, blocks, block_len * p)) {
        for (uint32_t i = 0; i < p; i++) {
            words_load(x, blocks + i * block_len, block_len / 4);
            rom_mix(x, x + block_len / 4, rom, n, r);
            words_store(blocks + i * block_len, x, block_len / 4);
        }
        err = pbkdf2(password, blocks, block_len * p, ret, ret_len) ? DAM_OK : DAM_ENOMEM;
        OPENSSL_cleanse(blocks, block_len * p);
        OPENSSL_cleanse(x, 2 * block_len);
        OPENSSL_cleanse(rom, block_len * (size_t)n);
    }
    dam_arena_release(arena, mark);
    return err;
}
