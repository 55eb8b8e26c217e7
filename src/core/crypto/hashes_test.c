// SPDX-License-Identifier: Apache-2.0
/* Known answers for the small wrappers: SHA-256 and RIPEMD-160 of "abc", BLAKE2b of "abc" through
 * F, modular exponentiation against multiplication, the P-256 example of RFC 6979. */
#include "base/attr.h"
#include "base/hex.h"
#include "base/prng.h"
#include "core/crypto/blake2f.h"
#include "core/crypto/modexp.h"
#include "core/crypto/p256.h"
#include "core/crypto/ripemd160.h"
#include "core/crypto/sha256.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void from_hex(const char *text, uint8_t *ret, size_t len)
{
    assert_int_equal(dam_hex_decode_exact(text, strlen(text), ret, len), DAM_OK);
}

static void sha256_and_ripemd160(void **state)
{
    (void)state;
    uint8_t want[32];
    uint8_t short_hash[20];
    struct dam_hash hash;
    dam_sha256((const uint8_t *)"abc", 3, &hash);
    from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", want, 32);
    assert_memory_equal(hash.b, want, 32);
    dam_sha256(NULL, 0, &hash);
    from_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", want, 32);
    assert_memory_equal(hash.b, want, 32);
    dam_ripemd160((const uint8_t *)"abc", 3, short_hash);
    from_hex("8eb208f7e05d987a9b044a8e98c6b087f15a0bfc", want, 20);
    assert_memory_equal(short_hash, want, 20);
}

static void sha256_in_pieces(void **state)
{
    (void)state;
    uint8_t data[300];
    struct dam_prng prng = {.state = 5};
    dam_prng_fill(&prng, data, sizeof(data));
    for (size_t cut = 0; cut <= sizeof(data); cut++) {
        struct dam_hash whole;
        struct dam_hash pieces;
        struct dam_sha256 stream;
        dam_sha256(data, sizeof(data), &whole);
        dam_sha256_init(&stream);
        dam_sha256_update(&stream, data, cut);
        dam_sha256_update(&stream, data + cut, sizeof(data) - cut);
        dam_sha256_final(&stream, &pieces);
        assert_true(dam_hash_eq(&whole, &pieces));
    }
}

