// SPDX-License-Identifier: Apache-2.0
#include "trade/link_x402.h"

#include "base/heap.h"
#include "base/json.h"
#include "core/crypto/keccak.h"
#include "core/flow/fixed.h"
#include "port/http_server.h"
#include "port/problem.h"
#include "trade/market_calls.h"
#include "trade/seat.h"
#include "trade/skill.h"
#include "trade/till.h"
#include "trade/x402.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOLD_MAX 16u   /* channels */
#define QUEUE_MAX 16u  /* buyers that wait */
#define BLOCK_MS 8000u /* wait so long for a block: the door waits ten seconds */
#define LOOK_MS 50u    /* between two looks */
#define PRICE_DECIMALS 6u
#define NAME_LEN_MAX 32u
#define CHANNEL_LEN_MAX 64u   /* of its name; part of what stands in outboxes */
#define SOCKET_PATH_SIZE 108u /* sockaddr_un.sun_path */
#define ANSWER_LEN_MAX 8192u

struct sold {
    const struct dam_link_shown *shown; /* NULL ends the list */
    size_t index;                       /* in the turn's values */
    int64_t value;
    bool good;
};

struct sale {
    struct dam_http_exchange *exchange;
    const struct sold *sold;
    char channel[CHANNEL_LEN_MAX + 1]; /* its name: the worker may outlive the manifest */
    struct dam_x402_payment payment;
    struct dam_hash request; /* keccak of its channel and its header, byte for byte */
};

enum outcome { SALE_AWAY, SALE_REFUSED, SALE_PAID };

struct link_x402 {
    struct dam_skill skill;
    struct dam_seat seat; /* at the token; the worker's while it is busy, as the next ones */
    unsigned token_decimals;
    struct dam_till till; /* the worker's, as the seat */
    enum outcome outcome;
    struct dam_hash tx_hash;

    struct dam_x402_terms terms; /* the amount is known when the seat is ready */
    int64_t price;               /* in PRICE_DECIMALS */
    bool ready;                  /* the terms are known; from here on the loop's */
    struct dam_http_server *server;
    struct sold sold[SOLD_MAX + 1];
    int64_t time_ms; /* of the readings */
    struct sale queue[QUEUE_MAX];
    size_t queue_count;
    struct sale sale; /* exchange NULL: none is under way */
    char name[NAME_LEN_MAX + 1];
    char token_name[64];
    char token_version[16];
    char path[SOCKET_PATH_SIZE];
};

static struct link_x402 *of(struct dam_skill *skill)
{
    return (struct link_x402 *)(void *)skill;
}

/* ---- the payment, on a worker ---------------------------------------------------------------- */

/* One authorisation, whatever it is to buy: the cause of its transaction. */
static struct dam_hash cause(const struct link_x402 *l)
{
    uint8_t text[4 + 20 + 20 + 20 + 32] = "x402";
    struct dam_hash id;
    memcpy(text + 4, l->seat.account.b, 20);
    memcpy(text + 24, l->seat.contract.b, 20);
    memcpy(text + 44, l->sale.payment.from.b, 20);
    memcpy(text + 64, l->sale.payment.nonce.b, 32);
    dam_keccak256(text, sizeof(text), &id);
    return id;
}

static enum dam_err look(struct link_x402 *l, const struct dam_hash *id, enum dam_outbox_state *ret,
                         struct dam_remote_receipt *ret_receipt)
{
    return dam_outbox_look(&l->seat.envoy->outbox, &l->seat.envoy->arena, id, ret, ret_receipt);
}

