// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include "base/assert.h"

#define ALIGN 16u
#define BLOCK_LEN_MIN (64u * 1024u)

struct dam_arena_block {
    struct dam_arena_block *next;
    size_t len;  /* whole block, this header included */
    size_t used; /* header included */
    uint64_t pad;
};

_Static_assert(sizeof(struct dam_arena_block) % ALIGN == 0, "pieces stay aligned");

void dam_arena_init(struct dam_arena *arena, const struct dam_mem *mem, size_t len_max)
{
    *arena = (struct dam_arena){.mem = mem, .used_max = len_max};
}

void dam_arena_finish(struct dam_arena *arena)
{
    struct dam_arena_block *block = arena->first;
    while (block != NULL) {
        struct dam_arena_block *next = block->next;
        arena->mem->free(arena->mem->ctx, block, block->len);
        block = next;
    }
    *arena = (struct dam_arena){.mem = arena->mem, .used_max = arena->used_max};
}

static struct dam_arena_block *block_take(struct dam_arena *arena, size_t len)
{
    size_t want = len + sizeof(struct dam_arena_block);
    want = want < BLOCK_LEN_MIN ? BLOCK_LEN_MIN : want;
    if (arena->used_max != 0 && want > arena->used_max - arena->held) {
        return NULL;
    }
    struct dam_arena_block *block = arena->mem->alloc(arena->mem->ctx, want);
    if (block == NULL) {
        return NULL;
    }
    *block = (struct dam_arena_block){.len = want, .used = sizeof(*block)};
    arena->held += want;
    return block;
}

void *dam_arena_alloc(struct dam_arena *arena, size_t len)
{
    if (len > SIZE_MAX / 2) {
        return NULL;
    }
    len = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct dam_arena_block *last = arena->current;
    /* After a reset the blocks behind the current one are empty: the first that is large enough
     * serves. */
    for (struct dam_arena_block *block = last; block != NULL; block = block->next) {
        if (block->len - block->used >= len) {
            void *piece = (uint8_t *)block + block->used;
            block->used += len;
            arena->current = block;
            return piece;
        }
        last = block;
    }
    struct dam_arena_block *block = block_take(arena, len);
    if (block == NULL) {
        return NULL;
    }
    if (last == NULL) {
        arena->first = block;
    } else {
        DAM_ASSERT(last->next == NULL);
        last->next = block;
    }
    arena->current = block;
    block->used += len;
    return (uint8_t *)block + sizeof(*block);
}

void *dam_arena_zalloc(struct dam_arena *arena, size_t len)
{
    void *piece = dam_arena_alloc(arena, len);
    if (piece != NULL) {
        memset(piece, 0, len);
    }
    return piece;
}

void *dam_arena_copy(struct dam_arena *arena, const void *data, size_t len)
{
    void *piece = dam_arena_alloc(arena, len);
    if (piece != NULL && len != 0) {
        memcpy(piece, data, len);
    }
    return piece;
}

/* Everything behind the current block is empty already. */
static void blocks_empty(const struct dam_arena *arena, struct dam_arena_block *block)
{
    while (block != NULL) {
        block->used = sizeof(*block);
        block = block == arena->current ? NULL : block->next;
    }
}

void dam_arena_reset(struct dam_arena *arena)
{
    blocks_empty(arena, arena->first);
    arena->current = arena->first;
}

void dam_arena_trim(struct dam_arena *arena, size_t len_kept)
{
    if (arena->held > len_kept) {
        dam_arena_finish(arena);
    } else {
        dam_arena_reset(arena);
    }
}

struct dam_arena_mark dam_arena_mark(const struct dam_arena *arena)
{
    return (struct dam_arena_mark){arena->current,
                                   arena->current == NULL ? 0 : arena->current->used};
}

void dam_arena_release(struct dam_arena *arena, struct dam_arena_mark mark)
{
    if (mark.block == NULL) {
        dam_arena_reset(arena);
        return;
    }
    DAM_ASSERT(mark.used <= mark.block->used);
    if (mark.block != arena->current) {
        blocks_empty(arena, mark.block->next);
    }
    mark.block->used = mark.used;
    arena->current = mark.block;
}
