// SPDX-License-Identifier: Apache-2.0
#include "signer/state_file.h"

#include <stdlib.h>

#define READ_LEN_MAX (256u << 20) /* an old program never compacted: its file may be long */

static enum dam_err file_append(void *ctx, uint64_t at, const uint8_t *data, size_t len)
{
    const struct dam_signer_state_file *file = ctx;
    return file->ops->write(file->ops->ctx, file->fds[file->live], at, data, len);
}

static enum dam_err file_sync(void *ctx)
{
    const struct dam_signer_state_file *file = ctx;
    return file->ops->sync(file->ops->ctx, file->fds[file->live]);
}

static enum dam_err file_cut(const struct dam_signer_state_file *file, unsigned which, uint64_t len)
{
    DAM_TRY(file->ops->truncate(file->ops->ctx, file->fds[which], len));
    return file->ops->sync(file->ops->ctx, file->fds[which]);
}

static enum dam_err file_replace(void *ctx, const uint8_t *data, size_t len)
{
    struct dam_signer_state_file *file = ctx;
    file->live = 1 - file->live;
    DAM_TRY(file_append(file, 0, data, len));
    DAM_TRY(file_sync(file));
    return file_cut(file, 1 - file->live, 0);
}

struct dam_signer_disk dam_signer_state_file_disk(struct dam_signer_state_file *file)
{
    return (struct dam_signer_disk){file_append, file_sync, file_replace, file};
}

/* The whole of a file in heap memory that the caller frees. */
static enum dam_err file_read(const struct dam_signer_state_file *file, unsigned which,
                              struct dam_bytes *ret)
{
    uint64_t size = 0;
    size_t len = 0;
    DAM_TRY(file->ops->size(file->ops->ctx, file->fds[which], &size));
    if (size > READ_LEN_MAX) {
        return DAM_EFULL;
    }
    uint8_t *data = malloc((size_t)size + 1);
    if (data == NULL) {
        return DAM_ENOMEM;
    }
    enum dam_err err =
        file->ops->read(file->ops->ctx, file->fds[which], 0, data, (size_t)size, &len);
    if (err != DAM_OK) {
        free(data);
        return err;
    }
    *ret = dam_bytes(data, len);
    return DAM_OK;
}

/* The one that begins later; where none begins, the first one, for what is wrong with it. */
static unsigned later(const struct dam_signer_state *state, const struct dam_bytes files[2])
{
    uint64_t first = 0;
    uint64_t second = 0;
    bool has_first = dam_signer_state_begins(state, files[0], &first);
    bool has_second = dam_signer_state_begins(state, files[1], &second);
    return has_second && (!has_first || second > first) ? 1 : 0;
}

enum dam_err dam_signer_state_file_replay(struct dam_signer_state_file *file,
                                          struct dam_signer_state *state)
{
    struct dam_bytes files[2] = {{NULL, 0}, {NULL, 0}};
    enum dam_err err = file_read(file, 0, &files[0]);
    err = err == DAM_OK ? file_read(file, 1, &files[1]) : err;
    if (err == DAM_OK) {
        file->live = later(state, files);
        err = dam_signer_state_replay(state, files[file->live]);
    }
    if (err == DAM_OK && state->file_len < files[file->live].len) {
        err = file_cut(file, file->live, state->file_len);
    }
    if (err == DAM_OK && files[1 - file->live].len > 0) {
        err = file_cut(file, 1 - file->live, 0);
    }
    free((void *)files[0].data);
    free((void *)files[1].data);
    return err;
}
