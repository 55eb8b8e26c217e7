// SPDX-License-Identifier: Apache-2.0
/* The manifest in words, for people. */
#include "machine/manifest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *dam_manifest_path(const struct dam_manifest *manifest, const char *path)
{
    if (path[0] == '/') {
        return path;
    }
    size_t size = strlen(manifest->folder) + strlen(path) + 2;
    char *joined = dam_arena_alloc(manifest->arena, size);
    if (joined != NULL) {
        (void)snprintf(joined, size, "%s/%s", manifest->folder, path);
    }
    return joined;
}

void dam_manifest_record_name(const struct dam_manifest *manifest, size_t index, char *text,
                              size_t size)
{
    if (index == 0) {
        (void)snprintf(text, size, "time");
    } else if (index <= manifest->channel_count) {
        (void)snprintf(text, size, "%s", manifest->channels[index - 1].name);
    } else if (index < dam_manifest_record_count(manifest)) {
        (void)snprintf(text, size, "last.%s",
                       manifest->actuators[index - 1 - manifest->channel_count].name);
    } else {
        (void)snprintf(text, size, "?");
    }
}

unsigned dam_manifest_record_decimals(const struct dam_manifest *manifest, size_t index)
{
    if (index == 0 || index >= dam_manifest_record_count(manifest)) {
        return 0;
    }
    return index <= manifest->channel_count
               ? manifest->channels[index - 1].decimals
               : manifest->actuators[index - 1 - manifest->channel_count].decimals;
}

const char *dam_manifest_record_unit(const struct dam_manifest *manifest, size_t index)
{
    if (index == 0) {
        return "s";
    }
    if (index >= dam_manifest_record_count(manifest)) {
        return "";
    }
    return index <= manifest->channel_count
               ? manifest->channels[index - 1].unit
               : manifest->actuators[index - 1 - manifest->channel_count].unit;
}

void dam_manifest_reason_text(const struct dam_manifest *manifest, unsigned reason, char *text,
                              size_t size)
{
    unsigned index = reason - DAM_FLOW_REASON_INTERLOCK;
    if (reason == DAM_FLOW_REASON_NONE) {
        (void)snprintf(text, size, "as proposed");
    } else if (reason == DAM_FLOW_REASON_RANGE || reason == DAM_FLOW_REASON_RANGE_AGAIN) {
        (void)snprintf(text, size, "outside its range");
    } else if (reason == DAM_FLOW_REASON_STEP) {
        (void)snprintf(text, size, "too large a step from the last action");
    } else if (reason >= DAM_FLOW_REASON_INTERLOCK && index < manifest->rules.interlock_count) {
        (void)snprintf(text, size, "interlock %u: %s", index, manifest->interlock_texts[index]);
    } else {
        (void)snprintf(text, size, "reason %u of the charter", reason);
    }
}

/* ---- settings with their origin -------------------------------------------------------------- */

struct settings {
    const struct dam_manifest *manifest;
    struct dam_manifest_setting *list;
    size_t count;
    size_t size;
    bool no_memory;
};

static const char *print(struct settings *s, const char *fmt, ...) DAM_PRINTF(2, 3);

static const char *print(struct settings *s, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    const char *copy = dam_arena_copy(s->manifest->arena, text, strlen(text) + 1);
    s->no_memory = s->no_memory || copy == NULL;
    return copy;
}

static void add(struct settings *s, const char *name, const char *value, const char *origin)
{
    if (s->count == s->size) {
        size_t size = s->size == 0 ? 64 : 2 * s->size;
        struct dam_manifest_setting *list =
            dam_arena_alloc(s->manifest->arena, size * sizeof(*list));
        if (list == NULL) {
            s->no_memory = true;
            return;
        }
        if (s->count > 0) {
            memcpy(list, s->list, s->count * sizeof(*list));
        }
        s->list = list;
        s->size = size;
    }
    s->list[s->count++] = (struct dam_manifest_setting){name, value, origin};
}

static const char *value_text(struct settings *s, const struct dam_toml *value)
{
    switch (value->type) {
    case DAM_TOML_STRING:
        return print(s, "\"%s\"", (const char *)value->text.data);
    case DAM_TOML_BOOL:
        return value->boolean ? "true" : "false";
    case DAM_TOML_INTEGER:
        return print(s, "%lld", (long long)value->integer);
    case DAM_TOML_ARRAY: {
        const char *text = "[";
        for (const struct dam_toml *item = value->first; item != NULL && text != NULL;
             item = item->next) {
            const char *one = value_text(s, item);
            text = one == NULL ? NULL
                               : print(s, "%s%s%s", text, item == value->first ? "" : ", ", one);
        }
        return text == NULL ? NULL : print(s, "%s]", text);
    }
    case DAM_TOML_TABLE:
        return "{...}";
    case DAM_TOML_FLOAT:
    case DAM_TOML_OFFSET_DATETIME:
    case DAM_TOML_LOCAL_DATETIME:
    case DAM_TOML_LOCAL_DATE:
    case DAM_TOML_LOCAL_TIME:
        return (const char *)value->text.data;
    }
    return NULL;
}

/* Every leaf of the tree; depth is bounded by the parser. */
static void walk(struct settings *s, const struct dam_toml *table, const char *path)
{
    size_t index = 0;
    for (const struct dam_toml *item = table->first; item != NULL; item = item->next, index++) {
        const char *name =
            table->type == DAM_TOML_ARRAY ? print(s, "%s[%zu]", path, index)
            : path[0] == 0
                ? print(s, "%.*s", (int)item->key.len, (const char *)item->key.data)
                : print(s, "%s.%.*s", path, (int)item->key.len, (const char *)item->key.data);
        if (name == NULL) {
            return;
        }
        bool tables = item->type == DAM_TOML_ARRAY && item->first != NULL &&
                      item->first->type == DAM_TOML_TABLE;
        if (item->type == DAM_TOML_TABLE || tables) {
            walk(s, item, name);
        } else {
            const char *variable = dam_manifest_variable(s->manifest, item);
            add(s, name, value_text(s, item),
                variable != NULL ? variable : print(s, "%s:%u", DAM_MANIFEST_FILE, item->line));
        }
    }
}

static bool has(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->list[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

const struct dam_manifest_setting *dam_manifest_settings(const struct dam_manifest *manifest,
                                                         size_t *ret_count)
{
    static const struct {
        const char *name;
        const char *value;
    } defaults[] = {
        {"machine.period", "\"1s\""},  {"machine.write_timeout", "\"2s\""},
        {"evidence.sync", "true"},     {"evidence.folder", "\"evidence\""},
        {"evidence.explain", "false"}, {"charter.code", "\"BoundsCharter\""},
        {"mind.gas", "10000000"},      {"charter.gas", "2000000"},
    };
    struct settings s = {.manifest = manifest};
    walk(&s, manifest->root, "");
    for (size_t i = 0; i < DAM_COUNT_OF(defaults); i++) {
        if (!has(&s, defaults[i].name)) {
            add(&s, defaults[i].name, defaults[i].value, "default");
        }
    }
    *ret_count = s.count;
    return s.no_memory ? NULL : s.list;
}
