// SPDX-License-Identifier: Apache-2.0
#include "app/dashboard.h"

#include "app/web_page.h"
#include "base/heap.h"
#include "base/json.h"
#include "port/problem.h"

#include <stdio.h>
#include <stdlib.h>

#define STREAMS_MAX 64u
#define HEARTBEAT_MS 15000u
#define DOCUMENT_LEN_MAX (32u << 20)
#define HEADERS_SIZE 512u

struct dam_dashboard {
    uv_loop_t *loop;
    struct dam_dashboard_source source;
    const struct dam_api_token *token; /* NULL: none is asked for */
    struct dam_http_server *server;
    struct dam_http_exchange *streams[STREAMS_MAX];
    size_t stream_count;
    uv_timer_t heartbeat;
    uint16_t port;
    struct dam_buf out; /* the document of the request at hand */
};

static const char security_headers[] = "X-Content-Type-Options: nosniff\r\n"
                                       "Referrer-Policy: no-referrer\r\n"
                                       "Cross-Origin-Resource-Policy: same-origin\r\n"
                                       "Cache-Control: no-store\r\n";

/* RFC 9110 section 11.6.1, with a 401. */
static const char challenge[] = "WWW-Authenticate: Basic realm=\"dam\"\r\n"
                                "WWW-Authenticate: Bearer realm=\"dam\"\r\n";

static void put_headers(char to[HEADERS_SIZE], int status, const char *type)
{
    (void)snprintf(to, HEADERS_SIZE, "Content-Type: %s\r\n%s%s", type, security_headers,
                   status == 401 ? challenge : "");
}

static void reply(struct dam_http_exchange *exchange, int status, const char *type,
                  const void *body, size_t len)
{
    char headers[HEADERS_SIZE];
    put_headers(headers, status, type);
    dam_http_reply(exchange, status, headers, body, len);
}

/* RFC 9457. */
static void reply_problem(struct dam_http_exchange *exchange, int status, struct dam_bytes detail)
{
    uint8_t text[2048];
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, text, sizeof(text));
    dam_problem_put(&buf, status, detail);
    bool whole = dam_buf_err(&buf) == DAM_OK;
    reply(exchange, status, DAM_PROBLEM_TYPE, buf.data, whole ? buf.len : 0);
}

static void refuse(struct dam_http_exchange *exchange, int status, const char *detail)
{
    reply_problem(exchange, status, dam_bytes(detail, strlen(detail)));
}

/* Send what a source wrote, or its sentence as a problem. */
static void reply_document(struct dam_dashboard *dashboard, struct dam_http_exchange *exchange,
                           int status, const char *type)
{
    if (dam_buf_err(&dashboard->out) != DAM_OK) {
        refuse(exchange, 503, "the answer is too large; ask for less");
    } else if (status != 200) {
        reply_problem(exchange, status, dam_buf_bytes(&dashboard->out));
    } else {
        reply(exchange, 200, type, dashboard->out.data, dashboard->out.len);
    }
}

/* Send what a source tells in parts, unless it could not begin. */
static void reply_parts(struct dam_http_exchange *exchange, enum dam_err err,
                        const struct dam_http_parts *parts, const char *type)
{
    char headers[HEADERS_SIZE];
    if (err != DAM_OK) {
        refuse(exchange, 503, dam_err_text(err));
        return;
    }
    put_headers(headers, 200, type);
    dam_http_reply_parts(exchange, 200, headers, parts);
}

static bool path_starts(struct dam_bytes path, const char *text)
{
    size_t len = strlen(text);
    return path.len >= len && memcmp(path.data, text, len) == 0;
}

/* Loopback names with our port, or any numeric address that was bound on purpose by the operator:
 * what a browser cannot be talked into by a name that an attacker controls. */
static bool host_is_ours(const struct dam_dashboard *dashboard,
                         const struct dam_http_request *request)
{
    const struct dam_bytes *host = dam_http_find_header(request, "Host");
    if (host == NULL) {
        return false;
    }
    bool numeric = host->len > 0;
    for (size_t i = 0; i < host->len; i++) {
        uint8_t c = host->data[i];
        numeric &= (c >= '0' && c <= '9') || c == '.' || c == ':' || c == '[' || c == ']' ||
                   (c >= 'a' && c <= 'f' && host->data[0] == '[');
    }
    char local[32];
    (void)snprintf(local, sizeof(local), "localhost:%u", dashboard->port);
    return numeric || dam_bytes_is(*host, local) || dam_bytes_is(*host, "localhost");
}

