// SPDX-License-Identifier: Apache-2.0
#include "core/record/tree.h"

#include "base/hex.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LEAVES 130

static struct dam_hash leaves[LEAVES];

/* The slow truth, straight from RFC 6962 section 2.1. */
static void slow_root(uint64_t first, uint64_t count, struct dam_hash *ret)
{
    if (count == 1) {
        *ret = leaves[first];
        return;
    }
    uint64_t half = 1;
    while (half * 2 < count) {
        half *= 2;
    }
    struct dam_hash left;
    struct dam_hash right;
    slow_root(first, half, &left);
    slow_root(first + half, count - half, &right);
    dam_record_node_hash(&left, &right, ret);
}

static enum dam_err slow_read(void *ctx, unsigned level, uint64_t index, struct dam_hash *ret)
{
    (void)ctx;
    slow_root(index << level, (uint64_t)1 << level, ret);
    return DAM_OK;
}

static const struct dam_record_source source = {.read = slow_read};

static int fill(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 7};
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t leaf[40];
        dam_prng_fill(&prng, leaf, sizeof(leaf));
        dam_record_leaf_hash(dam_bytes(leaf, 8 + i % 32), &leaves[i]);
    }
    return 0;
}

/* The roots that every Certificate Transparency implementation is tested with. */
static void known_roots(void **state)
{
    (void)state;
    static const char *const inputs[] = {"",
                                         "00",
                                         "10",
                                         "2021",
                                         "3031",
                                         "40414243",
                                         "5051525354555657",
                                         "606162636465666768696a6b6c6d6e6f"};
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct dam_record_frontier frontier = {0};
    for (size_t i = 0; i < DAM_COUNT_OF(roots); i++) {
        struct dam_hash root;
        char text[65];
        dam_record_frontier_root(&frontier, &root);
        dam_hex_encode(root.b, sizeof(root.b), text);
        assert_string_equal(text, roots[i]);
        if (i < DAM_COUNT_OF(inputs)) {
            uint8_t leaf[16];
            size_t len = 0;
            struct dam_hash hash;
            assert_int_equal(dam_hex_decode(inputs[i], strlen(inputs[i]), leaf, sizeof(leaf), &len),
                             DAM_OK);
            dam_record_leaf_hash(dam_bytes(leaf, len), &hash);
            (void)dam_record_append(&frontier, &hash, NULL);
        }
    }
}

static void every_proof_of_every_size(void **state)
{
    (void)state;
    struct dam_record_frontier frontier = {0};
    size_t checked = 0;
    for (uint64_t size = 1; size <= LEAVES; size++) {
        struct dam_hash root;
        struct dam_hash slow;
        (void)dam_record_append(&frontier, &leaves[size - 1], NULL);
        dam_record_frontier_root(&frontier, &root);
        slow_root(0, size, &slow);
        assert_true(dam_hash_eq(&root, &slow));
        assert_int_equal(dam_record_root(&source, size, &slow), DAM_OK);
        assert_true(dam_hash_eq(&root, &slow));
        for (uint64_t index = 0; index < size; index++) {
            struct dam_record_proof proof;
            assert_int_equal(dam_record_prove_inclusion(&source, index, size, &proof), DAM_OK);
            assert_true(dam_record_verify_inclusion(&leaves[index], index, size, &proof, &root));
            if (size > 1) { /* one wrong thing at a time */
                assert_false(dam_record_verify_inclusion(&leaves[(index + 1) % size], index, size,
                                                         &proof, &root));
                assert_false(dam_record_verify_inclusion(&leaves[index], (index + 1) % size, size,
                                                         &proof, &root));
                proof.hashes[index % proof.count].b[index % 32] ^= 1;
                assert_false(
                    dam_record_verify_inclusion(&leaves[index], index, size, &proof, &root));
                proof.hashes[index % proof.count].b[index % 32] ^= 1;
                proof.count--;
                assert_false(
                    dam_record_verify_inclusion(&leaves[index], index, size, &proof, &root));
            }
            checked++;
        }
        for (uint64_t old = 1; old <= size; old++) {
            struct dam_record_proof proof;
            struct dam_hash old_root;
            slow_root(0, old, &old_root);
            assert_int_equal(dam_record_prove_consistency(&source, old, size, &proof), DAM_OK);
            assert_true(dam_record_verify_consistency(old, &old_root, size, &root, &proof));
            old_root.b[old % 32] ^= 4;
            assert_false(dam_record_verify_consistency(old, &old_root, size, &root, &proof));
            old_root.b[old % 32] ^= 4;
            if (proof.count > 0) {
                proof.hashes[old % proof.count].b[size % 32] ^= 2;
                assert_false(dam_record_verify_consistency(old, &old_root, size, &root, &proof));
                proof.hashes[old % proof.count].b[size % 32] ^= 2;
                proof.count--;
                assert_false(dam_record_verify_consistency(old, &old_root, size, &root, &proof));
            }
            checked++;
        }
    }
    assert_int_equal(checked, LEAVES * (LEAVES + 1));
}

static void bad_questions_are_refused(void **state)
{
    (void)state;
    struct dam_record_proof proof = {0};
    struct dam_hash empty;
    dam_record_frontier_root(&(struct dam_record_frontier){0}, &empty);
    assert_int_equal(dam_record_prove_inclusion(&source, 5, 5, &proof), DAM_ERANGE);
    assert_int_equal(dam_record_prove_consistency(&source, 0, 5, &proof), DAM_ERANGE);
    assert_int_equal(dam_record_prove_consistency(&source, 6, 5, &proof), DAM_ERANGE);
    assert_true(dam_record_verify_consistency(0, &empty, 5, &leaves[0], &proof));
    assert_false(dam_record_verify_consistency(0, &leaves[0], 5, &leaves[0], &proof));
    assert_false(dam_record_verify_consistency(6, &leaves[0], 5, &leaves[0], &proof));
    assert_false(dam_record_verify_inclusion(&leaves[0], 0, 0, &proof, &leaves[0]));
    assert_true(dam_record_verify_inclusion(&leaves[0], 0, 1, &proof, &leaves[0]));
    proof.count = DAM_RECORD_PROOF_MAX + 1;
    assert_false(dam_record_verify_inclusion(&leaves[0], 0, 1, &proof, &leaves[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_roots),
        cmocka_unit_test(every_proof_of_every_size),
        cmocka_unit_test(bad_questions_are_refused),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
