// SPDX-License-Identifier: Apache-2.0
#include "machine/evidence.h"

#include "base/assert.h"
#include "core/crypto/sha256.h"

#include <stdio.h>
#include <stdlib.h>

#define RECORD_HEAD 56u /* magic 4, length 4, durable 8, leaf hash 32, check 8 */
#define STATE_LEN 160u
#define TREE_FILES 8u
#define TILE 256u
#define WINDOW (64u * 1024u)
#define STATE_EVERY 65536u
#define BATCH_MAX (64u << 20)
#define PATH_MAX_ 4096u
#define SYNC_DISK_FROM 6u /* from so many stores on one flush of the file system is cheaper */

_Static_assert(WINDOW > RECORD_HEAD + DAM_RECORD_LEAF_MAX, "a record fits the window");

static const char magic[4] = "DLOG";
static const char state_magic[8] = "DAMEVST1";

struct tail_entry {
    struct dam_hash hash;
    uint64_t offset;
};

struct dam_evidence {
    const struct dam_file_ops *ops;
    char folder[PATH_MAX_];
    bool write;
    bool relaxed;
    enum dam_err dead;
    uint64_t disk; /* that holds the log */
    int log_fd;
    int index_fd; /* -1, as those of the tree: not there, and opened for reading only */
    int tree_fd[TREE_FILES];
    struct dam_hash machine;
    bool machine_known;
    struct dam_record_frontier frontier; /* of everything appended */
    struct dam_hash last;
    uint64_t durable;     /* leaves */
    uint64_t durable_len; /* bytes of the log */
    uint64_t flushed_len;
    uint64_t stored; /* leaves whose hash and offset are in the derived files */
    uint64_t state_size;
    struct tail_entry *tail; /* those after `stored` */
    size_t tail_size;
    uint8_t *batch; /* records not yet handed to the kernel; starts at flushed_len */
    size_t batch_len;
    size_t batch_size;
    uint8_t *window; /* the part of the log read last */
    uint64_t window_offset;
    size_t window_len;
};

static enum dam_err die(struct dam_evidence *e, enum dam_err err)
{
    e->dead = e->dead == DAM_OK ? err : e->dead;
    return e->dead;
}

/* ---- records --------------------------------------------------------------------------------- */

static void check_of(const uint8_t *head, uint8_t *ret)
{
    struct dam_hash hash;
    dam_sha256(head, RECORD_HEAD - 8, &hash);
    memcpy(ret, hash.b, 8);
}

static void head_store(uint8_t *head, size_t len, uint64_t durable, const struct dam_hash *hash)
{
    memcpy(head, magic, 4);
    dam_store_be32(head + 4, (uint32_t)len);
    dam_store_be64(head + 8, durable);
    memcpy(head + 16, hash->b, 32);
    check_of(head, head + 48);
}

static bool head_is_good(const uint8_t *head)
{
    uint8_t check[8];
    check_of(head, check);
    return memcmp(head, magic, 4) == 0 && memcmp(check, head + 48, 8) == 0 &&
           dam_load_be32(head + 4) <= DAM_RECORD_LEAF_MAX;
}

/* len bytes of the log at offset, from the window. NULL with *ret_err DAM_OK: the log ends before.
 */
static const uint8_t *log_read(struct dam_evidence *e, uint64_t offset, size_t len,
                               enum dam_err *ret_err)
{
    *ret_err = DAM_OK;
    if (offset >= e->flushed_len && e->batch_len > 0) {
        uint64_t at = offset - e->flushed_len;
        return at + len <= e->batch_len ? e->batch + at : NULL;
    }
    if (offset < e->window_offset || offset + len > e->window_offset + e->window_len) {
        e->window = e->window == NULL ? malloc(WINDOW) : e->window;
        if (e->window == NULL) {
            *ret_err = DAM_ENOMEM;
            return NULL;
        }
        e->window_offset = offset;
        e->window_len = 0;
        *ret_err = e->ops->read(e->ops->ctx, e->log_fd, offset, e->window, WINDOW, &e->window_len);
        if (*ret_err != DAM_OK || len > e->window_len) {
            return NULL;
        }
    }
    return e->window + (offset - e->window_offset);
}

