// SPDX-License-Identifier: Apache-2.0
#include "trade/link_energy_market.h"

#include "core/eth/address.h"
#include "trade/energy_market.h"
#include "trade/market_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATH_SIZE 4096u

enum key { KEY_OFFER, KEY_PRICE, KEY_LAST_PRICE, KEY_BALANCE, KEY_COUNT };

static const struct {
    const char *name;
    bool write;
} keys[KEY_COUNT] = {{"offer", true}, {"price", true}, {"last_price", false}, {"balance", false}};

/* The set-points of one turn. */
struct turn {
    uint64_t ticket;
    bool has[2]; /* KEY_OFFER, KEY_PRICE */
    int64_t values[2];
    int64_t wall_ms;
};

struct link_energy_market {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    int64_t (*wall_ms)(void *ctx);
    uv_loop_t *loop;
    unsigned point[KEY_COUNT]; /* of each key */
    unsigned decimals[KEY_COUNT];
    bool is_used[KEY_COUNT];
    struct turn half; /* of which one set-point has come */
    struct turn next; /* complete, waits for the worker */
    bool has_next;
    bool closing;

    /* The worker's while `busy`, else the loop's. */
    bool busy;
    uv_work_t work;
    struct turn turn;
    bool has_turn;
    enum dam_link_result result;
    bool reached; /* the last job could talk with everything */
    bool offered; /* market.why tells of an order */
    struct dam_energy_market market;
    char why[DAM_TRADE_WHY_SIZE];
    char url[512]; /* "": the machine's own chain and signer; else these four */
    char outbox_folder[PATH_SIZE];
    char signer_folder[PATH_SIZE];
    char password_path[PATH_SIZE];
};

/* ---- the worker ------------------------------------------------------------------------------ */

static void offer(struct link_energy_market *l, uint64_t wh)
{
    bool recorded = false;
    enum dam_err err =
        dam_energy_market_offer(&l->market, l->turn.wall_ms, wh, l->turn.values[KEY_PRICE],
                                l->decimals[KEY_PRICE], &recorded);
    l->offered = err == DAM_OK;
    l->result = err == DAM_OK ? DAM_LINK_DONE : recorded ? DAM_LINK_UNKNOWN : DAM_LINK_REFUSED;
    memcpy(l->why, l->market.why, sizeof(l->why));
}

