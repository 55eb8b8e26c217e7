// SPDX-License-Identifier: Apache-2.0
#include "trade/entry.h"

#include "base/heap.h"
#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW 1500u

static const uint8_t secret[32] = {[31] = 7};

struct lock {
    struct dam_hash digest;
    struct dam_entry entry;
    struct dam_pass passes[2];
};

/* A lock with two passes; the holder of the second has signed its challenge. */
static struct lock lock_make(void)
{
    static const struct dam_address contract = {{0xac}};
    static const struct dam_hash resource = {{5}};
    struct lock l = {.entry = {.pass = 9, .challenge = {{6}}},
                     .passes = {{.id = 4, .from_s = 1000, .until_s = 2000, .holder = {{8}}},
                                {.id = 9, .from_s = 1000, .until_s = 2000}}};
    struct dam_secp256k1_pubkey key;
    assert_int_equal(dam_secp256k1_pubkey(secret, &key), DAM_OK);
    dam_secp256k1_address(&key, &l.passes[1].holder);
    dam_entry_digest(31337, &contract, &resource, &l.entry.challenge, &l.digest);
    assert_int_equal(dam_secp256k1_sign(secret, &l.digest, &l.entry.signature), DAM_OK);
    return l;
}

static const char *judge(const struct lock *l, uint64_t now_s)
{
    return dam_entry_judge(&l->entry, &l->digest, l->passes, DAM_COUNT_OF(l->passes), now_s);
}

static void test_holder(void **state)
{
    struct lock l = lock_make();
    (void)state;
    assert_null(judge(&l, NOW));
    assert_null(judge(&l, 1000)); /* the first second */
    assert_null(judge(&l, 1999)); /* and the last */
    assert_string_equal(judge(&l, 999), "the pass is not valid yet");
    assert_string_equal(judge(&l, 2000), "the pass has ended");
    l.entry.pass = 5;
    assert_string_equal(judge(&l, NOW), "this lock knows no such pass");
    l.entry.pass = 4; /* another holder's */
    assert_string_equal(judge(&l, NOW), "this is not the signature of who holds the pass");
}

/* No bit of what was signed or of the signature may be another. */
static void test_every_bit(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 256; bit++) {
        struct lock l = lock_make();
        l.digest.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_non_null(judge(&l, NOW));
        l = lock_make();
        l.entry.signature.r[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_non_null(judge(&l, NOW));
        l = lock_make();
        l.entry.signature.s[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_non_null(judge(&l, NOW));
    }
    struct lock l = lock_make();
    l.entry.signature.y_parity ^= 1;
    assert_non_null(judge(&l, NOW));
    l.entry.signature.y_parity = 5;
    assert_non_null(judge(&l, NOW));
}

/* keccak256(abi.encode(address(0x11..11), "hall")), by the contract's own rule */
static void test_resource(void **state)
{
    struct dam_address owner;
    struct dam_hash hash;
    char text[65];
    (void)state;
    memset(owner.b, 0x11, sizeof(owner.b));
    dam_entry_resource(&owner, "hall", &hash);
    dam_hex_encode(hash.b, 32, text);
    text[64] = 0;
    assert_string_equal(text, "2cd8622b874823777584fdc9fcce25a054fe698db673b87a6b2c15bbe5b50533");
}

static void test_texts(void **state)
{
    char hex[64 + 1];
    char good[512];
    struct dam_arena arena;
    struct dam_entry entry;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "7",
        "{\"pass\":0}",
        "{\"pass\":-1}",
        "{\"pass\":\"7\"}",
        "{\"pass\":7}",
        "{\"pass\":7,\"challenge\":\"0x00\"}",
        "{\"pass\":7,\"challenge\":7,\"signature\":7}",
        "{\"pass\":[[[[[[7]]]]]]}",
    };
    (void)state;
    memset(hex, 'a', 64);
    hex[64] = 0;
    (void)snprintf(good, sizeof(good),
                   "{\"pass\":7,\"challenge\":\"0x%s\",\"signature\":\"0x%s%s1c\"}", hex, hex, hex);
    dam_arena_init(&arena, dam_heap(), 0);
    assert_null(dam_entry_parse(&arena, dam_bytes(good, strlen(good)), &entry));
    assert_int_equal(entry.pass, 7);
    assert_int_equal(entry.signature.y_parity, 1);
    assert_int_equal(entry.signature.s[31], 0xaa);
    good[strlen(good) - 2] = 'x';
    assert_non_null(dam_entry_parse(&arena, dam_bytes(good, strlen(good)), &entry));
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        assert_non_null(dam_entry_parse(&arena, dam_bytes(bad[i], strlen(bad[i])), &entry));
    }
    dam_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holder),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_resource),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
