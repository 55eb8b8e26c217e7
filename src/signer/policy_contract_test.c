// SPDX-License-Identifier: Apache-2.0
/* One policy, two judges: the signer's dam_policy_judge and the contract MachineAccount in the EVM
 * give the same verdict on random policies, allowances and batches, name the same call and the same
 * reason, and what they write down afterwards is the same. The contract is the one that is
 * deployed; only its constitution is a stand-in, which says what the test has put into its storage.
 * DAM_TRIPLES: how many batches, instead of 10,000. */
#include "signer/policy.h"

#include "base/heap.h"
#include "base/json.h"
#include "base/prng.h"
#include "core/crypto/keccak.h"
#include "core/evm/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TRIPLES 10000
#define STEPS 16                             /* batches of a policy */
#define CALLS_MAX (DAM_POLICY_CALLS_MAX + 1) /* one more than a batch may have */
#define DATA_MAX 100
#define BATCH_LEN_MAX (64 + CALLS_MAX * (6 * 32 + DATA_MAX))
#define GAS INT64_C(1000000000)

static const struct dam_address registry = {{0x4e}};
static const struct dam_address constitution = {{0xc0}};
static const struct dam_address key = {{0x4e, 1}};
static const struct dam_address approver = {{0xa9}};

/* authorityOf: storage words 0 to 3, whatever is asked. */
static const uint8_t constitution_code[] = {0x5f, 0x54, 0x5f, 0x52, 0x60, 0x01, 0x54, 0x60, 0x20,
                                            0x52, 0x60, 0x02, 0x54, 0x60, 0x40, 0x52, 0x60, 0x03,
                                            0x54, 0x60, 0x60, 0x52, 0x60, 0x80, 0x5f, 0xf3};

struct court {
    struct dam_prng prng;
    struct dam_arena arena;
    struct dam_evm_world world;
    struct dam_evm *evm;
    struct dam_address account;
    struct dam_address policy_at;
    uint64_t now;
    uint32_t policy_count;
    /* The C side's allowances. */
    uint32_t use_count;
    struct dam_hash use_keys[64];
    struct dam_policy_use uses[64];
    uint8_t calldata[BATCH_LEN_MAX + 128];
    uint64_t seen[16];
};

struct batch {
    size_t count;
    struct dam_policy_call calls[CALLS_MAX];
    uint8_t data[CALLS_MAX][DATA_MAX];
    size_t len;
    uint8_t encoded[BATCH_LEN_MAX]; /* abi.encode(calls) */
    struct dam_hash hash;
};

static uint64_t below(struct court *c, uint64_t bound)
{
    return dam_prng_below(&c->prng, bound);
}

/* ---- the contract ---------------------------------------------------------------------------- */

static struct dam_bytes init_code(struct court *c)
{
    char exe[1024];
    char path[2048];
    const char *env = getenv("DAM_CONTRACTS");
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    exe[len < 0 ? 0 : len] = 0;
    char *slash = strrchr(exe, '/');
    assert_non_null(slash);
    *slash = 0;
    (void)snprintf(path, sizeof(path), "%s%s/MachineAccount.json", env == NULL ? exe : env,
                   env == NULL ? "/../../build/contracts" : "");
    FILE *file = fopen(path, "rb");
    struct dam_bytes code = {0};
    if (file == NULL) {
        (void)printf("skipped: signer beside contract: no %s (tools/contracts-build makes it)\n",
                     path);
        return code;
    }
    size_t size = 1 << 20;
    char *text = dam_arena_alloc(&c->arena, size);
    assert_non_null(text);
    size = fread(text, 1, size, file);
    (void)fclose(file); /* only read from */
    const struct dam_json *root = NULL;
    assert_int_equal(dam_json_parse(&c->arena, text, size, 0, &root, NULL), DAM_OK);
    assert_int_equal(dam_json_hex(dam_json_get(root, "bytecode"), &c->arena, &code), DAM_OK);
    return code;
}

