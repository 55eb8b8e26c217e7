// SPDX-License-Identifier: Apache-2.0
/* JSON-RPC inside the ledger: one table row a method, what a handler is handed, and the helpers
 * that read parameters and write results as geth does. For the rpc_*.c files only. */
#ifndef DAM_LEDGER_RPC_H
#define DAM_LEDGER_RPC_H

#include "base/json.h"
#include "ledger/node.h"

/* Error codes (JSON-RPC 2.0, EIP-1474, geth). */
enum dam_rpc_code {
    DAM_RPC_PARSE = -32700,
    DAM_RPC_INVALID = -32600,
    DAM_RPC_NO_METHOD = -32601,
    DAM_RPC_BAD_PARAMS = -32602,
    DAM_RPC_INTERNAL = -32603,
    DAM_RPC_SERVER = -32000,
    DAM_RPC_NOT_FOUND = -32001,
    DAM_RPC_TOO_LARGE = -32003,
    DAM_RPC_LIMIT = -32005,
    DAM_RPC_REVERT = 3,
    DAM_RPC_TX_WAITING = 4,
};

/* A raw transaction that was read ahead, see rpc_request.c. */
struct dam_rpc_send {
    const struct dam_json *param; /* the call's first one; NULL: none */
    bool is_read;                 /* it is hex, and what follows is set */
    enum dam_err err;             /* as dam_ledger_read_tx */
    struct dam_signed_tx tx;
    struct dam_offer_fault fault;
};

/* What a call that runs in several parts keeps from one to the next. */
struct dam_rpc_note {
    uint64_t number; /* the method's own; 0 at first */
    void *held;      /* what is not to go away until then, */
    /* called on the loop's thread when its part on a worker has ended, or did not begin; NULL:
     * nothing is held */
    void (*let_go)(struct dam_rpc_note *note);
};

/* One call. The handler writes one JSON value to w, or fails. */
struct dam_rpc {
    struct dam_ledger *ledger;
    struct dam_rpc_request *request;
    const struct dam_json *params; /* an array, or NULL */
    struct dam_rpc_send *send;     /* its transaction if it was read ahead, else NULL */
    struct dam_json_writer *w;
    struct dam_arena *arena; /* until the call ends */
    struct dam_ws *ws;       /* who asks, for subscriptions; NULL over HTTP */
    uint64_t began_ns;       /* uv_hrtime of it */
    /* Its wish to be called again, on the loop's thread, with the note as it leaves it: of a method
     * in slices, when others have had their turn; of a worker's, when the rest is not for a worker.
     * What it wrote is forgotten then. */
    bool again;
    struct dam_rpc_note *note;
    int error_code; /* 0: none */
    char error_text[512];
    struct dam_bytes error_data; /* hex'd into "data" if error_has_data */
    bool error_has_data;
    /* The reply waits until the turn is durable: a transaction was accepted. */
    bool hold;
    bool hold_receipt; /* and then the receipt is the result */
    struct dam_hash hold_hash;
};

typedef void dam_rpc_fn(struct dam_rpc *rpc);

/* Where a method runs. */
enum dam_rpc_where {
    DAM_RPC_LOOP,   /* on the loop's thread: all of rpc->ledger is there */
    DAM_RPC_SEND,   /* there too; its first parameter is a raw transaction, read ahead */
    DAM_RPC_WORKER, /* on another thread, with what rpc_work.h says of rpc->ledger; it may also be
                     * called on the loop's thread */
    DAM_RPC_SLICES, /* on the loop's thread, as often as it sets rpc->again */
};

struct dam_rpc_method {
    const char *name;
    dam_rpc_fn *fn;
    bool dev; /* only with --dev */
    enum dam_rpc_where where;
    uint8_t arg_max; /* more are refused, as geth does; not with --dev's own, whose peers differ */
    /* Of a WORKER: called on the loop's thread before, to note what only that thread knows. It
     * writes nothing, changes nothing that letting go does not change back, and leaves complaints
     * to fn. Returns: false: it is a small call, and fn may run on the loop's thread; nothing is
     * noted. NULL: nothing to prepare. */
    bool (*prepare)(struct dam_rpc *rpc);
};

