// SPDX-License-Identifier: Apache-2.0
#include "core/eth/tx.h"

#include "base/assert.h"
#include "core/crypto/keccak.h"
#include "core/crypto/secp256k1.h"
#include "core/eth/rlp.h"

const char *dam_tx_fault_text(enum dam_tx_fault fault)
{
    switch (fault) {
#define X(name, text)                                                                              \
    case DAM_TX_FAULT_##name:                                                                      \
        return text;
        DAM_TX_FAULT_LIST(X)
#undef X
    }
    return "unknown fault";
}

static void access_list_put(const struct dam_tx *tx, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    for (size_t i = 0; i < tx->access_count; i++) {
        const struct dam_access_entry *entry = &tx->access_list[i];
        size_t fields = dam_rlp_put_list(buf);
        dam_rlp_put_bytes(buf, entry->address.b, sizeof(entry->address.b));
        size_t keys = dam_rlp_put_list(buf);
        for (size_t k = 0; k < entry->key_count; k++) {
            dam_rlp_put_bytes(buf, entry->keys[k].b, sizeof(entry->keys[k].b));
        }
        dam_rlp_put_list_end(buf, keys);
        dam_rlp_put_list_end(buf, fields);
    }
    dam_rlp_put_list_end(buf, list);
}

static void blob_hashes_put(const struct dam_tx *tx, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    for (size_t i = 0; i < tx->blob_hash_count; i++) {
        dam_rlp_put_bytes(buf, tx->blob_hashes[i].b, sizeof(tx->blob_hashes[i].b));
    }
    dam_rlp_put_list_end(buf, list);
}

static void authorizations_put(const struct dam_tx *tx, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    for (size_t i = 0; i < tx->authorization_count; i++) {
        const struct dam_authorization *one = &tx->authorizations[i];
        size_t fields = dam_rlp_put_list(buf);
        dam_rlp_put_u256(buf, &one->chain_id);
        dam_rlp_put_bytes(buf, one->address.b, sizeof(one->address.b));
        dam_rlp_put_u64(buf, one->nonce);
        dam_rlp_put_u64(buf, one->y_parity);
        dam_rlp_put_u256(buf, &one->r);
        dam_rlp_put_u256(buf, &one->s);
        dam_rlp_put_list_end(buf, fields);
    }
    dam_rlp_put_list_end(buf, list);
}

/* The fields before the signature. */
static void fields_put(const struct dam_tx *tx, struct dam_buf *buf)
{
    if (tx->type != DAM_TX_LEGACY) {
        dam_rlp_put_u64(buf, tx->chain_id);
    }
    dam_rlp_put_u64(buf, tx->nonce);
    if (tx->type >= DAM_TX_DYNAMIC_FEE) {
        dam_rlp_put_u256(buf, &tx->max_priority_fee);
    }
    dam_rlp_put_u256(buf, &tx->max_fee);
    dam_rlp_put_u64(buf, tx->gas_limit);
    dam_rlp_put_bytes(buf, tx->to.b, tx->is_create ? 0 : sizeof(tx->to.b));
    dam_rlp_put_u256(buf, &tx->value);
    dam_rlp_put_bytes(buf, tx->data.data, tx->data.len);
    if (tx->type >= DAM_TX_ACCESS_LIST) {
        access_list_put(tx, buf);
    }
    if (tx->type == DAM_TX_BLOB) {
        dam_rlp_put_u256(buf, &tx->max_blob_fee);
        blob_hashes_put(tx, buf);
    }
    if (tx->type == DAM_TX_SET_CODE) {
        authorizations_put(tx, buf);
    }
}

struct dam_u256 dam_tx_v(const struct dam_tx *tx)
{
    struct dam_u256 v = dam_u256_from_u64(tx->y_parity);
    if (tx->type != DAM_TX_LEGACY) {
        return v;
    }
    struct dam_u256 base = dam_u256_from_u64(tx->has_chain_id ? 35 : 27);
    (void)dam_u256_add(&v, &v, &base); /* 65 bits at most */
    if (tx->has_chain_id) {
        struct dam_u256 twice = {{tx->chain_id << 1, tx->chain_id >> 63, 0, 0}};
        (void)dam_u256_add(&v, &v, &twice);
    }
    return v;
}

static void body_put(const struct dam_tx *tx, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    struct dam_u256 v = dam_tx_v(tx);
    fields_put(tx, buf);
    dam_rlp_put_u256(buf, &v);
    dam_rlp_put_u256(buf, &tx->r);
    dam_rlp_put_u256(buf, &tx->s);
    dam_rlp_put_list_end(buf, list);
}

void dam_tx_encode(const struct dam_tx *tx, struct dam_buf *buf)
{
    if (tx->type != DAM_TX_LEGACY) {
        dam_buf_put_byte(buf, (uint8_t)tx->type);
    }
    body_put(tx, buf);
}

static void items_put(const uint8_t *const *items, size_t count, size_t len, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    for (size_t i = 0; i < count; i++) {
        dam_rlp_put_bytes(buf, items[i], len);
    }
    dam_rlp_put_list_end(buf, list);
}