/* A payment whose block stays need not be remembered: the token knows its nonce. */
static enum dam_err past_forget(struct link_x402 *l)
{
    const struct dam_till_payment *oldest = dam_till_oldest(&l->till);
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state;
    if (oldest == NULL) {
        return DAM_OK;
    }
    const struct dam_hash id = oldest->id;
    DAM_TRY(look(l, &id, &state, &receipt));
    bool is_past = state == DAM_OUTBOX_FINAL || state == DAM_OUTBOX_LOST;
    if (is_past && dam_envoy_is_witnessed(l->seat.envoy, &id)) {
        DAM_TRY(dam_outbox_forget(&l->seat.envoy->outbox, &id));
        state = DAM_OUTBOX_UNKNOWN;
    }
    return state == DAM_OUTBOX_UNKNOWN ? dam_till_forget(&l->till, &id) : DAM_OK;
}

static void refuse(struct link_x402 *l, const char *why)
{
    l->outcome = SALE_REFUSED;
    (void)snprintf(l->seat.why, sizeof(l->seat.why), "%s", why);
}

static enum dam_err payment_send(struct link_x402 *l, const struct dam_hash *id)
{
    struct dam_calldata_call call = {.target = l->seat.contract};
    char what[DAM_ENVOY_WHAT_SIZE];
    uint64_t now_s = 0;
    bool recorded = false;
    DAM_TRY(dam_envoy_chain_time(l->seat.envoy, &now_s));
    if (!dam_x402_is_timely(&l->sale.payment, now_s)) {
        refuse(l, "the authorisation is not valid now, or not for long enough");
        return DAM_OK;
    }
    DAM_TRY(dam_x402_calldata(&l->seat.envoy->arena, &l->terms, &l->sale.payment, &call.data));
    (void)snprintf(what, sizeof(what), "x402, sale of %s", l->sale.channel);
    enum dam_err err = dam_envoy_execute(l->seat.envoy, id, what, &call, 1, &recorded);
    if (err == DAM_EREFUSED && !recorded) {
        refuse(l, dam_seat_reason(&l->seat, err));
        return DAM_OK;
    }
    return err == DAM_EREFUSED ? DAM_OK : err;
}

/* The payment is on its way: it is this request's, unless it was before. What is refused before is
 * not noted: nobody may wear out the disk with payments that are none. */
static enum dam_err own(struct link_x402 *l, const struct dam_hash *id)
{
    return dam_till_find(&l->till, id) != NULL ? DAM_OK
                                               : dam_till_take(&l->till, id, &l->sale.request);
}

/* One look. Out: ret_waits: it is on its way. */
static enum dam_err sale_step(struct link_x402 *l, const struct dam_hash *id, bool *ret_waits)
{
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state;
    *ret_waits = false;
    DAM_TRY(look(l, id, &state, &receipt));
    if (state != DAM_OUTBOX_UNKNOWN) {
        DAM_TRY(own(l, id));
    }
    switch (state) {
    case DAM_OUTBOX_UNKNOWN:
        DAM_TRY(payment_send(l, id));
        *ret_waits = l->outcome != SALE_REFUSED;
        return *ret_waits ? own(l, id) : DAM_OK;
    case DAM_OUTBOX_SENT:
        *ret_waits = true;
        return DAM_OK;
    case DAM_OUTBOX_LOST:
        refuse(l, "another transaction has taken its place: authorise again");
        return dam_till_answer(&l->till, id);
    case DAM_OUTBOX_MINED:
    case DAM_OUTBOX_FINAL:
        break;
    }
    DAM_TRY(dam_till_answer(&l->till, id));
    l->tx_hash = receipt.tx_hash;
    if (receipt.succeeded) {
        l->outcome = SALE_PAID;
    } else {
        refuse(l, "the payment failed on the chain");
    }
    return DAM_OK;
}

/* Who brought the payment in has its answer; others may have seen it on the chain. Returns: NULL,
 * or why this request does not have it. */
static const char *anothers(const struct link_x402 *l, const struct dam_hash *id)
{
    const struct dam_till_payment *known = dam_till_find(&l->till, id);
    if (known == NULL) {
        return NULL;
    }
    return known->answered ? "this payment has been used"
           : dam_hash_eq(&known->request, &l->sale.request)
               ? NULL
               : "another request has brought this payment: ask with that one, byte for byte";
}

