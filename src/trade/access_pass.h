// SPDX-License-Identifier: Apache-2.0
/* A machine that sells rights to use something of its own for a time, from its account
 * (contracts/src/pay/AccessPass.sol): a door, a charger, an hour of itself. It makes the
 * resource, keeps its price where the decisions want it, and knows the passes that a lock must
 * let in. Called by whoever has entered the envoy. Blocks. */
#ifndef DAM_TRADE_ACCESS_PASS_H
#define DAM_TRADE_ACCESS_PASS_H

#include "trade/entry.h"
#include "trade/seat.h"

#define DAM_ACCESS_PASSES_MAX 128u

struct dam_access_terms {
    char label[DAM_ENTRY_LABEL_MAX + 1]; /* the resource's name among the account's */
    uint32_t slot_s;                     /* what is sold: whole slots of so many seconds */
    uint32_t places;                     /* passes of one slot; 0: any number */
    struct dam_address token;
};

struct dam_access_pass {
    struct dam_seat seat;
    struct dam_access_terms terms;
    struct dam_hash resource;
    unsigned token_decimals;
    uint64_t seen;                                 /* pass ids up to this one were looked at */
    struct dam_pass passes[DAM_ACCESS_PASSES_MAX]; /* that are or will be valid */
    size_t pass_count;
    uint64_t acted; /* the decision of the last order that is not final; 0: none */
    /* As of the last settle. */
    bool is_made;
    bool is_for_sale;
    struct dam_u256 price; /* of a slot, in the token's smallest unit */
    uint64_t taken;        /* places sold of the slot that runs */
    uint64_t taken_next;   /* of the one after it */
    struct dam_u256 balance;
};

/** Prepare; touches nothing outside. In: envoy: of the machine whose account sells; shared until
 *  finish. */
void dam_access_pass_init(struct dam_access_pass *access, struct dam_envoy *envoy,
                          const struct dam_address *account, const struct dam_address *address,
                          const struct dam_access_terms *terms);

/** Give the envoy back. */
void dam_access_pass_finish(struct dam_access_pass *access);

/** Connect if it is not. Harmless to repeat. Returns: as dam_seat_arm. */
DAM_MUST_USE enum dam_err dam_access_pass_connect(struct dam_access_pass *access);

/** Sell at a price, or, at 0, not at all; at first the resource is made. Does nothing while the
 *  chain says so already, or while an earlier order is on its way.
 *  Returns: DAM_OK; DAM_EREFUSED if policy or signer said no; else the world's failure. In: price:
 *  of a slot, in the token's smallest unit; decision: its number in the machine's evidence. Out:
 *  ret_recorded: after a failure, whether the order may still reach the chain. */
DAM_MUST_USE enum dam_err dam_access_pass_price(struct dam_access_pass *access,
                                                const struct dam_u256 *price, uint64_t decision,
                                                bool *ret_recorded);

/** Send again what is in no block, look at price, passes and balance. Idempotent. In: wall_s: the
 *  machine's time: passes that ended before it are forgotten. */
DAM_MUST_USE enum dam_err dam_access_pass_settle(struct dam_access_pass *access, uint64_t wall_s);

#endif