/* The good record at offset. NULL with *ret_err DAM_OK if there is none. */
static const uint8_t *record_read(struct dam_evidence *e, uint64_t offset, size_t *ret_len,
                                  struct dam_hash *ret_hash, enum dam_err *ret_err)
{
    const uint8_t *head = log_read(e, offset, RECORD_HEAD, ret_err);
    if (head == NULL || !head_is_good(head)) {
        return NULL;
    }
    size_t len = dam_load_be32(head + 4);
    const uint8_t *record = log_read(e, offset, RECORD_HEAD + len, ret_err);
    if (record == NULL) {
        return NULL;
    }
    dam_record_leaf_hash(dam_bytes(record + RECORD_HEAD, len), ret_hash);
    if (memcmp(ret_hash->b, record + 16, 32) != 0) {
        return NULL;
    }
    *ret_len = len;
    return record + RECORD_HEAD;
}

/* ---- derived files --------------------------------------------------------------------------- */

static enum dam_err derived_write(struct dam_evidence *e)
{
    uint64_t count = e->frontier.size - e->stored;
    while (count > 0) {
        uint8_t hashes[TILE * 32];
        uint8_t offsets[TILE * 8];
        size_t n = count < TILE ? (size_t)count : TILE;
        for (size_t i = 0; i < n; i++) {
            memcpy(hashes + 32 * i, e->tail[i].hash.b, 32);
            dam_store_be64(offsets + 8 * i, e->tail[i].offset);
        }
        DAM_TRY(e->ops->write(e->ops->ctx, e->tree_fd[0], e->stored * 32, hashes, 32 * n));
        DAM_TRY(e->ops->write(e->ops->ctx, e->index_fd, e->stored * 8, offsets, 8 * n));
        e->stored += n;
        count -= n;
        memmove(e->tail, e->tail + n, (size_t)count * sizeof(*e->tail));
    }
    return DAM_OK;
}

static enum dam_err tail_add(struct dam_evidence *e, const struct dam_hash *hash, uint64_t offset)
{
    size_t count = (size_t)(e->frontier.size - e->stored);
    if (count == e->tail_size) {
        size_t size = e->tail_size == 0 ? 16 : 2 * e->tail_size;
        struct tail_entry *tail = realloc(e->tail, size * sizeof(*tail));
        if (tail == NULL) {
            return DAM_ENOMEM;
        }
        e->tail = tail;
        e->tail_size = size;
    }
    e->tail[count] = (struct tail_entry){*hash, offset};
    return DAM_OK;
}

/* One more leaf in the tree, its derived data in memory or, a tile at a time, in the files. */
static enum dam_err tree_add(struct dam_evidence *e, const struct dam_hash *hash, uint64_t offset)
{
    struct dam_hash nodes[DAM_RECORD_LEVELS_MAX];
    DAM_TRY(tail_add(e, hash, offset));
    unsigned top = dam_record_append(&e->frontier, hash, nodes);
    e->last = *hash;
    if (!e->write) {
        return DAM_OK;
    }
    for (unsigned file = 1; file < TREE_FILES && 8 * file <= top; file++) {
        uint64_t index = (e->frontier.size >> (8 * file)) - 1;
        DAM_TRY(e->ops->write(e->ops->ctx, e->tree_fd[file], index * 32, nodes[8 * file].b, 32));
    }
    return e->frontier.size % TILE == 0 ? derived_write(e) : DAM_OK;
}

