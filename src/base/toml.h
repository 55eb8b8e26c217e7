// SPDX-License-Identifier: Apache-2.0
/* TOML 1.0: text to a tree in an arena, with the place of every key, so that whoever reads the tree
 * can say which line is wrong. Floats keep their text: what a number means is decided by the
 * reader's decimals (core/flow/fixed), never by a double. Used for manifests and rules files. */
#ifndef DAM_BASE_TOML_H
#define DAM_BASE_TOML_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

#define DAM_TOML_LEN_MAX (4u << 20)
#define DAM_TOML_DEPTH_MAX 64u
#define DAM_TOML_MESSAGE_MAX 160u

enum dam_toml_type {
    DAM_TOML_TABLE,
    DAM_TOML_ARRAY,
    DAM_TOML_STRING,
    DAM_TOML_INTEGER,
    DAM_TOML_FLOAT,
    DAM_TOML_BOOL,
    DAM_TOML_OFFSET_DATETIME,
    DAM_TOML_LOCAL_DATETIME,
    DAM_TOML_LOCAL_DATE,
    DAM_TOML_LOCAL_TIME,
};

/* One value. Members of a table and of an array are chained by `next`, in the order written. All
 * memory belongs to the arena. */
struct dam_toml {
    enum dam_toml_type type;
    unsigned line; /* where the key or, in an array, the value begins; from 1 */
    unsigned column;
    struct dam_bytes key;   /* in a table; unescaped */
    struct dam_toml *next;  /* the next member of the same parent */
    struct dam_toml *first; /* TABLE, ARRAY */
    struct dam_toml *last;
    struct dam_bytes
        text;        /* STRING: the string, NUL behind it. FLOAT, dates: as written without _ */
    int64_t integer; /* INTEGER */
    bool boolean;    /* BOOL */
    uint8_t state;   /* private to the parser */
};

struct dam_toml_error {
    unsigned line;
    unsigned column;
    char message[DAM_TOML_MESSAGE_MAX];
};

/** Read a document.
 *  Returns: DAM_OK with *ret_root a table; DAM_EPARSE with *ret_error saying where and why;
 *  DAM_ENOMEM if the arena is full; DAM_ERANGE if the text is longer than DAM_TOML_LEN_MAX.
 *  In: text: UTF-8, not needed afterwards. */
DAM_MUST_USE enum dam_err dam_toml_parse(struct dam_bytes text, struct dam_arena *arena,
                                         struct dam_toml **ret_root,
                                         struct dam_toml_error *ret_error);

/** The member of a table with this key. Returns: NULL if there is none or table is NULL. */
const struct dam_toml *dam_toml_get(const struct dam_toml *table, const char *key);

/** A type in words, with its article ("a string"). Returns: static text. */
const char *dam_toml_type_text(enum dam_toml_type type);

#endif
