// SPDX-License-Identifier: Apache-2.0
/* EIP-3155: one line of JSON an opcode, on a stream. */
#ifndef DAM_APP_EVM_TRACE_H
#define DAM_APP_EVM_TRACE_H

#include <stdio.h>

#include "base/buf.h"
#include "core/evm/evm.h"

struct dam_evm_trace {
    FILE *out;
    struct dam_buf line; /* the step that waits for its cost */
    struct dam_evm_tracer tracer;
};

/** Make a tracer that writes to `out`. Both must outlive the sessions that use it. */
void dam_evm_trace_init(struct dam_evm_trace *trace, FILE *out);

/* What the last line tells. As go-ethereum writes it: the output in hex without 0x. */
struct dam_evm_trace_end {
    struct dam_bytes output;
    uint64_t gas_used;
    enum dam_evm_status status;
    const struct dam_hash
        *state_root; /* NULL: there is none; then `pass` and `fork` are left out */
    bool pass;
    const char *fork;
};

/** The last line. */
void dam_evm_trace_summary(struct dam_evm_trace *trace, const struct dam_evm_trace_end *end);

void dam_evm_trace_finish(struct dam_evm_trace *trace);

#endif
