// SPDX-License-Identifier: Apache-2.0
/* Power cuts under the store. Every write to LMDB's file and to the journal is recorded from below;
 * then both files are put together as they could be after a cut at each point: synced bytes are
 * there, of those that were not each 512-byte sector may be there, be missing, or be torn at 8
 * bytes. Each image is opened and must hold the last acknowledged transaction or the one under way,
 * whole, and go on. DAM_POWER_IMAGES sets how many images (default 1,000). */
/* LMDB calls pwrite by that name; where 64-bit file offsets are asked for, glibc would rename the
 * one below to pwrite64, which is the journal's, and nothing of LMDB's would be recorded. */
#undef _FILE_OFFSET_BITS

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/prng.h"
#include "ledger/store.h"

#define KEYS 96u
#define COMMITS 96u
#define SECTOR 512u
#define EVENTS_MAX 8192u
#define IMAGE_MAX (4u << 20)
#define JOURNAL_LEN (64u << 10) /* full every few commits */

/* The files, by what their names end in. */
enum { STORE, JOURNAL, FILES };
static const char *const file_names[FILES] = {"ledger.mdb", "ledger.journal"};

enum event_kind { EVENT_WRITE, EVENT_SYNC, EVENT_ACK };

struct event {
    enum event_kind kind;
    int file;
    uint64_t offset;
    size_t len;
    uint8_t *data;
    bool synced; /* written through an O_DSYNC descriptor */
};

static struct event events[EVENTS_MAX];
static size_t event_count;
static bool recording;
static int fail_writes_after = -1; /* injected failure: writes that still succeed */
static int fail_with;

/* Which of the files it is; FILES: another one. */
static int file_of(int fd)
{
    char link[64];
    char path[256];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    path[len > 0 ? len : 0] = '\0';
    const char *name = strrchr(path, '/');
    int file = 0;
    while (file < FILES && (name == NULL || strcmp(name + 1, file_names[file]) != 0)) {
        file++;
    }
    return file;
}

static bool fails_now(int fd)
{
    if (fail_writes_after < 0 || file_of(fd) == FILES) {
        return false;
    }
    if (fail_writes_after > 0) {
        fail_writes_after--;
        return false;
    }
    errno = fail_with;
    return true;
}

static void record(enum event_kind kind, int fd, const void *data, size_t len, off_t offset)
{
    int file = recording && fd >= 0 ? file_of(fd) : FILES;
    if (!recording || (fd >= 0 && file == FILES)) {
        return;
    }
    assert_true(event_count < EVENTS_MAX);
    struct event *event = &events[event_count++];
    *event = (struct event){.kind = kind, .file = file, .offset = (uint64_t)offset, .len = len};
    if (kind == EVENT_WRITE) {
        event->data = malloc(len);
        memcpy(event->data, data, len);
        event->synced = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    }
}

/* These take the place of libc's for liblmdb too. */
ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    if (fails_now(fd)) {
        return -1;
    }
    record(EVENT_WRITE, fd, data, len, offset);
    return syscall(SYS_pwrite64, fd, data, len, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t offset)
{
    return pwrite(fd, data, len, offset);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
    ssize_t sum = 0;
    if (file_of(fd) == FILES) {
        return syscall(SYS_writev, fd, iov, count);
    }
    off_t offset = lseek(fd, 0, SEEK_CUR);
    for (int i = 0; i < count; i++) {
        ssize_t done = pwrite(fd, iov[i].iov_base, iov[i].iov_len, offset + sum);
        if (done < 0) {
            return sum > 0 ? sum : done;
        }
        sum += done;
    }
    (void)lseek(fd, offset + sum, SEEK_SET);
    return sum;
}

static int sync_file(int fd, long number)
{
    if (fails_now(fd)) {
        return -1;
    }
    record(EVENT_SYNC, fd, NULL, 0, 0);
    return (int)syscall(number, fd);
}

int fdatasync(int fd)
{
    return sync_file(fd, SYS_fdatasync);
}

int fsync(int fd)
{
    return sync_file(fd, SYS_fsync);
}

/* ---- the model ------------------------------------------------------------------------------- */

/* What each key holds after each commit: 0 nothing, else the seed of its value. */
static uint64_t model[COMMITS + 2][KEYS];

static size_t value_of(uint64_t seed, uint8_t *ret)
{
    struct dam_prng prng = {seed};
    size_t len = 1 + (size_t)dam_prng_below(&prng, seed % 11 == 0 ? 9000 : 90);
    dam_prng_fill(&prng, ret, len);
    return len;
}

