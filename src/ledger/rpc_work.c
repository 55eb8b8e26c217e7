// SPDX-License-Identifier: Apache-2.0
#include "ledger/rpc_work.h"

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/heap.h"

#define BENCHES_MAX 3u
#define WAITING_MAX 8192u
#define SCRATCH_LEN_MAX                                                                            \
    ((size_t)128 << 20)                 /* what a call may keep: a trace's calls, a block's state */
#define SCRATCH_LARGE ((size_t)8 << 20) /* worth giving back to the system at once */
#define MS ((uint64_t)1000 * 1000)
#define TICK_MS 10u
#define LONG_NS (40 * MS)  /* a call that takes longer is a long one */
#define SHARE_NS (20 * MS) /* of a job with many calls, before others have their turn */
#define SHIFT_NS (1 * MS)  /* waking a thread takes longer than a small call: it stays for more */

/* Why a call is to end, in its view's `stop`. */
enum stop {
    STOP_NO,
    STOP_LATE, /* its time is over */
    STOP_CUT,  /* it shall begin again */
};

/* A place to work at: a thread, and a ledger that only reads. */
struct bench {
    struct dam_rpc_work *work;
    uv_thread_t thread; /* begins with the first job */
    bool has_thread;
    bool is_running;          /* it has jobs, and the thread has not ended with them */
    uv_cond_t given;          /* or closing */
    struct dam_rpc_job *job;  /* NULL: free */
    struct dam_rpc_job *ran;  /* those of this shift that have run, */
    struct dam_rpc_job *left; /* and those that there was no time for */
    bool is_long;             /* it has a long call */
    uint64_t began_ns;
    uint64_t call_began_ns; /* guarded by the mutex, as is_running, job and view.stop are, but that
                             * these are read without it where nobody else writes */
    struct dam_ledger view;
    struct dam_ledger_chain chain;
};

struct dam_rpc_work {
    struct dam_ledger *ledger;
    struct bench benches[BENCHES_MAX];
    unsigned bench_count;
    struct queue {
        struct dam_rpc_job *first;
        struct dam_rpc_job *last;
    } queues[2]; /* waiting: those that are not known to be long, and those that are */
    unsigned waiting;
    unsigned long_count; /* benches with a long call */
    unsigned held;       /* benches whose jobs were not told yet */
    uv_async_t ended;    /* a bench has */
    uv_mutex_t mutex;    /* guards the fields below, and each bench's time */
    bool closing;
    uv_cond_t idle;
    unsigned running; /* benches that run */
};

static void on_ended(uv_async_t *async);

static void work_free(struct dam_rpc_work *work)
{
    for (unsigned i = 0; i < work->bench_count; i++) {
        uv_cond_destroy(&work->benches[i].given);
        dam_evm_destroy(work->benches[i].view.evm);
        dam_arena_finish(&work->benches[i].view.arena);
    }
    uv_cond_destroy(&work->idle);
    uv_mutex_destroy(&work->mutex);
    free(work);
}

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
    unsigned count = cores < 2 ? 2 : cores < BENCHES_MAX ? cores : BENCHES_MAX;
    work->ledger = ledger;
    while (work->bench_count < count &&
           uv_cond_init(&work->benches[work->bench_count].given) == 0) {
        struct bench *bench = &work->benches[work->bench_count++];
        bench->work = work;
        dam_arena_init(&bench->view.arena, dam_heap(), SCRATCH_LEN_MAX);
    }
    work->ended.data = work;
    if (work->bench_count < count || uv_async_init(ledger->loop, &work->ended, on_ended) != 0) {
        work_free(work);
        return DAM_ENOMEM;
    }
    *ret = work;
    return DAM_OK;
}

/* May the bench go on for another call, that long after it began? */
static bool goes_on(struct bench *bench, uint64_t share_ns, struct dam_rpc_job *job)
{
    uint64_t now = uv_hrtime();
    uv_mutex_lock(&bench->work->mutex);
    bool goes_on =
        !bench->is_long && bench->view.stop == STOP_NO && now - bench->began_ns < share_ns;
    bench->job = goes_on ? job : bench->job;
    bench->call_began_ns = now;
    uv_mutex_unlock(&bench->work->mutex);
    return goes_on;
}

/* Its share of what waited, for a while, on one snapshot. */
static void run(struct bench *bench)
{
    struct dam_rpc_job **end = &bench->ran;
    do {
        struct dam_rpc_job *job = bench->job;
        bench->left = job->next;
        job->run(job, &bench->view);
        job->next = NULL;
        *end = job;
        end = &job->next;
    } while (bench->left != NULL && goes_on(bench, SHIFT_NS, bench->left));
    dam_ledger_chain_release_reader(&bench->chain);
}

