// SPDX-License-Identifier: Apache-2.0
#include "chain/deploy.h"

#include "base/hex.h"
#include "core/crypto/keccak.h"
#include "core/eth/address.h"

#include <time.h>

#define MINED_WAIT_MS_MAX 120000u
#define MINED_POLL_MS 200u

/* The factory comes from a transaction that nobody has a key for: signed once with a made-up
 * signature, valid on every chain (github.com/Arachnid/deterministic-deployment-proxy). */
static const char factory_tx[] =
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd"
    "5b8082525050506014600cf31ba0222222222222222222222222222222222222222222222222222222222222"
    "2222a02222222222222222222222222222222222222222222222222222222222222222";

struct planner {
    struct dam_arena *arena;
    const struct dam_contracts *contracts;
    const struct dam_deploy_setting *settings;
    size_t setting_count;
    struct dam_deploy_plan *plan;
    const char *what;
};

/* "$name": the value that was given, or the default. As JSON, so that one reader serves all. */
static enum dam_err setting_read(struct planner *p, const char *name,
                                 const struct dam_abi_type *type, struct dam_abi_value *ret)
{
    const struct dam_json *defaults =
        dam_json_get(dam_json_get(p->contracts->order, "settings"), name);
    const struct dam_json *value = dam_json_get(defaults, "default");
    struct dam_json given = {.span = 1, .type = DAM_JSON_STRING};
    p->what = name;
    for (size_t i = 0; i < p->setting_count; i++) {
        if (strcmp(p->settings[i].name, name) == 0) {
            given.text = p->settings[i].value;
            given.len = (uint32_t)strlen(p->settings[i].value);
            value = &given;
        }
    }
    return value == NULL ? DAM_ENOTFOUND : dam_abi_value_from_json(p->arena, type, value, ret);
}

static enum dam_err reference_read(struct planner *p, const char *name,
                                   const struct dam_abi_type *type, struct dam_abi_value *ret)
{
    p->what = name;
    for (size_t i = 0; i < p->plan->count; i++) {
        if (strcmp(p->plan->items[i].name, name) == 0 && type->kind == DAM_ABI_ADDRESS) {
            uint8_t word[32] = {0};
            memcpy(word + 12, p->plan->items[i].address.b, 20);
            ret->word = dam_u256_load_be(word);
            return DAM_OK;
        }
    }
    return DAM_ENOTFOUND;
}

static enum dam_err argument_read(struct planner *p, const struct dam_json *json,
                                  const struct dam_abi_type *type, struct dam_abi_value *ret)
{
    const char *text;
    if (json->type == DAM_JSON_STRING && json->len > 1 &&
        (json->text[0] == '@' || json->text[0] == '$')) {
        DAM_TRY(dam_json_string(json, p->arena, &text));
        return text[0] == '@' ? reference_read(p, text + 1, type, ret)
                              : setting_read(p, text + 1, type, ret);
    }
    return dam_abi_value_from_json(p->arena, type, json, ret);
}

static const struct dam_abi_entry *constructor_of(const struct dam_abi *abi)
{
    return dam_abi_find(abi, DAM_ABI_CONSTRUCTOR, "");
}

static enum dam_err init_code_make(struct planner *p, const struct dam_json *args,
                                   struct dam_deploy_item *item)
{
    const struct dam_abi_entry *constructor = constructor_of(&item->contract.abi);
    size_t want = constructor == NULL ? 0 : constructor->inputs->size;
    struct dam_buf buf;
    if (args == NULL || args->type != DAM_JSON_ARRAY || args->count != want) {
        return DAM_EPARSE;
    }
    dam_buf_init_arena(&buf, p->arena, 0);
    dam_buf_put(&buf, item->contract.init_code.data, item->contract.init_code.len);
    if (want > 0) {
        struct dam_abi_value *values = dam_arena_zalloc(p->arena, want * sizeof(*values));
        size_t i = 0;
        if (values == NULL) {
            return DAM_ENOMEM;
        }
        DAM_JSON_EACH(arg, args)
        {
            DAM_TRY(argument_read(p, arg, constructor->inputs->members[i].type, &values[i]));
            i++;
        }
        DAM_TRY(dam_abi_encode(constructor->inputs, values, want, &buf));
    }
    item->init_code = dam_buf_bytes(&buf);
    return dam_buf_err(&buf);
}

