// SPDX-License-Identifier: Apache-2.0
/* docs/spec/policy.md line by line: each reason with a call that meets it, one that just does not,
 * and the arithmetic of the allowances. That the contract says the same is contracts/'s test. */
#include "signer/policy.h"

#include "base/prng.h"
#include "signer/signer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct dam_hash domain = {{0xd0}};

/* A ledger in memory. */
struct memory {
    uint32_t count;
    struct dam_hash keys[64];
    struct dam_policy_use uses[64];
};

static void memory_get(void *ctx, const struct dam_hash *key, struct dam_policy_use *ret)
{
    struct memory *m = ctx;
    for (uint32_t i = 0; i < m->count; i++) {
        if (dam_hash_eq(&m->keys[i], key)) {
            *ret = m->uses[i];
        }
    }
}

static void memory_store(struct memory *m, const struct dam_policy_verdict *v)
{
    for (uint32_t k = 0; k < v->take_count; k++) {
        uint32_t i = 0;
        while (i < m->count && !dam_hash_eq(&m->keys[i], &v->takes[k].key)) {
            i++;
        }
        assert_true(i < 64);
        m->count = i == m->count ? m->count + 1 : m->count;
        m->keys[i] = v->takes[k].key;
        m->uses[i] = v->takes[k].now;
    }
}

struct world {
    struct fixture_policy blob;
    struct dam_policy policy;
    struct dam_policy_authority authority;
    struct memory memory;
    uint64_t now;
    struct dam_policy_verdict verdict;
};

static void world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    fixture_default(&w->blob, &domain);
    assert_true(dam_policy_load(dam_bytes(w->blob.bytes, w->blob.len), &w->policy));
    w->authority.scale = 1000;
    w->now = 1000000;
}

static unsigned judge(struct world *w, const struct dam_policy_call *calls, size_t count)
{
    struct dam_policy_ledger ledger = {memory_get, &w->memory};
    struct dam_address account = fixture_address(ACCOUNT);
    dam_policy_judge(&w->policy, &account, calls, count, &w->authority, w->now, &ledger,
                     &w->verdict);
    return w->verdict.reason;
}

static unsigned spend(struct world *w, const struct dam_policy_call *calls, size_t count)
{
    unsigned reason = judge(w, calls, count);
    if (reason == 0) {
        memory_store(&w->memory, &w->verdict);
    }
    return reason;
}

static struct dam_policy_call pay(uint8_t to, uint64_t value)
{
    return (struct dam_policy_call){fixture_address(to), dam_u256_from_u64(value), {NULL, 0}};
}

static struct dam_policy_call call_to(uint8_t to, struct dam_bytes data)
{
    return (struct dam_policy_call){fixture_address(to), {{0}}, data};
}

static void held_and_malformed(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    struct dam_policy_call ok = pay(1, 1);
    assert_int_equal(judge(&w, &ok, 1), DAM_POLICY_ALLOWED);
    for (uint8_t held = 1; held <= 4; held++) {
        w.authority.held = held;
        assert_int_equal(judge(&w, &ok, 1), held);
    }
    w.authority.held = 0;
    assert_int_equal(judge(&w, &ok, 0), DAM_POLICY_BATCH);
    static struct dam_policy_call many[33];
    for (size_t i = 0; i < 33; i++) {
        many[i] = pay(1, 1);
    }
    assert_int_equal(judge(&w, many, 32), DAM_POLICY_ALLOWED);
    assert_int_equal(judge(&w, many, 33), DAM_POLICY_BATCH);
    assert_int_equal(w.verdict.index, 32);
    assert_false(dam_policy_load(dam_bytes(w.blob.bytes, w.blob.len - 1), &w.policy));
    assert_int_equal(judge(&w, &ok, 1), DAM_POLICY_MALFORMED);
}

