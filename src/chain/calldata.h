// SPDX-License-Identifier: Apache-2.0
/* Calldata as the project's contracts take it: functions whose arguments are words, and a batch of
 * calls for MachineAccount.execute (ERC-7821), in the one encoding that the signer reads back.
 * Pure.
 */
#ifndef DAM_CHAIN_CALLDATA_H
#define DAM_CHAIN_CALLDATA_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/u256.h"

#define DAM_CALLDATA_CALLS_MAX 4u
#define DAM_CALLDATA_WORDS_MAX 12u

/** Calldata of a function whose arguments are all one word.
 *  Returns: DAM_OK or DAM_ENOMEM. In: signature: "claim(uint256)". */
DAM_MUST_USE enum dam_err dam_calldata_make(struct dam_arena *arena, const char *signature,
                                            const struct dam_u256 *words, size_t count,
                                            struct dam_bytes *ret);

/** An address as a word. */
struct dam_u256 dam_calldata_word(const struct dam_address *address);

struct dam_calldata_call {
    struct dam_address target;
    struct dam_bytes data;
};

/** Calldata of execute(mode, calls): all or nothing. In: count: at most DAM_CALLDATA_CALLS_MAX.
 *  Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_calldata_execute(struct dam_arena *arena,
                                               const struct dam_calldata_call *calls, size_t count,
                                               struct dam_bytes *ret);

#endif
