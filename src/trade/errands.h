// SPDX-License-Identifier: Apache-2.0
/* What skills want the machine's account to do: hire a firm, set a price, pay out revenue. A skill,
 * in any language, moves a file NAME.json into the machine's folder errands/ and reads NAME.answer
 * beside it; docs/errands.md has both forms. The machine has each errand signed once, under its
 * name, whatever crashes between; the signer judges it by the account's policy like every other
 * spend, so a skill gains no right that the community has not given. Enters the envoy.
 * Blocks; one thread. */
#ifndef DAM_TRADE_ERRANDS_H
#define DAM_TRADE_ERRANDS_H

#include "chain/envoy.h"

#define DAM_ERRANDS_MAX 64u /* files that are looked at in one round */

struct dam_errands {
    struct dam_envoy *envoy; /* shared */
    char folder[4096];
    char why[DAM_ENVOY_WHY_SIZE + 128]; /* of the last errand that was refused, for people */
    unsigned refused;                   /* in the last round */
    unsigned sent;
};

/** Prepare; touches nothing outside. In: envoy: shared until finish; folder: copied. */
void dam_errands_init(struct dam_errands *errands, struct dam_envoy *envoy, const char *folder);

/** Give the envoy back. */
void dam_errands_finish(struct dam_errands *errands);

/** Do what is new, and see how far the others are. An errand that cannot be read or is refused gets
 *  its answer and holds up nothing.
 *  Returns: DAM_OK, also if there is no folder; DAM_EFULL if there are too many files (the rest
 *           waits); else why the chain or the signer is not reached: nothing is lost. */
DAM_MUST_USE enum dam_err dam_errands_round(struct dam_errands *errands);

#endif
