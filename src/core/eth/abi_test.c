// SPDX-License-Identifier: Apache-2.0
#include "core/eth/abi.h"

#include "base/arena_fixture.h"
#include "base/hex.h"
#include "core/crypto/keccak.h"

#include <stdio.h>

static const struct dam_abi_type *type(const char *text)
{
    const struct dam_abi_type *ret = NULL;
    assert_int_equal(dam_abi_type_parse(&arena, text, strlen(text), &ret), DAM_OK);
    return ret;
}

static void types_have_canonical_names(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"uint", "uint256"},
        {"int[]", "int256[]"},
        {"(address to, uint value)[2][]", "(address,uint256)[2][]"},
        {"tuple(bytes32 a,tuple(string) b)", "(bytes32,(string))"},
        {"()", "()"},
        {"fixed", "fixed128x18"},
        {"function", "function"},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(pairs); i++) {
        struct dam_buf buf;
        dam_buf_init_arena(&buf, &arena, 0);
        dam_abi_type_name(type(pairs[i][0]), &buf);
        dam_buf_put_byte(&buf, 0);
        assert_string_equal((const char *)buf.data, pairs[i][1]);
    }
}

static void bad_types_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      "uint7",    "uint264", "uint08",   "bytes0",    "bytes33", "uint[0]", "uint[01]",
        "uint[", "uint[-1]", "()[]",    "(uint",    "(uint,)",   "uint)",   "string ", "fixed128",
        "foo",   "Uint256",  "uint[]]", "fixed7x1", "fixed8x81", "tuple",   "(,)",     "[]",
    };
    for (size_t i = 0; i < DAM_COUNT_OF(texts); i++) {
        const struct dam_abi_type *ret = NULL;
        if (dam_abi_type_parse(&arena, texts[i], strlen(texts[i]), &ret) != DAM_EPARSE) {
            fail_msg("not refused: '%s'", texts[i]);
        }
        assert_null(ret);
    }
    char deep[200];
    memset(deep, '(', 100);
    memset(deep + 100, ')', 100);
    const struct dam_abi_type *ret;
    assert_int_equal(dam_abi_type_parse(&arena, deep, 200, &ret), DAM_ERANGE);
}

/* Words as hex, spaces between them. */
static struct dam_bytes words(const char *text)
{
    uint8_t *data = dam_arena_alloc(&arena, 32 * 16);
    size_t len = 0;
    while (*text != '\0') {
        size_t digits = strcspn(text, " ");
        char word[65];
        memset(word, '0', 64);
        memcpy(word + 64 - digits, text, digits);
        assert_int_equal(dam_hex_decode_exact(word, 64, data + len, 32), DAM_OK);
        len += 32;
        text += digits + (text[digits] == ' ');
    }
    return dam_bytes(data, len);
}

static enum dam_err decode(const char *tuple, const char *text)
{
    const struct dam_abi_value *values;
    return dam_abi_decode(&arena, type(tuple), words(text), &values);
}

static void malformed_values_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *words;
        enum dam_err want;
    } cases[] = {
        {"(uint8)", "ff", DAM_OK},
        {"(uint8)", "100", DAM_EPARSE},
        {"(int8)", "7f", DAM_OK},
        {"(int8)", "80", DAM_EPARSE},
        {"(int8)", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff80", DAM_OK},
        {"(bool)", "2", DAM_EPARSE},
        {"(address)", "10000000000000000000000000000000000000000", DAM_EPARSE},
        {"(bytes2)", "1", DAM_EPARSE},
        {"(uint256)", "", DAM_EPARSE},
        {"(bytes)", "20 1 1", DAM_EPARSE}, /* dirty padding */
        {"(bytes)", "20 21 0", DAM_EPARSE},
        {"(bytes)", "40", DAM_EPARSE},
        {"(bytes)", "10000000000000000 0", DAM_EPARSE},
        {"(string)", "20 1 c100000000000000000000000000000000000000000000000000000000000000",
         DAM_EPARSE}, /* no UTF-8 */
        {"(uint256[])", "20 ffffffffffffffff", DAM_EPARSE},
        {"(bytes,bytes)", "40 40 0", DAM_EPARSE}, /* one word for two values */
        {"(uint8[],uint8[])", "40 60 0 0 7", DAM_OK},
        {"(uint256[2][])", "20 1 5 6", DAM_OK},
        {"()", "", DAM_OK},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        if (decode(cases[i].type, cases[i].words) != cases[i].want) {
            fail_msg("%s <- %s", cases[i].type, cases[i].words);
        }
    }
}

/* Lists that all point to the same place would grow with the power of their depth. */
static void a_few_bytes_stay_a_few_values(void **state)
{
    (void)state;
    char text[1000] = "20";
    for (int level = 0; level < 5; level++) {
        (void)strncat(text, " 4 80 80 80 80", sizeof(text) - strlen(text) - 1);
    }
    assert_int_equal(decode("(uint8[][][][][][])", text), DAM_EPARSE);
}

