// SPDX-License-Identifier: Apache-2.0
#include "core/evm/evm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/evm/block.h"
#include "core/evm/opcode.h"
#include "core/evm/world.h"

static const struct dam_address contract = {{[0] = 0xc0, [19] = 0xde}};
static const struct dam_address caller = {{[0] = 0xca, [19] = 0x11}};

/* A machine, a world with one contract, and what a call of it gave. */
struct fixture {
    struct dam_evm *evm;
    struct dam_evm_world world;
    struct dam_evm_options options;
    struct dam_evm_result result;
    struct dam_evm_diff diff;
};

static void fixture_init(struct fixture *f, const uint8_t *code, size_t len)
{
    struct dam_chain_config config;
    const struct dam_u256 rich = dam_u256_from_u64(1000000);
    *f = (struct fixture){0};
    dam_chain_config_init(&config, 1, DAM_FORK_OSAKA);
    f->options = dam_evm_options_of(&config, 1, 1);
    assert_int_equal(dam_evm_create(dam_heap(), NULL, &f->evm), DAM_OK);
    dam_evm_world_init(&f->world, dam_heap());
    assert_int_equal(dam_evm_world_put(&f->world, &contract, 1, &rich), DAM_OK);
    assert_int_equal(dam_evm_world_put_code(&f->world, &contract, dam_bytes(code, len)), DAM_OK);
}

static void fixture_finish(struct fixture *f)
{
    dam_evm_destroy(f->evm);
    dam_evm_world_finish(&f->world);
}

static enum dam_err call(struct fixture *f, struct dam_evm *evm, int64_t gas)
{
    const struct dam_evm_view view = dam_evm_world_view(&f->world);
    const struct dam_evm_block block = {.number = 1, .time = 1, .gas_limit = 30000000};
    const struct dam_evm_message message = {
        .kind = DAM_EVM_KIND_CALL, .sender = caller, .to = contract, .gas = gas};
    return dam_evm_apply_call(evm, &view, &block, &f->options, &message, &f->result, &f->diff);
}

/* return 2 + 3 */
static const uint8_t add_code[] = {0x60, 2, 0x60, 3, 0x01, 0x5f, 0x52, 0x60, 32, 0x5f, 0xf3};

static void test_result_and_gas(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, add_code, sizeof(add_code));
    assert_int_equal(call(&f, f.evm, 1000), DAM_OK);
    assert_int_equal(f.result.status, DAM_EVM_SUCCESS);
    assert_int_equal(f.result.output.len, 32);
    assert_int_equal(f.result.output.data[31], 5);
    assert_int_equal(f.result.gas_left, 1000 - 3 - 3 - 3 - 2 - 6 - 3 - 2);
    assert_int_equal(f.diff.account_count, 0);
    assert_int_equal(call(&f, f.evm, 21), DAM_OK); /* one too few */
    assert_int_equal(f.result.status, DAM_EVM_OUT_OF_GAS);
    assert_int_equal(f.result.gas_left, 0);
    fixture_finish(&f);
}

static void test_refused_opcodes(void **state)
{
    (void)state;
    for (unsigned op = 0; op < 256; op++) {
        const uint8_t code[] = {0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f, (uint8_t)op};
        struct fixture f;
        fixture_init(&f, code, sizeof(code));
        f.options.refuse = dam_evm_impure_opcodes;
        f.options.static_call_precompiles_only = true;
        const bool in_set = (dam_evm_impure_opcodes.word[op >> 6] >> (op & 63) & 1) != 0;
        assert_int_equal(call(&f, f.evm, 100000), DAM_OK);
        assert_int_equal(f.result.status == DAM_EVM_REFUSED, in_set || op == DAM_OP_STATICCALL);
        f.options.refuse = (struct dam_evm_opcode_set){{0}};
        f.options.static_call_precompiles_only = false;
        assert_int_equal(call(&f, f.evm, 100000), DAM_OK);
        assert_int_not_equal(f.result.status, DAM_EVM_REFUSED);
        fixture_finish(&f);
    }
}

static void ignore_step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step)
{
    (void)ctx;
    (void)evm;
    (void)step;
}

