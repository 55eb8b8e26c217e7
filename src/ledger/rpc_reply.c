// SPDX-License-Identifier: Apache-2.0
#include "ledger/rpc_reply.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/heap.h"

#define RESPONSE_LEN_MAX ((size_t)60 << 20) /* below what a client may leave unread: 64 MiB */

struct dam_rpc_mark {
    size_t result_at; /* where `"result":` begins */
    size_t end;       /* behind the result */
    struct dam_hash hash;
    bool receipt;
};

void dam_rpc_reply_init(struct dam_rpc_reply *reply)
{
    *reply = (struct dam_rpc_reply){.w = {.buf = &reply->out}};
    dam_buf_init(&reply->out, dam_heap(), RESPONSE_LEN_MAX);
}

void dam_rpc_reply_finish(struct dam_rpc_reply *reply)
{
    dam_buf_finish(&reply->out);
    free(reply->marks);
}

void dam_rpc_put_error(struct dam_json_writer *w, int code, const char *text,
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

void dam_rpc_reply_begin(struct dam_rpc_reply *reply, const struct dam_json *id)
{
    struct dam_json_writer *w = &reply->w;
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

void dam_rpc_reply_fail(struct dam_rpc_reply *reply, const struct dam_json *id, int code,
                        const char *text)
{
    dam_rpc_reply_begin(reply, id);
    dam_rpc_put_error(&reply->w, code, text, NULL);
    dam_json_put_object_end(&reply->w);
}

void dam_rpc_reply_hold(struct dam_rpc_reply *reply, const struct dam_rpc *rpc, size_t result_at)
{
    if (reply->mark_count == reply->mark_size) {
        size_t size = reply->mark_size == 0 ? 1 : reply->mark_size * 4;
        struct dam_rpc_mark *marks = realloc(reply->marks, size * sizeof(*marks));
        if (marks == NULL) {
            reply->out.err = DAM_ENOMEM; /* the whole reply becomes an error */
            return;
        }
        reply->marks = marks;
        reply->mark_size = size;
    }
    reply->marks[reply->mark_count++] =
        (struct dam_rpc_mark){result_at, reply->out.len, rpc->hold_hash, rpc->hold_receipt};
}

/* What goes in the place of a held result: nothing (it stands), an error, or the receipt. */
static bool replace_result(struct dam_ledger *ledger, const struct dam_rpc_mark *mark,
                           enum dam_err err, struct dam_json_writer *w)
{
    const struct dam_rejection *rejection = dam_ledger_rejection(ledger, &mark->hash);
    w->comma = true;
    if (rejection != NULL) {
        dam_rpc_put_error(w, DAM_RPC_SERVER, rejection->text, NULL);
        return true;
    }
    if (err != DAM_OK) {
        char text[160];
        (void)snprintf(text, sizeof(text), "the ledger cannot write: %s; nothing was accepted",
                       dam_builder_err_text(err));
        dam_rpc_put_error(w, DAM_RPC_INTERNAL, text, NULL);
        return true;
    }
    if (!mark->receipt) {
        return false;
    }
    struct dam_rpc rpc = {.ledger = ledger, .w = w, .arena = &ledger->arena};
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
        dam_rpc_put_error(
            w, DAM_RPC_TX_WAITING,
            "The transaction was added to the transaction pool but wasn't processed yet", NULL);
    }
    return true;
}

/* Nothing was refused, and no receipt is asked for: every result stands. */
static bool is_plain(const struct dam_rpc_reply *reply, const struct dam_ledger *ledger,
                     enum dam_err err)
{
    bool plain = err == DAM_OK && ledger->rejections == NULL;
    for (size_t i = 0; i < reply->mark_count; i++) {
        plain = plain && !reply->marks[i].receipt;
    }
    return plain;
}

void dam_rpc_reply_settle(struct dam_rpc_reply *reply, struct dam_ledger *ledger, enum dam_err err)
{
    struct dam_buf out;
    size_t from = 0;
    size_t count = reply->mark_count;
    bool plain = is_plain(reply, ledger, err);
    reply->mark_count = 0;
    if (plain) {
        return;
    }
    dam_buf_init(&out, dam_heap(), RESPONSE_LEN_MAX);
    struct dam_json_writer w = {.buf = &out};
    for (size_t i = 0; i < count; i++) {
        const struct dam_rpc_mark *mark = &reply->marks[i];
        dam_buf_put(&out, reply->out.data + from, mark->result_at - from);
        from = mark->result_at;
        if (replace_result(ledger, mark, err, &w)) {
            from = mark->end;
        }
    }
    dam_buf_put(&out, reply->out.data + from, reply->out.len - from);
    dam_buf_finish(&reply->out);
    reply->out = out;
}
