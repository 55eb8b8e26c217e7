// SPDX-License-Identifier: Apache-2.0
/* Transactions of types 0 to 4: EIP-155, 2718, 2930, 1559, 4844, 7702. Decoding is strict and says
 * which field is wrong; what a fork allows and what a sender can pay is not decided here but in
 * core/evm. Pure: lists live in an arena, byte views are borrowed from the encoded bytes. */
#ifndef DAM_CORE_ETH_TX_H
#define DAM_CORE_ETH_TX_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/u256.h"

enum dam_tx_type { /* the type byte on the wire */
                   DAM_TX_LEGACY = 0,
                   DAM_TX_ACCESS_LIST = 1,
                   DAM_TX_DYNAMIC_FEE = 2,
                   DAM_TX_BLOB = 3,
                   DAM_TX_SET_CODE = 4,
};

#define DAM_BLOB_LEN 131072u
#define DAM_KZG_LEN 48u

struct dam_access_entry {
    struct dam_address address;
    const struct dam_hash *keys;
    size_t key_count;
};

/* EIP-7702. Values outside their range are decoded too: they make the tuple, not the transaction,
 * invalid. */
struct dam_authorization {
    struct dam_u256 chain_id; /* 0: any chain */
    struct dam_address address;
    uint64_t nonce;
    uint8_t y_parity;
    struct dam_u256 r;
    struct dam_u256 s;
};

/* What travels with a blob transaction but is not part of it (EIP-4844; version 1: EIP-7594). */
struct dam_blob_sidecar {
    uint8_t version; /* 0: one proof a blob; 1: 128 cell proofs a blob */
    size_t blob_count;
    const uint8_t *const *blobs;       /* blob_count of DAM_BLOB_LEN bytes */
    const uint8_t *const *commitments; /* blob_count of DAM_KZG_LEN bytes */
    size_t proof_count;
    const uint8_t *const *proofs; /* proof_count of DAM_KZG_LEN bytes */
};

struct dam_tx {
    enum dam_tx_type type;
    bool has_chain_id; /* false only for a legacy transaction from before EIP-155 */
    bool is_create;    /* no recipient */
    uint8_t y_parity;  /* 0 or 1 */
    uint64_t chain_id;
    uint64_t nonce;
    uint64_t gas_limit;
    struct dam_u256 max_fee;          /* per gas; the gas price of types 0 and 1 */
    struct dam_u256 max_priority_fee; /* per gas; equals max_fee for types 0 and 1 */
    struct dam_u256 max_blob_fee;     /* per blob gas; type 3 */
    struct dam_address to;            /* zero for a creation */
    struct dam_u256 value;
    struct dam_bytes data;
    const struct dam_access_entry *access_list; /* types 1 and later */
    size_t access_count;
    const struct dam_hash *blob_hashes; /* type 3 */
    size_t blob_hash_count;
    const struct dam_authorization *authorizations; /* type 4 */
    size_t authorization_count;
    struct dam_u256 r;
    struct dam_u256 s;
    const struct dam_blob_sidecar *sidecar; /* NULL unless decoded from the network form */
};

/* What made a decoding fail: one list for the command line, JSON-RPC and the official tests. */
#define DAM_TX_FAULT_LIST(X)                                                                       \
    X(NONE, "no fault")                                                                            \
    X(EMPTY, "there are no bytes")                                                                 \
    X(TYPE, "the transaction type is not known")                                                   \
    X(RLP, "the bytes are not canonical RLP")                                                      \
    X(FIELD_COUNT, "there are too few or too many fields")                                         \
    X(CHAIN_ID, "chain id: not an integer below 2^64")                                             \
    X(NONCE, "nonce: not an integer below 2^64")                                                   \
    X(FEE, "gas price or fee: not an integer below 2^256")                                         \
    X(GAS_LIMIT, "gas limit: not an integer below 2^64")                                           \
    X(TO, "recipient: neither empty nor 20 bytes, or empty where one is needed")                   \
    X(VALUE, "value: not an integer below 2^256")                                                  \
    X(DATA, "data: not a byte string")                                                             \
    X(ACCESS_LIST, "access list: not a list of (20 bytes, list of 32 bytes)")                      \
    X(BLOB_HASHES, "blob hashes: not a list of 32 bytes")                                          \
    X(AUTHORIZATIONS, "authorization list: an entry is malformed")                                 \
    X(V, "v or y parity: not one of the values that are allowed")                                  \
    X(R, "r: not an integer below 2^256")                                                          \
    X(S, "s: not an integer below 2^256")                                                          \
    X(SIDECAR, "blob sidecar: malformed, or its counts do not match")                              \
    X(MEMORY, "out of memory")

