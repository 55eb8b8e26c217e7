// SPDX-License-Identifier: Apache-2.0
/* Contracts: functions, events and errors. */
#include "core/eth/abi.h"

#include "core/crypto/keccak.h"

static const struct dam_abi_type no_types = {.kind = DAM_ABI_TUPLE};

void dam_abi_selector(const char *signature, uint8_t ret[4])
{
    struct dam_hash hash;
    dam_keccak256((const uint8_t *)signature, strlen(signature), &hash);
    memcpy(ret, hash.b, 4);
}

static enum dam_err entry_hash(struct dam_arena *arena, struct dam_abi_entry *entry)
{
    struct dam_arena_mark mark = dam_arena_mark(arena);
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    dam_buf_put_text(&buf, entry->name);
    dam_abi_type_name(entry->inputs, &buf);
    enum dam_err err = dam_buf_err(&buf);
    if (err == DAM_OK) {
        dam_keccak256(buf.data, buf.len, &entry->hash);
    }
    dam_arena_release(arena, mark);
    return err;
}

/* Returns: false for a kind that has no place here (fallback, receive). */
static bool kind_read(const struct dam_json *json, enum dam_abi_entry_kind *ret)
{
    static const char *const names[] = {"function", "constructor", "event", "error"};
    const struct dam_json *type = dam_json_get(json, "type");
    *ret = DAM_ABI_FUNCTION; /* what a missing type means */
    for (size_t i = 0; i < DAM_COUNT_OF(names) && type != NULL; i++) {
        if (dam_json_is(type, names[i])) {
            *ret = (enum dam_abi_entry_kind)i;
            return true;
        }
    }
    return type == NULL;
}

static bool flag(const struct dam_json *json, const char *key)
{
    const struct dam_json *node = dam_json_get(json, key);
    return node != NULL && node->type == DAM_JSON_TRUE;
}

static enum dam_err entry_read(struct dam_arena *arena, const struct dam_json *json,
                               struct dam_abi_entry *entry)
{
    const struct dam_json *name = dam_json_get(json, "name");
    const struct dam_json *inputs = dam_json_get(json, "inputs");
    const struct dam_json *outputs = dam_json_get(json, "outputs");
    const struct dam_json *mutability = dam_json_get(json, "stateMutability");
    entry->name = "";
    entry->inputs = &no_types;
    entry->outputs = &no_types;
    entry->is_anonymous = flag(json, "anonymous");
    entry->is_payable = flag(json, "payable") || dam_json_is(mutability, "payable");
    entry->is_view = flag(json, "constant") || dam_json_is(mutability, "view") ||
                     dam_json_is(mutability, "pure");
    if (name != NULL) {
        DAM_TRY(dam_json_string(name, arena, &entry->name));
    }
    if (inputs != NULL) {
        DAM_TRY(dam_abi_type_from_json(arena, inputs, &entry->inputs));
    }
    if (outputs != NULL) {
        DAM_TRY(dam_abi_type_from_json(arena, outputs, &entry->outputs));
    }
    return entry_hash(arena, entry);
}

enum dam_err dam_abi_from_json(struct dam_arena *arena, const struct dam_json *json,
                               struct dam_abi *ret)
{
    if (json == NULL || json->type != DAM_JSON_ARRAY) {
        return DAM_EPARSE;
    }
    struct dam_abi_entry *entries = dam_arena_zalloc(arena, json->count * sizeof(*entries));
    size_t count = 0;
    if (entries == NULL) {
        return DAM_ENOMEM;
    }
    DAM_JSON_EACH(item, json)
    {
        if (kind_read(item, &entries[count].kind)) {
            DAM_TRY(entry_read(arena, item, &entries[count]));
            count++;
        }
    }
    *ret = (struct dam_abi){entries, count};
    return DAM_OK;
}

/* The length of the text up to the bracket that closes the one at its front; 0 if there is none. */
static size_t bracket_len(const char *text)
{
    size_t depth = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        depth += text[i] == '(';
        depth -= text[i] == ')';
        if (depth == 0) {
            return text[i] == ')' ? i + 1 : 0;
        }
    }
    return 0;
}

