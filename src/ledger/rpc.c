// SPDX-License-Identifier: Apache-2.0
#include "ledger/rpc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "base/hex.h"

#define JSON_DEPTH_MAX 64u
#define BATCH_COUNT_MAX 5000u
#define RESPONSE_LEN_MAX ((size_t)256 << 20)
#define METHODS_MAX 512u

/* A result that may only leave when the turn is durable. */
struct mark {
    size_t result_at; /* where `"result":` begins */
    size_t end;       /* behind the result */
    struct dam_hash hash;
    bool receipt;
};

struct dam_rpc_request {
    struct dam_rpc_request *next;
    struct dam_ledger *ledger;
    dam_ledger_reply_fn *reply;
    void *ctx;
    struct dam_ws *ws;
    struct dam_buf out;
    struct mark *marks;
    size_t mark_count;
    size_t mark_size;
};

/* ---- the table ------------------------------------------------------------------------------- */

static const struct dam_rpc_method *methods[METHODS_MAX];
static size_t method_count;

static int compare_methods(const void *a, const void *b)
{
    return strcmp((*(const struct dam_rpc_method *const *)a)->name,
                  (*(const struct dam_rpc_method *const *)b)->name);
}

static void collect_methods(void)
{
    static const struct dam_rpc_method *const tables[] = {
        dam_rpc_eth_methods,   dam_rpc_call_methods,     dam_rpc_tx_methods,  dam_rpc_log_methods,
        dam_rpc_debug_methods, dam_rpc_simulate_methods, dam_rpc_dev_methods, dam_rpc_misc_methods,
    };
    for (size_t t = 0; t < DAM_COUNT_OF(tables); t++) {
        for (const struct dam_rpc_method *method = tables[t]; method->name != NULL; method++) {
            DAM_ASSERT(method_count < METHODS_MAX);
            methods[method_count++] = method;
        }
    }
    qsort(methods, method_count, sizeof(methods[0]), compare_methods);
}

static const struct dam_rpc_method *find_method(const struct dam_json *name)
{
    if (method_count == 0) {
        collect_methods();
    }
    size_t low = 0;
    size_t high = method_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *candidate = methods[middle]->name;
        size_t len = strlen(candidate);
        size_t common = len < name->len ? len : name->len;
        int order = memcmp(candidate, name->text, common);
        order = order != 0 ? order : (len > name->len) - (len < name->len);
        if (order == 0) {
            return methods[middle];
        }
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}

/* ---- one call -------------------------------------------------------------------------------- */

void dam_rpc_fail(struct dam_rpc *rpc, int code, const char *fmt, ...)
{
    va_list args;
    if (rpc->error_code != 0) {
        return;
    }
    rpc->error_code = code;
    va_start(args, fmt);
    (void)vsnprintf(rpc->error_text, sizeof(rpc->error_text), fmt, args);
    va_end(args);
}

void dam_rpc_fail_err(struct dam_rpc *rpc, enum dam_err err)
{
    const char *fault = dam_store_last_fault(rpc->ledger->chain->store);
    dam_rpc_fail(rpc, DAM_RPC_INTERNAL, "%s%s%s", dam_err_text(err),
                 err == DAM_ECORRUPT && fault[0] != '\0' ? ": " : "",
                 err == DAM_ECORRUPT ? fault : "");
}

static void put_error(struct dam_json_writer *w, int code, const char *text,
                      const struct dam_bytes *data)
{
    dam_json_put_key(w, "error");
    dam_json_put_object(w);
    dam_json_put_key(w, "code");
    dam_json_put_i64(w, code);
    dam_json_put_key(w, "message");
    dam_json_put_cstr(w, text);
    if (data != NULL) {
        dam_json_put_key(w, "data");
        dam_json_put_data(w, data->data, data->len);
    }
    dam_json_put_object_end(w);
}

static void begin_reply(struct dam_json_writer *w, const struct dam_json *id)
{
    dam_json_put_object(w);
    dam_json_put_key(w, "jsonrpc");
    dam_json_put_cstr(w, "2.0");
    dam_json_put_key(w, "id");
    if (id == NULL) {
        dam_json_put_null(w);
    } else {
        dam_json_put_node(w, id);
    }
}

