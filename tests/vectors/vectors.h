// SPDX-License-Identifier: Apache-2.0
/* The official vectors of Ethereum's formats, one function a file. Each counts what it checked: a
 * file without a check is a failure, a file that is not there is named. Left out on purpose is
 * BasicTests/crypto.json: it is about RLPx handshakes, which nothing here speaks. */
#ifndef DAM_TESTS_VECTORS_H
#define DAM_TESTS_VECTORS_H

#include "base/arena.h"
#include "base/json.h"

struct vectors {
    struct dam_arena *arena; /* reset after each file */
    const char *file;
    unsigned passed;
    unsigned failed;
};

/** Count one check; a failure is printed with its name. */
void vectors_check(struct vectors *v, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A file below the root and what reads it. */
struct vectors_suite {
    const char *path;
    void (*run)(struct vectors *v, const struct dam_json *root);
};

extern const struct vectors_suite vectors_basic[]; /* ended by a NULL path */
extern const struct vectors_suite vectors_ethers[];

/** A member as bytes; aborts on malformed files. Returns: empty where json is NULL. */
struct dam_bytes vectors_hex(struct vectors *v, const struct dam_json *json);

/** Printable name of a case. In: key: a string node. */
const char *vectors_name(struct vectors *v, const struct dam_json *key);

#endif
