// SPDX-License-Identifier: Apache-2.0
#include "ledger/builder.h"

#include "core/evm/block.h"
#include "ledger/chain_fixture.h"

static struct dam_bytes rlp_of(struct chain_fixture *f, uint64_t number)
{
    struct dam_buf buf;
    dam_buf_init_arena(&buf, &f->arena, (size_t)1 << 26);
    assert_int_equal(dam_ledger_chain_block_rlp(dam_ledger_chain_reader(f->chain), number, &buf),
                     DAM_OK);
    return dam_buf_bytes(&buf);
}

static void test_a_block(void **state)
{
    (void)state;
    struct chain_fixture f;
    struct dam_builder builder;
    chain_fixture_init(&f, 0);
    const struct dam_hash genesis = f.chain->head.hash;
    const struct dam_hash genesis_root = f.chain->root;
    chain_fixture_begin(&f, &builder, 30000000);
    struct dam_signed_tx tx = chain_fixture_transfer(&f, 0, 0);
    assert_int_equal(chain_fixture_add(&builder, &tx), DAM_TX_NONE);
    dam_builder_drop(&builder);
    dam_builder_drop(&builder); /* once more is fine */
    assert_memory_equal(f.chain->head.hash.b, genesis.b, 32);
    chain_fixture_begin(&f, &builder, 30000000);
    assert_int_equal(chain_fixture_add(&builder, &tx), DAM_TX_NONE);
    chain_fixture_commit(&builder);
    const struct dam_ledger_chain_block *head = &f.chain->head;
    assert_memory_equal(head->hash.b, builder.result.hash.b, 32);
    assert_int_equal(head->header.number, 1);
    assert_int_equal(head->header.gas_used, 21000);
    assert_int_equal(head->tx_count, 1);
    assert_memory_equal(head->header.parent_hash.b, genesis.b, 32);
    assert_memory_not_equal(head->header.state_root.b, genesis_root.b, 32);
    /* What is stored is the block: decoded it has the same hash, and its length is as said. */
    struct dam_bytes rlp = rlp_of(&f, 1);
    struct dam_block block;
    struct dam_hash hash;
    assert_int_equal(rlp.len, head->size);
    assert_int_equal(dam_block_decode(&f.arena, rlp, &block, NULL), DAM_OK);
    dam_header_hash(&block.header, &hash);
    assert_memory_equal(hash.b, head->hash.b, 32);
    assert_int_equal(block.tx_count, 1);
    chain_fixture_finish(&f);
}

/* What is not valid leaves the block as it is. */
static void test_invalid(void **state)
{
    (void)state;
    struct chain_fixture f;
    struct dam_builder builder;
    chain_fixture_init(&f, 0);
    chain_fixture_begin(&f, &builder, 30000000);
    struct dam_signed_tx first = chain_fixture_transfer(&f, 0, 0);
    struct dam_signed_tx gap = chain_fixture_transfer(&f, 0, 2);
    struct dam_tx too_much = {.type = DAM_TX_DYNAMIC_FEE, .nonce = 1, .gas_limit = 21000};
    too_much.value.w[2] = 1;
    struct dam_signed_tx poor = chain_fixture_sign(&f, 0, too_much);
    assert_int_equal(chain_fixture_add(&builder, &gap), DAM_TX_NONCE_TOO_HIGH);
    assert_int_equal(chain_fixture_add(&builder, &first), DAM_TX_NONE);
    assert_int_equal(chain_fixture_add(&builder, &first), DAM_TX_NONCE_TOO_LOW);
    assert_int_equal(chain_fixture_add(&builder, &poor), DAM_TX_INSUFFICIENT_FUNDS);
    assert_int_equal(builder.count, 1);
    chain_fixture_commit(&builder);
    /* The same block without them. */
    struct chain_fixture g;
    chain_fixture_init(&g, 0);
    chain_fixture_begin(&g, &builder, 30000000);
    assert_int_equal(chain_fixture_add(&builder, &first), DAM_TX_NONE);
    chain_fixture_commit(&builder);
    assert_memory_equal(g.chain->head.hash.b, f.chain->head.hash.b, 32);
    chain_fixture_finish(&g);
    chain_fixture_finish(&f);
}

static void test_gas(void **state)
{
    (void)state;
    struct chain_fixture f;
    struct dam_builder builder;
    chain_fixture_init(&f, 0);
    chain_fixture_begin(&f, &builder, 3 * 21000 - 1);
    for (uint64_t nonce = 0; nonce < 3; nonce++) {
        struct dam_signed_tx tx = chain_fixture_transfer(&f, 0, nonce);
        assert_int_equal(chain_fixture_add(&builder, &tx),
                         nonce < 2 ? DAM_TX_NONE : DAM_TX_GAS_ALLOWANCE_EXCEEDED);
    }
    assert_int_equal(dam_builder_gas_left(&builder), 20999);
    chain_fixture_commit(&builder);
    assert_int_equal(f.chain->head.header.gas_used, 42000);
    /* EIP-7825: what one transaction may ask for, however much the block has. */
    chain_fixture_begin(&f, &builder, 200000000);
    for (uint64_t over = 0; over < 2; over++) {
        struct dam_signed_tx tx = chain_fixture_sign(
            &f, 0,
            (struct dam_tx){.type = DAM_TX_LEGACY, .nonce = 2, .gas_limit = 16777217 - over});
        assert_int_equal(chain_fixture_add(&builder, &tx),
                         over == 0 ? DAM_TX_GAS_LIMIT_EXCEEDS_MAXIMUM : DAM_TX_NONE);
    }
    chain_fixture_commit(&builder);
    chain_fixture_finish(&f);
}

