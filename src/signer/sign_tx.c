// SPDX-License-Identifier: Apache-2.0
#include "signer/signer.h"
#include "signer/typed.h"

static bool to_intent(const struct dam_signer_pin *pin, const struct dam_tx *tx,
                      struct dam_signer_spend *ret)
{
    if (tx->type != DAM_TX_DYNAMIC_FEE || tx->is_create || tx->access_count != 0 ||
        !tx->has_chain_id || tx->chain_id != pin->chain_id) {
        return false;
    }
    ret->lane = DAM_SIGNER_LANE_CHAIN;
    ret->nonce = tx->nonce;
    ret->gas_limit = tx->gas_limit;
    ret->max_fee = tx->max_fee;
    ret->max_priority_fee = tx->max_priority_fee;
    if (dam_address_eq(&pin->account, &pin->key)) {
        ret->call_count = 1;
        ret->calls[0] = (struct dam_policy_call){tx->to, tx->value, tx->data};
        return true;
    }
    return dam_address_eq(&tx->to, &pin->account) && dam_u256_is_zero(&tx->value) &&
           dam_signer_decode_execute(tx->data, ret->calls, &ret->call_count);
}

enum dam_err dam_signer_sign_tx(struct dam_signer *signer, const struct dam_signer_context *context,
                                struct dam_tx *tx, struct dam_arena *arena,
                                struct dam_signer_reply *ret_reply)
{
    struct dam_signer_request request = {.kind = DAM_SIGNER_SPEND};
    struct dam_tx made;
    struct dam_hash asked_for;
    struct dam_hash signed_hash;
    if (!to_intent(context->pin, tx, &request.spend)) {
        return DAM_EUNSUPPORTED;
    }
    request.spend.held = context->held;
    request.spend.scale = context->scale;
    request.spend.cause = context->cause;
    request.spend.approval = context->approval;
    DAM_TRY(dam_signer_call(signer, &request, ret_reply));
    if (ret_reply->refusal != 0) {
        return DAM_EREFUSED;
    }
    if (ret_reply->has_status || dam_tx_decode(arena, ret_reply->raw, &made, NULL) != DAM_OK) {
        return DAM_ESIGNATURE;
    }
    DAM_TRY(dam_tx_signing_hash(tx, arena, &asked_for));
    DAM_TRY(dam_tx_signing_hash(&made, arena, &signed_hash));
    if (!dam_hash_eq(&asked_for, &signed_hash)) {
        return DAM_ESIGNATURE;
    }
    tx->y_parity = made.y_parity;
    tx->r = made.r;
    tx->s = made.s;
    return DAM_OK;
}

enum dam_err dam_signer_tx_again(struct dam_signer *signer, uint64_t nonce, struct dam_arena *arena,
                                 struct dam_hash *ret_cause, struct dam_bytes *ret_raw)
{
    struct dam_signer_request request = {.kind = DAM_SIGNER_AGAIN, .again = nonce};
    struct dam_signer_reply reply;
    DAM_TRY(dam_signer_call(signer, &request, &reply));
    if (reply.refusal != 0) {
        return reply.refusal == DAM_SIGNER_REFUSED_NOT_KEPT ? DAM_ENOTFOUND : DAM_EREFUSED;
    }
    uint8_t *raw = reply.has_status ? NULL : dam_arena_alloc(arena, reply.raw.len + 1);
    if (raw == NULL) {
        return reply.has_status ? DAM_ESIGNATURE : DAM_ENOMEM;
    }
    memcpy(raw, reply.raw.data, reply.raw.len);
    *ret_cause = reply.cause;
    *ret_raw = dam_bytes(raw, reply.raw.len);
    return DAM_OK;
}