static enum dam_err sale_make(struct link_x402 *l)
{
    struct dam_hash id = cause(l);
    uint64_t begun_ms = uv_hrtime() / 1000000;
    bool waits = false;
    l->outcome = SALE_AWAY;
    const char *why = anothers(l, &id);
    if (why != NULL) {
        refuse(l, why);
        return DAM_OK;
    }
    if (l->till.count == DAM_TILL_MAX && dam_till_find(&l->till, &id) == NULL) {
        (void)snprintf(l->seat.why, sizeof(l->seat.why), "too many sales wait for the evidence");
        return DAM_EFULL;
    }
    for (;;) {
        l->seat.why[0] = 0;
        DAM_TRY(dam_seat_fail(&l->seat, sale_step(l, &id, &waits), "selling"));
        if (!waits) {
            return DAM_OK;
        }
        if (uv_hrtime() / 1000000 - begun_ms > BLOCK_MS) {
            refuse(l, "the payment is on its way: ask again with the same request");
            return DAM_OK;
        }
        dam_skill_rest(&l->skill, LOOK_MS);
    }
}

static enum dam_err token_read(struct link_x402 *l)
{
    uint64_t decimals = 0;
    DAM_TRY(dam_seat_view_u64(&l->seat, &l->seat.contract, "decimals()", 18, &decimals));
    l->token_decimals = (unsigned)decimals;
    l->terms.chain_id = l->seat.envoy->chain.chain_id;
    l->terms.amount = dam_trade_amount(l->price, PRICE_DECIMALS, l->token_decimals);
    return dam_u256_is_zero(&l->terms.amount) ? DAM_ERANGE : DAM_OK;
}

static void work(struct dam_skill *s)
{
    struct link_x402 *l = of(s);
    l->seat.why[0] = 0;
    enum dam_err err = dam_seat_arm(&l->seat);
    if (err == DAM_OK && !l->seat.ready) {
        err = token_read(l);
        l->seat.ready = err == DAM_OK;
    }
    err = err == DAM_OK ? past_forget(l) : err;
    err = dam_seat_fail(&l->seat, err, "connecting");
    l->outcome = SALE_AWAY;
    if (err == DAM_OK && l->sale.exchange != NULL) {
        err = sale_make(l);
    }
    s->result = DAM_LINK_DONE;
    s->reached = err == DAM_OK;
    if (err != DAM_OK) {
        (void)snprintf(s->why, sizeof(s->why), "%s", l->seat.why);
    }
}

/* ---- answers, on the loop -------------------------------------------------------------------- */

static void reply(struct dam_http_exchange *exchange, int status, const char *header,
                  struct dam_bytes packed, const struct dam_buf *body)
{
    uint8_t space[2 * ANSWER_LEN_MAX];
    struct dam_buf headers;
    dam_buf_init_fixed(&headers, space, sizeof(space));
    dam_buf_put_text(&headers, "Content-Type: application/json\r\n");
    dam_buf_put_text(&headers, header);
    dam_buf_put_text(&headers, ": ");
    dam_buf_put_base64(&headers, packed.data, packed.len);
    dam_buf_put_text(&headers, "\r\n");
    dam_buf_put_byte(&headers, 0);
    bool ok = dam_buf_err(&headers) == DAM_OK && dam_buf_err(body) == DAM_OK;
    dam_http_reply(exchange, ok ? status : 500, ok ? (const char *)headers.data : NULL, body->data,
                   ok ? body->len : 0);
}

static void reply_offer(const struct link_x402 *l, struct dam_http_exchange *exchange,
                        const struct sold *sold, const char *error)
{
    uint8_t space[ANSWER_LEN_MAX];
    char path[256];
    struct dam_buf body;
    dam_buf_init_fixed(&body, space, sizeof(space));
    (void)snprintf(path, sizeof(path), "/api/skills/%s/%.128s", l->name, sold->shown->name);
    dam_x402_put_offer(&body, &l->terms, path, sold->shown->title, error);
    reply(exchange, 402, "PAYMENT-REQUIRED", dam_buf_bytes(&body), &body);
}