static void make_model(void)
{
    struct dam_prng prng = {4711};
    for (unsigned c = 1; c <= COMMITS + 1; c++) {
        memcpy(model[c], model[c - 1], sizeof(model[c]));
        for (unsigned n = 0; n < 14; n++) {
            unsigned key = (unsigned)dam_prng_below(&prng, KEYS);
            model[c][key] = dam_prng_below(&prng, 4) == 0 ? 0 : dam_prng_next(&prng) | 1;
        }
    }
}

static struct dam_bytes key_of(unsigned key, uint8_t ret[8])
{
    dam_store_be64(ret, key * 0x9e3779b97f4a7c15u);
    return dam_bytes(ret, 8);
}

static enum dam_store_table table_of(unsigned key)
{
    return (enum dam_store_table)(1 + key % (DAM_STORE_TABLE_COUNT - 1));
}

static enum dam_err write_commit(struct dam_store *store, unsigned commit)
{
    struct dam_store_txn *txn;
    uint8_t value[9100];
    uint8_t key[8];
    DAM_TRY(dam_store_begin(store, true, &txn));
    for (unsigned k = 0; k < KEYS; k++) {
        enum dam_err err = DAM_OK;
        if (model[commit][k] == model[commit - 1][k]) {
            continue;
        }
        if (model[commit][k] == 0) {
            err = dam_store_delete(txn, table_of(k), key_of(k, key));
        } else {
            size_t len = value_of(model[commit][k], value);
            err = dam_store_put(txn, table_of(k), key_of(k, key), dam_bytes(value, len));
        }
        if (err != DAM_OK) {
            dam_store_abort(txn);
            return err;
        }
    }
    return dam_store_commit(txn);
}

static bool holds(struct dam_store *store, unsigned commit)
{
    struct dam_store_txn *txn;
    uint8_t value[9100];
    uint8_t key[8];
    bool same = true;
    assert_int_equal(dam_store_begin(store, false, &txn), DAM_OK);
    for (unsigned k = 0; k < KEYS && same; k++) {
        struct dam_bytes got;
        enum dam_err err = dam_store_get(txn, table_of(k), key_of(k, key), &got);
        if (model[commit][k] == 0) {
            same = err == DAM_ENOTFOUND;
        } else {
            size_t len = value_of(model[commit][k], value);
            same = err == DAM_OK && got.len == len && memcmp(got.data, value, len) == 0;
        }
    }
    dam_store_abort(txn);
    return same;
}

/* ---- images ---------------------------------------------------------------------------------- */

static char dir[64];
static char image_dir[80];

/* Both files as they are on disk. */
static struct file {
    uint8_t data[IMAGE_MAX];
    size_t len;
} durable[FILES];

static struct dam_store_options options_for(const char *folder)
{
    return (struct dam_store_options){
        .dir = folder, .size_max = (size_t)64 << 20, .journal_len = JOURNAL_LEN};
}

static void apply(struct file *files, const struct event *event, struct dam_prng *prng)
{
    uint8_t *image = files[event->file].data;
    size_t *len = &files[event->file].len;
    size_t end = (size_t)event->offset + event->len;
    assert_true(end <= IMAGE_MAX);
    if (prng == NULL) {
        memcpy(image + event->offset, event->data, event->len);
        *len = end > *len ? end : *len;
        return;
    }
    for (size_t at = 0; at < event->len; at += SECTOR) {
        size_t part = event->len - at < SECTOR ? event->len - at : SECTOR;
        uint8_t *to = image + event->offset + at;
        uint64_t fate = dam_prng_below(prng, 8);
        if (fate < 3) {
            continue; /* never reached the disk */
        }
        if (fate < 6) {
            memcpy(to, event->data + at, part);
        } else { /* torn: each 8 bytes old or new */
            for (size_t i = 0; i < part; i += 8) {
                if (dam_prng_below(prng, 2) == 0) {
                    memcpy(to + i, event->data + at + i, part - i < 8 ? part - i : 8);
                }
            }
        }
        size_t reached = (size_t)event->offset + at + part;
        *len = reached > *len ? reached : *len;
    }
}

static void write_image(const struct file *files)
{
    for (int i = 0; i < FILES; i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", image_dir, file_names[i]);
        (void)unlink(path);
        if (files[i].len == 0) {
            continue;
        }
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(syscall(SYS_pwrite64, fd, files[i].data, files[i].len, 0),
                         (long)files[i].len);
        (void)close(fd);
    }
}

