// SPDX-License-Identifier: Apache-2.0
/* Foreign blocks: run them, and take them only if every field of their header comes out the same.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/evm/block.h"
#include "ledger/builder.h"
#include "ledger/fees.h"

static enum dam_err refuse(struct dam_import_fault *fault, enum dam_err err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static enum dam_err refuse(struct dam_import_fault *fault, enum dam_err err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(fault->text, sizeof(fault->text), fmt, args);
    va_end(args);
    return err;
}

/* What can be said of a header by itself and its parent. */
static enum dam_err check_header(const struct dam_ledger_chain *chain,
                                 const struct dam_header *header, struct dam_import_fault *fault)
{
    const struct dam_header *parent = &chain->head.header;
    if (header->number != parent->number + 1 ||
        !dam_hash_eq(&header->parent_hash, &chain->head.hash)) {
        return refuse(fault, DAM_ECONFLICT, "block %" PRIu64 " does not follow our head %" PRIu64,
                      header->number, parent->number);
    }
    if (header->timestamp <= parent->timestamp) {
        return refuse(fault, DAM_EREFUSED, "block %" PRIu64 ": its time is not above its parent's",
                      header->number);
    }
    if (header->gas_used > header->gas_limit) {
        return refuse(fault, DAM_EREFUSED, "block %" PRIu64 ": more gas used than its limit",
                      header->number);
    }
    uint64_t parent_limit = parent->gas_limit;
    bool london_now = header->form >= DAM_HEADER_LONDON && parent->form < DAM_HEADER_LONDON;
    parent_limit *= london_now ? 2 : 1; /* EIP-1559 doubles it once */
    uint64_t diff = header->gas_limit > parent_limit ? header->gas_limit - parent_limit
                                                     : parent_limit - header->gas_limit;
    /* Our own producer changes the limit at once when it is told to: a site ledger's privilege. */
    if (diff >= parent_limit / 1024 && diff > 0 && !chain->rules.free_gas_limit) {
        return refuse(fault, DAM_EREFUSED,
                      "block %" PRIu64 ": gas limit %" PRIu64 " after %" PRIu64, header->number,
                      header->gas_limit, parent_limit);
    }
    return DAM_OK;
}

/* The first field that came out different, by name. */
static const char *difference(const struct dam_header *a, const struct dam_header *b)
{
    if (a->form != b->form) {
        return "fields";
    }
    if (!dam_hash_eq(&a->state_root, &b->state_root)) {
        return "state root";
    }
    if (!dam_hash_eq(&a->receipt_root, &b->receipt_root)) {
        return "receipt root";
    }
    if (!dam_hash_eq(&a->tx_root, &b->tx_root)) {
        return "transaction root";
    }
    if (a->gas_used != b->gas_used) {
        return "gas used";
    }
    if (!dam_u256_eq(&a->base_fee, &b->base_fee)) {
        return "base fee";
    }
    if (a->excess_blob_gas != b->excess_blob_gas || a->blob_gas_used != b->blob_gas_used) {
        return "blob gas";
    }
    if (!dam_hash_eq(&a->withdrawals_root, &b->withdrawals_root)) {
        return "withdrawals root";
    }
    if (!dam_hash_eq(&a->requests_hash, &b->requests_hash)) {
        return "requests hash";
    }
    if (!dam_hash_eq(&a->uncles_hash, &b->uncles_hash)) {
        return "uncles hash";
    }
    return "hash";
}

static void params_of(const struct dam_block *block, struct dam_builder_params *ret)
{
    const struct dam_header *header = &block->header;
    memset(ret, 0, sizeof(*ret));
    ret->timestamp = header->timestamp;
    ret->gas_limit = header->gas_limit;
    ret->coinbase = header->beneficiary;
    ret->prev_randao = header->prev_randao;
    ret->parent_beacon_root = header->parent_beacon_root;
    ret->withdrawals = block->withdrawals;
    ret->withdrawal_count = block->withdrawal_count;
    ret->extra_len = header->extra_len;
    memcpy(ret->extra, header->extra, header->extra_len);
    ret->difficulty = header->difficulty;
    memcpy(ret->nonce, header->nonce, sizeof(ret->nonce));
    ret->uncles = block->uncles;
    ret->uncle_count = block->uncle_count;
}

