// SPDX-License-Identifier: Apache-2.0
/* The characters of TOML: blanks, comments, strings, numbers, dates. Private to base/toml.c, which
 * knows tables and arrays. Functions that give bool leave the error in scan->error on false. */
#ifndef DAM_BASE_TOML_SCAN_H
#define DAM_BASE_TOML_SCAN_H

#include "base/toml.h"

struct dam_toml_scan {
    struct dam_bytes text;
    size_t at;
    size_t line_start;
    unsigned line;
    bool no_memory;
    struct dam_arena *arena;
    struct dam_toml_error *error;
};

/** Note what is wrong at the current place. Returns: false, so that a caller can return it. */
bool dam_toml_scan_fail(struct dam_toml_scan *s, const char *fmt, ...) DAM_PRINTF(2, 3);

/** The character `ahead` of the current one, or -1 at the end. */
int dam_toml_scan_peek(const struct dam_toml_scan *s, size_t ahead);

unsigned dam_toml_scan_column(const struct dam_toml_scan *s);

/** Is the whole text UTF-8 (no surrogates, nothing overlong)? */
bool dam_toml_scan_utf8(struct dam_toml_scan *s);

/** Skip spaces and tabs. */
void dam_toml_scan_blanks(struct dam_toml_scan *s);

/** Skip blanks, comments and newlines. */
bool dam_toml_scan_space(struct dam_toml_scan *s);

/** Demand that nothing but a comment stands on the rest of this line. */
bool dam_toml_scan_line_end(struct dam_toml_scan *s);

/** Read a string of any of the four kinds. In: multi_ok: false for keys. */
bool dam_toml_scan_string(struct dam_toml_scan *s, bool multi_ok, struct dam_bytes *ret);

/** Read a boolean, number, date or time into value. */
bool dam_toml_scan_scalar(struct dam_toml_scan *s, struct dam_toml *value);

#endif
