// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/hex.h"
#include "base/u256_text.h"
#include "base/utf8.h"

/* Objects with more members than this are checked for duplicate keys by sorting. */
#define PAIRWISE_MAX 16u

struct parser {
    const char *start;
    const char *at;
    const char *end;
    struct dam_arena *arena;
    struct dam_json *nodes; /* moves when it grows, so nodes are named by index */
    size_t node_count;
    size_t node_size;
    unsigned depth;
    unsigned depth_max;
    uint32_t open[DAM_JSON_DEPTH_MAX]; /* containers not yet closed, outermost first */
    const char *what;
};

/* What the parser expects next. */
enum state {
    VALUE,
    VALUE_OR_CLOSE, /* after '[' */
    KEY,
    KEY_OR_CLOSE, /* after '{' */
    COMMA_OR_CLOSE,
    DONE,
};

static enum dam_err fail(struct parser *p, const char *what)
{
    p->what = what;
    return DAM_EPARSE;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end &&
           (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t')) {
        p->at++;
    }
}

static enum dam_err node_add(struct parser *p, enum dam_json_type type, const char *text,
                             size_t len)
{
    if (p->node_count == p->node_size) {
        size_t size = p->node_size * 2;
        struct dam_json *nodes = dam_arena_alloc(p->arena, size * sizeof(*nodes));
        if (nodes == NULL) {
            p->what = "out of memory";
            return DAM_ENOMEM;
        }
        memcpy(nodes, p->nodes, p->node_count * sizeof(*nodes));
        p->nodes = nodes;
        p->node_size = size;
    }
    p->nodes[p->node_count++] =
        (struct dam_json){.text = text, .len = (uint32_t)len, .span = 1, .type = type};
    return DAM_OK;
}

/* The length of the run of plain ASCII in front, eight bytes at a time: stops at a quote, a
 * backslash, a control character or a byte above 0x7f. */
static size_t plain_len(const char *text, size_t len)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t highs = 0x8080808080808080u;
    size_t at = 0;
    for (; at + 8 <= len; at += 8) {
        uint64_t w;
        memcpy(&w, text + at, 8);
        uint64_t quote = w ^ (ones * '"');
        uint64_t slash = w ^ (ones * '\\');
        /* (x - n) has a high bit where a byte is below n; exact up to the first such byte. */
        uint64_t stop = w | (w - ones * 0x20) | (quote - ones) | (slash - ones);
        if ((stop & highs) != 0) {
            break;
        }
    }
    while (at < len && (uint8_t)text[at] >= 0x20 && (uint8_t)text[at] < 0x80 && text[at] != '"' &&
           text[at] != '\\') {
        at++;
    }
    return at;
}

/* Four hex digits at p->at. */
static bool hex4(struct parser *p, uint32_t *ret)
{
    uint8_t pair[2];
    if (p->end - p->at < 4 || p->at[1] == 'x' || p->at[1] == 'X' ||
        dam_hex_decode_exact(p->at, 4, pair, 2) != DAM_OK) {
        return false;
    }
    *ret = dam_load_be16(pair);
    p->at += 4;
    return true;
}

/* One escape, p->at behind the backslash. Appends at most 4 bytes, never more than it reads. */
static enum dam_err escape(struct parser *p, char **out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    char c = p->at < p->end ? *p->at++ : '\0';
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found != NULL) {
        *(*out)++ = to[found - from];
        return DAM_OK;
    }
    uint32_t code;
    if (c != 'u' || !hex4(p, &code)) {
        return fail(p, "unknown escape in a string");
    }
    if (code >= 0xd800 && code < 0xe000) {
        uint32_t low = 0;
        if (code >= 0xdc00 || p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u') {
            return fail(p, "half of a surrogate pair in a string");
        }
        p->at += 2;
        if (!hex4(p, &low) || low < 0xdc00 || low >= 0xe000) {
            return fail(p, "half of a surrogate pair in a string");
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *out += dam_utf8_put(code, (uint8_t *)*out);
    return DAM_OK;
}

/* The end of a string that is not plain: an upper bound for its length. */
static size_t string_len_max(const struct parser *p)
{
    const char *at = p->at;
    while (at < p->end && *at != '"') {
        at += *at == '\\' && at + 1 < p->end ? 2 : 1;
    }
    return (size_t)(at - p->at);
}

static enum dam_err string_with_escapes(struct parser *p)
{
    char *text = dam_arena_alloc(p->arena, string_len_max(p) + 4);
    char *out = text;
    if (text == NULL) {
        p->what = "out of memory";
        return DAM_ENOMEM;
    }
    for (;;) {
        size_t len = plain_len(p->at, (size_t)(p->end - p->at));
        memcpy(out, p->at, len);
        out += len;
        p->at += len;
        if (p->at == p->end) {
            return fail(p, "a string has no end");
        }
        if (*p->at == '"') {
            p->at++;
            return node_add(p, DAM_JSON_STRING, text, (size_t)(out - text));
        }
        if (*p->at == '\\') {
            p->at++;
            DAM_TRY(escape(p, &out));
            continue;
        }
        size_t character = dam_utf8_len((const uint8_t *)p->at, (size_t)(p->end - p->at));
        if (character < 2) {
            return fail(p, character == 1 ? "a control character in a string"
                                          : "a string is not UTF-8");
        }
        memcpy(out, p->at, character);
        out += character;
        p->at += character;
    }
}

/* A string, p->at behind its opening quote. */
static enum dam_err string(struct parser *p)
{
    size_t len = plain_len(p->at, (size_t)(p->end - p->at));
    if (p->at + len < p->end && p->at[len] == '"') {
        const char *text = p->at;
        p->at += len + 1;
        return node_add(p, DAM_JSON_STRING, text, len);
    }
    return string_with_escapes(p);
}

static size_t digits(struct parser *p)
{
    const char *from = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        p->at++;
    }
    return (size_t)(p->at - from);
}