/* A message of its own, its effects kept. The answer is copied to the arena. */
static struct dam_evm_result message(struct court *c, enum dam_evm_kind kind,
                                     const struct dam_address *sender, struct dam_bytes input)
{
    const struct dam_evm_view view = dam_evm_world_view(&c->world);
    const struct dam_evm_block block = {.number = 1, .time = c->now, .gas_limit = 1ull << 60};
    const struct dam_evm_options options = {.fork = DAM_FORK_DEFAULT, .chain_id = 31337};
    const struct dam_evm_message m = {
        .kind = kind, .sender = *sender, .to = c->account, .input = input, .gas = GAS};
    struct dam_evm_result result;
    struct dam_evm_diff diff;
    assert_int_equal(dam_evm_apply_call(c->evm, &view, &block, &options, &m, &result, &diff),
                     DAM_OK);
    uint8_t *output = dam_arena_alloc(&c->arena, result.output.len + 1);
    assert_non_null(output);
    if (result.output.len > 0) {
        memcpy(output, result.output.data, result.output.len);
    }
    result.output.data = output;
    assert_int_equal(dam_evm_world_apply(&c->world, &diff), DAM_OK);
    return result;
}

static void selector(const char *signature, uint8_t *ret)
{
    struct dam_hash hash;
    dam_keccak256((const uint8_t *)signature, strlen(signature), &hash);
    memcpy(ret, hash.b, 4);
}

static void word_u64(uint8_t *at, uint64_t value)
{
    memset(at, 0, 24);
    dam_store_be64(at + 24, value);
}

static void word_address(uint8_t *at, const struct dam_address *address)
{
    memset(at, 0, 12);
    memcpy(at + 12, address->b, 20);
}

static uint64_t word_load(const uint8_t *at)
{
    return dam_load_be64(at + 24);
}

/* Calls the account with words behind a signature. */
static struct dam_evm_result ask(struct court *c, const struct dam_address *sender,
                                 const char *signature, const uint8_t *words, size_t len)
{
    selector(signature, c->calldata);
    memcpy(c->calldata + 4, words, len);
    return message(c, DAM_EVM_KIND_CALL, sender, dam_bytes(c->calldata, 4 + len));
}

static bool court_open(struct court *c)
{
    uint8_t args[96] = {0};
    uint8_t word[32];
    struct dam_u256 rich = {{0, 0, 1, 0}};
    memset(c, 0, sizeof(*c));
    c->prng.state = 4;
    c->now = 1800000000;
    dam_arena_init(&c->arena, dam_heap(), 0);
    dam_evm_world_init(&c->world, dam_heap());
    struct dam_bytes init = init_code(c);
    if (init.len == 0) {
        dam_evm_world_finish(&c->world);
        dam_arena_finish(&c->arena);
        return false;
    }
    word_address(args, &registry);
    word_address(args + 32, &constitution);
    word_u64(args + 64, 1);
    uint8_t *code = dam_arena_alloc(&c->arena, init.len + sizeof(args));
    assert_non_null(code);
    memcpy(code, init.data, init.len);
    memcpy(code + init.len, args, sizeof(args));
    assert_int_equal(dam_evm_create(dam_heap(), NULL, &c->evm), DAM_OK);
    assert_int_equal(
        dam_evm_world_put_code(&c->world, &constitution,
                               dam_bytes(constitution_code, sizeof(constitution_code))),
        DAM_OK);
    struct dam_evm_result made =
        message(c, DAM_EVM_KIND_CREATE, &approver, dam_bytes(code, init.len + sizeof(args)));
    assert_int_equal(made.status, DAM_EVM_SUCCESS);
    c->account = made.create;
    assert_int_equal(dam_evm_world_put(&c->world, &c->account, 1, &rich), DAM_OK);
    word_address(word, &key);
    made = ask(c, &registry, "onKeyChanged(address)", word, sizeof(word));
    assert_int_equal(made.status, DAM_EVM_SUCCESS);
    return true;
}

static void court_close(struct court *c)
{
    dam_evm_destroy(c->evm);
    dam_evm_world_finish(&c->world);
    dam_arena_finish(&c->arena);
}

/* ---- random policies ------------------------------------------------------------------------- */

/* Few addresses, so that rules and calls often meet: 0 the account, 1 zero, the rest others. */
static struct dam_address address_of(const struct court *c, uint64_t number)
{
    struct dam_address address = {{0}};
    if (number == 0) {
        return c->account;
    }
    if (number > 1) {
        dam_store_be32(address.b + 16, 0xaaaa0000u + (uint32_t)number);
    }
    return address;
}

