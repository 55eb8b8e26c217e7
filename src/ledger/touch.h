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

/* What one opcode looks at. */
enum dam_touch_kind {
    DAM_TOUCH_NOTHING,
    DAM_TOUCH_SLOT,    /* of the account that runs */
    DAM_TOUCH_ACCOUNT, /* its balance or code */
    DAM_TOUCH_CALLEE,  /* and runs it */
};

/** Tell what a step looks at. Out: the account, and the slot if it is one; not set for NOTHING. */
enum dam_touch_kind dam_touch_of(const struct dam_evm_step *step, struct dam_address *ret_address,
                                 struct dam_u256 *ret_slot);

/** A tracer's step hook; ctx is a struct dam_toucher. */
void dam_touch_step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step);

/** Note an account. Returns: its entry, or NULL without memory (toucher->failed is set). */
struct dam_touched *dam_touch(struct dam_toucher *toucher, const struct dam_address *address);

#endif
