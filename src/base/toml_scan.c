// SPDX-License-Identifier: Apache-2.0
#include "base/toml_scan.h"

#include "base/hex.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

bool dam_toml_scan_fail(struct dam_toml_scan *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(s->error->message, sizeof(s->error->message), fmt, args);
    va_end(args);
    s->error->line = s->line;
    s->error->column = dam_toml_scan_column(s);
    return false;
}

int dam_toml_scan_peek(const struct dam_toml_scan *s, size_t ahead)
{
    return ahead < s->text.len - s->at ? s->text.data[s->at + ahead] : -1;
}

unsigned dam_toml_scan_column(const struct dam_toml_scan *s)
{
    return (unsigned)(s->at - s->line_start) + 1;
}

static void newline(struct dam_toml_scan *s)
{
    s->line++;
    s->line_start = s->at;
}

bool dam_toml_scan_utf8(struct dam_toml_scan *s)
{
    struct dam_toml_scan walk = *s;
    while (walk.at < walk.text.len) {
        size_t len = dam_utf8_len(walk.text.data + walk.at, walk.text.len - walk.at);
        if (len == 0) {
            return dam_toml_scan_fail(&walk, "this is not UTF-8 text");
        }
        bool end = walk.text.data[walk.at] == '\n';
        walk.at += len;
        if (end) {
            newline(&walk);
        }
    }
    return true;
}

void dam_toml_scan_blanks(struct dam_toml_scan *s)
{
    while (dam_toml_scan_peek(s, 0) == ' ' || dam_toml_scan_peek(s, 0) == '\t') {
        s->at++;
    }
}

/* Returns the length of the newline here, 0 if there is none. */
static size_t newline_len(const struct dam_toml_scan *s)
{
    int c = dam_toml_scan_peek(s, 0);
    return c == '\n' ? 1 : c == '\r' && dam_toml_scan_peek(s, 1) == '\n' ? 2 : 0;
}

static bool is_control(int c)
{
    return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

static bool comment_skip(struct dam_toml_scan *s)
{
    if (dam_toml_scan_peek(s, 0) != '#') {
        return true;
    }
    while (dam_toml_scan_peek(s, 0) >= 0 && newline_len(s) == 0) {
        if (is_control(dam_toml_scan_peek(s, 0))) {
            return dam_toml_scan_fail(s, "a control character in a comment");
        }
        s->at++;
    }
    return true;
}

bool dam_toml_scan_space(struct dam_toml_scan *s)
{
    for (;;) {
        dam_toml_scan_blanks(s);
        if (!comment_skip(s)) {
            return false;
        }
        size_t len = newline_len(s);
        if (len == 0) {
            return true;
        }
        s->at += len;
        newline(s);
    }
}

bool dam_toml_scan_line_end(struct dam_toml_scan *s)
{
    dam_toml_scan_blanks(s);
    if (!comment_skip(s)) {
        return false;
    }
    if (dam_toml_scan_peek(s, 0) >= 0 && newline_len(s) == 0) {
        return dam_toml_scan_fail(s, "expected the end of the line");
    }
    return true;
}

/* ---- strings --------------------------------------------------------------------------------- */

static bool escape_read(struct dam_toml_scan *s, uint8_t *out, size_t *out_len)
{
    static const char from[] = "btnfr\"\\";
    static const char to[] = "\b\t\n\f\r\"\\";
    int c = dam_toml_scan_peek(s, 0);
    const char *simple = c <= 0 ? NULL : strchr(from, c);
    if (simple != NULL) {
        out[(*out_len)++] = (uint8_t)to[simple - from];
        s->at++;
        return true;
    }
    size_t digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t code = 0;
    for (size_t i = 1; i <= digits; i++) {
        int digit = dam_hex_digit((char)dam_toml_scan_peek(s, i));
        if (digit < 0) {
            return dam_toml_scan_fail(s, "expected %zu hexadecimal digits", digits);
        }
        code = code << 4 | (uint32_t)digit;
    }
    if (digits == 0) {
        return dam_toml_scan_fail(s, "unknown escape sequence");
    }
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return dam_toml_scan_fail(s, "not a Unicode scalar value");
    }
    *out_len += dam_utf8_put(code, out + *out_len);
    s->at += 1 + digits;
    return true;
}

