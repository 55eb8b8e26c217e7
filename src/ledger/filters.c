// SPDX-License-Identifier: Apache-2.0
/* Logs: eth_getLogs, the polled filters, and the WebSocket subscriptions. Everything has a limit:
 * what nobody polls for five minutes is forgotten. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/heap.h"
#include "ledger/log_query.h"

#define FILTERS_MAX 4096u
#define EVENT_LEN_MAX ((size_t)64 << 20)
#define FILTER_IDLE_MS 300000
#define QUERIES_LEN_MAX ((size_t)16 << 20) /* of all filters together */
#define PENDING_KEPT 65536u                /* transactions kept for pollers; the oldest go */
#define LOGS_MAX 100000u                   /* results of one query */
#define BLOCK_RANGE_MAX 1000000u
#define POLL_NS ((uint64_t)20 * 1000 * 1000) /* of new blocks that one poll tells */
#define NOTHING_NEW UINT64_MAX               /* in a note: another poll is telling it */

enum filter_kind { FILTER_LOGS, FILTER_BLOCKS, FILTER_PENDING, FILTER_SYNCING };

struct filter {
    struct filter *next;
    uint64_t id;
    enum filter_kind kind;
    struct dam_ws *ws; /* a subscription; NULL: polled */
    bool full;         /* pending transactions whole, not their hashes */
    struct dam_log_query query;
    uint64_t from;        /* polled: the first block not reported yet */
    uint64_t first, last; /* the range that eth_getFilterLogs answers for */
    int64_t polled_ms;
    unsigned readers;  /* calls on other threads that look at it */
    bool is_gone;      /* and it goes with the last of them */
    bool is_polled;    /* one of them tells what is new */
    uint64_t from_max; /* meanwhile blocks were taken back: it goes on there at the latest */
    uint64_t seen;     /* transactions that had come at the last poll */
};

struct dam_filters {
    struct dam_ledger *ledger;
    struct filter *first;
    size_t count;
    size_t queries_len; /* bytes that they hold */
    uint64_t id_next;
    struct dam_hash *pending; /* a ring of the newest; NULL until somebody polls */
    uint64_t pending_count;   /* that came since */
};

static void free_if_gone(struct filter *filter)
{
    if (filter->is_gone && filter->readers == 0) {
        dam_log_query_finish(&filter->query);
        free(filter);
    }
}

enum dam_err dam_filters_create(struct dam_ledger *ledger, struct dam_filters **ret)
{
    struct dam_filters *filters = calloc(1, sizeof(*filters));
    if (filters == NULL) {
        return DAM_ENOMEM;
    }
    filters->ledger = ledger;
    filters->id_next = 1;
    *ret = filters;
    return DAM_OK;
}

static void remove_at(struct dam_filters *filters, struct filter **at)
{
    struct filter *gone = *at;
    *at = gone->next;
    filters->count--;
    filters->queries_len -= dam_log_query_len(&gone->query);
    gone->is_gone = true;
    free_if_gone(gone);
}

void dam_filters_destroy(struct dam_filters *filters)
{
    if (filters != NULL) {
        while (filters->first != NULL) {
            remove_at(filters, &filters->first);
        }
        free(filters->pending);
        free(filters);
    }
}

/* ---- answering ------------------------------------------------------------------------------- */

struct writer_ctx {
    struct dam_rpc *rpc;
    uint64_t count;
    uint64_t count_max;
};

static bool write_log(void *ctx, const struct dam_log *log,
                      const struct dam_ledger_chain_block *block, const struct dam_hash *tx_hash,
                      uint32_t tx_index, uint32_t log_index)
{
    struct writer_ctx *writer = ctx;
    if (++writer->count > writer->count_max) {
        dam_rpc_fail(writer->rpc, DAM_RPC_LIMIT,
                     "query returned more than %u results: ask for fewer blocks", LOGS_MAX);
        return false;
    }
    dam_rpc_put_log(writer->rpc->w, log, block, tx_hash, tx_index, log_index, false);
    return true;
}

static void put_logs(struct dam_rpc *rpc, const struct dam_log_query *query, uint64_t first,
                     uint64_t last)
{
    struct writer_ctx writer = {rpc, 0, LOGS_MAX};
    uint64_t oldest = rpc->ledger->chain->oldest;
    if (first < oldest && first <= last) {
        dam_rpc_fail(rpc, 4444, "pruned history unavailable: the oldest block kept is %" PRIu64,
                     oldest);
        return;
    }
    dam_json_put_array(rpc->w);
    enum dam_err err = dam_log_query_range(rpc, query, first, last, write_log, &writer);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    dam_json_put_array_end(rpc->w);
}