/* `filled` words, a PUSH2 of `to`, a jump and its JUMPDEST: what the fast interpreter runs as one
 * must end as the traced one ends, which runs each for itself, at any gas and any stack. */
static void compare_jump(unsigned filled, uint16_t to, uint8_t jump, struct dam_evm *traced_evm)
{
    static const struct dam_evm_tracer tracer = {.step = ignore_step};
    uint8_t code[1100];
    memset(code, DAM_OP_CALLDATASIZE, filled);
    memcpy(code + filled, (uint8_t[]){DAM_OP_PUSH2, (uint8_t)(to >> 8), (uint8_t)to, jump, 0xfe},
           5);
    memcpy(code + filled + 5, (uint8_t[]){DAM_OP_JUMPDEST, DAM_OP_GAS, DAM_OP_POP}, 3);
    struct fixture f;
    fixture_init(&f, code, filled + 8);
    for (int64_t gas = 2 * filled; gas < 2 * filled + 24; gas++) {
        f.options.tracer = NULL;
        assert_int_equal(call(&f, f.evm, gas), DAM_OK);
        const struct dam_evm_result fast = f.result;
        f.options.tracer = &tracer;
        assert_int_equal(call(&f, traced_evm, gas), DAM_OK);
        assert_int_equal(fast.status, f.result.status);
        assert_int_equal(fast.gas_left, f.result.gas_left);
    }
    fixture_finish(&f);
}

static void test_jump_behind_push2(void **state)
{
    (void)state;
    struct dam_evm *traced;
    assert_int_equal(dam_evm_create(dam_heap(), NULL, &traced), DAM_OK);
    for (unsigned i = 0; i < 4; i++) {
        const unsigned filled = (unsigned[]){0, 1, 1023, 1024}[i];
        const uint16_t dest = (uint16_t)(filled + 5);
        for (unsigned op = DAM_OP_JUMP; op <= DAM_OP_GAS; op++) {
            compare_jump(filled, dest, (uint8_t)op, traced);
            compare_jump(filled, (uint16_t)(dest + 1), (uint8_t)op, traced);
            compare_jump(filled, 0xffff, (uint8_t)op, traced);
        }
    }
    dam_evm_destroy(traced);
    /* A jump that the session refuses is refused behind a PUSH2, too. */
    static const uint8_t code[] = {DAM_OP_PUSH0, DAM_OP_PUSH2, 0, 5, DAM_OP_JUMPI, DAM_OP_JUMPDEST};
    struct fixture f;
    fixture_init(&f, code, sizeof(code));
    f.options.refuse.word[DAM_OP_JUMPI >> 6] |= (uint64_t)1 << (DAM_OP_JUMPI & 63);
    assert_int_equal(call(&f, f.evm, 100), DAM_OK);
    assert_int_equal(f.result.status, DAM_EVM_REFUSED);
    f.options.refuse = (struct dam_evm_opcode_set){{0}};
    assert_int_equal(call(&f, f.evm, 100), DAM_OK);
    assert_int_equal(f.result.status, DAM_EVM_SUCCESS);
    fixture_finish(&f);
}

/* A contract that calls itself as deep as it may, and counts in storage how deep it was. */
static void test_depth(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0x60, 1,    0x5f, 0x54, 0x01, 0x5f, 0x55,                /* slot 0 += 1 */
        0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x30, 0x5a, 0xf1, 0x50, 0, /* call(gas, this) */
    };
    struct fixture f;
    fixture_init(&f, code, sizeof(code));
    assert_int_equal(call(&f, f.evm, (int64_t)1 << 50), DAM_OK);
    assert_int_equal(f.result.status, DAM_EVM_SUCCESS);
    assert_int_equal(f.diff.account_count, 1);
    assert_int_equal(f.diff.accounts[0].slot_count, 1);
    assert_int_equal(f.diff.accounts[0].slots[0].value.w[0], 1025);
    fixture_finish(&f);
}

/* Memory from a source that fails at the n-th request. */
struct failing {
    size_t left;
    size_t taken;
};

static void *failing_alloc(void *ctx, size_t len)
{
    struct failing *failing = ctx;
    failing->taken++;
    if (failing->left == 0) {
        return NULL;
    }
    failing->left--;
    return dam_heap()->alloc(dam_heap()->ctx, len);
}

