// SPDX-License-Identifier: Apache-2.0
#include "ledger/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/heap.h"
#include "ledger/metrics.h"
#include "ledger/node.h"
#include "ledger/rpc.h"

#define CALL_GAS_MAX 50000000u /* geth's cap of eth_call */
#define CALL_GAS_MAX_DEV ((uint64_t)1 << 32)
#define CALL_TIME_MAX_MS 5000u /* geth's --rpc.evmtimeout */

/* ---- JSON-RPC over HTTP and WebSocket -------------------------------------------------------- */

static const char *cors_headers(const struct dam_ledger *ledger, bool preflight, char *text,
                                size_t size)
{
    if (ledger->cors == NULL) {
        return preflight ? "" : "Content-Type: application/json\r\n";
    }
    (void)snprintf(text, size, "%sAccess-Control-Allow-Origin: %s\r\n%s%s",
                   preflight ? "" : "Content-Type: application/json\r\n", ledger->cors,
                   strcmp(ledger->cors, "*") != 0 ? "Vary: Origin\r\n" : "",
                   preflight ? "Access-Control-Allow-Methods: POST, GET, OPTIONS\r\n"
                               "Access-Control-Allow-Headers: Content-Type, Authorization\r\n"
                               "Access-Control-Max-Age: 86400\r\n"
                             : "");
    return text;
}

struct http_reply {
    struct dam_ledger *ledger;
    struct dam_http_exchange *exchange;
};

static void on_http_reply(void *ctx, const char *text, size_t len)
{
    struct http_reply *reply = ctx;
    char headers[512];
    dam_http_reply(reply->exchange, 200,
                   cors_headers(reply->ledger, false, headers, sizeof(headers)), text, len);
    free(reply);
}

static void reply_text(struct dam_http_exchange *exchange, int status, const char *text)
{
    dam_http_reply(exchange, status, "Content-Type: text/plain\r\n", text, strlen(text));
}

static void reply_metrics(struct dam_ledger *ledger, struct dam_http_exchange *exchange)
{
    struct dam_ledger_measured measured = {0};
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 1 << 20);
    dam_ledger_measure(ledger, &measured.metrics);
    dam_ledger_metrics_put(&buf, &measured, 1, false);
    dam_http_reply(exchange, 200, "Content-Type: text/plain; version=0.0.4\r\n", buf.data, buf.len);
    dam_buf_finish(&buf);
}

/* Can blocks be written? After a write that the disk refused, another is tried now: nobody may come
 * with transactions while the answer is no. */
static void reply_ready(struct dam_ledger *ledger, struct dam_http_exchange *exchange)
{
    enum dam_err err = dam_store_refusal(ledger->chain->store);
    bool is_full = dam_store_is_full(ledger->chain->store);
    char text[160];
    if (err != DAM_OK) {
        err = dam_ledger_chain_settle(ledger->chain);
    }
    (void)snprintf(text, sizeof(text), "not ready: the ledger cannot write: %s\n",
                   err == DAM_OK ? "it has reached its max-size" : dam_err_text(err));
    bool is_ready = err == DAM_OK && !is_full;
    reply_text(exchange, is_ready ? 200 : 503, is_ready ? "ready\n" : text);
}

static void on_get(struct dam_ledger *ledger, struct dam_http_exchange *exchange,
                   struct dam_bytes path)
{
    if (dam_bytes_is(path, "/")) { /* 200 as geth answers: load balancers ask this */
        reply_text(exchange, 200,
                   "This is a ledger's JSON-RPC endpoint: POST a request here, or open a "
                   "WebSocket. GET /metrics, /healthz and /readyz are there too.\n");
    } else if (dam_bytes_is(path, "/metrics")) {
        reply_metrics(ledger, exchange);
    } else if (dam_bytes_is(path, "/healthz")) {
        reply_text(exchange, 200, "ok\n"); /* the loop turns */
    } else if (dam_bytes_is(path, "/readyz")) {
        reply_ready(ledger, exchange);
    } else {
        reply_text(exchange, 404,
                   "There is nothing at this path: POST JSON-RPC to /, or GET /metrics, /healthz "
                   "or /readyz.\n");
    }
}

