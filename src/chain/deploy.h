// SPDX-License-Identifier: Apache-2.0
/* Making contracts at deterministic addresses, each by CREATE2 through one factory, so that the
 * same arguments give the same addresses on every chain: the shared contracts of a network, and
 * sets of which there are many (a machine's, a community's, a site's). What is there already is
 * checked, what is missing is made; an interrupted run is simply run again.
 * contracts/deploy-order.json says what there is and explains its own form. */
#ifndef DAM_CHAIN_DEPLOY_H
#define DAM_CHAIN_DEPLOY_H

#include "chain/contracts.h"
#include "chain/outbox.h"

#define DAM_DEPLOY_SETTINGS_MAX 48u
#define DAM_DEPLOY_ITEMS_MAX 48u

/* A setting of deploy-order.json: name and value as text; lists and tables as JSON, bytes as hex.
 */
struct dam_deploy_setting {
    const char *name;
    const char *value;
    bool is_spare; /* nobody minds if nothing uses it */
};

struct dam_deploy_item {
    const char *name;
    const char *set; /* NULL: shared */
    struct dam_address address;
    struct dam_hash code_hash;  /* of what is there after the run */
    struct dam_bytes init_code; /* with the constructor's arguments; empty: another item makes it */
    struct dam_contract contract;
    bool was_there;
    /* What is called once it is there; call is empty: nothing. */
    struct dam_address then_to;
    struct dam_bytes then_call;
    struct dam_bytes then_unless; /* a view that says true where the call was made before */
    bool then_missing;            /* after a check */
};

struct dam_deploy_plan {
    struct dam_address factory;
    struct dam_hash salt;
    struct dam_deploy_item items[DAM_DEPLOY_ITEMS_MAX];
    size_t count;
    bool is_used[DAM_DEPLOY_SETTINGS_MAX]; /* by setting */
};

/** Work out every address, without a chain.
 *  Returns: DAM_OK; DAM_EPARSE, DAM_ENOTFOUND, DAM_ERANGE, DAM_EFULL with *ret_what saying which
 *           setting or contract is wrong and how (in the arena); DAM_ENOMEM.
 *  In:      sets: those to make, with the shared contracts that they refer to; none: all that is
 *           shared. settings: those not given take their default; one that nothing uses is wrong.
 */
DAM_MUST_USE enum dam_err dam_deploy_plan(struct dam_arena *arena,
                                          const struct dam_contracts *contracts,
                                          const char *const *sets, size_t set_count,
                                          const struct dam_deploy_setting *settings,
                                          size_t setting_count, struct dam_deploy_plan *ret,
                                          const char **ret_what);

/** Look what is there. Sets was_there, code_hash and then_missing. Returns: DAM_OK; DAM_ECONFLICT
 * with *ret_what the contract at whose address is other code; errors of the chain. */
DAM_MUST_USE enum dam_err dam_deploy_check(struct dam_arena *arena, struct dam_remote *chain,
                                           struct dam_deploy_plan *plan, const char **ret_what);

/** Gas that making what is missing takes at least: a bound for "are there funds at all". In: a
 *  plan that was checked. */
uint64_t dam_deploy_gas_min(const struct dam_deploy_plan *plan);

/** Make what is missing, the factory first, and check each.
 *  Returns: DAM_OK; DAM_ECONFLICT as above, or DAM_EREFUSED if a creation failed, with *ret_what
 *           its name; DAM_EUNSUPPORTED if the chain has no factory and takes none; DAM_ETIMEOUT if
 *           it is not mined in time; errors of the chain.
 *  In:      progress: called before each contract; may be NULL. */
DAM_MUST_USE enum dam_err
dam_deploy_run(struct dam_arena *arena, struct dam_outbox *outbox, struct dam_deploy_plan *plan,
               void (*progress)(void *ctx, const struct dam_deploy_item *item), void *ctx,
               const char **ret_what);

#endif
