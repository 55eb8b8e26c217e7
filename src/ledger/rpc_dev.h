// SPDX-License-Identifier: Apache-2.0
/* Development methods that rpc_dev.c lists and that are elsewhere: rpc_dev_state.c (writing the
 * state by hand), rpc_tx.c (sending). */
#ifndef DAM_LEDGER_RPC_DEV_H
#define DAM_LEDGER_RPC_DEV_H

#include "ledger/rpc.h"

/** Send a transaction object, the first of params, as eth_sendTransaction would, without waiting
 * for its block. Returns: false after failing the call. */
bool dam_rpc_send_as(struct dam_rpc *rpc, const struct dam_json *params);

/** Set one slot. Returns: false after failing the call. */
bool dam_dev_write_slot(struct dam_rpc *rpc, const struct dam_address *address,
                        const struct dam_u256 *slot, const struct dam_u256 *value);

void dam_dev_set_balance(struct dam_rpc *rpc);
void dam_dev_add_balance(struct dam_rpc *rpc);
void dam_dev_set_nonce(struct dam_rpc *rpc);
void dam_dev_set_code(struct dam_rpc *rpc);
void dam_dev_set_storage(struct dam_rpc *rpc);
void dam_dev_dump_state(struct dam_rpc *rpc);
void dam_dev_deal_erc20(struct dam_rpc *rpc);
void dam_dev_set_erc20_allowance(struct dam_rpc *rpc);
void dam_dev_load_state(struct dam_rpc *rpc);

#endif
