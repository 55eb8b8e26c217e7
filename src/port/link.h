// SPDX-License-Identifier: Apache-2.0
/* A link: one connection to the field (a broker, a device, a file, a program). Every protocol is a
 * `struct dam_link_kind`: the machine opens it with the points it wants, is told samples as they
 * come, and writes set-points. A link never decides anything: it reports values, faults and the
 * fate of writes; what they are worth is the machine's business. All calls and callbacks happen on
 * the loop's thread; drivers that block do so in a worker. */
#ifndef DAM_PORT_LINK_H
#define DAM_PORT_LINK_H

#include "base/bytes.h"
#include "base/err.h"

#include <uv.h>

#define DAM_LINK_POINTS_MAX 320u
#define DAM_LINK_OPTIONS_MAX 16u
#define DAM_LINK_KINDS_MAX 16u

/* A setting of the link as text, from the manifest; NUL-terminated, borrowed for open(). */
struct dam_link_option {
    const char *name;
    const char *value;
};

/* One thing to read or write. `key` is the driver's own address: a topic and path, a register, a
 * column. Borrowed as long as the link is open. */
struct dam_link_point {
    const char *key;
    const char *readback; /* of a write: the key to read afterwards, NULL: none */
    unsigned decimals;    /* of the int64 values */
    bool write;           /* a set-point; otherwise it is read */
};

/* A channel or actuator of the machine, for links that show the whole machine to others. */
struct dam_link_shown {
    const char *name;
    const char *title; /* for people, never NULL */
    const char *unit;  /* never NULL */
    unsigned decimals;
    bool is_actuator;
};

struct dam_link_about {
    const char *machine;
    const char *title;
    const struct dam_link_shown *shown; /* channels, then actuators */
    size_t count;
};

/* What a turn saw and decided, in the order of dam_link_about.shown. */
struct dam_link_turn {
    int64_t time_ms;
    const char *outcome;
    const int64_t *values;
    const bool *good; /* a channel that is not has no value to show */
};

/* The fate of a write. */
enum dam_link_result {
    DAM_LINK_DONE,    /* acknowledged, or read back: then has_value is true */
    DAM_LINK_REFUSED, /* the device said no; nothing happened */
    DAM_LINK_UNKNOWN, /* no answer: it may or may not have happened */
};

/* What a link tells. `point` is the index in the points given to open(). */
struct dam_link_events {
    /* A reading, in the point's decimals. */
    void (*sample)(void *ctx, unsigned point, int64_t value);
    /* The device or its data is broken here; why is borrowed for the call. */
    void (*fault)(void *ctx, unsigned point, const char *why);
    /* A write of dam_link_kind.write has ended. Called exactly once for each, perhaps at once. */
    void (*written)(void *ctx, unsigned point, uint64_t ticket, enum dam_link_result result,
                    bool has_value, int64_t value);
    /* The link came up or went down; text is for people, borrowed for the call. */
    void (*state)(void *ctx, bool up, const char *text);
    /* Messages came faster than rate_max: count of them were dropped unread. May be NULL. */
    void (*dropped)(void *ctx, unsigned count);
    void *ctx;
};

struct dam_envoy;
struct dam_link; /* private to its driver; its first member is the kind */

struct dam_link_setup {
    uv_loop_t *loop;
    const char *folder; /* relative paths start here */
    const struct dam_link_option *options;
    size_t option_count;
    const struct dam_link_point *points;
    size_t point_count;
    const struct dam_link_about *about; /* borrowed as long as the link is open; may be NULL */
    struct dam_link_events events;
    /* The machine's time in Unix milliseconds, which may be replayed or stepped. Called with
     * events.ctx, on the loop's thread. NULL: the system's. */
    int64_t (*wall_ms)(void *ctx);
    /* The machine on its chain (chain/envoy.h), for kinds of higher rooms. NULL: it has none. */
    struct dam_envoy *envoy;
};

