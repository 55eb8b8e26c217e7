// SPDX-License-Identifier: Apache-2.0
/* Making the shared contracts of a network, each by CREATE2 through the deterministic factory, so
 * that the same set has the same addresses on every chain. What is there already is checked, what
 * is missing is made; an interrupted run is simply run again. */
#ifndef DAM_CHAIN_DEPLOY_H
#define DAM_CHAIN_DEPLOY_H

#include "chain/contracts.h"
#include "chain/outbox.h"

#define DAM_DEPLOY_SETTINGS_MAX 32u

/* A setting of deploy-order.json: name and value as text. */
struct dam_deploy_setting {
    const char *name;
    const char *value;
};

struct dam_deploy_item {
    const char *name;
    struct dam_address address;
    struct dam_hash code_hash;  /* of what is there after the run */
    struct dam_bytes init_code; /* with the constructor's arguments */
    struct dam_contract contract;
    bool was_there;
};

struct dam_deploy_plan {
    struct dam_address factory;
    struct dam_hash salt;
    struct dam_deploy_item *items;
    size_t count;
};

/** Work out every address, without a chain.
 *  Returns: DAM_OK; DAM_EPARSE, DAM_ENOTFOUND or DAM_ERANGE with *ret_what the contract or setting
 *           that is wrong; DAM_ENOMEM.
 *  In:      settings: those not given take their default. */
DAM_MUST_USE enum dam_err dam_deploy_plan(struct dam_arena *arena,
                                          const struct dam_contracts *contracts,
                                          const struct dam_deploy_setting *settings,
                                          size_t setting_count, struct dam_deploy_plan *ret,
                                          const char **ret_what);

/** Look what is there. Sets was_there and code_hash. Returns: DAM_OK; DAM_ECONFLICT with *ret_what
 * the contract at whose address is other code; errors of the chain. */
DAM_MUST_USE enum dam_err dam_deploy_check(struct dam_arena *arena, struct dam_remote *chain,
                                           struct dam_deploy_plan *plan, const char **ret_what);

/** Make what is missing, the factory first, and check each.
 *  Returns: DAM_OK; DAM_ECONFLICT as above, or DAM_EREFUSED if a creation failed, with *ret_what
 * its name; DAM_ETIMEOUT if it is not mined in time; errors of the chain. In:      progress: called
 * before each contract; may be NULL. */
DAM_MUST_USE enum dam_err
dam_deploy_run(struct dam_arena *arena, struct dam_outbox *outbox, struct dam_deploy_plan *plan,
               void (*progress)(void *ctx, const struct dam_deploy_item *item), void *ctx,
               const char **ret_what);

#endif
