// SPDX-License-Identifier: Apache-2.0
#include "app/verb.h"
#include "app/verb_deploy.h"
#include "base/hex.h"
#include "base/toml.h"
#include "core/crypto/keccak.h"
#include "core/eth/address.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_LEN_MAX (64u << 20)
#define RESULT_VERSION 2u /* 1 had no sets */

enum dam_err dam_deploy_file_read(struct dam_arena *arena, const char *path, struct dam_bytes *ret)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    enum dam_err err = DAM_EIO;
    if (file == NULL) {
        return errno == ENOENT ? DAM_ENOTFOUND : DAM_EIO;
    }
    if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode) &&
        info.st_size < (off_t)FILE_LEN_MAX) {
        size_t len = (size_t)info.st_size;
        uint8_t *data = dam_arena_alloc(arena, len + 1);
        err = data == NULL ? DAM_ENOMEM : fread(data, 1, len, file) == len ? DAM_OK : DAM_EIO;
        *ret = dam_bytes(data, len);
    }
    (void)fclose(file); /* only read */
    return err;
}

enum dam_err dam_deploy_file_write(const char *path, struct dam_bytes text)
{
    char path_new[4096 + 4];
    int len = snprintf(path_new, sizeof(path_new), "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof(path_new)) {
        return DAM_EIO;
    }
    FILE *file = fopen(path_new, "wb");
    if (file == NULL) {
        return DAM_EIO;
    }
    bool ok = fwrite(text.data, 1, text.len, file) == text.len;
    ok = fclose(file) == 0 && ok;
    return ok && rename(path_new, path) == 0 ? DAM_OK : DAM_EIO;
}

/* ---- settings ---- */

static const char *hex_of(struct dam_arena *arena, struct dam_bytes data)
{
    char *text = dam_arena_alloc(arena, 2 * data.len + 3);
    if (text != NULL) {
        memcpy(text, "0x", 2);
        dam_hex_encode(data.data, data.len, text + 2);
    }
    return text;
}

enum dam_err dam_deploy_setting_add(struct dam_arena *arena, struct dam_deploy_settings *settings,
                                    const char *name, const char *value)
{
    struct dam_bytes data;
    for (size_t i = 0; i < settings->count; i++) {
        if (strcmp(settings->list[i].name, name) == 0) {
            return DAM_OK;
        }
    }
    if (settings->count == DAM_DEPLOY_SETTINGS_MAX - 1) { /* one is kept for the arbiter */
        return DAM_EFULL;
    }
    if (value[0] == '@') {
        enum dam_err err = dam_deploy_file_read(arena, value + 1, &data);
        if (err != DAM_OK && err != DAM_ENOTFOUND) {
            return err;
        }
        value = err == DAM_OK ? hex_of(arena, data) : value; /* else the name of a contract */
    }
    if (value == NULL) {
        return DAM_ENOMEM;
    }
    settings->list[settings->count++] = (struct dam_deploy_setting){name, value, false};
    return DAM_OK;
}

/* Returns: false for what JSON has no form for: a float or a date. */
static bool toml_put(struct dam_json_writer *w, struct dam_arena *arena, const struct dam_toml *t)
{
    switch (t->type) {
    case DAM_TOML_STRING:
        dam_json_put_string(w, (const char *)t->text.data, t->text.len);
        return true;
    case DAM_TOML_INTEGER:
        dam_json_put_i64(w, t->integer);
        return true;
    case DAM_TOML_BOOL:
        dam_json_put_bool(w, t->boolean);
        return true;
    case DAM_TOML_ARRAY:
        dam_json_put_array(w);
        for (const struct dam_toml *item = t->first; item != NULL; item = item->next) {
            if (!toml_put(w, arena, item)) {
                return false;
            }
        }
        dam_json_put_array_end(w);
        return true;
    case DAM_TOML_TABLE:
        dam_json_put_object(w);
        for (const struct dam_toml *item = t->first; item != NULL; item = item->next) {
            char *key = dam_arena_zalloc(arena, item->key.len + 1);
            if (key == NULL) {
                return false;
            }
            memcpy(key, item->key.data, item->key.len);
            dam_json_put_key(w, key);
            if (!toml_put(w, arena, item)) {
                return false;
            }
        }
        dam_json_put_object_end(w);
        return true;
    case DAM_TOML_FLOAT:
    case DAM_TOML_OFFSET_DATETIME:
    case DAM_TOML_LOCAL_DATETIME:
    case DAM_TOML_LOCAL_DATE:
    case DAM_TOML_LOCAL_TIME:
        return false;
    }
    return false;
}

