// SPDX-License-Identifier: Apache-2.0
/* What the signer must never forget: the highest checkpoint, each nonce and what was signed for it,
 * what has been spent, voucher totals, oracle rounds. An append-only file of records, each under a
 * MAC that chains to the one before and whose key comes from the secret key, so that nobody else
 * can write one. A record is on the disk before the signature that it is about leaves the process.
 *
 * A file that has grown is compacted: all that a later decision can ask for becomes one record, the
 * first of a fresh file that takes the old one's place. Its index goes on from the old file's, so
 * of two files the one that begins with the higher index is the later one. Left out is what no
 * decision can need: superseded records, nonces too old to be signed again, and the use of
 * allowances that are full again. What stays for the life of the key, because the signer cannot see
 * the chain and so never knows that it has ended:
 *     channels  the total of each, or a lower one could be signed after a higher; 1,024 of them
 *     topics    the round of each, or two reports could be signed for one; 256 of them
 * A key that needs more is refused with "full" for what is new, and goes on with what is known; the
 * operator then gives the machine a new key, or begins the state anew (signer/home.h).
 *
 * What the chain of MACs cannot see is a whole older file put back: that is what the comparison
 * with the chain at start is for (dam_signer_state_is_behind).
 *
 * The file, version 2: 16 bytes "DAMSIGNR", version u32, 4 zero; then records of
 *     u32 payload length, u8 kind, 3 zero, u64 index, payload, 32 bytes MAC
 * with MAC = HMAC-SHA-256(key, MAC of the record before || record), integers big-endian. Version 1,
 * which is read as well, has no record of a whole state. */
#ifndef DAM_SIGNER_STATE_H
#define DAM_SIGNER_STATE_H

#include "signer/policy.h"

#define DAM_SIGNER_NONCES_KEPT 256u /* per lane: older ones are refused, not signed again */
#define DAM_SIGNER_TXS_KEPT 16u     /* of the chain lane: to be given again */
#define DAM_SIGNER_TX_LEN_MAX 4096u /* a longer one is signed, but not kept */
#define DAM_SIGNER_USES_MAX 4096u
#define DAM_SIGNER_CHANNELS_MAX 1024u
#define DAM_SIGNER_TOPICS_MAX 256u
#define DAM_SIGNER_RECORD_MAX 8192u
#define DAM_SIGNER_PIN_LEN 260u
#define DAM_SIGNER_FILE_LEN_DUE (8u << 20) /* compacted from here on: some 55,000 vouchers */
#define DAM_SIGNER_WHOLE_MAX (576u << 10)  /* a fresh file with every table full */

/* What may be asked for; a mask. Stored: do not renumber. */
enum dam_signer_permission {
    DAM_SIGNER_MAY_SPEND = 1,
    DAM_SIGNER_MAY_CHECKPOINT = 2,
    DAM_SIGNER_MAY_VOUCH = 4,
    DAM_SIGNER_MAY_REPORT = 8,
    DAM_SIGNER_MAY_ALL = 15,
};

/* The frame in which the key may act. Set by the operator, who knows the keystore's password; the
 * machine's main process cannot change it. */
struct dam_signer_pin {
    uint64_t version; /* +1 for each change */
    uint64_t chain_id;
    struct dam_address account; /* MachineAccount; equal to key: the key's own account acts */
    struct dam_address key;     /* the secret key's address */
    struct dam_hash machine;    /* keccak256(abi.encode(chainId, registry, tokenId)) */
    struct dam_address evidence;
    struct dam_address oracle;   /* zero: no reports */
    struct dam_address approver; /* zero: nobody can approve */
    struct dam_hash policy_hash; /* keccak256 of the policy blob */
    struct dam_u256 max_fee;     /* per gas */
    struct dam_u256 fee_per_day; /* gas limit times fee, refilling over a day; below 2^128 */
    uint64_t gas_limit_max;
    uint8_t permissions;
};

/* Nonces are counted in two lanes. Stored: do not renumber. */
enum dam_signer_lane {
    DAM_SIGNER_LANE_CHAIN = 0,   /* the key's account on the chain */
    DAM_SIGNER_LANE_RELAYED = 1, /* Execute(batch, nonce, deadline) that others carry */
};

