// SPDX-License-Identifier: Apache-2.0
/* The ledger's tables on LMDB: every record carries a checksum over its table, key and value, so
 * that rot and torn pages are found and named and never served. One writer (the loop thread), one
 * atomic durable transaction at a time: its changes go into a journal (ledger/journal.h) with one
 * sequential write and one sync, and LMDB's file takes in many of them at once, with its default
 * sync flags. It knows nothing of blocks; that is ledger/chain.h. */
#ifndef DAM_LEDGER_STORE_H
#define DAM_LEDGER_STORE_H

#include "base/bytes.h"
#include "base/err.h"

struct dam_store;     /* private */
struct dam_store_txn; /* private */

// clang-format off
/* The tables. The numbers go into checksums: do not renumber, append. Keys are big-endian.
 *
 *  META        name                     -> see ledger/chain.c
 *  ACCOUNT     address                  -> the account's RLP as the state trie holds it
 *  SLOT        address, slot            -> value without leading zeros
 *  CODE        code hash                -> code
 *  NODE        owner, path, version     -> front of the node's hash (8), trie node; owner: the
 *                                          account's address, zeros for the state trie; see
 *                                          ledger/state_nodes.h
 *  BLOCK       number (8)               -> header and what else the block has beside transactions
 *  NUMBER      block hash               -> number (8)
 *  TX          number (8), index (4)    -> hash, sender, signed bytes
 *  RECEIPT     number (8), index (4)    -> receipt
 *  TX_INDEX    transaction hash         -> number (8), index (4)
 *  LOG_INDEX   address, number (8)      -> nothing: the block has logs of this address
 *  CHANGES     version (8)              -> which accounts and slots the version changed
 *  ACCOUNT_WAS address, version (8)     -> the account before that version; nothing if it was not
 *  SLOT_WAS    address, slot, version   -> the value before that version
 *  POOL        arrival (8)              -> signed bytes of a transaction that waits
 *  NODE_PATHS  version (8)              -> where in NODE the version wrote or left nothing */
// clang-format on
#define DAM_STORE_TABLE_LIST(X)                                                                    \
    X(META, 0, "meta")                                                                             \
    X(ACCOUNT, 1, "account")                                                                       \
    X(SLOT, 2, "slot")                                                                             \
    X(CODE, 3, "code")                                                                             \
    X(NODE, 4, "node")                                                                             \
    X(BLOCK, 5, "block")                                                                           \
    X(NUMBER, 6, "number")                                                                         \
    X(TX, 7, "tx")                                                                                 \
    X(RECEIPT, 8, "receipt")                                                                       \
    X(TX_INDEX, 9, "tx_index")                                                                     \
    X(LOG_INDEX, 10, "log_index")                                                                  \
    X(CHANGES, 11, "changes")                                                                      \
    X(ACCOUNT_WAS, 12, "account_was")                                                              \
    X(SLOT_WAS, 13, "slot_was")                                                                    \
    X(POOL, 14, "pool")                                                                            \
    X(NODE_PATHS, 15, "node_paths")

enum dam_store_table {
#define X(name, number, text) DAM_STORE_##name = (number),
    DAM_STORE_TABLE_LIST(X)
#undef X
};

#define DAM_STORE_TABLE_COUNT 16
#define DAM_STORE_KEY_MAX 93u

struct dam_store_options {
    const char *dir;    /* made if it is not there */
    size_t size_max;    /* bytes the file may reach; 0: 1 TiB */
    size_t journal_len; /* of the journal, in whole pages; 0: 1 MiB */
    bool read_only;     /* an inspector beside a running ledger */
    /* Write what a new store begins with, in the transaction that makes its tables: with an error
     * there is no store, and dam_store_open returns it. NULL: nothing. */
    enum dam_err (*fill)(void *ctx, struct dam_store_txn *txn);
    void *fill_ctx;
};

/* Why an open was refused, in words; see dam_store_open. */
struct dam_store_fault {
    char text[256];
};

/** Open or create the store DIR/ledger.mdb, and take up what DIR/ledger.journal has beyond it. For
 *  reading only, beside a process that writes, it shows what the file has, which may be a moment
 *  old. Returns: DAM_OK; DAM_ENOTFOUND if there is none to read; DAM_EVERSION for another format;
 * DAM_ECORRUPT if the file is damaged; DAM_EEXIST if another process has it open for writing;
 * DAM_ENOSPC, DAM_EREFUSED, DAM_EIO, DAM_ENOMEM. On failure fault->text says what and what to do.
 *  A last transaction that a power cut tore is taken back; it was never acknowledged. */
DAM_MUST_USE enum dam_err dam_store_open(const struct dam_store_options *options,
                                         struct dam_store **ret, struct dam_store_fault *fault);

/** Close. Accepts NULL. All transactions must have ended. The file takes in what it has not yet,
 * and the journal goes; if the disk refuses, it stays for the next open. */
void dam_store_close(struct dam_store *store);

/** Begin. One write transaction at a time, and none that reads while it is open but of snapshots. A
 *  reader must end before the next write begins, unless nothing was unsettled when it began: then
 *  it is a snapshot, which stays as it is and may be used and end on another thread. All begin on
 *  one thread, which also commits, settles and closes. After a commit of the file that failed in
 * its midst the file is opened anew first, for which no transaction may be open (DAM_EIO till
 * then). Returns: DAM_OK, DAM_ENOMEM, DAM_ENOSPC, DAM_EIO. */
DAM_MUST_USE enum dam_err dam_store_begin(struct dam_store *store, bool write,
                                          struct dam_store_txn **ret);

