// SPDX-License-Identifier: Apache-2.0
/* The client against our own server, and against a peer that says what its row of a table says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/heap.h"
#include "port/http_client.h"
#include "port/http_server.h"
#include "port/ws_client.h"

#define TIMEOUT_MS 10000u
#define SHORT_MS 200u

static struct dam_http_client http;

static enum dam_err ask(const char *url, struct dam_bytes question, uint32_t timeout_ms,
                        struct dam_buf *ret)
{
    int status = 0;
    enum dam_err err = http.post(http.ctx, url, question, timeout_ms, ret, &status);
    assert_int_equal(status, err == DAM_OK ? 200 : 0);
    return err;
}

static int set_up(void **state)
{
    (void)state;
    return dam_http_client_create(&http) == DAM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    dam_http_client_destroy(&http);
    return 0;
}

/* ---- our own server, on a loop and a thread of its own --------------------------------------- */

struct echo {
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t stop;
    struct dam_http_server *server;
    char url[64];
    struct dam_http_stats stats;
};

static void on_request(void *ctx, struct dam_http_exchange *exchange,
                       const struct dam_http_request *request)
{
    (void)ctx;
    (void)dam_ws_upgrade(exchange, request);
}

static void on_message(void *ctx, struct dam_ws *ws, struct dam_bytes data)
{
    (void)ctx;
    dam_ws_send(ws, data.data, data.len);
}

static void on_stop(uv_async_t *stop)
{
    struct echo *e = stop->data;
    dam_http_server_stats(e->server, &e->stats);
    dam_http_server_destroy(e->server);
    uv_close((uv_handle_t *)stop, NULL);
}

static void on_thread(void *ctx)
{
    struct echo *e = ctx;
    (void)uv_run(&e->loop, UV_RUN_DEFAULT);
}

static void echo_start(struct echo *e)
{
    const struct dam_http_handler handler = {.request = on_request, .ws_message = on_message};
    uint16_t port;
    assert_int_equal(uv_loop_init(&e->loop), 0);
    assert_int_equal(uv_async_init(&e->loop, &e->stop, on_stop), 0);
    e->stop.data = e;
    assert_int_equal(dam_http_server_create(&e->loop, &handler, NULL, &e->server), DAM_OK);
    assert_int_equal(dam_http_listen(e->server, "127.0.0.1", 0, &port), DAM_OK);
    (void)snprintf(e->url, sizeof(e->url), "ws://127.0.0.1:%u", (unsigned)port);
    assert_int_equal(uv_thread_create(&e->thread, on_thread, e), 0);
}

static void echo_stop(struct echo *e)
{
    assert_int_equal(uv_async_send(&e->stop), 0);
    assert_int_equal(uv_thread_join(&e->thread), 0);
    assert_int_equal(uv_loop_close(&e->loop), 0);
}

/* Every length at which a frame's header changes, and one of many reads, over one connection. */
static void test_one_connection(void **state)
{
    static const size_t lens[] = {0, 1, 125, 126, 127, 65535, 65536, 3000000};
    struct echo e = {0};
    struct dam_buf answer;
    char *text = malloc(3000000);
    (void)state;
    assert_non_null(text);
    memset(text, 'x', 3000000);
    echo_start(&e);
    dam_buf_init(&answer, dam_heap(), 3000000);
    for (size_t i = 0; i < DAM_COUNT_OF(lens); i++) {
        dam_buf_reset(&answer);
        assert_int_equal(ask(e.url, dam_bytes(text, lens[i]), TIMEOUT_MS, &answer), DAM_OK);
        assert_true(dam_bytes_eq(dam_buf_bytes(&answer), dam_bytes(text, lens[i])));
    }
    dam_buf_finish(&answer);
    dam_buf_init(&answer, dam_heap(), 9); /* less than what comes */
    assert_int_equal(ask(e.url, dam_bytes(text, 10), TIMEOUT_MS, &answer), DAM_EFULL);
    dam_buf_finish(&answer);
    echo_stop(&e);
    assert_int_equal(e.stats.accepted, 1);
    free(text);
}

/* More places than connections are kept for: each is asked twice, in turn. */
static void test_many_places(void **state)
{
    struct echo e = {0};
    struct dam_buf answer;
    (void)state;
    echo_start(&e);
    dam_buf_init(&answer, dam_heap(), 100);
    for (unsigned i = 0; i < 20; i++) {
        char url[80];
        (void)snprintf(url, sizeof(url), "%s/%u", e.url, i % 10);
        dam_buf_reset(&answer);
        assert_int_equal(ask(url, dam_bytes(url, strlen(url)), TIMEOUT_MS, &answer), DAM_OK);
        assert_true(dam_bytes_eq(dam_buf_bytes(&answer), dam_bytes(url, strlen(url))));
    }
    dam_buf_finish(&answer);
    echo_stop(&e);
}

