// SPDX-License-Identifier: Apache-2.0
/* Does a machine's output sag? A day's highest reading is compared with that of good days of late:
 * clouds take a day's energy but seldom its best moment, dust takes both. A day whose readings have
 * a gap says nothing. Pure; integers only. */
#ifndef DAM_TRADE_SAG_H
#define DAM_TRADE_SAG_H

#include <stdbool.h>
#include <stdint.h>

#define DAM_SAG_GAP_MS (60 * 60 * 1000) /* longer without a reading: the day does not count */

struct dam_sag_terms {
    unsigned percent; /* of the usual peak: below it a day is low */
    unsigned days;    /* so many low days in a row are a sag; at least 1 */
};

/* Zeroed at the start. */
struct dam_sag {
    int64_t usual;     /* peak of a good day: the highest of late, a 64th less each day; 0: none */
    int64_t last;      /* peak of the last day that counted */
    unsigned low_days; /* in a row */
    bool sags;         /* stays until dam_sag_mended */

    int64_t day; /* the running day, UTC; the fields below are of it */
    int64_t seen_ms;
    int64_t peak;
    bool begun; /* some reading has come since the start */
    bool whole; /* no gap so far */
};

/** Take in a good reading, at most about one an hour apart.
 *  Returns: whether a day has ended, so that what is known of past days may have changed. In:
 *  time_ms: Unix; one before the last reading's is taken as a gap. */
bool dam_sag_add(struct dam_sag *sag, const struct dam_sag_terms *terms, int64_t time_ms,
                 int64_t value);

/** Somebody works on it: what sagged is forgotten, and the running day does not count. */
void dam_sag_mended(struct dam_sag *sag);

#endif
