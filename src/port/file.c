// SPDX-License-Identifier: Apache-2.0
#include "port/file.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum dam_err last_error(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? DAM_ENOSPC
           : errno == ENOENT                                    ? DAM_ENOTFOUND
                                                                : DAM_EIO;
}

static enum dam_err system_open(void *ctx, const char *path, bool write, int *ret_fd)
{
    (void)ctx;
    int fd = open(path, (write ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0640);
    if (fd < 0) {
        return last_error();
    }
    *ret_fd = fd;
    return DAM_OK;
}

static enum dam_err system_read(void *ctx, int fd, uint64_t offset, void *data, size_t len,
                                size_t *ret_len)
{
    (void)ctx;
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (uint8_t *)data + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return last_error();
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    *ret_len = done;
    return DAM_OK;
}

static enum dam_err system_write(void *ctx, int fd, uint64_t offset, const void *data, size_t len)
{
    (void)ctx;
    size_t done = 0;
    while (done < len) {
        ssize_t n = pwrite(fd, (const uint8_t *)data + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? last_error() : DAM_EIO;
        }
        done += (size_t)n;
    }
    return DAM_OK;
}

static enum dam_err system_sync(void *ctx, int fd)
{
    (void)ctx;
    return fdatasync(fd) == 0 ? DAM_OK : last_error();
}

static enum dam_err system_sync_disk(void *ctx, int fd)
{
    (void)ctx;
    return syncfs(fd) == 0 ? DAM_OK : last_error();
}

static enum dam_err system_disk(void *ctx, int fd, uint64_t *ret)
{
    (void)ctx;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return last_error();
    }
    *ret = st.st_dev;
    return DAM_OK;
}

static enum dam_err system_lock(void *ctx, int fd)
{
    (void)ctx;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return DAM_OK;
    }
    return errno == EWOULDBLOCK ? DAM_ECONFLICT : last_error();
}

static enum dam_err system_make_folder(void *ctx, const char *path)
{
    (void)ctx;
    return dam_file_make_folder(path, 0750);
}

static enum dam_err system_truncate(void *ctx, int fd, uint64_t len)
{
    (void)ctx;
    return ftruncate(fd, (off_t)len) == 0 ? DAM_OK : last_error();
}

static enum dam_err system_size(void *ctx, int fd, uint64_t *ret_len)
{
    (void)ctx;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return last_error();
    }
    *ret_len = (uint64_t)st.st_size;
    return DAM_OK;
}

static enum dam_err system_sync_folder(void *ctx, const char *folder)
{
    (void)ctx;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return last_error();
    }
    enum dam_err err = fsync(fd) == 0 ? DAM_OK : last_error();
    (void)close(fd); /* nothing was written through it */
    return err;
}

static enum dam_err system_replace(void *ctx, const char *old, const char *new_, const char *folder)
{
    return rename(old, new_) == 0 ? system_sync_folder(ctx, folder) : last_error();
}

static void system_close(void *ctx, int fd)
{
    (void)ctx;
    (void)close(fd); /* what counts was synced before */
}

const struct dam_file_ops *dam_file_system(void)
{
    static const struct dam_file_ops ops = {
        .open = system_open,
        .read = system_read,
        .write = system_write,
        .sync = system_sync,
        .sync_disk = system_sync_disk,
        .disk = system_disk,
        .lock = system_lock,
        .make_folder = system_make_folder,
        .truncate = system_truncate,
        .size = system_size,
        .replace = system_replace,
        .sync_folder = system_sync_folder,
        .close = system_close,
    };
    return &ops;
}

enum dam_err dam_file_make_folder(const char *path, unsigned mode)
{
    if (mkdir(path, mode) != 0) {
        return errno == EEXIST ? DAM_OK : last_error();
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int above = fd < 0 ? -1 : openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum dam_err err = above >= 0 && fsync(above) == 0 ? DAM_OK : last_error();
    if (above >= 0) {
        (void)close(above); /* nothing was written through these two */
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return err;
}

enum dam_err dam_file_put(int folder, const char *name, struct dam_bytes text)
{
    char draft[96];
    int len = snprintf(draft, sizeof(draft), ".%s.new", name);
    DAM_ASSERT(len > 0 && (size_t)len < sizeof(draft));
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(folder, draft, flags, 0600); /* a FIFO there must not hold it up */
    if (fd < 0) {
        return last_error();
    }
    enum dam_err err = system_write(NULL, fd, 0, text.data, text.len);
    err = err == DAM_OK && fsync(fd) != 0 ? last_error() : err;
    err = close(fd) != 0 && err == DAM_OK ? last_error() : err;
    err = err == DAM_OK && renameat(folder, draft, folder, name) != 0 ? last_error() : err;
    return err == DAM_OK && fsync(folder) != 0 ? last_error() : err;
}

enum dam_err dam_file_get(int folder, const char *name, size_t len_max, struct dam_arena *arena,
                          struct dam_bytes *ret_text)
{
    struct stat info;
    int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return last_error();
    }
    enum dam_err err = fstat(fd, &info) != 0              ? last_error()
                       : !S_ISREG(info.st_mode)           ? DAM_ENOTFOUND
                       : (uint64_t)info.st_size > len_max ? DAM_EFULL
                                                          : DAM_OK;
    size_t len = err == DAM_OK ? (size_t)info.st_size : 0;
    uint8_t *text = err == DAM_OK ? dam_arena_alloc(arena, len + 1) : NULL;
    err = err == DAM_OK && text == NULL ? DAM_ENOMEM : err;
    err = err == DAM_OK ? system_read(NULL, fd, 0, text, len, &len) : err;
    (void)close(fd); /* only read from */
    if (err == DAM_OK) {
        *ret_text = dam_bytes(text, len);
    }
    return err;
}
