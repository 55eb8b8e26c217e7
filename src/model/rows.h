// SPDX-License-Identifier: Apache-2.0
/* A table of numbers from a CSV file: rows for calibration, training and evaluation. A first line
 * that holds a word is the header; an empty cell, "nan" or "NA" is missing (NAN). Comma or
 * semicolon. */
#ifndef DAM_MODEL_ROWS_H
#define DAM_MODEL_ROWS_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_ROWS_COLUMNS_MAX 4096u
#define DAM_ROWS_CELLS_MAX 200000000u

struct dam_rows {
    size_t rows;
    size_t columns;
    double *values;    /* [row][column] */
    char **names;      /* columns names, or NULL without a header */
    uint8_t *decimals; /* the most digits after the point that a column shows, at most 9 */
};

/** Read text. Returns: DAM_OK; DAM_EPARSE with *ret_line; DAM_ENOMEM; DAM_EFULL. A column of text
 *  (dates) is kept as missing values. */
DAM_MUST_USE enum dam_err dam_rows_parse(struct dam_bytes text, struct dam_rows *ret,
                                         size_t *ret_line);

/** Index of a column by name; columns when there is none. */
size_t dam_rows_find(const struct dam_rows *table, const char *name);

/** Give the memory back. Accepts a zeroed one. */
void dam_rows_close(struct dam_rows *table);

#endif
