// SPDX-License-Identifier: Apache-2.0
/* debug_trace*: where a transaction or call is found and how its state is come by; what is then
 * written is ledger/tracers.h's. */
#ifndef DAM_LEDGER_TRACER_H
#define DAM_LEDGER_TRACER_H

#include "ledger/rpc.h"

void dam_trace_transaction(struct dam_rpc *rpc);
void dam_trace_call(struct dam_rpc *rpc);
void dam_trace_block_by_number(struct dam_rpc *rpc);
void dam_trace_block_by_hash(struct dam_rpc *rpc);
void dam_trace_block(struct dam_rpc *rpc); /* by its RLP */

/** debug_storageRangeAt. */
void dam_trace_storage_range(struct dam_rpc *rpc);

#endif
