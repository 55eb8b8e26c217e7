// SPDX-License-Identifier: Apache-2.0
#include "ledger/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/hex.h"
#include "ledger/store_inside.h"

#define SUM_LEN 8u
#define DISK_RESERVE ((uint64_t)1 << 20)
#define WRITTEN_LARGE ((size_t)512 << 10) /* of one transaction: worth giving its memory back */

/* Every write transaction of LMDB leaves its number here: a meta page that a power cut tore names
 * roots and a number that do not belong together, and that shows when the store is opened. */
#define TXN_KEY "txn"
#define PLACE_KEY "place" /* how far the file has taken in what the journal has */

static const char *const table_names[DAM_STORE_TABLE_COUNT] = {
#define X(name, number, text) text,
    DAM_STORE_TABLE_LIST(X)
#undef X
};

const char *dam_store_table_name(enum dam_store_table table)
{
    return table_names[table];
}

const char *dam_store_last_fault(const struct dam_store *store)
{
    return store->fault;
}

enum dam_err dam_store_err_of(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return DAM_OK;
    case MDB_NOTFOUND:
        return DAM_ENOTFOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return DAM_ENOSPC;
    case ENOMEM:
    case MDB_TXN_FULL:
        return DAM_ENOMEM;
    case EACCES:
    case EPERM:
    case EROFS:
        return DAM_EREFUSED;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_CURSOR_FULL:
        return DAM_ECORRUPT;
    case MDB_VERSION_MISMATCH:
        return DAM_EVERSION;
    default:
        return DAM_EIO;
    }
}

/* ---- checksums ------------------------------------------------------------------------------- */

static uint64_t sum_of(enum dam_store_table table, MDB_val key, const void *value, size_t len)
{
    uint64_t seed = XXH3_64bits_withSeed(key.mv_data, key.mv_size, (uint64_t)table + 1);
    return XXH3_64bits_withSeed(value, len, seed);
}

static MDB_val val_of(struct dam_bytes bytes)
{
    return (MDB_val){bytes.len, (void *)(uintptr_t)bytes.data};
}

/* Take the checksum off a record, or name the record that is damaged. */
static enum dam_err open_record(struct dam_store *store, enum dam_store_table table, MDB_val key,
                                MDB_val value, struct dam_bytes *ret)
{
    if (value.mv_size >= SUM_LEN) {
        const uint8_t *data = value.mv_data;
        size_t len = value.mv_size - SUM_LEN;
        if (dam_load_be64(data + len) == sum_of(table, key, data, len)) {
            *ret = dam_bytes(data, len);
            return DAM_OK;
        }
    }
    char hex[2 * DAM_STORE_KEY_MAX + 1];
    size_t len = key.mv_size < DAM_STORE_KEY_MAX ? key.mv_size : DAM_STORE_KEY_MAX;
    dam_hex_encode(key.mv_data, len, hex);
    (void)snprintf(store->fault, sizeof(store->fault), "table %s, key %s: wrong checksum",
                   table_names[table], hex);
    return DAM_ECORRUPT;
}

/* ---- LMDB's part ----------------------------------------------------------------------------- */

/* Begin a transaction of LMDB. */
enum dam_err dam_store_begin_mdb(struct dam_store *store, unsigned flags, MDB_txn **ret)
{
    if (store->env == NULL) {
        DAM_TRY(dam_store_reopen(store));
    }
    int code = mdb_txn_begin(store->env, NULL, flags, ret);
    if (code == MDB_MAP_RESIZED) { /* another process has made the file larger: take its size */
        (void)mdb_env_set_mapsize(store->env, 0);
        code = mdb_txn_begin(store->env, NULL, flags, ret);
    }
    if (code == MDB_PANIC && __atomic_load_n(&store->open_count, __ATOMIC_ACQUIRE) == 0) {
        mdb_env_close(store->env);
        store->env = NULL;
        return dam_store_begin_mdb(store, flags, ret);
    }
    return dam_store_err_of(code);
}

