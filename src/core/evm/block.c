// SPDX-License-Identifier: Apache-2.0
#include "core/evm/block.h"

#include "core/eth/trie.h"
#include "core/evm/pow.h"
#include "core/evm/vm.h"

#define BLOB_BASE_COST 8192u /* EIP-7918 */
#define GAS_LIMIT_MIN 5000u

const char *dam_block_invalid_name(enum dam_block_invalid reason)
{
    switch (reason) {
#define X(name, number, text)                                                                      \
    case DAM_BLOCK_##name:                                                                         \
        return text;
        DAM_BLOCK_INVALID_LIST(X)
#undef X
    }
    return "?";
}

/* ---- conversions ----------------------------------------------------------------------------- */

struct dam_evm_authorization
dam_evm_authorization_from(const struct dam_authorization *authorization)
{
    struct dam_evm_authorization ret = {.chain_id = authorization->chain_id,
                                        .address = authorization->address,
                                        .nonce = authorization->nonce};
    dam_u256_store_be(ret.signature, &authorization->r);
    dam_u256_store_be(ret.signature + 32, &authorization->s);
    ret.signature[64] = (uint8_t)(27 + authorization->y_parity);
    ret.authority_valid = dam_authorization_signer(authorization, &ret.authority) == DAM_OK;
    return ret;
}

enum dam_err dam_evm_tx_from(struct dam_arena *arena, const struct dam_tx *tx,
                             const struct dam_address *sender, struct dam_evm_tx *ret)
{
    struct dam_evm_access *access =
        dam_arena_alloc(arena, (tx->access_count + 1) * sizeof(access[0]));
    struct dam_evm_authorization *list =
        dam_arena_alloc(arena, (tx->authorization_count + 1) * sizeof(list[0]));
    if (access == NULL || list == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < tx->access_count; i++) {
        const struct dam_access_entry *entry = &tx->access_list[i];
        access[i] = (struct dam_evm_access){entry->address, entry->keys, entry->key_count};
    }
    for (size_t i = 0; i < tx->authorization_count; i++) {
        list[i] = dam_evm_authorization_from(&tx->authorizations[i]);
    }
    *ret = (struct dam_evm_tx){.type = (uint8_t)tx->type,
                               .create = tx->is_create,
                               .sender = *sender,
                               .to = tx->to,
                               .nonce = tx->nonce,
                               .gas_limit = tx->gas_limit,
                               .gas_price_max = tx->max_fee,
                               .priority_fee_max = tx->max_priority_fee,
                               .value = tx->value,
                               .data = tx->data,
                               .has_chain_id = tx->has_chain_id,
                               .chain_id = tx->chain_id,
                               .access = access,
                               .access_count = tx->access_count,
                               .blob_fee_max = tx->max_blob_fee,
                               .blob_hashes = tx->blob_hashes,
                               .blob_hash_count = tx->blob_hash_count,
                               .authorizations = list,
                               .authorization_count = tx->authorization_count};
    return DAM_OK;
}

struct dam_evm_block dam_evm_block_env(const struct dam_header *header)
{
    return (struct dam_evm_block){.number = header->number,
                                  .time = header->timestamp,
                                  .gas_limit = header->gas_limit,
                                  .coinbase = header->beneficiary,
                                  .base_fee = header->base_fee,
                                  .difficulty = header->difficulty,
                                  .prev_randao = header->prev_randao,
                                  .excess_blob_gas = header->excess_blob_gas};
}

/* ---- rules of headers ------------------------------------------------------------------------ */

struct dam_u256 dam_evm_next_base_fee(const struct dam_header *parent, bool parent_is_london)
{
    if (!parent_is_london) {
        return dam_u256_from_u64(1000000000);
    }
    const uint64_t target = parent->gas_limit / 2;
    struct dam_u256 fee = parent->base_fee;
    if (parent->gas_used == target || target == 0) {
        return fee;
    }
    const bool up = parent->gas_used > target;
    const struct dam_u256 gap =
        dam_u256_from_u64(up ? parent->gas_used - target : target - parent->gas_used);
    const struct dam_u256 target_word = dam_u256_from_u64(target);
    struct dam_u256 delta;
    dam_u256_mul(&delta, &fee, &gap);
    dam_u256_divmod(&delta, &target_word, &delta, NULL);
    dam_u256_shr(&delta, &delta, 3);
    if (up) {
        if (dam_u256_is_zero(&delta)) {
            delta = dam_u256_from_u64(1);
        }
        (void)dam_u256_add(&fee, &fee, &delta);
    } else {
        (void)dam_u256_sub(&fee, &fee, &delta);
    }
    return fee;
}

