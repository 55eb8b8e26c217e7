// SPDX-License-Identifier: Apache-2.0
#include "model/rows.h"

#include <math.h>
#include <stdlib.h>

#define CELL_LEN_MAX 63u
#define DECIMALS_MAX 9

/* One line's cells; the text between separators, without blanks around it. */
struct cells {
    const char *at;
    const char *end;
    bool done;
};

static bool next_cell(struct cells *line, const char **ret, size_t *ret_len)
{
    if (line->done) {
        return false;
    }
    const char *stop = line->at;
    while (stop < line->end && *stop != ',' && *stop != ';') {
        stop++;
    }
    const char *from = line->at;
    const char *to = stop;
    while (from < to && (*from == ' ' || *from == '"')) {
        from++;
    }
    while (to > from && (to[-1] == ' ' || to[-1] == '"' || to[-1] == '\r')) {
        to--;
    }
    *ret = from;
    *ret_len = (size_t)(to - from);
    line->done = stop == line->end;
    line->at = stop + 1;
    return true;
}

/* Returns: true if the cell is a number or missing; digits after its point in *decimals. */
static bool cell_number(const char *cell, size_t len, double *ret, uint8_t *decimals)
{
    char text[CELL_LEN_MAX + 1];
    *ret = NAN;
    *decimals = 0;
    if (len == 0) {
        return true;
    }
    if (len > CELL_LEN_MAX) {
        return false;
    }
    memcpy(text, cell, len);
    text[len] = 0;
    if (strcmp(text, "NA") == 0) {
        return true;
    }
    char *end = NULL;
    *ret = strtod(text, &end);
    if (*end != 0) {
        *ret = NAN;
        return false;
    }
    const char *point = strchr(text, '.');
    size_t digits = point == NULL ? 0 : strspn(point + 1, "0123456789");
    char *exponent = strpbrk(text, "eE");
    if (exponent != NULL) {
        long power = strtol(exponent + 1, NULL, 10);
        long shown = power < -DECIMALS_MAX ? DECIMALS_MAX : (long)digits - power;
        digits = shown < 0 ? 0 : (size_t)shown;
    }
    *decimals = (uint8_t)(digits > DECIMALS_MAX ? DECIMALS_MAX : digits);
    *ret = isfinite(*ret) ? *ret : NAN;
    return true;
}

static bool read_header(struct cells line, struct dam_rows *ret)
{
    const char *cell;
    size_t len;
    ret->names = calloc(ret->columns, sizeof(*ret->names));
    for (size_t i = 0; ret->names != NULL && next_cell(&line, &cell, &len); i++) {
        ret->names[i] = strndup(cell, len);
        if (ret->names[i] == NULL) {
            return false;
        }
    }
    return ret->names != NULL;
}

static enum dam_err read_lines(struct dam_bytes text, struct dam_rows *ret, size_t *ret_line)
{
    const char *at = (const char *)text.data;
    const char *end = at + text.len;
    size_t cap = 0;
    for (*ret_line = 1; at < end; ++*ret_line) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        struct cells line = {at, stop, false};
        at = stop + 1;
        if (stop == line.at || (stop == line.at + 1 && *line.at == '\r')) {
            continue;
        }
        const char *cell;
        size_t len;
        if (ret->columns == 0) {
            bool words = false;
            struct cells copy = line;
            while (next_cell(&copy, &cell, &len)) {
                double value;
                uint8_t decimals;
                words = words || !cell_number(cell, len, &value, &decimals);
                ret->columns++;
            }
            if (ret->columns > DAM_ROWS_COLUMNS_MAX) {
                return DAM_EFULL;
            }
            ret->decimals = calloc(ret->columns, 1);
            if (ret->decimals == NULL || (words && !read_header(line, ret))) {
                return DAM_ENOMEM;
            }
            if (words) {
                continue;
            }
        }
        if ((ret->rows + 1) * ret->columns > cap) {
            cap = cap == 0 ? 64 * ret->columns : cap * 2;
            double *bigger = realloc(ret->values, cap * sizeof(*bigger));
            if (bigger == NULL || cap > DAM_ROWS_CELLS_MAX) {
                ret->values = bigger == NULL ? ret->values : bigger;
                return bigger == NULL ? DAM_ENOMEM : DAM_EFULL;
            }
            ret->values = bigger;
        }
        size_t i = 0;
        for (; next_cell(&line, &cell, &len); i++) {
            if (i == ret->columns) {
                return DAM_EPARSE;
            }
            uint8_t decimals = 0;
            (void)cell_number(cell, len, &ret->values[ret->rows * ret->columns + i], &decimals);
            ret->decimals[i] = decimals > ret->decimals[i] ? decimals : ret->decimals[i];
        }
        if (i != ret->columns) {
            return DAM_EPARSE;
        }
        ret->rows++;
    }
    return DAM_OK;
}

enum dam_err dam_rows_parse(struct dam_bytes text, struct dam_rows *ret, size_t *ret_line)
{
    memset(ret, 0, sizeof(*ret));
    enum dam_err err = read_lines(text, ret, ret_line);
    if (err != DAM_OK) {
        dam_rows_close(ret);
    }
    return err;
}

size_t dam_rows_find(const struct dam_rows *table, const char *name)
{
    size_t i = 0;
    while (i < table->columns && (table->names == NULL || strcmp(table->names[i], name) != 0)) {
        i++;
    }
    return i;
}

void dam_rows_close(struct dam_rows *table)
{
    for (size_t i = 0; table->names != NULL && i < table->columns; i++) {
        free(table->names[i]);
    }
    free(table->names);
    free(table->values);
    free(table->decimals);
    memset(table, 0, sizeof(*table));
}