static void check_image(unsigned acked, size_t at)
{
    struct dam_store *store;
    struct dam_store_fault fault;
    struct dam_store_options options = options_for(image_dir);
    enum dam_err err = dam_store_open(&options, &store, &fault);
    if (err != DAM_OK) {
        fail_msg("cut at event %zu, %u acknowledged: %s: %s", at, acked, dam_err_name(err),
                 fault.text);
    }
    bool now = holds(store, acked);
    bool next = !now && acked < COMMITS && holds(store, acked + 1);
    if (!now && !next) {
        fail_msg("cut at event %zu, %u acknowledged: other content (%s)", at, acked,
                 dam_store_last_fault(store));
    }
    /* And it must be able to go on: pages that are in use may not be given out again. */
    unsigned at_commit = next ? acked + 1 : acked;
    if (at_commit < COMMITS) {
        assert_int_equal(write_commit(store, at_commit + 1), DAM_OK);
        if (!holds(store, at_commit + 1)) {
            fail_msg("cut at event %zu, %u acknowledged, next %d: cannot go on (%s)", at, acked,
                     next, dam_store_last_fault(store));
        }
    }
    dam_store_close(store);
}

static void record_all(void)
{
    struct dam_store *store;
    struct dam_store_fault fault;
    struct dam_store_options options = options_for(dir);
    assert_int_equal(dam_store_open(&options, &store, &fault), DAM_OK);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/ledger.mdb", dir);
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, durable[STORE].data, IMAGE_MAX);
    (void)close(fd);
    assert_true(len > 0);
    durable[STORE].len = (size_t)len;
    recording = true;
    for (unsigned c = 1; c <= COMMITS; c++) {
        assert_int_equal(write_commit(store, c), DAM_OK);
        record(EVENT_ACK, -1, NULL, 0, 0);
        if (c % 13 == 0) { /* and not only when the journal is full */
            assert_int_equal(dam_store_settle(store), DAM_OK);
        }
    }
    dam_store_close(store);
    recording = false;
}

static void make_dirs(void)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(dir, sizeof(dir), "%s/dam-power-XXXXXX", base);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(image_dir, sizeof(image_dir), "%s/image", dir);
}

static void remove_dirs(void)
{
    static const char *const names[] = {"image/ledger.mdb",
                                        "image/ledger.mdb-lock",
                                        "image/ledger.lock",
                                        "image/ledger.journal",
                                        "image",
                                        "ledger.mdb",
                                        "ledger.mdb-lock",
                                        "ledger.lock",
                                        "ledger.journal"};
    char path[128];
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)remove(path);
    }
    (void)rmdir(dir);
}

static void test_power_cuts(void **state)
{
    static struct file image[FILES];
    const char *wanted = getenv("DAM_POWER_IMAGES");
    size_t images = wanted != NULL ? strtoul(wanted, NULL, 10) : 1000;
    size_t made = 0;
    (void)state;
    make_dirs();
    make_model();
    record_all();
    assert_int_equal(mkdir(image_dir, 0700), 0);
    struct dam_prng prng = {20260101};
    size_t rounds = images / event_count + 1;
    const struct event *pending[EVENTS_MAX];
    size_t pending_count = 0;
    unsigned acked = 0;
    for (size_t i = 0; i < event_count; i++) {
        const struct event *event = &events[i];
        if (event->kind == EVENT_ACK) {
            acked++;
            continue;
        }
        if (event->kind == EVENT_WRITE) {
            pending[pending_count++] = event;
        }
        for (size_t r = 0; r < rounds && pending_count > 0; r++) {
            for (int k = 0; k < FILES; k++) {
                size_t used = durable[k].len > image[k].len ? durable[k].len : image[k].len;
                memcpy(image[k].data, durable[k].data, used); /* zeros behind its end */
                image[k].len = durable[k].len;
            }
            for (size_t p = 0; p < pending_count; p++) {
                apply(image, pending[p], &prng);
            }
            write_image(image);
            check_image(acked, i);
            made++;
        }
        if (event->kind == EVENT_SYNC || event->synced) {
            size_t left = 0;
            for (size_t p = 0; p < pending_count; p++) {
                if (pending[p]->file == event->file) {
                    apply(durable, pending[p], NULL);
                } else {
                    pending[left++] = pending[p];
                }
            }
            pending_count = left;
        }
    }
    assert_int_equal(acked, COMMITS);
    (void)fprintf(stderr, "power cuts: %zu images of %zu events, none lost, none wrong\n", made,
                  event_count);
    assert_true(made >= images / 2);
    remove_dirs();
}

