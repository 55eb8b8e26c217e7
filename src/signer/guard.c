// SPDX-License-Identifier: Apache-2.0
#include "signer/guard.h"

#include "base/assert.h"
#include "core/crypto/keccak.h"
#include "signer/typed.h"

#define DAY_S 86400u
#define GAS_LIMIT_MIN 21000u
#define SCALE_FULL 1000u

/* A refusal is not an error: it is returned as the reply's number, 0 for "go on". */
typedef uint16_t refusal;

static refusal disk_refusal(enum dam_err err)
{
    return err == DAM_EFULL ? DAM_SIGNER_REFUSED_FULL : DAM_SIGNER_REFUSED_DISK;
}

static struct dam_policy_use fees_now(const struct dam_signer_state *state, uint64_t now,
                                      struct dam_u256 *ret_left)
{
    struct dam_policy_use fees = state->fees;
    dam_policy_refill(&state->pin.fee_per_day, DAY_S, SCALE_FULL, now, &fees, ret_left);
    return fees;
}

static refusal sign(struct dam_signer_guard *guard, const struct dam_hash *digest,
                    struct dam_signer_reply *ret)
{
    ret->digest = *digest;
    enum dam_err err =
        guard->key->sign(guard->key->ctx, digest, ret->signature, &ret->signature_len);
    return err == DAM_OK ? 0 : DAM_SIGNER_REFUSED_KEY;
}

static void status(const struct dam_signer_guard *guard, uint64_t now, struct dam_signer_reply *ret)
{
    const struct dam_signer_state *state = guard->state;
    struct dam_signer_status *out = &ret->status;
    ret->has_status = true;
    out->unlocked = guard->unlocked;
    out->sandbox = guard->sandbox;
    out->pin = state->pin;
    out->nonce_next[0] = state->nonce_next[0];
    out->nonce_next[1] = state->nonce_next[1];
    out->checkpoint = state->checkpoint;
    out->time_last = state->time_last;
    (void)fees_now(state, now, &out->fees_left);
}

static refusal unlock(struct dam_signer_guard *guard, const struct dam_signer_unlock *chain)
{
    if (dam_signer_state_is_behind(guard->state, chain->chain_nonce, &chain->anchored)) {
        guard->unlocked = false;
        return DAM_SIGNER_REFUSED_BEHIND;
    }
    guard->unlocked = true;
    return 0;
}

/* ---- checkpoints, vouchers, reports ---- */

static refusal checkpoint(struct dam_signer_guard *guard, const struct dam_signer_checkpoint *asked,
                          uint64_t now, struct dam_signer_reply *ret)
{
    const struct dam_signer_checkpoint *last = &guard->state->checkpoint;
    if (asked->size < last->size || asked->size == 0) {
        return DAM_SIGNER_REFUSED_CHECKPOINT_SIZE;
    }
    bool again = asked->size == last->size;
    if (again && !dam_hash_eq(&asked->root, &last->root)) {
        return DAM_SIGNER_REFUSED_CHECKPOINT_ROOT;
    }
    if (again ? asked->time != last->time : asked->time < last->time) {
        return DAM_SIGNER_REFUSED_CHECKPOINT_TIME;
    }
    if (!again) {
        enum dam_err err = dam_signer_state_put_checkpoint(guard->state, asked, now);
        if (err != DAM_OK) {
            return disk_refusal(err);
        }
    }
    struct dam_hash digest;
    dam_signer_digest_checkpoint(&guard->state->pin, asked, &digest);
    return sign(guard, &digest, ret);
}

