// SPDX-License-Identifier: Apache-2.0
/* Memory for code that may not call malloc. A source hands out blocks (the heap, a static array, a
 * test that fails on demand); an arena cuts them into pieces that live until the arena is reset or
 * finished. Single-threaded. */
#ifndef DAM_BASE_ARENA_H
#define DAM_BASE_ARENA_H

#include "base/bytes.h"
#include "base/err.h"

/* Where blocks come from. Both calls may be made at any time while the source is in use; alloc
 * returns NULL when there is no more (an answer, not a bug); free takes back exactly what alloc
 * gave, with its length. resize makes a block longer, where it lies or with its bytes in another
 * place, or returns NULL and leaves it; a source without it has NULL there. */
struct dam_mem {
    void *(*alloc)(void *ctx, size_t len);
    void (*free)(void *ctx, void *block, size_t len);
    void *ctx;
    void *(*resize)(void *ctx, void *block, size_t len, size_t len_new);
};

struct dam_arena_block; /* private */

struct dam_arena {
    const struct dam_mem *mem;     /* borrowed; must outlive the arena */
    struct dam_arena_block *first; /* blocks in the order they were taken */
    struct dam_arena_block *current;
    size_t used_max; /* refuse to hold more than this in all; 0: no limit */
    size_t held;
};

/* A place to return to. */
struct dam_arena_mark {
    struct dam_arena_block *block;
    size_t used;
};

/** Make an empty arena. Takes no memory yet. In: len_max: most bytes it may hold, 0 for no limit.
 */
void dam_arena_init(struct dam_arena *arena, const struct dam_mem *mem, size_t len_max);

/** Give every block back. Accepts a zeroed arena. */
void dam_arena_finish(struct dam_arena *arena);

/** A piece of len bytes, aligned to 16, contents undefined. Returns: NULL when the source or the
 * limit says no. */
void *dam_arena_alloc(struct dam_arena *arena, size_t len);

/** The same, zeroed. */
void *dam_arena_zalloc(struct dam_arena *arena, size_t len);

/** A copy of len bytes. Returns: NULL when full. */
void *dam_arena_copy(struct dam_arena *arena, const void *data, size_t len);

/** Forget every piece but keep the blocks for the next turn. */
void dam_arena_reset(struct dam_arena *arena);

/** The same, and give the blocks back if they are more than len_kept bytes. */
void dam_arena_trim(struct dam_arena *arena, size_t len_kept);

/** Remember this point; dam_arena_release forgets everything taken since. */
struct dam_arena_mark dam_arena_mark(const struct dam_arena *arena);
void dam_arena_release(struct dam_arena *arena, struct dam_arena_mark mark);

#endif
