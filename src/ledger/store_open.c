// SPDX-License-Identifier: Apache-2.0
/* Opening and closing the store: the lock, LMDB's file with what is wrong with it put right, a new
 * store's first transaction, the journal of a process that has ended. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/heap.h"
#include "ledger/store_inside.h"
#include "ledger/store_meta.h"
#include "port/file.h"

#define FORMAT_VERSION 4u
#define FORMAT_KEY "format"
#define MAP_LEN_FIRST ((size_t)1 << 30)
#define MAP_LEN_MAX ((size_t)1 << 40)
#define JOURNAL_LEN ((size_t)1 << 20) /* some hundred small blocks */

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
    struct dam_store_txn txn = {.store = store, .write = !store->read_only};
    bool is_new = false;
    int code = 0;
    DAM_TRY(dam_store_begin_mdb(store, txn.write ? 0 : MDB_RDONLY, &txn.txn));
    for (int i = 0; i < DAM_STORE_TABLE_COUNT && code == 0; i++) {
        code = mdb_dbi_open(txn.txn, dam_store_table_name((enum dam_store_table)i),
                            txn.write ? MDB_CREATE : 0, &store->dbi[i]);
    }
    enum dam_err err = dam_store_err_of(code);
    if (err == DAM_OK) {
        err = check_format(&txn, &is_new);
    }
    if (err == DAM_OK && is_new && options->fill != NULL) {
        err = options->fill(options->fill_ctx, &txn);
    }
    if (err == DAM_OK && !is_new) {
        err = dam_store_read_place(&txn);
    }
    dam_store_close_places(&txn);
    if (err != DAM_OK) {
        mdb_txn_abort(txn.txn);
        return err;
    }
    if (is_new) {
        store->pending = txn.txn;
        return dam_store_take_in(store);
    }
    return dam_store_err_of(
        mdb_txn_commit(txn.txn)); /* writes nothing; an abort would close the tables */
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
        return dam_store_err_of(code);
    }
    (void)mdb_env_set_maxdbs(store->env, DAM_STORE_TABLE_COUNT); /* cannot fail before open */
    (void)mdb_env_set_mapsize(store->env, store->map_len);
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD | (store->read_only ? MDB_RDONLY : 0);
    code = mdb_env_open(store->env, store->path, flags, 0600);
    if (code != 0) {
        enum dam_err err = code == ENOENT ? DAM_ENOTFOUND : dam_store_err_of(code);
        return refuse(fault, err, mdb_strerror(code), store->path,
                      code == ENOENT        ? "there is no ledger here"
                      : code == MDB_INVALID ? "this is no ledger's file"
                                            : "check the path, its owner and the space left");
    }
    return fill_length(store, fault);
}

/* LMDB works no more with a file that failed in the midst of a commit: nobody knows then which of
 * the two meta pages counts. We know: not that commit's, for it was refused. */
enum dam_err dam_store_reopen(struct dam_store *store)
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
    char path[DAM_STORE_PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/ledger.lock", dir);
    if (store->read_only || len >= (int)sizeof(path)) {
        return DAM_OK;
    }
    store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock < 0) {
        return refuse(fault, dam_store_err_of(errno), strerror(errno), path,
                      "check who owns the folder");
    }
    if (flock(store->lock, LOCK_EX | LOCK_NB) != 0) {
        return refuse(fault, DAM_EEXIST, "another ledger is running on this data", dir,
                      "stop it, or choose another --data");
    }
    return DAM_OK;
}

static void release(struct dam_store *store)
{
    dam_store_lose(store);
    if (store->env != NULL) {
        mdb_env_close(store->env);
    }
    if (store->lock >= 0) {
        (void)close(store->lock); /* nothing was written to it */
    }
    if (store->statm >= 0) {
        (void)close(store->statm); /* only read */
    }
    dam_journal_close(&store->journal);
    dam_buf_finish(&store->record);
    free(store);
}

static bool journal_is_there(const struct dam_store *store)
{
    struct stat info;
    return stat(store->journal.path, &info) == 0;
}

/* A reader sees what the file has. Where a process has ended without settling that is not all, so
 * the file takes it in first; a process that runs does so itself, soon. */
