// SPDX-License-Identifier: Apache-2.0
/* Which accounts and slots a run of the EVM touches, seen by its opcodes: for access lists and for
 * the state before a transaction. */
#ifndef DAM_LEDGER_TOUCH_H
#define DAM_LEDGER_TOUCH_H

#include "core/evm/evm.h"

struct dam_touched {
    struct dam_address address;
    struct dam_u256 *slots;
    size_t slot_count;
    size_t slot_size;
};

/* What a run touches, seen by its opcodes. */
struct dam_toucher {
    struct dam_arena *arena;
    struct dam_touched *list;
    size_t count;
    size_t size;
    bool failed;
    const struct dam_address *leave_out; /* sender, recipient, precompiles and the coinbase */
    size_t leave_out_count;
};

/** A tracer's step hook; ctx is a struct dam_toucher. */
void dam_touch_step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step);

/** Note an account. Returns: its entry, or NULL without memory (toucher->failed is set). */
struct dam_touched *dam_touch(struct dam_toucher *toucher, const struct dam_address *address);

#endif
