// SPDX-License-Identifier: Apache-2.0
#include "port/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"

static char place[] = "/tmp/dam-file-XXXXXX";
static int folder = -1;

static int setup(void **state)
{
    (void)state;
    folder = mkdtemp(place) == NULL ? -1 : open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0;
}

static int teardown(void **state)
{
    (void)state;
    bool gone = unlinkat(folder, "small", 0) == 0;
    (void)unlinkat(folder, ".small.new", 0); /* of the one that failed */
    return close(folder) != 0 || !gone || rmdir(place) != 0;
}

static enum dam_err get(const char *name, size_t len_max, const char *text)
{
    struct dam_arena arena;
    struct dam_bytes got;
    dam_arena_init(&arena, dam_heap(), 0);
    enum dam_err err = dam_file_get(folder, name, len_max, &arena, &got);
    assert_true(err != DAM_OK || dam_bytes_is(got, text));
    dam_arena_finish(&arena);
    return err;
}

static void assert_holds(const char *text)
{
    assert_int_equal(get("small", strlen(text), text), DAM_OK);
}

static void a_file_is_put_and_put_again(void **state)
{
    (void)state;
    assert_int_equal(dam_file_put(folder, "small", dam_bytes("the first text", 14)), DAM_OK);
    assert_holds("the first text");
    assert_int_equal(dam_file_put(folder, "small", dam_bytes("2nd", 3)), DAM_OK);
    assert_holds("2nd");
    assert_int_equal(faccessat(folder, ".small.new", F_OK, 0), -1);
}

/* A disk that takes the beginning and no more, as a full one does. */
static void a_full_disk_leaves_the_old_one(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(dam_file_put(folder, "small", dam_bytes("old", 3)), DAM_OK);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    const struct rlimit least = {8, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &least), 0);
    enum dam_err err = dam_file_put(folder, "small", dam_bytes("twice as much as fits", 21));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, DAM_ENOSPC);
    assert_holds("old");
}

static void a_folder_is_made_once(void **state)
{
    char above[] = "/tmp/dam-file-XXXXXX";
    char path[64];
    struct stat st;
    (void)state;
    assert_non_null(mkdtemp(above));
    (void)snprintf(path, sizeof(path), "%s/a/b", above);
    assert_int_equal(dam_file_make_folder(path, 0700), DAM_ENOTFOUND);
    (void)snprintf(path, sizeof(path), "%s/a", above);
    assert_int_equal(dam_file_make_folder(path, 0700), DAM_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(dam_file_make_folder(path, 0750), DAM_OK); /* as it is */
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(above), 0);
}

/* What a hostile neighbour may put there: neither reading nor writing waits for it. */
static void what_is_no_file_holds_up_nobody(void **state)
{
    (void)state;
    assert_int_equal(dam_file_put(folder, "small", dam_bytes("small", 5)), DAM_OK);
    assert_int_equal(get("small", 4, ""), DAM_EFULL);
    assert_int_equal(get("none", 4, ""), DAM_ENOTFOUND);
    assert_int_equal(mkfifoat(folder, "fifo", 0600), 0);
    assert_int_equal(get("fifo", 4, ""), DAM_ENOTFOUND);
    assert_int_equal(renameat(folder, "fifo", folder, ".small.new"), 0);
    assert_int_equal(dam_file_put(folder, "small", dam_bytes("more", 4)), DAM_EIO);
    assert_int_equal(unlinkat(folder, ".small.new", 0), 0);
    assert_int_equal(symlinkat("small", folder, "link"), 0);
    assert_int_equal(get("link", 9, ""), DAM_EIO);
    assert_int_equal(unlinkat(folder, "link", 0), 0);
    assert_holds("small");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_put_and_put_again),
        cmocka_unit_test(a_full_disk_leaves_the_old_one),
        cmocka_unit_test(a_folder_is_made_once),
        cmocka_unit_test(what_is_no_file_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
