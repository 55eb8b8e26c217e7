// SPDX-License-Identifier: Apache-2.0
#include "chain/chain_json.h"

static enum dam_err hash_read(const struct dam_json *object, const char *key, struct dam_hash *ret)
{
    return dam_json_hex_exact(dam_json_get(object, key), ret->b, sizeof(ret->b));
}

static enum dam_err u64_read(const struct dam_json *object, const char *key, uint64_t *ret)
{
    return dam_json_quantity(dam_json_get(object, key), ret);
}

static enum dam_err u256_read(const struct dam_json *object, const char *key, struct dam_u256 *ret)
{
    return dam_json_quantity_u256(dam_json_get(object, key), ret);
}

static enum dam_err extra_read(const struct dam_json *block, struct dam_header *header)
{
    const struct dam_json *extra = dam_json_get(block, "extraData");
    if (extra == NULL || extra->len < 2 || extra->len > 2 + 2 * DAM_HEADER_EXTRA_MAX) {
        return DAM_EPARSE;
    }
    header->extra_len = (uint8_t)((extra->len - 2) / 2);
    return dam_json_hex_exact(extra, header->extra, header->extra_len);
}

static enum dam_err later_read(const struct dam_json *block, struct dam_header *header)
{
    header->form = DAM_HEADER_FRONTIER;
    if (!dam_json_is_null(dam_json_get(block, "baseFeePerGas"))) {
        header->form = DAM_HEADER_LONDON;
        DAM_TRY(u256_read(block, "baseFeePerGas", &header->base_fee));
    }
    if (!dam_json_is_null(dam_json_get(block, "withdrawalsRoot"))) {
        header->form = DAM_HEADER_SHANGHAI;
        DAM_TRY(hash_read(block, "withdrawalsRoot", &header->withdrawals_root));
    }
    if (!dam_json_is_null(dam_json_get(block, "parentBeaconBlockRoot"))) {
        header->form = DAM_HEADER_CANCUN;
        DAM_TRY(u64_read(block, "blobGasUsed", &header->blob_gas_used));
        DAM_TRY(u64_read(block, "excessBlobGas", &header->excess_blob_gas));
        DAM_TRY(hash_read(block, "parentBeaconBlockRoot", &header->parent_beacon_root));
    }
    if (!dam_json_is_null(dam_json_get(block, "requestsHash"))) {
        header->form = DAM_HEADER_PRAGUE;
        DAM_TRY(hash_read(block, "requestsHash", &header->requests_hash));
    }
    return DAM_OK;
}

enum dam_err dam_remote_json_header(const struct dam_json *block, struct dam_header *ret,
                                    struct dam_hash *ret_hash)
{
    struct dam_header header = {.form = DAM_HEADER_FRONTIER};
    struct dam_hash claimed;
    struct dam_hash hash;
    DAM_TRY(hash_read(block, "hash", &claimed));
    DAM_TRY(hash_read(block, "parentHash", &header.parent_hash));
    DAM_TRY(hash_read(block, "sha3Uncles", &header.uncles_hash));
    DAM_TRY(dam_json_hex_exact(dam_json_get(block, "miner"), header.beneficiary.b, 20));
    DAM_TRY(hash_read(block, "stateRoot", &header.state_root));
    DAM_TRY(hash_read(block, "transactionsRoot", &header.tx_root));
    DAM_TRY(hash_read(block, "receiptsRoot", &header.receipt_root));
    DAM_TRY(dam_json_hex_exact(dam_json_get(block, "logsBloom"), header.bloom.b, 256));
    DAM_TRY(u256_read(block, "difficulty", &header.difficulty));
    DAM_TRY(u64_read(block, "number", &header.number));
    DAM_TRY(u64_read(block, "gasLimit", &header.gas_limit));
    DAM_TRY(u64_read(block, "gasUsed", &header.gas_used));
    DAM_TRY(u64_read(block, "timestamp", &header.timestamp));
    DAM_TRY(extra_read(block, &header));
    DAM_TRY(hash_read(block, "mixHash", &header.prev_randao));
    DAM_TRY(dam_json_hex_exact(dam_json_get(block, "nonce"), header.nonce, sizeof(header.nonce)));
    DAM_TRY(later_read(block, &header));
    dam_header_hash(&header, &hash);
    if (!dam_hash_eq(&hash, &claimed)) {
        return DAM_ECORRUPT;
    }
    *ret = header;
    *ret_hash = hash;
    return DAM_OK;
}

enum dam_err dam_remote_json_log(struct dam_arena *arena, const struct dam_json *json,
                                 struct dam_remote_log *ret)
{
    const struct dam_json *topics = dam_json_get(json, "topics");
    const struct dam_json *removed = dam_json_get(json, "removed");
    *ret = (struct dam_remote_log){.block_number = 0};
    DAM_TRY(dam_json_hex_exact(dam_json_get(json, "address"), ret->log.address.b, 20));
    DAM_TRY(dam_json_hex(dam_json_get(json, "data"), arena, &ret->log.data));
    DAM_TRY(u64_read(json, "blockNumber", &ret->block_number));
    DAM_TRY(u64_read(json, "logIndex", &ret->index));
    DAM_TRY(hash_read(json, "transactionHash", &ret->tx_hash));
    if (topics == NULL || topics->type != DAM_JSON_ARRAY || topics->count > 4) {
        return DAM_EPARSE;
    }
    DAM_JSON_EACH(topic, topics)
    {
        DAM_TRY(dam_json_hex_exact(topic, ret->log.topics[ret->log.topic_count++].b, 32));
    }
    return removed != NULL && removed->type == DAM_JSON_TRUE ? DAM_ECORRUPT : DAM_OK;
}

enum dam_err dam_remote_json_receipt(struct dam_arena *arena, const struct dam_json *json,
                                     struct dam_remote_receipt *ret)
{
    struct dam_remote_receipt receipt = {.succeeded = false};
    const struct dam_json *contract = dam_json_get(json, "contractAddress");
    const struct dam_json *logs = dam_json_get(json, "logs");
    uint64_t status;
    DAM_TRY(u64_read(json, "status", &status));
    DAM_TRY(hash_read(json, "transactionHash", &receipt.tx_hash));
    DAM_TRY(hash_read(json, "blockHash", &receipt.block_hash));
    DAM_TRY(u64_read(json, "blockNumber", &receipt.block_number));
    DAM_TRY(u64_read(json, "gasUsed", &receipt.gas_used));
    DAM_TRY(u256_read(json, "effectiveGasPrice", &receipt.gas_price));
    receipt.succeeded = status == 1;
    receipt.is_create = !dam_json_is_null(contract);
    if (receipt.is_create) {
        DAM_TRY(dam_json_hex_exact(contract, receipt.contract.b, 20));
    }
    if (logs == NULL || logs->type != DAM_JSON_ARRAY) {
        return DAM_EPARSE;
    }
    struct dam_log *list = dam_arena_alloc(arena, logs->count * sizeof(*list));
    if (list == NULL) {
        return DAM_ENOMEM;
    }
    DAM_JSON_EACH(item, logs)
    {
        struct dam_remote_log log;
        DAM_TRY(dam_remote_json_log(arena, item, &log));
        list[receipt.log_count++] = log.log;
    }
    receipt.logs = list;
    *ret = receipt;
    return DAM_OK;
}
