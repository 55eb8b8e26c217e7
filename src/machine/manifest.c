// SPDX-License-Identifier: Apache-2.0
#include "machine/manifest.h"

#include "base/assert.h"
#include "base/suggest.h"
#include "base/u256_text.h"
#include "machine/manifest_read.h"

#include <stdio.h>
#include <stdlib.h>

#define MIND_GAS 10000000
#define CHARTER_GAS 2000000

static enum dam_err no_memory(struct dam_manifest_reader *r)
{
    (void)dam_manifest_complain(r, NULL, NULL, "out of memory");
    return DAM_ENOMEM;
}

/* Names go into topics, metrics and file names. */
static enum dam_err name_check(struct dam_manifest_reader *r, const struct dam_toml *at,
                               const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9' && i > 0) ||
                  ((c == '_' || c == '-') && i > 0);
        if (!ok) {
            len = 0;
        }
    }
    if (len < 1 || len > 48) {
        return dam_manifest_complain(
            r, at, "a name is a lower-case letter, then letters, digits, '_' or '-', up to 48",
            "'%s' cannot be a name", name);
    }
    return DAM_OK;
}

/* ---- [machine], [identity], [evidence] ------------------------------------------------------- */

static enum dam_err machine_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    static const char *const keys[] = {"name", "period", "write_timeout", "rules", "title", NULL};
    struct dam_manifest *m = r->manifest;
    if (table == NULL || table->type != DAM_TOML_TABLE) {
        return dam_manifest_complain(r, NULL, "begin with [machine] and a name",
                                     "the table [machine] is missing");
    }
    DAM_TRY(dam_manifest_keys(r, table, "[machine]", keys));
    DAM_TRY(dam_manifest_text(r, table, "name", true, &m->name));
    DAM_TRY(name_check(r, dam_toml_get(table, "name"), m->name));
    DAM_TRY(dam_manifest_text(r, table, "title", false, &m->title));
    DAM_TRY(dam_manifest_span(r, table, "period", &m->period_ms));
    DAM_TRY(dam_manifest_span(r, table, "write_timeout", &m->write_timeout_ms));
    return DAM_OK;
}

static enum dam_err identity_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    static const char *const keys[] = {"chain_id", "registry", "token", "account", "epoch", NULL};
    struct dam_manifest *m = r->manifest;
    struct dam_address account;
    bool found = false;
    const char *token = NULL;
    int64_t chain_id = 0;
    int64_t epoch = 0;
    DAM_TRY(dam_manifest_keys(r, table, "[identity]", keys));
    DAM_TRY(dam_manifest_integer(r, table, "chain_id", 0, INT64_MAX, &chain_id));
    m->chain_id = (uint64_t)chain_id;
    DAM_TRY(dam_manifest_integer(r, table, "epoch", 0, UINT32_MAX, &epoch));
    m->epoch = (uint32_t)epoch;
    DAM_TRY(dam_manifest_address(r, table, "registry", &m->registry, &m->has_registry));
    DAM_TRY(dam_manifest_address(r, table, "account", &account, &found)); /* for people */
    DAM_TRY(dam_manifest_text(r, table, "token", false, &token));
    struct dam_u256 number = {0};
    if (token != NULL && (dam_u256_from_dec(token, strlen(token), &number) != DAM_OK ||
                          !dam_u256_to_u64(&number, &m->token))) {
        return dam_manifest_complain(r, dam_toml_get(table, "token"), NULL,
                                     "'token' is a whole number below 2^64, this is \"%s\"", token);
    }
    m->has_token = token != NULL;
    return DAM_OK;
}

static enum dam_err evidence_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    static const char *const keys[] = {"sync", "folder", "explain", "checkpoint", "anchor", NULL};
    DAM_TRY(dam_manifest_keys(r, table, "[evidence]", keys));
    DAM_TRY(dam_manifest_flag(r, table, "sync", &r->manifest->evidence_sync));
    DAM_TRY(dam_manifest_flag(r, table, "explain", &r->manifest->evidence_explain));
    return dam_manifest_text(r, table, "folder", false, &r->manifest->evidence_folder);
}