static void bucket_make(struct court *c, uint8_t *b)
{
    struct dam_address token = address_of(c, below(c, 6));
    memset(b, 0, 64);
    memcpy(b, token.b, 20);
    b[20] = (uint8_t)below(c, 2);
    dam_store_be32(b + 28, 1 + (uint32_t)below(c, 5000));
    dam_store_be64(b + 40, below(c, 2000));
    if (below(c, 3) == 0) {
        memset(b + 48, 0xff, 16);
    } else {
        dam_store_be64(b + 56, below(c, 400));
    }
}

static size_t rule_make(struct court *c, uint64_t buckets, uint8_t *r)
{
    bool bare = below(c, 4) == 0;
    size_t checks = bare || below(c, 3) != 0 ? 0 : 1 + below(c, 2);
    struct dam_address target = address_of(c, bare && below(c, 2) == 0 ? 1 : 2 + below(c, 2));
    memset(r, 0, 32 + 64 * checks);
    memcpy(r, target.b, 20);
    r[23] = bare ? 0 : (uint8_t)(1 + below(c, 2));
    r[24] = bare;
    r[25] = below(c, 4) == 0 ? 0xfe : bare || below(c, 4) == 0 ? 0xff : (uint8_t)below(c, 3);
    r[26] = bare || below(c, 3) == 0 ? 0xff : (uint8_t)below(c, 2);
    r[27] = buckets == 0 || below(c, 3) == 0 ? 0xff : (uint8_t)below(c, buckets);
    r[28] = buckets == 0 || below(c, 3) == 0 ? 0xff : (uint8_t)below(c, buckets);
    r[29] = (uint8_t)checks;
    for (size_t i = 0; i < checks; i++) {
        uint8_t *check = r + 32 + 64 * i;
        check[0] = (uint8_t)below(c, 3);
        check[1] = (uint8_t)below(c, 4);
        dam_store_be64(check + 56, below(c, 600));
    }
    return 32 + 64 * checks;
}

/* Puts a new policy's blob on the chain, often a damaged one, and empties the C side's allowances.
 */
static struct dam_bytes policy_make(struct court *c)
{
    static uint8_t code[1 + 4096];
    uint8_t *blob = code + 1;
    uint64_t buckets = below(c, 4);
    uint64_t rules = 1 + below(c, 6);
    size_t len = 32;
    memset(code, 0, sizeof(code));
    memcpy(blob, "DAMP\x01", 5);
    blob[5] = (uint8_t)buckets;
    blob[6] = 1;
    blob[7] = (uint8_t)rules;
    for (uint64_t i = 0; i < buckets; i++, len += 64) {
        bucket_make(c, blob + len);
    }
    dam_prng_fill(&c->prng, blob + len, 32);
    len += 32;
    for (uint64_t i = 0; i < rules; i++) {
        len += rule_make(c, buckets, blob + len);
    }
    if (below(c, 6) == 0) {
        blob[below(c, len)] ^= (uint8_t)(1u << below(c, 8));
    }
    c->use_count = 0;
    c->policy_at = (struct dam_address){{0xb1}};
    dam_store_be32(c->policy_at.b + 16, ++c->policy_count);
    assert_int_equal(dam_evm_world_put_code(&c->world, &c->policy_at, dam_bytes(code, 1 + len)),
                     DAM_OK);
    return dam_bytes(blob, len);
}

/* ---- random batches -------------------------------------------------------------------------- */

static void call_make(struct court *c, struct dam_policy_call *call, uint8_t *data)
{
    uint64_t who = below(c, 16);
    size_t len = 0;
    memset(data, 0, DATA_MAX);
    if (below(c, 4) != 0) {
        data[3] = (uint8_t)(1 + below(c, 2));
        word_u64(data + 4, below(c, 4));
        len = 36;
        if (below(c, 4) != 0) {
            word_u64(data + 36, below(c, 800));
            word_u64(data + 68, below(c, 800));
            len = 100;
        }
    }
    if (below(c, 10) == 0) {
        memset(data, 0, DATA_MAX);
        len = 1 + below(c, 6);
    }
    call->target = address_of(c, who < 12 ? 2 + who % 2 : who < 14 ? 4 : who - 14);
    call->value = dam_u256_from_u64(below(c, 3) == 0 ? below(c, 500) : 0);
    call->data = dam_bytes(data, len);
}

