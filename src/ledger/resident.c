// SPDX-License-Identifier: Apache-2.0
#include "ledger/resident.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"

/* A request on its way. Who is the last to have it frees it: the one who asked, or, if that one has
 * not waited any longer, the ledger's thread. */
struct question {
    struct question *next; /* in the queue */
    struct resident *resident;
    uv_cond_t answered;
    bool is_answered;
    struct dam_buf *answer; /* NULL: nobody waits for it */
    size_t len;
    char text[];
};

struct resident {
    uv_thread_t thread;
    uv_loop_t loop; /* the thread's, as what follows */
    struct dam_ledger *ledger;
    uv_async_t asked; /* there are questions, or it is to close */
    uv_timer_t beat;

    uv_mutex_t mutex; /* of what follows, and of all questions */
    struct question *first;
    struct question **end;
    bool is_closing;
    uint64_t pulse_ns; /* when it was measured */
    struct dam_ledger_metrics metrics;

    /* Of the opening. */
    uv_sem_t opened;
    enum dam_err err;
    const struct dam_ledger_config *config;
    struct dam_store_fault *fault;
};

/* ---- the ledger's thread --------------------------------------------------------------------- */

static void question_free(struct question *q)
{
    uv_cond_destroy(&q->answered);
    free(q);
}

static void on_reply(void *ctx, const char *text, size_t len)
{
    struct question *q = ctx;
    struct resident *r = q->resident;
    uv_mutex_lock(&r->mutex);
    bool is_wanted = q->answer != NULL;
    if (is_wanted) {
        dam_buf_put(q->answer, text, len);
        q->is_answered = true;
        uv_cond_signal(&q->answered);
    }
    uv_mutex_unlock(&r->mutex);
    if (!is_wanted) {
        question_free(q);
    }
}

static void thread_close(struct resident *r)
{
    dam_ledger_close(r->ledger);
    uv_close((uv_handle_t *)&r->asked, NULL);
    uv_close((uv_handle_t *)&r->beat, NULL);
}

static void on_asked(uv_async_t *asked)
{
    struct resident *r = asked->data;
    uv_mutex_lock(&r->mutex);
    struct question *q = r->first;
    bool is_closing = r->is_closing;
    r->first = NULL;
    r->end = &r->first;
    uv_mutex_unlock(&r->mutex);
    while (q != NULL) {
        struct question *next = q->next; /* the question may be gone with its answer */
        dam_ledger_rpc(r->ledger, q->text, q->len, on_reply, q);
        q = next;
    }
    if (is_closing) {
        thread_close(r);
    }
}

static void on_beat(uv_timer_t *beat)
{
    struct resident *r = beat->data;
    struct dam_ledger_metrics metrics;
    dam_ledger_measure(r->ledger, &metrics);
    uv_mutex_lock(&r->mutex);
    r->metrics = metrics;
    r->pulse_ns = uv_hrtime();
    uv_mutex_unlock(&r->mutex);
}

static void on_thread(void *ctx)
{
    struct resident *r = ctx;
    uint16_t port;
    (void)pthread_setname_np(pthread_self(), "dam-ledger"); /* for people: top -H */
    r->err = dam_ledger_config_open(r->config, &r->loop, &r->ledger, r->fault);
    if (r->err == DAM_OK) {
        r->err = dam_ledger_config_serve(r->config, r->ledger, &port, r->fault);
    }
    if (r->err == DAM_OK) {
        on_beat(&r->beat);
        (void)uv_timer_start(&r->beat, on_beat, DAM_LEDGER_PULSE_MS, DAM_LEDGER_PULSE_MS);
    } else {
        thread_close(r);
    }
    uv_sem_post(&r->opened);
    (void)uv_run(&r->loop, UV_RUN_DEFAULT); /* until the last handle is closed */
}

/* ---- those who ask --------------------------------------------------------------------------- */

static void push(struct resident *r, struct question *q)
{
    uv_mutex_lock(&r->mutex);
    *r->end = q;
    r->end = &q->next;
    uv_mutex_unlock(&r->mutex);
    (void)uv_async_send(&r->asked); /* fails only for a handle that is none */
}

