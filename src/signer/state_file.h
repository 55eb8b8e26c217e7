// SPDX-License-Identifier: Apache-2.0
/* Where the signer's state lies: two files, of which one holds it and the other is empty. They
 * change places when the state is compacted, so that a process that may no longer open, make or
 * rename anything (signer/sandbox.h) can still put a fresh file in the place of an old one:
 *
 *     the fresh one is written into the empty file and synced     a crash before: the old one
 * counts the old file is cut to nothing and synced                   a crash before: the later one
 *                                                                 counts, and the old one is cut
 *                                                                 at the next start
 *
 * Nothing is signed between the two, so while two whole files are there they say the same; and once
 * anything was added to the fresh one, the old one is gone and cannot be mistaken for the state. */
#ifndef DAM_SIGNER_STATE_FILE_H
#define DAM_SIGNER_STATE_FILE_H

#include "port/file.h"
#include "signer/state.h"

struct dam_signer_state_file {
    const struct dam_file_ops *ops; /* read, write, sync, truncate and size are used */
    int fds[2];                     /* open for reading and writing; the owner closes them */
    unsigned live;                  /* which one holds the state */
};

/** The state's effects on these files. In: file: borrowed as long as the state lives. */
struct dam_signer_disk dam_signer_state_file_disk(struct dam_signer_state_file *file);

/** Find which file holds the state, read it back, cut a record that was never finished, and empty
 * the other file. Blocks. Returns: DAM_OK; as dam_signer_state_replay, with neither file changed;
 * DAM_EFULL for a file that is longer than one can get; DAM_ENOMEM; DAM_EIO. In: state: as
 * initialised. */
DAM_MUST_USE enum dam_err dam_signer_state_file_replay(struct dam_signer_state_file *file,
                                                       struct dam_signer_state *state);

#endif
