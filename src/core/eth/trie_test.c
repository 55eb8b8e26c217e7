// SPDX-License-Identifier: Apache-2.0
#include "core/eth/trie.h"

#include "base/heap.h"
#include "base/prng.h"
#include "core/crypto/keccak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct dam_arena arena;
static struct dam_arena store_arena;

/* A node store that goes by the path, in a list: small is enough here. */
struct memory_store {
    struct dam_bytes paths[20000];
    struct dam_hash hashes[20000];
    struct dam_bytes nodes[20000];
    size_t count;
    size_t fail_after; /* loads until an I/O error; 0: never */
};

static size_t store_find(const struct memory_store *store, struct dam_bytes path)
{
    size_t i = 0;
    while (i < store->count && !dam_bytes_eq(store->paths[i], path)) {
        i++;
    }
    return i;
}

static enum dam_err store_load(void *ctx, struct dam_bytes path, const struct dam_hash *hash,
                               struct dam_bytes *ret)
{
    struct memory_store *store = ctx;
    if (store->fail_after > 0 && --store->fail_after == 0) {
        return DAM_EIO;
    }
    size_t i = store_find(store, path);
    if (i == store->count || !dam_hash_eq(&store->hashes[i], hash)) {
        return DAM_ENOTFOUND;
    }
    *ret = store->nodes[i];
    return DAM_OK;
}

static enum dam_err store_save(void *ctx, struct dam_bytes path, const struct dam_hash *hash,
                               struct dam_bytes node)
{
    struct memory_store *store = ctx;
    size_t i = store_find(store, path);
    assert_in_range(i, 0, DAM_COUNT_OF(store->nodes) - 1);
    if (i == store->count) {
        store->count++;
        store->paths[i] = dam_bytes(dam_arena_copy(&store_arena, path.data, path.len), path.len);
    }
    store->hashes[i] = *hash;
    store->nodes[i] = dam_bytes(dam_arena_copy(&store_arena, node.data, node.len), node.len);
    return DAM_OK;
}

static enum dam_err store_drop(void *ctx, struct dam_bytes path)
{
    struct memory_store *store = ctx;
    size_t i = store_find(store, path);
    if (i < store->count) {
        store->count--;
        store->paths[i] = store->paths[store->count];
        store->hashes[i] = store->hashes[store->count];
        store->nodes[i] = store->nodes[store->count];
    }
    return DAM_OK;
}

#define KEYS 120u

/* A map as plain as can be, to compare with. */
struct model {
    uint8_t keys[KEYS][8];
    size_t key_lens[KEYS];
    uint8_t values[KEYS][40];
    size_t value_lens[KEYS]; /* 0: absent */
};

static struct dam_bytes model_key(const struct model *model, size_t i)
{
    return dam_bytes(model->keys[i], model->key_lens[i]);
}

static struct dam_bytes model_value(const struct model *model, size_t i)
{
    return dam_bytes(model->values[i], model->value_lens[i]);
}

static void model_root(const struct model *model, struct dam_hash *ret)
{
    struct dam_bytes keys[KEYS];
    struct dam_bytes values[KEYS];
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        if (model->value_lens[i] != 0) {
            keys[count] = model_key(model, i);
            values[count++] = model_value(model, i);
        }
    }
    assert_int_equal(dam_trie_map_root(&arena, keys, values, count, ret), DAM_OK);
}

/* Keys of few distinct nibbles and of several lengths share prefixes and end inside each other. */
static void model_init(struct model *model, struct dam_prng *prng)
{
    memset(model, 0, sizeof(*model));
    for (size_t i = 0; i < KEYS; i++) {
        bool is_new = false;
        while (!is_new) {
            model->key_lens[i] = dam_prng_below(prng, 6);
            for (size_t b = 0; b < model->key_lens[i]; b++) {
                static const uint8_t bytes[] = {0x00, 0x01, 0x10, 0x11, 0xff};
                model->keys[i][b] = bytes[dam_prng_below(prng, sizeof(bytes))];
            }
            is_new = true;
            for (size_t j = 0; j < i && is_new; j++) {
                is_new = !dam_bytes_eq(model_key(model, i), model_key(model, j));
            }
        }
    }
}

static void model_change(struct model *model, struct dam_prng *prng, struct dam_trie *trie)
{
    size_t i = dam_prng_below(prng, KEYS);
    bool is_delete = dam_prng_below(prng, 2) == 0;
    model->value_lens[i] = is_delete ? 0 : 1 + dam_prng_below(prng, 39);
    dam_prng_fill(prng, model->values[i], model->value_lens[i]);
    assert_int_equal(dam_trie_put(trie, model_key(model, i), model_value(model, i)), DAM_OK);
}

