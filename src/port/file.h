// SPDX-License-Identifier: Apache-2.0
/* An append-mostly file on a disk that may fail: the effects that the evidence log is made of, one
 * slot each, so that a test can make any of them fail or tear. */
#ifndef DAM_PORT_FILE_H
#define DAM_PORT_FILE_H

#include "base/arena.h"
#include "base/err.h"

/* All may block. Errors: DAM_ENOSPC for a full disk, DAM_ENOTFOUND from open, else DAM_EIO. After a
 * failed sync nothing is known about what is on the disk: the caller stops and opens again. */
struct dam_file_ops {
    /* write: create it if it is not there. */
    enum dam_err (*open)(void *ctx, const char *path, bool write, int *ret_fd);
    /* All len bytes or an error; *ret_len (fewer only at the file's end). */
    enum dam_err (*read)(void *ctx, int fd, uint64_t offset, void *data, size_t len,
                         size_t *ret_len);
    enum dam_err (*write)(void *ctx, int fd, uint64_t offset, const void *data, size_t len);
    enum dam_err (*sync)(void *ctx, int fd);
    /* sync for every file of the file system that holds fd. */
    enum dam_err (*sync_disk)(void *ctx, int fd);
    /* Which file system that is: equal numbers are one. */
    enum dam_err (*disk)(void *ctx, int fd, uint64_t *ret);
    /* Take the file for this process alone; DAM_ECONFLICT if another has it. Ends with close. */
    enum dam_err (*lock)(void *ctx, int fd);
    /* As dam_file_make_folder, for its owner and group. */
    enum dam_err (*make_folder)(void *ctx, const char *path);
    enum dam_err (*truncate)(void *ctx, int fd, uint64_t len);
    enum dam_err (*size)(void *ctx, int fd, uint64_t *ret_len);
    /* rename old to new_, then make the folder durable. */
    enum dam_err (*replace)(void *ctx, const char *old, const char *new_, const char *folder);
    /* Make the folder's entries durable. */
    enum dam_err (*sync_folder)(void *ctx, const char *folder);
    void (*close)(void *ctx, int fd);
    void *ctx;
};

/** The real disk. Returns: a static object. */
const struct dam_file_ops *dam_file_system(void);

/** Make a folder; a new one's name is durable in the folder above. May block. Returns: DAM_OK, also
 * if it is there already; DAM_ENOSPC, DAM_ENOTFOUND, DAM_EIO. In: mode: of a new one. */
DAM_MUST_USE enum dam_err dam_file_make_folder(const char *path, unsigned mode);

/** Put a small file into an open folder of the real disk, durable and whole: whoever reads it finds
 *  the old one or the new. May block. Returns: DAM_OK, DAM_ENOSPC, DAM_EIO. In: name: at most 80
 *  bytes; ".NAME.new" is used on the way. */
DAM_MUST_USE enum dam_err dam_file_put(int folder, const char *name, struct dam_bytes text);

/** Read a small file of the real disk that another program has put into an open folder. Waits for
 *  nobody, whatever lies there: a link is not followed, a FIFO is no file.
 *  Returns: DAM_OK with *ret_text in the arena; DAM_ENOTFOUND if there is no such file; DAM_EFULL
 * if it is longer than len_max; DAM_ENOMEM; DAM_EIO. */
DAM_MUST_USE enum dam_err dam_file_get(int folder, const char *name, size_t len_max,
                                       struct dam_arena *arena, struct dam_bytes *ret_text);

#endif
