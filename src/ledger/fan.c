// SPDX-License-Identifier: Apache-2.0
#include "ledger/fan.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A helper is woken in about the time that a handful of bodies takes. */
#define COUNT_PER_HELPER 4u

struct helper {
    uv_work_t work;
    struct fan *fan;
    unsigned slot;
};

struct fan {
    void (*body)(void *ctx, size_t index, unsigned slot);
    void *ctx;
    size_t count;
    atomic_size_t next; /* first index that nobody has taken */
    atomic_size_t done;
    uv_mutex_t mutex;
    uv_cond_t all_done;
    unsigned held; /* by the caller and helpers that libuv has not given back; the loop's thread */
    struct helper helpers[DAM_FAN_SLOTS_MAX - 1];
};

/* A helper that comes late finds nothing to take and looks at nothing of the caller's. */
static void take_turns(struct fan *fan, unsigned slot)
{
    size_t index;
    while ((index = atomic_fetch_add(&fan->next, 1)) < fan->count) {
        fan->body(fan->ctx, index, slot);
        if (atomic_fetch_add(&fan->done, 1) + 1 == fan->count) {
            uv_mutex_lock(&fan->mutex);
            uv_cond_signal(&fan->all_done);
            uv_mutex_unlock(&fan->mutex);
        }
    }
}

static void let_go(struct fan *fan)
{
    if (--fan->held == 0) {
        uv_cond_destroy(&fan->all_done);
        uv_mutex_destroy(&fan->mutex);
        free(fan);
    }
}

static void help(uv_work_t *work)
{
    struct helper *helper = work->data;
    take_turns(helper->fan, helper->slot);
}

static void helped(uv_work_t *work, int status)
{
    (void)status; /* a helper is never cancelled */
    let_go(((struct helper *)work->data)->fan);
}

static void run_alone(size_t count, void (*body)(void *ctx, size_t index, unsigned slot), void *ctx)
{
    for (size_t i = 0; i < count; i++) {
        body(ctx, i, 0);
    }
}

void dam_fan_run(uv_loop_t *loop, size_t count,
                 void (*body)(void *ctx, size_t index, unsigned slot), void *ctx)
{
    size_t helpers = uv_available_parallelism() - 1;
    helpers = helpers < DAM_FAN_SLOTS_MAX - 1 ? helpers : DAM_FAN_SLOTS_MAX - 1;
    helpers = helpers < count / COUNT_PER_HELPER ? helpers : count / COUNT_PER_HELPER;
    struct fan *fan = helpers > 0 ? calloc(1, sizeof(*fan)) : NULL;
    if (fan == NULL || uv_mutex_init(&fan->mutex) != 0) {
        free(fan);
        run_alone(count, body, ctx);
        return;
    }
    if (uv_cond_init(&fan->all_done) != 0) {
        uv_mutex_destroy(&fan->mutex);
        free(fan);
        run_alone(count, body, ctx);
        return;
    }
    fan->body = body;
    fan->ctx = ctx;
    fan->count = count;
    fan->held = 1;
    for (size_t i = 0; i < helpers; i++) {
        struct helper *helper = &fan->helpers[i];
        helper->work.data = helper;
        helper->fan = fan;
        helper->slot = (unsigned)i + 1;
        fan->held += uv_queue_work(loop, &helper->work, help, helped) == 0;
    }
    take_turns(fan, 0);
    uv_mutex_lock(&fan->mutex);
    while (atomic_load(&fan->done) < count) {
        uv_cond_wait(&fan->all_done, &fan->mutex);
    }
    uv_mutex_unlock(&fan->mutex);
    let_go(fan);
}