/* Who only looks whether it lives needs no token. */
static bool is_known(const struct dam_dashboard *dashboard, const struct dam_http_request *request)
{
    return dashboard->token == NULL || dam_api_token_is_shown(dashboard->token, request) ||
           dam_bytes_is(request->path, "/healthz") || dam_bytes_is(request->path, "/readyz");
}

/* A page of another origin may send a form, never JSON with our Host and its own Origin. */
static bool post_is_ours(const struct dam_http_request *request)
{
    const struct dam_bytes *type = dam_http_find_header(request, "Content-Type");
    const struct dam_bytes *origin = dam_http_find_header(request, "Origin");
    const struct dam_bytes *host = dam_http_find_header(request, "Host");
    if (type == NULL || !path_starts(*type, "application/json")) {
        return false;
    }
    if (origin == NULL) {
        return true;
    }
    static const char scheme[] = "http://";
    return path_starts(*origin, scheme) &&
           dam_bytes_eq(
               dam_bytes(origin->data + sizeof(scheme) - 1, origin->len - (sizeof(scheme) - 1)),
               *host);
}

/* Reads "name=123" out of a query. Returns: fallback if it is not there or no number. */
static uint64_t query_u64(struct dam_bytes query, const char *name, uint64_t fallback)
{
    size_t name_len = strlen(name);
    for (size_t at = 0; at + name_len < query.len; at++) {
        bool starts = at == 0 || query.data[at - 1] == '&';
        if (!starts || memcmp(query.data + at, name, name_len) != 0 ||
            query.data[at + name_len] != '=') {
            continue;
        }
        uint64_t value = 0;
        size_t i = at + name_len + 1;
        size_t first = i;
        for (; i < query.len && query.data[i] >= '0' && query.data[i] <= '9' && i - first < 19;
             i++) {
            value = value * 10 + (uint64_t)(query.data[i] - '0');
        }
        return i == first ? fallback : value;
    }
    return fallback;
}

/* Splits "/api/decisions/SEQ" or "/api/decisions/SEQ/verify". Returns: false if it is neither. */
static bool decision_path(struct dam_bytes path, uint64_t *ret_seq, bool *ret_verify)
{
    static const char prefix[] = "/api/decisions/";
    if (!path_starts(path, prefix)) {
        return false;
    }
    size_t at = sizeof(prefix) - 1;
    size_t first = at;
    uint64_t seq = 0;
    for (; at < path.len && path.data[at] >= '0' && path.data[at] <= '9' && at - first < 19; at++) {
        seq = seq * 10 + (uint64_t)(path.data[at] - '0');
    }
    struct dam_bytes rest = dam_bytes_from(path, at);
    *ret_seq = seq;
    *ret_verify = dam_bytes_is(rest, "/verify");
    return at > first && (rest.len == 0 || *ret_verify);
}

static void stream_send_state(struct dam_dashboard *dashboard, struct dam_http_exchange **first,
                              size_t count)
{
    dam_buf_reset(&dashboard->out);
    dam_buf_put_text(&dashboard->out, "event: state\ndata: ");
    if (dashboard->source.state(dashboard->source.ctx, &dashboard->out) != 200) {
        return;
    }
    dam_buf_put_text(&dashboard->out, "\n\n");
    if (dam_buf_err(&dashboard->out) != DAM_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        /* A reader that is too slow is dropped by the server and told to stream_closed. */
        (void)dam_http_stream_write(first[i], dashboard->out.data, dashboard->out.len);
    }
}

static void stream_open(struct dam_dashboard *dashboard, struct dam_http_exchange *exchange)
{
    if (dashboard->stream_count == STREAMS_MAX) {
        refuse(exchange, 503, "too many pages are open; close one");
        return;
    }
    char headers[HEADERS_SIZE];
    put_headers(headers, 200, "text/event-stream");
    dam_http_stream_begin(exchange, 200, headers);
    dashboard->streams[dashboard->stream_count++] = exchange;
    stream_send_state(dashboard, &dashboard->streams[dashboard->stream_count - 1], 1);
}

static void on_stream_closed(void *ctx, struct dam_http_exchange *exchange)
{
    struct dam_dashboard *dashboard = ctx;
    for (size_t i = 0; i < dashboard->stream_count; i++) {
        if (dashboard->streams[i] == exchange) {
            dashboard->streams[i] = dashboard->streams[--dashboard->stream_count];
            break;
        }
    }
    dam_http_stream_end(exchange);
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct dam_dashboard *dashboard = timer->data;
    for (size_t i = 0; i < dashboard->stream_count; i++) {
        (void)dam_http_stream_write(dashboard->streams[i], ": alive\n\n", 9);
    }
}