/* ---- a peer that does what it is told -------------------------------------------------------- */

enum then {
    CLOSE, /* the connection, at once */
    HOLD,  /* it, until the client closes it */
    PINGS, /* without an end */
};

struct part {
    const char *opening; /* NULL: a good one; %s stands for the accept */
    const char *early;   /* frames that go with the opening; NULL: none */
    const char *frames;  /* for the question; NULL: none */
    size_t frames_len;
    enum then then;
    enum dam_err want;
};

#define FRAMES(text) text, sizeof(text) - 1
#define HI FRAMES("\x81\x02hi")
#define TEN(text) text text text text text text text text text text
#define GOOD                                                                                       \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: %s\r\n"

struct peer {
    int listener;
    unsigned port;
    uv_thread_t thread;
    uv_sem_t ended;           /* by each connection's end */
    const struct part *parts; /* one for each connection */
    size_t part_count;
    char request[2048];  /* the last one */
    struct dam_buf said; /* by the last client: pings' answers and its close, op by op */
};

static void put(int fd, const void *data, size_t len)
{
    (void)!send(fd, data, len, MSG_NOSIGNAL); /* the client may have gone: it says how it went */
}

/* Take the client's frames. Returns: at the first whole one of `op`, or false at the end. */
static bool until(struct peer *p, int fd, struct dam_ws_reader *reader, enum dam_ws_op op)
{
    uint8_t byte;
    while (recv(fd, &byte, 1, 0) == 1) {
        struct dam_ws_message message;
        size_t used;
        if (dam_ws_read(reader, &byte, 1, &used, &message) != DAM_OK) {
            dam_buf_put_text(&p->said, "no frame");
            return false;
        }
        if (message.op != DAM_WS_NONE) {
            dam_buf_put_byte(&p->said, (uint8_t)('0' + message.op));
            dam_buf_put(&p->said, message.data.data, message.data.len);
        }
        if (message.op == op) {
            return true;
        }
    }
    return false;
}

static bool open_to(struct peer *p, int fd, const struct part *part)
{
    static const char name[] = "Sec-WebSocket-Key: ";
    char accept[DAM_WS_ACCEPT_LEN + 1];
    char head[16384];
    size_t len = 0;
    memset(p->request, 0, sizeof(p->request));
    while (strstr(p->request, "\r\n\r\n") == NULL) {
        ssize_t got = recv(fd, p->request + len, sizeof(p->request) - 1 - len, 0);
        if (got <= 0) {
            return false;
        }
        len += (size_t)got;
    }
    const char *key = strstr(p->request, name);
    if (key == NULL ||
        dam_ws_accept(dam_bytes(key + strlen(name), DAM_WS_KEY_LEN), accept) != DAM_OK) {
        return false;
    }
    int head_len =
        snprintf(head, sizeof(head), part->opening != NULL ? part->opening : GOOD "\r\n", accept);
    if (part->early != NULL) {
        head_len += snprintf(head + head_len, sizeof(head) - (size_t)head_len, "%s", part->early);
    }
    put(fd, head, (size_t)head_len);
    return true;
}

static void serve(struct peer *p, int fd, const struct part *part)
{
    struct dam_ws_reader reader;
    dam_buf_reset(&p->said);
    dam_ws_reader_init(&reader, dam_heap(), true, 1000);
    if (open_to(p, fd, part) && until(p, fd, &reader, DAM_WS_TEXT)) {
        put(fd, part->frames, part->frames_len);
        while (part->then == PINGS && send(fd, "\x89\x00", 2, MSG_NOSIGNAL) == 2) {
        }
        if (part->then == HOLD) {
            (void)until(p, fd, &reader, DAM_WS_CLOSE);
        }
    }
    dam_ws_reader_finish(&reader);
    (void)close(fd);
}

static void peer_run(void *ctx)
{
    struct peer *p = ctx;
    for (size_t i = 0; i < p->part_count; i++) {
        int fd = accept(p->listener, NULL, NULL);
        if (fd >= 0) {
            serve(p, fd, &p->parts[i]);
        }
        uv_sem_post(&p->ended);
    }
}

static void peer_start(struct peer *p, const struct part *parts, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *p = (struct peer){.parts = parts, .part_count = count};
    dam_buf_init(&p->said, dam_heap(), 0);
    assert_int_equal(uv_sem_init(&p->ended, 0), 0);
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(p->listener >= 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(p->listener, 8), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&address, &len), 0);
    p->port = ntohs(address.sin_port);
    assert_int_equal(uv_thread_create(&p->thread, peer_run, p), 0);
}

