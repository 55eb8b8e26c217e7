// SPDX-License-Identifier: Apache-2.0
/* Blocks, transactions, receipts and logs as JSON, member by member as geth writes them. */
#include "ledger/rpc.h"

void dam_rpc_put_hash(struct dam_json_writer *w, const struct dam_hash *hash)
{
    dam_json_put_data(w, hash->b, sizeof(hash->b));
}

void dam_rpc_put_address(struct dam_json_writer *w, const struct dam_address *address)
{
    dam_json_put_data(w, address->b, sizeof(address->b));
}

void dam_rpc_put_hash_at(struct dam_json_writer *w, const char *key, const struct dam_hash *hash)
{
    dam_json_put_key(w, key);
    dam_rpc_put_hash(w, hash);
}

void dam_rpc_put_address_at(struct dam_json_writer *w, const char *key,
                            const struct dam_address *address)
{
    dam_json_put_key(w, key);
    dam_rpc_put_address(w, address);
}

static void put_access_list(struct dam_json_writer *w, const struct dam_tx *tx)
{
    dam_json_put_key(w, "accessList");
    dam_json_put_array(w);
    for (size_t i = 0; i < tx->access_count; i++) {
        const struct dam_access_entry *entry = &tx->access_list[i];
        dam_json_put_object(w);
        dam_rpc_put_address_at(w, "address", &entry->address);
        dam_json_put_key(w, "storageKeys");
        dam_json_put_array(w);
        for (size_t k = 0; k < entry->key_count; k++) {
            dam_rpc_put_hash(w, &entry->keys[k]);
        }
        dam_json_put_array_end(w);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

static void put_authorizations(struct dam_json_writer *w, const struct dam_tx *tx)
{
    dam_json_put_key(w, "authorizationList");
    dam_json_put_array(w);
    for (size_t i = 0; i < tx->authorization_count; i++) {
        const struct dam_authorization *entry = &tx->authorizations[i];
        dam_json_put_object(w);
        dam_json_put_quantity_u256_at(w, "chainId", &entry->chain_id);
        dam_rpc_put_address_at(w, "address", &entry->address);
        dam_json_put_quantity_at(w, "nonce", entry->nonce);
        dam_json_put_quantity_at(w, "yParity", entry->y_parity);
        dam_json_put_quantity_u256_at(w, "r", &entry->r);
        dam_json_put_quantity_u256_at(w, "s", &entry->s);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

static void put_fees(struct dam_json_writer *w, const struct dam_tx *tx,
                     const struct dam_rpc_place *place)
{
    struct dam_u256 price = tx->max_fee;
    if (tx->type >= DAM_TX_DYNAMIC_FEE) {
        if (place != NULL && place->block != NULL) {
            price = dam_tx_effective_gas_price(tx, &place->block->header.base_fee);
        }
        dam_json_put_quantity_u256_at(w, "maxFeePerGas", &tx->max_fee);
        dam_json_put_quantity_u256_at(w, "maxPriorityFeePerGas", &tx->max_priority_fee);
    }
    dam_json_put_quantity_u256_at(w, "gasPrice", &price);
}

static void put_place(struct dam_json_writer *w, const struct dam_rpc_place *place)
{
    if (place != NULL && place->block != NULL) {
        dam_rpc_put_hash_at(w, "blockHash", &place->block->hash);
        dam_json_put_quantity_at(w, "blockNumber", place->block->header.number);
        dam_json_put_quantity_at(w, "blockTimestamp", place->block->header.timestamp);
        dam_json_put_quantity_at(w, "transactionIndex", place->index);
        return;
    }
    static const char *const keys[] = {"blockHash", "blockNumber", "blockTimestamp",
                                       "transactionIndex"};
    for (size_t i = 0; i < DAM_COUNT_OF(keys); i++) {
        dam_json_put_key(w, keys[i]);
        dam_json_put_null(w);
    }
}

void dam_rpc_put_tx(struct dam_json_writer *w, const struct dam_tx *tx, const struct dam_hash *hash,
                    const struct dam_address *sender, const struct dam_rpc_place *place)
{
    struct dam_u256 v = dam_tx_v(tx);
    dam_json_put_object(w);
    put_place(w, place);
    dam_rpc_put_address_at(w, "from", sender);
    dam_json_put_quantity_at(w, "gas", tx->gas_limit);
    put_fees(w, tx, place);
    dam_rpc_put_hash_at(w, "hash", hash);
    dam_json_put_data_at(w, "input", tx->data);
    dam_json_put_quantity_at(w, "nonce", tx->nonce);
    dam_json_put_key(w, "to");
    if (tx->is_create) {
        dam_json_put_null(w);
    } else {
        dam_rpc_put_address(w, &tx->to);
    }
    dam_json_put_quantity_u256_at(w, "value", &tx->value);
    dam_json_put_quantity_at(w, "type", tx->type);
    if (tx->has_chain_id) {
        dam_json_put_quantity_at(w, "chainId", tx->chain_id);
    }
    if (tx->type >= DAM_TX_ACCESS_LIST) {
        put_access_list(w, tx);
        dam_json_put_quantity_at(w, "yParity", tx->y_parity);
    }
    if (tx->type == DAM_TX_BLOB) {
        dam_json_put_quantity_u256_at(w, "maxFeePerBlobGas", &tx->max_blob_fee);
        dam_json_put_key(w, "blobVersionedHashes");
        dam_json_put_array(w);
        for (size_t i = 0; i < tx->blob_hash_count; i++) {
            dam_rpc_put_hash(w, &tx->blob_hashes[i]);
        }
        dam_json_put_array_end(w);
    }
    if (tx->type == DAM_TX_SET_CODE) {
        put_authorizations(w, tx);
    }
    dam_json_put_quantity_u256_at(w, "v", &v);
    dam_json_put_quantity_u256_at(w, "r", &tx->r);
    dam_json_put_quantity_u256_at(w, "s", &tx->s);
    dam_json_put_object_end(w);
}

void dam_rpc_put_header_members(struct dam_json_writer *w, const struct dam_header *header,
                                const struct dam_hash *hash)
{
    dam_json_put_quantity_u256_at(w, "difficulty", &header->difficulty);
    dam_json_put_data_at(w, "extraData", dam_bytes(header->extra, header->extra_len));
    dam_json_put_quantity_at(w, "gasLimit", header->gas_limit);
    dam_json_put_quantity_at(w, "gasUsed", header->gas_used);
    dam_rpc_put_hash_at(w, "hash", hash);
    dam_json_put_data_at(w, "logsBloom", dam_bytes(header->bloom.b, sizeof(header->bloom.b)));
    dam_rpc_put_address_at(w, "miner", &header->beneficiary);
    dam_rpc_put_hash_at(w, "mixHash", &header->prev_randao);
    dam_json_put_data_at(w, "nonce", dam_bytes(header->nonce, sizeof(header->nonce)));
    dam_json_put_quantity_at(w, "number", header->number);
    dam_rpc_put_hash_at(w, "parentHash", &header->parent_hash);
    dam_rpc_put_hash_at(w, "receiptsRoot", &header->receipt_root);
    dam_rpc_put_hash_at(w, "sha3Uncles", &header->uncles_hash);
    dam_rpc_put_hash_at(w, "stateRoot", &header->state_root);
    dam_json_put_quantity_at(w, "timestamp", header->timestamp);
    dam_rpc_put_hash_at(w, "transactionsRoot", &header->tx_root);
    if (header->form >= DAM_HEADER_LONDON) {
        dam_json_put_quantity_u256_at(w, "baseFeePerGas", &header->base_fee);
    }
    if (header->form >= DAM_HEADER_SHANGHAI) {
        dam_rpc_put_hash_at(w, "withdrawalsRoot", &header->withdrawals_root);
    }
    if (header->form >= DAM_HEADER_CANCUN) {
        dam_json_put_quantity_at(w, "blobGasUsed", header->blob_gas_used);
        dam_json_put_quantity_at(w, "excessBlobGas", header->excess_blob_gas);
        dam_rpc_put_hash_at(w, "parentBeaconBlockRoot", &header->parent_beacon_root);
    }
    if (header->form >= DAM_HEADER_PRAGUE) {
        dam_rpc_put_hash_at(w, "requestsHash", &header->requests_hash);
    }
}

static enum dam_err put_withdrawals(struct dam_json_writer *w, struct dam_bytes list)
{
    struct dam_rlp whole = dam_rlp(list);
    struct dam_rlp rlp;
    dam_json_put_key(w, "withdrawals");
    dam_json_put_array(w);
    DAM_TRY(dam_rlp_list(&whole, &rlp));
    while (!dam_rlp_at_end(&rlp)) {
        struct dam_rlp one;
        struct dam_withdrawal item;
        DAM_TRY(dam_rlp_list(&rlp, &one));
        DAM_TRY(dam_rlp_u64(&one, &item.index));
        DAM_TRY(dam_rlp_u64(&one, &item.validator_index));
        DAM_TRY(dam_rlp_exact(&one, item.address.b, 20));
        DAM_TRY(dam_rlp_u64(&one, &item.amount_gwei));
        dam_json_put_object(w);
        dam_json_put_quantity_at(w, "index", item.index);
        dam_json_put_quantity_at(w, "validatorIndex", item.validator_index);
        dam_rpc_put_address_at(w, "address", &item.address);
        dam_json_put_quantity_at(w, "amount", item.amount_gwei);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
    return DAM_OK;
}

static enum dam_err put_uncles(struct dam_json_writer *w, struct dam_bytes list)
{
    struct dam_rlp whole = dam_rlp(list);
    struct dam_rlp rlp;
    dam_json_put_key(w, "uncles");
    dam_json_put_array(w);
    DAM_TRY(dam_rlp_list(&whole, &rlp));
    while (!dam_rlp_at_end(&rlp)) {
        struct dam_header header;
        struct dam_hash hash;
        DAM_TRY(dam_header_decode(&rlp, &header));
        dam_header_hash(&header, &hash);
        dam_rpc_put_hash(w, &hash);
    }
    dam_json_put_array_end(w);
    return DAM_OK;
}

enum dam_err dam_rpc_put_block(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                               bool full)
{
    struct dam_json_writer *w = rpc->w;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    uint64_t number = block->header.number;
    if (txn == NULL) {
        return DAM_EIO;
    }
    dam_json_put_object(w);
    dam_rpc_put_header_members(w, &block->header, &block->hash);
    dam_json_put_quantity_at(w, "size", block->size);
    dam_json_put_key(w, "transactions");
    dam_json_put_array(w);
    for (uint32_t i = 0; i < block->tx_count; i++) {
        struct dam_ledger_chain_tx tx;
        DAM_TRY(dam_ledger_chain_tx(txn, number, i, &tx));
        if (!full) {
            dam_rpc_put_hash(w, &tx.hash);
            continue;
        }
        struct dam_tx decoded;
        struct dam_rpc_place place = {block, i};
        struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
        DAM_TRY(dam_tx_decode(rpc->arena, tx.bytes, &decoded, NULL));
        dam_rpc_put_tx(w, &decoded, &tx.hash, &tx.sender, &place);
        dam_arena_release(rpc->arena, mark);
    }
    dam_json_put_array_end(w);
    DAM_TRY(put_uncles(w, block->uncles));
    if (block->has_withdrawals) {
        DAM_TRY(put_withdrawals(w, block->withdrawals));
    }
    dam_json_put_object_end(w);
    return DAM_OK;
}

void dam_rpc_put_log(struct dam_json_writer *w, const struct dam_log *log,
                     const struct dam_ledger_chain_block *block, const struct dam_hash *tx_hash,
                     uint32_t tx_index, uint32_t log_index, bool removed)
{
    dam_json_put_object(w);
    dam_rpc_put_address_at(w, "address", &log->address);
    dam_json_put_key(w, "topics");
    dam_json_put_array(w);
    for (uint32_t i = 0; i < log->topic_count; i++) {
        dam_rpc_put_hash(w, &log->topics[i]);
    }
    dam_json_put_array_end(w);
    dam_json_put_data_at(w, "data", log->data);
    dam_json_put_quantity_at(w, "blockNumber", block->header.number);
    dam_rpc_put_hash_at(w, "transactionHash", tx_hash);
    dam_json_put_quantity_at(w, "transactionIndex", tx_index);
    dam_rpc_put_hash_at(w, "blockHash", &block->hash);
    dam_json_put_quantity_at(w, "blockTimestamp", block->header.timestamp);
    dam_json_put_quantity_at(w, "logIndex", log_index);
    dam_json_put_key(w, "removed");
    dam_json_put_bool(w, removed);
    dam_json_put_object_end(w);
}

static void put_receipt_members(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                                const struct dam_ledger_chain_tx *tx, const struct dam_tx *decoded,
                                const struct dam_ledger_chain_receipt *receipt)
{
    struct dam_json_writer *w = rpc->w;
    struct dam_bloom bloom;
    dam_logs_bloom(receipt->logs, receipt->log_count, &bloom);
    dam_rpc_put_hash_at(w, "blockHash", &block->hash);
    dam_json_put_quantity_at(w, "blockNumber", block->header.number);
    dam_json_put_key(w, "contractAddress");
    if (decoded->is_create) {
        dam_rpc_put_address(w, &receipt->contract);
    } else {
        dam_json_put_null(w);
    }
    dam_json_put_quantity_at(w, "cumulativeGasUsed", receipt->cumulative_gas_used);
    dam_json_put_quantity_u256_at(w, "effectiveGasPrice", &receipt->gas_price);
    dam_rpc_put_address_at(w, "from", &tx->sender);
    dam_json_put_quantity_at(w, "gasUsed", receipt->gas_used);
    dam_json_put_data_at(w, "logsBloom", dam_bytes(bloom.b, sizeof(bloom.b)));
    if (receipt->has_state_root) {
        dam_rpc_put_hash_at(w, "root", &receipt->state_root);
    } else {
        dam_json_put_quantity_at(w, "status", receipt->succeeded);
    }
    if (receipt->blob_gas_used > 0) {
        const struct dam_chain_config *config = &rpc->ledger->chain->rules.config;
        struct dam_blob_params blob = dam_chain_config_blob(config, block->header.timestamp);
        struct dam_u256 price = dam_evm_blob_base_fee(block->header.excess_blob_gas, &blob);
        dam_json_put_quantity_at(w, "blobGasUsed", receipt->blob_gas_used);
        dam_json_put_quantity_u256_at(w, "blobGasPrice", &price);
    }
    dam_json_put_key(w, "to");
    if (decoded->is_create) {
        dam_json_put_null(w);
    } else {
        dam_rpc_put_address(w, &decoded->to);
    }
    dam_rpc_put_hash_at(w, "transactionHash", &tx->hash);
    dam_json_put_quantity_at(w, "transactionIndex", tx->index);
    dam_json_put_quantity_at(w, "type", receipt->type);
}

enum dam_err dam_rpc_put_receipt(struct dam_rpc *rpc, const struct dam_ledger_chain_block *block,
                                 uint32_t index)
{
    struct dam_json_writer *w = rpc->w;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    struct dam_ledger_chain_tx tx;
    struct dam_ledger_chain_receipt receipt;
    struct dam_tx decoded;
    struct dam_arena_mark mark = dam_arena_mark(rpc->arena);
    if (txn == NULL) {
        return DAM_EIO;
    }
    DAM_TRY(dam_ledger_chain_tx(txn, block->header.number, index, &tx));
    DAM_TRY(dam_tx_decode(rpc->arena, tx.bytes, &decoded, NULL));
    DAM_TRY(dam_ledger_chain_receipt(txn, rpc->arena, block->header.number, index, &receipt));
    dam_json_put_object(w);
    put_receipt_members(rpc, block, &tx, &decoded, &receipt);
    dam_json_put_key(w, "logs");
    dam_json_put_array(w);
    for (size_t i = 0; i < receipt.log_count; i++) {
        dam_rpc_put_log(w, &receipt.logs[i], block, &tx.hash, index,
                        receipt.log_start + (uint32_t)i, false);
    }
    dam_json_put_array_end(w);
    dam_json_put_object_end(w);
    dam_arena_release(rpc->arena, mark);
    return DAM_OK;
}
