// SPDX-License-Identifier: Apache-2.0
/* A machine's seat at one contract: it looks at the contract and acts there from the machine's
 * account, through the machine's envoy. What it does has a cause, so that it is done once whatever
 * crashes between. The base of all seats in this room. Every call but init and finish is made by
 * whoever has entered the envoy. Blocks. */
#ifndef DAM_TRADE_SEAT_H
#define DAM_TRADE_SEAT_H

#include "chain/envoy.h"

#define DAM_SEAT_WHY_SIZE (DAM_ENVOY_WHY_SIZE + 64u)
#define DAM_SEAT_WHAT_MAX 16u /* bytes of the word for what is done */

struct dam_seat {
    struct dam_envoy *envoy; /* shared */
    struct dam_address account;
    struct dam_address contract;
    bool ready;                  /* the owner's first look at the contract has succeeded */
    char why[DAM_SEAT_WHY_SIZE]; /* of the last failure or the last act, for people */
};

/** Prepare; touches nothing outside. In: envoy: of the machine whose account acts; shared until
 *  finish. */
void dam_seat_init(struct dam_seat *seat, struct dam_envoy *envoy,
                   const struct dam_address *account, const struct dam_address *contract);

/** Give the envoy back. */
void dam_seat_finish(struct dam_seat *seat);

/** A failure of which nothing was said yet is said in why, behind `doing`. Returns: err. */
enum dam_err dam_seat_fail(struct dam_seat *seat, enum dam_err err, const char *doing);

/** Connect the envoy if it is not, and see that its signer is this account's.
 *  Returns: as dam_envoy_arm; DAM_ECONFLICT if the signer is another account's. */
DAM_MUST_USE enum dam_err dam_seat_arm(struct dam_seat *seat);

/** A view at the newest block whose arguments and results are all words. Returns: as
 *  dam_envoy_view. */
DAM_MUST_USE enum dam_err dam_seat_view(struct dam_seat *seat, const struct dam_address *to,
                                        const char *signature, const struct dam_u256 *words,
                                        size_t count, struct dam_u256 *ret, size_t ret_count);

/** The same where the result is one word within uint64. Returns: also DAM_ERANGE above max. */
DAM_MUST_USE enum dam_err dam_seat_view_u64(struct dam_seat *seat, const struct dam_address *to,
                                            const char *signature, uint64_t max, uint64_t *ret);

/** The cause that names a transaction of the outbox: what is done at most once for a number.
 *  In: what: at most DAM_SEAT_WHAT_MAX bytes; size: bytes of the number in the name, 4 or 8: part
 *  of what stands in outboxes. */
struct dam_hash dam_seat_cause(const struct dam_seat *seat, const char *what, uint64_t number,
                               size_t size);

/** Have the account make calls once for a cause, and say in why what came of it. Returns: as
 *  dam_envoy_execute. In: id: of dam_seat_cause; what: it is, for people and for the evidence. */
DAM_MUST_USE enum dam_err dam_seat_send(struct dam_seat *seat, const struct dam_hash *id,
                                        const char *what, const struct dam_calldata_call *calls,
                                        size_t count, bool *ret_recorded);

/** Forget what was sent for a cause once it is past all change and in the evidence; a failure on
 * the chain is said in why, behind `said`. In: what, number: of dam_seat_cause, 8 bytes; number 0:
 *  nothing was sent. Out: number: 0 if nothing of it is left in the outbox. */
DAM_MUST_USE enum dam_err dam_seat_forget(struct dam_seat *seat, const char *what, uint64_t *number,
                                          const char *said);

/** Why dam_envoy_execute gave this error, for people. */
const char *dam_seat_reason(const struct dam_seat *seat, enum dam_err err);

#endif
