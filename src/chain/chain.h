// SPDX-License-Identifier: Apache-2.0
/* A client of any EVM chain: the embedded one, or one or several JSON-RPC endpoints of the same
 * chain. Ordinary reads go to the first endpoint that answers; reads that money or law depends on
 * are asked of all and must agree. Everything read is checked for form; headers are hashed again,
 * so that a block's fields are worth as much as its hash. Results live in the caller's arena.
 * Blocks; one thread. */
#ifndef DAM_CHAIN_CHAIN_H
#define DAM_CHAIN_CHAIN_H

#include "chain/rpc.h"
#include "core/eth/block.h"
#include "core/eth/receipt.h"

#define DAM_REMOTE_ENDPOINTS_MAX 8u

struct dam_remote {
    struct dam_rpc endpoints[DAM_REMOTE_ENDPOINTS_MAX];
    size_t endpoint_count;
    size_t agree_min; /* endpoints that must give the same answer, see dam_remote_ask_all */
    uint64_t chain_id;
    struct dam_rpc_error error; /* of the last call that gave DAM_EREFUSED */
};

/** Connect: asks every endpoint for its chain id. Endpoints that are down are kept and tried again
 *  later, but one must answer.
 *  Returns: DAM_OK; DAM_ECONFLICT if two endpoints are on different chains; DAM_EPARSE for a URL;
 *           DAM_ERANGE for too many; or why the last one did not answer.
 *  In:      agree_min: 1 to count. */
DAM_MUST_USE enum dam_err dam_remote_open(struct dam_remote *chain, struct dam_arena *arena,
                                          const struct dam_http_client *http,
                                          const char *const *urls, size_t count, size_t agree_min,
                                          uint32_t timeout_ms);

/** Ask the endpoints in turn until one answers. Returns: as dam_rpc_call. */
DAM_MUST_USE enum dam_err dam_remote_ask(struct dam_remote *chain, struct dam_arena *arena,
                                         const char *method, struct dam_bytes params,
                                         const struct dam_json **ret);

/** Ask all endpoints. The answers are compared by their "hash" if they are objects that have one,
 *  else as a whole.
 *  Returns: DAM_OK if at least agree_min answered and all that answered agree; DAM_ECONFLICT if two
 *           differ; DAM_EAGAIN if too few answered; or as dam_rpc_call with one endpoint. */
DAM_MUST_USE enum dam_err dam_remote_ask_all(struct dam_remote *chain, struct dam_arena *arena,
                                             const char *method, struct dam_bytes params,
                                             const struct dam_json **ret);

/* Which block. Numbers are exact; tags move. */
enum dam_remote_tag {
    DAM_REMOTE_NUMBER,
    DAM_REMOTE_LATEST,
    DAM_REMOTE_PENDING,
    DAM_REMOTE_FINAL, /* "finalized" */
};

struct dam_remote_at {
    enum dam_remote_tag tag;
    uint64_t number; /* of DAM_REMOTE_NUMBER */
};

static inline struct dam_remote_at dam_remote_at_number(uint64_t number)
{
    return (struct dam_remote_at){DAM_REMOTE_NUMBER, number};
}

static inline struct dam_remote_at dam_remote_at_tag(enum dam_remote_tag tag)
{
    return (struct dam_remote_at){tag, 0};
}

/** A header, asked of all endpoints and hashed. Returns: DAM_OK with its hash; DAM_ENOTFOUND if the
 *  chain has no such block (yet); DAM_ECORRUPT if the fields do not hash to the hash. */
DAM_MUST_USE enum dam_err dam_remote_header(struct dam_remote *chain, struct dam_arena *arena,
                                            struct dam_remote_at at, struct dam_header *ret,
                                            struct dam_hash *ret_hash);

DAM_MUST_USE enum dam_err dam_remote_balance(struct dam_remote *chain, struct dam_arena *arena,
                                             const struct dam_address *address,
                                             struct dam_remote_at at, struct dam_u256 *ret);
