// SPDX-License-Identifier: Apache-2.0
#include "machine/runtime.h"

#include "base/assert.h"
#include "base/heap.h"

#include <stdlib.h>
#include <time.h>

#define TICK_MS 100u /* at least so often the operator's stop and late devices are looked at */
#define TRIGGER_GAP_MS 20u /* between turns that events ask for */
#define SAFE_WAIT_MS 5000u /* for links, where only the safe state is asked for */
#define LATE_PERIODS 3u    /* later than this is a gap, not a late turn */

struct slot {
    struct dam_machine *machine;
    uint64_t due_ms; /* on the runtime's own time */
    uint64_t last_ms;
    bool dirty;
    struct dam_keeper *keeper; /* NULL: it has no chain */
    bool replayed;
    bool replay_done;
    uint64_t waiting_since; /* uv_hrtime, for stepped time; 0: not waiting */
};

struct dam_runtime {
    uv_loop_t *loop;
    struct dam_runtime_options options;
    struct dam_decider *decider;
    uv_timer_t timer;
    uv_idle_t idle;
    bool handles_open;
    bool started;
    bool stopping;
    bool closed;
    uint64_t start_ns;  /* uv_hrtime */
    int64_t epoch_ms;   /* wall time at mono 0 */
    bool wall_is_real;  /* ask the system for the wall time */
    uint64_t mono_ms;   /* now */
    uint64_t target_ms; /* stepped and fast: time may move up to here */
    uint64_t stop_ns;   /* when stopping began */
    size_t count;
    struct slot slots[DAM_RUNTIME_MACHINES_MAX];
    struct slot *due[DAM_RUNTIME_MACHINES_MAX]; /* in a group of turns */
    struct dam_evidence *batch[DAM_RUNTIME_MACHINES_MAX];
};

static void pump(struct dam_runtime *rt);

/* ---- time ------------------------------------------------------------------------------------ */

static int64_t system_wall_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void time_read(struct dam_runtime *rt)
{
    if (rt->options.time != DAM_RUNTIME_REAL || !rt->started) {
        return;
    }
    double elapsed_ms = (double)(uv_hrtime() - rt->start_ns) / 1e6;
    rt->mono_ms = (uint64_t)(elapsed_ms * rt->options.speed);
}

struct dam_now dam_runtime_now(const struct dam_runtime *rt)
{
    int64_t wall = rt->wall_is_real ? system_wall_ms() : rt->epoch_ms + (int64_t)rt->mono_ms;
    return (struct dam_now){wall, rt->mono_ms};
}

/* ---- what machines tell ---------------------------------------------------------------------- */

static struct slot *slot_of(struct dam_runtime *rt, const struct dam_machine *machine)
{
    return &rt->slots[dam_machine_number(machine)];
}

static struct dam_now on_now(void *ctx)
{
    time_read(ctx);
    return dam_runtime_now(ctx);
}

static void on_say(void *ctx, const struct dam_machine *machine, const char *text)
{
    const struct dam_runtime *rt = ctx;
    if (rt->options.events.say != NULL) {
        rt->options.events.say(rt->options.events.ctx, machine, text);
    }
}

static void on_leaf(void *ctx, const struct dam_machine *machine, uint64_t seq,
                    struct dam_bytes data)
{
    const struct dam_runtime *rt = ctx;
    rt->options.events.leaf(rt->options.events.ctx, machine, seq, data);
}

static void on_trigger(void *ctx, struct dam_machine *machine)
{
    struct dam_runtime *rt = ctx;
    struct slot *slot = slot_of(rt, machine);
    uint64_t soon = slot->last_ms + TRIGGER_GAP_MS;
    soon = soon > rt->mono_ms ? soon : rt->mono_ms;
    slot->due_ms = soon < slot->due_ms ? soon : slot->due_ms;
}

static void on_dirty(void *ctx, struct dam_machine *machine)
{
    struct dam_runtime *rt = ctx;
    slot_of(rt, machine)->dirty = true;
}

/* ---- a group of turns ------------------------------------------------------------------------ */

