// SPDX-License-Identifier: Apache-2.0
/* A JSON-RPC reply under way: one object a call, and in it the results that may only leave when the
 * turn is durable. When it is, such a result stands, or gives its place to an error or a receipt.
 */
#ifndef DAM_LEDGER_RPC_REPLY_H
#define DAM_LEDGER_RPC_REPLY_H

#include "ledger/rpc.h"

struct dam_rpc_mark; /* a held result; private */

struct dam_rpc_reply {
    struct dam_json_writer w;
    struct dam_buf out;
    struct dam_rpc_mark *marks;
    size_t mark_count; /* 0: it may leave as it is */
    size_t mark_size;
};

/** Begin. The reply may not be moved. */
void dam_rpc_reply_init(struct dam_rpc_reply *reply);

void dam_rpc_reply_finish(struct dam_rpc_reply *reply);

/** Open a call's object, up to its result or error. In: id: NULL for null. */
void dam_rpc_reply_begin(struct dam_rpc_reply *reply, const struct dam_json *id);

/** A call's object that is an error. */
void dam_rpc_reply_fail(struct dam_rpc_reply *reply, const struct dam_json *id, int code,
                        const char *text);

/** The member "error". In: data: NULL for none. */
void dam_rpc_put_error(struct dam_json_writer *w, int code, const char *text,
                       const struct dam_bytes *data);

/** Hold the result that was just written. In: result_at: where `"result":` begins. Out of memory
 *  makes the whole reply an error. */
void dam_rpc_reply_hold(struct dam_rpc_reply *reply, const struct dam_rpc *rpc, size_t result_at);

/** The turn is over: write what the held results have become. In: err: why it is not durable.
 *  Afterwards nothing is held. */
void dam_rpc_reply_settle(struct dam_rpc_reply *reply, struct dam_ledger *ledger, enum dam_err err);

#endif