/* fromBlock and toBlock; both default to the newest block. */
static bool read_range(struct dam_rpc *rpc, const struct dam_json *node, uint64_t *ret_first,
                       uint64_t *ret_last)
{
    uint64_t head = rpc->ledger->chain->head.header.number;
    const struct dam_json *ends[2] = {dam_json_get(node, "fromBlock"),
                                      dam_json_get(node, "toBlock")};
    uint64_t numbers[2] = {head, head};
    for (int i = 0; i < 2; i++) {
        struct dam_rpc_block block;
        uint64_t number;
        if (dam_json_is_null(ends[i])) {
            continue;
        }
        if (ends[i]->len > 2 && ends[i]->len < 20 &&
            dam_json_quantity(ends[i], &number) == DAM_OK) {
            numbers[i] = number;
        } else if (!dam_rpc_block_of(rpc, ends[i], 0, &block)) {
            return false;
        } else {
            numbers[i] = block.block.header.number;
        }
    }
    if (numbers[0] > numbers[1]) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid block range params");
        return false;
    }
    if (numbers[0] > head || numbers[1] > head) {
        if (!dam_json_is_null(ends[1]) && numbers[1] > head && rpc->params != NULL) {
            dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "block range extends beyond current head block");
            return false;
        }
    }
    if (numbers[1] - numbers[0] > BLOCK_RANGE_MAX) {
        dam_rpc_fail(rpc, DAM_RPC_LIMIT, "block range is above %u blocks", BLOCK_RANGE_MAX);
        return false;
    }
    *ret_first = numbers[0];
    *ret_last = numbers[1];
    return true;
}

static bool bad_query(struct dam_rpc *rpc, const char *what)
{
    dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 0: %s", what);
    return false;
}

static void eth_getLogs(struct dam_rpc *rpc)
{
    const struct dam_json *node = dam_rpc_param(rpc, 0);
    struct dam_log_query query;
    uint64_t first;
    uint64_t last;
    if (node == NULL || node->type != DAM_JSON_OBJECT) {
        (void)bad_query(rpc, "a filter object is needed");
        return;
    }
    const struct dam_json *hash = dam_json_get(node, "blockHash");
    if (!dam_json_is_null(hash)) {
        struct dam_rpc_block block;
        if (!dam_json_is_null(dam_json_get(node, "fromBlock")) ||
            !dam_json_is_null(dam_json_get(node, "toBlock"))) {
            (void)bad_query(rpc, "cannot specify both BlockHash and FromBlock/ToBlock, choose one "
                                 "or the other");
            return;
        }
        if (!dam_rpc_block_of(rpc, hash, 0, &block)) {
            return;
        }
        if (!block.found) {
            dam_rpc_fail(rpc, DAM_RPC_SERVER, "unknown block");
            return;
        }
        first = last = block.block.header.number;
    } else if (!read_range(rpc, node, &first, &last)) {
        return;
    }
    if (dam_log_query_read(rpc, node, &query)) {
        put_logs(rpc, &query, first, last);
        dam_log_query_finish(&query);
    }
}

/* ---- filters --------------------------------------------------------------------------------- */

static int64_t now_ms(const struct dam_ledger *ledger)
{
    return (int64_t)(dam_clock_mono_ns(ledger->clock) / 1000000);
}

static void drop_idle(struct dam_filters *filters, int64_t now)
{
    for (struct filter **at = &filters->first; *at != NULL;) {
        if ((*at)->ws == NULL && now - (*at)->polled_ms > FILTER_IDLE_MS) {
            remove_at(filters, at);
        } else {
            at = &(*at)->next;
        }
    }
}