void dam_tx_encode_network(const struct dam_tx *tx, struct dam_buf *buf)
{
    const struct dam_blob_sidecar *sidecar = tx->sidecar;
    if (sidecar == NULL) {
        dam_tx_encode(tx, buf);
        return;
    }
    dam_buf_put_byte(buf, (uint8_t)tx->type);
    size_t list = dam_rlp_put_list(buf);
    body_put(tx, buf);
    if (sidecar->version != 0) {
        dam_rlp_put_u64(buf, sidecar->version);
    }
    items_put(sidecar->blobs, sidecar->blob_count, DAM_BLOB_LEN, buf);
    items_put(sidecar->commitments, sidecar->blob_count, DAM_KZG_LEN, buf);
    items_put(sidecar->proofs, sidecar->proof_count, DAM_KZG_LEN, buf);
    dam_rlp_put_list_end(buf, list);
}

void dam_tx_encode_unsigned(const struct dam_tx *tx, struct dam_buf *buf)
{
    if (tx->type != DAM_TX_LEGACY) {
        dam_buf_put_byte(buf, (uint8_t)tx->type);
    }
    size_t list = dam_rlp_put_list(buf);
    fields_put(tx, buf);
    if (tx->type == DAM_TX_LEGACY && tx->has_chain_id) {
        dam_rlp_put_u64(buf, tx->chain_id);
        dam_rlp_put_u64(buf, 0);
        dam_rlp_put_u64(buf, 0);
    }
    dam_rlp_put_list_end(buf, list);
}

static enum dam_err hash_of(const struct dam_tx *tx,
                            void (*encode)(const struct dam_tx *tx, struct dam_buf *buf),
                            struct dam_arena *arena, struct dam_hash *ret)
{
    struct dam_arena_mark mark = dam_arena_mark(arena);
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    encode(tx, &buf);
    enum dam_err err = dam_buf_err(&buf);
    if (err == DAM_OK) {
        dam_keccak256(buf.data, buf.len, ret);
    }
    dam_arena_release(arena, mark);
    return err;
}

enum dam_err dam_tx_hash(const struct dam_tx *tx, struct dam_arena *arena, struct dam_hash *ret)
{
    return hash_of(tx, dam_tx_encode, arena, ret);
}

enum dam_err dam_tx_signing_hash(const struct dam_tx *tx, struct dam_arena *arena,
                                 struct dam_hash *ret)
{
    return hash_of(tx, dam_tx_encode_unsigned, arena, ret);
}

static enum dam_err signer_of(const struct dam_hash *digest, const struct dam_u256 *r,
                              const struct dam_u256 *s, uint8_t y_parity, bool low_s,
                              struct dam_address *ret)
{
    struct dam_secp256k1_sig sig = {.y_parity = y_parity};
    dam_u256_store_be(sig.r, r);
    dam_u256_store_be(sig.s, s);
    if (low_s && !dam_secp256k1_is_low_s(sig.s)) {
        return DAM_ESIGNATURE;
    }
    return dam_secp256k1_recover_address(digest, &sig, ret);
}

enum dam_err dam_tx_sender(const struct dam_tx *tx, bool low_s, struct dam_arena *arena,
                           struct dam_address *ret)
{
    struct dam_hash digest;
    DAM_TRY(dam_tx_signing_hash(tx, arena, &digest));
    return signer_of(&digest, &tx->r, &tx->s, tx->y_parity, low_s, ret);
}

enum dam_err dam_tx_sign(struct dam_tx *tx, const uint8_t secret[32], struct dam_arena *arena)
{
    struct dam_hash digest;
    struct dam_secp256k1_sig sig;
    DAM_TRY(dam_tx_signing_hash(tx, arena, &digest));
    DAM_TRY(dam_secp256k1_sign(secret, &digest, &sig));
    tx->y_parity = sig.y_parity;
    tx->r = dam_u256_load_be(sig.r);
    tx->s = dam_u256_load_be(sig.s);
    return DAM_OK;
}

struct dam_u256 dam_tx_effective_gas_price(const struct dam_tx *tx, const struct dam_u256 *base_fee)
{
    struct dam_u256 price;
    bool carry = dam_u256_add(&price, base_fee, &tx->max_priority_fee);
    return carry || dam_u256_lt(&tx->max_fee, &price) ? tx->max_fee : price;
}

/* EIP-7702: keccak256(0x05, rlp([chain_id, address, nonce])). */
static void authorization_digest(const struct dam_authorization *one, struct dam_hash *ret)
{
    uint8_t memory[80];
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, memory, sizeof(memory));
    dam_buf_put_byte(&buf, 0x05);
    dam_rlp_put_u256(&buf, &one->chain_id);
    dam_rlp_put_bytes(&buf, one->address.b, sizeof(one->address.b));
    dam_rlp_put_u64(&buf, one->nonce);
    dam_rlp_put_list_end(&buf, 1);
    DAM_ASSERT(dam_buf_err(&buf) == DAM_OK);
    dam_keccak256(buf.data, buf.len, ret);
}

enum dam_err dam_authorization_signer(const struct dam_authorization *authorization,
                                      struct dam_address *ret)
{
    struct dam_hash digest;
    authorization_digest(authorization, &digest);
    return signer_of(&digest, &authorization->r, &authorization->s, authorization->y_parity, true,
                     ret);
}

enum dam_err dam_authorization_sign(struct dam_authorization *authorization,
                                    const uint8_t secret[32])
{
    struct dam_hash digest;
    struct dam_secp256k1_sig sig;
    authorization_digest(authorization, &digest);
    DAM_TRY(dam_secp256k1_sign(secret, &digest, &sig));
    authorization->y_parity = sig.y_parity;
    authorization->r = dam_u256_load_be(sig.r);
    authorization->s = dam_u256_load_be(sig.s);
    return DAM_OK;
}