static bool take(struct parser *p, char c)
{
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

static enum dam_err number(struct parser *p)
{
    const char *from = p->at;
    (void)take(p, '-'); /* optional */
    const char *first = p->at;
    size_t count = digits(p);
    bool good = count > 0 && (*first != '0' || count == 1);
    if (good && take(p, '.')) {
        good = digits(p) > 0;
    }
    if (good && (take(p, 'e') || take(p, 'E'))) {
        if (!take(p, '+')) {
            (void)take(p, '-'); /* optional */
        }
        good = digits(p) > 0;
    }
    if (!good) {
        return fail(p, "malformed number");
    }
    return node_add(p, DAM_JSON_NUMBER, from, (size_t)(p->at - from));
}

static enum dam_err word(struct parser *p, const char *text, enum dam_json_type type)
{
    size_t len = strlen(text);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, text, len) != 0) {
        return fail(p, "expected a value");
    }
    p->at += len;
    return node_add(p, type, NULL, 0);
}

static int key_order(const struct dam_json *a, const struct dam_json *b)
{
    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }
    return a->len == 0 ? 0 : memcmp(a->text, b->text, a->len);
}

/* Sorted so that no choice of keys makes it slow: merge runs of 1, 2, 4 ... indices. */
static void keys_sort(const struct dam_json *nodes, uint32_t *keys, uint32_t *spare, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t from = 0; from < count; from += 2 * width) {
            size_t middle = from + width < count ? from + width : count;
            size_t to = middle + width < count ? middle + width : count;
            size_t left = from;
            size_t right = middle;
            for (size_t i = from; i < to; i++) {
                bool take_left =
                    left < middle &&
                    (right == to || key_order(&nodes[keys[left]], &nodes[keys[right]]) <= 0);
                spare[i] = take_left ? keys[left++] : keys[right++];
            }
        }
        memcpy(keys, spare, count * sizeof(*keys));
    }
}

static enum dam_err keys_check_many(struct parser *p, const struct dam_json *object)
{
    struct dam_arena_mark mark = dam_arena_mark(p->arena);
    uint32_t *keys = dam_arena_alloc(p->arena, 2 * sizeof(*keys) * object->count);
    if (keys == NULL) {
        p->what = "out of memory";
        return DAM_ENOMEM;
    }
    size_t count = 0;
    DAM_JSON_EACH_KEY(key, object)
    {
        keys[count++] = (uint32_t)(key - p->nodes);
    }
    keys_sort(p->nodes, keys, keys + count, count);
    bool unique = true;
    for (size_t i = 1; i < count && unique; i++) {
        unique = key_order(&p->nodes[keys[i - 1]], &p->nodes[keys[i]]) != 0;
    }
    dam_arena_release(p->arena, mark);
    return unique ? DAM_OK : fail(p, "an object has the same key twice");
}

static enum dam_err keys_check(struct parser *p, const struct dam_json *object)
{
    if (object->count > PAIRWISE_MAX) {
        return keys_check_many(p, object);
    }
    const struct dam_json *seen[PAIRWISE_MAX];
    size_t count = 0;
    DAM_JSON_EACH_KEY(key, object)
    {
        for (size_t i = 0; i < count; i++) {
            if (key_order(seen[i], key) == 0) {
                return fail(p, "an object has the same key twice");
            }
        }
        seen[count++] = key;
    }
    return DAM_OK;
}

static enum dam_err container_open(struct parser *p, enum dam_json_type type)
{
    if (p->depth == p->depth_max) {
        p->what = "nested too deeply";
        return DAM_ERANGE;
    }
    p->open[p->depth++] = (uint32_t)p->node_count;
    p->at++;
    return node_add(p, type, NULL, 0);
}