static enum dam_err code_read(struct dam_manifest_reader *r, const struct dam_toml *table,
                              const char *where, struct dam_manifest_code *ret)
{
    static const char *const keys[] = {"code", "model", "address", "gas", NULL};
    int64_t gas = (int64_t)ret->gas;
    DAM_TRY(dam_manifest_keys(r, table, where, keys));
    DAM_TRY(dam_manifest_text(r, table, "code", false, &ret->code));
    DAM_TRY(dam_manifest_text(r, table, "model", false, &ret->model));
    DAM_TRY(dam_manifest_text(r, table, "address", false, &ret->address));
    DAM_TRY(dam_manifest_integer(r, table, "gas", 1000, gas, &gas));
    ret->gas = (uint64_t)gas;
    ret->line = table == NULL ? 0 : table->line;
    return DAM_OK;
}

/* ---- [link.NAME] ----------------------------------------------------------------------------- */

static const char *option_text(struct dam_manifest_reader *r, const struct dam_toml *value)
{
    char text[4096];
    switch (value->type) {
    case DAM_TOML_STRING:
    case DAM_TOML_FLOAT:
        return (const char *)value->text.data;
    case DAM_TOML_INTEGER:
        (void)snprintf(text, sizeof(text), "%lld", (long long)value->integer);
        break;
    case DAM_TOML_BOOL:
        return value->boolean ? "true" : "false";
    case DAM_TOML_ARRAY: { /* of strings: one a line */
        size_t len = 0;
        text[0] = 0;
        for (const struct dam_toml *item = value->first; item != NULL; item = item->next) {
            int n = item->type != DAM_TOML_STRING
                        ? -1
                        : snprintf(text + len, sizeof(text) - len, "%s%s", len == 0 ? "" : "\n",
                                   (const char *)item->text.data);
            if (n < 0 || (size_t)n >= sizeof(text) - len) {
                return NULL;
            }
            len += (size_t)n;
        }
        break;
    }
    case DAM_TOML_TABLE:
    case DAM_TOML_OFFSET_DATETIME:
    case DAM_TOML_LOCAL_DATETIME:
    case DAM_TOML_LOCAL_DATE:
    case DAM_TOML_LOCAL_TIME:
        return NULL;
    }
    return dam_arena_copy(r->arena, text, strlen(text) + 1);
}

static enum dam_err link_options_read(struct dam_manifest_reader *r, const struct dam_toml *table,
                                      struct dam_manifest_link *link)
{
    for (size_t i = 0; link->kind->options[i] != NULL; i++) {
        const char *name = link->kind->options[i];
        const struct dam_toml *value = dam_toml_get(table, name);
        if (value == NULL) {
            continue;
        }
        const char *text = option_text(r, value);
        if (text == NULL) {
            return dam_manifest_complain(r, value, NULL,
                                         "'%s' must be a string, a number, true, false or an "
                                         "array of strings",
                                         name);
        }
        DAM_ASSERT(link->option_count < DAM_LINK_OPTIONS_MAX);
        link->options[link->option_count++] = (struct dam_link_option){name, text};
    }
    return DAM_OK;
}

static enum dam_err link_url_check(struct dam_manifest_reader *r, const struct dam_toml *table,
                                   const struct dam_manifest_link *link)
{
    const struct dam_toml *url = dam_toml_get(table, "url");
    bool given = url != NULL && url->type == DAM_TOML_STRING;
    const char *why = link->kind->check_url == NULL
                          ? NULL
                          : link->kind->check_url(given ? (const char *)url->text.data : "");
    return why == NULL ? DAM_OK
                       : dam_manifest_complain(r, url == NULL ? table : url, NULL, "[link.%s]: %s",
                                               link->name, why);
}

static enum dam_err link_kind_read(struct dam_manifest_reader *r, const struct dam_toml *table,
                                   struct dam_manifest_link *link)
{
    const char *kind = NULL;
    DAM_TRY(dam_manifest_text(r, table, "kind", true, &kind));
    link->kind = dam_link_kind_find(kind);
    if (link->kind != NULL) {
        return DAM_OK;
    }
    const char *names[DAM_LINK_KINDS_MAX];
    size_t count = 0;
    for (; dam_link_kinds[count] != NULL; count++) {
        names[count] = dam_link_kinds[count]->name;
    }
    return dam_manifest_unknown(r, dam_toml_get(table, "kind"), "there is no kind of link named",
                                dam_bytes(kind, strlen(kind)), names, count);
}

