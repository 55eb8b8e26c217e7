// SPDX-License-Identifier: Apache-2.0
#include "ledger/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/prng.h"
#include "core/crypto/keccak.h"

#define ACCOUNTS 12u
#define SLOTS 24u
#define VERSIONS 80u

/* A state as plain as can be. */
struct model {
    bool exists[ACCOUNTS];
    uint64_t nonce[ACCOUNTS];
    uint64_t slots[ACCOUNTS][SLOTS];
};

struct fixture {
    struct dam_store *store;
    struct dam_arena arena;
    struct dam_node_cache *cache;
    char dir[64];
};

static void open_store(struct fixture *f)
{
    struct dam_store_fault fault;
    /* In memory where that is possible: nothing here is about the disk. */
    (void)snprintf(f->dir, sizeof(f->dir), "%s/dam-state-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    struct dam_store_options options = {.dir = f->dir, .size_max = (size_t)256 << 20};
    assert_int_equal(dam_store_open(&options, &f->store, &fault), DAM_OK);
    dam_arena_init(&f->arena, dam_heap(), 0);
    f->cache = dam_node_cache_create();
    assert_non_null(f->cache);
}

static void close_store(struct fixture *f)
{
    static const char *const names[] = {"ledger.mdb", "ledger.mdb-lock", "ledger.lock"};
    char path[128];
    dam_store_close(f->store);
    dam_arena_finish(&f->arena);
    dam_node_cache_destroy(f->cache);
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
        (void)remove(path);
    }
    assert_int_equal(rmdir(f->dir), 0);
}

/* The first is at the address of zeros, which may have slots as any other. */
static struct dam_address address_of(size_t i)
{
    struct dam_address address = {{0}};
    if (i > 0) {
        address.b[0] = (uint8_t)(7 * i + 1);
        address.b[19] = (uint8_t)i;
    }
    return address;
}

/* Bring one account from what `from` says to what `to` says. */
static void change_of(struct dam_arena *arena, const struct model *from, const struct model *to,
                      size_t i, struct dam_evm_change *ret)
{
    struct dam_evm_slot *slots = dam_arena_alloc(arena, SLOTS * sizeof(*slots));
    *ret = (struct dam_evm_change){.address = address_of(i),
                                   .deleted = !to->exists[i],
                                   .nonce = to->nonce[i],
                                   .code_hash = dam_empty_code_hash,
                                   .slots = slots};
    for (size_t k = 0; k < SLOTS && to->exists[i]; k++) {
        if (from->slots[i][k] != to->slots[i][k]) {
            slots[ret->slot_count].key = dam_u256_from_u64(k);
            slots[ret->slot_count++].value = dam_u256_from_u64(to->slots[i][k]);
        }
    }
}

static void write_version(struct fixture *f, uint64_t version, const struct model *from,
                          const struct model *to, struct dam_hash *root)
{
    struct dam_store_txn *txn;
    struct dam_state_writer writer;
    struct dam_evm_change changes[ACCOUNTS];
    struct dam_evm_diff diff = {.accounts = changes};
    for (size_t i = 0; i < ACCOUNTS; i++) {
        bool same = from->exists[i] == to->exists[i] && from->nonce[i] == to->nonce[i] &&
                    memcmp(from->slots[i], to->slots[i], sizeof(from->slots[i])) == 0;
        if (!same) {
            change_of(&f->arena, from, to, i, &changes[diff.account_count++]);
        }
    }
    assert_int_equal(dam_store_begin(f->store, true, &txn), DAM_OK);
    dam_state_write_begin(&writer, txn, &f->arena, version, root, f->cache);
    assert_int_equal(dam_state_write(&writer, &diff), DAM_OK);
    assert_int_equal(dam_state_write_end(&writer), DAM_OK);
    assert_int_equal(dam_store_commit(txn), DAM_OK);
    *root = writer.root;
    dam_arena_reset(&f->arena);
}

static void step(struct dam_prng *prng, struct model *model)
{
    for (unsigned n = 0; n < 1 + dam_prng_below(prng, 4); n++) {
        size_t i = (size_t)dam_prng_below(prng, ACCOUNTS);
        if (model->exists[i] && dam_prng_below(prng, 8) == 0) {
            model->exists[i] = false;
            model->nonce[i] = 0;
            memset(model->slots[i], 0, sizeof(model->slots[i]));
            continue;
        }
        model->exists[i] = true;
        model->nonce[i] = 1 + dam_prng_below(prng, 3);
        for (unsigned k = 0; k < dam_prng_below(prng, 6); k++) { /* few values: they come back */
            model->slots[i][dam_prng_below(prng, SLOTS)] = dam_prng_below(prng, 3);
        }
    }
}

