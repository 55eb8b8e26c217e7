// SPDX-License-Identifier: Apache-2.0
/* Writes accounts with a balance straight into the state of a stopped ledger: `accounts DIR COUNT`.
 * They come as a development method's change would, without history: the trie's nodes in the order
 * of its keys, the flat table in the order of the addresses, so that both are written from front to
 * back. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/crypto/keccak.h"
#include "core/eth/block.h"
#include "ledger/chain.h"
#include "ledger/state_nodes.h"

#define TRIE_CHUNK 100000u  /* keys between two commits of the trie */
#define STORE_CHUNK 200000u /* records of a transaction of the store */
#define RECORD_MAX 160u

struct entry {
    struct dam_hash hashed; /* of the address */
    struct dam_address address;
    uint64_t index;
};

struct record {
    struct dam_bytes key;
    struct dam_bytes value;
};

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "accounts: %s\n", what);
        exit(1);
    }
}

static void *reserve(size_t len)
{
    void *memory =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    need(memory != MAP_FAILED, "no memory");
    return memory;
}

static int by_hashed_address(const void *a, const void *b)
{
    return memcmp(((const struct entry *)a)->hashed.b, ((const struct entry *)b)->hashed.b, 32);
}

static int by_address(const void *a, const void *b)
{
    return memcmp(((const struct entry *)a)->address.b, ((const struct entry *)b)->address.b, 20);
}

static struct dam_bytes account_of(const struct entry *entry, uint8_t rlp[RECORD_MAX])
{
    struct dam_account account = {
        .balance = dam_u256_from_u64(1000000000000000000 + entry->index),
        .storage_root = dam_empty_trie_root,
        .code_hash = dam_empty_code_hash,
    };
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, rlp, RECORD_MAX);
    dam_account_encode(&account, &buf);
    return dam_buf_bytes(&buf);
}

/* ---- the trie -------------------------------------------------------------------------------- */

static enum dam_err write_chunk(struct dam_ledger_chain *chain, struct dam_store_txn *txn,
                                const struct entry *entries, uint64_t count, struct dam_hash *root)
{
    struct dam_state_nodes nodes;
    struct dam_trie trie;
    struct dam_buf paths; /* not kept: there is no history */
    dam_buf_init_arena(&paths, &chain->arena, SIZE_MAX);
    dam_state_nodes_to_write(&nodes, txn, NULL, chain->version, &paths, NULL);
    dam_trie_init(&trie, &chain->arena, &nodes.vtable, root);
    for (uint64_t i = 0; i < count; i++) {
        uint8_t rlp[RECORD_MAX];
        DAM_TRY(
            dam_trie_put(&trie, dam_bytes(entries[i].hashed.b, 32), account_of(&entries[i], rlp)));
    }
    return dam_trie_commit(&trie, root);
}

static void write_trie(struct dam_ledger_chain *chain, const struct entry *entries, uint64_t count,
                       struct dam_hash *root)
{
    for (uint64_t done = 0; done < count;) {
        struct dam_store_txn *txn;
        uint64_t part = count - done < TRIE_CHUNK ? count - done : TRIE_CHUNK;
        struct dam_hash next = *root;
        need(dam_store_begin(chain->store, true, &txn) == DAM_OK, "begin");
        enum dam_err err = write_chunk(chain, txn, entries + done, part, &next);
        if (err == DAM_OK) {
            err = dam_store_commit(txn);
        } else {
            dam_store_abort(txn);
        }
        dam_arena_reset(&chain->arena);
        need(err == DAM_OK || (err == DAM_ENOSPC && dam_store_grow(chain->store) == DAM_OK),
             "the trie");
        if (err == DAM_OK) {
            *root = next;
            done += part;
        }
        dam_store_release_pages(chain->store);
        fprintf(stderr, "\rtrie: %llu   ", (unsigned long long)done);
    }
}

/* ---- the flat table -------------------------------------------------------------------------- */

/* Take all records of a table out, as copies. */
static struct record *take_all(struct dam_store *store, enum dam_store_table table, size_t *ret)
{
    struct dam_store_txn *txn;
    struct dam_store_cursor cursor = {0};
    struct record *list = NULL;
    size_t count = 0;
    need(dam_store_begin(store, true, &txn) == DAM_OK, "begin");
    while (dam_store_seek(&cursor, txn, table, dam_bytes(NULL, 0)) == DAM_OK) {
        uint8_t *copy = malloc(cursor.key.len + cursor.value.len);
        list = realloc(list, (count + 1) * sizeof(*list));
        need(copy != NULL && list != NULL, "no memory");
        memcpy(copy, cursor.key.data, cursor.key.len);
        memcpy(copy + cursor.key.len, cursor.value.data, cursor.value.len);
        list[count++] = (struct record){dam_bytes(copy, cursor.key.len),
                                        dam_bytes(copy + cursor.key.len, cursor.value.len)};
        need(dam_store_cursor_delete(&cursor) == DAM_OK, "delete");
    }
    dam_store_cursor_close(&cursor);
    need(dam_store_commit(txn) == DAM_OK, "commit");
    *ret = count;
    return list;
}