static enum dam_err link_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    struct dam_manifest *m = r->manifest;
    if (m->link_count == DAM_MANIFEST_LINKS_MAX) {
        return dam_manifest_complain(r, table, NULL, "more than %u links", DAM_MANIFEST_LINKS_MAX);
    }
    if (table->type != DAM_TOML_TABLE) {
        return dam_manifest_complain(r, table, "write [link.NAME]", "a link must be a table");
    }
    struct dam_manifest_link *link = &m->links[m->link_count];
    char *name = dam_arena_zalloc(r->arena, table->key.len + 1);
    if (name == NULL) {
        return no_memory(r);
    }
    memcpy(name, table->key.data, table->key.len);
    *link = (struct dam_manifest_link){.name = name, .line = table->line};
    DAM_TRY(name_check(r, table, name));
    DAM_TRY(link_kind_read(r, table, link));
    const char *keys[DAM_LINK_OPTIONS_MAX + 2] = {"kind"};
    for (size_t i = 0; link->kind->options[i] != NULL; i++) {
        keys[i + 1] = link->kind->options[i];
    }
    char where[80];
    (void)snprintf(where, sizeof(where), "[link.%s] (kind %s)", name, link->kind->name);
    DAM_TRY(dam_manifest_keys(r, table, where, keys));
    DAM_TRY(link_options_read(r, table, link));
    DAM_TRY(link_url_check(r, table, link));
    m->link_count++;
    return DAM_OK;
}

static enum dam_err link_find(struct dam_manifest_reader *r, const struct dam_toml *table,
                              const char *key, int *ret)
{
    const char *name = NULL;
    const char *names[DAM_MANIFEST_LINKS_MAX];
    DAM_TRY(dam_manifest_text(r, table, key, false, &name));
    *ret = -1;
    if (name == NULL) {
        return DAM_OK;
    }
    for (size_t i = 0; i < r->manifest->link_count; i++) {
        names[i] = r->manifest->links[i].name;
        if (strcmp(names[i], name) == 0) {
            *ret = (int)i;
            return DAM_OK;
        }
    }
    char hint[DAM_SUGGEST_HINT_SIZE];
    return dam_manifest_complain(r, dam_toml_get(table, key),
                                 dam_suggest_hint(dam_bytes(name, strlen(name)), names,
                                                  r->manifest->link_count,
                                                  "add a table [link.NAME] for it", hint),
                                 "there is no link named '%s'", name);
}

static enum dam_err link_key_read(struct dam_manifest_reader *r, const struct dam_toml *table,
                                  int link, const char *name, bool write, const char **ret)
{
    DAM_TRY(dam_manifest_text(r, table, name, false, ret));
    if (link < 0 || *ret == NULL) {
        return DAM_OK;
    }
    const struct dam_link_kind *kind = r->manifest->links[link].kind;
    const char *why = kind->check_key == NULL ? NULL : kind->check_key(*ret, write);
    if (why != NULL) {
        return dam_manifest_complain(r, dam_toml_get(table, name), why,
                                     "'%s' is no %s for a link of kind %s: \"%s\"", name, name,
                                     kind->name, *ret);
    }
    const char *is = kind->key_unit == NULL ? NULL : kind->key_unit(*ret);
    const struct dam_toml *unit = dam_toml_get(table, "unit");
    if (is != NULL && is[0] != 0 && unit != NULL && !dam_manifest_unit_is(unit->text, is)) {
        return dam_manifest_complain(r, unit, "write the unit that the device gives",
                                     "'unit' is \"%.*s\", but %s is in %s", (int)unit->text.len,
                                     (const char *)unit->text.data, *ret, is);
    }
    return DAM_OK;
}

/* ---- [[channel]] and [[actuator]] ------------------------------------------------------------ */

