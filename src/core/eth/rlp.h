// SPDX-License-Identifier: Apache-2.0
/* Recursive Length Prefix, Ethereum's wire form: the Yellow Paper, appendix B. The reader is a
 * cursor over borrowed bytes that accepts the canonical encoding only: shortest length form, no
 * single byte below 0x80 wrapped in a string, no integer with leading zeros. Pure; the reader takes
 * no memory at all. */
#ifndef DAM_CORE_ETH_RLP_H
#define DAM_CORE_ETH_RLP_H

#include "base/buf.h"
#include "base/u256.h"

#define DAM_RLP_DEPTH_MAX 1024u

/* The items that are still to be read. */
struct dam_rlp {
    const uint8_t *at;
    const uint8_t *end;
};

struct dam_rlp_item {
    bool is_list;
    struct dam_bytes payload; /* the string, or the items of the list */
    struct dam_bytes whole;   /* the header included */
};

static inline struct dam_rlp dam_rlp(struct dam_bytes bytes)
{
    return (struct dam_rlp){bytes.data, bytes.len > 0 ? bytes.data + bytes.len : bytes.data};
}

static inline bool dam_rlp_at_end(const struct dam_rlp *rlp)
{
    return rlp->at == rlp->end;
}

/** Items that are left, counted without looking into lists. Returns: DAM_EPARSE if one is bad. */
DAM_MUST_USE enum dam_err dam_rlp_count(const struct dam_rlp *rlp, size_t *ret);

/** The same, to size an array by: DAM_EPARSE too if there cannot be so many items of at least
 * item_len_min bytes each, so that few bytes never reserve much memory. */
DAM_MUST_USE enum dam_err dam_rlp_count_min(const struct dam_rlp *rlp, size_t item_len_min,
                                            size_t *ret);

/* Each reader takes the next item and moves the cursor behind it. Returns: DAM_OK; DAM_EPARSE if
 * there is no item, its encoding is not canonical, or it is of another kind; DAM_ERANGE if a number
 * is canonical but too large. On failure the cursor does not move and *ret is untouched. */
DAM_MUST_USE enum dam_err dam_rlp_next(struct dam_rlp *rlp, struct dam_rlp_item *ret);
DAM_MUST_USE enum dam_err dam_rlp_list(struct dam_rlp *rlp, struct dam_rlp *ret);
DAM_MUST_USE enum dam_err dam_rlp_bytes(struct dam_rlp *rlp, struct dam_bytes *ret);
DAM_MUST_USE enum dam_err dam_rlp_exact(struct dam_rlp *rlp, uint8_t *ret, size_t size);
DAM_MUST_USE enum dam_err dam_rlp_u64(struct dam_rlp *rlp, uint64_t *ret);
DAM_MUST_USE enum dam_err dam_rlp_u256(struct dam_rlp *rlp, struct dam_u256 *ret);

/** Nothing may follow. Returns: DAM_OK at the end, DAM_EPARSE otherwise. */
DAM_MUST_USE enum dam_err dam_rlp_end(const struct dam_rlp *rlp);

/** Is this exactly one canonical item, all the way down? Lists nest at most DAM_RLP_DEPTH_MAX. */
DAM_MUST_USE enum dam_err dam_rlp_check(struct dam_bytes bytes);

/* The writer appends to a dam_buf; ask dam_buf_err once at the end. */
void dam_rlp_put_bytes(struct dam_buf *buf, const void *data, size_t len);
void dam_rlp_put_u64(struct dam_buf *buf, uint64_t value);
void dam_rlp_put_u256(struct dam_buf *buf, const struct dam_u256 *value);

/** Begin a list: remember the returned place, write the items, then end it with that place. */
static inline size_t dam_rlp_put_list(struct dam_buf *buf)
{
    return buf->len;
}

void dam_rlp_put_list_end(struct dam_buf *buf, size_t start);

#endif
