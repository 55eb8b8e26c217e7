// SPDX-License-Identifier: Apache-2.0
/* A signed transaction with all that follows from its bytes: its fields, hash, sender, and the form
 * that the EVM takes. Pure. */
#ifndef DAM_LEDGER_SIGNED_TX_H
#define DAM_LEDGER_SIGNED_TX_H

#include "core/eth/tx.h"
#include "core/evm/evm.h"

struct dam_signed_tx {
    struct dam_bytes bytes; /* canonical form, borrowed */
    struct dam_hash hash;
    struct dam_address sender;
    struct dam_tx tx;
    struct dam_evm_tx evm;
};

/** Read the bytes; the sender is not set yet.
 *  Returns: DAM_OK; DAM_EPARSE with *ret_fault; DAM_ENOMEM. In: bytes: borrowed for as long as *ret
 *  is used; a blob transaction may come with its sidecar, which is left out of ret->bytes. */
DAM_MUST_USE enum dam_err dam_signed_tx_read(struct dam_arena *arena, struct dam_bytes bytes,
                                             struct dam_signed_tx *ret,
                                             enum dam_tx_fault *ret_fault);

/** Recover the sender and the authorities: most of the cost. Touches nothing but the transaction
 * and the arena, so it may run on any thread. Returns: DAM_OK, DAM_ESIGNATURE, DAM_ENOMEM. In:
 * low_s: demand it, from Homestead on. */
DAM_MUST_USE enum dam_err dam_signed_tx_recover(struct dam_arena *arena, bool low_s,
                                                struct dam_signed_tx *tx);

#endif
