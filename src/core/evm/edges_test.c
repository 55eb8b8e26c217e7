// SPDX-License-Identifier: Apache-2.0
/* The edges of rules, most of them of Prague and Osaka: the last value that is right and the first
 * that is not, under the fork that brought the rule and the one before. No vectors are needed. */
#include "core/evm/block.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/crypto/sha256.h"
#include "core/evm/precompile.h"
#include "core/evm/world.h"

static const struct dam_address sender = {{[0] = 0xca, [19] = 0x11}};
static const struct dam_address contract = {{[0] = 0xc0, [19] = 0xde}};
static const struct dam_address authority = {{[0] = 0xa0, [19] = 0x01}};

struct fixture {
    struct dam_evm *evm;
    struct dam_evm_world world;
    struct dam_evm_view view;
    struct dam_evm_options options;
    struct dam_evm_block block;
    struct dam_evm_receipt receipt;
    struct dam_evm_diff diff;
};

static void fixture_init(struct fixture *f, enum dam_fork fork, struct dam_bytes code)
{
    const struct dam_u256 rich = {{UINT64_MAX, 1}};
    struct dam_chain_config config;
    *f = (struct fixture){0};
    dam_chain_config_init(&config, 1, fork);
    f->options = dam_evm_options_of(&config, 1, 1);
    f->block = (struct dam_evm_block){.number = 1, .time = 1, .gas_limit = 100000000};
    assert_int_equal(dam_evm_create(dam_heap(), NULL, &f->evm), DAM_OK);
    dam_evm_world_init(&f->world, dam_heap());
    assert_int_equal(dam_evm_world_put(&f->world, &sender, 0, &rich), DAM_OK);
    assert_int_equal(dam_evm_world_put(&f->world, &contract, 1, &rich), DAM_OK);
    assert_int_equal(dam_evm_world_put_code(&f->world, &contract, code), DAM_OK);
    f->view = dam_evm_world_view(&f->world);
}

static void fixture_finish(struct fixture *f)
{
    dam_evm_destroy(f->evm);
    dam_evm_world_finish(&f->world);
}

/* Returns: why the transaction is invalid; what it did is in f. */
static enum dam_tx_invalid apply(struct fixture *f, const struct dam_evm_tx *tx)
{
    assert_int_equal(
        dam_evm_apply(f->evm, &f->view, &f->block, &f->options, tx, &f->receipt, &f->diff), DAM_OK);
    return f->receipt.invalid;
}

static enum dam_tx_invalid judge(enum dam_fork fork, const struct dam_evm_tx *tx,
                                 uint64_t *ret_gas_used)
{
    struct fixture f;
    fixture_init(&f, fork, dam_bytes(NULL, 0));
    const enum dam_tx_invalid invalid = apply(&f, tx);
    *ret_gas_used = invalid == DAM_TX_NONE ? f.receipt.gas_used : 0;
    fixture_finish(&f);
    return invalid;
}

/* EIP-7825: 2^24 gas a transaction. */
static void gas_of_a_transaction(void **state)
{
    (void)state;
    struct dam_evm_tx tx = {.sender = sender, .to = contract, .gas_limit = 1u << 24};
    uint64_t gas;
    assert_int_equal(judge(DAM_FORK_OSAKA, &tx, &gas), DAM_TX_NONE);
    assert_int_equal(gas, 21000);
    tx.gas_limit++;
    assert_int_equal(judge(DAM_FORK_OSAKA, &tx, &gas), DAM_TX_GAS_LIMIT_EXCEEDS_MAXIMUM);
    assert_int_equal(judge(DAM_FORK_PRAGUE, &tx, &gas), DAM_TX_NONE);
}

/* EIP-155: a signature from before it is of no chain. */
static void chain_id_of_a_legacy_transaction(void **state)
{
    (void)state;
    struct dam_evm_tx tx = {
        .sender = sender, .to = contract, .gas_limit = 21000, .has_chain_id = true, .chain_id = 1};
    uint64_t gas;
    assert_int_equal(judge(DAM_FORK_SPURIOUS_DRAGON, &tx, &gas), DAM_TX_NONE);
    assert_int_equal(judge(DAM_FORK_TANGERINE_WHISTLE, &tx, &gas), DAM_TX_SIGNATURE);
    tx.has_chain_id = false;
    assert_int_equal(judge(DAM_FORK_TANGERINE_WHISTLE, &tx, &gas), DAM_TX_NONE);
}

