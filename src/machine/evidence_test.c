// SPDX-License-Identifier: Apache-2.0
/* The evidence store on a disk that ends at any byte, tears, rots or refuses. */
#include "machine/evidence.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define LEAVES 600

static char folder[] = "/tmp/dam-evidence-XXXXXX";
static const struct dam_hash machine = {{7}};

static void path_of(const char *name, char *ret)
{
    (void)snprintf(ret, 256, "%s/%s", folder, name);
}

static int folder_make(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/dam-evidence-XXXXXX", sizeof(folder));
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int folder_remove(void **state)
{
    static const char *const names[] = {"log",   "index", "state", "state.new", "tree0", "tree1",
                                        "tree2", "tree3", "tree4", "tree5",     "tree6", "tree7"};
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        char path[256];
        path_of(names[i], path);
        (void)unlink(path);
    }
    return rmdir(folder);
}

static uint64_t add(struct dam_evidence *e, uint64_t number)
{
    struct dam_bytes stored;
    struct dam_bytes again;
    uint8_t text[900];
    memset(text, 'a' + (int)(number % 26), sizeof(text));
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_GAP, .time_ms = (int64_t)number};
    leaf.gap = (struct dam_record_gap){1, 2, dam_bytes(text, number * 37 % sizeof(text))};
    assert_int_equal(dam_evidence_append(e, &leaf, &stored), DAM_OK);
    assert_int_equal(dam_evidence_read(e, leaf.seq, &again), DAM_OK);
    assert_true(dam_bytes_eq(stored, again));
    return leaf.seq;
}

static void fill(uint64_t count)
{
    struct dam_evidence *e = NULL;
    assert_int_equal(dam_evidence_open(folder, true, &machine, NULL, &e), DAM_OK);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(add(e, i), i);
        if (i % 7 == 0) {
            assert_int_equal(dam_evidence_sync(e), DAM_OK);
            assert_int_equal(dam_evidence_durable(e), i + 1);
        }
    }
    dam_evidence_close(e);
}

static void check_all(struct dam_evidence *e, uint64_t count)
{
    struct dam_record_frontier frontier = {0};
    struct dam_hash root;
    struct dam_hash stored;
    const struct dam_record_source source = dam_evidence_source(e);
    for (uint64_t seq = 0; seq < count; seq++) {
        struct dam_bytes data;
        struct dam_record_leaf leaf;
        struct dam_hash hash;
        assert_int_equal(dam_evidence_read(e, seq, &data), DAM_OK);
        assert_int_equal(dam_record_leaf_load(data, &leaf), DAM_OK);
        assert_int_equal(leaf.seq, seq);
        assert_int_equal(leaf.time_ms, seq);
        dam_record_leaf_hash(data, &hash);
        (void)dam_record_append(&frontier, &hash, NULL);
    }
    dam_record_frontier_root(&frontier, &root);
    assert_int_equal(dam_record_root(&source, count, &stored), DAM_OK);
    assert_true(dam_hash_eq(&root, &stored));
}

static void leaves_are_found_again(void **state)
{
    (void)state;
    struct dam_evidence *e = NULL;
    struct dam_record_proof proof;
    struct dam_hash root;
    struct dam_hash hash;
    fill(LEAVES);
    for (int write = 0; write < 2; write++) {
        assert_int_equal(dam_evidence_open(folder, write != 0, NULL, NULL, &e), DAM_OK);
        assert_int_equal(dam_evidence_size(e), LEAVES);
        check_all(e, LEAVES);
        const struct dam_record_source source = dam_evidence_source(e);
        dam_evidence_root(e, &root);
        for (uint64_t seq = 0; seq < LEAVES; seq += 97) {
            assert_int_equal(dam_record_prove_inclusion(&source, seq, LEAVES, &proof), DAM_OK);
            assert_int_equal(dam_evidence_hash(e, seq, &hash), DAM_OK);
            assert_true(dam_record_verify_inclusion(&hash, seq, LEAVES, &proof, &root));
        }
        dam_evidence_close(e);
    }
}

static void derived_files_are_rebuilt(void **state)
{
    (void)state;
    static const char *const lost[] = {"state", "index", "tree0", "tree1"};
    for (size_t i = 0; i < 4 * DAM_COUNT_OF(lost); i++) { /* emptied or gone, to read or to write */
        struct dam_evidence *e = NULL;
        char path[256];
        assert_int_equal(folder_make(NULL), 0);
        fill(LEAVES);
        path_of(lost[i / 4], path);
        assert_int_equal(i % 2 == 0 ? truncate(path, 0) : unlink(path), 0);
        assert_int_equal(dam_evidence_open(folder, i % 4 < 2, &machine, NULL, &e), DAM_OK);
        assert_int_equal(dam_evidence_size(e), LEAVES);
        check_all(e, LEAVES);
        dam_evidence_close(e);
        assert_int_equal(folder_remove(NULL), 0);
    }
    assert_int_equal(folder_make(NULL), 0);
}