uint64_t dam_evm_next_excess_blob_gas(const struct dam_chain_config *config,
                                      const struct dam_header *parent, uint64_t time)
{
    const struct dam_blob_params blob = dam_chain_config_blob(config, time);
    const bool has_blobs = parent->form >= DAM_HEADER_CANCUN;
    const uint64_t excess = has_blobs ? parent->excess_blob_gas : 0;
    const uint64_t used = has_blobs ? parent->blob_gas_used : 0;
    const uint64_t target = (uint64_t)blob.target * DAM_GAS_PER_BLOB;
    if (excess + used < target) {
        return 0;
    }
    if (dam_chain_config_fork(config, parent->number + 1, time) >= DAM_FORK_OSAKA) {
        /* EIP-7918: blobs are never far cheaper than the execution that they cause. */
        struct dam_u256 reserve = dam_u256_from_u64(BLOB_BASE_COST);
        struct dam_u256 price = dam_evm_blob_base_fee(excess, &blob);
        const struct dam_u256 blob_gas = dam_u256_from_u64(DAM_GAS_PER_BLOB);
        dam_u256_mul(&reserve, &reserve, &parent->base_fee);
        dam_u256_mul(&price, &price, &blob_gas);
        if (dam_u256_lt(&price, &reserve) && blob.max != 0) {
            return excess + used * (blob.max - blob.target) / blob.max;
        }
    }
    return excess + used - target;
}

static bool gas_limit_holds(const struct dam_header *parent, const struct dam_header *header,
                            bool london_begins)
{
    const uint64_t base = london_begins ? parent->gas_limit * 2 : parent->gas_limit;
    const uint64_t step = base / 1024;
    const uint64_t gap =
        header->gas_limit > base ? header->gas_limit - base : base - header->gas_limit;
    return header->gas_limit >= GAS_LIMIT_MIN && header->gas_limit <= INT64_MAX && gap < step;
}

enum dam_header_form dam_evm_header_form(enum dam_fork fork)
{
    return fork >= DAM_FORK_PRAGUE     ? DAM_HEADER_PRAGUE
           : fork >= DAM_FORK_CANCUN   ? DAM_HEADER_CANCUN
           : fork >= DAM_FORK_SHANGHAI ? DAM_HEADER_SHANGHAI
           : fork >= DAM_FORK_LONDON   ? DAM_HEADER_LONDON
                                       : DAM_HEADER_FRONTIER;
}

/* The first ten blocks of the DAO fork say that they are of its side. */
static bool extra_data_holds(const struct dam_chain_config *config, const struct dam_header *header)
{
    static const char word[] = "dao-hard-fork";
    if (header->number < config->dao_block || header->number - config->dao_block >= 10) {
        return true;
    }
    return header->extra_len == sizeof(word) - 1 &&
           memcmp(header->extra, word, sizeof(word) - 1) == 0;
}

enum dam_block_invalid dam_evm_header_check(const struct dam_chain_config *config,
                                            const struct dam_header *parent,
                                            const struct dam_header *header)
{
    const enum dam_fork fork = dam_chain_config_fork(config, header->number, header->timestamp);
    const bool parent_is_london =
        dam_chain_config_fork(config, parent->number, parent->timestamp) >= DAM_FORK_LONDON;
    if (header->number != parent->number + 1) {
        return DAM_BLOCK_NUMBER;
    }
    if (header->timestamp <= parent->timestamp) {
        return DAM_BLOCK_TIMESTAMP;
    }
    if (header->form != dam_evm_header_form(fork)) {
        return DAM_BLOCK_FORMAT;
    }
    if (!extra_data_holds(config, header)) {
        return DAM_BLOCK_EXTRA_DATA_DAO;
    }
    if (!gas_limit_holds(parent, header, fork >= DAM_FORK_LONDON && !parent_is_london)) {
        return DAM_BLOCK_GAS_LIMIT;
    }
    if (header->gas_used > header->gas_limit) {
        return DAM_BLOCK_GAS_ABOVE_LIMIT;
    }
    if (fork >= DAM_FORK_LONDON) {
        const struct dam_u256 fee = dam_evm_next_base_fee(parent, parent_is_london);
        if (!dam_u256_eq(&header->base_fee, &fee)) {
            return DAM_BLOCK_BASE_FEE;
        }
    }
    if (fork >= DAM_FORK_PARIS) { /* EIP-3675 */
        static const uint8_t no_nonce[8];
        if (!dam_hash_eq(&header->uncles_hash, &dam_empty_uncles_hash)) {
            return DAM_BLOCK_UNCLES_OVER_PARIS;
        }
        if (!dam_u256_is_zero(&header->difficulty) ||
            memcmp(header->nonce, no_nonce, sizeof(no_nonce)) != 0) {
            return DAM_BLOCK_DIFFICULTY_OVER_PARIS;
        }
    } else {
        const struct dam_u256 due = dam_evm_next_difficulty(config, parent, header->timestamp);
        if (!dam_u256_eq(&header->difficulty, &due)) {
            return DAM_BLOCK_DIFFICULTY;
        }
    }
    if (fork >= DAM_FORK_CANCUN &&
        header->excess_blob_gas !=
            dam_evm_next_excess_blob_gas(config, parent, header->timestamp)) {
        return DAM_BLOCK_EXCESS_BLOB_GAS;
    }
    return DAM_BLOCK_NONE;
}

