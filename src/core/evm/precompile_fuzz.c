// SPDX-License-Identifier: Apache-2.0
/* One byte picks the fork, two the address, the rest is the input. Looks for crashes, for answers
 * of a wrong length, and for two runs that differ. */
#include "core/evm/precompile.h"

#include "base/assert.h"
#include "base/heap.h"

/* A block pays for more, but not a fuzzer's every run. */
#define GAS_MAX 200000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t output_len(unsigned number, struct dam_bytes input)
{
    static const size_t fixed[] = {
        [0x01] = 32,  [0x02] = 32,  [0x03] = 32, [0x06] = 64,  [0x07] = 64,
        [0x08] = 32,  [0x09] = 64,  [0x0a] = 64, [0x0b] = 128, [0x0c] = 128,
        [0x0d] = 256, [0x0e] = 256, [0x0f] = 32, [0x10] = 128, [0x11] = 256};
    if (number == 0x04) {
        return input.len;
    }
    return number == 0x100 ? 32 : fixed[number];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    enum dam_fork fork = (enum dam_fork)(data[0] % DAM_FORK_COUNT);
    unsigned number = dam_load_be16(data + 1) % 0x12;
    number = number == 0 ? 0x100 : number;
    struct dam_address address = {.b = {[18] = (uint8_t)(number >> 8), [19] = (uint8_t)number}};
    struct dam_bytes input = dam_bytes(data + 3, size - 3);
    const struct dam_precompile *precompile = dam_precompile_find(&address, fork);
    if (precompile == NULL || precompile->gas(input, fork) > GAS_MAX) {
        return 0;
    }
    struct dam_arena arena;
    struct dam_precompile_result first;
    struct dam_precompile_result second;
    dam_arena_init(&arena, dam_heap(), 1u << 26);
    enum dam_err err = precompile->run(input, fork, &arena, &first);
    DAM_ASSERT(err == DAM_OK || err == DAM_ENOMEM);
    if (err == DAM_OK && precompile->run(input, fork, &arena, &second) == DAM_OK) {
        DAM_ASSERT(first.success == second.success);
        DAM_ASSERT(dam_bytes_eq(first.output, second.output));
        DAM_ASSERT(first.success || first.output.len == 0);
        if (first.success && number != 0x05 && first.output.len != 0) {
            DAM_ASSERT(first.output.len == output_len(number, input));
        }
    }
    dam_arena_finish(&arena);
    return 0;
}