/* A setting's text: a string as it stands, all else as JSON. Returns: NULL if it has none. */
static const char *toml_text(struct dam_arena *arena, const struct dam_toml *t)
{
    struct dam_buf buf;
    struct dam_json_writer w = {.buf = &buf};
    if (t->type == DAM_TOML_STRING) {
        return (const char *)t->text.data; /* NUL behind it */
    }
    dam_buf_init_arena(&buf, arena, 0);
    if (!toml_put(&w, arena, t)) {
        return NULL;
    }
    dam_buf_put_byte(&buf, '\0');
    return dam_buf_err(&buf) == DAM_OK ? (const char *)buf.data : NULL;
}

int dam_deploy_settings_read(struct dam_arena *arena, struct dam_deploy_settings *settings,
                             const char *path)
{
    struct dam_bytes text;
    struct dam_toml *root;
    struct dam_toml_error error;
    enum dam_err err = dam_deploy_file_read(arena, path, &text);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, "name a TOML file with NAME = VALUE lines",
                             "%s: %s", path, dam_err_text(err));
    }
    err = dam_toml_parse(text, arena, &root, &error);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_CONFIG, NULL, "%s:%u:%u: %s", path, error.line, error.column,
                             err == DAM_EPARSE ? error.message : dam_err_text(err));
    }
    for (const struct dam_toml *t = root->first; t != NULL; t = t->next) {
        char *name = dam_arena_zalloc(arena, t->key.len + 1);
        const char *value = toml_text(arena, t);
        if (name == NULL || value == NULL) {
            return dam_verb_fail(DAM_EXIT_CONFIG, "whole numbers, text, lists and tables only",
                                 "%s:%u: %s", path, t->line, dam_toml_type_text(t->type));
        }
        memcpy(name, t->key.data, t->key.len);
        err = dam_deploy_setting_add(arena, settings, name, value);
        if (err != DAM_OK) {
            return dam_verb_fail(DAM_EXIT_CONFIG, NULL, "%s:%u: %s: %s", path, t->line, name,
                                 dam_err_text(err));
        }
    }
    return DAM_EXIT_OK;
}

/* ---- the result ---- */

static void entry_put(struct dam_json_writer *w, const struct dam_deploy_item *item)
{
    char text[DAM_ADDRESS_TEXT_SIZE];
    dam_json_put_key(w, item->name);
    dam_json_put_object(w);
    dam_json_put_key(w, "address");
    dam_address_to_text(&item->address, text);
    dam_json_put_cstr(w, text);
    dam_json_put_key(w, "code_hash");
    dam_json_put_data(w, item->code_hash.b, sizeof(item->code_hash.b));
    dam_json_put_object_end(w);
}

static bool same_set(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const struct dam_deploy_item *plan_find(const struct dam_deploy_plan *plan, const char *set,
                                               const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (same_set(plan->items[i].set, set) && strcmp(plan->items[i].name, name) == 0) {
            return &plan->items[i];
        }
    }
    return NULL;
}

/* Is what an entry says still so? A test chain forgets. */
static enum dam_err entry_holds(struct dam_arena *arena, struct dam_remote *chain,
                                const struct dam_json *entry, bool *ret)
{
    struct dam_address address;
    struct dam_hash want;
    struct dam_hash is;
    struct dam_bytes code;
    DAM_TRY(dam_json_hex_exact(dam_json_get(entry, "address"), address.b, sizeof(address.b)));
    DAM_TRY(dam_json_hex_exact(dam_json_get(entry, "code_hash"), want.b, sizeof(want.b)));
    DAM_TRY(dam_remote_code(chain, arena, &address, dam_remote_at_tag(DAM_REMOTE_LATEST), &code));
    dam_keccak256(code.data, code.len, &is);
    *ret = memcmp(is.b, want.b, sizeof(is.b)) == 0;
    return DAM_OK;
}