static refusal voucher(struct dam_signer_guard *guard, const struct dam_signer_voucher *asked,
                       uint64_t now, struct dam_signer_reply *ret)
{
    if (!dam_policy_has_domain(guard->policy, &asked->domain)) {
        return DAM_SIGNER_REFUSED_DOMAIN;
    }
    const struct dam_signer_channel *known =
        dam_signer_state_channel(guard->state, &asked->domain, &asked->channel);
    if ((asked->total.w[2] | asked->total.w[3]) != 0 ||
        (known != NULL && dam_u256_lt(&asked->total, &known->total))) {
        return DAM_SIGNER_REFUSED_TOTAL;
    }
    if (known == NULL || !dam_u256_eq(&asked->total, &known->total)) {
        struct dam_signer_channel channel = {asked->domain, asked->channel, asked->total};
        enum dam_err err = dam_signer_state_put_channel(guard->state, &channel, now);
        if (err != DAM_OK) {
            return disk_refusal(err);
        }
    }
    struct dam_hash digest;
    dam_signer_digest_voucher(asked, &digest);
    return sign(guard, &digest, ret);
}

/* A 256-bit number that is an int128, sign-extended. */
static bool is_int128(const struct dam_u256 *v)
{
    uint64_t sign_bits = v->w[1] >> 63 != 0 ? UINT64_MAX : 0;
    return v->w[2] == sign_bits && v->w[3] == sign_bits;
}

static bool observations_ok(const struct dam_signer_report *report)
{
    for (uint32_t i = 0; i < report->count; i++) {
        if (!is_int128(&report->observations[i])) {
            return false;
        }
        if (i > 0) {
            /* Signed order: flip the sign bit and compare as unsigned. */
            struct dam_u256 before = report->observations[i - 1];
            struct dam_u256 here = report->observations[i];
            before.w[3] ^= UINT64_C(1) << 63;
            here.w[3] ^= UINT64_C(1) << 63;
            if (dam_u256_lt(&here, &before)) {
                return false;
            }
        }
    }
    return report->count > 0;
}

/* A topic by round: never two digests for one round, never back. */
static refusal topic_advance(struct dam_signer_guard *guard, const struct dam_signer_topic *asked,
                             uint64_t now)
{
    const struct dam_signer_topic *known =
        dam_signer_state_topic(guard->state, &asked->config, &asked->topic);
    if (known != NULL && asked->round < known->round) {
        return DAM_SIGNER_REFUSED_ROUND;
    }
    if (known != NULL && asked->round == known->round) {
        return dam_hash_eq(&asked->digest, &known->digest) ? 0 : DAM_SIGNER_REFUSED_EQUIVOCATION;
    }
    enum dam_err err = dam_signer_state_put_topic(guard->state, asked, now);
    return err == DAM_OK ? 0 : disk_refusal(err);
}

static refusal report(struct dam_signer_guard *guard, const struct dam_signer_report *asked,
                      uint64_t now, struct dam_signer_reply *ret)
{
    static const struct dam_address nobody;
    if (dam_address_eq(&guard->state->pin.oracle, &nobody)) {
        return DAM_SIGNER_REFUSED_DOMAIN;
    }
    if (!observations_ok(asked)) {
        return DAM_SIGNER_REFUSED_OBSERVATIONS;
    }
    struct dam_signer_topic topic = {
        .config = asked->config, .topic = asked->topic, .round = asked->round};
    dam_signer_digest_report(&guard->state->pin, asked, &topic.digest);
    refusal no = topic_advance(guard, &topic, now);
    return no != 0 ? no : sign(guard, &topic.digest, ret);
}

/* ---- spending ---- */

/* What one spend request is about, worked out before anything is decided. */
struct spend {
    const struct dam_signer_spend *asked;
    struct dam_hash batch;
    struct dam_tx tx;        /* chain lane */
    struct dam_hash digest;  /* what is to be signed */
    struct dam_hash payload; /* the same for a transaction that differs only in its fees */
    struct dam_u256 cost;    /* gas limit times fee, saturated */
};

