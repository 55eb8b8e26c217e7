// SPDX-License-Identifier: Apache-2.0
/* DAM_ASSERT: our own bug, found. On in every build: it prints one line and stops the process
 * before a wrong state can reach a disk, a device or a chain. Never used on input from outside. */
#ifndef DAM_BASE_ASSERT_H
#define DAM_BASE_ASSERT_H

#include "base/attr.h"

#define DAM_ASSERT(cond)                                                                           \
    do {                                                                                           \
        if (DAM_UNLIKELY(!(cond))) {                                                               \
            dam_assert_fail(#cond, __FILE__, __LINE__);                                            \
        }                                                                                          \
    } while (0)

DAM_NORETURN void dam_assert_fail(const char *cond, const char *file, int line);

#endif
