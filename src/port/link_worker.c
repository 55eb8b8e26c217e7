// SPDX-License-Identifier: Apache-2.0
#include "port/link_worker.h"

static void on_done(uv_work_t *work, int status);
static void on_timer(uv_timer_t *timer);

static void on_job(uv_work_t *work)
{
    struct dam_link_worker *w = work->data;
    w->ops->job(w->ctx);
}

static void job_start(struct dam_link_worker *w)
{
    w->timed = w->due;
    w->due = false;
    w->asked = false;
    w->queue->running = w;
    w->ops->begin(w->ctx, w->timed);
    /* Fails only without a callback. */
    (void)uv_queue_work(w->loop, &w->work, on_job, on_done);
}

/* A job as soon as there is none on the queue. */
static void job_want(struct dam_link_worker *w)
{
    struct dam_link_worker **at = &w->queue->first;
    if (w->queue->running == w || w->waits) {
        return;
    }
    if (w->queue->running == NULL) {
        job_start(w);
        return;
    }
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = w;
    w->next = NULL;
    w->waits = true;
}

static void queue_leave(struct dam_link_worker *w)
{
    struct dam_link_worker **at = &w->queue->first;
    while (*at != w) {
        at = &(*at)->next;
    }
    *at = w->next;
    w->waits = false;
}

/* The job is over: whoever waits is next. */
static void job_end(struct dam_link_worker *w)
{
    struct dam_link_worker *next = w->queue->first;
    w->queue->running = NULL;
    if (next != NULL) {
        queue_leave(next);
        job_start(next);
    }
}

static void end_if_over(struct dam_link_worker *w)
{
    if (w->closing && w->queue->running != w && w->timer_closed) {
        w->ops->end(w->ctx);
    }
}

static void on_done(uv_work_t *work, int status)
{
    struct dam_link_worker *w = work->data;
    (void)status; /* never cancelled */
    /* Still busy, so that what is asked for during the callbacks waits its turn. */
    uint64_t delay_ms = w->closing ? 0 : w->ops->done(w->ctx);
    job_end(w);
    if (w->closing) {
        end_if_over(w);
        return;
    }
    if (w->timed) {
        (void)uv_timer_start(&w->timer, on_timer, delay_ms, 0);
    }
    if (w->due || w->asked) {
        job_want(w);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct dam_link_worker *w = timer->data;
    w->due = true;
    job_want(w);
}

void dam_link_worker_start(struct dam_link_worker *w, uv_loop_t *loop, struct dam_link_queue *queue,
                           const struct dam_link_worker_ops *ops, void *ctx)
{
    *w = (struct dam_link_worker){.ops = ops, .ctx = ctx, .loop = loop};
    w->queue = queue == NULL ? &w->own : queue;
    (void)uv_timer_init(loop, &w->timer);
    w->timer.data = w;
    w->work.data = w;
    (void)uv_timer_start(&w->timer, on_timer, 0, 0);
}

void dam_link_worker_ask(struct dam_link_worker *w)
{
    w->asked = true;
    job_want(w);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct dam_link_worker *w = handle->data;
    w->timer_closed = true;
    end_if_over(w);
}

void dam_link_worker_close(struct dam_link_worker *w)
{
    w->closing = true;
    if (w->waits) {
        queue_leave(w);
    }
    uv_close((uv_handle_t *)&w->timer, on_timer_closed);
}

void dam_link_slot_write(struct dam_link_slot *slot, const struct dam_link_events *events,
                         unsigned point, int64_t value, uint64_t ticket)
{
    if (slot->is_pending) {
        events->written(events->ctx, point, slot->next_ticket, DAM_LINK_REFUSED, false, 0);
    }
    slot->next_value = value;
    slot->next_ticket = ticket;
    slot->is_pending = true;
}

static void slot_begin(struct dam_link_slot *slot)
{
    slot->is_running = slot->is_pending;
    slot->is_pending = false;
    slot->value = slot->next_value;
    slot->ticket = slot->next_ticket;
    slot->got_answer = false;
    slot->got_why = NULL;
    slot->got_result = DAM_LINK_REFUSED;
    slot->got_readback = false;
}

void dam_link_slots_begin(struct dam_link_slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        slot_begin(&slots[i]);
    }
}

static void slot_tell(struct dam_link_slot *slot, const struct dam_link_events *events,
                      unsigned point)
{
    if (slot->is_running) {
        slot->is_running = false;
        events->written(events->ctx, point, slot->ticket, slot->got_result, slot->got_readback,
                        slot->got_value);
    } else if (slot->got_answer && slot->got_err == DAM_OK) {
        events->sample(events->ctx, point, slot->got_value);
    } else if (slot->got_answer) {
        events->fault(events->ctx, point,
                      slot->got_why != NULL ? slot->got_why : dam_err_text(slot->got_err));
    }
    slot->got_answer = false;
}

void dam_link_slots_tell(struct dam_link_slot *slots, size_t count,
                         const struct dam_link_events *events)
{
    for (size_t i = 0; i < count; i++) {
        slot_tell(&slots[i], events, (unsigned)i);
    }
}