static void decide_due(struct slot *slot, const struct dam_now *now)
{
    uint64_t period = (uint64_t)dam_machine_manifest(slot->machine)->period_ms;
    if (now->mono_ms > slot->due_ms + LATE_PERIODS * period) {
        dam_machine_gap(slot->machine, now, now->wall_ms - (int64_t)(now->mono_ms - slot->due_ms),
                        "turns came late: the process was held up");
        slot->due_ms = now->mono_ms;
    }
    slot->last_ms = now->mono_ms;
    slot->due_ms += period;
    if (slot->due_ms <= now->mono_ms) { /* a little late: the next one keeps the beat */
        slot->due_ms += (now->mono_ms - slot->due_ms) / period * period + period;
    }
    if (dam_machine_decide(slot->machine, now) == DAM_OK) {
        slot->dirty = true;
    }
}

/* Order is decided: by deadline, equal ones by the machine's number. */
static int by_deadline(const void *a, const void *b)
{
    const struct slot *x = *(struct slot *const *)a;
    const struct slot *y = *(struct slot *const *)b;
    if (x->due_ms != y->due_ms) {
        return x->due_ms < y->due_ms ? -1 : 1;
    }
    return (x > y) - (x < y);
}

/* Take in what came for each machine. Returns: how many in rt->due are to decide now. */
static size_t due_gather(struct dam_runtime *rt, const struct dam_now *now)
{
    size_t count = 0;
    for (size_t i = 0; i < rt->count; i++) {
        struct slot *slot = &rt->slots[i];
        if (slot->replayed) {
            slot->replay_done = dam_machine_advance(slot->machine, now->wall_ms, NULL) == INT64_MAX;
        }
        dam_machine_expire(slot->machine, now);
        if (!rt->stopping && dam_machine_poll_stop(slot->machine, now)) {
            slot->due_ms = now->mono_ms;
        }
        if (!rt->stopping && slot->due_ms <= now->mono_ms) {
            rt->due[count++] = slot;
        }
    }
    qsort(rt->due, count, sizeof(*rt->due), by_deadline);
    return count;
}

/* All machines that are due decide; one sync for all; then all act. */
static void turns_make(struct dam_runtime *rt)
{
    const struct dam_now now = dam_runtime_now(rt);
    size_t due_count = due_gather(rt, &now);
    size_t dirty_count = 0;
    for (size_t i = 0; i < due_count; i++) {
        decide_due(rt->due[i], &now);
    }
    for (size_t i = 0; i < rt->count; i++) {
        if (rt->slots[i].dirty) {
            rt->batch[dirty_count++] = dam_machine_evidence(rt->slots[i].machine);
        }
    }
    if (dirty_count > 0) {
        dam_evidence_sync_all(rt->batch, dirty_count);
    }
    for (size_t i = 0; i < rt->count; i++) {
        struct slot *slot = &rt->slots[i];
        if (slot->dirty || dam_machine_failed(slot->machine)) {
            slot->dirty = false;
            dam_machine_release(slot->machine, &now);
        }
    }
    if (due_count > 0 && rt->options.turned != NULL) {
        rt->options.turned(rt->options.events.ctx, rt);
    }
}

static uint64_t next_due(const struct dam_runtime *rt)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < rt->count; i++) {
        next = rt->slots[i].due_ms < next ? rt->slots[i].due_ms : next;
    }
    return next;
}

static uint64_t next_keeper(const struct dam_runtime *rt)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < rt->count; i++) {
        uint64_t due = dam_keeper_due_ms(rt->slots[i].keeper);
        next = due < next ? due : next;
    }
    return next;
}

/* Begins the rounds that are due. Returns: whether any was. */
static bool keepers_begin(struct dam_runtime *rt)
{
    const struct dam_now now = dam_runtime_now(rt);
    bool any = false;
    for (size_t i = 0; i < rt->count; i++) {
        if (dam_keeper_due_ms(rt->slots[i].keeper) <= now.mono_ms) {
            dam_keeper_begin(rt->slots[i].keeper, &now);
            any = true;
        }
    }
    return any;
}

