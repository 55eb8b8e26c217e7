// SPDX-License-Identifier: Apache-2.0
/* The write under way: how its changes wait, how they are found while they do, and how LMDB gets
 * them. */
#include <stdlib.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/heap.h"
#include "ledger/store_inside.h"

#define WAIT_LEN_MAX (64u << 10) /* the changes of a few transactions */
#define SLOTS_FIRST 256u

/* ---- the queue ------------------------------------------------------------------------------- */

void dam_store_queue_init(struct dam_store_queue *queue)
{
    dam_buf_init(&queue->record, dam_heap(), 0);
}

/* All that waits has been applied, or is given up. */
static void clear_waiting(struct dam_store_queue *queue)
{
    if (queue->waiting > 0) {
        memset(queue->slots, 0, queue->slot_count * sizeof(*queue->slots));
    }
    queue->waiting = 0;
    memset(queue->waiting_in, 0, sizeof(queue->waiting_in));
}

void dam_store_queue_begin(struct dam_store_queue *queue)
{
    clear_waiting(queue);
    dam_buf_reset(&queue->record);
    dam_journal_begin(&queue->record);
    queue->applied = queue->record.len;
    queue->is_part = false;
}

void dam_store_queue_finish(struct dam_store_queue *queue)
{
    dam_buf_finish(&queue->record);
    free(queue->slots);
    memset(queue, 0, sizeof(*queue));
    dam_store_queue_init(queue);
}

static struct dam_journal_change change_at(const struct dam_store_queue *queue, size_t at)
{
    struct dam_journal_change change;
    struct dam_bytes rest = dam_bytes(queue->record.data + at, queue->record.len - at);
    enum dam_err err = dam_journal_change(&rest, &change);
    DAM_ASSERT(err == DAM_OK); /* we have put it there */
    return change;
}

/* Where a key's last change is, or would be. There is a free slot. */
static uint32_t *slot_of(const struct dam_store_queue *queue, uint8_t table, struct dam_bytes key)
{
    size_t i = XXH3_64bits_withSeed(key.data, key.len, table);
    for (;; i++) {
        uint32_t *slot = &queue->slots[i & (queue->slot_count - 1)];
        if (*slot == 0) {
            return slot;
        }
        struct dam_journal_change change = change_at(queue, *slot);
        if (change.table == table && dam_bytes_eq(change.key, key)) {
            return slot;
        }
    }
}

static enum dam_err grow_slots(struct dam_store_queue *queue)
{
    struct dam_store_queue more = *queue;
    more.slot_count = queue->slot_count == 0 ? SLOTS_FIRST : 2 * queue->slot_count;
    more.slots = calloc(more.slot_count, sizeof(*more.slots));
    if (more.slots == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < queue->slot_count; i++) {
        if (queue->slots[i] != 0) {
            struct dam_journal_change change = change_at(queue, queue->slots[i]);
            *slot_of(&more, change.table, change.key) = queue->slots[i];
        }
    }
    free(queue->slots);
    *queue = more;
    return DAM_OK;
}

/* Find a place for a change in the record, and let it wait. */
static enum dam_err let_wait(struct dam_store_queue *queue, const struct dam_journal_change *change,
                             size_t at)
{
    if (2 * (queue->waiting + 1) > queue->slot_count) {
        DAM_TRY(grow_slots(queue));
    }
    *slot_of(queue, change->table, change->key) = (uint32_t)at;
    queue->waiting++;
    queue->waiting_in[change->table]++;
    return DAM_OK;
}

enum dam_err dam_store_queue_add(struct dam_store *store, const struct dam_journal_change *change)
{
    struct dam_store_queue *queue = &store->queue;
    size_t at = queue->record.len;
    dam_journal_put(&queue->record, change);
    DAM_TRY(dam_buf_err(&queue->record));
    if (queue->record.len <= WAIT_LEN_MAX) {
        return let_wait(queue, change, at);
    }
    DAM_TRY(dam_store_apply_waiting(store));
    if (queue->record.len > store->journal.len) {
        dam_store_queue_begin(queue);
        queue->is_part = true;
    }
    return DAM_OK;
}