static enum dam_err file_hashes(struct dam_evidence *e, unsigned file, uint64_t index, size_t count,
                                struct dam_hash *ret)
{
    size_t len = 0;
    if (e->tree_fd[file] < 0) {
        return DAM_ENOTFOUND;
    }
    DAM_TRY(e->ops->read(e->ops->ctx, e->tree_fd[file], index * 32, ret, 32 * count, &len));
    return len == 32 * count ? DAM_OK : DAM_ECORRUPT;
}

/* The perfect subtree at (level, index). What the files do not hold yet is hashed from the tail. */
static enum dam_err node_read(void *ctx, unsigned level, uint64_t index, struct dam_hash *ret)
{
    struct dam_evidence *e = ctx;
    uint64_t end = (index + 1) << level;
    if (end > e->frontier.size) {
        return DAM_ERANGE;
    }
    if (end <= e->stored) {
        struct dam_hash hashes[TILE];
        unsigned inner = level % 8;
        size_t count = (size_t)1 << inner;
        DAM_TRY(file_hashes(e, level / 8, index << inner, count, hashes));
        for (; count > 1; count /= 2) {
            for (size_t i = 0; i < count / 2; i++) {
                dam_record_node_hash(&hashes[2 * i], &hashes[2 * i + 1], &hashes[i]);
            }
        }
        *ret = hashes[0];
        return DAM_OK;
    }
    if (level == 0) {
        *ret = e->tail[index - e->stored].hash;
        return DAM_OK;
    }
    struct dam_hash left;
    struct dam_hash right;
    DAM_TRY(node_read(ctx, level - 1, 2 * index, &left));
    DAM_TRY(node_read(ctx, level - 1, 2 * index + 1, &right));
    dam_record_node_hash(&left, &right, ret);
    return DAM_OK;
}

/* ---- state file: where a later open may begin ------------------------------------------------ */

static enum dam_err path_of(const struct dam_evidence *e, const char *name, char *ret)
{
    int len = snprintf(ret, PATH_MAX_, "%s/%s", e->folder, name);
    return len > 0 && (size_t)len < PATH_MAX_ ? DAM_OK : DAM_ERANGE;
}

/* Derived files are not synced with every leaf; this makes them durable and says up to where. */
static enum dam_err state_save(struct dam_evidence *e)
{
    uint8_t state[STATE_LEN] = {0};
    char path[PATH_MAX_];
    char temporary[PATH_MAX_];
    struct dam_hash hash;
    int fd = -1;
    DAM_TRY(path_of(e, "state", path));
    DAM_TRY(path_of(e, "state.new", temporary));
    DAM_TRY(derived_write(e));
    DAM_TRY(e->ops->sync(e->ops->ctx, e->index_fd));
    for (size_t i = 0; i < TREE_FILES; i++) {
        DAM_TRY(e->ops->sync(e->ops->ctx, e->tree_fd[i]));
    }
    memcpy(state, state_magic, 8);
    dam_store_be64(state + 8, e->frontier.size);
    dam_store_be64(state + 16, e->durable_len);
    dam_evidence_root(e, &hash);
    memcpy(state + 32, hash.b, 32);
    memcpy(state + 64, e->last.b, 32);
    memcpy(state + 96, e->machine.b, 32);
    dam_sha256(state, 128, &hash);
    memcpy(state + 128, hash.b, 32);
    DAM_TRY(e->ops->open(e->ops->ctx, temporary, true, &fd));
    enum dam_err err = e->ops->write(e->ops->ctx, fd, 0, state, sizeof(state));
    err = err == DAM_OK ? e->ops->sync(e->ops->ctx, fd) : err;
    e->ops->close(e->ops->ctx, fd);
    DAM_TRY(err);
    DAM_TRY(e->ops->replace(e->ops->ctx, temporary, path, e->folder));
    e->state_size = e->frontier.size;
    return DAM_OK;
}

