// SPDX-License-Identifier: Apache-2.0
/* The rule of a lock that knows its passes (contracts/src/pay/AccessPass.sol): whoever holds a pass
 * signs the lock's challenge. What is signed is the contract's entryDigest, EIP-712. Pure; needs no
 * network, so a lock works while the chain is away. */
#ifndef DAM_TRADE_ENTRY_H
#define DAM_TRADE_ENTRY_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/u256.h"
#include "core/crypto/secp256k1.h"

#define DAM_ENTRY_LABEL_MAX 31u

/* A right to use the resource in [from_s, until_s). */
struct dam_pass {
    uint64_t id; /* from 1 */
    uint64_t from_s;
    uint64_t until_s;
    struct dam_address holder;
};

/* What somebody shows at the lock. */
struct dam_entry {
    uint64_t pass;
    struct dam_hash challenge;
    struct dam_secp256k1_sig signature;
};

/** The id of a resource: keccak256(abi.encode(owner, label)). In: label: at most
 * DAM_ENTRY_LABEL_MAX bytes. */
void dam_entry_resource(const struct dam_address *owner, const char *label, struct dam_hash *ret);

/** What the holder signs: Entry(bytes32 resource,bytes32 challenge) under the contract's domain. */
void dam_entry_digest(uint64_t chain_id, const struct dam_address *contract,
                      const struct dam_hash *resource, const struct dam_hash *challenge,
                      struct dam_hash *ret);

/** Read {"pass": 7, "challenge": "0x...", "signature": "0x..."}; the signature is r, s, v.
 *  Returns: NULL, or static text that says what is wrong. In: arena: scratch. */
const char *dam_entry_parse(struct dam_arena *arena, struct dam_bytes text, struct dam_entry *ret);

/** Does the entry open the lock? Returns: NULL, or static text that says why not. In: digest: of
 *  the entry's challenge; passes: those of the resource. */
const char *dam_entry_judge(const struct dam_entry *entry, const struct dam_hash *digest,
                            const struct dam_pass *passes, size_t count, uint64_t now_s);

#endif
