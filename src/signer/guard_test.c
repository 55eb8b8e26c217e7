// SPDX-License-Identifier: Apache-2.0
/* The signer's judgement: each refusal with a request that meets it, signatures that the contracts
 * would accept, and a power cut at every step of every kind of signature. */
#include "signer/guard.h"

#include "base/heap.h"
#include "base/prng.h"
#include "core/crypto/secp256k1.h"
#include "core/eth/tx.h"
#include "signer/signer_fixture.h"
#include "signer/typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t secret[32] = {[31] = 9};
static const uint8_t approver_secret[32] = {[31] = 77};
static const struct dam_hash domain = {{0xd0}};

/* A disk that remembers what was synced, and can lose power at its Nth operation. */
struct disk {
    uint8_t data[1u << 18];
    size_t len;
    size_t synced;
    unsigned ops;
    unsigned cut_at; /* 0: never */
    bool dead;
    unsigned replaced;
};

static enum dam_err disk_step(struct disk *d)
{
    d->dead = d->dead || ++d->ops == d->cut_at;
    return d->dead ? DAM_EIO : DAM_OK;
}

static enum dam_err disk_append(void *ctx, uint64_t at, const uint8_t *data, size_t len)
{
    struct disk *d = ctx;
    DAM_TRY(disk_step(d));
    assert_true(at == d->len && d->len + len <= sizeof(d->data));
    memcpy(d->data + d->len, data, len);
    d->len += len;
    return DAM_OK;
}

static enum dam_err disk_sync(void *ctx)
{
    struct disk *d = ctx;
    DAM_TRY(disk_step(d));
    d->synced = d->len;
    return DAM_OK;
}

/* Whole or not at all; how is for signer/state_file_test.c. */
static enum dam_err disk_replace(void *ctx, const uint8_t *data, size_t len)
{
    struct disk *d = ctx;
    DAM_TRY(disk_step(d));
    assert_true(len <= sizeof(d->data));
    memcpy(d->data, data, len);
    d->len = d->synced = len;
    d->replaced++;
    return disk_step(d);
}

struct world {
    struct disk disk;
    struct dam_signer_state state;
    struct fixture_policy blob;
    struct dam_policy policy;
    struct dam_signer_key key;
    struct dam_signer_guard guard;
    struct dam_arena arena;
    struct dam_signer_request request;
    struct dam_signer_reply reply;
    uint8_t message[DAM_SIGNER_MESSAGE_MAX];
    uint64_t now;
    bool key_dead;
    unsigned signatures;
};

static enum dam_err key_sign(void *ctx, const struct dam_hash *digest,
                             uint8_t signature[DAM_SIGNER_SIGNATURE_MAX], uint8_t *ret_len)
{
    struct world *w = ctx;
    struct dam_secp256k1_sig sig;
    if (w->key_dead) {
        return DAM_EIO;
    }
    w->signatures++;
    DAM_TRY(dam_secp256k1_sign(secret, digest, &sig));
    memcpy(signature, sig.r, 32);
    memcpy(signature + 32, sig.s, 32);
    signature[64] = (uint8_t)(27 + sig.y_parity);
    *ret_len = 65;
    return DAM_OK;
}

static void address_of(const uint8_t key[32], struct dam_address *ret)
{
    struct dam_secp256k1_pubkey pubkey;
    assert_int_equal(dam_secp256k1_pubkey(key, &pubkey), DAM_OK);
    dam_secp256k1_address(&pubkey, ret);
}

static void world_boot(struct world *w)
{
    struct dam_signer_disk disk = {disk_append, disk_sync, disk_replace, &w->disk};
    dam_signer_state_init(&w->state, secret, &disk);
    assert_true(dam_policy_load(dam_bytes(w->blob.bytes, w->blob.len), &w->policy));
    w->key = (struct dam_signer_key){key_sign, w};
    w->guard = (struct dam_signer_guard){
        .state = &w->state, .policy = &w->policy, .key = &w->key, .unlocked = true};
}

static struct world *world_new(bool direct)
{
    struct world *w = calloc(1, sizeof(*w));
    const uint64_t nonces[2] = {0, 0};
    struct dam_signer_checkpoint checkpoint = {0};
    assert_non_null(w);
    fixture_default(&w->blob, &domain);
    world_boot(w);
    dam_arena_init(&w->arena, dam_heap(), 0);
    w->now = 1000000;
    struct dam_signer_pin pin = fixture_pin(&w->blob);
    address_of(secret, &pin.key);
    address_of(approver_secret, &pin.approver);
    pin.account = direct ? pin.key : pin.account;
    assert_int_equal(dam_signer_state_begin(&w->state), DAM_OK);
    assert_int_equal(dam_signer_state_put_pin(&w->state, &pin), DAM_OK);
    assert_int_equal(dam_signer_state_put_base(&w->state, nonces, &checkpoint, w->now), DAM_OK);
    return w;
}

