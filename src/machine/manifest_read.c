// SPDX-License-Identifier: Apache-2.0
#include "machine/manifest_read.h"

#include "base/suggest.h"
#include "core/eth/address.h"
#include "core/flow/fixed.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum dam_err dam_manifest_complain(struct dam_manifest_reader *r, const struct dam_toml *at,
                                   const char *hint, const char *fmt, ...)
{
    struct dam_manifest_complaint *c = r->complaint;
    va_list args;
    const char *variable = at == NULL ? NULL : dam_manifest_variable(r->manifest, at);
    int len = variable != NULL ? snprintf(c->text, sizeof(c->text), "%s: ", variable)
              : at == NULL     ? snprintf(c->text, sizeof(c->text), "%s: ", r->file)
                               : snprintf(c->text, sizeof(c->text), "%s:%u: ", r->file, at->line);
    size_t used = len < 0 ? 0 : (size_t)len < sizeof(c->text) ? (size_t)len : sizeof(c->text) - 1;
    va_start(args, fmt);
    (void)vsnprintf(c->text + used, sizeof(c->text) - used, fmt, args);
    va_end(args);
    (void)snprintf(c->hint, sizeof(c->hint), "%s", hint == NULL ? "" : hint);
    return DAM_EPARSE;
}

enum dam_err dam_manifest_unknown(struct dam_manifest_reader *r, const struct dam_toml *at,
                                  const char *what, struct dam_bytes word, const char *const *names,
                                  size_t count)
{
    char known[DAM_MANIFEST_COMPLAINT_MAX] = "known:";
    char hint[DAM_SUGGEST_HINT_SIZE];
    size_t used = strlen(known);
    for (size_t i = 0; i < count && used + 32 < sizeof(known); i++) {
        used += (size_t)snprintf(known + used, sizeof(known) - used, " %s", names[i]);
    }
    int len = (int)(word.len < 60 ? word.len : 60);
    return dam_manifest_complain(r, at, dam_suggest_hint(word, names, count, known, hint),
                                 "%s '%.*s'", what, len, (const char *)word.data);
}

static bool is_known(struct dam_bytes key, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (dam_bytes_eq(key, dam_bytes(names[i], strlen(names[i])))) {
            return true;
        }
    }
    return false;
}

enum dam_err dam_manifest_keys(struct dam_manifest_reader *r, const struct dam_toml *table,
                               const char *where, const char *const *names)
{
    size_t count = 0;
    while (names[count] != NULL) {
        count++;
    }
    for (const struct dam_toml *member = table == NULL ? NULL : table->first; member != NULL;
         member = member->next) {
        if (is_known(member->key, names)) {
            continue;
        }
        char what[120];
        (void)snprintf(what, sizeof(what), "%s has no key", where);
        return dam_manifest_unknown(r, member, what, member->key, names, count);
    }
    return DAM_OK;
}

static enum dam_err wrong_type(struct dam_manifest_reader *r, const struct dam_toml *value,
                               const char *key, const char *want)
{
    return dam_manifest_complain(r, value, NULL, "'%s' must be %s, this is %s", key, want,
                                 dam_toml_type_text(value->type));
}

/* The value of a key. A variable is a text that says a value of the type wanted. */
static const struct dam_toml *value_of(struct dam_manifest_reader *r, const struct dam_toml *table,
                                       const char *key, enum dam_toml_type wanted)
{
    const struct dam_toml *value = dam_toml_get(table, key);
    struct dam_toml *said = NULL;
    struct dam_toml_error error;
    char text[64];
    if (value == NULL || dam_manifest_variable(r->manifest, value) == NULL) {
        return value;
    }
    int len = snprintf(text, sizeof(text), "value = %s", (const char *)value->text.data);
    bool said_it =
        len > 0 && (size_t)len < sizeof(text) &&
        dam_toml_parse(dam_bytes(text, (size_t)len), r->arena, &said, &error) == DAM_OK &&
        said->first->type == wanted;
    return said_it ? said->first : value;
}

enum dam_err dam_manifest_text(struct dam_manifest_reader *r, const struct dam_toml *table,
                               const char *key, bool required, const char **ret)
{
    const struct dam_toml *value = dam_toml_get(table, key);
    if (value == NULL) {
        return !required
                   ? DAM_OK
                   : dam_manifest_complain(r, table, "add it; docs/manifest.md says what it is",
                                           "the key '%s' is missing here", key);
    }
    if (value->type != DAM_TOML_STRING) {
        return wrong_type(r, value, key, "a string");
    }
    if (memchr(value->text.data, 0, value->text.len) != NULL) {
        return dam_manifest_complain(r, value, NULL, "'%s' holds a NUL character", key);
    }
    *ret = (const char *)value->text.data;
    return DAM_OK;
}

