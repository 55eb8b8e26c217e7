// SPDX-License-Identifier: Apache-2.0
/* One look at a machine, for people who watch it: what it sees, what it last decided, under which
 * law, what it has. Taken from its folder (evidence and sections) or from its API; it looks only.
 */
#ifndef DAM_APP_GLANCE_H
#define DAM_APP_GLANCE_H

#include "base/arena.h"
#include "core/flow/sample.h"

struct dam_http_client;

#define DAM_GLANCE_ITEMS_MAX (DAM_FLOW_CHANNELS_MAX)

struct dam_glance_item {
    char name[64];
    char unit[24];
    int64_t value;
    unsigned decimals;
    uint8_t quality; /* of a channel */
    uint32_t age_ms;
    char why[160]; /* of an actuator: why it is not what the mind proposed; may be empty */
};

struct dam_glance {
    char name[64];
    bool running;
    bool stopped;
    bool has_decision;
    uint64_t seq; /* of the newest decision */
    int64_t time_ms;
    uint8_t outcome;
    char mind[64];
    char charter[64];
    char treasury[160]; /* may be empty */
    struct dam_glance_item channels[DAM_GLANCE_ITEMS_MAX];
    size_t channel_count;
    struct dam_glance_item actuators[DAM_FLOW_ACTUATORS_MAX];
    size_t actuator_count;
};

/** Look into a folder. Returns: an exit code, after telling what is wrong. */
int dam_glance_folder(const char *folder, struct dam_glance *ret);

/** Ask an API. Returns: DAM_OK; DAM_EPARSE if the answers are not a machine's; or what the
 *  transport says. In: url: as "http://127.0.0.1:8080". */
DAM_MUST_USE enum dam_err dam_glance_api(const struct dam_http_client *http, const char *url,
                                         struct dam_arena *arena, struct dam_glance *ret);

#endif
