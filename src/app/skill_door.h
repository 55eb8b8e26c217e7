// SPDX-License-Identifier: Apache-2.0
/* The door between a machine's HTTP interface and its skills. A skill is a program of its own, in
 * any language, that serves HTTP/1 on the Unix socket skills/NAME.sock in the machine's folder; a
 * request for /api/skills/NAME/PATH is passed to it as /PATH, its answer is passed back. So a skill
 * needs no port, and who may reach it is who may reach the machine. Of the headers only
 * Content-Type, Accept and those of x402 pass. Called by app/dashboard; never blocks; bounded in
 * size, number and time, so a skill that hangs or floods costs the machine nothing. */
#ifndef DAM_APP_SKILL_DOOR_H
#define DAM_APP_SKILL_DOOR_H

#include "port/http_server.h"

struct dam_skill_door; /* private */

/** Make a door. Returns: DAM_OK or DAM_ENOMEM. In: loop: borrowed; folder: the machine's, copied.
 */
DAM_MUST_USE enum dam_err dam_skill_door_create(uv_loop_t *loop, const char *folder,
                                                struct dam_skill_door **ret);

/** Take a request if it is for a skill. Returns: false if its path is no skill's (nothing was
 *  done); true: the exchange is answered, now or later: by the skill, or with 404 if there is
 *  none, 502 if its answer is none, 503 if too many wait, 504 if it takes longer than 10 s.
 *  In: request: borrowed for the call. The caller has judged where a POST comes from. */
bool dam_skill_door_pass(struct dam_skill_door *door, struct dam_http_exchange *exchange,
                         const struct dam_http_request *request);

/** Answer whoever still waits and close. Accepts NULL. Before the server's destroy; the memory is
 *  given back in the loop's next turns. */
void dam_skill_door_destroy(struct dam_skill_door *door);

#endif
