// SPDX-License-Identifier: Apache-2.0
/* The payments that a seller has taken, until they are past: each belongs to the request that
 * brought it in, and buys one answer. All of a payment that is on its way can be read on the chain,
 * so whoever sees it there can send it once more; what they cannot send is the same request, where
 * it holds an identifier of the buyer's. A small file, so that a restart forgets none of it. Used
 * by one thread; blocks. */
#ifndef DAM_TRADE_TILL_H
#define DAM_TRADE_TILL_H

#include "trade/skill.h"

#define DAM_TILL_MAX 64u
#define DAM_TILL_NAME_SIZE 80u

struct dam_till_payment {
    struct dam_hash id;
    struct dam_hash request; /* keccak of all that came with it */
    bool answered;
};

struct dam_till {
    char folder[DAM_SKILL_PATH_SIZE];
    char name[DAM_TILL_NAME_SIZE];
    size_t count;
    struct dam_till_payment payments[DAM_TILL_MAX]; /* oldest first */
};

/** Read the file; none is an empty till. Returns: NULL, or what is wrong, static text. In: folder:
 *  need not be there before the first payment; name: of the file. */
const char *dam_till_open(struct dam_till *till, const char *folder, const char *name);

/** Returns: what is known of a payment, or NULL. Borrowed until the next change. */
const struct dam_till_payment *dam_till_find(const struct dam_till *till,
                                             const struct dam_hash *id);

/** The payment that may be past, if any is: the oldest answered one, or in a full till the oldest.
 *  Returns: NULL if none is. Borrowed until the next change. */
const struct dam_till_payment *dam_till_oldest(const struct dam_till *till);

/* Each of these is on the disk, or has failed and may be tried again. Returns: DAM_OK; DAM_ENOSPC;
 * DAM_EIO. */

/** A payment that is not known yet, for the request that brought it. The till may not be full. */
DAM_MUST_USE enum dam_err dam_till_take(struct dam_till *till, const struct dam_hash *id,
                                        const struct dam_hash *request);

/** A payment that is known has its answer from here on, also if that is lost on its way. */
DAM_MUST_USE enum dam_err dam_till_answer(struct dam_till *till, const struct dam_hash *id);

/** A payment that is known is past. */
DAM_MUST_USE enum dam_err dam_till_forget(struct dam_till *till, const struct dam_hash *id);

#endif