struct dam_signer_nonce {
    uint64_t nonce;
    struct dam_hash payload; /* of all but the fees: a fee bump keeps it */
    struct dam_u256 max_fee;
    struct dam_u256 max_priority_fee;
};

/* A transaction of the chain lane, for whoever asked for it and lost it. */
struct dam_signer_tx {
    uint64_t nonce;
    struct dam_hash cause;                /* why it was asked for: the outbox's id */
    size_t len;                           /* 0: none here */
    uint8_t bytes[DAM_SIGNER_TX_LEN_MAX]; /* not signed; as it was first asked for */
};

struct dam_signer_checkpoint {
    uint64_t size;
    struct dam_hash root;
    uint64_t time;
};

struct dam_signer_use_entry {
    struct dam_hash key;
    struct dam_policy_use use;
};

struct dam_signer_channel {
    struct dam_hash domain;
    struct dam_hash channel;
    struct dam_u256 total;
};

struct dam_signer_topic {
    struct dam_hash config;
    struct dam_hash topic;
    uint64_t round;
    struct dam_hash digest;
};

/* The effects on the file, after it was opened. append: all bytes behind the `at` that are there,
 * or an error; sync: they are on the disk; replace: these bytes are the whole file and on the disk,
 * and whoever opens it after a crash finds the old one or them. All may block. After an error
 * nothing is known of the file: the state refuses everything from then on. */
struct dam_signer_disk {
    enum dam_err (*append)(void *ctx, uint64_t at, const uint8_t *data, size_t len);
    enum dam_err (*sync)(void *ctx);
    enum dam_err (*replace)(void *ctx, const uint8_t *data, size_t len);
    void *ctx;
};

struct dam_signer_state {
    struct dam_signer_disk disk;
    uint8_t mac_key[32];
    struct dam_hash mac;   /* of the last record */
    uint64_t index_next;   /* of the next record */
    uint64_t file_len;     /* of the header and all records */
    uint64_t file_len_due; /* DAM_SIGNER_FILE_LEN_DUE, or what a test sets */
    bool failed;           /* the disk failed: no more signatures */
    bool pinned;           /* a pin was read: the state is usable */
    uint64_t time_last;    /* seconds; never goes back */
    struct dam_signer_pin pin;
    struct dam_policy_use fees;
    struct dam_signer_checkpoint checkpoint;
    uint64_t nonce_next[2];                                    /* by lane */
    struct dam_signer_nonce nonces[2][DAM_SIGNER_NONCES_KEPT]; /* at nonce mod KEPT */
    struct dam_signer_tx txs[DAM_SIGNER_TXS_KEPT];             /* at nonce mod KEPT */
    uint32_t use_count;
    struct dam_signer_use_entry uses[DAM_SIGNER_USES_MAX];
    uint32_t channel_count;
    struct dam_signer_channel channels[DAM_SIGNER_CHANNELS_MAX];
    uint32_t topic_count;
    struct dam_signer_topic topics[DAM_SIGNER_TOPICS_MAX];
    uint8_t whole[DAM_SIGNER_WHOLE_MAX]; /* scratch: where a fresh file is made */
};

/** Begin with nothing. In: secret: only the MAC key is made from it. */
void dam_signer_state_init(struct dam_signer_state *state, const uint8_t secret[32],
                           const struct dam_signer_disk *disk);

/** Wipe the MAC key. Accepts a zeroed state. */
void dam_signer_state_finish(struct dam_signer_state *state);

/** Write the file's first bytes (its header). Returns: DAM_OK or the disk's error. */
DAM_MUST_USE enum dam_err dam_signer_state_begin(struct dam_signer_state *state);

/** Which of two files is the later one? Returns: whether a file begins with a whole record of this
 * key, with *ret_index its index. A fresh file that was never finished does not. In: state: as
 * initialised. */
bool dam_signer_state_begins(const struct dam_signer_state *state, struct dam_bytes file,
                             uint64_t *ret_index);