/* RFC 4231, test cases 1, 2 and 6 (a key longer than a block). */
static void hmac_sha256(void **state)
{
    (void)state;
    uint8_t long_key[131];
    uint8_t short_key[20];
    memset(long_key, 0xaa, sizeof(long_key));
    memset(short_key, 0x0b, sizeof(short_key));
    const struct {
        struct dam_bytes key;
        const char *data;
        const char *want;
    } cases[] = {
        {{short_key, 20},
         "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {{(const uint8_t *)"Jefe", 4},
         "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{long_key, 131},
         "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct dam_hmac_sha256 hmac;
        struct dam_hash got;
        uint8_t want[32];
        dam_hmac_sha256_init(&hmac, cases[i].key.data, cases[i].key.len);
        dam_hmac_sha256_update(&hmac, (const uint8_t *)cases[i].data, strlen(cases[i].data));
        dam_hmac_sha256_final(&hmac, &got);
        from_hex(cases[i].want, want, 32);
        assert_memory_equal(got.b, want, 32);
    }
}

/* RFC 7693 appendix A. */
static void blake2b_of_abc(void **state)
{
    (void)state;
    uint64_t h[8] = {0x6a09e667f3bcc908 ^ 0x01010040,
                     0xbb67ae8584caa73b,
                     0x3c6ef372fe94f82b,
                     0xa54ff53a5f1d36f1,
                     0x510e527fade682d1,
                     0x9b05688c2b3e6c1f,
                     0x1f83d9abfb41bd6b,
                     0x5be0cd19137e2179};
    const uint64_t m[16] = {0x636261};
    const uint64_t t[2] = {3, 0};
    dam_blake2f(12, h, m, t, true);
    assert_true(h[0] == 0x0d4d1c983fa580ba);
    assert_true(h[7] == 0x239900d4ed8623b9);
}

/* The way that this processor takes and the portable one, on random blocks. */
static void blake2f_ways_agree(void **state)
{
    (void)state;
    struct dam_prng prng = {152};
    for (uint32_t rounds = 0; rounds < 64; rounds++) {
        uint64_t in[8 + 16 + 2];
        uint64_t h[2][8];
        for (size_t i = 0; i < DAM_COUNT_OF(in); i++) {
            in[i] = dam_prng_next(&prng);
        }
        memcpy(h[0], in, sizeof(h[0]));
        memcpy(h[1], in, sizeof(h[1]));
        dam_blake2f(rounds, h[0], in + 8, in + 24, rounds % 2 == 0);
        dam_blake2f_portable(rounds, h[1], in + 8, in + 24, rounds % 2 == 0);
        assert_memory_equal(h[0], h[1], sizeof(h[0]));
    }
}

/* Completely, for small numbers, in fields of different widths. */
static void modexp_small(void **state)
{
    (void)state;
    unsigned compared = 0;
    for (unsigned base = 0; base < 20; base++) {
        for (unsigned exponent = 0; exponent < 20; exponent++) {
            for (unsigned modulus = 0; modulus < 20; modulus++) {
                uint8_t b[3] = {0, 0, (uint8_t)base};
                uint8_t e[2] = {0, (uint8_t)exponent};
                uint8_t m[5] = {0, 0, 0, 0, (uint8_t)modulus};
                uint8_t got[5] = {9, 9, 9, 9, 9};
                unsigned want = modulus <= 1 ? 0 : 1;
                for (unsigned i = 0; i < exponent && modulus > 0; i++) {
                    want = want * base % modulus;
                }
                dam_modexp(dam_bytes(b, 3), dam_bytes(e, 2), dam_bytes(m, 5), got);
                assert_int_equal(got[4], want);
                assert_int_equal(got[0] | got[1] | got[2] | got[3], 0);
                compared++;
            }
        }
    }
    assert_int_equal(compared, 8000);
}

/* RFC 6979 A.2.5, SHA-256 of "sample": its s is in the upper half. */
static void p256_example(void **state)
{
    (void)state;
    struct dam_hash digest;
    uint8_t rs[64];
    uint8_t xy[64];
    uint8_t before[32];
    dam_sha256((const uint8_t *)"sample", 6, &digest);
    from_hex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
             "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
             rs, 64);
    from_hex("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
             "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
             xy, 64);
    assert_true(dam_p256_verify(&digest, rs, xy));
    memcpy(before, rs + 32, 32);
    dam_p256_normalize_s(rs + 32);
    assert_memory_not_equal(before, rs + 32, 32);
    assert_true(dam_p256_verify(&digest, rs, xy));
    memcpy(before, rs + 32, 32);
    dam_p256_normalize_s(rs + 32);
    assert_memory_equal(before, rs + 32, 32);
    digest.b[0] ^= 1;
    assert_false(dam_p256_verify(&digest, rs, xy));
    digest.b[0] ^= 1;
    for (size_t bit = 0; bit < 512; bit += 37) {
        xy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(dam_p256_verify(&digest, rs, xy));
        xy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void p256_normalize_leaves_nonsense_alone(void **state)
{
    (void)state;
    uint8_t zero[32] = {0};
    uint8_t above[32];
    uint8_t kept[32];
    dam_p256_normalize_s(zero);
    for (size_t i = 0; i < 32; i++) {
        assert_int_equal(zero[i], 0);
    }
    memset(above, 0xff, sizeof(above));
    memcpy(kept, above, sizeof(above));
    dam_p256_normalize_s(above);
    assert_memory_equal(above, kept, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_and_ripemd160),
        cmocka_unit_test(sha256_in_pieces),
        cmocka_unit_test(hmac_sha256),
        cmocka_unit_test(blake2b_of_abc),
        cmocka_unit_test(blake2f_ways_agree),
        cmocka_unit_test(modexp_small),
        cmocka_unit_test(p256_example),
        cmocka_unit_test(p256_normalize_leaves_nonsense_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
