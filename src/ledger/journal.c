// SPDX-License-Identifier: Apache-2.0
#include "ledger/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/assert.h"
#include "port/file.h"

#define MAGIC 0x444a4e31u /* DJN1 */
#define CHANGE_HEAD 7u    /* kind (1), table (1), length of the key (1), of the value (4) */

/* ---- reading --------------------------------------------------------------------------------- */

struct head {
    uint32_t len;
    uint64_t number;
    uint64_t before;
    uint64_t sum;
};

static uint64_t sum_of(const uint8_t *record, size_t len)
{
    uint64_t seed = XXH3_64bits(record, DAM_JOURNAL_HEAD - 8);
    return XXH3_64bits_withSeed(record + DAM_JOURNAL_HEAD, len, seed);
}

/* Is there a whole record? */
static bool head_at(struct dam_bytes file, size_t at, struct head *ret)
{
    if (file.len < DAM_JOURNAL_HEAD || at > file.len - DAM_JOURNAL_HEAD) {
        return false;
    }
    const uint8_t *record = file.data + at;
    *ret = (struct head){dam_load_be32(record + 4), dam_load_be64(record + 8),
                         dam_load_be64(record + 16), dam_load_be64(record + 24)};
    return dam_load_be32(record) == MAGIC && ret->len <= file.len - DAM_JOURNAL_HEAD - at &&
           ret->sum == sum_of(record, ret->len);
}

static size_t pages_of(size_t len)
{
    return (len + DAM_JOURNAL_PAGE - 1) / DAM_JOURNAL_PAGE * DAM_JOURNAL_PAGE;
}

/* A record is only written when the one before it is durable: if there is a later one, this one was
 * acknowledged, and is damaged. */
static bool is_torn_tail(const struct dam_journal_reader *reader)
{
    struct head head;
    for (size_t at = reader->at; at < reader->file.len; at += DAM_JOURNAL_PAGE) {
        if (head_at(reader->file, at, &head) && head.number > reader->place.number) {
            return false;
        }
    }
    return true;
}

enum dam_err dam_journal_next(struct dam_journal_reader *reader, struct dam_bytes *ret)
{
    struct head head;
    if (!head_at(reader->file, reader->at, &head) || head.number <= reader->place.number) {
        return is_torn_tail(reader) ? DAM_ENOTFOUND : DAM_ECORRUPT;
    }
    if (head.number != reader->place.number + 1 || head.before != reader->place.sum) {
        return DAM_ECORRUPT;
    }
    *ret = dam_bytes(reader->file.data + reader->at + DAM_JOURNAL_HEAD, head.len);
    reader->at += pages_of(DAM_JOURNAL_HEAD + head.len);
    reader->place = (struct dam_journal_place){head.number, head.sum};
    return DAM_OK;
}

enum dam_err dam_journal_change(struct dam_bytes *changes, struct dam_journal_change *ret)
{
    const uint8_t *at = changes->data;
    if (changes->len == 0) {
        return DAM_ENOTFOUND;
    }
    if (changes->len < CHANGE_HEAD || at[0] > DAM_JOURNAL_DELETE) {
        return DAM_ECORRUPT;
    }
    size_t key_len = at[2];
    size_t value_len = dam_load_be32(at + 3);
    if (changes->len - CHANGE_HEAD < key_len || changes->len - CHANGE_HEAD - key_len < value_len) {
        return DAM_ECORRUPT;
    }
    ret->kind = (enum dam_journal_kind)at[0];
    ret->table = at[1];
    ret->key = dam_bytes(at + CHANGE_HEAD, key_len);
    ret->value = dam_bytes(at + CHANGE_HEAD + key_len, value_len);
    size_t len = CHANGE_HEAD + key_len + value_len;
    *changes = dam_bytes(at + len, changes->len - len);
    return DAM_OK;
}

/* ---- making a record ------------------------------------------------------------------------- */

void dam_journal_begin(struct dam_buf *record)
{
    dam_buf_put_zeros(record, DAM_JOURNAL_HEAD);
}

void dam_journal_put(struct dam_buf *record, const struct dam_journal_change *change)
{
    uint8_t head[CHANGE_HEAD] = {(uint8_t)change->kind, change->table, (uint8_t)change->key.len};
    DAM_ASSERT(change->key.len <= UINT8_MAX && change->value.len <= UINT32_MAX);
    dam_store_be32(head + 3, (uint32_t)change->value.len);
    dam_buf_put(record, head, sizeof(head));
    dam_buf_put(record, change->key.data, change->key.len);
    dam_buf_put(record, change->value.data, change->value.len);
}