static enum dam_err item_make(struct planner *p, const struct dam_json *json,
                              struct dam_deploy_item *item)
{
    struct dam_hash init_code_hash;
    DAM_TRY(dam_json_string(dam_json_get(json, "name"), p->arena, &item->name));
    p->what = item->name;
    DAM_TRY(dam_contracts_find(p->arena, p->contracts, item->name, &item->contract));
    DAM_TRY(init_code_make(p, dam_json_get(json, "args"), item));
    dam_keccak256(item->init_code.data, item->init_code.len, &init_code_hash);
    dam_address_create2(&p->plan->factory, &p->plan->salt, &init_code_hash, &item->address);
    return DAM_OK;
}

static enum dam_err plan_make(struct planner *p)
{
    const struct dam_json *order = p->contracts->order;
    const struct dam_json *list = dam_json_get(order, "contracts");
    p->what = "deploy-order.json";
    DAM_TRY(dam_json_hex_exact(dam_json_get(order, "factory"), p->plan->factory.b, 20));
    DAM_TRY(dam_json_hex_exact(dam_json_get(order, "salt"), p->plan->salt.b, 32));
    if (list == NULL || list->type != DAM_JSON_ARRAY) {
        return DAM_EPARSE;
    }
    p->plan->items = dam_arena_zalloc(p->arena, list->count * sizeof(*p->plan->items));
    if (p->plan->items == NULL) {
        return DAM_ENOMEM;
    }
    DAM_JSON_EACH(json, list)
    {
        DAM_TRY(item_make(p, json, &p->plan->items[p->plan->count]));
        p->plan->count++;
    }
    return DAM_OK;
}

enum dam_err dam_deploy_plan(struct dam_arena *arena, const struct dam_contracts *contracts,
                             const struct dam_deploy_setting *settings, size_t setting_count,
                             struct dam_deploy_plan *ret, const char **ret_what)
{
    struct dam_deploy_plan plan = {.count = 0};
    struct planner p = {.arena = arena,
                        .contracts = contracts,
                        .settings = settings,
                        .setting_count = setting_count,
                        .plan = &plan};
    enum dam_err err = plan_make(&p);
    if (err != DAM_OK) {
        *ret_what = p.what;
        return err;
    }
    *ret = plan;
    return DAM_OK;
}

static enum dam_err item_check(struct dam_arena *arena, struct dam_remote *chain,
                               struct dam_deploy_item *item)
{
    struct dam_bytes code;
    DAM_TRY(
        dam_remote_code(chain, arena, &item->address, dam_remote_at_tag(DAM_REMOTE_LATEST), &code));
    item->was_there = code.len != 0;
    if (code.len == 0) {
        return DAM_OK;
    }
    dam_keccak256(code.data, code.len, &item->code_hash);
    return dam_contract_code_matches(&item->contract, code) ? DAM_OK : DAM_ECONFLICT;
}

enum dam_err dam_deploy_check(struct dam_arena *arena, struct dam_remote *chain,
                              struct dam_deploy_plan *plan, const char **ret_what)
{
    for (size_t i = 0; i < plan->count; i++) {
        *ret_what = plan->items[i].name;
        DAM_TRY(item_check(arena, chain, &plan->items[i]));
    }
    return DAM_OK;
}

static enum dam_err mined_wait(struct dam_arena *arena, struct dam_remote *chain,
                               const struct dam_hash *tx_hash)
{
    for (unsigned waited = 0; waited < MINED_WAIT_MS_MAX; waited += MINED_POLL_MS) {
        struct dam_remote_receipt receipt;
        const struct timespec pause = {.tv_nsec = MINED_POLL_MS * 1000000l};
        enum dam_err err = dam_remote_receipt(chain, arena, tx_hash, &receipt);
        if (err != DAM_ENOTFOUND) {
            return err == DAM_OK && !receipt.succeeded ? DAM_EREFUSED : err;
        }
        (void)nanosleep(&pause, NULL); /* waking early only asks sooner */
    }
    return DAM_ETIMEOUT;
}