/* One value, or the opening of a container. */
static enum dam_err value(struct parser *p, enum state *state)
{
    *state = COMMA_OR_CLOSE;
    switch (p->at < p->end ? *p->at : '\0') {
    case '{':
        *state = KEY_OR_CLOSE;
        return container_open(p, DAM_JSON_OBJECT);
    case '[':
        *state = VALUE_OR_CLOSE;
        return container_open(p, DAM_JSON_ARRAY);
    case '"':
        p->at++;
        return string(p);
    case 't':
        return word(p, "true", DAM_JSON_TRUE);
    case 'f':
        return word(p, "false", DAM_JSON_FALSE);
    case 'n':
        return word(p, "null", DAM_JSON_NULL);
    default:
        if (p->at < p->end && (*p->at == '-' || (*p->at >= '0' && *p->at <= '9'))) {
            return number(p);
        }
        return fail(p, p->at < p->end ? "expected a value" : "the text ends too early");
    }
}

static enum dam_err key(struct parser *p)
{
    if (!take(p, '"')) {
        return fail(p, "expected a key in quotes");
    }
    DAM_TRY(string(p));
    skip_space(p);
    return take(p, ':') ? DAM_OK : fail(p, "expected ':' after a key");
}

/* A container's closing bracket, p->at behind it. */
static enum dam_err container_close(struct parser *p)
{
    struct dam_json *node = &p->nodes[p->open[--p->depth]];
    node->span = (uint32_t)(p->node_count - p->open[p->depth]);
    return node->type == DAM_JSON_OBJECT ? keys_check(p, node) : DAM_OK;
}

