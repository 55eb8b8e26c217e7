// SPDX-License-Identifier: Apache-2.0
#include "base/toml.h"

#include "base/toml_scan.h"

/* How a table or array came to be; decides who may still add to it (TOML 1.0, "Table"). */
enum state {
    STATE_IMPLICIT = 0, /* named on the way in a header: [a.b] makes a */
    STATE_HEADER,       /* has its own header */
    STATE_DOTTED,       /* made by a dotted key: a.b = 1 makes a */
    STATE_CLOSED,       /* an inline table or a value array: complete as written */
    STATE_TABLES,       /* an array made by [[headers]] */
};

static struct dam_toml *value_new(struct dam_toml_scan *s, enum dam_toml_type type)
{
    struct dam_toml *value = dam_arena_zalloc(s->arena, sizeof(*value));
    if (value == NULL) {
        (void)dam_toml_scan_fail(s, "out of memory");
        s->no_memory = true;
        return NULL;
    }
    value->type = type;
    value->line = s->line;
    value->column = dam_toml_scan_column(s);
    return value;
}

static void member_add(struct dam_toml *parent, struct dam_toml *member)
{
    if (parent->last == NULL) {
        parent->first = member;
    } else {
        parent->last->next = member;
    }
    parent->last = member;
}

static struct dam_toml *member_find(const struct dam_toml *table, struct dam_bytes key)
{
    for (struct dam_toml *member = table->first; member != NULL; member = member->next) {
        if (dam_bytes_eq(member->key, key)) {
            return member;
        }
    }
    return NULL;
}

static bool value_read(struct dam_toml_scan *s, struct dam_toml **ret, unsigned depth);

/* ---- keys ------------------------------------------------------------------------------------ */

