// SPDX-License-Identifier: Apache-2.0
/* Answers of the API that go through a running machine's log (docs/api.md). Each is made a few
 * leaves at a time, so that a log of any length holds the machine's loop for no longer than a short
 * one does. It tells what was durable when it was asked for; a leaf that cannot be read by then is
 * told, too: the members "damaged" (how many) and "first_damaged" of a document, in CSV a row of
 * its number alone.
 *
 * All return DAM_OK with *ret, whose end frees it, or DAM_ENOMEM. The machine is borrowed until
 * then. */
#ifndef DAM_APP_FACE_WALK_H
#define DAM_APP_FACE_WALK_H

#include "machine/runtime.h"
#include "port/http_server.h"

/** The newest decisions before a leaf. In: limit: of them, from 1. */
DAM_MUST_USE enum dam_err dam_face_decisions(struct dam_machine *machine, uint64_t before,
                                             unsigned limit, struct dam_http_parts *ret);

/** The newest readings: {"channels": [{name, title, unit, decimals}], "rows": [[time, value or null
 *  where it was not good, ...], ...]}, a row a decision. */
DAM_MUST_USE enum dam_err dam_face_series(struct dam_machine *machine, struct dam_http_parts *ret);

/** Each UTC day of the log: its leaves, its decisions and receipts by their fate, and the energy of
 *  every channel in W. */
DAM_MUST_USE enum dam_err dam_face_days(struct dam_machine *machine, struct dam_http_parts *ret);

/** Every decision as CSV (RFC 4180). */
DAM_MUST_USE enum dam_err dam_face_csv(struct dam_machine *machine, struct dam_http_parts *ret);

#endif