static void put_failure(struct dam_rpc_request *request, struct dam_json_writer *w,
                        const struct dam_json *id, int code, const char *text)
{
    request->ledger->counters.errors++;
    begin_reply(w, id);
    put_error(w, code, text, NULL);
    dam_json_put_object_end(w);
}

static void add_mark(struct dam_rpc_request *request, const struct dam_rpc *rpc, size_t result_at)
{
    if (request->mark_count == request->mark_size) {
        size_t size = request->mark_size == 0 ? 1 : request->mark_size * 4;
        struct mark *marks = realloc(request->marks, size * sizeof(*marks));
        if (marks == NULL) {
            request->out.err = DAM_ENOMEM; /* the whole reply becomes an error */
            return;
        }
        request->marks = marks;
        request->mark_size = size;
    }
    request->marks[request->mark_count++] =
        (struct mark){result_at, request->out.len, rpc->hold_hash, rpc->hold_receipt};
}

static bool is_valid_id(const struct dam_json *id)
{
    return id == NULL || id->type == DAM_JSON_NULL || id->type == DAM_JSON_NUMBER ||
           id->type == DAM_JSON_STRING;
}

static void run_method(struct dam_rpc_request *request, struct dam_json_writer *w,
                       const struct dam_json *call, const struct dam_rpc_method *method,
                       const struct dam_json *id)
{
    struct dam_ledger *ledger = request->ledger;
    struct dam_rpc rpc = {.ledger = ledger,
                          .request = request,
                          .params = dam_json_get(call, "params"),
                          .w = w,
                          .arena = &ledger->arena,
                          .ws = request->ws};
    struct dam_arena_mark mark = dam_arena_mark(&ledger->arena);
    begin_reply(w, id);
    size_t result_at = w->buf->len;
    dam_json_put_key(w, "result");
    if (rpc.params != NULL && rpc.params->type != DAM_JSON_ARRAY) {
        if (rpc.params->type == DAM_JSON_NULL) {
            rpc.params = NULL;
        } else {
            dam_rpc_fail(&rpc, DAM_RPC_BAD_PARAMS, "non-array args");
        }
    }
    if (rpc.error_code == 0) {
        method->fn(&rpc);
    }
    if (rpc.error_code != 0) {
        ledger->counters.errors++;
        w->buf->len = result_at;
        w->comma = true;
        put_error(w, rpc.error_code, rpc.error_text, rpc.error_has_data ? &rpc.error_data : NULL);
    } else if (rpc.hold) {
        add_mark(request, &rpc, result_at);
    }
    dam_json_put_object_end(w);
    dam_arena_release(&ledger->arena, mark);
}