static int put_mdb(struct dam_store *store, MDB_txn *txn, enum dam_store_table table, MDB_val key,
                   struct dam_bytes value, unsigned flags)
{
    MDB_val v = {value.len + SUM_LEN, NULL};
    int code = mdb_put(txn, store->dbi[table], &key, &v, flags | MDB_RESERVE);
    if (code == 0) {
        uint8_t *to = v.mv_data;
        if (value.len > 0) {
            memcpy(to, value.data, value.len);
        }
        dam_store_be64(to + value.len, sum_of(table, key, value.data, value.len));
        store->pending_len += key.mv_size + value.len;
    }
    return code;
}

static int put_meta(struct dam_store *store, const char *key, struct dam_bytes value)
{
    return put_mdb(store, store->pending, DAM_STORE_META, val_of(dam_bytes(key, strlen(key))),
                   value, 0);
}

/* Forget the pending transaction; what of it was acknowledged is in the journal. */
void dam_store_lose(struct dam_store *store)
{
    if (store->pending != NULL) {
        mdb_txn_abort(store->pending);
        store->pending = NULL;
    }
}

/* LMDB calls a write that ended short an I/O error; on a full disk that is what happens. */
static bool disk_is_full(const struct dam_store *store)
{
    struct statvfs info;
    return statvfs(store->path, &info) == 0 && info.f_bavail * info.f_frsize < DISK_RESERVE;
}

/* What became of a durable write. */
static enum dam_err end_write(struct dam_store *store, enum dam_err err)
{
    store->refusal = err == DAM_EIO && disk_is_full(store) ? DAM_ENOSPC : err;
    return store->refusal;
}

/* Make the file take in the pending transaction, and the journal begin anew. The step has a number
 * of its own, so that a record in doubt is behind it, and a sum that no other step has. */
enum dam_err dam_store_take_in(struct dam_store *store)
{
    struct dam_journal_place place = {store->journal.place.number + 1, 0};
    uint8_t txn[8];
    uint8_t text[16];
    uint64_t id = mdb_txn_id(store->pending);
    DAM_ASSERT(store->riders == 0);
    if (getrandom(&place.sum, sizeof(place.sum), GRND_NONBLOCK) != sizeof(place.sum)) {
        place.sum = id; /* before the kernel has any entropy: then the numbers must do */
    }
    dam_store_be64(txn, id);
    dam_store_be64(text, place.number);
    dam_store_be64(text + 8, place.sum);
    int code = put_meta(store, TXN_KEY, dam_bytes(txn, sizeof(txn)));
    if (code == 0) {
        code = put_meta(store, PLACE_KEY, dam_bytes(text, sizeof(text)));
    }
    if (code != 0) {
        dam_store_lose(store);
        return dam_store_err_of(code);
    }
    code = mdb_txn_commit(store->pending); /* frees it in any case */
    store->pending = NULL;
    store->written_max =
        store->pending_len > store->written_max ? store->pending_len : store->written_max;
    store->failed_txn = code == 0 ? 0 : id;
    if (code == 0) {
        store->done = place;
        store->in_doubt = false;
        dam_journal_restart(&store->journal, place);
    }
    return end_write(store, dam_store_err_of(code));
}

enum dam_err dam_store_read_place(struct dam_store_txn *txn)
{
    struct dam_bytes value;
    DAM_TRY(
        dam_store_get(txn, DAM_STORE_META, dam_bytes(PLACE_KEY, sizeof(PLACE_KEY) - 1), &value));
    if (value.len != 16) {
        return DAM_ECORRUPT;
    }
    txn->store->done =
        (struct dam_journal_place){dam_load_be64(value.data), dam_load_be64(value.data + 8)};
    return DAM_OK;
}

/* ---- the journal's part ---------------------------------------------------------------------- */