static bool is_over(const struct dam_runtime *rt)
{
    const struct dam_runtime_options *o = &rt->options;
    bool data_done = rt->count > 0 && o->time == DAM_RUNTIME_FAST;
    for (size_t i = 0; i < rt->count; i++) {
        data_done = data_done && (!rt->slots[i].replayed || rt->slots[i].replay_done);
    }
    return data_done || (o->until_ms != 0 && dam_runtime_now(rt).wall_ms >= o->until_ms) ||
           (o->turns_max != 0 && rt->count > 0 &&
            dam_machine_stats(rt->slots[0].machine)->turns >= o->turns_max);
}

/* ---- real time ------------------------------------------------------------------------------- */

static void close_all(struct dam_runtime *rt)
{
    if (rt->closed) {
        return;
    }
    rt->closed = true;
    for (size_t i = 0; i < rt->count; i++) {
        dam_keeper_close(rt->slots[i].keeper);
        rt->slots[i].keeper = NULL;
        dam_machine_close(rt->slots[i].machine);
        rt->slots[i].machine = NULL;
    }
    rt->count = 0;
    uv_close((uv_handle_t *)&rt->timer, NULL);
    uv_close((uv_handle_t *)&rt->idle, NULL);
    if (rt->options.closed != NULL) {
        rt->options.closed(rt->options.events.ctx);
    }
}

/* The end waits for the devices' answers, but not longer than they may take. */
static bool end_is_reached(const struct dam_runtime *rt)
{
    uint64_t waited_ms = (uv_hrtime() - rt->stop_ns) / 1000000;
    for (size_t i = 0; i < rt->count; i++) {
        const struct dam_machine *machine = rt->slots[i].machine;
        if (dam_machine_is_waiting(machine) &&
            waited_ms < (uint64_t)dam_machine_manifest(machine)->write_timeout_ms) {
            return false;
        }
    }
    return true;
}

static void on_timer(uv_timer_t *timer)
{
    struct dam_runtime *rt = timer->data;
    pump(rt);
}

static void timer_arm(struct dam_runtime *rt)
{
    uint64_t next = next_due(rt);
    uint64_t wait = next > rt->mono_ms ? next - rt->mono_ms : 0;
    uint64_t wait_ms = (uint64_t)((double)wait / rt->options.speed);
    wait_ms = rt->stopping ? 5 : wait_ms < TICK_MS ? wait_ms : TICK_MS;
    (void)uv_timer_start(&rt->timer, on_timer, wait_ms, 0);
}

/* ---- stepped time ---------------------------------------------------------------------------- */

/* Time stands still while a device's answer is awaited, so that its length does not matter; but a
 * silent device may not hold the world for ever. */
static bool is_held(struct dam_runtime *rt)
{
    bool held = false;
    for (size_t i = 0; i < rt->count; i++) {
        struct slot *slot = &rt->slots[i];
        held = held || dam_keeper_is_busy(slot->keeper); /* its calls have timeouts */
        if (!dam_machine_is_waiting(slot->machine)) {
            slot->waiting_since = 0;
            continue;
        }
        slot->waiting_since = slot->waiting_since == 0 ? uv_hrtime() : slot->waiting_since;
        uint64_t timeout = (uint64_t)dam_machine_manifest(slot->machine)->write_timeout_ms;
        if ((uv_hrtime() - slot->waiting_since) / 1000000 >= timeout) {
            struct dam_now late = dam_runtime_now(rt);
            late.mono_ms += timeout;
            dam_machine_expire(slot->machine, &late);
        } else {
            held = true;
        }
    }
    return held;
}

static void on_idle(uv_idle_t *idle)
{
    struct dam_runtime *rt = idle->data;
    if (is_held(rt)) {
        (void)uv_idle_stop(&rt->idle); /* do not spin: the tick looks again */
        (void)uv_timer_start(&rt->timer, on_timer, 1, 0);
        return;
    }
    pump(rt);
}