static void failing_free(void *ctx, void *block, size_t len)
{
    (void)ctx;
    dam_heap()->free(dam_heap()->ctx, block, len);
}

/* Each allocation is made to fail in turn: an error comes out, nothing leaks, and the same machine
 * works once there is memory again. */
static void test_no_memory(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0x60, 1,    0x5f, 0x55, 0x61, 0x20, 0x00, 0x5f, 0xa0, /* sstore, log 8 KiB */
        0x60, 32,   0x5f, 0x5f, 0xf0, 0x50,                   /* create */
        0x5f, 0x5f, 0x5f, 0x5f, 0x60, 4,    0x5a, 0xfa, 0,    /* staticcall identity */
    };
    struct fixture f;
    fixture_init(&f, code, sizeof(code));
    bool done = false;
    for (size_t n = 0; !done; n++) {
        struct failing failing = {.left = n};
        const struct dam_mem mem = {failing_alloc, failing_free, &failing};
        struct dam_evm *evm;
        if (dam_evm_create(&mem, NULL, &evm) != DAM_OK) {
            continue;
        }
        const enum dam_err err = call(&f, evm, 1000000);
        done = err == DAM_OK;
        if (!done) {
            assert_int_equal(err, DAM_ENOMEM);
            failing.left = SIZE_MAX;
            assert_int_equal(call(&f, evm, 1000000), DAM_OK);
        }
        assert_int_equal(f.result.status, DAM_EVM_SUCCESS);
        dam_evm_destroy(evm);
        assert_true(n < 1000);
    }
    fixture_finish(&f);
}

/* Memory that is counted. */
struct counted {
    size_t held;
    size_t held_max;
};

static void *counted_alloc(void *ctx, size_t len)
{
    struct counted *counted = ctx;
    counted->held += len;
    counted->held_max = counted->held > counted->held_max ? counted->held : counted->held_max;
    return dam_heap()->alloc(dam_heap()->ctx, len);
}

static void counted_free(void *ctx, void *block, size_t len)
{
    struct counted *counted = ctx;
    counted->held -= len;
    dam_heap()->free(dam_heap()->ctx, block, len);
}

/* Outputs of a precompile, each a word longer than the one before, do not pile up: only the last
 * can be asked for. */
static void test_precompile_memory(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0x62, 0x10, 0,    0,          /* the length: 1 MiB */
        0x5b, 0x60, 32,   0x01,       /* from 4: a word more */
        0x5f, 0x5f, 0x82, 0x5f, 0x60, /* staticcall identity(memory from 0) */
        4,    0x5a, 0xfa, 0x50,       /* */
        0x60, 4,    0x56,             /* again */
    };
    struct fixture f;
    struct counted counted = {0};
    const struct dam_mem mem = {counted_alloc, counted_free, &counted, NULL};
    struct dam_evm *evm;
    fixture_init(&f, code, sizeof(code));
    assert_int_equal(dam_evm_create(&mem, NULL, &evm), DAM_OK);
    assert_int_equal(call(&f, evm, 30000000), DAM_OK);
    assert_int_equal(f.result.status, DAM_EVM_OUT_OF_GAS);
    assert_true(counted.held_max > 2u << 20);
    assert_true(counted.held_max < 8u << 20);
    dam_evm_destroy(evm);
    assert_int_equal(counted.held, 0);
    fixture_finish(&f);
}

static enum dam_err broken_storage(void *ctx, const struct dam_address *address,
                                   const struct dam_u256 *key, struct dam_u256 *ret)
{
    (void)ctx;
    (void)address;
    (void)key;
    (void)ret;
    return DAM_EIO;
}