/* Returns: whether the answer came in time; if not, the question is not the caller's any more. */
static bool wait_for(struct resident *r, struct question *q, uint32_t timeout_ms)
{
    uint64_t end = uv_hrtime() + (uint64_t)timeout_ms * 1000000;
    uv_mutex_lock(&r->mutex);
    for (uint64_t now = uv_hrtime(); !q->is_answered && now < end; now = uv_hrtime()) {
        (void)uv_cond_timedwait(&q->answered, &r->mutex, end - now); /* it is looked at again */
    }
    bool is_answered = q->is_answered;
    if (!is_answered) {
        q->answer = NULL;
    }
    uv_mutex_unlock(&r->mutex);
    return is_answered;
}

static enum dam_err post(void *ctx, const char *url, struct dam_bytes body, uint32_t timeout_ms,
                         struct dam_buf *ret_body, int *ret_status)
{
    struct resident *r = ctx;
    struct question *q = calloc(1, sizeof(*q) + body.len);
    (void)url; /* there is one ledger */
    if (q == NULL || uv_cond_init(&q->answered) != 0) {
        free(q);
        return DAM_ENOMEM;
    }
    q->resident = r;
    q->answer = ret_body;
    q->len = body.len;
    memcpy(q->text, body.data, body.len);
    push(r, q);
    if (!wait_for(r, q, timeout_ms)) {
        return DAM_ETIMEOUT;
    }
    question_free(q);
    *ret_status = 200;
    return dam_buf_err(ret_body);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void resident_free(struct resident *r)
{
    int code = uv_loop_close(&r->loop);
    DAM_ASSERT(code == 0); /* every handle is closed */
    uv_sem_destroy(&r->opened);
    uv_mutex_destroy(&r->mutex);
    free(r);
}

static void resident_end(struct resident *r)
{
    (void)uv_thread_join(&r->thread); /* it can be joined: nobody else does */
    resident_free(r);
}

static void client_close(void *ctx)
{
    struct resident *r = ctx;
    uv_mutex_lock(&r->mutex);
    r->is_closing = true;
    uv_mutex_unlock(&r->mutex);
    (void)uv_async_send(&r->asked);
    resident_end(r);
}

/* Returns: false, with nothing left behind, if the system has no more of something. */
static bool parts_init(struct resident *r)
{
    if (uv_mutex_init(&r->mutex) != 0) {
        return false;
    }
    if (uv_sem_init(&r->opened, 0) != 0) {
        uv_mutex_destroy(&r->mutex);
        return false;
    }
    if (uv_loop_init(&r->loop) != 0) {
        uv_sem_destroy(&r->opened);
        uv_mutex_destroy(&r->mutex);
        return false;
    }
    return true;
}

enum dam_err dam_ledger_resident_open(const struct dam_ledger_config *config,
                                      struct dam_http_client *ret, struct dam_store_fault *fault)
{
    struct resident *r = calloc(1, sizeof(*r));
    fault->text[0] = '\0';
    if (r == NULL || !parts_init(r)) {
        free(r);
        return DAM_ENOMEM;
    }
    r->end = &r->first;
    r->config = config;
    r->fault = fault;
    r->asked.data = r;
    r->beat.data = r;
    int code = uv_async_init(&r->loop, &r->asked, on_asked);
    DAM_ASSERT(code == 0); /* the loop has one of its own already */
    (void)uv_timer_init(&r->loop, &r->beat);
    if (uv_thread_create(&r->thread, on_thread, r) != 0) {
        thread_close(r); /* there is no ledger yet */
        (void)uv_run(&r->loop, UV_RUN_DEFAULT);
        resident_free(r);
        return DAM_ENOMEM;
    }
    uv_sem_wait(&r->opened);
    enum dam_err err = r->err;
    if (err != DAM_OK) {
        resident_end(r);
        return err;
    }
    *ret = (struct dam_http_client){.post = post, .close = client_close, .ctx = r};
    return DAM_OK;
}

bool dam_ledger_resident_pulse(const struct dam_http_client *client, struct dam_ledger_pulse *ret)
{
    if (client->post != post) {
        return false;
    }
    struct resident *r = client->ctx;
    uv_mutex_lock(&r->mutex);
    ret->metrics = r->metrics;
    ret->age_ms = (uv_hrtime() - r->pulse_ns) / 1000000;
    uv_mutex_unlock(&r->mutex);
    return true;
}
