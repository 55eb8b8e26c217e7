// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN 4096

#define PLACES 5

/* Where profiles are: DAM_PROFILES, beside the program in a source tree, or installed. An empty
 * place is none. */
static void places_find(char places[PLACES][PATH_LEN])
{
    char exe[PATH_LEN / 2];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    exe[len < 0 ? 0 : len] = 0;
    char *slash = strrchr(exe, '/');
    if (slash != NULL) {
        *slash = 0;
    }
    const char *env = getenv("DAM_PROFILES");
    (void)snprintf(places[0], PATH_LEN, "%s", env == NULL ? "" : env);
    (void)snprintf(places[1], PATH_LEN, "%s/../profiles", exe);
    (void)snprintf(places[2], PATH_LEN, "%s/../../profiles", exe);
    (void)snprintf(places[3], PATH_LEN, "%s/../share/dam/profiles", exe);
    (void)snprintf(places[4], PATH_LEN, "/usr/share/dam/profiles");
}

/* Returns: whether a place has a profile of that name. Out: path: its folder. */
static bool profile_at(const char *place, const char *name, char *path)
{
    char manifest[PATH_LEN];
    int len = snprintf(manifest, PATH_LEN, "%s/%s/%s", place, name, DAM_MANIFEST_FILE);
    (void)snprintf(path, PATH_LEN, "%s/%s", place, name);
    return place[0] != 0 && len < PATH_LEN && access(manifest, R_OK) == 0;
}

static bool profile_find(const char *name, char *path)
{
    char places[PLACES][PATH_LEN];
    places_find(places);
    for (size_t i = 0; i < PLACES; i++) {
        if (profile_at(places[i], name, path)) {
            return true;
        }
    }
    return false;
}

/* What a profile is: the first sentence at the head of its manifest, below the licence. */
static void profile_about(const char *path, char *ret, int size)
{
    char file[PATH_LEN + 16];
    (void)snprintf(file, sizeof(file), "%s/%s", path, DAM_MANIFEST_FILE);
    FILE *in = fopen(file, "r");
    ret[0] = 0;
    if (in != NULL) {
        bool ok = fgets(ret, size, in) != NULL && fgets(ret, size, in) != NULL;
        (void)fclose(in); /* only read from */
        size_t skip = ok ? strspn(ret, "# ") : strlen(ret);
        memmove(ret, ret + skip, strlen(ret + skip) + 1);
        ret[strcspn(ret, ".\n")] = 0;
    }
}

/* Tells which profiles there are. */
static void profiles_tell(void)
{
    char places[PLACES][PATH_LEN];
    places_find(places);
    for (size_t i = 0; i < PLACES; i++) {
        struct dirent **names = NULL;
        int count = places[i][0] == 0 ? 0 : scandir(places[i], &names, NULL, alphasort);
        for (int k = 0; k < count; k++) {
            char path[PATH_LEN];
            char about[160];
            if (names[k]->d_name[0] != '.' && profile_at(places[i], names[k]->d_name, path)) {
                profile_about(path, about, sizeof(about));
                (void)fprintf(stderr, "  %-14s %s\n", names[k]->d_name, about);
            }
            free(names[k]);
        }
        free(names);
    }
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
    bool named = args.count > 0;
    if (!named || strchr(args.words[0], '/') != NULL || !profile_find(args.words[0], profile)) {
        int code = named
                       ? dam_verb_fail(DAM_EXIT_NOT_FOUND, "DAM_PROFILES names a folder of others",
                                       "there is no profile '%s'", args.words[0])
                       : dam_verb_fail(DAM_EXIT_USAGE, "dam init PROFILE [DIR]", "which profile?");
        profiles_tell();
        return code;
    }
    const char *to = args.count > 1 ? args.words[1] : args.words[0];
    (void)snprintf(path, sizeof(path), "%s/%s", to, DAM_MANIFEST_FILE);
    if (access(path, F_OK) == 0) {
        return dam_verb_fail(DAM_EXIT_REFUSED, "name another folder",
                             "%s is a machine already: it has a %s", to, DAM_MANIFEST_FILE);
    }
    (void)snprintf(path, sizeof(path), "%s", to);
    const char *parent = dirname(path);
    if (access(parent, F_OK) != 0 && errno == ENOENT) {
        char hint[PATH_LEN + 32];
        (void)snprintf(hint, sizeof(hint), "`mkdir -p %s` makes it", parent);
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, hint, "there is no folder %s for the machine's",
                             parent);
    }
    if (!folder_copy(profile, to, 0)) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "cannot copy %s to %s: %s", profile, to,
                             strerror(errno));
    }
    (void)fprintf(stderr, "made %s from the profile %s; `dam config check %s`, then `dam up %s`\n",
                  to, args.words[0], to, to);
    return DAM_EXIT_OK;
}