/* In: query: taken over, also on failure; of a filter that has none it is empty. */
static struct filter *add_filter(struct dam_rpc *rpc, enum filter_kind kind,
                                 struct dam_log_query *query)
{
    struct dam_filters *filters = rpc->ledger->filters;
    int64_t now = now_ms(rpc->ledger);
    size_t query_len = dam_log_query_len(query);
    drop_idle(filters, now);
    bool has_room =
        filters->count < FILTERS_MAX && filters->queries_len + query_len <= QUERIES_LEN_MAX;
    struct filter *filter = has_room ? calloc(1, sizeof(*filter)) : NULL;
    if (filter == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_LIMIT, "too many filters and subscriptions");
        dam_log_query_finish(query);
        return NULL;
    }
    filter->query = *query;
    filters->queries_len += query_len;
    filter->kind = kind;
    filter->seen = filters->pending_count;
    filter->id = filters->id_next++;
    filter->polled_ms = now;
    filter->from = rpc->ledger->chain->head.header.number + 1;
    filter->last = UINT64_MAX;
    filter->next = filters->first;
    filters->first = filter;
    filters->count++;
    return filter;
}

static struct filter **find_filter(struct dam_rpc *rpc)
{
    uint64_t id = 0;
    struct filter **at = &rpc->ledger->filters->first;
    if (!dam_rpc_quantity(rpc, 0, &id)) {
        return NULL;
    }
    while (*at != NULL && (*at)->id != id) {
        at = &(*at)->next;
    }
    return at;
}

static void eth_newFilter(struct dam_rpc *rpc)
{
    const struct dam_json *node = dam_rpc_param(rpc, 0);
    struct dam_log_query query;
    uint64_t head = rpc->ledger->chain->head.header.number;
    uint64_t first = head;
    uint64_t last = UINT64_MAX;
    const struct dam_json *to = dam_json_get(node, "toBlock");
    const struct dam_json *from = dam_json_get(node, "fromBlock");
    struct dam_rpc_block block;
    if (!dam_json_is_null(from)) {
        if (!dam_rpc_block_of(rpc, from, 0, &block)) {
            return;
        }
        first = block.found ? block.block.header.number : head + 1;
    }
    if (!dam_json_is_null(to) && to->len > 2 && dam_json_quantity(to, &last) != DAM_OK) {
        last = UINT64_MAX;
    }
    if (!dam_log_query_read(rpc, node, &query)) {
        return;
    }
    struct filter *filter = add_filter(rpc, FILTER_LOGS, &query);
    if (filter != NULL) {
        filter->first = first;
        filter->last = last;
        dam_json_put_quantity(rpc->w, filter->id);
    }
}

static void new_filter(struct dam_rpc *rpc, enum filter_kind kind)
{
    struct dam_log_query none = {0};
    struct filter *filter = add_filter(rpc, kind, &none);
    if (filter != NULL) {
        dam_json_put_quantity(rpc->w, filter->id);
    }
}

static void eth_newBlockFilter(struct dam_rpc *rpc)
{
    new_filter(rpc, FILTER_BLOCKS);
}

static void eth_newPendingTransactionFilter(struct dam_rpc *rpc)
{
    struct dam_filters *filters = rpc->ledger->filters;
    if (filters->pending == NULL) {
        filters->pending = malloc(PENDING_KEPT * sizeof(*filters->pending));
    }
    if (filters->pending == NULL) {
        dam_rpc_fail_err(rpc, DAM_ENOMEM);
        return;
    }
    new_filter(rpc, FILTER_PENDING);
}

static void eth_uninstallFilter(struct dam_rpc *rpc)
{
    struct filter **at = find_filter(rpc);
    if (at != NULL) {
        dam_json_put_bool(rpc->w, *at != NULL);
        if (*at != NULL) {
            remove_at(rpc->ledger->filters, at);
        }
    }
}

/* The filter that a call names, kept for a worker to read. Returns: NULL if there is none, or if it
 * is of another kind than those. */
static struct filter *hold_filter(struct dam_rpc *rpc, unsigned kinds)
{
    struct filter **at = find_filter(rpc);
    if (at == NULL || *at == NULL || (kinds & 1u << (*at)->kind) == 0) {
        return NULL;
    }
    (*at)->readers++;
    rpc->note->held = *at;
    return *at;
}

static void let_go(struct dam_rpc_note *note)
{
    struct filter *filter = note->held;
    filter->readers--;
    free_if_gone(filter);
}

/* What a worker has told is known as told. */
static void end_poll(struct dam_rpc_note *note)
{
    struct filter *filter = note->held;
    if (note->number != NOTHING_NEW) {
        filter->from = note->number < filter->from_max ? note->number : filter->from_max;
        filter->is_polled = false;
    }
    let_go(note);
}

