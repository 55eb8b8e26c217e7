// SPDX-License-Identifier: Apache-2.0
/* A worker of a link whose library blocks: one job at a time runs in the loop's thread pool, by
 * itself after a delay and whenever it is asked to. Values go in before the job and come out after
 * it, on the loop; the job itself touches nothing that the loop touches. Workers on one queue have
 * one job at a time together. */
#ifndef DAM_PORT_LINK_WORKER_H
#define DAM_PORT_LINK_WORKER_H

#include "port/link.h"

struct dam_link_worker_ops {
    /* On the loop, before a job. timed: the delay is over; false: it was asked for in between. */
    void (*begin)(void *ctx, bool timed);
    /* In the pool. May block. */
    void (*job)(void *ctx);
    /* On the loop, after it. Returns: the delay until the next job, ms. Not called after close. */
    uint64_t (*done)(void *ctx);
    /* The worker is closed: give the memory back, this struct's too. */
    void (*end)(void *ctx);
};

/* Workers that share something which serves one at a time, as a serial line does: whose job runs,
 * and who waits, in the order of asking. Zeroed at the start; outlives its workers. */
struct dam_link_queue {
    struct dam_link_worker *running;
    struct dam_link_worker *first;
};

struct dam_link_worker {
    const struct dam_link_worker_ops *ops;
    void *ctx;
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_work_t work;
    struct dam_link_queue *queue;
    struct dam_link_queue own; /* the queue of one that shares nothing */
    struct dam_link_worker *next;
    bool waits; /* is in the queue behind `running` */
    bool timed; /* the running job is the timer's */
    bool due;   /* the timer fired while a job ran */
    bool asked; /* somebody asked while a job ran */
    bool closing;
    bool timer_closed;
};

/** Start; the first job comes in the loop's next turn. In: queue: NULL: it shares nothing. */
void dam_link_worker_start(struct dam_link_worker *worker, uv_loop_t *loop,
                           struct dam_link_queue *queue, const struct dam_link_worker_ops *ops,
                           void *ctx);

/** A job as soon as it is this worker's turn. */
void dam_link_worker_ask(struct dam_link_worker *worker);

/** End; ops->end is the last callback, after the running job. */
void dam_link_worker_close(struct dam_link_worker *worker);

/* One point between the loop and the worker: a set-point on its way, or what was read. The worker
 * fills in what begins with got_, the rest is the loop's. */
struct dam_link_slot {
    bool is_pending; /* next_* wait for the next job */
    int64_t next_value;
    uint64_t next_ticket;
    bool is_running; /* a write: value and ticket are the running job's */
    int64_t value;
    uint64_t ticket;
    bool got_answer; /* of a read: got_err, then got_value */
    enum dam_err got_err;
    const char *got_why;             /* of a read that failed, static; NULL: got_err says it */
    enum dam_link_result got_result; /* of a write */
    bool got_readback;               /* of a write: got_value */
    int64_t got_value;
};

/** Take a set-point for the next job. An older one that has not been sent gives way: refused. */
void dam_link_slot_write(struct dam_link_slot *slot, const struct dam_link_events *events,
                         unsigned point, int64_t value, uint64_t ticket);

/** Before a job: what is pending becomes running, old answers are forgotten. */
void dam_link_slots_begin(struct dam_link_slot *slots, size_t count);

/** After a job: tell sample, fault or written, of each point in turn. */
void dam_link_slots_tell(struct dam_link_slot *slots, size_t count,
                         const struct dam_link_events *events);

#endif