static bool is_bare(int c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool key_read(struct dam_toml_scan *s, struct dam_bytes *ret)
{
    int c = dam_toml_scan_peek(s, 0);
    if (c == '"' || c == '\'') {
        return dam_toml_scan_string(s, false, ret);
    }
    size_t start = s->at;
    while (is_bare(dam_toml_scan_peek(s, 0))) {
        s->at++;
    }
    if (s->at == start) {
        return dam_toml_scan_fail(s, "expected a key");
    }
    ret->len = s->at - start;
    ret->data = dam_arena_copy(s->arena, s->text.data + start, ret->len);
    if (ret->data == NULL) {
        s->no_memory = true;
        return dam_toml_scan_fail(s, "out of memory");
    }
    return true;
}

/* A dotted key: calls `step` for every part but the last, which it gives back. */
static bool dotted_read(struct dam_toml_scan *s, struct dam_toml **table, struct dam_bytes *ret,
                        struct dam_toml *(*step)(struct dam_toml_scan *s, struct dam_toml *table,
                                                 struct dam_bytes key))
{
    for (unsigned depth = 0;; depth++) {
        if (depth == DAM_TOML_DEPTH_MAX) {
            return dam_toml_scan_fail(s, "the key has too many parts");
        }
        if (!key_read(s, ret)) {
            return false;
        }
        dam_toml_scan_blanks(s);
        if (dam_toml_scan_peek(s, 0) != '.') {
            return true;
        }
        *table = step(s, *table, *ret);
        if (*table == NULL) {
            return false;
        }
        s->at++;
        dam_toml_scan_blanks(s);
    }
}

static bool duplicate(struct dam_toml_scan *s, struct dam_bytes key, const char *what)
{
    return dam_toml_scan_fail(s, "'%.*s' %s", (int)(key.len < 60 ? key.len : 60),
                              (const char *)key.data, what);
}

static struct dam_toml *child_new(struct dam_toml_scan *s, struct dam_toml *table,
                                  struct dam_bytes key, enum dam_toml_type type, enum state state)
{
    struct dam_toml *child = value_new(s, type);
    if (child != NULL) {
        child->key = key;
        child->state = (uint8_t)state;
        member_add(table, child);
    }
    return child;
}

/* One step of `a.b.c = value`. */
static struct dam_toml *step_in_key(struct dam_toml_scan *s, struct dam_toml *table,
                                    struct dam_bytes key)
{
    struct dam_toml *child = member_find(table, key);
    if (child == NULL) {
        return child_new(s, table, key, DAM_TOML_TABLE, STATE_DOTTED);
    }
    if (child->type != DAM_TOML_TABLE || child->state != STATE_DOTTED) {
        (void)duplicate(s, key, "is already defined and cannot be added to here");
        return NULL;
    }
    return child;
}

/* One step of `[a.b.c]`. */
static struct dam_toml *step_in_header(struct dam_toml_scan *s, struct dam_toml *table,
                                       struct dam_bytes key)
{
    struct dam_toml *child = member_find(table, key);
    if (child == NULL) {
        return child_new(s, table, key, DAM_TOML_TABLE, STATE_IMPLICIT);
    }
    if (child->type == DAM_TOML_ARRAY && child->state == STATE_TABLES) {
        return child->last;
    }
    if (child->type != DAM_TOML_TABLE || child->state == STATE_CLOSED) {
        (void)duplicate(s, key, "is already defined and is no table that can be added to");
        return NULL;
    }
    return child;
}

static bool pair_read(struct dam_toml_scan *s, struct dam_toml *table, unsigned depth)
{
    unsigned line = s->line;
    unsigned column = dam_toml_scan_column(s);
    struct dam_bytes key;
    struct dam_toml *value;
    if (!dotted_read(s, &table, &key, step_in_key)) {
        return false;
    }
    if (member_find(table, key) != NULL) {
        return duplicate(s, key, "is defined twice");
    }
    if (dam_toml_scan_peek(s, 0) != '=') {
        return dam_toml_scan_fail(s, "expected '=' after the key");
    }
    s->at++;
    dam_toml_scan_blanks(s);
    if (!value_read(s, &value, depth)) {
        return false;
    }
    value->key = key;
    value->line = line;
    value->column = column;
    member_add(table, value);
    return true;
}

/* ---- compound values ------------------------------------------------------------------------- */

static bool array_read(struct dam_toml_scan *s, struct dam_toml *array, unsigned depth)
{
    array->state = STATE_CLOSED;
    s->at++;
    for (;;) {
        struct dam_toml *value;
        if (!dam_toml_scan_space(s)) {
            return false;
        }
        if (dam_toml_scan_peek(s, 0) == ']') {
            s->at++;
            return true;
        }
        if (!value_read(s, &value, depth + 1)) {
            return false;
        }
        member_add(array, value);
        if (!dam_toml_scan_space(s)) {
            return false;
        }
        if (dam_toml_scan_peek(s, 0) == ',') {
            s->at++;
        } else if (dam_toml_scan_peek(s, 0) != ']') {
            return dam_toml_scan_fail(s, "expected ',' or ']' in the array");
        }
    }
}

static void close_tables(struct dam_toml *table)
{
    /* Only tables made by dotted keys inside this inline table can still be open; they are at most
     * DAM_TOML_DEPTH_MAX deep. */
    table->state = STATE_CLOSED;
    for (struct dam_toml *member = table->first; member != NULL; member = member->next) {
        if (member->type == DAM_TOML_TABLE && member->state != STATE_CLOSED) {
            close_tables(member);
        }
    }
}

static bool inline_table_read(struct dam_toml_scan *s, struct dam_toml *table, unsigned depth)
{
    s->at++;
    dam_toml_scan_blanks(s);
    if (dam_toml_scan_peek(s, 0) == '}') {
        s->at++;
        close_tables(table);
        return true;
    }
    for (;;) {
        dam_toml_scan_blanks(s);
        if (!pair_read(s, table, depth + 1)) {
            return false;
        }
        dam_toml_scan_blanks(s);
        int c = dam_toml_scan_peek(s, 0);
        if (c == '}') {
            s->at++;
            close_tables(table);
            return true;
        }
        if (c != ',') {
            return dam_toml_scan_fail(s, "expected ',' or '}' in the inline table");
        }
        s->at++;
    }
}

static bool value_read(struct dam_toml_scan *s, struct dam_toml **ret, unsigned depth)
{
    struct dam_toml *value = value_new(s, DAM_TOML_STRING);
    if (value == NULL) {
        return false;
    }
    if (depth > DAM_TOML_DEPTH_MAX) {
        return dam_toml_scan_fail(s, "values are nested too deeply");
    }
    *ret = value;
    switch (dam_toml_scan_peek(s, 0)) {
    case '"':
    case '\'':
        return dam_toml_scan_string(s, true, &value->text);
    case '[':
        value->type = DAM_TOML_ARRAY;
        return array_read(s, value, depth);
    case '{':
        value->type = DAM_TOML_TABLE;
        return inline_table_read(s, value, depth);
    default:
        return dam_toml_scan_scalar(s, value);
    }
}

/* ---- headers and lines ----------------------------------------------------------------------- */

static struct dam_toml *table_header(struct dam_toml_scan *s, struct dam_toml *parent,
                                     struct dam_bytes key)
{
    struct dam_toml *table = member_find(parent, key);
    if (table == NULL) {
        return child_new(s, parent, key, DAM_TOML_TABLE, STATE_HEADER);
    }
    if (table->type != DAM_TOML_TABLE || table->state != STATE_IMPLICIT) {
        (void)duplicate(s, key, "is defined twice");
        return NULL;
    }
    table->state = STATE_HEADER;
    table->line = s->line;
    return table;
}

static struct dam_toml *tables_header(struct dam_toml_scan *s, struct dam_toml *parent,
                                      struct dam_bytes key)
{
    struct dam_toml *array = member_find(parent, key);
    if (array == NULL) {
        array = child_new(s, parent, key, DAM_TOML_ARRAY, STATE_TABLES);
    } else if (array->type != DAM_TOML_ARRAY || array->state != STATE_TABLES) {
        (void)duplicate(s, key, "is already defined and is no array of tables");
        return NULL;
    }
    struct dam_toml *table = array == NULL ? NULL : value_new(s, DAM_TOML_TABLE);
    if (table != NULL) {
        table->state = STATE_HEADER;
        member_add(array, table);
    }
    return table;
}

static bool header_read(struct dam_toml_scan *s, struct dam_toml *root, struct dam_toml **ret)
{
    bool tables = dam_toml_scan_peek(s, 1) == '[';
    struct dam_toml *parent = root;
    struct dam_bytes key;
    s->at += tables ? 2 : 1;
    dam_toml_scan_blanks(s);
    if (!dotted_read(s, &parent, &key, step_in_header)) {
        return false;
    }
    if (dam_toml_scan_peek(s, 0) != ']' || (tables && dam_toml_scan_peek(s, 1) != ']')) {
        return dam_toml_scan_fail(s, "expected '%s' after the table's name", tables ? "]]" : "]");
    }
    s->at += tables ? 2 : 1;
    *ret = tables ? tables_header(s, parent, key) : table_header(s, parent, key);
    return *ret != NULL;
}

static bool document_read(struct dam_toml_scan *s, struct dam_toml *root)
{
    struct dam_toml *table = root;
    for (;;) {
        if (!dam_toml_scan_space(s)) {
            return false;
        }
        int c = dam_toml_scan_peek(s, 0);
        if (c < 0) {
            return true;
        }
        bool ok = c == '[' ? header_read(s, root, &table) : pair_read(s, table, 0);
        if (!ok || !dam_toml_scan_line_end(s)) {
            return false;
        }
    }
}

enum dam_err dam_toml_parse(struct dam_bytes text, struct dam_arena *arena,
                            struct dam_toml **ret_root, struct dam_toml_error *ret_error)
{
    struct dam_toml_scan s = {.text = text, .arena = arena, .line = 1, .error = ret_error};
    if (text.len > DAM_TOML_LEN_MAX) {
        *ret_error = (struct dam_toml_error){.message = "the file is too long"};
        return DAM_ERANGE;
    }
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        s.at = 3;
        s.line_start = 3;
    }
    struct dam_toml *root = dam_toml_scan_utf8(&s) ? value_new(&s, DAM_TOML_TABLE) : NULL;
    if (root == NULL || !document_read(&s, root)) {
        return s.no_memory ? DAM_ENOMEM : DAM_EPARSE;
    }
    *ret_root = root;
    return DAM_OK;
}

/* ---- for readers ----------------------------------------------------------------------------- */

const struct dam_toml *dam_toml_get(const struct dam_toml *table, const char *key)
{
    return table == NULL ? NULL : member_find(table, dam_bytes(key, strlen(key)));
}

const char *dam_toml_type_text(enum dam_toml_type type)
{
    static const char *const text[] = {
        "a table",   "an array",       "a string",     "a whole number", "a number",
        "a boolean", "a time instant", "a local time", "a date",         "a time of day"};
    return text[type];
}
