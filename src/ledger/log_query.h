// SPDX-License-Identifier: Apache-2.0
/* The filter object of eth_getLogs, eth_newFilter and eth_subscribe: which logs are asked for, and
 * finding them. */
#ifndef DAM_LEDGER_LOG_QUERY_H
#define DAM_LEDGER_LOG_QUERY_H

#include "ledger/rpc.h"

struct dam_log_query {
    struct dam_address *addresses;
    size_t address_count; /* 0: any */
    struct {
        struct dam_hash *list;
        size_t count; /* 0: any */
    } topics[4];
    size_t topic_places;
};

/** Read address and topics of a filter object. Returns: false after failing the call; nothing is to
 *  be finished then. In: node: NULL asks for everything. Out: on the heap. */
bool dam_log_query_read(struct dam_rpc *rpc, const struct dam_json *node,
                        struct dam_log_query *ret);

/** Give its memory back. Accepts a zeroed one. */
void dam_log_query_finish(struct dam_log_query *query);

bool dam_log_query_matches(const struct dam_log_query *query, const struct dam_log *log);

/** Bytes of memory that a query holds. */
size_t dam_log_query_len(const struct dam_log_query *query);

/** Can a block with this bloom have a match? */
bool dam_log_query_may_match(const struct dam_log_query *query, const struct dam_bloom *bloom);

/* Called for each log that matches. Returns: false to stop. */
typedef bool dam_log_fn(void *ctx, const struct dam_log *log,
                        const struct dam_ledger_chain_block *block, const struct dam_hash *tx_hash,
                        uint32_t tx_index, uint32_t log_index);

/** The logs of one block. Out: ret_more: false if visit has stopped. Returns: DAM_OK or an error of
 *  the store. */
enum dam_err dam_log_query_block(struct dam_ledger *ledger, const struct dam_log_query *query,
                                 const struct dam_ledger_chain_block *block, dam_log_fn *visit,
                                 void *ctx, bool *ret_more);

/** The logs of the blocks first..last. In: rpc: whose time it takes, and which may fail. */
DAM_MUST_USE enum dam_err dam_log_query_range(struct dam_rpc *rpc,
                                              const struct dam_log_query *query, uint64_t first,
                                              uint64_t last, dam_log_fn *visit, void *ctx);

#endif
