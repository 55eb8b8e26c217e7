// SPDX-License-Identifier: Apache-2.0
#include "port/http_client.h"

#include <stdlib.h>

#include "base/heap.h"
#include "port/curl.h"
#include "port/ws_client.h"

#define SOCKETS_MAX 8u /* WebSockets that are kept; then the one that was first made goes */

struct client {
    CURL *curl;
    struct dam_ws_client *sockets[SOCKETS_MAX];
    size_t socket_count; /* that were ever made */
};

bool dam_http_client_takes(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0 ||
           dam_ws_client_takes(url);
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

static size_t body_take(char *data, size_t size, size_t count, void *ctx)
{
    struct dam_buf *body = ctx;
    dam_buf_put(body, data, size * count);
    return dam_buf_err(body) == DAM_OK ? size * count : 0;
}

/* Everything but what is asked for. Returns: false if memory is out. */
static bool prepare(CURL *curl, const char *url, uint32_t timeout_ms, struct dam_buf *ret_body)
{
    curl_easy_reset(curl); /* keeps the connections */
    return dam_curl_prepare(curl, url, timeout_ms) &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret_body) == CURLE_OK;
}

static enum dam_err perform(CURL *curl, bool ok, const struct dam_buf *body, int *ret_status)
{
    long status = 0;
    CURLcode code = ok ? curl_easy_perform(curl) : CURLE_OUT_OF_MEMORY;
    enum dam_err full = dam_buf_err(body); /* then curl was told to give up */
    enum dam_err err = full != DAM_OK ? full : dam_curl_err(code);
    if (err == DAM_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status); /* 0 stays if unknown */
        *ret_status = (int)status;
    }
    return err;
}

static enum dam_err get(void *ctx, const char *url, uint32_t timeout_ms, struct dam_buf *ret_body,
                        int *ret_status)
{
    struct client *c = ctx;
    bool ok = prepare(c->curl, url, timeout_ms, ret_body);
    return perform(c->curl, ok, ret_body, ret_status);
}

static enum dam_err post_http(CURL *curl, const char *url, struct dam_bytes body,
                              uint32_t timeout_ms, struct dam_buf *ret_body, int *ret_status)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (headers == NULL) {
        return DAM_ENOMEM;
    }
    bool ok = prepare(curl, url, timeout_ms, ret_body) &&
              curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) == CURLE_OK;
    enum dam_err err = perform(curl, ok, ret_body, ret_status);
    curl_slist_free_all(headers);
    return err;
}

/* ---- WebSockets ------------------------------------------------------------------------------ */

static enum dam_err socket_for(struct client *c, const char *url, struct dam_ws_client **ret)
{
    for (size_t i = 0; i < SOCKETS_MAX && c->sockets[i] != NULL; i++) {
        if (strcmp(dam_ws_client_url(c->sockets[i]), url) == 0) {
            *ret = c->sockets[i];
            return DAM_OK;
        }
    }
    DAM_TRY(dam_ws_client_create(url, ret));
    struct dam_ws_client **place = &c->sockets[c->socket_count++ % SOCKETS_MAX];
    dam_ws_client_destroy(*place);
    *place = *ret;
    return DAM_OK;
}

static enum dam_err post_ws(struct client *c, const char *url, struct dam_bytes body,
                            uint32_t timeout_ms, struct dam_buf *ret_body, int *ret_status)
{
    struct dam_ws_client *socket;
    DAM_TRY(socket_for(c, url, &socket));
    DAM_TRY(dam_ws_client_ask(socket, body, timeout_ms, ret_body));
    *ret_status = 200;
    return DAM_OK;
}

/* ---- both ------------------------------------------------------------------------------------ */

static enum dam_err post(void *ctx, const char *url, struct dam_bytes body, uint32_t timeout_ms,
                         struct dam_buf *ret_body, int *ret_status)
{
    struct client *c = ctx;
    return dam_ws_client_takes(url)
               ? post_ws(c, url, body, timeout_ms, ret_body, ret_status)
               : post_http(c->curl, url, body, timeout_ms, ret_body, ret_status);
}

static void client_close(void *ctx)
{
    struct client *c = ctx;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        dam_ws_client_destroy(c->sockets[i]);
    }
    curl_easy_cleanup(c->curl);
    free(c);
}

enum dam_err dam_http_client_create(struct dam_http_client *ret)
{
    if (!dam_curl_load()) {
        return DAM_ENOTFOUND;
    }
    struct client *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return DAM_ENOMEM;
    }
    c->curl = curl_easy_init();
    if (c->curl == NULL) {
        free(c);
        return DAM_ENOMEM;
    }
    *ret = (struct dam_http_client){post, get, client_close, c};
    return DAM_OK;
}

void dam_http_client_destroy(struct dam_http_client *client)
{
    if (client->close != NULL) {
        client->close(client->ctx);
    }
    *client = (struct dam_http_client){0};
}
