// SPDX-License-Identifier: Apache-2.0
/* The machine on its chain: one set of endpoints, one signer process, one outbox, shared by all
 * who speak for the machine (its keeper, its skills). They stand in a line: one works with it at a
 * time, in the order in which the loop gave the work out, so that nonces do not depend on which
 * thread was faster. What is signed is durable before it leaves. Blocks; for worker threads, never
 * for the loop's. */
#ifndef DAM_CHAIN_ENVOY_H
#define DAM_CHAIN_ENVOY_H

#include "chain/calldata.h"
#include "chain/outbox.h"
#include "signer/signer.h"

#include <uv.h>

#define DAM_ENVOY_WHY_SIZE 384u
#define DAM_ENVOY_DEEDS_MAX 128u /* with so many nothing new is signed */
#define DAM_ENVOY_WHAT_SIZE 96u

/* Texts are copied. */
struct dam_envoy_options {
    const char *urls[DAM_REMOTE_ENDPOINTS_MAX]; /* JSON-RPC of one chain */
    size_t url_count;
    size_t agree_min;            /* endpoints that must give the same answer */
    struct dam_http_client http; /* how to reach them, the envoy's from its creation on; zeroed: by
                                  * one of its own */
    uint32_t timeout_ms;         /* of one call to the chain */
    uint64_t chain_id;           /* 0: whatever the endpoints say */
    const char *signer_folder;   /* signer/home.h; NULL: it only reads */
    const char *password_path;
    const char *outbox_folder;
    bool has_witness; /* whoever made it takes the deeds: dam_envoy_deed_take */
};

/* A transaction that was signed for the machine. */
struct dam_envoy_deed {
    struct dam_hash id; /* its cause: the outbox's */
    struct dam_hash tx_hash;
    char what[DAM_ENVOY_WHAT_SIZE]; /* for people */
};

struct dam_envoy {
    struct dam_envoy_options options;
    struct dam_arena texts; /* of the options */
    unsigned users;
    struct dam_arena arena; /* of whoever works with it; reset when it leaves */
    struct dam_http_client http;
    struct dam_remote chain;
    struct dam_signer *signer; /* NULL: none */
    struct dam_signer_pin pin; /* the signer's frame; with a signer only */
    struct dam_outbox outbox;
    bool ready;                      /* the chain was reached */
    bool armed;                      /* the signer is unlocked, and the fields below are known */
    struct dam_u256 id;              /* the machine's token; with a signer of an account only */
    struct dam_address constitution; /* of that account */
    char why[DAM_ENVOY_WHY_SIZE];    /* of the last failure, for people */
    const char *what;                /* what is being signed; NULL: something known before */
    bool met;                        /* what was in the outbox at the start has been told */

    uv_mutex_t lock; /* of the fields below: held for moments only */
    uv_cond_t moved; /* the line has */
    bool is_taken;   /* somebody works with it */
    uint64_t place_next;
    uint64_t place_now;           /* whose turn is next */
    struct dam_envoy_deed *deeds; /* oldest first */
    size_t deed_size;             /* room for so many */
    size_t deed_count;
    size_t deed_taken; /* of them, from the first on */
};

/** Prepare; touches nothing outside. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_envoy_create(const struct dam_envoy_options *options,
                                           struct dam_envoy **ret);

/** One more user. Returns: envoy. On the loop's thread, as release. */
struct dam_envoy *dam_envoy_share(struct dam_envoy *envoy);

/** One user less; the last one stops the signer and closes everything. Nobody may stand in the
 *  line. Accepts NULL. */
void dam_envoy_release(struct dam_envoy *envoy);

/** Stand in the line. Returns: the place: who has it must enter with it and leave, once: those
 *  behind wait. On the loop's thread, right before the work is queued for a worker, so that threads
 *  are given out in the line's order. */
uint64_t dam_envoy_line_up(struct dam_envoy *envoy);

/** Wait for one's turn. Every call below is made between an entry and leaving. */
void dam_envoy_enter(struct dam_envoy *envoy, uint64_t place);

