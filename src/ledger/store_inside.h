// SPDX-License-Identifier: Apache-2.0
/* The inside of struct dam_store, for the two files that make it: store.c (transactions, records,
 * cursors) and store_open.c (opening and closing). */
#ifndef DAM_LEDGER_STORE_INSIDE_H
#define DAM_LEDGER_STORE_INSIDE_H

#include <lmdb.h>

#include "ledger/journal.h"
#include "ledger/store.h"

#define DAM_STORE_PATH_MAX 4096

/* A commit is durable with its record in the journal. LMDB's write transaction stays open over many
 * of them and is what this process reads from; the file takes it in (settle) when the journal has
 * no room for a record, when another thread wants a snapshot, when the ledger is quiet, at the end.
 *
 *              begin                     commit: journal
 *   settled ------------> pending <--------------------------+
 *      ^                   |  |  ^ -------------------------->+
 *      +---- settle -------+  |  | begin: replay of the journal
 *                             v  |
 *                             lost: an abort, or a failed settle, took the transaction away */
struct dam_store {
    MDB_env *env;                  /* NULL: it has to be opened anew, see begin_mdb */
    MDB_txn *pending;              /* NULL: settled or lost; the places below tell which */
    struct dam_journal journal;    /* its place: all that was acknowledged */
    struct dam_journal_place done; /* what the file has of it */
    bool in_doubt; /* a record that was refused may be in the journal: settle before the next */
    enum dam_err refusal;  /* of the last durable write */
    struct dam_buf record; /* of the write under way */
    size_t pending_len;    /* bytes of records in it */
    unsigned riders;       /* readers of the pending transaction */
    bool is_writing;
    unsigned open_count; /* transactions; they may end on any thread */
    uint64_t failed_txn; /* LMDB's commit that failed last; 0: none */
    MDB_dbi dbi[DAM_STORE_TABLE_COUNT];
    size_t map_len;
    size_t map_len_max;
    bool is_full; /* a write has found no room in the largest map; since then none has been made */
    size_t written_max; /* of a transaction of LMDB since the file was opened */
    uint64_t commits;
    bool read_only;
    int lock;           /* held while we may write: a second ledger on the same data is refused */
    int statm;          /* how much this process has mapped */
    size_t mapped_rest; /* pages of files, when those of the store had just been released */
    char path[DAM_STORE_PATH_MAX];
    char real_path[DAM_STORE_PATH_MAX]; /* as the kernel knows it; "" if it cannot be told */
    char fault[256];
};

struct dam_store_txn {
    struct dam_store *store;
    MDB_txn *txn;
    MDB_cursor *places[DAM_STORE_TABLE_COUNT]; /* of a reader: where it last found a record */
    bool write;
    bool rides;  /* it reads from the pending transaction */
    bool failed; /* only abort is left */
};

/* ---- store.c --------------------------------------------------------------------------------- */

/** LMDB's code, or errno, as ours. */
enum dam_err dam_store_err_of(int code);

/** Begin a transaction of LMDB, opening the file anew where that has to be. In: flags: LMDB's. */
DAM_MUST_USE enum dam_err dam_store_begin_mdb(struct dam_store *store, unsigned flags,
                                              MDB_txn **ret);

/** Make the file take in the pending transaction, and the journal begin anew. Ends it either way.
 *  Returns: as dam_store_settle. */
DAM_MUST_USE enum dam_err dam_store_take_in(struct dam_store *store);

/** A reader's places go before its transaction of LMDB ends. */
void dam_store_close_places(struct dam_store_txn *txn);

/** Read how far the file has taken in what the journal has, into store->done. */
DAM_MUST_USE enum dam_err dam_store_read_place(struct dam_store_txn *txn);

/** Make pending what a process that has ended left in the journal. Returns: DAM_OK; DAM_ECORRUPT
 *  with store->fault; or another error of the store. */
DAM_MUST_USE enum dam_err dam_store_take_up(struct dam_store *store);

/** Forget the pending transaction, if there is one; what of it was committed is in the journal. */
void dam_store_lose(struct dam_store *store);

/* ---- store_open.c ---------------------------------------------------------------------------- */

/** Open the file anew; the environment is closed. */
DAM_MUST_USE enum dam_err dam_store_reopen(struct dam_store *store);

#endif
