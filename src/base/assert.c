// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void dam_assert_fail(const char *cond, const char *file, int line)
{
    (void)fprintf(stderr, "dam: assertion failed: %s (%s:%d)\n", cond, file, line);
    abort();
}