/* A power cut leaves any beginning of what was written since the last sync. */
static void any_beginning_is_a_good_log(void **state)
{
    (void)state;
    struct dam_evidence *e = NULL;
    char path[256];
    path_of("log", path);
    fill(20);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static uint8_t data[64 * 1024];
    size_t len = fread(data, 1, sizeof(data), file);
    assert_int_equal(fclose(file), 0);
    size_t checked = 0;
    uint64_t last = 20;
    for (size_t cut = len; cut-- > 0;) {
        char state_path[256];
        path_of("state", state_path);
        (void)unlink(state_path);
        assert_int_equal(truncate(path, (off_t)cut), 0);
        if (cut % 13 != 0) {
            continue;
        }
        assert_int_equal(dam_evidence_open(folder, false, NULL, NULL, &e), DAM_OK);
        uint64_t size = dam_evidence_size(e);
        assert_true(size <= last && size + 1 >= last);
        last = size;
        check_all(e, size);
        dam_evidence_close(e);
        checked++;
    }
    assert_int_equal(last, 0);
    assert_true(checked > 500);
}

/* One flipped bit anywhere in what was acknowledged: refused or never read, not taken for true. */
static void rot_is_found(void **state)
{
    (void)state;
    char path[256];
    struct dam_prng prng = {.state = 5};
    path_of("log", path);
    fill(40);
    FILE *file = fopen(path, "rb+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long len = ftell(file);
    size_t refused = 0;
    for (int round = 0; round < 300; round++) {
        struct dam_evidence *e = NULL;
        char state_path[256];
        long at = (long)dam_prng_below(&prng, (uint64_t)len);
        int bit = 1 << dam_prng_below(&prng, 8);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        int byte = fgetc(file);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fputc(byte ^ bit, file), byte ^ bit);
        assert_int_equal(fflush(file), 0);
        path_of("state", state_path);
        (void)unlink(state_path);
        enum dam_err err = dam_evidence_open(folder, false, NULL, NULL, &e);
        refused += err == DAM_ECORRUPT ? 1 : 0;
        if (err == DAM_OK) { /* in the last batch it cannot be told from a torn write */
            assert_true(dam_evidence_size(e) >= 35);
            check_all(e, dam_evidence_size(e));
            dam_evidence_close(e);
        }
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fputc(byte, file), byte);
        assert_int_equal(fflush(file), 0);
    }
    assert_int_equal(fclose(file), 0);
    assert_true(refused > 200);
}

/* ---- a disk that fails at the Nth call ------------------------------------------------------- */

struct failing {
    int left; /* calls until the failure; counts on below zero */
    bool fired;
};

static bool fails(void *ctx)
{
    struct failing *f = ctx;
    f->left--;
    f->fired = f->fired || f->left < 0;
    return f->left < 0;
}

static enum dam_err failing_write(void *ctx, int fd, uint64_t offset, const void *data, size_t len)
{
    if (fails(ctx)) { /* half of it arrives */
        (void)!dam_file_system()->write(NULL, fd, offset, data, len / 2);
        return DAM_ENOSPC;
    }
    return dam_file_system()->write(NULL, fd, offset, data, len);
}

static enum dam_err failing_sync(void *ctx, int fd)
{
    return fails(ctx) ? DAM_EIO : dam_file_system()->sync(NULL, fd);
}

/* Write and sync until the disk fails for ever; what was acknowledged before must be there. */
static void after_any_failure_acknowledged_leaves_are_there(void **state)
{
    (void)state;
    bool fired = true;
    int rounds = 0;
    for (int n = 0; fired; n++, rounds++) {
        struct failing failing = {.left = n};
        struct dam_file_ops ops = *dam_file_system();
        struct dam_evidence *e = NULL;
        uint64_t acknowledged = 0;
        ops.write = failing_write;
        ops.sync = failing_sync;
        ops.ctx = &failing;
        assert_int_equal(folder_make(NULL), 0);
        if (dam_evidence_open(folder, true, &machine, &ops, &e) == DAM_OK) {
            for (uint64_t i = 0; i < 270; i++) {
                struct dam_record_leaf leaf = {.kind = DAM_RECORD_GAP, .time_ms = (int64_t)i};
                struct dam_bytes stored;
                bool ok = dam_evidence_append(e, &leaf, &stored) == DAM_OK &&
                          (i % 10 != 9 || dam_evidence_sync(e) == DAM_OK);
                if (!ok) {
                    assert_int_not_equal(dam_evidence_error(e), DAM_OK);
                    assert_int_not_equal(dam_evidence_sync(e), DAM_OK); /* dead stays dead */
                    break;
                }
                acknowledged = dam_evidence_durable(e);
            }
            dam_evidence_close(e);
        }
        fired = failing.fired;
        assert_int_equal(dam_evidence_open(folder, true, &machine, NULL, &e), DAM_OK);
        assert_true(dam_evidence_size(e) >= acknowledged);
        check_all(e, dam_evidence_size(e));
        uint64_t size = dam_evidence_size(e);
        assert_int_equal(add(e, size), size); /* and it goes on */
        assert_int_equal(dam_evidence_sync(e), DAM_OK);
        dam_evidence_close(e);
        assert_int_equal(folder_remove(NULL), 0);
    }
    assert_true(rounds > 60);
    assert_int_equal(folder_make(NULL), 0);
}

