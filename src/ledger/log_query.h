// SPDX-License-Identifier: Apache-2.0
/* The filter object of eth_getLogs, eth_newFilter and eth_subscribe: which logs are asked for. */
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

/** Can a block with this bloom have a match? */
bool dam_log_query_may_match(const struct dam_log_query *query, const struct dam_bloom *bloom);

#endif