static bool begin_poll(struct dam_rpc *rpc)
{
    struct filter *filter = hold_filter(rpc, 1u << FILTER_LOGS | 1u << FILTER_BLOCKS);
    if (filter == NULL) {
        return false;
    }
    rpc->note->let_go = end_poll;
    rpc->note->number = filter->is_polled ? NOTHING_NEW : filter->from;
    filter->polled_ms = now_ms(rpc->ledger);
    filter->is_polled = true;
    filter->from_max = UINT64_MAX;
    return true;
}

static enum dam_err put_block_hash(struct dam_rpc *rpc, uint64_t number)
{
    struct dam_ledger_chain_block block;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    enum dam_err err = txn != NULL ? dam_ledger_chain_block(txn, number, &block) : DAM_EIO;
    if (err == DAM_OK) {
        dam_rpc_put_hash(rpc->w, &block.hash);
    }
    return err;
}

/* Of as many blocks as make a short call; the rest comes with the next poll. */
static void put_new(struct dam_rpc *rpc, const struct filter *filter)
{
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    struct writer_ctx writer = {rpc, 0, UINT64_MAX};
    enum dam_err err = DAM_OK;
    uint64_t head = chain->head.header.number;
    uint64_t last = head < filter->last ? head : filter->last;
    uint64_t n = rpc->note->number;
    if (filter->kind == FILTER_LOGS && n < chain->oldest) {
        n = chain->oldest; /* what was pruned nobody can be told */
    }
    dam_json_put_array(rpc->w);
    for (; n <= last && err == DAM_OK && rpc->error_code == 0 && writer.count < LOGS_MAX / 2 &&
           uv_hrtime() - rpc->began_ns < POLL_NS;
         n++) {
        err = filter->kind == FILTER_LOGS
                  ? dam_log_query_range(rpc, &filter->query, n, n, write_log, &writer)
                  : put_block_hash(rpc, n);
    }
    dam_json_put_array_end(rpc->w);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else if (rpc->error_code == 0) {
        rpc->note->number = n;
    }
}

static void put_pending(struct dam_rpc *rpc, struct filter *filter)
{
    const struct dam_filters *filters = rpc->ledger->filters;
    uint64_t count = filters->pending_count;
    uint64_t oldest = count > PENDING_KEPT ? count - PENDING_KEPT : 0;
    dam_json_put_array(rpc->w);
    for (uint64_t i = filter->seen > oldest ? filter->seen : oldest; i < count; i++) {
        dam_rpc_put_hash(rpc->w, &filters->pending[i % PENDING_KEPT]);
    }
    dam_json_put_array_end(rpc->w);
    filter->seen = count;
    filter->polled_ms = now_ms(rpc->ledger);
}

static void eth_getFilterChanges(struct dam_rpc *rpc)
{
    if (rpc->note->held != NULL) {
        put_new(rpc, rpc->note->held);
        return;
    }
    struct filter **at = find_filter(rpc);
    if (at != NULL && *at == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "filter not found");
    } else if (at != NULL) {
        put_pending(rpc, *at);
    }
}

static bool hold_for_logs(struct dam_rpc *rpc)
{
    bool is_held = hold_filter(rpc, 1u << FILTER_LOGS) != NULL;
    rpc->note->let_go = is_held ? let_go : NULL;
    return is_held;
}

static void eth_getFilterLogs(struct dam_rpc *rpc)
{
    const struct filter *filter = rpc->note->held;
    uint64_t head = rpc->ledger->chain->head.header.number;
    if (filter != NULL) {
        put_logs(rpc, &filter->query, filter->first, head < filter->last ? head : filter->last);
    } else if (find_filter(rpc) != NULL) { /* there is none, or of another kind */
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "filter not found");
    }
}

/* ---- subscriptions --------------------------------------------------------------------------- */

