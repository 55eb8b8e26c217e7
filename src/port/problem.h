// SPDX-License-Identifier: Apache-2.0
/* What an HTTP API answers where it refuses or fails: a problem document (RFC 9457). Called by
 * whoever answers requests. */
#ifndef DAM_PORT_PROBLEM_H
#define DAM_PORT_PROBLEM_H

#include "base/buf.h"
#include "port/http_server.h"

#define DAM_PROBLEM_TYPE "application/problem+json"

/** Write the document. In: status: of the answer; detail: UTF-8 for people, its first 1,024 bytes
 *  are told. */
void dam_problem_put(struct dam_buf *out, int status, struct dam_bytes detail);

/** Answer with it, and with no header but its type. In: detail: NUL-terminated. */
void dam_problem_reply(struct dam_http_exchange *exchange, int status, const char *detail);

#endif
