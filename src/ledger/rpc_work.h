// SPDX-License-Identifier: Apache-2.0
/* Reading calls on other threads. A job runs on one of libuv's threads with a ledger of its own: a
 * snapshot of the store and the head as they were when it began, an EVM, an arena. So eth_call and
 * traces never hold up the loop, and the loop's blocks never change what a job sees. */
#ifndef DAM_LEDGER_RPC_WORK_H
#define DAM_LEDGER_RPC_WORK_H

#include "ledger/node.h"

struct dam_rpc_work; /* private */

/* A job; the memory is the caller's until done. */
struct dam_rpc_job {
    /* Called once on another thread. In: view: only chain (snapshot, head, rules), evm, arena,
     * gas_limit, call_gas_max, clock, dev and coinbase may be looked at: no pool, no filters, no
     * connections. counters begin at zero and are added to the ledger's. */
    void (*run)(struct dam_rpc_job *job, struct dam_ledger *view);
    /* Called once on the loop's thread afterwards; or, if the ledger closes, without a run. */
    void (*done)(struct dam_rpc_job *job, bool has_run);
    struct dam_rpc_job *next; /* private */
};

DAM_MUST_USE enum dam_err dam_rpc_work_create(struct dam_ledger *ledger, struct dam_rpc_work **ret);

/** Give a job to the threads; jobs begin in the order in which they came.
 *  Returns: false, with nothing done, if too many wait or memory is short. */
bool dam_rpc_work_submit(struct dam_rpc_work *work, struct dam_rpc_job *job);

/** Wait until no job runs; what waits begins later. For the moment when the store must move. */
void dam_rpc_work_wait(struct dam_rpc_work *work);

/** Call done for every job that has not run, wait for those that do, let go of every snapshot. The
 *  memory goes when the loop has taken libuv's answers: turn it once more. Accepts NULL. */
void dam_rpc_work_close(struct dam_rpc_work *work);

#endif
