// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"
#include "base/hex.h"
#include "chain/bindings.h"
#include "chain/deploy.h"
#include "core/crypto/keccak.h"
#include "core/eth/address.h"

#include <stdarg.h>
#include <stdio.h>

#define REFERENCE_DEPTH_MAX 16u
#define BLOB_LEN_MAX 24575u /* EIP-170, less the STOP byte */
#define WHAT_LEN_MAX 256u

/* PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN: as Blob.sol. */
static const uint8_t blob_code[] = {0x80, 0x60, 0x0a, 0x3d, 0x39, 0x3d, 0xf3};

struct planner {
    struct dam_arena *arena;
    const struct dam_contracts *contracts;
    const struct dam_deploy_setting *settings;
    size_t setting_count;
    struct dam_deploy_plan *plan;
    unsigned depth; /* of references */
    const char *what;
};

static enum dam_err item_plan(struct planner *p, const struct dam_json *json, const char *set,
                              const struct dam_deploy_item **ret);

static enum dam_err addresses_read(struct planner *p, const struct dam_json *json,
                                   const struct dam_abi_type *type, const char *set,
                                   const char *name, struct dam_abi_value *ret);

/* Notes what is wrong, for a person. Returns: err. */
__attribute__((format(printf, 3, 4))) static enum dam_err wrong(struct planner *p, enum dam_err err,
                                                                const char *format, ...)
{
    char text[WHAT_LEN_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const char *copy = dam_arena_copy(p->arena, text, strlen(text) + 1);
    p->what = copy == NULL ? "" : copy;
    return copy == NULL ? DAM_ENOMEM : err;
}

/* ---- settings ---- */

static const struct dam_json *setting_info(const struct planner *p, const char *name)
{
    return dam_json_get(dam_json_get(p->contracts->order, "settings"), name);
}

/* What was given for a setting. Returns: NULL if nothing was. */
static const char *setting_given(struct planner *p, const char *name)
{
    for (size_t i = 0; i < p->setting_count; i++) {
        if (strcmp(p->settings[i].name, name) == 0) {
            p->plan->is_used[i] = true;
            return p->settings[i].value;
        }
    }
    return NULL;
}

static enum dam_err setting_missing(struct planner *p, const char *name)
{
    const char *about = "";
    const struct dam_json *text = dam_json_get(setting_info(p, name), "about");
    if (text != NULL) {
        DAM_TRY(dam_json_string(text, p->arena, &about));
    }
    return wrong(p, DAM_ENOTFOUND, "setting '%s' is not given (%s)", name, about);
}

/* The value of a setting: given, or the default. As JSON, so that one reader serves all. */
static enum dam_err setting_json(struct planner *p, const char *name,
                                 const struct dam_abi_type *type, const struct dam_json **ret)
{
    const char *given = setting_given(p, name);
    const struct dam_json *value = dam_json_get(setting_info(p, name), "default");
    bool is_nested =
        type->kind == DAM_ABI_LIST || type->kind == DAM_ABI_ARRAY || type->kind == DAM_ABI_TUPLE;
    if (given == NULL && value == NULL) {
        return setting_missing(p, name);
    }
    if (given != NULL && is_nested) {
        enum dam_err err = dam_json_parse(p->arena, given, strlen(given), 0, &value, NULL);
        if (err != DAM_OK) {
            return wrong(p, err, "setting '%s' is a list or a table, as JSON: not '%s'", name,
                         given);
        }
    } else if (given != NULL) {
        struct dam_json *text = dam_arena_zalloc(p->arena, sizeof(*text));
        if (text == NULL) {
            return DAM_ENOMEM;
        }
        *text = (struct dam_json){
            .span = 1, .type = DAM_JSON_STRING, .text = given, .len = (uint32_t)strlen(given)};
        value = text;
    }
    *ret = value;
    return DAM_OK;
}

/* ---- references ---- */

static const struct dam_json *find_in(const struct dam_json *list, const char *name)
{
    DAM_JSON_EACH(item, list)
    {
        if (dam_json_is(dam_json_get(item, "name"), name)) {
            return item;
        }
    }
    return NULL;
}

/* "@Name": another item, which is planned first where it is not yet. */
static enum dam_err reference_read(struct planner *p, const char *name,
                                   const struct dam_abi_type *type, struct dam_abi_value *ret)
{
    const struct dam_json *json = find_in(dam_json_get(p->contracts->order, "contracts"), name);
    const char *set = NULL;
    const struct dam_deploy_item *item = NULL;
    for (size_t i = 0; i < p->plan->count; i++) {
        if (strcmp(p->plan->items[i].name, name) == 0) {
            item = &p->plan->items[i];
        }
    }
    DAM_JSON_EACH_KEY(key, dam_json_get(p->contracts->order, "sets"))
    {
        if (item == NULL && json == NULL) {
            json = find_in(key + 1, name);
            DAM_TRY(dam_json_string(key, p->arena, &set));
        }
    }
    if ((item == NULL && json == NULL) || type->kind != DAM_ABI_ADDRESS) {
        return wrong(p, DAM_ENOTFOUND, "@%s: there is no such contract, or no address is asked for",
                     name);
    }
    if (item == NULL) {
        DAM_TRY(item_plan(p, json, set, &item));
    }
    if (item == NULL) {
        return wrong(p, DAM_ENOTFOUND, "@%s is optional, and not given", name);
    }
    *ret = dam_abi_of_address(&item->address);
    return DAM_OK;
}

static enum dam_err item_add(struct planner *p, const char *name, const char *set,
                             struct dam_deploy_item **ret)
{
    if (p->plan->count == DAM_DEPLOY_ITEMS_MAX) {
        return wrong(p, DAM_EFULL, "more than %u contracts", DAM_DEPLOY_ITEMS_MAX);
    }
    *ret = &p->plan->items[p->plan->count++];
    **ret = (struct dam_deploy_item){.name = name, .set = set};
    return DAM_OK;
}

static void address_make(struct planner *p, struct dam_deploy_item *item)
{
    struct dam_hash hash;
    dam_keccak256(item->init_code.data, item->init_code.len, &hash);
    dam_address_create2(&p->plan->factory, &p->plan->salt, &hash, &item->address);
}

/* "%name": bytes as the code of a contract, behind a STOP. */
static enum dam_err blob_plan(struct planner *p, const char *name, const char *set,
                              const struct dam_deploy_item **ret)
{
    const char *given = setting_given(p, name);
    struct dam_deploy_item *item = NULL;
    size_t text_len;
    if (given == NULL) {
        return setting_missing(p, name);
    }
    if (given[0] == '@') {
        return wrong(p, DAM_ENOTFOUND, "setting '%s': there is no file '%s'", name, given + 1);
    }
    text_len = strncmp(given, "0x", 2) == 0 ? strlen(given + 2) : 1;
    size_t len = text_len / 2;
    if (text_len % 2 != 0 || len == 0 || len > BLOB_LEN_MAX) {
        return wrong(p, DAM_ERANGE, "setting '%s' is 1 to %u bytes, as 0x... or @FILE", name,
                     BLOB_LEN_MAX);
    }
    uint8_t *code = dam_arena_alloc(p->arena, 3 + sizeof(blob_code) + 1 + len);
    if (code == NULL) {
        return DAM_ENOMEM;
    }
    uint8_t *data = code + 3 + sizeof(blob_code) + 1;
    code[0] = 0x61; /* PUSH2 */
    code[1] = (uint8_t)((len + 1) >> 8);
    code[2] = (uint8_t)(len + 1);
    memcpy(code + 3, blob_code, sizeof(blob_code));
    data[-1] = 0; /* STOP */
    if (dam_hex_decode_exact(given + 2, text_len, data, len) != DAM_OK) {
        return wrong(p, DAM_EPARSE, "setting '%s' is no hex", name);
    }
    DAM_TRY(item_add(p, name, set, &item));
    item->init_code = dam_bytes(code, 3 + sizeof(blob_code) + 1 + len);
    item->contract.name = name;
    item->contract.deployed_code = dam_bytes(data - 1, len + 1);
    address_make(p, item);
    *ret = item;
    return DAM_OK;
}

/* One value. In: name: of the setting that it is or is a part of, for a person. */
static enum dam_err argument_read(struct planner *p, const struct dam_json *json,
                                  const struct dam_abi_type *type, const char *set,
                                  const char *name, struct dam_abi_value *ret)
{
    const char *text = NULL;
    if (json->type == DAM_JSON_STRING && json->len > 1) {
        DAM_TRY(dam_json_string(json, p->arena, &text));
    }
    if (text != NULL && text[0] == '%') {
        const struct dam_deploy_item *item = NULL;
        DAM_TRY(blob_plan(p, text + 1, set, &item));
        *ret = dam_abi_of_address(&item->address);
        return DAM_OK;
    }
    if (text != NULL && text[0] == '$') {
        name = text + 1;
        DAM_TRY(setting_json(p, name, type, &json));
        text = NULL;
        if (json->type == DAM_JSON_STRING && type->kind == DAM_ABI_ADDRESS) {
            DAM_TRY(dam_json_string(json, p->arena, &text)); /* token=@TestToken */
        }
    }
    if (text != NULL && text[0] == '@') {
        return reference_read(p, text + 1, type, ret);
    }
    if (type->kind == DAM_ABI_LIST && type->item->kind == DAM_ABI_ADDRESS &&
        json->type == DAM_JSON_ARRAY) {
        return addresses_read(p, json, type->item, set, name, ret);
    }
    enum dam_err err = dam_abi_value_from_json(p->arena, type, json, ret);
    if (err == DAM_OK || err == DAM_ENOMEM) {
        return err;
    }
    struct dam_buf wanted;
    dam_buf_init_arena(&wanted, p->arena, 0);
    dam_abi_type_name(type, &wanted);
    return wrong(p, err, "setting '%s' is no %.*s", name, (int)wanted.len,
                 (const char *)wanted.data);
}

/* A list of addresses, each of which may be a reference. */
static enum dam_err addresses_read(struct planner *p, const struct dam_json *json,
                                   const struct dam_abi_type *type, const char *set,
                                   const char *name, struct dam_abi_value *ret)
{
    struct dam_abi_value *items = dam_arena_zalloc(p->arena, (json->count + 1) * sizeof(*items));
    size_t count = 0;
    if (items == NULL) {
        return DAM_ENOMEM;
    }
    DAM_JSON_EACH(item, json)
    {
        DAM_TRY(argument_read(p, item, type, set, name, &items[count]));
        count++;
    }
    *ret = (struct dam_abi_value){.items = items, .count = count};
    return DAM_OK;
}

/* ---- items ---- */

/* The arguments do not fit: says what the constructor takes. In: name: as for argument_read. */
static enum dam_err arguments_wrong(struct planner *p, const struct dam_contract *contract,
                                    const struct dam_abi_type *inputs, const char *name)
{
    struct dam_buf takes;
    dam_buf_init_arena(&takes, p->arena, 0);
    for (size_t i = 0; i < inputs->size; i++) {
        dam_buf_put_text(&takes, i == 0 ? "" : ", ");
        dam_abi_type_name(inputs->members[i].type, &takes);
        dam_buf_put_text(&takes, " ");
        dam_buf_put_text(&takes, inputs->members[i].name);
    }
    DAM_TRY(dam_buf_err(&takes));
    return wrong(p, DAM_EPARSE, "%s takes (%.*s): %s gives them, as a list or a table by name",
                 contract->name, (int)takes.len, (const char *)takes.data, name);
}

/* The arguments of a constructor: the list of the order, or "$name": the setting that holds them
 * all. Out: a list or a table with as many members as `inputs`. */
static enum dam_err arguments_find(struct planner *p, const struct dam_json *args,
                                   const struct dam_contract *contract,
                                   const struct dam_abi_type *inputs, const char **ret_name,
                                   const struct dam_json **ret)
{
    static const struct dam_json none = {.span = 1, .type = DAM_JSON_ARRAY};
    const char *name = contract->name;
    if (args != NULL && args->type == DAM_JSON_STRING) {
        DAM_TRY(dam_json_string(args, p->arena, &name));
        name++; /* behind the $ */
        args = &none;
        if (setting_given(p, name) != NULL) {
            DAM_TRY(setting_json(p, name, inputs, &args));
        }
    }
    bool is_list = args != NULL && (args->type == DAM_JSON_ARRAY || args->type == DAM_JSON_OBJECT);
    if (!is_list || args->count != inputs->size) {
        return arguments_wrong(p, contract, inputs, name);
    }
    *ret_name = name;
    *ret = args;
    return DAM_OK;
}

static enum dam_err init_code_make(struct planner *p, const struct dam_json *args, const char *set,
                                   const struct dam_contract *contract, struct dam_bytes *ret)
{
    static const struct dam_abi_type nothing = {.kind = DAM_ABI_TUPLE};
    const struct dam_abi_entry *constructor = dam_abi_find(&contract->abi, DAM_ABI_CONSTRUCTOR, "");
    const struct dam_abi_type *inputs = constructor == NULL ? &nothing : constructor->inputs;
    const char *name = "";
    struct dam_buf buf;
    DAM_TRY(arguments_find(p, args, contract, inputs, &name, &args));
    struct dam_abi_value *values = dam_arena_zalloc(p->arena, (inputs->size + 1) * sizeof(*values));
    if (values == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < inputs->size; i++) {
        const struct dam_abi_member *input = &inputs->members[i];
        const struct dam_json *arg =
            args->type == DAM_JSON_OBJECT ? dam_json_get(args, input->name) : dam_json_at(args, i);
        if (arg == NULL) {
            return arguments_wrong(p, contract, inputs, name);
        }
        DAM_TRY(argument_read(p, arg, input->type, set, name, &values[i]));
    }
    dam_buf_init_arena(&buf, p->arena, 0);
    dam_buf_put(&buf, contract->init_code.data, contract->init_code.len);
    enum dam_err err = dam_abi_encode(inputs, values, inputs->size, &buf);
    if (err == DAM_ERANGE) {
        return wrong(p, err, "%s: an argument is too large for its type", contract->name);
    }
    *ret = dam_buf_bytes(&buf);
    return err;
}

/* A call with an item's address as its only argument. */
static enum dam_err call_make(struct planner *p, const struct dam_abi *abi, const char *function,
                              const struct dam_address *address, struct dam_bytes *ret)
{
    const struct dam_abi_entry *entry = dam_abi_find(abi, DAM_ABI_FUNCTION, function);
    struct dam_abi_value value = dam_abi_of_address(address);
    struct dam_buf buf;
    if (entry == NULL) {
        return wrong(p, DAM_ENOTFOUND, "no function '%s' to call", function);
    }
    dam_buf_init_arena(&buf, p->arena, 0);
    DAM_TRY(dam_abi_encode_call(entry, &value, 1, &buf));
    *ret = dam_buf_bytes(&buf);
    return DAM_OK;
}

static const struct dam_abi_type address_type = {
    .kind = DAM_ABI_ADDRESS, .size = 160, .head_len = 32};

/* Whom an item's `then` calls. Out: ret: its name; untouched where there is no `then`. */
static enum dam_err then_target(struct planner *p, const struct dam_json *json, const char **ret)
{
    struct dam_abi_value value;
    const char *to;
    if (json == NULL) {
        return DAM_OK;
    }
    DAM_TRY(dam_json_string(dam_json_get(json, "to"), p->arena, &to));
    *ret = to + 1; /* behind the @ */
    return reference_read(p, to + 1, &address_type, &value);
}

static enum dam_err then_make(struct planner *p, const struct dam_json *json, const char *to,
                              struct dam_deploy_item *item)
{
    const char *call;
    const char *unless;
    struct dam_abi_value value;
    struct dam_contract contract;
    DAM_TRY(dam_json_string(dam_json_get(json, "call"), p->arena, &call));
    DAM_TRY(dam_json_string(dam_json_get(json, "unless"), p->arena, &unless));
    DAM_TRY(reference_read(p, to, &address_type, &value));
    item->then_to = dam_abi_to_address(&value);
    DAM_TRY(dam_contracts_find(p->arena, p->contracts, to, &contract));
    DAM_TRY(call_make(p, &contract.abi, call, &item->address, &item->then_call));
    return call_make(p, &contract.abi, unless, &item->address, &item->then_unless);
}

/* What an item's constructor makes by CREATE. */
static enum dam_err child_make(struct planner *p, const struct dam_json *json,
                               const struct dam_deploy_item *parent)
{
    struct dam_deploy_item *child = NULL;
    const char *name;
    uint64_t nonce;
    if (json == NULL) {
        return DAM_OK;
    }
    DAM_TRY(dam_json_string(dam_json_get(json, "name"), p->arena, &name));
    DAM_TRY(dam_json_u64(dam_json_get(json, "nonce"), &nonce));
    DAM_TRY(item_add(p, name, parent->set, &child));
    dam_address_create(&parent->address, nonce, &child->address);
    return dam_contracts_find(p->arena, p->contracts, name, &child->contract);
}

static enum dam_err contract_plan(struct planner *p, const struct dam_json *json, const char *set,
                                  const char *name, const struct dam_deploy_item **ret)
{
    struct dam_contract contract;
    struct dam_bytes init_code;
    struct dam_deploy_item *item = NULL;
    const char *to = NULL;
    enum dam_err err = dam_contracts_find(p->arena, p->contracts, name, &contract);
    if (err != DAM_OK) {
        return wrong(p, err, "'%s' is no contract of this binary", name);
    }
    DAM_TRY(init_code_make(p, dam_json_get(json, "args"), set, &contract, &init_code));
    DAM_TRY(then_target(p, dam_json_get(json, "then"), &to)); /* which is made first */
    DAM_TRY(item_add(p, name, set, &item));
    item->contract = contract;
    item->init_code = init_code;
    address_make(p, item);
    *ret = item;
    if (to != NULL) {
        DAM_TRY(then_make(p, dam_json_get(json, "then"), to, item));
    }
    return child_make(p, dam_json_get(json, "child"), item);
}

static enum dam_err item_plan(struct planner *p, const struct dam_json *json, const char *set,
                              const struct dam_deploy_item **ret)
{
    const struct dam_json *blob = dam_json_get(json, "blob");
    bool is_optional = false;
    const char *name;
    DAM_TRY(dam_json_string(blob != NULL ? blob : dam_json_get(json, "name"), p->arena, &name));
    if (dam_json_get(json, "optional") != NULL) {
        DAM_TRY(dam_json_bool(dam_json_get(json, "optional"), &is_optional));
    }
    if (name[0] == '$' || blob != NULL) {
        const char *given = setting_given(p, name + (name[0] == '$'));
        if (given == NULL && is_optional) {
            return DAM_OK;
        }
        if (given != NULL && blob == NULL) {
            name = given;
        }
    }
    for (size_t i = 0; i < p->plan->count; i++) {
        if (strcmp(p->plan->items[i].name, name) == 0 && p->plan->items[i].set == set) {
            *ret = &p->plan->items[i]; /* something referred to it before its turn came */
            return DAM_OK;
        }
    }
    if (p->depth == REFERENCE_DEPTH_MAX) {
        return wrong(p, DAM_EPARSE, "'%s' refers to itself", name);
    }
    p->depth++;
    enum dam_err err =
        blob != NULL ? blob_plan(p, name, set, ret) : contract_plan(p, json, set, name, ret);
    p->depth--;
    return err;
}

static enum dam_err list_plan(struct planner *p, const struct dam_json *list, const char *set)
{
    const struct dam_deploy_item *item = NULL;
    if (list == NULL || list->type != DAM_JSON_ARRAY) {
        return wrong(p, DAM_ENOTFOUND, "there is no set '%s'", set == NULL ? "contracts" : set);
    }
    DAM_JSON_EACH(json, list)
    {
        DAM_TRY(item_plan(p, json, set, &item));
    }
    return DAM_OK;
}

static enum dam_err plan_make(struct planner *p, const char *const *sets, size_t set_count)
{
    const struct dam_json *order = p->contracts->order;
    DAM_TRY(dam_json_hex_exact(dam_json_get(order, "factory"), p->plan->factory.b, 20));
    DAM_TRY(dam_json_hex_exact(dam_json_get(order, "salt"), p->plan->salt.b, 32));
    if (set_count == 0) {
        DAM_TRY(list_plan(p, dam_json_get(order, "contracts"), NULL));
    }
    for (size_t i = 0; i < set_count; i++) {
        DAM_TRY(list_plan(p, dam_json_get(dam_json_get(order, "sets"), sets[i]), sets[i]));
    }
    for (size_t i = 0; i < p->setting_count; i++) {
        if (!p->plan->is_used[i] && !p->settings[i].is_spare) {
            return wrong(p, DAM_ENOTFOUND, "nothing that is made here has a setting '%s'",
                         p->settings[i].name);
        }
    }
    return DAM_OK;
}

enum dam_err dam_deploy_plan(struct dam_arena *arena, const struct dam_contracts *contracts,
                             const char *const *sets, size_t set_count,
                             const struct dam_deploy_setting *settings, size_t setting_count,
                             struct dam_deploy_plan *ret, const char **ret_what)
{
    struct dam_deploy_plan *plan = dam_arena_zalloc(arena, sizeof(*plan));
    struct planner p = {.arena = arena,
                        .contracts = contracts,
                        .settings = settings,
                        .setting_count = setting_count,
                        .plan = plan,
                        .what = "deploy-order.json"};
    DAM_ASSERT(setting_count <= DAM_DEPLOY_SETTINGS_MAX);
    if (plan == NULL) {
        return DAM_ENOMEM;
    }
    enum dam_err err = plan_make(&p, sets, set_count);
    if (err != DAM_OK) {
        *ret_what = p.what;
        return err;
    }
    *ret = *plan;
    return DAM_OK;
}
