// SPDX-License-Identifier: Apache-2.0
#include "signer/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_FD 3
#define CHILD_FD_TEXT "3"
#define CLOSE_TIMEOUT_MS 2000

struct dam_signer {
    int fd;
    pid_t pid;
    int timeout_ms;
    uint32_t id_next;
    uint8_t request[DAM_SIGNER_MESSAGE_MAX];
    uint8_t reply[DAM_SIGNER_MESSAGE_MAX];
};

/* In the child, between fork and exec: only calls that are safe there. */
static _Noreturn void child_exec(const struct dam_signer_options *options, int fd)
{
    const char *program = options->program != NULL ? options->program : "/proc/self/exe";
    const char *argv[] = {"dam",
                          "signer-process",
                          "--fd",
                          CHILD_FD_TEXT,
                          "--folder",
                          options->folder,
                          "--password-file",
                          options->password_path,
                          NULL};
    const char *envp[] = {"PATH=/usr/bin:/bin", NULL};
    /* Where it has that number already it must lose its flag to close by itself. */
    bool placed = fd == CHILD_FD ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, CHILD_FD) == CHILD_FD;
    if (placed && syscall(SYS_close_range, CHILD_FD + 1, ~0u, 0) == 0) {
        (void)execve(program, (char *const *)argv, (char *const *)envp);
    }
    _exit(DAM_SIGNER_EXIT_BASE - DAM_EIO);
}

/* Waits for the end of the process. Returns: its wait status, or -1 if it does not end in time.
 * From its end on the id is nobody's, or somebody else's. */
static int reap(struct dam_signer *signer, int timeout_ms)
{
    int status = 0;
    for (int waited_ms = 0;; waited_ms += 5) {
        pid_t done = waitpid(signer->pid, &status, WNOHANG);
        if (done == signer->pid) {
            signer->pid = 0;
            return status;
        }
        if (done < 0 || waited_ms >= timeout_ms) {
            return -1;
        }
        const struct timespec pause = {.tv_nsec = 5000000};
        (void)nanosleep(&pause, NULL);
    }
}

/* Why a signer that never became ready ended. */
static enum dam_err exit_reason(int status)
{
    if (status < 0 || !WIFEXITED(status) || WEXITSTATUS(status) <= DAM_SIGNER_EXIT_BASE) {
        return DAM_EIO;
    }
    return (enum dam_err)(DAM_SIGNER_EXIT_BASE - WEXITSTATUS(status));
}

static enum dam_err receive(struct dam_signer *signer, uint32_t id, int timeout_ms,
                            struct dam_signer_reply *ret)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = signer->fd, .events = POLLIN};
        int ready = poll(&poll_fd, 1, timeout_ms);
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return ready == 0 ? DAM_ETIMEOUT : DAM_EIO;
        }
        ssize_t len = recv(signer->fd, signer->reply, sizeof(signer->reply), 0);
        if (len <= 0 || dam_signer_reply_decode(signer->reply, (size_t)len, ret) != DAM_OK) {
            return DAM_ECLOSED;
        }
        if (ret->id == id) {
            return DAM_OK;
        } /* else: the late answer to a request that timed out */
    }
}

static enum dam_err call(struct dam_signer *signer, struct dam_signer_request *request,
                         int timeout_ms, struct dam_signer_reply *ret)
{
    request->id = signer->id_next++;
    size_t len = dam_signer_request_encode(request, signer->request, sizeof(signer->request));
    if (len == 0) {
        return DAM_EFULL;
    }
    if (send(signer->fd, signer->request, len, MSG_NOSIGNAL) != (ssize_t)len) {
        return DAM_ECLOSED;
    }
    return receive(signer, request->id, timeout_ms, ret);
}

enum dam_err dam_signer_call(struct dam_signer *signer, struct dam_signer_request *request,
                             struct dam_signer_reply *ret)
{
    return call(signer, request, signer->timeout_ms, ret);
}

enum dam_err dam_signer_call_raw(struct dam_signer *signer, struct dam_bytes message,
                                 struct dam_signer_reply *ret)
{
    uint32_t id = message.len >= 8 ? dam_load_be32(message.data + 4) : 0;
    if (send(signer->fd, message.data, message.len, MSG_NOSIGNAL) != (ssize_t)message.len) {
        return DAM_ECLOSED;
    }
    return receive(signer, id, signer->timeout_ms, ret);
}

enum dam_err dam_signer_spawn(const struct dam_signer_options *options, struct dam_signer **ret)
{
    int pair[2];
    struct dam_signer *signer = calloc(1, sizeof(*signer));
    if (signer == NULL) {
        return DAM_ENOMEM;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        free(signer);
        return DAM_EIO;
    }
    pid_t pid = fork();
    if (pid == 0) {
        child_exec(options, pair[1]);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        free(signer);
        return DAM_EIO;
    }
    signer->fd = pair[0];
    signer->pid = pid;
    signer->timeout_ms = options->timeout_ms;
    signer->id_next = 1;
    struct dam_signer_request request = {.kind = DAM_SIGNER_STATUS};
    struct dam_signer_reply reply;
    enum dam_err err = call(signer, &request, options->start_timeout_ms, &reply);
    if (err != DAM_OK) {
        if (err == DAM_ECLOSED) {
            err = exit_reason(reap(signer, CLOSE_TIMEOUT_MS));
        }
        dam_signer_close(signer);
        return err;
    }
    *ret = signer;
    return DAM_OK;
}

int dam_signer_pid(const struct dam_signer *signer)
{
    return (int)signer->pid;
}

void dam_signer_close(struct dam_signer *signer)
{
    if (signer == NULL) {
        return;
    }
    (void)close(signer->fd);
    if (signer->pid != 0 && reap(signer, CLOSE_TIMEOUT_MS) < 0 && kill(signer->pid, SIGKILL) == 0) {
        (void)waitpid(signer->pid, NULL, 0);
    }
    free(signer);
}
