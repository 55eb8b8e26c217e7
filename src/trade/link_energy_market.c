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

/* What the turn wants to trade. */
static uint64_t wanted_wh(const struct dam_skill *s)
{
    const struct link_energy_market *l = (const struct link_energy_market *)(const void *)s;
    enum key key = l->market.buys ? KEY_BID : KEY_OFFER;
    return s->has_turn ? dam_trade_energy(s->turn.values[key], s->decimals[key]) : 0;
}

static enum dam_err reach(struct dam_skill *s)
{
    return dam_energy_market_connect(&of(s)->market, s->turn.wall_ms);
}

static bool asks(const struct dam_skill *s)
{
    return wanted_wh(s) > 0;
}

static void act(struct dam_skill *s)
{
    bool recorded = false;
    if (asks(s)) {
        enum dam_err err =
            dam_energy_market_order(&of(s)->market, s->turn.wall_ms, wanted_wh(s),
                                    s->turn.values[KEY_PRICE], s->decimals[KEY_PRICE], &recorded);
        dam_skill_judge(s, err, recorded);
    }
}

static enum dam_err settle(struct dam_skill *s)
{
    return dam_energy_market_settle(&of(s)->market);
}

static void tell(struct dam_skill *s)
{
    const struct dam_energy_market *m = &of(s)->market;
    dam_skill_sample_amount(s, KEY_BALANCE, &m->balance, m->token_decimals);
    const struct dam_u256 credits = dam_u256_from_u64(m->credits);
    dam_skill_sample_amount(s, KEY_CREDITS, &credits, 0);
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
    .work = dam_skill_round,
    .reach = reach,
    .asks = asks,
    .act = act,
    .settle = settle,
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
    return dam_skill_begin(&l->skill, &l->market.seat, envoy, why, ret_link, ret_why);
}

static const char *const options[] = {DAM_SKILL_OPTIONS, "market", NULL};

const struct dam_link_kind dam_link_energy_market = {
    .name = "energy-market",
    .summary = "sells or buys energy on an EnergyMarket contract, from the machine's account",
    .options = options,
    .check_key = check_key,
    .open = market_open,
    .write = dam_skill_write,
    .is_busy = dam_skill_is_busy,
    .close = dam_skill_close,
    .acts_when_opened = true,
};