static void world_free(struct world *w)
{
    dam_arena_finish(&w->arena);
    free(w);
}

static unsigned ask(struct world *w)
{
    size_t len = dam_signer_request_encode(&w->request, w->message, sizeof(w->message));
    assert_true(len > 0);
    dam_arena_reset(&w->arena);
    unsigned before = w->signatures;
    dam_signer_guard_answer(&w->guard, dam_bytes(w->message, len), w->now, &w->arena, &w->reply);
    assert_int_equal(w->reply.id, w->request.id);
    /* A refusal holds nothing of a signature, and none was made unless the key's home failed. */
    if (w->reply.refusal != 0) {
        assert_int_equal(w->reply.signature_len, 0);
        assert_int_equal(w->reply.raw.len, 0);
        assert_int_equal(w->signatures, before);
    }
    return w->reply.refusal;
}

static struct dam_signer_spend *spend_of(struct world *w, uint64_t nonce, uint8_t to,
                                         uint64_t value)
{
    w->request = (struct dam_signer_request){.kind = DAM_SIGNER_SPEND, .id = 5};
    struct dam_signer_spend *s = &w->request.spend;
    s->scale = 1000;
    s->nonce = nonce;
    s->gas_limit = 100000;
    s->max_fee = dam_u256_from_u64(1000000000);
    s->max_priority_fee = dam_u256_from_u64(1000000);
    s->call_count = 1;
    s->calls[0] =
        (struct dam_policy_call){fixture_address(to), dam_u256_from_u64(value), {NULL, 0}};
    return s;
}

static unsigned checkpoint(struct world *w, uint64_t size, uint8_t root, uint64_t time)
{
    w->request = (struct dam_signer_request){.kind = DAM_SIGNER_CHECKPOINT, .id = 6};
    w->request.checkpoint = (struct dam_signer_checkpoint){size, {{root}}, time};
    return ask(w);
}

static unsigned voucher(struct world *w, const struct dam_hash *separator, uint8_t channel,
                        uint64_t total)
{
    w->request = (struct dam_signer_request){.kind = DAM_SIGNER_VOUCHER, .id = 7};
    w->request.voucher =
        (struct dam_signer_voucher){*separator, {{channel}}, dam_u256_from_u64(total)};
    return ask(w);
}

static unsigned report(struct world *w, uint64_t round, uint64_t low, uint64_t high)
{
    w->request = (struct dam_signer_request){.kind = DAM_SIGNER_REPORT, .id = 8};
    w->request.report = (struct dam_signer_report){.config = {{1}},
                                                   .topic = {{2}},
                                                   .round = round,
                                                   .time = 9,
                                                   .count = 2,
                                                   .observations = {{{low}}, {{high}}}};
    return ask(w);
}

/* The key's own signature under what the reply says was signed. */
static void check_signature(struct world *w)
{
    struct dam_secp256k1_sig sig;
    struct dam_address signer;
    assert_int_equal(w->reply.signature_len, 65);
    memcpy(sig.r, w->reply.signature, 32);
    memcpy(sig.s, w->reply.signature + 32, 32);
    sig.y_parity = w->reply.signature[64] - 27;
    assert_int_equal(dam_secp256k1_recover_address(&w->reply.digest, &sig, &signer), DAM_OK);
    assert_true(dam_address_eq(&signer, &w->state.pin.key));
}

static void a_payment_is_a_transaction_of_the_account(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    struct dam_tx tx;
    struct dam_address sender;
    (void)spend_of(w, 0, 1, ETHER);
    assert_int_equal(ask(w), 0);
    check_signature(w);
    assert_int_equal(dam_tx_decode(&w->arena, w->reply.raw, &tx, NULL), DAM_OK);
    assert_int_equal(dam_tx_sender(&tx, true, &w->arena, &sender), DAM_OK);
    assert_true(dam_address_eq(&sender, &w->state.pin.key));
    assert_true(dam_address_eq(&tx.to, &w->state.pin.account));
    assert_true(dam_u256_is_zero(&tx.value));
    assert_true(tx.chain_id == 31337 && tx.nonce == 0 && tx.gas_limit == 100000);
    /* execute(0x01.., abi.encode([(1, 1 ether, "")])): 4 + 3 words, 2 + 1 + 4 words inside */
    assert_int_equal(tx.data.len, 4 + 32 * 3 + 32 * 7);
    assert_int_equal(tx.data.data[4 + 32 * 3 + 32 * 3 + 31], 1);
    assert_true(dam_load_be64(tx.data.data + 4 + 32 * 3 + 32 * 4 + 24) == ETHER);
    world_free(w);
}

