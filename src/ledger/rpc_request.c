// SPDX-License-Identifier: Apache-2.0
/* A request's way: parsed, its calls run in their order, its reply sent, at once or when it may be.
 *
 *   dam_rpc_handle --> sends: nothing but raw transactions --> (turn's end, or another request)
 *         |                                                      recovered together --> run
 *         |--> at work: a call for another thread --> done --> run on, perhaps with its rest
 *         |--> paused: a call in slices --> (turn's end) --> run on
 *         `--> run --> held: a transaction was accepted --> dam_rpc_release (durable) --> reply
 *                `--> reply                                     `--> run on, if calls are left
 */
#include "ledger/rpc.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "ledger/fan.h"
#include "ledger/rpc_reply.h"
#include "ledger/rpc_work.h"

#define JSON_DEPTH_MAX 64u
#define BATCH_COUNT_MAX 5000u
#define SENDS_MAX 1024u /* raw transactions that are put together */

struct dam_rpc_request {
    struct dam_rpc_job job;
    struct dam_rpc_request *next; /* in the list where it waits */
    struct dam_ledger *ledger;
    dam_ledger_reply_fn *reply;
    void *ctx;
    struct dam_ws *ws;
    struct dam_arena arena;      /* text and tree of one that is at work */
    const struct dam_json *call; /* the next to run */
    uint32_t left;               /* calls from there on */
    struct dam_rpc_note note;    /* of that call */
    bool is_paused;              /* it is to be run again, on the loop's thread */
    bool is_batch;
    bool any;                   /* a call wants an answer */
    struct dam_rpc_send *sends; /* of its calls from `call` on; NULL: not looked at ahead */
    size_t send_count;
    struct dam_rpc_reply answer;
};

/* Requests that wait, in the order of coming. */
struct list {
    struct dam_rpc_request *first;
    struct dam_rpc_request *last;
};

struct dam_rpc_queue {
    struct list sends;
    size_t send_count;
    struct dam_arena_mark sends_mark; /* the ledger's arena before the first of them */
    struct dam_arena arenas[DAM_FAN_SLOTS_MAX];
    struct list at_work;
    struct list paused;
    struct list held;
    size_t held_count;
    size_t released_count; /* of held ones, at the end of the last turn that had any */
};

static void push(struct list *list, struct dam_rpc_request *request)
{
    request->next = NULL;
    if (list->first == NULL) {
        list->first = request;
    } else {
        list->last->next = request;
    }
    list->last = request;
}

static struct dam_rpc_request *shift(struct list *list)
{
    struct dam_rpc_request *request = list->first;
    if (request != NULL) {
        list->first = request->next;
    }
    return request;
}

static void take_out(struct list *list, const struct dam_rpc_request *request)
{
    struct dam_rpc_request *before = NULL;
    struct dam_rpc_request *at = list->first;
    while (at != request) {
        DAM_ASSERT(at != NULL);
        before = at;
        at = at->next;
    }
    *(before == NULL ? &list->first : &before->next) = request->next;
    list->last = list->last == request ? before : list->last;
}

/* ---- one call -------------------------------------------------------------------------------- */

static void put_failure(struct dam_rpc_request *request, struct dam_ledger *ledger,
                        const struct dam_json *id, int code, const char *text)
{
    ledger->counters.errors++;
    dam_rpc_reply_fail(&request->answer, id, code, text);
}

static bool is_valid_id(const struct dam_json *id)
{
    return id == NULL || id->type == DAM_JSON_NULL || id->type == DAM_JSON_NUMBER ||
           id->type == DAM_JSON_STRING;
}

