// SPDX-License-Identifier: Apache-2.0
#include "trade/sag.h"

#define DAY_MS (24 * 60 * 60 * 1000)
#define FADE 64 /* seasons go by, and what was usual with them */

static void day_end(struct dam_sag *s, const struct dam_sag_terms *terms)
{
    bool low = (__int128)s->peak * 100 < (__int128)s->usual * terms->percent;
    s->low_days = low ? s->low_days + 1 : 0;
    s->sags = s->sags || s->low_days >= terms->days;
    s->usual -= s->usual / FADE;
    s->usual = s->peak > s->usual ? s->peak : s->usual;
    s->last = s->peak;
}

bool dam_sag_add(struct dam_sag *s, const struct dam_sag_terms *terms, int64_t time_ms,
                 int64_t value)
{
    int64_t rest_ms = time_ms % DAY_MS;
    int64_t day = time_ms / DAY_MS - (rest_ms < 0 ? 1 : 0);
    bool near = s->begun && time_ms >= s->seen_ms &&
                (uint64_t)time_ms - (uint64_t)s->seen_ms <= DAM_SAG_GAP_MS;
    bool ended = s->begun && day != s->day;
    s->whole = s->whole && near;
    if (ended && s->whole) {
        day_end(s, terms);
    }
    if (ended || !s->begun) {
        s->day = day;
        s->peak = 0;
        s->whole = near || rest_ms + (rest_ms < 0 ? DAY_MS : 0) <= DAM_SAG_GAP_MS;
    }
    s->peak = value > s->peak ? value : s->peak;
    s->seen_ms = time_ms;
    s->begun = true;
    return ended;
}

void dam_sag_mended(struct dam_sag *s)
{
    s->sags = false;
    s->low_days = 0;
    s->whole = false;
}