enum dam_err dam_manifest_integer(struct dam_manifest_reader *r, const struct dam_toml *table,
                                  const char *key, int64_t min, int64_t max, int64_t *ret)
{
    const struct dam_toml *value = value_of(r, table, key, DAM_TOML_INTEGER);
    if (value == NULL) {
        return DAM_OK;
    }
    if (value->type != DAM_TOML_INTEGER) {
        return wrong_type(r, value, key, "a whole number");
    }
    if (value->integer < min || value->integer > max) {
        return dam_manifest_complain(r, dam_toml_get(table, key), NULL,
                                     "'%s' is %lld, it must be from %lld to %lld", key,
                                     (long long)value->integer, (long long)min, (long long)max);
    }
    *ret = value->integer;
    return DAM_OK;
}

enum dam_err dam_manifest_flag(struct dam_manifest_reader *r, const struct dam_toml *table,
                               const char *key, bool *ret)
{
    const struct dam_toml *value = value_of(r, table, key, DAM_TOML_BOOL);
    if (value == NULL) {
        return DAM_OK;
    }
    if (value->type != DAM_TOML_BOOL) {
        return wrong_type(r, value, key, "true or false");
    }
    *ret = value->boolean;
    return DAM_OK;
}

enum dam_err dam_manifest_duration(struct dam_bytes text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1},      {"s", 1000},    {"m", 60000},
                 {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t number = 0;
    while (number < text.len &&
           (text.data[number] == '.' || (text.data[number] >= '0' && text.data[number] <= '9'))) {
        number++;
    }
    struct dam_bytes unit = dam_bytes_from(text, number);
    int64_t milli = 0;
    for (size_t i = 0; i < DAM_COUNT_OF(units); i++) {
        int64_t ms = 0;
        if (dam_bytes_eq(unit, dam_bytes(units[i].unit, strlen(units[i].unit))) &&
            dam_flow_fixed_parse((const char *)text.data, number, 3, &milli) == DAM_OK &&
            !__builtin_mul_overflow(milli, units[i].ms, &ms)) {
            *ret_ms = ms / 1000;
            return DAM_OK;
        }
    }
    return DAM_EPARSE;
}

enum dam_err dam_manifest_span(struct dam_manifest_reader *r, const struct dam_toml *table,
                               const char *key, int64_t *ret_ms)
{
    const char *text = NULL;
    DAM_TRY(dam_manifest_text(r, table, key, false, &text));
    if (text == NULL) {
        return DAM_OK;
    }
    int64_t ms = 0;
    if (dam_manifest_duration(dam_bytes(text, strlen(text)), &ms) != DAM_OK || ms < 1 ||
        ms > INT64_C(366) * 86400000) {
        return dam_manifest_complain(r, dam_toml_get(table, key),
                                     "write a number and a unit: \"250ms\", \"10s\", \"5m\", "
                                     "\"2h\", \"1d\"",
                                     "'%s' is no length of time: \"%s\"", key, text);
    }
    *ret_ms = ms;
    return DAM_OK;
}

/* 0.125 with two decimals would silently become 0.13; it is refused instead. */
static bool is_exact(struct dam_bytes text, unsigned decimals, int64_t number)
{
    char again[DAM_FLOW_FIXED_TEXT_MAX];
    int64_t fine = 0;
    int64_t fine_again = 0;
    unsigned more = decimals + 6 < DAM_FLOW_DECIMALS_MAX ? decimals + 6 : DAM_FLOW_DECIMALS_MAX;
    size_t len = dam_flow_fixed_format(number, decimals, again);
    return dam_flow_fixed_parse((const char *)text.data, text.len, more, &fine) != DAM_OK ||
           dam_flow_fixed_parse(again, len, more, &fine_again) != DAM_OK || fine == fine_again;
}

enum dam_err dam_manifest_number(struct dam_manifest_reader *r, const struct dam_toml *at,
                                 const char *what, struct dam_bytes text, unsigned decimals,
                                 int64_t *ret)
{
    int64_t number = 0;
    enum dam_err err = dam_flow_fixed_parse((const char *)text.data, text.len, decimals, &number);
    if (err == DAM_OK && !is_exact(text, decimals, number)) {
        return dam_manifest_complain(r, at, "give it fewer digits or raise 'decimals'",
                                     "'%s' has more than %u decimals: %.*s", what, decimals,
                                     (int)text.len, (const char *)text.data);
    }
    if (err == DAM_OK) {
        *ret = number;
        return DAM_OK;
    }
    return dam_manifest_complain(r, at, NULL,
                                 err == DAM_ERANGE ? "'%s' does not fit 64 bits: %.*s"
                                                   : "'%s' is no number: %.*s",
                                 what, (int)text.len, (const char *)text.data);
}

enum dam_err dam_manifest_decimal(struct dam_manifest_reader *r, const struct dam_toml *table,
                                  const char *key, unsigned decimals, int64_t *ret, bool *ret_found)
{
    const struct dam_toml *value = dam_toml_get(table, key);
    if (ret_found != NULL) {
        *ret_found = value != NULL;
    }
    if (value == NULL) {
        return DAM_OK;
    }
    struct dam_bytes text = value->text;
    if (value->type != DAM_TOML_INTEGER && value->type != DAM_TOML_FLOAT &&
        value->type != DAM_TOML_STRING) {
        return wrong_type(r, value, key, "a number");
    }
    /* An integer in another base has its value, not its text. */
    char digits[24];
    if (value->type == DAM_TOML_INTEGER) {
        int len = snprintf(digits, sizeof(digits), "%lld", (long long)value->integer);
        text = dam_bytes(digits, (size_t)len);
    }
    return dam_manifest_number(r, value, key, text, decimals, ret);
}

