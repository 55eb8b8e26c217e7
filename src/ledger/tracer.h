// SPDX-License-Identifier: Apache-2.0
/* debug_trace*: a transaction or call run again with a tracer: struct logs, callTracer,
 * prestateTracer, 4byteTracer, noopTracer, as geth writes them. */
#ifndef DAM_LEDGER_TRACER_H
#define DAM_LEDGER_TRACER_H

#include "ledger/rpc.h"

void dam_trace_transaction(struct dam_rpc *rpc);
void dam_trace_call(struct dam_rpc *rpc);
void dam_trace_block(struct dam_rpc *rpc);

#endif