static void targets_and_selectors(void **state)
{
    (void)state;
    struct world w;
    uint8_t data[68];
    world_init(&w);
    struct dam_policy_call calls[2] = {pay(1, 1), pay(ACCOUNT, 1)};
    assert_int_equal(judge(&w, calls, 2), DAM_POLICY_SELF);
    assert_int_equal(w.verdict.index, 1);
    calls[1] = pay(0, 1);
    assert_int_equal(judge(&w, calls, 2), DAM_POLICY_SELF);
    calls[0] = call_to(TOKEN, dam_bytes("abc", 3));
    assert_int_equal(judge(&w, calls, 1), DAM_POLICY_SHORT);
    calls[0] = call_to(0x33, dam_bytes("abcd", 4));
    assert_int_equal(judge(&w, calls, 1), DAM_POLICY_TARGET); /* "any" is for bare payments only */
    calls[0] = call_to(TOKEN, dam_bytes("abcd", 4));
    assert_int_equal(judge(&w, calls, 1), DAM_POLICY_SELECTOR);
    calls[0] = call_to(TOKEN, fixture_transfer(data, 9, 5));
    assert_int_equal(judge(&w, calls, 1), DAM_POLICY_ALLOWED);
    calls[0].value = dam_u256_from_u64(1);
    assert_int_equal(judge(&w, calls, 1), DAM_POLICY_VALUE);
    calls[0] = call_to(TOKEN, dam_bytes(data, 67));
    assert_int_equal(judge(&w, calls, 1), DAM_POLICY_ARGUMENT);
}

static void parameters(void **state)
{
    (void)state;
    struct world w;
    uint8_t data[68] = {0};
    world_init(&w);
    dam_store_be32(data, SELL);
    struct dam_policy_call sell = call_to(MARKET, dam_bytes(data, 68));
    const struct {
        uint8_t lane;
        uint8_t least;
        unsigned want;
    } cases[] = {{7, 5, 0}, {7, 6, 0}, {7, 4, 10}, {6, 5, 10}, {8, 5, 10}};
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        data[35] = cases[i].lane;
        data[67] = cases[i].least;
        assert_int_equal(judge(&w, &sell, 1), cases[i].want);
    }
    sell.data.len = 67; /* a check beyond the calldata does not hold */
    data[35] = 7;
    data[67] = 9;
    assert_int_equal(judge(&w, &sell, 1), DAM_POLICY_PARAMETER);
    /* The tests <= and !=, by turning the check's byte. */
    uint8_t *check = w.blob.bytes + w.blob.len - 64;
    sell.data.len = 68;
    check[1] = 1;
    data[67] = 5;
    assert_int_equal(judge(&w, &sell, 1), DAM_POLICY_ALLOWED);
    data[67] = 6;
    assert_int_equal(judge(&w, &sell, 1), DAM_POLICY_PARAMETER);
    check[1] = 3;
    assert_int_equal(judge(&w, &sell, 1), DAM_POLICY_ALLOWED);
    data[67] = 5;
    assert_int_equal(judge(&w, &sell, 1), DAM_POLICY_PARAMETER);
}

static void allowance_and_refill(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    w.authority.approved = true;
    struct dam_policy_call four = pay(1, 4 * ETHER);
    struct dam_policy_call three = pay(1, 3 * ETHER);
    struct dam_policy_call one_wei = pay(1, 1);
    assert_int_equal(spend(&w, &four, 1), 0);
    assert_int_equal(spend(&w, &three, 1), 0);
    assert_int_equal(spend(&w, &three, 1), 0);
    assert_int_equal(spend(&w, &one_wei, 1), DAM_POLICY_ALLOWANCE);
    w.now += 3600 / 10 - 1; /* nine tenths of an ether and a bit */
    struct dam_policy_call one = pay(1, ETHER);
    assert_int_equal(judge(&w, &one, 1), DAM_POLICY_ALLOWANCE);
    w.now += 1;
    assert_int_equal(spend(&w, &one, 1), 0);
    assert_int_equal(judge(&w, &one_wei, 1), DAM_POLICY_ALLOWANCE);
    w.now -= 100000; /* a clock that goes back refills nothing */
    assert_int_equal(judge(&w, &one_wei, 1), DAM_POLICY_ALLOWANCE);
    w.now += 200000;
    assert_int_equal(judge(&w, &four, 1), 0);
    w.authority.scale = 300; /* the guardian leaves 3 ether */
    assert_int_equal(judge(&w, &four, 1), DAM_POLICY_ALLOWANCE);
    assert_int_equal(judge(&w, &three, 1), 0);
}

