// SPDX-License-Identifier: Apache-2.0
/* A skill: what a machine does on its chain by itself, as a link of its manifest. The set-points of
 * one decision are one turn; a worker carries it out through the machine's envoy, since chain,
 * signer and disk block; the loop never waits. Channels are read after each turn, so the mind sees
 * them one turn later. The base of the kinds in this room; calls come on the loop's thread but for
 * ops.work and what dam_skill_round calls: these come on a worker that has entered the seat's
 * envoy, in the order in which the loop gave the work out. */
#ifndef DAM_TRADE_SKILL_H
#define DAM_TRADE_SKILL_H

#include "port/link.h"
#include "trade/seat.h"

#define DAM_SKILL_KEYS_MAX 8u
#define DAM_SKILL_WHY_SIZE DAM_SEAT_WHY_SIZE
#define DAM_SKILL_PATH_SIZE 4096u

/* A name that a channel (or, if write, an actuator) of the manifest may have as its `key`. */
struct dam_skill_key {
    const char *name;
    bool write;
};

/* The set-points of one turn, by key. */
struct dam_skill_turn {
    uint64_t ticket; /* the decision's number in the machine's evidence */
    bool has[DAM_SKILL_KEYS_MAX];
    int64_t values[DAM_SKILL_KEYS_MAX];
    int64_t wall_ms; /* the machine's time when the last of them came */
};

struct dam_skill;

struct dam_skill_ops {
    const struct dam_skill_key *keys;
    unsigned key_count;
    /* One turn, or with !has_turn a first look at the chain: dam_skill_round, or the kind's own.
     * Sets result, reached and why. */
    void (*work)(struct dam_skill *skill);
    /* The parts of a round. Each leaves in the seat's why what it has to say. */
    enum dam_err (*reach)(struct dam_skill *skill);
    /* Does the turn ask for anything? NULL: it does by a set-point above 0. */
    bool (*asks)(const struct dam_skill *skill);
    /* What the turn asks for, which may be nothing, by dam_skill_judge; may set why. */
    void (*act)(struct dam_skill *skill);
    enum dam_err (*settle)(struct dam_skill *skill);
    /* After work that reached the chain: the channels, by dam_skill_sample. */
    void (*tell)(struct dam_skill *skill);
    /* After any work, when the rest is told; may have it act again. NULL: nothing is left to do. */
    void (*done)(struct dam_skill *skill);
    /* Give back what open took, before the memory is freed. */
    void (*finish)(struct dam_skill *skill);
};

/* The head of each kind's own struct. */
struct dam_skill {
    const struct dam_link_kind *kind; /* first, as port/link.h wants */
    const struct dam_skill_ops *ops;
    struct dam_link_events events;
    int64_t (*wall_ms)(void *ctx);
    uv_loop_t *loop;
    struct dam_seat *seat; /* in the kind's own struct; the worker's while busy */
    bool is_used[DAM_SKILL_KEYS_MAX];
    unsigned point[DAM_SKILL_KEYS_MAX]; /* of each key that is used */
    unsigned decimals[DAM_SKILL_KEYS_MAX];
    struct dam_skill_turn half; /* of which some set-points have come */
    struct dam_skill_turn next; /* complete, waits for the worker */
    bool has_next;
    bool closing;
    bool is_up;     /* as was last told, */
    char said[512]; /* with these words */

    /* The worker's while busy, else the loop's. */
    bool busy;
    uv_work_t work;
    uint64_t place; /* in the envoy's line */
    struct dam_skill_turn turn;
    bool has_turn;
    enum dam_link_result result;  /* of the turn's set-points */
    bool reached;                 /* the last job could talk with everything */
    char why[DAM_SKILL_WHY_SIZE]; /* what was done or failed, for people; "": nothing to say */

    char url[512]; /* of the chain, for people */
};

/* The options of every skill, for a kind's list: its own come behind. */
#define DAM_SKILL_OPTIONS "url", "account", "signer", "password_file", "outbox", "timeout_ms"

/** Is this a key of the skill? */
bool dam_skill_knows(const struct dam_skill_ops *ops, const char *key, bool write);

/** Fill the head: points, and the envoy (the machine's own, or one that the options describe).
 *  Returns: NULL, or static text that says what is wrong; then nothing was taken.
 *  In:      skill: zeroed, at the start of allocated memory. Out: ret_account: the machine's;
 *           ret_envoy: for dam_skill_begin. */
const char *dam_skill_open(struct dam_skill *skill, const struct dam_link_kind *kind,
                           const struct dam_skill_ops *ops, const struct dam_link_setup *setup,
                           struct dam_address *ret_account, struct dam_envoy **ret_envoy);

/** The end of a kind's open: with nothing wrong the first look begins (where it fails, each turn
 *  tries again), else the skill's memory is given back. The envoy of dam_skill_open is released
 *  either way: the kind's seat has shared it by now.
 *  Returns: DAM_OK, or DAM_EPARSE. In: seat: in the skill's memory; why: NULL, or what is wrong. */
DAM_MUST_USE enum dam_err dam_skill_begin(struct dam_skill *skill, struct dam_seat *seat,
                                          struct dam_envoy *envoy, const char *why,
                                          struct dam_link **ret_link, const char **ret_why);

/** A round of trade: reach, act, settle. A turn that asks for nothing never fails: that is the
 *  safe state. Where something is asked for and there is no chain nothing was signed: a refusal,
 *  not a doubt. */
void dam_skill_round(struct dam_skill *skill);

/** Let others work with the envoy for a while. For ops.work. */
void dam_skill_rest(struct dam_skill *skill, unsigned ms);

/** Have the skill work of its own accord: ops.work with a turn of no set-points. In: skill: not
 *  busy. */
void dam_skill_act(struct dam_skill *skill);

/** Does a set-point of the turn ask for something: is it above 0? */
bool dam_skill_asks(const struct dam_skill *skill, unsigned key);

/** What a set-point of the turn is in a token's smallest unit; 0 if it asks for nothing. */
struct dam_u256 dam_skill_amount(const struct dam_skill *skill, unsigned key,
                                 unsigned token_decimals);

/** An option that is an address. Returns: false if it is not. */
bool dam_skill_address(const struct dam_link_setup *setup, const char *option,
                       struct dam_address *ret);

/** The machine's time, in Unix milliseconds. On the loop's thread. */
int64_t dam_skill_wall_ms(const struct dam_skill *skill);

/** One set-point more of the turn: its result is that of the worst. For ops.work. In: err: how the
 *  set-point ended; recorded: after a failure, whether its order may still reach the chain. */
void dam_skill_judge(struct dam_skill *skill, enum dam_err err, bool recorded);

/** Tell a channel's value, if the manifest has the channel. For ops.tell. */
void dam_skill_sample(struct dam_skill *skill, unsigned key, int64_t value);

/** The same for an amount in a token's smallest unit. */
void dam_skill_sample_amount(struct dam_skill *skill, unsigned key, const struct dam_u256 *amount,
                             unsigned token_decimals);

/* A kind's write, is_busy and close. */
bool dam_skill_is_busy(struct dam_link *link);
void dam_skill_write(struct dam_link *link, unsigned point, int64_t value, uint64_t ticket);
void dam_skill_close(struct dam_link *link);

#endif