static void reply_sold(const struct link_x402 *l, const struct sale *sale)
{
    uint8_t space[1024];
    uint8_t receipt_space[1024];
    char value[DAM_FLOW_FIXED_TEXT_MAX];
    struct dam_buf body;
    struct dam_buf receipt;
    const struct dam_link_shown *shown = sale->sold->shown;
    dam_buf_init_fixed(&body, space, sizeof(space));
    dam_buf_init_fixed(&receipt, receipt_space, sizeof(receipt_space));
    struct dam_json_writer w = {.buf = &body};
    (void)dam_flow_fixed_format(sale->sold->value, shown->decimals, value);
    dam_json_put_object(&w);
    dam_json_put_key(&w, "time");
    dam_json_put_i64(&w, l->time_ms / 1000);
    dam_json_put_key(&w, "channel");
    dam_json_put_cstr(&w, shown->name);
    dam_json_put_key(&w, "value");
    dam_json_put_cstr(&w, value);
    dam_json_put_key(&w, "unit");
    dam_json_put_cstr(&w, shown->unit);
    dam_json_put_key(&w, "good");
    dam_json_put_bool(&w, sale->sold->good);
    dam_json_put_object_end(&w);
    dam_x402_put_receipt(&receipt, &l->terms, &sale->payment, &l->tx_hash);
    reply(sale->exchange, 200, "PAYMENT-RESPONSE", dam_buf_bytes(&receipt), &body);
}

static void sale_answer(struct link_x402 *l)
{
    struct sale sale = l->sale;
    l->sale.exchange = NULL;
    switch (l->outcome) {
    case SALE_PAID:
        reply_sold(l, &sale);
        return;
    case SALE_REFUSED:
        reply_offer(l, sale.exchange, sale.sold, l->seat.why);
        return;
    case SALE_AWAY:
        dam_problem_reply(sale.exchange, 503, "not now: ask again with the same payment");
        return;
    }
}

static void sale_begin(struct link_x402 *l)
{
    if (l->queue_count > 0 && !l->skill.busy) {
        l->sale = l->queue[0];
        l->queue_count--;
        memmove(l->queue, l->queue + 1, l->queue_count * sizeof(l->queue[0]));
        dam_skill_act(&l->skill);
    }
}

static void done(struct dam_skill *s)
{
    struct link_x402 *l = of(s);
    l->ready = l->seat.ready;
    if (l->sale.exchange != NULL) {
        sale_answer(l);
    }
    sale_begin(l);
}

/* ---- requests -------------------------------------------------------------------------------- */

static const struct sold *sold_find(const struct link_x402 *l, struct dam_bytes path)
{
    for (const struct sold *s = l->sold; s->shown != NULL; s++) {
        size_t len = strlen(s->shown->name);
        if (path.len == len + 1 && memcmp(path.data + 1, s->shown->name, len) == 0) {
            return s;
        }
    }
    return NULL;
}

static struct dam_hash request_hash(const char *channel, struct dam_bytes header)
{
    struct dam_keccak256 keccak;
    struct dam_hash hash;
    dam_keccak256_init(&keccak);
    dam_keccak256_update(&keccak, (const uint8_t *)channel, strlen(channel) + 1);
    dam_keccak256_update(&keccak, header.data, header.len);
    dam_keccak256_final(&keccak, &hash);
    return hash;
}