/* gas * fee, or all ones if that is 2^256 or more. */
static struct dam_u256 fee_cost(uint64_t gas, const struct dam_u256 *fee)
{
    struct dam_u256 ret;
    unsigned __int128 carry = 0;
    for (int i = 0; i < 4; i++) {
        carry += (unsigned __int128)fee->w[i] * gas;
        ret.w[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return carry == 0 ? ret : (struct dam_u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
}

/* The signing hash of all but the fees. */
static enum dam_err payload_of(const struct dam_tx *tx, struct dam_arena *arena,
                               struct dam_hash *ret)
{
    struct dam_tx without_fees = *tx;
    without_fees.max_fee = (struct dam_u256){{0}};
    without_fees.max_priority_fee = (struct dam_u256){{0}};
    return dam_tx_signing_hash(&without_fees, arena, ret);
}

static enum dam_err spend_build(const struct dam_signer_pin *pin,
                                const struct dam_signer_spend *asked, struct dam_arena *arena,
                                struct spend *ret)
{
    struct dam_buf calls;
    *ret = (struct spend){.asked = asked};
    dam_buf_init_arena(&calls, arena, 0);
    dam_signer_encode_calls(asked->calls, asked->call_count, &calls);
    DAM_TRY(dam_buf_err(&calls));
    dam_keccak256(calls.data, calls.len, &ret->batch);
    if (asked->lane == DAM_SIGNER_LANE_RELAYED) {
        dam_signer_digest_execute(pin, &ret->batch, asked->nonce, asked->deadline, &ret->digest);
        ret->payload = ret->digest;
        return DAM_OK;
    }
    DAM_TRY(dam_signer_build_tx(pin, asked, dam_buf_bytes(&calls), arena, &ret->tx));
    DAM_TRY(dam_tx_signing_hash(&ret->tx, arena, &ret->digest));
    DAM_TRY(payload_of(&ret->tx, arena, &ret->payload));
    ret->cost = fee_cost(asked->gas_limit, &asked->max_fee);
    return DAM_OK;
}

static refusal fees_allowed(const struct dam_signer_pin *pin, const struct dam_signer_spend *asked)
{
    if (asked->gas_limit < GAS_LIMIT_MIN || asked->gas_limit > pin->gas_limit_max) {
        return DAM_SIGNER_REFUSED_GAS_LIMIT;
    }
    if (dam_u256_lt(&pin->max_fee, &asked->max_fee) ||
        dam_u256_lt(&asked->max_fee, &asked->max_priority_fee)) {
        return DAM_SIGNER_REFUSED_FEE;
    }
    return 0;
}

/* The fee budget with this in it. `paid`: what an earlier transaction of this nonce already put
 * into it. */
static refusal fees_take(const struct dam_signer_guard *guard, const struct spend *spend,
                         const struct dam_u256 *paid, uint64_t now, struct dam_policy_use *ret)
{
    struct dam_u256 left;
    struct dam_u256 extra;
    *ret = fees_now(guard->state, now, &left);
    if (spend->asked->lane == DAM_SIGNER_LANE_CHAIN) {
        (void)dam_u256_sub(&extra, &spend->cost, paid); /* a replacement never pays less */
        if (dam_u256_lt(&left, &extra)) {
            return DAM_SIGNER_REFUSED_FEE_BUDGET;
        }
        (void)dam_u256_add(&ret->used, &ret->used, &extra);
    }
    return 0;
}

/* Record the nonce with what it takes. */
static refusal spend_record(struct dam_signer_guard *guard, const struct spend *spend,
                            const struct dam_policy_use *fees, const struct dam_policy_take *takes,
                            uint32_t take_count, struct dam_bytes tx, uint64_t now)
{
    struct dam_signer_nonce nonce = {.nonce = spend->asked->nonce,
                                     .payload = spend->payload,
                                     .max_fee = spend->asked->max_fee,
                                     .max_priority_fee = spend->asked->max_priority_fee};
    enum dam_err err = dam_signer_state_put_nonce(guard->state, spend->asked->lane, &nonce, fees,
                                                  takes, take_count, &spend->asked->cause, tx, now);
    return err == DAM_OK ? 0 : disk_refusal(err);
}

/* A nonce that was used: the same again, the same with more fee, or no. */
static refusal spend_again(struct dam_signer_guard *guard, const struct spend *spend, uint64_t now)
{
    const struct dam_signer_spend *asked = spend->asked;
    const struct dam_signer_nonce *known =
        dam_signer_state_nonce(guard->state, asked->lane, asked->nonce);
    if (known == NULL || !dam_hash_eq(&known->payload, &spend->payload)) {
        return DAM_SIGNER_REFUSED_NONCE_USED;
    }
    if (asked->lane == DAM_SIGNER_LANE_RELAYED ||
        (dam_u256_eq(&known->max_fee, &asked->max_fee) &&
         dam_u256_eq(&known->max_priority_fee, &asked->max_priority_fee))) {
        return 0; /* the same bytes: the same signature, nothing to record */
    }
    if (dam_u256_lt(&asked->max_fee, &known->max_fee) ||
        dam_u256_lt(&asked->max_priority_fee, &known->max_priority_fee)) {
        return DAM_SIGNER_REFUSED_FEE;
    }
    struct dam_u256 paid = fee_cost(asked->gas_limit, &known->max_fee);
    struct dam_policy_use fees;
    refusal no = fees_take(guard, spend, &paid, now, &fees);
    return no != 0 ? no : spend_record(guard, spend, &fees, NULL, 0, dam_bytes(NULL, 0), now);
}

/* The approver's consent: each of its transactions counts once. Its nonces only grow, which is what
 * the state keeps, as a topic of its own. */
static refusal approval_use(struct dam_signer_guard *guard, const struct spend *spend,
                            uint64_t nonce, uint64_t now)
{
    struct dam_signer_topic topic = {.round = nonce, .digest = spend->digest};
    static const char label[] = "dam signer approvals";
    dam_keccak256((const uint8_t *)label, sizeof(label) - 1, &topic.config);
    memcpy(topic.topic.b, guard->state->pin.approver.b, 20);
    refusal no = topic_advance(guard, &topic, now);
    return no == DAM_SIGNER_REFUSED_ROUND || no == DAM_SIGNER_REFUSED_EQUIVOCATION
               ? DAM_SIGNER_REFUSED_BAD_APPROVAL
               : no;
}

static refusal spend_first(struct dam_signer_guard *guard, const struct spend *spend, uint64_t now,
                           struct dam_arena *arena, struct dam_signer_reply *ret)
{
    const struct dam_signer_spend *asked = spend->asked;
    const struct dam_signer_pin *pin = &guard->state->pin;
    struct dam_policy_verdict verdict;
    struct dam_policy_ledger ledger = dam_signer_state_ledger(guard->state);
    struct dam_policy_authority authority = {
        .held = asked->held, .scale = asked->scale < SCALE_FULL ? asked->scale : SCALE_FULL};
    uint64_t approval_nonce = 0;
    if (asked->approval.len > 0) {
        authority.approved =
            dam_signer_is_approval(pin, asked->approval, &spend->batch, arena, &approval_nonce);
        if (!authority.approved) {
            return DAM_SIGNER_REFUSED_BAD_APPROVAL;
        }
    }
    dam_policy_judge(guard->policy, &pin->account, asked->calls, asked->call_count, &authority, now,
                     &ledger, &verdict);
    if (verdict.reason != DAM_POLICY_ALLOWED) {
        ret->call_index = verdict.index;
        return (refusal)verdict.reason;
    }
    static const struct dam_u256 nothing;
    struct dam_policy_use fees;
    refusal no = fees_take(guard, spend, &nothing, now, &fees);
    if (no == 0 && authority.approved) { /* last: what is refused has used up no consent */
        no = approval_use(guard, spend, approval_nonce, now);
    }
    if (no != 0) {
        return no;
    }
    struct dam_buf tx;
    dam_buf_init_arena(&tx, arena, 0);
    if (asked->lane == DAM_SIGNER_LANE_CHAIN) {
        dam_tx_encode(&spend->tx,
                      &tx); /* without memory for it there is none, and it is not kept */
    }
    return spend_record(guard, spend, &fees, verdict.takes, verdict.take_count,
                        dam_buf_err(&tx) == DAM_OK ? dam_buf_bytes(&tx) : dam_bytes(NULL, 0), now);
}

/* The whole transaction, signed. In: digest: its signing hash. */
static refusal tx_sign(struct dam_signer_guard *guard, struct dam_tx *tx,
                       const struct dam_hash *digest, struct dam_arena *arena,
                       struct dam_signer_reply *ret)
{
    refusal no = sign(guard, digest, ret);
    if (no != 0) {
        return no;
    }
    if (ret->signature_len != 65) {
        return DAM_SIGNER_REFUSED_KEY; /* the chain's own transactions know only secp256k1 */
    }
    struct dam_buf raw;
    tx->r = dam_u256_load_be(ret->signature);
    tx->s = dam_u256_load_be(ret->signature + 32);
    tx->y_parity = ret->signature[64] - 27;
    dam_buf_init_arena(&raw, arena, 0);
    dam_tx_encode(tx, &raw);
    ret->raw = dam_buf_bytes(&raw);
    return dam_buf_err(&raw) == DAM_OK ? 0 : DAM_SIGNER_REFUSED_FULL;
}

static refusal spend(struct dam_signer_guard *guard, const struct dam_signer_spend *asked,
                     uint64_t now, struct dam_arena *arena, struct dam_signer_reply *ret)
{
    const struct dam_signer_pin *pin = &guard->state->pin;
    bool direct = dam_address_eq(&pin->account, &pin->key);
    bool chain = asked->lane == DAM_SIGNER_LANE_CHAIN;
    uint64_t next = guard->state->nonce_next[asked->lane];
    /* Without an account contract there are no batches, and nobody to relay to. */
    if (asked->call_count == 0 || (direct && (asked->call_count > 1 || !chain))) {
        return DAM_POLICY_BATCH;
    }
    if (asked->nonce > next) {
        return DAM_SIGNER_REFUSED_NONCE_GAP;
    }
    refusal no = chain ? fees_allowed(pin, asked) : 0;
    if (no != 0) {
        return no;
    }
    struct spend s;
    if (spend_build(pin, asked, arena, &s) != DAM_OK) {
        return DAM_SIGNER_REFUSED_FULL;
    }
    no =
        asked->nonce < next ? spend_again(guard, &s, now) : spend_first(guard, &s, now, arena, ret);
    if (no != 0 || !chain) {
        return no != 0 ? no : sign(guard, &s.digest, ret);
    }
    ret->cause = asked->cause;
    return tx_sign(guard, &s.tx, &s.digest, arena, ret);
}

/* What was signed for a nonce, with the fees that were signed last. It was judged then, it is the
 * same now, and only one transaction of a nonce is ever executed: nothing is recorded. */
static refusal again(struct dam_signer_guard *guard, uint64_t nonce, struct dam_arena *arena,
                     struct dam_signer_reply *ret)
{
    const struct dam_signer_tx *kept = dam_signer_state_tx(guard->state, nonce);
    const struct dam_signer_nonce *known =
        dam_signer_state_nonce(guard->state, DAM_SIGNER_LANE_CHAIN, nonce);
    struct dam_tx tx;
    struct dam_hash payload;
    struct dam_hash digest;
    if (kept == NULL || known == NULL ||
        dam_tx_decode(arena, dam_bytes(kept->bytes, kept->len), &tx, NULL) != DAM_OK ||
        payload_of(&tx, arena, &payload) != DAM_OK || !dam_hash_eq(&payload, &known->payload)) {
        return DAM_SIGNER_REFUSED_NOT_KEPT;
    }
    tx.max_fee = known->max_fee;
    tx.max_priority_fee = known->max_priority_fee;
    if (dam_tx_signing_hash(&tx, arena, &digest) != DAM_OK) {
        return DAM_SIGNER_REFUSED_FULL;
    }
    ret->cause = kept->cause;
    return tx_sign(guard, &tx, &digest, arena, ret);
}

/* ---- the door ---- */

static uint8_t permission_of(enum dam_signer_kind kind)
{
    switch (kind) {
    case DAM_SIGNER_STATUS:
    case DAM_SIGNER_UNLOCK:
        return 0;
    case DAM_SIGNER_SPEND:
    case DAM_SIGNER_AGAIN:
        return DAM_SIGNER_MAY_SPEND;
    case DAM_SIGNER_CHECKPOINT:
        return DAM_SIGNER_MAY_CHECKPOINT;
    case DAM_SIGNER_VOUCHER:
        return DAM_SIGNER_MAY_VOUCH;
    case DAM_SIGNER_REPORT:
        return DAM_SIGNER_MAY_REPORT;
    }
    return UINT8_MAX;
}

/* Before anything is added: a fresh file, where the old one has grown. */
static refusal tidy(struct dam_signer_guard *guard, uint64_t now)
{
    if (!dam_signer_state_is_due(guard->state, guard->policy, now)) {
        return 0;
    }
    enum dam_err err = dam_signer_state_compact(guard->state, guard->policy, now);
    return err == DAM_OK ? 0 : disk_refusal(err);
}

static refusal judge(struct dam_signer_guard *guard, const struct dam_signer_request *request,
                     uint64_t now, struct dam_arena *arena, struct dam_signer_reply *ret)
{
    uint8_t needed = permission_of(request->kind);
    if ((guard->state->pin.permissions & needed) != needed) {
        return DAM_SIGNER_REFUSED_PERMISSION;
    }
    if (needed != 0 && guard->state->failed) {
        return DAM_SIGNER_REFUSED_DISK;
    }
    if (needed != 0 && !guard->unlocked) {
        return DAM_SIGNER_REFUSED_LOCKED;
    }
    refusal no = needed != 0 ? tidy(guard, now) : 0;
    if (no != 0) {
        return no;
    }
    switch (request->kind) {
    case DAM_SIGNER_UNLOCK:
        no = unlock(guard, &request->unlock);
        if (no != 0) {
            return no;
        }
        status(guard, now, ret);
        return 0;
    case DAM_SIGNER_STATUS:
        status(guard, now, ret);
        return 0;
    case DAM_SIGNER_SPEND:
        return spend(guard, &request->spend, now, arena, ret);
    case DAM_SIGNER_CHECKPOINT:
        return checkpoint(guard, &request->checkpoint, now, ret);
    case DAM_SIGNER_VOUCHER:
        return voucher(guard, &request->voucher, now, ret);
    case DAM_SIGNER_REPORT:
        return report(guard, &request->report, now, ret);
    case DAM_SIGNER_AGAIN:
        return again(guard, request->again, arena, ret);
    }
    return DAM_SIGNER_REFUSED_MESSAGE;
}

void dam_signer_guard_answer(struct dam_signer_guard *guard, struct dam_bytes message, uint64_t now,
                             struct dam_arena *arena, struct dam_signer_reply *ret)
{
    struct dam_signer_request request = {.id = 0};
    memset(ret, 0, sizeof(*ret));
    enum dam_err err = dam_signer_request_decode(message.data, message.len, &request);
    refusal no = err == DAM_OK ? judge(guard, &request, now, arena, ret)
                               : (refusal)DAM_SIGNER_REFUSED_MESSAGE;
    if (no != 0) {
        /* Nothing of a signature that was begun may leave with a refusal. */
        uint32_t call_index = ret->call_index;
        memset(ret, 0, sizeof(*ret));
        ret->call_index = call_index;
        ret->refusal = no;
    }
    ret->id = request.id;
}