static void run_method(struct dam_rpc_request *request, struct dam_ledger *ledger,
                       const struct dam_json *call, const struct dam_rpc_method *method,
                       const struct dam_json *id)
{
    struct dam_json_writer *w = &request->answer.w;
    struct dam_rpc rpc = {.ledger = ledger,
                          .request = request,
                          .params = dam_json_get(call, "params"),
                          .send = request->sends,
                          .w = w,
                          .arena = &ledger->arena,
                          .ws = request->ws,
                          .began_ns = uv_hrtime(),
                          .note = &request->note};
    struct dam_arena_mark mark = dam_arena_mark(&ledger->arena);
    dam_rpc_reply_begin(&request->answer, id);
    size_t result_at = w->buf->len;
    dam_json_put_key(w, "result");
    if (rpc.params != NULL && rpc.params->type != DAM_JSON_ARRAY) {
        if (rpc.params->type == DAM_JSON_NULL) {
            rpc.params = NULL;
        } else {
            dam_rpc_fail(&rpc, DAM_RPC_BAD_PARAMS, "non-array args");
        }
    }
    if (!method->dev && dam_rpc_count(&rpc) > method->arg_max) {
        dam_rpc_fail(&rpc, DAM_RPC_BAD_PARAMS, "too many arguments, want at most %u",
                     (unsigned)method->arg_max);
    }
    if (rpc.error_code == 0) {
        method->fn(&rpc);
    }
    if (!rpc.hold && dam_buf_err(w->buf) != DAM_OK) {
        w->buf->err = DAM_OK; /* what did not fit is taken out */
        rpc.error_code = 0;
        rpc.error_has_data = false;
        dam_rpc_fail(&rpc, DAM_RPC_TOO_LARGE, "response too large");
    }
    if (rpc.error_code != 0) {
        ledger->counters.errors++;
        w->buf->len = result_at;
        w->comma = true;
        dam_rpc_put_error(w, rpc.error_code, rpc.error_text,
                          rpc.error_has_data ? &rpc.error_data : NULL);
    } else if (rpc.hold) {
        dam_rpc_reply_hold(&request->answer, &rpc, result_at);
    }
    dam_json_put_object_end(w);
    dam_arena_release(&ledger->arena, mark);
    request->is_paused = rpc.again && rpc.error_code == 0;
}

static bool is_well_formed(const struct dam_json *call)
{
    const struct dam_json *name = dam_json_get(call, "method");
    const struct dam_json *version = dam_json_get(call, "jsonrpc");
    return call->type == DAM_JSON_OBJECT && is_valid_id(dam_json_get(call, "id")) && name != NULL &&
           name->type == DAM_JSON_STRING && (version == NULL || dam_json_is(version, "2.0"));
}

/* The method of a call. Returns: NULL if it cannot be run. */
static const struct dam_rpc_method *method_of(const struct dam_ledger *ledger,
                                              const struct dam_json *call)
{
    const struct dam_rpc_method *method =
        is_well_formed(call) ? dam_rpc_method_find(dam_json_get(call, "method")) : NULL;
    return method != NULL && method->dev && !ledger->dev ? NULL : method;
}

/* Run one call of a request and append its reply, if it wants one. */
static void run_call(struct dam_rpc_request *request, struct dam_ledger *ledger,
                     const struct dam_json *call)
{
    struct dam_json_writer *w = &request->answer.w;
    const struct dam_json *id = dam_json_get(call, "id");
    const struct dam_rpc_method *method = method_of(ledger, call);
    ledger->counters.requests++;
    if (!is_well_formed(call)) {
        put_failure(request, ledger, is_valid_id(id) ? id : NULL, DAM_RPC_INVALID,
                    "invalid request");
        request->any = true;
        return;
    }
    if (method == NULL) {
        const struct dam_json *name = dam_json_get(call, "method");
        char text[160];
        (void)snprintf(text, sizeof(text), "the method %.*s does not exist/is not available",
                       name->len > 80 ? 80 : (int)name->len, name->text);
        put_failure(request, ledger, id, DAM_RPC_NO_METHOD, text);
        request->any = true;
        return;
    }
    size_t before = w->buf->len;
    bool comma = w->comma;
    run_method(request, ledger, call, method, id);
    if (id == NULL || request->is_paused) { /* a notification gets no reply; its effects stay */
        w->buf->len = before;
        w->comma = comma;
    } else {
        request->any = true;
    }
}

/* ---- all calls of a request ------------------------------------------------------------------ */

static void finish_request(struct dam_rpc_request *request)
{
    dam_ledger_has_read(request->ledger);
    if (dam_buf_err(&request->answer.out) != DAM_OK) {
        static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32003,"
                                   "\"message\":\"response too large\"}}";
        request->reply(request->ctx, text, sizeof(text) - 1);
    } else {
        request->reply(request->ctx, (const char *)request->answer.out.data,
                       request->answer.out.len);
    }
    dam_rpc_reply_finish(&request->answer);
    dam_arena_finish(&request->arena);
    free(request);
}

/* Its calls have run: reply, or hold the reply until the turn is durable. */
static void complete(struct dam_rpc_request *request)
{
    struct dam_ledger *ledger = request->ledger;
    if (request->is_batch) {
        dam_json_put_array_end(&request->answer.w);
    }
    if (!request->any) {
        dam_buf_reset(&request->answer.out);
    }
    if (request->answer.mark_count > 0 && dam_buf_err(&request->answer.out) == DAM_OK) {
        push(&ledger->queue->held, request);
        ledger->queue->held_count++;
        dam_ledger_schedule(ledger);
    } else {
        finish_request(request);
    }
}