/** The methods of each file, ended by an entry without a name. */
extern const struct dam_rpc_method dam_rpc_eth_methods[];
extern const struct dam_rpc_method dam_rpc_call_methods[];
extern const struct dam_rpc_method dam_rpc_tx_methods[];
extern const struct dam_rpc_method dam_rpc_log_methods[];
extern const struct dam_rpc_method dam_rpc_debug_methods[];
extern const struct dam_rpc_method dam_rpc_simulate_methods[];
extern const struct dam_rpc_method dam_rpc_dev_methods[];
extern const struct dam_rpc_method dam_rpc_misc_methods[];
extern const struct dam_rpc_method dam_rpc_fee_methods[];
extern const struct dam_rpc_method dam_rpc_config_methods[];

/** A method by its name, of all of these. Returns: NULL if there is none. In: name: a string. */
const struct dam_rpc_method *dam_rpc_method_find(const struct dam_json *name);

/** Read one request or batch for a WebSocket client; see dam_ledger_rpc. In: ws: NULL for others.
 */
void dam_rpc_handle(struct dam_ledger *ledger, const char *text, size_t len, struct dam_ws *ws,
                    dam_ledger_reply_fn *reply, void *ctx);

/** A WebSocket client has gone: replies that wait for it go nowhere. */
void dam_rpc_ws_gone(struct dam_ledger *ledger, const struct dam_ws *ws);

/** Fail the call. The first failure counts. */
void dam_rpc_fail(struct dam_rpc *rpc, int code, const char *fmt, ...) DAM_PRINTF(3, 4);

#define DAM_RPC_SLICE_NS ((uint64_t)5 * 1000 * 1000) /* what one call may hold the loop for */

/** Has the call had its time? For loops that may be long. Returns: true after failing the call. */
bool dam_rpc_is_over(struct dam_rpc *rpc);

/** Fail with what the store or the machine said; DAM_ETIMEOUT is the call's time. */
void dam_rpc_fail_err(struct dam_rpc *rpc, enum dam_err err);

/* Parameters; each returns false after failing the call with which argument was wrong and how. */
size_t dam_rpc_count(const struct dam_rpc *rpc);
const struct dam_json *dam_rpc_param(const struct dam_rpc *rpc, size_t index); /* NULL: none */
bool dam_rpc_address(struct dam_rpc *rpc, size_t index, struct dam_address *ret);
bool dam_rpc_hash(struct dam_rpc *rpc, size_t index, struct dam_hash *ret);
bool dam_rpc_quantity(struct dam_rpc *rpc, size_t index, uint64_t *ret);
bool dam_rpc_u256(struct dam_rpc *rpc, size_t index, struct dam_u256 *ret);
bool dam_rpc_data(struct dam_rpc *rpc, size_t index, struct dam_bytes *ret);
bool dam_rpc_bool(struct dam_rpc *rpc, size_t index, bool fallback, bool *ret);

/* The same for a member of an object; absent is fine and leaves *ret as it is. */
bool dam_rpc_member_address(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                            struct dam_address *ret, bool *ret_has);
bool dam_rpc_member_u64(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                        uint64_t *ret, bool *ret_has);
bool dam_rpc_member_u256(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                         struct dam_u256 *ret, bool *ret_has);
bool dam_rpc_member_data(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                         struct dam_bytes *ret, bool *ret_has);
bool dam_rpc_member_hash(struct dam_rpc *rpc, const struct dam_json *object, const char *key,
                         struct dam_hash *ret, bool *ret_has);

/* A block that a parameter names. */
struct dam_rpc_block {
    bool found;
    bool pending; /* the tag; block is the head then */
    struct dam_ledger_chain_block block;
};

/** A number, tag, hash, or EIP-1898 object; a missing parameter is "latest". Returns: false after
 *  failing; true with ret->found false if there is no such block. */
