// SPDX-License-Identifier: Apache-2.0
/* A hash table of pointers: open addressing, linear probing, never more than half full. It knows
 * hashes and items, not keys: the caller compares. Nothing is ever taken out but all at once. Where
 * outsiders choose the keys, mix a secret into the hash. Single-threaded. */
#ifndef DAM_BASE_TABLE_H
#define DAM_BASE_TABLE_H

#include "base/arena.h"

struct dam_table_cell {
    uint64_t hash;
    void *item; /* NULL: free */
};

/* Zeroed is empty. */
struct dam_table {
    struct dam_table_cell *cells;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/** The next item with this hash. Returns: NULL when there are no more. In: cursor: begins as the
 *  hash, and is moved. Usage: for (c = hash; (item = dam_table_next(t, hash, &c)) != NULL;) */
static inline void *dam_table_next(const struct dam_table *table, uint64_t hash, uint64_t *cursor)
{
    if (table->count == 0) {
        return NULL;
    }
    const size_t mask = table->capacity - 1;
    for (;;) {
        const struct dam_table_cell *cell = &table->cells[(*cursor)++ & mask];
        if (cell->item == NULL || cell->hash == hash) {
            return cell->item;
        }
    }
}

/** Add an item; one with the same key must not be there. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_table_add(struct dam_table *table, const struct dam_mem *mem,
                                        uint64_t hash, void *item);

/** Forget all items. A table of more than capacity_kept cells gives its memory back. */
void dam_table_clear(struct dam_table *table, const struct dam_mem *mem, size_t capacity_kept);

/** Give the memory back. Accepts a zeroed table. */
void dam_table_finish(struct dam_table *table, const struct dam_mem *mem);

/** Mix two words into one, for hashes of keys: strong enough that equal results are rare by chance.
 */
static inline uint64_t dam_table_mix(uint64_t a, uint64_t b)
{
    const unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

#endif
