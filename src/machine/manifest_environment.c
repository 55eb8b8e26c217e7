// SPDX-License-Identifier: Apache-2.0
/* The environment stands above the file: a variable becomes a value of the tree before the tree is
 * read, so that it is checked as one of the file is. docs/manifest.md says which keys there are. */
#include "machine/manifest_read.h"

#include <ctype.h>

#define PREFIX "DAM_"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

extern char **environ;

/* Of other readers than the manifest's. */
static const char *const others[] = {"DAM_AQUACROP",    "DAM_CONTRACTS", "DAM_DIR",
                                     "DAM_ONNXRUNTIME", "DAM_PROFILES",  "DAM_SHARED",
                                     "DAM_XGBOOST"};

/* What decides, and what it decides about: an auditor has the file whose hash is in the evidence,
 * and no environment. */
static const char *const law[] = {"actuator", "channel", "charter",      "interlock",
                                  "limits",   "mind",    "machine_rules"};

/* Sections that only hold settings; the others are parts of a machine, which the file has or not.
 */
static const char *const settings[] = {"evidence", "identity", "money", "upgrade"};

/* How much of `text` spells the key in a variable's letters. Returns: its length, 0 if it does not
 * begin with it. */
static size_t spelt(const char *text, struct dam_bytes key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = (char)key.data[i];
        if (text[i] != (c == '-' || c == '.' ? '_' : (char)toupper(c))) {
            return 0;
        }
    }
    return key.len;
}

/* The same with the '_' behind it. */
static size_t spelt_on(const char *text, struct dam_bytes key)
{
    size_t len = spelt(text, key);
    return len > 0 && text[len] == '_' ? len + 1 : 0;
}

static struct dam_bytes word(const char *text)
{
    return dam_bytes(text, strlen(text));
}

static struct dam_toml *append(struct dam_manifest_reader *r, struct dam_toml *table,
                               struct dam_bytes key, enum dam_toml_type type)
{
    struct dam_toml *member = dam_arena_zalloc(r->arena, sizeof(*member));
    uint8_t *copy = member == NULL ? NULL : dam_arena_zalloc(r->arena, key.len + 1);
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, key.data, key.len);
    *member = (struct dam_toml){.type = type, .key = dam_bytes(copy, key.len)};
    struct dam_toml **end = &table->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = table->last = member;
    return member;
}

/* The table that the text begins with the names of, as deep as it goes. Returns: what is left of
 * the text, NULL if no table of the root is named. */
static const char *table_find(struct dam_toml *root, const char *text, struct dam_toml **ret)
{
    struct dam_toml *at = root;
    for (bool deeper = true; deeper;) {
        struct dam_toml *best = NULL;
        size_t len = 0;
        for (struct dam_toml *member = at->first; member != NULL; member = member->next) {
            size_t used = member->type == DAM_TOML_TABLE ? spelt_on(text, member->key) : 0;
            best = used > len ? member : best;
            len = used > len ? used : len;
        }
        deeper = best != NULL;
        at = deeper ? best : at;
        text += len;
    }
    *ret = at;
    return at == root || dam_bytes_is(at->key, "link") ? NULL : text;
}

/* A section of settings that the file leaves out is there all the same. */
static bool settings_add(struct dam_manifest_reader *r, struct dam_toml *root, const char *text)
{
    for (size_t i = 0; i < DAM_COUNT_OF(settings); i++) {
        if (spelt_on(text, word(settings[i])) > 0 && dam_toml_get(root, settings[i]) == NULL &&
            append(r, root, word(settings[i]), DAM_TOML_TABLE) == NULL) {
            return false;
        }
    }
    return true;
}

static enum dam_err set(struct dam_manifest_reader *r, struct dam_toml *table, const char *key,
                        const char *name, const char *value)
{
    struct dam_toml *member = table->first;
    while (member != NULL && spelt(key, member->key) != strlen(key)) {
        member = member->next;
    }
    if (member == NULL) {
        member = append(r, table, word(key), DAM_TOML_STRING);
        for (size_t i = 0; member != NULL && i < member->key.len; i++) {
            ((uint8_t *)(uintptr_t)member->key.data)[i] = (uint8_t)tolower(key[i]);
        }
    }
    struct dam_manifest_variable *variable = dam_arena_alloc(r->arena, sizeof(*variable));
    const char *text = dam_arena_copy(r->arena, value, strlen(value) + 1);
    if (member == NULL || variable == NULL || text == NULL) {
        (void)dam_manifest_complain(r, NULL, NULL, "out of memory");
        return DAM_ENOMEM;
    }
    member->type = DAM_TOML_STRING;
    member->first = NULL;
    member->text = word(text);
    *variable = (struct dam_manifest_variable){name, member, r->manifest->variables};
    r->manifest->variables = variable;
    return DAM_OK;
}

static enum dam_err take(struct dam_manifest_reader *r, struct dam_toml *root, const char *name,
                         const char *value)
{
    struct dam_manifest *m = r->manifest;
    struct dam_toml *table = NULL;
    const char *text = name + PREFIX_LEN;
    for (size_t i = 0; i < DAM_COUNT_OF(others); i++) {
        if (strcmp(name, others[i]) == 0) {
            return DAM_OK;
        }
    }
    for (size_t i = 0; i < DAM_COUNT_OF(law); i++) {
        size_t len = spelt(text, word(law[i]));
        if (len > 0 && (text[len] == '_' || text[len] == 0)) {
            return dam_manifest_complain(r, NULL, "write it into the file, or unset the variable",
                                         "%s: what decides, and about what, is in the file alone: "
                                         "the evidence names it by its hash",
                                         name);
        }
    }
    if (!settings_add(r, root, text)) {
        return DAM_ENOMEM;
    }
    const char *key = table_find(root, text, &table);
    if (key != NULL) {
        return set(r, table, key, name, value);
    }
    if (m->stray_count < DAM_MANIFEST_STRAYS_MAX) {
        m->strays[m->stray_count++] = name;
    }
    return DAM_OK;
}

enum dam_err dam_manifest_environment(struct dam_manifest_reader *r, struct dam_toml *root)
{
    for (char **entry = environ; *entry != NULL; entry++) {
        const char *value = strchr(*entry, '=');
        if (value == NULL || strncmp(*entry, PREFIX, PREFIX_LEN) != 0) {
            continue;
        }
        size_t len = (size_t)(value - *entry);
        char *name = dam_arena_zalloc(r->arena, len + 1);
        if (name == NULL) {
            return DAM_ENOMEM;
        }
        memcpy(name, *entry, len);
        DAM_TRY(take(r, root, name, value + 1));
    }
    return DAM_OK;
}

const char *dam_manifest_variable(const struct dam_manifest *manifest, const struct dam_toml *value)
{
    const struct dam_manifest_variable *v = manifest->variables;
    while (v != NULL && v->value != value) {
        v = v->next;
    }
    return v == NULL ? NULL : v->name;
}