static void peer_stop(struct peer *p)
{
    assert_int_equal(uv_thread_join(&p->thread), 0);
    (void)close(p->listener);
    uv_sem_destroy(&p->ended);
    dam_buf_finish(&p->said);
}

/* Returns: how one question to the peer went; its answer is "hi" or there is none. */
static enum dam_err ask_peer(const struct peer *p, const char *login, const char *path,
                             uint32_t timeout_ms)
{
    struct dam_buf answer;
    char url[100];
    (void)snprintf(url, sizeof(url), "ws://%s127.0.0.1:%u%s", login, p->port, path);
    dam_buf_init(&answer, dam_heap(), 1000);
    enum dam_err err = ask(url, dam_bytes("?", 1), timeout_ms, &answer);
    if (err == DAM_OK) {
        assert_true(dam_bytes_eq(dam_buf_bytes(&answer), dam_bytes("hi", 2)));
    }
    dam_buf_finish(&answer);
    return err;
}

/* Each of these is the whole life of one connection, and then comes a good one. */
static const struct part parts[] = {
    {NULL, NULL, HI, CLOSE, DAM_OK},
    {NULL, "\x89\x01!\x8a\x01?", FRAMES("\x89\x01!\x01\x01h\x89\x01!\x80\x01i"), HOLD, DAM_OK},
    {NULL, NULL, FRAMES("\x82\x02hi"), HOLD, DAM_OK},
    /* what breaks the rules of frames */
    {NULL, NULL, FRAMES("\x81\x82\0\0\0\0hi"), HOLD, DAM_EIO},         /* masked */
    {NULL, NULL, FRAMES("\xc1\x02hi"), HOLD, DAM_EIO},                 /* a bit of no extension */
    {NULL, NULL, FRAMES("\x81\x01\xff"), HOLD, DAM_EIO},               /* no UTF-8 */
    {NULL, NULL, FRAMES("\x82\x7f\0\0\1\0\0\0\0\0"), HOLD, DAM_EFULL}, /* a terabyte */
    {NULL, NULL, FRAMES("\x01\x01h\x81\x01i"), HOLD, DAM_EIO}, /* a message within another */
    /* an end instead of an answer, or within it */
    {NULL, NULL, NULL, 0, CLOSE, DAM_EIO},
    {NULL, NULL, FRAMES("\x81\x05he"), CLOSE, DAM_EIO},
    {NULL, NULL, FRAMES("\x88\x02\x03\xe9"), HOLD, DAM_EIO},
    {NULL, NULL, NULL, 0, HOLD, DAM_ETIMEOUT},
    {NULL, NULL, FRAMES("\x81\x05he"), HOLD, DAM_ETIMEOUT},
    {NULL, NULL, NULL, 0, PINGS, DAM_ETIMEOUT},
    /* what nobody asked for */
    {NULL, "\x81\x02hi", HI, HOLD, DAM_EIO},
    {NULL, NULL, FRAMES("\x81\x02hi\x81\x02hi"), HOLD, DAM_EIO},
    /* openings that are none */
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL, HI, CLOSE, DAM_EIO},
    {"HTTP/1.1 401 Unauthorized\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: %s\r\n\r\n",
     NULL, HI, CLOSE, DAM_EIO},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
     NULL, HI, CLOSE, DAM_EIO},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", NULL,
     HI, CLOSE, DAM_EIO},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: %s\r\n\r\n",
     NULL, HI, CLOSE, DAM_EIO},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Accept: %s\r\n\r\n",
     NULL, HI, CLOSE, DAM_EIO},
    {GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", NULL, HI, CLOSE, DAM_EIO},
    {GOOD "Sec-WebSocket-Protocol: chat\r\n\r\n", NULL, HI, CLOSE, DAM_EIO},
    {GOOD TEN(TEN(TEN("Header: x\r\n"))) "\r\n", NULL, HI, CLOSE, DAM_EIO}, /* too long */
    {"SSH-2.0-OpenSSH_9.2\r\n\r\n", NULL, HI, CLOSE, DAM_EIO},
    {GOOD, NULL, HI, CLOSE, DAM_ETIMEOUT}, /* without an end */
    {"", NULL, HI, CLOSE, DAM_ETIMEOUT},
};

static void hang_up(void)
{
    (void)tear_down(NULL);
    assert_int_equal(set_up(NULL), 0);
}

