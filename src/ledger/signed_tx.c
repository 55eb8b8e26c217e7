// SPDX-License-Identifier: Apache-2.0
#include "ledger/signed_tx.h"

#include "core/crypto/keccak.h"

static enum dam_err convert_access(struct dam_arena *arena, const struct dam_tx *tx,
                                   struct dam_evm_tx *ret)
{
    struct dam_evm_access *access =
        tx->access_count > 0 ? dam_arena_alloc(arena, tx->access_count * sizeof(*access)) : NULL;
    if (tx->access_count > 0 && access == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < tx->access_count; i++) {
        access[i] = (struct dam_evm_access){tx->access_list[i].address, tx->access_list[i].keys,
                                            tx->access_list[i].key_count};
    }
    ret->access = access;
    ret->access_count = tx->access_count;
    return DAM_OK;
}

static enum dam_err convert_authorizations(struct dam_arena *arena, const struct dam_tx *tx,
                                           struct dam_evm_tx *ret)
{
    size_t count = tx->authorization_count;
    struct dam_evm_authorization *list =
        count > 0 ? dam_arena_zalloc(arena, count * sizeof(*list)) : NULL;
    if (count > 0 && list == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct dam_authorization *from = &tx->authorizations[i];
        list[i].chain_id = from->chain_id;
        list[i].address = from->address;
        list[i].nonce = from->nonce;
        list[i].authority_valid = dam_authorization_signer(from, &list[i].authority) == DAM_OK;
    }
    ret->authorizations = list;
    ret->authorization_count = count;
    return DAM_OK;
}

enum dam_err dam_signed_tx_to_evm(struct dam_arena *arena, const struct dam_tx *tx,
                                  const struct dam_address *sender, struct dam_evm_tx *ret)
{
    *ret = (struct dam_evm_tx){
        .type = (uint8_t)tx->type,
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
        .blob_fee_max = tx->max_blob_fee,
        .blob_hashes = tx->blob_hashes,
        .blob_hash_count = tx->blob_hash_count,
    };
    DAM_TRY(convert_access(arena, tx, ret));
    return convert_authorizations(arena, tx, ret);
}

enum dam_err dam_signed_tx_read(struct dam_arena *arena, struct dam_bytes bytes,
                                struct dam_signed_tx *ret, enum dam_tx_fault *ret_fault)
{
    memset(ret, 0, sizeof(*ret));
    DAM_TRY(dam_tx_decode(arena, bytes, &ret->tx, ret_fault));
    ret->bytes = bytes;
    if (ret->tx.sidecar != NULL) {
        struct dam_buf buf;
        dam_buf_init_arena(&buf, arena, bytes.len);
        dam_tx_encode(&ret->tx, &buf);
        DAM_TRY(dam_buf_err(&buf));
        ret->bytes = dam_buf_bytes(&buf);
    }
    dam_keccak256(ret->bytes.data, ret->bytes.len, &ret->hash);
    return DAM_OK;
}

enum dam_err dam_signed_tx_recover(struct dam_arena *arena, bool low_s, struct dam_signed_tx *tx)
{
    DAM_TRY(dam_tx_sender(&tx->tx, low_s, arena, &tx->sender));
    return dam_signed_tx_to_evm(arena, &tx->tx, &tx->sender, &tx->evm);
}
