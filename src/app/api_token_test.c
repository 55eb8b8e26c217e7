// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/api_token.h"

#define TOKEN "0123456789abcdef-ABCDEFGHIJ._~xy" /* 32 characters */

static enum dam_err read_from(const char *text, mode_t mode, struct dam_api_token *ret)
{
    char path[] = "/tmp/dam-token-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    enum dam_err err = dam_api_token_read(path, ret);
    assert_int_equal(unlink(path), 0);
    return err;
}

static bool shows(const struct dam_api_token *token, const char *value)
{
    const struct dam_http_header header = {dam_bytes("authorization", 13),
                                           dam_bytes(value, strlen(value))};
    const struct dam_http_request request = {.headers = &header, .header_count = 1};
    return dam_api_token_is_shown(token, &request);
}

static void test_shown(void **state)
{
    struct dam_api_token token;
    const struct dam_http_request none = {.method = "GET"};
    (void)state;
    assert_int_equal(read_from(TOKEN "\nanother line\n", 0600, &token), DAM_OK);
    assert_true(shows(&token, "Bearer " TOKEN));
    assert_true(shows(&token, "bearer " TOKEN));
    /* printf 'dam:TOKEN' | base64 */
    assert_true(shows(&token, "Basic ZGFtOjAxMjM0NTY3ODlhYmNkZWYtQUJDREVGR0hJSi5ffnh5"));
    static const char *const wrong[] = {
        "",
        "Bearer ",
        "Basic ",
        "Basic " TOKEN,
        TOKEN,
        "Bearer  " TOKEN,
        "Bearer " TOKEN "x",
        "Bearer 0123456789abcdef-ABCDEFGHIJ._~xz",
        "Bearer 1123456789abcdef-ABCDEFGHIJ._~xy",
        "Bearer ZGFtOjAxMjM0NTY3ODlhYmNkZWYtQUJDREVGR0hJSi5ffnh5",
        "Basic OjAxMjM0NTY3ODlhYmNkZWYtQUJDREVGR0hJSi5ffnh5",
        "Digest " TOKEN,
    };
    for (size_t i = 0; i < DAM_COUNT_OF(wrong); i++) {
        assert_false(shows(&token, wrong[i]));
    }
    assert_false(dam_api_token_is_shown(&token, &none));
}

static void test_refused(void **state)
{
    struct dam_api_token token;
    char longest[600];
    (void)state;
    assert_int_equal(read_from(TOKEN, 0640, &token), DAM_EREFUSED);
    assert_int_equal(read_from(TOKEN, 0604, &token), DAM_EREFUSED);
    assert_int_equal(read_from("", 0600, &token), DAM_EPARSE);
    assert_int_equal(read_from("0123456789abcdef-ABCDEFGHIJ._~x\n", 0600, &token), DAM_EPARSE);
    assert_int_equal(read_from("0123456789abcdef ABCDEFGHIJ._~xy\n", 0600, &token), DAM_EPARSE);
    assert_int_equal(read_from(TOKEN "\r\n", 0600, &token), DAM_EPARSE);
    assert_int_equal(dam_api_token_read("/nowhere/token", &token), DAM_ENOTFOUND);
    memset(longest, 'a', sizeof(longest));
    longest[599] = 0;
    assert_int_equal(read_from(longest, 0600, &token), DAM_EPARSE);
    longest[129] = 0;
    assert_int_equal(read_from(longest, 0600, &token), DAM_EPARSE);
    longest[128] = 0;
    assert_int_equal(read_from(longest, 0600, &token), DAM_OK);
    assert_int_equal(strlen(token.basic), 176);
}

static void test_hidden(void **state)
{
    static const char *const urls[][2] = {
        {"http://dam:" TOKEN "@127.0.0.1:80/x", "127.0.0.1:80/x"},
        {"http://127.0.0.1:80", "http://127.0.0.1:80"},
        {"http://h/a@b", "http://h/a@b"},
        {"dam:" TOKEN "@h", "h"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(urls); i++) {
        assert_string_equal(dam_api_token_hide(urls[i][0]), urls[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