/* Every account and slot at a version, and proofs that lead to its root. */
static void check_version(struct fixture *f, uint64_t version, const struct model *model,
                          const struct dam_hash *root)
{
    struct dam_store_txn *txn;
    assert_int_equal(dam_store_begin(f->store, false, &txn), DAM_OK);
    struct dam_state state = {txn, version};
    for (size_t i = 0; i < ACCOUNTS; i++) {
        struct dam_account account;
        struct dam_address address = address_of(i);
        struct dam_state_nodes nodes;
        struct dam_trie trie;
        struct dam_bytes value;
        struct dam_hash hashed;
        enum dam_err err = dam_state_account(&state, &address, &account);
        assert_int_equal(err, model->exists[i] ? DAM_OK : DAM_ENOTFOUND);
        dam_state_nodes_init(&nodes, txn, NULL, version);
        dam_trie_init(&trie, &f->arena, &nodes.vtable, root);
        dam_keccak256(address.b, 20, &hashed);
        assert_int_equal(dam_trie_get(&trie, dam_bytes(hashed.b, 32), &value), err);
        for (size_t k = 0; k < SLOTS; k++) {
            struct dam_u256 key = dam_u256_from_u64(k);
            struct dam_u256 is;
            assert_int_equal(dam_state_storage(&state, &address, &key, &is), DAM_OK);
            assert_int_equal(is.w[0], model->slots[i][k]);
            if (!model->exists[i]) {
                continue;
            }
            uint8_t word[32];
            dam_u256_store_be(word, &key);
            dam_keccak256(word, 32, &hashed);
            dam_state_nodes_init(&nodes, txn, &address, version);
            dam_trie_init(&trie, &f->arena, &nodes.vtable, &account.storage_root);
            assert_int_equal(dam_trie_get(&trie, dam_bytes(hashed.b, 32), &value),
                             is.w[0] != 0 ? DAM_OK : DAM_ENOTFOUND);
        }
    }
    dam_store_abort(txn);
    dam_arena_reset(&f->arena);
}

static uint64_t count_of(struct fixture *f, enum dam_store_table table)
{
    struct dam_store_stats stats;
    assert_int_equal(dam_store_settle(f->store), DAM_OK);
    assert_int_equal(dam_store_stats(f->store, &stats), DAM_OK);
    return stats.entries[table];
}

static void forget(struct fixture *f, uint64_t version)
{
    struct dam_store_txn *txn;
    assert_int_equal(dam_store_begin(f->store, true, &txn), DAM_OK);
    assert_int_equal(dam_state_forget(txn, version), DAM_OK);
    assert_int_equal(dam_store_commit(txn), DAM_OK);
}

static void undo(struct fixture *f, uint64_t version, struct dam_hash *root)
{
    struct dam_store_txn *txn;
    assert_int_equal(dam_store_begin(f->store, true, &txn), DAM_OK);
    assert_int_equal(dam_state_undo(txn, &f->arena, version, root), DAM_OK);
    assert_int_equal(dam_store_commit(txn), DAM_OK);
    dam_arena_reset(&f->arena);
}

static struct model models[VERSIONS + 1];
static struct dam_hash roots[VERSIONS + 1];

/* Versions are written, some taken back and written anew, and those deeper than `depth` forgotten.
 * Whatever is kept reads and proves as it was; and when all but the newest are forgotten, there is
 * no record more than in a store into which the newest state was written at once. */
static void run(uint64_t seed, uint64_t depth)
{
    struct fixture f;
    struct fixture fresh;
    struct model nothing = {0};
    struct dam_hash root = dam_empty_trie_root;
    struct dam_prng prng = {seed};
    uint64_t forgotten = 0;
    open_store(&f);
    memset(models, 0, sizeof(models));
    roots[0] = root;
    uint64_t newest = 0;
    for (unsigned turn = 0; turn < 2 * VERSIONS && newest < VERSIONS; turn++) {
        if (newest > forgotten + 4 && dam_prng_below(&prng, 6) == 0) {
            for (uint64_t n = 1 + dam_prng_below(&prng, 3); n > 0; n--) {
                undo(&f, newest--, &root);
                assert_memory_equal(root.b, roots[newest].b, 32);
            }
        }
        newest++;
        models[newest] = models[newest - 1];
        step(&prng, &models[newest]);
        write_version(&f, newest, &models[newest - 1], &models[newest], &root);
        roots[newest] = root;
        for (; newest - forgotten > depth; forgotten++) {
            forget(&f, forgotten + 1);
        }
        if (turn % 8 == 0) {
            for (uint64_t v = forgotten; v <= newest; v++) {
                check_version(&f, v == newest ? DAM_STATE_NEWEST : v, &models[v], &roots[v]);
            }
        }
    }
    assert_int_equal(newest, VERSIONS);
    for (uint64_t v = forgotten + 1; v <= newest; v++) {
        forget(&f, v);
    }
    check_version(&f, DAM_STATE_NEWEST, &models[newest], &root);
    struct dam_hash want = dam_empty_trie_root;
    open_store(&fresh);
    write_version(&fresh, 1, &nothing, &models[newest], &want);
    forget(&fresh, 1);
    assert_memory_equal(root.b, want.b, 32);
    static const enum dam_store_table tables[] = {
        DAM_STORE_ACCOUNT,     DAM_STORE_SLOT,     DAM_STORE_NODE,      DAM_STORE_CHANGES,
        DAM_STORE_ACCOUNT_WAS, DAM_STORE_SLOT_WAS, DAM_STORE_NODE_PATHS};
    for (size_t i = 0; i < DAM_COUNT_OF(tables); i++) {
        assert_int_equal(count_of(&f, tables[i]), count_of(&fresh, tables[i]));
    }
    assert_true(count_of(&f, DAM_STORE_NODE) > ACCOUNTS);
    close_store(&fresh);
    close_store(&f);
}

static void forgetting_leaves_what_is_kept_and_nothing_else(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        run(seed, 10);
        run(seed, VERSIONS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgetting_leaves_what_is_kept_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
