// SPDX-License-Identifier: Apache-2.0
/* What a service tells its manager (sd_notify(3)): one datagram to the socket that NOTIFY_SOCKET
 * names. Without a manager nothing happens. Never blocks. */
#ifndef DAM_PORT_NOTIFY_H
#define DAM_PORT_NOTIFY_H

#include <stdint.h>

/** Tell it. In: state: lines as "READY=1\nSTATUS=...". A manager that does not listen is ignored.
 */
void dam_notify(const char *state);

/** How often the manager wants to hear "WATCHDOG=1" from this process, half of its patience.
 *  Returns: milliseconds; 0: it does not. */
uint64_t dam_notify_watchdog_ms(void);

#endif
