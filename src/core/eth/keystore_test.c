// SPDX-License-Identifier: Apache-2.0
#include "core/eth/keystore.h"

#include "base/arena_fixture.h"
#include "base/hex.h"
#include "core/crypto/scrypt.h"
#include "core/eth/address.h"
#include "core/eth/eip712.h"
#include "core/eth/hd.h"

static const struct dam_json *parse(const char *text, size_t len)
{
    const struct dam_json *json = NULL;
    assert_int_equal(dam_json_parse(&arena, text, len, 0, &json, NULL), DAM_OK);
    return json;
}

static void what_is_sealed_opens_again(void **state)
{
    (void)state;
    struct dam_keystore_random random = {{1}, {2}, {3}};
    uint8_t secret[32] = {[31] = 5};
    uint8_t opened[32];
    struct dam_buf buf;
    dam_buf_init_arena(&buf, &arena, DAM_KEYSTORE_TEXT_MAX);
    assert_int_equal(dam_keystore_encrypt(&arena, secret, "word", 4, 10, &random, &buf), DAM_OK);
    const struct dam_json *json = parse((const char *)buf.data, buf.len);
    assert_int_equal(dam_keystore_decrypt(&arena, json, "word", 4, opened), DAM_OK);
    assert_memory_equal(opened, secret, 32);
    assert_int_equal(dam_keystore_decrypt(&arena, json, "worD", 4, opened), DAM_EREFUSED);
    memset(secret, 0, sizeof(secret));
    assert_int_equal(dam_keystore_encrypt(&arena, secret, "", 0, 10, &random, &buf), DAM_ERANGE);
    secret[0] = 1;
    assert_int_equal(dam_keystore_encrypt(&arena, secret, "", 0, 9, &random, &buf), DAM_ERANGE);
}

#define HEX32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define STORE(version, cipher, kdf, params)                                                        \
    "{\"version\":" version ",\"crypto\":{\"cipher\":\"" cipher                                    \
    "\",\"cipherparams\":{\"iv\":\"00112233445566778899aabbccddeeff\"},\"ciphertext\":\"" HEX32    \
    "\",\"mac\":\"" HEX32 "\",\"kdf\":\"" kdf "\",\"kdfparams\":{\"dklen\":32,\"salt\":\"" HEX32   \
    "\"," params "}}}"

static void strange_files_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum dam_err want;
    } cases[] = {
        {"{}", DAM_EPARSE},
        {"[]", DAM_EPARSE},
        {STORE("1", "aes-128-ctr", "scrypt", "\"n\":2,\"r\":1,\"p\":1"), DAM_EVERSION},
        {STORE("3", "aes-128-cbc", "scrypt", "\"n\":2,\"r\":1,\"p\":1"), DAM_EUNSUPPORTED},
        {STORE("3", "aes-128-ctr", "argon2", "\"n\":2,\"r\":1,\"p\":1"), DAM_EUNSUPPORTED},
        {STORE("3", "aes-128-ctr", "scrypt", "\"n\":3,\"r\":1,\"p\":1"), DAM_ERANGE},
        {STORE("3", "aes-128-ctr", "scrypt", "\"n\":1099511627776,\"r\":1,\"p\":1"), DAM_ERANGE},
        {STORE("3", "aes-128-ctr", "scrypt", "\"n\":2,\"r\":18446744073709551615,\"p\":1"),
         DAM_ERANGE},
        {STORE("3", "aes-128-ctr", "scrypt", "\"n\":2,\"r\":1"), DAM_EPARSE},
        {STORE("3", "aes-128-ctr", "pbkdf2", "\"c\":0,\"prf\":\"hmac-sha256\""), DAM_ERANGE},
        {STORE("3", "aes-128-ctr", "pbkdf2", "\"c\":1,\"prf\":\"hmac-md5\""), DAM_EUNSUPPORTED},
        {STORE("3", "aes-128-ctr", "pbkdf2", "\"c\":1,\"prf\":\"hmac-sha256\""), DAM_EREFUSED},
        {STORE("3", "aes-128-ctr", "scrypt", "\"n\":2,\"r\":1,\"p\":1"), DAM_EREFUSED},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        uint8_t secret[32];
        const struct dam_json *json = parse(cases[i].text, strlen(cases[i].text));
        assert_int_equal(dam_keystore_decrypt(&arena, json, "x", 1, secret), cases[i].want);
    }
}

