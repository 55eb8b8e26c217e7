// SPDX-License-Identifier: Apache-2.0
#include "trade/door.h"

#include "base/heap.h"
#include "base/json.h"
#include "core/crypto/sha256.h"
#include "port/http_server.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define CHALLENGE_MS 60000
#define USED_MAX 256u /* challenges that have let somebody in and would serve again */
#define BODY_MAX 2048u
#define JSON_TYPE "Content-Type: application/json\r\nCache-Control: no-store\r\n"

struct dam_door {
    uv_loop_t *loop;
    struct dam_http_server *server;
    struct dam_door_events events;
    uv_timer_t timer; /* ends the visit */
    uint32_t visit_ms;
    uint8_t secret[32]; /* of the challenges */
    uint64_t challenge_count;
    struct dam_hash used[USED_MAX];
    size_t used_count;
    bool knows;
    uint64_t chain_id;
    struct dam_address contract;
    struct dam_hash resource;
    struct dam_pass passes[DAM_ACCESS_PASSES_MAX];
    size_t pass_count;
};

/* ---- answers --------------------------------------------------------------------------------- */

static void refuse(struct dam_http_exchange *exchange, int status, const char *detail)
{
    char text[256];
    int len = snprintf(text, sizeof(text), "{\"detail\":\"%s\"}\n", detail);
    dam_http_reply(exchange, status, JSON_TYPE, text, (size_t)len);
}

/* A challenge is the loop's time until which it serves, a number, and a MAC of both: strangers who
 * ask for many take neither memory nor a place. */
static struct dam_hash challenge_make(const struct dam_door *d, uint64_t until_ms, uint64_t number)
{
    struct dam_hash challenge;
    struct dam_hash mac;
    struct dam_hmac_sha256 state;
    dam_store_be64(challenge.b, until_ms);
    dam_store_be64(challenge.b + 8, number);
    dam_hmac_sha256_init(&state, d->secret, sizeof(d->secret));
    dam_hmac_sha256_update(&state, challenge.b, 16);
    dam_hmac_sha256_final(&state, &mac);
    memcpy(challenge.b + 16, mac.b, 16);
    return challenge;
}

static bool challenge_is_over(const struct dam_door *d, const struct dam_hash *challenge)
{
    return dam_load_be64(challenge->b) <= uv_now(d->loop);
}

static bool challenge_is_open(const struct dam_door *d, const struct dam_hash *challenge)
{
    struct dam_hash made =
        challenge_make(d, dam_load_be64(challenge->b), dam_load_be64(challenge->b + 8));
    bool is_open = !challenge_is_over(d, challenge) &&
                   CRYPTO_memcmp(made.b, challenge->b, sizeof(made.b)) == 0;
    for (size_t i = 0; i < d->used_count && is_open; i++) {
        is_open = !dam_hash_eq(&d->used[i], challenge);
    }
    return is_open;
}

/* It serves once. Returns: false if more have come in than can be remembered. */
static bool challenge_use(struct dam_door *d, const struct dam_hash *challenge)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->used_count; i++) {
        if (!challenge_is_over(d, &d->used[i])) {
            d->used[kept++] = d->used[i];
        }
    }
    d->used_count = kept;
    if (kept == USED_MAX) {
        return false;
    }
    d->used[d->used_count++] = *challenge;
    return true;
}

static void challenge_give(struct dam_door *d, struct dam_http_exchange *exchange)
{
    struct dam_hash challenge =
        challenge_make(d, uv_now(d->loop) + CHALLENGE_MS, d->challenge_count++);
    struct dam_buf buf;
    struct dam_json_writer w = {.buf = &buf};
    dam_buf_init(&buf, dam_heap(), BODY_MAX);
    dam_json_put_object(&w);
    dam_json_put_key(&w, "chain_id");
    dam_json_put_u64(&w, d->chain_id);
    dam_json_put_key(&w, "contract");
    dam_json_put_data(&w, d->contract.b, 20);
    dam_json_put_key(&w, "resource");
    dam_json_put_data(&w, d->resource.b, 32);
    dam_json_put_key(&w, "challenge");
    dam_json_put_data(&w, challenge.b, 32);
    dam_json_put_object_end(&w);
    if (dam_buf_err(&buf) == DAM_OK) {
        dam_http_reply(exchange, 200, JSON_TYPE, buf.data, buf.len);
    } else {
        refuse(exchange, 503, "out of memory");
    }
    dam_buf_finish(&buf);
}

