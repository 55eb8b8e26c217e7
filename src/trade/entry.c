// SPDX-License-Identifier: Apache-2.0
#include "trade/entry.h"

#include "base/assert.h"
#include "base/json.h"
#include "core/crypto/keccak.h"
#include "core/eth/eip712.h"

void dam_entry_resource(const struct dam_address *owner, const char *label, struct dam_hash *ret)
{
    uint8_t text[4 * 32] = {0};
    size_t len = strlen(label);
    DAM_ASSERT(len <= DAM_ENTRY_LABEL_MAX);
    memcpy(text + 12, owner->b, 20);
    text[63] = 64; /* where the label is */
    text[95] = (uint8_t)len;
    memcpy(text + 96, label, len);
    dam_keccak256(text, len == 0 ? 96 : sizeof(text), ret);
}

void dam_entry_digest(uint64_t chain_id, const struct dam_address *contract,
                      const struct dam_hash *resource, const struct dam_hash *challenge,
                      struct dam_hash *ret)
{
    static const char type[] = "Entry(bytes32 resource,bytes32 challenge)";
    const struct dam_eip712_domain domain = {.name = "DAM AccessPass",
                                             .version = "1",
                                             .has_chain_id = true,
                                             .chain_id = dam_u256_from_u64(chain_id),
                                             .verifying_contract = contract};
    uint8_t text[3 * 32];
    struct dam_hash hash;
    struct dam_hash separator;
    dam_keccak256((const uint8_t *)type, sizeof(type) - 1, &hash);
    memcpy(text, hash.b, 32);
    memcpy(text + 32, resource->b, 32);
    memcpy(text + 64, challenge->b, 32);
    dam_keccak256(text, sizeof(text), &hash);
    dam_eip712_domain_separator(&domain, &separator);
    dam_eip712_digest(&separator, &hash, ret);
}

const char *dam_entry_parse(struct dam_arena *arena, struct dam_bytes text, struct dam_entry *ret)
{
    const struct dam_json *root = NULL;
    uint8_t signature[65];
    if (dam_json_parse(arena, (const char *)text.data, text.len, 4, &root, NULL) != DAM_OK) {
        return "this is no JSON";
    }
    if (dam_json_u64(dam_json_get(root, "pass"), &ret->pass) != DAM_OK || ret->pass == 0) {
        return "'pass' is the number of a pass";
    }
    if (dam_json_hex_exact(dam_json_get(root, "challenge"), ret->challenge.b, 32) != DAM_OK) {
        return "'challenge' is 32 bytes in hex, as the lock gave it";
    }
    if (dam_json_hex_exact(dam_json_get(root, "signature"), signature, sizeof(signature)) !=
        DAM_OK) {
        return "'signature' is 65 bytes in hex: r, s, v";
    }
    uint8_t v = signature[64];
    memcpy(ret->signature.r, signature, 32);
    memcpy(ret->signature.s, signature + 32, 32);
    ret->signature.y_parity = v >= 27 ? (uint8_t)(v - 27) : v;
    return NULL;
}

const char *dam_entry_judge(const struct dam_entry *entry, const struct dam_hash *digest,
                            const struct dam_pass *passes, size_t count, uint64_t now_s)
{
    struct dam_address who;
    size_t i = 0;
    while (i < count && passes[i].id != entry->pass) {
        i++;
    }
    if (i == count) {
        return "this lock knows no such pass";
    }
    if (now_s < passes[i].from_s) {
        return "the pass is not valid yet";
    }
    if (now_s >= passes[i].until_s) {
        return "the pass has ended";
    }
    if (!dam_secp256k1_is_low_s(entry->signature.s) ||
        dam_secp256k1_recover_address(digest, &entry->signature, &who) != DAM_OK ||
        !dam_address_eq(&who, &passes[i].holder)) {
        return "this is not the signature of who holds the pass";
    }
    return NULL;
}