static void on_request(void *ctx, struct dam_http_exchange *exchange,
                       const struct dam_http_request *request)
{
    struct dam_ledger *ledger = ctx;
    char headers[512];
    if (request->is_upgrade) {
        (void)dam_ws_upgrade(exchange, request); /* a refusal has its reply already */
        return;
    }
    if (strcmp(request->method, "OPTIONS") == 0) {
        dam_http_reply(exchange, 204, cors_headers(ledger, true, headers, sizeof(headers)), NULL,
                       0);
        return;
    }
    if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0) {
        on_get(ledger, exchange, request->path);
        return;
    }
    if (strcmp(request->method, "POST") != 0) {
        static const char text[] = "only POST, GET and OPTIONS\n";
        dam_http_reply(exchange, 405, "Content-Type: text/plain\r\nAllow: POST, GET, OPTIONS\r\n",
                       text, sizeof(text) - 1);
        return;
    }
    struct http_reply *reply = malloc(sizeof(*reply));
    if (reply == NULL) {
        dam_http_reply(exchange, 503, NULL, NULL, 0);
        return;
    }
    *reply = (struct http_reply){ledger, exchange};
    dam_rpc_handle(ledger, (const char *)request->body.data, request->body.len, NULL, on_http_reply,
                   reply);
}

static void on_ws_reply(void *ctx, const char *text, size_t len)
{
    if (len > 0) {
        dam_ws_send(ctx, text, len);
    }
}

static void on_ws_message(void *ctx, struct dam_ws *ws, struct dam_bytes data)
{
    dam_rpc_handle(ctx, (const char *)data.data, data.len, ws, on_ws_reply, ws);
}

static void on_ws_closed(void *ctx, struct dam_ws *ws)
{
    struct dam_ledger *ledger = ctx;
    dam_rpc_ws_gone(ledger, ws);
    dam_filters_ws_gone(ledger->filters, ws);
}

static enum dam_err need_http(struct dam_ledger *ledger)
{
    if (ledger->http != NULL) {
        return DAM_OK;
    }
    struct dam_http_handler handler = {.request = on_request,
                                       .ws_message = on_ws_message,
                                       .ws_closed = on_ws_closed,
                                       .ctx = ledger};
    return dam_http_server_create(ledger->loop, &handler, NULL, &ledger->http);
}

enum dam_err dam_ledger_serve(struct dam_ledger *ledger, const char *host, uint16_t port,
                              const char *cors, uint16_t *ret_port)
{
    DAM_TRY(need_http(ledger));
    if (cors != NULL) {
        free(ledger->cors);
        ledger->cors = strdup(cors);
        if (ledger->cors == NULL) {
            return DAM_ENOMEM;
        }
    }
    return dam_http_listen(ledger->http, host, port, ret_port);
}

enum dam_err dam_ledger_serve_unix(struct dam_ledger *ledger, const char *path)
{
    DAM_TRY(need_http(ledger));
    return dam_http_listen_unix(ledger->http, path);
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* A number that outsiders cannot guess. */
static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    /* Fails only before the kernel has any entropy; then the tables are as good as without. */
    (void)uv_random(NULL, NULL, &seed, sizeof(seed), 0, NULL);
    return seed;
}

enum dam_err dam_ledger_create_evm(struct dam_evm **ret)
{
    struct dam_evm_limits limits = {.hash_seed = random_seed()};
    return dam_evm_create(dam_heap(), &limits, ret);
}

