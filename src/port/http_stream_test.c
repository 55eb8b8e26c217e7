// SPDX-License-Identifier: Apache-2.0
/* Answers that are written while they are made: streams, and answers in parts. */
#include "port/http_fixture.h"

#define CLIENTS 3
#define ALL_TURNS 20000

static void test_streams(void **state)
{
    struct world w;
    char text[500];
    (void)state;
    start(&w, NULL);
    int fd = dial(&w);
    say_text(&w, fd, "GET /stream HTTP/1.1\r\n\r\n");
    assert_non_null(w.stream);
    assert_true(dam_http_stream_write(w.stream, "data: 1\n\n", 9));
    assert_true(hear(&w, fd, text, sizeof(text), "9\r\ndata: 1\n\n\r\n"));
    (void)close(fd);
    turn(&w, 10);
    assert_int_equal(w.streams_closed, 1);
    fd = dial(&w);
    say_text(&w, fd, "GET /stream HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n");
    dam_http_stream_end(w.stream);
    w.stream = NULL;
    assert_true(hear(&w, fd, text, sizeof(text), "0\r\n\r\nHTTP/1.1 200"));
    (void)close(fd);
    stop(&w);
}

/* Take what has come. Returns: how many bytes; -1 if the server has closed. */
static ssize_t take(int fd, char *text, size_t size)
{
    ssize_t got = recv(fd, text, size - 1, MSG_DONTWAIT);
    text[got > 0 ? got : 0] = '\0';
    return got > 0 ? got : got < 0 && errno == EAGAIN ? 0 : -1;
}

/* However long an answer is, a turn of the loop makes one part of it, and others are heard. */
static void test_parts_between_turns(void **state)
{
    enum { PARTS = 300 };
    struct world w;
    char text[PARTS * 20];
    (void)state;
    start(&w, NULL);
    w.parts = PARTS;
    int fd = dial(&w);
    int other = dial(&w);
    say_text(&w, fd, "GET /parts HTTP/1.1\r\n\r\n");
    for (int i = 0; i < PARTS / 2; i++) {
        int before = w.tellings[0].made;
        turn(&w, 1);
        assert_in_range(w.tellings[0].made, before, before + 1);
    }
    say_text(&w, other, "GET /x HTTP/1.1\r\n\r\n");
    assert_true(hear(&w, other, text, sizeof(text), "200 OK"));
    assert_in_range(w.tellings[0].made, 1, PARTS - 1);
    assert_true(hear(&w, fd, text, sizeof(text), "9\r\npart 299\n\r\n0\r\n\r\n"));
    assert_non_null(strstr(text, "X-A: b\r\nTransfer-Encoding: chunked\r\n\r\n7\r\npart 0\n\r\n"));
    assert_true(w.tellings[0].ended);
    say_text(&w, fd, "GET /x HTTP/1.1\r\n\r\n"); /* the connection goes on */
    assert_true(hear(&w, fd, text, sizeof(text), "200 OK"));
    (void)close(other);
    (void)close(fd);
    stop(&w);
}

/* Slow parts of several clients: a turn makes as many as it has time for, and each gets its share.
 */
static void test_parts_are_shared(void **state)
{
    struct world w;
    int fds[CLIENTS];
    (void)state;
    start(&w, NULL);
    w.parts = 1000;
    w.part_ms = SLOW_MS;
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = dial(&w);
        say_text(&w, fds[i], "GET /parts HTTP/1.1\r\n\r\n");
    }
    assert_int_equal(w.telling_count, CLIENTS);
    int before[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        before[i] = w.tellings[i].made;
    }
    for (int round = 0; round < 12; round++) {
        int made = w.tellings[0].made + w.tellings[1].made + w.tellings[2].made;
        turn(&w, 1);
        assert_in_range(w.tellings[0].made + w.tellings[1].made + w.tellings[2].made, made + 1,
                        made + 2); /* of 15 ms each: the first ends before the 20 that there are */
    }
    for (int i = 0; i < CLIENTS; i++) {
        assert_in_range(w.tellings[i].made - before[i], 3, 9); /* of 12 to 24 */
        (void)close(fds[i]);
    }
    stop(&w);
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(w.tellings[i].ended); /* the server went away in the midst */
    }
}

