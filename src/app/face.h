// SPDX-License-Identifier: Apache-2.0
/* What a running machine shows on its dashboard and API (docs/api.md): its channels and actuators,
 * its decisions with their reasons and proofs, its log, its metrics. Reads the machine and its
 * evidence; the only thing it changes is the operator's stop, and the clock of a machine whose time
 * is stepped.
 *
 * A skill, in any language, adds a member to the snapshot by writing the file sections/NAME.json
 * (one JSON value, at most 256 KiB, moved into place) in the machine's folder. */
#ifndef DAM_APP_FACE_H
#define DAM_APP_FACE_H

#include "app/dashboard.h"
#include "machine/runtime.h"

struct dam_face; /* private */

struct dam_face_options {
    const char *host;                  /* NULL: 127.0.0.1 */
    uint16_t port;                     /* 0 picks one */
    bool stepped;                      /* POST /api/clock may move time */
    const struct dam_api_token *token; /* borrowed until the end; NULL: none is asked for */
};

/** Serve the first machine of a runtime. Returns: DAM_OK with *ret_port; DAM_ENOMEM; or what
 * listening said. */
DAM_MUST_USE enum dam_err dam_face_create(struct dam_runtime *runtime,
                                          const struct dam_face_options *options,
                                          uint16_t *ret_port, struct dam_face **ret);

/** Turns were made: tell who listens. */
void dam_face_turned(struct dam_face *face);

/** Stop serving. Accepts NULL. Before dam_runtime_destroy. */
void dam_face_destroy(struct dam_face *face);

#endif
