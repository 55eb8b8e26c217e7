// SPDX-License-Identifier: Apache-2.0
/* The law that a machine keeps in its own folder: one file for each epoch of its constitution, with
 * terms and code, so that a start needs no chain and every past decision can be run again. And
 * what must not be forgotten about it: which epoch the machine took back by rule, and whether the
 * guardian has stopped it.
 *
 *     law/epoch-N     terms and code, written once
 *     law/revoked     the highest epoch that was taken back by rule
 *     law/held        1 while the guardian's stop holds
 *
 * Files are whole and durable before they are seen under their names. */
#ifndef DAM_MACHINE_PIN_H
#define DAM_MACHINE_PIN_H

#include "machine/constitution.h"
#include "machine/decide.h"
#include "machine/manifest.h"

/** Keep terms and their code. Harmless to repeat. Returns: DAM_OK; DAM_ECONFLICT if this epoch is
 *  kept with other terms; DAM_EIO, DAM_ENOSPC, DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_pin_store(const struct dam_manifest *manifest,
                                        const struct dam_terms *terms,
                                        const struct dam_law_codes *codes);

/** Load every epoch's code into the decider, and the terms to live under: the newest ones, or, if
 *  those were taken back by rule, the ones before.
 *  Returns: DAM_OK; DAM_ENOTFOUND if nothing is kept; DAM_ECORRUPT, DAM_EVERSION, DAM_ECONFLICT (of
 *           another machine or chain), DAM_EIO, DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_pin_load(const struct dam_manifest *manifest,
                                       struct dam_decider *decider, struct dam_terms *ret);

/** The terms of one epoch. Returns: as load. */
DAM_MUST_USE enum dam_err dam_pin_terms(const struct dam_manifest *manifest, uint32_t epoch,
                                        struct dam_terms *ret);

/** The highest epoch that was taken back by rule; 0: none. */
uint32_t dam_pin_revoked(const struct dam_manifest *manifest);

/** Is the machine stopped by its guardian, as far as it knows? A record that cannot be read counts
 *  as a stop. */
bool dam_pin_held(const struct dam_manifest *manifest);

/** Remember it, durably. Returns: DAM_OK, DAM_EIO, DAM_ENOSPC. */
DAM_MUST_USE enum dam_err dam_pin_hold(const struct dam_manifest *manifest, bool held);

/** Take an epoch back, durably. Returns: DAM_OK, DAM_EIO, DAM_ENOSPC. */
DAM_MUST_USE enum dam_err dam_pin_revoke(const struct dam_manifest *manifest, uint32_t epoch);

#endif