/* A backslash at the end of a line swallows the newline and all blanks behind it. */
static bool line_join(struct dam_toml_scan *s)
{
    size_t keep = s->at;
    dam_toml_scan_blanks(s);
    size_t len = newline_len(s);
    if (len == 0) {
        s->at = keep;
        return false;
    }
    while (len > 0) {
        s->at += len;
        newline(s);
        dam_toml_scan_blanks(s);
        len = newline_len(s);
    }
    return true;
}

/* How many of the quotes here end a multi-line string: 0, or 3..5 where the first 0..2 belong to
 * the text. */
static size_t closing_quotes(const struct dam_toml_scan *s, int quote)
{
    size_t count = 0;
    while (count < 5 && dam_toml_scan_peek(s, count) == quote) {
        count++;
    }
    return count < 3 ? 0 : count;
}

static bool multi_read(struct dam_toml_scan *s, int quote, uint8_t *out, size_t *out_len)
{
    s->at += 3;
    size_t first = newline_len(s);
    if (first > 0) {
        s->at += first;
        newline(s);
    }
    for (;;) {
        int c = dam_toml_scan_peek(s, 0);
        size_t closing = c == quote ? closing_quotes(s, quote) : 0;
        size_t line = newline_len(s);
        if (closing > 0) {
            memset(out + *out_len, quote, closing - 3);
            *out_len += closing - 3;
            s->at += closing;
            return true;
        }
        if (line > 0) {
            memcpy(out + *out_len, s->text.data + s->at, line);
            *out_len += line;
            s->at += line;
            newline(s);
        } else if (c < 0 || is_control(c)) {
            return dam_toml_scan_fail(s, c < 0 ? "the string is not closed"
                                               : "a control character in a string");
        } else if (c == '\\' && quote == '"') {
            s->at++;
            if (!line_join(s) && !escape_read(s, out, out_len)) {
                return false;
            }
        } else {
            out[(*out_len)++] = (uint8_t)c;
            s->at++;
        }
    }
}

static bool single_read(struct dam_toml_scan *s, int quote, uint8_t *out, size_t *out_len)
{
    for (s->at++;;) {
        int c = dam_toml_scan_peek(s, 0);
        if (c == quote) {
            s->at++;
            return true;
        }
        if (c < 0 || newline_len(s) > 0) {
            return dam_toml_scan_fail(s, "the string is not closed on its line");
        }
        if (is_control(c)) {
            return dam_toml_scan_fail(s, "a control character in a string");
        }
        s->at++;
        if (c != '\\' || quote != '"') {
            out[(*out_len)++] = (uint8_t)c;
        } else if (!escape_read(s, out, out_len)) {
            return false;
        }
    }
}

/* No string is longer than its source, so the first walk only finds a bound: the whole rest up to
 * the next quote that could end it. */
static size_t string_bound(const struct dam_toml_scan *s, int quote, bool multi)
{
    size_t at = s->at + (multi ? 3 : 1);
    for (; at < s->text.len; at++) {
        int c = s->text.data[at];
        if (c == '\\' && quote == '"') {
            at++;
        } else if (c == quote && (!multi || (at + 2 < s->text.len && s->text.data[at + 1] == c &&
                                             s->text.data[at + 2] == c))) {
            break;
        } else if (c == '\n' && !multi) {
            break;
        }
    }
    return at - s->at + 8; /* up to two quotes more, and the NUL */
}

bool dam_toml_scan_string(struct dam_toml_scan *s, bool multi_ok, struct dam_bytes *ret)
{
    int quote = dam_toml_scan_peek(s, 0);
    bool multi = multi_ok && dam_toml_scan_peek(s, 1) == quote && dam_toml_scan_peek(s, 2) == quote;
    uint8_t *out = dam_arena_alloc(s->arena, string_bound(s, quote, multi));
    size_t len = 0;
    if (out == NULL) {
        s->no_memory = true;
        return dam_toml_scan_fail(s, "out of memory");
    }
    if (!(multi ? multi_read(s, quote, out, &len) : single_read(s, quote, out, &len))) {
        return false;
    }
    out[len] = 0;
    *ret = dam_bytes(out, len);
    return true;
}