static void without_an_account_the_call_itself(void **state)
{
    (void)state;
    struct world *w = world_new(true);
    struct dam_tx tx;
    struct dam_signer_spend *s = spend_of(w, 0, 1, ETHER);
    assert_int_equal(ask(w), 0);
    assert_int_equal(dam_tx_decode(&w->arena, w->reply.raw, &tx, NULL), DAM_OK);
    assert_int_equal(tx.to.b[19], 1);
    assert_true(tx.value.w[0] == ETHER && tx.data.len == 0);
    s = spend_of(w, 1, 1, 1);
    s->call_count = 2;
    s->calls[1] = s->calls[0];
    assert_int_equal(ask(w), DAM_POLICY_BATCH);
    s->call_count = 1;
    s->lane = DAM_SIGNER_LANE_RELAYED;
    assert_int_equal(ask(w), DAM_POLICY_BATCH);
    world_free(w);
}

static void policy_reasons_come_through(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    struct dam_signer_spend *s = spend_of(w, 0, ACCOUNT, 1);
    assert_int_equal(ask(w), DAM_POLICY_SELF);
    s = spend_of(w, 0, 1, 11 * ETHER);
    assert_int_equal(ask(w), DAM_POLICY_ALLOWANCE);
    s->calls[0].value = dam_u256_from_u64(5 * ETHER);
    assert_int_equal(ask(w), DAM_POLICY_APPROVAL);
    s->held = 1;
    assert_int_equal(ask(w), DAM_POLICY_STOPPED);
    s->held = 0;
    s->scale = 65535; /* a lie: as if 1000 */
    s->calls[0].value = dam_u256_from_u64(11 * ETHER);
    assert_int_equal(ask(w), DAM_POLICY_ALLOWANCE);
    s->call_count = 0;
    assert_int_equal(ask(w), DAM_POLICY_BATCH);
    world_free(w);
}

static void nonces(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    struct dam_signer_spend *s = spend_of(w, 1, 1, 1);
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_NONCE_GAP);
    s = spend_of(w, 0, 1, ETHER);
    assert_int_equal(ask(w), 0);
    uint8_t first[65];
    memcpy(first, w->reply.signature, 65);
    size_t len = w->disk.len;
    assert_int_equal(ask(w), 0); /* the same again: the same bytes, nothing written */
    assert_memory_equal(first, w->reply.signature, 65);
    assert_int_equal(len, w->disk.len);
    s->calls[0].value = dam_u256_from_u64(2 * ETHER);
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_NONCE_USED);
    s->calls[0].value = dam_u256_from_u64(ETHER);
    s->gas_limit++;
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_NONCE_USED);
    s->gas_limit--;
    s->max_fee = dam_u256_from_u64(2000000000);
    assert_int_equal(ask(w), 0); /* a replacement that pays more */
    s->max_fee = dam_u256_from_u64(1500000000);
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_FEE);
    /* The allowance was charged once for the two of them: 9 are left, 3 and 4 and 2. */
    for (uint64_t i = 0; i < 3; i++) {
        (void)spend_of(w, 1 + i, 2, (i == 0 ? 3 : i == 1 ? 4 : 2) * ETHER);
        assert_int_equal(ask(w), 0);
    }
    (void)spend_of(w, 4, 2, 1);
    assert_int_equal(ask(w), DAM_POLICY_ALLOWANCE);
    world_free(w);
}

static unsigned again(struct world *w, uint64_t nonce)
{
    w->request = (struct dam_signer_request){.kind = DAM_SIGNER_AGAIN, .id = 9, .again = nonce};
    return ask(w);
}

/* What was signed is given again, the same bytes, with the fees that were signed last; it writes
 * nothing, and nothing else can be had this way. */
