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

static void *heap_resize(void *ctx, void *block, size_t len, size_t len_new)
{
    (void)ctx;
    (void)len;
    return realloc(block, len_new);
}

const struct dam_mem *dam_heap(void)
{
    static const struct dam_mem heap = {heap_alloc, heap_free, NULL, heap_resize};
    return &heap;
}