DAM_MUST_USE enum dam_err dam_remote_nonce(struct dam_remote *chain, struct dam_arena *arena,
                                           const struct dam_address *address,
                                           struct dam_remote_at at, uint64_t *ret);
DAM_MUST_USE enum dam_err dam_remote_code(struct dam_remote *chain, struct dam_arena *arena,
                                          const struct dam_address *address,
                                          struct dam_remote_at at, struct dam_bytes *ret);

/* A call that changes nothing. */
struct dam_remote_call {
    const struct dam_address *from; /* NULL: the zero account */
    const struct dam_address *to;   /* NULL: a creation */
    struct dam_bytes data;
    struct dam_u256 value;
};

/** eth_call. Returns: DAM_OK with the output; DAM_EREFUSED with chain->error (and the revert data
 *  in it) if it reverted. */
DAM_MUST_USE enum dam_err dam_remote_call(struct dam_remote *chain, struct dam_arena *arena,
                                          const struct dam_remote_call *call,
                                          struct dam_remote_at at, struct dam_bytes *ret);

DAM_MUST_USE enum dam_err dam_remote_estimate_gas(struct dam_remote *chain, struct dam_arena *arena,
                                                  const struct dam_remote_call *call,
                                                  uint64_t *ret);

/** Fees for a transaction that should be mined soon: twice the base fee plus the node's tip. */
DAM_MUST_USE enum dam_err dam_remote_fees(struct dam_remote *chain, struct dam_arena *arena,
                                          struct dam_u256 *ret_max_fee,
                                          struct dam_u256 *ret_max_priority_fee);

/** Hand a signed transaction to every endpoint. Harmless to repeat.
 *  Returns: DAM_OK if one took it, or has it already; else why the last one did not. */
DAM_MUST_USE enum dam_err dam_remote_send_raw(struct dam_remote *chain, struct dam_arena *arena,
                                              struct dam_bytes raw);

struct dam_remote_receipt {
    bool succeeded;
    bool is_create;
    struct dam_hash tx_hash;
    struct dam_hash block_hash;
    uint64_t block_number;
    uint64_t gas_used;
    struct dam_u256 gas_price;   /* paid, per gas */
    struct dam_address contract; /* of a creation */
    const struct dam_log *logs;
    size_t log_count;
};

/** Returns: DAM_OK; DAM_ENOTFOUND while it is not mined. */
DAM_MUST_USE enum dam_err dam_remote_receipt(struct dam_remote *chain, struct dam_arena *arena,
                                             const struct dam_hash *tx_hash,
                                             struct dam_remote_receipt *ret);

struct dam_remote_log {
    struct dam_log log;
    uint64_t block_number;
    uint64_t index; /* in its block */
    struct dam_hash tx_hash;
};

/** Logs of some contracts in a range of blocks, both ends included, in chain order.
 *  Returns: DAM_OK; DAM_ECORRUPT if the node gives logs outside the range, of other contracts, out
 *           of order, or marked as removed.
 *  In:      addresses: NULL with 0: of all. */
DAM_MUST_USE enum dam_err dam_remote_logs(struct dam_remote *chain, struct dam_arena *arena,
                                          uint64_t from, uint64_t to,
                                          const struct dam_address *addresses, size_t address_count,
                                          const struct dam_remote_log **ret, size_t *ret_count);

/** An account and some of its slots, proven against a state root that is trusted.
 *  Returns: DAM_OK; DAM_ECORRUPT if a proof does not hold.
 *  Out:     ret_exists: false for an account that is proven absent; ret_values: one a key. */
DAM_MUST_USE enum dam_err dam_remote_proof(struct dam_remote *chain, struct dam_arena *arena,
                                           const struct dam_hash *state_root, uint64_t number,
                                           const struct dam_address *address,
                                           const struct dam_u256 *keys, size_t key_count,
                                           struct dam_account *ret, bool *ret_exists,
                                           struct dam_u256 *ret_values);

#endif
