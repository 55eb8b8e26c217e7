// SPDX-License-Identifier: Apache-2.0
#include "signer/message.h"

#include "signer/wire.h"

#define VERSION 1u

const char *dam_signer_refusal_text(unsigned refusal)
{
    switch (refusal) {
#define X(name, number, text)                                                                      \
    case number:                                                                                   \
        return text;
        DAM_POLICY_REASON_LIST(X)
        DAM_SIGNER_REFUSAL_LIST(X)
#undef X
    }
    return "unknown reason";
}

static void put_spend(struct wire *w, const struct dam_signer_spend *spend)
{
    wire_put_u8(w, (uint8_t)spend->lane);
    wire_put_u8(w, spend->held);
    wire_put_u8(w, (uint8_t)(spend->scale >> 8));
    wire_put_u8(w, (uint8_t)spend->scale);
    wire_put_u64(w, spend->nonce);
    wire_put_u64(w, spend->deadline);
    wire_put_u64(w, spend->gas_limit);
    wire_put_u256(w, &spend->max_fee);
    wire_put_u256(w, &spend->max_priority_fee);
    wire_put(w, spend->cause.b, 32);
    wire_put_u32(w, (uint32_t)spend->approval.len);
    wire_put(w, spend->approval.data, spend->approval.len);
    wire_put_u32(w, spend->call_count);
    for (uint32_t i = 0; i < spend->call_count; i++) {
        wire_put(w, spend->calls[i].target.b, 20);
        wire_put_u256(w, &spend->calls[i].value);
        wire_put_u32(w, (uint32_t)spend->calls[i].data.len);
        wire_put(w, spend->calls[i].data.data, spend->calls[i].data.len);
    }
}

static struct dam_bytes get_bytes(struct wire *w)
{
    uint32_t len = wire_get_u32(w);
    const uint8_t *data = wire_view(w, len);
    return dam_bytes(data, data == NULL ? 0 : len);
}

static void get_spend(struct wire *w, struct dam_signer_spend *ret)
{
    uint8_t lane = wire_get_u8(w);
    ret->lane = (enum dam_signer_lane)lane;
    ret->held = wire_get_u8(w);
    ret->scale = (uint16_t)(wire_get_u8(w) << 8);
    ret->scale |= wire_get_u8(w);
    ret->nonce = wire_get_u64(w);
    ret->deadline = wire_get_u64(w);
    ret->gas_limit = wire_get_u64(w);
    ret->max_fee = wire_get_u256(w);
    ret->max_priority_fee = wire_get_u256(w);
    wire_get(w, ret->cause.b, 32);
    ret->approval = get_bytes(w);
    ret->call_count = wire_get_u32(w);
    if (lane > DAM_SIGNER_LANE_RELAYED || ret->held > DAM_POLICY_MALFORMED ||
        ret->call_count > DAM_POLICY_CALLS_MAX) {
        w->bad = true;
        return;
    }
    for (uint32_t i = 0; i < ret->call_count && !w->bad; i++) {
        wire_get(w, ret->calls[i].target.b, 20);
        ret->calls[i].value = wire_get_u256(w);
        ret->calls[i].data = get_bytes(w);
    }
}

static void put_report(struct wire *w, const struct dam_signer_report *report)
{
    wire_put(w, report->config.b, 32);
    wire_put(w, report->topic.b, 32);
    wire_put_u64(w, report->round);
    wire_put_u64(w, report->time);
    wire_put_u32(w, report->count);
    for (uint32_t i = 0; i < report->count; i++) {
        wire_put_u256(w, &report->observations[i]);
    }
}

static void get_report(struct wire *w, struct dam_signer_report *ret)
{
    wire_get(w, ret->config.b, 32);
    wire_get(w, ret->topic.b, 32);
    ret->round = wire_get_u64(w);
    ret->time = wire_get_u64(w);
    ret->count = wire_get_u32(w);
    if (ret->count > DAM_SIGNER_OBSERVATIONS_MAX) {
        w->bad = true;
        return;
    }
    for (uint32_t i = 0; i < ret->count; i++) {
        ret->observations[i] = wire_get_u256(w);
    }
}

