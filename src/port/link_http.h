// SPDX-License-Identifier: Apache-2.0
/* Polls a JSON document over HTTP. A key is a dotted path into it. libcurl blocks, so each poll
 * runs in a worker of the loop's pool; the answer is read on the loop. Nothing can be written. */
#ifndef DAM_PORT_LINK_HTTP_H
#define DAM_PORT_LINK_HTTP_H

#include "port/link.h"

extern const struct dam_link_kind dam_link_http;

#endif
