// SPDX-License-Identifier: Apache-2.0
/* Polls a JSON document over HTTP; a key is a dotted path into it. A set-point is sent as a POST of
 * an object with that path, {"pods":4}: a 2xx answer is done, 4xx refused, anything else unknown; a
 * read-back is a path of the document, fetched again after the POST. */
#ifndef DAM_PORT_LINK_HTTP_H
#define DAM_PORT_LINK_HTTP_H

#include "port/link.h"

extern const struct dam_link_kind dam_link_http;

#endif
