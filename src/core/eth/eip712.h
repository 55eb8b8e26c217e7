// SPDX-License-Identifier: Apache-2.0
/* What people sign that is no transaction: typed data (EIP-712) and personal messages (EIP-191,
 * version 0x45). Pure. */
#ifndef DAM_CORE_ETH_EIP712_H
#define DAM_CORE_ETH_EIP712_H

#include "base/arena.h"
#include "base/json.h"
#include "base/u256.h"

/** keccak256("\x19Ethereum Signed Message:\n" + length + message): eth_sign, personal_sign.
 *  In: arena: scratch, given back. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_eip191_hash(struct dam_bytes message, struct dam_arena *arena,
                                          struct dam_hash *ret);

/** keccak256(0x19 0x01, domain separator, struct hash): what is signed. */
void dam_eip712_digest(const struct dam_hash *domain_separator, const struct dam_hash *struct_hash,
                       struct dam_hash *ret);

/* A domain known at compile time; absent fields are NULL or false. */
struct dam_eip712_domain {
    const char *name;
    const char *version;
    bool has_chain_id;
    struct dam_u256 chain_id;
    const struct dam_address *verifying_contract;
    const struct dam_hash *salt;
};

void dam_eip712_domain_separator(const struct dam_eip712_domain *domain, struct dam_hash *ret);

/* All three hashes of some typed data. */
struct dam_eip712_hashes {
    struct dam_hash domain_separator;
    struct dam_hash struct_hash; /* of the message; zero if the primary type is EIP712Domain */
    struct dam_hash digest;
};

/** Hash typed data in the JSON form of eth_signTypedData_v4: {types, primaryType, domain, message}.
 *  Returns: DAM_OK; DAM_EPARSE or DAM_ERANGE with *ret_what (may be NULL) one sentence of static
 *           text; DAM_ENOMEM.
 *  Strict: every member must be there with a value that fits its type, no member may be unknown, a
 *  type that is used must be defined; types may be recursive through arrays only as deep as the
 *  message itself is. In: arena: scratch, given back. */
DAM_MUST_USE enum dam_err dam_eip712_hash(struct dam_arena *arena,
                                          const struct dam_json *typed_data,
                                          struct dam_eip712_hashes *ret, const char **ret_what);

/** The same from its four parts. In: types, domain, message: objects; primary_type: a string. A
 * domain whose type is not among types is taken to have the standard members that it has. */
DAM_MUST_USE enum dam_err
dam_eip712_hash_parts(struct dam_arena *arena, const struct dam_json *types,
                      const struct dam_json *primary_type, const struct dam_json *domain,
                      const struct dam_json *message, struct dam_eip712_hashes *ret,
                      const char **ret_what);

#endif
