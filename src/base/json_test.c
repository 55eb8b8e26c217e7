// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/arena_fixture.h"

#include <stdio.h>

static const struct dam_json *parse(const char *text)
{
    const struct dam_json *root = NULL;
    struct dam_json_error error;
    enum dam_err err = dam_json_parse(&arena, text, strlen(text), 0, &root, &error);
    if (err != DAM_OK) {
        (void)printf("refused: %s\n at %zu: %s\n", text, error.offset, error.what);
    }
    assert_int_equal(err, DAM_OK);
    return root;
}

/* What it reads it writes again; numbers to the letter. */
static void values_survive_a_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "[]",
        "{}",
        "[[],{},[{}]]",
        "{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"e\"}}",
        "[0,-0,1.5,1e5,-1.25E-3,123456789012345678901234567890123456789012345678901234567890]",
        "\"plain\"",
        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
    };
    for (size_t i = 0; i < DAM_COUNT_OF(texts); i++) {
        struct dam_buf buf;
        dam_buf_init_arena(&buf, &arena, 0);
        struct dam_json_writer w = {.buf = &buf};
        dam_json_put_node(&w, parse(texts[i]));
        dam_buf_put_byte(&buf, 0);
        assert_int_equal(dam_buf_err(&buf), DAM_OK);
        assert_string_equal((const char *)buf.data, texts[i]);
    }
}

static void bad_text_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "nul",
        "truex",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "0x10",
        "NaN",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\n\"",
        "\"\x7f\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "[",
        "]",
        "{",
        "[1}",
        "{\"a\":1]",
        "1 1",
        "[1]x",
        "{\"a\":1,\"a\":2}",
        "\"\\u0x12\"",
        "\"\\ud800\\u0041\"",
        "// c\n1",
        "\"a",
    };
    for (size_t i = 0; i < DAM_COUNT_OF(texts); i++) {
        const struct dam_json *root = NULL;
        struct dam_json_error error = {0};
        enum dam_err err = dam_json_parse(&arena, texts[i], strlen(texts[i]), 0, &root, &error);
        if (err != DAM_EPARSE) {
            (void)printf("not refused: %s\n", texts[i]);
        }
        assert_int_equal(err, DAM_EPARSE);
        assert_null(root);
        assert_non_null(error.what);
        assert_in_range(error.offset, 0, strlen(texts[i]));
    }
}

static void an_error_names_its_place(void **state)
{
    (void)state;
    const char *text = "{\n  \"a\": 1,\n  \"b\": tru\n}";
    const struct dam_json *root;
    struct dam_json_error error;
    assert_int_equal(dam_json_parse(&arena, text, strlen(text), 0, &root, &error), DAM_EPARSE);
    assert_int_equal(error.line, 3);
    assert_int_equal(error.column, 8);
    assert_string_equal(error.what, "expected a value");
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    char text[2 * 200 + 1];
    memset(text, '[', 200);
    memset(text + 200, ']', 200);
    const struct dam_json *root;
    assert_int_equal(dam_json_parse(&arena, text, 400, 0, &root, NULL), DAM_ERANGE);
    assert_int_equal(dam_json_parse(&arena, text + 72, 256, 0, &root, NULL), DAM_OK);
    assert_int_equal(dam_json_parse(&arena, text + 195, 10, 4, &root, NULL), DAM_ERANGE);
    assert_int_equal(dam_json_parse(&arena, text + 195, 10, 5, &root, NULL), DAM_OK);
}

static void members_are_found(void **state)
{
    (void)state;
    const struct dam_json *root =
        parse("{\"skip\":{\"a\":[1,2,{\"b\":3}]},\"s\":\"x\\ny\",\"n\":18446744073709551615,"
              "\"i\":-9223372036854775808,\"q\":\"0xff\",\"t\":true,\"list\":[10,[11],12]}");
    assert_int_equal(root->count, 7);
    assert_null(dam_json_get(root, "a"));
    assert_null(dam_json_get(NULL, "a"));
    assert_true(dam_json_is(dam_json_get(root, "s"), "x\ny"));
    uint64_t u = 0;
    int64_t i = 0;
    bool t = false;
    assert_int_equal(dam_json_u64(dam_json_get(root, "n"), &u), DAM_OK);
    assert_true(u == UINT64_MAX);
    assert_int_equal(dam_json_i64(dam_json_get(root, "n"), &i), DAM_ERANGE);
    assert_int_equal(dam_json_i64(dam_json_get(root, "i"), &i), DAM_OK);
    assert_true(i == INT64_MIN);
    assert_int_equal(dam_json_u64(dam_json_get(root, "i"), &u), DAM_EPARSE);
    assert_int_equal(dam_json_quantity(dam_json_get(root, "q"), &u), DAM_OK);
    assert_int_equal(u, 255);
    assert_int_equal(dam_json_bool(dam_json_get(root, "t"), &t), DAM_OK);
    assert_true(t);
    const struct dam_json *list = dam_json_get(root, "list");
    assert_int_equal(dam_json_u64(dam_json_at(list, 2), &u), DAM_OK);
    assert_int_equal(u, 12);
    assert_null(dam_json_at(list, 3));
    unsigned seen = 0;
    DAM_JSON_EACH(item, list)
    {
        seen += item->type == DAM_JSON_ARRAY ? 100 : 1;
    }
    assert_int_equal(seen, 102);
}

