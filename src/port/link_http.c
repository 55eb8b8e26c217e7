// SPDX-License-Identifier: Apache-2.0
#include "port/link_http.h"

#include "base/heap.h"
#include "port/link_mqtt.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX (1u << 20)

struct link_http {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    const struct dam_link_point *points;
    size_t point_count;
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_work_t work;
    bool working;
    bool closing;
    bool timer_closed;
    bool up;
    unsigned attempt;
    uint64_t every_ms;
    char url[1024];
    struct dam_arena arena;
    /* the worker's, while a job runs */
    CURL *curl;
    struct dam_buf body;
    char why[CURL_ERROR_SIZE];
    bool good;
};

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct link_http *l = ctx;
    dam_buf_put(&l->body, data, size * count);
    return dam_buf_err(&l->body) == DAM_OK ? size * count : 0; /* less: curl gives up */
}

static void job(uv_work_t *work)
{
    struct link_http *l = work->data;
    long status = 0;
    dam_buf_reset(&l->body);
    l->why[0] = 0;
    CURLcode code = curl_easy_perform(l->curl);
    (void)curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status);
    l->good = code == CURLE_OK && status == 200;
    if (code == CURLE_OK && status != 200) {
        (void)snprintf(l->why, sizeof(l->why), "the server answers with status %ld", status);
    } else if (code != CURLE_OK && l->why[0] == 0) {
        (void)snprintf(l->why, sizeof(l->why), "%s", curl_easy_strerror(code));
    }
}

static void http_end(struct link_http *l)
{
    if (!l->working && l->timer_closed) {
        curl_easy_cleanup(l->curl);
        dam_buf_finish(&l->body);
        dam_arena_finish(&l->arena);
        free(l);
    }
}

static void answer_read(struct link_http *l)
{
    const struct dam_json *root = NULL;
    dam_arena_reset(&l->arena);
    if (dam_json_parse(&l->arena, (const char *)l->body.data, l->body.len, 32, &root, NULL) !=
        DAM_OK) {
        l->good = false;
        (void)snprintf(l->why, sizeof(l->why), "the answer is no JSON");
        return;
    }
    for (unsigned i = 0; i < l->point_count; i++) {
        int64_t value = 0;
        enum dam_err err =
            dam_link_json_value(root, l->points[i].key, l->points[i].decimals, &value);
        if (err == DAM_OK) {
            l->events.sample(l->events.ctx, i, value);
        } else {
            l->events.fault(l->events.ctx, i,
                            err == DAM_ENOTFOUND ? "the answer does not have this key"
                                                 : "the answer has no number here");
        }
    }
}

static void on_timer(uv_timer_t *timer);

static void job_done(uv_work_t *work, int status)
{
    struct link_http *l = work->data;
    bool first = l->attempt == 0;
    l->working = false;
    if (l->closing) {
        http_end(l);
        return;
    }
    l->good = l->good && status == 0;
    if (l->good) {
        answer_read(l);
    }
    if (l->good != l->up || (!l->good && first)) {
        l->up = l->good;
        l->events.state(l->events.ctx, l->up, l->up ? l->url : l->why);
    }
    l->attempt = l->good ? 0 : l->attempt;
    uint64_t wait = l->good ? l->every_ms : dam_link_backoff_ms(&l->attempt, uv_hrtime());
    (void)uv_timer_start(&l->timer, on_timer, wait > l->every_ms ? wait : l->every_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct link_http *l = timer->data;
    l->work.data = l;
    l->working = uv_queue_work(l->loop, &l->work, job, job_done) == 0;
    if (!l->working) {
        (void)uv_timer_start(&l->timer, on_timer, l->every_ms, 0);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct link_http *l = handle->data;
    l->timer_closed = true;
    http_end(l);
}

static void http_close(struct dam_link *base)
{
    struct link_http *l = (struct link_http *)(void *)base;
    l->closing = true;
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

static void http_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct link_http *l = (struct link_http *)(void *)base;
    (void)value;
    l->events.written(l->events.ctx, point, ticket, DAM_LINK_REFUSED, false, 0);
}

static const char *http_check_key(const char *key, bool write)
{
    return write         ? "a polled document cannot be written to"
           : key[0] == 0 ? "write the path of the value, as a.b.0"
                         : NULL;
}

static bool curl_make(struct link_http *l, long timeout_ms)
{
    l->curl = curl_easy_init();
    return l->curl != NULL && curl_easy_setopt(l->curl, CURLOPT_URL, l->url) == CURLE_OK &&
           curl_easy_setopt(l->curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, l) == CURLE_OK &&
           curl_easy_setopt(l->curl, CURLOPT_ERRORBUFFER, l->why) == CURLE_OK &&
           curl_easy_setopt(l->curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(l->curl, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK;
}

static enum dam_err http_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                              const char **ret_why)
{
    struct link_http *l = calloc(1, sizeof(*l));
    const char *url = dam_link_option(setup, "url", "");
    long every = 0;
    long timeout = 0;
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    *l = (struct link_http){.kind = &dam_link_http,
                            .events = setup->events,
                            .points = setup->points,
                            .point_count = setup->point_count,
                            .loop = setup->loop};
    dam_arena_init(&l->arena, dam_heap(), 16u << 20);
    dam_buf_init(&l->body, dam_heap(), BODY_MAX);
    bool numbers =
        dam_link_option_number(setup, "every_ms", 60000, 50, 86400000, &every) == DAM_OK &&
        dam_link_option_number(setup, "timeout_ms", 10000, 10, 600000, &timeout) == DAM_OK;
    bool good_url = (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) &&
                    strlen(url) < sizeof(l->url);
    if (good_url) {
        (void)snprintf(l->url, sizeof(l->url), "%s", url);
    }
    if (!numbers || !good_url || !curl_make(l, timeout)) {
        *ret_why = !numbers    ? "'every_ms' is 50..86400000, 'timeout_ms' 10..600000"
                   : !good_url ? "'url' begins with http:// or https://"
                               : "libcurl does not start";
        l->timer_closed = true;
        http_end(l);
        return DAM_EPARSE;
    }
    l->every_ms = (uint64_t)every;
    (void)uv_timer_init(l->loop, &l->timer);
    l->timer.data = l;
    (void)uv_timer_start(&l->timer, on_timer, 0, 0);
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static const char *const http_options[] = {"url", "every_ms", "timeout_ms", NULL};

const struct dam_link_kind dam_link_http = {
    .name = "http",
    .summary = "polls a JSON document",
    .options = http_options,
    .check_key = http_check_key,
    .open = http_open,
    .write = http_write,
    .close = http_close,
};
