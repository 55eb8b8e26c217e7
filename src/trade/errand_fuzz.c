// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an errand's file, and as its name: refused with a word, or calls within the text. */
#include "trade/errand.h"

#include "base/assert.h"
#include "base/heap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_arena arena;
    struct dam_errand errand;
    char file[2 * DAM_ERRAND_NAME_SIZE] = {0};
    char name[DAM_ERRAND_NAME_SIZE];
    memcpy(file, data, size < sizeof(file) - 1 ? size : sizeof(file) - 1);
    if (dam_errand_name(file, name)) {
        DAM_ASSERT(name[0] != 0 && strncmp(name, file, strlen(name)) == 0);
    }
    dam_arena_init(&arena, dam_heap(), 1u << 20);
    if (dam_errand_parse(&arena, dam_bytes(data, size), &errand) == NULL) {
        DAM_ASSERT(errand.call_count >= 1 && errand.call_count <= DAM_CALLDATA_CALLS_MAX);
        for (size_t i = 0; i < errand.call_count; i++) {
            DAM_ASSERT(errand.calls[i].data.len < size);
        }
    }
    dam_arena_finish(&arena);
    return 0;
}