/* EIP-7623: 10 gas a zero byte of calldata and 40 any other one, at least. */
static void floor_of_calldata(void **state)
{
    (void)state;
    uint8_t data[100];
    uint64_t gas;
    memset(data, 1, sizeof(data));
    data[7] = 0;
    struct dam_evm_tx tx = {.sender = sender, .to = contract, .data = dam_bytes(data, 100)};
    const uint64_t intrinsic = 21000 + 99 * 16 + 4;
    const uint64_t floor = 21000 + 99 * 40 + 10;
    tx.gas_limit = floor;
    assert_int_equal(judge(DAM_FORK_PRAGUE, &tx, &gas), DAM_TX_NONE);
    assert_int_equal(gas, floor);
    assert_int_equal(judge(DAM_FORK_CANCUN, &tx, &gas), DAM_TX_NONE);
    assert_int_equal(gas, intrinsic);
    tx.gas_limit = floor - 1;
    assert_int_equal(judge(DAM_FORK_PRAGUE, &tx, &gas), DAM_TX_FLOOR_GAS);
    assert_int_equal(judge(DAM_FORK_CANCUN, &tx, &gas), DAM_TX_NONE);
    tx.gas_limit = intrinsic - 1;
    assert_int_equal(judge(DAM_FORK_PRAGUE, &tx, &gas), DAM_TX_INTRINSIC_GAS_TOO_LOW);
    assert_int_equal(judge(DAM_FORK_CANCUN, &tx, &gas), DAM_TX_INTRINSIC_GAS_TOO_LOW);
}

/* EIP-7702: which authorizations make a delegation. */
static void set_code(void **state)
{
    (void)state;
    static const struct {
        uint64_t chain_id;
        uint64_t nonce;
        bool signed_well;
        bool holds;
    } cases[] = {
        {1, 0, true, true},  {0, 0, true, true},           {2, 0, true, false},
        {1, 1, true, false}, {1, UINT64_MAX, true, false}, {1, 0, false, false},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        struct fixture f;
        const struct dam_evm_authorization tuple = {.chain_id =
                                                        dam_u256_from_u64(cases[i].chain_id),
                                                    .address = contract,
                                                    .nonce = cases[i].nonce,
                                                    .authority = authority,
                                                    .authority_valid = cases[i].signed_well};
        struct dam_evm_tx tx = {.type = 4,
                                .sender = sender,
                                .to = authority,
                                .gas_limit = 100000,
                                .has_chain_id = true,
                                .chain_id = 1,
                                .authorizations = &tuple,
                                .authorization_count = 1};
        fixture_init(&f, DAM_FORK_PRAGUE, dam_bytes((const uint8_t[]){0xfe}, 1));
        assert_int_equal(apply(&f, &tx), DAM_TX_NONE);
        assert_int_equal(f.diff.code_count, cases[i].holds);
        assert_int_equal(f.receipt.status,
                         cases[i].holds ? DAM_EVM_INVALID_OPCODE : DAM_EVM_SUCCESS);
        if (cases[i].holds) {
            const uint8_t *code = f.diff.codes[0].code.data;
            assert_int_equal(f.diff.codes[0].code.len, 23);
            assert_memory_equal(code, ((const uint8_t[]){0xef, 0x01, 0x00}), 3);
            assert_memory_equal(code + 3, contract.b, 20);
        }
        tx.authorization_count = 0;
        assert_int_equal(apply(&f, &tx), DAM_TX_SET_CODE_EMPTY);
        tx.authorization_count = 1;
        tx.create = true;
        assert_int_equal(apply(&f, &tx), DAM_TX_SET_CODE_CREATE);
        f.options.fork = DAM_FORK_CANCUN;
        tx.create = false;
        assert_int_equal(apply(&f, &tx), DAM_TX_TYPE_4_PRE_FORK);
        fixture_finish(&f);
    }
}

