// SPDX-License-Identifier: Apache-2.0
#include "core/eth/header.h"

#include "base/assert.h"
#include "core/crypto/keccak.h"

/* Enough for the longest header: 21 fields, 256 of bloom, 13 of 32 bytes, 6 small. */
#define HEADER_LEN_MAX 1024u

const struct dam_hash dam_empty_uncles_hash = {{0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a,
                                                0xab, 0x85, 0xb5, 0x67, 0xb6, 0xcc, 0xd4, 0x1a,
                                                0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a, 0x74, 0x13,
                                                0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47}};
const struct dam_hash dam_empty_trie_root = {{0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6,
                                              0xff, 0x83, 0x45, 0xe6, 0x92, 0xc0, 0xf8, 0x6e,
                                              0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c, 0xad, 0xc0,
                                              0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21}};
const struct dam_hash dam_empty_code_hash = {{0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c,
                                              0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03, 0xc0,
                                              0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82, 0x27, 0x3b,
                                              0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70}};

static enum dam_err extra_decode(struct dam_rlp *fields, struct dam_header *header)
{
    struct dam_bytes extra;
    DAM_TRY(dam_rlp_bytes(fields, &extra));
    if (extra.len > DAM_HEADER_EXTRA_MAX) {
        return DAM_ERANGE;
    }
    header->extra_len = (uint8_t)extra.len;
    memcpy(header->extra, extra.data, extra.len);
    return DAM_OK;
}

static enum dam_err form_of_count(size_t field_count, enum dam_header_form *ret)
{
    switch (field_count) {
    case DAM_HEADER_FRONTIER:
    case DAM_HEADER_LONDON:
    case DAM_HEADER_SHANGHAI:
    case DAM_HEADER_CANCUN:
    case DAM_HEADER_PRAGUE:
        *ret = (enum dam_header_form)field_count;
        return DAM_OK;
    default:
        return DAM_EPARSE;
    }
}

static enum dam_err later_fields_decode(struct dam_rlp *fields, struct dam_header *header)
{
    if (header->form >= DAM_HEADER_LONDON) {
        DAM_TRY(dam_rlp_u256(fields, &header->base_fee));
    }
    if (header->form >= DAM_HEADER_SHANGHAI) {
        DAM_TRY(dam_rlp_exact(fields, header->withdrawals_root.b, 32));
    }
    if (header->form >= DAM_HEADER_CANCUN) {
        DAM_TRY(dam_rlp_u64(fields, &header->blob_gas_used));
        DAM_TRY(dam_rlp_u64(fields, &header->excess_blob_gas));
        DAM_TRY(dam_rlp_exact(fields, header->parent_beacon_root.b, 32));
    }
    if (header->form >= DAM_HEADER_PRAGUE) {
        DAM_TRY(dam_rlp_exact(fields, header->requests_hash.b, 32));
    }
    return dam_rlp_end(fields);
}

enum dam_err dam_header_decode(struct dam_rlp *rlp, struct dam_header *ret)
{
    struct dam_header header = {.form = DAM_HEADER_FRONTIER};
    struct dam_rlp fields;
    size_t count;
    DAM_TRY(dam_rlp_list(rlp, &fields));
    DAM_TRY(dam_rlp_count(&fields, &count));
    DAM_TRY(form_of_count(count, &header.form));
    DAM_TRY(dam_rlp_exact(&fields, header.parent_hash.b, 32));
    DAM_TRY(dam_rlp_exact(&fields, header.uncles_hash.b, 32));
    DAM_TRY(dam_rlp_exact(&fields, header.beneficiary.b, 20));
    DAM_TRY(dam_rlp_exact(&fields, header.state_root.b, 32));
    DAM_TRY(dam_rlp_exact(&fields, header.tx_root.b, 32));
    DAM_TRY(dam_rlp_exact(&fields, header.receipt_root.b, 32));
    DAM_TRY(dam_rlp_exact(&fields, header.bloom.b, sizeof(header.bloom.b)));
    DAM_TRY(dam_rlp_u256(&fields, &header.difficulty));
    DAM_TRY(dam_rlp_u64(&fields, &header.number));
    DAM_TRY(dam_rlp_u64(&fields, &header.gas_limit));
    DAM_TRY(dam_rlp_u64(&fields, &header.gas_used));
    DAM_TRY(dam_rlp_u64(&fields, &header.timestamp));
    DAM_TRY(extra_decode(&fields, &header));
    DAM_TRY(dam_rlp_exact(&fields, header.prev_randao.b, 32));
    DAM_TRY(dam_rlp_exact(&fields, header.nonce, sizeof(header.nonce)));
    DAM_TRY(later_fields_decode(&fields, &header));
    *ret = header;
    return DAM_OK;
}

void dam_header_encode(const struct dam_header *header, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    dam_rlp_put_bytes(buf, header->parent_hash.b, 32);
    dam_rlp_put_bytes(buf, header->uncles_hash.b, 32);
    dam_rlp_put_bytes(buf, header->beneficiary.b, 20);
    dam_rlp_put_bytes(buf, header->state_root.b, 32);
    dam_rlp_put_bytes(buf, header->tx_root.b, 32);
    dam_rlp_put_bytes(buf, header->receipt_root.b, 32);
    dam_rlp_put_bytes(buf, header->bloom.b, sizeof(header->bloom.b));
    dam_rlp_put_u256(buf, &header->difficulty);
    dam_rlp_put_u64(buf, header->number);
    dam_rlp_put_u64(buf, header->gas_limit);
    dam_rlp_put_u64(buf, header->gas_used);
    dam_rlp_put_u64(buf, header->timestamp);
    dam_rlp_put_bytes(buf, header->extra, header->extra_len);
    dam_rlp_put_bytes(buf, header->prev_randao.b, 32);
    dam_rlp_put_bytes(buf, header->nonce, sizeof(header->nonce));
    if (header->form >= DAM_HEADER_LONDON) {
        dam_rlp_put_u256(buf, &header->base_fee);
    }
    if (header->form >= DAM_HEADER_SHANGHAI) {
        dam_rlp_put_bytes(buf, header->withdrawals_root.b, 32);
    }
    if (header->form >= DAM_HEADER_CANCUN) {
        dam_rlp_put_u64(buf, header->blob_gas_used);
        dam_rlp_put_u64(buf, header->excess_blob_gas);
        dam_rlp_put_bytes(buf, header->parent_beacon_root.b, 32);
    }
    if (header->form >= DAM_HEADER_PRAGUE) {
        dam_rlp_put_bytes(buf, header->requests_hash.b, 32);
    }
    dam_rlp_put_list_end(buf, list);
}

void dam_header_hash(const struct dam_header *header, struct dam_hash *ret)
{
    uint8_t memory[HEADER_LEN_MAX];
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, memory, sizeof(memory));
    dam_header_encode(header, &buf);
    DAM_ASSERT(dam_buf_err(&buf) == DAM_OK);
    dam_keccak256(buf.data, buf.len, ret);
}