static void test_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(parts); i++) {
        const struct part both[] = {parts[i], {NULL, NULL, HI, CLOSE, DAM_OK}};
        uint32_t timeout_ms = parts[i].want == DAM_ETIMEOUT ? SHORT_MS : TIMEOUT_MS;
        struct peer p;
        peer_start(&p, both, 2);
        enum dam_err err = ask_peer(&p, "", "", timeout_ms);
        if (err != parts[i].want) {
            print_error("part %zu: %s\n", i, dam_err_text(err));
        }
        assert_int_equal(err, parts[i].want);
        if (err == DAM_OK && parts[i].then == HOLD) {
            hang_up(); /* else the peer would not come to its next part */
        }
        uv_sem_wait(&p.ended);
        assert_int_equal(ask_peer(&p, "", "", TIMEOUT_MS), DAM_OK);
        peer_stop(&p);
    }
}

/* What the peer gets: masked frames, an answer to each ping, and the reason of the end. */
static void test_said(void **state)
{
    static const struct {
        const char *early;
        const char *frames;
        size_t frames_len;
        const char *said; /* op by op: 1 the question, : a pong, 8 the close */
    } rows[] = {
        {NULL, HI, "1?8\x03\xe8"},
        {"\x89\x01!", FRAMES("\x89\x02ha\x81\x02hi"), ":!1?:ha8\x03\xe8"},
        {NULL, FRAMES("\xc1\x02hi"), "1?8\x03\xea"},
        {NULL, FRAMES("\x81\x01\xff"), "1?8\x03\xef"},
        {NULL, FRAMES("\x82\x7f\0\0\1\0\0\0\0\0"), "1?8\x03\xf1"},
    };
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(rows); i++) {
        const struct part part = {NULL, rows[i].early, rows[i].frames, rows[i].frames_len, HOLD, 0};
        struct peer p;
        peer_start(&p, &part, 1);
        (void)!ask_peer(&p, "", "", TIMEOUT_MS);
        hang_up();
        uv_sem_wait(&p.ended);
        assert_true(
            dam_bytes_eq(dam_buf_bytes(&p.said), dam_bytes(rows[i].said, strlen(rows[i].said))));
        peer_stop(&p);
    }
}

static void test_request(void **state)
{
    static const struct part part = {NULL, NULL, HI, CLOSE, DAM_OK};
    static const struct {
        const char *login;
        const char *path;
        const char *want[2];
    } rows[] = {
        {"", "", {"GET / HTTP/1.1\r\nHost: 127.0.0.1:", "\r\nSec-WebSocket-Version: 13\r\n"}},
        {"", "/v2/key?a=b", {"GET /v2/key?a=b HTTP/1.1\r\n", "\r\nConnection: Upgrade\r\n"}},
        {"me:p%40ss@", "/", {"GET / ", "\r\nAuthorization: Basic bWU6cEBzcw==\r\n"}},
    };
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(rows); i++) {
        struct peer p;
        peer_start(&p, &part, 1);
        assert_int_equal(ask_peer(&p, rows[i].login, rows[i].path, TIMEOUT_MS), DAM_OK);
        uv_sem_wait(&p.ended);
        assert_true(strncmp(p.request, rows[i].want[0], strlen(rows[i].want[0])) == 0);
        assert_non_null(strstr(p.request, rows[i].want[1]));
        assert_true((strstr(p.request, "Authorization") != NULL) == (rows[i].login[0] != 0));
        peer_stop(&p);
    }
}

static void test_nobody(void **state)
{
    static const struct {
        const char *url;
        enum dam_err want;
    } rows[] = {
        {"ws://127.0.0.1:1", DAM_EUNREACHABLE},    {"wss://127.0.0.1:1", DAM_EUNREACHABLE},
        {"http://127.0.0.1:1", DAM_EUNREACHABLE},  {"ws://nobody.invalid", DAM_ENOHOST},
        {"https://nobody.invalid", DAM_ENOHOST},   {"ws://", DAM_EPARSE},
        {"ws://127.0.0.1:x", DAM_EPARSE},          {"ws://127.0.0.1:1/a b", DAM_EPARSE},
        {"ws://127.0.0.1:1/\r\nX: y", DAM_EPARSE},
    };
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(rows); i++) {
        struct dam_buf answer;
        dam_buf_init(&answer, dam_heap(), 100);
        assert_int_equal(ask(rows[i].url, dam_bytes("?", 1), TIMEOUT_MS, &answer), rows[i].want);
        dam_buf_finish(&answer);
    }
    assert_true(dam_http_client_takes("https://a") && dam_http_client_takes("wss://a"));
    assert_false(dam_http_client_takes("ftp://a") || dam_http_client_takes("w://a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody, set_up, tear_down),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