#define REFUSED 7u /* a commit of more than a page */

/* Some commits, the last of which the disk refuses at its n-th write or sync: it says so, nothing
 * has changed, and with the disk well again it goes on. Returns: was it refused? */
static bool refuse_once(const struct dam_store_options *options, int reason, int after)
{
    struct dam_store *store;
    struct dam_store_fault fault;
    assert_int_equal(dam_store_open(options, &store, &fault), DAM_OK);
    for (unsigned c = 1; c < REFUSED; c++) {
        assert_int_equal(write_commit(store, c), DAM_OK);
    }
    fail_with = reason;
    fail_writes_after = after;
    enum dam_err err = write_commit(store, REFUSED);
    if (err != DAM_OK) { /* LMDB calls a short write an I/O error. */
        assert_true(err == DAM_EIO || (err == DAM_ENOSPC && reason == ENOSPC));
        assert_true(holds(store, REFUSED - 1)); /* while the disk is as it is */
        fail_writes_after = -1;
        assert_int_equal(write_commit(store, REFUSED), DAM_OK);
    }
    fail_writes_after = -1;
    assert_true(holds(store, REFUSED));
    dam_store_close(store);
    assert_int_equal(dam_store_open(options, &store, &fault), DAM_OK);
    assert_true(holds(store, REFUSED));
    assert_int_equal(write_commit(store, REFUSED + 1), DAM_OK);
    assert_true(holds(store, REFUSED + 1));
    dam_store_close(store);
    return err != DAM_OK;
}

/* By way of the journal, and past it: the second options leave it no room. */
static void test_refused_writes(void **state)
{
    static const int reasons[] = {ENOSPC, EIO};
    static const size_t journals[] = {JOURNAL_LEN, 4096};
    unsigned refused[DAM_COUNT_OF(journals)] = {0};
    (void)state;
    make_dirs();
    make_model();
    for (size_t r = 0; r < DAM_COUNT_OF(reasons); r++) {
        for (size_t j = 0; j < DAM_COUNT_OF(journals); j++) {
            for (int after = 0; after < 12; after++) {
                struct dam_store_options options = options_for(dir);
                options.journal_len = journals[j];
                refused[j] += refuse_once(&options, reasons[r], after);
                remove_dirs();
                make_dirs();
            }
        }
    }
    remove_dirs();
    assert_int_equal(refused[0], 4); /* a write and a sync, for each reason */
    assert_true(refused[1] >= 6);
}

/* What was committed and what the file cannot take in is read all the same, stays in the journal
 * when the store is closed, and is there when it is opened again. */
static void test_refused_settling(void **state)
{
    struct dam_store *store;
    struct dam_store_fault fault;
    (void)state;
    make_dirs();
    make_model();
    for (int after = 0; after < 4; after++) {
        struct dam_store_options options = options_for(dir);
        assert_int_equal(dam_store_open(&options, &store, &fault), DAM_OK);
        for (unsigned c = 1; c <= 3; c++) {
            assert_int_equal(write_commit(store, c), DAM_OK);
        }
        assert_int_equal(dam_store_unsettled(store), 3);
        fail_with = EIO;
        fail_writes_after = after;
        assert_int_equal(dam_store_settle(store), DAM_EIO);
        assert_int_equal(dam_store_unsettled(store), 3);
        assert_true(holds(store, 3));
        dam_store_close(store); /* the disk still refuses */
        fail_writes_after = -1;
        assert_int_equal(dam_store_open(&options, &store, &fault), DAM_OK);
        assert_int_equal(dam_store_unsettled(store), 3);
        assert_true(holds(store, 3));
        assert_int_equal(write_commit(store, 4), DAM_OK);
        assert_int_equal(dam_store_settle(store), DAM_OK);
        assert_int_equal(dam_store_unsettled(store), 0);
        assert_true(holds(store, 4));
        dam_store_close(store);
        remove_dirs();
        make_dirs();
    }
    remove_dirs();
}

