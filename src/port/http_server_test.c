// SPDX-License-Identifier: Apache-2.0
#include "port/http_fixture.h"

#include <sys/un.h>

#include "base/buf.h"
#include "base/heap.h"

#define SLOW_COUNT 12

static void test_pipelined_in_order(void **state)
{
    struct world w;
    char text[2000];
    (void)state;
    start(&w, NULL);
    int fd = dial(&w);
    say_text(&w, fd,
             "GET /late HTTP/1.1\r\n\r\n"
             "GET /late HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
             "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nthird");
    assert_int_equal(w.late_count, 2);
    dam_http_reply(w.late[1], 200, NULL, "second", 6);
    turn(&w, 5);
    assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), -1); /* not before the first */
    dam_http_reply(w.late[0], 201, "X-A: b\r\n", "first", 5);
    w.late_count = 0;
    assert_true(hear(&w, fd, text, sizeof(text), "third"));
    assert_non_null(strstr(text, "201 Created"));
    assert_non_null(strstr(text, "X-A: b\r\n"));
    assert_true(strstr(text, "first") < strstr(text, "second"));
    assert_true(strstr(text, "second") < strstr(text, "third"));
    (void)close(fd);
    stop(&w);
}

static void test_cut_anywhere(void **state)
{
    static const char request[] = "POST /e HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    struct world w;
    char text[500];
    (void)state;
    start(&w, NULL);
    int fd = dial(&w);
    for (size_t i = 0; i + 1 < sizeof(request); i++) {
        say(&w, fd, request + i, 1);
    }
    assert_true(hear(&w, fd, text, sizeof(text), "\r\n\r\nabcde"));
    (void)close(fd);
    stop(&w);
}

/* A client that closes its side still gets what it asked for, then the connection ends. */
static void test_half_closed(void **state)
{
    struct world w;
    char text[500];
    (void)state;
    start(&w, NULL);
    int fd = dial(&w);
    say_text(&w, fd, "GET /late HTTP/1.1\r\n\r\n");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    turn(&w, 5);
    assert_int_equal(w.late_count, 1);
    dam_http_reply(w.late[0], 200, NULL, "late", 4);
    w.late_count = 0;
    assert_true(hear(&w, fd, text, sizeof(text), "late"));
    assert_true(is_closed(&w, fd));
    (void)close(fd);
    fd = dial(&w);
    assert_int_equal(shutdown(fd, SHUT_WR), 0); /* nothing asked: closed at once */
    assert_true(is_closed(&w, fd));
    (void)close(fd);
    stop(&w);
}

static void refused(const char *request, const char *status)
{
    struct dam_http_limits limits = {.body_len_max = 1000, .head_len_max = 2000};
    struct world w;
    struct dam_http_stats stats;
    char text[500];
    start(&w, &limits);
    int fd = dial(&w);
    say_text(&w, fd, request);
    assert_true(hear(&w, fd, text, sizeof(text), "\r\n\r\n"));
    assert_int_equal(memcmp(text + 9, status, 3), 0);
    assert_true(is_closed(&w, fd));
    assert_int_equal(w.requests, 0);
    dam_http_server_stats(w.server, &stats);
    assert_int_equal(stats.dropped_limit, 1);
    (void)close(fd);
    stop(&w);
}

static void test_refusals(void **state)
{
    char text[4000];
    size_t len;
    (void)state;
    refused("POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", "413");
    refused("POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n", "400");
    refused("nonsense\r\n\r\n", "400");
    refused("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400");
    len = (size_t)snprintf(text, sizeof(text),
                           "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n");
    memset(text + len, 'x', 1500);
    text[len + 1500] = '\0';
    refused(text, "413");
    len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX: ");
    memset(text + len, 'x', 3000);
    memcpy(text + len + 3000, "\r\n\r\n", 5);
    refused(text, "431");
    len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 65; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "a: b\r\n");
    }
    (void)snprintf(text + len, sizeof(text) - len, "\r\n");
    refused(text, "431");
}

/* The memory of a long body serves the next request's headers, whose limit is smaller. */
static void test_limits_of_used_memory(void **state)
{
    struct dam_http_limits limits = {.body_len_max = 8000, .head_len_max = 1000};
    struct world w;
    char text[8000];
    (void)state;
    start(&w, &limits);
    int fd = dial(&w);
    static const char shape[] = "POST / HTTP/1.1\r\nContent-Length: 3000\r\n\r\n%03000d"
                                "GET / HTTP/1.1\r\nX: %04000d";
    int len = snprintf(text, sizeof(text), shape, 0, 0);
    say(&w, fd, text, (size_t)len);
    assert_true(hear(&w, fd, text, sizeof(text), "431 "));
    assert_int_equal(w.requests, 1);
    (void)close(fd);
    stop(&w);
}

