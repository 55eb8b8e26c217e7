// SPDX-License-Identifier: Apache-2.0
#include "trade/link_access_pass.h"

#include "trade/access_pass.h"
#include "trade/door.h"
#include "trade/skill.h"

#include <stdio.h>
#include <stdlib.h>

enum key { KEY_PRICE, KEY_VISIT, KEY_TAKEN, KEY_TAKEN_NEXT, KEY_ASKED, KEY_BALANCE };

static const struct dam_skill_key keys[] = {{"price", true}, {"visit", false}, {"taken", false},
                                            {"next", false}, {"asked", false}, {"balance", false}};

struct link_access_pass {
    struct dam_skill skill;
    struct dam_access_pass access; /* the worker's while it is busy */
    struct dam_door *door;         /* NULL: none */
    uint64_t visit;                /* the pass that shows itself; 0: none */
};

static struct link_access_pass *of(struct dam_skill *skill)
{
    return (struct link_access_pass *)(void *)skill;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static enum dam_err reach(struct dam_skill *s)
{
    return dam_access_pass_connect(&of(s)->access);
}

/* Not to sell what is not for sale is done whatever the chain does: it is the safe state. */
static bool asks(const struct dam_skill *s)
{
    const struct link_access_pass *l = (const struct link_access_pass *)(const void *)s;
    return s->has_turn && (dam_skill_asks(s, KEY_PRICE) || l->access.is_for_sale);
}

static void act(struct dam_skill *s)
{
    struct dam_access_pass *a = &of(s)->access;
    const struct dam_u256 price = dam_skill_amount(s, KEY_PRICE, a->token_decimals);
    bool recorded = false;
    enum dam_err err = dam_access_pass_price(a, &price, s->turn.ticket, &recorded);
    dam_skill_judge(s, err, recorded);
}

static enum dam_err settle(struct dam_skill *s)
{
    return dam_access_pass_settle(&of(s)->access, (uint64_t)s->turn.wall_ms / 1000);
}

static void tell(struct dam_skill *s)
{
    static const struct dam_u256 nothing;
    struct link_access_pass *l = of(s);
    const struct dam_access_pass *a = &l->access;
    if (l->door != NULL) {
        dam_door_know(l->door, a->seat.envoy->chain.chain_id, a);
    }
    dam_skill_sample(s, KEY_VISIT, (int64_t)l->visit);
    dam_skill_sample(s, KEY_TAKEN, (int64_t)a->taken);
    dam_skill_sample(s, KEY_TAKEN_NEXT, (int64_t)a->taken_next);
    dam_skill_sample_amount(s, KEY_ASKED, a->is_for_sale ? &a->price : &nothing, a->token_decimals);
    dam_skill_sample_amount(s, KEY_BALANCE, &a->balance, a->token_decimals);
}

static void finish(struct dam_skill *s)
{
    dam_access_pass_finish(&of(s)->access);
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

/* ---- the door -------------------------------------------------------------------------------- */

static int64_t door_wall_ms(void *ctx)
{
    return dam_skill_wall_ms(ctx);
}

static void door_visit(void *ctx, uint64_t pass)
{
    struct dam_skill *s = ctx;
    of(s)->visit = pass;
    dam_skill_sample(s, KEY_VISIT, (int64_t)pass);
}

static const char *door_open(struct link_access_pass *l, const struct dam_link_setup *setup)
{
    const struct dam_door_events events = {
        .wall_ms = door_wall_ms, .visit = door_visit, .ctx = &l->skill};
    const char *address = dam_link_option(setup, "listen", "");
    long visit_ms = 0;
    if (dam_link_option_number(setup, "visit_ms", 10000, 100, 600000, &visit_ms) != DAM_OK) {
        return "'visit_ms' is a number from 100 to 600000";
    }
    if (address[0] == 0) {
        return l->skill.is_used[KEY_VISIT] ? "for \"visit\", 'listen' is the reader's HOST:PORT"
                                           : NULL;
    }
    enum dam_err err = dam_door_create(setup->loop, address, (uint32_t)visit_ms, &events, &l->door);
    return err == DAM_OK         ? NULL
           : err == DAM_EPARSE   ? "'listen' is the reader's HOST:PORT, an address of this machine"
           : err == DAM_EEXIST   ? "the port of 'listen' is in use"
           : err == DAM_EREFUSED ? "the system does not allow to listen at 'listen'"
                                 : "cannot listen at 'listen'";
}

/* ---- life ------------------------------------------------------------------------------------ */

static const char *check_key(const char *key, bool write)
{
    if (dam_skill_knows(&ops, key, write)) {
        return NULL;
    }
    return write ? "the actuator is \"price\" (tokens for a slot)"
                 : "channels are \"visit\", \"taken\", \"next\", \"asked\" and \"balance\"";
}

static const char *terms_read(const struct dam_link_setup *setup, struct dam_address *passes,
                              struct dam_access_terms *ret)
{
    const char *label = dam_link_option(setup, "resource", "");
    long slot_s = 0;
    long places = 0;
    *ret = (struct dam_access_terms){.slot_s = 0};
    if (!dam_skill_address(setup, "passes", passes)) {
        return "'passes' is the address of the AccessPass";
    }
    if (!dam_skill_address(setup, "token", &ret->token)) {
        return "'token' is the address of the token that is paid in";
    }
    if (label[0] == 0 || strlen(label) > DAM_ENTRY_LABEL_MAX) {
        return "'resource' is what is sold, 1 to 31 bytes: \"hall\"";
    }
    memcpy(ret->label, label, strlen(label));
    if (dam_link_option_number(setup, "slot_s", 3600, 1, 366 * 86400L, &slot_s) != DAM_OK) {
        return "'slot_s' is a number from 1 to 31622400";
    }
    if (dam_link_option_number(setup, "places", 1, 0, 1000000, &places) != DAM_OK) {
        return "'places' is a number from 0 to 1000000";
    }
    ret->slot_s = (uint32_t)slot_s;
    ret->places = (uint32_t)places;
    return NULL;
}

static enum dam_err access_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                                const char **ret_why)
{
    struct dam_envoy *envoy = NULL;
    struct dam_address account;
    struct dam_address passes;
    struct dam_access_terms terms;
    struct link_access_pass *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    const char *why =
        dam_skill_open(&l->skill, &dam_link_access_pass, &ops, setup, &account, &envoy);
    why = why == NULL ? terms_read(setup, &passes, &terms) : why;
    if (why == NULL && !l->skill.is_used[KEY_PRICE]) {
        why = "an actuator with the key \"price\" is needed";
    }
    why = why == NULL ? door_open(l, setup) : why;
    if (why == NULL) {
        dam_access_pass_init(&l->access, envoy, &account, &passes, &terms);
    }
    return dam_skill_begin(&l->skill, &l->access.seat, envoy, why, ret_link, ret_why);
}

static void access_close(struct dam_link *link)
{
    struct link_access_pass *l = of((struct dam_skill *)(void *)link);
    dam_door_destroy(l->door);
    l->door = NULL;
    dam_skill_close(link);
}

static const char *const options[] = {DAM_SKILL_OPTIONS, "passes", "token",    "resource", "slot_s",
                                      "places",          "listen", "visit_ms", NULL};

const struct dam_link_kind dam_link_access_pass = {
    .name = "access-pass",
    .summary = "sells rights to use something for a time, and reads passes at its lock",
    .options = options,
    .check_key = check_key,
    .open = access_open,
    .write = dam_skill_write,
    .is_busy = dam_skill_is_busy,
    .close = access_close,
    .acts_when_opened = true,
};
