// SPDX-License-Identifier: Apache-2.0
/* The verdict of docs/spec/policy.md: may this batch of calls leave the machine's account, and what
 * does it take from which allowance? The same function as contracts/src/account/Policy.sol, to the
 * reason code. Called by the signer before it signs, by the machine to explain in advance, and by
 * tests beside the contract. Pure: no state of its own, no memory of its own. */
#ifndef DAM_SIGNER_POLICY_H
#define DAM_SIGNER_POLICY_H

#include "base/err.h"
#include "base/u256.h"

#define DAM_POLICY_CALLS_MAX 32u
#define DAM_POLICY_BUCKETS_MAX 32u
#define DAM_POLICY_DOMAINS_MAX 16u
#define DAM_POLICY_RULES_MAX 128u
#define DAM_POLICY_TAKES_MAX                                                                       \
    (2u * DAM_POLICY_CALLS_MAX) /* a call takes from two buckets at most                           \
                                 */

/* Reasons, section 3 of the spec. Stored and printed: do not renumber. */
#define DAM_POLICY_REASON_LIST(X)                                                                  \
    X(ALLOWED, 0, "allowed")                                                                       \
    X(STOPPED, 1, "stopped by the guardian")                                                       \
    X(UNATTESTED, 2, "the constitution asks for measured software and no fresh quote shows it")    \
    X(UNBONDED, 3, "the bond is below what the constitution asks")                                 \
    X(MALFORMED, 4, "no law or no well-formed policy")                                             \
    X(BATCH, 5, "batch empty or too long")                                                         \
    X(SELF, 6, "call to the account itself")                                                       \
    X(SHORT, 7, "calldata of 1 to 3 bytes")                                                        \
    X(TARGET, 8, "target not allowed")                                                             \
    X(SELECTOR, 9, "selector not allowed")                                                         \
    X(PARAMETER, 10, "parameters not allowed")                                                     \
    X(VALUE, 11, "value not allowed")                                                              \
    X(ARGUMENT, 12, "calldata too short for amount or payee")                                      \
    X(ALLOWANCE, 13, "allowance used up")                                                          \
    X(PAYEE_ALLOWANCE, 14, "payee's allowance used up")                                            \
    X(APPROVAL, 15, "needs human approval")

enum dam_policy_reason {
#define X(name, number, text) DAM_POLICY_##name = (number),
    DAM_POLICY_REASON_LIST(X)
#undef X
};

/* A policy blob, checked. */
struct dam_policy {
    struct dam_bytes blob; /* borrowed; must outlive this */
    uint8_t bucket_count;
    uint8_t domain_count;
    uint8_t rule_count;                   /* 0: malformed, every batch is refused with MALFORMED */
    uint32_t rules[DAM_POLICY_RULES_MAX]; /* offsets in blob */
};

/** Check a blob (without the STOP byte in front of it on the chain) by section 1.
 *  Returns: false if it is malformed; *ret is then the policy that refuses everything. */
bool dam_policy_load(struct dam_bytes blob, struct dam_policy *ret);

/** Do the account's typed signatures count for this EIP-712 domain separator? */
bool dam_policy_has_domain(const struct dam_policy *policy, const struct dam_hash *separator);

struct dam_policy_call {
    struct dam_address target;
    struct dam_u256 value;
    struct dam_bytes data;
};

/* What Constitution.authorityOf says, and whether the approver agreed to exactly this batch. */
struct dam_policy_authority {
    uint8_t held;   /* 0, or the reason 1..4 why nothing may leave */
    uint16_t scale; /* of the allowances, in thousandths */
    bool approved;
};

/* Section 2: the state of one bucket key. All zero: never used. */
struct dam_policy_use {
    struct dam_u256 used;
    uint64_t last; /* seconds */
};

/* Where the state is read from. Called during judge only, any number of times, may not block; ret
 * is zeroed before. The key is the contract's: the bucket's index, or for buckets per payee
 * 2^255 + payee * 2^8 + index. */
struct dam_policy_ledger {
    void (*get)(void *ctx, const struct dam_hash *key, struct dam_policy_use *ret);
    void *ctx;
};

struct dam_policy_take {
    struct dam_hash key;
    uint8_t bucket;
    struct dam_u256 sum;       /* what the batch takes */
    struct dam_policy_use now; /* what the state becomes if the batch goes out */
};

struct dam_policy_verdict {
    enum dam_policy_reason reason;
    uint32_t index; /* of the call that the reason is about */
    /* Only with ALLOWED, and for APPROVAL as what it would be: */
    uint32_t take_count;
    struct dam_policy_take takes[DAM_POLICY_TAKES_MAX];
};

/** Judge a batch.
 *  In:  account: the machine's account, which no call may target.
 *       now: seconds; an earlier time than the state's refills nothing.
 *  The state is not changed: whoever acts on ALLOWED stores takes[].now where sum is not 0. */
void dam_policy_judge(const struct dam_policy *policy, const struct dam_address *account,
                      const struct dam_policy_call *calls, size_t call_count,
                      const struct dam_policy_authority *authority, uint64_t now,
                      const struct dam_policy_ledger *ledger, struct dam_policy_verdict *ret);

/** Is the bucket of this key, used so, full again from `now` on, so that forgetting its use changes
 * no verdict? So is a bucket that the policy does not have. */
bool dam_policy_is_full(const struct dam_policy *policy, const struct dam_hash *key,
                        const struct dam_policy_use *use, uint64_t now);

/** The amount left in a bucket that has been used so: section 2. Used for the signer's fee budget
 * as well. *ret_use becomes the use as of now. */
void dam_policy_refill(const struct dam_u256 *capacity, uint32_t window, uint16_t scale,
                       uint64_t now, struct dam_policy_use *use, struct dam_u256 *ret_left);

#endif