/* Run one call of a request and append its reply. Returns: false for a notification. */
static bool run_call(struct dam_rpc_request *request, struct dam_json_writer *w,
                     const struct dam_json *call)
{
    const struct dam_json *id = dam_json_get(call, "id");
    const struct dam_json *name = dam_json_get(call, "method");
    const struct dam_json *version = dam_json_get(call, "jsonrpc");
    request->ledger->counters.requests++;
    if (call->type != DAM_JSON_OBJECT || !is_valid_id(id) || name == NULL ||
        name->type != DAM_JSON_STRING || (version != NULL && !dam_json_is(version, "2.0"))) {
        put_failure(request, w, is_valid_id(id) ? id : NULL, DAM_RPC_INVALID, "invalid request");
        return true;
    }
    const struct dam_rpc_method *method = find_method(name);
    if (method == NULL || (method->dev && !request->ledger->dev)) {
        char text[160];
        (void)snprintf(text, sizeof(text), "the method %.*s does not exist/is not available",
                       name->len > 80 ? 80 : (int)name->len, name->text);
        put_failure(request, w, id, DAM_RPC_NO_METHOD, text);
        return true;
    }
    size_t before = w->buf->len;
    bool comma = w->comma;
    run_method(request, w, call, method, id);
    if (id == NULL) { /* a notification gets no reply; its effects stay */
        w->buf->len = before;
        w->comma = comma;
        return false;
    }
    return true;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void finish_request(struct dam_rpc_request *request)
{
    if (dam_buf_err(&request->out) != DAM_OK) {
        static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32003,"
                                   "\"message\":\"response too large\"}}";
        request->reply(request->ctx, text, sizeof(text) - 1);
    } else {
        request->reply(request->ctx, (const char *)request->out.data, request->out.len);
    }
    dam_buf_finish(&request->out);
    free(request->marks);
    free(request);
}

static void run_request(struct dam_rpc_request *request, const char *text, size_t len)
{
    struct dam_ledger *ledger = request->ledger;
    struct dam_json_writer w = {.buf = &request->out};
    const struct dam_json *root;
    struct dam_json_error error;
    struct dam_arena_mark mark = dam_arena_mark(&ledger->arena);
    enum dam_err err = dam_json_parse(&ledger->arena, text, len, JSON_DEPTH_MAX, &root, &error);
    if (err != DAM_OK) {
        char what[160];
        (void)snprintf(what, sizeof(what), "parse error at byte %zu: %s", error.offset, error.what);
        put_failure(request, &w, NULL, DAM_RPC_PARSE, what);
    } else if (root->type != DAM_JSON_ARRAY) {
        (void)run_call(request, &w, root); /* without a reply the output just stays empty */
    } else if (root->count == 0) {
        put_failure(request, &w, NULL, DAM_RPC_INVALID, "empty batch");
    } else if (root->count > BATCH_COUNT_MAX) {
        put_failure(request, &w, NULL, DAM_RPC_INVALID, "batch too large");
    } else {
        bool any = false;
        dam_json_put_array(&w);
        DAM_JSON_EACH(call, root)
        {
            any = run_call(request, &w, call) || any;
        }
        dam_json_put_array_end(&w);
        if (!any) {
            dam_buf_reset(&request->out);
        }
    }
    dam_arena_release(&ledger->arena, mark);
}

void dam_rpc_handle(struct dam_ledger *ledger, const char *text, size_t len, struct dam_ws *ws,
                    dam_ledger_reply_fn *reply, void *ctx)
{
    struct dam_rpc_request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        static const char full[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,"
                                   "\"message\":\"out of memory\"}}";
        reply(ctx, full, sizeof(full) - 1);
        return;
    }
    request->ledger = ledger;
    request->reply = reply;
    request->ctx = ctx;
    request->ws = ws;
    dam_buf_init(&request->out, dam_heap(), RESPONSE_LEN_MAX);
    run_request(request, text, len);
    if (request->mark_count > 0 && dam_buf_err(&request->out) == DAM_OK) {
        request->next = ledger->held;
        ledger->held = request;
        dam_ledger_schedule(ledger);
    } else {
        finish_request(request);
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

void dam_rpc_ws_gone(struct dam_ledger *ledger, const struct dam_ws *ws)
{
    for (struct dam_rpc_request *request = ledger->held; request != NULL; request = request->next) {
        if (request->ws == ws) {
            request->reply = reply_to_nobody;
            request->ws = NULL;
        }
    }
}

/* ---- replies that waited --------------------------------------------------------------------- */

/* What goes in the place of a held result: nothing (it stands), an error, or the receipt. */
static bool replace_result(struct dam_rpc_request *request, const struct mark *mark,
                           enum dam_err err, struct dam_json_writer *w)
{
    struct dam_ledger *ledger = request->ledger;
    const struct dam_rejection *rejection = dam_ledger_rejection(ledger, &mark->hash);
    w->comma = true;
    if (rejection != NULL) {
        put_error(w, DAM_RPC_SERVER, rejection->text, NULL);
        return true;
    }
    if (err != DAM_OK) {
        char text[160];
        (void)snprintf(text, sizeof(text), "the ledger cannot write: %s; nothing was accepted",
                       dam_err_text(err));
        put_error(w, DAM_RPC_INTERNAL, text, NULL);
        return true;
    }
    if (!mark->receipt) {
        return false;
    }
    struct dam_rpc rpc = {.ledger = ledger, .request = request, .w = w, .arena = &ledger->arena};
    struct dam_ledger_chain_block block;
    uint64_t number = 0;
    uint32_t index = 0;
    struct dam_store_txn *txn = dam_ledger_chain_reader(ledger->chain);
    size_t at = w->buf->len;
    dam_json_put_key(w, "result");
    if (txn == NULL || dam_ledger_chain_find_tx(txn, &mark->hash, &number, &index) != DAM_OK ||
        dam_ledger_chain_block(txn, number, &block) != DAM_OK ||
        dam_rpc_put_receipt(&rpc, &block, index) != DAM_OK) {
        w->buf->len = at;
        w->comma = true;
        put_error(w, DAM_RPC_TX_WAITING,
                  "The transaction was added to the transaction pool but wasn't processed yet",
                  NULL);
    }
    return true;
}

static void rebuild(struct dam_rpc_request *request, enum dam_err err)
{
    struct dam_buf out;
    size_t from = 0;
    dam_buf_init(&out, dam_heap(), RESPONSE_LEN_MAX);
    struct dam_json_writer w = {.buf = &out};
    for (size_t i = 0; i < request->mark_count; i++) {
        const struct mark *mark = &request->marks[i];
        dam_buf_put(&out, request->out.data + from, mark->result_at - from);
        from = mark->result_at;
        if (replace_result(request, mark, err, &w)) {
            from = mark->end;
        }
    }
    dam_buf_put(&out, request->out.data + from, request->out.len - from);
    dam_buf_finish(&request->out);
    request->out = out;
}

void dam_rpc_release(struct dam_ledger *ledger, enum dam_err err)
{
    struct dam_rpc_request *list = NULL;
    while (ledger->held != NULL) { /* they were pushed; back to the order of coming */
        struct dam_rpc_request *request = ledger->held;
        ledger->held = request->next;
        request->next = list;
        list = request;
    }
    while (list != NULL) {
        struct dam_rpc_request *request = list;
        bool plain = err == DAM_OK && ledger->rejections == NULL;
        list = request->next;
        for (size_t i = 0; i < request->mark_count; i++) {
            plain = plain && !request->marks[i].receipt;
        }
        if (!plain) {
            rebuild(request, err);
        }
        finish_request(request);
    }
}

/* ---- parameters ------------------------------------------------------------------------------ */

size_t dam_rpc_count(const struct dam_rpc *rpc)
{
    return rpc->params != NULL ? rpc->params->count : 0;
}

const struct dam_json *dam_rpc_param(const struct dam_rpc *rpc, size_t index)
{
    const struct dam_json *node = dam_json_at(rpc->params, index);
    return dam_json_is_null(node) ? NULL : node;
}

static bool bad(struct dam_rpc *rpc, size_t index, const struct dam_json *node, const char *want)
{
    if (node == NULL) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "missing value for required argument %zu", index);
    } else {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument %zu: %s", index, want);
    }
    return false;
}

/* Hex of a fixed length, "0x" demanded as geth does. */
static bool read_fixed(const struct dam_json *node, uint8_t *ret, size_t size)
{
    return node != NULL && node->type == DAM_JSON_STRING && node->len == 2 + 2 * size &&
           node->text[0] == '0' && (node->text[1] | 0x20) == 'x' &&
           dam_json_hex_exact(node, ret, size) == DAM_OK;
}

static bool bad_fixed(struct dam_rpc *rpc, size_t index, const struct dam_json *node, size_t size,
                      const char *type)
{
    char want[160];
    size_t digits =
        node != NULL && node->type == DAM_JSON_STRING && node->len >= 2 ? node->len - 2 : 0;
    if (node == NULL || node->type != DAM_JSON_STRING) {
        (void)snprintf(want, sizeof(want),
                       "json: cannot unmarshal non-string into Go value of "
                       "type %s",
                       type);
    } else if (node->len < 2 || node->text[0] != '0' || (node->text[1] | 0x20) != 'x') {
        (void)snprintf(want, sizeof(want),
                       "json: cannot unmarshal hex string without 0x prefix "
                       "into Go value of type %s",
                       type);
    } else if (digits != 2 * size) {
        (void)snprintf(want, sizeof(want), "json: hex string has length %zu, want %zu for %s",
                       digits, 2 * size, type);
    } else {
        (void)snprintf(want, sizeof(want), "json: invalid hex string for %s", type);
    }
    return bad(rpc, index, node, want);
}

bool dam_rpc_address(struct dam_rpc *rpc, size_t index, struct dam_address *ret)
{
    const struct dam_json *node = dam_rpc_param(rpc, index);
    return read_fixed(node, ret->b, 20) || bad_fixed(rpc, index, node, 20, "common.Address");
}

bool dam_rpc_hash(struct dam_rpc *rpc, size_t index, struct dam_hash *ret)
{
    const struct dam_json *node = dam_rpc_param(rpc, index);
    return read_fixed(node, ret->b, 32) || bad_fixed(rpc, index, node, 32, "common.Hash");
}

bool dam_rpc_u256(struct dam_rpc *rpc, size_t index, struct dam_u256 *ret)
{
    const struct dam_json *node = dam_rpc_param(rpc, index);
    return dam_json_any_u256(node, ret) == DAM_OK ||
           bad(rpc, index, node, "not a number of at most 256 bits");
}

bool dam_rpc_quantity(struct dam_rpc *rpc, size_t index, uint64_t *ret)
{
    struct dam_u256 value;
    const struct dam_json *node = dam_rpc_param(rpc, index);
    if (dam_json_any_u256(node, &value) != DAM_OK || !dam_u256_to_u64(&value, ret)) {
        return bad(rpc, index, node, "not a number of at most 64 bits");
    }
    return true;
}

static bool read_data(struct dam_rpc *rpc, const struct dam_json *node, struct dam_bytes *ret)
{
    return node != NULL && node->type == DAM_JSON_STRING && node->len >= 2 &&
           node->text[0] == '0' && (node->text[1] | 0x20) == 'x' &&
           dam_json_hex(node, rpc->arena, ret) == DAM_OK;
}

bool dam_rpc_data(struct dam_rpc *rpc, size_t index, struct dam_bytes *ret)
{
    const struct dam_json *node = dam_rpc_param(rpc, index);
    return read_data(rpc, node, ret) ||
           bad(rpc, index, node, "not bytes: \"0x\" and an even number of hex digits");
}

bool dam_rpc_bool(struct dam_rpc *rpc, size_t index, bool fallback, bool *ret)
{
    const struct dam_json *node = dam_rpc_param(rpc, index);
    if (node == NULL) {
        *ret = fallback;
        return true;
    }
    return dam_json_bool(node, ret) == DAM_OK || bad(rpc, index, node, "not true or false");
}

static const struct dam_json *member(const struct dam_json *object, const char *key)
{
    const struct dam_json *node = dam_json_get(object, key);
    return dam_json_is_null(node) ? NULL : node;
}

static bool bad_member(struct dam_rpc *rpc, const char *key, const char *want)
{
    dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument: %s: %s", key, want);
    return false;
}

bool dam_rpc_member_address(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                            struct dam_address *ret, bool *ret_has)
{
    const struct dam_json *node = member(object, key);
    *ret_has = node != NULL;
    return node == NULL || read_fixed(node, ret->b, 20) || bad_member(rpc, key, "not an address");
}

bool dam_rpc_member_hash(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                         struct dam_hash *ret, bool *ret_has)
{
    const struct dam_json *node = member(object, key);
    *ret_has = node != NULL;
    return node == NULL || read_fixed(node, ret->b, 32) || bad_member(rpc, key, "not 32 bytes");
}

bool dam_rpc_member_u256(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                         struct dam_u256 *ret, bool *ret_has)
{
    const struct dam_json *node = member(object, key);
    *ret_has = node != NULL;
    return node == NULL || dam_json_any_u256(node, ret) == DAM_OK ||
           bad_member(rpc, key, "not a number of at most 256 bits");
}

bool dam_rpc_member_u64(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                        uint64_t *ret, bool *ret_has)
{
    struct dam_u256 value = {{0}};
    if (!dam_rpc_member_u256(rpc, object, key, &value, ret_has)) {
        return false;
    }
    return !*ret_has || dam_u256_to_u64(&value, ret) ||
           bad_member(rpc, key, "not a number of at most 64 bits");
}

bool dam_rpc_member_data(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                         struct dam_bytes *ret, bool *ret_has)
{
    const struct dam_json *node = member(object, key);
    *ret_has = node != NULL;
    return node == NULL || read_data(rpc, node, ret) || bad_member(rpc, key, "not bytes");
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static bool block_by_number(struct dam_rpc *rpc, uint64_t number, struct dam_rpc_block *ret)
{
    struct dam_ledger_chain *chain = rpc->ledger->chain;
    struct dam_store_txn *txn = dam_ledger_chain_reader(chain);
    if (number > chain->head.header.number) {
        return true;
    }
    enum dam_err err = txn != NULL ? dam_ledger_chain_block(txn, number, &ret->block) : DAM_EIO;
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        dam_rpc_fail_err(rpc, err);
        return false;
    }
    ret->found = err == DAM_OK;
    return true;
}

static bool block_by_hash(struct dam_rpc *rpc, const struct dam_hash *hash,
                          struct dam_rpc_block *ret)
{
    uint64_t number = 0;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    enum dam_err err = txn != NULL ? dam_ledger_chain_number_of(txn, hash, &number) : DAM_EIO;
    if (err == DAM_ENOTFOUND) {
        return true;
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return false;
    }
    return block_by_number(rpc, number, ret);
}

bool dam_rpc_block_of(struct dam_rpc *rpc, const struct dam_json *node, size_t index,
                      struct dam_rpc_block *ret)
{
    struct dam_hash hash;
    uint64_t number;
    uint64_t head = rpc->ledger->chain->head.header.number;
    memset(ret, 0, sizeof(*ret));
    if (node == NULL) {
        return block_by_number(rpc, head, ret);
    }
    if (node->type == DAM_JSON_OBJECT) { /* EIP-1898 */
        const struct dam_json *by_hash = member(node, "blockHash");
        const struct dam_json *by_number = member(node, "blockNumber");
        if (by_hash != NULL && read_fixed(by_hash, hash.b, 32)) {
            return block_by_hash(rpc, &hash, ret);
        }
        return by_number != NULL && by_number->type == DAM_JSON_STRING
                   ? dam_rpc_block_of(rpc, by_number, index, ret)
                   : bad(rpc, index, node, "neither blockHash nor blockNumber is there");
    }
    if (dam_json_is(node, "pending")) {
        ret->pending = true;
        return block_by_number(rpc, head, ret);
    }
    /* A block is final when it is on disk: nobody else makes blocks. */
    if (dam_json_is(node, "latest") || dam_json_is(node, "safe") ||
        dam_json_is(node, "finalized")) {
        return block_by_number(rpc, head, ret);
    }
    if (dam_json_is(node, "earliest")) {
        return block_by_number(rpc, 0, ret);
    }
    if (read_fixed(node, hash.b, 32)) {
        return block_by_hash(rpc, &hash, ret);
    }
    if (node->type == DAM_JSON_NUMBER ? dam_json_u64(node, &number) == DAM_OK
                                      : dam_json_quantity(node, &number) == DAM_OK) {
        return block_by_number(rpc, number, ret);
    }
    return bad(rpc, index, node,
               node->type == DAM_JSON_STRING ? "hex string without 0x prefix"
                                             : "not a block number, tag or hash");
}

bool dam_rpc_block(struct dam_rpc *rpc, size_t index, struct dam_rpc_block *ret)
{
    if (!dam_rpc_block_of(rpc, dam_rpc_param(rpc, index), index, ret)) {
        return false;
    }
    if (!ret->found) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "header not found");
    }
    return ret->found;
}

bool dam_rpc_view(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                  struct dam_builder_view *ret)
{
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    bool newest = block->header.number == chain->head.header.number;
    if (block->header.number < dam_ledger_chain_oldest_state(chain)) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER,
                     "missing trie node: the state of block %" PRIu64
                     " is no longer kept (--history), the oldest is %" PRIu64,
                     block->header.number, dam_ledger_chain_oldest_state(chain));
        return false;
    }
    enum dam_err err =
        dam_ledger_view(rpc->ledger, newest ? DAM_STATE_NEWEST : block->version, ret);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    }
    return err == DAM_OK;
}