static enum dam_err comma_or_close(struct parser *p, enum state *state)
{
    if (p->depth == 0) {
        *state = DONE;
        return p->at == p->end ? DAM_OK : fail(p, "something follows the value");
    }
    struct dam_json *parent = &p->nodes[p->open[p->depth - 1]];
    bool is_object = parent->type == DAM_JSON_OBJECT;
    parent->count++;
    if (take(p, ',')) {
        *state = is_object ? KEY : VALUE;
        return DAM_OK;
    }
    if (!take(p, is_object ? '}' : ']')) {
        return fail(p, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    return container_close(p);
}

static enum dam_err parse(struct parser *p)
{
    enum state state = VALUE;
    while (state != DONE) {
        skip_space(p);
        switch (state) {
        case VALUE:
            DAM_TRY(value(p, &state));
            break;
        case VALUE_OR_CLOSE:
        case KEY_OR_CLOSE:
            if (take(p, state == KEY_OR_CLOSE ? '}' : ']')) {
                DAM_TRY(container_close(p));
                state = COMMA_OR_CLOSE;
            } else {
                state = state == KEY_OR_CLOSE ? KEY : VALUE;
            }
            break;
        case KEY:
            DAM_TRY(key(p));
            state = VALUE;
            break;
        case COMMA_OR_CLOSE:
            DAM_TRY(comma_or_close(p, &state));
            break;
        case DONE:
            break;
        }
    }
    return DAM_OK;
}

static void error_fill(const struct parser *p, struct dam_json_error *ret)
{
    uint32_t line = 1;
    const char *line_start = p->start;
    for (const char *at = p->start; at < p->at; at++) {
        if (*at == '\n') {
            line++;
            line_start = at + 1;
        }
    }
    *ret = (struct dam_json_error){.what = p->what,
                                   .offset = (size_t)(p->at - p->start),
                                   .line = line,
                                   .column = (uint32_t)(p->at - line_start) + 1};
}

enum dam_err dam_json_parse(struct dam_arena *arena, const char *text, size_t text_len,
                            unsigned depth_max, const struct dam_json **ret,
                            struct dam_json_error *ret_error)
{
    struct parser p = {
        .start = text,
        .at = text,
        .end = text + text_len,
        .arena = arena,
        .node_size = text_len / 32 + 16,
        .depth_max =
            depth_max == 0 || depth_max > DAM_JSON_DEPTH_MAX ? DAM_JSON_DEPTH_MAX : depth_max,
        .what = "the text is too long or memory is out",
    };
    enum dam_err err = DAM_ENOMEM;
    if (text_len < UINT32_MAX) {
        p.nodes = dam_arena_alloc(arena, p.node_size * sizeof(*p.nodes));
        err = p.nodes == NULL ? DAM_ENOMEM : parse(&p);
    }
    if (err != DAM_OK) {
        if (ret_error != NULL) {
            error_fill(&p, ret_error);
        }
        return err;
    }
    *ret = p.nodes;
    return DAM_OK;
}

/* Readers. */

const struct dam_json *dam_json_get(const struct dam_json *object, const char *key_text)
{
    size_t len = strlen(key_text);
    DAM_JSON_EACH_KEY(key, object)
    {
        if (key->len == len && memcmp(key->text, key_text, len) == 0) {
            return key + 1;
        }
    }
    return NULL;
}

const struct dam_json *dam_json_at(const struct dam_json *array, size_t index)
{
    DAM_JSON_EACH(item, array)
    {
        if (index-- == 0) {
            return item;
        }
    }
    return NULL;
}

bool dam_json_is(const struct dam_json *node, const char *text)
{
    size_t len = strlen(text);
    return node != NULL && node->type == DAM_JSON_STRING && node->len == len &&
           memcmp(node->text, text, len) == 0;
}

static bool is(const struct dam_json *node, enum dam_json_type type)
{
    return node != NULL && node->type == type;
}

enum dam_err dam_json_bool(const struct dam_json *node, bool *ret)
{
    if (!is(node, DAM_JSON_TRUE) && !is(node, DAM_JSON_FALSE)) {
        return DAM_EPARSE;
    }
    *ret = node->type == DAM_JSON_TRUE;
    return DAM_OK;
}

static enum dam_err digits_u64(const char *text, size_t len, uint64_t *ret)
{
    struct dam_u256 wide;
    DAM_TRY(dam_u256_from_dec(text, len, &wide));
    return dam_u256_to_u64(&wide, ret) ? DAM_OK : DAM_ERANGE;
}

enum dam_err dam_json_u64(const struct dam_json *node, uint64_t *ret)
{
    return is(node, DAM_JSON_NUMBER) ? digits_u64(node->text, node->len, ret) : DAM_EPARSE;
}

enum dam_err dam_json_i64(const struct dam_json *node, int64_t *ret)
{
    if (!is(node, DAM_JSON_NUMBER)) {
        return DAM_EPARSE;
    }
    bool negative = node->text[0] == '-';
    uint64_t size;
    DAM_TRY(digits_u64(node->text + negative, node->len - negative, &size));
    if (size > (uint64_t)INT64_MAX + negative) {
        return DAM_ERANGE;
    }
    *ret = negative ? (int64_t)(0 - size) : (int64_t)size;
    return DAM_OK;
}

static bool is_prefixed(const struct dam_json *node)
{
    return is(node, DAM_JSON_STRING) && node->len > 2 && node->text[0] == '0' &&
           node->text[1] == 'x';
}

enum dam_err dam_json_quantity(const struct dam_json *node, uint64_t *ret)
{
    return is_prefixed(node) ? dam_hex_u64(node->text, node->len, ret) : DAM_EPARSE;
}

enum dam_err dam_json_quantity_u256(const struct dam_json *node, struct dam_u256 *ret)
{
    return is_prefixed(node) ? dam_u256_from_hex(node->text, node->len, ret) : DAM_EPARSE;
}

enum dam_err dam_json_any_u256(const struct dam_json *node, struct dam_u256 *ret)
{
    if (is_prefixed(node)) {
        return dam_u256_from_hex(node->text, node->len, ret);
    }
    if (!is(node, DAM_JSON_STRING) && !is(node, DAM_JSON_NUMBER)) {
        return DAM_EPARSE;
    }
    return dam_u256_from_dec(node->text, node->len, ret);
}

enum dam_err dam_json_hex(const struct dam_json *node, struct dam_arena *arena,
                          struct dam_bytes *ret)
{
    if (!is(node, DAM_JSON_STRING)) {
        return DAM_EPARSE;
    }
    size_t size = node->len / 2;
    uint8_t *data = dam_arena_alloc(arena, size);
    if (data == NULL) {
        return DAM_ENOMEM;
    }
    size_t len;
    DAM_TRY(dam_hex_decode(node->text, node->len, data, size, &len));
    *ret = dam_bytes(data, len);
    return DAM_OK;
}

enum dam_err dam_json_hex_exact(const struct dam_json *node, uint8_t *ret, size_t size)
{
    return is(node, DAM_JSON_STRING) ? dam_hex_decode_exact(node->text, node->len, ret, size)
                                     : DAM_EPARSE;
}

enum dam_err dam_json_string(const struct dam_json *node, struct dam_arena *arena, const char **ret)
{
    if (!is(node, DAM_JSON_STRING) || memchr(node->text, '\0', node->len) != NULL) {
        return DAM_EPARSE;
    }
    char *text = dam_arena_alloc(arena, (size_t)node->len + 1);
    if (text == NULL) {
        return DAM_ENOMEM;
    }
    memcpy(text, node->text, node->len);
    text[node->len] = '\0';
    *ret = text;
    return DAM_OK;
}
