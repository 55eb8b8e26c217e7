// SPDX-License-Identifier: Apache-2.0
/* usage: eth-vectors DIR, the unpacked shared/evmtests */
#include "vectors.h"

#include "base/heap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void vectors_check(struct vectors *v, bool ok, const char *fmt, ...)
{
    if (ok) {
        v->passed++;
        return;
    }
    va_list args;
    va_start(args, fmt);
    v->failed++;
    (void)printf("FAILED %s: ", v->file);
    (void)vprintf(fmt, args);
    (void)putchar('\n');
    va_end(args);
}

struct dam_bytes vectors_hex(struct vectors *v, const struct dam_json *json)
{
    struct dam_bytes bytes = {0};
    if (json != NULL && dam_json_hex(json, v->arena, &bytes) != DAM_OK) {
        vectors_check(v, false, "malformed hex: %.*s", (int)json->len, json->text);
    }
    return bytes;
}

const char *vectors_name(struct vectors *v, const struct dam_json *key)
{
    const char *name;
    return key != NULL && dam_json_string(key, v->arena, &name) == DAM_OK ? name : "?";
}

static char *file_read(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long len = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        len = ftell(file);
        rewind(file);
    }
    if (len >= 0) {
        text = malloc((size_t)len + 1);
        *ret_len = text == NULL ? 0 : fread(text, 1, (size_t)len, file);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return text;
}

/* Returns: the number of failures. */
static unsigned suite_run(const char *root, const struct vectors_suite *suite, unsigned *passed)
{
    struct dam_arena arena;
    struct vectors v = {.arena = &arena, .file = suite->path};
    struct dam_json_error error;
    const struct dam_json *json;
    char path[4096];
    size_t len = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", root, suite->path);
    char *text = file_read(path, &len);
    if (text == NULL) {
        (void)printf("skipped: %s: not there\n", suite->path);
        return 0;
    }
    dam_arena_init(&arena, dam_heap(), 0);
    if (dam_json_parse(&arena, text, len, 0, &json, &error) != DAM_OK) {
        vectors_check(&v, false, "line %u: %s", error.line, error.what);
    } else {
        suite->run(&v, json);
        if (v.passed + v.failed == 0) {
            vectors_check(&v, false, "nothing was checked");
        }
    }
    (void)printf("%s: %u checks, %u failed\n", suite->path, v.passed + v.failed, v.failed);
    free(text);
    dam_arena_finish(&arena);
    *passed += v.passed;
    return v.failed;
}

int main(int argc, char **argv)
{
    static const struct vectors_suite *const groups[] = {vectors_basic, vectors_ethers};
    unsigned passed = 0;
    unsigned failed = 0;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: eth-vectors DIR\n");
        return 2;
    }
    for (size_t g = 0; g < DAM_COUNT_OF(groups); g++) {
        for (const struct vectors_suite *suite = groups[g]; suite->path != NULL; suite++) {
            failed += suite_run(argv[1], suite, &passed);
        }
    }
    (void)printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
