// SPDX-License-Identifier: Apache-2.0
#include "ledger/inspect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/heap.h"
#include "core/crypto/keccak.h"

#define BLOCK_LEN_MAX ((size_t)1 << 30)
#define PROGRESS_EVERY 256u

static void tell(const struct dam_progress *progress, uint64_t done, uint64_t total)
{
    if (progress != NULL && (done % PROGRESS_EVERY == 0 || done == total)) {
        progress->step(progress->ctx, done, total);
    }
}

enum dam_err dam_inspect_export(struct dam_ledger_chain *chain, uint64_t first, uint64_t last,
                                enum dam_err (*write)(void *ctx, struct dam_bytes block), void *ctx,
                                const struct dam_progress *progress)
{
    struct dam_buf buf;
    enum dam_err err = DAM_OK;
    dam_buf_init(&buf, dam_heap(), BLOCK_LEN_MAX);
    for (uint64_t n = first; n <= last && err == DAM_OK; n++) {
        dam_buf_reset(&buf);
        struct dam_store_txn *txn = dam_ledger_chain_reader(chain);
        err = txn != NULL ? dam_ledger_chain_block_rlp(txn, n, &buf) : DAM_EIO;
        if (err == DAM_OK) {
            err = write(ctx, dam_buf_bytes(&buf));
        }
        tell(progress, n - first + 1, last - first + 1);
    }
    dam_buf_finish(&buf);
    return err;
}

/* Is this block in the chain already? */
static bool is_known(struct dam_ledger_chain *chain, struct dam_bytes whole)
{
    struct dam_rlp rlp = dam_rlp(whole);
    struct dam_rlp block;
    struct dam_header header;
    struct dam_hash hash;
    uint64_t number;
    if (dam_rlp_list(&rlp, &block) != DAM_OK || dam_header_decode(&block, &header) != DAM_OK) {
        return false;
    }
    dam_header_hash(&header, &hash);
    struct dam_store_txn *txn = dam_ledger_chain_reader(chain);
    return txn != NULL && dam_ledger_chain_number_of(txn, &hash, &number) == DAM_OK;
}

enum dam_err dam_inspect_import(struct dam_ledger_chain *chain, struct dam_evm *evm,
                                struct dam_bytes file, const struct dam_progress *progress,
                                uint64_t *ret_count, struct dam_import_fault *fault)
{
    struct dam_rlp rlp = dam_rlp(file);
    *ret_count = 0;
    fault->text[0] = '\0';
    while (!dam_rlp_at_end(&rlp)) {
        struct dam_rlp_item item;
        size_t offset = (size_t)(rlp.at - file.data);
        if (dam_rlp_next(&rlp, &item) != DAM_OK || !item.is_list) {
            (void)snprintf(fault->text, sizeof(fault->text), "no RLP block at byte %zu", offset);
            return DAM_EPARSE;
        }
        if (!is_known(chain, item.whole)) {
            DAM_TRY(dam_builder_import(chain, evm, item.whole, fault));
            (*ret_count)++;
        }
        if (progress != NULL) {
            progress->step(progress->ctx, (uint64_t)(rlp.at - file.data), file.len);
        }
    }
    return DAM_OK;
}

/* ---- the check ------------------------------------------------------------------------------- */

struct check {
    struct dam_ledger_chain *chain;
    struct dam_store_txn *txn;
    struct dam_check_report *report;
    const struct dam_progress *progress;
    uint64_t total;
};