struct dam_journal_place dam_journal_seal(struct dam_buf *record, struct dam_journal_place place)
{
    size_t len = record->len - DAM_JOURNAL_HEAD;
    dam_store_be32(record->data, MAGIC);
    dam_store_be32(record->data + 4, (uint32_t)len);
    dam_store_be64(record->data + 8, place.number + 1);
    dam_store_be64(record->data + 16, place.sum);
    uint64_t sum = sum_of(record->data, len);
    dam_store_be64(record->data + 24, sum);
    return (struct dam_journal_place){place.number + 1, sum};
}

size_t dam_journal_room_of(const struct dam_buf *record)
{
    return pages_of(record->len);
}

/* ---- the file -------------------------------------------------------------------------------- */

void dam_journal_init(struct dam_journal *journal, const char *path, size_t len)
{
    DAM_ASSERT(len % DAM_JOURNAL_PAGE == 0);
    memset(journal, 0, sizeof(*journal));
    journal->fd = -1;
    journal->len = len;
    (void)snprintf(journal->path, sizeof(journal->path), "%s", path); /* a store's path is short */
}

void dam_journal_close(struct dam_journal *journal)
{
    if (journal->fd >= 0) {
        (void)close(journal->fd); /* what counts was synced */
        journal->fd = -1;
    }
}

void dam_journal_remove(struct dam_journal *journal)
{
    dam_journal_close(journal);
    (void)unlink(journal->path); /* what stays is known by its numbers */
}

/* A new file's name is in its folder, which has to be synced as well. */
static enum dam_err sync_folder(const char *path)
{
    const struct dam_file_ops *ops = dam_file_system();
    char copy[4096];
    (void)snprintf(copy, sizeof(copy), "%s", path);
    return ops->sync_folder(ops->ctx, dirname(copy));
}

/* All of it is written once, so that later a sync has data to write and nothing of the file's own
 * (its length, its blocks), which would take twice as long. */
static enum dam_err fill(int fd, size_t len)
{
    static const uint8_t zeros[16 * DAM_JOURNAL_PAGE];
    const struct dam_file_ops *ops = dam_file_system();
    uint64_t at;
    DAM_TRY(ops->size(ops->ctx, fd, &at));
    while (at < len) {
        size_t part = len - at < sizeof(zeros) ? len - at : sizeof(zeros);
        DAM_TRY(ops->write(ops->ctx, fd, at, zeros, part));
        at += part;
    }
    return ops->sync(ops->ctx, fd);
}

enum dam_err dam_journal_open(struct dam_journal *journal)
{
    if (journal->fd >= 0) {
        return DAM_OK;
    }
    int fd = open(journal->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == ENOSPC || errno == EDQUOT ? DAM_ENOSPC : DAM_EIO;
    }
    enum dam_err err = fill(fd, journal->len);
    if (err == DAM_OK) {
        err = sync_folder(journal->path);
    }
    if (err != DAM_OK) {
        (void)close(fd); /* it is opened again, and filled up, with the next record */
        return err;
    }
    journal->fd = fd;
    return DAM_OK;
}

static enum dam_err read_all(int fd, uint8_t **ret, size_t *ret_len)
{
    const struct dam_file_ops *ops = dam_file_system();
    uint64_t len;
    DAM_TRY(ops->size(ops->ctx, fd, &len));
    uint8_t *data = malloc(len + 1);
    if (data == NULL) {
        return DAM_ENOMEM;
    }
    enum dam_err err = ops->read(ops->ctx, fd, 0, data, len, ret_len);
    if (err != DAM_OK || *ret_len != len) {
        free(data);
        return DAM_EIO;
    }
    *ret = data;
    return DAM_OK;
}

enum dam_err dam_journal_load(struct dam_journal *journal, uint8_t **ret, size_t *ret_len)
{
    int fd = open(journal->path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        *ret = NULL;
        *ret_len = 0;
        return errno == ENOENT ? DAM_OK : DAM_EIO;
    }
    enum dam_err err = read_all(fd, ret, ret_len);
    (void)close(fd); /* nothing was written */
    return err;
}

bool dam_journal_has_room(const struct dam_journal *journal, const struct dam_buf *record)
{
    return dam_buf_err(record) == DAM_OK && journal->end + record->len <= journal->len;
}

enum dam_err dam_journal_append(struct dam_journal *journal, struct dam_buf *record)
{
    DAM_ASSERT(dam_journal_has_room(journal, record));
    DAM_TRY(dam_journal_open(journal));
    struct dam_journal_place place = dam_journal_seal(record, journal->place);
    const struct dam_file_ops *ops = dam_file_system();
    DAM_TRY(ops->write(ops->ctx, journal->fd, journal->end, record->data, record->len));
    DAM_TRY(ops->sync(ops->ctx, journal->fd));
    journal->place = place;
    journal->end += dam_journal_room_of(record);
    return DAM_OK;
}

void dam_journal_restart(struct dam_journal *journal, struct dam_journal_place place)
{
    journal->place = place;
    journal->end = 0;
}
