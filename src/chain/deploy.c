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

/* Is the call that follows the creation still to be made? */
static enum dam_err then_check(struct dam_arena *arena, struct dam_remote *chain,
                               struct dam_deploy_item *item)
{
    struct dam_bytes answer;
    struct dam_bytes code;
    item->then_missing = item->then_call.len != 0;
    if (!item->then_missing || !item->was_there) {
        return DAM_OK;
    }
    DAM_TRY(
        dam_remote_code(chain, arena, &item->then_to, dam_remote_at_tag(DAM_REMOTE_LATEST), &code));
    if (code.len == 0) {
        return DAM_OK; /* nobody to ask yet */
    }
    struct dam_remote_call call = {.to = &item->then_to, .data = item->then_unless};
    DAM_TRY(dam_remote_call(chain, arena, &call, dam_remote_at_tag(DAM_REMOTE_LATEST), &answer));
    item->then_missing = answer.len != 32 || answer.data[31] == 0;
    return DAM_OK;
}

enum dam_err dam_deploy_check(struct dam_arena *arena, struct dam_remote *chain,
                              struct dam_deploy_plan *plan, const char **ret_what)
{
    for (size_t i = 0; i < plan->count; i++) {
        *ret_what = plan->items[i].name;
        DAM_TRY(item_check(arena, chain, &plan->items[i]));
        DAM_TRY(then_check(arena, chain, &plan->items[i]));
    }
    return DAM_OK;
}

uint64_t dam_deploy_gas_min(const struct dam_deploy_plan *plan)
{
    uint64_t gas = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct dam_deploy_item *item = &plan->items[i];
        if (!item->was_there && item->init_code.len != 0) {
            /* 21,000 a transaction, 32,000 a creation, 200 a byte of code, most bytes not zero */
            gas += 53000 + 200 * (uint64_t)item->contract.deployed_code.len +
                   10 * (uint64_t)item->init_code.len;
        }
        gas += item->then_missing ? 45000 : 0;
    }
    return gas;
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
    /* First without paying for it: a chain that takes no transaction without its chain id says so,
     * and the coin would be lost there. */
    enum dam_err err = dam_remote_send_raw(outbox->chain, arena, dam_bytes(raw, sizeof(raw)));
    if (err == DAM_EREFUSED && strstr(outbox->chain->error.message, "replay-protected") == NULL) {
        struct dam_outbox_order order = {.to = &deployer};
        /* Gas limit times gas price; both are small. */
        order.value = dam_u256_from_u64(tx.gas_limit * tx.max_fee.w[0]);
        id_make("dam deploy: factory", factory, &order.id);
        DAM_TRY(order_send(arena, outbox, &order));
        err = dam_remote_send_raw(outbox->chain, arena, dam_bytes(raw, sizeof(raw)));
    }
    if (err == DAM_EREFUSED) {
        return DAM_EUNSUPPORTED;
    }
    DAM_TRY(err);
    dam_keccak256(raw, sizeof(raw), &tx_hash);
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

/* Makes one item and what follows. Sets was_there to what was found before. */
static enum dam_err item_run(struct dam_arena *arena, struct dam_outbox *outbox,
                             const struct dam_deploy_plan *plan, struct dam_deploy_item *item)
{
    bool was_there = item->was_there;
    if (!was_there) {
        if (item->init_code.len != 0) {
            DAM_TRY(item_create(arena, outbox, plan, item));
        }
        DAM_TRY(item_check(arena, outbox->chain, item));
        if (!item->was_there) {
            return DAM_EREFUSED; /* the factory answered, but nothing is there */
        }
    }
    DAM_TRY(then_check(arena, outbox->chain, item));
    if (item->then_missing) {
        struct dam_outbox_order order = {.to = &item->then_to, .data = item->then_call};
        id_make("dam deploy: then", &item->address, &order.id);
        DAM_TRY(order_send(arena, outbox, &order));
        DAM_TRY(then_check(arena, outbox->chain, item));
        if (item->then_missing) {
            return DAM_EREFUSED;
        }
    }
    item->was_there = was_there;
    return DAM_OK;
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
        DAM_TRY(item_run(arena, outbox, plan, item));
    }
    return DAM_OK;
}
