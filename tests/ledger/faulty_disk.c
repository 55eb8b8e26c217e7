// SPDX-License-Identifier: Apache-2.0
/* A disk that says no, for tests/ledger/disk.mjs: preloaded, it makes writes and syncs of ledger.mdb
 * and ledger.journal fail while the file $DAM_FAULT holds a word: "full" (short write, then
 * ENOSPC), "sync" (the sync fails with EIO), "write" (every write fails with EIO); of ledger.mdb
 * only: "head" (writes of the file's head, by which a commit counts, fail), "late" (a write of the
 * head is done, but said to have failed, and no later one is done). */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEAD_LEN 8192 /* LMDB's two meta pages */

static bool is_named(int fd, const char *name)
{
    char link[64];
    char path[1024];
    size_t name_len = strlen(name);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    return len > (ssize_t)name_len && memcmp(path + len - name_len, name, name_len) == 0;
}

static char wanted(int fd)
{
    char word[8] = "";
    const char *path = getenv("DAM_FAULT");
    int control = path != NULL ? open(path, O_RDONLY) : -1;
    if (control >= 0) {
        if (read(control, word, sizeof(word)) <= 0) {
            word[0] = '\0';
        }
        close(control);
    }
    bool of_head = word[0] == 'h' || word[0] == 'l';
    return is_named(fd, "ledger.mdb") || (!of_head && is_named(fd, "ledger.journal")) ? word[0]
                                                                                     : '\0';
}

static ssize_t no(int code)
{
    errno = code;
    return -1;
}

/* How many bytes of a write are done; -1 with errno. */
static ssize_t judge(int fd, const void *data, size_t len, off_t at)
{
    static bool late_done;
    char fault = wanted(fd);
    if (fault == 'f') {
        return len > 4096 ? 4096 : no(ENOSPC);
    }
    if (fault == 'l' && at < HEAD_LEN) {
        if (late_done) {
            return no(EIO);
        }
        late_done = true;
        (void)syscall(SYS_pwrite64, fd, data, len, at);
        return no(EIO);
    }
    late_done = late_done && fault == 'l';
    if (fault == 'w' || (fault == 'h' && at < HEAD_LEN)) {
        return no(EIO);
    }
    return (ssize_t)len;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    ssize_t take = judge(fd, data, len, at);
    return take < 0 ? -1 : syscall(SYS_pwrite64, fd, data, (size_t)take, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
    return pwrite(fd, data, len, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        len += parts[i].iov_len;
    }
    ssize_t take = judge(fd, parts[0].iov_base, len, at);
    if (take < 0) {
        return -1;
    }
    return (size_t)take < len
               ? syscall(SYS_pwrite64, fd, parts[0].iov_base,
                         (size_t)take < parts[0].iov_len ? (size_t)take : parts[0].iov_len, at)
               : syscall(SYS_pwritev, fd, parts, count, at, 0);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at)
{
    return pwritev(fd, parts, count, at);
}

static int sync_or_fail(int fd, long number)
{
    if (wanted(fd) == 's') {
        errno = EIO;
        return -1;
    }
    return (int)syscall(number, fd);
}

int fdatasync(int fd)
{
    return sync_or_fail(fd, SYS_fdatasync);
}

int fsync(int fd)
{
    return sync_or_fail(fd, SYS_fsync);
}
