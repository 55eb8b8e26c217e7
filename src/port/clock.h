// SPDX-License-Identifier: Apache-2.0
/* Time, as an effect: whoever needs it is handed a clock, so that a test or a simulation can hand
 * in its own. Rooms below `port` never see one. */
#ifndef DAM_PORT_CLOCK_H
#define DAM_PORT_CLOCK_H

#include <stdint.h>

struct dam_clock {
    /* Milliseconds since 1970 (UTC); may jump when the operator or NTP sets the clock. Never
     * blocks. */
    int64_t (*wall_ms)(void *ctx);
    /* Nanoseconds since some start; never goes back. Never blocks. */
    uint64_t (*mono_ns)(void *ctx);
    void *ctx;
};

/** The clock of this machine. Returns: a static object. */
const struct dam_clock *dam_clock_system(void);

static inline int64_t dam_clock_wall_ms(const struct dam_clock *clock)
{
    return clock->wall_ms(clock->ctx);
}

static inline uint64_t dam_clock_mono_ns(const struct dam_clock *clock)
{
    return clock->mono_ns(clock->ctx);
}

#endif
