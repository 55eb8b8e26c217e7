// SPDX-License-Identifier: Apache-2.0
#include "ledger/signed_tx.h"

#include "core/crypto/keccak.h"
#include "core/evm/block.h"

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
    return dam_evm_tx_from(arena, &tx->tx, &tx->sender, &tx->evm);
}