static void check_proofs(const struct model *model, struct dam_trie *trie,
                         const struct dam_hash *root, struct dam_prng *prng)
{
    for (size_t i = 0; i < KEYS; i += 7) {
        struct dam_trie_proof proof;
        struct dam_bytes value;
        assert_int_equal(dam_trie_prove(trie, model_key(model, i), &proof), DAM_OK);
        assert_int_equal(
            dam_trie_verify(root, model_key(model, i), proof.nodes, proof.count, &value), DAM_OK);
        assert_true(dam_bytes_eq(value, model_value(model, i)));
        if (proof.count == 0) {
            continue;
        }
        /* One wrong bit anywhere, or one node more or less, proves nothing. */
        size_t n = dam_prng_below(prng, proof.count);
        uint8_t *bytes = (uint8_t *)proof.nodes[n].data;
        size_t at = dam_prng_below(prng, proof.nodes[n].len);
        bytes[at] ^= 4;
        assert_int_equal(
            dam_trie_verify(root, model_key(model, i), proof.nodes, proof.count, &value),
            DAM_ECORRUPT);
        bytes[at] ^= 4;
        assert_int_equal(
            dam_trie_verify(root, model_key(model, i), proof.nodes, proof.count - 1, &value),
            DAM_ECORRUPT);
        proof.nodes[proof.count] = proof.nodes[0];
        assert_int_equal(
            dam_trie_verify(root, model_key(model, i), proof.nodes, proof.count + 1, &value),
            DAM_ECORRUPT);
    }
}

/* Random puts and deletes, commits into a store and fresh starts from it, against a trie that is
 * made anew from the same map. */
static void changes_equal_a_fresh_build(void **state)
{
    (void)state;
    static struct memory_store store;
    static struct model model;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct dam_prng prng = {.state = seed};
        struct dam_trie_store vtable = {store_load, store_save, NULL, &store};
        struct dam_trie trie;
        struct dam_hash root = dam_empty_trie_root;
        store.count = 0;
        model_init(&model, &prng);
        dam_trie_init(&trie, &arena, &vtable, &root);
        for (int round = 0; round < 40; round++) {
            struct dam_hash want;
            for (size_t i = dam_prng_below(&prng, 12); i > 0; i--) {
                model_change(&model, &prng, &trie);
            }
            model_root(&model, &want);
            assert_int_equal(dam_trie_commit(&trie, &root), DAM_OK);
            assert_true(dam_hash_eq(&root, &want));
            if (dam_prng_below(&prng, 3) == 0) {
                dam_trie_init(&trie, &arena, &vtable, &root); /* forget what was loaded */
            }
            check_proofs(&model, &trie, &root, &prng);
        }
        for (size_t i = 0; i < KEYS; i++) {
            struct dam_bytes value = {0};
            enum dam_err err = dam_trie_get(&trie, model_key(&model, i), &value);
            assert_int_equal(err, model.value_lens[i] == 0 ? DAM_ENOTFOUND : DAM_OK);
            assert_true(dam_bytes_eq(value, model_value(&model, i)));
        }
        dam_arena_reset(&arena);
    }
}

struct visited {
    struct dam_bytes keys[KEYS];
    size_t count;
};

static bool visit(void *ctx, struct dam_bytes key, struct dam_bytes value)
{
    struct visited *visited = ctx;
    assert_true(value.len > 0);
    visited->keys[visited->count++] = dam_bytes(dam_arena_copy(&arena, key.data, key.len), key.len);
    return true;
}

static int order(struct dam_bytes a, struct dam_bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int byte = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return byte != 0 ? byte : (a.len > b.len) - (a.len < b.len);
}

static void a_walk_is_ordered_and_complete(void **state)
{
    (void)state;
    static struct memory_store store;
    static struct model model;
    struct dam_prng prng = {.state = 3};
    struct dam_trie_store vtable = {store_load, store_save, store_drop, &store};
    struct dam_trie trie;
    struct dam_hash root;
    model_init(&model, &prng);
    dam_trie_init(&trie, &arena, &vtable, &dam_empty_trie_root);
    for (int i = 0; i < 300; i++) {
        model_change(&model, &prng, &trie);
    }
    assert_int_equal(dam_trie_commit(&trie, &root), DAM_OK);
    for (size_t from = 0; from < KEYS; from++) {
        dam_trie_init(&trie, &arena, &vtable, &root);
        struct visited visited = {.count = 0};
        size_t want = 0;
        for (size_t i = 0; i < KEYS; i++) {
            want += model.value_lens[i] != 0 &&
                    order(model_key(&model, i), model_key(&model, from)) >= 0;
        }
        assert_int_equal(dam_trie_walk(&trie, model_key(&model, from), visit, &visited), DAM_OK);
        assert_int_equal(visited.count, want);
        for (size_t i = 1; i < visited.count; i++) {
            assert_true(order(visited.keys[i - 1], visited.keys[i]) < 0);
        }
    }
}

