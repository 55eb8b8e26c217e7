// SPDX-License-Identifier: Apache-2.0
/* A machine's money as its decisions handle it, from its account: revenue goes to the holders of
 * its shares (contracts/src/dao/MachineShares.sol), what is idle into a vault (ERC-4626) and
 * back. What one decision asks for is one batch, all or nothing, made once, whatever crashes
 * between. Called by whoever has entered the envoy. Blocks. */
#ifndef DAM_TRADE_TREASURY_H
#define DAM_TRADE_TREASURY_H

#include "trade/seat.h"

/* Amounts in the token's smallest unit. */
struct dam_treasury_orders {
    struct dam_u256 distribute; /* split among all shares */
    struct dam_u256 invest;     /* lend to the vault */
    struct dam_u256 divest;     /* take back from it; with both only their difference moves */
};

struct dam_treasury {
    struct dam_seat seat;      /* at the token */
    struct dam_address shares; /* zero: none */
    struct dam_address vault;  /* zero: none */
    unsigned token_decimals;
    /* As of the last settle, in the token's smallest unit. */
    struct dam_u256 balance;   /* of the account */
    struct dam_u256 invested;  /* what its part of the vault is worth */
    struct dam_u256 unclaimed; /* distributed, and not fetched by the holders */
    uint64_t acted;            /* the decision of the last batch that is not final; 0: none */
};

/** Prepare; touches nothing outside. In: envoy: of the machine whose account acts; shared until
 *  finish; shares, vault: zero if there is none, then nothing is done there. */
void dam_treasury_init(struct dam_treasury *treasury, struct dam_envoy *envoy,
                       const struct dam_address *account, const struct dam_address *token,
                       const struct dam_address *shares, const struct dam_address *vault);

/** Give the envoy back. */
void dam_treasury_finish(struct dam_treasury *treasury);

/** Connect if it is not, see that shares and vault are of this token. Harmless to repeat.
 *  Returns: as dam_seat_arm; DAM_ECONFLICT if one of them is of another token. */
DAM_MUST_USE enum dam_err dam_treasury_connect(struct dam_treasury *treasury);

/** Do what a decision asked for: first take back, then pay out, then lend. Returns: DAM_OK, also if
 *  there is nothing to do; DAM_EREFUSED if policy, signer, shares or vault said no; else the
 *  world's failure. In: decision: its number in the machine's evidence, above 0. Out: ret_recorded:
 *  after a failure, whether the batch may still reach the chain. */
DAM_MUST_USE enum dam_err dam_treasury_act(struct dam_treasury *treasury,
                                           const struct dam_treasury_orders *orders,
                                           uint64_t decision, bool *ret_recorded);

/** Send again what is in no block, and read the sums. Idempotent. */
DAM_MUST_USE enum dam_err dam_treasury_settle(struct dam_treasury *treasury);

#endif
