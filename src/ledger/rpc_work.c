// SPDX-License-Identifier: Apache-2.0
#include "ledger/rpc_work.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"

/* libuv has four threads; one stays free for others (recovery, Modbus). */
#define BENCHES_MAX 3u
#define WAITING_MAX 8192u

/* A place to work at: a ledger that only reads. */
struct bench {
    struct dam_rpc_work *work;
    uv_work_t request;
    struct dam_rpc_job *job; /* NULL: free */
    struct dam_ledger view;
    struct dam_ledger_chain chain;
};

struct dam_rpc_work {
    struct dam_ledger *ledger;
    struct bench benches[BENCHES_MAX];
    unsigned bench_count;
    struct dam_rpc_job *first; /* waiting */
    struct dam_rpc_job *last;
    unsigned waiting;
    unsigned held; /* requests that libuv has not given back */
    bool closing;
    uv_mutex_t mutex; /* guards running */
    uv_cond_t idle;
    unsigned running; /* jobs that libuv has and whose run has not ended */
};

enum dam_err dam_rpc_work_create(struct dam_ledger *ledger, struct dam_rpc_work **ret)
{
    struct dam_rpc_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        return DAM_ENOMEM;
    }
    if (uv_mutex_init(&work->mutex) != 0) {
        free(work);
        return DAM_ENOMEM;
    }
    if (uv_cond_init(&work->idle) != 0) {
        uv_mutex_destroy(&work->mutex);
        free(work);
        return DAM_ENOMEM;
    }
    unsigned cores = uv_available_parallelism();
    work->ledger = ledger;
    work->bench_count = cores < 2 ? 2 : cores < BENCHES_MAX ? cores : BENCHES_MAX;
    for (unsigned i = 0; i < work->bench_count; i++) {
        work->benches[i].work = work;
        work->benches[i].request.data = &work->benches[i];
        dam_arena_init(&work->benches[i].view.arena, dam_heap(), 0);
    }
    *ret = work;
    return DAM_OK;
}

static void work_free(struct dam_rpc_work *work)
{
    for (unsigned i = 0; i < work->bench_count; i++) {
        dam_evm_destroy(work->benches[i].view.evm);
        dam_arena_finish(&work->benches[i].view.arena);
    }
    uv_cond_destroy(&work->idle);
    uv_mutex_destroy(&work->mutex);
    free(work);
}

/* On the worker's thread. */
static void on_run(uv_work_t *request)
{
    struct bench *bench = request->data;
    struct dam_rpc_work *work = bench->work;
    bench->job->run(bench->job, &bench->view);
    dam_ledger_chain_release_reader(&bench->chain);
    uv_mutex_lock(&work->mutex);
    if (--work->running == 0) {
        uv_cond_signal(&work->idle);
    }
    uv_mutex_unlock(&work->mutex);
}

/* Copy what a job may look at; its snapshot is the newest one, as is the head. */
static bool set_up(struct bench *bench)
{
    const struct dam_ledger *ledger = bench->work->ledger;
    struct dam_evm *evm = bench->view.evm;
    struct dam_arena arena = bench->view.arena;
    if (evm == NULL && dam_ledger_create_evm(&evm) != DAM_OK) {
        return false;
    }
    bench->view = (struct dam_ledger){.chain = &bench->chain,
                                      .evm = evm,
                                      .arena = arena,
                                      .clock = ledger->clock,
                                      .dev = ledger->dev,
                                      .call_gas_max = ledger->call_gas_max,
                                      .gas_limit = ledger->gas_limit,
                                      .coinbase = ledger->coinbase};
    bench->chain = *ledger->chain;
    bench->chain.reader = NULL;
    memset(&bench->chain.arena, 0, sizeof(bench->chain.arena));
    return dam_ledger_chain_reader(&bench->chain) != NULL;
}

static void on_done(uv_work_t *request, int status);

static bool begin(struct bench *bench, struct dam_rpc_job *job)
{
    struct dam_rpc_work *work = bench->work;
    if (!set_up(bench)) {
        return false;
    }
    bench->job = job;
    uv_mutex_lock(&work->mutex);
    work->running++;
    uv_mutex_unlock(&work->mutex);
    int code = uv_queue_work(work->ledger->loop, &bench->request, on_run, on_done);
    DAM_ASSERT(code == 0); /* fails only without a function */
    work->held++;
    return true;
}

static struct bench *free_bench(struct dam_rpc_work *work)
{
    for (unsigned i = 0; i < work->bench_count; i++) {
        if (work->benches[i].job == NULL) {
            return &work->benches[i];
        }
    }
    return NULL;
}

static struct dam_rpc_job *shift(struct dam_rpc_work *work)
{
    struct dam_rpc_job *job = work->first;
    if (job != NULL) {
        work->first = job->next;
        work->waiting--;
    }
    return job;
}

/* On the loop's thread; status is never "cancelled". */
static void on_done(uv_work_t *request, int status)
{
    struct bench *bench = request->data;
    struct dam_rpc_work *work = bench->work;
    struct dam_rpc_job *job = bench->job;
    struct dam_ledger_counters *counters = &work->ledger->counters;
    (void)status;
    bench->job = NULL;
    work->held--;
    if (work->closing) {
        if (work->held == 0) {
            work_free(work);
        }
        return;
    }
    counters->requests += bench->view.counters.requests;
    counters->errors += bench->view.counters.errors;
    dam_arena_trim(&bench->view.arena, DAM_LEDGER_ARENA_KEPT);
    job->done(job, true);
    struct bench *next = work->first != NULL ? free_bench(work) : NULL;
    while (next != NULL && work->first != NULL) {
        struct dam_rpc_job *waiting = shift(work);
        if (!begin(next, waiting)) {
            waiting->done(waiting, false);
        }
        next = free_bench(work);
    }
}

bool dam_rpc_work_submit(struct dam_rpc_work *work, struct dam_rpc_job *job)
{
    struct bench *bench = work->first == NULL && !work->closing ? free_bench(work) : NULL;
    if (bench != NULL) {
        return begin(bench, job);
    }
    if (work->waiting == WAITING_MAX || work->closing) {
        return false;
    }
    job->next = NULL;
    if (work->first == NULL) {
        work->first = job;
    } else {
        work->last->next = job;
    }
    work->last = job;
    work->waiting++;
    return true;
}

void dam_rpc_work_wait(struct dam_rpc_work *work)
{
    uv_mutex_lock(&work->mutex);
    while (work->running > 0) {
        uv_cond_wait(&work->idle, &work->mutex);
    }
    uv_mutex_unlock(&work->mutex);
}

void dam_rpc_work_close(struct dam_rpc_work *work)
{
    if (work == NULL) {
        return;
    }
    work->closing = true;
    for (struct dam_rpc_job *job = shift(work); job != NULL; job = shift(work)) {
        job->done(job, false);
    }
    dam_rpc_work_wait(work);
    for (unsigned i = 0; i < work->bench_count; i++) {
        if (work->benches[i].job != NULL) {
            work->benches[i].job->done(work->benches[i].job, true);
        }
    }
    if (work->held == 0) {
        work_free(work);
    }
}