enum dam_err dam_abi_entry_parse(struct dam_arena *arena, const char *signature,
                                 struct dam_abi_entry *ret)
{
    struct dam_abi_entry entry = {.kind = DAM_ABI_FUNCTION, .outputs = &no_types};
    size_t name_len = strcspn(signature, "(");
    const char *inputs = signature + name_len;
    size_t inputs_len = bracket_len(inputs);
    const char *outputs = inputs + inputs_len;
    char *name = dam_arena_alloc(arena, name_len + 1);
    if (name == NULL) {
        return DAM_ENOMEM;
    }
    memcpy(name, signature, name_len);
    name[name_len] = '\0';
    entry.name = name;
    if (inputs_len == 0 || strcspn(name, " ") != name_len) {
        return DAM_EPARSE;
    }
    DAM_TRY(dam_abi_type_parse(arena, inputs, inputs_len, &entry.inputs));
    if (*outputs != '\0') {
        DAM_TRY(dam_abi_type_parse(arena, outputs, strlen(outputs), &entry.outputs));
    }
    if (entry.inputs->kind != DAM_ABI_TUPLE || entry.outputs->kind != DAM_ABI_TUPLE) {
        return DAM_EPARSE;
    }
    DAM_TRY(entry_hash(arena, &entry));
    *ret = entry;
    return DAM_OK;
}

const struct dam_abi_entry *dam_abi_find(const struct dam_abi *abi, enum dam_abi_entry_kind kind,
                                         const char *name_or_signature)
{
    struct dam_hash hash;
    bool is_signature = strchr(name_or_signature, '(') != NULL;
    dam_keccak256((const uint8_t *)name_or_signature, strlen(name_or_signature), &hash);
    for (size_t i = 0; i < abi->count; i++) {
        const struct dam_abi_entry *entry = &abi->entries[i];
        if (entry->kind == kind && (is_signature ? dam_hash_eq(&entry->hash, &hash)
                                                 : strcmp(entry->name, name_or_signature) == 0)) {
            return entry;
        }
    }
    return NULL;
}

const struct dam_abi_entry *dam_abi_find_selector(const struct dam_abi *abi,
                                                  enum dam_abi_entry_kind kind,
                                                  const uint8_t selector[4])
{
    for (size_t i = 0; i < abi->count; i++) {
        const struct dam_abi_entry *entry = &abi->entries[i];
        if (entry->kind == kind && memcmp(entry->hash.b, selector, 4) == 0) {
            return entry;
        }
    }
    return NULL;
}

enum dam_err dam_abi_encode_call(const struct dam_abi_entry *function,
                                 const struct dam_abi_value *values, size_t count,
                                 struct dam_buf *buf)
{
    dam_buf_put(buf, function->hash.b, 4);
    return dam_abi_encode(function->inputs, values, count, buf);
}

/* The members of an event that are in its data, as a tuple. */
static enum dam_err data_members(struct dam_arena *arena, const struct dam_abi_type *inputs,
                                 struct dam_abi_type *ret)
{
    struct dam_abi_member *members = dam_arena_alloc(arena, inputs->size * sizeof(*members));
    uint32_t count = 0;
    if (members == NULL) {
        return DAM_ENOMEM;
    }
    for (uint32_t i = 0; i < inputs->size; i++) {
        if (!inputs->members[i].indexed) {
            members[count++] = inputs->members[i];
        }
    }
    *ret = (struct dam_abi_type){.kind = DAM_ABI_TUPLE, .size = count, .members = members};
    return DAM_OK;
}

/* Is the value itself in the topic, and not its hash? */
static bool is_plain(const struct dam_abi_type *type)
{
    return type->name != NULL && !type->is_dynamic;
}

static enum dam_err topic_decode(struct dam_arena *arena, const struct dam_abi_member *member,
                                 const struct dam_hash *topic, struct dam_abi_value *ret)
{
    struct dam_abi_type one = {.kind = DAM_ABI_TUPLE, .size = 1, .members = member};
    const struct dam_abi_value *values;
    if (!is_plain(member->type)) {
        ret->bytes = dam_bytes(topic->b, sizeof(topic->b));
        return DAM_OK;
    }
    DAM_TRY(dam_abi_decode(arena, &one, dam_bytes(topic->b, sizeof(topic->b)), &values));
    *ret = values[0];
    return DAM_OK;
}