/* ---- scalars --------------------------------------------------------------------------------- */

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* Takes exactly n digits. */
static bool number_take(const char **p, size_t n, unsigned *ret)
{
    unsigned value = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit((*p)[i])) {
            return false;
        }
        value = value * 10 + (unsigned)((*p)[i] - '0');
    }
    *p += n;
    *ret = value;
    return true;
}

static bool char_take(const char **p, char c)
{
    if (**p != c) {
        return false;
    }
    (*p)++;
    return true;
}

static bool date_take(const char **p)
{
    static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    if (!number_take(p, 4, &year) || !char_take(p, '-') || !number_take(p, 2, &month) ||
        !char_take(p, '-') || !number_take(p, 2, &day)) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] &&
           (month != 2 || day <= 28 || leap);
}

static bool time_take(const char **p)
{
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    if (!number_take(p, 2, &hour) || !char_take(p, ':') || !number_take(p, 2, &minute) ||
        !char_take(p, ':') || !number_take(p, 2, &second)) {
        return false;
    }
    if (char_take(p, '.')) {
        if (!is_digit(**p)) {
            return false;
        }
        while (is_digit(**p)) {
            (*p)++;
        }
    }
    return hour <= 23 && minute <= 59 && second <= 60; /* RFC 3339 allows a leap second */
}

static bool offset_take(const char **p)
{
    unsigned hour = 0;
    unsigned minute = 0;
    if (char_take(p, 'Z') || char_take(p, 'z')) {
        return true;
    }
    return (char_take(p, '+') || char_take(p, '-')) && number_take(p, 2, &hour) &&
           char_take(p, ':') && number_take(p, 2, &minute) && hour <= 23 && minute <= 59;
}

static bool datetime_parse(const char *text, enum dam_toml_type *ret)
{
    const char *p = text;
    if (strlen(text) > 2 && text[2] == ':') {
        *ret = DAM_TOML_LOCAL_TIME;
        return time_take(&p) && *p == 0;
    }
    if (!date_take(&p)) {
        return false;
    }
    if (*p == 0) {
        *ret = DAM_TOML_LOCAL_DATE;
        return true;
    }
    if ((!char_take(&p, 'T') && !char_take(&p, 't') && !char_take(&p, ' ')) || !time_take(&p)) {
        return false;
    }
    *ret = *p == 0 ? DAM_TOML_LOCAL_DATETIME : DAM_TOML_OFFSET_DATETIME;
    return *p == 0 || (offset_take(&p) && *p == 0);
}

/* Drops underscores, each of which must stand between two digits. Returns false if one does not. */
static bool underscores_drop(char *text)
{
    int base_max = text[0] == '0' && text[1] == 'x' ? 15 : 9;
    size_t out = 0;
    for (size_t i = 0; text[i] != 0; i++) {
        if (text[i] == '_') {
            int before = i == 0 ? -1 : dam_hex_digit(text[i - 1]);
            int after = dam_hex_digit(text[i + 1]);
            if (before < 0 || before > base_max || after < 0 || after > base_max) {
                return false;
            }
            continue;
        }
        text[out++] = text[i];
    }
    text[out] = 0;
    return true;
}

static bool based_parse(const char *digits, unsigned base, int64_t *ret)
{
    uint64_t value = 0;
    if (digits[0] == 0) {
        return false;
    }
    for (; *digits != 0; digits++) {
        int digit = dam_hex_digit(*digits);
        if (digit < 0 || (unsigned)digit >= base ||
            __builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value) || value > INT64_MAX) {
            return false;
        }
    }
    *ret = (int64_t)value;
    return true;
}

