// SPDX-License-Identifier: Apache-2.0
/* Minds in a world of their own: puts blobs and a mind's bytecode into an empty state and asks it,
 * in the same EVM and under the same rules as the loop does. For benchmarks, imports and tests;
 * the loop itself has machine/. */
#ifndef DAM_APP_MIND_LAB_H
#define DAM_APP_MIND_LAB_H

#include "core/evm/world.h"

#define DAM_LAB_GAS INT64_C(10000000) /* a mind's budget, docs/spec/decision.md section 6 */

struct dam_lab {
    struct dam_evm_world world;
    struct dam_evm *evm;
    struct dam_evm_view view;
};

/** Make an empty world. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_lab_open(struct dam_lab *lab);

/** Accepts a zeroed one. */
void dam_lab_close(struct dam_lab *lab);

/** Store bytes as code behind 0x00, in slices. In: max: addresses that ret[] holds.
 *  Returns: DAM_OK with *ret_count; DAM_EFULL; DAM_ENOMEM; DAM_ECORRUPT if the EVM refuses. */
DAM_MUST_USE enum dam_err dam_lab_blob(struct dam_lab *lab, struct dam_bytes blob, size_t max,
                                       struct dam_address *ret, size_t *ret_count);

/** Create a contract of build/contracts (or $DAM_CONTRACTS) by name.
 *  Returns: DAM_OK; DAM_ENOTFOUND if there is no such artifact; DAM_EREFUSED if the constructor
 *  reverts; DAM_EPARSE; DAM_ENOMEM. In: args: its ABI-encoded arguments. */
DAM_MUST_USE enum dam_err dam_lab_create(struct dam_lab *lab, const char *name,
                                         struct dam_bytes args, struct dam_address *ret);

/** A generic mind on its slices: the constructor's one argument is address[].  As dam_lab_create.
 */
DAM_MUST_USE enum dam_err dam_lab_model_mind(struct dam_lab *lab, const char *name,
                                             struct dam_bytes blob, struct dam_address *ret);

/** A mind whose constructor's one argument is the address of its one slice. As dam_lab_create. */
DAM_MUST_USE enum dam_err dam_lab_blob_mind(struct dam_lab *lab, const char *name,
                                            struct dam_bytes blob, struct dam_address *ret);

/** Ask a mind, with the budget and the refused opcodes of a machine.
 *  Returns: DAM_OK; DAM_EREFUSED if it failed (reverted, ran out of gas); DAM_EPARSE if its answer
 * is no (bytes, bytes) that fits. Out: ret_next: up to 8,192 bytes, *ret_next_len; ret_proposal:
 * outputs values; *ret_gas used. */
DAM_MUST_USE enum dam_err dam_lab_decide(struct dam_lab *lab, const struct dam_address *mind,
                                         struct dam_bytes memory, struct dam_bytes observation,
                                         size_t outputs, uint8_t *ret_next, size_t *ret_next_len,
                                         int64_t *ret_proposal, int64_t *ret_gas);

#endif