/* EIP-4844: whatever has blobs has to pay for them, a simulated EIP-7702 transaction too. */
static void blobs_of_a_simulated_transaction(void **state)
{
    (void)state;
    const struct dam_hash blob = {{0x01}};
    const struct dam_evm_authorization tuple = {.authority = authority};
    struct dam_evm_tx tx = {.type = 4,
                            .simulate = true,
                            .sender = sender,
                            .to = contract,
                            .gas_limit = 100000,
                            .blob_fee_max = dam_u256_from_u64(1),
                            .blob_hashes = &blob,
                            .blob_hash_count = 1,
                            .authorizations = &tuple,
                            .authorization_count = 1};
    struct fixture f;
    fixture_init(&f, DAM_FORK_OSAKA, dam_bytes(NULL, 0));
    assert_int_equal(apply(&f, &tx), DAM_TX_NONE);
    f.block.has_blob_base_fee = true;
    f.block.blob_base_fee.w[3] = UINT64_MAX;
    assert_int_equal(apply(&f, &tx), DAM_TX_BLOB_FEE_BELOW_BASE_FEE);
    fixture_finish(&f);
}

/* EIP-7939: every number of leading zeros. */
static void leading_zeros(void **state)
{
    (void)state;
    /* MSTORE(0, CLZ(CALLDATALOAD(0))); RETURN(0, 32) */
    static const uint8_t code[] = {0x5f, 0x35, 0x1e, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3};
    struct fixture f;
    struct dam_evm_result result;
    fixture_init(&f, DAM_FORK_OSAKA, dam_bytes(code, sizeof(code)));
    for (unsigned zeros = 0; zeros <= 256; zeros++) {
        uint8_t word[32] = {0};
        if (zeros < 256) {
            memset(word + zeros / 8, 0xff, 32 - zeros / 8);
            word[zeros / 8] = (uint8_t)(0xff >> zeros % 8);
        }
        const struct dam_evm_message message = {
            .sender = sender, .to = contract, .input = dam_bytes(word, 32), .gas = 1000};
        assert_int_equal(
            dam_evm_apply_call(f.evm, &f.view, &f.block, &f.options, &message, &result, &f.diff),
            DAM_OK);
        assert_int_equal(result.status, DAM_EVM_SUCCESS);
        assert_int_equal(dam_load_be64(result.output.data + 24), zeros);
        assert_int_equal(1000 - result.gas_left, 2 + 3 + 5 + 2 + 6 + 3 + 2);
    }
    f.options.fork = DAM_FORK_PRAGUE;
    const struct dam_evm_message message = {.sender = sender, .to = contract, .gas = 1000};
    assert_int_equal(
        dam_evm_apply_call(f.evm, &f.view, &f.block, &f.options, &message, &result, &f.diff),
        DAM_OK);
    assert_int_equal(result.status, DAM_EVM_INVALID_OPCODE);
    fixture_finish(&f);
}

/* EIP-7951: the example of RFC 6979 A.2.5, and what is next to it. */
static void p256_input(void **state)
{
    (void)state;
    uint8_t input[161] = {0};
    struct dam_arena arena;
    struct dam_precompile_result result;
    struct dam_hash digest;
    struct dam_address at = {{[18] = 1}};
    const struct dam_precompile *p256 = dam_precompile_find(&at, DAM_FORK_OSAKA);
    static const char rest[] = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                               "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
                               "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                               "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    static const char order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    static const char prime[] = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    dam_arena_init(&arena, dam_heap(), 0);
    dam_sha256((const uint8_t *)"sample", 6, &digest);
    memcpy(input, digest.b, 32);
    assert_int_equal(dam_hex_decode_exact(rest, 256, input + 32, 128), DAM_OK);
    for (size_t len = 0; len <= 161; len++) {
        assert_int_equal(p256->gas(dam_bytes(input, len), DAM_FORK_OSAKA), 6900);
        assert_int_equal(p256->run(dam_bytes(input, len), DAM_FORK_OSAKA, &arena, &result), DAM_OK);
        assert_true(result.success);
        assert_int_equal(result.output.len, len == 160 ? 32 : 0);
    }
    /* r and s are at least 1 and below n; x and y are below p; (0, 0) is no point. */
    for (size_t field = 1; field < 5; field++) {
        uint8_t changed[160];
        memcpy(changed, input, 160);
        memset(changed + 32 * field, 0, field < 3 ? 32 : 64 - 32 * (field - 3));
        assert_int_equal(p256->run(dam_bytes(changed, 160), DAM_FORK_OSAKA, &arena, &result),
                         DAM_OK);
        assert_true(result.success && result.output.len == 0);
        const char *limit = field < 3 ? order : prime;
        assert_int_equal(dam_hex_decode_exact(limit, 64, changed + 32 * field, 32), DAM_OK);
        assert_int_equal(p256->run(dam_bytes(changed, 160), DAM_FORK_OSAKA, &arena, &result),
                         DAM_OK);
        assert_true(result.success && result.output.len == 0);
    }
    dam_arena_finish(&arena);
}

