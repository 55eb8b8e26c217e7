// SPDX-License-Identifier: Apache-2.0
#include "trade/link_energy_market.h"

#include "trade/energy_market.h"
#include "trade/market_calls.h"
#include "trade/skill.h"

#include <stdio.h>
#include <stdlib.h>

enum key { KEY_OFFER, KEY_BID, KEY_PRICE, KEY_LAST_PRICE, KEY_CREDITS, KEY_BALANCE };

static const struct dam_skill_key keys[] = {{"offer", true},    {"bid", true},
                                            {"price", true},    {"last_price", false},
                                            {"credits", false}, {"balance", false}};

struct link_energy_market {
    struct dam_skill skill;
    struct dam_energy_market market; /* the worker's while it is busy */
};

static struct link_energy_market *of(struct dam_skill *skill)
{
    return (struct link_energy_market *)(void *)skill;
}

static enum key side_key(const struct link_energy_market *l)
{
    return l->market.buys ? KEY_BID : KEY_OFFER;
}

static void order(struct link_energy_market *l, uint64_t wh)
{
    struct dam_skill *s = &l->skill;
    bool recorded = false;
    enum dam_err err =
        dam_energy_market_order(&l->market, s->turn.wall_ms, wh, s->turn.values[KEY_PRICE],
                                s->decimals[KEY_PRICE], &recorded);
    s->result = err == DAM_OK ? DAM_LINK_DONE : recorded ? DAM_LINK_UNKNOWN : DAM_LINK_REFUSED;
    (void)snprintf(s->why, sizeof(s->why), "%s", l->market.seat.why);
}

static void work(struct dam_skill *s)
{
    struct link_energy_market *l = of(s);
    enum key key = side_key(l);
    uint64_t wh = s->has_turn ? dam_trade_energy(s->turn.values[key], s->decimals[key]) : 0;
    /* Nothing to order is done whatever the chain does: the safe state must never fail. Without a
     * chain nothing was signed: a refusal, not a doubt. */
    s->result = wh == 0 ? DAM_LINK_DONE : DAM_LINK_REFUSED;
    enum dam_err err = dam_energy_market_connect(&l->market, s->turn.wall_ms);
    if (err == DAM_OK && wh > 0) {
        order(l, wh); /* first: the gate closes */
    }
    err = err == DAM_OK ? dam_energy_market_settle(&l->market) : err;
    s->reached = err == DAM_OK;
    if (s->why[0] == 0) {
        (void)snprintf(s->why, sizeof(s->why), "%s", l->market.seat.why);
    }
}

static void tell(struct dam_skill *s)
{
    const struct dam_energy_market *m = &of(s)->market;
    dam_skill_sample(
        s, KEY_BALANCE,
        dam_trade_reading(&m->balance, 1, m->token_decimals, s->decimals[KEY_BALANCE]));
    const struct dam_u256 credits = dam_u256_from_u64(m->credits);
    dam_skill_sample(s, KEY_CREDITS, dam_trade_reading(&credits, 1, 0, s->decimals[KEY_CREDITS]));
    if (m->has_price) {
        dam_skill_sample(s, KEY_LAST_PRICE,
                         dam_trade_reading(&m->last_price, 1000, m->token_decimals,
                                           s->decimals[KEY_LAST_PRICE]));
    }
}

static void finish(struct dam_skill *s)
{
    dam_energy_market_finish(&of(s)->market);
}

static const struct dam_skill_ops ops = {
    .keys = keys,
    .key_count = DAM_COUNT_OF(keys),
    .work = work,
    .tell = tell,
    .finish = finish,
};

static const char *check_key(const char *key, bool write)
{
    if (dam_skill_knows(&ops, key, write)) {
        return NULL;
    }
    return write ? "actuators are \"offer\" or \"bid\" (Wh) and \"price\" (per kWh)"
                 : "channels are \"last_price\" (per kWh), \"credits\" (Wh) and \"balance\"";
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
    const bool *is_used = l->skill.is_used;
    const char *why =
        dam_skill_open(&l->skill, &dam_link_energy_market, &ops, setup, &account, &envoy);
    if (why == NULL && !dam_skill_address(setup, "market", &address)) {
        why = "'market' is the address of the EnergyMarket";
    } else if (why == NULL && (is_used[KEY_OFFER] == is_used[KEY_BID] || !is_used[KEY_PRICE])) {
        why = "an order needs two actuators: the key \"offer\" or \"bid\", and \"price\"";
    }
    if (why == NULL) {
        dam_energy_market_init(&l->market, envoy, &account, &address, is_used[KEY_BID]);
    }
    return dam_skill_begin(&l->skill, envoy, why, ret_link, ret_why);
}

static const char *const options[] = {DAM_SKILL_OPTIONS, "market", NULL};

const struct dam_link_kind dam_link_energy_market = {
    .name = "energy-market",
    .summary = "sells or buys energy on an EnergyMarket contract, from the machine's account",
    .options = options,
    .check_key = check_key,
    .open = market_open,
    .write = dam_skill_write,
    .close = dam_skill_close,
    .acts_when_opened = true,
};
