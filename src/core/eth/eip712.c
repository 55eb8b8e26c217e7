// SPDX-License-Identifier: Apache-2.0
#include "core/eth/eip712.h"

#include "core/crypto/keccak.h"
#include "core/eth/abi.h"

#define TYPES_MAX 256u
#define MEMBERS_MAX 256u
#define DOMAIN_TYPE "EIP712Domain"

struct hasher {
    struct dam_arena *arena;
    const struct dam_json *types;
    const char *what;
};

static enum dam_err fail(struct hasher *h, const char *what)
{
    h->what = what;
    return DAM_EPARSE;
}

static bool is_string(const struct dam_json *node)
{
    return node != NULL && node->type == DAM_JSON_STRING;
}

static struct dam_bytes text_of(const struct dam_json *string)
{
    return dam_bytes(string->text, string->len);
}

static struct dam_bytes literal(const char *text)
{
    return dam_bytes(text, strlen(text));
}

/* The definition of a struct type: the key in `types`, its members behind it. NULL: none. */
static const struct dam_json *type_find(const struct hasher *h, struct dam_bytes name)
{
    DAM_JSON_EACH_KEY(key, h->types)
    {
        if (dam_bytes_eq(text_of(key), name)) {
            return key;
        }
    }
    return NULL;
}

/* "Person" of "Person[2][]". */
static struct dam_bytes base_of(struct dam_bytes type)
{
    const uint8_t *bracket = type.len == 0 ? NULL : memchr(type.data, '[', type.len);
    return bracket == NULL ? type : dam_bytes(type.data, (size_t)(bracket - type.data));
}

/* Every member has a name and a type, and no name twice. */
static enum dam_err definition_check(struct hasher *h, const struct dam_json *definition)
{
    const struct dam_json *members = definition + 1;
    if (members->type != DAM_JSON_ARRAY || members->count > MEMBERS_MAX) {
        return fail(h, "a type is not a list of at most 256 members");
    }
    DAM_JSON_EACH(member, members)
    {
        const struct dam_json *name = dam_json_get(member, "name");
        if (!is_string(name) || !is_string(dam_json_get(member, "type"))) {
            return fail(h, "a member of a type has no name or no type");
        }
        for (const struct dam_json *other = members + 1; other != member;
             other = dam_json_next(other)) {
            if (dam_bytes_eq(text_of(dam_json_get(other, "name")), text_of(name))) {
                return fail(h, "a type has two members of the same name");
            }
        }
    }
    return DAM_OK;
}

/* The struct types that one needs, itself first, each once. */
struct needed {
    const struct dam_json *keys[TYPES_MAX];
    size_t count;
};

static enum dam_err needed_add(struct hasher *h, struct needed *needed, const struct dam_json *key)
{
    for (size_t i = 0; i < needed->count; i++) {
        if (needed->keys[i] == key) {
            return DAM_OK;
        }
    }
    if (needed->count == TYPES_MAX) {
        return fail(h, "more than 256 types");
    }
    needed->keys[needed->count++] = key;
    return definition_check(h, key);
}

static enum dam_err needed_find(struct hasher *h, const struct dam_json *key, struct needed *needed)
{
    needed->count = 0;
    DAM_TRY(needed_add(h, needed, key));
    for (size_t i = 0; i < needed->count; i++) {
        DAM_JSON_EACH(member, needed->keys[i] + 1)
        {
            const struct dam_json *type = dam_json_get(member, "type");
            const struct dam_json *other = type_find(h, base_of(text_of(type)));
            if (other != NULL) {
                DAM_TRY(needed_add(h, needed, other));
            }
        }
    }
    return DAM_OK;
}

