// SPDX-License-Identifier: Apache-2.0
/* What a taken-over signer could still do: nothing of this. Each attempt runs in a child that has
 * entered the sandbox; the kernel must kill it (or, under a sanitizer, refuse the call). */
#include "signer/sandbox.h"

#include "base/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define REFUSED 40
#define DONE 41

static int allowed_fd;
static int other_fd;

static long try_open(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
}

static long try_socket(void)
{
    return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static long try_exec(void)
{
    return syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static long try_fork(void)
{
    return syscall(SYS_fork);
}

static long try_ptrace(void)
{
    return syscall(SYS_ptrace, 0, 0, 0, 0);
}

static long try_write_elsewhere(void)
{
    return syscall(SYS_pwrite64, other_fd, "x", 1, 0);
}

static long try_send_elsewhere(void)
{
    return syscall(SYS_sendto, other_fd, "x", 1, 0, NULL, 0);
}

static long try_executable_memory(void)
{
    return syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long try_cut_elsewhere(void)
{
    return syscall(SYS_ftruncate, other_fd, 0);
}

static long try_allowed(void)
{
    return syscall(SYS_sendto, allowed_fd, "x", 1, MSG_NOSIGNAL, NULL, 0);
}

/* Returns: the wait status of a child that entered the sandbox and tried. */
static int attempt(long (*what)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        uint8_t bits = 0;
        const int state_fds[2] = {allowed_fd, allowed_fd};
        if (dam_signer_sandbox_before(&bits) != DAM_OK ||
            dam_signer_sandbox_enter(allowed_fd, state_fds, -1, &bits) != DAM_OK) {
            _exit(1);
        }
        long got = what();
        _exit(got < 0 && errno == EPERM ? REFUSED : DONE);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void forbidden_calls(void **state)
{
    (void)state;
    long (*const attempts[])(void) = {
        try_open,         try_socket,          try_exec,           try_fork,
        try_ptrace,       try_write_elsewhere, try_send_elsewhere, try_executable_memory,
        try_cut_elsewhere};
    for (size_t i = 0; i < DAM_COUNT_OF(attempts); i++) {
        int status = attempt(attempts[i]);
        bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
        bool refused = WIFEXITED(status) && WEXITSTATUS(status) == REFUSED;
        if (!killed && !refused) {
            fail_msg("attempt %zu was let through: status %d", i, status);
        }
    }
}

/* The same harness lets through what is allowed, so the deaths above mean something. */
static void the_allowed_call(void **state)
{
    (void)state;
    int status = attempt(try_allowed);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), DONE);
}

int main(void)
{
    int pair[2];
    int other[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other) != 0) {
        return 1;
    }
    allowed_fd = pair[0];
    other_fd = other[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forbidden_calls),
        cmocka_unit_test(the_allowed_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