/* The entries of one object: the plan's own, then the old ones that hold. */
static enum dam_err entries_put(struct dam_arena *arena, struct dam_remote *chain,
                                const struct dam_deploy_plan *plan, bool is_ours, const char *set,
                                const struct dam_json *old, struct dam_json_writer *w)
{
    dam_json_put_object(w);
    for (size_t i = 0; is_ours && i < plan->count; i++) {
        if (same_set(plan->items[i].set, set)) {
            entry_put(w, &plan->items[i]);
        }
    }
    DAM_JSON_EACH_KEY(key, old)
    {
        const char *name;
        bool holds;
        DAM_TRY(dam_json_string(key, arena, &name));
        DAM_TRY(entry_holds(arena, chain, key + 1, &holds));
        if (holds && !(is_ours && plan_find(plan, set, name) != NULL)) {
            dam_json_put_key(w, name);
            dam_json_put_node(w, key + 1);
        }
    }
    dam_json_put_object_end(w);
    return DAM_OK;
}

static enum dam_err set_put(struct dam_arena *arena, struct dam_remote *chain,
                            const struct dam_deploy_plan *plan, const char *label, const char *set,
                            bool is_ours, const struct dam_json *old, struct dam_json_writer *w)
{
    dam_json_put_key(w, label);
    dam_json_put_object(w);
    dam_json_put_key(w, "set");
    dam_json_put_cstr(w, set);
    dam_json_put_key(w, "contracts");
    DAM_TRY(entries_put(arena, chain, plan, is_ours, set, is_ours ? NULL : old, w));
    dam_json_put_object_end(w);
    return DAM_OK;
}

/* The label under which a set of the plan stands. */
static const char *label_of(const struct dam_deploy_item *item, const char *label)
{
    return label == NULL || strcmp(item->set, "demo") == 0 ? item->set : label;
}

static enum dam_err sets_put(struct dam_arena *arena, struct dam_remote *chain,
                             const struct dam_deploy_plan *plan, const char *label,
                             const struct dam_json *old, struct dam_json_writer *w)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct dam_deploy_item *item = &plan->items[i];
        bool is_first = item->set != NULL;
        for (size_t k = 0; k < i; k++) {
            is_first = is_first && !same_set(plan->items[k].set, item->set);
        }
        if (is_first) {
            DAM_TRY(set_put(arena, chain, plan, label_of(item, label), item->set, true, NULL, w));
        }
    }
    DAM_JSON_EACH_KEY(key, old)
    {
        const char *name;
        const char *set;
        bool is_ours = false;
        DAM_TRY(dam_json_string(key, arena, &name));
        DAM_TRY(dam_json_string(dam_json_get(key + 1, "set"), arena, &set));
        for (size_t i = 0; i < plan->count; i++) {
            const struct dam_deploy_item *item = &plan->items[i];
            is_ours = is_ours || (item->set != NULL && strcmp(label_of(item, label), name) == 0);
        }
        if (!is_ours) {
            const struct dam_json *contracts = dam_json_get(key + 1, "contracts");
            DAM_TRY(set_put(arena, chain, plan, name, set, false, contracts, w));
        }
    }
    return DAM_OK;
}

enum dam_err dam_deploy_result_put(struct dam_arena *arena, struct dam_remote *chain,
                                   const struct dam_deploy_plan *plan, const char *label,
                                   struct dam_bytes old, struct dam_buf *buf)
{
    struct dam_json_writer w = {.buf = buf};
    const struct dam_json *before = NULL;
    char text[DAM_ADDRESS_TEXT_SIZE];
    uint64_t version;
    if (old.len != 0) {
        DAM_TRY(dam_json_parse(arena, (const char *)old.data, old.len, 0, &before, NULL));
        DAM_TRY(dam_json_u64(dam_json_get(before, "version"), &version));
        if (version > RESULT_VERSION) {
            return DAM_EVERSION;
        }
    }
    dam_json_put_object(&w);
    dam_json_put_key(&w, "version");
    dam_json_put_u64(&w, RESULT_VERSION);
    dam_json_put_key(&w, "chain_id");
    dam_json_put_u64(&w, chain->chain_id);
    dam_json_put_key(&w, "factory");
    dam_address_to_text(&plan->factory, text);
    dam_json_put_cstr(&w, text);
    dam_json_put_key(&w, "contracts");
    DAM_TRY(entries_put(arena, chain, plan, true, NULL, dam_json_get(before, "contracts"), &w));
    dam_json_put_key(&w, "sets");
    dam_json_put_object(&w);
    DAM_TRY(sets_put(arena, chain, plan, label, dam_json_get(before, "sets"), &w));
    dam_json_put_object_end(&w);
    dam_json_put_object_end(&w);
    dam_buf_put_byte(buf, '\n');
    return dam_buf_err(buf);
}