static void on_request(void *ctx, struct dam_http_exchange *exchange,
                       const struct dam_http_request *request)
{
    struct link_x402 *l = ctx;
    const struct sold *sold = sold_find(l, request->path);
    const struct dam_bytes *header = dam_http_find_header(request, "PAYMENT-SIGNATURE");
    struct sale sale = {.exchange = exchange, .sold = sold};
    struct dam_arena arena;
    if (sold == NULL || strcmp(request->method, "GET") != 0) {
        dam_problem_reply(exchange, 404,
                          "GET one of the channels that 'channels' of the link names");
    } else if (!l->ready && !l->skill.busy) {
        dam_skill_act(&l->skill);
        dam_problem_reply(exchange, 503, "the chain was not reached yet: ask again");
    } else if (!l->ready || l->queue_count == QUEUE_MAX) {
        dam_problem_reply(exchange, 503, "not ready, or too many buyers wait: ask again");
    } else if (!sold->good) {
        dam_problem_reply(exchange, 503, "there is no good reading to sell now");
    } else if (header == NULL) {
        reply_offer(l, exchange, sold, NULL);
    } else {
        dam_arena_init(&arena, dam_heap(), 1u << 20);
        const char *wrong = dam_x402_parse(&arena, *header, &l->terms, &sale.payment);
        dam_arena_finish(&arena);
        if (wrong != NULL) {
            reply_offer(l, exchange, sold, wrong);
            return;
        }
        (void)snprintf(sale.channel, sizeof(sale.channel), "%s", sold->shown->name);
        sale.request = request_hash(sale.channel, *header);
        l->queue[l->queue_count++] = sale;
        sale_begin(l);
    }
}

static bool wants_turn(struct dam_link *link)
{
    (void)link;
    return true;
}

