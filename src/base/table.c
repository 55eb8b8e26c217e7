// SPDX-License-Identifier: Apache-2.0
#include "base/table.h"

#define CAPACITY_MIN 64u

static void put(struct dam_table *table, uint64_t hash, void *item)
{
    const size_t mask = table->capacity - 1;
    size_t i = hash & mask;
    while (table->cells[i].item != NULL) {
        i = (i + 1) & mask;
    }
    table->cells[i] = (struct dam_table_cell){hash, item};
}

static enum dam_err grow(struct dam_table *table, const struct dam_mem *mem)
{
    struct dam_table grown = {.capacity =
                                  table->capacity == 0 ? CAPACITY_MIN : table->capacity * 2};
    grown.cells = mem->alloc(mem->ctx, grown.capacity * sizeof(grown.cells[0]));
    if (grown.cells == NULL) {
        return DAM_ENOMEM;
    }
    memset(grown.cells, 0, grown.capacity * sizeof(grown.cells[0]));
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->cells[i].item != NULL) {
            put(&grown, table->cells[i].hash, table->cells[i].item);
        }
    }
    grown.count = table->count;
    dam_table_finish(table, mem);
    *table = grown;
    return DAM_OK;
}

enum dam_err dam_table_add(struct dam_table *table, const struct dam_mem *mem, uint64_t hash,
                           void *item)
{
    if (table->count * 2 >= table->capacity) {
        DAM_TRY(grow(table, mem));
    }
    put(table, hash, item);
    table->count++;
    return DAM_OK;
}

void dam_table_clear(struct dam_table *table, const struct dam_mem *mem, size_t capacity_kept)
{
    if (table->capacity > capacity_kept) {
        dam_table_finish(table, mem);
    } else if (table->count != 0) {
        memset(table->cells, 0, table->capacity * sizeof(table->cells[0]));
        table->count = 0;
    }
}

void dam_table_finish(struct dam_table *table, const struct dam_mem *mem)
{
    if (table->cells != NULL) {
        mem->free(mem->ctx, table->cells, table->capacity * sizeof(table->cells[0]));
    }
    *table = (struct dam_table){0};
}
