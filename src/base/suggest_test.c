// SPDX-License-Identifier: Apache-2.0
#include "base/suggest.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LIKE(word, ...)                                                                            \
    dam_suggest(dam_bytes(word, strlen(word)), (const char *const[]){__VA_ARGS__},                 \
                DAM_COUNT_OF(((const char *const[]){__VA_ARGS__})))

static void misspelt_words_are_found(void **state)
{
    (void)state;
    assert_string_equal(LIKE("decimal", "period", "decimals"), "decimals");
    assert_string_equal(LIKE("peroid", "range", "period"), "period");
    assert_string_equal(LIKE("pxriod", "range", "period"), "period");
    assert_string_equal(LIKE("xy", "range", "x"), "x");
    assert_null(LIKE("colour", "decimals", "period", "range", "unit"));
    assert_null(dam_suggest(dam_bytes("period", 6), NULL, 0));
}

/* "pu" is "up" with its letters swapped: one edit, where two would be too many for a short word. */
static void a_swap_of_neighbours_is_one_edit(void **state)
{
    (void)state;
    assert_string_equal(LIKE("pu", "of", "up"), "up");
    assert_string_equal(LIKE("replya", "reply", "replay"), "reply"); /* each is one edit away */
    assert_string_equal(LIKE("abcdefgh", "abdcfegh", "zzcdefgX"),
                        "abdcfegh");                           /* two against three */
    assert_string_equal(LIKE("abcd", "wxyz", "badc"), "badc"); /* two swaps */
}

static void a_beginning_is_like_the_whole(void **state)
{
    (void)state;
    assert_string_equal(LIKE("--gpsd", "--period", "--gpsd-port"), "--gpsd-port");
    assert_string_equal(LIKE("--wate", "--wate-height", "--water"), "--wate-height");
    assert_null(LIKE("--", "--genesis", "--gpsd-port")); /* any option begins so */
    assert_null(
        LIKE("aaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")); /* 41: no hint has room */
}

static void only_words_of_a_sane_length(void **state)
{
    char hint[DAM_SUGGEST_HINT_SIZE];
    char longest[41];
    const char *const names[] = {longest};
    (void)state;
    memset(longest, 'a', 40);
    longest[40] = 0;
    assert_string_equal(dam_suggest_hint(dam_bytes(longest, 39), names, 1, NULL, hint), hint);
    assert_string_equal(hint, "did you mean 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'?");
    assert_string_equal(dam_suggest_hint(dam_bytes("b", 1), names, 1, "none", hint), "none");
    char more[42] = {0};
    memset(more, 'a', 41);
    assert_null(dam_suggest(dam_bytes(more, 41), names, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misspelt_words_are_found),
        cmocka_unit_test(a_swap_of_neighbours_is_one_edit),
        cmocka_unit_test(a_beginning_is_like_the_whole),
        cmocka_unit_test(only_words_of_a_sane_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