static void what_was_signed_is_given_again(void **state)
{
    (void)state;
    static uint8_t data[DAM_SIGNER_TX_LEN_MAX + 32];
    static uint8_t raw[1024];
    struct world *w = world_new(true);
    assert_int_equal(again(w, 0), DAM_SIGNER_REFUSED_NOT_KEPT);
    struct dam_signer_spend *s = spend_of(w, 0, 1, ETHER);
    s->cause.b[3] = 7;
    assert_int_equal(ask(w), 0);
    assert_int_equal(w->reply.cause.b[3], 7);
    s->max_fee = dam_u256_from_u64(2000000000);
    assert_int_equal(ask(w), 0);
    size_t len = w->reply.raw.len;
    assert_true(len <= sizeof(raw));
    memcpy(raw, w->reply.raw.data, len);
    size_t disk_len = w->disk.len;
    assert_int_equal(again(w, 0), 0);
    assert_int_equal(w->reply.raw.len, len);
    assert_memory_equal(w->reply.raw.data, raw, len);
    assert_int_equal(w->reply.cause.b[3], 7);
    check_signature(w);
    assert_int_equal(w->disk.len, disk_len);
    assert_int_equal(again(w, 1), DAM_SIGNER_REFUSED_NOT_KEPT);
    assert_int_equal(again(w, DAM_SIGNER_TXS_KEPT), DAM_SIGNER_REFUSED_NOT_KEPT);
    /* The last ones are kept, and those before them are not. */
    for (uint64_t i = 1; i <= DAM_SIGNER_TXS_KEPT; i++) {
        (void)spend_of(w, i, 2, 1);
        assert_int_equal(ask(w), 0);
    }
    assert_int_equal(again(w, 0), DAM_SIGNER_REFUSED_NOT_KEPT);
    assert_int_equal(again(w, 1), 0);
    assert_int_equal(again(w, DAM_SIGNER_TXS_KEPT), 0);
    w->guard.unlocked = false;
    assert_int_equal(again(w, 1), DAM_SIGNER_REFUSED_LOCKED);
    w->guard.unlocked = true;
    w->state.pin.permissions &= (uint8_t)~DAM_SIGNER_MAY_SPEND;
    assert_int_equal(again(w, 1), DAM_SIGNER_REFUSED_PERMISSION);
    w->state.pin.permissions = DAM_SIGNER_MAY_ALL;
    w->state.txs[1].bytes[10] ^= 1; /* what is kept is not what was signed: it is not given */
    assert_int_equal(again(w, 1), DAM_SIGNER_REFUSED_NOT_KEPT);
    const uint64_t nonces[2] = {50, 0}; /* a state begun anew has forgotten them */
    const struct dam_signer_checkpoint checkpoint = {0};
    assert_int_equal(dam_signer_state_put_base(&w->state, nonces, &checkpoint, w->now), DAM_OK);
    assert_int_equal(again(w, 2), DAM_SIGNER_REFUSED_NOT_KEPT);
    /* Too long to be kept: signed all the same. */
    (void)fixture_transfer(data, 1, 1);
    s = spend_of(w, 50, TOKEN, 0);
    s->calls[0].data = dam_bytes(data, sizeof(data));
    assert_int_equal(ask(w), 0);
    assert_int_equal(again(w, 50), DAM_SIGNER_REFUSED_NOT_KEPT);
    world_free(w);
}

static void old_nonces_are_gone(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    for (uint64_t nonce = 0; nonce <= DAM_SIGNER_NONCES_KEPT; nonce++) {
        w->now += 86400;
        (void)spend_of(w, nonce, 1, 1);
        assert_int_equal(ask(w), 0);
    }
    (void)spend_of(w, 1, 1, 1);
    assert_int_equal(ask(w), 0);
    (void)spend_of(w, 0, 1, 1);
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_NONCE_USED);
    world_free(w);
}

static void fees(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    struct dam_signer_spend *s = spend_of(w, 0, 1, 1);
    s->gas_limit = 20999;
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_GAS_LIMIT);
    s->gas_limit = 1000001;
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_GAS_LIMIT);
    s->gas_limit = 1000000;
    s->max_fee = dam_u256_from_u64(100000000001);
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_FEE);
    s->max_fee = dam_u256_from_u64(1000000);
    s->max_priority_fee = dam_u256_from_u64(1000001);
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_FEE);
    /* 1 ether a day: ten times a million gas at 100 gwei. */
    for (uint64_t nonce = 0; nonce < 10; nonce++) {
        s = spend_of(w, nonce, 1, 1);
        s->gas_limit = 1000000;
        s->max_fee = dam_u256_from_u64(100000000000);
        assert_int_equal(ask(w), 0);
    }
    s->nonce = 10;
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_FEE_BUDGET);
    w->now += 8639;
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_FEE_BUDGET);
    w->now += 1;
    assert_int_equal(ask(w), 0);
    world_free(w);
}

