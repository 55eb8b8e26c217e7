// SPDX-License-Identifier: Apache-2.0
/* HTTP POST as an effect, for JSON-RPC and other APIs: the real one is libcurl, a ledger in this
 * process hands in its own (ledger/resident.h), as tests do. What is posted to a ws:// URL goes
 * over a WebSocket, and so does its answer. One request at a time a client; a client belongs to one
 * thread. */
#ifndef DAM_PORT_HTTP_CLIENT_H
#define DAM_PORT_HTTP_CLIENT_H

#include "base/buf.h"

struct dam_http_client {
    /* Send a JSON body and append the answer's body to ret_body. Blocks up to timeout_ms. Not
     * idempotent by itself: after a failure the server may or may not have seen it. Returns: DAM_OK
     * for every status, which is 200 where there is none; DAM_ENOHOST, DAM_EUNREACHABLE,
     * DAM_ETIMEOUT; DAM_EIO for a broken answer, or none; DAM_EFULL if the answer is longer than
     * ret_body may be; DAM_EPARSE for a URL that is none. */
    enum dam_err (*post)(void *ctx, const char *url, struct dam_bytes body, uint32_t timeout_ms,
                         struct dam_buf *ret_body, int *ret_status);
    /* Fetch a document, by HTTP. Blocks; idempotent. Returns: as post. NULL: there are none. */
    enum dam_err (*get)(void *ctx, const char *url, uint32_t timeout_ms, struct dam_buf *ret_body,
                        int *ret_status);
    void (*close)(void *ctx); /* give back what ctx holds; NULL: nothing */
    void *ctx;
};

#define DAM_HTTP_CLIENT_SCHEMES "http://, https://, ws:// or wss://"

/** Is it a URL that the real client posts to? Only its scheme is looked at. */
bool dam_http_client_takes(const char *url);

/** The real client: HTTP, HTTPS and WebSockets of both kinds, with certificate checks, connections
 * that are kept, no redirects, no proxies but those of the environment. Returns: DAM_OK,
 * DAM_ENOMEM, or DAM_ENOTFOUND without libcurl. */
DAM_MUST_USE enum dam_err dam_http_client_create(struct dam_http_client *ret);

/** Accepts a zeroed client. */
void dam_http_client_destroy(struct dam_http_client *client);

#endif
