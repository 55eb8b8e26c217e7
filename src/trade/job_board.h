// SPDX-License-Identifier: Apache-2.0
/* A machine at a job board (contracts/src/work/JobBoard.sol), from its account: as a client it
 * hires one provider at a time (a repair, paid from its own earnings), as a provider it quotes
 * for the oldest job that names it and hands the work in. What stands on the chain is all that
 * is remembered, and the envoy's outbox what was signed. Called by whoever has entered the
 * envoy. Blocks. */
#ifndef DAM_TRADE_JOB_BOARD_H
#define DAM_TRADE_JOB_BOARD_H

#include "trade/seat.h"

#define DAM_JOB_TEXT_MAX 96u

/* JobBoard.Status, after "none". Values of channels: do not renumber. */
enum dam_job_status {
    DAM_JOB_NONE,
    DAM_JOB_OPEN,
    DAM_JOB_FUNDED,
    DAM_JOB_SUBMITTED,
    DAM_JOB_COMPLETED,
    DAM_JOB_REJECTED,
    DAM_JOB_EXPIRED,
};

struct dam_job {
    uint64_t id; /* from 1 */
    enum dam_job_status status;
    uint64_t expires_s;
    struct dam_u256 budget; /* in the token's smallest unit */
};

/** Is it open, funded or handed in? */
bool dam_job_is_active(const struct dam_job *job);

/* With whom and for how long the machine hires. */
struct dam_job_terms {
    struct dam_address provider;
    struct dam_address evaluator;
    struct dam_address token;
    uint64_t lifetime_s; /* from hiring to expiry */
    char description[DAM_JOB_TEXT_MAX];
};

struct dam_job_board {
    struct dam_seat seat;
    struct dam_job_terms terms;
    unsigned token_decimals; /* from here on: known when the seat is ready */
    uint64_t seen;           /* job ids up to this one were looked at */
    uint64_t hire_id;     /* the number of the last hire that was sent; 0: none since the start */
    struct dam_job hired; /* the newest job that the account gave on these terms */
    struct dam_job job;   /* the oldest unfinished one that names the account as provider */
    struct dam_u256 balance;
};

/** Prepare; touches nothing outside. In: envoy: of the machine whose account acts; shared until
 *  finish. terms->provider: zero for a machine that hires nobody. */
void dam_job_board_init(struct dam_job_board *board, struct dam_envoy *envoy,
                        const struct dam_address *account, const struct dam_address *address,
                        const struct dam_job_terms *terms);

/** Give the envoy back. */
void dam_job_board_finish(struct dam_job_board *board);

/** Connect if it is not. Harmless to repeat.
 *  Returns: as dam_envoy_arm; DAM_ECONFLICT if the signer is another account's. */
DAM_MUST_USE enum dam_err dam_job_board_connect(struct dam_job_board *board);

/** Send again what is in no block, look at jobs and balance, take the escrow of an expired job
 *  back. Idempotent. */
DAM_MUST_USE enum dam_err dam_job_board_settle(struct dam_job_board *board);

/* Each of these acts at most once for one job, however often it is asked for.
 * Returns: DAM_OK also if there is nothing to do; DAM_EREFUSED if policy, signer or board said no;
 *          else the world's failure.
 * Out:     ret_recorded: after a failure, whether the order may still reach the board. */

/** Hire for a budget, unless a job of ours is under way: create, price and fund in one batch.
 *  In: budget: above 0, in the token's smallest unit; wall_s: the machine's time, the chain's
 *  counts where it is later. */
DAM_MUST_USE enum dam_err dam_job_board_hire(struct dam_job_board *board,
                                             const struct dam_u256 *budget, uint64_t wall_s,
                                             bool *ret_recorded);

/** Ask a price for the open job that names us. */
DAM_MUST_USE enum dam_err dam_job_board_quote(struct dam_job_board *board,
                                              const struct dam_u256 *price, bool *ret_recorded);

/** Hand in the funded job. In: decision: what shows the work: the decision's number in the
 *  machine's evidence; the deliverable on the board is this number. */
DAM_MUST_USE enum dam_err dam_job_board_deliver(struct dam_job_board *board, uint64_t decision,
                                                bool *ret_recorded);

#endif
