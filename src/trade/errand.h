// SPDX-License-Identifier: Apache-2.0
/* One errand as a file of another program says it (docs/errands.md). Pure: what it may do is not
 * judged here. */
#ifndef DAM_TRADE_ERRAND_H
#define DAM_TRADE_ERRAND_H

#include "chain/calldata.h"

#define DAM_ERRAND_NAME_SIZE 49u /* with NUL */

struct dam_errand {
    struct dam_calldata_call calls[DAM_CALLDATA_CALLS_MAX];
    size_t call_count;
};

/** "hire-1.json" -> "hire-1". Returns: false if the file's name is no errand's. */
bool dam_errand_name(const char *file, char ret[DAM_ERRAND_NAME_SIZE]);

/** Read {"calls": [{"to": "0x...", "data": "0x..."}]}.
 *  Returns: NULL, or static text that says what is wrong. Out: ret: borrows from the arena. */
const char *dam_errand_parse(struct dam_arena *arena, struct dam_bytes text,
                             struct dam_errand *ret);

#endif