/* The store fails at each of its loads in turn: the error comes out, nothing crashes. */
static void a_failing_store_is_an_error(void **state)
{
    (void)state;
    static struct memory_store store;
    struct dam_trie_store vtable = {store_load, store_save, NULL, &store};
    struct dam_trie trie;
    struct dam_hash root;
    struct dam_hash key;
    dam_trie_init(&trie, &arena, &vtable, &dam_empty_trie_root);
    for (uint32_t i = 0; i < 200; i++) {
        dam_keccak256((const uint8_t *)&i, sizeof(i), &key);
        assert_int_equal(dam_trie_put(&trie, dam_bytes(key.b, 32), dam_bytes(key.b, 32)), DAM_OK);
    }
    assert_int_equal(dam_trie_commit(&trie, &root), DAM_OK);
    unsigned failures = 0;
    for (size_t n = 1; n < 6; n++) {
        store.fail_after = n;
        dam_trie_init(&trie, &arena, &vtable, &root);
        enum dam_err err = dam_trie_delete(&trie, dam_bytes(key.b, 32));
        assert_true(err == DAM_OK || err == DAM_EIO);
        failures += err == DAM_EIO;
    }
    assert_true(failures >= 2);
    store.fail_after = 0;
    store.count = 1; /* the deepest node saved first: the others are lost */
    dam_trie_init(&trie, &arena, &vtable, &root);
    struct dam_bytes value;
    assert_int_equal(dam_trie_get(&trie, dam_bytes(key.b, 32), &value), DAM_ECORRUPT);
}

/* A store that takes away what is dropped holds, after any changes, exactly the nodes of a trie
 * that was built at once from what is left. */
static void what_is_dropped_is_what_went(void **state)
{
    (void)state;
    static struct memory_store store;
    static struct memory_store fresh;
    struct dam_trie_store vtable = {store_load, store_save, store_drop, &store};
    struct dam_trie_store fresh_vtable = {store_load, store_save, NULL, &fresh};
    uint8_t values[300] = {0}; /* 0: absent */
    struct dam_hash keys[300];
    struct dam_prng prng = {7};
    struct dam_hash root = dam_empty_trie_root;
    for (uint32_t i = 0; i < DAM_COUNT_OF(keys); i++) {
        dam_keccak256((const uint8_t *)&i, sizeof(i), &keys[i]);
        keys[i].b[0] &= 0x1f; /* closer together: more to split and to join */
    }
    for (unsigned turn = 0; turn < 120; turn++) {
        struct dam_trie trie;
        struct dam_hash want;
        unsigned commits = 1 + turn % 2; /* the trie can be used on after a commit */
        dam_trie_init(&trie, &arena, &vtable, &root);
        for (unsigned c = 0; c < commits; c++) {
            for (unsigned n = 0; n < 1 + turn % 40; n++) {
                size_t i = (size_t)dam_prng_below(&prng, DAM_COUNT_OF(keys));
                bool clear = turn > 100 || dam_prng_below(&prng, 2) == 0;
                values[i] = clear ? 0 : (uint8_t)(1 + dam_prng_below(&prng, 3));
                uint8_t value[40];
                memset(value, values[i], sizeof(value));
                assert_int_equal(dam_trie_put(&trie, dam_bytes(keys[i].b, 32),
                                              dam_bytes(value, values[i] == 0 ? 0 : 40)),
                                 DAM_OK);
            }
            assert_int_equal(dam_trie_commit(&trie, &root), DAM_OK);
        }
        fresh.count = 0;
        dam_trie_init(&trie, &arena, &fresh_vtable, &dam_empty_trie_root);
        for (size_t i = 0; i < DAM_COUNT_OF(keys); i++) {
            uint8_t value[40];
            memset(value, values[i], sizeof(value));
            assert_int_equal(dam_trie_put(&trie, dam_bytes(keys[i].b, 32),
                                          dam_bytes(value, values[i] == 0 ? 0 : 40)),
                             DAM_OK);
        }
        assert_int_equal(dam_trie_commit(&trie, &want), DAM_OK);
        assert_memory_equal(root.b, want.b, 32);
        assert_int_equal(store.count, fresh.count);
    }
}

static int setup(void **state)
{
    (void)state;
    dam_arena_init(&arena, dam_heap(), 0);
    dam_arena_init(&store_arena, dam_heap(), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dam_arena_finish(&arena);
    dam_arena_finish(&store_arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_equal_a_fresh_build, setup, teardown),
        cmocka_unit_test_setup_teardown(a_walk_is_ordered_and_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_store_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_dropped_is_what_went, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