static void relayed_batches(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    struct dam_signer_spend *s = spend_of(w, 0, 1, ETHER);
    s->lane = DAM_SIGNER_LANE_RELAYED;
    s->deadline = 12345;
    assert_int_equal(ask(w), 0);
    check_signature(w);
    assert_int_equal(w->reply.raw.len, 0);
    s->deadline = 12346;
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_NONCE_USED);
    s->nonce = 1;
    assert_int_equal(ask(w), 0);
    (void)spend_of(w, 0, 1, ETHER); /* the other lane counts by itself, the allowance does not */
    assert_int_equal(ask(w), 0);
    (void)spend_of(w, 1, 1, 4 * ETHER);
    assert_int_equal(ask(w), 0);
    (void)spend_of(w, 2, 1, 4 * ETHER);
    assert_int_equal(ask(w), DAM_POLICY_ALLOWANCE);
    world_free(w);
}

/* The approver's transaction approve(batch), signed. */
static struct dam_bytes approval(struct world *w, const struct dam_signer_spend *s,
                                 const uint8_t key[32], uint64_t nonce, struct dam_arena *arena)
{
    struct dam_buf calls;
    struct dam_buf raw;
    struct dam_hash batch;
    uint8_t data[36] = {0xa5, 0x3a, 0x1a, 0xdf};
    dam_buf_init_arena(&calls, arena, 0);
    dam_signer_encode_calls(s->calls, s->call_count, &calls);
    dam_keccak256(calls.data, calls.len, &batch);
    memcpy(data + 4, batch.b, 32);
    struct dam_tx tx = {.type = DAM_TX_DYNAMIC_FEE,
                        .has_chain_id = true,
                        .chain_id = 31337,
                        .nonce = nonce,
                        .gas_limit = 60000,
                        .to = w->state.pin.account,
                        .data = dam_bytes(data, 36)};
    assert_int_equal(dam_tx_sign(&tx, key, arena), DAM_OK);
    dam_buf_init_arena(&raw, arena, 0);
    dam_tx_encode(&tx, &raw);
    assert_int_equal(dam_buf_err(&raw), DAM_OK);
    return dam_buf_bytes(&raw);
}

static void approvals(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    struct dam_signer_spend *s = spend_of(w, 0, 1, 5 * ETHER);
    assert_int_equal(ask(w), DAM_POLICY_APPROVAL);
    s->approval = approval(w, s, secret, 0, &arena); /* the machine's own key approves nothing */
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_BAD_APPROVAL);
    s->approval = approval(w, s, approver_secret, 3, &arena);
    s->calls[0].value.w[0]++;
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_BAD_APPROVAL); /* for another batch */
    s->calls[0].value.w[0]--;
    assert_int_equal(ask(w), 0);
    w->now += 86400;
    s->nonce = 1;
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_BAD_APPROVAL); /* good once */
    s->approval = approval(w, s, approver_secret, 2, &arena);
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_BAD_APPROVAL);
    s->approval = approval(w, s, approver_secret, 4, &arena);
    assert_int_equal(ask(w), 0);
    s->nonce = 2; /* what the fee budget refuses has not used it up: it is good with other fees */
    s->approval = approval(w, s, approver_secret, 5, &arena);
    w->now += 86400;
    const struct dam_u256 budget = w->state.pin.fee_per_day;
    w->state.pin.fee_per_day = dam_u256_from_u64(1);
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_FEE_BUDGET);
    w->state.pin.fee_per_day = budget;
    s->max_fee.w[0]++;
    assert_int_equal(ask(w), 0);
    s->nonce = 3;
    s->approval = dam_bytes("junk", 4);
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_BAD_APPROVAL);
    dam_arena_finish(&arena);
    world_free(w);
}