/* EIP-7892 brings other numbers at a time; EIP-7918 puts a floor under the price: it binds while
 * 2^17 gas for a blob cost less than 2^13 gas of execution. */
static void blob_price(void **state)
{
    (void)state;
    const uint64_t blob = 1u << 17;
    struct dam_chain_config config;
    dam_chain_config_init(&config, 1, DAM_FORK_OSAKA);
    config.blob[1] = (struct dam_blob_params){100, 10, 15, 8346193};
    config.blob_count = 2;
    struct dam_header parent = {.form = DAM_HEADER_PRAGUE, .number = 1, .blob_gas_used = 9 * blob};
    parent.base_fee = dam_u256_from_u64(16); /* 2^13 * 16 = 2^17 * 1 */
    assert_int_equal(dam_evm_next_excess_blob_gas(&config, &parent, 99), 3 * blob);
    assert_int_equal(dam_evm_next_excess_blob_gas(&config, &parent, 100), 0);
    parent.base_fee = dam_u256_from_u64(17);
    assert_int_equal(dam_evm_next_excess_blob_gas(&config, &parent, 99), 9 * blob * 3 / 9);
    parent.blob_gas_used = 12 * blob;
    assert_int_equal(dam_evm_next_excess_blob_gas(&config, &parent, 100), 12 * blob * 5 / 15);
    parent.base_fee = dam_u256_from_u64(16);
    assert_int_equal(dam_evm_next_excess_blob_gas(&config, &parent, 100), 2 * blob);
    parent.blob_gas_used = 10 * blob - 1; /* below the target there is no floor to hold */
    parent.base_fee = dam_u256_from_u64(1000000);
    assert_int_equal(dam_evm_next_excess_blob_gas(&config, &parent, 100), 0);
    parent.blob_gas_used++;
    assert_int_equal(dam_evm_next_excess_blob_gas(&config, &parent, 100), 10 * blob * 5 / 15);
    config.fork_time[DAM_FORK_OSAKA] = 101;
    assert_int_equal(dam_evm_next_excess_blob_gas(&config, &parent, 100), 0);
}

/* EIP-7934: 10 MiB less 2. */
static void block_size(void **state)
{
    (void)state;
    struct dam_arena arena;
    enum dam_block_invalid invalid;
    dam_arena_init(&arena, dam_heap(), 0);
    for (unsigned fork = DAM_FORK_PRAGUE; fork <= DAM_FORK_OSAKA; fork++) {
        struct dam_chain_config config;
        dam_chain_config_init(&config, 1, (enum dam_fork)fork);
        const struct dam_header parent = {.form = DAM_HEADER_PRAGUE,
                                          .number = 1,
                                          .timestamp = 1,
                                          .gas_limit = 30000000,
                                          .gas_used = 15000000,
                                          .base_fee = dam_u256_from_u64(7)};
        const struct dam_evm_ancestor ancestor = {.header = &parent};
        const struct dam_evm_family family = {&ancestor, 1};
        struct dam_block block = {.header = parent, .has_withdrawals = true};
        block.header.number = 2;
        block.header.timestamp = 2;
        block.header.uncles_hash = dam_empty_uncles_hash;
        block.header.tx_root = dam_empty_trie_root;
        block.header.withdrawals_root = dam_empty_trie_root;
        const size_t len_max = 8u << 20;
        assert_int_equal(dam_evm_block_check(&config, &family, &block, len_max, &arena, &invalid),
                         DAM_OK);
        assert_int_equal(invalid, DAM_BLOCK_NONE);
        assert_int_equal(
            dam_evm_block_check(&config, &family, &block, len_max + 1, &arena, &invalid), DAM_OK);
        assert_int_equal(invalid, fork == DAM_FORK_OSAKA ? DAM_BLOCK_SIZE : DAM_BLOCK_NONE);
    }
    dam_arena_finish(&arena);
}