static void batch_encode(struct batch *b)
{
    uint8_t *offsets = b->encoded + 64;
    size_t at = 32 * b->count; /* from offsets */
    word_u64(b->encoded, 32);
    word_u64(b->encoded + 32, b->count);
    for (size_t i = 0; i < b->count; i++) {
        const struct dam_policy_call *call = &b->calls[i];
        size_t padded = (call->data.len + 31) / 32 * 32;
        uint8_t *tuple = offsets + at;
        word_u64(offsets + 32 * i, at);
        word_address(tuple, &call->target);
        dam_u256_store_be(tuple + 32, &call->value);
        word_u64(tuple + 64, 96);
        word_u64(tuple + 96, call->data.len);
        memset(tuple + 128, 0, padded);
        memcpy(tuple + 128, call->data.data, call->data.len);
        at += 128 + padded;
    }
    b->len = 64 + at;
    dam_keccak256(b->encoded, b->len, &b->hash);
}

static void batch_make(struct court *c, struct batch *b)
{
    b->count = below(c, 20) == 0   ? DAM_POLICY_CALLS_MAX + below(c, 2)
               : below(c, 20) == 0 ? 0
                                   : 1 + below(c, 2);
    for (size_t i = 0; i < b->count; i++) {
        call_make(c, &b->calls[i], b->data[i]);
    }
    batch_encode(b);
}

/* ---- both judges ----------------------------------------------------------------------------- */

static void use_get(void *ctx, const struct dam_hash *bucket, struct dam_policy_use *ret)
{
    const struct court *c = ctx;
    for (uint32_t i = 0; i < c->use_count; i++) {
        if (dam_hash_eq(&c->use_keys[i], bucket)) {
            *ret = c->uses[i];
        }
    }
}

static void use_put(struct court *c, const struct dam_policy_take *take)
{
    uint32_t i = 0;
    while (i < c->use_count && !dam_hash_eq(&c->use_keys[i], &take->key)) {
        i++;
    }
    assert_in_range(i, 0, DAM_COUNT_OF(c->uses) - 1);
    c->use_count = i == c->use_count ? i + 1 : c->use_count;
    c->use_keys[i] = take->key;
    c->uses[i] = take->now;
}

static void authority_put(struct court *c, const struct dam_policy_authority *authority)
{
    uint8_t word[32];
    const uint64_t numbers[] = {authority->scale, authority->held};
    word_address(word, &c->policy_at);
    struct dam_u256 values[4] = {dam_u256_load_be(word)};
    for (size_t i = 0; i < DAM_COUNT_OF(numbers); i++) {
        values[1 + i] = dam_u256_from_u64(numbers[i]);
    }
    word_address(word, &approver);
    values[3] = dam_u256_load_be(word);
    for (uint64_t i = 0; i < DAM_COUNT_OF(values); i++) {
        const struct dam_u256 slot = dam_u256_from_u64(i);
        assert_int_equal(dam_evm_world_put_slot(&c->world, &constitution, &slot, &values[i]),
                         DAM_OK);
    }
}

/* What the contract wrote down for the buckets that the batch took from. */
static void uses_compare(struct court *c, const struct dam_policy_verdict *verdict)
{
    for (uint32_t i = 0; i < verdict->take_count; i++) {
        const struct dam_policy_take *take = &verdict->takes[i];
        uint8_t words[64];
        if (dam_u256_is_zero(&take->sum)) {
            continue;
        }
        word_address(words, &c->policy_at);
        memcpy(words + 32, take->key.b, 32);
        struct dam_evm_result use = ask(c, &key, "bucketOf(address,bytes32)", words, sizeof(words));
        assert_int_equal(use.status, DAM_EVM_SUCCESS);
        struct dam_u256 used = dam_u256_load_be(use.output.data);
        assert_true(dam_u256_eq(&used, &take->now.used));
        assert_int_equal(word_load(use.output.data + 32), take->now.last);
        use_put(c, take);
    }
}

