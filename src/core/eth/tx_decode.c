// SPDX-License-Identifier: Apache-2.0
/* The reading half of tx.h. */
#include "core/eth/rlp.h"
#include "core/eth/tx.h"

/* Shortest encodings, see dam_rlp_count_min. */
#define ACCESS_ENTRY_LEN_MIN 23u
#define AUTHORIZATION_LEN_MIN 27u
#define HASH_LEN_MIN 33u

#define CELL_PROOFS_PER_BLOB 128u /* EIP-7594 */

struct decoder {
    struct dam_arena *arena;
    enum dam_tx_fault fault;
};

/* Leave with the field's name if reading it failed. */
#define FIELD(d, name, expr)                                                                       \
    do {                                                                                           \
        enum dam_err field_err_ = (expr);                                                          \
        if (field_err_ != DAM_OK) {                                                                \
            return refuse((d), DAM_TX_FAULT_##name, field_err_);                                   \
        }                                                                                          \
    } while (0)

static enum dam_err refuse(struct decoder *d, enum dam_tx_fault fault, enum dam_err err)
{
    if (err == DAM_ENOMEM) {
        d->fault = DAM_TX_FAULT_MEMORY;
        return DAM_ENOMEM;
    }
    d->fault = fault;
    return DAM_EPARSE;
}

static enum dam_err to_read(struct dam_rlp *fields, struct dam_tx *tx)
{
    struct dam_bytes to;
    DAM_TRY(dam_rlp_bytes(fields, &to));
    bool has_to = to.len == sizeof(tx->to.b);
    bool may_create = tx->type < DAM_TX_BLOB;
    if (!has_to && (to.len != 0 || !may_create)) {
        return DAM_EPARSE;
    }
    tx->is_create = !has_to;
    if (has_to) {
        memcpy(tx->to.b, to.data, to.len);
    }
    return DAM_OK;
}

/* A list of 32-byte strings. */
static enum dam_err hashes_read(struct decoder *d, struct dam_rlp *fields,
                                const struct dam_hash **ret, size_t *ret_count)
{
    struct dam_rlp list;
    size_t count;
    DAM_TRY(dam_rlp_list(fields, &list));
    DAM_TRY(dam_rlp_count_min(&list, HASH_LEN_MIN, &count));
    struct dam_hash *hashes = dam_arena_alloc(d->arena, count * sizeof(*hashes));
    if (hashes == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        DAM_TRY(dam_rlp_exact(&list, hashes[i].b, sizeof(hashes[i].b)));
    }
    *ret = hashes;
    *ret_count = count;
    return DAM_OK;
}

static enum dam_err access_list_read(struct decoder *d, struct dam_rlp *fields, struct dam_tx *tx)
{
    struct dam_rlp list;
    DAM_TRY(dam_rlp_list(fields, &list));
    DAM_TRY(dam_rlp_count_min(&list, ACCESS_ENTRY_LEN_MIN, &tx->access_count));
    struct dam_access_entry *entries =
        dam_arena_alloc(d->arena, tx->access_count * sizeof(*entries));
    if (entries == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < tx->access_count; i++) {
        struct dam_rlp entry;
        DAM_TRY(dam_rlp_list(&list, &entry));
        DAM_TRY(dam_rlp_exact(&entry, entries[i].address.b, sizeof(entries[i].address.b)));
        DAM_TRY(hashes_read(d, &entry, &entries[i].keys, &entries[i].key_count));
        DAM_TRY(dam_rlp_end(&entry));
    }
    tx->access_list = entries;
    return DAM_OK;
}

static enum dam_err authorization_read(struct dam_rlp *list, struct dam_authorization *ret)
{
    struct dam_rlp fields;
    uint64_t y_parity;
    DAM_TRY(dam_rlp_list(list, &fields));
    DAM_TRY(dam_rlp_u256(&fields, &ret->chain_id));
    DAM_TRY(dam_rlp_exact(&fields, ret->address.b, sizeof(ret->address.b)));
    DAM_TRY(dam_rlp_u64(&fields, &ret->nonce));
    DAM_TRY(dam_rlp_u64(&fields, &y_parity));
    if (y_parity > UINT8_MAX) { /* EIP-7702: assert auth.y_parity < 2**8 */
        return DAM_ERANGE;
    }
    ret->y_parity = (uint8_t)y_parity;
    DAM_TRY(dam_rlp_u256(&fields, &ret->r));
    DAM_TRY(dam_rlp_u256(&fields, &ret->s));
    return dam_rlp_end(&fields);
}

static enum dam_err authorizations_read(struct decoder *d, struct dam_rlp *fields,
                                        struct dam_tx *tx)
{
    struct dam_rlp list;
    DAM_TRY(dam_rlp_list(fields, &list));
    DAM_TRY(dam_rlp_count_min(&list, AUTHORIZATION_LEN_MIN, &tx->authorization_count));
    struct dam_authorization *all =
        dam_arena_alloc(d->arena, tx->authorization_count * sizeof(*all));
    if (all == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < tx->authorization_count; i++) {
        DAM_TRY(authorization_read(&list, &all[i]));
    }
    tx->authorizations = all;
    return DAM_OK;
}

/* Legacy: 27 and 28, or from 35 on with the chain id (EIP-155). Typed: 0 or 1. */
static enum dam_err v_read(struct dam_rlp *fields, struct dam_tx *tx)
{
    struct dam_u256 v;
    uint64_t low;
    uint64_t base = tx->type == DAM_TX_LEGACY ? 27 : 0;
    DAM_TRY(dam_rlp_u256(fields, &v));
    if (dam_u256_to_u64(&v, &low) && low >= base && low <= base + 1) {
        tx->y_parity = (uint8_t)(low - base);
        return DAM_OK;
    }
    struct dam_u256 first = dam_u256_from_u64(35);
    if (tx->type != DAM_TX_LEGACY || dam_u256_sub(&v, &v, &first) || v.w[1] > 1 ||
        (v.w[2] | v.w[3]) != 0) {
        return DAM_EPARSE;
    }
    tx->y_parity = (uint8_t)(v.w[0] & 1);
    tx->chain_id = v.w[0] >> 1 | v.w[1] << 63;
    tx->has_chain_id = true;
    return DAM_OK;
}

static enum dam_err fees_read(struct dam_rlp *fields, struct dam_tx *tx)
{
    if (tx->type >= DAM_TX_DYNAMIC_FEE) {
        DAM_TRY(dam_rlp_u256(fields, &tx->max_priority_fee));
        return dam_rlp_u256(fields, &tx->max_fee);
    }
    DAM_TRY(dam_rlp_u256(fields, &tx->max_fee));
    tx->max_priority_fee = tx->max_fee;
    return DAM_OK;
}

static enum dam_err fields_read(struct decoder *d, struct dam_rlp *fields, struct dam_tx *tx)
{
    static const size_t field_counts[] = {9, 11, 12, 14, 13};
    size_t count;
    FIELD(d, RLP, dam_rlp_count(fields, &count));
    FIELD(d, FIELD_COUNT, count == field_counts[tx->type] ? DAM_OK : DAM_EPARSE);
    if (tx->type != DAM_TX_LEGACY) {
        FIELD(d, CHAIN_ID, dam_rlp_u64(fields, &tx->chain_id));
        tx->has_chain_id = true;
    }
    FIELD(d, NONCE, dam_rlp_u64(fields, &tx->nonce));
    FIELD(d, FEE, fees_read(fields, tx));
    FIELD(d, GAS_LIMIT, dam_rlp_u64(fields, &tx->gas_limit));
    FIELD(d, TO, to_read(fields, tx));
    FIELD(d, VALUE, dam_rlp_u256(fields, &tx->value));
    FIELD(d, DATA, dam_rlp_bytes(fields, &tx->data));
    if (tx->type >= DAM_TX_ACCESS_LIST) {
        FIELD(d, ACCESS_LIST, access_list_read(d, fields, tx));
    }
    if (tx->type == DAM_TX_BLOB) {
        FIELD(d, FEE, dam_rlp_u256(fields, &tx->max_blob_fee));
        FIELD(d, BLOB_HASHES, hashes_read(d, fields, &tx->blob_hashes, &tx->blob_hash_count));
    }
    if (tx->type == DAM_TX_SET_CODE) {
        FIELD(d, AUTHORIZATIONS, authorizations_read(d, fields, tx));
    }
    FIELD(d, V, v_read(fields, tx));
    FIELD(d, R, dam_rlp_u256(fields, &tx->r));
    FIELD(d, S, dam_rlp_u256(fields, &tx->s));
    return DAM_OK;
}

/* A list of strings of one length, as pointers into the encoded bytes. */
static enum dam_err items_read(struct decoder *d, struct dam_rlp *fields, size_t len,
                               const uint8_t *const **ret, size_t *ret_count)
{
    struct dam_rlp list;
    size_t count;
    DAM_TRY(dam_rlp_list(fields, &list));
    DAM_TRY(dam_rlp_count_min(&list, len, &count));
    const uint8_t **items = dam_arena_alloc(d->arena, count * sizeof(*items));
    if (items == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct dam_bytes item;
        DAM_TRY(dam_rlp_bytes(&list, &item));
        if (item.len != len) {
            return DAM_EPARSE;
        }
        items[i] = item.data;
    }
    *ret = items;
    *ret_count = count;
    return DAM_OK;
}

/* What follows the body in the network form: [version,] blobs, commitments, proofs. */
static enum dam_err sidecar_read(struct decoder *d, struct dam_rlp *fields, struct dam_tx *tx)
{
    struct dam_blob_sidecar *sidecar = dam_arena_zalloc(d->arena, sizeof(*sidecar));
    size_t count;
    size_t commitment_count;
    if (sidecar == NULL) {
        return DAM_ENOMEM;
    }
    DAM_TRY(dam_rlp_count(fields, &count));
    if (count == 4) {
        uint64_t version;
        DAM_TRY(dam_rlp_u64(fields, &version));
        if (version != 1) {
            return DAM_EPARSE;
        }
        sidecar->version = 1;
    }
    DAM_TRY(items_read(d, fields, DAM_BLOB_LEN, &sidecar->blobs, &sidecar->blob_count));
    DAM_TRY(items_read(d, fields, DAM_KZG_LEN, &sidecar->commitments, &commitment_count));
    DAM_TRY(items_read(d, fields, DAM_KZG_LEN, &sidecar->proofs, &sidecar->proof_count));
    size_t proofs_per_blob = sidecar->version == 0 ? 1 : CELL_PROOFS_PER_BLOB;
    if (commitment_count != sidecar->blob_count || tx->blob_hash_count != sidecar->blob_count ||
        sidecar->proof_count != sidecar->blob_count * proofs_per_blob) {
        return DAM_EPARSE;
    }
    tx->sidecar = sidecar;
    return dam_rlp_end(fields);
}

static enum dam_err decode(struct decoder *d, struct dam_bytes bytes, struct dam_tx *tx)
{
    FIELD(d, EMPTY, bytes.len == 0 ? DAM_EPARSE : DAM_OK);
    struct dam_rlp outer = dam_rlp(bytes);
    struct dam_rlp fields;
    if (bytes.data[0] < 0x80) {
        bool known = bytes.data[0] >= DAM_TX_ACCESS_LIST && bytes.data[0] <= DAM_TX_SET_CODE;
        FIELD(d, TYPE, known ? DAM_OK : DAM_EPARSE);
        tx->type = bytes.data[0];
        outer.at++;
    }
    FIELD(d, RLP, dam_rlp_list(&outer, &fields));
    FIELD(d, RLP, dam_rlp_end(&outer));
    struct dam_rlp body = fields;
    bool is_network = tx->type == DAM_TX_BLOB && dam_rlp_list(&fields, &body) == DAM_OK;
    DAM_TRY(fields_read(d, &body, tx));
    if (is_network) {
        FIELD(d, SIDECAR, sidecar_read(d, &fields, tx));
    }
    return DAM_OK;
}

enum dam_err dam_tx_decode(struct dam_arena *arena, struct dam_bytes bytes, struct dam_tx *ret,
                           enum dam_tx_fault *ret_fault)
{
    struct decoder d = {.arena = arena};
    struct dam_tx tx = {.type = DAM_TX_LEGACY};
    enum dam_err err = decode(&d, bytes, &tx);
    if (ret_fault != NULL) {
        *ret_fault = d.fault;
    }
    if (err == DAM_OK) {
        *ret = tx;
    }
    return err;
}
