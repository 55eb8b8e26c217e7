// SPDX-License-Identifier: Apache-2.0
/* A node that answers anything: every read of the chain's client ends in values or in an error. */
#include "base/heap.h"
#include "chain/chain.h"
#include "chain/checkpoint.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dam_bytes result;

static enum dam_err post(void *ctx, const char *url, struct dam_bytes body, uint32_t timeout_ms,
                         struct dam_buf *ret_body, int *ret_status)
{
    (void)ctx;
    (void)url;
    (void)body;
    (void)timeout_ms;
    dam_buf_put_text(ret_body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":");
    dam_buf_put(ret_body, result.data, result.len);
    dam_buf_put_text(ret_body, "}");
    *ret_status = 200;
    return dam_buf_err(ret_body);
}

/* One answer for each method; each begins with the same id. */
static void ask(struct dam_remote *chain, struct dam_arena *arena, unsigned which)
{
    const struct dam_address address = {{1}};
    const struct dam_hash hash = {{2}};
    const struct dam_remote_at at = dam_remote_at_number(7);
    struct dam_header header;
    struct dam_hash block;
    struct dam_u256 word = {{0}};
    struct dam_bytes bytes;
    struct dam_remote_receipt receipt;
    const struct dam_remote_log *logs;
    struct dam_account account;
    size_t count;
    uint64_t nonce;
    bool exists;
    chain->endpoints[0].id_next = 1;
    switch (which) {
    case 0:
        (void)!dam_remote_header(chain, arena, at, &header, &block);
        break;
    case 1:
        (void)!dam_remote_balance(chain, arena, &address, at, &word);
        break;
    case 2:
        (void)!dam_remote_nonce(chain, arena, &address, at, &nonce);
        break;
    case 3:
        (void)!dam_remote_code(chain, arena, &address, at, &bytes);
        break;
    case 4:
        (void)!dam_remote_receipt(chain, arena, &hash, &receipt);
        break;
    case 5:
        (void)!dam_remote_logs(chain, arena, 1, 9, &address, 1, &logs, &count);
        break;
    case 6:
        (void)!dam_remote_proof(chain, arena, &hash, 7, &address, &word, 1, &account, &exists,
                                &word);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const urls[] = {"http://node"};
    const struct dam_http_client http = {.post = post};
    struct dam_remote chain = {.endpoint_count = 1, .agree_min = 1};
    struct dam_arena arena;
    struct dam_checkpoint_origin origin;
    struct dam_signer_checkpoint point;
    struct dam_address key;
    struct dam_record_signature line;
    struct dam_bytes signature;
    dam_arena_init(&arena, dam_heap(), 64u << 20);
    result = dam_bytes(data, size);
    (void)!dam_rpc_init(&chain.endpoints[0], &http, urls[0], 1000);
    for (unsigned which = 0; which < 7; which++) {
        ask(&chain, &arena, which);
        dam_arena_reset(&arena);
    }
    (void)!dam_checkpoint_load(dam_bytes(data, size), &origin, &point, &key, &line, &signature);
    dam_arena_finish(&arena);
    return 0;
}