static void execute(struct court *c, const struct batch *b,
                    const struct dam_policy_verdict *verdict)
{
    static uint8_t words[BATCH_LEN_MAX + 96];
    static const uint8_t refused[] = "Refused(uint256,uint8)";
    uint8_t error[4];
    memset(words, 0, 96);
    words[0] = 1; /* a plain batch: ERC-7821 */
    word_u64(words + 32, 64);
    word_u64(words + 64, b->len);
    memcpy(words + 96, b->encoded, b->len);
    struct dam_evm_result done = ask(c, &key, "execute(bytes32,bytes)", words, 96 + b->len);
    if (verdict->reason == DAM_POLICY_ALLOWED) {
        assert_int_equal(done.status, DAM_EVM_SUCCESS);
        uses_compare(c, verdict);
        return;
    }
    selector((const char *)refused, error);
    assert_int_equal(done.status, DAM_EVM_REVERT);
    assert_int_equal(done.output.len, 68);
    assert_memory_equal(done.output.data, error, 4);
    assert_int_equal(word_load(done.output.data + 4), verdict->index);
    assert_int_equal(word_load(done.output.data + 36), verdict->reason);
}

/* Have the approver agree, or not; an agreement to the same batch from before may still stand. */
static bool is_approved(struct court *c, const struct dam_hash *batch, bool agree)
{
    if (agree) {
        assert_int_equal(ask(c, &approver, "approve(bytes32)", batch->b, 32).status,
                         DAM_EVM_SUCCESS);
    }
    struct dam_evm_result until = ask(c, &key, "approvedUntil(bytes32)", batch->b, 32);
    assert_int_equal(until.status, DAM_EVM_SUCCESS);
    return word_load(until.output.data) >= c->now;
}

static void step(struct court *c, const struct dam_policy *policy, struct batch *b)
{
    struct dam_policy_verdict verdict;
    struct dam_policy_authority authority = {
        .held = below(c, 20) == 0 ? (uint8_t)(1 + below(c, 4)) : 0,
        .scale = below(c, 3) == 0 ? (uint16_t)below(c, 1001) : 1000,
    };
    const struct dam_policy_ledger ledger = {use_get, c};
    c->now += below(c, 2) == 0 ? 0 : below(c, 3000);
    batch_make(c, b);
    authority_put(c, &authority);
    authority.approved = is_approved(c, &b->hash, below(c, 4) == 0);
    dam_policy_judge(policy, &c->account, b->calls, b->count, &authority, c->now, &ledger,
                     &verdict);
    struct dam_evm_result said =
        ask(c, &key, "verdictOf((address,uint256,bytes)[])", b->encoded, b->len);
    assert_int_equal(said.status, DAM_EVM_SUCCESS);
    if (word_load(said.output.data) != verdict.index ||
        word_load(said.output.data + 32) != verdict.reason) {
        fail_msg("policy %u at %llu: the contract says %llu at call %llu, the signer %u at %u",
                 c->policy_count, (unsigned long long)c->now,
                 (unsigned long long)word_load(said.output.data + 32),
                 (unsigned long long)word_load(said.output.data), verdict.reason, verdict.index);
    }
    execute(c, b, &verdict);
    c->seen[verdict.reason]++;
}

static void signer_and_contract_agree(void **state)
{
    (void)state;
    static struct court c;
    static struct batch b;
    const char *wanted = getenv("DAM_TRIPLES");
    uint64_t triples = wanted == NULL ? TRIPLES : strtoull(wanted, NULL, 10);
    uint64_t compared = 0;
    if (!court_open(&c)) {
        skip();
    }
    while (compared < triples) {
        struct dam_policy policy;
        (void)dam_policy_load(policy_make(&c), &policy); /* a malformed one refuses everything */
        for (int k = 0; k < STEPS; k++) {
            step(&c, &policy, &b);
            compared++;
            dam_arena_reset(&c.arena);
        }
    }
    court_close(&c);
    assert_true(compared >= TRIPLES);
    for (size_t reason = 0; reason < DAM_COUNT_OF(c.seen); reason++) {
        if (c.seen[reason] == 0) {
            fail_msg("no batch met the reason %zu", reason);
        }
    }
    (void)printf("%llu batches: the same verdict, call and reason; %llu were carried out\n",
                 (unsigned long long)compared, (unsigned long long)c.seen[DAM_POLICY_ALLOWED]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signer_and_contract_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