static void put_head(struct wire *w, uint8_t kind, uint32_t id)
{
    static const uint8_t zeros[2];
    wire_put_u8(w, VERSION);
    wire_put_u8(w, kind);
    wire_put(w, zeros, 2);
    wire_put_u32(w, id);
}

/* More than any message without its byte strings, and more than a transaction adds to those of its
 * calls (words, padding, its own fields): so whatever can be asked for has an answer that fits. */
#define FIXED_PART_MAX 8192u

size_t dam_signer_request_encode(const struct dam_signer_request *request, uint8_t *data,
                                 size_t size)
{
    size_t need = FIXED_PART_MAX;
    if (request->kind == DAM_SIGNER_SPEND) {
        DAM_ASSERT(request->spend.call_count <= DAM_POLICY_CALLS_MAX);
        need += request->spend.approval.len;
        for (uint32_t i = 0; i < request->spend.call_count; i++) {
            need += request->spend.calls[i].data.len;
        }
    }
    if (need > size) {
        return 0;
    }
    struct wire w = wire_writer(data, size);
    put_head(&w, (uint8_t)request->kind, request->id);
    switch (request->kind) {
    case DAM_SIGNER_STATUS:
        break;
    case DAM_SIGNER_UNLOCK:
        wire_put_u64(&w, request->unlock.chain_nonce);
        wire_put_checkpoint(&w, &request->unlock.anchored);
        break;
    case DAM_SIGNER_SPEND:
        put_spend(&w, &request->spend);
        break;
    case DAM_SIGNER_CHECKPOINT:
        wire_put_checkpoint(&w, &request->checkpoint);
        break;
    case DAM_SIGNER_VOUCHER:
        wire_put(&w, request->voucher.domain.b, 32);
        wire_put(&w, request->voucher.channel.b, 32);
        wire_put_u256(&w, &request->voucher.total);
        break;
    case DAM_SIGNER_REPORT:
        DAM_ASSERT(request->report.count <= DAM_SIGNER_OBSERVATIONS_MAX);
        put_report(&w, &request->report);
        break;
    case DAM_SIGNER_AGAIN:
        wire_put_u64(&w, request->again);
        break;
    }
    return w.at;
}

/* Returns: DAM_OK with the cursor behind the head. */
static enum dam_err get_head(struct wire *w, uint8_t *ret_kind, uint32_t *ret_id)
{
    uint8_t version = wire_get_u8(w);
    *ret_kind = wire_get_u8(w);
    bool zero = wire_get_u8(w) == 0;
    zero = wire_get_u8(w) == 0 && zero;
    *ret_id = wire_get_u32(w);
    if (w->bad || !zero) {
        return DAM_EPARSE;
    }
    return version == VERSION ? DAM_OK : DAM_EVERSION;
}

enum dam_err dam_signer_request_decode(const uint8_t *data, size_t len,
                                       struct dam_signer_request *ret)
{
    struct wire w = wire_reader(data, len);
    uint8_t kind;
    DAM_TRY(get_head(&w, &kind, &ret->id));
    switch (kind) {
    case DAM_SIGNER_STATUS:
        break;
    case DAM_SIGNER_UNLOCK:
        ret->unlock.chain_nonce = wire_get_u64(&w);
        wire_get_checkpoint(&w, &ret->unlock.anchored);
        break;
    case DAM_SIGNER_SPEND:
        get_spend(&w, &ret->spend);
        break;
    case DAM_SIGNER_CHECKPOINT:
        wire_get_checkpoint(&w, &ret->checkpoint);
        break;
    case DAM_SIGNER_VOUCHER:
        wire_get(&w, ret->voucher.domain.b, 32);
        wire_get(&w, ret->voucher.channel.b, 32);
        ret->voucher.total = wire_get_u256(&w);
        break;
    case DAM_SIGNER_REPORT:
        get_report(&w, &ret->report);
        break;
    case DAM_SIGNER_AGAIN:
        ret->again = wire_get_u64(&w);
        break;
    default:
        return DAM_EPARSE; /* a byte from outside, not an enum yet */
    }
    ret->kind = (enum dam_signer_kind)kind;
    return wire_done(&w) ? DAM_OK : DAM_EPARSE;
}