static void begin_calls(struct dam_rpc_request *request, const struct dam_json *root)
{
    request->is_batch = root->type == DAM_JSON_ARRAY;
    request->call = request->is_batch ? dam_json_first(root) : root;
    request->left = request->is_batch ? root->count : 1;
    if (request->is_batch) {
        dam_json_put_array(&request->answer.w);
    }
}

static void run_next(struct dam_rpc_request *request, struct dam_ledger *ledger)
{
    run_call(request, ledger, request->call);
    if (request->is_paused) {
        return;
    }
    request->call = dam_json_next(request->call);
    request->left--;
    if (request->sends != NULL) {
        request->sends++;
    }
}

static void forget_note(struct dam_rpc_request *request)
{
    if (request->note.let_go != NULL) {
        request->note.let_go(&request->note);
    }
    request->note = (struct dam_rpc_note){0};
}

/* The next call's method, if it is for a worker; else NULL. */
static const struct dam_rpc_method *worker_method(const struct dam_rpc_request *request)
{
    const struct dam_rpc_method *method =
        request->left > 0 && request->arena.first != NULL && !request->is_paused
            ? method_of(request->ledger, request->call)
            : NULL;
    return method != NULL && method->where == DAM_RPC_WORKER ? method : NULL;
}

/* On a worker's thread: as many calls as are for it and need no preparation. */
static void run_at_work(struct dam_rpc_job *job, struct dam_ledger *view)
{
    struct dam_rpc_request *request = (struct dam_rpc_request *)job;
    const struct dam_rpc_method *next;
    do {
        const struct dam_json *call = request->call;
        uint32_t left = request->left;
        const struct dam_rpc_note note = request->note;
        const struct dam_ledger_counters counters = view->counters;
        size_t len = request->answer.out.len;
        bool comma = request->answer.w.comma;
        bool any = request->any;
        run_next(request, view);
        if (dam_rpc_work_is_cut(view)) {
            view->counters = counters;
            request->call = call;
            request->left = left;
            request->note = note;
            request->is_paused = false;
            request->answer.out.len = len;
            request->answer.w.comma = comma;
            request->any = any;
            return;
        }
        next = worker_method(request);
    } while (next != NULL && next->prepare == NULL && dam_rpc_work_goes_on(view));
}

static bool queue_is_open(const struct dam_rpc_request *request)
{
    return request->ledger->workers != NULL;
}

/* A call that no worker takes must not hold up the loop either. */
static void skip_next(struct dam_rpc_request *request)
{
    const struct dam_json *id = dam_json_get(request->call, "id");
    if (id != NULL) {
        put_failure(request, request->ledger, id, DAM_RPC_LIMIT,
                    queue_is_open(request)
                        ? "too many calls are waiting, or the disk refuses writes; try again"
                        : "the ledger is closing");
        request->any = true;
    }
    request->is_paused = false;
    forget_note(request);
    request->call = dam_json_next(request->call);
    request->left--;
}

static bool advance(struct dam_rpc_request *request);

static void work_done(struct dam_rpc_job *job, bool has_run)
{
    struct dam_rpc_request *request = (struct dam_rpc_request *)job;
    take_out(&request->ledger->queue->at_work, request);
    if (!has_run || (request->is_paused && !queue_is_open(request))) {
        skip_next(request); /* no memory for it, or the ledger closes */
    } else if (!request->is_paused) {
        forget_note(request);
    }
    if (advance(request)) {
        complete(request);
    }
}

/* Let the next call's method note what a worker cannot see. Returns: false if it is for none. */
static bool prepare(struct dam_rpc_request *request)
{
    struct dam_ledger *ledger = request->ledger;
    const struct dam_rpc_method *method = worker_method(request);
    if (method == NULL || method->prepare == NULL) {
        return method != NULL;
    }
    const struct dam_json *params = dam_json_get(request->call, "params");
    struct dam_arena_mark mark = dam_arena_mark(&ledger->arena);
    struct dam_rpc rpc = {.ledger = ledger,
                          .request = request,
                          .params =
                              params != NULL && params->type == DAM_JSON_ARRAY ? params : NULL,
                          .arena = &ledger->arena,
                          .note = &request->note};
    bool is_for_worker = method->prepare(&rpc);
    dam_arena_release(&ledger->arena, mark);
    return is_for_worker;
}

