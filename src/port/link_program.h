// SPDX-License-Identifier: Apache-2.0
/* Any program as a device: it is started by the machine, writes one JSON object a line, and reads
 * set-points as one JSON object a line. A key is a dotted path. A program that ends is started
 * again with back-off. Its standard error is the machine's log; it must end when its standard input
 * does, else it is ended. */
#ifndef DAM_PORT_LINK_PROGRAM_H
#define DAM_PORT_LINK_PROGRAM_H

#include "base/json.h"
#include "port/link.h"

/** Read one line. Returns: DAM_OK with *ret an object, or DAM_EPARSE. In: line: borrowed as long as
 *  *ret is used. */
DAM_MUST_USE enum dam_err dam_program_line(struct dam_arena *arena, const char *line, size_t len,
                                           const struct dam_json **ret);

extern const struct dam_link_kind dam_link_program;

#endif