static struct dam_signed_tx with_blobs(struct chain_fixture *f, uint64_t nonce, size_t count)
{
    struct dam_hash *hashes = dam_arena_zalloc(&f->arena, count * sizeof(*hashes) + 1);
    assert_non_null(hashes);
    for (size_t i = 0; i < count; i++) {
        hashes[i].b[0] = 1; /* EIP-4844's version */
    }
    return chain_fixture_sign(f, 0,
                              (struct dam_tx){.type = DAM_TX_BLOB,
                                              .nonce = nonce,
                                              .gas_limit = 21000,
                                              .to = dam_dev_addresses[1],
                                              .blob_hashes = hashes,
                                              .blob_hash_count = count});
}

static void test_blobs(void **state)
{
    (void)state;
    struct chain_fixture f;
    struct dam_builder builder;
    chain_fixture_init(&f, 0);
    chain_fixture_begin(&f, &builder, 30000000);
    uint64_t max = builder.options.blob.max;
    assert_true(max >= 6);
    struct dam_signed_tx many = with_blobs(&f, 0, 7); /* EIP-7594: six a transaction */
    assert_int_equal(chain_fixture_add(&builder, &many), DAM_TX_BLOB_COUNT);
    uint64_t nonce = 0;
    for (uint64_t left = max; left > 0; nonce++) {
        size_t count = left < 4 ? (size_t)left : 4;
        struct dam_signed_tx tx = with_blobs(&f, nonce, count);
        assert_int_equal(chain_fixture_add(&builder, &tx), DAM_TX_NONE);
        left -= count;
    }
    struct dam_signed_tx more = with_blobs(&f, nonce, 1);
    assert_int_equal(chain_fixture_add(&builder, &more), DAM_TX_BLOB_GAS_ALLOWANCE);
    chain_fixture_commit(&builder);
    assert_int_equal(f.chain->head.header.blob_gas_used, max * 131072);
    assert_int_equal(f.chain->head.header.excess_blob_gas, 0);
    chain_fixture_begin(&f, &builder, 30000000);
    chain_fixture_commit(&builder);
    assert_true(f.chain->head.header.excess_blob_gas > 0);
    chain_fixture_finish(&f);
}

/* EIP-7934. Zeros cost 10 gas a byte, so gas alone does not keep a block small. */
static void test_size(void **state)
{
    (void)state;
    enum { LEN = 130000 };
    struct chain_fixture f;
    struct dam_builder builder;
    struct dam_import_fault fault;
    struct dam_bytes blocks[2];
    for (size_t over = 0; over < 2; over++) {
        chain_fixture_init(&f, 0);
        void *zeros = dam_arena_zalloc(&f.arena, LEN);
        assert_non_null(zeros);
        chain_fixture_begin(&f, &builder, 200000000);
        for (uint64_t nonce = 0;; nonce++) {
            struct dam_signed_tx tx =
                chain_fixture_sign(&f, 0,
                                   (struct dam_tx){.type = DAM_TX_DYNAMIC_FEE,
                                                   .nonce = nonce,
                                                   .gas_limit = 21000 + 10 * LEN,
                                                   .to = dam_dev_addresses[1],
                                                   .data = dam_bytes(zeros, LEN)});
            bool fits = dam_builder_has_room(&builder, tx.bytes.len);
            if (fits || over == 1) {
                assert_int_equal(chain_fixture_add(&builder, &tx), DAM_TX_NONE);
            }
            if (!fits) {
                break;
            }
        }
        chain_fixture_commit(&builder);
        struct dam_bytes rlp = rlp_of(&f, 1);
        assert_int_equal(rlp.len, f.chain->head.size);
        void *copy = malloc(rlp.len);
        assert_non_null(copy);
        memcpy(copy, rlp.data, rlp.len);
        blocks[over] = dam_bytes(copy, rlp.len);
        chain_fixture_finish(&f);
    }
    assert_in_range(blocks[0].len, DAM_BLOCK_LEN_MAX - 2 * LEN, DAM_BLOCK_LEN_MAX);
    assert_true(blocks[1].len > DAM_BLOCK_LEN_MAX);
    chain_fixture_init(&f, 0);
    assert_int_equal(dam_builder_import(f.chain, f.evm, blocks[1], &fault), DAM_EREFUSED);
    assert_non_null(strstr(fault.text, "EIP-7934"));
    assert_int_equal(f.chain->head.header.number, 0);
    assert_int_equal(dam_builder_import(f.chain, f.evm, blocks[0], &fault), DAM_OK);
    assert_int_equal(f.chain->head.header.number, 1);
    chain_fixture_finish(&f);
    free((void *)blocks[0].data);
    free((void *)blocks[1].data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block), cmocka_unit_test(test_invalid), cmocka_unit_test(test_gas),
        cmocka_unit_test(test_blobs),   cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