static enum dam_err range_read(struct dam_manifest_reader *r, const struct dam_toml *table,
                               unsigned decimals, int64_t *min, int64_t *max, bool required)
{
    bool have_min = false;
    bool have_max = false;
    DAM_TRY(dam_manifest_decimal(r, table, "min", decimals, min, &have_min));
    DAM_TRY(dam_manifest_decimal(r, table, "max", decimals, max, &have_max));
    if (required && (!have_min || !have_max)) {
        return dam_manifest_complain(r, table, "say the smallest and largest value that make sense",
                                     "'min' and 'max' are needed here");
    }
    if (*min > *max) {
        return dam_manifest_complain(r, dam_toml_get(table, "min"), NULL, "'min' is above 'max'");
    }
    return DAM_OK;
}

static enum dam_err unit_read(struct dam_manifest_reader *r, const struct dam_toml *table,
                              const char **ret)
{
    DAM_TRY(dam_manifest_text(r, table, "unit", false, ret));
    const char *meant = dam_manifest_unit_meant(*ret);
    char hint[64];
    if (meant == NULL) {
        return DAM_OK;
    }
    (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", meant);
    return dam_manifest_complain(r, dam_toml_get(table, "unit"), hint,
                                 "\"%s\" is no unit as it is written", *ret);
}

static enum dam_err decimals_read(struct dam_manifest_reader *r, const struct dam_toml *table,
                                  unsigned *ret)
{
    int64_t decimals = 0;
    DAM_TRY(dam_manifest_integer(r, table, "decimals", 0, 12, &decimals));
    *ret = (unsigned)decimals;
    return DAM_OK;
}

static enum dam_err name_read(struct dam_manifest_reader *r, const struct dam_toml *table,
                              const char **ret)
{
    const struct dam_manifest *m = r->manifest;
    DAM_TRY(dam_manifest_text(r, table, "name", true, ret));
    const struct dam_toml *at = dam_toml_get(table, "name");
    DAM_TRY(name_check(r, at, *ret));
    unsigned first = strcmp(*ret, "time") == 0 ? 1 : 0;
    for (size_t i = 0; i < m->channel_count && first == 0; i++) {
        first = strcmp(m->channels[i].name, *ret) == 0 ? m->channels[i].line : 0;
    }
    for (size_t i = 0; i < m->actuator_count && first == 0; i++) {
        first = strcmp(m->actuators[i].name, *ret) == 0 ? m->actuators[i].line : 0;
    }
    return first == 0 ? DAM_OK
                      : dam_manifest_complain(r, at, NULL,
                                              "the name '%s' is taken (line %u; 'time' always is)",
                                              *ret, first);
}

static enum dam_err channel_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    static const char *const keys[] = {"name",  "title", "unit",    "decimals", "min", "max",
                                       "stale", "vital", "trigger", "source",   "key", NULL};
    struct dam_manifest *m = r->manifest;
    if (m->channel_count == DAM_FLOW_CHANNELS_MAX - 2) {
        return dam_manifest_complain(r, table, NULL, "too many channels");
    }
    struct dam_manifest_channel c = {.line = table->line, .unit = "", .stale_ms = 0};
    DAM_TRY(dam_manifest_keys(r, table, "[[channel]]", keys));
    DAM_TRY(name_read(r, table, &c.name));
    DAM_TRY(dam_manifest_text(r, table, "title", false, &c.title));
    DAM_TRY(unit_read(r, table, &c.unit));
    DAM_TRY(decimals_read(r, table, &c.decimals));
    DAM_TRY(range_read(r, table, c.decimals, &c.min, &c.max, true));
    c.stale_ms = 5 * m->period_ms;
    DAM_TRY(dam_manifest_span(r, table, "stale", &c.stale_ms));
    DAM_TRY(dam_manifest_flag(r, table, "vital", &c.vital));
    DAM_TRY(dam_manifest_flag(r, table, "trigger", &c.trigger));
    DAM_TRY(link_find(r, table, "source", &c.link));
    DAM_TRY(link_key_read(r, table, c.link, "key", false, &c.key));
    if (c.link >= 0 && c.key == NULL) {
        return dam_manifest_complain(r, table, "say with 'key' which value of the link it is",
                                     "the channel '%s' has a source but no key", c.name);
    }
    m->channels[m->channel_count++] = c;
    return DAM_OK;
}

