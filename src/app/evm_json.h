// SPDX-License-Identifier: Apache-2.0
/* The JSON of the official test files as the structures of core/evm. All readers return DAM_OK, or
 * DAM_EPARSE or DAM_ERANGE for what cannot be read, or DAM_ENOMEM. */
#ifndef DAM_APP_EVM_JSON_H
#define DAM_APP_EVM_JSON_H

#include "base/json.h"
#include "core/evm/world.h"

/** `pre`, or `alloc`: fill a world. */
DAM_MUST_USE enum dam_err dam_evm_json_world(struct dam_arena *arena, const struct dam_json *pre,
                                             struct dam_evm_world *world);

/** `env` of a state test. */
DAM_MUST_USE enum dam_err dam_evm_json_env(const struct dam_json *env, struct dam_evm_block *ret);

/* Which of a state test's transactions. */
struct dam_evm_json_indexes {
    size_t data;
    size_t gas;
    size_t value;
};

/** `transaction` of a state test. DAM_ERANGE for a value above 2^256. Lists live in the arena. */
DAM_MUST_USE enum dam_err dam_evm_json_tx(struct dam_arena *arena, const struct dam_json *json,
                                          const struct dam_evm_json_indexes *indexes,
                                          struct dam_evm_tx *ret);

/** The rules of a fork by its name; a fork of blob parameters only, "BPO1", has Osaka's.
 *  Returns: DAM_OK or DAM_ENOTFOUND. */
DAM_MUST_USE enum dam_err dam_evm_json_rules(const char *name, enum dam_fork *ret);

/** `config.blobSchedule` for a fork by its name in the file; left as it is if there is none. */
DAM_MUST_USE enum dam_err dam_evm_json_blob_params(const struct dam_json *config, const char *fork,
                                                   struct dam_blob_params *ret);

/** A number or zero if it is missing. */
DAM_MUST_USE enum dam_err dam_evm_json_u64(const struct dam_json *object, const char *key,
                                           uint64_t *ret);
DAM_MUST_USE enum dam_err dam_evm_json_u256(const struct dam_json *object, const char *key,
                                            struct dam_u256 *ret);

#endif