static void eth_subscribe(struct dam_rpc *rpc)
{
    const struct dam_json *name = dam_rpc_param(rpc, 0);
    const struct dam_json *more = dam_rpc_param(rpc, 1);
    struct dam_log_query query = {0};
    enum filter_kind kind;
    bool full = false;
    if (rpc->ws == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_NO_METHOD, "notifications not supported");
        return;
    }
    if (dam_json_is(name, "newHeads")) {
        kind = FILTER_BLOCKS;
    } else if (dam_json_is(name, "logs")) {
        kind = FILTER_LOGS;
    } else if (dam_json_is(name, "newPendingTransactions")) {
        kind = FILTER_PENDING;
        full = dam_json_bool(more, &full) == DAM_OK && full; /* not there: hashes only */
    } else if (dam_json_is(name, "syncing")) {
        kind = FILTER_SYNCING;
    } else {
        dam_rpc_fail(rpc, DAM_RPC_NO_METHOD, "no \"%.*s\" subscription in eth namespace",
                     name != NULL && name->type == DAM_JSON_STRING ? (int)name->len : 0,
                     name != NULL && name->type == DAM_JSON_STRING ? name->text : "");
        return;
    }
    if (kind == FILTER_LOGS && !dam_log_query_read(rpc, more, &query)) {
        return;
    }
    struct filter *filter = add_filter(rpc, kind, &query);
    if (filter != NULL) {
        filter->ws = rpc->ws;
        filter->full = full;
        dam_json_put_quantity(rpc->w, filter->id);
    }
}

static void eth_unsubscribe(struct dam_rpc *rpc)
{
    struct filter **at = find_filter(rpc);
    if (at == NULL) {
        return;
    }
    if (*at == NULL || (*at)->ws == NULL || (*at)->ws != rpc->ws) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "subscription not found");
        return;
    }
    remove_at(rpc->ledger->filters, at);
    dam_json_put_bool(rpc->w, true);
}

void dam_filters_ws_gone(struct dam_filters *filters, struct dam_ws *ws)
{
    for (struct filter **at = &filters->first; *at != NULL;) {
        if ((*at)->ws == ws) {
            remove_at(filters, at);
        } else {
            at = &(*at)->next;
        }
    }
}

static void begin_event(struct dam_json_writer *w, struct dam_buf *buf, uint64_t id)
{
    dam_buf_reset(buf);
    *w = (struct dam_json_writer){.buf = buf};
    dam_json_put_object(w);
    dam_json_put_key(w, "jsonrpc");
    dam_json_put_cstr(w, "2.0");
    dam_json_put_key(w, "method");
    dam_json_put_cstr(w, "eth_subscription");
    dam_json_put_key(w, "params");
    dam_json_put_object(w);
    dam_json_put_quantity_at(w, "subscription", id);
    dam_json_put_key(w, "result");
}

static void send_event(struct dam_json_writer *w, struct filter *filter)
{
    dam_json_put_object_end(w);
    dam_json_put_object_end(w);
    if (dam_buf_err(w->buf) == DAM_OK) {
        dam_ws_send(filter->ws, w->buf->data, w->buf->len);
    }
}

struct event_ctx {
    struct filter *filter;
    struct dam_buf *buf;
    bool removed;
};

static bool send_log(void *ctx, const struct dam_log *log,
                     const struct dam_ledger_chain_block *block, const struct dam_hash *tx_hash,
                     uint32_t tx_index, uint32_t log_index)
{
    struct event_ctx *event = ctx;
    struct dam_json_writer w;
    begin_event(&w, event->buf, event->filter->id);
    dam_rpc_put_log(&w, log, block, tx_hash, tx_index, log_index, event->removed);
    send_event(&w, event->filter);
    return true;
}

static void send_head(struct filter *filter, struct dam_buf *buf,
                      const struct dam_ledger_chain_block *block)
{
    struct dam_json_writer w;
    begin_event(&w, buf, filter->id);
    dam_json_put_object(&w);
    dam_rpc_put_header_members(&w, &block->header, &block->hash);
    dam_json_put_object_end(&w);
    send_event(&w, filter);
}

static void send_logs(struct dam_filters *filters, struct filter *filter, struct dam_buf *buf,
                      const struct dam_ledger_chain_block *block, bool removed)
{
    struct event_ctx event = {filter, buf, removed};
    bool more = true;
    if (block->tx_count > 0 && dam_log_query_may_match(&filter->query, &block->header.bloom)) {
        /* A log that cannot be read cannot be told; the store has said so. */
        (void)dam_log_query_block(filters->ledger, &filter->query, block, send_log, &event, &more);
    }
}

