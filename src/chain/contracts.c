// SPDX-License-Identifier: Apache-2.0
#include "chain/contracts.h"

#define VERSION 2u

enum dam_err dam_contracts_read(struct dam_arena *arena, struct dam_bytes text,
                                struct dam_contracts *ret)
{
    const struct dam_json *root;
    uint64_t version;
    DAM_TRY(dam_json_parse(arena, (const char *)text.data, text.len, 0, &root, NULL));
    struct dam_contracts contracts = {.order = dam_json_get(root, "order"),
                                      .all = dam_json_get(root, "contracts")};
    DAM_TRY(dam_json_u64(dam_json_get(contracts.order, "version"), &version));
    if (version != VERSION) {
        return DAM_EVERSION;
    }
    if (contracts.all == NULL || contracts.all->type != DAM_JSON_OBJECT) {
        return DAM_EPARSE;
    }
    *ret = contracts;
    return DAM_OK;
}

enum dam_err dam_contracts_find(struct dam_arena *arena, const struct dam_contracts *contracts,
                                const char *name, struct dam_contract *ret)
{
    const struct dam_json *json = dam_json_get(contracts->all, name);
    struct dam_contract contract = {.name = name};
    if (json == NULL) {
        return DAM_ENOTFOUND;
    }
    DAM_TRY(dam_abi_from_json(arena, dam_json_get(json, "abi"), &contract.abi));
    DAM_TRY(dam_json_hex(dam_json_get(json, "bytecode"), arena, &contract.init_code));
    DAM_TRY(dam_json_hex(dam_json_get(json, "deployedBytecode"), arena, &contract.deployed_code));
    contract.immutables = dam_json_get(json, "immutableReferences");
    *ret = contract;
    return DAM_OK;
}

/* Does an immutable cover this byte? */
static bool is_immutable(const struct dam_contract *contract, size_t at)
{
    DAM_JSON_EACH_KEY(id, contract->immutables)
    {
        DAM_JSON_EACH(place, id + 1)
        {
            uint64_t start;
            uint64_t len;
            if (dam_json_u64(dam_json_get(place, "start"), &start) == DAM_OK &&
                dam_json_u64(dam_json_get(place, "length"), &len) == DAM_OK && at >= start &&
                at - start < len) {
                return true;
            }
        }
    }
    return false;
}

bool dam_contract_code_matches(const struct dam_contract *contract, struct dam_bytes code)
{
    if (code.len != contract->deployed_code.len || code.len == 0) {
        return false;
    }
    for (size_t i = 0; i < code.len; i++) {
        if (code.data[i] != contract->deployed_code.data[i] && !is_immutable(contract, i)) {
            return false;
        }
    }
    return true;
}
