// SPDX-License-Identifier: Apache-2.0
#include "ledger/store.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/hex.h"
#include "ledger/store_meta.h"

#define FORMAT_VERSION 2u
#define SUM_LEN 8u
#define MAP_LEN_FIRST ((size_t)1 << 30)
#define MAP_LEN_MAX ((size_t)1 << 40)
#define PATH_LEN_MAX 4096
#define DISK_RESERVE ((uint64_t)1 << 20)
#define WRITTEN_LARGE ((size_t)4 << 20) /* of one transaction: worth giving its memory back */

/* Every write transaction leaves its number here: a meta page that a power cut tore names roots and
 * a number that do not belong together, and that shows when the store is opened. */
#define TXN_KEY "txn"
#define FORMAT_KEY "format"

struct dam_store {
    MDB_env *env;        /* NULL: it has to be opened anew, see reopen */
    unsigned open_count; /* transactions; they may end on any thread */
    uint64_t failed_txn; /* the commit that failed last; 0: none */
    MDB_dbi dbi[DAM_STORE_TABLE_COUNT];
    size_t map_len;
    size_t map_len_max;
    size_t written_max; /* of a transaction since the file was opened */
    uint64_t commits;
    bool read_only;
    int lock;           /* held while we may write: a second ledger on the same data is refused */
    int statm;          /* how much this process has mapped */
    size_t mapped_rest; /* pages of files, when those of the store had just been released */
    char path[PATH_LEN_MAX];
    char real_path[PATH_LEN_MAX]; /* as the kernel knows it; "" if it cannot be told */
    char fault[192];
};

struct dam_store_txn {
    struct dam_store *store;
    MDB_txn *txn;
    size_t written; /* bytes of records */
    bool write;
    bool failed; /* only abort is left */
};

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

static enum dam_err err_of(int code)
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

/* ---- transactions ---------------------------------------------------------------------------- */

static enum dam_err reopen(struct dam_store *store);

enum dam_err dam_store_begin(struct dam_store *store, bool write, struct dam_store_txn **ret)
{
    if (store->env == NULL) {
        DAM_TRY(reopen(store));
    }
    struct dam_store_txn *txn = calloc(1, sizeof(*txn));
    if (txn == NULL) {
        return DAM_ENOMEM;
    }
    txn->store = store;
    txn->write = write;
    int code = mdb_txn_begin(store->env, NULL, write ? 0 : MDB_RDONLY, &txn->txn);
    if (code == MDB_MAP_RESIZED) { /* another process has made the file larger: take its size */
        (void)mdb_env_set_mapsize(store->env, 0);
        code = mdb_txn_begin(store->env, NULL, write ? 0 : MDB_RDONLY, &txn->txn);
    }
    if (code != 0) {
        free(txn);
        if (code == MDB_PANIC && __atomic_load_n(&store->open_count, __ATOMIC_ACQUIRE) == 0) {
            mdb_env_close(store->env);
            store->env = NULL;
            return dam_store_begin(store, write, ret);
        }
        return err_of(code);
    }
    (void)__atomic_add_fetch(&store->open_count, 1, __ATOMIC_RELAXED);
    *ret = txn;
    return DAM_OK;
}

/* LMDB's part of it has ended. */
static void txn_free(struct dam_store_txn *txn)
{
    (void)__atomic_sub_fetch(&txn->store->open_count, 1, __ATOMIC_RELEASE);
    free(txn);
}

void dam_store_abort(struct dam_store_txn *txn)
{
    if (txn != NULL) {
        mdb_txn_abort(txn->txn);
        txn_free(txn);
    }
}

/* LMDB calls a write that ended short an I/O error; on a full disk that is what happens. */
static bool disk_is_full(const struct dam_store *store)
{
    struct statvfs info;
    return statvfs(store->path, &info) == 0 && info.f_bavail * info.f_frsize < DISK_RESERVE;
}

enum dam_err dam_store_commit(struct dam_store_txn *txn)
{
    DAM_ASSERT(txn->write && !txn->failed);
    struct dam_store *store = txn->store;
    uint8_t number[8];
    uint64_t id = mdb_txn_id(txn->txn);
    dam_store_be64(number, id);
    enum dam_err err = dam_store_put(txn, DAM_STORE_META, dam_bytes(TXN_KEY, sizeof(TXN_KEY) - 1),
                                     dam_bytes(number, sizeof(number)));
    if (err != DAM_OK) {
        dam_store_abort(txn);
        return err;
    }
    size_t written = txn->written;
    int code = mdb_txn_commit(txn->txn); /* frees it in any case */
    txn_free(txn);
    store->written_max = written > store->written_max ? written : store->written_max;
    store->commits += code == 0;
    store->failed_txn = code == 0 ? 0 : id;
    err = err_of(code);
    return err == DAM_EIO && disk_is_full(store) ? DAM_ENOSPC : err;
}

