// SPDX-License-Identifier: Apache-2.0
#include "app/nab.h"

#include "base/heap.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 65536u
#define DATE_LEN 19u /* 2014-04-10 16:15:00 */
#define LABELS_LEN_MAX (1u << 20)
#define FALSE_ALARM 0.11 /* profile "standard" */
#define PROBATION 0.15
#define PROBATION_ROWS_MAX 5000u
#define FAR 3.0 /* widths of a window behind which nothing is left of it */

/* ---- streams ---- */

static size_t row_of(const char (*dates)[DATE_LEN + 1], size_t rows, const struct dam_json *text)
{
    size_t i = 0;
    while (i < rows && (text->len < DATE_LEN || memcmp(dates[i], text->text, DATE_LEN) != 0)) {
        i++;
    }
    return i;
}

static enum dam_err windows_of(const struct dam_json *labels, const char (*dates)[DATE_LEN + 1],
                               struct dam_nab_stream *s)
{
    DAM_JSON_EACH(window, labels)
    {
        if (window->type != DAM_JSON_ARRAY || window->count != 2) {
            return DAM_EPARSE;
        }
        if (s->windows_count == DAM_NAB_WINDOWS_MAX) {
            return DAM_EFULL;
        }
        struct dam_nab_window w = {row_of(dates, s->rows, dam_json_at(window, 0)),
                                   row_of(dates, s->rows, dam_json_at(window, 1))};
        if (w.first > w.last || w.last == s->rows) {
            return DAM_EPARSE;
        }
        s->windows[s->windows_count++] = w;
    }
    return DAM_OK;
}

/* Reads folder/data/name. Returns: DAM_EIO if it is not there. */
static enum dam_err rows_read(const char *folder, const char *name, char (*dates)[DATE_LEN + 1],
                              double *values, size_t *ret_rows)
{
    char path[1024];
    char line[128];
    (void)snprintf(path, sizeof(path), "%s/data/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return DAM_EIO;
    }
    size_t rows = 0;
    enum dam_err err = fgets(line, sizeof(line), file) == NULL ? DAM_EPARSE : DAM_OK;
    while (err == DAM_OK && fgets(line, sizeof(line), file) != NULL) {
        if (strlen(line) <= DATE_LEN + 1 || line[DATE_LEN] != ',') {
            err = DAM_EPARSE;
        } else if (rows == ROWS_MAX) {
            err = DAM_EFULL;
        } else {
            memcpy(dates[rows], line, DATE_LEN);
            values[rows++] = strtod(line + DATE_LEN + 1, NULL);
        }
    }
    (void)fclose(file); /* only read from */
    *ret_rows = rows;
    return err;
}

/* The labels' text in the arena, parsed. */
static enum dam_err labels_read(struct dam_arena *arena, const char *folder,
                                const struct dam_json **ret)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/labels/combined_windows.json", folder);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return DAM_EIO;
    }
    char *text = dam_arena_alloc(arena, LABELS_LEN_MAX);
    size_t len = text == NULL ? 0 : fread(text, 1, LABELS_LEN_MAX, file);
    (void)fclose(file); /* only read from */
    return text == NULL ? DAM_ENOMEM : dam_json_parse(arena, text, len, 0, ret, NULL);
}

enum dam_err dam_nab_each(const char *folder,
                          enum dam_err (*seen)(void *ctx, const char *name,
                                               const struct dam_nab_stream *stream),
                          void *ctx)
{
    struct dam_arena arena;
    const struct dam_json *labels = NULL;
    dam_arena_init(&arena, dam_heap(), 0);
    double *values = calloc(ROWS_MAX, sizeof(*values));
    char(*dates)[DATE_LEN + 1] = calloc(ROWS_MAX, sizeof(*dates));
    enum dam_err err =
        values == NULL || dates == NULL ? DAM_ENOMEM : labels_read(&arena, folder, &labels);
    size_t streams = 0;
    DAM_JSON_EACH_KEY(key, labels)
    {
        struct dam_nab_stream s = {.values = values};
        const char *name = NULL;
        err = err == DAM_OK ? dam_json_string(key, &arena, &name) : err;
        enum dam_err there = err == DAM_OK ? rows_read(folder, name, dates, values, &s.rows) : err;
        if (there == DAM_EIO) {
            continue; /* kept apart */
        }
        err = there == DAM_OK ? windows_of(key + 1, dates, &s) : there;
        err = err == DAM_OK ? seen(ctx, name, &s) : err;
        streams++;
    }
    free(values);
    free(dates);
    dam_arena_finish(&arena);
    return err == DAM_OK && streams == 0 ? DAM_EIO : err;
}

