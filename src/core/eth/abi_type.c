// SPDX-License-Identifier: Apache-2.0
/* ABI types: from text, from JSON, and back to their canonical names. */
#include "core/eth/abi.h"

/* Keeps sums of head lengths within 32 bits. */
#define HEAD_LEN_MAX (1u << 24)
#define MEMBERS_MAX 1024u

struct parser {
    struct dam_arena *arena;
    const char *at;
    const char *end;
    unsigned depth;
};

static bool take(struct parser *p, char c)
{
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

static void skip_space(struct parser *p)
{
    while (take(p, ' ')) {
    }
}

static const char *text_copy(struct dam_arena *arena, const char *text, size_t len)
{
    char *copy = dam_arena_alloc(arena, len + 1);
    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$';
}

/* A run of letters and digits. */
static struct dam_bytes word_take(struct parser *p)
{
    const char *from = p->at;
    while (p->at < p->end && is_word(*p->at)) {
        p->at++;
    }
    return dam_bytes(from, (size_t)(p->at - from));
}

/* Decimal digits without a leading zero, at most 2^24. Returns: false if there is anything else. */
static bool number_read(const char *text, size_t len, uint32_t *ret)
{
    uint32_t value = 0;
    if (len == 0 || len > 8 || (text[0] == '0' && len > 1)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *ret = value;
    return true;
}

static bool starts(struct dam_bytes word, const char *with)
{
    size_t len = strlen(with);
    return word.len >= len && memcmp(word.data, with, len) == 0;
}

static bool bits_valid(uint32_t bits)
{
    return bits >= 8 && bits <= 256 && bits % 8 == 0;
}

/* "128x18" of fixed128x18. */
static bool fixed_read(const char *text, size_t len, uint32_t *ret_bits)
{
    const char *x = len == 0 ? NULL : memchr(text, 'x', len);
    uint32_t decimals;
    return x != NULL && number_read(text, (size_t)(x - text), ret_bits) && bits_valid(*ret_bits) &&
           number_read(x + 1, len - (size_t)(x - text) - 1, &decimals) && decimals <= 80;
}

/* The types that have one word for a name. Returns: false if this is none. */
static bool leaf_read(struct dam_bytes word, struct dam_abi_type *type, const char **ret_name)
{
    static const struct {
        const char *name;
        const char *canonical; /* NULL: the same */
        enum dam_abi_kind kind;
        uint32_t size;
    } plain[] = {
        {"address", NULL, DAM_ABI_ADDRESS, 160},
        {"bool", NULL, DAM_ABI_BOOL, 1},
        {"bytes", NULL, DAM_ABI_BYTES, 0},
        {"string", NULL, DAM_ABI_STRING, 0},
        {"uint", "uint256", DAM_ABI_UINT, 256},
        {"int", "int256", DAM_ABI_INT, 256},
        {"function", NULL, DAM_ABI_FIXED_BYTES, 24},
        {"fixed", "fixed128x18", DAM_ABI_INT, 128},
        {"ufixed", "ufixed128x18", DAM_ABI_UINT, 128},
    };
    const char *text = (const char *)word.data;
    *ret_name = NULL;
    for (size_t i = 0; i < DAM_COUNT_OF(plain); i++) {
        if (dam_bytes_is(word, plain[i].name)) {
            type->kind = plain[i].kind;
            type->size = plain[i].size;
            *ret_name = plain[i].canonical;
            return true;
        }
    }
    if (starts(word, "uint")) {
        type->kind = DAM_ABI_UINT;
        return number_read(text + 4, word.len - 4, &type->size) && bits_valid(type->size);
    }
    if (starts(word, "int")) {
        type->kind = DAM_ABI_INT;
        return number_read(text + 3, word.len - 3, &type->size) && bits_valid(type->size);
    }
    if (starts(word, "bytes")) {
        type->kind = DAM_ABI_FIXED_BYTES;
        return number_read(text + 5, word.len - 5, &type->size) && type->size >= 1 &&
               type->size <= 32;
    }
    if (starts(word, "ufixed")) {
        type->kind = DAM_ABI_UINT;
        return fixed_read(text + 6, word.len - 6, &type->size);
    }
    type->kind = DAM_ABI_INT;
    return starts(word, "fixed") && fixed_read(text + 5, word.len - 5, &type->size);
}

static enum dam_err leaf_parse(struct dam_arena *arena, struct dam_bytes word,
                               const struct dam_abi_type **ret)
{
    struct dam_abi_type *type = dam_arena_zalloc(arena, sizeof(*type));
    const char *name;
    if (type == NULL) {
        return DAM_ENOMEM;
    }
    if (!leaf_read(word, type, &name)) {
        return DAM_EPARSE;
    }
    type->name = name != NULL ? name : text_copy(arena, (const char *)word.data, word.len);
    type->is_dynamic = type->kind == DAM_ABI_BYTES || type->kind == DAM_ABI_STRING;
    type->head_len = 32;
    *ret = type;
    return type->name == NULL ? DAM_ENOMEM : DAM_OK;
}

static enum dam_err array_of(struct dam_arena *arena, const struct dam_abi_type *item, bool is_list,
                             uint32_t size, const struct dam_abi_type **ret)
{
    struct dam_abi_type *type = dam_arena_zalloc(arena, sizeof(*type));
    if (type == NULL) {
        return DAM_ENOMEM;
    }
    if (item->head_len == 0 || (!is_list && size == 0)) {
        return DAM_EPARSE; /* things without size would make lists without bound */
    }
    type->kind = is_list ? DAM_ABI_LIST : DAM_ABI_ARRAY;
    type->size = size;
    type->item = item;
    type->is_dynamic = is_list || item->is_dynamic;
    if (!type->is_dynamic && (uint64_t)size * item->head_len > HEAD_LEN_MAX) {
        return DAM_ERANGE;
    }
    type->head_len = type->is_dynamic ? 32 : size * item->head_len;
    *ret = type;
    return DAM_OK;
}

/* The "[3][]" behind a type. */
static enum dam_err suffixes_parse(struct parser *p, const struct dam_abi_type **type)
{
    unsigned count = 0;
    while (take(p, '[')) {
        const char *from = p->at;
        uint32_t size = 0;
        while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
            p->at++;
        }
        bool is_list = p->at == from;
        if (!is_list && !number_read(from, (size_t)(p->at - from), &size)) {
            return DAM_EPARSE;
        }
        if (!take(p, ']')) {
            return DAM_EPARSE;
        }
        if (++count + p->depth > DAM_ABI_DEPTH_MAX) {
            return DAM_ERANGE;
        }
        DAM_TRY(array_of(p->arena, *type, is_list, size, type));
    }
    return DAM_OK;
}

static enum dam_err tuple_of(struct dam_arena *arena, const struct dam_abi_member *members,
                             size_t count, const struct dam_abi_type **ret)
{
    struct dam_abi_type *type = dam_arena_zalloc(arena, sizeof(*type));
    uint64_t head_len = 0;
    if (type == NULL) {
        return DAM_ENOMEM;
    }
    type->kind = DAM_ABI_TUPLE;
    type->size = (uint32_t)count;
    type->members = members;
    for (size_t i = 0; i < count; i++) {
        type->is_dynamic = type->is_dynamic || members[i].type->is_dynamic;
        head_len += members[i].type->head_len;
    }
    if (head_len > HEAD_LEN_MAX) {
        return DAM_ERANGE;
    }
    type->head_len = type->is_dynamic ? 32 : (uint32_t)head_len;
    *ret = type;
    return DAM_OK;
}

static enum dam_err type_parse(struct parser *p, const struct dam_abi_type **ret);

/* "uint256 indexed value": only the type is required. */
static enum dam_err member_parse(struct parser *p, struct dam_abi_member *ret)
{
    struct dam_bytes word;
    *ret = (struct dam_abi_member){.name = ""};
    skip_space(p);
    DAM_TRY(type_parse(p, &ret->type));
    skip_space(p);
    word = word_take(p);
    if (dam_bytes_is(word, "indexed")) {
        ret->indexed = true;
        skip_space(p);
        word = word_take(p);
    }
    ret->name = text_copy(p->arena, (const char *)word.data, word.len);
    skip_space(p);
    return ret->name == NULL ? DAM_ENOMEM : DAM_OK;
}

/* Members up to the closing bracket, p->at behind the opening one. */
static enum dam_err tuple_parse(struct parser *p, const struct dam_abi_type **ret)
{
    struct dam_abi_member *members = NULL;
    size_t count = 0;
    size_t size = 0;
    skip_space(p);
    if (take(p, ')')) {
        return tuple_of(p->arena, NULL, 0, ret);
    }
    if (++p->depth > DAM_ABI_DEPTH_MAX) {
        return DAM_ERANGE;
    }
    do {
        if (count == size) {
            struct dam_abi_member *more;
            size = size == 0 ? 8 : 2 * size;
            more = size > MEMBERS_MAX ? NULL : dam_arena_alloc(p->arena, size * sizeof(*more));
            if (more == NULL) {
                return size > MEMBERS_MAX ? DAM_ERANGE : DAM_ENOMEM;
            }
            if (count > 0) {
                memcpy(more, members, count * sizeof(*more));
            }
            members = more;
        }
        DAM_TRY(member_parse(p, &members[count++]));
    } while (take(p, ','));
    p->depth--;
    return take(p, ')') ? tuple_of(p->arena, members, count, ret) : DAM_EPARSE;
}

static enum dam_err type_parse(struct parser *p, const struct dam_abi_type **ret)
{
    struct dam_bytes word = word_take(p);
    if ((word.len == 0 || dam_bytes_is(word, "tuple")) && take(p, '(')) {
        DAM_TRY(tuple_parse(p, ret));
    } else {
        DAM_TRY(leaf_parse(p->arena, word, ret));
    }
    return suffixes_parse(p, ret);
}

enum dam_err dam_abi_type_parse(struct dam_arena *arena, const char *text, size_t text_len,
                                const struct dam_abi_type **ret)
{
    struct parser p = {.arena = arena, .at = text, .end = text + text_len};
    const struct dam_abi_type *type;
    DAM_TRY(type_parse(&p, &type));
    if (p.at != p.end) {
        return DAM_EPARSE;
    }
    *ret = type;
    return DAM_OK;
}

static enum dam_err from_json(struct dam_arena *arena, const struct dam_json *params,
                              unsigned depth, const struct dam_abi_type **ret);

/* "tuple[2][]" with its components, or a plain type. */
static enum dam_err param_type(struct dam_arena *arena, const struct dam_json *param,
                               unsigned depth, const struct dam_abi_type **ret)
{
    const struct dam_json *text = dam_json_get(param, "type");
    if (text == NULL || text->type != DAM_JSON_STRING) {
        return DAM_EPARSE;
    }
    struct dam_bytes word = dam_bytes(text->text, text->len);
    if (!starts(word, "tuple")) {
        return dam_abi_type_parse(arena, text->text, text->len, ret);
    }
    struct parser p = {
        .arena = arena, .at = text->text + 5, .end = text->text + text->len, .depth = depth};
    DAM_TRY(from_json(arena, dam_json_get(param, "components"), depth + 1, ret));
    DAM_TRY(suffixes_parse(&p, ret));
    return p.at == p.end ? DAM_OK : DAM_EPARSE;
}

static enum dam_err from_json(struct dam_arena *arena, const struct dam_json *params,
                              unsigned depth, const struct dam_abi_type **ret)
{
    if (params == NULL || params->type != DAM_JSON_ARRAY) {
        return DAM_EPARSE;
    }
    if (depth > DAM_ABI_DEPTH_MAX || params->count > MEMBERS_MAX) {
        return DAM_ERANGE;
    }
    struct dam_abi_member *members = dam_arena_zalloc(arena, params->count * sizeof(*members));
    if (members == NULL) {
        return DAM_ENOMEM;
    }
    size_t count = 0;
    DAM_JSON_EACH(param, params)
    {
        struct dam_abi_member *member = &members[count++];
        const struct dam_json *name = dam_json_get(param, "name");
        const struct dam_json *indexed = dam_json_get(param, "indexed");
        member->name = "";
        DAM_TRY(param_type(arena, param, depth, &member->type));
        if (name != NULL) {
            DAM_TRY(dam_json_string(name, arena, &member->name));
        }
        if (indexed != NULL) {
            DAM_TRY(dam_json_bool(indexed, &member->indexed));
        }
    }
    return tuple_of(arena, members, count, ret);
}

enum dam_err dam_abi_type_from_json(struct dam_arena *arena, const struct dam_json *params,
                                    const struct dam_abi_type **ret)
{
    return from_json(arena, params, 0, ret);
}

void dam_abi_type_name(const struct dam_abi_type *type, struct dam_buf *buf)
{
    if (type->name != NULL) {
        dam_buf_put_text(buf, type->name);
    } else if (type->kind == DAM_ABI_TUPLE) {
        dam_buf_put_byte(buf, '(');
        for (uint32_t i = 0; i < type->size; i++) {
            if (i > 0) {
                dam_buf_put_byte(buf, ',');
            }
            dam_abi_type_name(type->members[i].type, buf);
        }
        dam_buf_put_byte(buf, ')');
    } else {
        dam_abi_type_name(type->item, buf);
        dam_buf_put_byte(buf, '[');
        if (type->kind == DAM_ABI_ARRAY) {
            dam_buf_put_u64(buf, type->size);
        }
        dam_buf_put_byte(buf, ']');
    }
}
