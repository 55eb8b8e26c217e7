// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN 4096

/* Where profiles are: DAM_PROFILES, beside the program in a source tree, or installed. Returns
 * false if there is none of that name. */
static bool profile_find(const char *name, char *path, size_t size)
{
    char exe[PATH_LEN];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    exe[len < 0 ? 0 : len] = 0;
    char *slash = strrchr(exe, '/');
    if (slash != NULL) {
        *slash = 0;
    }
    const char *env = getenv("DAM_PROFILES");
    const struct {
        const char *folder;
        const char *below;
    } places[] = {{env == NULL ? "" : env, ""},
                  {exe, "/../profiles"},
                  {exe, "/../../profiles"},
                  {exe, "/../share/dam/profiles"},
                  {"/usr/share/dam", "/profiles"}};
    for (size_t i = 0; i < DAM_COUNT_OF(places); i++) {
        (void)snprintf(path, size, "%s%s/%s/%s", places[i].folder, places[i].below, name,
                       DAM_MANIFEST_FILE);
        if (places[i].folder[0] != 0 && access(path, R_OK) == 0) {
            (void)snprintf(path, size, "%s%s/%s", places[i].folder, places[i].below, name);
            return true;
        }
    }
    return false;
}

static bool file_copy(const char *from, const char *to)
{
    char data[65536];
    FILE *in = fopen(from, "rb");
    FILE *out = in == NULL ? NULL : fopen(to, "wbx"); /* never over a file that is there */
    bool ok = out != NULL;
    for (size_t len = 1; ok && len > 0;) {
        len = fread(data, 1, sizeof(data), in);
        ok = fwrite(data, 1, len, out) == len && ferror(in) == 0;
    }
    if (in != NULL) {
        (void)fclose(in); /* only read from */
    }
    return (out == NULL || fclose(out) == 0) && ok;
}

/* Copies a folder; profiles are a few levels deep. */
static bool folder_copy(const char *from, const char *to, int depth)
{
    DIR *dir = depth > 8 ? NULL : opendir(from);
    bool ok = dir != NULL && (mkdir(to, 0750) == 0 || errno == EEXIST);
    for (struct dirent *entry = ok ? readdir(dir) : NULL; ok && entry != NULL;
         entry = readdir(dir)) {
        char a[PATH_LEN];
        char b[PATH_LEN];
        struct stat st;
        if (entry->d_name[0] == '.') {
            continue;
        }
        int a_len = snprintf(a, sizeof(a), "%s/%s", from, entry->d_name);
        int b_len = snprintf(b, sizeof(b), "%s/%s", to, entry->d_name);
        ok = a_len < PATH_LEN && b_len < PATH_LEN && stat(a, &st) == 0 &&
             (S_ISDIR(st.st_mode) ? folder_copy(a, b, depth + 1) : file_copy(a, b));
    }
    if (dir != NULL) {
        (void)closedir(dir); /* only read from */
    }
    return ok;
}

int dam_verb_init(int argc, char **argv)
{
    struct dam_args args;
    const struct dam_arg table[] = {{NULL, NULL, NULL}};
    char profile[PATH_LEN];
    char path[PATH_LEN];
    if (!dam_args_parse(argc, argv, table, 2, &args)) {
        return DAM_EXIT_USAGE;
    }
    if (args.count < 1) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam init PROFILE [DIR]", "which profile?");
    }
    const char *to = args.count > 1 ? args.words[1] : args.words[0];
    if (strchr(args.words[0], '/') != NULL || !profile_find(args.words[0], profile, PATH_LEN)) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND,
                             "profiles are the folders of profiles/; DAM_PROFILES names others",
                             "there is no profile '%s'", args.words[0]);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", to, DAM_MANIFEST_FILE);
    if (access(path, F_OK) == 0) {
        return dam_verb_fail(DAM_EXIT_REFUSED, "name another folder",
                             "%s is a machine already: it has a %s", to, DAM_MANIFEST_FILE);
    }
    if (!folder_copy(profile, to, 0)) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "cannot copy %s to %s: %s", profile, to,
                             strerror(errno));
    }
    (void)fprintf(stderr, "made %s from the profile %s; `dam config check %s`, then `dam up %s`\n",
                  to, args.words[0], to, to);
    return DAM_EXIT_OK;
}