static bool frontier_load(struct dam_evidence *e, uint64_t size, const uint8_t *root)
{
    struct dam_hash hash;
    uint64_t index_len = 0;
    if (e->index_fd < 0 || e->ops->size(e->ops->ctx, e->index_fd, &index_len) != DAM_OK ||
        index_len < size * 8) {
        return false;
    }
    e->stored = size;
    e->frontier.size = size;
    for (unsigned level = 0; level < DAM_RECORD_LEVELS_MAX; level++) {
        if ((size >> level & 1) != 0 &&
            node_read(e, level, (size >> level) - 1, &e->frontier.nodes[level]) != DAM_OK) {
            return false;
        }
    }
    dam_record_frontier_root(&e->frontier, &hash);
    return memcmp(hash.b, root, 32) == 0;
}

/* Begin where the state file says, if its word can be checked; else at the log's first byte. The
 * state is only ever a shortcut. Returns: DAM_ECORRUPT if the log is shorter than the state knew it
 * to be durable. */
static enum dam_err state_load(struct dam_evidence *e, uint64_t log_len)
{
    uint8_t state[STATE_LEN];
    char path[PATH_MAX_];
    struct dam_hash check;
    size_t len = 0;
    int fd = -1;
    DAM_TRY(path_of(e, "state", path));
    if (e->ops->open(e->ops->ctx, path, false, &fd) != DAM_OK) {
        return DAM_OK;
    }
    enum dam_err err = e->ops->read(e->ops->ctx, fd, 0, state, sizeof(state), &len);
    e->ops->close(e->ops->ctx, fd);
    if (err != DAM_OK || len != sizeof(state) || memcmp(state, state_magic, 8) != 0) {
        return DAM_OK;
    }
    dam_sha256(state, 128, &check);
    if (memcmp(check.b, state + 128, 32) != 0) {
        return DAM_OK;
    }
    if (dam_load_be64(state + 16) > log_len) {
        return DAM_ECORRUPT;
    }
    if (!frontier_load(e, dam_load_be64(state + 8), state + 32)) {
        e->stored = 0;
        e->frontier = (struct dam_record_frontier){0};
        return DAM_OK;
    }
    memcpy(e->last.b, state + 64, 32);
    memcpy(e->machine.b, state + 96, 32);
    e->machine_known = true;
    e->state_size = e->stored;
    e->durable_len = dam_load_be64(state + 16);
    return DAM_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* After a bad record at `offset`: is there a record behind it that was written when this place was
 * already durable? Then acknowledged leaves are damaged; otherwise the batch was torn. */
static enum dam_err torn_or_damaged(struct dam_evidence *e, uint64_t offset, uint64_t log_len)
{
    for (uint64_t at = offset + 1; at + RECORD_HEAD <= log_len; at++) {
        enum dam_err err;
        const uint8_t *head = log_read(e, at, RECORD_HEAD, &err);
        DAM_TRY(err);
        if (head == NULL) {
            break;
        }
        if (memcmp(head, magic, 4) == 0 && head_is_good(head) && dam_load_be64(head + 8) > offset) {
            return DAM_ECORRUPT;
        }
    }
    return DAM_OK;
}

static enum dam_err scan(struct dam_evidence *e, uint64_t log_len)
{
    uint64_t offset = e->durable_len;
    e->flushed_len = log_len;
    for (;;) {
        struct dam_record_leaf leaf;
        struct dam_hash hash;
        enum dam_err err;
        size_t len = 0;
        const uint8_t *data = record_read(e, offset, &len, &hash, &err);
        DAM_TRY(err);
        if (data == NULL) {
            break;
        }
        DAM_TRY(dam_record_leaf_load(dam_bytes(data, len), &leaf));
        if (leaf.seq != e->frontier.size || !dam_hash_eq(&leaf.prev, &e->last) ||
            (e->machine_known && !dam_hash_eq(&leaf.machine, &e->machine))) {
            return DAM_ECORRUPT;
        }
        e->machine = leaf.machine;
        e->machine_known = true;
        DAM_TRY(tree_add(e, &hash, offset));
        offset += RECORD_HEAD + len;
    }
    DAM_TRY(torn_or_damaged(e, offset, log_len));
    e->flushed_len = offset;
    e->durable_len = offset;
    e->durable = e->frontier.size;
    e->window_len = 0;
    free(e->window); /* a writer rarely reads: do not hold it for every machine of a fleet */
    e->window = NULL;
    return DAM_OK;
}

/* Who only reads does without a file that the log makes anew. */
static enum dam_err derived_open(struct dam_evidence *e, const char *name, int *ret_fd)
{
    char path[PATH_MAX_];
    DAM_TRY(path_of(e, name, path));
    enum dam_err err = e->ops->open(e->ops->ctx, path, e->write, ret_fd);
    return err == DAM_ENOTFOUND && !e->write ? DAM_OK : err;
}

static enum dam_err files_open(struct dam_evidence *e)
{
    char path[PATH_MAX_];
    char name[16];
    if (e->write) {
        DAM_TRY(e->ops->make_folder(e->ops->ctx, e->folder));
    }
    DAM_TRY(path_of(e, "log", path));
    DAM_TRY(e->ops->open(e->ops->ctx, path, e->write, &e->log_fd));
    if (e->write) {
        enum dam_err err = e->ops->lock(e->ops->ctx, e->log_fd);
        DAM_TRY(err == DAM_ECONFLICT ? DAM_EEXIST : err);
    }
    DAM_TRY(derived_open(e, "index", &e->index_fd));
    for (unsigned i = 0; i < TREE_FILES; i++) {
        (void)snprintf(name, sizeof(name), "tree%u", i);
        DAM_TRY(derived_open(e, name, &e->tree_fd[i]));
    }
    return e->write ? e->ops->sync_folder(e->ops->ctx, e->folder) : DAM_OK;
}

static enum dam_err open_checked(struct dam_evidence *e, const struct dam_hash *machine)
{
    uint64_t log_len = 0;
    DAM_TRY(files_open(e));
    DAM_TRY(e->ops->disk(e->ops->ctx, e->log_fd, &e->disk));
    DAM_TRY(e->ops->size(e->ops->ctx, e->log_fd, &log_len));
    DAM_TRY(state_load(e, log_len));
    DAM_TRY(scan(e, log_len));
    if (machine != NULL) {
        if (e->machine_known && !dam_hash_eq(machine, &e->machine) && e->frontier.size > 0) {
            return DAM_ECONFLICT;
        }
        e->machine = *machine;
        e->machine_known = true;
    }
    if (e->write && e->flushed_len < log_len) { /* take the torn end away before writing on */
        DAM_TRY(e->ops->truncate(e->ops->ctx, e->log_fd, e->flushed_len));
    }
    /* The leaves found may be in the page cache only: a crash of the process is not one of the
     * machine. They count as durable from now on. */
    return e->write ? e->ops->sync(e->ops->ctx, e->log_fd) : DAM_OK;
}

enum dam_err dam_evidence_open(const char *folder, bool write, const struct dam_hash *machine,
                               const struct dam_file_ops *ops, struct dam_evidence **ret)
{
    struct dam_evidence *e = calloc(1, sizeof(*e));
    if (e == NULL || strlen(folder) >= sizeof(e->folder)) {
        free(e);
        return e == NULL ? DAM_ENOMEM : DAM_ERANGE;
    }
    memcpy(e->folder, folder, strlen(folder) + 1);
    e->ops = ops == NULL ? dam_file_system() : ops;
    e->write = write;
    e->log_fd = -1;
    e->index_fd = -1;
    memset(e->tree_fd, 0xff, sizeof(e->tree_fd)); /* -1 */
    enum dam_err err = open_checked(e, machine);
    if (err != DAM_OK) {
        (void)die(e, err);
        dam_evidence_close(e);
        return err;
    }
    *ret = e;
    return DAM_OK;
}

void dam_evidence_close(struct dam_evidence *e)
{
    if (e == NULL) {
        return;
    }
    if (e->write && e->dead == DAM_OK && dam_evidence_sync(e) == DAM_OK) {
        (void)state_save(e); /* a shortcut for the next open, nothing more */
    }
    for (size_t i = 0; i < TREE_FILES; i++) {
        if (e->tree_fd[i] >= 0) {
            e->ops->close(e->ops->ctx, e->tree_fd[i]);
        }
    }
    if (e->index_fd >= 0) {
        e->ops->close(e->ops->ctx, e->index_fd);
    }
    if (e->log_fd >= 0) {
        e->ops->close(e->ops->ctx, e->log_fd);
    }
    free(e->tail);
    free(e->batch);
    free(e->window);
    free(e);
}

/* ---- writing --------------------------------------------------------------------------------- */

static enum dam_err batch_reserve(struct dam_evidence *e, size_t len)
{
    size_t size = e->batch_size == 0 ? 4096 : e->batch_size;
    while (size < e->batch_len + len) {
        size *= 2;
    }
    if (size > BATCH_MAX) {
        return DAM_EFULL;
    }
    if (size != e->batch_size) {
        uint8_t *batch = realloc(e->batch, size);
        if (batch == NULL) {
            return DAM_ENOMEM;
        }
        e->batch = batch;
        e->batch_size = size;
    }
    return DAM_OK;
}

enum dam_err dam_evidence_append(struct dam_evidence *e, struct dam_record_leaf *leaf,
                                 struct dam_bytes *ret_data)
{
    DAM_ASSERT(e->write);
    struct dam_hash hash;
    size_t len = 0;
    if (e->dead != DAM_OK) {
        return e->dead;
    }
    leaf->seq = e->frontier.size;
    leaf->machine = e->machine;
    leaf->prev = e->last;
    DAM_TRY(batch_reserve(e, RECORD_HEAD + DAM_RECORD_LEAF_MAX));
    uint8_t *record = e->batch + e->batch_len;
    enum dam_err err = dam_record_leaf_store(leaf, record + RECORD_HEAD, DAM_RECORD_LEAF_MAX, &len);
    if (err != DAM_OK) {
        return err;
    }
    dam_record_leaf_hash(dam_bytes(record + RECORD_HEAD, len), &hash);
    head_store(record, len, e->durable_len, &hash);
    err = tree_add(e, &hash, e->flushed_len + e->batch_len);
    if (err != DAM_OK) {
        return die(e, err);
    }
    e->batch_len += RECORD_HEAD + len;
    *ret_data = dam_bytes(record + RECORD_HEAD, len);
    return DAM_OK;
}

enum dam_err dam_evidence_flush(struct dam_evidence *e)
{
    if (e->dead != DAM_OK || e->batch_len == 0) {
        return e->dead;
    }
    enum dam_err err =
        e->ops->write(e->ops->ctx, e->log_fd, e->flushed_len, e->batch, e->batch_len);
    if (err != DAM_OK) {
        return die(e, err);
    }
    e->flushed_len += e->batch_len;
    e->batch_len = 0;
    return DAM_OK;
}

static enum dam_err synced(struct dam_evidence *e)
{
    e->durable = e->frontier.size;
    e->durable_len = e->flushed_len;
    if (e->frontier.size - e->state_size >= STATE_EVERY) {
        enum dam_err err = state_save(e);
        return err == DAM_OK ? DAM_OK : die(e, err);
    }
    return DAM_OK;
}

enum dam_err dam_evidence_sync(struct dam_evidence *e)
{
    enum dam_err err = dam_evidence_flush(e);
    if (err != DAM_OK || e->durable_len == e->flushed_len) {
        return err;
    }
    err = e->relaxed ? DAM_OK : e->ops->sync(e->ops->ctx, e->log_fd);
    return err == DAM_OK ? synced(e) : die(e, err);
}

void dam_evidence_relax(struct dam_evidence *e)
{
    e->relaxed = true;
}

static bool on_one_disk(struct dam_evidence **list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (list[i]->disk != list[0]->disk) {
            return false;
        }
    }
    return true;
}