static void calls_events_and_errors(void **state)
{
    (void)state;
    static const char json_text[] =
        "[{\"type\":\"function\",\"name\":\"transfer\",\"inputs\":[{\"name\":\"to\",\"type\":"
        "\"address\"},{\"name\":\"value\",\"type\":\"uint256\"}],\"outputs\":[{\"type\":\"bool\"}]}"
        ",{\"type\":\"event\",\"name\":\"Transfer\",\"inputs\":[{\"name\":\"from\",\"type\":"
        "\"address\",\"indexed\":true},{\"name\":\"to\",\"type\":\"address\",\"indexed\":true},"
        "{\"name\":\"value\",\"type\":\"uint256\",\"indexed\":false}]},"
        "{\"type\":\"error\",\"name\":\"TooMuch\",\"inputs\":[{\"name\":\"max\",\"type\":"
        "\"uint256\"}]},{\"type\":\"receive\"}]";
    const struct dam_json *json;
    struct dam_abi abi;
    assert_int_equal(dam_json_parse(&arena, json_text, sizeof(json_text) - 1, 0, &json, NULL),
                     DAM_OK);
    assert_int_equal(dam_abi_from_json(&arena, json, &abi), DAM_OK);
    assert_int_equal(abi.count, 3);

    struct dam_abi_value args[2] = {{.word = {{7}}}, {.word = {{1000}}}};
    struct dam_buf buf;
    dam_buf_init_arena(&buf, &arena, 0);
    const struct dam_abi_entry *transfer = dam_abi_find(&abi, DAM_ABI_FUNCTION, "transfer");
    assert_int_equal(dam_abi_encode_call(transfer, args, 2, &buf), DAM_OK);
    assert_int_equal(buf.len, 68);
    assert_memory_equal(buf.data, "\xa9\x05\x9c\xbb", 4);
    args[0].word.w[3] = 1; /* no address */
    assert_int_equal(dam_abi_encode_call(transfer, args, 2, &buf), DAM_ERANGE);
    assert_int_equal(dam_abi_encode_call(transfer, args, 1, &buf), DAM_ERANGE);

    const struct dam_abi_entry *event = dam_abi_find(&abi, DAM_ABI_EVENT, "Transfer");
    struct dam_log log = {.topic_count = 3, .data = words("3e8")};
    const struct dam_abi_value *values;
    log.topics[0] = event->hash;
    memcpy(log.topics[1].b, words("11").data, 32);
    memcpy(log.topics[2].b, words("22").data, 32);
    assert_int_equal(dam_abi_decode_event(&arena, event, &log, &values), DAM_OK);
    assert_true(values[0].word.w[0] == 0x11 && values[1].word.w[0] == 0x22);
    assert_true(values[2].word.w[0] == 1000);
    log.topic_count = 2;
    assert_int_equal(dam_abi_decode_event(&arena, event, &log, &values), DAM_ENOTFOUND);

    const struct dam_abi_entry *error;
    uint8_t revert[4 + 32] = {0};
    memcpy(revert, dam_abi_find(&abi, DAM_ABI_ERROR, "TooMuch(uint256)")->hash.b, 4);
    revert[35] = 9;
    struct dam_bytes data = dam_bytes(revert, sizeof(revert));
    assert_int_equal(dam_abi_decode_error(&arena, &abi, data, &error, &values), DAM_OK);
    assert_string_equal(error->name, "TooMuch");
    assert_true(values[0].word.w[0] == 9);
    memcpy(revert, "\x4e\x48\x7b\x71", 4);
    assert_int_equal(dam_abi_decode_error(&arena, NULL, data, &error, &values), DAM_OK);
    assert_string_equal(error->name, "Panic");
    revert[0] = 0;
    assert_int_equal(dam_abi_decode_error(&arena, &abi, data, &error, &values), DAM_ENOTFOUND);
}

static void solidity_s_own_errors_have_their_hash(void **state)
{
    (void)state;
    static const char *const signatures[] = {"Error(string)", "Panic(uint256)"};
    for (size_t i = 0; i < 2; i++) {
        uint8_t data[4 + 64] = {0};
        const struct dam_abi_entry *error;
        const struct dam_abi_value *values;
        struct dam_hash hash;
        dam_keccak256((const uint8_t *)signatures[i], strlen(signatures[i]), &hash);
        memcpy(data, hash.b, 4);
        data[35] = 32;
        assert_int_equal(
            dam_abi_decode_error(&arena, NULL, dam_bytes(data, sizeof(data)), &error, &values),
            DAM_OK);
        assert_true(dam_hash_eq(&error->hash, &hash));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_canonical_names),
        cmocka_unit_test(bad_types_are_refused),
        cmocka_unit_test(malformed_values_are_refused),
        cmocka_unit_test(a_few_bytes_stay_a_few_values),
        cmocka_unit_test(calls_events_and_errors),
        cmocka_unit_test(solidity_s_own_errors_have_their_hash),
    };
    return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
