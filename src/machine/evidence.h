// SPDX-License-Identifier: Apache-2.0
/* The evidence store: a machine's leaves on its own disk, in order, for ever. One append-only file
 * is the truth; tree hashes and offsets are derived from it and rebuilt when they are not there.
 * Promises: a leaf for which dam_evidence_sync returned DAM_OK is found again after any crash or
 * power cut; a leaf that was torn is not; bytes that rotted are an error, never data. Who calls:
 * machine/turn (one writer, holding the folder's lock) and any number of readers. The format is
 * docs/evidence-store.md. */
#ifndef DAM_MACHINE_EVIDENCE_H
#define DAM_MACHINE_EVIDENCE_H

#include "core/record/leaf.h"
#include "core/record/tree.h"
#include "port/file.h"

struct dam_evidence; /* private */

/** Open a machine's log, after the longest good beginning of what is on disk.
 *  Returns: DAM_OK; DAM_ENOTFOUND if a reader finds none; DAM_ECORRUPT if acknowledged leaves are
 *  damaged; DAM_EEXIST if another writer has it; DAM_ECONFLICT if it is another machine's;
 *  DAM_EIO, DAM_ENOSPC, DAM_ENOMEM, DAM_EVERSION.
 *  In: folder: made if write and not there; ops: NULL for the real disk, borrowed;
 *      machine: identity for leaves; NULL for readers, who take what they find. */
DAM_MUST_USE enum dam_err dam_evidence_open(const char *folder, bool write,
                                            const struct dam_hash *machine,
                                            const struct dam_file_ops *ops,
                                            struct dam_evidence **ret);

/** Close. What was not synced is not promised. Accepts NULL. */
void dam_evidence_close(struct dam_evidence *evidence);

/** Add a leaf to the batch: seq, machine and prev are filled in.
 *  Returns: DAM_OK; DAM_ENOMEM; or the error after which the store is dead (every later call gives
 *  it, too: stop acting, open again). Out: ret_data: its bytes, borrowed until the next call. */
DAM_MUST_USE enum dam_err dam_evidence_append(struct dam_evidence *evidence,
                                              struct dam_record_leaf *leaf,
                                              struct dam_bytes *ret_data);

/** Hand the batch to the kernel. Returns: as append. */
DAM_MUST_USE enum dam_err dam_evidence_flush(struct dam_evidence *evidence);

/** Make everything appended durable. Returns: as append; only DAM_OK releases an action. */
DAM_MUST_USE enum dam_err dam_evidence_sync(struct dam_evidence *evidence);

/** From now on a sync only hands leaves to the kernel: they survive the process, not the power. For
 *  simulation and replay, never for a machine that acts. */
void dam_evidence_relax(struct dam_evidence *evidence);

/** The same for many at once, with one flush of their file system where that is cheaper. Each store
 *  then answers dam_evidence_error for itself. */
void dam_evidence_sync_all(struct dam_evidence **list, size_t count);

/** The error that the store died of, or DAM_OK. */
enum dam_err dam_evidence_error(const struct dam_evidence *evidence);

/** Leaves appended, and leaves known to be durable. */
uint64_t dam_evidence_size(const struct dam_evidence *evidence);
uint64_t dam_evidence_durable(const struct dam_evidence *evidence);

/** Read leaf `seq` back, checked against its hash. Returns: DAM_OK; DAM_ERANGE; DAM_ECORRUPT;
 *  DAM_EIO. Out: *ret_data borrowed until the next call. */
DAM_MUST_USE enum dam_err dam_evidence_read(struct dam_evidence *evidence, uint64_t seq,
                                            struct dam_bytes *ret_data);

/** The same, and take it apart. Returns: as read, or what dam_record_leaf_load said. */
DAM_MUST_USE enum dam_err dam_evidence_leaf(struct dam_evidence *evidence, uint64_t seq,
                                            struct dam_record_leaf *ret);

/** Its hash. Returns: DAM_OK, DAM_ERANGE, DAM_EIO. */
DAM_MUST_USE enum dam_err dam_evidence_hash(struct dam_evidence *evidence, uint64_t seq,
                                            struct dam_hash *ret);

/** The root over all leaves. */
void dam_evidence_root(const struct dam_evidence *evidence, struct dam_hash *ret);

/** Where proofs are made from. Borrowed. */
struct dam_record_source dam_evidence_source(struct dam_evidence *evidence);

/** A tile of the tree: the hashes of level 8*level, [256*index, 256*index + width). Returns:
 * DAM_OK, DAM_ERANGE, DAM_EIO. Out: ret_hashes: width of them. */
DAM_MUST_USE enum dam_err dam_evidence_tile(struct dam_evidence *evidence, unsigned level,
                                            uint64_t index, unsigned width,
                                            struct dam_hash *ret_hashes);

#endif
