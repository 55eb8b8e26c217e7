// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/secp256k1.h"

#include "base/hex.h"
#include "base/prng.h"
#include "core/crypto/sha256.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void from_hex(const char *text, uint8_t *ret, size_t len)
{
    assert_int_equal(dam_hex_decode_exact(text, strlen(text), ret, len), DAM_OK);
}

static const char order_hex[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

/* The deterministic signature of SHA-256("Satoshi Nakamoto") under key 1, as published with the
 * first RFC 6979 vectors for this curve. */
static void known_signature(void **state)
{
    (void)state;
    uint8_t key[32] = {[31] = 1};
    uint8_t want[32];
    struct dam_hash digest;
    struct dam_secp256k1_sig sig;
    dam_sha256((const uint8_t *)"Satoshi Nakamoto", 16, &digest);
    assert_int_equal(dam_secp256k1_sign(key, &digest, &sig), DAM_OK);
    from_hex("934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8", want, 32);
    assert_memory_equal(sig.r, want, 32);
    from_hex("2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5", want, 32);
    assert_memory_equal(sig.s, want, 32);
}

static void known_address(void **state)
{
    (void)state;
    uint8_t key[32] = {[31] = 1};
    uint8_t want[20];
    struct dam_secp256k1_pubkey pubkey;
    struct dam_address address;
    assert_int_equal(dam_secp256k1_pubkey(key, &pubkey), DAM_OK);
    dam_secp256k1_address(&pubkey, &address);
    from_hex("7e5f4552091a69125d5dfcb7b8c2659029395bdf", want, 20);
    assert_memory_equal(address.b, want, 20);
}

static void signatures_recover(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 3};
    for (int i = 0; i < 64; i++) {
        uint8_t key[32];
        struct dam_hash digest;
        struct dam_secp256k1_sig sig;
        struct dam_secp256k1_sig again;
        struct dam_secp256k1_pubkey pubkey;
        struct dam_secp256k1_pubkey found;
        dam_prng_fill(&prng, key, 32);
        dam_prng_fill(&prng, digest.b, 32);
        assert_int_equal(dam_secp256k1_sign(key, &digest, &sig), DAM_OK);
        assert_int_equal(dam_secp256k1_sign(key, &digest, &again), DAM_OK);
        assert_memory_equal(&sig, &again, sizeof(sig));
        assert_true(dam_secp256k1_is_low_s(sig.s));
        assert_int_equal(dam_secp256k1_pubkey(key, &pubkey), DAM_OK);
        assert_int_equal(dam_secp256k1_recover(&digest, &sig, &found), DAM_OK);
        assert_memory_equal(&pubkey, &found, sizeof(found));
        sig.y_parity ^= 1;
        if (dam_secp256k1_recover(&digest, &sig, &found) == DAM_OK) {
            assert_memory_not_equal(&pubkey, &found, sizeof(found));
        }
    }
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    uint8_t zero[32] = {0};
    uint8_t order[32];
    struct dam_hash digest = {{1}};
    struct dam_secp256k1_sig sig;
    struct dam_secp256k1_pubkey pubkey;
    from_hex(order_hex, order, 32);
    assert_int_equal(dam_secp256k1_sign(zero, &digest, &sig), DAM_ERANGE);
    assert_int_equal(dam_secp256k1_sign(order, &digest, &sig), DAM_ERANGE);
    assert_int_equal(dam_secp256k1_pubkey(zero, &pubkey), DAM_ERANGE);
    assert_int_equal(dam_secp256k1_pubkey(order, &pubkey), DAM_ERANGE);

    uint8_t key[32] = {[31] = 7};
    assert_int_equal(dam_secp256k1_sign(key, &digest, &sig), DAM_OK);
    struct dam_secp256k1_sig bad = sig;
    bad.y_parity = 2;
    assert_int_equal(dam_secp256k1_recover(&digest, &bad, &pubkey), DAM_ESIGNATURE);
    bad = sig;
    memset(bad.r, 0, 32);
    assert_int_equal(dam_secp256k1_recover(&digest, &bad, &pubkey), DAM_ESIGNATURE);
    bad = sig;
    memcpy(bad.s, order, 32);
    assert_int_equal(dam_secp256k1_recover(&digest, &bad, &pubkey), DAM_ESIGNATURE);
}

static void low_s_has_an_exact_bound(void **state)
{
    (void)state;
    uint8_t s[32];
    from_hex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0", s, 32);
    assert_true(dam_secp256k1_is_low_s(s));
    s[31]++;
    assert_false(dam_secp256k1_is_low_s(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_signature),          cmocka_unit_test(known_address),
        cmocka_unit_test(signatures_recover),       cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(low_s_has_an_exact_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
