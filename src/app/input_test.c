// SPDX-License-Identifier: Apache-2.0
#include "app/input.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct dam_input input;
static uv_loop_t loop;
static uv_timer_t timer;
static char said[4096]; /* "line|line|." */

static void say(const char *text, const char *behind)
{
    size_t len = strlen(said);
    (void)snprintf(said + len, sizeof(said) - len, "%.16s%s", text, behind);
}

static void on_timer(uv_timer_t *handle)
{
    (void)handle;
    say("", "+"); /* what the line asked for is done */
    dam_input_next(&input);
}

/* A line "slow" takes its time. */
static bool on_line(void *ctx, const char *line)
{
    (void)ctx;
    say(line, "|");
    if (strcmp(line, "slow") == 0) {
        (void)uv_timer_start(&timer, on_timer, 2, 0);
        return false;
    }
    if (strcmp(line, "close") == 0) {
        dam_input_close(&input);
    }
    return true;
}

static void on_end(void *ctx)
{
    (void)ctx;
    say("", ".");
    dam_input_close(&input);
}

/* Standard input is fd until it has ended. Returns: what was said. */
static const char *read_all(int fd)
{
    static const struct dam_input_ops ops = {.line = on_line, .end = on_end};
    int before = dup(STDIN_FILENO);
    assert_true(before >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    (void)close(fd);
    said[0] = 0;
    memset(&input, 0, sizeof(input));
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_timer_init(&loop, &timer), 0);
    assert_int_equal(dam_input_open(&input, &loop, &ops, NULL), DAM_OK);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_true(dup2(before, STDIN_FILENO) == STDIN_FILENO);
    (void)close(before);
    return said;
}

static int file_with(const char *text)
{
    char path[] = "/tmp/dam-input-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && unlink(path) == 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static int pipe_with(const char *text)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
    (void)close(ends[1]);
    return ends[0];
}

static void nothing_is_an_end(void **state)
{
    (void)state;
    assert_string_equal(read_all(open("/dev/null", O_RDONLY)), ".");
    assert_string_equal(read_all(file_with("")), ".");
    assert_string_equal(read_all(pipe_with("")), ".");
}

static void a_line_waits_for_the_one_before(void **state)
{
    static const char text[] = "a\nslow\nb\nslow\nlast";
    static const char want[] = "a|slow|+b|slow|+last|.";
    (void)state;
    assert_string_equal(read_all(file_with(text)), want);
    assert_string_equal(read_all(pipe_with(text)), want);
}

static void after_closing_nothing_comes(void **state)
{
    (void)state;
    assert_string_equal(read_all(file_with("a\nclose\nb\n")), "a|close|");
    assert_string_equal(read_all(pipe_with("a\nclose\nb\n")), "a|close|");
}

/* What no command is, is dropped in pieces; what follows is read as ever. */
static void a_line_may_be_too_long(void **state)
{
    char text[3 * DAM_INPUT_LINE_MAX + 3];
    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text + 2 * DAM_INPUT_LINE_MAX, "\nb\n", 4);
    assert_string_equal(read_all(file_with(text)), "|b|.");
    assert_string_equal(read_all(pipe_with(text)), "|b|.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_an_end),
        cmocka_unit_test(a_line_waits_for_the_one_before),
        cmocka_unit_test(after_closing_nothing_comes),
        cmocka_unit_test(a_line_may_be_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
