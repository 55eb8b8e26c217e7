// SPDX-License-Identifier: Apache-2.0
/* The face that a machine shows over HTTP: the dashboard page, the JSON API behind it, live
 * snapshots by Server-Sent Events, and what monitoring wants (/metrics, /healthz, /readyz,
 * /openapi.json). It only formats and routes; what is told comes from the machine through struct
 * dam_dashboard_source. Runs on the loop's thread; a slow reader is dropped by the server below and
 * never slows the machine.
 *
 * It answers only requests that name a host of its list (a page of another origin cannot reach it
 * by DNS rebinding), and takes a POST only as JSON and only from its own origin. Where there is a
 * token, it answers only who shows it; a probe (/healthz, /readyz) needs none. */
#ifndef DAM_APP_DASHBOARD_H
#define DAM_APP_DASHBOARD_H

#include "app/api_token.h"
#include "base/buf.h"
#include "port/http_server.h"

struct dam_dashboard; /* private */

/* What the machine can tell and be told. Each tell writes one JSON document into out and returns
 * the HTTP status: 200; or 404, 409, 422, 503 ... with a sentence for people as plain text in out,
 * which becomes problem+json. All are called on the loop's thread and must not block longer than a
 * turn. Members that are NULL answer 404. */
struct dam_dashboard_source {
    /* The whole snapshot (docs/api.md). */
    int (*state)(void *ctx, struct dam_buf *out);
    /* One decision with its reasons and its proof. */
    int (*decision)(void *ctx, uint64_t seq, struct dam_buf *out);
    /* Run it again and compare: {"ok":..., "detail":...}. */
    int (*verify)(void *ctx, uint64_t seq, struct dam_buf *out);
    /* The operator's stop. */
    int (*stop)(void *ctx, bool on, struct dam_buf *out);
    /* Take a request, to be answered now or later (app/skill_door.h). Returns: false if it is not
     * for this. */
    bool (*pass)(void *ctx, struct dam_http_exchange *exchange,
                 const struct dam_http_request *request);
    /* Anything else below /api/: clock, proposals ... body is the JSON text of a POST, empty for a
     * GET. */
    int (*other)(void *ctx, const char *method, struct dam_bytes path, struct dam_bytes query,
                 struct dam_bytes body, struct dam_buf *out);
    /* What goes through the log is told in parts; else DAM_ENOMEM. The newest decisions, at most
     * limit (1..200), below sequence number `before`; */
    enum dam_err (*decisions)(void *ctx, uint64_t before, unsigned limit,
                              struct dam_http_parts *ret);
    /* day by day; the newest readings; decisions as CSV. */
    enum dam_err (*days)(void *ctx, struct dam_http_parts *ret);
    enum dam_err (*series)(void *ctx, struct dam_http_parts *ret);
    enum dam_err (*export_csv)(void *ctx, struct dam_http_parts *ret);
    /* The log: path is "checkpoint" or "tile/..." (C2SP tlog-tiles); any content type but JSON. */
    int (*log_file)(void *ctx, struct dam_bytes path, struct dam_buf *out);
    /* Prometheus text format 0.0.4. */
    int (*metrics)(void *ctx, struct dam_buf *out);
    bool (*ready)(void *ctx);
    void *ctx;
};

/** Start serving. Returns: DAM_OK with *ret_port the port; or what listening said.
 *  In: loop: borrowed; source: copied; token: borrowed until the end, NULL: none is asked for;
 *      host: an address to bind; port: 0 picks one. */
DAM_MUST_USE enum dam_err dam_dashboard_create(uv_loop_t *loop,
                                               const struct dam_dashboard_source *source,
                                               const struct dam_api_token *token, const char *host,
                                               uint16_t port, uint16_t *ret_port,
                                               struct dam_dashboard **ret);

/** Tell all who listen that the state has changed. Cheap when nobody does. */
void dam_dashboard_changed(struct dam_dashboard *dashboard);

/** Stop serving. Accepts NULL. */
void dam_dashboard_destroy(struct dam_dashboard *dashboard);

#endif