/* A decimal integer without leading zeros; *p stops behind it. */
static bool digits_take(const char **p)
{
    const char *start = *p;
    while (is_digit(**p)) {
        (*p)++;
    }
    return *p != start && (start[0] != '0' || *p == start + 1);
}

static bool is_float(const char *text)
{
    const char *p = text;
    (void)(char_take(&p, '+') || char_take(&p, '-'));
    if (strcmp(p, "inf") == 0 || strcmp(p, "nan") == 0) {
        return true;
    }
    bool any = false;
    if (!digits_take(&p)) {
        return false;
    }
    if (char_take(&p, '.')) {
        const char *start = p;
        while (is_digit(*p)) {
            p++;
        }
        any = p != start;
        if (!any) {
            return false;
        }
    }
    if (char_take(&p, 'e') || char_take(&p, 'E')) {
        (void)(char_take(&p, '+') || char_take(&p, '-'));
        const char *start = p;
        while (is_digit(*p)) {
            p++;
        }
        any = p != start;
    }
    return any && *p == 0;
}

static bool integer_parse(const char *text, int64_t *ret)
{
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o' || text[1] == 'b')) {
        return based_parse(text + 2, text[1] == 'x' ? 16 : text[1] == 'o' ? 8 : 2, ret);
    }
    const char *p = text;
    bool negative = *p == '-';
    (void)(char_take(&p, '+') || char_take(&p, '-'));
    const char *digits = p;
    if (!digits_take(&p) || *p != 0) {
        return false;
    }
    int64_t value = 0;
    for (p = digits; *p != 0; p++) { /* downwards, because the range reaches one further there */
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_sub_overflow(value, (int64_t)(*p - '0'), &value)) {
            return false;
        }
    }
    if (!negative && value == INT64_MIN) {
        return false;
    }
    *ret = negative ? value : -value;
    return true;
}

static bool is_scalar_char(int c)
{
    return dam_hex_digit((char)c) >= 0 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '+' || c == '-' || c == '_' || c == '.' || c == ':';
}

#define SCALAR_MAX 512u

/* The characters of a scalar; a date may have one space before its time. */
static bool scalar_text(struct dam_toml_scan *s, char *text)
{
    size_t len = 0;
    for (;; len++) {
        int c = dam_toml_scan_peek(s, len);
        bool space = c == ' ' && len == 10 && text[4] == '-' && text[7] == '-' &&
                     is_digit(dam_toml_scan_peek(s, 11)) && is_digit(dam_toml_scan_peek(s, 12)) &&
                     dam_toml_scan_peek(s, 13) == ':';
        if (!is_scalar_char(c) && !space) {
            break;
        }
        if (len == SCALAR_MAX - 1) {
            return dam_toml_scan_fail(s, "the value is too long");
        }
        text[len] = (char)c;
    }
    text[len] = 0;
    return len > 0 || dam_toml_scan_fail(s, "expected a value");
}

bool dam_toml_scan_scalar(struct dam_toml_scan *s, struct dam_toml *value)
{
    char text[SCALAR_MAX];
    if (!scalar_text(s, text)) {
        return false;
    }
    size_t len = strlen(text);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        value->type = DAM_TOML_BOOL;
        value->boolean = text[0] == 't';
        s->at += len;
        return true;
    }
    enum dam_toml_type type = DAM_TOML_FLOAT;
    bool known = datetime_parse(text, &type);
    if (!known && underscores_drop(text)) {
        known = integer_parse(text, &value->integer);
        type = DAM_TOML_INTEGER;
        if (!known) {
            known = is_float(text);
            type = DAM_TOML_FLOAT;
        }
    }
    if (!known) {
        return dam_toml_scan_fail(s, "'%.60s' is no number, date or boolean (text needs quotes)",
                                  text);
    }
    value->type = type;
    value->text.len = strlen(text);
    value->text.data = dam_arena_copy(s->arena, text, value->text.len + 1);
    if (value->text.data == NULL) {
        s->no_memory = true;
        return dam_toml_scan_fail(s, "out of memory");
    }
    s->at += len;
    return true;
}
