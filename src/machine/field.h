// SPDX-License-Identifier: Apache-2.0
/* The field of a machine: its links, opened as the manifest describes them, and the map between
 * their points and the machine's channels and actuators. It knows nothing of turns, law or
 * evidence; `dam doctor` opens it alone. All calls and callbacks happen on the loop's thread. */
#ifndef DAM_MACHINE_FIELD_H
#define DAM_MACHINE_FIELD_H

#include "machine/manifest.h"

struct dam_field_events {
    /* A channel's reading, in its own decimals; or why there is none. age_ms: how long ago it was
     * taken; 0 but for a recorded one. */
    void (*sample)(void *ctx, size_t channel, int64_t value, int64_t age_ms);
    void (*fault)(void *ctx, size_t channel, const char *why);
    /* A write of dam_field_write has ended for one actuator. */
    void (*written)(void *ctx, size_t actuator, uint64_t ticket, enum dam_link_result result,
                    bool has_value, int64_t value);
    /* A link (its number in the manifest) came up or went down. */
    void (*state)(void *ctx, size_t link, bool up, const char *text);
    /* Messages of a link were dropped because they came too fast; count: so far. */
    void (*dropped)(void *ctx, size_t link, uint64_t count);
    /* The machine's time. */
    int64_t (*wall_ms)(void *ctx);
    void *ctx;
};

struct dam_field_link; /* private */

struct dam_field {
    const struct dam_manifest *manifest;
    struct dam_field_events events;
    struct dam_field_link *links; /* of the manifest's count; NULL: not open */
    struct dam_link_about about;
    unsigned links_up;
    uint64_t dropped;
};

/** Open the links for which `wanted` (NULL: all) says yes. Connecting goes on in the background.
 *  Returns: DAM_OK, or an error with *ret_complaint; what is open then stays so until close.
 *  In: manifest: borrowed until close; its arena holds the links. envoy: the machine on its chain,
 *  NULL: it has none. */
DAM_MUST_USE enum dam_err dam_field_open(struct dam_field *field,
                                         const struct dam_manifest *manifest, uv_loop_t *loop,
                                         const struct dam_field_events *events,
                                         struct dam_envoy *envoy,
                                         bool (*wanted)(const struct dam_manifest_link *link),
                                         struct dam_manifest_complaint *ret_complaint);

/** Give every actuator with a sink its value. `written` tells the end of each under this ticket. */
void dam_field_write(struct dam_field *field, const int64_t *action, uint64_t ticket);

/** Let replayed links speak up to a wall time. Returns: the time of their next sample, INT64_MAX if
 *  there is none; *ret_replayed tells whether any link is a replay (may be NULL). */
int64_t dam_field_advance(struct dam_field *field, int64_t now_ms, bool *ret_replayed);

/** Does any link want to show this turn to others? Then give it: values and which of them are good,
 *  channels first. */
bool dam_field_wants_turn(const struct dam_field *field);
void dam_field_show_turn(struct dam_field *field, const struct dam_link_turn *turn);

/** Does any link act of its own accord just now? */
bool dam_field_is_busy(const struct dam_field *field);

/** Close all links. Accepts one that is zeroed. */
void dam_field_close(struct dam_field *field);

#endif