enum dam_err dam_abi_decode_event(struct dam_arena *arena, const struct dam_abi_entry *event,
                                  const struct dam_log *log, const struct dam_abi_value **ret)
{
    const struct dam_abi_type *inputs = event->inputs;
    uint32_t topic = event->is_anonymous ? 0 : 1;
    uint32_t indexed = 0;
    for (uint32_t i = 0; i < inputs->size; i++) {
        indexed += inputs->members[i].indexed;
    }
    if (log->topic_count != topic + indexed ||
        (topic == 1 && !dam_hash_eq(&log->topics[0], &event->hash))) {
        return DAM_ENOTFOUND;
    }
    struct dam_abi_type data_type;
    const struct dam_abi_value *data_values;
    DAM_TRY(data_members(arena, inputs, &data_type));
    DAM_TRY(dam_abi_decode(arena, &data_type, log->data, &data_values));
    struct dam_abi_value *values = dam_arena_zalloc(arena, inputs->size * sizeof(*values));
    if (values == NULL) {
        return DAM_ENOMEM;
    }
    for (uint32_t i = 0; i < inputs->size; i++) {
        if (inputs->members[i].indexed) {
            DAM_TRY(topic_decode(arena, &inputs->members[i], &log->topics[topic++], &values[i]));
        } else {
            values[i] = *data_values++;
        }
    }
    *ret = values;
    return DAM_OK;
}

static const struct dam_abi_entry *solidity_error(const uint8_t selector[4])
{
    static const struct dam_abi_type text = {
        .kind = DAM_ABI_STRING, .is_dynamic = true, .head_len = 32, .name = "string"};
    static const struct dam_abi_type code = {
        .kind = DAM_ABI_UINT, .size = 256, .head_len = 32, .name = "uint256"};
    static const struct dam_abi_member members[] = {{"message", &text, false},
                                                    {"code", &code, false}};
    static const struct dam_abi_type inputs[] = {
        {.kind = DAM_ABI_TUPLE, .is_dynamic = true, .size = 1, .head_len = 32, .members = members},
        {.kind = DAM_ABI_TUPLE, .size = 1, .head_len = 32, .members = members + 1}};
    static const struct dam_abi_entry errors[] = {
        {.kind = DAM_ABI_ERROR,
         .name = "Error",
         .inputs = inputs,
         .outputs = &no_types,
         .hash = {{0x08, 0xc3, 0x79, 0xa0, 0xaf, 0xcc, 0x32, 0xb1, 0xa3, 0x93, 0x02,
                   0xf7, 0xcb, 0x80, 0x73, 0x35, 0x96, 0x98, 0x41, 0x1a, 0xb5, 0xfd,
                   0x6e, 0x3e, 0xdb, 0x2c, 0x02, 0xc0, 0xb5, 0xfb, 0xa8, 0xaa}}},
        {.kind = DAM_ABI_ERROR,
         .name = "Panic",
         .inputs = inputs + 1,
         .outputs = &no_types,
         .hash = {{0x4e, 0x48, 0x7b, 0x71, 0x53, 0x9e, 0x01, 0x64, 0xc9, 0xd2, 0x95,
                   0x06, 0xcc, 0x72, 0x5e, 0x49, 0x34, 0x2b, 0xca, 0xc1, 0x5e, 0x09,
                   0x27, 0x28, 0x2b, 0xf3, 0x0f, 0xed, 0xfe, 0x1c, 0x72, 0x68}}}};
    const struct dam_abi both = {errors, DAM_COUNT_OF(errors)};
    return dam_abi_find_selector(&both, DAM_ABI_ERROR, selector);
}

enum dam_err dam_abi_decode_error(struct dam_arena *arena, const struct dam_abi *abi,
                                  struct dam_bytes revert_data,
                                  const struct dam_abi_entry **ret_error,
                                  const struct dam_abi_value **ret_values)
{
    const struct dam_abi_entry *error = NULL;
    if (revert_data.len < 4) {
        return DAM_ENOTFOUND;
    }
    if (abi != NULL) {
        error = dam_abi_find_selector(abi, DAM_ABI_ERROR, revert_data.data);
    }
    error = error != NULL ? error : solidity_error(revert_data.data);
    if (error == NULL) {
        return DAM_ENOTFOUND;
    }
    DAM_TRY(dam_abi_decode(arena, error->inputs, dam_bytes_from(revert_data, 4), ret_values));
    *ret_error = error;
    return DAM_OK;
}
