// SPDX-License-Identifier: Apache-2.0
/* The embedded chain, whole: store, pool, producer, JSON-RPC, on one libuv loop whose thread owns
 * everything. `dam ledger` runs it alone, `dam up` in its own process. What it acknowledges is on
 * disk: a submission is answered after the block (or the pool's record) is durable.
 *
 * In process it is used like from outside: dam_ledger_rpc takes JSON-RPC text without a socket; the
 * typed calls below are for hot paths. */
#ifndef DAM_LEDGER_LEDGER_H
#define DAM_LEDGER_LEDGER_H

#include <uv.h>

#include "core/evm/evm.h"
#include "ledger/chain.h"
#include "ledger/pool.h"
#include "port/clock.h"

struct dam_ledger; /* see ledger/node.h, private to the room */

struct dam_ledger_options {
    const char *data_dir; /* borrowed for the open */
    /* genesis.json text for a new ledger; NULL: go on with what is there. */
    const char *genesis;
    size_t genesis_len;
    bool genesis_is_default;    /* a ledger that is there may have begun with another one */
    bool dev;                   /* development methods and unlocked accounts */
    uint64_t block_interval_ms; /* 0: a block as soon as there are transactions */
    uint64_t history;           /* blocks whose bodies and states are kept; 0: all */
    size_t store_len_max;       /* 0: 1 TiB */
    uint64_t call_gas_max;      /* of eth_call and its like; 0: 2^32 with --dev, else 50,000,000 */
    uint64_t call_time_max_ms;  /* of eth_call and its like; 0: 5,000 */
    uint64_t gas_limit;         /* of new blocks; 0: as the genesis has it */
    struct dam_address coinbase;
    struct dam_pool_limits pool;
    const struct dam_clock *clock; /* NULL: the system's; borrowed for the ledger's life */
};

/** Open the ledger and take part in the loop. Returns: as dam_ledger_chain_open, fault->text in
 * words. */
DAM_MUST_USE enum dam_err dam_ledger_open(uv_loop_t *loop, const struct dam_ledger_options *options,
                                          struct dam_ledger **ret, struct dam_store_fault *fault);

/** Close: answers what waits, closes handles (the loop must turn once more) and the store. */
void dam_ledger_close(struct dam_ledger *ledger);

/** Called once with the answer of dam_ledger_rpc; text is borrowed for the call, empty if the
 *  request was nothing but notifications. */
typedef void dam_ledger_reply_fn(void *ctx, const char *text, size_t len);

/** Handle one JSON-RPC request or batch. The reply may come within the call or later. In: text:
 *  borrowed for the call. */
void dam_ledger_rpc(struct dam_ledger *ledger, const char *text, size_t len,
                    dam_ledger_reply_fn *reply, void *ctx);

/** The chain, for reading between turns of the loop. */
struct dam_ledger_chain *dam_ledger_chain(struct dam_ledger *ledger);

/** Listen for JSON-RPC over HTTP and WebSocket. May be called once for TCP and once for a Unix
 *  socket. Returns: as dam_http_listen. In: cors: the Origin that browsers may come from, "*" for
 *  any, NULL for none. */
DAM_MUST_USE enum dam_err dam_ledger_serve(struct dam_ledger *ledger, const char *host,
                                           uint16_t port, const char *cors, uint16_t *ret_port);
DAM_MUST_USE enum dam_err dam_ledger_serve_unix(struct dam_ledger *ledger, const char *path);

#endif
