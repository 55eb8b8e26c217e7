// SPDX-License-Identifier: Apache-2.0
#include "port/link_json.h"

#include "core/flow/fixed.h"

#include <stdio.h>
#include <string.h>

/* One step: a member's name, or the index of an element. */
static const struct dam_json *step(const struct dam_json *node, const char *name, size_t len)
{
    DAM_JSON_EACH_KEY(key, node)
    {
        if (key->len == len && memcmp(key->text, name, len) == 0) {
            return key + 1;
        }
    }
    size_t index = 0;
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9' || index > 100000) {
            return NULL;
        }
        index = index * 10 + (size_t)(name[i] - '0');
    }
    return len == 0 ? NULL : dam_json_at(node, index);
}

enum dam_err dam_link_text_value(const char *text, size_t len, unsigned decimals, int64_t *ret)
{
    static const struct {
        const char *word;
        const char *number;
    } words[] = {{"on", "1"},  {"true", "1"},  {"open", "1"},   {"online", "1"},
                 {"off", "0"}, {"false", "0"}, {"closed", "0"}, {"offline", "0"}};
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\n' || text[len - 1] == '\r')) {
        len--;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(words); i++) {
        if (strlen(words[i].word) == len && strncasecmp(words[i].word, text, len) == 0) {
            return dam_flow_fixed_parse(words[i].number, 1, decimals, ret);
        }
    }
    return dam_flow_fixed_parse(text, len, decimals, ret);
}

enum dam_err dam_link_json_value(const struct dam_json *root, const char *path, unsigned decimals,
                                 int64_t *ret)
{
    const struct dam_json *node = root;
    /* A key may hold dots itself; the longest name that is there wins over a step. */
    while (path != NULL && *path != 0 && node != NULL) {
        const struct dam_json *whole = step(node, path, strlen(path));
        size_t len = whole != NULL ? strlen(path) : strcspn(path, ".");
        node = whole != NULL ? whole : step(node, path, len);
        path += len;
        path += *path == '.' ? 1 : 0;
    }
    if (node == NULL || node->type == DAM_JSON_NULL) {
        return DAM_ENOTFOUND;
    }
    switch (node->type) {
    case DAM_JSON_TRUE:
        return dam_flow_fixed_parse("1", 1, decimals, ret);
    case DAM_JSON_FALSE:
        return dam_flow_fixed_parse("0", 1, decimals, ret);
    case DAM_JSON_NUMBER:
    case DAM_JSON_STRING:
        return dam_link_text_value(node->text, node->len, decimals, ret);
    case DAM_JSON_NULL:
    case DAM_JSON_ARRAY:
    case DAM_JSON_OBJECT:
        break;
    }
    return DAM_EPARSE;
}

int dam_link_json_make(const char *path, const char *value, char *text, size_t size)
{
    size_t len = 0;
    int depth = 0;
    while (path != NULL && *path != 0 && len < size) {
        size_t part = strcspn(path, ".");
        len += (size_t)snprintf(text + len, size - len, "{\"%.*s\":", (int)part, path);
        path += part;
        path += *path == '.' ? 1 : 0;
        depth++;
    }
    if (len < size) {
        len += (size_t)snprintf(text + len, size - len, "%s", value);
    }
    for (; depth > 0 && len + 1 < size; depth--) {
        text[len++] = '}';
        text[len] = 0;
    }
    return depth == 0 && len < size ? (int)len : -1;
}

bool dam_link_json_path_is_plain(const char *path)
{
    for (; *path != 0; path++) {
        if (*path == '"' || *path == '\\' || (unsigned char)*path < 0x20) {
            return false;
        }
    }
    return true;
}