enum dam_err dam_manifest_address(struct dam_manifest_reader *r, const struct dam_toml *table,
                                  const char *key, struct dam_address *ret, bool *ret_found)
{
    const char *text = NULL;
    DAM_TRY(dam_manifest_text(r, table, key, false, &text));
    *ret_found = text != NULL;
    if (text != NULL && dam_address_from_text(text, strlen(text), ret) != DAM_OK) {
        return dam_manifest_complain(r, dam_toml_get(table, key),
                                     "an address is 0x and 40 hexadecimal digits",
                                     "'%s' is no address", text);
    }
    return DAM_OK;
}

enum dam_err dam_manifest_file(struct dam_manifest_reader *r, const char *path,
                               struct dam_bytes *ret)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        bool missing = errno == ENOENT;
        (void)dam_manifest_complain(
            r, NULL, missing ? "`dam init PROFILE DIR` makes a machine's folder" : NULL,
            "cannot read %s: %s", path, strerror(errno));
        return missing ? DAM_ENOTFOUND : DAM_EIO;
    }
    long len = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    rewind(file);
    bool fits = len >= 0 && len <= (long)DAM_TOML_LEN_MAX;
    uint8_t *data = fits ? dam_arena_alloc(r->arena, (size_t)len + 1) : NULL;
    bool failed = data == NULL || fread(data, 1, (size_t)len, file) != (size_t)len;
    (void)fclose(file);
    if (failed) {
        (void)dam_manifest_complain(r, NULL, NULL, "cannot read %s: it is too long or unreadable",
                                    path);
        return fits && data == NULL ? DAM_ENOMEM : DAM_EIO;
    }
    data[len] = 0;
    *ret = dam_bytes(data, (size_t)len);
    return DAM_OK;
}

const char *dam_manifest_unit_meant(const char *unit)
{
    static const char *const units[] = {
        "W",   "kW", "MW", "Wh",  "kWh", "MWh",   "V",  "A",   "Ah",  "VA",  "kVA", "Hz",
        "kHz", "s",  "ms", "min", "h",   "d",     "m",  "km",  "mm",  "cm",  "m/s", "km/h",
        "kg",  "g",  "t",  "l",   "l/s", "l/min", "Pa", "hPa", "kPa", "bar", "lx",  "deg"};
    const char *meant = NULL;
    for (size_t i = 0; i < DAM_COUNT_OF(units); i++) {
        if (strcmp(units[i], unit) == 0) {
            return NULL; /* "mW" would be none, but "MW" is */
        }
        meant = strcasecmp(units[i], unit) == 0 ? units[i] : meant;
    }
    return meant;
}

/* 1, 1,000 or 1,000,000 for W, kW and MW (base "W") or Wh, kWh and MWh ("Wh"). Returns: 0 if the
 * unit is another. */
static int64_t size_of_unit(const char *unit, const char *base)
{
    int64_t size = unit[0] == 'k' ? 1000 : unit[0] == 'M' ? 1000000 : 1;
    return strcmp(size == 1 ? unit : unit + 1, base) == 0 ? size : 0;
}

int64_t dam_manifest_worth_of_units(const char *unit, const char *price, int64_t period_ms)
{
    const int64_t hour_ms = 3600000;
    const char *per = strrchr(price, '/');
    int64_t priced = per == NULL ? 0 : size_of_unit(per + 1, "Wh");
    int64_t power = size_of_unit(unit, "W");
    int64_t energy = size_of_unit(unit, "Wh");
    if (priced == 0 || (power == 0 && energy == 0)) {
        return 1000000000;
    }
    __int128 factor = (__int128)1000000000 * (power + energy) / priced; /* one of them is 0 */
    factor = energy == 0 ? factor : factor * hour_ms / period_ms;
    return factor > INT64_MAX ? INT64_MAX : (int64_t)factor;
}

bool dam_manifest_unit_is(struct dam_bytes unit, const char *other)
{
    static const char *const same[][2] = {{"deg", "°"}, {"°C", "C"},    {"°C", "degC"},
                                          {"m3", "m³"}, {"var", "VAr"}, {"varh", "VArh"}};
    const char *text = (const char *)unit.data;
    if (strlen(other) == unit.len && memcmp(text, other, unit.len) == 0) {
        return true;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(same); i++) {
        for (size_t k = 0; k < 2; k++) {
            if (strcmp(same[i][k], other) == 0 && strlen(same[i][1 - k]) == unit.len &&
                memcmp(same[i][1 - k], text, unit.len) == 0) {
                return true;
            }
        }
    }
    return false;
}