static void show_turn(struct dam_link *link, const struct dam_link_turn *turn)
{
    struct link_x402 *l = (struct link_x402 *)(void *)link;
    l->time_ms = turn->time_ms;
    for (struct sold *s = l->sold; s->shown != NULL; s++) {
        s->value = turn->values[s->index];
        s->good = turn->good[s->index];
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

static void tell(struct dam_skill *s)
{
    (void)s; /* it has no channels */
}

static void finish(struct dam_skill *s)
{
    dam_seat_finish(&of(s)->seat);
}

static void x402_close(struct dam_link *link)
{
    struct link_x402 *l = (struct link_x402 *)(void *)link;
    if (l->sale.exchange != NULL) {
        dam_problem_reply(l->sale.exchange, 503, "the machine is stopping");
    }
    for (size_t i = 0; i < l->queue_count; i++) {
        dam_problem_reply(l->queue[i].exchange, 503, "the machine is stopping");
    }
    l->queue_count = 0;
    dam_http_server_destroy(l->server);
    (void)unlink(l->path); /* a next one replaces it anyhow */
    dam_skill_close(link);
}

static const struct dam_skill_ops ops = {
    .work = work, .tell = tell, .done = done, .finish = finish};

static const char *check_key(const char *key, bool write)
{
    (void)key;
    (void)write;
    return "this link has no channels and no actuators: 'channels' names what is sold";
}

/* "pv,soc" */
static const char *sold_read(struct link_x402 *l, const struct dam_link_setup *setup)
{
    const char *at = dam_link_option(setup, "channels", "");
    size_t count = 0;
    while (*at != 0) {
        size_t len = strcspn(at, ",");
        const struct dam_link_about *about = setup->about;
        size_t i = 0;
        while (about != NULL && i < about->count &&
               (about->shown[i].is_actuator || strlen(about->shown[i].name) != len ||
                memcmp(about->shown[i].name, at, len) != 0)) {
            i++;
        }
        if (about == NULL || i == about->count || count == SOLD_MAX) {
            return "'channels' are channels of this machine, at most 16: \"pv,soc\"";
        }
        l->sold[count++] = (struct sold){.shown = &about->shown[i], .index = i};
        at += len + (at[len] == ',' ? 1 : 0);
    }
    return count > 0 ? NULL : "'channels' names what is sold: \"pv,soc\"";
}

static const char *options_read(struct link_x402 *l, const struct dam_link_setup *setup)
{
    const char *name = dam_link_option(setup, "name", "data");
    const char *price = dam_link_option(setup, "price", "");
    const char *token_name = dam_link_option(setup, "token_name", "");
    const char *token_version = dam_link_option(setup, "token_version", "1");
    size_t len = strlen(name);
    if (len == 0 || len > NAME_LEN_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz_") != len) {
        return "'name' is small letters: /api/skills/NAME/CHANNEL";
    }
    if (dam_flow_fixed_parse(price, strlen(price), PRICE_DECIMALS, &l->price) != DAM_OK ||
        l->price <= 0) {
        return "'price' is what one reading costs, in whole tokens: \"0.02\"";
    }
    if (token_name[0] == 0 || strlen(token_name) >= sizeof(l->token_name) ||
        strlen(token_version) >= sizeof(l->token_version)) {
        return "'token_name' and 'token_version' are those of the token's EIP-712 domain";
    }
    memcpy(l->name, name, len + 1);
    memcpy(l->token_name, token_name, strlen(token_name) + 1);
    memcpy(l->token_version, token_version, strlen(token_version) + 1);
    int path_len = snprintf(l->path, sizeof(l->path), "%s/skills/%s.sock", setup->folder, name);
    return path_len > 0 && (size_t)path_len < sizeof(l->path)
               ? NULL
               : "the machine's folder has too long a path for a Unix socket";
}

/* Returns: NULL, or what is wrong. Beside the socket lies what it has sold. */
static const char *serve(struct link_x402 *l, const struct dam_link_setup *setup)
{
    char folder[SOCKET_PATH_SIZE];
    const struct dam_http_handler handler = {.request = on_request, .ctx = l};
    (void)snprintf(folder, sizeof(folder), "%s/skills", setup->folder);
    (void)mkdir(folder, 0700); /* where it cannot be made, listening says so */
    char paid[DAM_TILL_NAME_SIZE];
    (void)snprintf(paid, sizeof(paid), "%s.paid", l->name);
    const char *why = dam_till_open(&l->till, folder, paid);
    if (why != NULL) {
        return why;
    }
    if (dam_http_server_create(setup->loop, &handler, NULL, &l->server) != DAM_OK) {
        return "out of memory";
    }
    if (dam_http_listen_unix(l->server, l->path) != DAM_OK) {
        dam_http_server_destroy(l->server);
        return "the socket skills/NAME.sock cannot be served: does another program have it?";
    }
    return NULL;
}

static enum dam_err x402_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                              const char **ret_why)
{
    struct dam_envoy *envoy = NULL;
    struct dam_address account;
    struct dam_address token;
    struct link_x402 *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    const char *why = dam_skill_open(&l->skill, &dam_link_x402, &ops, setup, &account, &envoy);
    if (why == NULL && !dam_skill_address(setup, "token", &token)) {
        why = "'token' is the address of the token that is paid in";
    }
    why = why == NULL ? options_read(l, setup) : why;
    why = why == NULL ? sold_read(l, setup) : why;
    why = why == NULL ? serve(l, setup) : why;
    if (why == NULL) {
        l->terms = (struct dam_x402_terms){.token = token,
                                           .account = account,
                                           .token_name = l->token_name,
                                           .token_version = l->token_version};
        dam_seat_init(&l->seat, envoy, &account, &token);
    }
    return dam_skill_begin(&l->skill, &l->seat, envoy, why, ret_link, ret_why);
}

static const char *const options[] = {
    DAM_SKILL_OPTIONS, "token", "price", "channels", "name", "token_name", "token_version", NULL};

const struct dam_link_kind dam_link_x402 = {
    .name = "x402",
    .summary = "sells channels' readings over HTTP for tokens, to the machine's account",
    .options = options,
    .check_key = check_key,
    .open = x402_open,
    .write = dam_skill_write,
    .wants_turn = wants_turn,
    .show_turn = show_turn,
    .close = x402_close,
    .acts_when_opened = true,
};