static void checkpoints(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    assert_int_equal(checkpoint(w, 0, 1, 1), DAM_SIGNER_REFUSED_CHECKPOINT_SIZE);
    assert_int_equal(checkpoint(w, 10, 1, 100), 0);
    check_signature(w);
    assert_int_equal(checkpoint(w, 10, 1, 100), 0);
    assert_int_equal(checkpoint(w, 10, 2, 100), DAM_SIGNER_REFUSED_CHECKPOINT_ROOT);
    assert_int_equal(checkpoint(w, 10, 1, 101), DAM_SIGNER_REFUSED_CHECKPOINT_TIME);
    assert_int_equal(checkpoint(w, 9, 1, 100), DAM_SIGNER_REFUSED_CHECKPOINT_SIZE);
    assert_int_equal(checkpoint(w, 11, 1, 99), DAM_SIGNER_REFUSED_CHECKPOINT_TIME);
    assert_int_equal(checkpoint(w, 11, 3, 100), 0);
    assert_int_equal(checkpoint(w, 10, 1, 100), DAM_SIGNER_REFUSED_CHECKPOINT_SIZE);
    world_free(w);
}

static void vouchers(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    struct dam_hash other = {{1}};
    assert_int_equal(voucher(w, &other, 1, 5), DAM_SIGNER_REFUSED_DOMAIN);
    assert_int_equal(voucher(w, &domain, 1, 5), 0);
    check_signature(w);
    assert_int_equal(voucher(w, &domain, 1, 5), 0);
    assert_int_equal(voucher(w, &domain, 1, 4), DAM_SIGNER_REFUSED_TOTAL);
    assert_int_equal(voucher(w, &domain, 2, 1), 0);
    assert_int_equal(voucher(w, &domain, 1, 6), 0);
    w->request.voucher.total.w[2] = 1;
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_TOTAL);
    world_free(w);
}

static void reports(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    assert_int_equal(report(w, 5, 2, 1), DAM_SIGNER_REFUSED_OBSERVATIONS);
    assert_int_equal(report(w, 5, 1, 1), 0);
    check_signature(w);
    assert_int_equal(report(w, 5, 1, 1), 0);
    assert_int_equal(report(w, 5, 1, 2), DAM_SIGNER_REFUSED_EQUIVOCATION);
    assert_int_equal(report(w, 4, 1, 2), DAM_SIGNER_REFUSED_ROUND);
    assert_int_equal(report(w, 6, 1, 2), 0);
    /* -1 sorts before 1, and 2^127 is no int128. */
    w->request.report.round = 7;
    memset(&w->request.report.observations[0], 0xff, 32);
    assert_int_equal(ask(w), 0);
    w->request.report.round = 8;
    w->request.report.observations[1] = (struct dam_u256){{0, UINT64_C(1) << 63}};
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_OBSERVATIONS);
    w->request.report.count = 0;
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_OBSERVATIONS);
    w->state.pin.oracle = (struct dam_address){{0}};
    assert_int_equal(report(w, 9, 1, 1), DAM_SIGNER_REFUSED_DOMAIN);
    world_free(w);
}

static void locks_and_permissions(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    assert_int_equal(checkpoint(w, 10, 1, 1), 0);
    w->guard.unlocked = false;
    assert_int_equal(checkpoint(w, 11, 1, 1), DAM_SIGNER_REFUSED_LOCKED);
    w->request = (struct dam_signer_request){.kind = DAM_SIGNER_STATUS, .id = 1};
    assert_int_equal(ask(w), 0);
    assert_true(w->reply.has_status && !w->reply.status.unlocked);
    assert_true(w->reply.status.checkpoint.size == 10);
    w->request.kind = DAM_SIGNER_UNLOCK;
    w->request.unlock = (struct dam_signer_unlock){0, {11, {{1}}, 1}};
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_BEHIND);
    w->request.unlock = (struct dam_signer_unlock){1, {10, {{1}}, 1}};
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_BEHIND);
    assert_int_equal(checkpoint(w, 12, 1, 1), DAM_SIGNER_REFUSED_LOCKED);
    w->request = (struct dam_signer_request){.kind = DAM_SIGNER_UNLOCK};
    w->request.unlock = (struct dam_signer_unlock){0, {10, {{1}}, 1}};
    assert_int_equal(ask(w), 0);
    assert_true(w->reply.status.unlocked);
    assert_int_equal(checkpoint(w, 12, 1, 1), 0);

    w->state.pin.permissions = DAM_SIGNER_MAY_CHECKPOINT;
    assert_int_equal(voucher(w, &domain, 1, 1), DAM_SIGNER_REFUSED_PERMISSION);
    assert_int_equal(report(w, 1, 1, 1), DAM_SIGNER_REFUSED_PERMISSION);
    (void)spend_of(w, 0, 1, 1);
    assert_int_equal(ask(w), DAM_SIGNER_REFUSED_PERMISSION);
    assert_int_equal(checkpoint(w, 13, 1, 1), 0);
    w->key_dead = true;
    assert_int_equal(checkpoint(w, 14, 1, 1), DAM_SIGNER_REFUSED_KEY);
    w->key_dead = false;
    assert_int_equal(checkpoint(w, 14, 2, 1), DAM_SIGNER_REFUSED_CHECKPOINT_ROOT);
    world_free(w);
}