/* Every byte of the file turned over in turn (a sample of them): found, or without effect. */
static void test_rot(void **state)
{
    static uint8_t file[IMAGE_MAX];
    struct dam_store_fault fault;
    struct dam_store *store;
    struct dam_store_options options = options_for(dir);
    unsigned silent = 0;
    unsigned found = 0;
    (void)state;
    make_dirs();
    make_model();
    options.dir = dir;
    assert_int_equal(dam_store_open(&options, &store, &fault), DAM_OK);
    for (unsigned c = 1; c <= 8; c++) {
        assert_int_equal(write_commit(store, c), DAM_OK);
    }
    struct dam_store_txn *txn;
    struct dam_store_cursor cursor = {0};
    assert_int_equal(dam_store_settle(store), DAM_OK);
    assert_int_equal(dam_store_begin(store, false, &txn), DAM_OK);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/ledger.mdb", dir);
    int fd = open(path, O_RDWR);
    ssize_t len = read(fd, file, IMAGE_MAX);
    assert_true(len > 0);
    for (int table = 1; table < DAM_STORE_TABLE_COUNT; table++) {
        enum dam_err err =
            dam_store_seek(&cursor, txn, (enum dam_store_table)table, dam_bytes(NULL, 0));
        while (err == DAM_OK) {
            /* Find this value in the file and turn one bit of it over. */
            uint8_t *at = memmem(file, (size_t)len, cursor.value.data, cursor.value.len);
            if (at != NULL && cursor.value.len > 8) {
                uint8_t bad = at[3] ^ 0x10;
                uint8_t key[8];
                struct dam_bytes got;
                memcpy(key, cursor.key.data, 8);
                assert_int_equal(syscall(SYS_pwrite64, fd, &bad, 1, at + 3 - file), 1);
                enum dam_err read =
                    dam_store_get(txn, (enum dam_store_table)table, dam_bytes(key, 8), &got);
                found += read == DAM_ECORRUPT;
                silent += read == DAM_OK && got.data[3] == bad;
                assert_int_equal(syscall(SYS_pwrite64, fd, at + 3, 1, at + 3 - file), 1);
            }
            err = dam_store_next(&cursor);
        }
    }
    dam_store_cursor_close(&cursor);
    dam_store_abort(txn);
    dam_store_close(store);
    (void)close(fd);
    remove_dirs();
    assert_int_equal(silent, 0);
    assert_true(found > 20);
}

/* A large transaction's memory goes back when nobody looks at the store, and only then; what is in
 * it stays, and it goes on. */
static void test_memory_given_back(void **state)
{
    enum { LARGE = 6 << 20 };
    struct dam_store *store;
    struct dam_store_fault fault;
    struct dam_store_txn *txn;
    struct dam_store_txn *reader;
    struct dam_bytes got;
    uint8_t key[8];
    uint8_t value[1024] = {7};
    (void)state;
    make_dirs();
    make_model();
    struct dam_store_options options = options_for(dir);
    assert_int_equal(dam_store_open(&options, &store, &fault), DAM_OK);
    assert_int_equal(write_commit(store, 1), DAM_OK);
    assert_int_equal(dam_store_begin(store, true, &txn), DAM_OK);
    for (unsigned i = 0; i < LARGE / sizeof(value); i++) {
        struct dam_bytes bytes = dam_bytes(value, sizeof(value));
        dam_store_be64(key, i);
        assert_int_equal(dam_store_put(txn, DAM_STORE_POOL, dam_bytes(key, 8), bytes), DAM_OK);
    }
    assert_int_equal(dam_store_commit(txn), DAM_OK);
    size_t before = mallinfo2().uordblks;
    assert_int_equal(dam_store_begin(store, false, &reader), DAM_OK);
    dam_store_release_memory(store);
    assert_int_equal(dam_store_get(reader, DAM_STORE_POOL, dam_bytes(key, 8), &got), DAM_OK);
    dam_store_abort(reader);
    dam_store_release_memory(store);
#ifndef DAM_ASAN /* which has a heap of its own */
    assert_true(mallinfo2().uordblks + LARGE / 2 < before);
#else
    (void)before;
#endif
    assert_int_equal(dam_store_begin(store, false, &reader), DAM_OK);
    assert_int_equal(dam_store_get(reader, DAM_STORE_POOL, dam_bytes(key, 8), &got), DAM_OK);
    assert_int_equal(got.len, sizeof(value));
    dam_store_abort(reader);
    assert_true(holds(store, 1));
    assert_int_equal(write_commit(store, 2), DAM_OK);
    assert_true(holds(store, 2));
    dam_store_close(store);
    remove_dirs();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cuts),        cmocka_unit_test(test_refused_writes),
        cmocka_unit_test(test_refused_settling),  cmocka_unit_test(test_rot),
        cmocka_unit_test(test_memory_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
