// SPDX-License-Identifier: Apache-2.0
/* A job board as a link. As a client: the actuator "hire" (a budget in the token's whole unit; 0:
 * nobody) hires the provider of the link's options while no job of ours is under way. As a
 * provider: "quote" asks a price for the open job that names us, "deliver" (above 0) hands the
 * funded one in. Channels tell the jobs' states, the budget offered and the balance.
 * docs/job-board.md tells how a manifest declares it. */
#ifndef DAM_TRADE_LINK_JOB_BOARD_H
#define DAM_TRADE_LINK_JOB_BOARD_H

#include "port/link.h"
#include "trade/job_board.h"

extern const struct dam_link_kind dam_link_job_board;

/** The options with which jobs are given: token, provider, evaluator, description, lifetime_s.
 *  Returns: NULL, or static text that says what is wrong. In: hires: provider and evaluator are
 *  needed. */
const char *dam_link_job_terms(const struct dam_link_setup *setup, bool hires,
                               struct dam_job_terms *ret);

#endif