static enum dam_err open_parts(struct dam_ledger *ledger, const struct dam_ledger_options *options,
                               struct dam_store_fault *fault)
{
    struct dam_ledger_chain_options chain = {
        .store = {.dir = options->data_dir, .size_max = options->store_len_max},
        .genesis = options->genesis,
        .genesis_len = options->genesis_len,
        .genesis_is_default = options->genesis_is_default,
        .history = options->history,
    };
    DAM_TRY(dam_ledger_chain_open(&chain, &ledger->chain, fault));
    DAM_TRY(dam_ledger_create_evm(&ledger->evm));
    DAM_TRY(dam_pool_create(&options->pool, random_seed(), &ledger->pool));
    DAM_TRY(dam_filters_create(ledger, &ledger->filters));
    DAM_TRY(dam_rpc_queue_create(ledger));
    ledger->gas_limit =
        options->gas_limit != 0 ? options->gas_limit : ledger->chain->head.header.gas_limit;
    return DAM_OK;
}

static void free_parts(struct dam_ledger *ledger)
{
    dam_rpc_queue_close(ledger);
    dam_filters_destroy(ledger->filters);
    dam_pool_destroy(ledger->pool);
    dam_evm_destroy(ledger->evm);
    dam_ledger_chain_close(ledger->chain);
    dam_arena_finish(&ledger->arena);
    free(ledger->dev_state.impersonated);
    free(ledger->dev_state.recoveries);
    free(ledger->dev_state.snapshots);
    free(ledger->fresh);
    free(ledger->cors);
}

enum dam_err dam_ledger_open(uv_loop_t *loop, const struct dam_ledger_options *options,
                             struct dam_ledger **ret, struct dam_store_fault *fault)
{
    struct dam_ledger *ledger = calloc(1, sizeof(*ledger));
    fault->text[0] = '\0';
    if (ledger == NULL) {
        return DAM_ENOMEM;
    }
    ledger->loop = loop;
    ledger->clock = options->clock != NULL ? options->clock : dam_clock_system();
    ledger->dev = options->dev;
    ledger->interval_ms = options->block_interval_ms;
    ledger->coinbase = options->coinbase;
    ledger->call_gas_max = options->call_gas_max != 0 ? options->call_gas_max
                           : options->dev             ? CALL_GAS_MAX_DEV
                                                      : CALL_GAS_MAX;
    ledger->call_time_max_ms =
        options->call_time_max_ms != 0 ? options->call_time_max_ms : CALL_TIME_MAX_MS;
    ledger->dev_state.automine = true;
    ledger->arrival_next = 1;
    dam_arena_init(&ledger->arena, dam_heap(), 0);
    (void)snprintf(ledger->data_dir, sizeof(ledger->data_dir), "%s", options->data_dir);
    enum dam_err err = open_parts(ledger, options, fault);
    if (err != DAM_OK) {
        if (fault->text[0] == '\0') {
            (void)snprintf(fault->text, sizeof(fault->text), "%s: %s", options->data_dir,
                           dam_err_text(err));
        }
        free_parts(ledger);
        free(ledger);
        return err;
    }
    dam_ledger_start(ledger);
    err = dam_ledger_load_pool(ledger); /* schedules a turn if anything waits */
    if (err != DAM_OK) {
        dam_ledger_close(ledger);
        return err;
    }
    *ret = ledger;
    return DAM_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct dam_ledger *ledger = handle->data;
    if (--ledger->handles_open == 0) {
        free(ledger);
    }
}

void dam_ledger_close(struct dam_ledger *ledger)
{
    if (ledger == NULL) {
        return;
    }
    dam_rpc_queue_close(ledger);
    dam_http_server_destroy(ledger->http);
    free_parts(ledger);
    ledger->handles_open = 7;
    uv_close((uv_handle_t *)&ledger->turn, on_closed);
    uv_close((uv_handle_t *)&ledger->wake, on_closed);
    uv_close((uv_handle_t *)&ledger->interval, on_closed);
    uv_close((uv_handle_t *)&ledger->watch, on_closed);
    uv_close((uv_handle_t *)&ledger->gather, on_closed);
    uv_close((uv_handle_t *)&ledger->quiet, on_closed);
    uv_close((uv_handle_t *)&ledger->pages, on_closed);
}

struct dam_ledger_chain *dam_ledger_chain(struct dam_ledger *ledger)
{
    return ledger->chain;
}
