// SPDX-License-Identifier: Apache-2.0
/* The contracts of this project as the binary carries them: for each its ABI, its creation code and
 * its deployed code; and the order in which a network's shared set is made. Made at build time by
 * tools/contracts-embed; another file of the same form can be given instead. */
#ifndef DAM_CHAIN_CONTRACTS_H
#define DAM_CHAIN_CONTRACTS_H

#include "base/json.h"
#include "core/eth/abi.h"

struct dam_contracts {
    const struct dam_json *order; /* contracts/deploy-order.json */
    const struct dam_json *all;   /* an object: name to artifact */
};

struct dam_contract {
    const char *name;
    struct dam_abi abi;
    struct dam_bytes init_code;        /* without constructor arguments */
    struct dam_bytes deployed_code;    /* with zeros where immutables go */
    const struct dam_json *immutables; /* lists of {start, length} by id, or NULL */
};

/** The text that was built in. Returns: empty if this build has none. */
struct dam_bytes dam_contracts_embedded(void);

/** Read the whole. In: text: borrowed for as long as *ret is used. Returns: DAM_OK, DAM_EPARSE,
 * DAM_EVERSION, DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_contracts_read(struct dam_arena *arena, struct dam_bytes text,
                                             struct dam_contracts *ret);

/** One contract. Returns: DAM_OK; DAM_ENOTFOUND; DAM_EPARSE; DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_contracts_find(struct dam_arena *arena,
                                             const struct dam_contracts *contracts,
                                             const char *name, struct dam_contract *ret);

/** Is this the contract's code, whatever its immutables are? */
bool dam_contract_code_matches(const struct dam_contract *contract, struct dam_bytes code);

#endif
