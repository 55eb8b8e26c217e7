// SPDX-License-Identifier: Apache-2.0
/* The store's journal: the changes of each transaction as one checksummed record, written in order
 * into a file of fixed size beside the store's own. A transaction is durable with one sequential
 * write and one sync; the store's file takes many of them in at once, and the journal begins anew
 * (ledger/store.c). It knows nothing of what the changes mean.
 *
 * A record begins on a page of its own, so that writing it never touches an older one:
 *
 *     magic and version (4), length of the changes (4), number (8), checksum of the one before (8),
 *     checksum of these and the changes (8), changes
 *
 * Numbers never come twice in the life of a store, so what is left of an older round is known by
 * its number, and the checksum of the one before ties a record to the very state it was made on. */
#ifndef DAM_LEDGER_JOURNAL_H
#define DAM_LEDGER_JOURNAL_H

#include "base/buf.h"

#define DAM_JOURNAL_PAGE 4096u
#define DAM_JOURNAL_HEAD 32u

/* Where a store is in its life: the number and checksum of the last record, or of a step that made
 * the file take everything in. */
struct dam_journal_place {
    uint64_t number;
    uint64_t sum;
};

/* One record of a table set or removed. Do not renumber the kinds. */
enum dam_journal_kind {
    DAM_JOURNAL_PUT = 0,
    DAM_JOURNAL_APPEND = 1, /* the key is above all others of its table */
    DAM_JOURNAL_DELETE = 2,
};

struct dam_journal_change {
    enum dam_journal_kind kind;
    uint8_t table;
    struct dam_bytes key; /* at most 255 bytes */
    struct dam_bytes value;
};

/* ---- reading; pure --------------------------------------------------------------------------- */

struct dam_journal_reader {
    struct dam_bytes file;
    size_t at;                      /* where the next record would be */
    struct dam_journal_place place; /* of the last one given, or where reading begins */
};

/** The next record behind reader->place.
 *  Returns: DAM_OK with *ret its changes, borrowed from the file; DAM_ENOTFOUND at the end: what
 *  is there was never written whole, or is of an older round; DAM_ECORRUPT if a record that was
 * acknowledged is damaged, or the journal does not go on from the place. */
DAM_MUST_USE enum dam_err dam_journal_next(struct dam_journal_reader *reader,
                                           struct dam_bytes *ret);

/** Take the first change off a record. Returns: DAM_OK; DAM_ENOTFOUND if there is none left;
 *  DAM_ECORRUPT. */
DAM_MUST_USE enum dam_err dam_journal_change(struct dam_bytes *changes,
                                             struct dam_journal_change *ret);

/* ---- making a record; pure ------------------------------------------------------------------- */

/** Begin a record in an empty buffer. */
void dam_journal_begin(struct dam_buf *record);

void dam_journal_put(struct dam_buf *record, const struct dam_journal_change *change);

/** Fill in the head of a record that comes next behind `place`. Returns: the place that it makes.
 */
struct dam_journal_place dam_journal_seal(struct dam_buf *record, struct dam_journal_place place);

/** Bytes of a file that a record takes. */
size_t dam_journal_room_of(const struct dam_buf *record);

/* ---- the file -------------------------------------------------------------------------------- */

struct dam_journal {
    char path[4096];
    size_t len;                     /* of the file */
    int fd;                         /* -1: not opened yet */
    size_t end;                     /* where the next record goes */
    struct dam_journal_place place; /* of the last durable record */
};

/** In: path: of a file that may be there; it is made with the first record. len: of the file, in
 *  whole pages. */
void dam_journal_init(struct dam_journal *journal, const char *path, size_t len);

/** Open the file, or make it. Returns: DAM_OK: what is in it is durable, also what a process that
 *  was killed had only written; DAM_ENOSPC, DAM_EIO. */
DAM_MUST_USE enum dam_err dam_journal_open(struct dam_journal *journal);

/** Let go of the file; it stays. */
void dam_journal_close(struct dam_journal *journal);

/** Remove the file: the store's own has everything. */
void dam_journal_remove(struct dam_journal *journal);

/** Read the whole file. Returns: DAM_OK, also with nothing if it is not there; DAM_EIO; DAM_ENOMEM.
 *  Out: ret: on the heap, free it. */
DAM_MUST_USE enum dam_err dam_journal_load(struct dam_journal *journal, uint8_t **ret,
                                           size_t *ret_len);

/** Would the record fit behind the last one? */
bool dam_journal_has_room(const struct dam_journal *journal, const struct dam_buf *record);

/** Make a record durable; its head is filled in. Returns: DAM_OK; DAM_ENOSPC, DAM_EIO: it may be
 *  there or not, and no other may be written before the journal begins anew. */
DAM_MUST_USE enum dam_err dam_journal_append(struct dam_journal *journal, struct dam_buf *record);

/** Begin anew behind `place`: the store's file has taken everything in. */
void dam_journal_restart(struct dam_journal *journal, struct dam_journal_place place);

#endif
