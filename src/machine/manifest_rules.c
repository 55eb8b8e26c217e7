// SPDX-License-Identifier: Apache-2.0
/* The rules compiler: [limits.NAME] and [[interlock]] to the table of docs/spec/rules.md. */
#include "core/flow/fixed.h"
#include "machine/manifest_read.h"

#include <stdio.h>

#define WORDS_MAX 5u
#define WORD_MAX 80u

struct words {
    char word[WORDS_MAX][WORD_MAX];
    size_t count;
};

/* Split at blanks. Returns false if there are too many or too long words. */
static bool split(const char *text, struct words *ret)
{
    *ret = (struct words){0};
    while (*text != 0) {
        while (*text == ' ') {
            text++;
        }
        size_t len = strcspn(text, " ");
        if (len == 0) {
            break;
        }
        if (ret->count == WORDS_MAX || len >= WORD_MAX) {
            return false;
        }
        memcpy(ret->word[ret->count], text, len);
        ret->word[ret->count++][len] = 0;
        text += len;
    }
    return ret->count > 0;
}

static bool is(const struct words *words, size_t index, const char *text)
{
    return index < words->count && strcmp(words->word[index], text) == 0;
}

/* The observation record of a name as interlocks write it. Returns -1 if there is none. */
static int record_find(const struct dam_manifest *m, const char *name)
{
    for (size_t i = 0; i < dam_manifest_record_count(m); i++) {
        char text[WORD_MAX];
        dam_manifest_record_name(m, i, text, sizeof(text));
        if (strcmp(text, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int actuator_find(const struct dam_manifest *m, const char *name)
{
    for (size_t i = 0; i < m->actuator_count; i++) {
        if (strcmp(m->actuators[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static const char when_forms[] =
    "forms: \"CHANNEL < 10\" (also <= > >= == !=), \"CHANNEL not good\", \"CHANNEL older 30s\", "
    "\"always\"";
static const char then_forms[] =
    "forms: \"ACTUATOR <= 10\", \"ACTUATOR >= 10\", \"ACTUATOR = 10\", \"all safe\"";

static enum dam_err test_find(const char *word, uint8_t *ret)
{
    static const struct {
        const char *word;
        uint8_t test;
    } tests[] = {
        {"<", DAM_FLOW_TEST_BELOW},  {"<=", DAM_FLOW_TEST_AT_MOST},
        {">", DAM_FLOW_TEST_ABOVE},  {">=", DAM_FLOW_TEST_AT_LEAST},
        {"==", DAM_FLOW_TEST_EQUAL}, {"!=", DAM_FLOW_TEST_NOT_EQUAL},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(tests); i++) {
        if (strcmp(tests[i].word, word) == 0) {
            *ret = tests[i].test;
            return DAM_OK;
        }
    }
    return DAM_EPARSE;
}

static enum dam_err when_read(struct dam_manifest_reader *r, const struct dam_toml *at,
                              const char *text, struct dam_flow_interlock *ret)
{
    struct words words;
    if (!split(text, &words)) {
        return dam_manifest_complain(r, at, when_forms, "'when' is not understood: \"%s\"", text);
    }
    if (words.count == 1 && is(&words, 0, "always")) {
        ret->test = DAM_FLOW_TEST_ALWAYS;
        return DAM_OK;
    }
    int record = record_find(r->manifest, words.word[0]);
    if (record < 0) {
        return dam_manifest_complain(r, at,
                                     "channels, \"time\" and \"last.ACTUATOR\" can be tested",
                                     "there is no channel named '%s'", words.word[0]);
    }
    ret->channel = (uint16_t)record;
    if (words.count == 3 && is(&words, 1, "not") && is(&words, 2, "good")) {
        ret->test = DAM_FLOW_TEST_NOT_GOOD;
        return DAM_OK;
    }
    if (words.count == 3 && is(&words, 1, "older") &&
        dam_manifest_duration(dam_bytes(words.word[2], strlen(words.word[2])), &ret->a) == DAM_OK) {
        ret->test = DAM_FLOW_TEST_OLDER;
        return DAM_OK;
    }
    if (words.count == 3 && test_find(words.word[1], &ret->test) == DAM_OK) {
        return dam_manifest_number(r, at, "when", dam_bytes(words.word[2], strlen(words.word[2])),
                                   dam_manifest_record_decimals(r->manifest, (size_t)record),
                                   &ret->a);
    }
    return dam_manifest_complain(r, at, when_forms, "'when' is not understood: \"%s\"", text);
}

static enum dam_err then_read(struct dam_manifest_reader *r, const struct dam_toml *at,
                              const char *text, struct dam_flow_interlock *ret)
{
    struct words words;
    if (!split(text, &words)) {
        return dam_manifest_complain(r, at, then_forms, "'then' is not understood: \"%s\"", text);
    }
    if (words.count == 2 && is(&words, 0, "all") && is(&words, 1, "safe")) {
        ret->effect = DAM_FLOW_EFFECT_ALL_SAFE;
        return DAM_OK;
    }
    int actuator = actuator_find(r->manifest, words.word[0]);
    bool form = words.count == 3;
    if (form && is(&words, 1, "<=")) {
        ret->effect = DAM_FLOW_EFFECT_AT_MOST;
    } else if (form && is(&words, 1, ">=")) {
        ret->effect = DAM_FLOW_EFFECT_AT_LEAST;
    } else if (form && is(&words, 1, "=")) {
        ret->effect = DAM_FLOW_EFFECT_SET;
    } else {
        return dam_manifest_complain(r, at, then_forms, "'then' is not understood: \"%s\"", text);
    }
    if (actuator < 0) {
        return dam_manifest_complain(r, at, NULL, "there is no actuator named '%s'", words.word[0]);
    }
    ret->actuator = (uint16_t)actuator;
    return dam_manifest_number(r, at, "then", dam_bytes(words.word[2], strlen(words.word[2])),
                               r->manifest->actuators[actuator].decimals, &ret->b);
}

static enum dam_err interlock_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    static const char *const keys[] = {"when", "then", "why", NULL};
    struct dam_manifest *m = r->manifest;
    struct dam_flow_rules *rules = &m->rules;
    if (table->type != DAM_TOML_TABLE) {
        return dam_manifest_complain(r, table, "write [[interlock]]", "an interlock is a table");
    }
    if (rules->interlock_count == DAM_FLOW_INTERLOCKS_MAX) {
        return dam_manifest_complain(r, table, NULL, "more than %u interlocks",
                                     DAM_FLOW_INTERLOCKS_MAX);
    }
    const char *when = NULL;
    const char *then = NULL;
    const char *why = "";
    struct dam_flow_interlock lock = {0};
    DAM_TRY(dam_manifest_keys(r, table, "[[interlock]]", keys));
    DAM_TRY(dam_manifest_text(r, table, "when", true, &when));
    DAM_TRY(dam_manifest_text(r, table, "then", true, &then));
    DAM_TRY(dam_manifest_text(r, table, "why", false, &why));
    DAM_TRY(when_read(r, dam_toml_get(table, "when"), when, &lock));
    DAM_TRY(then_read(r, dam_toml_get(table, "then"), then, &lock));
    size_t size = strlen(when) + strlen(then) + strlen(why) + 16;
    char *text = dam_arena_alloc(r->arena, size);
    if (text == NULL) {
        return DAM_ENOMEM;
    }
    (void)snprintf(text, size, "%s: %s%s%s%s", when, then, why[0] == 0 ? "" : " (", why,
                   why[0] == 0 ? "" : ")");
    m->interlock_texts[rules->interlock_count] = text;
    rules->interlocks[rules->interlock_count++] = lock;
    return DAM_OK;
}

/* A limit may be tighter than what the actuator can do, never wider. */
static enum dam_err limit_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    static const char *const keys[] = {"min", "max", "step", "safe", NULL};
    char name[WORD_MAX];
    (void)snprintf(name, sizeof(name), "%.*s", (int)table->key.len, (const char *)table->key.data);
    int index = actuator_find(r->manifest, name);
    if (index < 0 || table->type != DAM_TOML_TABLE) {
        return dam_manifest_complain(r, table, "write [limits.ACTUATOR]",
                                     "there is no actuator named '%s'", name);
    }
    const struct dam_manifest_actuator *actuator = &r->manifest->actuators[index];
    struct dam_flow_limit limit = r->manifest->rules.limits[index];
    DAM_TRY(dam_manifest_keys(r, table, "[limits.*]", keys));
    DAM_TRY(dam_manifest_decimal(r, table, "min", actuator->decimals, &limit.min, NULL));
    DAM_TRY(dam_manifest_decimal(r, table, "max", actuator->decimals, &limit.max, NULL));
    DAM_TRY(dam_manifest_decimal(r, table, "step", actuator->decimals, &limit.step, NULL));
    DAM_TRY(dam_manifest_decimal(r, table, "safe", actuator->decimals, &limit.safe, NULL));
    if (limit.min < actuator->min || limit.max > actuator->max || limit.min > limit.safe ||
        limit.safe > limit.max || limit.step < 0) {
        return dam_manifest_complain(r, table,
                                     "min <= safe <= max, all within the actuator's range",
                                     "the limits of '%s' contradict each other or its range", name);
    }
    r->manifest->rules.limits[index] = limit;
    return DAM_OK;
}

static enum dam_err rules_tables_read(struct dam_manifest_reader *r, const struct dam_toml *root)
{
    const struct dam_toml *limits = dam_toml_get(root, "limits");
    const struct dam_toml *interlocks = dam_toml_get(root, "interlock");
    for (const struct dam_toml *item = limits == NULL ? NULL : limits->first; item != NULL;
         item = item->next) {
        DAM_TRY(limit_read(r, item));
    }
    if (interlocks != NULL && interlocks->type != DAM_TOML_ARRAY) {
        return dam_manifest_complain(r, interlocks, "write [[interlock]]",
                                     "'interlock' must be an array of tables");
    }
    for (const struct dam_toml *item = interlocks == NULL ? NULL : interlocks->first; item != NULL;
         item = item->next) {
        DAM_TRY(interlock_read(r, item));
    }
    return DAM_OK;
}

enum dam_err dam_manifest_rules_read(struct dam_manifest_reader *r, const struct dam_toml *machine)
{
    static const char *const keys[] = {"limits", "interlock", "money", NULL};
    struct dam_manifest *m = r->manifest;
    const char *file = NULL;
    m->rules.actuator_count = m->actuator_count;
    m->rules.channel_count = dam_manifest_record_count(m);
    for (size_t i = 0; i < m->actuator_count; i++) {
        const struct dam_manifest_actuator *a = &m->actuators[i];
        m->rules.limits[i] = (struct dam_flow_limit){a->min, a->max, a->step, a->safe};
    }
    DAM_TRY(rules_tables_read(r, m->root));
    DAM_TRY(dam_manifest_text(r, machine, "rules", false, &file));
    if (file == NULL) {
        return DAM_OK;
    }
    struct dam_manifest_reader rules_reader = *r;
    struct dam_bytes text;
    struct dam_toml *root = NULL;
    struct dam_toml_error error = {0};
    const char *path = dam_manifest_path(m, file);
    if (path == NULL) {
        return DAM_ENOMEM;
    }
    rules_reader.file = file;
    DAM_TRY(dam_manifest_file(&rules_reader, path, &text));
    enum dam_err err = dam_toml_parse(text, r->arena, &root, &error);
    if (err != DAM_OK) {
        struct dam_toml at = {.line = error.line};
        (void)dam_manifest_complain(&rules_reader, &at, NULL, "%s (column %u)", error.message,
                                    error.column);
        return err;
    }
    DAM_TRY(dam_manifest_keys(&rules_reader, root, "a rules file", keys));
    return rules_tables_read(&rules_reader, root);
}
