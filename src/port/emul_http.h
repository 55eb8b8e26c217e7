// SPDX-License-Identifier: Apache-2.0
/* An emulated JSON service, at message level: GET gives its owner's document, POST gives the owner
 * an object. On the loop's thread. */
#ifndef DAM_PORT_EMUL_HTTP_H
#define DAM_PORT_EMUL_HTTP_H

#include "base/json.h"

#include <uv.h>

struct dam_emul_http_owner {
    /* Write the document. */
    void (*document)(void *ctx, struct dam_json_writer *w);
    /* An object was posted; borrowed. Returns: the status to answer with. */
    int (*posted)(void *ctx, const struct dam_json *root);
    void *ctx;
};

struct dam_emul_http; /* private */

/** Listen on 127.0.0.1. Returns: DAM_OK, DAM_ENOMEM, DAM_EIO. In: port: 0 picks one. */
DAM_MUST_USE enum dam_err dam_emul_http_create(uv_loop_t *loop, unsigned port,
                                               const struct dam_emul_http_owner *owner,
                                               unsigned *ret_port, struct dam_emul_http **ret);

/** Close; memory goes back in the loop's next turns. Accepts NULL. */
void dam_emul_http_destroy(struct dam_emul_http *emul);

#endif
