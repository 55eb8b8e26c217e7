// SPDX-License-Identifier: Apache-2.0
#include "app/skill_door.h"

#include "base/buf.h"
#include "base/heap.h"
#include "port/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define VISITS_MAX 32u
#define ANSWER_LEN_MAX (1u << 20)
#define VISIT_MS_MAX 10000u
#define NAME_LEN_MAX 32u
#define HEADERS_SIZE 8192u
#define SOCKET_PATH_SIZE 108u /* sockaddr_un.sun_path */

static const char prefix[] = "/api/skills/";

/* One request at a skill. Both handles must be closed before it is free. */
struct visit {
    struct dam_skill_door *door;
    struct dam_http_exchange *exchange; /* NULL: answered */
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_write_t write;
    unsigned open; /* handles */
    struct dam_buf question;
    struct dam_buf answer;
    char chunk[16384];
};

struct dam_skill_door {
    uv_loop_t *loop;
    struct visit *visits[VISITS_MAX];
    size_t visit_count;
    bool closing;
    char folder[4096];
};

/* ---- answering ------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct visit *visit = handle->data;
    struct dam_skill_door *door = visit->door;
    if (--visit->open > 0) {
        return;
    }
    for (size_t i = 0; i < door->visit_count; i++) {
        if (door->visits[i] == visit) {
            door->visits[i] = door->visits[--door->visit_count];
            break;
        }
    }
    dam_buf_finish(&visit->question);
    dam_buf_finish(&visit->answer);
    free(visit);
    if (door->closing && door->visit_count == 0) {
        free(door);
    }
}

static void visit_end(struct visit *visit)
{
    if (uv_is_closing((uv_handle_t *)&visit->pipe) == 0) {
        uv_close((uv_handle_t *)&visit->pipe, on_closed);
        uv_close((uv_handle_t *)&visit->timer, on_closed);
    }
}

static void visit_refuse(struct visit *visit, int status, const char *detail)
{
    if (visit->exchange != NULL) {
        dam_problem_reply(visit->exchange, status, detail);
        visit->exchange = NULL;
    }
    visit_end(visit);
}

/* Is this header one that passes? */
static bool header_passes(const char *name, size_t len)
{
    static const char *const names[] = {"Content-Type",     "Accept",
                                        "PAYMENT-REQUIRED", "PAYMENT-SIGNATURE",
                                        "PAYMENT-RESPONSE", "Content-Disposition"};
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        if (strlen(names[i]) == len && strncasecmp(names[i], name, len) == 0) {
            return true;
        }
    }
    return false;
}

/* "HTTP/1.0 402 Payment Required" -> 402. Returns: 0 if the line is none. */
static int status_read(const char *line, size_t len)
{
    if (len < 12 || memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ') {
        return 0;
    }
    int status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9') {
            return 0;
        }
        status = status * 10 + (line[i] - '0');
    }
    return status >= 200 && status <= 599 ? status : 0;
}

/* Take one header, if it passes. Returns: false if it is none, or there is no room. */
static bool header_take(const char *line, size_t len, char headers[HEADERS_SIZE],
                        size_t *headers_len)
{
    const char *colon = memchr(line, ':', len);
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '\0' || line[i] == '\r' || line[i] == '\n') { /* a line within the line */
            return false;
        }
    }
    if (colon == NULL || *headers_len + len + 3 > HEADERS_SIZE) {
        return false;
    }
    if (header_passes(line, (size_t)(colon - line))) {
        memcpy(headers + *headers_len, line, len);
        memcpy(headers + *headers_len + len, "\r\n", 3);
        *headers_len += len + 2;
    }
    return true;
}