static void malformed_messages(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    uint8_t bytes[300];
    struct dam_prng prng = {.state = 2};
    size_t len;
    (void)spend_of(w, 0, 1, 1);
    len = dam_signer_request_encode(&w->request, w->message, sizeof(w->message));
    for (size_t cut = 0; cut < len; cut++) {
        dam_signer_guard_answer(&w->guard, dam_bytes(w->message, cut), w->now, &w->arena,
                                &w->reply);
        assert_int_equal(w->reply.refusal, DAM_SIGNER_REFUSED_MESSAGE);
    }
    w->message[len] = 0;
    dam_signer_guard_answer(&w->guard, dam_bytes(w->message, len + 1), w->now, &w->arena,
                            &w->reply);
    assert_int_equal(w->reply.refusal, DAM_SIGNER_REFUSED_MESSAGE);
    for (int i = 0; i < 2000; i++) {
        size_t size = dam_prng_below(&prng, sizeof(bytes));
        dam_prng_fill(&prng, bytes, size);
        dam_signer_guard_answer(&w->guard, dam_bytes(bytes, size), w->now, &w->arena, &w->reply);
        assert_int_equal(w->reply.refusal, DAM_SIGNER_REFUSED_MESSAGE);
    }
    assert_int_equal(w->signatures, 0);
    world_free(w);
}

/* Ask for one of each kind, the `other` one where that is told. Returns: a mask of what was signed.
 */
static unsigned one_of_each(struct world *w, bool other)
{
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    unsigned mask = 0;
    struct dam_signer_spend *s = spend_of(w, 0, other ? 2 : 1, ETHER);
    mask |= (ask(w) == 0) << 0;
    s = spend_of(w, 0, other ? 2 : 1, ETHER);
    s->lane = DAM_SIGNER_LANE_RELAYED;
    mask |= (ask(w) == 0) << 1;
    mask |= (checkpoint(w, 10, other ? 2 : 1, 5) == 0) << 2;
    mask |= (voucher(w, &domain, 1, other ? 4 : 5) == 0) << 3;
    mask |= (report(w, 5, other ? 0 : 1, 1) == 0) << 4;
    s = spend_of(w, 1, other ? 4 : 3, 5 * ETHER);
    s->approval = approval(w, s, approver_secret, 7, &arena);
    mask |= (ask(w) == 0) << 5;
    dam_arena_finish(&arena);
    return mask;
}

/* The largest request that there is, in as many calls as there may be, has a message as answer. */
static void the_largest_answer_fits(void **state)
{
    static uint8_t data[DAM_SIGNER_MESSAGE_MAX] = {1, 2, 3, 4, [35] = 7, [67] = 5}; /* SELL */
    static uint8_t out[2 * DAM_SIGNER_MESSAGE_MAX];
    struct world *w = world_new(false);
    struct dam_signer_spend *s = spend_of(w, 0, MARKET, 0);
    (void)state;
    s->call_count = DAM_POLICY_CALLS_MAX;
    for (size_t len = DAM_SIGNER_MESSAGE_MAX / DAM_POLICY_CALLS_MAX / 32 * 32 + 1;; len -= 32) {
        for (size_t i = 0; i < DAM_POLICY_CALLS_MAX; i++) {
            s->calls[i] =
                (struct dam_policy_call){fixture_address(MARKET), {{0}}, dam_bytes(data, len)};
        }
        if (dam_signer_request_encode(&w->request, w->message, sizeof(w->message)) > 0) {
            break;
        }
    }
    assert_int_equal(ask(w), 0);
    size_t len = dam_signer_reply_encode(&w->reply, out, sizeof(out));
    assert_true(len > DAM_SIGNER_MESSAGE_MAX / 10 * 9 && len <= DAM_SIGNER_MESSAGE_MAX);
    world_free(w);
}

