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

static void assert_holds(const char *text)
{
    char got[64] = {0};
    int fd = openat(folder, "small", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
    (void)close(fd);
    assert_string_equal(got, text);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_put_and_put_again),
        cmocka_unit_test(a_full_disk_leaves_the_old_one),
        cmocka_unit_test(a_folder_is_made_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
