// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct counted {
    size_t blocks;
    size_t allow;
};

static void *counted_alloc(void *ctx, size_t len)
{
    struct counted *counted = ctx;
    if (counted->allow == 0) {
        return NULL;
    }
    counted->allow--;
    counted->blocks++;
    return malloc(len);
}

static void counted_free(void *ctx, void *block, size_t len)
{
    (void)len;
    ((struct counted *)ctx)->blocks--;
    free(block);
}

static void pieces_are_aligned_and_given_back(void **state)
{
    (void)state;
    struct counted counted = {.allow = 100};
    struct dam_mem mem = {counted_alloc, counted_free, &counted};
    struct dam_arena arena;
    dam_arena_init(&arena, &mem, 0);
    for (size_t len = 1; len < 3000; len += 7) {
        uint8_t *piece = dam_arena_alloc(&arena, len);
        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % 16, 0);
        memset(piece, 0xaa, len);
    }
    assert_non_null(dam_arena_alloc(&arena, 1 << 20));
    size_t blocks = counted.blocks;
    dam_arena_reset(&arena);
    assert_non_null(dam_arena_alloc(&arena, 1 << 20));
    assert_int_equal(counted.blocks, blocks); /* the large block is found again */
    dam_arena_finish(&arena);
    assert_int_equal(counted.blocks, 0);
}

static void full_is_an_answer(void **state)
{
    (void)state;
    struct counted counted = {.allow = 1};
    struct dam_mem mem = {counted_alloc, counted_free, &counted};
    struct dam_arena arena;
    dam_arena_init(&arena, &mem, 0);
    assert_non_null(dam_arena_alloc(&arena, 100));
    assert_null(dam_arena_alloc(&arena, 1 << 20));
    assert_non_null(dam_arena_alloc(&arena, 100));
    dam_arena_finish(&arena);

    counted.allow = 100;
    dam_arena_init(&arena, &mem, 100 * 1024);
    assert_null(dam_arena_alloc(&arena, 200 * 1024));
    assert_null(dam_arena_alloc(&arena, SIZE_MAX - 3));
    dam_arena_finish(&arena);
    assert_int_equal(counted.blocks, 0);
}

static void release_returns_to_the_mark(void **state)
{
    (void)state;
    struct counted counted = {.allow = 100};
    struct dam_mem mem = {counted_alloc, counted_free, &counted};
    struct dam_arena arena;
    dam_arena_init(&arena, &mem, 0);
    struct dam_arena_mark empty = dam_arena_mark(&arena);
    void *first = dam_arena_alloc(&arena, 64);
    struct dam_arena_mark mark = dam_arena_mark(&arena);
    void *second = dam_arena_alloc(&arena, 64);
    assert_non_null(dam_arena_alloc(&arena, 1 << 18));
    dam_arena_release(&arena, mark);
    assert_ptr_equal(dam_arena_alloc(&arena, 64), second);
    dam_arena_release(&arena, empty);
    assert_ptr_equal(dam_arena_alloc(&arena, 64), first);
    dam_arena_finish(&arena);
}

/* Marks, pieces of odd sizes and releases at random: what is still held is never handed out again.
 */
static void held_pieces_stay_whole(void **state)
{
    (void)state;
    struct counted counted = {.allow = 100000};
    struct dam_mem mem = {counted_alloc, counted_free, &counted};
    struct dam_arena arena;
    struct dam_arena_mark marks[16];
    uint8_t *pieces[16][8];
    size_t lens[16][8];
    unsigned depth = 0;
    uint32_t seed = 1;
    dam_arena_init(&arena, &mem, 0);
    for (unsigned turn = 0; turn < 20000; turn++) {
        seed = seed * 1664525 + 1013904223;
        if (depth < 16 && (seed >> 16) % 5 > 1) {
            marks[depth] = dam_arena_mark(&arena);
            for (unsigned i = 0; i < 8; i++) {
                seed = seed * 1664525 + 1013904223;
                lens[depth][i] = (seed >> 8) % ((seed >> 28) == 0 ? 200000 : 3000);
                pieces[depth][i] = dam_arena_alloc(&arena, lens[depth][i]);
                assert_non_null(pieces[depth][i]);
                memset(pieces[depth][i], (int)depth + 1, lens[depth][i]);
            }
            depth++;
        } else if (depth > 0) {
            depth -= 1 + (seed >> 20) % depth;
            dam_arena_release(&arena, marks[depth]);
        }
        for (unsigned d = 0; d < depth; d++) {
            for (unsigned i = 0; i < 8; i++) {
                size_t len = lens[d][i];
                assert_true(len == 0 ||
                            (pieces[d][i][0] == d + 1 && pieces[d][i][len - 1] == d + 1));
            }
        }
    }
    dam_arena_trim(&arena, arena.held);
    assert_int_not_equal(counted.blocks, 0);
    dam_arena_trim(&arena, arena.held - 1);
    assert_int_equal(counted.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_given_back),
        cmocka_unit_test(full_is_an_answer),
        cmocka_unit_test(release_returns_to_the_mark),
        cmocka_unit_test(held_pieces_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