static enum dam_err apply(struct dam_store *store, struct dam_bytes changes)
{
    struct dam_journal_change change;
    enum dam_err err;
    while ((err = dam_journal_change(&changes, &change)) == DAM_OK) {
        MDB_val key = val_of(change.key);
        int code = 0;
        if (change.table >= DAM_STORE_TABLE_COUNT) {
            return DAM_ECORRUPT;
        }
        if (change.kind == DAM_JOURNAL_DELETE) {
            code = mdb_del(store->pending, store->dbi[change.table], &key, NULL);
        } else {
            code = put_mdb(store, store->pending, (enum dam_store_table)change.table, key,
                           change.value, change.kind == DAM_JOURNAL_APPEND ? MDB_APPEND : 0);
        }
        if (code != 0 && code != MDB_NOTFOUND) {
            return dam_store_err_of(code);
        }
    }
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

static enum dam_err begin_pending(struct dam_store *store)
{
    DAM_TRY(dam_store_begin_mdb(store, 0, &store->pending));
    store->pending_len = 0;
    return DAM_OK;
}

/* Make the records behind what the file has, up to a number, pending. *reader: where they end. */
static enum dam_err replay(struct dam_store *store, uint64_t number_max,
                           struct dam_journal_reader *reader)
{
    uint8_t *file;
    struct dam_bytes changes;
    *reader = (struct dam_journal_reader){.place = store->done};
    DAM_TRY(dam_journal_load(&store->journal, &file, &reader->file.len));
    reader->file.data = file;
    enum dam_err err = DAM_OK;
    while (err == DAM_OK && reader->place.number < number_max &&
           (err = dam_journal_next(reader, &changes)) == DAM_OK) {
        err = store->pending == NULL ? begin_pending(store) : DAM_OK;
        err = err == DAM_OK ? apply(store, changes) : err;
    }
    free(file);
    if (err == DAM_ECORRUPT) {
        (void)snprintf(store->fault, sizeof(store->fault),
                       "ledger.journal, at %zu: it is damaged, or not this ledger's", reader->at);
    }
    if (err != DAM_OK && err != DAM_ENOTFOUND) {
        dam_store_lose(store);
    }
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

/* Bring back what was lost. */
static enum dam_err restore(struct dam_store *store)
{
    struct dam_journal_reader reader;
    uint64_t number = store->journal.place.number;
    if (store->pending != NULL || store->done.number == number) {
        return DAM_OK;
    }
    DAM_TRY(replay(store, number, &reader));
    return reader.place.number == number ? DAM_OK : DAM_ECORRUPT;
}

/* When the store is opened: records that a process which has ended made durable. */
enum dam_err dam_store_take_up(struct dam_store *store)
{
    struct dam_journal_reader reader;
    store->journal.place = store->done;
    if (store->read_only) {
        return DAM_OK;
    }
    enum dam_err err = replay(store, UINT64_MAX, &reader);
    while (err == DAM_ENOSPC && dam_store_grow(store) == DAM_OK) {
        err = replay(store, UINT64_MAX, &reader);
    }
    DAM_TRY(err);
    if (reader.at > 0) { /* before anybody reads what it has */
        DAM_TRY(dam_journal_open(&store->journal));
    }
    store->journal.end = reader.at;
    store->journal.place = reader.place;
    return DAM_OK;
}

enum dam_err dam_store_settle(struct dam_store *store)
{
    DAM_ASSERT(!store->is_writing);
    DAM_TRY(restore(store));
    if (store->pending == NULL && (store->in_doubt || store->refusal != DAM_OK)) {
        DAM_TRY(begin_pending(store));
    }
    return store->pending != NULL ? dam_store_take_in(store) : DAM_OK;
}

enum dam_err dam_store_refusal(const struct dam_store *store)
{
    return store->refusal;
}

bool dam_store_is_full(const struct dam_store *store)
{
    return store->is_full;
}

uint64_t dam_store_unsettled(const struct dam_store *store)
{
    return store->journal.place.number - store->done.number + store->in_doubt;
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* A write goes on with the pending transaction. */
static enum dam_err begin_write(struct dam_store *store, struct dam_store_txn *txn)
{
    DAM_ASSERT(store->riders == 0);
    if (store->in_doubt) {
        DAM_TRY(dam_store_settle(store));
    }
    if (store->pending == NULL) {
        DAM_TRY(begin_pending(store));
    }
    dam_buf_reset(&store->record);
    dam_journal_begin(&store->record);
    store->is_writing = true;
    txn->txn = store->pending;
    return DAM_OK;
}

static enum dam_err begin_read(struct dam_store *store, struct dam_store_txn *txn)
{
    txn->rides = store->pending != NULL;
    if (!txn->rides) {
        return dam_store_begin_mdb(store, MDB_RDONLY, &txn->txn);
    }
    store->riders++;
    txn->txn = store->pending;
    return DAM_OK;
}

enum dam_err dam_store_begin(struct dam_store *store, bool write, struct dam_store_txn **ret)
{
    DAM_ASSERT(!store->is_writing);
    DAM_TRY(restore(store));
    struct dam_store_txn *txn = calloc(1, sizeof(*txn));
    if (txn == NULL) {
        return DAM_ENOMEM;
    }
    txn->store = store;
    txn->write = write;
    enum dam_err err = write ? begin_write(store, txn) : begin_read(store, txn);
    if (err != DAM_OK) {
        free(txn);
        return err;
    }
    (void)__atomic_add_fetch(&store->open_count, 1, __ATOMIC_RELAXED);
    *ret = txn;
    return DAM_OK;
}

void dam_store_close_places(struct dam_store_txn *txn)
{
    for (size_t i = 0; i < DAM_STORE_TABLE_COUNT; i++) {
        if (txn->places[i] != NULL) {
            mdb_cursor_close(txn->places[i]);
            txn->places[i] = NULL;
        }
    }
}

static void txn_free(struct dam_store_txn *txn)
{
    struct dam_store *store = txn->store;
    dam_store_close_places(txn);
    if (txn->write) {
        store->is_writing = false;
    } else if (txn->rides) {
        store->riders--;
    } else {
        mdb_txn_abort(txn->txn);
    }
    (void)__atomic_sub_fetch(&store->open_count, 1, __ATOMIC_RELEASE);
    free(txn);
}

void dam_store_abort(struct dam_store_txn *txn)
{
    if (txn != NULL) {
        if (txn->write) {
            dam_store_lose(txn->store);
        }
        txn_free(txn);
    }
}

enum dam_err dam_store_commit(struct dam_store_txn *txn)
{
    DAM_ASSERT(txn->write && !txn->failed);
    struct dam_store *store = txn->store;
    enum dam_err err;
    txn_free(txn);
    if (!dam_journal_has_room(&store->journal, &store->record)) {
        err = dam_store_take_in(store);
    } else {
        err = dam_journal_append(&store->journal, &store->record);
        if (err != DAM_OK) {
            store->in_doubt = true;
            dam_store_lose(store);
        }
    }
    store->commits += err == DAM_OK;
    store->is_full = store->is_full && err != DAM_OK;
    return end_write(store, err);
}

enum dam_err dam_store_grow(struct dam_store *store)
{
    MDB_envinfo info;
    MDB_stat stat;
    dam_store_lose(store);
    (void)mdb_env_info(store->env, &info); /* these two only fail without an environment */
    (void)mdb_env_stat(store->env, &stat);
    size_t used = (info.me_last_pgno + 1) * stat.ms_psize;
    /* Half empty: it was the disk that is full, not the map. */
    if (store->map_len >= store->map_len_max || used < store->map_len / 2) {
        store->is_full = store->refusal == DAM_OK && store->map_len >= store->map_len_max;
        return DAM_ENOSPC;
    }
    size_t len = store->map_len > store->map_len_max / 2 ? store->map_len_max : store->map_len * 2;
    int code = mdb_env_set_mapsize(store->env, len);
    if (code == 0) {
        store->map_len = len;
    }
    return dam_store_err_of(code);
}

/* LMDB does not tell where its map is. */
void dam_store_release_pages(struct dam_store *store)
{
    char line[DAM_STORE_PATH_MAX + 128];
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from;
        unsigned long to;
        const char *path = strchr(line, '/');
        if (path != NULL && strncmp(path, store->real_path, strlen(store->real_path)) == 0 &&
            path[strlen(store->real_path)] == '\n' &&
            sscanf(line, "%lx-%lx r--s", &from, &to) == 2) {
            (void)madvise((void *)from, to - from, MADV_DONTNEED); /* then they just stay */
        }
    }
    if (maps != NULL) {
        (void)fclose(maps); /* only read */
    }
}

/* Pages of files that this process has mapped; whichever they are, the others hardly change. */
static size_t mapped_pages(const struct dam_store *store)
{
    char text[128];
    size_t shared = 0;
    ssize_t len = pread(store->statm, text, sizeof(text) - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    return sscanf(text, "%*u %*u %zu", &shared) == 1 ? shared : 0;
}

void dam_store_bound_pages(struct dam_store *store, size_t len_max)
{
    size_t mapped = mapped_pages(store);
    if (mapped > store->mapped_rest + len_max / (size_t)sysconf(_SC_PAGESIZE)) {
        dam_store_release_pages(store);
        store->mapped_rest = mapped_pages(store);
    }
}

/* LMDB keeps the pages that a transaction has written for the next one, and only gives them back
 * with its environment. */
void dam_store_release_memory(struct dam_store *store)
{
    if (store->env != NULL && store->written_max >= WRITTEN_LARGE &&
        __atomic_load_n(&store->open_count, __ATOMIC_ACQUIRE) == 0 &&
        dam_store_settle(store) == DAM_OK) {
        mdb_env_close(store->env);
        store->env = NULL;
        store->written_max = 0;
        dam_buf_finish(&store->record);
    }
}

/* ---- records --------------------------------------------------------------------------------- */

/* A block's transactions and receipts are mostly read in their order. */
static bool is_next(enum dam_store_table table, MDB_cursor *place, MDB_val key, MDB_val *ret)
{
    MDB_val next;
    return (table == DAM_STORE_TX || table == DAM_STORE_RECEIPT) &&
           mdb_cursor_get(place, &next, ret, MDB_NEXT) == 0 && next.mv_size == key.mv_size &&
           memcmp(next.mv_data, key.mv_data, key.mv_size) == 0;
}

/* A reader begins where it last found something: what it wants next is often beside it. A write
 * would have to move its places with every record. */
static int find(struct dam_store_txn *txn, enum dam_store_table table, MDB_val *key, MDB_val *ret)
{
    MDB_cursor **place = &txn->places[table];
    if (txn->write) {
        return mdb_get(txn->txn, txn->store->dbi[table], key, ret);
    }
    int code = *place == NULL ? mdb_cursor_open(txn->txn, txn->store->dbi[table], place) : 0;
    if (code != 0 || is_next(table, *place, *key, ret)) {
        return code;
    }
    return mdb_cursor_get(*place, key, ret, MDB_SET);
}

enum dam_err dam_store_get(struct dam_store_txn *txn, enum dam_store_table table,
                           struct dam_bytes key, struct dam_bytes *ret)
{
    MDB_val k = val_of(key);
    MDB_val v;
    int code = find(txn, table, &k, &v);
    return code != 0 ? dam_store_err_of(code) : open_record(txn->store, table, k, v, ret);
}

enum dam_err dam_store_get_or_empty(struct dam_store_txn *txn, enum dam_store_table table,
                                    struct dam_bytes key, struct dam_bytes *ret)
{
    enum dam_err err = dam_store_get(txn, table, key, ret);
    if (err == DAM_ENOTFOUND) {
        *ret = dam_bytes(NULL, 0);
        return DAM_OK;
    }
    return err;
}

static enum dam_err put(struct dam_store_txn *txn, enum dam_store_table table, struct dam_bytes key,
                        struct dam_bytes value, enum dam_journal_kind kind)
{
    DAM_ASSERT(key.len <= DAM_STORE_KEY_MAX && txn->write && !txn->failed);
    const struct dam_journal_change change = {kind, (uint8_t)table, key, value};
    dam_journal_put(&txn->store->record, &change);
    int code = put_mdb(txn->store, txn->txn, table, val_of(key), value,
                       kind == DAM_JOURNAL_APPEND ? MDB_APPEND : 0);
    txn->failed = code != 0;
    return dam_store_err_of(code);
}

enum dam_err dam_store_put(struct dam_store_txn *txn, enum dam_store_table table,
                           struct dam_bytes key, struct dam_bytes value)
{
    return put(txn, table, key, value, DAM_JOURNAL_PUT);
}

enum dam_err dam_store_append(struct dam_store_txn *txn, enum dam_store_table table,
                              struct dam_bytes key, struct dam_bytes value)
{
    return put(txn, table, key, value, DAM_JOURNAL_APPEND);
}

static void note_delete(struct dam_store_txn *txn, enum dam_store_table table, struct dam_bytes key)
{
    const struct dam_journal_change change = {DAM_JOURNAL_DELETE, (uint8_t)table, key, {NULL, 0}};
    dam_journal_put(&txn->store->record, &change);
}

enum dam_err dam_store_delete(struct dam_store_txn *txn, enum dam_store_table table,
                              struct dam_bytes key)
{
    DAM_ASSERT(txn->write && !txn->failed);
    note_delete(txn, table, key);
    MDB_val k = val_of(key);
    int code = mdb_del(txn->txn, txn->store->dbi[table], &k, NULL);
    if (code != 0 && code != MDB_NOTFOUND) {
        txn->failed = true;
        return dam_store_err_of(code);
    }
    return DAM_OK;
}

enum dam_err dam_store_set(struct dam_store_txn *txn, enum dam_store_table table,
                           struct dam_bytes key, struct dam_bytes value)
{
    return value.len == 0 ? dam_store_delete(txn, table, key)
                          : dam_store_put(txn, table, key, value);
}

/* ---- cursors --------------------------------------------------------------------------------- */

static enum dam_err cursor_step(struct dam_store_cursor *cursor, MDB_val k, MDB_cursor_op op)
{
    MDB_val v;
    int code = mdb_cursor_get(cursor->cursor, &k, &v, op);
    if (code != 0) {
        return dam_store_err_of(code);
    }
    cursor->key = dam_bytes(k.mv_data, k.mv_size);
    return open_record(cursor->txn->store, cursor->table, k, v, &cursor->value);
}

static enum dam_err cursor_open(struct dam_store_cursor *cursor, struct dam_store_txn *txn,
                                enum dam_store_table table)
{
    if (cursor->cursor != NULL && (cursor->txn != txn || cursor->table != table)) {
        dam_store_cursor_close(cursor);
    }
    if (cursor->cursor == NULL) {
        MDB_cursor *opened;
        int code = mdb_cursor_open(txn->txn, txn->store->dbi[table], &opened);
        if (code != 0) {
            return dam_store_err_of(code);
        }
        cursor->cursor = opened;
        cursor->txn = txn;
        cursor->table = table;
    }
    return DAM_OK;
}

enum dam_err dam_store_seek(struct dam_store_cursor *cursor, struct dam_store_txn *txn,
                            enum dam_store_table table, struct dam_bytes key)
{
    DAM_TRY(cursor_open(cursor, txn, table));
    return cursor_step(cursor, val_of(key), key.len == 0 ? MDB_FIRST : MDB_SET_RANGE);
}

enum dam_err dam_store_next(struct dam_store_cursor *cursor)
{
    return cursor_step(cursor, (MDB_val){0, NULL}, MDB_NEXT);
}

enum dam_err dam_store_cursor_delete(struct dam_store_cursor *cursor)
{
    note_delete(cursor->txn, cursor->table, cursor->key);
    int code = mdb_cursor_del(cursor->cursor, 0);
    if (code != 0) {
        cursor->txn->failed = true;
    }
    return dam_store_err_of(code);
}

enum dam_err dam_store_get_from(struct dam_store_txn *txn, enum dam_store_table table,
                                struct dam_bytes key, size_t same_len, struct dam_bytes *ret)
{
    struct dam_store_cursor cursor = {0};
    enum dam_err err = dam_store_seek(&cursor, txn, table, key);
    if (err == DAM_OK &&
        (cursor.key.len != key.len || memcmp(cursor.key.data, key.data, same_len) != 0)) {
        err = DAM_ENOTFOUND;
    }
    *ret = cursor.value; /* in the map, where it stays for the transaction */
    dam_store_cursor_close(&cursor);
    return err;
}

void dam_store_cursor_close(struct dam_store_cursor *cursor)
{
    if (cursor->cursor != NULL) {
        mdb_cursor_close(cursor->cursor);
        memset(cursor, 0, sizeof(*cursor));
    }
}
