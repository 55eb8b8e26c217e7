// SPDX-License-Identifier: Apache-2.0
/* anvil_dealERC20 and anvil_setERC20Allowance: any token's balance or allowance set by hand. Where
 * a token keeps it nobody says; so its own getter is asked, and of the slots that it looks at the
 * one that changes its answer as wanted is the one. */
#include "core/evm/block.h"
#include "ledger/rpc_dev.h"
#include "ledger/touch.h"

#define GETTER_GAS 10000000u

/* A getter's call: its four bytes and one or two addresses. */
struct getter {
    struct dam_address token;
    uint8_t input[68];
    size_t len;
};

static void begin_getter(struct getter *getter, const struct dam_address *token, uint32_t selector)
{
    memset(getter, 0, sizeof(*getter));
    getter->token = *token;
    dam_store_be32(getter->input, selector);
    getter->len = 4;
}

static void add_address(struct getter *getter, const struct dam_address *address)
{
    memcpy(getter->input + getter->len + 12, address->b, 20);
    getter->len += 32;
}

/* Ask, in a session where the slot holds value. Returns: whether the answer is one word, *ret. */
static bool ask(struct dam_rpc *rpc, struct dam_evm_options *options, const struct getter *getter,
                const struct dam_address *owner, const struct dam_u256 *slot,
                const struct dam_u256 *value, struct dam_u256 *ret)
{
    struct dam_ledger *ledger = rpc->ledger;
    struct dam_builder_view view;
    struct dam_evm_result result;
    const struct dam_evm_block block = dam_evm_block_env(&ledger->chain->head.header);
    const struct dam_evm_message message = {.kind = DAM_EVM_KIND_STATICCALL,
                                            .to = getter->token,
                                            .input = dam_bytes(getter->input, getter->len),
                                            .gas = GETTER_GAS};
    enum dam_err err = dam_ledger_view(ledger, DAM_STATE_NEWEST, &view);
    if (err == DAM_OK) {
        dam_evm_begin(ledger->evm, &view.view, &block, options);
        err = owner != NULL ? dam_evm_put_storage(ledger->evm, owner, slot, value) : DAM_OK;
    }
    if (err == DAM_OK) {
        err = dam_evm_call(ledger->evm, &message, &result);
    }
    bool is_word =
        err == DAM_OK && result.status == DAM_EVM_SUCCESS && result.output.len == sizeof(*ret);
    if (is_word) {
        *ret = dam_u256_load_be(result.output.data);
    }
    dam_evm_discard(ledger->evm);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    }
    return is_word;
}

/* Find the slot and set it. */
static void set_by_getter(struct dam_rpc *rpc, const struct getter *getter,
                          const struct dam_u256 *value)
{
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    struct dam_evm_options options = dam_evm_options_of(
        &chain->rules.config, chain->head.header.number, chain->head.header.timestamp);
    struct dam_toucher toucher = {.arena = rpc->arena};
    struct dam_evm_tracer tracer = {.step = dam_touch_step, .ctx = &toucher};
    struct dam_u256 answer;
    options.tracer = &tracer;
    bool answers = ask(rpc, &options, getter, NULL, NULL, NULL, &answer);
    options.tracer = NULL;
    for (size_t i = 0; answers && i < toucher.count; i++) {
        const struct dam_touched *at = &toucher.list[i];
        for (size_t k = 0; k < at->slot_count && rpc->error_code == 0; k++) {
            if (ask(rpc, &options, getter, &at->address, &at->slots[k], value, &answer) &&
                dam_u256_eq(&answer, value)) {
                if (dam_dev_write_slot(rpc, &at->address, &at->slots[k], value)) {
                    dam_json_put_null(rpc->w);
                }
                return;
            }
        }
    }
    dam_rpc_fail(rpc, DAM_RPC_INTERNAL, "no slot of this token sets %s; it may reckon with shares",
                 getter->len == 36 ? "balanceOf" : "allowance");
}

/* Holder, token, amount. */
void dam_dev_deal_erc20(struct dam_rpc *rpc)
{
    struct dam_address holder;
    struct dam_address token;
    struct dam_u256 amount;
    struct getter getter;
    if (dam_rpc_address(rpc, 0, &holder) && dam_rpc_address(rpc, 1, &token) &&
        dam_rpc_u256(rpc, 2, &amount)) {
        begin_getter(&getter, &token, 0x70a08231); /* balanceOf(address) */
        add_address(&getter, &holder);
        set_by_getter(rpc, &getter, &amount);
    }
}

/* Owner, spender, token, amount. */
void dam_dev_set_erc20_allowance(struct dam_rpc *rpc)
{
    struct dam_address owner;
    struct dam_address spender;
    struct dam_address token;
    struct dam_u256 amount;
    struct getter getter;
    if (dam_rpc_address(rpc, 0, &owner) && dam_rpc_address(rpc, 1, &spender) &&
        dam_rpc_address(rpc, 2, &token) && dam_rpc_u256(rpc, 3, &amount)) {
        begin_getter(&getter, &token, 0xdd62ed3e); /* allowance(address,address) */
        add_address(&getter, &owner);
        add_address(&getter, &spender);
        set_by_getter(rpc, &getter, &amount);
    }
}
