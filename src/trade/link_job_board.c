// SPDX-License-Identifier: Apache-2.0
#include "trade/link_job_board.h"

#include "trade/job_board.h"
#include "trade/skill.h"

#include <stdio.h>
#include <stdlib.h>

#define LIFETIME_S (7 * 86400L)
#define LIFETIME_MAX_S (366 * 86400L)

enum key { KEY_HIRE, KEY_QUOTE, KEY_DELIVER, KEY_HIRED, KEY_JOB, KEY_BUDGET, KEY_BALANCE };

static const struct dam_skill_key keys[] = {{"hire", true},    {"quote", true}, {"deliver", true},
                                            {"hired", false},  {"job", false},  {"budget", false},
                                            {"balance", false}};

struct link_job_board {
    struct dam_skill skill;
    struct dam_job_board board; /* the worker's while it is busy */
};

static struct link_job_board *of(struct dam_skill *skill)
{
    return (struct link_job_board *)(void *)skill;
}

static enum dam_err reach(struct dam_skill *s)
{
    return dam_job_board_connect(&of(s)->board);
}

/* What the set-points ask for, one after another: the turn is as good as its worst. */
static void act(struct dam_skill *s)
{
    struct dam_job_board *b = &of(s)->board;
    for (unsigned key = KEY_HIRE; key <= KEY_DELIVER; key++) {
        enum dam_err err = DAM_OK;
        bool recorded = false;
        struct dam_u256 money = dam_skill_amount(s, key, b->token_decimals);
        if (dam_skill_asks(s, key) && key == KEY_DELIVER) {
            err = dam_job_board_deliver(b, s->turn.ticket, &recorded);
        } else if (!dam_u256_is_zero(&money)) {
            err = key == KEY_HIRE
                      ? dam_job_board_hire(b, &money, (uint64_t)s->turn.wall_ms / 1000, &recorded)
                      : dam_job_board_quote(b, &money, &recorded);
        }
        dam_skill_judge(s, err, recorded);
    }
}

static enum dam_err settle(struct dam_skill *s)
{
    return dam_job_board_settle(&of(s)->board);
}

static void tell(struct dam_skill *s)
{
    const struct dam_job_board *b = &of(s)->board;
    dam_skill_sample(s, KEY_HIRED, b->hired.status);
    dam_skill_sample(s, KEY_JOB, b->job.status);
    dam_skill_sample_amount(s, KEY_BUDGET, &b->job.budget, b->token_decimals);
    dam_skill_sample_amount(s, KEY_BALANCE, &b->balance, b->token_decimals);
}

static void finish(struct dam_skill *s)
{
    dam_job_board_finish(&of(s)->board);
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
    return write ? "actuators are \"hire\", \"quote\" (tokens) and \"deliver\""
                 : "channels are \"hired\", \"job\" (states), \"budget\" and \"balance\"";
}

const char *dam_link_job_terms(const struct dam_link_setup *setup, bool hires,
                               struct dam_job_terms *ret)
{
    const char *text = dam_link_option(setup, "description", "");
    long lifetime_s = 0;
    *ret = (struct dam_job_terms){.lifetime_s = 0};
    if (!dam_skill_address(setup, "token", &ret->token)) {
        return "'token' is the address of the token that is paid in";
    }
    if (hires && (!dam_skill_address(setup, "provider", &ret->provider) ||
                  !dam_skill_address(setup, "evaluator", &ret->evaluator))) {
        return "to hire, 'provider' and 'evaluator' are addresses";
    }
    if (strlen(text) >= sizeof(ret->description)) {
        return "'description' is at most 95 bytes";
    }
    memcpy(ret->description, text, strlen(text));
    if (dam_link_option_number(setup, "lifetime_s", LIFETIME_S, 60, LIFETIME_MAX_S, &lifetime_s) !=
        DAM_OK) {
        return "'lifetime_s' is a number from 60 to 31622400";
    }
    ret->lifetime_s = (uint64_t)lifetime_s;
    return NULL;
}

static enum dam_err board_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                               const char **ret_why)
{
    struct dam_envoy *envoy = NULL;
    struct dam_address account;
    struct dam_address address;
    struct dam_job_terms terms;
    struct link_job_board *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    const bool *is_used = l->skill.is_used;
    const char *why = dam_skill_open(&l->skill, &dam_link_job_board, &ops, setup, &account, &envoy);
    if (why == NULL && !dam_skill_address(setup, "board", &address)) {
        why = "'board' is the address of the JobBoard";
    } else if (why == NULL && !(is_used[KEY_HIRE] || is_used[KEY_QUOTE] || is_used[KEY_DELIVER])) {
        why = "an actuator with the key \"hire\", \"quote\" or \"deliver\" is needed";
    }
    why = why == NULL ? dam_link_job_terms(setup, is_used[KEY_HIRE], &terms) : why;
    if (why == NULL) {
        dam_job_board_init(&l->board, envoy, &account, &address, &terms);
    }
    return dam_skill_begin(&l->skill, &l->board.seat, envoy, why, ret_link, ret_why);
}

static const char *const options[] = {DAM_SKILL_OPTIONS, "board",       "token",      "provider",
                                      "evaluator",       "description", "lifetime_s", NULL};

const struct dam_link_kind dam_link_job_board = {
    .name = "job-board",
    .summary = "hires and works through a JobBoard contract, from the machine's account",
    .options = options,
    .check_key = check_key,
    .open = board_open,
    .write = dam_skill_write,
    .is_busy = dam_skill_is_busy,
    .close = dam_skill_close,
    .acts_when_opened = true,
};
