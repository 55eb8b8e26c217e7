// SPDX-License-Identifier: Apache-2.0
/* What a ledger tells of itself in numbers, and their text for Prometheus. They are measured on the
 * ledger's thread; what was measured is a value that anyone may have. */
#ifndef DAM_LEDGER_METRICS_H
#define DAM_LEDGER_METRICS_H

#include "ledger/ledger.h"

/* Name, type and meaning. */
#define DAM_LEDGER_METRICS(X)                                                                      \
    X(head_number, "gauge", "Number of the newest block.")                                         \
    X(head_timestamp_seconds, "gauge", "Time of the newest block.")                                \
    X(blocks_total, "counter", "Blocks made since the start.")                                     \
    X(transactions_total, "counter", "Transactions in them.")                                      \
    X(gas_total, "counter", "Gas used by them.")                                                   \
    X(execute_nanoseconds_total, "counter", "Running and sealing blocks.")                         \
    X(commit_nanoseconds_total, "counter", "Making blocks durable.")                               \
    X(commits_refused_total, "counter", "Writes that the disk refused.")                           \
    X(transactions_rejected_total, "counter", "Dropped when their turn came.")                     \
    X(pool_transactions, "gauge", "Transactions that wait.")                                       \
    X(rpc_requests_total, "counter", "JSON-RPC calls.")                                            \
    X(rpc_errors_total, "counter", "JSON-RPC calls that failed.")                                  \
    X(store_unsettled_commits, "gauge", "Commits that only the journal has.")                      \
    X(store_bytes, "gauge", "Bytes of the store's file.")                                          \
    X(store_commits_total, "counter", "Durable transactions of the store.")                        \
    X(http_requests_total, "counter", "HTTP requests.")                                            \
    X(http_connections, "gauge", "Open connections.")                                              \
    X(http_websockets, "gauge", "Open WebSockets.")                                                \
    X(http_dropped_slow_total, "counter", "Clients dropped: too slow.")                            \
    X(http_dropped_limit_total, "counter", "Clients dropped: a limit.")

struct dam_ledger_metrics {
#define X(name, type, help) uint64_t name;
    DAM_LEDGER_METRICS(X)
#undef X
};

/** Measure. What the ledger does not have (a server, a readable store) is 0. */
void dam_ledger_measure(struct dam_ledger *ledger, struct dam_ledger_metrics *ret);

/* Whose they are, where one process has several ledgers. */
struct dam_ledger_measured {
    size_t machine;
    struct dam_ledger_metrics metrics;
};

/** Append the metrics of some ledgers in Prometheus's text form; nothing for none. In: is_labelled:
 *  each with its machine="N"; else there is one ledger. */
void dam_ledger_metrics_put(struct dam_buf *buf, const struct dam_ledger_measured *ledgers,
                            size_t count, bool is_labelled);

#endif
