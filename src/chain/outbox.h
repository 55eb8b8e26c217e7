// SPDX-License-Identifier: Apache-2.0
/* Transactions that are sent once. Each has an id that its cause gives it (a job, a payment, a
 * checkpoint). Under that id the transaction is made durable before it is signed, so that after a
 * crash the signer is asked for the very same again, and its signed bytes before they leave; every
 * retry, after a timeout as after a crash, sends the very same bytes: the chain's nonce makes a
 * second execution impossible. Where fees have risen above what was signed, the same transaction
 * with higher fees takes its place under the same nonce. A folder holds one file a transaction; one
 * process and one sender a folder. Blocks; one thread. */
#ifndef DAM_CHAIN_OUTBOX_H
#define DAM_CHAIN_OUTBOX_H

#include "chain/chain.h"

/* Who signs. */
struct dam_tx_signer {
    struct dam_address address;
    /* Sets y parity, r and s. May block (the signer is a process of its own); DAM_EREFUSED if the
     * signer's own limits forbid it. In: id: of the order. */
    enum dam_err (*sign)(void *ctx, const struct dam_hash *id, struct dam_tx *tx,
                         struct dam_arena *arena);
    /* What was signed for a nonce, and for which order. Asked by open where the folder is new.
     * DAM_ENOTFOUND: nothing is known of it. NULL: the signer keeps nothing. */
    enum dam_err (*again)(void *ctx, uint64_t nonce, struct dam_arena *arena,
                          struct dam_hash *ret_id, struct dam_bytes *ret_raw);
    uint64_t nonce_next; /* with again: above every nonce that was signed */
    /* Told of each transaction that was signed, when its bytes are durable and before they leave;
     * and at open of those that are in the folder. Must not block. NULL: nobody wants to know. */
    void (*signed_is)(void *ctx, const struct dam_hash *id, const struct dam_hash *tx_hash);
    void *ctx;
};

struct dam_outbox {
    struct dam_remote *chain; /* borrowed */
    struct dam_tx_signer signer;
    int folder;                  /* file descriptor */
    uint64_t nonce_next;         /* above every nonce in the folder; 0: none there */
    struct dam_u256 max_fee_cap; /* per gas; zero: none */
};

/** Open or make the folder and read what is in it. Where the folder is new, what the signer
 * remembers is put into it: if the one before it was lost, what it held is sent again under its old
 * ids, and is not paid twice. Returns: DAM_OK; DAM_ENOTFOUND if the folder cannot be made where it
 * is wanted; DAM_ENOSPC; DAM_EIO; DAM_ECORRUPT if a file is not ours;
 * DAM_EVERSION; DAM_ECONFLICT if another process has it open or it belongs to another sender or
 * chain. */
DAM_MUST_USE enum dam_err dam_outbox_open(struct dam_outbox *outbox, struct dam_arena *arena,
                                          struct dam_remote *chain,
                                          const struct dam_tx_signer *signer, const char *folder);

/** Accepts one that is closed or was never open (zeroed with folder -1). */
void dam_outbox_close(struct dam_outbox *outbox);

/* What to do. Gas limit and fees are found out at the first send. */
struct dam_outbox_order {
    struct dam_hash id;
    const struct dam_address *to; /* NULL: a creation */
    struct dam_bytes data;
    struct dam_u256 value;
    uint64_t gas_limit; /* 0: estimate, and add a fifth */
};

/** Send, or send again. With an id that is known the order is not looked at: its signed bytes go
 *  out as they are.
 *  Returns: DAM_OK with the hash once the bytes are durable and an endpoint has them; DAM_EREFUSED
 *           if it would revert (chain->error), the fee is above the cap, or signer or node refused
 *           it; the transport's errors (port/http_client.h). After a failure *ret_is_recorded tells
 * whether the bytes are durable: then call again with this id, nothing else may take its place.
 */
DAM_MUST_USE enum dam_err dam_outbox_send(struct dam_outbox *outbox, struct dam_arena *arena,
                                          const struct dam_outbox_order *order,
                                          struct dam_hash *ret_tx_hash, bool *ret_is_recorded);

enum dam_outbox_state {
    DAM_OUTBOX_UNKNOWN, /* no such id */
    DAM_OUTBOX_SENT,    /* not in a block yet, or not even signed yet */
    DAM_OUTBOX_MINED,   /* in a block that may still go */
    DAM_OUTBOX_FINAL,   /* in a block that stays */
    DAM_OUTBOX_LOST,    /* another transaction of this sender has its nonce, in a final block */
};

/** How far is it? Out: ret_receipt: set for MINED and FINAL. */
DAM_MUST_USE enum dam_err dam_outbox_look(struct dam_outbox *outbox, struct dam_arena *arena,
                                          const struct dam_hash *id, enum dam_outbox_state *ret,
                                          struct dam_remote_receipt *ret_receipt);

/** Send every recorded transaction again that is not in a block: after a start, and now and then.
 * One whose fees are too low by now is replaced first, at least an eighth higher, as long as the
 * cap and the signer allow it. Returns: DAM_OK, or why the chain or the disk did not answer; what
 *  signer or node refuse holds up nothing. */
DAM_MUST_USE enum dam_err dam_outbox_resend(struct dam_outbox *outbox, struct dam_arena *arena);

/** Forget one that is FINAL or LOST. The caller has durably recorded the outcome before. */
DAM_MUST_USE enum dam_err dam_outbox_forget(struct dam_outbox *outbox, const struct dam_hash *id);

#endif