bool dam_store_queue_find(const struct dam_store_queue *queue, enum dam_store_table table,
                          struct dam_bytes key, struct dam_journal_change *ret)
{
    if (queue->waiting_in[table] == 0) {
        return false;
    }
    uint32_t at = *slot_of(queue, (uint8_t)table, key);
    if (at != 0) {
        *ret = change_at(queue, at);
    }
    return at != 0;
}

/* ---- LMDB's part ----------------------------------------------------------------------------- */

enum dam_err dam_store_place(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **place)
{
    return *place != NULL ? DAM_OK : dam_store_err_of(mdb_cursor_open(txn, dbi, place));
}

void dam_store_close_places(MDB_cursor **places)
{
    for (size_t i = 0; i < DAM_STORE_TABLE_COUNT; i++) {
        if (places[i] != NULL) {
            mdb_cursor_close(places[i]);
            places[i] = NULL;
        }
    }
}

enum dam_err dam_store_apply_one(struct dam_store *store, const struct dam_journal_change *change)
{
    MDB_val key = dam_store_val_of(change->key);
    MDB_val value = {change->value.len + DAM_STORE_SUM_LEN, NULL};
    MDB_cursor **place = &store->places[change->table];
    DAM_TRY(dam_store_place(store->pending, store->dbi[change->table], place));
    if (change->kind == DAM_JOURNAL_DELETE) {
        int code = mdb_cursor_get(*place, &key, &value, MDB_SET);
        code = code == 0 ? mdb_cursor_del(*place, 0) : code;
        return code == MDB_NOTFOUND ? DAM_OK : dam_store_err_of(code);
    }
    unsigned flags = change->kind == DAM_JOURNAL_APPEND ? MDB_APPEND : 0;
    int code = mdb_cursor_put(*place, &key, &value, flags | MDB_RESERVE);
    if (code == 0) {
        uint8_t *to = value.mv_data;
        if (change->value.len > 0) {
            memcpy(to, change->value.data, change->value.len);
        }
        dam_store_be64(to + change->value.len, dam_store_sum_of((enum dam_store_table)change->table,
                                                                change->key, change->value));
        store->pending_len += key.mv_size + change->value.len;
    }
    return dam_store_err_of(code);
}

/* By table and key; changes of one key in the order in which they were made, which is that of their
 * places in the record. */
static int compare_changes(const void *a, const void *b)
{
    const struct dam_journal_change *x = a;
    const struct dam_journal_change *y = b;
    if (x->table != y->table) {
        return x->table < y->table ? -1 : 1;
    }
    size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.data, y->key.data, len);
    if (order == 0) {
        order = (x->key.len > y->key.len) - (x->key.len < y->key.len);
    }
    return order != 0 ? order : x->key.data < y->key.data ? -1 : 1;
}

/* Returns: DAM_OK with how many changes there are; DAM_ECORRUPT. */
static enum dam_err count_changes(struct dam_bytes changes, size_t *ret)
{
    struct dam_journal_change change;
    enum dam_err err;
    for (*ret = 0; (err = dam_journal_change(&changes, &change)) == DAM_OK; ++*ret) {
        if (change.table >= DAM_STORE_TABLE_COUNT) {
            return DAM_ECORRUPT;
        }
    }
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

/* In the order of LMDB's pages, so that each is looked for and copied once. */
enum dam_err dam_store_apply(struct dam_store *store, struct dam_bytes changes)
{
    size_t count;
    DAM_TRY(count_changes(changes, &count));
    struct dam_journal_change *list = malloc((count + 1) * sizeof(*list));
    if (list == NULL) {
        return DAM_ENOMEM;
    }
    enum dam_err err = DAM_OK;
    for (size_t i = 0; i < count && err == DAM_OK; i++) {
        err = dam_journal_change(&changes, &list[i]);
    }
    qsort(list, count, sizeof(*list), compare_changes);
    for (size_t i = 0; i < count && err == DAM_OK; i++) {
        err = dam_store_apply_one(store, &list[i]);
    }
    free(list);
    return err;
}

enum dam_err dam_store_apply_waiting(struct dam_store *store)
{
    struct dam_store_queue *queue = &store->queue;
    const struct dam_buf *record = &queue->record;
    DAM_TRY(dam_buf_err(record));
    struct dam_bytes rest = dam_bytes(record->data + queue->applied, record->len - queue->applied);
    queue->applied = record->len;
    clear_waiting(queue);
    return dam_store_apply(store, rest);
}