static void test_slow_sender(void **state)
{
    struct dam_http_limits limits = {.request_ms_max = 100, .idle_ms_max = 100000};
    struct world w;
    struct dam_http_stats stats;
    (void)state;
    start(&w, &limits);
    int fd = dial(&w);
    int quiet = dial(&w);
    say_text(&w, fd, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n");
    for (int i = 0; i < 8; i++) { /* a byte now and then does not help */
        (void)send(fd, "x", 1, MSG_NOSIGNAL);
        wait_ms(&w, 100);
    }
    assert_true(is_closed(&w, fd));
    dam_http_server_stats(w.server, &stats);
    assert_int_equal(stats.dropped_slow, 1);
    assert_int_equal(stats.open, 1); /* who has asked nothing yet may stay */
    (void)close(fd);
    (void)close(quiet);
    stop(&w);
}

/* What comes while the loop is held up has come in time, and who waited for an answer was not idle.
 */
static void test_blocked_loop(void **state)
{
    struct dam_http_limits limits = {.request_ms_max = 100, .idle_ms_max = 100};
    struct world w;
    char text[1000];
    (void)state;
    start(&w, &limits);
    w.half = dial(&w);
    int fd = dial(&w);
    say_text(&w, w.half, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na");
    assert_int_equal(send(fd, "GET /block HTTP/1.1\r\n\r\n", 23, MSG_NOSIGNAL), 23);
    assert_true(hear(&w, fd, text, sizeof(text), "200 OK"));
    assert_true(hear(&w, w.half, text, sizeof(text), "abc"));
    wait_ms(&w, 1000);
    assert_true(is_closed(&w, fd)); /* now it is */
    (void)close(fd);
    (void)close(w.half);
    stop(&w);
}

static void test_slow_reader(void **state)
{
    struct dam_http_limits limits = {.backlog_len_max = 1u << 20, .write_ms_max = 100};
    struct world w;
    struct dam_http_stats stats;
    (void)state;
    start(&w, &limits);
    w.flood = 900000;
    int fd = dial(&w);
    int size = 4096;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    for (int i = 0; i < 16; i++) { /* far more than the sockets take */
        (void)send(fd, "GET /flood HTTP/1.1\r\n\r\n", 23, MSG_NOSIGNAL);
        turn(&w, 3);
    }
    assert_true(w.requests < 16); /* what it does not read is not asked for */
    wait_ms(&w, 1500);
    dam_http_server_stats(w.server, &stats);
    assert_int_equal(stats.open, 0);
    assert_int_equal(stats.dropped_slow, 1);
    (void)close(fd);
    stop(&w);
}

/* Many clients with half a body each: together they may not take all memory. */
static void test_memory(void **state)
{
    enum { CLIENTS = 40, PART = 200000 };
    struct dam_http_limits limits = {.memory_len_max = 4u << 20, .body_len_max = 1u << 20};
    struct world w;
    struct dam_http_stats stats;
    char *part = calloc(1, PART);
    char text[500];
    int fds[CLIENTS];
    (void)state;
    assert_non_null(part);
    start(&w, &limits);
    int good = dial(&w);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = dial(&w);
        say_text(&w, fds[i], "POST / HTTP/1.1\r\nContent-Length: 900000\r\n\r\n");
        (void)send(fds[i], part, PART, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn(&w, 10);
        say_text(&w, good, "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n\r\ngood");
        assert_true(hear(&w, good, text, sizeof(text), "good"));
    }
    dam_http_server_stats(w.server, &stats);
    assert_true(stats.dropped_limit > CLIENTS / 2);
    assert_int_equal(w.requests, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        (void)close(fds[i]);
    }
    (void)close(good);
    free(part);
    stop(&w);
}

static void test_too_many(void **state)
{
    struct dam_http_limits limits = {.conn_count_max = 4};
    struct world w;
    char text[500];
    int fds[10];
    (void)state;
    start(&w, &limits);
    int busy = dial(&w);
    say_text(&w, busy, "GET /late HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        fds[i] = dial(&w);
    }
    assert_true(is_closed(&w, fds[0])); /* the longest idle one made room */
    say_text(&w, fds[9], "GET / HTTP/1.1\r\n\r\n");
    assert_true(hear(&w, fds[9], text, sizeof(text), "200 OK"));
    dam_http_reply(w.late[0], 200, NULL, "busy", 4); /* whoever waits for an answer stays */
    w.late_count = 0;
    assert_true(hear(&w, busy, text, sizeof(text), "busy"));
    for (int i = 0; i < 10; i++) {
        (void)close(fds[i]);
    }
    (void)close(busy);
    stop(&w);
}

static const char upgrade[] = "GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\n"
                              "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static void test_websocket(void **state)
{
    static const uint8_t hello[] = {0x81, 0x82, 0, 0, 0, 0, 'h', 'i'};
    static const uint8_t ping[] = {0x89, 0x81, 0, 0, 0, 0, '!'};
    static const uint8_t bye[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9};
    struct world w;
    char text[500];
    (void)state;
    start(&w, NULL);
    int fd = dial(&w);
    say_text(&w, fd, upgrade);
    assert_true(hear(&w, fd, text, sizeof(text), "\r\n\r\n"));
    assert_non_null(strstr(text, "101 Switching"));
    assert_non_null(strstr(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_non_null(w.ws);
    say(&w, fd, hello, sizeof(hello));
    assert_true(hear(&w, fd, text, sizeof(text), "\x81\x02hi"));
    say(&w, fd, ping, sizeof(ping));
    assert_true(hear(&w, fd, text, sizeof(text), "\x8a\x01!"));
    dam_ws_send(w.ws, "pushed", 6);
    assert_true(hear(&w, fd, text, sizeof(text), "pushed"));
    say(&w, fd, bye, sizeof(bye));
    assert_true(hear(&w, fd, text, sizeof(text), "\x88\x02\x03\xe9") || text[0] == '\x88');
    assert_true(is_closed(&w, fd));
    assert_int_equal(w.ws_closed, 1);
    (void)close(fd);
    stop(&w);
}

/* Many slow requests come at once: no turn takes more than a few of them. */
static void ask_slowly(struct world *w, int fd, const char *request, size_t len)
{
    w->requests = 0;
    for (int i = 0; i < SLOW_COUNT; i++) {
        assert_int_equal(send(fd, request, len, MSG_NOSIGNAL), (ssize_t)len);
    }
    for (int before = 0; w->requests < SLOW_COUNT; before = w->requests) {
        turn(w, 1);
        assert_in_range(w->requests, before,
                        before + 4); /* of those that waited, and of new ones */
    }
}

static void test_short_turns(void **state)
{
    static const char request[] = "GET /slow HTTP/1.1\r\n\r\n";
    static const char frame[] = {(char)0x81, (char)0x84, 0, 0, 0, 0, 's', 'l', 'o', 'w'};
    struct world w;
    char text[2000];
    (void)state;
    start(&w, NULL);
    int fd = dial(&w);
    int other = dial(&w);
    ask_slowly(&w, fd, request, sizeof(request) - 1);
    for (int i = 0; i < SLOW_COUNT && send(fd, request, sizeof(request) - 1, 0) > 0; i++) {
    }
    say_text(&w, other, "GET / HTTP/1.1\r\n\r\n");
    assert_true(hear(&w, other, text, sizeof(text), "200 OK"));
    assert_in_range(w.requests, SLOW_COUNT + 1, 2 * SLOW_COUNT); /* not behind all of the other's */
    (void)close(other);
    (void)close(fd);
    say_text(&w, fd = dial(&w), upgrade);
    ask_slowly(&w, fd, frame, sizeof(frame));
    (void)close(fd);
    stop(&w);
}

static void test_websocket_refusals(void **state)
{
    static const char *const bad[] = {
        "GET /ws HTTP/1.1\r\n\r\n",
        "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: nowebsockets\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
    };
    static const uint8_t unmasked[] = {0x81, 0x02, 'h', 'i'};
    static const uint8_t too_long[] = {0x82, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 2, 3, 4};
    struct world w;
    char text[500];
    (void)state;
    start(&w, NULL);
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        int fd = dial(&w);
        say_text(&w, fd, bad[i]);
        assert_true(hear(&w, fd, text, sizeof(text), "\r\n\r\n"));
        assert_int_equal(memcmp(text + 9, "400", 3), 0);
        assert_true(is_closed(&w, fd));
        (void)close(fd);
    }
    int fd = dial(&w);
    say_text(&w, fd, upgrade);
    assert_true(hear(&w, fd, text, sizeof(text), "\r\n\r\n"));
    say(&w, fd, unmasked, sizeof(unmasked));
    assert_true(hear(&w, fd, text, sizeof(text), "\x88\x02\x03\xea")); /* 1002 */
    assert_true(is_closed(&w, fd));
    (void)close(fd);
    fd = dial(&w);
    say_text(&w, fd, upgrade);
    assert_true(hear(&w, fd, text, sizeof(text), "\r\n\r\n"));
    say(&w, fd, too_long, sizeof(too_long));
    assert_true(hear(&w, fd, text, sizeof(text), "\x88\x02\x03\xf1")); /* 1009 */
    (void)close(fd);
    turn(&w, 5);
    assert_int_equal(w.ws_closed, 2);
    stop(&w);
}

/* A subscriber that reads nothing is dropped when its backlog is full; nobody waits for it. */
static void test_websocket_slow_reader(void **state)
{
    struct dam_http_limits limits = {.backlog_len_max = 1u << 20};
    struct world w;
    char text[500];
    char *event = calloc(1, 100000);
    (void)state;
    assert_non_null(event);
    start(&w, &limits);
    int fd = dial(&w);
    say_text(&w, fd, upgrade);
    assert_true(hear(&w, fd, text, sizeof(text), "\r\n\r\n"));
    int sent = 0;
    for (; w.ws != NULL && sent < 1000; sent++) {
        dam_ws_send(w.ws, event, 100000);
        turn(&w, 2);
    }
    assert_int_equal(w.ws_closed, 1);
    assert_true(sent < 200); /* the backlog and what the sockets hold */
    (void)close(fd);
    free(event);
    stop(&w);
}

/* Under pressure who reads stays and who does not goes, though both hold the same for a moment. */
static void test_memory_readers(void **state)
{
    enum { SLOW = 10, EVENT = 200000 };
    struct dam_http_limits limits = {.memory_len_max = 8u << 20};
    struct world w;
    char text[500];
    char *event = calloc(1, EVENT);
    struct dam_ws *all[SLOW + 1];
    int fds[SLOW + 1];
    (void)state;
    assert_non_null(event);
    start(&w, &limits);
    for (int i = 0; i <= SLOW; i++) {
        fds[i] = dial(&w);
        say_text(&w, fds[i], upgrade);
        assert_true(hear(&w, fds[i], text, sizeof(text), "\r\n\r\n"));
        all[i] = w.ws;
    }
    w.ws_closed = 0;
    for (int round = 0; round < 30; round++) {
        int closed = w.ws_closed;
        for (int i = 0; i <= SLOW && closed == 0; i++) {
            dam_ws_send(all[i], event, EVENT);
        }
        if (closed > 0) { /* which ones are gone is only told by count: the reader is the last */
            dam_ws_send(all[SLOW], event, EVENT);
        }
        for (int i = 0; i < 30; i++) {
            char sink[65536];
            turn(&w, 1);
            while (recv(fds[SLOW], sink, sizeof(sink), MSG_DONTWAIT) > 0) {
            }
        }
        wait_ms(&w, 20);
    }
    assert_true(w.ws_closed > 0);
    dam_ws_send(all[SLOW], "still here", 10);
    assert_true(hear(&w, fds[SLOW], text, sizeof(text), "still here"));
    for (int i = 0; i <= SLOW; i++) {
        (void)close(fds[i]);
    }
    free(event);
    stop(&w);
}

/* Who asks for much at once and reads it gets all of it, and never holds it all at once. */
static void test_large_replies_pipelined(void **state)
{
    enum { COUNT = 40, LEN = 900000 };
    static const char ask[] = "GET /flood HTTP/1.1\r\n\r\n";
    struct dam_http_limits limits = {.memory_len_max = 16u << 20};
    struct world w;
    struct dam_http_stats stats;
    size_t got = 0;
    (void)state;
    start(&w, &limits);
    w.flood = LEN;
    int fd = dial(&w);
    for (int i = 0; i < COUNT; i++) {
        say_text(&w, fd, ask);
    }
    for (int idle = 0; idle < 200 && got < (size_t)COUNT * LEN;) {
        static char sink[1 << 20];
        turn(&w, 1);
        ssize_t len = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);
        got += len > 0 ? (size_t)len : 0;
        idle = len > 0 ? 0 : idle + 1;
    }
    dam_http_server_stats(w.server, &stats);
    assert_true(got >= (size_t)COUNT * LEN);
    assert_int_equal(w.requests, COUNT);
    assert_int_equal(stats.dropped_limit + stats.dropped_slow, 0);
    (void)close(fd);
    stop(&w);
}

/* Long replies that were ready in another order than they were asked for, and more of them than the
 * sockets hold: each byte comes once and at its place. */
static void test_long_replies_out_of_order(void **state)
{
    enum { COUNT = 4, LEN = 5 << 20 };
    static const size_t order[COUNT] = {1, 0, 3, 2};
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n";
    struct world w;
    size_t want = COUNT * (sizeof(head) - 1 + LEN);
    size_t got = 0;
    uint8_t *heard = malloc(want);
    uint8_t *body = malloc(LEN);
    (void)state;
    assert_true(heard != NULL && body != NULL);
    start(&w, NULL);
    int fd = dial(&w);
    for (int i = 0; i < COUNT; i++) {
        say_text(&w, fd, "GET /late HTTP/1.1\r\n\r\n");
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < LEN; k++) {
            body[k] = (uint8_t)(k % 251 + order[i]);
        }
        dam_http_reply(w.late[order[i]], 200, NULL, body, LEN);
    }
    w.late_count = 0;
    memset(body, 0, LEN); /* it was the caller's again */
    for (int idle = 0; idle < TURNS && got < want;) {
        turn(&w, 1);
        ssize_t len = recv(fd, heard + got, want - got, MSG_DONTWAIT);
        got += len > 0 ? (size_t)len : 0;
        idle = len > 0 ? 0 : idle + 1;
    }
    assert_int_equal(got, want);
    for (size_t i = 0; i < COUNT; i++) {
        const uint8_t *at = heard + i * (want / COUNT);
        assert_memory_equal(at, head, sizeof(head) - 1);
        for (size_t k = 0; k < LEN; k++) {
            assert_int_equal(at[sizeof(head) - 1 + k], (uint8_t)(k % 251 + i));
        }
    }
    free(heard);
    free(body);
    (void)close(fd);
    stop(&w);
}

static void test_unix_socket(void **state)
{
    struct world w;
    struct dam_http_server *second;
    struct dam_http_handler handler = {.request = on_request, .ctx = &w};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/dam-http-XXXXXX";
    char text[500];
    (void)state;
    start(&w, NULL);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
    assert_int_equal(dam_http_listen_unix(w.server, address.sun_path), DAM_OK);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    say_text(&w, fd, "POST /e HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
    assert_true(hear(&w, fd, text, sizeof(text), "\r\n\r\nhi"));
    assert_int_equal(dam_http_server_create(&w.loop, &handler, NULL, &second), DAM_OK);
    assert_int_equal(dam_http_listen_unix(second, address.sun_path), DAM_EEXIST);
    dam_http_server_destroy(second);
    (void)close(fd);
    stop(&w);
    (void)unlink(address.sun_path);
    assert_int_equal(rmdir(dir), 0);
}

/* Where nobody can listen, and why. */
static void test_cannot_listen(void **state)
{
    struct world w;
    uint16_t port = 0;
    (void)state;
    start(&w, NULL);
    assert_int_equal(dam_http_listen(w.server, "127.0.0.1", w.port, &port), DAM_EEXIST);
    assert_string_equal(dam_http_listen_text(DAM_EEXIST), "another program listens there");
    assert_int_equal(dam_http_listen(w.server, "nowhere", 0, &port), DAM_EPARSE);
    assert_int_equal(dam_http_listen(w.server, "192.0.2.1", 0, &port), DAM_EPARSE); /* RFC 5737 */
    assert_string_equal(dam_http_listen_text(DAM_EPARSE), "this machine has no such address");
    assert_string_equal(dam_http_listen_text(DAM_EREFUSED), "the system does not allow it");
    assert_int_equal(port, 0);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelined_in_order),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits_of_used_memory),
        cmocka_unit_test(test_slow_sender),
        cmocka_unit_test(test_blocked_loop),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_websocket),
        cmocka_unit_test(test_short_turns),
        cmocka_unit_test(test_websocket_refusals),
        cmocka_unit_test(test_websocket_slow_reader),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_cannot_listen),
        cmocka_unit_test(test_memory_readers),
        cmocka_unit_test(test_large_replies_pipelined),
        cmocka_unit_test(test_long_replies_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