/* ---- many stores ----------------------------------------------------------------------------- */

#define STORES 8u /* enough for one flush of their file system */

/* Disks in turn, where there are several, and what was asked of them. */
struct disks {
    uint64_t count;
    uint64_t opened;
    unsigned syncs;
    unsigned disk_syncs;
};

static enum dam_err counted_disk(void *ctx, int fd, uint64_t *ret)
{
    struct disks *disks = ctx;
    (void)fd;
    *ret = disks->opened++ % disks->count;
    return DAM_OK;
}

static enum dam_err counted_sync(void *ctx, int fd)
{
    struct disks *disks = ctx;
    (void)fd;
    disks->syncs++;
    return DAM_OK;
}

static enum dam_err counted_sync_disk(void *ctx, int fd)
{
    struct disks *disks = ctx;
    (void)fd;
    disks->disk_syncs++;
    return DAM_OK;
}

/* One flush is of one file system: what lies on another is not durable by it. */
static void one_flush_is_of_one_disk(void **state)
{
    (void)state;
    for (uint64_t count = 1; count <= 2; count++) {
        char folders[STORES][sizeof(folder)];
        struct dam_evidence *stores[STORES];
        struct disks disks = {.count = count};
        struct dam_file_ops ops = *dam_file_system();
        ops.disk = counted_disk;
        ops.sync = counted_sync;
        ops.sync_disk = counted_sync_disk;
        ops.ctx = &disks;
        for (size_t i = 0; i < STORES; i++) {
            assert_int_equal(folder_make(NULL), 0);
            memcpy(folders[i], folder, sizeof(folder));
            assert_int_equal(dam_evidence_open(folder, true, &machine, &ops, &stores[i]), DAM_OK);
            assert_int_equal(add(stores[i], 0), 0);
        }
        disks.syncs = 0;
        dam_evidence_sync_all(stores, STORES);
        assert_int_equal(disks.syncs, count == 1 ? 0 : STORES);
        assert_int_equal(disks.disk_syncs, count == 1 ? 1 : 0);
        for (size_t i = 0; i < STORES; i++) {
            assert_int_equal(dam_evidence_durable(stores[i]), 1);
            dam_evidence_close(stores[i]);
            memcpy(folder, folders[i], sizeof(folder));
            assert_int_equal(folder_remove(NULL), 0);
        }
    }
}

static void one_writer(void **state)
{
    (void)state;
    struct dam_evidence *e = NULL;
    struct dam_evidence *other = NULL;
    static const struct dam_hash stranger = {{8}};
    assert_int_equal(dam_evidence_open(folder, false, NULL, NULL, &e), DAM_ENOTFOUND);
    assert_int_equal(dam_evidence_open(folder, true, &machine, NULL, &e), DAM_OK);
    assert_int_equal(dam_evidence_open(folder, true, &machine, NULL, &other), DAM_EEXIST);
    assert_int_equal(add(e, 0), 0);
    assert_int_equal(dam_evidence_sync(e), DAM_OK);
    assert_int_equal(dam_evidence_open(folder, false, NULL, NULL, &other), DAM_OK);
    assert_int_equal(dam_evidence_size(other), 1);
    dam_evidence_close(other);
    dam_evidence_close(e);
    assert_int_equal(dam_evidence_open(folder, true, &stranger, NULL, &e), DAM_ECONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(leaves_are_found_again, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(derived_files_are_rebuilt, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(any_beginning_is_a_good_log, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(rot_is_found, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(after_any_failure_acknowledged_leaves_are_there,
                                        folder_make, folder_remove),
        cmocka_unit_test(one_flush_is_of_one_disk),
        cmocka_unit_test_setup_teardown(one_writer, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
