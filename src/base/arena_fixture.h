// SPDX-License-Identifier: Apache-2.0
#ifndef DAM_BASE_ARENA_FIXTURE_H
#define DAM_BASE_ARENA_FIXTURE_H

/** For unit tests alone: the arena that a group of tests, or each of them, sets up and tears down.
 *
 * Included by one _test.c a program; it brings cmocka and what cmocka wants before itself. */

#include "base/arena.h"
#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct dam_arena arena;

static int arena_setup(void **state)
{
    (void)state;
    dam_arena_init(&arena, dam_heap(), 0);
    return 0;
}

static int arena_teardown(void **state)
{
    (void)state;
    dam_arena_finish(&arena);
    return 0;
}

#endif