static enum dam_err order_send(struct dam_arena *arena, struct dam_outbox *outbox,
                               const struct dam_outbox_order *order)
{
    struct dam_hash tx_hash;
    bool is_recorded;
    DAM_TRY(dam_outbox_send(outbox, arena, order, &tx_hash, &is_recorded));
    return mined_wait(arena, outbox->chain, &tx_hash);
}

/* An id that any later run finds again. */
static void id_make(const char *purpose, const struct dam_address *address, struct dam_hash *ret)
{
    struct dam_keccak256 state;
    dam_keccak256_init(&state);
    dam_keccak256_update(&state, (const uint8_t *)purpose, strlen(purpose));
    dam_keccak256_update(&state, address->b, sizeof(address->b));
    dam_keccak256_final(&state, ret);
}

/* Gives the factory's nameless deployer what its transaction costs, then sends it. */
static enum dam_err factory_make(struct dam_arena *arena, struct dam_outbox *outbox,
                                 const struct dam_address *factory)
{
    uint8_t raw[sizeof(factory_tx) / 2];
    struct dam_address deployer;
    struct dam_address made;
    struct dam_hash tx_hash;
    struct dam_bytes code;
    struct dam_tx tx;
    DAM_TRY(dam_remote_code(outbox->chain, arena, factory, dam_remote_at_tag(DAM_REMOTE_LATEST),
                            &code));
    if (code.len != 0) {
        return DAM_OK;
    }
    DAM_TRY(dam_hex_decode_exact(factory_tx, sizeof(factory_tx) - 1, raw, sizeof(raw)));
    DAM_TRY(dam_tx_decode(arena, dam_bytes(raw, sizeof(raw)), &tx, NULL));
    DAM_TRY(dam_tx_sender(&tx, true, arena, &deployer));
    dam_address_create(&deployer, 0, &made);
    if (!dam_address_eq(&made, factory)) {
        return DAM_EUNSUPPORTED; /* the order names a factory that we cannot make */
    }
    struct dam_outbox_order order = {.to = &deployer};
    /* Gas limit times gas price; both are small. */
    order.value = dam_u256_from_u64(tx.gas_limit * tx.max_fee.w[0]);
    id_make("dam deploy: factory", factory, &order.id);
    DAM_TRY(order_send(arena, outbox, &order));
    dam_keccak256(raw, sizeof(raw), &tx_hash);
    DAM_TRY(dam_remote_send_raw(outbox->chain, arena, dam_bytes(raw, sizeof(raw))));
    return mined_wait(arena, outbox->chain, &tx_hash);
}

/* The factory takes the salt and the init code, one behind the other. */
static enum dam_err item_create(struct dam_arena *arena, struct dam_outbox *outbox,
                                const struct dam_deploy_plan *plan,
                                const struct dam_deploy_item *item)
{
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    dam_buf_put(&buf, plan->salt.b, sizeof(plan->salt.b));
    dam_buf_put(&buf, item->init_code.data, item->init_code.len);
    DAM_TRY(dam_buf_err(&buf));
    struct dam_outbox_order order = {.to = &plan->factory, .data = dam_buf_bytes(&buf)};
    id_make("dam deploy: contract", &item->address, &order.id);
    return order_send(arena, outbox, &order);
}

enum dam_err dam_deploy_run(struct dam_arena *arena, struct dam_outbox *outbox,
                            struct dam_deploy_plan *plan,
                            void (*progress)(void *ctx, const struct dam_deploy_item *item),
                            void *ctx, const char **ret_what)
{
    *ret_what = "the CREATE2 factory";
    DAM_TRY(factory_make(arena, outbox, &plan->factory));
    for (size_t i = 0; i < plan->count; i++) {
        struct dam_deploy_item *item = &plan->items[i];
        *ret_what = item->name;
        DAM_TRY(item_check(arena, outbox->chain, item));
        if (progress != NULL) {
            progress(ctx, item);
        }
        if (!item->was_there) {
            DAM_TRY(item_create(arena, outbox, plan, item));
            DAM_TRY(item_check(arena, outbox->chain, item));
            if (!item->was_there) {
                return DAM_EREFUSED; /* the factory answered, but nothing is there */
            }
            item->was_there = false; /* this run made it */
        }
    }
    return DAM_OK;
}
