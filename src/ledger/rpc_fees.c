// SPDX-License-Identifier: Apache-2.0
/* What a transaction costs and has cost: the fee methods. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/evm/block.h"
#include "ledger/fees.h"
#include "ledger/rpc.h"

#define FEE_HISTORY_MAX 1024u
#define PERCENTILES_MAX 100u
#define TIP_SUGGESTED 1000000000u /* wei a unit; anybody is first on an empty block */

static struct dam_u256 next_base_fee(struct dam_ledger *ledger)
{
    struct dam_builder_params params;
    dam_ledger_next_params(ledger, &params);
    return params.base_fee != NULL
               ? *params.base_fee
               : dam_fees_next_base(&ledger->chain->rules, &ledger->chain->head.header,
                                    params.timestamp);
}

static struct dam_u256 suggested_tip(const struct dam_ledger *ledger)
{
    return dam_u256_from_u64(ledger->chain->rules.gasless ? 0 : TIP_SUGGESTED);
}

static void eth_gasPrice(struct dam_rpc *rpc)
{
    struct dam_u256 price = next_base_fee(rpc->ledger);
    struct dam_u256 tip = suggested_tip(rpc->ledger);
    (void)dam_u256_add(&price, &price, &tip); /* a base fee is far below 2^256 */
    dam_json_put_quantity_u256(rpc->w, &price);
}

static void eth_maxPriorityFeePerGas(struct dam_rpc *rpc)
{
    struct dam_u256 tip = suggested_tip(rpc->ledger);
    dam_json_put_quantity_u256(rpc->w, &tip);
}

static void eth_baseFee(struct dam_rpc *rpc)
{
    struct dam_u256 fee = next_base_fee(rpc->ledger);
    dam_json_put_quantity_u256(rpc->w, &fee);
}

static void eth_blobBaseFee(struct dam_rpc *rpc)
{
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    struct dam_builder_params params;
    dam_ledger_next_params(rpc->ledger, &params);
    struct dam_blob_params blob = dam_chain_config_blob(&chain->rules.config, params.timestamp);
    uint64_t excess =
        dam_evm_next_excess_blob_gas(&chain->rules.config, &chain->head.header, params.timestamp);
    struct dam_u256 fee = blob.base_fee_update_fraction != 0 ? dam_evm_blob_base_fee(excess, &blob)
                                                             : dam_u256_from_u64(0);
    dam_json_put_quantity_u256(rpc->w, &fee);
}

/* What a block's transactions paid the proposer, for the percentiles of eth_feeHistory. */
struct paid {
    struct dam_u256 tip;
    uint64_t gas;
};

static enum dam_err collect_paid(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                                 struct paid *list)
{
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    for (uint32_t i = 0; i < block->tx_count; i++) {
        struct dam_ledger_chain_receipt receipt;
        struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
        DAM_TRY(dam_ledger_chain_receipt(txn, rpc->arena, block->header.number, i, &receipt));
        struct paid one = {.gas = receipt.gas_used};
        (void)dam_u256_sub(&one.tip, &receipt.gas_price, &block->header.base_fee);
        uint32_t at = i;
        for (; at > 0 && dam_u256_lt(&one.tip, &list[at - 1].tip); at--) {
            list[at] = list[at - 1];
        }
        list[at] = one;
        dam_arena_release(rpc->arena, mark);
    }
    return DAM_OK;
}

static enum dam_err put_rewards(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                                const double *percentiles, size_t count)
{
    struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
    struct paid *list = dam_arena_alloc(rpc->arena, block->tx_count * sizeof(*list) + 1);
    if (list == NULL) {
        return DAM_ENOMEM;
    }
    DAM_TRY(collect_paid(rpc, block, list));
    dam_json_put_array(rpc->w);
    for (size_t i = 0; i < count; i++) {
        struct dam_u256 tip = {{0}};
        uint64_t threshold = (uint64_t)((double)block->header.gas_used * percentiles[i] / 100);
        uint64_t sum = 0;
        for (uint32_t k = 0; k < block->tx_count; k++) {
            sum += list[k].gas;
            tip = list[k].tip;
            if (sum >= threshold) {
                break;
            }
        }
        dam_json_put_quantity_u256(rpc->w, &tip);
    }
    dam_json_put_array_end(rpc->w);
    dam_arena_release(rpc->arena, mark);
    return DAM_OK;
}

static bool read_percentiles(struct dam_rpc *rpc, double *ret, size_t *ret_count)
{
    const struct dam_json *list = dam_rpc_param(rpc, 2);
    size_t count = 0;
    DAM_JSON_EACH(item, list)
    {
        char text[32] = {0};
        if (item->type != DAM_JSON_NUMBER || item->len >= sizeof(text) ||
            count == PERCENTILES_MAX) {
            dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS, "invalid argument 2: not a list of percentiles");
            return false;
        }
        memcpy(text, item->text, item->len);
        ret[count] = strtod(text, NULL);
        if (ret[count] < 0 || ret[count] > 100 || (count > 0 && ret[count] < ret[count - 1])) {
            dam_rpc_fail(rpc, DAM_RPC_SERVER, "invalid reward percentile: %s", text);
            return false;
        }
        count++;
    }
    *ret_count = count;
    return true;
}