static void found(struct check *check, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void found(struct check *check, const char *fmt, ...)
{
    va_list args;
    if (check->report->faults++ == 0) {
        va_start(args, fmt);
        (void)vsnprintf(check->report->first_fault, sizeof(check->report->first_fault), fmt, args);
        va_end(args);
    }
}

/* Every record of every table, for its checksum alone. */
static enum dam_err check_records(struct check *check)
{
    for (int table = 0; table < DAM_STORE_TABLE_COUNT; table++) {
        struct dam_store_cursor cursor = {0};
        enum dam_err err =
            dam_store_seek(&cursor, check->txn, (enum dam_store_table)table, dam_bytes(NULL, 0));
        while (err == DAM_OK || err == DAM_ECORRUPT) {
            if (err == DAM_ECORRUPT) {
                found(check, "%s", dam_store_last_fault(check->chain->store));
                if (cursor.key.data == NULL) {
                    break; /* not even a place to go on from */
                }
            }
            check->report->records++;
            tell(check->progress, check->report->records, check->total);
            err = dam_store_next(&cursor);
        }
        dam_store_cursor_close(&cursor);
        if (err != DAM_ENOTFOUND && err != DAM_ECORRUPT) {
            return err;
        }
    }
    return DAM_OK;
}

/* The lists of one block against its header. */
static enum dam_err check_lists(struct check *check, struct dam_arena *arena,
                                const struct dam_ledger_chain_block *block)
{
    uint64_t number = block->header.number;
    struct dam_bytes *txs = dam_arena_alloc(arena, block->tx_count * sizeof(*txs) + 1);
    struct dam_bytes *receipts = dam_arena_alloc(arena, block->tx_count * sizeof(*receipts) + 1);
    struct dam_hash root;
    if (txs == NULL || receipts == NULL) {
        return DAM_ENOMEM;
    }
    for (uint32_t i = 0; i < block->tx_count; i++) {
        struct dam_ledger_chain_tx tx;
        struct dam_ledger_chain_receipt from;
        struct dam_buf buf;
        uint64_t at_number;
        uint32_t at_index;
        DAM_TRY(dam_ledger_chain_tx(check->txn, number, i, &tx));
        DAM_TRY(dam_ledger_chain_receipt(check->txn, arena, number, i, &from));
        if (dam_ledger_chain_find_tx(check->txn, &tx.hash, &at_number, &at_index) != DAM_OK ||
            at_number != number || at_index != i) {
            found(check, "block %" PRIu64 ", transaction %u: its index points elsewhere", number,
                  i);
        }
        struct dam_receipt receipt = {.type = from.type,
                                      .has_state_root = from.has_state_root,
                                      .succeeded = from.succeeded,
                                      .state_root = from.state_root,
                                      .cumulative_gas_used = from.cumulative_gas_used,
                                      .logs = from.logs,
                                      .log_count = from.log_count};
        dam_logs_bloom(from.logs, from.log_count, &receipt.bloom);
        dam_buf_init_arena(&buf, arena, BLOCK_LEN_MAX);
        dam_receipt_encode(&receipt, &buf);
        DAM_TRY(dam_buf_err(&buf));
        receipts[i] = dam_buf_bytes(&buf);
        txs[i] = tx.bytes;
    }
    DAM_TRY(dam_trie_list_root(arena, txs, block->tx_count, &root));
    if (!dam_hash_eq(&root, &block->header.tx_root)) {
        found(check, "block %" PRIu64 ": its transactions do not give its root", number);
    }
    DAM_TRY(dam_trie_list_root(arena, receipts, block->tx_count, &root));
    if (!dam_hash_eq(&root, &block->header.receipt_root)) {
        found(check, "block %" PRIu64 ": its receipts do not give its root", number);
    }
    return DAM_OK;
}

static enum dam_err check_blocks(struct check *check)
{
    struct dam_arena arena;
    struct dam_hash parent = {{0}};
    enum dam_err err = DAM_OK;
    dam_arena_init(&arena, dam_heap(), 0);
    for (uint64_t n = 0; err == DAM_OK && n <= check->chain->head.header.number; n++) {
        struct dam_ledger_chain_block block;
        struct dam_hash hash;
        err = dam_ledger_chain_block(check->txn, n, &block);
        if (err == DAM_ENOTFOUND || err == DAM_ECORRUPT) {
            found(check, "block %" PRIu64 ": %s", n, dam_err_text(err));
            err = DAM_OK;
            continue;
        }
        dam_header_hash(&block.header, &hash);
        if (!dam_hash_eq(&hash, &block.hash) ||
            (n > 0 && !dam_hash_eq(&block.header.parent_hash, &parent))) {
            found(check, "block %" PRIu64 ": its hash or its parent is another", n);
        }
        parent = block.hash;
        if (err == DAM_OK && n >= check->chain->oldest) {
            err = check_lists(check, &arena, &block);
            if (err == DAM_ENOTFOUND || err == DAM_ECORRUPT) {
                found(check, "block %" PRIu64 ": a transaction or receipt: %s", n,
                      dam_err_text(err));
                err = DAM_OK;
            }
        }
        dam_arena_reset(&arena);
        check->report->blocks++;
    }
    dam_arena_finish(&arena);
    return err;
}

/* The storage root that an account's flat slots give. */
static enum dam_err storage_root(struct check *check, const struct dam_address *address,
                                 struct dam_hash *ret)
{
    struct dam_arena arena;
    struct dam_trie trie;
    struct dam_store_cursor cursor = {0};
    uint8_t from[52] = {0};
    memcpy(from, address->b, 20);
    dam_arena_init(&arena, dam_heap(), 0);
    dam_trie_init(&trie, &arena, NULL, &dam_empty_trie_root);
    enum dam_err err =
        dam_store_seek(&cursor, check->txn, DAM_STORE_SLOT, dam_bytes(from, sizeof(from)));
    while (err == DAM_OK && memcmp(cursor.key.data, address->b, 20) == 0) {
        struct dam_hash hashed;
        uint8_t rlp[40];
        struct dam_buf buf;
        dam_buf_init_fixed(&buf, rlp, sizeof(rlp));
        dam_rlp_put_bytes(&buf, cursor.value.data, cursor.value.len);
        dam_keccak256(cursor.key.data + 20, 32, &hashed);
        err = dam_trie_put(&trie, dam_bytes(hashed.b, 32), dam_buf_bytes(&buf));
        check->report->slots++;
        if (err == DAM_OK) {
            err = dam_store_next(&cursor);
        }
    }
    dam_store_cursor_close(&cursor);
    if (err == DAM_OK || err == DAM_ENOTFOUND) {
        err = dam_trie_commit(&trie, ret);
    }
    dam_arena_finish(&arena);
    return err;
}

static enum dam_err check_state(struct check *check)
{
    struct dam_arena arena;
    struct dam_trie trie;
    struct dam_hash root;
    struct dam_store_cursor cursor = {0};
    dam_arena_init(&arena, dam_heap(), 0);
    dam_trie_init(&trie, &arena, NULL, &dam_empty_trie_root);
    enum dam_err err = dam_store_seek(&cursor, check->txn, DAM_STORE_ACCOUNT, dam_bytes(NULL, 0));
    while (err == DAM_OK) {
        struct dam_account account;
        struct dam_address address;
        struct dam_hash hashed;
        memcpy(address.b, cursor.key.data, 20);
        err = dam_account_decode(cursor.value, &account);
        if (err == DAM_OK) {
            dam_keccak256(address.b, 20, &hashed);
            err = dam_trie_put(&trie, dam_bytes(hashed.b, 32), cursor.value);
        }
        if (err == DAM_OK && !dam_hash_eq(&account.storage_root, &dam_empty_trie_root)) {
            err = storage_root(check, &address, &root);
            if (err == DAM_OK && !dam_hash_eq(&root, &account.storage_root)) {
                found(check, "an account's slots do not give its storage root");
            }
        }
        check->report->accounts++;
        if (err == DAM_OK) {
            err = dam_store_next(&cursor);
        }
    }
    dam_store_cursor_close(&cursor);
    if (err == DAM_ENOTFOUND) {
        err = dam_trie_commit(&trie, &root);
        if (err == DAM_OK && !dam_hash_eq(&root, &check->chain->root)) {
            found(check, "the accounts do not give the newest state root");
        }
    } else if (err == DAM_ECORRUPT) {
        found(check, "%s", dam_store_last_fault(check->chain->store));
        err = DAM_OK;
    }
    dam_arena_finish(&arena);
    return err;
}

enum dam_err dam_inspect_check(struct dam_ledger_chain *chain, const struct dam_progress *progress,
                               struct dam_check_report *ret)
{
    struct check check = {.chain = chain, .report = ret, .progress = progress};
    struct dam_store_stats stats;
    memset(ret, 0, sizeof(*ret));
    check.txn = dam_ledger_chain_reader(chain);
    if (check.txn == NULL) {
        return DAM_EIO;
    }
    DAM_TRY(dam_store_stats(chain->store, &stats));
    for (int i = 0; i < DAM_STORE_TABLE_COUNT; i++) {
        check.total += stats.entries[i];
    }
    DAM_TRY(check_records(&check));
    DAM_TRY(check_blocks(&check));
    return check_state(&check);
}