/* Parts are made as they are read; who reads late gets every byte, and who goes away ends it. */
static void test_parts_wait_for_reader(void **state)
{
    enum { PARTS = 400, LEN = 100000 };
    static char text[1 << 20];
    struct world w;
    struct dam_http_stats stats;
    (void)state;
    start(&w, NULL);
    w.parts = PARTS;
    w.part_len = LEN;
    int fd = dial(&w);
    say_text(&w, fd, "GET /parts HTTP/1.1\r\n\r\n");
    turn(&w, TURNS);
    int made = w.tellings[0].made;
    assert_in_range(made, 10, PARTS / 2); /* what the sockets hold, and a backlog */
    turn(&w, TURNS);
    assert_int_equal(w.tellings[0].made, made);
    size_t got = 0;
    for (int i = 0; i < ALL_TURNS && strstr(text, "\r\n0\r\n\r\n") == NULL; i++) {
        turn(&w, 1);
        ssize_t len = take(fd, text, sizeof(text));
        assert_true(len >= 0);
        got += (size_t)len;
    }
    assert_int_equal(w.tellings[0].made, PARTS);
    assert_in_range(got, (size_t)PARTS * LEN, (size_t)PARTS * (LEN + 16));
    say_text(&w, fd, "GET /parts HTTP/1.1\r\n\r\n");
    turn(&w, TURNS);
    assert_false(w.tellings[1].ended);
    (void)close(fd);
    turn(&w, TURNS);
    assert_true(w.tellings[1].ended);
    assert_in_range(w.tellings[1].made, 1, PARTS / 2);
    dam_http_server_stats(w.server, &stats);
    assert_int_equal(stats.open, 0);
    stop(&w);
}

/* Requests behind an answer in parts wait for its end, and it waits for those before it. */
static void test_parts_in_order(void **state)
{
    struct world w;
    char text[2000];
    (void)state;
    start(&w, NULL);
    w.parts = 20;
    int fd = dial(&w);
    say_text(&w, fd,
             "GET /late HTTP/1.1\r\n\r\nGET /parts HTTP/1.1\r\n\r\nGET /parts HTTP/1.1\r\n\r\n"
             "POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nlast");
    turn(&w, 50);
    assert_int_equal(w.requests, 2);
    assert_int_equal(w.tellings[0].made, 0);
    dam_http_reply(w.late[0], 200, NULL, "late", 4);
    w.late_count = 0;
    assert_true(hear(&w, fd, text, sizeof(text), "last"));
    assert_true(strstr(text, "late") < strstr(text, "part 0\n"));
    assert_non_null(strstr(strstr(text, "part 19\n\r\n0\r\n\r\nHTTP/1.1 200"),
                           "part 19\n\r\n0\r\n\r\nHTTP/1.1 200"));
    assert_int_equal(w.telling_count, 2);
    (void)close(fd);
    stop(&w);
}

/* RFC 9112 section 6.1: a client of HTTP/1.0 is sent no chunks; the connection's end ends it. */
static void test_parts_without_chunks(void **state)
{
    struct world w;
    char text[2000];
    (void)state;
    start(&w, NULL);
    w.parts = 3;
    int fd = dial(&w);
    say_text(&w, fd,
             "GET /parts HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /x HTTP/1.0\r\n\r\n");
    assert_false(hear(&w, fd, text, sizeof(text), NULL)); /* closed */
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    assert_null(strstr(text, "chunked"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\npart 0\npart 1\npart 2\n");
    assert_int_equal(w.requests, 1);
    (void)close(fd);
    fd = dial(&w);
    say_text(&w, fd, "HEAD /parts HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n");
    assert_true(hear(&w, fd, text, sizeof(text), "Content-Length: 0\r\n\r\n"));
    assert_null(strstr(text, "part"));
    assert_true(w.tellings[1].ended);
    assert_int_equal(w.tellings[1].made, 0);
    (void)close(fd);
    stop(&w);
}

/* A part that cannot be had breaks the answer off: its last chunk never comes. */
static void test_parts_broken_off(void **state)
{
    struct world w;
    struct dam_http_stats stats;
    char text[2000];
    (void)state;
    start(&w, NULL);
    w.parts = 3;
    w.part_len = 2 << 20;
    int fd = dial(&w);
    say_text(&w, fd, "GET /parts HTTP/1.1\r\n\r\n");
    assert_false(hear(&w, fd, text, sizeof(text), "\r\n0\r\n\r\n"));
    assert_true(w.tellings[0].ended);
    assert_int_equal(w.tellings[0].made, 1);
    dam_http_server_stats(w.server, &stats);
    assert_int_equal(stats.dropped_limit, 1);
    (void)close(fd);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),          cmocka_unit_test(test_parts_between_turns),
        cmocka_unit_test(test_parts_are_shared), cmocka_unit_test(test_parts_wait_for_reader),
        cmocka_unit_test(test_parts_in_order),   cmocka_unit_test(test_parts_without_chunks),
        cmocka_unit_test(test_parts_broken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
