// SPDX-License-Identifier: Apache-2.0
/* Random bytecode on both instantiations of the interpreter: with a tracer and without they must
 * give the same status, gas, output and diff, and the tracer's costs must add up to the gas. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "core/evm/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dam_address contract = {{[0] = 0xc0, [19] = 0xde}};
static const struct dam_address caller = {{[0] = 0xca, [19] = 0x11}};

struct sums {
    int64_t cost; /* of the outermost frame's steps */
    uint32_t depth;
};

static void count_step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step)
{
    (void)evm;
    struct sums *sums = ctx;
    sums->depth = step->depth;
    DAM_ASSERT(step->stack_count <= 1024 && step->gas >= 0 && step->memory.len % 32 == 0);
}

static void count_cost(void *ctx, struct dam_evm *evm, int64_t gas_cost, enum dam_evm_status status)
{
    (void)evm;
    (void)status;
    struct sums *sums = ctx;
    sums->cost += sums->depth == 1 ? gas_cost : 0;
}

struct answer {
    struct dam_evm_result result;
    struct dam_evm_diff diff;
};

static void run(struct dam_evm *evm, struct dam_evm_world *world, enum dam_fork fork,
                struct dam_bytes input, const struct dam_evm_tracer *tracer, struct answer *ret)
{
    struct dam_chain_config config;
    dam_chain_config_init(&config, 1, fork);
    struct dam_evm_options options = dam_evm_options_of(&config, 1, 1);
    options.tracer = tracer;
    const struct dam_evm_view view = dam_evm_world_view(world);
    const struct dam_evm_block block = {.number = 1, .time = 1, .gas_limit = 1000000};
    const struct dam_evm_message message = {.kind = DAM_EVM_KIND_CALL,
                                            .sender = caller,
                                            .to = contract,
                                            .value = {{1, 0, 0, 0}},
                                            .input = input,
                                            .gas = 200000};
    const enum dam_err err =
        dam_evm_apply_call(evm, &view, &block, &options, &message, &ret->result, &ret->diff);
    DAM_ASSERT(err == DAM_OK);
}

static void compare(const struct answer *a, const struct answer *b)
{
    DAM_ASSERT(a->result.status == b->result.status);
    DAM_ASSERT(a->result.gas_left == b->result.gas_left);
    DAM_ASSERT(a->result.gas_refund == b->result.gas_refund);
    DAM_ASSERT(a->result.log_count == b->result.log_count);
    DAM_ASSERT(dam_bytes_eq(a->result.output, b->result.output));
    DAM_ASSERT(a->diff.account_count == b->diff.account_count);
    DAM_ASSERT(a->diff.code_count == b->diff.code_count);
    for (size_t i = 0; i < a->diff.account_count; i++) {
        const struct dam_evm_change *x = &a->diff.accounts[i];
        const struct dam_evm_change *y = &b->diff.accounts[i];
        DAM_ASSERT(dam_address_eq(&x->address, &y->address) && x->deleted == y->deleted);
        DAM_ASSERT(x->nonce == y->nonce && dam_u256_eq(&x->balance, &y->balance));
        DAM_ASSERT(x->slot_count == y->slot_count);
        for (size_t j = 0; j < x->slot_count; j++) {
            DAM_ASSERT(dam_u256_eq(&x->slots[j].key, &y->slots[j].key));
            DAM_ASSERT(dam_u256_eq(&x->slots[j].value, &y->slots[j].value));
        }
    }
}

/* The first byte chooses the fork; the rest is the code, and the calldata as well. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dam_evm *fast;
    static struct dam_evm *traced;
    struct sums sums = {0};
    const struct dam_evm_tracer tracer = {.step = count_step, .step_end = count_cost, .ctx = &sums};
    const struct dam_u256 rich = dam_u256_from_u64(1000000);
    struct dam_evm_world world;
    struct answer a;
    struct answer b;
    if (fast == NULL) {
        DAM_ASSERT(dam_evm_create(dam_heap(), NULL, &fast) == DAM_OK);
        DAM_ASSERT(dam_evm_create(dam_heap(), NULL, &traced) == DAM_OK);
    }
    if (size == 0) {
        return 0;
    }
    const enum dam_fork fork = (enum dam_fork)(DAM_FORK_OSAKA - data[0] % DAM_FORK_COUNT);
    const struct dam_bytes code = dam_bytes(data + 1, size - 1);
    dam_evm_world_init(&world, dam_heap());
    DAM_ASSERT(dam_evm_world_put(&world, &caller, 0, &rich) == DAM_OK);
    DAM_ASSERT(dam_evm_world_put(&world, &contract, 1, &rich) == DAM_OK);
    DAM_ASSERT(dam_evm_world_put_code(&world, &contract, code) == DAM_OK);
    run(fast, &world, fork, code, NULL, &a);
    run(traced, &world, fork, code, &tracer, &b);
    compare(&a, &b);
    if (a.result.status == DAM_EVM_SUCCESS || a.result.status == DAM_EVM_REVERT) {
        /* What inner frames give back is not in the sum: it can only be too large. */
        DAM_ASSERT(code.len == 0 || sums.cost >= 200000 - a.result.gas_left);
    }
    dam_evm_discard(fast);
    dam_evm_discard(traced);
    dam_evm_world_finish(&world);
    return 0;
}