static enum dam_err withdrawals_root(const struct dam_block *block, struct dam_arena *arena,
                                     struct dam_hash *ret)
{
    struct dam_bytes *items =
        dam_arena_alloc(arena, (block->withdrawal_count + 1) * sizeof(items[0]));
    if (items == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < block->withdrawal_count; i++) {
        struct dam_buf buf;
        dam_buf_init_arena(&buf, arena, 0);
        dam_withdrawal_encode(&block->withdrawals[i], &buf);
        DAM_TRY(dam_buf_err(&buf));
        items[i] = dam_buf_bytes(&buf);
    }
    return dam_trie_list_root(arena, items, block->withdrawal_count, ret);
}

static enum dam_err check_body(const struct dam_block *block, struct dam_arena *arena,
                               enum dam_block_invalid *ret)
{
    struct dam_hash root;
    DAM_TRY(dam_trie_list_root(arena, block->tx_bytes, block->tx_count, &root));
    if (!dam_hash_eq(&root, &block->header.tx_root)) {
        *ret = DAM_BLOCK_TX_ROOT;
        return DAM_OK;
    }
    DAM_TRY(dam_uncles_hash(block->uncles, block->uncle_count, arena, &root));
    if (!dam_hash_eq(&root, &block->header.uncles_hash)) {
        *ret = DAM_BLOCK_UNCLES_HASH;
        return DAM_OK;
    }
    if (block->has_withdrawals) {
        DAM_TRY(withdrawals_root(block, arena, &root));
        if (!dam_hash_eq(&root, &block->header.withdrawals_root)) {
            *ret = DAM_BLOCK_WITHDRAWALS_ROOT;
        }
    }
    return DAM_OK;
}

enum dam_err dam_evm_block_check(const struct dam_chain_config *config,
                                 const struct dam_evm_family *family, const struct dam_block *block,
                                 size_t encoded_len, struct dam_arena *arena,
                                 enum dam_block_invalid *ret_invalid)
{
    DAM_ASSERT(family->count != 0);
    enum dam_block_invalid invalid =
        dam_evm_header_check(config, family->ancestors[0].header, &block->header);
    const enum dam_fork fork =
        dam_chain_config_fork(config, block->header.number, block->header.timestamp);
    if (invalid == DAM_BLOCK_NONE && block->has_withdrawals != (fork >= DAM_FORK_SHANGHAI)) {
        invalid = DAM_BLOCK_FORMAT;
    }
    if (invalid == DAM_BLOCK_NONE && block->uncle_count != 0) {
        invalid = fork >= DAM_FORK_PARIS                        ? DAM_BLOCK_UNCLES_OVER_PARIS
                  : !dam_evm_uncles_hold(config, family, block) ? DAM_BLOCK_UNCLES
                                                                : DAM_BLOCK_NONE;
    }
    if (invalid == DAM_BLOCK_NONE && fork >= DAM_FORK_OSAKA && encoded_len > DAM_BLOCK_LEN_MAX) {
        invalid = DAM_BLOCK_SIZE;
    }
    if (invalid == DAM_BLOCK_NONE) {
        const struct dam_arena_mark mark = dam_arena_mark(arena);
        const enum dam_err err = check_body(block, arena, &invalid);
        dam_arena_release(arena, mark);
        DAM_TRY(err);
    }
    *ret_invalid = invalid;
    return DAM_OK;
}