enum dam_tx_fault {
#define X(name, text) DAM_TX_FAULT_##name,
    DAM_TX_FAULT_LIST(X)
#undef X
};

/** One sentence for people. Returns: static text. */
const char *dam_tx_fault_text(enum dam_tx_fault fault);

/** Decode the form that blocks hold and eth_sendRawTransaction takes; for type 3 both the plain and
 * the network form with its sidecar.
 *  Returns: DAM_OK; DAM_EPARSE with *ret_fault (if not NULL) set; DAM_ENOMEM. *ret is written only
 *           on DAM_OK.
 *  In:      bytes: the whole transaction, borrowed for as long as *ret is used.
 *  Surprise: r and s are any 256-bit numbers; only dam_tx_sender checks the signature. */
DAM_MUST_USE enum dam_err dam_tx_decode(struct dam_arena *arena, struct dam_bytes bytes,
                                        struct dam_tx *ret, enum dam_tx_fault *ret_fault);

/** Append the canonical signed form (without a sidecar), as blocks and tries hold it. */
void dam_tx_encode(const struct dam_tx *tx, struct dam_buf *buf);

/** Append the network form: with the sidecar if there is one. */
void dam_tx_encode_network(const struct dam_tx *tx, struct dam_buf *buf);

/** Append what the sender signs, before hashing. */
void dam_tx_encode_unsigned(const struct dam_tx *tx, struct dam_buf *buf);

/** The transaction's hash. In: arena: scratch, given back. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_tx_hash(const struct dam_tx *tx, struct dam_arena *arena,
                                      struct dam_hash *ret);
DAM_MUST_USE enum dam_err dam_tx_signing_hash(const struct dam_tx *tx, struct dam_arena *arena,
                                              struct dam_hash *ret);

/** Who signed it.
 *  Returns: DAM_OK; DAM_ESIGNATURE if r, s or the recovered point is bad; DAM_ENOMEM.
 *  In:      low_s: demand s in the lower half (EIP-2, from Homestead on). */
DAM_MUST_USE enum dam_err dam_tx_sender(const struct dam_tx *tx, bool low_s,
                                        struct dam_arena *arena, struct dam_address *ret);

/** Sign: sets y_parity, r and s (RFC 6979, low s). Returns: DAM_OK, DAM_ERANGE for a bad key,
 * DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_tx_sign(struct dam_tx *tx, const uint8_t secret[32],
                                      struct dam_arena *arena);

/** The `v` of JSON-RPC and of the wire: 27/28 or 35/36 + 2*chain id for legacy, else y parity. */
struct dam_u256 dam_tx_v(const struct dam_tx *tx);

/** The price per gas that the sender pays under a base fee: min(max_fee, base_fee + priority). */
struct dam_u256 dam_tx_effective_gas_price(const struct dam_tx *tx,
                                           const struct dam_u256 *base_fee);

/** Who signed an EIP-7702 tuple. Returns: as dam_tx_sender, low s always demanded; also
 * DAM_ESIGNATURE for a y parity that is neither 0 nor 1. */
DAM_MUST_USE enum dam_err dam_authorization_signer(const struct dam_authorization *authorization,
                                                   struct dam_address *ret);

/** Sign a tuple: sets y_parity, r and s. Returns: DAM_OK, or DAM_ERANGE for a bad key. */
DAM_MUST_USE enum dam_err dam_authorization_sign(struct dam_authorization *authorization,
                                                 const uint8_t secret[32]);

#endif