/* ---- the scorer ---- */

/* 1 well before a window's end, 0 at it, -1 far behind: position in widths of the window. */
static double scaled_sigmoid(double position)
{
    return position >= FAR ? -1 : 2 / (1 + exp(5 * position)) - 1;
}

size_t dam_nab_mark(const struct dam_nab_stream *stream, const double *scores,
                    size_t windows_before, struct dam_nab_mark *ret)
{
    size_t judged = stream->rows < PROBATION_ROWS_MAX ? stream->rows : PROBATION_ROWS_MAX;
    size_t probation = (size_t)(PROBATION * (double)judged);
    size_t count = 0;
    size_t next = 0; /* the window that the row is in, or that comes next */
    for (size_t row = 0; row < stream->rows; row++) {
        const struct dam_nab_window *w = &stream->windows[next];
        while (next < stream->windows_count && row > w->last) {
            w = &stream->windows[++next];
        }
        struct dam_nab_mark mark = {.score = scores[row]};
        if (next < stream->windows_count && row >= w->first) {
            double width = (double)(w->last - w->first + 1);
            mark.worth = scaled_sigmoid(-(double)(w->last - row + 1) / width) / scaled_sigmoid(-1);
            mark.window = windows_before + next + 1;
        } else {
            double position =
                next == 0 ? FAR : (double)(row - w[-1].last) / (double)(w[-1].last - w[-1].first);
            mark.worth = FALSE_ALARM * scaled_sigmoid(position);
        }
        if (row >= probation) {
            ret[count++] = mark;
        }
    }
    return count;
}

/* Adds an alarm to a sum that began with every window missed. In: found[window]: its best alarm. */
static double alarm(const struct dam_nab_mark *mark, double *found)
{
    double before = mark->window == 0 ? 0 : found[mark->window - 1];
    double after = mark->window == 0 ? mark->worth : fmax(before, mark->worth);
    if (mark->window > 0) {
        found[mark->window - 1] = after;
    }
    return after - before;
}

static double *nothing_found(size_t windows)
{
    double *found = calloc(windows + 1, sizeof(*found));
    for (size_t i = 0; found != NULL && i < windows; i++) {
        found[i] = -1;
    }
    return found;
}

double dam_nab_worth(const struct dam_nab_mark *marks, size_t count, size_t windows,
                     double threshold)
{
    double *found = nothing_found(windows);
    double worth = found == NULL ? NAN : -(double)windows;
    for (size_t i = 0; found != NULL && i < count; i++) {
        worth += marks[i].score >= threshold ? alarm(&marks[i], found) : 0;
    }
    free(found);
    return worth;
}

static int by_score(const void *a, const void *b)
{
    double x = ((const struct dam_nab_mark *)a)->score;
    double y = ((const struct dam_nab_mark *)b)->score;
    return (x < y) - (x > y);
}

double dam_nab_best(struct dam_nab_mark *marks, size_t count, size_t windows)
{
    double *found = nothing_found(windows);
    double worth = found == NULL ? NAN : -(double)windows;
    double best = worth;
    qsort(marks, count, sizeof(*marks), by_score);
    for (size_t i = 0; found != NULL && i < count; i++) {
        worth += alarm(&marks[i], found);
        if (i + 1 == count || marks[i + 1].score < marks[i].score) {
            best = fmax(best, worth);
        }
    }
    free(found);
    return best;
}

double dam_nab_normal(double worth, size_t windows)
{
    return 100 * (worth + (double)windows) / (2 * (double)windows);
}

/* ---- windowed Gaussian ---- */

double dam_nab_gaussian_told(struct dam_nab_gaussian *g, double x)
{
    double score = g->count == 0 ? 0 : 1 - erfc(fabs(x - g->mean) / g->deviation / sqrt(2)) / 2;
    g->values[g->count++] = x;
    if (g->count > DAM_NAB_GAUSSIAN_WINDOW) {
        if (g->count < DAM_NAB_GAUSSIAN_WINDOW + DAM_NAB_GAUSSIAN_STEP) {
            return score;
        }
        g->count = DAM_NAB_GAUSSIAN_WINDOW;
        memmove(g->values, g->values + DAM_NAB_GAUSSIAN_STEP, g->count * sizeof(*g->values));
    }
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < g->count; i++) {
        sum += g->values[i];
    }
    g->mean = sum / (double)g->count;
    for (size_t i = 0; i < g->count; i++) {
        squares += (g->values[i] - g->mean) * (g->values[i] - g->mean);
    }
    g->deviation = sqrt(squares / (double)g->count);
    g->deviation = g->deviation == 0 ? 1e-6 : g->deviation;
    return score;
}
