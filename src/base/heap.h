// SPDX-License-Identifier: Apache-2.0
/* The process's heap as a source of memory, for arenas and buffers outside the pure core. */
#ifndef DAM_BASE_HEAP_H
#define DAM_BASE_HEAP_H

#include "base/arena.h"

/** malloc, free and realloc; thread-safe. Returns: static. */
const struct dam_mem *dam_heap(void);

#endif