static void scrypt_as_in_rfc_7914(void **state)
{
    (void)state;
    static const struct {
        const char *password;
        const char *salt;
        uint64_t n;
        uint32_t r;
        uint32_t p;
        const char *want;
    } cases[] = {
        {"", "", 16, 1, 1,
         "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
         "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"},
        {"password", "NaCl", 1024, 8, 16,
         "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
         "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        uint8_t got[64];
        uint8_t want[64];
        assert_int_equal(dam_hex_decode_exact(cases[i].want, 128, want, 64), DAM_OK);
        assert_int_equal(dam_scrypt(&arena, dam_bytes(cases[i].password, strlen(cases[i].password)),
                                    dam_bytes(cases[i].salt, strlen(cases[i].salt)), cases[i].n,
                                    cases[i].r, cases[i].p, got, sizeof(got)),
                         DAM_OK);
        assert_memory_equal(got, want, 64);
    }
}

static void the_development_accounts(void **state)
{
    (void)state;
    static const char *const want[] = {"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
                                       "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"};
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t secret[32];
        struct dam_address address;
        char text[DAM_ADDRESS_TEXT_SIZE];
        assert_int_equal(dam_hd_account(DAM_HD_DEV_MNEMONIC, i, secret), DAM_OK);
        assert_int_equal(dam_address_of_secret_key(secret, &address), DAM_OK);
        dam_address_to_text(&address, text);
        assert_string_equal(text, want[i]);
    }
    uint8_t out[32];
    static const char *const bad[] = {"", "n/0", "m/", "m/x", "m//0", "m/2147483648", "m/0''"};
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        assert_int_equal(dam_hd_derive(out, 16, bad[i], out), DAM_EPARSE);
    }
}

/* The example of EIP-712, and the same domain from a struct. */
static void the_mail_of_eip_712(void **state)
{
    (void)state;
    static const char text[] =
        "{\"types\":{\"EIP712Domain\":[{\"name\":\"name\",\"type\":\"string\"},{\"name\":"
        "\"version\",\"type\":\"string\"},{\"name\":\"chainId\",\"type\":\"uint256\"},{\"name\":"
        "\"verifyingContract\",\"type\":\"address\"}],\"Person\":[{\"name\":\"name\",\"type\":"
        "\"string\"},{\"name\":\"wallet\",\"type\":\"address\"}],\"Mail\":[{\"name\":\"from\","
        "\"type\":\"Person\"},{\"name\":\"to\",\"type\":\"Person\"},{\"name\":\"contents\",\"type\""
        ":\"string\"}]},\"primaryType\":\"Mail\",\"domain\":{\"name\":\"Ether Mail\",\"version\":"
        "\"1\",\"chainId\":1,\"verifyingContract\":\"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC\"},"
        "\"message\":{\"from\":{\"name\":\"Cow\",\"wallet\":"
        "\"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826\"},\"to\":{\"name\":\"Bob\",\"wallet\":"
        "\"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB\"},\"contents\":\"Hello, Bob!\"}}";
    struct dam_eip712_hashes hashes;
    struct dam_hash separator;
    struct dam_address contract;
    uint8_t want[32];
    const char *what = NULL;
    const struct dam_json *json = parse(text, sizeof(text) - 1);
    assert_int_equal(dam_eip712_hash(&arena, json, &hashes, &what), DAM_OK);
    assert_int_equal(
        dam_hex_decode_exact("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2", 64,
                             want, 32),
        DAM_OK);
    assert_memory_equal(hashes.digest.b, want, 32);
    memset(contract.b, 0xcc, sizeof(contract.b));
    struct dam_eip712_domain domain = {.name = "Ether Mail",
                                       .version = "1",
                                       .has_chain_id = true,
                                       .chain_id = {{1}},
                                       .verifying_contract = &contract};
    dam_eip712_domain_separator(&domain, &separator);
    assert_true(dam_hash_eq(&separator, &hashes.domain_separator));
    /* Any one thing missing or wrong is told. */
    static const char *const changes[][2] = {
        {"\"Bob\"", "12345"},
        {"\"contents\":\"", "\"content_\":\""},
        {"\"Person\":[", "\"Persom\":["},
        {"\"primaryType\":\"Mail\"", "\"primaryType\":\"Main\""},
        {"0xbBbB", "0xbbbb"},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(changes); i++) {
        char changed[sizeof(text)];
        memcpy(changed, text, sizeof(text));
        char *at = strstr(changed, changes[i][0]);
        assert_non_null(at);
        memcpy(at, changes[i][1], strlen(changes[i][1]));
        what = NULL;
        json = parse(changed, sizeof(text) - 1);
        assert_int_not_equal(dam_eip712_hash(&arena, json, &hashes, &what), DAM_OK);
        assert_non_null(what);
    }
}

static void a_personal_message(void **state)
{
    (void)state;
    struct dam_hash hash;
    uint8_t want[32];
    assert_int_equal(dam_eip191_hash(dam_bytes("hello world", 11), &arena, &hash), DAM_OK);
    assert_int_equal(
        dam_hex_decode_exact("d9eba16ed0ecae432b71fe008c98cc872bb4cc214d3220a36f365326cf807d68", 64,
                             want, 32),
        DAM_OK);
    assert_memory_equal(hash.b, want, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_opens_again),
        cmocka_unit_test(strange_files_are_told_apart),
        cmocka_unit_test(scrypt_as_in_rfc_7914),
        cmocka_unit_test(the_development_accounts),
        cmocka_unit_test(the_mail_of_eip_712),
        cmocka_unit_test(a_personal_message),
    };
    return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