/* A failing store is an error of the call, never a state that looks empty. */
static void test_view_error(void **state)
{
    (void)state;
    static const uint8_t code[] = {0x5f, 0x54, 0};
    struct fixture f;
    const struct dam_u256 one = dam_u256_from_u64(1);
    fixture_init(&f, code, sizeof(code));
    assert_int_equal(dam_evm_world_put_slot(&f.world, &contract, &one, &one), DAM_OK);
    struct dam_evm_view view = dam_evm_world_view(&f.world);
    view.storage = broken_storage;
    const struct dam_evm_block block = {.number = 1};
    const struct dam_evm_message message = {
        .kind = DAM_EVM_KIND_CALL, .sender = caller, .to = contract, .gas = 100000};
    f.result.status = DAM_EVM_DEPTH;
    assert_int_equal(
        dam_evm_apply_call(f.evm, &view, &block, &f.options, &message, &f.result, &f.diff),
        DAM_EIO);
    assert_int_equal(f.result.status, DAM_EVM_DEPTH); /* untouched */
    assert_int_equal(call(&f, f.evm, 100000), DAM_OK);
    assert_int_equal(f.result.status, DAM_EVM_SUCCESS);
    fixture_finish(&f);
}

/* A world that wants the session to stop when it is asked for the account of address zero. */
struct stopper {
    struct dam_evm_view world;
    int stop;
};

static enum dam_err stop_at_zero(void *ctx, const struct dam_address *address,
                                 struct dam_evm_account *ret, bool *ret_exists)
{
    static const struct dam_address zero;
    struct stopper *s = ctx;
    if (dam_address_eq(address, &zero)) {
        __atomic_store_n(&s->stop, 1, __ATOMIC_RELAXED);
    }
    return s->world.account(s->world.ctx, address, ret, ret_exists);
}

static enum dam_err pass_storage(void *ctx, const struct dam_address *address,
                                 const struct dam_u256 *key, struct dam_u256 *ret)
{
    const struct stopper *s = ctx;
    return s->world.storage(s->world.ctx, address, key, ret);
}

static enum dam_err pass_code(void *ctx, const struct dam_hash *code_hash, struct dam_bytes *ret)
{
    const struct stopper *s = ctx;
    return s->world.code(s->world.ctx, code_hash, ret);
}

static enum dam_err run_to_stop(const uint8_t *code, size_t len, bool traced)
{
    static const struct dam_evm_tracer no_hooks = {0};
    uint8_t whole[64] = {0x5f, 0x31, 0x50}; /* BALANCE of address zero, POP */
    struct fixture f;
    memcpy(whole + 3, code, len);
    fixture_init(&f, whole, 3 + len);
    struct stopper s = {.world = dam_evm_world_view(&f.world)};
    const struct dam_evm_view view = {
        .account = stop_at_zero, .storage = pass_storage, .code = pass_code, .ctx = &s};
    const struct dam_evm_block block = {.number = 1, .time = 1, .gas_limit = 30000000};
    const struct dam_evm_message message = {
        .kind = DAM_EVM_KIND_CALL, .sender = caller, .to = contract, .gas = (int64_t)1 << 61};
    f.options.stop = &s.stop;
    f.options.tracer = traced ? &no_hooks : NULL;
    enum dam_err err =
        dam_evm_apply_call(f.evm, &view, &block, &f.options, &message, &f.result, &f.diff);
    /* The machine is good for another session. */
    f.options = (struct dam_evm_options){.fork = f.options.fork, .stop = &(const int){0}};
    assert_int_equal(dam_evm_world_put_code(&f.world, &contract, dam_bytes(add_code, 11)), DAM_OK);
    assert_int_equal(call(&f, f.evm, 1000), DAM_OK);
    assert_int_equal(f.result.output.data[31], 5);
    fixture_finish(&f);
    return err;
}