static void step_once(struct dam_runtime *rt)
{
    uint64_t next = next_due(rt);
    uint64_t keeper = next_keeper(rt);
    if (keeper <= next && keeper <= rt->target_ms) { /* the chain first: the turn then knows it */
        /* Time itself stands still meanwhile: what the field says during the round is as old as
         * what it said before, however long the chain takes. */
        uint64_t before = rt->mono_ms;
        rt->mono_ms = keeper > rt->mono_ms ? keeper : rt->mono_ms;
        (void)keepers_begin(rt);
        rt->mono_ms = before;
        return;
    }
    if (next > rt->target_ms) {
        rt->mono_ms = rt->target_ms;
        (void)uv_idle_stop(&rt->idle);
        turns_make(rt); /* nothing is due, but samples and receipts are taken in */
        if (rt->options.turned != NULL && !rt->stopping) {
            rt->options.turned(rt->options.events.ctx, rt);
        }
        return;
    }
    rt->mono_ms = next > rt->mono_ms ? next : rt->mono_ms;
    turns_make(rt);
}

/* ---- only the safe state --------------------------------------------------------------------- */

/* Links connect in the background; a device that does not answer is not waited for long. */
static bool links_are_up(const struct dam_runtime *rt)
{
    bool up = true;
    for (size_t i = 0; i < rt->count; i++) {
        const struct dam_machine *machine = rt->slots[i].machine;
        up =
            up && dam_machine_stats(machine)->links_up >= dam_machine_manifest(machine)->link_count;
    }
    return up || rt->mono_ms >= SAFE_WAIT_MS;
}

/* ---- the pump -------------------------------------------------------------------------------- */