static void on_thread(void *ctx)
{
    struct bench *bench = ctx;
    struct dam_rpc_work *work = bench->work;
    uv_mutex_lock(&work->mutex);
    while (bench->is_running || !work->closing) {
        if (!bench->is_running) {
            uv_cond_wait(&bench->given, &work->mutex);
            continue;
        }
        uv_mutex_unlock(&work->mutex);
        run(bench);
        uv_mutex_lock(&work->mutex);
        bench->is_running = false;
        if (--work->running == 0) {
            uv_cond_signal(&work->idle);
        }
        (void)uv_async_send(&work->ended); /* fails only for a handle that is none */
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
                                      .call_time_max_ms = ledger->call_time_max_ms,
                                      .gas_limit = ledger->gas_limit,
                                      .coinbase = ledger->coinbase};
    dam_evm_make_up_signatures(evm, ledger->dev_state.recoveries, ledger->dev_state.recovery_count);
    return dam_ledger_chain_snapshot(ledger->chain, &bench->chain) == DAM_OK;
}

/* ---- time ------------------------------------------------------------------------------------ */

static void set_stop(struct bench *bench, enum stop stop)
{
    __atomic_store_n(&bench->view.stop, stop, __ATOMIC_RELAXED);
}

static struct bench *bench_of(struct dam_ledger *view)
{
    return (struct bench *)((char *)view - offsetof(struct bench, view));
}

bool dam_rpc_work_is_cut(struct dam_ledger *view)
{
    return __atomic_load_n(&view->stop, __ATOMIC_RELAXED) == STOP_CUT;
}

bool dam_rpc_work_goes_on(struct dam_ledger *view)
{
    struct bench *bench = bench_of(view);
    return goes_on(bench, SHARE_NS, bench->job);
}

