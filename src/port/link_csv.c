// SPDX-License-Identifier: Apache-2.0
#include "port/link_csv.h"

#include "core/flow/fixed.h"

#include <stdio.h>
#include <stdlib.h>

struct link_csv {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    FILE *file;
    char *line; /* DAM_CSV_LINE_MAX */
    char *fields[DAM_CSV_COLUMNS_MAX];
    size_t field_count; /* of the row that waits; 0: none waits */
    size_t column_count;
    size_t time_column;
    int64_t unit_ms;
    int64_t start_ms;
    int64_t row_ms;
    int64_t last_ms;
    char separator;
    size_t columns[DAM_LINK_POINTS_MAX]; /* column of each point */
    unsigned decimals[DAM_LINK_POINTS_MAX];
    size_t point_count;
};

size_t dam_csv_split(char *line, char separator, char **ret_fields)
{
    size_t count = 0;
    char *at = line;
    for (;;) {
        char *out = at;
        if (count == DAM_CSV_COLUMNS_MAX) {
            return 0;
        }
        ret_fields[count++] = at;
        if (*at == '"') {
            for (at++; *at != '"' || at[1] == '"'; *out++ = *at++) {
                if (*at == 0) {
                    return 0;
                }
                at += *at == '"' ? 1 : 0;
            }
            at++;
        } else {
            while (*at != 0 && *at != separator) {
                *out++ = *at++;
            }
        }
        char end = *at;
        if (end != 0 && end != separator) {
            return 0; /* text behind a closing quote */
        }
        *out = 0;
        if (end == 0) {
            return count;
        }
        at++;
    }
}

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static enum dam_err iso_time(const char *text, int64_t *ret_ms)
{
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int used = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3 || used != 10) {
        return DAM_EPARSE;
    }
    const char *rest = text + used;
    int64_t ms = 0;
    if (*rest == 'T' || *rest == ' ') {
        rest++;
        used = 0;
        if (sscanf(rest, "%2d:%2d%n", &hour, &minute, &used) != 2 || used != 5) {
            return DAM_EPARSE;
        }
        rest += used;
        if (*rest == ':') {
            used = 0;
            if (sscanf(rest, ":%2d%n", &second, &used) != 1 || used != 3) {
                return DAM_EPARSE;
            }
            rest += used;
        }
        if (*rest == '.') {
            size_t digits = strspn(rest + 1, "0123456789");
            if (digits == 0 || dam_flow_fixed_parse(rest, digits + 1, 3, &ms) != DAM_OK) {
                return DAM_EPARSE;
            }
            rest += 1 + digits;
        }
    }
    rest += *rest == 'Z' ? 1 : 0;
    if (*rest != 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60 || year < 1) {
        return DAM_EPARSE;
    }
    *ret_ms =
        (days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1000 +
        ms;
    return DAM_OK;
}

enum dam_err dam_csv_time(const char *text, int64_t unit_ms, int64_t *ret_ms)
{
    int64_t milli = 0;
    if (unit_ms == 0) {
        return iso_time(text, ret_ms);
    }
    if (dam_flow_fixed_parse(text, strlen(text), 3, &milli) != DAM_OK ||
        __builtin_mul_overflow(milli, unit_ms, &milli)) {
        return DAM_EPARSE;
    }
    *ret_ms = milli / 1000;
    return DAM_OK;
}

/* Reads one line into link->line. Returns false at the end. A line that is too long is cut, which
 * then shows as a row with too few fields. */
static bool line_read(struct link_csv *link)
{
    if (fgets(link->line, DAM_CSV_LINE_MAX, link->file) == NULL) {
        return false;
    }
    size_t len = strcspn(link->line, "\r\n");
    if (link->line[len] == 0 && !feof(link->file)) {
        int c = 0;
        while (c != '\n' && c != EOF) {
            c = fgetc(link->file);
        }
    }
    link->line[len] = 0;
    return true;
}

/* Brings the next good row into waiting; rows that do not parse or go back in time are skipped. */
static void row_next(struct link_csv *link)
{
    link->field_count = 0;
    while (line_read(link)) {
        int64_t ms = 0;
        size_t count = dam_csv_split(link->line, link->separator, link->fields);
        if (count != link->column_count ||
            dam_csv_time(link->fields[link->time_column], link->unit_ms, &ms) != DAM_OK ||
            __builtin_add_overflow(ms, link->start_ms, &ms) || ms < link->last_ms) {
            continue;
        }
        link->row_ms = ms;
        link->last_ms = ms;
        link->field_count = count;
        return;
    }
}

static size_t column_find(const struct link_csv *link, const char *name)
{
    size_t i = 0;
    while (i < link->column_count && strcmp(link->fields[i], name) != 0) {
        i++;
    }
    return i;
}