void dam_evidence_sync_all(struct dam_evidence **list, size_t count)
{
    if (count < SYNC_DISK_FROM || list[0]->relaxed || !on_one_disk(list, count)) {
        for (size_t i = 0; i < count; i++) {
            if (dam_evidence_sync(list[i]) != DAM_OK) {
                continue; /* the store keeps its error */
            }
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (dam_evidence_flush(list[i]) != DAM_OK) {
            continue;
        }
    }
    enum dam_err err = list[0]->ops->sync_disk(list[0]->ops->ctx, list[0]->log_fd);
    for (size_t i = 0; i < count; i++) {
        if (err != DAM_OK) {
            (void)die(list[i], err);
        } else if (list[i]->dead == DAM_OK) {
            (void)synced(list[i]);
        }
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

enum dam_err dam_evidence_error(const struct dam_evidence *e)
{
    return e->dead;
}

uint64_t dam_evidence_size(const struct dam_evidence *e)
{
    return e->frontier.size;
}

uint64_t dam_evidence_durable(const struct dam_evidence *e)
{
    return e->durable;
}

static enum dam_err offset_of(struct dam_evidence *e, uint64_t seq, uint64_t *ret)
{
    uint8_t data[8];
    size_t len = 0;
    if (seq >= e->frontier.size) {
        return DAM_ERANGE;
    }
    if (seq >= e->stored) {
        *ret = e->tail[seq - e->stored].offset;
        return DAM_OK;
    }
    DAM_TRY(e->ops->read(e->ops->ctx, e->index_fd, seq * 8, data, 8, &len));
    *ret = dam_load_be64(data);
    return len == 8 ? DAM_OK : DAM_ECORRUPT;
}

enum dam_err dam_evidence_read(struct dam_evidence *e, uint64_t seq, struct dam_bytes *ret_data)
{
    struct dam_hash want;
    struct dam_hash hash;
    uint64_t offset = 0;
    enum dam_err err;
    size_t len = 0;
    DAM_TRY(offset_of(e, seq, &offset));
    DAM_TRY(dam_evidence_hash(e, seq, &want));
    const uint8_t *data = record_read(e, offset, &len, &hash, &err);
    DAM_TRY(err);
    if (data == NULL || !dam_hash_eq(&hash, &want)) {
        return DAM_ECORRUPT;
    }
    *ret_data = dam_bytes(data, len);
    return DAM_OK;
}

enum dam_err dam_evidence_leaf(struct dam_evidence *e, uint64_t seq, struct dam_record_leaf *ret)
{
    struct dam_bytes data;
    DAM_TRY(dam_evidence_read(e, seq, &data));
    return dam_record_leaf_load(data, ret);
}

enum dam_err dam_evidence_hash(struct dam_evidence *e, uint64_t seq, struct dam_hash *ret)
{
    return node_read(e, 0, seq, ret);
}

void dam_evidence_root(const struct dam_evidence *e, struct dam_hash *ret)
{
    dam_record_frontier_root(&e->frontier, ret);
}

struct dam_record_source dam_evidence_source(struct dam_evidence *e)
{
    return (struct dam_record_source){.read = node_read, .ctx = e};
}

enum dam_err dam_evidence_tile(struct dam_evidence *e, unsigned level, uint64_t index,
                               unsigned width, struct dam_hash *ret_hashes)
{
    if (level >= TREE_FILES || width < 1 || width > TILE || index > UINT64_MAX / TILE - 1) {
        return DAM_ERANGE;
    }
    uint64_t first = index * TILE;
    if (first + width > e->frontier.size >> (8 * level)) {
        return DAM_ERANGE;
    }
    for (unsigned i = 0; i < width; i++) {
        DAM_TRY(node_read(e, 8 * level, first + i, &ret_hashes[i]));
    }
    return DAM_OK;
}