bool dam_rpc_block_of(struct dam_rpc *rpc, const struct dam_json *node, size_t index,
                      struct dam_rpc_block *ret);
/** The same by parameter; a block that is not there fails with "header not found". */
bool dam_rpc_block(struct dam_rpc *rpc, size_t index, struct dam_rpc_block *ret);

/** The view of the state after a block. Fails if that state is no longer kept. */
bool dam_rpc_view(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                  struct dam_builder_view *ret);

/** The root of a view's state. What a development method wrote between two blocks belongs to the
 *  state after the first, so this need not be its header's. Returns: DAM_OK or an error of the
 *  store. */
DAM_MUST_USE enum dam_err dam_rpc_root(const struct dam_rpc *rpc, const struct dam_state *state,
                                       struct dam_hash *ret);

/* Results. */
void dam_rpc_put_hash(struct dam_json_writer *w, const struct dam_hash *hash);
void dam_rpc_put_address(struct dam_json_writer *w, const struct dam_address *address);

/** A member of each kind: key and value. */
void dam_rpc_put_hash_at(struct dam_json_writer *w, const char *key, const struct dam_hash *hash);
void dam_rpc_put_address_at(struct dam_json_writer *w, const char *key,
                            const struct dam_address *address);

/* Where a transaction is; NULL for one that waits. */
struct dam_rpc_place {
    const struct dam_ledger_chain_block *block;
    uint32_t index;
};

void dam_rpc_put_tx(struct dam_json_writer *w, const struct dam_tx *tx, const struct dam_hash *hash,
                    const struct dam_address *sender, const struct dam_rpc_place *place);
void dam_rpc_put_header_members(struct dam_json_writer *w, const struct dam_header *header,
                                const struct dam_hash *hash);
void dam_rpc_put_log(struct dam_json_writer *w, const struct dam_log *log,
                     const struct dam_ledger_chain_block *block, const struct dam_hash *tx_hash,
                     uint32_t tx_index, uint32_t log_index, bool removed);
/** A stored block with its transactions' hashes or whole. */
enum dam_err dam_rpc_put_block(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                               bool full);
enum dam_err dam_rpc_put_receipt(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                                 uint32_t index);

/* ---- calls, shared by eth_call, estimates, traces and simulations ---------------------------- */

/* A call object read from JSON. */
struct dam_rpc_call {
    struct dam_evm_tx tx;
    const struct dam_authorization *authorizations; /* as signed; as many as tx has */
    bool has_from, has_to, has_gas, has_gas_price, has_max_fee, has_priority_fee, has_value,
        has_nonce, has_chain_id;
};

/** The gas that the call's parameters need, as eth_estimateGas finds it. Returns: false after
 *  failing the call. In: gas_max: of a try, where less is allowed than the rules do. */
bool dam_rpc_estimate_gas(struct dam_rpc *rpc, uint64_t gas_max, uint64_t *ret);

/** Read a transaction object. In: node: NULL fails. */
bool dam_rpc_read_call(struct dam_rpc *rpc, const struct dam_json *node, struct dam_rpc_call *ret);

/** The call as an unsigned transaction of this chain. Returns: false after failing the call. Out:
 *  borrows from call. */
bool dam_rpc_call_to_tx(struct dam_rpc *rpc, const struct dam_rpc_call *call, struct dam_tx *ret);

/** Put state overrides into the open session. In: node: may be NULL. */
bool dam_rpc_override_state(struct dam_rpc *rpc, const struct dam_json *node);

/** Change the environment by block overrides. In: node: may be NULL. */
bool dam_rpc_override_block(struct dam_rpc *rpc, const struct dam_json *node,
                            struct dam_evm_block *block);

/** Fail as geth does when a call has failed: revert data with its reason, or the EVM's error. */
void dam_rpc_fail_receipt(struct dam_rpc *rpc, const struct dam_evm_receipt *receipt);

#endif
