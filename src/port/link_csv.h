// SPDX-License-Identifier: Apache-2.0
/* Replay of recorded data: a CSV file with a time column. It is its own clock: the machine asks for
 * every row up to the time that it lives in. */
#ifndef DAM_PORT_LINK_CSV_H
#define DAM_PORT_LINK_CSV_H

#include "port/link.h"

#define DAM_CSV_COLUMNS_MAX 256u
#define DAM_CSV_LINE_MAX 65536u

/** Split one line into fields in place (RFC 4180: quotes, doubled quotes).
 *  Returns: the number of fields, or 0 if a quote is not closed or there are more than
 *  DAM_CSV_COLUMNS_MAX. In: line: NUL-terminated, without its newline; changed. */
size_t dam_csv_split(char *line, char separator, char **ret_fields);

/** Read a time: seconds ("1700000000.5") times unit_ms / 1000, or ISO 8601 UTC
 * ("2024-05-01T12:00:00Z", a blank for the T, date alone) when unit_ms is 0. Returns: DAM_OK or
 * DAM_EPARSE. */
DAM_MUST_USE enum dam_err dam_csv_time(const char *text, int64_t unit_ms, int64_t *ret_ms);

extern const struct dam_link_kind dam_link_csv;

#endif