enum dam_err dam_store_grow(struct dam_store *store)
{
    MDB_envinfo info;
    MDB_stat stat;
    (void)mdb_env_info(store->env, &info); /* these two only fail without an environment */
    (void)mdb_env_stat(store->env, &stat);
    size_t used = (info.me_last_pgno + 1) * stat.ms_psize;
    /* Half empty: it was the disk that is full, not the map. */
    if (store->map_len >= store->map_len_max || used < store->map_len / 2) {
        return DAM_ENOSPC;
    }
    size_t len = store->map_len > store->map_len_max / 2 ? store->map_len_max : store->map_len * 2;
    int code = mdb_env_set_mapsize(store->env, len);
    if (code == 0) {
        store->map_len = len;
    }
    return err_of(code);
}

/* LMDB does not tell where its map is. */
void dam_store_release_pages(struct dam_store *store)
{
    char line[PATH_LEN_MAX + 128];
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
        __atomic_load_n(&store->open_count, __ATOMIC_ACQUIRE) == 0) {
        mdb_env_close(store->env);
        store->env = NULL;
        store->written_max = 0;
    }
}

/* ---- records --------------------------------------------------------------------------------- */

enum dam_err dam_store_get(struct dam_store_txn *txn, enum dam_store_table table,
                           struct dam_bytes key, struct dam_bytes *ret)
{
    MDB_val k = val_of(key);
    MDB_val v;
    int code = mdb_get(txn->txn, txn->store->dbi[table], &k, &v);
    return code != 0 ? err_of(code) : open_record(txn->store, table, k, v, ret);
}

static enum dam_err put(struct dam_store_txn *txn, enum dam_store_table table, struct dam_bytes key,
                        struct dam_bytes value, unsigned flags)
{
    DAM_ASSERT(key.len <= DAM_STORE_KEY_MAX && txn->write && !txn->failed);
    MDB_val k = val_of(key);
    MDB_val v = {value.len + SUM_LEN, NULL};
    int code = mdb_put(txn->txn, txn->store->dbi[table], &k, &v, flags | MDB_RESERVE);
    if (code != 0) {
        txn->failed = true;
        return err_of(code);
    }
    txn->written += key.len + value.len;
    uint8_t *to = v.mv_data;
    if (value.len > 0) {
        memcpy(to, value.data, value.len);
    }
    dam_store_be64(to + value.len, sum_of(table, k, value.data, value.len));
    return DAM_OK;
}

enum dam_err dam_store_put(struct dam_store_txn *txn, enum dam_store_table table,
                           struct dam_bytes key, struct dam_bytes value)
{
    return put(txn, table, key, value, 0);
}

enum dam_err dam_store_append(struct dam_store_txn *txn, enum dam_store_table table,
                              struct dam_bytes key, struct dam_bytes value)
{
    return put(txn, table, key, value, MDB_APPEND);
}

enum dam_err dam_store_delete(struct dam_store_txn *txn, enum dam_store_table table,
                              struct dam_bytes key)
{
    DAM_ASSERT(txn->write && !txn->failed);
    MDB_val k = val_of(key);
    int code = mdb_del(txn->txn, txn->store->dbi[table], &k, NULL);
    if (code != 0 && code != MDB_NOTFOUND) {
        txn->failed = true;
        return err_of(code);
    }
    return DAM_OK;
}

/* ---- cursors --------------------------------------------------------------------------------- */