static void on_visit_over(uv_timer_t *timer)
{
    struct dam_door *d = timer->data;
    d->events.visit(d->events.ctx, 0);
}

static const char *judge(struct dam_door *d, const struct dam_entry *entry)
{
    struct dam_hash digest;
    int64_t now_ms = d->events.wall_ms(d->events.ctx);
    if (!challenge_is_open(d, &entry->challenge)) {
        return "this challenge is not open: ask for another";
    }
    dam_entry_digest(d->chain_id, &d->contract, &d->resource, &entry->challenge, &digest);
    const char *why = dam_entry_judge(entry, &digest, d->passes, d->pass_count,
                                      now_ms < 0 ? 0 : (uint64_t)now_ms / 1000);
    return why != NULL || challenge_use(d, &entry->challenge)
               ? why
               : "too many have come in within a minute: ask again";
}

static void entry_take(struct dam_door *d, struct dam_http_exchange *exchange,
                       struct dam_bytes body)
{
    struct dam_arena arena;
    struct dam_entry entry;
    dam_arena_init(&arena, dam_heap(), 0);
    const char *why = dam_entry_parse(&arena, body, &entry);
    dam_arena_finish(&arena);
    if (why != NULL) {
        refuse(exchange, 400, why);
        return;
    }
    why = judge(d, &entry);
    if (why != NULL) {
        refuse(exchange, 403, why);
        return;
    }
    char text[128];
    int len = snprintf(text, sizeof(text), "{\"pass\":%llu}\n", (unsigned long long)entry.pass);
    dam_http_reply(exchange, 200, JSON_TYPE, text, (size_t)len);
    (void)uv_timer_start(&d->timer, on_visit_over, d->visit_ms, 0); /* the handle is good */
    d->events.visit(d->events.ctx, entry.pass);
}

static void on_request(void *ctx, struct dam_http_exchange *exchange,
                       const struct dam_http_request *request)
{
    struct dam_door *d = ctx;
    if (request->path.len != 1) {
        refuse(exchange, 404, "there is only /");
    } else if (!d->knows) {
        refuse(exchange, 503, "the chain was not reached yet");
    } else if (strcmp(request->method, "GET") == 0) {
        challenge_give(d, exchange);
    } else if (strcmp(request->method, "POST") == 0) {
        entry_take(d, exchange, request->body);
    } else {
        refuse(exchange, 405, "GET or POST");
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void dam_door_know(struct dam_door *d, uint64_t chain_id, const struct dam_access_pass *access)
{
    d->knows = true;
    d->chain_id = chain_id;
    d->contract = access->seat.contract;
    d->resource = access->resource;
    d->pass_count = access->pass_count;
    memcpy(d->passes, access->passes, access->pass_count * sizeof(d->passes[0]));
}

static enum dam_err door_listen(struct dam_door *d, const char *address)
{
    const struct dam_http_handler handler = {.request = on_request, .ctx = d};
    const struct dam_http_limits limits = {.conn_count_max = 64, .body_len_max = BODY_MAX};
    char host[DAM_HTTP_HOST_SIZE] = "127.0.0.1";
    uint16_t port = 0;
    uint16_t taken = 0;
    if (!dam_http_address_read(address, host, &port)) {
        return DAM_EPARSE;
    }
    DAM_TRY(dam_http_server_create(d->loop, &handler, &limits, &d->server));
    return dam_http_listen(d->server, host, port, &taken);
}

enum dam_err dam_door_create(uv_loop_t *loop, const char *address, uint32_t visit_ms,
                             const struct dam_door_events *events, struct dam_door **ret)
{
    struct dam_door *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return DAM_ENOMEM;
    }
    d->loop = loop;
    d->events = *events;
    d->visit_ms = visit_ms;
    d->timer.data = d;
    (void)uv_timer_init(loop, &d->timer); /* never fails */
    enum dam_err err = uv_random(NULL, NULL, d->secret, sizeof(d->secret), 0, NULL) == 0
                           ? door_listen(d, address)
                           : DAM_EIO;
    if (err != DAM_OK) {
        dam_door_destroy(d);
        return err;
    }
    *ret = d;
    return DAM_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void dam_door_destroy(struct dam_door *d)
{
    if (d == NULL) {
        return;
    }
    dam_http_server_destroy(d->server);
    (void)uv_timer_stop(&d->timer); /* never fails */
    uv_close((uv_handle_t *)&d->timer, on_closed);
}