/** Make a write transaction durable, all or nothing. Ends it either way.
 *  Returns: DAM_OK when it is on disk; DAM_ENOSPC (disk or map full), DAM_EIO: nothing happened. */
DAM_MUST_USE enum dam_err dam_store_commit(struct dam_store_txn *txn);

/** Forget it. Accepts NULL. */
void dam_store_abort(struct dam_store_txn *txn);

/** Make the file take in all that was committed. After a refusal it writes even where there is
 *  nothing to take in, so that it tells whether the disk is well again. No writer may be open, and
 *  no reader but snapshots. Returns: DAM_OK; DAM_ENOSPC, DAM_EIO: it is still in the journal,
 *  nothing is lost. */
DAM_MUST_USE enum dam_err dam_store_settle(struct dam_store *store);

/** Why the disk refused the last durable write. Returns: DAM_OK if it did not. */
enum dam_err dam_store_refusal(const struct dam_store *store);

/** Was there no room for the last write, in a file of the largest size that it may have? */
bool dam_store_is_full(const struct dam_store *store);

/** How many commits the file has not taken in. */
uint64_t dam_store_unsettled(const struct dam_store *store);

/** Make the map larger after DAM_ENOSPC from a full map; no transaction may be open. Returns:
 *  DAM_OK if it grew: try again; DAM_ENOSPC if the disk or the limit is what is full. */
DAM_MUST_USE enum dam_err dam_store_grow(struct dam_store *store);

/** Find a record. Returns: DAM_OK with *ret borrowed until the transaction writes or ends;
 *  DAM_ENOTFOUND; DAM_ECORRUPT if its checksum is wrong (dam_store_last_fault names it). */
DAM_MUST_USE enum dam_err dam_store_get(struct dam_store_txn *txn, enum dam_store_table table,
                                        struct dam_bytes key, struct dam_bytes *ret);

/** The same, where a record that is not there is an empty one. */
DAM_MUST_USE enum dam_err dam_store_get_or_empty(struct dam_store_txn *txn,
                                                 enum dam_store_table table, struct dam_bytes key,
                                                 struct dam_bytes *ret);

/** The first record whose key is not below `key`, as long as it, and shares its first same_len
 *  bytes. Returns: as dam_store_get. */
DAM_MUST_USE enum dam_err dam_store_get_from(struct dam_store_txn *txn, enum dam_store_table table,
                                             struct dam_bytes key, size_t same_len,
                                             struct dam_bytes *ret);

/** Set a record. Returns: DAM_OK, DAM_ENOSPC, DAM_EIO; after a failure only abort is left. */
DAM_MUST_USE enum dam_err dam_store_put(struct dam_store_txn *txn, enum dam_store_table table,
                                        struct dam_bytes key, struct dam_bytes value);

/** Set a record whose key is above all others of its table. */
DAM_MUST_USE enum dam_err dam_store_append(struct dam_store_txn *txn, enum dam_store_table table,
                                           struct dam_bytes key, struct dam_bytes value);

/** Remove a record; not being there is fine. */
DAM_MUST_USE enum dam_err dam_store_delete(struct dam_store_txn *txn, enum dam_store_table table,
                                           struct dam_bytes key);

/** Set a record, or remove it if the value is empty. */
DAM_MUST_USE enum dam_err dam_store_set(struct dam_store_txn *txn, enum dam_store_table table,
                                        struct dam_bytes key, struct dam_bytes value);

/* A place in a table. Zero it before the first use; close it before the transaction ends. */
struct dam_store_cursor {
    struct dam_store_txn *txn;
    enum dam_store_table table;
    void *cursor; /* private */
    struct dam_bytes key;
    struct dam_bytes value;
};

/** Go to the first record not below key. Returns: DAM_OK with cursor->key and ->value borrowed
 *  until the next step; DAM_ENOTFOUND at the end; DAM_ECORRUPT. */
DAM_MUST_USE enum dam_err dam_store_seek(struct dam_store_cursor *cursor, struct dam_store_txn *txn,
                                         enum dam_store_table table, struct dam_bytes key);
DAM_MUST_USE enum dam_err dam_store_next(struct dam_store_cursor *cursor);
/** Remove the record under the cursor; the next step goes to the one behind it. */
DAM_MUST_USE enum dam_err dam_store_cursor_delete(struct dam_store_cursor *cursor);
void dam_store_cursor_close(struct dam_store_cursor *cursor);

/** Take the file's pages out of this process; they stay in the system's cache and come back when
 *  they are looked at. Keeps the resident size from growing with the file. Borrowed bytes stay
 * good.
 */
void dam_store_release_pages(struct dam_store *store);

/** The same once more than len_max bytes have been mapped since the last time. */
void dam_store_bound_pages(struct dam_store *store, size_t len_max);

/** Give back the memory of a large transaction that has ended. Does nothing while any is open. The
 *  file is opened anew by the next one to begin; bytes that were borrowed are gone. */
void dam_store_release_memory(struct dam_store *store);

/* Sizes for `dam ledger stats` and metrics. */
struct dam_store_stats {
    uint64_t file_len; /* bytes of the file */
    uint64_t used_len; /* bytes of it in use or free inside */
    uint64_t commits;  /* since open */
    uint64_t entries[DAM_STORE_TABLE_COUNT];
    uint64_t table_len[DAM_STORE_TABLE_COUNT];
};
DAM_MUST_USE enum dam_err dam_store_stats(struct dam_store *store, struct dam_store_stats *ret);

/** The last record that failed its checksum, in words; "" if none did. */
const char *dam_store_last_fault(const struct dam_store *store);

/** A table's name. Returns: static text. */
const char *dam_store_table_name(enum dam_store_table table);

#endif
