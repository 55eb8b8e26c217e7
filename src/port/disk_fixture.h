// SPDX-License-Identifier: Apache-2.0
/* For tests that die: a disk in memory that a parent and its dying child share, below the real
 * code's struct dam_file_ops. Each write, sync, rename and truncation is a step, at one of which
 * the child ends; what is then on the disk is what the kernel had (a kill) or, after
 * disk_fixture_power_cut, of what was not synced any sector. The test defines DISK_FILES and
 * DISK_FILE_MAX, and points disk_world to shared memory. */
#ifndef DAM_PORT_DISK_FIXTURE_H
#define DAM_PORT_DISK_FIXTURE_H

#include "base/assert.h"
#include "base/prng.h"
#include "port/file.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK_SECTOR 512u
#define DISK_NAME_LEN 160u
#define DISK_DIED 77 /* the exit code of a child that reached its step */

struct disk_file {
    char name[DISK_NAME_LEN];
    bool there;
    bool durable_there;
    size_t len;
    size_t durable_len;
    uint8_t data[DISK_FILE_MAX];    /* as the kernel has it */
    uint8_t durable[DISK_FILE_MAX]; /* as the platter has it */
};

static struct disk_fixture {
    struct disk_file files[DISK_FILES];
    uint64_t steps;
    uint64_t die_at; /* 0: never */
} * disk_world;

/* One more point at which the process may end. */
static inline void disk_fixture_step(void)
{
    disk_world->steps++;
    if (disk_world->steps == disk_world->die_at) {
        _exit(DISK_DIED);
    }
}

static struct disk_file *file_find(const char *name, bool make)
{
    struct disk_file *free_one = NULL;
    for (size_t i = 0; i < DISK_FILES; i++) {
        struct disk_file *f = &disk_world->files[i];
        if (f->there && strcmp(f->name, name) == 0) {
            return f;
        }
        free_one = free_one == NULL && !f->there && !f->durable_there ? f : free_one;
    }
    if (make && free_one != NULL) {
        memset(free_one, 0, sizeof(*free_one));
        (void)snprintf(free_one->name, sizeof(free_one->name), "%s", name);
        free_one->there = true;
        return free_one;
    }
    return NULL;
}

static enum dam_err disk_open(void *ctx, const char *path, bool write, int *ret_fd)
{
    (void)ctx;
    struct disk_file *f = file_find(path, write);
    if (f == NULL) {
        return DAM_ENOTFOUND;
    }
    *ret_fd = (int)(f - disk_world->files);
    return DAM_OK;
}

static enum dam_err disk_read(void *ctx, int fd, uint64_t offset, void *data, size_t len,
                              size_t *ret_len)
{
    const struct disk_file *f = &disk_world->files[fd];
    (void)ctx;
    *ret_len = offset >= f->len ? 0 : len < f->len - offset ? len : f->len - (size_t)offset;
    memcpy(data, f->data + offset, *ret_len);
    return DAM_OK;
}

/* A write dies before it, in its middle, or after it. */
static enum dam_err disk_write(void *ctx, int fd, uint64_t offset, const void *data, size_t len)
{
    struct disk_file *f = &disk_world->files[fd];
    (void)ctx;
    DAM_ASSERT(offset + len <= DISK_FILE_MAX);
    for (size_t part = 0; part < 2; part++) {
        size_t from = part == 0 ? 0 : len / 2;
        size_t to = part == 0 ? len / 2 : len;
        disk_fixture_step();
        memcpy(f->data + offset + from, (const uint8_t *)data + from, to - from);
        f->len = offset + to > f->len ? (size_t)offset + to : f->len;
    }
    return DAM_OK;
}

static void file_sync(struct disk_file *f)
{
    memcpy(f->durable, f->data, f->len);
    f->durable_len = f->len;
    f->durable_there = f->there;
}

static enum dam_err disk_sync(void *ctx, int fd)
{
    (void)ctx;
    disk_fixture_step();
    file_sync(&disk_world->files[fd]);
    disk_fixture_step();
    return DAM_OK;
}

static enum dam_err disk_sync_disk(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
    disk_fixture_step();
    for (size_t i = 0; i < DISK_FILES; i++) {
        file_sync(&disk_world->files[i]);
    }
    return DAM_OK;
}

static enum dam_err disk_number(void *ctx, int fd, uint64_t *ret)
{
    (void)ctx;
    (void)fd;
    *ret = 1;
    return DAM_OK;
}

static enum dam_err disk_nothing(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
    return DAM_OK;
}

static enum dam_err disk_folder(void *ctx, const char *path)
{
    (void)ctx;
    (void)path;
    return DAM_OK;
}

static enum dam_err disk_truncate(void *ctx, int fd, uint64_t len)
{
    (void)ctx;
    disk_fixture_step();
    disk_world->files[fd].len = (size_t)len;
    return DAM_OK;
}

static enum dam_err disk_size(void *ctx, int fd, uint64_t *ret_len)
{
    (void)ctx;
    *ret_len = disk_world->files[fd].len;
    return DAM_OK;
}

static enum dam_err disk_replace(void *ctx, const char *old, const char *new_, const char *folder)
{
    struct disk_file *from = file_find(old, false);
    struct disk_file *to = file_find(new_, true);
    (void)ctx;
    (void)folder;
    disk_fixture_step();
    memcpy(to->data, from->data, from->len);
    to->len = from->len;
    from->there = false;
    disk_fixture_step();
    file_sync(to);
    file_sync(from);
    return DAM_OK;
}

static void disk_close(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
}

static const struct dam_file_ops disk_fixture_ops = {
    .open = disk_open,
    .read = disk_read,
    .write = disk_write,
    .sync = disk_sync,
    .sync_disk = disk_sync_disk,
    .disk = disk_number,
    .lock = disk_nothing,
    .make_folder = disk_folder,
    .truncate = disk_truncate,
    .size = disk_size,
    .replace = disk_replace,
    .sync_folder = disk_folder,
    .close = disk_close,
};

/* Of what was not synced, any sector of a file may be there, and any length that it had. */
static inline void disk_fixture_power_cut(struct dam_prng *prng)
{
    for (size_t i = 0; i < DISK_FILES; i++) {
        struct disk_file *f = &disk_world->files[i];
        size_t longest = f->len > f->durable_len ? f->len : f->durable_len;
        size_t len = dam_prng_below(prng, 2) == 0 ? f->len : f->durable_len;
        for (size_t at = 0; at < longest; at += DISK_SECTOR) {
            size_t n = longest - at < DISK_SECTOR ? longest - at : DISK_SECTOR;
            if (dam_prng_below(prng, 2) == 0) {
                memcpy(f->data + at, f->durable + at, n);
            }
        }
        f->len = len;
        file_sync(f);
    }
}

/* Have it done by a child that dies at that step (0: at none). Returns: the child's exit code, 0 if
 * it lived. */
static inline int disk_fixture_live(void (*life)(void), uint64_t die_at)
{
    int status = 0;
    disk_world->steps = 0;
    disk_world->die_at = die_at;
    (void)fflush(NULL);
    pid_t pid = fork();
    DAM_ASSERT(pid >= 0);
    if (pid == 0) {
        life();
        _exit(0);
    }
    DAM_ASSERT(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    disk_world->die_at = 0;
    return WEXITSTATUS(status);
}

#endif