static enum dam_err actuator_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    static const char *const keys[] = {"name",     "title",     "unit",  "decimals",     "min",
                                       "max",      "step",      "safe",  "sink",         "key",
                                       "readback", "tolerance", "worth", "worth_factor", NULL};
    struct dam_manifest *m = r->manifest;
    if (m->actuator_count == DAM_FLOW_ACTUATORS_MAX) {
        return dam_manifest_complain(r, table, NULL, "more than %u actuators",
                                     DAM_FLOW_ACTUATORS_MAX);
    }
    struct dam_manifest_actuator a = {.line = table->line, .unit = ""};
    bool have_safe = false;
    DAM_TRY(dam_manifest_keys(r, table, "[[actuator]]", keys));
    DAM_TRY(name_read(r, table, &a.name));
    DAM_TRY(dam_manifest_text(r, table, "title", false, &a.title));
    DAM_TRY(unit_read(r, table, &a.unit));
    DAM_TRY(decimals_read(r, table, &a.decimals));
    DAM_TRY(range_read(r, table, a.decimals, &a.min, &a.max, true));
    DAM_TRY(dam_manifest_decimal(r, table, "step", a.decimals, &a.step, NULL));
    DAM_TRY(dam_manifest_decimal(r, table, "safe", a.decimals, &a.safe, &have_safe));
    DAM_TRY(dam_manifest_decimal(r, table, "tolerance", a.decimals, &a.tolerance, NULL));
    if (!have_safe || a.safe < a.min || a.safe > a.max || a.step < 0 || a.tolerance < 0) {
        return dam_manifest_complain(
            r, table, "'safe' is the value that hurts nobody when all else fails",
            "the actuator '%s' needs 'safe' from 'min' to 'max'; 'step' and 'tolerance' not "
            "below zero",
            a.name);
    }
    DAM_TRY(link_find(r, table, "sink", &a.link));
    DAM_TRY(link_key_read(r, table, a.link, "key", true, &a.key));
    DAM_TRY(link_key_read(r, table, a.link, "readback", false, &a.readback));
    if (a.link >= 0 && a.key == NULL) {
        return dam_manifest_complain(r, table, "say with 'key' which set-point of the link it is",
                                     "the actuator '%s' has a sink but no key", a.name);
    }
    m->actuators[m->actuator_count++] = a;
    return DAM_OK;
}

static enum dam_err each(struct dam_manifest_reader *r, const char *name, enum dam_toml_type type,
                         enum dam_err (*read)(struct dam_manifest_reader *r,
                                              const struct dam_toml *table))
{
    const struct dam_toml *list = dam_toml_get(r->manifest->root, name);
    if (list == NULL) {
        return DAM_OK;
    }
    if (list->type != type) {
        return dam_manifest_complain(r, list, NULL, "write [%s%s%s]",
                                     type == DAM_TOML_ARRAY ? "[" : "", name,
                                     type == DAM_TOML_ARRAY ? "]" : ".NAME");
    }
    for (const struct dam_toml *item = list->first; item != NULL; item = item->next) {
        if (item->type != DAM_TOML_TABLE) {
            return dam_manifest_complain(r, item, NULL, "'%s' must hold tables", name);
        }
        DAM_TRY(read(r, item));
    }
    return DAM_OK;
}

/* What an actuator's unit is worth is a channel, which may be declared after it. */
static enum dam_err worth_read(struct dam_manifest_reader *r, const struct dam_toml *table,
                               struct dam_manifest_actuator *a)
{
    const struct dam_manifest *m = r->manifest;
    const char *name = NULL;
    a->worth = -1;
    a->worth_factor = 1000000000;
    DAM_TRY(dam_manifest_text(r, table, "worth", false, &name));
    for (size_t i = 0; name != NULL && i < m->channel_count; i++) {
        if (strcmp(m->channels[i].name, name) == 0) {
            a->worth = (int)(1 + i);
            a->worth_factor =
                dam_manifest_worth_of_units(a->unit, m->channels[i].unit, m->period_ms);
        }
    }
    if (name != NULL && a->worth < 0) {
        return dam_manifest_complain(r, dam_toml_get(table, "worth"), NULL,
                                     "there is no channel named '%s'", name);
    }
    return dam_manifest_decimal(r, table, "worth_factor", 9, &a->worth_factor, NULL);
}

