// SPDX-License-Identifier: Apache-2.0
#ifndef DAM_MACHINE_FOLDER_FIXTURE_H
#define DAM_MACHINE_FOLDER_FIXTURE_H

/** For unit tests alone, after cmocka.h: the folder of a machine that needs no compiled contract.
 *  Its mind, "mind.hex", counts in its memory and proposes the count modulo 10; its charter,
 *  "charter.hex", permits everything, with reason 0. */

#include "machine/manifest.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Make it. In: folder: as for mkdtemp; manifest: dam.toml's text. Returns: false if it cannot be
 *  made. */
static inline bool folder_make(char *folder, const char *manifest)
{
    const char *const files[][2] = {
        {"mind.hex", "60643560c01c60443560031c026001018060c01b606052600a900660c01b60a05260405f52608"
                     "06020526008604052600860805260c05ff3"},
        {"charter.hex", "6044356024013560605260405f5260806020526008604052600260805260c05ff3"},
        {DAM_MANIFEST_FILE, manifest},
    };
    if (mkdtemp(folder) == NULL) {
        return false;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(files); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, files[i][0]);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_true(fputs(files[i][1], file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
    return true;
}

/** Remove a folder and the files in it. Returns: as rmdir. */
static inline int folder_remove(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." stay */
    }
    (void)closedir(dir);
    return rmdir(path);
}

#endif
