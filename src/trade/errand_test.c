// SPDX-License-Identifier: Apache-2.0
#include "trade/errand.h"

#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define TO "0x00000000000000000000000000000000000000aa"
#define CALL "{\"to\":\"" TO "\",\"data\":\"0x01020304\"}"

static void test_names(void **state)
{
    static const char long_one[] = "a23456789-123456789-123456789-123456789-12345678";
    static const struct {
        const char *file;
        bool good;
    } rows[] = {{"hire-1.json", true},    {"0.json", true},        {".json", false},
                {"hire-1.answer", false}, {"Hire.json", false},    {"a.b.json", false},
                {"../x.json", false},     {"hire-1.json~", false}, {"", false}};
    char name[DAM_ERRAND_NAME_SIZE];
    char file[sizeof(long_one) + 8];
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(rows); i++) {
        assert_int_equal(dam_errand_name(rows[i].file, name), rows[i].good);
    }
    assert_true(dam_errand_name("hire-1.json", name));
    assert_string_equal(name, "hire-1");
    (void)snprintf(file, sizeof(file), "%s.json", long_one);
    assert_true(dam_errand_name(file, name));
    assert_string_equal(name, long_one);
    (void)snprintf(file, sizeof(file), "%sx.json", long_one);
    assert_false(dam_errand_name(file, name));
}

static void test_texts(void **state)
{
    static const struct {
        const char *text;
        size_t calls; /* 0: refused */
    } rows[] = {
        {"{\"calls\":[" CALL "]}", 1},
        {"{\"calls\":[" CALL "," CALL "," CALL "," CALL "]}", 4},
        {"{\"calls\":[" CALL "," CALL "," CALL "," CALL "," CALL "]}", 0},
        {"{\"calls\":[{\"to\":\"" TO "\",\"data\":\"0x\"}]}", 1},
        {"{\"calls\":[{\"to\":\"" TO "\"}]}", 0},
        {"{\"calls\":[{\"to\":\"0xaa\",\"data\":\"0x\"}]}", 0},
        {"{\"calls\":[{\"to\":\"" TO "\",\"data\":\"0x1\"}]}", 0},
        {"{\"calls\":[{\"to\":\"" TO "\",\"data\":\"zz\"}]}", 0},
        {"{\"calls\":[7]}", 0},
        {"{\"calls\":[]}", 0},
        {"{\"calls\":7}", 0},
        {"{}", 0},
        {"[]", 0},
        {"{\"calls\":[" CALL "]", 0},
        {"", 0},
    };
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(rows); i++) {
        struct dam_arena arena;
        struct dam_errand errand;
        dam_arena_init(&arena, dam_heap(), 0);
        const char *wrong =
            dam_errand_parse(&arena, dam_bytes(rows[i].text, strlen(rows[i].text)), &errand);
        assert_int_equal(wrong == NULL ? errand.call_count : 0, rows[i].calls);
        dam_arena_finish(&arena);
    }
}

static void test_what_is_read(void **state)
{
    static const char text[] = "{\"calls\":[" CALL "],\"note\":\"for people\"}";
    struct dam_arena arena;
    struct dam_errand errand;
    (void)state;
    dam_arena_init(&arena, dam_heap(), 0);
    assert_null(dam_errand_parse(&arena, dam_bytes(text, sizeof(text) - 1), &errand));
    assert_int_equal(errand.calls[0].target.b[19], 0xaa);
    assert_int_equal(errand.calls[0].data.len, 4);
    assert_memory_equal(errand.calls[0].data.data, "\1\2\3\4", 4);
    dam_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_what_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