void dam_filters_block(struct dam_filters *filters, const struct dam_ledger_chain_block *block)
{
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), EVENT_LEN_MAX);
    for (struct filter *filter = filters->first; filter != NULL; filter = filter->next) {
        if (filter->ws != NULL && filter->kind == FILTER_BLOCKS) {
            send_head(filter, &buf, block);
        } else if (filter->ws != NULL && filter->kind == FILTER_LOGS) {
            send_logs(filters, filter, &buf, block, false);
        }
    }
    dam_buf_finish(&buf);
}

void dam_filters_taking_back(struct dam_filters *filters, uint64_t number)
{
    struct dam_buf buf;
    struct dam_store_txn *txn = dam_ledger_chain_reader(filters->ledger->chain);
    dam_buf_init(&buf, dam_heap(), EVENT_LEN_MAX);
    for (uint64_t n = filters->ledger->chain->head.header.number; txn != NULL && n > number; n--) {
        struct dam_ledger_chain_block block;
        if (dam_ledger_chain_block(txn, n, &block) != DAM_OK || block.tx_count == 0) {
            continue;
        }
        for (struct filter *filter = filters->first; filter != NULL; filter = filter->next) {
            if (filter->ws != NULL && filter->kind == FILTER_LOGS) {
                send_logs(filters, filter, &buf, &block, true);
            }
        }
    }
    dam_buf_finish(&buf);
}

void dam_filters_taken_back(struct dam_filters *filters)
{
    const struct dam_ledger_chain_block *head = &filters->ledger->chain->head;
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), EVENT_LEN_MAX);
    for (struct filter *filter = filters->first; filter != NULL; filter = filter->next) {
        if (filter->ws != NULL && filter->kind == FILTER_BLOCKS) {
            send_head(filter, &buf, head);
        } else if (filter->ws == NULL && filter->from > head->header.number + 1) {
            filter->from = head->header.number + 1;
        }
        if (filter->is_polled && filter->from_max > head->header.number + 1) {
            filter->from_max = head->header.number + 1;
        }
    }
    dam_buf_finish(&buf);
}

static void send_pending(struct dam_filters *filters, struct filter *filter,
                         const struct dam_hash *hash)
{
    struct dam_buf buf;
    struct dam_json_writer w;
    struct dam_tx tx;
    struct dam_arena *arena = &filters->ledger->arena;
    struct dam_arena_mark mark = dam_arena_mark(arena);
    const struct dam_pool_tx *entry = dam_pool_find(filters->ledger->pool, hash);
    dam_buf_init(&buf, dam_heap(), (size_t)1 << 20);
    begin_event(&w, &buf, filter->id);
    if (filter->full && entry != NULL &&
        dam_tx_decode(arena, dam_bytes(entry->bytes, entry->len), &tx, NULL) == DAM_OK) {
        dam_rpc_put_tx(&w, &tx, hash, &entry->sender, NULL);
    } else {
        dam_rpc_put_hash(&w, hash);
    }
    send_event(&w, filter);
    dam_buf_finish(&buf);
    dam_arena_release(arena, mark);
}

void dam_filters_pending(struct dam_filters *filters, const struct dam_hash *hash)
{
    if (filters->pending != NULL) {
        filters->pending[filters->pending_count++ % PENDING_KEPT] = *hash;
    }
    for (struct filter *filter = filters->first; filter != NULL; filter = filter->next) {
        if (filter->kind == FILTER_PENDING && filter->ws != NULL) {
            send_pending(filters, filter, hash);
        }
    }
}

const struct dam_rpc_method dam_rpc_log_methods[] = {
    {"eth_getLogs", eth_getLogs, false, DAM_RPC_WORKER, 1},
    {"eth_newFilter", eth_newFilter, false, DAM_RPC_LOOP, 1},
    {"eth_newBlockFilter", eth_newBlockFilter, false},
    {"eth_newPendingTransactionFilter", eth_newPendingTransactionFilter, false, DAM_RPC_LOOP, 1},
    {"eth_getFilterChanges", eth_getFilterChanges, false, DAM_RPC_WORKER, 1, begin_poll},
    {"eth_getFilterLogs", eth_getFilterLogs, false, DAM_RPC_WORKER, 1, hold_for_logs},
    {"eth_uninstallFilter", eth_uninstallFilter, false, DAM_RPC_LOOP, 1},
    {"eth_subscribe", eth_subscribe, false, DAM_RPC_LOOP, 2},
    {"eth_unsubscribe", eth_unsubscribe, false, DAM_RPC_LOOP, 1},
    {0},
};