#define REPLY_STATUS 1u
#define REPLY_SIGNATURE 2u
#define REPLY_REFUSED 3u

static void put_status(struct wire *w, const struct dam_signer_status *status)
{
    wire_put_u8(w, status->unlocked);
    wire_put_u8(w, status->sandbox);
    wire_put_u8(w, status->pin.permissions);
    wire_put_frame(w, &status->pin);
    wire_put_u64(w, status->nonce_next[0]);
    wire_put_u64(w, status->nonce_next[1]);
    wire_put_checkpoint(w, &status->checkpoint);
    wire_put_u64(w, status->time_last);
    wire_put_u256(w, &status->fees_left);
}

static void get_status(struct wire *w, struct dam_signer_status *ret)
{
    ret->unlocked = wire_get_u8(w) != 0;
    ret->sandbox = wire_get_u8(w);
    ret->pin.permissions = wire_get_u8(w);
    wire_get_frame(w, &ret->pin);
    ret->nonce_next[0] = wire_get_u64(w);
    ret->nonce_next[1] = wire_get_u64(w);
    wire_get_checkpoint(w, &ret->checkpoint);
    ret->time_last = wire_get_u64(w);
    ret->fees_left = wire_get_u256(w);
}

size_t dam_signer_reply_encode(const struct dam_signer_reply *reply, uint8_t *data, size_t size)
{
    bool is_signature = reply->refusal == 0 && !reply->has_status;
    if (FIXED_PART_MAX + (is_signature ? reply->raw.len : 0) > size) {
        return 0;
    }
    struct wire w = wire_writer(data, size);
    if (reply->refusal != 0) {
        put_head(&w, REPLY_REFUSED, reply->id);
        wire_put_u32(&w, reply->refusal);
        wire_put_u32(&w, reply->call_index);
    } else if (reply->has_status) {
        put_head(&w, REPLY_STATUS, reply->id);
        put_status(&w, &reply->status);
    } else {
        put_head(&w, REPLY_SIGNATURE, reply->id);
        wire_put(&w, reply->digest.b, 32);
        wire_put_u8(&w, reply->signature_len);
        wire_put(&w, reply->signature, reply->signature_len);
        wire_put_u32(&w, (uint32_t)reply->raw.len);
        wire_put(&w, reply->raw.data, reply->raw.len);
        wire_put(&w, reply->cause.b, 32);
    }
    return w.at;
}

enum dam_err dam_signer_reply_decode(const uint8_t *data, size_t len, struct dam_signer_reply *ret)
{
    struct wire w = wire_reader(data, len);
    uint8_t kind;
    memset(ret, 0, sizeof(*ret));
    DAM_TRY(get_head(&w, &kind, &ret->id));
    if (kind == REPLY_REFUSED) {
        uint32_t refusal = wire_get_u32(&w);
        ret->call_index = wire_get_u32(&w);
        ret->refusal = (uint16_t)refusal;
        w.bad = w.bad || refusal == 0 || refusal > UINT16_MAX;
    } else if (kind == REPLY_STATUS) {
        ret->has_status = true;
        get_status(&w, &ret->status);
    } else if (kind == REPLY_SIGNATURE) {
        wire_get(&w, ret->digest.b, 32);
        ret->signature_len = wire_get_u8(&w);
        if (ret->signature_len > DAM_SIGNER_SIGNATURE_MAX) {
            return DAM_EPARSE;
        }
        wire_get(&w, ret->signature, ret->signature_len);
        ret->raw = get_bytes(&w);
        wire_get(&w, ret->cause.b, 32);
    } else {
        return DAM_EPARSE;
    }
    return wire_done(&w) ? DAM_OK : DAM_EPARSE;
}