static void big_integers_do_not_round(void **state)
{
    (void)state;
    static const char *const max =
        "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    char text[512];
    (void)snprintf(text, sizeof(text), "[%s,\"%s\",\"0x%064d\",%s0,9007199254740993]", max, max, 7,
                   max);
    const struct dam_json *root = parse(text);
    struct dam_u256 v;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(dam_json_any_u256(dam_json_at(root, i), &v), DAM_OK);
        assert_true((v.w[0] & v.w[1] & v.w[2] & v.w[3]) == UINT64_MAX);
    }
    assert_int_equal(dam_json_any_u256(dam_json_at(root, 2), &v), DAM_OK);
    assert_true(v.w[0] == 7 && v.w[3] == 0);
    assert_int_equal(dam_json_any_u256(dam_json_at(root, 3), &v), DAM_ERANGE);
    assert_int_equal(dam_json_any_u256(dam_json_at(root, 4), &v), DAM_OK);
    assert_true(v.w[0] == 9007199254740993u);
}

static void many_keys_are_checked_for_duplicates(void **state)
{
    (void)state;
    for (int twin = -1; twin < 100; twin += 33) {
        struct dam_buf buf;
        dam_buf_init_arena(&buf, &arena, 0);
        struct dam_json_writer w = {.buf = &buf};
        dam_json_put_object(&w);
        for (int i = 0; i < 101; i++) {
            char key[16];
            (void)snprintf(key, sizeof(key), "key%d", i == 100 && twin >= 0 ? twin : i);
            dam_json_put_key(&w, key);
            dam_json_put_i64(&w, i);
        }
        dam_json_put_object_end(&w);
        const struct dam_json *root;
        assert_int_equal(dam_json_parse(&arena, (const char *)buf.data, buf.len, 0, &root, NULL),
                         twin < 0 ? DAM_OK : DAM_EPARSE);
    }
}

/* Every refusal of memory gives DAM_ENOMEM, never a crash. */
static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    char text[20000];
    size_t len = 0;
    text[len++] = '[';
    while (len < sizeof(text) - 20) {
        memcpy(text + len, "\"\\n\",", 5);
        len += 5;
    }
    text[len++] = '0';
    text[len++] = ']';
    unsigned refused = 0;
    for (size_t limit = 1 << 16; limit <= 1u << 21; limit += 1 << 16) {
        struct dam_arena small;
        dam_arena_init(&small, dam_heap(), limit);
        const struct dam_json *root;
        enum dam_err err = dam_json_parse(&small, text, len, 0, &root, NULL);
        assert_true(err == DAM_OK || err == DAM_ENOMEM);
        refused += err == DAM_ENOMEM;
        dam_arena_finish(&small);
    }
    assert_in_range(refused, 1, 30);
}

static void the_writer_places_commas_and_escapes(void **state)
{
    (void)state;
    struct dam_buf buf;
    dam_buf_init_arena(&buf, &arena, 0);
    struct dam_json_writer w = {.buf = &buf};
    struct dam_u256 big = {{1, 0, 0, 1}};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "a");
    dam_json_put_array(&w);
    dam_json_put_u64(&w, 1);
    dam_json_put_i64(&w, -2);
    dam_json_put_null(&w);
    dam_json_put_array_end(&w);
    dam_json_put_key(&w, "b");
    dam_json_put_quantity(&w, 0);
    dam_json_put_key(&w, "c");
    dam_json_put_quantity_u256(&w, &big);
    dam_json_put_key(&w, "d");
    dam_json_put_data(&w, (const uint8_t *)"\x00\xab", 2);
    dam_json_put_key(&w, "e");
    dam_json_put_string(&w, "x\"\xff\x01", 4);
    dam_json_put_key_data(&w, (const uint8_t *)"\x0f", 1);
    dam_json_put_bool(&w, true);
    dam_json_put_data_at(&w, "f", dam_bytes("\x01", 1));
    dam_json_put_quantity_at(&w, "g", 16);
    dam_json_put_quantity_u256_at(&w, "h", &big);
    dam_json_put_quantity_at(&w, "i", UINT64_MAX);
    dam_json_put_quantity_at(&w, "j", 0xfedcba98765);
    dam_json_put_u64_at(&w, "k", 7);
    dam_json_put_cstr_at(&w, "l", "\n");
    dam_json_put_key(&w, "m");
    dam_json_put_array(&w);
    dam_json_put_i64_text(&w, INT64_MIN);
    dam_json_put_i64_text(&w, 0);
    dam_json_put_array_end(&w);
    dam_json_put_i64_text_at(&w, "n", INT64_MAX);
    dam_json_put_object_end(&w);
    dam_buf_put_byte(&buf, 0);
    assert_string_equal((const char *)buf.data,
                        "{\"a\":[1,-2,null],\"b\":\"0x0\",\"c\":\"0x1"
                        "000000000000000000000000000000000000000000000001\",\"d\":\"0x00ab\","
                        "\"e\":\"x\\\"\xef\xbf\xbd\\u0001\",\"0x0f\":true,\"f\":\"0x01\","
                        "\"g\":\"0x10\",\"h\":\"0x1"
                        "000000000000000000000000000000000000000000000001\",\"i\":"
                        "\"0xffffffffffffffff\",\"j\":\"0xfedcba98765\",\"k\":7,\"l\":\"\\n\","
                        "\"m\":[\"-9223372036854775808\",\"0\"],\"n\":\"9223372036854775807\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_survive_a_round_trip),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(an_error_names_its_place),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(members_are_found),
        cmocka_unit_test(big_integers_do_not_round),
        cmocka_unit_test(many_keys_are_checked_for_duplicates),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(the_writer_places_commas_and_escapes),
    };
    return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
