// SPDX-License-Identifier: Apache-2.0
/* The inside of struct dam_store, for the three files that make it: store.c (transactions, records,
 * cursors), store_write.c (the write under way) and store_open.c (opening and closing). */
#ifndef DAM_LEDGER_STORE_INSIDE_H
#define DAM_LEDGER_STORE_INSIDE_H

#include <lmdb.h>

#include "ledger/journal.h"
#include "ledger/store.h"

#define DAM_STORE_PATH_MAX 4096
#define DAM_STORE_SUM_LEN 8u /* a record's checksum, at its end */

/* The changes of the write under way, in the form of the journal's record. Those of a small write
 * wait, and LMDB gets them in the order of its pages while the disk is busy with the record; who
 * asks for one of them before finds it here. Those of a large one it gets at once. */
struct dam_store_queue {
    struct dam_buf record;
    bool is_part;      /* LMDB has some that the record has no more: too many for the journal */
    size_t applied;    /* bytes of the record that LMDB has */
    uint32_t *slots;   /* hash table: where in the record the last change of a key waits; 0: free */
    size_t slot_count; /* a power of two, or 0 */
    size_t waiting;    /* changes, and how many of each table */
    size_t waiting_in[DAM_STORE_TABLE_COUNT];
};

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
    enum dam_err refusal; /* of the last durable write */
    struct dam_store_queue queue;
    size_t pending_len;                        /* bytes of records in the pending transaction */
    MDB_cursor *places[DAM_STORE_TABLE_COUNT]; /* in it: where a record was last found or written */
    unsigned riders;                           /* readers of the pending transaction */
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
    MDB_cursor *places[DAM_STORE_TABLE_COUNT]; /* of a snapshot: where a record was last found */
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

/** A record's checksum over its table, key and value. */
uint64_t dam_store_sum_of(enum dam_store_table table, struct dam_bytes key, struct dam_bytes value);

/** Make the file take in the pending transaction, and the journal begin anew. Ends it either way.
 *  Returns: as dam_store_settle. */
DAM_MUST_USE enum dam_err dam_store_take_in(struct dam_store *store);

/** Read how far the file has taken in what the journal has, into store->done. */
DAM_MUST_USE enum dam_err dam_store_read_place(struct dam_store_txn *txn);

/** Make pending what a process that has ended left in the journal. Returns: DAM_OK; DAM_ECORRUPT
 *  with store->fault; or another error of the store. */
DAM_MUST_USE enum dam_err dam_store_take_up(struct dam_store *store);

/** Forget the pending transaction, if there is one; what of it was committed is in the journal. */
void dam_store_lose(struct dam_store *store);

/** Bytes as LMDB takes them. */
static inline MDB_val dam_store_val_of(struct dam_bytes bytes)
{
    return (MDB_val){bytes.len, (void *)(uintptr_t)bytes.data};
}

/* ---- store_write.c --------------------------------------------------------------------------- */

void dam_store_queue_init(struct dam_store_queue *queue);

/** A write begins: nothing waits. */
void dam_store_queue_begin(struct dam_store_queue *queue);

/** Give the memory back; the queue is usable again. */
void dam_store_queue_finish(struct dam_store_queue *queue);

/** One more change; its bytes are copied. Returns: DAM_OK; DAM_ENOMEM; or as
 *  dam_store_apply_waiting, when they become too many to wait. */
DAM_MUST_USE enum dam_err dam_store_queue_add(struct dam_store *store,
                                              const struct dam_journal_change *change);

/** The last change of a key that waits, borrowed until the next is added. Returns: false if there
 *  is none. */
bool dam_store_queue_find(const struct dam_store_queue *queue, enum dam_store_table table,
                          struct dam_bytes key, struct dam_journal_change *ret);

/** Open a cursor on a table if there is none yet. */
DAM_MUST_USE enum dam_err dam_store_place(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **place);

/** Close the cursors on all tables that there are. */
void dam_store_close_places(MDB_cursor **places);

/** Make one change in the pending transaction. Returns: DAM_OK; DAM_ENOSPC, DAM_EIO, DAM_ENOMEM:
 *  the transaction is of no use any more. */
DAM_MUST_USE enum dam_err dam_store_apply_one(struct dam_store *store,
                                              const struct dam_journal_change *change);

/** The same with all changes of a record; DAM_ECORRUPT if they are none. */
DAM_MUST_USE enum dam_err dam_store_apply(struct dam_store *store, struct dam_bytes changes);

/** The same with those that wait. */
DAM_MUST_USE enum dam_err dam_store_apply_waiting(struct dam_store *store);

/* ---- store_open.c ---------------------------------------------------------------------------- */

/** Open the file anew; the environment is closed. */
DAM_MUST_USE enum dam_err dam_store_reopen(struct dam_store *store);

#endif