/* Give the next call to a worker. Returns: false if none takes it. */
static bool submit(struct dam_rpc_request *request)
{
    struct dam_rpc_queue *queue = request->ledger->queue;
    if (!queue_is_open(request)) {
        return false;
    }
    push(&queue->at_work, request);
    if (dam_rpc_work_submit(request->ledger->workers, &request->job)) {
        return true;
    }
    take_out(&queue->at_work, request);
    return false;
}

/* Run what is left. Returns: false if it goes on later. */
static bool advance(struct dam_rpc_request *request)
{
    struct dam_rpc_queue *queue = request->ledger->queue;
    while (request->left > 0) {
        bool for_worker = prepare(request);
        if (for_worker && request->answer.mark_count > 0) {
            /* The turn's end knows what became of the transactions so far: they come first. */
            forget_note(request);
            push(&queue->held, request);
            dam_ledger_schedule(request->ledger);
            return false;
        }
        if (for_worker) {
            if (submit(request)) {
                return false;
            }
            skip_next(request);
            continue;
        }
        run_next(request, request->ledger);
        if (request->is_paused) {
            push(&queue->paused, request);
            dam_ledger_schedule(request->ledger);
            return false;
        }
        forget_note(request);
    }
    return true;
}

/* ---- raw transactions ------------------------------------------------------------------------ */

/* Recovering a sender takes longer than all the rest of a transaction's way into a block. What came
 * in a turn is therefore gathered, and recovered on as many threads as there are, before it is
 * offered in the order in which it came. */

struct reading {
    struct dam_rpc_send **list;
    struct dam_arena *arenas;
};

static void read_send(void *ctx, size_t index, unsigned slot)
{
    const struct reading *reading = ctx;
    struct dam_rpc_send *send = reading->list[index];
    struct dam_bytes bytes;
    send->is_read = send->param != NULL && send->param->len >= 2 && send->param->text[0] == '0' &&
                    dam_json_hex(send->param, &reading->arenas[slot], &bytes) == DAM_OK;
    if (send->is_read) {
        send->err = dam_ledger_read_tx(&reading->arenas[slot], bytes, &send->tx, &send->fault);
    }
}

static bool is_send(const struct dam_ledger *ledger, const struct dam_json *call)
{
    const struct dam_rpc_method *method = method_of(ledger, call);
    return method != NULL && method->where == DAM_RPC_SEND;
}

/* Does a request do nothing but send? Then note its transactions. */
static bool take_sends(struct dam_rpc_request *request)
{
    struct dam_ledger *ledger = request->ledger;
    const struct dam_json *call = request->call;
    for (uint32_t i = 0; i < request->left; i++, call = dam_json_next(call)) {
        if (!is_send(ledger, call)) {
            return false;
        }
    }
    request->sends = dam_arena_zalloc(&ledger->arena, request->left * sizeof(*request->sends));
    if (request->sends == NULL) {
        return false;
    }
    call = request->call;
    for (uint32_t i = 0; i < request->left; i++, call = dam_json_next(call)) {
        request->sends[i].param = dam_json_at(dam_json_get(call, "params"), 0);
    }
    request->send_count = request->left;
    push(&ledger->queue->sends, request);
    ledger->queue->send_count += request->left;
    dam_ledger_schedule(ledger);
    return true;
}

/* Run what was gathered; the requests go to *done, to be completed when the arena is free. */
static void run_sends(struct dam_ledger *ledger, struct list *done)
{
    struct dam_rpc_queue *queue = ledger->queue;
    struct reading reading = {.arenas = queue->arenas};
    size_t count = 0;
    reading.list = dam_arena_alloc(&ledger->arena, queue->send_count * sizeof(*reading.list) + 1);
    for (struct dam_rpc_request *r = queue->sends.first; r != NULL; r = r->next) {
        for (size_t i = 0; reading.list != NULL && i < r->send_count; i++) {
            reading.list[count++] = &r->sends[i];
        }
    }
    dam_fan_run(ledger->loop, count, read_send, &reading);
    queue->send_count = 0;
    for (struct dam_rpc_request *r = shift(&queue->sends); r != NULL; r = shift(&queue->sends)) {
        (void)advance(r); /* a send is never a worker's */
        push(done, r);
    }
    for (unsigned i = 0; i < DAM_FAN_SLOTS_MAX; i++) {
        dam_arena_trim(&queue->arenas[i], DAM_LEDGER_ARENA_KEPT);
    }
}

