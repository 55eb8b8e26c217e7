// SPDX-License-Identifier: Apache-2.0
#include "signer/sandbox.h"

#include "base/attr.h"

#include <errno.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A sanitizer needs calls that a signer does not; its builds get an error where others die, and its
 * shadow memory cannot be locked. */
#if defined(DAM_ASAN)
#define FORBIDDEN SCMP_ACT_ERRNO(EPERM)
#define LOCK_ALL false
#else
#define FORBIDDEN SCMP_ACT_KILL_PROCESS
#define LOCK_ALL true
#endif

enum dam_err dam_signer_sandbox_before(uint8_t *bits)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return DAM_EUNSUPPORTED;
    }
    *bits |= DAM_SIGNER_NO_DUMP;
    return DAM_OK;
}

/* A ruleset that handles every access and allows none. Returns: false if the kernel has none. */
static bool landlock_close(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) {
        return false;
    }
    /* The 13 rights of version 1, which every later kernel knows as well. */
    struct landlock_ruleset_attr attr = {.handled_access_fs =
                                             (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
    if (fd < 0) {
        return false;
    }
    bool closed = syscall(SYS_landlock_restrict_self, (int)fd, 0) == 0;
    (void)close((int)fd);
    return closed;
}

static int allow_on(scmp_filter_ctx filter, int number, int fd)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd));
}

static int allow_socket(scmp_filter_ctx filter, int fd)
{
    int err = allow_on(filter, SCMP_SYS(recvfrom), fd);
    return err != 0 ? err : allow_on(filter, SCMP_SYS(sendto), fd);
}

static int allow_file(scmp_filter_ctx filter, int fd)
{
    int err = allow_on(filter, SCMP_SYS(pwrite64), fd);
    err = err != 0 ? err : allow_on(filter, SCMP_SYS(ftruncate), fd);
    return err != 0 ? err : allow_on(filter, SCMP_SYS(fdatasync), fd);
}

static int rules(scmp_filter_ctx filter, int socket_fd, const int state_fds[2], int token_fd)
{
    /* What glibc does by itself: memory, time, the end. */
    static const int plain[] = {
        SCMP_SYS(exit),          SCMP_SYS(exit_group),      SCMP_SYS(rt_sigreturn),
        SCMP_SYS(clock_gettime), SCMP_SYS(restart_syscall), SCMP_SYS(brk),
        SCMP_SYS(munmap),        SCMP_SYS(madvise),         SCMP_SYS(futex),
    };
    int err = 0;
#if defined(DAM_ASAN)
    err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sigaltstack), 0); /* in its _exit */
#endif
    for (size_t i = 0; i < DAM_COUNT_OF(plain) && err == 0; i++) {
        err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain[i], 0);
    }
    /* Memory, but never executable. */
    if (err == 0) {
        err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    err = err != 0 ? err : allow_socket(filter, socket_fd);
    err = err != 0 || token_fd < 0 ? err : allow_socket(filter, token_fd);
    err = err != 0 ? err : allow_file(filter, state_fds[0]);
    err = err != 0 ? err : allow_file(filter, state_fds[1]);
    return err != 0 ? err : allow_on(filter, SCMP_SYS(write), STDERR_FILENO);
}

enum dam_err dam_signer_sandbox_enter(int socket_fd, const int state_fds[2], int token_fd,
                                      uint8_t *bits)
{
    if (LOCK_ALL && mlockall(MCL_CURRENT | MCL_FUTURE) == 0) {
        *bits |= DAM_SIGNER_MEMORY_LOCK;
    }
    if (landlock_close()) {
        *bits |= DAM_SIGNER_LANDLOCK;
    }
    scmp_filter_ctx filter = seccomp_init(FORBIDDEN);
    if (filter == NULL) {
        return DAM_EUNSUPPORTED;
    }
    bool loaded = rules(filter, socket_fd, state_fds, token_fd) == 0 && seccomp_load(filter) == 0;
    seccomp_release(filter);
    if (!loaded) {
        return DAM_EUNSUPPORTED;
    }
    *bits |= DAM_SIGNER_SECCOMP;
    return DAM_OK;
}
