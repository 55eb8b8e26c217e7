// SPDX-License-Identifier: Apache-2.0
/* Private to the signer process: what it gives up before it answers anybody. Once entered there is
 * no way back; only `dam signer-process` calls this. */
#ifndef DAM_SIGNER_SANDBOX_H
#define DAM_SIGNER_SANDBOX_H

#include "base/err.h"

#include <stdint.h>

/* What is in force; a mask, told in STATUS. On the wire: do not renumber. */
enum dam_signer_sandbox {
    DAM_SIGNER_NO_DUMP = 1,     /* no core file, no ptrace by the same user, no /proc/PID/mem */
    DAM_SIGNER_MEMORY_LOCK = 2, /* nothing is ever swapped */
    DAM_SIGNER_LANDLOCK = 4,    /* no file can be opened any more */
    DAM_SIGNER_SECCOMP = 8,     /* the system calls of sandbox.c and no others */
};

/** Before any secret is read: no core dumps, not dumpable, no new privileges.
 *  Returns: DAM_OK or DAM_EUNSUPPORTED. Adds its bits to *bits. */
DAM_MUST_USE enum dam_err dam_signer_sandbox_before(uint8_t *bits);

/** After every file is open: lock the memory, close the file system, then the system calls.
 *  Returns: DAM_OK; DAM_EUNSUPPORTED if seccomp is not to be had. Landlock and the memory lock are
 *  taken where the kernel and the limits allow; the bits say so.
 *  In: the only descriptors that may be written, with standard error: state_fds: the state's two
 *  files (signer/state_file.h), which may be cut as well; token_fd: of the process that holds a
 *  hardware key (signer/token.h), -1 without one. */
DAM_MUST_USE enum dam_err dam_signer_sandbox_enter(int socket_fd, const int state_fds[2],
                                                   int token_fd, uint8_t *bits);

#endif