/* A new start from so many of the bytes. */
static struct world *world_after(const struct world *w, size_t len)
{
    struct world *after = world_new(false);
    memcpy(after->disk.data, w->disk.data, len);
    after->now = w->now;
    world_boot(after);
    assert_int_equal(dam_signer_state_replay(&after->state, dam_bytes(after->disk.data, len)),
                     DAM_OK);
    after->disk.len = (size_t)after->state.file_len;
    return after;
}

/* Power is cut at every disk operation. What was signed before the cut can afterwards be signed
 * again, and its contradiction never. What the disk had taken without a sync may or may not be
 * there. */
static void cut_power(uint64_t file_len_due)
{
    unsigned cuts = 0;
    for (unsigned cut = 1;; cut++) {
        struct world *w = world_new(false);
        w->disk.ops = 0;
        w->disk.cut_at = cut;
        w->state.file_len_due = file_len_due;
        unsigned signed_before = one_of_each(w, false);
        bool reached = w->disk.dead;
        size_t kept = w->disk.len;
        size_t synced = w->disk.synced;
        for (size_t len = synced; reached && len <= kept;
             len += len == kept ? 1 : (kept - synced + 6) / 7) {
            len = len > kept ? kept : len;
            struct world *after = world_after(w, len);
            unsigned contradiction = one_of_each(after, true);
            assert_int_equal(contradiction & signed_before, 0);
            world_free(after);
            after = world_after(w, len);
            unsigned again = one_of_each(after, false);
            /* An approval that was burnt by the cut is the one thing that may not come again. */
            assert_int_equal((again | 32) & signed_before, signed_before);
            world_free(after);
            cuts++;
        }
        world_free(w);
        if (!reached) {
            assert_int_equal(signed_before, 63);
            break;
        }
    }
    assert_true(cuts >= 14);
}

static void power_cuts(void **state)
{
    (void)state;
    cut_power(DAM_SIGNER_FILE_LEN_DUE);
    cut_power(0); /* a fresh file before each signature */
}

/* Far more than a file holds: it is compacted again and again, and forgets nothing that counts. */
static void a_long_life_in_a_short_file(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    uint64_t totals[4] = {0};
    size_t longest = 0;
    w->state.file_len_due = 60u << 10; /* some 30 records more than a fresh file */
    for (unsigned i = 1; i <= 2000; i++) {
        uint64_t spent = i / 4;
        w->now += 1;
        if (i % 4 == 0) {
            (void)spend_of(w, spent - 1, 1, 1);
            assert_int_equal(ask(w), 0);
        } else {
            assert_int_equal(voucher(w, &domain, (uint8_t)(i % 4), i), 0);
            totals[i % 4] = i;
        }
        longest = w->disk.len > longest ? w->disk.len : longest;
        if (i % 100 == 0) { /* a new start, and what was superseded is refused */
            world_boot(w);
            w->state.file_len_due = 60u << 10;
            assert_int_equal(
                dam_signer_state_replay(&w->state, dam_bytes(w->disk.data, w->disk.len)), DAM_OK);
            assert_int_equal(voucher(w, &domain, 1, totals[1] - 1), DAM_SIGNER_REFUSED_TOTAL);
            assert_int_equal(voucher(w, &domain, 3, totals[3] - 1), DAM_SIGNER_REFUSED_TOTAL);
            (void)spend_of(w, spent - 1, 2, 1);
            assert_int_equal(ask(w), DAM_SIGNER_REFUSED_NONCE_USED);
            (void)spend_of(w, spent - 1, 1, 1); /* what was signed is signed again */
            assert_int_equal(ask(w), 0);
            assert_true(w->state.nonce_next[0] == spent);
        }
    }
    assert_true(w->disk.replaced > 20 && longest < (64u << 10));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payment_is_a_transaction_of_the_account),
        cmocka_unit_test(without_an_account_the_call_itself),
        cmocka_unit_test(policy_reasons_come_through),
        cmocka_unit_test(nonces),
        cmocka_unit_test(what_was_signed_is_given_again),
        cmocka_unit_test(old_nonces_are_gone),
        cmocka_unit_test(fees),
        cmocka_unit_test(relayed_batches),
        cmocka_unit_test(approvals),
        cmocka_unit_test(checkpoints),
        cmocka_unit_test(vouchers),
        cmocka_unit_test(reports),
        cmocka_unit_test(locks_and_permissions),
        cmocka_unit_test(malformed_messages),
        cmocka_unit_test(the_largest_answer_fits),
        cmocka_unit_test(power_cuts),
        cmocka_unit_test(a_long_life_in_a_short_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
