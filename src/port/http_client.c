// SPDX-License-Identifier: Apache-2.0
#include "port/http_client.h"

#include "port/curl.h"

static size_t body_take(char *data, size_t size, size_t count, void *ctx)
{
    struct dam_buf *body = ctx;
    dam_buf_put(body, data, size * count);
    return dam_buf_err(body) == DAM_OK ? size * count : 0;
}

static enum dam_err err_of(CURLcode code, const struct dam_buf *body)
{
    switch (code) {
    case CURLE_OK:
        return DAM_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return DAM_ETIMEOUT;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return DAM_EPARSE;
    case CURLE_OUT_OF_MEMORY:
        return DAM_ENOMEM;
    case CURLE_WRITE_ERROR:
        return dam_buf_err(body) == DAM_OK ? DAM_EIO : dam_buf_err(body);
    default:
        return DAM_EIO;
    }
}

/* Everything but what is asked for. Returns: false if memory is out. */
static bool prepare(CURL *curl, const char *url, uint32_t timeout_ms, struct dam_buf *ret_body)
{
    curl_easy_reset(curl); /* keeps the connections */
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret_body) == CURLE_OK;
}

static enum dam_err perform(CURL *curl, bool ok, const struct dam_buf *body, int *ret_status)
{
    long status = 0;
    CURLcode code = ok ? curl_easy_perform(curl) : CURLE_OUT_OF_MEMORY;
    enum dam_err err = err_of(code, body);
    if (err == DAM_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status); /* 0 stays if unknown */
        *ret_status = (int)status;
    }
    return err;
}

static enum dam_err get(void *ctx, const char *url, uint32_t timeout_ms, struct dam_buf *ret_body,
                        int *ret_status)
{
    bool ok = prepare(ctx, url, timeout_ms, ret_body);
    return perform(ctx, ok, ret_body, ret_status);
}

static enum dam_err post(void *ctx, const char *url, struct dam_bytes body, uint32_t timeout_ms,
                         struct dam_buf *ret_body, int *ret_status)
{
    CURL *curl = ctx;
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

enum dam_err dam_http_client_create(struct dam_http_client *ret)
{
    if (!dam_curl_load()) {
        return DAM_ENOTFOUND;
    }
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        return DAM_ENOMEM;
    }
    *ret = (struct dam_http_client){post, get, curl_easy_cleanup, curl};
    return DAM_OK;
}

void dam_http_client_destroy(struct dam_http_client *client)
{
    if (client->close != NULL) {
        client->close(client->ctx);
    }
    *client = (struct dam_http_client){0};
}
