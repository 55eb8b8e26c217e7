// SPDX-License-Identifier: Apache-2.0
/* Values in and out of JSON by a dotted path ("status.0.apower"): what MQTT, HTTP, gpsd and program
 * links share. Words such as ON, true and open count as 1, OFF, false and closed as 0. Pure. */
#ifndef DAM_PORT_LINK_JSON_H
#define DAM_PORT_LINK_JSON_H

#include "base/json.h"

/** A value of parsed JSON. A key that holds dots itself wins over a path of that spelling.
 *  Returns: DAM_OK; DAM_ENOTFOUND if the path leads nowhere or to null; DAM_EPARSE if what is there
 *  is no number; DAM_ERANGE. In: path: "" or NULL for the root. */
DAM_MUST_USE enum dam_err dam_link_json_value(const struct dam_json *root, const char *path,
                                              unsigned decimals, int64_t *ret);

/** The same from plain text: "12.5", "ON". */
DAM_MUST_USE enum dam_err dam_link_text_value(const char *text, size_t len, unsigned decimals,
                                              int64_t *ret);

/** {"a":{"b":VALUE}} for the path a.b; VALUE alone without a path. In: value: JSON.
 *  Returns: the length, or -1 if it does not fit. */
int dam_link_json_make(const char *path, const char *value, char *text, size_t size);

/** Can dam_link_json_make write this path? Not if it holds a quote, a backslash or a control
 *  character, which it does not escape. */
bool dam_link_json_path_is_plain(const char *path);

#endif
