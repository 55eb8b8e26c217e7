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
    /* Start. Must not block: connecting goes on in the background, with back-off, for ever.
     * Returns: DAM_OK, DAM_EPARSE for a bad option (*ret_why static text), DAM_ENOMEM, DAM_EIO. */
    enum dam_err (*open)(const struct dam_link_setup *setup, struct dam_link **ret_link,
                         const char **ret_why);
    /* Begin one write; `written` tells its end within about write_timeout. Never blocks. */
    void (*write)(struct dam_link *link, unsigned point, int64_t value, uint64_t ticket);
    /* Let replayed time pass: give every sample up to now_ms. Returns the time of the next sample,
     * INT64_MAX when there is no more. NULL for kinds that live in real time. */
    int64_t (*advance)(struct dam_link *link, int64_t now_ms);
    /* End. No callback comes afterwards; memory goes back in the loop's next turns. */
    void (*close)(struct dam_link *link);
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

/** The next delay before trying again: doubles from 250 ms to 30 s, with up to a quarter of jitter
 *  so that a fleet does not come back in step. In/out: attempt: counts failures; zero on success.
 */
uint64_t dam_link_backoff_ms(unsigned *attempt, uint64_t random);

#endif
