// SPDX-License-Identifier: Apache-2.0
#include "trade/link_treasury.h"

#include "trade/skill.h"
#include "trade/treasury.h"

#include <stdio.h>
#include <stdlib.h>

enum key { KEY_DISTRIBUTE, KEY_INVEST, KEY_DIVEST, KEY_BALANCE, KEY_INVESTED, KEY_UNCLAIMED };

static const struct dam_skill_key keys[] = {{"distribute", true}, {"invest", true},
                                            {"divest", true},     {"balance", false},
                                            {"invested", false},  {"unclaimed", false}};

struct link_treasury {
    struct dam_skill skill;
    struct dam_treasury treasury; /* the worker's while it is busy */
};

static struct link_treasury *of(struct dam_skill *skill)
{
    return (struct link_treasury *)(void *)skill;
}

static enum dam_err reach(struct dam_skill *s)
{
    return dam_treasury_connect(&of(s)->treasury);
}

static void act(struct dam_skill *s)
{
    struct dam_treasury *t = &of(s)->treasury;
    unsigned decimals = t->token_decimals;
    const struct dam_treasury_orders orders = {.distribute =
                                                   dam_skill_amount(s, KEY_DISTRIBUTE, decimals),
                                               .invest = dam_skill_amount(s, KEY_INVEST, decimals),
                                               .divest = dam_skill_amount(s, KEY_DIVEST, decimals)};
    bool recorded = false;
    enum dam_err err = dam_treasury_act(t, &orders, s->turn.ticket, &recorded);
    dam_skill_judge(s, err, recorded);
}

static enum dam_err settle(struct dam_skill *s)
{
    return dam_treasury_settle(&of(s)->treasury);
}

static void tell(struct dam_skill *s)
{
    const struct dam_treasury *t = &of(s)->treasury;
    dam_skill_sample_amount(s, KEY_BALANCE, &t->balance, t->token_decimals);
    dam_skill_sample_amount(s, KEY_INVESTED, &t->invested, t->token_decimals);
    dam_skill_sample_amount(s, KEY_UNCLAIMED, &t->unclaimed, t->token_decimals);
}

static void finish(struct dam_skill *s)
{
    dam_treasury_finish(&of(s)->treasury);
}

static const struct dam_skill_ops ops = {
    .keys = keys,
    .key_count = DAM_COUNT_OF(keys),
    .work = dam_skill_round,
    .reach = reach,
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
    return write ? "actuators are \"distribute\", \"invest\" and \"divest\" (tokens)"
                 : "channels are \"balance\", \"invested\" and \"unclaimed\" (tokens)";
}

static const char *terms_read(const struct dam_skill *s, const struct dam_link_setup *setup,
                              struct dam_address *token, struct dam_address *shares,
                              struct dam_address *vault)
{
    const bool *is_used = s->is_used;
    *shares = (struct dam_address){{0}};
    *vault = (struct dam_address){{0}};
    if (!dam_skill_address(setup, "token", token)) {
        return "'token' is the address of the token that the treasury holds";
    }
    if (!dam_skill_address(setup, "shares", shares) &&
        (is_used[KEY_DISTRIBUTE] || is_used[KEY_UNCLAIMED] ||
         dam_link_option(setup, "shares", "")[0] != 0)) {
        return "to distribute, 'shares' is the address of the MachineShares";
    }
    if (!dam_skill_address(setup, "vault", vault) &&
        (is_used[KEY_INVEST] || is_used[KEY_DIVEST] || is_used[KEY_INVESTED] ||
         dam_link_option(setup, "vault", "")[0] != 0)) {
        return "to invest, 'vault' is the address of an ERC-4626 vault of the token";
    }
    return NULL;
}

static enum dam_err treasury_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                                  const char **ret_why)
{
    struct dam_envoy *envoy = NULL;
    struct dam_address account;
    struct dam_address token;
    struct dam_address shares;
    struct dam_address vault;
    struct link_treasury *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    const char *why = dam_skill_open(&l->skill, &dam_link_treasury, &ops, setup, &account, &envoy);
    why = why == NULL ? terms_read(&l->skill, setup, &token, &shares, &vault) : why;
    if (why == NULL) {
        dam_treasury_init(&l->treasury, envoy, &account, &token, &shares, &vault);
    }
    return dam_skill_begin(&l->skill, &l->treasury.seat, envoy, why, ret_link, ret_why);
}

static const char *const options[] = {DAM_SKILL_OPTIONS, "token", "shares", "vault", NULL};

const struct dam_link_kind dam_link_treasury = {
    .name = "treasury",
    .summary = "pays out, lends and takes back what the machine's account holds",
    .options = options,
    .check_key = check_key,
    .open = treasury_open,
    .write = dam_skill_write,
    .is_busy = dam_skill_is_busy,
    .close = dam_skill_close,
    .acts_when_opened = true,
};
