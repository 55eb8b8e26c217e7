// SPDX-License-Identifier: Apache-2.0
#include "base/heap.h"

#include <stdlib.h>

static void *heap_alloc(void *ctx, size_t len)
{
    (void)ctx;
    return malloc(len);
}

static void heap_free(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)len;
    free(block);
}

const struct dam_mem *dam_heap(void)
{
    static const struct dam_mem heap = {heap_alloc, heap_free, NULL};
    return &heap;
}
