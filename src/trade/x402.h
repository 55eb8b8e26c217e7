// SPDX-License-Identifier: Apache-2.0
/* x402, version 2, scheme `exact` on EVM: what a seller says over HTTP and what a buyer sends, an
 * authorisation by ERC-3009 that anybody may carry to the token. Pure: whether signature, nonce and
 * balance are good is the token's word. Source: github.com/coinbase/x402, specs/x402-specification.
 */
#ifndef DAM_TRADE_X402_H
#define DAM_TRADE_X402_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/u256.h"

#define DAM_X402_SECONDS_MAX 600u /* an offer stands so long */
#define DAM_X402_SECONDS_MIN 30u  /* an authorisation must be good for so much longer */

/* Texts are borrowed. */
struct dam_x402_terms {
    uint64_t chain_id;
    struct dam_address token;
    struct dam_address account; /* who is paid */
    struct dam_u256 amount;     /* in the token's smallest unit */
    const char *token_name;     /* of the token's EIP-712 domain */
    const char *token_version;
};

struct dam_x402_payment {
    struct dam_address from;
    struct dam_u256 valid_after; /* Unix seconds */
    struct dam_u256 valid_before;
    struct dam_hash nonce;
    uint8_t signature[65];
};

/** Write the answer to whoever has not paid. In: path: what is sold, as the buyer asked for it;
 *  what: for people; error: NULL, or why a payment was not taken. */
void dam_x402_put_offer(struct dam_buf *out, const struct dam_x402_terms *terms, const char *path,
                        const char *what, const char *error);

/** Read the header PAYMENT-SIGNATURE: base64 of JSON.
 *  Returns: NULL, or static text that says what is wrong, also if it accepts other terms than
 *           these. */
const char *dam_x402_parse(struct dam_arena *arena, struct dam_bytes header,
                           const struct dam_x402_terms *terms, struct dam_x402_payment *ret);

/** Is it good at a block's time, and for long enough? */
bool dam_x402_is_timely(const struct dam_x402_payment *payment, uint64_t now_s);

/** Calldata of the token's transferWithAuthorization. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_x402_calldata(struct dam_arena *arena,
                                            const struct dam_x402_terms *terms,
                                            const struct dam_x402_payment *payment,
                                            struct dam_bytes *ret);

/** Write what goes into PAYMENT-RESPONSE when it is paid. */
void dam_x402_put_receipt(struct dam_buf *out, const struct dam_x402_terms *terms,
                          const struct dam_x402_payment *payment, const struct dam_hash *tx_hash);

#endif
