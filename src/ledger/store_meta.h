// SPDX-License-Identifier: Apache-2.0
/* What LMDB does not do for itself: notice that its newest meta page was torn by a power cut. The
 * two meta pages have no checksum; a page written in part can name roots, counts and a number that
 * do not belong together. Called by ledger/store.c before it opens the file. */
#ifndef DAM_LEDGER_STORE_META_H
#define DAM_LEDGER_STORE_META_H

#include "ledger/store.h"

/** Check the newest meta page and, if it is torn, set it back to the one before, which was synced
 *  and holds all that was acknowledged.
 *  Returns: DAM_OK (also for a file that is not there or empty); DAM_ECORRUPT with fault->text;
 * DAM_EIO. In: read_only: do nothing; refused: the number of a commit that failed and must not
 * count, whatever of it is in the file; 0: none. */
DAM_MUST_USE enum dam_err dam_store_meta_repair(const char *path, bool read_only, uint64_t refused,
                                                struct dam_store_fault *fault);

#endif
