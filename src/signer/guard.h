// SPDX-License-Identifier: Apache-2.0
/* The signer's judgement: one request in, one reply out. Everything that decides is here, free of
 * processes and sockets, so that tests can ask it a hundred thousand times. The order is always:
 * check, make the record durable, sign, reply. */
#ifndef DAM_SIGNER_GUARD_H
#define DAM_SIGNER_GUARD_H

#include "base/arena.h"
#include "signer/message.h"

/* Where the secret key lives. sign: any number of times, may block; writes a signature of the
 * digest, in the form of DAM_SIGNER_SIGNATURE_MAX; an error is the key home's failure. */
struct dam_signer_key {
    enum dam_err (*sign)(void *ctx, const struct dam_hash *digest,
                         uint8_t signature[DAM_SIGNER_SIGNATURE_MAX], uint8_t *ret_len);
    void *ctx;
};

struct dam_signer_guard {
    struct dam_signer_state *state; /* borrowed, like the next two */
    const struct dam_policy *policy;
    const struct dam_signer_key *key;
    bool unlocked;
    uint8_t sandbox; /* told in STATUS */
};

/** Answer one message.
 *  In:  now: seconds, from the signer's own clock, which only a restart may hold back.
 *       arena: scratch of at least 8 * DAM_SIGNER_MESSAGE_MAX, reset by the caller; the reply
 * points into it. Never fails: whatever the bytes are, *ret is a reply. */
void dam_signer_guard_answer(struct dam_signer_guard *guard, struct dam_bytes message, uint64_t now,
                             struct dam_arena *arena, struct dam_signer_reply *ret);

#endif
