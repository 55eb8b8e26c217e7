// SPDX-License-Identifier: Apache-2.0
/* Reading calls on other threads. A job runs on one of a few threads that do nothing else, with a
 * ledger of its own: a snapshot of the store and the head as they were when it began, an EVM, an
 * arena. So eth_call and traces never hold up the loop, and the loop's blocks never change what a
 * job sees. They are not libuv's threads: in `dam up` those may all wait for the ledger's answer.
 *
 * A job is a run of calls. Each call has a limit of time. One that takes longer than 40 ms is a
 * long one, and one thread is never for long ones: if none is left for it, it is cut and begins
 * again in its turn. What a job does must therefore be no different the second time. */
#ifndef DAM_LEDGER_RPC_WORK_H
#define DAM_LEDGER_RPC_WORK_H

#include "ledger/node.h"

struct dam_rpc_work; /* private */

/* A job; the memory is the caller's until done. */
struct dam_rpc_job {
    /* Called once on another thread. In: view: only chain (snapshot, head, rules), evm, arena,
     * gas_limit, call_gas_max, call_time_max_ms, stop, clock, dev and coinbase may be looked at: no
     * pool, no filters, no connections. counters begin at zero and are added to the ledger's. */
    void (*run)(struct dam_rpc_job *job, struct dam_ledger *view);
    /* Called once on the loop's thread afterwards; or, if the ledger closes, without a run. */
    void (*done)(struct dam_rpc_job *job, bool has_run);
    struct dam_rpc_job *next; /* private */
    bool is_long;             /* private; false at first */
};

DAM_MUST_USE enum dam_err dam_rpc_work_create(struct dam_ledger *ledger, struct dam_rpc_work **ret);

/** Give a job to the threads; jobs begin in the order in which they came.
 *  Returns: false, with nothing done, if too many wait or memory is short. */
bool dam_rpc_work_submit(struct dam_rpc_work *work, struct dam_rpc_job *job);

/** From run, after each call: was it cut? Then forget what it did, and end the run; hand the job in
 *  again from done. */
bool dam_rpc_work_is_cut(struct dam_ledger *view);

/** From run, between two calls: may the job go on with the next? Its time begins anew. If not, end
 *  the run and hand the job in again from done: others have waited. */
bool dam_rpc_work_goes_on(struct dam_ledger *view);

/** Wait until no job runs, cutting those that do; what waits begins later. For the moment when the
 *  store must move. */
void dam_rpc_work_wait(struct dam_rpc_work *work);

/** Call done for every job that has not run, cut those that do, let go of every snapshot. The
 *  memory goes with the loop's handle: turn the loop once more. Accepts NULL. */
void dam_rpc_work_close(struct dam_rpc_work *work);

#endif