static void on_work(uv_work_t *work)
{
    struct link_energy_market *l = work->data;
    uint64_t wh =
        l->has_turn ? dam_trade_energy(l->turn.values[KEY_OFFER], l->decimals[KEY_OFFER]) : 0;
    l->offered = false;
    l->why[0] = 0;
    /* Nothing to offer is done whatever the chain does: the safe state must never fail. Without a
     * chain nothing was signed: a refusal, not a doubt. */
    l->result = wh == 0 ? DAM_LINK_DONE : DAM_LINK_REFUSED;
    enum dam_err err = dam_energy_market_connect(&l->market, l->turn.wall_ms);
    if (err == DAM_OK && wh > 0) {
        offer(l, wh); /* first: the gate closes */
    }
    err = err == DAM_OK ? dam_energy_market_settle(&l->market) : err;
    l->reached = err == DAM_OK;
    if (l->why[0] == 0) {
        memcpy(l->why, l->market.why, sizeof(l->why));
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void begin(struct link_energy_market *l);

static void answer(struct link_energy_market *l, const struct turn *turn,
                   enum dam_link_result result)
{
    for (unsigned i = KEY_OFFER; i <= KEY_PRICE; i++) {
        l->events.written(l->events.ctx, l->point[i], turn->ticket, result, false, 0);
    }
}

static void tell(struct link_energy_market *l)
{
    const struct dam_energy_market *m = &l->market;
    if (l->why[0] != 0 || !l->reached) {
        l->events.state(l->events.ctx, l->reached, l->why);
    } else if (!l->has_turn) {
        l->events.state(l->events.ctx, true, l->url);
    }
    if (l->reached && l->is_used[KEY_BALANCE]) {
        l->events.sample(
            l->events.ctx, l->point[KEY_BALANCE],
            dam_trade_reading(&m->balance, 1, m->token_decimals, l->decimals[KEY_BALANCE]));
    }
    if (l->reached && m->has_price && l->is_used[KEY_LAST_PRICE]) {
        l->events.sample(l->events.ctx, l->point[KEY_LAST_PRICE],
                         dam_trade_reading(&m->last_price, 1000, m->token_decimals,
                                           l->decimals[KEY_LAST_PRICE]));
    }
}

static void link_free(struct link_energy_market *l)
{
    dam_energy_market_finish(&l->market);
    free(l);
}

static void on_worked(uv_work_t *work, int status)
{
    struct link_energy_market *l = work->data;
    (void)status; /* never cancelled */
    l->busy = false;
    if (l->closing) {
        link_free(l);
        return;
    }
    tell(l);
    if (l->has_turn) {
        answer(l, &l->turn, l->result);
    }
    if (l->has_next && !l->busy) {
        l->turn = l->next;
        l->has_turn = true;
        l->has_next = false;
        begin(l);
    }
}

static void begin(struct link_energy_market *l)
{
    l->work.data = l;
    l->busy = uv_queue_work(l->loop, &l->work, on_work, on_worked) == 0;
    if (!l->busy && l->has_turn) {
        answer(l, &l->turn, DAM_LINK_REFUSED);
    }
}

static int64_t wall_ms(const struct link_energy_market *l)
{
    struct timespec now;
    if (l->wall_ms != NULL) {
        return l->wall_ms(l->events.ctx);
    }
    (void)clock_gettime(CLOCK_REALTIME, &now); /* this clock always exists */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void market_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct link_energy_market *l = (struct link_energy_market *)(void *)base;
    unsigned key = point == l->point[KEY_OFFER] ? KEY_OFFER : KEY_PRICE;
    if (l->half.ticket != ticket) {
        l->half = (struct turn){.ticket = ticket};
    }
    l->half.has[key] = true;
    l->half.values[key] = value;
    if (!l->half.has[KEY_OFFER] || !l->half.has[KEY_PRICE]) {
        return;
    }
    struct turn turn = l->half;
    turn.wall_ms = wall_ms(l);
    l->half = (struct turn){.ticket = 0};
    if (l->busy) {
        if (l->has_next) { /* a later turn takes the place of one that never began */
            answer(l, &l->next, DAM_LINK_REFUSED);
        }
        l->next = turn;
        l->has_next = true;
        return;
    }
    l->turn = turn;
    l->has_turn = true;
    begin(l);
}

/* ---- opening --------------------------------------------------------------------------------- */

static const char *market_check_key(const char *key, bool write)
{
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        if (strcmp(key, keys[i].name) == 0 && keys[i].write == write) {
            return NULL;
        }
    }
    return write ? "actuators are \"offer\" (Wh) and \"price\" (per kWh)"
                 : "channels are \"last_price\" (per kWh) and \"balance\"";
}

static const char *points_read(struct link_energy_market *l, const struct dam_link_setup *setup)
{
    for (size_t i = 0; i < setup->point_count; i++) {
        for (unsigned k = 0; k < KEY_COUNT; k++) {
            if (strcmp(setup->points[i].key, keys[k].name) != 0 ||
                setup->points[i].write != keys[k].write) {
                continue;
            }
            if (l->is_used[k]) {
                return "two channels or actuators have the same key";
            }
            l->is_used[k] = true;
            l->point[k] = (unsigned)i;
            l->decimals[k] = setup->points[i].decimals;
        }
    }
    return l->is_used[KEY_OFFER] && l->is_used[KEY_PRICE]
               ? NULL
               : "an order needs both: an actuator with the key \"offer\" and one with \"price\"";
}

static bool path_make(const struct dam_link_setup *setup, const char *option, const char *fallback,
                      char ret[PATH_SIZE])
{
    const char *name = dam_link_option(setup, option, fallback);
    int len = name[0] == '/' ? snprintf(ret, PATH_SIZE, "%s", name)
                             : snprintf(ret, PATH_SIZE, "%s/%s", setup->folder, name);
    return len > 0 && (size_t)len < PATH_SIZE && name[0] != 0;
}

static bool address_read(const struct dam_link_setup *setup, const char *option,
                         struct dam_address *ret)
{
    const char *text = dam_link_option(setup, option, "");
    return dam_address_from_text(text, strlen(text), ret) == DAM_OK;
}

static const char *own_read(struct link_energy_market *l, const struct dam_link_setup *setup,
                            const char *url, struct dam_envoy_options *ret)
{
    long timeout_ms = 0;
    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        strlen(url) >= sizeof(l->url)) {
        return "'url' is the chain's JSON-RPC: http://HOST:PORT";
    }
    memcpy(l->url, url, strlen(url) + 1);
    if (!path_make(setup, "signer", "signer", l->signer_folder) ||
        !path_make(setup, "outbox", "outbox", l->outbox_folder)) {
        return "'signer' and 'outbox' are folders";
    }
    if (!path_make(setup, "password_file", "", l->password_path)) {
        return "'password_file' is the file with the password of the signer's keystore";
    }
    if (dam_link_option_number(setup, "timeout_ms", 1000, 10, 60000, &timeout_ms) != DAM_OK) {
        return "'timeout_ms' is a number from 10 to 60000";
    }
    *ret = (struct dam_envoy_options){
        .urls = {l->url},
        .url_count = 1,
        .agree_min = 1,
        .timeout_ms = (uint32_t)timeout_ms,
        .outbox_folder = l->outbox_folder,
        .signer_folder = l->signer_folder,
        .password_path = l->password_path,
    };
    return NULL;
}