static enum dam_err add_all(struct dam_builder *builder, struct dam_arena *arena,
                            const struct dam_block *block, struct dam_import_fault *fault)
{
    for (size_t i = 0; i < block->tx_count; i++) {
        struct dam_signed_tx tx;
        enum dam_tx_invalid invalid = DAM_TX_NONE;
        enum dam_err err = dam_signed_tx_read(arena, block->tx_bytes[i], &tx, NULL);
        if (err == DAM_OK) {
            err = dam_signed_tx_recover(arena, builder->fork >= DAM_FORK_HOMESTEAD, &tx);
        }
        if (err != DAM_OK) {
            return refuse(fault, err == DAM_ENOMEM ? err : DAM_EREFUSED,
                          "block %" PRIu64 ", transaction %zu: %s", block->header.number, i,
                          dam_err_text(err));
        }
        DAM_TRY(dam_builder_add(builder, &tx, &invalid));
        if (invalid != DAM_TX_NONE) {
            return refuse(fault, DAM_EREFUSED, "block %" PRIu64 ", transaction %zu: %s",
                          block->header.number, i, dam_tx_invalid_name(invalid));
        }
    }
    return DAM_OK;
}

static enum dam_err run(struct dam_ledger_chain *chain, struct dam_evm *evm,
                        struct dam_arena *arena, const struct dam_block *block,
                        struct dam_import_fault *fault)
{
    struct dam_builder builder;
    struct dam_builder_params params;
    struct dam_hash hash;
    params_of(block, &params);
    DAM_TRY(dam_builder_begin(&builder, chain, evm, &params));
    enum dam_err err = add_all(&builder, arena, block, fault);
    if (err == DAM_OK) {
        err = dam_builder_seal(&builder);
        if (err == DAM_EREFUSED || err == DAM_EUNSUPPORTED) {
            err = refuse(fault, DAM_EREFUSED, "block %" PRIu64 ": %s", block->header.number,
                         err == DAM_EREFUSED ? "an uncle is no relative, or too old a one"
                                             : dam_builder_err_text(err));
        }
    }
    if (err == DAM_OK) {
        dam_header_hash(&block->header, &hash);
        if (!dam_hash_eq(&hash, &builder.result.hash)) {
            err = refuse(fault, DAM_EREFUSED, "block %" PRIu64 ": its %s comes out different",
                         block->header.number, difference(&block->header, &builder.header));
        }
    }
    if (err != DAM_OK) {
        dam_builder_drop(&builder);
        return err;
    }
    return dam_builder_commit(&builder);
}

enum dam_err dam_builder_import(struct dam_ledger_chain *chain, struct dam_evm *evm,
                                struct dam_bytes block_rlp, struct dam_import_fault *fault)
{
    struct dam_arena arena;
    struct dam_block block;
    enum dam_tx_fault tx_fault = DAM_TX_FAULT_NONE;
    fault->text[0] = '\0';
    dam_arena_init(&arena, chain->arena.mem, 0);
    enum dam_err err = dam_block_decode(&arena, block_rlp, &block, &tx_fault);
    if (err != DAM_OK) {
        err =
            refuse(fault, err == DAM_ENOMEM ? err : DAM_EPARSE, "no block: %s",
                   tx_fault != DAM_TX_FAULT_NONE ? dam_tx_fault_text(tx_fault) : dam_err_text(err));
    } else {
        err = check_header(chain, &block.header, fault);
    }
    if (err == DAM_OK && block_rlp.len > DAM_BLOCK_LEN_MAX &&
        dam_chain_config_fork(&chain->rules.config, block.header.number, block.header.timestamp) >=
            DAM_FORK_OSAKA) {
        err = refuse(fault, DAM_EREFUSED, "block %" PRIu64 ": %zu bytes, more than %u (EIP-7934)",
                     block.header.number, block_rlp.len, DAM_BLOCK_LEN_MAX);
    }
    if (err == DAM_OK) {
        err = run(chain, evm, &arena, &block, fault);
        while (err == DAM_ENOSPC && dam_store_grow(chain->store) == DAM_OK) {
            err = run(chain, evm, &arena, &block, fault);
        }
    }
    if (err != DAM_OK && fault->text[0] == '\0') {
        (void)refuse(fault, err, "block %" PRIu64 ": %s", block.header.number, dam_err_text(err));
    }
    dam_arena_finish(&arena);
    return err;
}