static void serve_page(struct dam_http_exchange *exchange)
{
    char headers[1024];
    (void)snprintf(headers, sizeof(headers),
                   "Content-Type: text/html; charset=utf-8\r\nContent-Encoding: gzip\r\n"
                   "Content-Security-Policy: %s\r\n%s",
                   DAM_WEB_POLICY, security_headers);
    dam_http_reply(exchange, 200, headers, dam_web_page_gz, sizeof(dam_web_page_gz));
}

/* What does not begin with /api/. Returns: false if the path is none of these. */
static bool serve_plain(struct dam_dashboard *dashboard, struct dam_http_exchange *exchange,
                        struct dam_bytes path)
{
    const struct dam_dashboard_source *source = &dashboard->source;
    if (dam_bytes_is(path, "/") || dam_bytes_is(path, "/accounts")) {
        serve_page(exchange);
    } else if (dam_bytes_is(path, "/healthz")) {
        reply(exchange, 200, "text/plain", "ok\n", 3);
    } else if (dam_bytes_is(path, "/readyz")) {
        bool ready = source->ready == NULL || source->ready(source->ctx);
        reply(exchange, ready ? 200 : 503, "text/plain", ready ? "ready\n" : "not ready\n",
              ready ? 6 : 10);
    } else if (dam_bytes_is(path, "/metrics") && source->metrics != NULL) {
        reply_document(dashboard, exchange, source->metrics(source->ctx, &dashboard->out),
                       "text/plain; version=0.0.4");
    } else if (dam_bytes_is(path, "/openapi.json")) {
        reply(exchange, 200, "application/json", dam_web_openapi, sizeof(dam_web_openapi));
    } else if ((dam_bytes_is(path, "/checkpoint") || path_starts(path, "/tile/")) &&
               source->log_file != NULL) {
        struct dam_bytes name = dam_bytes_from(path, 1);
        reply_document(dashboard, exchange, source->log_file(source->ctx, name, &dashboard->out),
                       dam_bytes_is(path, "/checkpoint") ? "text/plain"
                                                         : "application/octet-stream");
    } else {
        return false;
    }
    return true;
}

static void serve_get(struct dam_dashboard *dashboard, struct dam_http_exchange *exchange,
                      const struct dam_http_request *request)
{
    const struct dam_dashboard_source *source = &dashboard->source;
    struct dam_bytes path = request->path;
    struct dam_buf *out = &dashboard->out;
    struct dam_http_parts parts;
    uint64_t seq;
    bool verify;
    if (dam_bytes_is(path, "/api/events")) {
        stream_open(dashboard, exchange);
    } else if (dam_bytes_is(path, "/api/state")) {
        reply_document(dashboard, exchange, source->state(source->ctx, out), "application/json");
    } else if (dam_bytes_is(path, "/api/decisions") && source->decisions != NULL) {
        uint64_t limit = query_u64(request->query, "limit", 50);
        limit = limit < 1 ? 1 : limit > 200 ? 200 : limit;
        uint64_t before = query_u64(request->query, "before", UINT64_MAX);
        reply_parts(exchange, source->decisions(source->ctx, before, (unsigned)limit, &parts),
                    &parts, "application/json");
    } else if (decision_path(path, &seq, &verify) && !verify && source->decision != NULL) {
        reply_document(dashboard, exchange, source->decision(source->ctx, seq, out),
                       "application/json");
    } else if (dam_bytes_is(path, "/api/export.csv") && source->export_csv != NULL) {
        reply_parts(exchange, source->export_csv(source->ctx, &parts), &parts,
                    "text/csv; charset=utf-8");
    } else if (dam_bytes_is(path, "/api/days") && source->days != NULL) {
        reply_parts(exchange, source->days(source->ctx, &parts), &parts, "application/json");
    } else if (dam_bytes_is(path, "/api/series") && source->series != NULL) {
        reply_parts(exchange, source->series(source->ctx, &parts), &parts, "application/json");
    } else if (path_starts(path, "/api/") && source->other != NULL) {
        int status =
            source->other(source->ctx, "GET", path, request->query, dam_bytes(NULL, 0), out);
        reply_document(dashboard, exchange, status, "application/json");
    } else if (!serve_plain(dashboard, exchange, path)) {
        refuse(exchange, 404, "there is nothing at this path; /openapi.json lists what there is");
    }
}

/* {"on":true}: the one body that is read here. */
static int serve_stop(struct dam_dashboard *dashboard, struct dam_bytes body)
{
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 1 << 20);
    const struct dam_json *root = NULL;
    bool on = false;
    enum dam_err err = dam_json_parse(&arena, (const char *)body.data, body.len, 4, &root, NULL);
    if (err == DAM_OK) {
        err = dam_json_bool(dam_json_get(root, "on"), &on);
    }
    dam_arena_finish(&arena);
    if (err != DAM_OK) {
        dam_buf_put_text(&dashboard->out, "the body must be {\"on\": true} or {\"on\": false}");
        return 422;
    }
    return dashboard->source.stop(dashboard->source.ctx, on, &dashboard->out);
}