static int name_order(const struct dam_json *a, const struct dam_json *b)
{
    int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* Insertion sort: there are few. The first stays in front. */
static void needed_sort(struct needed *needed)
{
    for (size_t i = 2; i < needed->count; i++) {
        const struct dam_json *key = needed->keys[i];
        size_t at = i;
        for (; at > 1 && name_order(needed->keys[at - 1], key) > 0; at--) {
            needed->keys[at] = needed->keys[at - 1];
        }
        needed->keys[at] = key;
    }
}

static enum dam_err encode_type(struct hasher *h, const struct dam_json *key, struct dam_buf *buf)
{
    struct needed needed;
    DAM_TRY(needed_find(h, key, &needed));
    needed_sort(&needed);
    for (size_t i = 0; i < needed.count; i++) {
        bool first = true;
        dam_buf_put(buf, needed.keys[i]->text, needed.keys[i]->len);
        dam_buf_put_byte(buf, '(');
        DAM_JSON_EACH(member, needed.keys[i] + 1)
        {
            struct dam_bytes type = text_of(dam_json_get(member, "type"));
            struct dam_bytes name = text_of(dam_json_get(member, "name"));
            if (!first) {
                dam_buf_put_byte(buf, ',');
            }
            first = false;
            dam_buf_put(buf, type.data, type.len);
            dam_buf_put_byte(buf, ' ');
            dam_buf_put(buf, name.data, name.len);
        }
        dam_buf_put_byte(buf, ')');
    }
    return dam_buf_err(buf);
}

static enum dam_err type_hash(struct hasher *h, const struct dam_json *key, struct dam_hash *ret)
{
    struct dam_arena_mark mark = dam_arena_mark(h->arena);
    struct dam_buf buf;
    dam_buf_init_arena(&buf, h->arena, 0);
    enum dam_err err = encode_type(h, key, &buf);
    if (err == DAM_OK) {
        dam_keccak256(buf.data, buf.len, ret);
    }
    dam_arena_release(h->arena, mark);
    return err;
}

static enum dam_err value_encode(struct hasher *h, struct dam_bytes type,
                                 const struct dam_json *value, struct dam_hash *ret);

static enum dam_err struct_hash(struct hasher *h, const struct dam_json *key,
                                const struct dam_json *value, struct dam_hash *ret)
{
    const struct dam_json *members = key + 1;
    struct dam_keccak256 state;
    struct dam_hash word;
    DAM_TRY(type_hash(h, key, &word));
    if (value->type != DAM_JSON_OBJECT || value->count != members->count) {
        return fail(h, "a struct lacks a member, or has one that its type does not have");
    }
    dam_keccak256_init(&state);
    dam_keccak256_update(&state, word.b, sizeof(word.b));
    DAM_JSON_EACH(member, members)
    {
        const struct dam_json *name = dam_json_get(member, "name");
        const struct dam_json *found = NULL;
        DAM_JSON_EACH_KEY(have, value)
        {
            if (dam_bytes_eq(text_of(have), text_of(name))) {
                found = have + 1;
            }
        }
        if (found == NULL) {
            return fail(h, "a struct lacks a member of its type");
        }
        DAM_TRY(value_encode(h, text_of(dam_json_get(member, "type")), found, &word));
        dam_keccak256_update(&state, word.b, sizeof(word.b));
    }
    dam_keccak256_final(&state, ret);
    return DAM_OK;
}

/* "T[k]" or "T[]": the hash of the encoded items. */
static enum dam_err array_encode(struct hasher *h, struct dam_bytes type,
                                 const struct dam_json *value, struct dam_hash *ret)
{
    size_t open = type.len - 1;
    uint64_t count = 0;
    while (open > 0 && type.data[open] != '[') {
        open--;
    }
    if (open == 0 || value->type != DAM_JSON_ARRAY) {
        return fail(h, "a value of an array type is not an array");
    }
    if (open + 2 < type.len) {
        struct dam_json size = {.text = (const char *)type.data + open + 1,
                                .len = (uint32_t)(type.len - open - 2),
                                .type = DAM_JSON_NUMBER};
        if (dam_json_u64(&size, &count) != DAM_OK || count != value->count) {
            return fail(h, "an array does not have the length that its type says");
        }
    }
    struct dam_keccak256 state;
    dam_keccak256_init(&state);
    DAM_JSON_EACH(item, value)
    {
        struct dam_hash word;
        DAM_TRY(value_encode(h, dam_bytes(type.data, open), item, &word));
        dam_keccak256_update(&state, word.b, sizeof(word.b));
    }
    dam_keccak256_final(&state, ret);
    return DAM_OK;
}

/* A number, address, bool or bytesN as one word; bytes and string by their hash. */
static enum dam_err atom_encode(struct hasher *h, struct dam_bytes type,
                                const struct dam_json *value, struct dam_hash *ret)
{
    const struct dam_abi_type *leaf;
    struct dam_abi_value abi_value;
    struct dam_abi_member member = {.name = ""};
    struct dam_buf buf;
    enum dam_err err = dam_abi_type_parse(h->arena, (const char *)type.data, type.len, &leaf);
    if (err != DAM_OK || leaf->name == NULL) {
        h->what = "a type is neither defined nor one of Solidity's";
        return err == DAM_ENOMEM ? err : DAM_EPARSE;
    }
    if (strlen(leaf->name) != type.len) {
        return fail(h, "uint and int must be written with their size");
    }
    err = dam_abi_value_from_json(h->arena, leaf, value, &abi_value);
    if (err != DAM_OK) {
        h->what = "a value is not of its type";
        return err;
    }
    if (leaf->is_dynamic) {
        dam_keccak256(abi_value.bytes.data, abi_value.bytes.len, ret);
        return DAM_OK;
    }
    member.type = leaf;
    struct dam_abi_type tuple = {.kind = DAM_ABI_TUPLE, .size = 1, .members = &member};
    dam_buf_init_fixed(&buf, ret->b, sizeof(ret->b));
    err = dam_abi_encode(&tuple, &abi_value, 1, &buf);
    h->what = err == DAM_OK ? NULL : "a value does not fit its type";
    return err;
}

/* Recursion ends with the message's own nesting, which the JSON parser limits. */
static enum dam_err value_encode(struct hasher *h, struct dam_bytes type,
                                 const struct dam_json *value, struct dam_hash *ret)
{
    if (type.len > 0 && type.data[type.len - 1] == ']') {
        return array_encode(h, type, value, ret);
    }
    const struct dam_json *key = type_find(h, type);
    if (key != NULL) {
        return struct_hash(h, key, value, ret);
    }
    struct dam_arena_mark mark = dam_arena_mark(h->arena);
    enum dam_err err = atom_encode(h, type, value, ret);
    dam_arena_release(h->arena, mark);
    return err;
}

/* The members that EIP-712 knows, in its order. */
static const struct {
    const char *name;
    const char *type;
} domain_members[] = {
    {"name", "string"},     {"version", "string"},
    {"chainId", "uint256"}, {"verifyingContract", "address"},
    {"salt", "bytes32"},
};

/* A domain whose type is not given has the type of the members that it has. */
static enum dam_err domain_hash_implied(struct hasher *h, const struct dam_json *domain,
                                        struct dam_hash *ret)
{
    uint8_t memory[160];
    struct dam_buf type;
    struct dam_keccak256 state;
    struct dam_hash words[1 + DAM_COUNT_OF(domain_members)];
    size_t count = 0;
    dam_buf_init_fixed(&type, memory, sizeof(memory));
    dam_buf_put_text(&type, DOMAIN_TYPE "(");
    for (size_t i = 0; i < DAM_COUNT_OF(domain_members); i++) {
        const struct dam_json *value = dam_json_get(domain, domain_members[i].name);
        if (value == NULL) {
            continue;
        }
        dam_buf_put_text(&type, count == 0 ? "" : ",");
        dam_buf_put_text(&type, domain_members[i].type);
        dam_buf_put_text(&type, " ");
        dam_buf_put_text(&type, domain_members[i].name);
        DAM_TRY(value_encode(h, literal(domain_members[i].type), value, &words[1 + count++]));
    }
    dam_buf_put_text(&type, ")");
    if (domain->type != DAM_JSON_OBJECT || domain->count != count) {
        return fail(h, "the domain has a member that EIP-712 does not know");
    }
    DAM_TRY(dam_buf_err(&type));
    dam_keccak256(type.data, type.len, &words[0]);
    dam_keccak256_init(&state);
    dam_keccak256_update(&state, words[0].b, sizeof(words[0].b) * (1 + count));
    dam_keccak256_final(&state, ret);
    return DAM_OK;
}

static enum dam_err hash_all(struct hasher *h, const struct dam_json *primary_type,
                             const struct dam_json *domain, const struct dam_json *message,
                             struct dam_eip712_hashes *ret)
{
    struct dam_eip712_hashes hashes = {0};
    if (h->types == NULL || h->types->type != DAM_JSON_OBJECT || !is_string(primary_type) ||
        domain == NULL) {
        return fail(h, "typed data needs types, primaryType and domain");
    }
    const struct dam_json *domain_key = type_find(h, literal(DOMAIN_TYPE));
    const struct dam_json *primary_key = type_find(h, text_of(primary_type));
    DAM_TRY(domain_key != NULL ? struct_hash(h, domain_key, domain, &hashes.domain_separator)
                               : domain_hash_implied(h, domain, &hashes.domain_separator));
    if (dam_json_is(primary_type, DOMAIN_TYPE)) {
        /* Nothing but the domain is signed, as eth_signTypedData_v4 has it. */
        uint8_t data[34] = {0x19, 0x01};
        memcpy(data + 2, hashes.domain_separator.b, 32);
        dam_keccak256(data, sizeof(data), &hashes.digest);
    } else {
        if (primary_key == NULL || message == NULL) {
            return fail(h, "the primary type is not defined, or there is no message");
        }
        DAM_TRY(struct_hash(h, primary_key, message, &hashes.struct_hash));
        dam_eip712_digest(&hashes.domain_separator, &hashes.struct_hash, &hashes.digest);
    }
    *ret = hashes;
    return DAM_OK;
}

enum dam_err dam_eip712_hash_parts(struct dam_arena *arena, const struct dam_json *types,
                                   const struct dam_json *primary_type,
                                   const struct dam_json *domain, const struct dam_json *message,
                                   struct dam_eip712_hashes *ret, const char **ret_what)
{
    struct hasher h = {.arena = arena, .types = types, .what = "out of memory"};
    struct dam_arena_mark mark = dam_arena_mark(arena);
    enum dam_err err = hash_all(&h, primary_type, domain, message, ret);
    dam_arena_release(arena, mark);
    if (err != DAM_OK && ret_what != NULL) {
        *ret_what = err == DAM_ENOMEM || h.what == NULL ? "out of memory" : h.what;
    }
    return err;
}

enum dam_err dam_eip712_hash(struct dam_arena *arena, const struct dam_json *typed_data,
                             struct dam_eip712_hashes *ret, const char **ret_what)
{
    return dam_eip712_hash_parts(
        arena, dam_json_get(typed_data, "types"), dam_json_get(typed_data, "primaryType"),
        dam_json_get(typed_data, "domain"), dam_json_get(typed_data, "message"), ret, ret_what);
}

void dam_eip712_digest(const struct dam_hash *domain_separator, const struct dam_hash *struct_hash,
                       struct dam_hash *ret)
{
    uint8_t data[66] = {0x19, 0x01};
    memcpy(data + 2, domain_separator->b, 32);
    memcpy(data + 34, struct_hash->b, 32);
    dam_keccak256(data, sizeof(data), ret);
}

void dam_eip712_domain_separator(const struct dam_eip712_domain *domain, struct dam_hash *ret)
{
    const bool has[] = {domain->name != NULL, domain->version != NULL, domain->has_chain_id,
                        domain->verifying_contract != NULL, domain->salt != NULL};
    struct dam_hash words[1 + DAM_COUNT_OF(domain_members)] = {0};
    struct dam_keccak256 state;
    size_t count = 1;
    bool first = true;
    dam_keccak256_init(&state);
    dam_keccak256_update(&state, (const uint8_t *)DOMAIN_TYPE "(", strlen(DOMAIN_TYPE) + 1);
    for (size_t i = 0; i < DAM_COUNT_OF(domain_members); i++) {
        const char *const parts[] = {first ? "" : ",", domain_members[i].type, " ",
                                     domain_members[i].name};
        for (size_t p = 0; p < DAM_COUNT_OF(parts) && has[i]; p++) {
            dam_keccak256_update(&state, (const uint8_t *)parts[p], strlen(parts[p]));
        }
        first = first && !has[i];
    }
    dam_keccak256_update(&state, (const uint8_t *)")", 1);
    dam_keccak256_final(&state, &words[0]);
    if (has[0]) {
        dam_keccak256((const uint8_t *)domain->name, strlen(domain->name), &words[count++]);
    }
    if (has[1]) {
        dam_keccak256((const uint8_t *)domain->version, strlen(domain->version), &words[count++]);
    }
    if (has[2]) {
        dam_u256_store_be(words[count++].b, &domain->chain_id);
    }
    if (has[3]) {
        memcpy(words[count++].b + 12, domain->verifying_contract->b, 20);
    }
    if (has[4]) {
        words[count++] = *domain->salt;
    }
    dam_keccak256(words[0].b, sizeof(words[0].b) * count, ret);
}

enum dam_err dam_eip191_hash(struct dam_bytes message, struct dam_arena *arena,
                             struct dam_hash *ret)
{
    static const char front[] = "\x19"
                                "Ethereum Signed Message:\n";
    struct dam_arena_mark mark = dam_arena_mark(arena);
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    dam_buf_put_text(&buf, front);
    dam_buf_put_u64(&buf, message.len);
    dam_buf_put(&buf, message.data, message.len);
    enum dam_err err = dam_buf_err(&buf);
    if (err == DAM_OK) {
        dam_keccak256(buf.data, buf.len, ret);
    }
    dam_arena_release(arena, mark);
    return err;
}