typedef struct record record_fn(const void *list, uint64_t index, uint8_t memory[RECORD_MAX]);

/* Append records in their order. In: table: empty, or all below. */
static void append_all(struct dam_store *store, enum dam_store_table table, record_fn *get,
                       const void *list, uint64_t count)
{
    for (uint64_t done = 0; done < count;) {
        struct dam_store_txn *txn;
        uint64_t at = done;
        enum dam_err err = DAM_OK;
        need(dam_store_begin(store, true, &txn) == DAM_OK, "begin");
        for (; at < count && at < done + STORE_CHUNK && err == DAM_OK; at++) {
            uint8_t memory[RECORD_MAX];
            struct record record = get(list, at, memory);
            err = dam_store_append(txn, table, record.key, record.value);
        }
        if (err == DAM_OK) {
            err = dam_store_commit(txn);
        } else {
            dam_store_abort(txn);
        }
        done = err == DAM_OK ? at : done;
        need(err == DAM_OK || (err == DAM_ENOSPC && dam_store_grow(store) == DAM_OK), "write");
        dam_store_release_pages(store);
        fprintf(stderr, "\r%s: %llu   ", dam_store_table_name(table), (unsigned long long)done);
    }
}

/* Those that were there, as ready records, between the new ones. */
struct accounts {
    const struct entry *entries;
    const struct record *old;
    uint64_t *order; /* index of an entry, or count and the index of an old one */
    uint64_t count;
};

static struct record account_record(const void *list, uint64_t index, uint8_t memory[RECORD_MAX])
{
    const struct accounts *accounts = list;
    uint64_t at = accounts->order[index];
    if (at >= accounts->count) {
        return accounts->old[at - accounts->count];
    }
    const struct entry *entry = &accounts->entries[at];
    return (struct record){dam_bytes(entry->address.b, 20), account_of(entry, memory)};
}

static void write_accounts(struct dam_store *store, struct entry *entries, uint64_t count)
{
    size_t old_count;
    struct record *old = take_all(store, DAM_STORE_ACCOUNT, &old_count);
    uint64_t *order = reserve((count + old_count + 1) * sizeof(*order));
    uint64_t total = 0;
    qsort(entries, count, sizeof(*entries), by_address);
    for (uint64_t i = 0, k = 0; i < count || k < old_count;) {
        bool is_old =
            i == count || (k < old_count && memcmp(old[k].key.data, entries[i].address.b, 20) < 0);
        order[total++] = is_old ? count + k++ : i++;
    }
    struct accounts accounts = {entries, old, order, count};
    append_all(store, DAM_STORE_ACCOUNT, account_record, &accounts, total);
}

int main(int argc, char **argv)
{
    struct dam_ledger_chain_options options = {.store = {.dir = argc > 2 ? argv[1] : "."}};
    struct dam_ledger_chain *chain;
    struct dam_store_fault fault;
    struct dam_store_txn *txn;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    if (dam_ledger_chain_open(&options, &chain, &fault) != DAM_OK) {
        fprintf(stderr, "accounts: %s\n", fault.text);
        return 1;
    }
    dam_ledger_chain_release_reader(chain);
    struct entry *entries = reserve((count + 1) * sizeof(*entries));
    for (uint64_t i = 0; i < count; i++) {
        struct dam_hash hash;
        dam_keccak256((const uint8_t *)&i, sizeof(i), &hash);
        memcpy(entries[i].address.b, hash.b, 20);
        dam_keccak256(entries[i].address.b, 20, &entries[i].hashed);
        entries[i].index = i;
    }
    struct dam_hash root = chain->root;
    qsort(entries, count, sizeof(*entries), by_hashed_address);
    write_trie(chain, entries, count, &root);
    write_accounts(chain->store, entries, count);
    struct dam_ledger_chain_block head = chain->head;
    static const uint8_t empty_list[] = {0xc0};
    head.uncles = head.withdrawals = dam_bytes(empty_list, 1);
    need(dam_store_begin(chain->store, true, &txn) == DAM_OK &&
             dam_ledger_chain_put_head(txn, &head, &root, chain->oldest) == DAM_OK &&
             dam_store_commit(txn) == DAM_OK,
         "the head");
    fprintf(stderr, "\r%llu accounts written\n", (unsigned long long)count);
    dam_ledger_chain_close(chain);
    return 0;
}