/** Read a file back.
 *  Returns: DAM_OK with state->file_len the length of its good part (the caller cuts what follows:
 * a record that never finished was never acted on); DAM_EVERSION; DAM_ECORRUPT if a record before
 * the last does not match its MAC, or the file holds no pin. */
DAM_MUST_USE enum dam_err dam_signer_state_replay(struct dam_signer_state *state,
                                                  struct dam_bytes file);

/** Is it time to compact: has the file grown to file_len_due, or is there no room for another
 * batch's allowances while some of those kept are full again? In: policy: the pinned one; now: as
 * for the puts. */
bool dam_signer_state_is_due(const struct dam_signer_state *state, const struct dam_policy *policy,
                             uint64_t now);

/** Write all that matters from `now` on as a fresh file in the place of the old one. Every later
 * question gets the answer that it would have got. Returns: DAM_OK; the disk's error, after which
 * the state is failed for good. */
DAM_MUST_USE enum dam_err dam_signer_state_compact(struct dam_signer_state *state,
                                                   const struct dam_policy *policy, uint64_t now);

/* Each of these makes one record durable and then takes it into account. Returns: DAM_OK; DAM_EFULL
 * if a table is full (nothing written); DAM_EIO or the like from the disk, after which the state is
 * failed for good. What may be recorded is decided by the caller (signer/guard.h). */
DAM_MUST_USE enum dam_err dam_signer_state_put_pin(struct dam_signer_state *state,
                                                   const struct dam_signer_pin *pin);

/** The operator's word on where the chain stands, after the state was lost or for a new key. */
DAM_MUST_USE enum dam_err dam_signer_state_put_base(struct dam_signer_state *state,
                                                    const uint64_t nonce_next[2],
                                                    const struct dam_signer_checkpoint *checkpoint,
                                                    uint64_t time);

/** In: takes: those of an allowed verdict, none for a fee bump; fees: what the budget becomes.
 *  cause, tx: the transaction, to be kept; with no bytes, or too many of them, it is not. */
DAM_MUST_USE enum dam_err
dam_signer_state_put_nonce(struct dam_signer_state *state, enum dam_signer_lane lane,
                           const struct dam_signer_nonce *nonce, const struct dam_policy_use *fees,
                           const struct dam_policy_take *takes, uint32_t take_count,
                           const struct dam_hash *cause, struct dam_bytes tx, uint64_t time);
DAM_MUST_USE enum dam_err
dam_signer_state_put_checkpoint(struct dam_signer_state *state,
                                const struct dam_signer_checkpoint *checkpoint, uint64_t time);
DAM_MUST_USE enum dam_err dam_signer_state_put_channel(struct dam_signer_state *state,
                                                       const struct dam_signer_channel *channel,
                                                       uint64_t time);
DAM_MUST_USE enum dam_err dam_signer_state_put_topic(struct dam_signer_state *state,
                                                     const struct dam_signer_topic *topic,
                                                     uint64_t time);

/** Returns: what is known, or NULL. Borrowed until the next put. */
const struct dam_signer_nonce *dam_signer_state_nonce(const struct dam_signer_state *state,
                                                      enum dam_signer_lane lane, uint64_t nonce);
const struct dam_signer_tx *dam_signer_state_tx(const struct dam_signer_state *state,
                                                uint64_t nonce);
const struct dam_signer_channel *dam_signer_state_channel(const struct dam_signer_state *state,
                                                          const struct dam_hash *domain,
                                                          const struct dam_hash *channel);
const struct dam_signer_topic *dam_signer_state_topic(const struct dam_signer_state *state,
                                                      const struct dam_hash *config,
                                                      const struct dam_hash *topic);

/** The policy's ledger over this state. */
struct dam_policy_ledger dam_signer_state_ledger(const struct dam_signer_state *state);

/** Has the chain seen more than this state remembers? Then it is an older copy, and signing under
 * it could sign something twice. In: chain_nonce: transactions of the key on the chain; anchored:
 * the last anchored checkpoint. */
bool dam_signer_state_is_behind(const struct dam_signer_state *state, uint64_t chain_nonce,
                                const struct dam_signer_checkpoint *anchored);

#endif
