// SPDX-License-Identifier: Apache-2.0
#include "ledger/log_query.h"

#include <stdlib.h>

#define ADDRESSES_MAX 1024u
#define TOPICS_MAX 1024u /* alternatives at one place */

void dam_log_query_finish(struct dam_log_query *query)
{
    free(query->addresses);
    for (size_t i = 0; i < 4; i++) {
        free(query->topics[i].list);
    }
    memset(query, 0, sizeof(*query));
}

size_t dam_log_query_len(const struct dam_log_query *query)
{
    size_t len = query->address_count * sizeof(*query->addresses);
    for (size_t i = 0; i < 4; i++) {
        len += query->topics[i].count * sizeof(*query->topics[i].list);
    }
    return len;
}

static bool bad_query(struct dam_rpc *rpc, const char *what)
{
    dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 0: %s", what);
    return false;
}

/* One value or a list of them, each size bytes. Returns: NULL after failing; count 0 is any. */
static bool read_set(struct dam_rpc *rpc, const struct dam_json *node, size_t size, size_t max,
                     void **ret, size_t *ret_count, const char *what)
{
    *ret = NULL;
    *ret_count = 0;
    if (dam_json_is_null(node)) {
        return true;
    }
    size_t count = node->type == DAM_JSON_ARRAY ? node->count : 1;
    if (count > max) {
        return bad_query(rpc, "exceed max addresses or topics per search position");
    }
    uint8_t *list = malloc(count * size + 1);
    if (list == NULL) {
        dam_rpc_fail_err(rpc, DAM_ENOMEM);
        return false;
    }
    size_t at = 0;
    bool good = true;
    if (node->type == DAM_JSON_ARRAY) {
        DAM_JSON_EACH(item, node)
        {
            if (dam_json_is_null(item)) { /* null among alternatives: anything */
                free(list);
                return true;
            }
            good = good && dam_json_hex_exact(item, list + at++ * size, size) == DAM_OK;
        }
    } else {
        good = dam_json_hex_exact(node, list, size) == DAM_OK;
    }
    if (!good) {
        free(list);
        return bad_query(rpc, what);
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool dam_log_query_read(struct dam_rpc *rpc, const struct dam_json *node, struct dam_log_query *ret)
{
    memset(ret, 0, sizeof(*ret));
    void *list;
    if (!read_set(rpc, dam_json_get(node, "address"), 20, ADDRESSES_MAX, &list, &ret->address_count,
                  "address: not an address or a list of them")) {
        return false;
    }
    ret->addresses = list;
    const struct dam_json *topics = dam_json_get(node, "topics");
    if (dam_json_is_null(topics)) {
        return true;
    }
    if (topics->type != DAM_JSON_ARRAY || topics->count > 4) {
        dam_log_query_finish(ret);
        return bad_query(rpc, "topics: exceed max topics");
    }
    DAM_JSON_EACH(item, topics)
    {
        size_t place = ret->topic_places++;
        if (!read_set(rpc, item, 32, TOPICS_MAX, &list, &ret->topics[place].count,
                      "topics: not 32 bytes or a list of them")) {
            dam_log_query_finish(ret);
            return false;
        }
        ret->topics[place].list = list;
    }
    return true;
}

bool dam_log_query_matches(const struct dam_log_query *query, const struct dam_log *log)
{
    bool found = query->address_count == 0;
    for (size_t i = 0; i < query->address_count && !found; i++) {
        found = dam_address_eq(&query->addresses[i], &log->address);
    }
    if (!found || query->topic_places > log->topic_count) {
        return false;
    }
    for (size_t place = 0; place < query->topic_places; place++) {
        found = query->topics[place].count == 0;
        for (size_t i = 0; i < query->topics[place].count && !found; i++) {
            found = dam_hash_eq(&query->topics[place].list[i], &log->topics[place]);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

bool dam_log_query_may_match(const struct dam_log_query *query, const struct dam_bloom *bloom)
{
    bool found = query->address_count == 0;
    for (size_t i = 0; i < query->address_count && !found; i++) {
        found = dam_bloom_may_contain(bloom, query->addresses[i].b, 20);
    }
    for (size_t place = 0; place < query->topic_places && found; place++) {
        found = query->topics[place].count == 0;
        for (size_t i = 0; i < query->topics[place].count && !found; i++) {
            found = dam_bloom_may_contain(bloom, query->topics[place].list[i].b, 32);
        }
    }
    return found;
}

/* ---- walking --------------------------------------------------------------------------------- */

enum dam_err dam_log_query_block(struct dam_ledger *ledger, const struct dam_log_query *query,
                                 const struct dam_ledger_chain_block *block, dam_log_fn *visit,
                                 void *ctx, bool *ret_more)
{
    struct dam_store_txn *txn = dam_ledger_chain_reader(ledger->chain);
    uint64_t number = block->header.number;
    if (txn == NULL) {
        return DAM_EIO;
    }
    for (uint32_t i = 0; i < block->tx_count && *ret_more; i++) {
        struct dam_ledger_chain_receipt receipt;
        struct dam_ledger_chain_tx tx = {.number = UINT64_MAX};
        struct dam_arena_mark mark = dam_arena_mark(&ledger->arena);
        enum dam_err err = dam_ledger_chain_receipt(txn, &ledger->arena, number, i, &receipt);
        for (size_t k = 0; err == DAM_OK && k < receipt.log_count && *ret_more; k++) {
            if (!dam_log_query_matches(query, &receipt.logs[k])) {
                continue;
            }
            if (tx.number != number) {
                err = dam_ledger_chain_tx(txn, number, i, &tx);
            }
            *ret_more = err == DAM_OK && visit(ctx, &receipt.logs[k], block, &tx.hash, i,
                                               receipt.log_start + (uint32_t)k);
        }
        dam_arena_release(&ledger->arena, mark);
        DAM_TRY(err);
    }
    return DAM_OK;
}

/* The next block, from `number` on, that has logs of the address. */
static enum dam_err next_of_address(struct dam_store_txn *txn, const struct dam_address *address,
                                    uint64_t number, uint64_t *ret)
{
    struct dam_store_cursor cursor = {0};
    uint8_t key[28];
    memcpy(key, address->b, 20);
    dam_store_be64(key + 20, number);
    enum dam_err err =
        dam_store_seek(&cursor, txn, DAM_STORE_LOG_INDEX, dam_bytes(key, sizeof(key)));
    if (err == DAM_OK &&
        (cursor.key.len != sizeof(key) || memcmp(cursor.key.data, address->b, 20) != 0)) {
        err = DAM_ENOTFOUND;
    }
    if (err == DAM_OK) {
        *ret = dam_load_be64(cursor.key.data + 20);
    }
    dam_store_cursor_close(&cursor);
    return err;
}

static enum dam_err next_block(struct dam_store_txn *txn, const struct dam_log_query *query,
                               uint64_t number, uint64_t *ret)
{
    uint64_t best = UINT64_MAX;
    if (query->address_count == 0) {
        *ret = number;
        return DAM_OK;
    }
    for (size_t i = 0; i < query->address_count; i++) {
        uint64_t found;
        enum dam_err err = next_of_address(txn, &query->addresses[i], number, &found);
        if (err == DAM_OK && found < best) {
            best = found;
        } else if (err != DAM_OK && err != DAM_ENOTFOUND) {
            return err;
        }
    }
    *ret = best;
    return DAM_OK;
}

enum dam_err dam_log_query_range(struct dam_rpc *rpc, const struct dam_log_query *query,
                                 uint64_t first, uint64_t last, dam_log_fn *visit, void *ctx)
{
    bool more = true;
    struct dam_ledger *ledger = rpc->ledger;
    struct dam_store_txn *txn = dam_ledger_chain_reader(ledger->chain);
    if (txn == NULL) {
        return DAM_EIO;
    }
    for (uint64_t n = first; n <= last && more; n++) {
        if (dam_rpc_is_over(rpc)) {
            return DAM_OK;
        }
        struct dam_ledger_chain_block block;
        DAM_TRY(next_block(txn, query, n, &n));
        if (n > last) {
            break;
        }
        DAM_TRY(dam_ledger_chain_block(txn, n, &block));
        if (block.tx_count > 0 && dam_log_query_may_match(query, &block.header.bloom)) {
            DAM_TRY(dam_log_query_block(ledger, query, &block, visit, ctx, &more));
        }
    }
    return DAM_OK;
}