/* The machine's own envoy, or one that the link's options describe. Returns: NULL, or what is
 * wrong; *ret is the caller's to release. */
static const char *envoy_get(struct link_energy_market *l, const struct dam_link_setup *setup,
                             struct dam_envoy **ret)
{
    struct dam_envoy_options options;
    const char *url = dam_link_option(setup, "url", "");
    if (url[0] != 0) {
        const char *why = own_read(l, setup, url, &options);
        bool ok = why == NULL && dam_envoy_create(&options, ret) == DAM_OK;
        return why != NULL ? why : ok ? NULL : "out of memory";
    }
    if (setup->envoy == NULL || setup->envoy->options.signer_folder == NULL) {
        return "the machine needs [chain] and [signer], or the link its own 'url'";
    }
    (void)snprintf(l->url, sizeof(l->url), "%s", setup->envoy->options.urls[0]);
    *ret = dam_envoy_share(setup->envoy);
    return NULL;
}

static enum dam_err market_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                                const char **ret_why)
{
    struct dam_envoy *envoy = NULL;
    struct dam_address account;
    struct dam_address address;
    struct link_energy_market *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    l->kind = &dam_link_energy_market;
    l->events = setup->events;
    l->wall_ms = setup->wall_ms;
    l->loop = setup->loop;
    *ret_why = points_read(l, setup);
    if (*ret_why == NULL && !address_read(setup, "account", &account)) {
        *ret_why = "'account' is the address of the machine's account";
    } else if (*ret_why == NULL && !address_read(setup, "market", &address)) {
        *ret_why = "'market' is the address of the EnergyMarket";
    }
    *ret_why = *ret_why == NULL ? envoy_get(l, setup, &envoy) : *ret_why;
    if (*ret_why != NULL) {
        free(l);
        return DAM_EPARSE;
    }
    dam_energy_market_init(&l->market, envoy, &account, &address);
    dam_envoy_release(envoy); /* the market has it now */
    l->turn.wall_ms = wall_ms(l);
    *ret_link = (struct dam_link *)(void *)l;
    begin(l); /* connects; where it fails, each turn tries again */
    return DAM_OK;
}

static void market_close(struct dam_link *base)
{
    struct link_energy_market *l = (struct link_energy_market *)(void *)base;
    l->closing = true;
    if (!l->busy) {
        link_free(l);
    }
}

static const char *const market_options[] = {"url",           "account", "market",     "signer",
                                             "password_file", "outbox",  "timeout_ms", NULL};

const struct dam_link_kind dam_link_energy_market = {
    .name = "energy-market",
    .summary = "sells energy on an EnergyMarket contract, from the machine's account",
    .options = market_options,
    .check_key = market_check_key,
    .open = market_open,
    .write = market_write,
    .close = market_close,
    .acts_when_opened = true,
};