static enum dam_err worths_read(struct dam_manifest_reader *r)
{
    struct dam_manifest *m = r->manifest;
    const struct dam_toml *list = dam_toml_get(m->root, "actuator");
    size_t index = 0;
    for (const struct dam_toml *item = list == NULL ? NULL : list->first; item != NULL;
         item = item->next) {
        DAM_TRY(worth_read(r, item, &m->actuators[index++]));
    }
    return DAM_OK;
}

static enum dam_err tables_read(struct dam_manifest_reader *r)
{
    static const char *const keys[] = {
        "machine", "identity",  "evidence", "link",  "channel", "actuator", "mind",   "charter",
        "limits",  "interlock", "money",    "chain", "signer",  "upgrade",  "ledger", NULL};
    static const char *const money_keys[] = {"unit", NULL};
    struct dam_manifest *m = r->manifest;
    const struct dam_toml *machine = dam_toml_get(m->root, "machine");
    const struct dam_toml *money = dam_toml_get(m->root, "money");
    DAM_TRY(dam_manifest_keys(r, m->root, "the manifest", keys));
    DAM_TRY(machine_read(r, machine));
    DAM_TRY(identity_read(r, dam_toml_get(m->root, "identity")));
    DAM_TRY(evidence_read(r, dam_toml_get(m->root, "evidence")));
    DAM_TRY(code_read(r, dam_toml_get(m->root, "mind"), "[mind]", &m->mind));
    DAM_TRY(code_read(r, dam_toml_get(m->root, "charter"), "[charter]", &m->charter));
    if (m->evidence_explain && m->mind.model == NULL) {
        return dam_manifest_complain(r, dam_toml_get(m->root, "evidence"),
                                     "name the blob as 'model' of [mind], or leave 'explain' out",
                                     "'explain' is about a model, and the mind is none");
    }
    DAM_TRY(dam_manifest_keys(r, money, "[money]", money_keys));
    DAM_TRY(dam_manifest_text(r, money, "unit", false, &m->money_unit));
    DAM_TRY(each(r, "link", DAM_TOML_TABLE, link_read));
    DAM_TRY(each(r, "channel", DAM_TOML_ARRAY, channel_read));
    DAM_TRY(each(r, "actuator", DAM_TOML_ARRAY, actuator_read));
    if (m->actuator_count == 0) {
        return dam_manifest_complain(r, NULL, "add an [[actuator]]; without a sink it only records",
                                     "there is no actuator: the machine could not do anything");
    }
    if (dam_manifest_record_count(m) > DAM_FLOW_CHANNELS_MAX) {
        return dam_manifest_complain(r, NULL, NULL, "more than %u channels and actuators",
                                     DAM_FLOW_CHANNELS_MAX - 1);
    }
    DAM_TRY(worths_read(r));
    DAM_TRY(dam_manifest_chain_read(r));
    return dam_manifest_rules_read(r, machine);
}

enum dam_err dam_manifest_load(const char *folder, struct dam_arena *arena,
                               struct dam_manifest *ret,
                               struct dam_manifest_complaint *ret_complaint)
{
    struct dam_manifest_reader r = {ret, arena, ret_complaint, DAM_MANIFEST_FILE};
    struct dam_toml *root = NULL;
    struct dam_toml_error error = {0};
    *ret = (struct dam_manifest){
        .folder = dam_arena_copy(arena, folder, strlen(folder) + 1),
        .arena = arena,
        .period_ms = 1000,
        .write_timeout_ms = 2000,
        .mind.gas = MIND_GAS,
        .charter.gas = CHARTER_GAS,
        .evidence_sync = true,
        .evidence_folder = "evidence",
    };
    *ret_complaint = (struct dam_manifest_complaint){0};
    ret->path = ret->folder == NULL ? NULL : dam_manifest_path(ret, DAM_MANIFEST_FILE);
    if (ret->path == NULL) {
        return no_memory(&r);
    }
    DAM_TRY(dam_manifest_file(&r, ret->path, &ret->source));
    enum dam_err err = dam_toml_parse(ret->source, arena, &root, &error);
    if (err != DAM_OK) {
        struct dam_toml at = {.line = error.line};
        (void)dam_manifest_complain(&r, &at, NULL, "%s (column %u)", error.message, error.column);
        return err;
    }
    ret->root = root;
    DAM_TRY(dam_manifest_environment(&r, root));
    return tables_read(&r);
}