static void pump(struct dam_runtime *rt)
{
    if (rt->closed) {
        return;
    }
    time_read(rt);
    if (rt->stopping) {
        turns_make(rt);
        if (end_is_reached(rt)) {
            close_all(rt);
        } else {
            timer_arm(rt);
        }
        return;
    }
    if (rt->options.safe) {
        if (links_are_up(rt)) {
            dam_runtime_stop(rt);
        } else {
            (void)uv_timer_start(&rt->timer, on_timer, 10, 0);
        }
        return;
    }
    if (rt->options.time == DAM_RUNTIME_REAL) {
        (void)keepers_begin(rt);
        turns_make(rt);
    } else if (is_held(rt)) {
        (void)uv_timer_start(&rt->timer, on_timer, 1, 0);
        return;
    } else {
        (void)uv_idle_start(&rt->idle, on_idle);
        step_once(rt);
    }
    if (rt->closed || rt->stopping) {
        return;
    }
    if (is_over(rt)) {
        dam_runtime_stop(rt);
    } else if (rt->options.time == DAM_RUNTIME_REAL) {
        timer_arm(rt);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

enum dam_err dam_runtime_create(uv_loop_t *loop, const struct dam_runtime_options *options,
                                struct dam_runtime **ret)
{
    struct dam_runtime *rt = calloc(1, sizeof(*rt));
    if (rt == NULL) {
        return DAM_ENOMEM;
    }
    enum dam_err err = dam_decider_create(dam_heap(), &rt->decider);
    if (err != DAM_OK) {
        free(rt);
        return err;
    }
    rt->loop = loop;
    rt->options = *options;
    rt->options.speed = options->speed > 0 ? options->speed : 1;
    rt->epoch_ms = options->epoch_ms != 0 ? options->epoch_ms : system_wall_ms();
    rt->wall_is_real =
        options->time == DAM_RUNTIME_REAL && options->epoch_ms == 0 && rt->options.speed == 1;
    (void)uv_timer_init(loop, &rt->timer);
    (void)uv_idle_init(loop, &rt->idle);
    rt->timer.data = rt;
    rt->idle.data = rt;
    *ret = rt;
    return DAM_OK;
}

enum dam_err dam_runtime_add(struct dam_runtime *rt, const char *folder,
                             struct dam_manifest_complaint *ret_complaint)
{
    DAM_ASSERT(!rt->started);
    if (rt->count == DAM_RUNTIME_MACHINES_MAX) {
        return DAM_EFULL;
    }
    struct slot *slot = &rt->slots[rt->count];
    const struct dam_machine_options options = {
        .decider = rt->decider,
        .events = {on_now, on_say, rt->options.events.leaf == NULL ? NULL : on_leaf, on_trigger,
                   on_dirty, rt},
        .number = rt->count,
    };
    struct dam_machine *machine = NULL;
    DAM_TRY(dam_machine_open(folder, &options, &machine, ret_complaint));
    *slot = (struct slot){.machine = machine};
    rt->count++;
    /* Where time is not the wall's, the chain is looked at once a turn, before it. */
    int64_t poll_ms_min =
        rt->options.time == DAM_RUNTIME_REAL ? 0 : dam_machine_manifest(machine)->period_ms;
    DAM_TRY(dam_keeper_create(machine, rt->loop, poll_ms_min, &slot->keeper));
    return dam_machine_connect(machine, rt->loop, ret_complaint);
}

/* A replay begins with its first sample, or goes on where the evidence ends. */
static void replay_epoch(struct dam_runtime *rt)
{
    int64_t epoch = INT64_MAX;
    for (size_t i = 0; i < rt->count; i++) {
        struct slot *slot = &rt->slots[i];
        int64_t start = dam_machine_advance(slot->machine, INT64_MIN, &slot->replayed);
        int64_t last = dam_machine_last_ms(slot->machine);
        if (last != INT64_MIN && last >= start) {
            start = last + dam_machine_manifest(slot->machine)->period_ms;
        }
        epoch = slot->replayed && start < epoch ? start : epoch;
    }
    if (epoch != INT64_MAX && rt->options.epoch_ms == 0) {
        rt->epoch_ms = epoch;
        rt->wall_is_real = false;
    }
}

enum dam_err dam_runtime_start(struct dam_runtime *rt, struct dam_manifest_complaint *ret_complaint)
{
    replay_epoch(rt);
    const struct dam_now now = dam_runtime_now(rt);
    for (size_t i = 0; i < rt->count; i++) {
        DAM_TRY(dam_machine_boot(rt->slots[i].machine, &now, ret_complaint));
    }
    rt->started = true;
    rt->start_ns = uv_hrtime();
    rt->target_ms = rt->options.time == DAM_RUNTIME_FAST ? UINT64_MAX - 1 : 0;
    if (rt->options.time != DAM_RUNTIME_STEPPED) {
        pump(rt);
    }
    return DAM_OK;
}

void dam_runtime_step(struct dam_runtime *rt, int64_t ms)
{
    DAM_ASSERT(rt->options.time == DAM_RUNTIME_STEPPED && ms >= 0);
    rt->target_ms += (uint64_t)ms;
    if (rt->started && !rt->closed) {
        (void)uv_idle_start(&rt->idle, on_idle);
    }
}

void dam_runtime_stop(struct dam_runtime *rt)
{
    if (rt->stopping) {
        return;
    }
    rt->stopping = true;
    rt->stop_ns = uv_hrtime();
    time_read(rt);
    const struct dam_now now = dam_runtime_now(rt);
    for (size_t i = 0; rt->started && i < rt->count; i++) {
        dam_machine_shutdown(rt->slots[i].machine, &now);
        rt->slots[i].dirty = true;
    }
    (void)uv_idle_stop(&rt->idle);
    pump(rt);
}

void dam_runtime_destroy(struct dam_runtime *rt)
{
    if (rt == NULL) {
        return;
    }
    DAM_ASSERT(rt->closed);
    dam_decider_destroy(rt->decider);
    free(rt);
}

size_t dam_runtime_count(const struct dam_runtime *rt)
{
    return rt->count;
}

struct dam_machine *dam_runtime_machine(struct dam_runtime *rt, size_t index)
{
    return index < rt->count ? rt->slots[index].machine : NULL;
}

const struct dam_keeper *dam_runtime_keeper(const struct dam_runtime *rt, size_t index)
{
    return index < rt->count ? rt->slots[index].keeper : NULL;
}

uv_loop_t *dam_runtime_loop(struct dam_runtime *rt)
{
    return rt->loop;
}

bool dam_runtime_is_stopping(const struct dam_runtime *rt)
{
    return rt->stopping;
}

bool dam_runtime_is_closed(const struct dam_runtime *rt)
{
    return rt->closed;
}

bool dam_runtime_is_still(const struct dam_runtime *rt)
{
    return !uv_is_active((const uv_handle_t *)&rt->idle) && /* else time is to move */
           !uv_is_active((const uv_handle_t *)&rt->timer);  /* else somebody is awaited */
}
