// SPDX-License-Identifier: Apache-2.0
/* The signer, seen from the machine: a process of its own that holds the key, judges every intent
 * by the policy and remembers what it signed. This side starts it, asks it, and never sees the key.
 * Used by the machine's loop and by the skills; one owner, one request at a time. */
#ifndef DAM_SIGNER_SIGNER_H
#define DAM_SIGNER_SIGNER_H

#include "core/eth/tx.h"
#include "signer/message.h"

struct dam_signer; /* private */

struct dam_signer_options {
    const char *program; /* what is executed as `PROGRAM signer-process`; NULL: this program */
    const char *folder;  /* signer/home.h */
    const char *password_path; /* its first line; read by the signer only */
    int start_timeout_ms;      /* the key's derivation takes about a second */
    int timeout_ms;            /* of one request */
};

/** Start a signer and wait until it is ready.
 *  Returns: DAM_OK; DAM_ENOTFOUND if there is no key or its state is lost (then only the operator's
 *           reset helps); DAM_EREFUSED for a wrong password; DAM_ECONFLICT if one runs already;
 *           DAM_ECORRUPT, DAM_EVERSION, DAM_ERANGE as dam_signer_home_open; DAM_EUNSUPPORTED if the
 *           process cannot be sandboxed; DAM_ETIMEOUT; DAM_EIO; DAM_ENOMEM.
 *  In:      options: borrowed for the call.
 *  Surprise: the signer is locked until an UNLOCK request has told it where the chain stands. */
DAM_MUST_USE enum dam_err dam_signer_spawn(const struct dam_signer_options *options,
                                           struct dam_signer **ret);

/** Ask. A refusal is an answer: DAM_OK with ret->refusal set.
 *  Returns: DAM_OK; DAM_EFULL if the request is larger than a message; DAM_ETIMEOUT; DAM_ECLOSED if
 *           the signer is gone: close it, and spawn another.
 *  In:      request: its id is set here.
 *  Out:     ret: byte views in it live until the next call.
 *  Blocks for one disk sync, about a millisecond; for three more when the state is compacted. */
DAM_MUST_USE enum dam_err dam_signer_call(struct dam_signer *signer,
                                          struct dam_signer_request *request,
                                          struct dam_signer_reply *ret);

/* What a spend needs to know beside the transaction. */
struct dam_signer_context {
    const struct dam_signer_pin *pin; /* from a STATUS reply */
    uint8_t held;                     /* Constitution.authorityOf */
    uint16_t scale;
    struct dam_hash cause;     /* why it is asked for: dam_signer_tx_again tells it */
    struct dam_bytes approval; /* the approver's transaction, or empty */
};

/** Have a transaction signed that this side built (chain/outbox.h): its calls are read out of it,
 * asked for as an intent, and the signer's own transaction must come out the same.
 *  Returns: DAM_OK with y_parity, r and s set; DAM_EREFUSED with *ret_reply saying why;
 *           DAM_EUNSUPPORTED if it is no EIP-1559 transaction that calls `execute` of the account
 * in the plain encoding (or, where the key acts for itself, no plain call); DAM_ESIGNATURE if
 * something else came out; else as dam_signer_call. */
DAM_MUST_USE enum dam_err dam_signer_sign_tx(struct dam_signer *signer,
                                             const struct dam_signer_context *context,
                                             struct dam_tx *tx, struct dam_arena *arena,
                                             struct dam_signer_reply *ret_reply);

/** What was signed for a nonce of the key's account, the same bytes again (with a key in hardware:
 *  the same but for the signature). For whoever has lost them.
 *  Returns: DAM_OK; DAM_ENOTFOUND if nothing was, or it was not kept; DAM_EREFUSED; else as
 *           dam_signer_call. Out: ret_cause: what it was asked for with; ret_raw: in the arena. */
DAM_MUST_USE enum dam_err dam_signer_tx_again(struct dam_signer *signer, uint64_t nonce,
                                              struct dam_arena *arena, struct dam_hash *ret_cause,
                                              struct dam_bytes *ret_raw);

/** Send bytes as they are, for tests of the other side. Returns: as dam_signer_call. */
DAM_MUST_USE enum dam_err dam_signer_call_raw(struct dam_signer *signer, struct dam_bytes message,
                                              struct dam_signer_reply *ret);

/** The process's id, for supervision. */
int dam_signer_pid(const struct dam_signer *signer);

/** Stop it: the socket closes, the process ends by itself, or is killed after the timeout. Accepts
 * NULL. */
void dam_signer_close(struct dam_signer *signer);

#define DAM_SIGNER_EXIT_BASE 64 /* less an enum dam_err: the exit code of a process that failed */

/** The other side: what `dam signer-process --fd N --folder PATH --password-file PATH` runs.
 *  Returns: 2 for wrong arguments; else it ends the process itself, with 0 after the socket was
 *           closed. */
int dam_signer_process_main(int argc, char **argv);

#endif