/** Enter without a place, as soon as nobody works with it: for a worker in the midst of its work.
 *  It may not wait for the line: who stands there may still wait for the thread that it holds. */
void dam_envoy_step_in(struct dam_envoy *envoy);

void dam_envoy_leave(struct dam_envoy *envoy);

/** Reach the chain, if it was not. Harmless to repeat.
 *  Returns: DAM_OK; DAM_ECONFLICT if it is another chain; else why it is not reached. envoy->why
 *           says more. */
DAM_MUST_USE enum dam_err dam_envoy_connect(struct dam_envoy *envoy);

/** The same, and start the signer and open the outbox if they are not. Harmless to repeat.
 *  Returns: as connect; DAM_EUNSUPPORTED without a signer; DAM_ECONFLICT if the parts do not belong
 *           together (another chain, another account, another sender's outbox); DAM_EREFUSED if the
 *           signer will not unlock. */
DAM_MUST_USE enum dam_err dam_envoy_arm(struct dam_envoy *envoy);

/** Ask the signer. A refusal becomes DAM_EREFUSED with envoy->why. Returns: as dam_signer_call. In:
 *  envoy: armed. */
DAM_MUST_USE enum dam_err dam_envoy_ask(struct dam_envoy *envoy, struct dam_signer_request *request,
                                        struct dam_signer_reply *ret);

/** Say why something failed, unless a deeper place said it already. Returns: err. */
enum dam_err dam_envoy_fail(struct dam_envoy *envoy, enum dam_err err, const char *fmt, ...)
    DAM_PRINTF(3, 4);

/** A view whose arguments and results are all static: words.
 *  Returns: DAM_OK; DAM_EPARSE if the answer has another length (no such contract, or another one);
 *           as dam_remote_call. In: count: at most DAM_CALLDATA_WORDS_MAX. */
DAM_MUST_USE enum dam_err dam_envoy_view(struct dam_envoy *envoy, const struct dam_address *to,
                                         const char *signature, const struct dam_u256 *words,
                                         size_t count, struct dam_remote_at at,
                                         struct dam_u256 *ret, size_t ret_count);

/** The time of the newest block, in seconds. */
DAM_MUST_USE enum dam_err dam_envoy_chain_time(struct dam_envoy *envoy, uint64_t *ret_s);

/** Have the machine's account make calls, once for each id (chain/outbox.h).
 *  Returns: DAM_OK once the order is durable and a node has it; DAM_EREFUSED if policy, signer or
 *           chain said no; DAM_EFULL if the witness is too far behind: nothing was signed; else the
 *           world's failure.
 *  In:      what: it is, for people and for the evidence. count: at most DAM_CALLDATA_CALLS_MAX.
 *  Out:     ret_recorded: after a failure, whether the order may still reach the chain. */
DAM_MUST_USE enum dam_err dam_envoy_execute(struct dam_envoy *envoy, const struct dam_hash *id,
                                            const char *what, const struct dam_calldata_call *calls,
                                            size_t count, bool *ret_recorded);

/** An attempt that is past all change and did nothing stands in the way of the next one of its
 * cause: forget it. Returns: DAM_OK, also if there is none, or if it may still do something, or
 * did; DAM_EAGAIN as long as the witness may not have it; as dam_outbox_look. In: envoy: armed. */
DAM_MUST_USE enum dam_err dam_envoy_forget_failed(struct dam_envoy *envoy,
                                                  const struct dam_hash *id);

/* The next three are for any thread, not between enter and leave; they never wait for the chain. */

/** The oldest deed that was not taken yet: each signature since the start, and at the start those
 *  of the outbox, which may have been taken before. Returns: false if there is none. */
bool dam_envoy_deed_take(struct dam_envoy *envoy, struct dam_envoy_deed *ret);

/** What was taken is durable: the outbox may forget it. */
void dam_envoy_deeds_kept(struct dam_envoy *envoy);

/** Is nothing that was signed for this cause still to be made durable by the witness? Until then
 *  the outbox must not forget it. */
bool dam_envoy_is_witnessed(struct dam_envoy *envoy, const struct dam_hash *id);

#endif
