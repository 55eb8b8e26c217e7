// SPDX-License-Identifier: Apache-2.0
/* A plain driver for fuzz targets, so that they run under any compiler: first every file of the
 * corpus, then mutations of it from a fixed seed. With clang's libFuzzer the same targets get
 * coverage guidance instead. */
#include "base/prng.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_LEN_MAX 4096u
#define CORPUS_MAX 1024u

struct input {
    uint8_t *data;
    size_t len;
};

static struct input corpus[CORPUS_MAX];
static size_t corpus_count;

static void corpus_read(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL && corpus_count < CORPUS_MAX;
         entry = readdir(dir)) {
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (file == NULL) {
            continue;
        }
        uint8_t *data = malloc(INPUT_LEN_MAX * 16);
        size_t len = data == NULL ? 0 : fread(data, 1, INPUT_LEN_MAX * 16, file);
        (void)fclose(file);
        corpus[corpus_count++] = (struct input){data, len};
    }
    (void)closedir(dir);
}

/* Copies to the exact size, so that ASan sees the first byte read past the end. */
static void run_one(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, len);
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static size_t mutate(struct dam_prng *prng, uint8_t *data)
{
    size_t len = 0;
    if (corpus_count > 0 && dam_prng_below(prng, 8) != 0) {
        const struct input *seed = &corpus[dam_prng_below(prng, corpus_count)];
        len = seed->len < INPUT_LEN_MAX ? seed->len : INPUT_LEN_MAX;
        memcpy(data, seed->data, len);
    } else {
        len = dam_prng_below(prng, 256);
        dam_prng_fill(prng, data, len);
    }
    for (uint64_t edits = dam_prng_below(prng, 6); edits > 0 && len > 0; edits--) {
        size_t at = dam_prng_below(prng, len);
        switch (dam_prng_below(prng, 4)) {
        case 0:
            data[at] ^= (uint8_t)(1u << dam_prng_below(prng, 8));
            break;
        case 1:
            data[at] = (uint8_t)dam_prng_next(prng);
            break;
        case 2: /* cut */
            len = at;
            break;
        case 3: /* repeat a piece */
            if (len + 16 <= INPUT_LEN_MAX && at + 16 <= len) {
                memmove(data + at + 16, data + at, len - at);
                len += 16;
            }
            break;
        }
    }
    return len;
}

int main(int argc, char **argv)
{
    uint64_t runs = 1000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--runs") == 0) {
            runs = strtoull(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--corpus") == 0) {
            corpus_read(argv[i + 1]);
        } else {
            (void)fprintf(stderr, "usage: %s [--runs N] [--corpus DIR]\n", argv[0]);
            return 2;
        }
    }
    for (size_t i = 0; i < corpus_count; i++) {
        run_one(corpus[i].data, corpus[i].len);
    }
    struct dam_prng prng = {.state = 1};
    static uint8_t data[INPUT_LEN_MAX];
    for (uint64_t i = 0; i < runs; i++) {
        size_t len = mutate(&prng, data);
        run_one(data, len);
    }
    for (size_t i = 0; i < corpus_count; i++) {
        free(corpus[i].data);
    }
    (void)printf("%zu corpus files and %llu mutations without a finding\n", corpus_count,
                 (unsigned long long)runs);
    return 0;
}
