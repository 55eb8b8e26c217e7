// SPDX-License-Identifier: Apache-2.0
/* The ledger within another program: in a thread and on a loop of its own, so that a block's commit
 * holds nothing else up and nothing else holds up the ledger's clients. It listens as `dam ledger`
 * does; the program itself asks by a client that hands its text to the very same dispatch without a
 * socket. `dam up` has it where dam.toml has [ledger]. */
#ifndef DAM_LEDGER_RESIDENT_H
#define DAM_LEDGER_RESIDENT_H

#include "ledger/config.h"
#include "ledger/metrics.h"
#include "port/http_client.h"

/** Open the ledger and listen. Returns: DAM_OK; DAM_ENOMEM; as dam_ledger_config_open and
 *  dam_ledger_config_serve, with fault->text.
 *  In:  config: borrowed for the call.
 *  Out: ret: a client whose every URL is this ledger; unlike others, any number of threads may post
 *       at once, but not those on which the ledger's own work is done. dam_http_client_destroy,
 * once nobody posts, closes the ledger and waits for its end. */
DAM_MUST_USE enum dam_err dam_ledger_resident_open(const struct dam_ledger_config *config,
                                                   struct dam_http_client *ret,
                                                   struct dam_store_fault *fault);

#define DAM_LEDGER_PULSE_MS 1000u
#define DAM_LEDGER_PULSE_LATE_MS 5000u /* then it hangs */

/* What the ledger's thread tells of itself once in DAM_LEDGER_PULSE_MS, while it turns. */
struct dam_ledger_pulse {
    uint64_t age_ms;
    struct dam_ledger_metrics metrics;
};

/** The newest pulse; does not wait for the ledger. Any thread. Returns: false if the client is none
 *  of a resident ledger. */
bool dam_ledger_resident_pulse(const struct dam_http_client *client, struct dam_ledger_pulse *ret);

#endif
