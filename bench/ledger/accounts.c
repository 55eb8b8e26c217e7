// SPDX-License-Identifier: Apache-2.0
/* Writes accounts with a balance straight into the state of a stopped ledger: `accounts DIR COUNT`.
 * They come as a development method's change would, without history. One at a time each would
 * rewrite a page of two tables at a random place; so the trie is built in the order of its keys, in
 * memory, and both tables are then written from front to back. Ten million take 3.5 GB meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/crypto/keccak.h"
#include "core/eth/block.h"
#include "core/eth/trie.h"
#include "ledger/chain.h"

#define TRIE_CHUNK 100000u  /* keys between two commits of the trie */
#define STORE_CHUNK 200000u /* records of a transaction of the store */
#define RECORD_MAX 160u

struct entry {
    struct dam_hash hashed; /* of the address */
    struct dam_address address;
    uint64_t index;
};

/* A trie node: its hash and its bytes, with room for the version in front, as the store has it. */
struct node {
    uint8_t *bytes;
    uint32_t len;
    bool gone;
};

struct nodes {
    struct node *list;
    uint32_t count;
    uint32_t count_max;
    uint32_t *table; /* index and one, by hash */
    uint64_t mask;
    uint8_t *memory;
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

/* ---- the trie's nodes in memory -------------------------------------------------------------- */

static uint32_t *node_place(struct nodes *nodes, const uint8_t *hash)
{
    uint64_t at = dam_load_be64(hash) & nodes->mask;
    while (nodes->table[at] != 0 &&
           memcmp(nodes->list[nodes->table[at] - 1].bytes, hash, 32) != 0) {
        at = (at + 1) & nodes->mask;
    }
    return &nodes->table[at];
}

static enum dam_err save(void *ctx, const struct dam_hash *hash, struct dam_bytes bytes)
{
    struct nodes *nodes = ctx;
    uint32_t *place = node_place(nodes, hash->b);
    if (*place != 0) {
        nodes->list[*place - 1].gone = false;
        return DAM_OK;
    }
    need(nodes->count < nodes->count_max, "more nodes than expected");
    struct node *node = &nodes->list[nodes->count++];
    *node = (struct node){nodes->memory, (uint32_t)bytes.len, false};
    memcpy(node->bytes, hash->b, 32);
    memset(node->bytes + 32, 0, 8); /* version 0 */
    memcpy(node->bytes + 40, bytes.data, bytes.len);
    nodes->memory += 40 + bytes.len;
    *place = nodes->count;
    return DAM_OK;
}

static enum dam_err load(void *ctx, const struct dam_hash *hash, struct dam_bytes *ret)
{
    struct nodes *nodes = ctx;
    uint32_t place = *node_place(nodes, hash->b);
    if (place == 0) {
        return DAM_ENOTFOUND;
    }
    *ret = dam_bytes(nodes->list[place - 1].bytes + 40, nodes->list[place - 1].len);
    return DAM_OK;
}

static enum dam_err drop(void *ctx, const struct dam_hash *hash)
{
    struct nodes *nodes = ctx;
    nodes->list[*node_place(nodes, hash->b) - 1].gone = true;
    return DAM_OK;
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(((const struct node *)a)->bytes, ((const struct node *)b)->bytes, 32);
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

static void build_trie(struct nodes *nodes, const struct entry *entries, uint64_t count,
                       struct dam_arena *arena, struct dam_hash *root)
{
    struct dam_trie_store store = {load, save, drop, nodes};
    for (uint64_t done = 0; done < count;) {
        struct dam_trie trie;
        dam_trie_init(&trie, arena, &store, root);
        for (uint64_t end = done + TRIE_CHUNK; done < end && done < count; done++) {
            uint8_t rlp[RECORD_MAX];
            need(dam_trie_put(&trie, dam_bytes(entries[done].hashed.b, 32),
                              account_of(&entries[done], rlp)) == DAM_OK,
                 "the trie");
        }
        need(dam_trie_commit(&trie, root) == DAM_OK, "the trie");
        dam_arena_reset(arena);
        fprintf(stderr, "\rtrie: %llu", (unsigned long long)done);
    }
}

/* ---- the tables ------------------------------------------------------------------------------ */

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

static struct record plain_record(const void *list, uint64_t index, uint8_t memory[RECORD_MAX])
{
    (void)memory;
    return ((const struct record *)list)[index];
}

static struct record node_record(const void *list, uint64_t index, uint8_t memory[RECORD_MAX])
{
    const struct node *node = &((const struct node *)list)[index];
    memset(memory, 0, 20); /* the state trie's owner */
    memcpy(memory + 20, node->bytes, 32);
    return (struct record){dam_bytes(memory, 52), dam_bytes(node->bytes + 32, 8 + node->len)};
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

static void write_nodes(struct dam_store *store, struct nodes *nodes, const struct record *others,
                        size_t other_count)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < nodes->count; i++) {
        if (!nodes->list[i].gone) {
            nodes->list[live++] = nodes->list[i];
        }
    }
    qsort(nodes->list, live, sizeof(*nodes->list), by_hash);
    append_all(store, DAM_STORE_NODE, node_record, nodes->list, live);
    append_all(store, DAM_STORE_NODE, plain_record, others, other_count);
}

int main(int argc, char **argv)
{
    struct dam_ledger_chain_options options = {.store = {.dir = argc > 2 ? argv[1] : "."}};
    struct dam_ledger_chain *chain;
    struct dam_store_fault fault;
    struct dam_store_txn *txn;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    struct nodes nodes = {.count_max = (uint32_t)(2 * count + 1000000)};
    if (dam_ledger_chain_open(&options, &chain, &fault) != DAM_OK) {
        fprintf(stderr, "accounts: %s\n", fault.text);
        return 1;
    }
    dam_ledger_chain_release_reader(chain);
    for (nodes.mask = 1; nodes.mask < 2ull * nodes.count_max; nodes.mask *= 2) {
    }
    nodes.table = reserve(nodes.mask * sizeof(*nodes.table));
    nodes.mask--;
    nodes.list = reserve(nodes.count_max * sizeof(*nodes.list));
    nodes.memory = reserve(nodes.count_max * 600ull);
    struct entry *entries = reserve((count + 1) * sizeof(*entries));
    for (uint64_t i = 0; i < count; i++) {
        struct dam_hash hash;
        dam_keccak256((const uint8_t *)&i, sizeof(i), &hash);
        memcpy(entries[i].address.b, hash.b, 20);
        dam_keccak256(entries[i].address.b, 20, &entries[i].hashed);
        entries[i].index = i;
    }
    size_t old_count;
    size_t other_count = 0;
    struct record *old = take_all(chain->store, DAM_STORE_NODE, &old_count);
    static const uint8_t state_trie[20];
    for (size_t i = 0; i < old_count; i++) {
        struct dam_hash hash;
        if (memcmp(old[i].key.data, state_trie, 20) != 0) {
            old[other_count++] = old[i];
            continue;
        }
        memcpy(hash.b, old[i].key.data + 20, 32);
        (void)save(&nodes, &hash, dam_bytes(old[i].value.data + 8, old[i].value.len - 8));
    }
    struct dam_hash root = chain->root;
    qsort(entries, count, sizeof(*entries), by_hashed_address);
    build_trie(&nodes, entries, count, &chain->arena, &root);
    write_nodes(chain->store, &nodes, old, other_count);
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
