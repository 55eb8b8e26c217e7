// SPDX-License-Identifier: Apache-2.0
#include "base/toml.h"

#include "base/arena_fixture.h"

static struct dam_arena arena;
static struct dam_toml_error error;

static const struct dam_toml *parse(const char *text)
{
    struct dam_toml *root = NULL;
    dam_arena_reset(&arena);
    error = (struct dam_toml_error){0};
    return dam_toml_parse(dam_bytes(text, strlen(text)), &arena, &root, &error) == DAM_OK ? root
                                                                                          : NULL;
}

static void values(void **state)
{
    (void)state;
    const struct dam_toml *t =
        parse("# a comment\r\n"
              "name = \"tab\\there \\u00e9 \\U0001F600\"\n"
              "raw = 'C:\\dir'\n"
              "multi = \"\"\"\nfirst \\\n    second \"\"quoted\"\" \"\"\"\"\n"
              "literal = '''\na'b''c'''''\n"
              "int = -9_223_372_036_854_775_808\nhex = 0xDEAD_beef\n"
              "oct = 0o17\nbin = 0b1010\nfloat = 6.62_6e-3_4\nyes = true\n"
              "time = 1979-05-27 07:32:00.5-07:00\nday = 2024-02-29\n"
              "list = [1, [2, 3,], # c\n  {a.b = 1, 'x y' = 2} ]\n"
              "[a.\"b c\".d]\nk = 1\n[[list2]]\nx = 1\n[[list2]]\nx = 2\n"
              "[list2.sub]\ny = 3\n[a]\nz = 4\n");
    assert_non_null(t);
    assert_string_equal(dam_toml_get(t, "name")->text.data, "tab\there \xc3\xa9 \xf0\x9f\x98\x80");
    assert_string_equal(dam_toml_get(t, "raw")->text.data, "C:\\dir");
    assert_string_equal(dam_toml_get(t, "multi")->text.data, "first second \"\"quoted\"\" \"");
    assert_string_equal(dam_toml_get(t, "literal")->text.data, "a'b''c''");
    assert_true(dam_toml_get(t, "int")->integer == INT64_MIN);
    assert_int_equal(dam_toml_get(t, "hex")->integer, 0xdeadbeef);
    assert_int_equal(dam_toml_get(t, "oct")->integer, 15);
    assert_int_equal(dam_toml_get(t, "bin")->integer, 10);
    assert_int_equal(dam_toml_get(t, "float")->type, DAM_TOML_FLOAT);
    assert_string_equal(dam_toml_get(t, "float")->text.data, "6.626e-34");
    assert_true(dam_toml_get(t, "yes")->boolean);
    assert_int_equal(dam_toml_get(t, "time")->type, DAM_TOML_OFFSET_DATETIME);
    assert_int_equal(dam_toml_get(t, "day")->type, DAM_TOML_LOCAL_DATE);
    const struct dam_toml *table = dam_toml_get(t, "list")->last;
    assert_int_equal(dam_toml_get(dam_toml_get(table, "a"), "b")->integer, 1);
    assert_int_equal(dam_toml_get(table, "x y")->integer, 2);
    const struct dam_toml *a = dam_toml_get(t, "a");
    assert_int_equal(dam_toml_get(a, "z")->integer, 4);
    assert_int_equal(dam_toml_get(dam_toml_get(dam_toml_get(a, "b c"), "d"), "k")->integer, 1);
    const struct dam_toml *second = dam_toml_get(t, "list2")->last;
    assert_int_equal(dam_toml_get(second, "x")->integer, 2);
    assert_int_equal(dam_toml_get(dam_toml_get(second, "sub"), "y")->integer, 3);
    assert_int_equal(dam_toml_get(second, "x")->line, 24);
}

static void refused_with_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
        unsigned column;
        const char *word; /* of the message */
    } cases[] = {
        {"a = 1\nb = \n", 2, 5, "value"},
        {"a = 1\na = 2\n", 2, 3, "'a' is defined twice"},
        {"a = 1 b = 2\n", 1, 7, "end of the line"},
        {"a\n", 1, 2, "'='"},
        {"= 1\n", 1, 1, "key"},
        {"[a]\nb = 1\n[a]\n", 3, 4, "twice"},
        {"[a]\n[[a]]\n", 2, 6, "no array"},
        {"a = [1]\n[[a]]\n", 2, 6, "no array"},
        {"a = {b = 1}\n[a.c]\n", 2, 3, "no table"},
        {"a = {b = 1}\na.c = 2\n", 2, 2, "cannot be added"},
        {"[a.b]\nx = 1\n[a]\nb.y = 2\n", 4, 2, "cannot be added"},
        {"a.b = 1\na = 2\n", 2, 3, "twice"},
        {"a = {b = 1,}\n", 1, 12, "key"},
        {"a = {b = 1\n}\n", 1, 11, "inline"},
        {"a = \"x\ny\"\n", 1, 7, "not closed"},
        {"a = \"\\q\"\n", 1, 7, "escape"},
        {"a = \"\\ud800\"\n", 1, 7, "Unicode"},
        {"a = \"\\u12g4\"\n", 1, 7, "digits"},
        {"a = 01\n", 1, 5, "'01'"},
        {"a = 1__0\n", 1, 5, "'1__0'"},
        {"a = 0x\n", 1, 5, "'0x'"},
        {"a = 9223372036854775808\n", 1, 5, "9223372036854775808"},
        {"a = 1.\n", 1, 5, "'1.'"},
        {"a = .5\n", 1, 5, "'.5'"},
        {"a = 1e\n", 1, 5, "'1e'"},
        {"a = 2023-02-29\n", 1, 5, "2023-02-29"},
        {"a = 24:00:00\n", 1, 5, "24:00:00"},
        {"a = yes\n", 1, 5, "quotes"},
        {"a = [1, 2\n", 2, 1, "array"},
        {"a = \"\"\"x\n", 2, 1, "not closed"},
        {"a = '\x01'\n", 1, 6, "control"},
        {"# \x7f\n", 1, 3, "control"},
        {"a = 1\n\xc3\x28 = 2\n", 2, 1, "UTF-8"},
        {"a = 1\rb = 2\n", 1, 6, "end of the line"},
        {"[a\n", 1, 3, "']'"},
        {"[[a]\n", 1, 4, "']]'"},
        {"[]\n", 1, 2, "key"},
        {"\"\"\"a\"\"\" = 1\n", 1, 3, "'='"},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        assert_null(parse(cases[i].text));
        if (error.line != cases[i].line || error.column != cases[i].column ||
            strstr(error.message, cases[i].word) == NULL) {
            fail_msg("%s\ngives %u:%u %s", cases[i].text, error.line, error.column, error.message);
        }
    }
}

static void depth_and_memory_have_limits(void **state)
{
    (void)state;
    char text[600];
    memset(text, '[', sizeof(text));
    memcpy(text, "a=", 2);
    text[sizeof(text) - 1] = 0;
    assert_null(parse(text));
    assert_non_null(strstr(error.message, "deeply"));
    struct dam_arena small;
    struct dam_toml *root = NULL;
    dam_arena_init(&small, dam_heap(), 1);
    assert_int_equal(dam_toml_parse(dam_bytes("a=1", 3), &small, &root, &error), DAM_ENOMEM);
    dam_arena_finish(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(refused_with_a_place),
        cmocka_unit_test(depth_and_memory_have_limits),
    };
    return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
