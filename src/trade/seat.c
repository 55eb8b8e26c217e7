// SPDX-License-Identifier: Apache-2.0
#include "trade/seat.h"

#include "base/assert.h"
#include "core/crypto/keccak.h"

#include <stdio.h>

void dam_seat_init(struct dam_seat *s, struct dam_envoy *envoy, const struct dam_address *account,
                   const struct dam_address *contract)
{
    *s = (struct dam_seat){
        .envoy = dam_envoy_share(envoy), .account = *account, .contract = *contract};
}

void dam_seat_finish(struct dam_seat *s)
{
    dam_envoy_release(s->envoy);
    s->envoy = NULL;
}

enum dam_err dam_seat_fail(struct dam_seat *s, enum dam_err err, const char *doing)
{
    if (err != DAM_OK && s->why[0] == 0) {
        (void)snprintf(s->why, sizeof(s->why), "%s: %s", doing, dam_err_text(err));
    }
    return err;
}

enum dam_err dam_seat_arm(struct dam_seat *s)
{
    enum dam_err err = dam_envoy_arm(s->envoy);
    if (err != DAM_OK) {
        (void)snprintf(s->why, sizeof(s->why), "%s", s->envoy->why);
        return err;
    }
    if (!dam_address_eq(&s->envoy->pin.account, &s->account)) {
        (void)snprintf(s->why, sizeof(s->why), "the signer is not the one of this account");
        return DAM_ECONFLICT;
    }
    return DAM_OK;
}

enum dam_err dam_seat_view(struct dam_seat *s, const struct dam_address *to, const char *signature,
                           const struct dam_u256 *words, size_t count, struct dam_u256 *ret,
                           size_t ret_count)
{
    return dam_envoy_view(s->envoy, to, signature, words, count,
                          dam_remote_at_tag(DAM_REMOTE_LATEST), ret, ret_count);
}

enum dam_err dam_seat_view_u64(struct dam_seat *s, const struct dam_address *to,
                               const char *signature, uint64_t max, uint64_t *ret)
{
    struct dam_u256 word;
    uint64_t value = 0;
    DAM_TRY(dam_seat_view(s, to, signature, NULL, 0, &word, 1));
    if (!dam_u256_to_u64(&word, &value) || value > max) {
        return DAM_ERANGE;
    }
    *ret = value;
    return DAM_OK;
}

struct dam_hash dam_seat_cause(const struct dam_seat *s, const char *what, uint64_t number,
                               size_t size)
{
    uint8_t text[DAM_SEAT_WHAT_MAX + 20 + 20 + 8] = {0};
    uint8_t *at = text + DAM_SEAT_WHAT_MAX + 40;
    struct dam_hash id;
    DAM_ASSERT(strlen(what) <= DAM_SEAT_WHAT_MAX);
    DAM_ASSERT(size == 8 || (size == 4 && number <= UINT32_MAX));
    memcpy(text, what, strlen(what));
    memcpy(text + DAM_SEAT_WHAT_MAX, s->account.b, 20);
    memcpy(text + DAM_SEAT_WHAT_MAX + 20, s->contract.b, 20);
    if (size == 4) {
        dam_store_be32(at, (uint32_t)number);
    } else {
        dam_store_be64(at, number);
    }
    dam_keccak256(text, DAM_SEAT_WHAT_MAX + 40 + size, &id);
    return id;
}

const char *dam_seat_reason(const struct dam_seat *s, enum dam_err err)
{
    return s->envoy->why[0] != 0 ? s->envoy->why
           : err == DAM_EREFUSED ? s->envoy->chain.error.message
                                 : dam_err_text(err);
}

enum dam_err dam_seat_send(struct dam_seat *s, const struct dam_hash *id, const char *what,
                           const struct dam_calldata_call *calls, size_t count, bool *ret_recorded)
{
    enum dam_err err = dam_envoy_execute(s->envoy, id, what, calls, count, ret_recorded);
    (void)snprintf(s->why, sizeof(s->why), "%s: %s", what,
                   err == DAM_OK ? "sent" : dam_seat_reason(s, err));
    return err;
}

enum dam_err dam_seat_forget(struct dam_seat *s, const char *what, uint64_t *number,
                             const char *said)
{
    struct dam_hash id = dam_seat_cause(s, what, *number, 8);
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state = DAM_OUTBOX_SENT;
    if (*number == 0) {
        return DAM_OK;
    }
    DAM_TRY(dam_outbox_look(&s->envoy->outbox, &s->envoy->arena, &id, &state, &receipt));
    bool is_past = (state == DAM_OUTBOX_FINAL || state == DAM_OUTBOX_LOST) &&
                   dam_envoy_is_witnessed(s->envoy, &id);
    if (is_past && !(state == DAM_OUTBOX_FINAL && receipt.succeeded)) {
        (void)snprintf(s->why, sizeof(s->why), "%s: it failed on the chain", said);
    }
    if (is_past) {
        DAM_TRY(dam_outbox_forget(&s->envoy->outbox, &id));
    }
    if (is_past || state == DAM_OUTBOX_UNKNOWN) {
        *number = 0;
    }
    return DAM_OK;
}
