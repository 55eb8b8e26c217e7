// SPDX-License-Identifier: Apache-2.0
#include "ledger/metrics.h"

#include <inttypes.h>
#include <stdio.h>

#include "ledger/node.h"

void dam_ledger_measure(struct dam_ledger *ledger, struct dam_ledger_metrics *ret)
{
    const struct dam_ledger_counters *c = &ledger->counters;
    struct dam_store_stats store = {0};
    struct dam_http_stats http = {0};
    (void)!dam_store_stats(ledger->chain->store, &store); /* zeros if it cannot be read now */
    if (ledger->http != NULL) {
        dam_http_server_stats(ledger->http, &http);
    }
    *ret = (struct dam_ledger_metrics){
        .head_number = ledger->chain->head.header.number,
        .head_timestamp_seconds = ledger->chain->head.header.timestamp,
        .blocks_total = c->blocks,
        .transactions_total = c->transactions,
        .gas_total = c->gas,
        .execute_nanoseconds_total = c->execute_ns,
        .commit_nanoseconds_total = c->commit_ns,
        .commits_refused_total = c->refused_commits,
        .transactions_rejected_total = c->rejected,
        .pool_transactions = dam_pool_count(ledger->pool),
        .rpc_requests_total = c->requests,
        .rpc_errors_total = c->errors,
        .store_unsettled_commits = dam_store_unsettled(ledger->chain->store),
        .store_bytes = store.file_len,
        .store_commits_total = store.commits,
        .http_requests_total = http.requests,
        .http_connections = http.open,
        .http_websockets = http.websockets,
        .http_dropped_slow_total = http.dropped_slow,
        .http_dropped_limit_total = http.dropped_limit,
    };
}

void dam_ledger_metrics_put(struct dam_buf *buf, const struct dam_ledger_measured *ledgers,
                            size_t count, bool is_labelled)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
        size_t offset; /* of a uint64_t in struct dam_ledger_metrics */
    } rows[] = {
#define X(name, type, help) {#name, type, help, offsetof(struct dam_ledger_metrics, name)},
        DAM_LEDGER_METRICS(X)
#undef X
    };
    for (size_t k = 0; count > 0 && k < DAM_COUNT_OF(rows); k++) {
        char text[320];
        (void)snprintf(text, sizeof(text), "# HELP dam_ledger_%s %s\n# TYPE dam_ledger_%s %s\n",
                       rows[k].name, rows[k].help, rows[k].name, rows[k].type);
        dam_buf_put_text(buf, text);
        for (size_t i = 0; i < count; i++) {
            uint64_t value;
            char label[40] = "";
            memcpy(&value, (const char *)&ledgers[i].metrics + rows[k].offset, sizeof(value));
            if (is_labelled) {
                (void)snprintf(label, sizeof(label), "{machine=\"%zu\"}", ledgers[i].machine);
            }
            (void)snprintf(text, sizeof(text), "dam_ledger_%s%s %" PRIu64 "\n", rows[k].name, label,
                           value);
            dam_buf_put_text(buf, text);
        }
    }
}