/* A batch is summed, so nothing is gained by cutting a payment in pieces. */
static void batches_are_summed(void **state)
{
    (void)state;
    struct world w;
    uint8_t data[5][68];
    struct dam_policy_call calls[5];
    world_init(&w);
    for (uint8_t i = 0; i < 5; i++) {
        calls[i] = call_to(TOKEN, fixture_transfer(data[i], (uint8_t)(1 + i), 200));
    }
    assert_int_equal(judge(&w, calls, 5), 0); /* 1,000 in all, 200 to each */
    assert_int_equal(w.verdict.take_count, 6);
    (void)fixture_transfer(data[4], 5, 201);
    assert_int_equal(judge(&w, calls, 5), DAM_POLICY_ALLOWANCE);
    (void)fixture_transfer(data[4], 1, 200);
    assert_int_equal(judge(&w, calls, 5), DAM_POLICY_PAYEE_ALLOWANCE);
    (void)fixture_transfer(data[4], 1, 100);
    assert_int_equal(judge(&w, calls, 5), 0);
    /* 2^256 - 1 and 1 do not wrap round. */
    memset(data[0] + 36, 0xff, 32);
    assert_int_equal(judge(&w, calls, 5), DAM_POLICY_ALLOWANCE);
}

static void asking(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    struct dam_policy_call pays[2] = {pay(1, 4 * ETHER), pay(2, 1)};
    assert_int_equal(judge(&w, pays, 1), 0);
    assert_int_equal(judge(&w, pays, 2), DAM_POLICY_APPROVAL);
    assert_int_equal(w.verdict.index, 1);
    w.authority.approved = true;
    assert_int_equal(judge(&w, pays, 2), 0);
}

static void domains(void **state)
{
    (void)state;
    struct world w;
    struct dam_hash other = domain;
    world_init(&w);
    assert_true(dam_policy_has_domain(&w.policy, &domain));
    other.b[31] = 1;
    assert_false(dam_policy_has_domain(&w.policy, &other));
}

/* Every bit of a well-formed blob that must be zero or in range is looked at: turning any one bit
 * gives either a blob that is refused or one that means something else, and never a crash. */
static void every_bit_of_the_blob(void **state)
{
    (void)state;
    struct world w;
    struct dam_policy policy;
    unsigned refused = 0;
    world_init(&w);
    struct dam_policy_call ok = pay(1, 1);
    for (size_t bit = 0; bit < 8 * w.blob.len; bit++) {
        w.blob.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool loaded = dam_policy_load(dam_bytes(w.blob.bytes, w.blob.len), &policy);
        refused += !loaded;
        if (bit < 8 * 5 || (bit >= 64 && bit < 256)) {
            assert_false(loaded); /* magic, version, the header's zeros */
        }
        w.policy = policy;
        if (!loaded) {
            assert_int_equal(judge(&w, &ok, 1), DAM_POLICY_MALFORMED);
        }
        w.blob.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > 700);
    for (size_t len = 0; len < w.blob.len; len++) {
        assert_false(dam_policy_load(dam_bytes(w.blob.bytes, len), &policy));
    }
    assert_false(dam_policy_load(dam_bytes(w.blob.bytes, w.blob.len + 1), &policy));
}

/* In any window no more than twice the capacity leaves, whatever is asked when. */
static void twice_the_capacity_at_most(void **state)
{
    (void)state;
    struct world w;
    struct dam_prng prng = {.state = 4};
    world_init(&w);
    w.authority.approved = true;
    enum { STEPS = 3000 };
    static uint64_t when[STEPS];
    static uint64_t spent[STEPS];
    size_t count = 0;
    for (size_t i = 0; i < STEPS; i++) {
        w.now += dam_prng_below(&prng, 40);
        struct dam_policy_call call = pay(1, dam_prng_below(&prng, ETHER / 2));
        if (spend(&w, &call, 1) == 0) {
            when[count] = w.now;
            spent[count++] = call.value.w[0];
        }
    }
    assert_true(count > 100 && count < STEPS);
    for (size_t i = 0; i < count; i++) {
        unsigned __int128 sum = 0;
        for (size_t k = i; k < count && when[k] < when[i] + 3600; k++) {
            sum += spent[k];
        }
        assert_true(sum <= (unsigned __int128)20 * ETHER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_and_malformed),
        cmocka_unit_test(targets_and_selectors),
        cmocka_unit_test(parameters),
        cmocka_unit_test(allowance_and_refill),
        cmocka_unit_test(batches_are_summed),
        cmocka_unit_test(asking),
        cmocka_unit_test(domains),
        cmocka_unit_test(every_bit_of_the_blob),
        cmocka_unit_test(twice_the_capacity_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
