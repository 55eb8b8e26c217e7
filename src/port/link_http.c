// SPDX-License-Identifier: Apache-2.0
#include "port/link_http.h"

#include "base/heap.h"
#include "core/flow/fixed.h"
#include "port/curl.h"
#include "port/link_json.h"
#include "port/link_worker.h"

#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX (1u << 20)
#define URL_MAX 1024u
#define TOKEN_MAX 2048u

struct link_http {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    const struct dam_link_point *points;
    size_t point_count;
    struct dam_link_worker worker;
    struct dam_link_health health;
    uint64_t every_ms;
    char url[URL_MAX];
    char post_url[URL_MAX];
    struct dam_link_slot *slots;
    /* the worker's, while a job runs */
    bool poll_due;
    CURL *curl;
    struct curl_slist *headers;
    struct dam_arena arena;
    struct dam_buf body;
    char why[CURL_ERROR_SIZE];
    bool good;
};

/* ---- in the worker --------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct link_http *l = ctx;
    dam_buf_put(&l->body, data, size * count);
    return dam_buf_err(&l->body) == DAM_OK ? size * count : 0; /* less: curl gives up */
}

/* Returns curl's code; *ret_status and l->body hold the answer. post: NULL for a GET. */
static CURLcode request(struct link_http *l, const char *url, const char *post, long *ret_status)
{
    dam_buf_reset(&l->body);
    l->why[0] = 0;
    *ret_status = 0;
    (void)curl_easy_setopt(l->curl, CURLOPT_URL, url);    /* what can fail is no memory, */
    (void)curl_easy_setopt(l->curl, CURLOPT_HTTPGET, 1L); /* which perform meets again */
    if (post != NULL) {
        (void)curl_easy_setopt(l->curl, CURLOPT_COPYPOSTFIELDS, post);
    }
    CURLcode code = curl_easy_perform(l->curl);
    (void)curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, ret_status);
    if (code != CURLE_OK && l->why[0] == 0) {
        (void)snprintf(l->why, sizeof(l->why), "%s", curl_easy_strerror(code));
    } else if (code == CURLE_OK && (*ret_status < 200 || *ret_status > 299)) {
        (void)snprintf(l->why, sizeof(l->why), "the server answers with status %ld", *ret_status);
    }
    return code;
}

static void slot_post(struct link_http *l, const struct dam_link_point *p, struct dam_link_slot *s)
{
    char number[DAM_FLOW_FIXED_TEXT_MAX];
    char text[1024];
    long status = 0;
    (void)dam_flow_fixed_format(s->value, p->decimals, number);
    if (dam_link_json_make(p->key, number, text, sizeof(text)) < 0) {
        return; /* refused: nothing was sent */
    }
    CURLcode code = request(l, l->post_url, text, &status);
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
        (code == CURLE_OK && status >= 400 && status < 500)) {
        return;
    }
    bool taken = code == CURLE_OK && status >= 200 && status < 300;
    s->got_result = taken ? DAM_LINK_DONE : DAM_LINK_UNKNOWN;
}

static const struct dam_json *document_get(struct link_http *l)
{
    const struct dam_json *root = NULL;
    long status = 0;
    bool came = request(l, l->url, NULL, &status) == CURLE_OK && status == 200;
    dam_arena_reset(&l->arena);
    if (came && dam_json_parse(&l->arena, (const char *)l->body.data, l->body.len, 32, &root,
                               NULL) != DAM_OK) {
        (void)snprintf(l->why, sizeof(l->why), "the answer is no JSON");
    }
    return root;
}

static void slot_fill(const struct dam_json *root, const struct dam_link_point *p,
                      struct dam_link_slot *s)
{
    if (!p->write) {
        s->got_answer = true;
        s->got_err = dam_link_json_value(root, p->key, p->decimals, &s->got_value);
        s->got_why = s->got_err == DAM_ENOTFOUND ? "the answer does not have this key"
                                                 : "the answer has no number here";
    } else if (s->is_running && s->got_result == DAM_LINK_DONE && p->readback != NULL) {
        s->got_readback =
            dam_link_json_value(root, p->readback, p->decimals, &s->got_value) == DAM_OK;
        s->got_result = s->got_readback ? DAM_LINK_DONE : DAM_LINK_UNKNOWN;
    }
}

