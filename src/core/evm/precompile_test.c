// SPDX-License-Identifier: Apache-2.0
/* What the vectors do not say: which precompile exists when, the edges of MODEXP's price, and what
 * happens when memory ends. */
#include "core/evm/precompile.h"

#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct dam_precompile *find(unsigned number, enum dam_fork fork)
{
    struct dam_address address = {.b = {[18] = (uint8_t)(number >> 8), [19] = (uint8_t)number}};
    return dam_precompile_find(&address, fork);
}

static void every_fork_has_its_own(void **state)
{
    (void)state;
    for (unsigned fork = 0; fork < DAM_FORK_COUNT; fork++) {
        unsigned last = fork >= DAM_FORK_PRAGUE      ? 0x11
                        : fork >= DAM_FORK_CANCUN    ? 0x0a
                        : fork >= DAM_FORK_ISTANBUL  ? 0x09
                        : fork >= DAM_FORK_BYZANTIUM ? 0x08
                                                     : 0x04;
        for (unsigned number = 0; number <= 0x201; number++) {
            bool want =
                (number >= 1 && number <= last) || (number == 0x100 && fork >= DAM_FORK_OSAKA);
            assert_int_equal(find(number, (enum dam_fork)fork) != NULL, want);
        }
        struct dam_address far = {.b = {[0] = 1, [19] = 1}};
        assert_null(dam_precompile_find(&far, (enum dam_fork)fork));
    }
}

static uint64_t modexp_price(const uint8_t header[96], enum dam_fork fork)
{
    return find(5, fork)->gas(dam_bytes(header, 96), fork);
}

static void modexp_prices_at_the_edges(void **state)
{
    (void)state;
    uint8_t header[96] = {0};
    assert_true(modexp_price(header, DAM_FORK_BYZANTIUM) == 0);
    assert_true(modexp_price(header, DAM_FORK_BERLIN) == 200);
    assert_true(modexp_price(header, DAM_FORK_OSAKA) == 500);
    /* An exponent of 2^256 - 1 bytes on empty operands: free before Berlin, the minimum then;
     * EIP-7883's smallest complexity is 16. */
    memset(header + 32, 0xff, 32);
    assert_true(modexp_price(header, DAM_FORK_BYZANTIUM) == 0);
    assert_true(modexp_price(header, DAM_FORK_BERLIN) == 200);
    assert_true(modexp_price(header, DAM_FORK_OSAKA) == DAM_PRECOMPILE_GAS_MAX);
    header[95] = 1;
    assert_true(modexp_price(header, DAM_FORK_BYZANTIUM) > UINT64_MAX / 21);
    memset(header, 0xff, 96);
    for (unsigned fork = DAM_FORK_BYZANTIUM; fork < DAM_FORK_COUNT; fork++) {
        assert_true(modexp_price(header, (enum dam_fork)fork) == DAM_PRECOMPILE_GAS_MAX);
    }
}

static void modexp_of_more_than_1024_bytes_fails_in_osaka(void **state)
{
    (void)state;
    struct dam_arena arena;
    struct dam_precompile_result result;
    dam_arena_init(&arena, dam_heap(), 0);
    for (size_t at = 30; at < 96; at += 32) {
        uint8_t header[96] = {0};
        header[at] = 4;
        assert_int_equal(
            find(5, DAM_FORK_OSAKA)->run(dam_bytes(header, 96), DAM_FORK_OSAKA, &arena, &result),
            DAM_OK);
        assert_true(result.success); /* 1024 is allowed */
        header[at + 1] = 1;
        assert_int_equal(
            find(5, DAM_FORK_OSAKA)->run(dam_bytes(header, 96), DAM_FORK_OSAKA, &arena, &result),
            DAM_OK);
        assert_false(result.success);
        assert_int_equal(
            find(5, DAM_FORK_PRAGUE)->run(dam_bytes(header, 96), DAM_FORK_PRAGUE, &arena, &result),
            DAM_OK);
        assert_true(result.success);
    }
    dam_arena_finish(&arena);
}

/* Input shorter than the format reads as if zeros followed, and never past its end (ASan looks). */
static void short_input_is_padded(void **state)
{
    (void)state;
    struct dam_arena arena;
    struct dam_precompile_result result;
    dam_arena_init(&arena, dam_heap(), 0);
    /* 3 ^ 2 mod 0x0500, of which the last byte is missing. */
    uint8_t input[100] = {[31] = 1, [63] = 1, [95] = 2, [96] = 3, [97] = 2, [98] = 5};
    assert_int_equal(
        find(5, DAM_FORK_OSAKA)->run(dam_bytes(input, 99), DAM_FORK_OSAKA, &arena, &result),
        DAM_OK);
    assert_true(result.success);
    assert_int_equal(result.output.len, 2);
    assert_int_equal(dam_load_be16(result.output.data), 9);
    /* The same with the modulus missing altogether. */
    assert_int_equal(
        find(5, DAM_FORK_OSAKA)->run(dam_bytes(input, 98), DAM_FORK_OSAKA, &arena, &result),
        DAM_OK);
    assert_int_equal(result.output.len, 2);
    assert_int_equal(dam_load_be16(result.output.data), 0);
    for (size_t len = 0; len < 96; len++) {
        uint8_t *exact = dam_arena_zalloc(&arena, len + 1);
        assert_non_null(exact);
        assert_int_equal(
            find(6, DAM_FORK_OSAKA)->run(dam_bytes(exact, len), DAM_FORK_OSAKA, &arena, &result),
            DAM_OK);
        assert_true(result.success);
    }
    dam_arena_finish(&arena);
}

static void *no_memory(void *ctx, size_t len)
{
    (void)ctx;
    (void)len;
    return NULL;
}

static void nothing_to_free(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)block;
    (void)len;
}

/* Without memory a precompile says so, or needed none; it never makes up an answer. */
static void memory_may_end(void **state)
{
    (void)state;
    static const struct dam_mem none = {no_memory, nothing_to_free, NULL};
    static const size_t lengths[] = {0, 64, 128, 160, 192, 213, 256, 288, 384, 512};
    static const uint8_t zeros[512];
    unsigned refused = 0;
    for (unsigned number = 1; number <= 0x11; number++) {
        for (size_t i = 0; i < DAM_COUNT_OF(lengths); i++) {
            struct dam_arena arena;
            struct dam_precompile_result result = {0};
            dam_arena_init(&arena, &none, 0);
            enum dam_err err =
                find(number, DAM_FORK_OSAKA)
                    ->run(dam_bytes(zeros, lengths[i]), DAM_FORK_OSAKA, &arena, &result);
            assert_true(err == DAM_ENOMEM || result.output.len == 0);
            refused += err == DAM_ENOMEM;
            dam_arena_finish(&arena);
        }
    }
    assert_true(refused > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fork_has_its_own),
        cmocka_unit_test(modexp_prices_at_the_edges),
        cmocka_unit_test(modexp_of_more_than_1024_bytes_fails_in_osaka),
        cmocka_unit_test(short_input_is_padded),
        cmocka_unit_test(memory_may_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
