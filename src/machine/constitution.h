// SPDX-License-Identifier: Apache-2.0
/* What a machine's constitution says at a final block: the terms in force, those proposed, the
 * guardian's stop, and the code that they name. Nothing is taken on a node's word: the contract is
 * run here over state that is proven against the block's state root (chain/fork_view.h), code is
 * checked against its hash, its purity and its gas. Called by machine/keeper, in a worker. */
#ifndef DAM_MACHINE_CONSTITUTION_H
#define DAM_MACHINE_CONSTITUTION_H

#include "chain/envoy.h"

#define DAM_LAW_CODES_MAX 48u
#define DAM_LAW_WHY_SIZE 160u

/* One epoch's terms, as far as they concern decisions (contracts/src/law/Constitution.sol). */
struct dam_terms {
    uint32_t epoch; /* of proposed terms: the one that they would be */
    struct dam_address mind;
    struct dam_address charter;
    struct dam_address guardian;
    uint64_t mind_gas; /* what the contract gives; 0 becomes the most that is allowed */
    uint64_t charter_gas;
    uint64_t since_s;
    uint64_t notice_s;
    struct dam_hash manifest; /* zero: none is asked for */
};

struct dam_law_code {
    struct dam_address address;
    struct dam_bytes code;
};

/* All the code that some terms need; in an arena. */
struct dam_law_codes {
    struct dam_law_code list[DAM_LAW_CODES_MAX];
    size_t count;
};

struct dam_constitution {
    uint64_t block;
    bool has_terms;
    struct dam_terms terms;
    bool has_proposed;
    struct dam_terms proposed;
    uint64_t enact_at_s;
    bool stopped; /* by the guardian or the owner */
    struct dam_law_codes codes;
    char unfit[DAM_LAW_WHY_SIZE];          /* why the terms in force cannot be run; "": they can */
    char proposed_unfit[DAM_LAW_WHY_SIZE]; /* the same of those proposed */
};

/** Read all of it at block `number`.
 *  Returns: DAM_OK; DAM_ENOTFOUND if there is no such contract; DAM_ECORRUPT if a proof does not
 *           hold; else errors of the chain.
 *  In:      arena: keeps the code; envoy: entered and connected. */
DAM_MUST_USE enum dam_err dam_constitution_read(struct dam_envoy *envoy,
                                                const struct dam_address *address,
                                                const struct dam_u256 *id, uint64_t number,
                                                struct dam_arena *arena,
                                                struct dam_constitution *ret);

/** May these codes decide? Empty text, or why not. Checks that mind and charter are there, are pure
 *  and that their gas is within docs/spec/decision.md section 6. Out: ret: DAM_LAW_WHY_SIZE. */
void dam_constitution_judge(const struct dam_terms *terms, const struct dam_law_codes *codes,
                            char *ret);

#endif
