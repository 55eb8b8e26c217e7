// SPDX-License-Identifier: Apache-2.0
/* JSON-RPC 2.0 to one endpoint. Answers are checked for form, id and size, and live in the caller's
 * arena. Blocks; one thread. */
#ifndef DAM_CHAIN_RPC_H
#define DAM_CHAIN_RPC_H

#include "base/json.h"
#include "port/http_client.h"

#define DAM_RPC_URL_SIZE 512u
#define DAM_RPC_MESSAGE_SIZE 256u
#define DAM_RPC_ANSWER_LEN_MAX (64u << 20)

struct dam_rpc {
    const struct dam_http_client *http; /* borrowed */
    char url[DAM_RPC_URL_SIZE];
    uint32_t timeout_ms; /* of each call */
    uint64_t id_next;
};

/* The node's own "no". */
struct dam_rpc_error {
    int64_t code;
    char message[DAM_RPC_MESSAGE_SIZE]; /* cut if longer */
    struct dam_bytes data;              /* revert data, as bytes in the arena; may be empty */
};

/** In: url: DAM_HTTP_CLIENT_SCHEMES, below DAM_RPC_URL_SIZE; copied. Returns: DAM_OK or DAM_EPARSE.
 */
DAM_MUST_USE enum dam_err dam_rpc_init(struct dam_rpc *rpc, const struct dam_http_client *http,
                                       const char *url, uint32_t timeout_ms);

/** Call a method.
 *  Returns: DAM_OK with *ret the result (perhaps JSON null); DAM_EREFUSED with *ret_error set if
 *           the node answered with an error; DAM_EPARSE if its answer is not JSON-RPC;
 *           the transport's errors (port/http_client.h); DAM_ENOMEM.
 *  In:      params: a JSON array, as text; "[]" if there are none. */
DAM_MUST_USE enum dam_err dam_rpc_call(struct dam_rpc *rpc, struct dam_arena *arena,
                                       const char *method, struct dam_bytes params,
                                       const struct dam_json **ret,
                                       struct dam_rpc_error *ret_error);

#endif