static void complete_all(struct list *done)
{
    for (struct dam_rpc_request *r = shift(done); r != NULL; r = shift(done)) {
        complete(r);
    }
}

void dam_rpc_flush(struct dam_ledger *ledger)
{
    struct list done = {0};
    if (ledger->queue->sends.first != NULL) {
        run_sends(ledger, &done);
        dam_arena_release(&ledger->arena, ledger->queue->sends_mark);
        if (ledger->queue->sends_mark.block == NULL) {
            dam_arena_trim(&ledger->arena, DAM_LEDGER_ARENA_KEPT);
        }
        complete_all(&done);
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

static void refuse(struct dam_rpc_request *request, int code, const char *text)
{
    put_failure(request, request->ledger, NULL, code, text);
    request->any = true;
}

/* A request with a call for a worker, or in slices, outlives its text: it gets a copy of its own.
 */
static bool has_work(const struct dam_rpc_request *request)
{
    const struct dam_json *call = request->call;
    for (uint32_t i = 0; i < request->left; i++, call = dam_json_next(call)) {
        const struct dam_rpc_method *method = method_of(request->ledger, call);
        if (method != NULL &&
            (method->where == DAM_RPC_WORKER || method->where == DAM_RPC_SLICES)) {
            return true;
        }
    }
    return false;
}

/* Parse into an arena. Returns: NULL after refusing. */
static const struct dam_json *parse(struct dam_rpc_request *request, struct dam_arena *arena,
                                    const char *text, size_t len)
{
    const struct dam_json *root;
    struct dam_json_error error;
    enum dam_err err = dam_json_parse(arena, text, len, JSON_DEPTH_MAX, &root, &error);
    if (err != DAM_OK) {
        char what[160];
        (void)snprintf(what, sizeof(what), "parse error at byte %zu: %s", error.offset, error.what);
        refuse(request, DAM_RPC_PARSE, what);
        return NULL;
    }
    if (root->type == DAM_JSON_ARRAY && (root->count == 0 || root->count > BATCH_COUNT_MAX)) {
        refuse(request, DAM_RPC_INVALID, root->count == 0 ? "empty batch" : "batch too large");
        return NULL;
    }
    return root;
}

static const struct dam_json *parse_copy(struct dam_rpc_request *request, struct dam_arena *arena,
                                         const char *text, size_t len)
{
    const char *copy = dam_arena_copy(arena, text, len);
    if (copy == NULL) {
        refuse(request, DAM_RPC_INTERNAL, "out of memory");
        return NULL;
    }
    return parse(request, arena, copy, len);
}

enum outcome {
    GATHERED, /* waits with the other sends, in the ledger's arena */
    AT_WORK,
    HAS_RUN,
};

static enum outcome run_request(struct dam_rpc_request *request, const char *text, size_t len,
                                struct list *done)
{
    struct dam_ledger *ledger = request->ledger;
    static const char send[] = "eth_sendRawTransaction";
    bool may_gather = memmem(text, len, send, sizeof(send) - 1) != NULL;
    const struct dam_json *root = may_gather ? parse_copy(request, &ledger->arena, text, len)
                                             : parse(request, &ledger->arena, text, len);
    if (root != NULL) {
        begin_calls(request, root);
        if (may_gather && take_sends(request)) {
            return GATHERED;
        }
    }
    if (ledger->queue->sends.first != NULL) {
        run_sends(ledger, done);
    }
    if (root != NULL && has_work(request)) {
        dam_buf_reset(&request->answer.out);
        request->answer.w.comma = false;
        root = parse_copy(request, &request->arena, text, len);
        if (root != NULL) {
            begin_calls(request, root);
        }
    }
    return root == NULL || advance(request) ? HAS_RUN : AT_WORK;
}

void dam_rpc_handle(struct dam_ledger *ledger, const char *text, size_t len, struct dam_ws *ws,
                    dam_ledger_reply_fn *reply, void *ctx)
{
    struct dam_rpc_queue *queue = ledger->queue;
    struct list done = {0};
    struct dam_rpc_request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        static const char full[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,"
                                   "\"message\":\"out of memory\"}}";
        reply(ctx, full, sizeof(full) - 1);
        return;
    }
    request->job = (struct dam_rpc_job){.run = run_at_work, .done = work_done};
    request->ledger = ledger;
    request->reply = reply;
    request->ctx = ctx;
    request->ws = ws;
    dam_rpc_reply_init(&request->answer);
    dam_arena_init(&request->arena, dam_heap(), 0);
    struct dam_arena_mark mark =
        queue->sends.first != NULL ? queue->sends_mark : dam_arena_mark(&ledger->arena);
    enum outcome outcome = run_request(request, text, len, &done);
    if (outcome == GATHERED) {
        queue->sends_mark = mark;
        if (queue->send_count >= SENDS_MAX) {
            dam_rpc_flush(ledger);
        }
        return;
    }
    dam_arena_release(&ledger->arena, mark);
    complete_all(&done); /* replies may bring the next request of a connection */
    if (outcome == HAS_RUN) {
        complete(request);
    }
}

void dam_ledger_rpc(struct dam_ledger *ledger, const char *text, size_t len,
                    dam_ledger_reply_fn *reply, void *ctx)
{
    dam_rpc_handle(ledger, text, len, NULL, reply, ctx);
}

static void reply_to_nobody(void *ctx, const char *text, size_t len)
{
    (void)ctx;
    (void)text;
    (void)len;
}

static void forget_ws(const struct list *list, const struct dam_ws *ws)
{
    for (struct dam_rpc_request *request = list->first; request != NULL; request = request->next) {
        if (request->ws == ws) {
            request->reply = reply_to_nobody;
            request->ws = NULL;
        }
    }
}

void dam_rpc_ws_gone(struct dam_ledger *ledger, const struct dam_ws *ws)
{
    if (ledger->queue == NULL) {
        return; /* the ledger closes: nothing waits any more */
    }
    forget_ws(&ledger->queue->sends, ws);
    forget_ws(&ledger->queue->at_work, ws);
    forget_ws(&ledger->queue->paused, ws);
    forget_ws(&ledger->queue->held, ws);
}

/* ---- replies that waited --------------------------------------------------------------------- */

bool dam_rpc_expects_more(const struct dam_ledger *ledger)
{
    return ledger->queue->held_count < ledger->queue->released_count;
}

static void release_held(struct dam_ledger *ledger, enum dam_err err)
{
    struct dam_rpc_queue *queue = ledger->queue;
    struct list list = queue->held;
    queue->held = (struct list){0};
    queue->released_count = queue->held_count > 0 ? queue->held_count : queue->released_count;
    queue->held_count = 0;
    for (struct dam_rpc_request *r = shift(&list); r != NULL; r = shift(&list)) {
        dam_rpc_reply_settle(&r->answer, ledger, err);
        if (r->left == 0) {
            finish_request(r);
        } else if (advance(r)) {
            complete(r);
        }
    }
}

static void run_paused(struct dam_ledger *ledger)
{
    struct list list = ledger->queue->paused;
    ledger->queue->paused = (struct list){0};
    for (struct dam_rpc_request *r = shift(&list); r != NULL; r = shift(&list)) {
        if (!queue_is_open(r)) {
            skip_next(r);
        }
        if (advance(r)) {
            complete(r);
        }
    }
}

void dam_rpc_release(struct dam_ledger *ledger, enum dam_err err)
{
    release_held(ledger, err);
    run_paused(ledger);
}

/* ---- the queue ------------------------------------------------------------------------------- */

enum dam_err dam_rpc_queue_create(struct dam_ledger *ledger)
{
    struct dam_rpc_queue *queue = calloc(1, sizeof(*queue));
    if (queue == NULL) {
        return DAM_ENOMEM;
    }
    for (unsigned i = 0; i < DAM_FAN_SLOTS_MAX; i++) {
        dam_arena_init(&queue->arenas[i], dam_heap(), 0);
    }
    ledger->queue = queue;
    return dam_rpc_work_create(ledger, &ledger->workers);
}

void dam_rpc_wait(struct dam_ledger *ledger)
{
    dam_rpc_work_wait(ledger->workers);
}

void dam_rpc_queue_close(struct dam_ledger *ledger)
{
    struct dam_rpc_queue *queue = ledger->queue;
    if (queue == NULL) {
        return;
    }
    dam_rpc_flush(ledger);
    struct dam_rpc_work *work = ledger->workers;
    ledger->workers = NULL;
    dam_rpc_work_close(work);
    while (queue->held.first != NULL || queue->paused.first != NULL) {
        dam_rpc_release(ledger, DAM_ECLOSED);
    }
    for (unsigned i = 0; i < DAM_FAN_SLOTS_MAX; i++) {
        dam_arena_finish(&queue->arenas[i]);
    }
    free(queue);
    ledger->queue = NULL;
}