static enum dam_err settle_for_reader(const struct dam_store *store,
                                      const struct dam_store_options *options,
                                      struct dam_store_fault *fault)
{
    struct dam_store_options writer = *options;
    struct dam_store *left;
    if (!journal_is_there(store)) {
        return DAM_OK;
    }
    writer.read_only = false;
    enum dam_err err = dam_store_open(&writer, &left, fault);
    if (err == DAM_OK) {
        dam_store_close(left);
    }
    return err == DAM_EEXIST ? DAM_OK : err;
}

static enum dam_err open_file(struct dam_store *store, const struct dam_store_options *options,
                              struct dam_store_fault *fault)
{
    DAM_TRY(open_env(store, fault));
    if (realpath(store->path, store->real_path) == NULL) {
        store->real_path[0] = '\0';
    }
    return open_tables(store, options);
}

static enum dam_err open_parts(struct dam_store *store, const struct dam_store_options *options,
                               struct dam_store_fault *fault)
{
    struct stat info;
    if (store->read_only) {
        DAM_TRY(settle_for_reader(store, options, fault));
    }
    DAM_TRY(take_lock(store, options->dir, fault));
    bool is_there = stat(store->path, &info) == 0;
    if (!is_there && journal_is_there(store)) {
        return refuse(fault, DAM_ECORRUPT, "it is missing beside its ledger.journal", store->path,
                      "put it back, or remove the journal");
    }
    while (is_there && store->map_len < (size_t)info.st_size &&
           store->map_len < store->map_len_max) {
        store->map_len *= 2;
    }
    DAM_TRY(dam_store_meta_repair(store->path, store->read_only, 0, fault));
    enum dam_err err = open_file(store, options, fault);
    if (err != DAM_OK && !is_there && !store->read_only) {
        (void)unlink(store->path); /* it was made just now, and nothing is in it */
    }
    DAM_TRY(err);
    return dam_store_take_up(store);
}

enum dam_err dam_store_open(const struct dam_store_options *options, struct dam_store **ret,
                            struct dam_store_fault *fault)
{
    char journal[DAM_STORE_PATH_MAX];
    fault->text[0] = '\0';
    struct dam_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return DAM_ENOMEM;
    }
    store->read_only = options->read_only;
    store->lock = -1;
    store->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC); /* none: nothing is bounded */
    store->map_len_max = options->size_max != 0 ? options->size_max : MAP_LEN_MAX;
    store->map_len = store->map_len_max < MAP_LEN_FIRST ? store->map_len_max : MAP_LEN_FIRST;
    size_t journal_len = options->journal_len != 0 ? options->journal_len : JOURNAL_LEN;
    dam_buf_init(&store->record, dam_heap(), journal_len);
    (void)snprintf(store->path, sizeof(store->path), "%s/ledger.mdb", options->dir);
    int len = snprintf(journal, sizeof(journal), "%s/ledger.journal", options->dir);
    dam_journal_init(&store->journal, journal, journal_len);
    enum dam_err err = DAM_OK;
    if (len >= (int)sizeof(journal) ||
        (!options->read_only && dam_file_make_folder(options->dir, 0700) != DAM_OK)) {
        err = refuse(fault, DAM_EREFUSED, strerror(errno), options->dir,
                     "the data folder cannot be made");
    } else {
        err = open_parts(store, options, fault);
    }
    if (err != DAM_OK) {
        if (fault->text[0] == '\0') {
            (void)refuse(fault, err, dam_err_text(err), store->path,
                         store->fault[0] != '\0' ? store->fault
                         : err == DAM_ENOSPC     ? "make room, or give it a larger max-size"
                                                 : "restore a copy, or import an export");
        }
        release(store);
        return err;
    }
    fault->text[0] = '\0';
    *ret = store;
    return DAM_OK;
}

void dam_store_close(struct dam_store *store)
{
    if (store == NULL) {
        return;
    }
    /* What the file does not take now stays in the journal, for the next start. */
    if (!store->read_only && dam_store_settle(store) == DAM_OK) {
        dam_journal_remove(&store->journal);
    }
    release(store);
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
        return dam_store_err_of(code);
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
