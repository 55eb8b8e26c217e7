// SPDX-License-Identifier: Apache-2.0
/* What the machine may ask its signer, and what it gets: typed intents, never a hash. One message
 * is one datagram on the socket between the two processes. The codec is strict: a length, a count
 * or a byte that does not fit makes the whole message malformed. docs/spec/signer.md is the schema.
 */
#ifndef DAM_SIGNER_MESSAGE_H
#define DAM_SIGNER_MESSAGE_H

#include "signer/state.h"

#define DAM_SIGNER_MESSAGE_MAX 131072u
#define DAM_SIGNER_OBSERVATIONS_MAX 31u

/* On the wire: do not renumber. */
enum dam_signer_kind {
    DAM_SIGNER_STATUS = 1,     /* what do you remember? always answered */
    DAM_SIGNER_UNLOCK = 2,     /* here is where the chain stands; may we begin? */
    DAM_SIGNER_SPEND = 3,      /* calls from the machine's account */
    DAM_SIGNER_CHECKPOINT = 4, /* docs/spec/evidence.md section 3 */
    DAM_SIGNER_VOUCHER = 5,    /* Voucher(bytes32 channelId,uint128 maxClaimableAmount) */
    DAM_SIGNER_REPORT = 6,     /* contracts/src/oracle/OracleFeed.sol */
    DAM_SIGNER_AGAIN = 7,      /* what was signed for this nonce of the chain lane? */
};

struct dam_signer_unlock {
    uint64_t chain_nonce; /* transactions of the key that the chain has seen */
    struct dam_signer_checkpoint anchored;
};

struct dam_signer_spend {
    enum dam_signer_lane lane;
    uint8_t held;   /* Constitution.authorityOf, as the machine sees it */
    uint16_t scale; /* a lie here cannot exceed the policy: above 1000 counts as 1000 */
    uint64_t nonce;
    uint64_t deadline;  /* RELAYED: seconds */
    uint64_t gas_limit; /* CHAIN, like the fees */
    struct dam_u256 max_fee;
    struct dam_u256 max_priority_fee;
    struct dam_hash cause;     /* CHAIN: kept with it and told by AGAIN; means nothing here */
    struct dam_bytes approval; /* the approver's signed approve(batch) transaction, or empty */
    uint32_t call_count;
    struct dam_policy_call calls[DAM_POLICY_CALLS_MAX];
};

struct dam_signer_voucher {
    struct dam_hash domain; /* an EIP-712 domain separator that the policy lists */
    struct dam_hash channel;
    struct dam_u256 total; /* below 2^128 */
};

struct dam_signer_report {
    struct dam_hash config;
    struct dam_hash topic;
    uint64_t round;
    uint64_t time;
    uint32_t count;
    struct dam_u256 observations[DAM_SIGNER_OBSERVATIONS_MAX]; /* int128, sign-extended */
};

struct dam_signer_request {
    enum dam_signer_kind kind;
    uint32_t id; /* comes back in the reply */
    union {
        struct dam_signer_unlock unlock;
        struct dam_signer_spend spend;
        struct dam_signer_checkpoint checkpoint;
        struct dam_signer_voucher voucher;
        struct dam_signer_report report;
        uint64_t again; /* a nonce */
    };
};

/* Why there is no signature. 1..15 are the policy's reasons (signer/policy.h). On the wire and in
 * the evidence: do not renumber. */
#define DAM_SIGNER_REFUSAL_LIST(X)                                                                 \
    X(LOCKED, 100, "the signer's state was not yet checked against the chain")                     \
    X(PERMISSION, 101, "this signer was not set up for requests of this kind")                     \
    X(MESSAGE, 102, "malformed message")                                                           \
    X(NONCE_USED, 103, "something else was signed for this nonce")                                 \
    X(NONCE_GAP, 104, "a nonce before this one was never used")                                    \
    X(FEE, 105, "fee above the limit, or a replacement that does not pay more")                    \
    X(FEE_BUDGET, 106, "the day's fee budget is used up")                                          \
    X(GAS_LIMIT, 107, "gas limit outside what is allowed")                                         \
    X(CHECKPOINT_SIZE, 108, "a larger checkpoint was signed before")                               \
    X(CHECKPOINT_ROOT, 109, "another root was signed for this size")                               \
    X(CHECKPOINT_TIME, 110, "the checkpoint's time goes back or changes")                          \
    X(DOMAIN, 111, "the policy does not list this signing domain")                                 \
    X(TOTAL, 112, "a voucher's total must not shrink and is below 2^128")                          \
    X(ROUND, 113, "a later round of this topic was signed before")                                 \
    X(EQUIVOCATION, 114, "another report was signed for this round")                               \
    X(OBSERVATIONS, 115, "observations must be sorted and fit 128 bits")                           \
    X(FULL, 116, "a table of the signer is full")                                                  \
    X(DISK, 117, "the signer's state cannot be made durable")                                      \
    X(BEHIND, 118, "the chain has seen more than the signer remembers: its state is old")          \
    X(KEY, 119, "the key's home failed")                                                           \
    X(BAD_APPROVAL, 120, "the approval is not the approver's, not for this batch, or used")        \
    X(NOT_KEPT, 121, "nothing was signed for this nonce, or it was not kept")

enum dam_signer_refusal {
    DAM_SIGNER_SIGNED = 0,
#define X(name, number, text) DAM_SIGNER_REFUSED_##name = (number),
    DAM_SIGNER_REFUSAL_LIST(X)
#undef X
};

/** One sentence for people, for the policy's reasons too. Returns: static text. */
const char *dam_signer_refusal_text(unsigned refusal);

struct dam_signer_status {
    bool unlocked;
    uint8_t sandbox; /* enum dam_signer_sandbox bits */
    struct dam_signer_pin pin;
    uint64_t nonce_next[2];
    struct dam_signer_checkpoint checkpoint;
    uint64_t time_last;
    struct dam_u256 fees_left;
};

/* 65 bytes (r, s, v = 27 or 28) for secp256k1, 128 (r, s, x, y) for P-256. */
#define DAM_SIGNER_SIGNATURE_MAX 128u

struct dam_signer_reply {
    uint32_t id;
    uint16_t refusal;    /* 0: signed (or, for STATUS and UNLOCK, done) */
    uint32_t call_index; /* for the policy's reasons */
    union {
        struct dam_signer_status status; /* STATUS, UNLOCK */
        struct {
            struct dam_hash digest; /* what was signed; the hash of the transaction's fields */
            uint8_t signature_len;
            uint8_t signature[DAM_SIGNER_SIGNATURE_MAX];
            struct dam_bytes raw;  /* SPEND on the chain lane, AGAIN: the whole transaction */
            struct dam_hash cause; /* of these: what it was asked for with */
        };
    };
    bool has_status;
};

/** Write a message. Returns: its length; 0 if it needs more than size. In: request: within the
 * limits above. */
size_t dam_signer_request_encode(const struct dam_signer_request *request, uint8_t *data,
                                 size_t size);
size_t dam_signer_reply_encode(const struct dam_signer_reply *reply, uint8_t *data, size_t size);

/** Read a message. Returns: DAM_OK; DAM_EVERSION; DAM_EPARSE (of *ret only the id means anything,
 * if it was there). In: data: borrowed for as long as *ret is used. */
DAM_MUST_USE enum dam_err dam_signer_request_decode(const uint8_t *data, size_t len,
                                                    struct dam_signer_request *ret);
DAM_MUST_USE enum dam_err dam_signer_reply_decode(const uint8_t *data, size_t len,
                                                  struct dam_signer_reply *ret);

#endif
