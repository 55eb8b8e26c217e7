// SPDX-License-Identifier: Apache-2.0
/* Two things from one input: a proof from outside (nodes cut from the input, the root made to fit
 * the first, so that the checker reads deep), and operations on a trie whose root, proofs and
 * values must agree with each other. */
#include "base/assert.h"
#include "base/heap.h"
#include "core/crypto/keccak.h"
#include "core/eth/trie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void foreign_proof(const uint8_t *data, size_t size)
{
    struct dam_bytes nodes[4];
    size_t count = 0;
    struct dam_bytes key = dam_bytes(data, size < 4 ? size : 4);
    for (size_t at = key.len; at < size && count < 4;) {
        size_t len = data[at] < size - at ? data[at] + 1u : size - at;
        nodes[count++] = dam_bytes(data + at, len);
        at += len;
    }
    if (count > 0) {
        struct dam_hash root;
        struct dam_bytes value;
        dam_keccak256(nodes[0].data, nodes[0].len, &root);
        if (dam_trie_verify(&root, key, nodes, count, &value) == DAM_OK) {
            DAM_ASSERT(value.len == 0 || (value.data >= data && value.data < data + size));
        }
    }
}

static void operations(struct dam_arena *arena, const uint8_t *data, size_t size)
{
    struct dam_trie trie;
    struct dam_hash root;
    dam_trie_init(&trie, arena, NULL, &dam_empty_trie_root);
    for (size_t at = 0; at + 4 < size; at += 5) {
        struct dam_bytes key = dam_bytes(data + at, data[at] % 4);
        struct dam_bytes value = dam_bytes(data + at + 3, data[at + 4] % 3);
        DAM_ASSERT(dam_trie_put(&trie, key, value) == DAM_OK);
    }
    DAM_ASSERT(dam_trie_commit(&trie, &root) == DAM_OK);
    for (size_t at = 0; at + 4 < size; at += 5) {
        struct dam_bytes key = dam_bytes(data + at, data[at] % 4);
        struct dam_bytes want = {0};
        struct dam_bytes value;
        struct dam_trie_proof proof;
        enum dam_err err = dam_trie_get(&trie, key, &want);
        DAM_ASSERT(err == DAM_OK || err == DAM_ENOTFOUND);
        DAM_ASSERT(dam_trie_prove(&trie, key, &proof) == DAM_OK);
        DAM_ASSERT(dam_trie_verify(&root, key, proof.nodes, proof.count, &value) == DAM_OK);
        DAM_ASSERT(dam_bytes_eq(want, value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    foreign_proof(data, size);
    operations(&arena, data, size < 500 ? size : 500);
    dam_arena_finish(&arena);
    return 0;
}