static void test_stop(void **state)
{
    (void)state;
    static const struct {
        uint8_t code[24];
        size_t len;
        enum dam_err err;
    } cases[] = {
        {{0x5b, 0x60, 3, 0x56}, 4, DAM_ETIMEOUT},          /* JUMP, for ever */
        {{0x5b, 0x61, 0, 3, 0x56}, 5, DAM_ETIMEOUT},       /* with the PUSH2 before it */
        {{0x5b, 0x60, 1, 0x60, 3, 0x57}, 6, DAM_ETIMEOUT}, /* JUMPI */
        {{0x5b, 0x60, 1, 0x61, 0, 3, 0x57}, 7, DAM_ETIMEOUT},
        {{0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x30, 0x5a, 0xf1}, 8, DAM_ETIMEOUT}, /* itself */
        {{0x5f, 0x5f, 0x5f, 0xf0}, 4, DAM_ETIMEOUT},                         /* CREATE */
        {{0x62, 1, 0, 0, 0x5f, 0x20}, 6, DAM_ETIMEOUT},             /* KECCAK256 of 64 KiB */
        {{0x62, 1, 0, 0, 0x5f, 0x5f, 0x5e}, 7, DAM_ETIMEOUT},       /* MCOPY */
        {{0x62, 1, 0, 0, 0x5f, 0x5f, 0x37}, 7, DAM_ETIMEOUT},       /* CALLDATACOPY */
        {{0x62, 1, 0, 0, 0x5f, 0x5f, 0x30, 0x3c}, 8, DAM_ETIMEOUT}, /* EXTCODECOPY */
        {{0x60, 32, 0x5f, 0x20}, 4, DAM_OK},                        /* short: it just ends */
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        assert_int_equal(run_to_stop(cases[i].code, cases[i].len, false), cases[i].err);
        assert_int_equal(run_to_stop(cases[i].code, cases[i].len, true), cases[i].err);
    }
}

/* A cache with room for nothing drops whatever is not in use; what was given stays, and once. */
static void test_given_code(void **state)
{
    (void)state;
    static const struct dam_evm_limits small = {.code_cache_len_max = 1};
    static const struct dam_address other = {{[0] = 0x0e}};
    static const uint8_t other_code[] = {DAM_OP_STOP, DAM_OP_STOP};
    const struct dam_evm_block block = {.number = 1, .time = 1, .gas_limit = 30000000};
    struct dam_bytes first;
    struct dam_bytes second;
    struct dam_bytes again;
    struct dam_evm *evm;
    struct fixture f;
    fixture_init(&f, add_code, sizeof(add_code));
    assert_int_equal(dam_evm_world_put_code(&f.world, &other, dam_bytes(other_code, 2)), DAM_OK);
    assert_int_equal(dam_evm_create(dam_heap(), &small, &evm), DAM_OK);
    const struct dam_evm_view view = dam_evm_world_view(&f.world);
    for (int session = 0; session < 3; session++) {
        dam_evm_begin(evm, &view, &block, &f.options);
        assert_int_equal(dam_evm_get_code(evm, &contract, &first), DAM_OK);
        assert_int_equal(dam_evm_get_code(evm, &other, &second), DAM_OK);
        assert_int_equal(dam_evm_get_code(evm, &contract, &again), DAM_OK);
        assert_ptr_equal(again.data, first.data);
        assert_true(dam_bytes_eq(first, dam_bytes(add_code, sizeof(add_code))));
        assert_true(dam_bytes_eq(second, dam_bytes(other_code, sizeof(other_code))));
        dam_evm_discard(evm);
    }
    dam_evm_destroy(evm);
    fixture_finish(&f);
}

static void give_up(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step)
{
    unsigned *steps = ctx;
    (void)step;
    if (++*steps == 3) {
        dam_evm_tracer_fail(evm, DAM_ENOMEM);
    }
}

static void test_tracer_fails(void **state)
{
    (void)state;
    unsigned steps = 0;
    const struct dam_evm_tracer tracer = {.step = give_up, .ctx = &steps};
    struct fixture f;
    fixture_init(&f, add_code, sizeof(add_code));
    f.options.tracer = &tracer;
    assert_int_equal(call(&f, f.evm, 1000), DAM_ENOMEM);
    assert_int_equal(steps, 3);
    f.options.tracer = NULL;
    assert_int_equal(call(&f, f.evm, 1000), DAM_OK);
    fixture_finish(&f);
}

static void test_forks(void **state)
{
    (void)state;
    struct dam_chain_config config;
    enum dam_fork fork;
    dam_chain_config_init(&config, 1, DAM_FORK_FRONTIER);
    config.fork_block[DAM_FORK_LONDON] = 10;
    config.fork_block[DAM_FORK_PARIS] = 20;
    config.fork_time[DAM_FORK_CANCUN] = 500;
    assert_int_equal(dam_chain_config_fork(&config, 9, 1000), DAM_FORK_FRONTIER);
    assert_int_equal(dam_chain_config_fork(&config, 10, 1000), DAM_FORK_LONDON);
    assert_int_equal(dam_chain_config_fork(&config, 20, 499), DAM_FORK_PARIS);
    assert_int_equal(dam_chain_config_fork(&config, 20, 500), DAM_FORK_CANCUN);
    assert_int_equal(dam_fork_find("osaka", &fork), DAM_OK);
    assert_int_equal(fork, DAM_FORK_OSAKA);
    assert_int_equal(dam_fork_find("Osak", &fork), DAM_ENOTFOUND);
}