/* EIP-7685: the hash of the hashes of the requests that are more than a type. */
static void requests(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 1, 2, 2, 7};
    const struct dam_bytes list[] = {dam_bytes(bytes, 1), dam_bytes(bytes + 1, 1),
                                     dam_bytes(bytes + 3, 2)};
    struct dam_hash hash;
    struct dam_hash want;
    dam_requests_hash(list, 2, &hash);
    dam_sha256(NULL, 0, &want);
    assert_memory_equal(hash.b, want.b, 32);
    dam_requests_hash(list, 3, &hash);
    dam_sha256(bytes + 3, 2, &want);
    dam_sha256(want.b, 32, &want);
    assert_memory_equal(hash.b, want.b, 32);
}

static enum dam_err commit(void *ctx, const struct dam_evm_diff *diff, struct dam_hash *ret_root)
{
    DAM_TRY(dam_evm_world_apply(ctx, diff));
    return dam_evm_world_root(ctx, ret_root);
}

/* EIP-6110: the layout of the deposit event is a rule of Prague's, an event like others before. */
static void deposit_layout(void **state)
{
    (void)state;
    /* LOG1(0, 0, the event's signature) */
    uint8_t code[36] = {0x7f};
    memcpy(code + 33, (const uint8_t[]){0x5f, 0x5f, 0xa1}, 3);
    assert_int_equal(
        dam_hex_decode_exact("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5", 64,
                             code + 1, 32),
        DAM_OK);
    for (unsigned fork = DAM_FORK_CANCUN; fork <= DAM_FORK_PRAGUE; fork++) {
        struct fixture f;
        struct dam_arena arena;
        struct dam_chain_config config;
        struct dam_evm_block_outcome outcome;
        fixture_init(&f, (enum dam_fork)fork, dam_bytes(code, sizeof(code)));
        dam_arena_init(&arena, dam_heap(), 0);
        dam_chain_config_init(&config, 1, (enum dam_fork)fork);
        config.deposit_contract = contract;
        const struct dam_tx tx = {.to = contract, .gas_limit = 50000};
        const struct dam_block block = {
            .header = {.number = 1, .gas_limit = 50000}, .txs = &tx, .tx_count = 1};
        const struct dam_evm_block_state home = {.view = f.view, .commit = commit, .ctx = &f.world};
        assert_int_equal(
            dam_evm_block_execute(f.evm, &config, &home, &block, &sender, NULL, &arena, &outcome),
            DAM_OK);
        assert_int_equal(outcome.receipts[0].log_count, 1);
        assert_int_equal(outcome.invalid,
                         fork < DAM_FORK_PRAGUE ? DAM_BLOCK_GAS_USED : DAM_BLOCK_DEPOSIT_LAYOUT);
        dam_arena_finish(&arena);
        fixture_finish(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gas_of_a_transaction),
        cmocka_unit_test(chain_id_of_a_legacy_transaction),
        cmocka_unit_test(floor_of_calldata),
        cmocka_unit_test(set_code),
        cmocka_unit_test(blobs_of_a_simulated_transaction),
        cmocka_unit_test(leading_zeros),
        cmocka_unit_test(p256_input),
        cmocka_unit_test(blob_price),
        cmocka_unit_test(block_size),
        cmocka_unit_test(requests),
        cmocka_unit_test(deposit_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