static const char *header_read(struct link_csv *link, const struct dam_link_setup *setup)
{
    if (!line_read(link)) {
        return "the file is empty";
    }
    link->column_count = dam_csv_split(link->line, link->separator, link->fields);
    link->time_column = column_find(link, dam_link_option(setup, "time", "time"));
    if (link->time_column >= link->column_count) {
        return "the file has no such time column: name it with 'time'";
    }
    for (size_t i = 0; i < setup->point_count; i++) {
        link->columns[i] = column_find(link, setup->points[i].key);
        link->decimals[i] = setup->points[i].decimals;
        if (setup->points[i].write) {
            return "a recorded file cannot be written to: leave the actuator without a sink";
        }
        if (link->columns[i] >= link->column_count) {
            return "the file has no column of the name that a channel's 'key' gives";
        }
    }
    link->point_count = setup->point_count;
    return NULL;
}

static const char *options_read(struct link_csv *link, const struct dam_link_setup *setup)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1},      {"s", 1000},     {"min", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"iso", 0}};
    const char *unit = dam_link_option(setup, "time_unit", "s");
    const char *start = dam_link_option(setup, "start", "0");
    const char *separator = dam_link_option(setup, "separator", ",");
    size_t i = 0;
    while (i < DAM_COUNT_OF(units) && strcmp(units[i].name, unit) != 0) {
        i++;
    }
    if (i == DAM_COUNT_OF(units)) {
        return "'time_unit' is one of ms, s, min, h, d, iso";
    }
    link->unit_ms = units[i].ms;
    if (dam_csv_time(start, 1000, &link->start_ms) != DAM_OK &&
        dam_csv_time(start, 0, &link->start_ms) != DAM_OK) {
        return "'start' is Unix seconds or a UTC time like 2024-05-01T00:00:00Z";
    }
    if (strlen(separator) != 1) {
        return "'separator' is one character";
    }
    link->separator = separator[0];
    return NULL;
}

static void csv_close(struct dam_link *base)
{
    struct link_csv *link = (struct link_csv *)(void *)base;
    if (link->file != NULL) {
        (void)fclose(link->file); /* only read from */
    }
    free(link->line);
    free(link);
}

static enum dam_err csv_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                             const char **ret_why)
{
    struct link_csv *link = calloc(1, sizeof(*link));
    char *line = malloc(DAM_CSV_LINE_MAX);
    if (link == NULL || line == NULL) {
        free(link);
        free(line);
        return DAM_ENOMEM;
    }
    const char *name = dam_link_option(setup, "file", "");
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : setup->folder,
                       name[0] == '/' ? "" : "/", name);
    *link = (struct link_csv){
        .kind = &dam_link_csv, .events = setup->events, .line = line, .last_ms = INT64_MIN};
    const char *why = len < 0 || (size_t)len >= sizeof(path) ? "the file's path is too long" : NULL;
    enum dam_err err = DAM_EPARSE;
    why = why == NULL ? options_read(link, setup) : why;
    if (why == NULL) {
        link->file = fopen(path, "rb");
        err = link->file == NULL ? DAM_EIO : DAM_EPARSE;
        why = link->file == NULL ? "the file of 'file' cannot be opened" : header_read(link, setup);
    }
    if (why != NULL) {
        *ret_why = why;
        csv_close((struct dam_link *)(void *)link);
        return err;
    }
    row_next(link);
    *ret_link = (struct dam_link *)(void *)link;
    setup->events.state(setup->events.ctx, true, path);
    return DAM_OK;
}

static int64_t csv_advance(struct dam_link *base, int64_t now_ms)
{
    struct link_csv *link = (struct link_csv *)(void *)base;
    while (link->field_count > 0 && link->row_ms <= now_ms) {
        for (size_t i = 0; i < link->point_count; i++) {
            const char *text = link->fields[link->columns[i]];
            int64_t value = 0;
            if (text[0] == 0) {
                continue; /* an empty cell: no reading at this time */
            }
            if (dam_flow_fixed_parse(text, strlen(text), link->decimals[i], &value) == DAM_OK) {
                link->events.sample(link->events.ctx, (unsigned)i, value);
            } else {
                link->events.fault(link->events.ctx, (unsigned)i, "the cell is no number");
            }
        }
        row_next(link);
    }
    return link->field_count > 0 ? link->row_ms : INT64_MAX;
}

static const char *const csv_options[] = {"file", "time", "time_unit", "start", "separator", NULL};

const struct dam_link_kind dam_link_csv = {
    .name = "csv",
    .summary = "replays a recorded CSV file",
    .options = csv_options,
    .open = csv_open,
    .advance = csv_advance,
    .close = csv_close,
};