/* Look at how long each call has run. */
static void on_watch(uv_timer_t *timer)
{
    struct dam_ledger *ledger = timer->data;
    struct dam_rpc_work *work = ledger->workers;
    uint64_t now = uv_hrtime();
    dam_ledger_has_read(ledger);
    uv_mutex_lock(&work->mutex);
    for (unsigned i = 0; i < work->bench_count; i++) {
        struct bench *bench = &work->benches[i];
        uint64_t age = now - bench->call_began_ns;
        if (bench->job == NULL || bench->view.stop != STOP_NO) {
            continue;
        }
        if (age >= ledger->call_time_max_ms * MS) {
            set_stop(bench, STOP_LATE);
        } else if (bench->is_long || age < LONG_NS) {
            continue;
        } else if (work->long_count + 1 < work->bench_count) {
            bench->is_long = true;
            work->long_count++;
        } else {
            bench->job->is_long = true;
            set_stop(bench, STOP_CUT);
        }
    }
    uv_mutex_unlock(&work->mutex);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static bool need_thread(struct bench *bench)
{
    bench->has_thread =
        bench->has_thread || uv_thread_create(&bench->thread, on_thread, bench) == 0;
    return bench->has_thread;
}

/* Give a list of jobs to a bench; with a long one there is no other. Returns: false, with nothing
 * done, without memory. */
static bool begin(struct bench *bench, struct dam_rpc_job *job)
{
    struct dam_rpc_work *work = bench->work;
    if (!need_thread(bench) || !set_up(bench)) {
        return false;
    }
    bench->job = job;
    bench->is_long = job->is_long;
    work->long_count += job->is_long;
    job->is_long = false;
    bench->began_ns = bench->call_began_ns = uv_hrtime();
    uv_mutex_lock(&work->mutex);
    work->running++;
    bench->is_running = true;
    uv_cond_signal(&bench->given);
    uv_mutex_unlock(&work->mutex);
    if (work->held++ == 0) {
        (void)uv_timer_start(&work->ledger->watch, on_watch, TICK_MS, TICK_MS); /* cannot fail */
    }
    return true;
}

/* A place for such a job. Returns: NULL if there is none. */
static struct bench *free_bench(struct dam_rpc_work *work, bool is_long)
{
    if (is_long && work->long_count + 1 >= work->bench_count) {
        return NULL;
    }
    for (unsigned i = 0; i < work->bench_count; i++) {
        if (work->benches[i].job == NULL) {
            return &work->benches[i];
        }
    }
    return NULL;
}

/* Take the first of those that wait as a list. Returns: NULL if there is none. */
static struct dam_rpc_job *shift(struct dam_rpc_work *work, bool is_long, unsigned count_max)
{
    struct queue *queue = &work->queues[is_long];
    struct dam_rpc_job *jobs = queue->first;
    struct dam_rpc_job **end = &queue->first;
    for (unsigned count = 0; *end != NULL && count < count_max; count++) {
        end = &(*end)->next;
        work->waiting--;
    }
    struct dam_rpc_job *rest = *end;
    *end = NULL;
    queue->first = rest;
    return jobs;
}

/* Put those that a bench had no time for back to the front. */
static void unshift(struct dam_rpc_work *work, struct dam_rpc_job *jobs)
{
    struct queue *queue = &work->queues[false];
    struct dam_rpc_job *rest = queue->first;
    struct dam_rpc_job **end = &queue->first;
    for (*end = jobs; *end != NULL; end = &(*end)->next) {
        queue->last = rest == NULL ? *end : queue->last;
        work->waiting++;
    }
    *end = rest;
}

static void tell(struct dam_rpc_job *jobs, bool has_run)
{
    while (jobs != NULL) {
        struct dam_rpc_job *next = jobs->next; /* the job is gone when it is told */
        jobs->done(jobs, has_run);
        jobs = next;
    }
}

/* Give free places to those who wait; to long ones first, which never get the last. */
static void begin_waiting(struct dam_rpc_work *work)
{
    for (int is_long = 1; is_long >= 0; is_long--) {
        struct bench *bench;
        while (work->queues[is_long].first != NULL &&
               (bench = free_bench(work, is_long == 1)) != NULL) {
            unsigned share = is_long == 1 ? 1 : work->waiting / work->bench_count + 1;
            struct dam_rpc_job *jobs = shift(work, is_long == 1, share);
            if (!begin(bench, jobs)) {
                tell(jobs, false);
            }
        }
    }
}

/* Tell a bench's jobs, and give it others. */
static void finish(struct bench *bench)
{
    struct dam_rpc_work *work = bench->work;
    struct dam_rpc_job *ran = bench->ran;
    struct dam_ledger_counters *counters = &work->ledger->counters;
    bool was_large = bench->view.arena.held > SCRATCH_LARGE;
    bench->job = NULL;
    work->long_count -= bench->is_long;
    work->held--;
    unshift(work, bench->left);
    bench->ran = bench->left = NULL;
    counters->requests += bench->view.counters.requests;
    counters->errors += bench->view.counters.errors;
    dam_arena_trim(&bench->view.arena, DAM_LEDGER_ARENA_KEPT);
    tell(ran, true);
    if (was_large) {
        (void)malloc_trim(0); /* whether there was any does not matter */
    }
    begin_waiting(work);
    if (work->held == 0) {
        (void)uv_timer_stop(&work->ledger->watch); /* cannot fail */
    }
}

static void on_ended(uv_async_t *async)
{
    struct dam_rpc_work *work = async->data;
    for (unsigned i = 0; i < work->bench_count; i++) {
        struct bench *bench = &work->benches[i];
        uv_mutex_lock(&work->mutex);
        bool has_ended = bench->job != NULL && !bench->is_running;
        uv_mutex_unlock(&work->mutex);
        if (has_ended) {
            finish(bench);
        }
    }
}

bool dam_rpc_work_submit(struct dam_rpc_work *work, struct dam_rpc_job *job)
{
    struct queue *queue = &work->queues[job->is_long];
    struct bench *bench =
        queue->first == NULL && !work->closing ? free_bench(work, job->is_long) : NULL;
    job->next = NULL;
    if (bench != NULL) {
        return begin(bench, job);
    }
    if (work->waiting == WAITING_MAX || work->closing) {
        return false;
    }
    if (queue->first == NULL) {
        queue->first = job;
    } else {
        queue->last->next = job;
    }
    queue->last = job;
    work->waiting++;
    return true;
}

void dam_rpc_work_wait(struct dam_rpc_work *work)
{
    uv_mutex_lock(&work->mutex);
    for (unsigned i = 0; i < work->bench_count; i++) {
        set_stop(&work->benches[i], STOP_CUT);
    }
    while (work->running > 0) {
        uv_cond_wait(&work->idle, &work->mutex);
    }
    uv_mutex_unlock(&work->mutex);
}

static void on_async_closed(uv_handle_t *handle)
{
    work_free(handle->data);
}

void dam_rpc_work_close(struct dam_rpc_work *work)
{
    if (work == NULL) {
        return;
    }
    uv_mutex_lock(&work->mutex);
    work->closing = true;
    uv_mutex_unlock(&work->mutex);
    (void)uv_timer_stop(&work->ledger->watch); /* cannot fail */
    for (int is_long = 0; is_long < 2; is_long++) {
        tell(shift(work, is_long == 1, UINT32_MAX), false);
    }
    dam_rpc_work_wait(work);
    for (unsigned i = 0; i < work->bench_count; i++) {
        struct bench *bench = &work->benches[i];
        if (bench->has_thread) {
            uv_cond_signal(&bench->given);
            (void)uv_thread_join(&bench->thread); /* it can be joined: nobody else does */
        }
        tell(bench->ran, true);
        tell(bench->left, false);
    }
    uv_close((uv_handle_t *)&work->ended, on_async_closed);
}