static enum dam_err commit(void *ctx, const struct dam_evm_diff *diff, struct dam_hash *ret_root)
{
    DAM_TRY(dam_evm_world_apply(ctx, diff));
    return dam_evm_world_root(ctx, ret_root);
}

static uint64_t balance_of(struct dam_evm_world *world, const struct dam_address *address,
                           bool *ret_exists)
{
    const struct dam_evm_view view = dam_evm_world_view(world);
    struct dam_evm_account account = {0};
    assert_int_equal(view.account(view.ctx, address, &account, ret_exists), DAM_OK);
    return *ret_exists ? account.balance.w[0] : 0;
}

/* An empty block at the DAO fork moves what the first, the last and no other account own. */
static void test_dao_drain(void **state)
{
    (void)state;
    static const char *const hex[] = {
        "d4fe7bc31cedb7bfb8a345f31e668033056b2728", "807640a13483f8ac783c557fcdf27be11ea4ac7a",
        "304a554a310c7e546dfe434669c62820b7d83490", "bf4ed7b27f1d666546e30d74d50d173d20bca754",
        "00000000000000000000000000000000000000aa"};
    struct dam_address at[DAM_COUNT_OF(hex)];
    for (uint64_t number = 6; number >= 5; number--) { /* one after the fork, one at it */
        struct fixture f;
        struct dam_arena arena;
        struct dam_chain_config config;
        struct dam_evm_block_outcome outcome;
        bool exists;
        fixture_init(&f, add_code, sizeof(add_code));
        dam_arena_init(&arena, dam_heap(), 0);
        for (size_t i = 0; i < DAM_COUNT_OF(hex); i++) {
            const struct dam_u256 owned = dam_u256_from_u64(10 + i);
            assert_int_equal(dam_hex_decode_exact(hex[i], 40, at[i].b, 20), DAM_OK);
            if (i != 2) {
                assert_int_equal(dam_evm_world_put(&f.world, &at[i], 0, &owned), DAM_OK);
            }
        }
        dam_chain_config_init(&config, 1, DAM_FORK_HOMESTEAD);
        config.dao_block = 5;
        const struct dam_block block = {.header = {.number = number, .gas_limit = 30000000}};
        const struct dam_evm_block_state home = {
            .view = dam_evm_world_view(&f.world), .commit = commit, .ctx = &f.world};
        assert_int_equal(
            dam_evm_block_execute(f.evm, &config, &home, &block, NULL, NULL, &arena, &outcome),
            DAM_OK);
        assert_int_equal(outcome.invalid, DAM_BLOCK_RECEIPTS_ROOT); /* this header states none */
        const bool moved = number == 5;
        assert_int_equal(balance_of(&f.world, &at[0], &exists), moved ? 0 : 10);
        assert_int_equal(balance_of(&f.world, &at[1], &exists), moved ? 0 : 11);
        assert_int_equal(balance_of(&f.world, &at[2], &exists), 0);
        assert_int_equal(exists, moved); /* a touch makes an account before EIP-161 */
        assert_int_equal(balance_of(&f.world, &at[3], &exists), moved ? 13 + 10 + 11 : 13);
        assert_int_equal(balance_of(&f.world, &at[4], &exists), 14);
        dam_arena_finish(&arena);
        fixture_finish(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result_and_gas),
        cmocka_unit_test(test_refused_opcodes),
        cmocka_unit_test(test_jump_behind_push2),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_precompile_memory),
        cmocka_unit_test(test_view_error),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_given_code),
        cmocka_unit_test(test_tracer_fails),
        cmocka_unit_test(test_forks),
        cmocka_unit_test(test_dao_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
