// SPDX-License-Identifier: Apache-2.0
/* Block headers of every fork from Frontier to Osaka. Later fields come in order: a header that has
 * one has all before it. Pure. */
#ifndef DAM_CORE_ETH_HEADER_H
#define DAM_CORE_ETH_HEADER_H

#include "base/buf.h"
#include "base/u256.h"
#include "core/eth/bloom.h"
#include "core/eth/rlp.h"

/* How many of the optional fields a header has. */
enum dam_header_form {
    DAM_HEADER_FRONTIER = 15,
    DAM_HEADER_LONDON = 16,   /* base fee, EIP-1559 */
    DAM_HEADER_SHANGHAI = 17, /* withdrawals root, EIP-4895 */
    DAM_HEADER_CANCUN = 20,   /* blob gas used, excess blob gas, beacon root: EIP-4844, 4788 */
    DAM_HEADER_PRAGUE = 21,   /* requests hash, EIP-7685 */
};

#define DAM_HEADER_EXTRA_MAX 32u

struct dam_header {
    enum dam_header_form form;
    struct dam_hash parent_hash;
    struct dam_hash uncles_hash;
    struct dam_address beneficiary;
    struct dam_hash state_root;
    struct dam_hash tx_root;
    struct dam_hash receipt_root;
    struct dam_bloom bloom;
    struct dam_u256 difficulty;
    uint64_t number;
    uint64_t gas_limit;
    uint64_t gas_used;
    uint64_t timestamp; /* seconds since 1970 */
    uint8_t extra_len;
    uint8_t extra[DAM_HEADER_EXTRA_MAX];
    struct dam_hash prev_randao; /* mix hash before Paris */
    uint8_t nonce[8];
    struct dam_u256 base_fee; /* per gas; from here on only as far as form says */
    struct dam_hash withdrawals_root;
    uint64_t blob_gas_used;
    uint64_t excess_blob_gas;
    struct dam_hash parent_beacon_root;
    struct dam_hash requests_hash;
};

extern const struct dam_hash dam_empty_uncles_hash; /* keccak256(rlp([])) */
extern const struct dam_hash dam_empty_trie_root;   /* keccak256(rlp("")) */
extern const struct dam_hash dam_empty_code_hash;   /* keccak256("") */

/** Read one header from a cursor. Returns: DAM_OK, DAM_EPARSE, or DAM_ERANGE (a field too large);
 * on failure the cursor may have moved and *ret is untouched. */
DAM_MUST_USE enum dam_err dam_header_decode(struct dam_rlp *rlp, struct dam_header *ret);

void dam_header_encode(const struct dam_header *header, struct dam_buf *buf);

/** The block's hash. */
void dam_header_hash(const struct dam_header *header, struct dam_hash *ret);

#endif