/* The skill has closed: what it sent is its whole answer. */
static void visit_answer(struct visit *visit)
{
    /* A page of a skill's is no page of the dashboard's: it runs nothing and posts nothing. */
    char headers[HEADERS_SIZE] = "Content-Security-Policy: default-src 'none'; sandbox\r\n"
                                 "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n";
    size_t headers_len = strlen(headers);
    const char *text = (const char *)visit->answer.data;
    const char *end = text + visit->answer.len;
    const char *line_end = text == NULL ? NULL : memmem(text, visit->answer.len, "\r\n", 2);
    int status = line_end == NULL ? 0 : status_read(text, (size_t)(line_end - text));
    bool good = status != 0;
    bool more = good;
    const char *at = text;
    while (more) {
        at = line_end + 2;
        line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
        more = line_end != NULL && line_end > at;
        good = line_end != NULL &&
               (!more || header_take(at, (size_t)(line_end - at), headers, &headers_len));
        more = more && good;
    }
    if (!good) {
        visit_refuse(visit, 502, "the skill's answer is no HTTP");
        return;
    }
    at = line_end + 2;
    dam_http_reply(visit->exchange, status, headers, at, (size_t)(end - at));
    visit->exchange = NULL;
    visit_end(visit);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t want, uv_buf_t *buf)
{
    struct visit *visit = handle->data;
    (void)want;
    *buf = uv_buf_init(visit->chunk, sizeof(visit->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct visit *visit = stream->data;
    if (len == UV_EOF) {
        visit_answer(visit);
    } else if (len < 0) {
        visit_refuse(visit, 502, "the skill has broken off");
    } else if (len > 0) {
        dam_buf_put(&visit->answer, buf->base, (size_t)len);
        if (dam_buf_err(&visit->answer) != DAM_OK) {
            visit_refuse(visit, 502, "the skill's answer is too long");
        }
    }
}

static void on_written(uv_write_t *write, int status)
{
    struct visit *visit = write->data;
    if (status != 0 && status != UV_ECANCELED) {
        visit_refuse(visit, 502, "the skill does not read");
    }
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct visit *visit = connect->data;
    if (status == UV_ECANCELED) {
        return;
    }
    uv_buf_t out = uv_buf_init((char *)visit->question.data, (unsigned)visit->question.len);
    if (status != 0) {
        visit_refuse(visit, 404, "there is no such skill, or it does not run");
    } else if (uv_write(&visit->write, (uv_stream_t *)&visit->pipe, &out, 1, on_written) != 0 ||
               uv_read_start((uv_stream_t *)&visit->pipe, on_alloc, on_read) != 0) {
        visit_refuse(visit, 502, "the skill cannot be asked");
    }
}

static void on_timeout(uv_timer_t *timer)
{
    visit_refuse(timer->data, 504, "the skill took too long");
}

/* HTTP/1.0, so that the answer ends where the connection does. */
static void question_make(struct dam_buf *out, const struct dam_http_request *request,
                          struct dam_bytes path)
{
    dam_buf_put_text(out, request->method);
    dam_buf_put_text(out, " /");
    dam_buf_put(out, path.data, path.len);
    if (request->query.len > 0) {
        dam_buf_put_text(out, "?");
        dam_buf_put(out, request->query.data, request->query.len);
    }
    dam_buf_put_text(out, " HTTP/1.0\r\nHost: localhost\r\nContent-Length: ");
    dam_buf_put_u64(out, request->body.len);
    dam_buf_put_text(out, "\r\n");
    for (size_t i = 0; i < request->header_count; i++) {
        const struct dam_http_header *header = &request->headers[i];
        if (header_passes((const char *)header->name.data, header->name.len)) {
            dam_buf_put(out, header->name.data, header->name.len);
            dam_buf_put_text(out, ": ");
            dam_buf_put(out, header->value.data, header->value.len);
            dam_buf_put_text(out, "\r\n");
        }
    }
    dam_buf_put_text(out, "\r\n");
    dam_buf_put(out, request->body.data, request->body.len);
}

/* Splits "/api/skills/NAME/PATH" after the prefix. Returns: false if NAME is none. */
static bool name_read(struct dam_bytes path, char name[NAME_LEN_MAX + 1], struct dam_bytes *ret)
{
    size_t len = 0;
    const char *at = (const char *)path.data + sizeof(prefix) - 1;
    size_t left = path.len - (sizeof(prefix) - 1);
    while (len < left && len < NAME_LEN_MAX &&
           ((at[len] >= 'a' && at[len] <= 'z') || at[len] == '_')) {
        name[len] = at[len];
        len++;
    }
    name[len] = 0;
    size_t skip = len < left && at[len] == '/' ? len + 1 : len;
    *ret = dam_bytes((const uint8_t *)at + skip, left - skip);
    return len > 0 && (len == left || at[len] == '/');
}

static struct visit *visit_begin(struct dam_skill_door *door, struct dam_http_exchange *exchange)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    if (visit == NULL) {
        return NULL;
    }
    visit->door = door;
    visit->exchange = exchange;
    visit->open = 2;
    visit->connect.data = visit;
    visit->write.data = visit;
    dam_buf_init(&visit->question, dam_heap(), ANSWER_LEN_MAX);
    dam_buf_init(&visit->answer, dam_heap(), ANSWER_LEN_MAX);
    (void)uv_pipe_init(door->loop, &visit->pipe, 0); /* never fails here */
    (void)uv_timer_init(door->loop, &visit->timer);
    visit->pipe.data = visit;
    visit->timer.data = visit;
    door->visits[door->visit_count++] = visit;
    (void)uv_timer_start(&visit->timer, on_timeout, VISIT_MS_MAX, 0);
    return visit;
}

bool dam_skill_door_pass(struct dam_skill_door *door, struct dam_http_exchange *exchange,
                         const struct dam_http_request *request)
{
    char name[NAME_LEN_MAX + 1];
    char where[SOCKET_PATH_SIZE];
    struct dam_bytes path;
    if (request->path.len < sizeof(prefix) - 1 ||
        memcmp(request->path.data, prefix, sizeof(prefix) - 1) != 0) {
        return false;
    }
    if (!name_read(request->path, name, &path)) {
        dam_problem_reply(exchange, 404, "a skill's name is small letters: /api/skills/NAME/...");
        return true;
    }
    int len = snprintf(where, sizeof(where), "%s/skills/%s.sock", door->folder, name);
    if (len < 0 || (size_t)len >= sizeof(where)) {
        dam_problem_reply(exchange, 404,
                          "the machine's folder has too long a path for a Unix socket");
        return true;
    }
    struct visit *visit = door->visit_count == VISITS_MAX ? NULL : visit_begin(door, exchange);
    if (visit == NULL) {
        dam_problem_reply(exchange, 503, "too many requests wait for skills");
        return true;
    }
    question_make(&visit->question, request, path);
    if (dam_buf_err(&visit->question) != DAM_OK) {
        visit_refuse(visit, 503, "the request is too long");
        return true;
    }
    uv_pipe_connect(&visit->connect, &visit->pipe, where, on_connected);
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

enum dam_err dam_skill_door_create(uv_loop_t *loop, const char *folder, struct dam_skill_door **ret)
{
    struct dam_skill_door *door = calloc(1, sizeof(*door));
    if (door == NULL) {
        return DAM_ENOMEM;
    }
    door->loop = loop;
    (void)snprintf(door->folder, sizeof(door->folder), "%s", folder);
    *ret = door;
    return DAM_OK;
}

void dam_skill_door_destroy(struct dam_skill_door *door)
{
    if (door == NULL) {
        return;
    }
    door->closing = true;
    if (door->visit_count == 0) {
        free(door);
        return;
    }
    for (size_t i = 0; i < door->visit_count; i++) {
        visit_refuse(door->visits[i], 503, "the machine is stopping");
    }
}