static void put_ratio(struct dam_json_writer *w, uint64_t part, uint64_t whole)
{
    char text[40];
    double ratio = whole > 0 ? (double)part / (double)whole : 0;
    int len = snprintf(text, sizeof(text), "%.17g", ratio);
    for (int digits = 1; digits < 17; digits++) { /* the shortest that reads back the same */
        len = snprintf(text, sizeof(text), "%.*g", digits, ratio);
        if (strtod(text, NULL) == ratio) {
            break;
        }
    }
    dam_json_put_raw(w, text, (size_t)len);
}

static enum dam_err history_of(struct dam_rpc *rpc, uint64_t first, uint64_t last,
                               const double *percentiles, size_t count)
{
    struct dam_ledger *ledger = rpc->ledger;
    const struct dam_ledger_chain *chain = ledger->chain;
    struct dam_store_txn *txn = dam_ledger_chain_reader(ledger->chain);
    static const char *const keys[] = {"baseFeePerGas", "gasUsedRatio", "baseFeePerBlobGas",
                                       "blobGasUsedRatio", "reward"};
    dam_json_put_quantity_at(rpc->w, "oldestBlock", first);
    for (size_t k = 0; k < (count > 0 ? 5u : 4u); k++) {
        dam_json_put_key(rpc->w, keys[k]);
        dam_json_put_array(rpc->w);
        struct dam_ledger_chain_block block;
        for (uint64_t n = first; n <= last; n++) {
            DAM_TRY(dam_ledger_chain_block(txn, n, &block));
            const struct dam_header *h = &block.header;
            struct dam_blob_params blob = dam_chain_config_blob(&chain->rules.config, h->timestamp);
            struct dam_u256 fee = blob.base_fee_update_fraction != 0
                                      ? dam_evm_blob_base_fee(h->excess_blob_gas, &blob)
                                      : dam_u256_from_u64(0);
            switch (k) {
            case 0:
                dam_json_put_quantity_u256(rpc->w, &h->base_fee);
                break;
            case 1:
                put_ratio(rpc->w, h->gas_used, h->gas_limit);
                break;
            case 2:
                dam_json_put_quantity_u256(rpc->w, &fee);
                break;
            case 3:
                put_ratio(rpc->w, h->blob_gas_used, (uint64_t)blob.max * DAM_GAS_PER_BLOB);
                break;
            default:
                DAM_TRY(put_rewards(rpc, &block, percentiles, count));
            }
        }
        /* The two fees also tell the block after the last one. */
        uint64_t next = block.header.timestamp + 1;
        struct dam_blob_params blob = dam_chain_config_blob(&chain->rules.config, next);
        if (k == 0) {
            struct dam_u256 fee = dam_fees_next_base(&chain->rules, &block.header, next);
            dam_json_put_quantity_u256(rpc->w, &fee);
        } else if (k == 2) {
            uint64_t excess =
                dam_evm_next_excess_blob_gas(&chain->rules.config, &block.header, next);
            struct dam_u256 fee = blob.base_fee_update_fraction != 0
                                      ? dam_evm_blob_base_fee(excess, &blob)
                                      : dam_u256_from_u64(0);
            dam_json_put_quantity_u256(rpc->w, &fee);
        }
        dam_json_put_array_end(rpc->w);
    }
    return DAM_OK;
}

static void eth_feeHistory(struct dam_rpc *rpc)
{
    uint64_t wanted;
    struct dam_rpc_block last;
    double percentiles[PERCENTILES_MAX];
    size_t count = 0;
    if (!dam_rpc_quantity(rpc, 0, &wanted) ||
        !dam_rpc_block_of(rpc, dam_rpc_param(rpc, 1), 1, &last) ||
        !read_percentiles(rpc, percentiles, &count)) {
        return;
    }
    if (!last.found) {
        dam_rpc_fail(rpc, DAM_RPC_SERVER, "request beyond head block: head %" PRIu64,
                     rpc->ledger->chain->head.header.number);
        return;
    }
    wanted = wanted > FEE_HISTORY_MAX ? FEE_HISTORY_MAX : wanted;
    uint64_t number = last.block.header.number;
    uint64_t oldest = count > 0 ? dam_ledger_chain_oldest_state(rpc->ledger->chain) : 0;
    wanted = wanted > number - oldest + 1 ? number - oldest + 1 : wanted;
    dam_json_put_object(rpc->w);
    enum dam_err err =
        wanted == 0 ? DAM_OK : history_of(rpc, number + 1 - wanted, number, percentiles, count);
    if (wanted == 0) {
        dam_json_put_quantity_at(rpc->w, "oldestBlock", 0);
        dam_json_put_key(rpc->w, "gasUsedRatio");
        dam_json_put_array(rpc->w);
        dam_json_put_array_end(rpc->w);
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    dam_json_put_object_end(rpc->w);
}

const struct dam_rpc_method dam_rpc_fee_methods[] = {
    {"eth_gasPrice", eth_gasPrice, false},
    {"eth_maxPriorityFeePerGas", eth_maxPriorityFeePerGas, false},
    {"eth_baseFee", eth_baseFee, false},
    {"eth_blobBaseFee", eth_blobBaseFee, false},
    {"eth_feeHistory", eth_feeHistory, false, DAM_RPC_WORKER, 3},
    {0},
};