struct dam_link_kind {
    const char *name;           /* as `kind` in the manifest */
    const char *summary;        /* one line for people */
    const char *const *options; /* names that open() knows, ended by NULL; url first */
    /* Check the options and one key without touching the world. Returns: NULL, or static text that
     * says what is wrong with it. May be NULL where every key is good. */
    const char *(*check_key)(const char *key, bool write);
    /* Would open() take this url? Touches nothing of the world. In: url: "" where none is given.
     * Returns: NULL, or static text that says what it should be. NULL where any is good. */
    const char *(*check_url)(const char *url);
    /* The unit that a good key's value is in by the protocol itself ("W" for the SunSpec point
     * 103.W). NULL, or "": the protocol does not say. */
    const char *(*key_unit)(const char *key);
    /* Start. Must not block: connecting goes on in the background, with back-off, for ever.
     * Returns: DAM_OK, DAM_EPARSE for a bad option (*ret_why static text), DAM_ENOMEM, DAM_EIO. */
    enum dam_err (*open)(const struct dam_link_setup *setup, struct dam_link **ret_link,
                         const char **ret_why);
    /* Begin one write; `written` tells its end within about write_timeout. Never blocks. NULL for
     * kinds that are only read: their check_key or open refuses a set-point. */
    void (*write)(struct dam_link *link, unsigned point, int64_t value, uint64_t ticket);
    /* Let replayed time pass: give every sample up to now_ms. Returns the time of the next sample,
     * INT64_MAX when there is no more. NULL for kinds that live in real time. */
    int64_t (*advance)(struct dam_link *link, int64_t now_ms);
    /* Turns shown to others (a dashboard). Asked after every turn whether this one is wanted, then
     * given it. Neither blocks. NULL for kinds that show nothing. */
    bool (*wants_turn)(struct dam_link *link);
    void (*show_turn)(struct dam_link *link, const struct dam_link_turn *turn);
    /* Does it work just now, also where no set-point waits for it: after it was opened, or after a
     * turn that it was shown? Stepped time waits for it. NULL for kinds that nobody waits for. */
    bool (*is_busy)(struct dam_link *link);
    /* End. No callback comes afterwards; memory goes back in the loop's next turns. */
    void (*close)(struct dam_link *link);
    /* Opening it may already act in the world (trade, sign): `dam doctor` only looks at its url. */
    bool acts_when_opened;
};

/** All kinds, ended by NULL. */
extern const struct dam_link_kind *dam_link_kinds[DAM_LINK_KINDS_MAX + 1];

/** Make a kind known that lies in a higher room. Called by app at the start, before any manifest is
 *  read; with a name that no other kind has. In: kind: borrowed for ever. */
void dam_link_kind_add(const struct dam_link_kind *kind);

/** Find a kind by name. Returns: NULL if there is none. */
const struct dam_link_kind *dam_link_kind_find(const char *name);

/** The text of an option. Returns: fallback if it is not set. */
const char *dam_link_option(const struct dam_link_setup *setup, const char *name,
                            const char *fallback);

/** An option that is a number in [min, max]. Returns: DAM_OK, or DAM_EPARSE. */
DAM_MUST_USE enum dam_err dam_link_option_number(const struct dam_link_setup *setup,
                                                 const char *name, long fallback, long min,
                                                 long max, long *ret);

/** An option that is a file: relative paths start at the machine's folder. Returns: false if it
 * does not fit; an option that is not set is "". */
DAM_MUST_USE bool dam_link_option_path(const struct dam_link_setup *setup, const char *name,
                                       char *ret, size_t size);

/** The first line of the file that an option names: passwords and tokens, which are never in the
 *  manifest. Returns: NULL, or static text that says what is wrong. Out: ret: "" if the option is
 *  not set; the caller wipes it. */
const char *dam_link_option_secret(const struct dam_link_setup *setup, const char *name, char *ret,
                                   size_t size);

/** HOST:PORT, HOST or [V6]:PORT behind a scheme. Returns: false if it is none, or the scheme is
 * not url's. In: port: if url names none. Out: host: size bytes. */
DAM_MUST_USE bool dam_link_url(const char *url, const char *scheme, char *host, size_t size,
                               unsigned *port);

/** The next delay before trying again: doubles from 250 ms to 30 s, with up to a quarter of jitter
 *  so that a fleet does not come back in step. In/out: attempt: counts failures; zero on success.
 */
uint64_t dam_link_backoff_ms(unsigned *attempt, uint64_t random);

/* Is the connection good, and how often has it failed since it was? Zeroed at the start. */
struct dam_link_health {
    bool up;
    unsigned attempt;
};

/** The connection was found good or bad: tell state() if that is news (a first failure is, too).
 *  Returns: 0 when up, else how long to wait before trying again, ms. */
uint64_t dam_link_health_tell(struct dam_link_health *health, const struct dam_link_events *events,
                              bool up, const char *text);

/* The rule about floods: a source may give rate_max messages a second (and as many at once); what
 * comes faster is dropped before it is parsed. What is let through is then at most 1/rate_max old,
 * and a flood costs a bounded time whatever it holds. Zeroed at the start. */
struct dam_link_gate {
    uint64_t last_ms;
    uint64_t thousandths; /* of messages that may pass */
    bool begun;
};

#define DAM_LINK_RATE_MAX 200 /* messages a second, unless `rate_max` says another number */

/** May a message pass now? In: now_ms: never goes back. */
bool dam_link_gate_pass(struct dam_link_gate *gate, uint64_t now_ms, unsigned rate_max);

#endif