static void on_job(void *ctx)
{
    struct link_http *l = ctx;
    bool wants = l->poll_due;
    for (size_t i = 0; i < l->point_count; i++) { /* set-points first */
        if (l->slots[i].is_running) {
            slot_post(l, &l->points[i], &l->slots[i]);
            wants = wants || l->points[i].readback != NULL;
        }
    }
    const struct dam_json *root = wants ? document_get(l) : NULL;
    l->good = root != NULL;
    for (size_t i = 0; root != NULL && i < l->point_count; i++) {
        slot_fill(root, &l->points[i], &l->slots[i]);
    }
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void on_begin(void *ctx, bool timed)
{
    struct link_http *l = ctx;
    l->poll_due = timed;
    dam_link_slots_begin(l->slots, l->point_count);
}

static uint64_t on_done(void *ctx)
{
    struct link_http *l = ctx;
    uint64_t wait_ms = 0;
    if (l->poll_due) {
        wait_ms = dam_link_health_tell(&l->health, &l->events, l->good, l->good ? l->url : l->why);
    }
    dam_link_slots_tell(l->slots, l->point_count, &l->events);
    return wait_ms > l->every_ms ? wait_ms : l->every_ms;
}

static void http_free(void *ctx)
{
    struct link_http *l = ctx;
    if (dam_curl_load()) {
        curl_easy_cleanup(l->curl);
        curl_slist_free_all(l->headers);
    }
    dam_buf_finish(&l->body);
    dam_arena_finish(&l->arena);
    free(l->slots);
    free(l);
}

static void http_close(struct dam_link *base)
{
    struct link_http *l = (struct link_http *)(void *)base;
    dam_link_worker_close(&l->worker);
}

static void http_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct link_http *l = (struct link_http *)(void *)base;
    dam_link_slot_write(&l->slots[point], &l->events, point, value, ticket);
    dam_link_worker_ask(&l->worker);
}

/* ---- opening --------------------------------------------------------------------------------- */

static const char *http_check_key(const char *key, bool write)
{
    (void)write;
    return key[0] == 0 ? "write the path of the value, as a.b.0"
           : !dam_link_json_path_is_plain(key)
               ? "a path has no quotes, backslashes and control characters"
               : NULL;
}

static bool url_take(char *ret, const char *url)
{
    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        strlen(url) >= URL_MAX) {
        return false;
    }
    memcpy(ret, url, strlen(url) + 1);
    return true;
}

static const char url_rule[] = "'url' and 'post_url' begin with http:// or https://";

static const char *http_check_url(const char *url)
{
    char text[URL_MAX];
    return url_take(text, url) ? NULL : url_rule;
}

static const char *headers_make(struct link_http *l, const struct dam_link_setup *setup)
{
    char token[TOKEN_MAX];
    char header[TOKEN_MAX + 32];
    const char *why = dam_link_option_secret(setup, "token_file", token, sizeof(token));
    l->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (why == NULL && token[0] != 0) {
        (void)snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
        struct curl_slist *more = curl_slist_append(l->headers, header);
        l->headers = more == NULL ? l->headers : more;
        why = more == NULL ? "out of memory" : NULL;
        explicit_bzero(header, sizeof(header));
    }
    explicit_bzero(token, sizeof(token));
    return l->headers == NULL ? "out of memory" : why;
}

static bool curl_make(struct link_http *l, uint32_t timeout_ms)
{
    l->curl = curl_easy_init();
    return l->curl != NULL && dam_curl_prepare(l->curl, l->url, timeout_ms) &&
           curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, l->headers) == CURLE_OK &&
           curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, l) == CURLE_OK &&
           curl_easy_setopt(l->curl, CURLOPT_ERRORBUFFER, l->why) == CURLE_OK;
}

static const char *options_read(struct link_http *l, const struct dam_link_setup *setup)
{
    const char *url = dam_link_option(setup, "url", "");
    if (!dam_curl_load()) {
        return "libcurl is not installed";
    }
    long every = 0;
    long timeout = 0;
    if (dam_link_option_number(setup, "every_ms", 60000, 50, 86400000, &every) != DAM_OK ||
        dam_link_option_number(setup, "timeout_ms", 10000, 10, 600000, &timeout) != DAM_OK) {
        return "'every_ms' is 50..86400000, 'timeout_ms' 10..600000";
    }
    l->every_ms = (uint64_t)every;
    if (!url_take(l->url, url) || !url_take(l->post_url, dam_link_option(setup, "post_url", url))) {
        return url_rule;
    }
    const char *why = headers_make(l, setup);
    return why != NULL ? why : curl_make(l, (uint32_t)timeout) ? NULL : "libcurl does not start";
}

static const struct dam_link_worker_ops worker_ops = {on_begin, on_job, on_done, http_free};

static enum dam_err http_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                              const char **ret_why)
{
    struct link_http *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    *l = (struct link_http){.kind = &dam_link_http,
                            .events = setup->events,
                            .points = setup->points,
                            .point_count = setup->point_count};
    dam_arena_init(&l->arena, dam_heap(), 16u << 20);
    dam_buf_init(&l->body, dam_heap(), BODY_MAX);
    l->slots = calloc(l->point_count + 1, sizeof(*l->slots));
    const char *why = l->slots == NULL ? "out of memory" : options_read(l, setup);
    if (why != NULL) {
        *ret_why = why;
        http_free(l);
        return DAM_EPARSE;
    }
    dam_link_worker_start(&l->worker, setup->loop, NULL, &worker_ops, l);
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static const char *const http_options[] = {"url",      "every_ms",   "timeout_ms",
                                           "post_url", "token_file", NULL};

const struct dam_link_kind dam_link_http = {
    .name = "http",
    .summary = "polls a JSON document, and posts set-points as JSON",
    .options = http_options,
    .check_key = http_check_key,
    .check_url = http_check_url,
    .open = http_open,
    .write = http_write,
    .close = http_close,
};