static enum dam_err cursor_step(struct dam_store_cursor *cursor, MDB_val k, MDB_cursor_op op)
{
    MDB_val v;
    int code = mdb_cursor_get(cursor->cursor, &k, &v, op);
    if (code != 0) {
        return err_of(code);
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
            return err_of(code);
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

enum dam_err dam_store_last(struct dam_store_cursor *cursor, struct dam_store_txn *txn,
                            enum dam_store_table table)
{
    DAM_TRY(cursor_open(cursor, txn, table));
    return cursor_step(cursor, (MDB_val){0, NULL}, MDB_LAST);
}

enum dam_err dam_store_next(struct dam_store_cursor *cursor)
{
    return cursor_step(cursor, (MDB_val){0, NULL}, MDB_NEXT);
}

enum dam_err dam_store_cursor_delete(struct dam_store_cursor *cursor)
{
    int code = mdb_cursor_del(cursor->cursor, 0);
    if (code != 0) {
        cursor->txn->failed = true;
    }
    return err_of(code);
}

void dam_store_cursor_close(struct dam_store_cursor *cursor)
{
    if (cursor->cursor != NULL) {
        mdb_cursor_close(cursor->cursor);
        memset(cursor, 0, sizeof(*cursor));
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum dam_err refuse(struct dam_store_fault *fault, enum dam_err err, const char *what,
                           const char *path, const char *todo)
{
    (void)snprintf(fault->text, sizeof(fault->text), "%.100s: %.60s; %.80s", path, what, todo);
    return err;
}

/* A new store gets its format; an old one must have ours. */
static enum dam_err check_format(struct dam_store_txn *txn, bool *ret_is_new)
{
    struct dam_bytes value;
    struct dam_bytes key = dam_bytes(FORMAT_KEY, sizeof(FORMAT_KEY) - 1);
    uint8_t format[4];
    enum dam_err err = dam_store_get(txn, DAM_STORE_META, key, &value);
    *ret_is_new = err == DAM_ENOTFOUND && txn->write;
    if (*ret_is_new) {
        dam_store_be32(format, FORMAT_VERSION);
        return dam_store_put(txn, DAM_STORE_META, key, dam_bytes(format, sizeof(format)));
    }
    DAM_TRY(err);
    uint32_t found = value.len == sizeof(format) ? dam_load_be32(value.data) : 0;
    if (found != FORMAT_VERSION) {
        (void)snprintf(txn->store->fault, sizeof(txn->store->fault),
                       "it is format %u, we read %u: export it with its own dam, import it here",
                       found, FORMAT_VERSION);
        return DAM_EVERSION;
    }
    return DAM_OK;
}

/* All that a new store begins with is one transaction: its tables, its format, and what the caller
 * fills in. */
static enum dam_err open_tables(struct dam_store *store, const struct dam_store_options *options)
{
    struct dam_store_txn *txn;
    bool is_new = false;
    int code = 0;
    DAM_TRY(dam_store_begin(store, !store->read_only, &txn));
    for (int i = 0; i < DAM_STORE_TABLE_COUNT && code == 0; i++) {
        code = mdb_dbi_open(txn->txn, table_names[i], txn->write ? MDB_CREATE : 0, &store->dbi[i]);
    }
    enum dam_err err = err_of(code);
    if (err == DAM_OK) {
        err = check_format(txn, &is_new);
    }
    if (err == DAM_OK && is_new && options->fill != NULL) {
        err = options->fill(options->fill_ctx, txn);
    }
    if (err != DAM_OK) {
        dam_store_abort(txn);
        return err;
    }
    if (is_new) {
        return dam_store_commit(txn);
    }
    code = mdb_txn_commit(txn->txn); /* writes nothing; an abort would close the tables */
    txn_free(txn);
    return err_of(code);
}

/* A file that was cut off has pages in the map that are not in the file: to look at one would end
 * the process. With zeros in their place they are found and named like all that is rotten. LMDB may
 * itself leave the last pages out as long as nothing is on them. */
static enum dam_err fill_length(struct dam_store *store, struct dam_store_fault *fault)
{
    MDB_envinfo info;
    MDB_stat stat_of;
    struct stat file;
    (void)mdb_env_info(store->env, &info); /* these two only fail without an environment */
    (void)mdb_env_stat(store->env, &stat_of);
    off_t len = (off_t)((info.me_last_pgno + 1) * stat_of.ms_psize);
    if (stat(store->path, &file) != 0 || file.st_size >= len) {
        return DAM_OK;
    }
    if (store->read_only) {
        return refuse(fault, DAM_ECORRUPT, "the file is shorter than its head says", store->path,
                      "start `dam ledger` on it once, or restore a copy");
    }
    return truncate(store->path, len) == 0 ? DAM_OK : DAM_EIO;
}

static enum dam_err open_env(struct dam_store *store, struct dam_store_fault *fault)
{
    int code = mdb_env_create(&store->env);
    if (code != 0) {
        return err_of(code);
    }
    (void)mdb_env_set_maxdbs(store->env, DAM_STORE_TABLE_COUNT); /* cannot fail before open */
    (void)mdb_env_set_mapsize(store->env, store->map_len);
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD | (store->read_only ? MDB_RDONLY : 0);
    code = mdb_env_open(store->env, store->path, flags, 0600);
    if (code != 0) {
        return refuse(fault, err_of(code), mdb_strerror(code), store->path,
                      code == ENOENT        ? "there is no ledger here"
                      : code == MDB_INVALID ? "this is no ledger's file"
                                            : "check the path, its owner and the space left");
    }
    return fill_length(store, fault);
}

/* LMDB works no more with a file that failed in the midst of a commit: nobody knows then which of
 * the two meta pages counts. We know: not that commit's, for it was refused. */
static enum dam_err reopen(struct dam_store *store)
{
    static const struct dam_store_options nothing_to_fill;
    struct dam_store_fault fault;
    DAM_TRY(dam_store_meta_repair(store->path, store->read_only, store->failed_txn, &fault));
    enum dam_err err = open_env(store, &fault);
    if (err == DAM_OK) {
        err = open_tables(store, &nothing_to_fill);
    }
    if (err != DAM_OK && store->env != NULL) {
        mdb_env_close(store->env);
        store->env = NULL;
    }
    return err;
}

static enum dam_err take_lock(struct dam_store *store, const char *dir,
                              struct dam_store_fault *fault)
{
    char path[PATH_LEN_MAX];
    int len = snprintf(path, sizeof(path), "%s/ledger.lock", dir);
    if (store->read_only || len >= (int)sizeof(path)) {
        return DAM_OK;
    }
    store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock < 0) {
        return refuse(fault, err_of(errno), strerror(errno), path, "check who owns the folder");
    }
    if (flock(store->lock, LOCK_EX | LOCK_NB) != 0) {
        return refuse(fault, DAM_EEXIST, "another ledger is running on this data", dir,
                      "stop it, or choose another --data");
    }
    return DAM_OK;
}

enum dam_err dam_store_open(const struct dam_store_options *options, struct dam_store **ret,
                            struct dam_store_fault *fault)
{
    fault->text[0] = '\0';
    struct dam_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return DAM_ENOMEM;
    }
    store->read_only = options->read_only;
    store->lock = -1;
    store->map_len_max = options->size_max != 0 ? options->size_max : MAP_LEN_MAX;
    store->map_len = store->map_len_max < MAP_LEN_FIRST ? store->map_len_max : MAP_LEN_FIRST;
    int len = snprintf(store->path, sizeof(store->path), "%s/ledger.mdb", options->dir);
    struct stat info;
    if (len >= (int)sizeof(store->path) ||
        (!options->read_only && mkdir(options->dir, 0700) != 0 && errno != EEXIST)) {
        enum dam_err err = refuse(fault, DAM_EREFUSED, strerror(errno), options->dir,
                                  "the data folder cannot be made");
        free(store);
        return err;
    }
    if (stat(store->path, &info) == 0 && (size_t)info.st_size > store->map_len) {
        while (store->map_len < (size_t)info.st_size && store->map_len < store->map_len_max) {
            store->map_len *= 2;
        }
    }
    store->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC); /* none: nothing is bounded */
    enum dam_err err = take_lock(store, options->dir, fault);
    if (err == DAM_OK) {
        err = dam_store_meta_repair(store->path, options->read_only, 0, fault);
    }
    if (err == DAM_OK) {
        err = open_env(store, fault);
    }
    if (err == DAM_OK && realpath(store->path, store->real_path) == NULL) {
        store->real_path[0] = '\0';
    }
    if (err == DAM_OK) {
        err = open_tables(store, options);
    }
    if (err != DAM_OK) {
        if (fault->text[0] == '\0') {
            (void)refuse(fault, err, dam_err_text(err), store->path,
                         store->fault[0] != '\0' ? store->fault
                                                 : "restore a copy, or import an export");
        }
        dam_store_close(store);
        return err;
    }
    *ret = store;
    return DAM_OK;
}

void dam_store_close(struct dam_store *store)
{
    if (store != NULL) {
        if (store->env != NULL) {
            mdb_env_close(store->env);
        }
        if (store->lock >= 0) {
            (void)close(store->lock); /* nothing was written to it */
        }
        if (store->statm >= 0) {
            (void)close(store->statm); /* only read */
        }
        free(store);
    }
}

enum dam_err dam_store_stats(struct dam_store *store, struct dam_store_stats *ret)
{
    MDB_txn *txn;
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    memset(ret, 0, sizeof(*ret));
    if (store->env == NULL) {
        return DAM_EIO;
    }
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (code != 0) {
        return err_of(code);
    }
    for (int i = 0; i < DAM_STORE_TABLE_COUNT; i++) {
        (void)mdb_stat(txn, store->dbi[i], &stat); /* fails only for a bad handle */
        ret->entries[i] = stat.ms_entries;
        ret->table_len[i] = (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) *
                            (uint64_t)stat.ms_psize;
    }
    mdb_txn_abort(txn);
    (void)mdb_env_info(store->env, &info);
    (void)mdb_env_stat(store->env, &stat);
    ret->used_len = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
    ret->file_len = lstat(store->path, &file) == 0 ? (uint64_t)file.st_size : 0;
    ret->commits = store->commits;
    return DAM_OK;
}