static void serve_post(struct dam_dashboard *dashboard, struct dam_http_exchange *exchange,
                       const struct dam_http_request *request)
{
    const struct dam_dashboard_source *source = &dashboard->source;
    struct dam_bytes path = request->path;
    uint64_t seq;
    bool verify;
    int status = 404;
    if (dam_bytes_is(path, "/api/stop") && source->stop != NULL) {
        status = serve_stop(dashboard, request->body);
    } else if (decision_path(path, &seq, &verify) && verify && source->verify != NULL) {
        status = source->verify(source->ctx, seq, &dashboard->out);
    } else if (source->other != NULL) {
        status = source->other(source->ctx, "POST", path, request->query, request->body,
                               &dashboard->out);
    } else {
        dam_buf_put_text(&dashboard->out, "there is nothing to post to at this path");
    }
    reply_document(dashboard, exchange, status, "application/json");
}

static void on_request(void *ctx, struct dam_http_exchange *exchange,
                       const struct dam_http_request *request)
{
    struct dam_dashboard *dashboard = ctx;
    dam_buf_reset(&dashboard->out);
    bool is_post = strcmp(request->method, "POST") == 0;
    if (!host_is_ours(dashboard, request)) {
        refuse(exchange, 421, "this server answers to localhost and numeric addresses only");
    } else if (!is_known(dashboard, request)) {
        refuse(exchange, 401, "show the token: as a bearer, or as the password of the user dam");
    } else if (is_post && !post_is_ours(request)) {
        refuse(exchange, 403, "a POST must be application/json and come from this page's origin");
    } else if ((is_post || strcmp(request->method, "GET") == 0) && dashboard->source.pass != NULL &&
               dashboard->source.pass(dashboard->source.ctx, exchange, request)) {
        return;
    } else if (strcmp(request->method, "GET") == 0) {
        serve_get(dashboard, exchange, request);
    } else if (is_post) {
        serve_post(dashboard, exchange, request);
    } else {
        refuse(exchange, 405, "only GET and POST are understood");
    }
}

enum dam_err dam_dashboard_create(uv_loop_t *loop, const struct dam_dashboard_source *source,
                                  const struct dam_api_token *token, const char *host,
                                  uint16_t port, uint16_t *ret_port, struct dam_dashboard **ret)
{
    struct dam_dashboard *dashboard = calloc(1, sizeof(*dashboard));
    if (dashboard == NULL) {
        return DAM_ENOMEM;
    }
    dashboard->loop = loop;
    dashboard->source = *source;
    dashboard->token = token;
    dam_buf_init(&dashboard->out, dam_heap(), DOCUMENT_LEN_MAX);
    struct dam_http_handler handler = {
        .request = on_request, .stream_closed = on_stream_closed, .ctx = dashboard};
    struct dam_http_limits limits = {.conn_count_max = 256, .body_len_max = 64u << 10};
    enum dam_err err = dam_http_server_create(loop, &handler, &limits, &dashboard->server);
    if (err == DAM_OK) {
        err = dam_http_listen(dashboard->server, host, port, &dashboard->port);
    }
    if (err != DAM_OK) {
        dam_http_server_destroy(dashboard->server);
        free(dashboard);
        return err;
    }
    (void)uv_timer_init(loop, &dashboard->heartbeat);
    dashboard->heartbeat.data = dashboard;
    (void)uv_timer_start(&dashboard->heartbeat, on_heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
    uv_unref((uv_handle_t *)&dashboard->heartbeat);
    *ret_port = dashboard->port;
    *ret = dashboard;
    return DAM_OK;
}

void dam_dashboard_changed(struct dam_dashboard *dashboard)
{
    if (dashboard->stream_count > 0) {
        stream_send_state(dashboard, dashboard->streams, dashboard->stream_count);
    }
}

static void on_heartbeat_closed(uv_handle_t *handle)
{
    struct dam_dashboard *dashboard = handle->data;
    dam_buf_finish(&dashboard->out);
    free(dashboard);
}

void dam_dashboard_destroy(struct dam_dashboard *dashboard)
{
    if (dashboard == NULL) {
        return;
    }
    dam_http_server_destroy(dashboard->server);
    uv_close((uv_handle_t *)&dashboard->heartbeat, on_heartbeat_closed);
}
