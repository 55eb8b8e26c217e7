// SPDX-License-Identifier: Apache-2.0
/* Which code may decide (docs/spec/decision.md section 5): the same scan as the Purity contract,
 * and the addresses that such code can read models and rules from. Pure; called before a mind or
 * charter is taken from a chain. */
#ifndef DAM_CORE_FLOW_PURITY_H
#define DAM_CORE_FLOW_PURITY_H

#include "base/bytes.h"

/** Does the code hold only allowed opcodes? Returns: true; or false with *ret_offset the first
 * other one's place. Empty code is not pure (offset 0). */
bool dam_flow_code_is_pure(struct dam_bytes code, size_t *ret_offset);

/** The constants of the code that may be addresses of other contracts: what 20 to 32 byte pushes
 *  hold, at most 20 bytes long and above 2^64, not the mask of all ones. In order, each once.
 *  Returns: their number; those above max are not stored. */
size_t dam_flow_code_addresses(struct dam_bytes code, struct dam_address *ret, size_t max);

#endif
