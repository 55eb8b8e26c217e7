// SPDX-License-Identifier: Apache-2.0
#ifndef DAM_CHAIN_BLOCK_FIXTURE_H
#define DAM_CHAIN_BLOCK_FIXTURE_H

/** For unit tests alone: a block as a node gives it. Its hash is right: the client hashes again. */

#include "base/json.h"
#include "core/eth/header.h"

/** As eth_getBlockByNumber has it. In: header: of the London form. */
static inline void block_put(struct dam_buf *out, const struct dam_header *header)
{
    const struct {
        const char *key;
        struct dam_bytes data;
    } fields[] = {
        {"parentHash", dam_bytes(header->parent_hash.b, 32)},
        {"sha3Uncles", dam_bytes(header->uncles_hash.b, 32)},
        {"miner", dam_bytes(header->beneficiary.b, 20)},
        {"stateRoot", dam_bytes(header->state_root.b, 32)},
        {"transactionsRoot", dam_bytes(header->tx_root.b, 32)},
        {"receiptsRoot", dam_bytes(header->receipt_root.b, 32)},
        {"logsBloom", dam_bytes(header->bloom.b, sizeof(header->bloom.b))},
        {"extraData", dam_bytes(header->extra, header->extra_len)},
        {"mixHash", dam_bytes(header->prev_randao.b, 32)},
        {"nonce", dam_bytes(header->nonce, sizeof(header->nonce))},
    };
    struct dam_json_writer w = {.buf = out};
    struct dam_hash hash;
    dam_header_hash(header, &hash);
    dam_json_put_object(&w);
    for (size_t i = 0; i < DAM_COUNT_OF(fields); i++) {
        dam_json_put_data_at(&w, fields[i].key, fields[i].data);
    }
    dam_json_put_quantity_at(&w, "number", header->number);
    dam_json_put_quantity_at(&w, "timestamp", header->timestamp);
    dam_json_put_quantity_at(&w, "gasLimit", header->gas_limit);
    dam_json_put_quantity_at(&w, "gasUsed", header->gas_used);
    dam_json_put_quantity_u256_at(&w, "difficulty", &header->difficulty);
    dam_json_put_quantity_u256_at(&w, "baseFeePerGas", &header->base_fee);
    dam_json_put_data_at(&w, "hash", dam_bytes(hash.b, 32));
    dam_json_put_object_end(&w);
}

#endif
